//! What is missing: the same constraints, each of those a person can relax made soft at a price, all else free of charge.
//!
//! The cheapest sum of relaxations tells what would fix the problem; its multipliers prove that nothing less does.

use super::super::{
    explain::{Limit, Relaxation},
    point::Point,
    scaled::{POWER_UNIT, energy_unit},
};
use super::{
    Model, Rank,
    program::{Column, TO_PROVE},
};
use gridaccord_dispatch::horizon::{Boundary, Horizon};

/// Price of a relaxation, per kWh or what replaces one: power not served.
const SHORT_PRICE: f64 = 1.0;
/// Too much power; dearer, so that of two explanations the shortage is told.
const SURPLUS_PRICE: f64 = 1.1;
/// Reserve is given up first, being needed only if something fails.
const RESERVE_PRICE: f64 = 0.3;
/// Per kg: about a kWh from a dirty grid.
const CARBON_PRICE: f64 = 1.2;
/// Energy promised to the time after the horizon.
const FINAL_PRICE: f64 = 0.8;
/// What machines can do is relaxed last.
const RAMP_PRICE: f64 = 5.0;
/// Relaxations below this are the barrier's, kW.
const NOISE_KW: f64 = 1e-3;
/// Times the largest power that a relaxation may be, so that every variable has bounds.
const GENEROUS: f64 = 4.0;

/// Multipliers of the elastic optimum and the relaxations it takes; `None` where it is too large.
///
/// A little `wear` on storages keeps them from charging and discharging at once, which would burn surplus that no
/// real storage can; it weakens the multipliers as a proof, so where that matters it is 0.
pub(in super::super) fn relax(problem: &Horizon, wear: f64) -> Option<(Point, Vec<Relaxation>)> {
    let costless = problem.costless();
    let mut model = Model::new(&costless, 0.0);
    let soft = soften(&mut model, &costless);
    for column in
        model.storages.iter().flat_map(|index| index.charge.iter().chain(&index.discharge))
    {
        model.program.columns[*column as usize].cost = wear;
    }
    let solved = model.program.solve(TO_PROVE)?;
    let mut relaxations: Vec<Relaxation> = soft
        .into_iter()
        .filter(|(column, ..)| solved.x[*column as usize] > NOISE_KW)
        .map(|(column, relaxation, unit)| {
            // Far from where sums with limits of the problem would overflow.
            let amount = (solved.x[column as usize] * unit).ceil().min(1e18) as i64;
            Relaxation { amount, ..relaxation }
        })
        .collect();
    relaxations.sort_by_key(|relaxation| std::cmp::Reverse(relaxation.amount));
    Some((model.point(&costless, &solved), relaxations))
}

/// Adds relaxations: column, what it is, and its quanta per unit of the program.
fn soften(model: &mut Model, problem: &Horizon) -> Vec<(u32, Relaxation, f64)> {
    let parts = problem.parts();
    let size = problem.intervals();
    let most = GENEROUS * largest(problem) + 1.0;
    let mut soft = Vec::new();
    let mut add = |model: &mut Model, key, price: f64, hi: f64, limit, interval, unit: f64| {
        let column = model.program.column(key, Column { cost: price, hi, ..Column::default() });
        soft.push((column, Relaxation { limit, interval, amount: 0 }, unit));
        column
    };
    model.resources += 1;
    for t in 0..size {
        let key = model.key(Rank::Local, t);
        let w = POWER_UNIT;
        let at = Some(t);
        let short = add(model, key, SHORT_PRICE, most, Limit::Demand, at, w);
        let surplus = add(model, key, SURPLUS_PRICE, most, Limit::LeastPower, at, w);
        model.program.entry(model.balance[t], short, 1.0);
        model.program.entry(model.balance[t], surplus, -1.0);
        if parts.reserve[t].0 > 0 {
            let reserve = add(model, key, RESERVE_PRICE, most, Limit::Reserve, at, w);
            model.program.entry(model.reserve[t], reserve, -1.0);
        }
    }
    for t in 0..model.losses.cover.len() {
        let key = model.key(Rank::Local, t);
        let limit = Limit::Contingency;
        let cover = add(model, key, RESERVE_PRICE, most, limit, Some(t), POWER_UNIT);
        model.program.entry(model.losses.cover[t], cover, -1.0);
    }
    let mg = super::carbon_unit(problem);
    for boundary in Boundary::ALL {
        let index = model.carbon[boundary as usize].clone();
        let limit = Limit::Carbon(boundary);
        if let Some(row) = index.horizon {
            let hi = most * size as f64;
            let more = add(model, [u32::MAX, 2, 0], CARBON_PRICE, hi, limit, None, mg);
            model.program.entry(row, more, -1.0);
        }
        for (t, row) in index.interval.into_iter().enumerate() {
            let key = model.key(Rank::Local, t);
            let more = add(model, key, CARBON_PRICE, most, limit, Some(t), mg);
            model.program.entry(row, more, -1.0);
        }
    }
    for number in 0..parts.generators.len() {
        for t in 0..model.generators[number].ramp.len() {
            let row = model.generators[number].ramp[t];
            let key = model.key(Rank::Local, t);
            for sign in [1.0, -1.0] {
                let limit = Limit::Ramp(number);
                let change = add(model, key, RAMP_PRICE, most, limit, Some(t), POWER_UNIT);
                model.program.entry(row, change, sign);
            }
        }
    }
    for (number, storage) in parts.storages.iter().enumerate() {
        let Some(last) = model.storages[number].stored.last().copied() else { continue };
        let wanted = storage.final_min_uwh as f64 / energy_unit(problem);
        if wanted > 0.0 {
            let row = super::Row { is_equality: false, right: -wanted };
            model.program.columns[last as usize].lo = 0.0;
            let key = model.key(Rank::Coupling, size - 1);
            let row = model.program.row(key, row);
            let unit = energy_unit(problem);
            let limit = Limit::FinalEnergy(number);
            let less = add(model, key, FINAL_PRICE, wanted, limit, None, unit);
            model.program.entry(row, last, -1.0);
            model.program.entry(row, less, -1.0);
        }
    }
    soft
}

/// More power than anything in the problem moves, kW.
fn largest(problem: &Horizon) -> f64 {
    let parts = problem.parts();
    let peak = |powers: &[gridaccord_model::Watts]| {
        powers.iter().map(|power| power.0 as f64).fold(0.0, f64::max)
    };
    let generators: f64 = parts.generators.iter().map(|part| peak(&part.power_max)).sum();
    let storages: f64 =
        parts.storages.iter().map(|part| (part.charge_max.0 + part.discharge_max.0) as f64).sum();
    (generators + storages + peak(&parts.demand) + peak(&parts.reserve)) / POWER_UNIT
}
