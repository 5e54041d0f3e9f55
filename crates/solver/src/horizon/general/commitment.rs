//! A commitment as a sparse convex program: plants' states between off and on, or fixed; reservoirs with inflow.
//!
//! Between off and on every plant has u (is on), y (starts) and z (stops) from 0 to 1. The rows are tight enough that with
//! whole states they say exactly what the check does: u − u₋₁ = y − z; what started within the least time on is on, what
//! stopped within the least time off is off; powers between limits times u, narrowed where y or z; and the change of
//! power v = g − g₋₁ between the ramp's limits while on, the first power at a start, less the last at a stop. Source of
//! the rows of least times: D. Rajan, S. Takriti, IBM Research Report RC23628, 2005.
//!
//! What no dispatch can balance is short or surplus at a penalty, so that every program has a solution.

use super::{
    super::{
        point::Point,
        scaled::{POWER_UNIT, energy_unit, powers},
    },
    Model, Rank,
    program::{Column, Row, Solved, TO_PROVE},
};
use gridaccord_dispatch::horizon::commitment::{Commitment, Plant, Reservoir};
use gridaccord_model::Watts;

/// What is fixed: by plant and interval.
pub(in super::super) type Fixed = Vec<Vec<Option<bool>>>;

/// A solution of the program, kW and currency per MWh.
#[derive(Clone, Debug)]
pub(in super::super) struct Relaxed {
    /// Of the base: powers and multipliers.
    pub(in super::super) base: Point,
    /// u by plant and interval.
    pub(in super::super) on: Vec<Vec<f64>>,
    pub(in super::super) plants: Vec<Vec<f64>>,
    /// w by plant, the first 0; empty without a ramp.
    pub(in super::super) ramp: Vec<Vec<f64>>,
    pub(in super::super) charge: Vec<Vec<f64>>,
    pub(in super::super) discharge: Vec<Vec<f64>>,
    pub(in super::super) stored: Vec<Vec<f64>>,
    pub(in super::super) spill: Vec<Vec<f64>>,
    /// π by reservoir and interval.
    pub(in super::super) energy: Vec<Vec<f64>>,
    /// Power short of demand, less surplus, by interval.
    pub(in super::super) short: Vec<f64>,
    pub(in super::super) converged: bool,
    /// How much it took: iterations times unknowns.
    pub(in super::super) work: usize,
}

/// Whether a reservoir may only discharge in an interval, or only charge: by reservoir and interval.
pub(in super::super) type Directions = Vec<Vec<Option<bool>>>;

/// Dispatches a schedule; `None` where no power keeps its limits at starts and stops, or it is too large to factor.
pub(in super::super) fn dispatch(
    problem: &Commitment,
    on: &[Vec<bool>],
    directions: &Directions,
    penalty: f64,
    margin: f64,
) -> Option<Relaxed> {
    let mut model = Model::new(problem.base(), margin);
    model.by_interval = true;
    let plants: Option<Vec<Running>> = (problem.plants().iter().zip(on))
        .map(|(plant, on)| add_running(&mut model, plant, on))
        .collect();
    let plants = plants?;
    let reservoirs: Vec<ReservoirIndex> = (problem.reservoirs().iter())
        .map(|reservoir| add_reservoir(&mut model, problem, reservoir))
        .collect();
    for (index, directions) in reservoirs.iter().zip(directions) {
        for (t, direction) in directions.iter().enumerate() {
            let Some(discharges) = direction else { continue };
            let closed = if *discharges { index.charge[t] } else { index.discharge[t] };
            model.program.columns[closed as usize].hi = 0.0;
        }
    }
    let slack = add_slack(&mut model, problem, penalty);
    let solved = model.program.solve(TO_PROVE)?;
    let running = plants.iter().map(|index| index.powers(&solved)).collect();
    let ramp = plants.iter().map(|index| index.multipliers(&solved)).collect();
    let on = on.iter().map(|on| on.iter().map(|is_on| f64::from(u8::from(*is_on))).collect());
    Some(relaxed(problem, &model, &solved, (on.collect(), running, ramp), &reservoirs, &slack))
}

