//! Attacks that must not work: each with everything an attacker can see.

use super::world::*;
use gridaccord_ledger::{
    Command, Event,
    gate::Phase,
    sealed::{self, Accusation, Final, SealedCommand, SealedEvent, SealedPart, SignedShare, key},
};
use gridaccord_model::{GateId, MemberId, Watts};
use gridaccord_sealed::{
    Refusal as ProofRefusal,
    group::{Commitment, Point},
    opening::{OpenSum, Share},
    rehearsal::Offered,
    statement::Cipher,
    submission::{Body, FirmBody},
};

fn stands(bazaar: &Bazaar, gate: u64, id: u16) -> bool {
    let part = key::part(GateId(gate), MemberId(id));
    bazaar.world.state.find::<SealedPart>(&part).is_some_and(|part| part.curve.is_some())
}

fn lost(outcome: &gridaccord_ledger::Outcome) -> u64 {
    sealed_events(&outcome.events)
        .iter()
        .map(|event| match event {
            SealedEvent::ProofFalse { lost, .. } => *lost,
            _ => 0,
        })
        .sum()
}

#[test]
fn a_copied_mauled_or_negated_curve_costs_its_bond_and_enters_no_sum() {
    let mut bazaar = Bazaar::new(40);
    let offers = bazaar.offers();
    let mut commands: Vec<_> = offers.iter().map(|(id, o)| (*id, bazaar.seal(0, *id, o))).collect();
    let victim = submission_of(&commands[0].1);
    // The campus' own basis, with the victim's curve under its own name.
    let own = bazaar.seal(0, CAMPUS, &Offered::Firm(Watts(1_000)));
    let SealedCommand::Curve { basis, .. } = own.clone() else { panic!("a curve") };
    bazaar.parties.get_mut(&CAMPUS).unwrap().curves.clear();
    let mut copied = victim.clone();
    copied.participant = MemberId(CAMPUS);
    bazaar.take(std::mem::take(&mut commands));
    let copy = SealedCommand::Curve { basis, submission: copied };
    let outcome = bazaar.take(vec![(CAMPUS, copy.clone())]);
    assert_eq!(lost(&outcome), 100);
    assert!(!stands(&bazaar, 0, CAMPUS));
    // It is out of this gate, its own curve included.
    assert_eq!(bazaar.rule(CAMPUS, own).as_deref(), Some("X10"));

    // As the last poster: the others' ciphertexts negated, but for the victim's.
    let own = bazaar.seal(0, UTILITY, &Offered::Firm(Watts(0)));
    let SealedCommand::Curve { basis, submission } = own else { panic!("a curve") };
    bazaar.parties.get_mut(&UTILITY).unwrap().curves.clear();
    let (mut k, mut m) = (Commitment::zero().point(), Commitment::zero().point());
    for id in bazaar.posted(0).into_iter().filter(|id| *id != SOLAR) {
        let posted = sealed::submission(&bazaar.world.state, GateId(0), MemberId(id));
        let cipher = posted.unwrap().unwrap().body.cipher(14).unwrap();
        k -= cipher.k.point();
        m -= cipher.m.point();
    }
    let Body::Firm(honest) = &submission.body else { panic!("firm") };
    let body = FirmBody {
        point: honest.point,
        cipher: Cipher { k: Point::new(k).unwrap(), m: Commitment::new(m) },
    };
    let mut last = submission.clone();
    last.body = Body::Firm(Box::new(body));
    let outcome = bazaar.take(vec![(UTILITY, SealedCommand::Curve { basis, submission: last })]);
    assert_eq!(lost(&outcome), 100);
    assert!(!stands(&bazaar, 0, UTILITY));
    bazaar.close(0);
    let search = sealed::search(&bazaar.world.state, GateId(0)).unwrap().unwrap();
    let members: Vec<u16> = search.table().seats.iter().map(|seat| seat.member.0).collect();
    assert_eq!(members, [SOLAR, WIND, GAS, BATTERY, 5, 6, 7, 8]);
}

