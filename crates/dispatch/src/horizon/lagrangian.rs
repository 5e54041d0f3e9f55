//! The Lagrangian of a horizon, term by term: minima over bounds in closed form, and supply at a price.
//!
//! Terms of one interval are doubled cost per hour (half-pico-currency), scaled by 2²⁰ so that the carbon
//! multiplier has resolution; energy terms are doubled [`Picos`](gridaccord_model::Picos). Floors are floors:
//! `div_euclid` and arithmetic shifts, never truncation, so that no signed term is lifted.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "the budget below bounds every sum and product in this file"
)]

use super::{
    Contingency, Generator, Horizon, HorizonCertificate, ShiftableLoad, Storage,
    limits::{
        CARBON_MAX, ENERGY_MAX, HORIZON_INTERVALS_MAX, HORIZON_RESOURCES_MAX, MARGINAL_MAX,
        MULTIPLIER_MAX, POWER_MAX, QUADRATIC_MAX,
    },
};

/// Scale of interval terms.
pub(super) const SCALE_BITS: u32 = 20;
pub(super) const SCALE: i64 = 1 << SCALE_BITS;
/// Largest carbon multiplier: times the largest intensity it is a multiplier's size.
pub(super) const CARBON_MULTIPLIER_MAX: i64 = (MULTIPLIER_MAX / CARBON_MAX) << SCALE_BITS;
pub(super) const PPB: i64 = 1_000_000_000;
/// Minima of storages' flows are kept in units of 2⁴⁰ ppb of the scaled ones: a shift floors, where a division by
/// 10⁹ for each would be most of a check's time.
pub(super) const FLOW_BITS: u32 = 40;
/// Half-pico-currency per Wh times 10⁻⁹·µWh in doubled Picos: 3,600 s/h over 10⁹·10⁶.
const ENERGY_NUMERATOR: i128 = 9;
const ENERGY_DIVISOR: i128 = 2_500_000_000_000;

// Overflow budget.
const _: () = {
    // A slope is at most twelve multipliers' sizes, scaled; with 2a' added twice it stays in i64.
    assert!(2 * MARGINAL_MAX <= MULTIPLIER_MAX);
    assert!(12 * MULTIPLIER_MAX < (i64::MAX >> SCALE_BITS) / 2);
    assert!(QUADRATIC_MAX < MULTIPLIER_MAX / 4);
    // a'·hi is at most two marginal costs, so what the last watt costs stays in i64 as well.
    assert!(4 * MARGINAL_MAX + 12 * MULTIPLIER_MAX + QUADRATIC_MAX < i64::MAX >> SCALE_BITS);
    // Storage slopes carry ppb beside the scale.
    assert!(
        (12 * MULTIPLIER_MAX as i128 * SCALE as i128) * (4 * PPB as i128) * (POWER_MAX as i128)
            < 1 << 126
    );
    // Sums of flows, in their unit, times less than 10⁹.
    let flow =
        (12 * MULTIPLIER_MAX as i128 * SCALE as i128) * (4 * PPB as i128) * POWER_MAX as i128;
    assert!((flow >> FLOW_BITS) * HORIZON_RESOURCES_MAX as i128 * (PPB as i128) < i128::MAX);
    // Energy terms carry ppb and µWh.
    assert!(
        3 * MULTIPLIER_MAX as i128 * PPB as i128 * ENERGY_NUMERATOR * ENERGY_MAX as i128
            <= 1 << 123
    );
};

/// A product that cannot overflow, without the check that wide products otherwise carry.
#[inline]
pub(super) fn wide(one: i64, other: i64) -> i128 {
    i128::from(one).wrapping_mul(i128::from(other))
}

/// What the multipliers of one interval charge everybody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Coupling {
    /// λ.
    pub(super) price: i64,
    /// ρ.
    pub(super) reserve: i64,
    /// μ + ν of both boundaries: each charges what operation emits.
    pub(super) carbon: i64,
    /// μ + ν of the wider boundary: charges what is embodied.
    pub(super) embodied: i64,
    /// κ.
    pub(super) peak: i64,
    /// Σ of the loss multipliers.
    pub(super) loss: i64,
}

