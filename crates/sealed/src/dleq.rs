//! Proofs about secret scalars: knowledge of one (Schnorr) and the same one twice (Chaum–Pedersen).
//!
//! One proof serves both: log_{B}(Y) = log_{K}(S) when a second base is given. Announcements are sent, not
//! challenges, so that many proofs verify in one multiscalar multiplication.

use crate::{
    group::{Commitment, Point, SecretScalar, WireScalar, base, mul_base},
    transcript::{Nonces, TranscriptExt as _},
};
use curve25519_dalek::{
    RistrettoPoint, Scalar,
    traits::{IsIdentity as _, VartimeMultiscalarMul as _},
};
use gridaccord_model::codec_struct;
use rand_core::CryptoRng;
use tari_merlin::Transcript;

/// Proof of knowledge of s with Y = sB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnowledgeProof {
    announcement: Commitment,
    response: WireScalar,
}

codec_struct!(KnowledgeProof { announcement, response });

impl KnowledgeProof {
    /// Proves; everything it depends on must be in the transcript.
    pub fn prove(
        transcript: &mut Transcript,
        secret: &SecretScalar,
        public: &Point,
        rng: &mut impl CryptoRng,
    ) -> Self {
        transcript.point(b"Y", public);
        let nonce = Nonces::new(transcript, &[&secret.0], rng).next();
        let announcement = Commitment::new(nonce.public());
        transcript.commitment(b"announcement", &announcement);
        let challenge = transcript.challenge(b"challenge");
        Self { announcement, response: WireScalar(nonce.0 + challenge * secret.0) }
    }

    /// Whether it holds.
    #[must_use]
    pub fn verify(&self, transcript: &mut Transcript, public: &Point) -> bool {
        transcript.point(b"Y", public);
        transcript.commitment(b"announcement", &self.announcement);
        let challenge = transcript.challenge(b"challenge");
        mul_base(&self.response.0) == self.announcement.point() + public.point() * challenge
    }
}

/// Proof that log_B(Y) = log_K(S).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EqualityProof {
    announcements: [Commitment; 2],
    response: WireScalar,
}

codec_struct!(EqualityProof { announcements, response });

/// One equality to verify.
#[derive(Clone)]
pub struct EqualityJob {
    /// Transcript with the context in it.
    pub transcript: Transcript,
    /// Y.
    pub public: Point,
    /// K.
    pub second_base: Point,
    /// S.
    pub result: Commitment,
    /// The proof.
    pub proof: EqualityProof,
}

impl core::fmt::Debug for EqualityJob {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "EqualityJob(Y {}, S {})", self.public, self.result)
    }
}

impl EqualityProof {
    /// Proves S = sK for Y = sB; everything it depends on must be in the transcript.
    pub fn prove(
        transcript: &mut Transcript,
        secret: &SecretScalar,
        public: &Point,
        second_base: &Point,
        result: &Commitment,
        rng: &mut impl CryptoRng,
    ) -> Self {
        bind(transcript, public, second_base, result);
        let nonce = Nonces::new(transcript, &[&secret.0], rng).next();
        let announcements =
            [Commitment::new(nonce.public()), Commitment::new(second_base.point() * nonce.0)];
        let challenge = announce(transcript, &announcements);
        Self { announcements, response: WireScalar(nonce.0 + challenge * secret.0) }
    }
}

impl EqualityJob {
    /// Whether this one holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        equalities_hold(core::slice::from_ref(self))
    }
}

fn bind(transcript: &mut Transcript, public: &Point, second_base: &Point, result: &Commitment) {
    transcript.point(b"Y", public);
    transcript.point(b"K", second_base);
    transcript.commitment(b"S", result);
}

fn announce(transcript: &mut Transcript, announcements: &[Commitment; 2]) -> Scalar {
    for announcement in announcements {
        transcript.commitment(b"announcement", announcement);
    }
    transcript.challenge(b"challenge")
}

/// Whether every equality holds: one multiscalar multiplication with 128-bit weights drawn from all of them.
#[must_use]
pub fn equalities_hold(jobs: &[EqualityJob]) -> bool {
    let mut weights = Transcript::new(b"gridaccord/sealed/v1/equality weights");
    let challenges: Vec<Scalar> = jobs
        .iter()
        .map(|job| {
            let mut transcript = job.transcript.clone();
            bind(&mut transcript, &job.public, &job.second_base, &job.result);
            let challenge = announce(&mut transcript, &job.proof.announcements);
            transcript.scalar(b"response", &job.proof.response.0);
            let mut seal = [0; 32];
            transcript.challenge_bytes(b"seal", &mut seal);
            weights.append_message(b"seal", &seal);
            challenge
        })
        .collect();
    let mut on_base = Scalar::ZERO;
    let (mut scalars, mut points) = (Vec::new(), Vec::new());
    for (job, challenge) in jobs.iter().zip(challenges) {
        let (first, second) = (weights.weight(), weights.weight());
        let response = job.proof.response.0;
        on_base += first * response;
        scalars.extend([
            -first,
            -(first * challenge),
            second * response,
            -second,
            -(second * challenge),
        ]);
        points.extend([
            job.proof.announcements[0].point(),
            job.public.point(),
            job.second_base.point(),
            job.proof.announcements[1].point(),
            job.result.point(),
        ]);
    }
    scalars.push(on_base);
    points.push(base());
    RistrettoPoint::vartime_multiscalar_mul(scalars, points).is_identity()
}
