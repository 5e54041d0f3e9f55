//! What a drawn builder is to solve, of either kind of gate, and the bytes of its answer.

use gridaccord_dispatch::{
    Outcome, Problem,
    horizon::{HorizonAnswer, HorizonBook, HorizonCertificate, HorizonSolution, check},
};
use gridaccord_ledger::command::{PIECE_SIZE_MAX, PIECES_MAX};
use gridaccord_solver::HorizonOutcome;

/// Gap that a solver is asked for over a horizon, ppb: a tenth of what counts as equal where nothing else is said.
const GAP_SOUGHT_PPB: u32 = 10_000;

/// A closed gate's problem.
#[derive(Clone, Debug)]
pub enum GateProblem {
    /// Of one interval.
    Interval(Box<Problem>),
    /// Of a horizon.
    Horizon(Box<HorizonBook>),
}

impl GateProblem {
    /// The best answer the solver finds, or its proof that there is no dispatch; `None` where it finds neither, or none
    /// whose gap would be accepted.
    ///
    /// It follows from the problem alone, so a builder that was restarted finds the same one again.
    #[must_use]
    pub fn solve(&self, gap_ppb: u32) -> Option<Vec<u8>> {
        match self {
            Self::Interval(problem) => match gridaccord_solver::propose(problem) {
                Outcome::Optimal(answer) => Some(answer.to_bytes().to_vec()),
                Outcome::Infeasible(_) => None,
            },
            Self::Horizon(book) => solve_horizon(book, gap_ppb),
        }
    }
}

fn solve_horizon(book: &HorizonBook, gap_ppb: u32) -> Option<Vec<u8>> {
    let problem = book.problem();
    let sought_ppb = GAP_SOUGHT_PPB.min(gap_ppb);
    let answer = match gridaccord_solver::propose_horizon(problem, sought_ppb) {
        HorizonOutcome::Optimal { answer, .. } | HorizonOutcome::Feasible { answer, .. } => {
            check(problem, &answer, gap_ppb).ok()?;
            *answer
        }
        HorizonOutcome::Infeasible { certificate, .. } => without_dispatch(*certificate),
        HorizonOutcome::Stopped { .. } => return None,
    };
    let most = PIECE_SIZE_MAX.saturating_mul(usize::from(PIECES_MAX));
    answer.to_bytes().ok().filter(|bytes| bytes.len() <= most)
}

/// How an answer states that there is no dispatch: it has none, its multipliers are the proof.
fn without_dispatch(certificate: HorizonCertificate) -> HorizonAnswer {
    HorizonAnswer { solution: HorizonSolution::default(), certificate }
}
