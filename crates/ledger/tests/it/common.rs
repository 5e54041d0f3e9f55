//! A world to test in: genesis with real keys, a state in memory, and blocks at chosen times.
//!
//! Every block is applied twice, once by a loader that knows only what it was asked for, and after every block
//! money, trust tokens, wagers and energy must add up.

use commonware_cryptography::{Hasher as _, Sha256, Signer as _, ed25519};
use gridaccord_dispatch::{Answer, Outcome as Cleared, Problem, Resource, Setting, State, merit};
use gridaccord_ledger::{
    Block, BodyId, Command, Digest, Event, Genesis, Key, Lookup, Missing, Outcome, Payload, Read,
    Receipt, Record, Refusal, Role, Seed, SignedCommand, agenda, apply,
    command::commitment,
    gate::{Failure, Gate, Phase, Seat},
    genesis::{
        CarbonPolicy, Clock, GateKind, GenesisMember, Group, Market, Thresholds, Trust, Validator,
    },
    memory::MemoryState,
    records::{Account, Head, Member, Owner, Part, Pot, PotName, Roster, key},
    sealed::{self, SealedPart, Stage},
};
use gridaccord_model::{
    Block as Step, CostCurve, GateId, Joules, MemberId, Money, Need, Offer, OwnerId, Price, Tier,
    TimeMs, TimeS, Watts,
    codec::{Blob, Bounded, Label},
};
use std::collections::{BTreeMap, BTreeSet};

/// Ledger time at which the first interval of [`genesis`] starts.
pub(crate) const START: u64 = 1_000_600;
/// Rounds of loading that an engine grants.
pub(crate) const ROUNDS_MAX: usize = 16;

// Members of `genesis`, by position.
pub(crate) const SOLAR: u16 = 0;
pub(crate) const GAS: u16 = 1;
pub(crate) const BATTERY: u16 = 2;
pub(crate) const CAMPUS: u16 = 3;
pub(crate) const TENANT: u16 = 4;
pub(crate) const GUEST: u16 = 5;
pub(crate) const UTILITY: u16 = 6;
pub(crate) const AUDITOR: u16 = 7;
pub(crate) const CERTIFIER: u16 = 8;
pub(crate) const AUTHORITY: u16 = 9;

const CAST: [(&str, Role); 10] = [
    ("solar", Role::Supplier),
    ("gas", Role::Supplier),
    ("battery", Role::StorageOwner),
    ("campus", Role::Campus),
    ("tenant", Role::Tenant),
    ("guest", Role::Tenant),
    ("utility", Role::Utility),
    ("auditor", Role::Auditor),
    ("certifier", Role::Certifier),
    ("authority", Role::Authority),
];

pub(crate) fn private_key(seed: u64) -> ed25519::PrivateKey {
    ed25519::PrivateKey::from_seed(seed)
}

pub(crate) fn member(name: &str, role: Role, owner: u16, seed: u64) -> GenesisMember {
    GenesisMember {
        name: Label::new(name).unwrap(),
        role,
        class: Label::default(),
        owner: OwnerId(owner),
        key: private_key(seed).public_key(),
        stake: 10_000,
        deposit: Money(1_000_000_000),
    }
}

/// A genesis of these members, each its own owner; the first four run validators.
pub(crate) fn genesis_of(cast: &[(&str, Role)]) -> Genesis {
    let members: Vec<GenesisMember> = (0u16..)
        .zip(cast)
        .map(|(id, (name, role))| member(name, *role, id, u64::from(id)))
        .collect();
    let validators = (0..4)
        .map(|member| Validator {
            member,
            key: private_key(10_000 + u64::from(member)).public_key(),
        })
        .collect();
    Genesis {
        label: Label::new("test").unwrap(),
        clock: Clock {
            ledger_start: TimeS(START - 600),
            wall_start: TimeMs(0),
            speed: 1,
            drift_ms: 500,
        },
        market: Market {
            kind: GateKind::default(),
            first_start: TimeS(START),
            interval_s: 300,
            period_s: 300,
            gates: 0,
            open_lead_s: 300,
            close_lead_s: 60,
            meter_lag_s: 60,
            price_cap: Price(1_000_000),
        },
        trust: Trust {
            beacon_offset: 3,
            seats: 3,
            commit_window: 3,
            reveal_window: 3,
            index_start_ppm: 100_000,
            wager_min_ppm: 50_000,
            token_value: Money(1_000),
            significance_floor: Money(1_000_000),
            significance_ref: Money(10_000_000),
            fee_ppm: 1_000,
            epsilon_ppb: 100_000,
            alpha_ppm: 20_000,
            beta_worse_ppm: 20_000,
            beta_false_ppm: 500_000,
        },
        thresholds: Thresholds { gap_ppb: 1_000_000, price_rise_ppm: 0, energy_loss_ppm: 20_000 },
        carbon: CarbonPolicy::default(),
        validators: Bounded::new(validators).unwrap(),
        members: Bounded::new(members).unwrap(),
    }
}

