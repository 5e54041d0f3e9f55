//! Readings and their deviations, and what they come to: committed lines, accounts and pools.

use super::{Run, is_false, refuse, stage_of};
use crate::{
    apply::commands::{Step, pass},
    gate::{Gate, Phase, Settled},
    records::key as base,
    refusal::Refusal,
    sealed::{
        CyclePart, CycleRecord, CycleStage, MeteredPart, PotKind, SealedAccount, SealedDecision,
        SealedEvent, SealedGate, SealedLine, SealedPart, SealedPot, SealedRefusal, Setup, Stage,
        deviation_of, key, live_limit, meter, parts, stored_limit, submissions,
    },
    state::Read,
    store::Stop,
};
use gridaccord_model::{MemberId, Money};
use gridaccord_sealed::{
    Refusal as ProofRefusal,
    account::{Line, Prices},
    deviation::Deviation,
    group::{Commitment, combine},
    limit::LiveLimit,
    metering::{Reading, Registers},
    submission::Submission,
    tariff::SCALE,
};

impl<R: Read> Run<'_, R> {
    pub(super) fn take_metering(
        &mut self,
        setup: &Setup,
        author: MemberId,
        reading: &Reading,
        deviation: &Deviation,
    ) -> Step {
        let id = reading.gate;
        self.store.touch([key::gate(id), key::part(id, author), key::account(author)]);
        let mut gate = pass!(self.live_gate(id)?);
        let Stage::Dispatched { mut dispatched } = pass!(stage_of(&gate, "dispatched")) else {
            return refuse(ProofRefusal::OutOfTurn);
        };
        if reading.participant != author || deviation.participant != author || deviation.gate != id
        {
            return refuse(ProofRefusal::WrongPlace);
        }
        let part = self.store.find::<SealedPart>(&key::part(id, author))?;
        let Some(mut part) = part.filter(|part| part.curve.is_some()) else {
            return refuse(SealedRefusal::NoCurve);
        };
        let end = gate.interval.end();
        if self.head.now < end {
            return Ok(Err(Refusal::IntervalRuns { end, now: self.head.now }));
        }
        if part.metered.is_some() {
            return Ok(Err(Refusal::ReadAlready));
        }
        if part.bond == 0 && setup.terms.bond > 0 {
            return refuse(SealedRefusal::BondLost);
        }
        self.store.touch([base::account(author)]);
        let sealed: SealedGate = self.store.get(&key::gate(id))?;
        let search = self.search(setup, &gate, &sealed);
        let facts = meter(&mut self.store, &self.params, setup, &gate, author, &part);
        let (search, facts) = (search?, facts?);
        let judged = deviation_of(&mut self.store, &facts, &search, &part, &reading.registers)?;
        match self.verify_metering((reading, &facts), (deviation, &judged))? {
            Ok(()) => {}
            Err(refusal) if is_false(refusal) => {
                self.forfeit(id, author, part.bond, refusal.rule())?;
                part.bond = 0;
                self.store.put(key::part(id, author), &part);
                return Ok(Ok(()));
            }
            Err(refusal) => return refuse(refusal),
        }
        let Registers { injected, absorbed } = reading.registers;
        part.metered = Some(MeteredPart { injected, absorbed, deviation: deviation.bound });
        self.store.put(key::part(id, author), &part);
        let mut account: SealedAccount = self.store.get(&key::account(author))?;
        account.sequence = account.sequence.saturating_add(1);
        self.store.put(key::account(author), &account);
        dispatched.readings = dispatched.readings.saturating_add(1);
        gate.phase = Phase::Sealed { stage: Stage::Dispatched { dispatched } };
        self.store.put(base::gate(id), &gate);
        self.emit(SealedEvent::Metered { gate: id, member: author });
        Ok(Ok(()))
    }

    /// Moves money: every line is +V on a member's account and −V on the pool's, both as commitments.
    pub(super) fn settle_sealed(&mut self, setup: &Setup, mut gate: Gate) -> Result<Gate, Stop> {
        let cycle = setup.cycle_of(gate.id);
        self.store.touch([
            key::gate(gate.id),
            key::decision(gate.id),
            key::pot(PotKind::Pool),
            key::cycle(cycle),
        ]);
        let sealed: SealedGate = self.store.get(&key::gate(gate.id))?;
        let decision: SealedDecision = self.store.get(&key::decision(gate.id))?;
        let lines = self.lines(setup, &gate, &sealed, &decision)?;
        self.store.touch(lines.iter().flat_map(|(member, _)| {
            [key::account(*member), key::cycle_part(cycle, *member), base::account(*member)]
        }));
        let mut pool: SealedPot = self.store.get(&key::pot(PotKind::Pool))?;
        let mut record = self.store.find(&key::cycle(cycle))?.unwrap_or(CycleRecord {
            members: 0,
            closed: 0,
            owed: 0,
            stage: CycleStage::Running {},
        });
        for (member, line) in &lines {
            let amount = line.line.amount();
            pool.balance = combine(&[(1, &pool.balance), (-1, &amount)], 0);
            self.book_line(&gate, cycle, &mut record, *member, line, &amount)?;
        }
        let owed = owed(setup, &gate, &decision);
        record.owed = record.owed.saturating_add(owed);
        self.store.put(key::pot(PotKind::Pool), &pool);
        self.store.put(key::cycle(cycle), &record);
        self.end_sealed(gate.id)?;
        let count = u16::try_from(lines.len()).unwrap_or(u16::MAX);
        self.emit(SealedEvent::Settled { gate: gate.id, lines: count });
        // What was turned over is hidden: that is the point.
        gate.phase = Phase::Settled { settled: Settled { turnover: Money::ZERO } };
        Ok(gate)
    }

    /// One line onto its member's account and cycle.
    fn book_line(
        &mut self,
        gate: &Gate,
        cycle: u64,
        record: &mut CycleRecord,
        member: MemberId,
        line: &SealedLine,
        amount: &Commitment,
    ) -> Result<(), Stop> {
        let mut account: SealedAccount = self.store.get(&key::account(member))?;
        account.balance = combine(&[(1, &account.balance), (1, amount)], 0);
        let net = line.line.registers.net();
        let part = match self.store.find::<CyclePart>(&key::cycle_part(cycle, member))? {
            Some(part) => CyclePart {
                energy: combine(&[(1, &part.energy), (1, &net)], 0),
                money: combine(&[(1, &part.money), (1, amount)], 0),
                lines: part.lines.saturating_add(1),
                close: None,
            },
            None => {
                let page =
                    self.next_roster(record.members, |page| key::cycle_roster(cycle, page))?;
                self.enter(page, member);
                record.members = record.members.saturating_add(1);
                CyclePart { energy: net, money: *amount, lines: 1, close: None }
            }
        };
        self.store.put(key::account(member), &account);
        self.store.put(key::cycle_part(cycle, member), &part);
        self.store.put(key::line(gate.id, member), line);
        self.emit(SealedEvent::Billed { gate: gate.id, member, estimated: line.estimated });
        Ok(())
    }

    /// Everybody's line. Who posted no reading is billed for its limits: silence never pays.
    fn lines(
        &mut self,
        setup: &Setup,
        gate: &Gate,
        sealed: &SealedGate,
        decision: &SealedDecision,
    ) -> Result<Vec<(MemberId, SealedLine)>, Stop> {
        let all = parts(&mut self.store, gate.id, sealed.posted)?;
        let standing: Vec<_> = all.into_iter().filter(|(_, part)| part.curve.is_some()).collect();
        let curves: Vec<_> = standing.iter().filter_map(|(_, part)| part.curve).collect();
        let limits: Vec<_> = standing.iter().map(|(_, part)| part.limit).collect();
        let limits = self.store.bodies(&limits);
        let curves = submissions(&mut self.store, &curves)?;
        let limits = limits?;
        let duration_s = gate.interval.duration_s;
        let prices = Prices::of(decision.price, &setup.tariff, duration_s)
            .expect("genesis bounds the tariff, and the price lies on its grid");
        let line = |(((member, part), limit), curve): (((MemberId, SealedPart), _), Submission)| {
            let limit = live_limit(&self.params, &stored_limit(limit), gate.interval)
                .expect("the curve was admitted under this certificate");
            let metered = part.metered.unwrap_or_else(|| at_limit(&limit, duration_s));
            let line = Line {
                gate: gate.id,
                prices,
                registers: Registers { injected: metered.injected, absorbed: metered.absorbed },
                reserve: curve.body.reserve(),
                deviation: metered.deviation,
            };
            (member, SealedLine { line, estimated: part.metered.is_none() })
        };
        Ok(standing.into_iter().zip(limits).zip(curves).map(line).collect())
    }
}

/// All that a device could have absorbed, and all that it could have missed.
fn at_limit(limit: &LiveLimit, duration_s: u32) -> MeteredPart {
    let Registers { injected, absorbed } = Registers::at_limit(limit, duration_s);
    let duration = i128::from(duration_s);
    let limit = limit.limit();
    let deviation = combine(&[(duration, &limit.export), (duration, &limit.import)], 0);
    MeteredPart { injected, absorbed, deviation }
}

/// The penalty for what clearing itself left with the grid-forming resource, µ·J/kWh, rounded up.
fn owed(setup: &Setup, gate: &Gate, decision: &SealedDecision) -> i64 {
    let energy = i128::from(decision.residue)
        .saturating_abs()
        .saturating_mul(i128::from(gate.interval.duration_s));
    let joules = energy.saturating_add(SCALE.saturating_sub(1)).div_euclid(SCALE);
    let owed = joules.saturating_mul(setup.tariff.penalty(decision.price));
    i64::try_from(owed).unwrap_or(i64::MAX)
}
