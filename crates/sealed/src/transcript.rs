//! What a proof is about, bound before anything random enters it.
//!
//! A [`Place`] names the one spot in one market a proof is valid for. [`Place::transcript`] writes it first,
//! then the statement follows, and only then announcements: leaving any of it out would let a proof be moved
//! or its statement be chosen after its challenge.

use crate::group::{Commitment, Point};
use commonware_codec::Encode as _;
use commonware_cryptography::sha256::Digest;
use curve25519_dalek::Scalar;
use gridaccord_model::{GateId, Interval, MemberId, codec_struct};
use rand_core::{CryptoRng, Rng as _};
use tari_merlin::{Transcript, TranscriptRng};
use zeroize::Zeroize as _;

/// Name and version of the protocol; a changed byte anywhere is a new version.
pub const PROTOCOL: &[u8] = b"gridaccord/sealed/v1";

/// The public facts of one gate that every proof in it is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GateFacts {
    /// Hash of the genesis document.
    pub chain: Digest,
    /// The gate; for cycle statements, the cycle's number.
    pub gate: GateId,
    /// The market interval; for cycle statements, the whole cycle.
    pub interval: Interval,
    /// Which key generation the key comes from.
    pub epoch: u64,
    /// Y, the key sums are opened under.
    pub key: Point,
    /// Hash of the public price grid and tariff.
    pub grid: Digest,
}

codec_struct!(GateFacts { chain, gate, interval, epoch, key, grid });

/// Where a proof belongs: gate, limit certificate and participant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The gate.
    pub gate: GateFacts,
    /// Hash of the participant's limit certificate; zeros where none is involved.
    pub certificate: Digest,
    /// Who proves.
    pub participant: MemberId,
}

codec_struct!(Place { gate, certificate, participant });

impl Place {
    /// A transcript with everything but the statement in it.
    #[must_use]
    pub fn transcript(&self, domain: &'static [u8]) -> Transcript {
        let mut transcript = Transcript::new(PROTOCOL);
        transcript.append_message(b"statement", domain);
        transcript.append_message(b"chain", self.gate.chain.as_ref());
        transcript.append_message(b"generators", crate::range::generators_hash().as_ref());
        transcript.append_u64(b"gate", self.gate.gate.0);
        transcript.append_message(b"interval", &self.gate.interval.encode());
        transcript.append_u64(b"epoch", self.gate.epoch);
        transcript.append_message(b"key", self.gate.key.bytes());
        transcript.append_message(b"grid", self.gate.grid.as_ref());
        transcript.append_message(b"limit certificate", self.certificate.as_ref());
        transcript.append_u64(b"participant", u64::from(self.participant.0));
        transcript
    }
}

/// Typed access to a transcript.
pub(crate) trait TranscriptExt {
    fn point(&mut self, label: &'static [u8], point: &Point);
    fn commitment(&mut self, label: &'static [u8], commitment: &Commitment);
    fn integer(&mut self, label: &'static [u8], value: i128);
    fn scalar(&mut self, label: &'static [u8], value: &Scalar);
    fn challenge(&mut self, label: &'static [u8]) -> Scalar;
    fn weight(&mut self) -> Scalar;
}

impl TranscriptExt for Transcript {
    fn point(&mut self, label: &'static [u8], point: &Point) {
        self.append_message(label, point.bytes());
    }

    fn commitment(&mut self, label: &'static [u8], commitment: &Commitment) {
        self.append_message(label, commitment.bytes());
    }

    fn integer(&mut self, label: &'static [u8], value: i128) {
        self.append_message(label, &value.to_be_bytes());
    }

    fn scalar(&mut self, label: &'static [u8], value: &Scalar) {
        self.append_message(label, value.as_bytes());
    }

    fn challenge(&mut self, label: &'static [u8]) -> Scalar {
        let mut bytes = [0; 64];
        self.challenge_bytes(label, &mut bytes);
        Scalar::from_bytes_mod_order_wide(&bytes)
    }

    /// A 128-bit weight for batching equations: bound to all that is batched, so every replica draws the same.
    fn weight(&mut self) -> Scalar {
        let mut bytes = [0; 16];
        self.challenge_bytes(b"weight", &mut bytes);
        Scalar::from(u128::from_le_bytes(bytes))
    }
}

/// Hedged nonces: transcript, witness and outside randomness, so that a weak generator alone leaks nothing.
pub(crate) struct Nonces(TranscriptRng);

impl Nonces {
    pub(crate) fn new(
        transcript: &Transcript,
        witness: &[&Scalar],
        rng: &mut impl CryptoRng,
    ) -> Self {
        let mut builder = transcript.build_rng();
        for secret in witness {
            builder = builder.rekey_with_witness_bytes(b"witness", secret.as_bytes());
        }
        Self(builder.finalize(rng))
    }

    pub(crate) fn next(&mut self) -> crate::group::SecretScalar {
        let mut bytes = [0; 64];
        self.0.fill_bytes(&mut bytes);
        let nonce = crate::group::SecretScalar(Scalar::from_bytes_mod_order_wide(&bytes));
        bytes.zeroize();
        nonce
    }
}
