//! Mehrotra's predictor–corrector on the reduced system: T prices and T reserve prices by one Cholesky, the carbon
//! multiplier and the peak as two border columns.

use super::{
    blocks::{Block, Free, Multipliers, Ramped, Reaction, Sums},
    boxed::{Gap, Limits, TO_BOUNDARY, Target},
    import::PeakRow,
    scaled::Scaled,
    store::Store,
};

/// Iterations before giving up; thirty or forty are normal.
const ITERATIONS_MAX: usize = 120;
/// Relative gap and relative infeasibility at which the point is good enough to be rounded.
const TOLERANCE: f64 = 3e-7;
const INFEASIBLE: f64 = 5e-7;
/// Relative gap at which a point is kept if the next one is worse.
const NEARLY: f64 = 1e-5;

/// Why the iteration ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Converged,
    Stopped,
}

/// Where an iteration started, and the step it took.
#[derive(Clone, Copy, Debug)]
struct Reached {
    relative: f64,
    infeasibility: f64,
    primal: f64,
    dual: f64,
}

impl Reached {
    /// Whether this point was nearly done and the next one lost its feasibility.
    fn is_better(&self, relative: f64, infeasibility: f64) -> bool {
        let nearly = self.relative <= NEARLY && self.infeasibility <= INFEASIBLE;
        let lost = infeasibility > INFEASIBLE || !relative.is_finite();
        nearly && lost
    }
}

/// The iteration's state beside the blocks.
#[derive(Clone, Debug)]
pub(super) struct Ipm {
    pub(super) scaled: Scaled,
    pub(super) multipliers: Multipliers,
    steps: Multipliers,
    /// Reserve left, and its step.
    left: Vec<f64>,
    left_step: Vec<f64>,
    left_product: Vec<f64>,
    /// Carbon left under the cap.
    carbon_left: f64,
    carbon_left_step: f64,
    carbon_product: f64,
    peak_step: f64,
    now: Sums,
    change: Sums,
    reaction: Reaction,
    pub(super) iterations: usize,
}

/// Applies a closure to every block but the import.
fn each(scaled: &mut Scaled, mut act: impl FnMut(&mut dyn Block)) {
    scaled.free.iter_mut().for_each(|block: &mut Free| act(block));
    scaled.ramped.iter_mut().for_each(|block: &mut Ramped| act(block));
    scaled.stores.iter_mut().for_each(|block: &mut Store| act(block));
}

impl Ipm {
    pub(super) fn new(scaled: Scaled, prices: Vec<f64>, mu: f64) -> Self {
        let size = prices.len();
        let zero = vec![0.0; size];
        let left: Vec<f64> =
            scaled.ceiling.iter().map(|ceiling| 0.3 * ceiling.abs() + 1.0).collect();
        let reserve = left.iter().map(|left| mu / left).collect();
        let carbon_left = scaled.carbon_cap.map_or(0.0, |cap| 0.3 * cap + 1e-9);
        let carbon = if scaled.carbon_cap.is_some() { mu / carbon_left } else { 0.0 };
        Self {
            scaled,
            multipliers: Multipliers { price: prices, reserve, carbon },
            steps: Multipliers { price: zero.clone(), reserve: zero.clone(), carbon: 0.0 },
            left,
            left_step: zero.clone(),
            left_product: zero,
            carbon_left,
            carbon_left_step: 0.0,
            carbon_product: 0.0,
            peak_step: 0.0,
            now: Sums::new(size),
            change: Sums::new(size),
            reaction: Reaction::new(size),
            iterations: 0,
        }
    }

