//! A block on the wire and in the archive: a header of a few hundred bytes, and the payload it names by hash.
//!
//! The header alone is hashed into the block's digest, so that a light client needs no payload. It carries
//! both databases' roots and the ranges a joining node would copy.

use crate::chain::PublicKey;
use bytes::BufMut;
use commonware_codec::{
    Buf, Encode as _, EncodeSize, Error, FixedSize as _, MaxEncodeSize as _, Read, Write,
};
use commonware_consensus::{
    BoundedBlock, CertifiableBlock, Heightable,
    simplex::types::Context,
    types::{Epoch, Height, Round, View},
};
use commonware_cryptography::{Digest as _, Digestible, Hasher as _, Sha256};
use commonware_storage::{mmr, qmdb::sync::Target};
use commonware_utils::{non_empty_range, range::NonEmptyRange};
use gridaccord_ledger::{
    Digest, Payload,
    block::{SEEDS_MAX, Seed},
};
use gridaccord_model::{TimeMs, codec::Bounded, codec_struct};

/// Largest payload of a block in bytes.
pub const PAYLOAD_SIZE_MAX: usize = 1024 * 1024;
/// Domain of a block's digest.
const HEADER_DOMAIN: &[u8] = b"gridaccord/header/v1";
/// Domain of a payload's hash.
const PAYLOAD_DOMAIN: &[u8] = b"gridaccord/payload/v1";

/// Position in a database's log of operations.
pub(crate) type Location = mmr::Location;
/// Where consensus placed a block.
pub(crate) type ConsensusContext = Context<Digest, PublicKey>;

/// What a header says of the records after its block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateCommitment {
    /// Root that proofs of single records lead to.
    pub root: Digest,
    /// Root of the log of operations alone: what a joining node copies against.
    pub ops_root: Digest,
    /// The operations it copies.
    pub range: NonEmptyRange<Location>,
}

codec_struct!(StateCommitment { root, ops_root, range });

/// What a header says of the bodies after its block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodiesCommitment {
    /// Root of the log of chunks.
    pub root: Digest,
    /// The operations a joining node copies.
    pub range: NonEmptyRange<Location>,
}

codec_struct!(BodiesCommitment { root, range });

/// The part of a block that its digest covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Round, leader, and the parent's view and digest.
    pub context: ConsensusContext,
    /// Position in the chain.
    pub height: u64,
    /// Wall time of the proposer, not before the parent's.
    pub timestamp: TimeMs,
    /// Seeds that gates wait for, by ascending view.
    pub seeds: Bounded<Seed, SEEDS_MAX>,
    /// The records after this block.
    pub state: StateCommitment,
    /// The bodies after this block.
    pub bodies: BodiesCommitment,
    /// Hash of the payload.
    pub payload: Digest,
}

codec_struct!(Header { context, height, timestamp, seeds, state, bodies, payload });

impl Header {
    /// Largest encoding of a header.
    const SIZE_MAX: usize = ConsensusContext::MAX_ENCODE_SIZE
        + 8
        + 8
        + 2
        + SEEDS_MAX * 56
        + 4 * Digest::SIZE
        + 2 * NonEmptyRange::<Location>::MAX_ENCODE_SIZE;

    /// The digest that consensus votes on.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut hasher = Sha256::default();
        hasher.update(HEADER_DOMAIN);
        hasher.update(&self.encode());
        hasher.finalize().1
    }

    /// The view it was proposed in.
    #[must_use]
    pub const fn view(&self) -> u64 {
        self.context.round.view().get()
    }
}

/// A header and the payload it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    header: Header,
    payload: Payload,
}

impl Block {
    /// Joins the two; the header's `payload` field is set to the payload's hash.
    pub(crate) fn new(mut header: Header, payload: Payload) -> Self {
        header.payload = payload_hash(&payload);
        Self { header, payload }
    }

    /// The block at height 0: constant for a chain, empty databases, the chain's id as its parent.
    pub(crate) fn genesis(chain: Digest, leader: PublicKey, wall_start: TimeMs) -> Self {
        let (state, bodies) = crate::state::initial_commitments();
        let context = Context {
            round: Round::new(Epoch::zero(), View::zero()),
            leader,
            parent: (View::zero(), chain),
        };
        let header = Header {
            context,
            height: 0,
            timestamp: wall_start,
            seeds: Bounded::default(),
            state,
            bodies,
            payload: Digest::EMPTY,
        };
        Self::new(header, Payload::Commands { commands: Bounded::default() })
    }

    /// The part the digest covers.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The content.
    #[must_use]
    pub const fn payload(&self) -> &Payload {
        &self.payload
    }

    /// The block as the ledger sees it.
    #[must_use]
    pub fn to_ledger(&self) -> gridaccord_ledger::Block {
        gridaccord_ledger::Block {
            height: self.header.height,
            view: self.header.view(),
            timestamp: self.header.timestamp,
            seeds: self.header.seeds.clone(),
            payload: self.payload.clone(),
        }
    }

    /// The databases' targets that the header commits to, as the stateful layer wants them.
    pub(crate) fn sync_targets(
        &self,
    ) -> (Target<mmr::Family, Digest>, Target<mmr::Family, Digest>) {
        let Header { state, bodies, .. } = &self.header;
        (
            Target::new(state.ops_root, state.range.clone()),
            Target::new(bodies.root, bodies.range.clone()),
        )
    }
}

/// A range from start to end, or `None` where it would be empty.
pub(crate) fn range(start: Location, end: Location) -> Option<NonEmptyRange<Location>> {
    (start < end).then(|| non_empty_range!(start, end))
}

fn payload_hash(payload: &Payload) -> Digest {
    let mut hasher = Sha256::default();
    hasher.update(PAYLOAD_DOMAIN);
    hasher.update(&payload.encode());
    hasher.finalize().1
}

impl Write for Block {
    fn write(&self, buf: &mut impl BufMut) {
        self.header.write(buf);
        self.payload.write(buf);
    }
}

impl EncodeSize for Block {
    fn encode_size(&self) -> usize {
        self.header.encode_size() + self.payload.encode_size()
    }
}

impl Read for Block {
    type Cfg = ();
    fn read_cfg(buf: &mut impl Buf, (): &()) -> Result<Self, Error> {
        let header = Header::read_cfg(buf, &())?;
        let payload = Payload::read_cfg(buf, &())?;
        if payload.encode_size() > PAYLOAD_SIZE_MAX {
            return Err(Error::Invalid("Block", "payload is larger than a block may be"));
        }
        if payload_hash(&payload) != header.payload {
            return Err(Error::Invalid("Block", "payload is not the one the header names"));
        }
        Ok(Self { header, payload })
    }
}

impl Digestible for Block {
    type Digest = Digest;
    fn digest(&self) -> Digest {
        self.header.digest()
    }
}

impl Heightable for Block {
    fn height(&self) -> Height {
        Height::new(self.header.height)
    }
}

impl commonware_consensus::Block for Block {
    fn parent(&self) -> Digest {
        self.header.context.parent.1
    }
}

impl CertifiableBlock for Block {
    type Context = ConsensusContext;
    fn context(&self) -> Self::Context {
        self.header.context.clone()
    }
}

impl BoundedBlock for Block {
    fn max_encode_size((): &()) -> usize {
        Header::SIZE_MAX + PAYLOAD_SIZE_MAX
    }
}
