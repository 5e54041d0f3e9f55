//! A whole horizon: an interior point that uses the structure, then whole watts, then the exact check.
//!
//! Ramps and stored energy give each resource a tridiagonal T×T system of its own. Eliminating all resources leaves T
//! prices, T reserve prices and two scalars: one T×T Cholesky factor per iteration, however many resources there
//! are. Its summands are inverses of tridiagonal matrices, which are semiseparable and cost T²/2 each.
//!
//! Sources: S. Mehrotra, SIAM J. Optim. 2 (1992) 575; S. J. Wright, *Primal-Dual Interior-Point Methods*, 1997.

mod blocks;
mod border;
mod boxed;
mod cell;
mod commitment;
mod explain;
mod general;
mod import;
mod ipm;
mod lanes;
mod linear;
mod open;
mod packs;
mod point;
mod proof;
mod ramped;
mod repair;
mod rows;
mod scaled;
mod shift;
mod store;
mod warm;

pub use commitment::{CommitmentOutcome, propose_commitment};
pub use explain::{Explanation, Limit, Relaxation};
pub use open::{OpenAnswer, OpenEnds, propose_open};

use gridaccord_dispatch::horizon::{
    Horizon, HorizonAnswer, HorizonCertificate, HorizonInfeasible, HorizonRefusal, HorizonVerified,
    appraise, check, pin,
};
use ipm::{End, Ipm};
use point::Point;
use scaled::Scaled;
use warm::Before;

/// Shares by which the general program's couplings are tightened, tried in turn.
const MARGINS: [f64; 4] = [1e-8, 1e-6, 3e-5, 1e-3];
/// The same where the structure is used.
const STRUCTURED_MARGINS: [f64; 3] = [1e-6, 3e-5, 1e-3];

/// Barrier parameter of a warm start over the bill by pair: less leaves values stuck at bounds that they must leave.
const WARM_SHARE: f64 = 1e-3;

/// What the solver came to, each with its evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HorizonOutcome {
    /// An answer that passed the exact check, its gap within what was asked.
    Optimal {
        /// The answer.
        answer: Box<HorizonAnswer>,
        /// Cost, bound and gap.
        verified: HorizonVerified,
        /// Interior-point iterations.
        iterations: usize,
    },
    /// A dispatch that keeps every limit, exactly checked, whose proven gap is larger than what was asked.
    Feasible {
        /// The answer.
        answer: Box<HorizonAnswer>,
        /// Cost, bound and gap.
        verified: HorizonVerified,
        /// Why the gap is no smaller.
        reason: GapReason,
    },
    /// There is no dispatch.
    Infeasible {
        /// Multipliers that passed [`check_infeasible`](gridaccord_dispatch::horizon::check_infeasible()).
        certificate: Box<HorizonCertificate>,
        /// What they prove.
        proof: HorizonInfeasible,
        /// Which limits, where, and what would fix it.
        explanation: Explanation,
    },
    /// Neither an answer nor a proof that there is none.
    Stopped {
        /// Why.
        reason: StopReason,
        /// What the check said of the best attempt, if there was any.
        refusal: Option<HorizonRefusal>,
    },
}

/// Why a gap is larger than what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GapReason {
    /// The interior point ended before its tolerance.
    NotConverged,
    /// At the relaxed optimum a storage charges and discharges at once; to forbid it is not convex.
    BothWays,
    /// Whole watts cost more than the gap asked for.
    Rounding,
    /// Which plants are on is not proven best: the search for a better commitment ended before it was done.
    Commitment,
}

/// Why the solver came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// The interior point ended before its tolerance, without proof that there is no dispatch.
    NotConverged,
    /// The optimum in floating point keeps all limits, no neighbour in whole watts that was tried does.
    NoWholeWatts,
    /// Too large a problem for what it states, or for the proof that there is no dispatch.
    TooLarge,
}

/// An answer tried, and what the exact check says of it.
struct Attempt {
    answer: Box<HorizonAnswer>,
    /// Without regard to the gap.
    verdict: Result<HorizonVerified, HorizonRefusal>,
    /// Whether the gap is within what was asked.
    is_optimal: bool,
    iterations: usize,
    reason: GapReason,
}

