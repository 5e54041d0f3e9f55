//! The check of a commitment: feasible to the watt, and how far its cost can be from the least.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "limits of the problem, then of multipliers, are checked before anything is summed; the budgets of bound and states cover the rest"
)]

use super::{
    super::{
        bound::peak_cost,
        check::{Tally, check_certificate_shape, check_multipliers, check_shape, down, share, up},
        lagrangian::wide,
        limits::MULTIPLIER_MAX,
        verdict::{HorizonRefusal, HorizonVerified},
    },
    BRANCHES_MAX, Branch, Commitment, CommitmentAnswer, CommitmentMultipliers, CommitmentSolution,
    Held, Plant, bound,
    states::COST_UNIT,
};
use gridaccord_model::{Picos, Watts};

/// Facts about an accepted commitment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitmentVerified {
    /// Cost, bound and gap; the bound is that of all branches.
    pub facts: HorizonVerified,
    /// Gap to the least cost with the same plants on in the same intervals, rounded up: what is left of it is due to
    /// which plants are on.
    pub gap_given: Picos,
}

/// What a proof that there is no dispatch shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitmentInfeasible {
    /// Least sum of multiplier times violated constraint over the branches, above zero; `None` where the plants' states
    /// alone contradict each other.
    pub violation: Option<Picos>,
}

/// Checks an answer. `gap_ppb` is the largest proven gap as a share of the turnover.
///
/// # Errors
/// The first rule of [`appraise`] broken, or K11.
pub fn check(
    problem: &Commitment,
    answer: &CommitmentAnswer,
    gap_ppb: u32,
) -> Result<CommitmentVerified, HorizonRefusal> {
    let verified = appraise(problem, answer)?;
    let allowed = Picos(share(verified.facts.turnover.0, gap_ppb));
    if verified.facts.gap > allowed {
        return Err(HorizonRefusal::GapTooLarge { gap: verified.facts.gap, allowed });
    }
    Ok(verified)
}

/// Checks everything but the size of the gap, which it states. Prices need not be pinned: no price supports a
/// commitment as a rule.
///
/// # Errors
/// The first rule broken of K1, K19, K2, K3–K9 and K13–K18.
pub fn appraise(
    problem: &Commitment,
    answer: &CommitmentAnswer,
) -> Result<CommitmentVerified, HorizonRefusal> {
    check_shapes(problem, &answer.solution)?;
    let CommitmentAnswer { solution, certificate } = answer;
    check_branches(problem, &certificate.branches)?;
    check_own(problem, &certificate.given)?;
    let mut tally = Tally::of(problem.base(), &solution.base)?;
    let cycles = dispatch(problem, solution, &mut tally)?;
    let [carbon, carbon_whole] = tally.check_couplings(problem.base())?;
    let parts = problem.base().parts();
    let peak = solution.base.import.iter().copied().max().unwrap_or_default();
    let charge = peak_cost(problem.base()) * i128::from((peak.0 - parts.tie.peak_before.0).max(0));
    let once = charge + i128::from(cycles) * COST_UNIT;
    let cost = tally.cost * i128::from(parts.duration_s) + once;
    let turnover = tally.turnover * i128::from(parts.duration_s) + once;
    let bounds = certificate
        .branches
        .iter()
        .filter_map(|branch| bound::of(problem, &branch.multipliers, &branch.held));
    // Some branch holds the answer itself, so there is a bound.
    let bound = bounds.min().unwrap_or(cost);
    let given = bound::of(problem, &certificate.given, &as_it_is(solution)).unwrap_or(cost);
    Ok(CommitmentVerified {
        facts: HorizonVerified {
            cost: down(cost),
            bound: down(bound),
            gap: up(cost - bound),
            turnover: down(turnover),
            carbon,
            carbon_whole,
            peak,
        },
        gap_given: up(cost - given),
    })
}

