//! In which fields two genesis documents differ: what an operator needs to hear when its node is turned away.

use super::{boundary_name, horizon_intervals, role_name, sealed_text::SealedText};
use crate::hex;
use core::fmt;
use gridaccord_ledger::{
    Genesis,
    genesis::{CarbonPolicy, Clock, GateKind, GenesisMember, Market, Thresholds, Trust},
};
use gridaccord_model::{TimeS, scenario::utc};
use std::collections::{BTreeMap, BTreeSet};

/// A field in which two documents differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Where it stands, named as in a genesis file.
    pub field: String,
    /// Its value in the first document; `None` where it has no such field.
    pub ours: Option<String>,
    /// Its value in the second one.
    pub theirs: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".into());
        write!(f, "{}: {} here, {} there", self.field, shown(&self.ours), shown(&self.theirs))
    }
}

/// Fields in which two documents differ, in the order of the file; empty exactly where the documents are equal.
#[must_use]
pub fn differences(ours: &Genesis, theirs: &Genesis) -> Vec<Difference> {
    let (ours, theirs) = (fields(ours), fields(theirs));
    let (left, right): (BTreeMap<_, _>, BTreeMap<_, _>) =
        (ours.iter().cloned().collect(), theirs.iter().cloned().collect());
    let mut seen = BTreeSet::new();
    let all = ours.iter().chain(&theirs).map(|(field, _)| field);
    all.filter(|field| seen.insert(*field))
        .filter(|field| left.get(*field) != right.get(*field))
        .map(|field| Difference {
            field: field.clone(),
            ours: left.get(field).cloned(),
            theirs: right.get(field).cloned(),
        })
        .collect()
}

/// Every field with its value, each field once. A member's number is a field too, so order counts.
fn fields(genesis: &Genesis) -> Vec<(String, String)> {
    let mut fields = vec![("label".to_owned(), format!("{:?}", genesis.label.to_string()))];
    add(&mut fields, "clock", clock(&genesis.clock));
    add(&mut fields, "market", market(&genesis.market));
    if let GateKind::Sealed { terms } = &genesis.market.kind {
        add(&mut fields, "market.sealed", SealedText::fields(terms));
    }
    add(&mut fields, "trust", trust(&genesis.trust));
    add(&mut fields, "thresholds", thresholds(&genesis.thresholds));
    fields.extend(carbon(&genesis.carbon));
    let mut names = BTreeSet::new();
    for (number, one) in genesis.members.iter().enumerate() {
        let mut name = one.name.to_string();
        if !names.insert(name.clone()) {
            name = format!("{name}#{number}");
        }
        add(&mut fields, &format!("member.{name}"), member(number, one));
    }
    for (number, one) in genesis.validators.iter().enumerate() {
        let name =
            genesis.members.get(usize::from(one.member)).map(|member| member.name.to_string());
        let entries = vec![
            ("member", name.unwrap_or_else(|| format!("number {}", one.member))),
            ("node_key_hex", hex::of(&one.key)),
        ];
        add(&mut fields, &format!("validator.{number}"), entries);
    }
    fields
}

/// Adds the fields of a section under its name.
fn add(fields: &mut Vec<(String, String)>, section: &str, entries: Vec<(&str, String)>) {
    fields.extend(entries.into_iter().map(|(field, value)| (format!("{section}.{field}"), value)));
}

fn clock(clock: &Clock) -> Vec<(&'static str, String)> {
    let Clock { ledger_start, wall_start, speed, drift_ms } = *clock;
    vec![
        ("ledger_start_s", time(ledger_start)),
        ("wall_start_ms", format!("{} ({})", wall_start.0, utc(TimeS(wall_start.0 / 1_000)))),
        ("speed", speed.to_string()),
        ("drift_ms", drift_ms.to_string()),
    ]
}

fn market(market: &Market) -> Vec<(&'static str, String)> {
    let Market {
        kind,
        first_start,
        interval_s,
        period_s,
        gates,
        open_lead_s,
        close_lead_s,
        meter_lag_s,
        price_cap,
    } = *market;
    vec![
        (
            "horizon_intervals",
            horizon_intervals(kind).map_or("none".to_owned(), |it| it.to_string()),
        ),
        ("first_start_s", time(first_start)),
        ("interval_s", interval_s.to_string()),
        ("period_s", period_s.to_string()),
        ("gates", gates.to_string()),
        ("open_lead_s", open_lead_s.to_string()),
        ("close_lead_s", close_lead_s.to_string()),
        ("meter_lag_s", meter_lag_s.to_string()),
        ("price_cap_micro_per_kwh", price_cap.0.to_string()),
    ]
}

