//! Key generation with up to f holders silent or lying at each step.

use super::*;
use crate::{
    gate::SumIndex,
    group::Opening,
    logarithm::LogTable,
    opening::{SealedSum, Share, assemble},
    statement::Cipher,
    transcript::GateFacts,
};
use gridaccord_model::{GateId, Interval, TimeS};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

const CHAIN: Digest = Digest([7; 32]);

fn committee(size: usize, rng: &mut ChaCha20Rng) -> (Committee, Vec<Receiver>) {
    let secrets: Vec<SecretScalar> = (0..size).map(|_| SecretScalar::random(rng)).collect();
    let keys = secrets.iter().map(|secret| Point::new(secret.public()).unwrap()).collect();
    let receivers =
        (0u16..).zip(secrets).map(|(holder, secret)| Receiver::new(holder, secret)).collect();
    (Committee::new(CHAIN, 3, keys).unwrap(), receivers)
}

fn dealings(
    committee: &Committee,
    dealers: impl Iterator<Item = u16>,
    rng: &mut ChaCha20Rng,
) -> Dealings {
    let mut phase = Dealings::open(committee.clone());
    for dealer in dealers {
        phase.post(Dealing::deal(committee, dealer, rng).unwrap()).unwrap();
    }
    phase
}

/// A dealing whose proofs hold and whose share for `victim` is false, under `ephemeral`.
fn lie(committee: &Committee, dealer: u16, victim: u16, rng: &mut ChaCha20Rng) -> Dealing {
    let polynomial: Vec<SecretScalar> =
        (0..committee.threshold()).map(|_| SecretScalar::random(rng)).collect();
    let mut dealing =
        Dealing::deal_polynomial(committee, (dealer, None), &polynomial, rng).unwrap();
    // Dealt anew with the same constant term, so that the proof of it can be made over the false share.
    let ephemeral = SecretScalar::random(rng);
    dealing.ephemeral = Point::new(ephemeral.public()).unwrap();
    let mut shares: Vec<WireScalar> = (0u16..)
        .zip(&committee.keys)
        .map(|(receiver, key)| {
            let shared = Commitment::new(key.point() * ephemeral.0);
            let share = polynomial
                .iter()
                .rev()
                .fold(Scalar::ZERO, |sum, part| sum * argument(receiver) + part.0);
            WireScalar(share + mask(committee, dealer, receiver, &dealing.ephemeral, &shared))
        })
        .collect();
    shares[usize::from(victim)].0 += Scalar::ONE;
    dealing.shares = Bounded::new(shares).unwrap();
    let mut transcript = bind_dealing(
        committee,
        (dealer, &dealing.commitments, &dealing.ephemeral, &dealing.shares),
    );
    dealing.knows_constant =
        KnowledgeProof::prove(&mut transcript, &polynomial[0], &dealing.commitments[0], rng);
    dealing.knows_ephemeral =
        KnowledgeProof::prove(&mut transcript, &ephemeral, &dealing.ephemeral, rng);
    dealing
}

/// Opens an encryption of 4,321 with the given shares.
fn opens(key: &EpochKey, shares: &[KeyShare], rng: &mut ChaCha20Rng) -> Option<i128> {
    let gate = GateFacts {
        chain: CHAIN,
        gate: GateId(1),
        interval: Interval { start: TimeS(0), duration_s: 300 },
        epoch: key.epoch(),
        key: key.key(),
        grid: CHAIN,
    };
    let (cipher, _) = Cipher::seal(&Opening::hide(4_321, rng), &key.key(), rng);
    let sum = SealedSum::new(gate, SumIndex::Reserve, CHAIN, cipher.k, cipher.m);
    let given: Vec<Share> = shares
        .iter()
        .map(|share| Share::give(&sum, share, &key.holder(share.holder).unwrap(), rng))
        .collect();
    let open = assemble(&sum, key, &given, &LogTable::new(8), 10_000).ok()?;
    Some(open.verify(&sum, key).unwrap().value())
}

