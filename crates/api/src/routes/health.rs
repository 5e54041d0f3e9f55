//! For supervisors: alive, able to serve, figures.

use crate::{
    app::App,
    error::{ApiError, ErrorBody},
    port::Readiness,
    view::status::HealthView,
};
use axum::{Json, extract::State, response::IntoResponse};
use http::header;
use std::sync::Arc;

/// The process answers.
#[utoipa::path(
    get,
    path = "/healthy",
    tag = "node",
    responses((status = 200, description = "The process answers", body = HealthView))
)]
pub(crate) async fn get_healthy() -> Json<HealthView> {
    Json(HealthView { status: "ok".into() })
}

/// The node follows the chain.
#[utoipa::path(
    get,
    path = "/ready",
    tag = "node",
    responses(
        (status = 200, description = "The node follows the chain", body = HealthView),
        (status = 503, description = "It does not; the message says why", body = ErrorBody),
    )
)]
pub(crate) async fn get_ready(State(app): State<Arc<App>>) -> Result<Json<HealthView>, ApiError> {
    if *app.stopping.borrow() {
        return Err(ApiError::unavailable("not_ready", "the node is stopping"));
    }
    match app.port.readiness() {
        Readiness::Ready => Ok(Json(HealthView { status: "ready".into() })),
        Readiness::NotReady(reason) => Err(ApiError::unavailable("not_ready", reason)),
    }
}

/// Figures for Prometheus.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "node",
    responses((
        status = 200,
        description = "Figures in the OpenMetrics text format",
        body = String,
        content_type = "application/openmetrics-text"
    ))
)]
pub(crate) async fn get_metrics(State(app): State<Arc<App>>) -> impl IntoResponse {
    let text = app.metrics.encode(&app.port.status());
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, content_type)], text)
}
