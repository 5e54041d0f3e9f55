//! A storage over a horizon: powers, losses, what it holds and what it promises to hold at the end.

use super::{
    ENERGY_MAX_UWH, HorizonPostingError, MARGINAL_MAX, POWER_MAX, Shape, check_power,
    generator::price,
};
use crate::{Price, Watts, codec_struct};

/// A whole, ppb.
const PPB: u32 = 1_000_000_000;
/// Least discharging efficiency, ppb.
const DISCHARGE_PPB_MIN: u32 = 250_000_000;

/// A storage. Stored energy is counted in whole µWh; what an interval's flow leaves below one is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StorageOffer {
    /// Greatest charging power.
    pub charge_max: Watts,
    /// Greatest discharging power.
    pub discharge_max: Watts,
    /// Stored per charged, ppb.
    pub charge_efficiency_ppb: u32,
    /// Given per taken from the store, ppb, at least a quarter.
    pub discharge_efficiency_ppb: u32,
    /// Lost per interval, ppb of what is stored.
    pub loss_ppb: u32,
    /// Capacity, µWh.
    pub capacity_uwh: i64,
    /// Stored at the first interval's start, µWh, as its owner declares: state of charge.
    pub stored_uwh: i64,
    /// Least stored after the last interval, µWh.
    pub final_min_uwh: i64,
    /// Wear, pico-currency per Wh discharged.
    pub wear: i64,
}

codec_struct!(StorageOffer {
    charge_max,
    discharge_max,
    charge_efficiency_ppb,
    discharge_efficiency_ppb,
    loss_ppb,
    capacity_uwh,
    stored_uwh,
    final_min_uwh,
    wear,
});

impl StorageOffer {
    /// Checks rules S3 and S13–S16.
    ///
    /// # Errors
    /// The first rule broken.
    pub fn check(&self, shape: Shape) -> Result<(), HorizonPostingError> {
        check_power("charge_max", self.charge_max, POWER_MAX)?;
        check_power("discharge_max", self.discharge_max, POWER_MAX)?;
        let shares = [
            ("charge_efficiency_ppb", self.charge_efficiency_ppb, 1, PPB),
            ("discharge_efficiency_ppb", self.discharge_efficiency_ppb, DISCHARGE_PPB_MIN, PPB),
            ("loss_ppb", self.loss_ppb, 0, PPB),
        ];
        for (field, ppb, least, most) in shares {
            if !(least..=most).contains(&ppb) {
                return Err(HorizonPostingError::ShareOutOfRange { field, ppb, least, most });
            }
        }
        let energies = [
            ("capacity_uwh", self.capacity_uwh, ENERGY_MAX_UWH),
            ("stored_uwh", self.stored_uwh, self.capacity_uwh),
            ("final_min_uwh", self.final_min_uwh, self.capacity_uwh),
        ];
        for (field, energy_uwh, most_uwh) in energies {
            if !(0..=most_uwh).contains(&energy_uwh) {
                return Err(HorizonPostingError::EnergyOutOfRange { field, energy_uwh, most_uwh });
            }
        }
        if !(0..=MARGINAL_MAX).contains(&self.wear) {
            return Err(HorizonPostingError::WearOutOfRange(self.wear));
        }
        let reached_uwh = self.reached_uwh(shape);
        if reached_uwh < self.final_min_uwh {
            let promised_uwh = self.final_min_uwh;
            return Err(HorizonPostingError::FinalOutOfReach { reached_uwh, promised_uwh });
        }
        Ok(())
    }

    /// What it holds after the last interval if it charges as much as it can from the first on, µWh.
    #[must_use]
    pub fn reached_uwh(&self, shape: Shape) -> i64 {
        (0..shape.intervals).fold(self.stored_uwh, |stored, _| {
            let room = self.greatest_charge(stored, shape.duration_s);
            self.after(stored, room, Watts::ZERO, shape.duration_s)
        })
    }

    /// The greatest charging power with which it holds no more than its capacity.
    fn greatest_charge(&self, stored_uwh: i64, duration_s: u32) -> Watts {
        greatest(self.charge_max, |charge| {
            self.after(stored_uwh, charge, Watts::ZERO, duration_s) <= self.capacity_uwh
        })
    }

    /// The greatest discharging power that leaves `kept_uwh` after an interval; 0 W where nothing does.
    #[must_use]
    pub fn discharge_keeping(&self, kept_uwh: i64, duration_s: u32) -> Watts {
        greatest(self.discharge_max, |discharge| {
            self.after(self.stored_uwh, Watts::ZERO, discharge, duration_s) >= kept_uwh
        })
    }

    /// The power it holds over an interval when asked for `power`: as far as its limits and what it stores allow.
    ///
    /// Positive power is discharge.
    #[must_use]
    pub fn held(&self, stored_uwh: i64, power: Watts, duration_s: u32) -> Watts {
        if power < Watts::ZERO {
            let asked = Watts(0i64.saturating_sub(power.0)).min(self.charge_max);
            let most = self.greatest_charge(stored_uwh, duration_s);
            return Watts(0i64.saturating_sub(asked.min(most).0));
        }
        let holding = Self { stored_uwh, ..*self };
        power.min(holding.discharge_keeping(0, duration_s))
    }

    /// Taken from the store per watt given, ppb, rounded up: the inverse of the discharging efficiency.
    #[must_use]
    pub fn discharge_factor_ppb(&self) -> i64 {
        let whole = i64::from(PPB).saturating_mul(i64::from(PPB));
        let efficiency = i64::from(self.discharge_efficiency_ppb.max(1));
        // Of positive numbers: the ceiling.
        whole.saturating_add(efficiency.saturating_sub(1)).div_euclid(efficiency)
    }

    /// Stored energy after an interval, µWh: ⌊(1 − σ)·E + Δt·(η·c − δ·d)⌋. It may leave what the storage can hold.
    #[must_use]
    pub fn after(&self, stored_uwh: i64, charge: Watts, discharge: Watts, duration_s: u32) -> i64 {
        // 1 J is 2500/9 µWh, so that everything stands over 9·10⁹.
        const UWH_NINTHS_PER_J: i128 = 2_500;
        let whole = i128::from(PPB);
        let flow = i128::from(self.charge_efficiency_ppb)
            .saturating_mul(i128::from(charge.0))
            .saturating_sub(
                i128::from(self.discharge_factor_ppb()).saturating_mul(i128::from(discharge.0)),
            )
            .saturating_mul(UWH_NINTHS_PER_J)
            .saturating_mul(i128::from(duration_s));
        let kept = whole
            .saturating_sub(i128::from(self.loss_ppb))
            .saturating_mul(i128::from(stored_uwh))
            .saturating_mul(9);
        let after = kept.saturating_add(flow).div_euclid(whole.saturating_mul(9));
        i64::try_from(after).unwrap_or(if after < 0 { i64::MIN } else { i64::MAX })
    }

    /// From giving for nothing to the wear of what it gives, µ-currency per kWh.
    #[must_use]
    pub fn price_range(&self) -> (Price, Price) {
        (Price::ZERO, price(i128::from(self.wear), true))
    }
}

/// The greatest power up to `most` that fits, where no smaller one fits less; 0 W where none does.
fn greatest(most: Watts, fits: impl Fn(Watts) -> bool) -> Watts {
    let (mut least, mut beyond) = (0i64, most.0.saturating_add(1));
    while beyond.saturating_sub(least) > 1 {
        let middle = i64::midpoint(least, beyond);
        if fits(Watts(middle)) {
            least = middle;
        } else {
            beyond = middle;
        }
    }
    Watts(least)
}
