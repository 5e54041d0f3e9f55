//! What follows from the terms of sealed gates, and rules T1–T10: what those terms must be before a chain starts.

use crate::{
    Digest,
    genesis::{Genesis, Market, Role},
};
use gridaccord_model::{
    GateId, Interval, Money, OwnerId, Price, TimeS, Watts,
    terms::{GateKind, SealedTerms},
};
use gridaccord_sealed::{
    gate::{OWNERS_MIN, Role as BusRole},
    keygen::{Crowded, crowded},
    tariff::{MONEY_PER_MICRO, PriceGrid, Tariff},
};

/// Version of the tariff that terms make.
const TARIFF_VERSION: u16 = 1;

/// Why the terms of sealed gates are refused, in the order the rules run. Numbers are never reused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[repr(u16)]
pub enum TermsError {
    /// Rule T1.
    #[error(
        "market: prices must rise from price_floor over 0, feed_in, retail and tier_values to price_cap, with room for 28"
    )]
    Grid = 1,
    /// Rule T2.
    #[error("market: reserve, prices and loss_ppm of sealed gates are out of bounds")]
    Tariff = 2,
    /// Rule T3.
    #[error("market: rating_w {0} over interval_s is too large for the widths of proofs")]
    Widths(u32) = 3,
    /// Rule T4.
    #[error("market: owners_min is {0}, below {OWNERS_MIN} a sum says too much about one owner")]
    OwnersMin(u8) = 4,
    /// Rule T5.
    #[error("market: {0} must be at least 1")]
    Zero(&'static str) = 5,
    /// Rule T6.
    #[error("market: grid_forming names no member")]
    GridForming = 6,
    /// Rule T7.
    #[error("market: a cycle of {0} gates is longer than 2^32 s")]
    CycleTooLong(u16) = 7,
    /// Rule T8.
    #[error("members: deposits together reach 2^63 µ·J/kWh, or there is no certifier")]
    Members = 8,
    /// Rule T9.
    #[error(
        "validators: owner {0} would hold more key shares than may be faulty; spread them over more owners"
    )]
    OwnerShares(OwnerId) = 9,
    /// Rule T10.
    #[error(
        "validators: members of role {0:?} would together hold a threshold of key shares; add other roles"
    )]
    RoleShares(Role) = 10,
}

/// Sealed gates, ready to judge by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The terms of genesis.
    pub terms: SealedTerms,
    /// The tariff they make.
    pub tariff: Tariff,
    /// Its hash, which every proof is bound to.
    pub grid: Digest,
}

impl Setup {
    /// The set-up of a market with sealed gates; `None` for another kind, and for terms that genesis refuses.
    #[must_use]
    pub fn of(market: &Market) -> Option<Self> {
        let GateKind::Sealed { terms } = market.kind else { return None };
        let tariff = tariff(&terms, market.price_cap).ok()?;
        Some(Self { terms, tariff, grid: tariff.hash() })
    }

    /// Largest power of any device.
    #[must_use]
    pub fn rating(&self) -> Watts {
        Watts(i64::from(self.terms.rating_w))
    }

    /// Settlement value every sealed gate is taken to have: rating · Δt · price cap, rounded down.
    #[must_use]
    pub fn significance(&self, market: &Market) -> Money {
        let energy = i128::from(self.terms.rating_w).saturating_mul(i128::from(market.interval_s));
        let value = energy.saturating_mul(i128::from(market.price_cap.0));
        Money(i64::try_from(value.div_euclid(MONEY_PER_MICRO)).unwrap_or(i64::MAX))
    }

    /// The key epoch a gate belongs to, from 1.
    #[must_use]
    pub fn epoch_of(&self, gate: GateId) -> u64 {
        gate.0.div_euclid(u64::from(self.terms.epoch_gates.max(1))).saturating_add(1)
    }

    /// The billing cycle a gate belongs to, from 0.
    #[must_use]
    pub fn cycle_of(&self, gate: GateId) -> u64 {
        gate.0.div_euclid(u64::from(self.terms.cycle_gates.max(1)))
    }

    /// First gate behind a cycle.
    #[must_use]
    pub fn cycle_end(&self, market: &Market, cycle: u64) -> GateId {
        let gates = u64::from(self.terms.cycle_gates.max(1));
        let end = cycle.saturating_add(1).saturating_mul(gates);
        GateId(if market.gates == 0 { end } else { end.min(u64::from(market.gates)) })
    }

