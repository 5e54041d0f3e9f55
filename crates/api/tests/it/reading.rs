//! Every route that reads, happy and not.

use super::{common::*, ledger::*};
use gridaccord_api::Port;
use gridaccord_ledger::records::key;
use gridaccord_model::{GateId, MemberId};
use serde_json::json;

#[tokio::test]
async fn status_names_chain_and_place() {
    let world = World::start().await;
    let status = world.json("/v1/status").await;
    let node = world.node.status();
    assert_eq!(status["chain"], hex(world.node.chain.as_ref()));
    assert_eq!(status["label"], "test");
    assert_eq!(status["member"], "utility");
    assert_eq!(status["height"], 1);
    assert_eq!(status["view"], 10);
    assert_eq!(status["state_root"], hex(node.state_root.as_ref()));
    assert_eq!(status["ledger_time_s"], START - 600);
    assert_eq!(status["timestamp_ms"], node.timestamp.0);
    assert_eq!(status["validators"], 4);
    assert_eq!(status["finality_ms_p50"], 250);
    assert_eq!(status["finality_ms_p95"], json!(null));
}

#[tokio::test]
async fn a_gate_from_opening_to_settlement() {
    let world = World::start().await;
    let message = world.get("/v1/gates/0").await.error(404, "not_found");
    assert!(message.contains("next one to open is 0"), "{message}");
    world.get("/v1/gates/first").await.error(400, "path_invalid");
    world.get("/v1/gates/-1").await.error(400, "path_invalid");

    world.node.fill_gate();
    let gate = world.json("/v1/gates/0").await;
    assert_eq!(gate["phase"], "open");
    assert_eq!(gate["start_s"], START);
    assert_eq!(gate["closes_s"], START - 60);
    assert_eq!(gate["height"], world.node.status().height);
    let solar = &gate["participants"][0];
    assert_eq!(solar["member"], json!({"id": 0, "name": "solar"}));
    assert_eq!(solar["offer"]["cost"]["blocks"][0]["price_micro_per_kwh"], 50_000);
    assert_eq!(gate["participants"][2]["need"]["firm_w"], 150_000);
    assert_eq!(gate["decision"], json!(null));

    world.node.settle_gate();
    let gate = world.json("/v1/gates/0").await;
    assert_eq!(gate["phase"], "settled");
    let set_points = json!({"solar": 100_000, "utility": 50_000, "tenant": -150_000});
    assert_eq!(gate["set_points_w"], set_points);
    assert_eq!(gate["decision"]["price_micro_per_kwh"], 120_000);
    assert_eq!(gate["decision"]["gap_ppb"], 0);
    // 100 kW at 0.05 and 50 kW at 0.12 a kWh, for a twelfth of an hour.
    assert_eq!(gate["decision"]["cost_micro"], 11_000_000 / 12);
    assert_eq!(gate["builders"].as_array().unwrap().len(), 2);
    assert_eq!(gate["builders"][0]["verdict"]["status"], "valid");
    assert_eq!(gate["failure"], json!(null));
    let lines = gate["settlement"]["lines"].as_array().unwrap();
    let tenant = lines.iter().find(|line| line["member"]["name"] == "tenant").unwrap();
    assert_eq!(tenant["line"]["energy_wh"], -12_500);
    assert_eq!(tenant["line"]["energy_money_micro"], -1_500_000);
}

#[tokio::test]
async fn a_failed_gate_says_why() {
    let world = World::start().await;
    world.node.at(START - 290).block(vec![]);
    world.node.at(START - 60).block(vec![]);
    let gate = world.json("/v1/gates/0").await;
    assert_eq!(gate["phase"], "failed");
    assert_eq!(gate["failure"]["reason"], "no_market");
    assert_eq!(gate["settlement"], json!(null));
}

