//! What an operator meets: files on a real disk, refusals with their words, and round trips.

#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod it {
    mod backups;
    mod cards;
    mod common;
    mod configs;
    mod genesis;
    mod homes;
    mod passphrases;
    mod secrets;
    mod signing;
}