/// Checks a dispatch alone: that it keeps every limit, whatever it costs.
///
/// # Errors
/// The first rule broken of K1, K3–K9 and K13–K18.
pub fn check_feasible(
    problem: &Commitment,
    solution: &CommitmentSolution,
) -> Result<(), HorizonRefusal> {
    check_shapes(problem, solution)?;
    let mut tally = Tally::of(problem.base(), &solution.base)?;
    dispatch(problem, solution, &mut tally)?;
    tally.check_couplings(problem.base()).map(|_| ())
}

/// What a branch proves: no dispatch that holds what it holds costs less. `None` where none holds it.
///
/// # Errors
/// K19 for what the problem does not have, K1 and K2 for its multipliers.
pub fn lower_bound(problem: &Commitment, branch: &Branch) -> Result<Option<Picos>, HorizonRefusal> {
    check_held(problem, branch)?;
    check_own(problem, &branch.multipliers)?;
    Ok(bound::of(problem, &branch.multipliers, &branch.held).map(down))
}

/// Checks that branches prove that no dispatch exists.
///
/// # Errors
/// K1, K19 and K2 as for an answer, multipliers of the demand charge being zero; K12 where nothing is proven.
pub fn check_infeasible(
    problem: &Commitment,
    branches: &[Branch],
) -> Result<CommitmentInfeasible, HorizonRefusal> {
    let costless = problem.costless();
    check_branches(&costless, branches)?;
    let bounds = branches
        .iter()
        .filter_map(|branch| bound::of(&costless, &branch.multipliers, &branch.held));
    let violation = bounds.min().map(|bound| Picos(bound.div_euclid(2)));
    match violation {
        Some(violation) if violation.0 <= 0 => Err(HorizonRefusal::NotInfeasible { violation }),
        violation => Ok(CommitmentInfeasible { violation }),
    }
}

/// Everything that a commitment fixes.
fn as_it_is(solution: &CommitmentSolution) -> Vec<Held> {
    let plants = solution.on.iter().enumerate();
    plants
        .flat_map(|(plant, on)| {
            on.iter().enumerate().map(move |(interval, is_on)| Held {
                plant,
                interval,
                is_on: *is_on,
            })
        })
        .collect()
}

fn check_shapes(problem: &Commitment, solution: &CommitmentSolution) -> Result<(), HorizonRefusal> {
    check_shape(problem.base(), &solution.base)?;
    let (intervals, plants, reservoirs) =
        (problem.intervals(), problem.plants().len(), problem.reservoirs().len());
    fn all<T>(lists: &[Vec<T>], count: usize, length: usize) -> bool {
        lists.len() == count && lists.iter().all(|list| list.len() == length)
    }
    let shapes = [
        ("states of plants", all(&solution.on, plants, intervals)),
        ("plants", all(&solution.plants, plants, intervals)),
        ("charges", all(&solution.charge, reservoirs, intervals)),
        ("discharges", all(&solution.discharge, reservoirs, intervals)),
        ("spills", all(&solution.spill, reservoirs, intervals)),
        ("beginnings", solution.begin.len() == reservoirs),
    ];
    match shapes.iter().find(|(_, holds)| !holds) {
        Some((name, _)) => Err(HorizonRefusal::Shape(name)),
        None => Ok(()),
    }
}

/// Multipliers' shapes and limits.
fn check_own(problem: &Commitment, own: &CommitmentMultipliers) -> Result<(), HorizonRefusal> {
    check_certificate_shape(problem.base(), &own.base)?;
    let intervals = problem.intervals();
    let ramps =
        own.ramp.len() == problem.plants().len()
            && own.ramp.iter().zip(problem.plants()).all(|(ramp, plant)| {
                ramp.len() == if plant.ramp.is_some() { intervals } else { 0 }
            });
    if !ramps {
        return Err(HorizonRefusal::Shape("ramp multipliers"));
    }
    let energies = own.energy.len() == problem.reservoirs().len()
        && own.energy.iter().all(|list| list.len() == intervals);
    if !energies {
        return Err(HorizonRefusal::Shape("energy multipliers"));
    }
    check_multipliers(problem.base(), &own.base)?;
    let any = |list: &Vec<i64>| {
        list.iter().all(|value| (-MULTIPLIER_MAX..=MULTIPLIER_MAX).contains(value))
    };
    // Nothing ramps into the first interval: what was before it is known or free.
    if !own.ramp.iter().all(|list| any(list) && list.first().is_none_or(|first| *first == 0)) {
        return Err(HorizonRefusal::Multiplier("ramps"));
    }
    if own.energy.iter().all(any) {
        Ok(())
    } else {
        Err(HorizonRefusal::Multiplier("stored energy"))
    }
}

