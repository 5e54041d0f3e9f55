//! Integration tests of `sealed`.

#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

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
#[path = "it/independent.rs"]
mod independent;
#[path = "it/cheating.rs"]
mod cheating;
#[path = "it/opening.rs"]
mod opening;
#[path = "it/sums.rs"]
mod sums;
#[path = "it/settlement.rs"]
mod settlement;
#[path = "it/boundary.rs"]
mod boundary;
#[path = "it/seeds.rs"]
mod seeds;
#[path = "it/wire.rs"]
mod wire;
#[path = "it/vectors.rs"]
mod vectors;
