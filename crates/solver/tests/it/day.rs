//! What a whole day adds: caps on carbon of each interval and boundary, and load that chooses its time.

use super::{
    generator::{Random, campus},
    horizon::{flat, near, proven, tie_only, watts},
};
use gridaccord_dispatch::horizon::{
    Boundary, CarbonLimit, Generator, Horizon, HorizonParts, ShiftableLoad, appraise, check, pin,
};
use gridaccord_model::{CarbonMg, Watts};
use gridaccord_solver::{HorizonOutcome, Limit, propose_horizon};

const GAMMA: u32 = 1_000_000;
/// mg in one kg.
const KG: i64 = 1_000_000;

fn limit(kilograms: &[i64]) -> CarbonLimit {
    CarbonLimit {
        interval: kilograms.iter().map(|mass| CarbonMg(mass * KG)).collect(),
        ..CarbonLimit::default()
    }
}

/// One MW for two hours: a tie of 400 kg/MWh at 100, and as much clean power at 130.
fn two_hours() -> HorizonParts {
    let mut parts = tie_only(&[1_000_000; 2], &[100_000; 2]);
    parts.generators = vec![flat(2, 1_000_000, 130_000)];
    parts
}

#[test]
fn a_cap_of_one_interval_binds_there_alone() {
    let mut parts = two_hours();
    parts.carbon.operating = limit(&[100, 400]);
    let (answer, verified) = proven(&Horizon::new(parts).unwrap());
    near(&answer.solution.import, &[250_000, 1_000_000]);
    // 250·100 + 750·130 + 1,000·100 = 222.5 currency.
    assert!((verified.cost.0 / (3_600 * 1_000_000_000_000) - 222).abs() <= 1, "{verified:?}");
}

#[test]
fn momentary_excess_goes_up_to_both_thresholds() {
    let mut parts = two_hours();
    parts.carbon.operating = CarbonLimit {
        excess_interval: CarbonMg(80 * KG),
        excess_horizon: CarbonMg(120 * KG),
        ..limit(&[100, 100])
    };
    let (answer, _) = proven(&Horizon::new(parts.clone()).unwrap());
    let total = answer.solution.import.iter().map(|power| power.0).sum::<i64>();
    assert!((total - 800_000).abs() <= 50, "{answer:?}");
    assert!(answer.solution.import.iter().all(|power| power.0 <= 450_000));
    // 450 kW are 180 kg: the threshold of the interval. One watt more is refused by K13, two such hours by K14.
    let refused = |imports: [i64; 2]| {
        let mut other = answer.clone();
        for (t, import) in imports.into_iter().enumerate() {
            other.solution.import[t] = Watts(import);
            other.solution.generators[0][t] = Watts(1_000_000 - import);
            other.solution.export[t] = Watts(0);
        }
        let problem = Horizon::new(parts.clone()).unwrap();
        appraise(&problem, &other).map_or_else(|refusal| refusal.rule(), |_| 0)
    };
    assert_eq!(refused([450_001, 0]), 13);
    assert_eq!(refused([450_000, 450_000]), 14);
    assert_eq!(refused([450_000, 350_000]), 0);
}

#[test]
fn what_is_embodied_counts_only_within_the_wider_boundary() {
    let mut parts = two_hours();
    // Clean to run, not to build: 600 kg/MWh against 400 of the tie.
    parts.generators[0].embodied_mg_per_kwh = 600_000;
    parts.carbon.operating.horizon = Some(CarbonMg(400 * KG));
    let (answer, verified) = proven(&Horizon::new(parts.clone()).unwrap());
    let import = |powers: &[Watts]| powers.iter().map(|power| power.0).sum::<i64>();
    assert!((import(&answer.solution.import) - 1_000_000).abs() < 50);
    assert!((verified.carbon_whole.0 - 1_000 * KG).abs() < KG, "{verified:?}");
    // 1,000 kg would have to fall to 900: both caps cannot hold.
    parts.carbon.whole.horizon = Some(CarbonMg(900 * KG));
    let outcome = propose_horizon(&Horizon::new(parts.clone()).unwrap(), GAMMA);
    let HorizonOutcome::Infeasible { explanation, .. } = outcome else { panic!("{outcome:?}") };
    assert!(matches!(explanation.relaxations[0].limit, Limit::Carbon(_)), "{explanation}");
    // Without the operating cap the tie alone is within the wider one.
    parts.carbon.operating.horizon = None;
    let (answer, _) = proven(&Horizon::new(parts).unwrap());
    near(&answer.solution.import, &[1_000_000, 1_000_000]);
}

