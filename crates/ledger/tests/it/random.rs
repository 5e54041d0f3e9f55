//! Random lives of a market: whatever anybody sends, sums hold at every height (checked by `World`), the same
//! log gives the same state, and in the end nothing is held.

use super::common::*;
use commonware_cryptography::Signer as _;
use gridaccord_ledger::{Command, Digest, Event, memory::MemoryState};
use gridaccord_model::{CostCurve, GateId, MemberId, Offer, Watts, codec::Blob};
use proptest::{
    prelude::*,
    test_runner::{RngAlgorithm, TestRng, TestRunner},
};
use std::{cell::RefCell, collections::BTreeMap};

/// One thing that somebody does.
#[derive(Clone, Debug)]
enum Act {
    Wait(u64),
    Offer(u64, u16, i64, Vec<(i64, i64)>),
    Bent(u64, u16, i64, i64, i64, i64),
    Need(u64, u16, i64, Vec<(i64, i64)>),
    Wager(u64, u16, u64),
    /// Seats in the mask commit or reveal: the optimum, or junk by a second mask (the gate's own where `None`).
    Commit(u64, u8, Option<u8>),
    Reveal(u64, u8, Option<u8>),
    Read(u64, u16, i64, i64),
    ReadPlan(u64, u8),
    Rotate(u16, u64),
    Wild(u16, Command),
}

fn small() -> impl Strategy<Value = i64> {
    prop_oneof![4 => 0i64..200_000, 1 => -50i64..50, 1 => any::<i64>()]
}

fn steps() -> impl Strategy<Value = Vec<(i64, i64)>> {
    let width = prop_oneof![9 => 1i64..100_000, 1 => any::<i64>()];
    let price = prop_oneof![9 => -10_000i64..150_000, 1 => any::<i64>()];
    prop::collection::vec((width, price), 0..4)
}

/// Which of the live gates: 0 is the oldest.
fn gate() -> impl Strategy<Value = u64> {
    prop_oneof![9 => 0u64..2, 1 => any::<u64>()]
}

fn who() -> impl Strategy<Value = u16> {
    0u16..11
}

fn market_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        1 => (0u64..20).prop_map(Act::Wait),
        4 => (gate(), who(), small(), steps()).prop_map(|(g, w, m, s)| Act::Offer(g, w, m, s)),
        1 => (gate(), who(), small(), small(), small(), any::<i64>())
            .prop_map(|(g, w, a, b, c, d)| Act::Bent(g, w, a, b, c, d)),
        2 => (gate(), who(), small(), steps()).prop_map(|(g, w, f, s)| Act::Need(g, w, f, s)),
        5 => (gate(), who(), prop_oneof![9 => 40u64..2_000, 1 => any::<u64>()])
            .prop_map(|(g, w, tokens)| Act::Wager(g, w, tokens)),
        1 => (who(), any::<u64>()).prop_map(|(w, seed)| Act::Rotate(w, seed)),
        1 => (who(), wild()).prop_map(|(w, command)| Act::Wild(w, command)),
    ]
}

fn building_act() -> impl Strategy<Value = Act> {
    let mask = || prop_oneof![2 => Just(255u8), 1 => any::<u8>()];
    let bad = || prop_oneof![9 => Just(None), 1 => any::<u8>().prop_map(Some)];
    prop_oneof![
        5 => (gate(), mask(), bad()).prop_map(|(g, mask, bad)| Act::Commit(g, mask, bad)),
        5 => (gate(), mask(), bad()).prop_map(|(g, mask, bad)| Act::Reveal(g, mask, bad)),
        1 => (who(), wild()).prop_map(|(w, command)| Act::Wild(w, command)),
        1 => (gate(), who(), small(), small()).prop_map(|(g, w, i, a)| Act::Read(g, w, i, a)),
    ]
}

fn metering_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (gate(), any::<u8>()).prop_map(|(g, mask)| Act::ReadPlan(g, mask)),
        2 => (gate(), who(), small(), small()).prop_map(|(g, w, i, a)| Act::Read(g, w, i, a)),
        1 => prop_oneof![9 => 0u64..30, 1 => 0u64..2_000].prop_map(Act::Wait),
    ]
}

/// What happens around one gate: blocks before it closes, up to its interval, and after the interval before it.
#[derive(Clone, Debug)]
struct Script {
    metering: Vec<Vec<Act>>,
    market: Vec<Vec<Act>>,
    building: Vec<Vec<Act>>,
    bad: u8,
}

