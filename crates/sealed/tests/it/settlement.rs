//! Readings, deviation, bills, accounts, cycles, splits, carbon and claims: honest ones hold, false ones do not.

use crate::world::{rng, six};
use commonware_codec::{DecodeExt as _, Encode as _};
use commonware_cryptography::{Signer as _, ed25519};
use gridaccord_model::{CarbonMg, GateId, Joules, MemberId, Money, OwnerId, Price, codec::Label};
use gridaccord_sealed::{
    Digest, Refusal,
    account::{Account, Accounts, Line, LineSecret, Prices},
    bill::{Bill, cycle_facts, make_bill, verify_bills},
    carbon::{ALLOWANCE_PER_MG, BurnFacts, IssueFacts, burn_allowance, issue_allowances},
    claim::{Bounds, ClaimFacts, FeederFacts, claim, pair_feeder},
    cycle::{CycleFacts, check_balance, close_cycle, total_cycle},
    deviation::{DeviationFacts, honest_bound, post_bound, post_deviation},
    group::{Commitment, Opening, base},
    metering::{MeterFacts, Reading, ReadingSecret, Registers, SignedBy, read_meter},
    rehearsal::Rehearsal,
    split::{SplitFacts, SupplyFacts, post_supply, source_total, split_energy},
    statement::{ProveError, verify, verify_all},
    submission::SealError,
    tariff::{MONEY_PER_MICRO, SCALE},
    transcript::Place,
};
use rand_chacha::ChaCha20Rng;
use std::collections::{BTreeMap, BTreeSet};

fn read(
    market: &Rehearsal,
    member: usize,
    injected: i64,
    absorbed: i64,
    rng: &mut ChaCha20Rng,
) -> Result<(Reading, ReadingSecret, MeterFacts), SealError> {
    let party = &market.parties[member];
    let facts = market.meter_facts(party, 5);
    let signer = (SignedBy::Meter, &party.meter);
    let (reading, secret) =
        read_meter(Joules(injected), Joules(absorbed), &facts, &party.openings, signer, rng)?;
    Ok((reading, secret, facts))
}

#[test]
fn readings_hold_up_to_the_rating_and_in_sequence_only() {
    let mut rng = rng(30);
    let market = six(30);
    let rating = 50_000 * 300;
    let (reading, secret, facts) = read(&market, 0, rating, 0, &mut rng).unwrap();
    assert!(verify(reading.clone(), &facts).is_ok());
    assert_eq!(secret.net().unwrap().commit(), reading.registers.net());
    let out_of = |form| Some(SealError::Unprovable(ProveError::OutOfRange { form }));
    assert_eq!(read(&market, 0, rating + 1, 0, &mut rng).err(), out_of(2));
    assert_eq!(read(&market, 0, -1, 0, &mut rng).err(), out_of(0));
    assert_eq!(read(&market, 0, 0, 1, &mut rng).err(), out_of(3));
    let refused = |reading: Reading, facts: &MeterFacts| verify(reading, facts).unwrap_err();
    let later = MeterFacts { sequence: 6, ..facts.clone() };
    assert_eq!(refused(reading.clone(), &later), Refusal::ReadingSequence);
    let mut more = reading.clone();
    more.registers.injected = Commitment::new(more.registers.injected.point() + base());
    assert_eq!(refused(more, &facts), Refusal::ReadingSignature);
    let agent = Reading { signed_by: SignedBy::Agent, ..reading.clone() };
    assert_eq!(refused(agent, &facts), Refusal::ReadingSignature);
    let elsewhere = Reading { gate: GateId(7), ..reading.clone() };
    assert_eq!(refused(elsewhere, &facts), Refusal::WrongPlace);
    // A meter that signs more than its proof covers.
    let (other, _, _) = read(&market, 0, 10, 0, &mut rng).unwrap();
    let swapped = Reading { proof: other.proof, ..reading };
    assert_eq!(refused(swapped, &facts), Refusal::ProofFalse);
    let missing = Registers::at_limit(&market.parties[3].live, 300);
    let limit = &market.parties[3].openings.import;
    assert_eq!(missing.absorbed, Opening::combine(&[(300, limit)], 0).unwrap().commit());
}

