//! A secret in a file of its own: TOML that says what it is and whose, and the secret itself sealed by a passphrase.
//!
//! What is public (kind, name, public key) is readable without the passphrase and bound to the sealed secret: whoever
//! changes it makes the file useless, not another's. Key derivation: argon2id, its cost in the file. Sealing:
//! XChaCha20-Poly1305 under a fresh salt and nonce. Only on explicit request the secret stands there plainly.
//! A file that anybody but its owner may read is refused, and so is writing over one.

mod seal;
mod text;

use crate::{
    Name,
    file::{self, Audience, FileError},
    passphrase::{Passphrase, PassphraseError, Passphrases},
};
use core::fmt;
use std::{
    borrow::Cow,
    path::{Path, PathBuf},
};
use text::{Body, Text};
use zeroize::Zeroizing;

pub use seal::Cost;

/// Most bytes of a secret.
pub const SIZE_MAX: usize = 64 * 1024;
/// Most bytes of the public half that stands beside it.
pub const PUBLIC_SIZE_MAX: usize = 1_024;
/// Most bytes of the text: twice the secret, and room for the rest.
pub(crate) const TEXT_MAX: u64 = 256 * 1024;
/// How often a person may mistype.
const ATTEMPTS: u32 = 3;

/// Secret bytes: wiped when dropped, never shown.
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes bytes over.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, for whoever has to use them.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.0.len())
    }
}

/// What a secret is for: 1 to 32 of `a` to `z`, `0` to `9` and `-`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind(Cow<'static, str>);

impl Kind {
    /// Signs a member's commands.
    pub const MEMBER_KEY: Self = Self(Cow::Borrowed("member-key"));
    /// A node's key on the network.
    pub const NODE_KEY: Self = Self(Cow::Borrowed("node-key"));

    /// A kind of that name; `None` where it has other characters or too many.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let name: Name = name.parse().ok()?;
        Some(Self(Cow::Owned(name.into())))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is public about a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// What it is for.
    pub kind: Kind,
    /// Whose it is, where it is somebody's.
    pub name: Option<Name>,
    /// Its public half; empty where it has none.
    pub public: Vec<u8>,
}

/// How a secret stands in its file.
#[derive(Clone, Copy, Debug)]
pub enum Protection<'a> {
    /// Sealed by a passphrase, at this cost of guessing.
    Sealed(&'a Passphrase, Cost),
    /// Plainly: whoever reads the file has it.
    Plain,
}

/// Why a secret is not written or read. No message quotes what stands in the file.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file itself.
    #[error(transparent)]
    File(#[from] FileError),
    /// The passphrase cannot be had.
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
    /// Not such a file.
    #[error("{path} is damaged, or holds no secret: {problem}", path = path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What is wrong, in words that quote nothing.
        problem: String,
    },
    /// From another release.
    #[error("{path} has version {found}, this release reads version {version}", path = path.display(), version = text::VERSION)]
    Version {
        /// Which file.
        path: PathBuf,
        /// Its version.
        found: u64,
    },
    /// Another kind of secret.
    #[error("{path} holds a {found}, a {expected} is needed here", path = path.display())]
    Kind {
        /// Which file.
        path: PathBuf,
        /// What is needed.
        expected: Kind,
        /// What it holds.
        found: Kind,
    },
    /// Opening it would cost more than it may.
    #[error("{path} asks for {memory_kib} KiB of memory, {passes} passes and {lanes} lanes to open: at most {most} are spent", path = path.display(), memory_kib = cost.memory_kib, passes = cost.passes, lanes = cost.lanes, most = Cost::MOST)]
    Cost {
        /// Which file.
        path: PathBuf,
        /// What it asks for.
        cost: Cost,
    },
    /// Does not open.
    #[error("the passphrase does not open {path}: it is another one, or the file was changed", path = .0.display())]
    WrongPassphrase(PathBuf),
    /// More than a secret can be.
    #[error("a secret has 1 to {SIZE_MAX} bytes, its public half at most {PUBLIC_SIZE_MAX}")]
    Size,
    /// The system gives no random bytes.
    #[error("the system gives no random bytes: {0}")]
    Random(getrandom::Error),
}

/// Writes a secret to a file that must not exist yet, for its owner only.
///
/// # Errors
/// [`SecretError::Size`], [`SecretError::Cost`], [`SecretError::Random`], [`SecretError::File`].
pub fn create(
    path: &Path,
    description: &Description,
    secret: &Secret,
    protection: Protection<'_>,
) -> Result<(), SecretError> {
    let written = written(path, description, secret, protection)?;
    file::create(path, written.as_bytes(), Audience::Owner)?;
    Ok(())
}

