//! `gridaccord sealed demo`: the white paper's month and one gate of its campus, sealed, in one process.
//!
//! 53 tenants and four suppliers, seven key holders. It prints what everybody sees, and then what one tenant
//! and each supplier see beside it: the point is what is missing from each view.

use anyhow::{Context as _, Result, ensure};
use clap::{Args, Subcommand};
use gridaccord_model::{
    GateId, Interval, Joules, MemberId, Money, OwnerId, Price, Watts, codec::Label,
};
use gridaccord_sealed::{
    Digest,
    account::{Line, LineSecret, Prices},
    bill::{Bill, cycle_facts, make_bill, verify_bills},
    book::{SealedGate, own_set_point},
    claim::{Bounds, ClaimFacts, claim},
    clearing::Search,
    curve::{Curve, Limits},
    cycle::{check_balance, close_cycle, total_cycle},
    gate::{Outcome, Role},
    group::{Commitment, Opening},
    limit::SourceClass,
    metering::{Reading, ReadingSecret, SignedBy, read_meter},
    rehearsal::{Offered, PartySpec, Rehearsal},
    split::{SplitFacts, SupplyFacts, post_supply, source_total, split_energy},
    statement::{Verified, verify, verify_all},
    submission::SubmissionSecret,
    tariff::{PriceGrid, Tariff},
    transcript::{GateFacts, Place},
};
use rand::{SeedableRng as _, rand_core::UnwrapErr, rngs::SysRng};
use rand_chacha::ChaCha20Rng;
use std::{collections::BTreeMap, path::PathBuf};

/// Tenants of the white paper.
pub(crate) const TENANTS: u16 = 53;
/// Its suppliers, and what each delivers in the month, Wh.
const SUPPLIERS: [(&str, SourceClass, i64); 4] = [
    ("solar", SourceClass::Solar, 31_000),
    ("wind", SourceClass::Wind, 30_000),
    ("geothermal", SourceClass::Geothermal, 15_100),
    ("biodiesel", SourceClass::Biofuel, 14_900),
];
/// Key holders.
pub(crate) const HOLDERS: u16 = 7;
/// The demo's price of energy over the month, µ/kWh.
const MONTH_PRICE: Price = Price(120_000);
/// Thirty days.
const MONTH_S: u32 = 30 * 86_400;

/// `gridaccord sealed …`
#[derive(Debug, Args)]
pub(crate) struct SealedArgs {
    #[command(subcommand)]
    command: SealedCommand,
}

#[derive(Debug, Subcommand)]
enum SealedCommand {
    /// Run the white paper's 53 tenants and 4 suppliers in one process and show every party's view
    Demo(DemoArgs),
}

/// `gridaccord sealed demo`
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Repeat a run exactly; without it, keys and blindings come from the operating system
    #[arg(long)]
    seed: Option<u64>,
    /// Write each party's bill file into this directory
    #[arg(long, value_name = "DIR")]
    bills: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// A proof that does not verify, or a bill file that cannot be written.
pub(crate) fn run(args: &SealedArgs) -> Result<()> {
    match &args.command {
        SealedCommand::Demo(demo) => run_demo(demo),
    }
}

/// Generator of a run: from a seed, or from the operating system.
pub(crate) fn generator(seed: Option<u64>) -> ChaCha20Rng {
    seed.map_or_else(|| ChaCha20Rng::from_rng(&mut UnwrapErr(SysRng)), ChaCha20Rng::seed_from_u64)
}

/// Feed-in at 0.06, retail at 0.20, cap at 10 a kWh; 60 kW of reserve stand behind the largest supplier.
pub(crate) fn tariff() -> Result<Tariff> {
    let tiers = [Price(2_000_000), Price(5_000_000)];
    let grid =
        PriceGrid::around(Price(-50_000), Price(60_000), Price(200_000), tiers, Price(10_000_000))?;
    Ok(Tariff {
        version: 1,
        grid,
        reserve_required: Watts(60_000),
        reserve_price: Price(10_000),
        penalty_floor: Price(50_000),
        loss_ppm: 20_000,
    })
}

