//! Commands, one by one, in the block's order. Each is checked in the order of `docs/rules.md`, then takes
//! effect whole.

use super::Run;
use crate::{
    command::{Command, NAMESPACE, SignedCommand},
    event::{Event, Receipt},
    gate::{Gate, Phase},
    records::{Account, Member, Metered, PARTS_MAX, Part, ROSTER_PAGE, Roster, key},
    refusal::Refusal,
    roles,
    state::Read,
    store::Stop,
};
use commonware_codec::Encode as _;
use commonware_cryptography::{BatchEntry, BatchVerifier as _, Hasher as _, Sha256, ed25519};
use commonware_parallel::Sequential;
use gridaccord_dispatch::TIERS_MAX;
use gridaccord_model::{GateId, Joules, MemberId, Need, Offer, codec::Bounded, offer::POWER_MAX};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

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
        let all_signed = batch_verifies(&self.params.chain, commands, &authors);
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
        // A key replaced earlier in this block was not the one checked together with the others.
        let signature_good =
            key_checked == Some(&member.key) || signed.verify(&self.params.chain, &member.key);
        if !signature_good {
            return Ok(Err(Refusal::SignatureInvalid));
        }
        let result = if roles::may(member.role, &signed.command) {
            self.run_checked(signed.member, &mut member, &signed.command)?
        } else {
            Err(Refusal::RoleForbids)
        };
        member.nonce = member.nonce.saturating_add(1);
        self.store.put(key::member(signed.member), &member);
        Ok(result)
    }

    fn run_checked(&mut self, author: MemberId, member: &mut Member, command: &Command) -> Step {
        match command {
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
            Command::RotateKey { key } => {
                member.key = key.clone();
                Ok(Ok(()))
            }
        }
    }

    fn take_offer(&mut self, author: MemberId, id: GateId, offer: &Offer) -> Step {
        let mut gate = pass!(self.open_gate(id)?);
        pass!(offer.check().map_err(Refusal::Offer));
        let mut part = pass!(self.part(&mut gate, author)?);
        if part.offer.is_none() && part.need.is_none() {
            gate.book.market = gate.book.market.saturating_add(1);
        }
        part.offer = Some(self.store.append(offer.encode()));
        self.store.put(key::part(id, author), &part);
        self.store.put(key::gate(id), &gate);
        self.events.push(Event::Offered { gate: id, member: author, offer: offer.clone() });
        Ok(Ok(()))
    }

    fn take_need(&mut self, author: MemberId, id: GateId, need: &Need) -> Step {
        let mut gate = pass!(self.open_gate(id)?);
        pass!(need.check().map_err(Refusal::Need));
        let mut part = pass!(self.part(&mut gate, author)?);
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
        self.store.put(key::part(id, author), &part);
        self.store.put(key::gate(id), &gate);
        self.events.push(Event::Needed { gate: id, member: author, need: need.clone() });
        Ok(Ok(()))
    }

    fn take_wager(&mut self, author: MemberId, id: GateId, tokens: u64) -> Step {
        let mut gate = pass!(self.open_gate(id)?);
        if tokens < gate.wager_min {
            return Ok(Err(Refusal::WagerTooSmall { given: tokens, least: gate.wager_min }));
        }
        let mut part = pass!(self.part(&mut gate, author)?);
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
        self.store.put(key::part(id, author), &part);
        self.store.put(key::gate(id), &gate);
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
    fn open_gate(&mut self, id: GateId) -> Step<Gate> {
        let gate = pass!(self.live_gate(id)?);
        match gate.phase {
            Phase::Open { .. } => Ok(Ok(gate)),
            _ => Ok(Err(wrong_phase(&gate, "open"))),
        }
    }

    /// The member's part in the gate, entered into the roster if it is new. Rule C7.
    fn part(&mut self, gate: &mut Gate, member: MemberId) -> Step<Part> {
        if let Some(part) = self.store.find(&key::part(gate.id, member))? {
            return Ok(Ok(part));
        }
        let count = usize::from(gate.book.participants);
        if count >= PARTS_MAX {
            return Ok(Err(Refusal::GateFull(gate.id)));
        }
        let page = u16::try_from(count.div_euclid(ROSTER_PAGE)).expect("the roster is bounded");
        let roster: Roster = self.store.find(&key::roster(gate.id, page))?.unwrap_or_default();
        let mut members = roster.members.into_inner();
        members.push(member);
        let members =
            Bounded::new(members).expect("a page is full exactly when the count reaches the next");
        self.store.put(key::roster(gate.id, page), &Roster { members });
        gate.book.participants = gate.book.participants.saturating_add(1);
        Ok(Ok(Part::default()))
    }
}

/// Rule C6.
pub(super) fn wrong_phase(gate: &Gate, needed: &'static str) -> Refusal {
    Refusal::PhaseWrong { gate: gate.id, phase: gate.phase.name(), needed }
}

/// Whether every signature of the block is good, in one batch. The coefficients come from a hash of all of
/// it, so that whoever crafts signatures cannot know them first.
fn batch_verifies(
    chain: &crate::Digest,
    commands: &[SignedCommand],
    authors: &[Option<Member>],
) -> bool {
    let mut entries = Vec::with_capacity(commands.len());
    let mut hasher = Sha256::default();
    hasher.update(b"gridaccord/batch/v1");
    for (signed, author) in commands.iter().zip(authors) {
        let Some(author) = author else {
            return false;
        };
        hasher.update(&signed.encode());
        hasher.update(&author.key.encode());
        entries.push((signed.message(chain), &author.key, &signed.signature));
    }
    let mut coefficients = ChaCha20Rng::from_seed(hasher.finalize().1.0);
    ed25519::PublicKey::verify_batch(
        &mut coefficients,
        &entries,
        |_, (message, public_key, signature)| BatchEntry {
            namespace: NAMESPACE,
            message,
            public_key,
            signature,
        },
        &Sequential,
    )
}
