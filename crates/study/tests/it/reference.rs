//! Folders that PyPSA wrote, against the objectives that PyPSA and HiGHS found: `tests/pypsa/generate.py`.

use gridaccord_study::{
    Outcome, Status, Study, certificate, document, pypsa, run::gap_share, solve, summary::Headline,
    translate, verify,
};
use std::path::PathBuf;

struct Row {
    name: String,
    condition: String,
    objective: Option<f64>,
    tolerance: f64,
}

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "pypsa"].iter().collect()
}

fn rows() -> Vec<Row> {
    let mut reader = csv::Reader::from_path(folder().join("expected.csv")).unwrap();
    reader
        .records()
        .map(|record| {
            let record = record.unwrap();
            Row {
                name: record[0].to_owned(),
                condition: record[1].to_owned(),
                objective: record[2].parse().ok(),
                tolerance: record[3].parse().unwrap(),
            }
        })
        .collect()
}

fn import(name: &str) -> Study {
    pypsa::import(&folder().join(name)).unwrap().study
}

/// What differs, if anything does.
fn compare(row: &Row) -> Result<(), String> {
    let study = import(&row.name);
    let again = document::parse(&document::write(&study), None).unwrap();
    if again != study {
        return Err("is another study as a document".to_owned());
    }
    let translated = translate(&study).map_err(|error| error.to_string())?;
    let outcome = solve(&study, &translated).map_err(|error| error.to_string())?;
    let headline = Headline::of(&study, &translated, &outcome);
    println!("{}: {}", row.name, headline.sentence());
    let Some(expected) = row.objective else {
        let is_committed = study.generators.iter().any(|generator| generator.cycling.is_some());
        let status = if is_committed { "stopped" } else { "infeasible" };
        return if headline.status == status && row.condition == "infeasible" {
            Ok(())
        } else {
            Err(format!("is {}, {}", headline.status, row.condition))
        };
    };
    let Outcome::Solved(solved) = &outcome else { return Err(headline.sentence()) };
    let objective = headline.objective.unwrap();
    if (objective - expected).abs() > row.tolerance * expected.abs() {
        return Err(format!("{objective} instead of {expected}: {}", headline.sentence()));
    }
    let bound = headline.bound.unwrap();
    if bound > expected + 1e-9 * expected.abs() + 1e-6 {
        return Err(format!("bound {bound} above the optimum {expected}"));
    }
    let is_optimal = gap_share(&solved.verified) <= 1e-5;
    if (solved.status == Status::Optimal) != is_optimal {
        return Err("says optimal of what is not".to_owned());
    }
    let text = certificate::write(&study, &translated, &solved.claim());
    let claim = certificate::read(&text, &study, &translated).map_err(|error| error.to_string())?;
    verify(&translated, &claim).map(|_| ()).map_err(|error| error.to_string())
}

fn all(tolerance: f64) {
    let rows = rows().into_iter().filter(|row| row.tolerance == tolerance);
    let wrong: Vec<String> = rows
        .filter_map(|row| compare(&row).err().map(|why| format!("{}: {why}", row.name)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn convex_objectives_are_those_of_pypsa() {
    all(1e-6);
}

#[test]
fn commitments_are_those_of_pypsa() {
    all(1e-4);
}