/// A plant of a schedule.
#[derive(Debug, Default)]
struct Running {
    /// Its power where it is on.
    power: Vec<Option<u32>>,
    /// Rows g − g₋₁ − v = 0 where it is on before and after.
    ramp: Vec<Option<u32>>,
    has_ramp: bool,
}

impl Running {
    fn powers(&self, solved: &Solved) -> Vec<f64> {
        self.power.iter().map(|at| at.map_or(0.0, |at| solved.x[at as usize])).collect()
    }

    fn multipliers(&self, solved: &Solved) -> Vec<f64> {
        if !self.has_ramp {
            return Vec::new();
        }
        self.ramp.iter().map(|row| row.map_or(0.0, |row| solved.y[row as usize])).collect()
    }
}

fn add_running(model: &mut Model, plant: &Plant, on: &[bool]) -> Option<Running> {
    model.resources += 1;
    let mut index = Running { has_ramp: plant.ramp.is_some(), ..Running::default() };
    let mut before = plant.cycles().was_on;
    if before && on.first() == Some(&false) && !plant.may_stop_at_once() {
        return None;
    }
    for (t, is_on) in on.iter().copied().enumerate() {
        let mut column = None;
        let mut link = None;
        if is_on {
            let (lo, hi) = limits(plant, t, !before, on.get(t + 1) == Some(&false))?;
            let cost = plant.linear[t] as f64 * 1e-6;
            let quadratic = plant.quadratic as f64 * 1e-3;
            let key = model.key(Rank::State, t);
            let power = model.program.column(key, Column { cost, quadratic, lo, hi });
            model.emit(t, power, plant.carbon_mg_per_kwh, plant.embodied_mg_per_kwh);
            let (balance, reserve) = (model.balance[t], model.reserve[t]);
            model.program.entry(balance, power, 1.0);
            if plant.ramp.is_some() {
                model.program.entry(reserve, power, 1.0);
                model.program.rows[reserve as usize].right += kilowatts(plant.power_max[t]);
            }
            let previous = t.checked_sub(1).and_then(|previous| index.power[previous]);
            link = plant.ramp.zip(previous).map(|(ramp, previous)| {
                let (lo, hi) = (-kilowatts(ramp.down), kilowatts(ramp.up));
                let change = Column { lo, hi, ..Column::default() };
                let change = model.program.column(model.key(Rank::Local, t), change);
                let row = Row { is_equality: true, right: 0.0 };
                let row = model.program.row(model.key(Rank::Link, t), row);
                model.program.entry(row, power, 1.0);
                model.program.entry(row, previous, -1.0);
                model.program.entry(row, change, -1.0);
                row
            });
            column = Some(power);
        }
        index.power.push(column);
        index.ramp.push(link);
        before = is_on;
    }
    Some(index)
}

/// Solves; `None` where the program is too large to factor.
pub(in super::super) fn solve(
    problem: &Commitment,
    fixed: &Fixed,
    penalty: f64,
    margin: f64,
) -> Option<Relaxed> {
    let mut model = Model::new(problem.base(), margin);
    // By interval, whatever the base would do on its own.
    model.by_interval = true;
    let plants: Vec<PlantIndex> = (problem.plants().iter().zip(fixed))
        .map(|(plant, fixed)| add_plant(&mut model, problem, plant, fixed))
        .collect();
    let reservoirs: Vec<ReservoirIndex> = (problem.reservoirs().iter())
        .map(|reservoir| add_reservoir(&mut model, problem, reservoir))
        .collect();
    let slack = add_slack(&mut model, problem, penalty);
    let solved = model.program.solve(TO_PROVE)?;
    let x = |columns: &Vec<u32>| columns.iter().map(|at| solved.x[*at as usize]).collect();
    let on = plants.iter().map(|index| x(&index.on)).collect();
    let powers = plants.iter().map(|index| x(&index.power)).collect();
    let ramp = plants.iter().map(|index| index.multipliers(&solved)).collect();
    Some(relaxed(problem, &model, &solved, (on, powers, ramp), &reservoirs, &slack))
}

