//! A sealed market: every member with its own secrets, every validator with its own share, one ledger between them.

use crate::it::common::{START, World, member, private_key};
use commonware_cryptography::{Signer as _, ed25519};
use gridaccord_ledger::{
    Command, Event, Genesis, Outcome, Role,
    gate::{Gate, Phase},
    genesis::{CarbonPolicy, Clock, GateKind, GenesisMember, Market, Validator},
    records::key as base,
    sealed::{
        self, Final, Keeper, PotKind, SealedAccount, SealedCommand, SealedDecision, SealedEvent,
        SealedHead, SealedPot, SignedShare, key,
    },
};
use gridaccord_model::{
    GateId, Joules, MemberId, Money, OwnerId, Price, TimeMs, TimeS, Watts,
    codec::{Bounded, Label},
    terms::SealedTerms,
};
use gridaccord_sealed::{
    account::LineSecret,
    curve::{Curve, Limits},
    cycle::{CycleTotals, close_cycle},
    deviation::post_deviation,
    enrolment::Enrolment,
    gate::{Role as BusRole, SumIndex},
    group::{Commitment, Opening, SecretScalar, combine},
    keygen::{Dealing, EpochKey, Receiver},
    limit::{Limit, LimitCertificate, LimitOpenings, SourceClass},
    logarithm::LogTable,
    metering::{SignedBy, read_meter},
    opening::{OpenSum, SealedSum, Share, assemble},
    rehearsal::Offered,
    submission::{Submission, SubmissionSecret, Wallet, seal_curve, seal_firm},
    tariff::MONEY_PER_MICRO,
    transcript::GateFacts,
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use std::{collections::BTreeMap, sync::OnceLock};

pub(crate) const SOLAR: u16 = 0;
pub(crate) const WIND: u16 = 1;
pub(crate) const GAS: u16 = 2;
pub(crate) const BATTERY: u16 = 3;
pub(crate) const CAMPUS: u16 = 4;
pub(crate) const TENANTS: [u16; 4] = [5, 6, 7, 8];
pub(crate) const UTILITY: u16 = 9;
pub(crate) const AUDITOR: u16 = 10;
pub(crate) const CERTIFIER: u16 = 11;
pub(crate) const SUPPLIERS: [u16; 4] = [SOLAR, WIND, GAS, BATTERY];

const CAST: [(&str, Role); 13] = [
    ("solar", Role::Supplier),
    ("wind", Role::Supplier),
    ("gas", Role::Supplier),
    ("battery", Role::StorageOwner),
    ("campus", Role::Campus),
    ("tenant-a", Role::Tenant),
    ("tenant-b", Role::Tenant),
    ("tenant-c", Role::Tenant),
    ("tenant-d", Role::Tenant),
    ("utility", Role::Utility),
    ("auditor", Role::Auditor),
    ("certifier", Role::Certifier),
    ("authority", Role::Authority),
];

/// Members that run validators: four sellers of seven, as many as the threshold of five allows.
pub(crate) const HOLDERS: [u16; 7] = [SOLAR, WIND, GAS, BATTERY, CAMPUS, TENANTS[0], AUDITOR];
pub(crate) const DEPOSIT: i64 = 2_000_000_000;

pub(crate) fn terms() -> SealedTerms {
    SealedTerms {
        price_floor: -50_000,
        feed_in: 60_000,
        retail: 200_000,
        tier_values: [2_000_000, 5_000_000],
        reserve_w: 60_000,
        reserve_price: 10_000,
        penalty_floor: 50_000,
        loss_ppm: 20_000,
        rating_w: 60_000,
        absorb_w: 5_000,
        bond: 100,
        owners_min: 3,
        opener_fee: 1_000,
        epoch_gates: 4,
        cycle_gates: 2,
        key_window: 3,
        cycle_window: 12,
        loss_max_wh: 200,
        grid_forming: MemberId(BATTERY),
    }
}

pub(crate) fn genesis_with(terms: SealedTerms) -> Genesis {
    let members: Vec<GenesisMember> = (0u16..)
        .zip(CAST)
        .map(|(id, (name, role))| GenesisMember {
            deposit: Money(DEPOSIT),
            ..member(name, role, id, u64::from(id))
        })
        .collect();
    let validators = HOLDERS
        .iter()
        .map(|member| Validator { member: *member, key: node_key(*member).public_key() })
        .collect();
    let mut genesis = crate::it::common::genesis();
    genesis.label = Label::new("sealed test").unwrap();
    genesis.clock =
        Clock { ledger_start: TimeS(START - 600), wall_start: TimeMs(0), speed: 1, drift_ms: 500 };
    genesis.market = Market {
        kind: GateKind::Sealed { terms },
        price_cap: Price(10_000_000),
        // One gate after the other, so that each test sees one at a time.
        period_s: 1_200,
        ..genesis.market
    };
    genesis.carbon = CarbonPolicy::default();
    genesis.validators = Bounded::new(validators).unwrap();
    genesis.members = Bounded::new(members).unwrap();
    genesis
}

pub(crate) fn node_key(member: u16) -> ed25519::PrivateKey {
    private_key(10_000 + u64::from(member))
}

pub(crate) fn table() -> &'static LogTable {
    static TABLE: OnceLock<LogTable> = OnceLock::new();
    TABLE.get_or_init(|| LogTable::new(16))
}

