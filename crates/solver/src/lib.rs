//! Floating-point optimiser: proposes a dispatch and its multipliers.
//!
//! Nothing found here is believed: every proposal passes [`gridaccord_dispatch::check`](gridaccord_dispatch::check())
//! before it leaves, and again on every replica. Positive power is injection into the bus.

#![warn(missing_docs)]

pub mod interval;
pub mod horizon;

pub use horizon::{
    CommitmentOutcome, Explanation, GapReason, HorizonOutcome, Limit, OpenAnswer, OpenEnds,
    Relaxation, StopReason, propose_commitment, propose_horizon, propose_horizon_warm,
    propose_open,
};
pub use interval::propose;
