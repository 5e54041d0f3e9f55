//! Storages, eight at a time: eliminating flows and stored energy leaves a tridiagonal system in the value of energy.

use super::{
    blocks::{BOUNDARIES, Charges, Measured, Reaction, Sums, Work, emits, gather, pairs},
    cell::{Barrier, Cell, Reach, Taken, Target},
    lanes::Lanes,
    linear::{Elimination, Pivot},
};

/// One of each of a storage's three variables.
#[derive(Clone, Copy, Debug, Default)]
struct Flows<V> {
    charge: V,
    discharge: V,
    stored: V,
}

#[derive(Clone, Copy, Debug, Default)]
struct StoreCell {
    at: Flows<Cell>,
    predicted: Flows<Lanes>,
    /// π, value of stored energy, and its step.
    value: Lanes,
    value_step: Lanes,
}

/// Up to eight storages.
#[derive(Clone, Debug)]
pub(super) struct Store {
    cells: Vec<StoreCell>,
    system: Vec<Pivot>,
    most: Flows<Lanes>,
    /// Least stored at the end.
    last: Lanes,
    /// η, δ, what is kept over an interval.
    charge: Lanes,
    discharge: Lanes,
    keep: Lanes,
    initial: Lanes,
    wear: Lanes,
    /// Of what is discharged.
    carbon: [Lanes; BOUNDARIES],
    emits: [bool; BOUNDARIES],
    used: Lanes,
}

/// One storage, energy in kW times intervals.
#[derive(Clone, Copy, Debug)]
pub(super) struct StoreSpec {
    pub(super) charge_max: f64,
    pub(super) discharge_max: f64,
    pub(super) capacity: f64,
    pub(super) last: f64,
    pub(super) charge: f64,
    pub(super) discharge: f64,
    pub(super) keep: f64,
    pub(super) initial: f64,
    pub(super) wear: f64,
    pub(super) carbon: [f64; BOUNDARIES],
}

/// Barriers of a cell and steps at given multipliers, the value of energy at rest.
struct Answer {
    barriers: Flows<Barrier>,
    steps: Flows<Lanes>,
    /// How far stored energy is from what flows say.
    slack: Lanes,
}

impl Store {
    pub(super) fn new(specs: &[StoreSpec], size: usize, value: f64, mu: f64) -> Self {
        let most = Flows {
            charge: gather(specs, |spec| spec.charge_max),
            discharge: gather(specs, |spec| spec.discharge_max),
            stored: gather(specs, |spec| spec.capacity),
        };
        let last = gather(specs, |spec| spec.last);
        let zero = Lanes::ZERO;
        let cells = (0..size).map(|t| {
            let least = if t + 1 == size { last } else { zero };
            let at = Flows {
                charge: Cell::start(most.charge * 0.3, zero, most.charge, mu),
                discharge: Cell::start(most.discharge * 0.3, zero, most.discharge, mu),
                stored: Cell::start(most.stored * 0.5, least, most.stored, mu),
            };
            StoreCell { at, value: Lanes::splat(value), ..StoreCell::default() }
        });
        let carbon = std::array::from_fn(|boundary| gather(specs, |spec| spec.carbon[boundary]));
        Self {
            cells: cells.collect(),
            system: vec![Pivot::default(); size],
            most,
            last,
            charge: gather(specs, |spec| spec.charge),
            discharge: gather(specs, |spec| spec.discharge),
            keep: gather(specs, |spec| spec.keep),
            initial: gather(specs, |spec| spec.initial),
            wear: gather(specs, |spec| spec.wear),
            carbon,
            emits: emits(&carbon),
            used: gather(specs, |_| 1.0),
        }
    }

    pub(super) fn pairs(&self) -> usize {
        let Flows { charge, discharge, stored } = self.most;
        let all = pairs(Lanes::ZERO, charge) + pairs(Lanes::ZERO, discharge);
        let inner = pairs(Lanes::ZERO, stored);
        let size = self.cells.len();
        if size == 0 {
            return 0;
        }
        size * all + (size - 1) * inner + pairs(self.last, stored)
    }