fn trust(trust: &Trust) -> Vec<(&'static str, String)> {
    let Trust {
        beacon_offset,
        seats,
        commit_window,
        reveal_window,
        index_start_ppm,
        wager_min_ppm,
        token_value,
        significance_floor,
        significance_ref,
        fee_ppm,
        epsilon_ppb,
        alpha_ppm,
        beta_worse_ppm,
        beta_false_ppm,
    } = *trust;
    vec![
        ("beacon_offset_views", beacon_offset.to_string()),
        ("seats", seats.to_string()),
        ("commit_window_heights", commit_window.to_string()),
        ("reveal_window_heights", reveal_window.to_string()),
        ("index_start_ppm", index_start_ppm.to_string()),
        ("wager_min_ppm", wager_min_ppm.to_string()),
        ("token_value_micro", token_value.0.to_string()),
        ("significance_floor_micro", significance_floor.0.to_string()),
        ("significance_ref_micro", significance_ref.0.to_string()),
        ("fee_ppm", fee_ppm.to_string()),
        ("epsilon_ppb", epsilon_ppb.to_string()),
        ("alpha_ppm", alpha_ppm.to_string()),
        ("beta_worse_ppm", beta_worse_ppm.to_string()),
        ("beta_false_ppm", beta_false_ppm.to_string()),
    ]
}

fn thresholds(thresholds: &Thresholds) -> Vec<(&'static str, String)> {
    let Thresholds { gap_ppb, price_rise_ppm, energy_loss_ppm } = *thresholds;
    vec![
        ("gap_ppb", gap_ppb.to_string()),
        ("price_rise_ppm", price_rise_ppm.to_string()),
        ("energy_loss_ppm", energy_loss_ppm.to_string()),
    ]
}

/// Each field of a carbon policy, each factor a field of its own.
fn carbon(policy: &CarbonPolicy) -> Vec<(String, String)> {
    let CarbonPolicy {
        version,
        factors,
        forbidden,
        wider,
        operating_max_mg_per_kwh,
        wider_max_mg_per_kwh,
        momentary_ppm,
    } = policy;
    let cap = |cap: &Option<u32>| cap.map_or("none".to_owned(), |cap| cap.to_string());
    let forbidden: Vec<String> = forbidden.iter().map(ToString::to_string).collect();
    let mut fields = vec![
        ("carbon.version".to_owned(), format!("{:?}", version.to_string())),
        ("carbon.forbidden".to_owned(), forbidden.join(", ")),
        ("carbon.boundary".to_owned(), boundary_name(*wider).to_owned()),
        ("carbon.operating_max_mg_per_kwh".to_owned(), cap(operating_max_mg_per_kwh)),
        ("carbon.wider_max_mg_per_kwh".to_owned(), cap(wider_max_mg_per_kwh)),
        ("carbon.momentary_ppm".to_owned(), momentary_ppm.to_string()),
    ];
    for factor in factors {
        let shown = format!(
            "operating {}, embodied {}, travel {} mg/kWh ({})",
            factor.operating_mg_per_kwh,
            factor.embodied_mg_per_kwh,
            factor.travel_mg_per_kwh,
            &*factor.source
        );
        fields.push((format!("carbon.factor.{}", &*factor.class), shown));
    }
    fields
}

fn member(number: usize, member: &GenesisMember) -> Vec<(&'static str, String)> {
    let GenesisMember { name: _, role, class, owner, key, stake, deposit } = member;
    vec![
        ("number", number.to_string()),
        ("role", role_name(*role).to_owned()),
        ("class", format!("{:?}", class.to_string())),
        ("owner", owner.0.to_string()),
        ("key_hex", hex::of(key)),
        ("stake_tokens", stake.to_string()),
        ("deposit_micro", deposit.0.to_string()),
    ]
}

fn time(time: TimeS) -> String {
    format!("{} ({})", time.0, utc(time))
}
