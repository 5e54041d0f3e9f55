//! Studies: files in, dispatch of a whole horizon, files out.
//!
//! A [`Study`] is what a person has: resources, loads, a tie, in decimal units. It comes from a TOML file
//! ([`document`]) or a PyPSA folder ([`pypsa`]). [`translate()`] turns it into the whole quanta that
//! `gridaccord-dispatch` checks, and says how far anything was rounded. [`solve()`] asks the solver and keeps what
//! the check proved; [`certificate`] writes it so that [`verify()`] can be run by anybody else; [`files`],
//! [`report`] and [`explain`] are for people.
//!
//! Below the wall: floats are allowed here, at the borders. Nothing here decides whether an answer is right; that is
//! the exact check's. Positive power is injection into the bus.

#![warn(missing_docs)]

pub mod study;
pub mod error;
pub mod pypsa;
pub mod document;
pub mod scenario;
pub mod translate;
pub mod run;
pub mod certificate;
pub mod files;
pub mod summary;
pub mod report;
pub mod explain;

pub use error::StudyError;
pub use run::{Answer, Outcome, Solved, Status, solve, verify};
pub use study::Study;
pub use translate::{Translated, translate};
