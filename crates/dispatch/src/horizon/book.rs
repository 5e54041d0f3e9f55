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

use super::{
    CarbonLimit, CarbonLimits, Generator, Horizon, HorizonError, HorizonParts, HorizonSolution,
    Ramp, ShiftableLoad, Storage, Tie,
    limits::{CARBON_MASS_MAX, CARBON_MAX},
};
use crate::{Plan, ShadowPrice};
use gridaccord_model::{
    CarbonMg, CostCurve, HorizonNeed, HorizonOffer, HorizonPosting, MemberId, Price, Watts,
    horizon::{GeneratorOffer, StorageOffer, TieOffer},
    offer::{Block, LINEAR_PER_PRICE},
};
use std::collections::BTreeMap;

/// Largest intensity a policy may name in a market of horizons, operating and beyond together, mg per kWh.
pub const INTENSITY_MAX: u32 = 1 << 21;
/// W·s·mg/kWh in one mg.
const PER_MG: i128 = 3_600_000;
const PPM: i128 = 1_000_000;

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

/// The parts while members are added.
struct Building {
    setting: HorizonSetting,
    parts: HorizonParts,
    generators: Vec<GeneratorPart>,
    storages: Vec<MemberId>,
    tie: Option<MemberId>,
    shiftable: Vec<MemberId>,
    /// Firm demand of each interval.
    firm: Vec<i64>,
    price_floor: Price,
}

impl Building {
    fn new(setting: HorizonSetting) -> Self {
        let intervals = usize::from(setting.intervals);
        let none = vec![Watts::ZERO; intervals];
        let parts = HorizonParts {
            duration_s: setting.duration_s,
            demand: none.clone(),
            reserve: none.clone(),
            tie: Tie {
                import_max: none.clone(),
                export_max: none,
                tariff: vec![Price::ZERO; intervals],
                feed_in: vec![Price::ZERO; intervals],
                carbon_mg_per_kwh: vec![0; intervals],
                embodied_mg_per_kwh: vec![0; intervals],
                demand_charge: 0,
                peak_before: setting.peak_before,
            },
            tiers: Vec::new(),
            generators: Vec::new(),
            storages: Vec::new(),
            shiftable: Vec::new(),
            carbon: CarbonLimits::default(),
            contingency: None,
        };
        Self {
            setting,
            parts,
            generators: Vec::new(),
            storages: Vec::new(),
            tie: None,
            shiftable: Vec::new(),
            firm: vec![0; intervals],
            price_floor: Price::ZERO,
        }
    }

    fn add(&mut self, participant: &Participant) {
        let member = participant.member;
        if let Some(offer) = &participant.posting.offer {
            self.price_floor = self.price_floor.min(offer.price_range().0);
            match offer {
                HorizonOffer::Generator { generator } => self.add_generator(participant, generator),
                HorizonOffer::Storage { storage } => {
                    self.parts.storages.push(storage_of(storage, participant.emission));
                    self.storages.push(member);
                }
                HorizonOffer::Tie { tie } if self.tie.is_none() => {
                    self.parts.tie = tie_of(tie, participant.emission, self.setting);
                    self.tie = Some(member);
                }
                HorizonOffer::Tie { .. } => {}
            }
        }
        if let Some(need) = &participant.posting.need {
            self.add_need(member, need);
        }
    }

    fn add_generator(&mut self, participant: &Participant, offer: &GeneratorOffer) {
        let Emission { operating, beyond } = participant.emission;
        let of = |power_min, power_max, quadratic, linear, ramp| Generator {
            power_min,
            power_max,
            quadratic,
            linear,
            ramp,
            carbon_mg_per_kwh: i64::from(operating),
            embodied_mg_per_kwh: i64::from(beyond),
        };
        let part = GeneratorPart::Resource { member: participant.member };
        match &offer.cost {
            CostCurve::Quadratic { quadratic, linear } => {
                let ramp = offer.ramp.map(|limit| Ramp {
                    up: limit.up,
                    down: limit.down,
                    // A posting that passed rule S12 has such a power.
                    initial: offer.power_before(limit, participant.before).unwrap_or_default(),
                });
                let (min, max) = (offer.power_min.to_vec(), offer.power_max.to_vec());
                self.parts.generators.push(of(min, max, *quadratic, *linear, ramp));
                self.generators.push(part);
            }
            CostCurve::Blocks { blocks } => {
                let mut below = 0i64;
                for Block { power, price } in blocks {
                    let within = |series: &[Watts]| slice(series, below, power.0);
                    let linear = price.0.saturating_mul(LINEAR_PER_PRICE);
                    let (min, max) = (within(&offer.power_min), within(&offer.power_max));
                    self.parts.generators.push(of(min, max, 0, linear, None));
                    self.generators.push(part);
                    below = below.saturating_add(power.0);
                }
            }
        }
    }

