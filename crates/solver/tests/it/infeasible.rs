//! Horizons without a dispatch: each is proven so in exact integers, and explained.

use super::{
    generator::{Random, campus},
    horizon::{flat, tie_only, watts},
};
use gridaccord_dispatch::horizon::{
    Boundary, Horizon, HorizonCertificate, HorizonParts, Ramp, Storage, check_infeasible,
};
use gridaccord_model::{CarbonMg, Watts};
use gridaccord_solver::{Explanation, HorizonOutcome, Limit, propose_horizon};

const GAMMA: u32 = 1_000_000;

fn proven_infeasible(parts: HorizonParts) -> Explanation {
    let problem = Horizon::new(parts).unwrap();
    match propose_horizon(&problem, GAMMA) {
        HorizonOutcome::Infeasible { certificate, proof, explanation } => {
            assert_eq!(check_infeasible(&problem, &certificate), Ok(proof));
            assert!(explanation.confirmed, "{explanation}");
            explanation
        }
        other => panic!("{other:?}"),
    }
}

fn island(demand: &[i64]) -> HorizonParts {
    let mut parts = tie_only(demand, &vec![100_000; demand.len()]);
    parts.tie.import_max.fill(Watts(0));
    parts.tie.export_max.fill(Watts(0));
    parts
}

fn lossless(power: i64, capacity_wh: i64, initial_wh: i64, final_wh: i64) -> Storage {
    Storage {
        charge_max: Watts(power),
        discharge_max: Watts(power),
        charge_ppb: 1_000_000_000,
        discharge_ppb: 1_000_000_000,
        loss_ppb: 0,
        capacity_uwh: capacity_wh * 1_000_000,
        initial_uwh: initial_wh * 1_000_000,
        final_min_uwh: final_wh * 1_000_000,
        wear: 0,
        embodied_mg_per_kwh: 0,
    }
}

/// The first relaxation is this one, within two quanta in a million.
fn expect(explanation: &Explanation, limit: Limit, interval: Option<usize>, amount: i64) {
    let first = explanation.relaxations[0];
    assert_eq!((first.limit, first.interval), (limit, interval), "{explanation}");
    assert!((first.amount - amount).abs() <= 2 + amount / 500_000, "{explanation}");
}

#[test]
fn demand_above_all_supply_is_short_by_the_difference() {
    let mut parts = tie_only(&[1_000_000; 3], &[100_000; 3]);
    parts.tie.import_max = watts(&[2_000_000, 700_000, 2_000_000]);
    let explanation = proven_infeasible(parts);
    expect(&explanation, Limit::Demand, Some(1), 300_000);
    let words = explanation.to_string();
    assert!(words.starts_with("interval 1: supply is 300"), "{words}");
}

#[test]
fn least_powers_above_demand_have_nowhere_to_go() {
    let mut parts = island(&[1_000_000, 400_000]);
    let mut generator = flat(2, 1_500_000, 50_000);
    generator.power_min.fill(Watts(500_000));
    parts.generators = vec![generator];
    expect(&proven_infeasible(parts), Limit::LeastPower, Some(1), 100_000);
}

#[test]
fn a_store_that_runs_dry_is_found_over_several_intervals() {
    let mut parts = island(&[1_000_000; 4]);
    // 2.5 MWh for 4 MWh: no single interval shows it.
    parts.storages = vec![lossless(2_000_000, 3_000_000, 2_500_000, 0)];
    let explanation = proven_infeasible(parts);
    let short: i64 = explanation.relaxations.iter().map(|relaxation| relaxation.amount).sum();
    assert!((short - 1_500_000).abs() < 100, "{explanation}");
    assert!(explanation.relaxations.iter().all(|relaxation| relaxation.limit == Limit::Demand));
}

#[test]
fn a_ramp_too_slow_for_a_step_of_demand_is_found() {
    let mut parts = island(&[1_000_000, 2_000_000]);
    let ramp = Ramp { up: Watts(600_000), down: Watts(600_000), initial: Watts(1_000_000) };
    parts.generators =
        vec![gridaccord_dispatch::horizon::Generator { ramp: Some(ramp), ..flat(2, 3_000_000, 1) }];
    expect(&proven_infeasible(parts), Limit::Demand, Some(1), 400_000);
}

