//! The two databases under one header, and how the ledger reads them.
//!
//! Records live in an ordered database whose root proves single values; bodies are cut into chunks of
//! [`CHUNK_SIZE`](bodies::CHUNK_SIZE) bytes in an append-only one, because peers can copy operations of a fixed size only. The
//! ledger names what it lacks; [`load`] fetches it and calls again, so that no storage type reaches the ledger.

use crate::block::{BodiesCommitment, StateCommitment, range};
use crate::bodies::{self, Chunk};
use bytes::Bytes;
use commonware_cryptography::Sha256;
use commonware_glue::stateful::db::{
    DatabaseSet, ManagedDb as _, Merkleized as _, Shared, Unmerkleized as _,
};
use commonware_parallel::Sequential;
use commonware_runtime::{Spawner, buffer::paged::CacheRef};
use commonware_storage::{
    Context,
    journal::contiguous::fixed::Config as LogConfig,
    mmr::{self, full::Config as MerkleConfig},
    qmdb::{any, current, immutable},
    translator::EightCap,
};
use commonware_utils::{NZU64, NZUsize};
use gridaccord_ledger::{
    Digest, Key, Lookup, Missing, Outcome, Read, Record,
    state::{BodyId, RECORD_SIZE},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    num::{NonZeroU64, NonZeroUsize},
};

/// Times the ledger may ask for more before a block counts as invalid. The count is the same on every replica.
const ROUNDS_MAX: usize = 16;
/// Bytes of a chunk of the bitmap of live operations.
pub(crate) const BITMAP_CHUNK: usize = 32;
/// Operations in one file of a log.
const ITEMS_PER_BLOB: NonZeroU64 = NZU64!(65_536);
/// Bytes gathered before a file is written.
const WRITE_BUFFER: NonZeroUsize = NZUsize!(16 * 1_024);
/// Bytes read at once when a log is replayed at start.
const REPLAY_BUFFER: NonZeroUsize = NZUsize!(64 * 1_024);

const _: () = assert!(RECORD_SIZE == 192);

pub(crate) type StateDb<E> = current::ordered::fixed::Db<
    mmr::Family,
    E,
    Digest,
    Record,
    Sha256,
    EightCap,
    BITMAP_CHUNK,
    Sequential,
>;
pub(crate) type BodyDb<E> =
    immutable::fixed::Db<mmr::Family, E, Digest, Chunk, Sha256, EightCap, Sequential>;
pub(crate) type StateOperation = any::ordered::fixed::Operation<mmr::Family, Digest, Record>;
pub(crate) type BodyOperation = immutable::fixed::Operation<mmr::Family, Digest, Chunk>;

/// Records first, bodies second.
pub(crate) type Databases<E> = (Shared<StateDb<E>>, Shared<BodyDb<E>>);
pub(crate) type Batches<E> = <Databases<E> as DatabaseSet<E>>::Unmerkleized;
pub(crate) type Sealed<E> = <Databases<E> as DatabaseSet<E>>::Merkleized;
pub(crate) type Readers<E> = <Databases<E> as DatabaseSet<E>>::Readers;
pub(crate) type DatabasesConfig =
    (current::FixedConfig<EightCap, Sequential>, immutable::fixed::Config<EightCap, Sequential>);

