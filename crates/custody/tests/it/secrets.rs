//! Secret files: round trips, modes, and every refusal with its words.

use super::common::{Around, key, listing, mode, name, passphrase, set_mode, without};
use commonware_codec::Encode as _;
use commonware_cryptography::Signer as _;
use gridaccord_custody::{
    Kind, Passphrases, Protection, Secret, Vault, hex,
    keys::{self, KeyUse},
    secret::{self, Cost, Description},
    vault::VaultError,
};
use proptest::prelude::*;
use std::{fs, os::unix::fs::symlink, path::Path};

const OPENS: &str = "correct horse battery";

fn description() -> Description {
    Description {
        kind: Kind::named("wallet").unwrap(),
        name: Some(name("solar")),
        public: vec![7; 32],
    }
}

fn sealed(path: &Path, bytes: &[u8]) {
    let passphrase = passphrase(OPENS);
    let protection = Protection::Sealed(&passphrase, Cost::LEAST);
    secret::create(path, &description(), &Secret::new(bytes.to_vec()), protection).unwrap();
}

fn opened(path: &Path, passphrase: &'static str) -> Result<Vec<u8>, String> {
    let around = Around::default().with("GRIDACCORD_PASSPHRASE", passphrase);
    secret::read(path, &Kind::named("wallet").unwrap(), &mut Passphrases::new(&around))
        .map(|(_, secret)| secret.expose().to_vec())
        .map_err(|error| error.to_string())
}

#[test]
fn a_sealed_secret_comes_back_and_only_its_owner_may_read_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("wallet.toml");
    sealed(&path, b"the secret");
    assert_eq!(mode(&path), 0o600);
    assert_eq!(listing(directory.path()), ["wallet.toml"], "no temporary file stays behind");
    assert_eq!(opened(&path, OPENS).unwrap(), b"the secret");
    assert_eq!(secret::describe(&path).unwrap(), (description(), true));
    let text = fs::read_to_string(&path).unwrap();
    assert!(!text.contains(&hex::encode(b"the secret")));
    assert!(text.contains("derivation = \"argon2id\"") && text.contains(&"07".repeat(32)));
}

#[test]
fn a_plain_secret_needs_no_passphrase() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("plain.toml");
    secret::create(&path, &description(), &Secret::new(vec![1, 2]), Protection::Plain).unwrap();
    let kind = Kind::named("wallet").unwrap();
    let (read, secret) = without(|none| secret::read(&path, &kind, none)).unwrap();
    assert_eq!((read, secret.expose()), (description(), [1u8, 2].as_slice()));
    assert_eq!(secret::describe(&path).unwrap(), (description(), false));
}

#[test]
fn two_seals_of_one_secret_share_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (one, two) = (directory.path().join("1"), directory.path().join("2"));
    sealed(&one, b"same");
    sealed(&two, b"same");
    let hexes = |path: &Path| -> Vec<String> {
        let text = fs::read_to_string(path).unwrap();
        let of = |key: &&str| text.lines().find(|line| line.starts_with(*key)).unwrap().to_owned();
        ["salt_hex", "nonce_hex", "ciphertext_hex"].iter().map(of).collect()
    };
    assert!(hexes(&one).iter().zip(hexes(&two)).all(|(left, right)| *left != right));
}

#[test]
fn nothing_is_written_over() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("wallet.toml");
    sealed(&path, b"first");
    let before = fs::read(&path).unwrap();
    let again = secret::create(&path, &description(), &Secret::new(vec![1]), Protection::Plain);
    let message = again.unwrap_err().to_string();
    assert!(
        message.ends_with(
            "exists already and is not overwritten: choose another name, or move it away"
        ),
        "{message}"
    );
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(listing(directory.path()), ["wallet.toml"]);
    // Nor through a link that points nowhere.
    let link = directory.path().join("link");
    symlink(directory.path().join("elsewhere"), &link).unwrap();
    secret::create(&link, &description(), &Secret::new(vec![1]), Protection::Plain).unwrap_err();
    assert!(!directory.path().join("elsewhere").exists());
}

