//! A sealed gate after closing, as everybody can follow it: which sum is opened next, and what they decide.
//!
//! Search for the crossing, then the reserve, then, in a shortage that reserve does not cover, demand by
//! criticality. Numbers only: the same machine runs the plaintext twin and the sealed gate.

use crate::{
    clearing::{Cleared, Crossing, OutOfTurn, Search, Share, clear},
    tariff::{PRICES, SCALE, Tariff},
};
use commonware_codec::{Buf, Error, FixedSize, Read, Write};
use gridaccord_model::{MemberId, OwnerId, Price, Watts, codec_enum, codec_struct};
use std::collections::{BTreeMap, BTreeSet};

/// Owners that must stand behind any opened sum, on each side.
pub const OWNERS_MIN: usize = 3;

/// What a participant is on the bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Injects.
    Supplier,
    /// Injects and absorbs.
    Storage,
    /// Absorbs; may be shed.
    Consumer,
    /// The campus itself: its loss curve and the forecast of those without a curve.
    Campus,
    /// The tie to the macrogrid.
    Utility,
}

codec_enum!(Role { Supplier = 0, Storage = 1, Consumer = 2, Campus = 3, Utility = 4 });

/// A participant's public place in a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seat {
    /// Who.
    pub member: MemberId,
    /// Who stands behind it.
    pub owner: OwnerId,
    /// What it is.
    pub role: Role,
    /// Criticality: the greatest number is shed first. Meaningful for consumers.
    pub tier: u8,
}

codec_struct!(Seat { member, owner, role, tier });

/// Names a sum that may be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SumIndex {
    /// Z_k, k in 1..=P.
    Price(u8),
    /// Σr.
    Reserve,
    /// Demand at the cap of one group of tiers, by the group's least critical tier.
    Tier(u8),
    /// A cycle's net energy.
    CycleEnergy,
    /// A cycle's net money in whole µ.
    CycleMoney,
    /// Consumed less supplied, attributed to one source.
    Source(u16),
}

impl SumIndex {
    const fn parts(self) -> (u8, u16) {
        match self {
            Self::Price(k) => (0, k as u16),
            Self::Reserve => (1, 0),
            Self::Tier(tier) => (2, tier as u16),
            Self::CycleEnergy => (3, 0),
            Self::CycleMoney => (4, 0),
            Self::Source(source) => (5, source),
        }
    }
}

impl Write for SumIndex {
    fn write(&self, buf: &mut impl bytes::BufMut) {
        self.parts().write(buf);
    }
}

impl FixedSize for SumIndex {
    const SIZE: usize = 3;
}

impl Read for SumIndex {
    type Cfg = ();
    fn read_cfg(buf: &mut impl Buf, (): &()) -> Result<Self, Error> {
        let (tag, number) = <(u8, u16)>::read_cfg(buf, &((), ()))?;
        let small = u8::try_from(number).ok();
        Ok(match (tag, number, small) {
            (0, _, Some(k)) if (1..=PRICES).contains(&usize::from(k)) => Self::Price(k),
            (1, 0, _) => Self::Reserve,
            (2, _, Some(tier)) => Self::Tier(tier),
            (3, 0, _) => Self::CycleEnergy,
            (4, 0, _) => Self::CycleMoney,
            (5, source, _) => Self::Source(source),
            _ => return Err(Error::Invalid("SumIndex", "no such sum")),
        })
    }
}

/// Consumers shed together: one tier, or several where one has too few owners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TierGroup {
    /// The least critical tier in it: names the group.
    pub least_critical: u8,
    /// Members.
    pub members: BTreeSet<MemberId>,
}

