//! Starting from the answer to the horizon before: its dispatch and multipliers, moved on by as many intervals as time
//! has, and as many new ones guessed from the last.
//!
//! Every value keeps off its bounds by what a small barrier parameter asks for at its reduced cost, and multipliers of
//! bounds are chosen so that reduced costs are met exactly. What is left to close is what the new intervals change.

use super::{
    blocks::Charges,
    cell::Cell,
    ipm::Ipm,
    lanes::WIDTH,
    scaled::{POWER_UNIT, PRICE_UNIT, energy_unit},
};
use gridaccord_dispatch::horizon::{Horizon, HorizonAnswer};
use gridaccord_model::Watts;

/// Greatest share of a variable's range that it is moved off a bound.
pub(super) const AWAY: f64 = 1e-2;
/// Scale of the carbon multiplier, 2²⁰, in its floating-point unit.
const CARBON_SCALE: f64 = PRICE_UNIT / 1e6 * 1_048_576.0;

/// A value and the multipliers of its bounds, for a reduced cost; `None` where the bounds meet.
pub(super) fn placed(x: f64, lo: f64, hi: f64, slope: f64, mu: f64) -> Option<(f64, f64, f64)> {
    let width = hi - lo;
    if width <= 0.0 {
        return None;
    }
    let away = (mu / slope.abs().max(mu / (AWAY * width))).max(1e-9 * width);
    let x = x.clamp(lo + away, hi - away);
    let (low, high) = (mu / (x - lo), mu / (hi - x));
    let rest = slope - (low - high);
    Some((x, low + rest.max(0.0), high + (-rest).max(0.0)))
}

impl Cell {
    /// Places one lane.
    pub(super) fn place(&mut self, lane: usize, x: f64, (lo, hi): (f64, f64), slope: f64, mu: f64) {
        if let Some((x, z_lo, z_hi)) = placed(x, lo, hi, slope, mu) {
            self.x.0[lane] = x;
            self.z_lo.0[lane] = z_lo;
            self.z_hi.0[lane] = z_hi;
        }
    }
}

/// The answer of before, read at the intervals of now.
pub(super) struct Before<'a> {
    answer: &'a HorizonAnswer,
    shift: usize,
    size: usize,
}

impl<'a> Before<'a> {
    /// `None` where the answer is to a problem of another shape.
    pub(super) fn new(problem: &Horizon, answer: &'a HorizonAnswer, shift: usize) -> Option<Self> {
        let (parts, size) = (problem.parts(), problem.intervals());
        let HorizonAnswer { solution, certificate } = answer;
        let lists = |lists: &[Vec<Watts>], count: usize| {
            lists.len() == count && lists.iter().all(|list| !list.is_empty())
        };
        let numbers = |lists: &[Vec<i64>], count: usize| {
            lists.len() == count && lists.iter().all(|list| !list.is_empty())
        };
        let (generators, storages) = (parts.generators.len(), parts.storages.len());
        let ramps = certificate.ramp.len() == generators
            && certificate
                .ramp
                .iter()
                .zip(&parts.generators)
                .all(|(list, generator)| list.is_empty() != generator.ramp.is_some());
        let fits = lists(&solution.generators, generators)
            && lists(&solution.charge, storages)
            && lists(&solution.discharge, storages)
            && lists(&solution.shed, parts.tiers.len())
            && lists(&solution.shift, parts.shiftable.len())
            && numbers(&certificate.energy, storages)
            && certificate.shift.len() == parts.shiftable.len()
            && [solution.import.len(), solution.export.len()].iter().all(|count| *count > 0)
            && [&certificate.price, &certificate.reserve, &certificate.peak]
                .iter()
                .all(|list| !list.is_empty())
            && ramps;
        fits.then_some(Self { answer, shift, size })
    }

    fn list<V: Copy>(&self, list: &[V], number: impl Fn(V) -> f64) -> Vec<f64> {
        let last = list.len() - 1;
        (0..self.size).map(|t| number(list[(t + self.shift).min(last)])).collect()
    }

    fn powers(&self, list: &[Watts]) -> Vec<f64> {
        self.list(list, |power| power.0 as f64 / POWER_UNIT)
    }

