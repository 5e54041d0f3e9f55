//! What the tasks of one node share in memory. Nothing here is needed after a restart.

use crate::{
    beacon::Beacon,
    block::Block,
    chain::{Chain, PublicKey},
    clock::Skew,
    handle::{Finalized, SUBSCRIBER_LAG_MAX, Status},
    mempool::Mempool,
};
use commonware_utils::sync::Mutex;
use gridaccord_ledger::{Agenda, Digest, Outcome, Payload, Seed};
use gridaccord_model::{MemberId, TimeMs};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::{Notify, futures::Notified, mpsc, watch};

/// Finalised blocks kept with what they did.
const RECENT_KEPT: usize = 64;
/// Executed blocks kept that are not final: far more than consensus runs ahead.
const EXECUTED_KEPT: usize = 256;

/// A block this node has executed, final or not.
#[derive(Clone, Debug)]
pub(crate) struct Executed {
    pub(crate) block: Arc<gridaccord_ledger::Block>,
    pub(crate) parent: Digest,
    pub(crate) outcome: Arc<Outcome>,
    /// What the block after it should bring.
    pub(crate) agenda: Agenda,
    /// When this node began to propose it.
    pub(crate) started: Option<TimeMs>,
}

/// The last finalised block.
#[derive(Clone, Debug)]
pub(crate) struct Tip {
    pub(crate) height: u64,
    pub(crate) digest: Digest,
    pub(crate) state_root: Digest,
    pub(crate) timestamp: TimeMs,
}

impl Tip {
    pub(crate) fn of(digest: Digest, block: &Block) -> Self {
        let header = block.header();
        Self {
            height: header.height,
            digest,
            state_root: header.state.root,
            timestamp: header.timestamp,
        }
    }
}

#[derive(Default)]
struct Inner {
    beacon: Beacon,
    executed: BTreeMap<Digest, Executed>,
    recent: VecDeque<Arc<Finalized>>,
    subscribers: Vec<mpsc::Sender<Arc<Finalized>>>,
    peers: BTreeSet<PublicKey>,
}

/// Shared by all tasks of a node.
pub(crate) struct Shared {
    pub(crate) chain: Chain,
    pub(crate) mempool: Mutex<Mempool>,
    inner: Mutex<Inner>,
    /// Rung when a block may be worth proposing at once.
    work: Notify,
    /// How far its clock is ahead of the runtime's.
    pub(crate) skew: Skew,
    /// Whether this node has no vote, or makes no use of it.
    follows: bool,
    /// Whether this node proposes blocks when it leads.
    proposing: AtomicBool,
    tip: watch::Sender<Tip>,
}

impl Shared {
    pub(crate) fn new(chain: Chain, tip: Tip, skew: Skew, follows: bool) -> Self {
        Self {
            chain,
            skew,
            follows,
            mempool: Mutex::new(Mempool::default()),
            inner: Mutex::new(Inner::default()),
            work: Notify::new(),
            proposing: AtomicBool::new(true),
            tip: watch::Sender::new(tip),
        }
    }

    /// Wakes a proposer that waits for its beat.
    pub(crate) fn ring(&self) {
        self.work.notify_waiters();
    }

