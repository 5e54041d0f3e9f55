//! The OpenAPI document is a promise: it changes on purpose or not at all.
//!
//! `GRIDACCORD_UPDATE_GOLDEN=1 cargo test -p gridaccord-api openapi` writes it anew.

use super::common::*;
use serde_json::Value;
use std::{collections::BTreeSet, fs, path::Path};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/openapi.json");

#[test]
fn the_document_is_the_golden_one() {
    let document = serde_json::to_string_pretty(&gridaccord_api::openapi()).unwrap() + "\n";
    if std::env::var_os("GRIDACCORD_UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(Path::new(GOLDEN).parent().unwrap()).unwrap();
        fs::write(GOLDEN, &document).unwrap();
    }
    let golden = fs::read_to_string(GOLDEN).unwrap();
    assert!(
        golden == document,
        "the interface differs from tests/golden/openapi.json: if that is meant, run this test with \
         GRIDACCORD_UPDATE_GOLDEN=1 and review the difference"
    );
}

#[tokio::test]
async fn the_node_serves_it_and_every_reference_resolves() {
    let world = World::start().await;
    let served = world.json("/v1/openapi.json").await;
    assert_eq!(served, serde_json::to_value(gridaccord_api::openapi()).unwrap());
    let paths: Vec<&str> =
        served["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [
        "/healthy",
        "/metrics",
        "/ready",
        "/v1/blocks/{height}",
        "/v1/commands",
        "/v1/events",
        "/v1/gates/{gate}",
        "/v1/genesis",
        "/v1/members/{member}",
        "/v1/proofs/{key}",
        "/v1/status",
    ];
    assert_eq!(paths, expected);
    let mut references = BTreeSet::new();
    collect(&served, &mut references);
    assert!(references.len() > 20);
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(served.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

fn collect(value: &Value, references: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get("$ref") {
                references.insert(reference.clone());
            }
            fields.values().for_each(|field| collect(field, references));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        _ => {}
    }
}
