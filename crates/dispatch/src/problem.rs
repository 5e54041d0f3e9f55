//! The problem e(t) of one interval on one bus, as every replica builds it from the ledger.
//!
//! Minimise Σ Δt·cᵢ(gᵢ) + Σ Δt·vⱼ·shedⱼ subject to Σ gᵢ + Σ shedⱼ = demand, each gᵢ within its offer and each
//! shedⱼ within its tier. Resources come in ascending member id, tiers in ascending member id and then in the
//! order of the need, so that one set of offers and needs makes one problem whatever order it is given in.
//!
//! Power offered above the price cap is not available: nobody is ever dispatched at a price that the settlement
//! would not pay. A member's least power stays, whatever it costs. Shedding may be worth more than the cap.

use crate::{
    ShadowPrice,
    answer::{RESOURCES_MAX, Solution, TIERS_MAX},
    curve::Curve,
};
use gridaccord_model::{
    MemberId, Need, NeedError, Offer, OfferError, Price, Watts,
    offer::{POWER_MAX, PRICE_MAX},
};
use std::collections::BTreeMap;

/// Longest interval, s: twelve days. With it the cost of an interval fits [`gridaccord_model::Picos`].
pub const DURATION_MAX_S: u32 = 1 << 20;

/// What a resource does until it is dispatched (white paper, section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// φ, the null set: not dispatched until the solution says so. Every supplier's default.
    Retreat,
    /// 1, unity: normally injecting into the main bus. The utility's default; a resource of this state is the
    /// tie to the macrogrid and is absent from an island.
    Unity,
}

/// What the whole interval has in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Length of the interval, 1..=[`DURATION_MAX_S`] s.
    pub duration_s: u32,
    /// Highest price that is settled.
    pub price_cap: Price,
    /// The tie is open: every resource whose default is [`State::Unity`] is held at 0 W.
    pub island: bool,
}

/// One member's resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Whose it is; one resource per member and interval.
    pub member: MemberId,
    /// What it does until dispatched; tells ties from the rest.
    pub default_state: State,
    /// Power range and cost.
    pub offer: Offer,
}

/// One sheddable tier of the demand, as the solution addresses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TierRef {
    /// Whose consumption.
    pub member: MemberId,
    /// Position in the member's need.
    pub tier: u16,
    /// Consumption, at least 1 W.
    pub power: Watts,
    /// Value of lost load.
    pub value: Price,
}

/// What a solution asks of one member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Power of the member's resource; positive is injection.
    pub set_point: Watts,
    /// Power its loads draw after shedding, at least 0 W.
    pub consumption: Watts,
}

impl Plan {
    /// Net injection into the bus.
    #[must_use]
    pub const fn net(self) -> Watts {
        Watts(self.set_point.0.saturating_sub(self.consumption.0))
    }
}

/// One interval's problem. Built once, read-only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    setting: Setting,
    resources: Vec<Resource>,
    needs: BTreeMap<MemberId, Need>,
    tiers: Vec<TierRef>,
    /// One per resource, then one per tier.
    curves: Vec<Curve>,
    demand: i64,
    shadow_floor: ShadowPrice,
}

/// Why offers and needs make no problem, in the order the rules run. Numbers are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[repr(u16)]
pub enum ProblemError {
    /// Rule P1.
    #[error("an interval of {0} s is outside 1..={limit} s", limit = DURATION_MAX_S)]
    DurationOutOfRange(u32) = 1,
    /// Rule P2.
    #[error("price cap {0} is outside ±{limit}", limit = PRICE_MAX)]
    PriceCapOutOfRange(Price) = 2,
    /// Rule P3.
    #[error("{0} resources, at most {limit} fit one interval", limit = RESOURCES_MAX)]
    TooManyResources(usize) = 3,
    /// Rule P4.
    #[error("{0} sheddable tiers, at most {limit} fit one interval", limit = TIERS_MAX)]
    TooManyTiers(usize) = 4,
    /// Rule P5.
    #[error("member {0} has two offers")]
    OfferTwice(MemberId) = 5,
    /// Rule P6.
    #[error("member {0} has two needs")]
    NeedTwice(MemberId) = 6,
    /// Rule P7.
    #[error("offer of member {member}")]
    Offer {
        /// Whose offer.
        member: MemberId,
        /// The offer's rule.
        #[source]
        source: OfferError,
    } = 7,
    /// Rule P8.
    #[error("need of member {member}")]
    Need {
        /// Whose need.
        member: MemberId,
        /// The need's rule.
        #[source]
        source: NeedError,
    } = 8,
}

impl Problem {
    /// Builds the problem of one interval, in ascending member id whatever order the lists have.
    ///
    /// # Errors
    /// The first rule P1–P8 broken; among members, the lowest id's.
    pub fn new(
        setting: Setting,
        mut resources: Vec<Resource>,
        mut needs: Vec<(MemberId, Need)>,
    ) -> Result<Self, ProblemError> {
        check_setting(setting)?;
        if resources.len() > RESOURCES_MAX {
            return Err(ProblemError::TooManyResources(resources.len()));
        }
        let tier_count =
            needs.iter().fold(0usize, |sum, (_, need)| sum.saturating_add(need.sheddable.len()));
        if tier_count > TIERS_MAX {
            return Err(ProblemError::TooManyTiers(tier_count));
        }
        resources.sort_by_key(|resource| resource.member);
        needs.sort_by_key(|(member, _)| *member);
        if let Some(member) = first_twice(resources.iter().map(|resource| resource.member)) {
            return Err(ProblemError::OfferTwice(member));
        }
        if let Some(member) = first_twice(needs.iter().map(|(member, _)| *member)) {
            return Err(ProblemError::NeedTwice(member));
        }
        for Resource { member, offer, .. } in &resources {
            offer.check().map_err(|source| ProblemError::Offer { member: *member, source })?;
        }
        for (member, need) in &needs {
            need.check().map_err(|source| ProblemError::Need { member: *member, source })?;
        }
        Ok(Self::of_checked(setting, resources, needs.into_iter().collect()))
    }

