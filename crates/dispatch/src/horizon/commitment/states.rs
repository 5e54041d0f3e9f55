//! The least cost of one plant under any multipliers, over all ways to be on and off.
//!
//! A dynamic program over interval and state. States are how long the plant has been on or off, as far as that
//! matters. What an interval on costs depends on whether it is the first or the last, since starts and stops limit the
//! power beside them; so it is added when the interval is left. With w the multiplier of the ramp into an interval
//! and v the change of power, −w·v is least over what v can be: between the ramp's limits if the plant stays on, the
//! first power at a start, less the last one at a stop.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "the budget below bounds every sum and product in this file; counts stay within the states"
)]

use super::{
    super::{
        lagrangian::{Coupling, SCALE_BITS, convex, wide},
        limits::{
            CARBON_MAX, DURATION_MAX_S, HORIZON_INTERVALS_MAX, HORIZON_RESOURCES_MAX,
            MULTIPLIER_MAX, POWER_MAX,
        },
    },
    Cycling, Plant,
    limits::COST_MAX,
};

const SCALE: i64 = 1 << SCALE_BITS;
/// Doubled Picos in one nano-currency: 1,000 pico-currency, 3,600 Picos each, doubled.
pub(super) const COST_UNIT: i128 = 7_200_000;

// Overflow budget: an interval's terms, scaled, times its length, and a start and a stop in each, over all intervals;
// then, floored, over all plants.
const _: () = {
    assert!((CARBON_MAX as i128) << SCALE_BITS < i64::MAX as i128);
    let interval = 16 * MULTIPLIER_MAX as i128 * POWER_MAX as i128 + 2 * COST_MAX as i128;
    let all = (interval << SCALE_BITS) * DURATION_MAX_S as i128 * HORIZON_INTERVALS_MAX as i128;
    assert!(all < i128::MAX / 8);
    let cycles = ((2 * COST_MAX as i128) << SCALE_BITS) * COST_UNIT * HORIZON_INTERVALS_MAX as i128;
    assert!(cycles < i128::MAX / 8);
    assert!((all >> SCALE_BITS) < i128::MAX / (8 * HORIZON_RESOURCES_MAX as i128));
};

/// What multipliers charge a plant.
pub(super) struct Charges<'a> {
    pub(super) couplings: &'a [Coupling],
    /// w; empty without a ramp.
    pub(super) ramp: &'a [i64],
    pub(super) duration_s: u32,
    /// Whether it is held, by interval.
    pub(super) held: &'a [Option<bool>],
}

/// Least cost, doubled Picos, floored; `None` where the plant can be in no state.
pub(super) fn least(plant: &Plant, charges: &Charges<'_>) -> Option<i128> {
    let mut path = Path::new(plant, charges);
    for interval in 1..charges.couplings.len() {
        path.step(interval);
    }
    path.end().map(|cost| cost >> SCALE_BITS)
}

/// Least costs up to an interval, its own power left out, by state; `None` where there is no way.
struct Path<'a> {
    plant: &'a Plant,
    charges: &'a Charges<'a>,
    cycling: Cycling,
    /// On for 1, 2, … intervals, the last for as many or more.
    on: Vec<Option<i128>>,
    /// Off likewise.
    off: Vec<Option<i128>>,
    interval: usize,
}

impl<'a> Path<'a> {
    fn new(plant: &'a Plant, charges: &'a Charges<'a>) -> Self {
        let cycling = plant.cycles();
        // The first interval on differs from the others, whatever the least time.
        let on = vec![None; states(cycling.on_min).max(2)];
        let off = vec![None; states(cycling.off_min)];
        let mut path = Self { plant, charges, cycling, on, off, interval: 0 };
        let (may_on, may_off) = path.may(0);
        if cycling.was_on {
            *path.on.last_mut().expect("two states or more") = may_on.then_some(0);
            path.off[0] =
                (may_off && plant.may_stop_at_once()).then(|| path.cost(cycling.stop_cost));
        } else {
            path.on[0] = may_on.then(|| path.cost(cycling.start_cost));
            *path.off.last_mut().expect("one state or more") = may_off.then_some(0);
        }
        path
    }

    fn cost(&self, nano: i64) -> i128 {
        (i128::from(nano) * COST_UNIT) << SCALE_BITS
    }

