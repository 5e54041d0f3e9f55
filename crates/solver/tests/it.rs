//! Integration tests of `solver`.

#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod it {
    mod contingency;
    mod commitment;
    mod day;
    mod generator;
    mod horizon;
    mod infeasible;
    mod interval;
    mod opportunity;
    mod warm;
}
