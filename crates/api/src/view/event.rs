//! Events as readable JSON, and the topics that small clients choose from.

use super::{
    MemberRef, Names,
    gate::{LineView, MeteredView, ScoreView},
    offer::{NeedView, OfferView, PostingView},
};
use commonware_codec::Encode as _;
use gridaccord_ledger::{Event, sealed::SealedEvent};
use gridaccord_model::{MemberId, Picos};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What an event is about. Every event is in exactly one topic.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// Steps of gates: opened, closed, drawn, commits_ended, decided, dispatched, settled, failed, continued.
    Gate,
    /// What members bring to a gate: offered, needed, posted, read.
    Market,
    /// Builders: wagered, committed, answer_valid, answer_refused, infeasible_proven, equivocated, wager_settled.
    Trust,
    /// Lines of settlements: billed.
    Bill,
}

impl Topic {
    /// All topics.
    pub const ALL: [Self; 4] = [Self::Gate, Self::Market, Self::Trust, Self::Bill];

    /// As requests name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gate => "gate",
            Self::Market => "market",
            Self::Trust => "trust",
            Self::Bill => "bill",
        }
    }

    /// The topic of an event.
    #[must_use]
    pub const fn of(event: &Event) -> Self {
        match event {
            Event::Opened { .. }
            | Event::Closed { .. }
            | Event::Drawn { .. }
            | Event::CommitsEnded { .. }
            | Event::Decided { .. }
            | Event::Dispatched { .. }
            | Event::Settled { .. }
            | Event::Failed { .. }
            | Event::Continued { .. } => Self::Gate,
            Event::Offered { .. }
            | Event::Needed { .. }
            | Event::Posted { .. }
            | Event::Read { .. } => Self::Market,
            Event::Wagered { .. }
            | Event::Committed { .. }
            | Event::AnswerValid { .. }
            | Event::AnswerRefused { .. }
            | Event::InfeasibleProven { .. }
            | Event::Equivocated { .. }
            | Event::WagerSettled { .. } => Self::Trust,
            Event::Billed { .. } => Self::Bill,
            Event::Sealed { sealed } => match sealed {
                SealedEvent::CurveTaken { .. } | SealedEvent::Metered { .. } => Self::Market,
                SealedEvent::ProofFalse { .. } | SealedEvent::HolderFault { .. } => Self::Trust,
                SealedEvent::Billed { .. } => Self::Bill,
                _ => Self::Gate,
            },
        }
    }
}

/// The member an event is about; `None` where it concerns a whole gate.
#[must_use]
pub const fn subject(event: &Event) -> Option<MemberId> {
    match event {
        Event::Offered { member, .. }
        | Event::Needed { member, .. }
        | Event::Posted { member, .. }
        | Event::Wagered { member, .. }
        | Event::Read { member, .. }
        | Event::Billed { member, .. } => Some(*member),
        Event::Committed { builder, .. }
        | Event::AnswerValid { builder, .. }
        | Event::AnswerRefused { builder, .. }
        | Event::InfeasibleProven { builder, .. }
        | Event::Equivocated { builder, .. }
        | Event::WagerSettled { builder, .. } => Some(*builder),
        Event::Opened { .. }
        | Event::Closed { .. }
        | Event::Drawn { .. }
        | Event::CommitsEnded { .. }
        | Event::Decided { .. }
        | Event::Dispatched { .. }
        | Event::Settled { .. }
        | Event::Failed { .. }
        | Event::Continued { .. } => None,
        Event::Sealed { sealed } => sealed.member(),
    }
}

/// An event: readable, and as the ledger encodes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventView {
    /// What it is about.
    pub topic: Topic,
    /// Canonical bytes of the ledger's event, in hexadecimal.
    pub raw: String,
    /// What happened.
    #[serde(flatten)]
    pub detail: EventDetail,
}

