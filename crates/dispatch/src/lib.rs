//! Economic dispatch of a single bus: the problem, exact clearing, and the certificate every replica checks.
//!
//! Whoever finds a dispatch is not trusted. [`check`](check()) decides in integers whether an [`Answer`] is
//! feasible, how far its cost can be from the optimum, and whether its price is the one price the rules allow.
//! [`merit::clear`] finds the exact optimum of one interval; [`OfferBook`] keeps block offers sorted so that
//! clearing needs no sort. Positive power is injection into the bus. Derivations: `docs/maths/dispatch.md`.

#![warn(missing_docs)]
#![warn(
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]

pub mod problem;
mod curve;
pub mod answer;
pub mod certificate;
pub mod merit;
pub mod reason;
pub mod book;
pub mod scenario;
pub mod horizon;

pub use answer::{Answer, OptimalityCertificate, RESOURCES_MAX, ShadowPrice, Solution, TIERS_MAX};
pub use book::OfferBook;
pub use certificate::{Refusal, Verified, check};
pub use merit::{Imbalance, Outcome};
pub use problem::{DURATION_MAX_S, Plan, Problem, ProblemError, Resource, Setting, State, TierRef};
pub use reason::Reason;
