//! `gridaccord convert`: other tools' networks as a study of this one.

use crate::input;
use anyhow::{Context as _, Result, bail};
use clap::Args;
use gridaccord_study::document;
use std::{fs, io::Write, path::PathBuf, process::ExitCode};

/// Convert a PyPSA CSV folder to a study of a horizon.
#[derive(Debug, Args)]
pub(crate) struct ConvertArgs {
    /// Folder that PyPSA exported
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// File to write; not overwritten unless --force
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Overwrite the file
    #[arg(long)]
    force: bool,
}

/// Runs the command, printing to standard output.
///
/// # Errors
/// A folder that is refused, a file that is there already or cannot be written.
pub(crate) fn run(args: &ConvertArgs) -> Result<ExitCode> {
    let study = input::folder_study(&args.folder)?;
    let translated = input::exact(&study)?;
    if args.out.exists() && !args.force {
        bail!("{} is there already; --force overwrites it", args.out.display());
    }
    fs::write(&args.out, document::write(&study))
        .with_context(|| format!("cannot write {}", args.out.display()))?;
    writeln!(
        std::io::stdout(),
        "wrote {}: {} intervals, {} resources, {} loads; {}",
        args.out.display(),
        study.intervals(),
        study.resources(),
        study.loads.len(),
        input::roundings(&translated)
    )?;
    Ok(ExitCode::SUCCESS)
}
