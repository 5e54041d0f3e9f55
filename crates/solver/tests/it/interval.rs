//! The floating-point proposal against the exact optimum.

use gridaccord_dispatch::{
    Outcome, Problem, Resource, Setting, ShadowPrice, State, merit, scenario,
};
use gridaccord_model::{
    Block, CostCurve, MemberId, Need, Offer, Price, Scenario, Tier, Watts, codec::Bounded,
};
use gridaccord_solver::propose;
use proptest::prelude::*;

fn offer(power_min: i64, power_max: i64, cost: CostCurve) -> Offer {
    Offer { power_min: Watts(power_min), power_max: Watts(power_max), cost }
}

fn any_offer() -> impl Strategy<Value = Offer> {
    let steps = prop::collection::vec((1i64..100_000_000, -1_000i64..400_000), 0..8);
    let stacked = (-1_000_000i64..1_000_000, steps).prop_map(|(power_min, mut steps)| {
        steps.sort_by_key(|(_, price)| *price);
        let width: i64 = steps.iter().map(|(power, _)| power).sum();
        let blocks =
            steps.iter().map(|(power, price)| Block { power: Watts(*power), price: Price(*price) });
        let blocks = Bounded::new(blocks.collect()).unwrap();
        offer(power_min, power_min + width, CostCurve::Blocks { blocks })
    });
    let bent =
        (-1_000_000i64..1_000_000, 0i64..100_000_000, 0i64..10_000, -1_000_000i64..400_000_000)
            .prop_map(|(power_min, width, quadratic, linear)| {
                offer(power_min, power_min + width, CostCurve::Quadratic { quadratic, linear })
            });
    prop_oneof![stacked, bent]
}

fn any_problem() -> impl Strategy<Value = Problem> {
    let resources = prop::collection::vec((any_offer(), any::<bool>()), 0..20);
    let needs = prop::collection::vec(
        (0i64..200_000_000, prop::collection::vec((1i64..50_000_000, 0i64..900_000), 0..3)),
        0..6,
    );
    (resources, needs, 0i64..1_000_000, any::<bool>()).prop_map(
        |(resources, needs, cap, island)| {
            let resources = (0u16..).zip(resources).map(|(member, (offer, tie))| Resource {
                member: MemberId(member),
                default_state: if tie { State::Unity } else { State::Retreat },
                offer,
            });
            let needs = (10u16..).zip(needs).map(|(member, (firm, tiers))| {
                let tiers = tiers
                    .into_iter()
                    .map(|(power, value)| Tier { power: Watts(power), value: Price(value) });
                (
                    MemberId(member),
                    Need { firm: Watts(firm), sheddable: Bounded::new(tiers.collect()).unwrap() },
                )
            });
            let setting = Setting { duration_s: 300, price_cap: Price(cap), island };
            Problem::new(setting, resources.collect(), needs.collect()).unwrap()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn agrees_with_merit_order(problem in any_problem()) {
        prop_assert_eq!(propose(&problem), merit::clear(&problem));
    }
}

#[test]
fn agrees_on_every_interval_of_the_scenarios() {
    for text in [
        include_str!("../../../../scenarios/white-paper.toml"),
        include_str!("../../../../scenarios/decentralized-dispatch.toml"),
    ] {
        let scenario = Scenario::parse(text).unwrap();
        for interval in 0..scenario.horizon.intervals {
            let problem = scenario::problem(&scenario, interval).unwrap();
            assert_eq!(
                propose(&problem),
                merit::clear(&problem),
                "{} interval {interval}",
                scenario.name
            );
        }
    }
}

#[test]
fn extreme_offers_stay_finite() {
    let power = 1i64 << 31;
    let steep = CostCurve::Quadratic { quadratic: 1_000_000, linear: -(1 << 40) * 1_000 };
    let resources = (0..64)
        .map(|member| Resource {
            member: MemberId(member),
            default_state: State::Retreat,
            offer: offer(-1_000_000_000, 1_000_000_000, steep.clone()),
        })
        .collect();
    let setting = Setting { duration_s: 1 << 20, price_cap: Price(1 << 40), island: false };
    let need = Need { firm: Watts(power), sheddable: Bounded::default() };
    let problem = Problem::new(setting, resources, vec![(MemberId(99), need)]).unwrap();
    let outcome = propose(&problem);
    assert_eq!(outcome, merit::clear(&problem));
    let Outcome::Optimal(answer) = outcome else { panic!("within reach") };
    assert!(answer.certificate.price < ShadowPrice::MAX);
}
