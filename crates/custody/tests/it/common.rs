//! Surroundings that answer what a test says, keys from numbers, and a genesis file of four strangers.

use commonware_cryptography::{Signer as _, ed25519};
use gridaccord_custody::{
    Address, Card, GenesisFile, Name, Passphrase, Passphrases, Surroundings, genesis::Terms,
};
use gridaccord_model::{Scenario, TimeMs};
use std::{
    cell::RefCell, collections::BTreeMap, ffi::OsString, fs, io, os::unix::fs::PermissionsExt as _,
    path::Path,
};

/// Variables, and what a person types, in order; without anything left to type there is no terminal.
#[derive(Default)]
pub(crate) struct Around {
    pub(crate) variables: BTreeMap<&'static str, OsString>,
    pub(crate) typed: RefCell<Vec<&'static str>>,
    pub(crate) asked: RefCell<Vec<String>>,
}

impl Around {
    pub(crate) fn typing(lines: &[&'static str]) -> Self {
        let typed = lines.iter().rev().copied().collect();
        Self { typed: RefCell::new(typed), ..Self::default() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.variables.insert(name, value.into());
        self
    }
}

impl Surroundings for Around {
    fn variable(&self, name: &str) -> Option<OsString> {
        self.variables.get(name).cloned()
    }

    fn ask(&self, prompt: &str) -> io::Result<String> {
        self.asked.borrow_mut().push(prompt.to_owned());
        let line = self.typed.borrow_mut().pop();
        line.map(str::to_owned).ok_or_else(|| io::Error::other("no terminal"))
    }
}

/// Runs with a passphrase source in which nothing is given.
pub(crate) fn without<T>(run: impl FnOnce(&mut Passphrases<'_>) -> T) -> T {
    let around = Around::default();
    run(&mut Passphrases::new(&around))
}

pub(crate) fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text.to_owned().into()).unwrap()
}

pub(crate) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub(crate) fn address(text: &str) -> Address {
    text.parse().unwrap()
}

pub(crate) fn key(number: u64) -> ed25519::PrivateKey {
    ed25519::PrivateKey::from_seed(number)
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

pub(crate) fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Names in a directory, sorted.
pub(crate) fn listing(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

pub(crate) fn scenario(file: &str) -> Scenario {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios").join(file);
    Scenario::parse(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Four suppliers of the scenario, member keys 1 to 4, node keys 101 to 104.
pub(crate) const STRANGERS: [&str; 4] = ["g1", "g2", "g3", "g4"];

pub(crate) fn card(name: &str, number: u64, with_node: bool) -> Card {
    let node = key(number + 100);
    let reached = address(&format!("10.0.0.{number}:7600"));
    Card::sign(self::name(name), &key(number), with_node.then_some((&node, reached)))
}

pub(crate) fn unsigned() -> GenesisFile {
    let scenario = scenario("decentralized-dispatch.toml");
    let mut file =
        GenesisFile::propose(&scenario, Some("four strangers"), TimeMs(1_795_348_800_000), 60)
            .unwrap();
    for (name, number) in STRANGERS.iter().zip(1..) {
        assert_eq!(file.admit(&card(name, number, true), Terms::default()).unwrap(), []);
    }
    file
}

pub(crate) fn signed() -> GenesisFile {
    let mut file = unsigned();
    for number in 1..=4 {
        file.sign(&key(number)).unwrap();
    }
    file
}