pub(crate) fn genesis() -> Genesis {
    genesis_of(&CAST)
}

/// Blocks of (W, µ/kWh) from `power_min` upward.
pub(crate) fn blocks(power_min: i64, steps: &[(i64, i64)]) -> Offer {
    let width: i64 = steps.iter().map(|(power, _)| power).sum();
    let steps =
        steps.iter().map(|(power, price)| Step { power: Watts(*power), price: Price(*price) });
    Offer {
        power_min: Watts(power_min),
        power_max: Watts(power_min + width),
        cost: CostCurve::Blocks { blocks: Bounded::new(steps.collect()).unwrap() },
    }
}

pub(crate) fn need(firm: i64, tiers: &[(i64, i64)]) -> Need {
    let tiers =
        tiers.iter().map(|(power, value)| Tier { power: Watts(*power), value: Price(*value) });
    Need { firm: Watts(firm), sheddable: Bounded::new(tiers.collect()).unwrap() }
}

/// A state that admits to nothing but what its caller loaded.
pub(crate) struct Lazy<'a> {
    whole: &'a MemoryState,
    keys: BTreeSet<Key>,
    bodies: BTreeSet<BodyId>,
}

impl Read for Lazy<'_> {
    fn record(&self, key: &Key) -> Lookup<&Record> {
        if self.keys.contains(key) { self.whole.record(key) } else { Lookup::Unknown }
    }

    fn body(&self, id: &BodyId) -> Lookup<&[u8]> {
        if self.bodies.contains(id) { self.whole.body(id) } else { Lookup::Unknown }
    }
}

/// Calls `step` until it asks for nothing more; counts the calls.
pub(crate) fn lazily<T>(
    whole: &MemoryState,
    step: impl Fn(&Lazy<'_>) -> Result<T, Missing>,
) -> (T, usize) {
    let mut lazy = Lazy { whole, keys: BTreeSet::new(), bodies: BTreeSet::new() };
    for round in 1..=1_000 {
        match step(&lazy) {
            Ok(value) => return (value, round),
            Err(missing) => {
                assert_ne!(missing, Missing::default(), "asks for nothing, yet does not finish");
                assert!(missing.keys.is_disjoint(&lazy.keys), "asks twice for one record");
                assert!(missing.bodies.is_disjoint(&lazy.bodies), "asks twice for one body");
                lazy.keys.extend(missing.keys);
                lazy.bodies.extend(missing.bodies);
            }
        }
    }
    panic!("never finishes");
}

/// A chain of one.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) genesis: Genesis,
    pub(crate) chain: Digest,
    pub(crate) state: MemoryState,
    pub(crate) keys: Vec<ed25519::PrivateKey>,
    pub(crate) log: Vec<Block>,
    /// Blocks bring the seeds that gates wait for.
    pub(crate) beacon: bool,
    /// Most rounds of loading that any block took.
    pub(crate) rounds: usize,
    height: u64,
    now: u64,
    money: i128,
    tokens: i128,
    energy: i128,
}

impl World {
    pub(crate) fn new(genesis: Genesis) -> Self {
        genesis.check().unwrap();
        let keys = (0..genesis.members.len()).map(|id| private_key(id as u64)).collect();
        let mut world = Self {
            chain: genesis.chain_id(),
            state: MemoryState::default(),
            keys,
            log: Vec::new(),
            beacon: true,
            rounds: 0,
            height: 0,
            now: genesis.clock.ledger_start.0,
            money: 0,
            tokens: 0,
            energy: 0,
            genesis,
        };
        let group = Group { key: [7; 96], polynomial: Blob::new(vec![1, 2, 3]).unwrap() };
        let payload = Payload::Genesis { genesis: world.genesis.clone(), group };
        let block = world.next_block(payload);
        world.state.advance(&block);
        world.log.push(block);
        (world.money, world.tokens, _) = world.totals();
        world
    }

    /// Sets ledger time for the blocks to come.
    pub(crate) fn at(&mut self, now: u64) -> &mut Self {
        self.now = now;
        self
    }

