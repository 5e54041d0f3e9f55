//! Open ends: storages that end as they began, wherever that is best, and generators that may begin anywhere.
//!
//! The problem knows neither; both are one entry in the program. What the optimum chooses is then written into the
//! problem, so that rounding and the exact check see an ordinary one.

use super::{
    super::{
        open::OpenEnds,
        point::Point,
        scaled::{POWER_UNIT, energy_unit},
    },
    Model, Rank,
    program::{Column, TO_ROUND},
};
use gridaccord_dispatch::horizon::Horizon;
use gridaccord_model::Watts;

/// The optimum with open ends, the problem whose ends are its, and whether the iteration converged.
pub(in super::super) fn solve(
    problem: &Horizon,
    ends: &OpenEnds<'_>,
    margin: f64,
) -> Option<(Horizon, Point, bool)> {
    let parts = problem.parts();
    let mut model = Model::new(problem, margin);
    for number in ends.cyclic {
        let index = model.storages.get(*number)?;
        let (row, last) = (*index.energy.first()?, *index.stored.last()?);
        let keep = 1.0 - parts.storages[*number].loss_ppb as f64 * 1e-9;
        model.program.columns[last as usize].lo = 0.0;
        model.program.rows[row as usize].right = 0.0;
        let known =
            model.program.entries.iter_mut().find(|(at, column, _)| (*at, *column) == (row, last));
        match known {
            // With one interval its end is its beginning.
            Some((.., coefficient)) => *coefficient -= keep,
            None => model.program.entry(row, last, -keep),
        }
    }
    for number in ends.free {
        let row = *model.generators.get(*number)?.ramp.first()?;
        let most = parts.generators[*number].power_max.first()?.0 as f64 / POWER_UNIT;
        model.resources += 1;
        // Whatever the first change is over its limit.
        let column = Column { lo: -2.0 * most, hi: 2.0 * most, ..Column::default() };
        let over = model.program.column(model.key(Rank::Local, 0), column);
        model.program.entry(row, over, -1.0);
    }
    let solved = model.program.solve(TO_ROUND)?;
    let point = model.point(problem, &solved);
    Some((closed(problem, ends, &point)?, point, solved.converged))
}

/// The problem with the ends of a point.
fn closed(problem: &Horizon, ends: &OpenEnds<'_>, point: &Point) -> Option<Horizon> {
    let mut parts = problem.parts().clone();
    for number in ends.cyclic {
        let storage = &mut parts.storages[*number];
        let end = (point.stored[*number].last()? * energy_unit(problem)).floor() as i64;
        storage.initial_uwh = end.clamp(0, storage.capacity_uwh);
        storage.final_min_uwh = storage.initial_uwh;
    }
    for number in ends.free {
        let generator = &mut parts.generators[*number];
        let first = (point.generators[*number].first()? * POWER_UNIT).round() as i64;
        let (lo, hi) = (generator.power_min.first()?.0, generator.power_max.first()?.0);
        if let Some(ramp) = &mut generator.ramp {
            ramp.initial = Watts(first.clamp(lo, hi));
        }
    }
    Horizon::new(parts).ok()
}
