//! `gridaccord sim`: a campus in virtual time, from a seed, with faults and liars.

use crate::scenarios;
use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use gridaccord_model::scenario::Scenario;
use gridaccord_node::journal::GateStage;
use gridaccord_sim::{Plan, Simulated, Treason, Weather, hostile::Vice, simulate};
use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Instant};

/// Simulates a campus.
#[derive(Subcommand, Debug)]
pub(crate) enum SimCommand {
    /// Run one seed and say what happened.
    Run(RunArgs),
    /// Run many seeds, each under every weather, and count what held.
    Sweep(SweepArgs),
}

/// One simulation.
#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    /// Scenario file [default: the month of the white paper].
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// How many intervals.
    #[arg(long, value_name = "N", default_value_t = 3)]
    intervals: u32,
    /// Everything random follows from it.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// What goes wrong: happy, lossy, crashes, partition, storage, infeasible, worse, forged-price, copies,
    /// silent, commits-twice, reveals-twice; as many validators as are tolerated: conflicter, equivocator,
    /// impersonator, nuller, nullify-only, outdated, reconfigurer, twins.
    #[arg(long, value_name = "WHAT", default_value = "happy", value_parser = weather)]
    weather: Weather,
}

/// Many simulations.
#[derive(Args, Debug)]
pub(crate) struct SweepArgs {
    /// Scenario file [default: the month of the white paper].
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// How many intervals each.
    #[arg(long, value_name = "N", default_value_t = 3)]
    intervals: u32,
    /// First seed.
    #[arg(long, value_name = "N", default_value_t = 1)]
    first_seed: u64,
    /// How many seeds.
    #[arg(long, value_name = "N", default_value_t = 2)]
    seeds: u64,
    /// Only this weather [default: all in which no validator is Byzantine; those take minutes each].
    #[arg(long, value_name = "WHAT", value_parser = weather)]
    weather: Option<Weather>,
}

/// Every weather under the word that chooses it.
const WEATHERS: [(&str, Weather); 21] = [
    ("happy", Weather::Happy),
    ("lossy", Weather::Lossy),
    ("crashes", Weather::Crashes),
    ("partition", Weather::Partition),
    ("storage", Weather::Storage),
    ("infeasible", Weather::Liar(Vice::Infeasible)),
    ("worse", Weather::Liar(Vice::Worse)),
    ("forged-price", Weather::Liar(Vice::ForgedPrice)),
    ("copies", Weather::Liar(Vice::Copies)),
    ("silent", Weather::Liar(Vice::Silent)),
    ("commits-twice", Weather::Liar(Vice::CommitsTwice)),
    ("reveals-twice", Weather::Liar(Vice::RevealsTwice)),
    ("denies", Weather::Liar(Vice::DeniesDispatch)),
    ("conflicter", Weather::Traitors(Treason::Conflicter)),
    ("equivocator", Weather::Traitors(Treason::Equivocator)),
    ("impersonator", Weather::Traitors(Treason::Impersonator)),
    ("nuller", Weather::Traitors(Treason::Nuller)),
    ("nullify-only", Weather::Traitors(Treason::NullifyOnly)),
    ("outdated", Weather::Traitors(Treason::Outdated)),
    ("reconfigurer", Weather::Traitors(Treason::Reconfigurer)),
    ("twins", Weather::Twins),
];

fn weather(text: &str) -> Result<Weather, String> {
    let found = WEATHERS.iter().find(|(word, _)| *word == text);
    found.map(|(_, weather)| *weather).ok_or_else(|| {
        let words: Vec<&str> = WEATHERS.iter().map(|(word, _)| *word).collect();
        format!("one of {}", words.join(", "))
    })
}

pub(crate) fn run(command: &SimCommand) -> Result<ExitCode> {
    match command {
        SimCommand::Run(args) => run_one(args),
        SimCommand::Sweep(args) => sweep(args),
    }
}

fn run_one(args: &RunArgs) -> Result<ExitCode> {
    let scenario = load(args.scenario.as_ref(), args.intervals)?;
    let plan = Plan { scenario, seed: args.seed, intervals: args.intervals, weather: args.weather };
    let simulated = simulate(&plan)?;
    for (gate, story) in &simulated.journal.gates {
        println!(
            "gate {:>3}  {}{}",
            gate.0,
            story.stage.name(),
            match story.stage {
                GateStage::Failed(reason) => format!(": {reason}"),
                _ => format!(", price {} µ/kWh", story.price.map_or(0, |price| price.0)),
            }
        );
    }
    if let Some(liar) = simulated.liar {
        let lost = simulated.journal.tokens_lost.get(&liar).copied().unwrap_or(0);
        println!(
            "{} ({liar}) won {} gates and lost {lost} tokens",
            args.weather.name(),
            won(&simulated)
        );
    }
    let heights: Vec<String> = simulated.nodes.iter().map(|node| node.height.to_string()).collect();
    println!(
        "heights {}; {:.1} s of virtual time",
        heights.join(", "),
        simulated.elapsed.as_secs_f64()
    );
    println!("digest {}", simulated.digest);
    Ok(ExitCode::SUCCESS)
}

fn sweep(args: &SweepArgs) -> Result<ExitCode> {
    let scenario = load(args.scenario.as_ref(), args.intervals)?;
    let started = Instant::now();
    let (mut runs, mut failures) = (0u64, 0u64);
    for (word, weather) in WEATHERS.iter().filter(|(_, weather)| match args.weather {
        Some(only) => only == *weather,
        None => !weather.is_byzantine(),
    }) {
        let (mut settled, mut failed, mut lost) = (0usize, 0usize, 0u64);
        for seed in (args.first_seed..).take(usize::try_from(args.seeds).unwrap_or(usize::MAX)) {
            runs += 1;
            let plan = Plan {
                scenario: scenario.clone(),
                seed,
                intervals: args.intervals,
                weather: *weather,
            };
            match simulate(&plan) {
                Ok(simulated) => {
                    let gates = simulated.journal.gates.values();
                    let ended = gates.filter(|story| story.stage == GateStage::Settled).count();
                    settled += ended;
                    failed += simulated.journal.gates.len() - ended;
                    lost += simulated
                        .liar
                        .and_then(|liar| simulated.journal.tokens_lost.get(&liar))
                        .copied()
                        .unwrap_or(0);
                }
                Err(error) => {
                    failures += 1;
                    println!("{word}: {error}");
                    println!(
                        "  again: gridaccord sim run --intervals {} --seed {seed} --weather {word}",
                        args.intervals
                    );
                }
            }
        }
        println!(
            "{word:>14}: {settled} gates settled, {failed} failed to the last safe plan, liars lost {lost} tokens"
        );
    }
    println!("{runs} runs, {failures} broke a promise, {:.0} s", started.elapsed().as_secs_f64());
    Ok(if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn won(simulated: &Simulated) -> usize {
    simulated.journal.gates.values().filter(|story| story.winner == simulated.liar).count()
}

fn load(path: Option<&PathBuf>, intervals: u32) -> Result<Arc<Scenario>> {
    let scenario =
        scenarios::load(path.map(PathBuf::as_path)).context("there is nothing to simulate")?;
    let most = scenario.horizon.intervals;
    if !(1..=most).contains(&intervals) {
        bail!("--intervals {intervals}: scenario {:?} has 1 to {most}", scenario.name);
    }
    Ok(Arc::new(scenario))
}
