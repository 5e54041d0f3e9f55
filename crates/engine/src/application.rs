//! The replica: builds blocks, checks them, and tells what they did once they are final.
//!
//! A block is valid by rules that its bytes and its ancestors decide alone; whatever depends on this node's
//! clock or memory only delays (see `pace`). Rules, in the order they run:
//!
//! 1. block 1 carries the genesis document of this chain, every other block commands;
//! 2. time does not run backwards;
//! 3. seeds ascend by view, are older than the block, and are the group's;
//! 4. the ledger can execute it;
//! 5. roots and ranges of both databases are those of the header.

use crate::{
    beacon,
    block::{Block, ConsensusContext, Header},
    chain::{Chain, Scheme},
    handle::Finalized,
    node_state::{Executed, Shared, Tip},
    state::{self, Applied, Batches, Closed, Databases, Open, Readers, Sealed, Source},
};
use commonware_consensus::marshal::ancestry::Ancestry;
use commonware_cryptography::Digestible as _;
use commonware_glue::stateful::{self, Finality, Input, Proposed, db::DatabaseSet};
use commonware_runtime::Spawner;
use commonware_storage::Context;
use futures::StreamExt as _;
use gridaccord_ledger::{
    Agenda, Digest, Outcome, Payload, Seed, SignedCommand, agenda, apply,
    block::SEEDS_MAX,
    records::{Member, key},
};
use gridaccord_model::{MemberId, TimeMs, codec::Bounded};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// A block as its proposer drafts it, before it is executed.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Height it will have.
    pub height: u64,
    /// Its wall time.
    pub timestamp: TimeMs,
    /// Seeds it brings.
    pub seeds: Vec<Seed>,
    /// Commands it carries.
    pub commands: Vec<SignedCommand>,
    /// Flips a bit of the record root that the header claims.
    pub forge_state_root: bool,
}

/// Changes a draft: how a simulation makes a hostile proposer.
pub type Meddle = Arc<dyn Fn(&mut Draft) + Send + Sync>;

/// The replica of one node. Clones share everything.
#[derive(Clone)]
pub(crate) struct App {
    shared: Arc<Shared>,
    verifier: Scheme,
    meddle: Option<Meddle>,
}

/// Why a block is not valid; for the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Invalid {
    #[error("payload does not belong at height {0}")]
    Payload(u64),
    #[error("time runs backwards")]
    Time,
    #[error("seeds do not ascend, or are not older than the block")]
    SeedOrder,
    #[error("seed of view {0} is not the group's")]
    Seed(u64),
    #[error("the ledger could not execute it in the rounds allowed")]
    Rounds,
    #[error("{0} of the header is not the one computed")]
    Commitment(&'static str),
}

impl App {
    pub(crate) fn new(shared: Arc<Shared>, meddle: Option<Meddle>) -> Self {
        let verifier = shared.chain.verifier();
        Self { shared, verifier, meddle }
    }

    /// What the next block opens with: the genesis document, or commands that fit the parent's state.
    async fn draft(
        &self,
        source: &impl Source,
        parent: &Block,
        digest: &Digest,
        view: u64,
        now: TimeMs,
    ) -> Option<Draft> {
        let height = parent.header().height + 1;
        let timestamp = now.max(parent.header().timestamp);
        let mut draft =
            Draft { height, timestamp, seeds: vec![], commands: vec![], forge_state_root: false };
        if height > 1 {
            let agenda = state::load(source, agenda).await?;
            let wanted: BTreeSet<u64> =
                agenda.seeds.into_iter().filter(|wanted| *wanted < view).collect();
            draft.seeds = wanted
                .into_iter()
                .filter_map(|view| self.shared.seed_of(view))
                .take(SEEDS_MAX)
                .collect();
            let members = self.shared.mempool.lock().members();
            let next = nonces(source, &members).await;
            draft.commands = self.shared.mempool.lock().select(digest, &next);
        }
        if let Some(meddle) = &self.meddle {
            meddle(&mut draft);
        }
        Some(draft)
    }

    fn payload(&self, draft: &mut Draft) -> Option<Payload> {
        if draft.height == 1 {
            let (genesis, group) =
                (self.shared.chain.genesis().clone(), self.shared.chain.group().clone());
            return Some(Payload::Genesis { genesis, group });
        }
        Bounded::new(std::mem::take(&mut draft.commands))
            .ok()
            .map(|commands| Payload::Commands { commands })
    }

