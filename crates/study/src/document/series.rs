//! Series as documents write them.

use crate::error::StudyError;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// One number, a list, or a column of a CSV file.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(
    untagged,
    expecting = "a number, a list with one number per interval, or { csv = \"file.csv\", column = \"name\" }"
)]
pub(super) enum SeriesText {
    /// For all intervals.
    Constant(f64),
    /// One for each.
    Listed(Vec<f64>),
    /// In a file beside the document.
    Column(Column),
}

/// A column of a CSV file with one row per interval.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Column {
    csv: String,
    column: String,
}

impl SeriesText {
    pub(super) fn of(values: &[f64]) -> Self {
        match values {
            [first, rest @ ..] if rest.iter().all(|value| value == first) => Self::Constant(*first),
            _ => Self::Listed(values.to_vec()),
        }
    }

    pub(super) fn values(
        &self,
        name: &str,
        length: usize,
        folder: Option<&Path>,
    ) -> Result<Vec<f64>, StudyError> {
        match self {
            Self::Constant(value) => Ok(vec![*value; length]),
            Self::Listed(values) => Ok(values.clone()),
            Self::Column(column) => column.read(name, length, folder),
        }
    }
}

impl Column {
    fn read(
        &self,
        name: &str,
        length: usize,
        folder: Option<&Path>,
    ) -> Result<Vec<f64>, StudyError> {
        let Self { csv: file, column } = self;
        let refuse = |message: String| StudyError::Document(format!("`{name}`: {file}: {message}"));
        // A study names files beside it, nothing else on the machine.
        if file.contains(['/', '\\']) {
            return Err(refuse("only a file beside the study can be named".to_owned()));
        }
        let Some(folder) = folder else {
            return Err(refuse("a study without a folder has no files beside it".to_owned()));
        };
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .from_path(folder.join(file))
            .map_err(|error| refuse(error.to_string()))?;
        let headers = reader.headers().map_err(|error| refuse(error.to_string()))?;
        let position = headers
            .iter()
            .position(|header| header == column)
            .ok_or_else(|| refuse(format!("has no column `{column}`")))?;
        let mut values = Vec::with_capacity(length);
        for record in reader.records() {
            let record = record.map_err(|error| refuse(error.to_string()))?;
            let text = record.get(position).unwrap_or_default();
            let value: f64 = text.parse().map_err(|_| {
                refuse(format!("row {}: `{text}` is not a number", values.len() + 1))
            })?;
            values.push(value);
        }
        Ok(values)
    }
}
