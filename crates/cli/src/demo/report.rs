//! What a run came to: for people a few tables, for programs one JSON object.

use super::watch::Watch;
use comfy_table::{CellAlignment, Table, presets::NOTHING};
use gridaccord_engine::light::{LightError, Proven};
use gridaccord_ledger::{Role, genesis::GateKind, records::Line};
use gridaccord_model::{
    GateId, Joules, Picos, TimeS,
    scenario::{Event, EventKind},
};
use gridaccord_node::{
    journal::{Balance, GateStage, GateStory},
    port::percentile,
};
use gridaccord_sim::{Campus, campus::Cast};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Middle and tail of a duration.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Spread {
    p50: u64,
    p95: u64,
}

impl Spread {
    fn of(mut values: Vec<u64>) -> Option<Self> {
        values.sort_unstable();
        Some(Self { p50: percentile(&values, 50)?, p95: percentile(&values, 95)? })
    }
}

/// A whole run. Fields carry their units; money is in millionths of the currency.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    scenario: String,
    seed_chain_id: String,
    validators: usize,
    height: u64,
    state_root: String,
    elapsed_ms: u128,
    finality_ms: Option<Spread>,
    command_ms: Option<Spread>,
    gate_ms: Option<Spread>,
    commands_accepted: u64,
    commands_refused: BTreeMap<String, u64>,
    gates: Vec<GateReport>,
    redispatch: Vec<Redispatch>,
    settlement: Settlement,
    trust: BTreeMap<String, Trust>,
    light_check: Option<LightCheck>,
    /// How often each validator's process was started, where validators are processes.
    #[serde(skip_serializing_if = "Option::is_none")]
    process_starts: Option<BTreeMap<String, u32>>,
}

#[derive(Debug, Serialize)]
struct GateReport {
    interval: u32,
    start: String,
    kind: &'static str,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    price_micro_per_kwh: Option<i64>,
    builders: Vec<String>,
    winner: Option<String>,
    cost_micro: Option<i128>,
    gap_ppb: Option<u64>,
    set_points_w: BTreeMap<String, i64>,
}

/// How the network answered the loss of a resource, an island or a demand-response event.
#[derive(Debug, Serialize)]
struct Redispatch {
    /// Whose resource.
    lost: String,
    /// What happened to it.
    what: &'static str,
    /// Whether it was known before.
    announced: bool,
    lost_at: String,
    interval: u32,
    /// From the closure of the first gate whose plan answers it to its approved plan.
    approved_after_closure_ms: u64,
    /// From the loss to that approval, in ledger time; 0 where it was approved before.
    approved_after_loss_s: u64,
    before_w: BTreeMap<String, i64>,
    after_w: BTreeMap<String, i64>,
    /// Members whose set point is a resource's and not a load's.
    #[serde(skip)]
    resources: BTreeSet<String>,
}

/// Sums to zero: paid to suppliers − charged to tenants + others + fees + losses + remainder.
#[derive(Debug, Serialize)]
struct Settlement {
    suppliers: BTreeMap<String, Paid>,
    tenants: Charged,
    others: BTreeMap<String, Net>,
    fees_micro: i64,
    losses_micro: i64,
    remainder_micro: i64,
    readings_estimated: u32,
}

#[derive(Debug, Serialize)]
struct Paid {
    energy_wh: i64,
    paid_micro: i64,
}

#[derive(Debug, Default, Serialize)]
struct Charged {
    count: usize,
    energy_wh: i64,
    charged_micro: i64,
}

#[derive(Debug, Serialize)]
struct Net {
    energy_wh: i64,
    net_micro: i64,
}

#[derive(Debug, Serialize)]
struct Trust {
    index_ppm: u32,
    tokens_lost: u64,
}

/// One settlement line, proven to somebody who knows the group key and nothing else.
#[derive(Debug, Serialize)]
pub(super) struct LightCheck {
    verified: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    member: String,
    gate: u64,
    height: Option<u64>,
    energy_wh: Option<i64>,
    total_micro: Option<i64>,
    proof_bytes: usize,
    verify_us: u128,
}