/// The white paper's parties: suppliers first.
pub(crate) fn cast() -> Vec<PartySpec> {
    let supplier = |(position, (name, source, _)): (u16, (&str, SourceClass, i64))| PartySpec {
        name: name.to_owned(),
        owner: OwnerId(position),
        role: Role::Supplier,
        source,
        tier: 0,
        limits: Limits { import: Watts(0), export: Watts(60_000), reserve: Watts(30_000) },
        deposit: Money(2_000_000_000),
    };
    let tenant = |number: u16| PartySpec {
        name: format!("tenant {}", number + 1),
        owner: OwnerId(100 + number),
        role: Role::Consumer,
        source: SourceClass::None,
        tier: u8::try_from(number % 3).unwrap_or(0),
        limits: Limits { import: Watts(1_600), export: Watts(0), reserve: Watts(0) },
        deposit: Money(500_000_000),
    };
    (0u16..).zip(SUPPLIERS).map(supplier).chain((0..TENANTS).map(tenant)).collect()
}

/// What each party of the cast offers at the gate: suppliers ramps, tenants firm demand of 1,000–1,500 W.
pub(crate) fn offers(tariff: &Tariff) -> Vec<Offered> {
    let grid = &tariff.grid;
    let ramp = |from: i64, to: i64, high: i64| {
        let (start, end) = ((Price(from), Watts(0)), (Price(to), Watts(high)));
        Offered::Curve(Box::new(Curve::ramp(grid, start, end, Watts(16_000))))
    };
    let mut all = vec![
        ramp(1, 60_000, 31_000),
        ramp(1, 80_000, 30_000),
        ramp(60_000, 150_000, 20_000),
        ramp(100_000, 250_000, 25_000),
    ];
    all.extend(
        (0..i64::from(TENANTS)).map(|tenant| Offered::Firm(Watts(1_000 + 10 * (tenant * 17 % 50)))),
    );
    all
}

fn short(commitment: &Commitment) -> String {
    commitment.to_string().chars().take(12).collect()
}

fn run_demo(args: &DemoArgs) -> Result<()> {
    let mut rng = generator(args.seed);
    let mut market = Rehearsal::new(tariff()?, &cast(), HOLDERS, 300, &mut rng)?;
    println!(
        "key         {} holders, any {} open a sum, fewer learn nothing",
        HOLDERS,
        market.epoch.threshold()
    );
    println!("            Y = {}", market.epoch.key());
    run_gate(&mut market, &mut rng)?;
    run_month(&mut market, args, &mut rng)
}

fn run_gate(market: &mut Rehearsal, rng: &mut ChaCha20Rng) -> Result<()> {
    println!("\n== One gate: who feeds 53 tenants for the next five minutes");
    let offers = offers(&market.tariff);
    let mut postings = Vec::new();
    let mut secrets: Vec<SubmissionSecret> = Vec::new();
    for (party, offer) in market.parties.iter().zip(&offers) {
        let (posting, secret) = market.seal(party, offer, rng)?;
        postings.push(posting);
        secrets.push(secret);
    }
    let verified = market.verify(postings)?;
    println!(
        "            {} submissions verified: monotone, within certified limits, funded",
        verified.len()
    );
    let closed = market.close(verified)?;
    let mut gate = SealedGate::new(closed, market.tariff, Watts(0), Search::cold());
    let (outcome, opened) = market.decide(&mut gate, rng)?;
    println!("Everybody sees");
    for open in &opened {
        println!("            opened {:?} = {} W", open.index, open.value);
    }
    let Outcome::Balanced { cleared, reserve } = outcome else {
        anyhow::bail!("the demo's gate must balance")
    };
    println!(
        "            price {} (crossing at point {} of 28), reserve held {reserve} W",
        cleared.price, cleared.u
    );
    println!(
        "            leaks: those sums, who took part and when; t = 5 colluding holders could decrypt all"
    );
    for (position, secret) in secrets.iter().enumerate().take(5) {
        let party = &market.parties[position];
        let share = gate.run().share(party.seat.member).context("the gate is decided")?;
        let own = own_set_point(secret, share).context("within bounds")?;
        let public = gate.set_point(party.seat.member).context("takes part")?;
        ensure!(own.scaled.commit() == public, "the member derives what everybody derives");
        println!(
            "{:<12}knows its own set point, {}; everybody else sees {}…",
            party.name,
            own.power,
            short(&public)
        );
    }
    Ok(())
}

