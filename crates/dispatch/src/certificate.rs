//! The check every replica runs: feasible, proven near the optimum, and priced the one way the rules allow.
//!
//! 1. Set points within bounds, shedding within tiers, balance exactly zero.
//! 2. For **any** multiplier Λ, LB(Λ) = Λ·demand + Σ min(cᵢ(g) − Λ·g) over the bounds is below every feasible
//!    cost. No dual constraint has to hold, so a bad multiplier can loosen the bound, never forge it.
//! 3. cost − LB ≤ max(γ·Σ|costᵢ|, n quanta), a quantum being one watt for the interval at |Λ|.
//!
//! At a kink every Λ in an interval proves the same optimum, so the price is pinned: the leftmost maximiser of
//! LB, LB(Λ − 1) < LB(Λ) ≥ LB(Λ + 1). LB is linear between whole Λ and its slopes are demand less supply, so
//! that is: least supply at Λ below demand, greatest supply not below. The pinned price depends on the problem
//! alone, whatever dispatch it comes with.
//!
//! Only +, −, × and flooring division of integers: the same verdict on every machine. Nothing is rounded in the
//! single-interval form; what is reported is floored.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "the budget below bounds every sum and product in this file"
)]

use crate::{
    answer::{Answer, RESOURCES_MAX, ShadowPrice, TIERS_MAX},
    curve::{COST_MAX, SHADOW_MAX},
    problem::{DURATION_MAX_S, Problem, State},
};
use gridaccord_model::{MemberId, Picos, Price, Watts, offer::POWER_MAX};

/// Parts per billion in one.
const PPB: i128 = 1_000_000_000;

// Overflow budget, in doubled cost per hour: cost less bound over all variables and all 2^16 members' demand,
// times the interval's length, stays in i128.
const VARIABLES_MAX: i128 = (RESOURCES_MAX + TIERS_MAX) as i128;
const LAGRANGIAN_MAX: i128 = VARIABLES_MAX
    * (2 * COST_MAX + SHADOW_MAX as i128 * POWER_MAX.0 as i128)
    + (1 << 16) * POWER_MAX.0 as i128 * SHADOW_MAX as i128;
const _: () = assert!(LAGRANGIAN_MAX < i128::MAX / (4 * DURATION_MAX_S as i128));

/// Facts about an accepted answer: all that ranking and settlement need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// C(t) over the interval, floored: what the dispatch costs by the offers, shedding included.
    pub cost: Picos,
    /// Proven lower bound of the optimum, floored.
    pub bound: Picos,
    /// Largest possible distance from the optimum, rounded up.
    pub gap: Picos,
    /// Σ|costᵢ| over resources and tiers, floored: what ε and γ are shares of.
    pub turnover: Picos,
    /// Σ g²/cap over resources in mW, each term floored; cap is the greater of a resource's limits. Among equal
    /// costs the smaller ranks first: load is shared rather than concentrated.
    pub concentration_mw: i128,
    /// Settlement price, see [`ShadowPrice::settle`].
    pub price: Price,
}

