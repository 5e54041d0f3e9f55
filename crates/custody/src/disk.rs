//! Room on the disk: a node that stops in time loses nothing, one that runs into the wall may.

use crate::file::FileError;
use std::path::Path;

/// Bytes in one MB, as disks are sold.
const MB: u128 = 1_000_000;

/// Whole MB that this user may still write to the file system that `path` is on.
///
/// # Errors
/// [`FileError::Io`], when the path is not there.
pub fn free_mb(path: &Path) -> Result<u64, FileError> {
    let found = rustix::fs::statvfs(path)
        .map_err(|error| FileError::io("look for free space at", path)(error.into()))?;
    // Blocks left to those who are not root, in units of the fragment size. Source: POSIX statvfs.
    let bytes = u128::from(found.f_bavail).saturating_mul(u128::from(found.f_frsize));
    Ok(u64::try_from(bytes / MB).unwrap_or(u64::MAX))
}
