//! Values of one quantity over consecutive intervals, in few bytes: neighbours in time are alike.
//!
//! Encoded as the length (`u16`), then the differences to the value before (first to 0), zigzag and variable-length,
//! seven bits a byte, the least first. A difference of 0 is followed by how many more zeros follow, and the difference
//! after such a run is not 0. Any other bytes are refused, so that equal series have equal encodings.

use crate::{Price, Watts, terms::HORIZON_INTERVALS_MAX};
use commonware_codec::{Buf, EncodeSize, Error, Read, Write};

/// Values of one series: as many as a horizon has intervals.
pub const SERIES_MAX: usize = HORIZON_INTERVALS_MAX as usize;
/// Bits in one byte of a variable-length integer.
const BITS: u32 = 7;
/// Set on every byte of an integer but its last.
const MORE: u8 = 0x80;

/// A quantity counted in an `i64`, as series hold it.
pub trait Counted: Copy {
    /// The quantity of this count.
    fn of(count: i64) -> Self;
    /// Its count.
    fn count(self) -> i64;
}

macro_rules! counted {
    ($($name:ident),*) => {
        $(impl Counted for $name {
            fn of(count: i64) -> Self {
                Self(count)
            }
            fn count(self) -> i64 {
                self.0
            }
        })*
    };
}

counted!(Watts, Price);

/// At most [`SERIES_MAX`] values, one per interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series<T>(Vec<T>);

impl<T> Default for Series<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Series<T> {
    /// Wraps values, or gives them back when they are too many.
    ///
    /// # Errors
    /// The values, when there are more than [`SERIES_MAX`].
    pub fn new(values: Vec<T>) -> Result<Self, Vec<T>> {
        if values.len() > SERIES_MAX { Err(values) } else { Ok(Self(values)) }
    }

    /// The values, as an owned list.
    #[must_use]
    pub fn into_inner(self) -> Vec<T> {
        self.0
    }
}

impl<T: Copy> Series<T> {
    /// One value in each of `intervals` intervals, at most [`SERIES_MAX`] of them.
    #[must_use]
    pub fn flat(value: T, intervals: u16) -> Self {
        Self(vec![value; usize::from(intervals).min(SERIES_MAX)])
    }
}

impl<T> core::ops::Deref for Series<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'a, T> IntoIterator for &'a Series<T> {
    type Item = &'a T;
    type IntoIter = core::slice::Iter<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<T: Counted> Series<T> {
    /// Hands the integers of the encoding to `take`, in order.
    fn integers(&self, mut take: impl FnMut(u64)) {
        let (mut before, mut zeros) = (0i64, 0u64);
        for value in &self.0 {
            let change = value.count().wrapping_sub(before);
            before = value.count();
            if change == 0 {
                zeros = zeros.saturating_add(1);
            } else {
                take_run(zeros, &mut take);
                zeros = 0;
                take(zigzag(change));
            }
        }
        take_run(zeros, &mut take);
    }
}

fn take_run(zeros: u64, take: &mut impl FnMut(u64)) {
    if let Some(more) = zeros.checked_sub(1) {
        take(0);
        take(more);
    }
}

impl<T: Counted> Write for Series<T> {
    fn write(&self, buf: &mut impl bytes::BufMut) {
        u16::try_from(self.0.len()).expect("the constructor bounds the length").write(buf);
        self.integers(|integer| write_integer(integer, buf));
    }
}

impl<T: Counted> EncodeSize for Series<T> {
    fn encode_size(&self) -> usize {
        let mut size = 2usize;
        self.integers(|integer| size = size.saturating_add(integer_size(integer)));
        size
    }
}

impl<T: Counted> Read for Series<T> {
    type Cfg = ();
    fn read_cfg(buf: &mut impl Buf, (): &()) -> Result<Self, Error> {
        let length = usize::from(u16::read_cfg(buf, &())?);
        if length > SERIES_MAX {
            return Err(Error::InvalidLength(length));
        }
        let mut values = Vec::with_capacity(length);
        let (mut value, mut after_zeros) = (0i64, false);
        while values.len() < length {
            let change = read_integer(buf)?;
            if change != 0 {
                value = value.wrapping_add(unzigzag(change));
                values.push(T::of(value));
                after_zeros = false;
                continue;
            }
            let more = usize::try_from(read_integer(buf)?).unwrap_or(usize::MAX);
            if after_zeros || more >= length.saturating_sub(values.len()) {
                return Err(Error::Invalid("Series", "a run of zeros is not canonical"));
            }
            values.extend((0..=more).map(|_| T::of(value)));
            after_zeros = true;
        }
        Ok(Self(values))
    }
}

/// Small absolute values become small unsigned ones.
const fn zigzag(value: i64) -> u64 {
    (value.wrapping_shl(1) ^ (value >> 63)).cast_unsigned()
}

const fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ (value & 1).cast_signed().wrapping_neg()
}

fn write_integer(mut value: u64, buf: &mut impl bytes::BufMut) {
    loop {
        let low = value.to_le_bytes()[0] & !MORE;
        value >>= BITS;
        if value == 0 {
            buf.put_u8(low);
            return;
        }
        buf.put_u8(low | MORE);
    }
}

fn integer_size(value: u64) -> usize {
    let bits = u64::BITS.saturating_sub(value.leading_zeros()).max(1);
    usize::try_from(bits.div_ceil(BITS)).unwrap_or(usize::MAX)
}

fn read_integer(buf: &mut impl Buf) -> Result<u64, Error> {
    let mut value = 0u64;
    for shift in (0..u64::BITS).step_by(7) {
        let byte = u8::read_cfg(buf, &())?;
        // Of the tenth byte one bit is left.
        let beyond = shift == 63 && byte > 1;
        // No integer takes more bytes than it needs.
        let padded = byte == 0 && shift > 0;
        if beyond || padded {
            return Err(Error::Invalid("Series", "an integer is not canonical"));
        }
        value |= u64::from(byte & !MORE) << shift;
        if byte & MORE == 0 {
            return Ok(value);
        }
    }
    Err(Error::Invalid("Series", "an integer is not canonical"))
}
