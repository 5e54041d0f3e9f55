//! A scenario: who takes part, what each can give and needs in every interval, and what goes wrong when.
//!
//! The file is TOML. Every quantity has its unit in its key, prices are currency per kWh, unknown keys are
//! refused, and each number becomes a whole number of quanta exactly or, where it must round, by at most one
//! part in ten million. A scenario that parses is sound: every offer and need of every interval has passed its
//! rules, so nothing here fails later. Positive power is injection into the bus.

mod carbon;
mod clock;
mod decimal;
mod document;
mod error;
mod posting;
mod reader;
mod resolve;
mod resource;
mod sound;
mod storage;
mod terms;
mod supply;

pub use crate::terms::{GateKind, Thresholds, Trust};
pub use error::ScenarioError;
pub use posting::Progress;
pub use supply::Capability;

use crate::{
    MemberId, Money, Need, Offer, OwnerId, Price, Tier, TimeS, Watts, carbon::CarbonPolicy,
    codec::Bounded, quantity::Interval,
};
use std::{collections::BTreeMap, ops::Range};
use storage::Shiftable;
use supply::{Restriction, Supply};

/// Members of one scenario.
pub const MEMBERS_MAX: usize = 1_024;
/// Intervals of one scenario.
pub const INTERVALS_MAX: u32 = 100_000;

/// A whole scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// Lower case, for directories and labels.
    pub name: String,
    /// One or two sentences for people.
    pub description: String,
    /// Which intervals there are.
    pub horizon: Horizon,
    /// The rhythm of gates and the price cap.
    pub market: Market,
    /// How builders are drawn, paid and punished.
    pub trust: Trust,
    /// Loss thresholds.
    pub thresholds: Thresholds,
    /// What emissions nobody accepts.
    pub carbon: CarbonPolicy,
    /// How a demonstration runs it.
    pub demo: Demo,
    /// A member's id is its position here.
    pub members: Vec<Member>,
    /// What goes wrong, in the file's order.
    pub events: Vec<Event>,
    /// Largest relative rounding by key, parts per trillion; keys that never rounded are left out.
    pub roundings: BTreeMap<String, u64>,
}

/// The intervals of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Horizon {
    /// Start of the first interval.
    pub start: TimeS,
    /// Length of an interval.
    pub interval_s: u32,
    /// From one interval's start to the next one's, at least `interval_s`.
    pub period_s: u32,
    /// How many there are.
    pub intervals: u32,
}

/// The rhythm of gates. Leads are seconds before an interval starts, the lag after it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Market {
    /// What decides an interval.
    pub kind: GateKind,
    /// A gate opens this long before.
    pub open_lead_s: u32,
    /// A gate closes this long before.
    pub close_lead_s: u32,
    /// Readings are due this long after.
    pub meter_lag_s: u32,
    /// Highest price that is settled.
    pub price_cap: Price,
}

/// How a demonstration runs the scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demo {
    /// Intervals to run unless told otherwise, at least 1.
    pub intervals: u32,
    /// Time in the middle of those, where fewer are run than there are.
    pub focus: Option<TimeS>,
    /// Wall time from one interval's start to the next one's, ms.
    pub interval_wall_ms: u32,
    /// Mean loss of solar and wind power to the weather, ppm; each interval loses between nothing and twice that.
    pub weather_ppm: u32,
}

/// What a member may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Injects energy.
    Supplier,
    /// Stores energy.
    Storage,
    /// The data-center campus.
    Campus,
    /// Uses energy on the campus.
    Tenant,
    /// The macrogrid behind the tie.
    Utility,
    /// Authority having jurisdiction.
    Authority,
    /// Certifies devices and carbon.
    Certifier,
    /// Checks and builds.
    Auditor,
}

