//! From floating point to whole watts that keep every limit, and to whole multipliers.
//!
//! Rounding is done where it costs least: ramps and stores are walked in time so that each step stays possible, and
//! what is left of the balance goes to whoever is cheapest to move: the tie, then generators without ramps, tiers,
//! generators within their ramps.

use super::{
    boxed::Boxed,
    ipm::Ipm,
    scaled::{POWER_UNIT, PRICE_UNIT, energy_unit},
};
use gridaccord_dispatch::horizon::{
    Generator, Horizon, HorizonAnswer, HorizonCertificate, HorizonSolution, MULTIPLIER_MAX, Storage,
};
use gridaccord_model::Watts;

/// Shedding below this many W is the barrier's, not the load's.
const SHED_NOISE_W: i64 = 20;
/// Scale of the carbon multiplier, 2²⁰, in its floating-point unit.
const CARBON_SCALE: f64 = PRICE_UNIT / 1e6 * 1_048_576.0;

pub(super) fn answer(problem: &Horizon, ipm: &Ipm) -> HorizonAnswer {
    HorizonAnswer { solution: solution(problem, ipm), certificate: certificate(problem, ipm) }
}

fn watts(power: f64) -> i64 {
    (power * POWER_UNIT).round() as i64
}

fn certificate(problem: &Horizon, ipm: &Ipm) -> HorizonCertificate {
    let whole =
        |value: f64| ((value * PRICE_UNIT).round() as i64).clamp(-MULTIPLIER_MAX, MULTIPLIER_MAX);
    let positive = |value: f64| whole(value).max(0);
    let mut ramped = ipm.scaled.ramped.iter();
    let ramp = problem.parts().generators.iter().map(|generator| match generator.ramp {
        Some(_) => {
            let block = ramped.next().expect("one block per generator with a ramp");
            (0..problem.intervals()).map(|t| whole(block.ramp_multiplier(t))).collect()
        }
        None => Vec::new(),
    });
    let carbon_max = (MULTIPLIER_MAX >> 21) << 20;
    HorizonCertificate {
        price: ipm.multipliers.price.iter().map(|value| whole(*value)).collect(),
        reserve: ipm.multipliers.reserve.iter().map(|value| positive(*value)).collect(),
        carbon: ((ipm.multipliers.carbon * CARBON_SCALE).round() as i64).clamp(0, carbon_max),
        peak: ipm.scaled.import.kappa().iter().map(|value| positive(*value)).collect(),
        ramp: ramp.collect(),
        energy: ipm
            .scaled
            .stores
            .iter()
            .map(|store| store.value.iter().map(|value| whole(*value)).collect())
            .collect(),
    }
}

fn solution(problem: &Horizon, ipm: &Ipm) -> HorizonSolution {
    let parts = problem.parts();
    let (mut free, mut ramped) = (ipm.scaled.free.iter(), ipm.scaled.ramped.iter());
    let mut generators: Vec<Vec<i64>> = parts
        .generators
        .iter()
        .map(|generator| match generator.ramp {
            Some(_) => walked(
                generator,
                &ramped.next().expect("one block per generator with a ramp").power,
            ),
            None => {
                clamped(generator, &free.next().expect("one block per generator without").power)
            }
        })
        .collect();
    let mut shed: Vec<Vec<i64>> = parts
        .tiers
        .iter()
        .map(|tier| {
            let wanted = &free.next().expect("one block per tier").power;
            let quiet = |power: i64| if power < SHED_NOISE_W { 0 } else { power };
            wanted
                .values()
                .zip(&tier.power)
                .map(|(wanted, most)| quiet(watts(wanted)).min(most.0))
                .collect()
        })
        .collect();
    let unit = energy_unit(problem);
    let flows: Vec<(Vec<i64>, Vec<i64>)> = parts
        .storages
        .iter()
        .zip(&ipm.scaled.stores)
        .map(|(storage, store)| {
            let targets = store
                .stored
                .values()
                .map(|stored| (stored * unit).round() as i64)
                .collect::<Vec<_>>();
            let nets: Vec<f64> = store
                .discharge
                .values()
                .zip(store.charge.values())
                .map(|(discharge, charge)| discharge - charge)
                .collect();
            tracked(storage, &targets, &nets, parts.duration_s)
        })
        .collect();
    let (mut import, mut export) = (vec![0; problem.intervals()], vec![0; problem.intervals()]);
    for t in 0..problem.intervals() {
        let mut missing = parts.demand[t].0;
        missing -= generators.iter().map(|powers| powers[t]).sum::<i64>();
        missing -= shed.iter().map(|powers| powers[t]).sum::<i64>();
        missing -= flows.iter().map(|(charge, discharge)| discharge[t] - charge[t]).sum::<i64>();
        import[t] = missing.clamp(0, parts.tie.import_max[t].0);
        export[t] = (-missing).clamp(0, parts.tie.export_max[t].0);
        missing -= import[t] - export[t];
        settle(problem, t, missing, &mut generators, &mut shed);
    }
    let list = |powers: Vec<i64>| powers.into_iter().map(Watts).collect::<Vec<Watts>>();
    let (charge, discharge) =
        flows.into_iter().map(|(charge, discharge)| (list(charge), list(discharge))).unzip();
    HorizonSolution {
        generators: generators.into_iter().map(list).collect(),
        charge,
        discharge,
        import: list(import),
        export: list(export),
        shed: shed.into_iter().map(list).collect(),
    }
}

