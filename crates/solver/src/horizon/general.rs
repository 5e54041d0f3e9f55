//! Any horizon as a sparse convex program: every constraint a row, no structure assumed.
//!
//! Slower per resource than the structured interior point, but it takes whatever the problem states, and it is what
//! finds out by how much an impossible problem misses ([`elastic`]). Unknowns are eliminated interval by
//! interval, or resource by resource where there are more resources than intervals.

pub(super) mod commitment;
pub(super) mod elastic;
mod losses;
pub(super) mod open;
mod program;
mod sparse;

use super::{
    point::{Carbon, Point},
    scaled::{self, POWER_UNIT, energy_unit, powers},
};
use gridaccord_dispatch::horizon::{Boundary, Generator, Horizon, ShiftableLoad, Storage};
use gridaccord_model::CarbonMg;
use losses::Losses;
use program::{Column, Key, Program, Row};

/// What a generator's unknowns are called in the program.
#[derive(Clone, Debug, Default)]
struct GeneratorIndex {
    power: Vec<u32>,
    /// Rows g_t − g_{t−1} − v = 0; empty without a ramp limit.
    ramp: Vec<u32>,
}

#[derive(Clone, Debug, Default)]
struct StorageIndex {
    charge: Vec<u32>,
    discharge: Vec<u32>,
    stored: Vec<u32>,
    /// Rows of the recursion.
    energy: Vec<u32>,
}

/// Rows of the caps within one boundary.
#[derive(Clone, Debug, Default)]
struct CarbonIndex {
    horizon: Option<u32>,
    interval: Vec<u32>,
    excess: Option<u32>,
}

/// The program of a problem, and where its parts are.
#[derive(Clone, Debug, Default)]
struct Model {
    program: Program,
    by_interval: bool,
    /// Resources so far.
    resources: u32,
    balance: Vec<u32>,
    /// Rows of the reserve.
    reserve: Vec<u32>,
    carbon: [CarbonIndex; 2],
    peak: Vec<u32>,
    generators: Vec<GeneratorIndex>,
    storages: Vec<StorageIndex>,
    shed: Vec<Vec<u32>>,
    shift: Vec<Vec<u32>>,
    /// Rows of shiftable energy.
    shift_energy: Vec<u32>,
    losses: Losses,
}

/// The optimum in floating point, and whether the iteration converged; `None` where the problem is too large.
///
/// Couplings are tightened by the share `margin`, so that rounding to whole watts does not break them.
pub(super) fn solve(problem: &Horizon, margin: f64) -> Option<(Point, bool, usize)> {
    let model = Model::new(problem, margin);
    let solved = model.program.solve(program::TO_ROUND)?;
    Some((model.point(problem, &solved), solved.converged, solved.iterations))
}

/// Rank within an interval: what links nothing else goes first.
#[derive(Clone, Copy)]
enum Rank {
    Local,
    State,
    /// Rows of one resource in one interval. Before those that link intervals, which by then link all resources.
    Own,
    Link,
    Coupling,
}

impl Model {
    fn new(problem: &Horizon, margin: f64) -> Self {
        let parts = problem.parts();
        let memory = parts.storages.len()
            + parts.generators.iter().filter(|generator| generator.ramp.is_some()).count();
        let mut model =
            Self { by_interval: 2 * memory <= problem.intervals() + 16, ..Self::default() };
        for t in 0..problem.intervals() {
            let right = parts.demand[t].0 as f64 / POWER_UNIT;
            let key = model.key(Rank::Coupling, t);
            model.balance.push(model.program.row(key, Row { is_equality: true, right }));
            let ceiling = problem.reserve_ceiling(t).0 as f64 / POWER_UNIT;
            let right = ceiling - margin * ceiling.abs();
            model.reserve.push(model.program.row(key, Row { is_equality: false, right }));
        }
        for boundary in Boundary::ALL {
            model.add_caps(problem, boundary, margin);
        }
        parts.generators.iter().for_each(|generator| model.add_generator(generator));
        parts.storages.iter().for_each(|storage| model.add_storage(problem, storage));
        for tier in &parts.tiers {
            let value = tier.value.0 as f64 * 1e-3;
            let shed = model.supply(&powers(&tier.power), |_| value);
            model.shed.push(shed);
        }
        parts.shiftable.iter().for_each(|load| model.add_shiftable(load));
        let import = model.add_tie(problem);
        losses::add(&mut model, problem, &import, margin);
        model
    }

