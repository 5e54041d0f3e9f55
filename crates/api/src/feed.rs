//! Finalised blocks on their way to event streams and to callers that wait for a receipt.
//!
//! One subscription to the node serves them all. The last [`KEPT`] blocks stay here, encoded once, so that a
//! client that comes back gets what it missed without a query per block.

use crate::{
    metrics::Metrics,
    port::{FinalizedBlock, Port},
    view::{
        Names,
        event::{EventView, Topic, subject},
    },
};
use futures::{StreamExt as _, stream::BoxStream};
use gridaccord_ledger::{Digest, Outcome, Receipt, genesis::Clock};
use gridaccord_model::MemberId;
use serde_json::value::RawValue;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::{broadcast, oneshot};

/// Blocks that a reconnecting client can catch up on.
pub(crate) const KEPT: usize = 256;
/// Before subscribing again to a node that ended the subscription.
const RESUBSCRIBE: Duration = Duration::from_millis(100);

/// A block with its events, ready to be sent.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) height: u64,
    view: u64,
    timestamp_ms: u64,
    ledger_time_s: u64,
    state_root: String,
    events: Vec<ReadyEvent>,
}

#[derive(Debug)]
struct ReadyEvent {
    topic: Topic,
    subject: Option<MemberId>,
    json: Box<RawValue>,
}

/// Which events a stream carries.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    pub(crate) topics: BTreeSet<Topic>,
    pub(crate) member: Option<MemberId>,
}

impl Filter {
    fn passes(&self, event: &ReadyEvent) -> bool {
        let concerns = match (self.member, event.subject) {
            (Some(wanted), Some(subject)) => wanted == subject,
            _ => true,
        };
        concerns && self.topics.contains(&event.topic)
    }
}

/// The same fields as [`LiveBlock`](crate::view::live::LiveBlock), with the events encoded already.
#[derive(serde::Serialize)]
struct Message<'a> {
    height: u64,
    view: u64,
    timestamp_ms: u64,
    ledger_time_s: u64,
    state_root: &'a str,
    events: Vec<&'a RawValue>,
}

impl Ready {
    fn of(found: &FinalizedBlock, outcome: &Outcome, clock: &Clock, names: &Names) -> Self {
        let events = outcome.events.iter().map(|event| ReadyEvent {
            topic: Topic::of(event),
            subject: subject(event),
            json: serde_json::value::to_raw_value(&EventView::of(event, names))
                .expect("views are plain structs"),
        });
        Self {
            height: found.block.height,
            view: found.block.view,
            timestamp_ms: found.block.timestamp.0,
            ledger_time_s: clock.ledger(found.block.timestamp).0,
            state_root: hex::encode(found.state_root.as_ref()),
            events: events.collect(),
        }
    }

    /// The message's data: one line of JSON.
    pub(crate) fn data(&self, filter: &Filter) -> String {
        let passing = self.events.iter().filter(|event| filter.passes(event));
        let message = Message {
            height: self.height,
            view: self.view,
            timestamp_ms: self.timestamp_ms,
            ledger_time_s: self.ledger_time_s,
            state_root: &self.state_root,
            events: passing.map(|event| &*event.json).collect(),
        };
        serde_json::to_string(&message).expect("a plain struct")
    }
}

/// A command's receipt and the height it is final at.
pub(crate) type Settled = (u64, Receipt);

/// The way from the node's subscription to everybody who listens.
#[derive(Debug)]
pub(crate) struct Feed {
    clock: Clock,
    names: Names,
    kept: Mutex<VecDeque<Arc<Ready>>>,
    sender: broadcast::Sender<Arc<Ready>>,
    waiting: Mutex<BTreeMap<Digest, Vec<oneshot::Sender<Settled>>>>,
}

impl Feed {
    pub(crate) fn new(clock: Clock, names: Names, lag_max: usize) -> Self {
        let (sender, _) = broadcast::channel(lag_max.max(1));
        Self { clock, names, kept: Mutex::default(), sender, waiting: Mutex::default() }
    }

