//! The wall between what replicas agree on and everything else, over the whole dependency graph.

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};
use std::{collections::BTreeSet, process::Command};

/// Crates whose code replicas must agree on, each with the dependencies it may name.
const PURE: [(&str, &[&str]); 4] = [
    ("gridaccord-model", &["bytes", "commonware-codec", "serde", "thiserror", "toml"]),
    ("gridaccord-dispatch", &["bytes", "commonware-codec", "gridaccord-model", "thiserror"]),
    (
        "gridaccord-sealed",
        &[
            "bytes",
            "commonware-codec",
            "commonware-cryptography",
            "curve25519-dalek",
            "gridaccord-model",
            "rand_chacha",
            "rand_core",
            "sha2",
            "subtle",
            "tari_bulletproofs_plus",
            "tari-curve25519-dalek",
            "tari_merlin",
            "thiserror",
            "zeroize",
        ],
    ),
    (
        "gridaccord-ledger",
        &[
            "bytes",
            "commonware-codec",
            "commonware-cryptography",
            "commonware-parallel",
            "gridaccord-dispatch",
            "gridaccord-model",
            "gridaccord-sealed",
            "rand_chacha",
            "rand_core",
            "thiserror",
        ],
    ),
];

/// Crates in the order of the layout: each may use those before it only.
const LAYERS: [&str; 14] = [
    "gridaccord-model",
    "gridaccord-dispatch",
    "gridaccord-sealed",
    "gridaccord-ledger",
    "gridaccord-custody",
    "gridaccord-solver",
    "gridaccord-study",
    "gridaccord-engine",
    "gridaccord-field",
    "gridaccord-agent",
    "gridaccord-api",
    "gridaccord-node",
    "gridaccord-sim",
    "gridaccord-cli",
];

/// Nothing a pure crate reaches may be one of these: they touch the world.
const WORLDLY: [&str; 9] = [
    "async-std",
    "commonware-consensus",
    "commonware-p2p",
    "commonware-runtime",
    "commonware-storage",
    "gridaccord-solver",
    "hyper",
    "mio",
    "tokio",
];

const LICENCES: [&str; 13] = [
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .exec()
        .unwrap()
}

fn named<'a>(metadata: &'a Metadata, name: &str) -> &'a Package {
    metadata.packages.iter().find(|package| package.name.as_str() == name).unwrap()
}

/// Names of everything a package reaches when it is built by itself: in the whole workspace features unite, and
/// what `engine` turns on would show here too.
fn reached(package: &str) -> BTreeSet<String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let args = ["tree", "-p", package, "-e", "normal", "--prefix", "none", "--locked"];
    let output =
        Command::new(cargo).args(args).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().filter_map(|line| line.split(' ').next().map(str::to_owned)).collect()
}

#[test]
fn pure_crates_name_only_listed_dependencies() {
    let metadata = metadata();
    for (name, allowed) in PURE {
        let normal = named(&metadata, name)
            .dependencies
            .iter()
            .filter(|dependency| dependency.kind == DependencyKind::Normal);
        for dependency in normal {
            assert!(
                allowed.contains(&dependency.name.as_str()),
                "{name} may not depend on {}",
                dependency.name
            );
        }
    }
}

#[test]
fn pure_crates_reach_nothing_that_touches_the_world() {
    for (name, _) in PURE {
        let reached = reached(name);
        assert!(reached.contains("gridaccord-model"), "{name} was not looked at");
        for worldly in WORLDLY {
            assert!(!reached.contains(worldly), "{name} reaches {worldly}");
        }
    }
}

/// What operators keep on disk is read and restored without a node: no network, no consensus, no runtime.
#[test]
fn custody_reaches_no_machinery() {
    let reached = reached("gridaccord-custody");
    assert!(reached.contains("gridaccord-ledger"), "custody was not looked at");
    for worldly in WORLDLY {
        assert!(!reached.contains(worldly), "custody reaches {worldly}");
    }
}

#[test]
fn dependencies_point_up_the_layers_only() {
    let metadata = metadata();
    let rank = |name: &str| LAYERS.iter().position(|layer| *layer == name);
    for package in metadata.workspace_packages() {
        let own = rank(&package.name)
            .unwrap_or_else(|| panic!("{} has no place in the layout", package.name));
        let normal = package
            .dependencies
            .iter()
            .filter(|dependency| dependency.kind == DependencyKind::Normal);
        for dependency in normal {
            if let Some(other) = rank(&dependency.name) {
                assert!(other < own, "{} may not depend on {}", package.name, dependency.name);
            }
        }
    }
}

#[test]
fn every_licence_is_listed() {
    for package in metadata().packages {
        let licence = package.license.clone().unwrap_or_default();
        let alternatives = licence.replace('/', " OR ");
        let fine = alternatives.split(" OR ").any(|alternative| {
            let parts = alternative.split(" AND ");
            parts
                .map(|part| part.trim().trim_matches(['(', ')']))
                .all(|part| LICENCES.contains(&part))
        });
        assert!(fine, "{} {} is under {licence:?}", package.name, package.version);
    }
}
