//! The port to a member's devices, and a simulated bus behind it.
//!
//! An agent knows its equipment only through [`Device`]: what it measures, which set point it holds and for how
//! long. Real drivers and the simulated plant stand behind the same port.
//!
//! Positive power is injection into the bus. A set point carries its own end: after it the device goes back to
//! its default without being told, so that a silent ledger never leaves a battery discharging.

pub mod bus;
pub mod plant;
mod store;

pub use bus::{SimulatedBus, SimulatedDevice};
use gridaccord_model::{Interval, Joules, TimeS, Watts};
pub use plant::{Plant, PlantKind, Store};

/// What a meter counted over an interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Energy {
    /// Energy that entered the bus, at least 0.
    pub injected: Joules,
    /// Energy that left it, at least 0.
    pub absorbed: Joules,
}

/// Whether a device can be dispatched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It follows set points.
    Ready,
    /// It delivers nothing, since this time.
    Lost {
        /// When it was lost.
        since: TimeS,
    },
}

/// One member's equipment at its point of connection.
pub trait Device: Send {
    /// Tells the device what time it is. Times never go back.
    fn tick(&mut self, now: TimeS);

    /// Whether it can be dispatched now.
    fn health(&self) -> Health;

    /// Holds `power` over `interval`, then reverts to its default by itself.
    fn apply(&mut self, power: Watts, interval: Interval);

    /// What the meter counted over `interval`; `None` while the meter cannot know yet.
    fn measure(&self, interval: Interval) -> Option<Energy>;

    /// State of charge: what it stored when the last interval before `time` was over, µWh. `None` for a device without
    /// a store, and while it cannot know yet.
    fn stored_uwh(&self, time: TimeS) -> Option<i64>;
}
