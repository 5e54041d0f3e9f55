//! What an operator meets: files on a real disk, refusals with their words, and round trips.

#[path = "it/common.rs"]
mod common;

#[path = "it/secrets.rs"]
mod secrets;

#[path = "it/passphrases.rs"]
mod passphrases;

#[path = "it/cards.rs"]
mod cards;

#[path = "it/genesis.rs"]
mod genesis;

#[path = "it/configs.rs"]
mod configs;

#[path = "it/signing.rs"]
mod signing;

#[path = "it/homes.rs"]
mod homes;

#[path = "it/backups.rs"]
mod backups;
