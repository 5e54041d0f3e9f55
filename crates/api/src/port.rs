//! What the interface needs of a node: the one door between HTTP and the engine.
//!
//! Crate `node` implements [`Port`] on the engine's handle. Nothing here knows consensus.

use bytes::Bytes;
use futures::{future::BoxFuture, stream::BoxStream};
use gridaccord_ledger::{Block, BodyId, Digest, Key, Outcome, Record, SignedCommand};
use gridaccord_model::TimeMs;
use std::sync::Arc;

/// A running node, as the interface sees it.
pub trait Port: Send + Sync + 'static {
    /// Hands a command to the mempool and gives its id. Submitting one twice is harmless.
    fn submit(&self, command: SignedCommand) -> BoxFuture<'_, Result<Digest, SubmitError>>;

    /// Blocks as they become final, each with its outcome, from the next one on. The stream may end early, for a
    /// subscriber that lagged: subscribe again and fetch the gap with [`block`](Self::block).
    fn subscribe(&self) -> BoxStream<'static, FinalizedBlock>;

    /// The record under a key after the last finalised block.
    fn record(&self, key: Key) -> BoxFuture<'_, Option<Record>>;

    /// The body of that name.
    fn body(&self, id: BodyId) -> BoxFuture<'_, Option<Bytes>>;

    /// Proof of a record or of its absence; `None` while the node has no certificate to prove against.
    fn proof(&self, key: Key) -> BoxFuture<'_, Option<Proof>>;

    /// The finalised block at a height, with its outcome where the node still has it.
    fn block(&self, height: u64) -> BoxFuture<'_, Option<FinalizedBlock>>;

    /// Where the node stands.
    fn status(&self) -> NodeStatus;

    /// Whether the node can serve.
    fn readiness(&self) -> Readiness;
}

/// A finalised block and, where known, what it did. Clones are cheap.
#[derive(Clone, Debug)]
pub struct FinalizedBlock {
    /// Digest of its header.
    pub digest: Digest,
    /// Root of the records after it.
    pub state_root: Digest,
    /// The block as the ledger saw it: height, view, wall time, commands.
    pub block: Arc<Block>,
    /// Receipts and events; `None` for an old block whose outcome would have to be replayed.
    pub outcome: Option<Arc<Outcome>>,
    /// Milliseconds from the start of its proposal to finality, on the node that proposed it.
    pub finality_ms: Option<u64>,
}

/// A light proof with what it proves.
#[derive(Clone, Debug)]
pub struct Proof {
    /// Height of the block whose state it is about.
    pub height: u64,
    /// The record; `None` where the proof is of its absence.
    pub record: Option<Record>,
    /// Canonical bytes of the proof.
    pub bytes: Bytes,
}

/// Where a node stands.
#[derive(Clone, Debug)]
pub struct NodeStatus {
    /// Name of the member whose node it is.
    pub member: String,
    /// Whether it follows without a vote.
    pub follows: bool,
    /// Height of the last finalised block.
    pub height: u64,
    /// Newest view known.
    pub view: u64,
    /// Root of the records after the last finalised block.
    pub state_root: Digest,
    /// Wall time of the last finalised block.
    pub timestamp: TimeMs,
    /// Other validators connected.
    pub peers_connected: usize,
    /// Commands that wait for a block.
    pub mempool_commands: usize,
    /// Bytes of them.
    pub mempool_bytes: usize,
    /// Median time to finality of recent own proposals, if known.
    pub finality_ms_p50: Option<u64>,
    /// Its 95th percentile, if known.
    pub finality_ms_p95: Option<u64>,
}

/// Whether a node can serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It follows the chain.
    Ready,
    /// It does not, for this reason; lower case, says what to do or wait for.
    NotReady(String),
}

/// A command the mempool did not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SubmitError {
    /// Which case it is.
    pub code: SubmitCode,
    /// What was wrong and how to mend it, lower case.
    pub message: String,
}

/// Why a command was not taken. Serves programs; the message serves people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubmitCode {
    /// Larger than a command may be.
    TooLarge,
    /// The author is no member: rule C1.
    MemberUnknown,
    /// The nonce is used up: rule C2.
    NonceUsed,
    /// The nonce is too far ahead of the next one.
    NonceAhead,
    /// Another command waits under the nonce.
    NonceTaken,
    /// Not the author's signature for this chain: rule C3.
    SignatureInvalid,
    /// The author holds too much of the mempool.
    MemberFull,
    /// The mempool is full.
    MempoolFull,
    /// The node is going down.
    Stopping,
}
