//! What an agent remembers of a live gate.

use crate::Identity;
use gridaccord_dispatch::{Problem, Resource, Setting, State};
use gridaccord_ledger::{
    Role,
    gate::{Phase, Verdict},
    survey::Surveyed,
};
use gridaccord_model::{Interval, MemberId, Need, Offer, Watts};
use std::collections::BTreeMap;

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
    pub(crate) stage: Stage,
    pub(crate) seated: bool,
    /// The member had a part in it when it was found.
    pub(crate) entered: bool,
    pub(crate) set_point: Option<Watts>,
}

impl GateView {
    pub(crate) const fn new(interval: Interval, wager_min: u64) -> Self {
        Self {
            interval,
            wager_min,
            offers: BTreeMap::new(),
            needs: BTreeMap::new(),
            stage: Stage::Open,
            seated: false,
            entered: false,
            set_point: None,
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
        Self {
            offers: surveyed.offers.iter().cloned().collect(),
            needs: needs.collect(),
            stage,
            seated: seat.is_some(),
            entered: own.is_some(),
            set_point: own.and_then(|part| part.set_point),
            ..Self::new(gate.interval, gate.wager_min)
        }
    }

    /// The gate's problem as its book states it; `None` where the book makes none, which admission prevents.
    pub(crate) fn problem(&self, identity: &Identity) -> Option<Problem> {
        let setting = Setting {
            duration_s: self.interval.duration_s,
            price_cap: identity.price_cap,
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
}
