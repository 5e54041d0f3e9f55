//! Solving a study, and checking an answer to it; the check trusts nothing but the study.
//!
//! A generator whose first interval is free of its ramp has no power before it. The problem wants one, so the search
//! moves it until it no longer matters, and the check takes the first power itself and demands a multiplier of
//! zero: then the bound does not know it, and the proof is that of the free problem.

use crate::{error::StudyError, translate::Translated};
use gridaccord_dispatch::horizon::{
    Horizon, HorizonAnswer, HorizonRefusal, HorizonVerified, check, pin,
};
use gridaccord_model::Watts;
use gridaccord_solver::{HorizonOutcome, propose_horizon};
use std::time::Instant;

/// Whatever is feasible is shown, with its gap: the whole turnover.
const GAP_ANY_PPB: u32 = 1_000_000_000;
/// Largest gap of an answer that is called optimal, as a share of the turnover.
pub const GAP_OPTIMAL: f64 = 1e-5;
/// Most moves of the powers before a free first interval.
const STARTS_MAX: usize = 40;

/// How good an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The proven gap is at most [`GAP_OPTIMAL`] of the turnover.
    Optimal,
    /// Every limit holds; the proven gap is larger.
    Feasible,
}

/// A checked answer.
#[derive(Clone, Debug)]
pub struct Solved {
    /// The problem it answers, with the starts below.
    pub horizon: Horizon,
    /// The answer.
    pub answer: HorizonAnswer,
    /// What the exact check found.
    pub verified: HorizonVerified,
    /// How good that is.
    pub status: Status,
    /// Time of the search, ms.
    pub solve_ms: f64,
    /// Time of the last check, ms.
    pub check_ms: f64,
    /// Iterations of the interior point, all solves together.
    pub iterations: usize,
}

/// What came of a study.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// A dispatch.
    Solved(Box<Solved>),
    /// There is none, and why.
    Infeasible {
        /// Interval, limit and by how much.
        reason: String,
        /// Time until this was known, ms.
        solve_ms: f64,
    },
    /// None was found; whether there is one is not known.
    Stopped {
        /// What the check said of the best attempt.
        reason: String,
        /// Time of the search, ms.
        solve_ms: f64,
    },
}

/// Solves a study.
///
/// # Errors
/// Only if the problem's own limits are left, which a translated study does not.
pub fn solve(translated: &Translated) -> Result<Outcome, StudyError> {
    let start = Instant::now();
    if let Some(reason) = shortfall(translated) {
        return Ok(Outcome::Infeasible { reason, solve_ms: milliseconds(start) });
    }
    let mut search = Search { translated, iterations: 0, best: None, refusal: None };
    search.run()?;
    let solve_ms = milliseconds(start);
    let Some(best) = search.best else {
        let reason = search.refusal.map_or_else(String::new, |refusal| refusal.to_string());
        return Ok(Outcome::Stopped { reason, solve_ms });
    };
    let start = Instant::now();
    let (horizon, verified) =
        verify(translated, &best).map_err(|error| StudyError::Certificate(error.to_string()))?;
    let check_ms = milliseconds(start);
    let is_optimal = gap_share(&verified) <= GAP_OPTIMAL;
    Ok(Outcome::Solved(Box::new(Solved {
        horizon,
        answer: best,
        verified,
        status: if is_optimal { Status::Optimal } else { Status::Feasible },
        solve_ms,
        check_ms,
        iterations: search.iterations,
    })))
}

/// Why an answer to a study is refused.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It has another shape than the problem, or a start is impossible.
    #[error(transparent)]
    Study(#[from] StudyError),
    /// A generator whose first interval is free of its ramp has a multiplier there.
    #[error("generator {0} has a multiplier on a ramp into the first interval, which is free")]
    FreeStart(usize),
    /// The exact check refuses.
    #[error("rule K{}: {_0}", _0.rule())]
    Refused(#[from] HorizonRefusal),
}

/// Checks an answer in whole numbers; returns the problem with its starts and the facts.
///
/// # Errors
/// The first rule broken.
pub fn verify(
    translated: &Translated,
    answer: &HorizonAnswer,
) -> Result<(Horizon, HorizonVerified), VerifyError> {
    let mut starts = Vec::with_capacity(translated.free_starts.len());
    for position in &translated.free_starts {
        let first = |list: Option<&Vec<_>>| list.and_then(|list| list.first().copied());
        let power = first(answer.solution.generators.get(*position));
        let power: Watts = power.ok_or(HorizonRefusal::Shape("generators"))?;
        if answer.certificate.ramp.get(*position).and_then(|ramp| ramp.first()) != Some(&0) {
            return Err(VerifyError::FreeStart(*position));
        }
        starts.push(power.0);
    }
    let horizon = translated.with_starts(&starts)?;
    let verified = check(&horizon, answer, GAP_ANY_PPB)?;
    Ok((horizon, verified))
}

/// Gap as a share of the turnover.
#[must_use]
pub fn gap_share(verified: &HorizonVerified) -> f64 {
    let turnover = verified.turnover.0 as f64;
    if verified.gap.0 <= 0 { 0.0 } else { verified.gap.0 as f64 / turnover.max(1.0) }
}

struct Search<'a> {
    translated: &'a Translated,
    iterations: usize,
    best: Option<HorizonAnswer>,
    refusal: Option<HorizonRefusal>,
}