fn script() -> impl Strategy<Value = Script> {
    let blocks = |act: BoxedStrategy<Act>, most: usize| {
        prop::collection::vec(prop::collection::vec(act, 0..4), 1..most)
    };
    (
        blocks(metering_act().boxed(), 4),
        blocks(market_act().boxed(), 4),
        blocks(building_act().boxed(), 12),
        prop_oneof![3 => Just(0u8), 1 => any::<u8>()],
    )
        .prop_map(|(metering, market, building, bad)| Script {
            metering,
            market,
            building,
            bad,
        })
}

fn wild() -> impl Strategy<Value = Command> {
    let bytes = prop::collection::vec(any::<u8>(), 0..80);
    prop_oneof![
        (any::<u64>(), any::<[u8; 32]>()).prop_map(|(gate, hash)| Command::Commit {
            gate: GateId(gate),
            commitment: Digest::from(hash),
        }),
        (0u64..4, 0u16..12, any::<[u8; 32]>(), bytes).prop_map(|(gate, builder, salt, answer)| {
            Command::Reveal {
                gate: GateId(gate),
                builder: MemberId(builder),
                salt,
                answer: Blob::new(answer).unwrap(),
            }
        }),
    ]
}

fn live(world: &World, choice: u64) -> u64 {
    let live: Vec<u64> = world.head().live_gates().map(|gate| gate.0).collect();
    usize::try_from(choice).ok().and_then(|choice| live.get(choice)).copied().unwrap_or(choice)
}

/// An offer from steps that are mostly in order, so that most of them are taken.
fn stacked(min: i64, mut steps: Vec<(i64, i64)>) -> Offer {
    steps.sort_by_key(|(_, price)| *price);
    let min = min.rem_euclid(1_000);
    let fits = steps.iter().all(|(power, _)| power.unsigned_abs() <= 1 << 40);
    let mut offer = blocks(0, if fits { &steps } else { &[] });
    offer.power_min = Watts(offer.power_min.0 + min);
    offer.power_max = Watts(offer.power_max.0 + min);
    offer
}

fn seats(world: &World, gate: u64, mask: u8) -> Vec<u16> {
    let known = world.head().live_gates().any(|live| live.0 == gate);
    let builders = if known { world.builders(gate) } else { vec![] };
    builders
        .into_iter()
        .enumerate()
        .filter(|(seat, _)| (mask >> seat) & 1 == 1)
        .map(|(_, id)| id)
        .collect()
}

/// The optimum, or junk where `bad` has the builder's bit.
fn answer(world: &World, gate: u64, builder: u16, bad: u8) -> Vec<u8> {
    if (bad >> (builder % 8)) & 3 == 3 {
        return vec![bad; usize::from(bad)];
    }
    world.optimum(gate).to_bytes().to_vec()
}

fn commands(world: &World, act: Act, bad_here: u8) -> Vec<(u16, Command)> {
    match act {
        Act::Wait(_) | Act::Rotate(..) => vec![],
        Act::Offer(gate, who, min, steps) => {
            vec![offer(live(world, gate), who, stacked(min, steps))]
        }
        Act::Bent(gate, who, min, max, quadratic, linear) => {
            let cost = CostCurve::Quadratic { quadratic, linear };
            let offered = Offer { power_min: Watts(min), power_max: Watts(max), cost };
            vec![offer(live(world, gate), who, offered)]
        }
        Act::Need(gate, who, firm, tiers) => {
            vec![need_of(live(world, gate), who, need(firm, &tiers))]
        }
        Act::Wager(gate, who, tokens) => vec![wager(live(world, gate), who, tokens)],
        Act::Commit(gate, mask, bad) => {
            let (gate, bad) = (live(world, gate), bad.unwrap_or(bad_here));
            seats(world, gate, mask)
                .into_iter()
                .map(|id| world.commit(gate, id, &answer(world, gate, id, bad)))
                .collect()
        }
        Act::Reveal(gate, mask, bad) => {
            let (gate, bad) = (live(world, gate), bad.unwrap_or(bad_here));
            seats(world, gate, mask)
                .into_iter()
                .map(|id| {
                    relay(gate, if bad > 128 { id } else { 9 }, id, &answer(world, gate, id, bad))
                })
                .collect()
        }
        Act::Read(gate, who, injected, absorbed) => {
            vec![reading(live(world, gate), who, injected, absorbed)]
        }
        Act::ReadPlan(gate, mask) => {
            let gate = live(world, gate);
            let reads = |id: &u16| (mask >> (id % 8)) & 1 == 1;
            (0u16..10)
                .filter(reads)
                .filter_map(|id| {
                    let net = world.part(gate, id)?.set_point?.0 * 300;
                    Some(reading(gate, id, net.max(0), (-net).max(0)))
                })
                .collect()
        }
        Act::Wild(who, command) => vec![(who, command)],
    }
}

