//! Real sockets and files: progress, a crash and a restart, and the check of what was stored.

use super::common::{genesis, rotate};
use commonware_cryptography::Signer as _;
use commonware_runtime::Clock as _;
use gridaccord_engine::{
    Chain, Config, Handle,
    replay::{Mismatch, replay},
    simulation::Keys,
    tcp::{self, Context, Runtime, Task, Tcp},
};
use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

struct Net {
    keys: Keys,
    chain: Chain,
    addresses: Vec<SocketAddr>,
}

impl Net {
    fn new(seed: u64, count: u16) -> Self {
        Self::since(seed, count, now())
    }

    fn since(seed: u64, count: u16, wall_start: u64) -> Self {
        let keys = Keys::from_seed(seed, count).unwrap();
        let chain = Chain::new(genesis(&keys, wall_start), keys.dealing.group.clone()).unwrap();
        Self { keys, chain, addresses: free_addresses(count) }
    }

    async fn start(&self, context: &Context, node: usize) -> (Handle, Task) {
        let key = self.keys.nodes[node].clone();
        let peers = self
            .keys
            .nodes
            .iter()
            .zip(&self.addresses)
            .enumerate()
            .filter(|(other, _)| *other != node);
        let peers = peers.map(|(_, (key, address))| (key.public_key(), *address)).collect();
        let tcp = Tcp { key, listen: self.addresses[node], peers, local: true, followers: vec![] };
        let share = self.keys.dealing.shares[&tcp.public_key()].clone();
        let config =
            Config::new(self.chain.clone(), tcp.public_key(), share, format!("node-{node}"));
        tcp::start(context, config, tcp).await.unwrap()
    }
}

/// Loopback addresses nobody listens on, held all at once, so that no two are the same.
pub(super) fn free_addresses(count: u16) -> Vec<SocketAddr> {
    let free: Vec<_> =
        (0..count).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()).collect();
    free.iter().map(|listener| listener.local_addr().unwrap()).collect()
}

pub(super) fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_millis()).unwrap()
}

/// Waits until a node has finalised a height.
pub(super) async fn reach(context: &Context, handle: &Handle, height: u64) {
    let mut blocks = handle.subscribe();
    let node = handle.clone();
    let reached = async move {
        while node.status().height < height {
            blocks.recv().await.expect("the node runs");
        }
    };
    let reached = context.timeout(Duration::from_secs(60), reached).await;
    assert!(reached.is_ok(), "{:?} after a minute, {height} wanted", handle.status());
}

#[test]
fn four_validators_over_loopback_with_a_crash() {
    let net = Net::new(61, 4);
    let directory = tempfile::tempdir().unwrap();
    let root = Runtime::new(directory.path())
        .run(|context| async move {
            let mut nodes = Vec::new();
            for node in 0..4 {
                nodes.push(net.start(&context, node).await);
            }
            for (handle, _) in &nodes {
                reach(&context, handle, 3).await;
            }
            let (_, task) = nodes.remove(3);
            task.abort();
            let chain = *net.chain.id();
            for round in 0..6 {
                nodes[0].0.submit(rotate(&chain, 1, round)).await.unwrap();
                let height = nodes[0].0.status().height + 1;
                reach(&context, &nodes[0].0, height).await;
            }
            let (handle, _task) = net.start(&context, 3).await;
            let goal = nodes[0].0.status().height + 2;
            reach(&context, &handle, goal).await;
            let block = handle.finalized_block(goal).await.unwrap();
            reach(&context, &nodes[0].0, goal).await;
            let same = nodes[0].0.finalized_block(goal).await.unwrap();
            assert_eq!(block.digest, same.digest);
            for (handle, _) in &nodes {
                reach(&context, handle, goal + 1).await;
            }
            (net, handle.status())
        })
        .unwrap();
    let (net, status) = root;
    check_stored_chain(directory.path(), &net.chain, status.height);
}

/// Where the child of the next test keeps its chain, and the time its chain starts at.
const CHILD: &str = "GRIDACCORD_ENGINE_TEST_CHILD";

/// Not a test by itself: four validators that run until they are killed, and say what they finalise.
#[test]
fn child_that_gets_killed() {
    let Ok(child) = env::var(CHILD) else { return };
    let (wall_start, directory) = child.split_once(' ').unwrap();
    let net = Net::since(63, 4, wall_start.parse().unwrap());
    Runtime::new(directory)
        .run(|context| async move {
            let mut nodes = Vec::new();
            for node in 0..4 {
                nodes.push(net.start(&context, node).await);
            }
            let mut blocks = nodes[0].0.subscribe();
            while let Some(block) = blocks.recv().await {
                println!("height {}", block.height);
            }
        })
        .unwrap();
}

