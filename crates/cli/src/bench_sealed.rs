//! `gridaccord bench sealed`: times the sealed market's steps on one thread and sets them beside their goals.
//!
//! Times are the thread's time on the processor where the system tells it, so that other load does not count.
//! Everything timed is the code a node runs. Where a batch is larger than what was proven, distinct proofs
//! repeat in it, which costs the verifier the same; the table says so.

use crate::sealed::{HOLDERS, cast, generator, offers, tariff};
use anyhow::{Context as _, Result, ensure};
use clap::Args;
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use commonware_codec::{Encode as _, EncodeSize as _};
use gridaccord_model::{GateId, Joules, MemberId, OwnerId, Price, Watts};
use gridaccord_sealed::{
    Digest,
    account::{Line, Prices},
    bill::{Bill, cycle_facts, make_bill, verify_bills},
    book::{SealedGate, derive_set_point},
    clearing::{Search, Share},
    curve::Curve,
    cycle::{CycleFacts, close_cycle, total_cycle},
    group::{Commitment, Opening},
    holder::Closing,
    logarithm::LogTable,
    metering::{MeterFacts, Reading, Registers, SignedBy, read_meter},
    opening::assemble,
    range::Width,
    rehearsal::{Offered, Party, Rehearsal},
    statement::{Cipher, Form, Proof, Statement, Witness, verify, verify_all, verify_statements},
    submission::{Admission, Submission},
    transcript::{GateFacts, Place},
};
use rand_chacha::ChaCha20Rng;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// `gridaccord bench sealed`
#[derive(Debug, Args)]
pub(crate) struct BenchSealedArgs {
    /// Full curves to prove, four of supply and the rest of demand; the goals are for 57
    #[arg(long, default_value_t = 57, value_parser = clap::value_parser!(u16).range(7..=57))]
    curves: u16,
}

struct Bench {
    table: Table,
    missed: usize,
}

impl Bench {
    fn row(&mut self, what: &str, measured: Duration, goal_ms: f64, note: &str) {
        let ms = measured.as_secs_f64() * 1e3;
        let verdict = if ms <= goal_ms { "met" } else { "MISSED" };
        self.missed += usize::from(ms > goal_ms);
        self.table.add_row([
            what.to_owned(),
            format!("{ms:.2}"),
            format!("{goal_ms}"),
            verdict.into(),
            note.into(),
        ]);
    }

    fn size(&mut self, what: &str, bytes: usize) {
        self.table.add_row([
            what.to_owned(),
            format!("{bytes} B"),
            "–".into(),
            String::new(),
            String::new(),
        ]);
    }
}

/// A point in time to measure from.
struct Clock {
    wall: Instant,
    processor: Option<Duration>,
}

/// This thread's time on the processor, where the system tells it.
fn processor_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

impl Clock {
    fn now() -> Self {
        Self { wall: Instant::now(), processor: processor_time() }
    }

    /// Processor time, or for spans too short for its resolution, wall time.
    fn elapsed(&self) -> Duration {
        let wall = self.wall.elapsed();
        let processor = self.processor.and_then(|start| processor_time()?.checked_sub(start));
        processor.filter(|_| wall > Duration::from_millis(40)).unwrap_or(wall)
    }
}

/// Times a closure and gives back its result.
fn timed<T>(run: impl FnOnce() -> T) -> (T, Duration) {
    let start = Clock::now();
    let result = run();
    (result, start.elapsed())
}

/// Median of several timings of one closure.
fn median<T>(times: usize, mut run: impl FnMut() -> T) -> Duration {
    let mut taken: Vec<Duration> = (0..times).map(|_| timed(&mut run).1).collect();
    taken.sort_unstable();
    taken[times / 2]
}

fn share_of(duration: Duration, count: usize) -> Duration {
    Duration::from_secs_f64(duration.as_secs_f64() / count as f64)
}