#[test]
fn an_agents_reading_says_so() {
    let mut rng = rng(31);
    let market = six(31);
    let party = &market.parties[3];
    let agent = ed25519::PrivateKey::from_seed(77);
    let facts = MeterFacts { agent: agent.public_key(), ..market.meter_facts(party, 0) };
    let signer = (SignedBy::Agent, &agent);
    let (reading, _) =
        read_meter(Joules(0), Joules(9), &facts, &party.openings, signer, &mut rng).unwrap();
    let decoded = Reading::decode(reading.encode()).unwrap();
    assert_eq!(decoded, reading);
    assert_eq!(verify(decoded, &facts).unwrap().get().signed_by, SignedBy::Agent);
}

#[test]
fn a_deviation_is_never_understated_and_never_overdrawn() {
    let mut rng = rng(32);
    let market = six(32);
    let party = &market.parties[0];
    // Set point 10,000.25 W, delivered 2,900,000 J of 3,000,075.
    let scaled = Opening::hide(10_000 * SCALE + SCALE / 4, &mut rng);
    let net = Opening::hide(2_900_000, &mut rng);
    let facts = DeviationFacts {
        gate: market.gate,
        limit: party.live.clone(),
        set_point: scaled.commit(),
        net: net.commit(),
    };
    let honest = honest_bound(2_900_000, scaled.value(), 300).unwrap();
    assert_eq!(honest, 100_075);
    let (posting, bound) =
        post_deviation(&facts, &scaled, &net, &party.openings, &mut rng).unwrap();
    assert_eq!(bound.value(), honest);
    assert!(verify(posting.clone(), &facts).is_ok());
    let most = 50_000 * 300;
    let mut post =
        |bound| post_bound(&facts, bound, (&scaled, &net), &party.openings, &mut rng).err();
    let out_of = |form| Some(SealError::Unprovable(ProveError::OutOfRange { form }));
    assert_eq!(post(honest - 1), out_of(1));
    assert_eq!(post(most), None);
    assert_eq!(post(most + 1), out_of(2));
    let mut understated = posting.clone();
    understated.bound = Commitment::new(posting.bound.point() - base());
    assert_eq!(verify(understated, &facts).unwrap_err(), Refusal::ProofFalse);
    let other = DeviationFacts { net: Commitment::public(2_900_000), ..facts.clone() };
    assert_eq!(verify(posting, &other).unwrap_err(), Refusal::ProofFalse);
    assert_eq!(
        facts.at_limit(),
        Opening::combine(&[(300, &party.openings.export), (300, &party.openings.import)], 0)
            .unwrap()
            .commit()
    );
}

fn prices() -> Prices {
    let prices = Prices::of(Price(150_000), &crate::world::tariff(0), 300).unwrap();
    let (injected, absorbed) = (Price(150_000), Price(153_000));
    assert_eq!(
        prices,
        Prices {
            injected,
            absorbed,
            reserve: Price(10_000),
            penalty: Price(75_000),
            duration_s: 300
        }
    );
    prices
}

/// A supplier's line and the opening of its amount, with every term in it.
fn line(gate: u64, rng: &mut ChaCha20Rng) -> (Line, Opening, Opening) {
    let numbers = [2_900_001, 17, 16_000, 100_075];
    let [injected, absorbed, reserve, deviation] = numbers.map(|number| Opening::hide(number, rng));
    let registers = Registers { injected: injected.commit(), absorbed: absorbed.commit() };
    let line = Line {
        gate: GateId(gate),
        prices: prices(),
        registers,
        reserve: reserve.commit(),
        deviation: deviation.commit(),
    };
    let reading = ReadingSecret { injected, absorbed };
    let secret = LineSecret { reading: &reading, reserve: &reserve, deviation: &deviation };
    let amount = secret.amount(&line.prices).unwrap();
    let [e, a, r, w] = numbers;
    assert_eq!(Some(amount.value()), line.prices.amount(e, a, r, w));
    assert_eq!(amount.commit(), line.amount());
    (line, amount, reading.net().unwrap())
}