/// Rounded within the interval's bounds.
fn clamped(generator: &Generator, wanted: &Boxed) -> Vec<i64> {
    let bounds = generator.power_min.iter().zip(&generator.power_max);
    wanted.values().zip(bounds).map(|(wanted, (lo, hi))| watts(wanted).clamp(lo.0, hi.0)).collect()
}

/// Rounded forward in time, each step within bounds and ramp.
fn walked(generator: &Generator, wanted: &Boxed) -> Vec<i64> {
    let Some(ramp) = generator.ramp else { return clamped(generator, wanted) };
    let mut before = ramp.initial.0;
    let step = |(t, wanted): (usize, f64)| {
        let (lo, hi) = (generator.power_min[t].0, generator.power_max[t].0);
        let (lo, hi) = (lo.max(before - ramp.down.0), hi.min(before + ramp.up.0));
        before = watts(wanted).max(lo).min(hi);
        before
    };
    wanted.values().enumerate().map(step).collect()
}

/// Charge and discharge, never both, whose stored energy follows the targets as whole watts allow.
fn tracked(
    storage: &Storage,
    targets: &[i64],
    nets: &[f64],
    duration_s: u32,
) -> (Vec<i64>, Vec<i64>) {
    let (mut charges, mut discharges) =
        (Vec::with_capacity(targets.len()), Vec::with_capacity(targets.len()));
    let mut stored = storage.initial_uwh;
    for (t, (target, net)) in targets.iter().zip(nets).enumerate() {
        let least = if t + 1 == targets.len() { storage.final_min_uwh } else { 0 };
        let target = (*target).clamp(least, storage.capacity_uwh);
        let after =
            |net: i64| storage.after(stored, Watts((-net).max(0)), Watts(net.max(0)), duration_s);
        // Stored energy falls as net discharge rises: the greatest net that still keeps the target, found from
        // the solver's own by a short search.
        let (lo, hi) = (-storage.charge_max.0, storage.discharge_max.0);
        let keeps = |net: i64| after(net) >= target;
        let mut best = greatest(watts(*net).clamp(lo, hi), lo, hi, keeps);
        while best < hi && after(best) > storage.capacity_uwh {
            best += 1;
        }
        stored = after(best);
        charges.push((-best).max(0));
        discharges.push(best.max(0));
    }
    (charges, discharges)
}

/// The greatest value in range that holds, for a property that fails above some value; `lo` where none does.
fn greatest(start: i64, lo: i64, hi: i64, holds: impl Fn(i64) -> bool) -> i64 {
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

/// Spreads what the tie could not take.
fn settle(
    problem: &Horizon,
    t: usize,
    mut missing: i64,
    generators: &mut [Vec<i64>],
    shed: &mut [Vec<i64>],
) {
    let parts = problem.parts();
    // A surplus first ends shedding.
    for powers in shed.iter_mut() {
        let less = (-missing).clamp(0, powers[t]);
        powers[t] -= less;
        missing += less;
    }
    for with_ramp in [false, true] {
        for (generator, powers) in parts.generators.iter().zip(generators.iter_mut()) {
            if missing == 0 {
                return;
            }
            if generator.ramp.is_some() == with_ramp {
                let (lo, hi) = room(generator, powers, t);
                let moved = (powers[t] + missing).clamp(lo, hi.max(lo)) - powers[t];
                powers[t] += moved;
                missing -= moved;
            }
        }
    }
    for (tier, powers) in parts.tiers.iter().zip(shed) {
        let more = missing.clamp(0, tier.power[t].0 - powers[t]);
        powers[t] += more;
        missing -= more;
    }
}

/// Bounds of a power given its neighbours in time.
fn room(generator: &Generator, powers: &[i64], t: usize) -> (i64, i64) {
    let (mut lo, mut hi) = (generator.power_min[t].0, generator.power_max[t].0);
    if let Some(ramp) = generator.ramp {
        let before = if t > 0 { powers[t - 1] } else { ramp.initial.0 };
        (lo, hi) = (lo.max(before - ramp.down.0), hi.min(before + ramp.up.0));
        if let Some(after) = powers.get(t + 1) {
            (lo, hi) = (lo.max(after - ramp.up.0), hi.min(after + ramp.down.0));
        }
    }
    (lo, hi)
}
