//! A variable of eight resources in one interval, between bounds, with the multipliers of both bounds.
//!
//! The solver's time is memory's: whatever is cheap to compute again is not kept. A cell is its value and two
//! multipliers; distances, slopes of the barrier and steps of the multipliers follow from them, from the bounds and from
//! the value's step.

use super::{boxed::TO_BOUNDARY, lanes::Lanes};

/// Curvature of a variable whose bounds meet: no step remains.
const HELD: f64 = 1e30;

/// Value and multipliers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cell {
    pub(super) x: Lanes,
    pub(super) z_lo: Lanes,
    pub(super) z_hi: Lanes,
}

/// What each product of value and multiplier aims at in the second pass; the first aims at nothing.
pub(super) type Target = f64;

/// What the bounds do to a cell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Barrier {
    lo: Lanes,
    hi: Lanes,
    /// Reciprocal distances; zero where held.
    inv_lo: Lanes,
    inv_hi: Lanes,
    pub(super) curvature: Lanes,
}

impl Cell {
    /// On the central path of `mu` at a value moved inside the bounds.
    pub(super) fn start(x: Lanes, lo: Lanes, hi: Lanes, mu: f64) -> Self {
        let mut cell = Self { x: lo, ..Self::default() };
        for lane in 0..super::lanes::WIDTH {
            let (lo, hi) = (lo.0[lane], hi.0[lane]);
            if hi > lo {
                let margin = 1e-3 * (hi - lo);
                let x = x.0[lane].clamp(lo + margin, hi - margin);
                cell.x.0[lane] = x;
                cell.z_lo.0[lane] = mu / (x - lo);
                cell.z_hi.0[lane] = mu / (hi - x);
            }
        }
        cell
    }

    #[inline(always)]
    pub(super) fn barrier(&self, lo: Lanes, hi: Lanes) -> Barrier {
        // A distance below the value's own resolution would be noise, or zero.
        let least = (self.x.abs() + 1.0) * 1e-13;
        let below = (self.x - lo).larger(least);
        let above = (hi - self.x).larger(least);
        let free = hi.above(lo);
        // One division for both.
        let inverse = free / (below * above);
        let (inv_lo, inv_hi) = (above * inverse, below * inverse);
        let held = (Lanes::splat(1.0) - free) * HELD;
        let curvature = self.z_lo * inv_lo + self.z_hi * inv_hi + held;
        Barrier { lo, hi, inv_lo, inv_hi, curvature }
    }

    /// Second-order products that the predictor's step neglects.
    #[inline(always)]
    fn products(&self, barrier: &Barrier, predicted: Lanes) -> (Lanes, Lanes) {
        let lo = -(self.z_lo * predicted * (predicted * barrier.inv_lo + 1.0));
        let hi = self.z_hi * predicted * (Lanes::splat(1.0) - predicted * barrier.inv_hi);
        (lo, hi)
    }

    /// Pull of the barrier toward the centre, second-order products taken off.
    #[inline(always)]
    pub(super) fn pull(&self, barrier: &Barrier, target: Target, predicted: Lanes) -> Lanes {
        let (lo, hi) = self.products(barrier, predicted);
        (Lanes::splat(target) - lo) * barrier.inv_lo - (Lanes::splat(target) - hi) * barrier.inv_hi
    }

    /// Steps of the multipliers from the step of the value.
    #[inline(always)]
    fn steps(
        &self,
        barrier: &Barrier,
        target: Target,
        predicted: Lanes,
        dx: Lanes,
    ) -> (Lanes, Lanes) {
        let (lo, hi) = self.products(barrier, predicted);
        let dz_lo = (Lanes::splat(target) - lo - self.z_lo * dx) * barrier.inv_lo - self.z_lo;
        let dz_hi = (Lanes::splat(target) - hi + self.z_hi * dx) * barrier.inv_hi - self.z_hi;
        (dz_lo, dz_hi)
    }

    /// How far the predictor's step may go, and the complementarity along it.
    #[inline(always)]
    pub(super) fn predict(&self, barrier: &Barrier, dx: Lanes, reach: &mut Reach) {
        let (down, up) = (-(dx * barrier.inv_lo), dx * barrier.inv_hi);
        reach.primal = reach.primal.larger(down).larger(up);
        // −dz/z without second-order products is this; a held cell has neither.
        let one = Lanes::splat(1.0);
        reach.dual = reach.dual.larger(one - down).larger(one - up);
        let zero = Lanes::ZERO;
        let (dz_lo, dz_hi) = self.steps(barrier, 0.0, zero, dx);
        reach.by_primal += dx * (self.z_lo - self.z_hi);
        reach.by_dual += (self.x - barrier.lo) * dz_lo + (barrier.hi - self.x) * dz_hi;
        reach.by_both += dx * (dz_lo - dz_hi);
    }

    /// How far the corrected step may go.
    #[inline(always)]
    pub(super) fn reach(
        &self,
        barrier: &Barrier,
        target: Target,
        predicted: Lanes,
        dx: Lanes,
        reach: &mut Reach,
    ) {
        let (down, up) = (-(dx * barrier.inv_lo), dx * barrier.inv_hi);
        reach.primal = reach.primal.larger(down).larger(up);
        let (dz_lo, dz_hi) = self.steps(barrier, target, predicted, dx);
        // Held cells have no multipliers: their ratio is zero.
        let tiny = Lanes::splat(1e-300);
        reach.dual =
            reach.dual.larger(-dz_lo / (self.z_lo + tiny)).larger(-dz_hi / (self.z_hi + tiny));
    }

    /// Takes the step.
    #[inline(always)]
    pub(super) fn advance(&mut self, barrier: &Barrier, step: &Taken, predicted: Lanes, dx: Lanes) {
        let (dz_lo, dz_hi) = self.steps(barrier, step.target, predicted, dx);
        self.x += dx * step.primal;
        self.z_lo += dz_lo * step.dual;
        self.z_hi += dz_hi * step.dual;
    }

    /// Complementarity.
    #[inline(always)]
    pub(super) fn gap(&self, lo: Lanes, hi: Lanes) -> Lanes {
        (self.x - lo) * self.z_lo + (hi - self.x) * self.z_hi
    }
}

/// The step to take: what it aimed at, and how far it goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    pub(super) target: Target,
    pub(super) primal: f64,
    pub(super) dual: f64,
}

/// How far a step may go, as reciprocals, and what complementarity would become: sum + primal·… + dual·… + both·….
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reach {
    pub(super) primal: Lanes,
    pub(super) dual: Lanes,
    pub(super) by_primal: Lanes,
    pub(super) by_dual: Lanes,
    pub(super) by_both: Lanes,
}

/// Share of the way to the boundary, of a reciprocal; at most one.
pub(super) fn short(reciprocal: f64) -> f64 {
    (TO_BOUNDARY / reciprocal.max(TO_BOUNDARY)).min(1.0)
}