#[test]
fn a_file_others_may_use_is_refused_with_the_remedy() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("wallet.toml");
    sealed(&path, b"secret");
    for bits in [0o640, 0o604, 0o620, 0o602, 0o610, 0o644, 0o777] {
        set_mode(&path, bits);
        let message = opened(&path, OPENS).unwrap_err();
        let shown = path.display();
        assert_eq!(
            message,
            format!("others than its owner may use {shown} (mode {bits:04o}): chmod 600 {shown}")
        );
        secret::describe(&path).unwrap_err();
    }
    set_mode(&path, 0o400);
    opened(&path, OPENS).unwrap();
}

#[test]
fn refusals_say_what_is_wrong_and_never_quote() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("wallet.toml");
    secret::create(&path, &description(), &Secret::new(vec![0xab; 32]), Protection::Plain).unwrap();
    let plain = fs::read_to_string(&path).unwrap();
    let secret = "ab".repeat(32);
    let sealed_path = directory.path().join("sealed.toml");
    sealed(&sealed_path, &[0xab; 32]);
    let sealed = fs::read_to_string(&sealed_path).unwrap();
    let digits = |text: &str, key: &str| {
        let line = text.lines().find(|line| line.starts_with(key)).unwrap();
        line.split('"').nth(1).unwrap().to_owned()
    };
    let flipped = |key: &str| {
        let whole = digits(&sealed, key);
        let other = if whole.starts_with('0') { "1" } else { "0" };
        sealed.replace(&whole, &format!("{other}{}", &whole[1..]))
    };
    let wrong = "the passphrase does not open";
    let cases: Vec<(String, &str)> = vec![
        (String::new(), "line 1 is not what such a file has there, or a line is missing"),
        (
            plain.replace("version = 1", "version = 2"),
            "has version 2, this release reads version 1",
        ),
        (
            plain.replace("version = 1", "version = \"1\""),
            "line 2 is not what such a file has there",
        ),
        (plain.replace("\"wallet\"", "\"Wallet\""), "its kind is none there can be"),
        (plain.replace("\"wallet\"", "\"node-key\""), "holds a node-key, a wallet is needed here"),
        (
            plain.replace(&secret, &format!("{secret}a")),
            "secret_hex must have 2 to 131072 hexadecimal digits",
        ),
        (plain.replace(&secret, &format!("{}xy", &secret[2..])), "secret_hex must have"),
        (plain.replace(&secret, ""), "secret_hex must have"),
        (plain.replace(&secret, &format!("{secret}\\q")), "line 6 is not what"),
        (plain.replace("secret_hex", "secret"), "line 6 is not what such a file has there"),
        (plain.replace("secret_hex", "#"), "it needs either secret_hex or [sealed]"),
        (format!("secret_hex = \"{secret}\"\n{sealed}"), "it needs either secret_hex or [sealed]"),
        (
            sealed.replace("argon2id", "argon2d"),
            "derivation must be argon2id and cipher xchacha20-poly1305",
        ),
        (sealed.replace("xchacha20", "chacha20"), "derivation must be argon2id and cipher"),
        (
            sealed.replace("memory_kib = 8\n", "memory_kib = 4194304\n"),
            "asks for 4194304 KiB of memory, 1 passes and 1 lanes to open: at most 262144 KiB, 16 passes and 16 lanes are spent",
        ),
        (sealed.replace("passes = 1\n", "passes = 1000000\n"), "at most 262144 KiB"),
        (sealed.replace("passes = 1\n", "passes = 0\n"), "at most 262144 KiB"),
        (sealed.replace("lanes = 1\n", "lanes = 0\n"), "at most 262144 KiB"),
        (sealed.replace("lanes = 1\n", "lanes = 2\n"), "at most 262144 KiB"),
        (
            sealed.replace("memory_kib = 8\n", "memory_kib = -8\n"),
            "is not what such a file has there",
        ),
        (flipped("ciphertext_hex"), wrong),
        (flipped("nonce_hex"), wrong),
        (flipped("salt_hex"), wrong),
        (sealed.replace("memory_kib = 8\n", "memory_kib = 16\n"), wrong),
        // What is public is bound to the secret.
        (flipped("public_key_hex"), wrong),
        (sealed.replace("name = \"solar\"", "name = \"wind\""), wrong),
        (sealed.replace("name = \"solar\"\n", ""), wrong),
        (
            sealed.replace(&digits(&sealed, "nonce_hex"), "00"),
            "nonce_hex must have 48 hexadecimal digits",
        ),
        (
            sealed.replace(&digits(&sealed, "salt_hex"), "00"),
            "salt_hex must have 32 hexadecimal digits",
        ),
        (
            sealed.replace(&digits(&sealed, "ciphertext_hex"), &"00".repeat(16)),
            "ciphertext_hex must have 34 to",
        ),
        ("x".repeat(300_000), "is larger than 262144 bytes"),
    ];
    let damaged = directory.path().join("damaged.toml");
    for (text, expected) in cases {
        assert!(text != plain && text != sealed, "a case for {expected:?} changed nothing");
        fs::write(&damaged, &text).unwrap();
        set_mode(&damaged, 0o600);
        let message = opened(&damaged, OPENS).unwrap_err();
        assert!(message.contains(expected), "{message:?} should say {expected:?}");
        assert!(!message.contains("abab"), "quotes the secret: {message}");
    }
    fs::write(&damaged, [0xff, 0xfe]).unwrap();
    assert!(opened(&damaged, OPENS).unwrap_err().ends_with("is not text in UTF-8"));
    assert!(opened(directory.path(), OPENS).unwrap_err().ends_with("is not a regular file"));
    assert!(opened(&directory.path().join("none"), OPENS).unwrap_err().starts_with("cannot read"));
    assert!(opened(&sealed_path, "another passphrase").unwrap_err().contains(wrong));
}

