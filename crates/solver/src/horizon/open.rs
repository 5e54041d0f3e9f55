//! Horizons whose ends are part of the search.

use super::{MARGINS, general, repair};
use gridaccord_dispatch::horizon::{Horizon, HorizonAnswer, HorizonRefusal, appraise, pin};

/// Which ends of a problem are open.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenEnds<'a> {
    /// Storages that end as they began, wherever that is best; their initial and final energy are not read.
    pub cyclic: &'a [usize],
    /// Generators whose ramp does not limit the first interval; their initial power is not read.
    pub free: &'a [usize],
}

/// An answer, and the problem with the ends that it chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenAnswer {
    /// The problem, its ends closed.
    pub horizon: Horizon,
    /// The answer to it, which passed the exact check but for its gap.
    pub answer: HorizonAnswer,
    /// Whether the interior point converged.
    pub converged: bool,
}

/// Solves a horizon with open ends. The multiplier on a free generator's first ramp is zero.
///
/// # Errors
/// What the check said of the last attempt, if there was one.
pub fn propose_open(
    problem: &Horizon,
    ends: &OpenEnds<'_>,
) -> Result<OpenAnswer, Option<HorizonRefusal>> {
    let mut refusal = None;
    for margin in MARGINS {
        let Some((horizon, point, converged)) = general::open::solve(problem, ends, margin) else {
            break;
        };
        let mut answer = repair::answer(&horizon, &point);
        for number in ends.free {
            if let Some(first) = answer.certificate.ramp[*number].first_mut() {
                *first = 0;
            }
        }
        pin(&horizon, &mut answer.certificate);
        match appraise(&horizon, &answer) {
            Ok(_) => return Ok(OpenAnswer { horizon, answer, converged }),
            Err(found) => refusal = Some(found),
        }
        if !converged {
            break;
        }
    }
    Err(refusal)
}
