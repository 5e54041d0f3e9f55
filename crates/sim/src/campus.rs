//! A campus: a scenario, cast from one seed into members with keys, a genesis, agents and a simulated bus.

use crate::{
    keys::{Purpose, key, stream},
    members::{ScenarioMember, role},
};
use commonware_cryptography::{Signer as _, ed25519};
use gridaccord_agent::{Agent, Builder, Identity};
use gridaccord_engine::{NodeKey, PublicKey, Share, chain::KeyError};
use gridaccord_field::SimulatedBus;
use gridaccord_ledger::{
    Genesis, Role,
    genesis::{Clock, GenesisError, GenesisMember, Market, Thresholds, Trust, Validator},
};
use gridaccord_model::{
    MemberId, Money, TimeMs, TimeS,
    codec::{Blob, Bounded, Label},
    scenario::Scenario,
};
use std::{collections::BTreeMap, ops::Range, sync::Arc};

/// How far ahead of a replica's clock a block may be, ms.
const DRIFT_MS: u32 = 2_000;

/// Wall seconds before the first gate opens, for members to find each other.
const START_WALL_S: u64 = 3;

/// How a scenario is run.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Everything random follows from it.
    pub seed: u64,
    /// Which of the scenario's intervals.
    pub window: Range<u32>,
    /// When the chain starts.
    pub wall_start: TimeMs,
    /// Wall time from one interval's start to the next one's, ms.
    pub interval_wall_ms: u32,
}

/// Why a scenario makes no campus.
#[derive(Debug, thiserror::Error)]
pub enum CastError {
    /// More of something than a chain takes.
    #[error("members: {what} are more than a chain admits, {limit}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are admitted.
        limit: usize,
    },
    /// The keys cannot be dealt.
    #[error("validators: {0}")]
    Keys(#[from] KeyError),
    /// The chain would not start.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
}

/// A cast member.
#[derive(Clone, Debug)]
pub struct Cast {
    /// Its id.
    pub id: MemberId,
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Signs its commands.
    pub key: ed25519::PrivateKey,
    /// Its node, where it runs a validator.
    pub node: Option<Node>,
}

/// What a member's validator holds.
#[derive(Clone, Debug)]
pub struct Node {
    /// Key on the network.
    pub key: NodeKey,
    /// Share of the group key.
    pub share: Share,
}

impl Node {
    /// The public half of its key.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        self.key.public_key()
    }
}

/// A campus.
#[derive(Debug)]
pub struct Campus {
    /// What its chain starts from.
    pub genesis: Genesis,
    /// Members by id.
    pub members: Vec<Cast>,
    scenario: Arc<Scenario>,
    terms: Terms,
    roles: Arc<BTreeMap<MemberId, Role>>,
    bus: SimulatedBus,
}

impl Campus {
    /// Casts a scenario.
    ///
    /// # Errors
    /// [`CastError`].
    pub fn cast(scenario: Arc<Scenario>, terms: Terms) -> Result<Self, CastError> {
        let seed = terms.seed;
        let node_keys: BTreeMap<MemberId, NodeKey> = scenario
            .members()
            .filter(|(_, member)| member.validator)
            .map(|(id, _)| (id, key(seed, Purpose::Node, u64::from(id.0))))
            .collect();
        let public: Vec<PublicKey> = node_keys.values().map(NodeKey::public_key).collect();
        let mut dealing = gridaccord_engine::deal(&public, &mut stream(seed, Purpose::Dealing, 0))?;
        let members: Vec<Cast> = scenario
            .members()
            .map(|(id, member)| Cast {
                id,
                name: member.name.clone(),
                role: role(member.role),
                key: key(seed, Purpose::Member, u64::from(id.0)),
                node: node_keys.get(&id).cloned().and_then(|key| {
                    let share = dealing.shares.remove(&key.public_key())?;
                    Some(Node { key, share })
                }),
            })
            .collect();
        let genesis = genesis(&scenario, &terms, &members, dealing.group_key, dealing.polynomial)?;
        let roles = Arc::new(members.iter().map(|member| (member.id, member.role)).collect());
        Ok(Self { genesis, members, scenario, terms, roles, bus: SimulatedBus::default() })
    }

    /// The scenario.
    #[must_use]
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// The scenario's interval that a gate is the market of.
    #[must_use]
    pub fn interval(&self, gate: gridaccord_model::GateId) -> u32 {
        self.terms.window.start.saturating_add(u32::try_from(gate.0).unwrap_or(u32::MAX))
    }

    /// Members that run a validator.
    pub fn validators(&self) -> impl Iterator<Item = (&Cast, &Node)> {
        self.members.iter().filter_map(|member| Some((member, member.node.as_ref()?)))
    }

