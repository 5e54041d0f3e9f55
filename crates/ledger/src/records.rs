//! The records that stand in the state, and the keys they stand under.
//!
//! | kind | id | record |
//! |---|---|---|
//! | `params`, `rules` | – | [`Params`], [`Rules`] |
//! | `head` | – | [`Head`] |
//! | `member`, `account` | member | [`Member`], [`Account`] |
//! | `owner` | owner | [`Owner`] |
//! | `pot` | name | [`Pot`] |
//! | `gate` | gate | [`Gate`](crate::gate::Gate) |
//! | `decision` | gate | [`Decision`](crate::gate::Decision) |
//! | `roster` | gate, n | [`Roster`] |
//! | `part` | gate, member | [`Part`] |
//! | `seat` | gate, n | [`Seat`](crate::gate::Seat) |
//! | `line` | gate, member | [`Line`] |
//! | `carbon` | – | [`Carbon`], where genesis has caps |
//! | `source` | member | [`Source`], where genesis has a carbon policy |
//! | `rolling` | – | [`Rolling`], in a market of horizons |
//! | `outlook` | gate | [`Outlook`], in a market of horizons |
//! | `output` | gate, member | [`Output`], of ramp-limited generators |
//! | `upload` | gate, n | [`Upload`] |
//! | `piece` | gate, n, n | [`Piece`] |

mod horizon;

pub use horizon::{Carbon, Outlook, Output, Piece, Rolling, Source, Upload};

use crate::{
    Digest,
    genesis::{Clock, Market, NAME_MAX, Role, Thresholds, Trust},
    state::{BodyId, Key},
};
use commonware_codec::Encode;
use commonware_cryptography::ed25519;
use gridaccord_model::{
    GateId, Joules, MemberId, Money, Need, OwnerId, Price, TimeMs, TimeS, Watts,
    codec::{Bounded, Label},
    codec_enum, codec_struct,
};

/// Participants in one gate.
pub const PARTS_MAX: usize = 4_096;
/// Participants in one roster page.
pub const ROSTER_PAGE: usize = 90;
/// Gates that live at one time.
pub const LIVE_GATES_MAX: u64 = 64;

/// A type that is kept as a record. Tags are never reused.
pub trait Stored: Encode + commonware_codec::Read<Cfg = ()> {
    /// First byte of the record.
    const TAG: u8;
}

macro_rules! stored {
    ($($name:path = $tag:literal),* $(,)?) => {
        $(impl Stored for $name { const TAG: u8 = $tag; })*
    };
}

stored! {
    Params = 1,
    Rules = 2,
    Head = 3,
    Member = 4,
    Account = 5,
    Owner = 6,
    Pot = 7,
    crate::gate::Gate = 8,
    crate::gate::Decision = 9,
    Roster = 10,
    Part = 11,
    crate::gate::Seat = 12,
    Line = 13,
    Carbon = 20,
    Source = 21,
    Rolling = 22,
    Outlook = 23,
    Output = 24,
    Upload = 25,
    Piece = 26,
}

/// What never changes: the clock and the market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// Hash of genesis.
    pub chain: Digest,
    /// How wall time becomes ledger time.
    pub clock: Clock,
    /// The rhythm of gates.
    pub market: Market,
    /// Members admitted.
    pub members: u16,
    /// Owners admitted.
    pub owners: u16,
}

codec_struct!(Params { chain, clock, market, members, owners });

/// What never changes: trust and thresholds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How builders are drawn, paid and punished.
    pub trust: Trust,
    /// Loss thresholds.
    pub thresholds: Thresholds,
}

codec_struct!(Rules { trust, thresholds });

/// Where the chain stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Height of the block that wrote this.
    pub height: u64,
    /// Its wall time.
    pub timestamp: TimeMs,
    /// Its ledger time.
    pub now: TimeS,
    /// The gate that opens next.
    pub next_gate: GateId,
    /// Bit `i`: the youngest gate whose id is `i` modulo 64 has not ended.
    pub live: u64,
    /// Settlement value of the gate settled last, but at most twice the one before; halved when a gate found no
    /// builders.
    pub turnover: Money,
    /// Price of the gate decided last; `None` before the first, and after a gate that failed by its price.
    pub price: Option<Price>,
}

