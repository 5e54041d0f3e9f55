//! HTTP interface of a node: routes, live events, and the client that speaks to them.
//!
//! An edge: it knows the pure crates and its own [`Port`], which crate `node` implements on the engine. Routes and
//! OpenAPI come from the same declarations. Nothing here can change the ledger: commands are signed by members, and
//! this only hands them on. There is no other authentication, so it listens on loopback unless told otherwise.

#![warn(missing_docs)]

pub mod port;
pub mod config;
pub mod view;
pub mod error;
mod metrics;
mod limit;
mod feed;
mod app;
mod routes;
mod router;
mod guard;
mod server;
pub mod client;

pub use client::Client;
pub use config::{Config, ServeError};
pub use port::{FinalizedBlock, NodeStatus, Port, Proof, Readiness, SubmitCode, SubmitError};
pub use router::openapi;
pub use server::{Server, serve};