impl Coupling {
    /// Scaled charge per W for its carbon.
    const fn emission(self, operating: i64, embodied: i64) -> i64 {
        self.carbon * operating + self.embodied * embodied
    }
}

impl HorizonCertificate {
    pub(super) fn coupling(&self, interval: usize) -> Coupling {
        Coupling {
            price: self.price[interval],
            reserve: self.reserve[interval],
            carbon: self.carbon[0].at(interval) + self.carbon[1].at(interval),
            embodied: self.carbon[1].at(interval),
            peak: self.peak[interval],
            loss: self.loss_sum(interval),
        }
    }

    pub(super) fn ramp_slope(&self, generator: usize, interval: usize) -> i64 {
        let ramp = &self.ramp[generator];
        ramp.get(interval).copied().unwrap_or(0) - ramp.get(interval + 1).copied().unwrap_or(0)
    }
}

/// Scaled minimum of a term, and the greatest minimisers at the price and at one less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Term {
    pub(super) minimum: i128,
    pub(super) supply: i64,
    pub(super) supply_below: i64,
}

/// A linear term slope·x over lo..=hi, x counted as supply.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) slope: i64,
    lo: i64,
    hi: i64,
}

impl Line {
    /// One less in price is `SCALE` more in slope.
    pub(super) fn term(self) -> Term {
        let at = |slope: i64| if slope > 0 { self.lo } else { self.hi };
        let supply = at(self.slope);
        Term { minimum: wide(self.slope, supply), supply, supply_below: at(self.slope + SCALE) }
    }
}

/// What multipliers charge one resource in one interval beside the couplings.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Own {
    /// w_t − w_{t+1}.
    pub(super) ramp: i64,
    /// ρ of losing it.
    pub(super) loss: i64,
    /// Greatest response if another is lost, W.
    pub(super) response: i64,
}

impl HorizonCertificate {
    pub(super) fn own(
        &self,
        problem: &Horizon,
        number: usize,
        generator: &Generator,
        interval: usize,
    ) -> Own {
        let parts = problem.parts();
        let response =
            |contingency: &Contingency| contingency.response(generator, parts.duration_s).0;
        Own {
            ramp: self.ramp_slope(number, interval),
            loss: self.loss_of(number, interval),
            response: parts.contingency.as_ref().map_or(0, response),
        }
    }
}

pub(super) fn generator(
    generator: &Generator,
    own: Own,
    interval: usize,
    coupling: Coupling,
) -> Term {
    let (lo, hi) = (generator.power_min[interval].0, generator.power_max[interval].0);
    let slope = slope(generator, own, coupling) + own.ramp * SCALE;
    let quadratic = generator.quadratic * SCALE;
    let given = (coupling.loss - own.loss) * SCALE;
    if given == 0 || own.response == 0 {
        return convex(quadratic, slope, lo, hi);
    }
    // A response is worth `given`: full up to the bend, then falling to nothing at the greatest power.
    let bend = (hi - own.response).clamp(lo, hi);
    let flat = convex(quadratic, slope, lo, bend);
    let falling = convex(quadratic, slope + given, bend, hi);
    let at_bend = wide(given, hi - bend);
    let supply = if flat.supply < bend { flat.supply } else { falling.supply };
    let supply_below =
        if flat.supply_below < bend { flat.supply_below } else { falling.supply_below };
    Term {
        minimum: (flat.minimum - at_bend).min(falling.minimum - wide(given, hi)),
        supply,
        supply_below,
    }
}

/// Scaled charge per W of a generator, its ramps left out.
fn slope(generator: &Generator, own: Own, coupling: Coupling) -> i64 {
    let reserve = if generator.ramp.is_some() { coupling.reserve } else { 0 };
    (2 * generator.linear - coupling.price + reserve + own.loss) * SCALE
        + coupling.emission(generator.carbon_mg_per_kwh, generator.embodied_mg_per_kwh)
}

