//! What a load needs over a horizon: firm, sheddable in tiers, and shiftable in time.
//!
//! All powers here are positive *consumption*.

use super::{CONSUMPTION_MAX, HorizonPostingError, PRICE_MAX, Shape, check_power, check_powers};
use crate::{Joules, Price, Watts, codec::Bounded, codec_struct, need::TIERS_MAX, series::Series};

/// Shiftable loads in one need.
pub const SHIFTABLE_MAX: usize = 8;

/// One sheddable part of a load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HorizonTier {
    /// Consumption of each interval.
    pub power: Series<Watts>,
    /// Value of lost load.
    pub value: Price,
}

codec_struct!(HorizonTier { power, value });

/// Consumption that needs its energy within a window and may choose when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShiftableNeed {
    /// Energy still needed, at least 1 J; it gets the next whole number of W over the interval.
    pub energy: Joules,
    /// First interval it may consume in; 0 is the gate's own.
    pub from: u16,
    /// First interval it may no longer consume in.
    pub until: u16,
    /// Greatest consumption.
    pub power_max: Watts,
}

codec_struct!(ShiftableNeed { energy, from, until, power_max });

impl ShiftableNeed {
    /// Intervals of its window within a horizon.
    fn window(&self, intervals: u16) -> u16 {
        self.until.min(intervals).saturating_sub(self.from)
    }

    /// Whether it may consume in an interval.
    #[must_use]
    pub const fn is_within(&self, interval: u16) -> bool {
        self.from <= interval && interval < self.until
    }

    /// Sum of its powers over the intervals that gives it its energy, rounded up to whole watts.
    #[must_use]
    pub fn power_sum(&self, duration_s: u32) -> Watts {
        let duration = i64::from(duration_s.max(1));
        Watts(self.energy.0.saturating_add(duration.saturating_sub(1)).div_euclid(duration))
    }

    /// Rules S3 and S21.
    fn check(&self, load: usize, shape: Shape) -> Result<(), HorizonPostingError> {
        check_power("shiftable power_max", self.power_max, CONSUMPTION_MAX)?;
        let room = self.power_max.0.saturating_mul(i64::from(self.window(shape.intervals)));
        if self.energy < Joules(1) || self.power_sum(shape.duration_s) > Watts(room) {
            let room = Joules(room.saturating_mul(i64::from(shape.duration_s)));
            return Err(HorizonPostingError::WindowTooShort { load, needed: self.energy, room });
        }
        Ok(())
    }
}

/// Consumption of one member over a horizon.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HorizonNeed {
    /// Firm consumption of each interval, at least 0 W: served whatever it costs.
    pub firm: Series<Watts>,
    /// Sheddable consumption beside it: served unless energy is dearer than the tier's value.
    pub sheddable: Bounded<HorizonTier, TIERS_MAX>,
    /// Shiftable consumption beside both: served in full, when it suits all.
    pub shiftable: Bounded<ShiftableNeed, SHIFTABLE_MAX>,
}

codec_struct!(HorizonNeed { firm, sheddable, shiftable });

impl HorizonNeed {
    /// Checks rules S2, S3 and S19–S21.
    ///
    /// # Errors
    /// The first rule broken.
    pub fn check(&self, shape: Shape) -> Result<(), HorizonPostingError> {
        check_powers("firm", &self.firm, shape, CONSUMPTION_MAX)?;
        for tier in &self.sheddable {
            check_powers("tier power", &tier.power, shape, CONSUMPTION_MAX)?;
        }
        for (load, shiftable) in self.shiftable.iter().enumerate() {
            shiftable.check(load, shape)?;
        }
        for interval in 0..usize::from(shape.intervals) {
            let power = self.most(interval);
            if power > CONSUMPTION_MAX {
                return Err(HorizonPostingError::ConsumptionTooLarge { interval, power });
            }
        }
        match self.sheddable.iter().find(|tier| !(Price::ZERO..=PRICE_MAX).contains(&tier.value)) {
            Some(tier) => Err(HorizonPostingError::ValueOutOfRange(tier.value)),
            None => Ok(()),
        }
    }

    /// Greatest consumption of an interval: firm, sheddable and shiftable; 0 W beyond the series.
    fn most(&self, interval: usize) -> Watts {
        let shiftable = self
            .shiftable
            .iter()
            .filter(|load| u16::try_from(interval).is_ok_and(|interval| load.is_within(interval)));
        let sum = shiftable
            .fold(self.stated(interval).0, |sum, load| sum.saturating_add(load.power_max.0));
        Watts(sum)
    }

    /// Firm and sheddable consumption of an interval; 0 W beyond the series.
    #[must_use]
    pub fn stated(&self, interval: usize) -> Watts {
        let at = |series: &Series<Watts>| series.get(interval).map_or(0, |power| power.0);
        let tiers = self.sheddable.iter().map(|tier| at(&tier.power));
        Watts(tiers.fold(at(&self.firm), i64::saturating_add))
    }

    /// How many parts of the problem it becomes: tiers and shiftable loads.
    #[must_use]
    pub fn parts(&self) -> u16 {
        let count = self.sheddable.len().saturating_add(self.shiftable.len());
        u16::try_from(count).unwrap_or(u16::MAX)
    }
}
