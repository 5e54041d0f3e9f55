//! Builders: commitments, reveals, the check of every answer, and the decision.

use super::{
    Run,
    commands::{Step, pass, wrong_phase},
    stated::Stated,
};
use crate::{
    Digest, Role,
    command::commitment,
    event::{Event, SetPoint},
    gate::{Decision, Failure, Gate, Phase, Revealed, Score, Seat, Verdict},
    records::{Account, Member, Owner, Part, Pot, PotName, key},
    refusal::Refusal,
    state::{BodyId, Read},
    store::Stop,
    trust,
};
use bytes::Bytes;
use commonware_codec::DecodeExt as _;
use gridaccord_dispatch::{Plan, Problem, Resource, Setting, State};
use gridaccord_model::{GateId, MemberId, Need, Offer, Price, codec::Bounded};
use std::collections::BTreeMap;

impl<R: Read> Run<'_, R> {
    pub(super) fn take_commitment(
        &mut self,
        author: MemberId,
        id: GateId,
        commitment: Digest,
    ) -> Step {
        let mut gate = pass!(self.live_gate(id)?);
        let Phase::Drawn { drawn } = &mut gate.phase else {
            return Ok(Err(wrong_phase(&gate, "drawn")));
        };
        let (position, mut seat) = pass!(self.seat_of(id, drawn.seats, author)?);
        match seat.commitment {
            None => {
                seat.commitment = Some(commitment);
                drawn.commits = drawn.commits.saturating_add(1);
                self.events.push(Event::Committed { gate: id, builder: author });
            }
            Some(earlier) if earlier == commitment => return Ok(Err(Refusal::CommittedAlready)),
            // Two signed answers for one seat: the command is the evidence.
            Some(_) => self.equivocate(id, &mut seat),
        }
        self.store.put(key::seat(id, position), &seat);
        self.store.put(key::gate(id), &gate);
        Ok(Ok(()))
    }

    pub(super) fn take_reveal(
        &mut self,
        author: MemberId,
        id: GateId,
        builder: MemberId,
        salt: &[u8; 32],
        answer: &[u8],
    ) -> Step {
        let mut gate = pass!(self.live_gate(id)?);
        let Phase::Committed { mut committed } = gate.phase else {
            return Ok(Err(wrong_phase(&gate, "committed")));
        };
        let (position, mut seat) = pass!(self.seat_of(id, committed.seats, builder)?);
        let Some(committed_to) = seat.commitment else {
            return Ok(Err(Refusal::NotCommitted));
        };
        let opens = commitment(&self.params.chain, id, builder, salt, answer) == committed_to;
        match (opens, seat.answer) {
            (true, Some(_)) => return Ok(Err(Refusal::RevealedAlready)),
            // The builder's own signature under another answer than the one it revealed.
            (false, Some(_)) if author == builder => self.equivocate(id, &mut seat),
            (false, _) => return Ok(Err(Refusal::CommitmentMismatch)),
            (true, None) => {
                seat.verdict = self.check_answer(&gate, builder, answer)?;
                seat.answer = Some(self.store.append(Bytes::copy_from_slice(answer)));
                committed.reveals = committed.reveals.saturating_add(1);
                gate.phase = Phase::Committed { committed };
            }
        }
        self.store.put(key::seat(id, position), &seat);
        self.store.put(key::gate(id), &gate);
        Ok(Ok(()))
    }

    fn equivocate(&mut self, gate: GateId, seat: &mut Seat) {
        seat.verdict = Verdict::Equivocated {};
        self.events.push(Event::Equivocated { gate, builder: seat.member });
    }

    /// Rules B1 and B6.
    pub(super) fn seat_of(
        &mut self,
        gate: GateId,
        count: u16,
        builder: MemberId,
    ) -> Step<(u16, Seat)> {
        let seats = self.store.seats(gate, count)?;
        match (0u16..).zip(seats).find(|(_, seat)| seat.member == builder) {
            None => Ok(Err(Refusal::NoSeat(builder))),
            Some((_, seat)) if seat.verdict == (Verdict::Equivocated {}) => {
                Ok(Err(Refusal::SeatForfeit))
            }
            Some(found) => Ok(Ok(found)),
        }
    }

    fn check_answer(
        &mut self,
        gate: &Gate,
        builder: MemberId,
        bytes: &[u8],
    ) -> Result<Verdict, Stop> {
        let gap_ppb = self.rules.thresholds.gap_ppb;
        let verdict = self.problem(gate)?.judge(bytes, gap_ppb);
        match verdict {
            Verdict::Valid { score } => {
                self.events.push(Event::AnswerValid { gate: gate.id, builder, score })
            }
            Verdict::Refused { rule } => {
                self.events.push(Event::AnswerRefused { gate: gate.id, builder, rule })
            }
            Verdict::Infeasible {} => {
                self.events.push(Event::InfeasibleProven { gate: gate.id, builder });
            }
            Verdict::Waiting {} | Verdict::Equivocated {} => {}
        }
        Ok(verdict)
    }

    /// Loss threshold on the price (requirement C9). Offers and needs alone make the price, so a rise is no
    /// builder's fault: it ends the gate and costs nobody a wager.
    pub(super) fn price_rise_allowed(&self, price: Price) -> bool {
        let rise_ppm = self.rules.thresholds.price_rise_ppm;
        let Some(last) = self.head.price.filter(|_| rise_ppm > 0) else {
            return true;
        };
        let rise = i128::from(price.0).saturating_sub(i128::from(last.0)).saturating_mul(1_000_000);
        rise <= i128::from(last.0.unsigned_abs()).saturating_mul(i128::from(rise_ppm))
    }

    /// The gate's problem, as its closed book states it.
    pub(super) fn problem(&mut self, gate: &Gate) -> Result<&Stated, Stop> {
        if !self.problems.contains_key(&gate.id) {
            let parts = self.store.parts(gate)?;
            let problem = match self.horizon_intervals() {
                Some(_) => self.state_horizon(gate, parts)?,
                None => Stated::Open(Box::new(self.build_problem(gate, parts)?)),
            };
            self.problems.insert(gate.id, problem);
        }
        Ok(&self.problems[&gate.id])
    }

    fn build_problem(
        &mut self,
        gate: &Gate,
        parts: Vec<(MemberId, Part)>,
    ) -> Result<Problem, Stop> {
        let mut offerers: Vec<(MemberId, BodyId)> = Vec::new();
        let mut needs: Vec<(MemberId, Need)> = Vec::new();
        for (member, part) in parts {
            offerers.extend(part.offer.map(|body| (member, body)));
            needs.extend(part.need.map(|need| (member, need)));
        }
        let keys: Vec<_> = offerers.iter().map(|(member, _)| key::member(*member)).collect();
        self.store.touch(keys.iter().copied());
        let ids: Vec<BodyId> = offerers.iter().map(|(_, body)| *body).collect();
        let bodies = self.store.bodies(&ids)?;
        let members: Vec<Member> = self.store.get_all(&keys)?;
        let resources = offerers
            .iter()
            .zip(members)
            .zip(bodies)
            .map(|(((member, _), record), body)| Resource {
                member: *member,
                default_state: default_state(record.role),
                offer: Offer::decode(body).expect("admission stored a canonical offer"),
            })
            .collect();
        let setting = Setting {
            duration_s: gate.interval.duration_s,
            price_cap: self.params.market.price_cap,
            island: false,
        };
        Ok(Problem::new(setting, resources, needs)
            .expect("admission and genesis checked every rule of a problem"))
    }

    /// The best verified answer wins, unless its price is beyond the loss threshold; wagers come to what they earned.
    pub(super) fn decide(&mut self, mut gate: Gate, revealed: Revealed) -> Result<Gate, Stop> {
        let seats = self.store.seats(gate.id, revealed.seats)?;
        let best = trust::best(&seats, self.rules.trust.epsilon_ppb)
            .and_then(|position| seats.get(position));
        self.touch_builders(&seats);
        let Some((seat, score, body)) = best.and_then(valid_answer) else {
            let proven = seats.iter().any(|seat| seat.verdict == Verdict::Infeasible {});
            let reason = if proven { Failure::Infeasible } else { Failure::NoValidAnswer };
            return self.fail(gate, reason);
        };
        let (price, bound) = trust::best_proof(&seats).unwrap_or((score.price, score.bound));
        if !self.price_rise_allowed(price) {
            return self.fail(gate, Failure::PriceRise);
        }
        self.store.touch_rosters(&gate);
        let bytes = self.store.bodies(&[body])?.remove(0);
        let plans = self.problem(&gate)?.plan(&bytes);
        if !self.carbon_allowed(&plans)? {
            return self.fail(gate, Failure::Carbon);
        }
        let set_points = self.set_points(&gate, &plans)?;
        self.roll(&gate, &plans)?;
        self.settle_wagers(&gate, &seats)?;

        let decision = Decision {
            winner: seat.member,
            answer: body,
            price,
            cost: score.cost,
            bound,
            turnover: score.turnover,
        };
        self.store.put(key::decision(gate.id), &decision);
        self.head.price = Some(price);
        self.events.push(Event::Decided {
            gate: gate.id,
            winner: seat.member,
            price,
            cost: score.cost,
            gap_ppb: decision.gap_ppb(),
            set_points,
        });
        gate.phase = Phase::Decided { decided: revealed.decide(seat.member, self.block.height) };
        Ok(gate)
    }

    /// Writes every participant's net set point into its part.
    fn set_points(
        &mut self,
        gate: &Gate,
        plans: &BTreeMap<MemberId, Plan>,
    ) -> Result<Bounded<SetPoint, { crate::records::PARTS_MAX }>, Stop> {
        let mut set_points = Vec::with_capacity(plans.len());
        for (member, plan) in plans {
            let mut part: Part = self.store.get(&key::part(gate.id, *member))?;
            part.set_point = Some(plan.net());
            self.store.put(key::part(gate.id, *member), &part);
            set_points.push(SetPoint { member: *member, power: plan.net() });
        }
        Ok(Bounded::new(set_points).expect("a gate admits no more participants"))
    }

    /// Asks for what [`Run::settle_wagers`] reads.
    pub(super) fn touch_builders(&mut self, seats: &[Seat]) {
        for seat in seats {
            self.store.touch([key::account(seat.member), key::owner(seat.owner)]);
        }
        self.store.touch([key::pot(PotName::Slashed)]);
    }

    /// Returns, rewards or takes wagers, and moves trust.
    pub(super) fn settle_wagers(&mut self, gate: &Gate, seats: &[Seat]) -> Result<(), Stop> {
        let keys: Vec<_> = seats.iter().map(|seat| key::owner(seat.owner)).collect();
        let owners: Vec<Owner> = self.store.get_all(&keys)?;
        let indices: Vec<u32> = owners.iter().map(|owner| owner.index_ppm).collect();
        let consequences = trust::judge(
            &self.rules.trust,
            &self.rules.thresholds,
            gate.significance,
            gate.wager_min,
            seats,
            &indices,
            self.params.owners,
        );
        for (seat, consequence) in seats.iter().zip(consequences) {
            let mut account: Account = self.store.get(&key::account(seat.member))?;
            account.held = account.held.saturating_sub(seat.wager);
            let bonded = account.stake.saturating_sub(consequence.wager_lost);
            let slashed = u128::from(bonded)
                .saturating_mul(u128::from(consequence.stake_lost_ppm))
                .div_euclid(1_000_000);
            let slashed =
                u64::try_from(slashed).unwrap_or(u64::MAX).min(bonded.saturating_sub(account.held));
            let lost = consequence.wager_lost.saturating_add(slashed);
            account.stake = account.stake.saturating_sub(lost);
            self.store.put(key::account(seat.member), &account);
            self.store.put(key::owner(seat.owner), &Owner { index_ppm: consequence.index_ppm });
            if lost > 0 {
                let mut pot: Pot = self.store.get(&key::pot(PotName::Slashed))?;
                pot.tokens = pot.tokens.saturating_add(lost);
                self.store.put(key::pot(PotName::Slashed), &pot);
            }
            self.events.push(Event::WagerSettled {
                gate: gate.id,
                builder: seat.member,
                returned: consequence.returned,
                lost,
                owner: seat.owner,
                index_ppm: consequence.index_ppm,
            });
        }
        Ok(())
    }
}

/// The utility defaults to unity, everybody else to retreat.
const fn default_state(role: Role) -> State {
    match role {
        Role::Utility => State::Unity,
        _ => State::Retreat,
    }
}

fn valid_answer(seat: &Seat) -> Option<(&Seat, Score, BodyId)> {
    match (seat.verdict, seat.answer) {
        (Verdict::Valid { score }, Some(body)) => Some((seat, score, body)),
        _ => None,
    }
}
