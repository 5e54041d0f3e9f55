//! Unit commitment: a horizon with plants that start and stop, and with reservoirs that rivers fill.
//!
//! A plant is on or off in each interval. On, it runs between two powers; starting and stopping cost money, take a
//! least time, and limit the power beside them. A reservoir is a storage with inflow, spill, energies that
//! intervals prescribe, and, if it is cyclic, a beginning of its own choice. What is on or off is not convex, so multipliers alone leave
//! a gap. A proof is therefore a tree: each [`Branch`] holds some plants on or off in some intervals and bounds the
//! cost of whatever does the same; together the branches leave no case out, and the least of their bounds is the
//! problem's. One branch that holds nothing is the plain Lagrangian. Within a branch the least cost of a plant is found
//! exactly, by a dynamic program over its states. Derivations: `docs/maths/unit-commitment.md`.

mod bound;
mod check;
mod codec;
mod limits;
mod states;

pub use check::{
    CommitmentInfeasible, CommitmentVerified, appraise, check, check_feasible, check_infeasible,
    lower_bound,
};
pub use limits::{BRANCHES_MAX, COST_MAX};

use super::{Horizon, HorizonCertificate, HorizonError, HorizonSolution, Storage};
use gridaccord_model::Watts;

/// A generator that may stand still; cost while on: standing + b_t·g + ½·a·g² per hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plant {
    /// Least power in each interval while on; where it is above the greatest, the plant cannot be on.
    pub power_min: Vec<Watts>,
    /// Greatest power in each interval while on.
    pub power_max: Vec<Watts>,
    /// a, pico-currency per W²h, at least 0.
    pub quadratic: i64,
    /// b of each interval, pico-currency per Wh.
    pub linear: Vec<i64>,
    /// Cost of being on, pico-currency per h, at least 0.
    pub standing: i64,
    /// Ramp limit between intervals it is on in; a plant that has one provides reserve while on.
    pub ramp: Option<PlantRamp>,
    /// How it starts and stops; `None` is always on.
    pub cycling: Option<Cycling>,
    /// Operating carbon of its energy, mg per kWh.
    pub carbon_mg_per_kwh: i64,
    /// Embodied carbon of its energy, mg per kWh.
    pub embodied_mg_per_kwh: i64,
}

/// Rise and fall of a plant's power from one interval it is on in to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlantRamp {
    /// Greatest rise, at least 0 W.
    pub up: Watts,
    /// Greatest fall, at least 0 W.
    pub down: Watts,
    /// Power before the first interval if it was on; `None` leaves the first interval free.
    pub initial: Option<Watts>,
}

/// How a plant starts and stops; times in intervals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cycling {
    /// Cost of a start, nano-currency, at least 0.
    pub start_cost: i64,
    /// Cost of a stop, nano-currency, at least 0.
    pub stop_cost: i64,
    /// Least time on after a start; 0 and 1 demand nothing.
    pub on_min: u32,
    /// Least time off after a stop.
    pub off_min: u32,
    /// Whether it was on before the first interval.
    pub was_on: bool,
    /// First intervals in which it must be on.
    pub held_on: u32,
    /// First intervals in which it must be off.
    pub held_off: u32,
    /// Least and greatest power of the interval it starts in.
    pub start: (Watts, Watts),
    /// Least and greatest power of the interval before it stops.
    pub stop: (Watts, Watts),
}

/// A storage that something fills beside charging.
///
/// Stored energy follows E = ⌊(1 − σ)·E₋₁ + Δt·(η·c − δ·d)⌋ + inflow − spill in whole µWh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservoir {
    /// Powers, efficiencies, capacity, ends; without meaning in a cyclic one: the ends.
    pub storage: Storage,
    /// What flows in during each interval, µWh, at least 0.
    pub inflow_uwh: Vec<i64>,
    /// Most that may be spilled in each interval, µWh, at least 0.
    pub spill_max_uwh: Vec<i64>,
    /// Least stored after each interval, µWh.
    pub energy_min_uwh: Vec<i64>,
    /// Most stored after each interval, µWh, at most the capacity.
    pub energy_max_uwh: Vec<i64>,
    /// Whether it ends as it began, up to [`Reservoir::cycle_slack`], wherever that is best.
    pub is_cyclic: bool,
}

/// A problem of unit commitment whose parts have passed rules H3–H5 and H9.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commitment {
    base: Horizon,
    plants: Vec<Plant>,
    reservoirs: Vec<Reservoir>,
}

impl Commitment {
    /// Checks the parts. The base has neither storages nor ramps nor N−1: they are reservoirs and plants here.
    ///
    /// # Errors
    /// The first rule H3–H5 or H9 broken.
    pub fn new(
        base: Horizon,
        plants: Vec<Plant>,
        reservoirs: Vec<Reservoir>,
    ) -> Result<Self, HorizonError> {
        limits::check(&base, &plants, &reservoirs)?;
        Ok(Self { base, plants, reservoirs })
    }

    /// Demand, tie, tiers, generators that never stand still, caps.
    #[must_use]
    pub const fn base(&self) -> &Horizon {
        &self.base
    }

    /// What starts and stops, or ramps.
    #[must_use]
    pub fn plants(&self) -> &[Plant] {
        &self.plants
    }

    /// What stores.
    #[must_use]
    pub fn reservoirs(&self) -> &[Reservoir] {
        &self.reservoirs
    }

