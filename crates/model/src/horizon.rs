//! What a member posts for a gate of kind *horizon*: its resource and its needs over the gate's interval and those
//! after it.
//!
//! The first interval of every series is the one the gate is the market of; only that one is carried out. The others
//! are what the member knows today, and the next gate asks again. A posting is possible on its own: a ramp can follow
//! its limits, a storage reaches what it promises to hold, a shiftable load fits its window. So no single posting, whoever
//! made it, leaves a gate without any dispatch by contradicting itself.
//!
//! Powers of loads are positive *consumption*, powers of generators positive injection. Limits are those of the problem
//! over a horizon. Source: `docs/maths/horizon.md`.

mod generator;
mod need;
mod refusal;
mod storage;
mod tie;

pub use generator::{GeneratorOffer, RampLimit};
pub use need::{HorizonNeed, HorizonTier, SHIFTABLE_MAX, ShiftableNeed};
pub use refusal::HorizonPostingError;
pub use storage::StorageOffer;
pub use tie::TieOffer;

use crate::{Price, Watts, codec_struct, codec_union, series::Series};

/// Largest power of a resource.
pub const POWER_MAX: Watts = Watts(1 << 31);
/// Largest consumption of one member, so that few absurd needs do not fill a gate.
pub const CONSUMPTION_MAX: Watts = Watts(1 << 27);
/// Largest absolute price of a horizon: some 137 currency per kWh.
pub const PRICE_MAX: Price = Price(137_438_953);
/// Largest absolute marginal cost, pico-currency per Wh.
pub const MARGINAL_MAX: i64 = 1 << 37;
/// Largest quadratic coefficient, pico-currency per W²h.
pub const QUADRATIC_MAX: i64 = 1 << 30;
/// Largest store, µWh: some GWh.
pub const ENERGY_MAX_UWH: i64 = 1 << 50;
/// Largest demand charge, µ-currency per kW.
pub const DEMAND_CHARGE_MAX: i64 = 1 << 40;
/// Largest encoded posting, bytes; a test builds it.
pub const POSTING_SIZE_MAX: usize = 16 * 1024;

/// A member's resource over a horizon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HorizonOffer {
    /// It injects.
    Generator {
        /// What it can do, and at what cost.
        generator: GeneratorOffer,
    },
    /// It stores.
    Storage {
        /// What it can do, and what it holds.
        storage: StorageOffer,
    },
    /// It is the connection to the macrogrid.
    Tie {
        /// What it carries, and at what price.
        tie: TieOffer,
    },
}

codec_union!(HorizonOffer {
    Generator = 0 { generator },
    Storage = 1 { storage },
    Tie = 2 { tie },
});

/// Everything a member has to say about one horizon. A later posting for the same gate replaces it whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HorizonPosting {
    /// Its resource.
    pub offer: Option<HorizonOffer>,
    /// Its consumption.
    pub need: Option<HorizonNeed>,
}

codec_struct!(HorizonPosting { offer, need });

/// What a posting is checked against: the shape of the gates' horizons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Intervals of a horizon, 1..=[`HORIZON_INTERVALS_MAX`](crate::terms::HORIZON_INTERVALS_MAX).
    pub intervals: u16,
    /// Length of each, s.
    pub duration_s: u32,
}

impl HorizonPosting {
    /// Checks rules S1–S21, which need no state: of the offer, then of the need.
    ///
    /// # Errors
    /// The first rule broken, in the order of `docs/rules.md`.
    pub fn check(&self, shape: Shape) -> Result<(), HorizonPostingError> {
        if self.offer.is_none() && self.need.is_none() {
            return Err(HorizonPostingError::Empty);
        }
        self.offer.as_ref().map_or(Ok(()), |offer| offer.check(shape))?;
        self.need.as_ref().map_or(Ok(()), |need| need.check(shape))
    }

    /// How many parts of the problem it becomes: what a check's time is bounded by.
    #[must_use]
    pub fn parts(&self) -> u16 {
        let offer = match &self.offer {
            Some(HorizonOffer::Generator { generator }) => generator.parts(),
            Some(HorizonOffer::Storage { .. } | HorizonOffer::Tie { .. }) => 1,
            None => 0,
        };
        offer.saturating_add(self.need.as_ref().map_or(0, HorizonNeed::parts))
    }

    /// Greatest and least price at which it would trade, µ-currency per kWh; `None` without an offer.
    #[must_use]
    pub fn price_range(&self) -> Option<(Price, Price)> {
        self.offer.as_ref().map(HorizonOffer::price_range)
    }
}

impl HorizonOffer {
    /// Checks rules S2–S17, which need no state.
    ///
    /// # Errors
    /// The first rule broken.
    pub fn check(&self, shape: Shape) -> Result<(), HorizonPostingError> {
        match self {
            Self::Generator { generator } => generator.check(shape),
            Self::Storage { storage } => storage.check(shape),
            Self::Tie { tie } => tie.check(shape),
        }
    }

    /// Least and greatest price at which it would trade, µ-currency per kWh, rounded outward.
    #[must_use]
    pub fn price_range(&self) -> (Price, Price) {
        match self {
            Self::Generator { generator } => generator.price_range(),
            Self::Storage { storage } => storage.price_range(),
            Self::Tie { tie } => tie.price_range(),
        }
    }
}

/// Rule S2.
fn check_length<T>(
    field: &'static str,
    series: &Series<T>,
    shape: Shape,
) -> Result<(), HorizonPostingError> {
    let (given, needed) = (series.len(), usize::from(shape.intervals));
    if given == needed {
        Ok(())
    } else {
        Err(HorizonPostingError::SeriesLength { field, given, needed })
    }
}

/// Rules S2 and S3 for a series of powers.
fn check_powers(
    field: &'static str,
    series: &Series<Watts>,
    shape: Shape,
    most: Watts,
) -> Result<(), HorizonPostingError> {
    check_length(field, series, shape)?;
    series.iter().try_for_each(|power| check_power(field, *power, most))
}

/// Rule S3.
fn check_power(field: &'static str, power: Watts, most: Watts) -> Result<(), HorizonPostingError> {
    if (Watts::ZERO..=most).contains(&power) {
        Ok(())
    } else {
        Err(HorizonPostingError::PowerOutOfRange { field, power, most })
    }
}

/// Rule S5.
fn check_price(field: &'static str, price: Price) -> Result<(), HorizonPostingError> {
    if price.0.unsigned_abs() <= PRICE_MAX.0.unsigned_abs() {
        Ok(())
    } else {
        Err(HorizonPostingError::PriceOutOfRange { field, price })
    }
}
