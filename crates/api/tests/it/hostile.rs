//! What is no HTTP, too much of it, or too slow: answered or cut, and the server stays up.

use super::{common::*, ledger::*};
use gridaccord_api::{Config, ServeError, serve};
use proptest::prelude::*;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

async fn alive(world: &World) {
    assert_eq!(world.json("/healthy").await["status"], "ok");
}

#[tokio::test]
async fn what_is_no_http_is_a_bad_request() {
    let world = World::start().await;
    for garbage in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"[..],
        b"\0\0\0\0\0\0\0\0\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /v1/status HTTP/1.1\r\nbad header\r\n\r\n",
        b"POST /v1/commands HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        b"POST /v1/commands HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
    ] {
        let answer = world.raw(garbage).await;
        assert_eq!(answer.status, 400, "{garbage:?}: {answer:?}");
        alive(&world).await;
    }
    // Version 1.1 is all there is: who opens with version 2 could not read a refusal, and is cut.
    assert_eq!(world.raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.status, 0);
    alive(&world).await;
}

#[tokio::test]
async fn heads_that_are_too_large() {
    let world = World::start().await;
    let long = format!("GET /v1/status HTTP/1.1\r\nx: {}\r\n\r\n", "a".repeat(20_000));
    assert_eq!(world.raw(long.as_bytes()).await.status, 431);
    let many = format!("GET /v1/status HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(100));
    assert_eq!(world.raw(many.as_bytes()).await.status, 431);
    let target = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(70_000));
    let status = world.raw(target.as_bytes()).await.status;
    assert!([414, 431].contains(&status), "{status}");
    alive(&world).await;
}

#[tokio::test]
async fn bodies_that_are_too_large_or_lie_about_it() {
    let world = World::start().await;
    let head = "POST /v1/commands HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/octet-stream\r\n";
    let announced = format!("{head}content-length: 10000000000\r\n\r\n");
    world.raw(announced.as_bytes()).await.error(413, "too_large");
    let mut chunked = format!("{head}transfer-encoding: chunked\r\n\r\n").into_bytes();
    for _ in 0..20 {
        chunked.extend(b"2000\r\n");
        chunked.extend([0; 0x2000]);
        chunked.extend(b"\r\n");
    }
    world.raw(&chunked).await.error(413, "too_large");
    let broken = format!("{head}transfer-encoding: chunked\r\n\r\nzz\r\n");
    world.raw(broken.as_bytes()).await.error(400, "body_incomplete");
    alive(&world).await;
}

#[tokio::test]
async fn heads_and_bodies_that_are_too_slow() {
    let patience = Duration::from_millis(100);
    let config = Config { header_timeout: patience, body_timeout: patience, ..config() };
    let world = World::with(Node::new(), config).await;
    // The head never ends: the connection is cut.
    let mut stream = world.connect().await;
    stream.write_all(b"GET /v1/status HTTP/1.1\r\nhost: a\r\n").await.unwrap();
    let mut received = Vec::new();
    let cut = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut received)).await;
    cut.expect("a slow head is not cut").unwrap();
    assert!(received.is_empty() || received.starts_with(b"HTTP/1.1 408"), "{received:?}");
    // The body never comes: the request is refused.
    let slow = b"POST /v1/commands HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/octet-stream\r\n\
                 content-length: 100\r\n\r\n123";
    world.raw(slow).await.error(408, "body_slow");
    alive(&world).await;
}

#[tokio::test]
async fn an_idle_connection_is_cut() {
    let config = Config { header_timeout: Duration::from_millis(100), ..config() };
    let world = World::with(Node::new(), config).await;
    let mut stream = world.connect().await;
    stream.write_all(b"GET /healthy HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut received = Vec::new();
    let cut = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut received)).await;
    cut.expect("an idle connection is not cut").unwrap();
    assert!(received.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn an_address_that_asks_too_much_is_limited() {
    let config = Config { requests_per_s: 1, requests_burst: 3, ..config() };
    let world = World::with(Node::new(), config).await;
    for _ in 0..3 {
        world.json("/v1/status").await;
    }
    let answer = world.get("/v1/status").await;
    answer.error(429, "rate_limited");
    assert!(answer.head.contains("retry-after: 1"));
    // Supervisors are let through.
    alive(&world).await;
    assert_eq!(world.get("/metrics").await.status, 200);
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_a_place() {
    let config =
        Config { connections_max: 1, header_timeout: Duration::from_millis(300), ..config() };
    let world = World::with(Node::new(), config).await;
    let holder = world.connect().await;
    // Served once the silent connection has been cut.
    alive(&world).await;
    drop(holder);
}

#[tokio::test]
async fn stopping_closes_what_is_open() {
    let world = World::start().await;
    let address = world.address;
    let mut idle = world.connect().await;
    let mut half = world.connect().await;
    half.write_all(b"GET /v1/sta").await.unwrap();
    alive(&world).await;
    world.stop().await;
    let mut received = Vec::new();
    for stream in [&mut idle, &mut half] {
        let closed = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut received)).await;
        let _ = closed.expect("a connection outlives the server");
    }
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn addresses_that_cannot_be_listened_on() {
    let world = World::start().await;
    let refused = |address: &str| {
        let config = Config { address: address.parse().unwrap(), ..config() };
        let node = world.node.clone();
        async move { serve(config, &node.genesis, node.clone(), std::future::pending()).await }
    };
    let taken = world.address.to_string();
    let error = refused(&taken).await.unwrap_err();
    assert!(matches!(error, ServeError::AddressInUse(_)));
    let message = error.to_string();
    assert!(message.starts_with(&format!("address {taken} is in use: ")), "{message}");
    let error = refused("192.0.2.1:0").await.unwrap_err();
    assert!(matches!(error, ServeError::AddressUnavailable(_)), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    /// A server takes a hail of random requests and still answers.
    #[test]
    fn random_requests_leave_the_server_up(
        paths in proptest::collection::vec("/(v1/)?(gates|blocks|proofs|members|events)/[ -~]{0,20}", 10),
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::start().await;
            for path in &paths {
                let answer = world.get(path).await;
                assert!((200..500).contains(&answer.status), "{path}: {answer:?}");
            }
            let ended = [&bytes[..], b"\r\n\r\n"].concat();
            let mut stream = world.connect().await;
            let _ = stream.write_all(&ended).await;
            drop(stream);
            alive(&world).await;
        });
    }
}
