//! `gridaccord demo`: a whole campus on this machine. Every validator has keys, storage and a TCP port of its
//! own; members without a validator use the HTTP interface of one; nothing is made up for the show.

mod processes;
mod report;
mod stage;
mod watch;

pub(crate) use stage::free_addresses;

use crate::{
    group_file::{self, GROUP_FILE},
    scenarios,
};
use anyhow::{Context as _, Result, bail};
use clap::Args;
use gridaccord_custody::{
    Protection,
    keys::{self, KeyUse},
};
use gridaccord_model::TimeMs;
use gridaccord_sim::{Campus, Terms};
use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// File of the genesis document in a data directory.
pub(crate) const GENESIS_FILE: &str = "genesis.bin";

/// From here to the chain's start: validators open their stores and find each other.
const START_AHEAD_MS: u64 = 1_500;
/// The same for processes, which also meet and generate the group key.
const START_AHEAD_PROCESSES_MS: u64 = 12_000;
/// A run of many intervals is paced to end in about this time, a run of few by the scenario's own pace.
const RUN_WALL_MS: u32 = 331_000;
/// No faster in a market of horizons: a gate is decided within one interval, before the next one closes.
const HORIZON_PACE_MS: u32 = 3_000;

/// Run a whole campus on this machine.
#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// Scenario file [default: the month of the white paper].
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// How many intervals to run [default: what the scenario says].
    #[arg(long, value_name = "N")]
    intervals: Option<u32>,
    /// Member keys, weather, offers and wagers follow from it: dispatch and settlement repeat.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Where validators keep their stores [default: a temporary directory, removed at the end].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Port of the first validator's HTTP interface on loopback; the others take any free one.
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    api_port: u16,
    /// Run every validator as a process of its own, which founds the chain with the others; one that dies is started
    /// again.
    #[arg(long)]
    processes: bool,
    /// Before a process that died is started again, ms.
    #[arg(long, value_name = "MS", default_value_t = 1_000, requires = "processes")]
    restart_after_ms: u64,
    /// Print one JSON object on standard output, progress on standard error.
    #[arg(long)]
    json: bool,
}

/// What came of a run.
struct Outcome {
    report: report::Report,
    /// Checks that did not hold, in words.
    problems: Vec<String>,
}

/// Runs the demo; success only if every gate settled and every check held.
pub(crate) fn run(args: &DemoArgs) -> Result<ExitCode> {
    let scenario = Arc::new(scenarios::load(args.scenario.as_deref())?);
    let most = scenario.horizon.intervals;
    let intervals = args.intervals.unwrap_or(scenario.demo.intervals);
    if !(1..=most).contains(&intervals) {
        bail!("--intervals {intervals}: scenario {:?} has 1 to {most}", scenario.name);
    }
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .context("this machine's clock stands before 1970")?;
    let ahead_ms = if args.processes { START_AHEAD_PROCESSES_MS } else { START_AHEAD_MS };
    let wall_start =
        TimeMs(u64::try_from(now.as_millis()).unwrap_or(u64::MAX).saturating_add(ahead_ms));
    let least_ms = if scenario.shape().is_some() { HORIZON_PACE_MS } else { 100 };
    let pace_ms = scenario.demo.interval_wall_ms.min((RUN_WALL_MS / intervals).max(least_ms));
    let terms = Terms {
        seed: args.seed,
        window: scenario.window(intervals),
        wall_start,
        interval_wall_ms: pace_ms,
    };
    let campus = Campus::cast(scenario, terms).context("the scenario makes no campus")?;

    let temporary;
    let directory: &Path = match &args.data_dir {
        Some(directory) => directory,
        None => {
            temporary = tempfile::Builder::new()
                .prefix("gridaccord-demo-")
                .tempdir()
                .context("cannot make a temporary directory: name one with --data-dir")?;
            temporary.path()
        }
    };
    prepare(directory, &campus, args.processes)?;

    let deadline = deadline(intervals, pace_ms);
    let directory = directory.to_owned();
    let outcome = if args.processes {
        let scenario = scenarios::text(args.scenario.as_deref())?;
        let restart_after = Duration::from_millis(args.restart_after_ms);
        let (seed, quiet) = (args.seed, args.json);
        processes::Run { campus, directory, scenario, seed, restart_after, quiet }.play(deadline)?
    } else {
        let (api_port, quiet) = (args.api_port, args.json);
        stage::Run { campus, directory, api_port, quiet }.play(deadline)?
    };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&outcome.report).expect("plain data"));
    } else {
        outcome.report.print();
        if let Some(directory) = &args.data_dir {
            let stores = if args.processes { "/NAME/data" } else { "" };
            println!(
                "\nVerify it again: gridaccord ledger verify --data-dir {}{stores}",
                directory.display()
            );
        }
    }
    for problem in &outcome.problems {
        eprintln!("error: {problem}");
    }
    Ok(if outcome.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Every interval at its pace, and half a minute for start, leads and a slow machine on top of as much again.
fn deadline(intervals: u32, pace_ms: u32) -> Duration {
    Duration::from_millis(u64::from(intervals) * u64::from(pace_ms) * 3 / 2)
        + Duration::from_secs(60)
}

/// Makes the data directory and writes what is needed to verify it later: genesis, the dealt group key (processes
/// generate theirs), and keys to sign by hand.
fn prepare(directory: &Path, campus: &Campus, processes: bool) -> Result<()> {
    let shown = directory.display();
    let keys_directory = directory.join("keys");
    fs::create_dir_all(&keys_directory)
        .with_context(|| format!("cannot make the data directory {shown}"))?;
    let genesis = directory.join(GENESIS_FILE);
    if genesis.exists() {
        bail!(
            "--data-dir {shown} already holds a chain: name an empty directory, or remove it first"
        );
    }
    let bytes = commonware_codec::Encode::encode(&campus.genesis);
    fs::write(&genesis, &bytes).with_context(|| format!("cannot write {}", genesis.display()))?;
    if !processes {
        let group = directory.join(GROUP_FILE);
        group_file::write(&group, &campus.genesis.chain_id(), &campus.group)?;
    }
    for member in &campus.members {
        let path = keys_directory.join(format!("{}.toml", member.name));
        let name = member.name.parse()?;
        keys::create(&path, KeyUse::Member, &name, &member.key, Protection::Plain)?;
    }
    Ok(())
}