#[tokio::test]
async fn members_by_number_and_name() {
    let world = World::start().await;
    let by_name = world.json("/v1/members/solar").await;
    assert_eq!(by_name, world.json("/v1/members/0").await);
    assert_eq!(by_name["role"], "supplier");
    assert_eq!(by_name["balance_micro"], 1_000_000_000);
    assert_eq!(by_name["stake_tokens"], 10_000);
    assert_eq!(by_name["held_tokens"], 0);
    assert_eq!(by_name["index_ppm"], 100_000);
    assert_eq!(by_name["nonce"], 0);
    let key = hex(world.node.genesis.members[0].key.as_ref());
    assert_eq!(by_name["key"], key);
    world.node.fill_gate();
    let after = world.json("/v1/members/solar").await;
    assert_eq!(after["nonce"], 2);
    assert_eq!(after["held_tokens"], 100);
    for nobody in ["4", "wind", "70000", "s%C3%B6lar"] {
        world.get(&format!("/v1/members/{nobody}")).await.error(404, "not_found");
    }
    world.get("/v1/members/%ff").await.error(400, "path_invalid");
}

#[tokio::test]
async fn blocks_with_and_without_their_outcome() {
    let world = World::start().await;
    world.node.fill_gate();
    let block = world.json("/v1/blocks/3").await;
    assert_eq!(block["payload"], "commands");
    assert_eq!(block["commands"][0]["kind"], "offer");
    assert_eq!(block["commands"][0]["member"]["name"], "solar");
    assert_eq!(block["receipts"][0]["id"], block["commands"][0]["id"]);
    assert_eq!(block["receipts"][4]["accepted"], true);
    assert_eq!(block["events"][0]["kind"], "offered");
    assert_eq!(block["events"][0]["topic"], "market");
    assert_eq!(block["ledger_time_s"], START - 290);
    assert_eq!(world.json("/v1/blocks/1").await["payload"], "genesis");
    world.node.forget(3);
    let old = world.json("/v1/blocks/3").await;
    assert_eq!(old["receipts"], json!(null));
    assert_eq!(old["commands"], block["commands"]);
    for height in ["0", "4", "18446744073709551615"] {
        world.get(&format!("/v1/blocks/{height}")).await.error(404, "not_found");
    }
    world.get("/v1/blocks/0x1").await.error(400, "path_invalid");
}

#[tokio::test]
async fn proofs_by_path_and_by_digits() {
    let world = World::start().await;
    world.node.fill_gate();
    world.node.settle_gate();
    let proof = world.json("/v1/proofs/line/0/tenant").await;
    let key = hex(&key::line(GateId(0), MemberId(TENANT)).0);
    assert_eq!(proof["key"], key);
    assert_eq!(proof["decoded"]["kind"], "line");
    assert_eq!(proof["decoded"]["energy_wh"], -12_500);
    let value = proof["value"].as_str().unwrap();
    assert_eq!(value.len(), 384);
    assert!(proof["proof"].as_str().unwrap().ends_with(value));
    assert_eq!(proof, world.json(&format!("/v1/proofs/{key}")).await);
    assert_eq!(proof, world.json("/v1/proofs/line/0/1").await);
    let kinds = [
        ("params", "params"),
        ("rules", "rules"),
        ("head", "head"),
        ("member/solar", "member"),
        ("account/0", "account"),
        ("owner/0", "owner"),
        ("pot/losses", "pot"),
        ("gate/0", "gate"),
        ("decision/0", "decision"),
        ("roster/0/0", "roster"),
        ("part/0/solar", "part"),
        ("seat/0/0", "seat"),
    ];
    for (path, kind) in kinds {
        assert_eq!(world.json(&format!("/v1/proofs/{path}")).await["decoded"]["kind"], kind);
    }
    let absent = world.json("/v1/proofs/gate/99").await;
    assert_eq!((&absent["value"], &absent["decoded"]), (&json!(null), &json!(null)));
    assert!(!absent["proof"].as_str().unwrap().is_empty());
    for bad in ["line/0", "gate/x", "pot/all", "00ff", "line/0/nobody", "gate/0/1", "a/b/c/d"] {
        let message = world.get(&format!("/v1/proofs/{bad}")).await.error(400, "key_invalid");
        assert!(message.contains("64 hex digits"), "{message}");
    }
    world.node.set_unproven(true);
    world.get("/v1/proofs/head").await.error(503, "no_certificate");
}

