//! Who may say what to a node: voters anything, followers a little, nobody else anything.
//!
//! A follower is connected like a voter, so what it may say is decided here, before any actor looks at a message:
//! it may ask for what is final and pass commands on, each at its own pace, and nothing it says on another channel
//! is read. Voters ask only voters, and send their votes to nobody else.

use crate::chain::PublicKey;
use commonware_glue::dkg::network;
use commonware_p2p::{
    LimitedSender, Message, PeerSetSubscription, PeerSetUpdate, Provider, Receiver, Recipients,
    TrackedPeers,
};
use commonware_runtime::Clock;
use commonware_utils::{channel::mpsc, ordered::Set, sequence::Unit, sync::Mutex};
use std::{
    collections::BTreeMap,
    convert::Infallible,
    num::NonZeroUsize,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// The one set of voters; validators do not change.
const SET: u64 = 0;
/// What one message costs of an allowance that grows by its rate each millisecond.
const MESSAGE: u64 = 1_000;

/// The voters of a chain, for one node.
#[derive(Clone)]
pub(crate) struct Voters {
    keys: Arc<Set<PublicKey>>,
    /// All but this node.
    others: Arc<[PublicKey]>,
    /// Subscriptions end when the node does.
    subscribers: Arc<Mutex<Vec<mpsc::UnboundedSender<PeerSetUpdate<PublicKey>>>>>,
}

impl core::fmt::Debug for Voters {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Voters({})", self.keys.len())
    }
}

impl Voters {
    pub(crate) fn new(keys: Set<PublicKey>, own: &PublicKey) -> Self {
        let others = keys.iter().filter(|key| *key != own).cloned().collect();
        Self { keys: Arc::new(keys), others, subscribers: Arc::default() }
    }

    pub(crate) fn contain(&self, key: &PublicKey) -> bool {
        self.keys.position(key).is_some()
    }

    /// How many of them may be faulty.
    pub(crate) fn faults(&self) -> usize {
        (self.keys.len().max(1) - 1) / 3
    }

    /// A channel with its doors: messages to everybody go to voters alone, unless they are `public`; of a follower
    /// `rate` messages a second are heard.
    pub(crate) fn guard<S, R, E>(
        &self,
        clock: E,
        (sender, receiver): (S, R),
        public: bool,
        rate: u32,
    ) -> (Narrow<S>, Gate<R, E>) {
        let voters = (!public).then(|| self.others.clone());
        let sender = Narrow { inner: sender, voters };
        let voters = self.clone();
        (sender, Gate { inner: receiver, clock, voters, rate, allowances: BTreeMap::new() })
    }
}

/// Requests go to voters only: what a follower holds it had from them.
impl Provider for Voters {
    type PublicKey = PublicKey;

    async fn peer_set(&mut self, id: u64) -> Option<TrackedPeers<PublicKey>> {
        (id == SET).then(|| TrackedPeers::primary((*self.keys).clone()))
    }

    async fn subscribe(&mut self) -> PeerSetSubscription<PublicKey> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let peers = TrackedPeers::primary((*self.keys).clone());
        // The receiver is here.
        let _ = sender.send(PeerSetUpdate { index: SET, latest: peers.clone(), all: peers });
        self.subscribers.lock().push(sender);
        receiver
    }
}

/// A ceremony may not change them: they are those of genesis.
impl network::Manager for Voters {
    type Directory = Unit;
    type Error = Infallible;

    fn track(
        &mut self,
        _: commonware_consensus::types::Epoch,
        _: TrackedPeers<PublicKey>,
        _: &Unit,
    ) -> Result<(), Infallible> {
        Ok(())
    }
}

/// The sending side of a channel.
#[derive(Clone, Debug)]
pub(crate) struct Narrow<S> {
    inner: S,
    /// Who everybody is; `None` where it is everybody.
    voters: Option<Arc<[PublicKey]>>,
}

impl<S: LimitedSender<PublicKey = PublicKey>> LimitedSender for Narrow<S> {
    type PublicKey = PublicKey;
    type Checked<'a> = S::Checked<'a>;

    fn check(&mut self, recipients: Recipients<PublicKey>) -> Result<S::Checked<'_>, SystemTime> {
        let recipients = match (&self.voters, recipients) {
            (Some(voters), Recipients::All) => Recipients::Some(voters.to_vec()),
            (_, recipients) => recipients,
        };
        self.inner.check(recipients)
    }
}

/// The receiving side of a channel. What does not come through was never said.
pub(crate) struct Gate<R, E> {
    inner: R,
    clock: E,
    voters: Voters,
    /// Messages a second, and at once, of one follower.
    rate: u32,
    /// Of followers that have spoken; the network connects only those that are listed.
    allowances: BTreeMap<PublicKey, Allowance>,
}

impl<R: core::fmt::Debug, E> core::fmt::Debug for Gate<R, E> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Gate").field(&self.inner).finish()
    }
}

/// What a follower may still say, in thousandths of a message.
struct Allowance {
    left: u64,
    since: SystemTime,
}

impl Allowance {
    /// Whether there is room for a message now; takes it.
    fn take(&mut self, now: SystemTime, rate: u32) -> bool {
        let rate = u64::from(rate);
        let elapsed = now.duration_since(self.since).unwrap_or(Duration::ZERO);
        let elapsed = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        // What is less than a millisecond stays for the next time.
        if elapsed > 0 {
            self.since = now;
        }
        self.left = self.left.saturating_add(elapsed.saturating_mul(rate)).min(rate * MESSAGE);
        match self.left.checked_sub(MESSAGE) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }
}

impl<R, E: Clock> Gate<R, E> {
    fn admits(&mut self, peer: &PublicKey) -> bool {
        if self.voters.contain(peer) {
            return true;
        }
        if self.rate == 0 {
            return false;
        }
        let (now, rate) = (self.clock.current(), self.rate);
        let full = || Allowance { left: u64::from(rate) * MESSAGE, since: now };
        self.allowances.entry(peer.clone()).or_insert_with(full).take(now, rate)
    }
}

impl<R, E> Receiver for Gate<R, E>
where
    R: Receiver<PublicKey = PublicKey>,
    E: Clock + Send + 'static,
{
    type Error = R::Error;
    type PublicKey = PublicKey;

    async fn recv(&mut self) -> Result<Message<PublicKey>, R::Error> {
        loop {
            let message = self.inner.recv().await?;
            if self.admits(&message.0) {
                return Ok(message);
            }
        }
    }

    fn capacity(&self) -> NonZeroUsize {
        self.inner.capacity()
    }
}
