//! A study as a TOML file, both ways; what is written reads back as the same study.
//!
//! Every quantity has its unit in its key and unknown keys are refused. A series is one number for all intervals,
//! a list with one for each, or `{ csv = "file.csv", column = "name" }` with a file beside the document.

mod read;
mod series;
mod write;

pub use read::{is_study, parse};
pub use write::write;
