//! What passes between a simulated node and the network: who hears which half of a pair of twins, and a witness of
//! every vote.
//!
//! The witness hears what a node sends, before any of it is lost, and so knows what the node signed even where no
//! two others could compare notes. A validator that keeps to the protocol never contradicts itself, however often
//! it crashes.

use super::byzantine::OUTDATED_VIEWS;
use crate::chain::{PublicKey, Scheme};
use commonware_codec::DecodeExt as _;
use commonware_consensus::{
    Epochable as _, Viewable as _,
    simplex::types::{Attributable as _, Proposal, Vote},
    types::{Epoch, Participant},
};
use commonware_p2p::{
    Recipients,
    simulated::{Receiver, Sender, SplitForwarder, SplitOrigin, SplitSender, SplitTarget},
};
use commonware_runtime::{IoBuf, deterministic::Context};
use commonware_utils::sync::Mutex;
use gridaccord_ledger::Digest;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// A channel as the network registers it.
pub(super) type Channel = (Sender<PublicKey, Context>, Receiver<PublicKey>);
/// A channel as a node gets it: what it says there passes `F`.
pub(super) type Lane<F> = (SplitSender<PublicKey, Context, F>, Receiver<PublicKey>);

/// Views of a node that the witness remembers.
const VIEWS_REMEMBERED: usize = 64;

/// What a node said on the channel of votes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Speech {
    /// Votes in all.
    pub votes: u64,
    /// Votes to skip a view.
    pub skips: u64,
    /// Votes that contradict one before it in the same view: for another block, or to skip what it finalises.
    pub contradictions: u64,
    /// Votes in another validator's name.
    pub impersonations: u64,
    /// Votes of another epoch.
    pub foreign: u64,
    /// Votes for a view that others had left behind some views ago.
    pub late: u64,
}

/// What a validator said in one view.
#[derive(Default)]
struct Said {
    notarizes: Option<Proposal<Digest>>,
    finalizes: Option<Proposal<Digest>>,
    skips: bool,
}

impl Said {
    /// Whether a vote contradicts what was said before.
    fn contradicts(&mut self, vote: Vote<Scheme, Digest>) -> bool {
        match vote {
            Vote::Notarize(vote) => {
                *self.notarizes.get_or_insert_with(|| vote.proposal.clone()) != vote.proposal
            }
            Vote::Nullify(_) => {
                self.skips = true;
                self.finalizes.is_some()
            }
            Vote::Finalize(vote) => {
                let other =
                    *self.finalizes.get_or_insert_with(|| vote.proposal.clone()) != vote.proposal;
                other || self.skips
            }
        }
    }
}

#[derive(Default)]
struct Heard {
    /// Newest view anybody voted in.
    newest: u64,
    nodes: BTreeMap<usize, (Speech, BTreeMap<u64, Said>)>,
}

/// Hears every vote of every node.
#[derive(Clone, Default)]
pub(super) struct Witness(Arc<Mutex<Heard>>);

impl Witness {
    /// What a node has said so far.
    pub(super) fn speech(&self, node: usize) -> Speech {
        self.0.lock().nodes.get(&node).map(|(speech, _)| *speech).unwrap_or_default()
    }

    fn hear(&self, node: usize, own: Participant, message: &IoBuf) {
        let Ok(vote) = Vote::<Scheme, Digest>::decode(message.clone()) else { return };
        let (signer, view) = match &vote {
            Vote::Notarize(vote) => (vote.signer(), vote.view().get()),
            Vote::Nullify(vote) => (vote.signer(), vote.view().get()),
            Vote::Finalize(vote) => (vote.signer(), vote.view().get()),
        };
        let mut heard = self.0.lock();
        heard.newest = heard.newest.max(view);
        let late = view.saturating_add(OUTDATED_VIEWS) <= heard.newest;
        let (speech, views) = heard.nodes.entry(node).or_default();
        speech.votes += 1;
        speech.skips += u64::from(matches!(vote, Vote::Nullify(_)));
        speech.late += u64::from(late);
        if signer != own {
            speech.impersonations += 1;
        } else if vote.epoch() != Epoch::zero() {
            speech.foreign += 1;
        } else if views.entry(view).or_default().contradicts(vote) {
            speech.contradictions += 1;
        }
        while views.len() > VIEWS_REMEMBERED {
            views.pop_first();
        }
    }
}

/// Whom each of a pair of twins hears, and is heard by.
#[derive(Clone)]
pub(super) struct Halves(pub(super) Arc<[BTreeSet<PublicKey>; 2]>);

impl Halves {
    /// Those of the recipients that a twin reaches.
    fn reach(
        &self,
        origin: SplitOrigin,
        recipients: &Recipients<PublicKey>,
    ) -> Option<Recipients<PublicKey>> {
        let [primary, secondary] = &*self.0;
        let half = match origin {
            SplitOrigin::Primary => primary,
            SplitOrigin::Secondary => secondary,
        };
        match recipients {
            Recipients::All => Some(Recipients::Some(half.iter().cloned().collect())),
            Recipients::Some(keys) => {
                let reached = keys.iter().filter(|key| half.contains(key));
                Some(Recipients::Some(reached.cloned().collect()))
            }
            Recipients::One(key) => half.contains(key).then(|| recipients.clone()),
        }
    }

    /// Which of the twins hear a sender.
    pub(super) fn hear(&self, sender: &PublicKey) -> SplitTarget {
        let [primary, secondary] = &*self.0;
        match (primary.contains(sender), secondary.contains(sender)) {
            (true, true) => SplitTarget::Both,
            (true, false) => SplitTarget::Primary,
            (false, true) => SplitTarget::Secondary,
            (false, false) => SplitTarget::None,
        }
    }
}

/// A place at which a node's votes are heard.
#[derive(Clone)]
pub(super) struct Ear {
    pub(super) witness: Witness,
    pub(super) node: usize,
    /// The node's place among the validators.
    pub(super) own: Participant,
}

/// What every message of a node passes: `ear`, on the channel of votes; `halves`, where it is one of twins.
pub(super) fn passage(
    ear: Option<Ear>,
    halves: Option<Halves>,
) -> impl SplitForwarder<PublicKey> + use<> {
    move |origin: SplitOrigin, recipients: &Recipients<PublicKey>, message: &IoBuf| {
        if let Some(ear) = &ear {
            ear.witness.hear(ear.node, ear.own, message);
        }
        match &halves {
            Some(halves) => halves.reach(origin, recipients),
            None => Some(recipients.clone()),
        }
    }
}
