//! Mehrotra's predictor–corrector on the reduced system of [`border`](super::border).

use super::{
    blocks::{BOUNDARIES, Charges, Reaction, Sums, Work},
    border::{Border, Column, sums},
    boxed::{Gap, Limits, Target},
    cell::{Reach, Taken, short},
    packs::{Advance, Correct, Factor, Predict, Respond, Solve},
    scaled::Scaled,
    warm::AWAY,
};
use pulp::Arch;

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

/// What the point costs, and how far it is from complementarity.
#[derive(Clone, Copy, Debug)]
struct Standing {
    cost: f64,
    gap: Gap,
    /// The same of resources alone.
    resources: f64,
}

/// The iteration's state.
#[derive(Clone, Debug)]
pub(super) struct Ipm {
    pub(super) scaled: Scaled,
    pub(super) charges: Charges,
    /// What the last step aimed at.
    aim: Charges,
    /// Reserve left, its step, and the second-order product of that.
    left: Vec<f64>,
    left_step: Vec<f64>,
    left_product: Vec<f64>,
    peak_right: f64,
    now: Sums,
    change: Sums,
    reaction: Reaction,
    work: Work,
    pairs: f64,
    /// The widest registers that this processor has; no result depends on them.
    arch: Arch,
    pub(super) iterations: usize,
}

impl Ipm {
    pub(super) fn new(scaled: Scaled, prices: Vec<f64>, mu: f64) -> Self {
        let size = prices.len();
        let zero = vec![0.0; size];
        let left: Vec<f64> =
            scaled.ceiling.iter().map(|ceiling| 0.3 * ceiling.abs() + 1.0).collect();
        let reserve = left.iter().map(|left| mu / left).collect();
        let loads = scaled.loads;
        let pairs: usize = scaled.free.iter().map(|pack| pack.pairs()).sum::<usize>()
            + scaled.ramped.iter().map(|pack| pack.pairs()).sum::<usize>()
            + scaled.stores.iter().map(|pack| pack.pairs()).sum::<usize>()
            + scaled.shift.iter().map(|pack| pack.pairs()).sum::<usize>();
        let mut ipm = Self {
            charges: Charges {
                price: prices,
                reserve,
                carbon: [zero.clone(), zero.clone()],
                shift: vec![0.0; loads],
            },
            aim: Charges::default(),
            left,
            left_step: zero.clone(),
            left_product: zero,
            peak_right: 0.0,
            now: Sums::new(size, loads),
            change: Sums::new(size, loads),
            reaction: Reaction::new(size, scaled.rows.capped(), loads),
            work: Work::new(size),
            pairs: pairs as f64,
            arch: Arch::new(),
            iterations: 0,
            scaled,
        };
        ipm.take_rows();
        ipm
    }

    /// Charges what the multipliers of the border's rows say.
    pub(super) fn take_rows(&mut self) {
        (self.charges.carbon, self.charges.shift) = self.of_rows(&self.scaled.rows.values);
        self.aim = self.charges.clone();
    }

    /// Slacks of reserve and caps from where resources stand, and multipliers that suit them, after a warm start.
    pub(super) fn place_slacks(&mut self, mu: f64) {
        let nothing = Taken { target: 0.0, primal: 0.0, dual: 0.0 };
        self.advance(&nothing);
        let memory = sums(&self.now.memory);
        for (t, left) in self.left.iter_mut().enumerate() {
            let rho = &mut self.charges.reserve[t];
            let ceiling = self.scaled.ceiling[t];
            let least = 1e-9 * (1.0 + ceiling.abs());
            let most = AWAY * (1.0 + ceiling.abs());
            *left = (ceiling - memory[t]).max((mu / rho.max(mu / most)).max(least));
            *rho = rho.max(mu / *left);
        }
        self.scaled.rows.place_slacks(&self.now, mu);
        self.take_rows();
    }

    /// Pairs of slack or bound and multiplier among resources.
    pub(super) fn pairs(&self) -> f64 {
        self.pairs
    }

    /// What multipliers of the border's rows charge.
    fn of_rows(&self, values: &[f64]) -> ([Vec<f64>; BOUNDARIES], Vec<f64>) {
        let rows = &self.scaled.rows;
        let size = self.left.len();
        let carbon = |boundary| (0..size).map(|t| rows.carbon(values, boundary, t)).collect();
        ([carbon(0), carbon(1)], rows.shift(values).to_vec())
    }

