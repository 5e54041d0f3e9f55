//! `gridaccord ledger`: what a stored chain says, checked from its first block.

use crate::{
    demo::GENESIS_FILE,
    group_file::{self, GROUP_FILE},
};
use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use commonware_codec::DecodeExt as _;
use gridaccord_custody::hex;
use gridaccord_engine::{Chain, replay};
use gridaccord_ledger::Genesis;
use gridaccord_node::Journal;
use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

/// Looks into a chain's log.
#[derive(Subcommand, Debug)]
pub(crate) enum LedgerCommand {
    /// Execute every finalised block again and compare every root, seed and certificate.
    Verify(VerifyArgs),
}

/// What to verify.
#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    /// Data directory of a demo or a node.
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Only the store of this member's node [default: all in the directory].
    #[arg(long, value_name = "NAME")]
    node: Option<String>,
}

pub(crate) fn run(command: &LedgerCommand) -> Result<ExitCode> {
    let LedgerCommand::Verify(args) = command;
    let directory = args.data_dir.as_path();
    let chain = read_chain(directory)?;
    println!("chain {} ({:?})", hex::encode(&chain.id().0), chain.genesis().label.to_string());
    let mut sound = true;
    for node in nodes(directory, args.node.as_deref())? {
        sound &= verify(directory, &node, &chain)?;
    }
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read_chain(directory: &Path) -> Result<Chain> {
    let path = directory.join(GENESIS_FILE);
    let bytes = fs::read(&path).with_context(|| {
        format!("{} holds no chain: cannot read its {GENESIS_FILE}", directory.display())
    })?;
    let genesis = Genesis::decode(bytes)
        .ok()
        .with_context(|| format!("{} is no genesis document", path.display()))?;
    genesis.check().with_context(|| format!("genesis in {} is refused", path.display()))?;
    let group = group_file::read(&directory.join(GROUP_FILE))?;
    if group.chain != genesis.chain_id() {
        bail!("{GROUP_FILE} and {GENESIS_FILE} in {} are of two chains", directory.display());
    }
    Chain::new(genesis, group.group)
        .with_context(|| format!("the chain in {} is refused", directory.display()))
}

fn nodes(directory: &Path, wanted: Option<&str>) -> Result<Vec<String>> {
    let found =
        replay::nodes(directory).with_context(|| format!("cannot read {}", directory.display()))?;
    match wanted {
        None if found.is_empty() => bail!("{} holds no blocks yet", directory.display()),
        None => Ok(found),
        Some(name) if found.iter().any(|node| node == name) => Ok(vec![name.to_owned()]),
        Some(name) => bail!("--node {name}: the directory holds {}", found.join(", ")),
    }
}

/// Verifies one node's store and says what it found.
fn verify(directory: &Path, node: &str, chain: &Chain) -> Result<bool> {
    let started = Instant::now();
    let mut journal = Journal::default();
    let replayed = replay::replay(directory, node, chain, &mut |block| {
        journal.record(block.timestamp, &block.outcome.events);
    })
    .with_context(|| format!("cannot verify the store of {node}"))?;
    let took = started.elapsed().as_secs_f64();
    if let Some(mismatch) = &replayed.mismatch {
        println!("{node}: {} blocks hold, then: {mismatch}", replayed.blocks);
        return Ok(false);
    }
    println!(
        "{node}: {} blocks and {} finality certificates hold, {} gates over, root {}, {took:.1} s",
        replayed.blocks,
        replayed.certificates,
        journal.over(),
        hex::encode(&replayed.state_root.0),
    );
    if journal.sum().0 != 0 {
        println!("{node}: settlements sum to {} instead of 0", journal.sum());
        return Ok(false);
    }
    Ok(true)
}
