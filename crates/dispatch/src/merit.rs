//! Exact clearing of one interval by merit order.
//!
//! Supply at a price is a staircase that never falls. The clearing price is the lowest at which supply reaches
//! demand; where demand ends exactly at a block's edge that is the lower of the two blocks' prices. Everything
//! cheaper runs, everything dearer does not, and what costs exactly the price is shared pro rata, the remainder
//! one watt each by ascending member id.
//!
//! Steps are not sorted: the median of those still in question splits them in linear time until the price is
//! bracketed, then quadratic offers narrow it by bisection. The worst case is linear in steps whoever chose them.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "powers and shadow prices keep the budget of curve and certificate"
)]

use crate::{
    answer::{Answer, OptimalityCertificate, ShadowPrice, Solution},
    curve::{Curve, SHADOW_MAX, Step},
    problem::Problem,
};
use gridaccord_model::{Watts, codec::Bounded};

/// What clearing found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The exact optimum with its certificate.
    Optimal(Answer),
    /// No dispatch balances.
    Infeasible(Imbalance),
}

/// By how much no dispatch balances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Imbalance {
    /// All resources at their greatest power and all tiers shed leave this much demand unserved.
    Shortfall(Watts),
    /// All resources at their least power exceed all demand by this much.
    Surplus(Watts),
}

impl core::fmt::Display for Imbalance {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Shortfall(power) => write!(
                f,
                "short of {power}: everything offered at or below the price cap runs and every sheddable tier is shed"
            ),
            Self::Surplus(power) => {
                write!(f, "{power} too many: every resource is at its least power")
            }
        }
    }
}

/// By how much no dispatch of the problem balances; `None` where one does. A dispatch exists exactly then.
#[must_use]
pub fn imbalance(problem: &Problem) -> Option<Imbalance> {
    let demand = problem.demand().0;
    let (least, greatest) = supply_range(problem);
    if greatest < demand {
        return Some(Imbalance::Shortfall(Watts(demand - greatest)));
    }
    (least > demand).then(|| Imbalance::Surplus(Watts(least - demand)))
}

/// All variables at their least, and all at their greatest power.
fn supply_range(problem: &Problem) -> (i64, i64) {
    let curves = problem.curves();
    (curves.iter().map(Curve::lo).sum(), curves.iter().map(Curve::hi).sum())
}

/// Finds the exact optimum.
#[must_use]
pub fn clear(problem: &Problem) -> Outcome {
    if let Some(imbalance) = imbalance(problem) {
        return Outcome::Infeasible(imbalance);
    }
    let demand = problem.demand().0;
    let (least, _) = supply_range(problem);
    let price = if least == demand {
        problem.shadow_floor()
    } else {
        ShadowPrice(lowest_clearing(problem, least))
    };
    Outcome::Optimal(share(problem, price))
}

/// Least and greatest supply, shedding included, that is optimal at a price.
#[must_use]
pub fn supply(problem: &Problem, price: ShadowPrice) -> (Watts, Watts) {
    let price = price.0.clamp(-SHADOW_MAX, SHADOW_MAX);
    let both = problem.curves().iter().map(|curve| curve.response(price));
    let (least, greatest) =
        both.fold((0i64, 0i64), |(low, high), (least, greatest)| (low + least, high + greatest));
    (Watts(least), Watts(greatest))
}

/// The exact optimum for whoever already knows its price; `None` for any other price, or where none clears.
#[must_use]
pub fn dispatch_at(problem: &Problem, price: ShadowPrice) -> Option<Answer> {
    if price < problem.shadow_floor() || price > ShadowPrice::MAX || imbalance(problem).is_some() {
        return None;
    }
    let (least, greatest) = supply(problem, price);
    let pinned = greatest >= problem.demand()
        && (least < problem.demand() || price == problem.shadow_floor());
    pinned.then(|| share(problem, price))
}

/// Dispatches at a clearing price: least responses, then the rest pro rata among those indifferent.
fn share(problem: &Problem, price: ShadowPrice) -> Answer {
    let responses: Vec<(i64, i64)> =
        problem.curves().iter().map(|curve| curve.response(price.0)).collect();
    let base: i64 = responses.iter().map(|(least, _)| least).sum();
    let room: i64 = responses.iter().map(|(least, greatest)| greatest - least).sum();
    let rest = problem.demand().0 - base;
    let part = |width: i64| pro_rata(rest, width, room);
    let shared: i64 = responses.iter().map(|(least, greatest)| part(greatest - least)).sum();
    let mut remainder = rest - shared;
    let mut extra = vec![0i64; responses.len()];
    for position in by_member(problem) {
        let (least, greatest) = responses[position];
        if remainder > 0 && part(greatest - least) < greatest - least {
            extra[position] = 1;
            remainder -= 1;
        }
    }
    let mut powers = responses
        .iter()
        .zip(extra)
        .map(|((least, greatest), extra)| Watts(least + part(greatest - least) + extra));
    let set_points: Vec<Watts> = powers.by_ref().take(problem.resources().len()).collect();
    let shed: Vec<Watts> = powers.collect();
    let solution = Solution {
        set_points: Bounded::new(set_points)
            .expect("a problem has no more resources than a solution holds"),
        shed: Bounded::new(shed).expect("a problem has no more tiers than a solution holds"),
    };
    Answer { solution, certificate: OptimalityCertificate { price } }
}

