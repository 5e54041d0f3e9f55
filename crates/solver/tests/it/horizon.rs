//! Whole horizons: proven answers, known answers, enumeration, tampering, and what each coupling does.

use super::generator::{Random, campus};
use gridaccord_dispatch::horizon::{
    CarbonLimits, Generator, Horizon, HorizonAnswer, HorizonParts, HorizonVerified, Ramp, ShedTier,
    Storage, Tie, check, pin,
};
use gridaccord_model::{CarbonMg, Picos, Price, Watts};
use gridaccord_solver::{HorizonOutcome, propose_horizon};

const GAMMA: u32 = 1_000_000;

pub(crate) fn proven(problem: &Horizon) -> (HorizonAnswer, HorizonVerified) {
    match propose_horizon(problem, GAMMA) {
        HorizonOutcome::Optimal { answer, verified, .. } => (*answer, verified),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn watts(powers: &[i64]) -> Vec<Watts> {
    powers.iter().map(|power| Watts(*power)).collect()
}

/// Tie only, an hour per interval: 5 MW either way, feed-in at a tenth of the tariff.
pub(crate) fn tie_only(demand: &[i64], tariff: &[i64]) -> HorizonParts {
    let size = demand.len();
    HorizonParts {
        duration_s: 3_600,
        demand: watts(demand),
        reserve: watts(&vec![0; size]),
        tie: Tie {
            import_max: watts(&vec![5_000_000; size]),
            export_max: watts(&vec![5_000_000; size]),
            tariff: tariff.iter().map(|price| Price(*price)).collect(),
            feed_in: tariff.iter().map(|price| Price(*price / 10)).collect(),
            carbon_mg_per_kwh: vec![400_000; size],
            embodied_mg_per_kwh: vec![0; size],
            demand_charge: 0,
            peak_before: Watts(0),
        },
        tiers: vec![],
        generators: vec![],
        storages: vec![],
        shiftable: vec![],
        carbon: CarbonLimits::default(),
        contingency: None,
    }
}

pub(crate) fn flat(size: usize, most: i64, price: i64) -> Generator {
    Generator {
        power_min: watts(&vec![0; size]),
        power_max: watts(&vec![most; size]),
        quadratic: 0,
        linear: price * 1_000,
        ramp: None,
        carbon_mg_per_kwh: 0,
        embodied_mg_per_kwh: 0,
    }
}

pub(crate) fn near(found: &[Watts], expected: &[i64]) {
    let close = found.len() == expected.len()
        && found.iter().zip(expected).all(|(found, expected)| (found.0 - expected).abs() <= 50);
    assert!(close, "{found:?}, expected {expected:?}");
}

#[test]
fn seeded_campuses_are_proven_to_one_in_a_hundred_thousand() {
    for (resources, intervals) in [(1, 12), (4, 48), (9, 96), (25, 288)] {
        for quadratic in [false, true] {
            let problem = campus(11, resources, intervals, quadratic);
            let (answer, verified) = proven(&problem);
            assert!(
                verified.gap.0 * 100_000 <= verified.cost.0,
                "{resources} × {intervals}: {verified:?}"
            );
            assert_eq!(check(&problem, &answer, GAMMA), Ok(verified));
        }
    }
}

#[test]
fn a_store_buys_low_and_sells_high() {
    let mut parts = tie_only(&[2_000_000; 4], &[50_000, 50_000, 200_000, 200_000]);
    parts.storages = vec![Storage {
        charge_max: Watts(1_000_000),
        discharge_max: Watts(1_000_000),
        charge_ppb: 1_000_000_000,
        discharge_ppb: 1_000_000_000,
        loss_ppb: 0,
        capacity_uwh: 1_500_000 * 1_000_000,
        initial_uwh: 0,
        final_min_uwh: 0,
        wear: 0,
        embodied_mg_per_kwh: 0,
    }];
    let problem = Horizon::new(parts).unwrap();
    let (_, verified) = proven(&problem);
    // 1.5 MWh bought at 50 and used at 200: 8 MWh cost 1,000 without the store, 775 with it.
    let expected = 775_000_000 * Picos::PER_MICRO;
    assert!((verified.cost.0 - expected).abs() * 100_000 < expected, "{verified:?}");
}

#[test]
fn losses_make_a_round_trip_pay_only_above_them() {
    let storage = |ppb: i64, factor: i64| Storage {
        charge_max: Watts(1_000_000),
        discharge_max: Watts(1_000_000),
        charge_ppb: ppb,
        discharge_ppb: factor,
        loss_ppb: 0,
        capacity_uwh: 2_000_000 * 1_000_000,
        initial_uwh: 0,
        final_min_uwh: 0,
        wear: 0,
        embodied_mg_per_kwh: 0,
    };
    // A spread of 1.2 pays for a round trip of 0.9·0.95, not for one of 0.8.
    for (ppb, factor, pays) in
        [(900_000_000, 1_052_631_579, true), (800_000_000, 1_250_000_000, false)]
    {
        let mut parts = tie_only(&[2_000_000; 2], &[100_000, 120_000]);
        parts.storages = vec![storage(ppb, factor)];
        let (answer, _) = proven(&Horizon::new(parts).unwrap());
        let discharged = answer.solution.discharge[0][1].0;
        assert_eq!(discharged > 100_000, pays, "{discharged} W");
        assert_eq!(discharged < 1_000, !pays, "{discharged} W");
    }
}

#[test]
fn a_ramp_starts_early_for_a_peak() {
    let mut parts = tie_only(&[1_000_000, 1_000_000, 3_000_000], &[50_000, 50_000, 500_000]);
    let ramp = Ramp { up: Watts(1_000_000), down: Watts(3_000_000), initial: Watts(0) };
    parts.generators = vec![Generator { ramp: Some(ramp), ..flat(3, 3_000_000, 100_000) }];
    let (answer, _) = proven(&Horizon::new(parts).unwrap());
    // Exporting what costs 100 at 5 loses 95 per MWh; being there at the peak saves 400.
    near(&answer.solution.generators[0], &[1_000_000, 2_000_000, 3_000_000]);
    near(&answer.solution.export, &[0, 1_000_000, 0]);
}

#[test]
fn a_demand_charge_shaves_the_peak() {
    let mut parts = tie_only(&[1_000_000, 3_000_000, 1_000_000], &[100_000; 3]);
    parts.generators = vec![flat(3, 4_000_000, 150_000)];
    let (answer, _) = proven(&Horizon::new(parts.clone()).unwrap());
    near(&answer.solution.import, &[1_000_000, 3_000_000, 1_000_000]);
    // 0.2 per kW: more than the 0.05 that own power costs above the tariff for one hour, less than for three.
    parts.tie.demand_charge = 100_000;
    let problem = Horizon::new(parts.clone()).unwrap();
    let (answer, verified) = proven(&problem);
    near(&answer.solution.import, &[1_000_000, 1_000_000, 1_000_000]);
    assert!((verified.peak.0 - 1_000_000).abs() <= 50);
    // What was imported before the horizon is charged already.
    parts.tie.peak_before = Watts(2_000_000);
    let (answer, _) = proven(&Horizon::new(parts).unwrap());
    near(&answer.solution.import, &[1_000_000, 2_000_000, 1_000_000]);
}

#[test]
fn a_carbon_cap_takes_the_clean_power_first_where_the_tie_is_dirtiest() {
    let mut parts = tie_only(&[1_000_000, 1_000_000], &[100_000, 100_000]);
    parts.tie.carbon_mg_per_kwh = vec![200_000, 600_000];
    parts.generators = vec![flat(2, 1_000_000, 130_000)];
    // 800 kg without a cap. With 500 kg, half a MWh of the dirtier hour must go.
    parts.carbon.operating.horizon = Some(CarbonMg(500_000_000));
    let (answer, verified) = proven(&Horizon::new(parts).unwrap());
    near(&answer.solution.import, &[1_000_000, 500_000]);
    assert!(verified.carbon.0 <= 500_000_000 && verified.carbon.0 > 499_900_000, "{verified:?}");
}

#[test]
fn reserve_keeps_headroom_and_an_island_has_no_tie() {
    let mut parts = tie_only(&[1_000_000; 3], &[100_000; 3]);
    let ramp = Ramp { up: Watts(2_000_000), down: Watts(2_000_000), initial: Watts(1_000_000) };
    parts.generators = vec![
        Generator { ramp: Some(ramp), ..flat(3, 1_200_000, 50_000) },
        flat(3, 500_000, 300_000),
    ];
    parts.reserve = watts(&[0, 500_000, 500_000]);
    parts.tie.import_max[2] = Watts(0);
    parts.tie.export_max[2] = Watts(0);
    let (answer, _) = proven(&Horizon::new(parts).unwrap());
    // Export pays 10 for what costs 50, so nothing is exported; the reserve pushes 300 kW out of the generator.
    near(&answer.solution.generators[0], &[1_000_000, 700_000, 700_000]);
    near(&answer.solution.generators[1], &[0, 0, 300_000]);
    near(&answer.solution.import, &[0, 300_000, 0]);
}

#[test]
fn tiers_are_shed_by_value() {
    let mut parts = tie_only(&[1_000_000; 2], &[100_000; 2]);
    parts.tie.import_max = watts(&[700_000, 1_000_000]);
    let tier = |value| ShedTier { power: watts(&[200_000; 2]), value: Price(value) };
    parts.tiers = vec![tier(900_000), tier(400_000)];
    let (answer, _) = proven(&Horizon::new(parts).unwrap());
    near(&answer.solution.shed[0], &[100_000, 0]);
    near(&answer.solution.shed[1], &[200_000, 0]);
}

/// Every dispatch of two intervals by enumeration: a ramped generator, a free one, import, all a few watts.
fn enumerated(parts: &HorizonParts) -> Option<i128> {
    let mut best: Option<i128> = None;
    let (ramped, free) = (&parts.generators[0], &parts.generators[1]);
    let ramp = ramped.ramp.unwrap();
    let cost = |generator: &Generator, power: i64| {
        let (a, b, power) =
            (i128::from(generator.quadratic), i128::from(generator.linear), i128::from(power));
        (a * power + 2 * b) * power
    };
    let choices = |t: usize| {
        let free_powers = free.power_min[t].0..=free.power_max[t].0;
        free_powers.flat_map(move |other| {
            (ramped.power_min[t].0..=ramped.power_max[t].0).map(move |one| (one, other))
        })
    };
    let slack = |t: usize, one: i64, other: i64| parts.demand[t].0 - one - other;
    for (one, other) in choices(0) {
        for (one_next, other_next) in choices(1) {
            let imports = [slack(0, one, other), slack(1, one_next, other_next)];
            let allowed = |change: i64| change <= ramp.up.0 && -change <= ramp.down.0;
            let fits = (0..2).all(|t| (0..=parts.tie.import_max[t].0).contains(&imports[t]));
            if fits && allowed(one - ramp.initial.0) && allowed(one_next - one) {
                let tie: i128 = (0..2)
                    .map(|t| 2_000 * i128::from(parts.tie.tariff[t].0) * i128::from(imports[t]))
                    .sum();
                let total = cost(ramped, one)
                    + cost(ramped, one_next)
                    + cost(free, other)
                    + cost(free, other_next);
                best = Some(best.map_or(total + tie, |best| best.min(total + tie)));
            }
        }
    }
    best.map(|best| best * i128::from(parts.duration_s))
}

#[test]
fn bounds_of_tiny_problems_stay_below_the_enumerated_optimum() {
    let mut random = Random::new(3);
    let mut solved = 0;
    for _ in 0..60 {
        let mut parts = tie_only(
            &[random.within(3, 12), random.within(3, 12)],
            &[random.within(10, 200), random.within(10, 200)],
        );
        parts.tie.import_max = watts(&[random.within(0, 12), random.within(0, 12)]);
        parts.tie.export_max = watts(&[0, 0]);
        let ramp = Ramp {
            up: Watts(random.within(1, 4)),
            down: Watts(random.within(1, 4)),
            initial: Watts(random.within(0, 6)),
        };
        let quadratic = random.within(0, 3) * 1_000;
        let ramped = Generator {
            ramp: Some(ramp),
            quadratic,
            ..flat(2, random.within(3, 9), random.within(5, 150))
        };
        parts.generators = vec![ramped, flat(2, random.within(3, 9), random.within(5, 150))];
        let best = enumerated(&parts);
        let problem = Horizon::new(parts).unwrap();
        let outcome = propose_horizon(&problem, GAMMA);
        let HorizonOutcome::Optimal { answer, verified, .. } = outcome else {
            let proven = matches!(outcome, HorizonOutcome::Infeasible { .. });
            assert_eq!(proven, best.is_none(), "{outcome:?}");
            continue;
        };
        solved += 1;
        let best = best.expect("what passes the check is a dispatch");
        assert!(
            verified.bound.0 * 2 <= best && best <= verified.cost.0 * 2 + 1,
            "{verified:?}, best {best} halves"
        );
        // Any multipliers bound from below, however wrong.
        for _ in 0..20 {
            let mut wrong = answer.clone();
            wrong
                .certificate
                .price
                .iter_mut()
                .for_each(|price| *price += random.within(-50_000, 50_000));
            wrong.certificate.ramp[0]
                .iter_mut()
                .for_each(|ramp| *ramp += random.within(-50_000, 50_000));
            pin(&problem, &mut wrong.certificate);
            if let Ok(other) = check(&problem, &wrong, u32::MAX) {
                assert!(other.bound.0 * 2 <= best, "{other:?}, best {best} halves");
            }
        }
    }
    assert!(solved >= 20, "{solved} solved");
}

#[test]
fn no_tampering_passes() {
    let problem = campus(5, 9, 48, true);
    let (answer, verified) = proven(&problem);
    let refused = |change: &dyn Fn(&mut HorizonAnswer)| {
        let mut tampered = answer.clone();
        change(&mut tampered);
        check(&problem, &tampered, GAMMA).unwrap_err().rule()
    };
    assert_eq!(refused(&|answer| answer.solution.generators[0][5].0 += 1_000_000_000), 3);
    assert_eq!(refused(&|answer| answer.solution.import[7].0 += 1), 7);
    assert_eq!(refused(&|answer| answer.solution.shed[0][7].0 = -1), 3);
    assert_eq!(refused(&|answer| answer.solution.export.clear()), 1);
    assert_eq!(refused(&|answer| answer.certificate.price[3] += 1), 10);
    assert_eq!(refused(&|answer| answer.certificate.price[3] -= 1), 10);
    assert_eq!(refused(&|answer| answer.certificate.reserve[0] = -1), 2);
    assert_eq!(refused(&|answer| answer.certificate.peak[0] = 1), 2);
    assert_eq!(refused(&|answer| answer.certificate.energy[0][0] = i64::MIN), 2);
    assert_eq!(refused(&|answer| answer.certificate.ramp[0] = vec![0; 48]), 1);
    let both = |answer: &mut HorizonAnswer| {
        let t = (0..48).find(|t| answer.solution.charge[0][*t].0 > 0).unwrap();
        answer.solution.discharge[0][t] = Watts(1);
        answer.solution.charge[0][t].0 += 1;
    };
    assert!([3, 5].contains(&refused(&both)));
    let mut random = Random::new(1);
    for _ in 0..50 {
        let mut other = answer.clone();
        let t = random.within(0, 48) as usize;
        other.certificate.reserve[t] = random.within(0, 50_000_000);
        other.certificate.energy[0][t] = random.within(-100_000_000, 400_000_000);
        other.certificate.carbon[0].horizon = random.within(0, 1_000_000);
        pin(&problem, &mut other.certificate);
        if let Ok(found) = check(&problem, &other, u32::MAX) {
            assert!(found.bound <= verified.cost);
        }
    }
}
