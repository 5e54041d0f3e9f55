//! Proofs of records for light clients.

use super::PathText;
use crate::{
    app::App,
    error::{ApiError, ErrorBody},
    view::record::{KEY_FORMS, ProofView, decoded, parse_key},
};
use axum::{Json, extract::State};
use std::sync::Arc;

/// A record, or its absence, with what proves it to who trusts the chain's group key alone.
///
/// The key is 64 hex digits or a path: `params`, `rules`, `head`, `member/M`, `account/M`, `owner/N`,
/// `pot/remainder|losses|slashed`, `gate/G`, `decision/G`, `roster/G/N`, `part/G/M`, `seat/G/N`, `line/G/M`; M is a
/// member's number or name, G a gate's number, N a number. Everything beside `proof` is for convenience: believe
/// what the proof proves.
#[utoipa::path(
    get,
    path = "/v1/proofs/{*key}",
    tag = "chain",
    params(("key" = String, Path, description = "Key of a record", example = "line/3/12")),
    responses(
        (status = 200, description = "The record and its proof", body = ProofView),
        (status = 400, description = "The key has no such form", body = ErrorBody),
        (status = 503, description = "The node has no certificate to prove against yet", body = ErrorBody),
    )
)]
pub(crate) async fn get_proof(
    State(app): State<Arc<App>>,
    text: PathText,
) -> Result<Json<ProofView>, ApiError> {
    let key = parse_key(&text.0, &app.names).ok_or_else(|| {
        ApiError::bad_request("key_invalid", format!("key is none of these: {KEY_FORMS}"))
    })?;
    let found = app.port.proof(key).await.ok_or_else(|| {
        let message =
            "the node has no certificate of its latest state yet: ask again after the next block";
        ApiError::unavailable("no_certificate", message)
    })?;
    Ok(Json(ProofView {
        height: found.height,
        key: hex::encode(key.0),
        value: found.record.as_ref().map(|record| hex::encode(record.as_bytes())),
        proof: hex::encode(&found.bytes),
        decoded: found.record.as_ref().map(|record| decoded(record, &app.names)),
    }))
}
