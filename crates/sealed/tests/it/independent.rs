//! What the independent read of the protocol found: each test failed before its finding was mended.
//! Numbers are those of `docs/decisions/0006-independent-read-of-sealed.md`.

use crate::world::{firm, party, rng, six, tariff};
use gridaccord_model::{GateId, Interval, MemberId, OwnerId, Price, TimeS, Watts};
use gridaccord_sealed::{
    Digest, Refusal,
    account::{Account, Accounts, Prices},
    book::{Book, SealedGate, own_set_point},
    clearing::{Search, Share as Part},
    curve::{Curve, Limits},
    cycle::{CycleFacts, close_cycle, total_cycle},
    gate::Role,
    group::{Opening, Point, SecretScalar},
    holder::{Closing, Holder},
    keygen::{Committee, KeygenError},
    limit::{LimitCertificate, SourceClass},
    metering::{SignedBy, read_meter},
    range::{RangeJob, RangeProof, RangeProofs as _, Width},
    rehearsal::{Offered, Rehearsal, RehearsalError},
    split::{SplitFacts, SupplyFacts, post_supply, source_total, split_energy},
    statement::{ProveError, verify},
    submission::{Admission, SealError, Wallet, seal_curve, seal_firm},
    tariff::PRICES,
};
use std::collections::BTreeMap;

/// A curve of 10 W that holds no reserve: cheap to reason about, three of them are supply.
fn small_curve() -> Offered {
    Offered::Curve(Box::new(Curve::new([Watts(10); PRICES], Watts(0))))
}

#[test]
fn finding_1_a_curve_verified_under_other_gate_facts_enters_no_book() {
    let mut rng = rng(100);
    let market = six(100);
    let party = &market.parties[3];
    let posting = firm(&market, 3, 1_000, &mut rng);
    let verified = verify(posting, &market.admission(party)).unwrap();
    // The same gate number, pinned to another key, epoch, interval, chain or tariff.
    let mut others = vec![market.gate; 5];
    others[0].key = Point::new(gridaccord_sealed::group::base()).unwrap();
    others[1].epoch = 2;
    others[2].interval.duration_s = 600;
    others[3].chain = Digest([8; 32]);
    others[4].grid = Digest([8; 32]);
    for (row, gate) in others.into_iter().enumerate() {
        let admitted = Book::open(gate).admit(OwnerId(3), &party.live, verified.clone());
        let expected = if row == 3 { Refusal::LimitChain } else { Refusal::WrongPlace };
        assert_eq!(admitted, Err(expected), "row {row}");
    }
    // And under another certificate of the same member.
    let mut limit = party.certificate.limit.clone();
    (limit.serial, limit.tier) = (2, 9);
    let issued = LimitCertificate::issue(limit, &market.certifier);
    let newer = issued.check(party.seat.member, market.gate.interval, &market.registry).unwrap();
    let mut book = Book::open(market.gate);
    assert_eq!(book.admit(OwnerId(3), &newer, verified.clone()), Err(Refusal::WrongPlace));
    assert_eq!(book.admit(OwnerId(3), &party.live, verified), Ok(()));
}

#[test]
fn finding_1_a_closing_verified_in_another_cycle_enters_no_total() {
    let mut rng = rng(101);
    let market = six(101);
    let members: BTreeMap<MemberId, OwnerId> =
        (0..3).map(|number| (MemberId(number), OwnerId(number))).collect();
    let mut closings = Vec::new();
    for member in members.keys() {
        let value = Opening::hide(5, &mut rng);
        let facts = CycleFacts {
            cycle: market.gate,
            participant: *member,
            energy: value.commit(),
            money: value.commit(),
        };
        let (close, _) = close_cycle(&facts, &value, &value, &mut rng).unwrap();
        closings.push(verify(close, &facts).unwrap());
    }
    assert!(total_cycle(&market.gate, &members, &closings).is_ok());
    let mut later = market.gate;
    later.epoch = 2;
    assert_eq!(total_cycle(&later, &members, &closings).unwrap_err(), Refusal::WrongPlace);
}

