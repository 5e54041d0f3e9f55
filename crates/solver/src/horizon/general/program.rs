//! A convex quadratic program between finite bounds, and the interior point that solves it.
//!
//! minimise ½Σq·x² + Σc·x, lo ≤ x ≤ hi, each row either Σa·x = b or Σa·x ≤ b. Mehrotra's predictor–corrector on
//! the quasi-definite system of steps, regularised a little and refined. Bounds are finite, so whatever is stated
//! has dual points; that it has no primal point shows as an infeasibility that does not fall.

use super::sparse::Factor;

/// Iterations before giving up.
const ITERATIONS_MAX: usize = 80;
/// Iterations without a better point after which nothing better is expected.
const PATIENCE: usize = 8;
/// Relative gap and infeasibility with which a stalled point is still worth rounding.
const NEARLY: f64 = 1e-5;
/// Curvature of a variable whose bounds meet.
const HELD: f64 = 1e20;
/// Regularisation of both diagonals; refinement takes its effect out again.
const REGULAR: f64 = 1e-9;
/// What is left of a right side, at most, once its solution is refined enough.
const REFINED: f64 = 1e-10;
const TO_BOUNDARY: f64 = 0.995;

/// Relative gap and infeasibility that are good enough.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tolerance {
    pub(super) relative: f64,
    pub(super) infeasibility: f64,
}

/// Of a dispatch, which is rounded to whole watts anyway.
pub(super) const TO_ROUND: Tolerance = Tolerance { relative: 3e-7, infeasibility: 5e-7 };
/// Of what proves something by itself.
pub(super) const TO_PROVE: Tolerance = Tolerance { relative: 1e-8, infeasibility: 1e-8 };

/// A variable.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Column {
    pub(super) cost: f64,
    pub(super) quadratic: f64,
    pub(super) lo: f64,
    pub(super) hi: f64,
}

/// A constraint; the sum itself is in the program's entries.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) is_equality: bool,
    pub(super) right: f64,
}

/// Where an unknown stands in the order of elimination: sorted, the least first.
pub(super) type Key = [u32; 3];

/// The program, built column by column and row by row.
#[derive(Clone, Debug, Default)]
pub(super) struct Program {
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Row>,
    /// Row, column, coefficient; no pair twice.
    pub(super) entries: Vec<(u32, u32, f64)>,
    column_keys: Vec<Key>,
    row_keys: Vec<Key>,
}

impl Program {
    pub(super) fn column(&mut self, key: Key, column: Column) -> u32 {
        self.columns.push(column);
        self.column_keys.push(key);
        self.columns.len() as u32 - 1
    }

    pub(super) fn row(&mut self, key: Key, row: Row) -> u32 {
        self.rows.push(row);
        self.row_keys.push(key);
        self.rows.len() as u32 - 1
    }

    pub(super) fn entry(&mut self, row: u32, column: u32, coefficient: f64) {
        if coefficient != 0.0 {
            self.entries.push((row, column, coefficient));
        }
    }

    fn factor(&self) -> Option<Factor> {
        let columns = self.columns.len() as u32;
        let keys: Vec<Key> = self.column_keys.iter().chain(&self.row_keys).copied().collect();
        let mut order: Vec<u32> = (0..keys.len() as u32).collect();
        order.sort_by_key(|unknown| keys[*unknown as usize]);
        let mut place = vec![0; keys.len()];
        for (at, unknown) in order.into_iter().enumerate() {
            place[unknown as usize] = at as u32;
        }
        let entries: Vec<(u32, u32, f64)> = self
            .entries
            .iter()
            .map(|(row, column, value)| (columns + row, *column, *value))
            .collect();
        Factor::new(&entries, place)
    }

    /// Σa·x by row.
    fn times(&self, x: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; self.rows.len()];
        for (row, column, value) in &self.entries {
            sums[*row as usize] += value * x[*column as usize];
        }
        sums
    }

    /// Σa·y by column.
    fn transposed(&self, y: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; self.columns.len()];
        for (row, column, value) in &self.entries {
            sums[*column as usize] += value * y[*row as usize];
        }
        sums
    }

    /// Solves; `None` where the system is too large to factor.
    pub(super) fn solve(&self, tolerance: Tolerance) -> Option<Solved> {
        let mut factor = self.factor()?;
        Some(Interior::new(self).run(&mut factor, tolerance))
    }
}

