//! One block per resource: its variables, its reduced system, and its answer to a change of the multipliers.
//!
//! An iteration asks each block four things: what it contributes (`tally`), how it would react (`factor`), what it
//! does while multipliers stand still (`respond`), and what it does once they have moved (`follow`).

use super::{
    boxed::{Boxed, Gap, Limits, Target},
    linear::{Symmetric, Tridiagonal},
};

/// Multipliers of the couplings, or steps of them.
#[derive(Clone, Debug)]
pub(super) struct Multipliers {
    pub(super) price: Vec<f64>,
    pub(super) reserve: Vec<f64>,
    pub(super) carbon: f64,
}

/// What resources contribute to the couplings, or change of it.
#[derive(Clone, Debug)]
pub(super) struct Sums {
    pub(super) supply: Vec<f64>,
    pub(super) reserved: Vec<f64>,
    pub(super) carbon: f64,
}

impl Sums {
    pub(super) fn new(size: usize) -> Self {
        Self { supply: vec![0.0; size], reserved: vec![0.0; size], carbon: 0.0 }
    }

    pub(super) fn clear(&mut self) {
        self.supply.fill(0.0);
        self.reserved.fill(0.0);
        self.carbon = 0.0;
    }
}

/// How all resources together react to the multipliers.
#[derive(Clone, Debug)]
pub(super) struct Reaction {
    /// Supply of reserve providers to the price.
    pub(super) matrix: Symmetric,
    /// Supply of everybody else to the price of the same interval.
    pub(super) diagonal: Vec<f64>,
    /// Supply, and reserved power, to the carbon multiplier.
    pub(super) supply_carbon: Vec<f64>,
    pub(super) reserved_carbon: Vec<f64>,
    pub(super) carbon: f64,
}

impl Reaction {
    pub(super) fn new(size: usize) -> Self {
        let zero = vec![0.0; size];
        Self {
            matrix: Symmetric::new(size),
            diagonal: zero.clone(),
            supply_carbon: zero.clone(),
            reserved_carbon: zero,
            carbon: 0.0,
        }
    }

    pub(super) fn clear(&mut self) {
        self.matrix.clear();
        self.diagonal.fill(0.0);
        self.supply_carbon.fill(0.0);
        self.reserved_carbon.fill(0.0);
        self.carbon = 0.0;
    }
}

/// One resource.
pub(super) trait Block {
    /// Adds its powers to `sums`; returns its cost.
    fn tally(&self, sums: &mut Sums) -> f64;
    /// Prepares its system and adds its reaction.
    fn factor(&mut self, reaction: &mut Reaction);
    /// Solves for its step with multipliers at rest and adds the step to `sums`.
    fn respond(&mut self, multipliers: &Multipliers, target: Target, sums: &mut Sums);
    /// Completes its step for a step of the multipliers.
    fn follow(&mut self, steps: &Multipliers);
    /// Steps of its bound multipliers, and how far all may go.
    fn steps(&mut self, target: Target, limits: &mut Limits);
    /// Adds its complementarity after a step and keeps second-order products for the second pass.
    fn correct(&mut self, primal: f64, dual: f64, gap: &mut Gap);
    /// Takes the step and adds the complementarity reached.
    fn advance(&mut self, primal: f64, dual: f64, gap: &mut Gap);
}

/// A generator without ramp limit, a tier, or an export (as negative supply): one variable, no memory.
#[derive(Clone, Debug)]
pub(super) struct Free {
    pub(super) power: Boxed,
    pub(super) quadratic: f64,
    pub(super) linear: Vec<f64>,
    pub(super) carbon: f64,
    yielding: Vec<f64>,
}

impl Free {
    pub(super) fn new(power: Boxed, quadratic: f64, linear: Vec<f64>, carbon: f64) -> Self {
        let yielding = vec![0.0; linear.len()];
        Self { power, quadratic, linear, carbon, yielding }
    }
}

impl Block for Free {
    fn tally(&self, sums: &mut Sums) -> f64 {
        let mut cost = 0.0;
        for (t, x) in self.power.values().enumerate() {
            sums.supply[t] += x;
            sums.carbon += self.carbon * x;
            cost += (0.5 * self.quadratic * x + self.linear[t]) * x;
        }
        cost
    }

    fn factor(&mut self, reaction: &mut Reaction) {
        for (t, power) in self.power.0.iter().enumerate() {
            let yielding = 1.0 / (self.quadratic + power.curvature());
            self.yielding[t] = yielding;
            reaction.diagonal[t] += yielding;
            reaction.supply_carbon[t] += self.carbon * yielding;
            reaction.carbon += self.carbon * self.carbon * yielding;
        }
    }

    fn respond(&mut self, multipliers: &Multipliers, target: Target, sums: &mut Sums) {
        for (t, power) in self.power.0.iter_mut().enumerate() {
            let slope = self.linear[t] + self.quadratic * power.x - multipliers.price[t]
                + multipliers.carbon * self.carbon;
            let step = (power.pull(target) - slope) * self.yielding[t];
            power.dx = step;
            sums.supply[t] += step;
            sums.carbon += self.carbon * step;
        }
    }

    fn follow(&mut self, steps: &Multipliers) {
        for (t, power) in self.power.0.iter_mut().enumerate() {
            power.dx += self.yielding[t] * (steps.price[t] - self.carbon * steps.carbon);
        }
    }