/// Why an answer is refused, in the order the rules run. Numbers are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[repr(u16)]
pub enum Refusal {
    /// Rule A1.
    #[error("{stated} set points for {resources} resources")]
    SetPointCount {
        /// Set points in the answer.
        stated: usize,
        /// Resources in the problem.
        resources: usize,
    } = 1,
    /// Rule A2.
    #[error("shedding stated for {stated} tiers of {tiers}")]
    ShedCount {
        /// Entries in the answer.
        stated: usize,
        /// Tiers in the problem.
        tiers: usize,
    } = 2,
    /// Rule A3.
    #[error("tie of member {member} carries {power} in an island")]
    TieInIsland {
        /// The tie's member.
        member: MemberId,
        /// Its set point.
        power: Watts,
    } = 3,
    /// Rule A4.
    #[error("set point {power} of member {member} is outside {min} to {max}")]
    OutsideRange {
        /// Whose resource.
        member: MemberId,
        /// Its set point.
        power: Watts,
        /// Least power available.
        min: Watts,
        /// Greatest power available at the price cap.
        max: Watts,
    } = 4,
    /// Rule A5.
    #[error("shedding {shed} of tier {tier} of member {member} is outside 0 W to {power}")]
    OutsideTier {
        /// Whose load.
        member: MemberId,
        /// Which tier.
        tier: u16,
        /// Shedding stated.
        shed: Watts,
        /// The tier's consumption.
        power: Watts,
    } = 5,
    /// Rule A6.
    #[error("supply exceeds demand by {0}")]
    Unbalanced(Watts) = 6,
    /// Rule A7.
    #[error("shadow price {} is outside {} to {}", stated.0, floor.0, ShadowPrice::MAX.0)]
    PriceOutOfRange {
        /// Price in the certificate.
        stated: ShadowPrice,
        /// The problem's floor.
        floor: ShadowPrice,
    } = 7,
    /// Rule A8.
    #[error("shadow price {} is not the lowest that clears: it calls for {least} to {greatest}, demand is {demand}", stated.0)]
    PriceNotPinned {
        /// Price in the certificate.
        stated: ShadowPrice,
        /// Least supply that is optimal at it.
        least: Watts,
        /// Greatest supply that is optimal at it.
        greatest: Watts,
        /// Demand.
        demand: Watts,
    } = 8,
    /// Rule A9.
    #[error("gap {gap} exceeds {allowed}")]
    GapTooLarge {
        /// Cost less bound.
        gap: Picos,
        /// What the loss threshold allows.
        allowed: Picos,
    } = 9,
}

impl Refusal {
    /// The rule's number.
    #[must_use]
    pub const fn rule(&self) -> u16 {
        match self {
            Self::SetPointCount { .. } => 1,
            Self::ShedCount { .. } => 2,
            Self::TieInIsland { .. } => 3,
            Self::OutsideRange { .. } => 4,
            Self::OutsideTier { .. } => 5,
            Self::Unbalanced(_) => 6,
            Self::PriceOutOfRange { .. } => 7,
            Self::PriceNotPinned { .. } => 8,
            Self::GapTooLarge { .. } => 9,
        }
    }
}

/// Checks an answer against its problem. `gap_ppb` is γ, the largest proven gap as a share of the turnover.
///
/// Never panics, whatever the answer holds. Linear in resources, tiers and blocks.
///
/// # Errors
/// The first rule A1–A9 broken.
pub fn check(problem: &Problem, answer: &Answer, gap_ppb: u32) -> Result<Verified, Refusal> {
    check_shape(problem, answer)?;
    check_resources(problem, answer)?;
    check_tiers(problem, answer)?;
    check_balance(problem, answer)?;
    let price = answer.certificate.price;
    let bound = bound_at_pinned(problem, price)?;
    let tally = tally(problem, answer);
    check_gap(problem, &tally, bound, price, gap_ppb)?;
    let duration = i128::from(problem.setting().duration_s);
    Ok(Verified {
        cost: floor_half(tally.cost * duration),
        bound: floor_half(bound * duration),
        gap: ceil_half((tally.cost - bound) * duration),
        turnover: floor_half(tally.turnover * duration),
        concentration_mw: concentration_mw(problem, answer),
        price: price.settle(problem.setting().price_cap),
    })
}

fn check_shape(problem: &Problem, answer: &Answer) -> Result<(), Refusal> {
    let (stated, resources) = (answer.solution.set_points.len(), problem.resources().len());
    if stated != resources {
        return Err(Refusal::SetPointCount { stated, resources });
    }
    let (stated, tiers) = (answer.solution.shed.len(), problem.tiers().len());
    if stated != tiers {
        return Err(Refusal::ShedCount { stated, tiers });
    }
    Ok(())
}

fn check_resources(problem: &Problem, answer: &Answer) -> Result<(), Refusal> {
    let island = problem.setting().island;
    for ((resource, curve), power) in
        problem.resources().iter().zip(problem.curves()).zip(&answer.solution.set_points)
    {
        let member = resource.member;
        if island && resource.default_state == State::Unity && *power != Watts::ZERO {
            return Err(Refusal::TieInIsland { member, power: *power });
        }
        if !(curve.lo()..=curve.hi()).contains(&power.0) {
            let (min, max) = (Watts(curve.lo()), Watts(curve.hi()));
            return Err(Refusal::OutsideRange { member, power: *power, min, max });
        }
    }
    Ok(())
}