/// One member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Unique, lower case.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Who stands behind it; members of one owner share it.
    pub owner: OwnerId,
    /// Kind of resource, such as solar or wind; at most [`CLASS_NAME_MAX`](crate::carbon::CLASS_NAME_MAX) bytes.
    pub class: Option<String>,
    /// Whether it runs a validator.
    pub validator: bool,
    /// Trust tokens it starts with.
    pub stake_tokens: u64,
    /// Money it starts with.
    pub deposit: Money,
    supply: Option<Supply>,
    load: Option<Load>,
}

/// What an event does to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// It delivers nothing.
    Outage,
    /// The tie is open: it carries nothing either way.
    Island,
    /// The utility asks for less: the tie imports no more than this.
    DemandResponse {
        /// The limit, at least 0 W.
        import_max: Watts,
    },
}

/// What goes wrong, or is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// What.
    pub kind: EventKind,
    /// Whether it is known from the start; otherwise only once it has begun.
    pub announced: bool,
    /// Whose resource.
    pub member: MemberId,
    /// From here.
    pub from: TimeS,
    /// To here, or to the end.
    pub until: Option<TimeS>,
}

/// A ledger time as scenarios write it: `2026-03-01T12:00:00Z`.
#[must_use]
pub fn utc(time: TimeS) -> String {
    clock::text(time.0)
}

/// One value for all intervals or one for each.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Series(Vec<i64>);

impl Series {
    fn at(&self, interval: u32) -> i64 {
        let position = usize::try_from(interval).unwrap_or(usize::MAX);
        self.0.get(position).or(self.0.first()).copied().unwrap_or_default()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Load {
    firm: Series,
    /// Power and value.
    tiers: Vec<(Series, Series)>,
    shiftable: Vec<Shiftable>,
}

/// Everything a problem of one interval is built from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntervalParts {
    /// The interval.
    pub interval: Interval,
    /// Highest price that is settled.
    pub price_cap: Price,
    /// Offers of suppliers, ascending by member.
    pub offers: Vec<(MemberId, Offer)>,
    /// Offers of ties to the macrogrid, ascending by member.
    pub ties: Vec<(MemberId, Offer)>,
    /// Needs, ascending by member.
    pub needs: Vec<(MemberId, Need)>,
}

impl Scenario {
    /// Reads a scenario file.
    ///
    /// # Errors
    /// [`ScenarioError`] for the first thing wrong, with its place.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        resolve::scenario(text)
    }

