//! A chain that stands still for days: a bounded amount of work a block, nothing decided in the past, and
//! progress afterwards.

use super::common::*;
use gridaccord_ledger::{Event, agenda, gate::Failure};
use gridaccord_model::TimeMs;

const DAY: u64 = 86_400;

#[test]
fn after_a_halt_of_days_gates_fail_64_a_block_and_the_market_goes_on() {
    let mut world = drawn(genesis());
    // Gate 0 is drawn; 3 days are 864 gates.
    let resumed = START + 3 * DAY;
    world.at(resumed);
    let mut failed = 0;
    for step in 0.. {
        assert!(step < 16, "does not catch up");
        let outcome = world.block(vec![]);
        let late = outcome
            .events
            .iter()
            .filter(|event| matches!(event, Event::Failed { reason: Failure::Late, .. }))
            .count();
        assert!(late <= 64 + 1, "{late} gates failed in one block");
        assert!(!outcome.events.iter().any(|event| matches!(event, Event::Decided { .. })));
        failed += late;
        let due = agenda(&world.state).unwrap().due.unwrap();
        if due > TimeMs(world.genesis.clock.wall(world.head().now).0) {
            break;
        }
    }
    // Gates 0 to 864 have started; 865 is open.
    assert_eq!(failed, 865);
    assert_eq!(world.head().live_gates().map(|gate| gate.0).collect::<Vec<_>>(), [865]);
    world.at(resumed + 10);
    fill(&mut world, 865);
    world.at(resumed + 240).block(vec![]);
    world.until(865, "drawn");
    let answer = world.optimum(865).to_bytes().to_vec();
    let answers: Vec<_> =
        world.builders(865).into_iter().map(|builder| (builder, answer.clone())).collect();
    world.build(865, &answers);
    assert_eq!(world.phase(865), "decided");
}

#[test]
fn many_live_gates_move_in_one_block() {
    let mut genesis = genesis();
    genesis.market.open_lead_s = 15_000;
    let mut world = World::new(genesis);
    world.at(START - 600).block(vec![]);
    let open: Vec<u64> = world.head().live_gates().map(|gate| gate.0).collect();
    assert_eq!(open.len(), 49);
    for gate in open {
        world.take(vec![
            offer(gate, SOLAR, blocks(0, &[(9_000, 5)])),
            need_of(gate, TENANT, need(5_000, &[])),
            wager(gate, SOLAR, 60),
            wager(gate, GAS, 60),
        ]);
    }
    assert_eq!(world.account(SOLAR).held, 49 * 60);
    world.at(START + 2 * DAY).block(vec![]);
    assert_eq!(world.account(SOLAR).held, 0);
    assert!(world.rounds <= 8, "{} rounds", world.rounds);
}

#[test]
fn a_plan_decided_before_a_halt_settles_by_its_readings() {
    let mut world = dispatched(genesis());
    world.at(START + DAY).block(vec![]);
    for id in [SOLAR, GAS, UTILITY, TENANT, GUEST] {
        let net = world.part(0, id).unwrap().set_point.unwrap().0 * 300;
        world.take(vec![reading(0, id, net.max(0), (-net).max(0))]);
    }
    assert_eq!(world.phase(0), "settled");
    assert_eq!(world.account(TENANT).balance.0, 1_000_000_000 - 600_600);
}
