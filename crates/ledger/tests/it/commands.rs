//! Rule tables: one row per rule, in rule order, refusals before successes. A refusal changes nothing but the
//! author's nonce, and not even that where the author is in doubt.

use super::common::*;
use gridaccord_ledger::{Command, Digest, Key, Record, Refusal, SignedCommand, records::key};
use gridaccord_model::{
    Block as Step, CostCurve, GateId, MemberId, NeedError, Offer, OfferError, Price, TimeS, Watts,
    codec::Bounded,
};
use std::collections::BTreeMap;

pub(crate) fn records(world: &World) -> BTreeMap<Key, Record> {
    world.state.records().map(|(key, record)| (*key, record.clone())).collect()
}

/// Asserts that a block of this command refuses it by this rule and changes only head and, if `nonce`, nonce.
pub(crate) fn refuse(world: &mut World, signed: SignedCommand, refusal: Refusal, rule: &str) {
    let author = signed.member.0;
    let mut expected = records(world);
    if refusal.uses_nonce() {
        let mut member = world.member(author).unwrap();
        member.nonce += 1;
        expected.insert(key::member(MemberId(author)), Record::of(&member));
    }
    let outcome = world.signed(vec![signed]);
    assert_eq!(results(&outcome), [Err(refusal)], "rule {rule}");
    assert_eq!(refusal.rule(), rule);
    assert!(outcome.events.is_empty() && outcome.bodies.is_empty(), "rule {rule}");
    expected.insert(key::head(), Record::of(&world.head()));
    assert_eq!(records(world), expected, "rule {rule}");
}

pub(crate) fn row(
    world: &mut World,
    (author, command): (u16, Command),
    refusal: Refusal,
    rule: &str,
) {
    let nonce = world.member(author).unwrap().nonce;
    let signed = world.sign(author, nonce, command);
    refuse(world, signed, refusal, rule);
}

pub(crate) fn wrong_phase(gate: u64, phase: &'static str, needed: &'static str) -> Refusal {
    Refusal::PhaseWrong { gate: GateId(gate), phase, needed }
}

#[test]
fn rules_of_all_commands() {
    let mut world = filled(genesis());
    let (_, tender) = need_of(0, TENANT, need(1, &[]));

    let stranger = world.sign(99, 7, tender.clone());
    refuse(&mut world, stranger, Refusal::MemberUnknown(MemberId(99)), "C1");

    // The nonce is looked at before the signature.
    for given in [0, 2, u64::MAX] {
        let mut signed = world.sign(TENANT, given, tender.clone());
        signed.signature = world.sign(GUEST, given, tender.clone()).signature;
        refuse(&mut world, signed, Refusal::NonceNotNext { given, expected: 1 }, "C2");
    }

    let by_another = {
        let key = &world.keys[usize::from(GUEST)];
        SignedCommand::sign(&world.chain, key, MemberId(TENANT), 1, tender.clone())
    };
    let for_another_chain = {
        let key = &world.keys[usize::from(TENANT)];
        SignedCommand::sign(&Digest::from([9; 32]), key, MemberId(TENANT), 1, tender.clone())
    };
    let mut changed = world.sign(TENANT, 1, tender.clone());
    changed.command = need_of(0, TENANT, need(2, &[])).1;
    for signed in [by_another, for_another_chain, changed] {
        refuse(&mut world, signed, Refusal::SignatureInvalid, "C3");
    }

    // The role is looked at before the gate.
    let forbidden = [
        offer(9, TENANT, blocks(0, &[(1, 1)])),
        offer(9, AUDITOR, blocks(0, &[(1, 1)])),
        need_of(9, SOLAR, need(1, &[])),
        need_of(9, UTILITY, need(1, &[])),
        wager(9, CERTIFIER, 100),
        wager(9, AUTHORITY, 100),
        world.commit(9, AUTHORITY, &[]),
        reading(9, AUDITOR, 0, 0),
        reading(9, AUTHORITY, 0, 0),
    ];
    for command in forbidden {
        row(&mut world, command, Refusal::RoleForbids, "C4");
    }

    let every = |gate: u64, world: &World| {
        vec![
            offer(gate, SOLAR, blocks(5, &[(1, 1)])),
            need_of(gate, CAMPUS, need(-1, &[])),
            wager(gate, CAMPUS, 0),
            world.commit(gate, SOLAR, &[]),
            relay(gate, TENANT, SOLAR, &[]),
            reading(gate, SOLAR, -1, 0),
        ]
    };
    for gate in [1, 63, 64, u64::MAX] {
        for command in every(gate, &world) {
            row(&mut world, command, Refusal::GateNotLive(GateId(gate)), "C5");
        }
    }

    // The phase is looked at before the content.
    let all = every(0, &world);
    for (command, needed) in all.into_iter().skip(3).zip(["drawn", "committed", "dispatched"]) {
        row(&mut world, command, wrong_phase(0, "open", needed), "C6");
    }
    world.at(START - 60).block(vec![]);
    let needed = ["open", "open", "open", "drawn", "committed", "dispatched"];
    let all = every(0, &world);
    world.beacon = false;
    for (command, needed) in all.into_iter().zip(needed) {
        row(&mut world, command, wrong_phase(0, "closed", needed), "C6");
    }
}

