//! One HTML page of a solved study: supply against demand, prices, stored energy, carbon.
//!
//! Self-contained: data, style and the drawing code stand in the page and nothing is loaded from anywhere, so it
//! opens from a disk without a network. The charts are SVG drawn by `chart.js` of this folder.

use crate::{
    study::Study,
    summary::{Dispatch, Row, RowKind, Summary},
};
use serde::Serialize;
use std::{collections::BTreeMap, fmt::Write as _};

const PAGE: &str = include_str!("report/page.html");
const STYLE: &str = include_str!("report/style.css");
const CHART: &str = include_str!("report/chart.js");
/// More bands than this cannot be told apart: then classes are shown, and the smallest together.
const BANDS_MAX: usize = 11;

/// What the drawing code reads.
#[derive(Debug, Serialize)]
struct Data<'a> {
    labels: &'a [String],
    demand_w: &'a [f64],
    bands: Vec<Band>,
    price_per_kwh: &'a [f64],
    stored: Vec<Band>,
    carbon_kg: &'a [f64],
}

/// One band or line.
#[derive(Clone, Debug, Serialize)]
struct Band {
    name: String,
    kind: &'static str,
    /// Its class, which decides the colour.
    class: String,
    values: Vec<f64>,
}

/// The page.
#[must_use]
pub fn html(study: &Study, dispatch: &Dispatch, summary: &Summary) -> String {
    let rows = || dispatch.rows.iter();
    let stored = rows().filter(|row| !row.stored_wh.is_empty()).map(|row| Band {
        name: row.name.clone(),
        kind: "storage",
        class: row.class.clone().unwrap_or_default(),
        values: row.stored_wh.clone(),
    });
    let data = Data {
        labels: &study.labels,
        demand_w: &dispatch.demand_w,
        bands: bands(&dispatch.rows),
        price_per_kwh: &dispatch.price_per_kwh,
        stored: few(stored.collect()),
        carbon_kg: &dispatch.carbon_kg,
    };
    let json = serde_json::to_string(&data).expect("numbers and names are JSON");
    // Nothing in a name may end the element the data stands in.
    let json = json.replace('<', "\\u003c");
    let parts = [
        ("{{title}}", escaped(&study.name)),
        ("{{sentence}}", escaped(&summary.headline.sentence())),
        ("{{tiles}}", tiles(summary)),
        ("{{totals}}", totals(summary)),
        ("{{style}}", STYLE.to_owned()),
        ("{{chart}}", CHART.to_owned()),
        ("{{data}}", json),
    ];
    fill(&parts)
}

/// Puts each part where its mark stands; what a part contains is not looked at again.
fn fill(parts: &[(&str, String)]) -> String {
    let mut page = String::with_capacity(PAGE.len() + 1_024);
    let mut rest = PAGE;
    while let Some(at) = rest.find("{{") {
        page.push_str(&rest[..at]);
        let (mark, text) = parts
            .iter()
            .find(|(mark, _)| rest[at..].starts_with(mark))
            .expect("the page names only parts there are");
        page.push_str(text);
        rest = &rest[at + mark.len()..];
    }
    page + rest
}

/// What is stacked: by component where there are few, otherwise by class.
fn bands(rows: &[Row]) -> Vec<Band> {
    let plain = rows.iter().map(|row| Band {
        name: if row.kind == RowKind::Shed {
            format!("{} (shed)", row.name)
        } else {
            row.name.clone()
        },
        kind: row.kind.as_str(),
        class: row.class.clone().unwrap_or_default(),
        values: row.power_w.clone(),
    });
    if rows.len() <= BANDS_MAX {
        return plain.collect();
    }
    let mut classes: BTreeMap<String, Band> = BTreeMap::new();
    for (row, band) in rows.iter().zip(plain) {
        let name = match row.kind {
            RowKind::Tie => row.name.clone(),
            RowKind::Shed => "shed".to_owned(),
            kind => row.class.clone().unwrap_or_else(|| kind.as_str().to_owned()),
        };
        match classes.get_mut(&name) {
            Some(sum) => add(&mut sum.values, &band.values),
            None => {
                classes.insert(name.clone(), Band { name, ..band });
            }
        }
    }
    few(classes.into_values().collect())
}

