//! A loader that knows only what `apply` asked for finishes in few rounds, however many members take part.

use super::common::*;
use gridaccord_ledger::{Command, Role, apply};
use std::time::Duration;

/// 29 suppliers, 29 tenants and a utility; every one but the utility builds.
fn many(seats: u16) -> World {
    let names: Vec<String> = (0..59).map(|id| format!("member-{id}")).collect();
    let cast: Vec<(&str, Role)> = names
        .iter()
        .enumerate()
        .map(|(id, name)| {
            let role = match id {
                58 => Role::Utility,
                _ if id % 2 == 0 => Role::Supplier,
                _ => Role::Tenant,
            };
            (name.as_str(), role)
        })
        .collect();
    let mut genesis = genesis_of(&cast);
    genesis.trust.seats = seats;
    World::new(genesis)
}

fn market(gate: u64) -> Vec<(u16, Command)> {
    (0u16..59)
        .flat_map(|id| {
            let own = match id {
                58 => offer(gate, id, blocks(-50_000, &[(50_000, 20_000), (900_000, 200_000)])),
                _ if id % 2 == 0 => {
                    let price = 40_000 + 1_000 * i64::from(id);
                    offer(gate, id, blocks(0, &[(30_000, price), (30_000, 2 * price)]))
                }
                _ => need_of(gate, id, need(20_000 + i64::from(id), &[(5_000, 60_000)])),
            };
            [own, wager(gate, id, 60 + u64::from(id))]
        })
        .collect()
}

#[test]
fn a_gate_of_59_members_loads_in_few_rounds() {
    let mut world = many(22);
    world.at(START - 290).block(vec![]);
    world.take(market(0));
    // Sixteen commands of one member in one block load together.
    let again = (0..16).map(|step| wager(0, 3, 70 + step)).collect();
    world.take(again);
    world.at(START - 60).block(vec![]);
    world.until(0, "drawn");
    let answer = world.optimum(0).to_bytes().to_vec();
    let answers: Vec<_> =
        world.builders(0).into_iter().map(|builder| (builder, answer.clone())).collect();
    assert_eq!(answers.len(), 22);
    world.build(0, &answers);
    assert_eq!(world.phase(0), "decided");
    world.at(START).block(vec![]);
    let readings = (0u16..59)
        .map(|id| {
            let joules = world.part(0, id).unwrap().set_point.unwrap().0 * 300;
            reading(0, id, joules.max(0), (-joules).max(0))
        })
        .collect();
    world.at(START + 300).take(readings);
    assert_eq!(world.phase(0), "settled");
    println!("at most {} rounds for a gate of 59 members", world.rounds);
    assert!(world.rounds <= 8, "{} rounds", world.rounds);
}

#[test]
#[allow(clippy::disallowed_types, reason = "measures; nothing replicas agree on depends on it")]
fn what_a_block_of_59_members_costs() {
    let mut world = many(22);
    world.at(START - 290).block(vec![]);
    let mut spent = Vec::new();
    world.take(market(0));
    let mut timed = |world: &World, what: &'static str, parent: &World| {
        let block = world.log.last().unwrap();
        let started = std::time::Instant::now();
        apply(&parent.state, block).unwrap();
        spent.push((what, started.elapsed()));
    };
    let mut parent = many(22);
    parent.at(START - 290).block(vec![]);
    timed(&world, "118 offers, needs and wagers", &parent);
    parent = world.clone();
    world.at(START - 60).block(vec![]);
    timed(&world, "closing", &parent);
    world.until(0, "drawn");
    let answer = world.optimum(0).to_bytes().to_vec();
    let answers: Vec<_> =
        world.builders(0).into_iter().map(|builder| (builder, answer.clone())).collect();
    let commits = answers.iter().map(|(id, answer)| world.commit(0, *id, answer)).collect();
    world.take(commits);
    parent = world.clone();
    world.take(answers.iter().map(|(id, answer)| reveal(0, *id, answer)).collect());
    timed(&world, "22 reveals and the decision", &parent);
    for (what, time) in &spent {
        println!("{what}: {} µs", time.as_micros());
        assert!(*time < Duration::from_secs(2), "{what} took {time:?}");
    }
}