    /// Charging, discharging, stored energy and its value, by interval.
    pub(super) fn lane(&self, lane: usize) -> [Vec<f64>; 4] {
        let list = |of: fn(&StoreCell) -> Lanes| {
            self.cells.iter().map(|cell| of(cell).0[lane]).collect::<Vec<f64>>()
        };
        [
            list(|cell| cell.at.charge.x),
            list(|cell| cell.at.discharge.x),
            list(|cell| cell.at.stored.x),
            list(|cell| cell.value),
        ]
    }

    /// Places one storage: charging, discharging, stored energy and its value.
    pub(super) fn place(
        &mut self,
        lane: usize,
        [charge, discharge, stored, value]: [&[f64]; 4],
        charges: &Charges,
        mu: f64,
    ) {
        let of = |lanes: Lanes| lanes.0[lane];
        let (eta, delta, keep) = (of(self.charge), of(self.discharge), of(self.keep));
        for t in 0..self.cells.len() {
            let net = charges.price[t] - charges.reserve[t];
            let emission = of(charges.emission(self.emits, &self.carbon, t));
            let next = value.get(t + 1).copied().unwrap_or(0.0);
            let least = of(self.least(t));
            let slopes = Flows {
                charge: net - eta * value[t],
                discharge: of(self.wear) + emission - net + delta * value[t],
                stored: value[t] - keep * next,
            };
            let most = self.most;
            let cell = &mut self.cells[t];
            cell.value.0[lane] = value[t];
            let at = &mut cell.at;
            at.charge.place(lane, charge[t], (0.0, of(most.charge)), slopes.charge, mu);
            at.discharge.place(lane, discharge[t], (0.0, of(most.discharge)), slopes.discharge, mu);
            at.stored.place(lane, stored[t], (least, of(most.stored)), slopes.stored, mu);
        }
    }

    #[inline(always)]
    fn least(&self, t: usize) -> Lanes {
        if t + 1 == self.cells.len() { self.last } else { Lanes::ZERO }
    }

    /// Value of energy after the next interval, and its step.
    #[inline(always)]
    fn next(&self, t: usize) -> (Lanes, Lanes) {
        self.cells
            .get(t + 1)
            .map_or((Lanes::ZERO, Lanes::ZERO), |cell| (cell.value, cell.value_step))
    }

    #[inline(always)]
    fn barriers(&self, at: &Flows<Cell>, t: usize) -> Flows<Barrier> {
        Flows {
            charge: at.charge.barrier(Lanes::ZERO, self.most.charge),
            discharge: at.discharge.barrier(Lanes::ZERO, self.most.discharge),
            stored: at.stored.barrier(self.least(t), self.most.stored),
        }
    }

    /// Steps at the given multipliers and values of energy.
    #[inline(always)]
    fn steps(
        &self,
        (cell, barriers): (&StoreCell, &Flows<Barrier>),
        charges: &Charges,
        t: usize,
        target: Option<Target>,
        (value, next): (Lanes, Lanes),
    ) -> Flows<Lanes> {
        let net = charges.price[t] - charges.reserve[t];
        let emission = charges.emission(self.emits, &self.carbon, t);
        let mut pulls = Flows {
            charge: self.charge * value - net,
            discharge: Lanes::splat(net) - self.wear - emission - self.discharge * value,
            stored: self.keep * next - value,
        };
        if let Some(target) = target {
            let StoreCell { at, predicted, .. } = cell;
            pulls.charge += at.charge.pull(&barriers.charge, target, predicted.charge);
            pulls.discharge += at.discharge.pull(&barriers.discharge, target, predicted.discharge);
            pulls.stored += at.stored.pull(&barriers.stored, target, predicted.stored);
        }
        Flows {
            charge: pulls.charge / barriers.charge.curvature,
            discharge: pulls.discharge / barriers.discharge.curvature,
            stored: pulls.stored / barriers.stored.curvature,
        }
    }

