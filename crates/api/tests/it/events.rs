//! The event stream: filters, replay, slow clients, and its end.

use super::{common::*, ledger::*};
use gridaccord_api::{Config, Port as _};
use serde_json::Value;
use std::{collections::BTreeSet, time::Duration};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};

/// A stream read by hand.
struct Stream {
    reader: BufReader<TcpStream>,
}

/// One message.
#[derive(Debug)]
struct Message {
    event: String,
    id: Option<u64>,
    data: Value,
}

impl Stream {
    async fn open(world: &World, query: &str, last: Option<u64>) -> Self {
        let mut stream = world.connect().await;
        let header = last.map_or(String::new(), |last| format!("last-event-id: {last}\r\n"));
        let request = format!(
            "GET /v1/events{query} HTTP/1.1\r\nhost: node\r\nconnection: close\r\n{header}\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut stream = Self { reader: BufReader::new(stream) };
        let head = stream.line().await.unwrap();
        assert!(head.contains("200"), "{head}");
        while stream.line().await.is_some_and(|line| !line.is_empty()) {}
        stream
    }

    /// The next line, without its end; nothing where the stream is over.
    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = tokio::time::timeout(PATIENCE, self.reader.read_line(&mut line));
        match read.await.expect("the stream says nothing") {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(line.trim_end().to_owned()),
        }
    }

    /// The next message; passes over the sizes of chunks.
    async fn next(&mut self) -> Option<Message> {
        let mut message = Message { event: String::new(), id: None, data: Value::Null };
        loop {
            let line = self.line().await?;
            match line.split_once(": ") {
                Some(("event", event)) => message.event = event.into(),
                Some(("id", id)) => message.id = id.parse().ok(),
                Some(("data", data)) => message.data = serde_json::from_str(data).unwrap(),
                _ if line.is_empty() && !message.event.is_empty() => return Some(message),
                _ => {}
            }
        }
    }

    /// The kinds of all events up to a height.
    async fn kinds_until(&mut self, height: u64) -> BTreeSet<String> {
        let mut kinds = BTreeSet::new();
        loop {
            let message = self.next().await.unwrap();
            assert_eq!(message.event, "block");
            for event in message.data["events"].as_array().unwrap() {
                kinds.insert(event["kind"].as_str().unwrap().to_owned());
            }
            if message.id == Some(height) {
                return kinds;
            }
        }
    }
}

fn set(kinds: &[&str]) -> BTreeSet<String> {
    kinds.iter().map(|kind| (*kind).to_owned()).collect()
}

const GATE: [&str; 7] =
    ["opened", "closed", "drawn", "commits_ended", "decided", "dispatched", "settled"];
const MARKET: [&str; 3] = ["offered", "needed", "read"];
const TRUST: [&str; 4] = ["wagered", "committed", "answer_valid", "wager_settled"];

#[tokio::test]
async fn every_topic_carries_its_events_and_no_others() {
    let world = World::start().await;
    let mut gate = Stream::open(&world, "?topics=gate", None).await;
    let mut market = Stream::open(&world, "?topics=market", None).await;
    let mut two = Stream::open(&world, "?topics=trust,bill", None).await;
    let mut all = Stream::open(&world, "", None).await;
    world.node.fill_gate();
    world.node.settle_gate();
    let height = world.node.status().height;
    assert_eq!(gate.kinds_until(height).await, set(&GATE));
    assert_eq!(market.kinds_until(height).await, set(&MARKET));
    assert_eq!(two.kinds_until(height).await, set(&[&TRUST[..], &["billed"]].concat()));
    let every = [&GATE[..], &MARKET, &TRUST, &["billed"]].concat();
    assert_eq!(all.kinds_until(height).await, set(&every));
}

#[tokio::test]
async fn a_member_sees_its_own_and_what_concerns_all() {
    let world = World::start().await;
    let mut by_name = Stream::open(&world, "?member=tenant", None).await;
    let mut by_number = Stream::open(&world, "?topics=bill&member=1", None).await;
    world.node.fill_gate();
    world.node.settle_gate();
    let height = world.node.status().height;
    let own = [&GATE[..], &["needed", "read", "billed"]].concat();
    assert_eq!(by_name.kinds_until(height).await, set(&own));
    let mut bills = 0;
    loop {
        let message = by_number.next().await.unwrap();
        for event in message.data["events"].as_array().unwrap() {
            assert_eq!(event["member"]["name"], "tenant");
            bills += 1;
        }
        if message.id == Some(height) {
            break;
        }
    }
    assert_eq!(bills, 1);
}

#[tokio::test]
async fn a_block_without_events_still_tells_the_time() {
    let world = World::start().await;
    let mut stream = Stream::open(&world, "?topics=bill", None).await;
    world.node.at(START - 500).block(vec![]);
    let message = stream.next().await.unwrap();
    assert_eq!((message.event.as_str(), message.id), ("block", Some(2)));
    assert_eq!(message.data["ledger_time_s"], START - 500);
    assert_eq!(message.data["height"], 2);
    assert_eq!(message.data["events"], serde_json::json!([]));
    let root = super::reading::hex(world.node.status().state_root.as_ref());
    assert_eq!(message.data["state_root"], root);
}

