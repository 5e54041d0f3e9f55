//! The passphrase that opens an operator's secrets, and where it comes from.
//!
//! In this order: the variable `GRIDACCORD_PASSPHRASE`; the file that `GRIDACCORD_PASSPHRASE_FILE` names, for
//! services that are handed their secrets as files; the terminal. It is looked for only when a sealed file needs it.

use crate::file::{self, FileError};
use core::fmt;
use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// Variable with the passphrase itself.
pub const VARIABLE: &str = "GRIDACCORD_PASSPHRASE";
/// Variable with the name of a file that holds it.
pub const FILE_VARIABLE: &str = "GRIDACCORD_PASSPHRASE_FILE";
/// Fewest characters of a new passphrase.
pub const LENGTH_MIN: usize = 10;
/// Most bytes of a passphrase.
pub const LENGTH_MAX: usize = 1_024;

/// What a process takes from around it: variables, and a person at a terminal.
pub trait Surroundings {
    /// A variable of the environment.
    fn variable(&self, name: &str) -> Option<OsString>;

    /// Asks for a line that is not shown while it is typed.
    ///
    /// # Errors
    /// When there is no terminal, or it fails.
    fn ask(&self, prompt: &str) -> io::Result<String>;
}

/// The surroundings of this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Process;

impl Surroundings for Process {
    fn variable(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name)
    }

    fn ask(&self, prompt: &str) -> io::Result<String> {
        rpassword::prompt_password(prompt)
    }
}

/// A passphrase: wiped when dropped, never shown.
#[derive(Clone)]
pub struct Passphrase(Zeroizing<String>);

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(secret)")
    }
}

impl Passphrase {
    /// Takes a text as it is, but for the ends of line behind it.
    ///
    /// # Errors
    /// [`PassphraseError::Length`], when it is empty or beyond all measure.
    pub fn new(text: Zeroizing<String>) -> Result<Self, PassphraseError> {
        let trimmed = text.trim_end_matches(['\r', '\n']);
        if trimmed.is_empty() || trimmed.len() > LENGTH_MAX {
            return Err(PassphraseError::Length);
        }
        if trimmed.len() == text.len() {
            return Ok(Self(text));
        }
        Ok(Self(Zeroizing::new(trimmed.to_owned())))
    }

    /// Its bytes, for a key derivation.
    pub(crate) fn expose(&self) -> &[u8] {
        self.0.as_bytes()
    }

    fn is_long_enough(&self) -> bool {
        self.0.chars().count() >= LENGTH_MIN
    }
}

/// Why there is no passphrase.
#[derive(Debug, thiserror::Error)]
pub enum PassphraseError {
    /// Nothing at all, or far too much.
    #[error("the passphrase is empty, or longer than {LENGTH_MAX} bytes")]
    Length,
    /// A new one that is too easy to guess.
    #[error("a new passphrase has at least {LENGTH_MIN} characters")]
    Short,
    /// Typed twice, differently.
    #[error("the two passphrases differ: nothing was written")]
    Differ,
    /// Not text.
    #[error("{0} is not text in UTF-8")]
    NotText(&'static str),
    /// The file named cannot be used.
    #[error("the file that {FILE_VARIABLE} names holds no passphrase")]
    File(#[source] FileError),
    /// Nowhere to get it from.
    #[error("no passphrase: set {VARIABLE} or {FILE_VARIABLE}, or run this on a terminal")]
    NoTerminal(#[source] io::Error),
}

/// Finds the passphrase when first needed and keeps it, so that one answer opens all files sealed with it.
pub struct Passphrases<'a> {
    around: &'a dyn Surroundings,
    known: Option<Passphrase>,
    typed: bool,
}

impl fmt::Debug for Passphrases<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passphrases").field("known", &self.known).finish_non_exhaustive()
    }
}

impl<'a> Passphrases<'a> {
    /// Will look for it in `around`.
    #[must_use]
    pub fn new(around: &'a dyn Surroundings) -> Self {
        Self { around, known: None, typed: false }
    }

    /// The surroundings it looks in.
    #[must_use]
    pub fn surroundings(&self) -> &'a dyn Surroundings {
        self.around
    }

    /// The passphrase of files that exist; `what` is the one it is needed for.
    ///
    /// # Errors
    /// [`PassphraseError`].
    pub fn existing(&mut self, what: &Path) -> Result<&Passphrase, PassphraseError> {
        let found = match self.known.take() {
            Some(known) => known,
            None => match self.given()? {
                Some(given) => given,
                None => {
                    self.typed = true;
                    self.type_in(&format!("Passphrase of {}: ", what.display()))?
                }
            },
        };
        Ok(self.known.insert(found))
    }

    /// The passphrase for files to be made: typed twice where it is typed.
    ///
    /// # Errors
    /// [`PassphraseError`].
    pub fn choose(&mut self) -> Result<&Passphrase, PassphraseError> {
        let chosen = match self.known.take() {
            Some(known) => known,
            None => match self.given()? {
                Some(given) => given,
                None => {
                    self.typed = true;
                    let first = self.type_in("New passphrase for the keys: ")?;
                    if !first.is_long_enough() {
                        return Err(PassphraseError::Short);
                    }
                    let second = self.type_in("The same once more: ")?;
                    if first.expose() != second.expose() {
                        return Err(PassphraseError::Differ);
                    }
                    first
                }
            },
        };
        if !chosen.is_long_enough() {
            return Err(PassphraseError::Short);
        }
        Ok(self.known.insert(chosen))
    }

    /// Forgets a passphrase that opened nothing; whether a person can be asked for another one.
    pub(crate) fn reject(&mut self) -> bool {
        self.typed && self.known.take().is_some()
    }

    fn given(&self) -> Result<Option<Passphrase>, PassphraseError> {
        if let Some(value) = self.around.variable(VARIABLE) {
            let text = value.into_string().map_err(|_| PassphraseError::NotText(VARIABLE))?;
            return Passphrase::new(Zeroizing::new(text)).map(Some);
        }
        let Some(path) = self.around.variable(FILE_VARIABLE).map(PathBuf::from) else {
            return Ok(None);
        };
        let limit = u64::try_from(LENGTH_MAX).unwrap_or(u64::MAX).saturating_add(2);
        let text = file::read_private(&path, limit).map_err(PassphraseError::File)?;
        Passphrase::new(text).map(Some)
    }

    fn type_in(&self, prompt: &str) -> Result<Passphrase, PassphraseError> {
        let text = self.around.ask(prompt).map_err(PassphraseError::NoTerminal)?;
        Passphrase::new(Zeroizing::new(text))
    }
}
