//! What `solve`, `check`, `explain` and `convert` work on: a market scenario, a study of a horizon, or a PyPSA folder.
//!
//! A file says itself which it is: a study of a horizon begins with `kind = "horizon"`, a market scenario of horizons
//! (`horizon_intervals`) is one horizon, too. `--horizon` takes any other market scenario's intervals as one. A folder is
//! PyPSA's.

use crate::scenarios;
use anyhow::{Context as _, Result, bail};
use clap::Args;
use gridaccord_model::Scenario;
use gridaccord_study::{Study, Translated, document, pypsa, scenario, translate};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Where the problem comes from.
#[derive(Debug, Default, Args)]
pub(crate) struct InputArgs {
    /// Scenario file, or a study of a horizon
    #[arg(value_name = "SCENARIO", required_unless_present = "pypsa")]
    pub(crate) scenario: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) kind: KindArgs,
}

/// What the problem is.
#[derive(Debug, Default, Args)]
pub(crate) struct KindArgs {
    /// Read a PyPSA network exported as a CSV folder
    #[arg(long, value_name = "DIR")]
    pub(crate) pypsa: Option<PathBuf>,
    /// Take all intervals of the scenario as one horizon
    #[arg(long)]
    pub(crate) horizon: bool,
}

/// The problem.
#[derive(Debug)]
pub(crate) enum Input {
    /// Intervals, each on its own.
    Scenario(Box<Scenario>),
    /// One horizon.
    Study(Box<Study>),
}

impl InputArgs {
    /// # Errors
    /// Files that cannot be read or are refused, or both a file and a folder.
    pub(crate) fn load(&self) -> Result<Input> {
        self.kind.load(self.scenario.as_deref())
    }

    /// As one horizon, whatever it is.
    ///
    /// # Errors
    /// As [`InputArgs::load`], and a scenario that a horizon has no form for.
    pub(crate) fn study(&self) -> Result<Study> {
        self.load()?.into_study()
    }
}

impl KindArgs {
    /// # Errors
    /// As [`InputArgs::load`].
    pub(crate) fn load(&self, file: Option<&Path>) -> Result<Input> {
        let input = match (&self.pypsa, file) {
            (Some(_), Some(file)) => {
                bail!("both --pypsa and {} are given; give one", file.display())
            }
            (Some(folder), None) => Input::Study(Box::new(folder_study(folder)?)),
            (None, Some(folder)) if folder.is_dir() => {
                Input::Study(Box::new(folder_study(folder)?))
            }
            (None, Some(file)) => from_file(file)?,
            (None, None) => bail!("give a scenario file or --pypsa DIR"),
        };
        let joined = matches!(&input, Input::Scenario(market) if market.shape().is_some());
        if self.horizon || joined {
            Ok(Input::Study(Box::new(input.into_study()?)))
        } else {
            Ok(input)
        }
    }
}

impl Input {
    /// # Errors
    /// A scenario that a horizon has no form for.
    pub(crate) fn into_study(self) -> Result<Study> {
        match self {
            Self::Study(study) => Ok(*study),
            Self::Scenario(market) => Ok(scenario::study(&market)?),
        }
    }
}

fn from_file(path: &Path) -> Result<Input> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("cannot read scenario {}", path.display()))?;
    if !document::is_study(&text) {
        return Ok(Input::Scenario(Box::new(scenarios::load(Some(path))?)));
    }
    let study = document::parse(&text, path.parent())
        .with_context(|| format!("study {} is refused", path.display()))?;
    Ok(Input::Study(Box::new(study)))
}

/// Reads a folder; what was not read because it cannot matter is said on standard error.
pub(crate) fn folder_study(folder: &Path) -> Result<Study> {
    let imported = pypsa::import(folder)
        .with_context(|| format!("PyPSA folder {} is refused", folder.display()))?;
    if !imported.unread.is_empty() {
        eprintln!("not read, because PyPSA does not know it: {}", imported.unread.join("; "));
    }
    Ok(imported.study)
}

/// The exact problem of a study.
///
/// # Errors
/// A study that is refused.
pub(crate) fn exact(study: &Study) -> Result<Translated> {
    translate(study).with_context(|| format!("study `{}` is refused", study.name))
}

/// How far fields were rounded, for people.
pub(crate) fn roundings(translated: &Translated) -> String {
    if translated.roundings.is_empty() {
        return "every value is exact".to_owned();
    }
    let each = translated.roundings.iter().map(|(field, rounding)| {
        format!("{field} {:.1e} (`{}`)", rounding.relative, rounding.component)
    });
    format!(
        "largest rounding, as a share of the field's largest value: {}",
        each.collect::<Vec<_>>().join(", ")
    )
}
