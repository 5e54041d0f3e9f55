//! Many validators from one seed: virtual time, a network that loses and delays, crashes, failing storage, hostile
//! proposers. The same code as over TCP runs in it, and the same scenario gives the same digest of everything
//! that happened.
//!
//! While it runs, every final block of every node is compared with every other node's at that height.

use crate::{
    application::Meddle,
    chain::{Chain, ChainError, Dealing, KeyError, PublicKey, Share, deal},
    handle::Handle,
    node::{self, CHANNELS, Config, Network, message_size_max, quota},
};
use commonware_cryptography::{Signer as _, ed25519};
use commonware_p2p::{
    Manager as _,
    simulated::{self, Oracle},
};
use commonware_runtime::{
    Clock as _, Runner as _, Spawner as _, Supervisor as _,
    deterministic::{self, Context, FaultConfig},
};
use commonware_utils::{NZUsize, Probability, ordered::Set, sync::Mutex};
use futures::future::BoxFuture;
use gridaccord_ledger::{Digest, Genesis};
use gridaccord_model::TimeMs;
use rand::{RngExt as _, SeedableRng as _};
use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroUsize,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};
use tokio::sync::oneshot;

/// How often the course of a simulation is looked at, in virtual time.
const STEP: Duration = Duration::from_millis(50);
/// A node whose storage failed is started again after this long.
const RECOVERY: Duration = Duration::from_secs(1);

/// Keys of a simulated set of validators.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Node keys, in the order that scenarios number nodes.
    pub nodes: Vec<ed25519::PrivateKey>,
    /// Group key, polynomial and shares.
    pub dealing: Dealing,
}

impl Keys {
    /// Keys of `count` validators from a seed. Not secret.
    ///
    /// # Errors
    /// [`KeyError::Deal`], when `count` is zero.
    pub fn from_seed(seed: u64, count: u16) -> Result<Self, KeyError> {
        let first = seed.wrapping_mul(1 << 16);
        let nodes: Vec<_> = (0..count)
            .map(|node| ed25519::PrivateKey::from_seed(first.wrapping_add(u64::from(node))))
            .collect();
        let public: Vec<_> = nodes.iter().map(ed25519::PrivateKey::public_key).collect();
        let mut rng = rand::rngs::StdRng::seed_from_u64(seed);
        Ok(Self { nodes, dealing: deal(&public, &mut rng)? })
    }
}

/// One direction between two nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Mean delay.
    pub latency: Duration,
    /// Standard deviation of the delay.
    pub jitter: Duration,
    /// Messages lost, percent.
    pub loss_percent: u8,
}

impl Link {
    /// A local network.
    pub const GOOD: Self = Self {
        latency: Duration::from_millis(10),
        jitter: Duration::from_millis(5),
        loss_percent: 0,
    };

    fn simulated(self) -> simulated::Link {
        simulated::Link {
            latency: self.latency,
            jitter: self.jitter,
            success_rate: percent(100 - self.loss_percent.min(100)),
        }
    }
}

/// How often operations of storage fail on every node, per mille.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Reads.
    pub read_permille: u16,
    /// Syncs.
    pub sync_permille: u16,
}

/// Something that happens to a simulation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A node stops where it stands. What it had written stays.
    Crash(usize),
    /// A node starts again.
    Restart(usize),
    /// Every link becomes this one: also the end of a partition.
    Links(Link),
    /// Nodes hear only nodes of their own group.
    Partition(Vec<Vec<usize>>),
    /// Storage begins to fail, or stops to.
    Faults(Faults),
}

/// What an agent gets of the node it runs beside.
#[derive(Debug)]
pub struct Agent {
    /// Number of the node.
    pub node: usize,
    /// The node.
    pub handle: Handle,
    /// Its virtual clock.
    pub clock: Clock,
}

/// A node's virtual clock.
pub struct Clock(Context);

impl core::fmt::Debug for Clock {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}

impl Clock {
    /// Wall time.
    #[must_use]
    pub fn now(&self) -> TimeMs {
        crate::clock::now(&self.0)
    }

    /// Waits.
    pub async fn sleep(&self, duration: Duration) {
        self.0.sleep(duration).await;
    }
}

/// A task beside every node, started with it and ended with it.
pub type AgentTask = Arc<dyn Fn(Agent) -> BoxFuture<'static, ()> + Send + Sync>;

