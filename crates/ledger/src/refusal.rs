//! Why a command is refused: one variant per rule of `docs/rules.md`, in the order the rules run.
//!
//! A refused command changes nothing but its author's nonce (and not even that where the author is in doubt).

use crate::sealed::SealedRefusal;
use gridaccord_model::{
    GateId, HorizonPostingError, MemberId, NeedError, OfferError, Price, TimeS, Watts,
};

/// Why a command is refused. Numbers are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Rule C1.
    #[error("member {0} is not admitted")]
    MemberUnknown(MemberId),
    /// Rule C2.
    #[error("nonce is {given}, the member's next is {expected}")]
    NonceNotNext {
        /// In the command.
        given: u64,
        /// In the state.
        expected: u64,
    },
    /// Rule C3.
    #[error("signature is not the member's for this chain")]
    SignatureInvalid,
    /// Rule C4.
    #[error("the member's role may not do this")]
    RoleForbids,
    /// Rule C5.
    #[error("gate {0} is not live")]
    GateNotLive(GateId),
    /// Rule C6.
    #[error("gate {gate} is {phase}; this needs it {needed}")]
    PhaseWrong {
        /// The gate.
        gate: GateId,
        /// Where it stands.
        phase: &'static str,
        /// Where it would have to stand.
        needed: &'static str,
    },
    /// Rule C7.
    #[error("gate {0} has no room for another participant")]
    GateFull(GateId),
    /// Rule C8.
    #[error("this market's gates are of kind {kind}, this command is for another kind")]
    KindWrong {
        /// The market's.
        kind: &'static str,
    },
    /// Rules O1–O9.
    #[error(transparent)]
    Offer(#[from] OfferError),
    /// Rule O10. Power offered above the cap is only withheld; below its negative it would set the price.
    #[error("marginal cost at least power is below the price floor of -{cap}")]
    OfferBelowFloor {
        /// The market's price cap; the floor is its negative.
        cap: Price,
    },
    /// Rule O11.
    #[error("the carbon policy forbids the member's class")]
    ClassForbidden,
    /// Rule O12. Denied by default: what has no factor could not be counted.
    #[error("the carbon policy has no factor for the member's class")]
    ClassUnknown,
    /// Rules N1–N4.
    #[error(transparent)]
    Need(#[from] NeedError),
    /// Rules S1–S21.
    #[error(transparent)]
    Posting(#[from] HorizonPostingError),
    /// Rule S22.
    #[error("posting trades at {price}, outside ±{cap}")]
    PostingOutsideCap {
        /// The price furthest out.
        price: Price,
        /// The market's price cap.
        cap: Price,
    },
    /// Rule W1.
    #[error("wager of {given} tokens is below the gate's least, {least}")]
    WagerTooSmall {
        /// In the command.
        given: u64,
        /// Published with the gate.
        least: u64,
    },
    /// Rule W2.
    #[error("wager of {given} tokens exceeds the member's free stake, {free}")]
    WagerAboveStake {
        /// In the command.
        given: u64,
        /// Stake that no other wager holds.
        free: u64,
    },
    /// Rule B1.
    #[error("member {0} has no seat in this gate")]
    NoSeat(MemberId),
    /// Rule B2.
    #[error("the seat is already committed to this answer")]
    CommittedAlready,
    /// Rule B3.
    #[error("the seat has no commitment")]
    NotCommitted,
    /// Rule B4.
    #[error("salt and answer do not open the commitment")]
    CommitmentMismatch,
    /// Rule B5.
    #[error("the seat's answer is already revealed")]
    RevealedAlready,
    /// Rule B6.
    #[error("the seat signed two different answers and is out")]
    SeatForfeit,
    /// Rule B7.
    #[error("an answer of {of} pieces; 1 to {most} are taken, and as many as the first piece said")]
    PieceCount {
        /// In the command.
        of: u16,
        /// What is taken.
        most: u16,
    },
    /// Rule B8.
    #[error("piece {index} is empty or not the next one, {next}")]
    PieceNotNext {
        /// In the command.
        index: u16,
        /// In the state.
        next: u16,
    },
    /// Rule B9.
    #[error("{posted} of {of} pieces of the answer are posted")]
    PiecesMissing {
        /// Posted so far.
        posted: u16,
        /// As many as the first piece said; 0 before it.
        of: u16,
    },
    /// Rule M1.
    #[error("the member has no set point in this gate")]
    NoSetPoint,
    /// Rule M2.
    #[error("the interval ends at {end}, ledger time is {now}")]
    IntervalRuns {
        /// First second after the interval.
        end: TimeS,
        /// Ledger time of the block.
        now: TimeS,
    },
    /// Rule M3.
    #[error("a reading counts energy in each direction from 0 up")]
    ReadingNegative,
    /// Rule M4.
    #[error("a reading of more than {limit} over the interval is beyond any connection")]
    ReadingTooLarge {
        /// Largest mean power.
        limit: Watts,
    },
    /// Rule M5.
    #[error("the member's reading for this gate is already in")]
    ReadAlready,
    /// Rules of sealed gates, X1–X19 and Z1–Z42.
    #[error(transparent)]
    Sealed(SealedRefusal),
}

impl Refusal {
    /// The rule, as `docs/rules.md` names it.
    #[must_use]
    pub fn rule(&self) -> String {
        match self {
            Self::MemberUnknown(_) => "C1".into(),
            Self::NonceNotNext { .. } => "C2".into(),
            Self::SignatureInvalid => "C3".into(),
            Self::RoleForbids => "C4".into(),
            Self::GateNotLive(_) => "C5".into(),
            Self::PhaseWrong { .. } => "C6".into(),
            Self::GateFull(_) => "C7".into(),
            Self::KindWrong { .. } => "C8".into(),
            Self::Offer(error) => format!("O{}", error.rule()),
            Self::OfferBelowFloor { .. } => "O10".into(),
            Self::ClassForbidden => "O11".into(),
            Self::ClassUnknown => "O12".into(),
            Self::Need(error) => format!("N{}", error.rule()),
            Self::Posting(error) => format!("S{}", error.rule()),
            Self::PostingOutsideCap { .. } => "S22".into(),
            Self::WagerTooSmall { .. } => "W1".into(),
            Self::WagerAboveStake { .. } => "W2".into(),
            Self::NoSeat(_) => "B1".into(),
            Self::CommittedAlready => "B2".into(),
            Self::NotCommitted => "B3".into(),
            Self::CommitmentMismatch => "B4".into(),
            Self::RevealedAlready => "B5".into(),
            Self::SeatForfeit => "B6".into(),
            Self::PieceCount { .. } => "B7".into(),
            Self::PieceNotNext { .. } => "B8".into(),
            Self::PiecesMissing { .. } => "B9".into(),
            Self::NoSetPoint => "M1".into(),
            Self::IntervalRuns { .. } => "M2".into(),
            Self::ReadingNegative => "M3".into(),
            Self::ReadingTooLarge { .. } => "M4".into(),
            Self::ReadAlready => "M5".into(),
            Self::Sealed(refusal) => refusal.rule(),
        }
    }

    /// Whether the author stands beyond doubt, so that the command used up its nonce.
    #[must_use]
    pub const fn uses_nonce(&self) -> bool {
        !matches!(self, Self::MemberUnknown(_) | Self::NonceNotNext { .. } | Self::SignatureInvalid)
    }
}
