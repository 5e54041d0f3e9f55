//! Commands between validators: each is checked where it enters, sent once to every other validator, checked
//! again there, and never passed on. What was submitted here is sent again every second until it is in a block,
//! because a message may be lost.

use crate::{
    application::members,
    clock,
    mempool::{Admitted, Refused, check},
    node_state::Shared,
    state::{Databases, Latest},
};
use bytes::Bytes;
use commonware_codec::{DecodeExt as _, Encode as _, EncodeSize as _};
use commonware_macros::select_loop;
use commonware_p2p::{Receiver, Recipients, Sender};
use commonware_runtime::Spawner;
use commonware_storage::Context;
use gridaccord_ledger::{Digest, SignedCommand, command::COMMAND_SIZE_MAX};
use std::{sync::Arc, time::Duration};
use tokio::sync::mpsc;

/// Commands between a submission and its sending.
pub(crate) const OUTBOX: usize = 1_024;
/// How often local commands are sent again.
const RESEND_EVERY: Duration = Duration::from_secs(1);
/// Commands sent again at once.
const RESEND_MAX: usize = 64;
/// Bytes of a message.
pub(crate) const MESSAGE_SIZE_MAX: usize = COMMAND_SIZE_MAX;

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
    /// Checks a command against the last finalised state and keeps it.
    pub(crate) async fn admit(
        &self,
        command: SignedCommand,
        local: bool,
    ) -> Result<Admitted, Refused> {
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
        let admitted = self.shared.mempool.lock().admit(command, member.nonce, local)?;
        if let Admitted::New(_) = admitted {
            self.shared.ring();
        }
        Ok(admitted)
    }
}

/// Serves the command channel until the node stops.
pub(crate) async fn run<E: Context + Spawner>(
    context: E,
    intake: Intake<E>,
    mut outbox: mpsc::Receiver<Bytes>,
    (mut sender, mut receiver): (impl Sender, impl Receiver<PublicKey = crate::chain::PublicKey>),
) {
    let mut resend = clock::now(&context);
    select_loop! {
        context,
        on_start => {
            let tick = context.sleep_until(clock::system_time(resend));
        },
        on_stopped => {},
        Some(message) = outbox.recv() else break => {
            sender.send(Recipients::All, message, false);
        },
        Ok((peer, message)) = receiver.recv() else break => {
            intake.shared.heard(peer.clone());
            if message.len() > MESSAGE_SIZE_MAX {
                continue;
            }
            let Ok(command) = SignedCommand::decode(message) else {
                tracing::debug!(%peer, "message is not a command");
                continue;
            };
            if let Err(refused) = intake.admit(command, false).await {
                tracing::debug!(%peer, %refused, "command of a peer refused");
            }
        },
        _ = tick => {
            resend = clock::after(clock::now(&context), u64::try_from(RESEND_EVERY.as_millis()).unwrap_or(u64::MAX));
            let local = intake.shared.mempool.lock().local(RESEND_MAX);
            for command in local {
                sender.send(Recipients::All, command.encode(), false);
            }
        },
    }
}

/// A submission's way in: admits, then hands over for sending.
pub(crate) async fn submit<E: Context + Spawner>(
    intake: &Intake<E>,
    outbox: &mpsc::Sender<Bytes>,
    command: SignedCommand,
) -> Result<Digest, Refused> {
    let message = command.encode();
    match intake.admit(command, true).await? {
        Admitted::Known(id) => Ok(id),
        Admitted::New(id) => {
            // A full outbox is no loss: what stays in the mempool is sent again.
            match outbox.try_send(message) {
                Ok(()) | Err(mpsc::error::TrySendError::Full(_)) => Ok(id),
                Err(mpsc::error::TrySendError::Closed(_)) => Err(Refused::Stopping),
            }
        }
    }
}