    /// Rows of the caps within a boundary; excess over an interval's cap is a variable of its own.
    fn add_caps(&mut self, problem: &Horizon, boundary: Boundary, margin: f64) {
        let limit = problem.parts().carbon.within(boundary);
        let unit = carbon_unit(problem);
        let within = |mass: CarbonMg| Row {
            is_equality: false,
            right: mass.0 as f64 / unit * (1.0 - margin),
        };
        let mut index = CarbonIndex {
            horizon: limit.horizon.map(|cap| self.program.row([u32::MAX, 0, 0], within(cap))),
            ..CarbonIndex::default()
        };
        let most = limit.excess_interval.0.min(limit.excess_horizon.0) as f64 / unit;
        if !limit.interval.is_empty() && most > 0.0 {
            index.excess = Some(self.program.row([u32::MAX, 0, 0], within(limit.excess_horizon)));
        }
        self.resources += 1;
        for (t, cap) in limit.interval.iter().enumerate() {
            let row = self.program.row(self.key(Rank::Coupling, t), within(*cap));
            index.interval.push(row);
            if let Some(all) = index.excess {
                let column = Column { hi: most, ..Column::default() };
                let excess = self.program.column(self.key(Rank::Local, t), column);
                self.program.entry(row, excess, -1.0);
                self.program.entry(all, excess, 1.0);
            }
        }
        self.carbon[boundary as usize] = index;
    }

    /// Enters what a column emits into all caps.
    fn emit(&mut self, t: usize, column: u32, operating: i64, embodied: i64) {
        for boundary in Boundary::ALL {
            let index = &self.carbon[boundary as usize];
            let intensity = scaled::intensity(boundary, operating, embodied);
            for row in index.horizon.iter().chain(index.interval.get(t)) {
                self.program.entry(*row, column, intensity);
            }
        }
    }

    fn add_shiftable(&mut self, load: &ShiftableLoad) {
        self.resources += 1;
        let right = load.power_sum.0 as f64 / POWER_UNIT;
        let energy = self.program.row([u32::MAX, 0, 0], Row { is_equality: true, right });
        let columns: Vec<u32> = powers(&load.power_max)
            .into_iter()
            .enumerate()
            .map(|(t, hi)| {
                let column = Column { hi, ..Column::default() };
                self.program.column(self.key(Rank::Local, t), column)
            })
            .collect();
        self.enter(&self.balance.clone(), &columns, -1.0);
        columns.iter().for_each(|column| self.program.entry(energy, *column, 1.0));
        self.shift.push(columns);
        self.shift_energy.push(energy);
    }

    /// Where an unknown of the newest resource is eliminated; couplings belong to no resource.
    fn key(&self, rank: Rank, t: usize) -> Key {
        let (t, place) = (t as u32, rank as u32);
        match (self.by_interval, rank) {
            (true, _) => [t, place, self.resources],
            (false, Rank::Coupling) => [u32::MAX - 1, t, 0],
            (false, _) => [self.resources, t, place],
        }
    }

    /// Columns from 0 to `most` that supply the bus at a cost.
    fn supply(&mut self, most: &[f64], cost: impl Fn(usize) -> f64) -> Vec<u32> {
        self.resources += 1;
        let columns: Vec<u32> = most
            .iter()
            .enumerate()
            .map(|(t, hi)| {
                let column = Column { cost: cost(t), hi: *hi, ..Column::default() };
                self.program.column(self.key(Rank::Local, t), column)
            })
            .collect();
        self.enter(&self.balance.clone(), &columns, 1.0);
        columns
    }

