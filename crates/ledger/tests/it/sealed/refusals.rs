//! Rules of certificates, curves and readings: one row a rule.

use super::world::*;
use crate::it::common::{START, private_key};
use gridaccord_ledger::{
    records::key as base,
    sealed::{self, SealedCommand, SealedEvent},
};
use gridaccord_model::{GateId, MemberId, TimeS, Watts};
use gridaccord_sealed::{group::Commitment, limit::LimitCertificate, rehearsal::Offered};

#[test]
fn certificates_are_checked_and_revoked() {
    let mut bazaar = Bazaar::new(90);
    let certifier = private_key(u64::from(CERTIFIER));
    let certify = |certificate| SealedCommand::Certify { certificate };
    let (good, party) = bazaar.certificate(SOLAR, 2);
    let change = |change: &dyn Fn(&mut gridaccord_sealed::limit::Limit)| {
        let mut limit = good.limit.clone();
        change(&mut limit);
        LimitCertificate::issue(limit, &certifier)
    };
    let rows = [
        (certify(change(&|limit| limit.participant = MemberId(AUDITOR))), "X5"),
        (certify(change(&|limit| limit.participant = MemberId(99))), "X5"),
        (certify(change(&|limit| limit.role = gridaccord_sealed::gate::Role::Consumer)), "X5"),
        (certify(change(&|limit| limit.device = 1)), "X5"),
        (certify(change(&|limit| limit.serial = 1)), "X6"),
        (certify(change(&|limit| limit.chain = gridaccord_ledger::Digest([1; 32]))), "Z5"),
        (certify(change(&|limit| limit.valid_until = limit.valid_from)), "Z7"),
        (certify(LimitCertificate::issue(good.limit.clone(), &private_key(3))), "Z9"),
    ];
    for (command, rule) in rows {
        assert_eq!(bazaar.rule(CERTIFIER, command).as_deref(), Some(rule));
    }
    assert_eq!(bazaar.rule(AUDITOR, certify(good.clone())).as_deref(), Some("C4"));
    // Revoked: no curve, until a newer certificate.
    bazaar.take(vec![(CERTIFIER, SealedCommand::Revoke { participant: MemberId(SOLAR) })]);
    let facts = sealed::admission(&bazaar.world.state, GateId(0), MemberId(SOLAR)).unwrap();
    assert_eq!(facts.unwrap().unwrap_err().rule(), "X7");
    let again = SealedCommand::Revoke { participant: MemberId(SOLAR) };
    assert_eq!(bazaar.rule(CERTIFIER, again).as_deref(), Some("X7"));
    bazaar.parties.insert(SOLAR, party);
    bazaar.take(vec![(CERTIFIER, certify(good))]);
    let offers = bazaar.offers();
    let curve = bazaar.seal(0, SOLAR, &offers[0].1);
    assert_eq!(bazaar.rule(SOLAR, curve), None);
}

#[test]
fn a_forbidden_class_must_hold_a_public_zero() {
    use gridaccord_ledger::genesis::CarbonPolicy;
    use gridaccord_model::codec::{Bounded, Label};
    let coal = Label::new("coal").unwrap();
    let mut genesis = genesis_with(terms());
    genesis.carbon = CarbonPolicy {
        forbidden: Bounded::new(vec![coal.clone()]).unwrap(),
        ..CarbonPolicy::default()
    };
    let mut members = genesis.members.into_inner();
    members[usize::from(GAS)].class = coal;
    genesis.members = Bounded::new(members).unwrap();
    let mut bazaar = Bazaar::of(genesis, 91);
    let (certificate, _) = bazaar.certificate(GAS, 1);
    let mut limit = certificate.limit.clone();
    let certify = SealedCommand::Certify { certificate };
    assert_eq!(bazaar.rule(CERTIFIER, certify).as_deref(), Some("Z10"));
    // A hidden zero is not enough: it must be seen to be zero.
    limit.export = Commitment::zero();
    let certificate = LimitCertificate::issue(limit, &private_key(u64::from(CERTIFIER)));
    assert_eq!(bazaar.rule(CERTIFIER, SealedCommand::Certify { certificate }), None);
}

#[test]
fn curves_are_bonded_funded_and_in_time() {
    let mut bazaar = Bazaar::new(92);
    let offers = bazaar.offers();
    let curve = bazaar.seal(0, SOLAR, &offers[0].1);
    assert_eq!(bazaar.rule(AUDITOR, curve.clone()).as_deref(), Some("C4"));
    let mut elsewhere = submission_of(&curve);
    elsewhere.gate = GateId(7);
    let SealedCommand::Curve { basis, .. } = curve.clone() else { panic!("a curve") };
    let elsewhere = SealedCommand::Curve { basis, submission: elsewhere };
    assert_eq!(bazaar.rule(SOLAR, elsewhere).as_deref(), Some("C5"));
    // All stake is wagered: nothing is left for a bond.
    let wager = gridaccord_ledger::Command::Wager { gate: GateId(0), tokens: 9_950 };
    let outcome = bazaar.block(vec![(SOLAR, wager)]);
    assert_eq!(outcome.receipts[0].result, Ok(()));
    assert_eq!(bazaar.rule(SOLAR, curve.clone()).as_deref(), Some("X9"));
    bazaar.fill_but(0, SOLAR);
    bazaar.close(0);
    assert_eq!(bazaar.rule(SOLAR, curve).as_deref(), Some("C6"));
    // A balance that does not cover the worst of twelve intervals proves nothing.
    let mut poor = genesis_with(terms());
    let mut members = poor.members.into_inner();
    members[usize::from(TENANTS[0])].deposit = gridaccord_model::Money(1_000_000);
    poor.members = gridaccord_model::codec::Bounded::new(members).unwrap();
    let mut bazaar = Bazaar::of(poor, 93);
    bazaar.certify_all();
    bazaar.world.at(START - 290);
    bazaar.block(vec![]);
    let tenant = TENANTS[0];
    let balance = gridaccord_sealed::group::Opening::public(1_000_000 * 3_600_000);
    bazaar.parties.get_mut(&tenant).unwrap().balance = balance;
    let facts = sealed::admission(&bazaar.world.state, GateId(0), MemberId(tenant));
    let facts = facts.unwrap().unwrap().unwrap();
    let party = &bazaar.parties[&tenant];
    let wallet = gridaccord_sealed::submission::Wallet {
        limits: &party.openings,
        balance: &party.balance,
        allowance: None,
    };
    let mut rng = rng(2);
    assert!(gridaccord_sealed::submission::seal_firm(Watts(1), &facts, &wallet, &mut rng).is_err());
}

