//! A net-injection curve in the clear: what its owner knows, and the plaintext twin of the sealed rules on it.
//!
//! x₁ ≤ … ≤ x_P in W over the public grid, injection positive: a supplier rises from 0, a consumer rises
//! from minus its demand, storage spans zero, must-run injects at π₁. Beside it stands a reserve r ≥ 0.

use crate::{
    refusal::Refusal,
    tariff::{POWER_LIMIT, PRICES, PriceGrid, Tariff},
};
use gridaccord_model::{Price, Watts};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A curve and its reserve. Secret: redacted, wiped on drop, not copied.
#[derive(PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Curve {
    pub(crate) points: [i64; PRICES],
    pub(crate) reserve: i64,
}

impl core::fmt::Debug for Curve {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Curve(..)")
    }
}

/// Certified limits in the clear, W, each in [0, 2³¹): their owner's and the certifier's secret.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// L: greatest import.
    pub import: Watts,
    /// C: greatest export.
    pub export: Watts,
    /// Q: greatest reserve.
    pub reserve: Watts,
}

impl core::fmt::Debug for Limits {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Limits(..)")
    }
}

impl Curve {
    /// A curve from its values at π₁ … π_P and a reserve.
    #[must_use]
    pub fn new(points: [Watts; PRICES], reserve: Watts) -> Self {
        Self { points: points.map(|watts| watts.0), reserve: reserve.0 }
    }

    /// A curve that starts at `base` and rises by each step's power once the price reaches the step's price.
    ///
    /// A step between two grid prices takes effect at the upper one.
    #[must_use]
    pub fn from_steps(
        grid: &PriceGrid,
        base: Watts,
        steps: &[(Price, Watts)],
        reserve: Watts,
    ) -> Self {
        let points = grid.prices().map(|price| {
            let risen = steps.iter().filter(|(at, _)| *at <= price);
            risen.fold(base.0, |sum, (_, power)| sum.saturating_add(power.0))
        });
        Self { points, reserve: reserve.0 }
    }

    /// A curve rising evenly from `low` at price `from` to `high` at price `to`; smooth curves leak least.
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "sums and quotients of a few 64-bit numbers fit 128 bits"
    )]
    #[must_use]
    pub fn ramp(
        grid: &PriceGrid,
        (from, low): (Price, Watts),
        (to, high): (Price, Watts),
        reserve: Watts,
    ) -> Self {
        let (span, rise) =
            (i128::from(to.0) - i128::from(from.0), i128::from(high.0) - i128::from(low.0));
        let points = grid.prices().map(|price| {
            let run = i128::from(price.0) - i128::from(from.0);
            let clamped = run.clamp(0, span.max(0));
            let share = if span > 0 { rise.saturating_mul(clamped) / span } else { 0 };
            i64::try_from(share).unwrap_or(i64::MAX).saturating_add(low.0)
        });
        Self { points, reserve: reserve.0 }
    }

    /// Firm demand: the same draw at every price.
    #[must_use]
    pub const fn firm(demand: Watts) -> Self {
        Self { points: [demand.0.saturating_neg(); PRICES], reserve: 0 }
    }

    /// x_k for k in 1..=P, for the owner.
    #[must_use]
    pub fn at(&self, k: usize) -> Option<Watts> {
        self.points.get(k.checked_sub(1)?).copied().map(Watts)
    }

    /// r, for the owner.
    #[must_use]
    pub const fn reserve(&self) -> Watts {
        Watts(self.reserve)
    }

    /// The plaintext twin of the sealed range proof: the same 32 inequalities.
    ///
    /// # Errors
    /// The first inequality that does not hold.
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "sums and quotients of a few 64-bit numbers fit 128 bits"
    )]
    pub fn check(&self, limits: &Limits, tariff: &Tariff) -> Result<(), Refusal> {
        let certified = [limits.import, limits.export, limits.reserve];
        if certified.iter().any(|limit| !(0..POWER_LIMIT).contains(&limit.0)) {
            return Err(Refusal::LimitRange);
        }
        let (first, last) = (i128::from(self.points[0]), i128::from(self.points[PRICES - 1]));
        let reserve = i128::from(self.reserve);
        let narrow = |value: i128, refusal: Refusal| {
            if (0..=crate::range::Width::Bits32.max()).contains(&value) {
                Ok(())
            } else {
                Err(refusal)
            }
        };
        narrow(first + i128::from(limits.import.0), Refusal::CurveBelowImport)?;
        for pair in self.points.windows(2) {
            narrow(i128::from(pair[1]) - i128::from(pair[0]), Refusal::CurveFalls)?;
        }
        narrow(i128::from(limits.export.0) - last - reserve, Refusal::CurveAboveExport)?;
        narrow(reserve, Refusal::ReserveRange)?;
        narrow(i128::from(limits.reserve.0) - reserve, Refusal::ReserveRange)?;
        narrow(i128::from(tariff.reserve_required.0) - reserve - last, Refusal::CurveAboveReserve)
    }
}
