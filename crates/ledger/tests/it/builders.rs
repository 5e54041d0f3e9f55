//! What builders can do wrong, one each: the gate is decided rightly all the same, and the wager comes to what
//! the table in `trust` says. Ten owners: one fault takes (3/10)² of the bonded stake beside the wager.

use super::common::*;
use gridaccord_dispatch::{Answer, ShadowPrice};
use gridaccord_ledger::{
    Command, Refusal,
    gate::{Decision, Verdict},
    records::key,
};
use gridaccord_model::{GateId, MemberId, Price, Watts, codec::Bounded};

/// Stake left and index: 100 wagered of 10,000, then 9 % of 9,900; half the index.
const FALSE: (u64, u32) = (9_009, 50_000);
/// The least wager, 50, and a fiftieth of the index.
const SILENT: (u64, u32) = (9_950, 98_000);
const GOOD: (u64, u32) = (10_000, 101_800);

fn check_decided(world: &World, bad: u16, expected: (u64, u32)) {
    let decision: Decision = world.state.find(&key::decision(GateId(0))).unwrap();
    assert_eq!((world.phase(0), decision.price), ("decided", Price(80_000)));
    assert_eq!(decision.gap_ppb(), 0);
    assert_ne!(decision.winner, MemberId(bad));
    for id in world.builders(0) {
        let outcome = if id == bad { expected } else { GOOD };
        assert_eq!((world.account(id).stake, world.index(id)), outcome, "builder {id}");
    }
}

/// The first seat builds `bytes`, the others the optimum.
fn against_two_honest(bytes: Vec<u8>) -> (World, u16) {
    let mut world = drawn(genesis());
    let honest = world.optimum(0).to_bytes().to_vec();
    let builders = world.builders(0);
    let answers: Vec<_> = builders
        .iter()
        .enumerate()
        .map(|(seat, id)| (*id, if seat == 0 { bytes.clone() } else { honest.clone() }))
        .collect();
    world.build(0, &answers);
    (world, builders[0])
}

fn changed(change: impl FnOnce(&mut Vec<Watts>, &mut Vec<Watts>, &mut i64)) -> Vec<u8> {
    let mut answer = drawn(genesis()).optimum(0);
    let mut set_points = std::mem::take(&mut answer.solution.set_points).into_inner();
    let mut shed = std::mem::take(&mut answer.solution.shed).into_inner();
    change(&mut set_points, &mut shed, &mut answer.certificate.price.0);
    answer.solution.set_points = Bounded::new(set_points).unwrap();
    answer.solution.shed = Bounded::new(shed).unwrap();
    answer.to_bytes().to_vec()
}

#[test]
fn a_refused_answer_loses_wager_stake_and_trust() {
    let honest = changed(|_, _, _| ());
    let rows: [(&str, u16, Vec<u8>); 10] = [
        ("no bytes", 0, vec![]),
        ("garbage", 0, vec![0xff; 40]),
        ("cut short", 0, honest[..honest.len() - 1].to_vec()),
        ("a byte too many", 0, [honest.clone(), vec![0]].concat()),
        (
            "a set point missing",
            1,
            changed(|powers, _, _| {
                powers.pop();
            }),
        ),
        ("a tier missing", 2, changed(|_, shed, _| shed.clear())),
        (
            "beyond its range",
            4,
            changed(|powers, _, _| {
                powers[0].0 += 1;
                powers[1].0 -= 1;
            }),
        ),
        (
            "shed below zero",
            5,
            changed(|powers, shed, _| {
                shed[0].0 = -1;
                powers[1].0 += 20_001;
            }),
        ),
        ("out of balance", 6, changed(|powers, _, _| powers[1].0 -= 1)),
        ("price out of range", 7, changed(|_, _, price| *price = i64::MAX)),
    ];
    for (what, rule, bytes) in rows {
        let (world, bad) = against_two_honest(bytes);
        assert_eq!(world.seats(0)[0].verdict, Verdict::Refused { rule }, "{what}");
        check_decided(&world, bad, FALSE);
    }
    for forged in [-2_000, -1, 1, 2_000] {
        let (world, bad) = against_two_honest(changed(|_, _, price| *price += forged));
        assert_eq!(world.seats(0)[0].verdict, Verdict::Refused { rule: 8 }, "{forged}");
        check_decided(&world, bad, FALSE);
    }
    // 10 kW from the utility instead of gas cost 4 % of the turnover more: γ is 0.1 %.
    let dear = changed(|powers, _, _| {
        powers[1].0 -= 10_000;
        powers[2].0 += 10_000;
    });
    let (world, bad) = against_two_honest(dear);
    assert_eq!(world.seats(0)[0].verdict, Verdict::Refused { rule: 9 });
    check_decided(&world, bad, FALSE);
}

