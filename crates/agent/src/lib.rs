//! One member's automation: it watches the ledger, offers and wagers by its rulebook, builds when drawn, takes
//! its own set point and reports its own meter.
//!
//! An [`Agent`] is a step function: finalised blocks in, signed commands out. It holds no clock, socket or
//! thread, so the same agent runs inside a validator, behind the HTTP interface, and in simulation. What it
//! believes it learnt from finalised blocks alone; what it asks for counts only once the ledger says so.

pub mod builder;
pub mod identity;
pub mod outbox;
pub mod problem;
pub mod rulebook;
pub mod standing;
mod view;

pub use builder::{Builder, Honest, Seated};
pub use identity::Identity;
pub use problem::GateProblem;
pub use rulebook::Rulebook;
pub use standing::Standing;

use commonware_codec::Encode as _;
use commonware_cryptography::{Hasher as _, Sha256};
use gridaccord_field::{Device, Health};
use gridaccord_ledger::{Command, Digest, Event, SignedCommand, survey::Survey};
use gridaccord_model::{GateId, HorizonPosting, Interval, MemberId, Offer, TimeS, Watts};
use outbox::Outbox;
use std::collections::BTreeMap;
use view::{GateView, Stage};
use zeroize::Zeroizing;

/// Set points that are remembered: days of five minutes.
const SET_POINTS_KEPT: usize = 1_024;

/// What an agent is shown of one finalised block.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// Its height.
    pub height: u64,
    /// Its ledger time.
    pub now: TimeS,
    /// What happened.
    pub events: &'a [Event],
    /// Its commands; empty where the agent is only shown events.
    pub commands: &'a [SignedCommand],
}

/// One member's automation.
pub struct Agent {
    identity: Identity,
    rulebook: Box<dyn Rulebook>,
    builder: Box<dyn Builder>,
    device: Box<dyn Device>,
    gates: BTreeMap<GateId, GateView>,
    outbox: Outbox,
    health: Health,
    /// Set point of the last plan that was in force: what holds while there is none.
    last_safe: Option<Watts>,
    /// Set points by start of their interval, decided or held for want of a plan.
    set_points: BTreeMap<TimeS, Watts>,
}

impl core::fmt::Debug for Agent {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Agent")
            .field("member", &self.identity.member)
            .field("gates", &self.gates.len())
            .finish()
    }
}

impl Agent {
    /// An agent that knows nothing of the chain yet; see [`Agent::resume`].
    #[must_use]
    pub fn new(
        identity: Identity,
        rulebook: Box<dyn Rulebook>,
        builder: Box<dyn Builder>,
        device: Box<dyn Device>,
    ) -> Self {
        Self {
            identity,
            rulebook,
            builder,
            device,
            gates: BTreeMap::new(),
            outbox: Outbox::default(),
            health: Health::Ready,
            last_safe: None,
            set_points: BTreeMap::new(),
        }
    }

    /// Starts without a look at the chain: the member's next nonce is `nonce`, gates are learnt as they open.
    pub fn begin(&mut self, nonce: u64) {
        self.outbox.restart(nonce);
    }

    /// Takes up where the chain stands: after a restart, or when joining late.
    pub fn resume(&mut self, survey: &Survey) -> Vec<SignedCommand> {
        self.device.tick(survey.head.now);
        self.health = self.device.health();
        self.outbox.restart(survey.member.as_ref().map_or(0, |member| member.nonce));
        let member = self.identity.member;
        self.gates = survey
            .gates
            .iter()
            .map(|gate| (gate.gate.id, GateView::of_survey(gate, member)))
            .collect();
        let known =
            self.gates.values().filter_map(|view| Some((view.interval.start, view.set_point?)));
        self.set_points.extend(known);

        let mut commands = Vec::new();
        for id in self.gates.keys().copied().collect::<Vec<_>>() {
            commands.extend(self.take_up(id));
        }
        commands.extend(self.post_again());
        self.send(survey.head.height, commands)
    }

    /// Shows a finalised block; gives back the commands to submit, some of them perhaps again.
    pub fn observe(&mut self, block: &Observed<'_>) -> Vec<SignedCommand> {
        self.device.tick(block.now);
        self.builder.see(block.commands);
        let mut commands = Vec::new();
        for event in block.events {
            commands.extend(self.react(event));
        }
        commands.extend(self.follow_health());
        commands.extend(self.report_readings(block.now));
        self.send(block.height, commands)
    }

    /// Tells the agent that the ledger used up one of its member's nonces, and for which command.
    pub fn confirm(&mut self, nonce: u64, id: Digest) {
        let Identity { chain, member, key, .. } = &self.identity;
        self.outbox.confirm(nonce, id, |nonce, command| {
            SignedCommand::sign(chain, key, *member, nonce, command)
        });
    }

