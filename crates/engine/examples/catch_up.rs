//! How long nodes take to come to the tip of a chain of many blocks, over TCP on loopback with real stores: a
//! validator that was away for all of them, a follower that copies the state, and one that executes every block.
//!
//! `cargo run --release -p gridaccord-engine --example catch_up -- 1000`

#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on fails")]

use commonware_cryptography::{Signer as _, ed25519};
use commonware_runtime::Clock as _;
use gridaccord_engine::{
    Chain, Config, Handle,
    follow::{Following, Start},
    simulation::Keys,
    tcp::{self, Context, Runtime, Task, Tcp},
};
use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/it/common.rs"]
mod common;

const VALIDATORS: u16 = 4;

struct Net {
    keys: Keys,
    followers: Vec<ed25519::PrivateKey>,
    chain: Chain,
    addresses: Vec<SocketAddr>,
}

impl Net {
    fn new() -> Self {
        let keys = Keys::from_seed(1, VALIDATORS).unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let genesis = common::genesis(&keys, u64::try_from(now).unwrap());
        let chain = Chain::new(genesis, keys.dealing.group.clone()).unwrap();
        let followers = (0..2).map(|n| ed25519::PrivateKey::from_seed(9_000 + n)).collect();
        let free: Vec<_> = (0..VALIDATORS + 2)
            .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap())
            .collect();
        let addresses = free.iter().map(|listener| listener.local_addr().unwrap()).collect();
        Self { keys, followers, chain, addresses }
    }

    async fn start(&self, context: &Context, node: usize, start: Start) -> (Handle, Task) {
        let (voters, watchers) = self.addresses.split_at(self.keys.nodes.len());
        let listed = |keys: &[ed25519::PrivateKey], addresses: &[SocketAddr]| {
            let listed = keys.iter().map(|key| key.public_key()).zip(addresses.iter().copied());
            listed.filter(|(_, address)| *address != self.addresses[node]).collect::<Vec<_>>()
        };
        let (peers, name) = (listed(&self.keys.nodes, voters), format!("node-{node}"));
        let follower = node.checked_sub(voters.len());
        let key = match follower {
            Some(follower) => self.followers[follower].clone(),
            None => self.keys.nodes[node].clone(),
        };
        let (public, chain) = (key.public_key(), self.chain.clone());
        let (config, followers) = match follower {
            Some(_) => (Config::follower(chain, public, Following::new(start), name), Vec::new()),
            None => {
                let share = self.keys.dealing.shares[&public].clone();
                (Config::new(chain, public, share, name), listed(&self.followers, watchers))
            }
        };
        let tcp = Tcp { key, listen: self.addresses[node], peers, followers, local: true };
        tcp::start(context, config, tcp).await.unwrap()
    }

    /// Starts a node and says how long it takes to the tip.
    async fn time(&self, context: &Context, what: &str, node: usize, start: Start, tip: &Handle) {
        let began = Instant::now();
        let (handle, _) = self.start(context, node, start).await;
        let open = began.elapsed();
        let at = handle.status().height;
        while handle.status().height < tip.status().height {
            context.sleep(Duration::from_millis(5)).await;
        }
        println!(
            "{what}: open after {open:.2?} at height {at}, at the tip ({}) after {:.2?}",
            handle.status().height,
            began.elapsed()
        );
    }
}

/// Makes blocks as fast as the validators agree on them, one small command in each. The member's key is of `round`;
/// gives the next round.
async fn make(handle: &Handle, height: u64, mut round: u64) -> u64 {
    let chain = handle.chain_id();
    let mut blocks = handle.subscribe();
    while handle.status().height < height {
        handle.submit(common::rotate(&chain, 0, round)).await.unwrap();
        // As a rule the next block has it; a later one may.
        loop {
            let block = blocks.recv().await.unwrap();
            if block.outcome.receipts.iter().any(|receipt| receipt.nonce == round) {
                break;
            }
        }
        round += 1;
    }
    round
}

fn main() {
    let blocks: u64 = std::env::args().nth(1).map_or(1_000, |text| text.parse().unwrap());
    let net = Net::new();
    let directory = tempfile::tempdir().unwrap();
    Runtime::new(directory.path())
        .run(|context| async move {
            let mut nodes = Vec::new();
            for node in 0..usize::from(VALIDATORS) {
                nodes.push(net.start(&context, node, Start::Recent).await);
            }
            let tip = nodes[0].0.clone();
            while tip.status().height == 0 {
                context.sleep(Duration::from_millis(50)).await;
            }
            let round = make(&tip, 5, 0).await;
            nodes.remove(3).1.abort();
            let began = Instant::now();
            let start = tip.status().height;
            make(&tip, start + blocks, round).await;
            println!("{blocks} blocks in {:.1?}", began.elapsed());
            net.time(&context, "restart of a validator", 3, Start::Recent, &tip).await;
            net.time(&context, "state sync of a follower", 4, Start::Recent, &tip).await;
            net.time(&context, "every block of a follower", 5, Start::Genesis, &tip).await;
        })
        .unwrap();
}
