//! A node over TCP, with its storage on disk.
//!
//! One runtime may carry several validators: they share its threads and its directory, and their prefixes keep
//! their files apart. A failure of storage in one of them ends the runtime, and with it all of them.
//!
//! [`start`] takes a share that is already there, or none for a follower; [`found`] generates the group key with the
//! other validators first, or finds it generated.

mod founding;
mod introduction;
mod safe;

pub use founding::{Founding, Progress, Told};
pub use safe::Safe;

use crate::{
    chain::{ChainError, KeyError, NETWORK_NAMESPACE, PublicKey},
    handle::Handle,
    node::{self, CHANNELS, Config, Network, NodeError, Part, message_size_max, quota},
    voters::{Gate, Narrow, Voters},
};
use commonware_cryptography::{ChaCha20Poly1305, Signer as _, ed25519};
use commonware_p2p::{
    Address, AddressableManager as _, AddressableTrackedPeers, authenticated::lookup,
};
use commonware_runtime::{Runner as _, Spawner as _, Supervisor as _, tokio as runtime};
use commonware_stream::{
    cups::{self, Cups},
    sake::{self, Sake},
};
use commonware_utils::{
    NZUsize, TryCollect as _,
    ordered::{Map, Set},
};
use futures::future::BoxFuture;
use gridaccord_ledger::Genesis;
use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::sync::oneshot;

/// How far clocks of two nodes may differ when they connect.
const SYNCHRONY_BOUND: Duration = Duration::from_secs(5);
/// Age of a connection attempt that is still answered.
const HANDSHAKE_AGE_MAX: Duration = Duration::from_secs(10);
/// Peer sets remembered; validators do not change, so one is enough.
const PEER_SETS: NonZeroUsize = NZUsize!(1);

/// Messages that actors of the network may have waiting.
const NETWORK_MAILBOX: NonZeroUsize = NZUsize!(256);

/// The context of a running runtime; every validator takes a child of it.
pub type Context = runtime::Context;

/// Where a validator listens, and where the others do.
#[derive(Clone, Debug)]
pub struct Tcp {
    /// The node's key: authenticates its connections.
    pub key: ed25519::PrivateKey,
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Every other validator's key and address.
    pub peers: Vec<(PublicKey, SocketAddr)>,
    /// Who may follow through this node without a vote, and from where; nobody else is connected. They dial.
    pub followers: Vec<(PublicKey, SocketAddr)>,
    /// All peers are on this machine or in this building: dial often.
    pub local: bool,
}

/// Whether an address is of this machine, this building, or a private network across buildings. Sources: RFC 1918,
/// RFC 4193, RFC 6598.
#[must_use]
pub fn is_private(address: &SocketAddr) -> bool {
    match address.ip() {
        IpAddr::V4(ip) => {
            let [first, second, ..] = ip.octets();
            let shared = first == 100 && second & 0xc0 == 64;
            ip.is_loopback() || ip.is_private() || ip.is_link_local() || shared
        }
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

impl Tcp {
    /// The public half of the node's key.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        self.key.public_key()
    }
}

/// Whether a directory holds votes of a validator of this name. A key that has voted must not vote again without
/// them: it might contradict itself.
#[must_use]
pub fn has_voted(directory: &Path, prefix: &str) -> bool {
    let start = node::votes_partition(prefix);
    std::fs::read_dir(directory).is_ok_and(|entries| {
        entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with(&start))
    })
}

/// Channels of a founding, with messages per second and peer; they follow [`CHANNELS`].
const FOUNDING_CHANNELS: [(u64, u32); 6] =
    [(7, 32), (8, 32), (9, 32), (10, 32), (11, 32), (12, 64)];
/// The channel on which validators greet each other.
const INTRODUCTIONS: (u64, u32) = (13, 8);

/// Makes the place of a validator's votes, so that [`has_voted`] holds from here on: call it before what remembers
/// that the key has begun to vote.
///
/// # Errors
/// When it cannot be made durable.
pub fn prepare_votes(directory: &Path, prefix: &str) -> io::Result<()> {
    std::fs::create_dir_all(directory.join(node::votes_partition(prefix)))?;
    std::fs::File::open(directory)?.sync_all()
}

/// Why a validator did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The group that was generated does not fit genesis, or genesis is refused.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// Another validator holds another genesis document.
    #[error("validator {peer} holds another genesis: compare the files, and start with one")]
    GenesisDiffers {
        /// Which one.
        peer: Box<PublicKey>,
        /// What it holds.
        theirs: Box<Genesis>,
    },
    /// The ceremony ended without a key.
    #[error(
        "the group key could not be generated: too few validators took part to the end; agree on a new genesis document (another label is enough), and found that"
    )]
    FoundingFailed,
    /// Shares of absent validators were made public, and this one was told not to go on then.
    #[error(
        "to finish without {} of the validators, their shares of the group key were made public, which this node's configuration refuses: agree on a new genesis document (another label is enough), and found that", .0.len()
    )]
    SharesRevealed(Vec<PublicKey>),
    /// What this validator keeps of the founding is not all there.
    #[error(
        "this node's secrets are incomplete, so it cannot vote: restore them from a backup; the other validators are not affected"
    )]
    SecretsIncomplete,
    /// Key or share do not fit the chain.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Two peers with one key.
    #[error(
        "a peer is listed twice: list every other validator once, and no validator as a follower"
    )]
    PeerTwice,
    /// A follower was given another group's key.
    #[error(transparent)]
    GroupForeign(NodeError),
    /// It went down while it opened its state; the log says why.
    #[error("the validator stopped while it started: see the log above")]
    Stopped,
}

