//! Canonical bytes of an answer: one value, one encoding, small because neighbours in time are alike.
//!
//! Each series is its length, then differences to the value before (first to 0) as zigzag variable-length integers. A
//! difference of 0 is followed by how many more zeros follow, and the difference after such a run is not 0. Integers
//! take no more bytes than they need. Whatever else is refused, so that equal answers have equal hashes.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "offsets stay within the slice, counts within the limits checked when read"
)]

use super::{CarbonMultipliers, HorizonAnswer, HorizonCertificate, HorizonSolution};
use gridaccord_model::Watts;

/// First byte of every encoding.
const VERSION: u8 = 1;
/// Largest encoded answer, bytes.
pub const HORIZON_ANSWER_SIZE_MAX: usize = 4 << 20;
/// Numbers in one answer: bounds what a short encoding can unfold to.
pub const HORIZON_ANSWER_VALUES_MAX: usize = 4 << 20;
/// Lists of one kind, and numbers of one list.
const LENGTH_MAX: usize = 1 << 13;

/// Why an answer has no encoding, or bytes are no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HorizonCodecError {
    /// Another version, or no answer at all.
    #[error("the first byte is not version {VERSION}")]
    Version,
    /// Bytes end within a value.
    #[error("the bytes end within a value")]
    Truncated,
    /// Bytes remain.
    #[error("bytes follow the answer")]
    Trailing,
    /// More lists or numbers than an answer may have, or more bytes.
    #[error("the answer is larger than the limits")]
    TooLarge,
    /// A value has a shorter encoding.
    #[error("the encoding is not canonical")]
    NotCanonical,
}

impl HorizonAnswer {
    /// Canonical bytes, at most [`HORIZON_ANSWER_SIZE_MAX`] of them.
    ///
    /// # Errors
    /// [`HorizonCodecError::TooLarge`] for an answer beyond the limits; no answer to a real problem is.
    pub fn to_bytes(&self) -> Result<Vec<u8>, HorizonCodecError> {
        let mut writer = Writer::new(VERSION);
        writer.solution(&self.solution)?;
        writer.certificate(&self.certificate)?;
        writer.finish()
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// The first reason why the bytes are not what [`HorizonAnswer::to_bytes`] writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, HorizonCodecError> {
        if bytes.len() > HORIZON_ANSWER_SIZE_MAX {
            return Err(HorizonCodecError::TooLarge);
        }
        let Some((&VERSION, rest)) = bytes.split_first() else {
            return Err(HorizonCodecError::Version);
        };
        let mut reader = Reader::new(rest);
        let answer = Self { solution: reader.solution()?, certificate: reader.certificate()? };
        reader.finish(answer)
    }
}

/// Small absolute values become small unsigned ones.
const fn zigzag(value: i64) -> u64 {
    (value.wrapping_shl(1) ^ (value >> 63)).cast_unsigned()
}

const fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ (value & 1).cast_signed().wrapping_neg()
}

pub(super) struct Writer {
    bytes: Vec<u8>,
    values: usize,
}

impl Writer {
    pub(super) fn new(version: u8) -> Self {
        Self { bytes: vec![version], values: 0 }
    }

    pub(super) fn finish(self) -> Result<Vec<u8>, HorizonCodecError> {
        if self.bytes.len() > HORIZON_ANSWER_SIZE_MAX {
            return Err(HorizonCodecError::TooLarge);
        }
        Ok(self.bytes)
    }

    pub(super) fn solution(&mut self, solution: &HorizonSolution) -> Result<(), HorizonCodecError> {
        let HorizonSolution { generators, charge, discharge, import, export, shed, shift } =
            solution;
        for lists in [generators, charge, discharge, shed, shift] {
            self.lists(lists, |power| power.0)?;
        }
        self.series(import, |power| power.0)?;
        self.series(export, |power| power.0)
    }

    pub(super) fn certificate(
        &mut self,
        certificate: &HorizonCertificate,
    ) -> Result<(), HorizonCodecError> {
        let HorizonCertificate { price, reserve, carbon, peak, ramp, energy, shift, loss, hold } =
            certificate;
        for list in [price, reserve, peak, shift] {
            self.series(list, |value| *value)?;
        }
        for CarbonMultipliers { horizon, interval, excess } in carbon {
            self.series(interval, |value| *value)?;
            self.integer(zigzag(*horizon));
            self.integer(zigzag(*excess));
        }
        [ramp, energy, loss, hold]
            .into_iter()
            .try_for_each(|lists| self.lists(lists, |value| *value))
    }

    /// Seven bits a byte, the least first, the top bit set on all but the last.
    fn integer(&mut self, mut value: u64) {
        loop {
            let low = value.to_le_bytes()[0] & 0x7f;
            value >>= 7;
            if value == 0 {
                self.bytes.push(low);
                return;
            }
            self.bytes.push(low | 0x80);
        }
    }

    pub(super) fn length(&mut self, length: usize) -> Result<(), HorizonCodecError> {
        if length > LENGTH_MAX {
            return Err(HorizonCodecError::TooLarge);
        }
        self.integer(length as u64);
        Ok(())
    }

