//! Random lives of a market of horizons: whatever anybody posts or reveals, sums hold at every height (checked by
//! `World`), the same log gives the same state, every gate ends, and nothing stays held.

use super::{common::*, horizon::*};
use gridaccord_dispatch::horizon::HorizonBook;
use gridaccord_ledger::{Command, Event, gate::Phase, memory::MemoryState};
use gridaccord_model::{
    CostCurve, HorizonNeed, HorizonOffer, HorizonPosting, Joules, Price, Series, Watts,
    codec::Bounded,
    horizon::{GeneratorOffer, HorizonTier, RampLimit, ShiftableNeed, StorageOffer},
};
use gridaccord_solver::{HorizonOutcome, propose_horizon};
use proptest::{
    prelude::*,
    test_runner::{RngAlgorithm, TestRng, TestRunner},
};
use std::{cell::RefCell, collections::BTreeMap};

const INTERVALS: u16 = 3;

/// How a seat behaves.
#[derive(Clone, Copy, Debug)]
enum Conduct {
    Honest,
    InPieces,
    Silent,
    /// Its answer with one byte changed.
    Bent(u16, u8),
    /// Commits to the answer and floods with pieces of something else.
    Floods(u8),
}

#[derive(Clone, Debug)]
struct Script {
    postings: Vec<(u16, HorizonPosting)>,
    conduct: Vec<Conduct>,
    reads: u16,
}

fn number() -> impl Strategy<Value = i64> {
    prop_oneof![12 => 0i64..200_000, 1 => -5i64..5, 1 => any::<i64>()]
}

fn powers() -> impl Strategy<Value = Series<Watts>> {
    let length = prop_oneof![20 => Just(3usize), 1 => 0usize..6];
    length
        .prop_flat_map(|length| prop::collection::vec(number(), length))
        .prop_map(|powers| Series::new(powers.into_iter().map(Watts).collect()).unwrap())
}

fn offers() -> impl Strategy<Value = HorizonOffer> {
    let ramp = prop::option::of((number(), number()));
    let made = (powers(), number(), ramp, 0i64..3_000, any::<bool>());
    let made = made.prop_map(|(power_max, price, ramp, quadratic, must_run)| {
        let least: Vec<Watts> =
            power_max.iter().map(|power| Watts(if must_run { power.0 / 8 } else { 0 })).collect();
        HorizonOffer::Generator {
            generator: GeneratorOffer {
                power_min: Series::new(least).unwrap(),
                power_max,
                cost: CostCurve::Quadratic { quadratic, linear: price.saturating_mul(1_000) },
                ramp: ramp.map(|(up, down)| RampLimit { up: Watts(up), down: Watts(down) }),
            },
        }
    });
    let stored = (number(), number(), 0i64..20_000_000_000, 0i64..20_000_000_000, number());
    let stored =
        stored.prop_map(|(charge, discharge, capacity, stored, promise)| HorizonOffer::Storage {
            storage: StorageOffer {
                charge_max: Watts(charge),
                discharge_max: Watts(discharge),
                charge_efficiency_ppb: 930_000_000,
                discharge_efficiency_ppb: 910_000_000,
                loss_ppb: 50_000,
                capacity_uwh: capacity,
                stored_uwh: stored.min(capacity),
                final_min_uwh: promise.saturating_mul(1_000),
                wear: 500,
            },
        });
    prop_oneof![3 => made, 1 => stored]
}

fn needs() -> impl Strategy<Value = HorizonNeed> {
    let load = (number(), 0u16..5, 0u16..5, number()).prop_map(|(energy, from, until, power)| {
        let energy = Joules(energy.saturating_mul(100));
        ShiftableNeed { energy, from, until, power_max: Watts(power) }
    });
    let tier =
        (powers(), number()).prop_map(|(power, value)| HorizonTier { power, value: Price(value) });
    (powers(), prop::collection::vec(tier, 0..2), prop::collection::vec(load, 0..2)).prop_map(
        |(firm, tiers, loads)| HorizonNeed {
            firm,
            sheddable: Bounded::new(tiers).unwrap(),
            shiftable: Bounded::new(loads).unwrap(),
        },
    )
}

fn posting() -> impl Strategy<Value = (u16, HorizonPosting)> {
    let supply = (0u16..4, offers())
        .prop_map(|(id, offer)| (id, HorizonPosting { offer: Some(offer), need: None }));
    let demand = (3u16..6, needs())
        .prop_map(|(id, need)| (id, HorizonPosting { offer: None, need: Some(need) }));
    let both = (any::<bool>(), offers(), needs()).prop_map(|(campus, offer, need)| {
        let id = if campus { CAMPUS } else { UTILITY };
        (id, HorizonPosting { offer: Some(offer), need: Some(need) })
    });
    prop_oneof![6 => supply, 3 => demand, 1 => both]
}

fn conduct() -> impl Strategy<Value = Conduct> {
    prop_oneof![
        6 => Just(Conduct::Honest),
        2 => Just(Conduct::InPieces),
        1 => Just(Conduct::Silent),
        2 => (any::<u16>(), any::<u8>()).prop_map(|(at, by)| Conduct::Bent(at, by)),
        1 => any::<u8>().prop_map(Conduct::Floods),
    ]
}

fn script() -> impl Strategy<Value = Script> {
    (prop::collection::vec(posting(), 0..6), prop::collection::vec(conduct(), 3), any::<u16>())
        .prop_map(|(postings, conduct, reads)| Script { postings, conduct, reads })
}

