//! What a block did: a receipt per command, and the events that members act on.

use crate::{
    Digest,
    gate::{Failure, Score},
    records::{Line, Metered, PARTS_MAX},
    refusal::Refusal,
    sealed::SealedEvent,
};
use gridaccord_model::{
    GateId, HorizonPosting, Interval, MemberId, Money, Need, Offer, OwnerId, Picos, Price, TimeS,
    Watts, codec::Bounded, codec_struct, codec_union,
};

/// What became of one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Hash that names the command.
    pub id: Digest,
    /// Author it names.
    pub member: MemberId,
    /// Nonce it carries.
    pub nonce: u64,
    /// Taken, or refused by a rule.
    pub result: Result<(), Refusal>,
}

impl Receipt {
    /// Whether the command used up its author's nonce: taken, or refused by a rule that leaves no doubt of the
    /// author.
    #[must_use]
    pub fn used_nonce(&self) -> bool {
        self.result.as_ref().err().is_none_or(Refusal::uses_nonce)
    }
}

/// One member's set point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetPoint {
    /// Who.
    pub member: MemberId,
    /// Net injection; negative where the member takes power.
    pub power: Watts,
}

codec_struct!(SetPoint { member, power });

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A gate takes offers, needs and wagers.
    Opened {
        /// Which.
        gate: GateId,
        /// Its interval.
        interval: Interval,
        /// When it closes.
        closes: TimeS,
        /// Least wager for a seat.
        wager_min: u64,
        /// Settlement value it is taken to have.
        significance: Money,
    },
    /// An offer was taken, or replaced the member's earlier one.
    Offered {
        /// Gate.
        gate: GateId,
        /// Who.
        member: MemberId,
        /// What.
        offer: Offer,
    },
    /// A need was taken, or replaced the member's earlier one.
    Needed {
        /// Gate.
        gate: GateId,
        /// Who.
        member: MemberId,
        /// What.
        need: Need,
    },
    /// Tokens are held for a seat.
    Wagered {
        /// Gate.
        gate: GateId,
        /// Who.
        member: MemberId,
        /// Tokens in all.
        tokens: u64,
    },
    /// A gate takes nothing more.
    Closed {
        /// Which.
        gate: GateId,
        /// View whose seed will draw its builders.
        draw_view: u64,
    },
    /// Builders are drawn; they may commit.
    Drawn {
        /// Gate.
        gate: GateId,
        /// By seat.
        builders: Bounded<MemberId, 64>,
    },
    /// A builder committed.
    Committed {
        /// Gate.
        gate: GateId,
        /// Who.
        builder: MemberId,
    },
    /// The commit window is over; builders may reveal once this is final.
    CommitsEnded {
        /// Gate.
        gate: GateId,
    },
    /// An answer passed every check.
    AnswerValid {
        /// Gate.
        gate: GateId,
        /// Whose.
        builder: MemberId,
        /// Its figures.
        score: Score,
    },
    /// An answer failed a check.
    AnswerRefused {
        /// Gate.
        gate: GateId,
        /// Whose.
        builder: MemberId,
        /// Number of the rule, `A<n>`.
        rule: u16,
    },
    /// A builder signed two different answers for one seat.
    Equivocated {
        /// Gate.
        gate: GateId,
        /// Who.
        builder: MemberId,
    },
    /// The best verified answer is the plan.
    Decided {
        /// Gate.
        gate: GateId,
        /// Who built it.
        winner: MemberId,
        /// Price of every watt-hour.
        price: Price,
        /// Cost of the plan.
        cost: Picos,
        /// Proven gap to the optimum, ppb of the turnover.
        gap_ppb: u64,
        /// Every participant's set point.
        set_points: Bounded<SetPoint, PARTS_MAX>,
    },
    /// A builder's wager came to this.
    WagerSettled {
        /// Gate.
        gate: GateId,
        /// Builder.
        builder: MemberId,
        /// Tokens given back.
        returned: u64,
        /// Tokens lost, of wager and stake.
        lost: u64,
        /// Owner of the builder.
        owner: OwnerId,
        /// The owner's trust index from now on, ppm.
        index_ppm: u32,
    },
    /// The interval began: set points are in force.
    Dispatched {
        /// Gate.
        gate: GateId,
    },
    /// A reading was taken.
    Read {
        /// Gate.
        gate: GateId,
        /// Whose.
        member: MemberId,
        /// What the meter counted.
        metered: Metered,
    },
    /// One member's line of a settlement.
    Billed {
        /// Gate.
        gate: GateId,
        /// Whose.
        member: MemberId,
        /// The line.
        line: Line,
    },
    /// Money has moved; all lines, losses and remainder sum to zero.
    Settled {
        /// Gate.
        gate: GateId,
        /// Value of the energy used.
        turnover: Money,
        /// Builders' fees paid.
        fees: Money,
        /// To the account of losses.
        losses: Money,
        /// To the account of remainders.
        remainder: Money,
    },
    /// The gate has no plan; the last safe one holds.
    Failed {
        /// Gate.
        gate: GateId,
        /// Why.
        reason: Failure,
    },
    /// A posting over the gate's horizon was taken, or replaced the member's earlier one.
    Posted {
        /// Gate.
        gate: GateId,
        /// Who.
        member: MemberId,
        /// What.
        posting: HorizonPosting,
    },
    /// What a horizon starts from, beside its postings: with them anyone builds its problem.
    Continued {
        /// Gate.
        gate: GateId,
        /// Highest import of the plans before, in the same month.
        peak_before: Watts,
        /// Powers of ramp-limited generators in the plan before; 0 W for those not named.
        before: Bounded<SetPoint, PARTS_MAX>,
    },
    /// A builder proved that there is no dispatch.
    InfeasibleProven {
        /// Gate.
        gate: GateId,
        /// Who.
        builder: MemberId,
    },
    /// Something on the sealed side of the chain.
    Sealed {
        /// What.
        sealed: SealedEvent,
    },
}

codec_union!(Event {
    Opened = 1 { gate, interval, closes, wager_min, significance },
    Offered = 2 { gate, member, offer },
    Needed = 3 { gate, member, need },
    Wagered = 4 { gate, member, tokens },
    Closed = 5 { gate, draw_view },
    Drawn = 6 { gate, builders },
    Committed = 7 { gate, builder },
    CommitsEnded = 8 { gate },
    AnswerValid = 9 { gate, builder, score },
    AnswerRefused = 10 { gate, builder, rule },
    Equivocated = 11 { gate, builder },
    Decided = 12 { gate, winner, price, cost, gap_ppb, set_points },
    WagerSettled = 13 { gate, builder, returned, lost, owner, index_ppm },
    Dispatched = 14 { gate },
    Read = 15 { gate, member, metered },
    Billed = 16 { gate, member, line },
    Settled = 17 { gate, turnover, fees, losses, remainder },
    Failed = 18 { gate, reason },
    Posted = 30 { gate, member, posting },
    Continued = 31 { gate, peak_before, before },
    InfeasibleProven = 32 { gate, builder },
    Sealed = 64 { sealed },
});
