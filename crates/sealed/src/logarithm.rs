//! Small logarithms: the number in an opened sum, found by baby steps and giant steps.
//!
//! Only whoever assembles an opening searches; replicas check one equation. The search goes outward from
//! zero on both sides, because sums near the crossing are small.

use crate::group::{base, mul_base, scalar};
use curve25519_dalek::{RistrettoPoint, traits::Identity as _};

/// Points encoded at once.
const BATCH: usize = 256;

/// Baby steps: the encodings of 2·jB for j below the table's size, sorted by their first eight bytes.
///
/// Doubled, because a batch of doubled points is encoded with one inversion.
#[derive(Clone)]
pub struct LogTable {
    steps: Vec<(u64, u32)>,
    size: u32,
    giant: RistrettoPoint,
}

impl core::fmt::Debug for LogTable {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "LogTable({} steps)", self.size)
    }
}

fn key(bytes: &[u8; 32]) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&bytes[..8]);
    u64::from_le_bytes(first)
}

impl LogTable {
    /// A table of 2^bits steps, at most 2²⁴.
    #[must_use]
    pub fn new(bits: u32) -> Self {
        let size = 1u32 << bits.min(24);
        let mut steps = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
        let mut next = RistrettoPoint::identity();
        let mut numbers = 0..size;
        loop {
            let batch: Vec<u32> = numbers.by_ref().take(BATCH).collect();
            let points: Vec<RistrettoPoint> = batch
                .iter()
                .map(|_| {
                    let point = next;
                    next += base();
                    point
                })
                .collect();
            if points.is_empty() {
                break;
            }
            let encoded = RistrettoPoint::double_and_compress_batch(&points);
            steps.extend(encoded.iter().zip(batch).map(|(point, j)| (key(point.as_bytes()), j)));
        }
        steps.sort_unstable();
        Self { steps, size, giant: mul_base(&scalar(i128::from(size))) }
    }

    fn candidates(&self, key: u64) -> impl Iterator<Item = u32> + '_ {
        let start = self.steps.partition_point(|(step, _)| *step < key);
        self.steps.iter().skip(start).take_while(move |(step, _)| *step == key).map(|(_, j)| *j)
    }

    /// The z with |z| ≤ `bound` and zB = `point`, if there is one.
    #[must_use]
    pub fn solve(&self, point: &RistrettoPoint, bound: u64) -> Option<i128> {
        let size = u64::from(self.size);
        let strides = bound.checked_div(size).unwrap_or(0).saturating_add(1);
        let (mut up, mut down) = (*point, -point);
        let mut stride = 0u64;
        while stride < strides {
            let count = BATCH.min(usize::try_from(strides.saturating_sub(stride)).unwrap_or(BATCH));
            let mut points = Vec::with_capacity(count.saturating_mul(2));
            for _ in 0..count {
                points.extend([up, down]);
                up -= self.giant;
                down -= self.giant;
            }
            let encoded = RistrettoPoint::double_and_compress_batch(&points);
            for (pair, offset) in encoded.chunks(2).zip(stride..) {
                for (encoding, sign) in pair.iter().zip([1i128, -1]) {
                    for j in self.candidates(key(encoding.as_bytes())) {
                        let size = i128::from(self.size).saturating_mul(i128::from(offset));
                        let found = size.saturating_add(i128::from(j)).saturating_mul(sign);
                        let within = found.unsigned_abs() <= u128::from(bound);
                        if within && mul_base(&scalar(found)) == *point {
                            return Some(found);
                        }
                    }
                }
            }
            stride = stride.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_small_numbers_of_either_sign_and_nothing_beyond_the_bound() {
        let table = LogTable::new(8);
        for value in [0i128, 1, -1, 255, 256, -256, 257, 65_535, -65_536, 70_000] {
            assert_eq!(table.solve(&mul_base(&scalar(value)), 100_000), Some(value));
        }
        assert_eq!(table.solve(&mul_base(&scalar(100_001)), 100_000), None);
    }
}