    fn of_checked(
        setting: Setting,
        resources: Vec<Resource>,
        needs: BTreeMap<MemberId, Need>,
    ) -> Self {
        let tiers: Vec<TierRef> =
            needs.iter().flat_map(|(member, need)| tiers_of(*member, need)).collect();
        let curves: Vec<Curve> = resources
            .iter()
            .map(|resource| curve_of(setting, resource))
            .chain(tiers.iter().map(|tier| Curve::flat(tier.power, tier.value)))
            .collect();
        let firm = needs.values().fold(0i64, |sum, need| sum.saturating_add(need.firm.0));
        let demand = tiers.iter().fold(firm, |sum, tier| sum.saturating_add(tier.power.0));
        let shadow_floor = curves.iter().filter_map(Curve::shadow_least).min().unwrap_or(0).min(0);
        Self {
            setting,
            resources,
            needs,
            tiers,
            curves,
            demand,
            shadow_floor: ShadowPrice(shadow_floor),
        }
    }

    /// What the interval has in common.
    #[must_use]
    pub const fn setting(&self) -> Setting {
        self.setting
    }

    /// Resources in ascending member id: the order of a solution's set points.
    #[must_use]
    pub fn resources(&self) -> &[Resource] {
        &self.resources
    }

    /// Sheddable tiers in ascending member id, then in the need's order: the order of a solution's shedding.
    #[must_use]
    pub fn tiers(&self) -> &[TierRef] {
        &self.tiers
    }

    /// Needs by member.
    #[must_use]
    pub const fn needs(&self) -> &BTreeMap<MemberId, Need> {
        &self.needs
    }

    /// Firm and sheddable consumption together: P(t) of the white paper before any shedding.
    #[must_use]
    pub const fn demand(&self) -> Watts {
        Watts(self.demand)
    }

    /// Power range of the resource at `position` after price cap and island; `None` beyond the last.
    #[must_use]
    pub fn range(&self, position: usize) -> Option<(Watts, Watts)> {
        let curve = self.curves.get(..self.resources.len())?.get(position)?;
        Some((Watts(curve.lo()), Watts(curve.hi())))
    }

    /// Lowest shadow price a certificate may state: 0, or the cheapest marginal cost if that is negative.
    ///
    /// Needed where demand equals the sum of least powers: every lower price clears too.
    #[must_use]
    pub const fn shadow_floor(&self) -> ShadowPrice {
        self.shadow_floor
    }

    /// What `solution` asks of each member that has an offer or a need.
    ///
    /// A solution of another shape gives 0 W where it says nothing; [`check`](crate::check()) refuses it.
    #[must_use]
    pub fn plan(&self, solution: &Solution) -> BTreeMap<MemberId, Plan> {
        let mut plans: BTreeMap<MemberId, Plan> = BTreeMap::new();
        for (resource, set_point) in self.resources.iter().zip(&solution.set_points) {
            plans.entry(resource.member).or_default().set_point = *set_point;
        }
        for (member, need) in &self.needs {
            plans.entry(*member).or_default().consumption = need.firm;
        }
        for (tier, shed) in self.tiers.iter().zip(&solution.shed) {
            let consumption = &mut plans.entry(tier.member).or_default().consumption;
            *consumption = Watts(consumption.0.saturating_add(tier.power.0.saturating_sub(shed.0)));
        }
        plans
    }

    /// One per resource, then one per tier.
    pub(crate) fn curves(&self) -> &[Curve] {
        &self.curves
    }
}

fn check_setting(setting: Setting) -> Result<(), ProblemError> {
    if !(1..=DURATION_MAX_S).contains(&setting.duration_s) {
        return Err(ProblemError::DurationOutOfRange(setting.duration_s));
    }
    if setting.price_cap.0.unsigned_abs() > PRICE_MAX.0.unsigned_abs() {
        return Err(ProblemError::PriceCapOutOfRange(setting.price_cap));
    }
    Ok(())
}

fn first_twice(ascending: impl Iterator<Item = MemberId>) -> Option<MemberId> {
    let mut before = None;
    for member in ascending {
        if before == Some(member) {
            return before;
        }
        before = Some(member);
    }
    None
}

fn tiers_of(member: MemberId, need: &Need) -> impl Iterator<Item = TierRef> {
    (0u16..).zip(&need.sheddable).map(move |(position, tier)| TierRef {
        member,
        tier: position,
        power: tier.power,
        value: tier.value,
    })
}

fn curve_of(setting: Setting, resource: &Resource) -> Curve {
    if setting.island && resource.default_state == State::Unity {
        return Curve::absent();
    }
    let mut curve = Curve::of_offer(&resource.offer);
    curve.withhold_above(setting.price_cap);
    curve
}

// Sums of demand stay far inside i64 even if every limit is reached at once.
const _: () = assert!(POWER_MAX.0 <= 1 << 31 && RESOURCES_MAX + TIERS_MAX < 1 << 13);
