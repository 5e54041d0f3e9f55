//! Opening → Decided: sums come in one after the other, in the order of the public search.

use super::{Run, refuse, stage_of};
use crate::{
    apply::commands::{Step, pass},
    gate::{Failure, Gate, Phase, Seat},
    records::{Owner, key as base},
    refusal::Refusal,
    sealed::{
        OpenedSum, Opening, PotKind, SealedAccount, SealedDecision, SealedEvent, SealedGate,
        SealedHead, SealedPot, SealedRefusal, Setup, Stage, epoch_key, key, read_search,
    },
    state::Read,
    store::Stop,
    trust,
};
use gridaccord_model::{GateId, MemberId, Price};
use gridaccord_sealed::{
    Refusal as ProofRefusal,
    clearing::Share,
    gate::{Failure as ClearingFailure, Outcome, SumIndex},
    group::combine,
    opening::OpenSum,
    sums::SumSearch,
    tariff::{MONEY_PER_MICRO, PRICES, SCALE},
};
use std::collections::BTreeSet;

impl<R: Read> Run<'_, R> {
    pub(super) fn take_opening(&mut self, setup: &Setup, author: MemberId, open: &OpenSum) -> Step {
        match open.index {
            SumIndex::Price(_) | SumIndex::Reserve | SumIndex::Tier(_) => {
                self.take_sum(setup, author, open)
            }
            SumIndex::CycleEnergy | SumIndex::CycleMoney => self.take_total(setup, author, open),
            SumIndex::Source(_) => refuse(ProofRefusal::OutOfTurn),
        }
    }

    fn take_sum(&mut self, setup: &Setup, author: MemberId, open: &OpenSum) -> Step {
        let id = open.gate;
        let mut gate = pass!(self.live_gate(id)?);
        let Stage::Opening { opening } = pass!(stage_of(&gate, "opening")) else {
            return refuse(ProofRefusal::OutOfTurn);
        };
        pass!(self.may_open(&gate, &opening, author)?);
        let mut sealed: SealedGate = self.store.get(&key::gate(id))?;
        let search = self.search(setup, &gate, &sealed);
        let epoch = epoch_key(&mut self.store, sealed.epoch);
        self.touch_decision(id, opening.seats);
        let (mut search, epoch) = (search?, epoch?);
        let next = match search.next_sum() {
            Ok(Some(next)) => next,
            Ok(None) => return refuse(ProofRefusal::OutOfTurn),
            Err(refusal) => return refuse(refusal),
        };
        if open.index != next.index() {
            return refuse(ProofRefusal::OutOfTurn);
        }
        if !self.store.is_complete() {
            return Err(Stop);
        }
        let opened = match open.verify(&next, &epoch).and_then(|opened| {
            search.accept(&opened)?;
            Ok(opened)
        }) {
            Ok(opened) => opened,
            Err(refusal) => return refuse(refusal),
        };
        let record = OpenedSum { index: opened.index(), value: open.value, opener: author };
        self.store.put(key::sum(id, sealed.sums), &record);
        sealed.sums = sealed.sums.saturating_add(1);
        self.store.put(key::gate(id), &sealed);
        self.pay_opener(setup, author)?;
        let OpenedSum { index, value, opener } = record;
        self.emit(SealedEvent::SumOpened { gate: id, index, value, opener });
        gate.phase =
            Phase::Sealed { stage: Stage::Opening { opening: opening.next(self.block.height) } };
        let gate = self.conclude(gate, opening.seats, &search)?;
        self.searches.insert(id, search);
        self.put_gate(&gate);
        Ok(Ok(()))
    }

    /// A gate's search as its records have it.
    pub(super) fn search(
        &mut self,
        setup: &Setup,
        gate: &Gate,
        sealed: &SealedGate,
    ) -> Result<SumSearch, Stop> {
        if let Some(search) = self.searches.get(&gate.id) {
            return Ok(search.clone());
        }
        let search = read_search(&mut self.store, &self.params, setup, gate, sealed)?;
        self.searches.insert(gate.id, search.clone());
        Ok(search)
    }

    /// Rule X12: drawn openers first, anyone once they let it lie.
    fn may_open(&mut self, gate: &Gate, opening: &Opening, author: MemberId) -> Step {
        let from = opening.anyone_from();
        if self.block.height >= from {
            return Ok(Ok(()));
        }
        let seats = self.store.seats(gate.id, opening.seats)?;
        let drawn = seats.iter().any(|seat| seat.member == author);
        // Where nobody was drawn there is nobody to wait for.
        if drawn || seats.is_empty() {
            Ok(Ok(()))
        } else {
            Ok(Err(Refusal::Sealed(SealedRefusal::NotOpener { from })))
        }
    }

    fn touch_decision(&mut self, gate: GateId, seats: u16) {
        self.store.touch([key::head(), key::pot(PotKind::Pool)]);
        if let Ok(seats) = self.store.seats(gate, seats) {
            self.touch_builders(&seats);
        }
    }

    /// A flat fee, from the pool.
    pub(super) fn pay_opener(&mut self, setup: &Setup, opener: MemberId) -> Result<(), Stop> {
        let fee = i128::from(setup.terms.opener_fee).saturating_mul(MONEY_PER_MICRO);
        self.store.touch([key::account(opener)]);
        let mut pool: SealedPot = self.store.get(&key::pot(PotKind::Pool))?;
        let mut account: SealedAccount = self.store.get(&key::account(opener))?;
        pool.balance = combine(&[(1, &pool.balance)], fee.saturating_neg());
        account.balance = combine(&[(1, &account.balance)], fee);
        self.store.put(key::pot(PotKind::Pool), &pool);
        self.store.put(key::account(opener), &account);
        Ok(())
    }

    /// Decides or fails a gate once its search asks for nothing more.
    fn conclude(&mut self, gate: Gate, seats: u16, search: &SumSearch) -> Result<Gate, Stop> {
        if search.next_sum().is_err() {
            return self.fail(gate, Failure::SumDegenerate);
        }
        match search.outcome() {
            None => Ok(gate),
            Some(Outcome::Failed(failure)) => self.fail(gate, named(failure)),
            Some(outcome) => match summary(&outcome) {
                Some(decision) => self.decide_sealed(gate, seats, decision),
                None => self.fail(gate, Failure::Infeasible),
            },
        }
    }

    fn decide_sealed(
        &mut self,
        mut gate: Gate,
        seats: u16,
        decision: SealedDecision,
    ) -> Result<Gate, Stop> {
        if !self.price_rise_allowed(decision.price) {
            return self.fail(gate, Failure::PriceRise);
        }
        let mut head: SealedHead = self.store.get(&key::head())?;
        head.last_u = Some(decision.u);
        self.store.put(key::head(), &head);
        self.store.put(key::decision(gate.id), &decision);
        self.reward_openers(&gate, seats)?;
        self.head.price = Some(decision.price);
        self.emit(SealedEvent::Decided { gate: gate.id, decision });
        gate.phase = Phase::Sealed { stage: Stage::Decided { height: self.block.height } };
        Ok(gate)
    }

    /// Wagers go back; a drawn owner that opened gains a little trust, far less than a builder: there is nothing to
    /// optimise, and trust farmed here could be spent elsewhere.
    fn reward_openers(&mut self, gate: &Gate, seats: u16) -> Result<(), Stop> {
        let seats: Vec<Seat> = self.store.seats(gate.id, seats)?;
        let wagers: Vec<_> = seats.iter().map(|seat| (seat.member, seat.wager)).collect();
        self.release(&wagers)?;
        let sealed: SealedGate = self.store.get(&key::gate(gate.id))?;
        let keys: Vec<_> = (0..sealed.sums).map(|position| key::sum(gate.id, position)).collect();
        let sums: Vec<OpenedSum> = self.store.get_all(&keys)?;
        let openers: BTreeSet<MemberId> = sums.iter().map(|sum| sum.opener).collect();
        for seat in seats.iter().filter(|seat| openers.contains(&seat.member)) {
            let owner: Owner = self.store.get(&base::owner(seat.owner))?;
            let index_ppm =
                trust::opener_index(owner.index_ppm, &self.rules.trust, gate.significance);
            self.store.put(base::owner(seat.owner), &Owner { index_ppm });
        }
        Ok(())
    }
}

