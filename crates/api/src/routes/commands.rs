//! Commands: the one way anything enters the ledger.

use super::Query;
use crate::{
    app::App,
    error::{ApiError, ErrorBody},
    feed::Settled,
    view::command::{CommandHex, SubmitQuery, Submitted, SubmittedStatus},
};
use axum::{
    Json,
    body::{Body, HttpBody as _},
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use commonware_codec::DecodeExt as _;
use gridaccord_ledger::{Digest, SignedCommand, command::COMMAND_SIZE_MAX};
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use std::{error::Error, sync::Arc, time::Duration};

/// Longest wait for a receipt.
const WAIT_MS_MAX: u64 = 30_000;
/// Largest JSON body: two digits a byte, and the object around them.
const JSON_SIZE_MAX: usize = 2 * COMMAND_SIZE_MAX + 1_024;

/// Submit a signed command.
///
/// The body is the canonical bytes of the signed command, or JSON with the same bytes in hexadecimal. Without
/// `wait_ms` the answer is 202 as soon as the command waits for a block. With it the answer waits for the receipt:
/// 200 when the command took effect, 422 when a rule refused it, 202 when no block took it in time.
#[utoipa::path(
    post,
    path = "/v1/commands",
    tag = "chain",
    params(SubmitQuery),
    request_body(content(
        (Vec<u8> = "application/octet-stream"),
        (CommandHex = "application/json"),
    )),
    responses(
        (status = 200, description = "It is final and took effect", body = Submitted),
        (status = 202, description = "It waits for a block", body = Submitted),
        (status = 400, description = "The body is no signed command", body = ErrorBody),
        (status = 408, description = "The body did not come in time", body = ErrorBody),
        (status = 409, description = "The nonce is ahead of the next one, or taken by a command that waits", body = ErrorBody),
        (status = 413, description = "The command is too large", body = ErrorBody),
        (status = 415, description = "The body is of another type", body = ErrorBody),
        (status = 422, description = "A rule refused it", body = ErrorBody),
        (status = 429, description = "Too many requests, or too many commands wait", body = ErrorBody),
        (status = 503, description = "The node is stopping", body = ErrorBody),
    )
)]
pub(crate) async fn post_command(
    State(app): State<Arc<App>>,
    query: Query<SubmitQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let wait = wait(query.0.wait_ms)?;
    let signed = read_command(&app, &headers, body).await?;
    let Some(wait) = wait else {
        return Ok(queued(app.port.submit(signed).await?));
    };
    let mut waiting = app.feed.wait(signed.id());
    let id = app.port.submit(signed).await?;
    tokio::select! {
        biased;
        settled = waiting.receipt() => match settled {
            Some(settled) => answer(id, settled),
            None => Ok(queued(id)),
        },
        () = tokio::time::sleep(wait) => Ok(queued(id)),
        () = app.stopped() => Ok(queued(id)),
    }
}

fn wait(wait_ms: Option<u64>) -> Result<Option<Duration>, ApiError> {
    match wait_ms {
        Some(ms) if ms > WAIT_MS_MAX => Err(ApiError::bad_request(
            "query_invalid",
            format!("wait_ms is {ms}, at most {WAIT_MS_MAX} is allowed"),
        )),
        Some(0) | None => Ok(None),
        Some(ms) => Ok(Some(Duration::from_millis(ms))),
    }
}

fn queued(id: Digest) -> Response {
    let submitted =
        Submitted { id: hex::encode(id.as_ref()), status: SubmittedStatus::Queued, height: None };
    (StatusCode::ACCEPTED, Json(submitted)).into_response()
}

fn answer(id: Digest, (height, receipt): Settled) -> Result<Response, ApiError> {
    receipt.result.as_ref().map_err(ApiError::from)?;
    let id = hex::encode(id.as_ref());
    let submitted = Submitted { id, status: SubmittedStatus::Accepted, height: Some(height) };
    Ok(Json(submitted).into_response())
}

async fn read_command(
    app: &App,
    headers: &HeaderMap,
    body: Body,
) -> Result<SignedCommand, ApiError> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.map(|text| text.split(';').next().unwrap_or_default().trim());
    let bytes = match essence {
        Some("application/octet-stream") => read_body(app, body, COMMAND_SIZE_MAX).await?,
        Some("application/json") => from_json(&read_body(app, body, JSON_SIZE_MAX).await?)?,
        _ => {
            return Err(ApiError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "content_type_unsupported",
                "content-type must be application/octet-stream with a signed command's canonical bytes, or \
                 application/json with {\"command_hex\": \"...\"}",
            ));
        }
    };
    if bytes.len() > COMMAND_SIZE_MAX {
        return Err(oversize(COMMAND_SIZE_MAX));
    }
    SignedCommand::decode(bytes).map_err(|error| {
        ApiError::bad_request(
            "undecodable",
            format!(
                "body is not the canonical encoding of one signed command: {}",
                error.to_string().to_lowercase()
            ),
        )
    })
}

async fn read_body(app: &App, body: Body, size_max: usize) -> Result<Bytes, ApiError> {
    // Who announces too much is told before sending it.
    if body.size_hint().lower() > size_max as u64 {
        return Err(oversize(size_max));
    }
    let limited = Limited::new(body, size_max).collect();
    match tokio::time::timeout(app.config.body_timeout, limited).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if is_length_limit(&*error) => Err(oversize(size_max)),
        Ok(Err(_)) => Err(ApiError::bad_request(
            "body_incomplete",
            "body ended early or is not framed as its headers say: send all of it",
        )),
        Err(_) => Err(ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            "body_slow",
            "body did not come in time: send it at once",
        )),
    }
}

fn is_length_limit(error: &(dyn Error + 'static)) -> bool {
    error.is::<LengthLimitError>()
}

fn oversize(size_max: usize) -> ApiError {
    ApiError::too_large(format!("body is larger than the {size_max} bytes allowed"))
}

fn from_json(bytes: &[u8]) -> Result<Bytes, ApiError> {
    let invalid = |message: String| ApiError::bad_request("undecodable", message);
    let CommandHex { command_hex } = serde_json::from_slice(bytes)
        .map_err(|error| invalid(format!("body is not {{\"command_hex\": \"...\"}}: {error}")))?;
    hex::decode(&command_hex)
        .map(Bytes::from)
        .map_err(|_| invalid("command_hex is not an even number of hexadecimal digits".into()))
}