/// Where the iteration came to.
#[derive(Clone, Debug)]
pub(super) struct Solved {
    pub(super) x: Vec<f64>,
    /// Multipliers of the rows, at least 0 where the row is an inequality.
    pub(super) y: Vec<f64>,
    pub(super) converged: bool,
    pub(super) iterations: usize,
}

/// The point and a step of it.
#[derive(Clone, Debug)]
struct Vectors {
    x: Vec<f64>,
    lower: Vec<f64>,
    upper: Vec<f64>,
    y: Vec<f64>,
    slack: Vec<f64>,
}

struct Interior<'a> {
    program: &'a Program,
    at: Vectors,
}

/// Second-order products of the predictor.
struct Products {
    lower: Vec<f64>,
    upper: Vec<f64>,
    slack: Vec<f64>,
}

struct Measure {
    relative: f64,
    infeasibility: f64,
    mean: f64,
}

impl Measure {
    fn is_within(&self, tolerance: Tolerance) -> bool {
        self.relative <= tolerance.relative && self.infeasibility <= tolerance.infeasibility
    }
}

impl<'a> Interior<'a> {
    fn new(program: &'a Program) -> Self {
        let x: Vec<f64> =
            program.columns.iter().map(|column| f64::midpoint(column.lo, column.hi)).collect();
        let scale = program.columns.iter().map(|column| column.cost.abs()).fold(1.0, f64::max);
        let multipliers: Vec<f64> = program
            .columns
            .iter()
            .map(|column| if is_free(column) { 0.1 * scale + column.cost.abs() } else { 0.0 })
            .collect();
        let sums = program.times(&x);
        let inequality = |value: f64, row: &Row| if row.is_equality { 0.0 } else { value };
        let slack = program
            .rows
            .iter()
            .zip(&sums)
            .map(|(row, sum)| inequality((row.right - sum).abs().max(1.0), row))
            .collect();
        let y = program.rows.iter().map(|row| inequality(0.1 * scale, row)).collect();
        Self {
            program,
            at: Vectors { x, lower: multipliers.clone(), upper: multipliers, y, slack },
        }
    }

    fn run(mut self, factor: &mut Factor, tolerance: Tolerance) -> Solved {
        let mut best: Option<(f64, Vec<f64>, Vec<f64>)> = None;
        let (mut iterations, mut improved) = (0, 0);
        for iteration in 0..ITERATIONS_MAX {
            iterations = iteration;
            let measure = self.measure();
            let worst = measure.relative.max(measure.infeasibility);
            if !worst.is_finite() {
                break;
            }
            if best.as_ref().is_none_or(|(least, ..)| worst < *least) {
                best = Some((worst, self.at.x.clone(), self.at.y.clone()));
                improved = iteration;
            }
            let stalls = iteration > improved + PATIENCE;
            if stalls || measure.is_within(tolerance) || !self.iterate(factor, measure.mean) {
                break;
            }
        }
        let (worst, x, y) = best.unwrap_or((f64::INFINITY, self.at.x, self.at.y));
        Solved { x, y, converged: worst <= NEARLY, iterations }
    }

    fn measure(&self) -> Measure {
        let (program, at) = (self.program, &self.at);
        let (mut sum, mut count, mut cost) = (0.0, 0.0, 0.0);
        let pulls = program.transposed(&at.y);
        let mut infeasibility = 0.0f64;
        for (column, spec) in program.columns.iter().enumerate() {
            let x = at.x[column];
            cost += (0.5 * spec.quadratic * x + spec.cost) * x;
            if is_free(spec) {
                sum += at.lower[column] * (x - spec.lo) + at.upper[column] * (spec.hi - x);
                count += 2.0;
                let slope = spec.cost + spec.quadratic * x + pulls[column] - at.lower[column]
                    + at.upper[column];
                infeasibility = infeasibility.max(slope.abs() / (1.0 + spec.cost.abs()));
            }
        }
        for ((row, sum_of_row), (slack, y)) in
            program.rows.iter().zip(program.times(&at.x)).zip(at.slack.iter().zip(&at.y))
        {
            let off = (row.right - sum_of_row - slack).abs() / (1.0 + row.right.abs());
            infeasibility = infeasibility.max(off);
            if !row.is_equality {
                sum += slack * y;
                count += 1.0;
            }
        }
        Measure {
            relative: sum / (1.0 + cost.abs()),
            infeasibility,
            mean: if count > 0.0 { sum / count } else { 0.0 },
        }
    }

