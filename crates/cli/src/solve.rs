//! `gridaccord solve SCENARIO`: the dispatch of every interval, with price and reason, and files to keep.
//!
//! Each interval is proposed by the solver and checked in integers before it is shown. What is written:
//! `dispatch.csv` and `prices.csv` for spreadsheets, `summary.json` for programs, `solution.json` for
//! `gridaccord check`, which needs nothing but the scenario to verify it. Whole horizons go another way: `horizon`.

mod horizon;
pub(crate) mod solution;

use crate::input::{Input, InputArgs};
use anyhow::{Context as _, Result, bail};
use clap::Args;
use comfy_table::{Table, presets};
use gridaccord_dispatch::{
    Answer, Outcome, Problem, Reason, Verified, check, reason::reasons, scenario,
};
use gridaccord_model::{Picos, Price, Scenario, scenario::utc};
use gridaccord_study::summary::Headline;
use serde::Serialize;
use solution::SolutionFile;
use std::{
    fmt::Write as _,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

/// Solve a scenario interval by interval, or a whole horizon with storages and ramps.
#[derive(Debug, Args)]
pub(crate) struct SolveArgs {
    #[command(flatten)]
    input: InputArgs,
    /// Solve only this interval, counted from 0
    #[arg(long, value_name = "N")]
    interval: Option<u32>,
    /// Write tables, summary, the file for `gridaccord check` and, of a horizon, report.html
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print a summary as JSON instead of the table
    #[arg(long)]
    json: bool,
}

/// Runs the command, printing to standard output.
///
/// # Errors
/// A scenario that cannot be read or is refused, an interval that has no dispatch, a file that cannot be written.
pub(crate) fn run(args: &SolveArgs) -> Result<ExitCode> {
    let output = &mut std::io::stdout().lock();
    match args.input.load()? {
        Input::Scenario(scenario) => run_to(args, &scenario, output),
        Input::Study(study) => horizon::run(args, &study, output),
    }
}

fn run_to(args: &SolveArgs, scenario: &Scenario, output: &mut impl Write) -> Result<ExitCode> {
    let solved = match solve(scenario, args.interval) {
        Err(error) if args.json && error.is::<NoDispatch>() => {
            let headline = no_dispatch(scenario, args.interval, format!("{error:#}"));
            writeln!(output, "{}", serde_json::to_string(&headline)?)?;
            return Ok(ExitCode::FAILURE);
        }
        solved => solved?,
    };
    let summary = Summary::of(scenario, &solved);
    if args.json {
        writeln!(output, "{}", serde_json::to_string(&summary.headline)?)?;
    } else {
        writeln!(output, "{}", table(scenario, &solved))?;
        writeln!(output, "{}", summary.headline.sentence())?;
    }
    if let Some(directory) = &args.out {
        write_files(directory, scenario, &solved, &summary)?;
        if !args.json {
            writeln!(
                output,
                "wrote dispatch.csv, prices.csv, summary.json, solution.json to {}",
                directory.display()
            )?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// An interval whose demand no dispatch can meet.
#[derive(Debug)]
struct NoDispatch(String);

impl std::fmt::Display for NoDispatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoDispatch {}

/// What `--json` prints of a scenario with such an interval.
fn no_dispatch(scenario: &Scenario, only: Option<u32>, reason: String) -> Headline {
    let intervals = only.map_or(scenario.horizon.intervals, |_| 1);
    let parts = scenario.problem(only.unwrap_or(0));
    Headline {
        status: "infeasible",
        objective: None,
        bound: None,
        gap_ppb: None,
        gap_reason: reason,
        solve_ms: 0.0,
        check_ms: 0.0,
        intervals: intervals as usize,
        resources: parts.offers.len() + parts.ties.len(),
    }
}

/// One interval, solved and checked.
struct Solved {
    interval: u32,
    problem: Problem,
    answer: Answer,
    verified: Verified,
    reasons: Vec<Reason>,
    solve_ms: f64,
    check_ms: f64,
}

fn solve(scenario: &Scenario, only: Option<u32>) -> Result<Vec<Solved>> {
    let intervals = scenario.horizon.intervals;
    match only {
        Some(interval) if interval >= intervals => {
            bail!(
                "interval {interval} is beyond the last; {} has intervals 0 to {}",
                scenario.name,
                intervals - 1
            )
        }
        Some(interval) => Ok(vec![solve_one(scenario, interval)?]),
        None => (0..intervals).map(|interval| solve_one(scenario, interval)).collect(),
    }
}

fn solve_one(scenario: &Scenario, interval: u32) -> Result<Solved> {
    let at = || format!("interval {interval} ({})", utc(scenario.interval(interval).start));
    let problem = scenario::problem(scenario, interval).with_context(at)?;
    let start = Instant::now();
    let outcome = gridaccord_solver::propose(&problem);
    let solve_ms = milliseconds(start);
    let answer = match outcome {
        Outcome::Optimal(answer) => answer,
        Outcome::Infeasible(imbalance) => {
            bail!(NoDispatch(format!("{} has no dispatch: {imbalance}", at())))
        }
    };
    let start = Instant::now();
    let verified = check(&problem, &answer, scenario.thresholds.gap_ppb).with_context(at)?;
    let check_ms = milliseconds(start);
    let reasons = reasons(&problem, &answer);
    Ok(Solved { interval, problem, answer, verified, reasons, solve_ms, check_ms })
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

fn table(scenario: &Scenario, solved: &[Solved]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(["interval", "start", "price/kWh", "resource", "W", "reason"]);
    for Solved { interval, problem, answer, verified, reasons, .. } in solved {
        let start = utc(scenario.interval(*interval).start);
        let mut lead = [interval.to_string(), start, decimal(verified.price)];
        let rows = problem.resources().iter().zip(&answer.solution.set_points).zip(reasons);
        for ((resource, power), reason) in rows {
            let [interval, start, price] = std::mem::take(&mut lead);
            let name = name(scenario, resource.member.0);
            table.add_row([interval, start, price, name, power.0.to_string(), reason.to_string()]);
        }
        for (tier, shed) in problem.tiers().iter().zip(&answer.solution.shed) {
            if shed.0 > 0 {
                let label = format!("{}, tier {}", name(scenario, tier.member.0), tier.tier);
                table.add_row([
                    String::new(),
                    String::new(),
                    String::new(),
                    label,
                    shed.0.to_string(),
                    "shed".into(),
                ]);
            }
        }
    }
    for column in [0, 2, 4] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(comfy_table::CellAlignment::Right);
        }
    }
    table
}

fn name(scenario: &Scenario, member: u16) -> String {
    scenario.members.get(usize::from(member)).map_or_else(String::new, |member| member.name.clone())
}

/// Currency per kWh.
fn decimal(price: Price) -> String {
    let (sign, micro) = (if price.0 < 0 { "-" } else { "" }, price.0.unsigned_abs());
    format!("{sign}{}.{:06}", micro / 1_000_000, micro % 1_000_000)
}

/// Energy of one resource over the intervals solved, from offers and set points.
#[derive(Debug, Serialize)]
struct ResourceSummary {
    member: String,
    class: Option<String>,
    energy_wh: i64,
    curtailed_wh: i64,
    intervals_marginal: usize,
}

/// `summary.json`
#[derive(Debug, Serialize)]
struct Summary {
    scenario: String,
    #[serde(flatten)]
    headline: Headline,
    price_min_per_kwh: String,
    price_max_per_kwh: String,
    demand_wh: i64,
    shed_wh: i64,
    resources_by_member: Vec<ResourceSummary>,
}

impl Summary {
    fn of(scenario: &Scenario, solved: &[Solved]) -> Self {
        let total = |of: fn(&Verified) -> Picos| {
            solved.iter().map(|solved| of(&solved.verified).0).sum::<i128>()
        };
        let (cost, bound, gap, turnover) =
            (total(|v| v.cost), total(|v| v.bound), total(|v| v.gap), total(|v| v.turnover));
        let prices = || solved.iter().map(|solved| solved.verified.price);
        let energy = |power: fn(&Solved) -> i64| {
            let joules = solved.iter().map(|solved| joules(solved, power(solved))).sum::<i128>();
            watt_hours(joules)
        };
        let headline = Headline {
            status: "optimal",
            objective: Some(currency(cost)),
            bound: Some(currency(bound)),
            gap_ppb: Some(u64::try_from(gap * 1_000_000_000 / turnover.max(1)).unwrap_or(u64::MAX)),
            gap_reason: if gap == 0 { "exact optimum" } else { "within the loss threshold" }.into(),
            solve_ms: solved.iter().map(|solved| solved.solve_ms).sum(),
            check_ms: solved.iter().map(|solved| solved.check_ms).sum(),
            intervals: solved.len(),
            resources: solved
                .iter()
                .map(|solved| solved.problem.resources().len())
                .max()
                .unwrap_or(0),
        };
        Self {
            scenario: scenario.name.clone(),
            headline,
            price_min_per_kwh: decimal(prices().min().unwrap_or_default()),
            price_max_per_kwh: decimal(prices().max().unwrap_or_default()),
            demand_wh: energy(|solved| solved.problem.demand().0),
            shed_wh: energy(|solved| solved.answer.solution.shed.iter().map(|power| power.0).sum()),
            resources_by_member: by_member(scenario, solved),
        }
    }
}

fn by_member(scenario: &Scenario, solved: &[Solved]) -> Vec<ResourceSummary> {
    let Some(first) = solved.first() else { return Vec::new() };
    let of_position = |position: usize| {
        let member = first.problem.resources()[position].member;
        let power = |solved: &Solved| solved.answer.solution.set_points[position].0;
        let left = |solved: &Solved| {
            solved.problem.resources()[position].offer.power_max.0 - power(solved)
        };
        let sum = |of: &dyn Fn(&Solved) -> i64| {
            watt_hours(solved.iter().map(|solved| joules(solved, of(solved))).sum())
        };
        let is_tie = scenario.is_tie(member);
        ResourceSummary {
            member: name(scenario, member.0),
            class: scenario
                .members
                .get(usize::from(member.0))
                .and_then(|member| member.class.clone()),
            energy_wh: sum(&power),
            curtailed_wh: if is_tie { 0 } else { sum(&left) },
            intervals_marginal: solved
                .iter()
                .filter(|solved| solved.reasons[position] == Reason::Marginal)
                .count(),
        }
    };
    (0..first.problem.resources().len()).map(of_position).collect()
}

fn joules(solved: &Solved, power: i64) -> i128 {
    i128::from(power) * i128::from(solved.problem.setting().duration_s)
}

fn watt_hours(joules: i128) -> i64 {
    i64::try_from(joules.div_euclid(3_600)).unwrap_or(i64::MAX)
}

/// For people and JSON: exact to the µ-currency as long as a double holds it.
fn currency(cost: i128) -> f64 {
    Picos(cost).micro_floor() as f64 / 1e6
}

fn write_files(
    directory: &Path,
    scenario: &Scenario,
    solved: &[Solved],
    summary: &Summary,
) -> Result<()> {
    fs::create_dir_all(directory)
        .with_context(|| format!("cannot create {}", directory.display()))?;
    let write = |file: &str, text: String| {
        let path = directory.join(file);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    };
    write("dispatch.csv", dispatch_csv(scenario, solved))?;
    write("prices.csv", prices_csv(scenario, solved))?;
    write("summary.json", serde_json::to_string_pretty(summary)? + "\n")?;
    let solution = SolutionFile::of(
        scenario,
        solved.iter().map(|solved| (solved.interval, &solved.problem, &solved.answer)),
    );
    write("solution.json", serde_json::to_string_pretty(&solution)? + "\n")
}

/// One line per interval and resource; shed tiers follow as `member/tier`.
fn dispatch_csv(scenario: &Scenario, solved: &[Solved]) -> String {
    let mut text = "interval,start_utc,member,set_point_w,reason\n".to_owned();
    for Solved { interval, problem, answer, reasons, .. } in solved {
        let lead = format!("{interval},{}", utc(scenario.interval(*interval).start));
        for ((resource, power), reason) in
            problem.resources().iter().zip(&answer.solution.set_points).zip(reasons)
        {
            let _ =
                writeln!(text, "{lead},{},{},{reason}", name(scenario, resource.member.0), power.0);
        }
        for (tier, shed) in problem.tiers().iter().zip(&answer.solution.shed) {
            let _ = writeln!(
                text,
                "{lead},{}/{},{},shed",
                name(scenario, tier.member.0),
                tier.tier,
                shed.0
            );
        }
    }
    text
}

fn prices_csv(scenario: &Scenario, solved: &[Solved]) -> String {
    let mut text = "interval,start_utc,price_per_kwh,shadow_price_half_pico_per_wh\n".to_owned();
    for Solved { interval, answer, verified, .. } in solved {
        let start = utc(scenario.interval(*interval).start);
        let _ = writeln!(
            text,
            "{interval},{start},{},{}",
            decimal(verified.price),
            answer.certificate.price.0
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(interval: Option<u32>, out: Option<&Path>, json: bool) -> SolveArgs {
        let scenario =
            PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios/white-paper.toml"));
        let input = InputArgs { scenario: Some(scenario), ..InputArgs::default() };
        SolveArgs { input, interval, out: out.map(Path::to_owned), json }
    }

    fn printed(args: &SolveArgs) -> Result<String> {
        let Input::Scenario(scenario) = args.input.load()? else { panic!("a market scenario") };
        let mut output = Vec::new();
        run_to(args, &scenario, &mut output)?;
        Ok(String::from_utf8(output)?)
    }

    #[test]
    fn the_table_has_set_points_price_and_reasons() {
        let text = printed(&args(Some(0), None, false)).unwrap();
        let rows: Vec<Vec<&str>> =
            text.lines().map(|line| line.split('|').map(str::trim).collect()).collect();
        let resource = |row: &Vec<&str>| (row[4].to_owned(), row[5].to_owned(), row[6].to_owned());
        let solar = rows.iter().find(|row| row.get(4) == Some(&"solar")).map(resource).unwrap();
        assert_eq!(solar, ("solar".into(), "310".into(), "at upper limit".into()));
        let biodiesel =
            rows.iter().find(|row| row.get(4) == Some(&"biodiesel")).map(resource).unwrap();
        assert_eq!(biodiesel, ("biodiesel".into(), "149".into(), "marginal".into()));
        assert!(
            text.lines().last().unwrap().starts_with("optimal: 1 intervals, 5 resources, cost "),
            "{text}"
        );
    }

    #[test]
    fn json_has_the_promised_fields() {
        let text = printed(&args(None, None, true)).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&value["status"], &value["gap_ppb"]), (&"optimal".into(), &0.into()));
        assert_eq!((&value["intervals"], &value["resources"]), (&25.into(), &5.into()));
        assert_eq!(value["gap_reason"], "exact optimum");
        assert_eq!(value["objective"], value["bound"]);
        for key in ["objective", "bound", "solve_ms", "check_ms"] {
            assert!(value[key].as_f64().is_some_and(|number| number > 0.0), "{key}: {value}");
        }
        assert_eq!(value.as_object().map(serde_json::Map::len), Some(9));
    }

    #[test]
    fn files_add_up_to_the_white_papers_month() {
        let directory = tempfile::tempdir().unwrap();
        printed(&args(None, Some(directory.path()), false)).unwrap();
        let read = |file: &str| fs::read_to_string(directory.path().join(file)).unwrap();
        let summary: serde_json::Value = serde_json::from_str(&read("summary.json")).unwrap();
        let energies: Vec<i64> = (0..5)
            .filter_map(|position| summary["resources_by_member"][position]["energy_wh"].as_i64())
            .collect();
        assert_eq!(energies, [31_000, 30_000, 15_100, 14_900, 0]);
        assert_eq!((&summary["demand_wh"], &summary["shed_wh"]), (&91_000.into(), &0.into()));
        assert_eq!(read("dispatch.csv").lines().count(), 1 + 25 * 5);
        assert_eq!(read("prices.csv").lines().count(), 1 + 25);
        assert!(
            read("prices.csv")
                .lines()
                .nth(1)
                .is_some_and(|line| line.starts_with("0,2026-03-02T10:00:00Z,0.0"))
        );
    }

    #[test]
    fn an_infeasible_interval_is_json_too() {
        // Sources and tie together give less than the campus must have.
        let text = include_str!("../../../scenarios/white-paper.toml")
            .replace("import_max_w = 2_000", "import_max_w = 10")
            .replace("power_max_w = 400", "power_max_w = 50");
        let scenario = Scenario::parse(&text).unwrap();
        let mut output = Vec::new();
        let code = run_to(&args(None, None, true), &scenario, &mut output).unwrap();
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::FAILURE));
        let value: serde_json::Value = serde_json::from_slice(&output).unwrap();
        assert_eq!(
            (&value["status"], &value["objective"]),
            (&"infeasible".into(), &serde_json::Value::Null)
        );
        assert!(
            value["gap_reason"].as_str().is_some_and(|reason| reason.starts_with("interval 0 ")),
            "{value}"
        );
        assert!(run_to(&args(None, None, false), &scenario, &mut Vec::new()).is_err());
    }

    #[test]
    fn an_interval_beyond_the_last_is_refused() {
        let error = printed(&args(Some(25), None, false)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "interval 25 is beyond the last; white-paper has intervals 0 to 24"
        );
    }

    #[test]
    fn prices_keep_their_sign() {
        assert_eq!(decimal(Price(-1)), "-0.000001");
        assert_eq!(decimal(Price(1_042_100)), "1.042100");
    }
}