#[test]
fn kill_nine_loses_nothing_final() {
    let directory = tempfile::tempdir().unwrap();
    let wall_start = now();
    let mut last = 0;
    for _ in 0..3 {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "it::tcp::child_that_gets_killed", "--nocapture"])
            .env(CHILD, format!("{wall_start} {}", directory.path().display()))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let goal = last + 4;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            if let Some(height) = line.unwrap().strip_prefix("height ") {
                let height = height.parse().unwrap();
                assert!(height > last, "{height} was final before the kill, after {last}");
                last = height;
            }
            if last >= goal {
                break;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(last >= goal, "the child ended at {last}, {goal} wanted");
    }
    let chain = Net::since(63, 4, wall_start).chain;
    let stored = replay(directory.path(), "node-0", &chain, &mut |_| {}).unwrap();
    assert_eq!(stored.mismatch, None);
    assert!(stored.blocks >= last, "{stored:?}, {last} was final");
}

/// Seven validators in one process, one command at a time: how long from proposal to final, on real sockets and
/// files.
#[test]
fn finality_of_seven_validators() {
    const BLOCKS: u64 = 60;
    let net = Net::new(62, 7);
    let directory = tempfile::tempdir().unwrap();
    let mut finality: Vec<u64> = Runtime::new(directory.path())
        .run(|context| async move {
            let mut nodes = Vec::new();
            for node in 0..7 {
                nodes.push(net.start(&context, node).await);
            }
            let mut streams: Vec<_> = nodes.iter().map(|(handle, _)| handle.subscribe()).collect();
            reach(&context, &nodes[0].0, 5).await;
            let chain = *net.chain.id();
            for round in 0..BLOCKS {
                let height = nodes[0].0.status().height;
                let member = u16::try_from(round % 7).unwrap();
                nodes[usize::from(member)]
                    .0
                    .submit(rotate(&chain, member, round / 7))
                    .await
                    .unwrap();
                reach(&context, &nodes[0].0, height + 1).await;
            }
            let mut finality = Vec::new();
            for stream in &mut streams {
                while let Ok(block) = stream.try_recv() {
                    finality.extend(block.finality_ms);
                }
            }
            finality
        })
        .unwrap();
    finality.sort_unstable();
    let at = |percent: usize| finality[(finality.len() - 1) * percent / 100];
    println!("finality of {} blocks: p50 {} ms, p95 {} ms", finality.len(), at(50), at(95));
    assert!(finality.len() as u64 >= BLOCKS && at(50) < 1_000);
}

/// The stored chain holds; with one byte of a block changed it does not.
fn check_stored_chain(directory: &Path, chain: &Chain, height: u64) {
    let mut heights = Vec::new();
    let good = replay(directory, "node-0", chain, &mut |block| heights.push(block.height)).unwrap();
    assert_eq!(good.mismatch, None);
    assert!(good.blocks + 2 >= height && good.blocks > 8, "{good:?}, {height}");
    assert!(good.certificates > 0);
    assert_eq!(heights, (1..=good.blocks).collect::<Vec<_>>());

    let values = directory.join("node-0-blocks-values");
    let file = fs::read_dir(&values).unwrap().next().unwrap().unwrap().path();
    let bytes = fs::read(&file).unwrap();
    let mut changed = bytes.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    fs::write(&file, &changed).unwrap();
    let bad = replay(directory, "node-0", chain, &mut |_| {}).unwrap();
    assert!(
        matches!(bad.mismatch, Some(Mismatch::Block { .. } | Mismatch::Parent { .. })),
        "{bad:?}"
    );
    assert!(bad.blocks < good.blocks);
    fs::write(&file, &bytes).unwrap();

    let other = Keys::from_seed(99, 4).unwrap();
    let foreign = Chain::new(genesis(&other, 0), other.dealing.group.clone()).unwrap();
    let bad = replay(directory, "node-0", &foreign, &mut |_| {}).unwrap();
    assert_eq!(bad.mismatch, Some(Mismatch::Parent { height: 1 }));
    assert!(replay(directory, "node-9", chain, &mut |_| {}).is_err());
}
