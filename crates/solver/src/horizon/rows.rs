//! The border's rows: caps on carbon, the energy of shiftable loads, and the peak.

use super::{
    blocks::{BOUNDARIES, Reaction, Sums},
    border::{Column, sums},
    boxed::{Boxed, Gap, Limits, Target},
    import::PeakRow,
    lanes::Lanes,
    warm::AWAY,
};

/// Caps within one boundary, kg/kWh times kW.
#[derive(Clone, Debug, Default)]
pub(super) struct CapSpec {
    pub(super) horizon: Option<f64>,
    /// Empty without caps of intervals; at most one boundary has them.
    pub(super) interval: Vec<f64>,
    pub(super) excess_interval: f64,
    pub(super) excess_horizon: f64,
}

/// An inequality's slack.
#[derive(Clone, Copy, Debug, Default)]
struct Slack {
    left: f64,
    step: f64,
    product: f64,
}

/// Momentary excess over the caps of intervals.
#[derive(Clone, Debug)]
struct Excess {
    row: usize,
    power: Boxed,
    yielding: Vec<f64>,
}

/// Rows, their multipliers, and their slacks where they are inequalities.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    horizon: [Option<usize>; BOUNDARIES],
    /// Boundary and first row.
    interval: Option<(usize, usize)>,
    excess: Option<Excess>,
    /// First row, and how many.
    shift: (usize, usize),
    right: Vec<f64>,
    pub(super) values: Vec<f64>,
    pub(super) steps: Vec<f64>,
    slacks: Vec<Slack>,
}

impl Rows {
    pub(super) fn new(caps: &[CapSpec; BOUNDARIES], energies: &[f64], value: f64, mu: f64) -> Self {
        let mut rows = Self {
            horizon: [None; BOUNDARIES],
            interval: None,
            excess: None,
            shift: (0, energies.len()),
            right: Vec::new(),
            values: Vec::new(),
            steps: Vec::new(),
            slacks: Vec::new(),
        };
        for (boundary, cap) in caps.iter().enumerate() {
            rows.horizon[boundary] = cap.horizon.map(|cap| rows.inequality(cap, mu));
            if cap.interval.is_empty() {
                continue;
            }
            rows.interval = Some((boundary, rows.right.len()));
            cap.interval.iter().for_each(|cap| {
                rows.inequality(*cap, mu);
            });
            let most = cap.excess_interval.min(cap.excess_horizon);
            if most > 0.0 {
                let size = cap.interval.len();
                let power =
                    Boxed::new(&vec![0.3 * most; size], &vec![0.0; size], &vec![most; size], mu);
                let row = rows.inequality(cap.excess_horizon, mu);
                rows.excess = Some(Excess { row, power, yielding: vec![0.0; size] });
            }
        }
        rows.shift.0 = rows.right.len();
        for energy in energies {
            rows.right.push(*energy);
            rows.values.push(-value);
        }
        rows.steps = vec![0.0; rows.values.len()];
        rows
    }

    fn inequality(&mut self, right: f64, mu: f64) -> usize {
        let left = 0.3 * right + 1e-9;
        self.right.push(right);
        self.values.push(mu / left);
        self.slacks.push(Slack { left, ..Slack::default() });
        self.right.len() - 1
    }

    /// Sets multipliers: of caps by boundary (horizon, intervals, excess), and φ.
    pub(super) fn place(&mut self, carbon: &[(f64, Vec<f64>, f64); BOUNDARIES], shift: &[f64]) {
        for (boundary, (horizon, interval, excess)) in carbon.iter().enumerate() {
            if let Some(row) = self.horizon[boundary] {
                self.values[row] = *horizon;
            }
            if let Some((_, first)) = self.interval.filter(|(capped, _)| *capped == boundary) {
                for (value, known) in self.values[first..].iter_mut().zip(interval) {
                    *value = *known;
                }
                if let Some(own) = &self.excess {
                    self.values[own.row] = *excess;
                }
            }
        }
        let first = self.shift.0;
        self.values[first..].copy_from_slice(shift);
    }

    /// Slacks from what resources emit, and multipliers that suit them.
    pub(super) fn place_slacks(&mut self, now: &Sums, mu: f64) {
        let list = self.sums(now, |power, t| power.0[t].x);
        for (row, slack) in self.slacks.iter_mut().enumerate() {
            let most = AWAY * (1.0 + self.right[row].abs());
            let least = (mu / self.values[row].max(mu / most)).max(1e-9 * most);
            slack.left = (self.right[row] - list[row]).max(least);
            self.values[row] = self.values[row].max(mu / slack.left);
        }
    }

