//! What passes between a simulated node and the network: who hears which half of a pair of twins, and a witness of
//! every vote.
//!
//! The witness hears what a node sends, before any of it is lost, and so knows what the node signed even where no
//! two others could compare notes. A validator that keeps to the protocol never contradicts itself, however often
//! it crashes.
//!
//! Here is also what is said against the protocol below consensus: forged pieces of state, and noise.

use super::byzantine::OUTDATED_VIEWS;
use crate::chain::{PublicKey, Scheme};
use commonware_actor::{Feedback, Unreliable};
use commonware_codec::DecodeExt as _;
use commonware_consensus::{
    Epochable as _, Viewable as _,
    simplex::types::{Attributable as _, Proposal, Vote},
    types::{Epoch, Participant},
};
use commonware_p2p::{
    CheckedSender, LimitedSender, Receiver as _, Recipients, Sender as _,
    simulated::{Receiver, Sender, SplitForwarder, SplitOrigin, SplitSender, SplitTarget},
};
use commonware_runtime::{Clock as _, IoBuf, IoBufs, deterministic::Context};
use commonware_utils::sync::Mutex;
use futures::FutureExt as _;
use gridaccord_ledger::Digest;
use rand::RngExt as _;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, SystemTime},
};

/// A channel as the network registers it.
pub(super) type Channel = (Sender<PublicKey, Context>, Receiver<PublicKey>);
/// A channel as a node gets it: what it says there passes `F`.
pub(super) type Lane<F> = (Tongue<SplitSender<PublicKey, Context, F>>, Receiver<PublicKey>);

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

/// Messages shorter than this ask for something; longer ones hand it out.
const ANSWER_SIZE_MIN: usize = 64;

/// A sender that can lie.
#[derive(Clone)]
pub(super) struct Tongue<S> {
    inner: S,
    /// Whether a bit of what it hands out is turned.
    pub(super) forges: bool,
}

impl<S> Tongue<S> {
    pub(super) const fn honest(inner: S) -> Self {
        Self { inner, forges: false }
    }
}

impl<S: LimitedSender> LimitedSender for Tongue<S> {
    type PublicKey = S::PublicKey;
    type Checked<'a> = Tongue<S::Checked<'a>>;

    fn check(
        &mut self,
        recipients: Recipients<S::PublicKey>,
    ) -> Result<Self::Checked<'_>, SystemTime> {
        Ok(Tongue { inner: self.inner.check(recipients)?, forges: self.forges })
    }
}

impl<C: CheckedSender> CheckedSender for Tongue<C> {
    type PublicKey = C::PublicKey;

    fn recipients(&self) -> Vec<C::PublicKey> {
        self.inner.recipients()
    }

    fn send(self, message: impl Into<IoBufs> + Send, priority: bool) -> Unreliable<Feedback> {
        if !self.forges {
            return self.inner.send(message, priority);
        }
        let mut bytes = message.into().coalesce().as_ref().to_vec();
        if bytes.len() >= ANSWER_SIZE_MIN {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        }
        self.inner.send(IoBuf::from(bytes), priority)
    }
}

/// Between two rounds of noise on all channels.
const NOISE_EVERY: Duration = Duration::from_millis(10);
/// Bytes of noise at once.
const NOISE_SIZE: usize = 200;

/// Sends random bytes, and what it hears, to everybody on every channel, for ever.
pub(super) async fn make_noise(mut context: Context, mut channels: Vec<Channel>) {
    loop {
        let mut noise = [0; NOISE_SIZE];
        context.fill(&mut noise);
        let mut messages = vec![IoBuf::from(noise.to_vec())];
        for (_, receiver) in &mut channels {
            if let Some(Ok((_, message))) = receiver.recv().now_or_never() {
                messages.push(message);
            }
        }
        for (sender, _) in &mut channels {
            for message in &messages {
                sender.send(Recipients::All, message.clone(), true);
            }
        }
        context.sleep(NOISE_EVERY).await;
    }
}
