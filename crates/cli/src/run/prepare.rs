//! Everything a node needs before it touches the network, each thing checked, with what mends it.

use crate::scenarios;
use anyhow::{Context as _, Result, bail};
use commonware_cryptography::{Signer as _, ed25519};
use gridaccord_api::Config as ApiConfig;
use gridaccord_custody::{
    Config, GenesisFile, Home, Marker, Name, Passphrases, Process, Vault, disk,
    keys::{self, KeyUse},
    limits,
    signing::Permit,
};
use gridaccord_engine::{
    NodeKey, PublicKey,
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
    pub(super) permit: Option<Permit>,
    pub(super) member_key: ed25519::PrivateKey,
    pub(super) scenario: Option<Arc<Scenario>>,
    node_key: NodeKey,
    vault: Vault,
    listen: SocketAddr,
    peers: Vec<(PublicKey, SocketAddr)>,
    open_files: u64,
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
        let member_key = key(config.member_key.as_deref(), KeyUse::Member)?.key;
        check_keys(&file, &genesis, &name, &node_key, &member_key)?;
        let scenario = match &config.agent.scenario {
            Some(path) => Some(Arc::new(scenarios::load(Some(path))?)),
            None => None,
        };
        if let Some(scenario) = &scenario {
            // Said now, not once the chain runs.
            gridaccord_sim::act(&genesis, scenario.clone(), name.as_ref(), member_key.clone(), 0)?;
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
        let marker = match &config.node_key {
            Some(path) if std::env::var_os(KeyUse::Node.variable()).is_none() => {
                Marker::beside(path)
            }
            _ => Marker::within(home.directory()),
        };
        let voted = tcp::has_voted(home.directory(), name.as_ref());
        let permit = marker.permit(&genesis.chain_id(), &node_key.public_key(), voted)?;
        // Said now, in words: the network would only fail.
        drop(TcpListener::bind(config.listen).with_context(|| {
            format!("cannot listen for other nodes on {}: check `listen`", config.listen)
        })?);
        let vault = Vault::open(&home.secrets(), &node_key)?;
        let peers = peers(&file, &config, &node_key)?;
        let names = file.addresses().map(|(name, key, _)| (key.clone(), name.clone()));
        Ok(Self {
            name,
            names: Arc::new(names.collect()),
            genesis,
            home,
            permit: Some(permit),
            member_key,
            scenario,
            node_key,
            vault,
            listen: config.listen,
            peers,
            open_files,
            config,
        })
    }

    pub(super) fn network(&self) -> Tcp {
        let local = self.peers.iter().all(|(_, address)| tcp::is_private(address));
        Tcp { key: self.node_key.clone(), listen: self.listen, peers: self.peers.clone(), local }
    }

    pub(super) fn safe(&self) -> Arc<dyn Safe> {
        Arc::new(VaultSafe(self.vault.clone()))
    }

    /// As many clients as the process may have files open for.
    pub(super) fn api_limits(&self) -> ApiConfig {
        let limits = ApiConfig::default();
        let room =
            usize::try_from(self.open_files.saturating_sub(FILES_RESERVED)).unwrap_or(usize::MAX);
        ApiConfig { connections_max: limits.connections_max.min(room), ..limits }
    }
}

fn check_keys(
    file: &GenesisFile,
    genesis: &Genesis,
    name: &Name,
    node: &NodeKey,
    member: &ed25519::PrivateKey,
) -> Result<()> {
    let Some(admitted) =
        genesis.members.iter().find(|admitted| admitted.name.to_string() == name.as_ref())
    else {
        bail!("genesis names no member {name}: correct `name` in the configuration");
    };
    if admitted.key != member.public_key() {
        bail!("the member key is not the one that genesis gives {name}: check `member_key`");
    }
    match file.addresses().find(|(validator, _, _)| *validator == name) {
        None => bail!("{name} runs no validator in this genesis"),
        Some((_, key, _)) if *key != node.public_key() => {
            bail!("the node key is not the one that genesis gives {name}: check `node_key`")
        }
        Some(_) => Ok(()),
    }
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
        let resolved = address.parts().to_socket_addrs().map(|mut found| found.next());
        let resolved = resolved.ok().flatten().with_context(|| {
            format!("the address of {name}, {address}, cannot be resolved: set it under [peers]")
        })?;
        peers.push((key.clone(), resolved));
    }
    Ok(peers)
}

/// The engine's place for secrets.
struct VaultSafe(Vault);

impl Safe for VaultSafe {
    fn put(&self, name: &str, secret: &[u8]) -> io::Result<()> {
        self.0.put(name, secret).map_err(io::Error::other)
    }

    fn get(&self, name: &str) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        let secret = self.0.get(name).map_err(io::Error::other)?;
        Ok(secret.map(|secret| Zeroizing::new(secret.expose().to_vec())))
    }
}
