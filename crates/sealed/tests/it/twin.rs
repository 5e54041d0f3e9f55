//! The plaintext twin against an open clearing worked out another way, and every end of the rule.

use crate::world::{rng, tariff};
use gridaccord_model::{MemberId, OwnerId, Price, Watts};
use gridaccord_sealed::{
    clearing::{Crossing, Search, Share},
    curve::Curve,
    gate::{Failure, GateRun, Outcome, Role, Seat, Step, SumIndex, tier_groups},
    tariff::{PRICES, SCALE, Tariff},
};
use rand_chacha::{ChaCha20Rng, rand_core::Rng as _};
use std::collections::BTreeSet;

/// A market in the clear.
pub(crate) struct Plain {
    pub(crate) seats: Vec<Seat>,
    pub(crate) curves: Vec<Curve>,
}

impl Plain {
    fn sum(&self, index: SumIndex, run: &GateRun) -> i128 {
        let value = |curve: &Curve, k: usize| i128::from(curve.at(k).unwrap().0);
        match index {
            SumIndex::Price(k) => {
                self.curves.iter().map(|curve| value(curve, usize::from(k))).sum()
            }
            SumIndex::Reserve => {
                self.curves.iter().map(|curve| i128::from(curve.reserve().0)).sum()
            }
            SumIndex::Tier(tier) => {
                let group = run.groups().iter().find(|group| group.least_critical == tier).unwrap();
                let parties = self.seats.iter().zip(&self.curves);
                let within = parties.filter(|(seat, _)| group.members.contains(&seat.member));
                within.map(|(_, curve)| value(curve, PRICES)).sum()
            }
            other => panic!("{other:?} is not a gate's sum"),
        }
    }

    /// Runs the gate on true sums.
    pub(crate) fn run(
        &self,
        tariff: &Tariff,
        absorb_max: i64,
        search: Search,
    ) -> (GateRun, Outcome) {
        let mut run = GateRun::new(*tariff, Watts(absorb_max), &self.seats, search);
        loop {
            match run.step() {
                Step::Done(outcome) => return (run, outcome),
                Step::Open(index) => run.record(index, self.sum(index, &run)).unwrap(),
            }
        }
    }

    /// Σ S·g over all members.
    fn balance(&self, run: &GateRun) -> i128 {
        self.seats
            .iter()
            .zip(&self.curves)
            .map(|(seat, c)| run.share(seat.member).unwrap().scaled(c))
            .sum()
    }
}

fn seat(member: u16, role: Role, tier: u8) -> Seat {
    Seat { member: MemberId(member), owner: OwnerId(member), role, tier }
}

fn market(parties: Vec<(Role, u8, Curve)>) -> Plain {
    let (seats, curves) = (0u16..)
        .zip(parties)
        .map(|(member, (role, tier, curve))| (seat(member, role, tier), curve))
        .unzip();
    Plain { seats, curves }
}

/// A rising curve between `low` and `high` with jumps at random points.
pub(crate) fn random_curve(low: i64, high: i64, reserve: i64, rng: &mut ChaCha20Rng) -> Curve {
    let width = u64::try_from(high - low).unwrap();
    let mut points: Vec<i64> =
        (0..PRICES).map(|_| low + i64::try_from(rng.next_u64() % (width + 1)).unwrap()).collect();
    if rng.next_u32().is_multiple_of(3) {
        points = points
            .iter()
            .map(|x| if *x < low + i64::try_from(width / 2).unwrap() { low } else { high })
            .collect();
    }
    points.sort_unstable();
    Curve::new(std::array::from_fn(|k| Watts(points[k])), Watts(reserve))
}

pub(crate) fn random_market(rng: &mut ChaCha20Rng) -> Plain {
    let supply = 2 + rng.next_u32() % 5;
    let demand = 2 + rng.next_u32() % 8;
    // One market in eight has supply that must run, one in eight demand that supply cannot meet.
    let kind = rng.next_u32() % 8;
    let (least, most) = [(40_000, 50_000), (0, 5_000), (0, 50_000)][kind.min(2) as usize];
    let mut parties = Vec::new();
    for _ in 0..supply {
        parties.push((
            Role::Supplier,
            0,
            random_curve(least, most, i64::from(rng.next_u32() % 9_000), rng),
        ));
    }
    for tier in 0..demand {
        let low = -i64::from(rng.next_u32() % if kind == 0 { 5_000 } else { 40_000 });
        let high = if kind == 1 { low } else { 0 };
        parties.push((
            Role::Consumer,
            u8::try_from(tier % 3).unwrap(),
            random_curve(low, high, 0, rng),
        ));
    }
    parties.push((Role::Storage, 0, random_curve(-10_000, 10_000, 0, rng)));
    market(parties)
}