    /// Resolves at the next [`ring`](Self::ring) after this call.
    pub(crate) fn rung(&self) -> Notified<'_> {
        self.work.notified()
    }

    pub(crate) fn set_proposing(&self, proposing: bool) {
        self.proposing.store(proposing, Ordering::Relaxed);
    }

    pub(crate) fn is_proposing(&self) -> bool {
        self.proposing.load(Ordering::Relaxed)
    }

    pub(crate) fn tip(&self) -> watch::Receiver<Tip> {
        self.tip.subscribe()
    }

    /// Sets the last finalised block that was already applied when the node started.
    pub(crate) fn start_at(&self, tip: Tip) {
        self.tip.send_if_modified(|known| {
            let newer = tip.height > known.height;
            if newer {
                *known = tip;
            }
            newer
        });
    }

    pub(crate) fn seed(&self, view: u64, signature: [u8; 48]) {
        if self.inner.lock().beacon.insert(view, signature) {
            self.ring();
        }
    }

    pub(crate) fn seed_of(&self, view: u64) -> Option<Seed> {
        self.inner.lock().beacon.get(view)
    }

    /// Remembers a validator that was heard.
    pub(crate) fn heard(&self, peer: PublicKey) {
        if self.chain.validators().position(&peer).is_some() {
            self.inner.lock().peers.insert(peer);
        }
    }

    pub(crate) fn executed(&self, digest: Digest, executed: Executed) {
        let mut inner = self.inner.lock();
        let started = inner.executed.get(&digest).and_then(|known| known.started);
        let executed = Executed { started: executed.started.or(started), ..executed };
        inner.executed.insert(digest, executed);
        while inner.executed.len() > EXECUTED_KEPT {
            let lowest = inner.executed.iter().min_by_key(|(_, executed)| executed.block.height);
            let Some(digest) = lowest.map(|(digest, _)| *digest) else { break };
            inner.executed.remove(&digest);
        }
    }

    /// What stands against waiting for the beat after `parent`: seeds at hand that gates wait for, a gate that is
    /// being decided, or a command that can run. `None` where the parent was executed before the last start.
    pub(crate) fn pressure(&self, parent: &Digest) -> Option<Pressure> {
        let taken = self.taken(parent);
        let ready = self.mempool.lock().ready(&taken);
        let inner = self.inner.lock();
        let agenda = &inner.executed.get(parent)?.agenda;
        let seeded = agenda.seeds.iter().any(|view| inner.beacon.get(*view).is_some());
        Some(Pressure { now: ready || agenda.pending || seeded, due: agenda.due })
    }

    /// The next nonce of each member after the blocks from the last finalised one to `parent`.
    fn taken(&self, parent: &Digest) -> BTreeMap<MemberId, u64> {
        let inner = self.inner.lock();
        let finalised = self.tip.borrow().height;
        let mut taken = BTreeMap::new();
        let mut digest = *parent;
        while let Some(executed) =
            inner.executed.get(&digest).filter(|executed| executed.block.height > finalised)
        {
            if let Payload::Commands { commands } = &executed.block.payload {
                for command in commands {
                    let next = taken.entry(command.member).or_insert(0);
                    *next = command.nonce.saturating_add(1).max(*next);
                }
            }
            digest = executed.parent;
        }
        taken
    }

    /// Takes a block out of the executed ones as it becomes final; those it leaves behind go too.
    pub(crate) fn take(&self, digest: &Digest, height: u64) -> Option<Executed> {
        let mut inner = self.inner.lock();
        let taken = inner.executed.get(digest).cloned();
        // The block itself stays: its agenda paces its child.
        inner.executed.retain(|known, executed| known == digest || executed.block.height > height);
        taken
    }

    pub(crate) fn publish(&self, tip: Tip, finalized: Arc<Finalized>) {
        let mut inner = self.inner.lock();
        inner.recent.push_back(finalized.clone());
        while inner.recent.len() > RECENT_KEPT {
            inner.recent.pop_front();
        }
        inner.subscribers.retain(|subscriber| subscriber.try_send(finalized.clone()).is_ok());
        drop(inner);
        self.tip.send_replace(tip);
    }

    pub(crate) fn recent(&self, height: u64) -> Option<Arc<Finalized>> {
        self.inner.lock().recent.iter().find(|finalized| finalized.height == height).cloned()
    }

    pub(crate) fn subscribe(&self) -> mpsc::Receiver<Arc<Finalized>> {
        let (sender, receiver) = mpsc::channel(SUBSCRIBER_LAG_MAX);
        self.inner.lock().subscribers.push(sender);
        receiver
    }

    /// Ends every subscription: the node stops.
    pub(crate) fn close(&self) {
        self.inner.lock().subscribers.clear();
    }

    pub(crate) fn status(&self) -> Status {
        let Tip { height, digest, state_root, timestamp } = self.tip.borrow().clone();
        let (mempool_commands, mempool_bytes) = {
            let mempool = self.mempool.lock();
            (mempool.len(), mempool.bytes())
        };
        let inner = self.inner.lock();
        Status {
            height,
            view: inner.beacon.view(),
            digest,
            state_root,
            timestamp,
            mempool_commands,
            mempool_bytes,
            peers_heard: inner.peers.len(),
            follows: self.follows,
        }
    }
}

/// Why a proposer should not wait for its beat.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pressure {
    /// There is work now.
    pub(crate) now: bool,
    /// There will be at this wall time.
    pub(crate) due: Option<TimeMs>,
}
