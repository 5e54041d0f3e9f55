//! The gap of an answer falls apart into what each member loses; its encoding is small.

use super::{
    generator::campus,
    horizon::{proven, tie_only, watts},
};
use gridaccord_dispatch::horizon::{
    Contingency, Generator, Horizon, HorizonAnswer, LostOpportunity, Ramp, ShiftableLoad, appraise,
    lost_opportunity,
};
use gridaccord_model::{Picos, Watts};

/// Parts add up to the gap, and none is negative beyond rounding of the shared rest.
fn split(problem: &Horizon, answer: &HorizonAnswer) -> LostOpportunity {
    let gap = appraise(problem, answer).unwrap().gap;
    let lost = lost_opportunity(problem, answer).unwrap();
    let members = [&lost.generators, &lost.storages, &lost.tiers, &lost.shiftable];
    let sum: i128 = members.into_iter().flatten().map(|part| part.0).sum();
    assert_eq!(sum + lost.tie.0 + lost.shared.0, gap.0);
    assert!(members.into_iter().flatten().chain([&lost.tie, &lost.shared]).all(|part| part.0 >= 0));
    lost
}

#[test]
fn parts_of_a_day_with_everything_add_up_to_its_gap() {
    let mut parts = campus(8, 10, 36, true).parts().clone();
    parts.tie.demand_charge = 5_000_000;
    parts.shiftable =
        vec![ShiftableLoad { power_max: vec![Watts(100_000); 36], power_sum: Watts(1_000_000) }];
    parts.contingency = Some(Contingency {
        hold_s: 600,
        is_tie_lost: true,
        shed: parts.demand.iter().map(|power| Watts(power.0 / 3)).collect(),
    });
    let problem = Horizon::new(parts).unwrap();
    let (answer, _) = proven(&problem);
    split(&problem, &answer);
}

#[test]
fn whoever_is_moved_off_its_best_loses_the_difference() {
    let mut parts = tie_only(&[1_000_000; 2], &[100_000; 2]);
    let ramp = Ramp { up: Watts(900_000), down: Watts(900_000), initial: Watts(500_000) };
    let generator = Generator {
        power_min: watts(&[0; 2]),
        power_max: watts(&[600_000; 2]),
        quadratic: 0,
        linear: 40_000_000,
        ramp: Some(ramp),
        carbon_mg_per_kwh: 0,
        embodied_mg_per_kwh: 0,
    };
    parts.generators = vec![generator.clone(), Generator { linear: 90_000_000, ..generator }];
    let problem = Horizon::new(parts).unwrap();
    let (best, _) = proven(&problem);
    let idle = split(&problem, &best);
    // The second, at 90, takes 1 kW from the first, at 40, while the price stays: both lose against it.
    let mut worse = best.clone();
    worse.solution.generators[0][1].0 -= 1_000;
    worse.solution.generators[1][1].0 += 1_000;
    let lost = split(&problem, &worse);
    let price = worse.certificate.price[1];
    let hours = 3_600 * 1_000;
    let first = Picos((i128::from(price) / 2 - 40_000_000) * hours - idle.generators[0].0);
    assert!((lost.generators[0].0 - first.0).abs() < hours * 100, "{lost:?}, {first:?}");
}

#[test]
fn an_answer_takes_few_bytes_and_comes_back_whole() {
    let problem = campus(7, 60, 288, true);
    let (answer, verified) = proven(&problem);
    let bytes = answer.to_bytes().unwrap();
    // 1,000 resources by 288 intervals are to fit 2 MB: 7 bytes for each.
    assert!(bytes.len() < 60 * 288 * 7, "{} bytes", bytes.len());
    let decoded = HorizonAnswer::decode(&bytes).unwrap();
    assert_eq!(decoded, answer);
    assert_eq!(appraise(&problem, &decoded), Ok(verified));
}
