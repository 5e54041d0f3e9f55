//! Many validators from one seed: virtual time, a network that loses and delays, crashes, failing storage, hostile
//! proposers, Byzantine validators. The same code as over TCP runs in it, and the same scenario gives the same
//! digest of everything that happened.
//!
//! While it runs, every final block of every honest node is compared with every other one's at that height, and
//! every vote of an honest node with what that node said before in the same view.

mod byzantine;
mod wire;
mod world;

pub use byzantine::{Byzantine, Treason};
pub use wire::Speech;

use crate::{
    application::Meddle,
    chain::{Chain, ChainError, Dealing, KeyError, deal},
    follow::Start,
    handle::Handle,
};
use commonware_cryptography::{Signer as _, ed25519};
use commonware_p2p::simulated;
use commonware_runtime::{
    Clock as _, Runner as _,
    deterministic::{self, Context},
};
use commonware_utils::Probability;
use futures::future::BoxFuture;
use gridaccord_ledger::{Digest, Genesis};
use gridaccord_model::TimeMs;
use rand::{RngExt as _, SeedableRng as _};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};
use world::World;

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
    /// Nodes hear only nodes that share a group with them.
    Partition(Vec<Vec<usize>>),
    /// Storage begins to fail, or stops to.
    Faults(Faults),
}

/// A node that is no validator. Followers are numbered after the validators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follower {
    /// It follows from the beginning of the simulation.
    Present(Start),
    /// It follows from the time of its first [`Event::Restart`].
    Late(Start),
    /// It follows nothing: it sends noise, and what it hears, to everybody on every channel.
    Noisy,
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
    /// Who follows them.
    pub followers: Vec<Follower>,
    /// Every link at the start.
    pub link: Link,
    /// What happens when, by ascending time since the start.
    pub events: Vec<(Duration, Event)>,
    /// Runs beside every node that is honest, followers included.
    pub agent: Option<AgentTask>,
    /// Hostile proposers, by node.
    pub hostile: BTreeMap<usize, Meddle>,
    /// How far clocks of nodes are ahead, ms, by node.
    pub skews_ms: BTreeMap<usize, i64>,
    /// Validators that are not honest, by node.
    pub byzantine: BTreeMap<usize, Byzantine>,
    /// Height every running honest node must reach, after all events.
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
            .field("followers", &self.followers)
            .field("link", &self.link)
            .field("events", &self.events)
            .field("byzantine", &self.byzantine)
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
    /// What it said on the channel of votes.
    pub speech: Speech,
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
    /// Who shut whom out, by node.
    pub blocked: BTreeSet<(usize, usize)>,
}

/// Two final blocks at one height: what must never be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nodes disagree at height {height}: {first:?} and {second:?}")]
pub struct Fork {
    /// Where.
    pub height: u64,
    /// Digest and record root one node saw.
    pub first: (Digest, Digest),
    /// Digest and record root another saw.
    pub second: (Digest, Digest),
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
    #[error("seed {seed}: {fork}")]
    Diverged {
        /// The seed that replays it.
        seed: u64,
        /// Where, and how.
        fork: Box<Fork>,
    },
    /// An honest node voted against its own vote.
    #[error("seed {seed}: node {node} contradicts itself: {speech:?}")]
    Contradicted {
        /// The seed that replays it.
        seed: u64,
        /// Which.
        node: usize,
        /// What it said.
        speech: Speech,
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

/// Runs a scenario to its height.
///
/// # Errors
/// [`SimulationError`].
pub fn run(scenario: &Scenario) -> Result<Report, SimulationError> {
    let chain = Chain::new(scenario.genesis.clone(), scenario.keys.dealing.group.clone())?;
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

/// The key of a follower.
fn follower_key(seed: u64, follower: usize) -> ed25519::PrivateKey {
    // Behind the most validators that one seed has keys for.
    let number = u64::try_from(follower).unwrap_or(u64::MAX).wrapping_add(1 << 63);
    ed25519::PrivateKey::from_seed(seed.wrapping_add(number))
}

fn percent(percent: u8) -> Probability {
    Probability::new(u64::from(percent), 100).expect("at most a hundred of a hundred")
}

fn permille(permille: u16) -> Probability {
    Probability::new(u64::from(permille.min(1_000)), 1_000)
        .expect("at most a thousand of a thousand")
}