codec_struct!(Head { height, timestamp, now, next_gate, live, turnover, price });

impl Head {
    /// The gates that have not ended, oldest first.
    pub fn live_gates(&self) -> impl Iterator<Item = GateId> + use<> {
        let (live, next) = (self.live, self.next_gate.0);
        (next.saturating_sub(LIVE_GATES_MAX)..next)
            .filter(move |id| live & slot(GateId(*id)) != 0)
            .map(GateId)
    }

    /// Whether a gate has opened and not ended.
    #[must_use]
    pub const fn is_live(&self, gate: GateId) -> bool {
        gate.0 < self.next_gate.0
            && self.next_gate.0.saturating_sub(gate.0) <= LIVE_GATES_MAX
            && self.live & slot(gate) != 0
    }
}

/// The bit of a gate in [`Head::live`].
pub(crate) const fn slot(gate: GateId) -> u64 {
    1u64.rotate_left((gate.0 % LIVE_GATES_MAX) as u32)
}

/// A member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// For people.
    pub name: Label<NAME_MAX>,
    /// What it may do.
    pub role: Role,
    /// Who stands behind it.
    pub owner: OwnerId,
    /// Signs its commands.
    pub key: ed25519::PublicKey,
    /// The nonce its next command carries.
    pub nonce: u64,
}

codec_struct!(Member { name, role, owner, key, nonce });

/// What a member has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Money.
    pub balance: Money,
    /// Trust tokens, those held for wagers included.
    pub stake: u64,
    /// Trust tokens held for wagers.
    pub held: u64,
    /// Energy injected over all settled gates.
    pub injected: Joules,
    /// Energy absorbed over all settled gates.
    pub absorbed: Joules,
}

codec_struct!(Account { balance, stake, held, injected, absorbed });

/// What an owner has earned: trust, by checked facts only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Trust index, ppm.
    pub index_ppm: u32,
}

codec_struct!(Owner { index_ppm });

/// An account of no member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PotName {
    /// What rounding leaves.
    Remainder,
    /// Energy that was injected and not absorbed, at the gate's price.
    Losses,
    /// Trust tokens taken from builders.
    Slashed,
}

codec_enum!(PotName { Remainder = 0, Losses = 1, Slashed = 2 });

/// Content of an account of no member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pot {
    /// Money.
    pub balance: Money,
    /// Trust tokens.
    pub tokens: u64,
}

codec_struct!(Pot { balance, tokens });

/// Participants of a gate in order of entry, a page of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    /// Who.
    pub members: Bounded<MemberId, ROSTER_PAGE>,
}

codec_struct!(Roster { members });

/// What a meter counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metered {
    /// Energy that entered the bus.
    pub injected: Joules,
    /// Energy that left it.
    pub absorbed: Joules,
}

codec_struct!(Metered { injected, absorbed });

/// One member's part in one gate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Its offer; in a gate of kind *horizon* its posting.
    pub offer: Option<BodyId>,
    /// Its need.
    pub need: Option<Need>,
    /// Trust tokens it wagers.
    pub wager: u64,
    /// Net power it is to inject, once decided.
    pub set_point: Option<Watts>,
    /// What its meter counted.
    pub metered: Option<Metered>,
}

codec_struct!(Part { offer, need, wager, set_point, metered });

/// One member's settlement of one gate. Positive money is a credit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Net energy injected.
    pub energy: Joules,
    /// Price of that energy.
    pub price: Price,
    /// Money for the energy, rounded toward negative infinity.
    pub energy_money: Money,
    /// Penalty for missing the set point, or what a balancing member gets of it.
    pub deviation_money: Money,
    /// Share of the builders' fee, charged by energy used.
    pub fee_charged: Money,
    /// Builder's fee.
    pub fee_earned: Money,
    /// No reading came in time: energy is by rule, not by meter.
    pub estimated: bool,
}

