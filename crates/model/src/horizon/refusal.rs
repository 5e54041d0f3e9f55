//! Why a posting over a horizon is refused.

use super::{CONSUMPTION_MAX, DEMAND_CHARGE_MAX, MARGINAL_MAX, PRICE_MAX, QUADRATIC_MAX};
use crate::{Joules, Price, Watts};

/// Why a posting is refused, in the order the rules run. Numbers are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[repr(u16)]
pub enum HorizonPostingError {
    /// Rule S1.
    #[error("posting has neither an offer nor a need")]
    Empty = 1,
    /// Rule S2.
    #[error("{field} has {given} values, the gate's horizon has {needed} intervals")]
    SeriesLength {
        /// Which series.
        field: &'static str,
        /// Its length.
        given: usize,
        /// The horizon's.
        needed: usize,
    } = 2,
    /// Rule S3.
    #[error("{field} of {power} is outside 0 W to {most}")]
    PowerOutOfRange {
        /// Which power.
        field: &'static str,
        /// How much.
        power: Watts,
        /// The limit.
        most: Watts,
    } = 3,
    /// Rule S4.
    #[error("least power exceeds greatest power in interval {interval}")]
    PowerRangeEmpty {
        /// Where.
        interval: usize,
    } = 4,
    /// Rule S5.
    #[error("{field} of {price} is outside ±{limit}", limit = PRICE_MAX)]
    PriceOutOfRange {
        /// Which price.
        field: &'static str,
        /// How much.
        price: Price,
    } = 5,
    /// Rule S6.
    #[error("quadratic coefficient {0} is negative or above {limit}", limit = QUADRATIC_MAX)]
    QuadraticOutOfRange(i64) = 6,
    /// Rule S7.
    #[error("marginal cost at {power} is outside ±{limit} pico-currency per Wh", limit = MARGINAL_MAX)]
    MarginalOutOfRange {
        /// At which power.
        power: Watts,
    } = 7,
    /// Rule S8.
    #[error("block {0} is less than 1 W or more than 2^31 W wide")]
    BlockWidth(u16) = 8,
    /// Rule S9.
    #[error("block {0} is cheaper than the block before it")]
    BlockPriceFalls(u16) = 9,
    /// Rule S10.
    #[error("blocks are {blocks} wide, power_max reaches {power}")]
    BlocksTooNarrow {
        /// Sum of the widths.
        blocks: Watts,
        /// Greatest power of any interval.
        power: Watts,
    } = 10,
    /// Rule S11.
    #[error("a block offer has no ramp limit; offer a quadratic cost")]
    RampOfBlocks = 11,
    /// Rule S12.
    #[error("no power of interval {interval} can be followed within the ramp limits")]
    RampTooSlow {
        /// The last such interval.
        interval: usize,
    } = 12,
    /// Rule S13.
    #[error("{field} of {ppb} ppb is outside {least} to {most} ppb")]
    ShareOutOfRange {
        /// Which share.
        field: &'static str,
        /// How much.
        ppb: u32,
        /// The least.
        least: u32,
        /// The most.
        most: u32,
    } = 13,
    /// Rule S14.
    #[error("{field} of {energy_uwh} µWh is outside 0 to {most_uwh} µWh")]
    EnergyOutOfRange {
        /// Which energy.
        field: &'static str,
        /// How much.
        energy_uwh: i64,
        /// The most.
        most_uwh: i64,
    } = 14,
    /// Rule S15.
    #[error("wear of {0} pico-currency per Wh is negative or above {limit}", limit = MARGINAL_MAX)]
    WearOutOfRange(i64) = 15,
    /// Rule S16.
    #[error("storage reaches {reached_uwh} µWh by the end, final_min_uwh promises {promised_uwh}")]
    FinalOutOfReach {
        /// The most it can hold after the last interval.
        reached_uwh: i64,
        /// What it promises.
        promised_uwh: i64,
    } = 16,
    /// Rule S17.
    #[error("feed-in is paid above the tariff in interval {interval}, which invites wash trades")]
    WashTrade {
        /// Where.
        interval: usize,
    } = 17,
    /// Rule S18.
    #[error("demand charge of {0} µ-currency per kW is negative or above {limit}", limit = DEMAND_CHARGE_MAX)]
    DemandChargeOutOfRange(i64) = 18,
    /// Rule S19.
    #[error("consumption of {power} in interval {interval} is above {limit}", limit = CONSUMPTION_MAX)]
    ConsumptionTooLarge {
        /// Where.
        interval: usize,
        /// Firm, sheddable and shiftable together.
        power: Watts,
    } = 19,
    /// Rule S20.
    #[error("value of lost load {0} is negative or above {limit}", limit = PRICE_MAX)]
    ValueOutOfRange(Price) = 20,
    /// Rule S21.
    #[error("shiftable load {load} needs {needed}, its window takes 1 J to {room}")]
    WindowTooShort {
        /// Which load.
        load: usize,
        /// What it needs.
        needed: Joules,
        /// What fits.
        room: Joules,
    } = 21,
}

impl HorizonPostingError {
    /// The rule's number.
    #[must_use]
    pub const fn rule(&self) -> u16 {
        match self {
            Self::Empty => 1,
            Self::SeriesLength { .. } => 2,
            Self::PowerOutOfRange { .. } => 3,
            Self::PowerRangeEmpty { .. } => 4,
            Self::PriceOutOfRange { .. } => 5,
            Self::QuadraticOutOfRange(_) => 6,
            Self::MarginalOutOfRange { .. } => 7,
            Self::BlockWidth(_) => 8,
            Self::BlockPriceFalls(_) => 9,
            Self::BlocksTooNarrow { .. } => 10,
            Self::RampOfBlocks => 11,
            Self::RampTooSlow { .. } => 12,
            Self::ShareOutOfRange { .. } => 13,
            Self::EnergyOutOfRange { .. } => 14,
            Self::WearOutOfRange(_) => 15,
            Self::FinalOutOfReach { .. } => 16,
            Self::WashTrade { .. } => 17,
            Self::DemandChargeOutOfRange(_) => 18,
            Self::ConsumptionTooLarge { .. } => 19,
            Self::ValueOutOfRange(_) => 20,
            Self::WindowTooShort { .. } => 21,
        }
    }
}
