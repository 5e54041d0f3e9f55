//! Commands and what became of them.

use super::{MemberRef, Names};
use commonware_codec::EncodeSize as _;
use gridaccord_ledger::{Command, Receipt, SignedCommand};
use gridaccord_model::GateId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A command as JSON: the same bytes as the binary body, in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandHex {
    /// Canonical bytes of the signed command.
    pub command_hex: String,
}

/// Options of a submission.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SubmitQuery {
    /// Wait that long for the command's receipt, ms, at most 30,000. Without it the answer comes at once.
    pub wait_ms: Option<u64>,
}

/// What became of a command that nothing refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Submitted {
    /// Hash that names the command.
    pub id: String,
    /// How far it got.
    pub status: SubmittedStatus,
    /// Height of the block that took it, once accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u64>,
}

/// How far a command got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SubmittedStatus {
    /// It waits for a block.
    Queued,
    /// It is final and took effect.
    Accepted,
}

/// A command in a block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CommandView {
    /// Hash that names it.
    pub id: String,
    /// Author.
    pub member: MemberRef,
    /// Count of the author's commands before it.
    pub nonce: u64,
    /// What it asks.
    #[schema(example = "offer")]
    pub kind: String,
    /// The gate it is for, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<u64>,
    /// Encoded size.
    pub size_bytes: usize,
}

/// What a block made of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReceiptView {
    /// Hash that names the command.
    pub id: String,
    /// Author.
    pub member: MemberRef,
    /// Nonce it carries.
    pub nonce: u64,
    /// Whether it took effect.
    pub accepted: bool,
    /// The rule that refused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl CommandView {
    pub(crate) fn of(signed: &SignedCommand, names: &Names) -> Self {
        let (kind, gate) = kind(&signed.command);
        Self {
            id: hex::encode(signed.id().as_ref()),
            member: names.show(signed.member),
            nonce: signed.nonce,
            kind: kind.into(),
            gate: gate.map(|gate| gate.0),
            size_bytes: signed.encode_size(),
        }
    }
}

impl ReceiptView {
    pub(crate) fn of(receipt: &Receipt, names: &Names) -> Self {
        let refusal = receipt.result.as_ref().err();
        Self {
            id: hex::encode(receipt.id.as_ref()),
            member: names.show(receipt.member),
            nonce: receipt.nonce,
            accepted: refusal.is_none(),
            rule: refusal.map(gridaccord_ledger::Refusal::rule),
            message: refusal.map(ToString::to_string),
        }
    }
}

fn kind(command: &Command) -> (&'static str, Option<GateId>) {
    match command {
        Command::Offer { gate, .. } => ("offer", Some(*gate)),
        Command::Need { gate, .. } => ("need", Some(*gate)),
        Command::Wager { gate, .. } => ("wager", Some(*gate)),
        Command::Commit { gate, .. } => ("commit", Some(*gate)),
        Command::Reveal { gate, .. } => ("reveal", Some(*gate)),
        Command::Reading { gate, .. } => ("reading", Some(*gate)),
        Command::RotateKey { .. } => ("rotate_key", None),
        Command::Sealed { sealed } => (sealed.0.name(), sealed.0.gate()),
        Command::Post { gate, .. } => ("post", Some(*gate)),
        Command::Piece { gate, .. } => ("piece", Some(*gate)),
        Command::RevealPieces { gate, .. } => ("reveal_pieces", Some(*gate)),
    }
}
