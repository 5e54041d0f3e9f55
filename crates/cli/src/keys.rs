//! `gridaccord keys`: what a member and its node sign with, made and looked at.

use crate::scenarios;
use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use commonware_cryptography::Signer as _;
use gridaccord_custody::{
    Address, Card, Config, Marker, Name, Passphrases, Process, Protection,
    config::{Api, Follow, FollowStart, names},
    file::{self, Audience},
    hex,
    keys::{self, KeyUse, OwnedKey},
    secret::{self, Cost},
};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// What a card's file name ends in.
const CARD_SUFFIX: &str = ".card.toml";
/// Port a node listens on unless its address says otherwise.
const PORT: u16 = 7_600;

/// Keys of a member and its node.
#[derive(Subcommand, Debug)]
pub(crate) enum KeysCommand {
    /// Make a member's key, a node's key, a card to show others, and a configuration to edit.
    New(NewArgs),
    /// Show what is public about a key file or a card.
    Show(ShowArgs),
}

/// What to make.
#[derive(Args, Debug)]
pub(crate) struct NewArgs {
    /// The member's name: a-z, 0-9 and -, at most 32.
    #[arg(long, value_name = "NAME")]
    name: Name,
    /// Directory to make them in.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Where other nodes will reach yours; give it if the member is to run a validator.
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<Address>,
    /// Where the node's HTTP interface will listen [default: 127.0.0.1:8600].
    #[arg(long, value_name = "ADDRESS:PORT")]
    api: Option<SocketAddr>,
    /// Scenario whose member of this name the node will act as; it is copied.
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// Make only what a node without a vote needs: a node's key and a configuration that follows.
    #[arg(long, requires = "address", conflicts_with = "scenario")]
    follower: bool,
    /// Leave the keys without a passphrase: whoever reads the files has them.
    #[arg(long)]
    unencrypted: bool,
}