/// Open clearing by scanning every sum: no search, no fixed point, exact rationals.
enum Open {
    Balanced { u: usize, before: i128, at: i128 },
    Surplus,
    Short,
}

fn open_clearing(plain: &Plain) -> Open {
    let total =
        |k: usize| -> i128 { plain.curves.iter().map(|c| i128::from(c.at(k).unwrap().0)).sum() };
    let Some(u) = (1..=PRICES).find(|k| total(*k) >= 0) else { return Open::Short };
    if u == 1 && total(1) > 0 {
        return Open::Surplus;
    }
    Open::Balanced { u, before: if u > 1 { total(u - 1) } else { 0 }, at: total(u) }
}

#[test]
fn five_hundred_random_markets_clear_as_in_the_open() {
    let tariff = tariff(0);
    let mut rng = rng(500);
    let mut seen = [0; 3];
    for round in 0..500 {
        let plain = random_market(&mut rng);
        let search = if round % 2 == 0 { Search::cold() } else { Search::warm(1 + round % PRICES) };
        let (run, outcome) = plain.run(&tariff, i64::MAX, search);
        match open_clearing(&plain) {
            Open::Balanced { u, before, at } => {
                seen[0] += 1;
                let Outcome::Balanced { cleared, .. } = outcome else { panic!("{outcome:?}") };
                check_balanced(&plain, &run, &tariff, (u, before, at), cleared.price);
                assert_eq!(plain.balance(&run), cleared.residue);
                assert_eq!(cleared.u, u);
            }
            Open::Surplus => {
                seen[1] += 1;
                let Outcome::Balanced { cleared, .. } = outcome else { panic!("{outcome:?}") };
                assert_eq!((cleared.price, cleared.u), (tariff.grid.floor(), 1));
                assert!(cleared.residue > 0 && plain.balance(&run) == cleared.residue);
            }
            Open::Short => {
                seen[2] += 1;
                match outcome {
                    Outcome::Short { price, residue, .. } => {
                        assert_eq!(price, tariff.grid.cap());
                        assert_eq!(plain.balance(&run), residue);
                    }
                    other => assert!(
                        matches!(other, Outcome::Failed(Failure::Shortage { .. })),
                        "{other:?}"
                    ),
                }
            }
        }
    }
    assert!(seen.iter().all(|count| *count > 5), "every end must be met: {seen:?}");
}

/// With exact a = −before/(at − before): 0 ≤ S·exact − S·g < Δx for everybody, price floored the same way.
fn check_balanced(
    plain: &Plain,
    run: &GateRun,
    tariff: &Tariff,
    (u, before, at): (usize, i128, i128),
    price: Price,
) {
    let price_at = |k: usize| i128::from(tariff.grid.price(k).unwrap().0);
    if at == 0 {
        assert_eq!(i128::from(price.0), price_at(u));
        return;
    }
    let den = at - before;
    for (seat, curve) in plain.seats.iter().zip(&plain.curves) {
        let x = |k: usize| i128::from(curve.at(k).unwrap().0);
        let scaled = run.share(seat.member).unwrap().scaled(curve);
        let rise = x(u) - x(u - 1);
        // den·(S·exact − S·g), exact in integers.
        let below = SCALE * (x(u - 1) * den - before * rise) - scaled * den;
        assert!((0..=rise * den).contains(&below) && (rise == 0 || below < rise * den));
    }
    let step = price_at(u) - price_at(u - 1);
    let exact = price_at(u - 1) * den * SCALE - before * step * SCALE;
    let off = exact - i128::from(price.0) * den * SCALE;
    // Two floors: less than one quantum from the division by S, and less than step/S from α's own floor.
    assert!(off >= 0 && off < den * (SCALE + step));
}

fn flat(watts: i64) -> Curve {
    Curve::new([Watts(watts); PRICES], Watts(0))
}

fn step(at: i64, watts: i64) -> Curve {
    Curve::from_steps(&tariff(0).grid, Watts(0), &[(Price(at), Watts(watts))], Watts(0))
}

