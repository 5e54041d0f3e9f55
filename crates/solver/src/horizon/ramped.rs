//! Generators with ramp limits: power, and its change from the interval before, eight at a time.
//!
//! Eliminating the change leaves a tridiagonal system in the power.

use super::{
    blocks::{BOUNDARIES, Charges, Measured, Reaction, Sums, Work, emits, gather, pairs},
    cell::{Cell, Reach, Taken, Target},
    lanes::Lanes,
    linear::{Elimination, Pivot},
};

#[derive(Clone, Copy, Debug, Default)]
struct RampedCell {
    power: Cell,
    lo: Lanes,
    hi: Lanes,
    change: Cell,
    dx: Lanes,
    predicted: Lanes,
}

/// Up to eight generators.
#[derive(Clone, Debug)]
pub(super) struct Ramped {
    cells: Vec<RampedCell>,
    system: Vec<Pivot>,
    quadratic: Lanes,
    linear: Lanes,
    carbon: [Lanes; BOUNDARIES],
    emits: [bool; BOUNDARIES],
    initial: Lanes,
    /// Bounds of the change.
    least: Lanes,
    most: Lanes,
    /// One for a lane in use, else zero.
    used: Lanes,
}

/// One generator.
#[derive(Clone, Debug)]
pub(super) struct RampedSpec {
    pub(super) x: Vec<f64>,
    pub(super) lo: Vec<f64>,
    pub(super) hi: Vec<f64>,
    pub(super) quadratic: f64,
    pub(super) linear: f64,
    pub(super) carbon: [f64; BOUNDARIES],
    pub(super) initial: f64,
    pub(super) down: f64,
    pub(super) up: f64,
}

/// Steps of a change, from those of powers.
struct Change {
    predicted: Lanes,
    dx: Lanes,
}

impl RampedCell {
    /// Whatever the change is off the difference of powers, a full step closes.
    #[inline(always)]
    fn change(&self, before: (Lanes, Lanes, Lanes)) -> Change {
        let slack = self.power.x - before.0 - self.change.x;
        Change { predicted: self.predicted - before.1 + slack, dx: self.dx - before.2 + slack }
    }
}

impl Ramped {
    pub(super) fn new(specs: &[RampedSpec], size: usize, mu: f64) -> Self {
        let least = -gather(specs, |spec| spec.down);
        let most = gather(specs, |spec| spec.up);
        let cells = (0..size).map(|t| {
            let (lo, hi) = (gather(specs, |spec| spec.lo[t]), gather(specs, |spec| spec.hi[t]));
            RampedCell {
                power: Cell::start(gather(specs, |spec| spec.x[t]), lo, hi, mu),
                lo,
                hi,
                change: Cell::start(Lanes::ZERO, least, most, mu),
                ..RampedCell::default()
            }
        });
        let carbon = std::array::from_fn(|boundary| gather(specs, |spec| spec.carbon[boundary]));
        Self {
            cells: cells.collect(),
            system: vec![Pivot::default(); size],
            quadratic: gather(specs, |spec| spec.quadratic),
            linear: gather(specs, |spec| spec.linear),
            carbon,
            emits: emits(&carbon),
            initial: gather(specs, |spec| spec.initial),
            least,
            most,
            used: gather(specs, |_| 1.0),
        }
    }

    pub(super) fn pairs(&self) -> usize {
        let own: usize = self.cells.iter().map(|cell| pairs(cell.lo, cell.hi)).sum();
        own + self.cells.len() * pairs(self.least, self.most)
    }

    pub(super) fn power(&self, lane: usize) -> impl Iterator<Item = f64> {
        self.cells.iter().map(move |cell| cell.power.x.0[lane])
    }

    /// Multipliers of the ramps into each interval.
    pub(super) fn ramp(&self, lane: usize) -> impl Iterator<Item = f64> {
        self.cells.iter().map(move |cell| cell.change.z_hi.0[lane] - cell.change.z_lo.0[lane])
    }

