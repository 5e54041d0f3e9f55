//! How an answer for a single interval is spoilt.

use super::Vice;
use gridaccord_dispatch::{Answer, Problem, ShadowPrice, check};
use gridaccord_model::{Watts, codec::Bounded};

pub(super) fn spoilt(
    problem: &Problem,
    vice: Vice,
    honest: &[u8],
    gap_ppb: u32,
) -> Option<Vec<u8>> {
    let honest = Answer::decode(honest).ok()?;
    let answer = match vice {
        Vice::Worse => worse(&honest, problem, gap_ppb),
        Vice::ForgedPrice => {
            let mut forged = honest;
            forged.certificate.price = ShadowPrice(forged.certificate.price.0 + 1);
            forged
        }
        _ => shifted(&honest, 0, 1),
    };
    Some(answer.to_bytes().to_vec())
}

/// The answer with one set point moved.
fn shifted(answer: &Answer, position: usize, by_w: i64) -> Answer {
    let mut set_points = answer.solution.set_points.to_vec();
    if let Some(power) = set_points.get_mut(position) {
        *power = Watts(power.0 + by_w);
    }
    let mut moved = answer.clone();
    moved.solution.set_points = Bounded::new(set_points).expect("as many as before");
    moved
}

/// Moves power from a resource that has some to one that has room: balanced, and no cheaper. As much as still
/// passes the check, so that it costs the most that is not refused; one watt where nothing passes.
fn worse(answer: &Answer, problem: &Problem, gap_ppb: u32) -> Answer {
    let range = |position: usize| problem.range(position);
    let set_points = &answer.solution.set_points;
    let positions = 0..set_points.len();
    let giver =
        positions.clone().find(|at| range(*at).is_some_and(|(min, _)| set_points[*at] > min));
    let taker = positions
        .rev()
        .find(|at| Some(*at) != giver && range(*at).is_some_and(|(_, max)| set_points[*at] < max));
    match (giver, taker) {
        (Some(giver), Some(taker)) => {
            let room = range(taker).map_or(0, |(_, max)| max.0 - set_points[taker].0);
            let spare = range(giver).map_or(0, |(min, _)| set_points[giver].0 - min.0);
            let moved = |by_w: i64| shifted(&shifted(answer, giver, -by_w), taker, by_w);
            let halves = std::iter::successors(Some(room.min(spare)), |by_w| {
                (*by_w > 1).then_some(by_w / 2)
            });
            let passes = |by_w: &i64| check(problem, &moved(*by_w), gap_ppb).is_ok();
            moved(halves.clone().find(passes).unwrap_or(1))
        }
        _ => answer.clone(),
    }
}
