//! Where a sealed gate stands once its openers are drawn.

use gridaccord_model::{TimeS, codec_struct, codec_union};

/// Heights in which only drawn openers may post a sum; then anyone may.
pub(crate) const OPENERS_WINDOW: u64 = 3;

/// The steps of a sealed gate from the draw to settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Sums are opened, one after the other.
    Opening {
        /// The way on.
        opening: Opening,
    },
    /// The price stands; set points wait for their interval.
    Decided {
        /// Height of the decision.
        height: u64,
    },
    /// The interval runs, or is over and readings come in.
    Dispatched {
        /// The way on.
        dispatched: Dispatched,
    },
}

codec_union!(Stage {
    Opening = 0 { opening },
    Decided = 1 { height },
    Dispatched = 2 { dispatched },
});

impl Stage {
    /// The step's name, as people read it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Opening { .. } => "opening",
            Self::Decided { .. } => "decided",
            Self::Dispatched { .. } => "dispatched",
        }
    }
}

/// Sums are opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Openers drawn.
    pub seats: u16,
    /// Height of the last step: the draw, or the last opened sum.
    pub since: u64,
}

codec_struct!(Opening { seats, since });

impl Opening {
    /// Starts after the draw.
    #[must_use]
    pub const fn start(seats: u16, height: u64) -> Self {
        Self { seats, since: height }
    }

    /// First height at which anyone may post the next sum.
    #[must_use]
    pub const fn anyone_from(&self) -> u64 {
        self.since.saturating_add(OPENERS_WINDOW).saturating_add(1)
    }

    /// One more sum is open.
    #[must_use]
    pub const fn next(self, height: u64) -> Self {
        Self { since: height, ..self }
    }
}

/// The interval runs, or is over and readings come in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dispatched {
    /// Readings so far.
    pub readings: u16,
    /// Ledger time at which readings are due, once the interval was seen to be over.
    pub due: Option<TimeS>,
}

codec_struct!(Dispatched { readings, due });

impl Dispatched {
    /// Starts the time to read, at the first block after the interval.
    #[must_use]
    pub const fn over(self, now: TimeS, lag_s: u32) -> Self {
        Self { due: Some(TimeS(now.0.saturating_add(lag_s as u64))), ..self }
    }
}
