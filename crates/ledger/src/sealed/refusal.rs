//! Why a command of sealed gates is refused: rules X1–X19, and the rules Z of the proofs themselves.

use gridaccord_model::MemberId;
use gridaccord_sealed::{Refusal as ProofRefusal, keygen::KeygenError};

/// Why a command is refused. Numbers are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealedRefusal {
    /// Rule X1.
    #[error("the member runs no validator in that place, so it holds no share")]
    NotHolder,
    /// Rule X2.
    #[error("key generation is not in the step this is for")]
    GenerationStep,
    /// Rule X3.
    #[error("the enrolment does not prove that its key is known, or another holder has that key")]
    EnrolmentFalse,
    /// Rule X4.
    #[error(transparent)]
    Keygen(KeygenError),
    /// Rule X5.
    #[error("the certificate names no member of that role on the bus, or a second device")]
    CertificateParticipant,
    /// Rule X6.
    #[error("the certificate's serial number {given} does not follow {last}")]
    SerialNotNext {
        /// In the certificate.
        given: u64,
        /// In force.
        last: u64,
    },
    /// Rule X7.
    #[error("member {0} has no limit certificate in force")]
    NoCertificate(MemberId),
    /// Rule X8.
    #[error("made for another state: balance, certificate or gate changed since; make it again")]
    BasisStale,
    /// Rule X9.
    #[error("a bond of {bond} tokens exceeds the member's free stake, {free}")]
    BondAboveStake {
        /// What a curve needs.
        bond: u64,
        /// Stake that nothing else holds.
        free: u64,
    },
    /// Rule X10.
    #[error("the member lost its bond in this gate and is out of it")]
    BondLost,
    /// Rule X11.
    #[error("the member has no curve in this gate")]
    NoCurve,
    /// Rule X12.
    #[error("only drawn openers may post before height {from}")]
    NotOpener {
        /// From then on anyone may.
        from: u64,
    },
    /// Rule X13.
    #[error("the cycle is not in the step this is for")]
    CycleStep,
    /// Rule X14.
    #[error("the member has no line in this cycle, or closed it already")]
    NothingToClose,
    /// Rule X15.
    #[error("the accusation is not signed by the holder it names")]
    AccusationUnsigned,
    /// Rule X16.
    #[error("the share is what its holder owes")]
    AccusationUnfounded,
    /// Rule X17.
    #[error("the holder's fault in this epoch is known already")]
    FaultKnown,
    /// Rule X18.
    #[error("a submission of {0} bytes is too large")]
    TooLarge(usize),
    /// Rule X19.
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
            Self::NotHolder => 1,
            Self::GenerationStep => 2,
            Self::EnrolmentFalse => 3,
            Self::Keygen(_) => 4,
            Self::CertificateParticipant => 5,
            Self::SerialNotNext { .. } => 6,
            Self::NoCertificate(_) => 7,
            Self::BasisStale => 8,
            Self::BondAboveStake { .. } => 9,
            Self::BondLost => 10,
            Self::NoCurve => 11,
            Self::NotOpener { .. } => 12,
            Self::CycleStep => 13,
            Self::NothingToClose => 14,
            Self::AccusationUnsigned => 15,
            Self::AccusationUnfounded => 16,
            Self::FaultKnown => 17,
            Self::TooLarge(_) => 18,
            Self::DealerOut => 19,
        };
        format!("X{number}")
    }
}
