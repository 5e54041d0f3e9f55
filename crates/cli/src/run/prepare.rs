//! Everything a node needs before it touches the network, each thing checked, with what mends it.

use crate::{
    group_file::{self, GROUP_FILE},
    scenarios,
};
use anyhow::{Context as _, Result, bail};
use commonware_cryptography::{Signer as _, ed25519};
use gridaccord_api::Config as ApiConfig;
use gridaccord_custody::{
    Address, Config, GenesisFile, Home, Marker, Name, Passphrases, Process, Vault,
    config::{Follow, FollowStart},
    disk,
    keys::{self, KeyUse},
    limits,
    signing::Permit,
};
use gridaccord_engine::{
    Chain, NodeKey, PublicKey,
    follow::Start,
    tcp::{self, Safe, Tcp},
};
use gridaccord_ledger::Genesis;
use gridaccord_model::scenario::Scenario;
use std::{
    collections::BTreeMap,
    io,
    net::{SocketAddr, TcpListener, ToSocketAddrs as _},
    path::Path,
    sync::Arc,
};
use zeroize::Zeroizing;

/// Files that clients may not use up.
const FILES_RESERVED: u64 = limits::OPEN_FILES_MIN / 2;

/// A node that may start.
pub(super) struct Prepared {
    pub(super) config: Config,
    pub(super) name: Name,
    pub(super) genesis: Genesis,
    /// Validators' names by their nodes' keys.
    pub(super) names: Arc<BTreeMap<PublicKey, Name>>,
    pub(super) home: Home,
    pub(super) part: Part,
    /// Missing where nobody acts for a member.
    pub(super) member_key: Option<ed25519::PrivateKey>,
    pub(super) scenario: Option<Arc<Scenario>>,
    node_key: NodeKey,
    listen: SocketAddr,
    peers: Vec<(PublicKey, SocketAddr)>,
    followers: Vec<(PublicKey, SocketAddr)>,
    open_files: u64,
}

/// What the node may do.
pub(super) enum Part {
    /// It votes, with leave to and with the secrets that this takes.
    Votes { permit: Permit, vault: Vault },
    /// It follows the chain of this group.
    Follows { chain: Box<Chain>, start: Start },
}

impl Prepared {
    pub(super) fn new(path: &Path) -> Result<Self> {
        let open_files = limits::check()?;
        let config = Config::read(path)?;
        let name = config.name.clone();
        let file = GenesisFile::read(&config.genesis)?;
        let genesis =
            file.check().with_context(|| format!("genesis file {}", config.genesis.display()))?;
        let mut passphrases = Passphrases::new(&Process);
        let mut key = |path: Option<&Path>, usage| keys::find(path, usage, &mut passphrases);
        let node_key = key(config.node_key.as_deref(), KeyUse::Node)?.key;
        // A follower needs one only to act.
        let acts = config.follow.is_none() || config.agent.scenario.is_some();
        let member_key = match acts {
            true => Some(key(config.member_key.as_deref(), KeyUse::Member)?.key),
            false => None,
        };
        if let Some(member) = &member_key {
            check_member(&genesis, &name, member)?;
        }
        match config.follow {
            None => check_node(&file, &name, &node_key)?,
            Some(_) => check_follower(&file, &name, &node_key)?,
        }
        let scenario = match &config.agent.scenario {
            Some(path) => Some(Arc::new(scenarios::load(Some(path))?)),
            None => None,
        };
        if let (Some(scenario), Some(key)) = (&scenario, &member_key) {
            // Said now, not once the chain runs.
            gridaccord_sim::act(&genesis, scenario.clone(), name.as_ref(), key.clone(), 0)?;
        }

        let home = Home::open(&config.data_dir)?;
        home.bind(&genesis)?;
        let free = disk::free_mb(home.directory())?;
        if free < config.disk.free_min_mb {
            bail!(
                "{} has {free} MB free, disk.free_min_mb asks for {}: make room, or lower it",
                home.directory().display(),
                config.disk.free_min_mb
            );
        }
        let part = match &config.follow {
            None => votes(&config, &home, &genesis, &node_key)?,
            Some(follow) => follows(follow, &home, &genesis)?,
        };
        // Said now, in words: the network would only fail.
        drop(TcpListener::bind(config.listen).with_context(|| {
            format!("cannot listen for other nodes on {}: check `listen`", config.listen)
        })?);
        let peers = peers(&file, &config, &node_key)?;
        let followers = followers(&file, &config)?;
        let names = file.addresses().map(|(name, key, _)| (key.clone(), name.clone()));
        Ok(Self {
            name,
            names: Arc::new(names.collect()),
            genesis,
            home,
            part,
            member_key,
            scenario,
            node_key,
            listen: config.listen,
            peers,
            followers,
            open_files,
            config,
        })
    }

    pub(super) fn network(&self) -> Tcp {
        let local = self.peers.iter().all(|(_, address)| tcp::is_private(address));
        Tcp {
            key: self.node_key.clone(),
            listen: self.listen,
            peers: self.peers.clone(),
            followers: self.followers.clone(),
            local,
        }
    }

    /// As many clients as the process may have files open for.
    pub(super) fn api_limits(&self) -> ApiConfig {
        let limits = ApiConfig::default();
        let room =
            usize::try_from(self.open_files.saturating_sub(FILES_RESERVED)).unwrap_or(usize::MAX);
        ApiConfig { connections_max: limits.connections_max.min(room), ..limits }
    }
}