    /// The same coefficient for one column per row.
    fn enter(&mut self, rows: &[u32], columns: &[u32], coefficient: f64) {
        for (row, column) in rows.iter().zip(columns) {
            self.program.entry(*row, *column, coefficient);
        }
    }

    fn add_generator(&mut self, generator: &Generator) {
        self.resources += 1;
        let rank = if generator.ramp.is_some() { Rank::State } else { Rank::Local };
        let (lo, hi) = (powers(&generator.power_min), powers(&generator.power_max));
        let (quadratic, cost) = scaled::costs(generator);
        let power: Vec<u32> = (0..lo.len())
            .map(|t| {
                let column = Column { cost, quadratic, lo: lo[t], hi: hi[t] };
                self.program.column(self.key(rank, t), column)
            })
            .collect();
        self.enter(&self.balance.clone(), &power, 1.0);
        for (t, column) in power.iter().enumerate() {
            self.emit(t, *column, generator.carbon_mg_per_kwh, generator.embodied_mg_per_kwh);
        }
        let mut ramp = Vec::new();
        if let Some(limit) = generator.ramp {
            self.enter(&self.reserve.clone(), &power, 1.0);
            let kilowatts = |power: gridaccord_model::Watts| power.0 as f64 / POWER_UNIT;
            let (lo, hi) = (-kilowatts(limit.down), kilowatts(limit.up));
            for t in 0..power.len() {
                let right = if t == 0 { kilowatts(limit.initial) } else { 0.0 };
                let row =
                    self.program.row(self.key(Rank::Link, t), Row { is_equality: true, right });
                let change = self
                    .program
                    .column(self.key(Rank::Local, t), Column { lo, hi, ..Column::default() });
                self.program.entry(row, change, -1.0);
                self.program.entry(row, power[t], 1.0);
                if t > 0 {
                    self.program.entry(row, power[t - 1], -1.0);
                }
                ramp.push(row);
            }
        }
        self.generators.push(GeneratorIndex { power, ramp });
    }

    fn add_storage(&mut self, problem: &Horizon, storage: &Storage) {
        self.resources += 1;
        let (unit, size) = (energy_unit(problem), problem.intervals());
        let ppb = |share: i64| share as f64 * 1e-9;
        let keep = 1.0 - ppb(storage.loss_ppb);
        let mut index = StorageIndex::default();
        for t in 0..size {
            let last = t + 1 == size;
            let flow = |most: gridaccord_model::Watts, cost: f64| Column {
                cost,
                hi: most.0 as f64 / POWER_UNIT,
                ..Column::default()
            };
            let local = self.key(Rank::Local, t);
            let charge = self.program.column(local, flow(storage.charge_max, 0.0));
            let discharge =
                self.program.column(local, flow(storage.discharge_max, storage.wear as f64 * 1e-6));
            let held = Column {
                lo: if last { storage.final_min_uwh as f64 / unit } else { 0.0 },
                hi: storage.capacity_uwh as f64 / unit,
                ..Column::default()
            };
            let stored = self.program.column(self.key(Rank::State, t), held);
            let right = if t == 0 { keep * storage.initial_uwh as f64 / unit } else { 0.0 };
            let row = self.program.row(self.key(Rank::Link, t), Row { is_equality: true, right });
            self.program.entry(row, stored, 1.0);
            self.program.entry(row, charge, -ppb(storage.charge_ppb));
            self.program.entry(row, discharge, ppb(storage.discharge_ppb));
            if t > 0 {
                self.program.entry(row, index.stored[t - 1], -keep);
            }
            self.emit(t, discharge, 0, storage.embodied_mg_per_kwh);
            index.charge.push(charge);
            index.discharge.push(discharge);
            index.stored.push(stored);
            index.energy.push(row);
        }
        for rows in [self.balance.clone(), self.reserve.clone()] {
            self.enter(&rows, &index.discharge, 1.0);
            self.enter(&rows, &index.charge, -1.0);
        }
        self.storages.push(index);
    }

