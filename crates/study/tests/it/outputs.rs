//! Files and explanations of a solved study.

use crate::common::{SMALL, imported, solved};
use gridaccord_study::{
    Outcome, Study, document, explain, files, solve, summary::Headline, translate,
};
use std::fs;

fn study(text: &str) -> Study {
    document::parse(text, None).unwrap()
}

#[test]
fn files_say_what_was_solved() {
    let folder = tempfile::tempdir().unwrap();
    let small = study(SMALL);
    let (translated, answer) = solved(&small);
    files::write(folder.path(), &small, &translated, &answer).unwrap();
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(
        read("dispatch.csv"),
        "interval,label,demand_w,base_w,peaker_w\n0,2026-06-10T00:00:00Z,900,900,0\n1,2026-06-10T01:00:00Z,1500,1000,500\n"
    );
    assert_eq!(
        read("prices.csv"),
        "interval,label,price_per_kwh,carbon_kg\n0,2026-06-10T00:00:00Z,0.05,0\n1,2026-06-10T01:00:00Z,0.2,0\n"
    );
    let summary: serde_json::Value = serde_json::from_str(&read("summary.json")).unwrap();
    // 1.9 kWh at 0.05 and 0.5 kWh at 0.2.
    assert_eq!((&summary["status"], &summary["objective"]), (&"optimal".into(), &0.195.into()));
    assert_eq!(summary["demand_wh"], 2_400.0);
    assert_eq!(summary["resources_by_name"][0]["curtailed_wh"], 100.0);
}

#[test]
fn the_report_needs_nothing_from_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    let mut day = imported("campus-day");
    day.name = "</script><img src=x>".to_owned();
    let (translated, answer) = solved(&day);
    files::write(folder.path(), &day, &translated, &answer).unwrap();
    let page = fs::read_to_string(folder.path().join("report.html")).unwrap();
    assert!(page.len() < 100_000, "{} bytes", page.len());
    for loading in ["href=", "@import", "url(http", "fetch(", "<img", "<link"] {
        assert!(!page.contains(loading), "the page has {loading}");
    }
    // The only address is the name of SVG's elements, which nothing loads.
    assert_eq!(page.matches("://").count(), page.matches("http://www.w3.org/2000/svg").count());
    assert_eq!(page.matches("<script").count(), page.matches("</script>").count());
}

#[test]
fn prices_and_positions_are_explained() {
    let small = study(SMALL);
    let (translated, answer) = solved(&small);
    let text = |interval: usize, resource: Option<&str>| {
        explain::interval(&small, &translated, &answer, interval)
            .and_then(|explanation| explanation.text(resource))
            .map_err(|error| error.to_string())
    };
    let first = text(0, None).unwrap();
    assert!(
        first.starts_with("interval 0 (2026-06-10T00:00:00Z): price 0.05 per kWh\n  set by `base`"),
        "{first}"
    );
    assert!(first.contains("`peaker` at 0 W: not called; it would lose 0.15 per kWh"), "{first}");
    let base = text(1, Some("base")).unwrap();
    assert!(
        base.contains("at its upper limit; one more kW of it would earn 0.15 per hour"),
        "{base}"
    );
    assert_eq!(
        text(2, None).unwrap_err(),
        "interval 2 is beyond the last; `small` has intervals 0 to 1"
    );
    assert_eq!(
        text(0, Some("x")).unwrap_err(),
        "no resource is called `x`; there are base, peaker"
    );
}

#[test]
fn the_cap_has_a_price() {
    let capped = imported("capped");
    let (translated, answer) = solved(&capped);
    let text = explain::interval(&capped, &translated, &answer, 0).unwrap().text(None).unwrap();
    // Biodiesel at 140 replaces the turbine at 85, whose kWh emits 0.2/0.35 kg: 0.055 over that.
    let line = text.lines().find(|line| line.contains("carbon cap binds")).unwrap();
    let worth: f64 = line.rsplit(' ').next().unwrap().parse().unwrap();
    assert!((worth - 0.055 * 0.35 / 0.2).abs() < 1e-5, "{line}");
}

#[test]
fn a_day_that_cannot_be_balanced_says_where_and_by_how_much() {
    let short = study(&SMALL.replace("1_500", "2_500"));
    let translated = translate(&short).unwrap();
    let outcome = solve(&short, &translated).unwrap();
    let headline = Headline::of(&short, &translated, &outcome);
    assert!(matches!(outcome, Outcome::Infeasible { .. }), "{outcome:?}");
    assert_eq!((headline.status, headline.objective), ("infeasible", None));
    assert_eq!(
        headline.gap_reason,
        "interval 1: supply is 501 W short of demand; shed or import 501 W more"
    );
}
