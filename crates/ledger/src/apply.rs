//! One block, applied to the state before it.

use crate::{
    event::{Event, Receipt},
    state::{BodyId, Key, Missing, Read, Record},
    Block,
};
use bytes::Bytes;
use gridaccord_model::TimeMs;
use std::collections::BTreeMap;

/// Everything a block does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// One per command, in order.
    pub receipts: Vec<Receipt>,
    /// What happened, in order.
    pub events: Vec<Event>,
    /// Records written (`Some`) or deleted (`None`).
    pub changes: BTreeMap<Key, Option<Record>>,
    /// Bodies appended.
    pub bodies: BTreeMap<BodyId, Bytes>,
}

/// What the next block should bring, and by when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agenda {
    /// Views whose seeds gates wait for. A proposer that holds one puts it into its block.
    pub seeds: Vec<u64>,
    /// Wall time at which the next deadline is due.
    pub due: Option<TimeMs>,
    /// A gate is between Closed and Decided: blocks should follow at once.
    pub pending: bool,
}

/// Applies a block to the state after its parent.
///
/// # Errors
/// [`Missing`] names what the caller must load before calling again; never empty. A few rounds suffice.
pub fn apply(state: &impl Read, block: &Block) -> Result<Outcome, Missing> {
    let _ = (state, block);
    Ok(Outcome::default())
}

/// What the block after this state should bring.
///
/// # Errors
/// [`Missing`], as for [`apply`].
pub fn agenda(state: &impl Read) -> Result<Agenda, Missing> {
    let _ = state;
    Ok(Agenda::default())
}
