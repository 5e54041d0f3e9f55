//! One node, voter or follower: every actor of it under one task.
//!
//! The same code runs over TCP on disk and over a simulated network in virtual time. Whoever aborts the one task
//! that [`run`] fills stops the whole node, and a failure of any actor ends that task: nothing outlives it.

use crate::{
    agreement::Voting,
    application::{App, Meddle},
    block::Block,
    chain::{Chain, KeyError, PublicKey, Scheme, Share},
    clock::Skew,
    follow::{Deaf, Following, Joining, Lookout, Start},
    gossip::{self, Intake},
    handle::Handle,
    node_state::{Shared, Tip},
    service::Service,
    state::{self, BodyDb, BodyOperation, StateDb, StateOperation},
    voters::{Gate, Narrow, Voters},
};
use commonware_broadcast::buffered;
use commonware_codec::FixedSize as _;
use commonware_consensus::{
    Viewable as _,
    marshal::{
        self,
        core::{Actor as MarshalActor, Mailbox as MarshalMailbox},
        resolver::p2p as marshal_resolver,
        standard::Standard,
    },
    simplex,
    types::{FixedEpocher, ViewDelta},
};
use commonware_cryptography::{Digested, Digestible as _, certificate::ConstantProvider};
use commonware_glue::stateful::{
    self, Stateful, SyncPlan,
    db::{SyncEngineConfig, p2p as database_sync},
};
use commonware_p2p::{
    Blocker, Receiver, Sender, max_message_size,
    utils::mux::{Muxer, prefixed},
};
use commonware_parallel::Sequential;
use commonware_runtime::{Clock, Metrics, Quota, Spawner, Storage, buffer::paged::CacheRef};
use commonware_storage::{archive::prunable, mmr, translator::EightCap};
use commonware_utils::{NZDuration, NZU16, NZU32, NZU64, NZUsize};
use gridaccord_ledger::Digest;
use rand_core::CryptoRng;
use std::{
    num::{NonZeroU16, NonZeroU64, NonZeroUsize},
    sync::Arc,
    time::Duration,
};
use tokio::sync::{mpsc, oneshot};

/// The channels a node speaks on, with messages per second and peer; bursts of them are allocated up front.
pub const CHANNELS: [(u64, u32); 7] = [
    (VOTES, 512),
    (CERTIFICATES, 512),
    (RESOLVER, 128),
    (BACKFILL, 128),
    (BLOCKS, 128),
    (SYNC, 64),
    (COMMANDS, 64),
];
pub(crate) const VOTES: u64 = 0;
pub(crate) const CERTIFICATES: u64 = 1;
const RESOLVER: u64 = 2;
const BACKFILL: u64 = 3;
const BLOCKS: u64 = 4;
pub(crate) const SYNC: u64 = 5;
const COMMANDS: u64 = 6;

/// What a follower may say: messages a second on a channel, and as many at once. On other channels it is not heard.
const FOLLOWER_RATES: [(u64, u32); 3] = [(BACKFILL, 64), (SYNC, 64), (COMMANDS, 4)];
/// What followers are told as well as voters.
const PUBLIC: [u64; 2] = [CERTIFICATES, BLOCKS];

/// Bytes of a page of storage, its checksum aside; with it, a page fills 4,096 bytes on disk.
const PAGE_SIZE: NonZeroU16 = NZU16!(4_084);
pub(crate) const WRITE_BUFFER: NonZeroUsize = NZUsize!(64 * 1_024);
pub(crate) const REPLAY_BUFFER: NonZeroUsize = NZUsize!(256 * 1_024);
/// Blocks in one file of the archive.
const ARCHIVE_SECTION: NonZeroU64 = NZU64!(4_096);
/// Operations of a database sent to a joining node at once.
const SYNC_OPERATIONS: NonZeroU64 = NZU64!(64);
pub(crate) const FETCH_TIMEOUT: Duration = Duration::from_secs(2);
pub(crate) const FETCH_RETRY: Duration = Duration::from_millis(250);

