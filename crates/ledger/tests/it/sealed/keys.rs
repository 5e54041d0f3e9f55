//! Key generation on the ledger: with silent, lying and slandering holders.

use super::world::*;
use crate::it::common::START;
use gridaccord_ledger::{
    Event,
    gate::{Failure, Phase},
    sealed::{self, Generation, SealedCommand, SealedEvent},
};
use gridaccord_model::{GateId, codec::Bounded};
use gridaccord_sealed::{keygen::Receiver, rehearsal::deal_falsely};

#[test]
fn f_silent_holders_change_nothing() {
    let mut bazaar = Bazaar::bare(terms(), 20);
    bazaar.generate(&[1, 4]);
    let key = bazaar.epoch_key(1);
    assert_eq!((key.threshold(), key.size(), key.qualified()), (5, 7, &[0u16, 2, 3, 5, 6][..]));
    assert_eq!(bazaar.keepers.len(), 5);
    // The five that are left open a gate.
    bazaar.certify_all();
    bazaar.world.at(START - 290);
    bazaar.block(vec![]);
    bazaar.fill(0);
    bazaar.close(0);
    let opening = bazaar.opening(0, &[0, 1, 2, 3, 4]);
    bazaar.take(vec![(AUDITOR, SealedCommand::Open { opening })]);
}

#[test]
fn with_fewer_than_n_minus_f_nothing_begins() {
    let mut bazaar = Bazaar::bare(terms(), 21);
    let few = (0..4).map(|holder| bazaar.enrolment(holder)).collect();
    bazaar.take(few);
    for _ in 0..8 {
        bazaar.block(vec![]);
    }
    assert!(matches!(bazaar.head().generation, Generation::Enrolling { .. }));
    // No key: the gate opens and fails by name.
    bazaar.world.at(START - 290);
    bazaar.block(vec![]);
    assert!(matches!(bazaar.gate(0).phase, Phase::Failed { reason: Failure::NoKey }));
}

#[test]
fn a_false_share_puts_its_dealer_out_and_costs_it_tokens() {
    let mut bazaar = Bazaar::bare(terms(), 22);
    let enrolments = (0..7).map(|holder| bazaar.enrolment(holder)).collect();
    bazaar.take(enrolments);
    let mut dealings: Vec<_> = (0..7).map(|holder| bazaar.dealing(holder)).collect();
    // The proofs of a dealing are over all of it: a share changed afterwards is refused at once.
    let SealedCommand::Deal { dealing } = &dealings[2].1 else { panic!("a dealing") };
    let mut forged = dealing.clone();
    let mut shares = forged.shares.into_inner();
    shares.swap(0, 1);
    forged.shares = Bounded::new(shares).unwrap();
    let rule = bazaar.rule(GAS, SealedCommand::Deal { dealing: forged });
    assert_eq!(rule.as_deref(), Some("X4"));
    dealings.remove(2);
    bazaar.take(dealings);
    // An unfounded complaint is the complainer's fault.
    while !matches!(bazaar.head().generation, Generation::Complaining { .. }) {
        bazaar.block(vec![]);
    }
    let ceremony = sealed::generation(&bazaar.world.state, 1).unwrap().unwrap();
    let receiver = Receiver::new(1, bazaar.secret(1));
    let honest = receiver.complaints(&ceremony.dealings, &mut bazaar.rng);
    assert!(honest.is_empty(), "nobody honest complains");
    let slander = receiver.complain(&ceremony.dealings, 0, &mut bazaar.rng).unwrap();
    let before = bazaar.world.account(WIND).stake;
    let outcome = bazaar.take(vec![(WIND, SealedCommand::Complain { complaint: slander })]);
    let named = |event: &Event| {
        matches!(event, Event::Sealed { sealed: SealedEvent::HolderFault { holder: 1, .. } })
    };
    assert!(outcome.events.iter().any(named));
    assert!(bazaar.world.account(WIND).stake < before);
    assert!(bazaar.world.index(WIND) < 100_000);
    let again = receiver.complain(&ceremony.dealings, 0, &mut bazaar.rng).unwrap();
    let rule = bazaar.rule(WIND, SealedCommand::Complain { complaint: again });
    assert_eq!(rule.as_deref(), Some("X17"));
    // A complaint in another's name does not prove its key.
    let mut borrowed = receiver.complain(&ceremony.dealings, 3, &mut bazaar.rng).unwrap();
    borrowed.receiver = 0;
    let rule = bazaar.rule(SOLAR, SealedCommand::Complain { complaint: borrowed });
    assert_eq!(rule.as_deref(), Some("X4"));
    for _ in 0..5 {
        bazaar.block(vec![]);
    }
    assert_eq!(bazaar.epoch_key(1).qualified(), [0, 1, 3, 4, 5, 6]);
}

