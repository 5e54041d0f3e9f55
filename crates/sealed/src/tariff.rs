//! The public tariff of sealed gates: the price grid and every public number a proof depends on.
//!
//! The grid is not uniform. It starts at a negative floor, has 0 and one quantum above it, holds each tariff
//! step as a pair of adjacent quanta so that a step bid is exact, is dense up to one and a half times the
//! retail price, geometric above, and ends with the shedding tiers and the price cap.

use crate::refusal::Refusal;
use commonware_codec::{Buf, Encode as _, Error, FixedSize, Read, Write};
use commonware_cryptography::{Hasher as _, Sha256, sha256::Digest};
use gridaccord_model::{Price, Watts, codec_struct};
use std::collections::BTreeSet;

/// P, the number of prices: a curve is then exactly 32 ranges.
pub const PRICES: usize = 28;
/// S, the denominator of every share of a step.
pub const SCALE: i128 = 1 << 20;
/// H, how many unbilled intervals a balance must cover.
pub const UNBILLED_MAX: u32 = 12;
/// Largest power: limits, reserves and |x| are below it.
pub const POWER_LIMIT: i64 = 1 << 31;
/// Money in proofs counts in µ·J/kWh; this many are 1 µ.
pub const MONEY_PER_MICRO: i128 = 3_600_000;
/// Largest absolute price of a grid. With it, Δt ≤ one day and |x| < 2³¹ W, money of one interval is below 2⁸⁸.
pub const PRICE_LIMIT: i64 = 1 << 40;

/// π₁ < … < π_P.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceGrid([Price; PRICES]);

impl PriceGrid {
    /// Wraps prices.
    ///
    /// # Errors
    /// They do not rise strictly, or one is outside ±[`PRICE_LIMIT`].
    pub fn new(prices: [Price; PRICES]) -> Result<Self, Refusal> {
        let rising = prices.windows(2).all(|pair| pair[0] < pair[1]);
        let bounded =
            prices.iter().all(|price| price.0.unsigned_abs() <= PRICE_LIMIT.unsigned_abs());
        if rising && bounded { Ok(Self(prices)) } else { Err(Refusal::PriceGrid) }
    }

    /// Lays out a grid around a tariff.
    ///
    /// `floor` < 0 < `feed_in` < `retail` < `tiers` < `cap`. The feed-in price is what exports earn, the
    /// retail price what imports cost; `tiers` are the values of the two sheddable tiers.
    ///
    /// # Errors
    /// The prices are not in that order or too close for 28 distinct points.
    pub fn around(
        floor: Price,
        feed_in: Price,
        retail: Price,
        tiers: [Price; 2],
        cap: Price,
    ) -> Result<Self, Refusal> {
        let dense_end = retail.0.saturating_add(retail.0 / 2);
        let order = [floor.0, -1, 1, feed_in.0, retail.0, dense_end, tiers[0].0, tiers[1].0, cap.0];
        if order.windows(2).any(|pair| pair[0] > pair[1])
            || cap.0 > PRICE_LIMIT
            || floor.0 < -PRICE_LIMIT
        {
            return Err(Refusal::PriceGrid);
        }
        let mut prices = BTreeSet::from([floor.0, 0, 1, tiers[0].0, tiers[1].0, cap.0, dense_end]);
        prices.extend([
            feed_in.0,
            feed_in.0.saturating_add(1),
            retail.0.saturating_sub(1),
            retail.0,
        ]);
        let mut above = dense_end;
        for _ in 0..3 {
            above = above.saturating_mul(2);
            if above < tiers[0].0 && prices.len() < PRICES.saturating_sub(13) {
                prices.insert(above);
            }
        }
        while prices.len() < PRICES {
            let middle = widest_gap(&prices, dense_end).ok_or(Refusal::PriceGrid)?;
            prices.insert(middle);
        }
        let prices: Vec<Price> = prices.into_iter().map(Price).collect();
        Self::new(<[Price; PRICES]>::try_from(prices).map_err(|_| Refusal::PriceGrid)?)
    }

    /// π_k for k in 1..=P.
    #[must_use]
    pub fn price(&self, k: usize) -> Option<Price> {
        self.0.get(k.checked_sub(1)?).copied()
    }

    /// π₁, negative in a useful grid.
    #[must_use]
    pub const fn floor(&self) -> Price {
        self.0[0]
    }

    /// π_P, the price cap.
    #[must_use]
    pub const fn cap(&self) -> Price {
        self.0[PRICES - 1]
    }

    /// All prices.
    #[must_use]
    pub const fn prices(&self) -> &[Price; PRICES] {
        &self.0
    }
}

/// Middle of the widest gap among non-negative prices up to `end`.
fn widest_gap(prices: &BTreeSet<i64>, end: i64) -> Option<i64> {
    let dense: Vec<i64> = prices.range(0..=end).copied().collect();
    let (low, high) = dense
        .windows(2)
        .map(|pair| (pair[0], pair[1]))
        .max_by_key(|(low, high)| (high.saturating_sub(*low), core::cmp::Reverse(*low)))?;
    let middle = low.saturating_add(high.saturating_sub(low) / 2);
    (low < middle && middle < high).then_some(middle)
}

