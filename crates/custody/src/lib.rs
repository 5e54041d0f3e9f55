//! What an operator keeps on disk, so that strangers can start one network by hand and keep it running.
//!
//! | to | use |
//! |---|---|
//! | keep a secret in a file that only its owner reads | [`secret`], [`passphrase`] |
//! | make, keep and find the keys of a member and of its node | [`keys`] |
//! | show others who one is | [`card`] |
//! | agree on what a chain starts from | [`genesis`] |
//! | say how a node runs | [`config`] |
//! | own a data directory, and never sign twice | [`home`], [`signing`] |
//! | carry a node to another machine | [`backup`] |
//! | keep a validator's share of the group key | [`vault`] |
//! | know that the disk will last, and what the system allows | [`disk`], [`limits`] |
//!
//! Everything here is a file, a rule about files, or a message that says which rule was broken and what mends it.
//! No socket, no consensus and no ledger state: the crate builds in seconds and its rules can be read in an hour.
//! It keeps file modes and directory syncs, so it is for Unix.

#![warn(missing_docs)]

pub mod hex;
pub mod name;
pub mod file;
pub mod passphrase;
pub mod secret;
pub mod keys;
pub mod vault;
pub mod card;
pub mod config;
pub mod genesis;
pub mod signing;
pub mod home;
pub mod backup;
pub mod disk;
pub mod limits;

pub use card::Card;
pub use config::Config;
pub use genesis::GenesisFile;
pub use home::Home;
pub use name::{Address, Name};
pub use passphrase::{Passphrase, Passphrases, Process, Surroundings};
pub use secret::{Kind, Protection, Secret};
pub use signing::Marker;
pub use vault::Vault;
