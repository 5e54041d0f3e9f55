//! `gridaccord solve` of a whole horizon: one proven dispatch of all intervals.

use super::SolveArgs;
use crate::input;
use anyhow::{Result, bail};
use comfy_table::{CellAlignment, Table, presets};
use gridaccord_study::{
    Outcome, Study, Translated, files, solve,
    summary::{Dispatch, Headline, Summary},
};
use std::{io::Write, process::ExitCode};

/// Rows of the table for people; files have all.
const ROWS_MAX: usize = 30;

/// Solves a study and prints or writes what came of it.
///
/// # Errors
/// A study that is refused, files that cannot be written; without `--json` also one that has no dispatch.
pub(super) fn run(args: &SolveArgs, study: &Study, output: &mut impl Write) -> Result<ExitCode> {
    if args.interval.is_some() {
        bail!("--interval solves one interval on its own; a horizon is solved whole");
    }
    let translated = input::exact(study)?;
    let outcome = solve(study, &translated)?;
    let headline = Headline::of(study, &translated, &outcome);
    if args.json {
        writeln!(output, "{}", serde_json::to_string(&headline)?)?;
    }
    let Outcome::Solved(solved) = &outcome else {
        if args.json {
            return Ok(ExitCode::FAILURE);
        }
        bail!("{}", headline.sentence());
    };
    if !args.json {
        let dispatch = Dispatch::of(study, &translated, solved);
        let summary = Summary::of(study, &translated, solved, &dispatch);
        print(&summary, &translated, output)?;
    }
    if let Some(folder) = &args.out {
        files::write(folder, study, &translated, solved)?;
        if !args.json {
            writeln!(output, "wrote {} to {}", files::NAMES.join(", "), folder.display())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print(summary: &Summary, translated: &Translated, output: &mut impl Write) -> Result<()> {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(["component", "kind", "injected kWh", "absorbed kWh", "unused kWh"]);
    let kwh = |wh: f64| format!("{:.3}", wh / 1e3);
    for total in summary.resources_by_name.iter().take(ROWS_MAX) {
        table.add_row([
            total.name.clone(),
            total.kind.to_owned(),
            kwh(total.injected_wh),
            kwh(total.absorbed_wh),
            total.curtailed_wh.map_or_else(String::new, kwh),
        ]);
    }
    for column in 2..5 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    writeln!(output, "{table}")?;
    let more = summary.resources_by_name.len().saturating_sub(ROWS_MAX);
    if more > 0 {
        writeln!(output, "and {more} more; --out DIR writes all")?;
    }
    writeln!(
        output,
        "prices {:.6} to {:.6} per kWh, demand {} kWh, shed {} kWh, carbon {:.3} kg{}",
        summary.price_min_per_kwh,
        summary.price_max_per_kwh,
        kwh(summary.demand_wh),
        kwh(summary.shed_wh),
        summary.carbon_kg,
        match (summary.carbon_cap_kg, summary.carbon_price_per_kg) {
            (Some(cap), Some(price)) => format!(" of {cap:.3}, one more kg is worth {price:.6}"),
            _ => String::new(),
        }
    )?;
    writeln!(output, "{}", input::roundings(translated))?;
    writeln!(output, "{}", summary.headline.sentence())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{InputArgs, KindArgs};
    use std::path::PathBuf;

    fn printed(file: &str, horizon: bool, json: bool) -> (String, ExitCode) {
        let scenario =
            Some([env!("CARGO_MANIFEST_DIR"), "..", "..", file].iter().collect::<PathBuf>());
        let input = InputArgs { scenario, kind: KindArgs { pypsa: None, horizon } };
        let study = input.study().unwrap();
        let args = SolveArgs { input, interval: None, out: None, json };
        let mut output = Vec::new();
        let code = run(&args, &study, &mut output).unwrap();
        (String::from_utf8(output).unwrap(), code)
    }

    #[test]
    fn a_folder_is_solved_and_summarised() {
        let (text, _) = printed("crates/study/tests/fixtures/campus-day", false, false);
        assert!(
            text.lines()
                .last()
                .unwrap()
                .starts_with("optimal: 24 intervals, 5 resources, cost 1153.238"),
            "{text}"
        );
        assert!(text.contains("| battery"), "{text}");
    }

    #[test]
    fn a_market_scenario_is_also_a_horizon() {
        let (text, _) = printed("scenarios/white-paper.toml", true, true);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&value["status"], &value["intervals"]), (&"optimal".into(), &25.into()));
        assert_eq!(value.as_object().map(serde_json::Map::len), Some(9));
    }
}