    pub(crate) fn next_block(&mut self, payload: Payload) -> Block {
        self.height += 1;
        let waited = if self.beacon { agenda(&self.state).unwrap().seeds } else { Vec::new() };
        let view = self.height * 10;
        let views: BTreeSet<u64> = waited.into_iter().filter(|wanted| *wanted < view).collect();
        let seeds = views.into_iter().map(seed_of).collect();
        Block {
            height: self.height,
            view,
            timestamp: self.genesis.clock.wall(TimeS(self.now)),
            seeds: Bounded::new(seeds).unwrap(),
            payload,
        }
    }

    /// A block of signed commands, applied; its sums checked.
    pub(crate) fn signed(&mut self, commands: Vec<SignedCommand>) -> Outcome {
        let payload = Payload::Commands { commands: Bounded::new(commands).unwrap() };
        let block = self.next_block(payload);
        let (outcome, rounds) = lazily(&self.state, |lazy| apply(lazy, &block));
        self.rounds = self.rounds.max(rounds);
        assert!(rounds <= ROUNDS_MAX, "{rounds} rounds for block {}", block.height);
        assert_eq!(self.state.advance(&block), outcome);
        self.log.push(block);
        let (_, rounds) = lazily(&self.state, |lazy| agenda(lazy));
        assert!(rounds <= 4, "{rounds} rounds for the agenda");
        self.check_sums(&outcome);
        outcome
    }

    /// Signs commands in order and applies them in one block.
    pub(crate) fn block(&mut self, commands: Vec<(u16, Command)>) -> Outcome {
        let mut nonces: BTreeMap<u16, u64> = BTreeMap::new();
        let signed = commands
            .into_iter()
            .map(|(author, command)| {
                let nonce = nonces
                    .entry(author)
                    .or_insert_with(|| self.member(author).map_or(0, |member| member.nonce));
                *nonce += 1;
                self.sign(author, *nonce - 1, command)
            })
            .collect();
        self.signed(signed)
    }

    /// Like [`World::block`], for commands that must all be taken.
    pub(crate) fn take(&mut self, commands: Vec<(u16, Command)>) -> Outcome {
        let outcome = self.block(commands);
        for receipt in &outcome.receipts {
            assert_eq!(receipt.result, Ok(()), "{receipt:?}");
        }
        outcome
    }

    pub(crate) fn sign(&self, author: u16, nonce: u64, command: Command) -> SignedCommand {
        let key = self.keys.get(usize::from(author)).unwrap_or(&self.keys[0]);
        SignedCommand::sign(&self.chain, key, MemberId(author), nonce, command)
    }

    pub(crate) fn member(&self, id: u16) -> Option<Member> {
        self.state.find(&key::member(MemberId(id)))
    }

    pub(crate) fn account(&self, id: u16) -> Account {
        self.state.find(&key::account(MemberId(id))).unwrap()
    }

    pub(crate) fn index(&self, owner: u16) -> u32 {
        self.state.find::<Owner>(&key::owner(OwnerId(owner))).unwrap().index_ppm
    }

    pub(crate) fn pot(&self, name: PotName) -> Pot {
        self.state.find(&key::pot(name)).unwrap()
    }

    pub(crate) fn head(&self) -> Head {
        self.state.find(&key::head()).unwrap()
    }

    pub(crate) fn gate(&self, id: u64) -> Gate {
        self.state.find(&key::gate(GateId(id))).unwrap()
    }

