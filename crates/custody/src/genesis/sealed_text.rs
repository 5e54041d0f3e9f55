//! The section `[market.sealed]` of a genesis file: the terms of sealed gates, each with its unit in its name.

use gridaccord_model::{MemberId, terms::SealedTerms};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SealedText {
    price_floor_micro_per_kwh: i32,
    feed_in_micro_per_kwh: u32,
    retail_micro_per_kwh: u32,
    tier_values_micro_per_kwh: [u32; 2],
    reserve_w: u32,
    reserve_price_micro_per_kwh: u32,
    penalty_floor_micro_per_kwh: u32,
    loss_ppm: u32,
    rating_w: u32,
    absorb_w: u32,
    bond_tokens: u32,
    owners_min: u8,
    opener_fee_micro: u32,
    epoch_gates: u16,
    cycle_gates: u16,
    key_window_heights: u16,
    cycle_window_heights: u16,
    loss_max_wh: u32,
    grid_forming_member: u16,
}

impl SealedText {
    pub(super) const fn of(terms: &SealedTerms) -> Self {
        Self {
            price_floor_micro_per_kwh: terms.price_floor,
            feed_in_micro_per_kwh: terms.feed_in,
            retail_micro_per_kwh: terms.retail,
            tier_values_micro_per_kwh: terms.tier_values,
            reserve_w: terms.reserve_w,
            reserve_price_micro_per_kwh: terms.reserve_price,
            penalty_floor_micro_per_kwh: terms.penalty_floor,
            loss_ppm: terms.loss_ppm,
            rating_w: terms.rating_w,
            absorb_w: terms.absorb_w,
            bond_tokens: terms.bond,
            owners_min: terms.owners_min,
            opener_fee_micro: terms.opener_fee,
            epoch_gates: terms.epoch_gates,
            cycle_gates: terms.cycle_gates,
            key_window_heights: terms.key_window,
            cycle_window_heights: terms.cycle_window,
            loss_max_wh: terms.loss_max_wh,
            grid_forming_member: terms.grid_forming.0,
        }
    }

    pub(super) const fn read(self) -> SealedTerms {
        SealedTerms {
            price_floor: self.price_floor_micro_per_kwh,
            feed_in: self.feed_in_micro_per_kwh,
            retail: self.retail_micro_per_kwh,
            tier_values: self.tier_values_micro_per_kwh,
            reserve_w: self.reserve_w,
            reserve_price: self.reserve_price_micro_per_kwh,
            penalty_floor: self.penalty_floor_micro_per_kwh,
            loss_ppm: self.loss_ppm,
            rating_w: self.rating_w,
            absorb_w: self.absorb_w,
            bond: self.bond_tokens,
            owners_min: self.owners_min,
            opener_fee: self.opener_fee_micro,
            epoch_gates: self.epoch_gates,
            cycle_gates: self.cycle_gates,
            key_window: self.key_window_heights,
            cycle_window: self.cycle_window_heights,
            loss_max_wh: self.loss_max_wh,
            grid_forming: MemberId(self.grid_forming_member),
        }
    }

    /// Field by field, for telling two files apart.
    pub(super) fn fields(terms: &SealedTerms) -> Vec<(&'static str, String)> {
        let Self {
            price_floor_micro_per_kwh,
            feed_in_micro_per_kwh,
            retail_micro_per_kwh,
            tier_values_micro_per_kwh,
            reserve_w,
            reserve_price_micro_per_kwh,
            penalty_floor_micro_per_kwh,
            loss_ppm,
            rating_w,
            absorb_w,
            bond_tokens,
            owners_min,
            opener_fee_micro,
            epoch_gates,
            cycle_gates,
            key_window_heights,
            cycle_window_heights,
            loss_max_wh,
            grid_forming_member,
        } = Self::of(terms);
        vec![
            ("price_floor_micro_per_kwh", price_floor_micro_per_kwh.to_string()),
            ("feed_in_micro_per_kwh", feed_in_micro_per_kwh.to_string()),
            ("retail_micro_per_kwh", retail_micro_per_kwh.to_string()),
            ("tier_values_micro_per_kwh", format!("{tier_values_micro_per_kwh:?}")),
            ("reserve_w", reserve_w.to_string()),
            ("reserve_price_micro_per_kwh", reserve_price_micro_per_kwh.to_string()),
            ("penalty_floor_micro_per_kwh", penalty_floor_micro_per_kwh.to_string()),
            ("loss_ppm", loss_ppm.to_string()),
            ("rating_w", rating_w.to_string()),
            ("absorb_w", absorb_w.to_string()),
            ("bond_tokens", bond_tokens.to_string()),
            ("owners_min", owners_min.to_string()),
            ("opener_fee_micro", opener_fee_micro.to_string()),
            ("epoch_gates", epoch_gates.to_string()),
            ("cycle_gates", cycle_gates.to_string()),
            ("key_window_heights", key_window_heights.to_string()),
            ("cycle_window_heights", cycle_window_heights.to_string()),
            ("loss_max_wh", loss_max_wh.to_string()),
            ("grid_forming_member", grid_forming_member.to_string()),
        ]
    }
}
