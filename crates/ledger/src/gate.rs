//! A gate: the market for one interval, from opening to settlement.
//!
//! `Open → Closed → Drawn → Committed → Revealed → Decided → Dispatched → Metered → Settled`, and
//! `Failed(reason)` from each. Every step is a type; its methods are the only ways on. `Revealed` and
//! `Metered` are left in the block that enters them, so no record holds them.

use crate::{Digest, sealed::Stage, state::BodyId};
use gridaccord_model::{
    GateId, Interval, MemberId, Money, OwnerId, Picos, Price, TimeS, codec_enum, codec_struct,
    codec_union,
};

/// A gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    /// Which.
    pub id: GateId,
    /// The interval it is the market of.
    pub interval: Interval,
    /// Least wager for a seat, in trust tokens; published with the gate.
    pub wager_min: u64,
    /// Settlement value it is taken to have; scales required trust and gains of it.
    pub significance: Money,
    /// Who takes part, counted.
    pub book: Book,
    /// Where it stands.
    pub phase: Phase,
}

codec_struct!(Gate { id, interval, wager_min, significance, book, phase });

/// Counts of what a gate has taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Book {
    /// Members with a part of any kind.
    pub participants: u16,
    /// Members with an offer or a need: those who get a set point.
    pub market: u16,
    /// Members with a wager.
    pub bidders: u16,
    /// Sheddable tiers of all needs.
    pub tiers: u16,
}

codec_struct!(Book { participants, market, bidders, tiers });

/// Where a gate stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Offers, needs and wagers are taken.
    Open {
        /// The way on.
        open: Open,
    },
    /// Nothing more is taken; the seed of a later view will draw the builders.
    Closed {
        /// When it closed.
        closed: Closed,
    },
    /// Drawn builders commit.
    Drawn {
        /// Who builds.
        drawn: Drawn,
    },
    /// Builders reveal.
    Committed {
        /// Who committed.
        committed: Committed,
    },
    /// A plan is approved and waits for its interval.
    Decided {
        /// The plan.
        decided: Decided,
    },
    /// The interval runs, or is over and readings come in.
    Dispatched {
        /// The plan.
        dispatched: Dispatched,
    },
    /// Money has moved.
    Settled {
        /// Result.
        settled: Settled,
    },
    /// No plan: the last safe one holds.
    Failed {
        /// Why.
        reason: Failure,
    },
    /// A sealed gate between the draw of its openers and settlement.
    Sealed {
        /// Where it stands there.
        stage: Stage,
    },
}

codec_union!(Phase {
    Open = 0 { open },
    Closed = 1 { closed },
    Drawn = 2 { drawn },
    Committed = 3 { committed },
    Decided = 4 { decided },
    Dispatched = 5 { dispatched },
    Settled = 6 { settled },
    Failed = 7 { reason },
    Sealed = 64 { stage },
});

impl Phase {
    /// The step's name, as people read it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Open { .. } => "open",
            Self::Closed { .. } => "closed",
            Self::Drawn { .. } => "drawn",
            Self::Committed { .. } => "committed",
            Self::Decided { .. } => "decided",
            Self::Dispatched { .. } => "dispatched",
            Self::Settled { .. } => "settled",
            Self::Failed { .. } => "failed",
            Self::Sealed { stage } => stage.name(),
        }
    }
}

/// Offers, needs and wagers are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Open;

codec_struct!(Open {});

impl Open {
    /// Closes the gate: the seed of the view `beacon_offset` later draws, which nobody knows yet.
    #[must_use]
    pub const fn close(self, height: u64, view: u64, beacon_offset: u64) -> Closed {
        Closed { height, draw_view: view.saturating_add(beacon_offset) }
    }
}

/// Nothing more is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Height of the closing block.
    pub height: u64,
    /// View whose seed draws the builders.
    pub draw_view: u64,
}

codec_struct!(Closed { height, draw_view });

impl Closed {
    /// Seats the drawn builders; they have `window` heights to commit.
    #[must_use]
    pub const fn draw(self, seats: u16, height: u64, window: u32) -> Drawn {
        Drawn { seats, commits: 0, until: height.saturating_add(window as u64) }
    }
}

/// Drawn builders commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// Seats.
    pub seats: u16,
    /// Commitments so far.
    pub commits: u16,
    /// Last height that takes commitments.
    pub until: u64,
}

codec_struct!(Drawn { seats, commits, until });

