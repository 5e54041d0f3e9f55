//! Why a problem has no dispatch, in words: which interval, which limit, how many watts short, and what would fix it.

use gridaccord_dispatch::horizon::{Boundary, Horizon, HorizonParts};
use gridaccord_model::{CarbonMg, Watts};
use std::fmt;

/// A limit that a person can relax.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Demand: more than supply can be.
    Demand,
    /// Least powers: more than demand and export can take.
    LeastPower,
    /// The spinning reserve.
    Reserve,
    /// N−1: what the others can add if the largest source is lost.
    Contingency,
    /// The cap on carbon within a boundary, of an interval or of the horizon.
    Carbon(Boundary),
    /// The ramp limit of a generator.
    Ramp(usize),
    /// What a storage must hold at the end.
    FinalEnergy(usize),
}

/// Room beyond a relaxation when it is tried: this part of it, this many quanta and two per resource.
const ROOM_SHARE: i64 = 1_000;
const ROOM: i64 = 50;

/// One limit and by how much to relax it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relaxation {
    /// Which limit.
    pub limit: Limit,
    /// Where; `None` for what holds over the whole horizon.
    pub interval: Option<usize>,
    /// By how much: W, or mg for carbon, or µWh for energy; above 0.
    pub amount: i64,
}

/// Why there is no dispatch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explanation {
    /// The cheapest relaxations that together would give a dispatch, the largest first. Empty where none was found.
    pub relaxations: Vec<Relaxation>,
    /// Whether the problem so relaxed was solved, and its answer passed the exact check.
    pub confirmed: bool,
}

impl fmt::Display for Relaxation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(interval) = self.interval {
            write!(f, "interval {interval}: ")?;
        }
        let amount = self.amount;
        match self.limit {
            Limit::Demand => {
                write!(f, "supply is {amount} W short of demand; shed or import {amount} W more")
            }
            Limit::LeastPower => write!(
                f,
                "least powers exceed what demand and export take by {amount} W; lower them or export {amount} W more"
            ),
            Limit::Reserve => {
                write!(f, "reserve is {amount} W short; require {amount} W less")
            }
            Limit::Contingency => write!(
                f,
                "the loss of the largest source is {amount} W short of cover; let {amount} W more be shed"
            ),
            Limit::Carbon(boundary) => write!(
                f,
                "the cap on {boundary} carbon is {amount} mg too low; raise it by {amount} mg"
            ),
            Limit::Ramp(number) => {
                write!(f, "the ramp limit of generator {number} is {amount} W too low")
            }
            Limit::FinalEnergy(number) => write!(
                f,
                "storage {number} ends {amount} µWh below its final energy; require {amount} µWh less"
            ),
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.relaxations.first() else {
            return write!(f, "no relaxation was found");
        };
        write!(f, "{first}")?;
        let more = self.relaxations.len() - 1;
        if more > 0 {
            write!(f, " (and {more} smaller relaxations)")?;
        }
        if !self.confirmed {
            write!(f, "; that this is enough was not confirmed")?;
        }
        Ok(())
    }
}

/// The problem with relaxations applied and a little more, since whole watts need room; demand stands for whatever
/// shortage or surplus. `None` where the result is no problem.
pub(super) fn relaxed(problem: &Horizon, relaxations: &[Relaxation]) -> Option<Horizon> {
    let mut parts: HorizonParts = problem.parts().clone();
    let resources = parts.generators.len() + parts.storages.len() + parts.tiers.len();
    let room = ROOM + 2 * resources as i64;
    for Relaxation { limit, interval, amount } in relaxations {
        let t = interval.unwrap_or(0);
        let amount = &(amount + amount / ROOM_SHARE + room);
        match *limit {
            Limit::Demand => parts.demand[t].0 -= amount,
            Limit::LeastPower => parts.demand[t].0 += amount,
            Limit::Reserve => parts.reserve[t].0 = (parts.reserve[t].0 - amount).max(0),
            Limit::Contingency => {
                if let Some(contingency) = &mut parts.contingency {
                    contingency.shed[t].0 += amount;
                }
            }
            Limit::Carbon(boundary) => {
                let limit = match boundary {
                    Boundary::Operating => &mut parts.carbon.operating,
                    Boundary::Whole => &mut parts.carbon.whole,
                };
                match interval {
                    Some(t) => limit.interval[*t].0 += amount,
                    None => {
                        limit.horizon = limit.horizon.map(|cap| CarbonMg(cap.0 + amount));
                    }
                }
            }
            Limit::Ramp(number) => {
                if let Some(ramp) = &mut parts.generators[number].ramp {
                    ramp.up = Watts(ramp.up.0 + amount);
                    ramp.down = Watts(ramp.down.0 + amount);
                }
            }
            Limit::FinalEnergy(number) => {
                let storage = &mut parts.storages[number];
                storage.final_min_uwh = (storage.final_min_uwh - amount).max(0);
            }
        }
    }
    Horizon::new(parts).ok()
}
