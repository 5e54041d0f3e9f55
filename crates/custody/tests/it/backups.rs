//! Backups: what is in them, what never is, and archives made to do harm.

use super::common::{Around, key, listing, mode, name, passphrase, signed};
use commonware_codec::Encode as _;
use commonware_cryptography::Signer as _;
use gridaccord_custody::{
    Config, Marker, Passphrases, Protection, Vault, backup,
    file::{self, Audience},
    keys::{self, KeyUse},
    secret::Cost,
};
use proptest::prelude::*;
use std::{fs, path::Path};

const OPENS: &str = "correct horse battery";

/// A node as it stands after `keys new` and a first start, its files in places of their own.
fn node(directory: &Path, started: bool) -> Config {
    let mut config = Config::new(directory, name("g1"), 7_600, false);
    config.data_dir = directory.join("state/of/chain");
    config.member_key = Some(directory.join("keys/me.toml"));
    config.node_key = Some(directory.join("keys/node.toml"));
    config.agent.scenario = Some(directory.join("day.toml"));
    fs::create_dir_all(&config.data_dir).unwrap();
    fs::create_dir_all(directory.join("keys")).unwrap();
    let pass = passphrase(OPENS);
    let sealed = Protection::Sealed(&pass, Cost::LEAST);
    keys::create(
        config.member_key.as_ref().unwrap(),
        KeyUse::Member,
        &config.name,
        &key(1),
        sealed,
    )
    .unwrap();
    keys::create(config.node_key.as_ref().unwrap(), KeyUse::Node, &config.name, &key(101), sealed)
        .unwrap();
    fs::write(directory.join("day.toml"), "a scenario").unwrap();
    let file = signed();
    file.create(&config.genesis).unwrap();
    file::create(
        &directory.join("node.toml"),
        config.text(directory).as_bytes(),
        Audience::Everyone,
    )
    .unwrap();
    if started {
        let genesis = file.check().unwrap();
        fs::write(config.data_dir.join("genesis.bin"), genesis.encode()).unwrap();
        fs::write(config.data_dir.join("group.pub"), "a group").unwrap();
        let vault = Vault::open(&config.data_dir.join("secrets"), &key(101)).unwrap();
        vault.put("share", &[8; 33]).unwrap();
        vault.put("founding-polynomial", &[9; 99]).unwrap();
        vault.put("founding-complete", b"yes").unwrap();
        vault.put("founding-seed-0", &[7; 32]).unwrap();
        fs::create_dir_all(config.data_dir.join("g1-votes")).unwrap();
        fs::write(config.data_dir.join("g1-votes/blob"), "votes").unwrap();
        let marker = Marker::beside(config.node_key.as_ref().unwrap());
        marker.permit(&genesis.chain_id(), &key(101).public_key(), false).unwrap().begin().unwrap();
    }
    config
}

