//! The state machine that replicas agree on: commands in; receipts, events and changes out.
//!
//! [`apply()`] is a pure function of a state and a block. It holds no storage: it names the records it lacks in
//! [`Missing`], the caller fetches them and calls again. Same log, same state, on every machine.

#![warn(missing_docs)]
#![warn(
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]

pub mod state;
pub mod genesis;
pub mod command;
pub mod block;
pub mod roles;
pub mod refusal;
pub mod gate;
pub mod records;
pub mod event;
pub mod draw;
pub mod trust;
pub mod settle;
pub mod memory;
pub mod survey;
pub mod sealed;
mod store;
mod apply;

pub use apply::{Agenda, CELLS_MAX, HORIZON_RULES, Outcome, agenda, apply};
pub use block::{Block, Payload, Seed};
pub use command::{Command, SignedCommand};
pub use commonware_cryptography::sha256::Digest;
pub use event::{Event, Receipt};
pub use genesis::{Genesis, Group, Role};
pub use refusal::Refusal;
pub use state::{BodyId, Key, Lookup, Missing, Read, Record};
