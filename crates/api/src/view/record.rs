//! Records of the state: which key a readable path names, and the record under it as JSON.

use super::{
    Names,
    gate::{BuilderView, DecisionView, LineView, MeteredView},
    offer::NeedView,
    role_name,
};
use gridaccord_ledger::{
    Key, Record,
    gate::{Decision, Gate, Seat},
    records::{
        Account, Head, Line, Member, Owner, Params, Part, Pot, PotName, Roster, Rules, Stored, key,
    },
};
use gridaccord_model::{GateId, MemberId, OwnerId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

/// The path forms of a key, for messages.
pub const KEY_FORMS: &str = "64 hex digits, params, rules, head, member/M, account/M, owner/N, \
     pot/remainder|losses|slashed, gate/G, decision/G, roster/G/N, part/G/M, seat/G/N or line/G/M, where M is a \
     member's number or name, G a gate's number, N a number";

/// A record, or its absence, with what proves it to who trusts the chain's group key alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProofView {
    /// Height of the block whose state it is about.
    pub height: u64,
    /// The record's key, in hexadecimal.
    pub key: String,
    /// All bytes of the record, in hexadecimal; null where the proof is of its absence.
    pub value: Option<String>,
    /// Canonical bytes of the proof, in hexadecimal.
    pub proof: String,
    /// The record, readable: `kind` and fields with units in their names.
    #[schema(value_type = Option<Object>)]
    pub decoded: Option<Value>,
}

/// The key that a path names: 64 hex digits, or a kind and its identity.
#[must_use]
pub fn parse_key(path: &str, names: &Names) -> Option<Key> {
    if let Ok(bytes) = hex::decode(path) {
        return bytes.try_into().ok().map(Key);
    }
    let gate = |text: &str| text.parse().ok().map(GateId);
    let number = |text: &str| text.parse::<u16>().ok();
    // A number beyond genesis is let through: its absence can be proven too.
    let member = |text: &str| text.parse().ok().map(MemberId).or_else(|| names.find(text));
    let segments: Vec<&str> = path.split('/').collect();
    match *segments.as_slice() {
        ["params"] => Some(key::params()),
        ["rules"] => Some(key::rules()),
        ["head"] => Some(key::head()),
        ["member", id] => member(id).map(key::member),
        ["account", id] => member(id).map(key::account),
        ["owner", id] => number(id).map(OwnerId).map(key::owner),
        ["pot", name] => pot(name).map(key::pot),
        ["gate", id] => gate(id).map(key::gate),
        ["decision", id] => gate(id).map(key::decision),
        ["roster", id, page] => Some(key::roster(gate(id)?, number(page)?)),
        ["part", id, of] => Some(key::part(gate(id)?, member(of)?)),
        ["seat", id, position] => Some(key::seat(gate(id)?, number(position)?)),
        ["line", id, of] => Some(key::line(gate(id)?, member(of)?)),
        _ => None,
    }
}

fn pot(name: &str) -> Option<PotName> {
    match name {
        "remainder" => Some(PotName::Remainder),
        "losses" => Some(PotName::Losses),
        "slashed" => Some(PotName::Slashed),
        _ => None,
    }
}

/// A record as JSON; `null` for a kind that this version does not know.
#[must_use]
pub fn decoded(record: &Record, names: &Names) -> Value {
    match record.as_bytes()[0] {
        Params::TAG => record.value().map(|value| params(&value)),
        Rules::TAG => record.value().map(|value| rules(&value)),
        Head::TAG => record.value().map(|value| head(&value)),
        Member::TAG => record.value().map(|value| member(&value)),
        Account::TAG => record.value().map(account),
        Owner::TAG => {
            record.value().map(|value: Owner| json!({"kind": "owner", "index_ppm": value.index_ppm}))
        }
        Pot::TAG => record.value().map(
            |Pot { balance, tokens }| json!({"kind": "pot", "balance_micro": balance.0, "tokens": tokens}),
        ),
        Gate::TAG => record.value().map(|value| gate(&value)),
        Decision::TAG => {
            record.value().map(|value| tagged("decision", &DecisionView::of(&value, names)))
        }
        Roster::TAG => record.value().map(|value: Roster| {
            let members: Vec<_> = value.members.iter().map(|id| names.show(*id)).collect();
            json!({"kind": "roster", "members": members})
        }),
        Part::TAG => record.value().map(|value| part(&value)),
        Seat::TAG => record.value().map(|value| tagged("seat", &BuilderView::of(&value, names))),
        Line::TAG => record.value().map(|value| tagged("line", &LineView::from(&value))),
        _ => None,
    }
    .unwrap_or(Value::Null)
}

