//! From whole quanta to floating point: kW, currency per MWh, stored energy in kW times intervals.

use super::{
    blocks::{BOUNDARIES, Free, FreeSpec},
    boxed::Boxed,
    import::Import,
    lanes::WIDTH,
    ramped::{Ramped, RampedSpec},
    rows::{CapSpec, Rows},
    shift::{Shift, ShiftSpec},
    store::{Store, StoreSpec},
};
use gridaccord_dispatch::horizon::{Boundary, Generator, Horizon, ShiftableLoad, Storage};
use gridaccord_model::{CarbonMg, Price, Watts};

/// Half-pico-currency per Wh in one currency per MWh.
pub(super) const PRICE_UNIT: f64 = 2e6;
/// W in one kW.
pub(super) const POWER_UNIT: f64 = 1e3;
/// mg/kWh in one kg/kWh.
pub(super) const CARBON_UNIT: f64 = 1e6;

pub(super) fn powers(powers: &[Watts]) -> Vec<f64> {
    powers.iter().map(|power| power.0 as f64 / POWER_UNIT).collect()
}

fn price(price: Price) -> f64 {
    price.0 as f64 * 1e-3
}

/// µWh in one kW times an interval.
pub(super) fn energy_unit(problem: &Horizon) -> f64 {
    f64::from(problem.parts().duration_s) / 3_600.0 * 1e9
}

/// The whole problem in floating point, started on the central path of `mu` around `prices`.
#[derive(Clone, Debug)]
pub(super) struct Scaled {
    pub(super) demand: Vec<f64>,
    /// Most that reserve providers may supply.
    pub(super) ceiling: Vec<f64>,
    pub(super) free: Vec<Free>,
    pub(super) ramped: Vec<Ramped>,
    pub(super) stores: Vec<Store>,
    pub(super) shift: Vec<Shift>,
    pub(super) loads: usize,
    pub(super) import: Import,
    pub(super) rows: Rows,
    pub(super) is_quadratic: bool,
}

/// Power on the central path: where the barrier's pull equals the slope at it.
pub(super) fn central(slope: f64, curvature: f64, lo: f64, hi: f64, mu: f64) -> f64 {
    let half = 0.5 * (hi - lo);
    if half <= 0.0 {
        return lo;
    }
    // mu·(1/(half + u) − 1/(half − u)) = slope without curvature: a quadratic in u, solved without cancellation.
    let at = |slope: f64| {
        let root = (mu * mu + slope * slope * half * half).sqrt();
        -slope * half * half / (mu + root)
    };
    let mut offset = at(slope + curvature * half);
    if curvature > 0.0 {
        // Two steps of a fixed point on the slope are start enough.
        for _ in 0..2 {
            offset = 0.5 * (offset + at(slope + curvature * (half + offset)));
        }
    }
    lo + half + offset
}

