//! Evidence against key holders: their own signature under a share that they must not have given.

use super::{Run, refuse};
use crate::{
    apply::commands::Step,
    gate::Gate,
    records::key as base,
    refusal::Refusal,
    sealed::{
        Accusation, CycleRecord, SealedDecision, SealedGate, SealedHead, SealedRefusal, Setup,
        SignedShare, cycle_key, cycle_place, cycle_total, epoch_key, gate_facts, key,
    },
    state::Read,
};
use commonware_codec::DecodeExt as _;
use gridaccord_model::MemberId;
use gridaccord_sealed::{gate::SumIndex, sums::SumTable};

impl<R: Read> Run<'_, R> {
    /// A share is a breach where it is false, is over another set than the closed one, or names a sum that the gate
    /// was decided without.
    pub(super) fn take_accusation(
        &mut self,
        setup: &Setup,
        author: MemberId,
        accusation: &Accusation,
    ) -> Step {
        let signed = &accusation.signed;
        let head: SealedHead = self.store.get(&key::head())?;
        let position = signed.share.holder;
        let holder = match self.holder(&head, position)? {
            Ok(holder) => holder,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if !signed.signed_by(&self.params.chain, &holder.node, &accusation.signature) {
            return refuse(SealedRefusal::AccusationUnsigned);
        }
        let judged = match signed.index {
            SumIndex::Price(_) | SumIndex::Reserve | SumIndex::Tier(_) => {
                self.judge_gate_share(setup, signed)?
            }
            SumIndex::CycleEnergy | SumIndex::CycleMoney => {
                self.judge_cycle_share(setup, signed)?
            }
            SumIndex::Source(_) => return refuse(SealedRefusal::AccusationUnfounded),
        };
        match judged {
            Err(refusal) => Ok(Err(refusal)),
            Ok((_, false)) => refuse(SealedRefusal::AccusationUnfounded),
            Ok((epoch, true)) if self.fault(setup, &head, epoch, position, author)? => Ok(Ok(())),
            Ok((_, true)) => refuse(SealedRefusal::FaultKnown),
        }
    }

    /// The epoch of a gate's key, and whether the share is a breach.
    fn judge_gate_share(&mut self, setup: &Setup, signed: &SignedShare) -> Step<(u64, bool)> {
        let id = signed.gate;
        let Some(sealed) = self.store.find::<SealedGate>(&key::gate(id))? else {
            return Ok(Err(Refusal::GateNotLive(id)));
        };
        let Some(table) = sealed.table else {
            // No set is closed: whatever was signed for this gate, the rule does not name it.
            return Ok(Ok((sealed.epoch, true)));
        };
        let gate: Gate = self.store.get(&base::gate(id))?;
        let sums: Vec<_> = (0..sealed.sums).map(|position| key::sum(id, position)).collect();
        self.store.touch(sums.iter().copied());
        let body = self.store.bodies(&[table]);
        let epoch = epoch_key(&mut self.store, sealed.epoch);
        let decided = self.store.find::<SealedDecision>(&key::decision(id))?.is_some();
        let opened: Vec<crate::sealed::OpenedSum> = self.store.get_all(&sums)?;
        let (body, epoch) = (body?.remove(0), epoch?);
        let table = SumTable::decode(body).expect("closing stored a canonical table");
        let facts = gate_facts(&self.params, setup, &gate, &sealed);
        let owed = table.sum(&facts, signed.index).ok().filter(|_| signed.set == table.set);
        let asked = !decided || opened.iter().any(|sum| sum.index == signed.index);
        let breach = match owed {
            Some(sum) => !asked || !signed.share.holds(&sum, &epoch),
            None => true,
        };
        Ok(Ok((sealed.epoch, breach)))
    }

    /// As for gates, while the cycle's totals are open to be opened.
    fn judge_cycle_share(&mut self, setup: &Setup, signed: &SignedShare) -> Step<(u64, bool)> {
        let cycle = signed.gate.0;
        let record = self.store.find::<CycleRecord>(&key::cycle(cycle))?;
        let record = record.filter(|record| record.stage.is_opening());
        let Some((record, pinned)) = record.and_then(|record| Some((record, cycle_key(&record)?)))
        else {
            return refuse(SealedRefusal::CycleStep);
        };
        let place = cycle_place(&self.params, setup, cycle, pinned);
        let totals = cycle_total(&mut self.store, &place, cycle, &record);
        let epoch = epoch_key(&mut self.store, pinned.0);
        let (totals, epoch) = (totals?, epoch?);
        let total = match totals {
            Ok(totals) if signed.index == SumIndex::CycleEnergy => totals.energy,
            Ok(totals) => totals.money,
            Err(refusal) => return refuse(refusal),
        };
        let breach = signed.set != total.sum().set() || !signed.share.holds(total.sum(), &epoch);
        Ok(Ok((pinned.0, breach)))
    }
}
