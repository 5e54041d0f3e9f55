//! A block as the ledger sees it. The engine adds parent, roots and consensus context around it.

use crate::{
    command::SignedCommand,
    genesis::{Genesis, Group},
};
use gridaccord_model::{TimeMs, codec::Bounded, codec_struct, codec_union};

/// Commands in one block.
pub const COMMANDS_MAX: usize = 16_384;
/// Seeds in one block.
pub const SEEDS_MAX: usize = 64;

/// The beacon's value of one view, as recovered from its certificate: verified by the engine before the
/// ledger sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed {
    /// The view it belongs to.
    pub view: u64,
    /// The threshold signature on that view.
    pub signature: [u8; 48],
}

codec_struct!(Seed { view, signature });

/// What a block carries.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "one genesis a chain")]
pub enum Payload {
    /// What block 1 carries, and nothing else.
    Genesis {
        /// The genesis document.
        genesis: Genesis,
        /// The validators' group key, generated for it.
        group: Group,
    },
    /// What every later block carries.
    Commands {
        /// In the order they run.
        commands: Bounded<SignedCommand, COMMANDS_MAX>,
    },
}

codec_union!(Payload { Genesis = 0 { genesis, group }, Commands = 1 { commands } });

/// One block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Position in the chain; block 1 carries genesis.
    pub height: u64,
    /// Consensus view it was proposed in.
    pub view: u64,
    /// Wall time of the proposer, not before the parent's.
    pub timestamp: TimeMs,
    /// Seeds that [`agenda`](crate::agenda) asked for.
    pub seeds: Bounded<Seed, SEEDS_MAX>,
    /// Content.
    pub payload: Payload,
}

codec_struct!(Block { height, view, timestamp, seeds, payload });
