//! The reduced system: T prices and T reserve prices by one Cholesky, everything else that joins resources as border
//! columns: caps on carbon, shiftable energy, the peak.
//!
//! With a = dλ, b = −dρ and β the steps of the border's multipliers:
//! [S + N, S; S, S + M]·[a; b] = [r₁; r₂] + Bβ, and for each border row Bⱼ·[a; b] − Σ Gⱼₖβₖ = rⱼ.

use super::{
    blocks::Reaction,
    lanes::Lanes,
    linear::{SIDES, Symmetric, dot},
};

/// A vector over prices and reserve prices.
#[derive(Clone, Debug, Default)]
pub(super) struct Column {
    pub(super) price: Vec<f64>,
    pub(super) reserve: Vec<f64>,
}

impl Column {
    #[inline(always)]
    fn dot(&self, other: &Self) -> f64 {
        dot(&self.price, &other.price) + dot(&self.reserve, &other.reserve)
    }
}

/// The factored system.
#[derive(Clone, Debug)]
pub(super) struct Border {
    matrix: Symmetric,
    /// N: what those without memory give way.
    diagonal: Vec<f64>,
    /// M: reserve left over its multiplier.
    slack: Vec<f64>,
    /// Θ = (1/N + 1/M)⁻¹ by interval.
    merged: Vec<f64>,
    /// B.
    columns: Vec<Column>,
    /// G − Bᵀ·P⁻¹·B, P being the matrix over prices and reserve prices; factored by rows with pivots.
    dense: Dense,
}

/// Sums of lanes.
pub(super) fn sums(list: &[Lanes]) -> Vec<f64> {
    list.iter().map(|lanes| lanes.sum()).collect()
}

impl Border {
    /// Factors. `stiffness` is G, row by row.
    #[inline(always)]
    pub(super) fn new(
        reaction: &mut Reaction,
        diagonal: Vec<f64>,
        slack: Vec<f64>,
        columns: Vec<Column>,
        stiffness: Vec<f64>,
    ) -> Self {
        let size = slack.len();
        let merged: Vec<f64> =
            (0..size).map(|t| 1.0 / (1.0 / diagonal[t] + 1.0 / slack[t])).collect();
        let mut matrix = std::mem::replace(&mut reaction.matrix, Symmetric::new(0));
        for (t, merged) in merged.iter().enumerate() {
            matrix.add_diagonal(t, *merged);
        }
        matrix.factor();
        let count = columns.len();
        let dense = Dense { size: count, rows: stiffness, order: Vec::new() };
        let mut border = Self { matrix, diagonal, slack, merged, columns, dense };
        let halves = border.halves();
        for row in 0..count {
            for column in 0..=row {
                let product = dot(&halves[row], &halves[column]);
                border.dense.rows[row * count + column] -= product;
                if column < row {
                    border.dense.rows[column * count + row] -= product;
                }
            }
        }
        border.dense.factor();
        border
    }

    /// Vectors whose inner products are Bᵀ·P⁻¹·B: with w = B₁/N + B₂/M and Θ + S = L·Lᵀ, L⁻¹·Θw and
    /// (B₁ − B₂)/√(N + M), in which nothing large cancels.
    #[inline(always)]
    fn halves(&self) -> Vec<Vec<f64>> {
        let size = self.merged.len();
        let mut halves = Vec::with_capacity(self.columns.len());
        for columns in self.columns.chunks(SIDES) {
            let mut sides = vec![0.0; size * SIDES];
            for (side, Column { price, reserve }) in columns.iter().enumerate() {
                for t in 0..size {
                    let load = price[t] / self.diagonal[t] + reserve[t] / self.slack[t];
                    sides[t * SIDES + side] = self.merged[t] * load;
                }
            }
            self.matrix.forward(&mut sides);
            for (side, Column { price, reserve }) in columns.iter().enumerate() {
                let mut half: Vec<f64> = (0..size).map(|t| sides[t * SIDES + side]).collect();
                half.extend(
                    (0..size).map(|t| {
                        (price[t] - reserve[t]) / (self.diagonal[t] + self.slack[t]).sqrt()
                    }),
                );
                halves.push(half);
            }
        }
        halves
    }

