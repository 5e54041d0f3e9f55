//! What packs of resources and the couplings say to each other, and the packs without memory.
//!
//! An iteration goes through every pack four times, each time in one stream of memory: take the last step, measure,
//! factor and answer the multipliers as they are (`advance`); the predictor's step once multipliers have moved
//! (`predict`); the answer to the corrector's target (`respond`); its step (`correct`).

use super::{
    cell::{Cell, Reach, Taken, Target},
    lanes::{Lanes, WIDTH},
    linear::{Inverses, Symmetric},
};

/// Boundaries of carbon.
pub(super) const BOUNDARIES: usize = 2;

/// Multipliers of the couplings, as each resource is charged.
#[derive(Clone, Debug, Default)]
pub(super) struct Charges {
    pub(super) price: Vec<f64>,
    pub(super) reserve: Vec<f64>,
    /// Of carbon within each boundary: over the horizon and of the interval together.
    pub(super) carbon: [Vec<f64>; BOUNDARIES],
    /// φ of each shiftable load.
    pub(super) shift: Vec<f64>,
}

impl Charges {
    /// What a pack pays for its carbon per power, less than all of it where it emits nothing.
    #[inline(always)]
    pub(super) fn emission(
        &self,
        emits: [bool; BOUNDARIES],
        carbon: &[Lanes; 2],
        t: usize,
    ) -> Lanes {
        let mut charge = Lanes::ZERO;
        for boundary in 0..BOUNDARIES {
            if emits[boundary] {
                charge += carbon[boundary] * self.carbon[boundary][t];
            }
        }
        charge
    }
}

/// What resources contribute to the couplings, or change of it, by interval and lane.
#[derive(Clone, Debug)]
pub(super) struct Sums {
    /// Supply of those without memory, which provide no reserve.
    pub(super) free: Vec<Lanes>,
    /// Supply of those with memory.
    pub(super) memory: Vec<Lanes>,
    pub(super) carbon: [Vec<Lanes>; BOUNDARIES],
    /// Consumption of each shiftable load.
    pub(super) shift: Vec<f64>,
}

impl Sums {
    pub(super) fn new(size: usize, loads: usize) -> Self {
        let zero = vec![Lanes::ZERO; size];
        Self {
            free: zero.clone(),
            memory: zero.clone(),
            carbon: [zero.clone(), zero],
            shift: vec![0.0; loads],
        }
    }

    pub(super) fn clear(&mut self) {
        self.free.fill(Lanes::ZERO);
        self.memory.fill(Lanes::ZERO);
        self.carbon.iter_mut().for_each(|carbon| carbon.fill(Lanes::ZERO));
        self.shift.fill(0.0);
    }

    #[inline(always)]
    pub(super) fn emit(
        &mut self,
        emits: [bool; BOUNDARIES],
        carbon: &[Lanes; BOUNDARIES],
        t: usize,
        power: Lanes,
    ) {
        for boundary in 0..BOUNDARIES {
            if emits[boundary] {
                self.carbon[boundary][t] += carbon[boundary] * power;
            }
        }
    }
}

/// How all resources together react to the multipliers.
#[derive(Clone, Debug)]
pub(super) struct Reaction {
    /// Supply of those with memory to the price.
    pub(super) matrix: Symmetric,
    /// Supply of everybody else to the price of the same interval.
    pub(super) diagonal: Vec<Lanes>,
    /// Supply, and reserved power, to less of a boundary's multiplier over the horizon.
    pub(super) supply_carbon: [Vec<Lanes>; BOUNDARIES],
    pub(super) reserved_carbon: [Vec<Lanes>; BOUNDARIES],
    /// Carbon of one boundary to the other's multiplier: both of the first, both, both of the second.
    pub(super) carbon: [Lanes; 3],
    /// The same by interval, where a boundary has caps of intervals.
    pub(super) intervals: Option<Intervals>,
    /// Supply of each shiftable load to less of its φ, and its consumption.
    pub(super) shift: Vec<(Vec<f64>, f64)>,
}

/// Reaction to each interval's carbon multiplier within one boundary.
#[derive(Clone, Debug)]
pub(super) struct Intervals {
    pub(super) boundary: usize,
    /// Supply of those with memory, of those without.
    pub(super) supply: Symmetric,
    pub(super) supply_free: Vec<Lanes>,
    /// Carbon of those with memory, of those without.
    pub(super) carbon: Symmetric,
    pub(super) carbon_free: Vec<Lanes>,
    /// Carbon of each interval to each boundary's multiplier over the horizon.
    pub(super) horizon: [Vec<Lanes>; BOUNDARIES],
}

impl Intervals {
    pub(super) fn new(boundary: usize, size: usize) -> Self {
        let zero = vec![Lanes::ZERO; size];
        Self {
            boundary,
            supply: Symmetric::new(size),
            supply_free: zero.clone(),
            carbon: Symmetric::new(size),
            carbon_free: zero.clone(),
            horizon: [zero.clone(), zero],
        }
    }

