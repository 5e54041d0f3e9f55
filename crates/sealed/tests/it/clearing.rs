//! The clearing rule and the public search, in plain numbers.

use crate::world::tariff;
use gridaccord_sealed::clearing::{OPENINGS_MAX, Search};
use gridaccord_sealed::tariff::PRICES;

/// Sums that cross at u (P + 1: never), as the search would open them.
fn opened(mut search: Search, u: usize) -> usize {
    while let Some(k) = search.next() {
        search.record(k, if k >= u { 5 } else { -5 }).unwrap();
        assert!(search.opened() <= PRICES, "the search must end");
    }
    assert!(search.crossing().is_some());
    search.opened()
}

#[test]
fn a_cold_search_opens_at_most_five_sums() {
    for u in 1..=PRICES + 1 {
        assert!(opened(Search::cold(), u) <= 5, "u = {u}");
    }
}

#[test]
fn a_warm_search_opens_two_sums_where_the_crossing_stayed_and_never_more_than_seven() {
    let mut most = 0;
    for last in 1..=PRICES {
        assert!(opened(Search::warm(last), last) <= 2, "last = {last}");
        for u in 1..=PRICES + 1 {
            most = most.max(opened(Search::warm(last), u));
        }
    }
    assert_eq!(most, OPENINGS_MAX);
}

#[test]
fn a_search_takes_only_the_sum_it_asked_for() {
    let mut search = Search::cold();
    let asked = search.next().unwrap();
    assert!(search.record(asked + 1, 0).is_err());
    assert_eq!(search, Search::cold());
}

#[test]
fn the_grid_has_its_marks() {
    let tariff = tariff(0);
    let prices = tariff.grid.prices().map(|price| price.0);
    for mark in [-50_000, 0, 1, 60_000, 60_001, 199_999, 200_000, 2_000_000, 5_000_000, 10_000_000]
    {
        assert!(prices.contains(&mark), "{mark} is missing");
    }
    assert!(prices.iter().filter(|price| (1..=300_000).contains(*price)).count() >= 16);
}