impl LightCheck {
    pub(super) fn new(
        member: &Cast,
        gate: GateId,
        proof_bytes: usize,
        took: Duration,
        proven: Result<Proven, LightError>,
    ) -> Self {
        let line = proven.as_ref().ok().and_then(|proven| proven.record.as_ref()?.value::<Line>());
        let error = match (&proven, &line) {
            (Err(error), _) => Some(error.to_string()),
            (Ok(_), None) => Some("the state holds no such line".into()),
            (Ok(_), Some(_)) => None,
        };
        Self {
            verified: line.is_some(),
            error,
            member: member.name.clone(),
            gate: gate.0,
            height: proven.ok().map(|proven| proven.height),
            energy_wh: line.map(|line| line.energy.wh_floor()),
            total_micro: line.map(|line| line.total().0),
            proof_bytes,
            verify_us: took.as_micros(),
        }
    }
}

impl Report {
    pub(super) fn new(
        campus: &Campus,
        watch: &Watch,
        light_check: Option<LightCheck>,
        elapsed: Duration,
    ) -> Self {
        let journal = &watch.journal;
        Self {
            scenario: campus.scenario().name.clone(),
            seed_chain_id: gridaccord_custody::hex::encode(&campus.genesis.chain_id().0),
            validators: campus.validators().count(),
            height: watch.height,
            state_root: watch
                .state_root
                .map(|root| gridaccord_custody::hex::encode(&root.0))
                .unwrap_or_default(),
            elapsed_ms: elapsed.as_millis(),
            finality_ms: Spread::of(watch.shared.finality_ms()),
            command_ms: Spread::of(watch.command_ms.clone()),
            gate_ms: Spread::of(watch.gate_ms.clone()),
            commands_accepted: journal.accepted,
            commands_refused: journal.refused.clone(),
            gates: journal
                .gates
                .iter()
                .map(|(gate, story)| gate_report(campus, *gate, story))
                .collect(),
            redispatch: redispatches(campus, watch),
            settlement: settlement(campus, watch),
            trust: trust(campus, watch),
            light_check,
            process_starts: None,
        }
    }

    /// Adds how often each validator's process was started.
    pub(super) fn set_processes(&mut self, starts: BTreeMap<String, u32>) {
        self.process_starts = Some(starts);
    }

    /// Checks of the whole run that did not hold.
    pub(super) fn problems(&self, watch: &Watch) -> Vec<String> {
        let mut problems = Vec::new();
        for gate in &self.gates {
            if gate.state != GateStage::Settled.name() {
                let why =
                    gate.failure.clone().unwrap_or_else(|| format!("it is still {}", gate.state));
                problems
                    .push(format!("the gate of interval {} did not settle: {why}", gate.interval));
            }
        }
        if watch.journal.sum().0 != 0 {
            problems.push(format!("settlements sum to {} instead of 0", watch.journal.sum()));
        }
        match &self.light_check {
            None => problems.push("no settlement line could be proven to a light client".into()),
            Some(LightCheck { error: Some(error), .. }) => {
                problems.push(format!("light check: {error}"))
            }
            Some(_) => {}
        }
        problems
    }

    /// Prints the tables.
    pub(super) fn print(&self) {
        println!("\n{}", self.settlement_table());
        self.print_redispatch();
        let trust = self.trust.iter().map(|(owner, trust)| format!("{owner} {}", trust.index_ppm));
        println!("trust index, ppm: {}", trust.collect::<Vec<_>>().join(", "));
        let times = [
            ("block proposed → final", self.finality_ms),
            ("command sent → receipt", self.command_ms),
            ("gate closed → plan approved", self.gate_ms),
        ];
        for (what, spread) in times {
            if let Some(Spread { p50, p95 }) = spread {
                println!("{what}: {p50} ms median, {p95} ms at the 95th percentile");
            }
        }
        println!(
            "{} blocks, {} commands taken, {} refused, {:.1} s",
            self.height,
            self.commands_accepted,
            self.commands_refused.values().sum::<u64>(),
            Duration::from_millis(u64::try_from(self.elapsed_ms).unwrap_or(u64::MAX)).as_secs_f64(),
        );
        if let Some(check) = self.light_check.as_ref().filter(|check| check.verified) {
            println!(
                "light check: verified from the group key alone: {}'s line of gate {} ({} Wh, {} µ) at height {}, {} bytes, {} µs",
                check.member,
                check.gate,
                check.energy_wh.unwrap_or(0),
                check.total_micro.unwrap_or(0),
                check.height.unwrap_or(0),
                check.proof_bytes,
                check.verify_us,
            );
        }
    }