#[test]
fn shiftable_load_runs_in_the_cheapest_hours_of_its_window() {
    let mut parts = tie_only(&[1_000_000; 4], &[90_000, 120_000, 50_000, 40_000]);
    parts.shiftable = vec![ShiftableLoad {
        power_max: watts(&[400_000, 400_000, 300_000, 0]),
        power_sum: Watts(500_000),
    }];
    let (answer, verified) = proven(&Horizon::new(parts).unwrap());
    near(&answer.solution.shift[0], &[200_000, 0, 300_000, 0]);
    assert_eq!(answer.solution.shift[0].iter().map(|power| power.0).sum::<i64>(), 500_000);
    // One more MWh would run in the first hour, at 90: φ is that price, negative as a charge on consumption.
    let marginal = -answer.certificate.shift[0];
    assert!((marginal - 180_000_000).abs() < 2_000_000, "{marginal}, {verified:?}");
}

#[test]
fn an_energy_not_met_is_refused() {
    let mut parts = tie_only(&[1_000_000; 2], &[90_000, 120_000]);
    parts.shiftable =
        vec![ShiftableLoad { power_max: watts(&[400_000; 2]), power_sum: Watts(500_000) }];
    let problem = Horizon::new(parts).unwrap();
    let (answer, _) = proven(&problem);
    let mut less = answer.clone();
    less.solution.shift[0][0].0 -= 1;
    less.solution.import[0].0 -= 1;
    assert_eq!(check(&problem, &less, GAMMA).unwrap_err().rule(), 15);
    let mut more = answer.clone();
    more.solution.shift[0][1] = Watts(400_001);
    assert_eq!(check(&problem, &more, GAMMA).unwrap_err().rule(), 3);
    let mut shape = answer;
    shape.certificate.shift.clear();
    assert_eq!(check(&problem, &shape, GAMMA).unwrap_err().rule(), 1);
}

/// Two intervals of a few watts: import, an expensive generator, a shiftable load and all caps.
fn tiny(random: &mut Random) -> HorizonParts {
    let mut parts = tie_only(
        &[random.within(2, 8), random.within(2, 8)],
        &[random.within(10, 200), random.within(10, 200)],
    );
    parts.tie.import_max = watts(&[random.within(3, 12), random.within(3, 12)]);
    parts.tie.export_max = watts(&[0, 0]);
    parts.tie.carbon_mg_per_kwh =
        vec![random.within(100, 900) * 1_000, random.within(100, 900) * 1_000];
    parts.generators = vec![Generator {
        quadratic: random.within(0, 3) * 1_000,
        carbon_mg_per_kwh: random.within(0, 300) * 1_000,
        embodied_mg_per_kwh: random.within(0, 300) * 1_000,
        ..flat(2, random.within(3, 10), random.within(5, 300))
    }];
    let most = [random.within(0, 5), random.within(0, 5)];
    parts.shiftable = vec![ShiftableLoad {
        power_max: watts(&most),
        power_sum: Watts(random.within(0, most[0] + most[1] + 1)),
    }];
    let mut cap = |from: i64| CarbonMg(random.within(from, from + 6_000));
    parts.carbon.operating.interval = vec![cap(0), cap(0)];
    parts.carbon.operating.excess_interval = cap(-3_000).max(CarbonMg(0));
    parts.carbon.operating.excess_horizon = cap(-3_000).max(CarbonMg(0));
    parts.carbon.whole.horizon = Some(cap(2_000));
    parts
}

/// Carbon of one interval, mg, exactly: powers in W times hours, factors in mg/kWh that are whole per Wh.
fn mass(parts: &HorizonParts, boundary: Boundary, t: usize, import: i64, own: i64) -> i64 {
    let generator = &parts.generators[0];
    let own_mass =
        boundary.carbon(generator.carbon_mg_per_kwh, generator.embodied_mg_per_kwh) * own;
    (parts.tie.carbon_mg_per_kwh[t] * import + own_mass) / 1_000
}