    /// Boundary with caps of intervals.
    pub(super) fn capped(&self) -> Option<usize> {
        self.interval.map(|(boundary, _)| boundary)
    }

    /// What carbon of a boundary costs in an interval, for multipliers of all rows.
    pub(super) fn carbon(&self, values: &[f64], boundary: usize, t: usize) -> f64 {
        let horizon = self.horizon[boundary].map_or(0.0, |row| values[row]);
        match self.interval {
            Some((capped, first)) if capped == boundary => horizon + values[first + t],
            _ => horizon,
        }
    }

    /// φ of all loads.
    pub(super) fn shift<'a>(&self, values: &'a [f64]) -> &'a [f64] {
        &values[self.shift.0..self.shift.0 + self.shift.1]
    }

    /// Multipliers of a boundary's caps: over the horizon, of intervals, of the excess.
    pub(super) fn multipliers(&self, boundary: usize) -> (f64, Vec<f64>, f64) {
        let horizon = self.horizon[boundary].map_or(0.0, |row| self.values[row]);
        match self.interval {
            Some((capped, first)) if capped == boundary => {
                let end = self.excess.as_ref().map_or(self.slacks.len(), |excess| excess.row);
                let excess = self.excess.as_ref().map_or(0.0, |excess| self.values[excess.row]);
                (horizon, self.values[first..end.min(self.slacks.len())].to_vec(), excess)
            }
            _ => (horizon, Vec::new(), 0.0),
        }
    }

    /// Left sides: what resources contribute, or change of it.
    fn sums(&self, sums_of: &Sums, excess: impl Fn(&Boxed, usize) -> f64) -> Vec<f64> {
        let mut list = vec![0.0; self.right.len()];
        for boundary in 0..BOUNDARIES {
            let carbon = sums(&sums_of.carbon[boundary]);
            if let Some(row) = self.horizon[boundary] {
                list[row] = carbon.iter().sum();
            }
            if let Some((_, first)) = self.interval.filter(|(capped, _)| *capped == boundary) {
                list[first..first + carbon.len()].copy_from_slice(&carbon);
            }
        }
        if let (Some(Excess { row, power, .. }), Some((_, first))) = (&self.excess, self.interval) {
            for t in 0..power.0.len() {
                list[first + t] -= excess(power, t);
                list[*row] += excess(power, t);
            }
        }
        let (first, count) = self.shift;
        list[first..first + count].copy_from_slice(&sums_of.shift);
        list
    }

    /// Greatest relative violation.
    pub(super) fn infeasibility(&self, now: &Sums) -> f64 {
        let list = self.sums(now, |power, t| power.0[t].x);
        let mut worst = 0.0f64;
        for (row, (sum, right)) in list.iter().zip(&self.right).enumerate() {
            let left = self.slacks.get(row).map_or(0.0, |slack| slack.left);
            worst = worst.max((sum + left - right).abs() / (1.0 + right.abs()));
        }
        worst
    }

    /// Columns of the border and the matrix they meet in, the peak last.
    pub(super) fn border(
        &mut self,
        reaction: &Reaction,
        peak: Option<&PeakRow>,
    ) -> (Vec<Column>, Vec<f64>) {
        let size = reaction.diagonal.len();
        let count = self.right.len() + usize::from(peak.is_some());
        let mut columns = vec![Column::default(); count];
        let mut stiffness = vec![0.0; count * count];
        let mut set = |one: usize, other: usize, value: f64| {
            stiffness[one * count + other] += value;
            if one != other {
                stiffness[other * count + one] += value;
            }
        };
        for (row, slack) in self.slacks.iter().enumerate() {
            set(row, row, slack.left / self.values[row]);
        }
        for boundary in 0..BOUNDARIES {
            let Some(row) = self.horizon[boundary] else { continue };
            columns[row] = Column {
                price: sums(&reaction.supply_carbon[boundary]),
                reserve: sums(&reaction.reserved_carbon[boundary]),
            };
            set(row, row, reaction.carbon[2 * boundary].sum());
        }
        if let [Some(one), Some(other)] = self.horizon {
            set(one, other, reaction.carbon[1].sum());
        }
        if let (Some((_, first)), Some(intervals)) = (self.interval, &reaction.intervals) {
            for t in 0..size {
                let reserve: Vec<f64> =
                    (0..size).map(|other| intervals.supply.entry(t, other)).collect();
                let mut price = reserve.clone();
                price[t] += intervals.supply_free[t].sum();
                columns[first + t] = Column { price, reserve };
                for other in 0..t {
                    set(first + t, first + other, intervals.carbon.entry(t, other));
                }
                let free = intervals.carbon_free[t].sum();
                set(first + t, first + t, intervals.carbon.entry(t, t) + free);
                for (row, list) in self.horizon.iter().zip(&intervals.horizon) {
                    if let Some(row) = row {
                        set(*row, first + t, list[t].sum());
                    }
                }
            }
        }
        if let (Some(excess), Some((_, first))) = (&mut self.excess, self.interval) {
            for t in 0..size {
                let yielding = 1.0 / excess.power.0[t].curvature();
                excess.yielding[t] = yielding;
                set(first + t, first + t, yielding);
                set(excess.row, first + t, -yielding);
                set(excess.row, excess.row, yielding);
            }
            columns[excess.row] = zero(size);
        }
        for (load, (supply, sum)) in reaction.shift.iter().enumerate() {
            let row = self.shift.0 + load;
            columns[row] = Column { price: supply.clone(), reserve: vec![0.0; size] };
            set(row, row, *sum);
        }
        if let Some(peak) = peak {
            let last = count - 1;
            let price = peak.supply.iter().map(|supply| -supply).collect();
            columns[last] = Column { price, reserve: vec![0.0; size] };
            set(last, last, -peak.stiffness);
            for boundary in 0..BOUNDARIES {
                if let Some(row) = self.horizon[boundary] {
                    set(row, last, -peak.carbon[boundary].iter().sum::<f64>());
                }
            }
            if let Some((boundary, first)) = self.interval {
                for (t, carbon) in peak.carbon[boundary].iter().enumerate() {
                    set(first + t, last, -carbon);
                }
            }
        }
        (columns, stiffness)
    }

    /// Right sides of the rows, after what changes at multipliers as they are.
    pub(super) fn rights(&mut self, now: &Sums, change: &Sums, target: Target) -> Vec<f64> {
        if let (Some(excess), Some((_, first))) = (&mut self.excess, self.interval) {
            for (t, cell) in excess.power.0.iter_mut().enumerate() {
                let slope = self.values[excess.row] - self.values[first + t];
                cell.dx = (cell.pull(target) - slope) * excess.yielding[t];
            }
        }
        let at = self.sums(now, |power, t| power.0[t].x);
        let steps = self.sums(change, |power, t| power.0[t].dx);
        let mut rights: Vec<f64> = self
            .right
            .iter()
            .zip(at.iter().zip(&steps))
            .map(|(right, (at, step))| right - at - step)
            .collect();
        for (row, slack) in self.slacks.iter().enumerate() {
            rights[row] -= target.less(slack.product) / self.values[row];
        }
        rights
    }

    /// Completes the steps of slacks and excess once multipliers have steps.
    pub(super) fn follow(&mut self, steps: &[f64], target: Target, limits: &mut Limits) {
        self.steps.copy_from_slice(&steps[..self.right.len()]);
        for (row, slack) in self.slacks.iter_mut().enumerate() {
            let (value, step) = (self.values[row], self.steps[row]);
            slack.step =
                target.less(slack.product) / value - slack.left - slack.left / value * step;
            limits.primal = limits.primal.max(-slack.step / slack.left);
            limits.dual = limits.dual.max(-step / value);
        }
        if let (Some(excess), Some((_, first))) = (&mut self.excess, self.interval) {
            for (t, cell) in excess.power.0.iter_mut().enumerate() {
                cell.dx += excess.yielding[t] * (self.steps[first + t] - self.steps[excess.row]);
            }
            excess.power.steps(target, limits);
        }
    }

    /// Adds complementarity after a step and keeps second-order products.
    pub(super) fn correct(&mut self, primal: f64, dual: f64, gap: &mut Gap) {
        for (row, slack) in self.slacks.iter_mut().enumerate() {
            let value = self.values[row] + dual * self.steps[row];
            gap.add((slack.left + primal * slack.step) * value);
            slack.product = slack.step * self.steps[row];
        }
        if let Some(excess) = &mut self.excess {
            excess.power.correct(primal, dual, gap);
        }
    }

    pub(super) fn advance(&mut self, primal: f64, dual: f64, gap: &mut Gap) {
        for (value, step) in self.values.iter_mut().zip(&self.steps) {
            *value += dual * step;
        }
        for (row, slack) in self.slacks.iter_mut().enumerate() {
            slack.left += primal * slack.step;
            gap.add(slack.left * self.values[row]);
        }
        if let Some(excess) = &mut self.excess {
            excess.power.advance(primal, dual, gap);
        }
    }
}

fn zero(size: usize) -> Column {
    Column { price: vec![0.0; size], reserve: vec![0.0; size] }
}

/// One lane's number.
pub(super) fn single(value: f64) -> Lanes {
    let mut lanes = Lanes::ZERO;
    lanes.0[0] = value;
    lanes
}
