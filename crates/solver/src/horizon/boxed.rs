//! A single variable over all intervals, between bounds, with the multipliers of both bounds: the tie's import, the
//! peak, the excess over a cap. Resources, of which there are many, are [`cell`](super::cell)s eight at a time.

use super::warm::placed;

/// Share of the way to the boundary that a step may take.
pub(super) const TO_BOUNDARY: f64 = 0.9995;
/// Curvature of a variable whose bounds meet: no step remains.
const HELD: f64 = 1e30;

/// One interval of a variable.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cell {
    pub(super) x: f64,
    pub(super) lo: f64,
    pub(super) hi: f64,
    pub(super) z_lo: f64,
    pub(super) z_hi: f64,
    /// Step of the value.
    pub(super) dx: f64,
    /// 1/(x − lo), 1/(hi − x); zero where held.
    inv_lo: f64,
    inv_hi: f64,
    /// Steps of the multipliers; between the two passes of an iteration, the second-order products.
    dz_lo: f64,
    dz_hi: f64,
}

/// What each product of value and multiplier aims at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    product: f64,
    /// 1 where second-order products are taken off, 0 in the first pass, which does not know them.
    second: f64,
}

impl Target {
    /// The first pass: straight at the optimum.
    pub(super) const PREDICTOR: Self = Self { product: 0.0, second: 0.0 };

    /// The second pass: at the central path, corrected.
    pub(super) const fn corrector(product: f64) -> Self {
        Self { product, second: 1.0 }
    }

    /// The target less a second-order product.
    #[inline]
    pub(super) fn less(self, product: f64) -> f64 {
        self.product - self.second * product
    }
}

/// Largest steps so far: reciprocals, so that zero is without limit.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Limits {
    pub(super) primal: f64,
    pub(super) dual: f64,
}

/// Complementarity: sum of products and how many.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Gap {
    pub(super) sum: f64,
    pub(super) count: f64,
}

impl Gap {
    pub(super) fn add(&mut self, product: f64) {
        self.sum += product;
        self.count += 1.0;
    }

    pub(super) fn mean(self) -> f64 {
        if self.count > 0.0 { self.sum / self.count } else { 0.0 }
    }
}

impl Cell {
    fn is_free(&self) -> bool {
        self.hi > self.lo
    }

    /// Takes reciprocals of the distances after the value changed.
    fn prepare(&mut self) {
        // A distance below the value's own resolution would be noise, or zero.
        let least = 1e-13 * (1.0 + self.x.abs());
        if self.is_free() {
            self.inv_lo = 1.0 / larger(self.x - self.lo, least);
            self.inv_hi = 1.0 / larger(self.hi - self.x, least);
        }
    }

    /// Curvature of the barrier.
    #[inline]
    pub(super) fn curvature(&self) -> f64 {
        if self.is_free() { self.z_lo * self.inv_lo + self.z_hi * self.inv_hi } else { HELD }
    }

    /// Pull of the barrier toward the centre for a target product, second-order products taken off.
    #[inline]
    pub(super) fn pull(&self, target: Target) -> f64 {
        let (lo, hi) = (target.less(self.dz_lo), target.less(self.dz_hi));
        lo * self.inv_lo - hi * self.inv_hi
    }
}

/// A variable, interval by interval.
#[derive(Clone, Debug, Default)]
pub(super) struct Boxed(pub(super) Vec<Cell>);

impl Boxed {
    /// Starts on the central path of `mu` at the given values, moved inside the bounds.
    pub(super) fn new(x: &[f64], lo: &[f64], hi: &[f64], mu: f64) -> Self {
        let cell = |((x, lo), hi): ((&f64, &f64), &f64)| {
            let mut cell = Cell { x: *lo, lo: *lo, hi: *hi, ..Cell::default() };
            if cell.is_free() {
                let margin = 1e-3 * (hi - lo);
                cell.x = x.clamp(lo + margin, hi - margin);
                cell.z_lo = mu / (cell.x - lo);
                cell.z_hi = mu / (hi - cell.x);
            }
            cell.prepare();
            cell
        };
        Self(x.iter().zip(lo).zip(hi).map(cell).collect())
    }

    /// Moves one interval's value and multipliers to a reduced cost, a little off the bounds.
    pub(super) fn place(&mut self, t: usize, x: f64, slope: f64, mu: f64) {
        let cell = &mut self.0[t];
        if let Some((x, z_lo, z_hi)) = placed(x, cell.lo, cell.hi, slope, mu) {
            (cell.x, cell.z_lo, cell.z_hi) = (x, z_lo, z_hi);
            cell.prepare();
        }
    }

    /// Values by interval.
    pub(super) fn values(&self) -> impl Iterator<Item = f64> {
        self.0.iter().map(|cell| cell.x)
    }

    /// Steps of the multipliers from the step of the value, and how far both may go.
    pub(super) fn steps(&mut self, target: Target, limits: &mut Limits) {
        let Limits { mut primal, mut dual } = *limits;
        for cell in &mut self.0 {
            let dz_lo = (target.less(cell.dz_lo) - cell.z_lo * cell.dx) * cell.inv_lo - cell.z_lo;
            let dz_hi = (target.less(cell.dz_hi) + cell.z_hi * cell.dx) * cell.inv_hi - cell.z_hi;
            cell.dz_lo = dz_lo;
            cell.dz_hi = dz_hi;
            primal = larger(primal, larger(-cell.dx * cell.inv_lo, cell.dx * cell.inv_hi));
            // Only ratios that shorten the step are divided out.
            if cell.is_free() {
                if -dz_lo > dual * cell.z_lo {
                    dual = -dz_lo / cell.z_lo;
                }
                if -dz_hi > dual * cell.z_hi {
                    dual = -dz_hi / cell.z_hi;
                }
            }
        }
        *limits = Limits { primal, dual };
    }

    /// Adds complementarity after a step, and keeps the products that the first pass neglects.
    pub(super) fn correct(&mut self, primal: f64, dual: f64, gap: &mut Gap) {
        let mut sum = 0.0;
        let mut count = 0u32;
        for cell in self.0.iter_mut().filter(|cell| cell.is_free()) {
            let x = cell.x + primal * cell.dx;
            sum += (x - cell.lo) * (cell.z_lo + dual * cell.dz_lo)
                + (cell.hi - x) * (cell.z_hi + dual * cell.dz_hi);
            count += 2;
            cell.dz_lo *= cell.dx;
            cell.dz_hi *= -cell.dx;
        }
        gap.sum += sum;
        gap.count += f64::from(count);
    }

    /// Takes the step, prepares the next iteration and adds the complementarity reached. A step of opposite
    /// lengths takes it back.
    pub(super) fn advance(&mut self, primal: f64, dual: f64, gap: &mut Gap) {
        let mut sum = 0.0;
        let mut count = 0u32;
        for cell in self.0.iter_mut().filter(|cell| cell.is_free()) {
            cell.x += primal * cell.dx;
            cell.z_lo += dual * cell.dz_lo;
            cell.z_hi += dual * cell.dz_hi;
            cell.prepare();
            sum += (cell.x - cell.lo) * cell.z_lo + (cell.hi - cell.x) * cell.z_hi;
            count += 2;
        }
        gap.sum += sum;
        gap.count += f64::from(count);
    }
}

fn larger(one: f64, other: f64) -> f64 {
    if other > one { other } else { one }
}
