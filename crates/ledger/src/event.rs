//! What a block did: a receipt per command, and the events that members act on.

/// Placeholder of the shape; see the state machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt;
/// Placeholder of the shape; see the state machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event;
