//! What a load needs in one interval.
//!
//! Firm demand is served whatever it costs. Sheddable demand is served unless energy is dearer than the
//! tier's value; shedding a tier costs its value (value of lost load). All powers here are positive
//! *consumption*; the bus sees them as negative injection.

use crate::{
    Price, Watts,
    codec::Bounded,
    codec_struct,
    offer::{POWER_MAX, PRICE_MAX},
};

/// Sheddable tiers in one need.
pub const TIERS_MAX: usize = 4;

/// One sheddable part of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tier {
    /// Consumption, at least 1 W.
    pub power: Watts,
    /// Value of lost load.
    pub value: Price,
}

codec_struct!(Tier { power, value });

/// Consumption of one member in one interval.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// Firm consumption, at least 0 W.
    pub firm: Watts,
    /// Sheddable consumption beside it.
    pub sheddable: Bounded<Tier, TIERS_MAX>,
}

codec_struct!(Need { firm, sheddable });

/// Why a need is refused, in the order the rules run. Numbers are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[repr(u16)]
pub enum NeedError {
    /// Rule N1.
    #[error("firm consumption {0} is negative; consumption is stated as a positive power")]
    FirmNegative(Watts) = 1,
    /// Rule N2.
    #[error("tier {0} has no width")]
    TierEmpty(u16) = 2,
    /// Rule N3.
    #[error("consumption {0} is above {limit}", limit = POWER_MAX)]
    PowerTooLarge(Watts) = 3,
    /// Rule N4.
    #[error("value of lost load {0} is negative or above {limit}", limit = PRICE_MAX)]
    ValueOutOfRange(Price) = 4,
}

impl NeedError {
    /// The rule's number.
    #[must_use]
    pub const fn rule(&self) -> u16 {
        match self {
            Self::FirmNegative(_) => 1,
            Self::TierEmpty(_) => 2,
            Self::PowerTooLarge(_) => 3,
            Self::ValueOutOfRange(_) => 4,
        }
    }
}

impl Need {
    /// Checks rules N1–N4, which need no state.
    ///
    /// # Errors
    /// The first rule broken.
    pub fn check(&self) -> Result<(), NeedError> {
        if self.firm < Watts::ZERO {
            return Err(NeedError::FirmNegative(self.firm));
        }
        for (position, tier) in (0u16..).zip(&self.sheddable) {
            if tier.power.0 < 1 {
                return Err(NeedError::TierEmpty(position));
            }
        }
        if self.total() > POWER_MAX {
            return Err(NeedError::PowerTooLarge(self.total()));
        }
        match self.sheddable.iter().find(|tier| !(Price::ZERO..=PRICE_MAX).contains(&tier.value)) {
            Some(tier) => Err(NeedError::ValueOutOfRange(tier.value)),
            None => Ok(()),
        }
    }

    /// Consumption when nothing is shed.
    #[must_use]
    pub fn total(&self) -> Watts {
        Watts(self.sheddable.iter().fold(self.firm.0, |sum, tier| sum.saturating_add(tier.power.0)))
    }
}
