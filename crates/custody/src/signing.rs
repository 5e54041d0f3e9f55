//! The marker that keeps a validator from signing twice.
//!
//! A vote that was cast must never be contradicted, and only the consensus store knows which were cast. So before the
//! first vote a node writes {chain, node key, time} beside its key file, synced. A marker with an empty store then
//! means that votes were lost (a removed directory, a restored backup, a key copied to a second machine), and the node
//! must not vote with that key again: two different votes for one view are what Byzantine fault tolerance counts as a
//! traitor, and three such nodes out of seven could fork the chain.
//!
//! | marker | consensus store | |
//! |---|---|---|
//! | none | either | may sign, after [`Permit::begin`] has written the marker |
//! | this chain, this key | has votes | may sign |
//! | this chain, this key | empty | refused |
//! | another chain or key | either | refused |

use crate::{
    file::{self, Audience, FileError},
    hex,
};
use commonware_codec::DecodeExt as _;
use commonware_cryptography::ed25519;
use gridaccord_ledger::Digest;
use gridaccord_model::{TimeS, scenario::utc};
use serde::{Deserialize, Serialize};
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

/// Version of the text.
const VERSION: u32 = 1;
/// Most bytes of it.
pub(crate) const TEXT_MAX: u64 = 4 * 1024;
/// What is put behind the key file's name.
pub const SUFFIX: &str = ".signing";
/// Name of the marker in a data directory, for a key that is in no file.
pub const FILE: &str = "node-key.signing";

/// Where one node key's marker stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    path: PathBuf,
}

/// Why a node may not sign.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// The marker's file.
    #[error(transparent)]
    File(#[from] FileError),
    /// Not a marker.
    #[error("{path} is damaged, and without it nothing says whether this key has voted: {problem}", path = path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// Votes were lost.
    #[error(
        "this node key has voted since {since} (says {path}), but its consensus store is gone: voting again could contradict \
         a vote that was cast. Keep this key from voting: the others go on without it. The node may follow without a vote: \
         add a section [follow] to its configuration (README, \"Coming back\"). This release cannot admit a \
         new node key to a running chain", path = path.display()
    )]
    VotesLost {
        /// The marker.
        path: PathBuf,
        /// When it first signed.
        since: String,
    },
    /// Restored from a backup made before it first signed.
    #[error(
        "this node key comes from a backup (says {path}) and may have voted after that was made, but there is no \
         consensus store: voting again could contradict a vote that was cast. Only if you are certain that it has run nowhere \
         since the backup, remove {path}", path = .0.display()
    )]
    Restored(PathBuf),
    /// Signs elsewhere.
    #[error(
        "this node key signs another chain, {chain} (says {path}): a node key serves one chain, make another with \
         `gridaccord keys new`", path = path.display()
    )]
    OtherChain {
        /// The marker.
        path: PathBuf,
        /// The chain it signs, in hexadecimal.
        chain: String,
    },
    /// The key file was replaced.
    #[error(
        "{path} belongs to another node key, {key}: keep every key file with its own marker", path = path.display()
    )]
    OtherKey {
        /// The marker.
        path: PathBuf,
        /// The key it is for, in hexadecimal.
        key: String,
    },
}

/// Leave to sign.
#[derive(Clone, Debug)]
#[must_use = "call begin before the first vote"]
pub struct Permit {
    marker: Option<(PathBuf, String)>,
}

impl Permit {
    /// Whether this key signs for the first time.
    #[must_use]
    pub const fn is_first(&self) -> bool {
        self.marker.is_some()
    }

    /// Writes the marker to disk, where there is none that says the same. Call it before the first vote.
    ///
    /// # Errors
    /// [`FileError`]; then the node must not vote.
    pub fn begin(self) -> Result<(), FileError> {
        match self.marker {
            Some((path, text)) => file::replace(&path, text.as_bytes(), Audience::Owner),
            None => Ok(()),
        }
    }
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct MarkerText {
    version: u32,
    /// Missing where a backup was made of a node whose key is in no file.
    #[serde(skip_serializing_if = "Option::is_none")]
    node_key_hex: Option<String>,
    /// Missing in a backup's: it was made before the key first signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    chain_id_hex: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started: Option<String>,
}

impl Marker {
    /// Beside the key's file.
    #[must_use]
    pub fn beside(key_file: &Path) -> Self {
        let mut name = key_file.file_name().map(OsString::from).unwrap_or_default();
        name.push(SUFFIX);
        Self { path: key_file.with_file_name(name) }
    }

