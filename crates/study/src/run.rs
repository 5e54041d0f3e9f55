//! Solving a study, and checking an answer to it; the check trusts nothing but the study.
//!
//! A generator whose first interval is free of its ramp has no power before it. The problem wants one, so the search
//! moves it until it no longer matters, and the check takes the first power itself and demands a multiplier of
//! zero: then the bound does not know it, and the proof is that of the free problem. A cyclic storage likewise
//! begins with some energy; `cycle` takes off the bound what another beginning could have saved.

mod commitment;
mod cycle;

use crate::{error::StudyError, study::Study, translate::Translated};
use gridaccord_dispatch::horizon::{
    Horizon, HorizonAnswer, HorizonRefusal, HorizonVerified, appraise,
    commitment::CommitmentAnswer, pin,
};
use gridaccord_model::Watts;
use gridaccord_solver::{
    Explanation, GapReason, HorizonOutcome, Limit, OpenEnds, Relaxation, StopReason,
    propose_horizon, propose_open,
};
use std::{fmt::Write as _, time::Instant};

/// The gap asked of the solver, ppb of the turnover.
const GAP_PPB: u32 = 10_000;
/// The gap asked where the general interior point, which then tries too, takes less than a second.
const GAP_SMALL_PPB: u32 = 300;
/// Resources times intervals of such a study.
const SMALL: usize = 3_000;
/// Largest gap of an answer that is called optimal, as a share of the turnover.
pub const GAP_OPTIMAL: f64 = 1e-5;
/// Relaxations named where there is no dispatch.
const REASONS_MAX: usize = 3;
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

/// An answer to a study: to the problem, and where its open ends are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// To the problem with its ends.
    pub exact: HorizonAnswer,
    /// With what each cyclic storage begins and ends, µWh of the problem.
    pub energies: Vec<i64>,
    /// To the problem of unit commitment, where the study is one; the others are then empty.
    pub commitment: Option<Box<CommitmentAnswer>>,
}

/// A checked answer.
#[derive(Clone, Debug)]
pub struct Solved {
    /// The problem it answers, with the starts below.
    pub horizon: Horizon,
    /// The answer.
    pub answer: HorizonAnswer,
    /// With what each cyclic storage begins and ends, µWh of the problem.
    pub energies: Vec<i64>,
    /// What the exact check found.
    pub verified: HorizonVerified,
    /// How good that is.
    pub status: Status,
    /// Why the gap is no smaller, where the solver knows.
    pub reason: Option<GapReason>,
    /// Time of the search, ms.
    pub solve_ms: f64,
    /// Time of the last check, ms.
    pub check_ms: f64,
    /// Iterations of the interior point, all solves together; of a commitment the programs solved.
    pub iterations: usize,
    /// The answer to the problem of unit commitment, where the study is one; horizon and answer above then show it.
    pub commitment: Option<Box<CommitmentAnswer>>,
}

impl Solved {
    /// The answer as somebody else would check it.
    #[must_use]
    pub fn claim(&self) -> Answer {
        if self.commitment.is_some() {
            let commitment = self.commitment.clone();
            return Answer { exact: HorizonAnswer::default(), energies: Vec::new(), commitment };
        }
        Answer { exact: self.answer.clone(), energies: self.energies.clone(), commitment: None }
    }

