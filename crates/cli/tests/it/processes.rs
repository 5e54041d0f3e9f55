//! Validators as processes: they found a chain like strangers, die at any moment, and lose nothing that was final.

use crate::{
    nodes::{Nodes, PATIENCE},
    run::{alone, assert_refuses, gridaccord, text},
};
use std::{
    fs,
    net::TcpListener,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

const SCENARIO: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios/decentralized-dispatch.toml");
const NAMES: [&str; 7] = ["g1", "g2", "g3", "g4", "campus", "utility", "auditor"];
/// A demo with a process per validator, until it is dropped.
struct Network {
    demo: Child,
    nodes: Nodes,
    _directory: TempDir,
}

impl std::ops::Deref for Network {
    type Target = Nodes;

    fn deref(&self) -> &Nodes {
        &self.nodes
    }
}

impl Network {
    fn start(restart_after_ms: u32) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let demo = Command::new(env!("CARGO_BIN_EXE_gridaccord"))
            .args(["demo", "--processes", "--json", "--scenario", SCENARIO])
            .args(["--intervals", "288", "--restart-after-ms", &restart_after_ms.to_string()])
            .arg("--data-dir")
            .arg(directory.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let nodes = Nodes::new(directory.path(), &NAMES);
        Self { demo, nodes, _directory: directory }
    }

    /// Ends the demo and, with it, every process it started.
    fn end(&mut self) {
        // It may have ended already.
        let _ = self.demo.kill();
        let _ = self.demo.wait();
        // A process that ends lets go of its port last.
        let runs = |name: &&str| self.p2p(name).is_some_and(|at| TcpListener::bind(at).is_err());
        let started = Instant::now();
        while NAMES.iter().any(runs) && started.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.end();
    }
}

#[test]
fn one_of_seven_may_die_and_three_stop_the_rest() {
    let _alone = alone();
    let network = Network::start(8_000);
    for name in NAMES {
        network.until_height(name, 3);
    }

    network.kill("g1");
    let height = network.height("campus").unwrap();
    network.until_height("campus", height + 4);
    let (height, digest) = network.newest().unwrap();
    network.until_height("g1", height);
    assert_eq!(network.digest("g1", height), Some(digest), "it is on the others' chain");

    for name in ["g1", "g2", "g3"] {
        network.kill(name);
    }
    // What was under way may still become final.
    thread::sleep(Duration::from_secs(2));
    let height = network.height("campus").unwrap();
    thread::sleep(Duration::from_secs(3));
    assert_eq!(network.height("campus"), Some(height), "four of seven decide nothing");
    network.until_height("campus", height + 3);
    network.until_height("g1", height + 3);
}

#[test]
fn all_die_twenty_times_and_nothing_final_is_lost() {
    let _alone = alone();
    let mut network = Network::start(200);
    for name in NAMES {
        network.until_height(name, 2);
    }
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    for round in 0..20 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040);
        thread::sleep(Duration::from_millis(random >> 33 & 0x7ff));
        let known = network.newest();
        for name in NAMES {
            network.kill(name);
        }
        if let Some((height, digest)) = known {
            let name = NAMES[round % NAMES.len()];
            network.until_height(name, height);
            assert_eq!(network.digest(name, height), Some(digest), "round {round}");
        }
    }
    let (height, _) = network.until("somebody answers", || network.newest());
    for name in NAMES {
        network.until_height(name, height + 2);
    }
    let stores = NAMES.map(|name| network.data(name).to_str().unwrap().to_owned());
    // A running node holds its stores; verification copies what it reads.
    for store in &stores {
        let verified = gridaccord(&["ledger", "verify", "--data-dir", store]);
        let said = text(&verified.stdout);
        assert!(verified.status.success(), "{said}{}", text(&verified.stderr));
    }

    // A key that has voted does not vote again without its votes.
    let config = network.directory("g1").join("node.toml");
    network.end();
    fs::rename(network.data("g1"), network.directory("g1").join("gone")).unwrap();
    assert_refuses(&["run", "--config", config.to_str().unwrap()], "its consensus store is gone");
}
