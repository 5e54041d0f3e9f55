//! What stands in the state of a chain with sealed gates, and under which keys.
//!
//! | kind | id | record |
//! |---|---|---|
//! | `sealed-head` | – | [`SealedHead`] |
//! | `sealed-holder` | validator | [`HolderRecord`] |
//! | `sealed-epoch` | epoch | [`EpochRecord`] |
//! | `sealed-dealing` | epoch, validator | [`Dealt`] |
//! | `sealed-limit`, `sealed-account` | member | [`LimitRecord`], [`SealedAccount`] |
//! | `sealed-pot` | kind | [`SealedPot`] |
//! | `sealed-gate`, `sealed-decision` | gate | [`SealedGate`], [`SealedDecision`] |
//! | `sealed-roster` | gate, n | [`Roster`](crate::records::Roster) of curves |
//! | `sealed-part`, `sealed-line` | gate, member | [`SealedPart`], [`SealedLine`] |
//! | `sealed-sum` | gate, n | [`OpenedSum`] |
//! | `sealed-cycle` | cycle | [`CycleRecord`] |
//! | `sealed-cycle-roster` | cycle, n | [`Roster`](crate::records::Roster) of members with lines |
//! | `sealed-cycle-part` | cycle, member | [`CyclePart`] |

use crate::{
    records::Stored,
    state::{BodyId, Key},
};
use commonware_cryptography::ed25519;
use gridaccord_model::{GateId, MemberId, OwnerId, Price, codec_enum, codec_struct, codec_union};
use gridaccord_sealed::{
    account::Line,
    gate::SumIndex,
    group::{Commitment, Point},
};

macro_rules! stored {
    ($($name:ty = $tag:literal),* $(,)?) => {
        $(impl Stored for $name { const TAG: u8 = $tag; })*
    };
}

stored! {
    SealedHead = 64,
    HolderRecord = 65,
    EpochRecord = 66,
    Dealt = 67,
    LimitRecord = 68,
    SealedAccount = 69,
    SealedPot = 70,
    SealedGate = 71,
    SealedDecision = 72,
    SealedPart = 73,
    SealedLine = 74,
    OpenedSum = 75,
    CycleRecord = 76,
    CyclePart = 77,
}

/// Where the sealed side of the chain stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedHead {
    /// Key holders, one a validator.
    pub holders: u16,
    /// Holders whose encryption key is known.
    pub enrolled: u16,
    /// The newest key; 0 before the first.
    pub epoch: u64,
    /// The key epoch of gates that it was generated for.
    pub serves: u64,
    /// Number of the generation that runs or ran last: the epoch its key has.
    pub run: u64,
    /// Key generation.
    pub generation: Generation,
    /// Where the next search starts: u of the gate decided last.
    pub last_u: Option<u8>,
    /// The billing cycle to be closed next.
    pub cycle: u64,
}

codec_struct!(SealedHead { holders, enrolled, epoch, serves, run, generation, last_u, cycle });

/// Key generation. Windows end with the height stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// No key is being generated.
    Idle {},
    /// Holders enrol; it ends once all have, or with the window where n − f have.
    Enrolling {
        /// Last height.
        until: u64,
    },
    /// Holders deal.
    Dealing {
        /// For which epoch of gates.
        serves: u64,
        /// Last height.
        until: u64,
        /// Dealings so far.
        dealt: u16,
        /// The holders' encryption keys.
        committee: BodyId,
    },
    /// Holders complain.
    Complaining {
        /// For which epoch of gates.
        serves: u64,
        /// Last height.
        until: u64,
        /// The holders' encryption keys.
        committee: BodyId,
    },
}

codec_union!(Generation {
    Idle = 0 {},
    Enrolling = 1 { until },
    Dealing = 2 { serves, until, dealt, committee },
    Complaining = 3 { serves, until, committee },
});

/// A validator as key holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HolderRecord {
    /// Whose validator.
    pub member: MemberId,
    /// Who stands behind it.
    pub owner: OwnerId,
    /// The validator's key: signs its shares.
    pub node: ed25519::PublicKey,
    /// Shares of keys are encrypted to this.
    pub encryption: Option<Point>,
    /// The generation or epoch in which it was last at fault; one fault in each is punished.
    pub faulted: u64,
}

codec_struct!(HolderRecord { member, owner, node, encryption, faulted });

/// A finished key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochRecord {
    /// Y.
    pub key: Point,
    /// All of it, as the crate `sealed` encodes it.
    pub body: BodyId,
    /// The encryption keys its shares were dealt to.
    pub committee: BodyId,
}

codec_struct!(EpochRecord { key, body, committee });

