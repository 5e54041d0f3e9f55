//! Who supplied whom, with every total hidden: a consumer splits its energy over sources, and for each source
//! the parts' sum less the source's own figure is opened, which is zero when they agree.
//!
//! The white paper's month is this: tenants' parts add up to 31, 30, 15.1 and 14.9 kWh; each supplier knows its
//! own figure, sees a zero, and learns neither the others' nor the total.

use crate::{
    cycle::{CycleTotal, sum_ciphers},
    gate::{OWNERS_MIN, SumIndex},
    group::{Commitment, Opening},
    range::Width,
    refusal::Refusal,
    statement::{Cipher, Form, Proof, Provable, ProveError, Statement, Verified, Witness},
    submission::{SealError, WireVersion},
    transcript::{GateFacts, Place},
};
use commonware_codec::{Encode as _, FixedSize, Read, Write};
use commonware_cryptography::{Hasher as _, Sha256, sha256::Digest};
use curve25519_dalek::Scalar;
use gridaccord_model::{GateId, MemberId, OwnerId, codec::Bounded, codec_struct};
use rand_core::CryptoRng;
use std::collections::{BTreeMap, BTreeSet};

/// Most sources in one split.
pub const SOURCES_MAX: usize = 16;

/// One source's part of a consumer's energy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Com(part), J.
    pub commitment: Commitment,
    /// Its ciphertext.
    pub cipher: Cipher,
}

impl Write for Part {
    fn write(&self, buf: &mut impl bytes::BufMut) {
        self.commitment.write(buf);
        self.cipher.write(buf);
    }
}

impl FixedSize for Part {
    const SIZE: usize = Commitment::SIZE + Cipher::SIZE;
}

impl Read for Part {
    type Cfg = ();
    fn read_cfg(
        buf: &mut impl commonware_codec::Buf,
        (): &(),
    ) -> Result<Self, commonware_codec::Error> {
        Ok(Self {
            commitment: Commitment::read_cfg(buf, &())?,
            cipher: Cipher::read_cfg(buf, &())?,
        })
    }
}

/// A consumer's energy of a cycle, split over the sources in their public order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// Wire format.
    pub version: WireVersion,
    /// The cycle.
    pub cycle: GateId,
    /// Whose.
    pub participant: MemberId,
    /// One part a source.
    pub parts: Bounded<Part, SOURCES_MAX>,
    /// Parts are not negative and encrypted as committed.
    pub proof: Proof,
}

codec_struct!(Split { version, cycle, participant, parts, proof });

/// What everybody knows of a consumer before it splits.
#[derive(Clone, Copy, Debug)]
pub struct SplitFacts {
    /// The cycle.
    pub cycle: GateFacts,
    /// Whose.
    pub participant: MemberId,
    /// Com of the energy it used, J.
    pub used: Commitment,
    /// Number of sources.
    pub sources: usize,
}

impl SplitFacts {
    fn statement(&self, parts: &[Part]) -> Statement {
        let place =
            Place { gate: self.cycle, certificate: Digest([0; 32]), participant: self.participant };
        let mut points = vec![self.used];
        points.extend(parts.iter().map(|part| part.commitment));
        let positions = || (1u16..).take(parts.len());
        Statement {
            domain: b"split",
            place,
            publics: vec![i128::try_from(self.sources).unwrap_or(i128::MAX)],
            points,
            ciphers: positions().zip(parts.iter().map(|part| part.cipher)).collect(),
            forms: positions()
                .map(|position| Form::new(Width::Bits64, &[(position, 1)], 0))
                .collect(),
        }
    }
}

impl Provable for Split {
    type Facts = SplitFacts;

    fn statement(&self, facts: &SplitFacts) -> Result<Statement, Refusal> {
        if self.cycle != facts.cycle.gate || self.participant != facts.participant {
            return Err(Refusal::WrongPlace);
        }
        if self.parts.is_empty() || self.parts.len() != facts.sources {
            return Err(Refusal::SplitTotal);
        }
        let sum: curve25519_dalek::RistrettoPoint =
            self.parts.iter().map(|part| part.commitment.point()).sum();
        if sum != facts.used.point() {
            return Err(Refusal::SplitTotal);
        }
        Ok(facts.statement(&self.parts))
    }

    fn proof(&self) -> &Proof {
        &self.proof
    }
}

