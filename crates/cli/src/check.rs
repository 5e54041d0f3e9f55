//! `gridaccord check SCENARIO SOLUTION`: verifies somebody else's solution, trusting nobody.

use crate::{
    input::{self, Input, KindArgs},
    solve::solution::SolutionFile,
};
use anyhow::{Context as _, Result, bail};
use clap::Args;
use gridaccord_dispatch::{Refusal, Verified, check, scenario};
use gridaccord_model::{Picos, Scenario, scenario::utc};
use gridaccord_study::{Study, certificate, run::gap_share, verify as verify_horizon};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

/// Largest solution file read: a horizon of 4,096 resources and 1,024 intervals fits.
const FILE_SIZE_MAX: u64 = 256 * 1024 * 1024;

/// Verify somebody else's solution: feasible, near the optimum, rightly priced.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Scenario file, study or PyPSA folder (left out with --pypsa), then solution.json or certificate.json, as
    /// `gridaccord solve --out` writes it
    #[arg(value_names = ["SCENARIO", "SOLUTION"], num_args = 1..=2, required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    kind: KindArgs,
}

/// Runs the command, printing to standard output.
///
/// # Errors
/// A file that cannot be read or is malformed, or the first interval refused, with its rule.
pub(crate) fn run(args: &CheckArgs) -> Result<ExitCode> {
    let (scenario, path): (Option<&Path>, &Path) = match args.files.as_slice() {
        [scenario, solution] => (Some(scenario), solution),
        [solution] if args.kind.pypsa.is_some() => (None, solution),
        _ => bail!("give a scenario and a solution, or --pypsa DIR and a solution"),
    };
    let input = args.kind.load(scenario)?;
    let reading = || format!("cannot read solution {}", path.display());
    let size = fs::metadata(path).with_context(reading)?.len();
    if size > FILE_SIZE_MAX {
        bail!("solution {} is {size} bytes, at most {FILE_SIZE_MAX} are read", path.display());
    }
    let text = fs::read_to_string(path).with_context(reading)?;
    let refused = || format!("solution {} is refused", path.display());
    let output = &mut std::io::stdout().lock();
    match input {
        Input::Scenario(scenario) if !certificate::is_certificate(&text) => {
            verify(&scenario, &text, output).with_context(refused)?;
        }
        input => verify_study(&input.into_study()?, &text, output).with_context(refused)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The certificate of a whole horizon.
fn verify_study(study: &Study, text: &str, output: &mut impl Write) -> Result<()> {
    let translated = input::exact(study)?;
    let start = Instant::now();
    let answer = certificate::read(text, study, &translated)?;
    let (_, verified) = verify_horizon(&translated, &answer)?;
    let money = |cost: Picos| cost.0 as f64 * translated.scale.cost() * study.cost_repeats;
    writeln!(
        output,
        "verified: a horizon of {} intervals, cost {:.6}, bound {:.6}, gap {:.6} ({} ppb); checked in {:.3} ms",
        study.intervals(),
        money(verified.cost),
        money(verified.bound),
        money(verified.gap),
        (gap_share(&verified) * 1e9).ceil(),
        start.elapsed().as_secs_f64() * 1e3
    )?;
    Ok(())
}

fn verify(scenario: &Scenario, text: &str, output: &mut impl Write) -> Result<()> {
    let file = SolutionFile::parse(text, scenario)?;
    let mut total = Total::default();
    let start = Instant::now();
    for solution in &file.intervals {
        let interval = solution.interval;
        let at = || format!("interval {interval} ({})", utc(scenario.interval(interval).start));
        let problem = scenario::problem(scenario, interval).with_context(at)?;
        let answer = solution.answer(scenario, &problem).with_context(at)?;
        let verified = check(&problem, &answer, scenario.thresholds.gap_ppb)
            .map_err(|refusal| {
                anyhow::anyhow!("rule A{}: {}", refusal.rule(), named(scenario, &refusal))
            })
            .with_context(at)?;
        total.add(&verified);
    }
    let share = if total.turnover > 0 { total.gap * 1_000_000_000 / total.turnover } else { 0 };
    writeln!(
        output,
        "verified: {} of {} intervals, cost {}, bound {}, gap {} ({share} ppb); checked in {:.3} ms",
        file.intervals.len(),
        scenario.horizon.intervals,
        currency(total.cost),
        currency(total.bound),
        currency(total.gap),
        start.elapsed().as_secs_f64() * 1e3
    )?;
    Ok(())
}

#[derive(Default)]
struct Total {
    cost: i128,
    bound: i128,
    gap: i128,
    turnover: i128,
}

impl Total {
    fn add(&mut self, verified: &Verified) {
        self.cost += verified.cost.0;
        self.bound += verified.bound.0;
        self.gap += verified.gap.0;
        self.turnover += verified.turnover.0;
    }
}

/// A refusal with members by name.
fn named(scenario: &Scenario, refusal: &Refusal) -> String {
    let member = match refusal {
        Refusal::TieInIsland { member, .. }
        | Refusal::OutsideRange { member, .. }
        | Refusal::OutsideTier { member, .. } => member,
        _ => return refusal.to_string(),
    };
    let name =
        scenario.members.get(usize::from(member.0)).map_or("?", |member| member.name.as_str());
    refusal.to_string().replace(&format!("member {member}"), &format!("`{name}`"))
}

/// Currency, floored to the µ.
fn currency(cost: i128) -> String {
    let micro = Picos(cost).micro_floor();
    let sign = if micro < 0 { "-" } else { "" };
    format!("{sign}{}.{:06}", micro.unsigned_abs() / 1_000_000, micro.unsigned_abs() % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gridaccord_dispatch::Outcome;
    use serde_json::{Value, json};

    fn month() -> Scenario {
        Scenario::parse(include_str!("../../../scenarios/white-paper.toml")).unwrap()
    }

    fn solved(scenario: &Scenario) -> Value {
        let solved: Vec<_> = (0..scenario.horizon.intervals)
            .map(|interval| {
                let problem = scenario::problem(scenario, interval).unwrap();
                let Outcome::Optimal(answer) = gridaccord_solver::propose(&problem) else {
                    panic!("feasible")
                };
                (interval, problem, answer)
            })
            .collect();
        let answers = solved.iter().map(|(interval, problem, answer)| (*interval, problem, answer));
        serde_json::to_value(SolutionFile::of(scenario, answers)).unwrap()
    }

    fn said(scenario: &Scenario, solution: &Value) -> String {
        let mut output = Vec::new();
        match verify(scenario, &solution.to_string(), &mut output) {
            Ok(()) => String::from_utf8(output).unwrap(),
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn a_sound_solution_is_verified() {
        let scenario = month();
        let text = said(&scenario, &solved(&scenario));
        assert!(text.starts_with("verified: 25 of 25 intervals, cost "), "{text}");
        assert!(text.contains(", gap 0.000000 (0 ppb)"), "{text}");
    }

    #[test]
    fn every_tampering_names_rule_and_interval() {
        let scenario = month();
        let sound = solved(&scenario);
        let at = "interval 3 (2026-03-05T10:00:00Z): ";
        let rows: [(&str, Value, &str); 5] = [
            (
                "/intervals/3/set_points_w/solar",
                json!(311),
                "rule A4: set point 311 W of `solar` is outside 0 W to 310 W",
            ),
            (
                "/intervals/3/set_points_w/solar",
                json!(309),
                "rule A6: supply exceeds demand by -1 W",
            ),
            (
                "/intervals/3/shadow_price_half_pico_per_wh",
                json!(0),
                "rule A8: shadow price 0 is not the lowest that clears: it calls for -500 W to -500 W, demand is 910 W",
            ),
            ("/intervals/3/set_points_w", json!({}), "`solar` has no set point"),
            ("/intervals/3/shed_w", json!({"campus/0": 1}), "`campus/0` is shed but is no tier"),
        ];
        for (pointer, value, expected) in rows {
            let mut tampered = sound.clone();
            if pointer.ends_with("shed_w") {
                tampered["intervals"][3]["shed_w"] = value;
            } else {
                *tampered.pointer_mut(pointer).unwrap() = value;
            }
            let text = said(&scenario, &tampered);
            assert_eq!(text, format!("{at}{expected}"));
        }
    }

    #[test]
    fn files_that_are_no_solution_are_refused() {
        let scenario = month();
        let sound = solved(&scenario);
        let with = |pointer: &str, value: Value| {
            let mut other = sound.clone();
            *other.pointer_mut(pointer).unwrap() = value;
            said(&scenario, &other)
        };
        assert!(
            said(&scenario, &json!({})).starts_with("not a solution file: missing field `format`")
        );
        assert_eq!(
            with("/format", json!("x")),
            "format is `x`, this program reads `gridaccord-solution-1`"
        );
        assert_eq!(with("/scenario", json!("x")), "it solves scenario `x`, not `white-paper`");
        assert_eq!(with("/intervals", json!([])), "it has no intervals");
        assert_eq!(with("/intervals/1/interval", json!(0)), "interval 0 is given twice");
        assert_eq!(with("/intervals/1/interval", json!(25)), "interval 25 is beyond the last, 24");
        assert!(
            with("/intervals/1/interval", json!(-1))
                .starts_with("not a solution file: invalid value")
        );
    }

    #[test]
    fn a_missing_file_is_named() {
        let scenario =
            PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios/white-paper.toml"));
        let files = vec![scenario, PathBuf::from("no-such-solution.json")];
        let args = CheckArgs { files, kind: KindArgs::default() };
        let text = format!("{:#}", run(&args).unwrap_err());
        assert!(text.starts_with("cannot read solution no-such-solution.json: "), "{text}");
    }
}
