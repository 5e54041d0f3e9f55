//! From floating point to whole watts that keep every limit, and to whole multipliers.
//!
//! Rounding walks forward in time, so that ramps and stores stay possible, and what is left of an interval's balance
//! goes to whoever is cheapest to move: the tie, generators without ramps, generators within their ramps, storages,
//! tiers.

use super::{
    point::{Carbon, Point},
    scaled::{POWER_UNIT, PRICE_UNIT, energy_unit},
};
use gridaccord_dispatch::horizon::{
    CarbonMultipliers, Generator, Horizon, HorizonAnswer, HorizonCertificate, HorizonSolution,
    MULTIPLIER_MAX, ShiftableLoad,
};
use gridaccord_model::Watts;

/// Shedding below this many W is the barrier's, not the load's.
const SHED_NOISE_W: i64 = 20;
/// Scale of the carbon multiplier, 2²⁰, in its floating-point unit.
const CARBON_SCALE: f64 = PRICE_UNIT / 1e6 * 1_048_576.0;

pub(super) fn answer(problem: &Horizon, point: &Point) -> HorizonAnswer {
    HorizonAnswer { solution: solution(problem, point), certificate: certificate(point) }
}

pub(super) fn watts(power: f64) -> i64 {
    (power * POWER_UNIT).round() as i64
}

/// Whole multipliers within their limits.
pub(super) fn certificate(point: &Point) -> HorizonCertificate {
    let whole =
        |value: &f64| ((value * PRICE_UNIT).round() as i64).clamp(-MULTIPLIER_MAX, MULTIPLIER_MAX);
    let list = |values: &Vec<f64>| values.iter().map(whole).collect::<Vec<i64>>();
    let positive =
        |values: &Vec<f64>| values.iter().map(|value| whole(value).max(0)).collect::<Vec<i64>>();
    HorizonCertificate {
        price: list(&point.price),
        reserve: positive(&point.reserve),
        carbon: std::array::from_fn(|at| carbon(&point.carbon[at])),
        peak: positive(&point.peak),
        ramp: point.ramp.iter().map(list).collect(),
        energy: point.energy.iter().map(list).collect(),
        shift: list(&point.shift_value),
        loss: point.loss.iter().map(positive).collect(),
        hold: point.hold.iter().map(positive).collect(),
    }
}

fn carbon(caps: &Carbon) -> CarbonMultipliers {
    let most = (MULTIPLIER_MAX >> 21) << 20;
    let whole = |value: f64| ((value * CARBON_SCALE).round() as i64).clamp(0, most);
    CarbonMultipliers {
        horizon: whole(caps.horizon),
        interval: caps.interval.iter().map(|value| whole(*value)).collect(),
        excess: whole(caps.excess),
    }
}

/// Whole watts of a shiftable load that sum to its energy: rounded, then the rest where there is room.
pub(super) fn shifted(load: &ShiftableLoad, wanted: &[f64]) -> Vec<Watts> {
    let bounds = load.power_max.iter().zip(wanted);
    let mut powers: Vec<i64> =
        bounds.map(|(most, wanted)| watts(*wanted).clamp(0, most.0)).collect();
    let mut rest = load.power_sum.0 - powers.iter().sum::<i64>();
    // First a watt each where the load runs, then whatever room there is.
    for step in [1, i64::MAX] {
        for (power, most) in powers.iter_mut().zip(&load.power_max) {
            if step == 1 && *power == 0 {
                continue;
            }
            let moved = rest.clamp(-step, step).clamp(-*power, most.0 - *power);
            *power += moved;
            rest -= moved;
        }
    }
    powers.into_iter().map(Watts).collect()
}

fn solution(problem: &Horizon, point: &Point) -> HorizonSolution {
    let mut repair = Repair::new(problem, point);
    (0..problem.intervals()).for_each(|t| repair.round(t));
    repair.solution
}

/// Interval by interval, each possible from the one before and leaving the next one possible.
struct Repair<'a> {
    problem: &'a Horizon,
    point: &'a Point,
    solution: HorizonSolution,
    /// Powers from which the rest of the horizon is within reach, by generator.
    corridors: Vec<Vec<(i64, i64)>>,
    /// Stored after the interval before, by storage.
    stored: Vec<i64>,
}

