//! Studies end to end: folders and documents in, proven dispatch and files out.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

#[path = "it/common.rs"]
mod common;
#[path = "it/pypsa.rs"]
mod pypsa;
#[path = "it/refusals.rs"]
mod refusals;
#[path = "it/document.rs"]
mod document;
#[path = "it/certificate.rs"]
mod certificate;
#[path = "it/scenario.rs"]
mod scenario;
#[path = "it/commitment.rs"]
mod commitment;
#[path = "it/reference.rs"]
mod reference;
#[path = "it/outputs.rs"]
mod outputs;
