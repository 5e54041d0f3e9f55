//! Medians of clearing and checking: `cargo run --release -p gridaccord-dispatch --example clearing`.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a stopwatch outside of what replicas agree on"
)]

use gridaccord_dispatch::{OfferBook, Outcome, Problem, Resource, Setting, State, check, merit};
use gridaccord_model::{Block, CostCurve, MemberId, Need, Offer, Price, Watts, codec::Bounded};
use std::{hint::black_box, time::Instant};

const ROUNDS: usize = 101;

fn main() {
    let mut random = Random(2_024);
    let hundred_thousand: Vec<(MemberId, Offer)> =
        (0..6_250).map(|member| (MemberId(member), random.blocks(16))).collect();
    let demand =
        Watts(hundred_thousand.iter().map(|(_, offer)| offer.power_max.0).sum::<i64>() / 2);

    let cold = median(|| {
        OfferBook::from_offers(hundred_thousand.iter().cloned()).map(|book| book.clear(demand))
    });
    println!("100,000 blocks: sort into a book, clear       {cold}");
    let book = OfferBook::from_offers(hundred_thousand.clone()).expect("made to be sound");
    println!("100,000 blocks in a kept book: clear          {}", median(|| book.clear(demand)));
    let mut kept = book.clone();
    let mut turn = 0;
    let report = median(|| {
        turn += 1;
        let (member, offer) = &hundred_thousand[turn * 61];
        kept.insert(*member, offer.clone()).expect("made to be sound");
        kept.clear(demand)
    });
    println!("100,000 blocks in a kept book: replace, clear {report}");

    // The largest single problem has 4,096 resources of 16 blocks: 65,536.
    for (label, resources) in [
        (
            "65,536 blocks",
            (0..4_096).map(|member| resource(member, random.blocks(16))).collect::<Vec<_>>(),
        ),
        (
            "4,096 quadratic offers",
            (0..4_096).map(|member| resource(member, random.quadratic())).collect(),
        ),
        ("57 block offers", (0..57).map(|member| resource(member, random.blocks(4))).collect()),
    ] {
        let total: i64 = resources.iter().map(|resource| resource.offer.power_max.0).sum();
        let need = Need { firm: Watts(total / 2), sheddable: Bounded::default() };
        let setting = Setting { duration_s: 300, price_cap: Price(1_000_000), island: false };
        let parts = (resources, vec![(MemberId(5_000), need)]);
        println!(
            "{label}: build            {}",
            median(|| Problem::new(setting, parts.0.clone(), parts.1.clone()))
        );
        let problem = Problem::new(setting, parts.0, parts.1).expect("made to be sound");
        println!("{label}: clear cold       {}", median(|| merit::clear(&problem)));
        let Outcome::Optimal(answer) = merit::clear(&problem) else {
            panic!("half of the supply is demanded")
        };
        println!("{label}: check            {}", median(|| check(&problem, &answer, 0)));
    }
}

fn resource(member: u16, offer: Offer) -> Resource {
    Resource { member: MemberId(member), default_state: State::Retreat, offer }
}

/// Median of [`ROUNDS`] runs, printed in µs.
fn median<T>(mut run: impl FnMut() -> T) -> String {
    let mut nanos: Vec<u128> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            black_box(run());
            start.elapsed().as_nanos()
        })
        .collect();
    nanos.sort_unstable();
    let median = nanos[ROUNDS / 2];
    format!("{:>6}.{:01} µs", median / 1_000, median % 1_000 / 100)
}

/// A fixed sequence: the same book in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> i64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from((self.0 >> 33) % bound).expect("31 bits")
    }

    fn blocks(&mut self, count: usize) -> Offer {
        let mut steps: Vec<(i64, i64)> =
            (0..count).map(|_| (self.below(300_000), 1 + self.below(10_000))).collect();
        steps.sort_unstable();
        let width = steps.iter().map(|(_, power)| power).sum();
        let blocks = steps
            .into_iter()
            .map(|(price, power)| Block { power: Watts(power), price: Price(price) });
        let blocks = Bounded::new(blocks.collect()).expect("at most 16");
        Offer { power_min: Watts(0), power_max: Watts(width), cost: CostCurve::Blocks { blocks } }
    }

    fn quadratic(&mut self) -> Offer {
        let cost = CostCurve::Quadratic {
            quadratic: 1 + self.below(1_000),
            linear: self.below(300_000_000),
        };
        Offer { power_min: Watts(0), power_max: Watts(1 + self.below(100_000)), cost }
    }
}