    fn settlement_table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(NOTHING).set_header(["", "energy, kWh", "money"]);
        let settlement = &self.settlement;
        for (name, paid) in &settlement.suppliers {
            table.add_row([
                format!("{name} supplied"),
                kwh(paid.energy_wh),
                signed(paid.paid_micro),
            ]);
        }
        let tenants = &settlement.tenants;
        if tenants.count > 0 {
            let who = format!("{} tenants used", tenants.count);
            table.add_row([who, kwh(tenants.energy_wh), signed(-tenants.charged_micro)]);
        }
        for (name, net) in &settlement.others {
            table.add_row([name.clone(), kwh(net.energy_wh), signed(net.net_micro)]);
        }
        table.add_row(["builders' fees".into(), String::new(), signed(settlement.fees_micro)]);
        table.add_row(["losses".into(), String::new(), signed(settlement.losses_micro)]);
        table.add_row(["rounding".into(), String::new(), signed(settlement.remainder_micro)]);
        table.add_row(["sum".into(), String::new(), signed(settlement.sum_micro())]);
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }

    fn print_redispatch(&self) {
        for event in &self.redispatch {
            let Redispatch { lost, what, lost_at, interval, .. } = event;
            if event.announced {
                println!(
                    "{lost}: {what} from {lost_at}, as announced; the plan for interval {interval}:"
                );
            } else {
                println!(
                    "{lost}: {what} at {lost_at}; the next gate to close, for interval {interval}, had a new approved plan {} ms after its closure, {} s of ledger time after the loss",
                    event.approved_after_closure_ms, event.approved_after_loss_s,
                );
            }
            let resources =
                event.after_w.iter().filter(|(name, _)| event.resources.contains(*name));
            let moved = resources.filter_map(|(name, after)| {
                let before = event.before_w.get(name).copied().unwrap_or(0);
                (before != *after).then(|| format!("{name} {before} → {after} W"))
            });
            println!("  {}", moved.collect::<Vec<_>>().join(", "));
        }
    }
}

impl Settlement {
    fn sum_micro(&self) -> i64 {
        let paid: i64 = self.suppliers.values().map(|paid| paid.paid_micro).sum();
        let others: i64 = self.others.values().map(|net| net.net_micro).sum();
        paid - self.tenants.charged_micro
            + others
            + self.fees_micro
            + self.losses_micro
            + self.remainder_micro
    }
}

fn gate_report(campus: &Campus, gate: GateId, story: &GateStory) -> GateReport {
    GateReport {
        interval: campus.interval(gate),
        start: utc(story.interval.start),
        kind: match campus.genesis.market.kind {
            GateKind::Open {} => "open",
            GateKind::Sealed { .. } => "sealed",
            GateKind::Horizon { .. } => "horizon",
        },
        state: story.stage.name(),
        failure: match story.stage {
            GateStage::Failed(reason) => Some(reason.to_string()),
            _ => None,
        },
        price_micro_per_kwh: story.price.map(|price| price.0),
        builders: story.builders.iter().map(|member| name(campus, *member)).collect(),
        winner: story.winner.map(|member| name(campus, member)),
        cost_micro: story.cost.map(Picos::micro_floor),
        gap_ppb: story.gap_ppb,
        set_points_w: set_points(campus, story),
    }
}

fn set_points(campus: &Campus, story: &GateStory) -> BTreeMap<String, i64> {
    story.set_points.iter().map(|(member, power)| (name(campus, *member), power.0)).collect()
}