/// ⌊rest·width/room⌋, 0 where nothing is shared.
fn pro_rata(rest: i64, width: i64, room: i64) -> i64 {
    if width == 0 {
        return 0;
    }
    let share = (i128::from(rest) * i128::from(width)).div_euclid(i128::from(room));
    i64::try_from(share).expect("rest is at most room, so the share is at most the width")
}

/// Positions of curves in ascending member id; a member's resource comes before its tiers.
fn by_member(problem: &Problem) -> Vec<usize> {
    let resources = problem.resources().iter().map(|resource| resource.member);
    let members: Vec<_> = resources.chain(problem.tiers().iter().map(|tier| tier.member)).collect();
    let mut positions: Vec<usize> = (0..members.len()).collect();
    positions.sort_by_key(|position| members[*position]);
    positions
}

/// The lowest shadow price at which supply reaches demand; `least`, the sum of lower bounds, is below demand.
fn lowest_clearing(problem: &Problem, least: i64) -> i64 {
    let mut steps: Vec<Step> = Vec::new();
    let mut bent: Vec<&Curve> = Vec::new();
    // Steps start from the sum of their curves' lower bounds; bent curves answer for their own.
    let mut settled = least;
    for curve in problem.curves() {
        match curve.steps_within() {
            Some(within) => steps.extend(within),
            None => {
                settled -= curve.lo();
                bent.push(curve);
            }
        }
    }
    Search { settled, demand: problem.demand().0, bent, from: -SHADOW_MAX, to: SHADOW_MAX }
        .run(&mut steps)
}

/// Bracket of the clearing price.
struct Search<'a> {
    /// Supply of curves and steps known to be cheaper than the bracket.
    settled: i64,
    demand: i64,
    bent: Vec<&'a Curve>,
    /// The price is in `from..=to`.
    from: i64,
    to: i64,
}

/// Where a price lies.
enum Side {
    Below,
    Clears,
    Above,
}

impl Search<'_> {
    fn run(mut self, mut active: &mut [Step]) -> i64 {
        while !active.is_empty() {
            let (below, pivot, above) =
                active.select_nth_unstable_by_key(active.len() / 2, |step| step.shadow);
            let pivot = *pivot;
            // Steps at the pivot's price may lie on both sides of it.
            let cheaper: i64 =
                below.iter().filter(|step| step.shadow < pivot.shadow).map(|step| step.power).sum();
            let tied: i64 = below
                .iter()
                .filter(|step| step.shadow == pivot.shadow)
                .map(|step| step.power)
                .sum();
            let tied_above: i64 = above
                .iter()
                .filter(|step| step.shadow == pivot.shadow)
                .map(|step| step.power)
                .sum();
            let tied = tied + pivot.power + tied_above;
            match self.side(pivot.shadow, cheaper, tied) {
                Side::Clears => return pivot.shadow,
                Side::Below => {
                    self.settled += cheaper + tied - tied_above;
                    self.from = pivot.shadow + 1;
                    active = above;
                }
                Side::Above => {
                    self.to = pivot.shadow - 1;
                    active = below;
                }
            }
            self.narrow();
            active = self.drop_outside(active);
        }
        while self.from < self.to {
            let middle = self.from.midpoint(self.to);
            match self.side(middle, 0, 0) {
                Side::Clears => return middle,
                Side::Below => self.from = middle + 1,
                Side::Above => self.to = middle - 1,
            }
            self.narrow();
        }
        self.from
    }

    fn side(&self, shadow: i64, cheaper: i64, tied: i64) -> Side {
        let (mut least, mut greatest) = (self.settled + cheaper, self.settled + cheaper + tied);
        for curve in &self.bent {
            let (from, to) = curve.response(shadow);
            least += from;
            greatest += to;
        }
        if greatest < self.demand {
            Side::Below
        } else if least >= self.demand {
            Side::Above
        } else {
            Side::Clears
        }
    }

    /// Settles bent curves that give one and the same answer in the whole bracket.
    fn narrow(&mut self) {
        let Self { settled, bent, from, to, .. } = self;
        bent.retain(|curve| {
            let ((least, _), (_, greatest)) = (curve.response(*from), curve.response(*to));
            if least == greatest {
                *settled += least;
            }
            least != greatest
        });
    }

    /// Steps outside the bracket can only be ties of the last pivot: settles the cheaper, drops the dearer.
    fn drop_outside<'s>(&mut self, active: &'s mut [Step]) -> &'s mut [Step] {
        let mut kept = 0;
        for position in 0..active.len() {
            let step = active[position];
            if step.shadow < self.from {
                self.settled += step.power;
            } else if step.shadow <= self.to {
                active.swap(kept, position);
                kept += 1;
            }
        }
        &mut active[..kept]
    }
}