    /// Tells the agent that the member's next nonce is `next`: what it has still to say is signed anew from there.
    pub fn rebase(&mut self, next: u64) {
        let Identity { chain, member, key, .. } = &self.identity;
        self.outbox.rebase(next, |nonce, command| {
            SignedCommand::sign(chain, key, *member, nonce, command)
        });
    }

    /// The member it acts for.
    #[must_use]
    pub const fn member(&self) -> MemberId {
        self.identity.member
    }

    fn send(&mut self, height: u64, commands: Vec<Command>) -> Vec<SignedCommand> {
        let Identity { chain, member, key, .. } = &self.identity;
        self.outbox.send(height, commands, |nonce, command| {
            SignedCommand::sign(chain, key, *member, nonce, command)
        })
    }

    fn react(&mut self, event: &Event) -> Vec<Command> {
        let me = self.identity.member;
        match event {
            Event::Opened { gate, interval, wager_min, .. } => {
                self.gates.insert(*gate, GateView::new(*interval, *wager_min));
                self.enter(*gate)
            }
            Event::Offered { gate, member, offer } => {
                self.with_gate(*gate, |view| view.offers.insert(*member, offer.clone()));
                Vec::new()
            }
            Event::Needed { gate, member, need } => {
                self.with_gate(*gate, |view| view.needs.insert(*member, need.clone()));
                Vec::new()
            }
            Event::Posted { gate, member, posting } => {
                self.with_gate(*gate, |view| view.postings.insert(*member, posting.clone()));
                Vec::new()
            }
            Event::Continued { gate, peak_before, before } => {
                let before = before.iter().map(|point| (point.member, point.power)).collect();
                self.with_gate(*gate, |view| {
                    (view.peak_before, view.before) = (*peak_before, before)
                });
                Vec::new()
            }
            Event::Closed { gate, .. } => {
                self.with_gate(*gate, |view| view.stage = Stage::Closed);
                Vec::new()
            }
            Event::Drawn { gate, builders } if builders.contains(&me) => {
                self.with_gate(*gate, |view| view.seated = true);
                self.build(*gate, |builder, seat| builder.commit(seat))
            }
            Event::Committed { gate, builder } if *builder != me && self.is_seated(*gate) => {
                self.build(*gate, |builder, seat| builder.overhear(seat))
            }
            Event::CommitsEnded { gate } if self.is_seated(*gate) => {
                self.build(*gate, |builder, seat| builder.reveal(seat))
            }
            Event::Decided { gate, set_points, .. } => {
                let own = set_points.iter().find(|set_point| set_point.member == me);
                self.with_gate(*gate, |view| view.set_point = own.map(|set_point| set_point.power));
                let start = self.gates.get(gate).map(|view| view.interval.start);
                self.remember(start, own.map(|set_point| set_point.power));
                self.post_again()
            }
            Event::Dispatched { gate } => {
                self.with_gate(*gate, |view| view.stage = Stage::Dispatched);
                self.take_set_point(*gate);
                Vec::new()
            }
            Event::Read { gate, member, .. } if *member == me => {
                self.with_gate(*gate, |view| view.stage = Stage::Read);
                Vec::new()
            }
            Event::Settled { gate, .. } => {
                self.gates.remove(gate);
                Vec::new()
            }
            Event::Failed { gate, .. } => {
                self.hold_last_safe(*gate);
                self.post_again()
            }
            _ => Vec::new(),
        }
    }

    fn with_gate<T>(&mut self, gate: GateId, act: impl FnOnce(&mut GateView) -> T) {
        if let Some(view) = self.gates.get_mut(&gate) {
            act(view);
        }
    }

    fn is_seated(&self, gate: GateId) -> bool {
        self.gates.get(&gate).is_some_and(|view| view.seated)
    }

    /// What the rulebook does about a gate that opened: offer and need, or a posting, and a wager.
    fn enter(&mut self, gate: GateId) -> Vec<Command> {
        let Some(&GateView { interval, wager_min, .. }) = self.gates.get(&gate) else {
            return Vec::new();
        };
        let mut commands = Vec::new();
        if self.identity.intervals().is_some() {
            commands.extend(self.post(gate, interval));
        } else {
            commands.extend(self.offer(gate, interval).map(|offer| Command::Offer { gate, offer }));
            let need = self.rulebook.need(gate, interval);
            commands.extend(need.map(|need| Command::Need { gate, need }));
        }
        let wager = self.rulebook.wager(gate, wager_min);
        commands.extend(wager.map(|tokens| Command::Wager { gate, tokens }));
        commands
    }

    /// What the member offers: nothing of a resource that is lost.
    fn offer(&self, gate: GateId, interval: Interval) -> Option<Offer> {
        let offer = self.rulebook.offer(gate, interval)?;
        Some(rulebook::offer_in(self.health, offer))
    }

    /// What the member posts for a gate of kind *horizon*, if it is another than it posted before.
    fn post(&mut self, gate: GateId, interval: Interval) -> Option<Command> {
        let posting = self.posting(gate, interval)?;
        let view = self.gates.get_mut(&gate)?;
        if view.posted.as_ref() == Some(&posting) {
            return None;
        }
        view.posted = Some(posting.clone());
        Some(Command::Post { gate, posting })
    }