/// One holder's dealing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dealt {
    /// The dealing.
    pub body: BodyId,
    /// A complaint about it was upheld: its dealer is out.
    pub upheld: bool,
}

codec_struct!(Dealt { body, upheld });

/// A member's limit certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitRecord {
    /// The certificate, and the key that signed it.
    pub body: BodyId,
    /// Its serial number; the next one's is greater.
    pub serial: u64,
    /// It no longer counts.
    pub revoked: bool,
}

codec_struct!(LimitRecord { body, serial, revoked });

/// A member's money, which nobody can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedAccount {
    /// Com(balance), µ·J/kWh.
    pub balance: Commitment,
    /// Gates with a curve of its that are not settled.
    pub unbilled: u16,
    /// Sequence number of its next reading.
    pub sequence: u64,
    /// The carbon policy forbids its class: its export limit must be a public zero.
    pub forbidden: bool,
}

codec_struct!(SealedAccount { balance, unbilled, sequence, forbidden });

/// An account of no member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedPot {
    /// Com(balance), µ·J/kWh.
    pub balance: Commitment,
}

codec_struct!(SealedPot { balance });

/// Which account of no member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PotKind {
    /// The other side of every settlement.
    Pool,
    /// What rounding to whole µ leaves.
    Remainder,
    /// What the pool keeps after the grid-forming resource is paid.
    Losses,
}

codec_enum!(PotKind { Pool = 0, Remainder = 1, Losses = 2 });

/// What a sealed gate has beside its [`Gate`](crate::gate::Gate).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedGate {
    /// The epoch of its key.
    pub epoch: u64,
    /// Y: it is pinned to this key for good.
    pub key: Point,
    /// Height it opened at.
    pub opened: u64,
    /// Members that posted.
    pub posted: u16,
    /// Where its search starts.
    pub warm: Option<u8>,
    /// Its sums, once closed.
    pub table: Option<BodyId>,
    /// How many of them are open.
    pub sums: u16,
}

codec_struct!(SealedGate { epoch, key, opened, posted, warm, table, sums });

/// A member's part in a sealed gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedPart {
    /// Its submission; `None` where its proof was false.
    pub curve: Option<BodyId>,
    /// The certificate it was verified under.
    pub limit: BodyId,
    /// Trust tokens behind it; 0 once lost.
    pub bond: u32,
    /// What its meter counted.
    pub metered: Option<MeteredPart>,
}

codec_struct!(SealedPart { curve, limit, bond, metered });

/// A reading and its deviation, committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MeteredPart {
    /// Com(E⁺), J.
    pub injected: Commitment,
    /// Com(E⁻), J.
    pub absorbed: Commitment,
    /// Com(W), J.
    pub deviation: Commitment,
}

codec_struct!(MeteredPart { injected, absorbed, deviation });

/// An opened sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenedSum {
    /// Which.
    pub index: SumIndex,
    /// Z.
    pub value: i64,
    /// Who posted it.
    pub opener: MemberId,
}

codec_struct!(OpenedSum { index, value, opener });

/// What a sealed gate decided: public.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedDecision {
    /// λ*.
    pub price: Price,
    /// u: the step of the grid at which supply meets demand.
    pub u: u8,
    /// α: the share of that step that is taken, in 1/S; S where all of it is.
    pub alpha: u32,
    /// γ: the share of every reserve that is called, in 1/S.
    pub gamma: u32,
    /// Groups of tiers that are cut.
    pub cuts: u16,
    /// Σr, W.
    pub reserve: i64,
    /// Σ S·g, W/S: the grid-forming resource's.
    pub residue: i64,
}

codec_struct!(SealedDecision { price, u, alpha, gamma, cuts, reserve, residue });

/// One member's settlement of one gate, committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedLine {
    /// The line, as bills have it.
    pub line: Line,
    /// No reading came in time: energy is at the limit, by rule.
    pub estimated: bool,
}

codec_struct!(SealedLine { line, estimated });

/// A billing cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CycleRecord {
    /// Members with a line in it.
    pub members: u16,
    /// Members that closed it.
    pub closed: u16,
    /// Owed to the grid-forming resource for what clearing left it with, µ·J/kWh.
    pub owed: i64,
    /// Where it stands.
    pub stage: CycleStage,
}

codec_struct!(CycleRecord { members, closed, owed, stage });

