//! Horizons that roll on: from the answer before, to an answer that the exact check accepts as it does a cold one.

use super::{
    generator::{campus, window},
    horizon::proven,
};
use gridaccord_dispatch::horizon::{Horizon, HorizonAnswer, ShiftableLoad, check};
use gridaccord_model::{CarbonMg, Watts};
use gridaccord_solver::{HorizonOutcome, propose_horizon_warm};

const GAMMA: u32 = 1_000_000;

fn warm(problem: &Horizon, before: &HorizonAnswer) -> (HorizonAnswer, i128, i128) {
    match propose_horizon_warm(problem, GAMMA, before, 1) {
        HorizonOutcome::Optimal { answer, verified, .. } => {
            assert_eq!(check(problem, &answer, GAMMA).as_ref(), Ok(&verified));
            (*answer, verified.bound.0, verified.cost.0)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn rolling_on_proves_what_starting_over_proves() {
    for (resources, quadratic) in [(4, false), (9, true), (25, false)] {
        let long = campus(5, resources, 100, quadratic);
        let mut problem = window(&long, 0, 96, None);
        let (mut answer, _) = proven(&problem);
        for start in 1..=4 {
            problem = window(&long, start, 96, Some((&problem, &answer)));
            let (_, cold) = proven(&problem);
            let (rolled, bound, cost) = warm(&problem, &answer);
            assert!(bound <= cold.cost.0 && cold.bound.0 <= cost, "{bound} {cost} {cold:?}");
            assert!((cost - bound) * 100_000 <= cost, "{bound} {cost}");
            assert_eq!(warm(&problem, &answer).0, rolled, "depends on nothing else");
            answer = rolled;
        }
    }
}

#[test]
fn shiftable_load_and_caps_roll_on_as_well() {
    let mut parts = campus(5, 9, 49, true).parts().clone();
    parts.shiftable =
        vec![ShiftableLoad { power_max: vec![Watts(300_000); 49], power_sum: Watts(300_000 * 10) }];
    let mean = parts.demand.iter().map(|power| power.0).sum::<i64>() / 49;
    parts.carbon.operating.interval = vec![CarbonMg(mean * 300 / 12); 49];
    parts.carbon.operating.excess_interval = CarbonMg(mean);
    parts.carbon.operating.excess_horizon = CarbonMg(mean * 10);
    let long = Horizon::new(parts).unwrap();
    let first = cut(&long, 0);
    let (answer, _) = proven(&first);
    let next = cut(&long, 1);
    let (_, cold) = proven(&next);
    let (_, bound, cost) = warm(&next, &answer);
    assert!(bound <= cold.cost.0 && cold.bound.0 <= cost, "{bound} {cost} {cold:?}");
}

/// 48 intervals from `start`, with their series of loads and caps.
fn cut(long: &Horizon, start: usize) -> Horizon {
    let mut parts = long.parts().clone();
    let series = |list: &mut Vec<Watts>| *list = list[start..start + 48].to_vec();
    parts.shiftable.iter_mut().for_each(|load| series(&mut load.power_max));
    let caps = &mut parts.carbon.operating.interval;
    *caps = caps[start..start + 48].to_vec();
    // The window checks what it makes, so loads and caps go in once the rest is cut.
    let (shiftable, carbon) = (std::mem::take(&mut parts.shiftable), parts.carbon.clone());
    let mut plain = long.parts().clone();
    plain.shiftable.clear();
    plain.carbon.operating.interval.clear();
    let mut parts = window(&Horizon::new(plain).unwrap(), start, 48, None).parts().clone();
    (parts.shiftable, parts.carbon) = (shiftable, carbon);
    Horizon::new(parts).unwrap()
}

#[test]
fn an_answer_of_another_shape_is_no_obstacle() {
    let problem = campus(5, 9, 24, false);
    let (answer, verified) = proven(&problem);
    for before in [HorizonAnswer::default(), proven(&campus(5, 14, 24, false)).0] {
        let outcome = propose_horizon_warm(&problem, GAMMA, &before, 1);
        let HorizonOutcome::Optimal { answer: found, verified: facts, .. } = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!((&*found, &facts), (&answer, &verified));
    }
}
