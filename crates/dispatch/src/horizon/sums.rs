//! Sums of the Lagrangian's terms by interval: what [`lagrangian`] states for one resource in one interval, in
//! straight loops over all intervals of a resource. The same integers, without N−1 at a fraction of the time.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "the budgets of the Lagrangian and below bound every sum and product in this file"
)]

use super::{
    Generator, HorizonCertificate, Storage,
    lagrangian::{self, Coupling, OwnStore, PPB, SCALE, SCALE_BITS, Term, wide},
};

/// Numbers below which a storage's slopes, the scale left out, stay in i64.
const NARROW: i128 = 1 << 62;

/// Sums over resources, by interval.
pub(super) struct Sums {
    couplings: Vec<Coupling>,
    /// −λ, and ρ − λ.
    plain: Vec<i64>,
    provided: Vec<i64>,
    /// μ + ν of both boundaries and of the wider one; empty where all are zero.
    carbon: Vec<(i64, i64)>,
    /// Slopes of the resource at hand.
    slopes: Vec<i64>,
    /// Scaled minima.
    pub(super) minimum: Vec<i128>,
    /// Minima of storages' flows, in their unit.
    pub(super) flow: Vec<i128>,
    /// Supply at the price, and at one less.
    pub(super) supply: Vec<i64>,
    pub(super) below: Vec<i64>,
}

impl Sums {
    pub(super) fn new(certificate: &HorizonCertificate) -> Self {
        let size = certificate.price.len();
        let couplings: Vec<Coupling> =
            (0..size).map(|interval| certificate.coupling(interval)).collect();
        let charged = couplings.iter().any(|coupling| coupling.carbon != 0);
        let carbon = |coupling: &Coupling| (coupling.carbon, coupling.embodied);
        Self {
            plain: couplings.iter().map(|coupling| -coupling.price).collect(),
            provided: couplings.iter().map(|coupling| coupling.reserve - coupling.price).collect(),
            carbon: if charged { couplings.iter().map(carbon).collect() } else { Vec::new() },
            couplings,
            slopes: vec![0; size],
            minimum: vec![0; size],
            flow: vec![0; size],
            supply: vec![0; size],
            below: vec![0; size],
        }
    }

    pub(super) fn couplings(&self) -> &[Coupling] {
        &self.couplings
    }

    pub(super) fn add(&mut self, interval: usize, term: Term) {
        self.minimum[interval] += term.minimum;
        self.supply[interval] += term.supply;
        self.below[interval] += term.supply_below;
    }

    /// A generator without N−1: no response, no multiplier of its loss.
    pub(super) fn add_generator(&mut self, generator: &Generator, ramp: &[i64]) {
        self.take_slopes(generator, ramp);
        let powers = generator.power_min.iter().zip(&generator.power_max);
        let terms = self.slopes.iter().zip(powers);
        let sums = self.minimum.iter_mut().zip(self.supply.iter_mut().zip(&mut self.below));
        if generator.quadratic == 0 {
            for ((slope, (lo, hi)), (minimum, (supply, below))) in terms.zip(sums) {
                let at = |slope: i64| if slope > 0 { lo.0 } else { hi.0 };
                let at_price = at(*slope);
                *minimum = minimum.wrapping_add(wide(*slope, at_price));
                *supply = supply.wrapping_add(at_price);
                *below = below.wrapping_add(at(slope.wrapping_add(SCALE)));
            }
            return;
        }
        let quadratic = generator.quadratic * SCALE;
        for ((slope, (lo, hi)), (minimum, (supply, below))) in terms.zip(sums) {
            let term = lagrangian::convex(quadratic, *slope, lo.0, hi.0);
            *minimum = minimum.wrapping_add(term.minimum);
            *supply = supply.wrapping_add(term.supply);
            *below = below.wrapping_add(term.supply_below);
        }
    }

