//! The routes, each declared once: path, parameters, answers and handler together.

pub(crate) mod blocks;
pub(crate) mod commands;
pub(crate) mod events;
pub(crate) mod gates;
pub(crate) mod health;
pub(crate) mod members;
pub(crate) mod proofs;
pub(crate) mod status;

use crate::error::ApiError;
use axum::{
    extract::{FromRequestParts, rejection::QueryRejection},
    http::request::Parts,
};

/// A query string; what is wrong with it is answered in the one shape of errors.
pub(crate) struct Query<T>(pub(crate) T);

impl<S, T> FromRequestParts<S> for Query<T>
where
    S: Send + Sync,
    axum::extract::Query<T>: FromRequestParts<S, Rejection = QueryRejection>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match axum::extract::Query::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(query)) => Ok(Self(query)),
            Err(rejection) => Err(ApiError::bad_request(
                "query_invalid",
                format!(
                    "query: {}; see /v1/openapi.json for what may stand there",
                    rejection.body_text()
                ),
            )),
        }
    }
}

/// A path's parameter as text; what does not decode is answered in the one shape of errors.
pub(crate) struct PathText(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for PathText {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match axum::extract::Path::<String>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(text)) => Ok(Self(text)),
            Err(rejection) => Err(ApiError::bad_request(
                "path_invalid",
                format!("path: {}: percent-encode UTF-8", rejection.body_text()),
            )),
        }
    }
}

impl PathText {
    /// The parameter as a number.
    pub(crate) fn number(&self, name: &str) -> Result<u64, ApiError> {
        self.0.parse().map_err(|_| {
            ApiError::bad_request(
                "path_invalid",
                format!("{name} {:?} is not a whole number from 0 up", self.0),
            )
        })
    }
}