#[test]
fn a_curve_serves_one_gate_one_member_and_one_state() {
    let mut bazaar = Bazaar::new(41);
    let offers = bazaar.offers();
    let first = bazaar.seal(0, SOLAR, &offers[0].1);
    assert_eq!(bazaar.rule(WIND, first.clone()).as_deref(), Some("Z18"));
    assert_eq!(bazaar.rule(SOLAR, first.clone()), None);
    assert_eq!(bazaar.rule(SOLAR, first.clone()).as_deref(), Some("Z21"));
    // Replayed under the next gate's number, with that gate's basis: the bond is gone.
    let mut replayed = submission_of(&first);
    let next = bazaar.world.genesis.market.opens(GateId(1)).0;
    bazaar.parties.get_mut(&SOLAR).unwrap().curves.clear();
    bazaar.world.at(next);
    bazaar.block(vec![]);
    replayed.gate = GateId(1);
    let facts = sealed::admission(&bazaar.world.state, GateId(1), MemberId(SOLAR));
    let basis = sealed::basis(&facts.unwrap().unwrap().unwrap());
    let outcome = bazaar.take(vec![(SOLAR, SealedCommand::Curve { basis, submission: replayed })]);
    assert_eq!(lost(&outcome), 100);
    assert!(!stands(&bazaar, 1, SOLAR));

    // A balance that moved meanwhile costs nothing: the basis says so first.
    let mut bazaar = Bazaar::new(42);
    let offers = bazaar.offers();
    let stale = bazaar.seal(0, SOLAR, &offers[0].1);
    let (certificate, mut party) = bazaar.certificate(SOLAR, 2);
    core::mem::swap(&mut party.curves, &mut bazaar.parties.get_mut(&SOLAR).unwrap().curves);
    bazaar.parties.insert(SOLAR, party);
    bazaar.take(vec![(CERTIFIER, SealedCommand::Certify { certificate })]);
    let stake = bazaar.world.account(SOLAR).stake;
    assert_eq!(bazaar.rule(SOLAR, stale).as_deref(), Some("X8"));
    assert_eq!(bazaar.world.account(SOLAR).stake, stake);
    let fresh = bazaar.seal(0, SOLAR, &offers[0].1);
    assert_eq!(bazaar.rule(SOLAR, fresh), None);
}

#[test]
fn no_second_opening_no_other_number_no_other_set() {
    let mut bazaar = Bazaar::new(43);
    bazaar.fill(0);
    bazaar.close(0);
    let all: Vec<usize> = (0..7).collect();
    let first = bazaar.opening(0, &all);
    // A number beside the true one, one share less, one holder twice, another sum's name.
    let open = |opening: OpenSum| SealedCommand::Open { opening };
    let mut beside = first.clone();
    beside.value += 1;
    assert_eq!(bazaar.rule(AUDITOR, open(beside)).as_deref(), Some("Z27"));
    let mut fewer = first.clone();
    let mut shares = fewer.shares.into_inner();
    let last = shares.pop().unwrap();
    fewer.shares = gridaccord_model::codec::Bounded::new(shares.clone()).unwrap();
    assert_eq!(bazaar.rule(AUDITOR, open(fewer)).as_deref(), Some("Z26"));
    let mut twice = first.clone();
    shares.push(shares[3]);
    twice.shares = gridaccord_model::codec::Bounded::new(shares.clone()).unwrap();
    assert_eq!(bazaar.rule(AUDITOR, open(twice)).as_deref(), Some("Z24"));
    let mut forged = first.clone();
    shares.pop();
    shares.push(Share { point: shares[0].point, ..last });
    forged.shares = gridaccord_model::codec::Bounded::new(shares).unwrap();
    assert_eq!(bazaar.rule(AUDITOR, open(forged)).as_deref(), Some("Z25"));
    let mut other = first.clone();
    other.index = gridaccord_sealed::gate::SumIndex::Reserve;
    assert_eq!(bazaar.rule(AUDITOR, open(other)).as_deref(), Some("Z29"));
    assert_eq!(bazaar.rule(AUDITOR, open(first.clone())), None);
    assert_eq!(bazaar.rule(AUDITOR, open(first.clone())).as_deref(), Some("Z29"));
    bazaar.open(0, AUDITOR);
    assert_eq!(bazaar.rule(AUDITOR, open(first)).as_deref(), Some("C6"));
    // The keepers owe nothing more, and a gate that is decided is asked about no other sum.
    let state = Final::after_finalised(&bazaar.world.state);
    let refused = bazaar.keepers[0].due(state, GateId(0)).unwrap().unwrap();
    assert_eq!(refused.unwrap_err(), ProofRefusal::OutOfTurn);
}

