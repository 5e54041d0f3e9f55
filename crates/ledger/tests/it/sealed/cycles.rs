//! Billing cycles: rounding, the two totals, the pool, and bills that verify offline.

use super::world::*;
use crate::it::common::START;
use commonware_codec::{DecodeExt as _, Encode as _};
use gridaccord_ledger::sealed::{
    self, CycleRecord, CycleStage, PotKind, SealedCommand, SealedEvent, key,
};
use gridaccord_model::{GateId, MemberId};
use gridaccord_sealed::{
    bill::{Bill, make_bill, verify_bills},
    cycle::CycleClose,
    gate::SumIndex,
    group::{Commitment, Opening, combine},
    tariff::MONEY_PER_MICRO,
};

fn record(bazaar: &Bazaar, cycle: u64) -> CycleRecord {
    bazaar.world.state.find(&key::cycle(cycle)).unwrap()
}

/// Two gates lived, so that cycle 0 is closing.
fn closing(seed: u64) -> Bazaar {
    let mut bazaar = Bazaar::new(seed);
    bazaar.live(0);
    bazaar.live(1);
    assert!(matches!(record(&bazaar, 0).stage, CycleStage::Closing { .. }));
    bazaar
}

#[test]
fn a_cycle_from_closing_to_balance() {
    let mut bazaar = closing(60);
    let members = bazaar.posted(1);
    let (mut net, mut whole, mut rests) = (0i128, 0i128, 0i128);
    let mut closes = Vec::new();
    for id in members.iter().copied() {
        let (energy, money) = bazaar.parties[&id].cycle.as_ref().unwrap();
        net += energy.value();
        whole += money.value().div_euclid(MONEY_PER_MICRO);
        rests += money.value().rem_euclid(MONEY_PER_MICRO);
        closes.push((id, bazaar.closing(0, id)));
    }
    let posted: Vec<CycleClose> = closes
        .iter()
        .map(|(_, command)| match command {
            SealedCommand::Close { close } => close.clone(),
            _ => unreachable!("closings"),
        })
        .collect();
    bazaar.take(closes);
    for id in &members {
        assert_eq!(bazaar.parties[id].balance.commit(), bazaar.account(*id).balance);
    }
    assert!(matches!(record(&bazaar, 0).stage, CycleStage::Opening { .. }));
    // Energy first; the other total is out of turn.
    let energy = bazaar.total_opening(0, SumIndex::CycleEnergy);
    let money = bazaar.total_opening(0, SumIndex::CycleMoney);
    assert_eq!(i128::from(energy.value), net);
    assert_eq!(i128::from(money.value), whole);
    let open = |opening| SealedCommand::Open { opening };
    assert_eq!(bazaar.rule(AUDITOR, open(money.clone())).as_deref(), Some("Z29"));
    bazaar.take(vec![(AUDITOR, open(energy.clone()))]);
    assert_eq!(bazaar.rule(AUDITOR, open(energy)).as_deref(), Some("Z29"));
    let outcome = bazaar.take(vec![(AUDITOR, open(money))]);
    let balanced = sealed_events(&outcome.events);
    let ended = balanced.iter().find_map(|event| match event {
        SealedEvent::CycleBalanced { lost, within, credit, .. } => Some((*lost, *within, *credit)),
        _ => None,
    });
    let (lost, within, credit) = ended.unwrap();
    assert_eq!(i128::from(lost.unwrap().0), net);
    assert_eq!(i128::from(credit.unwrap().0), whole);
    assert_eq!(within, (0..=720_000).contains(&net));
    // The pool gave every whole credit and kept what rounding took: minus the fees of its openers.
    let openings = sealed_events(&bazaar.events)
        .iter()
        .filter(|event| {
            matches!(event, SealedEvent::SumOpened { .. } | SealedEvent::TotalOpened { .. })
        })
        .count();
    let fees = i128::try_from(openings).unwrap() * 1_000 * MONEY_PER_MICRO;
    // Remainders are hidden each. Together with the pool their value is public; what blinds it is what blinds the
    // whole credits, which nobody knows but their owners.
    let both = combine(&[(1, &bazaar.pot(PotKind::Pool)), (1, &bazaar.pot(PotKind::Remainder))], 0);
    let wholes: Vec<(i128, &Opening)> =
        members.iter().map(|id| (-MONEY_PER_MICRO, &bazaar.wholes[id])).collect();
    let left = Opening::combine(&wholes, whole * MONEY_PER_MICRO - fees).unwrap();
    assert_eq!((left.value(), left.commit()), (-fees, both));
    assert!(rests >= 0);
    let owed = i128::from(record(&bazaar, 0).owed);
    let held = -whole * MONEY_PER_MICRO;
    let paid = owed.min(held.max(0));
    assert_eq!(bazaar.pot(PotKind::Losses), Commitment::public(held - paid));
    assert_eq!(bazaar.head().cycle, 1);

    // Bills: one for each, from public records and the member's own opening alone.
    let root = gridaccord_ledger::Digest([9; 32]);
    for (id, close) in members.iter().zip(&posted) {
        let lines = sealed::bill_lines(&bazaar.world.state, 0, MemberId(*id)).unwrap().unwrap();
        assert_eq!(lines.len(), 2);
        let facts = bazaar.cycle_places[id];
        let whole = &bazaar.wholes[id];
        let bill = make_bill(&facts, (7, root), lines, close.clone(), whole).unwrap();
        let bill = Bill::decode(bill.encode()).unwrap();
        assert_eq!(verify_bills(std::slice::from_ref(&bill), Some(root)), []);
        let mut other = bill;
        other.total.0 += 1;
        assert_eq!(verify_bills(&[other], Some(root)).len(), 1);
    }
}