#[test]
fn rules_of_offers() {
    let mut world = filled(genesis());
    let stepped = |power_min, power_max, steps: &[(i64, i64)]| Offer {
        power_min: Watts(power_min),
        power_max: Watts(power_max),
        cost: CostCurve::Blocks {
            blocks: Bounded::new(
                steps
                    .iter()
                    .map(|(power, price)| Step { power: Watts(*power), price: Price(*price) })
                    .collect(),
            )
            .unwrap(),
        },
    };
    let bent = |power_max, quadratic, linear| Offer {
        power_min: Watts(0),
        power_max: Watts(power_max),
        cost: CostCurve::Quadratic { quadratic, linear },
    };
    let (power, price) = ((1 << 31) + 1, (1 << 40) + 1);
    let rows = [
        (stepped(2, 1, &[]), OfferError::PowerRangeEmpty { min: Watts(2), max: Watts(1) }, "O1"),
        (stepped(0, power, &[]), OfferError::PowerTooLarge(Watts(power)), "O2"),
        (stepped(i64::MIN, 0, &[]), OfferError::PowerTooLarge(Watts(i64::MIN)), "O2"),
        (stepped(0, 1, &[(1, price)]), OfferError::PriceTooLarge(Price(price)), "O3"),
        (bent(1, -1, 0), OfferError::QuadraticOutOfRange(-1), "O4"),
        (stepped(0, 1, &[(1, 1), (0, 1)]), OfferError::BlockEmpty(1), "O5"),
        (stepped(0, 2, &[(1, 2), (1, 1)]), OfferError::BlockPriceFalls(1), "O6"),
        (
            stepped(0, 3, &[(1, 1), (1, 2)]),
            OfferError::BlocksMissRange { blocks: Watts(2), range: Watts(3) },
            "O7",
        ),
        (bent(1, 0, i64::MIN), OfferError::LinearOutOfRange(i64::MIN), "O8"),
        (bent(1 << 31, 1 << 40, 0), OfferError::MarginalOutOfRange(Watts(1 << 31)), "O9"),
    ];
    for (offered, error, rule) in rows {
        row(&mut world, offer(0, BATTERY, offered), Refusal::Offer(error), rule);
    }
    let below = Refusal::OfferBelowFloor { cap: Price(1_000_000) };
    row(&mut world, offer(0, BATTERY, stepped(0, 1, &[(1, -1_000_001)])), below, "O10");

    // A later offer replaces the earlier one and adds no participant.
    world.take(vec![offer(0, BATTERY, stepped(-5, 5, &[(10, 7)]))]);
    world.take(vec![offer(0, BATTERY, bent(9, 3, 4))]);
    let book = world.gate(0).book;
    assert_eq!((book.participants, book.market, book.bidders, book.tiers), (7, 6, 3, 1));
}

