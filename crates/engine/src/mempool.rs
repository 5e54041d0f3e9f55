//! Commands that wait for a block.
//!
//! Bounded in all and per member. Signatures are checked before a command gets here. A member's commands leave in
//! nonce order; members take turns, in an order that every block draws anew, so nobody is served last for ever.

use crate::block::PAYLOAD_SIZE_MAX;
use commonware_codec::EncodeSize as _;
use commonware_cryptography::{Hasher as _, Sha256};
use gridaccord_ledger::{
    Command, Digest, SignedCommand, block::COMMANDS_MAX, command::COMMAND_SIZE_MAX,
};
use gridaccord_model::MemberId;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Bytes of all commands held.
pub const BYTES_MAX: usize = 32 * 1024 * 1024;
/// Commands held of one member.
pub const MEMBER_COMMANDS_MAX: usize = 64;
/// Bytes held of one member.
pub const MEMBER_BYTES_MAX: usize = 256 * 1024;
/// Commands of one member in a block.
pub const BLOCK_MEMBER_MAX: usize = 16;
/// Bytes of a block kept for commits and reveals, which come late and must not miss their window.
pub const RESERVED: usize = 256 * 1024;
/// Bytes of a payload beside its commands.
const PAYLOAD_OVERHEAD: usize = 16;

const _: () = assert!(COMMAND_SIZE_MAX <= MEMBER_BYTES_MAX && MEMBER_BYTES_MAX <= BYTES_MAX);
const _: () = assert!(RESERVED + PAYLOAD_OVERHEAD < PAYLOAD_SIZE_MAX);

/// Why a command is not taken. The sender may mend it and come again, unless it is already in a block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Larger than a command may be.
    #[error("command has {size} bytes, at most {COMMAND_SIZE_MAX} are allowed")]
    TooLarge {
        /// Its encoded size.
        size: usize,
    },
    /// Nobody by that number.
    #[error("member {0} is unknown to this chain")]
    MemberUnknown(MemberId),
    /// Already used.
    #[error("nonce {nonce} of {member} is used, the next one is {next}")]
    NonceOld {
        /// Author.
        member: MemberId,
        /// What the command carries.
        nonce: u64,
        /// What the state expects.
        next: u64,
    },
    /// Too far ahead.
    #[error(
        "nonce {nonce} of {member} is too far ahead of the next one, {next}: send the ones before it first"
    )]
    NonceAhead {
        /// Author.
        member: MemberId,
        /// What the command carries.
        nonce: u64,
        /// What the state expects.
        next: u64,
    },
    /// Another command waits under this nonce.
    #[error("another command of {member} waits under nonce {nonce}: use the next free nonce")]
    NonceTaken {
        /// Author.
        member: MemberId,
        /// What both carry.
        nonce: u64,
    },
    /// Not signed by the member's key for this chain.
    #[error("signature is not the one of {0} over this command on this chain")]
    SignatureWrong(MemberId),
    /// The member holds too much here.
    #[error("{0} has too many commands waiting: send again when some are in a block")]
    MemberFull(MemberId),
    /// All hold too much here.
    #[error("too many commands are waiting: send again in a few seconds")]
    Full,
    /// The node is going down.
    #[error("the node is stopping")]
    Stopping,
}

#[derive(Debug)]
struct Entry {
    command: Arc<SignedCommand>,
    id: Digest,
    size: usize,
    local: bool,
}

/// How a command was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admitted {
    /// It was not here before.
    New(Digest),
    /// It waits already.
    Known(Digest),
}

/// The commands that wait, by member and nonce.
#[derive(Debug, Default)]
pub struct Mempool {
    members: BTreeMap<MemberId, BTreeMap<u64, Entry>>,
    /// The next nonce of each member with commands here, after the last finalised block.
    next: BTreeMap<MemberId, u64>,
    bytes: usize,
}