    /// Runs rules 4 and 5 after the others, and remembers what the block did.
    async fn execute_and_compare<E: Context + Spawner>(
        &self,
        block: &Block,
        digest: Digest,
        batches: Batches<E>,
    ) -> Result<Sealed<E>, Invalid> {
        let ledger = block.to_ledger();
        let (outcome, sealed) = execute::<E>(&ledger, batches).await.ok_or(Invalid::Rounds)?;
        compare::<E>(block.header(), &sealed)?;
        let agenda = state::load(&Closed::<E>(&sealed), agenda).await.ok_or(Invalid::Rounds)?;
        self.remember(digest, ledger, block.header().context.parent.1, outcome, agenda, None);
        Ok(sealed)
    }

    fn remember(
        &self,
        digest: Digest,
        block: gridaccord_ledger::Block,
        parent: Digest,
        outcome: Outcome,
        agenda: Agenda,
        started: Option<TimeMs>,
    ) {
        let (block, outcome) = (Arc::new(block), Arc::new(outcome));
        self.shared.executed(digest, Executed { block, parent, outcome, agenda, started });
    }
}

/// Rules 1 to 3. `known` says which seeds were checked before.
pub(crate) fn check(
    chain: &Chain,
    verifier: &Scheme,
    known: impl Fn(&Seed) -> bool,
    parent: &Header,
    block: &Block,
) -> Result<(), Invalid> {
    let header = block.header();
    let fits = match block.payload() {
        Payload::Genesis { genesis, group } => {
            header.height == 1 && genesis.chain_id() == *chain.id() && group == chain.group()
        }
        Payload::Commands { .. } => header.height > 1,
    };
    if !fits {
        return Err(Invalid::Payload(header.height));
    }
    if header.timestamp < parent.timestamp {
        return Err(Invalid::Time);
    }
    let views = header.seeds.iter().map(|seed| seed.view);
    let ascend = views.clone().zip(views.skip(1)).all(|(earlier, later)| earlier < later);
    if !ascend || header.seeds.last().is_some_and(|last| last.view >= header.view()) {
        return Err(Invalid::SeedOrder);
    }
    for seed in &header.seeds {
        if !known(seed) && !beacon::verify(verifier, seed) {
            return Err(Invalid::Seed(seed.view));
        }
    }
    Ok(())
}

/// Executes a block against its parent's state; `None` where the ledger does not stop asking.
pub(crate) async fn execute<E: Context + Spawner>(
    block: &gridaccord_ledger::Block,
    batches: Batches<E>,
) -> Option<(Outcome, Sealed<E>)> {
    let outcome = state::load(&Open::<E>(&batches), |loaded| apply(loaded, block)).await?;
    let sealed = state::write::<E>(batches, &outcome).await;
    Some((outcome, sealed))
}

/// Rule 5.
pub(crate) fn compare<E: Context + Spawner>(
    header: &Header,
    sealed: &Sealed<E>,
) -> Result<(), Invalid> {
    let (state, bodies) = state::commitments::<E>(sealed);
    if header.state.root != state.root {
        return Err(Invalid::Commitment("state.root"));
    }
    if header.state != state {
        return Err(Invalid::Commitment("state"));
    }
    if header.bodies != bodies {
        return Err(Invalid::Commitment("bodies"));
    }
    Ok(())
}

/// The key and next nonce of members, where they exist.
pub(crate) async fn members(source: &impl Source, ids: &[MemberId]) -> BTreeMap<MemberId, Member> {
    let keys: Vec<_> = ids.iter().map(|id| Digest(key::member(*id).0)).collect();
    let records = source.records(&keys.iter().collect::<Vec<_>>()).await;
    let found = ids.iter().zip(records);
    found.filter_map(|(id, record)| Some((*id, record?.value()?))).collect()
}

async fn nonces(source: &impl Source, ids: &[MemberId]) -> BTreeMap<MemberId, u64> {
    members(source, ids).await.into_iter().map(|(id, member)| (id, member.nonce)).collect()
}

