//! What users type, and what they get.

use crate::run::{alone, assert_refuses, gridaccord, text};
use serde_json::Value;
use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt as _, path::Path};

const DECENTRALIZED: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios/decentralized-dispatch.toml");
const WHITE_PAPER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios/white-paper.toml");

fn demo(args: &[&str]) -> Value {
    let _alone = alone();
    let output = gridaccord(&[&["demo", "--json"], args].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn micro(value: &Value, field: &str) -> i64 {
    value[field].as_i64().unwrap()
}

/// Paid − charged + others + fees + losses + remainder.
fn money(settlement: &Value) -> i64 {
    let sum = |part: &str, field: &str| -> i64 {
        settlement[part].as_object().unwrap().values().map(|entry| micro(entry, field)).sum()
    };
    sum("suppliers", "paid_micro") - micro(&settlement["tenants"], "charged_micro")
        + sum("others", "net_micro")
        + micro(settlement, "fees_micro")
        + micro(settlement, "losses_micro")
        + micro(settlement, "remainder_micro")
}

#[test]
fn a_short_month_runs_repeats_and_verifies() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let data = data.to_str().unwrap();
    let first = demo(&["--intervals", "2", "--data-dir", data]);
    let again = demo(&["--intervals", "2"]);

    assert_eq!(first["validators"], 7);
    assert_eq!(first["light_check"]["verified"], true);
    assert_eq!(money(&first["settlement"]), 0);
    assert_eq!(
        first["settlement"], again["settlement"],
        "dispatch and settlement follow from the seed"
    );
    for (one, other) in
        first["gates"].as_array().unwrap().iter().zip(again["gates"].as_array().unwrap())
    {
        assert_eq!(one["state"], "settled");
        assert_eq!(one["set_points_w"], other["set_points_w"]);
        let powers = ["solar", "wind", "geothermal", "biodiesel"]
            .map(|name| micro(&one["set_points_w"], name));
        assert_eq!(powers, [310, 300, 151, 149]);
    }

    let verified = gridaccord(&["ledger", "verify", "--data-dir", data]);
    assert!(verified.status.success(), "{}{}", text(&verified.stdout), text(&verified.stderr));
    assert_eq!(text(&verified.stdout).matches("blocks and").count(), 7);
    assert_refuses(&["demo", "--data-dir", data], "already holds a chain");
}

#[test]
fn a_lost_supplier_is_redispatched() {
    let report = demo(&["--scenario", DECENTRALIZED, "--intervals", "8"]);
    let lost = &report["redispatch"][0];
    assert_eq!(lost["lost"], "g1");
    assert!(micro(&lost["before_w"], "g1") > 0);
    assert_eq!(micro(&lost["after_w"], "g1"), 0);
    let sum = |plan: &Value| -> i64 {
        let plan = plan.as_object().unwrap();
        plan.iter()
            .filter(|(name, _)| name.starts_with('g'))
            .map(|(_, power)| power.as_i64().unwrap())
            .sum()
    };
    assert!(sum(&lost["after_w"]) < sum(&lost["before_w"]));
    assert!(micro(&lost["after_w"], "utility") > micro(&lost["before_w"], "utility"));
    assert_eq!(money(&report["settlement"]), 0);
}

#[test]
fn bad_input_gets_one_clear_line() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let scenario = at("bad.toml");
    let text = fs::read_to_string(WHITE_PAPER)
        .unwrap()
        .replace("power_max_w = 310", "power_max_kilowatt = 310");
    fs::write(&scenario, text).unwrap();
    assert_refuses(&["demo", "--scenario", &scenario], "power_max_kilowatt");
    assert_refuses(&["solve", &scenario], "power_max_w");
    assert_refuses(&["demo", "--scenario", &at("none.toml")], "cannot read scenario");
    assert_refuses(&["demo", "--intervals", "26"], "has 1 to 25");
    assert_refuses(&["demo", "--intervals", "0"], "has 1 to 25");
    assert_refuses(&["ledger", "verify", "--data-dir", &at("none")], "holds no chain");
    assert_refuses(&["sim", "run", "--weather", "rain"], "one of happy");
    assert_refuses(&["status", "--api", "http://127.0.0.1:1"], "cannot reach the node");
    assert_refuses(&["status", "--api", "ftp://nowhere"], "http://host:port");
}

#[test]
fn bad_key_files_say_what_is_wrong_and_nothing_secret() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key.toml");
    let shown = path.to_str().unwrap().to_owned();
    let submit = |part: &str| {
        assert_refuses(
            &[
                "wager",
                "submit",
                "--key",
                &shown,
                "--gate",
                "0",
                "--tokens",
                "5",
                "--api",
                "http://127.0.0.1:1",
            ],
            part,
        );
    };
    submit("cannot read");
    let secret = "ab".repeat(16);
    let write = |text: &str, mode| {
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let whole = format!("version = 1\nkind = \"member-key\"\nsecret_hex = \"{secret}\"\n");
    write(&whole, 0o644);
    submit(&format!("(mode 0644): chmod 600 {shown}"));
    write(&whole, 0o600);
    submit("a key has 32 bytes");
    write(&whole.replace("secret_hex", "secret"), 0o600);
    submit("line 3 is not what such a file has there");
    let output = gridaccord(&["wager", "submit", "--key", &shown, "--gate", "0", "--tokens", "5"]);
    assert!(!text(&output.stderr).contains(&secret));
    assert_refuses(
        &["wager", "submit", "--gate", "0", "--tokens", "5"],
        "no member-key: name its file, or set GRIDACCORD_MEMBER_KEY",
    );
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let _alone = alone();
    assert_refuses(&["demo", "--intervals", "1", "--api-port", &port], "is in use");
}

