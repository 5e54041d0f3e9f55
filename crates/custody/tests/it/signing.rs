//! The state machine that keeps a key from voting twice, row by row.

use super::common::{key, listing, mode, unsigned};
use commonware_cryptography::Signer as _;
use gridaccord_custody::Marker;
use gridaccord_ledger::Digest;
use std::fs;

#[test]
fn no_marker_may_sign_and_leaves_one_first() {
    let directory = tempfile::tempdir().unwrap();
    let chain = unsigned().genesis().unwrap().chain_id();
    for (file, has_voted) in [("empty.toml", false), ("full.toml", true)] {
        let marker = Marker::beside(&directory.path().join(file));
        let permit = marker.permit(&chain, &key(1).public_key(), has_voted).unwrap();
        assert!(permit.is_first() && !marker.path().exists(), "asking leaves nothing");
        permit.begin().unwrap();
        assert_eq!(mode(marker.path()), 0o600);
        let again = marker.permit(&chain, &key(1).public_key(), true).unwrap();
        assert!(!again.is_first());
        again.begin().unwrap();
    }
    assert_eq!(listing(directory.path()), ["empty.toml.signing", "full.toml.signing"]);
}

#[test]
fn each_row_of_the_table() {
    let directory = tempfile::tempdir().unwrap();
    let marker = Marker::beside(&directory.path().join("node.key.toml"));
    let (chain, other_chain) = (Digest([1; 32]), Digest([2; 32]));
    let (node, other_node) = (key(1).public_key(), key(2).public_key());
    marker.permit(&chain, &node, false).unwrap().begin().unwrap();
    let before = fs::read(marker.path()).unwrap();

    marker.permit(&chain, &node, true).unwrap().begin().unwrap();
    for (chain, node, has_voted, expected) in [
        (
            &chain,
            &node,
            false,
            vec![
                "has voted since 20",
                "its consensus store is gone",
                "Keep this key from voting",
                "cannot admit a new node key",
            ],
        ),
        (
            &other_chain,
            &node,
            true,
            vec!["signs another chain, 0101", "a node key serves one chain"],
        ),
        (&other_chain, &node, false, vec!["signs another chain"]),
        (&chain, &other_node, true, vec!["belongs to another node key", "with its own marker"]),
        (&chain, &other_node, false, vec!["belongs to another node key"]),
    ] {
        let message = marker.permit(chain, node, has_voted).unwrap_err().to_string();
        for part in expected {
            assert!(message.contains(part), "{message}\nshould say {part:?}");
        }
        assert!(message.contains("node.key.toml.signing"), "{message}");
    }
    assert_eq!(fs::read(marker.path()).unwrap(), before, "a refusal changes nothing");
}

#[test]
fn a_damaged_marker_never_lets_a_key_sign() {
    let directory = tempfile::tempdir().unwrap();
    let marker = Marker::within(directory.path());
    let (chain, node) = (Digest([1; 32]), key(1).public_key());
    marker.permit(&chain, &node, false).unwrap().begin().unwrap();
    let text = fs::read_to_string(marker.path()).unwrap();
    for damaged in [
        String::new(),
        text.replace("version = 1", "version = 2"),
        text.replace("node_key_hex = \"", "node_key_hex = \"00"),
        text.replace("chain_id_hex = \"", "chain_id_hex = \"00"),
        text.replace("chain_id_hex", "chain_hex"),
        format!("{text}more = 1\n"),
        "#".repeat(5_000),
    ] {
        assert_ne!(damaged, text);
        fs::write(marker.path(), &damaged).unwrap();
        for has_voted in [false, true] {
            let message = marker.permit(&chain, &node, has_voted).unwrap_err().to_string();
            assert!(message.contains("damaged") || message.contains("larger"), "{message}");
        }
    }
    fs::remove_file(marker.path()).unwrap();
    fs::create_dir(marker.path()).unwrap();
    assert!(
        marker
            .permit(&chain, &node, true)
            .unwrap_err()
            .to_string()
            .ends_with("is not a regular file")
    );
}
