//! Starting the nodes of a simulation: honest ones, traitors, twins, followers.

use super::{Ledger, World};
use crate::{
    chain::PublicKey,
    follow::Following,
    handle::Handle,
    node::{self, CERTIFICATES, CHANNELS, Config, Network, SYNC, VOTES, quota},
    simulation::{
        Agent, AgentTask, Byzantine, Clock, Follower, Fork, Treason,
        byzantine::betray,
        wire::{Channel, Ear, Halves, Lane, Tongue, make_noise, passage},
    },
};
use commonware_p2p::simulated::{Control, SplitForwarder};
use commonware_runtime::{Handle as Task, Spawner as _, Supervisor as _, deterministic::Context};
use commonware_utils::{ordered::Quorum as _, sync::Mutex};
use futures::future::{self, BoxFuture};
use std::sync::Arc;
use tokio::sync::oneshot;

type NodeNetwork<F> = Network<Lane<F>, Control<PublicKey, Context>>;

impl World {
    pub(super) fn stop(&mut self, node: usize) {
        if let Some(task) = self.tasks.remove(&node) {
            task.abort();
        }
        self.ledger.lock().handles.remove(&node);
    }

    pub(super) async fn start(&mut self, node: usize) {
        self.stop(node);
        let starts = {
            let mut ledger = self.ledger.lock();
            ledger.nodes[node].starts += 1;
            ledger.nodes[node].starts
        };
        let context = self
            .context
            .child("node")
            .with_attribute("index", node)
            .with_attribute("start", starts);
        let task = match (self.follower(node), self.scenario.byzantine.get(&node).cloned()) {
            (Some(Follower::Noisy), _) => self.start_noise(context, node).await,
            (Some(Follower::Present(start) | Follower::Late(start)), _) => {
                let (chain, key) = (self.chain.clone(), self.keys[node].clone());
                let following = Following::new(start);
                let config = Config::follower(chain, key, following, format!("node-{node}"));
                self.start_whole(context, node, config).await
            }
            (None, None) => {
                let mut config = self.config(node, "");
                config.meddle = self.scenario.hostile.get(&node).cloned();
                config.skew_ms = self.scenario.skews_ms.get(&node).copied().unwrap_or_default();
                self.start_whole(context, node, config).await
            }
            (None, Some(Byzantine::Counterfeiter)) => {
                self.start_whole(context, node, self.config(node, "")).await
            }
            (None, Some(Byzantine::Votes(treason))) => {
                self.start_traitor(context, node, treason).await
            }
            (None, Some(Byzantine::Twins(halves))) => self.start_twins(context, node, halves).await,
        };
        self.tasks.insert(node, task);
    }

    /// A node that runs as it would over TCP.
    async fn start_whole(&self, context: Context, node: usize, config: Config) -> Task<()> {
        let forges =
            self.scenario.byzantine.get(&node).is_some_and(|it| *it == Byzantine::Counterfeiter);
        let mut lanes = Vec::with_capacity(CHANNELS.len());
        for (channel, _) in CHANNELS {
            let hears = channel == VOTES && self.follower(node).is_none();
            let ear = hears.then(|| self.ear(node));
            let (mut sender, receiver) = open(self.register(node, channel).await, ear);
            sender.forges = forges && channel == SYNC;
            lanes.push((sender, receiver));
        }
        let network = network(self.oracle.control(config.key.clone()), lanes);
        let (ready, handle) = oneshot::channel();
        let (agent, ledger) = (self.scenario.agent.clone(), self.ledger.clone());
        context.spawn(move |context| async move {
            context
                .child("watch")
                .spawn(move |context| watch(context, node, handle, ledger, agent));
            validate(context, config, network, ready).await;
        })
    }

    async fn start_noise(&self, context: Context, node: usize) -> Task<()> {
        let mut channels = Vec::with_capacity(CHANNELS.len());
        for (channel, _) in CHANNELS {
            channels.push(self.register(node, channel).await);
        }
        context.spawn(move |context| make_noise(context, channels))
    }

