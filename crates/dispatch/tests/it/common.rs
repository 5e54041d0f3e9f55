//! Small constructors, and strategies for random problems.

use gridaccord_dispatch::{Answer, Outcome, Problem, Resource, Setting, State, merit};
use gridaccord_model::{
    Block, CostCurve, MemberId, Need, Offer, Price, Tier, Watts, codec::Bounded,
};
use proptest::prelude::*;

pub(crate) const GAMMA: u32 = 1_000_000;

pub(crate) fn setting() -> Setting {
    Setting { duration_s: 300, price_cap: Price(1_000_000), island: false }
}

/// Blocks of (W, µ/kWh) from `power_min` upward.
pub(crate) fn blocks(power_min: i64, steps: &[(i64, i64)]) -> Offer {
    let width: i64 = steps.iter().map(|(power, _)| power).sum();
    let blocks = steps
        .iter()
        .map(|(power, price)| Block { power: Watts(*power), price: Price(*price) })
        .collect();
    Offer {
        power_min: Watts(power_min),
        power_max: Watts(power_min + width),
        cost: CostCurve::Blocks { blocks: Bounded::new(blocks).unwrap() },
    }
}

pub(crate) fn quadratic(power_min: i64, power_max: i64, quadratic: i64, linear: i64) -> Offer {
    Offer {
        power_min: Watts(power_min),
        power_max: Watts(power_max),
        cost: CostCurve::Quadratic { quadratic, linear },
    }
}

pub(crate) fn plant(member: u16, offer: Offer) -> Resource {
    Resource { member: MemberId(member), default_state: State::Retreat, offer }
}

pub(crate) fn tie(member: u16, offer: Offer) -> Resource {
    Resource { member: MemberId(member), default_state: State::Unity, offer }
}

pub(crate) fn need(firm: i64, tiers: &[(i64, i64)]) -> Need {
    let tiers = tiers
        .iter()
        .map(|(power, value)| Tier { power: Watts(*power), value: Price(*value) })
        .collect();
    Need { firm: Watts(firm), sheddable: Bounded::new(tiers).unwrap() }
}

pub(crate) fn problem(resources: Vec<Resource>, firm: i64) -> Problem {
    Problem::new(setting(), resources, vec![(MemberId(900), need(firm, &[]))]).unwrap()
}

pub(crate) fn optimal(problem: &Problem) -> Answer {
    match merit::clear(problem) {
        Outcome::Optimal(answer) => answer,
        Outcome::Infeasible(imbalance) => panic!("infeasible: {imbalance}"),
    }
}

pub(crate) fn set_points(answer: &Answer) -> Vec<i64> {
    answer.solution.set_points.iter().map(|power| power.0).collect()
}

pub(crate) fn shed(answer: &Answer) -> Vec<i64> {
    answer.solution.shed.iter().map(|power| power.0).collect()
}

/// An offer a few watts wide, of either kind, on either side of zero.
pub(crate) fn any_small_offer() -> impl Strategy<Value = Offer> {
    let steps = prop::collection::vec((1i64..4, -20i64..40), 0..3);
    let stacked = (-3i64..3, steps).prop_map(|(power_min, mut steps)| {
        steps.sort_by_key(|(_, price)| *price);
        blocks(power_min, &steps)
    });
    let bent = (-3i64..3, 0i64..5, 0i64..7_000, -20_000i64..40_000)
        .prop_map(|(power_min, width, a, b)| quadratic(power_min, power_min + width, a, b));
    prop_oneof![stacked, bent]
}

pub(crate) fn any_small_need() -> impl Strategy<Value = Need> {
    (0i64..6, prop::collection::vec((1i64..4, 0i64..60), 0..2))
        .prop_map(|(firm, tiers)| need(firm, &tiers))
}

/// At most four resources and two needs, a few watts each: small enough to enumerate.
pub(crate) fn any_small_parts()
-> impl Strategy<Value = (Setting, Vec<Resource>, Vec<(MemberId, Need)>)> {
    let resources = prop::collection::vec((any_small_offer(), any::<bool>()), 1..5);
    let needs = prop::collection::vec(any_small_need(), 0..3);
    (resources, needs, 0i64..50, any::<bool>(), 1u32..4_000).prop_map(
        |(resources, needs, cap, island, duration_s)| {
            let resources = (0u16..)
                .zip(resources)
                .map(
                    |(member, (offer, is_tie))| {
                        if is_tie { tie(member, offer) } else { plant(member, offer) }
                    },
                )
                .collect();
            let needs =
                (3u16..).zip(needs).map(|(member, need)| (MemberId(member), need)).collect();
            (Setting { duration_s, price_cap: Price(cap), island }, resources, needs)
        },
    )
}
