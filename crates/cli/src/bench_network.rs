//! `gridaccord bench network`: how many signed commands a second a set of validators makes final on this machine, each
//! validator a process of its own with real sockets and synced storage.
//!
//! Every process also makes the load: members of its own sign commands and hand them to it, a fixed number waiting at any
//! time. What is measured includes signing, checking on every validator, agreement, execution and storage.

mod node;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use comfy_table::{CellAlignment, Table, presets::NOTHING};
pub(crate) use node::{BenchNodeArgs, run as run_node};
use node::{Measured, Spec};
use serde::Serialize;
use std::{
    process::{Child, Command, ExitCode, Stdio},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// From here to the chain's start.
const START_AHEAD: Duration = Duration::from_secs(2);
/// What a process may take beyond the measured time.
const GRACE: Duration = Duration::from_secs(60);

/// Measure a network of validators on this machine.
#[derive(Args, Debug)]
pub(crate) struct BenchNetworkArgs {
    /// Numbers of validators to measure.
    #[arg(long, value_name = "N,N", value_delimiter = ',', default_values_t = [4, 7])]
    validators: Vec<u16>,
    /// Commands that wait at any time over all validators: what blocks can be filled with.
    #[arg(long, value_name = "N,N", value_delimiter = ',', default_values_t = [0, 100, 1_000, 4_000, 8_000])]
    waiting: Vec<u32>,
    /// Measured time of each run, after a warm-up of a quarter of it.
    #[arg(long, value_name = "S", default_value_t = 12)]
    seconds: u32,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// One run.
#[derive(Debug, Serialize)]
struct Row {
    validators: u16,
    waiting: u32,
    commands_per_s: f64,
    blocks_per_s: f64,
    commands_per_block: f64,
    finality_ms_p50: Option<u64>,
    finality_ms_p95: Option<u64>,
    memory_mb_max: u64,
    disk_bytes_per_command: Option<u64>,
}

pub(crate) fn run(args: &BenchNetworkArgs) -> Result<ExitCode> {
    let mut rows = Vec::new();
    for validators in &args.validators {
        if *validators < 4 {
            bail!("--validators {validators}: more than 3 are needed to outvote a faulty one");
        }
        for waiting in &args.waiting {
            if !args.json {
                eprintln!("{validators} validators, {waiting} commands waiting …");
            }
            rows.push(measure(*validators, *waiting, args.seconds)?);
        }
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&rows)?);
    } else {
        print(&rows);
    }
    Ok(ExitCode::SUCCESS)
}

fn measure(validators: u16, waiting: u32, seconds: u32) -> Result<Row> {
    let directory = tempfile::Builder::new().prefix("gridaccord-bench-").tempdir()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)? + START_AHEAD;
    let ports = crate::demo::free_addresses(usize::from(validators))?;
    let spec = Spec {
        directory: directory.path().to_owned(),
        wall_start_ms: u64::try_from(now.as_millis())?,
        ports: ports.iter().map(std::net::SocketAddr::port).collect(),
        waiting: waiting / u32::from(validators),
        seconds,
    };
    let path = directory.path().join("spec.json");
    std::fs::write(&path, serde_json::to_vec(&spec)?)?;
    let program = std::env::current_exe().context("this program has no path")?;
    let mut children = Vec::new();
    for node in 0..validators {
        let child = Command::new(&program)
            .args(["bench", "network-node", "--node", &node.to_string(), "--spec"])
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        children.push(Guarded(child));
    }
    let mut measured = Vec::new();
    for mut child in children {
        let limit = Duration::from_secs(u64::from(seconds) * 5 / 4) + START_AHEAD + GRACE;
        measured.push(child.measured(limit)?);
    }
    Ok(row(validators, waiting, seconds, &measured))
}

fn row(validators: u16, waiting: u32, seconds: u32, measured: &[Measured]) -> Row {
    let first = &measured[0];
    let mut finality: Vec<u64> =
        measured.iter().flat_map(|one| one.finality_ms.iter().copied()).collect();
    finality.sort_unstable();
    let at = |percent| gridaccord_node::port::percentile(&finality, percent);
    let seconds = f64::from(seconds);
    Row {
        validators,
        waiting,
        commands_per_s: first.commands as f64 / seconds,
        blocks_per_s: first.blocks as f64 / seconds,
        commands_per_block: first.commands as f64 / (first.blocks.max(1)) as f64,
        finality_ms_p50: at(50),
        finality_ms_p95: at(95),
        memory_mb_max: measured.iter().map(|one| one.memory_mb).max().unwrap_or(0),
        disk_bytes_per_command: first.disk_bytes.checked_div(first.commands),
    }
}

/// A child that does not outlive this process's interest in it.
struct Guarded(Child);

impl Guarded {
    fn measured(&mut self, limit: Duration) -> Result<Measured> {
        let started = std::time::Instant::now();
        while self.0.try_wait()?.is_none() {
            if started.elapsed() > limit {
                bail!("a validator did not end in time");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let out = self.0.stdout.take().context("standard output is a pipe")?;
        serde_json::from_reader(out).context("a validator ended without a measurement")
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // It has ended by itself in a good run.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn print(rows: &[Row]) {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header([
        "validators",
        "waiting",
        "commands/s",
        "blocks/s",
        "commands/block",
        "finality p50, ms",
        "p95, ms",
        "memory, MB",
        "disk, bytes/command",
    ]);
    let or_dash = |value: Option<u64>| value.map_or("–".into(), |value| value.to_string());
    for row in rows {
        table.add_row([
            row.validators.to_string(),
            row.waiting.to_string(),
            format!("{:.0}", row.commands_per_s),
            format!("{:.1}", row.blocks_per_s),
            format!("{:.0}", row.commands_per_block),
            or_dash(row.finality_ms_p50),
            or_dash(row.finality_ms_p95),
            row.memory_mb_max.to_string(),
            or_dash(row.disk_bytes_per_command),
        ]);
    }
    for column in table.column_iter_mut() {
        column.set_cell_alignment(CellAlignment::Right);
    }
    println!("{table}");
}