impl Drawn {
    /// Whether no more commitments can come at `height`.
    #[must_use]
    pub const fn complete(&self, height: u64) -> bool {
        self.commits >= self.seats || height >= self.until
    }

    /// Ends the commit window: `commits` seats may reveal, from the next height on.
    #[must_use]
    pub const fn seal(self, commits: u16, height: u64, window: u32) -> Committed {
        Committed {
            seats: self.seats,
            commits,
            reveals: 0,
            since: height,
            until: height.saturating_add(window as u64),
        }
    }
}

/// Builders reveal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Seats.
    pub seats: u16,
    /// Seats with a commitment that may be revealed.
    pub commits: u16,
    /// Reveals so far.
    pub reveals: u16,
    /// Height whose block ended the commit window; reveals are for later heights.
    pub since: u64,
    /// Last height that takes reveals.
    pub until: u64,
}

codec_struct!(Committed { seats, commits, reveals, since, until });

impl Committed {
    /// Whether no more reveals can come at `height`.
    #[must_use]
    pub const fn complete(&self, height: u64) -> bool {
        self.reveals >= self.commits || height >= self.until
    }

    /// Ends the reveal window.
    #[must_use]
    pub const fn reveal(self) -> Revealed {
        Revealed { seats: self.seats }
    }
}

/// All answers are in: the best verified one wins, in this very block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revealed {
    /// Seats.
    pub seats: u16,
}

impl Revealed {
    /// Approves the plan of the seat that won.
    #[must_use]
    pub const fn decide(self, winner: MemberId, height: u64) -> Decided {
        Decided { winner, seats: self.seats, height }
    }
}

/// A plan is approved and waits for its interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decided {
    /// Who built it.
    pub winner: MemberId,
    /// Seats.
    pub seats: u16,
    /// Height of the approval.
    pub height: u64,
}

codec_struct!(Decided { winner, seats, height });

impl Decided {
    /// Starts the interval: set points are in force.
    #[must_use]
    pub const fn dispatch(self) -> Dispatched {
        Dispatched { winner: self.winner, seats: self.seats, readings: 0, due: None }
    }
}

/// The interval runs, or is over and readings come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dispatched {
    /// Who built the plan.
    pub winner: MemberId,
    /// Seats.
    pub seats: u16,
    /// Readings so far.
    pub readings: u16,
    /// Ledger time at which readings are due, once the interval was seen to be over.
    pub due: Option<TimeS>,
}

codec_struct!(Dispatched { winner, seats, readings, due });

impl Dispatched {
    /// Starts the time to read, at the first block after the interval: a chain that stood still takes no
    /// member's time to read away.
    #[must_use]
    pub const fn over(self, now: TimeS, lag_s: u32) -> Self {
        Self { due: Some(TimeS(now.0.saturating_add(lag_s as u64))), ..self }
    }

    /// Ends metering.
    #[must_use]
    pub const fn meter(self) -> Metered {
        Metered { winner: self.winner, seats: self.seats }
    }
}

/// Every reading is in, or its deadline is over: the gate settles, in this very block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metered {
    /// Who built the plan.
    pub winner: MemberId,
    /// Seats.
    pub seats: u16,
}

impl Metered {
    /// Settles.
    #[must_use]
    pub const fn settle(self, turnover: Money) -> Settled {
        Settled { turnover }
    }
}

/// Money has moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Value of the energy used.
    pub turnover: Money,
}

codec_struct!(Settled { turnover });

/// Why a gate has no plan. The last safe plan holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// It closed without an offer and a need.
    NoMarket,
    /// It closed without a wager.
    NoBuilders,
    /// No answer passed the checks.
    NoValidAnswer,
    /// It was not decided by the start of its interval, or could not open in time.
    Late,
    /// No dispatch balances its offers and needs: no builder could have an answer.
    Infeasible,
    /// Its price is further above the last decided gate's than the loss threshold allows. The next gate has no
    /// such reference, so that one rise stops one gate and not all that follow.
    PriceRise,
    /// Its plan emits more than the carbon policy allows.
    Carbon,
    /// No key serves its epoch.
    NoKey,
    /// Fewer owners of supply or of demand than sealed gates need.
    OwnersTooFew,
    /// A sum's ciphertext is degenerate.
    SumDegenerate,
    /// More supply must run than demand and the grid-forming resource take.
    Surplus,
    /// Less reserve was offered than must be held.
    ReserveShort,
    /// Demand stays unmet after reserve and shedding.
    Shortage,
}

