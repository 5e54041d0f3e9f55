//! Agents against the real ledger, blocks made by hand instead of by consensus.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod market;
mod horizon;
mod life;
