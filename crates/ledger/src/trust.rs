//! What a gate does to its builders: wagers returned or lost, trust gained or lost.
//!
//! | what happened | wager | index |
//! |---|---|---|
//! | within ε of the best verified answer, or proved that there is none | returned | τ += α(1 − τ)·min(1, v/v_ref) |
//! | verified, but worse than ε | loses in proportion to the excess | τ −= β₁τ |
//! | refused answer, or two signed answers | all, and stake × min((3x/n)², 1) | τ −= β₂τ |
//! | no answer | the gate's least wager | τ −= β₁τ |
//!
//! v: significance, x: owners at fault in this gate, n: owners admitted. Source: proof of trust, a round, step 6.

use crate::{
    gate::{Score, Seat, Verdict},
    genesis::{Thresholds, Trust},
};
use gridaccord_model::{Money, Picos, Price};

const PPM: u64 = 1_000_000;
const PPB: i128 = 1_000_000_000;
/// Part of a builder's gain of index that an opener gets.
const OPENER_DIVISOR: u32 = 20;

/// What a seat comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consequence {
    /// Tokens of the wager given back.
    pub returned: u64,
    /// Tokens lost, of the wager.
    pub wager_lost: u64,
    /// Share of the bonded stake lost beside the wager, ppm.
    pub stake_lost_ppm: u32,
    /// The owner's index from now on, ppm.
    pub index_ppm: u32,
}

/// Least wager for a seat in a gate of this significance, in tokens, at least 1.
#[must_use]
pub fn wager_min(trust: &Trust, significance: Money) -> u64 {
    let money =
        u128::from(significance.0.unsigned_abs()).saturating_mul(u128::from(trust.wager_min_ppm));
    let token =
        u128::from(trust.token_value.0.unsigned_abs()).max(1).saturating_mul(u128::from(PPM));
    u64::try_from(money.div_ceil(token)).unwrap_or(u64::MAX).max(1)
}

/// The seat whose answer wins: least cost, where costs within ε of the least count as equal; among those the
/// most even use of capacity; then the seat drawn first. `None` where no answer is valid.
#[must_use]
pub fn best(seats: &[Seat], epsilon_ppb: u32) -> Option<usize> {
    let least = yardstick(seats)?;
    let valid =
        seats.iter().enumerate().filter_map(|(position, seat)| Some((position, score(seat)?)));
    valid
        .filter(|(_, score)| excess(score, least, epsilon_ppb).is_none())
        .min_by_key(|(position, score)| (score.concentration_mw, *position))
        .map(|(position, _)| position)
}

/// The price that settles, and the bound it proves: of the valid answer with the greatest bound, then the lower price.
///
/// Whoever finds the best plan may state multipliers that suit it, within the tolerance of the check; they prove less.
/// So the price is of whoever proves most, and a single honest builder is enough. Where each price is proven by
/// one multiplier alone, all valid answers state the same.
#[must_use]
pub fn best_proof(seats: &[Seat]) -> Option<(Price, Picos)> {
    let proven = seats.iter().filter_map(score).map(|score| (score.bound, score.price));
    let best = proven.max_by_key(|(bound, price)| (*bound, core::cmp::Reverse(*price)));
    best.map(|(bound, price)| (price, bound))
}

/// Whether a seat's answer counts as equal to the best verified one.
#[must_use]
pub fn within_epsilon(seat: &Seat, seats: &[Seat], epsilon_ppb: u32) -> bool {
    match (score(seat), yardstick(seats)) {
        (Some(score), Some(least)) => excess(&score, least, epsilon_ppb).is_none(),
        _ => false,
    }
}

/// What every seat comes to; `index_ppm` are its owners' indices, `owners` how many are admitted.
#[must_use]
pub fn judge(
    trust: &Trust,
    thresholds: &Thresholds,
    significance: Money,
    wager_min: u64,
    seats: &[Seat],
    index_ppm: &[u32],
    owners: u16,
) -> Vec<Consequence> {
    let least = yardstick(seats);
    let at_fault = seats.iter().filter(|seat| is_fault(seat)).count();
    let slash_ppm = correlated_slash_ppm(at_fault, owners);
    seats
        .iter()
        .zip(index_ppm)
        .map(|(seat, index)| match (seat.verdict, least) {
            (Verdict::Valid { score }, Some(least)) => {
                match excess(&score, least, trust.epsilon_ppb) {
                    None => Consequence {
                        returned: seat.wager,
                        wager_lost: 0,
                        stake_lost_ppm: 0,
                        index_ppm: gained(*index, trust, significance),
                    },
                    Some(excess) => {
                        let lost = proportional_loss(seat.wager, excess, least, thresholds.gap_ppb);
                        Consequence {
                            returned: seat.wager.saturating_sub(lost),
                            wager_lost: lost,
                            stake_lost_ppm: 0,
                            index_ppm: reduced(*index, trust.beta_worse_ppm),
                        }
                    }
                }
            }
            (Verdict::Infeasible {}, _) => Consequence {
                returned: seat.wager,
                wager_lost: 0,
                stake_lost_ppm: 0,
                index_ppm: gained(*index, trust, significance),
            },
            (Verdict::Refused { .. } | Verdict::Equivocated {}, _) => Consequence {
                returned: 0,
                wager_lost: seat.wager,
                stake_lost_ppm: slash_ppm,
                index_ppm: reduced(*index, trust.beta_false_ppm),
            },
            // A valid answer makes a least cost, so what is left is silence.
            (Verdict::Waiting {} | Verdict::Valid { .. }, _) => {
                let lost = wager_min.min(seat.wager);
                Consequence {
                    returned: seat.wager.saturating_sub(lost),
                    wager_lost: lost,
                    stake_lost_ppm: 0,
                    index_ppm: reduced(*index, trust.beta_worse_ppm),
                }
            }
        })
        .collect()
}