#[tokio::test]
async fn genesis_is_the_document() {
    let world = World::start().await;
    let view = world.json("/v1/genesis").await;
    assert_eq!(view["chain"], hex(world.node.chain.as_ref()));
    assert_eq!(view["genesis"], hex(&commonware_codec::Encode::encode(&world.node.genesis)));
}

#[tokio::test]
async fn supervisors_see_health_readiness_and_figures() {
    let world = World::start().await;
    assert_eq!(world.json("/healthy").await["status"], "ok");
    assert_eq!(world.json("/ready").await["status"], "ready");
    world.node.set_not_ready(Some("catching up: 12 blocks behind"));
    let message = world.get("/ready").await.error(503, "not_ready");
    assert_eq!(message, "catching up: 12 blocks behind");

    let mut events = world.client().events(&[], None);
    let (first, ()) = tokio::join!(events.next(), async {
        // The stream is open once it counts as such.
        while !world.get("/metrics").await.body.contains("gridaccord_event_clients 1") {}
        world.node.fill_gate();
    });
    first.unwrap();
    // The block with the commands has gone through the feed when it arrives here.
    while events.next().await.unwrap().height < 3 {}
    world.node.block(vec![(TENANT, offer(1, 1))]);
    events.next().await.unwrap();
    let metrics = world.get("/metrics").await;
    assert!(metrics.head.contains("application/openmetrics-text; version=1.0.0"));
    for line in [
        "gridaccord_height 4",
        "gridaccord_view 40",
        "gridaccord_peers 3",
        "gridaccord_mempool_commands 0",
        "gridaccord_commands_accepted_total 5",
        "gridaccord_commands_refused_total{rule=\"C4\"} 1",
        "gridaccord_http_requests_total{route=\"/ready\",method=\"GET\",status=\"503\"} 1",
        "gridaccord_finality_seconds_count 3",
    ] {
        assert!(metrics.body.contains(line), "{line} in {}", metrics.body);
    }
}

#[tokio::test]
async fn what_is_not_there_is_answered_in_the_one_shape() {
    let world = World::start().await;
    for path in ["/", "/v1", "/v1/gates", "/v2/status", "/v1/status/", "/../etc/passwd"] {
        world.get(path).await.error(404, "not_found");
    }
    world
        .raw(b"DELETE /v1/status HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .await
        .error(405, "method_not_allowed");
    world.get("/v1/commands").await.error(405, "method_not_allowed");
    let head = world.get("/v1/status").await.head;
    for header in [
        "x-content-type-options: nosniff",
        "cache-control: no-store",
        "content-security-policy: default-src 'none'",
        "x-frame-options: deny",
    ] {
        assert!(head.contains(header), "{header} in {head}");
    }
}

/// Raw bytes of events are the ledger's own encoding.
#[tokio::test]
async fn raw_events_decode_to_the_ledgers() {
    let world = World::start().await;
    world.node.fill_gate();
    world.node.settle_gate();
    let mut kinds = std::collections::BTreeSet::new();
    for height in 1..=world.node.status().height {
        let block = world.json(&format!("/v1/blocks/{height}")).await;
        let found = Port::block(&*world.node, height).await.unwrap();
        let events = &found.outcome.unwrap().events;
        for (event, shown) in events.iter().zip(block["events"].as_array().unwrap()) {
            let raw = shown["raw"].as_str().unwrap();
            assert_eq!(raw, hex(&commonware_codec::Encode::encode(event)));
            kinds.insert(shown["kind"].as_str().unwrap().to_owned());
        }
    }
    let expected = "answer_valid billed closed commits_ended committed decided dispatched drawn needed offered \
                    opened read settled wager_settled wagered";
    assert_eq!(kinds.into_iter().collect::<Vec<_>>().join(" "), expected);
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
