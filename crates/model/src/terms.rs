//! What members agree on beforehand: how trust works, and which losses nobody accepts. A scenario proposes these
//! terms and genesis fixes them.

use crate::{Money, codec_struct, codec_union};

mod sealed;

pub use sealed::SealedTerms;

/// Most intervals of a gate's horizon.
pub const HORIZON_INTERVALS_MAX: u16 = 288;

/// What decides the intervals of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateKind {
    /// Each interval on its own, offers and needs in the open.
    Open {},
    /// Each interval as the first of a horizon that is solved anew for the next one.
    Horizon {
        /// Intervals of the horizon, the first one included.
        intervals: u16,
    },
    /// Each interval on its own, by curves nobody sees.
    Sealed {
        /// What members agreed on.
        terms: SealedTerms,
    },
}

codec_union!(GateKind { Open = 0 {}, Horizon = 1 { intervals }, Sealed = 2 { terms } });

impl Default for GateKind {
    fn default() -> Self {
        Self::Open {}
    }
}

/// How builders are drawn, paid and punished. Source: proof of trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trust {
    /// Views from a gate's closing block to the one whose seed draws its builders.
    pub beacon_offset: u64,
    /// Most seats drawn for a gate.
    pub seats: u16,
    /// Heights in which drawn builders commit.
    pub commit_window: u32,
    /// Heights in which they reveal.
    pub reveal_window: u32,
    /// Trust index of every genesis owner, ppm.
    pub index_start_ppm: u32,
    /// Least wager in ppm of a gate's significance, in tokens.
    pub wager_min_ppm: u32,
    /// µ-currency that one token stands for.
    pub token_value: Money,
    /// The gate's significance is counted at least this.
    pub significance_floor: Money,
    /// Significance at which a gain of index is full, and above which the draw needs a beacon offset of 10.
    pub significance_ref: Money,
    /// Fee for building in ppm of a gate's turnover.
    pub fee_ppm: u32,
    /// Answers within this share of the turnover of the best count as equal to it, ppb.
    pub epsilon_ppb: u32,
    /// Gain of index for an answer within ε, ppm.
    pub alpha_ppm: u32,
    /// Loss of index for a worse answer or none, ppm.
    pub beta_worse_ppm: u32,
    /// Loss of index for a false answer, ppm.
    pub beta_false_ppm: u32,
}

codec_struct!(Trust {
    beacon_offset,
    seats,
    commit_window,
    reveal_window,
    index_start_ppm,
    wager_min_ppm,
    token_value,
    significance_floor,
    significance_ref,
    fee_ppm,
    epsilon_ppb,
    alpha_ppm,
    beta_worse_ppm,
    beta_false_ppm,
});

/// Loss thresholds: an answer outside any is rejected outright (requirement C9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Largest proven gap to the optimum, ppb of the turnover.
    pub gap_ppb: u32,
    /// Largest rise of the price over the last decided gate's, ppm; 0 is without limit.
    pub price_rise_ppm: u32,
    /// Delivered energy may miss the promised by this before it is a deviation, ppm of the promised.
    pub energy_loss_ppm: u32,
}

codec_struct!(Thresholds { gap_ppb, price_rise_ppm, energy_loss_ppm });

impl Default for Trust {
    fn default() -> Self {
        Self {
            beacon_offset: 3,
            seats: 9,
            commit_window: 3,
            reveal_window: 3,
            index_start_ppm: 100_000,
            wager_min_ppm: 50_000,
            token_value: Money(1_000_000),
            significance_floor: Money(1),
            significance_ref: Money(1_000_000_000_000),
            fee_ppm: 1_000,
            epsilon_ppb: 100_000,
            alpha_ppm: 20_000,
            beta_worse_ppm: 200_000,
            beta_false_ppm: 500_000,
        }
    }
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { gap_ppb: 1_000_000, price_rise_ppm: 100_000, energy_loss_ppm: 20_000 }
    }
}