    /// Scaled charge per W, in three passes that stay in the nearest cache.
    fn take_slopes(&mut self, generator: &Generator, ramp: &[i64]) {
        let twice = 2 * generator.linear;
        let charges = if generator.ramp.is_some() { &self.provided } else { &self.plain };
        for (slope, charge) in self.slopes.iter_mut().zip(charges) {
            *slope = twice.wrapping_add(*charge).wrapping_mul(SCALE);
        }
        let last = ramp.last().copied();
        let changes = ramp.windows(2).map(|pair| pair[0].wrapping_sub(pair[1])).chain(last);
        for (slope, change) in self.slopes.iter_mut().zip(changes) {
            *slope = slope.wrapping_add(change.wrapping_mul(SCALE));
        }
        let (operating, embodied) = (generator.carbon_mg_per_kwh, generator.embodied_mg_per_kwh);
        if operating != 0 || embodied != 0 {
            for (slope, (carbon, whole)) in self.slopes.iter_mut().zip(&self.carbon) {
                let emission =
                    carbon.wrapping_mul(operating).wrapping_add(whole.wrapping_mul(embodied));
                *slope = slope.wrapping_add(emission);
            }
        }
    }

    /// A storage's flows without N−1: no response, no multiplier of its loss.
    pub(super) fn add_storage(&mut self, storage: &Storage, energy: &[i64]) {
        let most = |values: &[i64]| values.iter().fold(0, |most: i64, value| most.max(value.abs()));
        let price = most(&self.provided) + 2 * storage.wear + 1;
        let room = wide(price, PPB) + wide(most(energy), storage.discharge_ppb);
        let is_charged = storage.embodied_mg_per_kwh != 0 && !self.carbon.is_empty();
        if is_charged || room >= NARROW {
            for (interval, energy) in energy.iter().enumerate() {
                let own = OwnStore { energy: *energy, ..OwnStore::default() };
                let term = lagrangian::storage(storage, own, self.couplings[interval]);
                self.flow[interval] += term.minimum;
                self.add(interval, Term { minimum: 0, ..term });
            }
            return;
        }
        self.add_narrow_storage(storage, energy);
    }

