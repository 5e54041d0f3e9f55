//! A campus over a simulated network in virtual time: the same nodes, agents and rules as over real sockets, with
//! faults, crashes and liars from one seed.

use crate::{
    auditor::Auditor,
    campus::{Campus, Cast, CastError, Terms},
    hostile::{Hostile, Vice},
};
use gridaccord_agent::{Agent, Builder, Honest};
use gridaccord_engine::{
    Dealing,
    simulation::{
        self, Byzantine, Event, Faults, Keys, Link, NodeReport, SimulationError, Treason,
        random_crashes,
    },
};
use gridaccord_model::{MemberId, TimeMs, scenario::Scenario};
use gridaccord_node::{Journal, member};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// Virtual wall time of the chain's start.
const WALL_START: TimeMs = TimeMs(1_800_000_000_000);
/// Pace of a simulated campus, from one interval's start to the next one's.
const INTERVAL_WALL_MS: u32 = 12_000;
/// Pace with Byzantine validators: every view that one of them leads ends by a timeout.
const INTERVAL_WALL_BYZANTINE_MS: u32 = 60_000;
/// Pace on a network that loses every fourth message: most views there end without a block.
const INTERVAL_WALL_LOSSY_MS: u32 = 240_000;

/// What goes wrong in a simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weather {
    /// Nothing.
    Happy,
    /// A quarter of all messages is lost, the rest takes 50 ± 50 ms.
    Lossy,
    /// Random nodes crash and come back.
    Crashes,
    /// The network splits so that no side can decide, and heals.
    Partition,
    /// Reads and syncs of storage fail now and then.
    Storage,
    /// One builder has this vice.
    Liar(Vice),
    /// As many validators as the chain tolerates vote like this. Their members use the others' nodes.
    Traitors(Treason),
    /// As many validators as the chain tolerates run twice under one key, in touch with half of the others each.
    Twins,
}

/// A simulation to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What the campus is.
    pub scenario: Arc<Scenario>,
    /// Everything random comes from here.
    pub seed: u64,
    /// How many intervals to run.
    pub intervals: u32,
    /// What goes wrong.
    pub weather: Weather,
}

/// How a simulation went.
#[derive(Clone, Debug)]
pub struct Simulated {
    /// Digest of everything that happened: the same seed gives the same.
    pub digest: String,
    /// Virtual time it took.
    pub elapsed: Duration,
    /// Per node.
    pub nodes: Vec<NodeReport>,
    /// What the chain says.
    pub journal: Journal,
    /// The liar, where there is one.
    pub liar: Option<MemberId>,
}