    /// In a data directory: for a key that comes from the environment. Who loses the directory loses the marker with it,
    /// and must not start that key anew.
    #[must_use]
    pub fn within(data_dir: &Path) -> Self {
        Self { path: data_dir.join(FILE) }
    }

    /// Where it stands.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether this key may sign this chain; `has_voted` says whether the consensus store holds votes.
    ///
    /// # Errors
    /// [`SigningError`]: it may not, with what to do.
    pub fn permit(
        &self,
        chain: &Digest,
        node: &ed25519::PublicKey,
        has_voted: bool,
    ) -> Result<Permit, SigningError> {
        let fresh = || Permit { marker: Some((self.path.clone(), started(chain, node))) };
        let Some(marker) = self.read()? else {
            return Ok(fresh());
        };
        let path = self.path.clone();
        if let Some(key) = marker.node_key_hex.filter(|key| *key != hex::of(node)) {
            return Err(SigningError::OtherKey { path, key });
        }
        match (marker.chain_id_hex, has_voted) {
            (Some(other), _) if other != hex::encode(chain.as_ref()) => {
                Err(SigningError::OtherChain { path, chain: other })
            }
            (Some(_), true) => Ok(Permit { marker: None }),
            (None, true) => Ok(fresh()),
            (Some(_), false) => Err(SigningError::VotesLost {
                path,
                since: marker.started.unwrap_or_else(|| "an unknown time".into()),
            }),
            (None, false) => Err(SigningError::Restored(path)),
        }
    }

    fn read(&self) -> Result<Option<MarkerText>, SigningError> {
        let text = match file::read_text(&self.path, TEXT_MAX) {
            Ok(text) => text,
            Err(error) if error.is_missing() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        check(&text)
            .map(Some)
            .map_err(|problem| SigningError::Malformed { path: self.path.clone(), problem })
    }
}

/// Reads a marker's text; what is wrong where it is none.
fn check(text: &str) -> Result<MarkerText, String> {
    let marker: MarkerText = toml::from_str(text).map_err(|error| error.to_string())?;
    if marker.version != VERSION {
        return Err(format!("it has version {}, this release reads {VERSION}", marker.version));
    }
    let is_key = |text: &String| hex::to::<ed25519::PublicKey>(text).is_some();
    let is_digest =
        |text: &String| hex::decode(text).is_some_and(|bytes| Digest::decode(bytes).is_ok());
    if !marker.node_key_hex.as_ref().is_none_or(is_key)
        || !marker.chain_id_hex.as_ref().is_none_or(is_digest)
    {
        return Err("node_key_hex and chain_id_hex have 64 hexadecimal digits each".into());
    }
    Ok(marker)
}

/// Whether a text is a marker: what a backup holds and a restore demands.
pub(crate) fn is_marker(text: &str) -> bool {
    check(text).is_ok()
}

/// The marker of a key that a backup was made of before it had one.
pub(crate) fn of_backup(node_key_hex: Option<String>) -> String {
    written(&MarkerText { version: VERSION, node_key_hex, chain_id_hex: None, started: None })
}

fn started(chain: &Digest, node: &ed25519::PublicKey) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    written(&MarkerText {
        version: VERSION,
        node_key_hex: Some(hex::of(node)),
        chain_id_hex: Some(hex::encode(chain.as_ref())),
        started: Some(utc(TimeS(now))),
    })
}

fn written(marker: &MarkerText) -> String {
    let body = toml::to_string(marker).expect("plain fields");
    format!(
        "# This node key has signed. Never remove this file, and never copy the key without it: it keeps the node from\n\
         # voting twice after its consensus store was lost.\n{body}"
    )
}
