//! What one member, or one clock, can do to the others.

use super::common::{member_key, rotate, scenario};
use gridaccord_engine::simulation::{AgentTask, run};
use gridaccord_ledger::{
    Command, SignedCommand,
    records::{Member, key},
};
use gridaccord_model::{
    Block as Step, CostCurve, GateId, MemberId, Offer, Price, Watts, codec::Bounded,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

/// A clock that is ten seconds off costs its validator its turns and its votes, and nobody else anything: a block from
/// the future is not refused, its time has to come.
#[test]
fn one_clock_is_ten_seconds_off() {
    for skew_ms in [10_000, -10_000] {
        let mut world = scenario(86, 4, 30);
        world.skews_ms = BTreeMap::from([(1, skew_ms)]);
        let report = run(&world).unwrap();
        assert!(report.nodes.iter().all(|node| node.height >= 30), "it follows, too");
        assert!(report.blocked.is_empty(), "{:?}", report.blocked);
        let own = &report.nodes[1].finality_ms;
        // Less what a clock may be ahead by in genesis.
        let early = own.iter().any(|ms| *ms < 9_500);
        assert!(skew_ms < 0 || !early, "a block became final before its time: {own:?}");
        // One turn in four is lost, to a timeout of two beats at most.
        assert!(report.elapsed < Duration::from_secs(60), "{skew_ms}: {:?}", report.elapsed);
    }
}

/// Member 0 keeps every node's mempool as full as it may, with commands that cost nothing; member 1 rotates its key.
fn flood(waits_ms: Arc<Mutex<Vec<u64>>>) -> AgentTask {
    Arc::new(move |agent| {
        let waits_ms = waits_ms.clone();
        Box::pin(async move {
            let chain = agent.handle.chain_id();
            let nonce = async |member| {
                let record = agent.handle.record(key::member(MemberId(member))).await;
                record.and_then(|record| record.value::<Member>()).map(|member| member.nonce)
            };
            while nonce(0).await.is_none() {
                agent.clock.sleep(Duration::from_millis(100)).await;
            }
            let mut round = 0;
            let mut since = agent.clock.now();
            loop {
                let next = nonce(0).await.unwrap();
                for ahead in 0..64 {
                    let cost = CostCurve::Blocks {
                        blocks: Bounded::new(vec![Step { power: Watts(1), price: Price(1) }])
                            .unwrap(),
                    };
                    let offer = Offer { power_min: Watts(0), power_max: Watts(1), cost };
                    let command = Command::Offer { gate: GateId(1_000), offer };
                    let key = member_key(0, 0);
                    let flood =
                        SignedCommand::sign(&chain, &key, MemberId(0), next + ahead, command);
                    // What is held already, or one too many, is refused; that is the point.
                    let _ = agent.handle.submit(flood).await;
                }
                if agent.node == 1 {
                    if nonce(1).await.unwrap() > round {
                        let now = agent.clock.now();
                        waits_ms.lock().unwrap().push(now.0 - since.0);
                        (since, round) = (now, round + 1);
                    }
                    agent.handle.submit(rotate(&chain, 1, round)).await.unwrap();
                }
                agent.clock.sleep(Duration::from_millis(50)).await;
            }
        })
    })
}

#[test]
fn one_members_flood_does_not_keep_others_out() {
    let waits_ms = Arc::new(Mutex::new(Vec::new()));
    let mut world = scenario(88, 4, 40);
    world.agent = Some(flood(waits_ms.clone()));
    let report = run(&world).unwrap();
    assert!(report.nodes.iter().all(|node| node.height >= 40));
    let waits_ms = waits_ms.lock().unwrap();
    assert!(waits_ms.len() >= 10, "{waits_ms:?}");
    assert!(waits_ms.iter().all(|wait| *wait < 1_500), "{waits_ms:?}");
}