#[test]
fn a_started_node_comes_back_without_its_votes_and_does_not_sign() {
    let directory = tempfile::tempdir().unwrap();
    let config = node(directory.path(), true);
    let out = directory.path().join("backup.tar");
    let made = backup::create(&config, &out).unwrap();
    assert_eq!(mode(&out), 0o600);
    assert_eq!(
        made.files,
        [
            "node.toml",
            "member.key.toml",
            "node.key.toml",
            "data/secrets/share.toml",
            "data/secrets/founding-polynomial.toml",
            "data/secrets/founding-complete.toml",
            "genesis.toml",
            "data/genesis.bin",
            "data/group.pub",
            "scenario.toml",
            "node.key.toml.signing",
        ]
    );
    assert!(made.plain.is_empty());
    assert!(backup::create(&config, &out).unwrap_err().to_string().contains("exists already"));

    let to = directory.path().join("new/home");
    assert_eq!(backup::restore(&out, &to).unwrap(), made);
    let restored = Config::read(&to.join("node.toml")).unwrap();
    assert_eq!(
        restored,
        Config {
            agent: gridaccord_custody::config::Agent {
                scenario: Some(to.join("scenario.toml")),
                seed: 1
            },
            ..Config::new(&to, name("g1"), 7_600, false)
        }
    );
    assert_eq!(listing(&to.join("data")), ["genesis.bin", "group.pub", "secrets"]);
    let vault = Vault::open(&to.join("data/secrets"), &key(101)).unwrap();
    assert_eq!(vault.get("share").unwrap().unwrap().expose(), [8; 33]);
    for file in &made.files {
        assert_eq!(mode(&to.join(file)), 0o600, "{file}");
    }
    let around = Around::default().with("GRIDACCORD_PASSPHRASE", OPENS);
    let read =
        keys::find(restored.node_key.as_deref(), KeyUse::Node, &mut Passphrases::new(&around))
            .unwrap();
    assert_eq!(read.key.public_key(), key(101).public_key());
    assert_eq!(fs::read(to.join("genesis.toml")).unwrap(), fs::read(&config.genesis).unwrap());

    let marker = Marker::beside(restored.node_key.as_ref().unwrap());
    let chain = signed().check().unwrap().chain_id();
    let refused = marker.permit(&chain, &key(101).public_key(), false).unwrap_err().to_string();
    assert!(refused.contains("its consensus store is gone"), "{refused}");
    marker.permit(&chain, &key(101).public_key(), true).unwrap().begin().unwrap();
    // A backup of what was restored is the same again.
    let again = directory.path().join("again.tar");
    assert_eq!(backup::create(&restored, &again).unwrap().files, made.files);
    assert_eq!(fs::read(&again).unwrap(), fs::read(&out).unwrap());
}

#[test]
fn a_key_that_had_not_signed_may_have_signed_since() {
    let directory = tempfile::tempdir().unwrap();
    let config = node(directory.path(), false);
    let out = directory.path().join("backup.tar");
    let made = backup::create(&config, &out).unwrap();
    assert_eq!(
        made.files,
        [
            "node.toml",
            "member.key.toml",
            "node.key.toml",
            "genesis.toml",
            "scenario.toml",
            "node.key.toml.signing"
        ]
    );
    assert!(made.plain.is_empty());
    assert!(
        !Marker::beside(config.node_key.as_ref().unwrap()).path().exists(),
        "the node itself is left alone"
    );
    let to = directory.path().join("to");
    backup::restore(&out, &to).unwrap();
    let marker = Marker::beside(&to.join("node.key.toml"));
    let chain = signed().check().unwrap().chain_id();
    let refused = marker.permit(&chain, &key(101).public_key(), false).unwrap_err().to_string();
    assert!(
        refused.contains("comes from a backup") && refused.contains("Only if you are certain"),
        "{refused}"
    );
    // With its store it goes on, and says so from then on.
    let permit = marker.permit(&chain, &key(101).public_key(), true).unwrap();
    assert!(permit.is_first());
    permit.begin().unwrap();
    assert!(
        marker
            .permit(&chain, &key(101).public_key(), false)
            .unwrap_err()
            .to_string()
            .contains("has voted since")
    );
}

#[test]
fn keys_from_the_environment_leave_their_marker_in_the_data_directory() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = node(directory.path(), false);
    config.node_key = None;
    config.member_key = None;
    let chain = signed().check().unwrap().chain_id();
    let marker = Marker::within(&config.data_dir);
    marker.permit(&chain, &key(101).public_key(), false).unwrap().begin().unwrap();
    let out = directory.path().join("backup.tar");
    let made = backup::create(&config, &out).unwrap();
    assert_eq!(made.files, ["node.toml", "genesis.toml", "scenario.toml", "data/node-key.signing"]);
    let to = directory.path().join("to");
    backup::restore(&out, &to).unwrap();
    let restored = Marker::within(&to.join("data"));
    restored.permit(&chain, &key(101).public_key(), false).unwrap_err();

    // Before the first start nobody knows the key, and the backup speaks for any.
    fs::remove_file(marker.path()).unwrap();
    let early = directory.path().join("early.tar");
    assert_eq!(backup::create(&config, &early).unwrap().files, made.files);
    let to = directory.path().join("early");
    backup::restore(&early, &to).unwrap();
    let restored = Marker::within(&to.join("data"));
    let refused = restored.permit(&chain, &key(101).public_key(), false).unwrap_err().to_string();
    assert!(refused.contains("comes from a backup"), "{refused}");
}

