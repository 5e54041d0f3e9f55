//! One binary for the crate's integration tests.

#[path = "it/world.rs"]
mod world;
#[path = "it/clearing.rs"]
mod clearing;
#[path = "it/twin.rs"]
mod twin;
#[path = "it/market.rs"]
mod market;
#[path = "it/forgery.rs"]
mod forgery;
#[path = "it/opening.rs"]
mod opening;
#[path = "it/settlement.rs"]
mod settlement;
#[path = "it/boundary.rs"]
mod boundary;
#[path = "it/wire.rs"]
mod wire;
#[path = "it/vectors.rs"]
mod vectors;
