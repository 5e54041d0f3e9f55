//! A gate from opening to settlement.

use super::{
    MemberRef, Names,
    event::micro,
    offer::{NeedView, OfferView},
};
use gridaccord_ledger::{
    gate::{Decision, Failure, Gate, Phase, Score, Seat, Verdict},
    records::{Line, Metered, Part},
};
use gridaccord_model::{MemberId, Offer};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A gate: the market for one interval. Power is positive where it enters the bus, money where it is a credit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GateView {
    /// Which.
    pub gate: u64,
    /// Height of the state this is read from.
    pub height: u64,
    /// `open`, `closed`, `drawn`, `committed`, `decided`, `dispatched`, `settled` or `failed`.
    #[schema(example = "settled")]
    pub phase: String,
    /// Start of the interval, ledger time.
    pub start_s: u64,
    /// Length of the interval.
    pub duration_s: u32,
    /// When it closes, ledger time.
    pub closes_s: u64,
    /// Least wager for a seat, tokens.
    pub wager_min_tokens: u64,
    /// Settlement value it is taken to have.
    pub significance_micro: i64,
    /// Who takes part, in order of entry.
    pub participants: Vec<ParticipantView>,
    /// Drawn builders, by seat.
    pub builders: Vec<BuilderView>,
    /// The approved plan.
    pub decision: Option<DecisionView>,
    /// Set point of each participant by name, W.
    pub set_points_w: BTreeMap<String, i64>,
    /// Why there is no plan.
    pub failure: Option<FailureView>,
    /// What everybody paid and got, once settled.
    pub settlement: Option<SettlementView>,
}

/// One member's part in a gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ParticipantView {
    /// Who.
    pub member: MemberRef,
    /// Its offer.
    pub offer: Option<OfferView>,
    /// Its need.
    pub need: Option<NeedView>,
    /// Tokens it wagers for a seat.
    pub wager_tokens: u64,
    /// Net power it is to inject, once decided.
    pub set_point_w: Option<i64>,
    /// What its meter counted.
    pub metered: Option<MeteredView>,
}

/// What a meter counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MeteredView {
    /// Energy that entered the bus.
    pub injected_j: i64,
    /// Energy that left it.
    pub absorbed_j: i64,
}

/// A drawn builder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BuilderView {
    /// Who.
    pub member: MemberRef,
    /// Who stands behind it.
    pub owner: u16,
    /// Tokens at stake.
    pub wager_tokens: u64,
    /// Whether it committed to an answer.
    pub committed: bool,
    /// Whether it revealed the answer.
    pub revealed: bool,
    /// What the check of the answer said.
    pub verdict: VerdictView,
}

/// What the check of an answer said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum VerdictView {
    /// Nothing revealed yet.
    Waiting,
    /// Feasible, and within the proven gap.
    Valid {
        /// Its figures.
        score: ScoreView,
    },
    /// Refused by a rule of the answer check.
    Refused {
        /// The rule, `A<n>`, or `K<n>` of an answer over a horizon.
        rule: String,
    },
    /// The builder signed two different answers.
    Equivocated,
    /// The builder proved that there is no dispatch.
    Infeasible,
}

/// Figures of a valid answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScoreView {
    /// Price of energy.
    pub price_micro_per_kwh: i64,
    /// Cost of the plan, rounded down.
    pub cost_micro: i64,
    /// Proven lower bound of any plan's cost, rounded down.
    pub bound_micro: i64,
    /// Proven gap, ppb of the turnover.
    pub gap_ppb: u64,
    /// Σ g²/cap: ranks equal costs, least first.
    pub concentration_mw: u64,
}

/// The approved plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DecisionView {
    /// Who built it.
    pub winner: MemberRef,
    /// Price of energy.
    pub price_micro_per_kwh: i64,
    /// Cost of the plan, rounded down.
    pub cost_micro: i64,
    /// Proven lower bound of any plan's cost, rounded down.
    pub bound_micro: i64,
    /// Proven gap to the optimum, ppb of the turnover, rounded up.
    pub gap_ppb: u64,
    /// SHA-256 of the answer.
    pub answer_hash: String,
    /// Length of the answer.
    pub answer_bytes: u32,
}

/// Why a gate has no plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailureView {
    /// `no_market`, `no_builders`, `no_valid_answer`, `late`, `infeasible`, `price_rise`
    /// or `carbon`.
    pub reason: String,
    /// In words.
    pub message: String,
}

/// Result of a settlement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SettlementView {
    /// Value of the energy used.
    pub turnover_micro: i64,
    /// One line per member concerned.
    pub lines: Vec<MemberLine>,
}

/// A member's line of a settlement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MemberLine {
    /// Whose.
    pub member: MemberRef,
    /// The line.
    pub line: LineView,
}

/// One line of a settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LineView {
    /// Net energy injected.
    pub energy_j: i64,
    /// The same in whole Wh, rounded down.
    pub energy_wh: i64,
    /// Price of that energy.
    pub price_micro_per_kwh: i64,
    /// Money for the energy.
    pub energy_money_micro: i64,
    /// Penalty for missing the set point, or what a balancing member gets of it.
    pub deviation_money_micro: i64,
    /// Share of the builders' fee charged.
    pub fee_charged_micro: i64,
    /// Builder's fee earned.
    pub fee_earned_micro: i64,
    /// What the balance changes by.
    pub total_micro: i64,
    /// Energy is by rule and not by meter: no reading came in time.
    pub estimated: bool,
}