fn bill(market: &Rehearsal, member: u16, rng: &mut ChaCha20Rng) -> Bill {
    let (first, one, e1) = line(1, rng);
    let (second, two, e2) = line(2, rng);
    let lines = vec![first, second];
    let facts = cycle_facts(&market.gate, MemberId(member), &lines).unwrap();
    let money = Opening::combine(&[(1, &one), (1, &two)], 0).unwrap();
    let energy = Opening::combine(&[(1, &e1), (1, &e2)], 0).unwrap();
    let (close, whole) = close_cycle(&facts, &energy, &money, rng).unwrap();
    assert_eq!(whole.value(), money.value().div_euclid(MONEY_PER_MICRO));
    let rem = Opening::combine(&[(1, &money), (-MONEY_PER_MICRO, &whole)], 0).unwrap();
    assert_eq!(facts.remainder(&close.whole), rem.commit());
    make_bill(&market.gate, (12, Digest([5; 32])), lines, close, &whole).unwrap()
}

#[test]
fn a_bill_verifies_offline_and_every_change_in_it_is_found() {
    let mut rng = rng(33);
    let market = six(33);
    let honest = bill(&market, 0, &mut rng);
    let read = Bill::decode(honest.encode()).unwrap();
    assert_eq!(read, honest);
    assert_eq!(verify_bills(&[read], Some(Digest([5; 32]))), []);
    let change = |change: &dyn Fn(&mut Bill)| {
        let mut bill = honest.clone();
        change(&mut bill);
        bill
    };
    let lines = |bill: &Bill, change: &dyn Fn(&mut Vec<Line>)| {
        let mut lines = bill.lines.to_vec();
        change(&mut lines);
        gridaccord_model::codec::Bounded::new(lines).unwrap()
    };
    let bills = [
        change(&|b| b.total = Money(b.total.0 + 1)),
        change(&|b| b.close.whole = Commitment::new(b.close.whole.point() + base())),
        // Rounded up: total and commitment agree, the remainder would be negative.
        change(&|b| {
            b.total = Money(b.total.0 + 1);
            b.close.whole = Commitment::new(b.close.whole.point() + base());
        }),
        change(&|b| b.lines = lines(b, &|l| l[0].prices.injected = Price(150_001))),
        change(&|b| b.lines = lines(b, &|l| l.truncate(1))),
        change(&|b| b.lines = lines(b, &|l| l.swap(0, 1))),
        change(&|b| b.lines = lines(b, &|l| l.clear())),
        change(&|b| b.participant = MemberId(1)),
        change(&|b| b.cycle.gate = GateId(9)),
        change(&|b| b.root = Digest([6; 32])),
    ];
    let expected = [
        Refusal::BillTotal,
        Refusal::BillTotal,
        Refusal::ProofFalse,
        Refusal::ProofFalse,
        Refusal::ProofFalse,
        Refusal::BillLine,
        Refusal::BillLine,
        Refusal::WrongPlace,
        Refusal::WrongPlace,
        Refusal::BillRoot,
    ];
    let verdicts = verify_bills(&bills, Some(Digest([5; 32])));
    assert_eq!(verdicts, expected.into_iter().enumerate().collect::<Vec<_>>());
}

#[test]
fn rounding_is_toward_minus_infinity_on_both_sides_of_zero() {
    let mut rng = rng(34);
    let market = six(34);
    for (amount, whole) in
        [(-1i128, -1), (0, 0), (3_599_999, 0), (3_600_000, 1), (-3_600_000, -1), (-3_600_001, -2)]
    {
        let (energy, money) = (Opening::hide(0, &mut rng), Opening::hide(amount, &mut rng));
        let facts = CycleFacts {
            cycle: market.gate,
            participant: MemberId(0),
            energy: energy.commit(),
            money: money.commit(),
        };
        let (close, opening) = close_cycle(&facts, &energy, &money, &mut rng).unwrap();
        assert_eq!(opening.value(), whole);
        assert!(verify(close, &facts).is_ok());
    }
}

#[test]
fn transfers_conserve_the_sum_of_all_accounts() {
    let mut rng = rng(35);
    let mut accounts = Accounts::default();
    accounts.deposit(Account::Member(MemberId(0)), 1_000).unwrap();
    accounts.deposit(Account::Pool, 0).unwrap();
    let before = accounts.total();
    let amount = Opening::hide(300, &mut rng);
    accounts.transfer(Account::Member(MemberId(0)), Account::Pool, &amount.commit()).unwrap();
    accounts.transfer(Account::Pool, Account::Pool, &amount.commit()).unwrap();
    accounts.transfer(Account::Pool, Account::Losses, &amount.commit()).unwrap();
    assert_eq!(accounts.total(), before);
    assert_eq!(accounts.balance(&Account::Losses), amount.commit());
    let nobody = Account::Member(MemberId(9));
    assert_eq!(
        accounts.transfer(nobody, Account::Pool, &amount.commit()),
        Err(Refusal::AccountUnknown)
    );
    assert_eq!(accounts.total(), before);
}

