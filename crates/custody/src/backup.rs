//! A backup of what cannot be made again: one tar archive, and nothing in it that lets a node sign twice.
//!
//! In it: configuration, keys as they stand (sealed ones stay sealed), the validator's share (sealed by its node's
//! key), genesis, the group's public key, the agent's scenario and the signing marker. **Never** the consensus store: it
//! holds the votes cast so far, and an old copy of it makes a node vote again where it has voted since. A node restored
//! from a backup therefore does not sign unless its own store is still there ([`signing`]); a backup of
//! a key that has not signed yet carries a marker that says so.
//!
//! Names in the archive are fixed, so that nothing in an archive can choose where it lands; whatever else is in one is
//! refused before anything is written.

mod archive;

use crate::{
    Config, Marker,
    config::{self, ConfigError, names},
    file::{self, Audience, FileError},
    genesis, hex, home,
    keys::KeyUse,
    secret::{self, SecretError},
    signing,
};
use archive::Entry;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Most bytes of a backup.
pub const SIZE_MAX: u64 = 64 * 1024 * 1024;
/// Most bytes of a scenario.
const SCENARIO_SIZE_MAX: u64 = 32 * 1024 * 1024;

/// A file that a backup may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    /// Its name in the archive and under the directory restored to.
    name: &'static str,
    /// The most bytes it has.
    limit: u64,
}

const CONFIG: Part = Part { name: names::CONFIG, limit: config::TEXT_MAX };
const MEMBER_KEY: Part = Part { name: names::MEMBER_KEY, limit: secret::TEXT_MAX };
const NODE_KEY: Part = Part { name: names::NODE_KEY, limit: secret::TEXT_MAX };
const GENESIS: Part = Part { name: names::GENESIS, limit: genesis::TEXT_MAX };
const SCENARIO: Part = Part { name: names::SCENARIO, limit: SCENARIO_SIZE_MAX };
/// Beside the node's key.
const MARKER: Part = Part { name: "node.key.toml.signing", limit: signing::TEXT_MAX };
/// In the data directory, for a key that is in no file.
const DATA_MARKER: Part = Part { name: "data/node-key.signing", limit: signing::TEXT_MAX };
const GENESIS_BIN: Part = Part { name: "data/genesis.bin", limit: home::GENESIS_SIZE_MAX };
const GROUP: Part = Part { name: "data/group.pub", limit: 256 * 1024 };
const SHARE: Part = Part { name: "data/secrets/share.toml", limit: secret::TEXT_MAX };
const POLYNOMIAL: Part =
    Part { name: "data/secrets/founding-polynomial.toml", limit: secret::TEXT_MAX };
const COMPLETE: Part =
    Part { name: "data/secrets/founding-complete.toml", limit: secret::TEXT_MAX };
/// The validator's secrets, sealed for its node, with their kinds.
const VAULT: [(Part, &str); 3] =
    [(SHARE, "share"), (POLYNOMIAL, "founding-polynomial"), (COMPLETE, "founding-complete")];

/// Everything a backup may hold.
const PARTS: [Part; 12] = [
    CONFIG,
    MEMBER_KEY,
    NODE_KEY,
    GENESIS,
    SCENARIO,
    MARKER,
    DATA_MARKER,
    GENESIS_BIN,
    GROUP,
    SHARE,
    POLYNOMIAL,
    COMPLETE,
];

/// Why there is no backup, or no restored node.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A key that cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The signing marker is damaged.
    #[error("{path} is damaged: a backup without a sound signing marker could sign twice", path = .0.display())]
    Marker(PathBuf),
    /// Not an archive.
    #[error("{path} is no backup, or damaged: {problem}", path = path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// Something is there already.
    #[error("{path} is not empty: restore into an empty directory", path = .0.display())]
    NotEmpty(PathBuf),
}

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// Names of the files in it.
    pub files: Vec<&'static str>,
    /// Those of them that hold a secret plainly.
    pub plain: Vec<&'static str>,
}

/// Writes a backup of the node that `config` describes to a file that must not exist yet, for its owner only.
///
/// # Errors
/// [`BackupError`].
pub fn create(config: &Config, out: &Path) -> Result<Contents, BackupError> {
    let carried = carried(config);
    let mut entries = vec![Entry::new(CONFIG, carried.text(Path::new("")).into_bytes())];
    let mut plain = Vec::new();
    for (part, path) in secrets(config) {
        let Some(text) = optional(file::read_private(&path, part.limit))? else { continue };
        let (_, sealed) = secret::describe(&path)?;
        if !sealed {
            plain.push(part.name);
        }
        entries.push(Entry::new(part, text.as_bytes().to_vec()));
    }
    for (part, path) in publics(config) {
        if let Some(bytes) = optional(file::read(&path, part.limit))? {
            entries.push(Entry::new(part, bytes));
        }
    }
    entries.extend(markers(config)?);
    let bytes = Zeroizing::new(archive::write(&entries));
    file::create(out, &bytes, Audience::Owner)?;
    Ok(Contents { files: entries.iter().map(|entry| entry.part.name).collect(), plain })
}

