//! Unit commitment: relaxations, schedules rounded from them, and branches that close what is between.
//!
//! The relaxed program gives multipliers, which the exact check turns into a bound, and states between off and on. From
//! these come schedules: the nearest that keep least times, and the cheapest at the multipliers' prices. Each
//! is dispatched by the program with its states fixed, then in whole watts. Where bound and best
//! schedule are too far apart, the case with the lowest bound is split in two at the state that is least decided. What
//! leaves here was checked, and its branches are its proof.

mod moves;
mod repair;
mod schedule;
mod search;

use super::{GapReason, general::commitment as program, repair as base_repair};
use gridaccord_dispatch::horizon::{
    HorizonRefusal, MULTIPLIER_MAX,
    commitment::{
        Branch, Commitment, CommitmentAnswer, CommitmentMultipliers, CommitmentVerified,
        check_infeasible,
    },
};
use program::Relaxed;
use search::Search;

/// Power missing or too much that is the barrier's, kW.
const NOISE_KW: f64 = 2e-3;
/// Largest multiplier of a proof that there is no dispatch, currency per MWh.
const LARGEST: f64 = (MULTIPLIER_MAX >> 22) as f64;
/// Half-pico-currency per Wh in one currency per MWh.
const PRICE_UNIT: f64 = 2e6;

/// What the solver came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitmentOutcome {
    /// A dispatch that passed the exact check, with its proof.
    Solved {
        /// The answer.
        answer: Box<CommitmentAnswer>,
        /// Cost, bound and gap.
        verified: Box<CommitmentVerified>,
        /// Why the gap is larger than what was asked; `None` where it is not.
        reason: Option<GapReason>,
        /// Programs solved.
        programs: usize,
    },
    /// There is no dispatch, and nothing starts or stops: branches that passed
    /// [`check_infeasible`](gridaccord_dispatch::horizon::commitment::check_infeasible()).
    Infeasible {
        /// The proof.
        branches: Vec<Branch>,
        /// Where power is missing, W, or too much if negative.
        missing: Vec<(usize, i64)>,
    },
    /// None was found; whether there is one is not known.
    NotFound {
        /// Where power is missing, W, or too much if negative, with as much running as may.
        missing: Vec<(usize, i64)>,
        /// What the check said of the best attempt, if there was any.
        refusal: Option<HorizonRefusal>,
    },
    /// Too large to try.
    TooLarge,
}

/// Solves a commitment until its gap is at most `gap_ppb` of the turnover, or the search has done what it may.
#[must_use]
pub fn propose_commitment(problem: &Commitment, gap_ppb: u32) -> CommitmentOutcome {
    let free = vec![vec![None; problem.intervals()]; problem.plants().len()];
    let mut penalty = penalty(problem);
    let mut root = None;
    // A price spike above the penalty looks like a shortage: once more with a much higher one.
    for _ in 0..2 {
        let Some(relaxed) = program::solve(problem, &free, penalty, 0.0) else {
            return CommitmentOutcome::TooLarge;
        };
        let is_short = !missing(&relaxed).is_empty();
        root = Some(relaxed);
        if !is_short {
            break;
        }
        penalty *= 100.0;
    }
    let Some(root) = root else { return CommitmentOutcome::TooLarge };
    if (!missing(&root).is_empty() || !root.converged)
        && let Some(outcome) = infeasible(problem, &free)
    {
        return outcome;
    }
    Search::new(problem, penalty, gap_ppb).run(root)
}

/// Well above what any watt costs, currency per MWh.
fn penalty(problem: &Commitment) -> f64 {
    let parts = problem.base().parts();
    let tariff =
        parts.tie.tariff.iter().chain(&parts.tie.feed_in).map(|price| price.0 as f64 * 1e-3);
    let generators = parts.generators.iter().map(|part| {
        let most = part.power_max.iter().map(|power| power.0).max().unwrap_or(0);
        (part.linear as f64).abs() * 1e-6 + part.quadratic as f64 * most as f64 * 1e-6
    });
    let plants = problem.plants().iter().map(|plant| {
        let most = plant.power_max.iter().map(|power| power.0).max().unwrap_or(0) as f64;
        let linear = plant.linear.iter().map(|linear| linear.abs()).max().unwrap_or(0) as f64;
        let cycling = plant.cycles();
        // A start for one interval's power.
        let hours = f64::from(parts.duration_s) / 3_600.0;
        let start = (cycling.start_cost + cycling.stop_cost) as f64 * 1e-3 / hours / most.max(1.0);
        let standing = plant.standing as f64 * 1e-6 / most.max(1.0);
        linear * 1e-6 + plant.quadratic as f64 * most * 1e-6 + start + standing
    });
    let tiers = parts.tiers.iter().map(|tier| tier.value.0 as f64 * 1e-3);
    let wear = problem.reservoirs().iter().map(|part| part.storage.wear as f64 * 1e-6);
    let most = tariff.chain(generators).chain(plants).chain(tiers).chain(wear);
    10.0 * most.fold(0.0, |most: f64, price| most.max(price.abs())) + 10.0
}

/// Where power is missing, W, or too much, the most first.
fn missing(relaxed: &Relaxed) -> Vec<(usize, i64)> {
    let short = relaxed.short.iter().enumerate().filter(|(_, power)| power.abs() > NOISE_KW);
    let mut list: Vec<(usize, i64)> =
        short.map(|(t, power)| (t, (power * 1e3).round() as i64)).collect();
    list.sort_by_key(|(_, power)| std::cmp::Reverse(power.abs()));
    list
}

/// Why there is no dispatch: proven where nothing starts or stops. `None` where nothing is missing.
fn infeasible(problem: &Commitment, free: &program::Fixed) -> Option<CommitmentOutcome> {
    let costless = problem.costless();
    let relaxed = program::solve(&costless, free, 1.0, 0.0)?;
    let missing = missing(&relaxed);
    if missing.is_empty() {
        return None;
    }
    if problem.plants().iter().any(|plant| plant.cycling.is_some()) {
        return Some(CommitmentOutcome::NotFound { missing, refusal: None });
    }
    let multipliers = multipliers(problem, &relaxed, Some(LARGEST));
    let branches = vec![Branch { held: Vec::new(), multipliers }];
    Some(match check_infeasible(problem, &branches) {
        Ok(_) => CommitmentOutcome::Infeasible { branches, missing },
        Err(refusal) => CommitmentOutcome::NotFound { missing, refusal: Some(refusal) },
    })
}

/// Whole multipliers of a relaxed solution, the largest of them as large as asked.
fn multipliers(
    problem: &Commitment,
    relaxed: &Relaxed,
    largest: Option<f64>,
) -> CommitmentMultipliers {
    let mut point = relaxed.base.clone();
    point.ramp.clone_from(&relaxed.ramp);
    point.energy.clone_from(&relaxed.energy);
    if let Some(largest) = largest {
        point.enlarge(largest);
    }
    let mut base = base_repair::certificate(&point);
    let generators = problem.base().parts().generators.len();
    let ramp = std::mem::replace(&mut base.ramp, vec![Vec::new(); generators]);
    let energy = std::mem::take(&mut base.energy);
    CommitmentMultipliers { base, ramp, energy }
}