    #[inline(always)]
    fn answer(&self, t: usize, charges: &Charges, target: Option<Target>, before: Lanes) -> Answer {
        let cell = &self.cells[t];
        let barriers = self.barriers(&cell.at, t);
        let values = (cell.value, self.next(t).0);
        let steps = self.steps((cell, &barriers), charges, t, target, values);
        let slack = cell.at.stored.x - self.keep * before - self.charge * cell.at.charge.x
            + self.discharge * cell.at.discharge.x;
        Answer { barriers, steps, slack }
    }

    #[inline(always)]
    fn take(&mut self, aim: &Charges, taken: &Taken) -> Lanes {
        let zero = Lanes::ZERO;
        let mut gap = zero;
        for t in 0..self.cells.len() {
            let mut cell = self.cells[t];
            let barriers = self.barriers(&cell.at, t);
            let next = self.next(t);
            let values = (cell.value + cell.value_step, next.0 + next.1);
            let step = self.steps((&cell, &barriers), aim, t, Some(taken.target), values);
            let Flows { charge, discharge, stored } = &mut cell.at;
            charge.advance(&barriers.charge, taken, cell.predicted.charge, step.charge);
            discharge.advance(&barriers.discharge, taken, cell.predicted.discharge, step.discharge);
            stored.advance(&barriers.stored, taken, cell.predicted.stored, step.stored);
            cell.value += cell.value_step * taken.dual;
            gap += charge.gap(zero, self.most.charge)
                + discharge.gap(zero, self.most.discharge)
                + stored.gap(self.least(t), self.most.stored);
            self.cells[t] = cell;
        }
        gap
    }

    /// Takes the step, measures, factors and answers multipliers as they are.
    #[inline(always)]
    pub(super) fn advance(
        &mut self,
        (aim, now): (&Charges, &Charges),
        taken: &Taken,
        (sums, change): (&mut Sums, &mut Sums),
        reaction: &mut Reaction,
        work: &mut Work,
    ) -> Measured {
        let mut measured = Measured { gap: self.take(aim, taken), ..Measured::default() };
        let Work { right, ones, base, scale, inverses } = work;
        let (eta, delta, keep) = (self.charge, self.discharge, self.keep);
        let one = Lanes::splat(1.0);
        let zero = Lanes::ZERO;
        let carbon = self.carbon[0].larger(self.carbon[1]);
        let mut elimination = Elimination::default();
        let (mut before, mut held_before, mut held_step) = (self.initial, zero, zero);
        for t in 0..self.cells.len() {
            let Answer { barriers, steps, slack } = self.answer(t, now, None, before);
            let at = &self.cells[t].at;
            let net = at.discharge.x - at.charge.x;
            sums.memory[t] += net;
            sums.emit(self.emits, &self.carbon, t, at.discharge.x);
            measured.cost += self.wear * at.discharge.x;
            let charge = one / barriers.charge.curvature;
            let discharge = one / barriers.discharge.curvature;
            let held = one / barriers.stored.curvature;
            let diagonal =
                eta * eta * charge + delta * delta * discharge + held + keep * keep * held_before;
            let off = -(keep * held);
            let (pivot, earlier) = elimination.pivot(diagonal, off);
            self.system[t] = pivot;
            inverses.diagonal[t] = diagonal;
            inverses.off[t] = off;
            scale[t] = eta * charge + delta * discharge;
            reaction.matrix.add_diagonal(t, ((charge + discharge) * self.used).sum());
            base[t] = steps.discharge - steps.charge;
            let (right_before, ones_before) =
                if t > 0 { (right[t - 1], ones[t - 1]) } else { (zero, zero) };
            right[t] = slack + steps.stored - keep * held_step - eta * steps.charge
                + delta * steps.discharge
                - earlier * right_before;
            if self.emits != [false; BOUNDARIES] {
                // What less of a carbon multiplier discharges, the value of energy at rest.
                let step = discharge * carbon;
                ones[t] = delta * step - earlier * ones_before;
                change.emit(self.emits, &self.carbon, t, steps.discharge);
                for boundary in 0..BOUNDARIES {
                    if self.emits[boundary] {
                        reaction.supply_carbon[boundary][t] += step;
                        reaction.reserved_carbon[boundary][t] += step;
                        reaction.carbon[2 * boundary] += step * carbon;
                    }
                }
            }
            held_before = held;
            held_step = steps.stored;
            before = at.stored.x;
        }
        let (mut after, mut one_after) = (zero, zero);
        for t in (0..self.cells.len()).rev() {
            let pivot = self.system[t];
            after = right[t] * pivot.inverse - pivot.ratio * after;
            change.memory[t] += base[t] - scale[t] * after;
            if self.emits != [false; BOUNDARIES] {
                one_after = ones[t] * pivot.inverse - pivot.ratio * one_after;
                let discharge = delta / self.barriers(&self.cells[t].at, t).discharge.curvature;
                for boundary in 0..BOUNDARIES {
                    if self.emits[boundary] {
                        change.carbon[boundary][t] -= carbon * discharge * after;
                        reaction.supply_carbon[boundary][t] -= scale[t] * one_after;
                        reaction.reserved_carbon[boundary][t] -= scale[t] * one_after;
                        reaction.carbon[2 * boundary] -= carbon * discharge * one_after;
                    }
                }
            }
        }
        inverses.invert(&self.system, Some(scale), -self.used);
        reaction.matrix.add(inverses);
        measured
    }

