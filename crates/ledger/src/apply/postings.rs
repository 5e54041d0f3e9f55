//! Gates of kind *horizon*: postings, what a horizon starts from, and what goes on to the next.
//!
//! Only the first interval of a plan is carried out; the next gate asks again. What goes on is small: powers of
//! ramp-limited generators and the highest import. It is fixed when a gate closes, from plans alone, so that no member
//! states its own past.

use super::{
    Run,
    commands::{Step, pass},
    stated::Stated,
};
use crate::{
    event::{Event, SetPoint},
    gate::Gate,
    records::{Carbon, Outlook, Output, Part, Rolling, Source, key},
    refusal::Refusal,
    state::{BodyId, Key, Read},
    store::Stop,
};
use bytes::Bytes;
use commonware_codec::{DecodeExt as _, Encode as _};
use gridaccord_dispatch::{
    Plan,
    horizon::{
        CarbonCaps, Emission, HORIZON_RESOURCES_MAX, HorizonBook, HorizonSetting, Participant,
    },
};
use gridaccord_model::{
    GateId, HorizonOffer, HorizonPosting, MemberId, Price, TimeS, Watts, codec::Bounded,
    horizon::Shape, terms::GateKind,
};
use std::collections::BTreeMap;

/// Parts of a problem times its intervals: bounds the time of a check, some ten nanoseconds each.
pub const CELLS_MAX: usize = 1 << 19;