pub(crate) fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// A member's secrets.
pub(crate) struct Party {
    pub(crate) limits: Limits,
    pub(crate) openings: LimitOpenings,
    pub(crate) meter: ed25519::PrivateKey,
    pub(crate) balance: Opening,
    /// Per gate: what it posted, and what settlement will make of it.
    pub(crate) curves: BTreeMap<u64, SubmissionSecret>,
    pub(crate) pending: BTreeMap<u64, Settling>,
    /// Its lines of the running cycle: net energy and money.
    pub(crate) cycle: Option<(Opening, Opening)>,
}

/// Openings of a line.
pub(crate) struct Settling {
    pub(crate) net: Opening,
    pub(crate) amount: Opening,
}

pub(crate) struct Bazaar {
    pub(crate) world: World,
    pub(crate) parties: BTreeMap<u16, Party>,
    pub(crate) keepers: Vec<Keeper>,
    pub(crate) secrets: Vec<[u8; 32]>,
    pub(crate) rng: ChaCha20Rng,
    /// Factor on every power.
    pub(crate) scale: i64,
    pub(crate) events: Vec<Event>,
    /// For bills: where each member's last closing was proven, and the opening of its whole credit.
    pub(crate) cycle_places: BTreeMap<u16, GateFacts>,
    pub(crate) wholes: BTreeMap<u16, Opening>,
    total: Commitment,
}

pub(crate) fn limits_of(role: Role) -> Limits {
    let [import, export, reserve] = match role {
        Role::Supplier | Role::Utility => [0, 50_000, 30_000],
        Role::StorageOwner => [20_000, 50_000, 30_000],
        Role::Campus => [30_000, 0, 0],
        _ => [40_000, 0, 0],
    }
    .map(Watts);
    Limits { import, export, reserve }
}

impl Bazaar {
    /// Genesis alone: nobody has enrolled.
    pub(crate) fn bare(terms: SealedTerms, seed: u64) -> Self {
        Self::born(genesis_with(terms), seed)
    }

    /// From a genesis of one's own; a key stands, nobody is certified.
    pub(crate) fn of(genesis: Genesis, seed: u64) -> Self {
        let mut bazaar = Self::born(genesis, seed);
        bazaar.generate(&[]);
        bazaar
    }

    fn born(genesis: Genesis, seed: u64) -> Self {
        let mut rng = rng(seed);
        let world = World::new(genesis);
        let secrets = HOLDERS.iter().map(|_| SecretScalar::random(&mut rng).expose()).collect();
        let mut bazaar = Self {
            world,
            parties: BTreeMap::new(),
            keepers: Vec::new(),
            secrets,
            rng,
            scale: 1,
            events: Vec::new(),
            cycle_places: BTreeMap::new(),
            wholes: BTreeMap::new(),
            total: Commitment::zero(),
        };
        bazaar.total = bazaar.all_money();
        bazaar
    }

