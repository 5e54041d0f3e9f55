//! Schedules, and branches between them and the bound.

use super::{
    CommitmentOutcome, GapReason, NOISE_KW, PRICE_UNIT, missing, moves, multipliers,
    program::{self, Directions, Fixed, Relaxed},
    repair,
    schedule::{Costs, cheapest},
};
use gridaccord_dispatch::horizon::{
    HorizonRefusal,
    commitment::{
        BRANCHES_MAX, Branch, Commitment, CommitmentAnswer, CommitmentCertificate,
        CommitmentMultipliers, CommitmentSolution, CommitmentVerified, Held, appraise,
        check_feasible, lower_bound,
    },
};
use std::collections::BTreeSet;

/// Iterations times unknowns of all programs together.
const WORK_MAX: usize = 8_000_000;
/// Shares by which couplings are tightened so that whole watts keep them, tried in turn.
const MARGINS: [f64; 4] = [1e-8, 1e-6, 3e-5, 1e-3];
/// What is added to a state between off and on before it is rounded.
const BIASES: [f64; 2] = [0.0, 0.4];
/// Moves tried from one schedule, the most promising first.
const MOVES_MAX: usize = 60;
/// How often storages that go both ways are told which way to go.
const DIRECTED_MAX: usize = 3;
/// A state nearer to off or on than this is decided.
const DECIDED: f64 = 1e-5;
/// Charging and discharging at once above this is no noise, kW.
const BOTH_KW: f64 = 1e-2;
/// Part of the gap asked for that branches leave open: rounding takes the rest.
const OPEN: f64 = 0.6;

pub(super) type Schedule = Vec<Vec<bool>>;

/// The best dispatch so far.
struct Best {
    solution: CommitmentSolution,
    given: CommitmentMultipliers,
    /// Picos.
    cost: i128,
    turnover: i128,
    relaxed: Relaxed,
}

/// A case of the proof: open, closed, or split into off and on.
struct Node {
    branch: Branch,
    /// Picos; `None` where the case is empty.
    bound: Option<i128>,
    fixed: Fixed,
    /// u of its relaxed program.
    on: Vec<Vec<f64>>,
    children: Option<(usize, usize)>,
    is_closed: bool,
}

pub(super) struct Search<'a> {
    problem: &'a Commitment,
    penalty: f64,
    gap: f64,
    best: Option<Best>,
    refusal: Option<HorizonRefusal>,
    tried: BTreeSet<Schedule>,
    nodes: Vec<Node>,
    work: usize,
    programs: usize,
    converged: bool,
}

impl<'a> Search<'a> {
    pub(super) fn new(problem: &'a Commitment, penalty: f64, gap_ppb: u32) -> Self {
        Self {
            problem,
            penalty,
            gap: f64::from(gap_ppb) * 1e-9,
            best: None,
            refusal: None,
            tried: BTreeSet::new(),
            nodes: Vec::new(),
            work: 0,
            programs: 1,
            converged: true,
        }
    }

    pub(super) fn run(mut self, root: Relaxed) -> CommitmentOutcome {
        self.converged = root.converged;
        let short = missing(&root);
        let fixed = vec![vec![None; self.problem.intervals()]; self.problem.plants().len()];
        self.add(Vec::new(), fixed, &root, None);
        self.schedules(0, &root);
        self.polish();
        let is_exhausted = self.branch();
        let Some(best) = self.best.take() else {
            return CommitmentOutcome::NotFound { missing: short, refusal: self.refusal };
        };
        let branches = self.leaves();
        let both = both_ways(&best.relaxed);
        let certificate = CommitmentCertificate { given: best.given, branches };
        let answer = CommitmentAnswer { solution: best.solution, certificate };
        let verified: CommitmentVerified = match appraise(self.problem, &answer) {
            Ok(verified) => verified,
            Err(refusal) => {
                return CommitmentOutcome::NotFound { missing: short, refusal: Some(refusal) };
            }
        };
        let facts = &verified.facts;
        let reason = if facts.gap.0 as f64 <= self.gap * facts.turnover.0 as f64 {
            None
        } else if both {
            Some(GapReason::BothWays)
        } else if !is_exhausted {
            Some(GapReason::Commitment)
        } else if !self.converged {
            Some(GapReason::NotConverged)
        } else {
            Some(GapReason::Rounding)
        };
        CommitmentOutcome::Solved {
            answer: Box::new(answer),
            verified: Box::new(verified),
            reason,
            programs: self.programs,
        }
    }