    /// Iterates to tolerance, or to where floating point has no more to give.
    pub(super) fn run(&mut self) -> End {
        // A step of nothing measures the start.
        let mut gap = self.advance(0.0, 0.0);
        let mut before: Option<Reached> = None;
        for iteration in 0..ITERATIONS_MAX {
            self.iterations = iteration;
            let cost = self.tally();
            let relative = gap.sum / (1.0 + cost.abs());
            let infeasibility = self.infeasibility();
            if relative <= TOLERANCE && infeasibility <= INFEASIBLE {
                return End::Converged;
            }
            // Near the end the system's condition can cost more feasibility than the step gains.
            if let Some(before) = before.filter(|before| before.is_better(relative, infeasibility))
            {
                self.advance(-before.primal, -before.dual);
                return End::Converged;
            }
            match self.iterate(gap.mean()) {
                Some((primal, dual, reached)) => {
                    before = Some(Reached { relative, infeasibility, primal, dual });
                    gap = reached;
                }
                None => return End::Stopped,
            }
        }
        End::Stopped
    }

    fn tally(&mut self) -> f64 {
        let Self { scaled, now, .. } = self;
        now.clear();
        let mut cost = scaled.import.tally(now);
        each(scaled, |block| cost += block.tally(now));
        cost
    }

    fn infeasibility(&self) -> f64 {
        let balance = self.now.supply.iter().zip(&self.scaled.demand);
        let worst = balance
            .map(|(supply, demand)| (demand - supply).abs() / (1.0 + demand))
            .fold(0.0, f64::max);
        let reserve = self.now.reserved.iter().zip(&self.left).zip(&self.scaled.ceiling);
        let worst = reserve
            .map(|((reserved, left), ceiling)| {
                (reserved + left - ceiling).abs() / (1.0 + ceiling.abs())
            })
            .fold(worst, f64::max);
        self.scaled.carbon_cap.map_or(worst, |cap| {
            worst.max((self.now.carbon + self.carbon_left - cap).abs() / (1.0 + cap))
        })
    }

    /// One predictor and one corrector; step lengths and the gap reached, or `None` where numbers ran out.
    fn iterate(&mut self, mean: f64) -> Option<(f64, f64, Gap)> {
        self.reaction.clear();
        let Self { scaled, reaction, .. } = self;
        let peak = scaled.import.factor(reaction);
        each(scaled, |block| block.factor(reaction));
        reaction.matrix.flush();
        let border = Border::new(self, peak);

        let limits = self.solve(&border, Target::PREDICTOR);
        let (primal, dual) = (full(limits.primal), full(limits.dual));
        let predicted = self.correct(primal, dual).mean();
        let centring = (predicted / mean).powi(3).clamp(1e-5, 0.9);
        let limits = self.solve(&border, Target::corrector(centring * mean));
        let (mut primal, mut dual) = (short(limits.primal), short(limits.dual));
        if self.scaled.is_quadratic {
            primal = primal.min(dual);
            dual = primal;
        }
        let finite = self
            .steps
            .price
            .iter()
            .chain([&self.steps.carbon, &self.peak_step])
            .all(|step| step.is_finite());
        if !finite || primal.max(dual) < 1e-9 {
            return None;
        }
        Some((primal, dual, self.advance(primal, dual)))
    }

    /// The gap after a step, keeping the products that the predictor neglected.
    fn correct(&mut self, primal: f64, dual: f64) -> Gap {
        let mut gap = Gap::default();
        for t in 0..self.left.len() {
            let (left_step, step) = (self.left_step[t], self.steps.reserve[t]);
            gap.add(
                (self.left[t] + primal * left_step) * (self.multipliers.reserve[t] + dual * step),
            );
            self.left_product[t] = left_step * step;
        }
        if self.scaled.carbon_cap.is_some() {
            let left = self.carbon_left + primal * self.carbon_left_step;
            gap.add(left * (self.multipliers.carbon + dual * self.steps.carbon));
        }
        self.carbon_product = self.carbon_left_step * self.steps.carbon;
        self.scaled.import.correct(primal, dual, &mut gap);
        each(&mut self.scaled, |block| block.correct(primal, dual, &mut gap));
        gap
    }