#[test]
fn a_genesis_that_is_none_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("genesis.bin"), b"not a genesis").unwrap();
    assert_refuses(
        &["ledger", "verify", "--data-dir", directory.path().to_str().unwrap()],
        "is no genesis document",
    );
}

#[test]
fn completions_cover_every_command() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = gridaccord(&["completions", shell]);
        assert!(output.status.success());
        assert!(text(&output.stdout).contains("demo"), "{shell}");
    }
}

#[test]
fn solving_and_checking_agree() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().to_str().unwrap();
    let solved = gridaccord(&["solve", WHITE_PAPER, "--out", out]);
    assert!(solved.status.success(), "{}", text(&solved.stderr));
    let solution = directory.path().join("solution.json");
    assert!(Path::new(&solution).exists());
    let checked = gridaccord(&["check", WHITE_PAPER, solution.to_str().unwrap()]);
    assert!(checked.status.success(), "{}{}", text(&checked.stdout), text(&checked.stderr));
    let tampered = fs::read_to_string(&solution).unwrap().replacen("310", "311", 1);
    fs::write(&solution, tampered).unwrap();
    assert!(!gridaccord(&["check", WHITE_PAPER, solution.to_str().unwrap()]).status.success());
}

#[test]
fn a_market_of_horizons_is_solved_and_checked_whole() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().to_str().unwrap();
    let solved = gridaccord(&["solve", DECENTRALIZED, "--out", out]);
    assert!(solved.status.success(), "{}", text(&solved.stderr));
    assert!(text(&solved.stdout).contains("| battery"), "{}", text(&solved.stdout));
    for name in ["dispatch.csv", "prices.csv", "summary.json", "report.html"] {
        assert!(directory.path().join(name).is_file(), "{name}");
    }
    let certificate = directory.path().join("certificate.json");
    let certificate = certificate.to_str().unwrap();
    let checked = gridaccord(&["check", DECENTRALIZED, certificate]);
    assert!(checked.status.success(), "{}{}", text(&checked.stdout), text(&checked.stderr));
    assert!(text(&checked.stdout).starts_with("verified: a horizon of 288 intervals, cost "));
    let explained = gridaccord(&["explain", DECENTRALIZED, "--interval", "152"]);
    assert!(explained.status.success(), "{}", text(&explained.stderr));
    assert_refuses(&["solve", DECENTRALIZED, "--interval", "0"], "a horizon is solved whole");
}

#[test]
fn a_pypsa_folder_goes_all_the_way() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../study/tests/fixtures/campus-day");
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (out, study) = (at("out"), at("campus.toml"));
    let solved = gridaccord(&["solve", "--pypsa", folder, "--out", &out]);
    assert!(solved.status.success(), "{}", text(&solved.stderr));
    for name in ["dispatch.csv", "prices.csv", "summary.json", "certificate.json", "report.html"] {
        assert!(directory.path().join("out").join(name).is_file(), "{name}");
    }
    let converted = gridaccord(&["convert", folder, "--out", &study]);
    assert!(converted.status.success(), "{}", text(&converted.stderr));
    assert_refuses(&["convert", folder, "--out", &study], "is there already");
    // Solved from the folder, verified against folder and document.
    let certificate = at("out/certificate.json");
    for args in [
        vec!["check", "--pypsa", folder, &certificate],
        vec!["check", folder, &certificate],
        vec!["check", &study, &certificate],
    ] {
        let checked = gridaccord(&args);
        assert!(checked.status.success(), "{args:?}: {}", text(&checked.stderr));
        assert!(
            text(&checked.stdout).starts_with("verified: a horizon of 24 intervals, cost 1153.238")
        );
    }
    let tampered =
        fs::read_to_string(&certificate).unwrap().replacen("\"power\":[", "\"power\":[1,", 1);
    fs::write(&certificate, tampered).unwrap();
    assert_refuses(&["check", folder, &certificate], "rule K1");
    assert_refuses(&["check", &certificate], "give a scenario and a solution");
    let explained = gridaccord(&["explain", &study, "--interval", "18"]);
    assert!(text(&explained.stdout).contains("set by `battery`"), "{}", text(&explained.stdout));
    assert_refuses(&["explain", &study, "--resource", "nobody"], "no resource is called `nobody`");
    assert_refuses(&["solve", "--pypsa", &at("none")], "is refused: cannot read");
    assert_refuses(&["solve", WHITE_PAPER, "--pypsa", folder], "give one");
}

#[test]
fn where_there_is_no_dispatch_json_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("short.toml");
    let path = path.to_str().unwrap();
    let market = fs::read_to_string(WHITE_PAPER)
        .unwrap()
        .replace("import_max_w = 2_000", "import_max_w = 10")
        .replace("power_max_w = 400", "power_max_w = 50");
    let study = "kind = \"horizon\"\nname = \"short\"\n[horizon]\ninterval_s = 300\nintervals = 2\n\
                 [[loads]]\nname = \"halls\"\npower_w = 900\n\
                 [[generators]]\nname = \"sun\"\npower_max_w = [900, 400]\nprice_per_kwh = 0.1\n";
    for text_of in [market.as_str(), study] {
        fs::write(path, text_of).unwrap();
        let output = gridaccord(&["solve", path, "--json"]);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
        let value: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&value["status"], &value["objective"]), (&"infeasible".into(), &Value::Null));
        assert!(value["gap_reason"].as_str().is_some_and(|reason| reason.contains("interval ")));
        assert_refuses(&["solve", path], "interval ");
    }
}
