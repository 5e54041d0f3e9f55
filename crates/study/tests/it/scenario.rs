//! Market scenarios as horizons: the same cost as interval by interval.

use crate::common::solved;
use gridaccord_dispatch::{Outcome, check, scenario::problem};
use gridaccord_model::Picos;
use gridaccord_model::Scenario;
use gridaccord_study::scenario::study;

#[test]
fn a_horizon_without_memory_costs_what_its_intervals_cost() {
    for text in [
        include_str!("../../../../scenarios/white-paper.toml"),
        include_str!("../../../../scenarios/decentralized-dispatch.toml"),
    ] {
        let market = Scenario::parse(text).unwrap();
        let study = study(&market).unwrap();
        let (translated, answer) = solved(&study);
        assert_eq!(translated.roundings.len(), 0, "{:?}", translated.roundings);
        let alone: i128 = (0..market.horizon.intervals)
            .map(|interval| {
                let problem = problem(&market, interval).unwrap();
                let Outcome::Optimal(answer) = gridaccord_solver::propose(&problem) else {
                    panic!("{} interval {interval}", market.name)
                };
                check(&problem, &answer, market.thresholds.gap_ppb).unwrap().cost.0
            })
            .sum();
        let cost = answer.verified.cost.0 as f64 * translated.scale.cost();
        let bound = answer.verified.bound.0 as f64 * translated.scale.cost();
        let alone = Picos(alone).0 as f64 / 3.6e15;
        assert!(
            bound <= alone * (1.0 + 1e-12) && cost >= alone * (1.0 - 1e-12),
            "{bound} {alone} {cost}"
        );
        assert!(cost - alone <= 1e-5 * alone, "{cost} for {alone}");
    }
}
