//! Where sealed curves meet: the search for the crossing, the price, and each participant's share of it.
//!
//! One definition serves the sealed gate and its plaintext twin: the rule says which linear combination of a
//! member's own curve is its set point, and that combination is evaluated on numbers by the twin, on openings
//! by the member and on commitments by everybody. Source: `docs/maths/sealed.md`, "Clearing".
//!
//! Z_k = Σ x_{m,k} rises with k, so the least u with Z_u ≥ 0 is found by opening few sums.

use crate::tariff::{PRICES, PriceGrid, SCALE};
use gridaccord_model::Price;

/// Most sums a warm search opens.
pub const OPENINGS_MAX: usize = 7;

/// What one opened set of sums says: the crossing, with the sums on both sides of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crossing {
    /// Z₁ > 0: more must-run supply than demand at the lowest price.
    Surplus {
        /// Z₁ in W.
        excess: i128,
    },
    /// Z_{u−1} < 0 ≤ Z_u (or u = 1 and Z₁ = 0).
    At {
        /// u in 1..=P.
        u: usize,
        /// Z_{u−1} in W; absent where u = 1.
        before: Option<i128>,
        /// Z_u in W.
        at: i128,
    },
    /// Z_P < 0: demand unmet at the price cap.
    Shortage {
        /// −Z_P in W.
        missing: i128,
    },
}

/// The public search for u: says which sum to open next, and takes what was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// Largest opened k with Z_k < 0, and Z_k; 0 before any.
    below: (usize, Option<i128>),
    /// Smallest opened k with Z_k ≥ 0, and Z_k; P + 1 before any.
    above: (usize, Option<i128>),
    /// u of the last gate, where the search starts warm.
    warm: Option<usize>,
    opened: usize,
}

/// A sum was offered that the search did not ask for, or contradicts an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sum {offered} is not the one the search asks for")]
pub struct OutOfTurn {
    /// The index offered.
    pub offered: usize,
}

impl Search {
    /// A search without a guess: at most ⌈log₂(P + 1)⌉ = 5 openings.
    #[must_use]
    pub const fn cold() -> Self {
        Self { below: (0, None), above: (PRICES + 1, None), warm: None, opened: 0 }
    }

    /// A search from the last gate's u: two openings where the crossing stayed, at most 7.
    #[must_use]
    pub fn warm(last_u: usize) -> Self {
        Self { warm: Some(last_u.clamp(1, PRICES)), ..Self::cold() }
    }

    /// Index of the next sum to open, in 1..=P; `None` when the crossing is known.
    #[must_use]
    pub fn next(&self) -> Option<usize> {
        let (low, high) = (self.below.0, self.above.0);
        if high.saturating_sub(low) <= 1 {
            return None;
        }
        let halfway = low.saturating_add(high) / 2;
        if let Some(last) = self.warm.filter(|_| self.opened < 2) {
            let guess = [last.saturating_sub(1), last].into_iter().find(|k| low < *k && *k < high);
            return Some(guess.unwrap_or(halfway));
        }
        // Bisecting what is left keeps the cap of 2 + 5; smaller steps away from the guess would break it.
        Some(halfway)
    }

    /// Takes Z_k of the sum asked for.
    ///
    /// # Errors
    /// k is not what [`Self::next`] names.
    pub fn record(&mut self, k: usize, sum: i128) -> Result<(), OutOfTurn> {
        if self.next() != Some(k) {
            return Err(OutOfTurn { offered: k });
        }
        if sum < 0 {
            self.below = (k, Some(sum));
        } else {
            self.above = (k, Some(sum));
        }
        self.opened = self.opened.saturating_add(1);
        Ok(())
    }

    /// Sums opened so far.
    #[must_use]
    pub const fn opened(&self) -> usize {
        self.opened
    }

    /// The crossing, once no sum is left to open.
    #[must_use]
    pub fn crossing(&self) -> Option<Crossing> {
        if self.next().is_some() {
            return None;
        }
        Some(match (self.below, self.above) {
            ((_, Some(sum)), (_, None)) => Crossing::Shortage { missing: sum.saturating_neg() },
            ((_, None), (u, Some(excess))) if excess > 0 && u == 1 => Crossing::Surplus { excess },
            ((_, before), (u, Some(at))) => Crossing::At { u, before, at },
            ((_, None), (_, None)) => return None,
        })
    }
}