/// Leave to vote, and the secrets for it.
fn votes(config: &Config, home: &Home, genesis: &Genesis, node_key: &NodeKey) -> Result<Part> {
    let marker = match &config.node_key {
        Some(path) if std::env::var_os(KeyUse::Node.variable()).is_none() => Marker::beside(path),
        _ => Marker::within(home.directory()),
    };
    let voted = tcp::has_voted(home.directory(), config.name.as_ref());
    let permit = marker.permit(&genesis.chain_id(), &node_key.public_key(), voted)?;
    Ok(Part::Votes { permit, vault: Vault::open(&home.secrets(), node_key)? })
}

/// The group to follow: the one that was followed before, if there is one.
fn follows(follow: &Follow, home: &Home, genesis: &Genesis) -> Result<Part> {
    let given = group_file::read(&follow.group)
        .context("a follower needs the public key of the validators' group, as each of them has it in data/group.pub")?;
    let shown = follow.group.display();
    if given.chain != genesis.chain_id() {
        bail!(
            "{shown} is for another chain than the genesis file: take both from one who runs a validator"
        );
    }
    let kept = home.directory().join(GROUP_FILE);
    if kept.exists() && group_file::read(&kept)?.group != given.group {
        bail!(
            "{shown} is not the group that {} was started with: use that, or another data_dir",
            kept.display()
        );
    }
    let chain = Chain::new(genesis.clone(), given.group).with_context(|| format!("in {shown}"))?;
    let start = match follow.start {
        FollowStart::Recent => Start::Recent,
        FollowStart::Genesis => Start::Genesis,
    };
    Ok(Part::Follows { chain: Box::new(chain), start })
}

fn check_member(genesis: &Genesis, name: &Name, member: &ed25519::PrivateKey) -> Result<()> {
    let Some(admitted) =
        genesis.members.iter().find(|admitted| admitted.name.to_string() == name.as_ref())
    else {
        bail!("genesis names no member {name}: correct `name` in the configuration");
    };
    if admitted.key != member.public_key() {
        bail!("the member key is not the one that genesis gives {name}: check `member_key`");
    }
    Ok(())
}

fn check_node(file: &GenesisFile, name: &Name, node: &NodeKey) -> Result<()> {
    match file.addresses().find(|(validator, _, _)| *validator == name) {
        None => bail!(
            "{name} runs no validator in this genesis: a section [follow] in the configuration has it follow without a vote"
        ),
        Some((_, key, _)) if *key != node.public_key() => {
            bail!("the node key is not the one that genesis gives {name}: check `node_key`")
        }
        Some(_) => Ok(()),
    }
}

/// A validator may follow under its own name and key; nobody else under either.
fn check_follower(file: &GenesisFile, name: &Name, node: &NodeKey) -> Result<()> {
    let own = node.public_key();
    match file.addresses().find(|(validator, key, _)| *validator == name || **key == own) {
        Some((validator, key, _)) if validator != name || *key != own => bail!(
            "in this genesis {validator} runs a validator with another name or node key than this follower's: correct `name` or `node_key`"
        ),
        _ => Ok(()),
    }
}

/// Who may follow through this node, and from where.
fn followers(file: &GenesisFile, config: &Config) -> Result<Vec<(PublicKey, SocketAddr)>> {
    let mut followers: Vec<(PublicKey, SocketAddr)> = Vec::new();
    for (name, follower) in &config.followers {
        if file.addresses().any(|(_, key, _)| *key == follower.key) {
            bail!(
                "[followers] names {name}, whose key is a validator's: it may follow without being listed"
            );
        }
        if followers.iter().any(|(key, _)| *key == follower.key) {
            bail!("[followers] lists the key of {name} twice");
        }
        followers.push((follower.key.clone(), resolve(name, &follower.address, "[followers]")?));
    }
    Ok(followers)
}

fn resolve(name: &Name, address: &Address, section: &str) -> Result<SocketAddr> {
    let found = address.parts().to_socket_addrs().map(|mut found| found.next());
    found.ok().flatten().with_context(|| {
        format!("the address of {name}, {address}, cannot be resolved: set it under {section}")
    })
}

/// The other validators' addresses, those of the configuration before those of genesis.
fn peers(
    file: &GenesisFile,
    config: &Config,
    own: &NodeKey,
) -> Result<Vec<(PublicKey, SocketAddr)>> {
    let validators: BTreeMap<&Name, _> =
        file.addresses().map(|(name, key, address)| (name, (key, address))).collect();
    if let Some(stranger) = config.peers.keys().find(|name| !validators.contains_key(name)) {
        bail!("[peers] names {stranger}, who runs no validator in this genesis");
    }
    let mut peers = Vec::new();
    for (name, (key, address)) in validators {
        if *key == own.public_key() {
            continue;
        }
        let address = config.peers.get(name).unwrap_or(address);
        peers.push((key.clone(), resolve(name, address, "[peers]")?));
    }
    Ok(peers)
}

/// The engine's place for secrets.
pub(super) struct VaultSafe(pub(super) Vault);

impl Safe for VaultSafe {
    fn put(&self, name: &str, secret: &[u8]) -> io::Result<()> {
        self.0.put(name, secret).map_err(io::Error::other)
    }

    fn get(&self, name: &str) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        let secret = self.0.get(name).map_err(io::Error::other)?;
        Ok(secret.map(|secret| Zeroizing::new(secret.expose().to_vec())))
    }
}
