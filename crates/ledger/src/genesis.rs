//! The genesis document: who is a member, what they may do, and every parameter the rules use.
//!
//! Its hash is the chain's id. Block 1 carries it, and with it the group key that the validators generated for this
//! chain, so the log explains itself.

use crate::Digest;
use commonware_codec::Encode as _;
use commonware_cryptography::{Hasher as _, Sha256, ed25519};
use gridaccord_model::{
    GateId, Interval, Money, OwnerId, Price, TimeMs, TimeS,
    codec::{Blob, Bounded, Label},
    codec_enum, codec_struct,
};

mod check;
mod scenario;

pub use check::{
    DEPOSIT_MAX, GenesisError, HORIZON_SEATS_MAX, PRICE_CAP_MAX, PRICE_INTERVAL_MAX, SEATS_MAX,
    STAKE_MAX,
};
pub use gridaccord_model::{
    carbon::{CLASS_NAME_MAX, CarbonPolicy},
    terms::{GateKind, Thresholds, Trust},
};

/// Members in genesis.
pub const MEMBERS_MAX: usize = 1_024;
/// Validators in genesis.
pub const VALIDATORS_MAX: usize = 128;
/// Bytes of a member's name.
pub const NAME_MAX: usize = 32;

/// What a member may do; the table is in [`roles`](crate::roles).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Injects energy.
    Supplier,
    /// Stores energy.
    StorageOwner,
    /// The data-center campus: owns the bus, buys for itself.
    Campus,
    /// Uses energy on the campus.
    Tenant,
    /// The macrogrid behind the tie.
    Utility,
    /// Authority having jurisdiction.
    Authority,
    /// Certifies devices and carbon.
    Certifier,
    /// Checks and builds, but neither injects nor uses.
    Auditor,
}

codec_enum!(Role {
    Supplier = 0,
    StorageOwner = 1,
    Campus = 2,
    Tenant = 3,
    Utility = 4,
    Authority = 5,
    Certifier = 6,
    Auditor = 7,
});

/// A member at genesis. Its id is its position in [`Genesis::members`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenesisMember {
    /// Unique, lower case.
    pub name: Label<NAME_MAX>,
    /// What it may do.
    pub role: Role,
    /// Kind of its resource, as the carbon policy names it; empty for none.
    pub class: Label<CLASS_NAME_MAX>,
    /// Who stands behind it.
    pub owner: OwnerId,
    /// Signs its commands.
    pub key: ed25519::PublicKey,
    /// Trust tokens it starts with.
    pub stake: u64,
    /// Money it starts with.
    pub deposit: Money,
}

codec_struct!(GenesisMember { name, role, class, owner, key, stake, deposit });

/// A validator: a member's node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validator {
    /// Position of the member in [`Genesis::members`].
    pub member: u16,
    /// Key of the node: signs on the network, not commands.
    pub key: ed25519::PublicKey,
}

codec_struct!(Validator { member, key });

/// How wall time becomes ledger time: start + speed·(timestamp − wall_start).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Ledger time at the wall start.
    pub ledger_start: TimeS,
    /// Wall time it starts at.
    pub wall_start: TimeMs,
    /// Ledger seconds per wall second; 1 in service, more in a demo.
    pub speed: u32,
    /// How far ahead of a replica's clock a block's time may be before the replica waits.
    pub drift_ms: u32,
}

codec_struct!(Clock { ledger_start, wall_start, speed, drift_ms });

impl Clock {
    /// Ledger time at a wall time; the start's before it.
    #[must_use]
    pub const fn ledger(&self, wall: TimeMs) -> TimeS {
        let elapsed_ms = wall.0.saturating_sub(self.wall_start.0);
        TimeS(
            self.ledger_start
                .0
                .saturating_add(elapsed_ms.saturating_mul(self.speed as u64).div_euclid(1_000)),
        )
    }

