//! What either interior point found, in floating point and in the problem's own order.

use super::ipm::Ipm;
use gridaccord_dispatch::horizon::Horizon;

/// Powers in kW, energy in kW times intervals, multipliers in currency per MWh; by resource, then interval.
#[derive(Clone, Debug, Default)]
pub(super) struct Point {
    pub(super) generators: Vec<Vec<f64>>,
    pub(super) charge: Vec<Vec<f64>>,
    pub(super) discharge: Vec<Vec<f64>>,
    pub(super) stored: Vec<Vec<f64>>,
    pub(super) shed: Vec<Vec<f64>>,
    /// λ.
    pub(super) price: Vec<f64>,
    /// ρ.
    pub(super) reserve: Vec<f64>,
    /// μ, ν, ξ by boundary, per kg/kWh.
    pub(super) carbon: [Carbon; 2],
    /// κ.
    pub(super) peak: Vec<f64>,
    /// w; empty for a generator without ramp limit.
    pub(super) ramp: Vec<Vec<f64>>,
    /// π.
    pub(super) energy: Vec<Vec<f64>>,
    /// Consumption of shiftable loads.
    pub(super) shift: Vec<Vec<f64>>,
    /// φ.
    pub(super) shift_value: Vec<f64>,
    /// ρ of losing each source, and θ; empty without N−1.
    pub(super) loss: Vec<Vec<f64>>,
    pub(super) hold: Vec<Vec<f64>>,
}

/// Multipliers of the caps on carbon within one boundary.
#[derive(Clone, Debug, Default)]
pub(super) struct Carbon {
    pub(super) horizon: f64,
    /// Empty without caps of intervals.
    pub(super) interval: Vec<f64>,
    pub(super) excess: f64,
}

impl Point {
    pub(super) fn of(problem: &Horizon, ipm: &Ipm) -> Self {
        let scaled = &ipm.scaled;
        let (mut free, mut ramped) = (scaled.free.iter(), scaled.ramped.iter());
        let limits = &problem.parts().carbon;
        let capped = [&limits.operating, &limits.whole].map(|limit| limit.horizon.is_some());
        let mut point = Self {
            price: ipm.multipliers.price.clone(),
            reserve: ipm.multipliers.reserve.clone(),
            carbon: std::array::from_fn(|at| Carbon {
                horizon: if capped[at] { ipm.multipliers.carbon } else { 0.0 },
                ..Carbon::default()
            }),
            peak: scaled.import.kappa(),
            energy: scaled.stores.iter().map(|store| store.value.clone()).collect(),
            charge: scaled.stores.iter().map(|store| store.charge.values().collect()).collect(),
            discharge: scaled
                .stores
                .iter()
                .map(|store| store.discharge.values().collect())
                .collect(),
            stored: scaled.stores.iter().map(|store| store.stored.values().collect()).collect(),
            ..Self::default()
        };
        for generator in &problem.parts().generators {
            if generator.ramp.is_some() {
                let block = ramped.next().expect("one block per generator with a ramp");
                point.generators.push(block.power.values().collect());
                let multipliers = (0..problem.intervals()).map(|t| block.ramp_multiplier(t));
                point.ramp.push(multipliers.collect());
            } else {
                let block = free.next().expect("one block per generator without");
                point.generators.push(block.power.values().collect());
                point.ramp.push(Vec::new());
            }
        }
        for _ in &problem.parts().tiers {
            let block = free.next().expect("one block per tier");
            point.shed.push(block.power.values().collect());
        }
        point
    }

    /// Whether a storage charges and discharges at once by more than a watt.
    pub(super) fn goes_both_ways(&self) -> bool {
        let pairs = self.charge.iter().flatten().zip(self.discharge.iter().flatten());
        pairs.into_iter().any(|(charge, discharge)| charge.min(*discharge) > 1e-3)
    }

    /// Multipliers as large as a certificate may state: a proof of infeasibility has no size of its own.
    pub(super) fn enlarge(&mut self, largest: f64) {
        let Self { price, reserve, peak, ramp, energy, shift_value, carbon, loss, hold, .. } = self;
        let caps = carbon
            .iter_mut()
            .flat_map(|cap| cap.interval.iter_mut().chain([&mut cap.horizon, &mut cap.excess]));
        let nested = ramp.iter_mut().chain(energy).chain(loss).chain(hold).flatten();
        let lists = price.iter_mut().chain(reserve).chain(peak).chain(shift_value);
        let mut all: Vec<&mut f64> = lists.chain(nested).chain(caps).collect();
        let greatest = all.iter().fold(0.0f64, |most, value| most.max(value.abs()));
        if greatest > 0.0 {
            all.iter_mut().for_each(|value| **value *= largest / greatest);
        }
    }
}
