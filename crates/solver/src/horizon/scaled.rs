//! From whole quanta to floating point: kW, currency per MWh, stored energy in kW times intervals.

use super::{
    blocks::{Free, Ramped},
    boxed::Boxed,
    import::Import,
    store::{Store, StoreData},
};
use gridaccord_dispatch::horizon::{Boundary, Generator, Horizon, Storage};
use gridaccord_model::{CarbonMg, Price, Watts};

/// Half-pico-currency per Wh in one currency per MWh.
pub(super) const PRICE_UNIT: f64 = 2e6;
/// W in one kW.
pub(super) const POWER_UNIT: f64 = 1e3;
/// mg/kWh in one kg/kWh.
pub(super) const CARBON_UNIT: f64 = 1e6;
/// Couplings are tightened by this share, so that rounding to whole watts does not break them.
const MARGIN: f64 = 1e-6;

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
    /// Cap on carbon in kg per hour-equivalent of an interval; `None` without.
    pub(super) carbon_cap: Option<f64>,
    pub(super) free: Vec<Free>,
    pub(super) ramped: Vec<Ramped>,
    pub(super) stores: Vec<Store>,
    pub(super) import: Import,
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
    pub(super) fn new(problem: &Horizon, prices: &[f64], mu: f64) -> Self {
        let parts = problem.parts();
        let tie = &parts.tie;
        let started = |slope: &dyn Fn(usize) -> f64, curvature: f64, lo: Vec<f64>, hi: Vec<f64>| {
            let x: Vec<f64> = (0..lo.len())
                .map(|t| {
                    central(slope(t) - prices[t] + curvature * lo[t], curvature, lo[t], hi[t], mu)
                })
                .collect();
            Boxed::new(&x, &lo, &hi, mu)
        };
        let cap = cap(problem);
        let boundary = cap.map_or(Boundary::Operating, |(boundary, _)| boundary);
        let (mut free, mut ramped) = (Vec::new(), Vec::new());
        for generator in &parts.generators {
            let (quadratic, linear) = costs(generator);
            let carbon =
                intensity(boundary, generator.carbon_mg_per_kwh, generator.embodied_mg_per_kwh);
            let (lo, hi) = (powers(&generator.power_min), powers(&generator.power_max));
            if generator.ramp.is_some() {
                ramped.push(ramped_block(generator, (lo, hi), carbon, mu));
            } else {
                let power = started(&|_| linear, quadratic, lo, hi);
                free.push(Free::new(power, quadratic, vec![linear; prices.len()], carbon));
            }
        }
        for tier in &parts.tiers {
            let value = price(tier.value);
            let hi = powers(&tier.power);
            let power = started(&|_| value, 0.0, vec![0.0; hi.len()], hi);
            free.push(Free::new(power, 0.0, vec![value; prices.len()], 0.0));
        }
        let feed_in: Vec<f64> = tie.feed_in.iter().map(|feed_in| price(*feed_in)).collect();
        let least: Vec<f64> = powers(&tie.export_max).iter().map(|power| -power).collect();
        let power = started(&|t| feed_in[t], 0.0, least, vec![0.0; prices.len()]);
        free.push(Free::new(power, 0.0, feed_in, 0.0));
        let tariff: Vec<f64> = tie.tariff.iter().map(|tariff| price(*tariff)).collect();
        let carbon = (0..prices.len())
            .map(|t| intensity(boundary, tie.carbon_mg_per_kwh[t], tie.embodied_mg_per_kwh[t]))
            .collect();
        let power = started(&|t| tariff[t], 0.0, vec![0.0; prices.len()], powers(&tie.import_max));
        let mut import = Import::new(power, tariff, carbon);
        if tie.demand_charge > 0 {
            let charge = tie.demand_charge as f64 * 3.6 / f64::from(parts.duration_s);
            import = import.with_peak(charge, tie.peak_before.0 as f64 / POWER_UNIT, mu);
        }
        let hours = f64::from(parts.duration_s) / 3_600.0;
        let ceiling = (0..prices.len()).map(|t| {
            let ceiling = problem.reserve_ceiling(t).0 as f64 / POWER_UNIT;
            ceiling - MARGIN * ceiling.abs()
        });
        let mean = prices.iter().sum::<f64>() / prices.len() as f64;
        Self {
            demand: powers(&parts.demand),
            ceiling: ceiling.collect(),
            carbon_cap: cap.map(|(_, cap)| cap.0 as f64 / CARBON_UNIT / hours * (1.0 - MARGIN)),
            free,
            ramped,
            stores: parts
                .storages
                .iter()
                .map(|storage| store_block(problem, storage, mean, mu))
                .collect(),
            import,
            is_quadratic: parts.generators.iter().any(|generator| generator.quadratic > 0),
        }
    }
}