    /// Iterates to tolerance, or to where floating point has no more to give.
    pub(super) fn run(&mut self) -> End {
        // A step of nothing measures the start.
        let nothing = Taken { target: 0.0, primal: 0.0, dual: 0.0 };
        let mut standing = self.advance(&nothing);
        let mut nearly: Option<(Scaled, Charges)> = None;
        for iteration in 0..ITERATIONS_MAX {
            self.iterations = iteration;
            let relative = standing.gap.sum / (1.0 + standing.cost.abs());
            let infeasibility = self.infeasibility();
            if relative <= TOLERANCE && infeasibility <= INFEASIBLE {
                return End::Converged;
            }
            // Near the end the system's condition can cost more feasibility than the step gains.
            if infeasibility > INFEASIBLE || !relative.is_finite() {
                if let Some((scaled, charges)) = nearly {
                    (self.scaled, self.charges) = (scaled, charges);
                    return End::Converged;
                }
            } else if relative <= NEARLY {
                nearly = Some((self.scaled.clone(), self.charges.clone()));
            }
            let Some(taken) = self.iterate(&standing) else { return End::Stopped };
            standing = self.advance(&taken);
        }
        End::Stopped
    }

    fn infeasibility(&self) -> f64 {
        let memory = sums(&self.now.memory);
        let balance = self.now.free.iter().zip(&memory).zip(&self.scaled.demand);
        let worst = balance
            .map(|((free, memory), demand)| {
                (demand - free.sum() - memory).abs() / (1.0 + demand.abs())
            })
            .fold(0.0, f64::max);
        let reserve = memory.iter().zip(&self.left).zip(&self.scaled.ceiling);
        reserve
            .map(|((reserved, left), ceiling)| {
                (reserved + left - ceiling).abs() / (1.0 + ceiling.abs())
            })
            .fold(worst, f64::max)
            .max(self.scaled.rows.infeasibility(&self.now))
    }

    /// One predictor and one corrector; the step to take, or `None` where numbers ran out.
    fn iterate(&mut self, standing: &Standing) -> Option<Taken> {
        let mean = standing.gap.mean();
        let peak = self.scaled.import.factor(&mut self.reaction);
        let (columns, stiffness) = self.scaled.rows.border(&self.reaction, peak.as_ref());
        let slack = self.left.iter().zip(&self.charges.reserve).map(|(left, rho)| left / rho);
        let diagonal = sums(&self.reaction.diagonal);
        let (arch, slack) = (self.arch, slack.collect());
        let reaction = &mut self.reaction;
        let border = arch.dispatch(Factor { reaction, diagonal, slack, columns, stiffness });

        let limits = self.solve(&border, Target::PREDICTOR);
        let mut reach = Reach::default();
        let Self { scaled, aim, work, .. } = self;
        arch.dispatch(Predict { scaled, aim, reach: &mut reach, work });
        let (primal, dual) = (
            1.0 / limits.primal.max(reach.primal.largest()).max(1.0),
            1.0 / limits.dual.max(reach.dual.largest()).max(1.0),
        );
        let mut gap = self.correct(primal, dual);
        gap.sum += standing.resources
            + primal * reach.by_primal.sum()
            + dual * reach.by_dual.sum()
            + primal * dual * reach.by_both.sum();
        gap.count += self.pairs;
        let centring = (gap.mean() / mean).powi(3).clamp(1e-5, 0.9);
        let target = centring * mean;

        self.change.clear();
        let Self { scaled, charges, change, work, .. } = self;
        arch.dispatch(Respond { scaled, now: charges, target, change, work });
        let limits = self.solve(&border, Target::corrector(target));
        border.give_back(&mut self.reaction);
        let mut reach = Reach::default();
        let Self { scaled, aim, work, .. } = self;
        arch.dispatch(Correct { scaled, aim, target, reach: &mut reach, work });
        let mut primal = short(limits.primal.max(reach.primal.largest()));
        let mut dual = short(limits.dual.max(reach.dual.largest()));
        if self.scaled.is_quadratic {
            primal = primal.min(dual);
            dual = primal;
        }
        let finite =
            self.aim.price.iter().chain(&self.scaled.rows.steps).all(|value| value.is_finite());
        if !finite || primal.max(dual) < 1e-9 {
            return None;
        }
        Some(Taken { target, primal, dual })
    }