/// Where a billing cycle stands. Its totals are opened under the key stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CycleStage {
    /// Its gates are not all settled.
    Running {},
    /// Members round their bills and encrypt their totals.
    Closing {
        /// Epoch of the key.
        epoch: u64,
        /// Y.
        key: Point,
        /// Last height.
        until: u64,
    },
    /// The two totals are opened, energy first.
    Opening {
        /// Epoch of the key.
        epoch: u64,
        /// Y.
        key: Point,
        /// Last height.
        until: u64,
        /// Σ net energy, J, once open.
        energy: Option<i64>,
    },
    /// Over.
    Ended {
        /// Energy supplied less energy used, J; `None` where it was never opened.
        energy: Option<i64>,
        /// Σ of all credits, whole µ.
        credit: Option<i64>,
    },
}

codec_union!(CycleStage {
    Running = 0 {},
    Closing = 1 { epoch, key, until },
    Opening = 2 { epoch, key, until, energy },
    Ended = 3 { energy, credit },
});

impl CycleStage {
    /// Whether its totals are being opened.
    #[must_use]
    pub const fn is_opening(&self) -> bool {
        matches!(self, Self::Opening { .. })
    }
}

/// What a member's lines of a cycle add up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CyclePart {
    /// Com of net energy, J.
    pub energy: Commitment,
    /// Com of money, µ·J/kWh.
    pub money: Commitment,
    /// Lines.
    pub lines: u16,
    /// Its closing.
    pub close: Option<BodyId>,
}

codec_struct!(CyclePart { energy, money, lines, close });

/// Keys of the records above.
pub mod key {
    use super::{GateId, Key, MemberId, PotKind};

    /// Key of [`SealedHead`](super::SealedHead).
    #[must_use]
    pub fn head() -> Key {
        Key::of("sealed-head", &0u8)
    }
    /// Key of a [`HolderRecord`](super::HolderRecord).
    #[must_use]
    pub fn holder(validator: u16) -> Key {
        Key::of("sealed-holder", &validator)
    }
    /// Key of an [`EpochRecord`](super::EpochRecord).
    #[must_use]
    pub fn epoch(epoch: u64) -> Key {
        Key::of("sealed-epoch", &epoch)
    }
    /// Key of a [`Dealt`](super::Dealt).
    #[must_use]
    pub fn dealing(epoch: u64, validator: u16) -> Key {
        Key::of("sealed-dealing", &(epoch, validator))
    }
    /// Key of a [`LimitRecord`](super::LimitRecord).
    #[must_use]
    pub fn limit(member: MemberId) -> Key {
        Key::of("sealed-limit", &member)
    }
    /// Key of a [`SealedAccount`](super::SealedAccount).
    #[must_use]
    pub fn account(member: MemberId) -> Key {
        Key::of("sealed-account", &member)
    }
    /// Key of a [`SealedPot`](super::SealedPot).
    #[must_use]
    pub fn pot(kind: PotKind) -> Key {
        Key::of("sealed-pot", &kind)
    }
    /// Key of a [`SealedGate`](super::SealedGate).
    #[must_use]
    pub fn gate(gate: GateId) -> Key {
        Key::of("sealed-gate", &gate)
    }
    /// Key of a [`SealedDecision`](super::SealedDecision).
    #[must_use]
    pub fn decision(gate: GateId) -> Key {
        Key::of("sealed-decision", &gate)
    }
    /// Key of a page of members that posted.
    #[must_use]
    pub fn roster(gate: GateId, page: u16) -> Key {
        Key::of("sealed-roster", &(gate, page))
    }
    /// Key of a [`SealedPart`](super::SealedPart).
    #[must_use]
    pub fn part(gate: GateId, member: MemberId) -> Key {
        Key::of("sealed-part", &(gate, member))
    }
    /// Key of a [`SealedLine`](super::SealedLine).
    #[must_use]
    pub fn line(gate: GateId, member: MemberId) -> Key {
        Key::of("sealed-line", &(gate, member))
    }
    /// Key of an [`OpenedSum`](super::OpenedSum).
    #[must_use]
    pub fn sum(gate: GateId, position: u16) -> Key {
        Key::of("sealed-sum", &(gate, position))
    }
    /// Key of a [`CycleRecord`](super::CycleRecord).
    #[must_use]
    pub fn cycle(cycle: u64) -> Key {
        Key::of("sealed-cycle", &cycle)
    }
    /// Key of a page of members with lines in a cycle.
    #[must_use]
    pub fn cycle_roster(cycle: u64, page: u16) -> Key {
        Key::of("sealed-cycle-roster", &(cycle, page))
    }
    /// Key of a [`CyclePart`](super::CyclePart).
    #[must_use]
    pub fn cycle_part(cycle: u64, member: MemberId) -> Key {
        Key::of("sealed-cycle-part", &(cycle, member))
    }
}
