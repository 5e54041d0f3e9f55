//! The check of a horizon: feasible to the watt, proven near the optimum, priced the one way the rules allow.
//!
//! The steps are those of [`certificate`](crate::certificate): bounds and couplings, then the Lagrangian bound
//! from whatever multipliers came, then the gap. The price of an interval is pinned given the other
//! multipliers: the lowest whole one at which the greatest optimal supply reaches demand. Linear in resources
//! times intervals.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "limits of the problem, then of multipliers, are checked before anything is summed; the budget stands below"
)]

use super::{
    Generator, Horizon, HorizonAnswer, HorizonCertificate, HorizonSolution, Storage,
    bound::{bound, peak_cost, reserve_ceilings},
    carbon::{self, Emitted},
    contingency::{self, Losses},
    lagrangian::wide,
    limits::{
        DURATION_MAX_S, HORIZON_INTERVALS_MAX, MARGINAL_MAX, MULTIPLIER_MAX, POWER_MAX,
        QUADRATIC_MAX,
    },
    verdict::{HorizonRefusal, HorizonVerified},
};
use gridaccord_model::{CarbonMg, Picos, Watts};

const PPB: i128 = 1_000_000_000;

// Overflow budget of a generator: its powers and their marginal costs in i64, their squares in i128.
const _: () = {
    assert!((HORIZON_INTERVALS_MAX as i64) <= i64::MAX / POWER_MAX);
    assert!(4 * MARGINAL_MAX <= i64::MAX / 2);
    let squares = HORIZON_INTERVALS_MAX as i128 * POWER_MAX as i128 * POWER_MAX as i128;
    assert!(squares <= i128::MAX / 4 / QUADRATIC_MAX as i128);
};

/// Checks an answer. `gap_ppb` is γ, the largest proven gap as a share of the turnover.
///
/// # Errors
/// The first rule K1–K11 and K13–K16 broken.
pub fn check(
    problem: &Horizon,
    answer: &HorizonAnswer,
    gap_ppb: u32,
) -> Result<HorizonVerified, HorizonRefusal> {
    let Examined { verified, gap, quanta, turnover } = examine(problem, answer)?;
    let allowed = share(turnover, gap_ppb).max(quanta);
    if gap > allowed {
        return Err(HorizonRefusal::GapTooLarge { gap: up(gap), allowed: down(allowed) });
    }
    Ok(verified)
}

/// Checks everything but the size of the gap, which it states: what an answer is worth that is not good enough.
///
/// # Errors
/// The first rule K1–K10 and K13–K16 broken.
pub fn appraise(
    problem: &Horizon,
    answer: &HorizonAnswer,
) -> Result<HorizonVerified, HorizonRefusal> {
    examine(problem, answer).map(|examined| examined.verified)
}

/// Facts, and what the gap is measured by, in doubled Picos.
struct Examined {
    verified: HorizonVerified,
    gap: i128,
    quanta: i128,
    turnover: i128,
}

/// Checks a dispatch alone: that it keeps every limit, whatever it costs.
///
/// # Errors
/// The first rule broken of K1, K3–K9 and K13–K16.
pub fn check_feasible(problem: &Horizon, solution: &HorizonSolution) -> Result<(), HorizonRefusal> {
    check_shape(problem, solution)?;
    Tally::of(problem, solution)?.check_couplings(problem).map(|_| ())
}

fn examine(problem: &Horizon, answer: &HorizonAnswer) -> Result<Examined, HorizonRefusal> {
    check_shape(problem, &answer.solution)?;
    check_certificate_shape(problem, &answer.certificate)?;
    check_multipliers(problem, &answer.certificate)?;
    let mut tally = Tally::of(problem, &answer.solution)?;
    let [carbon, carbon_whole] = tally.check_couplings(problem)?;
    let bound = bound(problem, &answer.certificate);
    if let Some(interval) = bound.unpinned {
        return Err(HorizonRefusal::PriceNotPinned { interval });
    }
    let duration = i128::from(problem.parts().duration_s);
    let peak = answer.solution.import.iter().copied().max().unwrap_or_default();
    let charge =
        peak_cost(problem) * i128::from((peak.0 - problem.parts().tie.peak_before.0).max(0));
    let cost = tally.cost * duration + charge;
    let turnover = tally.turnover * duration + charge;
    let gap = cost - bound.value;
    let verified = HorizonVerified {
        cost: down(cost),
        bound: down(bound.value),
        gap: up(gap),
        turnover: down(turnover),
        carbon,
        carbon_whole,
        peak,
    };
    Ok(Examined { verified, gap, quanta: bound.quanta, turnover })
}