    /// From the start of a cycle's first interval to the end of its last.
    #[must_use]
    pub fn cycle_span(&self, market: &Market, cycle: u64) -> Interval {
        let first = GateId(cycle.saturating_mul(u64::from(self.terms.cycle_gates.max(1))));
        let last = GateId(self.cycle_end(market, cycle).0.saturating_sub(1).max(first.0));
        let start: TimeS = market.interval(first).start;
        let length = market.interval(last).end().0.saturating_sub(start.0);
        Interval { start, duration_s: u32::try_from(length).unwrap_or(u32::MAX) }
    }
}

fn tariff(terms: &SealedTerms, cap: Price) -> Result<Tariff, TermsError> {
    let price = |price: u32| Price(i64::from(price));
    let grid = PriceGrid::around(
        Price(i64::from(terms.price_floor)),
        price(terms.feed_in),
        price(terms.retail),
        terms.tier_values.map(price),
        cap,
    )
    .map_err(|_| TermsError::Grid)?;
    let tariff = Tariff {
        version: TARIFF_VERSION,
        grid,
        reserve_required: Watts(i64::from(terms.reserve_w)),
        reserve_price: price(terms.reserve_price),
        penalty_floor: price(terms.penalty_floor),
        loss_ppm: terms.loss_ppm,
    };
    tariff.check().map_err(|_| TermsError::Tariff)?;
    Ok(tariff)
}

/// What a member of the ledger is on the bus; `None` for those without a device.
#[must_use]
pub const fn sealed_role(role: Role) -> Option<BusRole> {
    match role {
        Role::Supplier => Some(BusRole::Supplier),
        Role::StorageOwner => Some(BusRole::Storage),
        Role::Campus => Some(BusRole::Campus),
        Role::Tenant => Some(BusRole::Consumer),
        Role::Utility => Some(BusRole::Utility),
        Role::Authority | Role::Certifier | Role::Auditor => None,
    }
}

/// Rules T1–T10; nothing for gates of another kind.
pub(crate) fn check(genesis: &Genesis) -> Result<(), TermsError> {
    let market = &genesis.market;
    let GateKind::Sealed { terms } = market.kind else { return Ok(()) };
    let tariff = tariff(&terms, market.price_cap)?;
    let rating = Watts(i64::from(terms.rating_w));
    tariff
        .check_widths(rating, market.interval_s)
        .map_err(|_| TermsError::Widths(terms.rating_w))?;
    if usize::from(terms.owners_min) < OWNERS_MIN {
        return Err(TermsError::OwnersMin(terms.owners_min));
    }
    let counts = [
        ("epoch_gates", terms.epoch_gates),
        ("cycle_gates", terms.cycle_gates),
        ("key_window", terms.key_window),
        ("cycle_window", terms.cycle_window),
    ];
    if let Some((name, _)) = counts.iter().find(|(_, count)| *count == 0) {
        return Err(TermsError::Zero(name));
    }
    if usize::from(terms.grid_forming.0) >= genesis.members.len() {
        return Err(TermsError::GridForming);
    }
    let cycle_s = u64::from(terms.cycle_gates).saturating_mul(u64::from(market.period_s));
    if u32::try_from(cycle_s).is_err() {
        return Err(TermsError::CycleTooLong(terms.cycle_gates));
    }
    check_members(genesis)
}

/// Balances never leave their range where all money there is fits it.
fn check_members(genesis: &Genesis) -> Result<(), TermsError> {
    let deposits = genesis.members.iter().map(|member| i128::from(member.deposit.0));
    let deposits = deposits.fold(0i128, i128::saturating_add).saturating_mul(MONEY_PER_MICRO);
    let certified = genesis.members.iter().any(|member| member.role == Role::Certifier);
    if !certified || deposits >= 1 << 63 {
        return Err(TermsError::Members);
    }
    let sellers = |role| if role == Role::StorageOwner { Role::Supplier } else { role };
    let holders: Vec<(OwnerId, Role)> = genesis
        .validators
        .iter()
        .filter_map(|validator| genesis.members.get(usize::from(validator.member)))
        .map(|member| (member.owner, sellers(member.role)))
        .collect();
    match crowded(&holders) {
        None => Ok(()),
        Some(Crowded::Owner(owner)) => Err(TermsError::OwnerShares(owner)),
        Some(Crowded::Role(role)) => Err(TermsError::RoleShares(role)),
    }
}
