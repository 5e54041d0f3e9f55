//! When to propose, and when a block's time has come: everything that depends on this node's clock.
//!
//! This stands in front of the stateful layer, because that layer applies no finalised block while a proposal or
//! a check is running. Nothing here refuses a block; it only waits. Dropping a wait at any point loses nothing.

use crate::{
    block::{Block, ConsensusContext},
    chain::Scheme,
    clock,
    node_state::Shared,
};
use commonware_consensus::{Application, Handoff, marshal::ancestry::Ancestry};
use commonware_cryptography::{Digested, Digestible as _};
use commonware_macros::select;
use commonware_runtime::Clock;
use gridaccord_model::TimeMs;
use std::sync::Arc;

/// An empty block follows its parent after this long, ms.
pub const BEAT_MS: u64 = 1_000;
/// A block with work follows its parent after this long at the earliest, ms.
pub const GAP_MS: u64 = 50;

/// An application with a sense of time around one without.
#[derive(Clone)]
pub(crate) struct Paced<A> {
    inner: A,
    shared: Arc<Shared>,
}

impl<A> Paced<A> {
    pub(crate) const fn new(inner: A, shared: Arc<Shared>) -> Self {
        Self { inner, shared }
    }

    /// Waits until a block after `parent` is worth proposing.
    async fn beat(&self, clock: &impl Clock, parent: &Digested<Block>) {
        let (digest, parent) = (parent.digest(), parent.inner().header());
        let skew = self.shared.skew;
        clock.sleep_until(skew.system_time(clock::after(parent.timestamp, GAP_MS))).await;
        if parent.height == 0 {
            return;
        }
        loop {
            // Listen before looking, so that nothing falls between.
            let rung = self.shared.rung();
            let Some(pressure) = self.shared.pressure(&digest).filter(|pressure| !pressure.now)
            else {
                return;
            };
            let beat = clock::after(parent.timestamp, BEAT_MS);
            let until = pressure.due.map_or(beat, |due| beat.min(due));
            if skew.now(clock) >= until {
                return;
            }
            select! {
                _ = clock.sleep_until(skew.system_time(until)) => return,
                _ = rung => {},
            }
        }
    }

    /// Waits until a block's time is at most the chain's drift ahead of this node's clock.
    async fn come(&self, clock: &impl Clock, time: TimeMs) {
        let drift = u64::from(self.shared.chain.genesis().clock.drift_ms);
        let time = TimeMs(time.0.saturating_sub(drift));
        clock.sleep_until(self.shared.skew.system_time(time)).await;
    }
}

impl<E, A> Application<E> for Paced<A>
where
    E: Clock,
    A: Application<
            E,
            SigningScheme = Scheme,
            Context = ConsensusContext,
            Block = Block,
            Input = (),
        > + Sync,
{
    type SigningScheme = Scheme;
    type Context = ConsensusContext;
    type Block = Block;
    type Input = ();

    async fn prepare(
        &mut self,
        context: (E, ConsensusContext),
        ancestry: impl Ancestry<Block>,
        (): (),
    ) -> Handoff<Digested<Block>> {
        self.inner.prepare(context, ancestry, ()).await
    }

    async fn propose(
        &mut self,
        context: (E, ConsensusContext),
        ancestry: impl Ancestry<Block>,
        (): (),
    ) -> Option<Digested<Block>> {
        if let Some(parent) = ancestry.peek().cloned() {
            self.beat(&context.0, &parent).await;
        }
        self.inner.propose(context, ancestry, ()).await
    }

    async fn verify(
        &mut self,
        context: (E, ConsensusContext),
        ancestry: impl Ancestry<Block>,
    ) -> bool {
        if let Some(block) = ancestry.peek().cloned() {
            self.come(&context.0, block.inner().header().timestamp).await;
        }
        self.inner.verify(context, ancestry).await
    }
}