/// What the state holds about a gate beside its own record.
#[derive(Clone, Debug)]
pub(crate) struct GateParts {
    pub(crate) parts: Vec<(MemberId, Part, Option<Offer>)>,
    pub(crate) seats: Vec<Seat>,
    pub(crate) decision: Option<Decision>,
    pub(crate) lines: Vec<(MemberId, Line)>,
}

impl GateView {
    /// A gate, to be shown; the caller adds height and closing time.
    pub(crate) fn of(found: &GateParts, gate: &Gate, names: &Names) -> Self {
        let set_points = found.parts.iter().filter_map(|(member, part, _)| {
            part.set_point.map(|power| (names.name(*member), power.0))
        });
        Self {
            gate: gate.id.0,
            height: 0,
            phase: gate.phase.name().into(),
            start_s: gate.interval.start.0,
            duration_s: gate.interval.duration_s,
            closes_s: 0,
            wager_min_tokens: gate.wager_min,
            significance_micro: gate.significance.0,
            set_points_w: set_points.collect(),
            participants: found
                .parts
                .iter()
                .map(|(member, part, offer)| participant(names.show(*member), part, offer.as_ref()))
                .collect(),
            builders: found.seats.iter().map(|seat| BuilderView::of(seat, names)).collect(),
            decision: found.decision.as_ref().map(|decision| DecisionView::of(decision, names)),
            failure: match gate.phase {
                Phase::Failed { reason } => Some(FailureView {
                    reason: failure_code(reason).into(),
                    message: reason.to_string(),
                }),
                _ => None,
            },
            settlement: match gate.phase {
                Phase::Settled { settled } => Some(SettlementView {
                    turnover_micro: settled.turnover.0,
                    lines: member_lines(&found.lines, names),
                }),
                _ => None,
            },
        }
    }
}

fn participant(member: MemberRef, part: &Part, offer: Option<&Offer>) -> ParticipantView {
    ParticipantView {
        member,
        offer: offer.map(OfferView::from),
        need: part.need.as_ref().map(NeedView::from),
        wager_tokens: part.wager,
        set_point_w: part.set_point.map(|power| power.0),
        metered: part.metered.map(MeteredView::from),
    }
}

fn member_lines(lines: &[(MemberId, Line)], names: &Names) -> Vec<MemberLine> {
    lines
        .iter()
        .map(|(member, line)| MemberLine { member: names.show(*member), line: line.into() })
        .collect()
}

impl BuilderView {
    pub(crate) fn of(seat: &Seat, names: &Names) -> Self {
        Self {
            member: names.show(seat.member),
            owner: seat.owner.0,
            wager_tokens: seat.wager,
            committed: seat.commitment.is_some(),
            revealed: seat.answer.is_some(),
            verdict: match &seat.verdict {
                Verdict::Waiting {} => VerdictView::Waiting,
                Verdict::Valid { score } => VerdictView::Valid { score: score.into() },
                Verdict::Refused { rule } => VerdictView::Refused { rule: answer_rule(*rule) },
                Verdict::Equivocated {} => VerdictView::Equivocated,
                Verdict::Infeasible {} => VerdictView::Infeasible,
            },
        }
    }
}

impl DecisionView {
    pub(crate) fn of(decision: &Decision, names: &Names) -> Self {
        Self {
            winner: names.show(decision.winner),
            price_micro_per_kwh: decision.price.0,
            cost_micro: micro(decision.cost),
            bound_micro: micro(decision.bound),
            gap_ppb: decision.gap_ppb(),
            answer_hash: hex::encode(decision.answer.hash.as_ref()),
            answer_bytes: decision.answer.length,
        }
    }
}

impl From<&Score> for ScoreView {
    fn from(score: &Score) -> Self {
        Self {
            price_micro_per_kwh: score.price.0,
            cost_micro: micro(score.cost),
            bound_micro: micro(score.bound),
            gap_ppb: gridaccord_ledger::gate::gap_ppb(score.cost, score.bound, score.turnover),
            concentration_mw: score.concentration_mw,
        }
    }
}

impl From<Metered> for MeteredView {
    fn from(metered: Metered) -> Self {
        Self { injected_j: metered.injected.0, absorbed_j: metered.absorbed.0 }
    }
}

impl From<&Line> for LineView {
    fn from(line: &Line) -> Self {
        Self {
            energy_j: line.energy.0,
            energy_wh: line.energy.wh_floor(),
            price_micro_per_kwh: line.price.0,
            energy_money_micro: line.energy_money.0,
            deviation_money_micro: line.deviation_money.0,
            fee_charged_micro: line.fee_charged.0,
            fee_earned_micro: line.fee_earned.0,
            total_micro: line.total().0,
            estimated: line.estimated,
        }
    }
}

/// A rule of the answer check, as the rule book names it.
pub(crate) fn answer_rule(rule: u16) -> String {
    match rule.checked_sub(gridaccord_ledger::HORIZON_RULES) {
        Some(rule) => format!("K{rule}"),
        None => format!("A{rule}"),
    }
}

pub(crate) const fn failure_code(failure: Failure) -> &'static str {
    match failure {
        Failure::NoMarket => "no_market",
        Failure::NoBuilders => "no_builders",
        Failure::NoValidAnswer => "no_valid_answer",
        Failure::Late => "late",
        Failure::Infeasible => "infeasible",
        Failure::PriceRise => "price_rise",
        Failure::NoKey => "no_key",
        Failure::OwnersTooFew => "owners_too_few",
        Failure::SumDegenerate => "sum_degenerate",
        Failure::Surplus => "surplus",
        Failure::ReserveShort => "reserve_short",
        Failure::Shortage => "shortage",
        Failure::Carbon => "carbon",
    }
}
