//! Introductions: validators tell each other which genesis they hold, and how far each is with its share of the group
//! key.
//!
//! Connections are authenticated by node keys, so a peer speaks for itself. Whoever holds another genesis gets
//! ours, now and then, and sends its own: people must see in which field the two differ.

use super::{Channel, Context};
use crate::chain::PublicKey;
use commonware_codec::{Decode as _, Encode as _};
use commonware_macros::select_loop;
use commonware_p2p::{Receiver as _, Recipients, Sender as _};
use commonware_runtime::{Clock as _, Spawner as _};
use gridaccord_ledger::{Digest, Genesis};
use gridaccord_model::{codec_enum, codec_union};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime},
};
use tokio::sync::watch;

/// Bytes of a message: a genesis document with the most members, and a margin.
pub(super) const MESSAGE_SIZE_MAX: usize = 512 * 1_024;
/// Between two greetings while somebody lacks its share, and afterwards.
const GREET_EVERY: Duration = Duration::from_millis(500);
const GREET_EVERY_LATER: Duration = Duration::from_secs(5);

/// Between two documents sent to one peer.
const DOCUMENT_EVERY: Duration = Duration::from_secs(1);
/// A peer that greeted within this time is there.
const RECENT: Duration = Duration::from_secs(5);

/// How far a validator is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// It waits for the others.
    Meeting,
    /// It takes part in the ceremony.
    Generating,
    /// It has its share.
    Founded,
}

codec_enum!(Stage { Meeting = 0, Generating = 1, Founded = 2 });

/// What validators tell each other.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "never more than one at a time")]
enum Introduction {
    /// Which chain, and how far the sender is.
    Greeting { chain: Digest, stage: Stage },
    /// The sender's genesis, for who holds another one.
    Document { genesis: Genesis },
}

codec_union!(Introduction { Greeting = 0 { chain, stage }, Document = 1 { genesis } });

/// What is known of the other validators.
#[derive(Clone, Debug, Default)]
pub(super) struct Met {
    /// Those with this genesis: how far they are, and when they last said so.
    agreeing: BTreeMap<PublicKey, (Stage, SystemTime)>,
    /// The first one with another genesis.
    pub(super) differing: Option<(PublicKey, Genesis)>,
}

impl Met {
    /// Whether all these have their share.
    pub(super) fn founded(&self, others: &BTreeSet<PublicKey>) -> bool {
        others.iter().all(|other| self.stage(other) == Some(Stage::Founded))
    }

    /// How many have begun to generate the key.
    pub(super) fn begun(&self) -> usize {
        self.agreeing.values().filter(|(stage, _)| *stage >= Stage::Generating).count()
    }

    /// Which of these have not been heard lately.
    pub(super) fn missing(&self, others: &BTreeSet<PublicKey>, now: SystemTime) -> Vec<PublicKey> {
        let is_there = |other: &&PublicKey| {
            let heard = self.agreeing.get(*other).map(|(_, heard)| *heard);
            heard.is_some_and(|heard| now.duration_since(heard).is_ok_and(|age| age < RECENT))
        };
        others.iter().filter(|other| !is_there(other)).cloned().collect()
    }

    fn stage(&self, other: &PublicKey) -> Option<Stage> {
        self.agreeing.get(other).map(|(stage, _)| *stage)
    }
}

/// Greets the others for as long as the node runs. `own` is how far this node is.
pub(super) async fn run(
    context: Context,
    genesis: Genesis,
    others: BTreeSet<PublicKey>,
    (mut sender, mut receiver): Channel,
    own: watch::Receiver<Stage>,
    met: watch::Sender<Met>,
) {
    let chain = genesis.chain_id();
    let mut next = context.current();
    let mut answered: BTreeMap<PublicKey, SystemTime> = BTreeMap::new();
    select_loop! {
        context,
        on_start => {
            let tick = context.sleep_until(next);
        },
        on_stopped => {},
        Ok((peer, message)) = receiver.recv() else break => {
            if message.len() > MESSAGE_SIZE_MAX {
                continue;
            }
            match Introduction::decode_cfg(message, &()) {
                Ok(Introduction::Greeting { chain: theirs, stage }) if theirs == chain => {
                    let now = context.current();
                    met.send_modify(|met| {
                        met.agreeing.insert(peer, (stage, now));
                    });
                }
                Ok(Introduction::Greeting { .. }) => {
                    let now = context.current();
                    let last = answered.get(&peer).copied().unwrap_or(SystemTime::UNIX_EPOCH);
                    if now.duration_since(last).is_ok_and(|since| since >= DOCUMENT_EVERY) {
                        let document = Introduction::Document { genesis: genesis.clone() };
                        sender.send(Recipients::One(peer.clone()), document.encode(), false);
                        answered.insert(peer, now);
                    }
                }
                Ok(Introduction::Document { genesis: theirs }) if theirs.chain_id() != chain => {
                    met.send_if_modified(|met| {
                        let first = met.differing.is_none();
                        if first {
                            tracing::error!(%peer, "this validator holds another genesis");
                            met.differing = Some((peer, theirs));
                        }
                        first
                    });
                }
                Ok(Introduction::Document { .. }) => {}
                Err(error) => tracing::debug!(%peer, %error, "message is no introduction"),
            }
        },
        _ = tick => {
            let stage = *own.borrow();
            let greeting = Introduction::Greeting { chain, stage };
            sender.send(Recipients::All, greeting.encode(), false);
            let all = stage == Stage::Founded && met.borrow().founded(&others);
            next = context.current() + if all { GREET_EVERY_LATER } else { GREET_EVERY };
        },
    }
}
