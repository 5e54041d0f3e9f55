//! What every route works with.

use crate::{
    config::Config, error::ApiError, feed::Feed, limit::Limiter, metrics::Metrics, port::Port,
    view::Names,
};
use commonware_codec::Encode as _;
use gridaccord_ledger::{Digest, Genesis, Key, genesis::Clock, records::Stored};
use gridaccord_model::MemberId;
use std::sync::Arc;
use tokio::sync::{Semaphore, watch};

/// Shared by all routes.
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) port: Arc<dyn Port>,
    pub(crate) chain: Chain,
    pub(crate) names: Names,
    pub(crate) feed: Arc<Feed>,
    pub(crate) metrics: Metrics,
    pub(crate) limiter: Limiter,
    pub(crate) event_slots: Arc<Semaphore>,
    /// Turns true when the node stops.
    pub(crate) stopping: watch::Receiver<bool>,
}

/// What genesis says and no block changes.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) id: Digest,
    pub(crate) label: String,
    pub(crate) clock: Clock,
    pub(crate) validators: usize,
    pub(crate) bytes: bytes::Bytes,
}

impl App {
    pub(crate) fn new(
        config: Config,
        genesis: &Genesis,
        port: Arc<dyn Port>,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        let names = Names::of(genesis);
        let chain = Chain {
            id: genesis.chain_id(),
            label: genesis.label.to_string(),
            clock: genesis.clock,
            validators: genesis.validators.len(),
            bytes: genesis.encode(),
        };
        Self {
            feed: Arc::new(Feed::new(genesis.clock, names.clone(), config.event_lag_max)),
            metrics: Metrics::new(),
            limiter: Limiter::new(config.requests_per_s, config.requests_burst),
            event_slots: Arc::new(Semaphore::new(config.event_clients_max)),
            config,
            port,
            chain,
            names,
            stopping,
        }
    }

    /// The value under a key, if there is one.
    pub(crate) async fn find<T: Stored>(&self, key: Key) -> Option<T> {
        self.port.record(key).await.and_then(|record| record.value())
    }

    /// The member that a number or a name in a request stands for.
    pub(crate) fn member(&self, text: &str) -> Result<MemberId, ApiError> {
        self.names.find(text).ok_or_else(|| {
            ApiError::not_found(format!(
                "there is no member {text:?}: give a member's number or its name as in genesis"
            ))
        })
    }

    /// Ends when the node stops.
    pub(crate) async fn stopped(&self) {
        // An error means that the server itself is gone.
        let _ = self.stopping.clone().wait_for(|stopping| *stopping).await;
    }
}
