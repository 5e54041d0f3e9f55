//! A whole market in memory: the real ledger, real agents, a simulated bus, and blocks in a row.

use commonware_codec::Encode as _;
use commonware_cryptography::{Hasher as _, Sha256, Signer as _, ed25519};
use gridaccord_agent::{Agent, Builder, Honest, Identity, Observed, Rulebook};
use gridaccord_field::{Plant, PlantKind, SimulatedBus};
use gridaccord_ledger::{
    Block, Digest, Event, Genesis, Payload, Role, Seed, SignedCommand, agenda,
    genesis::{
        CarbonPolicy, Clock, GateKind, GenesisMember, Group, Market as Rhythm, Thresholds, Trust,
        Validator,
    },
    memory::MemoryState,
    survey::survey,
};
use gridaccord_model::{
    Block as OfferBlock, CostCurve, GateId, Interval, MemberId, Money, Need, Offer, OwnerId, Price,
    TimeMs, TimeS, Watts,
    codec::{Blob, Bounded, Label},
};
use std::{collections::BTreeMap, ops::Range, sync::Arc};

/// One member of the test market.
#[derive(Clone)]
pub(crate) struct Cast {
    pub(crate) role: Role,
    pub(crate) power_w: i64,
    pub(crate) price_micro_per_kwh: i64,
    pub(crate) outage: Option<Range<TimeS>>,
}

impl Rulebook for Cast {
    fn offer(&self, _: GateId, _: Interval) -> Option<Offer> {
        let blocks = match self.role {
            Role::Supplier | Role::Utility => {
                vec![OfferBlock {
                    power: Watts(self.power_w),
                    price: Price(self.price_micro_per_kwh),
                }]
            }
            _ => return None,
        };
        let cost = CostCurve::Blocks { blocks: Bounded::new(blocks).unwrap() };
        Some(Offer { power_min: Watts(0), power_max: Watts(self.power_w), cost })
    }

    fn need(&self, _: GateId, _: Interval) -> Option<Need> {
        (self.role == Role::Tenant).then(|| Need { firm: Watts(self.power_w), ..Need::default() })
    }

    fn wager(&self, _: GateId, wager_min: u64) -> Option<u64> {
        (self.role != Role::Tenant).then_some(wager_min)
    }
}

pub(crate) struct Market {
    pub(crate) state: MemoryState,
    pub(crate) agents: Vec<Agent>,
    pub(crate) events: Vec<Event>,
    pub(crate) chain: Digest,
    casts: Vec<Cast>,
    bus: SimulatedBus,
    height: u64,
    timestamp: TimeMs,
    queue: Vec<SignedCommand>,
}

pub(crate) fn cast(role: Role, power_w: i64, price_micro_per_kwh: i64) -> Cast {
    Cast { role, power_w, price_micro_per_kwh, outage: None }
}

pub(crate) fn key(member: u16) -> ed25519::PrivateKey {
    ed25519::PrivateKey::from_seed(u64::from(member) + 1)
}

impl Market {
    pub(crate) fn new(casts: Vec<Cast>) -> Self {
        let genesis = genesis(&casts);
        assert_eq!(genesis.check(), Ok(()));
        let mut market = Self {
            state: MemoryState::default(),
            agents: Vec::new(),
            events: Vec::new(),
            chain: genesis.chain_id(),
            bus: SimulatedBus::default(),
            height: 1,
            timestamp: TimeMs(0),
            queue: Vec::new(),
            casts,
        };
        market.agents =
            (0..market.casts.len()).map(|id| market.agent(id, Box::new(Honest))).collect();
        let group = Group { key: [0; 96], polynomial: Blob::default() };
        let birth = Block {
            height: 1,
            view: 1,
            timestamp: TimeMs(0),
            seeds: Bounded::default(),
            payload: Payload::Genesis { genesis, group },
        };
        market.state.advance(&birth);
        for id in 0..market.agents.len() {
            market.resume(id);
        }
        market
    }

    /// An agent of member `id` that knows nothing yet.
    pub(crate) fn agent(&self, id: usize, builder: Box<dyn Builder>) -> Agent {
        let cast = self.casts[id].clone();
        let member = MemberId(u16::try_from(id).unwrap());
        let kind = match cast.role {
            Role::Tenant => PlantKind::Load,
            Role::Utility => PlantKind::Tie,
            _ => PlantKind::Source,
        };
        let capacity = BTreeMap::from([(TimeS(0), Watts(cast.power_w))]);
        let outages = cast.outage.clone().into_iter().collect();
        let device = self.bus.connect(member, Plant { kind, capacity, outages });
        let roles = self.casts.iter().enumerate();
        let roles =
            roles.map(|(id, cast)| (MemberId(u16::try_from(id).unwrap()), cast.role)).collect();
        let identity = Identity {
            chain: self.chain,
            member,
            key: key(member.0),
            roles: Arc::new(roles),
            price_cap: Price(1_000_000),
        };
        Agent::new(identity, Box::new(cast), builder, Box::new(device))
    }

