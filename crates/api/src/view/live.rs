//! Messages of the event stream.

use super::event::EventView;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which events a stream carries.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventsQuery {
    /// Topics, separated by commas: `gate`, `market`, `trust`, `bill`. All without it.
    #[param(example = "gate,bill")]
    pub topics: Option<String>,
    /// Number or name of a member: of the events that are about one member, only this one's. Events about a
    /// whole gate pass.
    pub member: Option<String>,
}

/// Data of the message `block`: a finalised block and the events in it that passed the filter, perhaps none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LiveBlock {
    /// Position in the chain; also the message's `id`.
    pub height: u64,
    /// Consensus view it was proposed in.
    pub view: u64,
    /// Wall time.
    pub timestamp_ms: u64,
    /// Ledger time.
    pub ledger_time_s: u64,
    /// Root of the records after it.
    pub state_root: String,
    /// What happened.
    pub events: Vec<EventView>,
}

/// Data of the messages `gap` and `end`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LiveNotice {
    /// Stable name of the case: `too_old`, `too_slow`, `stopping`.
    pub code: String,
    /// What happened and what to do.
    pub message: String,
}