/// Why a validator ended.
#[derive(Debug, thiserror::Error)]
#[error("the validator stopped: {0}")]
pub struct Stopped(String);

/// The task that a validator is.
///
/// Dropping it leaves the validator running; [`abort`](Self::abort) is as good as `kill -9`.
pub struct Task(commonware_runtime::Handle<()>);

impl core::fmt::Debug for Task {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Task")
    }
}

impl Task {
    /// Stops the validator where it stands. What it had made durable stays.
    pub fn abort(&self) {
        self.0.abort();
    }

    /// Resolves when the validator has ended.
    ///
    /// # Errors
    /// Always [`Stopped`], with the reason: a validator does not end by itself.
    pub async fn ended(self) -> Result<(), Stopped> {
        self.0.await.map_err(|error| Stopped(error.to_string()))?;
        Err(Stopped("one of its actors ended".into()))
    }
}

/// Threads and a directory for validators.
#[derive(Clone, Debug)]
pub struct Runtime {
    /// Directory of everything stored.
    pub directory: PathBuf,
    /// Worker threads.
    pub threads: usize,
    /// Threads for storage at most.
    pub storage_threads: usize,
}

impl Runtime {
    /// Two worker threads and a directory, made where it is missing.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), threads: 2, storage_threads: 16 }
    }

    /// Runs `main` until it ends; what it started ends with it.
    ///
    /// # Errors
    /// When the directory cannot be made.
    ///
    /// # Panics
    /// When a validator's storage fails: the process should end and be started again.
    pub fn run<F, Fut>(self, main: F) -> io::Result<Fut::Output>
    where
        F: FnOnce(Context) -> Fut,
        Fut: Future,
    {
        std::fs::create_dir_all(&self.directory)?;
        let config = runtime::Config::new()
            .with_storage_directory(self.directory)
            .with_worker_threads(self.threads)
            .with_max_blocking_threads(self.storage_threads);
        Ok(runtime::Runner::new(config).start(main))
    }
}

/// Starts a node. Its handle comes once its state is open; it takes part from then on. Dropping the future before it
/// resolves stops the node.
///
/// Boxed, so that the validator's code is compiled in this crate and not in every crate that starts one.
///
/// # Errors
/// [`StartError`].
pub fn start(
    context: &Context,
    config: Config,
    tcp: Tcp,
) -> BoxFuture<'_, Result<(Handle, Task), StartError>> {
    Box::pin(async move {
        // Said here, before anything is opened; the task checks it again.
        if let Part::Voter(share) = &config.part {
            config.chain.signer(&config.key, share.clone())?;
        }
        enter(context, Seat::Dealt(Box::new(config)), tcp).await
    })
}

/// Founds a chain with the other validators, or finds it founded, and starts its validator. The handle comes once
/// all validators have met, the group key stands and the state is open.
///
/// # Errors
/// [`StartError`].
pub fn found(
    context: &Context,
    founding: Founding,
    prefix: String,
    tcp: Tcp,
) -> BoxFuture<'_, Result<(Handle, Task), StartError>> {
    Box::pin(async move {
        founding.genesis.check().map_err(ChainError::from)?;
        let me = tcp.public_key();
        if !founding.genesis.validators.iter().any(|validator| validator.key == me) {
            return Err(KeyError::NotValidator(Box::new(me)).into());
        }
        enter(context, Seat::Founding { founding: Box::new(founding), prefix }, tcp).await
    })
}

/// How a validator comes to its share.
enum Seat {
    Dealt(Box<Config>),
    Founding { founding: Box<Founding>, prefix: String },
}

impl Seat {
    const fn follows(&self) -> bool {
        match self {
            Self::Dealt(config) => matches!(config.part, Part::Follower(_)),
            Self::Founding { .. } => false,
        }
    }

    fn voters(&self) -> Set<PublicKey> {
        match self {
            Self::Dealt(config) => config.chain.validators().clone(),
            Self::Founding { founding, .. } => {
                let keys =
                    founding.genesis.validators.iter().map(|validator| validator.key.clone());
                Set::from_iter_dedup(keys)
            }
        }
    }

    async fn config(
        self,
        context: &Context,
        tcp: &Tcp,
        voters: &Voters,
        oracle: &Oracle,
        introductions: Channel,
        channels: founding::Channels,
    ) -> Result<Config, StartError> {
        match self {
            Self::Dealt(config) => Ok(*config),
            Self::Founding { founding, prefix } => {
                let (chain, share) = founding
                    .run(context, &tcp.key, (voters, oracle), introductions, channels, &prefix)
                    .await?;
                Ok(Config::new(chain, tcp.public_key(), share, prefix))
            }
        }
    }
}

