//! N−1: the loss of any one source is carried by the others, at least cost, and nothing less passes the check.

use super::{
    generator::{Random, campus},
    horizon::{flat, near, proven, tie_only, watts},
};
use gridaccord_dispatch::horizon::{
    Contingency, Generator, Horizon, HorizonParts, Ramp, Storage, appraise, pin,
};
use gridaccord_model::Watts;
use gridaccord_solver::{HorizonOutcome, Limit, propose_horizon};

const GAMMA: u32 = 1_000_000;

/// An island with generators of 1 MW each whose response within an hour is `up`.
fn island(demand: &[i64], prices: &[i64], up: i64) -> HorizonParts {
    let size = demand.len();
    let mut parts = tie_only(demand, &vec![1_000_000; size]);
    parts.tie.import_max.fill(Watts(0));
    parts.tie.export_max.fill(Watts(0));
    let ramp = Ramp { up: Watts(up), down: Watts(1_000_000), initial: Watts(1_000_000) };
    parts.generators = prices
        .iter()
        .map(|price| Generator { ramp: Some(ramp), ..flat(size, 1_000_000, *price) })
        .collect();
    parts.contingency =
        Some(Contingency { hold_s: 3_600, is_tie_lost: true, shed: watts(&vec![0; size]) });
    parts
}

#[test]
fn no_source_runs_higher_than_the_others_respond() {
    let parts = island(&[1_000_000], &[50_000, 100_000, 200_000], 300_000);
    // Without N−1 the first would run alone. Two responses of 300 kW carry 600.
    let (answer, _) = proven(&Horizon::new(parts.clone()).unwrap());
    let first: Vec<Watts> = answer.solution.generators.iter().map(|powers| powers[0]).collect();
    near(&first, &[600_000, 400_000, 0]);
    // What may be shed at once need not be carried.
    let mut shed = parts;
    shed.contingency.as_mut().unwrap().shed = watts(&[150_000]);
    let (answer, _) = proven(&Horizon::new(shed).unwrap());
    let first: Vec<Watts> = answer.solution.generators.iter().map(|powers| powers[0]).collect();
    near(&first, &[750_000, 250_000, 0]);
}