#[test]
fn who_does_not_close_is_named_and_the_rest_is_balanced() {
    let mut bazaar = closing(61);
    let silent = TENANTS[2];
    let closes: Vec<_> = bazaar
        .posted(1)
        .into_iter()
        .filter(|id| *id != silent)
        .map(|id| (id, bazaar.closing(0, id)))
        .collect();
    let (first, again) = closes[0].clone();
    bazaar.take(closes);
    assert_eq!(bazaar.rule(first, again).as_deref(), Some("X14"));
    for _ in 0..13 {
        bazaar.block(vec![]);
    }
    let missing = sealed_events(&bazaar.events).into_iter().find_map(|event| match event {
        SealedEvent::CycleOpening { missing, .. } => Some(missing.into_inner()),
        _ => None,
    });
    assert_eq!(missing.unwrap(), [MemberId(silent)]);
    let energy = bazaar.total_opening(0, SumIndex::CycleEnergy);
    bazaar.take(vec![(AUDITOR, SealedCommand::Open { opening: energy })]);
    // Nobody opens the money: the cycle ends all the same, and the next one can.
    for _ in 0..13 {
        bazaar.block(vec![]);
    }
    assert!(matches!(
        record(&bazaar, 0).stage,
        CycleStage::Ended { energy: Some(_), credit: None }
    ));
    assert_eq!(bazaar.head().cycle, 1);
}

#[test]
fn a_closing_is_proven_and_its_own() {
    let mut bazaar = closing(62);
    let close = bazaar.closing(0, SOLAR);
    assert_eq!(bazaar.rule(WIND, close.clone()).as_deref(), Some("Z18"));
    // A rounded-up Q cannot be proven; under another's Q the proof is false, and that costs the bond.
    let SealedCommand::Close { close: mut rounded } = close.clone() else { panic!("a closing") };
    rounded.whole = Opening::public(1_000_000).commit();
    let stake = bazaar.world.account(SOLAR).stake;
    bazaar.take(vec![(SOLAR, SealedCommand::Close { close: rounded })]);
    assert_eq!(bazaar.world.account(SOLAR).stake, stake - 100);
    assert_eq!(bazaar.rule(SOLAR, close), None);
    let SealedCommand::Close { close: mut other } = bazaar.closing(0, WIND) else {
        panic!("a closing")
    };
    other.cycle = GateId(1);
    assert_eq!(bazaar.rule(WIND, SealedCommand::Close { close: other }).as_deref(), Some("X13"));
    assert!(bazaar.world.head().now.0 >= START);
}