impl<E> stateful::Application<E> for App
where
    E: Spawner + Context,
{
    type SigningScheme = Scheme;
    type Context = ConsensusContext;
    type Block = Block;
    type Databases = Databases<E>;
    type Captured = Executed;
    type Provider = ();
    type Input = ();

    fn sync_targets(block: &Block) -> <Databases<E> as DatabaseSet<E>>::SyncTargets {
        block.sync_targets()
    }

    async fn genesis(&mut self) -> Block {
        self.shared.chain.genesis_block()
    }

    async fn propose(
        &mut self,
        (runtime, context): (E, ConsensusContext),
        mut ancestry: impl Ancestry<Block>,
        batches: Batches<E>,
        _input: Input<(), ()>,
    ) -> Option<Proposed<Self, E>> {
        if !self.shared.is_proposing() {
            return None;
        }
        let started = self.shared.skew.now(&runtime);
        let parent = ancestry.next().await?;
        let mut draft = self
            .draft(
                &Open::<E>(&batches),
                parent.inner(),
                &parent.digest(),
                context.round.view().get(),
                started,
            )
            .await?;
        let payload = self.payload(&mut draft)?;
        let seeds = Bounded::new(draft.seeds).ok()?;
        let ledger = gridaccord_ledger::Block {
            height: draft.height,
            view: context.round.view().get(),
            timestamp: draft.timestamp,
            seeds: seeds.clone(),
            payload: payload.clone(),
        };
        let Some((outcome, sealed)) = execute::<E>(&ledger, batches).await else {
            tracing::error!(
                height = ledger.height,
                "own block could not be executed in the rounds allowed"
            );
            return None;
        };
        let (mut state, bodies) = state::commitments::<E>(&sealed);
        if draft.forge_state_root {
            state.root.0[0] ^= 1;
        }
        let header = Header {
            context,
            height: draft.height,
            timestamp: draft.timestamp,
            seeds,
            state,
            bodies,
            payload: Digest::from([0; 32]),
        };
        let block = Block::new(header, payload);
        let agenda = state::load(&Closed::<E>(&sealed), agenda).await?;
        self.remember(block.digest(), ledger, parent.digest(), outcome, agenda, Some(started));
        Some(Proposed { block, merkleized: sealed })
    }

    async fn process(
        &mut self,
        _context: (E, ConsensusContext),
        mut ancestry: impl Ancestry<Block>,
        batches: Batches<E>,
        finality: Finality,
    ) -> Option<Sealed<E>> {
        let block = ancestry.next().await?;
        let digest = block.digest();
        if finality == Finality::Candidate {
            let parent = ancestry.next().await?;
            // A seed taken from a certificate was checked with it.
            let known = |seed: &Seed| self.shared.seed_of(seed.view) == Some(*seed);
            let chain = &self.shared.chain;
            if let Err(reason) =
                check(chain, &self.verifier, known, parent.inner().header(), block.inner())
            {
                tracing::warn!(height = block.inner().header().height, %reason, "block refused");
                return None;
            }
        }
        match self.execute_and_compare(block.inner(), digest, batches).await {
            Ok(sealed) => Some(sealed),
            Err(reason) => {
                tracing::warn!(height = block.inner().header().height, %reason, "block refused");
                None
            }
        }
    }

    async fn capture(
        &mut self,
        _context: (E, ConsensusContext),
        block: &Block,
        _batches: &Sealed<E>,
        readers: Readers<E>,
    ) -> Executed {
        let digest = block.digest();
        if let Some(executed) = self.shared.take(&digest, block.header().height) {
            return executed;
        }
        // A node that is far behind executes more blocks ahead than it remembers: once more, then.
        let ledger = block.to_ledger();
        let outcome = state::load(&Applied::<E>(&readers), |loaded| apply(loaded, &ledger)).await;
        Executed {
            block: Arc::new(ledger),
            parent: block.header().context.parent.1,
            outcome: Arc::new(
                outcome.expect("the same block was executed on the same state before"),
            ),
            agenda: Agenda::default(),
            started: None,
        }
    }

    async fn finalized(
        &mut self,
        (runtime, _): (E, ConsensusContext),
        block: &Block,
        executed: Executed,
        readers: Readers<E>,
    ) {
        let digest = block.digest();
        let header = block.header();
        self.settle(&executed.block, &Applied::<E>(&readers)).await;
        let finality_ms = executed
            .started
            .map(|started| self.shared.skew.now(&runtime).0.saturating_sub(started.0));
        let finalized = Finalized {
            height: header.height,
            view: header.view(),
            digest,
            state_root: header.state.root,
            timestamp: header.timestamp,
            block: executed.block,
            outcome: executed.outcome,
            finality_ms,
        };
        self.shared.publish(Tip::of(digest, block), Arc::new(finalized));
    }
}

impl App {
    /// Clears the mempool of what a final block used up.
    async fn settle(&self, block: &gridaccord_ledger::Block, source: &impl Source) {
        let Payload::Commands { commands } = &block.payload else { return };
        let mut executed: BTreeMap<MemberId, BTreeSet<u64>> = BTreeMap::new();
        for command in commands {
            executed.entry(command.member).or_default().insert(command.nonce);
        }
        let ids: Vec<_> = executed.keys().copied().collect();
        let next = nonces(source, &ids).await;
        let mut mempool = self.shared.mempool.lock();
        for (member, nonces) in executed {
            if let Some(next) = next.get(&member) {
                mempool.settle(member, *next, &nonces);
            }
        }
    }
}