/// The term's value at a power that keeps the ramps.
pub(super) fn generator_at(
    generator: &Generator,
    own: Own,
    interval: usize,
    coupling: Coupling,
    power: i64,
) -> i128 {
    let response = own.response.min(generator.power_max[interval].0 - power);
    wide(generator.quadratic * SCALE, power * power) + wide(slope(generator, own, coupling), power)
        - wide((coupling.loss - own.loss) * SCALE, response)
}

/// −w⁺·up − w⁻·down, and the known power before the first interval: doubled cost per hour.
pub(super) fn ramp_bound(generator: &Generator, multipliers: &[i64]) -> i128 {
    let Some(ramp) = generator.ramp else { return 0 };
    let first = multipliers.first().copied().unwrap_or(0);
    // Of a horizon's multipliers, each 2³⁸, a sum stays in i64.
    const _: () = assert!(HORIZON_INTERVALS_MAX as i64 <= i64::MAX / MULTIPLIER_MAX);
    let sum = |part: fn(i64) -> i64| {
        multipliers.iter().fold(0i64, |sum, value| sum.wrapping_add(part(*value)))
    };
    -wide(first, ramp.initial.0)
        - wide(sum(|value| value.max(0)), ramp.up.0)
        - wide(sum(|value| value.wrapping_neg().max(0)), ramp.down.0)
}

/// A convex term a'x² + slope·x over whole lo..=hi.
#[inline(always)]
pub(super) fn convex(a: i64, slope: i64, lo: i64, hi: i64) -> Term {
    if a == 0 {
        return Line { slope, lo, hi }.term();
    }
    // The greatest minimiser: the first power whose next watt costs more than nothing.
    let supply = ((-slope - a).div_euclid(2 * a) + 1).clamp(lo, hi);
    // One less in price moves a minimiser by at most one watt, since 2a' is at least twice the scale.
    let last_watt = a * (2 * supply - 1) + slope + SCALE;
    let supply_below = if supply > lo && last_watt > 0 { supply - 1 } else { supply };
    Term { minimum: wide(a * supply + slope, supply), supply, supply_below }
}

/// What multipliers charge one storage in one interval beside the couplings.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OwnStore {
    /// π.
    pub(super) energy: i64,
    /// ρ of losing it.
    pub(super) loss: i64,
    /// θ·δ·τ/Δt of a response, ppb.
    pub(super) hold: i128,
}

impl HorizonCertificate {
    pub(super) fn own_store(
        &self,
        problem: &Horizon,
        number: usize,
        storage: &Storage,
        interval: usize,
    ) -> OwnStore {
        let parts = problem.parts();
        let hold = parts.contingency.as_ref().map_or(0, |contingency| {
            let charge = wide(self.hold[number][interval], storage.discharge_ppb);
            // Floored: a response then seems worth more, and the minimum is lower.
            (charge * i128::from(contingency.hold_s)).div_euclid(i128::from(parts.duration_s))
        });
        OwnStore {
            energy: self.energy[number][interval],
            loss: self.loss_of(parts.generators.len() + number, interval),
            hold,
        }
    }
}

