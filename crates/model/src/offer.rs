//! What a resource offers for one interval: a power range and a convex cost over it.
//!
//! A utility tie is an offer whose range spans zero: export blocks below it, import blocks above.
//! Cost is zero at zero power. Source: `docs/maths/dispatch.md`.

use crate::{Price, Watts, codec::Bounded, codec_struct, codec_union};

/// Blocks in one offer.
pub const BLOCKS_MAX: usize = 16;
/// Largest absolute power of an offer. With it every product of the certificate fits its type.
pub const POWER_MAX: Watts = Watts(1 << 31);
/// Largest absolute price of a block.
pub const PRICE_MAX: Price = Price(1 << 40);
/// Largest linear coefficient, pico-currency per Wh: [`PRICE_MAX`] in its unit.
pub const LINEAR_MAX: i64 = PRICE_MAX.0 * LINEAR_PER_PRICE;
/// Largest quadratic coefficient, pico-currency per W²h.
pub const QUADRATIC_MAX: i64 = 1 << 40;
/// Largest absolute marginal cost a·g + b anywhere in a quadratic offer's range, pico-currency per Wh.
///
/// Without it a and g, each within its own limit, multiply to costs no type of the check could hold.
pub const MARGINAL_MAX: i64 = LINEAR_MAX * 2;
/// Pico-currency per Wh in one µ-currency per kWh.
pub const LINEAR_PER_PRICE: i64 = 1_000;

/// One step of a block offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Width, at least 1 W.
    pub power: Watts,
    /// Price of every watt-hour in the block.
    pub price: Price,
}

codec_struct!(Block { power, price });

/// Convex cost of power.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CostCurve {
    /// ½·a·g² + b·g.
    Quadratic {
        /// a, pico-currency per W²h, at least 0.
        quadratic: i64,
        /// b, pico-currency per Wh.
        linear: i64,
    },
    /// Priced steps.
    Blocks {
        /// Stacked from `power_min` upward, prices not falling, widths summing to the range.
        blocks: Bounded<Block, BLOCKS_MAX>,
    },
}

codec_union!(CostCurve { Quadratic = 0 { quadratic, linear }, Blocks = 1 { blocks } });

/// Offer of one resource for one interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Least power; negative where the resource can absorb.
    pub power_min: Watts,
    /// Greatest power.
    pub power_max: Watts,
    /// Cost over that range.
    pub cost: CostCurve,
}

codec_struct!(Offer { power_min, power_max, cost });

/// Why an offer is refused, in the order the rules run. Numbers are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[repr(u16)]
pub enum OfferError {
    /// Rule O1.
    #[error("least power {min} exceeds greatest power {max}")]
    PowerRangeEmpty {
        /// Least power offered.
        min: Watts,
        /// Greatest power offered.
        max: Watts,
    } = 1,
    /// Rule O2.
    #[error("power {0} is outside ±{limit}", limit = POWER_MAX)]
    PowerTooLarge(Watts) = 2,
    /// Rule O3.
    #[error("price {0} is outside ±{limit}", limit = PRICE_MAX)]
    PriceTooLarge(Price) = 3,
    /// Rule O4.
    #[error("quadratic coefficient {0} is negative or above its limit")]
    QuadraticOutOfRange(i64) = 4,
    /// Rule O5.
    #[error("block {0} has no width")]
    BlockEmpty(u16) = 5,
    /// Rule O6.
    #[error("block {0} is cheaper than the block before it")]
    BlockPriceFalls(u16) = 6,
    /// Rule O7.
    #[error("blocks are {blocks} wide, the power range is {range}")]
    BlocksMissRange {
        /// Sum of the widths.
        blocks: Watts,
        /// Greatest less least power.
        range: Watts,
    } = 7,
    /// Rule O8.
    #[error("linear coefficient {0} is outside its limit")]
    LinearOutOfRange(i64) = 8,
    /// Rule O9.
    #[error("marginal cost at {0} is outside ±{limit} pico-currency per Wh", limit = MARGINAL_MAX)]
    MarginalOutOfRange(Watts) = 9,
}

impl OfferError {
    /// The rule's number.
    #[must_use]
    pub const fn rule(&self) -> u16 {
        match self {
            Self::PowerRangeEmpty { .. } => 1,
            Self::PowerTooLarge(_) => 2,
            Self::PriceTooLarge(_) => 3,
            Self::QuadraticOutOfRange(_) => 4,
            Self::BlockEmpty(_) => 5,
            Self::BlockPriceFalls(_) => 6,
            Self::BlocksMissRange { .. } => 7,
            Self::LinearOutOfRange(_) => 8,
            Self::MarginalOutOfRange(_) => 9,
        }
    }
}

impl Offer {
    /// Checks rules O1–O9, which need no state.
    ///
    /// # Errors
    /// The first rule broken.
    pub fn check(&self) -> Result<(), OfferError> {
        if self.power_min > self.power_max {
            return Err(OfferError::PowerRangeEmpty { min: self.power_min, max: self.power_max });
        }
        for power in [self.power_min, self.power_max] {
            if power.0.unsigned_abs() > POWER_MAX.0.unsigned_abs() {
                return Err(OfferError::PowerTooLarge(power));
            }
        }
        match &self.cost {
            CostCurve::Quadratic { quadratic, linear } => {
                check_quadratic(*quadratic, *linear)?;
                [self.power_min, self.power_max]
                    .into_iter()
                    .find(|power| !marginal_in_range(*quadratic, *linear, *power))
                    .map_or(Ok(()), |power| Err(OfferError::MarginalOutOfRange(power)))
            }
            CostCurve::Blocks { blocks } => self.check_blocks(blocks),
        }
    }

    fn check_blocks(&self, blocks: &[Block]) -> Result<(), OfferError> {
        let mut width = 0i64;
        let mut price_before = None;
        for (position, block) in (0u16..).zip(blocks) {
            if block.price.0.unsigned_abs() > PRICE_MAX.0.unsigned_abs() {
                return Err(OfferError::PriceTooLarge(block.price));
            }
            if block.power.0 < 1 {
                return Err(OfferError::BlockEmpty(position));
            }
            if block.power > Watts(POWER_MAX.0.saturating_mul(2)) {
                return Err(OfferError::PowerTooLarge(block.power));
            }
            if price_before.is_some_and(|before| block.price < before) {
                return Err(OfferError::BlockPriceFalls(position));
            }
            width = width.saturating_add(block.power.0);
            price_before = Some(block.price);
        }
        let range = Watts(self.power_max.0.saturating_sub(self.power_min.0));
        if Watts(width) != range {
            return Err(OfferError::BlocksMissRange { blocks: Watts(width), range });
        }
        Ok(())
    }
}

fn check_quadratic(quadratic: i64, linear: i64) -> Result<(), OfferError> {
    if !(0..=QUADRATIC_MAX).contains(&quadratic) {
        return Err(OfferError::QuadraticOutOfRange(quadratic));
    }
    if linear.unsigned_abs() > LINEAR_MAX.unsigned_abs() {
        return Err(OfferError::LinearOutOfRange(linear));
    }
    Ok(())
}

fn marginal_in_range(quadratic: i64, linear: i64, power: Watts) -> bool {
    let marginal = i128::from(quadratic)
        .saturating_mul(i128::from(power.0))
        .saturating_add(i128::from(linear));
    marginal.unsigned_abs() <= u128::from(MARGINAL_MAX.unsigned_abs())
}