/// For each resource lost during the run: the first gate that closed after the loss.
fn redispatches(campus: &Campus, watch: &Watch) -> Vec<Redispatch> {
    let clock = campus.genesis.clock;
    let gates = &watch.journal.gates;
    let supplies =
        |member: &&Cast| matches!(member.role, Role::Supplier | Role::StorageOwner | Role::Utility);
    let resources: BTreeSet<String> =
        campus.members.iter().filter(supplies).map(|member| member.name.clone()).collect();
    campus
        .scenario()
        .events
        .iter()
        .filter_map(|event| {
            let knows = |gate: &GateId| answers(campus, *gate, event);
            let (gate, after) = gates.iter().find(|(gate, _)| knows(gate))?;
            let (_, before) = gates.range(..*gate).next_back()?;
            let (closed, decided) = (after.closed_at?, after.decided_at?);
            Some(Redispatch {
                lost: name(campus, event.member),
                what: match event.kind {
                    EventKind::Outage => "lost",
                    EventKind::Island => "open, the campus an island,",
                    EventKind::DemandResponse { .. } => "demand response",
                },
                announced: event.announced,
                lost_at: utc(event.from),
                interval: campus.interval(*gate),
                approved_after_closure_ms: decided.0.saturating_sub(closed.0),
                approved_after_loss_s: clock.ledger(decided).0.saturating_sub(event.from.0),
                before_w: set_points(campus, before),
                after_w: set_points(campus, after),
                resources: resources.clone(),
            })
        })
        .collect()
}

/// Whether a gate's plan answers an event: the first one that knows of it, of an announced one the first it is about.
fn answers(campus: &Campus, gate: GateId, event: &Event) -> bool {
    let market = campus.genesis.market;
    if event.announced {
        event.touches(market.interval(gate))
    } else {
        market.closes(gate) > event.from
    }
}

fn settlement(campus: &Campus, watch: &Watch) -> Settlement {
    let journal = &watch.journal;
    let mut settlement = Settlement {
        suppliers: BTreeMap::new(),
        tenants: Charged::default(),
        others: BTreeMap::new(),
        fees_micro: 0,
        losses_micro: journal.losses.0,
        remainder_micro: journal.remainder.0,
        readings_estimated: journal.balances.values().map(|balance| balance.estimated).sum(),
    };
    let mut tenants = Balance::default();
    for member in &campus.members {
        let balance = journal.balances.get(&member.id).copied().unwrap_or_default();
        settlement.fees_micro += balance.fees_earned.0;
        let energy_wh = Joules(balance.energy_j).wh_floor();
        match member.role {
            Role::Supplier | Role::StorageOwner => {
                let paid = Paid { energy_wh, paid_micro: balance.market.0 };
                settlement.suppliers.insert(member.name.clone(), paid);
            }
            Role::Tenant => {
                settlement.tenants.count += 1;
                tenants.energy_j -= balance.energy_j;
                tenants.market.0 -= balance.market.0;
            }
            _ => {
                let net = Net { energy_wh, net_micro: balance.market.0 };
                settlement.others.insert(member.name.clone(), net);
            }
        }
    }
    settlement.tenants.energy_wh = Joules(tenants.energy_j).wh_floor();
    settlement.tenants.charged_micro = tenants.market.0;
    settlement
}

fn trust(campus: &Campus, watch: &Watch) -> BTreeMap<String, Trust> {
    let journal = &watch.journal;
    let builders = campus.validators().map(|(member, _)| {
        let owner = campus.genesis.members.get(usize::from(member.id.0)).map(|record| record.owner);
        let index_ppm = owner.and_then(|owner| journal.trust_ppm.get(&owner).copied());
        let trust = Trust {
            index_ppm: index_ppm.unwrap_or(campus.genesis.trust.index_start_ppm),
            tokens_lost: journal.tokens_lost.get(&member.id).copied().unwrap_or(0),
        };
        (member.name.clone(), trust)
    });
    builders.collect()
}

fn name(campus: &Campus, member: gridaccord_model::MemberId) -> String {
    campus
        .members
        .get(usize::from(member.0))
        .map_or_else(|| member.to_string(), |member| member.name.clone())
}

fn kwh(wh: i64) -> String {
    let sign = if wh < 0 { "-" } else { "" };
    format!("{sign}{}.{:03}", wh.abs() / 1_000, wh.abs() % 1_000)
}

fn signed(micro: i64) -> String {
    if micro > 0 { format!("+{}", currency(micro)) } else { currency(micro) }
}

/// Millionths of the currency with their point.
pub(super) fn currency(micro: i64) -> String {
    let sign = if micro < 0 { "-" } else { "" };
    format!("{sign}{}.{:06}", micro.abs() / 1_000_000, micro.abs() % 1_000_000)
}

/// Ledger time as people write it.
pub(super) fn utc(time: TimeS) -> String {
    gridaccord_model::scenario::utc(time)
}
