//! N−1 in the program: a response r of each provider, R of all together, and P + r ≤ shed + R for each source.

use super::{
    super::scaled::{POWER_UNIT, powers},
    Column, Model, Rank, Row,
};
use gridaccord_dispatch::horizon::{Contingency, Horizon};

/// Rows of N−1; empty where the problem asks for none.
#[derive(Clone, Debug, Default)]
pub(super) struct Losses {
    /// By source and interval: P + r − R ≤ shed.
    pub(super) loss: Vec<Vec<u32>>,
    /// By storage and interval: δ·τ/Δt·r − E ≤ 0.
    pub(super) hold: Vec<Vec<u32>>,
    /// By interval: R − Σr ≤ 0.
    pub(super) cover: Vec<u32>,
}

/// One source: what it injects, with signs, and the most it can respond with.
struct Source {
    powers: Vec<Vec<(u32, f64)>>,
    /// P + r ≤ limit, by interval.
    limit: Vec<f64>,
    response: f64,
    is_lost: bool,
}

/// Adds what N−1 needs, if the problem asks for it.
pub(super) fn add(model: &mut Model, problem: &Horizon, import: &[u32], margin: f64) {
    let Some(contingency) = &problem.parts().contingency else { return };
    model.resources += 1;
    let sources = sources(model, problem, contingency, import);
    let limits: f64 =
        sources.iter().map(|source| source.limit.iter().copied().fold(0.0, f64::max)).sum();
    let total: Vec<u32> = (0..problem.intervals())
        .map(|t| {
            let column = Column { hi: limits + 1.0, ..Column::default() };
            let total = model.program.column(model.key(Rank::Coupling, t), column);
            let key = model.key(Rank::Coupling, t);
            let row = model.program.row(key, Row { is_equality: false, right: 0.0 });
            model.program.entry(row, total, 1.0);
            model.losses.cover.push(row);
            total
        })
        .collect();
    let stores = problem.parts().generators.len()
        ..problem.parts().generators.len() + problem.parts().storages.len();
    for (number, source) in sources.iter().enumerate() {
        model.resources += 1;
        let responses = add_source(model, contingency, source, &total, margin);
        if stores.contains(&number) {
            let rows = add_hold(model, problem, contingency, number - stores.start, &responses);
            model.losses.hold.push(rows);
        }
    }
}

fn sources(
    model: &Model,
    problem: &Horizon,
    contingency: &Contingency,
    import: &[u32],
) -> Vec<Source> {
    let parts = problem.parts();
    let size = problem.intervals();
    let one = |columns: &[u32]| columns.iter().map(|column| vec![(*column, 1.0)]).collect();
    let generators =
        parts.generators.iter().zip(&model.generators).map(|(generator, index)| Source {
            powers: one(&index.power),
            limit: powers(&generator.power_max),
            response: contingency.response(generator, parts.duration_s).0 as f64 / POWER_UNIT,
            is_lost: true,
        });
    let storages = parts.storages.iter().zip(&model.storages).map(|(storage, index)| {
        let most = storage.discharge_max.0 as f64 / POWER_UNIT;
        let flows = index.discharge.iter().zip(&index.charge);
        Source {
            powers: flows
                .map(|(discharge, charge)| vec![(*discharge, 1.0), (*charge, -1.0)])
                .collect(),
            limit: vec![most; size],
            response: most + storage.charge_max.0 as f64 / POWER_UNIT,
            is_lost: true,
        }
    });
    let limit = powers(&parts.tie.import_max);
    let tie = Source {
        powers: one(import),
        response: limit.iter().copied().fold(0.0, f64::max),
        limit,
        is_lost: contingency.is_tie_lost,
    };
    generators.chain(storages).chain([tie]).collect()
}

/// Responses and rows of one source; returns its responses, none where it has no response.
fn add_source(
    model: &mut Model,
    contingency: &Contingency,
    source: &Source,
    total: &[u32],
    margin: f64,
) -> Vec<u32> {
    let (mut responses, mut rows) = (Vec::new(), Vec::new());
    for (t, powers) in source.powers.iter().enumerate() {
        let (local, own) = (model.key(Rank::Local, t), model.key(Rank::Own, t));
        let loss = source.is_lost.then(|| {
            let shed = contingency.shed[t].0 as f64 / POWER_UNIT;
            // Whole watts of all sources move both sides a little.
            let right = shed - margin * (1.0 + source.limit[t]) - 1e3 * margin;
            let row = model.program.row(own, Row { is_equality: false, right });
            model.program.entry(row, total[t], -1.0);
            powers.iter().for_each(|(column, sign)| model.program.entry(row, *column, *sign));
            row
        });
        rows.extend(loss);
        if source.response <= 0.0 {
            continue;
        }
        let column = Column { hi: source.response, ..Column::default() };
        let response = model.program.column(local, column);
        model.program.entry(model.losses.cover[t], response, -1.0);
        if let Some(row) = loss {
            model.program.entry(row, response, 1.0);
        }
        let room = model.program.row(own, Row { is_equality: false, right: source.limit[t] });
        model.program.entry(room, response, 1.0);
        powers.iter().for_each(|(column, sign)| model.program.entry(room, *column, *sign));
        responses.push(response);
    }
    if source.is_lost {
        model.losses.loss.push(rows);
    }
    responses
}

/// A storage's energy lasts through the response.
fn add_hold(
    model: &mut Model,
    problem: &Horizon,
    contingency: &Contingency,
    number: usize,
    responses: &[u32],
) -> Vec<u32> {
    let parts = problem.parts();
    let factor = parts.storages[number].discharge_ppb as f64 * 1e-9 * f64::from(contingency.hold_s)
        / f64::from(parts.duration_s);
    (0..problem.intervals())
        .map(|t| {
            let key = model.key(Rank::Own, t);
            let row = model.program.row(key, Row { is_equality: false, right: 0.0 });
            if let Some(response) = responses.get(t) {
                model.program.entry(row, *response, factor);
            }
            model.program.entry(row, model.storages[number].stored[t], -1.0);
            row
        })
        .collect()
}