#[test]
fn any_threshold_of_holders_opens_and_one_fewer_does_not() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let (committee, receivers) = committee(7, &mut rng);
    assert_eq!((committee.faults(), committee.threshold()), (2, 5));
    let phase = dealings(&committee, 0..7, &mut rng).close();
    let key = phase.clone().close().unwrap();
    let shares: Vec<KeyShare> =
        receivers.iter().map(|holder| holder.share(&phase, &key).unwrap()).collect();
    assert_eq!(opens(&key, &shares[..5], &mut rng), Some(4_321));
    assert_eq!(opens(&key, &shares[2..], &mut rng), Some(4_321));
    assert_eq!(opens(&key, &shares[..4], &mut rng), None);
}

#[test]
fn up_to_f_silent_dealers_change_nothing_and_one_more_keeps_the_old_key() {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let (committee, receivers) = committee(7, &mut rng);
    let phase = dealings(&committee, 2..7, &mut rng).close();
    let key = phase.clone().close().unwrap();
    assert_eq!(key.qualified(), [2, 3, 4, 5, 6]);
    // The silent dealers still receive: they may be back by the time a sum is opened.
    let shares: Vec<KeyShare> =
        receivers.iter().take(5).map(|holder| holder.share(&phase, &key).unwrap()).collect();
    assert_eq!(opens(&key, &shares, &mut rng), Some(4_321));
    let short = dealings(&committee, 3..7, &mut rng).close();
    assert_eq!(short.close(), Err(KeygenError::TooFew { qualified: 4, needed: 5 }));
}

#[test]
fn a_dealer_of_a_false_share_is_out_by_one_complaint_that_everybody_checks() {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let (committee, receivers) = committee(4, &mut rng);
    let mut phase = dealings(&committee, 0..3, &mut rng);
    phase.post(lie(&committee, 3, 1, &mut rng)).unwrap();
    let mut phase = phase.close();
    assert!(receivers[0].complaints(&phase, &mut rng).is_empty());
    let complaints = receivers[1].complaints(&phase, &mut rng);
    assert_eq!(complaints.len(), 1);
    phase.post(&complaints[0]).unwrap();
    let key = phase.clone().close().unwrap();
    assert_eq!(key.qualified(), [0, 1, 2]);
    let shares: Vec<KeyShare> =
        receivers.iter().skip(1).map(|holder| holder.share(&phase, &key).unwrap()).collect();
    assert_eq!(opens(&key, &shares, &mut rng), Some(4_321));
}

#[test]
fn a_complaint_without_ground_or_with_a_false_key_is_refused() {
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    let (committee, receivers) = committee(4, &mut rng);
    let mut phase = dealings(&committee, 0..4, &mut rng).close();
    let unfounded = receivers[1].complain(&phase, 2, &mut rng).unwrap();
    assert_eq!(
        phase.post(&unfounded),
        Err(KeygenError::ComplaintUnfounded { receiver: 1, dealer: 2 })
    );
    let mut forged = unfounded;
    forged.shared = Commitment::new(forged.shared.point() + crate::group::base());
    assert_eq!(phase.post(&forged), Err(KeygenError::ComplaintFalse { receiver: 1, dealer: 2 }));
    let moved = Complaint { dealer: 3, ..unfounded };
    assert_eq!(phase.post(&moved), Err(KeygenError::ComplaintFalse { receiver: 1, dealer: 3 }));
    assert_eq!(phase.close().unwrap().qualified(), [0, 1, 2, 3]);
}

