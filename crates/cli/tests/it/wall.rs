//! The wall between what replicas agree on and everything else, over the whole dependency graph.

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};
use std::collections::{BTreeMap, BTreeSet};

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
            "rand_chacha",
            "rand_core",
            "thiserror",
        ],
    ),
];

/// Crates in the order of the layout: each may use those before it only.
const LAYERS: [&str; 12] = [
    "gridaccord-model",
    "gridaccord-dispatch",
    "gridaccord-sealed",
    "gridaccord-ledger",
    "gridaccord-solver",
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

/// Everything a package reaches in an ordinary build.
fn closure<'a>(metadata: &'a Metadata, from: &'a PackageId) -> BTreeSet<&'a PackageId> {
    let resolve = metadata.resolve.as_ref().unwrap();
    let nodes: BTreeMap<_, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let (mut reached, mut queue) = (BTreeSet::new(), vec![from]);
    while let Some(id) = queue.pop() {
        if reached.insert(id) {
            let normal = nodes[id].deps.iter().filter(|dependency| {
                dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal)
            });
            queue.extend(normal.map(|dependency| &dependency.pkg));
        }
    }
    reached
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
    // In one workspace features unite, so what `engine` turns on shows here too: names decide, not features.
    let metadata = metadata();
    for name in ["gridaccord-model", "gridaccord-dispatch", "gridaccord-sealed"] {
        for id in closure(&metadata, &named(&metadata, name).id) {
            assert!(
                !WORLDLY.contains(&metadata[id].name.as_str()),
                "{name} reaches {}",
                metadata[id].name
            );
        }
    }
    let ledger = closure(&metadata, &named(&metadata, "gridaccord-ledger").id);
    assert!(
        ledger.iter().all(|id| metadata[*id].name.as_str() != "gridaccord-solver"),
        "ledger reaches solver"
    );
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
