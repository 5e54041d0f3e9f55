//! Unit commitment: one row per rule, every tampering refused, bounds below every dispatch, and the states' program
//! against enumeration.

use gridaccord_dispatch::horizon::{
    CarbonLimits, Generator, HORIZON_ANSWER_SIZE_MAX, Horizon, HorizonCertificate,
    HorizonCodecError, HorizonError, HorizonParts, HorizonRefusal, HorizonSolution, Ramp, Storage,
    Tie,
    commitment::{
        BRANCHES_MAX, Branch, Commitment, CommitmentAnswer, CommitmentCertificate,
        CommitmentMultipliers, CommitmentSolution, Cycling, Held, Plant, PlantRamp, Reservoir,
        appraise, check, check_feasible, check_infeasible, lower_bound,
    },
};
use gridaccord_model::{Picos, Price, Watts};
use proptest::{collection::vec, prelude::*};

const T: usize = 4;
/// Most that a plant of the small problems runs with, W.
const POWER_MAX: i64 = 3;

fn watts(powers: &[i64]) -> Vec<Watts> {
    powers.iter().map(|power| Watts(*power)).collect()
}

fn base(demand: &[i64]) -> HorizonParts {
    let size = demand.len();
    HorizonParts {
        duration_s: 3_600,
        demand: watts(demand),
        reserve: watts(&vec![0; size]),
        tie: Tie {
            import_max: watts(&vec![1_000; size]),
            export_max: watts(&vec![0; size]),
            tariff: vec![Price(300_000); size],
            feed_in: vec![Price(0); size],
            carbon_mg_per_kwh: vec![0; size],
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

fn plant(size: usize) -> Plant {
    Plant {
        power_min: watts(&vec![200; size]),
        power_max: watts(&vec![600; size]),
        quadratic: 0,
        linear: vec![100_000_000; size],
        standing: 0,
        ramp: Some(PlantRamp { up: Watts(300), down: Watts(300), initial: None }),
        cycling: Some(Cycling {
            start_cost: 50_000_000,
            stop_cost: 10_000_000,
            on_min: 2,
            off_min: 2,
            was_on: false,
            held_on: 0,
            held_off: 0,
            start: (Watts(0), Watts(400)),
            stop: (Watts(0), Watts(400)),
        }),
        carbon_mg_per_kwh: 0,
        embodied_mg_per_kwh: 0,
    }
}

fn lake(size: usize) -> Reservoir {
    Reservoir {
        storage: Storage {
            charge_max: Watts(100),
            discharge_max: Watts(100),
            charge_ppb: 1_000_000_000,
            discharge_ppb: 1_000_000_000,
            loss_ppb: 0,
            capacity_uwh: 1_000_000_000,
            initial_uwh: 0,
            final_min_uwh: 0,
            wear: 0,
            embodied_mg_per_kwh: 0,
        },
        inflow_uwh: vec![50_000_000; size],
        spill_max_uwh: vec![50_000_000; size],
        energy_min_uwh: vec![0; size],
        energy_max_uwh: vec![1_000_000_000; size],
        is_cyclic: false,
    }
}

fn problem() -> Commitment {
    let base = Horizon::new(base(&[300, 700, 800, 300])).unwrap();
    Commitment::new(base, vec![plant(T)], vec![lake(T)]).unwrap()
}

fn multipliers(price: &[i64], ramp: &[i64], energy: &[i64]) -> CommitmentMultipliers {
    let none = vec![0; price.len()];
    CommitmentMultipliers {
        base: HorizonCertificate {
            price: price.to_vec(),
            reserve: none.clone(),
            peak: none,
            ..HorizonCertificate::default()
        },
        ramp: vec![ramp.to_vec()],
        energy: vec![energy.to_vec()],
    }
}

fn zero() -> CommitmentMultipliers {
    multipliers(&[0; T], &[0; T], &[0; T])
}

/// Off, on, on, off; the lake gives what flows in.
fn answer() -> CommitmentAnswer {
    CommitmentAnswer {
        solution: CommitmentSolution {
            base: HorizonSolution {
                import: watts(&[250, 250, 350, 250]),
                export: watts(&[0; T]),
                ..HorizonSolution::default()
            },
            on: vec![vec![false, true, true, false]],
            plants: vec![watts(&[0, 400, 400, 0])],
            charge: vec![watts(&[0; T])],
            discharge: vec![watts(&[50; T])],
            spill: vec![vec![0; T]],
            begin: vec![0],
        },
        certificate: CommitmentCertificate {
            given: zero(),
            branches: vec![Branch { held: vec![], multipliers: zero() }],
        },
    }
}

#[test]
fn cost_counts_starts_and_stops_once() {
    let verified = appraise(&problem(), &answer()).unwrap();
    // Import 1,100 Wh at 0.3 and 800 Wh at 0.1 per kWh, a start at 0.05 and a stop at 0.01.
    let micro = 1_100 * 300 + 800 * 100 + 50_000 + 10_000;
    assert_eq!(verified.facts.cost, Picos(micro * 3_600_000_000));
    assert!(verified.facts.bound.0 <= 0 && verified.gap_given >= Picos(0));
}

#[test]
fn every_tampering_is_refused() {
    type Change = fn(&mut CommitmentAnswer);
    let plant_at = |interval| HorizonRefusal::Plant { number: 0, interval };
    let state_at = |interval| HorizonRefusal::State { number: 0, interval };
    let bounds = |part, interval| HorizonRefusal::OutsideBounds { part, number: 0, interval };
    let rows: [(Change, HorizonRefusal); 23] = [
        (|a| a.solution.on[0].truncate(3), HorizonRefusal::Shape("states of plants")),
        (|a| a.solution.plants.clear(), HorizonRefusal::Shape("plants")),
        (|a| a.solution.spill[0].push(0), HorizonRefusal::Shape("spills")),
        (|a| a.solution.begin.clear(), HorizonRefusal::Shape("beginnings")),
        (|a| a.certificate.given.ramp.clear(), HorizonRefusal::Shape("ramp multipliers")),
        (|a| a.certificate.given.energy[0].clear(), HorizonRefusal::Shape("energy multipliers")),
        (|a| a.certificate.given.ramp[0][0] = 1, HorizonRefusal::Multiplier("ramps")),
        (
            |a| a.certificate.given.energy[0][1] = i64::MAX,
            HorizonRefusal::Multiplier("stored energy"),
        ),
        (
            |a| a.certificate.branches[0].multipliers.base.price[2] = i64::MIN,
            HorizonRefusal::Multiplier("prices"),
        ),
        (|a| a.certificate.branches.clear(), HorizonRefusal::Branches),
        (|a| a.solution.on[0][2] = false, state_at(2)),
        (|a| a.solution.on[0][0] = true, plant_at(0)),
        (|a| a.solution.on[0] = vec![false, false, true, false], state_at(3)),
        (|a| a.solution.plants[0][1].0 = 401, plant_at(1)),
        (|a| a.solution.plants[0][2].0 = 199, plant_at(2)),
        (|a| a.solution.plants[0][0].0 = 1, plant_at(0)),
        (
            |a| a.solution.discharge[0][0].0 = 51,
            HorizonRefusal::Stored { number: 0, interval: 0, stored_uwh: -1_000_000 },
        ),
        (|a| a.solution.discharge[0][0].0 = 101, bounds("reservoir", 0)),
        (|a| a.solution.charge[0][1].0 = 1, HorizonRefusal::BothWays { number: 0, interval: 1 }),
        (|a| a.solution.spill[0][1] = -1, bounds("reservoir", 1)),
        (
            |a| a.solution.spill[0][1] = 1,
            HorizonRefusal::Stored { number: 0, interval: 1, stored_uwh: -1 },
        ),
        (
            |a| a.solution.begin[0] = 1,
            HorizonRefusal::Stored { number: 0, interval: 0, stored_uwh: 1 },
        ),
        (
            |a| a.solution.base.import[3].0 += 1,
            HorizonRefusal::Unbalanced { interval: 3, excess: Watts(1) },
        ),
    ];
    for (number, (change, expected)) in rows.into_iter().enumerate() {
        let mut tampered = answer();
        change(&mut tampered);
        assert_eq!(appraise(&problem(), &tampered), Err(expected), "row {number}");
    }
    assert!(matches!(check(&problem(), &answer(), 1_000), Err(HorizonRefusal::GapTooLarge { .. })));
    assert!(check(&problem(), &answer(), u32::MAX).is_ok());
}

#[test]
fn ramps_and_a_known_power_before_are_kept() {
    let mut parts = plant(T);
    parts.cycling = Some(Cycling { was_on: true, ..parts.cycling.unwrap() });
    parts.ramp = Some(PlantRamp { up: Watts(100), down: Watts(150), initial: Some(Watts(450)) });
    let base = Horizon::new(base(&[600, 600, 600, 600])).unwrap();
    let problem = Commitment::new(base, vec![parts], vec![]).unwrap();
    let said = |on: [bool; T], powers: [i64; T]| {
        let import = powers.map(|power| 600 - power);
        let solution = CommitmentSolution {
            base: HorizonSolution {
                import: watts(&import),
                export: watts(&[0; T]),
                ..HorizonSolution::default()
            },
            on: vec![on.to_vec()],
            plants: vec![watts(&powers)],
            ..CommitmentSolution::default()
        };
        check_feasible(&problem, &solution)
    };
    let refused = |interval| Err(HorizonRefusal::Plant { number: 0, interval });
    assert_eq!(said([true; T], [550, 600, 450, 550]), Ok(()));
    assert_eq!(said([true; T], [551, 600, 450, 550]), refused(0));
    assert_eq!(said([true; T], [550, 600, 449, 549]), refused(2));
    assert_eq!(said([true; T], [550, 600, 450, 551]), refused(3));
    // 450 W is above what it may stop from.
    assert_eq!(said([false; T], [0; T]), refused(0));
    assert_eq!(said([true, true, false, false], [500, 400, 0, 0]), Ok(()));
    assert_eq!(said([true, true, false, false], [500, 401, 0, 0]), refused(1));
}

#[test]
fn parts_have_limits() {
    let out = |part, field| HorizonError::OutOfRange { part, field };
    let at = |change: &dyn Fn(&mut HorizonParts, &mut Plant, &mut Reservoir)| {
        let (mut parts, mut one, mut store) = (base(&[0; T]), plant(T), lake(T));
        change(&mut parts, &mut one, &mut store);
        Commitment::new(Horizon::new(parts).unwrap(), vec![one], vec![store]).unwrap_err()
    };
    let generator = Generator {
        power_min: watts(&[0; T]),
        power_max: watts(&[0; T]),
        quadratic: 0,
        linear: 0,
        ramp: Some(Ramp { up: Watts(0), down: Watts(0), initial: Watts(0) }),
        carbon_mg_per_kwh: 0,
        embodied_mg_per_kwh: 0,
    };
    assert_eq!(
        at(&|parts, _, _| parts.generators.push(generator.clone())),
        HorizonError::MemoryInBase
    );
    assert_eq!(
        at(&|parts, _, store| parts.storages.push(store.storage)),
        HorizonError::MemoryInBase
    );
    assert_eq!(at(&|_, one, _| one.linear.push(0)), HorizonError::SeriesLength { part: "a plant" });
    assert_eq!(at(&|_, one, _| one.standing = -1), out("a plant", "standing cost"));
    assert_eq!(at(&|_, one, _| one.linear[1] = i64::MAX), out("a plant", "linear coefficient"));
    assert_eq!(
        at(&|_, one, _| one.cycling.as_mut().unwrap().start_cost = i64::MAX),
        out("a plant", "cost of a start")
    );
    assert_eq!(
        at(&|_, one, _| one.cycling.as_mut().unwrap().on_min = u32::MAX),
        out("a plant", "least time on")
    );
    assert_eq!(at(&|_, _, store| store.inflow_uwh[0] = -1), out("a reservoir", "inflow"));
    assert_eq!(
        at(&|_, _, store| store.energy_min_uwh[0] = i64::MAX),
        out("a reservoir", "least energy")
    );
    assert_eq!(
        at(&|_, _, store| {
            store.is_cyclic = true;
            store.storage.initial_uwh = 1;
        }),
        out("a reservoir", "end that is cyclic")
    );
}

#[test]
fn branches_must_leave_no_case_out() {
    let held = |interval, is_on| Held { plant: 0, interval, is_on };
    let said = |cases: &[&[Held]]| {
        let mut answer = answer();
        answer.certificate.branches =
            cases.iter().map(|held| Branch { held: held.to_vec(), multipliers: zero() }).collect();
        appraise(&problem(), &answer).map(|_| ())
    };
    let no = Err(HorizonRefusal::Branches);
    assert_eq!(said(&[&[held(0, false)], &[held(0, true)]]), Ok(()));
    assert_eq!(
        said(&[
            &[held(0, false), held(2, false)],
            &[held(0, false), held(2, true)],
            &[held(0, true)]
        ]),
        Ok(())
    );
    assert_eq!(said(&[&[held(0, true)], &[held(0, false)]]), no);
    assert_eq!(said(&[&[held(0, false)]]), no);
    assert_eq!(said(&[&[held(0, true)]]), no);
    assert_eq!(said(&[&[held(0, false)], &[held(1, true)]]), no);
    assert_eq!(said(&[&[], &[held(0, true)]]), no);
    assert_eq!(said(&[&[held(0, false), held(2, false)], &[held(0, true)]]), no);
    assert_eq!(said(&[&[held(T, false)], &[held(T, true)]]), no);
    let mut many = answer();
    many.certificate.branches = vec![many.certificate.branches[0].clone(); BRANCHES_MAX + 1];
    assert_eq!(appraise(&problem(), &many).map(|_| ()), no);
}

/// Multipliers of the small problems' shape: one plant, no reservoir.
fn own(problem: &Commitment, price: &[i64], ramp: &[i64]) -> CommitmentMultipliers {
    let has_ramp = problem.plants()[0].ramp.is_some();
    let ramp = if has_ramp { [&[0][..], ramp].concat() } else { vec![] };
    CommitmentMultipliers { energy: vec![], ..multipliers(price, &ramp, &[]) }
}

/// Every schedule of four intervals that the plant's states allow.
fn schedules(problem: &Commitment) -> Vec<Vec<bool>> {
    (0..1u32 << T)
        .map(|bits| (0..T).map(|t| (bits >> t) & 1 == 1).collect::<Vec<bool>>())
        .filter(|on| {
            let held = on.iter().enumerate();
            let held = held.map(|(interval, is_on)| Held { plant: 0, interval, is_on: *is_on });
            let multipliers = own(problem, &[0; T], &[0; T - 1]);
            lower_bound(problem, &Branch { held: held.collect(), multipliers }).unwrap().is_some()
        })
        .collect()
}

/// Least cost over all schedules and powers in whole watts, the tie taking the rest; `None` where there is no dispatch.
fn enumerated(problem: &Commitment, demand: &[i64]) -> Option<i128> {
    let none = own(problem, &[0; T], &[0; T - 1]);
    let mut least: Option<i128> = None;
    for on in schedules(problem) {
        let choices: Vec<Vec<i64>> = on
            .iter()
            .map(|is_on| if *is_on { (0..=POWER_MAX).collect() } else { vec![0] })
            .collect();
        let mut powers = vec![0; T];
        let mut stack = vec![(0usize, 0usize)];
        while let Some((t, choice)) = stack.pop() {
            let Some(power) = choices[t].get(choice) else { continue };
            stack.push((t, choice + 1));
            powers[t] = *power;
            if t + 1 < T {
                stack.push((t + 1, 0));
                continue;
            }
            let import: Vec<i64> = demand.iter().zip(&powers).map(|(d, p)| d - p).collect();
            if import.iter().any(|power| *power < 0) {
                continue;
            }
            let answer = CommitmentAnswer {
                solution: CommitmentSolution {
                    base: HorizonSolution {
                        import: watts(&import),
                        export: watts(&[0; T]),
                        ..HorizonSolution::default()
                    },
                    on: vec![on.clone()],
                    plants: vec![watts(&powers)],
                    ..CommitmentSolution::default()
                },
                certificate: CommitmentCertificate {
                    given: none.clone(),
                    branches: vec![Branch { held: vec![], multipliers: none.clone() }],
                },
            };
            if let Ok(verified) = appraise(problem, &answer) {
                let cost = verified.facts.cost.0;
                least = Some(least.map_or(cost, |least| least.min(cost)));
            }
        }
    }
    least
}

/// A plant of a few watts.
fn small_plant() -> impl Strategy<Value = Plant> {
    let cycling = (
        (0i64..4, 0i64..4, 0u32..4, 0u32..4),
        (any::<bool>(), 0u32..2, 0u32..2),
        (0i64..3, 1i64..5),
        (0i64..3, 1i64..5),
    );
    let ramp = proptest::option::of((0i64..3, 0i64..3, proptest::option::of(0i64..5)));
    let powers = (vec(0i64..3, T), vec(1i64..4, T), vec(-2i64..8, T));
    (cycling, ramp, powers, 0i64..3, 0i64..2).prop_map(
        |((costs, times, start, stop), ramp, (least, most, linear), quadratic, standing)| Plant {
            power_min: watts(&least),
            power_max: watts(&most),
            quadratic: quadratic * 20_000_000,
            linear: linear.iter().map(|price| price * 50_000_000).collect(),
            standing: standing * 70_000_000,
            ramp: ramp.map(|(up, down, initial)| PlantRamp {
                up: Watts(up),
                down: Watts(down),
                initial: initial.map(Watts),
            }),
            cycling: Some(Cycling {
                start_cost: costs.0 * 100_000,
                stop_cost: costs.1 * 100_000,
                on_min: costs.2,
                off_min: costs.3,
                was_on: times.0,
                held_on: times.1,
                held_off: times.2,
                start: (Watts(start.0), Watts(start.1)),
                stop: (Watts(stop.0), Watts(stop.1)),
            }),
            carbon_mg_per_kwh: 0,
            embodied_mg_per_kwh: 0,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_multipliers_bound_above_the_cheapest_dispatch(
        one in small_plant(),
        demand in vec(0i64..5, T),
        price in vec(-1_000_000_000i64..1_500_000_000, T),
        ramp in vec(-400_000_000i64..400_000_000, T - 1),
        fixed in (0..T, any::<bool>()),
    ) {
        let base = Horizon::new(base(&demand)).unwrap();
        let problem = Commitment::new(base, vec![one], vec![]).unwrap();
        let own = own(&problem, &price, &ramp);
        let bound_of = |own: &CommitmentMultipliers, held: Vec<Held>| {
            lower_bound(&problem, &Branch { held, multipliers: own.clone() }).unwrap()
        };
        let whole = bound_of(&own, vec![]);
        // One of the two cases is the cheapest of the whole.
        let split: Vec<Option<Picos>> = [false, true]
            .map(|is_on| bound_of(&own, vec![Held { plant: 0, interval: fixed.0, is_on }]))
            .to_vec();
        let least_split = split.iter().flatten().min().copied();
        prop_assert_eq!(whole, least_split);
        let held = vec![
            Held { plant: 0, interval: fixed.0, is_on: fixed.1 },
            Held { plant: 0, interval: fixed.0, is_on: !fixed.1 },
        ];
        prop_assert_eq!(bound_of(&own, held), None);
        if let Some(cost) = enumerated(&problem, &demand) {
            prop_assert!(whole.is_some_and(|bound| bound.0 <= cost), "{:?} {}", whole, cost);
            // Nothing proves that there is no dispatch where there is one.
            let branches = [Branch { held: vec![], multipliers: own }];
            prop_assert!(check_infeasible(&problem, &branches).is_err());
        }
    }

    #[test]
    fn with_no_multiplier_on_a_single_plants_powers_the_bound_is_its_least_cost(
        one in small_plant(),
        price in vec(0i64..1_000_000_000, T),
    ) {
        // Without ramps the states' program has nothing to relax: over all schedules and powers it is exact.
        let one = Plant { ramp: None, ..one };
        let base = Horizon::new(base(&[0; T])).unwrap();
        let problem = Commitment::new(base, vec![one.clone()], vec![]).unwrap();
        let multipliers = own(&problem, &price, &[]);
        let bound = lower_bound(&problem, &Branch { held: vec![], multipliers }).unwrap();
        // What the tie adds at these prices: import and export at their least.
        let tie: i128 = price.iter().map(|price| (600_000_000 - i128::from(*price)).min(0) * 1_000 * 3_600).sum();
        let cycling = one.cycling.unwrap();
        let mut least: Option<i128> = None;
        for on in schedules(&problem) {
            let mut before = cycling.was_on;
            let mut cost: Option<i128> = Some(0);
            for t in 0..T {
                let cycle = match (before, on[t]) {
                    (false, true) => cycling.start_cost,
                    (true, false) => cycling.stop_cost,
                    _ => 0,
                };
                let mut here = i128::from(cycle) * 7_200_000;
                if on[t] {
                    let range = one.range(t, !before, on.get(t + 1) == Some(&false));
                    let powers = range.map(|(lo, hi)| lo..=hi).into_iter().flatten();
                    let value = |power: i64| {
                        i128::from(one.quadratic * power * power)
                            + i128::from((2 * one.linear[t] - price[t]) * power)
                            + 2 * i128::from(one.standing)
                    };
                    match powers.map(value).min() {
                        Some(value) => here += value * 3_600,
                        None => cost = None,
                    }
                }
                cost = cost.map(|cost| cost + here);
                before = on[t];
            }
            if let Some(cost) = cost {
                least = Some(least.map_or(cost, |least| least.min(cost)));
            }
        }
        match (bound, least) {
            (Some(bound), Some(least)) => {
                let exact = (least + tie).div_euclid(2);
                prop_assert!(bound.0 <= exact && exact - bound.0 <= 8, "{} {}", bound.0, exact);
            }
            (bound, least) => prop_assert_eq!(bound.is_none(), least.is_none()),
        }
    }

    #[test]
    fn mutated_bytes_are_refused_or_are_the_encoding_of_what_they_say(
        at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>(),
    ) {
        let mut bytes = answer().to_bytes().unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if cut {
            bytes.truncate(at);
        }
        if let Ok(decoded) = CommitmentAnswer::decode(&bytes) {
            prop_assert_eq!(decoded.to_bytes().unwrap(), bytes);
        }
    }

    #[test]
    fn noise_is_refused_or_canonical(mut bytes in vec(any::<u8>(), 0..200)) {
        if let Some(first) = bytes.first_mut() {
            *first = 0x81;
        }
        if let Ok(decoded) = CommitmentAnswer::decode(&bytes) {
            prop_assert_eq!(decoded.to_bytes().unwrap(), bytes);
        }
    }
}

#[test]
fn bytes_come_back_whole_and_nothing_follows() {
    let answer = answer();
    let bytes = answer.to_bytes().unwrap();
    assert_eq!(CommitmentAnswer::decode(&bytes), Ok(answer));
    let mut longer = bytes.clone();
    longer.push(0);
    assert_eq!(CommitmentAnswer::decode(&longer), Err(HorizonCodecError::Trailing));
    assert_eq!(
        CommitmentAnswer::decode(&bytes[..bytes.len() - 1]),
        Err(HorizonCodecError::Truncated)
    );
    assert_eq!(CommitmentAnswer::decode(&[]), Err(HorizonCodecError::Version));
    let large = vec![0x81; HORIZON_ANSWER_SIZE_MAX + 1];
    assert_eq!(CommitmentAnswer::decode(&large), Err(HorizonCodecError::TooLarge));
    // An answer of a plain horizon is none of a commitment.
    let plain = gridaccord_dispatch::horizon::HorizonAnswer::default().to_bytes().unwrap();
    assert_eq!(CommitmentAnswer::decode(&plain), Err(HorizonCodecError::Version));
}
