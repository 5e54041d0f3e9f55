//! Agents against the real ledger, blocks made by hand instead of by consensus.

mod market;
mod life;