    /// A key stands, everybody is certified, and gate 0 is open.
    pub(crate) fn new(seed: u64) -> Self {
        Self::with(terms(), seed)
    }

    pub(crate) fn with(terms: SealedTerms, seed: u64) -> Self {
        let mut bazaar = Self::bare(terms, seed);
        bazaar.generate(&[]);
        bazaar.certify_all();
        bazaar.world.at(START - 290);
        bazaar.block(vec![]);
        assert_eq!(bazaar.world.phase(0), "open");
        bazaar
    }

    pub(crate) fn secret(&self, holder: usize) -> SecretScalar {
        SecretScalar::from_bytes(self.secrets[holder]).unwrap()
    }

    /// Applies commands; money as commitments must add up after every block.
    pub(crate) fn block(&mut self, commands: Vec<(u16, Command)>) -> Outcome {
        let outcome = self.world.block(commands);
        self.events.extend(outcome.events.iter().cloned());
        assert_eq!(self.all_money(), self.total, "committed money is neither made nor lost");
        outcome
    }

    pub(crate) fn take(&mut self, commands: Vec<(u16, SealedCommand)>) -> Outcome {
        let outcome = self.post(commands);
        for receipt in &outcome.receipts {
            assert_eq!(receipt.result, Ok(()), "{receipt:?}");
        }
        outcome
    }

    pub(crate) fn post(&mut self, commands: Vec<(u16, SealedCommand)>) -> Outcome {
        self.block(commands.into_iter().map(|(by, command)| (by, command.command())).collect())
    }

    /// Rule of the one command's refusal; `None` where it is taken.
    pub(crate) fn rule(&mut self, by: u16, command: SealedCommand) -> Option<String> {
        let outcome = self.post(vec![(by, command)]);
        outcome.receipts[0].result.err().map(|refusal| refusal.rule())
    }

    fn all_money(&self) -> Commitment {
        let accounts =
            (0u16..).take(self.world.genesis.members.len()).map(|id| self.account(id).balance);
        let pots = [PotKind::Pool, PotKind::Remainder, PotKind::Losses].map(|kind| self.pot(kind));
        let all: Vec<Commitment> = accounts.chain(pots).collect();
        combine(&all.iter().map(|part| (1, part)).collect::<Vec<_>>(), 0)
    }

    pub(crate) fn account(&self, id: u16) -> SealedAccount {
        self.world.state.find(&key::account(MemberId(id))).unwrap()
    }

    pub(crate) fn pot(&self, kind: PotKind) -> Commitment {
        self.world.state.find::<SealedPot>(&key::pot(kind)).unwrap().balance
    }

    pub(crate) fn head(&self) -> SealedHead {
        self.world.state.find(&key::head()).unwrap()
    }

    pub(crate) fn decision(&self, gate: u64) -> SealedDecision {
        self.world.state.find(&key::decision(GateId(gate))).unwrap()
    }

    pub(crate) fn gate(&self, gate: u64) -> Gate {
        self.world.state.find(&base::gate(GateId(gate))).unwrap()
    }

    pub(crate) fn enrolment(&mut self, holder: usize) -> (u16, SealedCommand) {
        let secret = self.secret(holder);
        let position = u16::try_from(holder).unwrap();
        let chain = self.world.chain;
        let enrolment = Enrolment::new(&chain, position, &secret, &mut self.rng).unwrap();
        (HOLDERS[holder], SealedCommand::Enrol { holder: position, enrolment })
    }

    pub(crate) fn dealing(&mut self, holder: usize) -> (u16, SealedCommand) {
        let epoch = self.head().run;
        let ceremony = sealed::generation(&self.world.state, epoch).unwrap().unwrap();
        let position = u16::try_from(holder).unwrap();
        let dealing = Dealing::deal(&ceremony.committee, position, &mut self.rng).unwrap();
        (HOLDERS[holder], SealedCommand::Deal { dealing })
    }

    /// Runs key generation to its end; `silent` holders neither enrol nor deal.
    pub(crate) fn generate(&mut self, silent: &[usize]) {
        let awake: Vec<usize> =
            (0..HOLDERS.len()).filter(|holder| !silent.contains(holder)).collect();
        let enrolments = awake.iter().map(|holder| self.enrolment(*holder)).collect();
        self.take(enrolments);
        self.deal_on(&awake);
    }

