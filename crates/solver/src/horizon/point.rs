//! What either interior point found, in floating point and in the problem's own order.

use super::{ipm::Ipm, lanes::WIDTH};
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
        let parts = problem.parts();
        let free = |number: usize| {
            let (pack, lane) = (&scaled.free[number / WIDTH], number % WIDTH);
            pack.cells.iter().map(|cell| cell.power.x.0[lane]).collect::<Vec<f64>>()
        };
        let mut point = Self {
            price: ipm.charges.price.clone(),
            reserve: ipm.charges.reserve.clone(),
            carbon: std::array::from_fn(|boundary| {
                let (horizon, interval, excess) = scaled.rows.multipliers(boundary);
                Carbon { horizon, interval, excess }
            }),
            peak: scaled.import.kappa(),
            shift_value: ipm.charges.shift.clone(),
            ..Self::default()
        };
        let (mut without, mut with) = (0, 0);
        for generator in &parts.generators {
            if generator.ramp.is_some() {
                let (pack, lane) = (&scaled.ramped[with / WIDTH], with % WIDTH);
                point.generators.push(pack.power(lane).collect());
                point.ramp.push(pack.ramp(lane).collect());
                with += 1;
            } else {
                point.generators.push(free(without));
                point.ramp.push(Vec::new());
                without += 1;
            }
        }
        for number in 0..parts.storages.len() {
            let [charge, discharge, stored, value] =
                scaled.stores[number / WIDTH].lane(number % WIDTH);
            point.charge.push(charge);
            point.discharge.push(discharge);
            point.stored.push(stored);
            point.energy.push(value);
        }
        point.shed = (0..parts.tiers.len()).map(|tier| free(without + tier)).collect();
        point.shift = (0..parts.shiftable.len())
            .map(|load| {
                let (pack, lane) = (&scaled.shift[load / WIDTH], load % WIDTH);
                pack.cells.iter().map(|cell| cell.power.x.0[lane]).collect()
            })
            .collect();
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
