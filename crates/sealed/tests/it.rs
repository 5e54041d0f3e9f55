//! One binary for the crate's integration tests.

#[path = "it/world.rs"]
mod world;
#[path = "it/clearing.rs"]
mod clearing;
#[path = "it/market.rs"]
mod market;
