//! PyPSA folders: objectives against PyPSA's own, and what the importer reads.

use crate::common::{fixture, imported, solved};
use gridaccord_study::{Status, StudyError, pypsa, summary::Headline, translate};

/// Objectives of PyPSA 1.1.2 with HiGHS 1.15.1, in the currency of the folder.
const OBJECTIVES: [(&str, f64); 4] = [
    ("campus-day", 1153.2384847605622),
    ("capped", 1467.0348),
    ("cyclic", 742.1807116535781),
    ("tariff", 900.6655734210983),
];

#[test]
fn objectives_are_those_of_pypsa() {
    for (name, expected) in OBJECTIVES {
        let study = imported(name);
        let (translated, answer) = solved(&study);
        let outcome = gridaccord_study::Outcome::Solved(Box::new(answer.clone()));
        let headline = Headline::of(&study, &translated, &outcome);
        let (objective, bound) = (headline.objective.unwrap(), headline.bound.unwrap());
        assert_eq!(answer.status, Status::Optimal, "{name}: {}", headline.sentence());
        assert!(bound <= objective, "{name}: {}", headline.sentence());
        let near = 2e-6 * expected;
        assert!(
            bound - near <= expected && expected <= objective + near,
            "{name}: {expected} is not within {bound}..{objective}"
        );
        assert!(objective - expected < 1e-5 * expected, "{name}: {objective} for {expected}");
    }
}

#[test]
fn roundings_are_stated_and_small() {
    let translated = translate(&imported("campus-day")).unwrap();
    assert!(
        translated.roundings.contains_key("discharging efficiency"),
        "{:?}",
        translated.roundings
    );
    for (field, rounding) in &translated.roundings {
        assert!(rounding.relative > 0.0 && rounding.relative <= 1e-7, "{field}: {rounding:?}");
    }
}

#[test]
fn weights_stretch_time_and_losses() {
    let study = imported("capped");
    assert_eq!((study.interval_h, study.cost_repeats, study.carbon_repeats), (3.0, 1.0, 1.0));
    assert_eq!(study.carbon_cap_kg, Some(6_000.0));
    // 1 % an hour for three hours.
    assert!((study.storages[0].loss_share - (1.0 - 0.99f64.powi(3))).abs() < 1e-12);
    // 0.2 t/MWh of fuel at an efficiency of 0.35.
    assert!((study.generators[1].carbon_kg_per_kwh - 0.2 / 0.35).abs() < 1e-12);
}

#[test]
fn ramps_follow_pypsas_rule_for_the_first_snapshot() {
    let free = imported("campus-day").generators[1].ramp.unwrap();
    assert!((free.up_w - 135_000.0).abs() < 1e-9 && (free.down_w - 180_000.0).abs() < 1e-9);
    assert_eq!(free.before_w, None);
    let fixed = imported("tariff").generators[1].ramp.unwrap();
    // Without a limit downward it may fall by all it has.
    assert_eq!((fixed.up_w, fixed.down_w, fixed.before_w), (210_000.0, 700_000.0, Some(100_000.0)));
}

#[test]
fn costs_are_read_in_our_form() {
    let study = imported("tariff");
    let plant = &study.generators[1];
    // 50·p² per MW² is ½·100·p², and 100 per MW²h is 0.0001 per kW²h.
    assert!((plant.quadratic_per_kw2h - 1e-4).abs() < 1e-18);
    assert_eq!(plant.price_per_kwh[0], 0.03);
    let grid = &study.generators[0].price_per_kwh;
    assert_eq!((grid.len(), grid[0], grid[6]), (24, 0.09, 0.05));
    // As many as the grid has prices, and the plant.
    let mut different = grid.clone();
    different.sort_by(f64::total_cmp);
    different.dedup();
    assert_eq!(translate(&study).unwrap().parts.len(), different.len() + 1);
}

#[test]
fn published_examples_are_refused_by_name() {
    let folder = [env!("CARGO_MANIFEST_DIR"), "..", "..", "..", "shared", "data", "pypsa"];
    let folder: std::path::PathBuf = folder.iter().collect();
    for (name, part) in [
        ("model-energy", "links.csv, column `name`, `electrolysis`: a link is not supported"),
        ("ac-dc-meshed", "links.csv, column `name`, `Norwich Converter`: a link is not supported"),
        ("storage-hvdc", "links.csv, column `name`, `TL 0`: a link is not supported"),
    ] {
        if !folder.join(name).is_dir() {
            println!("skipped {name}: {} has no such folder", folder.display());
            continue;
        }
        match pypsa::import(&folder.join(name)) {
            Err(error @ StudyError::Unsupported { .. }) => assert_eq!(error.to_string(), part),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn a_folder_that_is_none_is_named() {
    let missing = pypsa::import(&fixture("none")).unwrap_err().to_string();
    assert!(missing.starts_with("cannot read ") && missing.ends_with("none"), "{missing}");
    let empty = tempfile::tempdir().unwrap();
    let text = pypsa::import(empty.path()).unwrap_err().to_string();
    assert!(text.starts_with("buses.csv: is not in "), "{text}");
}