    fn add_need(&mut self, member: MemberId, need: &HorizonNeed) {
        let caps = self.setting.carbon;
        let (operating, wider) = (caps.operating_share(), caps.wider_share());
        for (interval, demand) in self.parts.demand.iter_mut().enumerate() {
            *demand = Watts(demand.0.saturating_add(need.stated(interval).0));
        }
        for (sum, firm) in self.firm.iter_mut().zip(&need.firm) {
            *sum = sum.saturating_add(firm.0);
        }
        for (position, tier) in (0u16..).zip(&need.sheddable) {
            self.parts.generators.push(Generator {
                power_min: vec![Watts::ZERO; tier.power.len()],
                power_max: tier.power.to_vec(),
                quadratic: 0,
                linear: tier.value.0.saturating_mul(LINEAR_PER_PRICE),
                ramp: None,
                carbon_mg_per_kwh: operating,
                embodied_mg_per_kwh: wider.saturating_sub(operating),
            });
            self.generators.push(GeneratorPart::Shed { member, tier: position });
        }
        for load in &need.shiftable {
            let power = |interval| {
                if load.is_within(interval) { load.power_max } else { Watts::ZERO }
            };
            self.parts.shiftable.push(ShiftableLoad {
                power_max: (0..self.setting.intervals).map(power).collect(),
                power_sum: load.power_sum(self.setting.duration_s),
            });
            self.shiftable.push(member);
        }
    }
}

/// The part of a series of powers that lies between `below` and `below + width`.
fn slice(series: &[Watts], below: i64, width: i64) -> Vec<Watts> {
    series.iter().map(|power| Watts(power.0.saturating_sub(below).clamp(0, width.max(0)))).collect()
}

fn storage_of(offer: &StorageOffer, emission: Emission) -> Storage {
    Storage {
        charge_max: offer.charge_max,
        discharge_max: offer.discharge_max,
        charge_ppb: i64::from(offer.charge_efficiency_ppb),
        discharge_ppb: offer.discharge_factor_ppb(),
        loss_ppb: i64::from(offer.loss_ppb),
        capacity_uwh: offer.capacity_uwh,
        initial_uwh: offer.stored_uwh,
        final_min_uwh: offer.final_min_uwh,
        wear: offer.wear,
        embodied_mg_per_kwh: i64::from(emission.beyond),
    }
}

fn tie_of(offer: &TieOffer, emission: Emission, setting: HorizonSetting) -> Tie {
    let flat = |value: u32| vec![i64::from(value); usize::from(setting.intervals)];
    Tie {
        import_max: offer.import_max.to_vec(),
        export_max: offer.export_max.to_vec(),
        tariff: offer.tariff.to_vec(),
        feed_in: offer.feed_in.to_vec(),
        carbon_mg_per_kwh: flat(emission.operating),
        embodied_mg_per_kwh: flat(emission.beyond),
        demand_charge: offer.demand_charge,
        peak_before: setting.peak_before,
    }
}

impl CarbonCaps {
    /// Operating cap, no higher than the wider one, which holds it anyway; 0 for none.
    fn operating_share(self) -> i64 {
        self.operating.map_or(0, |cap| i64::from(cap.min(self.wider.unwrap_or(cap))))
    }

    /// Cap within the wider boundary; the operating one where there is none.
    fn wider_share(self) -> i64 {
        self.wider.map_or_else(|| self.operating_share(), i64::from)
    }
}

/// Caps: of an interval, what its demand allows and a little more for a moment; of the horizon, what all intervals'
/// demand and the shiftable energy allow.
fn carbon_limits(setting: HorizonSetting, parts: &HorizonParts, firm: &[i64]) -> CarbonLimits {
    let caps = setting.carbon;
    let limit = |cap: Option<u32>, share: i64| {
        cap.map_or_else(CarbonLimit::default, |_| carbon_limit(setting, parts, firm, share))
    };
    CarbonLimits {
        operating: limit(caps.operating, caps.operating_share()),
        whole: limit(caps.wider, caps.wider_share()),
    }
}

fn carbon_limit(
    setting: HorizonSetting,
    parts: &HorizonParts,
    firm: &[i64],
    share: i64,
) -> CarbonLimit {
    let per_watt = i128::from(share).saturating_mul(i128::from(setting.duration_s));
    let mass = |power: i128, ppm: i128| per_watt.saturating_mul(power).saturating_mul(ppm);
    let interval = parts.demand.iter().zip(firm).map(|(demand, firm)| {
        let more = mass(i128::from(*firm), i128::from(setting.carbon.momentary_ppm));
        milligrams(mass(i128::from(demand.0), PPM).saturating_add(more))
    });
    let shifted = parts.shiftable.iter().map(|load| i128::from(load.power_sum.0));
    let served = parts.demand.iter().map(|demand| i128::from(demand.0)).chain(shifted);
    CarbonLimit {
        horizon: Some(milligrams(mass(served.fold(0i128, i128::saturating_add), PPM))),
        interval: interval.collect(),
        ..CarbonLimit::default()
    }
}

/// From ppm of W·s·mg/kWh, floored.
fn milligrams(scaled: i128) -> CarbonMg {
    let mass = scaled.div_euclid(PER_MG.saturating_mul(PPM)).clamp(0, i128::from(CARBON_MASS_MAX));
    CarbonMg(i64::try_from(mass).unwrap_or(CARBON_MASS_MAX))
}