#[test]
fn what_cannot_be_backed_up_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let config = node(directory.path(), true);
    let out = directory.path().join("backup.tar");
    let marker = Marker::beside(config.node_key.as_ref().unwrap());
    let sound = fs::read(marker.path()).unwrap();
    fs::write(marker.path(), "damaged").unwrap();
    assert!(
        backup::create(&config, &out)
            .unwrap_err()
            .to_string()
            .ends_with("is damaged: a backup without a sound signing marker could sign twice")
    );
    fs::write(marker.path(), sound).unwrap();
    super::common::set_mode(config.node_key.as_ref().unwrap(), 0o644);
    assert!(backup::create(&config, &out).unwrap_err().to_string().contains("chmod 600"));
    assert!(!out.exists());
}

#[test]
fn a_directory_with_anything_in_it_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let config = node(directory.path(), true);
    let out = directory.path().join("backup.tar");
    backup::create(&config, &out).unwrap();
    let to = directory.path().join("to");
    fs::create_dir(&to).unwrap();
    fs::write(to.join("x"), "").unwrap();
    assert!(
        backup::restore(&out, &to)
            .unwrap_err()
            .to_string()
            .ends_with("is not empty: restore into an empty directory")
    );
    assert_eq!(listing(&to), ["x"]);
    fs::remove_file(to.join("x")).unwrap();
    backup::restore(&out, &to).unwrap();
}

/// Entries of an archive: type, name, size the header claims, bytes.
type Forged<'a> = (tar::EntryType, &'a str, u64, &'a [u8]);

/// What becomes of an entry of a sound archive, by its name and bytes.
type Change = dyn Fn(&str, &[u8]) -> Option<Vec<u8>>;