    fn clear(&mut self) {
        self.supply.clear();
        self.carbon.clear();
        for list in
            [&mut self.supply_free, &mut self.carbon_free].into_iter().chain(&mut self.horizon)
        {
            list.fill(Lanes::ZERO);
        }
    }
}

impl Reaction {
    pub(super) fn new(size: usize, intervals: Option<usize>, loads: usize) -> Self {
        let zero = vec![Lanes::ZERO; size];
        Self {
            matrix: Symmetric::new(size),
            diagonal: zero.clone(),
            supply_carbon: [zero.clone(), zero.clone()],
            reserved_carbon: [zero.clone(), zero],
            carbon: [Lanes::ZERO; 3],
            intervals: intervals.map(|boundary| Intervals::new(boundary, size)),
            shift: vec![(vec![0.0; size], 0.0); loads],
        }
    }

    pub(super) fn clear(&mut self) {
        self.matrix.clear();
        self.diagonal.fill(Lanes::ZERO);
        for list in self.supply_carbon.iter_mut().chain(&mut self.reserved_carbon) {
            list.fill(Lanes::ZERO);
        }
        self.carbon = [Lanes::ZERO; 3];
        if let Some(intervals) = &mut self.intervals {
            intervals.clear();
        }
    }

    /// Adds a variable without memory that gives way by `yielding` and emits.
    #[inline(always)]
    pub(super) fn add_free(
        &mut self,
        emits: [bool; BOUNDARIES],
        carbon: &[Lanes; BOUNDARIES],
        t: usize,
        yielding: Lanes,
    ) {
        self.diagonal[t] += yielding;
        for boundary in 0..BOUNDARIES {
            if emits[boundary] {
                let carbon_step = carbon[boundary] * yielding;
                self.supply_carbon[boundary][t] += carbon_step;
                self.carbon[2 * boundary] += carbon_step * carbon[boundary];
            }
        }
        if emits == [true; BOUNDARIES] {
            self.carbon[1] += carbon[0] * carbon[1] * yielding;
        }
        if let Some(intervals) = &mut self.intervals {
            let own = carbon[intervals.boundary];
            let carbon_step = own * yielding;
            intervals.supply_free[t] += carbon_step;
            intervals.carbon_free[t] += carbon_step * own;
            for (list, carbon) in intervals.horizon.iter_mut().zip(carbon) {
                list[t] += carbon_step * *carbon;
            }
        }
    }
}

/// Lists that every pack uses in turn, one entry per interval.
#[derive(Clone, Debug)]
pub(super) struct Work {
    pub(super) right: Vec<Lanes>,
    pub(super) ones: Vec<Lanes>,
    pub(super) base: Vec<Lanes>,
    pub(super) scale: Vec<Lanes>,
    pub(super) inverses: Inverses,
}

impl Work {
    pub(super) fn new(size: usize) -> Self {
        let zero = vec![Lanes::ZERO; size];
        Self {
            right: zero.clone(),
            ones: zero.clone(),
            base: zero.clone(),
            scale: zero,
            inverses: Inverses::new(size),
        }
    }
}

/// Cost and complementarity of a pack.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Measured {
    pub(super) cost: Lanes,
    pub(super) gap: Lanes,
}

