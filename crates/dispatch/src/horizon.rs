//! The problem e(t) over a horizon of many intervals, and what an answer to it consists of.
//!
//! What joins the intervals: ramp limits, stored energy, shiftable energy, a charge on the peak import, caps on carbon. What
//! joins the resources: the balance and the reserve of each interval. Ramp-limited generators and storages
//! provide reserve; generators without a ramp limit (sun, wind) do not. An island is a window in which the tie's
//! limits are zero. Positive power is injection. Derivations: `docs/maths/horizon.md`.

mod book;
mod bound;
mod carbon;
mod check;
mod codec;
pub mod commitment;
mod contingency;
mod infeasible;
mod lagrangian;
mod limits;
mod opportunity;
mod sums;
mod verdict;

pub use book::{
    CarbonCaps, Emission, GeneratorPart, HorizonBook, HorizonImbalance, HorizonSetting,
    INTENSITY_MAX, Participant,
};
pub use carbon::{Boundary, CarbonLimit, CarbonLimits, CarbonMultipliers};
pub use check::{appraise, check, check_feasible};
pub use codec::{HORIZON_ANSWER_SIZE_MAX, HORIZON_ANSWER_VALUES_MAX, HorizonCodecError};
pub use contingency::Contingency;
pub use infeasible::{HorizonInfeasible, check_infeasible};
pub use lagrangian::pin;
pub use limits::{
    DURATION_MAX_S, HORIZON_INTERVALS_MAX, HORIZON_RESOURCES_MAX, HorizonError, MULTIPLIER_MAX,
};
pub use opportunity::{LostOpportunity, lost_opportunity};
pub use verdict::{HorizonRefusal, HorizonVerified};

use gridaccord_model::{Price, Watts};

/// Rise and fall of power from one interval to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ramp {
    /// Greatest rise, at least 0 W.
    pub up: Watts,
    /// Greatest fall, at least 0 W.
    pub down: Watts,
    /// Power before the first interval.
    pub initial: Watts,
}

/// A generator over the horizon; cost ½·a·g² + b·g.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generator {
    /// Least power in each interval, at least 0 W.
    pub power_min: Vec<Watts>,
    /// Greatest power in each interval.
    pub power_max: Vec<Watts>,
    /// a, pico-currency per W²h, at least 0.
    pub quadratic: i64,
    /// b, pico-currency per Wh.
    pub linear: i64,
    /// Ramp limit; a generator that has one provides reserve.
    pub ramp: Option<Ramp>,
    /// Operating carbon of its energy, mg per kWh.
    pub carbon_mg_per_kwh: i64,
    /// Embodied carbon of its energy, mg per kWh.
    pub embodied_mg_per_kwh: i64,
}

/// A storage over the horizon.
///
/// Stored energy follows E = ⌊(1 − σ)·E₋₁ + Δt·(η·c − δ·d)⌋ in whole µWh; what the floor leaves is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Storage {
    /// Greatest charging power.
    pub charge_max: Watts,
    /// Greatest discharging power.
    pub discharge_max: Watts,
    /// η: stored per charged, ppb, at most 10⁹.
    pub charge_ppb: i64,
    /// δ: taken from the store per discharged, ppb, at least 10⁹: 10¹⁸ over the discharging efficiency.
    pub discharge_ppb: i64,
    /// σ: lost per interval, ppb of what is stored.
    pub loss_ppb: i64,
    /// Capacity, µWh.
    pub capacity_uwh: i64,
    /// Stored before the first interval, µWh.
    pub initial_uwh: i64,
    /// Least stored after the last interval, µWh.
    pub final_min_uwh: i64,
    /// Wear, pico-currency per Wh discharged.
    pub wear: i64,
    /// Embodied carbon, mg per kWh discharged; what was charged carries its own.
    pub embodied_mg_per_kwh: i64,
}

/// The connection to the macrogrid, unity of the white paper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tie {
    /// Import limit of each interval; 0 W in an island.
    pub import_max: Vec<Watts>,
    /// Export limit of each interval; 0 W in an island.
    pub export_max: Vec<Watts>,
    /// cu: price of import.
    pub tariff: Vec<Price>,
    /// cs: price of export, at most the tariff.
    pub feed_in: Vec<Price>,
    /// Operating carbon of imported energy, mg per kWh.
    pub carbon_mg_per_kwh: Vec<i64>,
    /// Embodied carbon of imported energy, mg per kWh.
    pub embodied_mg_per_kwh: Vec<i64>,
    /// Charge on the highest import, µ-currency per kW; 0 is none.
    pub demand_charge: i64,
    /// Highest import of the billing period before this horizon; only what exceeds it is charged.
    pub peak_before: Watts,
}

