//! Integration tests of `model`.

#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod it {
    mod horizon;
    mod postings;
    mod refusals;
    mod scenario;
}
