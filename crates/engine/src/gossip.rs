//! Commands between validators: each is checked where it enters, sent once to every other validator, checked
//! again there, and never passed on. What was submitted here is sent again every second until it is in a block,
//! because a message may be lost. What comes together goes together, and its signatures are checked in one batch.

use crate::{
    application::members,
    chain::PublicKey,
    clock,
    mempool::{Admitted, Refused, check},
    node_state::Shared,
    state::{Databases, Latest},
};
use commonware_codec::{DecodeExt as _, Encode as _, EncodeSize as _};
use commonware_macros::select_loop;
use commonware_p2p::{Receiver, Recipients, Sender};
use commonware_runtime::Spawner;
use commonware_storage::Context;
use futures::future::{self, Either};
use gridaccord_ledger::{
    Digest, SignedCommand,
    command::{COMMAND_SIZE_MAX, verify_all},
};
use gridaccord_model::{MemberId, codec::Bounded};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::sync::mpsc;

/// Commands between a submission and its sending.
pub(crate) const OUTBOX: usize = 1_024;
/// Messages to one peer are this far apart; what comes in between goes with the next one.
const SEND_EVERY: Duration = Duration::from_millis(25);
/// How often local commands are sent again.
const RESEND_EVERY: Duration = Duration::from_secs(1);
/// Commands sent again at once.
const RESEND_MAX: usize = 64;
/// Commands in one message.
const BATCH_MAX: usize = 512;
/// Bytes of a message: the largest command, and the count before it.
pub(crate) const MESSAGE_SIZE_MAX: usize = COMMAND_SIZE_MAX + 8;

/// Commands that travel together.
type Batch = Bounded<SignedCommand, BATCH_MAX>;

/// Takes commands in, from members here and from other validators.
pub(crate) struct Intake<E: Context + Spawner> {
    pub(crate) shared: Arc<Shared>,
    pub(crate) databases: Databases<E>,
}

impl<E: Context + Spawner> Clone for Intake<E> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), databases: self.databases.clone() }
    }
}

impl<E: Context + Spawner> Intake<E> {
    /// Checks a command submitted here against the last finalised state and keeps it.
    async fn admit(&self, command: SignedCommand) -> Result<Admitted, Refused> {
        let size = command.encode_size();
        if size > COMMAND_SIZE_MAX {
            return Err(Refused::TooLarge { size });
        }
        let id = command.member;
        let member = members(&Latest::<E>(&self.databases), &[id])
            .await
            .remove(&id)
            .ok_or(Refused::MemberUnknown(id))?;
        check(&command, member.nonce)?;
        if !command.verify(self.shared.chain.id(), &member.key) {
            return Err(Refused::SignatureWrong(id));
        }
        let admitted = self.shared.mempool.lock().admit(command, member.nonce, true)?;
        if let Admitted::New(_) = admitted {
            self.shared.ring();
        }
        Ok(admitted)
    }

    /// Checks commands of a peer against the last finalised state and keeps those that hold.
    async fn admit_all(&self, commands: Batch, peer: &PublicKey) {
        let ids: BTreeSet<MemberId> = commands.iter().map(|command| command.member).collect();
        let ids: Vec<MemberId> = ids.into_iter().collect();
        let members = members(&Latest::<E>(&self.databases), &ids).await;
        let mut fresh = Vec::new();
        let mut seen = BTreeSet::new();
        {
            let mempool = self.shared.mempool.lock();
            for command in commands.into_inner() {
                let Some(member) = members.get(&command.member) else { continue };
                let place = (command.member, command.nonce);
                let is_new = !mempool.holds(place.0, place.1) && seen.insert(place);
                if is_new && check(&command, member.nonce).is_ok() {
                    fresh.push((command, member));
                }
            }
        }
        let chain = self.shared.chain.id();
        let all_signed =
            verify_all(chain, fresh.iter().map(|(command, member)| (command, &member.key)));
        let mut new = false;
        for (command, member) in fresh {
            if !all_signed && !command.verify(chain, &member.key) {
                // Whoever sends what is not signed has no claim to have the rest checked one by one.
                tracing::debug!(%peer, member = %command.member, "command of a peer is not signed");
                break;
            }
            match self.shared.mempool.lock().admit(command, member.nonce, false) {
                Ok(admitted) => new |= matches!(admitted, Admitted::New(_)),
                Err(refused) => tracing::debug!(%peer, %refused, "command of a peer refused"),
            }
        }
        if new {
            self.shared.ring();
        }
    }
}

