//! Commands, one by one, in the block's order. Each is checked in the order of `docs/rules.md`, then takes
//! effect whole.

use super::{Run, pieces::Posted};
use crate::{
    command::{Command, SignedCommand, verify_all},
    event::{Event, Receipt},
    gate::{Gate, Phase},
    records::{Account, Member, Metered, PARTS_MAX, Part, ROSTER_PAGE, Roster, key},
    refusal::Refusal,
    roles,
    state::Read,
    store::Stop,
};
use commonware_codec::Encode as _;
use commonware_cryptography::ed25519;
use gridaccord_dispatch::TIERS_MAX;
use gridaccord_model::{
    CostCurve, GateId, Joules, MemberId, Need, Offer,
    codec::Bounded,
    offer::{LINEAR_PER_PRICE, POWER_MAX},
};
/// A step that either takes effect, is refused by a rule, or lacks records.
pub(super) type Step<T = ()> = Result<Result<T, Refusal>, Stop>;

/// Unwraps the inner result of a [`Step`], handing a refusal on.
macro_rules! pass {
    ($step:expr) => {
        match $step {
            Ok(value) => value,
            Err(refusal) => return Ok(Err(refusal)),
        }
    };
}
pub(super) use pass;

impl<R: Read> Run<'_, R> {
    pub(super) fn run_commands(&mut self, commands: &[SignedCommand]) {
        let authors = self.authors(commands);
        self.touch_parts(commands);
        let all_signed = self.store.is_complete() && self.all_signed(commands, &authors);
        if all_signed || !self.store.is_complete() {
            self.verify_early(commands);
        }
        for (signed, author) in commands.iter().zip(authors) {
            let key_checked = author.filter(|_| all_signed).map(|member| member.key);
            if let Ok(result) = self.run_command(signed, key_checked.as_ref()) {
                let SignedCommand { member, nonce, .. } = *signed;
                self.receipts.push(Receipt { id: signed.id(), member, nonce, result });
            }
        }
    }

    /// Members as the block finds them, for checking signatures together.
    fn authors(&mut self, commands: &[SignedCommand]) -> Vec<Option<Member>> {
        let keys: Vec<_> = commands.iter().map(|signed| key::member(signed.member)).collect();
        self.store.find_all(&keys).unwrap_or_else(|Stop| vec![None; commands.len()])
    }

    /// Asks at once for what the commands will read, before any signature is checked.
    fn touch_parts(&mut self, commands: &[SignedCommand]) {
        for signed in commands {
            let Some(id) = signed.command.gate().filter(|id| self.head.is_live(*id)) else {
                continue;
            };
            let author = signed.member;
            self.store.touch([key::part(id, author), key::account(author)]);
            let Ok(gate) = self.store.get::<Gate>(&key::gate(id)) else {
                continue;
            };
            match gate.phase {
                Phase::Open { .. } => self.store.touch([
                    key::roster(id, next_page(&gate)),
                    key::source(author),
                    key::outlook(id),
                ]),
                Phase::Drawn { drawn } => self.store.touch_seats(id, drawn.seats),
                Phase::Committed { committed } => {
                    self.store.touch_seats(id, committed.seats);
                    self.store.touch_rosters(&gate);
                }
                _ => {}
            }
        }
    }

    fn all_signed(&self, commands: &[SignedCommand], authors: &[Option<Member>]) -> bool {
        let keys: Option<Vec<_>> =
            authors.iter().map(|author| author.as_ref().map(|member| &member.key)).collect();
        keys.is_some_and(|keys| {
            verify_all(&self.params.chain, commands.iter().zip(keys.iter().copied()))
        })
    }

    /// Rules C1–C4, then the command's own. `key_checked` is the key whose signature is known to be good.
    fn run_command(
        &mut self,
        signed: &SignedCommand,
        key_checked: Option<&ed25519::PublicKey>,
    ) -> Step {
        let Some(mut member) = self.store.find::<Member>(&key::member(signed.member))? else {
            return Ok(Err(Refusal::MemberUnknown(signed.member)));
        };
        if signed.nonce != member.nonce {
            return Ok(Err(Refusal::NonceNotNext { given: signed.nonce, expected: member.nonce }));
        }
        // A key replaced earlier in this block was not the one checked together with the others. A round that
        // lacks records only finds out what it lacks, so it checks no signature.
        let signature_good = !self.store.is_complete()
            || key_checked == Some(&member.key)
            || signed.verify(&self.params.chain, &member.key);
        if !signature_good {
            return Ok(Err(Refusal::SignatureInvalid));
        }
        let result = if roles::may(member.role, &signed.command) {
            self.run_checked(signed.member, &mut member, &signed.command)
        } else {
            Ok(Err(Refusal::RoleForbids))
        };
        // Even where a record is missing, so that the member's next command names in this round what it lacks.
        member.nonce = member.nonce.saturating_add(1);
        self.store.put(key::member(signed.member), &member);
        result
    }

    fn run_checked(&mut self, author: MemberId, member: &mut Member, command: &Command) -> Step {
        if self.kind_forbids(command) {
            return Ok(Err(self.kind_wrong()));
        }
        match command {
            Command::Sealed { sealed } => self.run_sealed(author, &sealed.0),
            Command::Offer { gate, offer } => self.take_offer(author, *gate, offer),
            Command::Need { gate, need } => self.take_need(author, *gate, need),
            Command::Wager { gate, tokens } => self.take_wager(author, *gate, *tokens),
            Command::Commit { gate, commitment } => {
                self.take_commitment(author, *gate, *commitment)
            }
            Command::Reveal { gate, builder, salt, answer } => {
                self.take_reveal(author, *gate, *builder, salt, answer)
            }
            Command::Reading { gate, injected, absorbed } => self.take_reading(
                author,
                *gate,
                Metered { injected: *injected, absorbed: *absorbed },
            ),
            Command::Post { gate, posting } => self.take_posting(author, *gate, posting),
            Command::Piece { gate, index, of, bytes } => {
                self.take_piece(author, *gate, Posted { index: *index, of: *of, bytes })
            }
            Command::RevealPieces { gate, builder, salt } => {
                self.take_reveal_of_pieces(author, *gate, *builder, salt)
            }
            Command::RotateKey { key } => {
                member.key = key.clone();
                Ok(Ok(()))
            }
        }
    }

    fn take_offer(&mut self, author: MemberId, id: GateId, offer: &Offer) -> Step {
        pass!(self.kind_is(false));
        let mut gate = pass!(self.open_gate(id)?);
        pass!(offer.check().map_err(Refusal::Offer));
        let cap = self.params.market.price_cap;
        if marginal_least(offer)
            < i128::from(cap.0.saturating_mul(LINEAR_PER_PRICE)).saturating_neg()
        {
            return Ok(Err(Refusal::OfferBelowFloor { cap }));
        }
        pass!(self.may_offer(author)?);
        let (mut part, page) = pass!(self.part(&gate, author)?);
        if part.offer.is_none() && part.need.is_none() {
            gate.book.market = gate.book.market.saturating_add(1);
        }
        part.offer = Some(self.store.append(offer.encode()));
        self.put_part(gate, author, &part, page);
        self.events.push(Event::Offered { gate: id, member: author, offer: offer.clone() });
        Ok(Ok(()))
    }

    fn take_need(&mut self, author: MemberId, id: GateId, need: &Need) -> Step {
        pass!(self.kind_is(false));
        let mut gate = pass!(self.open_gate(id)?);
        pass!(need.check().map_err(Refusal::Need));
        let (mut part, page) = pass!(self.part(&gate, author)?);
        if part.offer.is_none() && part.need.is_none() {
            gate.book.market = gate.book.market.saturating_add(1);
        }
        let count = |need: &Need| u16::try_from(need.sheddable.len()).unwrap_or(u16::MAX);
        let others = gate.book.tiers.saturating_sub(part.need.as_ref().map_or(0, count));
        gate.book.tiers = others.saturating_add(count(need));
        if usize::from(gate.book.tiers) > TIERS_MAX {
            return Ok(Err(Refusal::GateFull(id)));
        }
        part.need = Some(need.clone());
        self.put_part(gate, author, &part, page);
        self.events.push(Event::Needed { gate: id, member: author, need: need.clone() });
        Ok(Ok(()))
    }

    fn take_wager(&mut self, author: MemberId, id: GateId, tokens: u64) -> Step {
        let mut gate = pass!(self.open_gate(id)?);
        if tokens < gate.wager_min {
            return Ok(Err(Refusal::WagerTooSmall { given: tokens, least: gate.wager_min }));
        }
        let (mut part, page) = pass!(self.part(&gate, author)?);
        let mut account: Account = self.store.get(&key::account(author))?;
        let held_elsewhere = account.held.saturating_sub(part.wager);
        let free = account.stake.saturating_sub(held_elsewhere);
        if tokens > free {
            return Ok(Err(Refusal::WagerAboveStake { given: tokens, free }));
        }
        if part.wager == 0 {
            gate.book.bidders = gate.book.bidders.saturating_add(1);
        }
        part.wager = tokens;
        account.held = held_elsewhere.saturating_add(tokens);
        self.store.put(key::account(author), &account);
        self.put_part(gate, author, &part, page);
        self.events.push(Event::Wagered { gate: id, member: author, tokens });
        Ok(Ok(()))
    }

    fn take_reading(&mut self, author: MemberId, id: GateId, metered: Metered) -> Step {
        let mut gate = pass!(self.live_gate(id)?);
        let Phase::Dispatched { dispatched } = &mut gate.phase else {
            return Ok(Err(wrong_phase(&gate, "dispatched")));
        };
        let part: Option<Part> = self.store.find(&key::part(id, author))?;
        let Some(mut part) = part.filter(|part| part.set_point.is_some()) else {
            return Ok(Err(Refusal::NoSetPoint));
        };
        let end = gate.interval.end();
        if self.head.now < end {
            return Ok(Err(Refusal::IntervalRuns { end, now: self.head.now }));
        }
        if metered.injected < Joules::ZERO || metered.absorbed < Joules::ZERO {
            return Ok(Err(Refusal::ReadingNegative));
        }
        let limit = POWER_MAX.over(gate.interval.duration_s).unwrap_or(Joules(i64::MAX));
        if metered.injected > limit || metered.absorbed > limit {
            return Ok(Err(Refusal::ReadingTooLarge { limit: POWER_MAX }));
        }
        if part.metered.is_some() {
            return Ok(Err(Refusal::ReadAlready));
        }
        part.metered = Some(metered);
        dispatched.readings = dispatched.readings.saturating_add(1);
        self.store.put(key::part(id, author), &part);
        self.store.put(key::gate(id), &gate);
        self.events.push(Event::Read { gate: id, member: author, metered });
        Ok(Ok(()))
    }

    /// Rule C5.
    pub(super) fn live_gate(&mut self, id: GateId) -> Step<Gate> {
        if !self.head.is_live(id) {
            return Ok(Err(Refusal::GateNotLive(id)));
        }
        Ok(Ok(self.store.get(&key::gate(id))?))
    }

    /// Rules C5 and C6 for what only an open gate takes.
    pub(super) fn open_gate(&mut self, id: GateId) -> Step<Gate> {
        let gate = pass!(self.live_gate(id)?);
        match gate.phase {
            Phase::Open { .. } => Ok(Ok(gate)),
            _ => Ok(Err(wrong_phase(&gate, "open"))),
        }
    }

    /// The member's part in the gate; where it is new, with the roster page it will stand on. Rule C7.
    ///
    /// Nothing is written yet: the command may still be refused.
    pub(super) fn part(&mut self, gate: &Gate, member: MemberId) -> Step<(Part, Option<Roster>)> {
        if let Some(part) = self.store.find(&key::part(gate.id, member))? {
            return Ok(Ok((part, None)));
        }
        if usize::from(gate.book.participants) >= PARTS_MAX {
            return Ok(Err(Refusal::GateFull(gate.id)));
        }
        let page = self.store.find(&key::roster(gate.id, next_page(gate)))?;
        Ok(Ok((Part::default(), Some(page.unwrap_or_default()))))
    }

    /// Writes a part and its gate, and enters a member that is new into its roster page.
    pub(super) fn put_part(
        &mut self,
        mut gate: Gate,
        member: MemberId,
        part: &Part,
        page: Option<Roster>,
    ) {
        if let Some(page) = page {
            let mut members = page.members.into_inner();
            members.push(member);
            let members = Bounded::new(members)
                .expect("a page is full exactly when the count reaches the next");
            self.store.put(key::roster(gate.id, next_page(&gate)), &Roster { members });
            gate.book.participants = gate.book.participants.saturating_add(1);
        }
        self.store.put(key::part(gate.id, member), part);
        self.store.put(key::gate(gate.id), &gate);
    }
}

/// Marginal cost at the offer's least power, pico-currency per Wh; costs are convex, so the least there is.
fn marginal_least(offer: &Offer) -> i128 {
    match &offer.cost {
        CostCurve::Quadratic { quadratic, linear } => i128::from(*quadratic)
            .saturating_mul(i128::from(offer.power_min.0))
            .saturating_add(i128::from(*linear)),
        CostCurve::Blocks { blocks } => {
            let least = blocks.first().map_or(0, |block| block.price.0);
            i128::from(least).saturating_mul(i128::from(LINEAR_PER_PRICE))
        }
    }
}

/// Roster page that the next member to take part stands on.
fn next_page(gate: &Gate) -> u16 {
    let page = usize::from(gate.book.participants).div_euclid(ROSTER_PAGE);
    u16::try_from(page).expect("the roster is bounded")
}

/// Rule C6.
pub(super) fn wrong_phase(gate: &Gate, needed: &'static str) -> Refusal {
    Refusal::PhaseWrong { gate: gate.id, phase: gate.phase.name(), needed }
}