/// What every gate has before anybody acts: a market that clears, and builders.
fn base(gate: u64) -> Vec<(u16, Command)> {
    let mut commands = vec![
        post(gate, SOLAR, of_generator(generator(flat(50 * KW, INTERVALS), 30_000))),
        post(gate, TENANT, of_need(firm(flat(60 * KW, INTERVALS)))),
        post(gate, UTILITY, of_tie(tie(400 * KW, 400 * KW, 120_000, INTERVALS))),
    ];
    commands.extend(wagers(gate));
    commands
}

/// The honest bytes: a dispatch, or the proof that there is none; empty where the solver finds neither.
fn honest(book: &HorizonBook) -> Vec<u8> {
    match propose_horizon(book.problem(), 100_000) {
        HorizonOutcome::Optimal { answer, .. } | HorizonOutcome::Feasible { answer, .. } => {
            answer.to_bytes().unwrap()
        }
        HorizonOutcome::Infeasible { certificate, .. } => {
            let answer = gridaccord_dispatch::horizon::HorizonAnswer {
                certificate: *certificate,
                ..Default::default()
            };
            answer.to_bytes().unwrap()
        }
        HorizonOutcome::Stopped { .. } => vec![],
    }
}

fn committed_bytes(honest: &[u8], conduct: Conduct) -> Vec<u8> {
    let mut bytes = honest.to_vec();
    if let Conduct::Bent(at, by) = conduct
        && !bytes.is_empty()
    {
        let position = usize::from(at) % bytes.len();
        bytes[position] ^= by;
    }
    bytes
}

fn reveals(gate: u64, id: u16, honest: &[u8], conduct: Conduct) -> Vec<(u16, Command)> {
    let bytes = committed_bytes(honest, conduct);
    match conduct {
        Conduct::Silent => vec![],
        Conduct::Honest | Conduct::Bent(..) => vec![relay(gate, AUTHORITY, id, &bytes)],
        Conduct::InPieces => {
            let chunks: Vec<&[u8]> = bytes.chunks(bytes.len() / 3 + 1).collect();
            let of = u16::try_from(chunks.len()).unwrap();
            let pieces =
                (0..of).zip(chunks).map(|(index, chunk)| piece(gate, id, index, of, chunk));
            pieces.chain([reveal_pieces(gate, id, id)]).collect()
        }
        Conduct::Floods(by) => (0..5)
            .map(|index| piece(gate, id, u16::from(index % (by | 1)), 3, &[by; 9]))
            .chain([reveal_pieces(gate, id, id)])
            .collect(),
    }
}

fn play(world: &mut World, gate: u64, script: &Script) {
    let start = START + 300 * gate;
    world.at(start - 290).block(base(gate));
    world.block(
        script.postings.iter().map(|(id, posting)| post(gate, *id, posting.clone())).collect(),
    );
    world.at(start - 60).block(vec![]);
    for _ in 0..6 {
        if matches!(world.gate(gate).phase, Phase::Closed { .. }) {
            world.block(vec![]);
        }
    }
    if matches!(world.gate(gate).phase, Phase::Drawn { .. }) {
        let honest = honest(&book(world, gate));
        let builders = world.builders(gate);
        let seated: Vec<_> = builders.into_iter().zip(script.conduct.iter().copied()).collect();
        let commits = seated
            .iter()
            .map(|(id, conduct)| world.commit(gate, *id, &committed_bytes(&honest, *conduct)));
        world.block(commits.collect());
        for _ in 0..4 {
            if matches!(world.gate(gate).phase, Phase::Drawn { .. }) {
                world.block(vec![]);
            }
        }
        let sent = seated.iter().flat_map(|(id, conduct)| reveals(gate, *id, &honest, *conduct));
        world.block(sent.collect());
        for _ in 0..4 {
            world.block(vec![]);
        }
    }
    world.at(start).block(vec![]);
    let set_points = world.parts(gate).into_iter();
    let readings = set_points.filter_map(|(id, part)| {
        let net = part.set_point?.0 * 300;
        let reads = (script.reads >> (id % 16)) & 1 == 1;
        reads.then(|| reading(gate, id, net.max(0), (-net).max(0)))
    });
    let readings = readings.collect();
    world.at(start + 300).block(readings);
}

#[test]
fn sums_hold_and_every_gate_ends() {
    let reached = RefCell::new(BTreeMap::<&str, u32>::new());
    let scripts = prop::collection::vec(script(), 2..4);
    let config = ProptestConfig { cases: 80, failure_persistence: None, ..Default::default() };
    let mut runner =
        TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let outcome = runner.run(&scripts, |scripts| {
        let mut genesis = market(INTERVALS);
        genesis.market.gates = 4;
        let mut world = World::new(genesis);
        for (gate, script) in (0u64..).zip(&scripts) {
            play(&mut world, gate, script);
        }
        for step in 1..12u64 {
            world.at(START + step * 2_000).block(vec![]);
        }
        let mut replayed = MemoryState::default();
        for block in &world.log {
            for event in replayed.advance(block).events {
                *reached.borrow_mut().entry(name(&event)).or_default() += 1;
            }
        }
        prop_assert_eq!(&replayed, &world.state);
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
    for event in ["posted", "decided", "refused", "settled", "failed"] {
        assert!(reached.get(event).is_some_and(|count| *count >= 5), "{event}: {reached:?}");
    }
}

fn name(event: &Event) -> &'static str {
    match event {
        Event::Posted { .. } => "posted",
        Event::Decided { .. } => "decided",
        Event::AnswerRefused { .. } => "refused",
        Event::InfeasibleProven { .. } => "infeasible",
        Event::Settled { .. } => "settled",
        Event::Failed { .. } => "failed",
        _ => "other",
    }
}
