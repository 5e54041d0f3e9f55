//! Import over the tie, and the peak that its highest value is charged by.

use super::{
    blocks::{BOUNDARIES, Charges, Reaction, Sums},
    boxed::{Boxed, Cell, Gap, Limits, Target},
    rows::single,
};

/// The peak m ≥ import: one variable that all intervals share.
#[derive(Clone, Debug)]
struct Peak {
    /// One interval long.
    peak: Boxed,
    /// Cost per kW of peak.
    charge: f64,
    /// κ, multiplier of import ≤ m.
    kappa: Vec<f64>,
    kappa_step: Vec<f64>,
    /// Second-order products of the pass before.
    products: Vec<f64>,
}

/// Import and, where there is a demand charge, its peak.
#[derive(Clone, Debug)]
pub(super) struct Import {
    pub(super) power: Boxed,
    tariff: Vec<f64>,
    carbon: [Vec<f64>; BOUNDARIES],
    peak: Option<Peak>,
    yielding: Vec<f64>,
}

/// The peak's row of the reduced system.
#[derive(Clone, Debug)]
pub(super) struct PeakRow {
    /// Import per peak.
    pub(super) supply: Vec<f64>,
    /// Carbon per peak within each boundary, by interval.
    pub(super) carbon: [Vec<f64>; BOUNDARIES],
    pub(super) stiffness: f64,
}

impl Import {
    pub(super) fn new(power: Boxed, tariff: Vec<f64>, carbon: [Vec<f64>; BOUNDARIES]) -> Self {
        let yielding = vec![0.0; tariff.len()];
        Self { power, tariff, carbon, peak: None, yielding }
    }

    /// Adds a charge on the peak above `before`.
    pub(super) fn with_peak(mut self, charge: f64, before: f64, mu: f64) -> Self {
        let highest = self.power.values().fold(before, f64::max);
        // A little above the limit: what the tie cannot import costs nothing to allow.
        let limit = 1.01 * self.power.0.iter().map(|cell| cell.hi).fold(before, f64::max) + 1.0;
        let peak = Boxed::new(&[f64::midpoint(highest, limit)], &[before], &[limit], mu);
        let m = peak.0[0].x;
        let kappa = self.power.values().map(|x| mu / (m - x)).collect();
        let zero = vec![0.0; self.tariff.len()];
        self.peak = Some(Peak { peak, charge, kappa, kappa_step: zero.clone(), products: zero });
        self
    }

    /// Places import, and the peak with its multipliers where there is a charge on it.
    pub(super) fn place(&mut self, powers: &[f64], kappa: &[f64], charges: &Charges, mu: f64) {
        let is_charged = self.peak.is_some();
        for (t, power) in powers.iter().enumerate() {
            let own = if is_charged { kappa[t] } else { 0.0 };
            let slope = self.tariff[t] + self.charge(charges, t) + own;
            self.power.place(t, *power, slope, mu);
        }
        let highest = self.power.values().fold(0.0, f64::max);
        if let Some(peak) = &mut self.peak {
            let slope = peak.charge - kappa.iter().sum::<f64>();
            peak.peak.place(0, highest * (1.0 + 1e-3) + 1.0, slope, mu);
            // The peak stays above all import, whatever its bounds.
            let m = peak.peak.0[0].x.max(highest * (1.0 + 1e-6) + 1e-3);
            peak.peak.0[0].x = m;
            for (t, x) in self.power.values().enumerate() {
                peak.kappa[t] = kappa[t].max(mu / (m - x));
            }
        }
    }

    /// κ by interval; zero without a demand charge.
    pub(super) fn kappa(&self) -> Vec<f64> {
        self.peak.as_ref().map_or_else(|| vec![0.0; self.tariff.len()], |peak| peak.kappa.clone())
    }

    fn contribute(&self, sums: &mut Sums, t: usize, power: f64) {
        sums.free[t] += single(power);
        for boundary in 0..BOUNDARIES {
            sums.carbon[boundary][t] += single(self.carbon[boundary][t] * power);
        }
    }

    /// What an interval's import is charged beside its tariff.
    fn charge(&self, charges: &Charges, t: usize) -> f64 {
        self.carbon[0][t] * charges.carbon[0][t] + self.carbon[1][t] * charges.carbon[1][t]
            - charges.price[t]
    }

    pub(super) fn tally(&self, sums: &mut Sums) -> f64 {
        let mut cost = 0.0;
        for (t, x) in self.power.values().enumerate() {
            self.contribute(sums, t, x);
            cost += self.tariff[t] * x;
        }
        cost + self
            .peak
            .as_ref()
            .map_or(0.0, |peak| peak.charge * (peak.peak.0[0].x - peak.peak.0[0].lo))
    }

