//! All routes together, the OpenAPI document that follows from them, and what happens around every request.

use crate::{
    app::App,
    error::{ApiError, ErrorBody},
    routes,
    view::live::LiveNotice,
};
use axum::{
    Json, Router,
    extract::{MatchedPath, Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderName, HeaderValue, StatusCode, header};
use std::{net::IpAddr, sync::Arc, time::Instant};
use utoipa::{OpenApi, openapi};
use utoipa_axum::{router::OpenApiRouter, routes};

/// Where a connection comes from; the server puts it into every request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Nothing here is a page, and nothing of it belongs into another one or a cache.
const SECURITY_HEADERS: [(HeaderName, HeaderValue); 6] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
];

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Gridaccord node",
        description = "State, events and commands of a microgrid's ledger. Power is positive where it enters the bus, \
                       money where it is a credit; units stand in the names. Every error has one shape.",
        license(name = "MIT OR Apache-2.0")
    ),
    components(schemas(ErrorBody, LiveNotice)),
    tags(
        (name = "chain", description = "Commands, blocks, members, proofs"),
        (name = "market", description = "Gates, from opening to settlement"),
        (name = "node", description = "This node"),
    )
)]
struct Document;

fn declared() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(routes::commands::post_command))
        .routes(routes!(routes::status::get_status))
        .routes(routes!(routes::status::get_genesis))
        .routes(routes!(routes::gates::get_gate))
        .routes(routes!(routes::blocks::get_block))
        .routes(routes!(routes::members::get_member))
        .routes(routes!(routes::proofs::get_proof))
        .routes(routes!(routes::events::get_events))
        .routes(routes!(routes::health::get_healthy))
        .routes(routes!(routes::health::get_ready))
        .routes(routes!(routes::health::get_metrics))
}

/// The OpenAPI document of the interface.
#[must_use]
pub fn openapi() -> openapi::OpenApi {
    named(declared().into_openapi())
}

/// A catch-all parameter is `{*key}` to the router and `{key}` to OpenAPI.
fn named(mut document: openapi::OpenApi) -> openapi::OpenApi {
    let paths = std::mem::take(&mut document.paths.paths);
    document.paths.paths =
        paths.into_iter().map(|(path, item)| (path.replace("{*", "{"), item)).collect();
    document
}

/// Everything that answers.
pub(crate) fn router(app: Arc<App>) -> Router {
    let (router, document) = declared().split_for_parts();
    let document = Arc::new(named(document));
    router
        .route("/v1/openapi.json", get(move || async move { Json(document.as_ref().clone()) }))
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(app.clone(), around))
        .with_state(app)
}

async fn unknown(request: Request) -> ApiError {
    ApiError::not_found(format!(
        "there is no {}: see /v1/openapi.json for what there is",
        request.uri().path()
    ))
}

async fn wrong_method(request: Request) -> ApiError {
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        format!(
            "{} does not take {}: see /v1/openapi.json",
            request.uri().path(),
            request.method()
        ),
    )
}

/// Limits, counts and headers of every request.
async fn around(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let route = route.unwrap_or_else(|| "unmatched".into());
    let method = request.method().clone();
    let mut response = if allowed(&app, &request) {
        next.run(request).await
    } else {
        ApiError::too_many(
            "rate_limited",
            "too many requests from this address: wait a second, or follow /v1/events instead of asking again",
        )
        .into_response()
    };
    app.metrics.count_request(&route, &method, response.status().as_u16());
    response.headers_mut().extend(SECURITY_HEADERS);
    response
}

/// Supervisors' routes are cheap and must answer under load.
fn allowed(app: &App, request: &Request) -> bool {
    let supervisor = ["/healthy", "/ready", "/metrics"].contains(&request.uri().path());
    let peer = request.extensions().get::<Peer>();
    supervisor || peer.is_none_or(|Peer(address)| app.limiter.allows(*address, Instant::now()))
}
