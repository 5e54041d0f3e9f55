//! How a node ends when something it stands on breaks: one line, and an exit code that a supervisor can act on.

use std::{
    backtrace::Backtrace,
    panic::{self, AssertUnwindSafe, PanicHookInfo},
    process::ExitCode,
    sync::{Mutex, PoisonError},
};

/// Storage failed. Source: `EX_IOERR` of sysexits.
pub(crate) const EXIT_STORAGE: u8 = 74;
/// A bug. Source: `EX_SOFTWARE` of sysexits.
const EXIT_BUG: u8 = 70;

/// What panicked first; later ones follow from it.
static FIRST: Mutex<Option<String>> = Mutex::new(None);

/// Runs a node to its end. A panic anywhere in it ends the process with one line.
pub(crate) fn run(node: impl FnOnce() -> anyhow::Result<ExitCode>) -> anyhow::Result<ExitCode> {
    panic::set_hook(Box::new(note));
    let ended = panic::catch_unwind(AssertUnwindSafe(node));
    let first = FIRST.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (ended, first) {
        (Ok(result), None) => result,
        (_, Some(panic)) => Ok(say(&panic)),
        (Err(_), None) => Ok(say("a task ended without saying why")),
    }
}

fn note(info: &PanicHookInfo<'_>) {
    let text = info.payload_as_str().unwrap_or("a task ended without saying why");
    let place = info.location().map(|place| format!(" ({}:{})", place.file(), place.line()));
    tracing::debug!("{text}{}\n{}", place.clone().unwrap_or_default(), Backtrace::force_capture());
    let mut first = FIRST.lock().unwrap_or_else(PoisonError::into_inner);
    first.get_or_insert_with(|| format!("{text}{}", place.unwrap_or_default()));
}

fn say(panic: &str) -> ExitCode {
    let line = panic.replace('\n', " ");
    if is_storage(panic) {
        let line = line.trim_start_matches("storage failed: ");
        eprintln!(
            "error: storage failed: {line}\nNothing final is lost. Mend the disk (space, permissions, hardware) and start the node again."
        );
        ExitCode::from(EXIT_STORAGE)
    } else {
        eprintln!("error: a bug stopped this node before it could do wrong: {line}");
        ExitCode::from(EXIT_BUG)
    }
}

/// Storage fails by panics of the engine that carry the runtime's or the system's error.
fn is_storage(panic: &str) -> bool {
    const SIGNS: [&str; 14] = [
        "storage",
        "Storage",
        "os error",
        "Os {",
        "Io(",
        "ReadFailed",
        "WriteFailed",
        "Blob",
        "Partition",
        "Journal",
        "journal",
        "archive",
        "Corrupt",
        "corrupt",
    ];
    SIGNS.iter().any(|sign| panic.contains(sign))
}