/// Where the databases of a node live.
pub(crate) fn config(prefix: &str, cache: &CacheRef) -> DatabasesConfig {
    let merkle = |name: &str| MerkleConfig {
        journal_partition: format!("{prefix}-{name}-nodes"),
        metadata_partition: format!("{prefix}-{name}-pinned"),
        items_per_blob: ITEMS_PER_BLOB,
        write_buffer: WRITE_BUFFER,
        replay_buffer: REPLAY_BUFFER,
        strategy: Sequential,
        page_cache: cache.clone(),
    };
    let log = |name: &str| LogConfig {
        partition: format!("{prefix}-{name}-log"),
        items_per_blob: ITEMS_PER_BLOB,
        page_cache: cache.clone(),
        write_buffer: WRITE_BUFFER,
        replay_buffer: REPLAY_BUFFER,
    };
    let state = current::FixedConfig {
        merkle_config: merkle("state"),
        journal_config: log("state"),
        grafted_metadata_partition: format!("{prefix}-state-bitmap"),
        translator: EightCap,
        init_cache: Some(NZUsize!(4_096)),
        init_buffer: REPLAY_BUFFER,
        init_concurrency: (),
    };
    let bodies = immutable::fixed::Config {
        merkle_config: merkle("bodies"),
        log: log("bodies"),
        translator: EightCap,
        init_buffer: REPLAY_BUFFER,
    };
    (state, bodies)
}

/// What two empty databases commit to. The record root of the genesis block is the log's: nothing is proven at
/// height 0.
pub(crate) fn initial_commitments() -> (StateCommitment, BodiesCommitment) {
    type Any = commonware_runtime::tokio::Context;
    let state = StateDb::<Any>::initial_sync_target();
    let bodies = BodyDb::<Any>::initial_sync_target();
    (
        StateCommitment { root: state.root, ops_root: state.root, range: state.range },
        BodiesCommitment { root: bodies.root, range: bodies.range },
    )
}

/// What sealed batches commit to.
pub(crate) fn commitments<E: Context + Spawner>(
    sealed: &Sealed<E>,
) -> (StateCommitment, BodiesCommitment) {
    let (state, bodies) = sealed;
    let logged = "a batch ends with its own commit operation";
    let state = StateCommitment {
        root: state.root(),
        ops_root: state.ops_root(),
        range: range(state.sync_boundary(), state.bounds().tip.size).expect(logged),
    };
    let bodies = BodiesCommitment {
        root: bodies.root(),
        range: range(bodies.bounds().inactivity_floor, bodies.bounds().tip.size).expect(logged),
    };
    (state, bodies)
}

/// Reads of both databases, at one state.
///
/// Storage failures are fatal by design: a replica that cannot read its state must halt, not guess.
pub(crate) trait Source: Sync {
    fn records(&self, keys: &[&Digest]) -> impl Future<Output = Vec<Option<Record>>> + Send;
    fn chunks(&self, keys: &[&Digest]) -> impl Future<Output = Vec<Option<Chunk>>> + Send;
}

const READ_FAILED: &str = "a replica that cannot read its state halts";

/// Reads through batches that are still open.
pub(crate) struct Open<'a, E: Context + Spawner>(pub(crate) &'a Batches<E>);
/// Reads through batches that are sealed.
pub(crate) struct Closed<'a, E: Context + Spawner>(pub(crate) &'a Sealed<E>);
/// Reads of what is applied, in a hook of the stateful layer.
pub(crate) struct Applied<'a, E: Context + Spawner>(pub(crate) &'a Readers<E>);
/// Reads of what is applied, from anywhere.
pub(crate) struct Latest<'a, E: Context + Spawner>(pub(crate) &'a Databases<E>);

impl<E: Context + Spawner> Source for Open<'_, E> {
    async fn records(&self, keys: &[&Digest]) -> Vec<Option<Record>> {
        self.0.0.get_many(keys).await.expect(READ_FAILED)
    }
    async fn chunks(&self, keys: &[&Digest]) -> Vec<Option<Chunk>> {
        self.0.1.get_many(keys).await.expect(READ_FAILED)
    }
}

impl<E: Context + Spawner> Source for Closed<'_, E> {
    async fn records(&self, keys: &[&Digest]) -> Vec<Option<Record>> {
        self.0.0.get_many(keys).await.expect(READ_FAILED)
    }
    async fn chunks(&self, keys: &[&Digest]) -> Vec<Option<Chunk>> {
        self.0.1.get_many(keys).await.expect(READ_FAILED)
    }
}