/// Solves a horizon; an optimal answer's gap is at most `gap_ppb` of the turnover.
#[must_use]
pub fn propose_horizon(problem: &Horizon, gap_ppb: u32) -> HorizonOutcome {
    if let Some(proof) = proof::of_single_intervals(problem) {
        return infeasible(proof);
    }
    let mut best = by_structure(problem, gap_ppb);
    for margin in MARGINS {
        let is_done = |best: &Attempt| best.is_optimal || best.reason == GapReason::BothWays;
        if best.as_ref().is_some_and(is_done) {
            break;
        }
        let Some((point, converged, iterations)) = general::solve(problem, margin) else { break };
        let attempt = judge(problem, &point, converged, gap_ppb, iterations);
        best = Some(match best {
            Some(best) => better(best, attempt),
            None => attempt,
        });
        // A wider margin helps only where rounding to whole watts broke a limit.
        if !converged || best.as_ref().is_some_and(|best| best.verdict.is_ok()) {
            break;
        }
    }
    let Some(best) = best else {
        return HorizonOutcome::Stopped { reason: StopReason::TooLarge, refusal: None };
    };
    let Attempt { answer, verdict, is_optimal, iterations, reason } = best;
    match verdict {
        Ok(verified) if is_optimal => HorizonOutcome::Optimal { answer, verified, iterations },
        Ok(verified) => HorizonOutcome::Feasible { answer, verified, reason },
        Err(refusal) => match proof::of_elastic(problem) {
            Ok(proof) => infeasible(proof),
            Err(reason) => HorizonOutcome::Stopped { reason, refusal: Some(refusal) },
        },
    }
}

/// Solves a horizon from the answer to the one `shift` intervals before: the same resources in the same order, time
/// moved on.
///
/// The answer depends on the problem, the answer before and `shift` alone, on every machine the same. It need not be the
/// one that [`propose_horizon`] finds: both pass the same exact check. Where the answer before is of another shape, or
/// the start proves no good, this is [`propose_horizon`].
#[must_use]
pub fn propose_horizon_warm(
    problem: &Horizon,
    gap_ppb: u32,
    before: &HorizonAnswer,
    shift: usize,
) -> HorizonOutcome {
    if let Some(Attempt { answer, verdict: Ok(verified), is_optimal: true, iterations, .. }) =
        warmed(problem, gap_ppb, before, shift)
    {
        return HorizonOutcome::Optimal { answer, verified, iterations };
    }
    propose_horizon(problem, gap_ppb)
}

fn warmed(
    problem: &Horizon,
    gap_ppb: u32,
    before: &HorizonAnswer,
    shift: usize,
) -> Option<Attempt> {
    if !scaled::fits(problem) {
        return None;
    }
    let before = Before::new(problem, before, shift)?;
    let prices = vec![0.0; problem.intervals()];
    let mut ipm = Ipm::new(Scaled::new(problem, &prices, 1.0, STRUCTURED_MARGINS[0]), prices, 1.0);
    let mu = warm_mu(problem, &ipm);
    ipm.warm(problem, &before, mu);
    let end = ipm.run();
    let point = Point::of(problem, &ipm);
    Some(judge(problem, &point, end == End::Converged, gap_ppb, ipm.iterations))
}

/// Barrier parameter of a warm start: a share of the tariff's bill for all demand, by pair of bound and multiplier.
fn warm_mu(problem: &Horizon, ipm: &Ipm) -> f64 {
    let parts = problem.parts();
    let bill: f64 = parts
        .demand
        .iter()
        .zip(&parts.tie.tariff)
        .map(|(power, price)| {
            power.0 as f64 / scaled::POWER_UNIT * (1.0 + price.0.abs() as f64 * 1e-3)
        })
        .sum();
    WARM_SHARE * bill / ipm.pairs().max(1.0)
}

