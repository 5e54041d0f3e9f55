//! The check: one row per rule, every single-field corruption, hostile bytes.

use super::common::{GAMMA, blocks, need, optimal, plant, problem, quadratic, setting, tie};
use gridaccord_dispatch::{
    Answer, OptimalityCertificate, Problem, Refusal, Setting, ShadowPrice, Solution, check,
};
use gridaccord_model::{MemberId, Picos, Price, Watts, codec::Bounded};

fn answer(set_points: &[i64], shed: &[i64], price: i64) -> Answer {
    let watts = |powers: &[i64]| powers.iter().map(|power| Watts(*power)).collect::<Vec<_>>();
    Answer {
        solution: Solution {
            set_points: Bounded::new(watts(set_points)).unwrap(),
            shed: Bounded::new(watts(shed)).unwrap(),
        },
        certificate: OptimalityCertificate { price: ShadowPrice(price) },
    }
}

/// Member 1: 60 W at 10; member 2, a tie: −50…50 W at 4 and 30. Firm 40 W, a tier of 30 W at 500.
fn campus(island: bool) -> Problem {
    let resources =
        vec![plant(1, blocks(0, &[(60, 10)])), tie(2, blocks(-50, &[(50, 4), (50, 30)]))];
    Problem::new(
        Setting { island, ..setting() },
        resources,
        vec![(MemberId(9), need(40, &[(30, 500)]))],
    )
    .unwrap()
}

#[test]
fn every_rule_has_its_refusal() {
    let open = campus(false);
    let rows = [
        (answer(&[60], &[0], 60_000), Refusal::SetPointCount { stated: 1, resources: 2 }),
        (answer(&[60, 10], &[], 60_000), Refusal::ShedCount { stated: 0, tiers: 1 }),
        (
            answer(&[61, 9], &[0], 60_000),
            Refusal::OutsideRange {
                member: MemberId(1),
                power: Watts(61),
                min: Watts(0),
                max: Watts(60),
            },
        ),
        (
            answer(&[i64::MIN, 9], &[0], 60_000),
            Refusal::OutsideRange {
                member: MemberId(1),
                power: Watts(i64::MIN),
                min: Watts(0),
                max: Watts(60),
            },
        ),
        (
            answer(&[60, 10], &[31], 60_000),
            Refusal::OutsideTier {
                member: MemberId(9),
                tier: 0,
                shed: Watts(31),
                power: Watts(30),
            },
        ),
        (
            answer(&[60, 10], &[-1], 60_000),
            Refusal::OutsideTier {
                member: MemberId(9),
                tier: 0,
                shed: Watts(-1),
                power: Watts(30),
            },
        ),
        (answer(&[60, 9], &[0], 60_000), Refusal::Unbalanced(Watts(-1))),
        (
            answer(&[60, 10], &[0], -1),
            Refusal::PriceOutOfRange { stated: ShadowPrice(-1), floor: ShadowPrice(0) },
        ),
        (
            answer(&[60, 10], &[0], i64::MAX),
            Refusal::PriceOutOfRange { stated: ShadowPrice(i64::MAX), floor: ShadowPrice(0) },
        ),
        (
            answer(&[60, 10], &[0], 60_001),
            Refusal::PriceNotPinned {
                stated: ShadowPrice(60_001),
                least: Watts(110),
                greatest: Watts(110),
                demand: Watts(70),
            },
        ),
        (
            answer(&[20, 50], &[0], 60_000),
            Refusal::GapTooLarge {
                gap: Picos(40 * 20 * 1_000 * 300),
                allowed: Picos(3 * 30 * 1_000 * 300),
            },
        ),
    ];
    for (answer, refusal) in rows {
        assert_eq!(check(&open, &answer, GAMMA), Err(refusal), "{answer:?}");
    }
    assert_eq!(
        check(&campus(true), &answer(&[60, 10], &[0], 60_000), GAMMA),
        Err(Refusal::TieInIsland { member: MemberId(2), power: Watts(10) })
    );
    check(&open, &answer(&[60, 10], &[0], 60_000), 0).unwrap();
}

#[test]
fn refusals_say_what_is_wrong() {
    let open = campus(false);
    let say = |answer: Answer| check(&open, &answer, GAMMA).unwrap_err().to_string();
    assert_eq!(
        say(answer(&[61, 9], &[0], 0)),
        "set point 61 W of member m1 is outside 0 W to 60 W"
    );
    assert_eq!(say(answer(&[60, 9], &[0], 0)), "supply exceeds demand by -1 W");
    assert_eq!(
        say(answer(&[60, 10], &[0], 20_000)),
        "shadow price 20000 is not the lowest that clears: it calls for 0 W to 60 W, demand is 70 W"
    );
}

