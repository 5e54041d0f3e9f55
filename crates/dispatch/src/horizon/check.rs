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
    Horizon, HorizonAnswer, HorizonCertificate, HorizonSolution, Storage,
    bound::{bound, peak_cost},
    carbon::{self, Emitted},
    contingency::{self, Losses},
    lagrangian::wide,
    limits::MULTIPLIER_MAX,
    verdict::{HorizonRefusal, HorizonVerified},
};
use gridaccord_model::{CarbonMg, Picos, Watts};

const PPB: i128 = 1_000_000_000;

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
    let tally = Tally::of(problem, &answer.solution)?;
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
    let any = |values: &[i64]| {
        values.iter().all(|value| (-MULTIPLIER_MAX..=MULTIPLIER_MAX).contains(value))
    };
    let at_least_zero =
        |values: &[i64]| values.iter().all(|value| (0..=MULTIPLIER_MAX).contains(value));
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
            let mut before = generator.ramp.map_or(0, |ramp| ramp.initial.0);
            for (interval, power) in powers.iter().enumerate() {
                if !(generator.power_min[interval]..=generator.power_max[interval]).contains(power)
                {
                    return Err(HorizonRefusal::OutsideBounds {
                        part: "generator",
                        number,
                        interval,
                    });
                }
                self.supply[interval] += power.0;
                if let Some(ramp) = generator.ramp {
                    let change = power.0 - before;
                    if change > ramp.up.0 || -change > ramp.down.0 {
                        return Err(HorizonRefusal::Ramp {
                            number,
                            interval,
                            change: Watts(change),
                        });
                    }
                    before = power.0;
                    self.reserved[interval] += power.0;
                }
                self.emitted.add(
                    interval,
                    generator.carbon_mg_per_kwh,
                    generator.embodied_mg_per_kwh,
                    power.0,
                );
                self.losses.generator(generator, interval, power.0);
                self.pay(
                    wide(generator.quadratic, power.0 * power.0)
                        + wide(2 * generator.linear, power.0),
                );
            }
        }
        Ok(())
    }

    fn storages(
        &mut self,
        problem: &Horizon,
        solution: &HorizonSolution,
    ) -> Result<(), HorizonRefusal> {
        for (number, storage) in problem.parts().storages.iter().enumerate() {
            let mut stored = storage.initial_uwh;
            for interval in 0..problem.intervals() {
                let (charge, discharge) =
                    (solution.charge[number][interval], solution.discharge[number][interval]);
                if !(Watts(0)..=storage.charge_max).contains(&charge)
                    || !(Watts(0)..=storage.discharge_max).contains(&discharge)
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
                stored = storage.after(stored, charge, discharge, problem.parts().duration_s);
                let last = interval + 1 == problem.intervals();
                let least = if last { storage.final_min_uwh } else { 0 };
                if !(least..=storage.capacity_uwh).contains(&stored) {
                    return Err(HorizonRefusal::Stored { number, interval, stored_uwh: stored });
                }
                self.supply[interval] += discharge.0 - charge.0;
                self.reserved[interval] += discharge.0 - charge.0;
                self.emitted.add(interval, 0, storage.embodied_mg_per_kwh, discharge.0);
                self.losses.storage(storage, interval, discharge.0 - charge.0, stored);
                self.pay(wide(2 * storage.wear, discharge.0));
            }
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
        &self,
        problem: &Horizon,
    ) -> Result<[CarbonMg; 2], HorizonRefusal> {
        for interval in 0..problem.intervals() {
            let excess = self.supply[interval] - problem.parts().demand[interval].0;
            if excess != 0 {
                return Err(HorizonRefusal::Unbalanced { interval, excess: Watts(excess) });
            }
            let short = self.reserved[interval] - problem.reserve_ceiling(interval).0;
            if short > 0 {
                return Err(HorizonRefusal::Reserve { interval, short: Watts(short) });
            }
        }
        self.losses.check()?;
        self.emitted.check(problem)
    }
}

impl Storage {
    /// Stored energy after an interval, µWh, floored.
    #[must_use]
    pub fn after(&self, stored_uwh: i64, charge: Watts, discharge: Watts, duration_s: u32) -> i64 {
        // What was stored, and the floor of what came and went over 9·10⁹ = 2⁹·17,578,125: a shift floors first, which
        // leaves a number that mostly fits a word. Wrapping, since anybody may call this with anything.
        const ODD: i64 = 17_578_125;
        let flow = wide(self.charge_ppb, charge.0)
            .wrapping_sub(wide(self.discharge_ppb, discharge.0))
            .wrapping_mul(2_500 * i128::from(duration_s));
        let lost = wide(self.loss_ppb, stored_uwh).wrapping_mul(9);
        let change = flow.wrapping_sub(lost) >> 9;
        let change = i64::try_from(change).map_or_else(
            |_| change.div_euclid(i128::from(ODD)),
            |change| i128::from(change.div_euclid(ODD)),
        );
        let after = i128::from(stored_uwh) + change;
        i64::try_from(after).unwrap_or(if after < 0 { i64::MIN } else { i64::MAX })
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