fn infeasible((certificate, proof, explanation): proof::Proof) -> HorizonOutcome {
    HorizonOutcome::Infeasible { certificate: Box::new(certificate), proof, explanation }
}

/// The interior point that uses the structure, where that is all the problem has.
fn by_structure(problem: &Horizon, gap_ppb: u32) -> Option<Attempt> {
    if !scaled::fits(problem) {
        return None;
    }
    let mut best: Option<Attempt> = None;
    for margin in STRUCTURED_MARGINS {
        let (attempt, converged) = structured(problem, gap_ppb, margin);
        // A wider margin helps only where rounding to whole watts broke a limit.
        let is_done = !converged || attempt.verdict.is_ok();
        best = Some(match best {
            Some(best) => better(best, attempt),
            None => attempt,
        });
        if is_done {
            break;
        }
    }
    best
}

/// One attempt, and whether it converged.
fn structured(problem: &Horizon, gap_ppb: u32, margin: f64) -> (Attempt, bool) {
    let (prices, mu) = start(problem);
    let mut ipm = Ipm::new(Scaled::new(problem, &prices, mu, margin), prices, mu);
    let converged = ipm.run() == End::Converged;
    let point = Point::of(problem, &ipm);
    (judge(problem, &point, converged, gap_ppb, ipm.iterations), converged)
}

/// Rounds and checks a point.
fn judge(
    problem: &Horizon,
    point: &Point,
    converged: bool,
    gap_ppb: u32,
    iterations: usize,
) -> Attempt {
    let mut answer = Box::new(repair::answer(problem, point));
    pin(problem, &mut answer.certificate);
    let reason = if !converged {
        GapReason::NotConverged
    } else if point.goes_both_ways() {
        GapReason::BothWays
    } else {
        GapReason::Rounding
    };
    let (verdict, is_optimal) = match check(problem, &answer, gap_ppb) {
        Ok(verified) => (Ok(verified), true),
        Err(_) => (appraise(problem, &answer), false),
    };
    Attempt { answer, verdict, is_optimal, iterations, reason }
}

/// The optimal one of two, else the feasible one, else the later; of two feasible ones the narrower gap.
fn better(one: Attempt, other: Attempt) -> Attempt {
    match (&one.verdict, &other.verdict) {
        (Ok(first), Ok(second)) if first.gap <= second.gap => one,
        (Ok(_), Err(_)) => one,
        _ => other,
    }
}

/// Prices and centring to start from: every interval on its own, without memory, supply smoothed by the barrier.
fn start(problem: &Horizon) -> (Vec<f64>, f64) {
    let parts = problem.parts();
    let intervals = problem.intervals() as f64;
    let mean = |series: &mut dyn Iterator<Item = f64>| series.sum::<f64>() / intervals;
    let tariff = mean(&mut parts.tie.tariff.iter().map(|price| price.0.abs() as f64 * 1e-3));
    let demand = mean(&mut parts.demand.iter().map(|power| power.0 as f64 / scaled::POWER_UNIT));
    let count = (parts.generators.len() + parts.storages.len() + 2) as f64;
    // Between the size of one resource and of the whole: the tie is large and must be free to move.
    let mu = 2.0 * (tariff + 1.0) * (demand + 1.0) / count.sqrt();
    let prices = (0..problem.intervals()).map(|t| {
        let (mut below, mut above) = (-4.0 * tariff - 1.0, 4.0 * tariff + 1.0);
        for _ in 0..14 {
            let price = f64::midpoint(below, above);
            if smooth_supply(problem, t, price, mu) < parts.demand[t].0 as f64 / scaled::POWER_UNIT
            {
                below = price;
            } else {
                above = price;
            }
        }
        f64::midpoint(below, above)
    });
    (prices.collect(), mu)
}

