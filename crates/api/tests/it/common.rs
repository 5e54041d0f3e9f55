//! A server to test, and HTTP spoken by hand, so that a test decides on every byte.

use super::ledger::Node;
use gridaccord_api::{Client, Config, Server, serve};
use serde_json::Value;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::oneshot,
};

/// Far longer than anything here takes: a test that hangs should fail and say where.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A node and its interface.
pub(crate) struct World {
    pub(crate) node: Arc<Node>,
    pub(crate) address: SocketAddr,
    server: Server,
    stop: oneshot::Sender<()>,
}

/// Limits of a demo, on any free port.
pub(crate) fn config() -> Config {
    Config {
        shutdown_grace: Duration::from_millis(500),
        ..Config::demo("127.0.0.1:0".parse().unwrap())
    }
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(Node::new(), config()).await
    }

    pub(crate) async fn with(node: Arc<Node>, config: Config) -> Self {
        let (stop, stopped) = oneshot::channel();
        let shutdown = async {
            let _ = stopped.await;
        };
        let server = serve(config, &node.genesis, node.clone(), shutdown).await.unwrap();
        Self { node, address: server.address(), server, stop }
    }

    /// Stops and waits until everything is closed.
    pub(crate) async fn stop(self) -> Arc<Node> {
        self.stop.send(()).unwrap();
        tokio::time::timeout(PATIENCE, self.server.stopped()).await.unwrap();
        self.node
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(&format!("http://{}", self.address)).unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.raw(
            format!("GET {path} HTTP/1.1\r\nhost: node\r\nconnection: close\r\n\r\n").as_bytes(),
        )
        .await
    }

    /// The JSON of a path that must be found.
    pub(crate) async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    }

    pub(crate) async fn post(&self, path: &str, content_type: &str, body: &[u8]) -> Answer {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: node\r\nconnection: close\r\ncontent-type: {content_type}\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        self.raw(&[head.as_bytes(), body].concat()).await
    }

    /// Sends bytes and reads until the server closes.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> Answer {
        let mut stream = self.connect().await;
        // A server that refuses early may close before it has read everything.
        let _ = stream.write_all(bytes).await;
        let mut received = Vec::new();
        let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut received)).await;
        let _ = read.expect("the server neither answers nor closes");
        Answer::parse(&received)
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
}

/// A response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Self { status: status.unwrap_or(0), head: head.to_lowercase(), body: body.to_owned() }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// Asserts that this is an error of the one shape, with this status and code; gives its message.
    pub(crate) fn error(&self, status: u16, code: &str) -> String {
        assert_eq!(self.status, status, "{}", self.body);
        let error = &self.json()["error"];
        assert_eq!(error["code"], code, "{error}");
        let message = error["message"].as_str().unwrap();
        assert!(!message.is_empty() && !message.ends_with('.'), "{message}");
        message.to_owned()
    }
}