impl Search<'_> {
    fn run(&mut self) -> Result<(), StudyError> {
        if self.translated.free_starts.is_empty() {
            self.best = self.propose(&self.translated.horizon.clone());
            return Ok(());
        }
        let Some(mut starts) = self.without_ramps()? else { return Ok(()) };
        let mut least = f64::INFINITY;
        for _ in 0..STARTS_MAX {
            let Some(mut answer) = self.propose(&self.translated.with_starts(&starts)?) else {
                break;
            };
            let moved: Vec<i64> = self
                .translated
                .free_starts
                .iter()
                .map(|position| answer.solution.generators[*position][0].0)
                .collect();
            for position in &self.translated.free_starts {
                answer.certificate.ramp[*position][0] = 0;
            }
            pin(&self.translated.horizon, &mut answer.certificate);
            if let Ok((_, verified)) = verify(self.translated, &answer) {
                let gap = gap_share(&verified);
                if gap < least {
                    least = gap;
                    self.best = Some(answer);
                }
            }
            if least <= 1e-7 || moved == starts {
                break;
            }
            starts = moved;
        }
        Ok(())
    }

    fn propose(&mut self, horizon: &Horizon) -> Option<HorizonAnswer> {
        match propose_horizon(horizon, GAP_ANY_PPB) {
            HorizonOutcome::Proven { answer, iterations, .. } => {
                self.iterations += iterations;
                Some(*answer)
            }
            HorizonOutcome::Stopped { refusal, .. } => {
                self.refusal.get_or_insert(refusal);
                None
            }
        }
    }

    /// First powers where no free generator had a ramp at all: a good place to start from.
    fn without_ramps(&mut self) -> Result<Option<Vec<i64>>, StudyError> {
        let mut parts = self.translated.horizon.parts().clone();
        // Without a ramp limit a generator would provide no reserve; a limit as wide as its power binds nothing.
        for position in &self.translated.free_starts {
            let generator = &mut parts.generators[*position];
            let most = generator.power_max.iter().copied().max().unwrap_or_default();
            if let Some(ramp) = &mut generator.ramp {
                (ramp.up, ramp.down) = (most, most);
            }
        }
        let wide = Horizon::new(parts).map_err(StudyError::Limits)?;
        let answer = self.propose(&wide);
        Ok(answer.map(|answer| {
            let positions = self.translated.free_starts.iter();
            positions.map(|position| answer.solution.generators[*position][0].0).collect()
        }))
    }
}

/// An interval that no dispatch can balance, whatever the others do.
fn shortfall(translated: &Translated) -> Option<String> {
    let horizon = &translated.horizon;
    let parts = horizon.parts();
    let watts = |quanta: i64| quanta as f64 / translated.scale.power();
    (0..horizon.intervals()).find_map(|t| {
        let sum = |powers: &mut dyn Iterator<Item = i64>| powers.fold(0, i64::saturating_add);
        let most = sum(&mut parts.generators.iter().map(|part| part.power_max[t].0))
            + sum(&mut parts.storages.iter().map(|part| part.discharge_max.0))
            + sum(&mut parts.tiers.iter().map(|part| part.power[t].0))
            + parts.tie.import_max[t].0;
        let least = sum(&mut parts.generators.iter().map(|part| part.power_min[t].0))
            - sum(&mut parts.storages.iter().map(|part| part.charge_max.0))
            - parts.tie.export_max[t].0;
        let demand = parts.demand[t].0;
        if demand > most {
            return Some(format!(
                "interval {t}: demand of {} W exceeds everything that can be supplied or shed by {} W",
                watts(demand),
                watts(demand - most)
            ));
        }
        (demand < least).then(|| {
            format!(
                "interval {t}: what must be supplied exceeds demand, charging and export together by {} W",
                watts(least - demand)
            )
        })
    })
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}
