//! The adapter between the pure ledger and the consensus engine, and the only crate that names the engine's
//! consensus, network, runtime and storage.
//!
//! A validator is one task: votes and blocks over an authenticated network, a mempool, the ledger executed
//! against two authenticated databases, and an archive of final blocks. Finality takes three network delays. A
//! follower is the same without a vote.
//!
//! | to | see |
//! |---|---|
//! | make keys and the group's polynomial for genesis | [`deal`] |
//! | run a validator over TCP | [`tcp`] |
//! | follow a chain without a vote | [`follow`], [`Config::follower`] |
//! | submit, subscribe, read, prove | [`Handle`] |
//! | check a proof anywhere | [`light::verify`] |
//! | check a stored chain | [`replay::replay`] |
//! | run many validators from one seed | `simulation`, feature `simulation` |
//!
//! ```no_run
//! use gridaccord_engine::{deal, light, tcp, Chain, Config, Handle};
//! # fn sketch(genesis: gridaccord_ledger::Genesis, group: gridaccord_ledger::Group, node_key: gridaccord_engine::NodeKey,
//! #     share: gridaccord_engine::Share, command: gridaccord_ledger::SignedCommand,
//! #     key: gridaccord_ledger::Key, peers: Vec<(gridaccord_engine::PublicKey, std::net::SocketAddr)>)
//! #     -> Result<(), Box<dyn std::error::Error>> {
//! let chain = Chain::new(genesis, group)?;
//! let network = tcp::Tcp { key: node_key, listen: "127.0.0.1:4000".parse()?, peers, local: true, followers: vec![] };
//! let config = Config::new(chain.clone(), network.public_key(), share, "node");
//! // One runtime may carry several validators: call `tcp::start` once for each, with different prefixes.
//! tcp::Runtime::new("data").run(|context| async move {
//!     let (handle, task) = tcp::start(&context, config, network).await.expect("key and share fit");
//!     let mut blocks = handle.subscribe();
//!     let id = handle.submit(command).await;
//!     while let Some(block) = blocks.recv().await {
//!         println!("{} {:?} {:?}", block.height, block.outcome.events, id);
//!         if let Some(proof) = handle.proof(key).await {
//!             light::verify(&chain.group().key, chain.id(), &proof).expect("own proofs hold");
//!         }
//!     }
//!     task.ended().await
//! })?;
//! # Ok(()) }
//! ```

#![warn(missing_docs)]

pub mod block;
pub mod bodies;
pub mod chain;
pub mod follow;
pub mod handle;
pub mod light;
pub mod mempool;
pub mod node;
pub mod pace;
pub mod replay;
#[cfg(feature = "simulation")]
pub mod simulation;
pub mod tcp;
mod agreement;
mod application;
mod beacon;
mod clock;
mod gossip;
mod node_state;
mod service;
mod state;
mod voters;

pub use application::{Draft, Meddle};
pub use chain::{Chain, Dealing, PublicKey, Share, deal};
pub use commonware_cryptography::ed25519::PrivateKey as NodeKey;
pub use handle::{Archived, Finalized, Handle, Status};
pub use light::LightProof;
pub use mempool::Refused;
pub use node::Config;
