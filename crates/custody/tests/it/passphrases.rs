//! Where a passphrase comes from, in which order, and what is said when it comes from nowhere.

use super::common::{Around, name, passphrase, set_mode};
use gridaccord_custody::{
    Kind, Passphrases, Protection, Secret,
    secret::{self, Cost, Description},
};
use std::{fs, path::Path};

const OPENS: &str = "correct horse battery";

fn sealed(path: &Path, text: &str) {
    let description = Description { kind: Kind::MEMBER_KEY, name: Some(name("a")), public: vec![] };
    let passphrase = passphrase(text);
    secret::create(
        path,
        &description,
        &Secret::new(vec![1]),
        Protection::Sealed(&passphrase, Cost::LEAST),
    )
    .unwrap();
}

fn read(path: &Path, passphrases: &mut Passphrases<'_>) -> Result<(), String> {
    secret::read(path, &Kind::MEMBER_KEY, passphrases)
        .map(|_| ())
        .map_err(|error| error.to_string())
}

#[test]
fn variable_then_file_then_terminal() {
    let directory = tempfile::tempdir().unwrap();
    let (sealed_path, file) = (directory.path().join("key"), directory.path().join("pass"));
    sealed(&sealed_path, OPENS);
    fs::write(&file, format!("{OPENS}\r\n")).unwrap();
    set_mode(&file, 0o600);
    let wrong = directory.path().join("wrong");
    fs::write(&wrong, "not this one").unwrap();
    set_mode(&wrong, 0o600);

    for around in [
        Around::default()
            .with("GRIDACCORD_PASSPHRASE", OPENS)
            .with("GRIDACCORD_PASSPHRASE_FILE", &wrong),
        Around::typing(&["not this one"]).with("GRIDACCORD_PASSPHRASE_FILE", &file),
    ] {
        read(&sealed_path, &mut Passphrases::new(&around)).unwrap();
        assert!(around.asked.borrow().is_empty());
    }
    let around = Around::typing(&[OPENS]);
    read(&sealed_path, &mut Passphrases::new(&around)).unwrap();
    assert_eq!(*around.asked.borrow(), [format!("Passphrase of {}: ", sealed_path.display())]);
}

#[test]
fn a_person_may_mistype_twice_and_is_asked_once_for_two_files() {
    let directory = tempfile::tempdir().unwrap();
    let (one, two, other) =
        (directory.path().join("1"), directory.path().join("2"), directory.path().join("3"));
    sealed(&one, OPENS);
    sealed(&two, OPENS);
    sealed(&other, "a different one");
    let around = Around::typing(&["wrong one 1", "wrong one 2", OPENS, "a different one"]);
    let mut passphrases = Passphrases::new(&around);
    read(&one, &mut passphrases).unwrap();
    read(&two, &mut passphrases).unwrap();
    assert_eq!(around.asked.borrow().len(), 3);
    // The one known does not open this file, so it is asked for.
    read(&other, &mut passphrases).unwrap();
    assert_eq!(around.asked.borrow().len(), 4);

    let around = Around::typing(&["wrong 1", "wrong 2", "wrong 3", OPENS]);
    let message = read(&one, &mut Passphrases::new(&around)).unwrap_err();
    assert!(message.starts_with("the passphrase does not open"), "{message}");
    assert_eq!(around.asked.borrow().len(), 3);
    // A program is not asked again.
    let around = Around::typing(&[OPENS]).with("GRIDACCORD_PASSPHRASE", "wrong");
    read(&one, &mut Passphrases::new(&around)).unwrap_err();
    assert!(around.asked.borrow().is_empty());
}

#[test]
fn a_new_one_is_typed_twice_and_long_enough() {
    let choose = |around: &Around| {
        Passphrases::new(around).choose().map(|_| ()).map_err(|error| error.to_string())
    };
    for (around, expected) in [
        (Around::typing(&[OPENS, OPENS]), Ok(())),
        (Around::default().with("GRIDACCORD_PASSPHRASE", OPENS), Ok(())),
        (
            Around::typing(&[OPENS, "correct horse batterz"]),
            Err("the two passphrases differ: nothing was written"),
        ),
        (Around::typing(&["too short"]), Err("a new passphrase has at least 10 characters")),
        (
            Around::default().with("GRIDACCORD_PASSPHRASE", "short"),
            Err("a new passphrase has at least 10 characters"),
        ),
        (Around::typing(&[""]), Err("the passphrase is empty, or longer than 1024 bytes")),
        (
            Around::default().with("GRIDACCORD_PASSPHRASE", "x".repeat(1_025)),
            Err("the passphrase is empty, or longer than 1024 bytes"),
        ),
        (
            Around::default(),
            Err(
                "no passphrase: set GRIDACCORD_PASSPHRASE or GRIDACCORD_PASSPHRASE_FILE, or run this on a terminal",
            ),
        ),
    ] {
        assert_eq!(choose(&around), expected.map_err(str::to_owned));
    }
}

#[test]
fn the_file_named_must_be_private_and_hold_one() {
    use std::{error::Error as _, ffi::OsStr, os::unix::ffi::OsStrExt as _};
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pass");
    let from = |path: &Path| {
        let around = Around::default().with("GRIDACCORD_PASSPHRASE_FILE", path);
        let error = Passphrases::new(&around).existing(Path::new("x")).map(|_| ()).unwrap_err();
        let source = error.source().map(ToString::to_string).unwrap_or_default();
        format!("{error}: {source}")
    };
    fs::write(&file, OPENS).unwrap();
    set_mode(&file, 0o644);
    let message = from(&file);
    assert!(message.starts_with("the file that GRIDACCORD_PASSPHRASE_FILE names holds no passphrase: others than its owner"), "{message}");
    assert!(message.contains("chmod 600"));
    assert!(from(&directory.path().join("none")).contains("cannot read"));
    fs::write(&file, "\n").unwrap();
    set_mode(&file, 0o600);
    assert!(from(&file).starts_with("the passphrase is empty"));
    fs::write(&file, "x".repeat(2_000)).unwrap();
    assert!(from(&file).contains("is larger than"));
    let around = Around::default().with("GRIDACCORD_PASSPHRASE", OsStr::from_bytes(&[0xff]));
    let error = Passphrases::new(&around).existing(Path::new("x")).map(|_| ()).unwrap_err();
    assert_eq!(error.to_string(), "GRIDACCORD_PASSPHRASE is not text in UTF-8");
}
