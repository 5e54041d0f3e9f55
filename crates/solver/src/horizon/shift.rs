//! Shiftable loads: consumption that may choose its time, one variable an interval and one sum over all.

use super::{
    blocks::{Charges, Measured, Reaction, Sums, gather, pairs},
    cell::{Cell, Reach, Taken, Target},
    lanes::{Lanes, WIDTH},
};

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ShiftCell {
    pub(super) power: Cell,
    hi: Lanes,
    predicted: Lanes,
}

/// Up to eight loads.
#[derive(Clone, Debug)]
pub(super) struct Shift {
    pub(super) cells: Vec<ShiftCell>,
    /// Number of the first.
    first: usize,
    count: usize,
}

/// Greatest powers of a load, and their sum.
#[derive(Clone, Debug)]
pub(super) struct ShiftSpec {
    pub(super) hi: Vec<f64>,
    pub(super) sum: f64,
}

impl Shift {
    pub(super) fn new(first: usize, specs: &[ShiftSpec], size: usize, mu: f64) -> Self {
        // Spread as evenly as the window allows.
        let shares: Vec<f64> = specs
            .iter()
            .map(|spec| spec.sum / spec.hi.iter().sum::<f64>().max(f64::MIN_POSITIVE))
            .collect();
        let share = gather(&shares, |share| share.min(1.0));
        let cells = (0..size).map(|t| {
            let hi = gather(specs, |spec| spec.hi[t]);
            let power = Cell::start(hi * share, Lanes::ZERO, hi, mu);
            ShiftCell { power, hi, predicted: Lanes::ZERO }
        });
        Self { cells: cells.collect(), first, count: specs.len() }
    }

    pub(super) fn pairs(&self) -> usize {
        self.cells.iter().map(|cell| pairs(Lanes::ZERO, cell.hi)).sum()
    }

    /// Places one load at the given powers.
    pub(super) fn place(&mut self, lane: usize, powers: &[f64], charges: &Charges, mu: f64) {
        let value = charges.shift[self.first + lane];
        for (t, (cell, power)) in self.cells.iter_mut().zip(powers).enumerate() {
            let bounds = (0.0, cell.hi.0[lane]);
            cell.power.place(lane, *power, bounds, value + charges.price[t], mu);
        }
    }

    /// φ of each lane.
    #[inline(always)]
    fn multipliers(&self, charges: &Charges) -> Lanes {
        gather(&charges.shift[self.first..self.first + self.count], |value| *value)
    }

    #[inline(always)]
    fn add(&self, lists: &mut [f64], lanes: Lanes) {
        let own = &mut lists[self.first..self.first + self.count];
        own.iter_mut().zip(lanes.0).for_each(|(sum, lane)| *sum += lane);
    }

    #[inline(always)]
    pub(super) fn advance(
        &mut self,
        (aim, now): (&Charges, &Charges),
        taken: &Taken,
        (sums, change): (&mut Sums, &mut Sums),
        reaction: &mut Reaction,
    ) -> Measured {
        let mut measured = Measured::default();
        let (aimed, own) = (self.multipliers(aim), self.multipliers(now));
        let (mut sum, mut step_sum, mut stiffness) = (Lanes::ZERO, Lanes::ZERO, Lanes::ZERO);
        for t in 0..self.cells.len() {
            let mut cell = self.cells[t];
            let barrier = cell.power.barrier(Lanes::ZERO, cell.hi);
            let pull = cell.power.pull(&barrier, taken.target, cell.predicted);
            let dx = (pull - aimed - aim.price[t]) / barrier.curvature;
            cell.power.advance(&barrier, taken, cell.predicted, dx);
            self.cells[t].power = cell.power;
            let x = cell.power.x;
            measured.gap += cell.power.gap(Lanes::ZERO, cell.hi);
            sums.free[t] -= x;
            sum += x;
            let barrier = cell.power.barrier(Lanes::ZERO, cell.hi);
            let yielding = Lanes::splat(1.0) / barrier.curvature;
            reaction.diagonal[t] += yielding;
            for lane in 0..self.count.min(WIDTH) {
                reaction.shift[self.first + lane].0[t] = -yielding.0[lane];
            }
            stiffness += yielding;
            let step = -((own + now.price[t]) * yielding);
            change.free[t] -= step;
            step_sum += step;
        }
        self.add(&mut sums.shift, sum);
        self.add(&mut change.shift, step_sum);
        for lane in 0..self.count.min(WIDTH) {
            reaction.shift[self.first + lane].1 = stiffness.0[lane];
        }
        measured
    }

    #[inline(always)]
    pub(super) fn predict(&mut self, aim: &Charges, reach: &mut Reach) {
        let aimed = self.multipliers(aim);
        for (cell, price) in self.cells.iter_mut().zip(&aim.price) {
            let barrier = cell.power.barrier(Lanes::ZERO, cell.hi);
            let dx = -((aimed + *price) / barrier.curvature);
            cell.power.predict(&barrier, dx, reach);
            cell.predicted = dx;
        }
    }

    #[inline(always)]
    pub(super) fn respond(&self, now: &Charges, target: Target, change: &mut Sums) {
        let own = self.multipliers(now);
        let mut sum = Lanes::ZERO;
        for (t, cell) in self.cells.iter().enumerate() {
            let barrier = cell.power.barrier(Lanes::ZERO, cell.hi);
            let pull = cell.power.pull(&barrier, target, cell.predicted);
            let step = (pull - own - now.price[t]) / barrier.curvature;
            change.free[t] -= step;
            sum += step;
        }
        self.add(&mut change.shift, sum);
    }

    #[inline(always)]
    pub(super) fn correct(&self, aim: &Charges, target: Target, reach: &mut Reach) {
        let aimed = self.multipliers(aim);
        for (cell, price) in self.cells.iter().zip(&aim.price) {
            let barrier = cell.power.barrier(Lanes::ZERO, cell.hi);
            let pull = cell.power.pull(&barrier, target, cell.predicted);
            let dx = (pull - aimed - *price) / barrier.curvature;
            cell.power.reach(&barrier, target, cell.predicted, dx, reach);
        }
    }
}
