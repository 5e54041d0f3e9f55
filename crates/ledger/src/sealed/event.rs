//! What happened on the sealed side of a chain. Numbers here are public by design, or not here.

use super::records::SealedDecision;
use crate::{Digest, state::BodyId};
use gridaccord_model::{GateId, Joules, MemberId, Money, OwnerId, codec::Bounded, codec_union};
use gridaccord_sealed::{gate::SumIndex, group::Point, sums::CURVES_MAX};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "events are few, and most of them small")]
pub enum SealedEvent {
    /// A holder's encryption key is known.
    Enrolled {
        /// Position of the validator.
        holder: u16,
    },
    /// Key generation began: holders deal.
    GenerationStarted {
        /// The epoch that is generated.
        epoch: u64,
        /// Last height for dealings.
        until: u64,
    },
    /// A dealing was taken.
    Dealt {
        /// Epoch.
        epoch: u64,
        /// Position of the dealer.
        dealer: u16,
    },
    /// Dealings are over: holders complain of false shares.
    DealingsClosed {
        /// Epoch.
        epoch: u64,
        /// Last height for complaints.
        until: u64,
    },
    /// A dealer gave a false share and is out.
    DealerOut {
        /// Epoch.
        epoch: u64,
        /// Position of the dealer.
        dealer: u16,
        /// Position of who showed it.
        receiver: u16,
    },
    /// A key stands.
    KeyReady {
        /// Epoch.
        epoch: u64,
        /// Y.
        key: Point,
        /// Dealers it is made of.
        qualified: u16,
    },
    /// Too few dealers qualified: the old key stays.
    KeyFailed {
        /// Epoch.
        epoch: u64,
        /// Dealers that qualified.
        qualified: u16,
    },
    /// A device's limits are certified.
    Certified {
        /// Whose.
        member: MemberId,
        /// Serial number.
        serial: u64,
    },
    /// A certificate counts no more.
    Revoked {
        /// Whose.
        member: MemberId,
        /// Serial number.
        serial: u64,
    },
    /// A curve stands.
    CurveTaken {
        /// Gate.
        gate: GateId,
        /// Whose.
        member: MemberId,
        /// The submission.
        body: BodyId,
        /// It is firm demand.
        firm: bool,
    },
    /// A false proof: the bond is lost, and the member is out of this gate.
    ProofFalse {
        /// Gate.
        gate: GateId,
        /// Whose.
        member: MemberId,
        /// Number of the rule, `Z<n>`.
        rule: u16,
        /// Tokens lost.
        lost: u64,
    },
    /// The set of curves is fixed.
    SetClosed {
        /// Gate.
        gate: GateId,
        /// Hash of the set.
        set: Digest,
        /// How many.
        curves: u16,
    },
    /// A sum is open.
    SumOpened {
        /// Gate.
        gate: GateId,
        /// Which.
        index: SumIndex,
        /// Z.
        value: i64,
        /// Who posted it.
        opener: MemberId,
    },
    /// The price stands, and with it everybody's set point.
    Decided {
        /// Gate.
        gate: GateId,
        /// What is public of it.
        decision: SealedDecision,
    },
    /// A reading was taken.
    Metered {
        /// Gate.
        gate: GateId,
        /// Whose.
        member: MemberId,
    },
    /// One member's line of a settlement stands.
    Billed {
        /// Gate.
        gate: GateId,
        /// Whose.
        member: MemberId,
        /// No reading came: billed at the limit.
        estimated: bool,
    },
    /// Money has moved, committed; all accounts together are as before.
    Settled {
        /// Gate.
        gate: GateId,
        /// Lines.
        lines: u16,
    },
    /// A billing cycle is over: members close it.
    CycleEnded {
        /// Cycle.
        cycle: u64,
        /// Last height for closings.
        until: u64,
    },
    /// A member closed a cycle.
    CycleClosed {
        /// Cycle.
        cycle: u64,
        /// Who.
        member: MemberId,
    },
    /// A cycle's totals can be opened.
    CycleOpening {
        /// Cycle.
        cycle: u64,
        /// Last height for openings.
        until: u64,
        /// Members that did not close it: the balance is partial.
        missing: Bounded<MemberId, CURVES_MAX>,
    },
    /// A cycle's total is open.
    TotalOpened {
        /// Cycle.
        cycle: u64,
        /// Which.
        index: SumIndex,
        /// Joules, or µ.
        value: i64,
        /// Who posted it.
        opener: MemberId,
    },
    /// A cycle is done.
    CycleBalanced {
        /// Cycle.
        cycle: u64,
        /// Energy supplied less energy used; `None` where the totals were not opened.
        lost: Option<Joules>,
        /// It lies within the loss band.
        within: bool,
        /// Σ of all credits.
        credit: Option<Money>,
    },
    /// A key holder was shown to be at fault.
    HolderFault {
        /// Position of the validator.
        holder: u16,
        /// Its member.
        member: MemberId,
        /// Tokens lost.
        lost: u64,
        /// Its owner.
        owner: OwnerId,
        /// The owner's trust index from now on, ppm.
        index_ppm: u32,
    },
}