/// Quadratic and linear cost.
pub(super) fn costs(generator: &Generator) -> (f64, f64) {
    (generator.quadratic as f64 * 1e-3, generator.linear as f64 * 1e-6)
}

/// Carbon within a boundary, kg/kWh.
pub(super) fn intensity(boundary: Boundary, operating: i64, embodied: i64) -> f64 {
    boundary.carbon(operating, embodied) as f64 / CARBON_UNIT
}

/// Whether the structured interior point knows all constraints: at most one cap on carbon, over the horizon and of
/// nothing that storages emit, no shiftable loads and no N−1.
pub(super) fn fits(problem: &Horizon) -> bool {
    let parts = problem.parts();
    let limits = [&parts.carbon.operating, &parts.carbon.whole];
    let stored = parts.storages.iter().any(|storage| storage.embodied_mg_per_kwh > 0);
    parts.shiftable.is_empty()
        && parts.contingency.is_none()
        && limits.iter().all(|limit| limit.interval.is_empty())
        && limits.iter().filter(|limit| limit.horizon.is_some()).count() <= 1
        && !(stored && parts.carbon.whole.horizon.is_some())
}

/// The first cap over the horizon.
fn cap(problem: &Horizon) -> Option<(Boundary, CarbonMg)> {
    let limits = &problem.parts().carbon;
    Boundary::ALL
        .into_iter()
        .find_map(|boundary| limits.within(boundary).horizon.map(|cap| (boundary, cap)))
}

/// Starts at the power before the horizon: then no ramp is near its limit.
fn ramped_block(
    generator: &Generator,
    (lo, hi): (Vec<f64>, Vec<f64>),
    carbon: f64,
    mu: f64,
) -> Ramped {
    let (quadratic, linear) = costs(generator);
    let ramp = generator.ramp.expect("only generators with a ramp come here");
    let initial = ramp.initial.0 as f64 / POWER_UNIT;
    let inside =
        |(lo, hi): (&f64, &f64)| initial.clamp(lo + 0.02 * (hi - lo), hi - 0.02 * (hi - lo));
    let x: Vec<f64> = lo.iter().zip(&hi).map(inside).collect();
    let power = Boxed::new(&x, &lo, &hi, mu);
    let size = x.len();
    let (down, up) = (ramp.down.0 as f64 / POWER_UNIT, ramp.up.0 as f64 / POWER_UNIT);
    let change = Boxed::new(&vec![0.0; size], &vec![-down; size], &vec![up; size], mu);
    Ramped::new(power, change, (quadratic, linear), carbon, initial)
}

fn store_block(problem: &Horizon, storage: &Storage, value: f64, mu: f64) -> Store {
    let size = problem.intervals();
    let unit = energy_unit(problem);
    let ppb = |part: i64| part as f64 * 1e-9;
    let flat = |most: f64, start: f64| {
        Boxed::new(&vec![start * most; size], &vec![0.0; size], &vec![most; size], mu)
    };
    let capacity = storage.capacity_uwh as f64 / unit;
    let mut least = vec![0.0; size];
    if let Some(last) = least.last_mut() {
        *last = storage.final_min_uwh as f64 / unit;
    }
    let stored = Boxed::new(&vec![0.5 * capacity; size], &least, &vec![capacity; size], mu);
    let data = StoreData {
        charge: ppb(storage.charge_ppb),
        discharge: ppb(storage.discharge_ppb),
        keep: 1.0 - ppb(storage.loss_ppb),
        initial: storage.initial_uwh as f64 / unit,
        wear: storage.wear as f64 * 1e-6,
    };
    Store::new(
        flat(storage.charge_max.0 as f64 / POWER_UNIT, 0.3),
        flat(storage.discharge_max.0 as f64 / POWER_UNIT, 0.3),
        stored,
        value,
        data,
    )
}