/// What a node is to its chain.
#[derive(Clone, Debug)]
pub enum Part {
    /// It votes, with its share of the group key.
    Voter(Share),
    /// It has no vote, or makes no use of it.
    Follower(Following),
}

/// What makes a node this one.
#[derive(Clone)]
pub struct Config {
    /// The chain it is a node of.
    pub chain: Chain,
    /// Its key on the network and, where it votes, among the validators.
    pub key: PublicKey,
    /// What it is there.
    pub part: Part,
    /// Starts the name of everything it stores: letters, digits, `-`.
    pub prefix: String,
    /// Messages each actor may have waiting.
    pub mailbox_size: NonZeroUsize,
    /// Pages of 4 kB kept in memory.
    pub cache_pages: NonZeroUsize,
    /// Changes its proposals; only simulations of hostile nodes set it.
    pub meddle: Option<Meddle>,
    /// How far its clock is ahead, ms; only simulations set it.
    pub skew_ms: i64,
}

impl Config {
    /// A configuration with the usual sizes: about 10 MB of buffers.
    #[must_use]
    pub fn new(chain: Chain, key: PublicKey, share: Share, prefix: impl Into<String>) -> Self {
        Self::of(chain, key, Part::Voter(share), prefix)
    }

    /// The same for a follower.
    #[must_use]
    pub fn follower(
        chain: Chain,
        key: PublicKey,
        following: Following,
        prefix: impl Into<String>,
    ) -> Self {
        Self::of(chain, key, Part::Follower(following), prefix)
    }

    fn of(chain: Chain, key: PublicKey, part: Part, prefix: impl Into<String>) -> Self {
        Self {
            chain,
            key,
            part,
            prefix: prefix.into(),
            mailbox_size: NZUsize!(256),
            cache_pages: NZUsize!(1_024),
            meddle: None,
            skew_ms: 0,
        }
    }
}

impl core::fmt::Debug for Config {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Config")
            .field("chain", self.chain.id())
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// A node's side of the network.
pub struct Network<C, B> {
    /// One sender and receiver per entry of [`CHANNELS`], in that order.
    pub channels: [C; CHANNELS.len()],
    /// Shuts out peers that send what no honest one would.
    pub blocker: B,
    /// The task that carries it, where it is the node's own: the node ends with it.
    pub task: Option<commonware_runtime::Handle<()>>,
}

impl<C, B> core::fmt::Debug for Network<C, B> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Network")
    }
}

/// The runtime a node needs.
pub trait Runtime: Spawner + Metrics + Clock + Storage + CryptoRng + Sync {}
impl<E: Spawner + Metrics + Clock + Storage + CryptoRng + Sync> Runtime for E {}

/// Quota of a channel.
#[must_use]
pub fn quota(rate: u32) -> Quota {
    Quota::per_second(std::num::NonZeroU32::new(rate).unwrap_or(NZU32!(1)))
}

/// Messages a second and peer with which a node opens a channel. A follower that keeps to it is always heard: what is
/// above its allowance would be lost.
#[must_use]
pub fn rate(channel: (u64, u32), follows: bool) -> u32 {
    let (number, rate) = channel;
    let allowed =
        FOLLOWER_RATES.into_iter().find_map(|(one, rate)| (one == number).then_some(rate));
    match allowed {
        Some(allowed) if follows => rate.min((allowed * 3 / 4).max(1)),
        _ => rate,
    }
}

/// Largest message a network must carry for this many validators.
#[must_use]
pub fn message_size_max(validators: usize) -> u32 {
    let validators = u32::try_from(validators).unwrap_or(u32::MAX);
    let operation = StateOperation::SIZE.max(BodyOperation::SIZE);
    max_message_size(&[
        simplex::max_payload_size::<Scheme, Digest>(validators),
        marshal::max_payload_size::<Standard<Block>, Scheme>(validators, &()),
        prefixed(database_sync::max_payload_size::<mmr::Family, Digest>(
            SYNC_OPERATIONS,
            operation,
        )),
        gossip::MESSAGE_SIZE_MAX,
    ])
}

