//! A member's rulebook: what it offers, needs and dares, without being asked each time.

use gridaccord_model::{GateId, Interval, Need, Offer};

/// What a member does about a gate. Evaluated when the gate opens, and again when its resource is lost or back.
pub trait Rulebook: Send {
    /// The offer of its resource, if it has one.
    fn offer(&self, gate: GateId, interval: Interval) -> Option<Offer>;

    /// The consumption of its loads, if it has any.
    fn need(&self, gate: GateId, interval: Interval) -> Option<Need>;

    /// Trust tokens it stakes for a seat, where the gate asks for at least `wager_min`; `None` to stay out.
    fn wager(&self, gate: GateId, wager_min: u64) -> Option<u64>;
}
