//! A key holder over the ledger: which share it may give now, given the final state and its own log of shares.
//!
//! A share leaves this module only along one path: [`Keeper::due`] reads the **final** state, asks the rule for the
//! sum of the moment, and checks the log; its record goes to disk; [`Keeper::give`] signs the share. Nothing else
//! here takes a sum from anywhere: not from a peer, an opener, or a state that is only proposed.

use super::{command::SignedShare, view};
use crate::{
    Digest,
    state::{Missing, Read},
};
use commonware_cryptography::ed25519;
use gridaccord_model::GateId;
use gridaccord_sealed::{
    Refusal as ProofRefusal,
    gate::SumIndex,
    holder::{Closing, Holder, Intent, LogRecord, Persisted},
    keygen::{EpochKey, KeyShare},
};
use rand_core::CryptoRng;

/// A state after a block that consensus finalised. The caller's word, and the only place where it gives it.
#[derive(Debug)]
pub struct Final<'a, S>(&'a S);

impl<S> Clone for Final<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Final<'_, S> {}

impl<'a, S: Read> Final<'a, S> {
    /// Wraps a state whose last block is final.
    #[must_use]
    pub const fn after_finalised(state: &'a S) -> Self {
        Self(state)
    }
}

/// A key holder of one epoch, with everything it has given shares for in this and earlier ones.
#[derive(Debug)]
pub struct Keeper {
    chain: Digest,
    holder: Holder,
}

impl Keeper {
    /// A keeper with its log, oldest record first; the log runs on from epoch to epoch.
    ///
    /// # Errors
    /// The log contradicts itself: it is not this holder's, or damaged.
    pub fn new(
        chain: Digest,
        key: KeyShare,
        epoch: EpochKey,
        log: &[LogRecord],
    ) -> Result<Self, ProofRefusal> {
        Ok(Self { chain, holder: Holder::new(key, epoch, log)? })
    }

    /// The share that a gate asks for now: the next sum of the public search over its closed set.
    ///
    /// `Ok(None)` before the gate is closed.
    ///
    /// # Errors
    /// [`Missing`], as for [`apply`](crate::apply()); inside, why no share may be given: nothing is left to open,
    /// another epoch's gate, given before, or over another set.
    #[allow(clippy::type_complexity, reason = "three layers that say three things")]
    pub fn due<S: Read>(
        &self,
        state: Final<'_, S>,
        gate: GateId,
    ) -> Result<Option<Result<Intent, ProofRefusal>>, Missing> {
        let search = view::search(state.0, gate)?;
        Ok(search.map(|search| self.holder.intend_search(&search, Closing::Final)))
    }

    /// The share that a cycle asks for now: its energy first, then its money, over everybody who closed it.
    ///
    /// `Ok(None)` before its totals can be opened.
    ///
    /// # Errors
    /// As [`Self::due`].
    #[allow(clippy::type_complexity, reason = "three layers that say three things")]
    pub fn due_total<S: Read>(
        &self,
        state: Final<'_, S>,
        cycle: u64,
        index: SumIndex,
    ) -> Result<Option<Result<Intent, ProofRefusal>>, Missing> {
        let totals = view::cycle_totals(state.0, cycle)?;
        Ok(totals.map(|totals| {
            let (totals, _) = totals?;
            let total = match index {
                SumIndex::CycleEnergy => totals.energy,
                SumIndex::CycleMoney => totals.money,
                _ => return Err(ProofRefusal::OutOfTurn),
            };
            self.holder.intend_total(&total, Closing::Final)
        }))
    }

    /// Gives and signs the share of an intent whose record is on disk.
    ///
    /// # Errors
    /// Another share was given between intent and now.
    pub fn give(
        &mut self,
        persisted: Persisted,
        node: &ed25519::PrivateKey,
        rng: &mut impl CryptoRng,
    ) -> Result<(SignedShare, ed25519::Signature), ProofRefusal> {
        let LogRecord { gate, index, set, .. } = persisted.record();
        let share = self.holder.give(persisted, rng)?;
        let signed = SignedShare { gate, index, set, share };
        let signature = signed.sign(&self.chain, node);
        Ok((signed, signature))
    }
}
