//! Sparse LDLᵀ of a symmetric quasi-definite matrix: any order of pivots has a factor, so the order is chosen for
//! sparsity alone, once.
//!
//! Up-looking, one row of L at a time. Source: T. A. Davis, *Direct Methods for Sparse Linear Systems*, 2006, ch. 4;
//! R. J. Vanderbei, SIAM J. Optim. 5 (1995) 100, on quasi-definite matrices.

/// No parent in the elimination tree.
const NONE: u32 = u32::MAX;
/// Entries of L beyond which a factor is not tried: half a gigabyte.
const ENTRIES_MAX: usize = 40_000_000;

/// A symmetric matrix with a fixed pattern and its factor. Positions are in pivot order.
#[derive(Clone, Debug)]
pub(super) struct Factor {
    /// Strict upper triangle by column: starts, rows, values.
    starts: Vec<usize>,
    rows: Vec<u32>,
    values: Vec<f64>,
    parents: Vec<u32>,
    /// L by column.
    lower_starts: Vec<usize>,
    lower_filled: Vec<usize>,
    lower_rows: Vec<u32>,
    lower_values: Vec<f64>,
    inverse_pivots: Vec<f64>,
    /// Place of each unknown in the pivot order.
    place: Vec<u32>,
    work: Vec<f64>,
}

impl Factor {
    /// Takes off-diagonal entries (each once, either triangle) and the place of each unknown in the pivot order.
    /// `None` where the factor would not fit.
    pub(super) fn new(entries: &[(u32, u32, f64)], place: Vec<u32>) -> Option<Self> {
        let size = place.len();
        let ordered = |(one, other, value): &(u32, u32, f64)| {
            let (one, other) = (place[*one as usize], place[*other as usize]);
            (one.max(other), one.min(other), *value)
        };
        let mut starts = vec![0usize; size + 1];
        for entry in entries {
            starts[ordered(entry).0 as usize + 1] += 1;
        }
        for column in 0..size {
            starts[column + 1] += starts[column];
        }
        let mut next = starts.clone();
        let (mut rows, mut values) = (vec![0u32; entries.len()], vec![0.0; entries.len()]);
        for entry in entries {
            let (column, row, value) = ordered(entry);
            let at = &mut next[column as usize];
            rows[*at] = row;
            values[*at] = value;
            *at += 1;
        }
        let (parents, counts) = symbolic(size, &starts, &rows)?;
        let mut lower_starts = vec![0usize; size + 1];
        for column in 0..size {
            lower_starts[column + 1] = lower_starts[column] + counts[column] as usize;
        }
        let total = lower_starts[size];
        Some(Self {
            starts,
            rows,
            values,
            parents,
            lower_filled: lower_starts[..size].to_vec(),
            lower_starts,
            lower_rows: vec![0; total],
            lower_values: vec![0.0; total],
            inverse_pivots: vec![0.0; size],
            place,
            work: vec![0.0; size],
        })
    }

    /// Factors with the diagonal given by unknown; a pivot whose sign was lost to rounding becomes tiny.
    pub(super) fn factor(&mut self, diagonal: &[f64]) {
        let size = self.place.len();
        let mut pivots = vec![0.0; size];
        for (value, place) in diagonal.iter().zip(&self.place) {
            pivots[*place as usize] = *value;
        }
        self.lower_filled.copy_from_slice(&self.lower_starts[..size]);
        let mut seen = vec![NONE; size];
        let (mut pattern, mut path) = (vec![0u32; size], Vec::with_capacity(size));
        for k in 0..size {
            let sign = pivots[k].signum();
            let mut top = size;
            seen[k] = k as u32;
            for entry in self.starts[k]..self.starts[k + 1] {
                let mut row = self.rows[entry];
                self.work[row as usize] += self.values[entry];
                path.clear();
                while seen[row as usize] != k as u32 {
                    path.push(row);
                    seen[row as usize] = k as u32;
                    row = self.parents[row as usize];
                }
                while let Some(row) = path.pop() {
                    top -= 1;
                    pattern[top] = row;
                }
            }
            let mut pivot = pivots[k];
            for row in &pattern[top..] {
                let row = *row as usize;
                let value = std::mem::take(&mut self.work[row]);
                let (start, end) = (self.lower_starts[row], self.lower_filled[row]);
                let below = self.lower_rows[start..end].iter().zip(&self.lower_values[start..end]);
                for (target, entry) in below {
                    self.work[*target as usize] -= entry * value;
                }
                let scaled = value * self.inverse_pivots[row];
                pivot -= scaled * value;
                self.lower_rows[end] = k as u32;
                self.lower_values[end] = scaled;
                self.lower_filled[row] = end + 1;
            }
            if pivot * sign < 1e-13 {
                pivot = sign * 1e-7;
            }
            self.inverse_pivots[k] = 1.0 / pivot;
        }
    }

    /// Solves, after [`Factor::factor`].
    pub(super) fn solve(&mut self, right: &mut [f64]) {
        let size = self.place.len();
        for (value, place) in right.iter().zip(&self.place) {
            self.work[*place as usize] = *value;
        }
        for k in 0..size {
            let value = self.work[k];
            let range = self.lower_starts[k]..self.lower_starts[k + 1];
            for (row, entry) in self.lower_rows[range.clone()].iter().zip(&self.lower_values[range])
            {
                self.work[*row as usize] -= entry * value;
            }
        }
        for k in (0..size).rev() {
            let range = self.lower_starts[k]..self.lower_starts[k + 1];
            let below = self.lower_rows[range.clone()].iter().zip(&self.lower_values[range]);
            let sum: f64 = below.map(|(row, entry)| entry * self.work[*row as usize]).sum();
            self.work[k] = self.work[k] * self.inverse_pivots[k] - sum;
        }
        for (value, place) in right.iter_mut().zip(&self.place) {
            *value = self.work[*place as usize];
        }
        self.work.fill(0.0);
    }
}

/// Elimination tree and entries of each column of L.
fn symbolic(size: usize, starts: &[usize], rows: &[u32]) -> Option<(Vec<u32>, Vec<u32>)> {
    let (mut parents, mut counts) = (vec![NONE; size], vec![0u32; size]);
    let mut seen = vec![NONE; size];
    let mut total = 0usize;
    for k in 0..size {
        seen[k] = k as u32;
        for row in &rows[starts[k]..starts[k + 1]] {
            let mut row = *row as usize;
            while seen[row] != k as u32 {
                if parents[row] == NONE {
                    parents[row] = k as u32;
                }
                counts[row] += 1;
                total += 1;
                seen[row] = k as u32;
                row = parents[row] as usize;
            }
        }
        if total > ENTRIES_MAX {
            return None;
        }
    }
    Some((parents, counts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solves_a_quasi_definite_system_in_any_order() {
        // [4 0 1 2; 0 3 1 0; 1 1 -2 0; 2 0 0 -1]
        let entries = [(0, 2, 1.0), (0, 3, 2.0), (2, 1, 1.0)];
        let diagonal = [4.0, 3.0, -2.0, -1.0];
        for place in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
            let mut factor = Factor::new(&entries, place.to_vec()).unwrap();
            factor.factor(&diagonal);
            let mut right = vec![15.0, 9.0, -3.0, -2.0];
            factor.solve(&mut right);
            for (found, expected) in right.iter().zip([1.0, 2.0, 3.0, 4.0]) {
                assert!((found - expected).abs() < 1e-12, "{right:?}");
            }
        }
    }
}
