//! Who may do what. One table; everything not in it is refused.

use crate::{
    command::Command,
    genesis::Role,
    sealed::{SealedCommand, sealed_role},
};
use gridaccord_model::{HorizonOffer, HorizonPosting};

/// Whether a member of this role may give this command.
#[must_use]
pub fn may(role: Role, command: &Command) -> bool {
    use Role::{Campus, StorageOwner, Supplier, Tenant, Utility};
    match command {
        // The utility offers what the tie can carry; the campus may turn source.
        Command::Offer { .. } => matches!(role, Supplier | StorageOwner | Campus | Utility),
        Command::Need { .. } => matches!(role, Campus | Tenant),
        // Anyone with a stake may build; those who certify or rule must not also earn by it.
        Command::Post { posting, .. } => may_post(role, posting),
        Command::Wager { .. } | Command::Commit { .. } | Command::Piece { .. } => {
            !matches!(role, Role::Authority | Role::Certifier)
        }
        Command::Reading { .. } => {
            matches!(role, Supplier | StorageOwner | Campus | Tenant | Utility)
        }
        Command::Reveal { .. } | Command::RevealPieces { .. } | Command::RotateKey { .. } => true,
        Command::Sealed { sealed } => may_sealed(role, &sealed.0),
    }
}

/// Keys, openings and evidence are for everybody: what they need is checked against the state, not the role.
const fn may_sealed(role: Role, command: &SealedCommand) -> bool {
    match command {
        SealedCommand::Certify { .. } | SealedCommand::Revoke { .. } => {
            matches!(role, Role::Certifier)
        }
        SealedCommand::Curve { .. } | SealedCommand::Meter { .. } | SealedCommand::Close { .. } => {
            sealed_role(role).is_some()
        }
        SealedCommand::Enrol { .. }
        | SealedCommand::Deal { .. }
        | SealedCommand::Complain { .. }
        | SealedCommand::Open { .. }
        | SealedCommand::Accuse { .. } => true,
    }
}

/// As for offers and needs of one interval, and only the utility has the tie.
const fn may_post(role: Role, posting: &HorizonPosting) -> bool {
    use Role::{Campus, StorageOwner, Supplier, Tenant, Utility};
    let offer = match posting.offer {
        Some(HorizonOffer::Generator { .. } | HorizonOffer::Storage { .. }) => {
            matches!(role, Supplier | StorageOwner | Campus)
        }
        Some(HorizonOffer::Tie { .. }) => matches!(role, Utility),
        None => true,
    };
    let trades = matches!(role, Supplier | StorageOwner | Campus | Tenant | Utility);
    offer && trades && (posting.need.is_none() || matches!(role, Campus | Tenant))
}