/// A simulation to run.
#[derive(Clone)]
pub struct Scenario {
    /// Everything random comes from here.
    pub seed: u64,
    /// Names the validators of `keys`.
    pub genesis: Genesis,
    /// The validators.
    pub keys: Keys,
    /// Every link at the start.
    pub link: Link,
    /// What happens when, by ascending time since the start.
    pub events: Vec<(Duration, Event)>,
    /// Runs beside every node.
    pub agent: Option<AgentTask>,
    /// Hostile proposers, by node.
    pub hostile: BTreeMap<usize, Meddle>,
    /// Height every running node must reach, after all events.
    pub height: u64,
    /// What else must hold before it ends.
    pub done: Option<Arc<dyn Fn() -> bool + Send + Sync>>,
    /// Virtual time it may take.
    pub limit: Duration,
}

impl core::fmt::Debug for Scenario {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Scenario")
            .field("seed", &self.seed)
            .field("nodes", &self.keys.nodes.len())
            .field("link", &self.link)
            .field("events", &self.events)
            .field("height", &self.height)
            .finish_non_exhaustive()
    }
}

/// Crashes of random nodes, one at a time, each followed by a restart.
#[must_use]
pub fn random_crashes(
    seed: u64,
    nodes: usize,
    every: Duration,
    downtime: Duration,
    count: u32,
) -> Vec<(Duration, Event)> {
    let mut rng = rand::rngs::StdRng::seed_from_u64(seed);
    let mut events = Vec::new();
    for n in 1..=count {
        let node = rng.random_range(0..nodes);
        let at = every * n;
        events.push((at, Event::Crash(node)));
        events.push((at + downtime.min(every / 2), Event::Restart(node)));
    }
    events
}

/// How a node ended up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeReport {
    /// Height of its last final block.
    pub height: u64,
    /// Record roots by height, as far as it announced them.
    pub roots: BTreeMap<u64, Digest>,
    /// Times it was started.
    pub starts: u32,
    /// Finality of the blocks it proposed, ms.
    pub finality_ms: Vec<u64>,
}

/// How a simulation went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Digest of everything that happened.
    pub digest: String,
    /// Per node.
    pub nodes: Vec<NodeReport>,
    /// Virtual time it took.
    pub elapsed: Duration,
    /// Newest view with a certificate on any node.
    pub view: u64,
}

/// Why a simulation failed.
#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    /// Genesis cannot carry a chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A share is missing.
    #[error("node {0} has no share: deal to all nodes")]
    Share(usize),
    /// Two nodes finalised different blocks.
    #[error("seed {seed}: nodes disagree at height {height}: {first:?} and {second:?}")]
    Diverged {
        /// The seed that replays it.
        seed: u64,
        /// Where.
        height: u64,
        /// Digest and record root one saw.
        first: (Digest, Digest),
        /// Digest and record root the other saw.
        second: (Digest, Digest),
    },
    /// No progress.
    #[error("seed {seed}: heights {heights:?} after {limit:?}, {wanted} wanted")]
    Stalled {
        /// The seed that replays it.
        seed: u64,
        /// Height of every node.
        heights: Vec<u64>,
        /// What every running node should have reached.
        wanted: u64,
        /// Virtual time it had.
        limit: Duration,
    },
}

/// What all nodes of a simulation announce.
#[derive(Default)]
struct Ledger {
    agreed: BTreeMap<u64, (Digest, Digest)>,
    diverged: Option<(u64, (Digest, Digest), (Digest, Digest))>,
    nodes: Vec<NodeReport>,
    handles: BTreeMap<usize, Handle>,
}

/// Runs a scenario to its height.
///
/// # Errors
/// [`SimulationError`].
pub fn run(scenario: &Scenario) -> Result<Report, SimulationError> {
    let chain = Chain::new(scenario.genesis.clone())?;
    let mut shares = Vec::new();
    for (node, key) in scenario.keys.nodes.iter().enumerate() {
        let share = scenario.keys.dealing.shares.get(&key.public_key());
        shares.push(share.cloned().ok_or(SimulationError::Share(node))?);
    }
    let start = UNIX_EPOCH + Duration::from_millis(scenario.genesis.clock.wall_start.0);
    let config = deterministic::Config::new()
        .with_seed(scenario.seed)
        .with_start_time(start)
        .with_catch_panics(true);
    deterministic::Runner::new(config).start(|context| async move {
        let world = World::new(context, scenario.clone(), chain, shares).await;
        world.run().await
    })
}