/// Names of the archives, and how both are kept.
pub(crate) fn archive_config(
    prefix: &str,
    name: &str,
    cache: &CacheRef,
) -> prunable::Config<EightCap, ()> {
    prunable::Config {
        translator: EightCap,
        metadata_partition: format!("{prefix}-{name}-metadata"),
        key_partition: format!("{prefix}-{name}-keys"),
        key_page_cache: cache.clone(),
        value_partition: format!("{prefix}-{name}-values"),
        compression: None,
        codec_config: (),
        items_per_section: ARCHIVE_SECTION,
        key_write_buffer: WRITE_BUFFER,
        value_write_buffer: WRITE_BUFFER,
        replay_buffer: REPLAY_BUFFER,
    }
}

/// Name of the archive of finality certificates.
pub(crate) const CERTIFICATES_ARCHIVE: &str = "certificates";
/// Name of the archive of blocks.
pub(crate) const BLOCKS_ARCHIVE: &str = "blocks";

/// Where a node keeps its votes.
pub(crate) fn votes_partition(prefix: &str) -> String {
    format!("{prefix}-simplex")
}

pub(crate) fn page_cache(pages: NonZeroUsize) -> CacheRef {
    CacheRef::new(PAGE_SIZE, pages)
}

pub(crate) type Marshal = MarshalMailbox<Scheme, Standard<Block>>;

/// Why a node cannot run.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// Key or share do not belong to the chain.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A follower was given another group's key.
    #[error(
        "the validators' certificates are not signed by this group: take the group's public key from one who runs a validator of this chain"
    )]
    GroupForeign,
}

/// A channel behind its doors.
type Guarded<S, R, E> = (Narrow<S>, Gate<R, E>);

