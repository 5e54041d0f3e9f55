//! A whole market in memory: the real ledger, real agents, a simulated bus, and blocks in a row.

use commonware_codec::Encode as _;
use commonware_cryptography::{Hasher as _, Sha256, Signer as _, ed25519};
use gridaccord_agent::{Agent, Builder, Honest, Identity, Observed, Rulebook, Standing};
use gridaccord_field::{Plant, PlantKind, SimulatedBus, Store};
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
    Block as OfferBlock, CostCurve, GateId, HorizonNeed, HorizonOffer, HorizonPosting, Interval,
    MemberId, Money, Need, Offer, OwnerId, Price, Series, TimeMs, TimeS, Watts,
    codec::{Blob, Bounded, Label},
    horizon::{GeneratorOffer, HorizonTier, StorageOffer, TieOffer},
};
use std::{collections::BTreeMap, ops::Range};

/// One member of the test market.
#[derive(Clone)]
pub(crate) struct Cast {
    pub(crate) role: Role,
    pub(crate) power_w: i64,
    pub(crate) price_micro_per_kwh: i64,
    pub(crate) outage: Option<Range<TimeS>>,
    /// Of a storage.
    pub(crate) storage: Option<StorageOffer>,
    /// Of a tie, by gate, µ-currency per kWh; none in an announced island.
    pub(crate) tariff: Vec<Option<i64>>,
    /// Of a load beside its power: may be shed.
    pub(crate) tier_w: i64,
    /// Of a gate's horizon.
    pub(crate) intervals: u16,
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

    fn posting(
        &self,
        gate: GateId,
        _: Interval,
        standing: &Standing<'_>,
    ) -> Option<HorizonPosting> {
        let flat = |power_w| Series::flat(Watts(power_w), self.intervals);
        let mut posting = HorizonPosting::default();
        match (self.role, self.storage) {
            (Role::Tenant, _) => {
                let tier = HorizonTier { power: flat(self.tier_w), value: Price(500_000) };
                posting.need = Some(HorizonNeed {
                    firm: flat(self.power_w),
                    sheddable: Bounded::new(vec![tier]).unwrap(),
                    shiftable: Bounded::default(),
                });
            }
            (Role::Utility, _) => {
                let tariff = |number: u64| {
                    let number = usize::try_from(number).unwrap();
                    self.tariff[number.min(self.tariff.len() - 1)]
                };
                let numbers = || gate.0..gate.0 + u64::from(self.intervals);
                let power = |number| tariff(number).map_or(Watts(0), |_| Watts(self.power_w));
                let price = |number| Price(tariff(number).unwrap_or(0));
                let tie = TieOffer {
                    import_max: Series::new(numbers().map(power).collect()).unwrap(),
                    export_max: flat(0),
                    tariff: Series::new(numbers().map(price).collect()).unwrap(),
                    feed_in: Series::flat(Price(0), self.intervals),
                    demand_charge: 0,
                };
                posting.offer = Some(HorizonOffer::Tie { tie });
            }
            (_, Some(storage)) => {
                let stored_uwh = standing.stored_uwh(&storage);
                let storage = StorageOffer { stored_uwh, ..storage };
                posting.offer = Some(HorizonOffer::Storage { storage });
            }
            _ => {
                let cost =
                    CostCurve::Quadratic { quadratic: 0, linear: self.price_micro_per_kwh * 1_000 };
                let (power_min, power_max) = (flat(0), flat(self.power_w));
                let generator = GeneratorOffer { power_min, power_max, cost, ramp: None };
                posting.offer = Some(HorizonOffer::Generator { generator });
            }
        }
        Some(posting)
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
    kind: GateKind,
    gates: u32,
    pub(crate) bus: SimulatedBus,
    height: u64,
    timestamp: TimeMs,
    queue: Vec<SignedCommand>,
}

pub(crate) fn cast(role: Role, power_w: i64, price_micro_per_kwh: i64) -> Cast {
    let (storage, tariff) = (None, vec![Some(price_micro_per_kwh)]);
    let outage = None;
    Cast { role, power_w, price_micro_per_kwh, outage, storage, tariff, tier_w: 0, intervals: 0 }
}

pub(crate) fn key(member: u16) -> ed25519::PrivateKey {
    ed25519::PrivateKey::from_seed(u64::from(member) + 1)
}

impl Market {
    /// Three gates of kind *open*.
    pub(crate) fn new(casts: Vec<Cast>) -> Self {
        Self::of_kind(casts, GateKind::default(), 3)
    }

    /// Gates with horizons.
    pub(crate) fn of_horizons(mut casts: Vec<Cast>, intervals: u16, gates: u32) -> Self {
        casts.iter_mut().for_each(|cast| cast.intervals = intervals);
        Self::of_kind(casts, GateKind::Horizon { intervals }, gates)
    }

    fn of_kind(casts: Vec<Cast>, kind: GateKind, gates: u32) -> Self {
        let genesis = genesis(&casts, kind, gates);
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
            kind,
            gates,
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
            _ => cast.storage.map_or(PlantKind::Source, |offer| {
                let store = Store { offer, first: FIRST_START, interval_s: 100, period_s: 100 };
                PlantKind::Storage { store }
            }),
        };
        let capacity = BTreeMap::from([(TimeS(0), Watts(cast.power_w + cast.tier_w))]);
        let islands = (0u64..).zip(&cast.tariff).filter(|(_, tariff)| tariff.is_none());
        let start = |number: u64| TimeS(FIRST_START.0 + number * 100);
        let planned = islands.map(|(number, _)| start(number)..start(number + 1)).collect();
        let outages = cast.outage.clone().into_iter().collect();
        let plant = Plant { outages, planned, ..Plant::new(kind, capacity) };
        let device = self.bus.connect(member, plant);
        let identity =
            Identity::of(&genesis(&self.casts, self.kind, self.gates), member, key(member.0));
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

/// Start of the first interval.
pub(crate) const FIRST_START: TimeS = TimeS(400);

/// Gates of 100 s at 100 ledger seconds a wall second.
fn genesis(casts: &[Cast], kind: GateKind, gates: u32) -> Genesis {
    // A horizon starts from the plan of the gate before, which is decided when its interval starts.
    let (open_lead_s, close_lead_s) = match kind {
        GateKind::Open {} | GateKind::Sealed { .. } => (380, 200),
        GateKind::Horizon { .. } => (280, 100),
    };
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
            kind,
            first_start: FIRST_START,
            interval_s: 100,
            period_s: 100,
            gates,
            open_lead_s,
            close_lead_s,
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