    /// Members that use somebody else's node.
    pub fn guests(&self) -> impl Iterator<Item = &Cast> {
        self.members.iter().filter(|member| member.node.is_none())
    }

    /// A member's agent, its device connected to the campus's bus. An agent made later for the same member takes
    /// over its connection as it stands.
    #[must_use]
    pub fn agent(&self, member: &Cast, builder: Box<dyn Builder>) -> Agent {
        let rulebook = ScenarioMember::new(
            self.scenario.clone(),
            member.id,
            self.terms.seed,
            self.terms.window.clone(),
        );
        let device = self.bus.connect(member.id, rulebook.plant());
        let identity = Identity {
            chain: self.genesis.chain_id(),
            member: member.id,
            key: member.key.clone(),
            roles: self.roles.clone(),
            price_cap: self.genesis.market.price_cap,
        };
        Agent::new(identity, Box::new(rulebook), builder, Box::new(device))
    }
}

fn genesis(
    scenario: &Scenario,
    terms: &Terms,
    members: &[Cast],
    group_key: [u8; 96],
    polynomial: Vec<u8>,
) -> Result<Genesis, CastError> {
    let admitted = scenario.members().zip(members).map(|((_, record), member)| GenesisMember {
        name: Label::new(member.name.clone()).expect("a scenario bounds names"),
        role: member.role,
        owner: record.owner,
        key: member.key.public_key(),
        stake: record.stake_tokens,
        deposit: record.deposit,
    });
    let validators = members.iter().filter_map(|member| {
        Some(Validator { member: member.id.0, key: member.node.as_ref()?.key.public_key() })
    });
    let genesis = Genesis {
        label: Label::new(scenario.name.clone())
            .map_err(|_| CastError::TooMany { what: "letters of the name", limit: 64 })?,
        clock: clock(scenario, terms),
        market: market(scenario, terms),
        trust: trust(scenario),
        thresholds: Thresholds {
            gap_ppb: scenario.thresholds.gap_ppb,
            price_rise_ppm: scenario.thresholds.price_rise_ppm,
            energy_loss_ppm: scenario.thresholds.energy_loss_ppm,
        },
        group_key,
        group_polynomial: Blob::new(polynomial).map_err(|_| CastError::TooMany {
            what: "validators",
            limit: gridaccord_ledger::genesis::VALIDATORS_MAX,
        })?,
        validators: bounded(validators.collect(), "validators")?,
        members: bounded(admitted.collect(), "members")?,
    };
    genesis.check()?;
    Ok(genesis)
}

fn bounded<T, const MAX: usize>(
    items: Vec<T>,
    what: &'static str,
) -> Result<Bounded<T, MAX>, CastError> {
    Bounded::new(items).map_err(|_| CastError::TooMany { what, limit: MAX })
}

/// Ledger time starts just before the first gate opens.
fn clock(scenario: &Scenario, terms: &Terms) -> Clock {
    let period_ms = u64::from(scenario.horizon.period_s) * 1_000;
    let speed = (period_ms / u64::from(terms.interval_wall_ms.max(1))).max(1);
    let first = scenario.interval(terms.window.start).start;
    let ahead_s =
        u64::from(scenario.market.open_lead_s).saturating_add(speed.saturating_mul(START_WALL_S));
    Clock {
        ledger_start: TimeS(first.0.saturating_sub(ahead_s)),
        wall_start: terms.wall_start,
        speed: u32::try_from(speed).unwrap_or(u32::MAX),
        drift_ms: DRIFT_MS,
    }
}

fn market(scenario: &Scenario, terms: &Terms) -> Market {
    Market {
        first_start: scenario.interval(terms.window.start).start,
        interval_s: scenario.horizon.interval_s,
        period_s: scenario.horizon.period_s,
        gates: terms.window.end.saturating_sub(terms.window.start),
        open_lead_s: scenario.market.open_lead_s,
        close_lead_s: scenario.market.close_lead_s,
        meter_lag_s: scenario.market.meter_lag_s,
        price_cap: scenario.market.price_cap,
    }
}

fn trust(scenario: &Scenario) -> Trust {
    let trust = &scenario.trust;
    Trust {
        beacon_offset: trust.beacon_offset,
        seats: trust.seats,
        commit_window: trust.commit_window,
        reveal_window: trust.reveal_window,
        index_start_ppm: trust.index_start_ppm,
        wager_min_ppm: trust.wager_min_ppm,
        token_value: Money(trust.token_value.0),
        significance_floor: trust.significance_floor,
        significance_ref: trust.significance_ref,
        fee_ppm: trust.fee_ppm,
        epsilon_ppb: trust.epsilon_ppb,
        alpha_ppm: trust.alpha_ppm,
        beta_worse_ppm: trust.beta_worse_ppm,
        beta_false_ppm: trust.beta_false_ppm,
    }
}
