//! Runs the built program.

use std::{
    process::{Command, Output},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Programs that run validators share two cores: one at a time.
static STAGE: Mutex<()> = Mutex::new(());

pub(crate) fn alone() -> MutexGuard<'static, ()> {
    STAGE.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn gridaccord(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gridaccord")).args(args).output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The program refuses with one clear line, without a panic, and says `part`.
pub(crate) fn assert_refuses(args: &[&str], part: &str) {
    let output = gridaccord(args);
    let stderr = text(&output.stderr);
    assert!(!output.status.success(), "{args:?} succeeded");
    assert!(!stderr.contains("panicked"), "{args:?} panicked: {stderr}");
    assert!(stderr.contains(part), "{args:?} says {stderr:?}, not {part:?}");
}
