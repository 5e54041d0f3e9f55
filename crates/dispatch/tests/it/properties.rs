//! What holds for every problem: order changes nothing, one price is pinned, no tampering passes.

use super::common::{GAMMA, any_small_parts, blocks, optimal, plant, problem, quadratic};
use gridaccord_dispatch::{Answer, Outcome, Problem, Resource, ShadowPrice, check, merit};
use gridaccord_model::{Watts, codec::Bounded};
use proptest::prelude::*;

/// Dozens of resources of both kinds, watts to megawatts.
fn any_resources() -> impl Strategy<Value = Vec<Resource>> {
    let stacked = (0i64..1_000_000, prop::collection::vec((1i64..10_000_000, 0i64..400_000), 1..6))
        .prop_map(|(absorb, mut steps)| {
            steps.sort_by_key(|(_, price)| *price);
            blocks(-absorb, &steps)
        });
    let bent = (0i64..1_000_000, 1i64..50_000_000, 0i64..1_000, 0i64..400_000_000)
        .prop_map(|(absorb, give, a, b)| quadratic(-absorb, give, a, b));
    prop::collection::vec(prop_oneof![stacked, bent], 1..40).prop_map(|offers| {
        (0u16..).zip(offers).map(|(member, offer)| plant(member, offer)).collect()
    })
}

fn tampered(answer: &Answer, position: usize, by: i64) -> Answer {
    let mut answer = answer.clone();
    let mut powers = answer.solution.set_points.to_vec();
    let position = position % powers.len();
    powers[position] = Watts(powers[position].0 + by);
    answer.solution.set_points = Bounded::new(powers).unwrap();
    answer
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_exact_answer_has_no_gap_and_cannot_be_touched(
        resources in any_resources(),
        share in 1i64..1_000,
        position in any::<usize>(),
        nudge in prop_oneof![Just(-1i64), Just(1), -1_000_000i64..1_000_000],
    ) {
        let total: i64 = resources.iter().map(|resource| resource.offer.power_max.0).sum();
        let problem = problem(resources, total / 1_000 * share);
        if let Outcome::Optimal(answer) = merit::clear(&problem) {
            let verified = check(&problem, &answer, 0).unwrap();
            prop_assert_eq!(verified.cost, verified.bound);
            if nudge != 0 {
                prop_assert!(check(&problem, &tampered(&answer, position, nudge), GAMMA).is_err());
                let mut priced = answer.clone();
                priced.certificate.price = ShadowPrice(answer.certificate.price.0 + nudge);
                prop_assert!(check(&problem, &priced, GAMMA).is_err());
            }
            prop_assert_eq!(Answer::decode(&answer.to_bytes()).unwrap(), answer);
        }
    }

    #[test]
    fn the_order_of_offers_and_needs_changes_nothing(
        (setting, resources, needs) in any_small_parts(),
        seed in any::<u64>(),
    ) {
        let one = Problem::new(setting, resources.clone(), needs.clone()).unwrap();
        let (mut resources, mut needs) = (resources, needs);
        shuffle(&mut resources, seed);
        shuffle(&mut needs, seed.rotate_left(17));
        let other = Problem::new(setting, resources, needs).unwrap();
        prop_assert_eq!(&one, &other);
        prop_assert_eq!(merit::clear(&one), merit::clear(&other));
    }

    #[test]
    fn exactly_one_price_is_accepted((setting, resources, needs) in any_small_parts()) {
        let problem = Problem::new(setting, resources, needs).unwrap();
        if let Outcome::Optimal(answer) = merit::clear(&problem) {
            let pinned = answer.certificate.price.0;
            // Every kink of these offers lies within ±2·(20,000 + 4·7,000·9) and the tiers' values.
            for price in (-400_000..400_000).step_by(997).chain(pinned - 40..pinned + 40) {
                let mut other = answer.clone();
                other.certificate.price = ShadowPrice(price);
                prop_assert_eq!(check(&problem, &other, 0).is_ok(), price == pinned, "at {}", price);
            }
        }
    }

    #[test]
    fn any_bytes_decode_or_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let resources = vec![plant(1, blocks(0, &[(60, 10)])), plant(2, quadratic(-5, 5, 3, 7))];
        let problem = problem(resources, 10);
        if let Ok(answer) = Answer::decode(&bytes) {
            prop_assert_eq!(&answer.to_bytes()[..], &bytes[..]);
            prop_assert!(check(&problem, &answer, u32::MAX).is_err());
        }
    }
}

#[test]
fn any_price_bounds_from_below_and_only_one_is_pinned() {
    let problem =
        problem(vec![plant(1, blocks(0, &[(60, 10)])), plant(2, quadratic(-5, 500, 3, 700))], 100);
    let best = optimal(&problem);
    let exact = check(&problem, &best, 0).unwrap();
    for price in 0..50_000 {
        let mut other = best.clone();
        other.certificate.price = ShadowPrice(price);
        match check(&problem, &other, u32::MAX) {
            Ok(verified) => {
                assert!(verified.bound <= exact.cost && price == best.certificate.price.0)
            }
            Err(refusal) => assert_eq!(refusal.rule(), 8),
        }
    }
}

fn shuffle<T>(items: &mut [T], mut seed: u64) {
    for position in (1..items.len()).rev() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        items.swap(position, (seed >> 33) as usize % (position + 1));
    }
}