    /// The gap of what is not a pack after a step, keeping the products that the predictor neglected.
    fn correct(&mut self, primal: f64, dual: f64) -> Gap {
        let mut gap = Gap::default();
        for t in 0..self.left.len() {
            let (left_step, rho) = (self.left_step[t], self.charges.reserve[t]);
            let step = self.aim.reserve[t] - rho;
            gap.add((self.left[t] + primal * left_step) * (rho + dual * step));
            self.left_product[t] = left_step * step;
        }
        self.scaled.rows.correct(primal, dual, &mut gap);
        self.scaled.import.correct(primal, dual, &mut gap);
        gap
    }

    /// Steps of multipliers toward a target product, packs having responded; how far what is no pack may go.
    fn solve(&mut self, border: &Border, target: Target) -> Limits {
        let size = self.left.len();
        let Self { scaled, change, charges, .. } = self;
        self.peak_right = scaled.import.respond(charges, target, change);
        let memory = sums(&self.change.memory);
        let reserved = sums(&self.now.memory);
        let price = (0..size)
            .map(|t| {
                let free = self.now.free[t].sum() + self.change.free[t].sum();
                self.scaled.demand[t] - free - reserved[t] - memory[t]
            })
            .collect();
        let reserve = (0..size)
            .map(|t| {
                let wanted = target.less(self.left_product[t]) / self.charges.reserve[t];
                self.scaled.ceiling[t] - reserved[t] - wanted - memory[t]
            })
            .collect();
        let mut rights = self.scaled.rows.rights(&self.now, &self.change, target);
        rights.push(self.peak_right);
        let right = Column { price, reserve };
        let (steps, values) = self.arch.dispatch(Solve { border, right, rights: &rights });
        self.follow(&steps, &values, target)
    }

    fn follow(&mut self, steps: &Column, values: &[f64], target: Target) -> Limits {
        let size = self.left.len();
        let mut limits = Limits::default();
        self.scaled.rows.follow(values, target, &mut limits);
        let rows = &self.scaled.rows;
        let (carbon, shift) = self.of_rows(&rows.steps);
        let own = Charges {
            price: steps.price.clone(),
            reserve: steps.reserve.iter().map(|step| -step).collect(),
            carbon,
            shift,
        };
        let peak_step = values.get(rows.values.len()).copied().unwrap_or(0.0);
        self.scaled.import.follow(&own, peak_step, target);
        self.scaled.import.steps(target, &mut limits);
        for t in 0..size {
            let (left, rho, step) = (self.left[t], self.charges.reserve[t], own.reserve[t]);
            self.left_step[t] = target.less(self.left_product[t]) / rho - left - left / rho * step;
            limits.primal = limits.primal.max(-self.left_step[t] / left);
            limits.dual = limits.dual.max(-step / rho);
        }
        self.aim = added(&self.charges, &own, 1.0);
        limits
    }

    /// Takes a step; then packs have factored and answered multipliers as they are.
    fn advance(&mut self, taken: &Taken) -> Standing {
        let Taken { primal, dual, .. } = *taken;
        let mut gap = Gap::default();
        let steps = added(&self.aim, &self.charges, -1.0);
        self.charges = added(&self.charges, &steps, dual);
        for t in 0..self.left.len() {
            self.left[t] += primal * self.left_step[t];
            gap.add(self.left[t] * self.charges.reserve[t]);
        }
        self.scaled.rows.advance(primal, dual, &mut gap);
        self.scaled.import.advance(primal, dual, &mut gap);
        self.now.clear();
        self.change.clear();
        self.reaction.clear();
        let cost = self.scaled.import.tally(&mut self.now);
        let Self { scaled, charges, aim, now, change, reaction, work, arch, .. } = self;
        let measured = arch.dispatch(Advance {
            scaled,
            charges: (aim, charges),
            taken,
            sums: (now, change),
            reaction,
            work,
        });
        let resources = measured.gap.sum();
        gap.sum += resources;
        gap.count += self.pairs;
        Standing { cost: cost + measured.cost.sum(), gap, resources }
    }
}

/// one + length·other.
fn added(one: &Charges, other: &Charges, length: f64) -> Charges {
    let list = |one: &[f64], other: &[f64]| {
        one.iter().zip(other).map(|(one, other)| one + length * other).collect::<Vec<f64>>()
    };
    Charges {
        price: list(&one.price, &other.price),
        reserve: list(&one.reserve, &other.reserve),
        carbon: std::array::from_fn(|at| list(&one.carbon[at], &other.carbon[at])),
        shift: list(&one.shift, &other.shift),
    }
}