    /// How many intervals there are, T.
    #[must_use]
    pub const fn intervals(&self) -> usize {
        self.base.intervals()
    }

    /// The same constraints, all costs zero.
    #[must_use]
    pub fn costless(&self) -> Self {
        let mut costless = self.clone();
        costless.base = self.base.costless();
        for plant in &mut costless.plants {
            (plant.quadratic, plant.standing) = (0, 0);
            plant.linear.fill(0);
            if let Some(cycling) = &mut plant.cycling {
                (cycling.start_cost, cycling.stop_cost) = (0, 0);
            }
        }
        costless.reservoirs.iter_mut().for_each(|reservoir| reservoir.storage.wear = 0);
        costless
    }
}

impl Plant {
    /// How it starts and stops; one that is always on is held on.
    #[must_use]
    pub fn cycles(&self) -> Cycling {
        let any = (Watts(0), Watts(i64::MAX));
        self.cycling.unwrap_or(Cycling {
            start_cost: 0,
            stop_cost: 0,
            on_min: 0,
            off_min: 0,
            was_on: true,
            held_on: u32::MAX,
            held_off: 0,
            start: any,
            stop: any,
        })
    }

    /// Whether it may be off in the first interval for all that its power before, if known, says.
    #[must_use]
    pub fn may_stop_at_once(&self) -> bool {
        let (least, most) = self.cycles().stop;
        let initial = self.ramp.and_then(|ramp| ramp.initial);
        initial.is_none_or(|power| (least..=most).contains(&power))
    }

    /// Least and greatest power of an interval it is on in, given whether it was on before and will be on after; `None`
    /// where it cannot be on so.
    #[must_use]
    pub fn range(&self, interval: usize, is_first: bool, is_last: bool) -> Option<(i64, i64)> {
        let (mut lo, mut hi) = (self.power_min[interval].0, self.power_max[interval].0);
        let mut within = |(least, most): (Watts, Watts)| {
            (lo, hi) = (lo.max(least.0), hi.min(most.0));
        };
        let cycling = self.cycles();
        if is_first {
            within(cycling.start);
        }
        if is_last {
            within(cycling.stop);
        }
        if let Some(PlantRamp { up, down, initial: Some(before) }) = self.ramp
            && interval == 0
            && !is_first
        {
            let reach = |change: i64| Watts(before.0.saturating_add(change));
            within((reach(down.0.saturating_neg()), reach(up.0)));
        }
        (lo <= hi).then_some((lo, hi))
    }
}

impl Reservoir {
    /// By how much a cyclic reservoir may end above its beginning, µWh: one watt over one interval.
    #[must_use]
    pub fn cycle_slack(&self, duration_s: u32) -> i64 {
        let watt = i128::from(self.storage.discharge_ppb)
            .saturating_mul(2_500)
            .saturating_mul(i128::from(duration_s));
        i64::try_from(watt.div_euclid(9_000_000_000)).unwrap_or(i64::MAX).saturating_add(1)
    }

    /// Least and most stored after an interval, µWh.
    #[must_use]
    pub fn held(&self, interval: usize) -> (i64, i64) {
        let is_last = interval.saturating_add(1) == self.energy_min_uwh.len();
        let least = if is_last { self.storage.final_min_uwh } else { 0 };
        (self.energy_min_uwh[interval].max(least), self.energy_max_uwh[interval])
    }
}

/// A dispatch; every inner list is by interval.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitmentSolution {
    /// What the base does.
    pub base: HorizonSolution,
    /// Whether each plant is on.
    pub on: Vec<Vec<bool>>,
    /// Power of each plant.
    pub plants: Vec<Vec<Watts>>,
    /// Charging power of each reservoir.
    pub charge: Vec<Vec<Watts>>,
    /// Discharging power of each reservoir; never together with charging.
    pub discharge: Vec<Vec<Watts>>,
    /// What each reservoir spills, µWh.
    pub spill: Vec<Vec<i64>>,
    /// With what each reservoir begins, µWh: its initial energy unless it is cyclic.
    pub begin: Vec<i64>,
}

/// Multipliers of all constraints that are not bounds; half-pico-currency per Wh.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitmentMultipliers {
    /// Of the balance, reserve, caps, peak and shiftable loads.
    pub base: HorizonCertificate,
    /// w: of each plant's ramps, the first 0; empty for a plant without.
    pub ramp: Vec<Vec<i64>>,
    /// π: value of each reservoir's energy.
    pub energy: Vec<Vec<i64>>,
}

/// A plant held on or off in one interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Which plant.
    pub plant: usize,
    /// Where.
    pub interval: usize,
    /// On or off.
    pub is_on: bool,
}

/// A case of a proof, and multipliers that bound its cost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Branch {
    /// What sets the case apart.
    pub held: Vec<Held>,
    /// Its multipliers.
    pub multipliers: CommitmentMultipliers,
}

/// A proof of how little any dispatch can cost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitmentCertificate {
    /// Multipliers of the dispatch with the commitment as it is: its prices, and how near it is to the least cost so.
    pub given: CommitmentMultipliers,
    /// Cases that leave none out, depth first: at each split first what holds the plant off.
    pub branches: Vec<Branch>,
}

/// A dispatch and its proof.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitmentAnswer {
    /// The dispatch.
    pub solution: CommitmentSolution,
    /// Its proof.
    pub certificate: CommitmentCertificate,
}
