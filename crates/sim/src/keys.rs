//! Every key of a campus from its seed: for demonstrations and simulation only.

use commonware_codec::DecodeExt as _;
use commonware_cryptography::{Hasher as _, Sha256, ed25519};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

/// What a stream of random words is for; streams of different purposes are independent.
#[derive(Clone, Copy, Debug)]
pub enum Purpose {
    /// A member's signing key.
    Member,
    /// A validator's node key.
    Node,
    /// The dealing of the group key.
    Dealing,
    /// Weather.
    Weather,
    /// A member's taste for wagers.
    Wager,
}

/// The seed's digest for one purpose and one index.
#[must_use]
pub fn digest(seed: u64, purpose: Purpose, index: u64) -> [u8; 32] {
    let mut hasher = Sha256::default();
    hasher.update(b"gridaccord/campus/v1");
    hasher.update(&seed.to_be_bytes());
    hasher.update(&[purpose as u8]);
    hasher.update(&index.to_be_bytes());
    hasher.finalize().1.0
}

/// A stream of random words.
#[must_use]
pub fn stream(seed: u64, purpose: Purpose, index: u64) -> ChaCha20Rng {
    ChaCha20Rng::from_seed(digest(seed, purpose, index))
}

/// A signing key.
#[must_use]
pub fn key(seed: u64, purpose: Purpose, index: u64) -> ed25519::PrivateKey {
    ed25519::PrivateKey::decode(digest(seed, purpose, index).to_vec())
        .expect("any 32 bytes are a private key")
}