/// What every gate has before anybody acts: a market that clears, and builders.
fn base(gate: u64) -> Vec<(u16, Command)> {
    vec![
        offer(gate, SOLAR, blocks(0, &[(100_000, 50_000)])),
        offer(gate, UTILITY, blocks(-100_000, &[(100_000, 10_000), (300_000, 120_000)])),
        need_of(gate, TENANT, need(90_000, &[(5_000, 60_000)])),
        wager(gate, GAS, 200),
        wager(gate, AUDITOR, 200),
        wager(gate, SOLAR, 300),
    ]
}

struct Market {
    world: World,
    now: u64,
}

impl Market {
    fn block(&mut self, acts: Vec<Act>, mut sent: Vec<(u16, Command)>, bad: u8) {
        let mut rotated = None;
        for act in acts {
            match act {
                Act::Wait(seconds) => self.now += seconds,
                Act::Rotate(who, seed) if who < 10 => rotated = Some((who, seed)),
                other => sent.extend(commands(&self.world, other, bad)),
            }
        }
        if let Some((who, seed)) = rotated {
            sent.push((who, Command::RotateKey { key: private_key(seed).public_key() }));
        }
        let outcome = self.world.at(self.now).block(sent);
        if let Some((who, seed)) = rotated {
            assert_eq!(outcome.receipts.last().unwrap().result, Ok(()));
            self.world.keys[usize::from(who)] = private_key(seed);
        }
    }

    fn gate(&mut self, id: u64, script: Script) {
        let start = START + 300 * id;
        self.now = self.now.max(start - 300);
        self.block(vec![], base(id), 0);
        for acts in script.metering.into_iter().chain(script.market) {
            self.block(acts, vec![], script.bad);
        }
        self.now = self.now.max(start - 60);
        self.block(vec![], vec![], 0);
        self.block(vec![], vec![], 0);
        for acts in script.building {
            self.block(acts, vec![], script.bad);
        }
    }
}

fn run(scripts: Vec<Script>) -> World {
    let mut genesis = genesis();
    genesis.market.gates = 6;
    genesis.market.meter_lag_s = 200;
    genesis.trust.seats = 4;
    genesis.thresholds.price_rise_ppm = 1_500_000;
    let mut market = Market { world: World::new(genesis), now: START - 300 };
    for (id, script) in (0u64..).zip(scripts) {
        market.gate(id, script);
    }
    market.world
}

#[test]
fn sums_hold_logs_replay_and_nothing_stays_held() {
    let reached = RefCell::new(BTreeMap::<&str, u32>::new());
    let scripts = prop::collection::vec(script(), 3..6);
    let config = ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() };
    let mut runner =
        TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let outcome = runner.run(&scripts, |scripts| {
        let mut world = run(scripts);
        let mut replayed = MemoryState::default();
        for block in &world.log {
            for event in replayed.advance(block).events {
                *reached.borrow_mut().entry(name(&event)).or_default() += 1;
            }
        }
        prop_assert_eq!(&replayed, &world.state);
        for step in 1..12u64 {
            world.at(START + step * 2_000).block(vec![]);
        }
        prop_assert_eq!(world.head().live, 0);
        for id in 0..10 {
            prop_assert_eq!(world.account(id).held, 0);
        }
        prop_assert!(world.rounds <= 10, "{} rounds", world.rounds);
        Ok(())
    });
    outcome.unwrap();
    // The runs got everywhere.
    let reached = reached.into_inner();
    println!("{reached:?}");
    for event in ["decided", "refused", "equivocated", "settled", "failed"] {
        assert!(reached.get(event).is_some_and(|count| *count >= 5), "{event}: {reached:?}");
    }
}

fn name(event: &Event) -> &'static str {
    match event {
        Event::Decided { .. } => "decided",
        Event::AnswerRefused { .. } => "refused",
        Event::Equivocated { .. } => "equivocated",
        Event::Settled { .. } => "settled",
        Event::Failed { .. } => "failed",
        _ => "other",
    }
}