pub(super) fn check_shape(
    problem: &Horizon,
    solution: &HorizonSolution,
) -> Result<(), HorizonRefusal> {
    let parts = problem.parts();
    let intervals = problem.intervals();
    let all = |lists: &[Vec<Watts>], count: usize| {
        lists.len() == count && lists.iter().all(|list| list.len() == intervals)
    };
    let shapes = [
        ("generators", all(&solution.generators, parts.generators.len())),
        ("charges", all(&solution.charge, parts.storages.len())),
        ("discharges", all(&solution.discharge, parts.storages.len())),
        ("tie powers", solution.import.len() == intervals && solution.export.len() == intervals),
        ("tiers", all(&solution.shed, parts.tiers.len())),
        ("shiftable loads", all(&solution.shift, parts.shiftable.len())),
    ];
    first_broken(&shapes).map_or(Ok(()), |name| Err(HorizonRefusal::Shape(name)))
}

fn first_broken(conditions: &[(&'static str, bool)]) -> Option<&'static str> {
    conditions.iter().find(|(_, holds)| !holds).map(|(name, _)| *name)
}

/// Shape of multipliers alone.
pub(super) fn check_certificate_shape(
    problem: &Horizon,
    certificate: &HorizonCertificate,
) -> Result<(), HorizonRefusal> {
    let parts = problem.parts();
    let intervals = problem.intervals();
    let ramps = certificate.ramp.len() == parts.generators.len()
        && certificate.ramp.iter().zip(&parts.generators).all(|(ramp, generator)| {
            ramp.len() == if generator.ramp.is_some() { intervals } else { 0 }
        });
    let shapes = [
        ("prices", certificate.price.len() == intervals),
        ("reserve multipliers", certificate.reserve.len() == intervals),
        ("peak multipliers", certificate.peak.len() == intervals),
        ("ramp multipliers", ramps),
        ("carbon multipliers", carbon::has_shape(problem, certificate)),
        ("shift multipliers", certificate.shift.len() == parts.shiftable.len()),
        ("loss multipliers", contingency::has_shape(problem, certificate)),
        (
            "energy multipliers",
            certificate.energy.len() == parts.storages.len()
                && certificate.energy.iter().all(|list| list.len() == intervals),
        ),
    ];
    first_broken(&shapes).map_or(Ok(()), |name| Err(HorizonRefusal::Shape(name)))
}

/// Bounds every multiplier before the first one is used.
pub(super) fn check_multipliers(
    problem: &Horizon,
    certificate: &HorizonCertificate,
) -> Result<(), HorizonRefusal> {
    // Without an early end: almost always all are within.
    let within = |values: &[i64], least: i64| {
        values
            .iter()
            .fold(true, |within, value| within & (*value >= least) & (*value <= MULTIPLIER_MAX))
    };
    let any = |values: &[i64]| within(values, -MULTIPLIER_MAX);
    let at_least_zero = |values: &[i64]| within(values, 0);
    let charged = problem.parts().tie.demand_charge > 0;
    let ranges = [
        ("prices", any(&certificate.price)),
        ("reserve", at_least_zero(&certificate.reserve)),
        ("carbon caps", carbon::within_limits(problem, certificate)),
        (
            "peak",
            at_least_zero(&certificate.peak)
                && (charged || certificate.peak.iter().all(|peak| *peak == 0)),
        ),
        ("ramps", certificate.ramp.iter().all(|list| any(list))),
        ("shiftable loads", any(&certificate.shift)),
        ("losses", contingency::within_limits(problem, certificate)),
        ("stored energy", certificate.energy.iter().all(|list| any(list))),
    ];
    first_broken(&ranges).map_or(Ok(()), |name| Err(HorizonRefusal::Multiplier(name)))
}

/// Sums over resources, by interval; cost and turnover doubled, per hour.
pub(super) struct Tally<'a> {
    pub(super) supply: Vec<i64>,
    pub(super) reserved: Vec<i64>,
    pub(super) cost: i128,
    pub(super) turnover: i128,
    pub(super) emitted: Emitted,
    losses: Losses<'a>,
}

impl<'a> Tally<'a> {
    pub(super) fn of(
        problem: &'a Horizon,
        solution: &HorizonSolution,
    ) -> Result<Self, HorizonRefusal> {
        let mut tally = Self::new(problem);
        tally.generators(problem, solution)?;
        tally.storages(problem, solution)?;
        tally.tie(problem, solution)?;
        tally.tiers(problem, solution)?;
        tally.shiftable(problem, solution)?;
        Ok(tally)
    }

    fn new(problem: &'a Horizon) -> Self {
        let intervals = problem.intervals();
        Self {
            supply: vec![0; intervals],
            reserved: vec![0; intervals],
            cost: 0,
            turnover: 0,
            emitted: Emitted::new(intervals),
            losses: Losses::new(problem),
        }
    }

    pub(super) fn pay(&mut self, cost: i128) {
        self.cost += cost;
        self.turnover += cost.abs();
    }

    fn generators(
        &mut self,
        problem: &Horizon,
        solution: &HorizonSolution,
    ) -> Result<(), HorizonRefusal> {
        for (number, (generator, powers)) in
            problem.parts().generators.iter().zip(&solution.generators).enumerate()
        {
            if !keeps_limits(generator, powers) {
                first_limit_broken(number, generator, powers)?;
            }
            add(&mut self.supply, powers);
            if generator.ramp.is_some() {
                add(&mut self.reserved, powers);
            }
            let (operating, embodied) =
                (generator.carbon_mg_per_kwh, generator.embodied_mg_per_kwh);
            self.emitted.add_all(operating, embodied, powers);
            if problem.parts().contingency.is_some() {
                for (interval, power) in powers.iter().enumerate() {
                    self.losses.generator(generator, interval, power.0);
                }
            }
            self.pay_generator(generator, powers);
        }
        Ok(())
    }

    /// Cost of all intervals; where none of them can be negative, turnover is their sum as well.
    fn pay_generator(&mut self, generator: &Generator, powers: &[Watts]) {
        let twice = 2 * generator.linear;
        if generator.linear < 0 {
            for power in powers {
                self.pay(wide(generator.quadratic * power.0 + twice, power.0));
            }
            return;
        }
        let sum = powers.iter().fold(0i64, |sum, power| sum.wrapping_add(power.0));
        let mut cost = wide(twice, sum);
        if generator.quadratic > 0 {
            let squares =
                powers.iter().fold(0i128, |sum, power| sum.wrapping_add(wide(power.0, power.0)));
            cost += i128::from(generator.quadratic) * squares;
        }
        self.pay(cost);
    }

    fn storages(
        &mut self,
        problem: &Horizon,
        solution: &HorizonSolution,
    ) -> Result<(), HorizonRefusal> {
        for (number, storage) in problem.parts().storages.iter().enumerate() {
            let recursion = Recursion::new(storage, problem.parts().duration_s);
            let mut stored = storage.initial_uwh;
            let flows = solution.charge[number].iter().zip(&solution.discharge[number]);
            for (interval, (charge, discharge)) in flows.enumerate() {
                if !(Watts(0)..=storage.charge_max).contains(charge)
                    || !(Watts(0)..=storage.discharge_max).contains(discharge)
                {
                    return Err(HorizonRefusal::OutsideBounds {
                        part: "storage",
                        number,
                        interval,
                    });
                }
                if charge.0 > 0 && discharge.0 > 0 {
                    return Err(HorizonRefusal::BothWays { number, interval });
                }
                stored = recursion.after(stored, charge.0, discharge.0);
                let last = interval + 1 == problem.intervals();
                let least = if last { storage.final_min_uwh } else { 0 };
                if !(least..=storage.capacity_uwh).contains(&stored) {
                    return Err(HorizonRefusal::Stored { number, interval, stored_uwh: stored });
                }
                let net = discharge.0 - charge.0;
                self.supply[interval] += net;
                self.reserved[interval] += net;
                self.losses.storage(storage, interval, net, stored);
            }
            let discharge = &solution.discharge[number];
            self.emitted.add_all(0, storage.embodied_mg_per_kwh, discharge);
            let sum = discharge.iter().fold(0i64, |sum, power| sum.wrapping_add(power.0));
            self.pay(wide(2 * storage.wear, sum));
        }
        Ok(())
    }

    fn tie(&mut self, problem: &Horizon, solution: &HorizonSolution) -> Result<(), HorizonRefusal> {
        let tie = &problem.parts().tie;
        for interval in 0..problem.intervals() {
            let (import, export) = (solution.import[interval], solution.export[interval]);
            if !(Watts(0)..=tie.import_max[interval]).contains(&import)
                || !(Watts(0)..=tie.export_max[interval]).contains(&export)
            {
                return Err(HorizonRefusal::OutsideBounds { part: "tie", number: 0, interval });
            }
            self.supply[interval] += import.0 - export.0;
            self.losses.tie(interval, import.0, tie.import_max[interval].0);
            let carbon = (tie.carbon_mg_per_kwh[interval], tie.embodied_mg_per_kwh[interval]);
            self.emitted.add(interval, carbon.0, carbon.1, import.0);
            self.pay(wide(2_000 * tie.tariff[interval].0, import.0));
            self.pay(-wide(2_000 * tie.feed_in[interval].0, export.0));
        }
        Ok(())
    }

    fn tiers(
        &mut self,
        problem: &Horizon,
        solution: &HorizonSolution,
    ) -> Result<(), HorizonRefusal> {
        for (number, (tier, shed)) in problem.parts().tiers.iter().zip(&solution.shed).enumerate() {
            for (interval, power) in shed.iter().enumerate() {
                if !(Watts(0)..=tier.power[interval]).contains(power) {
                    return Err(HorizonRefusal::OutsideBounds { part: "tier", number, interval });
                }
                self.supply[interval] += power.0;
                self.pay(wide(2_000 * tier.value.0, power.0));
            }
        }
        Ok(())
    }

    fn shiftable(
        &mut self,
        problem: &Horizon,
        solution: &HorizonSolution,
    ) -> Result<(), HorizonRefusal> {
        for (number, (load, powers)) in
            problem.parts().shiftable.iter().zip(&solution.shift).enumerate()
        {
            let mut sum = 0;
            for (interval, power) in powers.iter().enumerate() {
                if !(Watts(0)..=load.power_max[interval]).contains(power) {
                    let part = "shiftable load";
                    return Err(HorizonRefusal::OutsideBounds { part, number, interval });
                }
                self.supply[interval] -= power.0;
                sum += power.0;
            }
            if sum != load.power_sum.0 {
                return Err(HorizonRefusal::Shifted { number, sum: Watts(sum) });
            }
        }
        Ok(())
    }

    /// Balance, reserve, N−1 and carbon; returns the carbon.
    pub(super) fn check_couplings(
        &mut self,
        problem: &Horizon,
    ) -> Result<[CarbonMg; 2], HorizonRefusal> {
        let ceilings = reserve_ceilings(problem);
        for (interval, ceiling) in ceilings.into_iter().enumerate() {
            let excess = self.supply[interval] - problem.parts().demand[interval].0;
            if excess != 0 {
                return Err(HorizonRefusal::Unbalanced { interval, excess: Watts(excess) });
            }
            let short = self.reserved[interval] - ceiling;
            if short > 0 {
                return Err(HorizonRefusal::Reserve { interval, short: Watts(short) });
            }
        }
        self.losses.check()?;
        self.emitted.check(problem)
    }
}

/// Adds each interval's power; a horizon's resources together stay far from the limits of i64.
fn add(sums: &mut [i64], powers: &[Watts]) {
    for (sum, power) in sums.iter_mut().zip(powers) {
        *sum = sum.wrapping_add(power.0);
    }
}

/// Rules K3 and K4 of a generator at once, without saying where; powers may be anything.
fn keeps_limits(generator: &Generator, powers: &[Watts]) -> bool {
    let bounds = generator.power_min.iter().zip(&generator.power_max);
    let inside = powers
        .iter()
        .zip(bounds)
        .fold(true, |inside, (power, (lo, hi))| inside & (power.0 >= lo.0) & (power.0 <= hi.0));
    let Some(ramp) = generator.ramp else { return inside };
    // Within bounds no difference overflows; outside of them it does not matter.
    let keeps = |before: i64, power: i64| {
        let change = power.wrapping_sub(before);
        (change <= ramp.up.0) & (change >= -ramp.down.0)
    };
    let first = powers.first().is_none_or(|power| keeps(ramp.initial.0, power.0));
    let others = powers.iter().zip(powers.iter().skip(1));
    inside & others.fold(first, |kept, (before, power)| kept & keeps(before.0, power.0))
}

/// The first of rules K3 and K4 that a generator breaks.
fn first_limit_broken(
    number: usize,
    generator: &Generator,
    powers: &[Watts],
) -> Result<(), HorizonRefusal> {
    let mut before = generator.ramp.map_or(0, |ramp| ramp.initial.0);
    for (interval, power) in powers.iter().enumerate() {
        if !(generator.power_min[interval]..=generator.power_max[interval]).contains(power) {
            return Err(HorizonRefusal::OutsideBounds { part: "generator", number, interval });
        }
        if let Some(ramp) = generator.ramp {
            let change = power.0 - before;
            if change > ramp.up.0 || -change > ramp.down.0 {
                return Err(HorizonRefusal::Ramp { number, interval, change: Watts(change) });
            }
            before = power.0;
        }
    }
    Ok(())
}

impl Storage {
    /// Stored energy after an interval, µWh, floored.
    #[must_use]
    pub fn after(&self, stored_uwh: i64, charge: Watts, discharge: Watts, duration_s: u32) -> i64 {
        // Wrapping, since anybody may call this with anything.
        let flow = wide(self.charge_ppb, charge.0)
            .wrapping_sub(wide(self.discharge_ppb, discharge.0))
            .wrapping_mul(2_500 * i128::from(duration_s));
        let lost = wide(self.loss_ppb, stored_uwh).wrapping_mul(9);
        recursion(stored_uwh, flow.wrapping_sub(lost))
    }
}

/// What was stored, and the floor of what came and went over 9·10⁹.
#[inline]
fn recursion(stored_uwh: i64, came: i128) -> i64 {
    // 9·10⁹ = 2⁹·17,578,125: a shift floors first, which leaves a number that mostly fits a word.
    const ODD: i64 = 17_578_125;
    let change = came >> 9;
    let change = i64::try_from(change).map_or_else(
        |_| change.div_euclid(i128::from(ODD)),
        |change| i128::from(change.div_euclid(ODD)),
    );
    let after = i128::from(stored_uwh) + change;
    i64::try_from(after).unwrap_or(if after < 0 { i64::MIN } else { i64::MAX })
}

/// [`Storage::after`] of one storage within its limits, of which nothing changes from interval to interval.
struct Recursion {
    charge: i64,
    discharge: i64,
    lost: i64,
}

// Rates of a storage within its limits stay in i64.
const _: () = assert!(4 * PPB * 2_500 * (DURATION_MAX_S as i128) < i64::MAX as i128);

impl Recursion {
    const fn new(storage: &Storage, duration_s: u32) -> Self {
        let per_ppb = 2_500 * duration_s as i64;
        Self {
            charge: storage.charge_ppb * per_ppb,
            discharge: storage.discharge_ppb * per_ppb,
            lost: 9 * storage.loss_ppb,
        }
    }

    #[inline]
    fn after(&self, stored_uwh: i64, charge: i64, discharge: i64) -> i64 {
        let flow = wide(self.charge, charge).wrapping_sub(wide(self.discharge, discharge));
        recursion(stored_uwh, flow.wrapping_sub(wide(self.lost, stored_uwh)))
    }
}

/// ⌊amount·ppb/10⁹⌋ without the wide product.
pub(super) fn share(amount: i128, ppb: u32) -> i128 {
    let ppb = i128::from(ppb);
    amount.div_euclid(PPB) * ppb + (amount.rem_euclid(PPB) * ppb).div_euclid(PPB)
}

pub(super) fn down(doubled: i128) -> Picos {
    Picos(doubled.div_euclid(2))
}

pub(super) fn up(doubled: i128) -> Picos {
    Picos(-((-doubled).div_euclid(2)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_recursion_in_words_is_the_one_in_full(
            (charge_ppb, discharge_ppb, loss_ppb) in (1i64..=1_000_000_000, 1_000_000_000i64..=4_000_000_000, 0i64..=1_000_000_000),
            (stored, power, is_charged) in (0i64..=1 << 50, prop_oneof![0i64..=1 << 31, Just(1i64 << 31)], any::<bool>()),
            duration_s in 1u32..=DURATION_MAX_S,
        ) {
            let storage = Storage {
                charge_max: Watts(1 << 31),
                discharge_max: Watts(1 << 31),
                charge_ppb,
                discharge_ppb,
                loss_ppb,
                capacity_uwh: 1 << 50,
                initial_uwh: 0,
                final_min_uwh: 0,
                wear: 0,
                embodied_mg_per_kwh: 0,
            };
            let (charge, discharge) = if is_charged { (power, 0) } else { (0, power) };
            let found = Recursion::new(&storage, duration_s).after(stored, charge, discharge);
            prop_assert_eq!(found, storage.after(stored, Watts(charge), Watts(discharge), duration_s));
            // Against the definition in the widest arithmetic there is.
            let came = i128::from(charge_ppb) * i128::from(charge) - i128::from(discharge_ppb) * i128::from(discharge);
            let all = came * 2_500 * i128::from(duration_s) - 9 * i128::from(loss_ppb) * i128::from(stored);
            prop_assert_eq!(i128::from(found), i128::from(stored) + all.div_euclid(9_000_000_000));
        }
    }
}
