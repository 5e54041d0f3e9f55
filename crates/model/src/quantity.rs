//! Quantities, each an integer in one quantum, each its own type.
//!
//! | type | quantum | sign |
//! |---|---|---|
//! | [`Watts`] | 1 W | positive = injection into the bus |
//! | [`Joules`] | 1 J = 1 W·s | positive = injected |
//! | [`Price`] | 1 µ-currency per kWh | may be negative |
//! | [`Money`] | 1 µ-currency | positive = credit |
//! | [`Picos`] | 1/3,600 pico-currency, the quantum of dispatch cost | may be negative |
//! | [`CarbonMg`] | 1 mg CO2e | |
//! | [`TimeMs`] | 1 ms since the Unix epoch (blocks) | |
//! | [`TimeS`] | 1 s since the Unix epoch, UTC (market) | |
//!
//! Watts × seconds are joules, so energy never rounds.

use crate::{codec_newtype, codec_struct};

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident, $inner:ty, $unit:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl $name {
            /// Nothing.
            pub const ZERO: Self = Self(0);

            /// Sum, or `None` where it leaves the range.
            #[must_use]
            pub const fn checked_add(self, other: Self) -> Option<Self> {
                match self.0.checked_add(other.0) {
                    Some(sum) => Some(Self(sum)),
                    None => None,
                }
            }

            /// Difference, or `None` where it leaves the range.
            #[must_use]
            pub const fn checked_sub(self, other: Self) -> Option<Self> {
                match self.0.checked_sub(other.0) {
                    Some(difference) => Some(Self(difference)),
                    None => None,
                }
            }
        }

        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, concat!("{} ", $unit), self.0)
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, concat!("{} ", $unit), self.0)
            }
        }

        codec_newtype!($name, $inner);
    };
}

quantity!(
    /// Active power. Positive is injection into the bus.
    Watts, i64, "W"
);
quantity!(
    /// Energy on the wire and in settlement. Positive is injected.
    Joules, i64, "J"
);
quantity!(
    /// Price of energy, signed, in µ-currency per kWh.
    Price, i64, "µ/kWh"
);
quantity!(
    /// Money in µ-currency. Positive is a credit.
    Money, i64, "µ"
);
quantity!(
    /// Cost of a dispatch in pico-currency × 3,600: the quantum in which Δt·(½·a·g² + b·g) is exact
    /// with Δt in s, g in W, a in pico-currency/W²h and b in pico-currency/Wh.
    Picos, i128, "p·s/h"
);
quantity!(
    /// Mass of greenhouse gas in mg CO2-equivalent.
    CarbonMg, i64, "mg"
);
quantity!(
    /// Wall time of a block in ms since the Unix epoch.
    TimeMs, u64, "ms"
);
quantity!(
    /// Ledger time in whole seconds since the Unix epoch, UTC.
    TimeS, u64, "s"
);

impl Watts {
    /// Energy of this power held for `seconds`; exact. `None` where it leaves the range.
    #[must_use]
    pub const fn over(self, seconds: u32) -> Option<Joules> {
        match self.0.checked_mul(seconds as i64) {
            Some(joules) => Some(Joules(joules)),
            None => None,
        }
    }
}

impl Joules {
    /// Joules in one watt-hour.
    pub const PER_WH: i64 = 3_600;

    /// Whole watt-hours, rounded toward negative infinity; for people and certificates, never for settlement.
    #[must_use]
    pub const fn wh_floor(self) -> i64 {
        self.0.div_euclid(Self::PER_WH)
    }
}

impl Picos {
    /// Quanta of [`Picos`] in one µ-currency.
    pub const PER_MICRO: i128 = 3_600 * 1_000_000;

    /// Whole µ-currency, rounded toward negative infinity.
    #[must_use]
    pub const fn micro_floor(self) -> i128 {
        self.0.div_euclid(Self::PER_MICRO)
    }
}

/// A market interval [start, start + duration) in ledger time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval {
    /// Start, UTC.
    pub start: TimeS,
    /// Length in s, at least 1.
    pub duration_s: u32,
}

codec_struct!(Interval { start, duration_s });

impl Interval {
    /// First second after the interval.
    #[must_use]
    pub const fn end(self) -> TimeS {
        TimeS(self.start.0.saturating_add(self.duration_s as u64))
    }
}