/// Groups consumers for shedding, least critical first, every group of at least [`OWNERS_MIN`] owners.
#[must_use]
pub fn tier_groups(seats: &[Seat]) -> Vec<TierGroup> {
    let mut by_tier: BTreeMap<u8, Vec<&Seat>> = BTreeMap::new();
    for seat in seats.iter().filter(|seat| seat.role == Role::Consumer) {
        by_tier.entry(seat.tier).or_default().push(seat);
    }
    let mut groups: Vec<TierGroup> = Vec::new();
    let mut owners = BTreeSet::new();
    let mut filling: Option<TierGroup> = None;
    for (tier, seats) in by_tier.into_iter().rev() {
        let group = filling
            .get_or_insert_with(|| TierGroup { least_critical: tier, members: BTreeSet::new() });
        group.members.extend(seats.iter().map(|seat| seat.member));
        owners.extend(seats.iter().map(|seat| seat.owner));
        if owners.len() >= OWNERS_MIN {
            groups.extend(filling.take());
            owners.clear();
        }
    }
    // What is left over at the critical end is too few to be opened alone: it joins its neighbour.
    if let (Some(rest), Some(last)) = (filling, groups.last_mut()) {
        last.members.extend(rest.members);
    }
    groups
}

/// Why a gate ends without a plan; the last safe plan then holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Must-run supply exceeds demand by more than the grid-forming resource absorbs.
    #[error("surplus of {excess} W at the price floor, the grid-forming resource absorbs {limit}")]
    Surplus {
        /// Z₁.
        excess: i128,
        /// What it can absorb.
        limit: Watts,
    },
    /// Less reserve was offered than must be held.
    #[error("reserve of {held} W is offered, {required} must be held")]
    Reserve {
        /// Σr.
        held: i128,
        /// R.
        required: Watts,
    },
    /// Demand stays unmet after reserve and every tier.
    #[error("{missing} W of demand stay unmet after reserve and shedding")]
    Shortage {
        /// What is still missing.
        missing: i128,
    },
}

/// How one group is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The group.
    pub least_critical: u8,
    /// β: what it keeps, in 1/S.
    pub beta: i128,
}

/// What a gate decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Supply meets demand.
    Balanced {
        /// Price and shares.
        cleared: Cleared,
        /// Σr.
        reserve: i128,
    },
    /// Demand exceeds supply at the cap.
    Short {
        /// The cap.
        price: Price,
        /// γ: how much of every reserve is called, in 1/S.
        gamma: i128,
        /// Σr.
        reserve: i128,
        /// Which groups are cut, in order.
        cuts: Vec<Cut>,
        /// Σ S·g, W/S: small, the grid-forming resource's.
        residue: i128,
    },
    /// No plan.
    Failed(Failure),
}

impl Outcome {
    /// λ*.
    #[must_use]
    pub const fn price(&self) -> Option<Price> {
        match self {
            Self::Balanced { cleared, .. } => Some(cleared.price),
            Self::Short { price, .. } => Some(*price),
            Self::Failed(_) => None,
        }
    }
}

/// What is opened next, or what was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Open this sum.
    Open(SumIndex),
    /// Nothing more to open.
    Done(Outcome),
}

/// A gate between closing and decision.
#[derive(Clone, Debug)]
pub struct GateRun {
    tariff: Tariff,
    absorb_max: Watts,
    search: Search,
    reserve: Option<i128>,
    groups: Vec<TierGroup>,
    demands: Vec<i128>,
}

impl GateRun {
    /// Starts after closing. `absorb_max` is what the grid-forming resource takes in surplus.
    #[must_use]
    pub fn new(tariff: Tariff, absorb_max: Watts, seats: &[Seat], search: Search) -> Self {
        Self {
            tariff,
            absorb_max,
            search,
            reserve: None,
            groups: tier_groups(seats),
            demands: Vec::new(),
        }
    }

    /// The groups that can be shed.
    #[must_use]
    pub fn groups(&self) -> &[TierGroup] {
        &self.groups
    }

    /// Sums opened by the search.
    #[must_use]
    pub const fn search(&self) -> &Search {
        &self.search
    }