    pub(crate) fn phase(&self, id: u64) -> &'static str {
        self.gate(id).phase.name()
    }

    pub(crate) fn part(&self, gate: u64, id: u16) -> Option<Part> {
        self.state.find(&key::part(GateId(gate), MemberId(id)))
    }

    /// Everybody's part in a gate, in order of entry.
    pub(crate) fn parts(&self, gate: u64) -> Vec<(u16, Part)> {
        let mut parts = Vec::new();
        for page in 0u16.. {
            let Some(roster) = self.state.find::<Roster>(&key::roster(GateId(gate), page)) else {
                return parts;
            };
            parts.extend(roster.members.iter().map(|id| (id.0, self.part(gate, id.0).unwrap())));
        }
        unreachable!("a roster has few pages");
    }

    pub(crate) fn seats(&self, gate: u64) -> Vec<Seat> {
        let seat = |position| self.state.find::<Seat>(&key::seat(GateId(gate), position));
        (0u16..64).map_while(seat).collect()
    }

    /// Members in seat order.
    pub(crate) fn builders(&self, gate: u64) -> Vec<u16> {
        self.seats(gate).iter().map(|seat| seat.member.0).collect()
    }

    /// The problem of a gate, built from state alone as a builder would.
    pub(crate) fn problem(&self, gate: u64) -> Problem {
        let (mut resources, mut needs) = (Vec::new(), Vec::new());
        for (id, part) in self.parts(gate) {
            let member = MemberId(id);
            if let Some(body) = part.offer {
                let Lookup::Present(bytes) = self.state.body(&body) else {
                    panic!("no body of an offer")
                };
                let offer =
                    commonware_codec::DecodeExt::<()>::decode(commonware_codec::Copying(bytes))
                        .unwrap();
                let utility = self.member(id).unwrap().role == Role::Utility;
                let default_state = if utility { State::Unity } else { State::Retreat };
                resources.push(Resource { member, default_state, offer });
            }
            needs.extend(part.need.map(|need| (member, need)));
        }
        let setting = Setting {
            duration_s: self.genesis.market.interval_s,
            price_cap: self.genesis.market.price_cap,
            island: false,
        };
        Problem::new(setting, resources, needs).unwrap()
    }

    /// The exact optimum of a gate.
    pub(crate) fn optimum(&self, gate: u64) -> Answer {
        match merit::clear(&self.problem(gate)) {
            Cleared::Optimal(answer) => answer,
            Cleared::Infeasible(imbalance) => panic!("infeasible: {imbalance}"),
        }
    }

    pub(crate) fn commit(&self, gate: u64, builder: u16, answer: &[u8]) -> (u16, Command) {
        let commitment =
            commitment(&self.chain, GateId(gate), MemberId(builder), &salt(builder), answer);
        (builder, Command::Commit { gate: GateId(gate), commitment })
    }

    /// Empty blocks until the gate is in `phase`, at most a dozen.
    pub(crate) fn until(&mut self, gate: u64, phase: &str) -> Outcome {
        for _ in 0..12 {
            let outcome = self.block(vec![]);
            if self.phase(gate) == phase {
                return outcome;
            }
        }
        panic!("gate {gate} is {}, not {phase}", self.phase(gate));
    }

    /// Commits and reveals these answers, one block each; the gate must be drawn.
    pub(crate) fn build(&mut self, gate: u64, answers: &[(u16, Vec<u8>)]) -> Outcome {
        let commits =
            answers.iter().map(|(builder, answer)| self.commit(gate, *builder, answer)).collect();
        self.take(commits);
        if self.phase(gate) == "drawn" {
            self.until(gate, "committed");
        }
        let reveals =
            answers.iter().map(|(builder, answer)| reveal(gate, *builder, answer)).collect();
        self.take(reveals)
    }

    fn totals(&self) -> (i128, i128, i128) {
        let accounts: Vec<Account> =
            (0u16..).take(self.genesis.members.len()).map(|id| self.account(id)).collect();
        let pots = [PotName::Remainder, PotName::Losses, PotName::Slashed].map(|pot| self.pot(pot));
        let money = |sum: i128, money: Money| sum + i128::from(money.0);
        let held = accounts.iter().map(|account| account.balance).fold(0, money);
        let tokens = accounts.iter().map(|account| i128::from(account.stake)).sum::<i128>();
        let energy = accounts
            .iter()
            .map(|account| i128::from(account.injected.0) - i128::from(account.absorbed.0));
        (
            pots.iter().map(|pot| pot.balance).fold(held, money),
            tokens + pots.iter().map(|pot| i128::from(pot.tokens)).sum::<i128>(),
            energy.sum(),
        )
    }

    /// Money and tokens are constant, energy is what the lines say, and what is held is what live gates hold.
    fn check_sums(&mut self, outcome: &Outcome) {
        for event in &outcome.events {
            if let Event::Billed { line, .. } = event {
                self.energy += i128::from(line.energy.0);
            }
        }
        assert_eq!(self.totals(), (self.money, self.tokens, self.energy));
        let mut held: BTreeMap<u16, u64> = BTreeMap::new();
        for gate in self.head().live_gates() {
            match self.gate(gate.0).phase {
                Phase::Open { .. } | Phase::Closed { .. } => {
                    for (id, part) in self.parts(gate.0) {
                        *held.entry(id).or_default() += part.wager;
                    }
                }
                Phase::Drawn { .. } | Phase::Committed { .. } => {
                    for seat in self.seats(gate.0) {
                        *held.entry(seat.member.0).or_default() += seat.wager;
                    }
                }
                Phase::Sealed { stage: Stage::Opening { .. } } => {
                    for seat in self.seats(gate.0) {
                        *held.entry(seat.member.0).or_default() += seat.wager;
                    }
                }
                _ => {}
            }
            for id in (0u16..).take(self.genesis.members.len()) {
                let part = sealed::key::part(gate, MemberId(id));
                if let Some(part) = self.state.find::<SealedPart>(&part) {
                    *held.entry(id).or_default() += u64::from(part.bond);
                }
            }
        }
        for id in (0u16..).take(self.genesis.members.len()) {
            let account = self.account(id);
            assert_eq!(account.held, held.get(&id).copied().unwrap_or(0), "held of {id}");
            assert!(account.held <= account.stake, "member {id} holds more than it has");
        }
    }
}

