//! The scenarios that ship, solved.

use super::common::{GAMMA, optimal, set_points, shed};
use gridaccord_dispatch::{Answer, Problem, Reason, check, reason::reasons, scenario};
use gridaccord_model::{CostCurve, MemberId, Price, Scenario, Watts};
use std::collections::BTreeSet;

const WHITE_PAPER: &str = include_str!("../../../../scenarios/white-paper.toml");
const DISPATCH: &str = include_str!("../../../../scenarios/decentralized-dispatch.toml");

fn solve(scenario: &Scenario, interval: u32) -> (Problem, Answer) {
    let problem = scenario::problem(scenario, interval).unwrap();
    let answer = optimal(&problem);
    check(&problem, &answer, GAMMA).unwrap();
    (problem, answer)
}

#[test]
fn the_white_papers_month_is_31_30_15_1_and_14_9_kwh() {
    let scenario = Scenario::parse(WHITE_PAPER).unwrap();
    let tenants: Vec<i64> =
        (0..60).filter_map(|id| scenario.need(MemberId(id), 0)).map(|need| need.firm.0).collect();
    assert_eq!(tenants.len(), 53);
    assert!(tenants.iter().all(|power| (10..=30).contains(power)));
    let mut energy_wh = [0i64; 4];
    let mut prices = BTreeSet::new();
    let mut first = BTreeSet::new();
    for interval in 0..25 {
        let (problem, answer) = solve(&scenario, interval);
        let powers = set_points(&answer);
        assert_eq!(powers, [310, 300, 151, 149, 0], "gate {interval}");
        let why = reasons(&problem, &answer);
        assert_eq!(why[3..], [Reason::Marginal, Reason::BetweenBlocks]);
        for (sum, power) in energy_wh.iter_mut().zip(powers) {
            *sum += power * i64::from(problem.setting().duration_s) / 3_600;
        }
        prices.insert(answer.certificate.price);
        let cheapest =
            problem.resources()[..4].iter().min_by_key(|resource| match &resource.offer.cost {
                CostCurve::Blocks { blocks } => blocks[0].price,
                CostCurve::Quadratic { .. } => panic!("the white paper's suppliers offer blocks"),
            });
        first.insert(cheapest.map(|resource| resource.member));
    }
    assert_eq!(energy_wh, [31_000, 30_000, 15_100, 14_900]);
    assert_eq!(energy_wh.iter().sum::<i64>(), 91_000);
    assert!(prices.len() >= 5, "the market differs from day to day: {prices:?}");
    assert!(first.len() >= 2, "solar and wind take turns at being cheapest");
}

#[test]
fn when_g1_fails_the_other_three_and_the_tie_take_over() {
    let scenario = Scenario::parse(DISPATCH).unwrap();
    let g1 = scenario.member("g1").unwrap();
    let noon = 144;
    let (_, before) = solve(&scenario, noon - 1);
    let (_, at) = solve(&scenario, noon);
    // Gates that closed before noon promise power that the plant cannot deliver; the next one knows.
    let gives = |interval: &u32| scenario.offer(g1, *interval).unwrap().power_max > Watts::ZERO;
    let aware = (noon..288).find(|interval| !gives(interval)).unwrap();
    assert!((noon + 1..noon + 4).contains(&aware), "{aware}");
    let (problem, after) = solve(&scenario, aware);
    assert!(scenario.plant(g1, noon - 1).unwrap().power_max > Watts(30_000_000));
    assert_eq!(scenario.plant(g1, noon).unwrap().power_max, Watts::ZERO);
    assert!(set_points(&at)[0] > 30_000_000);
    assert_eq!(scenario.plant(g1, 287).unwrap().power_max, Watts::ZERO);
    let (before_w, after_w) = (set_points(&before), set_points(&after));
    assert_eq!(after_w[0], 0);
    for (position, more) in [(1, "g2"), (3, "g4"), (4, "the tie")] {
        assert!(after_w[position] > before_w[position], "{more}: {before_w:?} then {after_w:?}");
    }
    assert!(before_w[4] < 0, "exports before the failure");
    let prices = [&before, &after].map(|answer| answer.certificate.price.settle(Price(1_000_000)));
    assert_eq!(prices[0], Price(20_000));
    assert!(prices[1] > Price(100_000), "{prices:?}");
    assert_eq!(reasons(&problem, &after)[0], Reason::Unavailable);
}

#[test]
fn the_day_clears_beside_the_tie_and_loads_are_shed_only_after_the_failure() {
    let scenario = Scenario::parse(DISPATCH).unwrap();
    let utility = scenario.member("utility").unwrap();
    let carries = |interval: &u32| scenario.offer(utility, *interval).unwrap().power_max > Watts(0);
    let mut shed_at = Vec::new();
    // In the island, without the battery that a single interval does not know, all tiers are shed.
    for interval in (0..288).filter(carries) {
        let (_, answer) = solve(&scenario, interval);
        let shed = shed(&answer);
        if shed.iter().any(|power| *power > 0) {
            shed_at.push(interval);
            assert_eq!(shed[2], 0, "the dearest tier stays on");
        }
    }
    assert!(!shed_at.is_empty() && shed_at.iter().all(|interval| *interval > 144), "{shed_at:?}");
}
