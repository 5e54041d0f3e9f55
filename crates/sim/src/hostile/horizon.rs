//! How an answer over a horizon is spoilt.

use super::Vice;
use gridaccord_dispatch::horizon::{HorizonAnswer, HorizonBook, HorizonSolution, check};
use gridaccord_model::Watts;

pub(super) fn spoilt(
    book: &HorizonBook,
    vice: Vice,
    honest: &[u8],
    gap_ppb: u32,
) -> Option<Vec<u8>> {
    let mut answer = HorizonAnswer::decode(honest).ok()?;
    match vice {
        Vice::Worse => answer = worse(book, &answer, gap_ppb),
        // Energy for nothing: a bound that proves nothing of the cost.
        Vice::ForgedPrice => answer.certificate.price.iter_mut().for_each(|price| *price = 0),
        Vice::DeniesDispatch => answer.solution = HorizonSolution::default(),
        _ => add(answer.solution.import.first_mut(), 1),
    }
    answer.to_bytes().ok()
}

fn add(power: Option<&mut Watts>, by_w: i64) {
    if let Some(power) = power {
        power.0 += by_w;
    }
}

/// Imports more than it must in the first interval and runs a generator that much lower: balanced, and no cheaper. As
/// much as still passes the check; one watt where nothing does.
fn worse(book: &HorizonBook, answer: &HorizonAnswer, gap_ppb: u32) -> HorizonAnswer {
    let parts = book.problem().parts();
    let first = |series: &[Watts]| series.first().map_or(0, |power| power.0);
    let spare = |position: usize| {
        let power = answer.solution.generators.get(position).map_or(0, |series| first(series));
        power - parts.generators.get(position).map_or(0, |known| first(&known.power_min))
    };
    let giver = (0..parts.generators.len()).max_by_key(|position| spare(*position)).unwrap_or(0);
    let room = first(&parts.tie.import_max) - first(&answer.solution.import);
    let moved = |by_w: i64| {
        let mut worse = answer.clone();
        let generator = worse.solution.generators.get_mut(giver);
        add(generator.and_then(|series| series.first_mut()), -by_w);
        add(worse.solution.import.first_mut(), by_w);
        worse
    };
    let halves = std::iter::successors(Some(room.min(spare(giver)).max(1)), |by_w| {
        (*by_w > 1).then_some(by_w / 2)
    });
    let passes = |by_w: &i64| check(book.problem(), &moved(*by_w), gap_ppb).is_ok();
    moved(halves.clone().find(passes).unwrap_or(1))
}
