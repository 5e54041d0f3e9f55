//! The linear algebra: tridiagonal solves per resource, their inverses summed into one T×T matrix, Cholesky.
//!
//! The inverse of a symmetric tridiagonal matrix is semiseparable: within its lower triangle each row is the row
//! above times one factor, with one new entry on the diagonal. So a whole inverse costs T²/2 products, and eight
//! resources share one pass over the sum.

#![allow(
    clippy::needless_range_loop,
    reason = "recurrences in t read several lists at t and t − 1"
)]

use super::lanes::{Lanes, WIDTH};

/// Entries this much smaller than their diagonal are left out.
const NEGLIGIBLE: f64 = 1e-19;
/// Columns that the Cholesky factor eliminates together.
const PANEL: usize = 16;
/// Right sides that are solved together.
pub(super) const SIDES: usize = 16;
/// Entries of a row that are updated together.
const RUN: usize = 32;

/// One step of eliminating tridiagonal systems: 1/pivot, and what the next row gets of this one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pivot {
    pub(super) inverse: Lanes,
    pub(super) ratio: Lanes,
}

/// Eliminates from the first row on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Elimination {
    carried: Lanes,
    ratio: Lanes,
}

impl Elimination {
    /// The next row's pivot, `off` coupling it to the one after, and the ratio of the row before.
    #[inline(always)]
    pub(super) fn pivot(&mut self, diagonal: Lanes, off: Lanes) -> (Pivot, Lanes) {
        let inverse = Lanes::splat(1.0) / (diagonal - self.carried);
        let (ratio, earlier) = (off * inverse, self.ratio);
        self.carried = off * ratio;
        self.ratio = ratio;
        (Pivot { inverse, ratio }, earlier)
    }
}

/// Inverses of eight tridiagonal matrices: row t is row t − 1 times `factor[t]`, then `fresh[t]`; all times
/// `weight[t]`.
#[derive(Clone, Debug)]
pub(super) struct Inverses {
    pub(super) diagonal: Vec<Lanes>,
    /// `off[t]` couples t and t + 1.
    pub(super) off: Vec<Lanes>,
    factor: Vec<Lanes>,
    fresh: Vec<Lanes>,
    weight: Vec<Lanes>,
    rows: [Vec<f64>; WIDTH],
}

impl Inverses {
    pub(super) fn new(size: usize) -> Self {
        let zero = vec![Lanes::ZERO; size];
        Self {
            diagonal: zero.clone(),
            off: zero.clone(),
            factor: zero.clone(),
            fresh: zero.clone(),
            weight: zero,
            rows: std::array::from_fn(|_| vec![0.0; size]),
        }
    }

    /// Prepares sign · diag(scale) · matrix⁻¹ · diag(scale) of what stands in `diagonal` and `off`, whose pivots are given.
    #[inline(always)]
    pub(super) fn invert(&mut self, pivots: &[Pivot], scale: Option<&[Lanes]>, sign: Lanes) {
        // Pivots of the elimination from below; with those from above they give the inverse's diagonal.
        let one = Lanes::splat(1.0);
        let mut carried = Lanes::ZERO;
        for t in (0..self.diagonal.len()).rev() {
            let below = self.diagonal[t] - carried;
            let inverse = one / below;
            let scale = scale.map_or(one, |scale| scale[t]);
            let pivot = one / pivots[t].inverse;
            self.fresh[t] = scale / (pivot + below - self.diagonal[t]);
            self.weight[t] = sign * scale;
            let off = if t > 0 { self.off[t - 1] } else { Lanes::ZERO };
            self.factor[t] = -(off * inverse);
            carried = off * off * inverse;
        }
    }

    /// Multiplies all by a number for each lane.
    #[inline(always)]
    pub(super) fn weigh(&mut self, by: Lanes) {
        self.weight.iter_mut().for_each(|weight| *weight = *weight * by);
    }
}

/// Lower triangle of a symmetric matrix, row by row.
#[derive(Clone, Debug)]
pub(super) struct Symmetric {
    size: usize,
    rows: Vec<f64>,
}

impl Symmetric {
    pub(super) fn new(size: usize) -> Self {
        Self { size, rows: vec![0.0; size * size] }
    }

    pub(super) fn clear(&mut self) {
        self.rows.fill(0.0);
    }

    pub(super) fn add_diagonal(&mut self, t: usize, value: f64) {
        self.rows[t * self.size + t] += value;
    }

    /// Whichever triangle is asked for.
    pub(super) fn entry(&self, one: usize, other: usize) -> f64 {
        self.rows[one.max(other) * self.size + one.min(other)]
    }

