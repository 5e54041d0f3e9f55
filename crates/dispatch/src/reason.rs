//! Why a resource stands where it stands: one word per resource, derived from the answer alone.

use crate::{Answer, Problem, State};
use gridaccord_model::Watts;

/// Why a resource has its set point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// It sets the price: the next watt up or down costs the price.
    Marginal,
    /// Its last watt costs less than the price; it has no more to give.
    UpperLimit,
    /// Its next watt costs more than the price; it cannot go lower.
    LowerLimit,
    /// Its first watt costs more than the price: φ, retreat.
    OutOfMerit,
    /// The price lies between two of its blocks.
    BetweenBlocks,
    /// It has no power to offer.
    Unavailable,
    /// A tie, and the campus is an island.
    Island,
    /// Its set point is not what the price calls for; the allowed gap covers that.
    WithinGap,
}

impl Reason {
    /// For tables and files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Marginal => "marginal",
            Self::UpperLimit => "at upper limit",
            Self::LowerLimit => "at lower limit",
            Self::OutOfMerit => "out of merit",
            Self::BetweenBlocks => "between blocks",
            Self::Unavailable => "unavailable",
            Self::Island => "island",
            Self::WithinGap => "within gap",
        }
    }
}

impl core::fmt::Display for Reason {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One reason per resource, in the problem's order. For an answer that [`check`](crate::check()) accepts.
#[must_use]
pub fn reasons(problem: &Problem, answer: &Answer) -> Vec<Reason> {
    let price = answer.certificate.price.0;
    let powers = &answer.solution.set_points;
    problem
        .resources()
        .iter()
        .zip(problem.curves())
        .zip(powers)
        .map(|((resource, curve), Watts(power))| {
            let (lo, hi) = (curve.lo(), curve.hi());
            let (least, greatest) = curve.response(price);
            if resource.default_state == State::Unity && problem.setting().island {
                Reason::Island
            } else if (lo, hi) == (0, 0) {
                Reason::Unavailable
            } else if !(least..=greatest).contains(power) {
                Reason::WithinGap
            } else if least < greatest {
                Reason::Marginal
            } else if *power == hi {
                Reason::UpperLimit
            } else if *power == lo {
                if lo == 0 { Reason::OutOfMerit } else { Reason::LowerLimit }
            } else if curve.is_bent() {
                Reason::Marginal
            } else {
                Reason::BetweenBlocks
            }
        })
        .collect()
}