    fn prices(&self, list: &[i64]) -> Vec<f64> {
        self.list(list, |price| price as f64 / PRICE_UNIT)
    }
}

impl Ipm {
    /// Moves everything to where the answer of before has it, on the central path of about `mu`.
    pub(super) fn warm(&mut self, problem: &Horizon, before: &Before<'_>, mu: f64) {
        let HorizonAnswer { solution, certificate } = before.answer;
        self.charges.price = before.prices(&certificate.price);
        self.charges.reserve = before.prices(&certificate.reserve);
        let carbon = [0, 1].map(|boundary: usize| {
            let cap = &certificate.carbon[boundary];
            let number = |value: i64| value as f64 / CARBON_SCALE;
            let interval = match cap.interval.is_empty() {
                true => Vec::new(),
                false => before.list(&cap.interval, number),
            };
            (number(cap.horizon), interval, number(cap.excess))
        });
        let shift: Vec<f64> =
            certificate.shift.iter().map(|value| *value as f64 / PRICE_UNIT).collect();
        self.scaled.rows.place(&carbon, &shift);
        self.take_rows();
        let charges = self.charges.clone();
        self.warm_generators(problem, before, &charges, mu);
        self.warm_storages(problem, before, &charges, mu);
        let without =
            problem.parts().generators.iter().filter(|generator| generator.ramp.is_none()).count();
        let export: Vec<f64> =
            before.powers(&solution.export).into_iter().map(|power| -power).collect();
        let others = solution.shed.iter().map(|list| before.powers(list)).chain([export]);
        for (number, powers) in others.enumerate() {
            let at = without + number;
            self.scaled.free[at / WIDTH].place(at % WIDTH, &powers, &charges, mu);
        }
        for (load, powers) in solution.shift.iter().enumerate() {
            let powers = before.powers(powers);
            self.scaled.shift[load / WIDTH].place(load % WIDTH, &powers, &charges, mu);
        }
        let import = before.powers(&solution.import);
        let kappa = before.prices(&certificate.peak);
        self.scaled.import.place(&import, &kappa, &charges, mu);
        self.place_slacks(mu);
    }

    fn warm_generators(
        &mut self,
        problem: &Horizon,
        before: &Before<'_>,
        charges: &Charges,
        mu: f64,
    ) {
        let HorizonAnswer { solution, certificate } = before.answer;
        let (mut with, mut without) = (0, 0);
        for (number, generator) in problem.parts().generators.iter().enumerate() {
            let powers = before.powers(&solution.generators[number]);
            if generator.ramp.is_some() {
                let ramp = before.prices(&certificate.ramp[number]);
                let pack = &mut self.scaled.ramped[with / WIDTH];
                pack.place(with % WIDTH, &powers, &ramp, charges, mu);
                with += 1;
            } else {
                self.scaled.free[without / WIDTH].place(without % WIDTH, &powers, charges, mu);
                without += 1;
            }
        }
    }

    fn warm_storages(
        &mut self,
        problem: &Horizon,
        before: &Before<'_>,
        charges: &Charges,
        mu: f64,
    ) {
        let HorizonAnswer { solution, certificate } = before.answer;
        let unit = energy_unit(problem);
        for (number, storage) in problem.parts().storages.iter().enumerate() {
            let charge = before.powers(&solution.charge[number]);
            let discharge = before.powers(&solution.discharge[number]);
            let watts = |power: f64| Watts((power * POWER_UNIT).round() as i64);
            let mut at = storage.initial_uwh;
            let stored: Vec<f64> = charge
                .iter()
                .zip(&discharge)
                .map(|(charge, discharge)| {
                    let duration_s = problem.parts().duration_s;
                    at = storage.after(at, watts(*charge), watts(*discharge), duration_s);
                    at = at.clamp(0, storage.capacity_uwh);
                    at as f64 / unit
                })
                .collect();
            let value = before.prices(&certificate.energy[number]);
            let pack = &mut self.scaled.stores[number / WIDTH];
            pack.place(number % WIDTH, [&charge, &discharge, &stored, &value], charges, mu);
        }
    }
}