    /// Adds eight inverses.
    #[inline(always)]
    pub(super) fn add(&mut self, inverses: &mut Inverses) {
        let size = self.size;
        let Inverses { factor, fresh, weight, rows, .. } = inverses;
        let mut start = 0;
        for t in 0..size {
            let (factor, weight, fresh) = (factor[t].0, weight[t].0, fresh[t].0);
            let target = &mut self.rows[t * size + start..t * size + t];
            add_rows(target, rows.each_mut().map(|row| &mut row[start..t]), factor, weight);
            let mut diagonal = 0.0;
            let mut largest = 0.0f64;
            for lane in 0..WIDTH {
                rows[lane][t] = fresh[lane];
                diagonal += weight[lane] * fresh[lane];
                largest = largest.max(fresh[lane].abs());
            }
            self.rows[t * size + t] += diagonal;
            while start < t && rows.iter().all(|row| row[start].abs() < NEGLIGIBLE * largest) {
                start += 1;
            }
        }
    }

    /// Cholesky factor in place; a pivot lost to rounding becomes tiny rather than imaginary.
    ///
    /// By panels of [`PANEL`] columns: a panel's own factor, then what it takes from all entries right of it, in runs
    /// along rows that fill vector registers.
    #[inline(always)]
    pub(super) fn factor(&mut self) {
        let size = self.size;
        // The panel, column by column, so that runs along a row are runs in memory.
        let mut panel = vec![0.0; PANEL * size];
        for first in (0..size).step_by(PANEL) {
            let width = PANEL.min(size - first);
            self.factor_panel(first, width);
            for (offset, column) in panel.chunks_exact_mut(size).take(width).enumerate() {
                for row in first + width..size {
                    column[row] = self.rows[row * size + first + offset];
                }
            }
            let rest = first + width;
            for row in rest..size {
                let start = row * size;
                let (own, target) = self.rows[start + first..=start + row].split_at_mut(width);
                for (run, target) in target.chunks_mut(RUN).enumerate() {
                    let from = rest + run * RUN;
                    subtract(target, own, &panel, size, from);
                }
            }
        }
    }

    /// Factors the columns of a panel, from whose entries all earlier ones have been taken.
    #[inline(always)]
    fn factor_panel(&mut self, first: usize, width: usize) {
        let size = self.size;
        for column in first..first + width {
            let (head, tail) = self.rows.split_at_mut((column + 1) * size);
            let pivot_row = &mut head[column * size + first..=column * size + column];
            let (earlier, pivot) = pivot_row.split_at_mut(column - first);
            let square = dot(earlier, earlier);
            pivot[0] = (pivot[0] - square).max(1e-300).sqrt();
            let inverse = 1.0 / pivot[0];
            for row in tail.chunks_exact_mut(size) {
                let (own, entry) = row[first..=column].split_at_mut(column - first);
                entry[0] = (entry[0] - dot(own, earlier)) * inverse;
            }
        }
    }

    /// Divides [`SIDES`] right sides, side by side, by the factor L.
    #[inline(always)]
    pub(super) fn forward(&self, sides: &mut [f64]) {
        for t in 0..self.size {
            let (known, rest) = sides.split_at_mut(t * SIDES);
            let row = &self.rows[t * self.size..=t * self.size + t];
            let mut sums = [0.0; SIDES];
            for (factor, known) in row.iter().zip(known.chunks_exact(SIDES)) {
                for side in 0..SIDES {
                    sums[side] += factor * known[side];
                }
            }
            for (value, sum) in rest.iter_mut().zip(&sums) {
                *value = (*value - sum) / row[t];
            }
        }
    }

    /// Solves in place, after [`Symmetric::factor`].
    #[inline(always)]
    pub(super) fn solve(&self, right: &mut [f64]) {
        let size = self.size;
        for t in 0..size {
            let row = &self.rows[t * size..t * size + t];
            right[t] = (right[t] - dot(row, &right[..t])) / self.rows[t * size + t];
        }
        for t in (0..size).rev() {
            let value = right[t] / self.rows[t * size + t];
            right[t] = value;
            let row = &self.rows[t * size..t * size + t];
            for (target, entry) in right[..t].iter_mut().zip(row) {
                *target -= entry * value;
            }
        }
    }
}

/// Takes from a run of a row's entries the products of its panel and theirs.
#[inline(always)]
fn subtract(target: &mut [f64], own: &[f64], panel: &[f64], size: usize, from: usize) {
    let mut sums = [0.0; RUN];
    let count = target.len();
    if count == RUN {
        for (own, column) in own.iter().zip(panel.chunks_exact(size)) {
            let column = &column[from..from + RUN];
            for lane in 0..RUN {
                sums[lane] += own * column[lane];
            }
        }
    } else {
        for (own, column) in own.iter().zip(panel.chunks_exact(size)) {
            for (sum, value) in sums.iter_mut().zip(&column[from..from + count]) {
                *sum += own * value;
            }
        }
    }
    for (target, sum) in target.iter_mut().zip(&sums) {
        *target -= sum;
    }
}

