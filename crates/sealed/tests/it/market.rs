//! Sealed markets with real proofs against the plaintext twin, one for each way a gate can end.

use crate::world::{party, rng, seal_all, tariff};
use gridaccord_model::{Price, Watts};
use gridaccord_sealed::{
    book::{SealedGate, own_set_point},
    clearing::{Search, Share},
    curve::Curve,
    gate::{Failure, GateRun, Outcome, Role, Step, SumIndex},
    rehearsal::{Offered, Rehearsal},
    submission::SubmissionSecret,
    tariff::{PRICES, SCALE},
};

/// What a party bids, to be sealed and to be added up in the clear.
#[allow(clippy::large_enum_variant, reason = "eleven of them")]
#[derive(Clone, Copy)]
enum Bid {
    Curve([i64; PRICES], i64),
    Firm(i64),
}

impl Bid {
    fn curve(self) -> Curve {
        match self {
            Self::Curve(points, reserve) => Curve::new(points.map(Watts), Watts(reserve)),
            Self::Firm(watts) => Curve::firm(Watts(watts)),
        }
    }

    fn offered(self) -> Offered {
        match self {
            Self::Curve(..) => Offered::Curve(Box::new(self.curve())),
            Self::Firm(watts) => Offered::Firm(Watts(watts)),
        }
    }
}

const REQUIRED: i64 = 30_000;
/// Position of the storage and of the tie; suppliers stand before them, consumers after.
const STORAGE: usize = 3;
const TIE: usize = 4;
const CONSUMERS: usize = 6;

/// Three suppliers, a storage, a tie, and six consumers in two tiers of three owners.
fn eleven(seed: u64) -> Rehearsal {
    let mut specs: Vec<_> =
        (0..3).map(|owner| party(owner, Role::Supplier, [0, 30_000, 10_000])).collect();
    specs.push(party(3, Role::Storage, [10_000, 10_000, 5_000]));
    specs.push(party(4, Role::Utility, [20_000, 20_000, 0]));
    specs.extend((5..11).map(|owner| party(owner, Role::Consumer, [20_000, 0, 0])));
    for (position, spec) in specs.iter_mut().enumerate().skip(5) {
        spec.tier = if position < 8 { 2 } else { 0 };
    }
    Rehearsal::new(tariff(REQUIRED), &specs, 4, 300, &mut rng(seed)).unwrap()
}

struct Case {
    name: &'static str,
    bids: Vec<Bid>,
    absorb_max: i64,
    check: fn(&Rehearsal, &[Bid], &GateRun, &Outcome),
}

fn flat(watts: i64, reserve: i64) -> Bid {
    Bid::Curve([watts; PRICES], reserve)
}

/// `low` below the price, `high` from it on.
fn step(market: &Rehearsal, at: i64, low: i64, high: i64, reserve: i64) -> Bid {
    let prices = market.tariff.grid.prices();
    Bid::Curve(std::array::from_fn(|k| if prices[k] >= Price(at) { high } else { low }), reserve)
}

/// Rising by the same number of watts at every price.
fn slope(low: i64, rise: i64, reserve: i64) -> Bid {
    Bid::Curve(std::array::from_fn(|k| low + rise * i64::try_from(k).unwrap()), reserve)
}

fn bids(supply: [Bid; 3], storage: Bid, tie: Bid, demand: [i64; CONSUMERS]) -> Vec<Bid> {
    supply.into_iter().chain([storage, tie]).chain(demand.map(Bid::Firm)).collect()
}

fn share_of(run: &GateRun, market: &Rehearsal, position: usize) -> Share {
    run.share(market.parties[position].seat.member).unwrap()
}

fn scaled(run: &GateRun, market: &Rehearsal, bids: &[Bid], position: usize) -> i128 {
    share_of(run, market, position).scaled(&bids[position].curve())
}

fn cleared(outcome: &Outcome) -> gridaccord_sealed::clearing::Cleared {
    match outcome {
        Outcome::Balanced { cleared, .. } => *cleared,
        other => panic!("{other:?}"),
    }
}