/// Sends commands in as few messages as they fit.
fn send(sender: &mut impl Sender, commands: impl IntoIterator<Item = Arc<SignedCommand>>) {
    let mut batch = Vec::new();
    let mut size = 0;
    let mut flush = |batch: &mut Vec<SignedCommand>| {
        let whole = Batch::new(std::mem::take(batch)).expect("cut below the bound");
        if !whole.is_empty() {
            sender.send(Recipients::All, whole.encode(), false);
        }
    };
    for command in commands {
        let more = command.encode_size();
        if size + more > COMMAND_SIZE_MAX || batch.len() == BATCH_MAX {
            flush(&mut batch);
            size = 0;
        }
        size += more;
        batch.push((*command).clone());
    }
    flush(&mut batch);
}

/// Serves the command channel until the node stops.
pub(crate) async fn run<E: Context + Spawner>(
    context: E,
    intake: Intake<E>,
    mut outbox: mpsc::Receiver<Arc<SignedCommand>>,
    (mut sender, mut receiver): (impl Sender, impl Receiver<PublicKey = PublicKey>),
) {
    let mut resend = clock::now(&context);
    let mut send_next = context.current();
    let mut pending: Vec<Arc<SignedCommand>> = Vec::new();
    select_loop! {
        context,
        on_start => {
            let tick = context.sleep_until(clock::system_time(resend));
            let flush = match pending.is_empty() {
                true => Either::Left(future::pending()),
                false => Either::Right(context.sleep_until(send_next)),
            };
        },
        on_stopped => {},
        Some(first) = outbox.recv() else break => {
            pending.push(first);
            pending.extend(std::iter::from_fn(|| outbox.try_recv().ok()).take(OUTBOX));
        },
        _ = flush => {
            send(&mut sender, pending.drain(..));
            send_next = context.current() + SEND_EVERY;
        },
        Ok((peer, message)) = receiver.recv() else break => {
            intake.shared.heard(peer.clone());
            if message.len() > MESSAGE_SIZE_MAX {
                continue;
            }
            match Batch::decode(message) {
                Ok(commands) => intake.admit_all(commands, &peer).await,
                Err(_) => tracing::debug!(%peer, "message holds no commands"),
            }
        },
        _ = tick => {
            resend = clock::after(clock::now(&context), u64::try_from(RESEND_EVERY.as_millis()).unwrap_or(u64::MAX));
            let local = intake.shared.mempool.lock().local(RESEND_MAX);
            send(&mut sender, local);
        },
    }
}

/// A submission's way in: admits, then hands over for sending.
pub(crate) async fn submit<E: Context + Spawner>(
    intake: &Intake<E>,
    outbox: &mpsc::Sender<Arc<SignedCommand>>,
    command: SignedCommand,
) -> Result<Digest, Refused> {
    let sent = Arc::new(command.clone());
    match intake.admit(command).await? {
        Admitted::Known(id) => Ok(id),
        Admitted::New(id) => {
            // A full outbox is no loss: what stays in the mempool is sent again.
            match outbox.try_send(sent) {
                Ok(()) | Err(mpsc::error::TrySendError::Full(_)) => Ok(id),
                Err(mpsc::error::TrySendError::Closed(_)) => Err(Refused::Stopping),
            }
        }
    }
}
