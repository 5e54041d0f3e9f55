//! `gridaccord explain`: why a price, why a power, which limit binds and what one more of it is worth.

use crate::input::{self, InputArgs};
use anyhow::{Result, bail};
use clap::Args;
use gridaccord_study::{Outcome, explain, solve, summary::Headline};
use std::{io::Write, process::ExitCode};

/// Explain prices, set points and binding limits of a dispatch.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    input: InputArgs,
    /// Explain this interval, counted from 0; without it one line for each
    #[arg(long, value_name = "N")]
    interval: Option<usize>,
    /// Explain this resource only
    #[arg(long, value_name = "NAME")]
    resource: Option<String>,
}

/// Runs the command, printing to standard output.
///
/// # Errors
/// Input that is refused or has no dispatch, an interval or a resource that is not there.
pub(crate) fn run(args: &ExplainArgs) -> Result<ExitCode> {
    run_to(args, &mut std::io::stdout().lock())?;
    Ok(ExitCode::SUCCESS)
}

fn run_to(args: &ExplainArgs, output: &mut impl Write) -> Result<()> {
    let study = args.input.study()?;
    let translated = input::exact(&study)?;
    let outcome = solve(&study, &translated)?;
    let headline = Headline::of(&study, &translated, &outcome);
    let Outcome::Solved(solved) = outcome else { bail!("{}", headline.sentence()) };
    let resource = args.resource.as_deref();
    if let Some(interval) = args.interval {
        let explained = explain::interval(&study, &translated, &solved, interval)?;
        write!(output, "{}", explained.text(resource)?)?;
        return Ok(());
    }
    for interval in 0..study.intervals() {
        let explained = explain::interval(&study, &translated, &solved, interval)?;
        writeln!(output, "{}", explained.line(resource)?)?;
    }
    writeln!(output, "{}", headline.sentence())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn said(file: &str, interval: Option<usize>, resource: Option<&str>) -> Result<String> {
        let scenario =
            Some([env!("CARGO_MANIFEST_DIR"), "..", "..", file].iter().collect::<PathBuf>());
        let input = InputArgs { scenario, ..InputArgs::default() };
        let mut output = Vec::new();
        run_to(
            &ExplainArgs { input, interval, resource: resource.map(str::to_owned) },
            &mut output,
        )?;
        Ok(String::from_utf8(output)?)
    }

    #[test]
    fn the_white_papers_price_is_set_by_biodiesel() {
        let text = said("scenarios/white-paper.toml", Some(0), None).unwrap();
        assert!(text.contains("set by `biodiesel`"), "{text}");
        let solar = said("scenarios/white-paper.toml", Some(0), Some("solar")).unwrap();
        assert!(solar.contains("`solar` at 310 W: at its upper limit"), "{solar}");
        assert!(said("scenarios/white-paper.toml", Some(99), None).is_err());
    }

    #[test]
    fn a_day_has_a_line_for_each_interval() {
        let text = said("crates/study/tests/fixtures/campus-day", None, None).unwrap();
        assert_eq!(text.lines().count(), 25);
        let engine = said("crates/study/tests/fixtures/campus-day", None, Some("engine")).unwrap();
        assert!(engine.contains("upper limit") && engine.contains("marginal"), "{engine}");
    }
}
