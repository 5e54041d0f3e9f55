//! Rules G1–G17: what a genesis document must be before a chain starts from it.

use super::{Genesis, Role};
use crate::{
    records::LIVE_GATES_MAX,
    sealed::{self, TermsError},
};
use gridaccord_dispatch::{
    DURATION_MAX_S,
    horizon::{self, INTENSITY_MAX},
};
use gridaccord_model::{
    Money, Price,
    carbon::CarbonPolicyError,
    terms::{GateKind, HORIZON_INTERVALS_MAX},
};
use std::collections::BTreeSet;

/// Highest price cap, about a thousand currency per kWh: with it every settlement fits [`Money`].
pub const PRICE_CAP_MAX: Price = Price(1 << 30);
/// Largest deposit: with it no balance leaves the range of [`Money`].
pub const DEPOSIT_MAX: Money = Money(1 << 53);
/// Largest stake: with it all stakes and wagers together fit their type.
pub const STAKE_MAX: u64 = 1 << 53;
/// Largest product of price cap (µ/kWh) and interval (s): with it a line of a settlement is below 2^44 µ even
/// when a meter claims the most a reading can.
pub const PRICE_INTERVAL_MAX: i64 = 1 << 34;
/// Most seats of a gate.
pub const SEATS_MAX: u16 = 64;
/// Most seats of a gate of kind *horizon*.
pub const HORIZON_SEATS_MAX: u16 = 16;