impl<'a> Repair<'a> {
    fn new(problem: &'a Horizon, point: &'a Point) -> Self {
        let parts = problem.parts();
        let list = || Vec::with_capacity(problem.intervals());
        let lists = |count: usize| (0..count).map(|_| list()).collect::<Vec<Vec<Watts>>>();
        Self {
            problem,
            point,
            solution: HorizonSolution {
                generators: lists(parts.generators.len()),
                charge: lists(parts.storages.len()),
                discharge: lists(parts.storages.len()),
                import: list(),
                export: list(),
                shed: lists(parts.tiers.len()),
                shift: parts
                    .shiftable
                    .iter()
                    .zip(&point.shift)
                    .map(|(load, wanted)| shifted(load, wanted))
                    .collect(),
            },
            corridors: parts.generators.iter().map(corridor).collect(),
            stored: parts.storages.iter().map(|storage| storage.initial_uwh).collect(),
        }
    }

    fn round(&mut self, t: usize) {
        let parts = self.problem.parts();
        let mut powers: Vec<i64> = Vec::with_capacity(parts.generators.len());
        for (number, wanted) in self.point.generators.iter().enumerate() {
            let (lo, hi) = self.room(number, t);
            powers.push(watts(wanted[t]).max(lo).min(hi));
        }
        let mut nets: Vec<i64> =
            (0..parts.storages.len()).map(|number| self.net(number, t)).collect();
        let quiet = |power: i64| if power < SHED_NOISE_W { 0 } else { power };
        let tiers = parts.tiers.iter().zip(&self.point.shed);
        let mut shed: Vec<i64> =
            tiers.map(|(tier, wanted)| quiet(watts(wanted[t])).min(tier.power[t].0)).collect();
        let supply = powers.iter().chain(&nets).chain(&shed).sum::<i64>();
        let shift = self.solution.shift.iter().map(|powers| powers[t].0).sum::<i64>();
        let mut missing = parts.demand[t].0 + shift - supply;
        let import = missing.clamp(0, parts.tie.import_max[t].0);
        let export = (-missing).clamp(0, parts.tie.export_max[t].0);
        missing -= import - export;
        self.settle(t, missing, &mut powers, &mut nets, &mut shed);
        self.solution.import.push(Watts(import));
        self.solution.export.push(Watts(export));
        for (list, power) in self.solution.generators.iter_mut().zip(powers) {
            list.push(Watts(power));
        }
        for (list, power) in self.solution.shed.iter_mut().zip(shed) {
            list.push(Watts(power));
        }
        for (number, net) in nets.into_iter().enumerate() {
            self.stored[number] = self.after(number, net);
            self.solution.charge[number].push(Watts((-net).max(0)));
            self.solution.discharge[number].push(Watts(net.max(0)));
        }
    }

    /// Bounds of a generator's power after the interval before.
    fn room(&self, number: usize, t: usize) -> (i64, i64) {
        let (mut lo, mut hi) = self.corridors[number][t];
        if let Some(ramp) = self.problem.parts().generators[number].ramp {
            let before = self.solution.generators[number].last().copied().unwrap_or(ramp.initial).0;
            (lo, hi) = (lo.max(before - ramp.down.0), hi.min(before + ramp.up.0));
        }
        (lo, hi.max(lo))
    }

    fn after(&self, number: usize, net: i64) -> i64 {
        let parts = self.problem.parts();
        let (charge, discharge) = (Watts((-net).max(0)), Watts(net.max(0)));
        parts.storages[number].after(self.stored[number], charge, discharge, parts.duration_s)
    }

    fn least_stored(&self, number: usize, t: usize) -> i64 {
        let last = t + 1 == self.problem.intervals();
        if last { self.problem.parts().storages[number].final_min_uwh } else { 0 }
    }