fn enumerated(parts: &HorizonParts) -> Option<i128> {
    let (generator, load) = (&parts.generators[0], &parts.shiftable[0]);
    let mut best: Option<i128> = None;
    for shift in 0..=load.power_max[0].0 {
        let shifts = [shift, load.power_sum.0 - shift];
        if !(0..=load.power_max[1].0).contains(&shifts[1]) {
            continue;
        }
        for first in 0..=generator.power_max[0].0 {
            for second in 0..=generator.power_max[1].0 {
                let own = [first, second];
                let import = [0, 1].map(|t| parts.demand[t].0 + shifts[t] - own[t]);
                if (0..2).any(|t| !(0..=parts.tie.import_max[t].0).contains(&import[t])) {
                    continue;
                }
                let masses = |boundary: Boundary| {
                    [0, 1].map(|t| mass(parts, boundary, t, import[t], own[t]))
                };
                let limit = &parts.carbon.operating;
                let operating = masses(Boundary::Operating);
                let excess = [0, 1].map(|t| (operating[t] - limit.interval[t].0).max(0));
                let whole = masses(Boundary::Whole).iter().sum::<i64>();
                let fits = excess.iter().all(|excess| *excess <= limit.excess_interval.0)
                    && excess.iter().sum::<i64>() <= limit.excess_horizon.0
                    && whole <= parts.carbon.whole.horizon.unwrap().0;
                if fits {
                    let cost: i128 = (0..2)
                        .map(|t| {
                            let (a, b) =
                                (i128::from(generator.quadratic), i128::from(generator.linear));
                            let power = i128::from(own[t]);
                            (a * power + 2 * b) * power
                                + 2_000 * i128::from(parts.tie.tariff[t].0) * i128::from(import[t])
                        })
                        .sum();
                    best = Some(best.map_or(cost, |best| best.min(cost)));
                }
            }
        }
    }
    best.map(|best| best * i128::from(parts.duration_s))
}

#[test]
fn tiny_days_agree_with_enumeration() {
    let mut random = Random::new(17);
    let (mut solved, mut impossible) = (0, 0);
    for _ in 0..200 {
        let parts = tiny(&mut random);
        let best = enumerated(&parts);
        let problem = Horizon::new(parts).unwrap();
        match propose_horizon(&problem, GAMMA) {
            HorizonOutcome::Optimal { answer, verified, .. }
            | HorizonOutcome::Feasible { answer, verified, .. } => {
                let best = best.expect("what passes the check is a dispatch");
                solved += 1;
                assert!(verified.bound.0 * 2 <= best && best <= verified.cost.0 * 2 + 1);
                for _ in 0..20 {
                    let mut wrong = answer.clone();
                    let caps = &mut wrong.certificate.carbon;
                    caps[0]
                        .interval
                        .iter_mut()
                        .for_each(|value| *value = random.within(0, 1 << 28));
                    caps[0].excess = random.within(0, 1 << 28);
                    caps[1].horizon = random.within(0, 1 << 28);
                    wrong.certificate.shift[0] = random.within(-500_000, 500_000);
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
            // Whole watts may have no dispatch where halves do, or the other way none that rounding finds.
            HorizonOutcome::Stopped { .. } => {}
        }
    }
    assert!(solved >= 60 && impossible >= 20, "{solved} solved, {impossible} impossible");
}

#[test]
fn a_campus_with_everything_is_proven() {
    for seed in [2, 3] {
        let mut parts = campus(seed, 12, 96, true).parts().clone();
        let size = parts.demand.len();
        let mean = parts.carbon.operating.horizon.unwrap().0 / size as i64;
        parts.carbon.operating.interval = vec![CarbonMg(mean * 2); size];
        parts.carbon.operating.excess_interval = CarbonMg(mean / 5);
        parts.carbon.operating.excess_horizon = CarbonMg(mean);
        parts.carbon.whole.horizon = Some(CarbonMg(mean * size as i64 * 11 / 10));
        let window = |from: usize, to: usize| {
            (0..size).map(|t| Watts(if (from..to).contains(&t) { 200_000 } else { 0 })).collect()
        };
        parts.shiftable = vec![
            ShiftableLoad { power_max: window(10, 60), power_sum: Watts(3_000_000) },
            ShiftableLoad { power_max: window(50, 96), power_sum: Watts(6_000_001) },
        ];
        let problem = Horizon::new(parts).unwrap();
        let (_, verified) = proven(&problem);
        assert!(verified.gap.0 * 100_000 <= verified.cost.0, "{verified:?}");
    }
}