const fn named(failure: ClearingFailure) -> Failure {
    match failure {
        ClearingFailure::Surplus { .. } => Failure::Surplus,
        ClearingFailure::Reserve { .. } => Failure::ReserveShort,
        ClearingFailure::Shortage { .. } => Failure::Shortage,
    }
}

/// What is public of an outcome; `None` where a number leaves its range, which widths rule out.
fn summary(outcome: &Outcome) -> Option<SealedDecision> {
    let whole = u32::try_from(SCALE).ok()?;
    match outcome {
        Outcome::Failed(_) => None,
        Outcome::Balanced { cleared, reserve } => Some(SealedDecision {
            price: cleared.price,
            u: u8::try_from(cleared.u).ok()?,
            alpha: match cleared.share {
                Share::Between { alpha, .. } => u32::try_from(alpha).ok()?,
                _ => whole,
            },
            gamma: 0,
            cuts: 0,
            reserve: i64::try_from(*reserve).ok()?,
            residue: i64::try_from(cleared.residue).ok()?,
        }),
        Outcome::Short { price, gamma, reserve, cuts, residue } => Some(SealedDecision {
            price: Price(price.0),
            u: u8::try_from(PRICES).ok()?,
            alpha: whole,
            gamma: u32::try_from(*gamma).ok()?,
            cuts: u16::try_from(cuts.len()).ok()?,
            reserve: i64::try_from(*reserve).ok()?,
            residue: i64::try_from(*residue).ok()?,
        }),
    }
}
