//! A gate's whole life with figures worked out by hand, every way it fails, and the edges of its windows.

use super::common::*;
use gridaccord_ledger::{
    Event, Refusal,
    gate::{Decision, Failure, Phase},
    records::{Line, PotName, key},
};
use gridaccord_model::{GateId, Joules, MemberId, Money, Picos, Price, TimeS};

const KW: i64 = 1_000;

/// 300 s. Demand 170 kW with the tier; solar 100 kW at 50,000, the tier's 20 kW at 60,000 is shed, gas sets
/// 80,000 with the last 50 kW. Per hour 10.2e12 pico, over the interval 0.85 of currency.
#[test]
fn a_gate_from_opening_to_settlement() {
    let mut world = drawn(genesis());
    let answer = world.optimum(0).to_bytes().to_vec();
    let builders = world.builders(0);
    let mut sorted = builders.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, [SOLAR, GAS, AUDITOR]);
    let answers: Vec<_> = builders.iter().map(|id| (*id, answer.clone())).collect();
    world.build(0, &answers);
    let winner = builders[0];
    let decision: Decision = world.state.find(&key::decision(GateId(0))).unwrap();
    let cost = Picos(3_060_000_000_000_000);
    assert_eq!(cost.micro_floor(), 850_000);
    assert_eq!(
        (decision.winner, decision.price, decision.cost, decision.bound, decision.turnover),
        (MemberId(winner), Price(80_000), cost, cost, cost)
    );
    assert_eq!(decision.gap_ppb(), 0);
    let plan =
        [(SOLAR, 100 * KW), (GAS, 50 * KW), (UTILITY, 0), (TENANT, -90 * KW), (GUEST, -60 * KW)];
    for (id, watts) in plan {
        assert_eq!(world.part(0, id).unwrap().set_point.unwrap().0, watts);
    }
    assert_eq!(world.part(0, AUDITOR).unwrap().set_point, None);
    // Wagers are back; 2 % of what lacks to full trust, times a tenth of the reference significance.
    for id in builders.iter().copied() {
        assert_eq!((world.account(id).stake, world.account(id).held), (10_000, 0));
        assert_eq!(world.index(id), 101_800);
    }

    world.at(START - 1).block(vec![]);
    assert_eq!(world.phase(0), "decided");
    world.at(START).block(vec![]);
    assert_eq!(world.phase(0), "dispatched");
    let energy = plan.map(|(id, watts)| (id, watts * 300));
    let readings = energy.map(|(id, net)| reading(0, id, net.max(0), (-net).max(0))).to_vec();
    let outcome = world.at(START + 300).take(readings);
    let turnover = Money(1_000_000);
    assert!(
        matches!(world.gate(0).phase, Phase::Settled { settled } if settled.turnover == turnover)
    );

    // Energy rounds down; the fee of 1,000 is charged 27 : 18, a third of half of it paid to each, the rest to the winner.
    let line = |id: u16, joules: i64, energy: i64, fee: i64| {
        let earned = if id == winner { 668 } else { 166 };
        let builds = builders.contains(&id);
        let line = Line {
            energy: Joules(joules),
            price: Price(80_000),
            energy_money: Money(energy),
            deviation_money: Money::ZERO,
            fee_charged: Money(fee),
            fee_earned: Money(if builds { earned } else { 0 }),
            estimated: false,
        };
        (id, line)
    };
    let lines = [
        line(SOLAR, 30_000_000, 666_666, 0),
        line(GAS, 15_000_000, 333_333, 0),
        line(UTILITY, 0, 0, 0),
        line(TENANT, -27_000_000, -600_000, 600),
        line(GUEST, -18_000_000, -400_000, 400),
        line(AUDITOR, 0, 0, 0),
    ];
    for (id, expected) in lines {
        let stored: Line = world.state.find(&key::line(GateId(0), MemberId(id))).unwrap();
        assert_eq!(stored, expected, "member {id}");
        let balance = 1_000_000_000 + expected.total().0;
        assert_eq!(world.account(id).balance, Money(balance));
    }
    assert_eq!(world.pot(PotName::Losses).balance, Money(0));
    assert_eq!(world.pot(PotName::Remainder).balance, Money(1));
    let settled = Event::Settled {
        gate: GateId(0),
        turnover,
        fees: Money(1_000),
        losses: Money(0),
        remainder: Money(1),
    };
    assert!(outcome.events.contains(&settled));
    assert_eq!(world.head().turnover, turnover);
}