/// What to show.
#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// Key file or card.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(crate) fn run(command: &KeysCommand) -> Result<ExitCode> {
    match command {
        KeysCommand::New(args) if args.follower => new_follower(args)?,
        KeysCommand::New(args) => new(args)?,
        KeysCommand::Show(args) if is_card(&args.file) => show_card(&args.file)?,
        KeysCommand::Show(args) => show_secret(&args.file)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A member's key: from its file where one is named, else from the environment.
pub(crate) fn member(path: Option<&Path>) -> Result<OwnedKey> {
    let mut passphrases = Passphrases::new(&Process);
    let found = match path {
        Some(path) => keys::read(path, KeyUse::Member, &mut passphrases),
        None => keys::find(None, KeyUse::Member, &mut passphrases),
    };
    Ok(found?)
}

fn new(args: &NewArgs) -> Result<()> {
    let dir = args.dir.as_path();
    let at = |name: &str| dir.join(name);
    let (member_file, node_file) = (at(names::MEMBER_KEY), at(names::NODE_KEY));
    let (card_file, config_file) = (at(&format!("{}{CARD_SUFFIX}", args.name)), at(names::CONFIG));
    let marker = Marker::beside(&node_file);
    let scenario = args.scenario.as_ref().map(|path| scenarios::text(Some(path))).transpose()?;
    let scenario_file = at(names::SCENARIO);
    let mut files = vec![&*member_file, &*node_file, &*card_file, &*config_file, marker.path()];
    files.extend(scenario.as_ref().map(|_| &*scenario_file));
    refuse_existing(files)?;
    let mut passphrases = Passphrases::new(&Process);
    let protection = protection(args, &mut passphrases)?;
    file::create_directory(dir)?;
    let (member, node) = (keys::generate()?, keys::generate()?);
    keys::create(&member_file, KeyUse::Member, &args.name, &member, protection)?;
    keys::create(&node_file, KeyUse::Node, &args.name, &node, protection)?;
    let card = Card::sign(args.name.clone(), &member, args.address.clone().map(|it| (&node, it)));
    card.create(&card_file)?;
    let (host, port) = args.address.as_ref().map_or(("", PORT), Address::parts);
    let mut config = Config::new(dir, args.name.clone(), port, host.contains(':'));
    if let Some(listen) = args.api {
        config.api = Api { listen };
    }
    if let Some(scenario) = &scenario {
        file::create(&scenario_file, scenario.as_bytes(), Audience::Everyone)?;
        config.agent.scenario = Some(scenario_file);
    }
    file::create(&config_file, config.text(dir).as_bytes(), Audience::Everyone)?;

    println!("member key      {}  (signs commands; keep it)", member_file.display());
    println!("node key        {}  (signs on the network; keep it)", node_file.display());
    println!(
        "card            {}  (show it to whoever writes the genesis file)",
        card_file.display()
    );
    println!("configuration   {}", config_file.display());
    println!("member's public key {}", hex::encode(member.public_key().as_ref()));
    println!("node's public key   {}", hex::encode(node.public_key().as_ref()));
    if args.unencrypted {
        eprintln!("warning: the keys have no passphrase");
    }
    Ok(())
}

/// A follower's key and configuration, and what validators must be told of it.
fn new_follower(args: &NewArgs) -> Result<()> {
    let dir = args.dir.as_path();
    let (node_file, config_file) = (dir.join(names::NODE_KEY), dir.join(names::CONFIG));
    let address = args.address.as_ref().context("a follower needs --address")?;
    let marker = Marker::beside(&node_file);
    refuse_existing([&*node_file, &*config_file, marker.path()])?;
    let mut passphrases = Passphrases::new(&Process);
    let protection = protection(args, &mut passphrases)?;
    file::create_directory(dir)?;
    let node = keys::generate()?;
    keys::create(&node_file, KeyUse::Node, &args.name, &node, protection)?;
    let (host, port) = address.parts();
    let mut config = Config::new(dir, args.name.clone(), port, host.contains(':'));
    config.member_key = None;
    config.follow = Some(Follow { group: dir.join(names::GROUP), start: FollowStart::default() });
    if let Some(listen) = args.api {
        config.api = Api { listen };
    }
    file::create(&config_file, config.text(dir).as_bytes(), Audience::Everyone)?;

    println!("node key        {}  (signs on the network; keep it)", node_file.display());
    println!("configuration   {}", config_file.display());
    println!("Ask every validator for this line under [followers] in its node.toml:");
    println!(
        "{} = {{ key_hex = \"{}\", address = \"{address}\" }}",
        args.name,
        hex::encode(node.public_key().as_ref())
    );
    if args.unencrypted {
        eprintln!("warning: the key has no passphrase");
    }
    Ok(())
}

/// All or nothing: a key file must not be left behind without the rest.
fn refuse_existing<'a>(files: impl IntoIterator<Item = &'a Path>) -> Result<()> {
    if let Some(there) = files.into_iter().find(|it| it.exists()) {
        bail!(
            "{} exists already: choose another directory, keys are never overwritten",
            there.display()
        );
    }
    Ok(())
}

fn protection<'a>(args: &NewArgs, passphrases: &'a mut Passphrases<'_>) -> Result<Protection<'a>> {
    Ok(match args.unencrypted {
        true => Protection::Plain,
        false => Protection::Sealed(passphrases.choose()?, Cost::STANDARD),
    })
}

fn is_card(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(CARD_SUFFIX))
}

fn show_card(path: &Path) -> Result<()> {
    let card = Card::read(path)?;
    println!("card of {}, its signatures hold", card.name());
    println!("member's public key {}", hex::encode(card.member_key().as_ref()));
    if let Some(node) = card.node() {
        println!("node's public key   {}", hex::encode(node.key.as_ref()));
        println!("node's address      {}", node.address);
    }
    Ok(())
}

fn show_secret(path: &Path) -> Result<()> {
    let (description, sealed) = secret::describe(path)
        .with_context(|| format!("cards end in {CARD_SUFFIX}; this was taken for a key file"))?;
    let owner = description.name.map(|name| format!(" of {name}")).unwrap_or_default();
    println!(
        "{}{owner}, {}",
        description.kind,
        if sealed { "sealed by a passphrase" } else { "NOT sealed" }
    );
    println!("public key {}", hex::encode(&description.public));
    let marker = Marker::beside(path);
    if marker.path().exists() {
        println!("has signed: {} keeps it from voting twice", marker.path().display());
    }
    Ok(())
}
