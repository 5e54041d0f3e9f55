//! A node without a vote, as a process beside four validators: it joins late, proves what it has, dies and comes back.

use crate::{
    nodes::{FOUR, Four, path},
    run::{alone, assert_refuses, gridaccord, text},
};
use std::fs;

#[test]
fn a_follower_joins_late_and_serves() {
    let _alone = alone();
    let mut four = Four::started(&["auditor", "stranger"]);
    let group = fs::read(four.data("wind").join("group.pub")).unwrap();

    // Without the group's key it is told what it lacks; with another chain's, which one it has.
    let config = four.config_file("auditor");
    let run = ["run", "--config", config.as_str()];
    assert_refuses(&run, "data/group.pub");
    let mut other = text(&group);
    let at = other.find("chain_hex = \"").unwrap() + 13;
    let digit = if &other[at..=at] == "0" { "1" } else { "0" };
    other.replace_range(at..=at, digit);
    fs::write(four.directory("auditor").join("group.pub"), other).unwrap();
    assert_refuses(&run, "is for another chain than the genesis file");

    // It comes late and copies.
    fs::write(four.directory("auditor").join("group.pub"), &group).unwrap();
    four.until_height("wind", 12);
    four.start("auditor");
    let height = four.height("wind").unwrap();
    four.until_height("auditor", height + 2);
    assert!(four.log("auditor").contains("copying the state"), "{}", four.log("auditor"));
    assert!(four.log("auditor").contains("auditor follows at height"), "{}", four.log("auditor"));
    let own = four.height("auditor").unwrap();
    four.until_height("utility", own);
    let digest = four.digest("utility", own);
    assert!(digest.is_some() && digest == four.digest("auditor", own), "it is on their chain");
    assert!(four.get("auditor", "/v1/blocks/2").is_none(), "it never had the first blocks");

    // It says what it is, and proves what it has.
    let url = format!("http://{}", four.api("auditor").unwrap());
    let status = text(&gridaccord(&["status", "--api", &url]).stdout);
    assert!(status.contains("it follows: it has all state and no vote"), "{status}");
    assert!(status.contains("4 of 4 validators connected"), "{status}");
    let trusted = path(four.data("wind").join("group.pub"));
    let light = ["light", "--group-key", &trusted, "--api", &url, "show", "account/campus"];
    let proven = gridaccord(&light);
    assert!(proven.status.success(), "{}", text(&proven.stderr));
    let offer = ["offer", "submit", "--gate", "90", "--power-max-w", "5"];
    let key = path(four.directory("wind").join("member.key.toml"));
    let offer =
        [&offer[..], &["--price-micro-per-kwh", "9", "--key", &key, "--api", &url]].concat();
    // A gate that is not open: refused by the ledger, in a block. The member's own agent may take a nonce before.
    four.until("a command gets through the follower", || {
        let said = text(&gridaccord(&offer).stderr);
        said.contains("refused by rule C5").then_some(())
    });

    // It dies and comes back; it holds no votes, no secrets and no leave to sign.
    four.stop("auditor");
    let height = four.height("wind").unwrap();
    four.until_height("wind", height + 3);
    four.start("auditor");
    four.until_height("auditor", height + 4);
    assert!(!four.log("auditor").contains("copying"), "once is enough: {}", four.log("auditor"));
    let kept = |name: &str| four.data("auditor").join(name).exists();
    assert!(!kept("secrets") && !kept("auditor-simplex"));
    assert!(!four.directory("auditor").join("node.key.toml.signing").exists());
    assert!(FOUR.iter().all(|name| four.data(name).join(format!("{name}-simplex")).exists()));
}

#[test]
fn who_is_not_listed_is_not_connected_and_a_lost_validator_follows() {
    let _alone = alone();
    let mut four = Four::started(&["auditor"]);
    let group = fs::read(four.data("wind").join("group.pub")).unwrap();

    // Another key than the one that is listed.
    for name in ["node.key.toml", "node.toml"] {
        fs::remove_file(four.directory("auditor").join(name)).unwrap();
    }
    let home = path(four.directory("auditor"));
    let new = ["keys", "new", "--unencrypted", "--follower", "--name", "auditor", "--dir", &home];
    let made =
        gridaccord(&[&new[..], &["--address", "127.0.0.1:1", "--api", "127.0.0.1:0"]].concat());
    assert!(made.status.success(), "{}", text(&made.stderr));
    four.edit("auditor", "listen = \"0.0.0.0:1\"", "listen = \"127.0.0.1:0\"");
    fs::write(four.directory("auditor").join("group.pub"), &group).unwrap();
    four.start("auditor");

    // Meanwhile a validator loses its store: it may not vote, but it may follow.
    four.stop("utility");
    fs::remove_dir_all(four.data("utility")).unwrap();
    let config = four.config_file("utility");
    assert_refuses(&["run", "--config", &config], "add a section [follow] to its configuration");
    fs::write(four.directory("utility").join("group.pub"), &group).unwrap();
    four.edit("utility", "[followers]\n", "[gone]\n");
    let text_of = fs::read_to_string(&config).unwrap();
    let start = text_of.find("[gone]").unwrap();
    let end = text_of.find("[founding]").unwrap();
    fs::write(&config, format!("{}[follow]\n\n{}", &text_of[..start], &text_of[end..])).unwrap();
    four.start("utility");
    let height = four.height("wind").unwrap();
    four.until_height("utility", height + 4);
    assert_eq!(four.get("utility", "/v1/status").unwrap()["follows"], true);
    assert!(!four.data("utility").join("utility-simplex").exists());

    // Its vote does not come back with its blocks.
    four.stop("utility");
    let text_of = fs::read_to_string(&config).unwrap();
    fs::write(&config, text_of.replacen("[follow]\n", "", 1)).unwrap();
    assert_refuses(&["run", "--config", &config], "its consensus store is gone");
    assert!(four.ended("auditor").is_none());
    let log = four.log("auditor");
    assert!(log.contains("waiting to hear") && !log.contains("follows at"), "{log}");
}
