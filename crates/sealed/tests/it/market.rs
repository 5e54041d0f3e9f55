//! Sealed markets with real proofs against the plaintext twin, and openings under attack.

use crate::{
    twin::random_curve,
    world::{rng, seal_all, six},
};
use gridaccord_model::Watts;
use gridaccord_sealed::{
    book::{SealedGate, own_set_point},
    clearing::Search,
    curve::Curve,
    gate::{GateRun, Outcome, Step, SumIndex},
    rehearsal::{Offered, Rehearsal},
    submission::SubmissionSecret,
    tariff::{PRICES, SCALE},
};
use rand_chacha::{ChaCha20Rng, rand_core::Rng as _};

/// What each party offers, twice: once to seal, once for the twin.
fn draw(rng: &mut ChaCha20Rng, demand: u32) -> (Vec<Curve>, Vec<Offered>) {
    let mut plain = Vec::new();
    let mut offers = Vec::new();
    for party in 0..6 {
        if party < 3 {
            let curve = random_curve(0, 29_000, 20_000, rng);
            let again =
                Curve::new(std::array::from_fn(|k| curve.at(k + 1).unwrap()), curve.reserve());
            offers.push(Offered::Curve(Box::new(curve)));
            plain.push(again);
        } else {
            let watts = Watts(1 + i64::from(rng.next_u32() % demand));
            offers.push(Offered::Firm(watts));
            plain.push(Curve::firm(watts));
        }
    }
    (plain, offers)
}

fn twin(market: &Rehearsal, plain: &[Curve]) -> (GateRun, Outcome) {
    let seats: Vec<_> = market.parties.iter().map(|party| party.seat).collect();
    let mut run = GateRun::new(market.tariff, Watts(1_000_000), &seats, Search::cold());
    loop {
        let index = match run.step() {
            Step::Done(outcome) => return (run, outcome),
            Step::Open(index) => index,
        };
        let at = |curve: &Curve, k: usize| i128::from(curve.at(k).unwrap().0);
        let value = match index {
            SumIndex::Price(k) => plain.iter().map(|curve| at(curve, usize::from(k))).sum(),
            SumIndex::Reserve => plain.iter().map(|curve| i128::from(curve.reserve().0)).sum(),
            SumIndex::Tier(tier) => {
                let group = run.groups().iter().find(|group| group.least_critical == tier).unwrap();
                let parties = market.parties.iter().zip(plain);
                let within =
                    parties.filter(|(party, _)| group.members.contains(&party.seat.member));
                within.map(|(_, curve)| at(curve, PRICES)).sum()
            }
            other => panic!("{other:?} is not a gate's sum"),
        };
        run.record(index, value).unwrap();
    }
}

/// Everybody's derived commitment opens to the twin's number, and only the owner knows it.
fn check_set_points(
    market: &Rehearsal,
    gate: &SealedGate,
    (run, plain): (&GateRun, &[Curve]),
    secrets: &[SubmissionSecret],
) {
    for ((party, curve), secret) in market.parties.iter().zip(plain).zip(secrets) {
        let member = party.seat.member;
        let share = run.share(member).unwrap();
        let own = own_set_point(secret, share).unwrap();
        assert_eq!(own.scaled.value(), share.scaled(curve));
        assert_eq!(i128::from(own.power.0), share.scaled(curve).div_euclid(SCALE));
        assert_eq!(own.scaled.commit(), gate.set_point(member).unwrap());
    }
}

#[test]
fn five_sealed_markets_clear_as_their_plaintext_twins() {
    let mut rng = rng(5);
    let mut market = six(5);
    let mut ends = [0; 2];
    // The last one asks for more than there is: reserve, then shedding, is decided sealed as well.
    for demand in [9_000, 12_000, 15_000, 19_000, 19_999] {
        let (plain, mut offers) = draw(&mut rng, demand);
        let plain = if demand == 19_999 {
            let weak: Vec<Curve> =
                (0..3).map(|_| Curve::new([Watts(1_000); PRICES], Watts(20_000))).collect();
            offers.truncate(0);
            offers.extend((0..3).map(|_| {
                Offered::Curve(Box::new(Curve::new([Watts(1_000); PRICES], Watts(20_000))))
            }));
            offers.extend((3..6).map(|_| Offered::Firm(Watts(40_000))));
            weak.into_iter().chain((3..6).map(|_| Curve::firm(Watts(40_000)))).collect()
        } else {
            plain
        };
        let (postings, secrets) = seal_all(&market, &offers, &mut rng);
        let verified = market.verify(postings).unwrap();
        let closed = market.close(verified).unwrap();
        let mut gate = SealedGate::new(closed, market.tariff, Watts(1_000_000), Search::cold());
        let (outcome, opened) = market.decide(&mut gate, &mut rng).unwrap();
        let (run, expected) = twin(&market, &plain);
        assert_eq!(outcome, expected);
        assert!(opened.len() <= 8);
        if let Outcome::Short { cuts, .. } = &outcome {
            assert_eq!(cuts.len(), 1, "reserve alone must not do");
        }
        ends[usize::from(matches!(outcome, Outcome::Short { .. }))] += 1;
        check_set_points(&market, &gate, (&run, &plain), &secrets);
        market.next_gate();
    }
    assert!(ends.iter().all(|count| *count > 0), "{ends:?}");
}