    /// The member called `name`.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<MemberId> {
        let position = self.members.iter().position(|member| member.name == name)?;
        u16::try_from(position).ok().map(MemberId)
    }

    /// Ids and members in order.
    pub fn members(&self) -> impl Iterator<Item = (MemberId, &Member)> {
        (0u16..).map(MemberId).zip(&self.members)
    }

    /// The interval numbered `interval`, from 0.
    #[must_use]
    pub const fn interval(&self, interval: u32) -> Interval {
        let offset = (interval as u64).saturating_mul(self.horizon.period_s as u64);
        Interval {
            start: TimeS(self.horizon.start.0.saturating_add(offset)),
            duration_s: self.horizon.interval_s,
        }
    }

    /// What the member's rulebook offers for an interval on its own; `None` for a member without a resource, and for
    /// a storage.
    ///
    /// A member knows of an event that was announced or has begun when the gate closes, and offers what it leaves; one
    /// that begins later shows only in [`Scenario::plant`].
    #[must_use]
    pub fn offer(&self, member: MemberId, interval: u32) -> Option<Offer> {
        let closes = self.closes(interval);
        let restriction = self.restriction(member, interval, |event| event.is_known(closes));
        self.get(member)?.supply.as_ref()?.offer(interval, restriction)
    }

    /// What the member offers while its plant is whole: what it can know ahead, announced events only.
    #[must_use]
    pub fn forecast(&self, member: MemberId, interval: u32) -> Option<Offer> {
        let restriction = self.restriction(member, interval, |event| event.announced);
        self.get(member)?.supply.as_ref()?.offer(interval, restriction)
    }

    /// What the member's loads need in an interval; `None` for a member without loads.
    #[must_use]
    pub fn need(&self, member: MemberId, interval: u32) -> Option<Need> {
        self.get(member)?.load.as_ref().map(|load| load.need(interval))
    }

    /// What the member's plant can deliver in an interval, after events: 0 W if an outage touches it at all.
    #[must_use]
    pub fn plant(&self, member: MemberId, interval: u32) -> Option<Capability> {
        let restriction = self.restriction(member, interval, |_| true);
        Some(self.get(member)?.supply.as_ref()?.capability(interval, restriction))
    }

    /// Whether the member's resource is the tie to the macrogrid.
    #[must_use]
    pub fn is_tie(&self, member: MemberId) -> bool {
        self.get(member).is_some_and(|member| matches!(member.supply, Some(Supply::Tie(_))))
    }

    /// Everything the problem of one interval is built from.
    #[must_use]
    pub fn problem(&self, interval: u32) -> IntervalParts {
        let offers = self.members().filter_map(|(id, _)| Some((id, self.offer(id, interval)?)));
        let (ties, offers) = offers.partition(|(id, _)| self.is_tie(*id));
        let needs =
            self.members().filter_map(|(id, _)| Some((id, self.need(id, interval)?))).collect();
        IntervalParts {
            interval: self.interval(interval),
            price_cap: self.market.price_cap,
            offers,
            ties,
            needs,
        }
    }

    /// The `count` intervals around the demonstration's focus; the first ones without a focus.
    #[must_use]
    pub fn window(&self, count: u32) -> Range<u32> {
        let count = count.min(self.horizon.intervals);
        let since = self.demo.focus.map_or(0, |focus| focus.0.saturating_sub(self.horizon.start.0));
        let middle = since.checked_div(u64::from(self.horizon.period_s)).unwrap_or(0);
        let middle = u32::try_from(middle).unwrap_or(u32::MAX);
        let first =
            middle.saturating_sub(count / 2).min(self.horizon.intervals.saturating_sub(count));
        first..first.saturating_add(count)
    }

    fn get(&self, member: MemberId) -> Option<&Member> {
        self.members.get(usize::from(member.0))
    }

    /// When the gate of an interval takes nothing more.
    fn closes(&self, interval: u32) -> TimeS {
        let start = self.interval(interval).start.0;
        TimeS(start.saturating_sub(u64::from(self.market.close_lead_s)))
    }

    /// What those of a member's events that count leave of its resource in an interval.
    fn restriction(
        &self,
        member: MemberId,
        interval: u32,
        counts: impl Fn(&Event) -> bool,
    ) -> Restriction {
        let span = self.interval(interval);
        let mut restriction = Restriction::default();
        let own = self.events.iter().filter(|event| event.member == member);
        for event in own.filter(|event| event.touches(span) && counts(event)) {
            match event.kind {
                EventKind::Outage | EventKind::Island => restriction.out = true,
                EventKind::DemandResponse { import_max } => {
                    let most =
                        restriction.import_max.map_or(import_max, |most| most.min(import_max));
                    restriction.import_max = Some(most);
                }
            }
        }
        restriction
    }
}

impl Event {
    /// Whether the member knows of it at `time`.
    #[must_use]
    pub fn is_known(&self, time: TimeS) -> bool {
        self.announced || self.from <= time
    }

    /// Whether it lasts through any part of an interval.
    #[must_use]
    pub fn touches(&self, span: Interval) -> bool {
        self.from < span.end() && self.until.is_none_or(|until| span.start < until)
    }
}

impl Load {
    fn need(&self, interval: u32) -> Need {
        let tiers = self.tiers.iter().map(|(power, value)| Tier {
            power: Watts(power.at(interval)),
            value: Price(value.at(interval)),
        });
        // A tier of 0 W, as a series may have at night, is no tier.
        let tiers: Vec<Tier> = tiers.filter(|tier| tier.power != Watts::ZERO).collect();
        Need {
            firm: Watts(self.firm.at(interval)),
            sheddable: Bounded::new(tiers).expect("parsing bounds the number of tiers"),
        }
    }
}
