//! Following a chain without a vote: finality certificates heard from validators, checked against the group key.
//!
//! Validators send every finality certificate to whoever is connected. A follower takes those that the group
//! signed, has the blocks they name fetched, executes them like everybody, and says nothing about it. A certificate
//! proves itself, so no validator is trusted; how recent the first one is takes `f + 1` of them to know, because one
//! of these is honest.

use crate::{
    beacon::Tap,
    chain::{PublicKey, Scheme},
    light::{Certificate, verify_certificate},
    node::Marshal,
    node_state::Shared,
    voters::Voters,
};
use commonware_codec::Decode as _;
use commonware_consensus::{
    Reporter as _, Viewable as _,
    simplex::types::{Activity, Certificate as Spoken},
};
use commonware_p2p::{Blocker, Receiver};
use gridaccord_ledger::Digest;
use std::{collections::BTreeSet, sync::Arc};

/// Where a follower begins at its first start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the last final block, whose state it copies from validators: older blocks it never has.
    Recent,
    /// At block 1: it executes every block there is.
    Genesis,
}

/// What a follower does at its first start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joining {
    /// It waits for certificates of more validators than may be faulty.
    Listening,
    /// It copies the state of the block that became final in this view.
    Copying {
        /// Which.
        view: u64,
    },
}

/// How a node follows.
#[derive(Clone)]
pub struct Following {
    /// Where it begins.
    pub start: Start,
    /// Told what it does at its first start.
    pub told: Arc<dyn Fn(Joining) + Send + Sync>,
}

impl Following {
    /// Begins there and tells nobody.
    #[must_use]
    pub fn new(start: Start) -> Self {
        Self { start, told: Arc::new(|_| ()) }
    }
}

impl core::fmt::Debug for Following {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Following({:?})", self.start)
    }
}

/// Why a follower hears nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deaf {
    /// More validators than may be faulty speak for another group.
    Foreign,
    /// The network has ended.
    Ended,
}

/// Listens for finality certificates.
pub(crate) struct Lookout<R, B> {
    receiver: R,
    blocker: B,
    voters: Voters,
    verifier: Scheme,
    newest: Option<Certificate>,
    /// Who sent what the group did not sign.
    refused: BTreeSet<PublicKey>,
}

impl<R, B> Lookout<R, B>
where
    R: Receiver<PublicKey = PublicKey>,
    B: Blocker<PublicKey = PublicKey>,
{
    pub(crate) const fn new(receiver: R, blocker: B, voters: Voters, verifier: Scheme) -> Self {
        Self { receiver, blocker, voters, verifier, newest: None, refused: BTreeSet::new() }
    }

    /// The newest of certificates that `f + 1` validators sent, none of them older than one before it.
    pub(crate) async fn floor(&mut self) -> Result<Certificate, Deaf> {
        let mut heard = BTreeSet::new();
        loop {
            let (peer, _) = self.hear().await?;
            heard.insert(peer);
            if let Some(newest) = self.newest.clone().filter(|_| heard.len() > self.voters.faults())
            {
                return Ok(newest);
            }
        }
    }

    /// Hands certificates on until the network ends.
    pub(crate) async fn follow(mut self, shared: Arc<Shared>, mut marshal: Marshal) {
        let mut tap = Tap::new(shared.clone());
        // What was heard before still counts.
        let mut next = self.newest.clone();
        loop {
            if let Some(certificate) = next.take() {
                tap.report(Activity::Finalization(certificate.clone()));
                marshal.report(Activity::Finalization(certificate));
            }
            match self.hear().await {
                Ok((peer, is_new)) => {
                    shared.heard(peer);
                    next = self.newest.clone().filter(|_| is_new);
                }
                Err(Deaf::Foreign) => {
                    tracing::error!("the validators' certificates are not of this group key");
                    return;
                }
                Err(Deaf::Ended) => return,
            }
        }
    }

    /// The next certificate that is not older than the newest: who sent it, and whether it is newer.
    async fn hear(&mut self) -> Result<(PublicKey, bool), Deaf> {
        loop {
            let (peer, message) = self.receiver.recv().await.map_err(|_| Deaf::Ended)?;
            let certificate = match Spoken::<Scheme, Digest>::decode_cfg(message, &()) {
                Ok(Spoken::Finalization(certificate)) => certificate,
                Ok(_) => continue,
                Err(_) => {
                    self.refuse(peer)?;
                    continue;
                }
            };
            match &self.newest {
                // The group signs a block in one way only.
                Some(newest) if *newest == certificate => return Ok((peer, false)),
                Some(newest) if newest.view() >= certificate.view() => continue,
                _ => {}
            }
            if verify_certificate(&self.verifier, &certificate) {
                self.newest = Some(certificate);
                return Ok((peer, true));
            }
            self.refuse(peer)?;
        }
    }

    /// Shuts out who sends what no honest validator would, unless it is this node that has the wrong key.
    fn refuse(&mut self, peer: PublicKey) -> Result<(), Deaf> {
        tracing::warn!(%peer, "finality certificate is not the group's");
        self.refused.insert(peer.clone());
        if self.newest.is_none() && self.refused.len() > self.voters.faults() {
            return Err(Deaf::Foreign);
        }
        self.blocker.block(peer);
        Ok(())
    }
}
