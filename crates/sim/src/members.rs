//! What a scenario makes of one member: its rulebook, the plant at its connection, and its agent on a chain.

use crate::{
    keys::{Purpose, digest},
    weather,
};
use commonware_cryptography::{Signer as _, ed25519};
use gridaccord_agent::{Agent, Honest, Identity, Rulebook, Standing};
use gridaccord_field::{Plant, PlantKind, SimulatedBus, Store};
use gridaccord_ledger::Genesis;
use gridaccord_model::{
    GateId, HorizonOffer, HorizonPosting, Interval, MemberId, Need, Offer, Series, TimeS, Watts,
    scenario::{self, EventKind, Progress, Scenario},
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

    /// A chain that outlives its scenario sees the scenario's intervals again.
    fn interval(&self, gate: GateId) -> u32 {
        let intervals = u64::from(self.scenario.horizon.intervals.max(1));
        let interval = u64::from(self.window.start).saturating_add(gate.0) % intervals;
        u32::try_from(interval).expect("below a number of 32 bits")
    }

    /// What the plant could give or the tie carry in an interval, as the weather leaves it.
    fn supply(&self, interval: u32) -> Option<Offer> {
        let offer = self.scenario.forecast(self.member, interval)?;
        Some(match self.weather_ppm(interval) {
            Some(share_ppm) => weather::scale(offer, share_ppm),
            None => offer,
        })
    }

    /// What the weather leaves of its power in an interval; `None` where it does not depend on it.
    fn weather_ppm(&self, interval: u32) -> Option<u32> {
        let class = self.record().class.as_deref()?;
        let spread_ppm = self.scenario.demo.weather_ppm;
        matches!(class, "solar" | "wind")
            .then(|| weather::share_ppm(self.seed, class, interval, spread_ppm))
    }

    fn record(&self) -> &scenario::Member {
        &self.scenario.members[usize::from(self.member.0)]
    }

    /// The plant at its connection over the window.
    #[must_use]
    pub fn plant(&self) -> Plant {
        let kind = match self.record().role {
            _ if self.scenario.is_tie(self.member) => PlantKind::Tie,
            _ if self.scenario.storage(self.member).is_some() => {
                PlantKind::Storage { store: self.store() }
            }
            scenario::Role::Supplier | scenario::Role::Storage => PlantKind::Source,
            _ => PlantKind::Load,
        };
        let capacity = self.window.clone().map(|interval| {
            let power = match kind {
                PlantKind::Source => {
                    self.supply(interval).map_or(Watts::ZERO, |offer| offer.power_max)
                }
                PlantKind::Load | PlantKind::Tie | PlantKind::Storage { .. } => self
                    .scenario
                    .need(self.member, interval)
                    .map_or(Watts::ZERO, |need| need.total()),
            };
            (self.scenario.interval(interval).start, power)
        });
        let shiftable = self.window.clone().map(|interval| {
            let power = self.scenario.shiftable_max(self.member, interval);
            (self.scenario.interval(interval).start, power)
        });
        let mut plant = Plant::new(kind, capacity.collect());
        plant.shiftable = shiftable.collect();
        for event in self.scenario.events.iter().filter(|event| event.member == self.member) {
            let window = event.from..event.until.unwrap_or(TimeS(u64::MAX));
            match event.kind {
                EventKind::DemandResponse { import_max } => {
                    plant.import_limits.push((window, import_max));
                }
                EventKind::Outage | EventKind::Island if event.announced => {
                    plant.planned.push(window);
                }
                EventKind::Outage | EventKind::Island => plant.outages.push(window),
            }
        }
        plant
    }

    /// The member's storage, which holds what the scenario starts with when the window does.
    fn store(&self) -> Store {
        let horizon = self.scenario.horizon;
        Store {
            offer: self.scenario.storage(self.member).expect("asked of a member with a storage"),
            first: self.scenario.interval(self.window.start).start,
            interval_s: horizon.interval_s,
            period_s: horizon.period_s,
        }
    }
}

