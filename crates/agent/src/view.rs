//! What an agent remembers of a live gate.

use crate::{GateProblem, Identity};
use gridaccord_dispatch::{
    Problem, Resource, Setting, State,
    horizon::{HorizonBook, HorizonSetting, Participant},
};
use gridaccord_ledger::{
    Role,
    gate::{Phase, Verdict},
    survey::Surveyed,
};
use gridaccord_model::{HorizonPosting, Interval, MemberId, Need, Offer, Watts};
use std::{collections::BTreeMap, sync::OnceLock};

/// What the agent has still to do in a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The gate takes offers.
    Open,
    /// It is closed; a seat, if drawn, follows the ledger's events.
    Closed,
    /// Found on the way: drawn, and the member's seat has no commitment.
    ToCommit,
    /// Found on the way: commitments are over, and the member's seat is not revealed.
    ToReveal,
    /// The set point is in force; its reading is due after the interval.
    Dispatched,
    /// The reading is sent.
    Read,
}

/// A live gate as the agent knows it.
#[derive(Clone, Debug)]
pub(crate) struct GateView {
    pub(crate) interval: Interval,
    pub(crate) wager_min: u64,
    pub(crate) offers: BTreeMap<MemberId, Offer>,
    pub(crate) needs: BTreeMap<MemberId, Need>,
    /// In a gate of kind *horizon*.
    pub(crate) postings: BTreeMap<MemberId, HorizonPosting>,
    /// Highest import of all plans before, once such a gate is closed.
    pub(crate) peak_before: Watts,
    /// Powers of ramp-limited generators in the plan before, once such a gate is closed.
    pub(crate) before: BTreeMap<MemberId, Watts>,
    pub(crate) stage: Stage,
    pub(crate) seated: bool,
    /// The member had a part in it when it was found.
    pub(crate) entered: bool,
    /// What the member last posted, taken or still on its way.
    pub(crate) posted: Option<HorizonPosting>,
    pub(crate) set_point: Option<Watts>,
    /// The problem, once a builder asks for it.
    problem: OnceLock<Option<GateProblem>>,
    /// Its answer, once the solver was asked.
    pub(crate) solved: OnceLock<Option<Vec<u8>>>,
}

impl GateView {
    pub(crate) const fn new(interval: Interval, wager_min: u64) -> Self {
        Self {
            interval,
            wager_min,
            offers: BTreeMap::new(),
            needs: BTreeMap::new(),
            postings: BTreeMap::new(),
            peak_before: Watts::ZERO,
            before: BTreeMap::new(),
            stage: Stage::Open,
            seated: false,
            entered: false,
            posted: None,
            set_point: None,
            problem: OnceLock::new(),
            solved: OnceLock::new(),
        }
    }

    pub(crate) fn of_survey(surveyed: &Surveyed, me: MemberId) -> Self {
        let gate = &surveyed.gate;
        let own = surveyed.parts.iter().find(|(member, _)| *member == me).map(|(_, part)| part);
        let seat = surveyed.seats.iter().find(|seat| seat.member == me);
        let stage = match (&gate.phase, seat) {
            (Phase::Open { .. }, _) => Stage::Open,
            (Phase::Drawn { .. }, Some(seat)) if seat.commitment.is_none() => Stage::ToCommit,
            (Phase::Committed { .. }, Some(seat))
                if seat.commitment.is_some() && seat.verdict == Verdict::Waiting {} =>
            {
                Stage::ToReveal
            }
            (Phase::Dispatched { .. }, _) if own.is_some_and(|part| part.metered.is_some()) => {
                Stage::Read
            }
            (Phase::Dispatched { .. }, _) => Stage::Dispatched,
            _ => Stage::Closed,
        };
        let needs =
            surveyed.parts.iter().filter_map(|(member, part)| Some((*member, part.need.clone()?)));
        let mut view = Self {
            offers: surveyed.offers.iter().cloned().collect(),
            needs: needs.collect(),
            stage,
            seated: seat.is_some(),
            entered: own.is_some(),
            set_point: own.and_then(|part| part.set_point),
            ..Self::new(gate.interval, gate.wager_min)
        };
        if let Some(horizon) = &surveyed.horizon {
            view.postings = horizon.postings.iter().cloned().collect();
            view.posted = view.postings.get(&me).cloned();
            view.peak_before = horizon.outlook.peak_before;
            let before = horizon.before.iter();
            view.before = before.map(|(member, output)| (*member, output.power)).collect();
        }
        view
    }

    /// The gate's problem as its book states it; `None` where the book makes none. Its book must be closed.
    pub(crate) fn problem(&self, identity: &Identity) -> Option<&GateProblem> {
        let build = || match identity.intervals() {
            Some(intervals) => {
                let book = self.horizon(identity, intervals)?;
                Some(GateProblem::Horizon(Box::new(book)))
            }
            None => Some(GateProblem::Interval(Box::new(self.single(identity)?))),
        };
        self.problem.get_or_init(build).as_ref()
    }

    fn single(&self, identity: &Identity) -> Option<Problem> {
        let setting = Setting {
            duration_s: self.interval.duration_s,
            price_cap: identity.market.price_cap,
            island: false,
        };
        let resources = self.offers.iter().map(|(member, offer)| Resource {
            member: *member,
            default_state: match identity.roles.get(member) {
                Some(Role::Utility) => State::Unity,
                _ => State::Retreat,
            },
            offer: offer.clone(),
        });
        let needs = self.needs.iter().map(|(member, need)| (*member, need.clone()));
        Problem::new(setting, resources.collect(), needs.collect()).ok()
    }

    fn horizon(&self, identity: &Identity, intervals: u16) -> Option<HorizonBook> {
        let setting = HorizonSetting {
            duration_s: self.interval.duration_s,
            intervals,
            price_cap: identity.market.price_cap,
            peak_before: self.peak_before,
            carbon: identity.carbon,
        };
        let participants = self.postings.iter().map(|(member, posting)| Participant {
            member: *member,
            posting: posting.clone(),
            emission: identity.emissions.get(member).copied().unwrap_or_default(),
            before: self.before.get(member).copied().unwrap_or_default(),
        });
        HorizonBook::new(setting, participants.collect()).ok()
    }
}
