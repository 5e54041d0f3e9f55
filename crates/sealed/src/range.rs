//! Range proofs behind a port: [`RangeProofs`] is what the protocol needs, [`BulletproofsPlus`] what supplies it.
//!
//! Two families: 32 bits (power, and energy where it fits) and 64 bits (larger energy, money, deviation,
//! carbon). A proof covers a power of two of commitments; the caller's list is padded with Com(0; 0).
//! The library proves; `check` verifies, many at once, with weights drawn from the proofs themselves, so that
//! replicas agree without randomness.
//! Its prover is not constant time in the witness (it uses variable-time multiscalar multiplication): a
//! participant proves on its own machine.

use bytes::{BufMut, Bytes};
use commonware_codec::{Buf, EncodeSize, Error, Read, Write};
use commonware_cryptography::sha256::Digest;
use curve25519_dalek::{RistrettoPoint, Scalar, traits::Identity as _};
use gridaccord_model::codec::Blob;
use rand_core::CryptoRng;
use std::sync::OnceLock;
use tari_bulletproofs_plus::{
    PedersenGens, commitment_opening::CommitmentOpening,
    generators::pedersen_gens::ExtensionDegree, range_parameters::RangeParameters,
    range_proof::RangeProof as LibraryProof, range_statement::RangeStatement,
    range_witness::RangeWitness, ristretto::create_pedersen_gens_with_extension_degree,
};
use tari_merlin::Transcript;
use zeroize::Zeroize as _;

mod check;
pub(crate) use check::{Replayed, Sum, invert_all, replay};

use crate::{refusal::Refusal, transcript::TranscriptExt as _};

/// log2 of the most ranges in one proof.
pub const AGGREGATION_LOG_MAX: usize = 5;
/// Most ranges in one proof.
pub const AGGREGATION_MAX: usize = 1 << AGGREGATION_LOG_MAX;
/// Bytes of the largest range proof: one tag, six scalars and points, two points for each of eleven rounds.
pub const RANGE_PROOF_SIZE_MAX: usize = 1 + 32 * (6 + 2 * 11);
/// Statements checked in one multiscalar multiplication: beyond this a larger sum gains little and costs memory.
pub(crate) const CHUNK: usize = 256;

/// SHA-256 over both families' generators and both bases: pinned, and recomputed by a test.
const GENERATORS_HASH: [u8; 32] = [
    0x5a, 0xec, 0xf3, 0x60, 0xd3, 0xdb, 0x7f, 0x58, 0x23, 0x8f, 0x31, 0x8d, 0xa4, 0xb0, 0x6b, 0xb3,
    0x04, 0xee, 0xe8, 0x26, 0x31, 0x6e, 0x9c, 0xda, 0x77, 0x99, 0x7d, 0xa2, 0xb3, 0xc1, 0xe3, 0x2a,
];

/// Hash of all generators, bound into every transcript.
#[must_use]
pub const fn generators_hash() -> Digest {
    Digest(GENERATORS_HASH)
}

/// Width of a range: the number lies in [0, 2^width).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Width {
    /// [0, 2³²).
    Bits32,
    /// [0, 2⁶⁴).
    Bits64,
}

impl Width {
    /// Bits.
    #[must_use]
    pub const fn bits(self) -> usize {
        match self {
            Self::Bits32 => 32,
            Self::Bits64 => 64,
        }
    }

    /// Largest number in the range.
    #[must_use]
    pub const fn max(self) -> i128 {
        match self {
            Self::Bits32 => (1 << 32) - 1,
            Self::Bits64 => (1 << 64) - 1,
        }
    }
}

/// Bytes of one aggregated range proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeProof(Blob<RANGE_PROOF_SIZE_MAX>);

impl RangeProof {
    /// Wraps bytes; `None` where they are too many.
    #[must_use]
    pub fn from_bytes(bytes: Bytes) -> Option<Self> {
        Blob::new(bytes).ok().map(Self)
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Write for RangeProof {
    fn write(&self, buf: &mut impl BufMut) {
        self.0.write(buf);
    }
}

impl EncodeSize for RangeProof {
    fn encode_size(&self) -> usize {
        self.0.encode_size()
    }
}

impl Read for RangeProof {
    type Cfg = ();
    fn read_cfg(buf: &mut impl Buf, (): &()) -> Result<Self, Error> {
        Blob::read_cfg(buf, &()).map(Self)
    }
}

/// One proof to verify: the transcript as it stood when the prover began, the commitments, the proof.
#[derive(Clone)]
pub struct RangeJob {
    /// Width of every range in it.
    pub width: Width,
    /// State before the proof.
    pub transcript: Transcript,
    /// What is in range, unpadded.
    pub commitments: Vec<RistrettoPoint>,
    /// The proof.
    pub proof: RangeProof,
}

impl core::fmt::Debug for RangeJob {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "RangeJob({:?}, {} numbers)", self.width, self.commitments.len())
    }
}

/// Why a range proof could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// No ranges, or more than [`AGGREGATION_MAX`].
    #[error("a range proof covers 1 to {AGGREGATION_MAX} numbers, not {0}")]
    Count(usize),
    /// The library refused the witness.
    #[error("the openings do not fit the commitments")]
    Witness,
}