fn check_held(problem: &Commitment, branch: &Branch) -> Result<(), HorizonRefusal> {
    let known =
        |held: &Held| held.plant < problem.plants().len() && held.interval < problem.intervals();
    if branch.held.iter().all(known) { Ok(()) } else { Err(HorizonRefusal::Branches) }
}

/// That branches leave no case out, and their multipliers.
fn check_branches(problem: &Commitment, branches: &[Branch]) -> Result<(), HorizonRefusal> {
    if branches.len() > BRANCHES_MAX {
        return Err(HorizonRefusal::Branches);
    }
    branches.iter().try_for_each(|branch| check_held(problem, branch))?;
    // Runs of branches that agree down to a depth; each is one case, or splits into off and on.
    let mut runs = vec![(branches, 0)];
    while let Some((run, depth)) = runs.pop() {
        match run {
            [] => return Err(HorizonRefusal::Branches),
            [branch] if branch.held.len() == depth => {}
            [first, ..] => {
                let Some(split) = first.held.get(depth).copied() else {
                    return Err(HorizonRefusal::Branches);
                };
                let off = Some(Held { is_on: false, ..split });
                let on = Some(Held { is_on: true, ..split });
                let at = |branch: &Branch| branch.held.get(depth).copied();
                let count = run.iter().take_while(|branch| at(branch) == off).count();
                let (lower, upper) = run.split_at(count);
                if upper.iter().any(|branch| at(branch) != on) {
                    return Err(HorizonRefusal::Branches);
                }
                runs.extend([(lower, depth + 1), (upper, depth + 1)]);
            }
        }
    }
    branches.iter().try_for_each(|branch| check_own(problem, &branch.multipliers))
}

/// Adds plants and reservoirs; returns what starts and stops cost, nano-currency.
fn dispatch(
    problem: &Commitment,
    solution: &CommitmentSolution,
    tally: &mut Tally<'_>,
) -> Result<i64, HorizonRefusal> {
    let mut cycles = 0i64;
    for (number, plant) in problem.plants().iter().enumerate() {
        let (on, powers) = (&solution.on[number], &solution.plants[number]);
        let cost =
            states(plant, on).map_err(|interval| HorizonRefusal::State { number, interval })?;
        cycles = cycles.saturating_add(cost);
        powered(plant, on, powers)
            .map_err(|interval| HorizonRefusal::Plant { number, interval })?;
        for (interval, (is_on, power)) in on.iter().zip(powers).enumerate() {
            tally.supply[interval] += power.0;
            if plant.ramp.is_some() {
                let most = if *is_on { plant.power_max[interval].0 } else { 0 };
                tally.reserved[interval] += power.0 - most;
            }
            let (operating, embodied) = (plant.carbon_mg_per_kwh, plant.embodied_mg_per_kwh);
            tally.emitted.add(interval, operating, embodied, power.0);
            let standing = if *is_on { 2 * i128::from(plant.standing) } else { 0 };
            tally.pay(
                wide(plant.quadratic, power.0 * power.0)
                    + wide(2 * plant.linear[interval], power.0),
            );
            tally.pay(standing);
        }
    }
    (0..problem.reservoirs().len())
        .try_for_each(|number| reservoir(problem, solution, number, tally))?;
    Ok(cycles)
}