#[test]
fn sizes_and_costs_are_bounded_when_writing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x");
    let pass = passphrase(OPENS);
    let wide = Description { public: vec![0; secret::PUBLIC_SIZE_MAX + 1], ..description() };
    let sizes = "a secret has 1 to 65536 bytes, its public half at most 1024";
    for (description, size, protection, expected) in [
        (description(), 0, Protection::Plain, sizes),
        (description(), secret::SIZE_MAX + 1, Protection::Plain, sizes),
        (wide, 1, Protection::Plain, sizes),
        (
            description(),
            1,
            Protection::Sealed(&pass, Cost { memory_kib: u32::MAX, ..Cost::LEAST }),
            "at most 262144 KiB",
        ),
    ] {
        let refused = secret::create(&path, &description, &Secret::new(vec![0; size]), protection);
        let message = refused.unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
    assert!(!path.exists());
    let most = vec![5; secret::SIZE_MAX];
    sealed(&path, &most);
    assert_eq!(opened(&path, OPENS).unwrap(), most);
}

#[test]
fn keys_come_from_files_or_variables() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("member.key.toml");
    let (member, other) = (key(1), key(2));
    let pass = passphrase(OPENS);
    keys::create(
        &path,
        KeyUse::Member,
        &name("solar"),
        &member,
        Protection::Sealed(&pass, Cost::STANDARD),
    )
    .unwrap();
    let around = Around::typing(&[OPENS]);
    let mut passphrases = Passphrases::new(&around);
    let read = keys::find(Some(&path), KeyUse::Member, &mut passphrases).unwrap();
    assert_eq!((read.name, read.key.public_key()), (Some(name("solar")), member.public_key()));

    let digits = hex::encode(&other.encode());
    let around = Around::default().with("GRIDACCORD_MEMBER_KEY", digits.clone());
    let mut passphrases = Passphrases::new(&around);
    let found = keys::find(Some(&path), KeyUse::Member, &mut passphrases).unwrap();
    assert_eq!((found.name.clone(), found.key.public_key()), (None, other.public_key()));
    assert!(!format!("{found:?} {:?} {:?}", Secret::new(vec![1]), pass).contains(&digits));

    let refused = |usage, value: &str, path: Option<&Path>| {
        let variable =
            if usage == KeyUse::Member { "GRIDACCORD_MEMBER_KEY" } else { "GRIDACCORD_NODE_KEY" };
        let around = if value.is_empty() {
            Around::default()
        } else {
            Around::default().with(variable, value)
        };
        keys::find(path, usage, &mut Passphrases::new(&around)).unwrap_err().to_string()
    };
    let unset = "no node-key: name its file, or set GRIDACCORD_NODE_KEY";
    assert_eq!(refused(KeyUse::Node, "", None), unset);
    for wrong in ["00", &digits[2..], &format!("{digits}00"), &format!("{}xy", &digits[2..])] {
        let message = refused(KeyUse::Member, wrong, Some(&path));
        assert_eq!(message, "GRIDACCORD_MEMBER_KEY is set, but not to 64 hexadecimal digits");
    }
    let swapped = refused(KeyUse::Node, "", Some(&path));
    assert!(swapped.ends_with("holds a member-key, a node-key is needed here"), "{swapped}");
}

