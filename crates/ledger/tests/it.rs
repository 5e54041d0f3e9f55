//! Integration tests of `ledger`.

#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod it {
    mod builders;
    mod carbon;
    mod commands;
    mod common;
    mod draw;
    mod encodings;
    mod gaming;
    mod genesis;
    mod halt;
    mod horizon;
    mod horizon_gaming;
    mod horizon_random;
    mod horizon_rules;
    mod life;
    mod random;
    mod rounds;
    mod rules;
    mod sealed;
    mod settlement;
}
