//! Opening sums: shares, thresholds, and what a holder refuses.

use crate::world::{firm, idle, rng, six};
use commonware_codec::{DecodeExt as _, Encode as _};
use curve25519_dalek::Scalar;
use gridaccord_model::{GateId, OwnerId, Watts, codec::Bounded};
use gridaccord_sealed::{
    Refusal,
    book::{Book, SealedGate},
    clearing::Search,
    gate::SumIndex,
    group::{Commitment, base},
    holder::{Closing, Holder},
    logarithm::LogTable,
    opening::{OpenSum, Share, assemble},
    rehearsal::Rehearsal,
    submission::VerifiedSubmission,
    tariff::PRICES,
};

/// Six parties of which the first three offer nothing.
fn gate(market: &Rehearsal, seed: u64) -> SealedGate {
    let mut rng = rng(seed);
    let postings = (3..6).map(|member| firm(market, member, 1_000, &mut rng)).collect();
    let mut verified = market.verify(postings).unwrap();
    verified.extend(supply(market, &mut rng));
    SealedGate::new(market.close(verified).unwrap(), market.tariff, Watts(0), Search::cold())
}

fn supply(market: &Rehearsal, rng: &mut rand_chacha::ChaCha20Rng) -> Vec<VerifiedSubmission> {
    let seal = |party| market.seal(party, &idle(), rng).unwrap().0;
    market.verify(market.parties[..3].iter().map(seal).collect()).unwrap()
}

fn give(holder: &mut Holder, gate: &SealedGate, seed: u64) -> Share {
    let intent = holder.intend(gate, Closing::Final).unwrap();
    holder.give(intent.persisted(), &mut rng(seed)).unwrap()
}

#[test]
fn a_false_share_is_named_and_the_others_open() {
    let mut market = six(20);
    let gate = gate(&market, 20);
    let sum = gate.next_sum().unwrap().unwrap();
    let mut shares: Vec<Share> =
        market.holders.iter_mut().map(|holder| give(holder, &gate, 1)).collect();
    shares[1].point = Commitment::new(shares[1].point.point() + base());
    let table = LogTable::new(10);
    let open = assemble(&sum, &market.epoch, &shares, &table, 1 << 20).unwrap();
    assert_eq!((open.value, open.shares.len()), (-3_000, 3));
    assert!(!shares[1].holds(&sum, &market.epoch) && shares[0].holds(&sum, &market.epoch));
    let error = assemble(&sum, &market.epoch, &shares[..3], &table, 1 << 20).unwrap_err();
    assert_eq!((error.refusal, error.false_shares), (Refusal::SharesTooFew, vec![1]));
    let error = assemble(&sum, &market.epoch, &shares, &table, 100).unwrap_err();
    assert_eq!(error.refusal, Refusal::OpeningNotFound);
}

#[test]
fn forged_openings_are_refused_rule_by_rule() {
    let mut market = six(21);
    let mut gate = gate(&market, 21);
    let sum = gate.next_sum().unwrap().unwrap();
    let shares: Vec<Share> =
        market.holders.iter_mut().map(|holder| give(holder, &gate, 2)).collect();
    let honest = assemble(&sum, &market.epoch, &shares[..3], &LogTable::new(10), 1 << 20).unwrap();
    let with =
        |shares: Vec<Share>| OpenSum { shares: Bounded::new(shares).unwrap(), ..honest.clone() };
    let mut forged = shares[2];
    forged.point = Commitment::new(forged.point.point() * Scalar::from(2u64));
    let stranger = Share { holder: 9, ..shares[2] };
    let table = [
        (OpenSum { gate: GateId(9), ..honest.clone() }, Refusal::WrongPlace),
        (OpenSum { index: SumIndex::Reserve, ..honest.clone() }, Refusal::WrongPlace),
        (with(shares[..2].to_vec()), Refusal::SharesTooFew),
        (with(shares.clone()), Refusal::SharesTooFew),
        (with(vec![shares[0], shares[0], shares[1]]), Refusal::ShareHolder),
        (with(vec![shares[1], shares[0], shares[2]]), Refusal::ShareHolder),
        (with(vec![shares[0], shares[1], stranger]), Refusal::ShareHolder),
        (with(vec![shares[0], shares[1], forged]), Refusal::ShareFalse),
        (with(vec![shares[0], shares[1], Share { holder: 3, ..shares[2] }]), Refusal::ShareFalse),
        (OpenSum { value: honest.value + 1, ..honest.clone() }, Refusal::OpeningFalse),
    ];
    for (row, (open, expected)) in table.iter().enumerate() {
        assert_eq!(open.verify(&sum, &market.epoch), Err(*expected), "row {row}");
    }
    let opened = honest.verify(&sum, &market.epoch).unwrap();
    gate.accept(&opened).unwrap();
    assert_eq!(gate.accept(&opened), Err(Refusal::OutOfTurn));
    // Shares of one sum do not open the next.
    let next = gate.next_sum().unwrap().unwrap();
    let moved = OpenSum { index: next.index(), ..honest };
    assert_eq!(moved.verify(&next, &market.epoch), Err(Refusal::ShareFalse));
}