#[test]
fn finding_2_a_certificate_checked_for_one_interval_does_not_serve_a_later_one() {
    let mut rng = rng(102);
    let market = six(102);
    let party = &market.parties[3];
    let mut limit = party.certificate.limit.clone();
    limit.valid_until = market.gate.interval.end();
    let issued = LimitCertificate::issue(limit, &market.certifier);
    let live = issued.check(party.seat.member, market.gate.interval, &market.registry).unwrap();
    let now = Admission { limit: live, ..market.admission(party) };
    let mut later = now.clone();
    later.gate.interval = Interval { start: now.gate.interval.end(), duration_s: 300 };
    let wallet = Wallet { limits: &party.openings, balance: &party.balance, allowance: None };
    assert!(seal_firm(Watts(5), &now, &wallet, &mut rng).is_ok());
    let late = seal_firm(Watts(5), &later, &wallet, &mut rng).err();
    assert_eq!(late, Some(SealError::Refused(Refusal::LimitExpired)));
    // A verifier refuses too, whoever proved; readings live under the same rule.
    let posting = firm(&market, 3, 5, &mut rng);
    assert_eq!(verify(posting, &later).unwrap_err(), Refusal::LimitExpired);
    let mut meter = market.meter_facts(party, 0);
    (meter.limit, meter.gate) = (later.limit, later.gate);
    let signer = (SignedBy::Meter, &party.meter);
    let (none, some) = (gridaccord_model::Joules(0), gridaccord_model::Joules(9));
    let read = read_meter(none, some, &meter, &party.openings, signer, &mut rng).err();
    assert_eq!(read, Some(SealError::Refused(Refusal::LimitExpired)));
}

#[test]
fn finding_3_an_allowance_covers_the_reserve_that_may_be_called() {
    let mut rng = rng(103);
    let market = six(103);
    let party = &market.parties[0];
    let mut limit = party.certificate.limit.clone();
    (limit.source, limit.carbon_mg_per_kwh) = (SourceClass::Biofuel, 230_000);
    let issued = LimitCertificate::issue(limit, &market.certifier);
    let live = issued.check(party.seat.member, market.gate.interval, &market.registry).unwrap();
    let needed = 230_000i128 * 300 * (12_000 + 5_000);
    for (quanta, covered) in [(needed, true), (needed - 1, false)] {
        let allowance = Opening::hide(quanta, &mut rng);
        let facts = Admission {
            limit: live.clone(),
            allowance: Some(allowance.commit()),
            ..market.admission(party)
        };
        let wallet = Wallet {
            limits: &party.openings,
            balance: &party.balance,
            allowance: Some(&allowance),
        };
        let curve = Curve::new([Watts(12_000); PRICES], Watts(5_000));
        match seal_curve(&curve, &facts, &wallet, &mut rng) {
            Ok((posting, secret)) => {
                assert!(covered);
                // The pledge is exactly what the posting may emit, called reserve included.
                let called = Part::Called { gamma: gridaccord_sealed::tariff::SCALE };
                let most = own_set_point(&secret, called).unwrap();
                assert_eq!(most.power, Watts(17_000));
                let last = secret.point(PRICES).unwrap();
                let factor = 230_000 * 300;
                let pledged = Opening::combine(&[(factor, last), (factor, &secret.reserve)], 0);
                assert_eq!(posting.pledge(&facts), pledged.unwrap().commit());
            }
            Err(error) => {
                let expected = SealError::Unprovable(ProveError::OutOfRange { form: 33 });
                assert!(!covered && error == expected);
            }
        }
    }
}

#[test]
fn finding_4_suppliers_of_firm_demand_do_not_hide_a_lone_curve() {
    let mut rng = rng(104);
    let market = six(104);
    let offer = |watts| Offered::Firm(Watts(watts));
    let close = |offers: [Offered; 6], rng: &mut rand_chacha::ChaCha20Rng| {
        let (postings, _) = crate::world::seal_all(&market, &offers, rng);
        market.close(market.verify(postings).unwrap()).err()
    };
    let demand = || [offer(5), offer(6), offer(7)];
    let [a, b, c] = demand();
    // The sums over these would be the first supplier's curve and reserve, moved by a constant.
    let lone = [small_curve(), offer(0), offer(0), a, b, c];
    assert_eq!(close(lone, &mut rng), Some(Refusal::OwnersTooFew));
    let [a, b, c] = demand();
    let two = [small_curve(), small_curve(), offer(0), a, b, c];
    assert_eq!(close(two, &mut rng), Some(Refusal::OwnersTooFew));
    let [a, b, c] = demand();
    let three = [small_curve(), small_curve(), small_curve(), a, b, c];
    assert_eq!(close(three, &mut rng), None);
}

