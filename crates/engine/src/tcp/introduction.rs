//! Introductions: validators tell each other which genesis they hold, and who has a share of the group key.
//!
//! Connections are authenticated by node keys, so a peer speaks for itself. Whoever holds another genesis gets
//! ours, and sends its own: people must see in which field the two differ.

use super::{Channel, Context};
use crate::chain::PublicKey;
use commonware_codec::{Decode as _, Encode as _};
use commonware_macros::select_loop;
use commonware_p2p::{Receiver as _, Recipients, Sender as _};
use commonware_runtime::{Clock as _, Spawner as _};
use gridaccord_ledger::{Digest, Genesis};
use gridaccord_model::codec_union;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tokio::sync::watch;

/// Bytes of a message: a genesis document with the most members, and a margin.
pub(super) const MESSAGE_SIZE_MAX: usize = 512 * 1_024;
/// Between two greetings while somebody lacks its share, and afterwards.
const GREET_EVERY: Duration = Duration::from_millis(500);
const GREET_EVERY_LATER: Duration = Duration::from_secs(5);

/// What validators tell each other.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "never more than one at a time")]
enum Introduction {
    /// Which chain, and whether the sender has its share.
    Greeting { chain: Digest, founded: bool },
    /// The sender's genesis, for who holds another one.
    Document { genesis: Genesis },
}

codec_union!(Introduction { Greeting = 0 { chain, founded }, Document = 1 { genesis } });

/// What is known of the other validators.
#[derive(Clone, Debug, Default)]
pub(super) struct Met {
    /// Those with this genesis; true for who has its share.
    pub(super) agreeing: BTreeMap<PublicKey, bool>,
    /// The first one with another genesis.
    pub(super) differing: Option<(PublicKey, Genesis)>,
}

impl Met {
    /// Whether all these have their share.
    pub(super) fn founded(&self, others: &BTreeSet<PublicKey>) -> bool {
        others.iter().all(|other| self.agreeing.get(other) == Some(&true))
    }
}

/// Greets the others for as long as the node runs. `founded` turns true once this node has its share.
pub(super) async fn run(
    context: Context,
    genesis: Genesis,
    others: BTreeSet<PublicKey>,
    (mut sender, mut receiver): Channel,
    founded: watch::Receiver<bool>,
    met: watch::Sender<Met>,
) {
    let chain = genesis.chain_id();
    let mut next = context.current();
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
                Ok(Introduction::Greeting { chain: theirs, founded }) if theirs == chain => {
                    met.send_if_modified(|met| met.agreeing.insert(peer, founded) != Some(founded));
                }
                Ok(Introduction::Greeting { .. }) => {
                    let document = Introduction::Document { genesis: genesis.clone() };
                    sender.send(Recipients::One(peer), document.encode(), false);
                }
                Ok(Introduction::Document { genesis: theirs }) if theirs.chain_id() != chain => {
                    tracing::error!(%peer, "this validator holds another genesis");
                    met.send_if_modified(|met| {
                        let first = met.differing.is_none();
                        met.differing.get_or_insert((peer, theirs));
                        first
                    });
                }
                Ok(Introduction::Document { .. }) => {}
                Err(error) => tracing::debug!(%peer, %error, "message is no introduction"),
            }
        },
        _ = tick => {
            let founded = *founded.borrow();
            let greeting = Introduction::Greeting { chain, founded };
            sender.send(Recipients::All, greeting.encode(), false);
            let all = founded && met.borrow().founded(&others);
            next = context.current() + if all { GREET_EVERY_LATER } else { GREET_EVERY };
        },
    }
}