    /// Returns the columns of import.
    fn add_tie(&mut self, problem: &Horizon) -> Vec<u32> {
        let parts = problem.parts();
        let tie = &parts.tie;
        let import = self.supply(&powers(&tie.import_max), |t| tie.tariff[t].0 as f64 * 1e-3);
        for (t, column) in import.iter().enumerate() {
            self.emit(t, *column, tie.carbon_mg_per_kwh[t], tie.embodied_mg_per_kwh[t]);
        }
        self.resources += 1;
        for (t, most) in powers(&tie.export_max).into_iter().enumerate() {
            let cost = -tie.feed_in[t].0 as f64 * 1e-3;
            let column = Column { cost, hi: most, ..Column::default() };
            let export = self.program.column(self.key(Rank::Local, t), column);
            self.program.entry(self.balance[t], export, -1.0);
        }
        if tie.demand_charge > 0 {
            let before = tie.peak_before.0 as f64 / POWER_UNIT;
            let limit = powers(&tie.import_max).into_iter().fold(before, f64::max);
            let cost = tie.demand_charge as f64 * 3.6 / f64::from(parts.duration_s);
            let column = Column { cost, lo: before, hi: limit, ..Column::default() };
            let peak = self.program.column([u32::MAX, 1, 0], column);
            for (t, import) in import.iter().enumerate() {
                let key = self.key(Rank::Link, t);
                let row = self.program.row(key, Row { is_equality: false, right: 0.0 });
                self.program.entry(row, *import, 1.0);
                self.program.entry(row, peak, -1.0);
                self.peak.push(row);
            }
        }
        import
    }

    fn point(&self, problem: &Horizon, solved: &program::Solved) -> Point {
        let x = |columns: &Vec<u32>| columns.iter().map(|at| solved.x[*at as usize]).collect();
        let y = |rows: &Vec<u32>| rows.iter().map(|at| solved.y[*at as usize]).collect();
        let peak =
            if self.peak.is_empty() { vec![0.0; problem.intervals()] } else { y(&self.peak) };
        Point {
            generators: self.generators.iter().map(|index| x(&index.power)).collect(),
            charge: self.storages.iter().map(|index| x(&index.charge)).collect(),
            discharge: self.storages.iter().map(|index| x(&index.discharge)).collect(),
            stored: self.storages.iter().map(|index| x(&index.stored)).collect(),
            shed: self.shed.iter().map(x).collect(),
            price: self.balance.iter().map(|at| -solved.y[*at as usize]).collect(),
            reserve: y(&self.reserve),
            carbon: std::array::from_fn(|at| {
                let index = &self.carbon[at];
                let one = |row: Option<u32>| row.map_or(0.0, |row| solved.y[row as usize]);
                Carbon {
                    horizon: one(index.horizon),
                    interval: y(&index.interval),
                    excess: one(index.excess),
                }
            }),
            peak,
            ramp: self.generators.iter().map(|index| y(&index.ramp)).collect(),
            energy: self.storages.iter().map(|index| y(&index.energy)).collect(),
            shift: self.shift.iter().map(x).collect(),
            shift_value: y(&self.shift_energy),
            loss: self.losses.loss.iter().map(y).collect(),
            hold: self.losses.hold.iter().map(y).collect(),
        }
    }
}

/// mg in one kg/kWh times a kW over an interval.
fn carbon_unit(problem: &Horizon) -> f64 {
    scaled::CARBON_UNIT * f64::from(problem.parts().duration_s) / 3_600.0
}