/// Least times, holds, and what cycling costs; otherwise the interval that breaks one.
fn states(plant: &Plant, on: &[bool]) -> Result<i64, usize> {
    let cycling = plant.cycles();
    let long = |time: u32| usize::try_from(time).unwrap_or(usize::MAX);
    let mut cost = 0i64;
    let mut before = cycling.was_on;
    // How long it must stay as it is.
    let mut bound = 0;
    for (interval, is_on) in on.iter().copied().enumerate() {
        let held = (interval < long(cycling.held_on) && !is_on)
            || (interval < long(cycling.held_off) && is_on);
        if held || (is_on != before && interval < bound) {
            return Err(interval);
        }
        if is_on != before {
            let (price, time) = if is_on {
                (cycling.start_cost, cycling.on_min)
            } else {
                (cycling.stop_cost, cycling.off_min)
            };
            cost = cost.saturating_add(price);
            bound = interval.saturating_add(long(time));
            before = is_on;
        }
    }
    Ok(cost)
}

/// Powers within bounds, ramps, starts and stops; otherwise the interval that breaks one.
fn powered(plant: &Plant, on: &[bool], powers: &[Watts]) -> Result<(), usize> {
    let cycling = plant.cycles();
    let mut before = cycling.was_on;
    if before && on.first() == Some(&false) && !plant.may_stop_at_once() {
        return Err(0);
    }
    for (interval, (is_on, power)) in on.iter().copied().zip(powers).enumerate() {
        let within = if is_on {
            let is_last = on.get(interval + 1) == Some(&false);
            let range = plant.range(interval, !before, is_last);
            range.is_some_and(|(lo, hi)| (lo..=hi).contains(&power.0))
        } else {
            *power == Watts(0)
        };
        if !within {
            return Err(interval);
        }
        if let (Some(ramp), true, true) = (plant.ramp, is_on && before, interval > 0) {
            let change = power.0 - powers[interval - 1].0;
            if change > ramp.up.0 || -change > ramp.down.0 {
                return Err(interval);
            }
        }
        before = is_on;
    }
    Ok(())
}

fn reservoir(
    problem: &Commitment,
    solution: &CommitmentSolution,
    number: usize,
    tally: &mut Tally<'_>,
) -> Result<(), HorizonRefusal> {
    let reservoir = &problem.reservoirs()[number];
    let (storage, duration_s) = (&reservoir.storage, problem.base().parts().duration_s);
    let begin = solution.begin[number];
    let may_begin = if reservoir.is_cyclic {
        (0..=storage.capacity_uwh).contains(&begin)
    } else {
        begin == storage.initial_uwh
    };
    if !may_begin {
        return Err(HorizonRefusal::Stored { number, interval: 0, stored_uwh: begin });
    }
    let mut stored = begin;
    for interval in 0..problem.intervals() {
        let (charge, discharge) =
            (solution.charge[number][interval], solution.discharge[number][interval]);
        let spill = solution.spill[number][interval];
        if !(Watts(0)..=storage.charge_max).contains(&charge)
            || !(Watts(0)..=storage.discharge_max).contains(&discharge)
            || !(0..=reservoir.spill_max_uwh[interval]).contains(&spill)
        {
            return Err(HorizonRefusal::OutsideBounds { part: "reservoir", number, interval });
        }
        if charge.0 > 0 && discharge.0 > 0 {
            return Err(HorizonRefusal::BothWays { number, interval });
        }
        stored = storage
            .after(stored, charge, discharge, duration_s)
            .saturating_add(reservoir.inflow_uwh[interval] - spill);
        let (least, most) = reservoir.held(interval);
        let (least, most) = if reservoir.is_cyclic && interval + 1 == problem.intervals() {
            (least.max(begin), most.min(begin.saturating_add(reservoir.cycle_slack(duration_s))))
        } else {
            (least, most)
        };
        if !(least..=most).contains(&stored) {
            return Err(HorizonRefusal::Stored { number, interval, stored_uwh: stored });
        }
        tally.supply[interval] += discharge.0 - charge.0;
        tally.reserved[interval] += discharge.0 - charge.0 - storage.discharge_max.0;
        tally.emitted.add(interval, 0, storage.embodied_mg_per_kwh, discharge.0);
        tally.pay(wide(2 * storage.wear, discharge.0));
    }
    Ok(())
}
