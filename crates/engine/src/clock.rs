//! Wall time in the ledger's quantum.

use commonware_runtime::Clock;
use gridaccord_model::TimeMs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Wall time of this node, ms since the Unix epoch.
pub(crate) fn now(clock: &impl Clock) -> TimeMs {
    let since = clock.current().duration_since(UNIX_EPOCH).unwrap_or_default();
    TimeMs(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// The same as the runtime counts it; a time past what it can count is the latest it can.
pub(crate) fn system_time(time: TimeMs) -> SystemTime {
    const LATEST: Duration = Duration::from_secs(1 << 40);
    UNIX_EPOCH + Duration::from_millis(time.0).min(LATEST)
}

/// How far a node's clock is ahead of its runtime's, ms; behind where negative. Only simulations have one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Skew(pub(crate) i64);

impl Skew {
    /// What the node's clock shows.
    pub(crate) fn now(self, clock: &impl Clock) -> TimeMs {
        TimeMs(now(clock).0.saturating_add_signed(self.0))
    }

    /// When, by the runtime's clock, the node's shows this.
    pub(crate) fn system_time(self, time: TimeMs) -> SystemTime {
        system_time(TimeMs(time.0.saturating_add_signed(self.0.saturating_neg())))
    }
}

/// A time some milliseconds later.
pub(crate) const fn after(time: TimeMs, ms: u64) -> TimeMs {
    TimeMs(time.0.saturating_add(ms))
}