#[test]
fn a_source_at_its_limit_responds_with_what_is_left() {
    // Two machines with fast ramps: g₁ ≤ 1,000 − g₂ holds only up to 1 MW of demand.
    let (answer, _) =
        proven(&Horizon::new(island(&[990_000], &[50_000, 90_000], 1_000_000)).unwrap());
    assert_eq!(answer.solution.generators[0][0].0 + answer.solution.generators[1][0].0, 990_000);
    let problem = Horizon::new(island(&[1_100_000], &[50_000, 90_000], 1_000_000)).unwrap();
    let outcome = propose_horizon(&problem, GAMMA);
    let HorizonOutcome::Infeasible { explanation, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(explanation.relaxations[0].limit, Limit::Contingency, "{explanation}");
    assert!((explanation.relaxations[0].amount - 100_000).abs() < 10, "{explanation}");
    assert!(explanation.confirmed);
}

#[test]
fn a_storage_carries_a_loss_only_as_long_as_its_energy_lasts() {
    let mut parts = island(&[600_000; 2], &[50_000, 300_000], 100_000);
    parts.storages = vec![Storage {
        charge_max: Watts(0),
        discharge_max: Watts(500_000),
        charge_ppb: 1_000_000_000,
        discharge_ppb: 1_000_000_000,
        loss_ppb: 0,
        capacity_uwh: 1_000_000 * 1_000_000,
        initial_uwh: 400_000 * 1_000_000,
        final_min_uwh: 0,
        wear: 200_000_000,
        embodied_mg_per_kwh: 0,
    }];
    // 400 kWh last an hour for 400 kW, with 100 kW of the other machine: 500 kW. The rest is the other machine's.
    let (answer, _) = proven(&Horizon::new(parts.clone()).unwrap());
    near(&answer.solution.generators[0], &[500_000, 500_000]);
    // For half an hour 500 kW, its rating: the loss of 550 and the ramp of half an hour, 50.
    parts.contingency.as_mut().unwrap().hold_s = 1_800;
    let (answer, _) = proven(&Horizon::new(parts).unwrap());
    near(&answer.solution.generators[0], &[550_000, 550_000]);
}

#[test]
fn the_tie_is_a_source_that_may_be_lost_and_a_cover_for_others() {
    let mut parts = island(&[900_000; 2], &[200_000, 300_000], 250_000);
    parts.tie.import_max = watts(&[2_000_000, 2_000_000]);
    parts.tie.tariff.iter_mut().for_each(|price| price.0 = 100_000);
    parts.tie.feed_in.iter_mut().for_each(|price| price.0 = 10_000);
    // Import is cheapest, but only 500 kW of its loss are covered.
    let (answer, _) = proven(&Horizon::new(parts.clone()).unwrap());
    near(&answer.solution.import, &[500_000, 500_000]);
    near(&answer.solution.generators[0], &[400_000, 400_000]);
    // If the tie cannot fail, it covers everything.
    parts.contingency.as_mut().unwrap().is_tie_lost = false;
    let (answer, _) = proven(&Horizon::new(parts).unwrap());
    near(&answer.solution.import, &[900_000, 900_000]);
}

/// One interval, three machines of a few watts, one without ramp.
fn tiny(random: &mut Random) -> HorizonParts {
    let mut parts = island(&[random.within(4, 14)], &[0, 0, 0], 0);
    for generator in &mut parts.generators {
        generator.power_max[0] = Watts(random.within(2, 9));
        generator.linear = random.within(5, 150) * 1_000_000;
        generator.quadratic = random.within(0, 3) * 1_000_000;
        let ramp = generator.ramp.as_mut().unwrap();
        (ramp.up, ramp.down, ramp.initial) = (Watts(random.within(1, 8)), Watts(9), Watts(4));
    }
    parts.generators[2].ramp = None;
    parts.tie.import_max[0] = Watts(random.within(0, 9));
    parts.tie.tariff[0].0 = random.within(10, 200) * 1_000;
    parts.tie.feed_in[0].0 = 0;
    let contingency = parts.contingency.as_mut().unwrap();
    contingency.is_tie_lost = random.within(0, 2) == 0;
    contingency.shed[0] = Watts(random.within(0, 4));
    contingency.hold_s = random.within(1, 3) as u32 * 1_800;
    parts
}

fn enumerated(parts: &HorizonParts) -> Option<i128> {
    let contingency = parts.contingency.as_ref().unwrap();
    let most: Vec<i64> = parts.generators.iter().map(|part| part.power_max[0].0).collect();
    let mut best: Option<i128> = None;
    for first in 0..=most[0] {
        for second in 0..=most[1] {
            for third in 0..=most[2] {
                let powers = [first, second, third];
                let import = parts.demand[0].0 - powers.iter().sum::<i64>();
                let import_max = parts.tie.import_max[0].0;
                let ramps = powers.iter().zip(&parts.generators).all(|(power, part)| {
                    part.ramp.is_none_or(|ramp| power - ramp.initial.0 <= ramp.up.0)
                });
                if !(0..=import_max).contains(&import) || !ramps {
                    continue;
                }
                let mut sources: Vec<(i64, i64, bool)> = powers
                    .iter()
                    .zip(&parts.generators)
                    .map(|(power, part)| {
                        let up = part.ramp.map_or(0, |ramp| ramp.up.0);
                        let rise = up * i64::from(contingency.hold_s) / 3_600;
                        (*power, rise.min(part.power_max[0].0 - power), true)
                    })
                    .collect();
                sources.push((import, import_max - import, contingency.is_tie_lost));
                let covered = (0..4).filter(|lost| sources[*lost].2).all(|lost| {
                    let others = (0..4).filter(|other| *other != lost);
                    let cover: i64 = others.map(|other| sources[other].1).sum();
                    sources[lost].0 <= cover + contingency.shed[0].0
                });
                if covered {
                    let own: i128 = powers
                        .iter()
                        .zip(&parts.generators)
                        .map(|(power, part)| {
                            let power = i128::from(*power);
                            (i128::from(part.quadratic) * power + 2 * i128::from(part.linear))
                                * power
                        })
                        .sum();
                    let tie = 2_000 * i128::from(parts.tie.tariff[0].0) * i128::from(import);
                    best = Some(best.map_or(own + tie, |best| best.min(own + tie)));
                }
            }
        }
    }
    best.map(|best| best * i128::from(parts.duration_s))
}

#[test]
fn tiny_contingencies_agree_with_enumeration() {
    let mut random = Random::new(29);
    let (mut solved, mut impossible) = (0, 0);
    for _ in 0..300 {
        let parts = tiny(&mut random);
        let best = enumerated(&parts);
        let problem = Horizon::new(parts).unwrap();
        match propose_horizon(&problem, GAMMA) {
            HorizonOutcome::Optimal { answer, verified, .. }
            | HorizonOutcome::Feasible { answer, verified, .. } => {
                let best = best.expect("what passes the check is a dispatch");
                solved += 1;
                assert!(verified.bound.0 * 2 <= best && best <= verified.cost.0 * 2 + 1);
                for _ in 0..30 {
                    let mut wrong = answer.clone();
                    for list in &mut wrong.certificate.loss {
                        list[0] = random.within(0, 2) * random.within(0, 100_000_000);
                    }
                    wrong.certificate.ramp[0][0] = random.within(-50_000_000, 50_000_000);
                    pin(&problem, &mut wrong.certificate);
                    if let Ok(other) = appraise(&problem, &wrong) {
                        assert!(other.bound.0 * 2 <= best, "{other:?}, best {best} halves");
                    }
                }
            }
            HorizonOutcome::Infeasible { .. } => {
                impossible += 1;
                assert_eq!(best, None);
            }
            HorizonOutcome::Stopped { .. } => {}
        }
    }
    assert!(solved >= 100 && impossible >= 30, "{solved} solved, {impossible} impossible");
}

#[test]
fn a_campus_survives_any_loss_and_nothing_less_passes() {
    let mut parts = campus(6, 14, 48, true).parts().clone();
    let size = parts.demand.len();
    // The least share of demand shed at once with which there is a dispatch.
    let found = [20, 12, 8, 6, 5, 4].into_iter().find_map(|share| {
        let shed = parts.demand.iter().map(|power| Watts(power.0 / share)).collect();
        parts.contingency = Some(Contingency { hold_s: 900, is_tie_lost: true, shed });
        let problem = Horizon::new(parts.clone()).unwrap();
        match propose_horizon(&problem, GAMMA) {
            HorizonOutcome::Optimal { answer, verified, .. } => Some((problem, answer, verified)),
            HorizonOutcome::Infeasible { explanation, .. } => {
                assert_eq!(explanation.relaxations[0].limit, Limit::Contingency, "{explanation}");
                None
            }
            other => panic!("{other:?}"),
        }
    });
    let (problem, answer, verified) = found.expect("a fourth of the demand is enough");
    assert!(verified.gap.0 * 100_000 <= verified.cost.0, "{verified:?}");
    let binding = (0..size).find(|t| answer.certificate.loss.iter().any(|list| list[*t] > 1_000));
    let t = binding.expect("N−1 binds somewhere");
    // One watt less may be shed than the dispatch relies on.
    let mut tighter = parts.clone();
    for step in [1, 10, 100, 1_000, 10_000] {
        tighter.contingency.as_mut().unwrap().shed[t].0 =
            parts.contingency.as_ref().unwrap().shed[t].0 - step;
        let problem = Horizon::new(tighter.clone()).unwrap();
        if let Err(refusal) = appraise(&problem, &answer) {
            assert_eq!(refusal.rule(), 16);
            break;
        }
        assert!(step < 10_000, "the loss of interval {t} has slack");
    }
    let refused = |change: &dyn Fn(&mut gridaccord_dispatch::horizon::HorizonCertificate)| {
        let mut wrong = answer.clone();
        change(&mut wrong.certificate);
        appraise(&problem, &wrong).unwrap_err().rule()
    };
    assert_eq!(refused(&|certificate| certificate.loss[0][0] = -1), 2);
    assert_eq!(refused(&|certificate| certificate.hold[0][0] = i64::MAX), 2);
    assert_eq!(
        refused(&|certificate| certificate.loss.iter_mut().for_each(|list| list[0] = 1 << 37)),
        2
    );
    assert_eq!(
        refused(&|certificate| {
            certificate.loss.pop();
        }),
        1
    );
    assert_eq!(refused(&|certificate| certificate.hold.clear()), 1);
}
