//! The two keys of an operator: the member's, which signs commands and money, and the node's, which signs on the
//! network. They are kept apart, so that a node can be rented while the member's key stays at home.

use crate::{
    Name, hex,
    passphrase::Passphrases,
    secret::{self, Description, Kind, Protection, Secret, SecretError},
};
use commonware_codec::{Copying, DecodeExt as _, Encode as _, FixedSize as _, Write as _};
use commonware_cryptography::{Signer as _, ed25519};
use core::fmt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUse {
    /// Signs a member's commands.
    Member,
    /// Signs on the network.
    Node,
}

impl KeyUse {
    /// Kind of its file.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Member => Kind::MEMBER_KEY,
            Self::Node => Kind::NODE_KEY,
        }
    }

    /// Variable that may hold it in place of a file: 64 hexadecimal digits.
    #[must_use]
    pub const fn variable(self) -> &'static str {
        match self {
            Self::Member => "GRIDACCORD_MEMBER_KEY",
            Self::Node => "GRIDACCORD_NODE_KEY",
        }
    }
}

/// A key and, where a file says so, whose it is.
#[derive(Clone)]
pub struct OwnedKey {
    /// Whose it is; nobody's known where it came from a variable.
    pub name: Option<Name>,
    /// The key.
    pub key: ed25519::PrivateKey,
}

impl fmt::Debug for OwnedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let public = hex::of(&self.key.public_key());
        f.debug_struct("OwnedKey").field("name", &self.name).field("public", &public).finish()
    }
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Its file.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The file says it belongs to another public key than it does.
    #[error("{path} is damaged: its public_key_hex is not the public half of the key in it", path = .0.display())]
    PublicDiffers(PathBuf),
    /// Not a key.
    #[error("{path} is damaged: a key has 32 bytes", path = .0.display())]
    NoKey(PathBuf),
    /// The variable is set to something else.
    #[error("{0} is set, but not to 64 hexadecimal digits")]
    Variable(&'static str),
    /// Neither variable nor file.
    #[error("no {kind}: name its file, or set {variable}", kind = .0.kind(), variable = .0.variable())]
    Nowhere(KeyUse),
}

/// A new key from the system's random bytes.
///
/// # Errors
/// [`SecretError::Random`].
pub fn generate() -> Result<ed25519::PrivateKey, KeyError> {
    let mut bytes = Zeroizing::new([0u8; 32]);
    getrandom::fill(&mut *bytes).map_err(SecretError::Random)?;
    Ok(private(&*bytes).expect("any 32 bytes are a private key"))
}

/// Writes a key to a file that must not exist yet.
///
/// # Errors
/// [`SecretError`].
pub fn create(
    path: &Path,
    usage: KeyUse,
    name: &Name,
    key: &ed25519::PrivateKey,
    protection: Protection<'_>,
) -> Result<(), SecretError> {
    let description = Description {
        kind: usage.kind(),
        name: Some(name.clone()),
        public: key.public_key().encode().to_vec(),
    };
    let mut bytes = vec![0; ed25519::PrivateKey::SIZE];
    key.write(&mut bytes.as_mut_slice());
    secret::create(path, &description, &Secret::new(bytes), protection)
}

/// Reads a key file.
///
/// # Errors
/// [`KeyError`].
pub fn read(
    path: &Path,
    usage: KeyUse,
    passphrases: &mut Passphrases<'_>,
) -> Result<OwnedKey, KeyError> {
    let (description, secret) = secret::read(path, &usage.kind(), passphrases)?;
    let key = private(secret.expose()).ok_or_else(|| KeyError::NoKey(path.to_owned()))?;
    if key.public_key().encode() != description.public {
        return Err(KeyError::PublicDiffers(path.to_owned()));
    }
    Ok(OwnedKey { name: description.name, key })
}

/// The key in the variable where that is set, else the one in the file.
///
/// # Errors
/// [`KeyError`].
pub fn find(
    path: Option<&Path>,
    usage: KeyUse,
    passphrases: &mut Passphrases<'_>,
) -> Result<OwnedKey, KeyError> {
    if let Some(value) = passphrases.surroundings().variable(usage.variable()) {
        let refused = || KeyError::Variable(usage.variable());
        let text = Zeroizing::new(value.into_string().map_err(|_| refused())?);
        let bytes = Zeroizing::new(hex::decode(text.trim()).ok_or_else(refused)?);
        let key = private(&bytes).ok_or_else(refused)?;
        return Ok(OwnedKey { name: None, key });
    }
    read(path.ok_or(KeyError::Nowhere(usage))?, usage, passphrases)
}

fn private(bytes: &[u8]) -> Option<ed25519::PrivateKey> {
    ed25519::PrivateKey::decode(Copying(bytes)).ok()
}