    fn posting(&self, gate: GateId, interval: Interval) -> Option<HorizonPosting> {
        let standing = Standing {
            device: self.device.as_ref(),
            set_points: &self.set_points,
            market: &self.identity.market,
            interval,
        };
        let posting = self.rulebook.posting(gate, interval, &standing)?;
        Some(rulebook::posting_in(self.health, posting))
    }

    /// Posts again for every gate still open where that says something else now: a gate before was decided or failed,
    /// so that another energy is stored by then, or the device was lost or came back.
    fn post_again(&mut self) -> Vec<Command> {
        if self.identity.intervals().is_none() {
            return Vec::new();
        }
        let open = self.gates.iter().filter(|(_, view)| view.stage == Stage::Open);
        let open: Vec<_> = open.map(|(gate, view)| (*gate, view.interval)).collect();
        open.into_iter().filter_map(|(gate, interval)| self.post(gate, interval)).collect()
    }

    fn remember(&mut self, start: Option<TimeS>, power: Option<Watts>) {
        self.set_points.extend(start.zip(power));
        while self.set_points.len() > SET_POINTS_KEPT {
            self.set_points.pop_first();
        }
    }

    /// Offers again, for every gate still open, when the device was lost or came back.
    fn follow_health(&mut self) -> Vec<Command> {
        let health = self.device.health();
        if health == self.health {
            return Vec::new();
        }
        self.health = health;
        if self.identity.intervals().is_some() {
            return self.post_again();
        }
        let open = self.gates.iter().filter(|(_, view)| view.stage == Stage::Open);
        open.filter_map(|(gate, view)| {
            Some(Command::Offer { gate: *gate, offer: self.offer(*gate, view.interval)? })
        })
        .collect()
    }

    fn build(
        &mut self,
        gate: GateId,
        step: impl FnOnce(&mut dyn Builder, &Seated<'_>) -> Vec<Command>,
    ) -> Vec<Command> {
        let salt = self.salt(gate);
        let Some(view) = self.gates.get(&gate) else { return Vec::new() };
        let Some(problem) = view.problem(&self.identity) else { return Vec::new() };
        let Identity { chain, member, gap_ppb, .. } = &self.identity;
        let seat = Seated {
            chain,
            gate,
            member: *member,
            problem,
            gap_ppb: *gap_ppb,
            salt,
            solved: &view.solved,
        };
        step(self.builder.as_mut(), &seat)
    }

    /// Salt of the member's commitment in a gate: secret as its key, and the same after a restart, so that a
    /// builder that comes back can still reveal.
    fn salt(&self, gate: GateId) -> [u8; 32] {
        let secret = Zeroizing::new(self.identity.key.encode().to_vec());
        let mut hasher = Sha256::default();
        hasher.update(b"gridaccord/salt/v1");
        hasher.update(&secret);
        hasher.update(&(self.identity.chain, gate).encode());
        hasher.finalize().1.0
    }

    fn take_set_point(&mut self, gate: GateId) {
        if let Some((power, interval)) =
            self.gates.get(&gate).and_then(|view| Some((view.set_point?, view.interval)))
        {
            self.device.apply(power, interval);
            self.last_safe = Some(power);
        }
    }

    /// No plan for an interval: the last one that was in force holds.
    fn hold_last_safe(&mut self, gate: GateId) {
        if let (Some(view), Some(power)) = (self.gates.remove(&gate), self.last_safe) {
            self.device.apply(power, view.interval);
            self.remember(Some(view.interval.start), Some(power));
        }
    }

    fn report_readings(&mut self, now: TimeS) -> Vec<Command> {
        let over = |view: &GateView| {
            view.stage == Stage::Dispatched
                && view.set_point.is_some()
                && now >= view.interval.end()
        };
        let mut commands = Vec::new();
        for (gate, view) in self.gates.iter_mut().filter(|(_, view)| over(view)) {
            if let Some(energy) = self.device.measure(view.interval) {
                view.stage = Stage::Read;
                commands.push(Command::Reading {
                    gate: *gate,
                    injected: energy.injected,
                    absorbed: energy.absorbed,
                });
            }
        }
        commands
    }

    /// What is still to do in a gate that was found on the way.
    fn take_up(&mut self, gate: GateId) -> Vec<Command> {
        let Some(view) = self.gates.get(&gate) else {
            return Vec::new();
        };
        match view.stage {
            Stage::Open if !view.entered => self.enter(gate),
            Stage::Open | Stage::Closed | Stage::Read => Vec::new(),
            Stage::ToCommit => self.build(gate, |builder, seat| builder.commit(seat)),
            Stage::ToReveal => self.build(gate, |builder, seat| builder.reveal(seat)),
            Stage::Dispatched => {
                self.take_set_point(gate);
                Vec::new()
            }
        }
    }
}
