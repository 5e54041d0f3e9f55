//! Convex cost of one variable over whole watts, and the closed forms the check and the clearing rest on.
//!
//! Costs are kept doubled, in half-pico-currency per hour: then ½·a·g² + b·g is a whole number. Shadow prices
//! are half-pico-currency per Wh. Set points are whole watts, so the minimum of c(g) − Λ·g is taken over whole
//! watts too: it is still a valid lower bound, its kinks lie on whole Λ, and one interval has no duality gap.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "the budget below bounds every sum and product in this file"
)]

use gridaccord_model::{
    CostCurve, Offer, Price, Watts,
    offer::{
        BLOCKS_MAX, LINEAR_MAX, LINEAR_PER_PRICE, MARGINAL_MAX, POWER_MAX, PRICE_MAX, QUADRATIC_MAX,
    },
};

/// Shadow price of one µ-currency per kWh.
pub(crate) const SHADOW_PER_PRICE: i64 = 2 * LINEAR_PER_PRICE;
/// Largest absolute shadow price a certificate may state. No marginal cost or value reaches it.
pub(crate) const SHADOW_MAX: i64 = 1 << 53;
/// Largest absolute doubled cost of one variable: twice the largest marginal cost over the largest power.
pub(crate) const COST_MAX: i128 = 2 * MARGINAL_MAX as i128 * POWER_MAX.0 as i128;

// Overflow budget. Marginal steps 2b + a(2g ± 1) stay below SHADOW_MAX; Λ less 2b and a stays in i64;
// Λ times a power, and a cost, stay below 2^85, so thousands of them stay in i128.
const _: () = {
    assert!(2 * MARGINAL_MAX + QUADRATIC_MAX < SHADOW_MAX);
    assert!(2 * LINEAR_MAX + 2 * QUADRATIC_MAX < i64::MAX - SHADOW_MAX);
    assert!(PRICE_MAX.0 <= SHADOW_MAX / SHADOW_PER_PRICE);
    assert!(COST_MAX < 1 << 84);
    assert!((SHADOW_MAX as i128) * (POWER_MAX.0 as i128) < 1 << 85);
    assert!(BLOCKS_MAX <= 16);
};

/// One step of a stacked cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// Width in W, at least 1.
    pub(crate) power: i64,
    /// Price of every watt in it, half-pico-currency per Wh.
    pub(crate) shadow: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Shape {
    /// a·g² + 2b·g.
    Quadratic { quadratic: i64, linear_twice: i64 },
    /// Steps stacked upward from `start`.
    Steps { start: i64, steps: Vec<Step> },
}

/// Bounds and doubled cost of one variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Curve {
    lo: i64,
    hi: i64,
    shape: Shape,
}

impl Curve {
    /// Curve of an offer that has passed [`Offer::check`].
    pub(crate) fn of_offer(offer: &Offer) -> Self {
        let shape = match &offer.cost {
            CostCurve::Quadratic { quadratic, linear } => {
                Shape::Quadratic { quadratic: *quadratic, linear_twice: 2 * linear }
            }
            CostCurve::Blocks { blocks } => Shape::Steps {
                start: offer.power_min.0,
                steps: blocks
                    .iter()
                    .map(|block| Step {
                        power: block.power.0,
                        shadow: block.price.0 * SHADOW_PER_PRICE,
                    })
                    .collect(),
            },
        };
        Self { lo: offer.power_min.0, hi: offer.power_max.0, shape }
    }

    /// 0 W to `power`, every watt at `price`.
    pub(crate) fn flat(power: Watts, price: Price) -> Self {
        let step = Step { power: power.0, shadow: price.0 * SHADOW_PER_PRICE };
        Self { lo: 0, hi: power.0, shape: Shape::Steps { start: 0, steps: vec![step] } }
    }

    /// Held at 0 W.
    pub(crate) const fn absent() -> Self {
        Self { lo: 0, hi: 0, shape: Shape::Steps { start: 0, steps: Vec::new() } }
    }

    /// Lowers the upper bound to where the next watt would cost more than `cap`; never below the lower bound.
    pub(crate) fn withhold_above(&mut self, cap: Price) {
        let (_, within) = self.response(cap.0 * SHADOW_PER_PRICE);
        self.hi = within;
    }

    pub(crate) const fn lo(&self) -> i64 {
        self.lo
    }

    pub(crate) const fn hi(&self) -> i64 {
        self.hi
    }