    /// The same with slopes in i64, ppb kept and the scale left out.
    fn add_narrow_storage(&mut self, storage: &Storage, energy: &[i64]) {
        let (charge_max, discharge_max) = (storage.charge_max.0, storage.discharge_max.0);
        let at = |charge: i64, discharge: i64| {
            let charged = wide(charge.min(0), charge_max);
            let discharged = wide(discharge.min(0), discharge_max);
            let supply = if discharge <= 0 && discharged <= charged {
                discharge_max
            } else if charge < 0 {
                -charge_max
            } else {
                0
            };
            (charged.min(discharged), supply)
        };
        let wear = (2 * storage.wear).wrapping_mul(PPB);
        let sums = self.flow.iter_mut().zip(self.supply.iter_mut().zip(&mut self.below));
        for ((provided, energy), (flow, (supply, below))) in
            self.provided.iter().zip(energy).zip(sums)
        {
            let value = provided.wrapping_mul(-PPB);
            let charge = value.wrapping_sub(energy.wrapping_mul(storage.charge_ppb));
            let discharge =
                wear.wrapping_sub(value).wrapping_add(energy.wrapping_mul(storage.discharge_ppb));
            let (minimum, at_price) = at(charge, discharge);
            let (_, at_less) = at(charge.wrapping_sub(PPB), discharge.wrapping_add(PPB));
            *flow = flow.wrapping_add(minimum >> (lagrangian::FLOW_BITS - SCALE_BITS));
            *supply = supply.wrapping_add(at_price);
            *below = below.wrapping_add(at_less);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        Ramp,
        lagrangian::Own,
        limits::{CARBON_MAX, MARGINAL_MAX, MULTIPLIER_MAX, POWER_MAX, QUADRATIC_MAX},
    };
    use super::*;
    use gridaccord_model::Watts;
    use proptest::prelude::*;

    /// Small values, where kinks are, and values up to the limit.
    fn number(limit: i64) -> impl Strategy<Value = i64> {
        prop_oneof![-90i64..=90, -limit..=limit, Just(limit), Just(-limit)]
    }

    fn list(limit: i64) -> impl Strategy<Value = Vec<i64>> {
        prop::collection::vec(number(limit), 4)
    }

    fn certificate(
        price: Vec<i64>,
        reserve: &[i64],
        carbon: (i64, i64),
        is_charged: bool,
    ) -> HorizonCertificate {
        let size = price.len();
        let mut certificate = HorizonCertificate {
            price,
            reserve: reserve.iter().map(|value| value.abs()).collect(),
            peak: vec![0; size],
            ..HorizonCertificate::default()
        };
        if is_charged {
            certificate.carbon[0].horizon = carbon.0.abs();
            certificate.carbon[1].horizon = carbon.1.abs();
        }
        certificate
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn generators_are_the_sums_of_their_terms(
            (price, reserve, ramp) in (list(MULTIPLIER_MAX), list(MULTIPLIER_MAX), list(MULTIPLIER_MAX)),
            (carbon, is_charged) in ((number(1 << 36), number(1 << 36)), any::<bool>()),
            (quadratic, linear, is_ramped) in (number(QUADRATIC_MAX), number(MARGINAL_MAX), any::<bool>()),
            (lows, widths) in (list(1 << 20), list(POWER_MAX / 2)),
            (operating, embodied) in (0..=CARBON_MAX / 2, 0..=CARBON_MAX / 2),
        ) {
            let lows: Vec<Watts> = lows.iter().map(|low| Watts(low.abs())).collect();
            let highs: Vec<Watts> =
                lows.iter().zip(&widths).map(|(low, width)| Watts(low.0 + width.abs())).collect();
            let most = highs.iter().map(|high| high.0).max().unwrap();
            let room = (MARGINAL_MAX - linear) / most.max(1);
            let ramp_limit = Ramp { up: Watts(1), down: Watts(1), initial: Watts(0) };
            let generator = Generator {
                power_min: lows,
                power_max: highs,
                quadratic: quadratic.abs().min(room),
                linear,
                ramp: is_ramped.then_some(ramp_limit),
                carbon_mg_per_kwh: operating,
                embodied_mg_per_kwh: embodied,
            };
            let mut certificate = certificate(price, &reserve, carbon, is_charged);
            certificate.ramp = vec![if is_ramped { ramp } else { Vec::new() }];
            let mut sums = Sums::new(&certificate);
            sums.add_generator(&generator, &certificate.ramp[0]);
            for interval in 0..4 {
                let own = Own { ramp: certificate.ramp_slope(0, interval), ..Own::default() };
                let coupling = certificate.coupling(interval);
                let term = lagrangian::generator(&generator, own, interval, coupling);
                let found =
                    (sums.minimum[interval], sums.supply[interval], sums.below[interval]);
                prop_assert_eq!(found, (term.minimum, term.supply, term.supply_below));
            }
        }

        #[test]
        fn storages_are_the_sums_of_their_terms(
            (price, reserve, energy) in (
                prop_oneof![list(1 << 30), list(MULTIPLIER_MAX)],
                prop_oneof![list(1 << 20), list(MULTIPLIER_MAX)],
                prop_oneof![list(1 << 28), list(MULTIPLIER_MAX)],
            ),
            (carbon, is_charged) in ((number(1 << 36), number(1 << 36)), any::<bool>()),
            (charge_max, discharge_max, wear) in (0..=POWER_MAX, 0..=POWER_MAX, 0..1i64 << 28),
            (charge_ppb, discharge_ppb) in (1..=PPB, PPB..=4 * PPB),
            embodied in prop_oneof![Just(0), 0..=CARBON_MAX],
        ) {
            let storage = Storage {
                charge_max: Watts(charge_max),
                discharge_max: Watts(discharge_max),
                charge_ppb,
                discharge_ppb,
                loss_ppb: 0,
                capacity_uwh: 0,
                initial_uwh: 0,
                final_min_uwh: 0,
                wear,
                embodied_mg_per_kwh: embodied,
            };
            let certificate = certificate(price, &reserve, carbon, is_charged);
            let mut sums = Sums::new(&certificate);
            sums.add_storage(&storage, &energy);
            for (interval, energy) in energy.iter().enumerate() {
                let own = OwnStore { energy: *energy, ..OwnStore::default() };
                let term = lagrangian::storage(&storage, own, certificate.coupling(interval));
                let found = (sums.flow[interval], sums.supply[interval], sums.below[interval]);
                prop_assert_eq!(found, (term.minimum, term.supply, term.supply_below));
            }
        }
    }
}