/// Runs a node until one of its actors stops or the runtime does. `ready` gets its handle once its state is open.
///
/// Call it from a task of its own and give it that task's context: all it spawns descends from it.
///
/// # Errors
/// [`NodeError`].
///
/// # Panics
/// When storage fails: a replica that cannot store must stop, and resumes from what is durable.
pub async fn run<E, S, R, B>(
    context: E,
    config: Config,
    network: Network<(S, R), B>,
    ready: oneshot::Sender<Handle>,
) -> Result<(), NodeError>
where
    E: Runtime,
    S: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
    B: Blocker<PublicKey = PublicKey>,
{
    let Config { chain, key, part, prefix, mailbox_size, cache_pages, meddle, skew_ms } = config;
    let scheme = match &part {
        Part::Voter(share) => chain.signer(&key, share.clone())?,
        Part::Follower(_) => chain.watcher(),
    };
    let Network { channels, blocker, task } = network;
    let peers = Voters::new(chain.validators().clone(), &key);
    let mut numbers = CHANNELS.into_iter();
    let [votes, certificates, resolver, backfill, blocks, sync, commands] =
        channels.map(|channel| {
            let (number, _) = numbers.next().expect("there are as many");
            guard(&context, &peers, number, channel)
        });
    let cache = page_cache(cache_pages);
    let genesis = chain.genesis_block();
    let genesis_digest = genesis.digest();
    let genesis = Digested::precomputed(genesis, genesis_digest);
    let tip = Tip::of(genesis_digest, genesis.inner());
    let shared =
        Arc::new(Shared::new(chain, tip, Skew(skew_ms), matches!(part, Part::Follower(_))));

    // Databases of joining nodes copy from here.
    let (mux, mut sync) = Muxer::new(context.child("sync_mux"), sync.0, sync.1);
    let mux = mux.start();
    let mux = context.child("sync_mux_end").spawn(move |_| async move {
        if let Ok(Err(error)) = mux.await {
            tracing::error!(%error, "the channel of database copies failed");
        }
    });
    let (state_sync, state_resolver) =
        database_sync::Actor::<_, PublicKey, _, _, mmr::Family, StateDb<E>>::new(
            context.child("state_sync"),
            sync_config(&key, &peers, &blocker, mailbox_size),
        );
    let (body_sync, body_resolver) =
        database_sync::Actor::<_, PublicKey, _, _, mmr::Family, BodyDb<E>>::new(
            context.child("body_sync"),
            sync_config(&key, &peers, &blocker, mailbox_size),
        );
    let registered = "the multiplexer runs and the two names differ";
    let state_sync = state_sync.start(sync.register(0).await.expect(registered));
    let body_sync = body_sync.start(sync.register(1).await.expect(registered));

    // Blocks: sent whole to everybody, fetched where missing, kept in order.
    let resolver_config = marshal_resolver::Config {
        public_key: key.clone(),
        peer_provider: peers.clone(),
        blocker: blocker.clone(),
        mailbox_size,
        fetch_timeout: NZDuration!(FETCH_TIMEOUT),
        fetch_retry_delay: FETCH_RETRY,
        priority_requests: false,
        priority_responses: false,
    };
    let backfill = marshal_resolver::init(context.child("backfill"), resolver_config, backfill);
    let (broadcast, buffer) = buffered::Engine::new(
        context.child("broadcast"),
        buffered::Config {
            public_key: key.clone(),
            mailbox_size,
            deque_size: 10,
            priority: false,
            codec_config: (),
            peer_provider: peers.clone(),
            strategy: Sequential,
        },
    );
    let broadcast = broadcast.start(blocks);
    let opened = "the archives open, or the node must not run";
    let finalizations = prunable::Archive::init(
        context.child("certificates"),
        archive_config(&prefix, CERTIFICATES_ARCHIVE, &cache),
    )
    .await
    .expect(opened);
    let finalized = prunable::Archive::init(
        context.child("blocks"),
        archive_config(&prefix, BLOCKS_ARCHIVE, &cache),
    )
    .await
    .expect(opened);
    let mut plan = SyncPlan::init(context.child("plan"), format!("{prefix}-")).await;
    let agreement = match part {
        Part::Voter(_) => Agreement::Vote([votes, certificates, resolver]),
        Part::Follower(following) => {
            let heard = certificates.1;
            let mut lookout = Lookout::new(heard, blocker.clone(), peers.clone(), scheme.clone());
            if plan.may_sync() && plan.floor().is_none() {
                (following.told)(Joining::Listening);
                let floor = match lookout.floor().await {
                    Ok(floor) => floor,
                    Err(Deaf::Foreign) => return Err(NodeError::GroupForeign),
                    Err(Deaf::Ended) => return Ok(()),
                };
                if following.start == Start::Recent {
                    plan = plan.set_floor(floor).await;
                }
            }
            if let Some(floor) = plan.floor() {
                (following.told)(Joining::Copying { view: floor.view().get() });
            }
            Agreement::Follow(lookout)
        }
    };
    let (marshal_actor, marshal, floor) = MarshalActor::<_, Standard<Block>, _, _, _, _, _>::init(
        context.child("marshal"),
        finalizations,
        finalized,
        marshal::Config {
            provider: ConstantProvider::new(scheme.clone()),
            epocher: epochs(),
            start: plan.marshal_start(genesis),
            partition_prefix: format!("{prefix}-marshal"),
            mailbox_size,
            view_retention: ViewDelta::new(10),
            prunable_items_per_section: NZU64!(64),
            page_cache: cache.clone(),
            replay_buffer: REPLAY_BUFFER,
            key_write_buffer: WRITE_BUFFER,
            value_write_buffer: WRITE_BUFFER,
            block_codec_config: (),
            max_repair: NZUsize!(16),
            max_pending_acks: NZUsize!(16),
            strategy: Sequential,
        },
    )
    .await;

    // State: speculative per block, durable once final.
    let (stateful, application) = Stateful::new(
        context.child("stateful"),
        stateful::Config {
            application: App::new(shared.clone(), meddle),
            db_config: state::config(&prefix, &cache),
            provider: (),
            marshal: (marshal.clone(), floor),
            mailbox_size,
            plan,
            resolvers: (state_resolver, body_resolver),
            sync_config: SyncEngineConfig {
                fetch_batch_size: SYNC_OPERATIONS,
                apply_batch_size: NZU64!(1_024),
                max_outstanding_requests: NZUsize!(8),
            },
            prune_config: None,
            strategy: Sequential,
        },
    );
    let marshal_actor = marshal_actor.start(application.clone(), buffer, backfill);
    let stateful = stateful.start();
    // A follower that copies a state needs to hear how the chain goes on meanwhile.
    let agreement = match agreement {
        Agreement::Vote(channels) => Agreement::Vote(channels),
        Agreement::Follow(lookout) => {
            let (shared, marshal) = (shared.clone(), marshal.clone());
            Agreement::Follow(context.child("follow").spawn(|_| lookout.follow(shared, marshal)))
        }
    };
    let databases = application.subscribe_databases().await;
    if let Some(block) = processed(&marshal).await {
        shared.start_at(Tip::of(block.digest(), block.inner()));
    }

    // Commands.
    let intake = Intake { shared: shared.clone(), databases: databases.clone() };
    let (outbox, sends) = mpsc::channel(gossip::OUTBOX);
    let gossip = {
        let intake = intake.clone();
        context
            .child("commands")
            .spawn(move |context| gossip::run(context, intake, sends, commands))
    };

    let agreement = match agreement {
        Agreement::Vote(channels) => {
            let voting = Voting { scheme, blocker, mailbox_size, cache, prefix };
            voting.start(&context, application, &shared, &marshal, channels)
        }
        Agreement::Follow(task) => task,
    };

    let backend = Service { shared: shared.clone(), intake, outbox, marshal, databases };
    let handle = Handle { shared: shared.clone(), backend: Arc::new(backend) };
    // Nobody may be waiting. The node keeps a handle itself, or it would end with the last one.
    let _ = ready.send(handle.clone());
    let actors =
        [mux, state_sync, body_sync, broadcast, marshal_actor, stateful, gossip, agreement];
    let ended = commonware_runtime::Handle::select(actors.into_iter().chain(task)).await;
    shared.close();
    tracing::error!(?ended, "an actor stopped, and the node with it");
    Ok(())
}