/// States, powers and ramp multipliers by plant.
type PlantLists = (Vec<Vec<f64>>, Vec<Vec<f64>>, Vec<Vec<f64>>);

fn relaxed(
    problem: &Commitment,
    model: &Model,
    solved: &Solved,
    (on, plants, ramp): PlantLists,
    reservoirs: &[ReservoirIndex],
    (short, surplus): &(Vec<u32>, Vec<u32>),
) -> Relaxed {
    let unknowns = model.program.columns.len() + model.program.rows.len();
    let x = |columns: &Vec<u32>| columns.iter().map(|at| solved.x[*at as usize]).collect();
    let missing = short.iter().zip(surplus);
    Relaxed {
        base: model.point(problem.base(), solved),
        on,
        plants,
        ramp,
        charge: reservoirs.iter().map(|index| x(&index.charge)).collect(),
        discharge: reservoirs.iter().map(|index| x(&index.discharge)).collect(),
        stored: reservoirs.iter().map(|index| x(&index.stored)).collect(),
        spill: reservoirs.iter().map(|index| x(&index.spill)).collect(),
        energy: reservoirs
            .iter()
            .map(|index| index.energy.iter().map(|row| solved.y[*row as usize]).collect())
            .collect(),
        short: missing
            .map(|(short, surplus)| solved.x[*short as usize] - solved.x[*surplus as usize])
            .collect(),
        converged: solved.converged,
        work: unknowns * (solved.iterations + 1),
    }
}

#[derive(Debug, Default)]
struct PlantIndex {
    on: Vec<u32>,
    start: Vec<u32>,
    stop: Vec<u32>,
    power: Vec<u32>,
    /// Rows g − g₋₁ − v = 0 from the second interval on; empty without a ramp.
    ramp: Vec<u32>,
    has_ramp: bool,
}

impl PlantIndex {
    fn multipliers(&self, solved: &Solved) -> Vec<f64> {
        if !self.has_ramp {
            return Vec::new();
        }
        std::iter::once(0.0).chain(self.ramp.iter().map(|row| solved.y[*row as usize])).collect()
    }
}

#[derive(Debug, Default)]
struct ReservoirIndex {
    charge: Vec<u32>,
    discharge: Vec<u32>,
    stored: Vec<u32>,
    spill: Vec<u32>,
    energy: Vec<u32>,
}

fn kilowatts(power: Watts) -> f64 {
    power.0 as f64 / POWER_UNIT
}

/// Currency per MWh times kW over an interval, in one nano-currency.
fn nano(problem: &Commitment) -> f64 {
    1e-6 * 3_600.0 / f64::from(problem.base().parts().duration_s)
}

/// Limits of a power while on, kW; the other way round where it cannot be on.
fn limits(plant: &Plant, t: usize, is_first: bool, is_last: bool) -> Option<(f64, f64)> {
    let (lo, hi) = plant.range(t, is_first, is_last)?;
    Some((kilowatts(Watts(lo)), kilowatts(Watts(hi))))
}

