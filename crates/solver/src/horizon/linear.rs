//! The linear algebra: tridiagonal solves per resource, their inverses summed into one T×T matrix, Cholesky.
//!
//! The inverse of a symmetric tridiagonal matrix is semiseparable: within its lower triangle each row is the row
//! above times one factor, with one new entry on the diagonal. So a whole inverse costs T²/2 products, and four
//! resources share one pass over the sum.

#![allow(
    clippy::needless_range_loop,
    reason = "recurrences in t read several lists at t and t − 1"
)]

/// Resources that share a pass.
const LANES: usize = 4;
/// Entries this much smaller than their diagonal are left out.
const NEGLIGIBLE: f64 = 1e-19;

/// Symmetric tridiagonal matrix, factored.
#[derive(Clone, Debug, Default)]
pub(super) struct Tridiagonal {
    pub(super) diagonal: Vec<f64>,
    /// `off[t]` couples t and t + 1.
    pub(super) off: Vec<f64>,
    pivots: Vec<f64>,
    inv_pivots: Vec<f64>,
    ratios: Vec<f64>,
}

impl Tridiagonal {
    pub(super) fn new(size: usize) -> Self {
        let zero = vec![0.0; size];
        Self {
            diagonal: zero.clone(),
            off: zero.clone(),
            pivots: zero.clone(),
            inv_pivots: zero.clone(),
            ratios: zero,
        }
    }

    /// Factors what stands in `diagonal` and `off`, which must be positive definite.
    pub(super) fn factor(&mut self) {
        let mut carried = 0.0;
        for t in 0..self.diagonal.len() {
            let pivot = self.diagonal[t] - carried;
            let inverse = 1.0 / pivot;
            self.pivots[t] = pivot;
            self.inv_pivots[t] = inverse;
            self.ratios[t] = self.off[t] * inverse;
            carried = self.off[t] * self.ratios[t];
        }
    }

    /// Solves in place.
    pub(super) fn solve(&self, right: &mut [f64]) {
        let size = right.len();
        let mut before = 0.0;
        for t in 0..size {
            let value = if t > 0 { right[t] - self.ratios[t - 1] * before } else { right[t] };
            right[t] = value;
            before = value;
        }
        let mut after = 0.0;
        for t in (0..size).rev() {
            after = right[t] * self.inv_pivots[t] - self.ratios[t] * after;
            right[t] = after;
        }
    }
}

/// Lower triangle of a symmetric matrix, row by row.
#[derive(Clone, Debug)]
pub(super) struct Symmetric {
    size: usize,
    rows: Vec<f64>,
    lanes: [Lane; LANES],
    filled: usize,
}

/// One inverse waiting for its pass: row t is row t − 1 times `factor[t]`, then `fresh[t]`; all times `weight[t]`.
#[derive(Clone, Debug, Default)]
struct Lane {
    factor: Vec<f64>,
    fresh: Vec<f64>,
    weight: Vec<f64>,
    row: Vec<f64>,
}

impl Symmetric {
    pub(super) fn new(size: usize) -> Self {
        let lane = || Lane {
            factor: vec![0.0; size],
            fresh: vec![0.0; size],
            weight: vec![0.0; size],
            row: vec![0.0; size],
        };
        Self {
            size,
            rows: vec![0.0; size * size],
            lanes: [lane(), lane(), lane(), lane()],
            filled: 0,
        }
    }

    pub(super) fn clear(&mut self) {
        self.rows.fill(0.0);
        self.filled = 0;
    }

    pub(super) fn add_diagonal(&mut self, t: usize, value: f64) {
        self.rows[t * self.size + t] += value;
    }

    /// Adds sign · diag(scale) · matrix⁻¹ · diag(scale), at the latest with [`Symmetric::flush`].
    pub(super) fn add_inverse(&mut self, matrix: &Tridiagonal, scale: Option<&[f64]>, sign: f64) {
        let lane = &mut self.lanes[self.filled];
        // Pivots of the elimination from below; with those from above they give the inverse's diagonal.
        let mut carried = 0.0;
        for t in (0..self.size).rev() {
            let below = matrix.diagonal[t] - carried;
            let inverse = 1.0 / below;
            let scale_t = scale.map_or(1.0, |scale| scale[t]);
            lane.fresh[t] = scale_t / (matrix.pivots[t] + below - matrix.diagonal[t]);
            lane.weight[t] = sign * scale_t;
            let off = if t > 0 { matrix.off[t - 1] } else { 0.0 };
            lane.factor[t] = -off * inverse;
            carried = off * off * inverse;
        }
        self.filled += 1;
        if self.filled == LANES {
            self.flush();
        }
    }