    /// Places one generator at the given powers and multipliers of its ramps.
    pub(super) fn place(
        &mut self,
        lane: usize,
        powers: &[f64],
        ramp: &[f64],
        charges: &Charges,
        mu: f64,
    ) {
        let mut before = self.initial.0[lane];
        let changes = (self.least.0[lane], self.most.0[lane]);
        for (t, power) in powers.iter().enumerate() {
            let next = ramp.get(t + 1).copied().unwrap_or(0.0);
            let slope = self.slope(Lanes::splat(*power), charges, t).0[lane] + ramp[t] - next;
            let cell = &mut self.cells[t];
            let bounds = (cell.lo.0[lane], cell.hi.0[lane]);
            cell.power.place(lane, *power, bounds, slope, mu);
            cell.change.place(lane, power - before, changes, -ramp[t], mu);
            before = *power;
        }
    }

    #[inline(always)]
    fn slope(&self, x: Lanes, charges: &Charges, t: usize) -> Lanes {
        self.linear + self.quadratic * x - (charges.price[t] - charges.reserve[t])
            + charges.emission(self.emits, &self.carbon, t)
    }

    #[inline(always)]
    fn take(&mut self, taken: &Taken, work: &mut Work) -> Lanes {
        let zero = Lanes::ZERO;
        let (mut before, mut gap) = ((self.initial, zero, zero), zero);
        for (cell, barriers) in self.cells.iter_mut().zip(&mut work.scale) {
            let change = cell.change(before);
            before = (cell.power.x, cell.predicted, cell.dx);
            let barrier = cell.change.barrier(self.least, self.most);
            cell.change.advance(&barrier, taken, change.predicted, change.dx);
            let barrier = cell.power.barrier(cell.lo, cell.hi);
            cell.power.advance(&barrier, taken, cell.predicted, cell.dx);
            gap += cell.change.gap(self.least, self.most) + cell.power.gap(cell.lo, cell.hi);
            *barriers = cell.change.barrier(self.least, self.most).curvature;
        }
        gap
    }

    /// Takes the step, measures, factors and answers multipliers as they are.
    #[inline(always)]
    pub(super) fn advance(
        &mut self,
        now: &Charges,
        taken: &Taken,
        (sums, change): (&mut Sums, &mut Sums),
        reaction: &mut Reaction,
        work: &mut Work,
    ) -> Measured {
        let mut measured = Measured { gap: self.take(taken, work), ..Measured::default() };
        let size = self.cells.len();
        // What the change into each interval is stiff by.
        let Work { scale: stiff, right, ones, inverses, .. } = work;
        let mut before = self.initial;
        let mut elimination = Elimination::default();
        for t in 0..size {
            let cell = &self.cells[t];
            let x = cell.power.x;
            measured.cost += (self.quadratic * x * 0.5 + self.linear) * x;
            sums.memory[t] += x;
            sums.emit(self.emits, &self.carbon, t, x);
            let curvature = cell.power.barrier(cell.lo, cell.hi).curvature;
            let slack = x - before - cell.change.x;
            let mut diagonal = self.quadratic + curvature + stiff[t];
            let mut pull = -(self.slope(x, now, t) + stiff[t] * slack);
            let mut off = Lanes::ZERO;
            if t + 1 < size {
                let next = &self.cells[t + 1];
                diagonal += stiff[t + 1];
                pull += stiff[t + 1] * (next.power.x - x - next.change.x);
                off = -stiff[t + 1];
            }
            let (pivot, earlier) = elimination.pivot(diagonal, off);
            self.system[t] = pivot;
            inverses.diagonal[t] = diagonal;
            inverses.off[t] = off;
            let (right_before, ones_before) =
                if t > 0 { (right[t - 1], ones[t - 1]) } else { (Lanes::ZERO, Lanes::ZERO) };
            right[t] = pull - earlier * right_before;
            ones[t] = self.used - earlier * ones_before;
            before = x;
        }
        let (mut after, mut one_after) = (Lanes::ZERO, Lanes::ZERO);
        for t in (0..size).rev() {
            let pivot = self.system[t];
            after = right[t] * pivot.inverse - pivot.ratio * after;
            one_after = ones[t] * pivot.inverse - pivot.ratio * one_after;
            change.memory[t] += after;
            change.emit(self.emits, &self.carbon, t, after);
            self.react(reaction, t, one_after);
        }
        inverses.invert(&self.system, None, self.used);
        reaction.matrix.add(inverses);
        if let Some(intervals) = &mut reaction.intervals {
            let carbon = self.carbon[intervals.boundary];
            inverses.weigh(carbon);
            intervals.supply.add(inverses);
            inverses.weigh(carbon);
            intervals.carbon.add(inverses);
        }
        measured
    }

