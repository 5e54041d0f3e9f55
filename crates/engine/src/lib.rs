//! Adapter to the consensus engine.
