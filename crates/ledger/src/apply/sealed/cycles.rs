//! Billing cycles: members round their bills and encrypt their totals, and two sums over all of them are opened.
//!
//! Cycles end in order, one at a time. What a member's lines add up to is kept as they are booked, so that closing
//! reads no line again.

use super::{Run, is_false, refuse};
use crate::{
    apply::commands::Step,
    records::{Account, key as base},
    sealed::{
        CyclePart, CycleRecord, CycleStage, EpochRecord, PotKind, SealedAccount, SealedEvent,
        SealedHead, SealedPot, SealedRefusal, Setup, cycle_key, cycle_place, cycle_posting,
        cycle_total, epoch_key, key,
    },
    state::Read,
    store::Stop,
};
use commonware_codec::Encode as _;
use gridaccord_model::{GateId, Joules, MemberId, Money, codec::Bounded};
use gridaccord_sealed::{
    Refusal as ProofRefusal,
    cycle::CycleClose,
    group::{Point, combine},
    opening::OpenSum,
    statement::verify,
    tariff::MONEY_PER_MICRO,
};

impl<R: Read> Run<'_, R> {
    pub(super) fn take_close(
        &mut self,
        setup: &Setup,
        author: MemberId,
        close: &CycleClose,
    ) -> Step {
        let cycle = close.cycle.0;
        self.store.touch([
            key::cycle(cycle),
            key::cycle_part(cycle, author),
            key::account(author),
            key::pot(PotKind::Remainder),
            base::account(author),
        ]);
        if close.participant != author {
            return refuse(ProofRefusal::WrongPlace);
        }
        let record = self.store.find::<CycleRecord>(&key::cycle(cycle))?;
        let closing = |record: &CycleRecord| matches!(record.stage, CycleStage::Closing { .. });
        let Some(mut record) = record.filter(closing) else {
            return refuse(SealedRefusal::CycleStep);
        };
        let Some(pinned) = cycle_key(&record) else { return refuse(SealedRefusal::CycleStep) };
        let part = self.store.find::<CyclePart>(&key::cycle_part(cycle, author))?;
        let Some(mut part) = part.filter(|part| part.close.is_none()) else {
            return refuse(SealedRefusal::NothingToClose);
        };
        let stake: Account = self.store.get(&base::account(author))?;
        let (bond, free) = (u64::from(setup.terms.bond), stake.stake.saturating_sub(stake.held));
        if bond > free {
            return refuse(SealedRefusal::BondAboveStake { bond, free });
        }
        let mut account: SealedAccount = self.store.get(&key::account(author))?;
        let mut remainder: SealedPot = self.store.get(&key::pot(PotKind::Remainder))?;
        let place = cycle_place(&self.params, setup, cycle, pinned);
        let facts = cycle_posting(place, author, &part);
        if !self.store.is_complete() {
            return Err(Stop);
        }
        match verify(close.clone(), &facts) {
            Ok(_) => {}
            Err(refusal) if is_false(refusal) => {
                let lost = self.take_tokens(author, bond, 0, None)?;
                let rule = refusal.rule();
                self.emit(SealedEvent::ProofFalse {
                    gate: close.cycle,
                    member: author,
                    rule,
                    lost,
                });
                return Ok(Ok(()));
            }
            Err(refusal) => return refuse(refusal),
        }
        let rest = facts.remainder(&close.whole);
        account.balance = combine(&[(1, &account.balance), (-1, &rest)], 0);
        remainder.balance = combine(&[(1, &remainder.balance), (1, &rest)], 0);
        part.close = Some(self.store.append(close.encode()));
        record.closed = record.closed.saturating_add(1);
        self.store.put(key::account(author), &account);
        self.store.put(key::pot(PotKind::Remainder), &remainder);
        self.store.put(key::cycle_part(cycle, author), &part);
        self.store.put(key::cycle(cycle), &record);
        self.emit(SealedEvent::CycleClosed { cycle, member: author });
        Ok(Ok(()))
    }

    pub(super) fn take_total(&mut self, setup: &Setup, author: MemberId, open: &OpenSum) -> Step {
        let cycle = open.gate.0;
        self.store.touch([key::head(), key::cycle(cycle), key::account(author)]);
        let record = self.store.find::<CycleRecord>(&key::cycle(cycle))?;
        let Some(record) = record.filter(|record| record.stage.is_opening()) else {
            return refuse(SealedRefusal::CycleStep);
        };
        let CycleStage::Opening { epoch, key: y, until, energy } = record.stage else {
            return refuse(SealedRefusal::CycleStep);
        };
        let place = cycle_place(&self.params, setup, cycle, (epoch, y));
        let totals = cycle_total(&mut self.store, &place, cycle, &record);
        let made = epoch_key(&mut self.store, epoch);
        self.store.touch([PotKind::Pool, PotKind::Losses].map(key::pot));
        self.store.touch([key::account(setup.terms.grid_forming)]);
        let (totals, made) = (totals?, made?);
        let totals = match totals {
            Ok(totals) => totals,
            Err(refusal) => return refuse(refusal),
        };
        let total = if energy.is_none() { totals.energy } else { totals.money };
        if open.index != total.sum().index() {
            return refuse(ProofRefusal::OutOfTurn);
        }
        if !self.store.is_complete() {
            return Err(Stop);
        }
        if let Err(refusal) = open.verify(total.sum(), &made) {
            return refuse(refusal);
        }
        self.pay_opener(setup, author)?;
        let (index, value) = (open.index, open.value);
        self.emit(SealedEvent::TotalOpened { cycle, index, value, opener: author });
        match energy {
            None => {
                let stage = CycleStage::Opening { epoch, key: y, until, energy: Some(value) };
                self.store.put(key::cycle(cycle), &CycleRecord { stage, ..record });
            }
            Some(energy) => {
                self.empty_pool(setup, &record, value)?;
                self.end_cycle(setup, cycle, record, Some(energy), Some(value))?;
            }
        }
        Ok(Ok(()))
    }

    /// The pool holds the other side of all whole credits: it pays the grid-forming resource what clearing cost it,
    /// as far as it has that, and the rest goes to the account of losses (or comes from there).
    fn empty_pool(&mut self, setup: &Setup, record: &CycleRecord, credit: i64) -> Result<(), Stop> {
        let held = i128::from(credit).saturating_mul(MONEY_PER_MICRO).saturating_neg();
        let paid = i128::from(record.owed).min(held.max(0));
        let forming = setup.terms.grid_forming;
        let mut pool: SealedPot = self.store.get(&key::pot(PotKind::Pool))?;
        let mut losses: SealedPot = self.store.get(&key::pot(PotKind::Losses))?;
        let mut account: SealedAccount = self.store.get(&key::account(forming))?;
        pool.balance = combine(&[(1, &pool.balance)], held.saturating_neg());
        account.balance = combine(&[(1, &account.balance)], paid);
        losses.balance = combine(&[(1, &losses.balance)], held.saturating_sub(paid));
        self.store.put(key::pot(PotKind::Pool), &pool);
        self.store.put(key::pot(PotKind::Losses), &losses);
        self.store.put(key::account(forming), &account);
        Ok(())
    }

    fn end_cycle(
        &mut self,
        setup: &Setup,
        cycle: u64,
        record: CycleRecord,
        energy: Option<i64>,
        credit: Option<i64>,
    ) -> Result<(), Stop> {
        let mut head: SealedHead = self.store.get(&key::head())?;
        head.cycle = cycle.saturating_add(1);
        self.store.put(key::head(), &head);
        let stage = CycleStage::Ended { energy, credit };
        self.store.put(key::cycle(cycle), &CycleRecord { stage, ..record });
        let limit = i64::from(setup.terms.loss_max_wh).saturating_mul(Joules::PER_WH);
        let within = energy.is_some_and(|lost| (0..=limit).contains(&lost));
        let (lost, credit) = (energy.map(Joules), credit.map(Money));
        self.emit(SealedEvent::CycleBalanced { cycle, lost, within, credit });
        Ok(())
    }

    /// Moves the oldest cycle on, at the end of a block.
    pub(super) fn tend_cycle(&mut self, setup: &Setup) -> Result<(), Stop> {
        let head: SealedHead = self.store.get(&key::head())?;
        let cycle = head.cycle;
        let end = setup.cycle_end(&self.params.market, cycle);
        let first = GateId(cycle.saturating_mul(u64::from(setup.terms.cycle_gates.max(1))));
        let live = self.head.live_gates().next().is_some_and(|gate| gate < end);
        if self.head.next_gate < end || end <= first || live {
            return Ok(());
        }
        let window = u64::from(setup.terms.cycle_window);
        let (height, until) = (self.block.height, self.block.height.saturating_add(window));
        let Some(record) = self.store.find::<CycleRecord>(&key::cycle(cycle))? else {
            // No gate of it was settled: there is nothing to close.
            self.store.put(key::head(), &SealedHead { cycle: cycle.saturating_add(1), ..head });
            return Ok(());
        };
        match record.stage {
            CycleStage::Running {} => {
                let made: EpochRecord = self.store.get(&key::epoch(head.epoch))?;
                let stage = CycleStage::Closing { epoch: head.epoch, key: made.key, until };
                self.store.put(key::cycle(cycle), &CycleRecord { stage, ..record });
                self.emit(SealedEvent::CycleEnded { cycle, until });
                Ok(())
            }
            CycleStage::Closing { epoch, key: y, until: last }
                if record.closed >= record.members || height >= last =>
            {
                self.open_totals(setup, cycle, record, (epoch, y), until)
            }
            CycleStage::Opening { until: last, energy, .. } if height >= last => {
                self.end_cycle(setup, cycle, record, energy, None)
            }
            _ => Ok(()),
        }
    }

    /// Closing → Opening, with the members named whose totals are missing; over at once where too few owners closed.
    fn open_totals(
        &mut self,
        setup: &Setup,
        cycle: u64,
        record: CycleRecord,
        pinned: (u64, Point),
        until: u64,
    ) -> Result<(), Stop> {
        let place = cycle_place(&self.params, setup, cycle, pinned);
        let Ok(totals) = cycle_total(&mut self.store, &place, cycle, &record)? else {
            return self.end_cycle(setup, cycle, record, None, None);
        };
        let (epoch, y) = pinned;
        let stage = CycleStage::Opening { epoch, key: y, until, energy: None };
        self.store.put(key::cycle(cycle), &CycleRecord { stage, ..record });
        let missing = Bounded::new(totals.missing.into_iter().collect()).unwrap_or_default();
        self.emit(SealedEvent::CycleOpening { cycle, until, missing });
        Ok(())
    }
}