    /// From dealing on, for a generation that has begun or is about to.
    pub(crate) fn deal_on(&mut self, awake: &[usize]) {
        let run = self.head().run;
        while !matches!(self.head().generation, sealed::Generation::Dealing { .. }) {
            self.block(vec![]);
            assert!(self.head().run <= run + 1);
        }
        let dealings = awake.iter().map(|holder| self.dealing(*holder)).collect();
        self.take(dealings);
        for _ in 0..10 {
            if self.head().generation == (sealed::Generation::Idle {}) || self.head().epoch > 0 {
                break;
            }
            self.block(vec![]);
        }
        assert!(self.head().epoch > 0, "a key stands");
        self.keepers = awake.iter().map(|holder| self.keeper(*holder, &[])).collect();
    }

    /// The keeper of a holder's share of the newest key.
    pub(crate) fn keeper(
        &self,
        holder: usize,
        log: &[gridaccord_sealed::holder::LogRecord],
    ) -> Keeper {
        let epoch = self.head().epoch;
        let key = self.epoch_key(epoch);
        let ceremony = sealed::generation(&self.world.state, epoch).unwrap().unwrap();
        let position = u16::try_from(holder).unwrap();
        let receiver = Receiver::new(position, self.secret(holder));
        let share = receiver.share(&ceremony.dealings, &key).expect("an honest share");
        Keeper::new(self.world.chain, share, key, log).unwrap()
    }

    pub(crate) fn epoch_key(&self, epoch: u64) -> EpochKey {
        use commonware_codec::DecodeExt as _;
        use gridaccord_ledger::{Lookup, Read as _};
        let record: sealed::EpochRecord = self.world.state.find(&key::epoch(epoch)).unwrap();
        let Lookup::Present(bytes) = self.world.state.body(&record.body) else { panic!("no key") };
        EpochKey::decode(commonware_codec::Copying(bytes)).unwrap()
    }

    /// A certificate of a member, and the secrets that go with it.
    pub(crate) fn certificate(&mut self, id: u16, serial: u64) -> (LimitCertificate, Party) {
        let role = CAST[usize::from(id)].1;
        let Limits { import, export, reserve } = limits_of(role);
        let scaled = |limit: Watts| Watts(limit.0 * self.scale);
        let limits =
            Limits { import: scaled(import), export: scaled(export), reserve: scaled(reserve) };
        let meter = private_key(20_000 + u64::from(id));
        let openings = LimitOpenings {
            import: Opening::hide(i128::from(limits.import.0), &mut self.rng),
            export: Opening::hide(i128::from(limits.export.0), &mut self.rng),
            reserve: Opening::hide(i128::from(limits.reserve.0), &mut self.rng),
        };
        let limit = Limit {
            chain: self.world.chain,
            participant: MemberId(id),
            device: 0,
            role: sealed::sealed_role(role).unwrap_or(BusRole::Consumer),
            source: if role == Role::Tenant { SourceClass::None } else { SourceClass::Solar },
            carbon_mg_per_kwh: 0,
            tier: u8::try_from(id % 2).unwrap(),
            meter: meter.public_key(),
            import: openings.import.commit(),
            export: openings.export.commit(),
            reserve: openings.reserve.commit(),
            valid_from: TimeS(0),
            valid_until: TimeS(u64::MAX),
            serial,
        };
        let certificate = LimitCertificate::issue(limit, &private_key(u64::from(CERTIFIER)));
        let deposit = self.world.genesis.members[usize::from(id)].deposit.0;
        let balance = Opening::public(i128::from(deposit) * MONEY_PER_MICRO);
        let party = Party {
            limits,
            openings,
            meter,
            balance,
            curves: BTreeMap::new(),
            pending: BTreeMap::new(),
            cycle: None,
        };
        (certificate, party)
    }

