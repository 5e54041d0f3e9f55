//! The course of a simulation: events as they fall due, nodes that come and go, and the comparison of what they
//! finalise.

use super::{
    Agent, AgentTask, Clock, Event, Fork, Link, NodeReport, Report, Scenario, SimulationError,
    permille,
};
use crate::{
    chain::{Chain, PublicKey, Share},
    handle::Handle,
    node::{self, CHANNELS, Config, Network, message_size_max, quota},
};
use commonware_cryptography::{Signer as _, ed25519};
use commonware_p2p::{
    Manager as _,
    simulated::{self, Oracle},
};
use commonware_runtime::{
    Clock as _, Spawner as _, Supervisor as _,
    deterministic::{Context, FaultConfig},
};
use commonware_utils::{NZUsize, ordered::Set, sync::Mutex};
use gridaccord_ledger::Digest;
use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroUsize,
    sync::Arc,
    time::Duration,
};
use tokio::sync::oneshot;

/// How often the course of a simulation is looked at, in virtual time.
const STEP: Duration = Duration::from_millis(50);
/// A node whose storage failed is started again after this long.
const RECOVERY: Duration = Duration::from_secs(1);

/// What all nodes of a simulation announce.
#[derive(Default)]
struct Ledger {
    agreed: BTreeMap<u64, (Digest, Digest)>,
    fork: Option<Fork>,
    nodes: Vec<NodeReport>,
    handles: BTreeMap<usize, Handle>,
}

/// The nodes of a scenario and what connects them.
pub(super) struct World {
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
    pub(super) async fn new(
        context: Context,
        scenario: Scenario,
        chain: Chain,
        shares: Vec<Share>,
    ) -> Self {
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

    pub(super) async fn run(mut self) -> Result<Report, SimulationError> {
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
            if let Some(fork) = self.ledger.lock().fork.clone() {
                return Err(SimulationError::Diverged {
                    seed: self.scenario.seed,
                    fork: Box::new(fork),
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
                let config = FaultConfig {
                    read_rate: Some(permille(faults.read_permille)),
                    sync_rate: Some(permille(faults.sync_permille)),
                    ..FaultConfig::default()
                };
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
        let Ok(channels) = channels.try_into() else { unreachable!("one was made per channel") };
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
            ledger.fork = Some(Fork { height: block.height, first: agreed, second: seen });
        }
        let report = &mut ledger.nodes[node];
        report.height = block.height;
        report.roots.insert(block.height, block.state_root);
        report.finality_ms.extend(block.finality_ms);
    }
}