/// Why a simulation failed.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// The scenario makes no campus.
    #[error(transparent)]
    Cast(#[from] CastError),
    /// Validators diverged or stalled.
    #[error(transparent)]
    Network(#[from] SimulationError),
    /// Something was made from nothing.
    #[error("seed {seed}: {what}")]
    Broken {
        /// The seed that replays it.
        seed: u64,
        /// What does not add up, and at which height.
        what: String,
    },
}

/// Runs a plan.
///
/// # Errors
/// [`SimError`].
pub fn simulate(plan: &Plan) -> Result<Simulated, SimError> {
    let terms = Terms {
        seed: plan.seed,
        window: plan.scenario.window(plan.intervals),
        wall_start: WALL_START,
        interval_wall_ms: plan.weather.interval_wall_ms(),
    };
    let campus = Arc::new(Campus::cast(plan.scenario.clone(), terms)?);
    let auditor = Arc::new(Mutex::new(Auditor::new(&campus)));
    let liar = match plan.weather {
        Weather::Liar(vice) => campus.validators().next().map(|(member, _)| (member.id, vice)),
        _ => None,
    };
    let gates = usize::try_from(campus.genesis.market.gates).unwrap_or(usize::MAX);
    let nodes = campus.validators().count();
    let byzantine = plan.weather.byzantine(nodes);
    let run_ms = u64::from(plan.intervals) * u64::from(plan.weather.interval_wall_ms());
    let scenario = simulation::Scenario {
        seed: plan.seed,
        genesis: campus.genesis.clone(),
        keys: keys(&campus),
        link: plan.weather.link(),
        events: plan.weather.events(plan.seed, nodes, Duration::from_millis(run_ms)),
        agent: Some(agents(
            &campus,
            &auditor,
            liar,
            (0..nodes).filter(|node| !byzantine.contains_key(node)).collect(),
        )),
        followers: vec![],
        hostile: BTreeMap::new(),
        skews_ms: BTreeMap::new(),
        byzantine,
        height: 1,
        done: Some({
            let auditor = auditor.clone();
            Arc::new(move || lock(&auditor).is_done(gates))
        }),
        limit: Duration::from_millis(run_ms * 4) + Duration::from_secs(300),
    };
    let report = simulation::run(&scenario)?;
    let mut auditor = lock(&auditor);
    if let Some(what) = auditor.broken.take() {
        return Err(SimError::Broken { seed: plan.seed, what });
    }
    Ok(Simulated {
        digest: report.digest,
        elapsed: report.elapsed,
        nodes: report.nodes,
        journal: std::mem::take(&mut auditor.journal),
        liar: liar.map(|(member, _)| member),
    })
}

impl Weather {
    /// As people read it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Happy => "happy",
            Self::Lossy => "lossy",
            Self::Crashes => "crashes",
            Self::Partition => "partition",
            Self::Storage => "storage faults",
            Self::Liar(vice) => vice.name(),
            Self::Traitors(treason) => treason.name(),
            Self::Twins => "twins",
        }
    }

    /// Whether validators are Byzantine in it: views end by timeouts then, and a run takes minutes.
    #[must_use]
    pub const fn is_byzantine(self) -> bool {
        matches!(self, Self::Traitors(_) | Self::Twins)
    }

    const fn interval_wall_ms(self) -> u32 {
        match self {
            Self::Lossy => INTERVAL_WALL_LOSSY_MS,
            Self::Traitors(_) | Self::Twins => INTERVAL_WALL_BYZANTINE_MS,
            _ => INTERVAL_WALL_MS,
        }
    }

    const fn link(self) -> Link {
        match self {
            Self::Lossy => Link {
                latency: Duration::from_millis(50),
                jitter: Duration::from_millis(50),
                loss_percent: 25,
            },
            _ => Link::GOOD,
        }
    }

    /// The last `f` of `3f + 1` nodes.
    fn byzantine(self, nodes: usize) -> BTreeMap<usize, Byzantine> {
        let first = nodes - nodes.saturating_sub(1) / 3;
        let kind = match self {
            Self::Traitors(treason) => Byzantine::Votes(treason),
            Self::Twins => {
                let (left, right) = (0..first).partition(|node| node % 2 == 0);
                Byzantine::Twins([left, right])
            }
            _ => return BTreeMap::new(),
        };
        (first..nodes).map(|node| (node, kind.clone())).collect()
    }

    fn events(self, seed: u64, nodes: usize, run: Duration) -> Vec<(Duration, Event)> {
        match self {
            Self::Happy | Self::Lossy | Self::Liar(_) | Self::Traitors(_) | Self::Twins => {
                Vec::new()
            }
            Self::Crashes => random_crashes(seed, nodes, run / 4, Duration::from_secs(4), 3),
            Self::Partition => {
                let (left, right) = (0..nodes).partition(|node| node % 2 == 0);
                vec![
                    (run / 3, Event::Partition(vec![left, right])),
                    (run / 3 + Duration::from_secs(5), Event::Links(Link::GOOD)),
                ]
            }
            Self::Storage => vec![
                (run / 4, Event::Faults(Faults { read_permille: 1, sync_permille: 1 })),
                (run / 2, Event::Faults(Faults::default())),
            ],
        }
    }
}

fn keys(campus: &Campus) -> Keys {
    let nodes = campus.validators().map(|(_, node)| node.key.clone()).collect();
    let shares =
        campus.validators().map(|(_, node)| (node.public_key(), node.share.clone())).collect();
    Keys { nodes, dealing: Dealing { group: campus.group.clone(), shares } }
}

/// Beside every node of `hosts`: its member's agent, those of guests, and the auditor's eyes. Members of other
/// nodes are guests, too.
fn agents(
    campus: &Arc<Campus>,
    auditor: &Arc<Mutex<Auditor>>,
    liar: Option<(MemberId, Vice)>,
    hosts: Vec<usize>,
) -> simulation::AgentTask {
    let (campus, auditor) = (campus.clone(), auditor.clone());
    Arc::new(move |beside: simulation::Agent| {
        let clock = campus.genesis.clock;
        let validators = campus.validators().map(|(member, _)| member).enumerate();
        let (own, homeless): (Vec<_>, Vec<_>) =
            validators.partition(|(node, _)| hosts.contains(node));
        let own = own.into_iter().filter(|(node, _)| *node == beside.node);
        let guests = campus.guests().chain(homeless.into_iter().map(|(_, member)| member));
        let guests = guests
            .enumerate()
            .filter(|(position, _)| hosts.get(position % hosts.len()) == Some(&beside.node));
        let members: Vec<Agent> = own
            .chain(guests)
            .map(|(_, member)| campus.agent(member, builder(member, liar)))
            .collect();
        let auditor = auditor.clone();
        Box::pin(async move {
            let handle = &beside.handle;
            let drives = members.into_iter().map(|mut agent| async move {
                member::drive(handle, clock, &mut agent, |_| ()).await;
            });
            let listen = async {
                let mut blocks = handle.subscribe();
                while let Some(block) = blocks.recv().await {
                    lock(&auditor).take(&block.block);
                }
            };
            futures::join!(futures::future::join_all(drives), listen);
        })
    })
}

fn builder(member: &Cast, liar: Option<(MemberId, Vice)>) -> Box<dyn Builder> {
    match liar {
        Some((id, vice)) if id == member.id => Box::new(Hostile::new(vice)),
        _ => Box::new(Honest),
    }
}

fn lock(auditor: &Mutex<Auditor>) -> std::sync::MutexGuard<'_, Auditor> {
    auditor.lock().unwrap_or_else(PoisonError::into_inner)
}