    /// First wall time at which it is `ledger` time.
    #[must_use]
    pub const fn wall(&self, ledger: TimeS) -> TimeMs {
        let elapsed_s = ledger.0.saturating_sub(self.ledger_start.0);
        let speed = if self.speed == 0 { 1 } else { self.speed as u64 };
        TimeMs(self.wall_start.0.saturating_add(elapsed_s.saturating_mul(1_000).div_ceil(speed)))
    }
}

/// The rhythm of gates. All leads are ledger seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Market {
    /// What decides an interval.
    pub kind: GateKind,
    /// Start of the first interval.
    pub first_start: TimeS,
    /// Length of an interval.
    pub interval_s: u32,
    /// From one interval's start to the next one's; at least `interval_s`.
    pub period_s: u32,
    /// How many gates there are; 0 is without end.
    pub gates: u32,
    /// A gate opens this long before its interval starts.
    pub open_lead_s: u32,
    /// A gate closes this long before its interval starts.
    pub close_lead_s: u32,
    /// Readings are due this long after the first block behind the interval's end.
    pub meter_lag_s: u32,
    /// Highest price an answer may have.
    pub price_cap: Price,
}

codec_struct!(Market {
    kind,
    first_start,
    interval_s,
    period_s,
    gates,
    open_lead_s,
    close_lead_s,
    meter_lag_s,
    price_cap,
});

impl Market {
    /// The interval that a gate is the market of.
    #[must_use]
    pub const fn interval(&self, gate: GateId) -> Interval {
        let offset = gate.0.saturating_mul(self.period_s as u64);
        Interval {
            start: TimeS(self.first_start.0.saturating_add(offset)),
            duration_s: self.interval_s,
        }
    }

    /// When a gate opens.
    #[must_use]
    pub const fn opens(&self, gate: GateId) -> TimeS {
        TimeS(self.interval(gate).start.0.saturating_sub(self.open_lead_s as u64))
    }

    /// When a gate closes.
    #[must_use]
    pub const fn closes(&self, gate: GateId) -> TimeS {
        TimeS(self.interval(gate).start.0.saturating_sub(self.close_lead_s as u64))
    }

    /// Whether there is such a gate.
    #[must_use]
    pub const fn has(&self, gate: GateId) -> bool {
        self.gates == 0 || gate.0 < self.gates as u64
    }
}

/// Everything a chain starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Genesis {
    /// For people; two chains with one label still differ in id.
    pub label: Label<64>,
    /// How wall time becomes ledger time.
    pub clock: Clock,
    /// The rhythm of gates.
    pub market: Market,
    /// How builders are drawn, paid and punished.
    pub trust: Trust,
    /// Loss thresholds.
    pub thresholds: Thresholds,
    /// What emissions nobody accepts.
    pub carbon: CarbonPolicy,
    /// Who votes.
    pub validators: Bounded<Validator, VALIDATORS_MAX>,
    /// Who is a member.
    pub members: Bounded<GenesisMember, MEMBERS_MAX>,
}

codec_struct!(Genesis { label, clock, market, trust, thresholds, carbon, validators, members });

/// Bytes of a group's polynomial.
pub const POLYNOMIAL_MAX: usize = 16_384;

/// The validators as one signer. They generate it for a chain whose genesis, and so whose id, stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its public key, BLS12-381 in G2: all that a light client needs beside the chain's id.
    pub key: [u8; 96],
    /// The polynomial commitment the key comes from, as the engine encodes it: verifies single votes.
    pub polynomial: Blob<POLYNOMIAL_MAX>,
}

codec_struct!(Group { key, polynomial });

impl Genesis {
    /// The chain's id: hash of the document.
    #[must_use]
    pub fn chain_id(&self) -> Digest {
        let mut hasher = Sha256::default();
        hasher.update(b"gridaccord/genesis/v1");
        hasher.update(&self.encode());
        hasher.finalize().1
    }
}
