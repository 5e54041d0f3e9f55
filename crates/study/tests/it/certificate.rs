//! The certificate file: whoever has study and file can check, and nobody can cheat.

use crate::common::{SMALL, imported, solved};
use gridaccord_study::{Study, certificate, document, translate, verify};
use serde_json::{Value, json};

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
fn a_written_answer_is_verified_from_files_alone() {
    for name in ["campus-day", "capped", "cyclic", "tariff"] {
        let study = imported(name);
        let (translated, answer) = solved(&study);
        let text = certificate::write(&study, &translated, &answer.claim());
        assert!(certificate::is_certificate(&text));
        assert_eq!(certificate::read(&text, &study, &translated).unwrap(), answer.claim());
        assert_eq!(said(&study, &text), "verified", "{name}");
        // The document made of the folder is the same study.
        let again = document::parse(&document::write(&study), None).unwrap();
        assert_eq!(said(&again, &text), "verified", "{name}");
    }
}

#[test]
fn every_tampering_is_refused() {
    let study = document::parse(SMALL, None).unwrap();
    let (translated, answer) = solved(&study);
    let sound: Value =
        serde_json::from_str(&certificate::write(&study, &translated, &answer.claim())).unwrap();
    let rows: [(&str, Value, &str); 9] = [
        (
            "/generators/0/power/1",
            json!(1_001),
            "rule K3: generator 0 is outside its bounds in interval 1",
        ),
        (
            "/generators/0/power/1",
            json!(999),
            "rule K7: supply exceeds demand by -1 W in interval 1",
        ),
        ("/price/0", json!(0), "rule K10: the price of interval 0 is not the lowest that clears"),
        (
            "/generators/0/power",
            json!([900]),
            "rule K1: the generators have another shape than the problem",
        ),
        (
            "/generators/0/name",
            json!("x"),
            "its generators are not those of the study: (\"x\", 0) where (\"base\", 0) stands",
        ),
        ("/study", json!("x"), "it solves `x`, not `small`"),
        ("/intervals", json!(3), "it has 3 intervals, the study 2"),
        ("/quanta/power_exponent", json!(1), "its quanta are not those of the study"),
        ("/format", json!("x"), "format is `x`, this program reads `gridaccord-horizon-1`"),
    ];
    for (pointer, value, expected) in rows {
        let mut tampered = sound.clone();
        *tampered.pointer_mut(pointer).unwrap() = value;
        assert_eq!(said(&study, &tampered.to_string()), expected);
    }
    assert!(said(&study, "{}").starts_with("not a certificate file: missing field `format`"));
}

#[test]
fn a_free_first_interval_has_no_multiplier() {
    let study = imported("campus-day");
    let (translated, answer) = solved(&study);
    let mut cheating = answer.claim();
    cheating.exact.certificate.ramp[1][0] = 1;
    let error = verify(&translated, &cheating).unwrap_err().to_string();
    assert_eq!(
        error,
        "generator 1 has a multiplier on a ramp into the first interval, which is free"
    );
}

#[test]
fn a_cycles_energy_cannot_be_invented() {
    let study = imported("cyclic");
    let (translated, answer) = solved(&study);
    let sound: Value =
        serde_json::from_str(&certificate::write(&study, &translated, &answer.claim())).unwrap();
    let tampered = |pointer: &str, value: Value| {
        let mut tampered = sound.clone();
        *tampered.pointer_mut(pointer).unwrap() = value;
        said(&study, &tampered.to_string())
    };
    let begin = sound["storages"][0]["cycle"].as_i64().unwrap();
    assert!(begin >= 0);
    // It would end below where it began.
    let more = tampered("/storages/0/cycle", json!(begin + 50_000_000_000i64));
    assert!(more.starts_with("rule K6: storage 0 holds "), "{more}");
    assert_eq!(
        tampered("/storages/0/cycle", Value::Null),
        "its cyclic storages are not those of the study: 1 where 0 stands"
    );
    // Valuing what it begins with above what it ends with proves nothing: the bound falls as far.
    let mut claimed = answer.claim();
    claimed.exact.certificate.energy[0][0] += 1_000_000;
    if let Ok((_, verified)) = verify(&translated, &claimed) {
        assert!(verified.bound <= answer.verified.cost);
    }
}