#[test]
fn a_worse_answer_loses_in_proportion() {
    // x W from the utility instead of gas cost 4e7·x pico per hour more; the turnover is 1.02e13.
    let worse = |watts: i64| {
        changed(|powers, _, _| {
            powers[1].0 -= watts;
            powers[2].0 += watts;
        })
    };
    // ε is a ten-thousandth: 25.5 W are within it, and the answer counts as equal but does not win.
    let (world, bad) = against_two_honest(worse(25));
    assert!(matches!(world.seats(0)[0].verdict, Verdict::Valid { .. }));
    assert_eq!((world.account(bad).stake, world.index(bad)), GOOD);
    // 26 W: 100 · 26 · 4e7 / 1.02e10 = 10.19 tokens. 100 W: 39.2 tokens. 255 W are all of γ.
    for (watts, lost) in [(26, 10), (100, 39), (255, 100)] {
        let (world, bad) = against_two_honest(worse(watts));
        assert!(matches!(world.seats(0)[0].verdict, Verdict::Valid { .. }), "{watts}");
        check_decided(&world, bad, (10_000 - lost, 98_000));
    }
}

#[test]
fn a_copied_commitment_opens_for_nobody_else() {
    let mut world = drawn(genesis());
    let answer = world.optimum(0).to_bytes().to_vec();
    let [copier, victim, other] = world.builders(0)[..] else { panic!("three seats") };
    let (_, stolen) = world.commit(0, victim, &answer);
    let commits =
        vec![world.commit(0, victim, &answer), (copier, stolen), world.commit(0, other, &answer)];
    world.take(commits);
    let (_, mut command) = reveal(0, victim, &answer);
    if let Command::Reveal { builder, .. } = &mut command {
        *builder = MemberId(copier);
    }
    let outcome =
        world.block(vec![reveal(0, victim, &answer), (copier, command), reveal(0, other, &answer)]);
    assert_eq!(results(&outcome), [Ok(()), Err(Refusal::CommitmentMismatch), Ok(())]);
    world.until(0, "decided");
    check_decided(&world, copier, SILENT);
}

#[test]
fn who_commits_and_does_not_reveal_or_does_neither_loses_the_least_wager() {
    for commits in [true, false] {
        let mut world = drawn(genesis());
        let answer = world.optimum(0).to_bytes().to_vec();
        let builders = world.builders(0);
        let committing = if commits { &builders[..] } else { &builders[1..] };
        let committed = committing.iter().map(|id| world.commit(0, *id, &answer)).collect();
        world.take(committed);
        if !commits {
            world.until(0, "committed");
        }
        world.take(builders[1..].iter().map(|id| reveal(0, *id, &answer)).collect());
        if commits {
            world.until(0, "decided");
        }
        check_decided(&world, builders[0], SILENT);
    }
}

#[test]
fn two_commitments_or_two_reveals_lose_everything() {
    let mut world = drawn(genesis());
    let answer = world.optimum(0).to_bytes().to_vec();
    let [bad, second, third] = world.builders(0)[..] else { panic!("three seats") };
    let mut commits: Vec<_> =
        [bad, second, third].iter().map(|id| world.commit(0, *id, &answer)).collect();
    commits.insert(0, world.commit(0, bad, b"another"));
    let mut twice = world.clone();
    twice.take(commits[..2].to_vec());
    twice.take(commits[2..].to_vec());
    twice.take(vec![reveal(0, second, &answer), reveal(0, third, &answer)]);
    check_decided(&twice, bad, FALSE);

    world.take(commits[1..].to_vec());
    world.take(vec![reveal(0, bad, &answer)]);
    // Nobody else can make a builder equivocate; its own signature under another answer does.
    let outcome = world.block(vec![relay(0, CERTIFIER, bad, b"x"), reveal(0, bad, b"x")]);
    assert_eq!(results(&outcome), [Err(Refusal::CommitmentMismatch), Ok(())]);
    world.take(vec![reveal(0, second, &answer), reveal(0, third, &answer)]);
    check_decided(&world, bad, FALSE);
}