    pub(crate) fn certify_all(&mut self) {
        let mut commands = Vec::new();
        for id in 0..=UTILITY {
            let (certificate, party) = self.certificate(id, 1);
            self.parties.insert(id, party);
            commands.push((CERTIFIER, SealedCommand::Certify { certificate }));
        }
        self.take(commands);
    }

    /// Proves an offer for a gate as the state stands.
    pub(crate) fn seal(&mut self, gate: u64, id: u16, offered: &Offered) -> SealedCommand {
        let facts = sealed::admission(&self.world.state, GateId(gate), MemberId(id))
            .unwrap()
            .unwrap()
            .unwrap();
        let party = self.parties.get_mut(&id).unwrap();
        let wallet = Wallet { limits: &party.openings, balance: &party.balance, allowance: None };
        let (submission, secret) = match offered {
            Offered::Curve(curve) => seal_curve(curve, &facts, &wallet, &mut self.rng),
            Offered::Firm(demand) => seal_firm(*demand, &facts, &wallet, &mut self.rng),
        }
        .unwrap();
        party.curves.insert(gate, secret);
        SealedCommand::Curve { basis: sealed::basis(&facts), submission }
    }

    /// The usual market: four sellers with rising curves, four tenants, three of them firm.
    pub(crate) fn offers(&self) -> Vec<(u16, Offered)> {
        let grid = self.setup().tariff.grid;
        let watts = |power: i64| Watts(power * self.scale);
        let curve = |base: i64, from: i64, to: i64, power: i64, reserve: i64| {
            let (low, high) = ((Price(from), watts(base)), (Price(to), watts(power)));
            Offered::Curve(Box::new(Curve::ramp(&grid, low, high, watts(reserve))))
        };
        vec![
            (SOLAR, curve(21_013, 0, 40_000, 28_507, 16_001)),
            (WIND, curve(3_011, 20_000, 120_000, 30_103, 15_007)),
            (GAS, curve(0, 90_000, 190_000, 31_009, 16_033)),
            (BATTERY, curve(-9_017, 50_000, 210_000, 27_011, 15_101)),
            (TENANTS[0], Offered::Firm(watts(21_347))),
            (TENANTS[1], Offered::Firm(watts(18_211))),
            (TENANTS[2], Offered::Firm(watts(12_409))),
            (TENANTS[3], curve(-30_203, 60_000, 400_000, -10_111, 0)),
        ]
    }

    pub(crate) fn setup(&self) -> sealed::Setup {
        sealed::Setup::of(&self.world.genesis.market).unwrap()
    }

    /// Posts the usual market into an open gate, in one block.
    pub(crate) fn fill(&mut self, gate: u64) {
        let offers = self.offers();
        let commands =
            offers.iter().map(|(id, offered)| (*id, self.seal(gate, *id, offered))).collect();
        self.take(commands);
    }

    /// The usual market without one of its members.
    pub(crate) fn fill_but(&mut self, gate: u64, out: u16) {
        let offers = self.offers();
        let commands = offers
            .iter()
            .filter(|(id, _)| *id != out)
            .map(|(id, offered)| (*id, self.seal(gate, *id, offered)))
            .collect();
        self.take(commands);
    }

    /// Closes a gate and draws its openers; `wagers` are given before.
    pub(crate) fn close(&mut self, gate: u64) {
        let closes = self.world.genesis.market.closes(GateId(gate)).0;
        self.world.at(closes);
        for _ in 0..12 {
            self.block(vec![]);
            if matches!(self.gate(gate).phase, Phase::Sealed { .. } | Phase::Failed { .. }) {
                return;
            }
        }
        panic!("gate {gate} is {}", self.world.phase(gate));
    }

    /// Signed shares of these keepers for the sum a gate asks for now.
    pub(crate) fn shares(&mut self, gate: u64, keepers: &[usize]) -> Vec<SignedShare> {
        let mut shares = Vec::new();
        for position in keepers {
            let keeper = &mut self.keepers[*position];
            let state = Final::after_finalised(&self.world.state);
            let intent = keeper.due(state, GateId(gate)).unwrap().unwrap().unwrap();
            let node = node_key(HOLDERS[*position]);
            let (signed, signature) =
                keeper.give(intent.persisted(), &node, &mut self.rng).unwrap();
            assert!(signed.signed_by(&self.world.chain, &node.public_key(), &signature));
            shares.push(signed);
        }
        shares
    }

