//! Sealed gates on the ledger: real proofs, real keys, in memory.

mod attacks;
mod canary;
mod cycles;
mod encodings;
mod keys;
mod life;
mod refusals;
mod terms;
mod world;