codec_struct!(Line {
    energy,
    price,
    energy_money,
    deviation_money,
    fee_charged,
    fee_earned,
    estimated
});

impl Line {
    /// What the member's balance changes by.
    #[must_use]
    pub const fn total(&self) -> Money {
        Money(
            self.energy_money
                .0
                .saturating_add(self.deviation_money.0)
                .saturating_sub(self.fee_charged.0)
                .saturating_add(self.fee_earned.0),
        )
    }
}

/// Keys of the records above.
pub mod key {
    use super::{GateId, Key, MemberId, OwnerId, PotName};

    /// Identity of a record of which there is one.
    const SOLE: u8 = 0;

    /// Key of [`Params`](super::Params).
    #[must_use]
    pub fn params() -> Key {
        Key::of("params", &SOLE)
    }
    /// Key of [`Rules`](super::Rules).
    #[must_use]
    pub fn rules() -> Key {
        Key::of("rules", &SOLE)
    }
    /// Key of [`Head`](super::Head).
    #[must_use]
    pub fn head() -> Key {
        Key::of("head", &SOLE)
    }
    /// Key of a [`Member`](super::Member).
    #[must_use]
    pub fn member(member: MemberId) -> Key {
        Key::of("member", &member)
    }
    /// Key of an [`Account`](super::Account).
    #[must_use]
    pub fn account(member: MemberId) -> Key {
        Key::of("account", &member)
    }
    /// Key of an [`Owner`](super::Owner).
    #[must_use]
    pub fn owner(owner: OwnerId) -> Key {
        Key::of("owner", &owner)
    }
    /// Key of a [`Pot`](super::Pot).
    #[must_use]
    pub fn pot(name: PotName) -> Key {
        Key::of("pot", &name)
    }
    /// Key of a [`Gate`](crate::gate::Gate).
    #[must_use]
    pub fn gate(gate: GateId) -> Key {
        Key::of("gate", &gate)
    }
    /// Key of a [`Decision`](crate::gate::Decision).
    #[must_use]
    pub fn decision(gate: GateId) -> Key {
        Key::of("decision", &gate)
    }
    /// Key of a [`Roster`](super::Roster) page.
    #[must_use]
    pub fn roster(gate: GateId, page: u16) -> Key {
        Key::of("roster", &(gate, page))
    }
    /// Key of a [`Part`](super::Part).
    #[must_use]
    pub fn part(gate: GateId, member: MemberId) -> Key {
        Key::of("part", &(gate, member))
    }
    /// Key of a [`Seat`](crate::gate::Seat).
    #[must_use]
    pub fn seat(gate: GateId, position: u16) -> Key {
        Key::of("seat", &(gate, position))
    }
    /// Key of [`Carbon`](super::Carbon).
    #[must_use]
    pub fn carbon() -> Key {
        Key::of("carbon", &SOLE)
    }
    /// Key of a [`Source`](super::Source).
    #[must_use]
    pub fn source(member: MemberId) -> Key {
        Key::of("source", &member)
    }
    /// Key of [`Rolling`](super::Rolling).
    #[must_use]
    pub fn rolling() -> Key {
        Key::of("rolling", &SOLE)
    }
    /// Key of an [`Outlook`](super::Outlook).
    #[must_use]
    pub fn outlook(gate: GateId) -> Key {
        Key::of("outlook", &gate)
    }
    /// Key of an [`Output`](super::Output).
    #[must_use]
    pub fn output(gate: GateId, member: MemberId) -> Key {
        Key::of("output", &(gate, member))
    }
    /// Key of an [`Upload`](super::Upload).
    #[must_use]
    pub fn upload(gate: GateId, seat: u16) -> Key {
        Key::of("upload", &(gate, seat))
    }
    /// Key of a [`Piece`](super::Piece).
    #[must_use]
    pub fn piece(gate: GateId, seat: u16, index: u16) -> Key {
        Key::of("piece", &(gate, seat, index))
    }
    /// Key of a [`Line`](super::Line).
    #[must_use]
    pub fn line(gate: GateId, member: MemberId) -> Key {
        Key::of("line", &(gate, member))
    }
}