/// Splits used energy; the last part's blinding is chosen so that the parts' commitments add up to the whole.
///
/// # Errors
/// Parts do not add up, one is negative, or their number is not the sources'.
pub fn split_energy(
    facts: &SplitFacts,
    used: &Opening,
    parts: &[i128],
    rng: &mut impl CryptoRng,
) -> Result<(Split, Vec<Opening>), SealError> {
    let sum = parts.iter().try_fold(0i128, |sum, part| sum.checked_add(*part));
    if parts.is_empty() || parts.len() != facts.sources || sum != Some(used.value) {
        return Err(Refusal::SplitTotal.into());
    }
    let mut openings: Vec<Opening> = parts.iter().map(|part| Opening::hide(*part, rng)).collect();
    if let Some((last, others)) = openings.split_last_mut() {
        let taken: Scalar = others.iter().map(|opening| opening.blinding).sum();
        last.blinding = used.blinding - taken;
    }
    let sealed: Vec<_> =
        openings.iter().map(|opening| Cipher::seal(opening, &facts.cycle.key, rng)).collect();
    let posted: Vec<Part> = openings
        .iter()
        .zip(&sealed)
        .map(|(opening, (cipher, _))| Part { commitment: opening.commit(), cipher: *cipher })
        .collect();
    let mut known = vec![used];
    known.extend(&openings);
    let nonces = sealed.iter().map(|(_, nonce)| nonce).collect();
    let proof = facts.statement(&posted).prove(&Witness { openings: known, nonces }, rng)?;
    let split = Split {
        version: WireVersion,
        cycle: facts.cycle.gate,
        participant: facts.participant,
        parts: Bounded::new(posted).map_err(|_| Refusal::SplitTotal)?,
        proof,
    };
    Ok((split, openings))
}

/// A supplier's figure for a cycle: a commitment and its ciphertext.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Supply {
    /// Wire format.
    pub version: WireVersion,
    /// The cycle.
    pub cycle: GateId,
    /// Whose.
    pub participant: MemberId,
    /// Its ciphertext.
    pub cipher: Cipher,
    /// The ciphertext repeats the metered commitment.
    pub proof: Proof,
}

codec_struct!(Supply { version, cycle, participant, cipher, proof });

/// What everybody knows of a supplier's cycle.
#[derive(Clone, Copy, Debug)]
pub struct SupplyFacts {
    /// The cycle.
    pub cycle: GateFacts,
    /// Whose.
    pub participant: MemberId,
    /// Com of the energy it supplied, J, from its readings.
    pub supplied: Commitment,
}

impl SupplyFacts {
    fn statement(&self, cipher: Cipher) -> Statement {
        Statement {
            domain: b"supply",
            place: Place {
                gate: self.cycle,
                certificate: Digest([0; 32]),
                participant: self.participant,
            },
            publics: Vec::new(),
            points: vec![self.supplied],
            ciphers: vec![(0, cipher)],
            forms: vec![Form::new(Width::Bits64, &[(0, 1)], 0)],
        }
    }
}

impl Provable for Supply {
    type Facts = SupplyFacts;

    fn statement(&self, facts: &SupplyFacts) -> Result<Statement, Refusal> {
        if self.cycle != facts.cycle.gate || self.participant != facts.participant {
            return Err(Refusal::WrongPlace);
        }
        Ok(facts.statement(self.cipher))
    }

    fn proof(&self) -> &Proof {
        &self.proof
    }
}

/// Posts a supplier's figure.
///
/// # Errors
/// The opening is not the commitment's.
pub fn post_supply(
    facts: &SupplyFacts,
    supplied: &Opening,
    rng: &mut impl CryptoRng,
) -> Result<Supply, ProveError> {
    let (cipher, nonce) = Cipher::seal(supplied, &facts.cycle.key, rng);
    let proof = facts
        .statement(cipher)
        .prove(&Witness { openings: vec![supplied], nonces: vec![&nonce] }, rng)?;
    Ok(Supply {
        version: WireVersion,
        cycle: facts.cycle.gate,
        participant: facts.participant,
        cipher,
        proof,
    })
}

/// Σ parts attributed to one source, less the source's own figure: zero when they agree.
///
/// `source` is the source's position and the member that owns it, `members` who stands behind each consumer.
///
/// # Errors
/// Splits of fewer than three owners, one not verified in this cycle, one without that source, two of one
/// member, or another member's supply.
pub fn source_total(
    cycle: &GateFacts,
    (source, supplier): (u16, MemberId),
    members: &BTreeMap<MemberId, OwnerId>,
    splits: &[Verified<Split>],
    supply: &Verified<Supply>,
) -> Result<CycleTotal, Refusal> {
    if supply.place().gate != *cycle || supply.place().participant != supplier {
        return Err(Refusal::WrongPlace);
    }
    let mut posted = BTreeSet::new();
    let mut owners = BTreeSet::new();
    let mut hasher = Sha256::default();
    hasher.update(b"gridaccord/sealed/source set/v1");
    let mut ciphers = vec![(-1i8, supply.get().cipher)];
    for split in splits {
        let place = split.place();
        owners.insert(*members.get(&place.participant).ok_or(Refusal::WrongPlace)?);
        if place.gate != *cycle || !posted.insert(place.participant) {
            return Err(Refusal::WrongPlace);
        }
        let split = split.get();
        // All parts are hashed, so that the totals of all sources are over one set.
        hasher.update(&split.participant.encode());
        hasher.update(&split.parts.encode());
        let part = split.parts.get(usize::from(source)).ok_or(Refusal::SplitTotal)?;
        ciphers.push((1, part.cipher));
    }
    if owners.len() < OWNERS_MIN {
        return Err(Refusal::OwnersTooFew);
    }
    let set = hasher.finalize().1;
    sum_ciphers(cycle, SumIndex::Source(source), set, ciphers.into_iter())
}

const _: () = assert!(<Part as FixedSize>::SIZE == 96);