/// Charging and discharging of one interval: never both, so the smaller minimum counts. The minimum is in flow units.
pub(super) fn storage(storage: &Storage, own: OwnStore, coupling: Coupling) -> Term {
    // Slopes carry ppb beside the scale.
    const UNIT: i64 = PPB * SCALE;
    let by = |slope: i128, power: i64| slope.wrapping_mul(i128::from(power));
    let energy = own.energy * SCALE;
    let emission = wide(coupling.emission(0, storage.embodied_mg_per_kwh), PPB);
    // What is left of the rating responds, where that is worth more than the energy it must last for.
    let given = by((wide(coupling.loss - own.loss, PPB) - own.hold).max(0), SCALE);
    let value = wide(coupling.price - coupling.reserve - own.loss, UNIT) - given;
    let charge = value - wide(energy, storage.charge_ppb);
    let discharge =
        wide(2 * storage.wear, UNIT) - value + wide(energy, storage.discharge_ppb) + emission;
    let (charge_max, discharge_max) = (storage.charge_max.0, storage.discharge_max.0);
    let at = |charge: i128, discharge: i128| {
        let charged = by(charge.min(0), charge_max);
        let discharged = by(discharge.min(0), discharge_max);
        // The greatest supply among minimisers: discharge if that is as good, rest if charging gains nothing.
        let supply = if discharge <= 0 && discharged <= charged {
            discharge_max
        } else if charge < 0 {
            -charge_max
        } else {
            0
        };
        (charged.min(discharged), supply)
    };
    let (minimum, supply) = at(charge, discharge);
    let one = i128::from(UNIT);
    let (_, supply_below) = at(charge - one, discharge + one);
    Term { minimum: (minimum - by(given, discharge_max)) >> FLOW_BITS, supply, supply_below }
}

/// Scaled minimum of storages' terms from the sum in their own unit, 2⁴⁰ ppb; floored.
pub(super) fn of_flows(sum: i128) -> i128 {
    const WHOLE: i128 = (1 << FLOW_BITS) / PPB as i128;
    const REST: i128 = (1 << FLOW_BITS) % PPB as i128;
    sum * WHOLE + (sum * REST).div_euclid(PPB as i128)
}

/// The term's value at charging, discharging and response, stored energy left out.
pub(super) fn storage_at(
    storage: &Storage,
    own: OwnStore,
    coupling: Coupling,
    (charge, discharge, response): (i64, i64, i64),
) -> i128 {
    let value = coupling.price - coupling.reserve - own.loss;
    let emission = coupling.emission(0, storage.embodied_mg_per_kwh);
    wide(value * SCALE, charge - discharge) + wide(2 * storage.wear * SCALE + emission, discharge)
        - wide((coupling.loss - own.loss) * SCALE, response)
}

/// Stored energy after each interval, and the start: doubled Picos, floored.
pub(super) fn stored(storage: &Storage, energy: &[i64], hold: &[i64]) -> i128 {
    // 2²⁰·9 over the divisor 2¹¹·5¹³: each term is floored by a shift, their sum once by a division.
    const BITS: u32 = 20;
    const NUMERATOR: i128 = ENERGY_NUMERATOR << (BITS - 11);
    const DIVISOR: i128 = ENERGY_DIVISOR >> 11;
    const _: () = assert!(DIVISOR << 11 == ENERGY_DIVISOR);
    const _: () = assert!(
        ((3 * MULTIPLIER_MAX as i128 * PPB as i128 * ENERGY_MAX as i128) >> BITS)
            * HORIZON_INTERVALS_MAX as i128
            * NUMERATOR
            <= 1 << 125
    );
    let keep = PPB - storage.loss_ppb;
    let by = |one: i128, other: i64| one.wrapping_mul(i128::from(other));
    let first = wide(energy.first().copied().unwrap_or(0), keep);
    let mut sum = by(-first, storage.initial_uwh) >> BITS;
    for (interval, value) in energy.iter().enumerate() {
        let next = energy.get(interval + 1).copied().unwrap_or(0);
        let least = if interval + 1 == energy.len() { storage.final_min_uwh } else { 0 };
        let lasting = hold.get(interval).copied().unwrap_or(0);
        let slope = wide(value - lasting, PPB) - wide(next, keep);
        let held = if slope > 0 { least } else { storage.capacity_uwh };
        // What the floor of the recursion leaves is less than one µWh.
        sum += (by(slope, held) + wide((*value).min(0), PPB)) >> BITS;
    }
    (sum * NUMERATOR).div_euclid(DIVISOR)
}