/// Each row times its factor, and the weighted sum of them added to `target`.
#[inline(always)]
fn add_rows(
    target: &mut [f64],
    rows: [&mut [f64]; WIDTH],
    factor: [f64; WIDTH],
    weight: [f64; WIDTH],
) {
    let [a, b, c, d, e, f, g, h] = rows;
    let one = a.iter_mut().zip(b).zip(c.iter_mut().zip(d));
    let other = e.iter_mut().zip(f).zip(g.iter_mut().zip(h));
    for (target, (((a, b), (c, d)), ((e, f), (g, h)))) in target.iter_mut().zip(one.zip(other)) {
        *a *= factor[0];
        *b *= factor[1];
        *c *= factor[2];
        *d *= factor[3];
        *e *= factor[4];
        *f *= factor[5];
        *g *= factor[6];
        *h *= factor[7];
        let first = (weight[0] * *a + weight[1] * *b) + (weight[2] * *c + weight[3] * *d);
        let second = (weight[4] * *e + weight[5] * *f) + (weight[6] * *g + weight[7] * *h);
        *target += first + second;
    }
}

/// Inner product with independent partial sums, so that it is not bound by the latency of one addition. They are added
/// by halves, as registers are: in any other order they would be shuffled at every step.
#[inline(always)]
pub(super) fn dot(one: &[f64], other: &[f64]) -> f64 {
    let mut sums = [Lanes::ZERO; 2];
    let (chunks, others) = (one.chunks_exact(2 * WIDTH), other.chunks_exact(2 * WIDTH));
    let rest: f64 =
        chunks.remainder().iter().zip(others.remainder()).map(|(one, other)| one * other).sum();
    for (one, other) in chunks.zip(others) {
        for (half, sum) in sums.iter_mut().enumerate() {
            for lane in 0..WIDTH {
                sum.0[lane] += one[half * WIDTH + lane] * other[half * WIDTH + lane];
            }
        }
    }
    rest + (sums[0] + sums[1]).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_inverses_match_column_by_column_solves() {
        let size = 23;
        let mut sum = Symmetric::new(size);
        let mut expected = vec![0.0; size * size];
        let mut inverses = Inverses::new(size);
        for pack in 0..2 {
            let number = |lane: usize| (pack * WIDTH + lane) as f64;
            let mut elimination = Elimination::default();
            let mut pivots = Vec::new();
            for t in 0..size {
                let lanes =
                    |of: &dyn Fn(f64) -> f64| Lanes(std::array::from_fn(|lane| of(number(lane))));
                inverses.diagonal[t] = lanes(&|number| 3.0 + number + (t % 3) as f64);
                let last = t + 1 == size;
                inverses.off[t] = lanes(&|number| if last { 0.0 } else { -1.0 - 0.1 * number });
                pivots.push(elimination.pivot(inverses.diagonal[t], inverses.off[t]).0);
            }
            let scale: Vec<Lanes> = (0..size).map(|t| Lanes::splat(1.0 + 0.1 * t as f64)).collect();
            let sign = if pack == 0 { 1.0 } else { -0.1 };
            inverses.invert(&pivots, Some(&scale), Lanes::splat(sign));
            sum.add(&mut inverses);
            for lane in 0..WIDTH {
                for column in 0..size {
                    let mut right = vec![0.0; size];
                    right[column] = scale[column].0[lane];
                    for t in 1..size {
                        right[t] -= pivots[t - 1].ratio.0[lane] * right[t - 1];
                    }
                    let mut after = 0.0;
                    for t in (0..size).rev() {
                        let Pivot { inverse, ratio } = pivots[t];
                        after = right[t] * inverse.0[lane] - ratio.0[lane] * after;
                        right[t] = after;
                    }
                    for row in column..size {
                        expected[row * size + column] += sign * scale[row].0[lane] * right[row];
                    }
                }
            }
        }
        for (found, expected) in sum.rows.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-12, "{found} for {expected}");
        }
        let mut right: Vec<f64> = (0..size).map(|t| t as f64).collect();
        let original = sum.clone();
        sum.factor();
        sum.solve(&mut right);
        for t in 0..size {
            let product: f64 = (0..size).map(|s| original.entry(t, s) * right[s]).sum();
            assert!((product - t as f64).abs() < 1e-9, "{product} for {t}");
        }
    }
}