    /// Adds what waits.
    pub(super) fn flush(&mut self) {
        for lane in &mut self.lanes[self.filled..] {
            lane.weight.fill(0.0);
            lane.fresh.fill(0.0);
            lane.factor.fill(0.0);
        }
        if self.filled > 0 {
            let Self { size, rows, lanes, .. } = self;
            add_lanes(*size, rows, lanes);
        }
        self.filled = 0;
    }

    /// Cholesky factor in place; a pivot lost to rounding becomes tiny rather than imaginary.
    pub(super) fn factor(&mut self) {
        let size = self.size;
        for column in 0..size {
            let (head, tail) = self.rows.split_at_mut((column + 1) * size);
            let pivot_row = &mut head[column * size..];
            let square: f64 = pivot_row[..column].iter().map(|value| value * value).sum();
            let pivot = (pivot_row[column] - square).max(1e-300).sqrt();
            pivot_row[column] = pivot;
            let inverse = 1.0 / pivot;
            for row in tail.chunks_exact_mut(size) {
                let product = dot(&row[..column], &pivot_row[..column]);
                row[column] = (row[column] - product) * inverse;
            }
        }
    }

    /// Solves in place, after [`Symmetric::factor`].
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

fn add_lanes(size: usize, rows: &mut [f64], lanes: &mut [Lane; LANES]) {
    let [one, two, three, four] = lanes;
    let mut start = 0;
    for t in 0..size {
        let factors = [one.factor[t], two.factor[t], three.factor[t], four.factor[t]];
        let weights = [one.weight[t], two.weight[t], three.weight[t], four.weight[t]];
        let target = &mut rows[t * size + start..t * size + t];
        let scaled = target
            .iter_mut()
            .zip(&mut one.row[start..t])
            .zip(&mut two.row[start..t])
            .zip(&mut three.row[start..t])
            .zip(&mut four.row[start..t]);
        for ((((target, one), two), three), four) in scaled {
            *one *= factors[0];
            *two *= factors[1];
            *three *= factors[2];
            *four *= factors[3];
            *target += (weights[0] * *one + weights[1] * *two)
                + (weights[2] * *three + weights[3] * *four);
        }
        let mut diagonal = 0.0;
        let mut largest = 0.0f64;
        for (lane, weight) in [&mut *one, two, three, four].into_iter().zip(weights) {
            lane.row[t] = lane.fresh[t];
            diagonal += weight * lane.fresh[t];
            largest = largest.max(lane.fresh[t].abs());
        }
        rows[t * size + t] += diagonal;
        while start < t
            && [&*one, two, three, four]
                .iter()
                .all(|lane| lane.row[start].abs() < NEGLIGIBLE * largest)
        {
            start += 1;
        }
    }
}

/// Inner product with independent partial sums, so that it is not bound by the latency of one addition.
fn dot(one: &[f64], other: &[f64]) -> f64 {
    const WIDTH: usize = 8;
    let mut sums = [0.0; WIDTH];
    let (chunks, others) = (one.chunks_exact(WIDTH), other.chunks_exact(WIDTH));
    let rest: f64 =
        chunks.remainder().iter().zip(others.remainder()).map(|(one, other)| one * other).sum();
    for (one, other) in chunks.zip(others) {
        for lane in 0..WIDTH {
            sums[lane] += one[lane] * other[lane];
        }
    }
    rest + ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_inverses_match_column_by_column_solves() {
        let size = 23;
        let mut sum = Symmetric::new(size);
        let mut expected = vec![0.0; size * size];
        for number in 0..6 {
            let mut matrix = Tridiagonal::new(size);
            for t in 0..size {
                matrix.diagonal[t] = 3.0 + f64::from(number) + (t % 3) as f64;
                matrix.off[t] = if t + 1 < size { -1.0 - 0.1 * f64::from(number) } else { 0.0 };
            }
            matrix.factor();
            let scale: Vec<f64> = (0..size).map(|t| 1.0 + 0.1 * t as f64).collect();
            let sign = if number % 2 == 0 { 1.0 } else { -0.1 };
            sum.add_inverse(&matrix, Some(&scale), sign);
            for column in 0..size {
                let mut right = vec![0.0; size];
                right[column] = scale[column];
                matrix.solve(&mut right);
                for row in column..size {
                    expected[row * size + column] += sign * scale[row] * right[row];
                }
            }
        }
        sum.flush();
        for (found, expected) in sum.rows.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-12, "{found} for {expected}");
        }
        let mut right: Vec<f64> = (0..size).map(|t| t as f64).collect();
        let original = sum.clone();
        sum.factor();
        sum.solve(&mut right);
        for t in 0..size {
            let entry = |s: usize| original.rows[t.max(s) * size + t.min(s)];
            let product: f64 = (0..size).map(|s| entry(s) * right[s]).sum();
            assert!((product - t as f64).abs() < 1e-9, "{product} for {t}");
        }
    }
}
