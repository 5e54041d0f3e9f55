//! Times the sealed market's steps on one thread: `cargo run --release -p gridaccord-sealed --example speed`.
//!
//! Medians of the thread's processor time, where the system tells it, so that other load counts little. It is
//! what `gridaccord bench sealed` times, without the rest of the program to build. Arguments: a row's name, to
//! run only that row again and again under a profiler, and how often.

#![allow(clippy::unwrap_used, reason = "a bench that fails stops")]
#![allow(clippy::disallowed_types, reason = "a bench has a clock")]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    reason = "a bench counts and divides"
)]

use gridaccord_model::{GateId, Joules, Money, OwnerId, Price, Watts};
use gridaccord_sealed::{
    Digest,
    account::{Line, Prices},
    bill::{Bill, cycle_facts, make_bill, verify_bills},
    book::SealedGate,
    clearing::Search,
    curve::{Curve, Limits},
    cycle::close_cycle,
    gate::Role,
    group::{Commitment, Opening},
    limit::SourceClass,
    metering::{MeterFacts, Reading, Registers, SignedBy, read_meter},
    range::Width,
    rehearsal::{Offered, PartySpec, Rehearsal},
    statement::{Form, Proof, Statement, Witness, verify_all, verify_statements},
    submission::{Admission, Submission},
    tariff::{PriceGrid, Tariff},
    transcript::Place,
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use std::time::{Duration, Instant};

const CURVES: u16 = 57;

struct Clock(Instant, Option<Duration>);

fn processor_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

impl Clock {
    fn now() -> Self {
        Self(Instant::now(), processor_time())
    }

    fn elapsed(&self) -> Duration {
        let wall = self.0.elapsed();
        let busy = self.1.and_then(|start| processor_time()?.checked_sub(start));
        busy.filter(|_| wall > Duration::from_millis(20)).unwrap_or(wall)
    }
}

/// Median of `times` runs, in milliseconds.
fn median<T>(times: usize, mut run: impl FnMut() -> T) -> f64 {
    let mut taken: Vec<Duration> = (0..times)
        .map(|_| {
            let clock = Clock::now();
            std::hint::black_box(run());
            clock.elapsed()
        })
        .collect();
    taken.sort_unstable();
    taken[times / 2].as_secs_f64() * 1e3
}

fn row(what: &str, measured: f64, goal: f64) {
    let verdict = if measured <= goal { "met" } else { "MISSED" };
    println!("{what:<52} {measured:>9.2} ms  goal {goal:>7} ms  {verdict}");
}

fn tariff() -> Tariff {
    let tiers = [Price(2_000_000), Price(5_000_000)];
    let (feed_in, retail, cap) = (Price(60_000), Price(200_000), Price(10_000_000));
    Tariff {
        version: 1,
        grid: PriceGrid::around(Price(-50_000), feed_in, retail, tiers, cap).unwrap(),
        reserve_required: Watts(60_000),
        reserve_price: Price(10_000),
        penalty_floor: Price(50_000),
        loss_ppm: 20_000,
    }
}

fn specs() -> Vec<PartySpec> {
    (0..CURVES)
        .map(|number| {
            let supplier = number < 4;
            let limits = if supplier {
                Limits { import: Watts(0), export: Watts(60_000), reserve: Watts(30_000) }
            } else {
                Limits { import: Watts(1_600), export: Watts(0), reserve: Watts(0) }
            };
            PartySpec {
                name: format!("party {number}"),
                owner: OwnerId(number),
                role: if supplier { Role::Supplier } else { Role::Consumer },
                source: if supplier { SourceClass::Solar } else { SourceClass::None },
                tier: u8::try_from(number % 3).unwrap(),
                limits,
                deposit: Money(2_000_000_000),
            }
        })
        .collect()
}

fn curve(tariff: &Tariff, position: usize) -> Offered {
    let grid = &tariff.grid;
    let curve = if position < 4 {
        Curve::ramp(grid, (Price(1), Watts(0)), (Price(150_000), Watts(30_000)), Watts(16_000))
    } else {
        Curve::from_steps(grid, Watts(-900), &[(Price(200_000), Watts(800))], Watts(0))
    };
    Offered::Curve(Box::new(curve))
}

fn read_all(market: &Rehearsal, rng: &mut ChaCha20Rng) -> Vec<(Reading, MeterFacts)> {
    let read = |party| {
        let facts = market.meter_facts(party, 0);
        let supplies = party.limits.export.0 > 0;
        let (injected, absorbed) =
            if supplies { (Joules(900_000), Joules(0)) } else { (Joules(0), Joules(90_000)) };
        let signer = (SignedBy::Meter, &party.meter);
        let (reading, _) =
            read_meter(injected, absorbed, &facts, &party.openings, signer, rng).unwrap();
        (reading, facts)
    };
    market.parties.iter().map(read).collect()
}

fn bills(market: &Rehearsal, rng: &mut ChaCha20Rng) -> Vec<Bill> {
    let prices = Prices {
        injected: Price(120_000),
        absorbed: Price(120_000),
        reserve: Price(0),
        penalty: Price(60_000),
        duration_s: 300,
    };
    let bill = |party: &gridaccord_sealed::rehearsal::Party| {
        let absorbed = Opening::hide(3_600_000, rng);
        let registers = Registers { injected: Commitment::zero(), absorbed: absorbed.commit() };
        let (reserve, deviation) = (Commitment::zero(), Commitment::zero());
        let line = Line { gate: GateId(1), prices, registers, reserve, deviation };
        let facts = cycle_facts(&market.gate, party.seat.member, &[line]).unwrap();
        let energy = Opening::combine(&[(-1, &absorbed)], 0).unwrap();
        let money = Opening::combine(&[(-120_000, &absorbed)], 0).unwrap();
        let (close, whole) = close_cycle(&facts, &energy, &money, rng).unwrap();
        make_bill(&market.gate, (1, Digest([0; 32])), vec![line], close, &whole).unwrap()
    };
    market.parties.iter().map(bill).collect()
}

/// A thousand ranges of 64 bits.
fn thousand_ranges(market: &Rehearsal, rng: &mut ChaCha20Rng) -> f64 {
    let participant = market.parties[0].seat.member;
    let place = Place { gate: market.gate, certificate: Digest([0; 32]), participant };
    let made: Vec<(Statement, Proof)> = (0..100i128)
        .map(|number| {
            let value = Opening::hide(number << 40, rng);
            let statement = Statement {
                domain: b"bench range",
                place,
                publics: vec![number],
                points: vec![value.commit()],
                ciphers: Vec::new(),
                forms: vec![Form::new(Width::Bits64, &[(0, 1)], 0)],
            };
            let witness = Witness { openings: vec![&value], nonces: Vec::new() };
            let proof = statement.prove(&witness, rng).unwrap();
            (statement, proof)
        })
        .collect();
    let batch: Vec<_> = made.iter().map(|(s, p)| (s, p)).cycle().take(1_000).collect();
    median(3, || assert!(verify_statements(&batch).is_empty())) / 1e3
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let only = arguments.next();
    let times = arguments.next().and_then(|times| times.parse().ok());
    let rng = &mut ChaCha20Rng::seed_from_u64(1);
    let mut market = Rehearsal::new(tariff(), &specs(), 7, 300, rng).unwrap();
    let mut proving = Vec::new();
    let mut submissions: Vec<Submission> = Vec::new();
    // Under a profiler three curves are proven and repeat, which costs the verifier the same.
    let proven = if only.is_some() { 3 } else { market.parties.len() };
    for position in 0..proven {
        let offered = curve(&market.tariff, position);
        let mut made = None;
        let party = &market.parties[position];
        proving.push(median(1, || made = Some(market.seal(party, &offered, rng).unwrap().0)));
        submissions.extend(made);
    }
    proving.sort_unstable_by(f64::total_cmp);
    let facts: Vec<Admission> =
        market.parties.iter().map(|party| market.admission(party)).collect();
    let verify = |count: usize| {
        let batch = submissions.iter().cloned().zip(&facts).cycle().take(count).collect();
        let verdicts = verify_all(batch);
        assert!(verdicts.iter().all(Result::is_ok));
        verdicts
    };
    if only.as_deref() == Some("batch") {
        println!("{:.3} ms each", median(times.unwrap_or(5), || verify(57)) / 57.0);
        return;
    }
    row("curve of 32 ranges: prove", proving[proving.len() / 2], 230.0);
    row("curve: verify alone", median(9, || verify(1)), 43.0);
    row("curve: each in a batch of 57", median(7, || verify(57)) / 57.0, 2.5);
    let readings = read_all(&market, rng);
    let clock = Clock::now();
    let verified = verify(57).into_iter().map(Result::unwrap).collect();
    let closed = market.close(verified).unwrap();
    let mut gate = SealedGate::new(closed, market.tariff, Watts(10_000_000), Search::cold());
    let (_, opened) = market.decide(&mut gate, rng).unwrap();
    let held =
        verify_all(readings.iter().map(|(reading, facts)| (reading.clone(), facts)).collect());
    assert!(held.iter().all(Result::is_ok));
    let taken = clock.elapsed().as_secs_f64() * 1e3;
    row(&format!("57 curves, {} openings by 7 holders, 57 readings", opened.len()), taken, 250.0);
    row("1,000 curves verified", median(3, || verify(1_000)), 5_000.0);
    row("64-bit range, each of 1,000", thousand_ranges(&market, rng), 0.3);
    let mut made = Vec::new();
    let proven = median(1, || made = bills(&market, rng));
    let verified = median(5, || assert!(verify_bills(&made, None).is_empty()));
    row("57 bills proven and verified", proven + verified, 5_000.0);
    let many: Vec<Bill> = made.iter().cloned().cycle().take(4_000).collect();
    row(
        "4,000 bills verified",
        median(3, || assert!(verify_bills(&many, None).is_empty())),
        4_000.0,
    );
}