#[test]
fn a_set_that_differs_by_one_member_gets_no_share() {
    // Two ledgers that differ in one member's curve, from one genesis and one key.
    let mut bazaar = Bazaar::new(44);
    let offers = bazaar.offers();
    let commands: Vec<_> = offers.iter().map(|(id, o)| (*id, bazaar.seal(0, *id, o))).collect();
    let extra = bazaar.seal(0, CAMPUS, &Offered::Firm(Watts(1_777)));
    let mut forked = bazaar.world.clone();
    bazaar.take(commands.clone());
    let chain = commands.into_iter().chain([(CAMPUS, extra)]);
    forked.block(chain.map(|(by, command)| (by, command.command())).collect());
    bazaar.close(0);
    let closes = bazaar.world.genesis.market.closes(GateId(0)).0;
    forked.at(closes);
    while forked.phase(0) != "opening" {
        forked.block(vec![]);
    }
    // A holder that gave its share on one side gives none on the other, after a restart from its log either.
    let state = Final::after_finalised(&bazaar.world.state);
    let intent = bazaar.keepers[0].due(state, GateId(0)).unwrap().unwrap().unwrap();
    let record = intent.record();
    let mut rng = rng(1);
    bazaar.keepers[0].give(intent.persisted(), &node_key(SOLAR), &mut rng).unwrap();
    let other = Final::after_finalised(&forked.state);
    let refused = bazaar.keepers[0].due(other, GateId(0)).unwrap().unwrap();
    assert_eq!(refused.unwrap_err(), ProofRefusal::ShareGiven);
    let heir = bazaar.keeper(0, &[record]);
    let refused = heir.due(other, GateId(0)).unwrap().unwrap();
    assert_eq!(refused.unwrap_err(), ProofRefusal::ShareGiven);
    let again = heir.due(Final::after_finalised(&bazaar.world.state), GateId(0)).unwrap().unwrap();
    assert_eq!(again.unwrap_err(), ProofRefusal::ShareGiven);
}

#[test]
fn a_wrong_share_is_named_and_slashed_by_its_own_signature() {
    let mut bazaar = Bazaar::new(45);
    bazaar.fill(0);
    bazaar.close(0);
    let all: Vec<usize> = (0..7).collect();
    let signed = bazaar.shares(0, &all);
    let sum = bazaar.next_sum(0);
    let key = sealed::opening_key(&bazaar.world.state, GateId(0)).unwrap().unwrap();
    // Holder 2 sends holder 3's point as its own.
    let wrong = SignedShare {
        share: Share { point: signed[3].share.point, ..signed[2].share },
        ..signed[2]
    };
    let mut shares: Vec<Share> = signed.iter().map(|signed| signed.share).collect();
    shares[2] = wrong.share;
    let open = gridaccord_sealed::opening::assemble(&sum, &key, &shares, table(), 1 << 32).unwrap();
    assert!(open.shares.iter().all(|share| share.holder != 2), "the others open without it");

    let chain = bazaar.world.chain;
    let accuse = |signed: SignedShare, by: u16| {
        let signature = signed.sign(&chain, &node_key(by));
        SealedCommand::Accuse { accusation: Accusation { signed, signature } }
    };
    // An honest share is no evidence, nor is one that another signed.
    let honest = accuse(signed[1], HOLDERS[1]);
    assert_eq!(bazaar.rule(UTILITY, honest).as_deref(), Some("X16"));
    let framed = accuse(wrong, HOLDERS[3]);
    assert_eq!(bazaar.rule(UTILITY, framed).as_deref(), Some("X15"));
    let (stake, finder) = (bazaar.world.account(GAS).stake, bazaar.world.account(UTILITY).stake);
    let outcome = bazaar.take(vec![(UTILITY, accuse(wrong, HOLDERS[2]))]);
    let lost = stake - bazaar.world.account(GAS).stake;
    assert!(lost > 0);
    assert_eq!(bazaar.world.account(UTILITY).stake, finder + lost / 10);
    let named = |event: &Event| {
        matches!(event, Event::Sealed { sealed: SealedEvent::HolderFault { holder: 2, .. } })
    };
    assert!(outcome.events.iter().any(named));
    assert_eq!(bazaar.world.index(GAS), 50_000);
    let twice = accuse(wrong, HOLDERS[2]);
    assert_eq!(bazaar.rule(UTILITY, twice).as_deref(), Some("X17"));
    // A true share over a set that is not the closed one is a breach, too.
    let stray = SignedShare { set: chain, ..signed[4] };
    assert_eq!(bazaar.rule(UTILITY, accuse(stray, HOLDERS[4])), None);
    bazaar.take(vec![(AUDITOR, SealedCommand::Open { opening: open })]);
}

#[test]
fn commands_of_another_kind_have_no_place() {
    let mut bazaar = Bazaar::new(46);
    let reading = crate::it::common::reading(0, SOLAR, 1, 0);
    let need = crate::it::common::need_of(0, TENANTS[0], crate::it::common::need(1, &[]));
    for command in [reading, need] {
        let outcome = bazaar.block(vec![command]);
        assert_eq!(outcome.receipts[0].result.unwrap_err().rule(), "C8");
    }
    let (_, enrol) = bazaar.enrolment(0);
    let mut open = crate::it::common::World::new(crate::it::common::genesis());
    let outcome = open.block(vec![(SOLAR, enrol.command())]);
    assert_eq!(outcome.receipts[0].result.unwrap_err().rule(), "C8");
    assert!(matches!(bazaar.gate(0).phase, Phase::Open { .. }));
    let wager = Command::Wager { gate: GateId(0), tokens: 1 };
    let outcome = bazaar.block(vec![(SOLAR, wager)]);
    assert_eq!(outcome.receipts[0].result.unwrap_err().rule(), "W1");
}
