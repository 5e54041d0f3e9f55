//! A node's data directory: one process at a time, one chain for ever.

use crate::{
    file::{self, Audience, FileError},
    genesis::{Difference, differences},
};
use commonware_codec::{DecodeExt as _, Encode as _};
use gridaccord_ledger::Genesis;
use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
};

/// Held by the process that uses the directory.
pub const LOCK_FILE: &str = "lock";
/// The genesis document of the first start, in its canonical bytes.
pub const GENESIS_FILE: &str = "genesis.bin";
/// The group's public key and polynomial.
pub const GROUP_FILE: &str = "group.pub";
/// Directory of the validator's secrets: its share of the group key, and what it was made with.
pub const SECRETS: &str = "secrets";
/// Most bytes of a genesis document.
pub(crate) const GENESIS_SIZE_MAX: u64 = 1024 * 1024;
/// Differences that a message shows.
const DIFFERENCES_SHOWN: usize = 8;

/// A data directory, held until this is dropped.
#[derive(Debug)]
pub struct Home {
    directory: PathBuf,
    // Unlocked by being closed, also when the process is killed.
    _lock: File,
}

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// A file in it.
    #[error(transparent)]
    File(#[from] FileError),
    /// Another process has it.
    #[error("{directory} is in use by {holder}: stop that node first, or use another data_dir", directory = directory.display())]
    InUse {
        /// The directory.
        directory: PathBuf,
        /// Who has it.
        holder: String,
    },
    /// Its genesis document cannot be read.
    #[error("{path} is damaged: restore it, or start with an empty data_dir and a new node key", path = .0.display())]
    GenesisDamaged(PathBuf),
    /// It belongs to another chain.
    #[error("{directory} holds another chain than the genesis file gives: {}; use another data_dir, or the genesis file it was started with", listed(differences), directory = directory.display())]
    OtherChain {
        /// The directory.
        directory: PathBuf,
        /// What differs: ours is the directory's, theirs the file's.
        differences: Vec<Difference>,
    },
}

fn listed(differences: &[Difference]) -> String {
    let shown = differences.iter().take(DIFFERENCES_SHOWN).map(ToString::to_string);
    let mut text = shown.collect::<Vec<_>>().join("; ");
    if let Some(more) = differences.len().checked_sub(DIFFERENCES_SHOWN).filter(|more| *more > 0) {
        text.push_str(&format!("; and {more} more"));
    }
    text
}

impl Home {
    /// Makes the directory where it is missing and takes it for this process.
    ///
    /// # Errors
    /// [`HomeError::File`], [`HomeError::InUse`].
    pub fn open(directory: &Path) -> Result<Self, HomeError> {
        file::create_directory(directory)?;
        let path = directory.join(LOCK_FILE);
        let failed = |error| FileError::io("lock", &path)(error);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut lock = options.open(&path).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = holder(&mut lock);
                return Err(HomeError::InUse { directory: directory.to_owned(), holder });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error).into()),
        }
        lock.set_len(0)
            .and_then(|()| lock.rewind())
            .and_then(|()| writeln!(lock, "{}", std::process::id()))
            .map_err(failed)?;
        Ok(Self { directory: directory.to_owned(), _lock: lock })
    }

    /// The directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where the group's public key is kept.
    #[must_use]
    pub fn group_file(&self) -> PathBuf {
        self.directory.join(GROUP_FILE)
    }

    /// Where the validator's secrets are kept.
    #[must_use]
    pub fn secrets(&self) -> PathBuf {
        self.directory.join(SECRETS)
    }

    /// Binds the directory to a chain at the first start, and refuses any other one later.
    ///
    /// # Errors
    /// [`HomeError::File`], [`HomeError::GenesisDamaged`], [`HomeError::OtherChain`].
    pub fn bind(&self, genesis: &Genesis) -> Result<(), HomeError> {
        let path = self.directory.join(GENESIS_FILE);
        let kept = match file::read(&path, GENESIS_SIZE_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.is_missing() => {
                return Ok(file::create(&path, &genesis.encode(), Audience::Everyone)?);
            }
            Err(error) => return Err(error.into()),
        };
        let kept = Genesis::decode(kept).map_err(|_| HomeError::GenesisDamaged(path))?;
        if kept == *genesis {
            return Ok(());
        }
        let differences = differences(&kept, genesis);
        Err(HomeError::OtherChain { directory: self.directory.clone(), differences })
    }
}

/// Who wrote its number into the lock; between taking the lock and writing there is a moment without.
fn holder(lock: &mut File) -> String {
    let mut text = String::new();
    let read = lock.take(32).read_to_string(&mut text);
    match (read, text.trim().parse::<u32>()) {
        (Ok(_), Ok(pid)) => format!("process {pid}"),
        _ => "another process".into(),
    }
}
