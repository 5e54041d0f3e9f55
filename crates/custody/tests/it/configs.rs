//! `node.toml`: defaults, paths, round trips of the template, and messages that show the place.

use super::common::{address, name};
use commonware_cryptography::{Signer as _, ed25519};
use gridaccord_custody::{
    Config,
    config::{self, Follow, FollowStart, Follower},
};
use std::{
    fs,
    path::{Path, PathBuf},
};

const LEAST: &str = "name = \"solar\"\ndata_dir = \"data\"\ngenesis = \"genesis.toml\"\nlisten = \"0.0.0.0:7600\"\n";

#[test]
fn what_is_left_out_has_its_default_and_paths_follow_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("node.toml");
    fs::write(&path, LEAST).unwrap();
    let read = Config::read(&path).unwrap();
    assert_eq!(read.data_dir, directory.path().join("data"));
    assert_eq!(read.genesis, directory.path().join("genesis.toml"));
    assert_eq!((read.member_key, read.node_key), (None, None));
    assert_eq!(read.api.listen.to_string(), "127.0.0.1:8600");
    assert_eq!(read.disk.free_min_mb, 512);
    assert_eq!((read.agent.scenario, read.agent.seed), (None, 1));
    assert!(read.peers.is_empty());
    let other =
        Config::parse(&format!("{LEAST}[agent]\nscenario = \"/x.toml\"\n"), directory.path())
            .unwrap();
    assert_eq!((other.agent.scenario, other.agent.seed), (Some(PathBuf::from("/x.toml")), 1));
}

#[test]
fn the_template_says_what_it_was_given() {
    let here = Path::new("/srv/node");
    let mut config = Config::new(here, name("solar"), 7_600, false);
    assert_eq!(Config::parse(&config.text(here), here).unwrap(), config);
    assert_eq!(config.listen.to_string(), "0.0.0.0:7600");
    config.peers.insert(name("7"), address("[::1]:80"));
    config.peers.insert(name("a-b"), address("h:1"));
    config.agent.scenario = Some(PathBuf::from("/elsewhere/a \"b\"\\.toml"));
    config.agent.seed = 9;
    config.api.listen = "[::1]:1".parse().unwrap();
    config.disk.free_min_mb = 1;
    config.member_key = None;
    config.founding.refuse_revealed = true;
    let key = ed25519::PrivateKey::from_seed(1).public_key();
    config.followers.insert(name("auditor"), Follower { key, address: address("h:2") });
    let text = config.text(here);
    assert_eq!(Config::parse(&text, here).unwrap(), config);
    assert!(
        text.contains("data_dir = \"data\"\n") && text.contains("# member_key = \"FILE\""),
        "{text}"
    );
    let commented = text.lines().filter(|line| line.starts_with('#')).count();
    assert!(commented > 11, "every key has its comment");
    config.followers.clear();
    config.founding = config::Founding::default();
    let group = PathBuf::from("/srv/node/group.pub");
    config.follow = Some(Follow { group, start: FollowStart::Genesis });
    let text = config.text(here);
    assert!(text.contains("group = \"group.pub\"") && !text.contains("[followers]"), "{text}");
    assert_eq!(Config::parse(&text, here).unwrap(), config);
    let least = format!("{LEAST}[follow]\n");
    let follow = Config::parse(&least, here).unwrap().follow.unwrap();
    assert_eq!((follow.group, follow.start), (here.join("group.pub"), FollowStart::Recent));
}

fn too_many_followers() -> String {
    let mut text = format!("{LEAST}[followers]\n");
    for number in 10..27 {
        let key = ed25519::PrivateKey::from_seed(number).public_key();
        let key = gridaccord_custody::hex::encode(key.as_ref());
        text.push_str(&format!("f{number} = {{ key_hex = \"{key}\", address = \"h:1\" }}\n"));
    }
    text
}

#[test]
fn mistakes_are_shown_in_their_place() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("node.toml");
    for (text, expected) in [
        (
            LEAST.replace("data_dir", "datadir"),
            vec!["line 2, column 1", "unknown field `datadir`", "^^^^^^^", "`data_dir`"],
        ),
        (
            LEAST.replace("\"solar\"", "\"Solar\""),
            vec!["line 1", "^^^^^^^", "a member's name has 1 to 32 characters"],
        ),
        (
            LEAST.replace("0.0.0.0:7600", "everywhere"),
            vec!["line 4", "^^^", "invalid socket address syntax"],
        ),
        (LEAST.replace("listen", "# listen"), vec!["missing field `listen`"]),
        (
            format!("{LEAST}[peers]\nwind = \"10.0.0.2\"\n"),
            vec!["line 6", "an address is host:port"],
        ),
        (
            format!("{LEAST}[peers]\nWIND = \"10.0.0.2:1\"\n"),
            vec!["a member's name has 1 to 32 characters"],
        ),
        (format!("{LEAST}[disk]\nfree_min_mb = -1\n"), vec!["line 6", "free_min_mb = -1"]),
        (
            format!("{LEAST}[disk]\nfree_min = 1\n"),
            vec!["unknown field `free_min`, expected `free_min_mb`"],
        ),
        (format!("{LEAST}[api]\nport = 1\n"), vec!["unknown field `port`"]),
        (
            format!("{LEAST}[follow]\nstart = \"now\"\n"),
            vec!["line 6", "unknown variant `now`, expected `recent` or `genesis`"],
        ),
        (
            format!("{LEAST}[followers]\na = {{ key_hex = \"ab\", address = \"h:1\" }}\n"),
            vec!["line 6", "a key has 64 hexadecimal digits"],
        ),
        (format!("{LEAST}[followers]\na = {{ address = \"h:1\" }}\n"), vec!["`key_hex`"]),
        (too_many_followers(), vec!["17 followers, a validator has at most 16"]),
        (
            too_many_followers().lines().take(6).chain(["[follow]"]).collect::<Vec<_>>().join("\n"),
            vec!["[follow] and [followers] exclude each other"],
        ),
        (format!("{LEAST}[agent]\nseed = \"x\"\n"), vec!["line 6", "invalid type: string"]),
        (format!("{LEAST}name = \"x\"\n"), vec!["line 5", "duplicate key"]),
    ] {
        fs::write(&path, &text).unwrap();
        let message = Config::read(&path).unwrap_err().to_string();
        assert!(message.contains("node.toml is refused: "), "{message}");
        for part in expected {
            assert!(message.contains(part), "{message}\nshould say {part:?}");
        }
    }
    assert!(
        Config::read(&directory.path().join("none"))
            .unwrap_err()
            .to_string()
            .starts_with("cannot read")
    );
    fs::write(&path, "#".repeat(2_000_000)).unwrap();
    assert!(Config::read(&path).unwrap_err().to_string().ends_with(&format!(
        "is larger than {} bytes, the most such a file has",
        config::TEXT_MAX
    )));
}
