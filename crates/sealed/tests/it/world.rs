//! Small markets to test with, from one seed.

use gridaccord_model::{Money, OwnerId, Price, Watts};
use gridaccord_sealed::{
    Digest,
    curve::{Curve, Limits},
    gate::Role,
    group::{Point, SecretScalar},
    keygen::{Committee, Dealing, Dealings, EpochKey, KeyShare, Receiver},
    limit::SourceClass,
    rehearsal::{Offered, PartySpec, Rehearsal},
    submission::{Submission, SubmissionSecret},
    tariff::{PRICES, PriceGrid, Tariff},
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

pub(crate) fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// Feed-in at 60,000 µ/kWh, retail at 200,000, cap at 10 a kWh.
pub(crate) fn tariff(reserve: i64) -> Tariff {
    let grid = PriceGrid::around(
        Price(-50_000),
        Price(60_000),
        Price(200_000),
        [Price(2_000_000), Price(5_000_000)],
        Price(10_000_000),
    )
    .unwrap();
    Tariff {
        version: 1,
        grid,
        reserve_required: Watts(reserve),
        reserve_price: Price(10_000),
        penalty_floor: Price(50_000),
        loss_ppm: 20_000,
    }
}

pub(crate) fn party(owner: u16, role: Role, limits: [i64; 3]) -> PartySpec {
    let [import, export, reserve] = limits.map(Watts);
    PartySpec {
        name: format!("party {owner}"),
        owner: OwnerId(owner),
        role,
        source: if role == Role::Consumer { SourceClass::None } else { SourceClass::Solar },
        tier: u8::try_from(owner % 3).unwrap(),
        limits: Limits { import, export, reserve },
        deposit: Money(1_000_000_000),
    }
}

/// Three suppliers and three consumers of distinct owners.
pub(crate) fn six(seed: u64) -> Rehearsal {
    let mut specs: Vec<PartySpec> =
        (0..3).map(|o| party(o, Role::Supplier, [0, 50_000, 30_000])).collect();
    specs.extend((3..6).map(|o| party(o, Role::Consumer, [40_000, 0, 0])));
    Rehearsal::new(tariff(60_000), &specs, 4, 300, &mut rng(seed)).unwrap()
}

/// Seals one offer for each party, in order.
pub(crate) fn seal_all(
    market: &Rehearsal,
    offers: &[Offered],
    rng: &mut ChaCha20Rng,
) -> (Vec<Submission>, Vec<SubmissionSecret>) {
    market
        .parties
        .iter()
        .zip(offers)
        .map(|(party, offer)| market.seal(party, offer, rng).unwrap())
        .unzip()
}

/// Firm demand is cheap to prove: a market of nothing else still tries every rule about places and proofs.
pub(crate) fn firm(
    market: &Rehearsal,
    member: usize,
    watts: i64,
    rng: &mut ChaCha20Rng,
) -> Submission {
    market.seal(&market.parties[member], &Offered::Firm(Watts(watts)), rng).unwrap().0
}

/// A curve that offers nothing, for suppliers of markets in which only demand matters.
pub(crate) fn idle() -> Offered {
    Offered::Curve(Box::new(Curve::new([Watts(0); PRICES], Watts(0))))
}

/// The first of four holders' share of a key, and the key.
pub(crate) fn key_share(rng: &mut ChaCha20Rng) -> (KeyShare, EpochKey) {
    let secrets: Vec<SecretScalar> = (0..4).map(|_| SecretScalar::random(rng)).collect();
    let keys = secrets.iter().map(|secret| Point::new(secret.public()).unwrap()).collect();
    let committee = Committee::new(Digest([1; 32]), 1, keys).unwrap();
    let mut dealings = Dealings::open(committee.clone());
    for dealer in 0..4 {
        dealings.post(Dealing::deal(&committee, dealer, rng).unwrap()).unwrap();
    }
    let complaints = dealings.close();
    let key = complaints.clone().close().unwrap();
    let first = Receiver::new(0, secrets.into_iter().next().unwrap());
    (first.share(&complaints, &key).unwrap(), key)
}