fn add_plant(
    model: &mut Model,
    problem: &Commitment,
    plant: &Plant,
    fixed: &[Option<bool>],
) -> PlantIndex {
    model.resources += 1;
    let size = problem.intervals();
    let cycling = plant.cycles();
    let mut index = PlantIndex { has_ramp: plant.ramp.is_some(), ..PlantIndex::default() };
    let (start_cost, stop_cost) =
        (cycling.start_cost as f64 * nano(problem), cycling.stop_cost as f64 * nano(problem));
    for (t, fixed) in fixed.iter().enumerate() {
        let (on, power) = add_state(model, plant, *fixed, t);
        let local = model.key(Rank::Local, t);
        let cycle = |cost: f64| Column { cost, hi: 1.0, ..Column::default() };
        let start = model.program.column(local, cycle(start_cost));
        let may_stop = t > 0 || plant.may_stop_at_once();
        let most = if may_stop { 1.0 } else { 0.0 };
        let stop = model.program.column(local, Column { hi: most, ..cycle(stop_cost) });
        // u − u₋₁ − y + z = 0.
        let key = model.key(Rank::Link, t);
        let before = if t == 0 && cycling.was_on { 1.0 } else { 0.0 };
        let row = model.program.row(key, Row { is_equality: true, right: before });
        model.program.entry(row, on, 1.0);
        model.program.entry(row, start, -1.0);
        model.program.entry(row, stop, 1.0);
        if t > 0 {
            model.program.entry(row, index.on[t - 1], -1.0);
        }
        index.on.push(on);
        index.power.push(power);
        index.start.push(start);
        index.stop.push(stop);
    }
    for t in 0..size {
        add_times(model, &index, (cycling.on_min, cycling.off_min), t);
        add_limits(model, plant, &index, t);
        if t > 0 && plant.ramp.is_some() {
            add_ramp(model, plant, &mut index, t);
        }
    }
    let (balance, reserve) = (model.balance.clone(), model.reserve.clone());
    model.enter(&balance, &index.power, 1.0);
    if plant.ramp.is_some() {
        model.enter(&reserve, &index.power, 1.0);
        for (t, on) in index.on.iter().enumerate() {
            model.program.entry(reserve[t], *on, -kilowatts(plant.power_max[t]));
        }
    }
    index
}

/// Whether it is on, and its power.
fn add_state(model: &mut Model, plant: &Plant, fixed: Option<bool>, t: usize) -> (u32, u32) {
    let cycling = plant.cycles();
    let within = |time: u32| t < time as usize;
    let possible = plant.power_min[t] <= plant.power_max[t];
    let must_off = within(cycling.held_off) || fixed == Some(false) || !possible;
    let must_on = within(cycling.held_on) || fixed == Some(true);
    let (lo, hi) = match (must_off, must_on) {
        (true, _) => (0.0, 0.0),
        (false, true) => (1.0, 1.0),
        (false, false) => (0.0, 1.0),
    };
    let state = model.key(Rank::State, t);
    let standing = plant.standing as f64 * 1e-9;
    let on = model.program.column(state, Column { cost: standing, lo, hi, ..Column::default() });
    let most = if hi == 0.0 { 0.0 } else { kilowatts(plant.power_max[t]) };
    let power = model.program.column(
        state,
        Column {
            cost: plant.linear[t] as f64 * 1e-6,
            quadratic: plant.quadratic as f64 * 1e-3,
            hi: most,
            ..Column::default()
        },
    );
    model.emit(t, power, plant.carbon_mg_per_kwh, plant.embodied_mg_per_kwh);
    (on, power)
}

/// What started within the least time on is on; what stopped within the least time off is off.
fn add_times(model: &mut Model, index: &PlantIndex, (on_min, off_min): (u32, u32), t: usize) {
    for (time, sign, cycles, right) in
        [(on_min, -1.0, &index.start, 0.0), (off_min, 1.0, &index.stop, 1.0)]
    {
        // Even without a least time, what starts is on.
        let first = (t + 1).saturating_sub(time.max(1) as usize);
        let key = model.key(Rank::Link, t);
        let row = model.program.row(key, Row { is_equality: false, right });
        model.program.entry(row, index.on[t], sign);
        cycles[first..=t].iter().for_each(|column| model.program.entry(row, *column, 1.0));
    }
}