fn forge(entries: &[Forged<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (kind, path, size, content) in entries {
        let mut header = tar::Header::new_ustar();
        // As an attacker would: the library's own setters refuse `..` and absolute names.
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(*size);
        header.set_mode(0o600);
        if kind.is_symlink() || kind.is_hard_link() {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1_024, 0);
    bytes
}

#[test]
fn archives_made_to_do_harm_are_refused_and_nothing_is_written() {
    use tar::EntryType as Type;
    let directory = tempfile::tempdir().unwrap();
    let config = node(directory.path(), true);
    let good = directory.path().join("backup.tar");
    backup::create(&config, &good).unwrap();
    let whole = fs::read(&good).unwrap();
    let parts: Vec<(String, Vec<u8>)> = tar::Archive::new(whole.as_slice())
        .entries()
        .unwrap()
        .map(|entry| {
            let mut entry = entry.unwrap();
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut entry, &mut bytes).unwrap();
            (entry.path().unwrap().to_str().unwrap().to_owned(), bytes)
        })
        .collect();
    let rebuilt = |change: &Change, more: &[Forged<'_>]| {
        let kept: Vec<(&str, Vec<u8>)> = parts
            .iter()
            .filter_map(|(name, bytes)| Some((name.as_str(), change(name, bytes)?)))
            .collect();
        let mut entries: Vec<Forged<'_>> = kept
            .iter()
            .map(|(name, bytes)| (Type::Regular, *name, bytes.len() as u64, bytes.as_slice()))
            .collect();
        entries.extend_from_slice(more);
        forge(&entries)
    };
    let all = |_: &str, bytes: &[u8]| Some(bytes.to_vec());
    let but = |left_out: &'static str| {
        move |name: &str, bytes: &[u8]| (name != left_out).then(|| bytes.to_vec())
    };
    let with = |changed: &'static str, content: &'static str| {
        move |name: &str, bytes: &[u8]| {
            Some(if name == changed { content.as_bytes().to_vec() } else { bytes.to_vec() })
        }
    };
    let config_text = String::from_utf8(parts[0].1.clone()).unwrap();
    let outside = config_text.replace("data_dir = \"data\"", "data_dir = \"../../data\"");
    let elsewhere = move |name: &str, bytes: &[u8]| {
        Some(if name == "node.toml" { outside.clone().into_bytes() } else { bytes.to_vec() })
    };
    let extra = |kind, path, size, content| rebuilt(&all, &[(kind, path, size, content)]);
    let to = directory.path().join("to");
    let from = directory.path().join("forged.tar");
    let nothing = "is nothing that a backup holds";
    let odd = "is not a regular file";
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (extra(Type::Regular, "../evil", 1, b"x"), nothing),
        (extra(Type::Regular, "/tmp/evil", 1, b"x"), nothing),
        (extra(Type::Regular, "data/../../evil", 1, b"x"), nothing),
        (extra(Type::Regular, "./data/group.pub", 1, b"x"), nothing),
        (extra(Type::Regular, "data/g1-votes/blob", 1, b"x"), nothing),
        (extra(Type::Regular, "", 1, b"x"), nothing),
        (extra(Type::Symlink, "data", 0, b""), odd),
        (extra(Type::Symlink, "node.key.toml", 0, b""), odd),
        (extra(Type::Link, "data/group.pub", 0, b""), odd),
        (extra(Type::Directory, "data", 0, b""), odd),
        (extra(Type::Fifo, "data/group.pub", 0, b""), odd),
        (extra(Type::Char, "data/group.pub", 0, b""), odd),
        (extra(Type::GNULongName, "x", 8, b"../evil\0"), odd),
        (extra(Type::XHeader, "x", 18, b"18 path=../../evil"), odd),
        (extra(Type::GNUSparse, "data/group.pub", 1, b"x"), odd),
        (extra(Type::Regular, "node.toml", 1, b"x"), "is in it twice"),
        (
            rebuilt(
                &but("data/group.pub"),
                &[(Type::Regular, "data/group.pub", 300_000, &[0; 300_000])],
            ),
            "in it has more than 262144 bytes",
        ),
        (
            rebuilt(
                &but("data/group.pub"),
                &[(Type::Regular, "data/group.pub", 8_000_000_000, b"x")],
            ),
            "in it has more than 262144 bytes",
        ),
        (rebuilt(&but("data/group.pub"), &[(Type::Regular, "data/group.pub", 9_000, b"x")]), ""),
        (rebuilt(&but("node.toml"), &[]), "it holds no node.toml"),
        (rebuilt(&elsewhere, &[]), "node.toml names files outside the backup"),
        (rebuilt(&with("node.toml", "x"), &[]), "node.toml is refused"),
        (
            rebuilt(&but("node.key.toml.signing"), &[]),
            "it holds no signing marker for its node key: it could sign twice",
        ),
        (
            rebuilt(&with("node.key.toml.signing", "x"), &[]),
            "node.key.toml.signing is no signing marker",
        ),
        (rebuilt(&with("node.key.toml", "x"), &[]), "node.key.toml: line 1 is not what"),
        (
            rebuilt(
                &with("member.key.toml", "version = 1\nkind = \"node-key\"\nsecret_hex = \"00\"\n"),
                &[],
            ),
            "member.key.toml: it holds a node-key, not a member-key",
        ),
        (rebuilt(&with("member.key.toml", "\u{0}"), &[]), "member.key.toml: line 1"),
        (vec![], "it holds no node.toml"),
        (b"not an archive at all".to_vec(), ""),
        (whole[..whole.len() / 2].to_vec(), ""),
    ];
    for (bytes, expected) in cases {
        fs::write(&from, &bytes).unwrap();
        let message = backup::restore(&from, &to).unwrap_err().to_string();
        assert!(message.contains("forged.tar is no backup, or damaged: "), "{message}");
        assert!(message.contains(expected), "{message}\nshould say {expected:?}");
        assert!(!to.exists(), "{expected:?} wrote something");
    }
    assert_eq!(listing(directory.path()).iter().filter(|name| name.contains("evil")).count(), 0);
    fs::write(&from, rebuilt(&all, &[])).unwrap();
    backup::restore(&from, &to).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>, name in "[a-z./]{0,20}", size: u64) {
        let directory = tempfile::tempdir().unwrap();
        let from = directory.path().join("x.tar");
        for bytes in [bytes.clone(), forge(&[(tar::EntryType::Regular, &name, size, &bytes)])] {
            fs::write(&from, bytes).unwrap();
            prop_assert!(backup::restore(&from, &directory.path().join("to")).is_err());
        }
        prop_assert!(!directory.path().join("to").exists());
    }
}