impl Rulebook for ScenarioMember {
    fn offer(&self, gate: GateId, _: Interval) -> Option<Offer> {
        self.supply(self.interval(gate))
    }

    fn need(&self, gate: GateId, _: Interval) -> Option<Need> {
        self.scenario.need(self.member, self.interval(gate))
    }

    /// The gate's own interval as the weather is, the others as the scenario says. An outage shows in the device.
    fn posting(
        &self,
        gate: GateId,
        _: Interval,
        standing: &Standing<'_>,
    ) -> Option<HorizonPosting> {
        let interval = self.interval(gate);
        let storage = self.scenario.storage(self.member);
        let consumption = |before| standing.consumption(self.scenario.interval(before));
        let progress = Progress {
            stored_uwh: storage.map(|storage| standing.stored_uwh(&storage)),
            shifted: self.scenario.shifted(self.member, interval, consumption),
        };
        let mut posting = self.scenario.posting_ahead(self.member, interval, &progress)?;
        if let (Some(HorizonOffer::Generator { generator }), Some(share_ppm)) =
            (&mut posting.offer, self.weather_ppm(interval))
        {
            let least = generator.power_min.first().copied().unwrap_or_default();
            let mut power_max = std::mem::take(&mut generator.power_max).into_inner();
            if let Some(first) = power_max.first_mut() {
                *first = weather::share_of(*first, share_ppm).max(least);
            }
            generator.power_max = Series::new(power_max).expect("as many values as before");
        }
        Some(posting)
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

/// Why a scenario has no part for a member of a chain.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// Genesis does not name it.
    #[error("genesis names no member {0:?}")]
    NotAMember(String),
    /// The scenario does not name it.
    #[error(
        "the scenario names no member {0:?}: give the member a name of the scenario's, or add it there"
    )]
    NoPart(String),
    /// The key is not the member's.
    #[error("the key is not the one that genesis gives {0:?}")]
    ForeignKey(String),
    /// The chain's first interval is none of the scenario's.
    #[error(
        "the chain's gates start at {first_start} s, which starts no interval of the scenario: take the scenario that genesis was made from"
    )]
    OtherIntervals {
        /// Start of the first interval, s.
        first_start: u64,
    },
}

/// The agent of one member of a running chain: it acts as the scenario's member of that name, on a simulated
/// connection of its own.
///
/// # Errors
/// [`ActError`], in the order of its variants.
pub fn act(
    genesis: &Genesis,
    scenario: Arc<Scenario>,
    name: &str,
    key: ed25519::PrivateKey,
    seed: u64,
) -> Result<Agent, ActError> {
    let ids = || (0u16..).map(MemberId);
    let (id, admitted) = ids()
        .zip(&genesis.members)
        .find(|(_, member)| member.name.to_string() == name)
        .ok_or_else(|| ActError::NotAMember(name.into()))?;
    let (part, _) = scenario
        .members()
        .find(|(_, member)| member.name == name)
        .ok_or_else(|| ActError::NoPart(name.into()))?;
    if admitted.key != key.public_key() {
        return Err(ActError::ForeignKey(name.into()));
    }
    let first_start = genesis.market.first_start;
    let all = 0..scenario.horizon.intervals;
    let first = all
        .clone()
        .find(|interval| scenario.interval(*interval).start == first_start)
        .ok_or(ActError::OtherIntervals { first_start: first_start.0 })?;
    let end = match genesis.market.gates {
        0 => all.end,
        gates => first.saturating_add(gates).min(all.end),
    };
    let rulebook = ScenarioMember::new(scenario, part, seed, first..end);
    let device = SimulatedBus::default().connect(id, rulebook.plant());
    let identity = Identity::of(genesis, id, key);
    Ok(Agent::new(identity, Box::new(rulebook), Box::new(Honest), Box::new(device)))
}