/// Powers between limits times u, narrowed at a start and before a stop.
fn add_limits(model: &mut Model, plant: &Plant, index: &PlantIndex, t: usize) {
    let Some((lo, hi)) = limits(plant, t, false, false) else {
        // At the first interval a known power before may be out of reach: then it stops, or nothing works.
        let off = Row { is_equality: false, right: 0.0 };
        let row = model.program.row(model.key(Rank::Link, t), off);
        model.program.entry(row, index.on[t], 1.0);
        model.program.entry(row, index.start[t], -1.0);
        return limits_at_start(model, plant, index, t);
    };
    let first = limits(plant, t, true, false);
    let stop = index.stop.get(t + 1).copied();
    let last = limits(plant, t, false, true);
    let mut row = |power: f64, limit: f64, at_start: f64, at_stop: f64| {
        let key = model.key(Rank::Link, t);
        let row = model.program.row(key, Row { is_equality: false, right: 0.0 });
        model.program.entry(row, index.power[t], power);
        model.program.entry(row, index.on[t], -power * limit);
        model.program.entry(row, index.start[t], -power * at_start);
        if let Some(stop) = stop {
            model.program.entry(row, stop, -power * at_stop);
        }
    };
    let (first_lo, first_hi) = first.unwrap_or((lo, hi));
    let (last_lo, last_hi) = last.unwrap_or((lo, hi));
    // One row each: an interval may be the first and the last.
    row(1.0, hi, first_hi - hi, 0.0);
    row(-1.0, lo, first_lo - lo, 0.0);
    if last_hi < hi {
        row(1.0, hi, 0.0, last_hi - hi);
    }
    if last_lo > lo {
        row(-1.0, lo, 0.0, last_lo - lo);
    }
    let mut never = |column: Option<u32>, is_possible: bool| {
        if let Some(column) = column.filter(|_| !is_possible) {
            model.program.columns[column as usize].hi = 0.0;
        }
    };
    never(Some(index.start[t]), first.is_some());
    never(stop, last.is_some());
}

/// Limits of a first interval that the plant can only start in.
fn limits_at_start(model: &mut Model, plant: &Plant, index: &PlantIndex, t: usize) {
    let Some((lo, hi)) = limits(plant, t, true, false) else {
        model.program.columns[index.on[t] as usize].hi = 0.0;
        model.program.columns[index.on[t] as usize].lo = 0.0;
        model.program.columns[index.power[t] as usize].hi = 0.0;
        return;
    };
    for (power, limit) in [(1.0, hi), (-1.0, lo)] {
        let key = model.key(Rank::Link, t);
        let row = model.program.row(key, Row { is_equality: false, right: 0.0 });
        model.program.entry(row, index.power[t], power);
        model.program.entry(row, index.on[t], -power * limit);
    }
}

/// v = g − g₋₁ and what it may be.
fn add_ramp(model: &mut Model, plant: &Plant, index: &mut PlantIndex, t: usize) {
    let Some(ramp) = plant.ramp else { return };
    let most = kilowatts(plant.power_max[t]).max(kilowatts(plant.power_max[t - 1]));
    let change = model.program.column(
        model.key(Rank::Local, t),
        Column { lo: -most - 1.0, hi: most + 1.0, ..Column::default() },
    );
    let link = model.program.row(model.key(Rank::Link, t), Row { is_equality: true, right: 0.0 });
    model.program.entry(link, index.power[t], 1.0);
    model.program.entry(link, index.power[t - 1], -1.0);
    model.program.entry(link, change, -1.0);
    index.ramp.push(link);
    let (first_lo, first_hi) = limits(plant, t, true, false).unwrap_or((0.0, 0.0));
    let (last_lo, last_hi) = limits(plant, t - 1, false, true).unwrap_or((0.0, 0.0));
    // While on, which is u − y; at a start; at a stop.
    for (sign, on, start, stop) in [
        (1.0, kilowatts(ramp.up), first_hi, -last_lo),
        (-1.0, kilowatts(ramp.down), -first_lo, last_hi),
    ] {
        let row =
            model.program.row(model.key(Rank::Link, t), Row { is_equality: false, right: 0.0 });
        model.program.entry(row, change, sign);
        model.program.entry(row, index.on[t], -on);
        model.program.entry(row, index.start[t], on - start);
        model.program.entry(row, index.stop[t], -stop);
    }
}