#[test]
fn a_cycles_two_sums_open_and_who_is_missing_is_named() {
    let mut rng = rng(36);
    let mut market = six(36);
    let cycle = market.gate;
    let members: BTreeMap<MemberId, OwnerId> =
        (0..4).map(|number| (MemberId(number), OwnerId(number))).collect();
    let mut closings = Vec::new();
    for (member, energy, micro) in [(0, 1_000, 5), (1, -400, -3), (2, -590, -3)] {
        let energy = Opening::hide(energy, &mut rng);
        let money = Opening::hide(micro * MONEY_PER_MICRO + 7, &mut rng);
        let participant = MemberId(member);
        let facts =
            CycleFacts { cycle, participant, energy: energy.commit(), money: money.commit() };
        let (close, _) = close_cycle(&facts, &energy, &money, &mut rng).unwrap();
        closings.push(verify(close, &facts).unwrap());
    }
    assert_eq!(total_cycle(&cycle, &members, &closings[..2]).unwrap_err(), Refusal::OwnersTooFew);
    let totals = total_cycle(&cycle, &members, &closings).unwrap();
    assert_eq!(totals.missing, BTreeSet::from([MemberId(3)]));
    let energy = market.open_total(&totals.energy, &mut rng).unwrap();
    let money = market.open_total(&totals.money, &mut rng).unwrap();
    assert_eq!((energy.value(), money.value()), (10, -1));
    assert_eq!(check_balance(&energy, Joules(10)), Ok(Joules(10)));
    assert_eq!(check_balance(&energy, Joules(9)), Err(Refusal::BalanceOutside));
    assert_eq!(check_balance(&money, Joules(9)), Err(Refusal::OutOfTurn));
    // Once a cycle, over one set.
    assert!(market.open_total(&totals.energy, &mut rng).is_err());
    let twice: Vec<_> = closings.iter().cloned().chain(closings.first().cloned()).collect();
    assert_eq!(total_cycle(&cycle, &members, &twice).unwrap_err(), Refusal::CurveStands);
}

#[test]
fn splits_agree_with_sources_by_opening_zero() {
    let mut rng = rng(37);
    let mut market = six(37);
    let cycle = market.gate;
    let members: BTreeMap<MemberId, OwnerId> =
        (3..6).map(|number| (MemberId(number), OwnerId(number))).collect();
    let mut splits = Vec::new();
    for member in 3..6u16 {
        let used = Opening::hide(100, &mut rng);
        let participant = MemberId(member);
        let facts = SplitFacts { cycle, participant, used: used.commit(), sources: 2 };
        assert!(split_energy(&facts, &used, &[60, 41], &mut rng).is_err());
        assert!(split_energy(&facts, &used, &[101, -1], &mut rng).is_err());
        let (split, parts) = split_energy(&facts, &used, &[60, 40], &mut rng).unwrap();
        assert_eq!(parts.iter().map(Opening::value).collect::<Vec<_>>(), [60, 40]);
        let elsewhere = SplitFacts { used: Commitment::public(100), ..facts };
        assert_eq!(verify(split.clone(), &elsewhere).unwrap_err(), Refusal::SplitTotal);
        splits.push(verify(split, &facts).unwrap());
    }
    for (source, supplied, difference) in [(0u16, 180, 0), (1, 119, 1)] {
        let own = Opening::hide(supplied, &mut rng);
        let facts = SupplyFacts { cycle, participant: MemberId(source), supplied: own.commit() };
        let supply = verify(post_supply(&facts, &own, &mut rng).unwrap(), &facts).unwrap();
        let own = MemberId(source);
        let total = source_total(&cycle, (source, own), &members, &splits, &supply).unwrap();
        assert_eq!(market.open_total(&total, &mut rng).unwrap().value(), difference);
        let total = |source, splits: &[_]| {
            source_total(&cycle, (source, own), &members, splits, &supply).unwrap_err()
        };
        assert_eq!(total(2, &splits), Refusal::SplitTotal);
        assert_eq!(total(0, &splits[..2]), Refusal::OwnersTooFew);
    }
}