/// Why a genesis document is refused, in the order the rules run. Numbers are never reused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[repr(u16)]
pub enum GenesisError {
    /// Rule G1.
    #[error("validators: {0} given, more than 3 are needed to outvote a faulty one")]
    TooFewValidators(usize) = 1,
    /// Rule G2.
    #[error("validators: number {0} names no member, or repeats a member or a key")]
    ValidatorInvalid(usize) = 2,
    /// Rule G3.
    #[error(
        "members: name {0:?} is empty, has other characters than a-z, 0-9 and -, or is taken twice"
    )]
    NameInvalid(String) = 3,
    /// Rule G4.
    #[error("members: the key of {0:?} is another's too")]
    KeyTwice(String) = 4,
    /// Rule G5.
    #[error("members: the deposit of {0:?} is negative or above {limit}", limit = DEPOSIT_MAX)]
    DepositOutOfRange(String) = 5,
    /// Rule G6.
    #[error("clock: speed is 0, ledger time would stand still")]
    ClockStandsStill = 6,
    /// Rule G7.
    #[error(
        "market: interval_s {interval_s} and period_s {period_s} must be positive, the period no shorter"
    )]
    IntervalInvalid {
        /// Interval given.
        interval_s: u32,
        /// Period given.
        period_s: u32,
    } = 7,
    /// Rule G8.
    #[error("market: gates must open before they close and close before their interval starts")]
    LeadsInvalid = 8,
    /// Rule G9.
    #[error("market: with these leads {0} gates live at one time, at most {limit} can", limit = LIVE_GATES_MAX)]
    TooManyLiveGates(u64) = 9,
    /// Rule G10.
    #[error("market: price cap {0} is outside 0 to {limit}", limit = PRICE_CAP_MAX)]
    PriceCapOutOfRange(Price) = 10,
    /// Rule G11.
    #[error("trust: {0} must be at least 1, seats at most {limit}", limit = SEATS_MAX)]
    TrustInvalid(&'static str) = 11,
    /// Rule G12.
    #[error("trust: {0} is a share and at most 1,000,000 ppm")]
    ShareTooLarge(&'static str) = 12,
    /// Rule G13.
    #[error("members: the stake of {0:?} is above {limit} tokens", limit = STAKE_MAX)]
    StakeTooLarge(String) = 13,
    /// Rule G14.
    #[error("market: price_cap times interval_s is {0}, above {limit}; shorten the interval or lower the cap", limit = PRICE_INTERVAL_MAX)]
    SettlementTooLarge(i64) = 14,
    /// Rule G15.
    #[error("market: a horizon has 1 to {limit} intervals, not {0}", limit = HORIZON_INTERVALS_MAX)]
    HorizonInvalid(u16) = 15,
    /// Rule G16.
    #[error("carbon: {0}")]
    CarbonInvalid(CarbonPolicyError) = 16,
    /// Rule G17.
    #[error("a market of horizons needs {0}")]
    HorizonUnfit(&'static str) = 17,
    /// Rules T1–T10.
    #[error(transparent)]
    Sealed(#[from] TermsError) = 64,
}

impl Genesis {
    /// Checks rules G1–G17, and T1–T10 of sealed gates.
    ///
    /// # Errors
    /// The first rule broken.
    pub fn check(&self) -> Result<(), GenesisError> {
        self.check_validators()?;
        self.check_members()?;
        if self.clock.speed == 0 {
            return Err(GenesisError::ClockStandsStill);
        }
        self.check_market()?;
        self.check_trust()?;
        if let GateKind::Horizon { intervals } = self.market.kind
            && !(1..=HORIZON_INTERVALS_MAX).contains(&intervals)
        {
            return Err(GenesisError::HorizonInvalid(intervals));
        }
        self.carbon.check().map_err(GenesisError::CarbonInvalid)?;
        match self.market.kind {
            GateKind::Horizon { .. } => self.check_horizon(),
            GateKind::Sealed { .. } => Ok(sealed::check(self)?),
            GateKind::Open {} => Ok(()),
        }
    }

    /// Rule G17: what the problem over many intervals takes, beside what each gate takes.
    fn check_horizon(&self) -> Result<(), GenesisError> {
        let factors = self.carbon.factors.iter().map(|factor| {
            let beyond = factor.beyond_operating_mg_per_kwh(self.carbon.wider);
            factor.operating_mg_per_kwh.saturating_add(beyond)
        });
        let caps = [self.carbon.operating_max_mg_per_kwh, self.carbon.wider_max_mg_per_kwh];
        let intensity = factors.chain(caps.into_iter().flatten()).max().unwrap_or(0);
        let utilities = self.members.iter().filter(|member| member.role == Role::Utility).count();
        let market = &self.market;
        let needs = [
            ("interval_s of at most 16,384", market.interval_s <= horizon::DURATION_MAX_S),
            (
                "close_lead_s of at most period_s: a gate starts from the plan of the one before",
                market.close_lead_s <= market.period_s,
            ),
            (
                "at most 16 seats: each may reveal a whole horizon",
                self.trust.seats <= HORIZON_SEATS_MAX,
            ),
            ("at most one utility: there is one tie", utilities <= 1),
            ("carbon factors and caps of at most 2,097,152 mg/kWh", intensity <= INTENSITY_MAX),
        ];
        match needs.iter().find(|(_, holds)| !holds) {
            Some((need, _)) => Err(GenesisError::HorizonUnfit(need)),
            None => Ok(()),
        }
    }

    fn check_validators(&self) -> Result<(), GenesisError> {
        if self.validators.len() <= 3 {
            return Err(GenesisError::TooFewValidators(self.validators.len()));
        }
        let mut members = BTreeSet::new();
        let mut keys = BTreeSet::new();
        for (position, validator) in self.validators.iter().enumerate() {
            let named = usize::from(validator.member) < self.members.len();
            if !named || !members.insert(validator.member) || !keys.insert(&validator.key) {
                return Err(GenesisError::ValidatorInvalid(position));
            }
        }
        Ok(())
    }

    fn check_members(&self) -> Result<(), GenesisError> {
        let mut names = BTreeSet::new();
        let mut keys = BTreeSet::new();
        for member in &self.members {
            let name = member.name.to_string();
            let plain =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            if name.is_empty() || !name.bytes().all(plain) || !names.insert(name.clone()) {
                return Err(GenesisError::NameInvalid(name));
            }
            if !keys.insert(&member.key) {
                return Err(GenesisError::KeyTwice(name));
            }
            if !(Money::ZERO..=DEPOSIT_MAX).contains(&member.deposit) {
                return Err(GenesisError::DepositOutOfRange(name));
            }
            if member.stake > STAKE_MAX {
                return Err(GenesisError::StakeTooLarge(name));
            }
        }
        Ok(())
    }

    fn check_market(&self) -> Result<(), GenesisError> {
        let market = &self.market;
        let (interval_s, period_s) = (market.interval_s, market.period_s);
        let fits = (1..=DURATION_MAX_S).contains(&interval_s);
        if !fits || period_s < interval_s {
            return Err(GenesisError::IntervalInvalid { interval_s, period_s });
        }
        if market.close_lead_s == 0 || market.open_lead_s <= market.close_lead_s {
            return Err(GenesisError::LeadsInvalid);
        }
        let life = u64::from(market.open_lead_s)
            .saturating_add(u64::from(interval_s))
            .saturating_add(u64::from(market.meter_lag_s));
        let live = life.div_ceil(u64::from(period_s)).saturating_add(1);
        if live > LIVE_GATES_MAX {
            return Err(GenesisError::TooManyLiveGates(live));
        }
        if !(Price::ZERO..=PRICE_CAP_MAX).contains(&market.price_cap) {
            return Err(GenesisError::PriceCapOutOfRange(market.price_cap));
        }
        let product = market.price_cap.0.saturating_mul(i64::from(interval_s));
        if product > PRICE_INTERVAL_MAX {
            return Err(GenesisError::SettlementTooLarge(product));
        }
        Ok(())
    }

    fn check_trust(&self) -> Result<(), GenesisError> {
        let trust = &self.trust;
        let at_least_one = [
            ("beacon_offset", trust.beacon_offset >= 1),
            ("seats", (1..=SEATS_MAX).contains(&trust.seats)),
            ("commit_window", trust.commit_window >= 1),
            ("reveal_window", trust.reveal_window >= 1),
            ("token_value", trust.token_value > Money::ZERO),
            ("significance_floor", trust.significance_floor > Money::ZERO),
            ("significance_ref", trust.significance_ref > Money::ZERO),
        ];
        if let Some((name, _)) = at_least_one.iter().find(|(_, holds)| !holds) {
            return Err(GenesisError::TrustInvalid(name));
        }
        let shares = [
            ("index_start_ppm", trust.index_start_ppm),
            ("wager_min_ppm", trust.wager_min_ppm),
            ("fee_ppm", trust.fee_ppm),
            ("alpha_ppm", trust.alpha_ppm),
            ("beta_worse_ppm", trust.beta_worse_ppm),
            ("beta_false_ppm", trust.beta_false_ppm),
        ];
        match shares.iter().find(|(_, ppm)| *ppm > 1_000_000) {
            Some((name, _)) => Err(GenesisError::ShareTooLarge(name)),
            None => Ok(()),
        }
    }
}
