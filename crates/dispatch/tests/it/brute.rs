//! The exact optimum against enumeration of every dispatch of a tiny problem.

use super::common::any_small_parts;
use gridaccord_dispatch::{Imbalance, Outcome, Problem, State, check, merit};
use gridaccord_model::{CostCurve, Offer, Picos, Watts};
use proptest::prelude::*;

/// Twice the cost of `power` per hour, written from the definition, block by block and watt by watt.
fn cost_twice(offer: &Offer, power: i64) -> i128 {
    match &offer.cost {
        CostCurve::Quadratic { quadratic, linear } => {
            let (a, b, g) = (i128::from(*quadratic), i128::from(*linear), i128::from(power));
            a * g * g + 2 * b * g
        }
        CostCurve::Blocks { blocks } => {
            let price_of_watt = |watt: i64| {
                let mut top = offer.power_min.0;
                let mut price = blocks.first().map_or(0, |block| block.price.0);
                for block in blocks {
                    if watt >= top {
                        price = block.price.0;
                    }
                    top += block.power.0;
                }
                i128::from(price) * 2_000
            };
            let up: i128 = (0..power).map(price_of_watt).sum();
            let down: i128 = (power..0).map(price_of_watt).sum();
            up - down
        }
    }
}

struct Enumeration<'a> {
    problem: &'a Problem,
    ranges: Vec<(i64, i64)>,
    best: Option<i128>,
}

impl Enumeration<'_> {
    fn walk(&mut self, position: usize, supply: i64, cost: i128) {
        let resources = self.problem.resources();
        if position == self.ranges.len() {
            if supply == self.problem.demand().0 {
                self.best = Some(self.best.map_or(cost, |best| best.min(cost)));
            }
            return;
        }
        let (lo, hi) = self.ranges[position];
        for power in lo..=hi {
            let part = match resources.get(position) {
                Some(resource) => cost_twice(&resource.offer, power),
                None => {
                    let tier = self.problem.tiers()[position - resources.len()];
                    i128::from(tier.value.0) * i128::from(power) * 2_000
                }
            };
            self.walk(position + 1, supply + power, cost + part);
        }
    }
}

/// Ranges from the rules as stated: the cap withholds what costs more, an island has no tie.
fn ranges(problem: &Problem) -> Vec<(i64, i64)> {
    let cap = i128::from(problem.setting().price_cap.0) * 2_000;
    let of_resource = problem.resources().iter().map(|resource| {
        if problem.setting().island && resource.default_state == State::Unity {
            return (0, 0);
        }
        let (Watts(lo), Watts(offered)) = (resource.offer.power_min, resource.offer.power_max);
        let mut hi = lo;
        while hi < offered
            && cost_twice(&resource.offer, hi + 1) - cost_twice(&resource.offer, hi) <= cap
        {
            hi += 1;
        }
        (lo, hi)
    });
    of_resource.chain(problem.tiers().iter().map(|tier| (0, tier.power.0))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn merit_order_is_the_optimum((setting, resources, needs) in any_small_parts()) {
        let problem = Problem::new(setting, resources, needs).unwrap();
        let ranges = ranges(&problem);
        for (position, range) in ranges.iter().enumerate().take(problem.resources().len()) {
            prop_assert_eq!(problem.range(position), Some((Watts(range.0), Watts(range.1))));
        }
        let mut enumeration = Enumeration { problem: &problem, ranges: ranges.clone(), best: None };
        enumeration.walk(0, 0, 0);
        match merit::clear(&problem) {
            Outcome::Optimal(answer) => {
                let verified = check(&problem, &answer, 0).unwrap();
                let twice = enumeration.best.unwrap() * i128::from(setting.duration_s);
                prop_assert_eq!(verified.cost, Picos(twice.div_euclid(2)));
                prop_assert_eq!(verified.gap, Picos(0));
            }
            Outcome::Infeasible(imbalance) => {
                prop_assert_eq!(enumeration.best, None);
                let demand = problem.demand().0;
                let expected = match imbalance {
                    Imbalance::Shortfall(short) => ranges.iter().map(|range| range.1).sum::<i64>() + short.0,
                    Imbalance::Surplus(excess) => ranges.iter().map(|range| range.0).sum::<i64>() - excess.0,
                };
                prop_assert_eq!(expected, demand);
            }
        }
    }
}
