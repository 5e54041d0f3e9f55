//! A typed client of the interface, for the command line and for agents that run beside no validator.
//!
//! Plain HTTP: between machines, put a tunnel or a proxy with TLS around it. Nothing it returns is proof of anything
//! but [`proof`](Client::proof), which a light client checks.

use crate::{
    error::{ErrorBody, ErrorDetail},
    view::{
        block::BlockView,
        command::Submitted,
        event::Topic,
        gate::GateView,
        member::MemberView,
        record::ProofView,
        status::{GenesisView, StatusView},
    },
};
use bytes::Bytes;
use commonware_codec::{DecodeExt as _, Encode as _};
use gridaccord_ledger::{Genesis, SignedCommand};
use http::{Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client as Http, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde::de::DeserializeOwned;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

mod events;
mod sse;

pub use events::{Events, LiveEvents};

/// Longest wait for an answer, beside what the caller asked to wait for.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// Largest answer taken: a full block with its events is some 10 MB of JSON.
const ANSWER_SIZE_MAX: usize = 64 * 1024 * 1024;

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address given is none this client can use.
    #[error("address {0:?} is not of the form http://host:port")]
    Address(String),
    /// The node did not answer.
    #[error(
        "cannot reach the node at {address}: {reason}; is it running, and is this its address?"
    )]
    Unreachable {
        /// Where it was sought.
        address: String,
        /// What went wrong.
        reason: String,
    },
    /// The node answered with an error.
    #[error("{message}", message = detail.message)]
    Refused {
        /// Status of the answer.
        status: StatusCode,
        /// What the node says.
        detail: ErrorDetail,
    },
    /// What answered does not speak this interface.
    #[error("the answer from {address} is not one of a node: {reason}")]
    Foreign {
        /// Who answered.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl ClientError {
    /// The ledger's rule, where one refused a command.
    #[must_use]
    pub fn rule(&self) -> Option<&str> {
        match self {
            Self::Refused { detail, .. } => detail.rule.as_deref(),
            _ => None,
        }
    }

    /// Whether the same request may succeed later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused { status, .. } => {
                *status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error()
            }
            Self::Address(_) | Self::Foreign { .. } => false,
        }
    }
}

/// Speaks to one node. Clones share connections.
#[derive(Clone, Debug)]
pub struct Client {
    address: String,
    http: Http<HttpConnector, Full<Bytes>>,
    received: Arc<AtomicUsize>,
}

