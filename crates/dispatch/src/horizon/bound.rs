//! The lower bound that multipliers prove: the Lagrangian's minimum over all bounds, in exact integers.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "limits of the problem, then of multipliers, are checked before anything is summed; the budget stands below"
)]

use super::{
    Horizon, HorizonCertificate, carbon, contingency,
    lagrangian::{self, SCALE_BITS, Term},
    limits::{
        DEMAND_CHARGE_MAX, DURATION_MAX_S, HORIZON_INTERVALS_MAX, HORIZON_RESOURCES_MAX,
        MULTIPLIER_MAX, POWER_MAX,
    },
    sums::Sums,
};

/// Doubled Picos per W in one µ-currency per kW: 1,000 pico-currency per W, 3,600 Picos each, doubled.
const PEAK_UNIT: i128 = 7_200_000;

// Overflow budget: all terms of all intervals, scaled, times the interval's length.
const _: () = {
    let term = 16 * MULTIPLIER_MAX as i128 * POWER_MAX as i128;
    let all = term * (HORIZON_INTERVALS_MAX * (HORIZON_RESOURCES_MAX + 4)) as i128;
    assert!(all < i128::MAX / (4 * DURATION_MAX_S as i128));
    assert!(
        (16 * MULTIPLIER_MAX as i128 * POWER_MAX as i128 * (HORIZON_RESOURCES_MAX + 4) as i128)
            << SCALE_BITS
            < i128::MAX / 4
    );
    assert!(PEAK_UNIT * DEMAND_CHARGE_MAX as i128 * POWER_MAX as i128 <= 1 << 96);
};

/// What multipliers prove, in doubled Picos.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound {
    /// LB: no dispatch costs less.
    pub(super) value: i128,
    /// One watt of every variable at every price: what rounding to whole watts may cost.
    pub(super) quanta: i128,
    /// The first interval whose price is not pinned.
    pub(super) unpinned: Option<usize>,
}

/// LB from multipliers within their limits, whatever they are.
pub(super) fn bound(problem: &Horizon, certificate: &HorizonCertificate) -> Bound {
    let parts = problem.parts();
    let variables = parts.generators.len()
        + parts.storages.len()
        + parts.tiers.len()
        + parts.shiftable.len()
        + 2;
    let mut sums = Sums::new(certificate);
    let couplings = sums.couplings().to_vec();
    let is_single = parts.contingency.is_none();
    let mut rate = 0i128;
    for (number, generator) in parts.generators.iter().enumerate() {
        rate += lagrangian::ramp_bound(generator, &certificate.ramp[number]);
        if is_single {
            sums.add_generator(generator, &certificate.ramp[number]);
            continue;
        }
        for (interval, coupling) in couplings.iter().enumerate() {
            let own = certificate.own(problem, number, generator, interval);
            sums.add(interval, lagrangian::generator(generator, own, interval, *coupling));
        }
    }
    let mut whole = 0i128;
    for (number, storage) in parts.storages.iter().enumerate() {
        let hold = certificate.hold.get(number).map_or(&[][..], Vec::as_slice);
        whole += lagrangian::stored(storage, &certificate.energy[number], hold);
        if is_single {
            sums.add_storage(storage, &certificate.energy[number]);
            continue;
        }
        for (interval, coupling) in couplings.iter().enumerate() {
            let own = certificate.own_store(problem, number, storage, interval);
            let term = lagrangian::storage(storage, own, *coupling);
            sums.flow[interval] += term.minimum;
            sums.add(interval, Term { minimum: 0, ..term });
        }
    }
    let ceilings = reserve_ceilings(problem);
    let mut quanta = 0i128;
    let mut unpinned = None;
    for (interval, coupling) in couplings.into_iter().enumerate() {
        sums.add(interval, lagrangian::import(problem, interval, coupling).term());
        sums.add(interval, lagrangian::export(problem, interval, coupling).term());
        for tier in 0..parts.tiers.len() {
            sums.add(interval, lagrangian::shed(problem, tier, interval, coupling).term());
        }
        for (load, multiplier) in parts.shiftable.iter().zip(&certificate.shift) {
            sums.add(interval, lagrangian::shift(load, *multiplier, interval, coupling).term());
        }
        let demand = parts.demand[interval].0;
        let supply = sums.supply[interval];
        let lowest = sums.below[interval] < demand || coupling.price == -MULTIPLIER_MAX;
        if supply < demand || !lowest {
            unpinned = unpinned.or(Some(interval));
        }
        rate += i128::from(coupling.price) * i128::from(demand)
            - i128::from(coupling.reserve) * i128::from(ceilings[interval]);
        // An arithmetic shift floors.
        rate += (sums.minimum[interval] + lagrangian::of_flows(sums.flow[interval])) >> SCALE_BITS;
        quanta += i128::from(coupling.price.abs()) * i128::try_from(variables).unwrap_or(i128::MAX);
    }
    for (load, multiplier) in parts.shiftable.iter().zip(&certificate.shift) {
        rate -= i128::from(*multiplier) * i128::from(load.power_sum.0);
    }
    rate += contingency::bound(problem, certificate);
    let duration = i128::from(parts.duration_s);
    let value = rate * duration
        + whole
        + carbon::bound(problem, certificate)
        + peak_bound(problem, certificate);
    Bound { value, quanta: quanta * duration, unpinned }
}

/// [`Horizon::reserve_ceiling`] of every interval, resource by resource as they lie in memory.
pub(super) fn reserve_ceilings(problem: &Horizon) -> Vec<i64> {
    let parts = problem.parts();
    let stored: i64 = parts.storages.iter().map(|storage| storage.discharge_max.0).sum();
    let mut ceilings: Vec<i64> = parts.reserve.iter().map(|reserve| stored - reserve.0).collect();
    for generator in parts.generators.iter().filter(|generator| generator.ramp.is_some()) {
        for (ceiling, most) in ceilings.iter_mut().zip(&generator.power_max) {
            *ceiling = ceiling.wrapping_add(most.0);
        }
    }
    ceilings
}

/// Minimum over the peak m, from what was before to the largest limit: (charge − Δt·Σκ)·m − charge·m₀.
fn peak_bound(problem: &Horizon, certificate: &HorizonCertificate) -> i128 {
    let tie = &problem.parts().tie;
    if tie.demand_charge == 0 {
        return 0;
    }
    let before = tie.peak_before.0;
    let limit = tie.import_max.iter().fold(before, |most, power| most.max(power.0));
    let multipliers: i128 = certificate.peak.iter().map(|peak| i128::from(*peak)).sum();
    let slope = peak_cost(problem) - multipliers * i128::from(problem.parts().duration_s);
    let peak = if slope > 0 { before } else { limit };
    slope * i128::from(peak) - peak_cost(problem) * i128::from(before)
}

/// Doubled Picos of one W of peak.
pub(super) fn peak_cost(problem: &Horizon) -> i128 {
    PEAK_UNIT * i128::from(problem.parts().tie.demand_charge)
}
