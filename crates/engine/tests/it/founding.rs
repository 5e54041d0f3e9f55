//! Founding a chain over real sockets: meeting, generating the group key, coming back later, and disagreeing.

use super::common::{genesis, rotate};
use super::tcp::{free_addresses, now, reach};
use commonware_cryptography::Signer as _;
use commonware_runtime::Clock as _;
use gridaccord_engine::{
    Handle,
    simulation::Keys,
    tcp::{self, Context, Founding, Progress, Runtime, Safe, StartError, Task, Tcp},
};
use gridaccord_ledger::Genesis;
use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use zeroize::Zeroizing;

/// Secrets in memory: they outlive a node, not the test.
#[derive(Default)]
struct Pocket(Mutex<BTreeMap<String, Vec<u8>>>);

impl Safe for Pocket {
    fn put(&self, name: &str, secret: &[u8]) -> io::Result<()> {
        self.0.lock().unwrap().insert(name.into(), secret.to_vec());
        Ok(())
    }

    fn get(&self, name: &str) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        Ok(self.0.lock().unwrap().get(name).cloned().map(Zeroizing::new))
    }
}

impl Pocket {
    fn has(&self, name: &str) -> bool {
        self.0.lock().unwrap().contains_key(name)
    }
}

struct Founders {
    keys: Keys,
    genesis: Genesis,
    addresses: Vec<SocketAddr>,
    pockets: Vec<Arc<Pocket>>,
    told: Arc<Mutex<Vec<(usize, Progress)>>>,
    /// Who refuses a key for which shares were made public.
    strict: Option<usize>,
}

impl Founders {
    fn new(seed: u64, count: u16) -> Self {
        let keys = Keys::from_seed(seed, count).unwrap();
        let genesis = genesis(&keys, now());
        let addresses = free_addresses(count);
        let pockets = (0..count).map(|_| Arc::default()).collect();
        Self { keys, genesis, addresses, pockets, told: Arc::default(), strict: None }
    }

    async fn start(
        &self,
        context: &Context,
        node: usize,
        genesis: Genesis,
    ) -> Result<(Handle, Task), StartError> {
        let key = self.keys.nodes[node].clone();
        let peers = self.keys.nodes.iter().zip(&self.addresses).enumerate();
        let peers = peers
            .filter(|(other, _)| *other != node)
            .map(|(_, (key, address))| (key.public_key(), *address))
            .collect();
        let network =
            Tcp { key, listen: self.addresses[node], peers, local: true, followers: vec![] };
        let told = self.told.clone();
        let founding = Founding {
            genesis,
            safe: self.pockets[node].clone(),
            told: Arc::new(move |progress| told.lock().unwrap().push((node, progress))),
            refuse_revealed: self.strict == Some(node),
        };
        tcp::found(context, founding, format!("node-{node}"), network).await
    }

    /// A validator that dies as soon as it begins to deal: a start that is dropped stops.
    async fn cut_off(&self, context: &Context, node: usize) {
        let first = self.start(context, node, self.genesis.clone());
        let dealt = sleep_until(context, "it deals", || self.pockets[node].has("founding-seed-0"));
        futures::pin_mut!(first);
        futures::pin_mut!(dealt);
        futures::future::select(first, dealt).await;
        assert!(!self.pockets[node].has("share"), "it died too late for this test");
    }

    async fn start_all(&self, context: &Context, nodes: &[usize]) -> Vec<(Handle, Task)> {
        let starts = nodes.iter().map(|node| self.start(context, *node, self.genesis.clone()));
        futures::future::try_join_all(starts).await.unwrap()
    }
}

async fn sleep_until(context: &Context, what: &str, holds: impl Fn() -> bool) {
    for _ in 0..600 {
        if holds() {
            return;
        }
        context.sleep(Duration::from_millis(100)).await;
    }
    panic!("not within a minute: {what}");
}

