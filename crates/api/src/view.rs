//! What the interface shows: readable JSON with units in names. The same types serve the answers, the OpenAPI
//! document and the client.

use gridaccord_ledger::{Genesis, Role};
use gridaccord_model::MemberId;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};
use utoipa::ToSchema;

pub mod block;
pub mod command;
pub mod event;
pub mod gate;
pub mod live;
pub mod member;
pub mod offer;
pub mod record;
pub mod status;

/// A member, by number and by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct MemberRef {
    /// Number, in order of admission.
    pub id: u16,
    /// Name; `m` and the number where genesis names nobody by that number.
    #[schema(example = "solar-a")]
    pub name: String,
}

/// Names of all members, from genesis: they never change.
#[derive(Clone, Debug)]
pub struct Names {
    names: Arc<[String]>,
    ids: Arc<BTreeMap<String, MemberId>>,
}

impl Names {
    /// Names in a genesis document.
    #[must_use]
    pub fn of(genesis: &Genesis) -> Self {
        let names: Arc<[String]> =
            genesis.members.iter().map(|member| member.name.to_string()).collect();
        let ids = (0u16..).map(MemberId);
        let ids = names.iter().cloned().zip(ids).collect();
        Self { names, ids: Arc::new(ids) }
    }

    /// The member's name.
    #[must_use]
    pub fn name(&self, member: MemberId) -> String {
        self.names.get(usize::from(member.0)).cloned().unwrap_or_else(|| member.to_string())
    }

    /// The member, to be shown.
    #[must_use]
    pub fn show(&self, member: MemberId) -> MemberRef {
        MemberRef { id: member.0, name: self.name(member) }
    }

    /// The member that a number or a name stands for. A text of digits is a number.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<MemberId> {
        match text.parse() {
            Ok(id) => Some(MemberId(id)).filter(|_| usize::from(id) < self.names.len()),
            Err(_) => self.ids.get(text).copied(),
        }
    }
}

/// A role, as people read it.
#[must_use]
pub(crate) const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Supplier => "supplier",
        Role::StorageOwner => "storage_owner",
        Role::Campus => "campus",
        Role::Tenant => "tenant",
        Role::Utility => "utility",
        Role::Authority => "authority",
        Role::Certifier => "certifier",
        Role::Auditor => "auditor",
    }
}
