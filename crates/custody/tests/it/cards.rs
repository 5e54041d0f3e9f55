//! Cards: what they say is signed with every key on them.

use super::common::{address, card, key, mode, name};
use commonware_cryptography::Signer as _;
use gridaccord_custody::{Card, hex};
use proptest::prelude::*;
use std::fs;

fn read(text: &str) -> Result<Card, String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.card.toml");
    fs::write(&path, text).unwrap();
    Card::read(&path).map_err(|error| error.to_string())
}

#[test]
fn a_card_comes_back_as_it_was_made() {
    let directory = tempfile::tempdir().unwrap();
    for with_node in [true, false] {
        let made = card("solar", 1, with_node);
        let path = directory.path().join(format!("solar-{with_node}.card.toml"));
        made.create(&path).unwrap();
        let back = Card::read(&path).unwrap();
        assert_eq!(back, made);
        assert_eq!((back.name(), back.member_key()), (&name("solar"), &key(1).public_key()));
        assert_eq!(back.node().is_some(), with_node);
        if let Some(node) = back.node() {
            assert_eq!(
                (&node.key, &node.address),
                (&key(101).public_key(), &address("10.0.0.1:7600"))
            );
        }
        assert_eq!(mode(&path) & 0o600, 0o600);
        assert!(made.create(&path).unwrap_err().to_string().contains("exists already"));
    }
}

#[test]
fn whatever_is_changed_is_found() {
    let text = card("solar", 1, true).text();
    let public =
        |number| hex::encode(commonware_codec::Encode::encode(&key(number).public_key()).as_ref());
    let line =
        |key: &str| text.lines().find(|line| line.starts_with(key)).unwrap().to_owned() + "\n";
    let member = "the signature of the member key does not hold; ask its owner for a fresh card";
    let other = card("solar", 2, true).text();
    let other_line =
        |key: &str| other.lines().find(|line| line.starts_with(key)).unwrap().to_owned() + "\n";
    for (changed, expected) in [
        (text.replace("\"solar\"", "\"wind\""), member),
        (text.replace("10.0.0.1", "10.0.0.2"), member),
        (text.replace(&public(1), &public(2)), member),
        (text.replace(&public(101), &public(102)), member),
        (text.replace(&line("member_signature_hex"), &other_line("member_signature_hex")), member),
        (
            text.replace(&line("node_signature_hex"), &other_line("node_signature_hex")),
            "the signature of the node key does not hold",
        ),
        (
            text.replace(&line("node_signature_hex"), ""),
            "node_key_hex, address and node_signature_hex go together",
        ),
        (
            text.replace(&line("address"), ""),
            "node_key_hex, address and node_signature_hex go together",
        ),
        (text.replace("\"solar\"", "\"Solar\""), "a member's name has 1 to 32 characters"),
        (text.replace("10.0.0.1:7600", "10.0.0.1"), "an address is host:port"),
        (text.replace(&public(1), "00"), "member_key_hex is not what it should be"),
        (text.replace("version = 1", "version = 9"), "it has version 9, this release reads 1"),
        (format!("{text}colour = \"red\"\n"), "unknown field `colour`"),
        (line("name"), "missing field"),
        ("x".repeat(20_000), "is larger than 16384 bytes"),
    ] {
        assert_ne!(changed, text, "a case for {expected:?} changed nothing");
        let message = read(&changed).unwrap_err();
        assert!(message.contains(expected), "{message}\nshould say {expected:?}");
    }
}

#[test]
fn a_node_taken_off_a_card_is_missed() {
    let text = card("solar", 1, true).text();
    let kept: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with("node_") && !line.starts_with("address"))
        .collect();
    assert!(read(&kept.join("\n")).unwrap_err().contains("member key does not hold"));
}

proptest! {
    #[test]
    fn any_text_is_refused(text: String) {
        prop_assert!(read(&text).is_err());
    }
}