#[test]
fn four_strangers_found_a_chain_and_come_back_to_it() {
    let founders = Founders::new(71, 4);
    let directory = tempfile::tempdir().unwrap();
    Runtime::new(directory.path())
        .run(|context| async move {
            let nodes = founders.start_all(&context, &[0, 1, 2, 3]).await;
            let group = nodes[0].0.chain().group().clone();
            assert!(nodes.iter().all(|(node, _)| *node.chain().group() == group), "one group key");
            assert_ne!(group, founders.keys.dealing.group, "nobody dealt it");
            let chain = founders.genesis.chain_id();
            reach(&context, &nodes[0].0, 1).await;
            nodes[0].0.submit(rotate(&chain, 1, 0)).await.unwrap();
            for (node, _) in &nodes {
                reach(&context, node, 3).await;
            }
            sleep_until(&context, "everybody knows that all have their share", || {
                founders.pockets.iter().all(|pocket| pocket.has("founding-complete"))
            })
            .await;
            let told = founders.told.lock().unwrap().clone();
            for node in 0..4 {
                assert!(told.contains(&(node, Progress::Generating)));
                assert!(told.contains(&(node, Progress::Founded)));
            }
            // One comes back to the chain it founded, without another ceremony.
            founders.told.lock().unwrap().clear();
            let mut nodes = nodes;
            let (_, task) = nodes.remove(2);
            task.abort();
            context.sleep(Duration::from_millis(500)).await;
            let (back, _task) =
                founders.start(&context, 2, founders.genesis.clone()).await.unwrap();
            assert_eq!(*back.chain().group(), group);
            reach(&context, &back, nodes[0].0.status().height + 2).await;
            let told = founders.told.lock().unwrap().clone();
            assert_eq!(told, [(2, Progress::Founded)]);
        })
        .unwrap();
}

#[test]
fn whoever_was_cut_off_in_the_ceremony_gets_its_share_later() {
    let founders = Founders::new(73, 4);
    let directory = tempfile::tempdir().unwrap();
    Runtime::new(directory.path())
        .run(|context| async move {
            let others = founders.start_all(&context, &[0, 1, 2]);
            let (others, ()) = futures::join!(others, founders.cut_off(&context, 3));
            for (node, _) in &others {
                reach(&context, node, 2).await;
            }
            let (late, _task) =
                founders.start(&context, 3, founders.genesis.clone()).await.unwrap();
            assert_eq!(late.chain().group(), others[0].0.chain().group());
            reach(&context, &late, others[0].0.status().height + 2).await;
        })
        .unwrap();
}

/// Its own founding ends there; that of the others, who take it as it is, goes on.
#[test]
fn who_refuses_revealed_shares_says_whose_they_are() {
    let mut founders = Founders::new(74, 4);
    founders.strict = Some(0);
    let directory = tempfile::tempdir().unwrap();
    Runtime::new(directory.path())
        .run(|context| async move {
            let others = async {
                let _founded = futures::join!(
                    founders.start_all(&context, &[1, 2]),
                    founders.cut_off(&context, 3)
                );
                futures::future::pending::<()>().await;
            };
            let strict = founders.start(&context, 0, founders.genesis.clone());
            futures::pin_mut!(others);
            futures::pin_mut!(strict);
            let futures::future::Either::Left((refused, _)) =
                futures::future::select(strict, others).await
            else {
                unreachable!("the others go on")
            };
            let absent = founders.keys.nodes[3].public_key();
            match refused {
                Err(StartError::SharesRevealed(keys)) => assert_eq!(keys, [absent]),
                other => panic!("{other:?}"),
            }
            assert!(!founders.pockets[0].has("founding-polynomial"), "it asks again next time");
        })
        .unwrap();
}

#[test]
fn another_genesis_is_shown_to_who_holds_this_one() {
    let founders = Founders::new(72, 4);
    let directory = tempfile::tempdir().unwrap();
    Runtime::new(directory.path())
        .run(|context| async move {
            let mut other = founders.genesis.clone();
            other.market.interval_s += 1;
            other.market.period_s += 1;
            let odd = founders.start(&context, 0, other.clone());
            let even = founders.start(&context, 1, founders.genesis.clone());
            let (odd, even) = futures::join!(odd, even);
            let Err(StartError::GenesisDiffers { peer, theirs }) = odd else {
                panic!("{odd:?}");
            };
            assert_eq!(*peer, founders.keys.nodes[1].public_key());
            assert_eq!(*theirs, founders.genesis);
            let Err(StartError::GenesisDiffers { peer, theirs }) = even else {
                panic!("{even:?}");
            };
            assert_eq!(*peer, founders.keys.nodes[0].public_key());
            assert_eq!(*theirs, other);
        })
        .unwrap();
}
