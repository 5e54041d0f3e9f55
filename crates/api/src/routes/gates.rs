//! Gates.

use super::PathText;
use crate::{
    app::App,
    error::{ApiError, ErrorBody},
    view::gate::{GateParts, GateView},
};
use axum::{Json, extract::State};
use commonware_codec::DecodeExt as _;
use futures::{StreamExt as _, stream};
use gridaccord_ledger::{
    BodyId, Key,
    gate::{Gate, Phase, Seat},
    records::{Head, Line, Params, Part, ROSTER_PAGE, Roster, Rules, Stored, key},
};
use gridaccord_model::{GateId, MemberId, Offer};
use std::sync::Arc;

/// Records asked of the node at one time.
const PARALLEL: usize = 32;
/// Attempts at reading all of a gate from one height.
const ATTEMPTS: usize = 3;

/// A gate: who takes part, who builds, the plan, and the settlement.
#[utoipa::path(
    get,
    path = "/v1/gates/{gate}",
    tag = "market",
    params(("gate" = u64, Path, description = "Number of a gate", example = 3)),
    responses(
        (status = 200, description = "The gate", body = GateView),
        (status = 400, description = "The gate is no number", body = ErrorBody),
        (status = 404, description = "The gate has not opened", body = ErrorBody),
        (status = 503, description = "Genesis is not final yet", body = ErrorBody),
    )
)]
pub(crate) async fn get_gate(
    State(app): State<Arc<App>>,
    text: PathText,
) -> Result<Json<GateView>, ApiError> {
    let id = GateId(text.number("gate")?);
    let early = || {
        ApiError::unavailable("genesis_not_final", "genesis is not final yet: ask again shortly")
    };
    let params: Params = app.find(key::params()).await.ok_or_else(early)?;
    let rules: Rules = app.find(key::rules()).await.ok_or_else(early)?;
    let mut head: Head = app.find(key::head()).await.ok_or_else(early)?;
    // Blocks come while this reads. A gate in two minds is worse than one read again.
    for attempt in 1.. {
        let Some(gate) = app.find::<Gate>(key::gate(id)).await else { break };
        let mut view = GateView::of(&read(&app, &gate, &rules).await, &gate, &app.names);
        let after: Head = app.find(key::head()).await.ok_or_else(early)?;
        if after.height == head.height || attempt == ATTEMPTS {
            view.height = head.height;
            view.closes_s = params.market.closes(id).0;
            return Ok(Json(view));
        }
        head = after;
    }
    Err(ApiError::not_found(format!(
        "gate {} has not opened: the next one to open is {}",
        id.0, head.next_gate.0
    )))
}

async fn read(app: &App, gate: &Gate, rules: &Rules) -> GateParts {
    let id = gate.id;
    let pages = usize::from(gate.book.participants).div_ceil(ROSTER_PAGE);
    let rosters = (0u16..).take(pages).map(|page| key::roster(id, page));
    let rosters: Vec<Option<Roster>> = find_all(app, rosters).await;
    let members = rosters.into_iter().flatten().flat_map(|roster| roster.members.into_inner());
    let members: Vec<MemberId> = members.collect();

    let parts = find_all(app, members.iter().map(|member| key::part(id, *member))).await;
    let parts: Vec<(MemberId, Part)> = with_value(&members, parts);
    let offers = parts.iter().map(|(_, part)| offer(app, part.offer));
    let offers: Vec<Option<Offer>> = join(offers).await;
    let lines = match gate.phase {
        Phase::Settled { .. } => {
            find_all::<Line>(app, members.iter().map(|member| key::line(id, *member))).await
        }
        _ => Vec::new(),
    };
    // An ended gate no longer says how many seats it had: those that exist are those there were.
    let seats = (0..rules.trust.seats).map(|position| key::seat(id, position));
    let seats: Vec<Option<Seat>> = find_all(app, seats).await;
    GateParts {
        parts: parts
            .into_iter()
            .zip(offers)
            .map(|((member, part), offer)| (member, part, offer))
            .collect(),
        seats: seats.into_iter().flatten().collect(),
        decision: app.find(key::decision(id)).await,
        lines: with_value(&members, lines),
    }
}

fn with_value<T>(members: &[MemberId], values: Vec<Option<T>>) -> Vec<(MemberId, T)> {
    let pairs = members.iter().zip(values);
    pairs.filter_map(|(member, value)| Some((*member, value?))).collect()
}

async fn find_all<T: Stored>(app: &App, keys: impl Iterator<Item = Key>) -> Vec<Option<T>> {
    join(keys.map(|key| app.find(key))).await
}

async fn offer(app: &App, body: Option<BodyId>) -> Option<Offer> {
    Offer::decode(app.port.body(body?).await?).ok()
}

/// Runs many look-ups, a bounded number at a time, and keeps their order.
async fn join<T>(lookups: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    // Collected first: a lazy iterator of borrowing futures is more than the compiler can see to be `Send`.
    let lookups: Vec<_> = lookups.collect();
    stream::iter(lookups).buffered(PARALLEL).collect().await
}
