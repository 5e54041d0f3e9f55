//! Weather: how much of what a scenario promises sun and wind really give, by seed.

use crate::keys::{Purpose, digest};
use gridaccord_model::{Block, CostCurve, Offer, Watts, codec::Bounded};

/// Share of the promised power that there is, ppm, in one interval. All plants of a class share it.
///
/// Between `1 − 2·spread` and 1: a scenario's figures are what is there on a clear day.
#[must_use]
pub fn share_ppm(seed: u64, class: &str, interval: u32, spread_ppm: u32) -> u32 {
    let index = class
        .bytes()
        .fold(u64::from(interval), |index, byte| index.rotate_left(8) ^ u64::from(byte));
    let [b0, b1, b2, b3, ..] = digest(seed, Purpose::Weather, index);
    let draw = u64::from(u32::from_be_bytes([b0, b1, b2, b3]));
    let loss = (draw * u64::from(spread_ppm) * 2) >> 32;
    1_000_000 - u32::try_from(loss).unwrap_or(1_000_000).min(1_000_000)
}

/// This share of a power, rounded down.
#[must_use]
pub fn share_of(power: Watts, share_ppm: u32) -> Watts {
    Watts((i128::from(power.0) * i128::from(share_ppm)).div_euclid(1_000_000) as i64)
}

/// The offer of a plant that has only this share of its power: the dearest part is missing.
#[must_use]
pub fn scale(offer: Offer, share_ppm: u32) -> Offer {
    let range = offer.power_max.0 - offer.power_min.0;
    let kept = (i128::from(range) * i128::from(share_ppm) / 1_000_000) as i64;
    let power_max = Watts(offer.power_min.0 + kept);
    let cost = match offer.cost {
        CostCurve::Quadratic { .. } => offer.cost,
        CostCurve::Blocks { blocks } => {
            let mut left = kept;
            let cut = blocks.iter().filter_map(|block| {
                let power = Watts(block.power.0.min(left));
                left -= power.0;
                (power > Watts::ZERO).then_some(Block { power, price: block.price })
            });
            CostCurve::Blocks {
                blocks: Bounded::new(cut.collect()).expect("no more blocks than before"),
            }
        }
    };
    Offer { power_min: offer.power_min, power_max, cost }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gridaccord_model::Price;

    #[test]
    fn a_scaled_offer_still_keeps_every_rule() {
        let blocks = [(100, 10), (200, 20)]
            .map(|(power, price)| Block { power: Watts(power), price: Price(price) });
        let cost = CostCurve::Blocks { blocks: Bounded::new(blocks.to_vec()).unwrap() };
        let offer = Offer { power_min: Watts(0), power_max: Watts(300), cost };
        for share_ppm in [0, 1, 333_333, 334_000, 999_999, 1_000_000] {
            let scaled = scale(offer.clone(), share_ppm);
            assert_eq!(scaled.check(), Ok(()));
            assert_eq!(scaled.power_max.0, 300 * i64::from(share_ppm) / 1_000_000);
        }
    }

    #[test]
    fn weather_stays_in_its_band_and_repeats() {
        for interval in 0..500 {
            let share = share_ppm(7, "solar", interval, 30_000);
            assert!((940_000..=1_000_000).contains(&share));
            assert_eq!(share, share_ppm(7, "solar", interval, 30_000));
        }
        assert_eq!(share_ppm(7, "solar", 3, 0), 1_000_000);
    }
}
