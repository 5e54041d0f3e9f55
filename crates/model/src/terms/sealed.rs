//! The terms of sealed gates. Compact, because every block reads them: numbers are as narrow as the rules allow.
//!
//! Prices are in µ-currency per kWh. From them follow the price grid and the tariff that every proof is bound to.

use crate::{MemberId, codec_struct};

/// What members of a sealed market agree on beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedTerms {
    /// Lowest price of the grid, below 0. The highest is the market's price cap.
    pub price_floor: i32,
    /// What exports to the macrogrid earn.
    pub feed_in: u32,
    /// What imports from it cost.
    pub retail: u32,
    /// Values of the two sheddable tiers.
    pub tier_values: [u32; 2],
    /// Reserve that must stand behind the largest injection, W.
    pub reserve_w: u32,
    /// Paid for a kWh of reserve held ready.
    pub reserve_price: u32,
    /// Least penalty for a kWh of deviation.
    pub penalty_floor: u32,
    /// Loss factor that withdrawals carry, ppm.
    pub loss_ppm: u32,
    /// Largest power of any device, W: widths of proofs and significance of gates follow from it.
    pub rating_w: u32,
    /// Surplus that the grid-forming resource takes at the price floor, W.
    pub absorb_w: u32,
    /// Trust tokens that stand behind a curve: lost with a false proof.
    pub bond: u32,
    /// Owners of supply, and owners of demand, that a gate needs; at least 3.
    pub owners_min: u8,
    /// Paid for posting an opened sum, µ-currency, from the pool.
    pub opener_fee: u32,
    /// Gates that one key serves.
    pub epoch_gates: u16,
    /// Gates of one billing cycle.
    pub cycle_gates: u16,
    /// Heights of each step of key generation.
    pub key_window: u16,
    /// Heights in which a cycle is closed, and again in which its totals are opened.
    pub cycle_window: u16,
    /// Largest energy a cycle may lose, Wh.
    pub loss_max_wh: u32,
    /// Whose resource forms the grid and takes what clearing leaves.
    pub grid_forming: MemberId,
}

codec_struct!(SealedTerms {
    price_floor,
    feed_in,
    retail,
    tier_values,
    reserve_w,
    reserve_price,
    penalty_floor,
    loss_ppm,
    rating_w,
    absorb_w,
    bond,
    owners_min,
    opener_fee,
    epoch_gates,
    cycle_gates,
    key_window,
    cycle_window,
    loss_max_wh,
    grid_forming,
});
