//! `gridaccord backup` and `restore`: what a node cannot make again, and never the votes it has cast.

use anyhow::Result;
use clap::Args;
use gridaccord_custody::{
    Config,
    backup::{self, Contents},
};
use std::{path::PathBuf, process::ExitCode};

/// Save a node's configuration, keys, share and genesis to one file.
///
/// Keys stay sealed as they are. The consensus store is left out: an old copy of it would make the node vote again where
/// it has voted since. A restored node therefore does not sign unless its own store is still there.
#[derive(Args, Debug)]
pub(crate) struct BackupArgs {
    /// The node's configuration.
    #[arg(long, value_name = "FILE", default_value = "node.toml")]
    config: PathBuf,
    /// File to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Put a backup back into an empty directory.
#[derive(Args, Debug)]
pub(crate) struct RestoreArgs {
    /// The backup.
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// Directory to restore to.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
}

pub(crate) fn create(args: &BackupArgs) -> Result<ExitCode> {
    let contents = backup::create(&Config::read(&args.config)?, &args.out)?;
    println!("{} holds", args.out.display());
    print(&contents);
    println!("not in it: the consensus store; a node restored without its own does not sign");
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn restore(args: &RestoreArgs) -> Result<ExitCode> {
    let contents = backup::restore(&args.from, &args.dir)?;
    println!("{} now holds", args.dir.display());
    print(&contents);
    println!("this node does not sign unless its consensus store is put back too");
    Ok(ExitCode::SUCCESS)
}

fn print(contents: &Contents) {
    for file in &contents.files {
        println!("  {file}");
    }
    for file in &contents.plain {
        eprintln!("warning: {file} has no passphrase");
    }
}
