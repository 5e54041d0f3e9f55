//! From what members posted to the problem over a horizon, and from its answer back to members.
//!
//! Every replica builds the problem from the closed book in the same way, and so does every builder. Members come in
//! ascending id, the parts of one in the order of its posting, so that one set of postings makes one problem.
//!
//! - A block offer becomes one generator per block, each with its own part of the availability: costs do not fall, so the
//!   optimum fills them in order.
//! - A sheddable tier becomes a generator at its value. What is shed takes its right to emit with it: such a generator
//!   emits as much as the policy allows per kWh, so that caps count what is served and nobody widens one by stating a
//!   need it does not have.
//! - A ramp starts from the last set point, moved no further than the member's own limits need.
//!
//! Positive power is injection. Source: `docs/maths/horizon.md`.

mod building;

use super::{Horizon, HorizonError, HorizonSolution, limits::CARBON_MAX};
use crate::{Plan, ShadowPrice};
use building::{Building, carbon_limits};
use gridaccord_model::{
    HorizonOffer, HorizonPosting, MemberId, Price, Watts, offer::LINEAR_PER_PRICE,
};
use std::collections::BTreeMap;

/// Largest intensity a policy may name in a market of horizons, operating and beyond together, mg per kWh.
pub const INTENSITY_MAX: u32 = 1 << 21;

const _: () = {
    use super::limits;
    use gridaccord_model::horizon as model;
    assert!(INTENSITY_MAX as i64 == CARBON_MAX);
    assert!(model::POWER_MAX.0 == limits::POWER_MAX);
    assert!(model::PRICE_MAX.0 == limits::PRICE_MAX);
    assert!(model::PRICE_MAX.0 * LINEAR_PER_PRICE <= limits::MARGINAL_MAX);
    assert!(model::MARGINAL_MAX == limits::MARGINAL_MAX);
    assert!(model::QUADRATIC_MAX == limits::QUADRATIC_MAX);
    assert!(model::ENERGY_MAX_UWH == limits::ENERGY_MAX);
    assert!(model::DEMAND_CHARGE_MAX == limits::DEMAND_CHARGE_MAX);
};

/// What a kWh of a member's resource emits, mg CO2e per kWh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Emission {
    /// Of its operation.
    pub operating: u32,
    /// Beyond that, within the wider boundary.
    pub beyond: u32,
}

/// Caps on carbon per kWh of consumption served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CarbonCaps {
    /// Operating carbon, mg per kWh.
    pub operating: Option<u32>,
    /// Within the wider boundary, mg per kWh.
    pub wider: Option<u32>,
    /// How far one interval may exceed its cap, ppm of what firm consumption allows.
    pub momentary_ppm: u32,
}

/// What all members' parts have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HorizonSetting {
    /// Length of an interval, s.
    pub duration_s: u32,
    /// Intervals, 1 at least.
    pub intervals: u16,
    /// Highest price that is settled; its negative is the lowest.
    pub price_cap: Price,
    /// Highest import of the billing period before this horizon.
    pub peak_before: Watts,
    /// Caps on carbon.
    pub carbon: CarbonCaps,
}

/// One member's part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Participant {
    /// Who.
    pub member: MemberId,
    /// What it posted; it has passed its rules for this horizon.
    pub posting: HorizonPosting,
    /// What its resource emits.
    pub emission: Emission,
    /// Power of its resource in the plan before this horizon; 0 W where it had none.
    pub before: Watts,
}

/// What a generator of the problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GeneratorPart {
    /// A member's resource, or one block of it.
    Resource {
        /// Whose.
        member: MemberId,
    },
    /// Shedding of a member's tier.
    Shed {
        /// Whose.
        member: MemberId,
        /// Position in the member's need.
        tier: u16,
    },
}

/// Why no dispatch balances an interval, whatever the others do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HorizonImbalance {
    /// Where.
    pub interval: usize,
    /// Demand less the most that can be supplied; negative where the least that must be supplied is above what can
    /// be taken.
    pub short: Watts,
}

/// The problem of a closed book, and whose each part of it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HorizonBook {
    setting: HorizonSetting,
    problem: Horizon,
    participants: Vec<Participant>,
    generators: Vec<GeneratorPart>,
    storages: Vec<MemberId>,
    tie: Option<MemberId>,
    shiftable: Vec<MemberId>,
    price_floor: Price,
}

impl HorizonBook {
    /// Builds the problem, in ascending member id whatever order the list has. Of two ties the lower id's counts.
    ///
    /// # Errors
    /// The first rule H1–H8 broken. Postings that passed their rules break none but H3 and, in sum, H5 of the demand.
    pub fn new(
        setting: HorizonSetting,
        mut participants: Vec<Participant>,
    ) -> Result<Self, HorizonError> {
        participants.sort_by_key(|participant| participant.member);
        let mut building = Building::new(setting);
        for participant in &participants {
            building.add(participant);
        }
        let Building { mut parts, generators, storages, tie, shiftable, firm, price_floor, .. } =
            building;
        parts.carbon = carbon_limits(setting, &parts, &firm);
        let problem = Horizon::new(parts)?;
        Ok(Self {
            setting,
            problem,
            participants,
            generators,
            storages,
            tie,
            shiftable,
            price_floor,
        })
    }

    /// The problem.
    #[must_use]
    pub const fn problem(&self) -> &Horizon {
        &self.problem
    }

    /// What all parts have in common.
    #[must_use]
    pub const fn setting(&self) -> HorizonSetting {
        self.setting
    }

    /// Who takes part, in ascending id.
    #[must_use]
    pub fn participants(&self) -> &[Participant] {
        &self.participants
    }

