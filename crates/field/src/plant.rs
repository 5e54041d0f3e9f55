//! One member's simulated equipment: what it is, what it could do, and when it cannot.

use gridaccord_model::{Interval, TimeS, Watts, horizon::StorageOffer};
use std::{collections::BTreeMap, ops::Range};

/// What stands at a member's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlantKind {
    /// Injects up to its capacity; nothing without a set point (retreat).
    Source,
    /// Takes its capacity unless a set point sheds some of it, or adds some that it can shift.
    Load,
    /// Keeps the balance: injects what the others lack, absorbs what they leave (unity). While it is out the campus is
    /// an island, and a storage keeps the balance as far as it can.
    Tie,
    /// Stores: follows its set point as far as its limits and what it holds allow; idle without one.
    Storage {
        /// What it is.
        store: Store,
    },
}

/// A store and the intervals that it loses energy by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Store {
    /// Its limits, losses, and what it holds before the first interval.
    pub offer: StorageOffer,
    /// Start of the first interval.
    pub first: TimeS,
    /// Length of an interval, s.
    pub interval_s: u32,
    /// From one interval's start to the next one's, at least 1 s.
    pub period_s: u32,
}

impl Store {
    /// The interval numbered `number`, from 0.
    pub(crate) fn interval(&self, number: u64) -> Interval {
        let offset = number.saturating_mul(u64::from(self.period_s));
        Interval { start: TimeS(self.first.0.saturating_add(offset)), duration_s: self.interval_s }
    }
}

/// One member's simulated equipment.
#[derive(Clone, Debug)]
pub struct Plant {
    /// What it is.
    pub kind: PlantKind,
    /// From each time on, what a source could inject or a load would take; at least 0 W, and 0 W before the first.
    pub capacity: BTreeMap<TimeS, Watts>,
    /// From each time on, what a load may be told to take beyond that: its shiftable part.
    pub shiftable: BTreeMap<TimeS, Watts>,
    /// When it is lost.
    pub outages: Vec<Range<TimeS>>,
    /// When it is out by plan; for a tie, an announced island. It is known, so nothing is wrong with the device.
    pub planned: Vec<Range<TimeS>>,
    /// When a tie shall import no more than this: what exceeds it a storage supplies as far as it can.
    pub import_limits: Vec<(Range<TimeS>, Watts)>,
}

impl Plant {
    /// A plant that is never out.
    #[must_use]
    pub const fn new(kind: PlantKind, capacity: BTreeMap<TimeS, Watts>) -> Self {
        Self {
            kind,
            capacity,
            shiftable: BTreeMap::new(),
            outages: Vec::new(),
            planned: Vec::new(),
            import_limits: Vec::new(),
        }
    }

    pub(crate) fn is_out(&self, time: TimeS) -> bool {
        self.outages.iter().chain(&self.planned).any(|window| window.contains(&time))
    }

    /// The least import limit in force.
    pub(crate) fn import_limit(&self, time: TimeS) -> Option<Watts> {
        let limits = self.import_limits.iter();
        limits.filter(|(window, _)| window.contains(&time)).map(|(_, most)| *most).min()
    }

    /// Net injection at a time of a source or a load that was told `held`.
    pub(crate) fn power(&self, time: TimeS, held: Option<Watts>) -> Watts {
        let at = |series: &BTreeMap<TimeS, Watts>| {
            series.range(..=time).next_back().map_or(Watts::ZERO, |(_, power)| *power)
        };
        if self.is_out(time) {
            return Watts::ZERO;
        }
        let capacity = at(&self.capacity);
        match (self.kind, held) {
            (PlantKind::Source, held) => held.unwrap_or(Watts::ZERO).clamp(Watts::ZERO, capacity),
            (PlantKind::Load, Some(power)) => {
                let most = capacity.0.saturating_add(at(&self.shiftable).0);
                power.clamp(Watts(most.saturating_neg()), Watts::ZERO)
            }
            (PlantKind::Load, None) => Watts(capacity.0.saturating_neg()),
            (PlantKind::Tie | PlantKind::Storage { .. }, held) => held.unwrap_or(Watts::ZERO),
        }
    }

    /// Times at which its power or its limits can change.
    pub(crate) fn edges(&self) -> impl Iterator<Item = TimeS> {
        let values = self.capacity.keys().chain(self.shiftable.keys()).copied();
        let limits = self.import_limits.iter().map(|(window, _)| window);
        let windows = self.outages.iter().chain(&self.planned).chain(limits);
        values.chain(windows.flat_map(|window| [window.start, window.end]))
    }
}
