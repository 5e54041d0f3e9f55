//! Fixtures and what tests do with them.

use gridaccord_study::{Outcome, Solved, Study, Translated, pypsa, solve, translate};
use std::path::PathBuf;

pub(crate) fn fixture(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "fixtures", name].iter().collect()
}

pub(crate) fn imported(name: &str) -> Study {
    pypsa::import(&fixture(name)).unwrap().study
}

pub(crate) fn solved(study: &Study) -> (Translated, Solved) {
    let translated = translate(study).unwrap();
    match solve(study, &translated).unwrap() {
        Outcome::Solved(solved) => (translated, *solved),
        other => panic!("{other:?}"),
    }
}

/// Two intervals of an hour: a base plant and a peaker, demand that the base plant meets once.
pub(crate) const SMALL: &str = r#"
kind = "horizon"
name = "small"

[horizon]
start = 2026-06-10T00:00:00Z
interval_s = 3_600
intervals = 2

[[loads]]
name = "halls"
power_w = [900, 1_500]

[[generators]]
name = "base"
power_max_w = 1_000
price_per_kwh = 0.05

[[generators]]
name = "peaker"
power_max_w = 1_000
price_per_kwh = 0.2
"#;
