//! A storage's block: eliminating flows and stored energy leaves a tridiagonal system in the value of energy.

use super::{
    blocks::{Block, Multipliers, Reaction, Sums},
    boxed::{Boxed, Gap, Limits, Target},
    linear::Tridiagonal,
};

/// What a storage is made of, energy in kW times intervals.
#[derive(Clone, Copy, Debug)]
pub(super) struct StoreData {
    pub(super) charge: f64,
    pub(super) discharge: f64,
    pub(super) keep: f64,
    pub(super) initial: f64,
    pub(super) wear: f64,
}

/// Reciprocal curvatures of a storage's three variables.
#[derive(Clone, Copy, Debug, Default)]
struct Yielding {
    charge: f64,
    discharge: f64,
    held: f64,
}

/// A storage: charging, discharging and stored energy, and the multiplier that joins them.
#[derive(Clone, Debug)]
pub(super) struct Store {
    pub(super) charge: Boxed,
    pub(super) discharge: Boxed,
    pub(super) stored: Boxed,
    /// π, value of stored energy.
    pub(super) value: Vec<f64>,
    data: StoreData,
    value_step: Vec<f64>,
    system: Tridiagonal,
    /// Supply per value.
    supply_value: Vec<f64>,
    yielding: Vec<Yielding>,
    scratch: Vec<f64>,
}

impl Store {
    pub(super) fn new(
        charge: Boxed,
        discharge: Boxed,
        stored: Boxed,
        value: f64,
        data: StoreData,
    ) -> Self {
        let size = charge.0.len();
        let zero = vec![0.0; size];
        Self {
            charge,
            discharge,
            stored,
            value: vec![value; size],
            data,
            value_step: zero.clone(),
            system: Tridiagonal::new(size),
            supply_value: zero.clone(),
            yielding: vec![Yielding::default(); size],
            scratch: zero,
        }
    }

    /// How far stored energy is from what flows say.
    fn slack(&self, t: usize) -> f64 {
        let before = if t > 0 { self.stored.0[t - 1].x } else { self.data.initial };
        self.stored.0[t].x - self.data.keep * before - self.data.charge * self.charge.0[t].x
            + self.data.discharge * self.discharge.0[t].x
    }
}

impl Block for Store {
    fn tally(&self, sums: &mut Sums) -> f64 {
        let mut cost = 0.0;
        for (t, (charge, discharge)) in
            self.charge.values().zip(self.discharge.values()).enumerate()
        {
            sums.supply[t] += discharge - charge;
            sums.reserved[t] += discharge - charge;
            cost += self.data.wear * discharge;
        }
        cost
    }

    fn factor(&mut self, reaction: &mut Reaction) {
        let StoreData { charge: eta, discharge: delta, keep, .. } = self.data;
        let mut held_before = 0.0;
        for t in 0..self.value.len() {
            let charge = 1.0 / self.charge.0[t].curvature();
            let discharge = 1.0 / self.discharge.0[t].curvature();
            let held = 1.0 / self.stored.0[t].curvature();
            self.yielding[t] = Yielding { charge, discharge, held };
            self.system.diagonal[t] =
                eta * eta * charge + delta * delta * discharge + held + keep * keep * held_before;
            self.system.off[t] = -keep * held;
            self.supply_value[t] = eta * charge + delta * discharge;
            reaction.matrix.add_diagonal(t, charge + discharge);
            held_before = held;
        }
        self.system.factor();
        reaction.matrix.add_inverse(&self.system, Some(&self.supply_value), -1.0);
    }

    fn respond(&mut self, multipliers: &Multipliers, target: Target, sums: &mut Sums) {
        let StoreData { charge: eta, discharge: delta, keep, wear, .. } = self.data;
        let size = self.value.len();
        let mut held_before = 0.0;
        for t in 0..size {
            let yielding = self.yielding[t];
            let (value, net) = (self.value[t], multipliers.price[t] - multipliers.reserve[t]);
            let next = if t + 1 < size { self.value[t + 1] } else { 0.0 };
            let charge = (self.charge.0[t].pull(target) - net + eta * value) * yielding.charge;
            let discharge = (self.discharge.0[t].pull(target) - wear + net - delta * value)
                * yielding.discharge;
            let held = (self.stored.0[t].pull(target) - value + keep * next) * yielding.held;
            self.charge.0[t].dx = charge;
            self.discharge.0[t].dx = discharge;
            self.stored.0[t].dx = held;
            self.value_step[t] =
                self.slack(t) + held - keep * held_before - eta * charge + delta * discharge;
            held_before = held;
        }
        self.system.solve(&mut self.value_step);
        for t in 0..size {
            let step = self.discharge.0[t].dx
                - self.charge.0[t].dx
                - self.supply_value[t] * self.value_step[t];
            sums.supply[t] += step;
            sums.reserved[t] += step;
        }
    }

    fn follow(&mut self, steps: &Multipliers) {
        let StoreData { charge: eta, discharge: delta, keep, .. } = self.data;
        let size = self.value.len();
        for t in 0..size {
            self.scratch[t] = self.supply_value[t] * (steps.price[t] - steps.reserve[t]);
        }
        self.system.solve(&mut self.scratch);
        for t in 0..size {
            self.value_step[t] += self.scratch[t];
        }
        for t in 0..size {
            let yielding = self.yielding[t];
            let (value, net) = (self.value_step[t], steps.price[t] - steps.reserve[t]);
            let next = if t + 1 < size { self.value_step[t + 1] } else { 0.0 };
            self.charge.0[t].dx += (eta * value - net) * yielding.charge;
            self.discharge.0[t].dx += (net - delta * value) * yielding.discharge;
            self.stored.0[t].dx += (keep * next - value) * yielding.held;
        }
    }

    fn steps(&mut self, target: Target, limits: &mut Limits) {
        self.charge.steps(target, limits);
        self.discharge.steps(target, limits);
        self.stored.steps(target, limits);
    }

    fn correct(&mut self, primal: f64, dual: f64, gap: &mut Gap) {
        self.charge.correct(primal, dual, gap);
        self.discharge.correct(primal, dual, gap);
        self.stored.correct(primal, dual, gap);
    }

    fn advance(&mut self, primal: f64, dual: f64, gap: &mut Gap) {
        self.charge.advance(primal, dual, gap);
        self.discharge.advance(primal, dual, gap);
        self.stored.advance(primal, dual, gap);
        for (value, step) in self.value.iter_mut().zip(&self.value_step) {
            *value += dual * step;
        }
    }
}
