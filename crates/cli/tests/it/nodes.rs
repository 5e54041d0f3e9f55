//! Nodes as processes, found by their directories: what they answer, and what they left behind.

use crate::run::{gridaccord, text};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// The longest that anything that must happen may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// Directories of nodes.
pub(crate) struct Nodes {
    root: PathBuf,
    names: Vec<&'static str>,
}

impl Nodes {
    pub(crate) fn new(root: &Path, names: &[&'static str]) -> Self {
        Self { root: root.to_owned(), names: names.to_vec() }
    }

    pub(crate) fn directory(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub(crate) fn data(&self, name: &str) -> PathBuf {
        self.directory(name).join("data")
    }

    fn config(&self, name: &str) -> Option<toml::Table> {
        fs::read_to_string(self.directory(name).join("node.toml")).ok()?.parse().ok()
    }

    /// Address of a node's interface, from its configuration.
    pub(crate) fn api(&self, name: &str) -> Option<String> {
        Some(self.config(name)?["api"]["listen"].as_str()?.to_owned())
    }

    /// Address a node listens on for others.
    pub(crate) fn p2p(&self, name: &str) -> Option<String> {
        Some(self.config(name)?["listen"].as_str()?.to_owned())
    }

    /// What a node answers; `None` while it is down.
    pub(crate) fn get(&self, name: &str, path: &str) -> Option<Value> {
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

    pub(crate) fn height(&self, name: &str) -> Option<u64> {
        self.get(name, "/v1/status")?["height"].as_u64()
    }

    pub(crate) fn digest(&self, name: &str, height: u64) -> Option<String> {
        Some(self.get(name, &format!("/v1/blocks/{height}"))?["digest"].as_str()?.to_owned())
    }

    /// The highest block that any node says is final.
    pub(crate) fn newest(&self) -> Option<(u64, String)> {
        let heights = self.names.iter().filter_map(|name| Some((self.height(name)?, *name)));
        let (height, name) = heights.max()?;
        Some((height, self.digest(name, height)?))
    }

    pub(crate) fn kill(&self, name: &str) {
        let pid = fs::read_to_string(self.data(name).join("lock")).unwrap();
        // It may be between two lives.
        let _ = Command::new("kill").args(["-9", pid.trim()]).stderr(Stdio::null()).status();
    }

    /// What a node has printed.
    pub(crate) fn log(&self, name: &str) -> String {
        fs::read_to_string(self.directory(name).join("log")).unwrap_or_default()
    }

    #[track_caller]
    pub(crate) fn until<T>(&self, what: &str, look: impl Fn() -> Option<T>) -> T {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if let Some(found) = look() {
                return found;
            }
            thread::sleep(Duration::from_millis(100));
        }
        let logs = self.names.iter().map(|name| {
            let log = self.log(name);
            format!("{name}: {}", &log[log.len().saturating_sub(300)..])
        });
        panic!("{what}: not within {PATIENCE:?}\n{}", logs.collect::<Vec<_>>().join("\n"));
    }

    #[track_caller]
    pub(crate) fn until_height(&self, name: &str, height: u64) {
        self.until(&format!("{name} reaches height {height}"), || {
            self.height(name).filter(|found| *found >= height)
        });
    }
}

/// The strangers of `four-strangers.toml`.
pub(crate) const FOUR: [&str; 4] = ["wind", "geothermal", "campus", "utility"];
const SCENARIO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios/four-strangers.toml");

/// Four validators of strangers who came together by hand, and followers, each a process, until this is dropped.
pub(crate) struct Four {
    nodes: Nodes,
    running: BTreeMap<&'static str, Child>,
    _directory: TempDir,
}

impl std::ops::Deref for Four {
    type Target = Nodes;

    fn deref(&self) -> &Nodes {
        &self.nodes
    }
}

impl Four {
    /// Everything is agreed on and nothing runs yet. `followers` are listed by all.
    pub(crate) fn new(followers: &[&'static str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let names = [&FOUR, followers].concat();
        let nodes = Nodes::new(directory.path(), &names);
        let genesis = path(directory.path().join("genesis.toml"));
        let free = free_addresses(2 * names.len());
        let clock = ["--speed", "30", "--starts-in", "1s"];
        does(
            &[&["genesis", "new", "--out", &genesis, "--scenario", SCENARIO][..], &clock].concat(),
        );
        let mut listed = String::new();
        for (name, addresses) in names.iter().zip(free.chunks(2)) {
            let home = path(nodes.directory(name));
            let mut args = vec!["keys", "new", "--unencrypted", "--name", name, "--dir", &home];
            args.extend(["--address", &addresses[0], "--api", &addresses[1]]);
            if FOUR.contains(name) {
                does(&[&args[..], &["--scenario", SCENARIO]].concat());
                let card = path(nodes.directory(name).join(format!("{name}.card.toml")));
                does(&["genesis", "add", &genesis, &card]);
            } else {
                let said = does(&[&args[..], &["--follower"]].concat());
                listed.push_str(said.lines().last().unwrap());
                listed.push('\n');
            }
        }
        for name in FOUR {
            let key = path(nodes.directory(name).join("member.key.toml"));
            does(&["genesis", "sign", &genesis, "--key", &key]);
        }
        for name in &names {
            fs::copy(&genesis, nodes.directory(name).join("genesis.toml")).unwrap();
        }
        let four = Self { nodes, running: BTreeMap::new(), _directory: directory };
        for name in FOUR {
            four.edit(name, "[followers]\n", &format!("[followers]\n{listed}"));
        }
        four
    }

    /// The same, with the four running.
    pub(crate) fn started(followers: &[&'static str]) -> Self {
        let mut four = Self::new(followers);
        for name in FOUR {
            four.start(name);
        }
        for name in FOUR {
            four.until_height(name, 2);
        }
        four
    }

    /// Replaces a part of a node's configuration.
    pub(crate) fn edit(&self, name: &str, part: &str, with: &str) {
        let path = self.directory(name).join("node.toml");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(part), "{text} lacks {part:?}");
        fs::write(path, text.replacen(part, with, 1)).unwrap();
    }

    pub(crate) fn config_file(&self, name: &str) -> String {
        path(self.directory(name).join("node.toml"))
    }

    /// Starts a node; its log begins anew.
    pub(crate) fn start(&mut self, name: &'static str) {
        let log = File::create(self.directory(name).join("log")).unwrap();
        let node = Command::new(env!("CARGO_BIN_EXE_gridaccord"))
            .args(["run", "--config", &self.config_file(name)])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.running.insert(name, node);
    }

    /// Kills a node.
    pub(crate) fn stop(&mut self, name: &str) {
        if let Some(mut node) = self.running.remove(name) {
            // It may have ended already.
            let _ = node.kill();
            node.wait().unwrap();
        }
    }

    /// The exit code of a node that has ended.
    pub(crate) fn ended(&mut self, name: &str) -> Option<i32> {
        self.running.get_mut(name)?.try_wait().unwrap().map(|status| status.code().unwrap_or(-1))
    }

    /// Waits until a node has ended; gives its exit code.
    #[track_caller]
    pub(crate) fn until_ended(&mut self, name: &str) -> i32 {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if let Some(code) = self.ended(name) {
                return code;
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("{name} still runs: {}", self.log(name));
    }
}

impl Drop for Four {
    fn drop(&mut self) {
        let names: Vec<_> = self.running.keys().copied().collect();
        for name in names {
            self.stop(name);
        }
    }
}

pub(crate) fn path(parts: PathBuf) -> String {
    parts.to_str().unwrap().to_owned()
}

/// Runs the program, which must succeed; gives what it prints.
fn does(args: &[&str]) -> String {
    let output = gridaccord(args);
    assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Loopback addresses nobody listens on, held all at once, so that no two are the same.
fn free_addresses(count: usize) -> Vec<String> {
    let free: Vec<_> =
        (0..count).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()).collect();
    free.iter().map(|listener| listener.local_addr().unwrap().to_string()).collect()
}