    /// Energy that a storage takes in from outside in an interval, less what it spills, µWh of the problem.
    #[must_use]
    pub fn inflow_uwh(&self, translated: &Translated, storage: usize, interval: usize) -> i64 {
        let Some((committed, answer)) = translated.committed.as_ref().zip(self.commitment.as_ref())
        else {
            return 0;
        };
        let inflow = committed.problem.reservoirs()[storage].inflow_uwh[interval];
        inflow - answer.solution.spill[storage][interval]
    }
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
pub fn solve(study: &Study, translated: &Translated) -> Result<Outcome, StudyError> {
    if let Some(committed) = &translated.committed {
        return commitment::solve(study, translated, committed);
    }
    let start = Instant::now();
    let mut search = Search { translated, iterations: 0, best: None, reason: None };
    let end = search.run()?;
    let solve_ms = milliseconds(start);
    let Some(best) = search.best else {
        return Ok(match end {
            End::Infeasible(explanation) => {
                Outcome::Infeasible { reason: reason(study, translated, &explanation), solve_ms }
            }
            End::Stopped(reason) => Outcome::Stopped { reason, solve_ms },
        });
    };
    let start = Instant::now();
    let (horizon, verified) =
        verify(translated, &best).map_err(|error| StudyError::Certificate(error.to_string()))?;
    let check_ms = milliseconds(start);
    let is_optimal = gap_share(&verified) <= GAP_OPTIMAL;
    Ok(Outcome::Solved(Box::new(Solved {
        horizon,
        answer: best.exact,
        energies: best.energies,
        verified,
        status: if is_optimal { Status::Optimal } else { Status::Feasible },
        reason: search.reason,
        solve_ms,
        check_ms,
        iterations: search.iterations,
        commitment: None,
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
    answer: &Answer,
) -> Result<(Horizon, HorizonVerified), VerifyError> {
    if let Some(committed) = &translated.committed {
        let Some(own) = &answer.commitment else {
            let message = "the study is one of unit commitment, the answer is not";
            return Err(StudyError::Certificate(message.to_owned()).into());
        };
        return commitment::verify(translated, committed, own);
    }
    let Answer { exact: answer, energies, .. } = answer;
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
    let horizon = translated.with_ends(&starts, energies)?;
    let mut verified = appraise(&horizon, answer)?;
    let open = translated.cyclic.iter().map(|number| cycle::widening(&horizon, answer, *number));
    let open: i128 = open.sum();
    verified.bound.0 -= open;
    verified.gap.0 += open;
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
    best: Option<Answer>,
    reason: Option<GapReason>,
}

/// Why there is no answer.
enum End {
    Infeasible(Explanation),
    Stopped(String),
}

impl Search<'_> {
    /// Keeps the best answer; what it returns matters only where there is none.
    fn run(&mut self) -> Result<End, StudyError> {
        let ended = || End::Stopped("no ends were found that keep all limits".to_owned());
        if !self.translated.cyclic.is_empty() {
            return Ok(self.open().map_or_else(|end| end, |()| ended()));
        }
        if self.translated.free_starts.is_empty() {
            return Ok(match self.propose(&self.translated.horizon) {
                Ok(answer) => {
                    self.best =
                        Some(Answer { exact: answer, energies: Vec::new(), commitment: None });
                    ended()
                }
                Err(end) => end,
            });
        }
        let mut starts = match self.without_ramps()? {
            Ok(starts) => starts,
            // What is infeasible without ramps is so with them.
            Err(end) => return Ok(end),
        };
        let mut least = f64::INFINITY;
        for _ in 0..STARTS_MAX {
            let mut answer = match self.propose(&self.translated.with_ends(&starts, &[])?) {
                Ok(answer) => answer,
                // Of this start only.
                Err(End::Infeasible(_)) => break,
                Err(stopped) => return Ok(stopped),
            };
            let moved = self.firsts(&answer);
            for position in &self.translated.free_starts {
                answer.certificate.ramp[*position][0] = 0;
            }
            pin(&self.translated.horizon, &mut answer.certificate);
            let answer = Answer { exact: answer, energies: Vec::new(), commitment: None };
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
        Ok(ended())
    }

    /// With cyclic storages all open ends are found at once; the solver does not look for a proof that there are none.
    fn open(&mut self) -> Result<(), End> {
        let Translated { horizon, cyclic, free_starts, .. } = self.translated;
        let ends = OpenEnds { cyclic, free: free_starts };
        let found = propose_open(horizon, &ends).map_err(|refusal| {
            let reason = refusal.map_or(StopReason::TooLarge, |_| StopReason::NoWholeWatts);
            End::Stopped(stopped(reason, refusal))
        })?;
        let storages = &found.horizon.parts().storages;
        let energies = cyclic.iter().map(|number| storages[*number].initial_uwh).collect();
        self.reason = (!found.converged).then_some(GapReason::NotConverged);
        self.best = Some(Answer { exact: found.answer, energies, commitment: None });
        Ok(())
    }

    fn propose(&mut self, horizon: &Horizon) -> Result<HorizonAnswer, End> {
        let parts = horizon.parts();
        let resources = parts.generators.len() + parts.storages.len() + 1;
        let is_small = resources * horizon.intervals() <= SMALL;
        match propose_horizon(horizon, if is_small { GAP_SMALL_PPB } else { GAP_PPB }) {
            HorizonOutcome::Optimal { answer, iterations, .. } => {
                self.iterations += iterations;
                self.reason = None;
                Ok(*answer)
            }
            HorizonOutcome::Feasible { answer, reason, .. } => {
                self.reason = Some(reason);
                Ok(*answer)
            }
            HorizonOutcome::Infeasible { explanation, .. } => Err(End::Infeasible(explanation)),
            HorizonOutcome::Stopped { reason, refusal } => {
                Err(End::Stopped(stopped(reason, refusal)))
            }
        }
    }

    /// Powers of the first interval of the generators whose start is free.
    fn firsts(&self, answer: &HorizonAnswer) -> Vec<i64> {
        let positions = self.translated.free_starts.iter();
        positions.map(|position| answer.solution.generators[*position][0].0).collect()
    }

    /// First powers where no free generator had a ramp at all: a good place to start from.
    fn without_ramps(&mut self) -> Result<Result<Vec<i64>, End>, StudyError> {
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
        Ok(self.propose(&wide).map(|answer| self.firsts(&answer)))
    }
}

fn stopped(reason: StopReason, refusal: Option<HorizonRefusal>) -> String {
    let text = match reason {
        StopReason::NotConverged => "the interior point ended before its tolerance",
        StopReason::NoWholeWatts => "no whole quanta near the optimum keep all limits",
        StopReason::TooLarge => "the problem is too large for what it states",
    };
    refusal.map_or_else(|| text.to_owned(), |refusal| format!("{text}: {refusal}"))
}

/// What would have to give way, in the study's names and units.
fn reason(study: &Study, translated: &Translated, explanation: &Explanation) -> String {
    let each = explanation.relaxations.iter().take(REASONS_MAX);
    let mut text =
        each.map(|one| relaxation(study, translated, one)).collect::<Vec<_>>().join("; ");
    let more = explanation.relaxations.len().saturating_sub(REASONS_MAX);
    if text.is_empty() {
        "no dispatch keeps all limits; which to relax was not found".clone_into(&mut text);
    } else if more > 0 {
        let _ = write!(text, "; and {more} more");
    }
    if !explanation.confirmed && !explanation.relaxations.is_empty() {
        text.push_str("; that this is enough was not confirmed");
    }
    text
}

fn relaxation(study: &Study, translated: &Translated, relaxation: &Relaxation) -> String {
    let scale = &translated.scale;
    let amount = relaxation.amount as f64;
    let watts = amount / scale.power();
    let at = relaxation.interval.map_or_else(String::new, |t| format!("interval {t}: "));
    let name = |number: usize| &study.generators[translated.parts[number].generator].name;
    let what = match relaxation.limit {
        Limit::Demand => {
            format!("supply is {watts} W short of demand; shed or import {watts} W more")
        }
        Limit::LeastPower => format!(
            "least powers exceed what demand and export take by {watts} W; lower them or export {watts} W more"
        ),
        Limit::Contingency => format!(
            "the loss of the largest source is {watts} W short of cover; let {watts} W more be shed"
        ),
        Limit::Reserve => format!("reserve is {watts} W short"),
        Limit::Carbon(boundary) => {
            let kg = amount / scale.carbon_mass();
            format!("the cap on {boundary} carbon is {kg} kg too low")
        }
        Limit::Ramp(number) => {
            format!("the ramp limit of `{}` is {watts} W too low", name(number))
        }
        Limit::FinalEnergy(number) => format!(
            "`{}` ends {} Wh below its final energy",
            study.storages[number].name,
            amount / scale.energy()
        ),
    };
    at + &what
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}
