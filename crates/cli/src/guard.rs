//! How a node ends when something it stands on breaks: one line, and an exit code that a supervisor can act on.

use std::{
    any::Any,
    backtrace::Backtrace,
    panic::{self, AssertUnwindSafe, PanicHookInfo},
    path::Path,
    process::ExitCode,
};

/// Storage failed. Source: `EX_IOERR` of sysexits.
pub(crate) const EXIT_STORAGE: u8 = 74;
/// A bug. Source: `EX_SOFTWARE` of sysexits.
const EXIT_BUG: u8 = 70;

/// Runs a node to its end. A panic of the node ends the process with one line; a panic of one of its helpers is
/// printed where it happens.
pub(crate) fn run(node: impl FnOnce() -> anyhow::Result<ExitCode>) -> anyhow::Result<ExitCode> {
    panic::set_hook(Box::new(note));
    match panic::catch_unwind(AssertUnwindSafe(node)) {
        Ok(result) => result,
        Err(panic) => Ok(say(text_of(&*panic))),
    }
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it did not say why")
}

fn note(info: &PanicHookInfo<'_>) {
    let text = info.payload_as_str().unwrap_or("it did not say why");
    let place = info.location().map(|place| {
        let file = Path::new(place.file()).file_name().unwrap_or_default();
        format!("{}:{}", file.to_string_lossy(), place.line())
    });
    let place = place.unwrap_or_default();
    eprintln!("a task failed at {place}: {}", text.replace('\n', " "));
    tracing::debug!("{}", Backtrace::force_capture());
}

fn say(panic: &str) -> ExitCode {
    let line = panic.replace('\n', " ");
    if is_storage(panic) {
        let line = line.trim_start_matches("storage failed: ");
        eprintln!(
            "error: storage failed: {line}; nothing final is lost: mend the disk (space, permissions, hardware) and start the node again; where a file stays damaged, see \"Coming back\" in the README"
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