/// Import; it takes as much from the tie's response, or is itself lost, so Σρ charges it either way.
pub(super) fn import(problem: &Horizon, interval: usize, coupling: Coupling) -> Line {
    let tie = &problem.parts().tie;
    let slope = (2_000 * tie.tariff[interval].0 - coupling.price + coupling.peak + coupling.loss)
        * SCALE
        + coupling.emission(tie.carbon_mg_per_kwh[interval], tie.embodied_mg_per_kwh[interval]);
    Line { slope, lo: 0, hi: tie.import_max[interval].0 }
}

/// Export as supply from −limit to 0.
pub(super) fn export(problem: &Horizon, interval: usize, coupling: Coupling) -> Line {
    let tie = &problem.parts().tie;
    let slope = (2_000 * tie.feed_in[interval].0 - coupling.price) * SCALE;
    Line { slope, lo: -tie.export_max[interval].0, hi: 0 }
}

pub(super) fn shed(problem: &Horizon, tier: usize, interval: usize, coupling: Coupling) -> Line {
    let tier = &problem.parts().tiers[tier];
    let slope = (2_000 * tier.value.0 - coupling.price) * SCALE;
    Line { slope, lo: 0, hi: tier.power[interval].0 }
}

/// A shiftable load as supply from −limit to 0.
pub(super) fn shift(
    load: &ShiftableLoad,
    multiplier: i64,
    interval: usize,
    coupling: Coupling,
) -> Line {
    let slope = (-coupling.price - multiplier) * SCALE;
    Line { slope, lo: -load.power_max[interval].0, hi: 0 }
}

/// All terms of one interval.
fn terms(
    problem: &Horizon,
    certificate: &HorizonCertificate,
    interval: usize,
    coupling: Coupling,
) -> impl Iterator<Item = Term> {
    let parts = problem.parts();
    let generators = parts.generators.iter().enumerate().map(move |(number, part)| {
        generator(part, certificate.own(problem, number, part, interval), interval, coupling)
    });
    let storages = parts.storages.iter().enumerate().map(move |(number, part)| {
        storage(part, certificate.own_store(problem, number, part, interval), coupling)
    });
    let tiers =
        (0..parts.tiers.len()).map(move |tier| shed(problem, tier, interval, coupling).term());
    let shiftable = parts
        .shiftable
        .iter()
        .zip(&certificate.shift)
        .map(move |(load, multiplier)| shift(load, *multiplier, interval, coupling).term());
    generators.chain(storages).chain(tiers).chain(shiftable).chain(
        [import(problem, interval, coupling), export(problem, interval, coupling)].map(Line::term),
    )
}

/// Replaces every price by the pinned one, the others' multipliers as they are: the lowest whole price at which
/// the greatest optimal supply reaches demand. Intervals do not influence each other, so one pass is final.
///
/// Prices, and the lengths of all lists, must be those of the problem; an interval that no price balances
/// keeps a price that [`check`](super::check()) refuses.
pub fn pin(problem: &Horizon, certificate: &mut HorizonCertificate) {
    for interval in 0..problem.intervals() {
        let coupling = certificate.coupling(interval);
        let demand = problem.parts().demand[interval].0;
        let reaches = |price: i64| {
            let supply: i64 = terms(problem, certificate, interval, Coupling { price, ..coupling })
                .map(|term| term.supply)
                .sum();
            supply >= demand
        };
        certificate.price[interval] = lowest(coupling.price, reaches);
    }
}

/// The lowest price in range that `reaches`, galloping from an estimate.
fn lowest(estimate: i64, reaches: impl Fn(i64) -> bool) -> i64 {
    let estimate = estimate.clamp(-MULTIPLIER_MAX, MULTIPLIER_MAX);
    let (mut below, mut above) = (-MULTIPLIER_MAX, MULTIPLIER_MAX);
    let mut step = 1;
    if reaches(estimate) {
        above = estimate;
        while above - step > below {
            if !reaches(above - step) {
                below = above - step;
                break;
            }
            above -= step;
            step *= 2;
        }
    } else {
        below = estimate;
        while below + step < above {
            if reaches(below + step) {
                above = below + step;
                break;
            }
            below += step;
            step *= 2;
        }
    }
    while above - below > 1 {
        let middle = below.midpoint(above);
        if reaches(middle) { above = middle } else { below = middle }
    }
    // Where nothing can give way every price clears, the least one too.
    if below == -MULTIPLIER_MAX && reaches(below) { below } else { above }
}