    pub(crate) fn next_sum(&self, gate: u64) -> SealedSum {
        let search = sealed::search(&self.world.state, GateId(gate)).unwrap().unwrap();
        search.next_sum().unwrap().unwrap()
    }

    /// What an opener posts, gathered from these keepers.
    pub(crate) fn opening(&mut self, gate: u64, keepers: &[usize]) -> OpenSum {
        let sum = self.next_sum(gate);
        let key = sealed::opening_key(&self.world.state, GateId(gate)).unwrap().unwrap();
        let shares: Vec<Share> =
            self.shares(gate, keepers).iter().map(|signed| signed.share).collect();
        assemble(&sum, &key, &shares, table(), 1 << 36).unwrap()
    }

    /// Opens sums until the gate is decided or failed.
    pub(crate) fn open(&mut self, gate: u64, opener: u16) {
        let all: Vec<usize> = (0..self.keepers.len()).collect();
        for _ in 0..20 {
            if self.world.phase(gate) != "opening" {
                return;
            }
            let opening = self.opening(gate, &all);
            self.take(vec![(opener, SealedCommand::Open { opening })]);
        }
        panic!("the search does not end");
    }

    /// Ledger time of a gate's interval: set points in force, then over.
    pub(crate) fn run_interval(&mut self, gate: u64) {
        let interval = self.world.genesis.market.interval(GateId(gate));
        self.world.at(interval.start.0);
        self.block(vec![]);
        assert_eq!(self.world.phase(gate), "dispatched");
        self.world.at(interval.end().0);
        self.block(vec![]);
    }

    /// A member's set point in W/S, as it works it out itself.
    pub(crate) fn scaled(&self, gate: u64, id: u16) -> Opening {
        let search = sealed::search(&self.world.state, GateId(gate)).unwrap().unwrap();
        let share = search.share(MemberId(id)).unwrap();
        let secret = &self.parties[&id].curves[&gate];
        gridaccord_sealed::book::own_set_point(secret, share).unwrap().scaled
    }

    /// Reads a meter: `energy` J net, or what the set point says to the joule.
    pub(crate) fn meter(&mut self, gate: u64, id: u16, energy: Option<i64>) -> SealedCommand {
        let scaled = self.scaled(gate, id);
        let facts = sealed::meter_facts(&self.world.state, GateId(gate), MemberId(id));
        let facts = facts.unwrap().unwrap();
        let duration = i128::from(facts.gate.interval.duration_s);
        let planned = (scaled.value() * duration).div_euclid(1 << 20);
        let energy = energy.unwrap_or_else(|| i64::try_from(planned).unwrap());
        let party = self.parties.get_mut(&id).unwrap();
        let (reading, secret) = read_meter(
            Joules(energy.max(0)),
            Joules((-energy).max(0)),
            &facts,
            &party.openings,
            (SignedBy::Meter, &party.meter),
            &mut self.rng,
        )
        .unwrap();
        let judged = sealed::deviation_facts(
            &self.world.state,
            GateId(gate),
            MemberId(id),
            &reading.registers,
        );
        let net = secret.net().unwrap();
        let (deviation, bound) = post_deviation(
            &judged.unwrap().unwrap(),
            &scaled,
            &net,
            &party.openings,
            &mut self.rng,
        )
        .unwrap();
        let prices = gridaccord_sealed::account::Prices::of(
            self.decision(gate).price,
            &self.setup().tariff,
            u32::try_from(duration).unwrap(),
        )
        .unwrap();
        let party = self.parties.get_mut(&id).unwrap();
        let reserve = &party.curves[&gate].reserve;
        let line = LineSecret { reading: &secret, reserve, deviation: &bound };
        let amount = line.amount(&prices).unwrap();
        party.pending.insert(gate, Settling { net, amount });
        SealedCommand::Meter { reading, deviation }
    }