#[test]
fn finding_5_totals_count_owners_not_members() {
    let mut rng = rng(105);
    let market = six(105);
    let cycle = market.gate;
    // Members 3 and 4 are one owner's: with member 5 it would learn member 5's number.
    let two_owners =
        BTreeMap::from([(3, 1), (4, 1), (5, 2)].map(|(m, o)| (MemberId(m), OwnerId(o))));
    let three = BTreeMap::from([(3, 1), (4, 2), (5, 3)].map(|(m, o)| (MemberId(m), OwnerId(o))));
    let (mut closings, mut splits) = (Vec::new(), Vec::new());
    for participant in three.keys().copied() {
        let used = Opening::hide(100, &mut rng);
        let (energy, money) = (used.commit(), used.commit());
        let facts = CycleFacts { cycle, participant, energy, money };
        let (close, _) = close_cycle(&facts, &used, &used, &mut rng).unwrap();
        closings.push(verify(close, &facts).unwrap());
        let facts = SplitFacts { cycle, participant, used: used.commit(), sources: 1 };
        let (split, _) = split_energy(&facts, &used, &[100], &mut rng).unwrap();
        splits.push(verify(split, &facts).unwrap());
    }
    let own = Opening::hide(300, &mut rng);
    let facts = SupplyFacts { cycle, participant: MemberId(0), supplied: own.commit() };
    let supply = verify(post_supply(&facts, &own, &mut rng).unwrap(), &facts).unwrap();
    let few = Some(Refusal::OwnersTooFew);
    assert_eq!(total_cycle(&cycle, &two_owners, &closings).err(), few);
    assert_eq!(total_cycle(&cycle, &three, &closings).err(), None);
    let source = |members, supplier| {
        source_total(&cycle, (0, MemberId(supplier)), members, &splits, &supply).err()
    };
    assert_eq!(source(&two_owners, 0), few);
    assert_eq!(source(&three, 0), None);
    // Another supplier's figure under this source's number would open the difference of two suppliers.
    assert_eq!(source(&three, 1), Some(Refusal::WrongPlace));
}

fn three_curves_and_three_firms(market: &Rehearsal, seed: u64) -> SealedGate {
    let mut rng = rng(seed);
    let mut offers = vec![small_curve(), small_curve(), small_curve()];
    offers.extend((0..3).map(|_| Offered::Firm(Watts(1_000))));
    let (postings, _) = crate::world::seal_all(market, &offers, &mut rng);
    let closed = market.close(market.verify(postings).unwrap()).unwrap();
    SealedGate::new(closed, market.tariff, Watts(0), Search::cold())
}

#[test]
fn finding_6_no_two_gates_and_no_two_cycles_share_a_second() {
    let mut market = six(106);
    let first = three_curves_and_three_firms(&market, 1);
    let mut holder = market.holders.remove(0);
    let intent = holder.intend(&first, Closing::Final).unwrap();
    let record = intent.record();
    holder.give(intent.persisted(), &mut rng(1)).unwrap();
    // Another gate that starts later and lies half within the first, and one that starts earlier.
    let start = market.gate.interval.start;
    let overlapping = [(start.0 + 150, 300), (start.0 - 100, 101), (start.0 - 100, 450)];
    for (number, (start, duration_s)) in (2..).zip(overlapping) {
        market.gate.gate = GateId(number);
        market.gate.interval = Interval { start: TimeS(start), duration_s };
        let gate = three_curves_and_three_firms(&market, 2);
        assert_eq!(holder.intend(&gate, Closing::Final).unwrap_err(), Refusal::ShareGiven);
    }
    for (number, start) in [(5, start.0 - 300), (6, start.0 + 300)] {
        market.gate.gate = GateId(number);
        market.gate.interval = Interval { start: TimeS(start), duration_s: 300 };
        let gate = three_curves_and_three_firms(&market, 3);
        assert!(holder.intend(&gate, Closing::Final).is_ok());
    }
    // The next epoch's key does not open what this one's did, if the log comes along.
    let (key, epoch) = crate::world::key_share(&mut rng(8));
    let (again, _) = crate::world::key_share(&mut rng(8));
    market.gate.gate = GateId(7);
    (market.gate.interval, market.gate.key) = (record.interval, epoch.key());
    let rekeyed = three_curves_and_three_firms(&market, 4);
    let heir = Holder::new(key, epoch.clone(), &[record]).unwrap();
    assert_eq!(heir.intend(&rekeyed, Closing::Final).unwrap_err(), Refusal::ShareGiven);
    assert!(Holder::new(again, epoch, &[]).unwrap().intend(&rekeyed, Closing::Final).is_ok());
    // A log that says otherwise is not taken up.
    let (key, epoch) = crate::world::key_share(&mut rng(9));
    let mut clash = record;
    (clash.gate, clash.interval.duration_s) = (GateId(7), 1);
    let log = [record, clash];
    let refused = Holder::new(key, epoch, &log).err();
    assert_eq!(refused, Some(Refusal::ShareGiven));
}