    fn relax(&mut self, fixed: &Fixed, margin: f64) -> Option<Relaxed> {
        let relaxed = program::solve(self.problem, fixed, self.penalty, margin)?;
        self.work += relaxed.work;
        self.programs += 1;
        Some(relaxed)
    }

    /// Adds a case with the better of two bounds: by its own multipliers, and by its parent's.
    fn add(&mut self, held: Vec<Held>, fixed: Fixed, relaxed: &Relaxed, parent: Option<usize>) {
        let own = multipliers(self.problem, relaxed, None);
        let from = parent.map(|parent| self.nodes[parent].branch.multipliers.clone());
        let mut best: Option<(Option<i128>, CommitmentMultipliers)> = None;
        for multipliers in std::iter::once(own).chain(from) {
            let branch = Branch { held: held.clone(), multipliers };
            let Ok(bound) = lower_bound(self.problem, &branch) else { continue };
            let bound = bound.map(|bound| bound.0);
            let above = |other: &(Option<i128>, _)| match (bound, other.0) {
                (_, None) => false,
                (None, _) => true,
                (Some(bound), Some(other)) => bound > other,
            };
            if best.as_ref().is_none_or(above) {
                best = Some((bound, branch.multipliers));
            }
        }
        let Some((bound, multipliers)) = best else { return };
        self.nodes.push(Node {
            branch: Branch { held, multipliers },
            bound,
            fixed,
            on: relaxed.on.clone(),
            children: None,
            is_closed: false,
        });
    }

    /// Tries schedules near a relaxed solution of a case, and the cheapest at its prices.
    fn schedules(&mut self, node: usize, relaxed: &Relaxed) {
        let fixed = self.nodes[node].fixed.clone();
        for bias in BIASES {
            let near = self.nearest(&fixed, relaxed, bias);
            self.try_schedule(near);
        }
        let cheap = self.at_prices(&fixed, relaxed);
        self.try_schedule(cheap);
    }

    /// The nearest schedule that keeps least times; a bias takes more to be on.
    fn nearest(&self, fixed: &Fixed, relaxed: &Relaxed, bias: f64) -> Option<Schedule> {
        let plants = self.problem.plants().iter().zip(fixed).zip(&relaxed.on);
        plants
            .map(|((plant, fixed), on)| {
                let interval = on.iter().map(|on| (1.0 - on - bias, on + bias));
                let costs = Costs { interval: interval.collect(), start: 1e-3, stop: 1e-3 };
                cheapest(plant, fixed, &costs)
            })
            .collect()
    }

    /// Each plant's cheapest schedule at the prices of a relaxed solution.
    fn at_prices(&self, fixed: &Fixed, relaxed: &Relaxed) -> Option<Schedule> {
        let own = multipliers(self.problem, relaxed, None);
        (0..self.problem.plants().len())
            .map(|number| self.at_price(number, &fixed[number], &own))
            .collect()
    }

    fn at_price(
        &self,
        number: usize,
        fixed: &[Option<bool>],
        own: &CommitmentMultipliers,
    ) -> Option<Vec<bool>> {
        cheapest(&self.problem.plants()[number], fixed, &self.costs(number, own))
    }

