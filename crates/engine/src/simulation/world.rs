//! The course of a simulation: events as they fall due, nodes that come and go, and the comparison of what they
//! finalise.

mod start;

use super::{
    Event, Follower, Fork, Link, NodeReport, Report, Scenario, SimulationError, follower_key,
    permille, wire::Witness,
};
use crate::{
    chain::{Chain, PublicKey, Share},
    handle::Handle,
    node::message_size_max,
};
use commonware_cryptography::{Signer as _, ed25519};
use commonware_p2p::{
    Manager as _, TrackedPeers,
    simulated::{self, Oracle},
};
use commonware_runtime::{
    Clock as _, Supervisor as _,
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
    witness: Witness,
}

impl World {
    pub(super) async fn new(
        context: Context,
        scenario: Scenario,
        chain: Chain,
        shares: Vec<Share>,
    ) -> Self {
        let voters: Vec<_> =
            scenario.keys.nodes.iter().map(ed25519::PrivateKey::public_key).collect();
        let followers: Vec<_> = (0..scenario.followers.len())
            .map(|follower| follower_key(scenario.seed, follower).public_key())
            .collect();
        let peers = TrackedPeers::new(
            Set::from_iter_dedup(voters.iter().cloned()),
            Set::from_iter_dedup(followers.iter().cloned()),
        );
        let keys = [voters, followers].concat();
        let (network, oracle) = simulated::Network::new(
            context.child("network"),
            simulated::Config {
                max_size: message_size_max(scenario.keys.nodes.len()),
                max_peers_per_set: NonZeroUsize::new(keys.len()).unwrap_or(NZUsize!(1)),
                disconnect_on_block: true,
                tracked_peer_sets: NZUsize!(1),
            },
        );
        network.start();
        oracle.manager().track(0, peers);
        let nodes = vec![NodeReport::default(); keys.len()];
        let ledger = Arc::new(Mutex::new(Ledger { nodes, ..Ledger::default() }));
        let mut world = Self {
            context,
            scenario,
            chain,
            shares,
            keys,
            oracle,
            tasks: BTreeMap::new(),
            ledger,
            witness: Witness::default(),
        };
        world.link(world.scenario.link, |_, _| true).await;
        for node in 0..world.keys.len() {
            if !matches!(world.follower(node), Some(Follower::Late(_))) {
                world.start(node).await;
            }
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
            self.compare_votes()?;
            if events.peek().is_none() && failed.is_empty() && self.reached() {
                return Ok(self.report(elapsed).await);
            }
            if elapsed > self.scenario.limit {
                let heights = self.ledger.lock().nodes.iter().map(|node| node.height).collect();
                let Scenario { seed, height: wanted, limit, .. } = self.scenario;
                return Err(SimulationError::Stalled { seed, heights, wanted, limit });
            }
            self.context.sleep(STEP).await;
        }
    }

    fn honest(&self, node: usize) -> bool {
        !self.scenario.byzantine.contains_key(&node) && self.follower(node) != Some(Follower::Noisy)
    }

    /// What kind of follower a node is, if it is one.
    fn follower(&self, node: usize) -> Option<Follower> {
        let follower = node.checked_sub(self.scenario.keys.nodes.len())?;
        self.scenario.followers.get(follower).copied()
    }

    /// A validator that keeps to the protocol never contradicts itself, and never speaks for another.
    fn compare_votes(&self) -> Result<(), SimulationError> {
        for node in (0..self.keys.len()).filter(|node| self.honest(*node)) {
            let speech = self.witness.speech(node);
            if speech.contradictions + speech.impersonations + speech.foreign > 0 {
                return Err(SimulationError::Contradicted {
                    seed: self.scenario.seed,
                    node,
                    speech,
                });
            }
        }
        Ok(())
    }

    fn reached(&self) -> bool {
        if self.scenario.done.as_ref().is_some_and(|done| !done()) {
            return false;
        }
        let ledger = self.ledger.lock();
        self.tasks.keys().filter(|node| self.honest(**node)).all(|node| {
            ledger
                .handles
                .get(node)
                .is_some_and(|handle| handle.status().height >= self.scenario.height)
        })
    }

    async fn report(&self, elapsed: Duration) -> Report {
        let digest = self.context.auditor().state();
        let number = |key: &PublicKey| self.keys.iter().position(|known| known == key);
        let blocked = self.oracle.blocked().await.unwrap_or_default();
        let blocked =
            blocked.iter().filter_map(|(by, whom)| number(by).zip(number(whom))).collect();
        let ledger = self.ledger.lock();
        let mut nodes = ledger.nodes.clone();
        let mut view = 0;
        for (node, handle) in &ledger.handles {
            let status = handle.status();
            nodes[*node].height = status.height;
            view = view.max(status.view);
        }
        for (node, report) in nodes.iter_mut().enumerate() {
            report.speech = self.witness.speech(node);
        }
        Report { digest, nodes, elapsed, view, blocked }
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
                let joined = |from, to| {
                    groups.iter().any(|group| group.contains(&from) && group.contains(&to))
                };
                self.link(self.scenario.link, joined).await;
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
