//! The command as a user runs it, and the rules of the workspace.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod commands;
mod followers;
mod hostile;
mod nodes;
mod processes;
mod run;
mod strangers;
mod wall;
