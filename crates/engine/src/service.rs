//! What a node's handles ask of it, answered from its state and archive.

use crate::{
    gossip::{self, Intake},
    handle::{Archived, Backend, Finalized},
    light::{Claim, LightProof},
    mempool::Refused,
    node::{Marshal, Runtime},
    node_state::Shared,
    state::{self, Databases, Latest, Source as _},
};
use bytes::Bytes;
use commonware_codec::Encode as _;
use commonware_consensus::types::Height;
use commonware_cryptography::Digestible as _;
use futures::future::BoxFuture;
use gridaccord_ledger::{Digest, Key, Record, SignedCommand, state::BodyId};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Serves a node's handles.
pub(crate) struct Service<E: Runtime> {
    pub(crate) shared: Arc<Shared>,
    pub(crate) intake: Intake<E>,
    pub(crate) outbox: mpsc::Sender<Arc<SignedCommand>>,
    pub(crate) marshal: Marshal,
    pub(crate) databases: Databases<E>,
}

impl<E: Runtime> Service<E> {
    async fn prove(&self, key: Key) -> Option<LightProof> {
        let name = Digest(key.0);
        let mut tips = self.shared.tip();
        loop {
            let tip = tips.borrow_and_update().clone();
            let certificate = self.marshal.get_finalization(Height::new(tip.height)).await?;
            let block = self.marshal.get_block(Height::new(tip.height)).await?;
            let claim = {
                let state = self.databases.0.read().await;
                if state.root() != tip.state_root {
                    None
                } else if let Some(record) = state.get(&name).await.ok()? {
                    Some(Claim::Present {
                        record,
                        proof: Box::new(state.key_value_proof(name).await.ok()?),
                    })
                } else {
                    Some(Claim::Absent {
                        proof: Box::new(state.exclusion_proof(&name).await.ok()?),
                    })
                }
            };
            if let Some(claim) = claim {
                return Some(LightProof {
                    certificate,
                    header: block.inner().header().clone(),
                    key,
                    claim,
                });
            }
            // The next block is applied already and about to be announced.
            tips.changed().await.ok()?;
        }
    }

    async fn read_archive(&self, height: u64) -> Option<Archived> {
        if height == 0 || height > self.shared.tip().borrow().height {
            return None;
        }
        let block = self.marshal.get_block(Height::new(height)).await?;
        let certificate = self.marshal.get_finalization(Height::new(height)).await;
        let finalized: Option<Arc<Finalized>> = self.shared.recent(height);
        Some(Archived {
            height,
            digest: block.digest(),
            block: block.into(),
            certificate: certificate.map(|certificate| certificate.encode()),
            finalized,
        })
    }
}

impl<E: Runtime> Backend for Service<E> {
    fn submit(&self, command: SignedCommand) -> BoxFuture<'_, Result<Digest, Refused>> {
        Box::pin(gossip::submit(&self.intake, &self.outbox, command))
    }
    fn record(&self, key: Key) -> BoxFuture<'_, Option<Record>> {
        Box::pin(async move {
            Latest::<E>(&self.databases).records(&[&Digest(key.0)]).await.pop().flatten()
        })
    }
    fn body(&self, id: BodyId) -> BoxFuture<'_, Option<Bytes>> {
        Box::pin(async move { state::body(&Latest::<E>(&self.databases), &id).await })
    }
    fn proof(&self, key: Key) -> BoxFuture<'_, Option<LightProof>> {
        Box::pin(self.prove(key))
    }
    fn archived(&self, height: u64) -> BoxFuture<'_, Option<Archived>> {
        Box::pin(self.read_archive(height))
    }
}