/// A view with its kind beside its fields.
fn tagged(kind: &str, view: &impl Serialize) -> Value {
    let mut value = serde_json::to_value(view).expect("views are plain structs");
    value["kind"] = kind.into();
    value
}

fn params(params: &Params) -> Value {
    let (clock, market) = (&params.clock, &params.market);
    json!({
        "kind": "params",
        "chain": hex::encode(params.chain.as_ref()),
        "members": params.members,
        "owners": params.owners,
        "clock": {
            "ledger_start_s": clock.ledger_start.0,
            "wall_start_ms": clock.wall_start.0,
            "speed": clock.speed,
            "drift_ms": clock.drift_ms,
        },
        "market": {
            "first_start_s": market.first_start.0,
            "interval_s": market.interval_s,
            "period_s": market.period_s,
            "gates": market.gates,
            "open_lead_s": market.open_lead_s,
            "close_lead_s": market.close_lead_s,
            "meter_lag_s": market.meter_lag_s,
            "price_cap_micro_per_kwh": market.price_cap.0,
        },
    })
}

fn rules(rules: &Rules) -> Value {
    let (trust, thresholds) = (&rules.trust, &rules.thresholds);
    json!({
        "kind": "rules",
        "trust": {
            "beacon_offset_views": trust.beacon_offset,
            "seats": trust.seats,
            "commit_window_heights": trust.commit_window,
            "reveal_window_heights": trust.reveal_window,
            "index_start_ppm": trust.index_start_ppm,
            "wager_min_ppm": trust.wager_min_ppm,
            "token_value_micro": trust.token_value.0,
            "significance_floor_micro": trust.significance_floor.0,
            "significance_ref_micro": trust.significance_ref.0,
            "fee_ppm": trust.fee_ppm,
            "epsilon_ppb": trust.epsilon_ppb,
            "alpha_ppm": trust.alpha_ppm,
            "beta_worse_ppm": trust.beta_worse_ppm,
            "beta_false_ppm": trust.beta_false_ppm,
        },
        "thresholds": {
            "gap_ppb": thresholds.gap_ppb,
            "price_rise_ppm": thresholds.price_rise_ppm,
            "energy_loss_ppm": thresholds.energy_loss_ppm,
        },
    })
}

fn head(head: &Head) -> Value {
    let live: Vec<u64> = head.live_gates().map(|gate| gate.0).collect();
    json!({
        "kind": "head",
        "height": head.height,
        "timestamp_ms": head.timestamp.0,
        "ledger_time_s": head.now.0,
        "next_gate": head.next_gate.0,
        "live_gates": live,
        "turnover_micro": head.turnover.0,
    })
}

fn member(member: &Member) -> Value {
    json!({
        "kind": "member",
        "name": &*member.name,
        "role": role_name(member.role),
        "owner": member.owner.0,
        "key": hex::encode(member.key.as_ref()),
        "nonce": member.nonce,
    })
}

fn account(account: Account) -> Value {
    json!({
        "kind": "account",
        "balance_micro": account.balance.0,
        "stake_tokens": account.stake,
        "held_tokens": account.held,
        "injected_j": account.injected.0,
        "absorbed_j": account.absorbed.0,
    })
}

fn gate(gate: &Gate) -> Value {
    json!({
        "kind": "gate",
        "gate": gate.id.0,
        "phase": gate.phase.name(),
        "start_s": gate.interval.start.0,
        "duration_s": gate.interval.duration_s,
        "wager_min_tokens": gate.wager_min,
        "significance_micro": gate.significance.0,
        "participants": gate.book.participants,
        "market_participants": gate.book.market,
        "bidders": gate.book.bidders,
        "tiers": gate.book.tiers,
    })
}

fn part(part: &Part) -> Value {
    json!({
        "kind": "part",
        "offer_hash": part.offer.map(|body| hex::encode(body.hash.as_ref())),
        "need": part.need.as_ref().map(NeedView::from),
        "wager_tokens": part.wager,
        "set_point_w": part.set_point.map(|power| power.0),
        "metered": part.metered.map(MeteredView::from),
    })
}
