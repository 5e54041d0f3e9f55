//! The parts of a genesis document that a scenario proposes.

use super::{Clock, Market};
use gridaccord_model::{TimeMs, TimeS, scenario::Scenario};
use std::ops::Range;

/// Wall seconds before the first gate opens, for members to find each other.
const START_WALL_S: u64 = 3;
/// How far ahead of a replica's clock a block may be, ms.
const DRIFT_MS: u32 = 2_000;

impl Clock {
    /// A clock on which one of the scenario's periods takes `interval_wall_ms`, from the interval numbered `first` on.
    /// Ledger time starts just before that interval's gate opens.
    #[must_use]
    pub fn of(scenario: &Scenario, first: u32, wall_start: TimeMs, interval_wall_ms: u32) -> Self {
        let period_ms = u64::from(scenario.horizon.period_s).saturating_mul(1_000);
        let speed = period_ms.checked_div(u64::from(interval_wall_ms)).unwrap_or(1).max(1);
        let ahead_s = u64::from(scenario.market.open_lead_s)
            .saturating_add(speed.saturating_mul(START_WALL_S));
        Self {
            ledger_start: TimeS(scenario.interval(first).start.0.saturating_sub(ahead_s)),
            wall_start,
            speed: u32::try_from(speed).unwrap_or(u32::MAX),
            drift_ms: DRIFT_MS,
        }
    }
}

impl Market {
    /// The rhythm of a scenario's gates, for some of its intervals.
    #[must_use]
    pub fn of(scenario: &Scenario, window: Range<u32>) -> Self {
        Self {
            first_start: scenario.interval(window.start).start,
            interval_s: scenario.horizon.interval_s,
            period_s: scenario.horizon.period_s,
            gates: window.end.saturating_sub(window.start),
            open_lead_s: scenario.market.open_lead_s,
            close_lead_s: scenario.market.close_lead_s,
            meter_lag_s: scenario.market.meter_lag_s,
            price_cap: scenario.market.price_cap,
        }
    }
}