    /// Steps toward a target product; returns how far they may go.
    fn solve(&mut self, border: &Border, target: Target) -> Limits {
        let size = self.left.len();
        let Self { scaled, change, multipliers, .. } = self;
        change.clear();
        let peak_right = scaled.import.respond(multipliers, target, change);
        each(scaled, |block| block.respond(multipliers, target, change));
        let balance: Vec<f64> = (0..size)
            .map(|t| self.scaled.demand[t] - self.now.supply[t] - self.change.supply[t])
            .collect();
        let reserve: Vec<f64> = (0..size)
            .map(|t| {
                let wanted = target.less(self.left_product[t]) / self.multipliers.reserve[t];
                self.scaled.ceiling[t] - self.now.reserved[t] - wanted - self.change.reserved[t]
            })
            .collect();
        let carbon = self.scaled.carbon_cap.map_or(0.0, |cap| {
            cap - self.now.carbon
                - target.less(self.carbon_product) / self.multipliers.carbon
                - self.change.carbon
        });
        let (price_steps, reserve_steps, carbon_step, peak_step) =
            border.solve(&self.reaction, &balance, &reserve, carbon, peak_right);
        self.steps.price = price_steps;
        self.steps.reserve = reserve_steps;
        self.steps.carbon = carbon_step;
        self.peak_step = peak_step;
        self.follow(target)
    }

    fn follow(&mut self, target: Target) -> Limits {
        let Self { scaled, steps, .. } = self;
        scaled.import.follow(steps, self.peak_step, target);
        let mut limits = Limits::default();
        scaled.import.steps(target, &mut limits);
        each(scaled, |block| {
            block.follow(steps);
            block.steps(target, &mut limits);
        });
        for t in 0..self.left.len() {
            let (left, rho, step) =
                (self.left[t], self.multipliers.reserve[t], self.steps.reserve[t]);
            self.left_step[t] = target.less(self.left_product[t]) / rho - left - left / rho * step;
            limits.primal = limits.primal.max(-self.left_step[t] / left);
            limits.dual = limits.dual.max(-step / rho);
        }
        if self.scaled.carbon_cap.is_some() {
            let (left, mu, step) = (self.carbon_left, self.multipliers.carbon, self.steps.carbon);
            self.carbon_left_step = target.less(self.carbon_product) / mu - left - left / mu * step;
            limits.primal = limits.primal.max(-self.carbon_left_step / left);
            limits.dual = limits.dual.max(-step / mu);
        }
        limits
    }

    /// Takes a step; returns the gap reached.
    fn advance(&mut self, primal: f64, dual: f64) -> Gap {
        let mut gap = Gap::default();
        for t in 0..self.left.len() {
            self.left[t] += primal * self.left_step[t];
            self.multipliers.price[t] += dual * self.steps.price[t];
            self.multipliers.reserve[t] += dual * self.steps.reserve[t];
            gap.add(self.left[t] * self.multipliers.reserve[t]);
        }
        if self.scaled.carbon_cap.is_some() {
            self.carbon_left += primal * self.carbon_left_step;
            self.multipliers.carbon += dual * self.steps.carbon;
            gap.add(self.carbon_left * self.multipliers.carbon);
        }
        self.scaled.import.advance(primal, dual, &mut gap);
        each(&mut self.scaled, |block| block.advance(primal, dual, &mut gap));
        gap
    }
}

fn full(reciprocal: f64) -> f64 {
    1.0 / reciprocal.max(1.0)
}

fn short(reciprocal: f64) -> f64 {
    (TO_BOUNDARY / reciprocal.max(TO_BOUNDARY)).min(1.0)
}

/// The reduced system, factored: prices a, reserve prices −b, and the border.
struct Border {
    /// Θ = (1/N + 1/M)⁻¹ by interval.
    merged: Vec<f64>,
    /// M: reserve left over its multiplier.
    slack: Vec<f64>,
    carbon: Option<Column>,
    peak: Option<(Column, PeakRow)>,
    carbon_stiffness: f64,
}

/// A border column solved against the matrix.
struct Column {
    price: Vec<f64>,
    reserve: Vec<f64>,
}