    /// Steps of the value of energy at the given multipliers, left in `work.right`.
    #[inline(always)]
    fn solve(&self, charges: &Charges, target: Option<Target>, work: &mut Work) {
        let zero = Lanes::ZERO;
        let Work { right, base, scale, .. } = work;
        let (mut before, mut held_step) = (self.initial, zero);
        let (mut earlier, mut value) = (zero, zero);
        for t in 0..self.cells.len() {
            let Answer { barriers, steps, slack } = self.answer(t, charges, target, before);
            value = slack + steps.stored - self.keep * held_step - self.charge * steps.charge
                + self.discharge * steps.discharge
                - earlier * value;
            right[t] = value;
            earlier = self.system[t].ratio;
            base[t] = steps.discharge - steps.charge;
            scale[t] = self.charge / barriers.charge.curvature
                + self.discharge / barriers.discharge.curvature;
            held_step = steps.stored;
            before = self.cells[t].at.stored.x;
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
        for t in 0..self.cells.len() {
            let mut cell = self.cells[t];
            let barriers = self.barriers(&cell.at, t);
            let next = work.right.get(t + 1).copied().unwrap_or_default();
            let values = (cell.value + work.right[t], self.next(t).0 + next);
            let step = self.steps((&cell, &barriers), aim, t, None, values);
            cell.at.charge.predict(&barriers.charge, step.charge, reach);
            cell.at.discharge.predict(&barriers.discharge, step.discharge, reach);
            cell.at.stored.predict(&barriers.stored, step.stored, reach);
            cell.predicted = step;
            self.cells[t].predicted = cell.predicted;
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
        for t in 0..self.cells.len() {
            change.memory[t] += work.base[t] - work.scale[t] * work.right[t];
            if self.emits != [false; BOUNDARIES] {
                let cell = &self.cells[t];
                let barriers = self.barriers(&cell.at, t);
                let next = work.right.get(t + 1).copied().unwrap_or_default();
                let values = (cell.value + work.right[t], self.next(t).0 + next);
                let step = self.steps((cell, &barriers), now, t, Some(target), values);
                change.emit(self.emits, &self.carbon, t, step.discharge);
            }
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
        for t in 0..self.cells.len() {
            let cell = &self.cells[t];
            let barriers = self.barriers(&cell.at, t);
            let next = work.right.get(t + 1).copied().unwrap_or_default();
            let values = (cell.value + work.right[t], self.next(t).0 + next);
            let step = self.steps((cell, &barriers), aim, t, Some(target), values);
            let (at, predicted) = (&cell.at, cell.predicted);
            at.charge.reach(&barriers.charge, target, predicted.charge, step.charge, reach);
            at.discharge.reach(
                &barriers.discharge,
                target,
                predicted.discharge,
                step.discharge,
                reach,
            );
            at.stored.reach(&barriers.stored, target, predicted.stored, step.stored, reach);
            self.cells[t].value_step = work.right[t];
        }
    }
}
