//! A validator's share of the group key in its file: sealed, unless the operator's configuration allows otherwise.

use crate::{
    passphrase::Passphrases,
    secret::{self, Cost, Description, Kind, Protection, Secret, SecretError},
};
use std::path::{Path, PathBuf};

/// Why a share is not kept or not found.
#[derive(Debug, thiserror::Error)]
pub enum ShareError {
    /// Its file.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// It stands there plainly.
    #[error("the share in {path} has no passphrase: allow that with share_unencrypted = true in node.toml", path = .0.display())]
    Plain(PathBuf),
    /// It belongs to another group.
    #[error("the share in {path} is of another group key: keep every share with its own data directory", path = .0.display())]
    OtherGroup(PathBuf),
}

/// Writes a share of the group with this public key to a file that must not exist yet, synced before this returns;
/// `plainly` as the configuration has it.
///
/// # Errors
/// [`ShareError::Secret`].
pub fn create(
    path: &Path,
    group: &[u8],
    share: &Secret,
    plainly: bool,
    passphrases: &mut Passphrases<'_>,
) -> Result<(), ShareError> {
    let protection = if plainly {
        Protection::Plain
    } else {
        Protection::Sealed(passphrases.choose().map_err(SecretError::from)?, Cost::STANDARD)
    };
    let description = Description { kind: Kind::GROUP_SHARE, name: None, public: group.to_vec() };
    Ok(secret::create(path, &description, share, protection)?)
}

/// Reads the share of the group with this public key; a plain one only where `plainly` allows it.
///
/// # Errors
/// [`ShareError`].
pub fn read(
    path: &Path,
    group: &[u8],
    plainly: bool,
    passphrases: &mut Passphrases<'_>,
) -> Result<Secret, ShareError> {
    let (_, sealed) = secret::describe(path)?;
    if !sealed && !plainly {
        return Err(ShareError::Plain(path.to_owned()));
    }
    let (description, share) = secret::read(path, &Kind::GROUP_SHARE, passphrases)?;
    if description.public != group {
        return Err(ShareError::OtherGroup(path.to_owned()));
    }
    Ok(share)
}