/// Tenants' energy of the month, Wh: between 1 and 3 kWh each, 91 kWh in all.
fn tenants_wh() -> Vec<i64> {
    let mut energy: Vec<i64> =
        (0..i64::from(TENANTS)).map(|tenant| 1_000 + tenant * 389 % 1_400).collect();
    let total: i64 = SUPPLIERS.iter().map(|(_, _, wh)| wh).sum();
    let mut missing = total - energy.iter().sum::<i64>();
    for own in &mut energy {
        let change = missing.clamp(1_000 - *own, 3_000 - *own);
        *own += change;
        missing -= change;
    }
    energy
}

struct Metered {
    reading: Verified<Reading>,
    secret: ReadingSecret,
}

fn run_month(market: &mut Rehearsal, args: &DemoArgs, rng: &mut ChaCha20Rng) -> Result<()> {
    println!("\n== One month: 53 tenants, 1 to 3 kWh each, nobody learns the total");
    market.next_gate();
    market.gate.interval = Interval { start: market.gate.interval.start, duration_s: MONTH_S };
    let cycle = GateFacts { gate: GateId(1), ..market.gate };
    let used = tenants_wh();
    let supplied = SUPPLIERS.map(|(_, _, wh)| wh);
    let metered = read_all(market, &supplied, &used, rng)?;
    println!("            {} readings verified, each signed by its meter", metered.len());
    claim_range(market, &metered, rng)?;
    agree_on_sources(market, &cycle, (&supplied, &used), &metered, rng)?;
    bill_everybody(market, &cycle, &metered, args, rng)
}

fn read_all(
    market: &Rehearsal,
    supplied: &[i64],
    used: &[i64],
    rng: &mut ChaCha20Rng,
) -> Result<Vec<Metered>> {
    let mut readings = Vec::new();
    let mut secrets = Vec::new();
    for (position, party) in market.parties.iter().enumerate() {
        let joules = |wh: Option<&i64>| Joules(wh.copied().unwrap_or(0) * Joules::PER_WH);
        let injected = joules(supplied.get(position));
        let absorbed =
            joules(position.checked_sub(SUPPLIERS.len()).and_then(|tenant| used.get(tenant)));
        let facts = market.meter_facts(party, 0);
        let signer = (SignedBy::Meter, &party.meter);
        let (reading, secret) =
            read_meter(injected, absorbed, &facts, &party.openings, signer, rng)?;
        readings.push((reading, facts));
        secrets.push(secret);
    }
    let batch = readings.iter().map(|(reading, facts)| (reading.clone(), facts)).collect();
    let verified = verify_all(batch).into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(verified
        .into_iter()
        .zip(secrets)
        .map(|(reading, secret)| Metered { reading, secret })
        .collect())
}

fn claim_range(market: &Rehearsal, metered: &[Metered], rng: &mut ChaCha20Rng) -> Result<()> {
    let mut claims = Vec::new();
    for (party, metered) in market.parties.iter().zip(metered).skip(SUPPLIERS.len()) {
        let place = Place {
            gate: market.gate,
            certificate: party.live.hash(),
            participant: party.seat.member,
        };
        let metric = Label::new("energy_j")
            .map_err(|name| anyhow::anyhow!("metric name too long: {name}"))?;
        let bounds = Bounds { metric, least: 1_000 * Joules::PER_WH, most: 3_000 * Joules::PER_WH };
        let facts = ClaimFacts { place, recorded: metered.reading.get().registers.absorbed };
        claims.push((claim(place, bounds, &metered.secret.absorbed, rng)?, facts));
    }
    let batch = claims.iter().map(|(claim, facts)| (claim.clone(), facts)).collect();
    let held = verify_all(batch).into_iter().filter(Result::is_ok).count();
    ensure!(held == usize::from(TENANTS), "every tenant's claim holds");
    println!("            {held} proofs that a tenant used 1 to 3 kWh, without the number");
    Ok(())
}