#[test]
fn a_loss_within_the_threshold_is_accepted_and_reported() {
    let problem = problem(
        vec![
            plant(1, blocks(0, &[(1_000_000, 10_000)])),
            plant(2, blocks(0, &[(9_000_000, 10_001)])),
        ],
        2_000_000,
    );
    let mut best = optimal(&problem);
    let exact = check(&problem, &best, 0).unwrap();
    best.solution.set_points = Bounded::new(vec![Watts(0), Watts(2_000_000)]).unwrap();
    let worse = check(&problem, &best, GAMMA).unwrap();
    assert_eq!(worse.gap, Picos(1_000_000 * 1_000 * 300));
    assert_eq!((worse.bound, worse.price), (exact.bound, exact.price));
    assert!(worse.concentration_mw > 0);
    assert!(matches!(check(&problem, &best, 0), Err(Refusal::GapTooLarge { .. })));
}

#[test]
fn two_quanta_of_rounding_are_forgiven_at_the_pinned_price_only() {
    // A solar island whose optimum costs nothing: a share of zero would refuse everything for ever.
    let problem =
        problem(vec![plant(1, quadratic(0, 100, 2, 0)), plant(2, quadratic(0, 100, 2, 0))], 100);
    let best = optimal(&problem);
    check(&problem, &best, 0).unwrap();
    let mut tilted = best.clone();
    tilted.solution.set_points = Bounded::new(vec![Watts(51), Watts(49)]).unwrap();
    assert_eq!(check(&problem, &tilted, 0).unwrap().gap, Picos(2 * 300));
    tilted.certificate.price = ShadowPrice(best.certificate.price.0 + 2);
    assert!(matches!(check(&problem, &tilted, 0), Err(Refusal::PriceNotPinned { .. })));
}

#[test]
fn concentration_prefers_shared_load() {
    let problem =
        problem(vec![plant(1, blocks(0, &[(100, 10)])), plant(2, blocks(0, &[(100, 10)]))], 100);
    let shared = check(&problem, &answer(&[50, 50], &[], 20_000), 0).unwrap();
    let single = check(&problem, &answer(&[100, 0], &[], 20_000), 0).unwrap();
    assert_eq!((shared.concentration_mw, single.concentration_mw), (50_000, 100_000));
    assert_eq!(shared.cost, single.cost);
}

#[test]
fn the_largest_problem_neither_overflows_nor_outgrows_a_command() {
    let wide = |member: u16| {
        let power = 1i64 << 31;
        plant(member, blocks(-power, &[(power, -(1 << 40)), (power, 1 << 40)]))
    };
    let resources: Vec<_> = (0..4_096).map(wide).collect();
    let needs = (0..768)
        .map(|member| (MemberId(member), need(1 << 29, &[(1 << 28, 1 << 40); 4])))
        .collect();
    let setting = Setting { duration_s: 1 << 20, price_cap: Price(1 << 40), island: false };
    let problem = Problem::new(setting, resources, needs).unwrap();
    let best = optimal(&problem);
    check(&problem, &best, 0).unwrap();
    let bytes = best.to_bytes();
    assert_eq!(bytes.len(), gridaccord_dispatch::answer::ANSWER_SIZE_MAX);
    assert_eq!(Answer::decode(&bytes).unwrap(), best);
    for price in [i64::MIN, -(1 << 53), 1 << 53, i64::MAX] {
        let mut hostile = best.clone();
        hostile.certificate.price = ShadowPrice(price);
        check(&problem, &hostile, u32::MAX).unwrap_err();
    }
}

#[test]
fn hostile_bytes_are_refused() {
    let open = campus(false);
    let bytes = optimal(&open).to_bytes();
    for length in 0..bytes.len() {
        assert!(Answer::decode(&bytes[..length]).is_err(), "{length} bytes");
    }
    let mut long = bytes.to_vec();
    long.push(0);
    assert!(Answer::decode(&long).is_err());
    assert!(Answer::decode(&[0xff; 64]).is_err());
}

#[test]
fn the_encoding_is_pinned() {
    let bytes = answer(&[60, -10], &[3], 60_000).to_bytes();
    let expected = "0002000000000000003cfffffffffffffff600010000000000000003000000000000ea60";
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, expected);
}
