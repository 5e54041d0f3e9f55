//! Files that survive a power cut and tell nobody: written whole or not at all, read within bounds.
//!
//! A file appears under its name only after its bytes and, after that, its name have reached the disk: temporary
//! file beside it, sync, rename, sync of the directory.

use std::{
    fs::{self, File, Permissions},
    io::{self, Read as _, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// Who may read a file that is written here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Its owner only: mode 0600.
    Owner,
    /// Everyone whom the directory admits: mode 0644, less what the process masks.
    Everyone,
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system refuses.
    #[error("cannot {action} {path}", path = path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Something is there already.
    #[error("{path} exists already and is not overwritten: choose another name, or move it away", path = .0.display())]
    Exists(PathBuf),
    /// Not a regular file.
    #[error("{path} is not a regular file", path = .0.display())]
    NotRegular(PathBuf),
    /// A secret that others may read.
    #[error("others than its owner may use {path} (mode {mode:04o}): chmod 600 {path}", path = path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// More than such a file can hold.
    #[error("{path} is larger than {limit} bytes, the most such a file has", path = path.display())]
    TooLarge {
        /// Which file.
        path: PathBuf,
        /// The most it may hold.
        limit: u64,
    },
    /// Not text.
    #[error("{path} is not text in UTF-8", path = .0.display())]
    NotText(PathBuf),
}

impl FileError {
    /// Wraps what the system said about `path`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    /// Whether the file is simply not there.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

/// Writes a file that must not exist yet.
///
/// # Errors
/// [`FileError::Exists`], [`FileError::Io`]. In both cases nothing is left behind.
pub fn create(path: &Path, bytes: &[u8], audience: Audience) -> Result<(), FileError> {
    let temporary = temporary(path, bytes, audience)?;
    temporary.persist_noclobber(path).map_err(|refused| match refused.error.kind() {
        io::ErrorKind::AlreadyExists => FileError::Exists(path.to_owned()),
        _ => FileError::io("write", path)(refused.error),
    })?;
    sync_directory(path)
}

/// Writes a file, in place of the one of that name if there is one: readers see the old one or the new one, whole.
///
/// # Errors
/// [`FileError::Io`]; the old file stands then, unless only the directory failed to sync.
pub fn replace(path: &Path, bytes: &[u8], audience: Audience) -> Result<(), FileError> {
    let temporary = temporary(path, bytes, audience)?;
    temporary.persist(path).map_err(|refused| FileError::io("write", path)(refused.error))?;
    sync_directory(path)
}

fn temporary(
    path: &Path,
    bytes: &[u8],
    audience: Audience,
) -> Result<tempfile::NamedTempFile, FileError> {
    let mode = match audience {
        Audience::Owner => 0o600,
        Audience::Everyone => 0o644,
    };
    let failed = |error| FileError::io("write", path)(error);
    let mut file = tempfile::Builder::new()
        .prefix(".gridaccord-")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(directory(path))
        .map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    Ok(file)
}

/// The directory that a path's last part stands in.
pub(crate) fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

fn sync_directory(path: &Path) -> Result<(), FileError> {
    let directory = directory(path);
    File::open(directory)
        .and_then(|file| file.sync_all())
        .map_err(FileError::io("sync the directory", directory))
}

/// Reads a regular file of at most `limit` bytes.
///
/// # Errors
/// [`FileError`].
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let (mut file, _) = open(path)?;
    let mut bytes = Zeroizing::new(Vec::new());
    take(&mut file, path, limit, &mut bytes)?;
    Ok(std::mem::take(&mut *bytes))
}

/// Reads a text of at most `limit` bytes.
///
/// # Errors
/// [`FileError`].
pub fn read_text(path: &Path, limit: u64) -> Result<String, FileError> {
    String::from_utf8(read(path, limit)?).map_err(|_| FileError::NotText(path.to_owned()))
}

/// Reads a text that nobody but its owner may read; refuses it where others may.
///
/// # Errors
/// [`FileError`].
pub fn read_private(path: &Path, limit: u64) -> Result<Zeroizing<String>, FileError> {
    let (mut file, mode) = open(path)?;
    if mode & 0o077 != 0 {
        return Err(FileError::Open { path: path.to_owned(), mode });
    }
    let mut bytes = Zeroizing::new(Vec::new());
    take(&mut file, path, limit, &mut bytes)?;
    let text = core::str::from_utf8(&bytes).map_err(|_| FileError::NotText(path.to_owned()))?;
    Ok(Zeroizing::new(text.to_owned()))
}

fn open(path: &Path) -> Result<(File, u32), FileError> {
    let failed = FileError::io("read", path);
    // Before it is opened: opening a pipe would wait for its writer.
    let regular = fs::metadata(path).map(|found| found.is_file());
    let opened = match regular {
        Ok(false) => return Err(FileError::NotRegular(path.to_owned())),
        Ok(true) => File::open(path),
        Err(error) => Err(error),
    };
    let opened = opened.and_then(|file| Ok((file.metadata()?, file)));
    let (metadata, file) = opened.map_err(failed)?;
    if !metadata.is_file() {
        return Err(FileError::NotRegular(path.to_owned()));
    }
    Ok((file, metadata.permissions().mode() & 0o7777))
}

fn take(file: &mut File, path: &Path, limit: u64, into: &mut Vec<u8>) -> Result<(), FileError> {
    let too_large = || FileError::TooLarge { path: path.to_owned(), limit };
    let length = file.metadata().map_err(FileError::io("read", path))?.len();
    if length > limit {
        return Err(too_large());
    }
    // Room for all of it at once: a growing buffer would leave pieces of a secret behind.
    into.reserve_exact(usize::try_from(length).map_err(|_| too_large())?.saturating_add(1));
    file.take(limit.saturating_add(1)).read_to_end(into).map_err(FileError::io("read", path))?;
    if u64::try_from(into.len()).unwrap_or(u64::MAX) > limit { Err(too_large()) } else { Ok(()) }
}

/// Makes a directory that only its owner may enter, and those above it, unless it is there.
///
/// # Errors
/// [`FileError::Io`].
pub fn create_directory(path: &Path) -> Result<(), FileError> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(FileError::io("make the directory", path))
}
