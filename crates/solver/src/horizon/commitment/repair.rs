//! A commitment's dispatch in whole watts that keeps every limit: forward in time, plants and stores first, the rest of
//! the balance to whoever can move.

use super::super::{
    general::commitment::Relaxed,
    repair::{corridor_of, greatest, shifted, watts},
    scaled::energy_unit,
};
use gridaccord_dispatch::horizon::{
    HorizonSolution,
    commitment::{Commitment, CommitmentSolution, Plant},
};
use gridaccord_model::Watts;

/// Shedding below this many W is the barrier's, not the load's.
const SHED_NOISE_W: i64 = 20;

pub(super) fn solution(
    problem: &Commitment,
    on: &[Vec<bool>],
    relaxed: &Relaxed,
) -> CommitmentSolution {
    let mut repair = Repair::new(problem, on, relaxed);
    (0..problem.intervals()).for_each(|t| repair.round(t));
    repair.solution
}

/// Interval by interval, each possible from the one before and leaving the next one possible.
struct Repair<'a> {
    problem: &'a Commitment,
    relaxed: &'a Relaxed,
    solution: CommitmentSolution,
    /// Powers from which the rest of the horizon is within reach, by plant.
    corridors: Vec<Vec<(i64, i64)>>,
    /// Stored after the interval before, by reservoir.
    stored: Vec<i64>,
}

/// A reservoir's interval.
#[derive(Clone, Copy)]
struct Flow {
    /// Discharging less charging, W.
    net: i64,
    /// µWh.
    spill: i64,
}

impl<'a> Repair<'a> {
    fn new(problem: &'a Commitment, on: &[Vec<bool>], relaxed: &'a Relaxed) -> Self {
        let parts = problem.base().parts();
        let lists = |count: usize| vec![Vec::new(); count];
        let reservoirs = problem.reservoirs().len();
        let begin: Vec<i64> = (problem.reservoirs().iter().zip(&relaxed.stored))
            .map(|(reservoir, stored)| {
                if !reservoir.is_cyclic {
                    return reservoir.storage.initial_uwh;
                }
                let (least, most) = reservoir.held(problem.intervals() - 1);
                let end = stored.last().copied().unwrap_or(0.0) * energy_unit(problem.base());
                (end.floor() as i64).clamp(least, most)
            })
            .collect();
        let base = HorizonSolution {
            generators: lists(parts.generators.len()),
            shed: lists(parts.tiers.len()),
            shift: (parts.shiftable.iter().zip(&relaxed.base.shift))
                .map(|(load, wanted)| shifted(load, wanted))
                .collect(),
            ..HorizonSolution::default()
        };
        Self {
            problem,
            relaxed,
            corridors: (problem.plants().iter().zip(on))
                .map(|(plant, on)| corridor(plant, on))
                .collect(),
            stored: begin.clone(),
            solution: CommitmentSolution {
                base,
                on: on.to_vec(),
                plants: lists(problem.plants().len()),
                charge: lists(reservoirs),
                discharge: lists(reservoirs),
                spill: vec![Vec::new(); reservoirs],
                begin,
            },
        }
    }

