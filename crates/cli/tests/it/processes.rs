//! Validators as processes: they found a chain like strangers, die at any moment, and lose nothing that was final.

use crate::run::{alone, assert_refuses, gridaccord, text};
use serde_json::Value;
use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

const SCENARIO: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios/decentralized-dispatch.toml");
const NAMES: [&str; 7] = ["g1", "g2", "g3", "g4", "campus", "utility", "auditor"];
/// The longest that anything that must happen may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// A demo with a process per validator, until it is dropped.
struct Network {
    demo: Child,
    directory: TempDir,
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
        Self { demo, directory }
    }

    fn data(&self, name: &str) -> PathBuf {
        self.directory.path().join(name).join("data")
    }

    fn config(&self, name: &str) -> Option<toml::Table> {
        let config = fs::read_to_string(self.directory.path().join(name).join("node.toml")).ok()?;
        config.parse().ok()
    }

    /// Address of a node's interface, from its configuration.
    fn api(&self, name: &str) -> Option<String> {
        Some(self.config(name)?["api"]["listen"].as_str()?.to_owned())
    }

    /// Address a node listens on for others.
    fn p2p(&self, name: &str) -> Option<String> {
        Some(self.config(name)?["listen"].as_str()?.to_owned())
    }

    /// What a node answers; `None` while it is down.
    fn get(&self, name: &str, path: &str) -> Option<Value> {
        let mut stream = TcpStream::connect(self.api(name)?).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        if !head.starts_with("HTTP/1.1 200") {
            return None;
        }
        let body = &body[body.find('{')?..=body.rfind('}')?];
        serde_json::from_str(body).ok()
    }

    fn height(&self, name: &str) -> Option<u64> {
        self.get(name, "/v1/status")?["height"].as_u64()
    }

    fn digest(&self, name: &str, height: u64) -> Option<String> {
        Some(self.get(name, &format!("/v1/blocks/{height}"))?["digest"].as_str()?.to_owned())
    }

    /// The highest block that any node says is final.
    fn newest(&self) -> Option<(u64, String)> {
        let heights = NAMES.iter().filter_map(|name| Some((self.height(name)?, *name)));
        let (height, name) = heights.max()?;
        Some((height, self.digest(name, height)?))
    }

    fn kill(&self, name: &str) {
        let pid = fs::read_to_string(self.data(name).join("lock")).unwrap();
        // It may be between two lives.
        let _ = Command::new("kill").args(["-9", pid.trim()]).stderr(Stdio::null()).status();
    }

    #[track_caller]
    fn until<T>(&self, what: &str, look: impl Fn() -> Option<T>) -> T {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if let Some(found) = look() {
                return found;
            }
            thread::sleep(Duration::from_millis(100));
        }
        let logs = NAMES.map(|name| {
            let log = fs::read_to_string(self.directory.path().join(name).join("log"));
            let log = log.unwrap_or_default();
            format!("{name}: {}", &log[log.len().saturating_sub(300)..])
        });
        panic!("{what}: not within {PATIENCE:?}\n{}", logs.join("\n"));
    }

    fn until_height(&self, name: &str, height: u64) {
        self.until(&format!("{name} reaches height {height}"), || {
            self.height(name).filter(|found| *found >= height)
        });
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
    let config = network.directory.path().join("g1/node.toml");
    network.end();
    fs::rename(network.data("g1"), network.directory.path().join("g1/gone")).unwrap();
    assert_refuses(&["run", "--config", config.to_str().unwrap()], "its consensus store is gone");
}
