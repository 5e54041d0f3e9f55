//! A validator's secrets beside its stores: its share of the group key, and what it needs until it has one.
//!
//! Each is a file sealed under a key that follows from the node's own. Who can start the node can open them; a copy of
//! the data directory without the node's key opens nothing. They are sealed anew at each write and replaced whole.

use crate::{
    file::{self, Audience, FileError},
    passphrase::{Passphrase, PassphraseError},
    secret::{self, Cost, Description, Kind, Protection, Secret, SecretError},
};
use commonware_codec::Encode as _;
use commonware_cryptography::{Hasher as _, Sha256, ed25519};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Domain of the key that follows from a node's.
const DOMAIN: &[u8] = b"gridaccord/vault/v1";

/// Secrets in a directory, sealed for one node.
#[derive(Clone, Debug)]
pub struct Vault {
    directory: PathBuf,
    passphrase: Passphrase,
}

/// Why a secret is not kept or not found.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// A file, or what is in it.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// No file can have that name.
    #[error("{0:?} names no secret")]
    Name(String),
}

impl From<FileError> for VaultError {
    fn from(error: FileError) -> Self {
        Self::Secret(error.into())
    }
}

impl Vault {
    /// The secrets of the node with this key, kept in a directory that is made where it is missing.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(directory: &Path, node: &ed25519::PrivateKey) -> Result<Self, VaultError> {
        file::create_directory(directory)?;
        let mut hasher = Sha256::default();
        hasher.update(DOMAIN);
        hasher.update(&Zeroizing::new(node.encode().to_vec()));
        let key = Zeroizing::new(hasher.finalize().1.0);
        let text = Zeroizing::new(crate::hex::encode(&*key));
        let passphrase = Passphrase::new(text)
            .map_err(|error: PassphraseError| VaultError::Secret(SecretError::Passphrase(error)))?;
        Ok(Self { directory: directory.to_owned(), passphrase })
    }

    /// Keeps bytes under a name, in place of what was there; synced before this returns.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn put(&self, name: &str, bytes: &[u8]) -> Result<(), VaultError> {
        let description = description(name)?;
        // The passphrase has 256 random bits: stretching adds nothing.
        let protection = Protection::Sealed(&self.passphrase, Cost::LEAST);
        let text = secret::written(
            &self.path(name),
            &description,
            &Secret::new(bytes.to_vec()),
            protection,
        )?;
        Ok(file::replace(&self.path(name), text.as_bytes(), Audience::Owner)?)
    }

    /// The bytes under a name, where there are some.
    ///
    /// # Errors
    /// [`VaultError`]: there are some, and they cannot be read or were sealed for another node.
    pub fn get(&self, name: &str) -> Result<Option<Secret>, VaultError> {
        let path = self.path(name);
        let kind = description(name)?.kind;
        match secret::open(&path, &kind, &self.passphrase) {
            Ok(secret) => Ok(Some(secret)),
            Err(SecretError::File(error)) if error.is_missing() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}.toml"))
    }
}

fn description(name: &str) -> Result<Description, VaultError> {
    let kind = Kind::named(name).ok_or_else(|| VaultError::Name(name.into()))?;
    Ok(Description { kind, name: None, public: Vec::new() })
}
