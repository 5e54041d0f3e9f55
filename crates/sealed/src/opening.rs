//! Opening a sum and nothing else: shares of t holders, one equation for everybody.
//!
//! A sum's ciphertext is (ΣK, ΣM) with M = xB + kY. Holder j gives S_j = s_j·ΣK with a proof; with Lagrange
//! weights Σ λ_j S_j = (Σk)Y, and ΣM − (Σk)Y = (Σx)B. [`OpenSum`] carries Z = Σx, so that replicas check one
//! equation and only the assembler searches for the number.

use crate::{
    dleq::{EqualityJob, EqualityProof, equalities_hold},
    gate::SumIndex,
    group::{Commitment, Point, mul_base, scalar},
    keygen::{EpochKey, HOLDERS_MAX, KeyShare, argument},
    logarithm::LogTable,
    refusal::Refusal,
    transcript::{GateFacts, Place, TranscriptExt as _},
};
use commonware_codec::Encode as _;
use commonware_cryptography::sha256::Digest;
use curve25519_dalek::{RistrettoPoint, Scalar, traits::VartimeMultiscalarMul as _};
use gridaccord_model::{GateId, MemberId, codec::Bounded, codec_struct};
use rand_core::CryptoRng;
use tari_merlin::Transcript;

/// The ciphertext of one sum over one set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedSum {
    gate: GateFacts,
    index: SumIndex,
    set: Digest,
    k: Point,
    m: Commitment,
}

impl SealedSum {
    pub(crate) const fn new(
        gate: GateFacts,
        index: SumIndex,
        set: Digest,
        k: Point,
        m: Commitment,
    ) -> Self {
        Self { gate, index, set, k, m }
    }

    /// Of which gate.
    #[must_use]
    pub const fn gate(&self) -> &GateFacts {
        &self.gate
    }

    /// Which sum.
    #[must_use]
    pub const fn index(&self) -> SumIndex {
        self.index
    }

    /// Over which set.
    #[must_use]
    pub const fn set(&self) -> Digest {
        self.set
    }

    fn transcript(&self, holder: u16) -> Transcript {
        // Shares belong to holders, not members: the holder's number stands where a participant's would.
        let place = Place { gate: self.gate, certificate: self.set, participant: MemberId(holder) };
        let mut transcript = place.transcript(b"share");
        transcript.append_message(b"index", &self.index.encode());
        transcript.commitment(b"sum", &self.m);
        transcript
    }
}

/// One holder's part in opening one sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Position of the holder.
    pub holder: u16,
    /// S_j.
    pub point: Commitment,
    /// Proof that S_j = s_j·ΣK.
    pub proof: EqualityProof,
}

codec_struct!(Share { holder, point, proof });

impl Share {
    /// A share of a sum. Only [`crate::holder::Holder`] calls this, after its rules and its log.
    pub(crate) fn give(
        sum: &SealedSum,
        key: &KeyShare,
        public: &Point,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let point = Commitment::new(sum.k.point() * key.secret.0);
        let mut transcript = sum.transcript(key.holder);
        let proof = EqualityProof::prove(&mut transcript, &key.secret, public, &sum.k, &point, rng);
        Self { holder: key.holder, point, proof }
    }

    fn job(&self, sum: &SealedSum, key: &EpochKey) -> Option<EqualityJob> {
        Some(EqualityJob {
            transcript: sum.transcript(self.holder),
            public: key.holder(self.holder)?,
            second_base: sum.k,
            result: self.point,
            proof: self.proof,
        })
    }

    /// Whether the share is what its holder owes for this sum; a signed share for which it is not is a fault.
    #[must_use]
    pub fn holds(&self, sum: &SealedSum, key: &EpochKey) -> bool {
        self.job(sum, key).is_some_and(|job| job.holds())
    }
}

/// An opened sum with its evidence, as posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenSum {
    /// Of which gate.
    pub gate: GateId,
    /// Which sum.
    pub index: SumIndex,
    /// Z.
    pub value: i64,
    /// Exactly t shares, holders rising.
    pub shares: Bounded<Share, HOLDERS_MAX>,
}

codec_struct!(OpenSum { gate, index, value, shares });

/// A sum whose opening was verified: only [`OpenSum::verify`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    gate: GateId,
    index: SumIndex,
    set: Digest,
    value: i64,
}

