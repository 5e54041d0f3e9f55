//! `gridaccord light`: a record of the ledger, believed only for its proof. Trusts the group key and no server.

use crate::{
    group_file::{self, GroupFile},
    remote::block_on,
};
use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use gridaccord_api::{
    client::Client,
    view::{
        Names,
        record::{KEY_FORMS, decoded, parse_key},
    },
};
use gridaccord_engine::{
    LightProof,
    light::{self, Proven},
};
use gridaccord_ledger::Key;
use serde_json::json;
use std::{
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// A proof older than this is worth a word: a chain makes a block a second.
const STALE: Duration = Duration::from_secs(30);

/// Read the ledger without trusting any server.
#[derive(Args, Debug)]
pub(crate) struct LightArgs {
    /// File of the chain's id and group key, from somebody you trust.
    #[arg(long, value_name = "FILE")]
    group_key: PathBuf,
    /// HTTP interface of a node; name two of different owners, so that none can show you an old state.
    #[arg(long = "api", value_name = "URL", default_values = ["http://127.0.0.1:8600"], env = "GRIDACCORD_API", value_delimiter = ',')]
    apis: Vec<String>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    command: LightCommand,
}

#[derive(Subcommand, Debug)]
enum LightCommand {
    /// Show the record under a key, or that there is none.
    Show {
        /// Such as account/NAME, line/GATE/NAME, gate/GATE, head.
        key: String,
    },
}

/// What one server proved.
struct Answer {
    server: String,
    proven: Proven,
    proof_bytes: usize,
    received_bytes: usize,
    verify_ms: f64,
}

pub(crate) fn run(args: &LightArgs) -> Result<ExitCode> {
    let group = group_file::read(&args.group_key)?;
    let LightCommand::Show { key } = &args.command;
    let mut answers = Vec::new();
    let mut names = None;
    for api in &args.apis {
        match block_on(ask(api, &group, key))? {
            Ok((answer, known)) => {
                names.get_or_insert(known);
                answers.push(answer);
            }
            Err(error) => eprintln!("warning: {api} proves nothing: {error:#}"),
        }
    }
    // The newest state anybody could prove.
    let (Some(names), Some(best)) =
        (names, answers.iter().max_by_key(|answer| answer.proven.height))
    else {
        bail!("no server gave a proof that holds");
    };
    for other in answers.iter().filter(|other| other.proven.height == best.proven.height) {
        if other.proven.record != best.proven.record {
            bail!(
                "{} and {} prove two states of height {}: more than a third of the validators signed both",
                best.server,
                other.server,
                best.proven.height
            );
        }
    }
    if args.apis.len() < 2 {
        eprintln!("warning: one server alone can show an old state: name a second one with --api");
    }
    let age = age(&best.proven);
    if age > STALE {
        eprintln!("warning: the newest proof is {} s old", age.as_secs());
    }
    show(args, best, &names, age, &answers)?;
    Ok(ExitCode::SUCCESS)
}

/// Asks one server, and believes what its proof proves.
async fn ask(api: &str, group: &GroupFile, path: &str) -> Result<(Answer, Names)> {
    let client = Client::new(api)?;
    // Names come from genesis, and genesis is what the chain's id is the hash of.
    let genesis = client.genesis().await?;
    if genesis.chain_id() != group.chain {
        bail!("it serves another chain than the group key's");
    }
    let names = Names::of(&genesis);
    let key: Key = parse_key(path, &names)
        .with_context(|| format!("{path:?} names no record; a key is one of: {KEY_FORMS}"))?;
    let view = client.proof(path).await?;
    let bytes =
        gridaccord_custody::hex::decode(&view.proof).context("its proof is not hexadecimal")?;
    let started = Instant::now();
    let proof = LightProof::from_bytes(&bytes)?;
    let proven = light::verify(&group.group.key, &group.chain, &proof)?;
    let verify_ms = started.elapsed().as_secs_f64() * 1e3;
    if proven.key != key {
        bail!("its proof is about another record");
    }
    let answer = Answer {
        server: api.to_owned(),
        proven,
        proof_bytes: bytes.len(),
        received_bytes: client.received_bytes(),
        verify_ms,
    };
    Ok((answer, names))
}

fn age(proven: &Proven) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.saturating_sub(Duration::from_millis(proven.timestamp.0))
}

fn show(
    args: &LightArgs,
    best: &Answer,
    names: &Names,
    age: Duration,
    answers: &[Answer],
) -> Result<()> {
    let record = best.proven.record.as_ref().map(|record| decoded(record, names));
    let received: usize = answers.iter().map(|answer| answer.received_bytes).sum();
    if args.json {
        let value = json!({
            "height": best.proven.height,
            "age_ms": u64::try_from(age.as_millis()).unwrap_or(u64::MAX),
            "record": record,
            "servers": answers.len(),
            "proof_bytes": best.proof_bytes,
            "received_bytes": received,
            "verify_ms": best.verify_ms,
        });
        println!("{}", serde_json::to_string_pretty(&value)?);
        return Ok(());
    }
    match record {
        Some(record) => println!("{}", serde_json::to_string_pretty(&record)?),
        None => println!("no such record, and that is proven"),
    }
    println!(
        "proven at height {}, {:.1} s ago, by {} of {} servers: proof {} bytes, checked in {:.1} ms; {} bytes received",
        best.proven.height,
        age.as_secs_f64(),
        answers.len(),
        args.apis.len(),
        best.proof_bytes,
        best.verify_ms,
        received,
    );
    Ok(())
}