    /// What comes next.
    #[must_use]
    pub fn step(&self) -> Step {
        if let Some(k) = self.search.next() {
            return Step::Open(SumIndex::Price(u8::try_from(k).unwrap_or(u8::MAX)));
        }
        let Some(crossing) = self.search.crossing() else {
            return Step::Done(Outcome::Failed(Failure::Shortage { missing: 0 }));
        };
        let Some(reserve) = self.reserve else { return Step::Open(SumIndex::Reserve) };
        let required = self.tariff.reserve_required;
        if reserve < i128::from(required.0) {
            return Step::Done(Outcome::Failed(Failure::Reserve { held: reserve, required }));
        }
        match crossing {
            Crossing::Surplus { excess } if excess > i128::from(self.absorb_max.0) => {
                Step::Done(Outcome::Failed(Failure::Surplus { excess, limit: self.absorb_max }))
            }
            Crossing::Shortage { missing } => self.short(missing, reserve),
            _ => match clear(&crossing, &self.tariff.grid) {
                Some(cleared) => Step::Done(Outcome::Balanced { cleared, reserve }),
                None => Step::Done(Outcome::Failed(Failure::Shortage { missing: 0 })),
            },
        }
    }

    /// Takes an opened sum.
    ///
    /// # Errors
    /// It is not the one [`Self::step`] names.
    pub fn record(&mut self, index: SumIndex, value: i128) -> Result<(), OutOfTurn> {
        if self.step() != Step::Open(index) {
            let (_, number) = index.parts();
            return Err(OutOfTurn { offered: usize::from(number) });
        }
        match index {
            SumIndex::Price(k) => self.search.record(usize::from(k), value)?,
            SumIndex::Reserve => self.reserve = Some(value),
            _ => self.demands.push(value),
        }
        Ok(())
    }

    /// Reserve first; then tier after tier until what is missing is cut. Balances are in W/S.
    fn short(&self, missing: i128, reserve: i128) -> Step {
        let price = self.tariff.grid.cap();
        let wanted = missing.saturating_mul(SCALE);
        if missing <= reserve {
            let gamma = wanted.checked_div_euclid(reserve).unwrap_or(0);
            let residue = gamma.saturating_mul(reserve).saturating_sub(wanted);
            return Step::Done(Outcome::Short { price, gamma, reserve, cuts: Vec::new(), residue });
        }
        let mut left = missing.saturating_sub(reserve);
        let mut cuts = Vec::new();
        for (position, group) in self.groups.iter().enumerate() {
            let Some(demand) = self.demands.get(position) else {
                return Step::Open(SumIndex::Tier(group.least_critical));
            };
            let demand = demand.saturating_neg();
            if demand <= 0 {
                continue;
            }
            let kept = demand.saturating_sub(left).max(0);
            let beta = SCALE.saturating_mul(kept).checked_div_euclid(demand).unwrap_or(0);
            cuts.push(Cut { least_critical: group.least_critical, beta });
            if kept > 0 || demand == left {
                let freed = SCALE.saturating_sub(beta).saturating_mul(demand);
                let residue = freed.saturating_sub(left.saturating_mul(SCALE));
                return Step::Done(Outcome::Short { price, gamma: SCALE, reserve, cuts, residue });
            }
            left = left.saturating_sub(demand);
        }
        Step::Done(Outcome::Failed(Failure::Shortage { missing: left }))
    }

    /// What one member's set point is made of; `None` where the gate is not decided or failed.
    #[must_use]
    pub fn share(&self, member: MemberId) -> Option<Share> {
        let Step::Done(outcome) = self.step() else { return None };
        match outcome {
            Outcome::Failed(_) => None,
            Outcome::Balanced { cleared, .. } => Some(cleared.share),
            Outcome::Short { gamma, cuts, .. } => {
                let group = self.groups.iter().find(|group| group.members.contains(&member));
                let cut = group.and_then(|group| {
                    cuts.iter().find(|cut| cut.least_critical == group.least_critical)
                });
                Some(
                    cut.map_or(Share::Called { gamma }, |cut| Share::Cut { beta: cut.beta, gamma }),
                )
            }
        }
    }
}