#[test]
fn errors_of_two_shares_that_cancel_are_found() {
    let mut market = six(28);
    let gate = gate(&market, 28);
    let sum = gate.next_sum().unwrap().unwrap();
    let mut shares: Vec<Share> =
        market.holders.iter_mut().map(|holder| give(holder, &gate, 3)).collect();
    // The response is a share's last scalar: one more here, one less there.
    for (share, by) in [(0, Scalar::ONE), (1, -Scalar::ONE)] {
        let mut bytes = shares[share].encode().to_vec();
        let at = bytes.len() - 32;
        let old: [u8; 32] = bytes[at..].try_into().unwrap();
        let new = Scalar::from_canonical_bytes(old).unwrap() + by;
        bytes[at..].copy_from_slice(new.as_bytes());
        shares[share] = Share::decode(bytes::Bytes::from(bytes)).unwrap();
    }
    let open = OpenSum {
        gate: market.gate.gate,
        index: sum.index(),
        value: -3_000,
        shares: Bounded::new(shares[..3].to_vec()).unwrap(),
    };
    assert_eq!(open.verify(&sum, &market.epoch), Err(Refusal::ShareFalse));
    let error = assemble(&sum, &market.epoch, &shares, &LogTable::new(10), 1 << 20).unwrap_err();
    assert_eq!((error.refusal, error.false_shares), (Refusal::SharesTooFew, vec![0, 1]));
}

#[test]
fn a_holder_gives_each_share_once_for_one_set_and_one_gate_of_an_interval() {
    let mut market = six(22);
    let first = gate(&market, 22);
    let mut holder = market.holders.remove(0);
    assert_eq!(holder.intend(&first, Closing::Pending).unwrap_err(), Refusal::NotFinal);
    let intent = holder.intend(&first, Closing::Final).unwrap();
    let twice = holder.intend(&first, Closing::Final).unwrap();
    let record = intent.record();
    assert_eq!(usize::from(u8::try_from(14).unwrap()), PRICES / 2);
    assert_eq!(record.index, SumIndex::Price(14));
    holder.give(intent.persisted(), &mut rng(1)).unwrap();
    assert_eq!(holder.give(twice.persisted(), &mut rng(1)).unwrap_err(), Refusal::ShareGiven);
    // Another set of curves under the same gate: the same members, sealed again.
    let other = gate(&market, 23);
    assert_ne!(other.book().set(), first.book().set());
    assert_eq!(holder.intend(&other, Closing::Final).unwrap_err(), Refusal::ShareGiven);
    // A second gate for the same interval, after anything was opened.
    market.gate.gate = GateId(2);
    let second = gate(&market, 24);
    assert_eq!(holder.intend(&second, Closing::Final).unwrap_err(), Refusal::ShareGiven);
    // The next interval's gate is free.
    market.next_gate();
    let third = gate(&market, 25);
    assert!(holder.intend(&third, Closing::Final).is_ok());
    // A gate pinned to another epoch is not.
    market.gate.epoch = 2;
    let foreign = gate(&market, 26);
    assert_eq!(holder.intend(&foreign, Closing::Final).unwrap_err(), Refusal::WrongPlace);
}

#[test]
fn a_book_needs_three_owners_on_each_side_and_one_curve_a_member() {
    let mut rng = rng(27);
    let market = six(27);
    let supply = supply(&market, &mut rng);
    let demand: Vec<_> = (3..5).map(|member| firm(&market, member, 1_000, &mut rng)).collect();
    let demand = market.verify(demand).unwrap();
    let few: Vec<_> = supply.iter().cloned().chain(demand).collect();
    assert_eq!(market.close(few).unwrap_err(), Refusal::OwnersTooFew);
    let mut book = Book::open(market.gate);
    let (owner, live) = (OwnerId(0), &market.parties[0].live);
    book.admit(owner, live, supply[0].clone()).unwrap();
    assert_eq!(book.admit(owner, live, supply[0].clone()), Err(Refusal::CurveStands));
    assert_eq!(book.admit(owner, live, supply[1].clone()), Err(Refusal::WrongPlace));
    let mut elsewhere =
        Book::open(gridaccord_sealed::transcript::GateFacts { gate: GateId(5), ..market.gate });
    assert_eq!(elsewhere.admit(owner, live, supply[0].clone()), Err(Refusal::WrongPlace));
}
