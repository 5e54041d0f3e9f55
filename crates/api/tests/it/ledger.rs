//! A node of one: the ledger in memory behind the interface's port. Submitted commands become a block at once, or
//! wait for [`Node::block`] where the test asks for it.

use bytes::Bytes;
use commonware_codec::Encode as _;
use commonware_cryptography::{Hasher as _, Sha256, Signer as _, ed25519};
use futures::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::BoxStream};
use gridaccord_api::{FinalizedBlock, NodeStatus, Port, Proof, Readiness, SubmitCode, SubmitError};
use gridaccord_dispatch::{Answer, Outcome as Cleared, Problem, Resource, Setting, State, merit};
use gridaccord_ledger::{
    Block, BodyId, Command, Digest, Genesis, Key, Lookup, Payload, Read as _, Record, Role, Seed,
    SignedCommand, agenda,
    command::commitment,
    gate::{Gate, Seat},
    genesis::{
        CarbonPolicy, Clock, GateKind, GenesisMember, Group, Market, Thresholds, Trust, Validator,
    },
    memory::MemoryState,
    records::{Member, Part, key},
};
use gridaccord_model::{
    Block as Step, CostCurve, GateId, Joules, MemberId, Money, Need, Offer, OwnerId, Price, TimeMs,
    TimeS, Watts,
    codec::{Blob, Bounded, Label},
};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::mpsc;

/// Ledger time at which the first interval starts.
pub(crate) const START: u64 = 1_000_600;
/// Commands that the mempool of this node holds.
pub(crate) const MEMPOOL_MAX: usize = 4;

pub(crate) const SOLAR: u16 = 0;
pub(crate) const TENANT: u16 = 1;
pub(crate) const UTILITY: u16 = 2;
pub(crate) const AUDITOR: u16 = 3;

const CAST: [(&str, Role); 4] = [
    ("solar", Role::Supplier),
    ("tenant", Role::Tenant),
    ("utility", Role::Utility),
    ("auditor", Role::Auditor),
];

fn private_key(seed: u16) -> ed25519::PrivateKey {
    ed25519::PrivateKey::from_seed(u64::from(seed))
}