    /// Predictor and corrector; whether there was a step worth taking.
    fn iterate(&mut self, factor: &mut Factor, mean: f64) -> bool {
        let curvature = self.curvature();
        factor.factor(&curvature);
        let zero = Products {
            lower: vec![0.0; self.at.x.len()],
            upper: vec![0.0; self.at.x.len()],
            slack: vec![0.0; self.at.y.len()],
        };
        let step = self.step(factor, &curvature, 0.0, &zero);
        let (primal, dual) = self.limits(&step, 1.0);
        let centring = (self.after(&step, primal, dual) / mean).powi(3).clamp(1e-6, 0.8);
        let products = Products {
            lower: product(&step.x, &step.lower, 1.0),
            upper: product(&step.x, &step.upper, -1.0),
            slack: product(&step.slack, &step.y, 1.0),
        };
        let step = self.step(factor, &curvature, centring * mean, &products);
        let (mut primal, mut dual) = self.limits(&step, TO_BOUNDARY);
        if self.program.columns.iter().any(|column| column.quadratic > 0.0) {
            primal = primal.min(dual);
            dual = primal;
        }
        let finite = step.x.iter().chain(&step.y).all(|value| value.is_finite());
        if !finite || primal.max(dual) < 1e-8 {
            return false;
        }
        let add = |values: &mut [f64], steps: &[f64], length: f64| {
            values.iter_mut().zip(steps).for_each(|(value, step)| *value += length * step);
        };
        add(&mut self.at.x, &step.x, primal);
        add(&mut self.at.slack, &step.slack, primal);
        add(&mut self.at.lower, &step.lower, dual);
        add(&mut self.at.upper, &step.upper, dual);
        add(&mut self.at.y, &step.y, dual);
        true
    }

    /// Diagonal of the system of steps: columns, then rows.
    fn curvature(&self) -> Vec<f64> {
        let at = &self.at;
        let columns = self.program.columns.iter().enumerate().map(|(column, spec)| {
            if is_free(spec) {
                let (below, above) = distances(spec, at.x[column]);
                spec.quadratic + at.lower[column] / below + at.upper[column] / above + REGULAR
            } else {
                HELD
            }
        });
        let rows =
            self.program.rows.iter().zip(at.slack.iter().zip(&at.y)).map(|(row, (slack, y))| {
                if row.is_equality { -REGULAR } else { -slack / y - REGULAR }
            });
        columns.chain(rows).collect()
    }

    /// Steps toward products of `target` less the second-order ones.
    fn step(
        &self,
        factor: &mut Factor,
        curvature: &[f64],
        target: f64,
        products: &Products,
    ) -> Vectors {
        let (program, at) = (self.program, &self.at);
        let count = program.columns.len();
        let pulls = program.transposed(&at.y);
        let mut right: Vec<f64> = program
            .columns
            .iter()
            .enumerate()
            .map(|(column, spec)| {
                if !is_free(spec) {
                    return 0.0;
                }
                let (below, above) = distances(spec, at.x[column]);
                (target - products.lower[column]) / below
                    - (target - products.upper[column]) / above
                    - spec.cost
                    - spec.quadratic * at.x[column]
                    - pulls[column]
            })
            .collect();
        for (row, (spec, sum)) in program.rows.iter().zip(program.times(&at.x)).enumerate() {
            let wanted =
                if spec.is_equality { 0.0 } else { (target - products.slack[row]) / at.y[row] };
            right.push(spec.right - sum - wanted);
        }
        let solved = self.refined(factor, curvature, &right);
        let (x, y) = (solved[..count].to_vec(), solved[count..].to_vec());
        let (mut lower, mut upper) = (vec![0.0; count], vec![0.0; count]);
        for (column, spec) in program.columns.iter().enumerate().filter(|(_, spec)| is_free(spec)) {
            let (below, above) = distances(spec, at.x[column]);
            let (low, high) = (at.lower[column], at.upper[column]);
            lower[column] = (target - products.lower[column] - low * x[column]) / below - low;
            upper[column] = (target - products.upper[column] + high * x[column]) / above - high;
        }
        let slack = program
            .rows
            .iter()
            .enumerate()
            .map(|(row, spec)| {
                if spec.is_equality {
                    return 0.0;
                }
                (target - products.slack[row] - at.slack[row] * y[row]) / at.y[row] - at.slack[row]
            })
            .collect();
        Vectors { x, lower, upper, y, slack }
    }

