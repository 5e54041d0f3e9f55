//! One seed, many validators, everything that goes wrong.

use super::common::{lossy, member_key, rotate, scenario};
use commonware_codec::Encode as _;
use commonware_cryptography::Signer as _;
use gridaccord_engine::{
    Refused,
    simulation::{AgentTask, Event, Faults, Link, Report, random_crashes, run},
};
use gridaccord_ledger::{
    Command, SignedCommand,
    records::{Member, Part, key},
};
use gridaccord_model::{
    Block as Step, CostCurve, GateId, MemberId, Offer, Price, TimeMs, Watts, codec::Bounded,
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Every height every node announced has one root, and all nodes reached `height`.
fn agreed(report: &Report, height: u64) {
    let mut roots = BTreeMap::new();
    for node in &report.nodes {
        assert!(
            node.height >= height,
            "{:?}",
            report.nodes.iter().map(|n| n.height).collect::<Vec<_>>()
        );
        for (height, root) in &node.roots {
            assert_eq!(roots.entry(*height).or_insert(*root), root);
        }
    }
    assert!(roots.len() as u64 >= height);
}

#[test]
fn four_and_seven_validators_agree() {
    for count in [4, 7] {
        let report = run(&scenario(u64::from(count), count, 20)).unwrap();
        agreed(&report, 20);
        assert!(report.nodes.iter().all(|node| node.starts == 1));
    }
}

#[test]
fn an_empty_chain_beats_once_a_second() {
    let report = run(&scenario(3, 4, 20)).unwrap();
    assert!(report.elapsed > Duration::from_secs(15), "{:?}", report.elapsed);
    assert!(report.elapsed < Duration::from_secs(40), "{:?}", report.elapsed);
}

/// Every member rotates its key four times, waiting for each to be final.
fn rotating(done: Arc<AtomicU64>) -> AgentTask {
    Arc::new(move |agent| {
        let done = done.clone();
        Box::pin(async move {
            let member = u16::try_from(agent.node).unwrap();
            let chain = agent.handle.chain_id();
            let nonce = async || {
                let record = agent.handle.record(key::member(MemberId(member))).await;
                record.and_then(|record| record.value::<Member>()).map(|member| member.nonce)
            };
            while nonce().await.is_none() {
                agent.clock.sleep(Duration::from_millis(100)).await;
            }
            for round in 0..4 {
                loop {
                    let next = nonce().await.unwrap();
                    if next > round {
                        break;
                    }
                    match agent.handle.submit(rotate(&chain, member, round)).await {
                        Ok(_) | Err(Refused::NonceOld { .. }) => {}
                        Err(other) => panic!("{other}"),
                    }
                    agent.clock.sleep(Duration::from_millis(20)).await;
                }
            }
            done.fetch_add(1, Ordering::SeqCst);
        })
    })
}

#[test]
fn commands_from_every_node_run_at_once() {
    let done = Arc::new(AtomicU64::new(0));
    let report = run(&scenario_with(rotating(done.clone()))).unwrap();
    agreed(&report, 12);
    assert_eq!(done.load(Ordering::SeqCst), 4);
    assert!(
        report.elapsed < Duration::from_secs(15),
        "work does not wait for the beat: {:?}",
        report.elapsed
    );
    let finality: Vec<u64> =
        report.nodes.iter().flat_map(|node| node.finality_ms.clone()).collect();
    assert!(!finality.is_empty() && finality.iter().all(|ms| *ms < 1_000), "{finality:?}");
}

fn scenario_with(agent: AgentTask) -> gridaccord_engine::simulation::Scenario {
    let mut scenario = scenario(11, 4, 12);
    scenario.agent = Some(agent);
    scenario
}

#[test]
fn loss_of_a_quarter_of_all_messages() {
    let mut scenario = scenario(5, 4, 15);
    scenario.link = lossy();
    let done = Arc::new(AtomicU64::new(0));
    scenario.agent = Some(rotating(done.clone()));
    agreed(&run(&scenario).unwrap(), 15);
    assert_eq!(done.load(Ordering::SeqCst), 4);
}

#[test]
fn random_crashes_and_restarts() {
    let mut scenario = scenario(6, 4, 30);
    scenario.events = random_crashes(6, 4, Duration::from_secs(3), Duration::from_secs(2), 8);
    let report = run(&scenario).unwrap();
    agreed(&report, 30);
    assert_eq!(report.nodes.iter().map(|node| node.starts).sum::<u32>(), 4 + 8);
}

#[test]
fn all_nodes_crash_and_resume() {
    let mut scenario = scenario(7, 4, 25);
    for node in 0..4 {
        scenario.events.push((Duration::from_secs(8), Event::Crash(node)));
        scenario.events.push((Duration::from_secs(10), Event::Restart(node)));
    }
    agreed(&run(&scenario).unwrap(), 25);
}

#[test]
fn a_partition_stops_the_chain_and_healing_resumes_it() {
    let mut scenario = scenario(8, 4, 20);
    let halves = vec![vec![0, 1], vec![2, 3]];
    scenario.events = vec![
        (Duration::from_secs(5), Event::Partition(halves)),
        (Duration::from_secs(15), Event::Links(Link::GOOD)),
    ];
    let report = run(&scenario).unwrap();
    agreed(&report, 20);
    assert!(
        report.elapsed > Duration::from_secs(25),
        "ten seconds stood still: {:?}",
        report.elapsed
    );
}

#[test]
fn failing_storage_stops_nodes_and_loses_nothing() {
    let mut scenario = scenario(9, 4, 25);
    scenario.events = vec![
        (Duration::from_secs(3), Event::Faults(Faults { read_permille: 1, sync_permille: 3 })),
        (Duration::from_secs(12), Event::Faults(Faults::default())),
    ];
    let report = run(&scenario).unwrap();
    agreed(&report, 25);
    assert!(report.nodes.iter().any(|node| node.starts > 1), "no fault struck");
}

#[test]
fn one_seed_gives_one_history() {
    let make = |seed| {
        let mut scenario = scenario(seed, 4, 8);
        scenario.link = lossy();
        scenario.events =
            random_crashes(seed, 4, Duration::from_secs(2), Duration::from_secs(1), 2);
        run(&scenario).unwrap()
    };
    let (first, again, other) = (make(21), make(21), make(22));
    assert_eq!(first, again);
    assert_ne!(first.digest, other.digest);
}

#[test]
fn blocks_of_hostile_proposers_are_nullified() {
    type Lie = fn(&mut gridaccord_engine::Draft);
    let lies: [(&str, Lie); 3] = [
        ("state root", |draft| draft.forge_state_root = true),
        ("seed", |draft| {
            draft.seeds = vec![gridaccord_ledger::Seed { view: 0, signature: [7; 48] }];
        }),
        ("time that is yet to come", |draft| {
            draft.timestamp = TimeMs(draft.timestamp.0 + 3_600_000)
        }),
    ];
    for (name, lie) in lies {
        let mut scenario = scenario(31, 4, 15);
        scenario.hostile = BTreeMap::from([(0, Arc::new(lie) as _)]);
        let report = run(&scenario).unwrap_or_else(|error| panic!("{name}: {error}"));
        agreed(&report, 15);
        assert!(report.nodes[0].finality_ms.is_empty(), "{name}: a lie became final");
        assert!(report.view > 15, "{name}: no view was skipped");
    }
}

/// An offer into the first gate: its body is kept, and stands on every node.
#[test]
fn bodies_of_offers_are_kept() {
    let offer = Offer {
        power_min: Watts(0),
        power_max: Watts(1_000),
        cost: CostCurve::Blocks {
            blocks: Bounded::new(vec![Step { power: Watts(1_000), price: Price(50_000) }]).unwrap(),
        },
    };
    let found = Arc::new(AtomicU64::new(0));
    let (count, expected) = (found.clone(), offer.encode());
    let mut scenario = scenario(43, 4, 36);
    scenario.agent = Some(Arc::new(move |agent| {
        let (found, offer, expected) = (count.clone(), offer.clone(), expected.clone());
        Box::pin(async move {
            let gate = GateId(0);
            let chain = agent.handle.chain_id();
            while agent.handle.record(key::gate(gate)).await.is_none() {
                agent.clock.sleep(Duration::from_millis(100)).await;
            }
            if agent.node == 0 {
                let command = Command::Offer { gate, offer };
                let command =
                    SignedCommand::sign(&chain, &member_key(0, 0), MemberId(0), 0, command);
                agent.handle.submit(command).await.unwrap();
            }
            let id = loop {
                let part = agent.handle.record(key::part(gate, MemberId(0))).await;
                if let Some(id) =
                    part.and_then(|part| part.value::<Part>()).and_then(|part| part.offer)
                {
                    break id;
                }
                agent.clock.sleep(Duration::from_millis(100)).await;
            };
            assert_eq!(agent.handle.body(id).await, Some(expected));
            found.fetch_add(1, Ordering::SeqCst);
        })
    }));
    agreed(&run(&scenario).unwrap(), 36);
    assert_eq!(found.load(Ordering::SeqCst), 4);
}

#[test]
fn submissions_are_refused_for_clear_reasons() {
    let checked = Arc::new(AtomicU64::new(0));
    let count = checked.clone();
    let mut scenario = scenario(41, 4, 6);
    scenario.agent = Some(Arc::new(move |agent| {
        let checked = count.clone();
        Box::pin(async move {
            while agent.handle.status().height < 2 {
                agent.clock.sleep(Duration::from_millis(100)).await;
            }
            let chain = agent.handle.chain_id();
            let refused = async |command| agent.handle.submit(command).await.unwrap_err();
            let stranger = refused(rotate(&chain, 99, 0)).await;
            assert_eq!(stranger, Refused::MemberUnknown(MemberId(99)));
            let mut forged = rotate(&chain, 1, 0);
            forged.signature = member_key(2, 0).sign(b"elsewhere", b"else");
            assert_eq!(refused(forged).await, Refused::SignatureWrong(MemberId(1)));
            let mut ahead = rotate(&chain, 1, 0);
            ahead.nonce = 64;
            assert!(matches!(refused(ahead).await, Refused::NonceAhead { next: 0, .. }));
            checked.fetch_add(1, Ordering::SeqCst);
        })
    }));
    agreed(&run(&scenario).unwrap(), 6);
    assert_eq!(checked.load(Ordering::SeqCst), 4);
}