fn cases(market: &Rehearsal) -> Vec<Case> {
    let idle = flat(0, 0);
    let tied = step(market, 200_000, 0, 12_000, 10_000);
    let exact = step(market, 60_000, 0, 6_000, 10_000);
    vec![
        Case {
            name: "shortage: reserve is called, one tier is shed whole and the next in part",
            bids: bids([flat(1_000, 10_000); 3], idle, idle, [10_000; 6]),
            absorb_max: 0,
            check: |_, _, run, outcome| {
                let Outcome::Short { gamma, cuts, residue, .. } = outcome else {
                    panic!("{outcome:?}")
                };
                // 60 kW asked, 3 kW and 30 kW of reserve there: 27 kW of the first tier's 30 kW go.
                assert_eq!((*gamma, cuts.len(), run.groups().len()), (SCALE, 1, 2));
                assert_eq!((cuts[0].least_critical, cuts[0].beta), (2, SCALE / 10));
                assert!((0..30_000).contains(residue));
            },
        },
        Case {
            name: "a deeper shortage sheds into the critical tier",
            bids: bids([flat(1_000, 10_000); 3], idle, idle, [20_000; 6]),
            absorb_max: 0,
            check: |_, _, _, outcome| {
                let Outcome::Short { cuts, .. } = outcome else { panic!("{outcome:?}") };
                assert_eq!(cuts.iter().map(|cut| cut.least_critical).collect::<Vec<_>>(), [2, 0]);
                assert_eq!((cuts[0].beta, cuts[1].beta), (0, SCALE * 33 / 60));
            },
        },
        Case {
            name: "surplus at the floor goes to the grid-forming resource",
            bids: bids([flat(20_000, 10_000); 3], idle, idle, [1_000; 6]),
            absorb_max: 54_000,
            check: |market, _, _, outcome| {
                let cleared = cleared(outcome);
                assert_eq!(cleared.price, market.tariff.grid.floor());
                assert_eq!((cleared.share, cleared.residue), (Share::At(1), 54_000 * SCALE));
            },
        },
        Case {
            name: "a surplus beyond what it absorbs fails the gate",
            bids: bids([flat(20_000, 10_000); 3], idle, idle, [1_000; 6]),
            absorb_max: 53_999,
            check: |_, _, _, outcome| {
                let failure = Failure::Surplus { excess: 54_000, limit: Watts(53_999) };
                assert_eq!(*outcome, Outcome::Failed(failure));
            },
        },
        Case {
            name: "all suppliers tied at one step share it in proportion",
            bids: bids([tied; 3], idle, idle, [3_000; 6]),
            absorb_max: 0,
            check: |market, bids, run, outcome| {
                assert_eq!(cleared(outcome).price, Price(199_999));
                let parts = [0, 1, 2].map(|position| scaled(run, market, bids, position));
                assert_eq!(parts, [6_000 * SCALE; 3]);
            },
        },
        Case {
            name: "an exact hit, Z_u = 0",
            bids: bids([exact; 3], idle, idle, [3_000; 6]),
            absorb_max: 0,
            check: |_, _, _, outcome| {
                let cleared = cleared(outcome);
                assert_eq!((cleared.price, cleared.residue), (Price(60_000), 0));
                assert_eq!(cleared.share, Share::At(cleared.u));
            },
        },
        Case {
            name: "storage and tie on the margin, between their points",
            bids: bids(
                [flat(4_000, 10_000); 3],
                slope(-9_000, 600, 0),
                step(market, 200_000, -5_000, 15_000, 0),
                [2_150; 6],
            ),
            absorb_max: 0,
            check: |market, bids, run, outcome| {
                let cleared = cleared(outcome);
                let Share::Between { u, alpha } = cleared.share else { panic!("{cleared:?}") };
                assert!((1..SCALE).contains(&alpha));
                for position in [STORAGE, TIE] {
                    let curve = bids[position].curve();
                    let at = |k| i128::from(curve.at(k).unwrap().0) * SCALE;
                    let own = scaled(run, market, bids, position);
                    assert!(at(u - 1) < own && own < at(u), "party {position} is on the margin");
                }
            },
        },
        Case {
            name: "every curve on its certified limits",
            bids: bids(
                [step(market, 60_000, 0, 20_000, 10_000); 3],
                step(market, 200_000, -10_000, 10_000, 0),
                step(market, 200_000, -20_000, 20_000, 0),
                [20_000, 20_000, 0, 0, 0, 0],
            ),
            absorb_max: 0,
            check: |market, bids, run, outcome| {
                cleared(outcome);
                for (position, party) in market.parties.iter().enumerate() {
                    let own = scaled(run, market, bids, position);
                    let limits = party.limits;
                    assert!(own >= -SCALE * i128::from(limits.import.0));
                    assert!(own <= SCALE * i128::from(limits.export.0));
                }
            },
        },
        Case {
            name: "N-1: the reserve of the others covers the loss of any, to the watt",
            bids: bids([flat(20_000, 10_000); 3], idle, idle, [10_000; 6]),
            absorb_max: 0,
            check: |market, bids, run, outcome| {
                let Outcome::Balanced { reserve, .. } = outcome else { panic!("{outcome:?}") };
                assert_eq!(*reserve, i128::from(REQUIRED));
                for lost in 0..3 {
                    let own = i128::from(bids[lost].curve().reserve().0);
                    assert_eq!(scaled(run, market, bids, lost), (reserve - own) * SCALE);
                }
            },
        },
        Case {
            name: "a watt of reserve less fails the gate",
            bids: bids(
                [flat(20_000, 10_000), flat(20_000, 10_000), flat(20_000, 9_999)],
                idle,
                idle,
                [10_000; 6],
            ),
            absorb_max: 0,
            check: |_, _, _, outcome| {
                let failure = Failure::Reserve { held: 29_999, required: Watts(REQUIRED) };
                assert_eq!(*outcome, Outcome::Failed(failure));
            },
        },
    ]
}