codec_enum!(Failure {
    NoMarket = 0,
    NoBuilders = 1,
    NoValidAnswer = 2,
    Late = 3,
    Infeasible = 4,
    PriceRise = 5,
    Carbon = 8,
    NoKey = 64,
    OwnersTooFew = 65,
    SumDegenerate = 66,
    Surplus = 67,
    ReserveShort = 68,
    Shortage = 69,
});

impl core::fmt::Display for Failure {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::NoMarket => "nothing was offered or needed",
            Self::NoBuilders => "nobody wagered to build",
            Self::NoValidAnswer => "no builder's answer passed the checks",
            Self::Late => "it was not decided by the start of its interval",
            Self::Infeasible => "no dispatch balances what was offered and needed",
            Self::PriceRise => "its price rose further than the loss threshold allows",
            Self::Carbon => "its plan emits more than the carbon policy allows",
            Self::NoKey => "no key serves its epoch",
            Self::OwnersTooFew => "too few owners of supply or of demand took part",
            Self::SumDegenerate => "the ciphertext of a sum is degenerate",
            Self::Surplus => "more supply must run than demand and storage take",
            Self::ReserveShort => "less reserve was offered than must be held",
            Self::Shortage => "demand stays unmet after reserve and shedding",
        })
    }
}

/// The approved plan of a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Who built it.
    pub winner: MemberId,
    /// The answer.
    pub answer: BodyId,
    /// Price of every watt-hour.
    pub price: Price,
    /// Cost of the plan.
    pub cost: Picos,
    /// Proven lower bound of any plan's cost.
    pub bound: Picos,
    /// Sum of the absolute cost terms: what the gap is measured against.
    pub turnover: Picos,
}

codec_struct!(Decision { winner, answer, price, cost, bound, turnover });

impl Decision {
    /// Proven gap in ppb of the turnover, rounded up.
    #[must_use]
    pub fn gap_ppb(&self) -> u64 {
        gap_ppb(self.cost, self.bound, self.turnover)
    }
}

/// (cost − bound)/turnover in ppb, rounded up; 0 where nothing turns over.
#[must_use]
pub fn gap_ppb(cost: Picos, bound: Picos, turnover: Picos) -> u64 {
    let gap = cost.0.saturating_sub(bound.0).max(0);
    let ppb = gap.saturating_mul(1_000_000_000);
    match turnover.0 {
        0 => 0,
        turnover => {
            let floor = ppb.div_euclid(turnover);
            let up = i128::from(ppb.rem_euclid(turnover) != 0);
            u64::try_from(floor.saturating_add(up)).unwrap_or(u64::MAX)
        }
    }
}

/// A drawn builder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seat {
    /// Who.
    pub member: MemberId,
    /// Who stands behind it.
    pub owner: OwnerId,
    /// Trust tokens at stake.
    pub wager: u64,
    /// Salted hash of its answer.
    pub commitment: Option<Digest>,
    /// Its answer, once revealed.
    pub answer: Option<BodyId>,
    /// What the check said.
    pub verdict: Verdict,
}

codec_struct!(Seat { member, owner, wager, commitment, answer, verdict });

/// What the check of a builder's answer said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing revealed yet.
    Waiting {},
    /// Feasible, and within the proven gap.
    Valid {
        /// Its figures.
        score: Score,
    },
    /// Refused by this rule of the answer check.
    Refused {
        /// Number of the rule.
        rule: u16,
    },
    /// The builder signed two different commitments or reveals for this seat.
    Equivocated {},
    /// No dispatch, but a proof that there is none; it holds.
    Infeasible {},
}

codec_union!(Verdict {
    Waiting = 0 {},
    Valid = 1 { score },
    Refused = 2 { rule },
    Equivocated = 3 {},
    Infeasible = 8 {},
});

/// Figures of a valid answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Score {
    /// Cost of the plan.
    pub cost: Picos,
    /// Proven lower bound of any plan's cost.
    pub bound: Picos,
    /// Sum of the absolute cost terms.
    pub turnover: Picos,
    /// Price of every watt-hour.
    pub price: Price,
    /// Σ g²/cap in mW (saturating): ranks equal costs, least first, so that no tie can be tilted to a favourite.
    pub concentration_mw: u64,
}

codec_struct!(Score { cost, bound, turnover, price, concentration_mw });
