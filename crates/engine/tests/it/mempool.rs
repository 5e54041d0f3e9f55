//! Bounds, turns and leavings of the mempool.

use commonware_codec::Encode as _;
use commonware_cryptography::{Signer as _, ed25519};
use gridaccord_engine::{
    Refused,
    block::PAYLOAD_SIZE_MAX,
    mempool::{
        Admitted, BLOCK_MEMBER_MAX, BYTES_MAX, MEMBER_BYTES_MAX, MEMBER_COMMANDS_MAX, Mempool,
        RESERVED,
    },
};
use gridaccord_ledger::{Command, Digest, SignedCommand};
use gridaccord_model::MemberId;
use std::collections::{BTreeMap, BTreeSet};

const CHAIN: Digest = Digest([7; 32]);

fn command(member: u16, nonce: u64) -> SignedCommand {
    let key = ed25519::PrivateKey::from_seed(u64::from(member));
    let command = Command::RotateKey { key: key.public_key() };
    SignedCommand::sign(&CHAIN, &key, MemberId(member), nonce, command)
}

fn reveal(member: u16, nonce: u64, size: usize) -> SignedCommand {
    let key = ed25519::PrivateKey::from_seed(u64::from(member));
    let command = Command::Reveal {
        gate: gridaccord_model::GateId(1),
        builder: MemberId(member),
        salt: [0; 32],
        answer: gridaccord_model::codec::Blob::new(vec![0; size]).unwrap(),
    };
    SignedCommand::sign(&CHAIN, &key, MemberId(member), nonce, command)
}

#[test]
fn rules_of_admission() {
    let mut pool = Mempool::default();
    let refused = |result: Result<Admitted, Refused>| result.unwrap_err();
    assert!(matches!(
        refused(pool.admit(command(1, 4), 5, true)),
        Refused::NonceOld { next: 5, .. }
    ));
    assert!(matches!(refused(pool.admit(command(1, 69), 5, true)), Refused::NonceAhead { .. }));
    assert!(matches!(pool.admit(command(1, 5), 5, true), Ok(Admitted::New(_))));
    assert!(matches!(pool.admit(command(1, 5), 5, true), Ok(Admitted::Known(_))));
    let other = reveal(1, 5, 10);
    assert!(matches!(refused(pool.admit(other, 5, true)), Refused::NonceTaken { .. }));
    for nonce in 6..5 + MEMBER_COMMANDS_MAX as u64 {
        pool.admit(command(1, nonce), 5, true).unwrap();
    }
    assert_eq!(pool.len(), MEMBER_COMMANDS_MAX);
    assert!(matches!(
        refused(pool.admit(command(1, 69), 6, true)),
        Refused::MemberFull(MemberId(1))
    ));
}

#[test]
fn bytes_are_bounded_per_member_and_in_all() {
    let mut pool = Mempool::default();
    let mut full = false;
    for member in 0..600u16 {
        for nonce in 0..8 {
            match pool.admit(reveal(member, nonce, 60 * 1024), 0, false) {
                Ok(_) => {}
                Err(Refused::MemberFull(_)) => assert!(nonce >= 4),
                Err(Refused::Full) => full = true,
                Err(other) => panic!("{other}"),
            }
        }
    }
    assert!(full);
    assert!(pool.bytes() <= BYTES_MAX && pool.bytes() + MEMBER_BYTES_MAX > BYTES_MAX);
}

#[test]
fn turns_go_round_in_nonce_order() {
    let mut pool = Mempool::default();
    for member in 1..=3u16 {
        for nonce in 0..20 {
            pool.admit(command(member, nonce), 0, false).unwrap();
        }
    }
    let next = (1..=3).map(|member| (MemberId(member), 0)).collect();
    let selected = pool.select(&CHAIN, &next);
    assert_eq!(selected.len(), 3 * BLOCK_MEMBER_MAX);
    for (index, round) in selected.chunks(3).enumerate() {
        let members: BTreeSet<_> = round.iter().map(|command| command.member).collect();
        assert_eq!(members.len(), 3);
        assert!(round.iter().all(|command| command.nonce == index as u64));
    }
    let orders: BTreeSet<_> = (0..64u8)
        .map(|byte| {
            pool.select(&Digest([byte; 32]), &next)[..3]
                .iter()
                .map(|c| c.member)
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(orders.len(), 6, "every order comes up");
}

#[test]
fn room_is_kept_for_late_commands() {
    let mut pool = Mempool::default();
    let next: BTreeMap<_, _> = (0..40).map(|member| (MemberId(member), 0)).collect();
    for member in 0..40u16 {
        for nonce in 0..4 {
            pool.admit(reveal(member, nonce, 50 * 1024), 0, false).unwrap();
        }
    }
    let size: usize = pool.select(&CHAIN, &next).iter().map(|command| command.encode().len()).sum();
    assert!(size <= PAYLOAD_SIZE_MAX && size > PAYLOAD_SIZE_MAX - RESERVED);
}

#[test]
fn finalised_and_refused_commands_leave() {
    let mut pool = Mempool::default();
    for nonce in 0..4 {
        pool.admit(command(1, nonce), 0, false).unwrap();
    }
    pool.settle(MemberId(1), 2, &BTreeSet::from([0, 1]));
    assert_eq!(pool.len(), 2);
    assert!(pool.ready(&BTreeMap::new()));
    assert!(!pool.ready(&BTreeMap::from([(MemberId(1), 4)])));
    pool.settle(MemberId(1), 2, &BTreeSet::from([2]));
    assert_eq!(pool.len(), 1, "a command that ran without using its nonce is gone");
    assert!(!pool.ready(&BTreeMap::new()));
    pool.settle(MemberId(1), 4, &BTreeSet::new());
    assert_eq!((pool.len(), pool.bytes()), (0, 0));
}
