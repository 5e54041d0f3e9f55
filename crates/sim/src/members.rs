//! What a scenario makes of one member: its rulebook, and the plant at its connection.

use crate::{
    keys::{Purpose, digest},
    weather,
};
use gridaccord_agent::Rulebook;
use gridaccord_field::{Plant, PlantKind};
use gridaccord_ledger::Role;
use gridaccord_model::{
    GateId, Interval, MemberId, Need, Offer, TimeS, Watts,
    scenario::{self, Scenario},
};
use std::{ops::Range, sync::Arc};

/// A scenario seen by one member, from one seed.
#[derive(Clone, Debug)]
pub struct ScenarioMember {
    scenario: Arc<Scenario>,
    member: MemberId,
    seed: u64,
    /// The scenario's interval that gate 0 is for, and the ones after it.
    window: Range<u32>,
}

impl ScenarioMember {
    /// Member `member` of a scenario, of which the chain runs `window`.
    #[must_use]
    pub const fn new(
        scenario: Arc<Scenario>,
        member: MemberId,
        seed: u64,
        window: Range<u32>,
    ) -> Self {
        Self { scenario, member, seed, window }
    }

    fn interval(&self, gate: GateId) -> u32 {
        self.window.start.saturating_add(u32::try_from(gate.0).unwrap_or(u32::MAX))
    }

    /// What the plant could give or the tie carry in an interval, as the weather leaves it.
    fn supply(&self, interval: u32) -> Option<Offer> {
        let offer = self.scenario.forecast(self.member, interval)?;
        let spread_ppm = self.scenario.demo.weather_ppm;
        Some(match self.record().class.as_deref() {
            Some(class @ ("solar" | "wind")) => {
                weather::scale(offer, weather::share_ppm(self.seed, class, interval, spread_ppm))
            }
            _ => offer,
        })
    }

    fn record(&self) -> &scenario::Member {
        &self.scenario.members[usize::from(self.member.0)]
    }

    /// The plant at its connection over the window.
    #[must_use]
    pub fn plant(&self) -> Plant {
        let kind = match self.record().role {
            _ if self.scenario.is_tie(self.member) => PlantKind::Tie,
            scenario::Role::Supplier | scenario::Role::Storage => PlantKind::Source,
            _ => PlantKind::Load,
        };
        let capacity = self.window.clone().map(|interval| {
            let power = match kind {
                PlantKind::Source => {
                    self.supply(interval).map_or(Watts::ZERO, |offer| offer.power_max)
                }
                PlantKind::Load | PlantKind::Tie => self
                    .scenario
                    .need(self.member, interval)
                    .map_or(Watts::ZERO, |need| need.total()),
            };
            (self.scenario.interval(interval).start, power)
        });
        let own = self.scenario.events.iter().filter(|event| event.member == self.member);
        let outages = own.map(|event| event.from..event.until.unwrap_or(TimeS(u64::MAX)));
        Plant { kind, capacity: capacity.collect(), outages: outages.collect() }
    }
}

impl Rulebook for ScenarioMember {
    fn offer(&self, gate: GateId, _: Interval) -> Option<Offer> {
        self.supply(self.interval(gate))
    }

    fn need(&self, gate: GateId, _: Interval) -> Option<Need> {
        self.scenario.need(self.member, self.interval(gate))
    }

    /// Whoever runs a validator builds too, and dares between once and twice the least wager.
    fn wager(&self, gate: GateId, wager_min: u64) -> Option<u64> {
        let [taste, ..] =
            digest(self.seed, Purpose::Wager, gate.0 << 16 | u64::from(self.member.0));
        self.record()
            .validator
            .then(|| wager_min.saturating_add(wager_min.saturating_mul(u64::from(taste)) >> 8))
    }
}

/// The ledger's role for a scenario's.
#[must_use]
pub const fn role(role: scenario::Role) -> Role {
    match role {
        scenario::Role::Supplier => Role::Supplier,
        scenario::Role::Storage => Role::StorageOwner,
        scenario::Role::Campus => Role::Campus,
        scenario::Role::Tenant => Role::Tenant,
        scenario::Role::Utility => Role::Utility,
        scenario::Role::Authority => Role::Authority,
        scenario::Role::Certifier => Role::Certifier,
        scenario::Role::Auditor => Role::Auditor,
    }
}