impl<E: Context + Spawner> Source for Applied<'_, E> {
    async fn records(&self, keys: &[&Digest]) -> Vec<Option<Record>> {
        self.0.0.read().await.get_many(keys).await.expect(READ_FAILED)
    }
    async fn chunks(&self, keys: &[&Digest]) -> Vec<Option<Chunk>> {
        self.0.1.read().await.get_many(keys).await.expect(READ_FAILED)
    }
}

impl<E: Context + Spawner> Source for Latest<'_, E> {
    async fn records(&self, keys: &[&Digest]) -> Vec<Option<Record>> {
        self.0.0.read().await.get_many(keys).await.expect(READ_FAILED)
    }
    async fn chunks(&self, keys: &[&Digest]) -> Vec<Option<Chunk>> {
        self.0.1.read().await.get_many(keys).await.expect(READ_FAILED)
    }
}

/// What the ledger has asked for so far.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    records: BTreeMap<Key, Option<Record>>,
    bodies: BTreeMap<BodyId, Option<Bytes>>,
}

impl Read for Loaded {
    fn record(&self, key: &Key) -> Lookup<&Record> {
        lookup(self.records.get(key).map(Option::as_ref))
    }
    fn body(&self, id: &BodyId) -> Lookup<&[u8]> {
        lookup(self.bodies.get(id).map(|body| body.as_ref().map(|bytes| &**bytes)))
    }
}

fn lookup<T>(found: Option<Option<T>>) -> Lookup<T> {
    match found {
        None => Lookup::Unknown,
        Some(None) => Lookup::Absent,
        Some(Some(value)) => Lookup::Present(value),
    }
}

/// Calls a function of the ledger, fetching what it misses, until it answers.
///
/// `None` when it still asks after [`ROUNDS_MAX`] rounds, which is the same on every replica.
pub(crate) async fn load<T>(
    source: &impl Source,
    call: impl Fn(&Loaded) -> Result<T, Missing> + Send,
) -> Option<T> {
    let mut loaded = Loaded::default();
    for _ in 0..ROUNDS_MAX {
        let missing = match call(&loaded) {
            Ok(answer) => return Some(answer),
            Err(missing) => missing,
        };
        let keys: Vec<Digest> = missing.keys.iter().map(|key| Digest(key.0)).collect();
        let found = source.records(&keys.iter().collect::<Vec<_>>()).await;
        loaded.records.extend(missing.keys.into_iter().zip(found));
        for id in missing.bodies {
            let body = body(source, &id).await;
            loaded.bodies.insert(id, body);
        }
    }
    None
}

/// The body of this name, if it stands.
pub(crate) async fn body(source: &impl Source, id: &BodyId) -> Option<Bytes> {
    let keys = bodies::keys(id);
    bodies::join(id, source.chunks(&keys.iter().collect::<Vec<_>>()).await)
}

/// Writes what a block did into batches and computes both roots.
pub(crate) async fn write<E: Context + Spawner>(
    batches: Batches<E>,
    outcome: &Outcome,
) -> Sealed<E> {
    let (mut state, mut kept) = batches;
    for (key, record) in &outcome.changes {
        state = state.write(Digest(key.0), record.clone());
    }
    // A key may be set once in the whole history, so chunks that stand already are left alone.
    let mut written = BTreeSet::new();
    for (id, bytes) in &outcome.bodies {
        let keys = bodies::keys(id);
        let found = kept.get_many(&keys.iter().collect::<Vec<_>>()).await.expect(READ_FAILED);
        for ((key, present), chunk) in keys.into_iter().zip(found).zip(bodies::split(bytes)) {
            if present.is_none() && written.insert(key) {
                kept = kept.set(key, chunk);
            }
        }
    }
    let (state, bodies) = futures::join!(state.merkleize(), kept.merkleize());
    let failed = "a replica that cannot compute its root halts";
    (state.expect(failed), bodies.expect(failed))
}
