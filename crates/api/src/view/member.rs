//! A member, its account and its owner's trust.

use super::{MemberRef, role_name};
use gridaccord_ledger::records::{Account, Member, Owner};
use gridaccord_model::MemberId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MemberView {
    /// Who.
    pub member: MemberRef,
    /// What it may do: `supplier`, `storage_owner`, `campus`, `tenant`, `utility`, `authority`, `certifier` or
    /// `auditor`.
    #[schema(example = "supplier")]
    pub role: String,
    /// Who stands behind it.
    pub owner: u16,
    /// Ed25519 key that signs its commands, in hexadecimal.
    pub key: String,
    /// The nonce its next command carries.
    pub nonce: u64,
    /// Money; positive is a credit.
    pub balance_micro: i64,
    /// Trust tokens, those held for wagers included.
    pub stake_tokens: u64,
    /// Trust tokens held for wagers.
    pub held_tokens: u64,
    /// Energy injected over all settled gates.
    pub injected_j: i64,
    /// Energy absorbed over all settled gates.
    pub absorbed_j: i64,
    /// Trust index of its owner, ppm.
    pub index_ppm: u32,
}

impl MemberView {
    pub(crate) fn of(id: MemberId, member: &Member, account: &Account, owner: &Owner) -> Self {
        Self {
            member: MemberRef { id: id.0, name: member.name.to_string() },
            role: role_name(member.role).into(),
            owner: member.owner.0,
            key: hex::encode(member.key.as_ref()),
            nonce: member.nonce,
            balance_micro: account.balance.0,
            stake_tokens: account.stake,
            held_tokens: account.held,
            injected_j: account.injected.0,
            absorbed_j: account.absorbed.0,
            index_ppm: owner.index_ppm,
        }
    }
}