/// Runs the bench and prints its table.
///
/// # Errors
/// Something that must verify does not.
pub(crate) fn run(args: &BenchSealedArgs) -> Result<()> {
    let mut rng = generator(Some(1));
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(["what", "ms", "goal ms", "", "note"]);
    let mut bench = Bench { table, missed: 0 };
    let market = Rehearsal::new(tariff()?, &cast(), HOLDERS, 300, &mut rng)?;
    let (submissions, admissions) =
        curves(&mut bench, &market, usize::from(args.curves), &mut rng)?;
    interval(&mut bench, market, &submissions, &admissions, &mut rng)?;
    thousand(&mut bench, &submissions, &admissions)?;
    ranges_and_ciphers(&mut bench, &admissions[0], &mut rng)?;
    bills(&mut bench, &mut rng)?;
    println!("{}", bench.table);
    crate::bench_rivals::run(&mut rng)?;
    println!("{} goals missed; one thread, {}", bench.missed, std::env::consts::ARCH);
    Ok(())
}

/// A full curve for any party of the cast.
fn full_curve(market: &Rehearsal, position: usize, party: &Party) -> Offered {
    match offers(&market.tariff).into_iter().nth(position) {
        Some(Offered::Curve(curve)) => Offered::Curve(curve),
        _ => {
            let step = (Price(200_000), Watts(party.limits.import.0 / 2));
            let base = Watts(-party.limits.import.0 / 2 - 100);
            Offered::Curve(Box::new(Curve::from_steps(
                &market.tariff.grid,
                base,
                &[step],
                Watts(0),
            )))
        }
    }
}

fn curves(
    bench: &mut Bench,
    market: &Rehearsal,
    count: usize,
    rng: &mut ChaCha20Rng,
) -> Result<(Vec<Submission>, Vec<Admission>)> {
    let mut submissions = Vec::new();
    let mut proving = Vec::new();
    for (position, party) in market.parties.iter().enumerate().take(count) {
        let offer = full_curve(market, position, party);
        let (sealed, taken) = timed(|| market.seal(party, &offer, rng));
        submissions.push(sealed?.0);
        proving.push(taken);
    }
    proving.sort_unstable();
    bench.row(
        "curve of 32 ranges: prove",
        proving[proving.len() / 2],
        230.0,
        "median; funds and ciphertexts included",
    );
    let admissions: Vec<Admission> =
        market.parties.iter().take(count).map(|party| market.admission(party)).collect();
    let one = || verify_all(vec![(submissions[0].clone(), &admissions[0])]);
    ensure!(one()[0].is_ok(), "the curve verifies");
    bench.row("curve: verify alone", median(9, one), 43.0, "funds and ciphertexts included");
    let batch = || verify_all(submissions.iter().cloned().zip(&admissions).collect());
    ensure!(batch().iter().all(Result::is_ok), "the batch verifies");
    bench.row(
        "curve: each in the batch",
        share_of(median(5, batch), count),
        2.5,
        &format!("batch of {count}"),
    );
    let bytes = submissions[0].encode();
    let decode = || <Submission as commonware_codec::DecodeExt<()>>::decode(bytes.clone());
    ensure!(decode().is_ok(), "decodes");
    bench.row("curve: decode", median(9, decode), 1.0, "every point decompressed");
    bench.size("curve: bytes posted", bytes.len());
    let body = &submissions[0].body;
    let derive = || {
        (0..100)
            .filter_map(|_| derive_set_point(body, Share::Between { u: 9, alpha: 700_001 }))
            .count()
    };
    bench.row("derive 100 set-point commitments", median(9, derive), 8.0, "");
    Ok((submissions, admissions))
}

fn interval(
    bench: &mut Bench,
    mut market: Rehearsal,
    submissions: &[Submission],
    admissions: &[Admission],
    rng: &mut ChaCha20Rng,
) -> Result<()> {
    let readings = read_all(&market, submissions.len(), rng)?;
    let start = Clock::now();
    let verified = verify_all(submissions.iter().cloned().zip(admissions).collect())
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?;
    let curves_taken = start.elapsed();
    let closed = market.close(verified)?;
    let (sum, taken) = {
        let gate = SealedGate::new(
            market.close(all_verified(submissions, admissions)?)?,
            market.tariff,
            Watts(0),
            Search::cold(),
        );
        timed(|| gate.next_sum())
    };
    sum?.context("a sum to open")?;
    let mut gate = SealedGate::new(closed, market.tariff, Watts(10_000_000), Search::cold());
    let opening = Clock::now();
    let (outcome, opened) = market.decide(&mut gate, rng)?;
    let opening_taken = opening.elapsed();
    let metering = Clock::now();
    let held =
        verify_all(readings.iter().map(|(reading, facts)| (reading.clone(), facts)).collect());
    ensure!(held.iter().all(Result::is_ok), "readings verify");
    let metering_taken = metering.elapsed();
    let whole = curves_taken + opening_taken + metering_taken;
    let note = format!(
        "curves {:.0}, {} openings by {HOLDERS} holders {:.0}, readings {:.0}; price {:?}",
        curves_taken.as_secs_f64() * 1e3,
        opened.len(),
        opening_taken.as_secs_f64() * 1e3,
        metering_taken.as_secs_f64() * 1e3,
        outcome.price(),
    );
    bench.row("whole interval, all full curves", whole, 250.0, &note);
    bench.row(
        "sum 100 curves",
        share_of(taken * 100, submissions.len()),
        1.4,
        "scaled from this market",
    );
    bench.size("opened sum: bytes posted", opened[0].encode_size());
    bench.size("reading: bytes posted", readings[0].0.encode_size());
    shares(bench, &market, rng)
}