#[test]
fn rules_of_needs() {
    let mut world = filled(genesis());
    let power = (1 << 31) + 1;
    let rows = [
        (need(-1, &[]), NeedError::FirmNegative(Watts(-1)), "N1"),
        (need(0, &[(1, 1), (0, 1)]), NeedError::TierEmpty(1), "N2"),
        (need(power - 1, &[(1, 1)]), NeedError::PowerTooLarge(Watts(power)), "N3"),
        (need(0, &[(i64::MAX, 1), (i64::MAX, 1)]), NeedError::PowerTooLarge(Watts(i64::MAX)), "N3"),
        (need(1, &[(1, 1), (1, -1)]), NeedError::ValueOutOfRange(Price(-1)), "N4"),
    ];
    for (needed, error, rule) in rows {
        row(&mut world, need_of(0, CAMPUS, needed), Refusal::Need(error), rule);
    }
    // Tiers of a replaced need are counted no more; an offer and a need are one participant.
    world.take(vec![need_of(0, CAMPUS, need(5, &[(1, 1), (2, 2), (3, 3)]))]);
    world
        .take(vec![need_of(0, CAMPUS, need(5, &[(1, 1)])), offer(0, CAMPUS, blocks(0, &[(5, 5)]))]);
    let book = world.gate(0).book;
    assert_eq!((book.participants, book.market, book.bidders, book.tiers), (7, 6, 3, 2));
}

#[test]
fn rules_of_wagers() {
    let mut world = filled(genesis());
    let least = world.gate(0).wager_min;
    assert_eq!(least, 50);
    row(&mut world, wager(0, CAMPUS, 49), Refusal::WagerTooSmall { given: 49, least }, "W1");
    row(&mut world, wager(0, CAMPUS, 0), Refusal::WagerTooSmall { given: 0, least }, "W1");
    let above = |given, free| Refusal::WagerAboveStake { given, free };
    row(&mut world, wager(0, CAMPUS, 10_001), above(10_001, 10_000), "W2");
    row(&mut world, wager(0, CAMPUS, u64::MAX), above(u64::MAX, 10_000), "W2");
    // A wager replaces the earlier one, up or down; what another gate holds is not free.
    world.take(vec![wager(0, CAMPUS, 10_000), wager(0, CAMPUS, 6_000), wager(0, CAMPUS, 7_000)]);
    assert_eq!((world.account(CAMPUS).held, world.gate(0).book.bidders), (7_000, 4));
}

#[test]
fn a_wager_counts_what_other_gates_hold() {
    let mut genesis = genesis();
    genesis.market.open_lead_s = 900;
    let mut world = World::new(genesis);
    world.at(START - 300).block(vec![]);
    world.take(vec![wager(0, CAMPUS, 4_000), wager(1, CAMPUS, 5_000)]);
    let above = |given, free| Refusal::WagerAboveStake { given, free };
    row(&mut world, wager(2, CAMPUS, 1_001), above(1_001, 1_000), "W2");
    row(&mut world, wager(1, CAMPUS, 6_001), above(6_001, 6_000), "W2");
    world.take(vec![wager(1, CAMPUS, 6_000)]);
    assert_eq!(world.account(CAMPUS).held, 10_000);
}