#[tokio::test]
async fn what_a_client_missed_comes_first() {
    let world = World::start().await;
    for _ in 2..=9 {
        world.node.block(vec![]);
    }
    // The interface has seen all of them when they are there for a client that missed nothing but the last.
    let mut stream = Stream::open(&world, "", Some(3)).await;
    world.node.block(vec![]);
    for height in 4..=10 {
        assert_eq!(stream.next().await.unwrap().id, Some(height));
    }
}

#[tokio::test]
async fn blocks_before_the_start_come_from_the_archive() {
    let node = Node::new();
    for _ in 2..=20 {
        node.block(vec![]);
    }
    node.forget(5);
    let world = World::with(node, config()).await;
    let mut stream = Stream::open(&world, "", Some(17)).await;
    for height in 18..=20 {
        assert_eq!(stream.next().await.unwrap().id, Some(height));
    }
    let mut stream = Stream::open(&world, "", Some(2)).await;
    let gap = stream.next().await.unwrap();
    assert_eq!((gap.event.as_str(), &gap.data["code"]), ("gap", &"too_old".into()));
    assert!(gap.data["message"].as_str().unwrap().contains("3 to 5"), "{gap:?}");
    for height in 6..=20 {
        assert_eq!(stream.next().await.unwrap().id, Some(height));
    }
}

#[tokio::test]
async fn no_more_than_256_blocks_are_replayed() {
    let node = Node::new();
    for _ in 2..=300 {
        node.block(vec![]);
    }
    let world = World::with(node, config()).await;
    let mut stream = Stream::open(&world, "", Some(1)).await;
    let gap = stream.next().await.unwrap();
    assert!(gap.data["message"].as_str().unwrap().contains("2 to 44"), "{gap:?}");
    for height in 45..=300 {
        assert_eq!(stream.next().await.unwrap().id, Some(height));
    }
    world.node.block(vec![]);
    assert_eq!(stream.next().await.unwrap().id, Some(301));
}

#[tokio::test]
async fn a_lost_subscription_is_made_good() {
    let world = World::start().await;
    let mut stream = Stream::open(&world, "", None).await;
    world.node.block(vec![]);
    assert_eq!(stream.next().await.unwrap().id, Some(2));
    world.node.end_subscriptions();
    world.node.block(vec![]);
    // The interface subscribes again, sees a later block, and fetches what lies between.
    let mut heights = Vec::new();
    while heights.last() < Some(&3) {
        world.node.block(vec![]);
        let next = tokio::time::timeout(Duration::from_millis(150), stream.next()).await;
        heights.extend(next.ok().flatten().and_then(|message| message.id));
    }
    assert_eq!(heights, [3]);
}

#[tokio::test]
async fn a_client_that_does_not_keep_up_is_dropped_and_told() {
    let config = Config { event_lag_max: 4, ..config() };
    let world = World::with(Node::new(), config).await;
    let mut stream = Stream::open(&world, "", None).await;
    // One thread runs client and server here: not one of these is sent before the last is there.
    for _ in 0..100 {
        world.node.block(vec![]);
    }
    let last = loop {
        let message = stream.next().await.unwrap();
        if message.event != "block" {
            break message;
        }
    };
    assert_eq!((last.event.as_str(), &last.data["code"]), ("end", &"too_slow".into()));
    assert!(last.data["message"].as_str().unwrap().contains("last-event-id"), "{last:?}");
    assert!(stream.next().await.is_none());
    let metrics = world.get("/metrics").await.body;
    assert!(metrics.contains("gridaccord_event_clients_dropped_total 1"), "{metrics}");
}

#[tokio::test]
async fn streams_are_limited_and_places_come_back() {
    let config = Config { event_clients_max: 1, ..config() };
    let world = World::with(Node::new(), config).await;
    let stream = Stream::open(&world, "", None).await;
    world.get("/v1/events").await.error(503, "event_clients_full");
    drop(stream);
    while world.get("/metrics").await.body.contains("gridaccord_event_clients 1") {
        // A server notices a client that left when it writes.
        world.node.block(vec![]);
    }
    Stream::open(&world, "", None).await;
}

#[tokio::test]
async fn a_node_that_stops_says_so() {
    let world = World::start().await;
    let mut stream = Stream::open(&world, "", None).await;
    world.stop().await;
    let end = stream.next().await.unwrap();
    assert_eq!((end.event.as_str(), &end.data["code"]), ("end", &"stopping".into()));
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn requests_that_are_not_understood() {
    let world = World::start().await;
    for query in ["topics=weather", "topics=gate,,bill", "topic=gate"] {
        world.get(&format!("/v1/events?{query}")).await.error(400, "query_invalid");
    }
    world.get("/v1/events?member=wind").await.error(404, "not_found");
    world
        .raw(b"GET /v1/events HTTP/1.1\r\nhost: a\r\nlast-event-id: x\r\nconnection: close\r\n\r\n")
        .await
        .error(400, "header_invalid");
}