    /// Blocks from the next one on. A receiver that lags learns so.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Arc<Ready>> {
        self.sender.subscribe()
    }

    /// The blocks kept that follow a height, oldest first.
    pub(crate) fn after(&self, height: u64) -> Vec<Arc<Ready>> {
        lock(&self.kept).iter().filter(|block| block.height > height).cloned().collect()
    }

    /// A block that is not kept, from the node's archive.
    pub(crate) async fn archived(&self, port: &dyn Port, height: u64) -> Option<Arc<Ready>> {
        let found = port.block(height).await?;
        let outcome = found.outcome.as_deref()?;
        Some(Arc::new(Ready::of(&found, outcome, &self.clock, &self.names)))
    }

    /// The receipt of a command that is not yet in a block. Call before it is submitted.
    pub(crate) fn wait(self: &Arc<Self>, id: Digest) -> Waiting {
        let (sender, receiver) = oneshot::channel();
        lock(&self.waiting).entry(id).or_default().push(sender);
        Waiting { feed: self.clone(), id, receiver }
    }

    /// Follows the node from a subscription on, until the future that runs this is dropped.
    pub(crate) async fn follow(
        &self,
        mut blocks: BoxStream<'static, FinalizedBlock>,
        port: &dyn Port,
        metrics: &Metrics,
    ) {
        let mut last = 0;
        loop {
            while let Some(block) = blocks.next().await {
                let height = block.block.height;
                if last != 0 {
                    self.fill(port, metrics, last, height).await;
                }
                if height > last {
                    self.take(&block, metrics);
                    last = height;
                }
            }
            tracing::warn!(
                height = last,
                "subscription to finalised blocks ended; subscribing again"
            );
            tokio::time::sleep(RESUBSCRIBE).await;
            blocks = port.subscribe();
        }
    }

    /// What a subscription that ended early left out.
    async fn fill(&self, port: &dyn Port, metrics: &Metrics, last: u64, next: u64) {
        let oldest = next.saturating_sub(KEPT as u64);
        for height in last.saturating_add(1).max(oldest)..next {
            if let Some(block) = port.block(height).await {
                self.take(&block, metrics);
            }
        }
    }

    fn take(&self, block: &FinalizedBlock, metrics: &Metrics) {
        metrics.count_block(block);
        let Some(outcome) = block.outcome.as_deref() else { return };
        let ready = Arc::new(Ready::of(block, outcome, &self.clock, &self.names));
        // Listeners first subscribe and then read what is kept, so a block goes the other way round.
        let mut kept = lock(&self.kept);
        if kept.len() >= KEPT {
            kept.pop_front();
        }
        kept.push_back(ready.clone());
        drop(kept);
        // An error means that nobody listens.
        let _ = self.sender.send(ready);
        self.answer(block.block.height, outcome);
    }

    fn answer(&self, height: u64, outcome: &Outcome) {
        let mut waiting = lock(&self.waiting);
        for receipt in &outcome.receipts {
            for sender in waiting.remove(&receipt.id).unwrap_or_default() {
                // An error means that the caller left.
                let _ = sender.send((height, receipt.clone()));
            }
        }
    }
}

/// Waits for a command's receipt; forgets about it when dropped.
#[derive(Debug)]
pub(crate) struct Waiting {
    feed: Arc<Feed>,
    id: Digest,
    receiver: oneshot::Receiver<Settled>,
}

impl Waiting {
    /// The receipt, once the command is in a finalised block.
    pub(crate) async fn receipt(&mut self) -> Option<Settled> {
        (&mut self.receiver).await.ok()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.receiver.close();
        let mut waiting = lock(&self.feed.waiting);
        if let Some(senders) = waiting.get_mut(&self.id) {
            senders.retain(|sender| !sender.is_closed());
            if senders.is_empty() {
                waiting.remove(&self.id);
            }
        }
    }
}

/// A panic while a lock is held leaves these collections whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
