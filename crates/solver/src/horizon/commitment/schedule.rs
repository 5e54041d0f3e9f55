//! The cheapest way for a plant to be on and off, where each interval on or off has a cost of its own.
//!
//! A dynamic program in floating point, for search only: the exact one is in the check.

use gridaccord_dispatch::horizon::commitment::{Cycling, Plant};

/// Cost of an interval, by whether the plant is on, and of a start and a stop.
pub(super) struct Costs {
    /// On, off.
    pub(super) interval: Vec<(f64, f64)>,
    pub(super) start: f64,
    pub(super) stop: f64,
}

/// The cheapest schedule that keeps least times and what is fixed; `None` where there is none.
pub(super) fn cheapest(plant: &Plant, fixed: &[Option<bool>], costs: &Costs) -> Option<Vec<bool>> {
    let cycling = plant.cycles();
    let steps = Steps::new(&cycling);
    let mut least = vec![f64::INFINITY; steps.count()];
    least[steps.before(cycling.was_on)] = 0.0;
    // How each state of each interval is reached at least cost.
    let mut from: Vec<Vec<usize>> = Vec::with_capacity(fixed.len());
    for (t, fixed) in fixed.iter().enumerate() {
        let within = |time: u32| t < time as usize;
        let is_possible = plant.power_min[t] <= plant.power_max[t];
        let may_on = is_possible && !within(cycling.held_off) && *fixed != Some(false);
        let may_off = !within(cycling.held_on) && *fixed != Some(true);
        let stops = t > 0 || plant.may_stop_at_once();
        let mut next = vec![f64::INFINITY; steps.count()];
        let mut back = vec![usize::MAX; steps.count()];
        for (state, cost) in least.iter().enumerate().filter(|(_, cost)| cost.is_finite()) {
            for is_on in [true, false] {
                let changes = is_on != steps.is_on(state);
                let may = if is_on { may_on } else { may_off && (stops || !changes) };
                let Some(to) = steps.after(state, is_on).filter(|_| may) else { continue };
                let (on, off) = costs.interval[t];
                let cycle = match (changes, is_on) {
                    (true, true) => costs.start,
                    (true, false) => costs.stop,
                    (false, _) => 0.0,
                };
                let total = cost + cycle + if is_on { on } else { off };
                if total < next[to] {
                    (next[to], back[to]) = (total, state);
                }
            }
        }
        least = next;
        from.push(back);
    }
    let (mut state, cost) =
        least.iter().enumerate().min_by(|one, other| one.1.total_cmp(other.1))?;
    if !cost.is_finite() {
        return None;
    }
    let mut on = vec![false; from.len()];
    for t in (0..from.len()).rev() {
        on[t] = steps.is_on(state);
        state = from[t][state];
    }
    Some(on)
}

/// Whether a schedule keeps least times, holds and where the plant can be on.
pub(super) fn keeps(plant: &Plant, on: &[bool]) -> bool {
    let cycling = plant.cycles();
    let steps = Steps::new(&cycling);
    let mut state = steps.before(cycling.was_on);
    for (t, is_on) in on.iter().copied().enumerate() {
        let within = |time: u32| t < time as usize;
        let is_held = (within(cycling.held_on) && !is_on) || (within(cycling.held_off) && is_on);
        let is_possible = !is_on || plant.power_min[t] <= plant.power_max[t];
        match steps.after(state, is_on) {
            Some(next) if is_possible && !is_held => state = next,
            _ => return false,
        }
    }
    true
}

/// States: on for 1, 2, … intervals, the last for as many or more, then off likewise.
struct Steps {
    on: usize,
    off: usize,
}

impl Steps {
    fn new(cycling: &Cycling) -> Self {
        Self { on: cycling.on_min.max(1) as usize, off: cycling.off_min.max(1) as usize }
    }

    const fn count(&self) -> usize {
        self.on + self.off
    }

    const fn is_on(&self, state: usize) -> bool {
        state < self.on
    }

    /// Long on, or long off.
    const fn before(&self, was_on: bool) -> usize {
        if was_on { self.on - 1 } else { self.on + self.off - 1 }
    }

    fn after(&self, state: usize, is_on: bool) -> Option<usize> {
        match (self.is_on(state), is_on) {
            (true, true) => Some((state + 1).min(self.on - 1)),
            (true, false) => (state + 1 == self.on).then_some(self.on),
            (false, false) => Some((state + 1).min(self.count() - 1)),
            (false, true) => (state + 1 == self.count()).then_some(0),
        }
    }
}