fn agree_on_sources(
    market: &mut Rehearsal,
    cycle: &GateFacts,
    (supplied, used): (&[i64], &[i64]),
    metered: &[Metered],
    rng: &mut ChaCha20Rng,
) -> Result<()> {
    let mut left: Vec<i64> = supplied.to_vec();
    let mut splits = Vec::new();
    for (tenant, wh) in used.iter().enumerate() {
        let parts = take_parts(&mut left, *wh);
        let own = &metered[tenant + SUPPLIERS.len()];
        let participant = own.reading.get().participant;
        let used = own.reading.get().registers.absorbed;
        let facts = SplitFacts { cycle: *cycle, participant, used, sources: SUPPLIERS.len() };
        let (split, _) = split_energy(&facts, &own.secret.absorbed, &parts, rng)?;
        splits.push((split, facts));
    }
    let batch = splits.iter().map(|(split, facts)| (split.clone(), facts)).collect();
    let splits = verify_all(batch).into_iter().collect::<Result<Vec<_>, _>>()?;
    for (source, (name, _, wh)) in (0u16..).zip(SUPPLIERS) {
        let own = &metered[usize::from(source)];
        let facts = SupplyFacts {
            cycle: *cycle,
            participant: MemberId(source),
            supplied: own.reading.get().registers.injected,
        };
        let supply = verify(post_supply(&facts, &own.secret.injected, rng)?, &facts)?;
        let total =
            source_total(cycle, (source, MemberId(source)), &owners(market), &splits, &supply)?;
        let opened = market.open_total(&total, rng)?;
        ensure!(opened.value() == 0, "tenants and {name} agree");
        let kwh = format!("{}.{}", wh / 1_000, wh % 1_000 / 100);
        println!(
            "{name:<12}knows its own {kwh} kWh and sees 53 tenants' parts less its own = {} J",
            opened.value()
        );
    }
    println!(
        "            four zeros prove that 53 totals and four totals agree; the total stays unknown to all"
    );
    Ok(())
}

/// Who stands behind each member.
fn owners(market: &Rehearsal) -> BTreeMap<MemberId, OwnerId> {
    market.parties.iter().map(|party| (party.seat.member, party.seat.owner)).collect()
}

/// Takes a tenant's energy from what the suppliers have left, J.
fn take_parts(left: &mut [i64], wh: i64) -> Vec<i128> {
    let mut missing = wh;
    let taken = left.iter_mut().map(|stock| {
        let part = missing.min(*stock);
        *stock -= part;
        missing -= part;
        i128::from(part * Joules::PER_WH)
    });
    taken.collect()
}

fn bill_everybody(
    market: &mut Rehearsal,
    cycle: &GateFacts,
    metered: &[Metered],
    args: &DemoArgs,
    rng: &mut ChaCha20Rng,
) -> Result<()> {
    let prices = Prices {
        injected: MONTH_PRICE,
        absorbed: MONTH_PRICE,
        reserve: Price(0),
        penalty: Price(0),
        duration_s: MONTH_S,
    };
    let nothing = Opening::public(0);
    let mut closings = Vec::new();
    let mut bills: Vec<Bill> = Vec::new();
    for metered in metered {
        let reading = metered.reading.get();
        let line = Line {
            gate: reading.gate,
            prices,
            registers: reading.registers,
            reserve: Commitment::zero(),
            deviation: Commitment::zero(),
        };
        let facts = cycle_facts(cycle, reading.participant, &[line])?;
        let secret =
            LineSecret { reading: &metered.secret, reserve: &nothing, deviation: &nothing };
        let money = secret.amount(&prices).context("within bounds")?;
        let energy = metered.secret.net().context("within bounds")?;
        let (close, whole) = close_cycle(&facts, &energy, &money, rng)?;
        bills.push(make_bill(cycle, (1, Digest([0; 32])), vec![line], close.clone(), &whole)?);
        closings.push((close, facts));
    }
    let batch = closings.iter().map(|(close, facts)| (close.clone(), facts)).collect();
    let closings = verify_all(batch).into_iter().collect::<Result<Vec<_>, _>>()?;
    let totals = total_cycle(cycle, &owners(market), &closings)?;
    let energy = market.open_total(&totals.energy, rng)?;
    let lost = check_balance(&energy, Joules(0))?;
    let pool = market.open_total(&totals.money, rng)?;
    println!(
        "Everybody sees: supplied less used = {lost}, sum of all bills = {} µ (rounding)",
        pool.value()
    );
    ensure!(verify_bills(&bills, None).is_empty(), "every bill verifies");
    for position in [0, 1, 2, 3, 4, 5] {
        let party = &market.parties[position];
        println!("{:<12}its bill, nobody else's: {} µ", party.name, bills[position].total.0);
    }
    println!("            {} bills verified in one batch", bills.len());
    if let Some(directory) = &args.bills {
        crate::bill::write_all(directory, &bills)?;
    }
    Ok(())
}