#[test]
fn a_relayed_reveal_counts_as_the_builders_own() {
    let mut world = drawn(genesis());
    let answer = world.optimum(0).to_bytes().to_vec();
    let builders = world.builders(0);
    let commits = builders.iter().map(|id| world.commit(0, *id, &answer)).collect();
    world.take(commits);
    world.take(builders.iter().map(|id| relay(0, AUTHORITY, *id, &answer)).collect());
    let decision: Decision = world.state.find(&key::decision(GateId(0))).unwrap();
    assert_eq!(decision.winner, MemberId(builders[0]));
    assert_eq!(world.account(builders[0]).stake, 10_000);
}

#[test]
fn all_at_fault_lose_all_their_stake() {
    let mut genesis = genesis_of(&[
        ("gas", gridaccord_ledger::Role::Supplier),
        ("tenant", gridaccord_ledger::Role::Tenant),
        ("auditor", gridaccord_ledger::Role::Auditor),
        ("other", gridaccord_ledger::Role::Auditor),
    ]);
    genesis.trust.seats = 4;
    let mut world = World::new(genesis);
    world.at(START - 290).block(vec![]);
    world.take(vec![
        offer(0, 0, blocks(0, &[(10, 5)])),
        need_of(0, 1, need(5, &[])),
        wager(0, 2, 100),
        wager(0, 3, 100),
    ]);
    world.at(START - 60).block(vec![]);
    world.until(0, "drawn");
    // Two of four owners: (3·2/4)² is more than all.
    world.build(0, &[(2, b"x".to_vec()), (3, b"y".to_vec())]);
    assert_eq!(world.phase(0), "failed");
    assert_eq!((world.account(2).stake, world.account(3).stake), (0, 0));
}

#[test]
fn a_slash_leaves_what_other_gates_hold() {
    let mut genesis = genesis();
    genesis.market.open_lead_s = 900;
    let mut world = World::new(genesis);
    world.at(START - 300).block(vec![]);
    fill(&mut world, 0);
    world.take(vec![wager(1, SOLAR, 9_800)]);
    world.at(START - 60).block(vec![]);
    world.until(0, "drawn");
    let builders = world.builders(0);
    world.build(0, &builders.iter().map(|id| (*id, b"x".to_vec())).collect::<Vec<_>>());
    // Three of ten owners: 81 % of 9,900 would be 8,019, but 9,800 are held by gate 1.
    assert_eq!((world.account(SOLAR).stake, world.account(SOLAR).held), (9_800, 9_800));
    assert_eq!(world.account(GAS).stake, 9_900 - 8_019);
}

#[test]
fn equal_costs_rank_by_even_use_of_capacity_then_by_seat() {
    let mut world = World::new(genesis());
    world.at(START - 290).block(vec![]);
    world.take(vec![
        offer(0, SOLAR, blocks(0, &[(100_000, 50_000)])),
        offer(0, GAS, blocks(0, &[(100_000, 50_000)])),
        need_of(0, TENANT, need(100_000, &[])),
        wager(0, SOLAR, 100),
        wager(0, GAS, 100),
        wager(0, AUDITOR, 100),
    ]);
    world.at(START - 60).block(vec![]);
    world.until(0, "drawn");
    let answer = |solar: i64| {
        let mut answer = Answer::default();
        let powers = vec![Watts(solar), Watts(100_000 - solar)];
        answer.solution.set_points = Bounded::new(powers).unwrap();
        answer.certificate.price = ShadowPrice::of_price(Price(50_000));
        answer.to_bytes().to_vec()
    };
    let builders = world.builders(0);
    // Tilted to a favourite, even, even: the second seat wins, and all three are within ε.
    let powers = [100_000, 50_000, 50_000];
    let answers: Vec<_> =
        builders.iter().zip(powers).map(|(id, solar)| (*id, answer(solar))).collect();
    world.build(0, &answers);
    let decision: Decision = world.state.find(&key::decision(GateId(0))).unwrap();
    assert_eq!(decision.winner, MemberId(builders[1]));
    for id in builders {
        assert_eq!((world.account(id).stake, world.index(id)), GOOD);
    }
}
