//! Where a member's equipment stands when it posts for a horizon: what is stored, what was consumed, what is decided.

use gridaccord_field::Device;
use gridaccord_ledger::genesis::Market;
use gridaccord_model::{Interval, TimeS, Watts, horizon::StorageOffer};
use std::collections::BTreeMap;

/// Intervals further back that a state of charge is looked for where the meter does not know the last one yet.
const LOOK_BACK: u64 = 12;

/// What an agent knows of its equipment when it posts for a gate.
#[derive(Clone, Copy)]
pub struct Standing<'a> {
    pub(crate) device: &'a dyn Device,
    /// The member's own, by start of their interval; of a gate without a plan, the last safe one.
    pub(crate) set_points: &'a BTreeMap<TimeS, Watts>,
    pub(crate) market: &'a Market,
    /// Of the gate.
    pub(crate) interval: Interval,
}

impl core::fmt::Debug for Standing<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Standing").field("interval", &self.interval).finish_non_exhaustive()
    }
}

impl Standing<'_> {
    /// What a storage will have stored at the gate's interval's start, µWh: measured, and what the set points between
    /// make of it.
    ///
    /// Measured is what it had when the gate opened, so that the figure does not depend on when a block came; or later,
    /// where a restart forgot a set point since. Where an interval between has no plan yet, the one before is taken to
    /// hold. `storage` says what it started with.
    #[must_use]
    pub fn stored_uwh(&self, storage: &StorageOffer) -> i64 {
        let opened = self.interval.start.0.saturating_sub(u64::from(self.market.open_lead_s));
        let known = self.number(TimeS(opened));
        let measured = (known.saturating_sub(LOOK_BACK)..=known).rev().find_map(|number| {
            Some((number, self.device.stored_uwh(self.interval_of(number).start)?))
        });
        let (first, mut stored) = measured.unwrap_or((0, storage.stored_uwh));
        for number in first..self.number(self.interval.start) {
            let Interval { start, duration_s } = self.interval_of(number);
            if !self.set_points.contains_key(&start)
                && let Some(after) = self.device.stored_uwh(self.interval_of(number + 1).start)
            {
                stored = after;
                continue;
            }
            let set_point = self.set_points.range(..=start).next_back();
            let asked = set_point.map_or(Watts::ZERO, |(_, power)| *power);
            let power = storage.held(stored, asked, duration_s);
            let (charge, discharge) =
                (Watts(power.0.min(0).saturating_neg()), Watts(power.0.max(0)));
            stored = storage.after(stored, charge, discharge, duration_s);
        }
        stored
    }

    /// What the member's loads consume or consumed in an interval: by its set point, or else by its meter. `None` where
    /// neither says.
    #[must_use]
    pub fn consumption(&self, interval: Interval) -> Option<Watts> {
        if let Some(power) = self.set_points.get(&interval.start) {
            return Some(Watts(power.0.saturating_neg()));
        }
        let absorbed = self.device.measure(interval)?.absorbed.0;
        absorbed.checked_div(i64::from(interval.duration_s)).map(Watts)
    }

    /// The chain's interval that a time falls in, 0 before the first.
    fn number(&self, time: TimeS) -> u64 {
        let elapsed = time.0.saturating_sub(self.market.first_start.0);
        elapsed.checked_div(u64::from(self.market.period_s)).unwrap_or(0)
    }

    fn interval_of(&self, number: u64) -> Interval {
        let offset = number.saturating_mul(u64::from(self.market.period_s));
        Interval {
            start: TimeS(self.market.first_start.0.saturating_add(offset)),
            duration_s: self.market.interval_s,
        }
    }
}
