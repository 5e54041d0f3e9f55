//! Submitting commands: every answer there is.

use super::{common::*, ledger::*, reading::hex};
use commonware_codec::Encode as _;
use gridaccord_ledger::{Command, SignedCommand};
use gridaccord_model::MemberId;
use serde_json::json;

const BINARY: &str = "application/octet-stream";
const JSON: &str = "application/json";

async fn opened() -> World {
    let world = World::start().await;
    world.node.at(START - 290).block(vec![]);
    world
}

#[tokio::test]
async fn a_command_that_took_effect() {
    let world = opened().await;
    let signed = world.node.sign(SOLAR, offer(1_000, 50_000));
    let answer = world.post("/v1/commands?wait_ms=5000", BINARY, &signed.encode()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let expected = json!({"id": hex(signed.id().as_ref()), "status": "accepted", "height": 3});
    assert_eq!(answer.json(), expected);
}

#[tokio::test]
async fn the_same_as_json() {
    let world = opened().await;
    let signed = world.node.sign(SOLAR, offer(1_000, 50_000));
    let body = json!({"command_hex": hex(&signed.encode())}).to_string();
    let content_type = "application/json; charset=utf-8";
    let answer = world.post("/v1/commands?wait_ms=5000", content_type, body.as_bytes()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.json()["status"], "accepted");
}

#[tokio::test]
async fn a_command_that_waits() {
    let world = opened().await;
    world.node.hold(true);
    let signed = world.node.sign(SOLAR, offer(1_000, 50_000));
    let id = hex(signed.id().as_ref());
    for path in ["/v1/commands", "/v1/commands?wait_ms=0", "/v1/commands?wait_ms=20"] {
        let answer = world.post(path, BINARY, &signed.encode()).await;
        assert_eq!(answer.status, 202, "{path}: {}", answer.body);
        assert_eq!(answer.json(), json!({"id": id, "status": "queued"}));
    }
    assert_eq!(world.json("/v1/status").await["mempool_commands"], 3);
}

#[tokio::test]
async fn a_rule_that_refuses_is_named() {
    let world = opened().await;
    let signed = world.node.sign(TENANT, offer(1_000, 50_000));
    let answer = world.post("/v1/commands?wait_ms=5000", BINARY, &signed.encode()).await;
    let message = answer.error(422, "refused");
    assert_eq!(answer.json()["error"]["rule"], "C4");
    assert!(message.contains("role"), "{message}");

    let stale = world.node.sign(SOLAR, wager(1));
    let answer = world.post("/v1/commands?wait_ms=5000", BINARY, &stale.encode()).await;
    answer.error(422, "refused");
    assert_eq!(answer.json()["error"]["rule"], "W1");
    let again = world.post("/v1/commands?wait_ms=5000", BINARY, &stale.encode()).await;
    assert_eq!(again.json()["error"]["rule"], "C2");
}

#[tokio::test]
async fn what_the_mempool_refuses() {
    let world = opened().await;
    let signed = world.node.sign(9, offer(1_000, 50_000));
    let answer = world.post("/v1/commands", BINARY, &signed.encode()).await;
    answer.error(422, "refused");
    assert_eq!(answer.json()["error"]["rule"], "C1");

    let forged = SignedCommand { member: MemberId(SOLAR), ..world.node.sign(AUDITOR, wager(100)) };
    let answer = world.post("/v1/commands", BINARY, &forged.encode()).await;
    answer.error(422, "refused");
    assert_eq!(answer.json()["error"]["rule"], "C3");

    world.node.hold(true);
    for _ in 0..MEMPOOL_MAX {
        let signed = world.node.sign(SOLAR, offer(1_000, 50_000));
        assert_eq!(world.post("/v1/commands", BINARY, &signed.encode()).await.status, 202);
    }
    let signed = world.node.sign(SOLAR, offer(1_000, 50_000));
    let answer = world.post("/v1/commands", BINARY, &signed.encode()).await;
    answer.error(429, "mempool_full");
    assert!(answer.head.contains("retry-after: 1"), "{}", answer.head);
}

#[tokio::test]
async fn bodies_that_are_no_command() {
    let world = opened().await;
    let signed = world.node.sign(SOLAR, offer(1_000, 50_000)).encode();
    let mut unknown_tag = signed.to_vec();
    unknown_tag[10] = 0xee;
    let longer = [&signed[..], &[0]].concat();
    for body in [&[][..], b"hello", &signed[..signed.len() - 1], &longer, &unknown_tag] {
        world.post("/v1/commands", BINARY, body).await.error(400, "undecodable");
    }
    let extra = json!({"command_hex": hex(&signed), "nonce": 3}).to_string();
    for body in ["", "{}", "[]", "{\"command_hex\":\"0g\"}", "{\"command_hex\":\"0\"}", &extra] {
        world.post("/v1/commands", JSON, body.as_bytes()).await.error(400, "undecodable");
    }
    for content_type in ["text/plain", "", "application/json2"] {
        let message = world
            .post("/v1/commands", content_type, &signed)
            .await
            .error(415, "content_type_unsupported");
        assert!(message.contains("application/octet-stream"), "{message}");
    }
}

#[tokio::test]
async fn queries_that_are_not_understood() {
    let world = opened().await;
    let signed = world.node.sign(SOLAR, offer(1_000, 50_000)).encode();
    for query in ["wait_ms=x", "wait_ms=-1", "wait_ms=30001", "wait=5"] {
        world
            .post(&format!("/v1/commands?{query}"), BINARY, &signed)
            .await
            .error(400, "query_invalid");
    }
    assert_eq!(world.json("/v1/status").await["height"], 2);
}

#[tokio::test]
async fn commands_that_are_too_large() {
    let world = opened().await;
    let largest = vec![0; 64 * 1024];
    world.post("/v1/commands", BINARY, &largest).await.error(400, "undecodable");
    world
        .post("/v1/commands", BINARY, &[&largest[..], &[0]].concat())
        .await
        .error(413, "too_large");
    let body = |bytes: &[u8]| json!({"command_hex": hex(bytes)}).to_string();
    world.post("/v1/commands", JSON, body(&largest).as_bytes()).await.error(400, "undecodable");
    let over = body(&[&largest[..], &[0]].concat());
    world.post("/v1/commands", JSON, over.as_bytes()).await.error(413, "too_large");
    world.post("/v1/commands", JSON, &vec![b' '; 200_000]).await.error(413, "too_large");
}

#[tokio::test]
async fn waiting_ends_when_the_node_stops() {
    let world = opened().await;
    world.node.hold(true);
    let signed = world
        .node
        .sign(SOLAR, Command::RotateKey { key: world.node.genesis.members[1].key.clone() });
    let client = world.client();
    let waiting = tokio::spawn(async move {
        client.submit(&signed, Some(std::time::Duration::from_secs(30))).await
    });
    while world.json("/v1/status").await["mempool_commands"] != 1 {}
    world.stop().await;
    let submitted = tokio::time::timeout(PATIENCE, waiting).await.unwrap().unwrap().unwrap();
    assert_eq!(submitted.height, None);
}
