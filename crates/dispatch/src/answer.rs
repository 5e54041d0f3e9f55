//! What a builder reveals: a dispatch and the multipliers that prove it.
//!
//! Nothing here is trusted: any bytes that decode are at most refused by [`check`](crate::check()).

use crate::curve::{SHADOW_MAX, SHADOW_PER_PRICE};
use commonware_codec::Encode as _;
use gridaccord_model::{Price, Watts, codec::Bounded, codec_newtype, codec_struct};

/// Resources of one interval.
pub const RESOURCES_MAX: usize = 4_096;
/// Sheddable tiers of one interval.
pub const TIERS_MAX: usize = 3_072;
/// Largest encoded answer, bytes.
pub const ANSWER_SIZE_MAX: usize = 2 + 8 * RESOURCES_MAX + 2 + 8 * TIERS_MAX + 8;

// An answer fits the reveal command of the ledger, 60 KiB.
const _: () = assert!(ANSWER_SIZE_MAX <= 60 * 1024);

/// λ, the bus's shadow price, in half-pico-currency per Wh: what one more watt-hour of demand would cost.
///
/// The half makes every kink of a quadratic offer over whole watts a whole number, so the optimum's price is
/// exact. One µ-currency per kWh is 2,000 of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShadowPrice(pub i64);

codec_newtype!(ShadowPrice, i64);

impl ShadowPrice {
    /// Largest absolute value a certificate may state.
    pub const MAX: Self = Self(SHADOW_MAX);

    /// The shadow price that is exactly `price`, where it lies within [`ShadowPrice::MAX`].
    #[must_use]
    pub const fn of_price(price: Price) -> Self {
        Self(price.0.saturating_mul(SHADOW_PER_PRICE))
    }

    /// The settlement price: rounded up to the next µ-currency per kWh, then capped.
    ///
    /// Up, so that no resource is paid less than its own marginal cost; block offers and tiers never round.
    /// Capped, because shedding may be worth more than the cap while no dispatched watt costs more.
    #[must_use]
    pub fn settle(self, cap: Price) -> Price {
        let floor = self.0.div_euclid(SHADOW_PER_PRICE);
        let up = i64::from(self.0.rem_euclid(SHADOW_PER_PRICE) != 0);
        Price(floor.saturating_add(up)).min(cap)
    }
}

/// A dispatch of one interval.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Solution {
    /// Set point of each resource, in the problem's order; positive is injection.
    pub set_points: Bounded<Watts, RESOURCES_MAX>,
    /// Consumption shed from each tier, in the problem's order; 0 W up to the tier's power.
    pub shed: Bounded<Watts, TIERS_MAX>,
}

codec_struct!(Solution { set_points, shed });

/// Multipliers that bound the optimum's cost from below.
///
/// One interval on one bus has one coupling constraint, the balance, and so one multiplier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OptimalityCertificate {
    /// Multiplier of the balance.
    pub price: ShadowPrice,
}

codec_struct!(OptimalityCertificate { price });

/// What a builder commits to and reveals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The dispatch.
    pub solution: Solution,
    /// Its proof.
    pub certificate: OptimalityCertificate,
}

codec_struct!(Answer { solution, certificate });

impl Answer {
    /// Reads canonical bytes.
    ///
    /// # Errors
    /// The codec's, for bytes that are short, long, or state more items than the limits allow.
    pub fn decode(bytes: &[u8]) -> Result<Self, commonware_codec::Error> {
        <Self as commonware_codec::DecodeExt<()>>::decode(commonware_codec::Copying(bytes))
    }

    /// Canonical bytes, at most [`ANSWER_SIZE_MAX`] of them.
    #[must_use]
    pub fn to_bytes(&self) -> bytes::Bytes {
        self.encode()
    }
}
