//! What the check of a horizon says: facts, or the first rule broken.

use super::Boundary;
use gridaccord_model::{CarbonMg, Picos, Watts};

/// Facts about an accepted answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HorizonVerified {
    /// Cost of the horizon, floored.
    pub cost: Picos,
    /// Proven lower bound, floored.
    pub bound: Picos,
    /// Largest possible distance from the optimum, rounded up.
    pub gap: Picos,
    /// Σ|cost terms|, floored.
    pub turnover: Picos,
    /// Operating carbon, rounded up.
    pub carbon: CarbonMg,
    /// Operating and embodied carbon, rounded up.
    pub carbon_whole: CarbonMg,
    /// Highest import.
    pub peak: Watts,
}

/// Why an answer, or a proof of infeasibility (K1, K2 and K12), is refused, in the order the rules run. Numbers are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[repr(u16)]
pub enum HorizonRefusal {
    /// Rule K1.
    #[error("the {0} have another shape than the problem")]
    Shape(&'static str) = 1,
    /// Rule K2.
    #[error("a multiplier of the {0} is outside its limits")]
    Multiplier(&'static str) = 2,
    /// Rule K3.
    #[error("{part} {number} is outside its bounds in interval {interval}")]
    OutsideBounds {
        /// Which kind of part.
        part: &'static str,
        /// Its number.
        number: usize,
        /// Where.
        interval: usize,
    } = 3,
    /// Rule K4.
    #[error("generator {number} changes by {change} into interval {interval}")]
    Ramp {
        /// Which generator.
        number: usize,
        /// Where.
        interval: usize,
        /// By how much.
        change: Watts,
    } = 4,
    /// Rule K5.
    #[error("storage {number} charges and discharges in interval {interval}")]
    BothWays {
        /// Which storage.
        number: usize,
        /// Where.
        interval: usize,
    } = 5,
    /// Rule K6.
    #[error("storage {number} holds {stored_uwh} µWh after interval {interval}")]
    Stored {
        /// Which storage.
        number: usize,
        /// Where.
        interval: usize,
        /// How much it would hold.
        stored_uwh: i64,
    } = 6,
    /// Rule K7.
    #[error("supply exceeds demand by {excess} in interval {interval}")]
    Unbalanced {
        /// Where.
        interval: usize,
        /// By how much.
        excess: Watts,
    } = 7,
    /// Rule K8.
    #[error("reserve is short by {short} in interval {interval}")]
    Reserve {
        /// Where.
        interval: usize,
        /// By how much.
        short: Watts,
    } = 8,
    /// Rule K9.
    #[error("{boundary} carbon of {mass} exceeds the cap of the horizon")]
    Carbon {
        /// Within which boundary.
        boundary: Boundary,
        /// How much.
        mass: CarbonMg,
    } = 9,
    /// Rule K10.
    #[error("the price of interval {interval} is not the lowest that clears")]
    PriceNotPinned {
        /// Where.
        interval: usize,
    } = 10,
    /// Rule K11.
    #[error("gap {gap} exceeds {allowed}")]
    GapTooLarge {
        /// Cost less bound.
        gap: Picos,
        /// What the loss threshold allows.
        allowed: Picos,
    } = 11,
    /// Rule K12.
    #[error("the multipliers prove no infeasibility: a violation of {violation} is not above zero")]
    NotInfeasible {
        /// Least sum of multiplier times violation that they prove.
        violation: Picos,
    } = 12,
    /// Rule K13.
    #[error(
        "{boundary} carbon exceeds the cap of interval {interval} by {excess}, more than the threshold"
    )]
    CarbonInterval {
        /// Within which boundary.
        boundary: Boundary,
        /// Where.
        interval: usize,
        /// By how much.
        excess: CarbonMg,
    } = 13,
    /// Rule K14.
    #[error(
        "{boundary} carbon exceeds the caps of intervals by {excess} in all, more than the threshold"
    )]
    CarbonExcess {
        /// Within which boundary.
        boundary: Boundary,
        /// By how much.
        excess: CarbonMg,
    } = 14,
    /// Rule K15.
    #[error("shiftable load {number} consumes {sum} over all intervals")]
    Shifted {
        /// Which load.
        number: usize,
        /// Sum of its powers.
        sum: Watts,
    } = 15,
    /// Rule K16.
    #[error("the loss of the largest source is short of cover by {short} in interval {interval}")]
    Contingency {
        /// Where.
        interval: usize,
        /// By how much.
        short: Watts,
    } = 16,
    /// Rule K17.
    #[error("plant {number} may not be on or off as it is in interval {interval}")]
    State {
        /// Which plant.
        number: usize,
        /// Where.
        interval: usize,
    } = 17,
    /// Rule K18.
    #[error(
        "plant {number} leaves its powers, ramps or limits at starts and stops in interval {interval}"
    )]
    Plant {
        /// Which plant.
        number: usize,
        /// Where.
        interval: usize,
    } = 18,
    /// Rule K19.
    #[error("the branches of the proof leave out a case, or there are too many")]
    Branches = 19,
}

impl HorizonRefusal {
    /// The rule's number.
    #[must_use]
    pub const fn rule(&self) -> u16 {
        match self {
            Self::Shape(_) => 1,
            Self::Multiplier(_) => 2,
            Self::OutsideBounds { .. } => 3,
            Self::Ramp { .. } => 4,
            Self::BothWays { .. } => 5,
            Self::Stored { .. } => 6,
            Self::Unbalanced { .. } => 7,
            Self::Reserve { .. } => 8,
            Self::Carbon { .. } => 9,
            Self::PriceNotPinned { .. } => 10,
            Self::GapTooLarge { .. } => 11,
            Self::NotInfeasible { .. } => 12,
            Self::CarbonInterval { .. } => 13,
            Self::CarbonExcess { .. } => 14,
            Self::Shifted { .. } => 15,
            Self::Contingency { .. } => 16,
            Self::State { .. } => 17,
            Self::Plant { .. } => 18,
            Self::Branches => 19,
        }
    }
}
