//! The problem of one interval of a scenario: suppliers in retreat, ties at unity, no island.

use crate::{Problem, ProblemError, Resource, Setting, State};
use gridaccord_model::scenario::{IntervalParts, Scenario};

/// Builds the problem from what the members of `scenario` offer and need in `interval`.
///
/// # Errors
/// Those of [`Problem::new`]; only a limit on counts or on the interval's length can be broken, since the
/// scenario's offers and needs have passed their rules.
pub fn problem(scenario: &Scenario, interval: u32) -> Result<Problem, ProblemError> {
    let IntervalParts { interval, price_cap, offers, ties, needs } = scenario.problem(interval);
    let with = |default_state| move |(member, offer)| Resource { member, default_state, offer };
    let resources = offers
        .into_iter()
        .map(with(State::Retreat))
        .chain(ties.into_iter().map(with(State::Unity)))
        .collect();
    Problem::new(
        Setting { duration_s: interval.duration_s, price_cap, island: false },
        resources,
        needs,
    )
}
