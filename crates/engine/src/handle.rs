//! What the rest of a node sees of the engine.

use crate::{chain::Chain, light::LightProof, mempool::Refused, node_state::Shared};
use bytes::Bytes;
use futures::future::BoxFuture;
use gridaccord_ledger::{Block, Digest, Key, Outcome, Record, SignedCommand, state::BodyId};
use gridaccord_model::TimeMs;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Finalised blocks a subscriber may lag behind before it is dropped.
pub const SUBSCRIBER_LAG_MAX: usize = 1_024;

/// A finalised block and what it did.
#[derive(Clone, Debug)]
pub struct Finalized {
    /// Position in the chain.
    pub height: u64,
    /// View it was proposed in.
    pub view: u64,
    /// Digest of its header.
    pub digest: Digest,
    /// Root of the records after it.
    pub state_root: Digest,
    /// Its wall time.
    pub timestamp: TimeMs,
    /// The block as the ledger saw it.
    pub block: Arc<Block>,
    /// Receipts, events and changes.
    pub outcome: Arc<Outcome>,
    /// Milliseconds from the start of its proposal to here; only on the node that proposed it.
    pub finality_ms: Option<u64>,
}

/// A block from the archive.
#[derive(Clone, Debug)]
pub struct Archived {
    /// Position in the chain.
    pub height: u64,
    /// Digest of its header.
    pub digest: Digest,
    /// Its header and payload.
    pub block: Arc<crate::block::Block>,
    /// Encoded finality certificate, where this height was finalised directly and not by a descendant.
    pub certificate: Option<Bytes>,
    /// What it did, for the last few dozen blocks; older ones must be replayed.
    pub finalized: Option<Arc<Finalized>>,
}

/// Where a node stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Height of the last finalised block.
    pub height: u64,
    /// Newest view with a certificate.
    pub view: u64,
    /// Digest of the last finalised block.
    pub digest: Digest,
    /// Root of the records after it.
    pub state_root: Digest,
    /// Its wall time.
    pub timestamp: TimeMs,
    /// Commands waiting.
    pub mempool_commands: usize,
    /// Bytes of them.
    pub mempool_bytes: usize,
    /// Other validators heard from since the start.
    pub peers_heard: usize,
    /// Whether the node follows without a vote.
    pub follows: bool,
}

/// The parts of a node that need its runtime; hides the type of it.
pub(crate) trait Backend: Send + Sync {
    fn submit(&self, command: SignedCommand) -> BoxFuture<'_, Result<Digest, Refused>>;
    fn record(&self, key: Key) -> BoxFuture<'_, Option<Record>>;
    fn body(&self, id: BodyId) -> BoxFuture<'_, Option<Bytes>>;
    fn proof(&self, key: Key) -> BoxFuture<'_, Option<LightProof>>;
    fn archived(&self, height: u64) -> BoxFuture<'_, Option<Archived>>;
}

/// A running node. Clones are cheap and speak for the same node; dropping them does not stop it.
#[derive(Clone)]
pub struct Handle {
    pub(crate) shared: Arc<Shared>,
    pub(crate) backend: Arc<dyn Backend>,
}

impl core::fmt::Debug for Handle {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Handle({:?})", self.status())
    }
}

impl Handle {
    /// The chain's id, which command signatures cover.
    #[must_use]
    pub fn chain_id(&self) -> Digest {
        *self.shared.chain.id()
    }

    /// The chain it is a node of.
    #[must_use]
    pub fn chain(&self) -> &Chain {
        &self.shared.chain
    }

    /// Checks a command against the last finalised state, keeps it for a block and tells the other validators.
    /// Submitting it twice is harmless. Gives the command's id.
    ///
    /// # Errors
    /// [`Refused`], in the order of its variants.
    pub async fn submit(&self, command: SignedCommand) -> Result<Digest, Refused> {
        self.backend.submit(command).await
    }

    /// Blocks as they become final, in order of height, from the next one on.
    ///
    /// The stream ends when the node stops, or when the subscriber lags more than [`SUBSCRIBER_LAG_MAX`] behind:
    /// subscribe again and fetch the gap with [`finalized_block`](Self::finalized_block). A restart may skip the
    /// block whose state was already durable: compare heights.
    #[must_use]
    pub fn subscribe(&self) -> mpsc::Receiver<Arc<Finalized>> {
        self.shared.subscribe()
    }

    /// The record under `key` in the last finalised state.
    pub async fn record(&self, key: Key) -> Option<Record> {
        self.backend.record(key).await
    }

    /// The body named `id` in the last finalised state.
    pub async fn body(&self, id: BodyId) -> Option<Bytes> {
        self.backend.body(id).await
    }

    /// Proof that a record is what it is, or that there is none, for who trusts the group key alone.
    ///
    /// `None` while the node has no finality certificate for the state it would prove against: before block 1, and
    /// while it catches up. Ask again after the next block.
    pub async fn proof(&self, key: Key) -> Option<LightProof> {
        self.backend.proof(key).await
    }

    /// The finalised block at a height, or `None` where this node has none.
    pub async fn finalized_block(&self, height: u64) -> Option<Archived> {
        self.backend.archived(height).await
    }

    /// Whether the node proposes blocks when it leads, as it does unless told otherwise. One that does not still
    /// votes, and its turns pass after a timeout.
    pub fn set_proposing(&self, proposing: bool) {
        self.shared.set_proposing(proposing);
    }

    /// Where the node stands.
    #[must_use]
    pub fn status(&self) -> Status {
        self.shared.status()
    }
}