/// A node's way to agree: the channels it votes on, or what it follows with.
enum Agreement<V, F> {
    Vote(V),
    Follow(F),
}

/// The doors of a channel.
fn guard<E: Runtime, S, R>(
    context: &E,
    voters: &Voters,
    number: u64,
    channel: (S, R),
) -> Guarded<S, R, E> {
    let clock = context.child("gate").with_attribute("channel", number);
    let rate = FOLLOWER_RATES.into_iter().find_map(|(one, rate)| (one == number).then_some(rate));
    voters.guard(clock, channel, PUBLIC.contains(&number), rate.unwrap_or_default())
}

/// How operations of a database reach joining nodes.
fn sync_config<B: Blocker<PublicKey = PublicKey>, D>(
    key: &PublicKey,
    peers: &Voters,
    blocker: &B,
    mailbox_size: NonZeroUsize,
) -> database_sync::Config<PublicKey, Voters, B, D> {
    database_sync::Config {
        peer_provider: peers.clone(),
        blocker: blocker.clone(),
        database: None,
        mailbox_size,
        me: Some(key.clone()),
        fetch_timeout: NZDuration!(FETCH_TIMEOUT),
        fetch_retry_delay: FETCH_RETRY,
        max_serve_ops: SYNC_OPERATIONS,
        priority_requests: false,
        priority_responses: false,
    }
}

/// One epoch for ever: validators change with a later version.
pub(crate) const fn epochs() -> FixedEpocher {
    FixedEpocher::new(NonZeroU64::MAX)
}

/// The block whose state is durable.
async fn processed(marshal: &Marshal) -> Option<Digested<Block>> {
    let height = marshal.get_processed().await?.height();
    marshal.get_block(height).await
}