#[test]
fn a_dealing_is_refused_when_copied_misshapen_repeated_or_without_knowledge() {
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let (committee, _) = committee(4, &mut rng);
    let honest = Dealing::deal(&committee, 0, &mut rng).unwrap();
    let mut phase = Dealings::open(committee.clone());
    phase.post(honest.clone()).unwrap();
    assert_eq!(phase.post(honest.clone()), Err(KeygenError::DealtTwice(0)));
    let copied = Dealing { dealer: 1, ..honest.clone() };
    assert_eq!(phase.post(copied), Err(KeygenError::Knowledge(1)));
    // The attack the second proof is for: another's ephemeral key under a dealing of one's own.
    let mut own = Dealing::deal(&committee, 1, &mut rng).unwrap();
    own.ephemeral = honest.ephemeral;
    assert_eq!(phase.post(own), Err(KeygenError::Knowledge(1)));
    let mut short = Dealing::deal(&committee, 2, &mut rng).unwrap();
    short.shares = Bounded::new(short.shares[..3].to_vec()).unwrap();
    assert_eq!(phase.post(short), Err(KeygenError::Shape(2)));
    let mut high = Dealing::deal(&committee, 2, &mut rng).unwrap();
    let mut commitments = high.commitments.to_vec();
    commitments.push(honest.commitments[0]);
    high.commitments = Bounded::new(commitments).unwrap();
    assert_eq!(phase.post(high), Err(KeygenError::Shape(2)));
    let elsewhere = Committee::new(CHAIN, 4, committee.keys.clone()).unwrap();
    let replayed = Dealing::deal(&elsewhere, 3, &mut rng).unwrap();
    assert_eq!(phase.post(replayed), Err(KeygenError::Knowledge(3)));
}

/// What a bad holder does in key generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Deals nothing and complains about nobody.
    Silent,
    /// Deals a false share to an honest holder.
    CheatsHonest,
    /// Deals a false share to its accomplice, which does not complain.
    CheatsAccomplice,
    /// Complains about an honest dealer without ground.
    Slanders,
    /// Complains with a key that is not the one it holds.
    Forges,
}

#[test]
fn any_two_of_seven_holders_silent_or_lying_at_each_step_change_nothing() {
    const FAULTS: [Fault; 5] = [
        Fault::Silent,
        Fault::CheatsHonest,
        Fault::CheatsAccomplice,
        Fault::Slanders,
        Fault::Forges,
    ];
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let (committee, receivers) = committee(7, &mut rng);
    for faults in FAULTS.iter().flat_map(|one| FAULTS.map(|two| [*one, two])) {
        // Holders 5 and 6 are bad.
        let mut phase = dealings(&committee, 0..5, &mut rng);
        for (dealer, accomplice, fault) in [(5, 6, faults[0]), (6, 5, faults[1])] {
            match fault {
                Fault::Silent => {}
                Fault::CheatsHonest => {
                    phase.post(lie(&committee, dealer, dealer - 4, &mut rng)).unwrap();
                }
                Fault::CheatsAccomplice => {
                    phase.post(lie(&committee, dealer, accomplice, &mut rng)).unwrap();
                }
                _ => phase.post(Dealing::deal(&committee, dealer, &mut rng).unwrap()).unwrap(),
            }
        }
        let mut phase = phase.close();
        for (holder, fault) in [(5, faults[0]), (6, faults[1])] {
            let slander = receivers[holder].complain(&phase, 0, &mut rng).unwrap();
            let receiver = u16::try_from(holder).unwrap();
            let (complaint, expected) = match fault {
                Fault::Slanders => {
                    (slander, KeygenError::ComplaintUnfounded { receiver, dealer: 0 })
                }
                Fault::Forges => {
                    let shared = Commitment::new(slander.shared.point() + crate::group::base());
                    let forged = Complaint { shared, ..slander };
                    (forged, KeygenError::ComplaintFalse { receiver, dealer: 0 })
                }
                _ => continue,
            };
            assert_eq!(phase.post(&complaint), Err(expected));
        }
        for honest in &receivers[..5] {
            for complaint in honest.complaints(&phase, &mut rng) {
                assert!(complaint.dealer >= 5, "only liars are complained about");
                phase.post(&complaint).unwrap();
            }
        }
        let key = phase.clone().close().unwrap();
        assert_eq!(key.qualified()[..5], [0, 1, 2, 3, 4], "{faults:?}");
        for (dealer, fault) in [(5, faults[0]), (6, faults[1])] {
            let out = matches!(fault, Fault::Silent | Fault::CheatsHonest);
            assert_eq!(key.qualified().contains(&dealer), !out, "{faults:?}");
        }
        // The five honest holders open; silence and false shares of the other two change nothing.
        let shares: Vec<KeyShare> = receivers[..5]
            .iter()
            .map(|holder| holder.share(&phase, &key).unwrap())
            .chain([5, 6].map(|holder| KeyShare { holder, secret: SecretScalar(Scalar::ONE) }))
            .collect();
        assert_eq!(opens(&key, &shares, &mut rng), Some(4_321), "{faults:?}");
        assert_eq!(opens(&key, &shares[1..], &mut rng), None, "four true shares are too few");
    }
}