fn all_verified(
    submissions: &[Submission],
    admissions: &[Admission],
) -> Result<Vec<gridaccord_sealed::submission::VerifiedSubmission>> {
    Ok(verify_all(submissions.iter().cloned().zip(admissions).collect())
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?)
}

fn read_all(
    market: &Rehearsal,
    count: usize,
    rng: &mut ChaCha20Rng,
) -> Result<Vec<(Reading, MeterFacts)>> {
    let parties = market.parties.iter().take(count);
    parties
        .map(|party| {
            let facts = market.meter_facts(party, 0);
            let (injected, absorbed) = if party.limits.export.0 > 0 {
                (Joules(900_000), Joules(0))
            } else {
                (Joules(0), Joules(90_000))
            };
            let signer = (SignedBy::Meter, &party.meter);
            let (reading, _) =
                read_meter(injected, absorbed, &facts, &party.openings, signer, rng)?;
            Ok((reading, facts))
        })
        .collect()
}

/// Shares of a cycle's total: giving one, and verifying t with the opening.
fn shares(bench: &mut Bench, market: &Rehearsal, rng: &mut ChaCha20Rng) -> Result<()> {
    let (key, mut holders) =
        gridaccord_sealed::rehearsal::generate_key(market.gate.chain, 1, HOLDERS, rng)?;
    let cycle = GateFacts { key: key.key(), gate: GateId(900), ..market.gate };
    let members = BTreeMap::from([0, 1, 2].map(|number| (MemberId(number), OwnerId(number))));
    let mut closings = Vec::new();
    for member in members.keys() {
        let value = Opening::hide(77, rng);
        let facts = CycleFacts {
            cycle,
            participant: *member,
            energy: value.commit(),
            money: value.commit(),
        };
        let (close, _) = close_cycle(&facts, &value, &value, rng)?;
        closings.push(verify(close, &facts)?);
    }
    let total = total_cycle(&cycle, &members, &closings)?.energy;
    let mut taken = Vec::new();
    let mut given = Vec::new();
    for holder in &mut holders {
        let (share, time) = timed(|| {
            let intent = holder.intend_total(&total, Closing::Final)?;
            holder.give(intent.persisted(), rng)
        });
        given.push(share?);
        taken.push(time);
    }
    taken.sort_unstable();
    bench.row("share of a sum, with proof", taken[taken.len() / 2], 0.17, "log in memory");
    let table = LogTable::new(12);
    let open = assemble(total.sum(), &key, &given, &table, 1 << 20)?;
    ensure!(open.verify(total.sum(), &key)?.value() == 231, "opens");
    bench.row(
        &format!("verify {} shares and the opening", key.threshold()),
        median(21, || open.verify(total.sum(), &key)),
        0.85,
        "",
    );
    Ok(())
}

fn thousand(bench: &mut Bench, submissions: &[Submission], admissions: &[Admission]) -> Result<()> {
    let batch: Vec<(Submission, &Admission)> =
        submissions.iter().cloned().zip(admissions).cycle().take(1_000).collect();
    let (held, taken) = timed(|| verify_all(batch));
    ensure!(held.iter().all(Result::is_ok), "all verify");
    let note = format!("{} distinct curves repeated", submissions.len());
    bench.row("1,000 participants' curves verified", taken, 5_000.0, &note);
    Ok(())
}