pub(crate) fn seed_of(view: u64) -> Seed {
    let mut signature = [0; 48];
    signature[..32].copy_from_slice(&Sha256::hash(&[&view.to_be_bytes()]).0);
    Seed { view, signature }
}

pub(crate) fn salt(builder: u16) -> [u8; 32] {
    [builder.to_be_bytes()[1].wrapping_add(1); 32]
}

pub(crate) fn offer(gate: u64, author: u16, offer: Offer) -> (u16, Command) {
    (author, Command::Offer { gate: GateId(gate), offer })
}

pub(crate) fn need_of(gate: u64, author: u16, need: Need) -> (u16, Command) {
    (author, Command::Need { gate: GateId(gate), need })
}

pub(crate) fn wager(gate: u64, author: u16, tokens: u64) -> (u16, Command) {
    (author, Command::Wager { gate: GateId(gate), tokens })
}

pub(crate) fn reveal(gate: u64, builder: u16, answer: &[u8]) -> (u16, Command) {
    relay(gate, builder, builder, answer)
}

/// A reveal of `builder`'s answer by another.
pub(crate) fn relay(gate: u64, author: u16, builder: u16, answer: &[u8]) -> (u16, Command) {
    let answer = Blob::new(answer.to_vec()).unwrap();
    let (gate, builder, salt) = (GateId(gate), MemberId(builder), salt(builder));
    (author, Command::Reveal { gate, builder, salt, answer })
}

pub(crate) fn reading(gate: u64, author: u16, injected: i64, absorbed: i64) -> (u16, Command) {
    let (injected, absorbed) = (Joules(injected), Joules(absorbed));
    (author, Command::Reading { gate: GateId(gate), injected, absorbed })
}

pub(crate) fn results(outcome: &Outcome) -> Vec<Result<(), Refusal>> {
    outcome.receipts.iter().map(|Receipt { result, .. }| *result).collect()
}

pub(crate) fn failure(outcome: &Outcome) -> Option<Failure> {
    outcome.events.iter().find_map(|event| match event {
        Event::Failed { reason, .. } => Some(*reason),
        _ => None,
    })
}

/// Solar 100 kW at 50,000, gas 100 kW at 80,000, utility 200 kW at 120,000 µ/kWh; tenant 90 kW firm, guest
/// 60 kW firm and 20 kW worth 60,000. Solar, gas and auditor wager.
pub(crate) fn fill(world: &mut World, gate: u64) {
    let offers = vec![
        offer(gate, SOLAR, blocks(0, &[(100_000, 50_000)])),
        offer(gate, GAS, blocks(0, &[(100_000, 80_000)])),
        offer(gate, UTILITY, blocks(0, &[(200_000, 120_000)])),
        need_of(gate, TENANT, need(90_000, &[])),
        need_of(gate, GUEST, need(60_000, &[(20_000, 60_000)])),
        wager(gate, SOLAR, 100),
        wager(gate, GAS, 100),
        wager(gate, AUDITOR, 100),
    ];
    world.take(offers);
}

/// A world whose gate 0 is open and filled; the first interval starts at [`START`].
pub(crate) fn filled(genesis: Genesis) -> World {
    let mut world = World::new(genesis);
    world.at(START - 290).block(vec![]);
    fill(&mut world, 0);
    world
}

/// Closes gate 0 and draws its builders.
pub(crate) fn drawn(genesis: Genesis) -> World {
    let mut world = filled(genesis);
    world.at(START - 60).block(vec![]);
    assert_eq!(world.phase(0), "closed");
    world.until(0, "drawn");
    world
}

/// Gate 0 dispatched by the exact optimum; ledger time is the interval's start.
pub(crate) fn dispatched(genesis: Genesis) -> World {
    let mut world = drawn(genesis);
    let answer = world.optimum(0).to_bytes().to_vec();
    let answers: Vec<_> =
        world.builders(0).into_iter().map(|builder| (builder, answer.clone())).collect();
    world.build(0, &answers);
    assert_eq!(world.phase(0), "decided");
    world.at(START).block(vec![]);
    assert_eq!(world.phase(0), "dispatched");
    world
}