impl Opened {
    /// Of which gate.
    #[must_use]
    pub const fn gate(&self) -> GateId {
        self.gate
    }

    /// Which sum.
    #[must_use]
    pub const fn index(&self) -> SumIndex {
        self.index
    }

    /// Over which set.
    #[must_use]
    pub const fn set(&self) -> Digest {
        self.set
    }

    /// Z.
    #[must_use]
    pub const fn value(&self) -> i128 {
        self.value as i128
    }
}

impl OpenSum {
    /// Verifies an opening against the sum everybody derives.
    ///
    /// # Errors
    /// In order: another sum, not exactly t shares, holders unknown or not rising, a share's proof, the number.
    pub fn verify(&self, sum: &SealedSum, key: &EpochKey) -> Result<Opened, Refusal> {
        if self.gate != sum.gate.gate || self.index != sum.index || key.key() != sum.gate.key {
            return Err(Refusal::WrongPlace);
        }
        if self.shares.len() != key.threshold() {
            return Err(Refusal::SharesTooFew);
        }
        if self.shares.windows(2).any(|pair| pair[0].holder >= pair[1].holder) {
            return Err(Refusal::ShareHolder);
        }
        let jobs = self.shares.iter().map(|share| share.job(sum, key)).collect::<Option<Vec<_>>>();
        if !equalities_hold(&jobs.ok_or(Refusal::ShareHolder)?) {
            return Err(Refusal::ShareFalse);
        }
        if decrypt(sum, &self.shares) != mul_base(&scalar(i128::from(self.value))) {
            return Err(Refusal::OpeningFalse);
        }
        Ok(Opened { gate: self.gate, index: self.index, set: sum.set, value: self.value })
    }
}

/// ΣM − Σ λ_j S_j = (Σx)B.
fn decrypt(sum: &SealedSum, shares: &[Share]) -> RistrettoPoint {
    let holders: Vec<u16> = shares.iter().map(|share| share.holder).collect();
    let weights = lagrange_at_zero(&holders);
    sum.m.point()
        - RistrettoPoint::vartime_multiscalar_mul(
            weights,
            shares.iter().map(|share| share.point.point()),
        )
}

/// λ_j = Π x_i / Π (x_i − x_j) over the other holders i; holders are distinct.
fn lagrange_at_zero(holders: &[u16]) -> Vec<Scalar> {
    let others = |j: u16| holders.iter().filter(move |i| **i != j);
    holders
        .iter()
        .map(|j| {
            let top: Scalar = others(*j).map(|i| argument(*i)).product();
            let bottom: Scalar = others(*j).map(|i| argument(*i) - argument(*j)).product();
            top * bottom.invert()
        })
        .collect()
}

/// Gathers shares into an opening. `bound` is the largest |Z| to look for.
///
/// # Errors
/// With the holders whose shares are false where there are any; too few shares; a number beyond the bound.
pub fn assemble(
    sum: &SealedSum,
    key: &EpochKey,
    shares: &[Share],
    table: &LogTable,
    bound: u64,
) -> Result<OpenSum, AssembleError> {
    let mut good: Vec<Share> = Vec::new();
    let mut false_shares = Vec::new();
    let mut sorted = shares.to_vec();
    sorted.sort_by_key(|share| share.holder);
    for share in sorted {
        if good.last().is_some_and(|last| last.holder == share.holder) {
            continue;
        }
        if share.holds(sum, key) {
            good.push(share);
        } else {
            false_shares.push(share.holder);
        }
    }
    if good.len() < key.threshold() {
        return Err(AssembleError { refusal: Refusal::SharesTooFew, false_shares });
    }
    good.truncate(key.threshold());
    let found =
        table.solve(&decrypt(sum, &good), bound).and_then(|value| i64::try_from(value).ok());
    let value = found
        .ok_or(AssembleError { refusal: Refusal::OpeningNotFound, false_shares: Vec::new() })?;
    let shares = Bounded::new(good)
        .map_err(|_| AssembleError { refusal: Refusal::ShareHolder, false_shares: Vec::new() })?;
    Ok(OpenSum { gate: sum.gate.gate, index: sum.index, value, shares })
}

/// Why no opening could be assembled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{refusal}; false shares of holders {false_shares:?}")]
pub struct AssembleError {
    /// The rule.
    pub refusal: Refusal,
    /// Holders whose shares do not hold.
    pub false_shares: Vec<u16>,
}
