//! Integration tests of `dispatch`.

#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod it {
    mod book;
    mod brute;
    mod certificate;
    mod commitment;
    mod common;
    mod horizon;
    mod horizon_book;
    mod horizon_codec;
    mod horizon_rules;
    mod merit;
    mod problem;
    mod properties;
    mod scenarios;
}
