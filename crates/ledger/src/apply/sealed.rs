//! The steps of a chain with sealed gates. Shared steps (opening, closing time, the draw of openers) stay where open
//! gates have them and hand over here.

use super::{
    Run,
    commands::{Step, wrong_phase},
};
use crate::{
    Command,
    event::Event,
    gate::{Failure, Gate, Phase},
    genesis::Genesis,
    records::{Account, ROSTER_PAGE, Roster},
    refusal::Refusal,
    sealed::{
        Generation, HolderRecord, PotKind, SealedAccount, SealedCommand, SealedEvent, SealedGate,
        SealedHead, SealedPot, SealedRefusal, Setup, Stage, key, parts,
    },
    state::{Key, Read, Record},
    store::Stop,
};
use gridaccord_model::{GateId, MemberId, codec::Bounded};
use gridaccord_sealed::{Refusal as ProofRefusal, group::Commitment, tariff::MONEY_PER_MICRO};

mod batch;
mod closing;
mod curves;
mod cycles;
mod evidence;
mod keys;
mod limits;
mod metering;
mod opening;

pub(super) use batch::Verdicts;

/// Refuses by a rule of sealed gates.
fn refuse<T>(refusal: impl Into<SealedRefusal>) -> Step<T> {
    Ok(Err(Refusal::Sealed(refusal.into())))
}

/// Hands on what facts say.
fn found<T>(facts: Result<T, SealedRefusal>) -> Result<T, Refusal> {
    facts.map_err(Refusal::Sealed)
}

/// Whether a proof was refused for being false. Nobody honest meets that: what it is judged by is pinned, or named by
/// the command and compared first.
const fn is_false(refusal: ProofRefusal) -> bool {
    matches!(refusal, ProofRefusal::ProofFalse | ProofRefusal::ProofShape)
}

/// What genesis leaves on the sealed side: committed deposits, empty pots, and holders that may enrol.
pub(super) fn birth(
    genesis: &Genesis,
    setup: &Setup,
    height: u64,
    put: &mut impl FnMut(Key, Record),
) {
    for (id, member) in (0u16..).map(MemberId).zip(&genesis.members) {
        let deposit = i128::from(member.deposit.0).saturating_mul(MONEY_PER_MICRO);
        let account = SealedAccount {
            balance: Commitment::public(deposit),
            unbilled: 0,
            sequence: 0,
            forbidden: genesis.carbon.forbidden.contains(&member.class),
        };
        put(key::account(id), Record::of(&account));
    }
    for kind in [PotKind::Pool, PotKind::Remainder, PotKind::Losses] {
        put(key::pot(kind), Record::of(&SealedPot { balance: Commitment::zero() }));
    }
    for (position, validator) in (0u16..).zip(&genesis.validators) {
        let member = MemberId(validator.member);
        let Some(record) = genesis.members.get(usize::from(validator.member)) else { continue };
        let holder = HolderRecord {
            member,
            owner: record.owner,
            node: validator.key.clone(),
            encryption: None,
            faulted: 0,
        };
        put(key::holder(position), Record::of(&holder));
    }
    let window = u64::from(setup.terms.key_window);
    let head = SealedHead {
        holders: u16::try_from(genesis.validators.len()).expect("the list is bounded"),
        enrolled: 0,
        epoch: 0,
        serves: 0,
        run: 0,
        generation: Generation::Enrolling { until: height.saturating_add(window) },
        last_u: None,
        cycle: 0,
    };
    put(key::head(), Record::of(&head));
}

