//! The one shape of every error the interface answers with.
//!
//! A caller learns which field is wrong and how to mend it; what happened inside stays in the log.

use crate::port::{SubmitCode, SubmitError};
use axum::{
    Json,
    response::{IntoResponse, Response},
};
use gridaccord_ledger::Refusal;
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Body of every answer that is an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorDetail,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorDetail {
    /// Stable name of the case, for programs.
    #[schema(example = "refused")]
    pub code: String,
    /// What is wrong and how to mend it, for people.
    #[schema(example = "nonce is 3, the member's next is 4")]
    pub message: String,
    /// The ledger's rule, where one refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "C2")]
    pub rule: Option<String>,
}

/// An error answer: a status and its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    status: StatusCode,
    detail: ErrorDetail,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        let detail = ErrorDetail { code: code.into(), message: message.into(), rule: None };
        Self { status, detail }
    }

    /// 400: the request is malformed.
    pub(crate) fn bad_request(code: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// 404: well formed, but there is no such thing.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// 413: a command larger than any may be.
    pub(crate) fn too_large(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
    }

    /// 429: come again later.
    pub(crate) fn too_many(code: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, code, message)
    }

    /// 503: the node cannot answer now.
    pub(crate) fn unavailable(code: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message)
    }

    fn with_rule(mut self, rule: impl Into<String>) -> Self {
        self.detail.rule = Some(rule.into());
        self
    }
}

/// The ledger refused a command: 422 with its rule.
impl From<&Refusal> for ApiError {
    fn from(refusal: &Refusal) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "refused", refusal.to_string())
            .with_rule(refusal.rule())
    }
}

/// The mempool did not take a command.
impl From<SubmitError> for ApiError {
    fn from(SubmitError { code, message }: SubmitError) -> Self {
        let refused = |rule: &str, message| {
            Self::new(StatusCode::UNPROCESSABLE_ENTITY, "refused", message).with_rule(rule)
        };
        match code {
            SubmitCode::TooLarge => Self::too_large(message),
            SubmitCode::MemberUnknown => refused("C1", message),
            SubmitCode::NonceUsed => refused("C2", message),
            SubmitCode::SignatureInvalid => refused("C3", message),
            SubmitCode::NonceAhead => Self::new(StatusCode::CONFLICT, "nonce_ahead", message),
            SubmitCode::NonceTaken => Self::new(StatusCode::CONFLICT, "nonce_taken", message),
            SubmitCode::MemberFull => Self::too_many("member_full", message),
            SubmitCode::MempoolFull => Self::too_many("mempool_full", message),
            SubmitCode::Stopping => Self::unavailable("stopping", message),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(ErrorBody { error: self.detail })).into_response();
        if matches!(self.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