    /// Net discharge whose stored energy follows the point as whole watts allow.
    ///
    /// Stored energy falls as net discharge rises: the greatest net that still keeps the target, found from the
    /// point's own by a short search.
    fn net(&self, number: usize, t: usize) -> i64 {
        let storage = &self.problem.parts().storages[number];
        let wanted = self.point.discharge[number][t] - self.point.charge[number][t];
        let target = (self.point.stored[number][t] * energy_unit(self.problem)).round() as i64;
        let target = target.clamp(self.least_stored(number, t), storage.capacity_uwh);
        let (lo, hi) = (-storage.charge_max.0, storage.discharge_max.0);
        let keeps = |net: i64| self.after(number, net) >= target;
        let mut best = greatest(watts(wanted).clamp(lo, hi), lo, hi, keeps);
        while best < hi && self.after(number, best) > storage.capacity_uwh {
            best += 1;
        }
        best
    }

    /// Spreads what the tie could not take: less shedding, then generators without ramps, then with, storages, tiers.
    fn settle(
        &self,
        t: usize,
        mut missing: i64,
        powers: &mut [i64],
        nets: &mut [i64],
        shed: &mut [i64],
    ) {
        let parts = self.problem.parts();
        for power in shed.iter_mut() {
            let less = (-missing).clamp(0, *power);
            *power -= less;
            missing += less;
        }
        for with_ramp in [false, true] {
            for (number, generator) in parts.generators.iter().enumerate() {
                if missing == 0 {
                    return;
                }
                if generator.ramp.is_some() == with_ramp {
                    let (lo, hi) = self.room(number, t);
                    let moved = (powers[number] + missing).clamp(lo, hi) - powers[number];
                    powers[number] += moved;
                    missing -= moved;
                }
            }
        }
        for (number, storage) in parts.storages.iter().enumerate() {
            let least = self.least_stored(number, t);
            let stays =
                |net: i64| (least..=storage.capacity_uwh).contains(&self.after(number, net));
            let wanted =
                (nets[number] + missing).clamp(-storage.charge_max.0, storage.discharge_max.0);
            // Halving finds how far the store allows going.
            let (mut moved, mut step) = (0, wanted - nets[number]);
            while step != 0 {
                if stays(nets[number] + moved + step) && (moved + step).abs() <= missing.abs() {
                    moved += step;
                } else {
                    step /= 2;
                }
            }
            nets[number] += moved;
            missing -= moved;
        }
        for (tier, power) in parts.tiers.iter().zip(shed) {
            let more = missing.clamp(0, tier.power[t].0 - *power);
            *power += more;
            missing -= more;
        }
    }
}

/// Bounds of a generator's powers that leave the later ones within reach.
fn corridor(generator: &Generator) -> Vec<(i64, i64)> {
    let bounds = generator.power_min.iter().zip(&generator.power_max).map(|(lo, hi)| (lo.0, hi.0));
    let bounds: Vec<(i64, i64)> = bounds.collect();
    match generator.ramp {
        Some(ramp) => corridor_of(bounds, (ramp.up.0, ramp.down.0), |_| true),
        None => bounds,
    }
}

/// Bounds narrowed so that a rise and a fall of at most `ramp` from one to the next, where they are `joined`, reaches all.
pub(super) fn corridor_of(
    mut bounds: Vec<(i64, i64)>,
    ramp: (i64, i64),
    joined: impl Fn(usize) -> bool,
) -> Vec<(i64, i64)> {
    let mut later: Option<(i64, i64)> = None;
    for (t, (lo, hi)) in bounds.iter_mut().enumerate().rev() {
        if let (Some((later_lo, later_hi)), true) = (later, joined(t)) {
            *lo = (*lo).max(later_lo - ramp.0);
            *hi = (*hi).min(later_hi + ramp.1);
        }
        later = Some((*lo, *hi));
    }
    bounds
}

/// The greatest value in range that holds, for a property that fails above some value; `lo` where none does.
pub(super) fn greatest(start: i64, lo: i64, hi: i64, holds: impl Fn(i64) -> bool) -> i64 {
    let (mut good, mut bad) = (lo, hi + 1);
    let mut step = 1;
    if holds(start) {
        good = start;
        while good + step < bad {
            if !holds(good + step) {
                bad = good + step;
                break;
            }
            good += step;
            step *= 2;
        }
    } else {
        bad = start;
        while bad - step > good {
            if holds(bad - step) {
                good = bad - step;
                break;
            }
            bad -= step;
            step *= 2;
        }
    }
    while bad - good > 1 {
        let middle = good.midpoint(bad);
        if holds(middle) { good = middle } else { bad = middle }
    }
    good
}