#[test]
fn rules_of_builders() {
    let mut genesis = genesis();
    genesis.trust.commit_window = 8;
    genesis.trust.reveal_window = 12;
    let mut world = drawn(genesis);
    let answer = world.optimum(0).to_bytes().to_vec();
    let [first, second, third] = world.builders(0)[..] else { panic!("three seats") };

    let stranger = world.commit(0, CAMPUS, &answer);
    row(&mut world, stranger, Refusal::NoSeat(MemberId(CAMPUS)), "B1");
    let once = world.commit(0, first, &answer);
    world.take(vec![once.clone()]);
    row(&mut world, once, Refusal::CommittedAlready, "B2");
    let twice = world.commit(0, third, b"another");
    let again = world.commit(0, third, &answer);
    world.take(vec![twice.clone(), again]);
    row(&mut world, twice, Refusal::SeatForfeit, "B6");

    world.until(0, "committed");
    let nobody = relay(0, AUTHORITY, CAMPUS, &answer);
    row(&mut world, nobody, Refusal::NoSeat(MemberId(CAMPUS)), "B1");
    row(&mut world, reveal(0, second, &answer), Refusal::NotCommitted, "B3");
    row(&mut world, reveal(0, third, &answer), Refusal::SeatForfeit, "B6");
    row(&mut world, reveal(0, first, b"another"), Refusal::CommitmentMismatch, "B4");
    row(&mut world, relay(0, second, first, b"another"), Refusal::CommitmentMismatch, "B4");
    world.take(vec![reveal(0, first, &answer)]);
    assert_eq!(world.phase(0), "decided");
    let late = wrong_phase(0, "decided", "committed");
    row(&mut world, reveal(0, first, &answer), late, "C6");
}

#[test]
fn rules_of_reveals_that_came() {
    let mut genesis = genesis();
    genesis.trust.reveal_window = 12;
    let mut world = drawn(genesis);
    let answer = world.optimum(0).to_bytes().to_vec();
    let [first, second, _] = world.builders(0)[..] else { panic!("three seats") };
    let commits = [first, second].map(|id| world.commit(0, id, &answer)).to_vec();
    world.take(commits);
    world.until(0, "committed");
    world.take(vec![relay(0, CERTIFIER, first, &answer)]);
    row(&mut world, reveal(0, first, &answer), Refusal::RevealedAlready, "B5");
    row(&mut world, relay(0, second, first, b"another"), Refusal::CommitmentMismatch, "B4");
}

#[test]
fn rules_of_readings() {
    let mut world = dispatched(genesis());
    // Who has no set point is told so before the clock is looked at.
    row(&mut world, reading(0, CAMPUS, -1, 0), Refusal::NoSetPoint, "M1");
    world.at(START + 299).block(vec![]);
    let runs = Refusal::IntervalRuns { end: TimeS(START + 300), now: TimeS(START + 299) };
    row(&mut world, reading(0, SOLAR, -1, 0), runs, "M2");
    world.at(START + 300).block(vec![]);
    row(&mut world, reading(0, SOLAR, -1, 0), Refusal::ReadingNegative, "M3");
    row(&mut world, reading(0, SOLAR, 0, i64::MIN), Refusal::ReadingNegative, "M3");
    let most = (1i64 << 31) * 300;
    let large = Refusal::ReadingTooLarge { limit: Watts(1 << 31) };
    row(&mut world, reading(0, SOLAR, most + 1, 0), large, "M4");
    row(&mut world, reading(0, SOLAR, 0, i64::MAX), large, "M4");
    world.take(vec![reading(0, SOLAR, most, most)]);
    row(&mut world, reading(0, SOLAR, 0, 0), Refusal::ReadAlready, "M5");
}

#[test]
fn a_rotated_key_signs_from_the_next_command_on() {
    let mut world = filled(genesis());
    let next = private_key(77);
    let key = commonware_cryptography::Signer::public_key(&next);
    let nonce = world.member(TENANT).unwrap().nonce;
    let old = |world: &World, nonce| world.sign(TENANT, nonce, need_of(0, TENANT, need(1, &[])).1);
    let new = SignedCommand::sign(
        &world.chain,
        &next,
        MemberId(TENANT),
        nonce + 1,
        need_of(0, TENANT, need(2, &[])).1,
    );
    let rotate = world.sign(TENANT, nonce, Command::RotateKey { key });
    let outcome = world.signed(vec![rotate, old(&world, nonce + 1), new, old(&world, nonce + 2)]);
    let bad = Err(Refusal::SignatureInvalid);
    assert_eq!(results(&outcome), [Ok(()), bad, Ok(()), bad]);
    assert_eq!(world.part(0, TENANT).unwrap().need, Some(need(2, &[])));
}