fn check_tiers(problem: &Problem, answer: &Answer) -> Result<(), Refusal> {
    for (tier, shed) in problem.tiers().iter().zip(&answer.solution.shed) {
        if !(0..=tier.power.0).contains(&shed.0) {
            return Err(Refusal::OutsideTier {
                member: tier.member,
                tier: tier.tier,
                shed: *shed,
                power: tier.power,
            });
        }
    }
    Ok(())
}

fn check_balance(problem: &Problem, answer: &Answer) -> Result<(), Refusal> {
    // Every term is within its bounds by now.
    let supply: i64 = powers(answer).sum();
    let excess = supply - problem.demand().0;
    if excess == 0 { Ok(()) } else { Err(Refusal::Unbalanced(Watts(excess))) }
}

/// LB at a price that is pinned, doubled, per hour.
fn bound_at_pinned(problem: &Problem, price: ShadowPrice) -> Result<i128, Refusal> {
    let floor = problem.shadow_floor();
    if price < floor || price > ShadowPrice::MAX {
        return Err(Refusal::PriceOutOfRange { stated: price, floor });
    }
    let demand = problem.demand().0;
    let mut bound = i128::from(price.0) * i128::from(demand);
    let (mut least, mut greatest) = (0i64, 0i64);
    for curve in problem.curves() {
        let (minimum, from, to) = curve.conjugate(price.0);
        bound += minimum;
        least += from;
        greatest += to;
    }
    if greatest < demand || (least >= demand && price != floor) {
        let (least, greatest) = (Watts(least), Watts(greatest));
        return Err(Refusal::PriceNotPinned {
            stated: price,
            least,
            greatest,
            demand: Watts(demand),
        });
    }
    Ok(bound)
}

struct Tally {
    cost: i128,
    turnover: i128,
}

fn tally(problem: &Problem, answer: &Answer) -> Tally {
    let mut tally = Tally { cost: 0, turnover: 0 };
    for (curve, power) in problem.curves().iter().zip(powers(answer)) {
        let cost = curve.cost(power);
        tally.cost += cost;
        tally.turnover += cost.abs();
    }
    tally
}

fn check_gap(
    problem: &Problem,
    tally: &Tally,
    bound: i128,
    price: ShadowPrice,
    gap_ppb: u32,
) -> Result<(), Refusal> {
    let gap = tally.cost - bound;
    let quanta =
        i128::from(price.0).abs() * i128::try_from(problem.curves().len()).unwrap_or(VARIABLES_MAX);
    // ⌊turnover·γ⌋ without the wide product.
    let gamma = i128::from(gap_ppb);
    let share = tally.turnover.div_euclid(PPB) * gamma
        + (tally.turnover.rem_euclid(PPB) * gamma).div_euclid(PPB);
    let allowed = share.max(quanta);
    if gap <= allowed {
        return Ok(());
    }
    let duration = i128::from(problem.setting().duration_s);
    Err(Refusal::GapTooLarge {
        gap: ceil_half(gap * duration),
        allowed: floor_half(allowed * duration),
    })
}

fn concentration_mw(problem: &Problem, answer: &Answer) -> i128 {
    let mut sum = 0i128;
    for (curve, power) in problem.curves().iter().zip(&answer.solution.set_points) {
        let cap = i128::from(curve.lo().abs().max(curve.hi().abs()));
        if cap > 0 {
            sum += (i128::from(power.0) * i128::from(power.0) * 1_000).div_euclid(cap);
        }
    }
    sum
}

fn powers(answer: &Answer) -> impl Iterator<Item = i64> {
    answer.solution.set_points.iter().chain(answer.solution.shed.iter()).map(|power| power.0)
}

fn floor_half(doubled: i128) -> Picos {
    Picos(doubled.div_euclid(2))
}

fn ceil_half(doubled: i128) -> Picos {
    Picos(-((-doubled).div_euclid(2)))
}
