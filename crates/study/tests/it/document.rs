//! TOML studies: what they say, what is refused, and the way there and back.

use crate::common::{SMALL, imported};
use gridaccord_study::{document, translate};

#[test]
fn folders_survive_the_way_through_a_document() {
    for name in ["campus-day", "capped", "tariff", "cyclic"] {
        let study = imported(name);
        let text = document::write(&study);
        assert!(document::is_study(&text));
        assert_eq!(document::parse(&text, None).unwrap(), study, "{name}");
    }
}

#[test]
fn a_small_study_reads_as_written() {
    let study = document::parse(SMALL, None).unwrap();
    assert_eq!(study.labels, ["2026-06-10T00:00:00Z", "2026-06-10T01:00:00Z"]);
    assert_eq!((study.resources(), study.interval_h), (2, 1.0));
    let translated = translate(&study).unwrap();
    assert_eq!(translated.roundings.len(), 0);
    let demand: Vec<i64> = translated.horizon.parts().demand.iter().map(|power| power.0).collect();
    assert_eq!(demand, [900, 1_500]);
    assert_eq!(translated.horizon.parts().generators[1].linear, 200_000_000);
}

#[test]
fn series_come_from_files_beside_the_study_only() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("day.csv"), "hour,load\n0,900\n1,1500\n").unwrap();
    let with = |file: &str, column: &str| {
        let column = format!("{{ csv = \"{file}\", column = \"{column}\" }}");
        let text = SMALL.replace("[900, 1_500]", &column);
        document::parse(&text, Some(folder.path())).map_err(|error| error.to_string())
    };
    assert_eq!(with("day.csv", "load").unwrap(), document::parse(SMALL, None).unwrap());
    assert_eq!(with("day.csv", "x").unwrap_err(), "`halls`: day.csv: has no column `x`");
    assert_eq!(
        with("../day.csv", "load").unwrap_err(),
        "`halls`: ../day.csv: only a file beside the study can be named"
    );
}

#[test]
fn every_mistake_is_named() {
    for (from, to, expected) in [
        ("kind = \"horizon\"", "kind = \"day\"", "`kind` is `day`"),
        ("power_max_w = 1_000", "power_max = 1_000", "unknown field `power_max`"),
        ("[900, 1_500]", "[900]", "`halls`: power has 1 values for 2 intervals"),
        ("[900, 1_500]", "[900, -1]", "loads of interval 1 add up to -1 W"),
        ("[900, 1_500]", "[900, nan]", "`halls`: power of interval 1 is not a number"),
        ("\"peaker\"", "\"base\"", "two components are called `base`"),
        ("intervals = 2", "intervals = 0", "there are no intervals"),
        ("intervals = 2", "intervals = 9000000", "`intervals` is 9000000, at most 100000"),
        ("interval_s = 3_600", "interval_s = -1", "interval is -0.0002"),
        (
            "price_per_kwh = 0.2",
            "price_per_kwh = 0.2\nramp_up_w = 5",
            "give both `ramp_up_w` and `ramp_down_w`",
        ),
        ("price_per_kwh = 0.2", "price_per_kwh = 1e12", "is too large for the exact check"),
        (
            "price_per_kwh = 0.2",
            "price_per_kwh = 0.2\npower_min_w = 2e3",
            "least power 2000 W exceeds greatest power 1000 W",
        ),
    ] {
        assert!(SMALL.contains(from));
        let text = SMALL.replacen(from, to, 1);
        let said = match document::parse(&text, None).and_then(|study| translate(&study)) {
            Ok(_) => "taken".to_owned(),
            Err(error) => error.to_string(),
        };
        assert!(said.contains(expected), "{to}: {said}");
    }
}

#[test]
fn scales_keep_small_and_large_studies_exact() {
    let scaled = |power: f64, price: &str| {
        let text = SMALL
            .replace("[900, 1_500]", &format!("[{}, {}]", 0.9 * power, 1.5 * power))
            .replace("power_max_w = 1_000", &format!("power_max_w = {power}"))
            .replace("0.2", price);
        translate(&document::parse(&text, None).unwrap())
    };
    assert_eq!(scaled(1e3, "0.2").unwrap().scale.power_exponent, 0);
    // 80 GW are more than the check's powers reach: counted in tens of watts or more.
    assert!(scaled(8e10, "0.2").unwrap().scale.power_exponent >= 2);
    // A third of a watt has no end; finer quanta bring it below the accepted rounding.
    assert!(scaled(1e3 / 3.0, "0.2").unwrap().scale.power_exponent < 0);
    let fine = scaled(1e3, "0.20000000012345").unwrap();
    assert!(fine.roundings["price"].relative <= 1e-7);
}