    /// Gives the matrix back, to be filled again.
    pub(super) fn give_back(self, reaction: &mut Reaction) {
        reaction.matrix = self.matrix;
    }

    /// Solves [S + N, S; S, S + M]·[a; b] = [r₁; r₂] through σ = a + b: (Θ + S)σ = Θ(r₁/N + r₂/M).
    ///
    /// The smaller of N and M gives its unknown from σ by subtraction of nothing large: the other way round
    /// feasibility is lost to cancellation near the end.
    #[inline(always)]
    fn core(&self, right: &Column) -> Column {
        let size = self.merged.len();
        let (one, other) = (&right.price, &right.reserve);
        let load: Vec<f64> = (0..size)
            .map(|t| self.merged[t] * (one[t] / self.diagonal[t] + other[t] / self.slack[t]))
            .collect();
        let mut sigma = load.clone();
        self.matrix.solve(&mut sigma);
        let (mut price, mut reserve) = (vec![0.0; size], vec![0.0; size]);
        for t in 0..size {
            let reacted = load[t] - self.merged[t] * sigma[t];
            if self.diagonal[t] > self.slack[t] {
                price[t] = (one[t] - reacted) / self.diagonal[t];
                reserve[t] = sigma[t] - price[t];
            } else {
                reserve[t] = (other[t] - reacted) / self.slack[t];
                price[t] = sigma[t] - reserve[t];
            }
        }
        Column { price, reserve }
    }

    /// Steps a = dλ and b = −dρ, and β.
    #[inline(always)]
    pub(super) fn solve(&self, right: &Column, border: &[f64]) -> (Column, Vec<f64>) {
        let base = self.core(right);
        if self.columns.is_empty() {
            return (base, Vec::new());
        }
        let mut steps: Vec<f64> = self
            .columns
            .iter()
            .zip(border)
            .map(|(column, right)| column.dot(&base) - right)
            .collect();
        self.dense.solve(&mut steps);
        let mut all = right.clone();
        for (step, column) in steps.iter().zip(&self.columns) {
            for (sum, value) in all.price.iter_mut().zip(&column.price) {
                *sum += step * value;
            }
            for (sum, value) in all.reserve.iter_mut().zip(&column.reserve) {
                *sum += step * value;
            }
        }
        (self.core(&all), steps)
    }
}

/// A small dense matrix, factored with row pivots: the peak makes it indefinite.
#[derive(Clone, Debug, Default)]
struct Dense {
    size: usize,
    rows: Vec<f64>,
    order: Vec<usize>,
}

impl Dense {
    #[inline(always)]
    fn factor(&mut self) {
        let size = self.size;
        self.order = (0..size).collect();
        for column in 0..size {
            let entry = |row: usize| self.rows[row * size + column].abs();
            let mut pivot = column;
            for row in column + 1..size {
                if entry(row) > entry(pivot) {
                    pivot = row;
                }
            }
            if pivot != column {
                self.order.swap(pivot, column);
                let (head, tail) = self.rows.split_at_mut(pivot * size);
                head[column * size..(column + 1) * size].swap_with_slice(&mut tail[..size]);
            }
            let (head, tail) = self.rows.split_at_mut((column + 1) * size);
            let pivot_row = &head[column * size..];
            let inverse = 1.0 / pivot_row[column];
            for row in tail.chunks_exact_mut(size) {
                let factor = row[column] * inverse;
                row[column] = factor;
                if factor != 0.0 {
                    for (entry, pivot) in row[column + 1..].iter_mut().zip(&pivot_row[column + 1..])
                    {
                        *entry -= factor * pivot;
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn solve(&self, right: &mut [f64]) {
        let size = self.size;
        let mut values: Vec<f64> = self.order.iter().map(|row| right[*row]).collect();
        for row in 0..size {
            let sum = dot(&self.rows[row * size..row * size + row], &values[..row]);
            values[row] -= sum;
        }
        for row in (0..size).rev() {
            let start = row * size;
            let sum = dot(&self.rows[start + row + 1..start + size], &values[row + 1..]);
            values[row] = (values[row] - sum) / self.rows[start + row];
        }
        right.copy_from_slice(&values);
    }
}
