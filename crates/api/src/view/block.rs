//! Finalised blocks.

use super::{
    Names,
    command::{CommandView, ReceiptView},
    event::EventView,
};
use crate::port::FinalizedBlock;
use gridaccord_ledger::{SignedCommand, block::Payload, genesis::Clock};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A finalised block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlockView {
    /// Position in the chain; block 1 carries genesis.
    pub height: u64,
    /// Consensus view it was proposed in.
    pub view: u64,
    /// Digest of its header.
    pub digest: String,
    /// Wall time.
    pub timestamp_ms: u64,
    /// Ledger time.
    pub ledger_time_s: u64,
    /// Root of the records after it.
    pub state_root: String,
    /// What it carries: `genesis` or `commands`.
    pub payload: String,
    /// Its commands, in the order they ran.
    pub commands: Vec<CommandView>,
    /// One per command; null where this node no longer has the outcome of an old block.
    pub receipts: Option<Vec<ReceiptView>>,
    /// What happened; null as for receipts.
    pub events: Option<Vec<EventView>>,
}

impl BlockView {
    pub(crate) fn of(found: &FinalizedBlock, clock: &Clock, names: &Names) -> Self {
        let block = &found.block;
        let outcome = found.outcome.as_deref();
        let payload = match block.payload {
            Payload::Genesis { .. } => "genesis",
            Payload::Commands { .. } => "commands",
        };
        Self {
            height: block.height,
            view: block.view,
            digest: hex::encode(found.digest.as_ref()),
            timestamp_ms: block.timestamp.0,
            ledger_time_s: clock.ledger(block.timestamp).0,
            state_root: hex::encode(found.state_root.as_ref()),
            payload: payload.into(),
            commands: commands(found).iter().map(|signed| CommandView::of(signed, names)).collect(),
            receipts: outcome.map(|outcome| {
                outcome.receipts.iter().map(|receipt| ReceiptView::of(receipt, names)).collect()
            }),
            events: outcome.map(|outcome| {
                outcome.events.iter().map(|event| EventView::of(event, names)).collect()
            }),
        }
    }
}

fn commands(found: &FinalizedBlock) -> &[SignedCommand] {
    match &found.block.payload {
        Payload::Genesis { .. } => &[],
        Payload::Commands { commands } => commands,
    }
}