/// Restores a backup into a directory that is empty or not there yet.
///
/// # Errors
/// [`BackupError`]; nothing is written unless all of it is sound.
pub fn restore(from: &Path, directory: &Path) -> Result<Contents, BackupError> {
    let bytes = Zeroizing::new(file::read(from, SIZE_MAX)?);
    let malformed = |problem| BackupError::Malformed { path: from.to_owned(), problem };
    let entries = archive::read(&bytes).map_err(malformed)?;
    let plain = sound(&entries).map_err(malformed)?;
    file::create_directory(directory)?;
    let mut there = std::fs::read_dir(directory).map_err(FileError::io("list", directory))?;
    if there.next().is_some() {
        return Err(BackupError::NotEmpty(directory.to_owned()));
    }
    file::create_directory(&directory.join(names::DATA).join(home::SECRETS))?;
    // The marker before the key it is for: a restore that is cut short leaves no key that could sign.
    let (markers, others): (Vec<_>, Vec<_>) =
        entries.iter().partition(|entry| entry.part == MARKER || entry.part == DATA_MARKER);
    for entry in markers.into_iter().chain(others) {
        file::create(&directory.join(entry.part.name), &entry.bytes, Audience::Owner)?;
    }
    Ok(Contents { files: entries.iter().map(|entry| entry.part.name).collect(), plain })
}

/// The configuration with the names that files have in a backup.
fn carried(config: &Config) -> Config {
    let named = |name: &str| PathBuf::from(name);
    Config {
        data_dir: named(names::DATA),
        genesis: named(GENESIS.name),
        member_key: config.member_key.as_ref().map(|_| named(MEMBER_KEY.name)),
        node_key: config.node_key.as_ref().map(|_| named(NODE_KEY.name)),
        agent: config::Agent {
            scenario: config.agent.scenario.as_ref().map(|_| named(SCENARIO.name)),
            ..config.agent
        },
        follow: config.follow.as_ref().map(|follow| config::Follow {
            group: named(names::DATA).join(home::GROUP_FILE),
            start: follow.start,
        }),
        ..config.clone()
    }
}

fn secrets(config: &Config) -> impl Iterator<Item = (Part, PathBuf)> {
    let member = config.member_key.clone().map(|path| (MEMBER_KEY, path));
    let node = config.node_key.clone().map(|path| (NODE_KEY, path));
    let vault = config.data_dir.join(home::SECRETS);
    let vault = VAULT.map(|(part, kind)| (part, vault.join(format!("{kind}.toml"))));
    member.into_iter().chain(node).chain(vault)
}

fn publics(config: &Config) -> impl Iterator<Item = (Part, PathBuf)> {
    let scenario = config.agent.scenario.clone().map(|path| (SCENARIO, path));
    let kept = [
        (GENESIS, config.genesis.clone()),
        (GENESIS_BIN, config.data_dir.join(home::GENESIS_FILE)),
        (GROUP, config.data_dir.join(home::GROUP_FILE)),
    ];
    kept.into_iter().chain(scenario)
}

fn optional<T>(read: Result<T, FileError>) -> Result<Option<T>, FileError> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The markers there are; where there is none, one that says that the key may have signed since.
fn markers(config: &Config) -> Result<Vec<Entry>, BackupError> {
    let beside = config.node_key.as_ref().map(|path| (MARKER, Marker::beside(path)));
    let within = (DATA_MARKER, Marker::within(&config.data_dir));
    let mut found = Vec::new();
    for (part, marker) in beside.into_iter().chain([within]) {
        let Some(text) = optional(file::read_text(marker.path(), part.limit))? else { continue };
        if !signing::is_marker(&text) {
            return Err(BackupError::Marker(marker.path().to_owned()));
        }
        found.push(Entry::new(part, text.into_bytes()));
    }
    if !found.iter().any(|entry| entry.part == MARKER)
        && let Some(path) = config.node_key.as_ref().filter(|path| path.exists())
    {
        let (description, _) = secret::describe(path)?;
        let text = signing::of_backup(Some(hex::encode(&description.public)));
        found.push(Entry::new(MARKER, text.into_bytes()));
    }
    if found.is_empty() {
        found.push(Entry::new(DATA_MARKER, signing::of_backup(None).into_bytes()));
    }
    Ok(found)
}

/// Whether entries make up a node that can be restored without harm; names of those that hold a plain secret.
fn sound(entries: &[Entry]) -> Result<Vec<&'static str>, String> {
    let find = |part: Part| entries.iter().find(|entry| entry.part == part);
    let text = |entry: &Entry| {
        core::str::from_utf8(&entry.bytes)
            .map(ToOwned::to_owned)
            .map_err(|_| format!("{} is not text in UTF-8", entry.part.name))
    };
    let config = find(CONFIG).ok_or_else(|| format!("it holds no {}", CONFIG.name))?;
    let config = Config::parse(&text(config)?, Path::new(""))
        .map_err(|problem| format!("{} is refused: {problem}", CONFIG.name))?;
    if config != carried(&config) {
        return Err(format!("{} names files outside the backup", CONFIG.name));
    }
    for part in [MARKER, DATA_MARKER] {
        if let Some(entry) = find(part)
            && !signing::is_marker(&text(entry)?)
        {
            return Err(format!("{} is no signing marker", part.name));
        }
    }
    let without_key = find(NODE_KEY).is_none() && find(DATA_MARKER).is_some();
    if find(MARKER).is_none() && !without_key {
        return Err("it holds no signing marker for its node key: it could sign twice".into());
    }
    let mut plain = Vec::new();
    let keys = [(MEMBER_KEY, KeyUse::Member.kind()), (NODE_KEY, KeyUse::Node.kind())];
    let vault = VAULT.iter().filter_map(|(part, kind)| Some((*part, secret::Kind::named(kind)?)));
    for (part, kind) in keys.into_iter().chain(vault) {
        let Some(entry) = find(part) else { continue };
        let sealed = secret::is_sealed(&Zeroizing::new(text(entry)?), &kind)
            .map_err(|problem| format!("{}: {problem}", part.name))?;
        if !sealed {
            plain.push(part.name);
        }
    }
    Ok(plain)
}