/// Supply on the central path at a price, kW; storages are left out.
fn smooth_supply(problem: &Horizon, t: usize, price: f64, mu: f64) -> f64 {
    let parts = problem.parts();
    let kilowatts = |power: gridaccord_model::Watts| power.0 as f64 / scaled::POWER_UNIT;
    let generators = parts.generators.iter().map(|generator| {
        if let Some(ramp) = generator.ramp {
            return kilowatts(ramp.initial);
        }
        let (lo, hi) = (kilowatts(generator.power_min[t]), kilowatts(generator.power_max[t]));
        let quadratic = generator.quadratic as f64 * 1e-3;
        scaled::central(
            generator.linear as f64 * 1e-6 - price + quadratic * lo,
            quadratic,
            lo,
            hi,
            mu,
        )
    });
    let tiers = parts.tiers.iter().map(|tier| {
        scaled::central(tier.value.0 as f64 * 1e-3 - price, 0.0, 0.0, kilowatts(tier.power[t]), mu)
    });
    let tie = &parts.tie;
    let import = scaled::central(
        tie.tariff[t].0 as f64 * 1e-3 - price,
        0.0,
        0.0,
        kilowatts(tie.import_max[t]),
        mu,
    );
    let export = scaled::central(
        tie.feed_in[t].0 as f64 * 1e-3 - price,
        0.0,
        -kilowatts(tie.export_max[t]),
        0.0,
        mu,
    );
    generators.chain(tiers).sum::<f64>() + import + export
}

#[cfg(test)]
#[path = "../tests/it/generator.rs"]
mod generator;

#[cfg(test)]
mod tests {
    use super::*;
    use gridaccord_dispatch::horizon::{HorizonParts, ShiftableLoad};
    use gridaccord_model::{CarbonMg, Watts};

    /// Problems that both interior points know, each with something the plain campus lacks.
    fn variants(problem: &Horizon) -> Vec<Horizon> {
        let size = problem.intervals();
        let mean = problem.parts().demand.iter().map(|power| power.0).sum::<i64>() / size as i64;
        let changed = |change: &dyn Fn(&mut HorizonParts)| {
            let mut parts = problem.parts().clone();
            change(&mut parts);
            Horizon::new(parts).unwrap()
        };
        let shiftable = |parts: &mut HorizonParts| {
            let load = |number: i64| ShiftableLoad {
                power_max: vec![Watts(5_000 * number); size],
                power_sum: Watts(2_000 * number * size as i64),
            };
            parts.shiftable = (1..=9).map(load).collect();
        };
        let intervals = |parts: &mut HorizonParts| {
            parts.carbon.operating.interval = vec![CarbonMg(mean * 300 / 12); size];
            parts.carbon.operating.excess_interval = CarbonMg(mean);
            parts.carbon.operating.excess_horizon = CarbonMg(mean * 5);
        };
        vec![
            problem.clone(),
            changed(&shiftable),
            changed(&intervals),
            changed(&|parts| parts.tie.demand_charge = 5_000_000),
            changed(&|parts| {
                parts.carbon.whole.horizon = Some(CarbonMg(mean * size as i64 * 260 / 12));
            }),
            changed(&|parts| {
                shiftable(parts);
                intervals(parts);
                parts.tie.demand_charge = 5_000_000;
            }),
        ]
    }

    #[test]
    fn both_interior_points_prove_the_same_optimum() {
        for (resources, intervals) in [(4, 24), (9, 48), (40, 12)] {
            for quadratic in [false, true] {
                let campus = generator::campus(23, resources, intervals, quadratic);
                for (number, problem) in variants(&campus).iter().enumerate() {
                    let first = by_structure(problem, 10_000).unwrap();
                    assert!(first.is_optimal, "{number}: {:?}", first.verdict);
                    let mut attempts = MARGINS.iter().map(|margin| {
                        let (point, converged, iterations) =
                            general::solve(problem, *margin).unwrap();
                        assert!(converged, "{number}: by {margin}");
                        judge(problem, &point, converged, 10_000, iterations)
                    });
                    let second = attempts.find(|attempt| attempt.is_optimal).unwrap();
                    let (first, second) = (first.verdict.unwrap(), second.verdict.unwrap());
                    assert!(first.bound <= second.cost && second.bound <= first.cost);
                }
            }
        }
    }
}
