//! Why a command of sealed gates is refused: rules S1–S20, and the rules Z of the proofs themselves.

use gridaccord_model::MemberId;
use gridaccord_sealed::{Refusal as ProofRefusal, keygen::KeygenError};

/// Why a command is refused. Numbers are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealedRefusal {
    /// Rule S1.
    #[error("this chain's gates are of another kind; see market.kind of its genesis")]
    KindForbids,
    /// Rule S2.
    #[error("the member runs no validator in that place, so it holds no share")]
    NotHolder,
    /// Rule S3.
    #[error("key generation is not in the step this is for")]
    GenerationStep,
    /// Rule S4.
    #[error("the enrolment does not prove that its key is known, or another holder has that key")]
    EnrolmentFalse,
    /// Rule S5.
    #[error(transparent)]
    Keygen(KeygenError),
    /// Rule S6.
    #[error("the certificate names no member of that role on the bus, or a second device")]
    CertificateParticipant,
    /// Rule S7.
    #[error("the certificate's serial number {given} does not follow {last}")]
    SerialNotNext {
        /// In the certificate.
        given: u64,
        /// In force.
        last: u64,
    },
    /// Rule S8.
    #[error("member {0} has no limit certificate in force")]
    NoCertificate(MemberId),
    /// Rule S9.
    #[error("made for another state: balance, certificate or gate changed since; make it again")]
    BasisStale,
    /// Rule S10.
    #[error("a bond of {bond} tokens exceeds the member's free stake, {free}")]
    BondAboveStake {
        /// What a curve needs.
        bond: u64,
        /// Stake that nothing else holds.
        free: u64,
    },
    /// Rule S11.
    #[error("the member lost its bond in this gate and is out of it")]
    BondLost,
    /// Rule S12.
    #[error("the member has no curve in this gate")]
    NoCurve,
    /// Rule S13.
    #[error("only drawn openers may post before height {from}")]
    NotOpener {
        /// From then on anyone may.
        from: u64,
    },
    /// Rule S14.
    #[error("the cycle is not in the step this is for")]
    CycleStep,
    /// Rule S15.
    #[error("the member has no line in this cycle, or closed it already")]
    NothingToClose,
    /// Rule S16.
    #[error("the accusation is not signed by the holder it names")]
    AccusationUnsigned,
    /// Rule S17.
    #[error("the share is what its holder owes")]
    AccusationUnfounded,
    /// Rule S18.
    #[error("the holder's fault in this epoch is known already")]
    FaultKnown,
    /// Rule S19.
    #[error("a submission of {0} bytes is too large")]
    TooLarge(usize),
    /// Rule S20.
    #[error("the dealing's receiver complained already, or the dealer is out")]
    DealerOut,
    /// Rules Z1–Z42.
    #[error(transparent)]
    Proof(#[from] ProofRefusal),
}

impl SealedRefusal {
    /// The rule, as `docs/rules.md` names it.
    #[must_use]
    pub fn rule(&self) -> String {
        let number = match self {
            Self::Proof(refusal) => return format!("Z{}", refusal.rule()),
            Self::KindForbids => 1,
            Self::NotHolder => 2,
            Self::GenerationStep => 3,
            Self::EnrolmentFalse => 4,
            Self::Keygen(_) => 5,
            Self::CertificateParticipant => 6,
            Self::SerialNotNext { .. } => 7,
            Self::NoCertificate(_) => 8,
            Self::BasisStale => 9,
            Self::BondAboveStake { .. } => 10,
            Self::BondLost => 11,
            Self::NoCurve => 12,
            Self::NotOpener { .. } => 13,
            Self::CycleStep => 14,
            Self::NothingToClose => 15,
            Self::AccusationUnsigned => 16,
            Self::AccusationUnfounded => 17,
            Self::FaultKnown => 18,
            Self::TooLarge(_) => 19,
            Self::DealerOut => 20,
        };
        format!("S{number}")
    }
}