    pub(super) fn lists<T>(
        &mut self,
        lists: &[Vec<T>],
        value: impl Fn(&T) -> i64 + Copy,
    ) -> Result<(), HorizonCodecError> {
        self.length(lists.len())?;
        lists.iter().try_for_each(|list| self.series(list, value))
    }

    pub(super) fn series<T>(
        &mut self,
        list: &[T],
        value: impl Fn(&T) -> i64,
    ) -> Result<(), HorizonCodecError> {
        self.length(list.len())?;
        self.values += list.len();
        if self.values > HORIZON_ANSWER_VALUES_MAX {
            return Err(HorizonCodecError::TooLarge);
        }
        let (mut before, mut zeros) = (0i64, 0u64);
        for item in list {
            let value = value(item);
            let change = value.wrapping_sub(before);
            before = value;
            if change == 0 {
                zeros += 1;
            } else {
                self.run(zeros);
                zeros = 0;
                self.integer(zigzag(change));
            }
        }
        self.run(zeros);
        Ok(())
    }

    fn run(&mut self, zeros: u64) {
        if let Some(more) = zeros.checked_sub(1) {
            self.bytes.push(0);
            self.integer(more);
        }
    }
}

pub(super) struct Reader<'a> {
    rest: &'a [u8],
    values: usize,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(rest: &'a [u8]) -> Self {
        Self { rest, values: 0 }
    }

    /// The value read, if nothing follows it.
    pub(super) fn finish<T>(&self, value: T) -> Result<T, HorizonCodecError> {
        if self.rest.is_empty() { Ok(value) } else { Err(HorizonCodecError::Trailing) }
    }

    fn integer(&mut self) -> Result<u64, HorizonCodecError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.rest.split_first().ok_or(HorizonCodecError::Truncated)?;
            self.rest = rest;
            let low = u64::from(byte & 0x7f);
            // Of the tenth byte one bit is left.
            if shift == 63 && *byte > 1 {
                return Err(HorizonCodecError::NotCanonical);
            }
            value |= low << shift;
            if byte & 0x80 == 0 {
                let is_shortest = shift == 0 || low != 0;
                return if is_shortest { Ok(value) } else { Err(HorizonCodecError::NotCanonical) };
            }
        }
        Err(HorizonCodecError::NotCanonical)
    }

    pub(super) fn length(&mut self) -> Result<usize, HorizonCodecError> {
        let length = usize::try_from(self.integer()?).unwrap_or(usize::MAX);
        if length > LENGTH_MAX { Err(HorizonCodecError::TooLarge) } else { Ok(length) }
    }

    pub(super) fn lists<T>(
        &mut self,
        item: impl Fn(i64) -> T + Copy,
    ) -> Result<Vec<Vec<T>>, HorizonCodecError> {
        let length = self.length()?;
        (0..length).map(|_| self.series(item)).collect()
    }

    pub(super) fn series<T>(
        &mut self,
        item: impl Fn(i64) -> T,
    ) -> Result<Vec<T>, HorizonCodecError> {
        let length = self.length()?;
        self.values += length;
        if self.values > HORIZON_ANSWER_VALUES_MAX {
            return Err(HorizonCodecError::TooLarge);
        }
        let mut list = Vec::with_capacity(length);
        let (mut value, mut after_zeros) = (0i64, false);
        while list.len() < length {
            let change = self.integer()?;
            if change != 0 {
                value = value.wrapping_add(unzigzag(change));
                list.push(item(value));
                after_zeros = false;
                continue;
            }
            let more = usize::try_from(self.integer()?).unwrap_or(usize::MAX);
            if after_zeros || more >= length - list.len() {
                return Err(HorizonCodecError::NotCanonical);
            }
            list.extend((0..=more).map(|_| item(value)));
            after_zeros = true;
        }
        Ok(list)
    }

    pub(super) fn solution(&mut self) -> Result<HorizonSolution, HorizonCodecError> {
        let (generators, charge, discharge) =
            (self.lists(Watts)?, self.lists(Watts)?, self.lists(Watts)?);
        let (shed, shift) = (self.lists(Watts)?, self.lists(Watts)?);
        let (import, export) = (self.series(Watts)?, self.series(Watts)?);
        Ok(HorizonSolution { generators, charge, discharge, import, export, shed, shift })
    }

    pub(super) fn certificate(&mut self) -> Result<HorizonCertificate, HorizonCodecError> {
        let same = |value: i64| value;
        let (price, reserve) = (self.series(same)?, self.series(same)?);
        let (peak, shift) = (self.series(same)?, self.series(same)?);
        let carbon = [self.caps()?, self.caps()?];
        let (ramp, energy) = (self.lists(same)?, self.lists(same)?);
        let (loss, hold) = (self.lists(same)?, self.lists(same)?);
        Ok(HorizonCertificate { price, reserve, carbon, peak, ramp, energy, shift, loss, hold })
    }

    fn caps(&mut self) -> Result<CarbonMultipliers, HorizonCodecError> {
        let interval = self.series(|value| value)?;
        let (horizon, excess) = (unzigzag(self.integer()?), unzigzag(self.integer()?));
        Ok(CarbonMultipliers { horizon, interval, excess })
    }
}