impl<R: Read> Run<'_, R> {
    /// Rule C8: commands of sealed gates have no meaning in another market, nor others' here.
    pub(super) const fn kind_forbids(&self, command: &Command) -> bool {
        match command {
            Command::Offer { .. }
            | Command::Need { .. }
            | Command::Post { .. }
            | Command::Commit { .. }
            | Command::Reveal { .. }
            | Command::Piece { .. }
            | Command::RevealPieces { .. }
            | Command::Reading { .. } => self.setup.is_some(),
            Command::Sealed { .. } => self.setup.is_none(),
            Command::Wager { .. } | Command::RotateKey { .. } => false,
        }
    }

    pub(super) fn run_sealed(&mut self, author: MemberId, command: &SealedCommand) -> Step {
        let Some(setup) = self.setup else { return Ok(Err(self.kind_wrong())) };
        match command {
            SealedCommand::Enrol { holder, enrolment } => self.enrol(author, *holder, enrolment),
            SealedCommand::Deal { dealing } => self.take_dealing(author, dealing),
            SealedCommand::Complain { complaint } => self.take_complaint(&setup, author, complaint),
            SealedCommand::Certify { certificate } => self.certify(author, certificate),
            SealedCommand::Revoke { participant } => self.revoke(*participant),
            SealedCommand::Curve { basis, submission } => {
                self.take_curve(&setup, author, *basis, submission)
            }
            SealedCommand::Open { opening } => self.take_opening(&setup, author, opening),
            SealedCommand::Meter { reading, deviation } => {
                self.take_metering(&setup, author, reading, deviation)
            }
            SealedCommand::Close { close } => self.take_close(&setup, author, close),
            SealedCommand::Accuse { accusation } => {
                self.take_accusation(&setup, author, accusation)
            }
        }
    }

    /// Pins a gate that opens to the newest key; without one that still serves, it fails.
    pub(super) fn open_sealed(&mut self, setup: &Setup, gate: &Gate) -> Result<Phase, Stop> {
        let head: SealedHead = self.store.get(&key::head())?;
        let served = head.epoch > 0 && setup.epoch_of(gate.id) <= head.serves.saturating_add(1);
        if !served {
            return Ok(self.fail_phase(gate.id, Failure::NoKey));
        }
        let epoch: crate::sealed::EpochRecord = self.store.get(&key::epoch(head.epoch))?;
        let sealed = SealedGate {
            epoch: head.epoch,
            key: epoch.key,
            opened: self.block.height,
            posted: 0,
            warm: None,
            table: None,
            sums: 0,
        };
        self.store.put(key::gate(gate.id), &sealed);
        Ok(gate.phase.clone())
    }

    /// Open → Closed, Decided → Dispatched, and the end of the interval, by ledger time.
    pub(super) fn move_sealed_by_time(
        &mut self,
        setup: &Setup,
        mut gate: Gate,
    ) -> Result<Gate, Stop> {
        let late = self.head.now >= gate.interval.start;
        match gate.phase {
            Phase::Open { .. }
            | Phase::Closed { .. }
            | Phase::Sealed { stage: Stage::Opening { .. } }
                if late =>
            {
                self.fail(gate, Failure::Late)
            }
            Phase::Open { open } if self.head.now >= self.params.market.closes(gate.id) => {
                self.close_sealed(setup, gate, open)
            }
            Phase::Sealed { stage: Stage::Decided { .. } } if late => {
                self.events.push(Event::Dispatched { gate: gate.id });
                let dispatched = crate::sealed::Dispatched::default();
                gate.phase = Phase::Sealed { stage: Stage::Dispatched { dispatched } };
                Ok(self.see_sealed_end(gate))
            }
            Phase::Sealed { stage: Stage::Dispatched { .. } } => Ok(self.see_sealed_end(gate)),
            _ => Ok(gate),
        }
    }

    fn see_sealed_end(&self, mut gate: Gate) -> Gate {
        if let Phase::Sealed { stage: Stage::Dispatched { dispatched } } = &mut gate.phase
            && dispatched.due.is_none()
            && self.head.now >= gate.interval.end()
        {
            *dispatched = dispatched.over(self.head.now, self.params.market.meter_lag_s);
        }
        gate
    }

    /// Dispatched → Settled when every reading is in or due. In order of gates: a curve's funds cover the largest
    /// debits of the intervals before it only if those are billed first.
    pub(super) fn move_sealed_when_full(
        &mut self,
        setup: &Setup,
        gate: Gate,
    ) -> Result<Gate, Stop> {
        let Phase::Sealed { stage: Stage::Dispatched { dispatched } } = gate.phase else {
            return Ok(gate);
        };
        let over = self.head.now >= gate.interval.end();
        let due = dispatched.due.is_some_and(|due| self.head.now >= due);
        let full = over && dispatched.readings >= gate.book.market;
        let oldest = self.head.live_gates().next() == Some(gate.id);
        if oldest && (due || full) { self.settle_sealed(setup, gate) } else { Ok(gate) }
    }

    /// Gives bonds back and takes the gate off everybody's unbilled ones.
    pub(super) fn end_sealed(&mut self, gate: GateId) -> Result<(), Stop> {
        let Some(sealed) = self.store.find::<SealedGate>(&key::gate(gate))? else {
            return Ok(());
        };
        let parts = parts(&mut self.store, gate, sealed.posted)?;
        let members: Vec<MemberId> = parts.iter().map(|(member, _)| *member).collect();
        self.store.touch(members.iter().map(|member| key::account(*member)));
        let keys: Vec<_> =
            members.iter().map(|member| crate::records::key::account(*member)).collect();
        let accounts: Vec<Account> = self.store.get_all(&keys)?;
        for ((key, mut account), (_, part)) in keys.iter().zip(accounts).zip(&parts) {
            account.held = account.held.saturating_sub(u64::from(part.bond));
            self.store.put(*key, &account);
        }
        for (member, part) in &parts {
            if part.curve.is_some() {
                let mut account: SealedAccount = self.store.get(&key::account(*member))?;
                account.unbilled = account.unbilled.saturating_sub(1);
                self.store.put(key::account(*member), &account);
            }
        }
        Ok(())
    }

    /// Takes a part's bond for a false proof: the command is the evidence, and whoever sent it stays out.
    fn forfeit(
        &mut self,
        gate: GateId,
        member: MemberId,
        bond: u32,
        rule: u16,
    ) -> Result<(), Stop> {
        let lost = self.take_tokens(member, u64::from(bond), u64::from(bond), None)?;
        self.emit(SealedEvent::ProofFalse { gate, member, rule, lost });
        Ok(())
    }

    /// Takes tokens of a member's stake, those released from what it holds first; a tenth goes to `finder`.
    fn take_tokens(
        &mut self,
        member: MemberId,
        tokens: u64,
        released: u64,
        finder: Option<MemberId>,
    ) -> Result<u64, Stop> {
        use crate::records::{Pot, PotName, key as base};
        self.store.touch(finder.map(base::account));
        self.store.touch([base::pot(PotName::Slashed)]);
        let mut account: Account = self.store.get(&base::account(member))?;
        account.held = account.held.saturating_sub(released);
        let lost = tokens.min(account.stake.saturating_sub(account.held));
        account.stake = account.stake.saturating_sub(lost);
        self.store.put(base::account(member), &account);
        let mut bounty = 0;
        if let Some(finder) = finder.filter(|finder| *finder != member) {
            bounty = lost.div_euclid(10);
            let mut account: Account = self.store.get(&base::account(finder))?;
            account.stake = account.stake.saturating_add(bounty);
            self.store.put(base::account(finder), &account);
        }
        let mut pot: Pot = self.store.get(&base::pot(PotName::Slashed))?;
        pot.tokens = pot.tokens.saturating_add(lost.saturating_sub(bounty));
        self.store.put(base::pot(PotName::Slashed), &pot);
        Ok(lost)
    }

    fn emit(&mut self, event: SealedEvent) {
        self.events.push(Event::Sealed { sealed: event });
    }

    /// The page of a roster that the next member stands on.
    fn next_roster(
        &mut self,
        count: u16,
        page: impl Fn(u16) -> Key,
    ) -> Result<(Key, Roster), Stop> {
        let number = usize::from(count).div_euclid(ROSTER_PAGE);
        let key = page(u16::try_from(number).expect("rosters are bounded"));
        let roster = self.store.find(&key)?.unwrap_or_default();
        Ok((key, roster))
    }

    /// Enters a member into a roster.
    fn enter(&mut self, (key, roster): (Key, Roster), member: MemberId) {
        let mut members = roster.members.into_inner();
        members.push(member);
        let members =
            Bounded::new(members).expect("a page is full exactly when the count reaches the next");
        self.store.put(key, &Roster { members });
    }

    /// What no command moves: key generation and billing cycles.
    pub(super) fn tend_sealed(&mut self) {
        let Some(setup) = self.setup else { return };
        // Each names what it lacks; a round that lacks anything is thrown away.
        let _ = self.tend_keys(&setup);
        let _ = self.tend_cycle(&setup);
    }
}

/// Rule C6 for a stage.
fn stage_of(gate: &Gate, needed: &'static str) -> Result<Stage, Refusal> {
    match &gate.phase {
        Phase::Sealed { stage } if stage.name() == needed => Ok(*stage),
        _ => Err(wrong_phase(gate, needed)),
    }
}
