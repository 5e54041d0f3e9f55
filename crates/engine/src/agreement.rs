//! Voting: the consensus engine of a validator, with a block for each turn and a vote for each block.

use crate::{
    application::App,
    beacon::Tap,
    chain::{PublicKey, Scheme},
    node::{
        FETCH_RETRY, FETCH_TIMEOUT, Marshal, REPLAY_BUFFER, Runtime, WRITE_BUFFER, epochs,
        votes_partition,
    },
    node_state::Shared,
    pace::{BEAT_MS, Paced},
};
use commonware_consensus::{
    Reporters,
    marshal::standard::Deferred,
    simplex::{
        self,
        config::{Floor, ForwardPolicy, SkipPolicy},
        elector::{Random, RandomVersion},
    },
    types::{Epoch, ViewDelta},
};
use commonware_cryptography::{Digestible as _, Sha256};
use commonware_glue::stateful;
use commonware_p2p::{Blocker, Receiver, Sender};
use commonware_parallel::Sequential;
use commonware_runtime::{Handle as Task, buffer::paged::CacheRef};
use commonware_utils::NZDuration;
use std::{num::NonZeroUsize, sync::Arc, time::Duration};

/// Views behind the last final one whose certificates, and so seeds, survive a restart.
const VIEWS_KEPT: ViewDelta = ViewDelta::new(256);
/// A leader has a beat to start in and as long again to be heard.
const LEADER_TIMEOUT: Duration = Duration::from_millis(2 * BEAT_MS);
const CERTIFICATION_TIMEOUT: Duration = Duration::from_millis(3 * BEAT_MS);
const TIMEOUT_RETRY: Duration = Duration::from_millis(BEAT_MS);
/// A leader silent for this long is skipped at once.
const SKIP_TIMEOUT: Duration = Duration::from_millis(5 * BEAT_MS);

/// What a validator votes with.
pub(crate) struct Voting<B> {
    pub(crate) scheme: Scheme,
    pub(crate) blocker: B,
    pub(crate) mailbox_size: NonZeroUsize,
    pub(crate) cache: CacheRef,
    pub(crate) prefix: String,
}

impl<B: Blocker<PublicKey = PublicKey>> Voting<B> {
    /// Starts on the channels of votes, certificates and the resolver of both.
    pub(crate) fn start<E: Runtime, S, R>(
        self,
        context: &E,
        application: stateful::Mailbox<E, App>,
        shared: &Arc<Shared>,
        marshal: &Marshal,
        [votes, certificates, resolver]: [(S, R); 3],
    ) -> Task<()>
    where
        S: Sender<PublicKey = PublicKey>,
        R: Receiver<PublicKey = PublicKey>,
    {
        let genesis = shared.chain.genesis_block().digest();
        let paced = Paced::new(application, shared.clone());
        let deferred = Deferred::new(context.child("deferred"), paced, marshal.clone(), epochs());
        let config = simplex::Config {
            scheme: self.scheme,
            elector: elector(),
            blocker: self.blocker,
            automaton: deferred.clone(),
            relay: deferred.clone(),
            reporter: Reporters::from((Tap::new(shared.clone()), deferred)),
            track_historical_votes: false,
            strategy: Sequential,
            partition: votes_partition(&self.prefix),
            mailbox_size: self.mailbox_size,
            epoch: Epoch::zero(),
            floor: Floor::Genesis(genesis),
            replay_buffer: REPLAY_BUFFER,
            write_buffer: WRITE_BUFFER,
            page_cache: self.cache,
            leader_timeout: LEADER_TIMEOUT,
            certification_timeout: CERTIFICATION_TIMEOUT,
            timeout_retry: TIMEOUT_RETRY,
            view_retention: VIEWS_KEPT,
            skip: SkipPolicy::Enabled {
                timeout: SKIP_TIMEOUT,
                budget: simplex::SkipBudget::Participants,
            },
            fetch_timeout: NZDuration!(FETCH_TIMEOUT),
            fetch_retry_delay: FETCH_RETRY,
            forward: ForwardPolicy::Disabled,
        };
        let engine = simplex::Engine::new(context.child("simplex"), config);
        engine.start(votes, certificates, resolver)
    }
}

/// Who leads a view follows from the seed of the one before it.
pub(crate) const fn elector() -> Random<Sha256> {
    Random::new(RandomVersion::V1)
}
