//! The parts of a genesis document that a scenario proposes.

use super::{Clock, Market, Role};
use gridaccord_model::{
    TimeMs, TimeS,
    scenario::{self, Scenario},
};
use std::ops::Range;

/// Wall seconds before the first gate opens, for members to find each other.
const START_WALL_S: u64 = 3;
/// How far ahead of a replica's clock a block may be, ms.
const DRIFT_MS: u32 = 2_000;

impl Clock {
    /// A clock on which one of the scenario's periods takes `interval_wall_ms`, from the interval numbered `first` on.
    #[must_use]
    pub fn of(scenario: &Scenario, first: u32, wall_start: TimeMs, interval_wall_ms: u32) -> Self {
        let period_ms = u64::from(scenario.horizon.period_s).saturating_mul(1_000);
        let speed = period_ms.checked_div(u64::from(interval_wall_ms)).unwrap_or(1).max(1);
        Self::at_speed(scenario, first, wall_start, u32::try_from(speed).unwrap_or(u32::MAX))
    }

    /// A clock of `speed` ledger seconds a wall second. Ledger time starts just before the gate of the interval
    /// numbered `first` opens.
    #[must_use]
    pub fn at_speed(scenario: &Scenario, first: u32, wall_start: TimeMs, speed: u32) -> Self {
        let ahead_s = u64::from(scenario.market.open_lead_s)
            .saturating_add(u64::from(speed).saturating_mul(START_WALL_S));
        Self {
            ledger_start: TimeS(scenario.interval(first).start.0.saturating_sub(ahead_s)),
            wall_start,
            speed,
            drift_ms: DRIFT_MS,
        }
    }
}

impl From<scenario::Role> for Role {
    fn from(role: scenario::Role) -> Self {
        match role {
            scenario::Role::Supplier => Self::Supplier,
            scenario::Role::Storage => Self::StorageOwner,
            scenario::Role::Campus => Self::Campus,
            scenario::Role::Tenant => Self::Tenant,
            scenario::Role::Utility => Self::Utility,
            scenario::Role::Authority => Self::Authority,
            scenario::Role::Certifier => Self::Certifier,
            scenario::Role::Auditor => Self::Auditor,
        }
    }
}

impl Market {
    /// The rhythm of a scenario's gates, for some of its intervals.
    #[must_use]
    pub fn of(scenario: &Scenario, window: Range<u32>) -> Self {
        Self {
            kind: scenario.market.kind,
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