impl Measured {
    #[inline(always)]
    pub(super) fn add(&mut self, other: Self) {
        self.cost += other.cost;
        self.gap += other.gap;
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FreeCell {
    pub(super) power: Cell,
    lo: Lanes,
    hi: Lanes,
    linear: Lanes,
    predicted: Lanes,
}

/// Generators without ramp limit, tiers, or exports (as negative supply): one variable each, no memory.
#[derive(Clone, Debug)]
pub(super) struct Free {
    pub(super) cells: Vec<FreeCell>,
    quadratic: Lanes,
    carbon: [Lanes; BOUNDARIES],
    emits: [bool; BOUNDARIES],
}

/// One resource of a pack without memory.
#[derive(Clone, Debug)]
pub(super) struct FreeSpec {
    pub(super) x: Vec<f64>,
    pub(super) lo: Vec<f64>,
    pub(super) hi: Vec<f64>,
    pub(super) linear: Vec<f64>,
    pub(super) quadratic: f64,
    /// Zero for a boundary without a cap.
    pub(super) carbon: [f64; BOUNDARIES],
}

/// One value of each resource; zero for lanes without.
#[inline(always)]
pub(super) fn gather<S>(specs: &[S], value: impl Fn(&S) -> f64) -> Lanes {
    let mut lanes = Lanes::ZERO;
    for (lane, spec) in lanes.0.iter_mut().zip(specs) {
        *lane = value(spec);
    }
    lanes
}

/// Which boundaries any lane emits within.
pub(super) fn emits(carbon: &[Lanes; BOUNDARIES]) -> [bool; BOUNDARIES] {
    carbon.map(|lanes| lanes != Lanes::ZERO)
}

impl Free {
    /// Up to eight resources.
    pub(super) fn new(specs: &[FreeSpec], size: usize, mu: f64) -> Self {
        let cells = (0..size).map(|t| {
            let (lo, hi) = (gather(specs, |spec| spec.lo[t]), gather(specs, |spec| spec.hi[t]));
            let power = Cell::start(gather(specs, |spec| spec.x[t]), lo, hi, mu);
            let linear = gather(specs, |spec| spec.linear[t]);
            FreeCell { power, lo, hi, linear, predicted: Lanes::ZERO }
        });
        let carbon = std::array::from_fn(|boundary| gather(specs, |spec| spec.carbon[boundary]));
        Self {
            cells: cells.collect(),
            quadratic: gather(specs, |spec| spec.quadratic),
            carbon,
            emits: emits(&carbon),
        }
    }

    /// Pairs of bound and multiplier.
    pub(super) fn pairs(&self) -> usize {
        self.cells.iter().map(|cell| pairs(cell.lo, cell.hi)).sum()
    }

    /// Places one resource at the given powers.
    pub(super) fn place(&mut self, lane: usize, powers: &[f64], charges: &Charges, mu: f64) {
        for (t, power) in powers.iter().enumerate() {
            self.cells[t].power.x.0[lane] = *power;
            let slope = self.slope(&self.cells[t], charges, t).0[lane];
            let cell = &mut self.cells[t];
            let bounds = (cell.lo.0[lane], cell.hi.0[lane]);
            cell.power.x.0[lane] = bounds.0;
            cell.power.place(lane, *power, bounds, slope, mu);
        }
    }

    #[inline(always)]
    fn slope(&self, cell: &FreeCell, charges: &Charges, t: usize) -> Lanes {
        cell.linear + self.quadratic * cell.power.x - charges.price[t]
            + charges.emission(self.emits, &self.carbon, t)
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
        for t in 0..self.cells.len() {
            let mut cell = self.cells[t];
            let barrier = cell.power.barrier(cell.lo, cell.hi);
            let pull = cell.power.pull(&barrier, taken.target, cell.predicted);
            let dx = (pull - self.slope(&cell, aim, t)) / (self.quadratic + barrier.curvature);
            cell.power.advance(&barrier, taken, cell.predicted, dx);
            self.cells[t].power = cell.power;
            let x = cell.power.x;
            measured.gap += cell.power.gap(cell.lo, cell.hi);
            measured.cost += (self.quadratic * x * 0.5 + cell.linear) * x;
            sums.free[t] += x;
            sums.emit(self.emits, &self.carbon, t, x);
            let barrier = cell.power.barrier(cell.lo, cell.hi);
            let yielding = Lanes::splat(1.0) / (self.quadratic + barrier.curvature);
            reaction.add_free(self.emits, &self.carbon, t, yielding);
            let step = -(self.slope(&cell, now, t) * yielding);
            change.free[t] += step;
            change.emit(self.emits, &self.carbon, t, step);
        }
        measured
    }

    #[inline(always)]
    pub(super) fn predict(&mut self, aim: &Charges, reach: &mut Reach) {
        for t in 0..self.cells.len() {
            let cell = self.cells[t];
            let barrier = cell.power.barrier(cell.lo, cell.hi);
            let dx = -(self.slope(&cell, aim, t) / (self.quadratic + barrier.curvature));
            cell.power.predict(&barrier, dx, reach);
            self.cells[t].predicted = dx;
        }
    }

    #[inline(always)]
    pub(super) fn respond(&self, now: &Charges, target: Target, change: &mut Sums) {
        for (t, cell) in self.cells.iter().enumerate() {
            let barrier = cell.power.barrier(cell.lo, cell.hi);
            let pull = cell.power.pull(&barrier, target, cell.predicted);
            let step = (pull - self.slope(cell, now, t)) / (self.quadratic + barrier.curvature);
            change.free[t] += step;
            change.emit(self.emits, &self.carbon, t, step);
        }
    }

    #[inline(always)]
    pub(super) fn correct(&self, aim: &Charges, target: Target, reach: &mut Reach) {
        for (t, cell) in self.cells.iter().enumerate() {
            let barrier = cell.power.barrier(cell.lo, cell.hi);
            let pull = cell.power.pull(&barrier, target, cell.predicted);
            let dx = (pull - self.slope(cell, aim, t)) / (self.quadratic + barrier.curvature);
            cell.power.reach(&barrier, target, cell.predicted, dx, reach);
        }
    }
}

/// Pairs of bound and multiplier of a cell: two for each lane whose bounds are apart.
pub(super) fn pairs(lo: Lanes, hi: Lanes) -> usize {
    2 * (0..WIDTH).filter(|lane| hi.0[*lane] > lo.0[*lane]).count()
}
