//! `gridaccord genesis`: strangers agree on what their chain starts from, each on its own copy of one text.

use crate::{keys, scenarios};
use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use gridaccord_custody::{
    Card, GenesisFile, Name,
    genesis::{GenesisFileError, Terms, role_named},
    hex,
};
use gridaccord_ledger::{Genesis, Role, genesis::CLASS_NAME_MAX};
use gridaccord_model::{Money, OwnerId, TimeMs, TimeS, codec::Label, scenario::utc};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::ExitCode,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// The document a chain starts from.
#[derive(Subcommand, Debug)]
pub(crate) enum GenesisCommand {
    /// Propose a scenario's terms.
    New(NewArgs),
    /// Admit the member that shows a card.
    Add(AddArgs),
    /// Sign the document as one of its members.
    Sign(SignArgs),
    /// Check every rule, and who has not signed.
    Check(CheckArgs),
}

/// What to propose.
#[derive(Args, Debug)]
pub(crate) struct NewArgs {
    /// File to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Scenario whose market, terms of trust and members are proposed.
    #[arg(long, value_name = "FILE")]
    scenario: PathBuf,
    /// The chain's name for people [default: the scenario's].
    #[arg(long, value_name = "TEXT")]
    label: Option<String>,
    /// When the chain's clock starts, from now: time enough to sign and to start the nodes.
    #[arg(long, value_name = "TIME", default_value = "3m", value_parser = duration)]
    starts_in: Duration,
    /// Ledger seconds in a second of wall time; 1 outside of demonstrations.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    speed: u32,
}

/// Whom to admit.
#[derive(Args, Debug)]
pub(crate) struct AddArgs {
    /// The genesis file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The member's card.
    #[arg(value_name = "CARD")]
    card: PathBuf,
    /// What it may do [default, as of all that follow: what the scenario says of that name].
    #[arg(long, value_name = "ROLE", value_parser = role_named)]
    role: Option<Role>,
    /// Kind of its resource as the carbon policy names it, such as solar; none where nothing says.
    #[arg(long, value_name = "CLASS", value_parser = class)]
    class: Option<Label<CLASS_NAME_MAX>>,
    /// Number of the legal identity behind it; members of one owner share it.
    #[arg(long, value_name = "N")]
    owner: Option<u16>,
    /// Trust tokens it starts with.
    #[arg(long, value_name = "N")]
    stake: Option<u64>,
    /// Money it starts with, such as 1000 or 0.25.
    #[arg(long, value_name = "CURRENCY", value_parser = money)]
    deposit: Option<Money>,
}

/// Who signs what.
#[derive(Args, Debug)]
pub(crate) struct SignArgs {
    /// The genesis file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The member's key file [default: the key in GRIDACCORD_MEMBER_KEY].
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

/// What to check.
#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// The genesis file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(crate) fn run(command: &GenesisCommand) -> Result<ExitCode> {
    match command {
        GenesisCommand::New(args) => new(args),
        GenesisCommand::Add(args) => add(args),
        GenesisCommand::Sign(args) => sign(args),
        GenesisCommand::Check(args) => check(args),
    }
}

fn new(args: &NewArgs) -> Result<ExitCode> {
    let scenario = scenarios::load(Some(&args.scenario))?;
    let start = wall_now()?.saturating_add(args.starts_in);
    let start = TimeMs(u64::try_from(start.as_millis()).context("--starts-in is too long")?);
    let file = GenesisFile::propose(&scenario, args.label.as_deref(), start, args.speed)?;
    file.create(&args.out)?;
    println!("{} proposes scenario {:?}", args.out.display(), scenario.name);
    println!("its clock starts at {}", utc(TimeS(start.0 / 1_000)));
    let names: Vec<&str> = file.expected().iter().map(|expected| expected.name.as_ref()).collect();
    println!("cards to add: {}", names.join(", "));
    Ok(ExitCode::SUCCESS)
}

/// The class of a word.
fn class(word: &str) -> Result<Label<CLASS_NAME_MAX>, String> {
    Label::new(word).map_err(|_| format!("a class has at most {CLASS_NAME_MAX} bytes"))
}

fn add(args: &AddArgs) -> Result<ExitCode> {
    let mut file = GenesisFile::read(&args.file)?;
    let card = Card::read(&args.card)?;
    let terms = Terms {
        role: args.role,
        class: args.class.clone(),
        owner: args.owner.map(OwnerId),
        stake: args.stake,
        deposit: args.deposit,
    };
    let voided = file.admit(&card, terms)?;
    file.replace(&args.file)?;
    let with = if card.node().is_some() { " and its validator" } else { "" };
    println!(
        "{}{with} admitted, member key {}",
        card.name(),
        hex::encode(card.member_key().as_ref())
    );
    if !voided.is_empty() {
        println!("the document changed: {} must sign again", listed(&voided));
    }
    Ok(ExitCode::SUCCESS)
}

