//! Validators that break the rules of agreement: up to `f` of `3f + 1` change nothing that is final, more stop the
//! chain, and a fork that they force is seen.
//!
//! In every scenario here the members beside honest nodes change their keys without pause, one command at a time:
//! the chain has work, and what becomes final is not only empty blocks.

use super::common::{lossy, member_key, rotate, scenario};
use commonware_cryptography::Signer as _;
use gridaccord_engine::simulation::{
    AgentTask, Byzantine, Event, Link, Report, Scenario, SimulationError, Treason, random_crashes,
    run,
};
use gridaccord_ledger::records::{Member, key};
use gridaccord_model::MemberId;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

const SECOND: Duration = Duration::from_secs(1);

/// Commands that were final on the node beside which they were submitted, by node.
type Done = Arc<Mutex<BTreeMap<usize, u64>>>;

/// Every member changes its key, waits until that is final, and does it again.
fn busy(done: Done) -> AgentTask {
    Arc::new(move |agent| {
        let done = done.clone();
        Box::pin(async move {
            let member = u16::try_from(agent.node).unwrap();
            let chain = agent.handle.chain_id();
            loop {
                let record = agent.handle.record(key::member(MemberId(member))).await;
                if let Some(member_record) = record.and_then(|record| record.value::<Member>()) {
                    let round = member_record.nonce;
                    assert_eq!(member_record.key, member_key(member, round).public_key());
                    done.lock().unwrap().insert(agent.node, round);
                    // Refused while the node is behind: the next turn tries again.
                    let _ = agent.handle.submit(rotate(&chain, member, round)).await;
                }
                agent.clock.sleep(Duration::from_millis(20)).await;
            }
        })
    })
}

/// A chain with work to do and these validators to suffer.
fn betrayed(
    seed: u64,
    count: u16,
    height: u64,
    byzantine: impl IntoIterator<Item = (usize, Byzantine)>,
) -> (Scenario, Done) {
    let done = Done::default();
    let mut scenario = scenario(seed, count, height);
    scenario.byzantine = byzantine.into_iter().collect();
    scenario.agent = Some(busy(done.clone()));
    (scenario, done)
}

/// The last `traitors` of `count` nodes, all of one kind.
fn traitors(
    treason: Treason,
    count: usize,
    traitors: usize,
) -> impl Iterator<Item = (usize, Byzantine)> {
    (count - traitors..count).map(move |node| (node, Byzantine::Votes(treason)))
}

/// Runs to the scenario's height: there, all honest nodes have the same roots at all heights, have executed
/// commands of every honest member, and have shut out nobody who is honest.
fn survives(scenario: &Scenario, done: &Done) -> Report {
    let report = run(scenario).unwrap_or_else(|error| panic!("{:?}: {error}", scenario.byzantine));
    let honest = |node: &usize| !scenario.byzantine.contains_key(node);
    let mut roots = BTreeMap::new();
    for (node, found) in report.nodes.iter().enumerate().filter(|(node, _)| honest(node)) {
        assert!(found.height >= scenario.height, "node {node} stopped at {}", found.height);
        for (height, root) in &found.roots {
            assert_eq!(roots.entry(*height).or_insert(*root), root, "node {node} at {height}");
        }
        let commands = done.lock().unwrap().get(&node).copied().unwrap_or(0);
        assert!(commands > 0, "nothing of member {node} became final");
    }
    assert!(roots.len() as u64 >= scenario.height);
    for (by, whom) in &report.blocked {
        assert!(!honest(by) || !honest(whom), "honest node {by} shut out honest node {whom}");
    }
    report
}

/// Whether traitors were heard to do what they are for, and each was shut out by every honest node where that is a proof of
/// guilt.
fn caught(scenario: &Scenario, report: &Report) {
    for (traitor, byzantine) in &scenario.byzantine {
        let speech = report.nodes[*traitor].speech;
        let (did, guilty) = match byzantine {
            Byzantine::Votes(Treason::Conflicter | Treason::Nuller) => {
                (speech.contradictions > 0, true)
            }
            Byzantine::Votes(Treason::Impersonator) => (speech.impersonations > 0, true),
            Byzantine::Votes(Treason::Reconfigurer) => (speech.foreign > 0, true),
            Byzantine::Votes(Treason::NullifyOnly) => {
                (speech.skips > 0 && speech.skips == speech.votes, false)
            }
            Byzantine::Votes(Treason::Outdated) => (speech.late > 0, false),
            // These contradict themselves where they lead; in a short run not each of two may come to that.
            Byzantine::Votes(Treason::Equivocator) | Byzantine::Twins(_) => {
                let mut all = scenario.byzantine.keys();
                (all.any(|node| report.nodes[*node].speech.contradictions > 0), false)
            }
            // It lies to who joins; see `followers.rs`.
            Byzantine::Counterfeiter => (speech.contradictions == 0, false),
        };
        assert!(did, "node {traitor}, {byzantine:?}, behaved: {speech:?}");
        let honest = (0..report.nodes.len()).filter(|node| !scenario.byzantine.contains_key(node));
        let blockers = honest.filter(|node| report.blocked.contains(&(*node, *traitor)));
        let expected = report.nodes.len() - scenario.byzantine.len();
        let blockers = blockers.count();
        assert!(!guilty || blockers == expected, "{byzantine:?} shut out by {blockers} only");
    }
}

