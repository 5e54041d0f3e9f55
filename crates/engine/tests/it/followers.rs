//! Nodes without a vote: they join at the beginning or late, over links that lose, from validators that lie, and
//! come to the state that all have; and however they behave, validators do not notice.

use super::common::{lossy, rotate, scenario};
use gridaccord_engine::{
    Refused,
    follow::Start,
    light,
    simulation::{AgentTask, Byzantine, Event, Follower, Link, Report, Scenario, run},
};
use gridaccord_ledger::records::{Member, key};
use gridaccord_model::MemberId;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Validators in these worlds; followers are numbered from here on.
const VALIDATORS: usize = 4;

/// Every node reached `height`, nobody shut anybody out but for `blocked`, and who follows never voted.
fn agreed(report: &Report, height: u64, blocked: &BTreeSet<(usize, usize)>) {
    let heights: Vec<u64> = report.nodes.iter().map(|node| node.height).collect();
    assert!(heights.iter().all(|reached| *reached >= height), "{heights:?}");
    assert_eq!(report.blocked, *blocked);
    assert!(report.nodes[VALIDATORS..].iter().all(|node| node.speech.votes == 0));
}

/// The first height whose block a node executed itself.
fn first(report: &Report, node: usize) -> u64 {
    *report.nodes[node].roots.first_key_value().unwrap().0
}

/// Validator 0's member rotates its key, so that blocks have something in them.
fn rotating() -> AgentTask {
    Arc::new(|agent| {
        Box::pin(async move {
            let chain = agent.handle.chain_id();
            if agent.node != 0 {
                return;
            }
            loop {
                let record = agent.handle.record(key::member(MemberId(0))).await;
                if let Some(member) = record.and_then(|record| record.value::<Member>()) {
                    match agent.handle.submit(rotate(&chain, 0, member.nonce)).await {
                        Ok(_) | Err(Refused::NonceOld { .. }) => {}
                        Err(other) => panic!("{other}"),
                    }
                }
                agent.clock.sleep(Duration::from_millis(500)).await;
            }
        })
    })
}

/// One follower from the beginning; two that come after 15 s, of which one wants every block.
fn world(seed: u64, link: Link) -> Scenario {
    let mut world = scenario(seed, 4, 45);
    world.link = link;
    world.agent = Some(rotating());
    world.followers = vec![
        Follower::Present(Start::Genesis),
        Follower::Late(Start::Recent),
        Follower::Late(Start::Genesis),
    ];
    for node in [5, 6] {
        world.events.push((Duration::from_secs(15), Event::Restart(node)));
    }
    world
}

#[test]
fn followers_join_early_and_late() {
    let report = run(&world(81, Link::GOOD)).unwrap();
    agreed(&report, 45, &BTreeSet::new());
    assert_eq!(first(&report, 4), 1);
    assert_eq!(first(&report, 6), 1, "it executed every block");
    let joined = first(&report, 5);
    assert!(joined > 15, "it copied the state of a recent block, not of {joined}");
}

#[test]
fn they_join_over_lossy_links_and_crash_on_the_way() {
    let mut world = world(82, lossy());
    // While it copies, and later.
    for at in [16, 18, 30] {
        world.events.push((Duration::from_secs(at), Event::Crash(5)));
        world.events.push((Duration::from_millis(at * 1_000 + 500), Event::Restart(5)));
    }
    let report = run(&world).unwrap();
    agreed(&report, 45, &BTreeSet::new());
    assert!(first(&report, 5) > 5);
}

#[test]
fn a_liar_who_hands_out_false_state_is_shut_out() {
    let mut world = world(83, Link::GOOD);
    world.byzantine = BTreeMap::from([(2, Byzantine::Counterfeiter)]);
    let report = run(&world).unwrap();
    agreed(&report, 45, &BTreeSet::from([(5, 2)]));
    assert!(first(&report, 5) > 15, "the others' state is enough");
}

/// What a follower proves holds for who trusts the group key alone, and what is submitted to it is executed.
#[test]
fn a_follower_proves_and_passes_commands_on() {
    let proven = Arc::new(AtomicU64::new(0));
    let count = proven.clone();
    let mut world = scenario(84, 4, 12);
    world.followers = vec![Follower::Present(Start::Recent)];
    world.agent = Some(Arc::new(move |agent| {
        let proven = count.clone();
        Box::pin(async move {
            if agent.node != VALIDATORS {
                return;
            }
            assert!(agent.handle.status().follows);
            let (chain, group) = (agent.handle.chain_id(), agent.handle.chain().group().key);
            agent.handle.submit(rotate(&chain, 1, 0)).await.unwrap();
            loop {
                agent.clock.sleep(Duration::from_millis(200)).await;
                let Some(proof) = agent.handle.proof(key::member(MemberId(1))).await else {
                    continue;
                };
                let found = light::verify(&group, &chain, &proof).unwrap();
                let member = found.record.unwrap().value::<Member>().unwrap();
                if member.nonce == 1 {
                    proven.fetch_add(1, Ordering::SeqCst);
                    return;
                }
            }
        })
    }));
    let report = run(&world).unwrap();
    agreed(&report, 12, &BTreeSet::new());
    assert_eq!(proven.load(Ordering::SeqCst), 1);
    assert_eq!(report.nodes[VALIDATORS].speech.votes, 0);
}

/// Three followers that send everything to everybody, on channels that are not theirs and faster than they may.
#[test]
fn noise_of_followers_is_not_heard() {
    let quiet = run(&scenario(85, 4, 30)).unwrap();
    let mut world = scenario(85, 4, 30);
    world.followers = vec![Follower::Noisy; 3];
    let noisy = run(&world).unwrap();
    assert!(noisy.nodes[..VALIDATORS].iter().all(|node| node.height >= 30));
    assert_eq!(noisy.blocked, BTreeSet::new());
    assert!(
        noisy.elapsed < quiet.elapsed + Duration::from_secs(2),
        "{:?} against {:?}",
        noisy.elapsed,
        quiet.elapsed
    );
    assert!(noisy.view < quiet.view + 3, "views were skipped: {} of {}", noisy.view, quiet.view);
}

/// The same followers twice are the same history.
#[test]
fn one_seed_gives_one_history_with_followers() {
    let make = || {
        let mut world = world(87, lossy());
        world.height = 25;
        run(&world).unwrap()
    };
    assert_eq!(make(), make());
}