fn sign(args: &SignArgs) -> Result<ExitCode> {
    let mut file = GenesisFile::read(&args.file)?;
    let key = keys::member(args.key.as_deref())?;
    let name = file.sign(&key.key)?;
    file.replace(&args.file)?;
    let chain = file.genesis()?.chain_id();
    println!("signed by {name}: chain {}", hex::encode(chain.as_ref()));
    let unsigned = file.unsigned();
    if !unsigned.is_empty() {
        println!("still to sign: {}", listed(&unsigned));
    }
    Ok(ExitCode::SUCCESS)
}

fn check(args: &CheckArgs) -> Result<ExitCode> {
    let file = GenesisFile::read(&args.file)?;
    let missing: Vec<Name> = file.expected().iter().map(|one| one.name.clone()).collect();
    let checked = file.check();
    let signed = match checked {
        Ok(genesis) => {
            describe(&genesis)?;
            true
        }
        // Everything else holds: show it, so that copies can be compared before they are signed.
        Err(GenesisFileError::Unsigned(unsigned)) => {
            describe(&file.genesis()?)?;
            println!("not signed by {}", listed(&unsigned));
            false
        }
        Err(refusal) => {
            return Err(refusal).with_context(|| format!("{} is refused", args.file.display()));
        }
    };
    if !missing.is_empty() {
        println!(
            "the scenario also expects {}, who showed no card; the chain starts without",
            listed(&missing)
        );
    }
    if signed {
        println!("complete: start a node on it");
    }
    Ok(if signed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn describe(genesis: &Genesis) -> Result<()> {
    let validators = genesis.validators.len();
    println!(
        "chain {} ({:?})",
        hex::encode(genesis.chain_id().as_ref()),
        genesis.label.to_string()
    );
    println!(
        "{} members, {validators} validators: stands with up to {} of them faulty",
        genesis.members.len(),
        validators.saturating_sub(1) / 3,
    );
    let start = Duration::from_millis(genesis.clock.wall_start.0);
    let when = match start.checked_sub(wall_now()?) {
        Some(ahead) => format!("in {} s", ahead.as_secs()),
        None => "already over: its clock runs".into(),
    };
    println!(
        "clock starts at {} ({when}), {} ledger seconds a second",
        utc(TimeS(start.as_secs())),
        genesis.clock.speed
    );
    println!(
        "first gate's interval starts at ledger time {}, {} s long",
        utc(genesis.market.first_start),
        genesis.market.interval_s,
    );
    for (owner, owned) in owners(genesis) {
        if owned > validators.saturating_sub(1) / 3 {
            eprintln!(
                "warning: owner {owner} runs {owned} of {validators} validators: its failure alone stops the chain"
            );
        }
    }
    Ok(())
}

/// How many validators each owner runs.
fn owners(genesis: &Genesis) -> BTreeMap<u16, usize> {
    let mut owners = BTreeMap::new();
    for validator in &genesis.validators {
        if let Some(member) = genesis.members.get(usize::from(validator.member)) {
            *owners.entry(member.owner.0).or_default() += 1;
        }
    }
    owners
}

fn listed(names: &[Name]) -> String {
    names.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join(", ")
}

fn wall_now() -> Result<Duration> {
    SystemTime::now().duration_since(UNIX_EPOCH).context("this machine's clock stands before 1970")
}

/// `90s`, `3m`, `2h`.
fn duration(text: &str) -> Result<Duration, String> {
    let shape = || format!("`{text}` is not a time such as 90s, 3m or 2h");
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(shape)?;
    let factor = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        _ => return Err(shape()),
    };
    let number: u32 = number.parse().map_err(|_| shape())?;
    Ok(Duration::from_secs(u64::from(number) * factor))
}

/// Money in the currency, with at most six decimals.
fn money(text: &str) -> Result<Money, String> {
    let shape =
        || format!("`{text}` is no sum of money such as 1000 or 0.25, with at most six decimals");
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(part) || part.len() > 6 {
        return Err(shape());
    }
    let micro = format!("{part:0<6}").parse::<i64>().map_err(|_| shape())?;
    let whole: i64 = whole.parse().map_err(|_| shape())?;
    let sum = whole.checked_mul(1_000_000).and_then(|whole| whole.checked_add(micro));
    sum.map(Money).ok_or_else(shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_exact() {
        for (text, micro) in
            [("0", 0), ("1000", 1_000_000_000), ("0.25", 250_000), ("1.000001", 1_000_001)]
        {
            assert_eq!(money(text), Ok(Money(micro)), "{text}");
        }
        for text in ["", ".", "1.", ".5", "-1", "+1", "1e3", "0.0000001", "1,5", "9223372036855"] {
            assert!(money(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_have_a_unit() {
        for (text, seconds) in [("90s", 90), ("3m", 180), ("2h", 7_200), ("0s", 0)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "3", "m", "3d", "-3m", "3é", "1.5h"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
