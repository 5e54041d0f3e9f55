//! Solving and checking where something starts and stops, and showing the answer as that of a plain horizon.

use super::{GAP_PPB, Outcome, Solved, Status, VerifyError, gap_share, milliseconds};
use crate::{
    error::StudyError,
    study::Study,
    translate::{Committed, Translated},
};
use gridaccord_dispatch::horizon::{
    Horizon, HorizonAnswer, HorizonCertificate, HorizonSolution, HorizonVerified, Ramp,
    commitment::{CommitmentAnswer, Plant, appraise},
};
use gridaccord_model::Watts;
use gridaccord_solver::{CommitmentOutcome, propose_commitment};
use std::time::Instant;

/// Intervals named where there is no dispatch.
const REASONS_MAX: usize = 3;

/// Solves.
pub(super) fn solve(
    study: &Study,
    translated: &Translated,
    committed: &Committed,
) -> Result<Outcome, StudyError> {
    let start = Instant::now();
    let outcome = propose_commitment(&committed.problem, GAP_PPB);
    let solve_ms = milliseconds(start);
    let (answer, reason, programs) = match outcome {
        CommitmentOutcome::Solved { answer, reason, programs, .. } => (answer, reason, programs),
        CommitmentOutcome::Infeasible { missing, .. } => {
            return Ok(Outcome::Infeasible {
                reason: short(study, translated, &missing),
                solve_ms,
            });
        }
        CommitmentOutcome::NotFound { missing, refusal } => {
            let mut reason = "not found: ".to_owned();
            if missing.is_empty() {
                reason.push_str("no commitment that was tried keeps all limits");
            } else {
                reason.push_str(&short(study, translated, &missing));
            }
            if let Some(refusal) = refusal {
                reason = format!("{reason}: {refusal}");
            }
            return Ok(Outcome::Stopped { reason, solve_ms });
        }
        CommitmentOutcome::TooLarge => {
            let reason = "the problem is too large for what it states".to_owned();
            return Ok(Outcome::Stopped { reason, solve_ms });
        }
    };
    let start = Instant::now();
    let (horizon, verified) = verify(translated, committed, &answer)
        .map_err(|error| StudyError::Certificate(error.to_string()))?;
    let check_ms = milliseconds(start);
    let is_optimal = gap_share(&verified) <= super::GAP_OPTIMAL;
    Ok(Outcome::Solved(Box::new(Solved {
        horizon,
        answer: shown(translated, committed, &answer),
        energies: Vec::new(),
        verified,
        status: if is_optimal { Status::Optimal } else { Status::Feasible },
        reason,
        solve_ms,
        check_ms,
        iterations: programs,
        commitment: Some(answer),
    })))
}

/// Checks an answer; returns the horizon it comes to, for display.
pub(super) fn verify(
    translated: &Translated,
    committed: &Committed,
    answer: &CommitmentAnswer,
) -> Result<(Horizon, HorizonVerified), VerifyError> {
    let verified = appraise(&committed.problem, answer)?;
    Ok((closed(translated, committed, answer)?, verified.facts))
}

/// Which intervals lack what, in the study's units.
fn short(study: &Study, translated: &Translated, missing: &[(usize, i64)]) -> String {
    let each = missing.iter().take(REASONS_MAX).map(|(t, power)| {
        let watts = power.abs() as f64 / translated.scale.power();
        let label = &study.labels[*t];
        if *power > 0 {
            format!("interval {t} ({label}): supply is {watts} W short of demand")
        } else {
            format!("interval {t} ({label}): {watts} W too much, whatever is turned down")
        }
    });
    let mut text = each.collect::<Vec<_>>().join("; ");
    let more = missing.len().saturating_sub(REASONS_MAX);
    if more > 0 {
        text.push_str(&format!("; and {more} more intervals"));
    }
    text
}

/// Which plant a part of the translation is, if it is one.
fn plant_of(translated: &Translated, committed: &Committed, part: usize) -> Option<usize> {
    let generator = translated.parts[part].generator;
    committed.plants.iter().position(|position| *position == generator)
}

/// Whether a part has its price in an interval.
fn is_here(translated: &Translated, plant: &Plant, part: usize, interval: usize) -> bool {
    translated.horizon.parts().generators[part].linear == plant.linear[interval]
}

/// The horizon with the commitment as it is: what is off has no power.
fn closed(
    translated: &Translated,
    committed: &Committed,
    answer: &CommitmentAnswer,
) -> Result<Horizon, StudyError> {
    let mut parts = translated.horizon.parts().clone();
    for number in 0..parts.generators.len() {
        let Some(plant) = plant_of(translated, committed, number) else { continue };
        let (exact, on) = (&committed.problem.plants()[plant], &answer.solution.on[plant]);
        let generator = &mut parts.generators[number];
        for (interval, is_on) in on.iter().enumerate() {
            let is_here = *is_on && is_here(translated, exact, number, interval);
            let limit = |power: Watts| if is_here { power } else { Watts(0) };
            generator.power_min[interval] = limit(exact.power_min[interval]);
            generator.power_max[interval] = limit(exact.power_max[interval]);
        }
        let initial = |ramp: Option<Watts>| ramp.unwrap_or_default();
        generator.ramp = exact.ramp.map(|ramp| Ramp {
            up: ramp.up,
            down: ramp.down,
            initial: initial(ramp.initial),
        });
    }
    for (storage, begin) in parts.storages.iter_mut().zip(&answer.solution.begin) {
        storage.initial_uwh = *begin;
    }
    Horizon::new(parts).map_err(StudyError::Limits)
}

/// The answer in the form of a plain horizon's, for display; its multipliers are those of the commitment as it is.
fn shown(
    translated: &Translated,
    committed: &Committed,
    answer: &CommitmentAnswer,
) -> HorizonAnswer {
    let (solution, given) = (&answer.solution, &answer.certificate.given);
    let count = translated.parts.len();
    let (mut generators, mut ramp) = (Vec::with_capacity(count), Vec::with_capacity(count));
    let mut base = solution.base.generators.iter();
    for number in 0..count {
        if let Some(plant) = plant_of(translated, committed, number) {
            let exact = &committed.problem.plants()[plant];
            let powers = solution.plants[plant].iter().enumerate();
            let powers = powers.map(|(interval, power)| {
                if is_here(translated, exact, number, interval) { *power } else { Watts(0) }
            });
            generators.push(powers.collect());
            ramp.push(given.ramp[plant].clone());
        } else {
            generators
                .push(base.next().expect("one list for each of the base's generators").clone());
            ramp.push(Vec::new());
        }
    }
    HorizonAnswer {
        solution: HorizonSolution {
            generators,
            charge: solution.charge.clone(),
            discharge: solution.discharge.clone(),
            ..solution.base.clone()
        },
        certificate: HorizonCertificate {
            ramp,
            energy: given.energy.clone(),
            ..given.base.clone()
        },
    }
}