/// The largest, and the others as one.
fn few(mut bands: Vec<Band>) -> Vec<Band> {
    if bands.len() <= BANDS_MAX {
        return bands;
    }
    let size = |band: &Band| band.values.iter().map(|value| value.abs()).sum::<f64>();
    bands.sort_by(|one, other| size(other).total_cmp(&size(one)));
    let others = bands.split_off(BANDS_MAX - 1);
    let mut sum = Band {
        name: format!("{} others", others.len()),
        kind: "generator",
        class: String::new(),
        values: vec![0.0; others[0].values.len()],
    };
    others.iter().for_each(|band| add(&mut sum.values, &band.values));
    bands.push(sum);
    bands
}

fn add(sums: &mut [f64], values: &[f64]) {
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}

fn tiles(summary: &Summary) -> String {
    let headline = &summary.headline;
    let number = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), short);
    let mut tiles = vec![
        ("cost", number(headline.objective), String::new()),
        ("proven bound", number(headline.bound), String::new()),
        (
            "gap",
            headline.gap_ppb.map_or_else(|| "–".to_owned(), |gap| gap.to_string()),
            "ppb".into(),
        ),
        ("demand", energy(summary.demand_wh).0, energy(summary.demand_wh).1.into()),
        ("price, least", short(summary.price_min_per_kwh), "per kWh".into()),
        ("price, greatest", short(summary.price_max_per_kwh), "per kWh".into()),
        ("carbon", short(summary.carbon_kg), "kg".into()),
    ];
    if let Some(price) = summary.carbon_price_per_kg {
        tiles.push(("carbon price", short(price), "per kg".into()));
    }
    if summary.shed_wh > 0.0 {
        tiles.push(("shed", energy(summary.shed_wh).0, energy(summary.shed_wh).1.into()));
    }
    let mut html = String::new();
    for (name, value, unit) in tiles {
        let _ = write!(
            html,
            "<div class=\"tile\"><span>{name}</span><b>{value}</b><i>{unit}</i></div>"
        );
    }
    html
}

fn totals(summary: &Summary) -> String {
    let mut html = String::new();
    for total in &summary.resources_by_name {
        let cell = |wh: f64| {
            let (value, unit) = energy(wh);
            format!("<td>{value} {unit}</td>")
        };
        let _ = write!(
            html,
            "<tr><th>{}</th><td class=\"t\">{}</td><td class=\"t\">{}</td>{}{}{}</tr>",
            escaped(&total.name),
            total.kind,
            escaped(total.class.as_deref().unwrap_or("")),
            cell(total.injected_wh),
            cell(total.absorbed_wh),
            total.curtailed_wh.map_or_else(|| "<td></td>".to_owned(), cell),
        );
    }
    html
}

fn energy(wh: f64) -> (String, &'static str) {
    match wh.abs() {
        size if size >= 1e9 => (short(wh / 1e9), "GWh"),
        size if size >= 1e6 => (short(wh / 1e6), "MWh"),
        size if size >= 1e3 => (short(wh / 1e3), "kWh"),
        _ => (short(wh), "Wh"),
    }
}

/// Five significant digits.
fn short(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return "0".to_owned();
    }
    let digits = 4 - value.abs().log10().floor() as i32;
    let text = format!("{value:.*}", digits.clamp(0, 9) as usize);
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn band(name: &str, value: f64) -> Band {
        Band {
            name: name.to_owned(),
            kind: "generator",
            class: String::new(),
            values: vec![value; 2],
        }
    }

    #[test]
    fn many_bands_become_few_and_lose_nothing() {
        let bands =
            few((0..30).map(|number| band(&number.to_string(), f64::from(number))).collect());
        assert_eq!(bands.len(), BANDS_MAX);
        assert_eq!(bands[0].name, "29");
        assert_eq!(bands[BANDS_MAX - 1].name, "20 others");
        let sum: f64 = bands.iter().map(|band| band.values[0]).sum();
        assert_eq!(sum, f64::from((0..30).sum::<i32>()));
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(short(1_234_567.8), "1234568");
        assert_eq!(short(0.042_137_9), "0.042138");
        assert_eq!(short(-12.0), "-12");
        assert_eq!(short(0.0), "0");
    }

    #[test]
    fn marks_in_parts_stay_as_they_are() {
        let parts: Vec<(&str, String)> =
            ["title", "sentence", "tiles", "totals", "style", "chart", "data"]
                .iter()
                .map(|name| {
                    (
                        Box::leak(format!("{{{{{name}}}}}").into_boxed_str()) as &str,
                        "{{title}}".to_owned(),
                    )
                })
                .collect();
        assert!(fill(&parts).matches("{{title}}").count() >= 7);
    }
}