/// What the protocol needs of range proofs.
pub trait RangeProofs {
    /// Proves each number in [0, 2^width) under its commitment.
    ///
    /// # Errors
    /// The list's length is out of bounds, or an opening does not fit its commitment or range.
    fn prove(
        width: Width,
        transcript: &mut Transcript,
        commitments: &[RistrettoPoint],
        openings: &[(u64, Scalar)],
        rng: &mut impl CryptoRng,
    ) -> Result<RangeProof, RangeError>;

    /// Whether every one of the proofs holds.
    fn verify(jobs: &[RangeJob]) -> bool;
}

/// Bulletproofs+ over ristretto255.
#[derive(Clone, Copy, Debug)]
pub struct BulletproofsPlus;

type Parameters = RangeParameters<RistrettoPoint>;

/// The commitment bases the library and this crate share.
pub(crate) fn pedersen() -> PedersenGens<RistrettoPoint> {
    create_pedersen_gens_with_extension_degree(ExtensionDegree::DefaultPedersen)
}

/// Parameters for 2^log numbers; each made at its first use.
///
/// One set per aggregation: a statement owns a copy of its parameters, so that small proofs must not carry
/// the generators of large ones.
fn parameters(width: Width, log: usize) -> &'static Parameters {
    static MADE: [[OnceLock<Parameters>; AGGREGATION_LOG_MAX + 1]; 2] =
        [const { [const { OnceLock::new() }; AGGREGATION_LOG_MAX + 1] }; 2];
    let family = match width {
        Width::Bits32 => &MADE[0],
        Width::Bits64 => &MADE[1],
    };
    let cell = family.get(log).expect("callers bound the aggregation");
    cell.get_or_init(|| {
        RangeParameters::init(width.bits(), 1 << log, pedersen())
            .expect("width and aggregation are powers of two")
    })
}

/// log2 of the padded length; `None` where a proof cannot cover it.
fn log_of(count: usize) -> Option<usize> {
    if count == 0 || count > AGGREGATION_MAX {
        return None;
    }
    usize::try_from(count.next_power_of_two().trailing_zeros()).ok()
}

fn statement(
    width: Width,
    log: usize,
    commitments: &[RistrettoPoint],
) -> Option<RangeStatement<RistrettoPoint>> {
    let mut padded = commitments.to_vec();
    padded.resize(1 << log, RistrettoPoint::identity());
    let promises = vec![None; padded.len()];
    RangeStatement::init(parameters(width, log).clone(), padded, promises, None).ok()
}

impl RangeProofs for BulletproofsPlus {
    fn prove(
        width: Width,
        transcript: &mut Transcript,
        commitments: &[RistrettoPoint],
        openings: &[(u64, Scalar)],
        rng: &mut impl CryptoRng,
    ) -> Result<RangeProof, RangeError> {
        let log = log_of(commitments.len()).ok_or(RangeError::Count(commitments.len()))?;
        let mut witness: Vec<CommitmentOpening> = openings
            .iter()
            .map(|(value, blinding)| CommitmentOpening::new(*value, vec![*blinding]))
            .collect();
        witness.resize_with(1 << log, || CommitmentOpening::new(0, vec![Scalar::ZERO]));
        let mut witness = RangeWitness::init(witness).map_err(|_| RangeError::Witness)?;
        let statement = statement(width, log, commitments).ok_or(RangeError::Witness)?;
        let proof = LibraryProof::prove_with_rng(transcript, &statement, &witness, rng);
        witness.zeroize();
        let bytes = proof.map_err(|_| RangeError::Witness)?.to_bytes();
        RangeProof::from_bytes(bytes.into()).ok_or(RangeError::Witness)
    }

    fn verify(jobs: &[RangeJob]) -> bool {
        jobs.chunks(CHUNK).all(|chunk| verify_chunk(chunk).is_ok_and(|holds| holds))
    }
}

/// Whether every proof of the chunk holds, as one sum with weights drawn from all of them.
fn verify_chunk(jobs: &[RangeJob]) -> Result<bool, Refusal> {
    let mut weights = Transcript::new(b"gridaccord/sealed/v1/range weights");
    let mut replayed = Vec::with_capacity(jobs.len());
    for job in jobs {
        let mut transcript = job.transcript.clone();
        replayed.push(replay(job.width, &mut transcript, &job.commitments, &job.proof)?);
        transcript.append_message(b"range proof", job.proof.as_bytes());
        let mut seal = [0; 32];
        transcript.challenge_bytes(b"seal", &mut seal);
        weights.append_message(b"seal", &seal);
    }
    invert_all(replayed.iter_mut());
    let mut sum = Sum::new();
    for (job, proof) in jobs.iter().zip(&replayed) {
        let factors = proof.add(&weights.weight(), &mut sum);
        for (factor, commitment) in factors.into_iter().zip(&job.commitments) {
            sum.add(factor, *commitment);
        }
    }
    Ok(sum.vanishes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use commonware_cryptography::{Hasher as _, Sha256};

    #[test]
    fn the_pinned_hash_is_the_hash_of_the_generators() {
        let mut hasher = Sha256::default();
        hasher.update(crate::group::base().compress().as_bytes());
        hasher.update(crate::group::bases().blinding.compress().as_bytes());
        for width in [Width::Bits32, Width::Bits64] {
            let parameters = parameters(width, AGGREGATION_LOG_MAX);
            for point in parameters.gi_base_iter().chain(parameters.hi_base_iter()) {
                hasher.update(point.compress().as_bytes());
            }
        }
        assert_eq!(hasher.finalize().1, generators_hash());
    }
}
