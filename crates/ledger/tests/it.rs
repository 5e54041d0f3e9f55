//! Integration tests of `ledger`.

#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod it {
    mod common;
    mod rounds;
    mod gaming;
}