impl Write for PriceGrid {
    fn write(&self, buf: &mut impl bytes::BufMut) {
        self.0.iter().for_each(|price| price.write(buf));
    }
}

impl FixedSize for PriceGrid {
    const SIZE: usize = PRICES * 8;
}

impl Read for PriceGrid {
    type Cfg = ();
    fn read_cfg(buf: &mut impl Buf, (): &()) -> Result<Self, Error> {
        let mut prices = [Price::ZERO; PRICES];
        for price in &mut prices {
            *price = Price::read_cfg(buf, &())?;
        }
        Self::new(prices).map_err(|_| {
            Error::Invalid("PriceGrid", "prices do not rise strictly within their limit")
        })
    }
}

/// Largest loss factor, parts per million.
pub const LOSS_PPM_MAX: u32 = 1_000_000;

/// Everything public that sealed statements depend on. Its hash is in every transcript.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tariff {
    /// Raised with every change.
    pub version: u16,
    /// Prices curves are posted over.
    pub grid: PriceGrid,
    /// R: reserve that must stand behind the largest injection.
    pub reserve_required: Watts,
    /// Paid for a kWh of reserve held ready.
    pub reserve_price: Price,
    /// Least penalty for a kWh of deviation.
    pub penalty_floor: Price,
    /// Loss factor that withdrawals carry, parts per million.
    pub loss_ppm: u32,
}

codec_struct!(Tariff { version, grid, reserve_required, reserve_price, penalty_floor, loss_ppm });

impl Tariff {
    /// Checks the tariff itself.
    ///
    /// # Errors
    /// The reserve requirement is outside [0, 2³¹) W, or a public price or the loss factor is out of bounds.
    pub fn check(&self) -> Result<(), Refusal> {
        let reserve = (0..POWER_LIMIT).contains(&self.reserve_required.0);
        let prices = [self.reserve_price, self.penalty_floor];
        let bounded = prices.iter().all(|price| (0..=PRICE_LIMIT).contains(&price.0));
        if reserve && bounded && self.loss_ppm <= LOSS_PPM_MAX {
            Ok(())
        } else {
            Err(Refusal::Tariff)
        }
    }

    /// λ_w, the price of withdrawals at a price: with the loss factor, rounded toward −∞ to a quantum. A price
    /// below zero carries no loss factor, so that λ_w ≥ λ everywhere: else energy read into and out of the bus at
    /// once would earn the difference, and no balance would show it.
    #[must_use]
    pub fn withdrawal(&self, price: Price) -> i128 {
        if price.0 <= 0 {
            return i128::from(price.0);
        }
        let factor = i128::from(self.loss_ppm).saturating_add(1_000_000);
        i128::from(price.0).saturating_mul(factor).div_euclid(1_000_000)
    }

    /// Hash that binds proofs to this tariff.
    #[must_use]
    pub fn hash(&self) -> Digest {
        Sha256::hash(&[b"gridaccord/sealed/tariff/v1", &self.encode()])
    }

    /// κ at a price: half of its size, at least the floor.
    #[must_use]
    pub fn penalty(&self, price: Price) -> i128 {
        (i128::from(price.0).abs() / 2).max(i128::from(self.penalty_floor.0))
    }

    /// κ̂, the largest penalty this grid can call for.
    #[must_use]
    pub fn penalty_max(&self) -> i128 {
        self.penalty(self.grid.cap()).max(self.penalty(self.grid.floor()))
    }

    /// What an unbilled interval can cost a watt of import limit and a watt of export limit, in µ·J/kWh.
    ///
    /// `None` where the interval is so long that it leaves 128 bits.
    #[must_use]
    pub fn exposure(&self, duration_s: u32) -> Option<[i128; 2]> {
        let intervals = i128::from(duration_s).checked_mul(i128::from(UNBILLED_MAX))?;
        let import = self.withdrawal(self.grid.cap()).max(0).checked_add(self.penalty_max())?;
        let export = i128::from(self.grid.floor().0).abs().checked_add(self.penalty_max())?;
        Some([intervals.checked_mul(import)?, intervals.checked_mul(export)?])
    }

    /// Whether proofs' widths suffice for ratings up to `rating` W: checked once, at genesis.
    ///
    /// # Errors
    /// Δt·rating reaches 2⁴² J, or the exposure of such a rating reaches 2⁶³.
    pub fn check_widths(&self, rating: Watts, duration_s: u32) -> Result<(), Refusal> {
        let energy =
            i128::from(rating.0).checked_mul(i128::from(duration_s)).ok_or(Refusal::Widths)?;
        let [import, export] = self.exposure(duration_s).ok_or(Refusal::Widths)?;
        let exposure = import
            .checked_add(export)
            .and_then(|sum| sum.checked_mul(i128::from(rating.0)))
            .ok_or(Refusal::Widths)?;
        let fits =
            rating.0 >= 0 && rating.0 < POWER_LIMIT && energy < 1 << 42 && exposure < 1 << 63;
        if fits { Ok(()) } else { Err(Refusal::Widths) }
    }
}