#[test]
fn a_founded_complaint_puts_the_dealer_out() {
    let mut bazaar = Bazaar::bare(terms(), 23);
    let enrolments = (0..7).map(|holder| bazaar.enrolment(holder)).collect();
    bazaar.take(enrolments);
    // Holder 2 gives holder 0 a false share, and proves all that a dealing proves.
    let ceremony = sealed::generation(&bazaar.world.state, 1).unwrap().unwrap();
    let dealings: Vec<_> =
        (0..7).filter(|holder| *holder != 2).map(|h| bazaar.dealing(h)).collect();
    bazaar.take(dealings);
    let dealing = deal_falsely(&ceremony.committee, 2, 0, &mut bazaar.rng).unwrap();
    bazaar.take(vec![(GAS, SealedCommand::Deal { dealing })]);
    assert!(matches!(bazaar.head().generation, Generation::Complaining { .. }));
    let ceremony = sealed::generation(&bazaar.world.state, 1).unwrap().unwrap();
    let receiver = Receiver::new(0, bazaar.secret(0));
    let [complaint] = receiver.complaints(&ceremony.dealings, &mut bazaar.rng)[..] else {
        panic!("one false share")
    };
    assert_eq!(complaint.dealer, 2);
    let stake = bazaar.world.account(GAS).stake;
    let finder = bazaar.world.account(SOLAR).stake;
    let outcome = bazaar.take(vec![(SOLAR, SealedCommand::Complain { complaint })]);
    let out = SealedEvent::DealerOut { epoch: 1, dealer: 2, receiver: 0 };
    assert!(outcome.events.contains(&Event::Sealed { sealed: out }));
    let lost = stake - bazaar.world.account(GAS).stake;
    assert!(lost >= 100);
    assert_eq!(bazaar.world.account(SOLAR).stake, finder + lost / 10);
    let rule = bazaar.rule(SOLAR, SealedCommand::Complain { complaint });
    assert_eq!(rule.as_deref(), Some("X19"));
    for _ in 0..5 {
        bazaar.block(vec![]);
    }
    assert_eq!(bazaar.epoch_key(1).qualified(), [0, 1, 3, 4, 5, 6]);
    bazaar.keepers = (0..7).map(|holder| bazaar.keeper(holder, &[])).collect();
}

#[test]
fn a_failed_generation_keeps_the_old_key_one_more_epoch() {
    // An epoch is one gate: gate 0 has key 1, gate 1 still opens under it, gate 2 has none.
    let mut short = terms();
    short.epoch_gates = 1;
    let mut bazaar = Bazaar::with(short, 24);
    assert_eq!(bazaar.head().epoch, 1);
    for gate in 1..3u64 {
        let opens = bazaar.world.genesis.market.opens(GateId(gate)).0;
        bazaar.world.at(opens);
        bazaar.block(vec![]);
        let failed = matches!(bazaar.gate(gate).phase, Phase::Failed { reason: Failure::NoKey });
        assert_eq!(failed, gate == 2, "gate {gate}");
    }
    for _ in 0..8 {
        bazaar.block(vec![]);
    }
    assert!(bazaar.head().run > 2, "it is tried again");
    let failures = sealed_events(&bazaar.events);
    assert!(failures.iter().any(|event| matches!(event, SealedEvent::KeyFailed { .. })));
}

#[test]
fn a_gate_is_pinned_to_its_key() {
    let mut short = terms();
    short.epoch_gates = 1;
    let mut bazaar = Bazaar::with(short, 25);
    bazaar.fill(0);
    let old = bazaar.head().epoch;
    // The next epoch's key is generated while gate 0 is open.
    let awake: Vec<usize> = (0..7).collect();
    let keepers = core::mem::take(&mut bazaar.keepers);
    while !matches!(bazaar.head().generation, Generation::Dealing { .. }) {
        bazaar.block(vec![]);
    }
    let dealings = awake.iter().map(|holder| bazaar.dealing(*holder)).collect();
    bazaar.take(dealings);
    for _ in 0..6 {
        bazaar.block(vec![]);
    }
    assert!(bazaar.head().epoch > old);
    bazaar.close(0);
    // The new key's holders owe nothing here; the old one's do.
    bazaar.keepers = awake.iter().map(|holder| bazaar.keeper(*holder, &[])).collect();
    let state = sealed::Final::after_finalised(&bazaar.world.state);
    let refused = bazaar.keepers[0].due(state, GateId(0)).unwrap().unwrap();
    assert_eq!(refused.unwrap_err(), gridaccord_sealed::Refusal::WrongPlace);
    bazaar.keepers = keepers;
    bazaar.open(0, AUDITOR);
    assert_eq!(bazaar.world.phase(0), "decided");
}

#[test]
fn enrolment_is_proven_and_its_own() {
    let mut long = terms();
    long.key_window = 9;
    let mut bazaar = Bazaar::bare(long, 26);
    let (author, own) = bazaar.enrolment(0);
    let SealedCommand::Enrol { enrolment, .. } = &own else { panic!("an enrolment") };
    // Another's proof, another's place, no validator, no such place.
    let moved = SealedCommand::Enrol { holder: 1, enrolment: *enrolment };
    assert_eq!(bazaar.rule(WIND, moved.clone()).as_deref(), Some("X3"));
    assert_eq!(bazaar.rule(SOLAR, moved).as_deref(), Some("X1"));
    assert_eq!(bazaar.rule(UTILITY, own.clone()).as_deref(), Some("X1"));
    let beyond = SealedCommand::Enrol { holder: 7, enrolment: *enrolment };
    assert_eq!(bazaar.rule(SOLAR, beyond).as_deref(), Some("X1"));
    let (_, dealing) = {
        let rest = (0..7).map(|holder| bazaar.enrolment(holder)).collect();
        bazaar.take(rest);
        bazaar.dealing(0)
    };
    assert_eq!(bazaar.rule(author, own).as_deref(), Some("X2"));
    assert_eq!(bazaar.rule(WIND, dealing.clone()).as_deref(), Some("X1"));
    assert_eq!(bazaar.rule(author, dealing.clone()), None);
    assert_eq!(bazaar.rule(author, dealing).as_deref(), Some("X4"));
}