    /// What a plant's intervals, starts and stops cost at the prices of multipliers, currency per MWh times kW.
    fn costs(&self, number: usize, own: &CommitmentMultipliers) -> Costs {
        let plant = &self.problem.plants()[number];
        let cycling = plant.cycles();
        let hours = f64::from(self.problem.base().parts().duration_s) / 3_600.0;
        let carbon = |t: usize| {
            let intensity =
                [plant.carbon_mg_per_kwh, plant.carbon_mg_per_kwh + plant.embodied_mg_per_kwh];
            let charges = own.base.carbon.iter().zip(intensity).map(|(caps, intensity)| {
                let here = caps.horizon + caps.interval.get(t).copied().unwrap_or(0);
                here as f64 / 1_048_576.0 * intensity as f64
            });
            charges.sum::<f64>() / PRICE_UNIT
        };
        let ramp = &own.ramp[number];
        let multiplier = |t: usize| ramp.get(t).copied().unwrap_or(0) as f64 / PRICE_UNIT;
        let interval = (0..self.problem.intervals()).map(|t| {
            let Some((lo, hi)) = plant.range(t, false, false) else { return (0.0, 0.0) };
            let reserve =
                if plant.ramp.is_some() { own.base.reserve[t] as f64 / PRICE_UNIT } else { 0.0 };
            let slope = plant.linear[t] as f64 * 1e-6 - own.base.price[t] as f64 / PRICE_UNIT
                + reserve
                + multiplier(t)
                - multiplier(t + 1)
                + carbon(t);
            let (lo, hi) = (lo as f64 * 1e-3, hi as f64 * 1e-3);
            let quadratic = plant.quadratic as f64 * 1e-3;
            let power = match (quadratic > 0.0, slope > 0.0) {
                (true, _) => (-slope / quadratic).clamp(lo, hi),
                (false, true) => lo,
                (false, false) => hi,
            };
            let standing = plant.standing as f64 * 1e-9;
            let most = plant.power_max[t].0 as f64 * 1e-3;
            ((slope + 0.5 * quadratic * power) * power + standing - reserve * most, 0.0)
        });
        Costs {
            interval: interval.collect(),
            start: cycling.start_cost as f64 * 1e-6 / hours,
            stop: cycling.stop_cost as f64 * 1e-6 / hours,
        }
    }

    /// Dispatches a schedule, unless it was before, and keeps it if it is the best.
    fn try_schedule(&mut self, schedule: Option<Schedule>) -> bool {
        let Some(schedule) = schedule else { return false };
        if self.work > WORK_MAX && self.best.is_some() || !self.tried.insert(schedule.clone()) {
            return false;
        }
        for margin in MARGINS {
            let Some(relaxed) = self.dispatch(&schedule, margin) else { return false };
            let solution = repair::solution(self.problem, &schedule, &relaxed);
            match check_feasible(self.problem, &solution) {
                Ok(()) => return self.keep(solution, relaxed),
                Err(refusal) => self.refusal = Some(refusal),
            }
        }
        false
    }

    /// A schedule's dispatch in which storages go one way at a time, as far as telling them helps.
    fn dispatch(&mut self, schedule: &Schedule, margin: f64) -> Option<Relaxed> {
        let reservoirs = self.problem.reservoirs().len();
        let mut directions: Directions = vec![vec![None; self.problem.intervals()]; reservoirs];
        let mut found = None;
        for _ in 0..DIRECTED_MAX {
            let relaxed =
                program::dispatch(self.problem, schedule, &directions, self.penalty, margin)?;
            self.work += relaxed.work;
            self.programs += 1;
            if relaxed.short.iter().any(|power| power.abs() > NOISE_KW) {
                return found;
            }
            let mut goes_both = false;
            for (number, list) in directions.iter_mut().enumerate() {
                for (t, direction) in list.iter_mut().enumerate() {
                    let (charge, discharge) =
                        (relaxed.charge[number][t], relaxed.discharge[number][t]);
                    if charge.min(discharge) > BOTH_KW {
                        *direction = Some(discharge > charge);
                        goes_both = true;
                    }
                }
            }
            found = Some(relaxed);
            if !goes_both {
                break;
            }
        }
        found
    }

    fn keep(&mut self, solution: CommitmentSolution, relaxed: Relaxed) -> bool {
        let given = multipliers(self.problem, &relaxed, None);
        let branches = vec![Branch { held: Vec::new(), multipliers: given.clone() }];
        let certificate = CommitmentCertificate { given, branches };
        let answer = CommitmentAnswer { solution, certificate };
        let verified = match appraise(self.problem, &answer) {
            Ok(verified) => verified,
            Err(refusal) => {
                self.refusal = Some(refusal);
                return false;
            }
        };
        let cost = verified.facts.cost.0;
        if self.best.as_ref().is_some_and(|best| best.cost <= cost) {
            return false;
        }
        self.best = Some(Best {
            solution: answer.solution,
            given: answer.certificate.given,
            cost,
            turnover: verified.facts.turnover.0,
            relaxed,
        });
        true
    }

    /// Better schedules near the best one: first by prices, then by moves.
    fn polish(&mut self) {
        loop {
            self.improve();
            let Some(best) = &self.best else { return };
            let plants = 0..self.problem.plants().len();
            let costs: Vec<Costs> = plants.map(|number| self.costs(number, &best.given)).collect();
            let moves = moves::near(self.problem, &best.solution.on, &costs);
            let untried = moves.into_iter().filter(|schedule| !self.tried.contains(schedule));
            let untried: Vec<Schedule> = untried.take(MOVES_MAX).collect();
            let is_better = untried.into_iter().any(|schedule| self.try_schedule(Some(schedule)));
            if !is_better || self.work > WORK_MAX {
                return;
            }
        }
    }

