//! Market scenarios as horizons: the same cost as interval by interval, and what joins intervals where they have it.

use crate::common::solved;
use gridaccord_dispatch::{Outcome, check, scenario::problem};
use gridaccord_model::Picos;
use gridaccord_model::Scenario;
use gridaccord_study::{Status, scenario::study};

#[test]
fn a_horizon_without_memory_costs_what_its_intervals_cost() {
    let text = include_str!("../../../../scenarios/white-paper.toml");
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

#[test]
fn a_day_of_horizons_is_one_study_with_all_that_joins_its_intervals() {
    let text = include_str!("../../../../scenarios/decentralized-dispatch.toml");
    let market = Scenario::parse(text).unwrap();
    let study = study(&market).unwrap();
    assert_eq!((study.storages.len(), study.shiftable.len()), (1, 1));
    assert_eq!(study.generators.iter().filter(|generator| generator.ramp.is_some()).count(), 1);
    assert!(study.tie.as_ref().unwrap().demand_charge_per_kw > 0.0);
    assert!(study.carbon_cap_kg.is_some() && study.interval_caps.is_some());
    let (_, solved) = solved(&study);
    assert_eq!(solved.status, Status::Optimal);
    let shed = |interval: usize| -> i64 {
        solved.answer.solution.shed.iter().map(|tier| tier[interval].0).sum()
    };
    let island = 150..162;
    assert!(island.clone().all(|t| solved.answer.solution.import[t].0 == 0));
    let discharged: i64 = island.map(|t| solved.answer.solution.discharge[0][t].0).sum();
    assert!(discharged > 0, "the battery carries the island");
    assert!((0..144).all(|interval| shed(interval) == 0), "shedding is the last resort");
}
