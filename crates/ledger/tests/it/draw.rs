//! The draw: distinct owners, frequencies that follow the weights, nothing left to whoever proposes.

use super::common::*;
use gridaccord_ledger::{
    Digest,
    draw::{Bidder, INDEX_FLOOR_PPM, draw},
};
use gridaccord_model::{GateId, MemberId, OwnerId};
use std::collections::BTreeSet;

fn bidders() -> Vec<Bidder> {
    (0u16..20)
        .map(|id| Bidder {
            member: MemberId(id),
            owner: OwnerId(id),
            wager: 50 + 5 * u64::from(id % 7),
            index_ppm: 40_000 * u32::from(id % 5),
        })
        .collect()
}

fn chain() -> Digest {
    Digest::from([3; 32])
}

#[test]
fn frequencies_follow_the_weights() {
    const DRAWS: u64 = 20_000;
    let bidders = bidders();
    let mut counts = [0u64; 20];
    for view in 0..DRAWS {
        let seats = draw(&chain(), GateId(5), &seed_of(view), &bidders, 1);
        counts[usize::from(seats[0].member.0)] += 1;
    }
    let weight = |bidder: &Bidder| bidder.wager * (INDEX_FLOOR_PPM + u64::from(bidder.index_ppm));
    let total: u64 = bidders.iter().map(weight).sum();
    let chi_square: f64 = bidders
        .iter()
        .zip(counts)
        .map(|(bidder, count)| {
            let expected = (DRAWS * weight(bidder)) as f64 / total as f64;
            (count as f64 - expected).powi(2) / expected
        })
        .sum();
    // 19 degrees of freedom: beyond 60 once in a quarter of a million.
    assert!(chi_square < 60.0, "{chi_square}");
}

#[test]
fn one_owner_gets_one_seat_and_its_largest_wager_sits() {
    let mut bidders = bidders();
    for bidder in &mut bidders {
        bidder.owner = OwnerId(bidder.member.0 / 4);
    }
    for view in 0..200 {
        let seats = draw(&chain(), GateId(5), &seed_of(view), &bidders, 64);
        let owners: BTreeSet<_> = seats.iter().map(|seat| seat.owner).collect();
        assert_eq!((seats.len(), owners.len()), (5, 5));
        for seat in seats {
            let rivals = bidders.iter().filter(|bidder| bidder.owner == seat.owner);
            let best = rivals.max_by_key(|bidder| (bidder.wager, u16::MAX - bidder.member.0));
            assert_eq!(best, Some(&seat));
        }
    }
}

#[test]
fn no_owner_counts_for_more_than_a_tenth() {
    let mut bidders = bidders();
    for bidder in &mut bidders {
        (bidder.wager, bidder.index_ppm) = (100, 100_000);
    }
    bidders[0].wager = 300;
    // 2,200 in all: 300 count as 220, 8.5 % of 2,120 and not 13.6 %.
    let first = (0..20_000)
        .filter(|view| draw(&chain(), GateId(0), &seed_of(*view), &bidders, 1)[0].wager == 300);
    let count = first.count();
    // 2,075 ± 5 · 43.
    assert!((1_860..=2_290).contains(&count), "{count}");
}

#[test]
fn order_of_entry_changes_nothing_and_every_input_counts() {
    let forward = bidders();
    let backward: Vec<_> = forward.iter().rev().copied().collect();
    let of = |chain: &Digest, gate, view, bidders: &[Bidder]| {
        draw(chain, GateId(gate), &seed_of(view), bidders, 9)
    };
    let base = of(&chain(), 1, 1, &forward);
    assert_eq!(base, of(&chain(), 1, 1, &backward));
    assert_ne!(base, of(&chain(), 2, 1, &forward));
    assert_ne!(base, of(&chain(), 1, 2, &forward));
    assert_ne!(base, of(&Digest::from([4; 32]), 1, 1, &forward));
    assert!(of(&chain(), 1, 1, &[]).is_empty());
}
