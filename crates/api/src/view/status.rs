//! Where a node stands, and what its chain started from.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a node stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatusView {
    /// The chain's id: hash of the genesis document.
    pub chain: String,
    /// The chain's label, for people.
    pub label: String,
    /// Name of the member whose node this is.
    pub member: String,
    /// Whether the node follows without a vote.
    pub follows: bool,
    /// Height of the last finalised block.
    pub height: u64,
    /// Newest consensus view known.
    pub view: u64,
    /// Root of the records after the last finalised block.
    pub state_root: String,
    /// Wall time of the last finalised block.
    pub timestamp_ms: u64,
    /// Ledger time of the last finalised block.
    pub ledger_time_s: u64,
    /// Validators of the chain.
    pub validators: usize,
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

/// What a chain started from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GenesisView {
    /// The chain's id: hash of the document.
    pub chain: String,
    /// The chain's label, for people.
    pub label: String,
    /// Canonical bytes of the document, in hexadecimal.
    pub genesis: String,
}

/// A node's word about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HealthView {
    /// `ok` or `ready`.
    #[schema(example = "ready")]
    pub status: String,
}