    fn round(&mut self, t: usize) {
        let parts = self.problem.base().parts();
        let plants: Vec<i64> = (0..self.problem.plants().len())
            .map(|number| {
                let (lo, hi) = self.room(number, t);
                watts(self.relaxed.plants[number][t]).max(lo).min(hi)
            })
            .collect();
        let flows: Vec<Flow> =
            (0..self.problem.reservoirs().len()).map(|number| self.flow(number, t)).collect();
        let generators = parts.generators.iter().zip(&self.relaxed.base.generators);
        let generators: Vec<i64> = generators
            .map(|(part, wanted)| watts(wanted[t]).clamp(part.power_min[t].0, part.power_max[t].0))
            .collect();
        let quiet = |power: i64| if power < SHED_NOISE_W { 0 } else { power };
        let tiers = parts.tiers.iter().zip(&self.relaxed.base.shed);
        let shed: Vec<i64> =
            tiers.map(|(tier, wanted)| quiet(watts(wanted[t])).min(tier.power[t].0)).collect();
        let shift = self.solution.base.shift.iter().map(|powers| powers[t].0).sum::<i64>();
        let supply = plants.iter().chain(&generators).chain(&shed).sum::<i64>()
            + flows.iter().map(|flow| flow.net).sum::<i64>();
        let mut missing = parts.demand[t].0 + shift - supply;
        let import = missing.clamp(0, parts.tie.import_max[t].0);
        let export = (-missing).clamp(0, parts.tie.export_max[t].0);
        missing -= import - export;
        self.solution.base.import.push(Watts(import));
        self.solution.base.export.push(Watts(export));
        let taken = Taken { plants, flows, generators, shed };
        let taken = self.settle(t, missing, taken);
        self.take(t, &taken);
    }

    /// Bounds of a plant's power after the interval before.
    fn room(&self, number: usize, t: usize) -> (i64, i64) {
        let (mut lo, mut hi) = self.corridors[number][t];
        let on = &self.solution.on[number];
        if let (Some(ramp), true) =
            (self.problem.plants()[number].ramp, t > 0 && on[t] && on[t - 1])
        {
            let before = self.solution.plants[number][t - 1].0;
            (lo, hi) = (lo.max(before - ramp.down.0), hi.min(before + ramp.up.0));
        }
        (lo, hi.max(lo))
    }

    fn after(&self, number: usize, t: usize, flow: Flow) -> i64 {
        let reservoir = &self.problem.reservoirs()[number];
        let (charge, discharge) = (Watts((-flow.net).max(0)), Watts(flow.net.max(0)));
        let duration_s = self.problem.base().parts().duration_s;
        let stored = reservoir.storage.after(self.stored[number], charge, discharge, duration_s);
        stored + reservoir.inflow_uwh[t] - flow.spill
    }

    /// Least and most stored after an interval; a cyclic one ends as it began.
    fn held(&self, number: usize, t: usize) -> (i64, i64) {
        let reservoir = &self.problem.reservoirs()[number];
        let (least, most) = reservoir.held(t);
        if !reservoir.is_cyclic || t + 1 < self.problem.intervals() {
            return (least, most);
        }
        let begin = self.solution.begin[number];
        let slack = reservoir.cycle_slack(self.problem.base().parts().duration_s);
        (least.max(begin), most.min(begin + slack))
    }

    /// The greatest net discharge that keeps what the relaxed solution stores, as far as whole watts allow.
    fn flow(&self, number: usize, t: usize) -> Flow {
        let reservoir = &self.problem.reservoirs()[number];
        let unit = energy_unit(self.problem.base());
        let (least, most) = self.held(number, t);
        let target = ((self.relaxed.stored[number][t] * unit).round() as i64).max(least).min(most);
        let spill_max = reservoir.spill_max_uwh[t];
        let mut spill = ((self.relaxed.spill[number][t] * unit).round() as i64).clamp(0, spill_max);
        let wanted = self.relaxed.discharge[number][t] - self.relaxed.charge[number][t];
        let (lo, hi) = (-reservoir.storage.charge_max.0, reservoir.storage.discharge_max.0);
        let keeps = |net: i64| self.after(number, t, Flow { net, spill }) >= target;
        let mut net = greatest(watts(wanted).clamp(lo, hi), lo, hi, keeps);
        while net < hi && self.after(number, t, Flow { net, spill }) > most {
            net += 1;
        }
        let stored = self.after(number, t, Flow { net, spill });
        if stored > most {
            spill += (stored - most).min(spill_max - spill);
        } else if stored < target {
            spill -= (target - stored).min(spill);
        }
        Flow { net, spill }
    }