#[test]
fn finding_6_a_cycle_is_not_opened_again_under_another_number_and_set() {
    let mut rng = rng(107);
    let mut market = six(107);
    let mut total = |number: u64, count: u16, start: u64| {
        let mut cycle = market.gate;
        cycle.gate = GateId(number);
        cycle.interval = Interval { start: TimeS(start), duration_s: 3_600 };
        let members: BTreeMap<MemberId, OwnerId> =
            (0..count).map(|number| (MemberId(number), OwnerId(number))).collect();
        let mut closings = Vec::new();
        for participant in members.keys().copied() {
            let value = Opening::hide(100 << participant.0, &mut rng);
            let (energy, money) = (value.commit(), value.commit());
            let facts = CycleFacts { cycle, participant, energy, money };
            let (close, _) = close_cycle(&facts, &value, &value, &mut rng).unwrap();
            closings.push(verify(close, &facts).unwrap());
        }
        total_cycle(&cycle, &members, &closings).unwrap().energy
    };
    let (all, without_one, next) = (total(1, 4, 7_200), total(2, 3, 9_000), total(3, 4, 10_800));
    let mut rng = crate::world::rng(108);
    assert_eq!(market.open_total(&all, &mut rng).unwrap().value(), 1_500);
    // The difference of the two would be member 3's number.
    let again = market.open_total(&without_one, &mut rng).unwrap_err();
    assert_eq!(again, RehearsalError::Refused(Refusal::ShareGiven));
    assert!(market.open_total(&next, &mut rng).is_ok());
}

#[test]
fn finding_7_energy_through_both_registers_at_once_never_earns() {
    let tariff = tariff(0);
    for price in tariff.grid.prices() {
        let prices = Prices::of(*price, &tariff, 300).unwrap();
        let wash = prices.amount(1_000_000, 1_000_000, 0, 0).unwrap();
        assert!(wash <= 0, "{wash} µ·J/kWh earned at {price}");
    }
    assert_eq!(tariff.withdrawal(Price(-50_000)), -50_000);
    assert_eq!(tariff.withdrawal(Price(0)), 0);
    assert_eq!(tariff.withdrawal(Price(150_001)), 153_001);
}

#[test]
fn finding_8_secret_numbers_do_not_print() {
    let limits = Limits { import: Watts(424_242), export: Watts(424_242), reserve: Watts(424_242) };
    let offered = Offered::Firm(Watts(424_242));
    let spec = party(1, Role::Consumer, [424_242, 424_242, 424_242]);
    let mut rng = rng(109);
    let market = six(109);
    let (_, secret) =
        market.seal(&market.parties[3], &Offered::Firm(Watts(12_321)), &mut rng).unwrap();
    let own = own_set_point(&secret, Part::At(3)).unwrap();
    assert_eq!(own.power, Watts(-12_321));
    let printed = format!("{limits:?} {offered:?} {spec:?} {own:?} {secret:?} {market:?}");
    for digits in ["424242", "12321"] {
        assert!(!printed.contains(digits), "{digits} in {printed}");
    }
}

#[test]
fn finding_9_deposits_stay_in_the_range_that_funds_are_proven_in() {
    let mut accounts = Accounts::default();
    let account = Account::Member(MemberId(0));
    for (amount, refused) in
        [(-1, true), (0, false), (1 << 63, true), ((1 << 63) - 1, false), (i128::MAX, true)]
    {
        assert_eq!(accounts.deposit(account, amount).is_err(), refused, "{amount}");
    }
}

#[test]
fn finding_10_two_holders_do_not_share_a_key() {
    let mut rng = rng(110);
    let mut keys: Vec<Point> =
        (0..5).map(|_| Point::new(SecretScalar::random(&mut rng).public()).unwrap()).collect();
    assert!(Committee::new(Digest([1; 32]), 1, keys.clone()).is_ok());
    keys[4] = keys[1];
    assert_eq!(Committee::new(Digest([1; 32]), 1, keys).unwrap_err(), KeygenError::KeyTwice);
}

#[test]
fn finding_11_bytes_that_are_no_range_proof_cost_no_search_for_the_culprit() {
    let mut rng = rng(111);
    let market = six(111);
    let facts = market.admission(&market.parties[3]);
    let honest = firm(&market, 3, 1_000, &mut rng);
    let bytes = commonware_codec::Encode::encode(&honest).to_vec();
    // The funds proof stands last: one byte for its masking bases, then a scalar, and so on for six rounds.
    let start = bytes.len() - (1 + 32 * (6 + 12));
    for (from, to) in [(start, start + 1), (start + 1, start + 33)] {
        let mut broken = bytes.clone();
        broken[from..to].fill(0xff);
        let broken: gridaccord_sealed::submission::Submission =
            commonware_codec::DecodeExt::decode(bytes::Bytes::from(broken)).unwrap();
        assert_eq!(verify(broken, &facts).unwrap_err(), Refusal::ProofShape);
    }
    let job = RangeJob {
        width: Width::Bits32,
        transcript: tari_merlin::Transcript::new(b"test"),
        commitments: vec![gridaccord_sealed::group::base()],
        proof: RangeProof::from_bytes(bytes::Bytes::from_static(&[1; 40])).unwrap(),
    };
    assert!(!gridaccord_sealed::range::BulletproofsPlus::verify(&[job]));
}