impl<R: Read> Run<'_, R> {
    /// Intervals of each gate's horizon; `None` in a market of another kind.
    pub(super) const fn horizon_intervals(&self) -> Option<u16> {
        match self.params.market.kind {
            GateKind::Horizon { intervals } => Some(intervals),
            GateKind::Open {} | GateKind::Sealed { .. } => None,
        }
    }

    /// Rule C8 for what only one kind of gate takes.
    pub(super) fn kind_is(&self, horizon: bool) -> Result<(), Refusal> {
        if self.horizon_intervals().is_some() == horizon { Ok(()) } else { Err(self.kind_wrong()) }
    }

    /// Rule C8.
    pub(super) const fn kind_wrong(&self) -> Refusal {
        let kind = match self.params.market.kind {
            GateKind::Horizon { .. } => "horizon",
            GateKind::Open {} => "open",
            GateKind::Sealed { .. } => "sealed",
        };
        Refusal::KindWrong { kind }
    }

    /// Rules O11 and O12.
    pub(super) fn may_offer(&mut self, author: MemberId) -> Step {
        Ok(match self.store.find::<Source>(&key::source(author))? {
            None | Some(Source::Known { .. }) => Ok(()),
            Some(Source::Forbidden {}) => Err(Refusal::ClassForbidden),
            Some(Source::Unknown {}) => Err(Refusal::ClassUnknown),
        })
    }

    pub(super) fn take_posting(
        &mut self,
        author: MemberId,
        id: GateId,
        posting: &HorizonPosting,
    ) -> Step {
        pass!(self.kind_is(true));
        let intervals = self.horizon_intervals().unwrap_or_default();
        let mut gate = pass!(self.open_gate(id)?);
        let shape = Shape { intervals, duration_s: gate.interval.duration_s };
        pass!(posting.check(shape).map_err(Refusal::Posting));
        pass!(within_cap(posting, self.params.market.price_cap));
        if posting.offer.is_some() {
            pass!(self.may_offer(author)?);
        }
        let (mut part, page) = pass!(self.part(&gate, author)?);
        let mut outlook: Outlook = self.store.get(&key::outlook(id))?;
        let earlier = match part.offer {
            Some(body) => posting_of(&self.store.bodies(&[body])?.remove(0)).parts(),
            None => 0,
        };
        outlook.parts = outlook.parts.saturating_sub(earlier).saturating_add(posting.parts());
        if usize::from(outlook.parts) > parts_max(intervals) {
            return Ok(Err(Refusal::GateFull(id)));
        }
        if part.offer.is_none() {
            gate.book.market = gate.book.market.saturating_add(1);
        }
        part.offer = Some(self.store.append(posting.encode()));
        self.store.put(key::outlook(id), &outlook);
        self.put_part(gate, author, &part, page);
        self.events.push(Event::Posted { gate: id, member: author, posting: posting.clone() });
        Ok(Ok(()))
    }

    /// Fixes what a closing gate's horizon starts from, and tells everybody.
    pub(super) fn fix_outlook(&mut self, gate: &Gate) -> Result<(), Stop> {
        if self.horizon_intervals().is_none() {
            return Ok(());
        }
        let rolling: Rolling = self.store.get(&key::rolling())?;
        let mut outlook: Outlook = self.store.get(&key::outlook(gate.id))?;
        outlook.before = rolling.plan;
        outlook.peak_before = peak_of(rolling, month(gate.interval.start));
        self.store.put(key::outlook(gate.id), &outlook);
        let stated = self.problem(gate)?;
        let moving = stated.book().map_or(&[][..], HorizonBook::participants).iter();
        let before = moving
            .filter(|participant| participant.before != Watts::ZERO)
            .map(|participant| SetPoint { member: participant.member, power: participant.before });
        let before = Bounded::new(before.collect()).expect("a gate admits no more participants");
        self.events.push(Event::Continued {
            gate: gate.id,
            peak_before: outlook.peak_before,
            before,
        });
        Ok(())
    }

    /// The problem of a closed gate of kind *horizon*.
    pub(super) fn state_horizon(
        &mut self,
        gate: &Gate,
        parts: Vec<(MemberId, Part)>,
    ) -> Result<Stated, Stop> {
        let outlook: Outlook = self.store.get(&key::outlook(gate.id))?;
        let posted: Vec<(MemberId, BodyId)> =
            parts.into_iter().filter_map(|(member, part)| Some((member, part.offer?))).collect();
        let members = || posted.iter().map(|(member, _)| *member);
        let sources: Vec<Key> = members().map(key::source).collect();
        let outputs: Vec<Key> = outlook
            .before
            .map(|before| members().map(|member| key::output(before, member)).collect())
            .unwrap_or_default();
        self.store.touch(sources.iter().chain(&outputs).copied());
        self.store.touch([key::carbon()]);
        let ids: Vec<BodyId> = posted.iter().map(|(_, body)| *body).collect();
        let bodies = self.store.bodies(&ids)?;
        let sources: Vec<Option<Source>> = self.store.find_all(&sources)?;
        let outputs: Vec<Option<Output>> = self.store.find_all(&outputs)?;
        let setting = self.horizon_setting(gate, outlook)?;
        let participants = posted.iter().zip(bodies).zip(sources).enumerate().map(
            |(position, (((member, _), body), source))| Participant {
                member: *member,
                posting: posting_of(&body),
                emission: emission_of(source),
                before: outputs.get(position).copied().flatten().map_or(Watts::ZERO, |o| o.power),
            },
        );
        Ok(HorizonBook::new(setting, participants.map(only_ramps).collect())
            .map_or(Stated::Beyond, |book| Stated::Horizon(Box::new(book))))
    }

    fn horizon_setting(&mut self, gate: &Gate, outlook: Outlook) -> Result<HorizonSetting, Stop> {
        let Carbon { operating, wider, momentary_ppm } =
            self.store.find(&key::carbon())?.unwrap_or_default();
        Ok(HorizonSetting {
            duration_s: gate.interval.duration_s,
            intervals: self.horizon_intervals().unwrap_or_default(),
            price_cap: self.params.market.price_cap,
            peak_before: outlook.peak_before,
            carbon: CarbonCaps { operating, wider, momentary_ppm },
        })
    }

    /// What goes on from a gate's plan to the next horizon. Nothing in a market of another kind.
    pub(super) fn roll(
        &mut self,
        gate: &Gate,
        plans: &BTreeMap<MemberId, Plan>,
    ) -> Result<(), Stop> {
        let Some(book) = self.problem(gate)?.book() else { return Ok(()) };
        let power =
            |member: &MemberId| plans.get(member).map_or(Watts::ZERO, |plan| plan.set_point);
        let ramped = book.participants().iter().filter(|participant| has_ramp(participant));
        let outputs: Vec<(MemberId, Output)> = ramped
            .map(|participant| (participant.member, Output { power: power(&participant.member) }))
            .collect();
        let import = book.tie().as_ref().map_or(Watts::ZERO, power);
        for (member, output) in outputs {
            self.store.put(key::output(gate.id, member), &output);
        }
        let mut rolling: Rolling = self.store.get(&key::rolling())?;
        rolling.plan = rolling.plan.max(Some(gate.id));
        let now = month(gate.interval.start);
        rolling.peak = peak_of(rolling, now).max(import);
        rolling.month = now;
        self.store.put(key::rolling(), &rolling);
        Ok(())
    }

    /// Whether an open gate's plan keeps the caps on carbon; over a horizon the check of answers knows them.
    ///
    /// Counted is what resources inject, against what consumption is served; absorbing earns nothing.
    pub(super) fn carbon_allowed(
        &mut self,
        plans: &BTreeMap<MemberId, Plan>,
    ) -> Result<bool, Stop> {
        if self.horizon_intervals().is_some() {
            return Ok(true);
        }
        let Some(caps) = self.store.find::<Carbon>(&key::carbon())? else { return Ok(true) };
        let injecting: Vec<(MemberId, i64)> = plans
            .iter()
            .filter(|(_, plan)| plan.set_point > Watts::ZERO)
            .map(|(member, plan)| (*member, plan.set_point.0))
            .collect();
        let keys: Vec<Key> = injecting.iter().map(|(member, _)| key::source(*member)).collect();
        let sources: Vec<Option<Source>> = self.store.find_all(&keys)?;
        let served =
            plans.values().fold(0i128, |sum, plan| sum.saturating_add(plan.consumption.0.into()));
        let (mut operating, mut wider) = (0i128, 0i128);
        for ((_, power), source) in injecting.iter().zip(sources) {
            let emission = emission_of(source);
            let by = |factor: u32| i128::from(factor).saturating_mul(i128::from(*power));
            operating = operating.saturating_add(by(emission.operating));
            wider =
                wider.saturating_add(by(emission.operating)).saturating_add(by(emission.beyond));
        }
        let allows = |cap: Option<u32>, emitted: i128| {
            let ppm = PPM.saturating_add(i128::from(caps.momentary_ppm));
            cap.is_none_or(|cap| {
                emitted.saturating_mul(PPM)
                    <= i128::from(cap).saturating_mul(served).saturating_mul(ppm)
            })
        };
        Ok(allows(caps.operating, operating) && allows(caps.wider, wider))
    }
}

