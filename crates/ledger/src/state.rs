//! The state as [`apply`](crate::apply()) sees it: small fixed records by key, and bodies by hash.
//!
//! Records are what light clients get proofs of; bodies (offers, answers) are append-only and named by
//! records. Keys are addressed, never iterated.

use crate::{Digest, records::Stored};
use bytes::BufMut;
use commonware_codec::{
    Buf, DecodeExt as _, Encode, Error, FixedSize, Read as CodecRead, ReadExt as _, Write,
};
use commonware_cryptography::{Hasher as _, Sha256};
use gridaccord_model::codec_struct;
use std::collections::BTreeSet;

/// Bytes of a record's value, padding included.
pub const RECORD_SIZE: usize = 192;
/// Bytes a record can carry.
pub const RECORD_PAYLOAD_MAX: usize = RECORD_SIZE - 4;
/// Version of the record encoding.
const VERSION: u8 = 1;
/// Largest body.
pub const BODY_SIZE_MAX: u32 = 2 * 1024 * 1024;

const _: () = assert!(RECORD_PAYLOAD_MAX == 188 && RECORD_PAYLOAD_MAX <= 255);

/// Address of a record: SHA-256(tag ‖ id).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub [u8; 32]);

impl core::fmt::Debug for Key {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for byte in self.0 {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl Key {
    /// Key of the record with this kind and identity. The kind's length is encoded, so no two kinds collide.
    #[must_use]
    pub fn of(kind: &str, id: &impl Encode) -> Self {
        let mut hasher = Sha256::default();
        hasher.update(b"gridaccord/key/v1");
        hasher.update(&[u8::try_from(kind.len()).expect("kinds are short literals")]);
        hasher.update(kind.as_bytes());
        hasher.update(&id.encode());
        Self(hasher.finalize().1.0)
    }
}

gridaccord_model::codec_newtype!(Key, [u8; 32]);

/// Value of a record: tag (1), version (1), length (2), payload, zeros. Always [`RECORD_SIZE`] bytes.
///
/// Equality of records is equality of values: padding is checked to be zero when one is read.
#[derive(Clone, PartialEq, Eq)]
pub struct Record([u8; RECORD_SIZE]);

impl Record {
    /// Packs a value under its type's tag.
    ///
    /// # Panics
    /// When the value encodes to more than [`RECORD_PAYLOAD_MAX`] bytes: record types are bounded by design.
    #[must_use]
    pub fn of<T: Stored>(value: &T) -> Self {
        let payload = value.encode();
        assert!(payload.len() <= RECORD_PAYLOAD_MAX, "a record type outgrew its bound");
        let length = u16::try_from(payload.len()).expect("bounded above");
        let mut bytes = [0; RECORD_SIZE];
        bytes[0] = T::TAG;
        bytes[1] = VERSION;
        bytes[2..4].copy_from_slice(&length.to_be_bytes());
        let (_, tail) = bytes.split_at_mut(4);
        tail[..payload.len()].copy_from_slice(&payload);
        Self(bytes)
    }

    /// The value; `None` where tag, version or bytes are not of that type.
    #[must_use]
    pub fn value<T: Stored>(&self) -> Option<T> {
        if self.0[0] != T::TAG || self.0[1] != VERSION {
            return None;
        }
        let length = usize::from(u16::from_be_bytes([self.0[2], self.0[3]]));
        let payload = self.0.get(4..)?.get(..length)?;
        T::decode(bytes::Bytes::copy_from_slice(payload)).ok()
    }

    /// All bytes, as stored and proven.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; RECORD_SIZE] {
        &self.0
    }
}

impl core::fmt::Debug for Record {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Record(tag {}, {} bytes)", self.0[0], u16::from_be_bytes([self.0[2], self.0[3]]))
    }
}

impl Write for Record {
    fn write(&self, buf: &mut impl BufMut) {
        self.0.write(buf);
    }
}

impl FixedSize for Record {
    const SIZE: usize = RECORD_SIZE;
}

impl CodecRead for Record {
    type Cfg = ();
    fn read_cfg(buf: &mut impl Buf, (): &()) -> Result<Self, Error> {
        let bytes = <[u8; RECORD_SIZE]>::read(buf)?;
        let length = usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
        if length > RECORD_PAYLOAD_MAX {
            return Err(Error::InvalidLength(length));
        }
        let padding = bytes.get(4..).and_then(|tail| tail.get(length..)).unwrap_or_default();
        if padding.iter().any(|byte| *byte != 0) {
            return Err(Error::Invalid("Record", "padding is not zero"));
        }
        Ok(Self(bytes))
    }
}

/// Name of a body: hash and length of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BodyId {
    /// SHA-256 of the bytes.
    pub hash: Digest,
    /// Length in bytes, at most [`BODY_SIZE_MAX`].
    pub length: u32,
}

codec_struct!(BodyId { hash, length });

impl BodyId {
    /// Name of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let length = u32::try_from(bytes.len()).expect("bodies are bounded far below 4 GiB");
        Self { hash: Sha256::hash(&[bytes]), length }
    }
}

/// What a state holds under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup<T> {
    /// The caller has not loaded it: it belongs into [`Missing`].
    Unknown,
    /// It does not exist.
    Absent,
    /// It is this.
    Present(T),
}

/// Read access to the state after the parent block, as far as the caller has loaded it.
pub trait Read {
    /// The record under `key`.
    fn record(&self, key: &Key) -> Lookup<&Record>;
    /// The body named `id`.
    fn body(&self, id: &BodyId) -> Lookup<&[u8]>;
}

/// What the caller must load before calling again. Never empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// Records.
    pub keys: BTreeSet<Key>,
    /// Bodies.
    pub bodies: BTreeSet<BodyId>,
}
