//! A whole campus from one seed: members with keys of their own, weather, plants on a simulated bus.
//!
//! The demo runs it over real sockets and disks; simulation runs the same members over a simulated network with
//! faults and liars.

pub mod campus;
pub mod hostile;
pub mod keys;
pub mod members;
pub mod network;
pub mod weather;
mod auditor;

pub use campus::{Campus, CastError, Terms};
pub use gridaccord_engine::simulation::Treason;
pub use members::{ActError, act};
pub use network::{Plan, SimError, Simulated, Weather, simulate};
