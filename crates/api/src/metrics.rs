//! What the interface counts, for Prometheus.

use crate::port::{FinalizedBlock, NodeStatus};
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

/// Upper bounds of the finality histogram's buckets, seconds.
const FINALITY_BUCKETS_S: [f64; 10] = [0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Request {
    route: String,
    method: String,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Rule {
    rule: String,
}

/// All of it. Clones count into the same.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    height: Gauge,
    view: Gauge,
    peers: Gauge,
    mempool_commands: Gauge,
    mempool_bytes: Gauge,
    finality: Histogram,
    accepted: Counter,
    refused: Family<Rule, Counter>,
    requests: Family<Request, Counter>,
    /// Event streams open.
    pub(crate) event_clients: Gauge,
    /// Event streams dropped because they lagged.
    pub(crate) event_clients_dropped: Counter,
    /// Connections open.
    pub(crate) connections: Gauge,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("gridaccord"),
            height: Gauge::default(),
            view: Gauge::default(),
            peers: Gauge::default(),
            mempool_commands: Gauge::default(),
            mempool_bytes: Gauge::default(),
            finality: Histogram::new(FINALITY_BUCKETS_S),
            accepted: Counter::default(),
            refused: Family::default(),
            requests: Family::default(),
            event_clients: Gauge::default(),
            event_clients_dropped: Counter::default(),
            connections: Gauge::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("height", "Height of the last finalised block", self.height.clone());
        registry.register("view", "Newest consensus view", self.view.clone());
        registry.register("peers", "Other validators connected", self.peers.clone());
        let waiting = "Commands that wait for a block";
        registry.register("mempool_commands", waiting, self.mempool_commands.clone());
        let bytes = "Bytes of the commands that wait";
        registry.register("mempool_bytes", bytes, self.mempool_bytes.clone());
        let finality = "From proposal to finality, of own proposals";
        registry.register("finality_seconds", finality, self.finality.clone());
        let accepted = "Commands in finalised blocks that took effect";
        registry.register("commands_accepted", accepted, self.accepted.clone());
        let refused = "Commands in finalised blocks that a rule refused";
        registry.register("commands_refused", refused, self.refused.clone());
        let requests = "Requests answered, by route and status";
        registry.register("http_requests", requests, self.requests.clone());
        registry.register("http_connections", "Connections open", self.connections.clone());
        registry.register("event_clients", "Event streams open", self.event_clients.clone());
        let dropped = "Event streams dropped because they lagged";
        registry.register("event_clients_dropped", dropped, self.event_clients_dropped.clone());
    }

    /// Counts what a finalised block did.
    pub(crate) fn count_block(&self, block: &FinalizedBlock) {
        if let Some(ms) = block.finality_ms {
            self.finality.observe(ms as f64 / 1_000.0);
        }
        for receipt in block.outcome.iter().flat_map(|outcome| &outcome.receipts) {
            match &receipt.result {
                Ok(()) => self.accepted.inc(),
                Err(refusal) => self.refused.get_or_create(&Rule { rule: refusal.rule() }).inc(),
            };
        }
    }

    /// Counts an answered request. `route` is the declared path, never the caller's.
    pub(crate) fn count_request(&self, route: &str, method: &http::Method, status: u16) {
        // An unheard-of method is the caller's word: as a label it would let anybody fill the memory.
        let method = match *method {
            http::Method::GET | http::Method::HEAD | http::Method::POST => method.as_str(),
            _ => "other",
        };
        let labels = Request { route: route.into(), method: method.into(), status };
        self.requests.get_or_create(&labels).inc();
    }

    /// Everything, in the OpenMetrics text format.
    pub(crate) fn encode(&self, status: &NodeStatus) -> String {
        self.height.set(clamp(status.height));
        self.view.set(clamp(status.view));
        self.peers.set(clamp(status.peers_connected as u64));
        self.mempool_commands.set(clamp(status.mempool_commands as u64));
        self.mempool_bytes.set(clamp(status.mempool_bytes as u64));
        let mut text = String::new();
        text::encode(&mut text, &self.registry).expect("writing to a string never fails");
        text
    }
}

fn clamp(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Counts something open for as long as this lives.
#[derive(Debug)]
pub(crate) struct Counted(Gauge);

impl Counted {
    pub(crate) fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}
