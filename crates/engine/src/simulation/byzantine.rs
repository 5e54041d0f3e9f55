//! Validators that break the rules of agreement with their own, valid keys.
//!
//! A traitor speaks on the channels of votes and certificates and is silent on all others: it executes nothing and
//! answers no request for blocks. What it says is up to the consensus engine's own Byzantine actors. Twins are two
//! whole validators under one key, which is what becomes of a validator whose keys run on two machines.

use super::wire::Lane;
use crate::{
    agreement,
    chain::{PublicKey, Scheme},
};
use commonware_consensus::{
    simplex::mocks::{
        conflicter::{self, Conflicter},
        equivocator::{self, Equivocator},
        impersonator::{self, Impersonator},
        nuller::{self, Nuller},
        nullify_only::{self, NullifyOnly},
        outdated::{self, Outdated},
        reconfigurer::{self, Reconfigurer},
        relay::Relay,
    },
    types::{Epoch, ViewDelta},
};
use commonware_cryptography::Sha256;
use commonware_p2p::simulated::SplitForwarder;
use commonware_runtime::{Handle, deterministic::Context};
use std::sync::Arc;

/// How many views late the votes of [`Treason::Outdated`] are.
pub(super) const OUTDATED_VIEWS: u64 = 4;

/// What a traitor does with its votes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Treason {
    /// Votes for every block it hears of, and for another one in the same view.
    Conflicter,
    /// As a leader proposes one block to one validator and another to the rest. Nobody has either.
    Equivocator,
    /// Votes in another validator's name.
    Impersonator,
    /// Votes to skip a view and to finalise its block.
    Nuller,
    /// Votes to skip every view it hears a vote of, which is no proof of guilt.
    NullifyOnly,
    /// Votes for blocks of views that are over.
    Outdated,
    /// Votes as if the next set of validators were in office.
    Reconfigurer,
}

impl Treason {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Conflicter,
        Self::Equivocator,
        Self::Impersonator,
        Self::Nuller,
        Self::NullifyOnly,
        Self::Outdated,
        Self::Reconfigurer,
    ];

    /// As people read it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Conflicter => "conflicting votes",
            Self::Equivocator => "two proposals",
            Self::Impersonator => "votes of others",
            Self::Nuller => "skips and finalises",
            Self::NullifyOnly => "skips everything",
            Self::Outdated => "late votes",
            Self::Reconfigurer => "votes of another epoch",
        }
    }
}

/// A validator that does not keep to the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Byzantine {
    /// A traitor in place of a validator.
    Votes(Treason),
    /// Two honest validators under one key. Each hears, and is heard by, the nodes of one list; a node on both
    /// lists hears both.
    Twins([Vec<usize>; 2]),
    /// A validator that keeps to the protocol, except that every piece of state it hands out differs by a bit.
    Counterfeiter,
}

/// Starts a traitor.
pub(super) fn betray<F: SplitForwarder<PublicKey>>(
    context: Context,
    treason: Treason,
    scheme: Scheme,
    votes: Lane<F>,
    certificates: Lane<F>,
) -> Handle<()> {
    match treason {
        Treason::Conflicter => {
            let config = conflicter::Config { scheme };
            Conflicter::<_, _, Sha256>::new(context, config).start(votes)
        }
        Treason::Equivocator => {
            let config = equivocator::Config {
                scheme,
                elector: agreement::elector(),
                epoch: Epoch::zero(),
                // Nobody listens to it: what it proposes has no blocks.
                relay: Arc::new(Relay::new()),
            };
            Equivocator::<_, _, _, Sha256>::new(context, config).start(votes, certificates)
        }
        Treason::Impersonator => {
            let config = impersonator::Config { scheme };
            Impersonator::<_, _, Sha256>::new(context, config).start(votes)
        }
        Treason::Nuller => {
            let config = nuller::Config { scheme };
            Nuller::<_, _, Sha256>::new(context, config).start(votes)
        }
        Treason::NullifyOnly => {
            let config = nullify_only::Config { scheme };
            NullifyOnly::<_, _, Sha256>::new(context, config).start(votes)
        }
        Treason::Outdated => {
            let view_delta = ViewDelta::new(OUTDATED_VIEWS);
            let config = outdated::Config { scheme, view_delta };
            Outdated::<_, _, Sha256>::new(context, config).start(votes)
        }
        Treason::Reconfigurer => {
            let config = reconfigurer::Config { scheme };
            Reconfigurer::<_, _, Sha256>::new(context, config).start(votes)
        }
    }
}
