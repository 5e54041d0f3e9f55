//! What people ask of a run of finalised blocks: each gate's story, who owes whom, how trust moved.

use gridaccord_ledger::{Event, Refusal, gate::Failure, records::Line};
use gridaccord_model::{GateId, Interval, MemberId, Money, OwnerId, Picos, Price, TimeMs, Watts};
use std::collections::BTreeMap;

/// A gate's story.
#[derive(Clone, Debug)]
pub struct GateStory {
    /// Its interval.
    pub interval: Interval,
    /// Where it stands, or why it failed.
    pub stage: GateStage,
    /// Wall time of the block that closed it.
    pub closed_at: Option<TimeMs>,
    /// Wall time of the block that decided it.
    pub decided_at: Option<TimeMs>,
    /// Who was drawn, by seat.
    pub builders: Vec<MemberId>,
    /// Who built the plan.
    pub winner: Option<MemberId>,
    /// Price of every watt-hour.
    pub price: Option<Price>,
    /// Cost of the plan.
    pub cost: Option<Picos>,
    /// Proven gap to the optimum.
    pub gap_ppb: Option<u64>,
    /// Every participant's set point.
    pub set_points: BTreeMap<MemberId, Watts>,
}

/// Where a gate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateStage {
    /// It takes offers.
    Open,
    /// Its plan is being built.
    Building,
    /// Its plan is approved.
    Decided,
    /// Its plan is in force.
    Dispatched,
    /// Money has moved.
    Settled,
    /// It has no plan.
    Failed(Failure),
}

impl GateStage {
    /// Whether nothing more will happen.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self, Self::Settled | Self::Failed(_))
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Building => "building",
            Self::Decided => "decided",
            Self::Dispatched => "dispatched",
            Self::Settled => "settled",
            Self::Failed(_) => "failed",
        }
    }
}

/// One member's settlement over all gates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Net energy injected, J.
    pub energy_j: i64,
    /// For energy and deviations, less the fees charged; positive is a credit.
    pub market: Money,
    /// Fees charged, already taken from `market`.
    pub fees_charged: Money,
    /// Builders' fees earned, beside `market`.
    pub fees_earned: Money,
    /// Lines that stand on a rule and not on a reading.
    pub estimated: u32,
}

/// Everything that blocks said, in a form to print.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    /// Gates by id.
    pub gates: BTreeMap<GateId, GateStory>,
    /// Settlement by member.
    pub balances: BTreeMap<MemberId, Balance>,
    /// To the account of losses.
    pub losses: Money,
    /// To the account of remainders.
    pub remainder: Money,
    /// Builders' fees paid.
    pub fees: Money,
    /// Trust index by owner, as last moved, ppm.
    pub trust_ppm: BTreeMap<OwnerId, u32>,
    /// Trust tokens lost, by builder.
    pub tokens_lost: BTreeMap<MemberId, u64>,
    /// Commands taken.
    pub accepted: u64,
    /// Commands refused, by rule.
    pub refused: BTreeMap<String, u64>,
}

impl Journal {
    /// Takes in one block's events.
    pub fn record(&mut self, timestamp: TimeMs, events: &[Event]) {
        for event in events {
            self.record_event(timestamp, event);
        }
    }

    /// Takes in what became of one command.
    pub fn record_receipt(&mut self, result: &Result<(), Refusal>) {
        match result {
            Ok(()) => self.accepted += 1,
            Err(refusal) => *self.refused.entry(refusal.rule()).or_default() += 1,
        }
    }

    fn record_event(&mut self, timestamp: TimeMs, event: &Event) {
        match event {
            Event::Opened { gate, interval, .. } => {
                self.gates.insert(*gate, GateStory::opened(*interval));
            }
            Event::Closed { gate, .. } => self.with(*gate, |story| {
                story.stage = GateStage::Building;
                story.closed_at = Some(timestamp);
            }),
            Event::Drawn { gate, builders } => {
                self.with(*gate, |story| story.builders = builders.to_vec())
            }
            Event::Decided { gate, winner, price, cost, gap_ppb, set_points } => {
                self.with(*gate, |story| {
                    story.stage = GateStage::Decided;
                    story.decided_at = Some(timestamp);
                    story.winner = Some(*winner);
                    story.price = Some(*price);
                    story.cost = Some(*cost);
                    story.gap_ppb = Some(*gap_ppb);
                    story.set_points = set_points
                        .iter()
                        .map(|set_point| (set_point.member, set_point.power))
                        .collect();
                })
            }
            Event::Dispatched { gate } => {
                self.with(*gate, |story| story.stage = GateStage::Dispatched)
            }
            Event::Failed { gate, reason } => {
                self.with(*gate, |story| story.stage = GateStage::Failed(*reason))
            }
            Event::Billed { member, line, .. } => {
                self.balances.entry(*member).or_default().add(line)
            }
            Event::Settled { gate, losses, remainder, fees, .. } => {
                self.with(*gate, |story| story.stage = GateStage::Settled);
                self.losses.0 += losses.0;
                self.remainder.0 += remainder.0;
                self.fees.0 += fees.0;
            }
            Event::WagerSettled { builder, lost, owner, index_ppm, .. } => {
                self.trust_ppm.insert(*owner, *index_ppm);
                *self.tokens_lost.entry(*builder).or_default() += lost;
            }
            Event::Offered { .. }
            | Event::Needed { .. }
            | Event::Wagered { .. }
            | Event::Committed { .. }
            | Event::CommitsEnded { .. }
            | Event::AnswerValid { .. }
            | Event::Posted { .. }
            | Event::Continued { .. }
            | Event::InfeasibleProven { .. }
            | Event::AnswerRefused { .. }
            | Event::Equivocated { .. }
            | Event::Read { .. }
            | Event::Sealed { .. } => {}
        }
    }

    fn with(&mut self, gate: GateId, act: impl FnOnce(&mut GateStory)) {
        if let Some(story) = self.gates.get_mut(&gate) {
            act(story);
        }
    }

    /// Gates that have settled or failed.
    #[must_use]
    pub fn over(&self) -> usize {
        self.gates.values().filter(|story| story.stage.is_over()).count()
    }

    /// What all money movements add up to: 0, or a settlement has lost or made money.
    #[must_use]
    pub fn sum(&self) -> Money {
        let members =
            self.balances.values().map(|balance| balance.market.0 + balance.fees_earned.0);
        Money(members.sum::<i64>() + self.losses.0 + self.remainder.0)
    }
}

impl GateStory {
    const fn opened(interval: Interval) -> Self {
        Self {
            interval,
            stage: GateStage::Open,
            closed_at: None,
            decided_at: None,
            builders: Vec::new(),
            winner: None,
            price: None,
            cost: None,
            gap_ppb: None,
            set_points: BTreeMap::new(),
        }
    }
}

impl Balance {
    fn add(&mut self, line: &Line) {
        self.energy_j += line.energy.0;
        self.market.0 += line.total().0 - line.fee_earned.0;
        self.fees_charged.0 += line.fee_charged.0;
        self.fees_earned.0 += line.fee_earned.0;
        self.estimated += u32::from(line.estimated);
    }
}
