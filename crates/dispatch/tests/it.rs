//! Integration tests of `dispatch`.

#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod it {
    mod book;
    mod brute;
    mod certificate;
    mod common;
    mod horizon;
    mod merit;
    mod problem;
    mod properties;
    mod scenarios;
}
