//! Members.

use super::PathText;
use crate::{
    app::App,
    error::{ApiError, ErrorBody},
    view::member::MemberView,
};
use axum::{Json, extract::State};
use gridaccord_ledger::records::{Account, Member, Owner, key};
use std::sync::Arc;

/// A member, its account and its owner's trust.
#[utoipa::path(
    get,
    path = "/v1/members/{member}",
    tag = "chain",
    params(("member" = String, Path, description = "Number or name of a member", example = "solar-a")),
    responses(
        (status = 200, description = "The member", body = MemberView),
        (status = 404, description = "There is no such member", body = ErrorBody),
        (status = 503, description = "Genesis is not final yet", body = ErrorBody),
    )
)]
pub(crate) async fn get_member(
    State(app): State<Arc<App>>,
    text: PathText,
) -> Result<Json<MemberView>, ApiError> {
    let id = app.member(&text.0)?;
    let early = || {
        ApiError::unavailable("genesis_not_final", "genesis is not final yet: ask again shortly")
    };
    let member: Member = app.find(key::member(id)).await.ok_or_else(early)?;
    let account: Account = app.find(key::account(id)).await.ok_or_else(early)?;
    let owner: Owner = app.find(key::owner(member.owner)).await.ok_or_else(early)?;
    Ok(Json(MemberView::of(id, &member, &account, &owner)))
}