    /// Whose each generator of the problem is.
    #[must_use]
    pub fn generators(&self) -> &[GeneratorPart] {
        &self.generators
    }

    /// Whose each storage of the problem is.
    #[must_use]
    pub fn storages(&self) -> &[MemberId] {
        &self.storages
    }

    /// Whose the tie is; `None` in a lasting island.
    #[must_use]
    pub const fn tie(&self) -> Option<MemberId> {
        self.tie
    }

    /// Whose each shiftable load of the problem is.
    #[must_use]
    pub fn shiftable(&self) -> &[MemberId] {
        &self.shiftable
    }

    /// What a solution asks of each member in an interval; everybody who posted has an entry.
    ///
    /// A solution of another shape gives 0 W where it says nothing; [`check`](super::check()) refuses it.
    #[must_use]
    pub fn plan(&self, solution: &HorizonSolution, interval: usize) -> BTreeMap<MemberId, Plan> {
        let mut plans = BTreeMap::new();
        for participant in &self.participants {
            let stated = participant
                .posting
                .need
                .as_ref()
                .map(|need| need.stated(interval))
                .unwrap_or_default();
            plans.insert(participant.member, Plan { set_point: Watts::ZERO, consumption: stated });
        }
        let at = |series: Option<&Vec<Watts>>| {
            series.and_then(|series| series.get(interval)).map_or(0, |power| power.0)
        };
        let mut add = |member: MemberId, injected: i64, consumed: i64| {
            let plan: &mut Plan = plans.entry(member).or_default();
            plan.set_point = Watts(plan.set_point.0.saturating_add(injected));
            plan.consumption = Watts(plan.consumption.0.saturating_add(consumed));
        };
        for (part, power) in self.generators.iter().zip(&solution.generators) {
            let power = at(Some(power));
            match part {
                GeneratorPart::Resource { member } => add(*member, power, 0),
                GeneratorPart::Shed { member, .. } => add(*member, 0, power.saturating_neg()),
            }
        }
        for (position, member) in self.storages.iter().enumerate() {
            let discharge = at(solution.discharge.get(position));
            add(*member, discharge.saturating_sub(at(solution.charge.get(position))), 0);
        }
        if let Some(member) = self.tie {
            let (import, export) = (at(Some(&solution.import)), at(Some(&solution.export)));
            add(member, import.saturating_sub(export), 0);
        }
        for (member, power) in self.shiftable.iter().zip(&solution.shift) {
            add(*member, 0, at(Some(power)));
        }
        plans
    }

    /// Σ g²/cap of the first interval's resources, in mW: ranks equal costs, the most even use of capacity first.
    #[must_use]
    pub fn concentration_mw(&self, solution: &HorizonSolution) -> u64 {
        let plans = self.plan(solution, 0);
        let sum = self.participants.iter().fold(0i128, |sum, participant| {
            let cap = participant.posting.offer.as_ref().map_or(0, greatest_first);
            let power =
                plans.get(&participant.member).map_or(0, |plan| i128::from(plan.set_point.0));
            let square = power.saturating_mul(power).saturating_mul(1_000);
            sum.saturating_add(square.checked_div(i128::from(cap)).unwrap_or(0))
        });
        u64::try_from(sum).unwrap_or(u64::MAX)
    }

    /// The settlement price of the first interval: its shadow price rounded up to the next µ-currency per kWh, no lower
    /// than 0 or the cheapest offer, no higher than the cap.
    #[must_use]
    pub fn settle(&self, shadow_price: i64) -> Price {
        ShadowPrice(shadow_price).settle(self.setting.price_cap).max(self.price_floor)
    }

    /// The first interval that nothing can balance. `None` does not mean that there is a dispatch.
    #[must_use]
    pub fn imbalance(&self) -> Option<HorizonImbalance> {
        (0..self.problem.intervals()).find_map(|interval| self.imbalance_of(interval))
    }

    fn imbalance_of(&self, interval: usize) -> Option<HorizonImbalance> {
        let parts = self.problem.parts();
        let at = |series: &[Watts]| series.get(interval).map_or(0, |power| power.0);
        let sum = |powers: &mut dyn Iterator<Item = i64>| powers.fold(0i64, i64::saturating_add);
        let demand = at(&parts.demand);
        let most = sum(&mut parts.generators.iter().map(|generator| at(&generator.power_max)))
            .saturating_add(sum(&mut parts.storages.iter().map(|storage| storage.discharge_max.0)))
            .saturating_add(at(&parts.tie.import_max));
        let least = sum(&mut parts.generators.iter().map(|generator| at(&generator.power_min)))
            .saturating_sub(sum(&mut parts.storages.iter().map(|storage| storage.charge_max.0)))
            .saturating_sub(sum(&mut parts.shiftable.iter().map(|load| at(&load.power_max))))
            .saturating_sub(at(&parts.tie.export_max));
        let short = if most < demand {
            demand.saturating_sub(most)
        } else if least > demand {
            demand.saturating_sub(least)
        } else {
            return None;
        };
        Some(HorizonImbalance { interval, short: Watts(short) })
    }
}

/// Greatest power of a resource in the first interval, either way.
fn greatest_first(offer: &HorizonOffer) -> i64 {
    let first = |series: &[Watts]| series.first().map_or(0, |power| power.0);
    match offer {
        HorizonOffer::Generator { generator } => first(&generator.power_max),
        HorizonOffer::Storage { storage } => storage.charge_max.0.max(storage.discharge_max.0),
        HorizonOffer::Tie { tie } => first(&tie.import_max).max(first(&tie.export_max)),
    }
}
