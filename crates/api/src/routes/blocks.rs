//! Finalised blocks.

use super::PathText;
use crate::{
    app::App,
    error::{ApiError, ErrorBody},
    view::block::BlockView,
};
use axum::{Json, extract::State};
use std::sync::Arc;

/// A finalised block: its commands, and what they did.
#[utoipa::path(
    get,
    path = "/v1/blocks/{height}",
    tag = "chain",
    params(("height" = u64, Path, description = "Position in the chain; block 1 carries genesis")),
    responses(
        (status = 200, description = "The block", body = BlockView),
        (status = 400, description = "The height is no number", body = ErrorBody),
        (status = 404, description = "This node has no such block", body = ErrorBody),
    )
)]
pub(crate) async fn get_block(
    State(app): State<Arc<App>>,
    text: PathText,
) -> Result<Json<BlockView>, ApiError> {
    let height = text.number("height")?;
    let found = app.port.block(height).await.ok_or_else(|| {
        let last = app.port.status().height;
        ApiError::not_found(format!(
            "this node has no block at height {height}: the last final one is at {last}"
        ))
    })?;
    Ok(Json(BlockView::of(&found, &app.chain.clock, &app.names)))
}
