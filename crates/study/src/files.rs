//! Files of a solved study: tables for spreadsheets, a summary for programs, the certificate for everybody.

use crate::{
    certificate,
    error::StudyError,
    report,
    run::Solved,
    study::Study,
    summary::{Dispatch, Summary},
    translate::Translated,
};
use std::{fmt::Write as _, fs, path::Path};

/// What [`write()`] writes, in its order.
pub const NAMES: [&str; 5] =
    ["dispatch.csv", "prices.csv", "summary.json", "certificate.json", "report.html"];

/// Writes all files into a folder, which is made if there is none.
///
/// # Errors
/// A folder or file that cannot be written.
pub fn write(
    folder: &Path,
    study: &Study,
    translated: &Translated,
    solved: &Solved,
) -> Result<(), StudyError> {
    let failed = |action, path: &Path| {
        let path = path.to_owned();
        move |source| StudyError::File { action, path, source }
    };
    fs::create_dir_all(folder).map_err(failed("create", folder))?;
    let dispatch = Dispatch::of(study, translated, solved);
    let summary = Summary::of(study, translated, solved, &dispatch);
    let json = serde_json::to_string_pretty(&summary).expect("numbers and names are JSON") + "\n";
    let texts = [
        dispatch_csv(study, &dispatch),
        prices_csv(study, &dispatch),
        json,
        certificate::write(study, translated, &solved.claim()),
        report::html(study, &dispatch, &summary),
    ];
    for (name, text) in NAMES.into_iter().zip(texts) {
        let path = folder.join(name);
        fs::write(&path, text).map_err(failed("write", &path))?;
    }
    Ok(())
}

/// One line per interval, one column per component, W; storages' stored energy follows in Wh.
#[must_use]
pub fn dispatch_csv(study: &Study, dispatch: &Dispatch) -> String {
    let mut text = String::from("interval,label,demand_w");
    for row in &dispatch.rows {
        let suffix = if row.kind == crate::summary::RowKind::Shed { "_shed_w" } else { "_w" };
        let _ = write!(text, ",{}", quoted(&format!("{}{suffix}", row.name)));
    }
    let stores = || dispatch.rows.iter().filter(|row| !row.stored_wh.is_empty());
    for row in stores() {
        let _ = write!(text, ",{}", quoted(&format!("{}_stored_wh", row.name)));
    }
    text.push('\n');
    for (interval, label) in study.labels.iter().enumerate() {
        let _ = write!(text, "{interval},{},{}", quoted(label), tidy(dispatch.demand_w[interval]));
        for row in &dispatch.rows {
            let _ = write!(text, ",{}", tidy(row.power_w[interval]));
        }
        for row in stores() {
            let _ = write!(text, ",{}", tidy(row.stored_wh[interval]));
        }
        text.push('\n');
    }
    text
}

/// One line per interval.
#[must_use]
pub fn prices_csv(study: &Study, dispatch: &Dispatch) -> String {
    let mut text = String::from("interval,label,price_per_kwh,carbon_kg\n");
    for (interval, label) in study.labels.iter().enumerate() {
        let (price, carbon) = (dispatch.price_per_kwh[interval], dispatch.carbon_kg[interval]);
        let _ = writeln!(text, "{interval},{},{},{}", quoted(label), tidy(price), tidy(carbon));
    }
    text
}

/// A number without what binary fractions add in the last places.
fn tidy(number: f64) -> String {
    let text = format!("{number:.9}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text.is_empty() || text == "-0" { "0".to_owned() } else { text.to_owned() }
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_tidy() {
        assert_eq!(tidy(-0.0), "0");
        assert_eq!(tidy(310.0), "310");
        assert_eq!(tidy(0.1 + 0.2), "0.3");
        assert_eq!(quoted("a,\"b\""), "\"a,\"\"b\"\"\"");
    }
}