impl Border {
    fn new(ipm: &mut Ipm, peak: Option<PeakRow>) -> Self {
        let size = ipm.left.len();
        let slack: Vec<f64> = (0..size).map(|t| ipm.left[t] / ipm.multipliers.reserve[t]).collect();
        let merged: Vec<f64> =
            (0..size).map(|t| 1.0 / (1.0 / ipm.reaction.diagonal[t] + 1.0 / slack[t])).collect();
        for (t, merged) in merged.iter().enumerate() {
            ipm.reaction.matrix.add_diagonal(t, *merged);
        }
        ipm.reaction.matrix.factor();
        let mut border = Self { merged, slack, carbon: None, peak: None, carbon_stiffness: 0.0 };
        if ipm.scaled.carbon_cap.is_some() {
            let reaction = &ipm.reaction;
            border.carbon =
                Some(border.core(reaction, &reaction.supply_carbon, &reaction.reserved_carbon));
            border.carbon_stiffness = reaction.carbon + ipm.carbon_left / ipm.multipliers.carbon;
        }
        border.peak =
            peak.map(|row| (border.core(&ipm.reaction, &row.supply, &vec![0.0; size]), row));
        border
    }

    /// Solves [S + N, S; S, S + M]·[a; b] = [r₁; r₂] through σ = a + b: (Θ + S)σ = Θ(r₁/N + r₂/M).
    ///
    /// The smaller of N and M gives its unknown from σ by subtraction of nothing large: the other way round
    /// feasibility is lost to cancellation near the end.
    fn core(&self, reaction: &Reaction, one: &[f64], other: &[f64]) -> Column {
        let size = one.len();
        let load: Vec<f64> = (0..size)
            .map(|t| self.merged[t] * (one[t] / reaction.diagonal[t] + other[t] / self.slack[t]))
            .collect();
        let mut sigma = load.clone();
        reaction.matrix.solve(&mut sigma);
        let (mut price, mut reserve) = (vec![0.0; size], vec![0.0; size]);
        for t in 0..size {
            let reacted = load[t] - self.merged[t] * sigma[t];
            if reaction.diagonal[t] > self.slack[t] {
                price[t] = (one[t] - reacted) / reaction.diagonal[t];
                reserve[t] = sigma[t] - price[t];
            } else {
                reserve[t] = (other[t] - reacted) / self.slack[t];
                price[t] = sigma[t] - reserve[t];
            }
        }
        Column { price, reserve }
    }

    /// Steps of prices, reserve prices, carbon multiplier and peak.
    fn solve(
        &self,
        reaction: &Reaction,
        balance: &[f64],
        reserve: &[f64],
        carbon: f64,
        peak: f64,
    ) -> (Vec<f64>, Vec<f64>, f64, f64) {
        let base = self.core(reaction, balance, reserve);
        let with_carbon = |column: &Column| {
            dot(&reaction.supply_carbon, &column.price)
                + dot(&reaction.reserved_carbon, &column.reserve)
        };
        // Two equations in the negative carbon step y and the peak step m; absent ones are y = 0, m = 0.
        let (mut yy, mut ym, mut right_y) = (1.0, 0.0, 0.0);
        let (mut my, mut mm, mut right_m) = (0.0, 1.0, 0.0);
        if let Some(column) = &self.carbon {
            yy = self.carbon_stiffness - with_carbon(column);
            right_y = carbon - with_carbon(&base);
        }
        if let Some((column, row)) = &self.peak {
            mm = row.stiffness + dot(&row.supply, &column.price);
            right_m = peak + dot(&row.supply, &base.price);
            if let Some(carbon) = &self.carbon {
                ym = row.carbon - with_carbon(column);
                my = dot(&row.supply, &carbon.price) - row.carbon;
            }
        }
        let determinant = yy * mm - ym * my;
        let y = (right_y * mm - ym * right_m) / determinant;
        let m = (yy * right_m - my * right_y) / determinant;
        let Column { mut price, reserve: mut slack } = base;
        let mut subtract = |column: &Column, by: f64| {
            for t in 0..price.len() {
                price[t] -= by * column.price[t];
                slack[t] -= by * column.reserve[t];
            }
        };
        if let Some(column) = &self.carbon {
            subtract(column, y);
        }
        if let Some((column, _)) = &self.peak {
            subtract(column, m);
        }
        slack.iter_mut().for_each(|step| *step = -*step);
        (price, slack, -y, m)
    }
}

fn dot(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}
