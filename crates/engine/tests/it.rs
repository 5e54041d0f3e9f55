//! Validators in simulation and over TCP, light proofs, and checks of stored chains.

#[path = "it/chain.rs"]
mod chain;
#[path = "it/common.rs"]
mod common;
#[path = "it/light.rs"]
mod light;
#[path = "it/mempool.rs"]
mod mempool;
#[path = "it/simulation.rs"]
mod simulation;
#[path = "it/tcp.rs"]
mod tcp;
