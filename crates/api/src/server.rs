//! The server: listens, bounds what any connection may take, and stops in order.

use crate::{
    app::App,
    config::{Config, ServeError},
    guard::Guard,
    metrics::Counted,
    port::{FinalizedBlock, Port},
    router::{self, Peer},
};
use axum::Router;
use futures::stream::BoxStream;
use gridaccord_ledger::Genesis;
use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::Service as _, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::{JoinHandle, JoinSet},
};

/// Bytes of a request's head: the routes are short, and no cookie has business here.
const HEAD_SIZE_MAX: usize = 16 * 1024;
/// Headers of a request.
const HEADERS_MAX: usize = 64;
/// Before accepting again when the system is out of sockets.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// A running interface. Dropping this does not stop it.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    /// Where it listens: the port it was given, where it asked for any.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until it has stopped after the shutdown future ended.
    pub async fn stopped(self) {
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the interface ended out of order");
        }
    }
}

/// Listens on the configured address and serves until `shutdown` ends; then requests under way get their grace.
///
/// Call within a tokio runtime with I/O and time enabled.
///
/// # Errors
/// [`ServeError`], where the address cannot be listened on.
pub async fn serve(
    config: Config,
    genesis: &Genesis,
    port: Arc<dyn Port>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<Server, ServeError> {
    let wanted = config.address;
    let listen = async {
        let listener = TcpListener::bind(wanted).await?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    let (listener, address) = listen.await.map_err(|source| ServeError::of(wanted, source))?;
    let (stop, stopping) = watch::channel(false);
    let app = Arc::new(App::new(config, genesis, port, stopping));
    // Before anybody can ask for what comes next.
    let blocks = app.port.subscribe();
    let task = tokio::spawn(run(app, listener, blocks, shutdown, stop));
    Ok(Server { address, task })
}

async fn run(
    app: Arc<App>,
    listener: TcpListener,
    blocks: BoxStream<'static, FinalizedBlock>,
    shutdown: impl Future<Output = ()> + Send + 'static,
    stop: watch::Sender<bool>,
) {
    let graceful = GracefulShutdown::new();
    let router = router::router(app.clone());
    let mut connections = JoinSet::new();
    tokio::select! {
        () = shutdown => {}
        () = app.feed.follow(blocks, &*app.port, &app.metrics) => {}
        () = accept(&app, listener, &router, &graceful, &mut connections) => {}
    }
    // Event streams and waiting callers see this and end by themselves.
    let _ = stop.send(true);
    if tokio::time::timeout(app.config.shutdown_grace, graceful.shutdown()).await.is_err() {
        tracing::warn!("connections were still open after the grace and are cut");
    }
    connections.shutdown().await;
}

async fn accept(
    app: &Arc<App>,
    listener: TcpListener,
    router: &Router,
    graceful: &GracefulShutdown,
    connections: &mut JoinSet<()>,
) {
    let slots = Arc::new(Semaphore::new(app.config.connections_max));
    loop {
        // Taken before the connection is: those beyond the limit wait in the listener's queue.
        let slot = slots.clone().acquire_owned().await.expect("the semaphore is never closed");
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        while connections.try_join_next().is_some() {}
        let counted = Counted::new(&app.metrics.connections);
        let connection = connection(&app.config, stream, peer, router.clone());
        let connection = graceful.watch(connection);
        connections.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%peer, %error, "connection ended");
            }
            drop((slot, counted));
        });
    }
}

/// Speaks HTTP/1.1 on a connection.
fn connection(
    config: &Config,
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
) -> http1::Connection<
    TokioIo<Guard<TcpStream>>,
    impl hyper::service::Service<
        Request<Incoming>,
        Response = axum::response::Response,
        Error = std::convert::Infallible,
        Future: Send,
    > + use<>,
> {
    let service = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer.ip()));
        service.call(request)
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(config.header_timeout)
        .max_headers(HEADERS_MAX)
        .max_header_size(HEAD_SIZE_MAX)
        .serve_connection(TokioIo::new(Guard::new(stream, config.write_timeout)), service)
}
