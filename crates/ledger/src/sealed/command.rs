//! What members and key holders ask of a chain with sealed gates.

use crate::{Digest, command::COMMAND_SIZE_MAX};
use bytes::BufMut;
use commonware_codec::{Buf, Encode as _, EncodeSize, Error, Read, Write};
use commonware_cryptography::{Signer as _, Verifier as _, ed25519};
use gridaccord_model::{GateId, MemberId, codec_struct, codec_union};
use gridaccord_sealed::{
    cycle::CycleClose,
    deviation::Deviation,
    enrolment::Enrolment,
    gate::SumIndex,
    keygen::{Complaint, Dealing},
    limit::LimitCertificate,
    metering::Reading,
    opening::{OpenSum, Share},
    submission::{SUBMISSION_SIZE_MAX, Submission},
};

/// Domain of holders' signatures on shares.
const NAMESPACE: &[u8] = b"gridaccord/sealed/share/v1";

const _: () = assert!(SUBMISSION_SIZE_MAX < COMMAND_SIZE_MAX);

/// A command of sealed gates. Boxed: points stand decoded in it, which is large beside other commands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "it stands in a box wherever it is kept")]
pub enum SealedCommand {
    /// A holder's encryption key.
    Enrol {
        /// Position of the validator.
        holder: u16,
        /// Key and proof.
        enrolment: Enrolment,
    },
    /// A holder's dealing of the key being generated.
    Deal {
        /// Commitments and encrypted shares.
        dealing: Dealing,
    },
    /// A holder shows that a dealing gave it a false share.
    Complain {
        /// The key to its own share.
        complaint: Complaint,
    },
    /// A certifier states a device's limits.
    Certify {
        /// With its signature.
        certificate: LimitCertificate,
    },
    /// A certifier takes its word back.
    Revoke {
        /// Whose certificate.
        participant: MemberId,
    },
    /// A net-injection curve, or firm demand.
    Curve {
        /// [`basis`](super::basis) of the state it was proven for.
        basis: Digest,
        /// Commitments, ciphertexts and proof.
        submission: Submission,
    },
    /// An opened sum, of a gate or of a cycle.
    Open {
        /// Number and shares.
        opening: OpenSum,
    },
    /// What a meter counted over a gate's interval, and by how much it missed the set point, both committed.
    Meter {
        /// The reading.
        reading: Reading,
        /// The bound on the deviation.
        deviation: Deviation,
    },
    /// A member's closing of a billing cycle.
    Close {
        /// Rounded money and encrypted totals.
        close: CycleClose,
    },
    /// A holder's signature under a share that it must not have given.
    Accuse {
        /// The evidence.
        accusation: Accusation,
    },
}

codec_union!(SealedCommand {
    Enrol = 1 { holder, enrolment },
    Deal = 2 { dealing },
    Complain = 3 { complaint },
    Certify = 4 { certificate },
    Revoke = 5 { participant },
    Curve = 6 { basis, submission },
    Open = 7 { opening },
    Meter = 8 { reading, deviation },
    Close = 9 { close },
    Accuse = 10 { accusation },
});

impl SealedCommand {
    /// The gate it is about, if any.
    #[must_use]
    pub const fn gate(&self) -> Option<GateId> {
        match self {
            Self::Curve { submission, .. } => Some(submission.gate),
            Self::Meter { reading, .. } => Some(reading.gate),
            Self::Accuse { accusation } => Some(accusation.signed.gate),
            Self::Open { opening } => match opening.index {
                SumIndex::Price(_) | SumIndex::Reserve | SumIndex::Tier(_) => Some(opening.gate),
                _ => None,
            },
            _ => None,
        }
    }

    /// What it is, as people read it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Enrol { .. } => "enrol",
            Self::Deal { .. } => "deal",
            Self::Complain { .. } => "complain",
            Self::Certify { .. } => "certify",
            Self::Revoke { .. } => "revoke",
            Self::Curve { .. } => "curve",
            Self::Open { .. } => "open",
            Self::Meter { .. } => "meter",
            Self::Close { .. } => "close",
            Self::Accuse { .. } => "accuse",
        }
    }

    /// As a command of the ledger.
    #[must_use]
    pub fn command(self) -> crate::Command {
        crate::Command::Sealed { sealed: Boxed(Box::new(self)) }
    }
}

/// A boxed value, encoded as the value itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boxed<T>(pub Box<T>);

impl<T: Write> Write for Boxed<T> {
    fn write(&self, buf: &mut impl BufMut) {
        self.0.write(buf);
    }
}

impl<T: EncodeSize> EncodeSize for Boxed<T> {
    fn encode_size(&self) -> usize {
        self.0.encode_size()
    }
}

impl<T: Read<Cfg = ()>> Read for Boxed<T> {
    type Cfg = ();
    fn read_cfg(buf: &mut impl Buf, (): &()) -> Result<Self, Error> {
        T::read_cfg(buf, &()).map(|value| Self(Box::new(value)))
    }
}

/// A share as a holder sends it to openers: signed, so that a false one is evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedShare {
    /// Of which gate, or cycle.
    pub gate: GateId,
    /// Of which sum.
    pub index: SumIndex,
    /// Over which set.
    pub set: Digest,
    /// The share.
    pub share: Share,
}

codec_struct!(SignedShare { gate, index, set, share });

impl SignedShare {
    /// The signed bytes: they name the chain.
    fn message(&self, chain: &Digest) -> bytes::Bytes {
        (*chain, *self).encode()
    }

    /// The holder's signature under it.
    #[must_use]
    pub fn sign(&self, chain: &Digest, node: &ed25519::PrivateKey) -> ed25519::Signature {
        node.sign(NAMESPACE, &self.message(chain))
    }

    /// Whether this validator signed it for this chain.
    #[must_use]
    pub fn signed_by(
        &self,
        chain: &Digest,
        node: &ed25519::PublicKey,
        signature: &ed25519::Signature,
    ) -> bool {
        node.verify(NAMESPACE, &self.message(chain), signature)
    }
}

/// Evidence against a key holder: its own signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accusation {
    /// What it signed.
    pub signed: SignedShare,
    /// Its signature.
    pub signature: ed25519::Signature,
}

codec_struct!(Accusation { signed, signature });
