//! What a key holder gives shares for: the rules, and the log that makes them hold across restarts.
//!
//! The order of steps is in the types: [`Holder::intend`] checks the rules and yields an [`Intent`]; its record
//! is fsynced by the caller; only a [`Persisted`] intent gives a share. Rules: the closing block is final; the
//! sum is the one the public search asks for, over all curves accepted at closing; no share was given for that
//! gate and index before; a gate has one set; no two gates, and no two cycles, share a second of time.

use crate::{
    book::SealedGate,
    gate::SumIndex,
    keygen::{EpochKey, KeyShare},
    opening::{SealedSum, Share},
    refusal::Refusal,
    sums::SumSearch,
};
use commonware_cryptography::sha256::Digest;
use gridaccord_model::{GateId, Interval, codec_struct};
use rand_core::CryptoRng;
use std::collections::{BTreeMap, BTreeSet};

/// One line of a holder's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogRecord {
    /// The gate, or the cycle.
    pub gate: GateId,
    /// Its interval, or the cycle's whole span.
    pub interval: Interval,
    /// Which sum.
    pub index: SumIndex,
    /// Over which set.
    pub set: Digest,
}

codec_struct!(LogRecord { gate, interval, index, set });

/// Whether the block that closed the gate is final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// Finalised by consensus.
    Final,
    /// Proposed or notarised only.
    Pending,
}

/// A holder and everything it has given shares for.
#[derive(Debug)]
pub struct Holder {
    key: KeyShare,
    epoch: EpochKey,
    given: BTreeSet<(GateId, SumIndex)>,
    /// One set, over one span of time, each for a gate's sums, a cycle's totals and a cycle's sources.
    sets: BTreeMap<(Scope, GateId), (Digest, Interval)>,
}

/// Sums that must be over one set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    Gate,
    Cycle,
    Sources,
}

const fn scope(index: SumIndex) -> Scope {
    match index {
        SumIndex::Price(_) | SumIndex::Reserve | SumIndex::Tier(_) => Scope::Gate,
        SumIndex::CycleEnergy | SumIndex::CycleMoney => Scope::Cycle,
        SumIndex::Source(_) => Scope::Sources,
    }
}

fn overlap(one: Interval, other: Interval) -> bool {
    one.start == other.start || (one.start < other.end() && other.start < one.end())
}

/// A share that may be given once its record is on disk.
#[derive(Debug)]
pub struct Intent {
    sum: SealedSum,
    record: LogRecord,
}

/// An intent whose record is on disk.
#[derive(Debug)]
pub struct Persisted(Intent);

impl Intent {
    /// What to append to the log and fsync.
    #[must_use]
    pub const fn record(&self) -> LogRecord {
        self.record
    }

    /// The caller's word that the record is on disk.
    #[must_use]
    pub const fn persisted(self) -> Persisted {
        Persisted(self)
    }
}

impl Persisted {
    /// What stands in the log.
    #[must_use]
    pub const fn record(&self) -> LogRecord {
        self.0.record
    }
}

impl Holder {
    /// A holder with its log, oldest record first. The log runs on from epoch to epoch: of earlier epochs it
    /// keeps at least what lies in intervals and cycles that may still be opened, else a new key would open the
    /// same time over another set.
    ///
    /// # Errors
    /// The log contradicts itself: it is not this holder's, or damaged.
    pub fn new(key: KeyShare, epoch: EpochKey, log: &[LogRecord]) -> Result<Self, Refusal> {
        let mut holder = Self { key, epoch, given: BTreeSet::new(), sets: BTreeMap::new() };
        for record in log {
            holder.check(record)?;
            holder.remember(record);
        }
        Ok(holder)
    }

    fn check(&self, record: &LogRecord) -> Result<(), Refusal> {
        let given = self.given.contains(&(record.gate, record.index));
        let own = (scope(record.index), record.gate);
        // The same time under another number, with one member more or less, would give that member away.
        let apart = self.sets.iter().all(|(key, (set, interval))| {
            if *key == own {
                *set == record.set && *interval == record.interval
            } else {
                key.0 != own.0 || !overlap(*interval, record.interval)
            }
        });
        if given || !apart { Err(Refusal::ShareGiven) } else { Ok(()) }
    }

    fn remember(&mut self, record: &LogRecord) {
        self.given.insert((record.gate, record.index));
        self.sets.insert((scope(record.index), record.gate), (record.set, record.interval));
    }

    /// Position in the committee.
    #[must_use]
    pub const fn position(&self) -> u16 {
        self.key.holder
    }

    /// Checks the rules for the sum a gate asks for now.
    ///
    /// # Errors
    /// Not final, another epoch's gate, nothing to open, or given before.
    pub fn intend(&self, gate: &SealedGate, closing: Closing) -> Result<Intent, Refusal> {
        self.intend_search(gate.search(), closing)
    }

    /// As [`Self::intend`], for who follows a gate through its table of sums.
    ///
    /// # Errors
    /// As [`Self::intend`].
    pub fn intend_search(&self, search: &SumSearch, closing: Closing) -> Result<Intent, Refusal> {
        if closing != Closing::Final {
            return Err(Refusal::NotFinal);
        }
        let sum = search.next_sum()?.ok_or(Refusal::OutOfTurn)?;
        self.intend_sum(sum)
    }

    /// Checks the rules for a cycle's totals, whose set is all members.
    ///
    /// # Errors
    /// As [`Self::intend`].
    pub fn intend_total(
        &self,
        total: &crate::cycle::CycleTotal,
        closing: Closing,
    ) -> Result<Intent, Refusal> {
        if closing != Closing::Final {
            return Err(Refusal::NotFinal);
        }
        self.intend_sum(*total.sum())
    }

    fn intend_sum(&self, sum: SealedSum) -> Result<Intent, Refusal> {
        if sum.gate().key != self.epoch.key() || sum.gate().epoch != self.epoch.epoch() {
            return Err(Refusal::WrongPlace);
        }
        let gate = sum.gate();
        let record = LogRecord {
            gate: gate.gate,
            interval: gate.interval,
            index: sum.index(),
            set: sum.set(),
        };
        self.check(&record)?;
        Ok(Intent { sum, record })
    }

    /// Gives the share, once.
    ///
    /// # Errors
    /// Another share was given between intent and now.
    pub fn give(
        &mut self,
        persisted: Persisted,
        rng: &mut impl CryptoRng,
    ) -> Result<Share, Refusal> {
        let Persisted(Intent { sum, record }) = persisted;
        self.check(&record)?;
        let public = self.epoch.holder(self.key.holder).ok_or(Refusal::ShareHolder)?;
        self.remember(&record);
        Ok(Share::give(&sum, &self.key, &public, rng))
    }
}
