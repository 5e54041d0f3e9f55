//! Where the node stands, and genesis.

use crate::{
    app::App,
    view::status::{GenesisView, StatusView},
};
use axum::{Json, extract::State};
use std::sync::Arc;

/// Where the node stands.
#[utoipa::path(
    get,
    path = "/v1/status",
    tag = "node",
    responses((status = 200, description = "Where the node stands", body = StatusView))
)]
pub(crate) async fn get_status(State(app): State<Arc<App>>) -> Json<StatusView> {
    let status = app.port.status();
    Json(StatusView {
        chain: hex::encode(app.chain.id.as_ref()),
        label: app.chain.label.clone(),
        member: status.member,
        follows: status.follows,
        height: status.height,
        view: status.view,
        state_root: hex::encode(status.state_root.as_ref()),
        timestamp_ms: status.timestamp.0,
        ledger_time_s: app.chain.clock.ledger(status.timestamp).0,
        validators: app.chain.validators,
        peers_connected: status.peers_connected,
        mempool_commands: status.mempool_commands,
        mempool_bytes: status.mempool_bytes,
        finality_ms_p50: status.finality_ms_p50,
        finality_ms_p95: status.finality_ms_p95,
    })
}

/// What the chain started from. Check that the hash of the document is the chain you expect.
#[utoipa::path(
    get,
    path = "/v1/genesis",
    tag = "chain",
    responses((status = 200, description = "The genesis document", body = GenesisView))
)]
pub(crate) async fn get_genesis(State(app): State<Arc<App>>) -> Json<GenesisView> {
    Json(GenesisView {
        chain: hex::encode(app.chain.id.as_ref()),
        label: app.chain.label.clone(),
        genesis: hex::encode(&app.chain.bytes),
    })
}