#[test]
fn allowances_sum_to_the_cap_and_cannot_be_overburned() {
    let mut rng = rng(38);
    let market = six(38);
    let facts = IssueFacts { cycle: market.gate, issuer: MemberId(5), cap: CarbonMg(700) };
    let amounts = [CarbonMg(500), CarbonMg(200)];
    let (issue, openings) = issue_allowances(&facts, &amounts, &mut rng).unwrap();
    assert!(verify(issue.clone(), &facts).is_ok());
    let smaller = IssueFacts { cap: CarbonMg(699), ..facts };
    assert_eq!(verify(issue.clone(), &smaller).unwrap_err(), Refusal::SplitTotal);
    let negative = [CarbonMg(800), CarbonMg(-100)];
    let refused = issue_allowances(&facts, &negative, &mut rng).err();
    assert_eq!(refused, Some(ProveError::OutOfRange { form: 1 }));
    // 500 mg at 400 mg/kWh: 1.25 kWh, 4,500,000 J, and not a joule more.
    for (joules, covered) in [(4_500_000, true), (4_500_001, false)] {
        let injected = Opening::hide(joules, &mut rng);
        let burn = BurnFacts {
            gate: market.gate,
            participant: MemberId(0),
            allowance: issue.allowances[0],
            injected: injected.commit(),
            carbon_mg_per_kwh: 400,
        };
        match burn_allowance(&burn, &openings[0], &injected, &mut rng) {
            Ok((posting, left)) => {
                assert!(covered);
                assert_eq!((left.value(), left.commit()), (0, burn.left()));
                assert!(verify(posting.clone(), &burn).is_ok());
                let more = BurnFacts { carbon_mg_per_kwh: 401, ..burn };
                assert_eq!(verify(posting, &more).unwrap_err(), Refusal::ProofFalse);
            }
            Err(error) => assert!(!covered && error == ProveError::OutOfRange { form: 0 }),
        }
    }
    assert_eq!(openings[0].value(), 500 * ALLOWANCE_PER_MG);
}

#[test]
fn claims_hold_at_both_bounds_and_not_beyond() {
    let mut rng = rng(39);
    let market = six(39);
    let place = Place { gate: market.gate, certificate: Digest([0; 32]), participant: MemberId(3) };
    let bounds = Bounds { metric: Label::new("current_ma").unwrap(), least: 0, most: 32_000 };
    for (number, form) in [(0, None), (32_000, None), (-1, Some(0)), (32_001, Some(1))] {
        let number = Opening::hide(number, &mut rng);
        let facts = ClaimFacts { place, recorded: number.commit() };
        match claim(place, bounds.clone(), &number, &mut rng) {
            Ok(claim) => {
                assert!(form.is_none() && verify(claim.clone(), &facts).is_ok());
                let other = ClaimFacts { recorded: Commitment::public(5), ..facts };
                assert_eq!(verify(claim.clone(), &other).unwrap_err(), Refusal::WrongPlace);
                let mut tighter = claim;
                tighter.bounds.most = 31_999;
                assert_eq!(verify(tighter, &facts).unwrap_err(), Refusal::ProofFalse);
            }
            Err(error) => assert_eq!(error, ProveError::OutOfRange { form: form.unwrap() }),
        }
    }
}

#[test]
fn a_feeders_meters_agree_within_the_tolerance_only() {
    let mut rng = rng(40);
    let market = six(40);
    let place = Place { gate: market.gate, certificate: Digest([0; 32]), participant: MemberId(3) };
    let up = Opening::hide(1_000_000, &mut rng);
    let downs = [(990_000, true), (1_010_000, true), (989_999, false), (1_010_001, false)];
    let mut batch = Vec::new();
    for (down, agrees) in downs {
        let down = Opening::hide(down, &mut rng);
        let facts = FeederFacts {
            place,
            upstream: up.commit(),
            downstream: down.commit(),
            tolerance: 10_000,
        };
        match pair_feeder(&facts, &up, &down, &mut rng) {
            Ok(pair) => {
                assert!(agrees);
                batch.push((pair, facts));
            }
            Err(_) => assert!(!agrees),
        }
    }
    let verdicts = verify_all(batch.iter().map(|(pair, facts)| (pair.clone(), facts)).collect());
    assert!(verdicts.len() == 2 && verdicts.iter().all(Result::is_ok));
}
