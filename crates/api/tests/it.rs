//! The real server on a loopback port, over a real ledger.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop and say where")]

#[path = "it/common.rs"]
mod common;
#[path = "it/ledger.rs"]
mod ledger;
#[path = "it/reading.rs"]
mod reading;
#[path = "it/commands.rs"]
mod commands;
#[path = "it/events.rs"]
mod events;
#[path = "it/hostile.rs"]
mod hostile;
#[path = "it/client.rs"]
mod client;
#[path = "it/openapi.rs"]
mod openapi;
