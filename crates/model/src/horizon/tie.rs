//! The connection to the macrogrid over a horizon: what it carries each way, and at what price.

use super::{
    DEMAND_CHARGE_MAX, HorizonPostingError, POWER_MAX, Shape, check_length, check_powers,
    check_price,
};
use crate::{Price, Watts, codec_struct, series::Series};

/// The tie. An event that tightens it, or an island, is a lower limit in those intervals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TieOffer {
    /// Greatest import of each interval; 0 W in an island.
    pub import_max: Series<Watts>,
    /// Greatest export of each interval; 0 W in an island.
    pub export_max: Series<Watts>,
    /// Price of import of each interval.
    pub tariff: Series<Price>,
    /// Price paid for export of each interval, at most the tariff.
    pub feed_in: Series<Price>,
    /// Charge on the highest import, µ-currency per kW; 0 is none. What earlier intervals reached is the ledger's to know.
    pub demand_charge: i64,
}

codec_struct!(TieOffer { import_max, export_max, tariff, feed_in, demand_charge });

impl TieOffer {
    /// Checks rules S2, S3, S5, S17 and S18.
    ///
    /// # Errors
    /// The first rule broken.
    pub fn check(&self, shape: Shape) -> Result<(), HorizonPostingError> {
        check_powers("import_max", &self.import_max, shape, POWER_MAX)?;
        check_powers("export_max", &self.export_max, shape, POWER_MAX)?;
        for (field, prices) in [("tariff", &self.tariff), ("feed_in", &self.feed_in)] {
            check_length(field, prices, shape)?;
            prices.iter().try_for_each(|price| check_price(field, *price))?;
        }
        let wash = |(tariff, feed_in): (&Price, &Price)| feed_in > tariff;
        if let Some(interval) = self.tariff.iter().zip(&self.feed_in).position(wash) {
            return Err(HorizonPostingError::WashTrade { interval });
        }
        if (0..=DEMAND_CHARGE_MAX).contains(&self.demand_charge) {
            Ok(())
        } else {
            Err(HorizonPostingError::DemandChargeOutOfRange(self.demand_charge))
        }
    }

    /// Least feed-in and greatest tariff.
    #[must_use]
    pub fn price_range(&self) -> (Price, Price) {
        let prices = || self.tariff.iter().chain(&self.feed_in).copied();
        (prices().min().unwrap_or_default(), prices().max().unwrap_or_default())
    }
}