/// A whole, ppm.
const PPM: i128 = 1_000_000;

/// Rule S22. What is offered above the cap of one interval is only withheld; over a horizon it could not be told from
/// what a ramp or a store makes dear, and below the cap's negative it would set the price.
fn within_cap(posting: &HorizonPosting, cap: Price) -> Result<(), Refusal> {
    let Some((least, greatest)) = posting.price_range() else { return Ok(()) };
    let furthest = if greatest > cap { greatest } else { least };
    if greatest > cap || least < Price(cap.0.saturating_neg()) {
        return Err(Refusal::PostingOutsideCap { price: furthest, cap });
    }
    Ok(())
}

/// Parts that a problem of this many intervals may have.
fn parts_max(intervals: u16) -> usize {
    CELLS_MAX.div_euclid(usize::from(intervals.max(1))).min(HORIZON_RESOURCES_MAX)
}

/// A body that admission stored.
pub(crate) fn posting_of(body: &Bytes) -> HorizonPosting {
    HorizonPosting::decode(body.clone()).expect("admission stored a canonical posting")
}

/// Without a policy nothing is counted.
fn emission_of(source: Option<Source>) -> Emission {
    source.map_or_else(Emission::default, Source::emission)
}

fn has_ramp(participant: &Participant) -> bool {
    matches!(
        &participant.posting.offer,
        Some(HorizonOffer::Generator { generator }) if generator.ramp.is_some()
    )
}

/// Demand is charged by the month.
fn peak_of(rolling: Rolling, month: u32) -> Watts {
    if rolling.month == month { rolling.peak } else { Watts::ZERO }
}

/// Calendar month (UTC), counted from March of the year 0, so that the day of the leap year is the last one of a year.
/// Gregorian; 146,097 days are 400 years.
fn month(time: TimeS) -> u32 {
    const DAY_S: u64 = 86_400;
    const EPOCH_DAY: u64 = 719_468;
    let day = time.0.div_euclid(DAY_S).saturating_add(EPOCH_DAY);
    let (era, day) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    // Leap days so far: one in four years, none in a century, one in four of them.
    let leap = day
        .div_euclid(1_460)
        .saturating_sub(day.div_euclid(36_524))
        .saturating_add(day.div_euclid(146_096));
    let year = day.saturating_sub(leap).div_euclid(365);
    let before = year
        .saturating_mul(365)
        .saturating_add(year.div_euclid(4))
        .saturating_sub(year.div_euclid(100));
    // Of 153 days five months are made, from March on.
    let in_year = day.saturating_sub(before).saturating_mul(5).saturating_add(2).div_euclid(153);
    let months = era.saturating_mul(400).saturating_add(year).saturating_mul(12);
    u32::try_from(months.saturating_add(in_year)).unwrap_or(u32::MAX)
}

/// A power before matters to a ramp alone.
fn only_ramps(participant: Participant) -> Participant {
    let before = if has_ramp(&participant) { participant.before } else { Watts::ZERO };
    Participant { before, ..participant }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_begin_where_the_calendar_says() {
        // Midnights of the first of March and April 2026, of January 1970 and 2000, of the leap years' ends.
        for first in [1_772_323_200, 1_775_001_600, 946_684_800, 951_868_800, 4_107_542_400] {
            assert_eq!(month(TimeS(first)), month(TimeS(first - 1)) + 1);
            assert_eq!(month(TimeS(first)), month(TimeS(first + 27 * 86_400)));
        }
        assert_eq!(month(TimeS(0)), 12 * 1969 + 10);
        // 400 years are 4,800 months.
        assert_eq!(month(TimeS(146_097 * 86_400)), month(TimeS(0)) + 4_800);
        assert_eq!(month(TimeS(u64::MAX)), u32::MAX);
    }
}