    fn steps(&mut self, target: Target, limits: &mut Limits) {
        self.power.steps(target, limits);
    }

    fn correct(&mut self, primal: f64, dual: f64, gap: &mut Gap) {
        self.power.correct(primal, dual, gap);
    }

    fn advance(&mut self, primal: f64, dual: f64, gap: &mut Gap) {
        self.power.advance(primal, dual, gap);
    }
}

/// A generator with ramp limits: power, and its change from the interval before.
#[derive(Clone, Debug)]
pub(super) struct Ramped {
    pub(super) power: Boxed,
    pub(super) change: Boxed,
    pub(super) quadratic: f64,
    pub(super) linear: f64,
    pub(super) carbon: f64,
    initial: f64,
    system: Tridiagonal,
    /// Reaction to the carbon multiplier.
    carbon_step: Vec<f64>,
    /// Step of the power with multipliers at rest.
    step: Vec<f64>,
    scratch: Vec<f64>,
}

impl Ramped {
    pub(super) fn new(
        power: Boxed,
        change: Boxed,
        (quadratic, linear): (f64, f64),
        carbon: f64,
        initial: f64,
    ) -> Self {
        let size = power.0.len();
        let zero = vec![0.0; size];
        let system = Tridiagonal::new(size);
        Self {
            power,
            change,
            quadratic,
            linear,
            carbon,
            initial,
            system,
            carbon_step: zero.clone(),
            step: zero.clone(),
            scratch: zero,
        }
    }

    /// Multiplier of the ramp into each interval.
    pub(super) fn ramp_multiplier(&self, t: usize) -> f64 {
        self.change.0[t].z_hi - self.change.0[t].z_lo
    }
}

impl Block for Ramped {
    fn tally(&self, sums: &mut Sums) -> f64 {
        let mut cost = 0.0;
        for (t, x) in self.power.values().enumerate() {
            sums.supply[t] += x;
            sums.reserved[t] += x;
            sums.carbon += self.carbon * x;
            cost += (0.5 * self.quadratic * x + self.linear) * x;
        }
        cost
    }

    fn factor(&mut self, reaction: &mut Reaction) {
        for (t, (power, change)) in self.power.0.iter().zip(&self.change.0).enumerate() {
            let stiff = change.curvature();
            self.system.diagonal[t] = self.quadratic + power.curvature() + stiff;
            if t > 0 {
                self.system.diagonal[t - 1] += stiff;
                self.system.off[t - 1] = -stiff;
            }
        }
        self.system.factor();
        reaction.matrix.add_inverse(&self.system, None, 1.0);
        if self.carbon > 0.0 {
            self.carbon_step.fill(self.carbon);
            self.system.solve(&mut self.carbon_step);
            for (t, step) in self.carbon_step.iter().enumerate() {
                reaction.supply_carbon[t] += step;
                reaction.reserved_carbon[t] += step;
                reaction.carbon += self.carbon * step;
            }
        }
    }

    fn respond(&mut self, multipliers: &Multipliers, target: Target, sums: &mut Sums) {
        // Each change's own pull, less what its slack would pull back; it acts on both powers it joins.
        let mut before = self.initial;
        let mut earlier: Option<usize> = None;
        for (t, (power, change)) in self.power.0.iter().zip(&self.change.0).enumerate() {
            let slack = power.x - before - change.x;
            let pull = change.pull(target) - change.curvature() * slack;
            let slope = self.linear + self.quadratic * power.x - multipliers.price[t]
                + multipliers.reserve[t]
                + multipliers.carbon * self.carbon;
            self.step[t] = power.pull(target) - slope + pull;
            if let Some(earlier) = earlier {
                self.step[earlier] -= pull;
            }
            earlier = Some(t);
            before = power.x;
        }
        self.system.solve(&mut self.step);
        for (t, step) in self.step.iter().enumerate() {
            sums.supply[t] += step;
            sums.reserved[t] += step;
            sums.carbon += self.carbon * step;
        }
    }

    fn follow(&mut self, steps: &Multipliers) {
        for ((scratch, price), reserve) in
            self.scratch.iter_mut().zip(&steps.price).zip(&steps.reserve)
        {
            *scratch = price - reserve;
        }
        self.system.solve(&mut self.scratch);
        let (mut before, mut step_before) = (self.initial, 0.0);
        let cells = self.power.0.iter_mut().zip(&mut self.change.0);
        for (t, (power, change)) in cells.enumerate() {
            let mut step = self.step[t] + self.scratch[t];
            if self.carbon > 0.0 {
                step -= steps.carbon * self.carbon_step[t];
            }
            power.dx = step;
            // Whatever the change is off the difference of powers, a full step closes.
            change.dx = step - step_before + (power.x - before - change.x);
            (before, step_before) = (power.x, step);
        }
    }

    fn steps(&mut self, target: Target, limits: &mut Limits) {
        self.power.steps(target, limits);
        self.change.steps(target, limits);
    }

    fn correct(&mut self, primal: f64, dual: f64, gap: &mut Gap) {
        self.power.correct(primal, dual, gap);
        self.change.correct(primal, dual, gap);
    }

    fn advance(&mut self, primal: f64, dual: f64, gap: &mut Gap) {
        self.power.advance(primal, dual, gap);
        self.change.advance(primal, dual, gap);
    }
}
