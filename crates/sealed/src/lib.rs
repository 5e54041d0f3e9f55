//! Curves nobody sees, clearing everybody can verify.
//!
//! Members post commitments to monotone net-injection curves over a public price grid, with proofs that they
//! are monotone, within certified limits and funded. Only sums at a few prices are ever opened, by a threshold
//! of key holders; set points, bills and penalties are linear in what was committed, so everybody derives the
//! commitment to each and nobody learns the number. Statements, proofs and what leaks: `docs/maths/sealed.md`.
//!
//! Pure: randomness, time and configuration are arguments. Positive power is injection into the bus.

#![warn(missing_docs)]
#![warn(
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]

pub mod refusal;
pub mod group;
pub mod transcript;
pub mod range;
pub mod statement;
pub mod dleq;
pub mod tariff;
pub mod curve;
pub mod limit;
pub mod submission;
pub mod clearing;
pub mod gate;
pub mod keygen;
pub mod enrolment;
pub mod logarithm;
pub mod opening;
pub mod sums;
pub mod book;
pub mod holder;
pub mod metering;
pub mod deviation;
pub mod account;
pub mod cycle;
pub mod split;
pub mod carbon;
pub mod claim;
pub mod bill;
pub mod rehearsal;

pub use commonware_cryptography::sha256::Digest;
pub use refusal::Refusal;
