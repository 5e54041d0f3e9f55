//! Why a study is refused, with file, column and component.

use gridaccord_dispatch::horizon::HorizonError;
use std::path::PathBuf;

/// Where in a folder something stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// File name.
    pub file: String,
    /// Column, if it is about one.
    pub column: Option<String>,
    /// Component, if it is about one.
    pub component: Option<String>,
}

impl core::fmt::Display for Place {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.file)?;
        if let Some(column) = &self.column {
            write!(f, ", column `{column}`")?;
        }
        if let Some(component) = &self.component {
            write!(f, ", `{component}`")?;
        }
        Ok(())
    }
}

/// Why there is no study, or no problem in it.
#[derive(Debug, thiserror::Error)]
pub enum StudyError {
    /// A file or folder cannot be read or written.
    #[error("cannot {action} {}", path.display())]
    File {
        /// `read`, `write` or `create`.
        action: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file is not the table it should be.
    #[error("{place}: {message}")]
    Table {
        /// Where.
        place: Place,
        /// What is wrong and what would be right.
        message: String,
    },
    /// Something that would change the answer and is not supported: refused, never ignored.
    #[error("{place}: {what} is not supported")]
    Unsupported {
        /// Where.
        place: Place,
        /// What.
        what: String,
    },
    /// A TOML document is not a study.
    #[error("{0}")]
    Document(String),
    /// A value that makes no sense, in words of the study.
    #[error("{0}")]
    Value(String),
    /// Rounding to whole quanta would change a field too much.
    #[error(
        "`{field}` of {component} rounds by {relative:.1e} of the field's largest value, at most {limit:.0e} is accepted"
    )]
    Rounding {
        /// Which field.
        field: &'static str,
        /// Whose value.
        component: String,
        /// By which share.
        relative: f64,
        /// What is accepted.
        limit: f64,
    },
    /// No scale brings all quantities within the limits of the exact check.
    #[error("the quantities leave the limits of the exact check")]
    Limits(#[source] HorizonError),
    /// A certificate file does not belong to the study or is malformed.
    #[error("{0}")]
    Certificate(String),
}
