//! What the system allows a process: asked before a node starts, because a node that runs out later stops in the
//! middle of something.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files and sockets a node needs to have open at one time, without its clients.
pub const OPEN_FILES_MIN: u64 = 256;
/// Addresses a node needs, MB: most of them are reserved and never touched.
pub const ADDRESS_SPACE_MIN_MB: u64 = 2_048;
const MB: u64 = 1_000_000;

/// A limit that is too low.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// Files and sockets.
    #[error(
        "this process may open {0} files, a node needs {OPEN_FILES_MIN}: raise the limit with `ulimit -n 1024`"
    )]
    OpenFiles(u64),
    /// Addresses.
    #[error(
        "this process may use {0} MB of addresses, a node needs {ADDRESS_SPACE_MIN_MB}: raise the limit with `ulimit -v unlimited`"
    )]
    AddressSpace(u64),
}

/// Checks the limits a node must not start below; takes the files and sockets it may open up to what is allowed, and
/// gives back how many that are.
///
/// # Errors
/// [`LimitError`].
pub fn check() -> Result<u64, LimitError> {
    let space = getrlimit(Resource::As).current.unwrap_or(u64::MAX) / MB;
    if space < ADDRESS_SPACE_MIN_MB {
        return Err(LimitError::AddressSpace(space));
    }
    let files = getrlimit(Resource::Nofile);
    let most = files.maximum.unwrap_or(u64::MAX);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: files.maximum, ..files }).is_ok();
    let open = if raised { most } else { files.current.unwrap_or(u64::MAX) };
    if open < OPEN_FILES_MIN { Err(LimitError::OpenFiles(open)) } else { Ok(open) }
}
