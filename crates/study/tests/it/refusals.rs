//! One row per thing the importer refuses: never ignored, always with its place.

use crate::common::fixture;
use gridaccord_study::{pypsa, translate};
use std::{fs, path::Path};

/// Copies a fixture, changes one file of it, and returns what importing and translating says.
fn said(name: &str, file: &str, from: &str, to: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(fixture(name)).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    let path = folder.path().join(file);
    let text = fs::read_to_string(&path).unwrap_or_default();
    assert!(text.contains(from), "{file} has no {from:?}");
    let text = if from.is_empty() { to.to_owned() } else { text.replacen(from, to, 1) };
    fs::write(&path, text).unwrap();
    outcome(folder.path())
}

fn outcome(folder: &Path) -> String {
    match pypsa::import(folder).and_then(|imported| translate(&imported.study)) {
        Ok(_) => "taken".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn what_is_not_supported_is_refused_with_file_column_and_component() {
    let rows = [
        (
            "links.csv",
            "",
            "name,bus0,bus1\nwire,campus,far\n",
            "links.csv, column `name`, `wire`: a link is not supported",
        ),
        ("links.csv", "", "name,bus0,bus1\n", "taken"),
        (
            "lines.csv",
            "",
            "name,bus0,bus1\nl1,campus,far\n",
            "lines.csv, column `name`, `l1`: a line is not supported",
        ),
        (
            "generators-p_set.csv",
            "",
            &series("roof", 24, "0.1"),
            "generators-p_set.csv, column `roof`, `roof`: a series of p_set is not supported",
        ),
        (
            "generators-marginal_cost_quadratic.csv",
            "",
            &series("roof", 24, "0.1"),
            "generators-marginal_cost_quadratic.csv, column `roof`, `roof`: a series of marginal_cost_quadratic is not supported",
        ),
        ("generators-p.csv", "", &series("roof", 24, "0.1"), "taken"),
        (
            "generators-p_max_pu.csv",
            "roof",
            "loft",
            "generators-p_max_pu.csv, column `loft`, `loft`: no such component in generators.csv",
        ),
        (
            "generators-p_max_pu.csv",
            "\n23,",
            "\n23,x",
            "generators-p_max_pu.csv, column `roof`, `roof`: `x0.0` is not a number",
        ),
        (
            "loads-p_set.csv",
            "\n0,",
            "\n",
            "loads-p_set.csv: CSV error: record 1 (line: 2, byte: 7): found record with 1 fields, but the previous record has 2 fields",
        ),
        (
            "loads.csv",
            "halls,campus",
            "halls,far",
            "loads.csv, column `bus`, `halls`: `far` is not in buses.csv",
        ),
        (
            "snapshots.csv",
            "23:00:00,1,1,1",
            "23:00:00,1,2,1",
            "snapshots.csv, column `stores`, `23`: a weighting of 2 beside one of 1 is not supported",
        ),
        (
            "global_constraints.csv",
            "",
            "name,type,carrier_attribute,sense,constant\nc,tech_capacity_expansion_limit,co2_emissions,<=,1\n",
            "global_constraints.csv, column `type`, `c`: a constraint of type `tech_capacity_expansion_limit` is not supported",
        ),
        (
            "global_constraints.csv",
            "",
            "name,type,carrier_attribute,sense,constant\nc,primary_energy,co2_emissions,==,1\n",
            "global_constraints.csv, column `sense`, `c`: sense `==` is not supported",
        ),
        (
            "global_constraints.csv",
            "",
            "name,type,carrier_attribute,sense,constant\nc,primary_energy,so2,<=,1\n",
            "global_constraints.csv, column `carrier_attribute`, `c`: carriers.csv has no column `so2`",
        ),
    ];
    for (file, from, to, expected) in rows {
        assert_eq!(said("campus-day", file, from, to), expected, "{file}: {to}");
    }
}

#[test]
fn columns_must_stay_at_their_default() {
    let cell = |file: &str, column: &str, value: &str| {
        let folder = tempfile::tempdir().unwrap();
        for entry in fs::read_dir(fixture("campus-day")).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
        }
        let path = folder.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<String> = text
            .lines()
            .enumerate()
            .map(|(row, line)| {
                format!(
                    "{line},{}",
                    match row {
                        0 => column,
                        1 => value,
                        _ => "",
                    }
                )
            })
            .collect();
        fs::write(&path, lines.join("\n")).unwrap();
        outcome(folder.path())
    };
    for (file, column, value, component) in [
        ("generators.csv", "p_nom_extendable", "True", "roof"),
        ("generators.csv", "active", "False", "roof"),
        ("generators.csv", "sign", "-1.0", "roof"),
        ("generators.csv", "p_set", "0.2", "roof"),
        ("generators.csv", "e_sum_max", "5", "roof"),
        ("storage_units.csv", "p_nom_extendable", "True", "battery"),
        ("storage_units.csv", "state_of_charge_set", "0.1", "battery"),
        ("storage_units.csv", "spill_cost", "1", "battery"),
        ("storage_units.csv", "marginal_cost_storage", "1", "battery"),
        ("loads.csv", "sign", "1.0", "halls"),
    ] {
        let expected = format!(
            "{file}, column `{column}`, `{component}`: {column} = {value} is not supported"
        );
        assert_eq!(cell(file, column, value), expected);
    }
    for (file, column, value) in [
        ("generators.csv", "committable", "False"),
        ("generators.csv", "committable", "True"),
        ("storage_units.csv", "inflow", "0.1"),
        ("generators.csv", "start_up_cost", "300"),
        ("generators.csv", "e_sum_max", "inf"),
        ("generators.csv", "capital_cost", "1000"),
        ("generators.csv", "colour_of_my_own", "red"),
    ] {
        assert_eq!(cell(file, column, value), "taken", "{file}, {column}");
    }
}

#[test]
fn values_that_make_no_sense_are_named() {
    let ramp = "engine,campus,PQ,,0.9,0.1,gas,62.0,0.4,0.15,0.2";
    for (column, value, expected) in [
        (
            "min_up_time",
            "1.5",
            "generators.csv, column `min_up_time`, `engine`: 1.5 is not a count of snapshots",
        ),
        (
            "start_up_cost",
            "-1",
            "generators.csv, column `start_up_cost`, `engine`: start_up_cost = -1, below 0, is not supported",
        ),
        (
            "ramp_limit_start_up",
            "inf",
            "generators.csv, column `ramp_limit_start_up`, `engine`: inf must be a number of at least 0",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        for entry in fs::read_dir(fixture("campus-day")).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
        }
        let path = folder.path().join("generators.csv");
        let text = fs::read_to_string(&path).unwrap();
        let rows = text.lines().map(|line| {
            let cells = match line.split(',').next() {
                Some("name") => format!("committable,{column}"),
                Some("engine") => format!("True,{value}"),
                _ => ",".to_owned(),
            };
            format!("{line},{cells}")
        });
        fs::write(&path, rows.collect::<Vec<_>>().join("\n")).unwrap();
        assert_eq!(outcome(folder.path()), expected);
    }
    for (from, to, expected) in [
        (
            ramp,
            "engine,campus,PQ,,-0.9,0.1,gas,62.0,0.4,0.15,0.2",
            "generators.csv, column `p_nom`, `engine`: -0.9 must be a number of at least 0",
        ),
        (
            ramp,
            "engine,campus,PQ,,0.9,-0.1,gas,62.0,0.4,0.15,0.2",
            "generators.csv, column `p_min_pu`, `engine`: p_min_pu = -0.1 is not supported",
        ),
        (
            ramp,
            "engine,campus,PQ,,0.9,1.1,gas,62.0,0.4,0.15,0.2",
            "`engine`, interval 0: least power 990000.0000000001 W exceeds greatest power 900000 W",
        ),
        (
            ramp,
            "engine,campus,PQ,,0.9,0.1,gas,62.0,0,0.15,0.2",
            "generators.csv, column `efficiency`, `engine`: 0 must be above 0",
        ),
        (
            ramp,
            "engine,campus,PQ,,0.9,0.1,gas,much,0.4,0.15,0.2",
            "generators.csv, column `marginal_cost`, `engine`: `much` is not a number",
        ),
        (
            ramp,
            "engine,campus,PQ,,9e9,0.1,gas,62,0.4,0.15,0.2",
            "the quantities leave the limits of the exact check",
        ),
    ] {
        assert_eq!(said("campus-day", "generators.csv", from, to), expected);
    }
}

fn series(name: &str, rows: usize, value: &str) -> String {
    let lines: Vec<String> = (0..rows).map(|row| format!("{row},{value}")).collect();
    format!(",{name}\n{}\n", lines.join("\n"))
}