#[test]
fn a_gate_opens_and_closes_to_the_second() {
    let mut world = World::new(genesis());
    world.at(START - 301).block(vec![]);
    assert!(world.head().live == 0);
    world.at(START - 300).block(vec![]);
    assert_eq!(world.phase(0), "open");
    world.at(START - 61).take(vec![need_of(0, TENANT, need(1, &[])), wager(0, TENANT, 50)]);
    let outcome = world.at(START - 60).block(vec![need_of(0, TENANT, need(2, &[]))]);
    let closed = Refusal::PhaseWrong { gate: GateId(0), phase: "failed", needed: "open" };
    // One need and no offer balance nothing; a gate that failed is not live.
    assert_eq!(failure(&outcome), Some(Failure::Infeasible));
    assert_eq!(results(&outcome), [Err(Refusal::GateNotLive(GateId(0)))]);
    assert_ne!(results(&outcome), [Err(closed)]);

    let mut world = filled(genesis());
    let outcome = world.at(START - 60).block(vec![need_of(0, TENANT, need(2, &[]))]);
    let closed = Refusal::PhaseWrong { gate: GateId(0), phase: "closed", needed: "open" };
    assert_eq!(results(&outcome), [Err(closed)]);
}

#[test]
fn commitments_are_taken_to_the_last_height_of_their_window() {
    let mut world = drawn(genesis());
    let answer = world.optimum(0).to_bytes().to_vec();
    let [first, second, third] = world.builders(0)[..] else { panic!("three seats") };
    let commits = [first, second, third].map(|id| world.commit(0, id, &answer));
    // Drawn at height h; h + 1, h + 2 and h + 3 take commitments.
    world.take(vec![commits[0].clone()]);
    world.take(vec![]);
    assert_eq!(world.phase(0), "drawn");
    // A reveal in the block that ends the window comes too early: its author could have seen a commitment.
    let outcome = world.block(vec![commits[1].clone(), reveal(0, first, &answer)]);
    let early = Refusal::PhaseWrong { gate: GateId(0), phase: "drawn", needed: "committed" };
    assert_eq!(results(&outcome), [Ok(()), Err(early)]);
    assert!(outcome.events.contains(&Event::CommitsEnded { gate: GateId(0) }));
    let outcome = world.block(vec![commits[2].clone(), reveal(0, first, &answer)]);
    let late = Refusal::PhaseWrong { gate: GateId(0), phase: "committed", needed: "drawn" };
    assert_eq!(results(&outcome), [Err(late), Ok(())]);
    // Sealed at s; s + 1 to s + 3 take reveals.
    world.block(vec![]);
    assert_eq!(world.phase(0), "committed");
    let mut missed = world.clone();
    world.take(vec![reveal(0, second, &answer)]);
    assert_eq!(world.phase(0), "decided");
    missed.block(vec![]);
    assert_eq!(missed.phase(0), "decided");
    let outcome = missed.block(vec![reveal(0, second, &answer)]);
    let over = Refusal::PhaseWrong { gate: GateId(0), phase: "decided", needed: "committed" };
    assert_eq!(results(&outcome), [Err(over)]);
    // Who was silent loses the least wager and a fiftieth of its trust.
    for (world, silent) in [(&world, vec![third]), (&missed, vec![second, third])] {
        for id in [first, second, third] {
            let expected = if silent.contains(&id) { (9_950, 98_000) } else { (10_000, 101_800) };
            assert_eq!((world.account(id).stake, world.index(id)), expected);
        }
        assert_eq!(world.pot(PotName::Slashed).tokens, 50 * silent.len() as u64);
    }
}

#[test]
fn readings_are_taken_until_they_are_due() {
    let mut world = dispatched(genesis());
    world.at(START + 300).block(vec![]);
    world.at(START + 359).take(vec![reading(0, GAS, 15_000_000, 0)]);
    assert_eq!(world.phase(0), "dispatched");
    world.at(START + 360).take(vec![reading(0, SOLAR, 30_000_000, 0)]);
    assert_eq!(world.phase(0), "settled");
    let estimated = |id| {
        let line: Line = world.state.find(&key::line(GateId(0), MemberId(id))).unwrap();
        (line.estimated, line.energy.0)
    };
    assert_eq!(estimated(SOLAR), (false, 30_000_000));
    assert_eq!(estimated(TENANT), (true, -27_000_000));
    let outcome = world.block(vec![reading(0, TENANT, 0, 0)]);
    assert_eq!(results(&outcome), [Err(Refusal::GateNotLive(GateId(0)))]);
}