fn print_rate(what: &str, seed: u64, report: &Report) {
    let height = report.nodes.iter().map(|node| node.height).max().unwrap_or(0);
    let seconds = report.elapsed.as_secs_f64();
    println!(
        "{what}, {} validators, seed {seed}: {:.2} blocks per virtual second, {height} of {} views",
        report.nodes.len(),
        height as f64 / seconds,
        report.view,
    );
}

/// One kind of traitor, one of four, over some seeds.
fn one_of_four(treasons: &[Treason]) {
    for treason in treasons {
        for seed in 1..=3 {
            let (scenario, done) = betrayed(seed, 4, 20, traitors(*treason, 4, 1));
            let report = survives(&scenario, &done);
            print_rate(treason.name(), seed, &report);
            caught(&scenario, &report);
        }
    }
}

#[test]
fn one_traitor_of_four_that_proves_its_guilt() {
    one_of_four(&[
        Treason::Conflicter,
        Treason::Impersonator,
        Treason::Nuller,
        Treason::Reconfigurer,
    ]);
}

#[test]
fn one_traitor_of_four_that_does_not() {
    one_of_four(&[Treason::Equivocator, Treason::NullifyOnly, Treason::Outdated]);
}

/// What the others are measured against: all four honest, and one that is silent.
#[test]
fn four_honest_validators_and_three() {
    for (what, events) in
        [("all honest", vec![]), ("one silent", vec![(Duration::ZERO, Event::Crash(3))])]
    {
        let (mut scenario, _) = betrayed(1, 4, 100, []);
        scenario.events = events;
        print_rate(what, 1, &run(&scenario).unwrap());
    }
}

#[test]
fn two_traitors_of_seven() {
    for (seed, treason) in
        [(1, Treason::Equivocator), (2, Treason::Equivocator), (3, Treason::Nuller)]
    {
        let (scenario, done) = betrayed(seed, 7, 15, traitors(treason, 7, 2));
        let report = survives(&scenario, &done);
        print_rate(treason.name(), seed, &report);
        caught(&scenario, &report);
    }
}

#[test]
fn twins_that_see_half_each() {
    let apart = Byzantine::Twins([vec![0, 1], vec![2]]);
    let overlapping = Byzantine::Twins([vec![0, 1], vec![1, 2]]);
    for seed in 1..=3 {
        for twins in [&apart, &overlapping] {
            let (scenario, done) = betrayed(seed, 4, 20, [(3, twins.clone())]);
            let report = survives(&scenario, &done);
            print_rate("twins", seed, &report);
            caught(&scenario, &report);
        }
    }
    for seed in 1..=2 {
        let twins = Byzantine::Twins([vec![0, 1, 2], vec![3, 4]]);
        let (scenario, done) = betrayed(seed, 7, 12, [(5, twins.clone()), (6, twins)]);
        let report = survives(&scenario, &done);
        print_rate("twins", seed, &report);
        caught(&scenario, &report);
    }
}

/// Two traitors of four, where one is tolerated: nothing is final that only some honest nodes have.
#[test]
fn one_traitor_too_many_stops_the_chain() {
    for treason in Treason::ALL {
        let (mut scenario, _) = betrayed(1, 4, 10, traitors(treason, 4, 2));
        scenario.limit = 30 * SECOND;
        match run(&scenario) {
            Err(SimulationError::Stalled { heights, .. }) => {
                assert!(heights.iter().all(|height| *height < 10), "{treason:?}: {heights:?}");
            }
            other => panic!("{treason:?}: {other:?}"),
        }
    }
}

