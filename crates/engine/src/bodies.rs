//! How a body is kept: cut into chunks, each under a key of its own.
//!
//! ```text
//! key of chunk n = SHA-256(hash of the body ‖ n as 4 bytes, big-endian), n from 0
//! ```
//!
//! The last chunk is filled up with zeros; the body's name carries its length.

use bytes::Bytes;
use commonware_cryptography::{Hasher as _, Sha256};
use commonware_utils::sequence::FixedBytes;
use gridaccord_ledger::{Digest, state::BodyId};

/// Bytes of one chunk of a body.
pub const CHUNK_SIZE: usize = 1_024;

/// One chunk.
pub type Chunk = FixedBytes<CHUNK_SIZE>;

/// Keys of a body's chunks, in order.
#[must_use]
pub fn keys(id: &BodyId) -> Vec<Digest> {
    let chunk = u32::try_from(CHUNK_SIZE).expect("a small constant");
    let count = id.length.div_ceil(chunk);
    (0..count).map(|n| Sha256::hash(&[id.hash.as_ref(), &n.to_be_bytes()])).collect()
}

/// Cuts a body into chunks, in order.
#[must_use]
pub fn split(bytes: &[u8]) -> Vec<Chunk> {
    let padded = |chunk: &[u8]| {
        let mut padded = [0; CHUNK_SIZE];
        padded[..chunk.len()].copy_from_slice(chunk);
        Chunk::new(padded)
    };
    bytes.chunks(CHUNK_SIZE).map(padded).collect()
}

/// Puts a body together; `None` unless all chunks are there and hash to its name.
#[must_use]
pub fn join(id: &BodyId, chunks: Vec<Option<Chunk>>) -> Option<Bytes> {
    let length = usize::try_from(id.length).ok()?;
    let mut bytes = Vec::with_capacity(chunks.len() * CHUNK_SIZE);
    for chunk in chunks {
        bytes.extend_from_slice(chunk?.as_ref());
    }
    bytes.truncate(length);
    (BodyId::of(&bytes) == *id).then(|| bytes.into())
}