    /// Whether it may be on, and off, in an interval.
    fn may(&self, interval: usize) -> (bool, bool) {
        let within = |intervals: u32| interval < usize::try_from(intervals).unwrap_or(usize::MAX);
        let held = self.charges.held.get(interval).copied().flatten();
        let (on, off) = (within(self.cycling.held_on), within(self.cycling.held_off));
        (!off && held != Some(false), !on && held != Some(true))
    }

    /// Scaled doubled Picos of being on in the interval so far, and of the change into the next one.
    fn leave(&self, is_first: bool, is_last: bool) -> Option<i128> {
        let (plant, interval) = (self.plant, self.interval);
        let coupling = self.charges.couplings[interval];
        let (lo, hi) = plant.range(interval, is_first, is_last)?;
        let reserve = if plant.ramp.is_some() { coupling.reserve } else { 0 };
        let multiplier = |at: usize| self.charges.ramp.get(at).copied().unwrap_or(0);
        let slope = (2 * plant.linear[interval] - coupling.price + reserve + multiplier(interval)
            - multiplier(interval + 1))
            * SCALE
            + coupling.carbon * plant.carbon_mg_per_kwh
            + coupling.embodied * plant.embodied_mg_per_kwh;
        let power = convex(plant.quadratic * SCALE, slope, lo, hi).minimum;
        let fixed = 2 * i128::from(plant.standing) - wide(reserve, plant.power_max[interval].0);
        Some((power + (fixed << SCALE_BITS)) * i128::from(self.charges.duration_s))
    }

    /// −w·v at its least over changes v from `least` to `most`.
    fn change(&self, interval: usize, least: i64, most: i64) -> i128 {
        let multiplier = self.charges.ramp.get(interval).copied().unwrap_or(0);
        let value = -wide(multiplier, least).max(wide(multiplier, most));
        (value << SCALE_BITS) * i128::from(self.charges.duration_s)
    }

    /// Into the next interval.
    fn step(&mut self, next: usize) {
        let (may_on, may_off) = self.may(next);
        let mut on = vec![None; self.on.len()];
        let mut off = vec![None; self.off.len()];
        // The first interval on, and any later one: staying on, and stopping.
        let stay = self.plant.ramp.map_or(0, |ramp| self.change(next, -ramp.down.0, ramp.up.0));
        let stays =
            [true, false].map(|is_first| self.leave(is_first, false).map(|cost| cost + stay));
        let stops = [true, false].map(|is_first| {
            let (lo, hi) = self.plant.range(self.interval, is_first, true)?;
            let stop = self.cost(self.cycling.stop_cost) + self.change(next, -hi, -lo);
            self.leave(is_first, true).map(|cost| cost + stop)
        });
        let start = self
            .plant
            .range(next, true, false)
            .map(|(lo, hi)| self.cost(self.cycling.start_cost) + self.change(next, lo, hi));
        for (state, cost) in self.on.iter().enumerate() {
            let is_later = usize::from(state > 0);
            if may_on {
                let longer = (state + 1).min(on.len() - 1);
                lower(&mut on[longer], sum(*cost, stays[is_later]));
            }
            if may_off && state + 1 >= states(self.cycling.on_min) {
                lower(&mut off[0], sum(*cost, stops[is_later]));
            }
        }
        for (state, cost) in self.off.iter().enumerate() {
            if may_off {
                let longer = (state + 1).min(off.len() - 1);
                lower(&mut off[longer], *cost);
            }
            if may_on && state + 1 >= states(self.cycling.off_min) {
                lower(&mut on[0], sum(*cost, start));
            }
        }
        (self.on, self.off, self.interval) = (on, off, next);
    }

    fn end(&self) -> Option<i128> {
        let on = self.on.iter().enumerate();
        let on = on.filter_map(|(state, cost)| sum(*cost, self.leave(state == 0, false)));
        on.chain(self.off.iter().copied().flatten()).min()
    }
}

/// States of a least time: at least one.
fn states(time: u32) -> usize {
    usize::try_from(time.max(1)).unwrap_or(usize::MAX)
}

fn sum(one: Option<i128>, other: Option<i128>) -> Option<i128> {
    Some(one? + other?)
}

fn lower(least: &mut Option<i128>, cost: Option<i128>) {
    *least = match (*least, cost) {
        (Some(least), Some(cost)) => Some(least.min(cost)),
        (least, cost) => least.or(cost),
    };
}
