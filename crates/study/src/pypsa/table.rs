//! A CSV file as a table of text, with numbers read where they are asked for.

use crate::error::{Place, StudyError};
use std::{fs, io, path::Path};

/// Largest file read.
const FILE_SIZE_MAX: u64 = 256 * 1024 * 1024;

/// One file. The first column names the row.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) file: String,
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

impl Table {
    /// Reads a file; `None` where there is none.
    pub(super) fn read(folder: &Path, file: &str) -> Result<Option<Self>, StudyError> {
        let path = folder.join(file);
        let failed = |source| StudyError::File { action: "read", path: path.clone(), source };
        match fs::metadata(&path) {
            Ok(found) if found.len() > FILE_SIZE_MAX => {
                return Err(failed(io::Error::other(format!("larger than {FILE_SIZE_MAX} bytes"))));
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        }
        let text = fs::read(&path).map_err(failed)?;
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text);
        let malformed = |error: &csv::Error| StudyError::Table {
            place: Place { file: file.to_owned(), column: None, component: None },
            message: error.to_string(),
        };
        let columns =
            reader.headers().map_err(|error| malformed(&error))?.iter().map(str::to_owned);
        let columns = columns.collect();
        let rows = reader
            .records()
            .map(|record| record.map(|record| record.iter().map(str::to_owned).collect()))
            .collect::<Result<_, _>>()
            .map_err(|error| malformed(&error))?;
        Ok(Some(Self { file: file.to_owned(), columns, rows }))
    }

    pub(super) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }

    pub(super) fn components(&self) -> impl Iterator<Item = Component<'_>> {
        self.rows.iter().map(move |row| Component { table: self, row })
    }
}

/// Whether a cell says nothing.
pub(super) fn is_empty(text: &str) -> bool {
    text.is_empty() || text.eq_ignore_ascii_case("nan")
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Component<'t> {
    pub(super) table: &'t Table,
    row: &'t [String],
}

impl<'t> Component<'t> {
    pub(super) fn name(&self) -> &'t str {
        self.row.first().map_or("", String::as_str)
    }

    pub(super) fn text(&self, column: &str) -> Option<&'t str> {
        let cell = self.row.get(self.table.column(column)?)?;
        (!is_empty(cell)).then_some(cell.as_str())
    }

    pub(super) fn place(&self, column: &str) -> Place {
        Place {
            file: self.table.file.clone(),
            column: Some(column.to_owned()),
            component: Some(self.name().to_owned()),
        }
    }

    pub(super) fn wrong(&self, column: &str, message: impl Into<String>) -> StudyError {
        StudyError::Table { place: self.place(column), message: message.into() }
    }

    pub(super) fn unsupported(&self, column: &str, what: impl Into<String>) -> StudyError {
        StudyError::Unsupported { place: self.place(column), what: what.into() }
    }

    pub(super) fn maybe(&self, column: &str) -> Result<Option<f64>, StudyError> {
        self.text(column)
            .map(|text| number(text).ok_or_else(|| self.wrong(column, not_a_number(text))))
            .transpose()
    }

    pub(super) fn number(&self, column: &str, default: f64) -> Result<f64, StudyError> {
        Ok(self.maybe(column)?.unwrap_or(default))
    }

    pub(super) fn is(&self, column: &str, default: bool) -> Result<bool, StudyError> {
        match self.text(column) {
            None => Ok(default),
            Some(text) => flag(text)
                .ok_or_else(|| self.wrong(column, format!("`{text}` is neither True nor False"))),
        }
    }
}

pub(super) fn not_a_number(text: &str) -> String {
    format!("`{text}` is not a number")
}

/// A number as PyPSA writes it, infinities included.
pub(super) fn number(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|number| !number.is_nan())
}

pub(super) fn flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "1.0" => Some(true),
        "false" | "0" | "0.0" => Some(false),
        _ => None,
    }
}