/// Which linear combination of its own curve is S times a member's set point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// S·x_k.
    At(usize),
    /// (S − α)·x_{u−1} + α·x_u.
    Between {
        /// u in 2..=P.
        u: usize,
        /// α in [0, S).
        alpha: i128,
    },
    /// S·x_P + γ·r: reserve called.
    Called {
        /// γ in [0, S].
        gamma: i128,
    },
    /// β·x_P + γ·r: demand cut, reserve called.
    Cut {
        /// β in [0, S).
        beta: i128,
        /// γ in [0, S].
        gamma: i128,
    },
}

/// What a [`Share`] takes from one curve: S·g = `coefficients` · (values at the indices), reserve last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// (k in 1..=P, coefficient), at most two.
    pub points: [(usize, i128); 2],
    /// Coefficient of the reserve.
    pub reserve: i128,
}

impl Share {
    /// The coefficients.
    #[must_use]
    pub fn terms(&self) -> Terms {
        let none = (1, 0);
        match *self {
            Self::At(k) => Terms { points: [(k, SCALE), none], reserve: 0 },
            Self::Between { u, alpha } => Terms {
                points: [(u.saturating_sub(1), SCALE.saturating_sub(alpha)), (u, alpha)],
                reserve: 0,
            },
            Self::Called { gamma } => Terms { points: [(PRICES, SCALE), none], reserve: gamma },
            Self::Cut { beta, gamma } => Terms { points: [(PRICES, beta), none], reserve: gamma },
        }
    }

    /// The twin on plain numbers: S·g for a curve in the clear.
    #[must_use]
    pub fn scaled(&self, curve: &crate::curve::Curve) -> i128 {
        let terms = self.terms();
        let part = |(k, coefficient): (usize, i128)| {
            let value = curve.at(k).map_or(0, |watts| i128::from(watts.0));
            coefficient.saturating_mul(value)
        };
        let points = terms.points.into_iter().map(part).fold(0i128, i128::saturating_add);
        points.saturating_add(terms.reserve.saturating_mul(i128::from(curve.reserve().0)))
    }
}

/// A balanced outcome without shortage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cleared {
    /// λ*.
    pub price: Price,
    /// u, where the next search starts.
    pub u: usize,
    /// Everybody's set point.
    pub share: Share,
    /// Σ S·g in (−den, 0], W/S; positive only in surplus. The grid-forming resource's.
    pub residue: i128,
}

/// Clears a crossing that is not a shortage; `None` for one.
///
/// λ* = π_{u−1} + ⌊α(π_u − π_{u−1})/S⌋ with α = ⌊S·(−Z_{u−1})/(Z_u − Z_{u−1})⌋.
#[must_use]
pub fn clear(crossing: &Crossing, grid: &PriceGrid) -> Option<Cleared> {
    match *crossing {
        Crossing::Shortage { .. } => None,
        Crossing::Surplus { excess } => Some(Cleared {
            price: grid.floor(),
            u: 1,
            share: Share::At(1),
            residue: excess.checked_mul(SCALE)?,
        }),
        Crossing::At { u, at: 0, .. } => {
            Some(Cleared { price: grid.price(u)?, u, share: Share::At(u), residue: 0 })
        }
        Crossing::At { before: None, .. } => None,
        Crossing::At { u, before: Some(before), at } => {
            let span = at.checked_sub(before)?;
            let alpha = SCALE.checked_mul(before.checked_neg()?)?.checked_div_euclid(span)?;
            let (low, high) = (grid.price(u.checked_sub(1)?)?, grid.price(u)?);
            let step = i128::from(high.0).checked_sub(i128::from(low.0))?;
            let rise = alpha.checked_mul(step)?.checked_div_euclid(SCALE)?;
            let price = i64::try_from(i128::from(low.0).checked_add(rise)?).ok()?;
            let residue = SCALE
                .checked_sub(alpha)?
                .checked_mul(before)?
                .checked_add(alpha.checked_mul(at)?)?;
            Some(Cleared { price: Price(price), u, share: Share::Between { u, alpha }, residue })
        }
    }
}