impl Client {
    /// A client of the node at `http://host:port`. Connects when first used.
    ///
    /// # Errors
    /// [`ClientError::Address`].
    pub fn new(address: &str) -> Result<Self, ClientError> {
        let invalid = || ClientError::Address(address.into());
        let base = address.trim_end_matches('/');
        let uri: Uri = base.parse().map_err(|_| invalid())?;
        let plain = uri.scheme_str() == Some("http") && uri.path() == "/" && uri.query().is_none();
        if !plain || uri.host().is_none_or(str::is_empty) {
            return Err(invalid());
        }
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(ANSWER_TIMEOUT));
        connector.set_nodelay(true);
        let http = Http::builder(TokioExecutor::new()).build(connector);
        Ok(Self { address: base.into(), http, received: Arc::default() })
    }

    /// The node's address.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Bytes of all answers so far, without their heads.
    #[must_use]
    pub fn received_bytes(&self) -> usize {
        self.received.load(Ordering::Relaxed)
    }

    /// Where the node stands.
    ///
    /// # Errors
    /// [`ClientError`], as for every request.
    pub async fn status(&self) -> Result<StatusView, ClientError> {
        self.get("/v1/status").await
    }

    /// A member, by number or name.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn member(&self, member: &str) -> Result<MemberView, ClientError> {
        self.get(&format!("/v1/members/{}", escape(member))).await
    }

    /// A gate.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn gate(&self, gate: u64) -> Result<GateView, ClientError> {
        self.get(&format!("/v1/gates/{gate}")).await
    }

    /// A finalised block.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn block(&self, height: u64) -> Result<BlockView, ClientError> {
        self.get(&format!("/v1/blocks/{height}")).await
    }

    /// A record and its proof. The key is 64 hex digits or a path such as `line/3/12`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn proof(&self, key: &str) -> Result<ProofView, ClientError> {
        let path: Vec<String> = key.split('/').map(escape).collect();
        self.get(&format!("/v1/proofs/{}", path.join("/"))).await
    }

    /// The genesis document. Compare its [`chain_id`](Genesis::chain_id) with the chain you expect.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn genesis(&self) -> Result<Genesis, ClientError> {
        let view: GenesisView = self.get("/v1/genesis").await?;
        hex::decode(&view.genesis)
            .ok()
            .and_then(|bytes| Genesis::decode(Bytes::from(bytes)).ok())
            .ok_or_else(|| self.foreign("its genesis document does not decode"))
    }

    /// Submits a command. Without `wait` returns once it waits for a block, else once it took effect, or still
    /// waits when the time is over (at most 30 s).
    ///
    /// # Errors
    /// [`ClientError`]; [`rule`](ClientError::rule) says which rule refused the command.
    pub async fn submit(
        &self,
        command: &SignedCommand,
        wait: Option<Duration>,
    ) -> Result<Submitted, ClientError> {
        let wait = wait.unwrap_or_default();
        let path = match wait.as_millis() {
            0 => "/v1/commands".to_owned(),
            ms => format!("/v1/commands?wait_ms={ms}"),
        };
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{}{path}", self.address))
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .body(Full::new(command.encode()));
        self.answer(request, wait).await
    }

    /// Finalised blocks as they come, with the events of these topics; of events about one member only the given
    /// one's. Connects when first asked, and again whenever the connection is lost.
    #[must_use]
    pub fn events(&self, topics: &[Topic], member: Option<&str>) -> Events {
        let mut query = Vec::new();
        if !topics.is_empty() {
            let names: Vec<&str> = topics.iter().map(|topic| topic.name()).collect();
            query.push(format!("topics={}", names.join(",")));
        }
        query.extend(member.map(|member| format!("member={}", escape(member))));
        Events::new(self.clone(), format!("/v1/events?{}", query.join("&")))
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let request =
            Request::builder().uri(format!("{}{path}", self.address)).body(Full::default());
        self.answer(request, Duration::ZERO).await
    }

    async fn answer<T: DeserializeOwned>(
        &self,
        request: http::Result<Request<Full<Bytes>>>,
        wait: Duration,
    ) -> Result<T, ClientError> {
        let answer = async {
            let response = self.send(request).await?;
            let bytes = self.body(response).await?;
            serde_json::from_slice(&bytes).map_err(|error| self.foreign(&error.to_string()))
        };
        let limit = ANSWER_TIMEOUT.saturating_add(wait);
        tokio::time::timeout(limit, answer)
            .await
            .unwrap_or_else(|_| Err(self.unreachable("no answer in time")))
    }

    /// Sends a request; an answer that is an error becomes one.
    async fn send(
        &self,
        request: http::Result<Request<Full<Bytes>>>,
    ) -> Result<Response<Incoming>, ClientError> {
        let request = request.map_err(|error| self.foreign(&error.to_string()))?;
        let response = self
            .http
            .request(request)
            .await
            .map_err(|error| self.unreachable(&innermost(&error)))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let bytes = self.body(response).await?;
        match serde_json::from_slice(&bytes) {
            Ok(ErrorBody { error: detail }) => Err(ClientError::Refused { status, detail }),
            Err(_) => Err(self.foreign(&format!("status {status}"))),
        }
    }

    async fn body(&self, response: Response<Incoming>) -> Result<Bytes, ClientError> {
        let limited = Limited::new(response.into_body(), ANSWER_SIZE_MAX);
        let collected =
            limited.collect().await.map_err(|error| self.unreachable(&error.to_string()))?;
        let bytes = collected.to_bytes();
        self.received.fetch_add(bytes.len(), Ordering::Relaxed);
        Ok(bytes)
    }

    fn unreachable(&self, reason: &str) -> ClientError {
        ClientError::Unreachable { address: self.address.clone(), reason: reason.into() }
    }

    fn foreign(&self, reason: &str) -> ClientError {
        ClientError::Foreign { address: self.address.clone(), reason: reason.into() }
    }
}

/// The cause at the bottom, which is what a person can act on.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// Percent-encodes what may not stand in one segment of a path.
fn escape(text: &str) -> String {
    text.bytes().fold(String::new(), |mut escaped, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => escaped.push(char::from(byte)),
            other => escaped.push_str(&format!("%{other:02X}")),
        }
        escaped
    })
}
