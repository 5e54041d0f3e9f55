//! Proofs that there is no dispatch: found in floating point, checked in integers before they leave.

use super::{
    STRUCTURED_MARGINS, StopReason,
    explain::{Explanation, Limit, Relaxation, relaxed},
    general::elastic,
    point::Point,
    repair, scaled, structured,
};
use gridaccord_dispatch::horizon::{
    CarbonLimit, CarbonMultipliers, Horizon, HorizonCertificate, HorizonInfeasible, MULTIPLIER_MAX,
    check_feasible, check_infeasible,
};

/// Multiplier of a single interval's balance; a proof has no size of its own.
const WEIGHT: i64 = 1 << 30;
/// Largest multiplier of an elastic optimum in currency per MWh, well within what a certificate may state.
const LARGEST: f64 = (MULTIPLIER_MAX >> 22) as f64;
/// Price of moving a kWh through a storage in the elastic problem.
const WEAR: f64 = 1e-3;
/// A relaxed problem only has to be feasible.
const CONFIRM_PPB: u32 = u32::MAX;

pub(super) type Proof = (HorizonCertificate, HorizonInfeasible, Explanation);

/// Intervals in which all supply together is below demand, or all least powers above it: one multiplier proves it.
pub(super) fn of_single_intervals(problem: &Horizon) -> Option<Proof> {
    let mut relaxations: Vec<Relaxation> = (0..problem.intervals())
        .filter_map(|t| {
            let (least, greatest) = supply_range(problem, t);
            let demand = problem.parts().demand[t].0;
            let relaxation = |limit, amount| Relaxation { limit, interval: Some(t), amount };
            if greatest < demand {
                Some(relaxation(Limit::Demand, demand - greatest))
            } else if least > demand {
                Some(relaxation(Limit::LeastPower, least - demand))
            } else {
                None
            }
        })
        .collect();
    relaxations.sort_by_key(|relaxation| std::cmp::Reverse(relaxation.amount));
    let worst = *relaxations.first()?;
    let mut certificate = zero(problem);
    let sign = if worst.limit == Limit::Demand { 1 } else { -1 };
    certificate.price[worst.interval?] = sign * WEIGHT;
    let proof = check_infeasible(problem, &certificate).ok()?;
    // What one interval lacks may not be all that is wrong; the elastic problem knows more, if it is not too large.
    let explanation = match elastic::relax(problem, WEAR) {
        Some((point, found)) if !found.is_empty() => explained(problem, Some(&point), found),
        _ => explained(problem, None, relaxations),
    };
    Some((certificate, proof, explanation))
}

/// Multipliers of the cheapest relaxation.
pub(super) fn of_elastic(problem: &Horizon) -> Result<Proof, StopReason> {
    let (point, relaxations) = elastic::relax(problem, WEAR).ok_or(StopReason::TooLarge)?;
    if relaxations.is_empty() {
        return Err(StopReason::NoWholeWatts);
    }
    let proven = proven(problem, &point).or_else(|| {
        let (point, _) = elastic::relax(problem, 0.0)?;
        proven(problem, &point)
    });
    let (certificate, proof) = proven.ok_or(StopReason::NotConverged)?;
    Ok((certificate, proof, explained(problem, Some(&point), relaxations)))
}

fn proven(problem: &Horizon, point: &Point) -> Option<(HorizonCertificate, HorizonInfeasible)> {
    let mut point = point.clone();
    point.enlarge(LARGEST);
    let certificate = repair::certificate(&point);
    let proof = check_infeasible(problem, &certificate).ok()?;
    Some((certificate, proof))
}

/// Tries the relaxed problem: the elastic dispatch itself in whole watts, else a dispatch of its own.
fn explained(
    problem: &Horizon,
    point: Option<&Point>,
    relaxations: Vec<Relaxation>,
) -> Explanation {
    let confirmed = relaxed(problem, &relaxations).is_some_and(|fixed| {
        let rounded =
            |point| check_feasible(&fixed, &repair::answer(&fixed, point).solution).is_ok();
        point.is_some_and(rounded)
            || scaled::fits(&fixed)
                && structured(&fixed, CONFIRM_PPB, STRUCTURED_MARGINS[0]).0.verdict.is_ok()
    });
    Explanation { relaxations, confirmed }
}

/// Least and greatest supply of one interval, whatever is stored and wherever ramps stand.
fn supply_range(problem: &Horizon, t: usize) -> (i64, i64) {
    let parts = problem.parts();
    let (mut least, mut greatest) = (-parts.tie.export_max[t].0, parts.tie.import_max[t].0);
    for generator in &parts.generators {
        least += generator.power_min[t].0;
        greatest += generator.power_max[t].0;
    }
    for storage in &parts.storages {
        least -= storage.charge_max.0;
        greatest += storage.discharge_max.0;
    }
    least -= parts.shiftable.iter().map(|load| load.power_max[t].0).sum::<i64>();
    greatest += parts.tiers.iter().map(|tier| tier.power[t].0).sum::<i64>();
    (least, greatest)
}

/// No multipliers, in the problem's shape.
fn zero(problem: &Horizon) -> HorizonCertificate {
    let parts = problem.parts();
    let none = vec![0; problem.intervals()];
    let carbon = |limit: &CarbonLimit| CarbonMultipliers {
        interval: vec![0; limit.interval.len()],
        ..CarbonMultipliers::default()
    };
    HorizonCertificate {
        price: none.clone(),
        reserve: none.clone(),
        carbon: [carbon(&parts.carbon.operating), carbon(&parts.carbon.whole)],
        peak: none.clone(),
        ramp: parts
            .generators
            .iter()
            .map(|generator| if generator.ramp.is_some() { none.clone() } else { Vec::new() })
            .collect(),
        loss: parts.contingency.as_ref().map_or(Vec::new(), |contingency| {
            let sources = parts.generators.len() + parts.storages.len();
            vec![none.clone(); sources + usize::from(contingency.is_tie_lost)]
        }),
        hold: parts
            .contingency
            .as_ref()
            .map_or(Vec::new(), |_| vec![none.clone(); parts.storages.len()]),
        energy: vec![none; parts.storages.len()],
        shift: vec![0; parts.shiftable.len()],
    }
}
