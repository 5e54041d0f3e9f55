//! Signed commands: the only way anything enters the ledger.

use crate::{
    Digest,
    sealed::{Boxed, SealedCommand},
};
use bytes::{BufMut, Bytes};
use commonware_codec::{Encode as _, EncodeSize, Write};
use commonware_cryptography::{
    BatchEntry, BatchVerifier as _, Hasher as _, Sha256, Signer as _, Verifier as _, ed25519,
};
use commonware_parallel::Sequential;
use gridaccord_model::{
    GateId, HorizonPosting, Joules, MemberId, Need, Offer, codec::Blob, codec_struct, codec_union,
    horizon::POSTING_SIZE_MAX,
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

/// Domain of every command's signature; the chain's id follows it in the message.
pub const NAMESPACE: &[u8] = b"gridaccord/command/v1";
/// Largest encoded command.
pub const COMMAND_SIZE_MAX: usize = 64 * 1024;
/// Largest encoded answer of a builder.
pub const ANSWER_SIZE_MAX: usize = 60 * 1024;
/// Largest piece of an answer that no single command holds.
pub const PIECE_SIZE_MAX: usize = ANSWER_SIZE_MAX;
/// Pieces of one answer: together they are a body.
pub const PIECES_MAX: u16 = 34;

const _: () = assert!(PIECES_MAX as usize * PIECE_SIZE_MAX <= crate::state::BODY_SIZE_MAX as usize);
const _: () = assert!(POSTING_SIZE_MAX < COMMAND_SIZE_MAX);

/// What a member asks of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Offer a resource's power for a gate's interval.
    Offer {
        /// The gate, open.
        gate: GateId,
        /// Power and cost.
        offer: Offer,
    },
    /// State the consumption needed in a gate's interval.
    Need {
        /// The gate, open.
        gate: GateId,
        /// Firm and sheddable consumption.
        need: Need,
    },
    /// Stake trust tokens for a seat among the gate's builders.
    Wager {
        /// The gate, open.
        gate: GateId,
        /// Trust tokens held until the gate ends.
        tokens: u64,
    },
    /// A drawn builder's salted hash of its answer.
    Commit {
        /// The gate, drawn.
        gate: GateId,
        /// [`commitment`] of salt and answer.
        commitment: Digest,
    },
    /// Open a commitment. Anyone may relay a builder's reveal.
    Reveal {
        /// The gate, committed.
        gate: GateId,
        /// Whose commitment.
        builder: MemberId,
        /// Salt of the commitment.
        salt: [u8; 32],
        /// Encoded answer.
        answer: Blob<ANSWER_SIZE_MAX>,
    },
    /// Report what a member's meter counted over a gate's interval.
    Reading {
        /// The gate, dispatched and over.
        gate: GateId,
        /// Energy that entered the bus, at least 0.
        injected: Joules,
        /// Energy that left the bus, at least 0.
        absorbed: Joules,
    },
    /// Replace the member's signing key.
    RotateKey {
        /// The next key.
        key: ed25519::PublicKey,
    },
    /// State resource and needs over the horizon of a gate of kind *horizon*, in place of what was stated before.
    Post {
        /// The gate, open.
        gate: GateId,
        /// Resource and needs.
        posting: HorizonPosting,
    },
    /// Post the next piece of an answer too large for [`Command::Reveal`], ahead of [`Command::RevealPieces`]. Only a
    /// builder itself may, in a gate of kind *horizon*.
    Piece {
        /// The gate, committed.
        gate: GateId,
        /// Its position, from 0, in order.
        index: u16,
        /// How many there will be, 1..=[`PIECES_MAX`].
        of: u16,
        /// Its bytes, at least one.
        bytes: Blob<PIECE_SIZE_MAX>,
    },
    /// Open a commitment to an answer that was posted in pieces. Anyone may relay it.
    RevealPieces {
        /// The gate, committed.
        gate: GateId,
        /// Whose commitment.
        builder: MemberId,
        /// Salt of the commitment.
        salt: [u8; 32],
    },
    /// Something of a chain with sealed gates.
    Sealed {
        /// What.
        sealed: Boxed<SealedCommand>,
    },
}

impl Command {
    /// The gate it is about, if any.
    #[must_use]
    pub fn gate(&self) -> Option<GateId> {
        match self {
            Self::Offer { gate, .. }
            | Self::Need { gate, .. }
            | Self::Wager { gate, .. }
            | Self::Commit { gate, .. }
            | Self::Reveal { gate, .. }
            | Self::Reading { gate, .. }
            | Self::Post { gate, .. }
            | Self::Piece { gate, .. }
            | Self::RevealPieces { gate, .. } => Some(*gate),
            Self::RotateKey { .. } => None,
            Self::Sealed { sealed } => sealed.0.gate(),
        }
    }
}