/// Demand that may be shed at its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShedTier {
    /// Consumption of the tier in each interval; part of the demand.
    pub power: Vec<Watts>,
    /// Value of lost load.
    pub value: Price,
}

/// Consumption that may choose its time; not part of the demand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShiftableLoad {
    /// Greatest consumption in each interval; 0 W outside its window.
    pub power_max: Vec<Watts>,
    /// Sum of its consumption over the intervals: its energy over the length of an interval.
    pub power_sum: Watts,
}

/// Parts of a problem; public, unchecked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HorizonParts {
    /// Length of an interval, s.
    pub duration_s: u32,
    /// Demand of each interval, sheddable tiers included.
    pub demand: Vec<Watts>,
    /// Upward headroom required of each interval.
    pub reserve: Vec<Watts>,
    /// The tie.
    pub tie: Tie,
    /// Sheddable demand.
    pub tiers: Vec<ShedTier>,
    /// Generators.
    pub generators: Vec<Generator>,
    /// Storages.
    pub storages: Vec<Storage>,
    /// Shiftable loads.
    pub shiftable: Vec<ShiftableLoad>,
    /// Caps on carbon.
    pub carbon: CarbonLimits,
    /// N−1, beside the reserve.
    pub contingency: Option<Contingency>,
}

/// A problem whose parts have passed rules H1–H8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Horizon(HorizonParts);

impl Horizon {
    /// Checks the parts.
    ///
    /// # Errors
    /// The first rule H1–H8 broken.
    pub fn new(parts: HorizonParts) -> Result<Self, HorizonError> {
        limits::check(&parts)?;
        Ok(Self(parts))
    }

    /// The parts.
    #[must_use]
    pub const fn parts(&self) -> &HorizonParts {
        &self.0
    }

    /// How many intervals there are, T.
    #[must_use]
    pub const fn intervals(&self) -> usize {
        self.0.demand.len()
    }

    /// Most that reserve providers may supply together in an interval: all they have less the reserve.
    #[must_use]
    pub fn reserve_ceiling(&self, interval: usize) -> Watts {
        let ramped = self.0.generators.iter().filter(|generator| generator.ramp.is_some());
        let capacity = ramped.map(|generator| generator.power_max[interval].0);
        let stored = self.0.storages.iter().map(|storage| storage.discharge_max.0);
        let total = capacity.chain(stored).fold(0i64, i64::saturating_add);
        Watts(total.saturating_sub(self.0.reserve[interval].0))
    }
}

/// A dispatch of the horizon; every list is by interval.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HorizonSolution {
    /// Power of each generator.
    pub generators: Vec<Vec<Watts>>,
    /// Charging power of each storage, at least 0 W.
    pub charge: Vec<Vec<Watts>>,
    /// Discharging power of each storage, at least 0 W; never together with charging.
    pub discharge: Vec<Vec<Watts>>,
    /// Import over the tie.
    pub import: Vec<Watts>,
    /// Export over the tie, at least 0 W.
    pub export: Vec<Watts>,
    /// Shedding of each tier.
    pub shed: Vec<Vec<Watts>>,
    /// Consumption of each shiftable load, at least 0 W.
    pub shift: Vec<Vec<Watts>>,
}

/// Multipliers that bound the optimum's cost from below. Half-pico-currency per Wh unless said otherwise.
///
/// Any values within their limits are a valid bound; good ones are a tight bound.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HorizonCertificate {
    /// λ: of the balance; the price.
    pub price: Vec<i64>,
    /// ρ ≥ 0: of the reserve.
    pub reserve: Vec<i64>,
    /// μ, ν, ξ ≥ 0: of the caps on carbon within each [`Boundary`].
    pub carbon: [CarbonMultipliers; 2],
    /// κ ≥ 0: of import below the peak; all zero without a demand charge.
    pub peak: Vec<i64>,
    /// w: of each generator's ramps; empty for a generator without.
    pub ramp: Vec<Vec<i64>>,
    /// π: value of each storage's energy.
    pub energy: Vec<Vec<i64>>,
    /// φ: of each shiftable load's energy.
    pub shift: Vec<i64>,
    /// ρ ≥ 0 of losing each source: generators, storages, then the tie if it may be lost; empty without N−1.
    pub loss: Vec<Vec<i64>>,
    /// θ ≥ 0: of each storage's energy lasting through a loss; empty without N−1.
    pub hold: Vec<Vec<i64>>,
}

/// A dispatch and its proof.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HorizonAnswer {
    /// The dispatch.
    pub solution: HorizonSolution,
    /// Its proof.
    pub certificate: HorizonCertificate,
}