    /// Each plant in turn takes its cheapest schedule at the prices of the best dispatch, as long as that gains.
    fn improve(&mut self) {
        let mut is_better = true;
        while is_better && self.work < WORK_MAX {
            is_better = false;
            for number in 0..self.problem.plants().len() {
                let Some(best) = &self.best else { return };
                let free = vec![None; self.problem.intervals()];
                let mut schedule = best.solution.on.clone();
                let Some(own) = self.at_price(number, &free, &best.given) else { continue };
                schedule[number] = own;
                is_better |= self.try_schedule(Some(schedule));
            }
        }
    }

    /// What a bound must reach for its case to be closed.
    fn enough(&self) -> i128 {
        self.best
            .as_ref()
            .map_or(i128::MAX, |best| best.cost - (self.gap * OPEN * best.turnover as f64) as i128)
    }

    /// Splits the case with the lowest bound until all are closed; whether they are.
    fn branch(&mut self) -> bool {
        loop {
            let enough = self.enough();
            let open = self.nodes.iter().enumerate().filter(|(_, node)| {
                node.children.is_none()
                    && !node.is_closed
                    && node.bound.is_some_and(|bound| bound < enough)
            });
            let Some(lowest) = open.min_by_key(|(_, node)| node.bound).map(|(at, _)| at) else {
                return !self
                    .nodes
                    .iter()
                    .any(|node| node.is_closed && node.bound.is_some_and(|bound| bound < enough));
            };
            if self.work > WORK_MAX || self.nodes.len() + 2 > BRANCHES_MAX {
                return false;
            }
            if !self.split(lowest) {
                self.nodes[lowest].is_closed = true;
            }
        }
    }

    /// Splits a case at the state that is least decided; whether there was one.
    fn split(&mut self, node: usize) -> bool {
        let Some((plant, interval)) = self.undecided(node) else { return false };
        let first = self.nodes.len();
        for is_on in [false, true] {
            let mut fixed = self.nodes[node].fixed.clone();
            fixed[plant][interval] = Some(is_on);
            let mut held = self.nodes[node].branch.held.clone();
            held.push(Held { plant, interval, is_on });
            let Some(relaxed) = self.relax(&fixed, 0.0) else {
                self.nodes.truncate(first);
                return false;
            };
            let count = self.nodes.len();
            self.add(held, fixed, &relaxed, Some(node));
            if self.nodes.len() == count {
                self.nodes.truncate(first);
                return false;
            }
            let enough = self.enough();
            if self.nodes[count].bound.is_some_and(|bound| bound < enough) {
                let cost = self.best.as_ref().map(|best| best.cost);
                self.schedules(count, &relaxed);
                if self.best.as_ref().map(|best| best.cost) != cost {
                    self.polish();
                }
            }
        }
        self.nodes[node].children = Some((first, first + 1));
        true
    }

    fn undecided(&self, node: usize) -> Option<(usize, usize)> {
        let Node { on, fixed, .. } = &self.nodes[node];
        let mut most = (DECIDED, None);
        for (plant, list) in on.iter().enumerate() {
            for (interval, on) in list.iter().enumerate() {
                let away = on.min(1.0 - on);
                if fixed[plant][interval].is_none() && away > most.0 {
                    most = (away, Some((plant, interval)));
                }
            }
        }
        most.1
    }

    /// Cases that were not split, depth first, off before on.
    fn leaves(&self) -> Vec<Branch> {
        let mut leaves = Vec::new();
        let mut stack = vec![0];
        while let Some(at) = stack.pop() {
            match self.nodes[at].children {
                Some((off, on)) => stack.extend([on, off]),
                None => leaves.push(self.nodes[at].branch.clone()),
            }
        }
        leaves
    }
}

/// Whether a reservoir charges and discharges at once by more than a watt.
fn both_ways(relaxed: &Relaxed) -> bool {
    let pairs = relaxed.charge.iter().flatten().zip(relaxed.discharge.iter().flatten());
    pairs.into_iter().any(|(charge, discharge)| charge.min(*discharge) > BOTH_KW)
}
