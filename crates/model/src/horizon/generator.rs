//! A generator over a horizon: what it can give in each interval, at what cost, and how fast it can change.

use super::{
    HorizonPostingError, MARGINAL_MAX, POWER_MAX, QUADRATIC_MAX, Shape, check_powers, check_price,
};
use crate::{
    CostCurve, Price, Watts, codec_struct,
    offer::{Block, LINEAR_PER_PRICE},
    series::Series,
};

/// Rise and fall of power from one interval to the next. Whoever has such a limit provides reserve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RampLimit {
    /// Greatest rise per interval, at least 0 W.
    pub up: Watts,
    /// Greatest fall per interval, at least 0 W.
    pub down: Watts,
}

codec_struct!(RampLimit { up, down });

/// A generator. Its power before the first interval is no part of it: the ledger knows the last set point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratorOffer {
    /// Least power of each interval, at least 0 W: what it cannot go below.
    pub power_min: Series<Watts>,
    /// Greatest power of each interval: what it can give, by sun, wind or rating.
    pub power_max: Series<Watts>,
    /// Cost; blocks are stacked from 0 W upward, at least as wide as the greatest power.
    pub cost: CostCurve,
    /// How fast it can change; `None` is at once. Not with blocks.
    pub ramp: Option<RampLimit>,
}

codec_struct!(GeneratorOffer { power_min, power_max, cost, ramp });

impl GeneratorOffer {
    /// Checks rules S2–S12.
    ///
    /// # Errors
    /// The first rule broken.
    pub fn check(&self, shape: Shape) -> Result<(), HorizonPostingError> {
        check_powers("power_min", &self.power_min, shape, POWER_MAX)?;
        check_powers("power_max", &self.power_max, shape, POWER_MAX)?;
        let empty = |(min, max): (&Watts, &Watts)| min > max;
        if let Some(interval) = self.power_min.iter().zip(&self.power_max).position(empty) {
            return Err(HorizonPostingError::PowerRangeEmpty { interval });
        }
        match &self.cost {
            CostCurve::Quadratic { quadratic, linear } => {
                self.check_quadratic(*quadratic, *linear)?;
            }
            CostCurve::Blocks { blocks } => self.check_blocks(blocks)?,
        }
        let Some(ramp) = self.ramp else { return Ok(()) };
        super::check_power("ramp up", ramp.up, POWER_MAX)?;
        super::check_power("ramp down", ramp.down, POWER_MAX)?;
        self.followable(ramp).map(|_| ())
    }

    fn check_quadratic(&self, quadratic: i64, linear: i64) -> Result<(), HorizonPostingError> {
        if !(0..=QUADRATIC_MAX).contains(&quadratic) {
            return Err(HorizonPostingError::QuadraticOutOfRange(quadratic));
        }
        for power in [Watts::ZERO, self.greatest()] {
            let marginal = marginal(quadratic, linear, power);
            if marginal.unsigned_abs() > u128::from(MARGINAL_MAX.unsigned_abs()) {
                return Err(HorizonPostingError::MarginalOutOfRange { power });
            }
        }
        Ok(())
    }

    fn check_blocks(&self, blocks: &[Block]) -> Result<(), HorizonPostingError> {
        let mut width = Watts::ZERO;
        let mut price_before = None;
        for (position, block) in (0u16..).zip(blocks) {
            if !(Watts(1)..=POWER_MAX).contains(&block.power) {
                return Err(HorizonPostingError::BlockWidth(position));
            }
            check_price("block price", block.price)?;
            if price_before.is_some_and(|before| block.price < before) {
                return Err(HorizonPostingError::BlockPriceFalls(position));
            }
            width = Watts(width.0.saturating_add(block.power.0));
            price_before = Some(block.price);
        }
        let power = self.greatest();
        if width < power {
            return Err(HorizonPostingError::BlocksTooNarrow { blocks: width, power });
        }
        if self.ramp.is_some() { Err(HorizonPostingError::RampOfBlocks) } else { Ok(()) }
    }

    /// Powers of the first interval from which the limits of all later ones can be followed, or rule S12.
    ///
    /// Backward in time: of each interval those powers within its limits that reach such a power of the next.
    fn followable(&self, ramp: RampLimit) -> Result<(Watts, Watts), HorizonPostingError> {
        let limits = self.power_min.iter().zip(&self.power_max).enumerate();
        let mut viable: Option<(i64, i64)> = None;
        for (interval, (min, max)) in limits.collect::<Vec<_>>().into_iter().rev() {
            let (least, greatest) = match viable {
                None => (min.0, max.0),
                Some((least, greatest)) => (
                    min.0.max(least.saturating_sub(ramp.up.0)),
                    max.0.min(greatest.saturating_add(ramp.down.0)),
                ),
            };
            if least > greatest {
                return Err(HorizonPostingError::RampTooSlow { interval });
            }
            viable = Some((least, greatest));
        }
        let (least, greatest) = viable.unwrap_or_default();
        Ok((Watts(least), Watts(greatest)))
    }

    /// The power before the first interval that a ramp-limited generator is taken to have: `before`, moved no further
    /// than its own limits need so that it can follow them. Nobody is left without a dispatch by its history.
    ///
    /// # Errors
    /// Rule S12.
    pub fn power_before(
        &self,
        ramp: RampLimit,
        before: Watts,
    ) -> Result<Watts, HorizonPostingError> {
        let (least, greatest) = self.followable(ramp)?;
        let least = least.0.saturating_sub(ramp.up.0).max(0);
        let greatest = greatest.0.saturating_add(ramp.down.0).min(POWER_MAX.0);
        Ok(Watts(before.0.max(least).min(greatest)))
    }

    /// How many generators of the problem it becomes: one per block.
    #[must_use]
    pub fn parts(&self) -> u16 {
        match &self.cost {
            CostCurve::Quadratic { .. } => 1,
            CostCurve::Blocks { blocks } => u16::try_from(blocks.len()).unwrap_or(u16::MAX),
        }
    }

    /// Least and greatest marginal cost, µ-currency per kWh, rounded outward.
    #[must_use]
    pub fn price_range(&self) -> (Price, Price) {
        match &self.cost {
            CostCurve::Quadratic { quadratic, linear } => {
                let least = self.power_min.iter().min().copied().unwrap_or_default();
                let at = |power| marginal(*quadratic, *linear, power);
                (price(at(least), false), price(at(self.greatest()), true))
            }
            CostCurve::Blocks { blocks } => (
                blocks.first().map_or(Price::ZERO, |block| block.price),
                blocks.last().map_or(Price::ZERO, |block| block.price),
            ),
        }
    }

    fn greatest(&self) -> Watts {
        self.power_max.iter().max().copied().unwrap_or_default()
    }
}

fn marginal(quadratic: i64, linear: i64, power: Watts) -> i128 {
    i128::from(quadratic).saturating_mul(i128::from(power.0)).saturating_add(i128::from(linear))
}

/// Pico-currency per Wh as µ-currency per kWh, rounded down or up.
pub(super) fn price(marginal: i128, up: bool) -> Price {
    let unit = i128::from(LINEAR_PER_PRICE);
    let floor = marginal.div_euclid(unit);
    let rounded = floor.saturating_add(i128::from(up && marginal.rem_euclid(unit) != 0));
    Price(i64::try_from(rounded).unwrap_or(i64::MAX))
}
