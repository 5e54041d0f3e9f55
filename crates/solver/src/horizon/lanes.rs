//! Eight resources side by side.
//!
//! Recurrences in time are bound by the latency of one operation after the other; eight resources at once fill that
//! time and the processor's vector registers. Lanes never mix but in sums taken in a fixed order, and no operation is
//! fused, so the same numbers come out whatever the registers' width.

#![allow(
    clippy::needless_range_loop,
    reason = "plain loops over lanes are what the compiler makes one instruction of"
)]

use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub, SubAssign};

/// Resources of one pack.
pub(super) const WIDTH: usize = 8;

/// One number of each resource of a pack.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(align(64))]
pub(super) struct Lanes(pub(super) [f64; WIDTH]);

impl Lanes {
    pub(super) const ZERO: Self = Self([0.0; WIDTH]);

    #[inline(always)]
    pub(super) const fn splat(value: f64) -> Self {
        Self([value; WIDTH])
    }

    #[inline(always)]
    fn map(self, other: Self, operation: impl Fn(f64, f64) -> f64) -> Self {
        let mut lanes = [0.0; WIDTH];
        for lane in 0..WIDTH {
            lanes[lane] = operation(self.0[lane], other.0[lane]);
        }
        Self(lanes)
    }

    /// The larger ones; this one where the other is not a number.
    #[inline(always)]
    pub(super) fn larger(self, other: Self) -> Self {
        self.map(other, |one, other| if other > one { other } else { one })
    }

    #[inline(always)]
    pub(super) fn abs(self) -> Self {
        self.map(self, |one, _| one.abs())
    }

    /// One where this is above the other, else zero.
    #[inline(always)]
    pub(super) fn above(self, other: Self) -> Self {
        self.map(other, |one, other| if one > other { 1.0 } else { 0.0 })
    }

    /// Sum of the lanes, always in the same order: by halves, as registers are.
    #[inline(always)]
    pub(super) fn sum(self) -> f64 {
        let [a, b, c, d, e, f, g, h] = self.0;
        ((a + e) + (c + g)) + ((b + f) + (d + h))
    }

    #[inline(always)]
    pub(super) fn largest(self) -> f64 {
        self.0
            .into_iter()
            .fold(f64::NEG_INFINITY, |most, lane| if lane > most { lane } else { most })
    }
}

macro_rules! lanewise {
    ($trait:ident, $function:ident, $operator:tt) => {
        impl $trait for Lanes {
            type Output = Self;
            #[inline(always)]
            fn $function(self, other: Self) -> Self {
                self.map(other, |one, other| one $operator other)
            }
        }
        impl $trait<f64> for Lanes {
            type Output = Self;
            #[inline(always)]
            fn $function(self, other: f64) -> Self {
                self.map(Self::splat(other), |one, other| one $operator other)
            }
        }
    };
}

lanewise!(Add, add, +);
lanewise!(Sub, sub, -);
lanewise!(Mul, mul, *);
lanewise!(Div, div, /);

impl AddAssign for Lanes {
    #[inline(always)]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Lanes {
    #[inline(always)]
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Neg for Lanes {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        self.map(self, |one, _| -one)
    }
}
