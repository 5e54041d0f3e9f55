//! Canonical bytes of a commitment's answer, by the rules of a horizon's.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "counts stay within the limits checked when read"
)]

use super::{
    super::codec::{HORIZON_ANSWER_SIZE_MAX, HorizonCodecError, Reader, Writer},
    BRANCHES_MAX, Branch, CommitmentAnswer, CommitmentCertificate, CommitmentMultipliers,
    CommitmentSolution, Held,
};
use gridaccord_model::Watts;

/// First byte of every encoding: no version of a horizon's answer.
const VERSION: u8 = 0x81;

impl CommitmentAnswer {
    /// Canonical bytes, at most [`HORIZON_ANSWER_SIZE_MAX`] of them.
    ///
    /// # Errors
    /// [`HorizonCodecError::TooLarge`] for an answer beyond the limits.
    pub fn to_bytes(&self) -> Result<Vec<u8>, HorizonCodecError> {
        let CommitmentSolution { base, on, plants, charge, discharge, spill, begin } =
            &self.solution;
        let mut writer = Writer::new(VERSION);
        writer.solution(base)?;
        writer.lists(on, |is_on| i64::from(*is_on))?;
        for lists in [plants, charge, discharge] {
            writer.lists(lists, |power| power.0)?;
        }
        writer.lists(spill, |energy| *energy)?;
        writer.series(begin, |energy| *energy)?;
        let CommitmentCertificate { given, branches } = &self.certificate;
        multipliers(&mut writer, given)?;
        writer.length(branches.len())?;
        for Branch { held, multipliers: own } in branches {
            writer.series(held, |held| index(held.plant))?;
            writer.series(held, |held| index(held.interval))?;
            writer.series(held, |held| i64::from(held.is_on))?;
            multipliers(&mut writer, own)?;
        }
        writer.finish()
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// The first reason why the bytes are not what [`CommitmentAnswer::to_bytes`] writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, HorizonCodecError> {
        if bytes.len() > HORIZON_ANSWER_SIZE_MAX {
            return Err(HorizonCodecError::TooLarge);
        }
        let Some((&VERSION, rest)) = bytes.split_first() else {
            return Err(HorizonCodecError::Version);
        };
        let mut reader = Reader::new(rest);
        let same = |value: i64| value;
        let base = reader.solution()?;
        let on = reader.lists(same)?.iter().map(|list| flags(list)).collect::<Result<_, _>>()?;
        let (plants, charge, discharge) =
            (reader.lists(Watts)?, reader.lists(Watts)?, reader.lists(Watts)?);
        let (spill, begin) = (reader.lists(same)?, reader.series(same)?);
        let solution = CommitmentSolution { base, on, plants, charge, discharge, spill, begin };
        let given = read_multipliers(&mut reader)?;
        let count = reader.length()?;
        if count > BRANCHES_MAX {
            return Err(HorizonCodecError::TooLarge);
        }
        let branches = (0..count).map(|_| branch(&mut reader)).collect::<Result<_, _>>()?;
        let certificate = CommitmentCertificate { given, branches };
        reader.finish(Self { solution, certificate })
    }
}

fn index(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn flags(list: &[i64]) -> Result<Vec<bool>, HorizonCodecError> {
    let flag = |value: &i64| match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(HorizonCodecError::NotCanonical),
    };
    list.iter().map(flag).collect()
}

fn multipliers(writer: &mut Writer, own: &CommitmentMultipliers) -> Result<(), HorizonCodecError> {
    writer.certificate(&own.base)?;
    writer.lists(&own.ramp, |value| *value)?;
    writer.lists(&own.energy, |value| *value)
}

fn read_multipliers(reader: &mut Reader<'_>) -> Result<CommitmentMultipliers, HorizonCodecError> {
    let same = |value: i64| value;
    let base = reader.certificate()?;
    let (ramp, energy) = (reader.lists(same)?, reader.lists(same)?);
    Ok(CommitmentMultipliers { base, ramp, energy })
}

fn branch(reader: &mut Reader<'_>) -> Result<Branch, HorizonCodecError> {
    let same = |value: i64| value;
    let (plants, intervals) = (reader.series(same)?, reader.series(same)?);
    let states = flags(&reader.series(same)?)?;
    if plants.len() != intervals.len() || plants.len() != states.len() {
        return Err(HorizonCodecError::NotCanonical);
    }
    let number = |value: i64| usize::try_from(value).map_err(|_| HorizonCodecError::NotCanonical);
    let held = plants.into_iter().zip(intervals).zip(states).map(|((plant, interval), is_on)| {
        Ok(Held { plant: number(plant)?, interval: number(interval)?, is_on })
    });
    Ok(Branch {
        held: held.collect::<Result<_, HorizonCodecError>>()?,
        multipliers: read_multipliers(reader)?,
    })
}