codec_union!(SealedEvent {
    Enrolled = 1 { holder },
    GenerationStarted = 2 { epoch, until },
    Dealt = 3 { epoch, dealer },
    DealingsClosed = 4 { epoch, until },
    DealerOut = 5 { epoch, dealer, receiver },
    KeyReady = 6 { epoch, key, qualified },
    KeyFailed = 7 { epoch, qualified },
    Certified = 8 { member, serial },
    Revoked = 9 { member, serial },
    CurveTaken = 10 { gate, member, body, firm },
    ProofFalse = 11 { gate, member, rule, lost },
    SetClosed = 12 { gate, set, curves },
    SumOpened = 13 { gate, index, value, opener },
    Decided = 14 { gate, decision },
    Metered = 15 { gate, member },
    Billed = 16 { gate, member, estimated },
    Settled = 17 { gate, lines },
    CycleEnded = 18 { cycle, until },
    CycleClosed = 19 { cycle, member },
    CycleOpening = 20 { cycle, until, missing },
    TotalOpened = 21 { cycle, index, value, opener },
    CycleBalanced = 22 { cycle, lost, within, credit },
    HolderFault = 23 { holder, member, lost, owner, index_ppm },
});

impl SealedEvent {
    /// What it is, as people and feeds read it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Enrolled { .. } => "enrolled",
            Self::GenerationStarted { .. } => "generation_started",
            Self::Dealt { .. } => "dealt",
            Self::DealingsClosed { .. } => "dealings_closed",
            Self::DealerOut { .. } => "dealer_out",
            Self::KeyReady { .. } => "key_ready",
            Self::KeyFailed { .. } => "key_failed",
            Self::Certified { .. } => "certified",
            Self::Revoked { .. } => "revoked",
            Self::CurveTaken { .. } => "curve_taken",
            Self::ProofFalse { .. } => "proof_false",
            Self::SetClosed { .. } => "set_closed",
            Self::SumOpened { .. } => "sum_opened",
            Self::Decided { .. } => "decided",
            Self::Metered { .. } => "metered",
            Self::Billed { .. } => "billed",
            Self::Settled { .. } => "settled",
            Self::CycleEnded { .. } => "cycle_ended",
            Self::CycleClosed { .. } => "cycle_closed",
            Self::CycleOpening { .. } => "cycle_opening",
            Self::TotalOpened { .. } => "total_opened",
            Self::CycleBalanced { .. } => "cycle_balanced",
            Self::HolderFault { .. } => "holder_fault",
        }
    }

    /// The member it is about, if any.
    #[must_use]
    pub const fn member(&self) -> Option<MemberId> {
        match self {
            Self::Certified { member, .. }
            | Self::Revoked { member, .. }
            | Self::CurveTaken { member, .. }
            | Self::ProofFalse { member, .. }
            | Self::Metered { member, .. }
            | Self::Billed { member, .. }
            | Self::CycleClosed { member, .. }
            | Self::HolderFault { member, .. } => Some(*member),
            _ => None,
        }
    }

    /// The gate it is about, if any.
    #[must_use]
    pub const fn gate(&self) -> Option<GateId> {
        match self {
            Self::CurveTaken { gate, .. }
            | Self::ProofFalse { gate, .. }
            | Self::SetClosed { gate, .. }
            | Self::SumOpened { gate, .. }
            | Self::Decided { gate, .. }
            | Self::Metered { gate, .. }
            | Self::Billed { gate, .. }
            | Self::Settled { gate, .. } => Some(*gate),
            _ => None,
        }
    }
}