/// A command with its author, its place in the author's sequence and the author's signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCommand {
    /// Author.
    pub member: MemberId,
    /// Count of the author's commands before this one.
    pub nonce: u64,
    /// What is asked.
    pub command: Command,
    /// Over chain id, member, nonce and command, under [`NAMESPACE`].
    pub signature: ed25519::Signature,
}

codec_struct!(SignedCommand { member, nonce, command, signature });

impl SignedCommand {
    /// Signs a command for one chain.
    #[must_use]
    pub fn sign(
        chain: &Digest,
        key: &ed25519::PrivateKey,
        member: MemberId,
        nonce: u64,
        command: Command,
    ) -> Self {
        let signature = key.sign(NAMESPACE, &message(chain, member, nonce, &command));
        Self { member, nonce, command, signature }
    }

    /// Whether `key` signed this command for this chain.
    #[must_use]
    pub fn verify(&self, chain: &Digest, key: &ed25519::PublicKey) -> bool {
        key.verify(NAMESPACE, &self.message(chain), &self.signature)
    }

    /// The signed bytes.
    #[must_use]
    pub fn message(&self, chain: &Digest) -> Bytes {
        message(chain, self.member, self.nonce, &self.command)
    }

    /// Hash that names this command in receipts and queries.
    #[must_use]
    pub fn id(&self) -> Digest {
        Sha256::hash(&[&self.encode()])
    }
}

/// Whether each of these commands is signed by the key beside it, in one batch: much cheaper than one by one, but it
/// does not say which is not. The coefficients come from a hash of all of it, so that whoever crafts signatures cannot
/// know them first.
#[must_use]
pub fn verify_all<'a>(
    chain: &Digest,
    commands: impl Iterator<Item = (&'a SignedCommand, &'a ed25519::PublicKey)>,
) -> bool {
    let mut entries = Vec::new();
    let mut hasher = Sha256::default();
    hasher.update(b"gridaccord/batch/v1");
    for (signed, key) in commands {
        hasher.update(&signed.encode());
        hasher.update(&key.encode());
        entries.push((signed.message(chain), key, &signed.signature));
    }
    let mut coefficients = ChaCha20Rng::from_seed(hasher.finalize().1.0);
    ed25519::PublicKey::verify_batch(
        &mut coefficients,
        &entries,
        |_, (message, public_key, signature)| BatchEntry {
            namespace: NAMESPACE,
            message,
            public_key,
            signature,
        },
        &Sequential,
    )
}

fn message(chain: &Digest, member: MemberId, nonce: u64, command: &Command) -> Bytes {
    (*chain, (member, nonce), Borrowed(command)).encode()
}

/// Lets a borrowed command stand in an encoded tuple.
struct Borrowed<'a>(&'a Command);

impl Write for Borrowed<'_> {
    fn write(&self, buf: &mut impl BufMut) {
        self.0.write(buf);
    }
}

impl EncodeSize for Borrowed<'_> {
    fn encode_size(&self) -> usize {
        self.0.encode_size()
    }
}

/// What a builder commits to: H(tag ‖ chain ‖ gate ‖ member ‖ salt ‖ H(answer)).
///
/// Chain, gate and member are inside, so that no commitment can be copied from another place or party.
#[must_use]
pub fn commitment(
    chain: &Digest,
    gate: GateId,
    builder: MemberId,
    salt: &[u8; 32],
    answer: &[u8],
) -> Digest {
    let mut hasher = Sha256::default();
    hasher.update(b"gridaccord/commitment/v1");
    hasher.update(&(*chain, gate, builder, *salt).encode());
    hasher.update(&Sha256::hash(&[answer]));
    hasher.finalize().1
}

codec_union!(Command {
    Offer = 1 { gate, offer },
    Need = 2 { gate, need },
    Wager = 3 { gate, tokens },
    Commit = 4 { gate, commitment },
    Reveal = 5 { gate, builder, salt, answer },
    Reading = 6 { gate, injected, absorbed },
    RotateKey = 7 { key },
    Post = 20 { gate, posting },
    Piece = 21 { gate, index, of, bytes },
    RevealPieces = 22 { gate, builder, salt },
    Sealed = 64 { sealed },
});