#[test]
fn a_gate_fails_where_nobody_offers_needs_or_builds() {
    let mut world = World::new(genesis());
    world.at(START - 290).block(vec![]);
    world.take(vec![wager(0, SOLAR, 100)]);
    assert_eq!(failure(&world.at(START - 60).block(vec![])), Some(Failure::NoMarket));
    let mut world = World::new(genesis());
    world.at(START - 290).block(vec![]);
    world.take(vec![need_of(0, TENANT, need(0, &[]))]);
    assert_eq!(failure(&world.at(START - 60).block(vec![])), Some(Failure::NoBuilders));
}

#[test]
fn a_gate_fails_where_no_answer_is_valid() {
    let mut world = drawn(genesis());
    for _ in 0..2 {
        assert_eq!(failure(&world.block(vec![])), None);
    }
    // With no commitment at all there is nothing to reveal.
    assert_eq!(failure(&world.block(vec![])), Some(Failure::NoValidAnswer));
    for id in [SOLAR, GAS, AUDITOR] {
        assert_eq!((world.account(id).stake, world.index(id)), (9_950, 98_000));
    }
}

#[test]
fn a_gate_that_is_undecided_at_its_start_is_late_in_every_phase() {
    let open = filled(genesis());
    let mut closed = filled(genesis());
    closed.beacon = false;
    closed.at(START - 60).block(vec![]);
    let drawn_ = drawn(genesis());
    let mut committed = drawn(genesis());
    let answer = committed.optimum(0).to_bytes().to_vec();
    let builders = committed.builders(0);
    let commits = builders.iter().map(|id| committed.commit(0, *id, &answer)).collect();
    committed.take(commits);
    let worlds = [("open", open), ("closed", closed), ("drawn", drawn_), ("committed", committed)];
    for (phase, mut world) in worlds {
        assert_eq!(world.phase(0), phase);
        let mut early = world.clone();
        early.at(START - 1).block(vec![]);
        assert_ne!(early.phase(0), "failed", "{phase}");
        let outcome = world.at(START).block(vec![reveal(0, builders[0], &answer)]);
        assert_eq!(failure(&outcome), Some(Failure::Late), "{phase}");
        assert_eq!(results(&outcome), [Err(Refusal::GateNotLive(GateId(0)))]);
        // It may be the network's fault, so silence costs nothing.
        for id in [SOLAR, GAS, AUDITOR] {
            assert_eq!((world.account(id).stake, world.account(id).held), (10_000, 0));
            assert_eq!(world.index(id), 100_000);
        }
    }
}

#[test]
fn a_late_gate_still_punishes_a_false_answer() {
    let mut world = drawn(genesis());
    let builders = world.builders(0);
    let commits = builders.iter().map(|id| world.commit(0, *id, b"junk")).collect();
    world.take(commits);
    world.take(vec![reveal(0, builders[1], b"junk")]);
    world.at(START).block(vec![]);
    assert_eq!(world.account(builders[1]).stake, 9_009);
    assert_eq!(world.account(builders[0]).stake, 10_000);
}

#[test]
fn the_agenda_names_what_comes_next() {
    use gridaccord_ledger::agenda;
    let due = |world: &World| {
        agenda(&world.state).unwrap().due.map(|due| world.genesis.clock.ledger(due))
    };
    let mut world = World::new(genesis());
    assert_eq!(due(&world), Some(TimeS(START - 300)));
    world.at(START - 300).block(vec![]);
    assert_eq!(due(&world), Some(TimeS(START - 60)));
    let mut world = dispatched(genesis());
    // Gate 1 opened at the start of gate 0's interval and closes first.
    assert_eq!(due(&world), Some(TimeS(START + 240)));
    assert!(!agenda(&world.state).unwrap().pending);
    world.at(START + 240).block(vec![]);
    assert_eq!(due(&world), Some(TimeS(START + 300)));
    world.at(START + 300).block(vec![]);
    assert_eq!(due(&world), Some(TimeS(START + 360)));
    let world = drawn(genesis());
    let agenda = agenda(&world.state).unwrap();
    assert!(agenda.pending && agenda.seeds.is_empty());
}