    /// Adds the reaction to a boundary's multiplier; it is that to a unit of price, since carbon per power is the
    /// same in all intervals.
    #[inline(always)]
    fn react(&self, reaction: &mut Reaction, t: usize, unit: Lanes) {
        for boundary in 0..BOUNDARIES {
            if self.emits[boundary] {
                let step = self.carbon[boundary] * unit;
                reaction.supply_carbon[boundary][t] += step;
                reaction.reserved_carbon[boundary][t] += step;
                reaction.carbon[2 * boundary] += self.carbon[boundary] * step;
            }
        }
        if self.emits == [true; BOUNDARIES] {
            reaction.carbon[1] += self.carbon[0] * self.carbon[1] * unit;
        }
        if let Some(intervals) = &mut reaction.intervals {
            let own = self.carbon[intervals.boundary] * unit;
            for (list, carbon) in intervals.horizon.iter_mut().zip(&self.carbon) {
                list[t] += own * *carbon;
            }
        }
    }

    /// Steps of the power at the given multipliers, left in `work.right`.
    #[inline(always)]
    fn solve(&self, charges: &Charges, target: Option<Target>, work: &mut Work) {
        let right = &mut work.right;
        let zero = Lanes::ZERO;
        let mut before = (self.initial, zero);
        let (mut own, mut earlier, mut value) = (zero, zero, zero);
        for t in 0..self.cells.len() {
            let cell = &self.cells[t];
            let x = cell.power.x;
            let barrier = cell.change.barrier(self.least, self.most);
            let slack = x - before.0 - cell.change.x;
            let mut pull = -(barrier.curvature * slack);
            let mut next = -self.slope(x, charges, t);
            if let Some(target) = target {
                pull += cell.change.pull(&barrier, target, cell.predicted - before.1 + slack);
                let barrier = cell.power.barrier(cell.lo, cell.hi);
                next += cell.power.pull(&barrier, target, cell.predicted);
            }
            // What pulls this power up pulls the one before down.
            if t > 0 {
                value = own - pull - earlier * value;
                right[t - 1] = value;
                earlier = self.system[t - 1].ratio;
            }
            own = next + pull;
            before = (x, cell.predicted);
        }
        if let Some(last) = right.last_mut() {
            *last = own - earlier * value;
        }
        let mut after = zero;
        for (right, pivot) in right.iter_mut().zip(&self.system).rev() {
            after = *right * pivot.inverse - pivot.ratio * after;
            *right = after;
        }
    }

    #[inline(always)]
    pub(super) fn predict(&mut self, aim: &Charges, reach: &mut Reach, work: &mut Work) {
        self.solve(aim, None, work);
        let zero = Lanes::ZERO;
        let mut before = (self.initial, zero, zero);
        for (cell, step) in self.cells.iter_mut().zip(&work.right) {
            cell.predicted = *step;
            let change = cell.change(before);
            let barrier = cell.change.barrier(self.least, self.most);
            cell.change.predict(&barrier, change.predicted, reach);
            let barrier = cell.power.barrier(cell.lo, cell.hi);
            cell.power.predict(&barrier, cell.predicted, reach);
            before = (cell.power.x, cell.predicted, zero);
        }
    }

    #[inline(always)]
    pub(super) fn respond(
        &self,
        now: &Charges,
        target: Target,
        change: &mut Sums,
        work: &mut Work,
    ) {
        self.solve(now, Some(target), work);
        for (t, step) in work.right.iter().enumerate() {
            change.memory[t] += *step;
            change.emit(self.emits, &self.carbon, t, *step);
        }
    }

    #[inline(always)]
    pub(super) fn correct(
        &mut self,
        aim: &Charges,
        target: Target,
        reach: &mut Reach,
        work: &mut Work,
    ) {
        self.solve(aim, Some(target), work);
        let zero = Lanes::ZERO;
        let mut before = (self.initial, zero, zero);
        for (cell, step) in self.cells.iter_mut().zip(&work.right) {
            cell.dx = *step;
            let change = cell.change(before);
            let barrier = cell.change.barrier(self.least, self.most);
            cell.change.reach(&barrier, target, change.predicted, change.dx, reach);
            let barrier = cell.power.barrier(cell.lo, cell.hi);
            cell.power.reach(&barrier, target, cell.predicted, cell.dx, reach);
            before = (cell.power.x, cell.predicted, cell.dx);
        }
    }
}