impl Scaled {
    /// Couplings are tightened by the share `margin`.
    pub(super) fn new(problem: &Horizon, prices: &[f64], mu: f64, margin: f64) -> Self {
        let parts = problem.parts();
        let size = prices.len();
        let mean = prices.iter().sum::<f64>() / size as f64;
        let (mut free, mut ramped) = (Vec::new(), Vec::new());
        for generator in &parts.generators {
            if generator.ramp.is_some() {
                ramped.push(ramped_spec(problem, generator));
            } else {
                free.push(free_spec(problem, generator, prices, mu));
            }
        }
        free.extend(parts.tiers.iter().map(|tier| {
            let linear = vec![price(tier.value); size];
            let hi = powers(&tier.power);
            started(prices, mu, FreeSpec { linear, hi, ..flat(size) })
        }));
        let tie = &parts.tie;
        let feed_in: Vec<f64> = tie.feed_in.iter().map(|feed_in| price(*feed_in)).collect();
        let least = powers(&tie.export_max).into_iter().map(|power| -power).collect();
        free.push(started(prices, mu, FreeSpec { linear: feed_in, lo: least, ..flat(size) }));
        let stores: Vec<StoreSpec> =
            parts.storages.iter().map(|storage| store_spec(problem, storage)).collect();
        let loads: Vec<ShiftSpec> = parts.shiftable.iter().map(shift_spec).collect();
        let caps = Boundary::ALL.map(|boundary| cap_spec(problem, boundary, margin));
        let energies: Vec<f64> = loads.iter().map(|load| load.sum).collect();
        let ceiling = (0..size).map(|t| {
            let ceiling = problem.reserve_ceiling(t).0 as f64 / POWER_UNIT;
            ceiling - margin * ceiling.abs()
        });
        Self {
            demand: powers(&parts.demand),
            ceiling: ceiling.collect(),
            free: free.chunks(WIDTH).map(|specs| Free::new(specs, size, mu)).collect(),
            ramped: ramped.chunks(WIDTH).map(|specs| Ramped::new(specs, size, mu)).collect(),
            stores: stores.chunks(WIDTH).map(|specs| Store::new(specs, size, mean, mu)).collect(),
            shift: loads
                .chunks(WIDTH)
                .enumerate()
                .map(|(pack, specs)| Shift::new(pack * WIDTH, specs, size, mu))
                .collect(),
            loads: loads.len(),
            import: import(problem, prices, mu),
            rows: Rows::new(&caps, &energies, mean, mu),
            is_quadratic: parts.generators.iter().any(|generator| generator.quadratic > 0),
        }
    }
}

/// Nothing, at no cost.
fn flat(size: usize) -> FreeSpec {
    let zero = vec![0.0; size];
    FreeSpec {
        x: Vec::new(),
        lo: zero.clone(),
        hi: zero.clone(),
        linear: zero,
        quadratic: 0.0,
        carbon: [0.0; BOUNDARIES],
    }
}

/// Starts on the central path around the prices.
fn started(prices: &[f64], mu: f64, mut spec: FreeSpec) -> FreeSpec {
    let at = |t: usize| {
        let (lo, hi, curvature) = (spec.lo[t], spec.hi[t], spec.quadratic);
        central(spec.linear[t] - prices[t] + curvature * lo, curvature, lo, hi, mu)
    };
    spec.x = (0..prices.len()).map(at).collect();
    spec
}

fn free_spec(problem: &Horizon, generator: &Generator, prices: &[f64], mu: f64) -> FreeSpec {
    let (quadratic, linear) = costs(generator);
    let spec = FreeSpec {
        x: Vec::new(),
        lo: powers(&generator.power_min),
        hi: powers(&generator.power_max),
        linear: vec![linear; prices.len()],
        quadratic,
        carbon: capped(problem, generator.carbon_mg_per_kwh, generator.embodied_mg_per_kwh),
    };
    started(prices, mu, spec)
}

fn import(problem: &Horizon, prices: &[f64], mu: f64) -> Import {
    let parts = problem.parts();
    let tie = &parts.tie;
    let linear: Vec<f64> = tie.tariff.iter().map(|tariff| price(*tariff)).collect();
    let spec = FreeSpec { linear, hi: powers(&tie.import_max), ..flat(prices.len()) };
    let FreeSpec { x, lo, hi, linear, .. } = started(prices, mu, spec);
    let mut carbon = [Vec::new(), Vec::new()];
    for (operating, embodied) in tie.carbon_mg_per_kwh.iter().zip(&tie.embodied_mg_per_kwh) {
        let own = capped(problem, *operating, *embodied);
        carbon.iter_mut().zip(own).for_each(|(list, carbon)| list.push(carbon));
    }
    let import = Import::new(Boxed::new(&x, &lo, &hi, mu), linear, carbon);
    if tie.demand_charge == 0 {
        return import;
    }
    let charge = tie.demand_charge as f64 * 3.6 / f64::from(parts.duration_s);
    import.with_peak(charge, tie.peak_before.0 as f64 / POWER_UNIT, mu)
}