    /// Tells agent `id` where the chain stands.
    pub(crate) fn resume(&mut self, id: usize) {
        let member = self.agents[id].member();
        let survey = survey(&self.state, member).unwrap().expect("block 1 is applied");
        let commands = self.agents[id].resume(&survey);
        self.queue.extend(commands);
    }

    /// One block, `step_ms` of wall time later.
    pub(crate) fn step(&mut self, step_ms: u64) -> &[Event] {
        self.height += 1;
        self.timestamp.0 += step_ms;
        let view = self.height * 2;
        let wanted = agenda(&self.state).unwrap().seeds;
        let seeds = wanted.into_iter().filter(|wanted| *wanted < view).map(|view| {
            let mut signature = [0; 48];
            signature[..32].copy_from_slice(&Sha256::hash(&[&view.encode()]).0);
            Seed { view, signature }
        });
        let commands: Vec<SignedCommand> = std::mem::take(&mut self.queue);
        let block = Block {
            height: self.height,
            view,
            timestamp: self.timestamp,
            seeds: Bounded::new(seeds.collect()).unwrap(),
            payload: Payload::Commands { commands: Bounded::new(commands.clone()).unwrap() },
        };
        let outcome = self.state.advance(&block);
        let observed = Observed {
            height: self.height,
            now: TimeS(self.timestamp.0 / 10),
            events: &outcome.events,
            commands: &commands,
        };
        for agent in &mut self.agents {
            let member = agent.member();
            for receipt in outcome
                .receipts
                .iter()
                .filter(|receipt| receipt.member == member && receipt.used_nonce())
            {
                agent.confirm(receipt.nonce, receipt.id);
            }
            self.queue.extend(agent.observe(&observed));
        }
        let from = self.events.len();
        self.events.extend(outcome.events);
        &self.events[from..]
    }

    pub(crate) fn run(&mut self, blocks: u64) {
        for _ in 0..blocks {
            self.step(200);
        }
    }
}

/// Three gates of 100 s at 100 ledger seconds a wall second.
fn genesis(casts: &[Cast]) -> Genesis {
    let members = casts.iter().enumerate().map(|(id, cast)| {
        let id = u16::try_from(id).unwrap();
        GenesisMember {
            name: Label::new(format!("m{id}")).unwrap(),
            role: cast.role,
            class: Label::default(),
            owner: OwnerId(id),
            key: key(id).public_key(),
            stake: 1_000,
            deposit: Money(1_000_000),
        }
    });
    let validators = (0..4u16).map(|member| Validator {
        member,
        key: ed25519::PrivateKey::from_seed(100 + u64::from(member)).public_key(),
    });
    Genesis {
        label: Label::new("test").unwrap(),
        clock: Clock { ledger_start: TimeS(0), wall_start: TimeMs(0), speed: 100, drift_ms: 1_000 },
        market: Rhythm {
            kind: GateKind::default(),
            first_start: TimeS(400),
            interval_s: 100,
            period_s: 100,
            gates: 3,
            open_lead_s: 380,
            close_lead_s: 200,
            meter_lag_s: 100,
            price_cap: Price(1_000_000),
        },
        trust: Trust {
            beacon_offset: 3,
            seats: 3,
            commit_window: 4,
            reveal_window: 4,
            index_start_ppm: 100_000,
            wager_min_ppm: 50_000,
            token_value: Money(1_000),
            significance_floor: Money(100_000),
            significance_ref: Money(1_000_000),
            fee_ppm: 1_000,
            epsilon_ppb: 100_000,
            alpha_ppm: 20_000,
            beta_worse_ppm: 200_000,
            beta_false_ppm: 500_000,
        },
        thresholds: Thresholds { gap_ppb: 1_000_000, price_rise_ppm: 0, energy_loss_ppm: 20_000 },
        carbon: CarbonPolicy::default(),
        validators: Bounded::new(validators.collect()).unwrap(),
        members: Bounded::new(members.collect()).unwrap(),
    }
}
