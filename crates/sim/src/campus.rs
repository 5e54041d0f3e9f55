//! A campus: a scenario, cast from one seed into members with keys, a genesis, agents and a simulated bus.

use crate::{
    keys::{Purpose, key, stream},
    members::ScenarioMember,
};
use commonware_cryptography::{Signer as _, ed25519};
use gridaccord_agent::{Agent, Builder, Identity};
use gridaccord_engine::{NodeKey, PublicKey, Share, chain::KeyError};
use gridaccord_field::SimulatedBus;
use gridaccord_ledger::{
    Genesis, Role,
    genesis::{Clock, GenesisError, GenesisMember, Group, Market, Validator},
};
use gridaccord_model::{
    MemberId, TimeMs,
    codec::{Bounded, Label},
    scenario::Scenario,
};
use std::{collections::BTreeMap, ops::Range, sync::Arc};

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
    /// The dealt group.
    pub group: Group,
    /// Members by id.
    pub members: Vec<Cast>,
    scenario: Arc<Scenario>,
    terms: Terms,
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
                role: member.role.into(),
                key: key(seed, Purpose::Member, u64::from(id.0)),
                node: node_keys.get(&id).cloned().and_then(|key| {
                    let share = dealing.shares.remove(&key.public_key())?;
                    Some(Node { key, share })
                }),
            })
            .collect();
        let genesis = genesis(&scenario, &terms, &members)?;
        Ok(Self {
            genesis,
            group: dealing.group,
            members,
            scenario,
            terms,
            bus: SimulatedBus::default(),
        })
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
        let identity = Identity::of(&self.genesis, member.id, member.key.clone());
        Agent::new(identity, Box::new(rulebook), builder, Box::new(device))
    }
}

fn genesis(scenario: &Scenario, terms: &Terms, members: &[Cast]) -> Result<Genesis, CastError> {
    let admitted = scenario.members().zip(members).map(|((_, record), member)| GenesisMember {
        name: Label::new(member.name.clone()).expect("a scenario bounds names"),
        role: member.role,
        class: Label::new(record.class.clone().unwrap_or_default())
            .expect("a scenario bounds classes"),
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
        clock: Clock::of(scenario, terms.window.start, terms.wall_start, terms.interval_wall_ms),
        market: Market::of(scenario, terms.window.clone()),
        trust: scenario.trust,
        thresholds: scenario.thresholds,
        carbon: scenario.carbon.clone(),
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