/// Carbon within each boundary that has a cap, kg/kWh.
fn capped(problem: &Horizon, operating: i64, embodied: i64) -> [f64; BOUNDARIES] {
    Boundary::ALL.map(|boundary| {
        let limit = problem.parts().carbon.within(boundary);
        let is_capped = limit.horizon.is_some() || !limit.interval.is_empty();
        if is_capped { intensity(boundary, operating, embodied) } else { 0.0 }
    })
}

fn cap_spec(problem: &Horizon, boundary: Boundary, margin: f64) -> CapSpec {
    let limit = problem.parts().carbon.within(boundary);
    let unit = CARBON_UNIT * f64::from(problem.parts().duration_s) / 3_600.0;
    let mass = |mass: CarbonMg| mass.0 as f64 / unit * (1.0 - margin);
    CapSpec {
        horizon: limit.horizon.map(mass),
        interval: limit.interval.iter().map(|cap| mass(*cap)).collect(),
        excess_interval: limit.excess_interval.0 as f64 / unit,
        excess_horizon: mass(limit.excess_horizon),
    }
}

fn shift_spec(load: &ShiftableLoad) -> ShiftSpec {
    ShiftSpec { hi: powers(&load.power_max), sum: load.power_sum.0 as f64 / POWER_UNIT }
}

/// Quadratic and linear cost.
pub(super) fn costs(generator: &Generator) -> (f64, f64) {
    (generator.quadratic as f64 * 1e-3, generator.linear as f64 * 1e-6)
}

/// Carbon within a boundary, kg/kWh.
pub(super) fn intensity(boundary: Boundary, operating: i64, embodied: i64) -> f64 {
    boundary.carbon(operating, embodied) as f64 / CARBON_UNIT
}

/// Whether the structured interior point knows all constraints: no N−1, caps on each interval's carbon within one
/// boundary at most, and of nothing that storages emit.
pub(super) fn fits(problem: &Horizon) -> bool {
    let parts = problem.parts();
    let limits = [&parts.carbon.operating, &parts.carbon.whole];
    let stored = parts.storages.iter().any(|storage| storage.embodied_mg_per_kwh > 0);
    parts.contingency.is_none()
        && limits.iter().filter(|limit| !limit.interval.is_empty()).count() <= 1
        && (!stored || parts.carbon.whole.interval.is_empty())
}

/// Starts at the power before the horizon: then no ramp is near its limit.
fn ramped_spec(problem: &Horizon, generator: &Generator) -> RampedSpec {
    let (quadratic, linear) = costs(generator);
    let ramp = generator.ramp.expect("only generators with a ramp come here");
    let initial = ramp.initial.0 as f64 / POWER_UNIT;
    let (lo, hi) = (powers(&generator.power_min), powers(&generator.power_max));
    let inside =
        |(lo, hi): (&f64, &f64)| initial.clamp(lo + 0.02 * (hi - lo), hi - 0.02 * (hi - lo));
    RampedSpec {
        x: lo.iter().zip(&hi).map(inside).collect(),
        lo,
        hi,
        quadratic,
        linear,
        carbon: capped(problem, generator.carbon_mg_per_kwh, generator.embodied_mg_per_kwh),
        initial,
        down: ramp.down.0 as f64 / POWER_UNIT,
        up: ramp.up.0 as f64 / POWER_UNIT,
    }
}

fn store_spec(problem: &Horizon, storage: &Storage) -> StoreSpec {
    let unit = energy_unit(problem);
    let ppb = |part: i64| part as f64 * 1e-9;
    StoreSpec {
        charge_max: storage.charge_max.0 as f64 / POWER_UNIT,
        discharge_max: storage.discharge_max.0 as f64 / POWER_UNIT,
        capacity: storage.capacity_uwh as f64 / unit,
        last: storage.final_min_uwh as f64 / unit,
        charge: ppb(storage.charge_ppb),
        discharge: ppb(storage.discharge_ppb),
        keep: 1.0 - ppb(storage.loss_ppb),
        initial: storage.initial_uwh as f64 / unit,
        wear: storage.wear as f64 * 1e-6,
        carbon: capped(problem, 0, storage.embodied_mg_per_kwh),
    }
}
