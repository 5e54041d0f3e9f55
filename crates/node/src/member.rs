//! An agent in the validator it runs in: blocks from the engine, commands to its mempool.

use gridaccord_agent::{Agent, Observed};
use gridaccord_engine::{Finalized, Handle};
use gridaccord_ledger::{
    BodyId, Digest, Key, Lookup, Missing, Payload, Read, Record, SignedCommand,
    genesis::Clock,
    survey::{Survey, survey},
};
use gridaccord_model::MemberId;
use std::{collections::BTreeMap, sync::Arc};
use tracing::{debug, warn};

/// Rounds in which a survey must have loaded all it needs; each finds a further level of records.
const SURVEY_ROUNDS_MAX: usize = 32;

/// Drives an agent until the node stops, or until the agent lags so far behind that it must start anew.
///
/// `submitted` sees the id of every command as it is handed to the mempool.
pub async fn drive(
    handle: &Handle,
    clock: Clock,
    agent: &mut Agent,
    mut submitted: impl FnMut(Digest),
) {
    let mut blocks = handle.subscribe();
    let mut known = 0;
    if let Some(found) = survey_of(handle, agent.member()).await {
        known = found.head.height;
        let commands = agent.resume(&found);
        submit(handle, commands, &mut submitted).await;
    }
    while let Some(block) = blocks.recv().await {
        if block.height > known {
            let commands = show(agent, clock, &block);
            submit(handle, commands, &mut submitted).await;
        }
    }
}

/// Shows a block to an agent; gives back what it wants to submit.
fn show(agent: &mut Agent, clock: Clock, block: &Arc<Finalized>) -> Vec<SignedCommand> {
    let me = agent.member();
    for receipt in
        block.outcome.receipts.iter().filter(|receipt| receipt.member == me && receipt.used_nonce())
    {
        if let Err(refusal) = &receipt.result {
            debug!(member = %me, rule = refusal.rule(), "command refused: {refusal}");
        }
        agent.confirm(receipt.nonce, receipt.id);
    }
    let commands: &[SignedCommand] = match &block.block.payload {
        Payload::Genesis { .. } => &[],
        Payload::Commands { commands } => commands,
    };
    let now = clock.ledger(block.timestamp);
    agent.observe(&Observed { height: block.height, now, events: &block.outcome.events, commands })
}

async fn submit(handle: &Handle, commands: Vec<SignedCommand>, submitted: &mut impl FnMut(Digest)) {
    for command in commands {
        let (member, nonce) = (command.member, command.nonce);
        match handle.submit(command).await {
            Ok(id) => submitted(id),
            // The agent sends it again later: a full mempool passes, a stale nonce is confirmed by a receipt.
            Err(refused) => debug!(%member, nonce, "command not taken: {refused}"),
        }
    }
}

/// Where the chain stands for a member; `None` before block 1.
async fn survey_of(handle: &Handle, member: MemberId) -> Option<Survey> {
    let mut loaded = Loaded::default();
    for _ in 0..SURVEY_ROUNDS_MAX {
        match survey(&loaded, member) {
            Ok(found) => return found,
            Err(missing) => loaded.load(handle, missing).await,
        }
    }
    warn!(%member, "the state did not hold still for a survey; starting without it");
    None
}

/// Records and bodies fetched so far.
#[derive(Debug, Default)]
struct Loaded {
    records: BTreeMap<Key, Option<Record>>,
    bodies: BTreeMap<BodyId, Option<bytes::Bytes>>,
}

impl Loaded {
    async fn load(&mut self, handle: &Handle, missing: Missing) {
        for key in missing.keys {
            self.records.insert(key, handle.record(key).await);
        }
        for id in missing.bodies {
            self.bodies.insert(id, handle.body(id).await);
        }
    }
}

impl Read for Loaded {
    fn record(&self, key: &Key) -> Lookup<&Record> {
        match self.records.get(key) {
            None => Lookup::Unknown,
            Some(None) => Lookup::Absent,
            Some(Some(record)) => Lookup::Present(record),
        }
    }

    fn body(&self, id: &BodyId) -> Lookup<&[u8]> {
        match self.bodies.get(id) {
            None => Lookup::Unknown,
            Some(None) => Lookup::Absent,
            Some(Some(bytes)) => Lookup::Present(bytes),
        }
    }
}