#[test]
fn a_key_file_must_hold_the_key_it_names() {
    let directory = tempfile::tempdir().unwrap();
    for (public, secret, expected) in [
        (
            key(2).public_key().encode().to_vec(),
            vec![9; 32],
            "its public_key_hex is not the public half of the key in it",
        ),
        (key(2).public_key().encode().to_vec(), vec![9; 31], "a key has 32 bytes"),
        (vec![], vec![9; 32], "its public_key_hex is not the public half"),
    ] {
        let path = directory.path().join(format!("{}-{}", public.len(), secret.len()));
        let description = Description { kind: Kind::NODE_KEY, name: None, public };
        secret::create(&path, &description, &Secret::new(secret), Protection::Plain).unwrap();
        let message =
            without(|none| keys::read(&path, KeyUse::Node, none)).unwrap_err().to_string();
        assert!(message.ends_with(expected) || message.contains(expected), "{message}");
    }
}

#[test]
fn new_keys_differ() {
    let public = |_| keys::generate().unwrap().public_key();
    assert_ne!(public(1), public(2));
}

#[test]
fn a_vault_opens_for_its_node_alone() {
    let directory = tempfile::tempdir().unwrap();
    let node = keys::generate().unwrap();
    let vault = Vault::open(&directory.path().join("secrets"), &node).unwrap();
    assert!(vault.get("share").unwrap().is_none());
    vault.put("share", &[4; 33]).unwrap();
    vault.put("share", &[5; 33]).unwrap();
    let again = Vault::open(&directory.path().join("secrets"), &node).unwrap();
    assert_eq!(again.get("share").unwrap().unwrap().expose(), [5; 33]);

    let file = directory.path().join("secrets/share.toml");
    assert!(secret::describe(&file).unwrap().1, "it is sealed");
    let other = Vault::open(&directory.path().join("secrets"), &keys::generate().unwrap()).unwrap();
    let refused = other.get("share").unwrap_err().to_string();
    assert!(refused.contains("the passphrase does not open"), "{refused}");
    // One secret's file in another's place is refused, and so is a name that could leave the directory.
    std::fs::copy(&file, directory.path().join("secrets/founding-seed-0.toml")).unwrap();
    let refused = vault.get("founding-seed-0").unwrap_err().to_string();
    assert!(refused.contains("holds a share, a founding-seed-0 is needed here"), "{refused}");
    assert!(matches!(vault.put("../x", b"x"), Err(VaultError::Name(_))));
}

#[test]
fn kinds_are_plain_names() {
    for text in ["", "a b", "A", "é", &"x".repeat(33)] {
        assert_eq!(Kind::named(text), None, "{text:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_secret_round_trips(bytes in proptest::collection::vec(any::<u8>(), 1..300), public: Vec<u8>, plain: bool) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x");
        let described = Description { kind: Kind::NODE_KEY, name: None, public };
        let pass = passphrase(OPENS);
        let protection = if plain { Protection::Plain } else { Protection::Sealed(&pass, Cost::LEAST) };
        secret::create(&path, &described, &Secret::new(bytes.clone()), protection).unwrap();
        let around = Around::default().with("GRIDACCORD_PASSPHRASE", OPENS);
        let (read, secret) = secret::read(&path, &Kind::NODE_KEY, &mut Passphrases::new(&around)).unwrap();
        prop_assert_eq!(read, described);
        prop_assert_eq!(secret.expose(), bytes.as_slice());
    }

    #[test]
    fn any_text_is_read_or_refused(text: String) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x");
        fs::write(&path, &text).unwrap();
        set_mode(&path, 0o600);
        prop_assert!(secret::describe(&path).is_err());
    }

    #[test]
    fn no_changed_byte_passes(position in 0usize..10_000, bit in 0u32..8) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x");
        sealed(&path, b"secret");
        let mut bytes = fs::read(&path).unwrap();
        let position = position % bytes.len();
        bytes[position] ^= 1 << bit;
        fs::write(&path, &bytes).unwrap();
        // A change in the comment, in a digit's case or in white space changes nothing that counts.
        if let Ok(secret) = opened(&path, OPENS) {
            prop_assert_eq!(secret, b"secret");
        }
    }
}
