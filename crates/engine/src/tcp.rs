//! A validator over TCP, with its storage on disk.
//!
//! One runtime may carry several validators: they share its threads and its directory, and their prefixes keep
//! their files apart. A failure of storage in one of them ends the runtime, and with it all of them.

use crate::{
    chain::{KeyError, PublicKey},
    handle::Handle,
    node::{self, CHANNELS, Config, Network, message_size_max, quota},
};
use commonware_cryptography::{ChaCha20Poly1305, Signer as _, ed25519};
use commonware_p2p::{Address, AddressableManager as _, authenticated::lookup};
use commonware_runtime::{Runner as _, Spawner as _, Supervisor as _, tokio as runtime};
use commonware_stream::{
    cups::{self, Cups},
    sake::{self, Sake},
};
use commonware_utils::{NZUsize, TryCollect as _, ordered::Map};
use futures::future::BoxFuture;
use std::{
    future::Future,
    io,
    net::SocketAddr,
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
    /// All peers are on this machine or in this building: private addresses are fine, dial often.
    pub local: bool,
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

/// Why a validator did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Key or share do not fit the chain.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Two peers with one key.
    #[error("a peer is listed twice: list every other validator once")]
    PeerTwice,
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

/// Starts a validator. Its handle comes once its state is open; it takes part from then on.
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
    Box::pin(start_validator(context, config, tcp))
}

async fn start_validator(
    context: &Context,
    config: Config,
    tcp: Tcp,
) -> Result<(Handle, Task), StartError> {
    let addresses: Map<PublicKey, Address> = tcp
        .peers
        .iter()
        .map(|(key, address)| (key.clone(), Address::Symmetric(*address)))
        .chain([(tcp.public_key(), Address::Symmetric(tcp.listen))])
        .try_collect()
        .map_err(|_| StartError::PeerTwice)?;
    // Said here, where somebody listens; the task below checks it again.
    config.chain.signer(&config.key, config.share.clone())?;
    let (ready, handle) = oneshot::channel();
    let task = context.child("validator").spawn(move |context| async move {
        let network = connect(&context, &config, &tcp, addresses);
        if let Err(error) = node::run(context, config, network, ready).await {
            tracing::error!(%error, "the validator cannot run");
        }
    });
    let handle = handle.await.map_err(|_| StartError::Stopped)?;
    Ok((handle, Task(task)))
}

type Channel = (lookup::Sender<PublicKey, Context>, lookup::Receiver<PublicKey>);
type Oracle = lookup::Oracle<PublicKey>;

/// Joins the network of this chain's validators.
fn connect(
    context: &Context,
    config: &Config,
    tcp: &Tcp,
    addresses: Map<PublicKey, Address>,
) -> Network<Channel, Oracle, Oracle> {
    let handshake = Cups::<_, ChaCha20Poly1305>::new(
        Sake {
            signer: tcp.key.clone(),
            synchrony_bound: SYNCHRONY_BOUND,
            max_handshake_age: HANDSHAKE_AGE_MAX,
            version: sake::Version::V1,
        },
        cups::Version::V1,
    );
    let peers_max = NonZeroUsize::new(addresses.len()).expect("this node is one of them");
    let make = if tcp.local { lookup::Config::local } else { lookup::Config::recommended };
    let mut settings = make(
        handshake,
        &config.chain.network_namespace(),
        tcp.listen,
        peers_max,
        message_size_max(config.chain.validators().len()),
        config.mailbox_size,
    );
    settings.tracked_peer_sets = PEER_SETS;
    let (mut network, mut oracle) = lookup::Network::new(context.child("network"), settings);
    oracle.track(0, addresses);
    let channels = CHANNELS.map(|(channel, rate)| network.register(channel, quota(rate)));
    let task = network.start();
    Network { channels, peers: oracle.clone(), blocker: oracle, task: Some(task) }
}