fn twin(market: &Rehearsal, plain: &[Curve], absorb_max: i64) -> (GateRun, Outcome) {
    let seats: Vec<_> = market.parties.iter().map(|party| party.seat).collect();
    let mut run = GateRun::new(market.tariff, Watts(absorb_max), &seats, Search::cold());
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
        let Some(share) = run.share(member) else {
            assert!(gate.set_point(member).is_none(), "a failed gate sets no point");
            continue;
        };
        let own = own_set_point(secret, share).unwrap();
        assert_eq!(own.scaled.value(), share.scaled(curve));
        assert_eq!(i128::from(own.power.0), share.scaled(curve).div_euclid(SCALE));
        assert_eq!(own.scaled.commit(), gate.set_point(member).unwrap());
    }
}

#[test]
fn sealed_markets_clear_as_their_plaintext_twins_in_every_way_a_gate_can_end() {
    let mut rng = rng(5);
    let mut market = eleven(5);
    let cases = cases(&market);
    for Case { name, bids, absorb_max, check } in cases {
        let plain: Vec<Curve> = bids.iter().map(|bid| bid.curve()).collect();
        let offers: Vec<Offered> = bids.iter().map(|bid| bid.offered()).collect();
        let (postings, secrets) = seal_all(&market, &offers, &mut rng);
        let closed = market.close(market.verify(postings).unwrap()).unwrap();
        let mut gate = SealedGate::new(closed, market.tariff, Watts(absorb_max), Search::cold());
        let (outcome, opened) = market.decide(&mut gate, &mut rng).unwrap();
        let (run, expected) = twin(&market, &plain, absorb_max);
        assert_eq!(outcome, expected, "{name}");
        assert!(opened.len() <= 8, "{name}: {} sums opened", opened.len());
        check(&market, &bids, &run, &outcome);
        check_set_points(&market, &gate, (&run, &plain), &secrets);
        market.next_gate();
    }
}