#[test]
fn placements_in_which_one_owner_or_one_role_could_open_are_refused() {
    let seat = |owner, role| (OwnerId(owner), role);
    let (supplier, storage, consumer) = (Role::Supplier, Role::Storage, Role::Consumer);
    let four = |roles: [Role; 4]| (0u16..).zip(roles).map(|(o, r)| seat(o, r)).collect::<Vec<_>>();
    assert_eq!(check_placement(&four([supplier, supplier, consumer, Role::Campus])), Ok(()));
    assert_eq!(
        check_placement(&four([supplier, storage, supplier, consumer])),
        Err(Refusal::RoleShares)
    );
    let twice = [seat(1, supplier), seat(1, supplier), seat(2, consumer), seat(3, Role::Utility)];
    assert_eq!(check_placement(&twice), Err(Refusal::OwnerShares));
    let seven: Vec<_> =
        (0..4).map(|o| seat(o, supplier)).chain((4..7).map(|o| seat(o, consumer))).collect();
    assert_eq!(check_placement(&seven), Ok(()));
}

#[test]
fn shares_of_frosts_own_key_generation_open_our_sums() {
    use frost_ristretto255::{Identifier, keys::dkg, rand_core as old};
    struct Adapter(ChaCha20Rng);
    impl old::RngCore for Adapter {
        fn next_u32(&mut self) -> u32 {
            rand_core::Rng::next_u32(&mut self.0)
        }
        fn next_u64(&mut self) -> u64 {
            rand_core::Rng::next_u64(&mut self.0)
        }
        fn fill_bytes(&mut self, bytes: &mut [u8]) {
            rand_core::Rng::fill_bytes(&mut self.0, bytes);
        }
        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), old::Error> {
            rand_core::Rng::fill_bytes(&mut self.0, bytes);
            Ok(())
        }
    }
    impl old::CryptoRng for Adapter {}

    let mut rng = Adapter(ChaCha20Rng::seed_from_u64(6));
    let ids: Vec<Identifier> = (1u16..=7).map(|id| id.try_into().unwrap()).collect();
    let mut secrets = BTreeMap::new();
    let mut round1 = BTreeMap::new();
    for id in &ids {
        let (secret, package) = dkg::part1(*id, 7, 5, &mut rng).unwrap();
        secrets.insert(*id, secret);
        round1.insert(*id, package);
    }
    let others = |id: &Identifier| {
        let mut others = round1.clone();
        others.remove(id);
        others
    };
    let mut inboxes: BTreeMap<Identifier, BTreeMap<Identifier, _>> = BTreeMap::new();
    let mut round2 = BTreeMap::new();
    for id in &ids {
        let (secret, packages) = dkg::part2(secrets.remove(id).unwrap(), &others(id)).unwrap();
        round2.insert(*id, secret);
        for (to, package) in packages {
            inboxes.entry(to).or_default().insert(*id, package);
        }
    }
    let point = |bytes: Vec<u8>| Point::from_bytes(bytes.try_into().unwrap()).unwrap();
    let (mut holders, mut shares, mut group) = (Vec::new(), Vec::new(), None);
    for (holder, id) in (0u16..).zip(&ids) {
        let (own, public) = dkg::part3(&round2[id], &others(id), &inboxes[id]).unwrap();
        let secret: [u8; 32] = own.signing_share().serialize().try_into().unwrap();
        shares.push(KeyShare { holder, secret: SecretScalar::from_bytes(secret).unwrap() });
        holders.push(point(own.verifying_share().serialize().unwrap()));
        group = Some(point(public.verifying_key().serialize().unwrap()));
    }
    let key = EpochKey {
        epoch: 9,
        key: group.unwrap(),
        holders,
        threshold: 5,
        qualified: (0..7).collect(),
    };
    assert_eq!(opens(&key, &shares[1..6], &mut rng.0), Some(4_321));
    assert_eq!(opens(&key, &shares[..4], &mut rng.0), None);
}