#[test]
fn reserve_that_nobody_has_is_named_as_such() {
    let mut parts = tie_only(&[1_000_000; 2], &[100_000; 2]);
    let ramp = Ramp { up: Watts(500_000), down: Watts(500_000), initial: Watts(0) };
    parts.generators = vec![gridaccord_dispatch::horizon::Generator {
        ramp: Some(ramp),
        ..flat(2, 500_000, 50_000)
    }];
    parts.reserve = watts(&[0, 800_000]);
    expect(&proven_infeasible(parts), Limit::Reserve, Some(1), 300_000);
}

#[test]
fn a_carbon_cap_below_what_the_least_dirty_dispatch_emits_is_named() {
    let mut parts = tie_only(&[1_000_000; 2], &[100_000; 2]);
    parts.generators = vec![flat(2, 500_000, 50_000)];
    // Half of 2 MWh at 400 kg per MWh.
    parts.carbon.operating.horizon = Some(CarbonMg(300_000_000));
    expect(&proven_infeasible(parts), Limit::Carbon(Boundary::Operating), None, 100_000_000);
}

#[test]
fn energy_promised_at_the_end_is_named() {
    let mut parts = island(&[0, 0]);
    parts.storages = vec![lossless(1_000_000, 3_000_000, 500_000, 900_000)];
    expect(&proven_infeasible(parts), Limit::FinalEnergy(0), None, 400_000_000_000);
}

#[test]
fn ramps_and_least_powers_that_contradict_each_other_are_named() {
    let mut parts = tie_only(&[1_000_000; 2], &[100_000; 2]);
    let ramp = Ramp { up: Watts(100_000), down: Watts(100_000), initial: Watts(0) };
    let mut generator = flat(2, 900_000, 50_000);
    generator.power_min = watts(&[0, 500_000]);
    generator.ramp = Some(ramp);
    parts.generators = vec![generator];
    let explanation = proven_infeasible(parts);
    let total: i64 = explanation.relaxations.iter().map(|relaxation| relaxation.amount).sum();
    assert!(explanation.relaxations.iter().all(|found| found.limit == Limit::Ramp(0)));
    assert!((total - 300_000).abs() < 10, "{explanation}");
}

#[test]
fn a_campus_cut_off_without_enough_of_its_own_is_explained() {
    let problem = campus(4, 9, 48, true);
    let mut parts = problem.parts().clone();
    parts.tie.import_max[20..32].fill(Watts(0));
    parts.tiers.clear();
    let explanation = proven_infeasible(parts);
    let outside = explanation.relaxations.iter().any(|found| found.amount > 20_000);
    assert!(outside, "{explanation}");
}

#[test]
fn no_multipliers_prove_a_feasible_problem_infeasible() {
    let mut random = Random::new(9);
    for seed in 0..6 {
        let problem = campus(seed, 7, 12, true);
        let HorizonOutcome::Optimal { answer, .. } = propose_horizon(&problem, GAMMA) else {
            panic!("seed {seed} is feasible");
        };
        for _ in 0..60 {
            let mut size = |least: i64| {
                let most = 1i64 << random.within(4, 31);
                random.within(if least < 0 { -most } else { 0 }, most)
            };
            let mut wild: HorizonCertificate = answer.certificate.clone();
            wild.price.iter_mut().for_each(|value| *value = size(-1));
            wild.reserve.iter_mut().for_each(|value| *value = size(0));
            wild.carbon[0].horizon = size(0);
            wild.ramp.iter_mut().flatten().for_each(|value| *value = size(-1));
            wild.energy.iter_mut().flatten().for_each(|value| *value = size(-1));
            assert_eq!(check_infeasible(&problem, &wild).unwrap_err().rule(), 12);
        }
        let mut short = answer.certificate.clone();
        short.price.pop();
        assert_eq!(check_infeasible(&problem, &short).unwrap_err().rule(), 1);
        let mut negative = answer.certificate.clone();
        negative.reserve[0] = -1;
        assert_eq!(check_infeasible(&problem, &negative).unwrap_err().rule(), 2);
    }
}