    /// Solves the system without its regularisation, by refinement.
    fn refined(&self, factor: &mut Factor, curvature: &[f64], right: &[f64]) -> Vec<f64> {
        let count = self.program.columns.len();
        let mut solution = right.to_vec();
        factor.solve(&mut solution);
        let size = |values: &[f64]| values.iter().fold(0.0f64, |most, value| most.max(value.abs()));
        let enough = REFINED * size(right);
        for _ in 0..3 {
            let (x, y) = solution.split_at(count);
            let pulls = self.program.transposed(y);
            let sums = self.program.times(x);
            let mut rest: Vec<f64> = (0..right.len())
                .map(|at| {
                    let (product, regular) = if at < count {
                        (pulls[at], REGULAR)
                    } else {
                        (sums[at - count], -REGULAR)
                    };
                    right[at] - (curvature[at] - regular) * solution[at] - product
                })
                .collect();
            if size(&rest) <= enough {
                break;
            }
            factor.solve(&mut rest);
            solution.iter_mut().zip(&rest).for_each(|(value, step)| *value += step);
        }
        solution
    }

    /// How far primal and dual may go, `share` of the way to the boundary.
    fn limits(&self, step: &Vectors, share: f64) -> (f64, f64) {
        let (mut primal, mut dual) = (share, share);
        let shorten = |length: &mut f64, distance: f64, step: f64| {
            if -step * *length > distance {
                *length = -distance / step;
            }
        };
        for (column, spec) in
            self.program.columns.iter().enumerate().filter(|(_, spec)| is_free(spec))
        {
            let (below, above) = distances(spec, self.at.x[column]);
            shorten(&mut primal, share * below, step.x[column]);
            shorten(&mut primal, share * above, -step.x[column]);
            shorten(&mut dual, share * self.at.lower[column], step.lower[column]);
            shorten(&mut dual, share * self.at.upper[column], step.upper[column]);
        }
        for (row, spec) in self.program.rows.iter().enumerate() {
            if !spec.is_equality {
                shorten(&mut primal, share * self.at.slack[row], step.slack[row]);
                shorten(&mut dual, share * self.at.y[row], step.y[row]);
            }
        }
        (primal, dual)
    }

    /// Mean complementarity after a step.
    fn after(&self, step: &Vectors, primal: f64, dual: f64) -> f64 {
        let at = &self.at;
        let (mut sum, mut count) = (0.0, 0.0);
        for (column, spec) in
            self.program.columns.iter().enumerate().filter(|(_, spec)| is_free(spec))
        {
            let x = at.x[column] + primal * step.x[column];
            sum += (x - spec.lo) * (at.lower[column] + dual * step.lower[column])
                + (spec.hi - x) * (at.upper[column] + dual * step.upper[column]);
            count += 2.0;
        }
        for (row, spec) in self.program.rows.iter().enumerate() {
            if !spec.is_equality {
                sum +=
                    (at.slack[row] + primal * step.slack[row]) * (at.y[row] + dual * step.y[row]);
                count += 1.0;
            }
        }
        if count > 0.0 { sum / count } else { 0.0 }
    }
}

fn product(one: &[f64], other: &[f64], sign: f64) -> Vec<f64> {
    one.iter().zip(other).map(|(one, other)| sign * one * other).collect()
}

fn is_free(column: &Column) -> bool {
    column.hi - column.lo > 1e-12 * (1.0 + column.hi.abs())
}

/// Distances to both bounds, not below the value's own resolution.
fn distances(column: &Column, x: f64) -> (f64, f64) {
    let least = 1e-14 * (1.0 + x.abs());
    ((x - column.lo).max(least), (column.hi - x).max(least))
}