fn ranges_and_ciphers(bench: &mut Bench, facts: &Admission, rng: &mut ChaCha20Rng) -> Result<()> {
    let place = Place { gate: facts.gate, certificate: Digest([0; 32]), participant: MemberId(0) };
    let mut ranges: Vec<(Statement, Proof)> = Vec::new();
    let mut ciphers: Vec<(Statement, Proof)> = Vec::new();
    for number in 0..100i128 {
        let value = Opening::hide(number << 40, rng);
        let range = Statement {
            domain: b"bench range",
            place,
            publics: vec![number],
            points: vec![value.commit()],
            ciphers: Vec::new(),
            forms: vec![Form::new(Width::Bits64, &[(0, 1)], 0)],
        };
        let proof = range.prove(&Witness { openings: vec![&value], nonces: Vec::new() }, rng)?;
        ranges.push((range.clone(), proof));
        let (cipher, nonce) = Cipher::seal(&value, &facts.gate.key, rng);
        let same = Statement { ciphers: vec![(0, cipher)], forms: Vec::new(), ..range };
        let proof = same.prove(&Witness { openings: vec![&value], nonces: vec![&nonce] }, rng)?;
        ciphers.push((same, proof));
    }
    let batch = |proofs: &[(Statement, Proof)]| {
        let refs: Vec<(&Statement, &Proof)> = proofs
            .iter()
            .map(|(statement, proof)| (statement, proof))
            .cycle()
            .take(1_000)
            .collect();
        timed(|| verify_statements(&refs))
    };
    let (refused, taken) = batch(&ranges);
    ensure!(refused.is_empty(), "ranges verify");
    bench.row(
        "64-bit ranges, 1,000 in a batch: each",
        share_of(taken, 1_000),
        0.3,
        "100 distinct proofs repeated",
    );
    let (refused, taken) = batch(&ciphers);
    ensure!(refused.is_empty(), "ciphertexts verify");
    bench.row("1,000 ciphertext proofs", taken, 90.0, "100 distinct proofs repeated");
    Ok(())
}

/// Bills of one line each, as in the white paper's month.
fn bills(bench: &mut Bench, rng: &mut ChaCha20Rng) -> Result<()> {
    let market = Rehearsal::new(tariff()?, &cast(), HOLDERS, 300, rng)?;
    let start = Clock::now();
    let mut bills: Vec<Bill> = Vec::new();
    for (position, party) in market.parties.iter().enumerate() {
        let energy = Opening::hide(-3_600_000 - 1_000 * i128::try_from(position)?, rng);
        let prices = Prices {
            injected: Price(120_000),
            absorbed: Price(120_000),
            reserve: Price(0),
            penalty: Price(60_000),
            duration_s: 300,
        };
        let absorbed = Opening::combine(&[(-1, &energy)], 0).context("small numbers")?;
        let registers = Registers { injected: Commitment::zero(), absorbed: absorbed.commit() };
        let (reserve, deviation) = (Commitment::zero(), Commitment::zero());
        let line = Line { gate: GateId(1), prices, registers, reserve, deviation };
        let facts = cycle_facts(&market.gate, party.seat.member, &[line])?;
        let money = Opening::combine(&[(120_000, &energy)], 0).context("small numbers")?;
        let (close, whole) = close_cycle(&facts, &energy, &money, rng)?;
        bills.push(make_bill(&market.gate, (1, Digest([0; 32])), vec![line], close, &whole)?);
    }
    let proven = start.elapsed();
    let (refused, verified) = timed(|| verify_bills(&bills, None));
    ensure!(refused.is_empty(), "bills verify");
    let note = format!(
        "proven {:.0}, verified {:.0}",
        proven.as_secs_f64() * 1e3,
        verified.as_secs_f64() * 1e3
    );
    bench.row("a month's 57 bills proven and verified", proven + verified, 5_000.0, &note);
    let many: Vec<Bill> = bills.iter().cloned().cycle().take(4_000).collect();
    let (refused, taken) = timed(|| verify_bills(&many, None));
    ensure!(refused.is_empty(), "bills verify");
    bench.row("4,000 bills verified", taken, 4_000.0, "one line each; 57 distinct bills repeated");
    bench.size("bill of one line: bytes", bills[0].encode_size());
    Ok(())
}