/// What happened. Power is positive where it enters the bus, money where it is a credit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[allow(
    missing_docs,
    reason = "fields are what their names with units say; the ledger's events document them"
)]
pub enum EventDetail {
    /// A gate takes offers, needs and wagers.
    Opened {
        gate: u64,
        start_s: u64,
        duration_s: u32,
        closes_s: u64,
        wager_min_tokens: u64,
        significance_micro: i64,
    },
    /// An offer was taken, or replaced the member's earlier one.
    Offered { gate: u64, member: MemberRef, offer: OfferView },
    /// A need was taken, or replaced the member's earlier one.
    Needed { gate: u64, member: MemberRef, need: NeedView },
    /// Tokens are held for a seat.
    Wagered { gate: u64, member: MemberRef, tokens: u64 },
    /// A gate takes nothing more.
    Closed { gate: u64, draw_view: u64 },
    /// Builders are drawn; they may commit.
    Drawn { gate: u64, builders: Vec<MemberRef> },
    /// A builder committed.
    Committed { gate: u64, builder: MemberRef },
    /// The commit window is over; builders may reveal.
    CommitsEnded { gate: u64 },
    /// An answer passed every check.
    AnswerValid { gate: u64, builder: MemberRef, score: ScoreView },
    /// An answer failed a check.
    AnswerRefused { gate: u64, builder: MemberRef, rule: String },
    /// A builder signed two different answers for one seat.
    Equivocated { gate: u64, builder: MemberRef },
    /// The best verified answer is the plan.
    Decided {
        gate: u64,
        winner: MemberRef,
        price_micro_per_kwh: i64,
        cost_micro: i64,
        gap_ppb: u64,
        set_points_w: BTreeMap<String, i64>,
    },
    /// A builder's wager came to this.
    WagerSettled {
        gate: u64,
        builder: MemberRef,
        returned_tokens: u64,
        lost_tokens: u64,
        owner: u16,
        index_ppm: u32,
    },
    /// The interval began: set points are in force.
    Dispatched { gate: u64 },
    /// A reading was taken.
    Read { gate: u64, member: MemberRef, metered: MeteredView },
    /// One member's line of a settlement.
    Billed { gate: u64, member: MemberRef, line: LineView },
    /// Money has moved.
    Settled {
        gate: u64,
        turnover_micro: i64,
        fees_micro: i64,
        losses_micro: i64,
        remainder_micro: i64,
    },
    /// The gate has no plan; the last safe one holds.
    Failed { gate: u64, reason: String, message: String },
    /// A posting over the gate's horizon was taken, or replaced the member's earlier one.
    Posted { gate: u64, member: MemberRef, posting: PostingView },
    /// What the gate's horizon starts from: the highest import of plans before, and powers of ramp-limited generators.
    Continued { gate: u64, peak_before_w: i64, before_w: BTreeMap<String, i64> },
    /// A builder proved that there is no dispatch.
    InfeasibleProven { gate: u64, builder: MemberRef },
    /// Something on the sealed side of a chain; its public numbers are in `raw`.
    Sealed {
        step: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gate: Option<u64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        member: Option<MemberRef>,
    },
}

impl EventView {
    /// An event, to be shown.
    #[must_use]
    pub fn of(event: &Event, names: &Names) -> Self {
        Self {
            topic: Topic::of(event),
            raw: hex::encode(event.encode()),
            detail: detail(event, names),
        }
    }
}