    /// Everybody who posted reads its meter; the gate settles in that block.
    pub(crate) fn settle(&mut self, gate: u64) -> Outcome {
        let posted: Vec<u16> = self.posted(gate);
        let readings = posted.iter().map(|id| (*id, self.meter(gate, *id, None))).collect();
        let outcome = self.take(readings);
        assert_eq!(self.world.phase(gate), "settled");
        self.settled(gate);
        outcome
    }

    pub(crate) fn posted(&self, gate: u64) -> Vec<u16> {
        let has = |id: &u16| self.parties[id].curves.contains_key(&gate);
        self.parties.keys().copied().filter(has).collect()
    }

    /// Members take note of their lines.
    pub(crate) fn settled(&mut self, gate: u64) {
        for party in self.parties.values_mut() {
            let Some(Settling { net, amount }) = party.pending.remove(&gate) else { continue };
            party.balance = Opening::combine(&[(1, &party.balance), (1, &amount)], 0).unwrap();
            party.cycle = Some(match party.cycle.take() {
                None => (net, amount),
                Some((energy, money)) => (
                    Opening::combine(&[(1, &energy), (1, &net)], 0).unwrap(),
                    Opening::combine(&[(1, &money), (1, &amount)], 0).unwrap(),
                ),
            });
        }
    }

    /// A gate from open to settled.
    pub(crate) fn live(&mut self, gate: u64) {
        if gate > 0 {
            let opens = self.world.genesis.market.opens(GateId(gate)).0;
            self.world.at(opens);
            self.block(vec![]);
        }
        self.fill(gate);
        self.close(gate);
        self.open(gate, AUDITOR);
        assert_eq!(self.world.phase(gate), "decided");
        self.run_interval(gate);
        self.settle(gate);
    }

    /// A member's closing of a cycle, and what its account is then.
    pub(crate) fn closing(&mut self, cycle: u64, id: u16) -> SealedCommand {
        let facts = sealed::cycle_facts(&self.world.state, cycle, MemberId(id)).unwrap().unwrap();
        let party = self.parties.get_mut(&id).unwrap();
        let (energy, money) = party.cycle.take().unwrap();
        let (close, whole) = close_cycle(&facts, &energy, &money, &mut self.rng).unwrap();
        let rest = Opening::combine(&[(1, &money), (-MONEY_PER_MICRO, &whole)], 0).unwrap();
        party.balance = Opening::combine(&[(1, &party.balance), (-1, &rest)], 0).unwrap();
        self.cycle_places.insert(id, facts.cycle);
        self.wholes.insert(id, whole);
        SealedCommand::Close { close }
    }

    /// An opening of a cycle's total, gathered from all keepers.
    pub(crate) fn total_opening(&mut self, cycle: u64, index: SumIndex) -> OpenSum {
        let (totals, key): (CycleTotals, EpochKey) =
            sealed::cycle_totals(&self.world.state, cycle).unwrap().unwrap().unwrap();
        let total = if index == SumIndex::CycleEnergy { totals.energy } else { totals.money };
        let mut shares = Vec::new();
        for (keeper, member) in self.keepers.iter_mut().zip(HOLDERS) {
            let state = Final::after_finalised(&self.world.state);
            let intent = keeper.due_total(state, cycle, index).unwrap().unwrap().unwrap();
            let (signed, _) =
                keeper.give(intent.persisted(), &node_key(member), &mut self.rng).unwrap();
            shares.push(signed.share);
        }
        assemble(total.sum(), &key, &shares, table(), 1 << 40).unwrap()
    }
}

/// Sealed events of an outcome.
pub(crate) fn sealed_events(events: &[Event]) -> Vec<SealedEvent> {
    let sealed = |event: &Event| match event {
        Event::Sealed { sealed } => Some(sealed.clone()),
        _ => None,
    };
    events.iter().filter_map(sealed).collect()
}

/// The submission in a command.
pub(crate) fn submission_of(command: &SealedCommand) -> Submission {
    match command {
        SealedCommand::Curve { submission, .. } => submission.clone(),
        other => panic!("{} is no curve", other.name()),
    }
}

/// Owner of a member: its own number.
pub(crate) const fn owner(id: u16) -> OwnerId {
    OwnerId(id)
}