/// The text of the file at `path`.
pub(crate) fn written(
    path: &Path,
    description: &Description,
    secret: &Secret,
    protection: Protection<'_>,
) -> Result<Zeroizing<String>, SecretError> {
    let size = secret.expose().len();
    if !(1..=SIZE_MAX).contains(&size) || description.public.len() > PUBLIC_SIZE_MAX {
        return Err(SecretError::Size);
    }
    let body = match protection {
        Protection::Plain => Body::Plain(Secret::new(secret.expose().to_vec())),
        Protection::Sealed(passphrase, cost) => {
            if !cost.is_bearable() {
                return Err(SecretError::Cost { path: path.to_owned(), cost });
            }
            Body::Sealed(
                seal::seal(description, secret, passphrase, cost).map_err(SecretError::Random)?,
            )
        }
    };
    Ok(Text { description: description.clone(), body }.write())
}

/// Reads a secret of one kind, asking for the passphrase only where it is sealed.
///
/// # Errors
/// [`SecretError`].
pub fn read(
    path: &Path,
    expected: &Kind,
    passphrases: &mut Passphrases<'_>,
) -> Result<(Description, Secret), SecretError> {
    let Text { description, body } = parse_kind(path, expected)?;
    let sealed = match body {
        Body::Plain(secret) => return Ok((description, secret)),
        Body::Sealed(sealed) => sealed,
    };
    for _ in 0..ATTEMPTS {
        let passphrase = passphrases.existing(path)?;
        if let Some(secret) = seal::open(&description, &sealed, passphrase) {
            return Ok((description, secret));
        }
        if !passphrases.reject() {
            break;
        }
    }
    Err(SecretError::WrongPassphrase(path.to_owned()))
}

/// Reads a secret of one kind that must be sealed with this passphrase.
pub(crate) fn open(
    path: &Path,
    expected: &Kind,
    passphrase: &Passphrase,
) -> Result<Secret, SecretError> {
    let Text { description, body } = parse_kind(path, expected)?;
    let secret = match body {
        Body::Plain(_) => None,
        Body::Sealed(sealed) => seal::open(&description, &sealed, passphrase),
    };
    secret.ok_or_else(|| SecretError::WrongPassphrase(path.to_owned()))
}

/// Reads a text that must be of one kind, sealed at a cost that can be borne if it is sealed.
fn parse_kind(path: &Path, expected: &Kind) -> Result<Text, SecretError> {
    let text = parse(path)?;
    if text.description.kind != *expected {
        let found = text.description.kind;
        return Err(SecretError::Kind { path: path.to_owned(), expected: expected.clone(), found });
    }
    match &text.body {
        Body::Sealed(sealed) if !sealed.cost.is_bearable() => {
            Err(SecretError::Cost { path: path.to_owned(), cost: sealed.cost })
        }
        _ => Ok(text),
    }
}

/// What is public about the secret in a file, and whether it is sealed. Without the passphrase nothing says that
/// this is what its owner wrote.
///
/// # Errors
/// [`SecretError`].
pub fn describe(path: &Path) -> Result<(Description, bool), SecretError> {
    let text = parse(path)?;
    Ok((text.description, matches!(text.body, Body::Sealed(_))))
}

/// Whether the secret in a text of this kind is sealed; in words that quote nothing, why it is no such text.
pub(crate) fn is_sealed(text: &str, expected: &Kind) -> Result<bool, String> {
    let text = Text::read(text).map_err(|refusal| match refusal {
        text::Refusal::Version(found) => format!("it has version {found}"),
        text::Refusal::Malformed(problem) => problem,
    })?;
    let found = &text.description.kind;
    if found != expected {
        return Err(format!("it holds a {found}, not a {expected}"));
    }
    Ok(matches!(text.body, Body::Sealed(_)))
}

fn parse(path: &Path) -> Result<Text, SecretError> {
    let text = file::read_private(path, TEXT_MAX)?;
    Text::read(&text).map_err(|refusal| match refusal {
        text::Refusal::Version(found) => SecretError::Version { path: path.to_owned(), found },
        text::Refusal::Malformed(problem) => {
            SecretError::Malformed { path: path.to_owned(), problem }
        }
    })
}