    /// Whether the price of a watt rises with every watt, rather than in steps.
    pub(crate) const fn is_bent(&self) -> bool {
        matches!(self.shape, Shape::Quadratic { quadratic: 1.., .. })
    }

    /// Price of the first watt above the lower bound; `None` for a fixed variable.
    pub(crate) fn shadow_least(&self) -> Option<i64> {
        if self.lo == self.hi {
            return None;
        }
        match &self.shape {
            Shape::Quadratic { quadratic, linear_twice } => {
                Some(quadratic * (2 * self.lo + 1) + linear_twice)
            }
            Shape::Steps { steps, .. } => steps.first().map(|step| step.shadow),
        }
    }

    /// Least and greatest minimiser of c(g) − Λ·g over whole watts within bounds.
    pub(crate) fn response(&self, shadow: i64) -> (i64, i64) {
        let (least, greatest) = match &self.shape {
            Shape::Quadratic { quadratic: 0, linear_twice } => match linear_twice.cmp(&shadow) {
                core::cmp::Ordering::Less => (self.hi, self.hi),
                core::cmp::Ordering::Equal => (self.lo, self.hi),
                core::cmp::Ordering::Greater => (self.lo, self.lo),
            },
            // The watt from g to g + 1 costs a(2g + 1) + 2b. The least minimiser is the first g where that is
            // not below Λ, the greatest the first where it is above: a ceiling, and a floor plus one.
            Shape::Quadratic { quadratic, linear_twice } => {
                let excess = shadow - linear_twice - quadratic;
                let twice = 2 * quadratic;
                (-((-excess).div_euclid(twice)), excess.div_euclid(twice) + 1)
            }
            Shape::Steps { start, steps } => {
                let (mut least, mut greatest) = (*start, *start);
                for step in steps.iter().take_while(|step| step.shadow <= shadow) {
                    greatest += step.power;
                    if step.shadow < shadow {
                        least = greatest;
                    }
                }
                (least, greatest)
            }
        };
        (least.clamp(self.lo, self.hi), greatest.clamp(self.lo, self.hi))
    }

    /// Doubled cost of `power`, zero at zero power. The first and last step extend to zero where the bounds
    /// leave it out.
    pub(crate) fn cost(&self, power: i64) -> i128 {
        match &self.shape {
            Shape::Quadratic { quadratic, linear_twice } => {
                let power = i128::from(power);
                (i128::from(*quadratic) * power + i128::from(*linear_twice)) * power
            }
            Shape::Steps { start, steps } => {
                stacked(*start, steps, power) - stacked(*start, steps, 0)
            }
        }
    }

    /// Doubled minimum of c(g) − Λ·g, with its least and greatest minimiser.
    pub(crate) fn conjugate(&self, shadow: i64) -> (i128, i64, i64) {
        let (least, greatest) = self.response(shadow);
        (self.cost(least) - i128::from(shadow) * i128::from(least), least, greatest)
    }

    /// The steps within bounds, or `None` for a curve that is not made of steps.
    pub(crate) fn steps_within(&self) -> Option<impl Iterator<Item = Step>> {
        let flat = match &self.shape {
            Shape::Quadratic { quadratic: 0, linear_twice } => {
                Some(Step { power: self.hi - self.lo, shadow: *linear_twice })
            }
            Shape::Quadratic { .. } => return None,
            Shape::Steps { .. } => None,
        };
        // Only the upper bound was ever lowered, so steps are cut from above.
        let steps = match &self.shape {
            Shape::Steps { steps, .. } if self.lo < self.hi => steps.as_slice(),
            _ => &[],
        };
        let mut room = self.hi - self.lo;
        let cut = steps.iter().map_while(move |step| {
            let power = step.power.min(room);
            room -= power;
            (power > 0).then_some(Step { power, shadow: step.shadow })
        });
        Some(flat.into_iter().filter(|step| step.power > 0).chain(cut))
    }
}

/// Doubled cost of going from `start` to `power` along the steps; negative going down.
fn stacked(start: i64, steps: &[Step], power: i64) -> i128 {
    let Some((first, last)) = steps.first().zip(steps.last()) else { return 0 };
    if power < start {
        return i128::from(power - start) * i128::from(first.shadow);
    }
    let mut rest = power - start;
    let mut cost = 0i128;
    for step in steps {
        let part = rest.min(step.power);
        cost += i128::from(part) * i128::from(step.shadow);
        rest -= part;
    }
    cost + i128::from(rest) * i128::from(last.shadow)
}