struct World {
    context: Context,
    scenario: Scenario,
    chain: Chain,
    shares: Vec<Share>,
    keys: Vec<PublicKey>,
    oracle: Oracle<PublicKey, Context>,
    tasks: BTreeMap<usize, commonware_runtime::Handle<()>>,
    ledger: Arc<Mutex<Ledger>>,
}

impl World {
    async fn new(context: Context, scenario: Scenario, chain: Chain, shares: Vec<Share>) -> Self {
        let keys: Vec<_> =
            scenario.keys.nodes.iter().map(ed25519::PrivateKey::public_key).collect();
        let (network, oracle) = simulated::Network::new(
            context.child("network"),
            simulated::Config {
                max_size: message_size_max(keys.len()),
                max_peers_per_set: NonZeroUsize::new(keys.len()).unwrap_or(NZUsize!(1)),
                disconnect_on_block: true,
                tracked_peer_sets: NZUsize!(1),
            },
        );
        network.start();
        oracle.manager().track(0, Set::from_iter_dedup(keys.iter().cloned()));
        let nodes = vec![NodeReport::default(); keys.len()];
        let ledger = Arc::new(Mutex::new(Ledger { nodes, ..Ledger::default() }));
        let mut world =
            Self { context, scenario, chain, shares, keys, oracle, tasks: BTreeMap::new(), ledger };
        world.link(world.scenario.link, |_, _| true).await;
        for node in 0..world.keys.len() {
            world.start(node).await;
        }
        world
    }

    async fn run(mut self) -> Result<Report, SimulationError> {
        let began = self.context.current();
        let mut events: Vec<_> = std::mem::take(&mut self.scenario.events);
        events.sort_by_key(|(time, _)| *time);
        let mut events = events.into_iter().peekable();
        let mut down: BTreeSet<usize> = BTreeSet::new();
        let mut failed: BTreeMap<usize, Duration> = BTreeMap::new();
        loop {
            let elapsed = self.context.current().duration_since(began).unwrap_or_default();
            while let Some((_, event)) = events.next_if(|(time, _)| *time <= elapsed) {
                self.happen(event, &mut down).await;
            }
            self.recover(elapsed, &down, &mut failed).await;
            if let Some((height, first, second)) = self.ledger.lock().diverged {
                return Err(SimulationError::Diverged {
                    seed: self.scenario.seed,
                    height,
                    first,
                    second,
                });
            }
            if events.peek().is_none() && failed.is_empty() && self.reached() {
                return Ok(self.report(elapsed));
            }
            if elapsed > self.scenario.limit {
                let heights = self.ledger.lock().nodes.iter().map(|node| node.height).collect();
                let Scenario { seed, height: wanted, limit, .. } = self.scenario;
                return Err(SimulationError::Stalled { seed, heights, wanted, limit });
            }
            self.context.sleep(STEP).await;
        }
    }

    fn reached(&self) -> bool {
        if self.scenario.done.as_ref().is_some_and(|done| !done()) {
            return false;
        }
        let ledger = self.ledger.lock();
        self.tasks.keys().all(|node| {
            ledger
                .handles
                .get(node)
                .is_some_and(|handle| handle.status().height >= self.scenario.height)
        })
    }

    fn report(&self, elapsed: Duration) -> Report {
        let ledger = self.ledger.lock();
        let mut nodes = ledger.nodes.clone();
        let mut view = 0;
        for (node, handle) in &ledger.handles {
            let status = handle.status();
            nodes[*node].height = status.height;
            view = view.max(status.view);
        }
        Report { digest: self.context.auditor().state(), nodes, elapsed, view }
    }

    async fn happen(&mut self, event: Event, down: &mut BTreeSet<usize>) {
        match event {
            Event::Crash(node) => {
                down.insert(node);
                self.stop(node);
            }
            Event::Restart(node) => {
                down.remove(&node);
                self.start(node).await;
            }
            Event::Links(link) => self.link(link, |_, _| true).await,
            Event::Partition(groups) => {
                let group = |node| groups.iter().position(|group| group.contains(&node));
                let link = self.scenario.link;
                self.link(link, |from, to| group(from) == group(to)).await;
            }
            Event::Faults(faults) => {
                let mut config = FaultConfig::default();
                config.read_rate = Some(permille(faults.read_permille));
                config.sync_rate = Some(permille(faults.sync_permille));
                *self.context.storage_fault_config().write() = config;
            }
        }
    }

