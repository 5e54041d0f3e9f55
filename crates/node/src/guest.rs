//! An agent beside somebody else's node: events and commands over HTTP.
//!
//! The node is not trusted with anything but delivery: it cannot sign for the member, and what it withholds the
//! member notices by its bills, which light proofs check.

use gridaccord_agent::{Agent, Observed};
use gridaccord_api::{
    client::{Client, ClientError},
    view::{command::SubmittedStatus, event::Topic},
};
use gridaccord_ledger::{Digest, SignedCommand};
use std::time::Duration;
use tokio::{sync::mpsc, time::sleep};
use tracing::debug;

/// How long a node may take to bring a command into a final block before it is asked about again.
const RECEIPT_WAIT: Duration = Duration::from_secs(10);
/// Between attempts while a node is not there yet.
const RETRY: Duration = Duration::from_millis(250);

/// Blocks before its start that an agent is shown, for the gates that opened in them.
const CATCH_UP_BLOCKS: u64 = 128;

/// What became of a command.
enum Fate {
    /// The ledger used up its nonce.
    Used { nonce: u64, id: Digest },
    /// The member's next nonce is another than the command's.
    Behind { next: u64 },
    /// Nothing is known; the agent sends it again later.
    Unknown,
}

/// Drives an agent until the node's address turns out to be none.
///
/// # Errors
/// [`ClientError`], where trying again is no use.
pub async fn drive(client: &Client, agent: &mut Agent) -> Result<(), ClientError> {
    let me = agent.member().0.to_string();
    let (outgoing, fates) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
    let (send, mut fate) = (outgoing.0, fates.1);
    let sender = deliver(client.clone(), me.clone(), outgoing.1, fates.0);

    let listen = async {
        agent.begin(next_nonce(client, &me).await?);
        // Gates that opened before this member was there are still open to it.
        let since = client.status().await?.height.saturating_sub(CATCH_UP_BLOCKS);
        let mut events = client.events(&[Topic::Gate, Topic::Market], Some(&me)).after(since);
        loop {
            tokio::select! {
                block = events.next() => {
                    let block = block?;
                    let now = block.ledger_time;
                    let seen = Observed { height: block.height, now, events: &block.events, commands: &[] };
                    for command in agent.observe(&seen) {
                        // The receiver lives as long as this loop.
                        let _ = send.send(command);
                    }
                }
                Some(fate) = fate.recv() => match fate {
                    Fate::Used { nonce, id } => agent.confirm(nonce, id),
                    Fate::Behind { next } => agent.rebase(next),
                    Fate::Unknown => {}
                }
            }
        }
    };
    tokio::select! {
        ended = listen => ended,
        () = sender => Ok(()),
    }
}

/// The member's next nonce; waits for the node to be there.
async fn next_nonce(client: &Client, member: &str) -> Result<u64, ClientError> {
    loop {
        match client.member(member).await {
            Ok(view) => return Ok(view.nonce),
            Err(error) if error.is_passing() => sleep(RETRY).await,
            Err(error) => return Err(error),
        }
    }
}

/// Sends commands one after the other, so that they arrive in the order of their nonces.
async fn deliver(
    client: Client,
    member: String,
    mut commands: mpsc::UnboundedReceiver<SignedCommand>,
    fates: mpsc::UnboundedSender<Fate>,
) {
    while let Some(command) = commands.recv().await {
        let fate = match client.submit(&command, Some(RECEIPT_WAIT)).await {
            Ok(taken) if taken.status == SubmittedStatus::Accepted => {
                Fate::Used { nonce: command.nonce, id: command.id() }
            }
            Ok(_) => Fate::Unknown,
            Err(error) => {
                debug!(member, nonce = command.nonce, "command not taken: {error}");
                match error.rule() {
                    Some("C2") => match next_nonce(&client, &member).await {
                        Ok(next) => Fate::Behind { next },
                        Err(_) => Fate::Unknown,
                    },
                    Some("C1" | "C3") | None => Fate::Unknown,
                    Some(_) => Fate::Used { nonce: command.nonce, id: command.id() },
                }
            }
        };
        if fates.send(fate).is_err() {
            return;
        }
    }
}