async fn enter(context: &Context, seat: Seat, tcp: Tcp) -> Result<(Handle, Task), StartError> {
    let addresses = addresses(&tcp)?;
    let (ready, handle) = oneshot::channel();
    let (failed, failure) = oneshot::channel();
    let task = Starting(Some(context.child("validator").spawn(move |context| async move {
        let keys = seat.voters();
        let (mut network, oracle) = connect(&context, keys.len(), &tcp, addresses);
        let voters = Voters::new(keys, &tcp.public_key());
        let mut open = |(channel, rate)| network.register(channel, quota(rate));
        let follows = seat.follows();
        let channels = CHANNELS.map(|channel| open((channel.0, node::rate(channel, follows))));
        // Followers have no part in it.
        let mut closed = |channel| voters.guard(context.child("gate"), open(channel), false, 0);
        let founding = FOUNDING_CHANNELS.map(&mut closed);
        let introductions = closed(INTRODUCTIONS);
        let task = Some(network.start());
        let config = seat.config(&context, &tcp, &voters, &oracle, introductions, founding).await;
        let ended = match config {
            Err(error) => Err(error),
            Ok(config) => {
                let network = Network { channels, blocker: oracle, task };
                node::run(context, config, network, ready).await.map_err(|error| match error {
                    NodeError::Key(error) => error.into(),
                    NodeError::GroupForeign => StartError::GroupForeign(error),
                })
            }
        };
        if let Err(error) = ended {
            tracing::error!(%error, "the validator cannot run");
            // Nobody waits for it once the validator has started.
            let _ = failed.send(error);
        }
    })));
    match handle.await {
        Ok(handle) => Ok((handle, task.started())),
        Err(_) => Err(failure.await.unwrap_or(StartError::Stopped)),
    }
}

/// A validator that starts. Whoever stops waiting for it stops it.
struct Starting(Option<commonware_runtime::Handle<()>>);

impl Starting {
    fn started(mut self) -> Task {
        Task(self.0.take().expect("taken once"))
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

/// A channel of the founding, behind its doors.
type Channel =
    (Narrow<lookup::Sender<PublicKey, Context>>, Gate<lookup::Receiver<PublicKey>, Context>);
type Oracle = lookup::Oracle<PublicKey>;
type Handshake = Cups<Sake<ed25519::PrivateKey>, ChaCha20Poly1305>;
type LookupNetwork = lookup::Network<Context, Handshake>;

/// Who is connected: voters, and this node, are dialled; followers may dial.
fn addresses(tcp: &Tcp) -> Result<AddressableTrackedPeers<PublicKey>, StartError> {
    let listed = |peers: &[(PublicKey, SocketAddr)], own: Option<(PublicKey, Address)>| {
        let peers = peers.iter().map(|(key, it)| (key.clone(), Address::Symmetric(*it)));
        let peers: Result<Map<PublicKey, Address>, _> = peers.chain(own).try_collect();
        peers.map_err(|_| StartError::PeerTwice)
    };
    let own = (tcp.public_key(), Address::Symmetric(tcp.listen));
    let (primary, secondary) = (listed(&tcp.peers, Some(own))?, listed(&tcp.followers, None)?);
    if secondary.keys().iter().any(|key| primary.position(key).is_some()) {
        return Err(StartError::PeerTwice);
    }
    Ok(AddressableTrackedPeers::new(primary, secondary))
}

/// The network of these validators; peers are dialled once it is started.
fn connect(
    context: &Context,
    validators: usize,
    tcp: &Tcp,
    addresses: AddressableTrackedPeers<PublicKey>,
) -> (LookupNetwork, Oracle) {
    let handshake = Cups::<_, ChaCha20Poly1305>::new(
        Sake {
            signer: tcp.key.clone(),
            synchrony_bound: SYNCHRONY_BOUND,
            max_handshake_age: HANDSHAKE_AGE_MAX,
            version: sake::Version::V1,
        },
        cups::Version::V1,
    );
    let peers_max = addresses.primary.len() + addresses.secondary.len();
    let peers_max = NonZeroUsize::new(peers_max).expect("this node is one of them");
    let make = if tcp.local { lookup::Config::local } else { lookup::Config::recommended };
    let founding = u32::try_from(founding::message_size_max(validators)).unwrap_or(u32::MAX);
    let mut settings = make(
        handshake,
        NETWORK_NAMESPACE,
        tcp.listen,
        peers_max,
        message_size_max(validators).max(founding),
        NETWORK_MAILBOX,
    );
    settings.tracked_peer_sets = PEER_SETS;
    let mut peers = tcp.peers.iter().chain(&tcp.followers);
    settings.allow_private_ips |= peers.any(|(_, address)| is_private(address));
    let (network, mut oracle) = lookup::Network::new(context.child("network"), settings);
    oracle.track(0, addresses);
    (network, oracle)
}