pub(crate) fn genesis() -> Genesis {
    let members = (0u16..).zip(CAST).map(|(id, (name, role))| GenesisMember {
        name: Label::new(name).unwrap(),
        role,
        class: Label::default(),
        owner: OwnerId(id),
        key: private_key(id).public_key(),
        stake: 10_000,
        deposit: Money(1_000_000_000),
    });
    let validators = (0..4)
        .map(|member| Validator { member, key: private_key(10_000 + member).public_key() })
        .collect();
    Genesis {
        label: Label::new("test").unwrap(),
        clock: Clock {
            ledger_start: TimeS(START - 600),
            wall_start: TimeMs(1_700_000_000_000),
            speed: 1,
            drift_ms: 500,
        },
        market: Market {
            kind: GateKind::default(),
            first_start: TimeS(START),
            interval_s: 300,
            period_s: 300,
            gates: 1,
            open_lead_s: 300,
            close_lead_s: 60,
            meter_lag_s: 60,
            price_cap: Price(1_000_000),
        },
        trust: Trust {
            beacon_offset: 3,
            seats: 2,
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
        members: Bounded::new(members.collect()).unwrap(),
    }
}

struct Inner {
    state: MemoryState,
    blocks: Vec<FinalizedBlock>,
    now: u64,
    waiting: Vec<SignedCommand>,
    subscribers: Vec<mpsc::UnboundedSender<FinalizedBlock>>,
    /// Commands wait for [`Node::block`].
    hold: bool,
    not_ready: Option<String>,
    /// No certificate of the latest state.
    unproven: bool,
    /// Outcomes of blocks up to here are forgotten.
    forgotten: u64,
}

/// A node of one.
pub(crate) struct Node {
    pub(crate) genesis: Genesis,
    pub(crate) chain: Digest,
    inner: Mutex<Inner>,
}

impl Node {
    /// A node whose chain has its genesis block.
    pub(crate) fn new() -> Arc<Self> {
        let genesis = genesis();
        genesis.check().unwrap();
        let inner = Inner {
            state: MemoryState::default(),
            blocks: Vec::new(),
            now: genesis.clock.ledger_start.0,
            waiting: Vec::new(),
            subscribers: Vec::new(),
            hold: false,
            not_ready: None,
            unproven: false,
            forgotten: 0,
        };
        let node = Self { chain: genesis.chain_id(), inner: Mutex::new(inner), genesis };
        let group = Group { key: [7; 96], polynomial: Blob::new(vec![1, 2, 3]).unwrap() };
        node.apply(&mut node.inner(), Payload::Genesis { genesis: node.genesis.clone(), group });
        Arc::new(node)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    pub(crate) fn hold(&self, hold: bool) {
        self.inner().hold = hold;
    }

    pub(crate) fn set_not_ready(&self, reason: Option<&str>) {
        self.inner().not_ready = reason.map(Into::into);
    }

    pub(crate) fn set_unproven(&self, unproven: bool) {
        self.inner().unproven = unproven;
    }

    pub(crate) fn forget(&self, height: u64) {
        self.inner().forgotten = height;
    }

    /// Ends all subscriptions, as the engine does with one that lags.
    pub(crate) fn end_subscriptions(&self) {
        self.inner().subscribers.clear();
    }

    /// Sets ledger time for the blocks to come.
    pub(crate) fn at(&self, now: u64) -> &Self {
        self.inner().now = now;
        self
    }

    /// A block of all that waits and of these commands, signed in order.
    pub(crate) fn block(&self, commands: Vec<(u16, Command)>) {
        for (author, command) in commands {
            let signed = self.sign(author, command);
            self.inner().waiting.push(signed);
        }
        let mut inner = self.inner();
        let waiting = std::mem::take(&mut inner.waiting);
        self.apply(&mut inner, Payload::Commands { commands: Bounded::new(waiting).unwrap() });
    }

    fn apply(&self, inner: &mut Inner, payload: Payload) {
        let height = inner.blocks.len() as u64 + 1;
        let seeds = agenda(&inner.state).unwrap().seeds.into_iter();
        let seeds = seeds
            .filter(|view| *view < height * 10)
            .map(|view| Seed { view, signature: [view.to_be_bytes()[7]; 48] });
        let block = Block {
            height,
            view: height * 10,
            timestamp: self.genesis.clock.wall(TimeS(inner.now)),
            seeds: Bounded::new(seeds.collect()).unwrap(),
            payload,
        };
        let outcome = inner.state.advance(&block);
        let mut root = Sha256::default();
        for (key, record) in inner.state.records() {
            root.update(&key.0);
            root.update(record.as_bytes());
        }
        let finalized = FinalizedBlock {
            digest: Sha256::hash(&[&block.encode()]),
            state_root: root.finalize().1,
            block: Arc::new(block),
            outcome: Some(Arc::new(outcome)),
            finality_ms: Some(250),
        };
        inner.blocks.push(finalized.clone());
        inner.subscribers.retain(|subscriber| subscriber.send(finalized.clone()).is_ok());
    }

    /// A command of this member, with its next nonce after those that wait.
    pub(crate) fn sign(&self, author: u16, command: Command) -> SignedCommand {
        let inner = self.inner();
        let member = inner.state.find::<Member>(&key::member(MemberId(author)));
        let waiting = inner.waiting.iter().filter(|signed| signed.member.0 == author).count();
        let nonce = member.map_or(0, |member| member.nonce) + waiting as u64;
        SignedCommand::sign(&self.chain, &private_key(author), MemberId(author), nonce, command)
    }

    pub(crate) fn phase(&self, gate: u64) -> &'static str {
        self.inner().state.find::<Gate>(&key::gate(GateId(gate))).unwrap().phase.name()
    }

    fn optimum(&self) -> Answer {
        let inner = self.inner();
        let part = |id: u16| {
            inner.state.find::<Part>(&key::part(GateId(0), MemberId(id))).unwrap_or_default()
        };
        let (mut resources, mut needs) = (Vec::new(), Vec::new());
        for id in 0..4 {
            if let Some(Lookup::Present(bytes)) = part(id).offer.map(|body| inner.state.body(&body))
            {
                let offer =
                    commonware_codec::DecodeExt::<()>::decode(commonware_codec::Copying(bytes));
                resources.push(Resource {
                    member: MemberId(id),
                    default_state: if id == UTILITY { State::Unity } else { State::Retreat },
                    offer: offer.unwrap(),
                });
            }
            needs.extend(part(id).need.map(|need| (MemberId(id), need)));
        }
        let market = &self.genesis.market;
        let setting =
            Setting { duration_s: market.interval_s, price_cap: market.price_cap, island: false };
        match merit::clear(&Problem::new(setting, resources, needs).unwrap()) {
            Cleared::Optimal(answer) => answer,
            Cleared::Infeasible(imbalance) => panic!("{imbalance}"),
        }
    }

    /// Gate 0 from opening to just before its builders are drawn.
    pub(crate) fn fill_gate(&self) {
        self.at(START - 290).block(vec![]);
        self.block(vec![
            (SOLAR, offer(100_000, 50_000)),
            (UTILITY, offer(200_000, 120_000)),
            (TENANT, need(150_000)),
            (SOLAR, wager(100)),
            (AUDITOR, wager(100)),
        ]);
    }

    /// Gate 0, filled, to settlement: 90 kW of solar, which the tenant's meter confirms.
    pub(crate) fn settle_gate(&self) {
        self.at(START - 60).block(vec![]);
        while self.phase(0) != "drawn" {
            self.block(vec![]);
        }
        let answer = self.optimum().to_bytes();
        let seat = |position| {
            self.inner().state.find::<Seat>(&key::seat(GateId(0), position)).unwrap().member
        };
        let builders = [seat(0), seat(1)];
        let salt = [7; 32];
        let commit = builders.map(|builder| {
            let commitment = commitment(&self.chain, GateId(0), builder, &salt, &answer);
            (builder.0, Command::Commit { gate: GateId(0), commitment })
        });
        self.block(commit.into());
        let reveal = builders.map(|builder| {
            let answer = Blob::new(answer.clone()).unwrap();
            (builder.0, Command::Reveal { gate: GateId(0), builder, salt, answer })
        });
        self.block(reveal.into());
        assert_eq!(self.phase(0), "decided");
        self.at(START).block(vec![]);
        let readings = [(SOLAR, 100_000, 0), (UTILITY, 50_000, 0), (TENANT, 0, 150_000)].map(
            |(member, injected_w, absorbed_w)| {
                let injected = Joules(injected_w * 300);
                let absorbed = Joules(absorbed_w * 300);
                (member, Command::Reading { gate: GateId(0), injected, absorbed })
            },
        );
        self.at(START + 300).block(readings.into());
        while self.phase(0) != "settled" {
            self.at(START + 360).block(vec![]);
        }
    }
}

pub(crate) fn offer(power: i64, price: i64) -> Command {
    let step = Step { power: Watts(power), price: Price(price) };
    let cost = CostCurve::Blocks { blocks: Bounded::new(vec![step]).unwrap() };
    let offer = Offer { power_min: Watts(0), power_max: Watts(power), cost };
    Command::Offer { gate: GateId(0), offer }
}

pub(crate) fn need(firm: i64) -> Command {
    let need = Need { firm: Watts(firm), sheddable: Bounded::default() };
    Command::Need { gate: GateId(0), need }
}

pub(crate) fn wager(tokens: u64) -> Command {
    Command::Wager { gate: GateId(0), tokens }
}

impl Port for Node {
    fn submit(&self, command: SignedCommand) -> BoxFuture<'_, Result<Digest, SubmitError>> {
        let refuse = |code, message: String| Err(SubmitError { code, message });
        let mut inner = self.inner();
        let id = command.id();
        let author = inner.state.find::<Member>(&key::member(command.member));
        let result = match author {
            None => {
                refuse(SubmitCode::MemberUnknown, format!("member {} is unknown", command.member))
            }
            Some(author) if !command.verify(&self.chain, &author.key) => {
                refuse(SubmitCode::SignatureInvalid, "signature is not the member's".into())
            }
            Some(_) if inner.hold && inner.waiting.len() >= MEMPOOL_MAX => {
                refuse(SubmitCode::MempoolFull, "too many commands are waiting".into())
            }
            Some(_) => {
                inner.waiting.push(command);
                Ok(id)
            }
        };
        let hold = inner.hold;
        drop(inner);
        if result.is_ok() && !hold {
            self.block(vec![]);
        }
        futures::future::ready(result).boxed()
    }

    fn subscribe(&self) -> BoxStream<'static, FinalizedBlock> {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        self.inner().subscribers.push(sender);
        futures::stream::poll_fn(move |context| receiver.poll_recv(context)).boxed()
    }

    fn record(&self, key: Key) -> BoxFuture<'_, Option<Record>> {
        let record = match self.inner().state.record(&key) {
            Lookup::Present(record) => Some(record.clone()),
            Lookup::Absent | Lookup::Unknown => None,
        };
        futures::future::ready(record).boxed()
    }

    fn body(&self, id: BodyId) -> BoxFuture<'_, Option<Bytes>> {
        let body = match self.inner().state.body(&id) {
            Lookup::Present(bytes) => Some(Bytes::copy_from_slice(bytes)),
            Lookup::Absent | Lookup::Unknown => None,
        };
        futures::future::ready(body).boxed()
    }

    /// Proofs are the engine's; here the bytes only say which key and record they are about.
    fn proof(&self, key: Key) -> BoxFuture<'_, Option<Proof>> {
        async move {
            if self.inner().unproven {
                return None;
            }
            let record = self.record(key).await;
            let bytes = (key, record.clone()).encode();
            Some(Proof { height: self.status().height, record, bytes })
        }
        .boxed()
    }

    fn block(&self, height: u64) -> BoxFuture<'_, Option<FinalizedBlock>> {
        let inner = self.inner();
        let position = usize::try_from(height).unwrap_or(usize::MAX).checked_sub(1);
        let mut found = position.and_then(|position| inner.blocks.get(position).cloned());
        if let Some(block) = found.as_mut().filter(|_| height <= inner.forgotten) {
            block.outcome = None;
        }
        futures::future::ready(found).boxed()
    }

    fn status(&self) -> NodeStatus {
        let inner = self.inner();
        let last = inner.blocks.last().unwrap();
        NodeStatus {
            member: "utility".into(),
            follows: false,
            height: last.block.height,
            view: last.block.view,
            state_root: last.state_root,
            timestamp: last.block.timestamp,
            peers_connected: 3,
            mempool_commands: inner.waiting.len(),
            mempool_bytes: inner.waiting.iter().map(|signed| signed.encode().len()).sum(),
            finality_ms_p50: Some(250),
            finality_ms_p95: None,
        }
    }

    fn readiness(&self) -> Readiness {
        self.inner().not_ready.clone().map_or(Readiness::Ready, Readiness::NotReady)
    }
}