impl Mempool {
    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Commands held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.values().map(BTreeMap::len).sum()
    }

    /// Bytes held.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Members with commands here.
    #[must_use]
    pub fn members(&self) -> Vec<MemberId> {
        self.members.keys().copied().collect()
    }

    /// Whether a command of this member waits under this nonce.
    #[must_use]
    pub fn holds(&self, member: MemberId, nonce: u64) -> bool {
        self.members.get(&member).is_some_and(|held| held.contains_key(&nonce))
    }

    /// Takes a command whose signature is good and whose author's next nonce is `next`.
    ///
    /// # Errors
    /// [`Refused`], without its first two and its signature rule.
    pub fn admit(
        &mut self,
        command: SignedCommand,
        next: u64,
        local: bool,
    ) -> Result<Admitted, Refused> {
        let (member, nonce) = (command.member, command.nonce);
        let size = command.encode_size();
        check(&command, next)?;
        let id = command.id();
        let held = self.members.get(&member);
        if let Some(entry) = held.and_then(|held| held.get(&nonce)) {
            return if entry.id == id {
                Ok(Admitted::Known(id))
            } else {
                Err(Refused::NonceTaken { member, nonce })
            };
        }
        let (count, bytes) = held.map_or((0, 0), |held| {
            (held.len(), held.values().map(|entry| entry.size).sum::<usize>())
        });
        if count >= MEMBER_COMMANDS_MAX || bytes + size > MEMBER_BYTES_MAX {
            return Err(Refused::MemberFull(member));
        }
        if self.bytes + size > BYTES_MAX {
            return Err(Refused::Full);
        }
        self.bytes += size;
        let entry = Entry { command: Arc::new(command), id, size, local };
        self.members.entry(member).or_default().insert(nonce, entry);
        let known = self.next.entry(member).or_insert(next);
        *known = next.max(*known);
        Ok(Admitted::New(id))
    }

    /// Whether some member's next command waits here, where `taken` gives nonces that unfinalised blocks use up.
    #[must_use]
    pub fn ready(&self, taken: &BTreeMap<MemberId, u64>) -> bool {
        self.members.iter().any(|(member, held)| {
            let next = self.next.get(member).copied().unwrap_or_default();
            let next = taken.get(member).map_or(next, |after| next.max(*after));
            held.contains_key(&next)
        })
    }

    /// Commands for the block after `parent`, where `next` gives each member's next nonce in its state.
    #[must_use]
    pub fn select(&self, parent: &Digest, next: &BTreeMap<MemberId, u64>) -> Vec<SignedCommand> {
        let mut turns: Vec<_> = next
            .iter()
            .filter_map(|(member, nonce)| {
                Some((turn(parent, *member), *nonce, self.members.get(member)?, 0))
            })
            .collect();
        turns.sort_by_key(|(turn, ..)| *turn);
        let mut selected = Vec::new();
        let mut size = PAYLOAD_OVERHEAD;
        for late_only in [false, true] {
            let limit = if late_only { PAYLOAD_SIZE_MAX } else { PAYLOAD_SIZE_MAX - RESERVED };
            let mut progress = true;
            while progress {
                progress = false;
                for (_, nonce, held, count) in &mut turns {
                    let Some(entry) = held.get(nonce) else { continue };
                    let fits = size + entry.size <= limit && *count < BLOCK_MEMBER_MAX;
                    if !fits
                        || selected.len() >= COMMANDS_MAX
                        || (late_only && !is_late(&entry.command.command))
                    {
                        continue;
                    }
                    selected.push((*entry.command).clone());
                    size += entry.size;
                    *nonce += 1;
                    *count += 1;
                    progress = true;
                }
            }
        }
        selected
    }

    /// Drops what a finalised block made stale: `next` is the member's next nonce after it, `executed` the
    /// nonces it carried. A command that ran without using its nonce was refused and would be refused again.
    pub fn settle(&mut self, member: MemberId, next: u64, executed: &BTreeSet<u64>) {
        let Some(held) = self.members.get_mut(&member) else { return };
        let refused = executed.contains(&next);
        let mut freed = 0;
        held.retain(|nonce, entry| {
            let keep = *nonce > next || (*nonce == next && !refused);
            freed += if keep { 0 } else { entry.size };
            keep
        });
        self.bytes -= freed;
        self.next.insert(member, next);
        if held.is_empty() {
            self.members.remove(&member);
            self.next.remove(&member);
        }
    }

    /// Up to `count` commands that were submitted here, lowest nonces first: peers may have missed them.
    pub(crate) fn local(&self, count: usize) -> Vec<Arc<SignedCommand>> {
        let held = self.members.values().flat_map(BTreeMap::values);
        held.filter(|entry| entry.local).take(count).map(|entry| entry.command.clone()).collect()
    }
}

/// The rules that need no signature.
pub(crate) fn check(command: &SignedCommand, next: u64) -> Result<(), Refused> {
    let (member, nonce) = (command.member, command.nonce);
    let size = command.encode_size();
    if size > COMMAND_SIZE_MAX {
        return Err(Refused::TooLarge { size });
    }
    if nonce < next {
        return Err(Refused::NonceOld { member, nonce, next });
    }
    if nonce - next >= MEMBER_COMMANDS_MAX as u64 {
        return Err(Refused::NonceAhead { member, nonce, next });
    }
    Ok(())
}

/// A member's place in the order of one block.
fn turn(parent: &Digest, member: MemberId) -> Digest {
    Sha256::hash(&[parent.as_ref(), &member.0.to_be_bytes()])
}

/// Commands that are due in a window of a few heights.
const fn is_late(command: &Command) -> bool {
    matches!(command, Command::Commit { .. } | Command::Reveal { .. })
}