/// The honest nodes of two pairs of twins, cut off from each other, finalise different blocks. The comparison of
/// final blocks must say so: it is what the other tests rest on. One pair of twins on the same network forks nothing.
#[test]
fn a_fork_by_too_many_twins_is_seen() {
    let halves = |node| (node, Byzantine::Twins([vec![0], vec![1]]));
    for seed in 1..=2 {
        let (mut scenario, _) = betrayed(seed, 4, 10, [halves(2), halves(3)]);
        let apart = vec![vec![0, 2, 3], vec![1, 2, 3]];
        scenario.events = vec![(Duration::ZERO, Event::Partition(apart))];
        scenario.limit = 120 * SECOND;
        match run(&scenario) {
            Err(SimulationError::Diverged { fork, .. }) => assert_ne!(fork.first.0, fork.second.0),
            other => panic!("{other:?}"),
        }
    }
    let (mut scenario, done) = betrayed(1, 4, 20, [(3, Byzantine::Twins([vec![0], vec![1, 2]]))]);
    let apart = vec![vec![0, 3], vec![1, 2, 3]];
    scenario.events =
        vec![(Duration::ZERO, Event::Partition(apart)), (10 * SECOND, Event::Links(Link::GOOD))];
    let own = done.clone();
    scenario.done = Some(Arc::new(move || own.lock().unwrap().get(&0).is_some_and(|own| *own > 0)));
    caught(&scenario, &survives(&scenario, &done));
}

/// A node that was killed and comes back when the others are hundreds of blocks ahead, further than certificates of
/// single views are kept, and is killed again while it catches up.
#[test]
fn a_killed_node_catches_up_over_hundreds_of_blocks() {
    let (mut scenario, done) = betrayed(5, 4, 300, []);
    scenario.events = vec![
        (5 * SECOND, Event::Crash(2)),
        (32 * SECOND, Event::Restart(2)),
        (32 * SECOND + SECOND / 10, Event::Crash(2)),
        (33 * SECOND, Event::Restart(2)),
    ];
    // Own height and that of the others, at each start of node 2.
    let starts: Arc<Mutex<Vec<(u64, u64)>>> = Arc::default();
    let highest = Arc::new(Mutex::new(0));
    let (work, starts_seen) = (busy(done.clone()), starts.clone());
    scenario.agent = Some(Arc::new(move |agent| {
        let (node, handle) = (agent.node, agent.handle.clone());
        let (highest, starts) = (highest.clone(), starts_seen.clone());
        let work = work(agent);
        Box::pin(async move {
            if node == 2 {
                starts.lock().unwrap().push((handle.status().height, *highest.lock().unwrap()));
            }
            let mut blocks = handle.subscribe();
            let watch = async {
                while let Some(block) = blocks.recv().await {
                    let mut highest = highest.lock().unwrap();
                    *highest = block.height.max(*highest);
                }
            };
            futures::join!(work, watch);
        })
    }));
    let report = survives(&scenario, &done);
    print_rate("one killed", 5, &report);
    let starts = starts.lock().unwrap().clone();
    let behind: Vec<u64> = starts.iter().map(|(own, others)| others - own).collect();
    assert!(behind.len() == 3 && behind[1] > 256 && behind[2] > 200, "{starts:?}");
    assert!(starts[1].0 > 5, "what it had finalised before was gone: {starts:?}");
}

/// A quarter of all messages lost, crashes, and a traitor.
fn storm(seed: u64, byzantine: &Byzantine) -> (Scenario, Done) {
    let (mut scenario, done) = betrayed(seed, 4, 8, [(3, byzantine.clone())]);
    scenario.link = lossy();
    scenario.events = random_crashes(seed, 4, 6 * SECOND, 3 * SECOND, 4);
    scenario.limit = 1_200 * SECOND;
    (scenario, done)
}

#[test]
fn a_storm_with_a_traitor() {
    let kinds = [
        Byzantine::Votes(Treason::Equivocator),
        Byzantine::Votes(Treason::Nuller),
        Byzantine::Twins([vec![0, 1], vec![1, 2]]),
        Byzantine::Votes(Treason::NullifyOnly),
    ];
    let (mut digests, mut contradictions) = (BTreeSet::new(), 0);
    for (seed, byzantine) in (1..).zip(&kinds) {
        let (scenario, done) = storm(seed, byzantine);
        let report = survives(&scenario, &done);
        print_rate(&format!("storm with {byzantine:?}"), seed, &report);
        assert!(report.nodes.iter().map(|node| node.starts).sum::<u32>() == 4 + 4);
        contradictions += report.nodes[3].speech.contradictions;
        digests.insert(report.digest);
    }
    assert!(contradictions > 0, "no traitor was at work");
    assert_eq!(digests.len(), kinds.len());
}

#[test]
fn one_seed_gives_one_storm() {
    let make = |seed| {
        let (scenario, done) = storm(seed, &Byzantine::Twins([vec![0, 1], vec![2]]));
        survives(&scenario, &done)
    };
    assert_eq!(make(9), make(9));
}
