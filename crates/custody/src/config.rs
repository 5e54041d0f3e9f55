//! How one node runs: `node.toml`.
//!
//! Paths in the file are relative to the file, so a directory can be moved or restored elsewhere. Unknown keys are
//! refused and shown in their place. What the network has to agree on is not here but in genesis.

mod template;

use crate::{
    Address, Name,
    file::{self, FileError},
};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
};

/// Most bytes of the file.
pub const TEXT_MAX: u64 = 1024 * 1024;
/// Free space below which a node stops before the disk does it harm, MB, unless the file says otherwise.
pub const FREE_MIN_MB: u64 = 512;

/// A node's configuration, its paths resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Whose node it is: a member of genesis.
    pub name: Name,
    /// Where it keeps what it can rebuild, and its share.
    pub data_dir: PathBuf,
    /// The genesis file.
    pub genesis: PathBuf,
    /// The member's key; `None` where it comes from the environment.
    pub member_key: Option<PathBuf>,
    /// The node's key; `None` where it comes from the environment.
    pub node_key: Option<PathBuf>,
    /// Where it listens for other nodes.
    pub listen: SocketAddr,
    /// Addresses that take the place of those in genesis.
    pub peers: BTreeMap<Name, Address>,
    /// Its interface for people and programs.
    pub api: Api,
    /// Who acts for the member.
    pub agent: Agent,
    /// Room on the disk.
    pub disk: Disk,
}

/// The interface for people and programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Api {
    /// Where it listens.
    #[serde(default = "api_listen")]
    pub listen: SocketAddr,
}

/// Who acts for the member.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// Scenario whose member of this name it acts as; without one it submits nothing by itself.
    pub scenario: Option<PathBuf>,
    /// What is random in its acting follows from it.
    #[serde(default = "seed")]
    pub seed: u64,
}

/// Room on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disk {
    /// Free space below which the node stops, MB.
    #[serde(default = "free_min_mb")]
    pub free_min_mb: u64,
}

const fn api_listen() -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8_600)
}

const fn seed() -> u64 {
    1
}

const fn free_min_mb() -> u64 {
    FREE_MIN_MB
}

impl Default for Api {
    fn default() -> Self {
        Self { listen: api_listen() }
    }
}

impl Default for Disk {
    fn default() -> Self {
        Self { free_min_mb: FREE_MIN_MB }
    }
}

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file itself.
    #[error(transparent)]
    File(#[from] FileError),
    /// Not such a file; the message shows line and place.
    #[error("{path} is refused: {problem}", path = path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What is wrong, and where.
        problem: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigText {
    name: Name,
    data_dir: PathBuf,
    genesis: PathBuf,
    member_key: Option<PathBuf>,
    node_key: Option<PathBuf>,
    listen: SocketAddr,
    #[serde(default)]
    peers: BTreeMap<Name, Address>,
    #[serde(default)]
    api: Api,
    #[serde(default)]
    agent: AgentText,
    #[serde(default)]
    disk: Disk,
}

/// As [`Agent`], but for a missing section the seed's default must hold too.
type AgentText = Option<Agent>;

impl Config {
    /// The configuration of a new node: everything beside its file, under the names that [`keys new`] gives.
    ///
    /// [`keys new`]: crate::keys
    #[must_use]
    pub fn new(directory: &Path, name: Name, port: u16, host_is_v6: bool) -> Self {
        let any =
            if host_is_v6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
        Self {
            name,
            data_dir: directory.join(names::DATA),
            genesis: directory.join(names::GENESIS),
            member_key: Some(directory.join(names::MEMBER_KEY)),
            node_key: Some(directory.join(names::NODE_KEY)),
            listen: SocketAddr::new(any, port),
            peers: BTreeMap::new(),
            api: Api::default(),
            agent: Agent { scenario: None, seed: seed() },
            disk: Disk::default(),
        }
    }

    /// Reads a configuration.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = file::read_text(path, TEXT_MAX)?;
        Self::parse(&text, file::directory(path))
            .map_err(|problem| ConfigError::Malformed { path: path.to_owned(), problem })
    }

    /// Reads a configuration's text, its paths relative to `directory`.
    ///
    /// # Errors
    /// What is wrong, with line and place.
    pub fn parse(text: &str, directory: &Path) -> Result<Self, String> {
        let text: ConfigText = toml::from_str(text).map_err(|error| error.to_string())?;
        let agent = text.agent.unwrap_or(Agent { scenario: None, seed: seed() });
        Ok(Self {
            name: text.name,
            data_dir: directory.join(text.data_dir),
            genesis: directory.join(text.genesis),
            member_key: text.member_key.map(|path| directory.join(path)),
            node_key: text.node_key.map(|path| directory.join(path)),
            listen: text.listen,
            peers: text.peers,
            api: text.api,
            agent: Agent { scenario: agent.scenario.map(|path| directory.join(path)), ..agent },
            disk: text.disk,
        })
    }

    /// The configuration as a commented file in `directory`: what a new operator edits and a backup carries.
    #[must_use]
    pub fn text(&self, directory: &Path) -> String {
        template::text(self, directory)
    }
}

/// Names of the files in a directory made by `keys new` or `restore`.
pub mod names {
    /// The configuration.
    pub const CONFIG: &str = "node.toml";
    /// The genesis file.
    pub const GENESIS: &str = "genesis.toml";
    /// The member's key.
    pub const MEMBER_KEY: &str = "member.key.toml";
    /// The node's key.
    pub const NODE_KEY: &str = "node.key.toml";
    /// The scenario an agent acts by.
    pub const SCENARIO: &str = "scenario.toml";
    /// The data directory.
    pub const DATA: &str = "data";
}