#[test]
fn an_exact_hit_takes_the_grid_price_and_leaves_no_residue() {
    let plain =
        market(vec![(Role::Supplier, 0, step(60_000, 500)), (Role::Consumer, 0, flat(-500))]);
    let (_, outcome) = plain.run(&tariff(0), 0, Search::cold());
    let Outcome::Balanced { cleared, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!((cleared.price, cleared.residue), (Price(60_000), 0));
}

#[test]
fn tied_steps_share_the_margin_in_proportion() {
    let plain = market(vec![
        (Role::Supplier, 0, step(200_000, 900)),
        (Role::Supplier, 0, step(200_000, 300)),
        (Role::Consumer, 0, flat(-600)),
    ]);
    let (run, outcome) = plain.run(&tariff(0), 0, Search::cold());
    let Outcome::Balanced { cleared, .. } = outcome else { panic!("{outcome:?}") };
    // A step between 199,999 and 200,000: half of it, and the price rounds down to the lower point.
    assert_eq!(cleared.price, Price(199_999));
    let share = |m: u16| run.share(MemberId(m)).unwrap().scaled(&plain.curves[usize::from(m)]);
    assert_eq!((share(0), share(1)), (450 * SCALE, 150 * SCALE));
    assert_eq!(cleared.residue, 0);
}

#[test]
fn storage_and_tie_on_the_margin_stand_between_their_points() {
    let grid = tariff(0).grid;
    let storage = Curve::ramp(
        &grid,
        (Price(60_000), Watts(-5_000)),
        (Price(200_000), Watts(5_000)),
        Watts(0),
    );
    let tie = Curve::from_steps(
        &grid,
        Watts(-9_000),
        &[(Price(60_001), Watts(9_000)), (Price(200_000), Watts(9_000))],
        Watts(0),
    );
    let plain = market(vec![
        (Role::Storage, 0, storage),
        (Role::Utility, 0, tie),
        (Role::Supplier, 0, flat(2_000)),
        (Role::Consumer, 0, flat(-3_000)),
    ]);
    let (run, outcome) = plain.run(&tariff(0), 0, Search::cold());
    let Outcome::Balanced { cleared, .. } = outcome else { panic!("{outcome:?}") };
    assert!(cleared.price > Price(60_001) && cleared.price < Price(200_000), "{:?}", cleared.price);
    assert_eq!(
        run.share(MemberId(1)).unwrap().scaled(&plain.curves[1]),
        0,
        "the tie stands between its steps"
    );
}

#[test]
fn surplus_goes_to_the_grid_forming_resource_up_to_its_limit() {
    let plain = market(vec![(Role::Supplier, 0, flat(1_000)), (Role::Consumer, 0, flat(-400))]);
    let (run, outcome) = plain.run(&tariff(0), 600, Search::cold());
    let Outcome::Balanced { cleared, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!((cleared.price, cleared.share), (tariff(0).grid.floor(), Share::At(1)));
    assert_eq!((cleared.residue, plain.balance(&run)), (600 * SCALE, 600 * SCALE));
    let (_, outcome) = plain.run(&tariff(0), 599, Search::cold());
    assert_eq!(outcome, Outcome::Failed(Failure::Surplus { excess: 600, limit: Watts(599) }));
}

#[test]
fn reserve_below_the_requirement_fails_the_gate() {
    let tariff = tariff(5_000);
    let mut parties = vec![(Role::Supplier, 0, Curve::new([Watts(300); PRICES], Watts(4_999)))];
    parties.push((Role::Consumer, 0, flat(-300)));
    let (_, outcome) = market(parties).run(&tariff, 0, Search::cold());
    assert_eq!(outcome, Outcome::Failed(Failure::Reserve { held: 4_999, required: Watts(5_000) }));
}

#[test]
fn the_loss_of_any_supplier_is_covered_by_the_reserve_of_the_others() {
    let tariff = tariff(40_000);
    let mut rng = rng(41);
    for _ in 0..200 {
        let reserves: Vec<i64> =
            (0..5).map(|_| 8_000 + i64::from(rng.next_u32() % 4_000)).collect();
        let held: i64 = reserves.iter().sum();
        let curves: Vec<Curve> =
            reserves.iter().map(|r| random_curve(0, 40_000 - r, *r, &mut rng)).collect();
        let limits = gridaccord_sealed::curve::Limits {
            import: Watts(0),
            export: Watts(40_000),
            reserve: Watts(12_000),
        };
        for (lost, curve) in curves.iter().enumerate() {
            assert_eq!(curve.check(&limits, &tariff), Ok(()));
            assert!(held >= 40_000 && held - reserves[lost] >= curve.at(PRICES).unwrap().0);
        }
    }
}

fn short_market() -> Plain {
    let supplier = Curve::new([Watts(1_000); PRICES], Watts(200));
    let mut parties = vec![(Role::Supplier, 0, supplier)];
    // Tier 2 and tier 1 have three owners each, tier 0 only one: it joins tier 1's group.
    for tier in [2, 2, 2, 1, 1, 1, 0] {
        parties.push((Role::Consumer, tier, flat(-300)));
    }
    market(parties)
}

#[test]
fn shortage_calls_reserve_then_sheds_the_least_critical_group_first() {
    let plain = short_market();
    let (run, outcome) = plain.run(&tariff(0), 0, Search::cold());
    let Outcome::Short { price, gamma, reserve, cuts, residue } = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!((price, gamma, reserve), (Price(10_000_000), SCALE, 200));
    // 2,100 W wanted, 1,200 W there: tier 2 (900 W) goes entirely and covers the missing 900 W exactly.
    assert_eq!(cuts.iter().map(|cut| (cut.least_critical, cut.beta)).collect::<Vec<_>>(), [(2, 0)]);
    assert_eq!((residue, plain.balance(&run)), (0, 0));
    assert_eq!(run.share(MemberId(0)).unwrap().scaled(&plain.curves[0]), 1_200 * SCALE);
}

#[test]
fn the_last_group_keeps_what_is_left_rounded_down() {
    let mut plain = short_market();
    plain.curves[0] = Curve::new([Watts(500); PRICES], Watts(100));
    let (run, outcome) = plain.run(&tariff(0), 0, Search::cold());
    let Outcome::Short { cuts, residue, .. } = outcome else { panic!("{outcome:?}") };
    // 1,500 W missing after reserve: 900 from tier 2, 600 of the 1,200 W of the joined group.
    assert_eq!(
        cuts.iter().map(|cut| (cut.least_critical, cut.beta)).collect::<Vec<_>>(),
        [(2, 0), (1, SCALE / 2)]
    );
    assert_eq!((residue, plain.balance(&run)), (0, 0));
}

#[test]
fn reserve_alone_covers_a_small_shortage_in_proportion() {
    let mut plain = short_market();
    plain.curves[0] = Curve::new([Watts(2_000); PRICES], Watts(300));
    let (run, outcome) = plain.run(&tariff(0), 0, Search::cold());
    let Outcome::Short { gamma, cuts, residue, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!((gamma, cuts.len()), (SCALE / 3, 0));
    assert!(residue <= 0 && residue > -300 && plain.balance(&run) == residue);
}

#[test]
fn groups_of_too_few_owners_join_their_neighbour() {
    let consumers = |tiers: &[u8]| -> Vec<Seat> {
        (0u16..).zip(tiers).map(|(m, tier)| seat(m, Role::Consumer, *tier)).collect()
    };
    let names = |tiers: &[u8]| -> Vec<(u8, usize)> {
        tier_groups(&consumers(tiers)).iter().map(|g| (g.least_critical, g.members.len())).collect()
    };
    assert_eq!(names(&[0, 0, 0, 1, 1, 1]), [(1, 3), (0, 3)]);
    assert_eq!(names(&[0, 1, 1, 1, 2]), [(2, 5)]);
    assert_eq!(names(&[0, 1]), []);
    let owners: BTreeSet<OwnerId> = consumers(&[0, 1]).iter().map(|seat| seat.owner).collect();
    assert_eq!(owners.len(), 2);
}

#[test]
fn a_crossing_is_what_the_search_found() {
    let plain =
        market(vec![(Role::Supplier, 0, step(60_000, 500)), (Role::Consumer, 0, flat(-400))]);
    let (run, _) = plain.run(&tariff(0), 0, Search::cold());
    let Some(Crossing::At { before, at, .. }) = run.search().crossing() else {
        panic!("no crossing")
    };
    assert_eq!((before, at), (Some(-400), 100));
}