#[cfg(test)]
mod tests {
    use super::super::Ramp;
    use super::*;
    use gridaccord_model::Watts;
    use proptest::prelude::*;

    fn machine(range: (i64, i64), quadratic: i64, linear: i64) -> Generator {
        Generator {
            power_min: vec![Watts(range.0)],
            power_max: vec![Watts(range.0 + range.1)],
            quadratic,
            linear,
            ramp: Some(Ramp { up: Watts(1), down: Watts(1), initial: Watts(0) }),
            carbon_mg_per_kwh: 3,
            embodied_mg_per_kwh: 2,
        }
    }

    proptest! {
        #[test]
        fn a_generator_with_a_bend_is_at_its_least(
            range in (0i64..6, 0i64..12),
            (quadratic, linear, price) in (0i64..4, -60i64..60, -90i64..90),
            (ramp, loss, more, response) in (-40i64..40, 0i64..40, 0i64..60, 0i64..9),
        ) {
            let generator = machine(range, quadratic, linear);
            let own = Own { ramp, loss, response };
            let coupling = Coupling { price, reserve: 7, carbon: 5, embodied: 1, peak: 0, loss: loss + more };
            let term = super::generator(&generator, own, 0, coupling);
            let at = |power: i64, coupling: Coupling| {
                generator_at(&generator, own, 0, coupling, power) + wide(ramp * SCALE, power)
            };
            let least = |coupling: Coupling| {
                let values = (range.0..=range.0 + range.1).map(|power| (at(power, coupling), -power));
                values.min().unwrap()
            };
            let (minimum, supply) = least(coupling);
            let (_, below) = least(Coupling { price: price - 1, ..coupling });
            prop_assert_eq!((term.minimum, term.supply, term.supply_below), (minimum, -supply, -below));
        }

        #[test]
        fn a_storage_is_never_above_any_of_its_choices(
            (price, energy, wear) in (-90i64..90, -90i64..90, 0i64..20),
            (loss, more, hold) in (0i64..40, 0i64..60, 0i64..50),
            (charge_max, discharge_max) in (0i64..7, 0i64..7),
        ) {
            let storage = Storage {
                charge_max: Watts(charge_max),
                discharge_max: Watts(discharge_max),
                charge_ppb: 900_000_000,
                discharge_ppb: 1_200_000_000,
                loss_ppb: 0,
                capacity_uwh: 0,
                initial_uwh: 0,
                final_min_uwh: 0,
                wear,
                embodied_mg_per_kwh: 4,
            };
            let hold = wide(hold, PPB);
            let own = OwnStore { energy, loss, hold };
            let coupling = Coupling { price, reserve: 7, carbon: 5, embodied: 1, peak: 0, loss: loss + more };
            let term = super::storage(&storage, own, coupling);
            let flows = (-charge_max..=discharge_max).flat_map(|net| {
                (0..=discharge_max - net).map(move |response| (net, response))
            });
            let ppb = i128::from(PPB);
            let least = flows
                .map(|(net, response)| {
                    let (charge, discharge) = ((-net).max(0), net.max(0));
                    let value = storage_at(&storage, own, coupling, (charge, discharge, response));
                    let stored = wide(storage.discharge_ppb, discharge) - wide(storage.charge_ppb, charge);
                    value * ppb
                        + (stored * i128::from(energy) + hold * i128::from(response)) * i128::from(SCALE)
                })
                .min()
                .unwrap();
            let bound = of_flows(term.minimum);
            // Below the least choice, and by no more than the shift floors away.
            prop_assert!(bound * ppb <= least && least <= (bound + 1_200) * ppb, "{bound} {least}");
        }
    }
}