    /// Adds the reaction of import; returns the peak's row.
    pub(super) fn factor(&mut self, reaction: &mut Reaction) -> Option<PeakRow> {
        let zero = vec![0.0; self.tariff.len()];
        let mut row =
            PeakRow { supply: zero.clone(), carbon: [zero.clone(), zero], stiffness: 0.0 };
        if let Some(peak) = &mut self.peak {
            row.stiffness = peak.peak.0[0].curvature();
        }
        for t in 0..self.tariff.len() {
            let link = self.link(t);
            let yielding = 1.0 / (self.power.0[t].curvature() + link);
            self.yielding[t] = yielding;
            let carbon = [0, 1].map(|boundary: usize| single(self.carbon[boundary][t]));
            reaction.add_free([true; BOUNDARIES], &carbon, t, single(yielding));
            row.supply[t] = link * yielding;
            for boundary in 0..BOUNDARIES {
                row.carbon[boundary][t] = self.carbon[boundary][t] * link * yielding;
            }
            row.stiffness += link * (1.0 - link * yielding);
        }
        self.peak.is_some().then_some(row)
    }

    /// κ over the distance to the peak.
    fn link(&self, t: usize) -> f64 {
        self.peak
            .as_ref()
            .map_or(0.0, |peak| peak.kappa[t] / (peak.peak.0[0].x - self.power.0[t].x))
    }

    /// Change of κ with everything at rest.
    fn kappa_pull(peak: &Peak, x: f64, t: usize, target: Target) -> f64 {
        target.less(peak.products[t]) / (peak.peak.0[0].x - x) - peak.kappa[t]
    }

    /// Adds its step at rest to `sums`; returns the right side of the peak's row.
    pub(super) fn respond(&mut self, now: &Charges, target: Target, sums: &mut Sums) -> f64 {
        let mut right = 0.0;
        if let Some(peak) = &self.peak {
            right = peak.peak.0[0].pull(target) - peak.charge + peak.kappa.iter().sum::<f64>();
        }
        for t in 0..self.tariff.len() {
            let x = self.power.0[t].x;
            let slope = self.tariff[t] + self.charge(now, t);
            let mut pull = self.power.0[t].pull(target) - slope;
            let link = self.link(t);
            if let Some(peak) = &self.peak {
                let base = Self::kappa_pull(peak, x, t, target);
                pull -= base + peak.kappa[t];
                right += base + link * self.yielding[t] * pull;
            }
            let step = pull * self.yielding[t];
            self.power.0[t].dx = step;
            self.contribute(sums, t, step);
        }
        right
    }

    pub(super) fn follow(&mut self, steps: &Charges, peak_step: f64, target: Target) {
        for t in 0..self.tariff.len() {
            let link = self.link(t);
            self.power.0[t].dx += self.yielding[t] * (link * peak_step - self.charge(steps, t));
            let (x, dx) = (self.power.0[t].x, self.power.0[t].dx);
            if let Some(peak) = &mut self.peak {
                peak.kappa_step[t] = Self::kappa_pull(peak, x, t, target) - link * (peak_step - dx);
            }
        }
        if let Some(peak) = &mut self.peak {
            peak.peak.0[0].dx = peak_step;
        }
    }

    pub(super) fn steps(&mut self, target: Target, limits: &mut Limits) {
        self.power.steps(target, limits);
        if let Some(peak) = &mut self.peak {
            peak.peak.steps(target, limits);
            let (m, dm) = (peak.peak.0[0].x, peak.peak.0[0].dx);
            for t in 0..peak.kappa.len() {
                limits.primal =
                    limits.primal.max((self.power.0[t].dx - dm) / (m - self.power.0[t].x));
                limits.dual = limits.dual.max(-peak.kappa_step[t] / peak.kappa[t]);
            }
        }
    }

    /// Adds complementarity after a step and keeps second-order products for the second pass.
    pub(super) fn correct(&mut self, primal: f64, dual: f64, gap: &mut Gap) {
        if let Some(peak) = &mut self.peak {
            let Cell { x: m, dx: dm, .. } = peak.peak.0[0];
            for (t, power) in self.power.0.iter().enumerate() {
                let distance = m + primal * dm - power.x - primal * power.dx;
                gap.add(distance * (peak.kappa[t] + dual * peak.kappa_step[t]));
                peak.products[t] = (dm - power.dx) * peak.kappa_step[t];
            }
            peak.peak.correct(primal, dual, gap);
        }
        self.power.correct(primal, dual, gap);
    }

    pub(super) fn advance(&mut self, primal: f64, dual: f64, gap: &mut Gap) {
        self.power.advance(primal, dual, gap);
        if let Some(peak) = &mut self.peak {
            peak.peak.advance(primal, dual, gap);
            let m = peak.peak.0[0].x;
            for (t, power) in self.power.0.iter().enumerate() {
                peak.kappa[t] += dual * peak.kappa_step[t];
                gap.add((m - power.x) * peak.kappa[t]);
            }
        }
    }
}
