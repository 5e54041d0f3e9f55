//! Validators in simulation and over TCP, light proofs, and checks of stored chains.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod it {
    mod bodies;
    mod byzantine;
    mod chain;
    mod common;
    mod followers;
    mod founding;
    mod hostile;
    mod light;
    mod mempool;
    mod simulation;
    mod tcp;
}