    /// Starts nodes again whose storage failed them.
    async fn recover(
        &mut self,
        now: Duration,
        down: &BTreeSet<usize>,
        failed: &mut BTreeMap<usize, Duration>,
    ) {
        let ended: Vec<_> = self
            .tasks
            .iter_mut()
            .filter_map(|(node, task)| futures::FutureExt::now_or_never(task).map(|_| *node))
            .collect();
        for node in ended {
            self.stop(node);
            failed.insert(node, now + RECOVERY);
        }
        failed.retain(|node, _| !down.contains(node));
        let due: Vec<_> =
            failed.iter().filter(|(_, at)| **at <= now).map(|(node, _)| *node).collect();
        for node in due {
            failed.remove(&node);
            self.start(node).await;
        }
    }

    fn stop(&mut self, node: usize) {
        if let Some(task) = self.tasks.remove(&node) {
            task.abort();
        }
        self.ledger.lock().handles.remove(&node);
    }

    async fn start(&mut self, node: usize) {
        self.stop(node);
        let starts = {
            let mut ledger = self.ledger.lock();
            ledger.nodes[node].starts += 1;
            ledger.nodes[node].starts
        };
        let key = self.keys[node].clone();
        let control = self.oracle.control(key.clone());
        let mut channels = Vec::with_capacity(CHANNELS.len());
        for (channel, rate) in CHANNELS {
            channels.push(
                control
                    .register(channel, quota(rate))
                    .await
                    .expect("the network runs as long as the world"),
            );
        }
        let channels = channels.try_into().ok().expect("one per channel");
        let network =
            Network { channels, peers: self.oracle.manager(), blocker: control, task: None };
        let mut config =
            Config::new(self.chain.clone(), key, self.shares[node].clone(), format!("node-{node}"));
        config.meddle = self.scenario.hostile.get(&node).cloned();
        let (ready, handle) = oneshot::channel();
        let (agent, ledger) = (self.scenario.agent.clone(), self.ledger.clone());
        let context = self
            .context
            .child("node")
            .with_attribute("index", node)
            .with_attribute("start", starts);
        let task = context.spawn(move |context| async move {
            context
                .child("watch")
                .spawn(move |context| watch(context, node, handle, ledger, agent));
            if let Err(error) = node::run(context, config, network, ready).await {
                tracing::error!(%error, "the node cannot run");
            }
        });
        self.tasks.insert(node, task);
    }

    async fn link(&self, link: Link, joined: impl Fn(usize, usize) -> bool) {
        for (from, sender) in self.keys.iter().enumerate() {
            for (to, receiver) in self.keys.iter().enumerate().filter(|(to, _)| *to != from) {
                // A link that does not exist cannot be removed; that is the state wanted.
                let _ = self.oracle.remove_link(sender.clone(), receiver.clone()).await;
                if joined(from, to) {
                    let added = self
                        .oracle
                        .add_link(sender.clone(), receiver.clone(), link.simulated())
                        .await;
                    added.expect("the network runs and the link was removed");
                }
            }
        }
    }
}

/// Compares a node's final blocks with the others', and runs its agent.
async fn watch(
    context: Context,
    node: usize,
    handle: oneshot::Receiver<Handle>,
    ledger: Arc<Mutex<Ledger>>,
    agent: Option<AgentTask>,
) {
    let Ok(handle) = handle.await else { return };
    let mut blocks = handle.subscribe();
    ledger.lock().handles.insert(node, handle.clone());
    if let Some(agent) = agent {
        let task = move |context| agent(Agent { node, handle, clock: Clock(context) });
        context.child("agent").spawn(task);
    }
    while let Some(block) = blocks.recv().await {
        let seen = (block.digest, block.state_root);
        let mut ledger = ledger.lock();
        let agreed = *ledger.agreed.entry(block.height).or_insert(seen);
        if agreed != seen {
            ledger.diverged = Some((block.height, agreed, seen));
        }
        let report = &mut ledger.nodes[node];
        report.height = block.height;
        report.roots.insert(block.height, block.state_root);
        report.finality_ms.extend(block.finality_ms);
    }
}

fn percent(percent: u8) -> Probability {
    Probability::new(u64::from(percent), 100).expect("at most a hundred of a hundred")
}

fn permille(permille: u16) -> Probability {
    Probability::new(u64::from(permille.min(1_000)), 1_000)
        .expect("at most a thousand of a thousand")
}