fn add_reservoir(model: &mut Model, problem: &Commitment, reservoir: &Reservoir) -> ReservoirIndex {
    model.resources += 1;
    let (unit, size) = (energy_unit(problem.base()), problem.intervals());
    let storage = &reservoir.storage;
    let ppb = |share: i64| share as f64 * 1e-9;
    let energy = |uwh: i64| uwh as f64 / unit;
    let keep = 1.0 - ppb(storage.loss_ppb);
    let mut index = ReservoirIndex::default();
    for t in 0..size {
        let local = model.key(Rank::Local, t);
        let flow = |most: f64, cost: f64| Column { cost, hi: most, ..Column::default() };
        let charge = model.program.column(local, flow(kilowatts(storage.charge_max), 0.0));
        let wear = storage.wear as f64 * 1e-6;
        let discharge = model.program.column(local, flow(kilowatts(storage.discharge_max), wear));
        let spill = model.program.column(local, flow(energy(reservoir.spill_max_uwh[t]), 0.0));
        let (least, most) = reservoir.held(t);
        // Whole watts keep at least what is stored here: room above for one.
        let room = reservoir.cycle_slack(problem.base().parts().duration_s);
        let most = if most - least > 2 * room { most - room } else { most };
        let held = Column { lo: energy(least), hi: energy(most), ..Column::default() };
        let stored = model.program.column(model.key(Rank::State, t), held);
        let begin = if t == 0 && !reservoir.is_cyclic { energy(storage.initial_uwh) } else { 0.0 };
        let right = keep * begin + energy(reservoir.inflow_uwh[t]);
        let row = model.program.row(model.key(Rank::Link, t), Row { is_equality: true, right });
        model.program.entry(row, stored, 1.0);
        model.program.entry(row, charge, -ppb(storage.charge_ppb));
        model.program.entry(row, discharge, ppb(storage.discharge_ppb));
        model.program.entry(row, spill, 1.0);
        if t > 0 {
            model.program.entry(row, index.stored[t - 1], -keep);
        }
        model.emit(t, discharge, 0, storage.embodied_mg_per_kwh);
        index.charge.push(charge);
        index.discharge.push(discharge);
        index.stored.push(stored);
        index.spill.push(spill);
        index.energy.push(row);
        let reserve = model.reserve[t];
        model.program.rows[reserve as usize].right += kilowatts(storage.discharge_max);
    }
    if reservoir.is_cyclic {
        close(model, &index, keep);
    }
    for rows in [model.balance.clone(), model.reserve.clone()] {
        model.enter(&rows, &index.discharge, 1.0);
        model.enter(&rows, &index.charge, -1.0);
    }
    index
}

/// The energy before the first interval is that after the last.
fn close(model: &mut Model, index: &ReservoirIndex, keep: f64) {
    let (Some(row), Some(last)) = (index.energy.first(), index.stored.last()) else { return };
    let known =
        model.program.entries.iter_mut().find(|(at, column, _)| (at, column) == (row, last));
    match known {
        // With one interval its end is its beginning.
        Some((.., coefficient)) => *coefficient -= keep,
        None => model.program.entry(*row, *last, -keep),
    }
}

/// Power short of demand, and too much, at a penalty.
fn add_slack(model: &mut Model, problem: &Commitment, penalty: f64) -> (Vec<u32>, Vec<u32>) {
    let parts = problem.base().parts();
    model.resources += 1;
    let (mut short, mut surplus) = (Vec::new(), Vec::new());
    for (t, demand) in powers(&parts.demand).into_iter().enumerate() {
        let least = parts.generators.iter().map(|part| kilowatts(part.power_min[t])).sum::<f64>()
            + problem.plants().iter().map(|plant| kilowatts(plant.power_max[t])).sum::<f64>();
        let shift = parts.shiftable.iter().map(|load| kilowatts(load.power_max[t])).sum::<f64>();
        for (columns, most, sign) in
            [(&mut short, demand + shift + 1.0, 1.0), (&mut surplus, least + 1.0, -1.0)]
        {
            let column = Column { cost: penalty, hi: most, ..Column::default() };
            let column = model.program.column(model.key(Rank::Local, t), column);
            model.program.entry(model.balance[t], column, sign);
            columns.push(column);
        }
    }
    (short, surplus)
}
