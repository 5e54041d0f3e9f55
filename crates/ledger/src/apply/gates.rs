//! What moves gates without a command: the beacon, ledger time, and full or ended windows.

use super::Run;
use crate::{
    Seed,
    draw::{Bidder, draw},
    event::Event,
    gate::{Book, Dispatched, Failure, Gate, Open, Phase, Seat, Verdict},
    records::{Account, LIVE_GATES_MAX, Member, Outlook, Owner, key, slot},
    sealed::{Opening, Stage},
    state::Read,
    store::Stop,
    trust,
};
use gridaccord_model::{GateId, MemberId, Money, codec::Bounded};

/// Views that a draw of great significance waits for: a seed can leak early to f + 1 voters.
const BEACON_OFFSET_SIGNIFICANT: u64 = 10;

impl<R: Read> Run<'_, R> {
    /// Opens the gates that are due, as far as there is room for live ones.
    pub(super) fn open_due_gates(&mut self) {
        let market = self.params.market;
        for _ in 0..LIVE_GATES_MAX {
            let id = self.head.next_gate;
            let due = market.has(id) && market.opens(id) <= self.head.now;
            if !due || self.head.live & slot(id) != 0 {
                return;
            }
            let significance = match &self.setup {
                // Turnovers are hidden there: a public constant stands for them.
                Some(setup) => setup.significance(&market),
                None => self.head.turnover.max(self.rules.trust.significance_floor),
            };
            let mut gate = Gate {
                id,
                interval: market.interval(id),
                wager_min: trust::wager_min(&self.rules.trust, significance),
                significance,
                book: Book::default(),
                phase: Phase::Open { open: Open },
            };
            self.head.live |= slot(id);
            self.head.next_gate.0 = id.0.saturating_add(1);
            self.events.push(Event::Opened {
                gate: id,
                interval: gate.interval,
                closes: market.closes(id),
                wager_min: gate.wager_min,
                significance,
            });
            if market.closes(id) <= self.head.now {
                // The chain stood still: only this block's proposer could have a part in it.
                gate.phase = self.fail_phase(id, Failure::Late);
            } else if let Some(setup) = self.setup
                && let Ok(phase) = self.open_sealed(&setup, &gate)
            {
                gate.phase = phase;
            }
            if self.horizon_intervals().is_some() {
                self.store.put(key::outlook(id), &Outlook::default());
            }
            self.put_gate(&gate);
        }
    }

    /// Closed → Drawn, when the block carries the seed the gate waits for.
    pub(super) fn draw_by_seed(&mut self, mut gate: Gate) -> Result<Gate, Stop> {
        let Phase::Closed { closed } = gate.phase else {
            return Ok(gate);
        };
        let Some(seed) =
            self.block.seeds.iter().find(|seed| seed.view == closed.draw_view).copied()
        else {
            return Ok(gate);
        };
        let seats = self.seat_builders(&gate, &seed)?;
        let (trust, height) = (self.rules.trust, self.block.height);
        gate.phase = match self.setup {
            // There is nothing to commit to: the drawn open sums.
            Some(_) => {
                Phase::Sealed { stage: Stage::Opening { opening: Opening::start(seats, height) } }
            }
            None => Phase::Drawn { drawn: closed.draw(seats, height, trust.commit_window) },
        };
        Ok(gate)
    }

    /// Draws, seats, and gives the wagers of all others back.
    fn seat_builders(&mut self, gate: &Gate, seed: &Seed) -> Result<u16, Stop> {
        let bidders = self.bidders(gate)?;
        let seated = draw(&self.params.chain, gate.id, seed, &bidders, self.rules.trust.seats);
        let undrawn = bidders.iter().filter(|bidder| !seated.contains(bidder));
        let undrawn: Vec<_> = undrawn.map(|bidder| (bidder.member, bidder.wager)).collect();
        self.release(&undrawn)?;
        for (position, bidder) in (0u16..).zip(&seated) {
            let seat = Seat {
                member: bidder.member,
                owner: bidder.owner,
                wager: bidder.wager,
                commitment: None,
                answer: None,
                verdict: Verdict::Waiting {},
            };
            self.store.put(key::seat(gate.id, position), &seat);
        }
        let builders: Vec<MemberId> = seated.iter().map(|bidder| bidder.member).collect();
        let builders = Bounded::new(builders).expect("genesis bounds the seats");
        self.events.push(Event::Drawn { gate: gate.id, builders });
        Ok(u16::try_from(seated.len()).expect("genesis bounds the seats"))
    }

    fn bidders(&mut self, gate: &Gate) -> Result<Vec<Bidder>, Stop> {
        let wagers: Vec<(MemberId, u64)> = self
            .store
            .parts(gate)?
            .into_iter()
            .filter(|(_, part)| part.wager > 0)
            .map(|(member, part)| (member, part.wager))
            .collect();
        self.store.touch(wagers.iter().map(|(member, _)| key::account(*member)));
        let keys: Vec<_> = wagers.iter().map(|(member, _)| key::member(*member)).collect();
        let members: Vec<Member> = self.store.get_all(&keys)?;
        let keys: Vec<_> = members.iter().map(|member| key::owner(member.owner)).collect();
        let owners: Vec<Owner> = self.store.get_all(&keys)?;
        Ok(wagers
            .into_iter()
            .zip(members)
            .zip(owners)
            .map(|(((member, wager), record), owner)| Bidder {
                member,
                owner: record.owner,
                wager,
                index_ppm: owner.index_ppm,
            })
            .collect())
    }

    /// Open → Closed at gate closure; Decided → Dispatched at the interval's start; what is undecided by then
    /// fails: nothing is decided in the past.
    pub(super) fn move_by_time(&mut self, mut gate: Gate) -> Result<Gate, Stop> {
        if let Some(setup) = self.setup {
            return self.move_sealed_by_time(&setup, gate);
        }
        let late = self.head.now >= gate.interval.start;
        match gate.phase {
            Phase::Open { .. }
            | Phase::Closed { .. }
            | Phase::Drawn { .. }
            | Phase::Committed { .. }
                if late =>
            {
                self.fail(gate, Failure::Late)
            }
            Phase::Open { open } if self.head.now >= self.params.market.closes(gate.id) => {
                if gate.book.market == 0 {
                    return self.fail(gate, Failure::NoMarket);
                }
                if gate.book.bidders == 0 {
                    return self.fail(gate, Failure::NoBuilders);
                }
                self.fix_outlook(&gate)?;
                if self.problem(&gate)?.is_unbalanced() {
                    return self.fail(gate, Failure::Infeasible);
                }
                let closed =
                    open.close(self.block.height, self.block.view, self.beacon_offset(&gate));
                self.events.push(Event::Closed { gate: gate.id, draw_view: closed.draw_view });
                gate.phase = Phase::Closed { closed };
                Ok(gate)
            }
            Phase::Decided { decided } if late => {
                self.events.push(Event::Dispatched { gate: gate.id });
                let dispatched = self.see_end(&gate, decided.dispatch());
                gate.phase = Phase::Dispatched { dispatched };
                Ok(gate)
            }
            Phase::Dispatched { dispatched } => {
                gate.phase = Phase::Dispatched { dispatched: self.see_end(&gate, dispatched) };
                Ok(gate)
            }
            _ => Ok(gate),
        }
    }

    fn see_end(&self, gate: &Gate, dispatched: Dispatched) -> Dispatched {
        if dispatched.due.is_none() && self.head.now >= gate.interval.end() {
            dispatched.over(self.head.now, self.params.market.meter_lag_s)
        } else {
            dispatched
        }
    }

    pub(super) fn beacon_offset(&self, gate: &Gate) -> u64 {
        let trust = &self.rules.trust;
        if gate.significance > trust.significance_ref {
            trust.beacon_offset.max(BEACON_OFFSET_SIGNIFICANT)
        } else {
            trust.beacon_offset
        }
    }

    /// Drawn → Committed → Revealed → Decided when everybody is done or the window is over;
    /// Dispatched → Metered → Settled when every reading is in or due.
    pub(super) fn move_when_full(&mut self, mut gate: Gate) -> Result<Gate, Stop> {
        if let Some(setup) = self.setup {
            return self.move_sealed_when_full(&setup, gate);
        }
        let height = self.block.height;
        if let Phase::Drawn { drawn } = gate.phase
            && drawn.complete(height)
        {
            let seats = self.store.seats(gate.id, drawn.seats)?;
            let open = seats
                .iter()
                .filter(|seat| seat.commitment.is_some() && seat.verdict == Verdict::Waiting {});
            let commits = u16::try_from(open.count()).expect("genesis bounds the seats");
            self.events.push(Event::CommitsEnded { gate: gate.id });
            gate.phase = Phase::Committed {
                committed: drawn.seal(commits, height, self.rules.trust.reveal_window),
            };
        }
        if let Phase::Committed { committed } = gate.phase
            && committed.complete(height)
        {
            return self.decide(gate, committed.reveal());
        }
        if let Phase::Dispatched { dispatched } = gate.phase {
            let over = self.head.now >= gate.interval.end();
            let due = dispatched.due.is_some_and(|due| self.head.now >= due);
            if due || (over && dispatched.readings >= gate.book.market) {
                return self.settle(gate, dispatched.meter());
            }
        }
        Ok(gate)
    }

    /// The gate ends without a plan: undrawn wagers go back, and builders get what they earned so far.
    pub(super) fn fail(&mut self, mut gate: Gate, reason: Failure) -> Result<Gate, Stop> {
        match gate.phase {
            Phase::Open { .. } | Phase::Closed { .. } => {
                let parts = self.store.parts(&gate)?;
                let wagers: Vec<_> =
                    parts.into_iter().map(|(member, part)| (member, part.wager)).collect();
                self.release(&wagers)?;
            }
            Phase::Drawn { drawn } => self.release_seats(&gate, drawn.seats)?,
            Phase::Committed { committed } if reason == Failure::Late => {
                self.release_seats(&gate, committed.seats)?;
            }
            Phase::Committed { committed } => {
                let seats = self.store.seats(gate.id, committed.seats)?;
                self.settle_wagers(&gate, &seats)?;
            }
            Phase::Sealed { stage: Stage::Opening { opening } } => {
                self.release_seats(&gate, opening.seats)?;
            }
            Phase::Sealed { .. }
            | Phase::Decided { .. }
            | Phase::Dispatched { .. }
            | Phase::Settled { .. }
            | Phase::Failed { .. } => {}
        }
        if self.setup.is_some() {
            self.end_sealed(gate.id)?;
        }
        gate.phase = self.fail_phase(gate.id, reason);
        Ok(gate)
    }

    pub(super) fn fail_phase(&mut self, gate: GateId, reason: Failure) -> Phase {
        match reason {
            // A wager that nobody can afford must not outlive what made it so large.
            Failure::NoBuilders => {
                self.head.turnover = Money(self.head.turnover.0.div_euclid(2));
            }
            Failure::PriceRise => self.head.price = None,
            _ => {}
        }
        self.events.push(Event::Failed { gate, reason });
        Phase::Failed { reason }
    }

    /// A late gate may be the network's fault, so silence costs nothing; a false answer still does.
    fn release_seats(&mut self, gate: &Gate, count: u16) -> Result<(), Stop> {
        let seats = self.store.seats(gate.id, count)?;
        let (silent, spoken): (Vec<Seat>, Vec<Seat>) =
            seats.into_iter().partition(|seat| seat.verdict == Verdict::Waiting {});
        let silent: Vec<_> = silent.iter().map(|seat| (seat.member, seat.wager)).collect();
        self.touch_builders(&spoken);
        self.release(&silent)?;
        self.settle_wagers(gate, &spoken)
    }

    /// Gives wagers of distinct members back.
    pub(super) fn release(&mut self, wagers: &[(MemberId, u64)]) -> Result<(), Stop> {
        let wagers: Vec<_> = wagers.iter().filter(|(_, wager)| *wager > 0).collect();
        let keys: Vec<_> = wagers.iter().map(|(member, _)| key::account(*member)).collect();
        let accounts: Vec<Account> = self.store.get_all(&keys)?;
        for ((key, (_, wager)), mut account) in keys.iter().zip(wagers).zip(accounts) {
            account.held = account.held.saturating_sub(*wager);
            self.store.put(*key, &account);
        }
        Ok(())
    }
}
