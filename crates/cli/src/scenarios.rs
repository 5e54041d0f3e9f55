//! Scenario files: from a path, or the ones that come with the program.

use anyhow::{Context as _, Result};
use gridaccord_model::scenario::Scenario;
use std::{fs, path::Path};

/// The month of the white paper: what a demo runs unless told otherwise.
const WHITE_PAPER: &str = include_str!("../../../scenarios/white-paper.toml");

/// Reads a scenario; without a path, the white paper's.
pub(crate) fn load(path: Option<&Path>) -> Result<Scenario> {
    match path {
        None => Ok(Scenario::parse(WHITE_PAPER)
            .expect("the scenario that comes with the program is tested")),
        Some(path) => {
            let text = fs::read_to_string(path)
                .with_context(|| format!("cannot read scenario {}", path.display()))?;
            Scenario::parse(&text)
                .with_context(|| format!("scenario {} is refused", path.display()))
        }
    }
}