    async fn start_traitor(&self, context: Context, node: usize, treason: Treason) -> Task<()> {
        let scheme = self
            .chain
            .signer(&self.keys[node], self.shares[node].clone())
            .expect("the shares were dealt to these keys");
        let votes = open(self.register(node, VOTES).await, Some(self.ear(node)));
        let certificates = open(self.register(node, CERTIFICATES).await, None);
        betray(context, treason, scheme, votes, certificates)
    }

    /// Nobody compares what twins finalise: they are not honest.
    async fn start_twins(
        &self,
        context: Context,
        node: usize,
        halves: [Vec<usize>; 2],
    ) -> Task<()> {
        let keys = |half: Vec<usize>| half.iter().map(|node| self.keys[*node].clone()).collect();
        let halves = Halves(Arc::new(halves.map(keys)));
        let mut channels = Vec::with_capacity(CHANNELS.len());
        for (channel, _) in CHANNELS {
            channels.push(self.register(node, channel).await);
        }
        let ear = self.ear(node);
        let configs = ["", "-twin"].map(|twin| self.config(node, twin));
        let control = self.oracle.control(self.keys[node].clone());
        context.spawn(move |context| async move {
            let (mut first, mut second) = (Vec::new(), Vec::new());
            for ((channel, _), (sender, receiver)) in CHANNELS.into_iter().zip(channels) {
                let ear = (channel == VOTES).then(|| ear.clone());
                let senders = sender.split_with(passage(ear, Some(halves.clone())));
                let halves = halves.clone();
                let context = context.child("split").with_attribute("channel", channel);
                let receivers = receiver.split_with(context, move |(from, _)| halves.hear(from));
                first.push((Tongue::honest(senders.0), receivers.0));
                second.push((Tongue::honest(senders.1), receivers.1));
            }
            let [first_config, second_config] = configs;
            let twin = |config: Config, lanes| {
                let context = context.child("twin").with_attribute("prefix", &config.prefix);
                let network = network(control.clone(), lanes);
                validate(context, config, network, oneshot::channel().0)
            };
            // One cannot go on without the other.
            future::select(twin(first_config, first), twin(second_config, second)).await;
        })
    }

    fn ear(&self, node: usize) -> Ear {
        let own = self.chain.validators().index(&self.keys[node]).expect("every node validates");
        Ear { witness: self.witness.clone(), node, own }
    }

    fn config(&self, node: usize, twin: &str) -> Config {
        let (key, share) = (self.keys[node].clone(), self.shares[node].clone());
        Config::new(self.chain.clone(), key, share, format!("node-{node}{twin}"))
    }

    async fn register(&self, node: usize, channel: u64) -> Channel {
        // Noise is as fast as it can be.
        let follows = matches!(self.follower(node), Some(Follower::Present(_) | Follower::Late(_)));
        let rate = CHANNELS
            .into_iter()
            .find_map(|known| (known.0 == channel).then(|| node::rate(known, follows)));
        let control = self.oracle.control(self.keys[node].clone());
        control
            .register(channel, quota(rate.expect("every channel has a rate")))
            .await
            .expect("the network runs as long as the world")
    }
}

/// A channel of a node that has no twin.
fn open((sender, receiver): Channel, ear: Option<Ear>) -> Lane<impl SplitForwarder<PublicKey>> {
    (Tongue::honest(sender.split_with(passage(ear, None)).0), receiver)
}

fn network<F: SplitForwarder<PublicKey>>(
    blocker: Control<PublicKey, Context>,
    lanes: Vec<Lane<F>>,
) -> NodeNetwork<F> {
    let Ok(channels) = lanes.try_into() else { unreachable!("one was made per channel") };
    Network { channels, blocker, task: None }
}

/// Runs a node. Boxed, so that its code is compiled once.
fn validate<F: SplitForwarder<PublicKey>>(
    context: Context,
    config: Config,
    network: NodeNetwork<F>,
    ready: oneshot::Sender<Handle>,
) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        if let Err(error) = node::run(context, config, network, ready).await {
            tracing::error!(%error, "the node cannot run");
        }
    })
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
