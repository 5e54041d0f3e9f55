//! Studies whose plants start and stop: from a document to files that anybody can check.

use crate::common::solved;
use gridaccord_study::{
    Outcome, Study, certificate, document, explain, files, solve,
    summary::{Dispatch, Headline},
    translate, verify,
};
use serde_json::{Value, json};

/// A plant that may stand still, a peaker, a lake; four hours.
const STUDY: &str = r#"
kind = "horizon"
name = "valley"

[horizon]
start = 2026-06-10T00:00:00Z
interval_s = 3_600
intervals = 4

[[loads]]
name = "halls"
power_w = [30_000, 90_000, 80_000, 20_000]

[[generators]]
name = "plant"
power_min_w = 40_000
power_max_w = 70_000
price_per_kwh = [0.05, 0.05, 0.06, 0.06]
ramp_up_w = 30_000
ramp_down_w = 30_000

[generators.commitment]
start_cost = 1.5
standing_cost_per_h = 0.2
on_min_intervals = 2
start_max_w = 60_000

[[generators]]
name = "peaker"
power_max_w = 100_000
price_per_kwh = 0.2

[[storages]]
name = "lake"
charge_max_w = 0
discharge_max_w = 20_000
capacity_wh = 60_000
initial_wh = 10_000
inflow_w = 5_000
spill_max_w = 5_000
energy_min_wh = [0, 0, 0, 8_000]
"#;

fn study() -> Study {
    document::parse(STUDY, None).unwrap()
}

fn said(study: &Study, text: &str) -> String {
    let translated = translate(study).unwrap();
    let answer = match certificate::read(text, study, &translated) {
        Ok(answer) => answer,
        Err(error) => return error.to_string(),
    };
    match verify(&translated, &answer) {
        Ok(_) => "verified".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_commitment_is_solved_written_and_verified() {
    let study = study();
    assert_eq!(document::parse(&document::write(&study), None).unwrap(), study);
    let (translated, answer) = solved(&study);
    let dispatch = Dispatch::of(&study, &translated, &answer);
    let row = |name: &str| dispatch.rows.iter().find(|row| row.name == name).unwrap();
    let near = |found: &[f64], expected: &[f64]| {
        found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 5.0)
    };
    assert!(
        near(&row("plant").power_w, &[0.0, 60_000.0, 70_000.0, 0.0]),
        "{:?}",
        row("plant").power_w
    );
    // 22 kWh may be given in all, 20 kW at most.
    let given: f64 = row("lake").power_w.iter().sum();
    assert!((given - 22_000.0).abs() < 20.0, "{given}");
    assert!(row("lake").stored_wh[3] >= 7_990.0);
    let text = certificate::write(&study, &translated, &answer.claim());
    assert!(certificate::is_certificate(&text));
    assert_eq!(said(&study, &text), "verified");
    let folder = tempfile::tempdir().unwrap();
    files::write(folder.path(), &study, &translated, &answer).unwrap();
    let summary = std::fs::read_to_string(folder.path().join("summary.json")).unwrap();
    assert!(serde_json::from_str::<Value>(&summary).is_ok());
    let first = explain::interval(&study, &translated, &answer, 0).unwrap();
    assert!(first.text(Some("plant")).unwrap().contains("off: "), "{first:?}");
}

#[test]
fn json_has_nine_fields_and_says_why() {
    let study = study();
    let translated = translate(&study).unwrap();
    let outcome = solve(&study, &translated).unwrap();
    let headline = Headline::of(&study, &translated, &outcome);
    let value = serde_json::to_value(&headline).unwrap();
    let keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected = [
        "status",
        "objective",
        "bound",
        "gap_ppb",
        "gap_reason",
        "solve_ms",
        "check_ms",
        "intervals",
        "resources",
    ];
    expected.sort_unstable();
    let mut sorted = keys;
    sorted.sort_unstable();
    assert_eq!(sorted, expected);
    assert_eq!((&value["status"], &value["intervals"]), (&json!("optimal"), &json!(4)));
    // Too little of everything: not found, and where.
    let short = STUDY.replace("power_max_w = 100_000", "power_max_w = 1_000");
    let study = document::parse(&short, None).unwrap();
    let translated = translate(&study).unwrap();
    let outcome = solve(&study, &translated).unwrap();
    assert!(matches!(outcome, Outcome::Stopped { .. }));
    let headline = Headline::of(&study, &translated, &outcome);
    assert_eq!(headline.status, "stopped");
    assert!(headline.gap_reason.starts_with("not found: interval "), "{}", headline.gap_reason);
    assert!(headline.objective.is_none() && headline.gap_ppb.is_none());
}

#[test]
fn every_tampering_with_a_file_is_refused() {
    let study = study();
    let (translated, answer) = solved(&study);
    let text = certificate::write(&study, &translated, &answer.claim());
    let sound: Value = serde_json::from_str(&text).unwrap();
    let off_by_one = |pointer: &str| json!(sound.pointer(pointer).unwrap().as_i64().unwrap() + 1);
    let powers = [
        "/plants/0/power/1",
        "/generators/0/power/1",
        "/storages/0/discharge/0",
        "/import/2",
        "/storages/0/begin",
    ];
    let mut rows: Vec<(&str, Value)> =
        powers.into_iter().map(|pointer| (pointer, off_by_one(pointer))).collect();
    rows.extend([
        ("/plants/0/on/1", json!(false)),
        ("/plants/0/on/0", json!(true)),
        ("/plants/0/name", json!("x")),
        ("/storages/0/spill/1", json!(-1)),
        ("/branches", json!([])),
        ("/given/ramp/0", json!([])),
        ("/given/price/0", json!(i64::MAX)),
        ("/study", json!("x")),
        ("/intervals", json!(3)),
        ("/quanta/money_exponent", json!(1)),
        ("/format", json!("gridaccord-horizon-1")),
    ]);
    for (pointer, value) in rows {
        let mut tampered = sound.clone();
        *tampered.pointer_mut(pointer).unwrap() = value;
        assert_ne!(said(&study, &tampered.to_string()), "verified", "{pointer}");
    }
    let mut more = sound.clone();
    more.as_object_mut().unwrap().insert("more".to_owned(), json!(1));
    assert!(said(&study, &more.to_string()).contains("unknown field `more`"));
}
