//! Four strangers come to one signed genesis by hand, and carry a node to another machine.

use crate::run::{assert_refuses, gridaccord, text};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const DECENTRALIZED: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios/decentralized-dispatch.toml");
const PASSPHRASE: &str = "correct horse battery";

/// Runs the program with a passphrase in its environment and gives back what it prints.
fn with_passphrase(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_gridaccord"))
        .args(args)
        .env("GRIDACCORD_PASSPHRASE", PASSPHRASE)
        .output()
        .unwrap();
    assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

fn path(parts: PathBuf) -> String {
    parts.to_str().unwrap().to_owned()
}

/// Four members with keys of their own, and a genesis file that admits them.
fn agree(directory: &Path) -> String {
    let genesis = path(directory.join("genesis.toml"));
    let proposed =
        ["genesis", "new", "--out", &genesis, "--scenario", DECENTRALIZED, "--speed", "60"];
    assert!(with_passphrase(&proposed).contains("cards to add: g1, g2, g3, g4"));
    for (name, number) in ["g1", "g2", "g3", "g4"].iter().zip(1..) {
        let home = path(directory.join(name));
        let address = format!("127.0.0.1:{}", 7_600 + number);
        let made = with_passphrase(&[
            "keys",
            "new",
            "--name",
            name,
            "--dir",
            &home,
            "--address",
            &address,
        ]);
        assert!(made.contains("node's public key"), "{made}");
        let card = path(directory.join(name).join(format!("{name}.card.toml")));
        let added = with_passphrase(&["genesis", "add", &genesis, &card]);
        assert!(added.starts_with(&format!("{name} and its validator admitted")), "{added}");
    }
    genesis
}

#[test]
fn four_strangers_sign_one_document() {
    let directory = tempfile::tempdir().unwrap();
    let genesis = agree(directory.path());
    let refused = gridaccord(&["genesis", "check", &genesis]);
    assert!(!refused.status.success());
    assert!(
        text(&refused.stdout).contains("not signed by g1, g2, g3, g4"),
        "{}",
        text(&refused.stdout)
    );

    let key = |name: &str| path(directory.path().join(name).join("member.key.toml"));
    let mut chains = Vec::new();
    for name in ["g1", "g2", "g3", "g4"] {
        let signed = with_passphrase(&["genesis", "sign", &genesis, "--key", &key(name)]);
        chains.push(signed.lines().next().unwrap().rsplit_once(' ').unwrap().1.to_owned());
    }
    chains.dedup();
    assert_eq!(chains.len(), 1, "all sign one chain");
    let checked = with_passphrase(&["genesis", "check", &genesis]);
    for part in [
        chains[0].as_str(),
        "4 members, 4 validators: stands with up to 1",
        "complete: start a node",
    ] {
        assert!(checked.contains(part), "{checked}\nshould say {part:?}");
    }

    let shown = text(&gridaccord(&["keys", "show", &key("g1")]).stdout);
    assert!(shown.starts_with("member-key of g1, sealed by a passphrase"), "{shown}");
    let card = path(directory.path().join("g1/g1.card.toml"));
    let shown = text(&gridaccord(&["keys", "show", &card]).stdout);
    assert!(shown.starts_with("card of g1, its signatures hold"), "{shown}");

    // What was signed cannot be changed behind anybody's back.
    let changed =
        fs::read_to_string(&genesis).unwrap().replace("interval_s = 300", "interval_s = 299");
    fs::write(&genesis, changed).unwrap();
    assert_refuses(&["genesis", "check", &genesis], "the signature of g1 does not hold");
}

#[test]
fn mistakes_get_one_clear_line() {
    let directory = tempfile::tempdir().unwrap();
    let genesis = agree(directory.path());
    let home = path(directory.path().join("g1"));
    let card = path(directory.path().join("g1/g1.card.toml"));
    let node_key = path(directory.path().join("g1/node.key.toml"));
    let member_key = path(directory.path().join("g1/member.key.toml"));
    for (args, part) in [
        (vec!["keys", "new", "--name", "g1", "--dir", &home], "keys are never overwritten"),
        (
            vec!["keys", "new", "--name", "G 1", "--dir", &home],
            "a member's name has 1 to 32 characters",
        ),
        (
            vec!["keys", "new", "--name", "x", "--dir", &home, "--address", "here"],
            "an address is host:port",
        ),
        (vec!["genesis", "add", &genesis, &card], "the name of g1 is in the document already"),
        (
            vec!["genesis", "add", &genesis, &card, "--role", "boss"],
            "one of supplier, storage, campus",
        ),
        (vec!["genesis", "add", &genesis, &card, "--deposit", "1.2345678"], "at most six decimals"),
        (
            vec!["genesis", "sign", &genesis, "--key", &node_key],
            "holds a node-key, a member-key is needed here",
        ),
        (vec!["genesis", "sign", &genesis], "set GRIDACCORD_MEMBER_KEY"),
        (
            vec!["genesis", "new", "--out", &genesis, "--scenario", DECENTRALIZED],
            "exists already and is not overwritten",
        ),
        (
            vec![
                "genesis",
                "new",
                "--out",
                "x",
                "--scenario",
                DECENTRALIZED,
                "--starts-in",
                "3 days",
            ],
            "is not a time such as 90s",
        ),
        (vec!["keys", "show", &genesis], "cards end in .card.toml"),
    ] {
        assert_refuses(&args, part);
    }
    let output = Command::new(env!("CARGO_BIN_EXE_gridaccord"))
        .args(["genesis", "sign", &genesis, "--key", &member_key])
        .env("GRIDACCORD_PASSPHRASE", "not the right one")
        .output()
        .unwrap();
    assert!(
        text(&output.stderr).contains("the passphrase does not open"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_backup_comes_back_without_votes() {
    let directory = tempfile::tempdir().unwrap();
    let home = path(directory.path().join("node"));
    let made = gridaccord(&["keys", "new", "--name", "solar", "--dir", &home, "--unencrypted"]);
    assert!(text(&made.stderr).contains("warning: the keys have no passphrase"));
    let config = path(directory.path().join("node/node.toml"));
    let out = path(directory.path().join("solar.tar"));
    let to = path(directory.path().join("restored"));
    let backed = gridaccord(&["backup", "--config", &config, "--out", &out]);
    assert!(backed.status.success(), "{}", text(&backed.stderr));
    assert!(text(&backed.stdout).contains("not in it: the consensus store"));
    assert!(text(&backed.stderr).contains("warning: node.key.toml has no passphrase"));
    let restored = gridaccord(&["restore", "--from", &out, "--dir", &to]);
    assert!(restored.status.success(), "{}", text(&restored.stderr));
    let keys = |home: &str| fs::read_to_string(Path::new(home).join("member.key.toml")).unwrap();
    assert_eq!(keys(&to), keys(&home));
    let node_key = path(directory.path().join("restored/node.key.toml"));
    assert!(
        text(&gridaccord(&["keys", "show", &node_key]).stdout)
            .contains("keeps it from voting twice")
    );
    assert_refuses(&["restore", "--from", &out, "--dir", &to], "is not empty");
    assert_refuses(&["restore", "--from", &config, "--dir", "x"], "is no backup, or damaged");
}