/// One arm per event: a new one does not compile until it is shown.
fn detail(event: &Event, names: &Names) -> EventDetail {
    use EventDetail as To;
    match event {
        Event::Opened { gate, interval, closes, wager_min, significance } => To::Opened {
            gate: gate.0,
            start_s: interval.start.0,
            duration_s: interval.duration_s,
            closes_s: closes.0,
            wager_min_tokens: *wager_min,
            significance_micro: significance.0,
        },
        Event::Closed { gate, draw_view } => To::Closed { gate: gate.0, draw_view: *draw_view },
        Event::Drawn { gate, builders } => To::Drawn {
            gate: gate.0,
            builders: builders.iter().map(|builder| names.show(*builder)).collect(),
        },
        Event::CommitsEnded { gate } => To::CommitsEnded { gate: gate.0 },
        Event::Decided { gate, winner, price, cost, gap_ppb, set_points } => To::Decided {
            gate: gate.0,
            winner: names.show(*winner),
            price_micro_per_kwh: price.0,
            cost_micro: micro(*cost),
            gap_ppb: *gap_ppb,
            set_points_w: set_points
                .iter()
                .map(|point| (names.name(point.member), point.power.0))
                .collect(),
        },
        Event::Dispatched { gate } => To::Dispatched { gate: gate.0 },
        Event::Settled { gate, turnover, fees, losses, remainder } => To::Settled {
            gate: gate.0,
            turnover_micro: turnover.0,
            fees_micro: fees.0,
            losses_micro: losses.0,
            remainder_micro: remainder.0,
        },
        Event::Failed { gate, reason } => To::Failed {
            gate: gate.0,
            reason: super::gate::failure_code(*reason).into(),
            message: reason.to_string(),
        },
        Event::Posted { gate, member, posting } => {
            To::Posted { gate: gate.0, member: names.show(*member), posting: posting.into() }
        }
        Event::Continued { gate, peak_before, before } => To::Continued {
            gate: gate.0,
            peak_before_w: peak_before.0,
            before_w: before
                .iter()
                .map(|point| (names.name(point.member), point.power.0))
                .collect(),
        },
        Event::InfeasibleProven { gate, builder } => {
            To::InfeasibleProven { gate: gate.0, builder: names.show(*builder) }
        }
        Event::Offered { gate, member, offer } => {
            To::Offered { gate: gate.0, member: names.show(*member), offer: offer.into() }
        }
        Event::Needed { gate, member, need } => {
            To::Needed { gate: gate.0, member: names.show(*member), need: need.into() }
        }
        Event::Read { gate, member, metered } => {
            To::Read { gate: gate.0, member: names.show(*member), metered: (*metered).into() }
        }
        Event::Billed { gate, member, line } => {
            To::Billed { gate: gate.0, member: names.show(*member), line: line.into() }
        }
        Event::Wagered { gate, member, tokens } => {
            To::Wagered { gate: gate.0, member: names.show(*member), tokens: *tokens }
        }
        Event::Committed { gate, builder } => {
            To::Committed { gate: gate.0, builder: names.show(*builder) }
        }
        Event::AnswerValid { gate, builder, score } => {
            To::AnswerValid { gate: gate.0, builder: names.show(*builder), score: score.into() }
        }
        Event::AnswerRefused { gate, builder, rule } => To::AnswerRefused {
            gate: gate.0,
            builder: names.show(*builder),
            rule: super::gate::answer_rule(*rule),
        },
        Event::Equivocated { gate, builder } => {
            To::Equivocated { gate: gate.0, builder: names.show(*builder) }
        }
        Event::WagerSettled { gate, builder, returned, lost, owner, index_ppm } => {
            To::WagerSettled {
                gate: gate.0,
                builder: names.show(*builder),
                returned_tokens: *returned,
                lost_tokens: *lost,
                owner: owner.0,
                index_ppm: *index_ppm,
            }
        }
        Event::Sealed { sealed } => To::Sealed {
            step: sealed.name().into(),
            gate: sealed.gate().map(|gate| gate.0),
            member: sealed.member().map(|member| names.show(member)),
        },
    }
}

/// Whole µ-currency, rounded down; what no 64-bit number holds is shown as the nearest one.
pub(crate) fn micro(cost: Picos) -> i64 {
    let clamped = cost.micro_floor().clamp(i64::MIN.into(), i64::MAX.into());
    i64::try_from(clamped).expect("clamped to its range")
}
