//! The event stream: one message per finalised block.

use super::Query;
use crate::{
    app::App,
    error::{ApiError, ErrorBody},
    feed::{Filter, KEPT, Ready},
    metrics::Counted,
    view::{
        event::Topic,
        live::{EventsQuery, LiveBlock, LiveNotice},
    },
};
use axum::{
    extract::State,
    response::sse::{Event, KeepAlive, Sse},
};
use futures::{Stream, stream};
use http::HeaderMap;
use std::{
    collections::{BTreeSet, VecDeque},
    convert::Infallible,
    sync::Arc,
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, broadcast};

/// A comment keeps an idle stream open; blocks come faster than that.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Finalised blocks as they come, as server-sent events.
///
/// One message `block` per finalised block, its `id` the height, its data a `LiveBlock`, also where no event in it
/// passes the filter: time goes on. Every event is in exactly one topic. `gate`: opened, closed, drawn,
/// commits_ended, decided, dispatched, settled, failed. `market`: offered, needed, read. `trust`: wagered, committed,
/// answer_valid, answer_refused, equivocated, wager_settled. `bill`: billed. With `member`, of the events that are
/// about one member only this one's pass.
///
/// A client that comes back with the header `Last-Event-ID` first gets the blocks it missed, up to 256; where older
/// ones are missing a message `gap` says which. A client that does not keep up gets a message `end` and is dropped;
/// so is everybody when the node stops.
#[utoipa::path(
    get,
    path = "/v1/events",
    tag = "chain",
    params(
        EventsQuery,
        ("Last-Event-ID" = Option<u64>, Header, description = "Height of the last block received"),
    ),
    responses(
        (status = 200, description = "The stream; the schema is that of the data of `block`", body = LiveBlock, content_type = "text/event-stream"),
        (status = 400, description = "A topic or the header is not understood", body = ErrorBody),
        (status = 404, description = "There is no such member", body = ErrorBody),
        (status = 503, description = "Too many streams are open", body = ErrorBody),
    )
)]
pub(crate) async fn get_events(
    State(app): State<Arc<App>>,
    query: Query<EventsQuery>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let filter = filter(&app, &query.0)?;
    let last = last_event_id(&headers)?;
    let slot = app.event_slots.clone().try_acquire_owned().map_err(|_| {
        let message = "too many event streams are open: close one, or ask another node";
        ApiError::unavailable("event_clients_full", message)
    })?;
    // Subscribed before the missed blocks are read, so that none falls between.
    let blocks = app.feed.subscribe();
    let mut client = Client {
        _counted: Counted::new(&app.metrics.event_clients),
        _slot: slot,
        app,
        filter,
        blocks,
        queue: VecDeque::new(),
        last: 0,
        ended: false,
    };
    if let Some(last) = last {
        client.catch_up(last).await;
    }
    let messages = stream::unfold(client, |mut client| async move {
        let message = client.next().await?;
        Some((Ok(message), client))
    });
    Ok(Sse::new(messages).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

fn filter(app: &App, query: &EventsQuery) -> Result<Filter, ApiError> {
    let topics = match query.topics.as_deref() {
        None | Some("") => BTreeSet::from(Topic::ALL),
        Some(text) => text.split(',').map(|name| topic(name.trim())).collect::<Result<_, _>>()?,
    };
    let member = query.member.as_deref().map(|text| app.member(text)).transpose()?;
    Ok(Filter { topics, member })
}

fn topic(name: &str) -> Result<Topic, ApiError> {
    Topic::ALL.into_iter().find(|topic| topic.name() == name).ok_or_else(|| {
        ApiError::bad_request(
            "query_invalid",
            format!("topics: {name:?} is no topic: choose of gate, market, trust, bill"),
        )
    })
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, ApiError> {
    let Some(value) = headers.get("last-event-id") else { return Ok(None) };
    let height = value.to_str().ok().and_then(|text| text.parse().ok());
    height.map(Some).ok_or_else(|| {
        let message = "last-event-id is not the height of a block: send the id of the last message, or no such header";
        ApiError::bad_request("header_invalid", message)
    })
}

/// One open stream.
struct Client {
    app: Arc<App>,
    _slot: OwnedSemaphorePermit,
    _counted: Counted,
    filter: Filter,
    blocks: broadcast::Receiver<Arc<Ready>>,
    /// What it missed, to be sent first.
    queue: VecDeque<Event>,
    /// Height sent last.
    last: u64,
    ended: bool,
}

impl Client {
    /// Queues the blocks after a height, as far back as they are at hand.
    async fn catch_up(&mut self, after: u64) {
        let app = self.app.clone();
        let kept = app.feed.after(after);
        let head = kept.last().map_or_else(|| app.port.status().height, |block| block.height);
        let oldest_kept = kept.first().map_or(head.saturating_add(1), |block| block.height);
        let oldest = after.saturating_add(1).max(head.saturating_sub(KEPT as u64 - 1));
        // Before this node's start, and within reach: the archive may still have them.
        let mut found = Vec::new();
        for height in (oldest..oldest_kept).rev() {
            let Some(block) = app.feed.archived(&*app.port, height).await else { break };
            found.push(block);
        }
        let first = oldest_kept.saturating_sub(found.len() as u64);
        if first > after.saturating_add(1) {
            self.queue.push_back(gap(after.saturating_add(1), first.saturating_sub(1)));
        }
        for block in found.iter().rev().chain(&kept) {
            self.queue.push_back(message(block, &self.filter));
            self.last = block.height;
        }
        self.last = self.last.max(after.min(head));
    }

    async fn next(&mut self) -> Option<Event> {
        if let Some(message) = self.queue.pop_front() {
            return Some(message);
        }
        if self.ended {
            return None;
        }
        loop {
            let received = tokio::select! {
                received = self.blocks.recv() => received,
                () = self.app.stopped() => Err(broadcast::error::RecvError::Closed),
            };
            match received {
                Ok(block) if block.height <= self.last => {}
                Ok(block) => {
                    self.last = block.height;
                    return Some(message(&block, &self.filter));
                }
                Err(error) => {
                    self.ended = true;
                    return Some(self.end(&error));
                }
            }
        }
    }

    fn end(&self, error: &broadcast::error::RecvError) -> Event {
        let (code, message) = match error {
            broadcast::error::RecvError::Lagged(blocks) => {
                self.app.metrics.event_clients_dropped.inc();
                (
                    "too_slow",
                    format!(
                        "this client fell {blocks} blocks behind and is dropped: read faster or ask for fewer topics, \
                         then reconnect with last-event-id"
                    ),
                )
            }
            broadcast::error::RecvError::Closed => {
                ("stopping", "the node is stopping: reconnect with last-event-id".to_owned())
            }
        };
        notice("end", code, message)
    }
}

fn message(block: &Ready, filter: &Filter) -> Event {
    Event::default().event("block").id(block.height.to_string()).data(block.data(filter))
}

fn gap(from: u64, to: u64) -> Event {
    let message = format!(
        "blocks {from} to {to} are no longer at hand as events: read the state instead, or ask another node"
    );
    notice("gap", "too_old", message)
}

fn notice(event: &str, code: &str, message: String) -> Event {
    let notice = LiveNotice { code: code.into(), message };
    let data = serde_json::to_string(&notice).expect("a plain struct");
    Event::default().event(event).data(data)
}
