//! The HTTP interface's door to the engine.

use bytes::Bytes;
use futures::{
    future::BoxFuture,
    stream::{self, BoxStream, StreamExt as _},
};
use gridaccord_api::port::{
    FinalizedBlock, NodeStatus, Port, Proof, Readiness, SubmitCode, SubmitError,
};
use gridaccord_engine::{Finalized, Handle, Refused};
use gridaccord_ledger::{BodyId, Digest, Key, Record, SignedCommand};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Own proposals whose time to finality is remembered.
const FINALITIES_KEPT: usize = 1_024;
/// A chain with an empty block a second that shows none for this long has stalled.
const STALL: Duration = Duration::from_secs(10);

/// A validator behind the HTTP interface. Clones are the same node.
#[derive(Clone)]
pub struct NodePort {
    handle: Handle,
    member: Arc<str>,
    submitted: Arc<dyn Fn(Digest) + Send + Sync>,
    finalities_ms: Arc<Mutex<VecDeque<u64>>>,
    trouble: Arc<Mutex<Option<String>>>,
}

impl core::fmt::Debug for NodePort {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("NodePort")
            .field("member", &self.member)
            .field("handle", &self.handle)
            .finish_non_exhaustive()
    }
}

impl NodePort {
    /// The node of the member called `member`; `submitted` sees the id of every command it takes.
    #[must_use]
    pub fn new(
        handle: Handle,
        member: impl Into<Arc<str>>,
        submitted: impl Fn(Digest) + Send + Sync + 'static,
    ) -> Self {
        Self {
            handle,
            member: member.into(),
            submitted: Arc::new(submitted),
            finalities_ms: Arc::default(),
            trouble: Arc::default(),
        }
    }

    /// Says why the node is not ready although the chain goes on; `None` once that is over.
    pub fn set_trouble(&self, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    /// Watches the node's own proposals until it stops.
    pub async fn watch(self) {
        let mut blocks = self.handle.subscribe();
        while let Some(block) = blocks.recv().await {
            if let Some(finality_ms) = block.finality_ms {
                let mut kept = self.finalities_ms.lock().unwrap_or_else(PoisonError::into_inner);
                if kept.len() == FINALITIES_KEPT {
                    kept.pop_front();
                }
                kept.push_back(finality_ms);
            }
        }
    }

    /// Times from proposal to finality of the node's own recent proposals, ms.
    #[must_use]
    pub fn finalities_ms(&self) -> Vec<u64> {
        self.finalities_ms.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }
}

impl Port for NodePort {
    fn submit(&self, command: SignedCommand) -> BoxFuture<'_, Result<Digest, SubmitError>> {
        Box::pin(async move {
            let id = self.handle.submit(command).await.map_err(not_taken)?;
            (self.submitted)(id);
            Ok(id)
        })
    }

    fn subscribe(&self) -> BoxStream<'static, FinalizedBlock> {
        let blocks = self.handle.subscribe();
        stream::unfold(blocks, |mut blocks| async move {
            let block = blocks.recv().await?;
            Some((finalized(&block), blocks))
        })
        .boxed()
    }

    fn record(&self, key: Key) -> BoxFuture<'_, Option<Record>> {
        Box::pin(self.handle.record(key))
    }

    fn body(&self, id: BodyId) -> BoxFuture<'_, Option<Bytes>> {
        Box::pin(self.handle.body(id))
    }

    fn proof(&self, key: Key) -> BoxFuture<'_, Option<Proof>> {
        Box::pin(async move {
            let proof = self.handle.proof(key).await?;
            Some(Proof {
                height: proof.height(),
                record: proof.record().cloned(),
                bytes: proof.to_bytes(),
            })
        })
    }

    fn block(&self, height: u64) -> BoxFuture<'_, Option<FinalizedBlock>> {
        Box::pin(async move {
            let archived = self.handle.finalized_block(height).await?;
            if let Some(block) = &archived.finalized {
                return Some(finalized(block));
            }
            Some(FinalizedBlock {
                digest: archived.digest,
                state_root: archived.block.header().state.root,
                block: Arc::new(archived.block.to_ledger()),
                outcome: None,
                finality_ms: None,
            })
        })
    }

    fn status(&self) -> NodeStatus {
        let status = self.handle.status();
        let mut finalities = self.finalities_ms();
        finalities.sort_unstable();
        NodeStatus {
            member: self.member.to_string(),
            follows: status.follows,
            height: status.height,
            view: status.view,
            state_root: status.state_root,
            timestamp: status.timestamp,
            peers_connected: status.peers_heard,
            mempool_commands: status.mempool_commands,
            mempool_bytes: status.mempool_bytes,
            finality_ms_p50: percentile(&finalities, 50),
            finality_ms_p95: percentile(&finalities, 95),
        }
    }

    fn readiness(&self) -> Readiness {
        if let Some(trouble) = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Readiness::NotReady(trouble);
        }
        let status = self.handle.status();
        if status.height == 0 {
            return Readiness::NotReady(
                "no block is final yet: waiting for the other validators".into(),
            );
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let age = now.saturating_sub(Duration::from_millis(status.timestamp.0));
        if age > STALL {
            let seconds = age.as_secs();
            return Readiness::NotReady(format!(
                "the last final block is {seconds} s old: too few validators are reachable, or this node is catching up"
            ));
        }
        Readiness::Ready
    }
}

/// The value below which `percent` of an ascending list lies; `None` of an empty one.
#[must_use]
pub fn percentile(ascending: &[u64], percent: usize) -> Option<u64> {
    let last = ascending.len().checked_sub(1)?;
    ascending.get((last * percent).div_ceil(100)).copied()
}

fn finalized(block: &Arc<Finalized>) -> FinalizedBlock {
    FinalizedBlock {
        digest: block.digest,
        state_root: block.state_root,
        block: block.block.clone(),
        outcome: Some(block.outcome.clone()),
        finality_ms: block.finality_ms,
    }
}

fn not_taken(refused: Refused) -> SubmitError {
    let code = match refused {
        Refused::TooLarge { .. } => SubmitCode::TooLarge,
        Refused::MemberUnknown(_) => SubmitCode::MemberUnknown,
        Refused::NonceOld { .. } => SubmitCode::NonceUsed,
        Refused::NonceAhead { .. } => SubmitCode::NonceAhead,
        Refused::NonceTaken { .. } => SubmitCode::NonceTaken,
        Refused::SignatureWrong(_) => SubmitCode::SignatureInvalid,
        Refused::MemberFull(_) => SubmitCode::MemberFull,
        Refused::Full => SubmitCode::MempoolFull,
        Refused::Stopping => SubmitCode::Stopping,
    };
    SubmitError { code, message: refused.to_string() }
}
