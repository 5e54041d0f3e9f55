//! `gridaccord bill verify FILE`: checks a bill without a network, a node or an account.

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use commonware_codec::{DecodeExt as _, Encode as _};
use gridaccord_sealed::{
    Digest,
    bill::{Bill, verify_bills},
};
use std::path::{Path, PathBuf};

/// Largest file read: a bill with all its lines is smaller.
const FILE_SIZE_MAX: u64 = 4 * 1024 * 1024;

/// `gridaccord bill …`
#[derive(Debug, Args)]
pub(crate) struct BillArgs {
    #[command(subcommand)]
    command: BillCommand,
}

#[derive(Debug, Subcommand)]
enum BillCommand {
    /// Verify bill files offline: commitments, prices, rounding and total
    Verify(VerifyArgs),
}

/// `gridaccord bill verify`
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Bill files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Finalised state root the bills must stand under, 64 hex digits
    #[arg(long, value_name = "HEX", value_parser = parse_digest)]
    root: Option<Digest>,
}

fn parse_digest(text: &str) -> Result<Digest, String> {
    let wrong = || "a root is 64 hex digits".to_owned();
    if text.len() != 64 || !text.is_ascii() {
        return Err(wrong());
    }
    let mut bytes = [0; 32];
    for (position, byte) in bytes.iter_mut().enumerate() {
        let digits = text.get(position * 2..position * 2 + 2).ok_or_else(wrong)?;
        *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
    }
    Ok(Digest(bytes))
}

/// Runs the command.
///
/// # Errors
/// A file that cannot be read or decoded, or a bill that does not verify.
pub(crate) fn run(args: &BillArgs) -> Result<()> {
    let BillCommand::Verify(verify) = &args.command;
    let bills = verify.files.iter().map(|file| read(file)).collect::<Result<Vec<Bill>>>()?;
    let refused = verify_bills(&bills, verify.root);
    for (position, (file, bill)) in verify.files.iter().zip(&bills).enumerate() {
        match refused.iter().find(|(at, _)| *at == position) {
            Some((_, refusal)) => {
                println!("{}: REFUSED, rule Z{}: {refusal}", file.display(), refusal.rule())
            }
            None => println!(
                "{}: verified; member {}, cycle {}, {} lines, total {} µ, block {} root {}",
                file.display(),
                bill.participant,
                bill.cycle.gate,
                bill.lines.len(),
                bill.total.0,
                bill.height,
                bill.root,
            ),
        }
    }
    if verify.root.is_none() {
        println!("note: no --root was given, so the bills' own roots were taken as they stand");
    }
    if refused.is_empty() {
        Ok(())
    } else {
        bail!("{} of {} bills refused", refused.len(), bills.len())
    }
}

fn read(file: &Path) -> Result<Bill> {
    let size =
        std::fs::metadata(file).with_context(|| format!("cannot read {}", file.display()))?.len();
    if size > FILE_SIZE_MAX {
        bail!("{} is larger than any bill", file.display());
    }
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    Bill::decode(bytes::Bytes::from(bytes))
        .with_context(|| format!("{} is not a bill", file.display()))
}

/// Writes bills as `member-N.bill`.
///
/// # Errors
/// The directory or a file cannot be written.
pub(crate) fn write_all(directory: &Path, bills: &[Bill]) -> Result<()> {
    std::fs::create_dir_all(directory)
        .with_context(|| format!("cannot create {}", directory.display()))?;
    for bill in bills {
        let file = directory.join(format!("member-{}.bill", bill.participant.0));
        std::fs::write(&file, bill.encode())
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    println!("          {} bill files written to {}", bills.len(), directory.display());
    Ok(())
}
