//! The lower bound that a commitment's multipliers prove: the base's Lagrangian, the least of each plant, each reservoir's.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "limits of the problem, then of multipliers, are checked before anything is summed; the budgets of the Lagrangian and of the states cover every sum and product in this file"
)]

use super::{
    super::{
        bound::bound,
        lagrangian::{self, Coupling, OwnStore, SCALE_BITS, wide},
        limits::{ENERGY_MAX, HORIZON_INTERVALS_MAX, MULTIPLIER_MAX},
    },
    Commitment, CommitmentMultipliers, Held, Reservoir,
    states::{self, Charges},
};

const PPB: i64 = 1_000_000_000;
/// Energy terms, half-pico-currency per Wh times 10⁻⁹·µWh, are floored by a shift each; then 9 over 2.5·10¹² makes
/// doubled Picos of their sum, with 2¹¹ of the divisor taken into the shift.
const ENERGY_BITS: u32 = 20;
const NUMERATOR: i128 = 9 << (ENERGY_BITS - 11);
const DIVISOR: i128 = 2_500_000_000_000 >> 11;

// Overflow budget of stored energy: four terms an interval.
const _: () = {
    let term = 3 * MULTIPLIER_MAX as i128 * PPB as i128 * ENERGY_MAX as i128;
    assert!(term <= 1 << 121);
    assert!(
        (4 * (term >> ENERGY_BITS)) * (HORIZON_INTERVALS_MAX as i128 + 1) < i128::MAX / NUMERATOR
    );
};

/// LB in doubled Picos for dispatches that hold what is `held`; `None` where no plant's states allow one.
pub(super) fn of(
    problem: &Commitment,
    multipliers: &CommitmentMultipliers,
    held: &[Held],
) -> Option<i128> {
    let couplings: Vec<Coupling> =
        (0..problem.intervals()).map(|interval| multipliers.base.coupling(interval)).collect();
    let duration_s = problem.base().parts().duration_s;
    let mut least = 0;
    for (number, plant) in problem.plants().iter().enumerate() {
        let mut own = vec![None; problem.intervals()];
        for fact in held.iter().filter(|fact| fact.plant == number) {
            // Held both ways is a case that nothing satisfies.
            if own[fact.interval].is_some_and(|is_on: bool| is_on != fact.is_on) {
                return None;
            }
            own[fact.interval] = Some(fact.is_on);
        }
        let ramp = &multipliers.ramp[number];
        least +=
            states::least(plant, &Charges { couplings: &couplings, ramp, duration_s, held: &own })?;
    }
    let mut stored = 0;
    let mut flows = 0;
    for (number, reservoir) in problem.reservoirs().iter().enumerate() {
        let energy = &multipliers.energy[number];
        stored += held_energy(reservoir, energy, duration_s);
        for (coupling, energy) in couplings.iter().zip(energy) {
            let own = OwnStore { energy: *energy, ..OwnStore::default() };
            flows += lagrangian::storage(&reservoir.storage, own, *coupling).minimum;
            // The rating that reserve may count on.
            least -=
                wide(coupling.reserve, reservoir.storage.discharge_max.0) * i128::from(duration_s);
        }
    }
    let flows = (lagrangian::of_flows(flows) >> SCALE_BITS) * i128::from(duration_s);
    Some(bound(problem.base(), &multipliers.base).value + least + flows + stored)
}

/// Stored energy, inflow, spill and the beginning: doubled Picos, floored.
fn held_energy(reservoir: &Reservoir, energy: &[i64], duration_s: u32) -> i128 {
    let keep = PPB - reservoir.storage.loss_ppb;
    let by = |one: i128, other: i64| one.wrapping_mul(i128::from(other)) >> ENERGY_BITS;
    let first = wide(energy.first().copied().unwrap_or(0), keep);
    let last = energy.len().saturating_sub(1);
    let mut sum = 0;
    for (interval, value) in energy.iter().enumerate() {
        let next = energy.get(interval + 1).copied().unwrap_or(0);
        let (least, most) = reservoir.held(interval);
        let spent = wide((*value).min(0), PPB);
        sum += by(-wide(*value, PPB), reservoir.inflow_uwh[interval])
            + by(spent, reservoir.spill_max_uwh[interval])
            // What the floor of the recursion leaves is less than one µWh.
            + (spent >> ENERGY_BITS);
        if interval == last && reservoir.is_cyclic {
            // The end is the beginning and up to the slack more; the beginning itself is free.
            let slack = reservoir.cycle_slack(duration_s).min(most);
            let slope = wide(*value, PPB) - first;
            let begin = if slope > 0 { (least - slack).max(0) } else { most };
            sum += by(slope, begin) + by(spent, slack);
        } else {
            let slope = wide(*value, PPB) - wide(next, keep);
            sum += by(slope, if slope > 0 { least } else { most });
        }
    }
    if !reservoir.is_cyclic {
        sum += by(-first, reservoir.storage.initial_uwh);
    }
    (sum * NUMERATOR).div_euclid(DIVISOR)
}
