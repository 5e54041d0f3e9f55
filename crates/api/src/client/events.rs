//! The event stream, typed, and kept open across lost connections.

use super::{
    Client, ClientError,
    sse::{Message, Parser},
};
use crate::view::live::LiveBlock;
use bytes::Bytes;
use commonware_codec::DecodeExt as _;
use futures::Stream;
use gridaccord_ledger::Event;
use gridaccord_model::{TimeMs, TimeS};
use http::{Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use std::{collections::VecDeque, time::Duration};

/// A stream that says nothing for that long is dead: blocks and comments come every few seconds.
const SILENCE_MAX: Duration = Duration::from_secs(40);
/// Before the first attempt to connect again; doubles up to [`BACKOFF_MAX`].
const BACKOFF_MIN: Duration = Duration::from_millis(200);
const BACKOFF_MAX: Duration = Duration::from_secs(10);

/// A finalised block with the events asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveEvents {
    /// Position in the chain.
    pub height: u64,
    /// Wall time.
    pub timestamp: TimeMs,
    /// Ledger time.
    pub ledger_time: TimeS,
    /// What happened, as the ledger says it.
    pub events: Vec<Event>,
    /// Blocks before this one that the node could no longer deliver: where not 0, read the state anew.
    pub missed: u64,
}

/// An event stream. Dropping it closes the connection.
#[derive(Debug)]
pub struct Events {
    client: Client,
    path: String,
    open: Option<(Incoming, Parser)>,
    queue: VecDeque<LiveEvents>,
    /// Height received last.
    last: Option<u64>,
    backoff: Duration,
}

impl Events {
    pub(super) const fn new(client: Client, path: String) -> Self {
        Self {
            client,
            path,
            open: None,
            queue: VecDeque::new(),
            last: None,
            backoff: Duration::ZERO,
        }
    }

    /// Starts after a height instead of now: blocks missed since then come first.
    #[must_use]
    pub const fn after(mut self, height: u64) -> Self {
        self.last = Some(height);
        self
    }

    /// The next block. Waits through lost connections and busy nodes, for ever if need be.
    ///
    /// Cancelling the future loses no block.
    ///
    /// # Errors
    /// [`ClientError`] where trying again is no use: an address that is no node's, or a filter it refuses.
    pub async fn next(&mut self) -> Result<LiveEvents, ClientError> {
        loop {
            if let Some(block) = self.queue.pop_front() {
                return Ok(block);
            }
            match self.advance().await {
                Ok(()) => {}
                Err(error) if error.is_passing() => {
                    tracing::debug!(%error, "event stream lost; connecting again");
                    self.open = None;
                    self.backoff = (self.backoff * 2).clamp(BACKOFF_MIN, BACKOFF_MAX);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The same as a stream, which ends after an error.
    pub fn into_stream(self) -> impl Stream<Item = Result<LiveEvents, ClientError>> {
        futures::stream::unfold(Some(self), |events| async {
            let mut events = events?;
            match events.next().await {
                Ok(block) => Some((Ok(block), Some(events))),
                Err(error) => Some((Err(error), None)),
            }
        })
    }

    /// Connects, or reads what comes next.
    async fn advance(&mut self) -> Result<(), ClientError> {
        let Some((body, parser)) = &mut self.open else {
            tokio::time::sleep(self.backoff).await;
            self.open = Some((self.connect().await?, Parser::default()));
            return Ok(());
        };
        let frame = match tokio::time::timeout(SILENCE_MAX, body.frame()).await {
            Err(_) => return Err(self.client.unreachable("the event stream fell silent")),
            Ok(None) => return Err(self.client.unreachable("the event stream ended")),
            Ok(Some(Err(error))) => return Err(self.client.unreachable(&error.to_string())),
            Ok(Some(Ok(frame))) => frame,
        };
        let Some(bytes) = frame.data_ref() else { return Ok(()) };
        let messages = parser
            .push(bytes)
            .map_err(|_| self.client.foreign("the event stream is not one of text messages"))?;
        for message in messages {
            self.take(&message)?;
        }
        Ok(())
    }

    async fn connect(&self) -> Result<Incoming, ClientError> {
        let mut request = Request::builder()
            .uri(format!("{}{}", self.client.address(), self.path))
            .header(header::ACCEPT, "text/event-stream");
        if let Some(last) = self.last {
            request = request.header("last-event-id", last);
        }
        let answer = self.client.send(request.body(Full::default()));
        match tokio::time::timeout(SILENCE_MAX, answer).await {
            Ok(response) => Ok(response?.into_body()),
            Err(_) => Err(self.client.unreachable("no answer in time")),
        }
    }

    fn take(&mut self, message: &Message) -> Result<(), ClientError> {
        match message.event.as_str() {
            "block" => {
                let block = self.decode(&message.data)?;
                self.backoff = Duration::ZERO;
                // A node that came back may go through blocks again that this client has seen.
                if self.last.is_some_and(|last| block.height <= last) {
                    return Ok(());
                }
                self.last = Some(block.height);
                self.queue.push_back(block);
                Ok(())
            }
            // The connection ends with it, and is sought again.
            "end" => Err(self.client.unreachable(&message.data)),
            // The next block says how many are missing.
            _ => Ok(()),
        }
    }

    fn decode(&self, data: &str) -> Result<LiveEvents, ClientError> {
        let block: LiveBlock =
            serde_json::from_str(data).map_err(|error| self.client.foreign(&error.to_string()))?;
        let event = |raw: &str| Event::decode(Bytes::from(hex::decode(raw).ok()?)).ok();
        let events: Option<Vec<Event>> = block.events.iter().map(|view| event(&view.raw)).collect();
        let before = block.height.saturating_sub(1);
        Ok(LiveEvents {
            height: block.height,
            timestamp: TimeMs(block.timestamp_ms),
            ledger_time: TimeS(block.ledger_time_s),
            events: events
                .ok_or_else(|| self.client.foreign("an event's raw bytes do not decode"))?,
            missed: self.last.map_or(0, |last| before.saturating_sub(last)),
        })
    }
}