    /// Spreads what the tie could not take: less shedding, then generators, plants, reservoirs, tiers.
    fn settle(&self, t: usize, mut missing: i64, mut taken: Taken) -> Taken {
        let parts = self.problem.base().parts();
        for power in &mut taken.shed {
            let less = (-missing).clamp(0, *power);
            *power -= less;
            missing += less;
        }
        let mut move_to = |power: &mut i64, (lo, hi): (i64, i64)| {
            let moved = (*power + missing).clamp(lo, hi) - *power;
            *power += moved;
            missing -= moved;
        };
        // Who already runs between its limits first: that is where the next watt is cheapest.
        for inside in [true, false] {
            for (power, part) in taken.generators.iter_mut().zip(&parts.generators) {
                let (lo, hi) = (part.power_min[t].0, part.power_max[t].0);
                if (lo < *power && *power < hi) == inside {
                    move_to(power, (lo, hi));
                }
            }
            for (number, power) in taken.plants.iter_mut().enumerate() {
                let (lo, hi) = self.room(number, t);
                if (lo < *power && *power < hi) == inside {
                    move_to(power, (lo, hi));
                }
            }
        }
        for number in 0..taken.flows.len() {
            self.shift_flow(number, t, &mut missing, &mut taken.flows[number]);
        }
        for (tier, power) in parts.tiers.iter().zip(&mut taken.shed) {
            let more = missing.clamp(0, tier.power[t].0 - *power);
            *power += more;
            missing -= more;
        }
        taken
    }

    /// Moves a reservoir as far as its energy allows.
    fn shift_flow(&self, number: usize, t: usize, missing: &mut i64, flow: &mut Flow) {
        let storage = &self.problem.reservoirs()[number].storage;
        let (least, most) = self.held(number, t);
        let wanted = (flow.net + *missing).clamp(-storage.charge_max.0, storage.discharge_max.0);
        // Halving finds how far the store allows going.
        let (mut moved, mut step) = (0, wanted - flow.net);
        while step != 0 {
            let tried = Flow { net: flow.net + moved + step, ..*flow };
            let stays = (least..=most).contains(&self.after(number, t, tried));
            if stays && (moved + step).abs() <= missing.abs() {
                moved += step;
            } else {
                step /= 2;
            }
        }
        flow.net += moved;
        *missing -= moved;
    }

    fn take(&mut self, t: usize, taken: &Taken) {
        for (number, flow) in taken.flows.iter().enumerate() {
            self.stored[number] = self.after(number, t, *flow);
            self.solution.charge[number].push(Watts((-flow.net).max(0)));
            self.solution.discharge[number].push(Watts(flow.net.max(0)));
            self.solution.spill[number].push(flow.spill);
        }
        let push = |lists: &mut Vec<Vec<Watts>>, powers: &[i64]| {
            lists.iter_mut().zip(powers).for_each(|(list, power)| list.push(Watts(*power)));
        };
        push(&mut self.solution.plants, &taken.plants);
        push(&mut self.solution.base.generators, &taken.generators);
        push(&mut self.solution.base.shed, &taken.shed);
    }
}

/// Powers of one interval, W.
struct Taken {
    plants: Vec<i64>,
    flows: Vec<Flow>,
    generators: Vec<i64>,
    shed: Vec<i64>,
}

/// Bounds of a plant's powers that leave the later ones within reach; nothing while off.
fn corridor(plant: &Plant, on: &[bool]) -> Vec<(i64, i64)> {
    let was_on = plant.cycles().was_on;
    let before = std::iter::once(was_on).chain(on.iter().copied());
    let ranges: Vec<(i64, i64)> = before
        .zip(on)
        .enumerate()
        .map(|(t, (before, is_on))| {
            let is_last = on.get(t + 1) == Some(&false);
            let range = if *is_on { plant.range(t, !before, is_last) } else { None };
            range.unwrap_or((0, 0))
        })
        .collect();
    let Some(ramp) = plant.ramp else { return ranges };
    let joined: Vec<bool> = (0..on.len()).map(|t| on[t] && on.get(t + 1) == Some(&true)).collect();
    corridor_of(ranges, (ramp.up.0, ramp.down.0), |t| joined[t])
}