#[test]
fn readings_come_once_after_the_interval_and_in_sequence() {
    let mut bazaar = Bazaar::new(94);
    bazaar.fill(0);
    bazaar.close(0);
    bazaar.open(0, AUDITOR);
    let reading = bazaar.meter(0, GAS, None);
    assert_eq!(bazaar.rule(GAS, reading.clone()).as_deref(), Some("C6"));
    bazaar.world.at(START);
    bazaar.block(vec![]);
    assert_eq!(bazaar.rule(GAS, reading.clone()).as_deref(), Some("M2"));
    bazaar.world.at(START + 300);
    bazaar.block(vec![]);
    assert_eq!(bazaar.rule(WIND, reading.clone()).as_deref(), Some("Z18"));
    assert_eq!(bazaar.rule(UTILITY, utility(&reading)).as_deref(), Some("X11"));
    let SealedCommand::Meter { reading: first, deviation } = reading.clone() else {
        panic!("a reading")
    };
    let mut late = first.clone();
    late.sequence = 1;
    let late = SealedCommand::Meter { reading: late, deviation: deviation.clone() };
    assert_eq!(bazaar.rule(GAS, late).as_deref(), Some("Z31"));
    let mut unsigned = first.clone();
    unsigned.registers.injected = Commitment::public(5);
    let unsigned = SealedCommand::Meter { reading: unsigned, deviation: deviation.clone() };
    assert_eq!(bazaar.rule(GAS, unsigned).as_deref(), Some("Z30"));
    // A bound that does not belong to the reading is a false proof: the bond is gone, and the limit is billed.
    let mut low = deviation;
    low.bound = Commitment::zero();
    let stake = bazaar.world.account(GAS).stake;
    let outcome = bazaar.take(vec![(GAS, SealedCommand::Meter { reading: first, deviation: low })]);
    let lost =
        SealedEvent::ProofFalse { gate: GateId(0), member: MemberId(GAS), rule: 17, lost: 100 };
    assert!(sealed_events(&outcome.events).contains(&lost));
    assert_eq!(bazaar.world.account(GAS).stake, stake - 100);
    assert_eq!(bazaar.rule(GAS, reading).as_deref(), Some("X10"));
    let wind = bazaar.meter(0, WIND, None);
    bazaar.take(vec![(WIND, wind.clone())]);
    assert_eq!(bazaar.rule(WIND, wind).as_deref(), Some("M5"));
    assert!(bazaar.world.state.find::<gridaccord_ledger::records::Head>(&base::head()).is_some());
    assert_eq!(bazaar.world.head().now, TimeS(START + 300));
}

/// The same reading as if it were the utility's.
fn utility(command: &SealedCommand) -> SealedCommand {
    let SealedCommand::Meter { reading, deviation } = command else { panic!("a reading") };
    let (mut reading, mut deviation) = (reading.clone(), deviation.clone());
    reading.participant = MemberId(UTILITY);
    deviation.participant = MemberId(UTILITY);
    SealedCommand::Meter { reading, deviation }
}

#[test]
fn one_block_of_proofs_names_the_false_one() {
    let mut bazaar = Bazaar::new(95);
    let offers = bazaar.offers();
    let mut commands: Vec<_> = offers.iter().map(|(id, o)| (*id, bazaar.seal(0, *id, o))).collect();
    // Two firm demands with their proofs exchanged stand among good ones.
    let proofs = [4usize, 5].map(|at| submission_of(&commands[at].1).proof);
    for (at, proof) in [(4usize, &proofs[1]), (5, &proofs[0])] {
        let SealedCommand::Curve { submission, .. } = &mut commands[at].1 else { panic!("curve") };
        submission.proof = proof.clone();
    }
    let outcome = bazaar.take(commands);
    let named: Vec<u16> = sealed_events(&outcome.events)
        .into_iter()
        .filter_map(|event| match event {
            SealedEvent::ProofFalse { member, rule: 17, .. } => Some(member.0),
            _ => None,
        })
        .collect();
    assert_eq!(named, [TENANTS[0], TENANTS[1]]);
    assert_eq!(bazaar.gate(0).book.market, 6);
    let _ = Offered::Firm(Watts(0));
}