/// An opener's index after it posted a sum: a twentieth of what a builder gains at most.
pub(crate) fn opener_index(index_ppm: u32, trust: &Trust, significance: Money) -> u32 {
    let alpha_ppm = trust.alpha_ppm.div_euclid(OPENER_DIVISOR);
    gained(index_ppm, &Trust { alpha_ppm, ..*trust }, significance)
}

const fn is_fault(seat: &Seat) -> bool {
    matches!(seat.verdict, Verdict::Refused { .. } | Verdict::Equivocated {})
}

const fn score(seat: &Seat) -> Option<Score> {
    match seat.verdict {
        Verdict::Valid { score } => Some(score),
        _ => None,
    }
}

/// What answers are measured against.
#[derive(Clone, Copy, Debug)]
struct Yardstick {
    /// Least cost of the valid answers.
    cost: Picos,
    /// Least turnover of the valid answers: no builder widens ε by having resources trade with each other.
    turnover: Picos,
}

fn yardstick(seats: &[Seat]) -> Option<Yardstick> {
    let scores = || seats.iter().filter_map(score);
    let cost = scores().map(|score| score.cost).min()?;
    let turnover = scores().map(|score| score.turnover).min()?;
    Some(Yardstick { cost, turnover })
}

/// Cost above the least where that is more than ε of the turnover, `None` within it.
fn excess(score: &Score, least: Yardstick, epsilon_ppb: u32) -> Option<Picos> {
    let over = score.cost.0.saturating_sub(least.cost.0);
    let epsilon = least.turnover.0.saturating_mul(i128::from(epsilon_ppb)).div_euclid(PPB);
    (over > epsilon).then_some(Picos(over))
}

/// wager · excess / (γ · turnover), at most the wager: at the loss threshold all of it.
fn proportional_loss(wager: u64, excess: Picos, least: Yardstick, gap_ppb: u32) -> u64 {
    let threshold = least.turnover.0.saturating_mul(i128::from(gap_ppb)).div_euclid(PPB).max(1);
    let lost = i128::from(wager).saturating_mul(excess.0).div_euclid(threshold);
    u64::try_from(lost).unwrap_or(u64::MAX).min(wager)
}

/// min((3x/n)², 1) in ppm: a lone fault costs little stake, a third of the owners at fault all of it.
pub(crate) fn correlated_slash_ppm(at_fault: usize, owners: u16) -> u32 {
    let triple = u64::try_from(at_fault).unwrap_or(u64::MAX).saturating_mul(3).saturating_mul(PPM);
    let ratio = triple.div_euclid(u64::from(owners).max(1)).min(PPM);
    u32::try_from(ratio.saturating_mul(ratio).div_euclid(PPM)).unwrap_or(u32::MAX)
}

fn gained(index_ppm: u32, trust: &Trust, significance: Money) -> u32 {
    let reference = u128::from(trust.significance_ref.0.unsigned_abs()).max(1);
    let weight = u128::from(significance.0.unsigned_abs()).min(reference);
    let room = u128::from(PPM.saturating_sub(u64::from(index_ppm)));
    let gain = room
        .saturating_mul(u128::from(trust.alpha_ppm))
        .saturating_mul(weight)
        .div_euclid(reference.saturating_mul(u128::from(PPM)));
    index_ppm.saturating_add(u32::try_from(gain).unwrap_or(0))
}

pub(crate) fn reduced(index_ppm: u32, beta_ppm: u32) -> u32 {
    let loss = u64::from(index_ppm).saturating_mul(u64::from(beta_ppm)).div_ceil(PPM);
    index_ppm.saturating_sub(u32::try_from(loss).unwrap_or(u32::MAX))
}
