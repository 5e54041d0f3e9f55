//! Scenario files: from a path, or the ones that come with the program.

use anyhow::{Context as _, Result};
use gridaccord_model::scenario::Scenario;
use std::{fs, path::Path};

/// The month of the white paper: what a demo runs unless told otherwise.
const WHITE_PAPER: &str = include_str!("../../../scenarios/white-paper.toml");

/// The text of a scenario; without a path, the white paper's.
pub(crate) fn text(path: Option<&Path>) -> Result<String> {
    match path {
        None => Ok(WHITE_PAPER.to_owned()),
        Some(path) => fs::read_to_string(path)
            .with_context(|| format!("cannot read scenario {}", path.display())),
    }
}

/// Reads a scenario; without a path, the white paper's.
pub(crate) fn load(path: Option<&Path>) -> Result<Scenario> {
    let shown = path.unwrap_or(Path::new("of the white paper")).display();
    Scenario::parse(&text(path)?).with_context(|| format!("scenario {shown} is refused"))
}
