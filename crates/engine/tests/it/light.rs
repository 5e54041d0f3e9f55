//! A proof convinces who holds the group key, and every change to it is noticed.

use super::common::scenario;
use gridaccord_engine::{
    LightProof,
    light::{LightError, verify},
    simulation::{Scenario, run},
};
use gridaccord_ledger::{
    Digest, Key,
    records::{Member, key},
};
use gridaccord_model::MemberId;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

/// Proofs of these keys from one node of a short simulation.
fn proofs(keys: [Key; 2]) -> (Scenario, Vec<LightProof>) {
    let mut scenario = scenario(51, 4, 6);
    let proofs = Arc::new(Mutex::new(Vec::new()));
    let sink = proofs.clone();
    scenario.agent = Some(Arc::new(move |agent| {
        let sink = sink.clone();
        Box::pin(async move {
            for key in keys.into_iter().filter(|_| agent.node == 0) {
                let proof = loop {
                    if let Some(proof) = agent.handle.proof(key).await {
                        break proof;
                    }
                    agent.clock.sleep(Duration::from_millis(100)).await;
                };
                sink.lock().unwrap().push(proof);
            }
        })
    }));
    run(&scenario).unwrap();
    let proofs = std::mem::take(&mut *proofs.lock().unwrap());
    (scenario, proofs)
}

#[test]
fn presence_and_absence_are_proven() {
    let there = key::member(MemberId(2));
    let nowhere = Key([9; 32]);
    let (scenario, proofs) = proofs([there, nowhere]);
    let chain = scenario.genesis.chain_id();
    let group = scenario.keys.dealing.group.key;
    let [present, absent] = &proofs[..] else { panic!("two keys, two proofs") };

    let proven = verify(&group, &chain, present).unwrap();
    assert_eq!(proven.key, there);
    assert!(proven.height >= 1);
    let member: Member = proven.record.unwrap().value().unwrap();
    assert_eq!(&*member.name, "member-2");
    let proven = verify(&group, &chain, absent).unwrap();
    assert_eq!((proven.key, proven.record), (nowhere, None));

    for proof in &proofs {
        let bytes = proof.to_bytes();
        println!("proof of {} bytes", bytes.len());
        assert!(bytes.len() < 2_048);
        assert_eq!(&LightProof::from_bytes(&bytes).unwrap(), proof);
    }
    let other = Digest([1; 32]);
    assert_eq!(verify(&group, &other, present), Err(LightError::Certificate));
    let mut stranger = group;
    stranger[5] ^= 1;
    assert!(matches!(
        verify(&stranger, &chain, present),
        Err(LightError::GroupKey | LightError::Certificate)
    ));
}

#[test]
fn every_changed_byte_is_noticed() {
    let (scenario, proofs) = proofs([key::member(MemberId(0)), Key([9; 32])]);
    let (chain, group) = (scenario.genesis.chain_id(), scenario.keys.dealing.group.key);
    for proof in &proofs {
        let good = proof.to_bytes();
        let proven = verify(&group, &chain, proof).unwrap();
        for position in 0..good.len() {
            let mut bytes = good.to_vec();
            bytes[position] ^= 0x04;
            let Ok(changed) = LightProof::from_bytes(&bytes) else { continue };
            // Another absent key in the same gap is another true statement; nothing else may pass.
            match verify(&group, &chain, &changed) {
                Err(_) => {}
                Ok(other) => {
                    assert!(proven.record.is_none() && other.key != proven.key, "byte {position}")
                }
            }
        }
        assert!(LightProof::from_bytes(&good[1..]).is_err());
        assert!(LightProof::from_bytes(&[&good[..], &[0]].concat()).is_err());
    }
}
