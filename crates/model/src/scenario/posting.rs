//! What a member posts for a gate of kind *horizon*: its series over the gate's interval and those after it.
//!
//! Beyond the scenario's last interval its last day repeats, event times do not: a horizon never shrinks, and its end is
//! like any other evening. Whatever is stored or left to consume, a posting passes its own rules.

use super::{
    GateKind, Load, Scenario, Series as Values,
    storage::{Outlook, Shiftable},
    supply::{Plant, PlantCost, Restriction, Supply, Tie},
};
use crate::{
    CostCurve, HorizonNeed, HorizonOffer, HorizonPosting, Joules, MemberId, Price, TimeS, Watts,
    codec::Bounded,
    horizon::{GeneratorOffer, HorizonTier, Shape, ShiftableNeed, StorageOffer, TieOffer},
    offer::{Block, LINEAR_PER_PRICE},
    series::{Counted, Series},
};

/// How far a member's stores and shiftable loads have come. The default is the start of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Stored at the start of the gate's interval, µWh; `None` is what the scenario starts with.
    pub stored_uwh: Option<i64>,
    /// What each shiftable load, in the scenario's order, has had before; nothing where the list ends.
    pub shifted: Vec<Joules>,
}

/// A gate's horizon within a scenario.
#[derive(Clone, Copy)]
struct Span<'a> {
    scenario: &'a Scenario,
    first: u32,
    intervals: u16,
}

impl Scenario {
    /// What the member's rulebook posts for the horizon of an interval's gate; `None` for a member that neither
    /// offers nor needs, and in a market of another kind.
    ///
    /// As in [`Scenario::offer`], an event counts that was announced or has begun when the gate closes.
    #[must_use]
    pub fn posting(
        &self,
        member: MemberId,
        interval: u32,
        progress: &Progress,
    ) -> Option<HorizonPosting> {
        let closes = self.closes(interval);
        let restriction = |later| self.restriction(member, later, |event| event.is_known(closes));
        self.posting_under(member, interval, progress, restriction)
    }

    /// What the member posts while its plant is whole: as [`Scenario::forecast`], announced events only.
    #[must_use]
    pub fn posting_ahead(
        &self,
        member: MemberId,
        interval: u32,
        progress: &Progress,
    ) -> Option<HorizonPosting> {
        let restriction = |later| self.restriction(member, later, |event| event.announced);
        self.posting_under(member, interval, progress, restriction)
    }

    fn posting_under(
        &self,
        member: MemberId,
        interval: u32,
        progress: &Progress,
        restriction: impl Fn(u32) -> Restriction,
    ) -> Option<HorizonPosting> {
        let GateKind::Horizon { intervals } = self.market.kind else { return None };
        let span = Span { scenario: self, first: interval, intervals };
        let record = self.get(member)?;
        let offer = record.supply.as_ref().map(|supply| match supply {
            Supply::Plant(plant) => {
                HorizonOffer::Generator { generator: span.generator(plant, restriction) }
            }
            Supply::Tie(tie) => HorizonOffer::Tie { tie: span.tie(tie, restriction) },
            Supply::Storage(store) => {
                let stored = progress.stored_uwh.unwrap_or(store.offer.stored_uwh);
                HorizonOffer::Storage { storage: store.offer(stored, span.outlook()) }
            }
        });
        let need = record.load.as_ref().map(|load| span.need(load, progress));
        (offer.is_some() || need.is_some()).then_some(HorizonPosting { offer, need })
    }

    /// What a member's storage can do, and what it holds when a run starts; `None` for a member without.
    #[must_use]
    pub fn storage(&self, member: MemberId) -> Option<StorageOffer> {
        match self.get(member)?.supply.as_ref()? {
            Supply::Storage(store) => Some(store.offer),
            Supply::Plant(_) | Supply::Tie(_) => None,
        }
    }

    /// A member's shiftable loads with all their energy, their windows counted in the scenario's intervals; none whose
    /// window has no interval.
    #[must_use]
    pub fn shiftable(&self, member: MemberId) -> Vec<ShiftableNeed> {
        let loads = self.get(member).and_then(|record| record.load.as_ref());
        let numbers = 0..u16::try_from(self.horizon.intervals).unwrap_or(u16::MAX);
        let need = |load: &Shiftable| {
            let takes = |number: &u16| load.takes(self.interval(u32::from(*number)));
            let from = numbers.clone().find(takes)?;
            let until = numbers.clone().rev().find(takes)?.saturating_add(1);
            Some(ShiftableNeed { energy: load.energy, from, until, power_max: load.power_max })
        };
        loads.iter().flat_map(|load| &load.shiftable).filter_map(need).collect()
    }

    /// What a member's shiftable loads may take together in an interval; 0 W outside their windows.
    #[must_use]
    pub fn shiftable_max(&self, member: MemberId, interval: u32) -> Watts {
        let span = self.interval(interval);
        let load = self.get(member).and_then(|record| record.load.as_ref());
        let loads = load.iter().flat_map(|load| &load.shiftable);
        let takes = loads.filter(|shiftable| shiftable.takes(span));
        Watts(takes.fold(0i64, |sum, shiftable| sum.saturating_add(shiftable.power_max.0)))
    }

    /// What a posting is checked against; `None` in a market of another kind.
    #[must_use]
    pub fn shape(&self) -> Option<Shape> {
        match self.market.kind {
            GateKind::Horizon { intervals } => {
                Some(Shape { intervals, duration_s: self.horizon.interval_s })
            }
            GateKind::Open {} | GateKind::Sealed { .. } => None,
        }
    }

    /// What each of a member's shiftable loads has had before an interval, where it consumed `consumption` in the ones
    /// before: what exceeds its other needs, given to its loads in order.
    #[must_use]
    pub fn shifted(
        &self,
        member: MemberId,
        before: u32,
        consumption: impl Fn(u32) -> Option<Watts>,
    ) -> Vec<Joules> {
        let Some(load) = self.get(member).and_then(|record| record.load.as_ref()) else {
            return Vec::new();
        };
        let mut shifted = vec![Joules::ZERO; load.shiftable.len()];
        for interval in 0..before {
            let span = self.interval(interval);
            if !load.shiftable.iter().any(|shiftable| shiftable.takes(span)) {
                continue;
            }
            let stated = load.need(self.repeated(interval)).total();
            let consumed = consumption(interval).unwrap_or(stated);
            let mut beyond = consumed.0.saturating_sub(stated.0).max(0);
            let duration = i64::from(span.duration_s);
            for (had, shiftable) in shifted.iter_mut().zip(&load.shiftable) {
                let left = shiftable.energy.0.saturating_sub(had.0).max(0);
                let most = left.saturating_add(duration.saturating_sub(1)).div_euclid(duration);
                let power = beyond.min(shiftable.power_max.0).min(most);
                if shiftable.takes(span) {
                    beyond = beyond.saturating_sub(power);
                    had.0 = had.0.saturating_add(power.saturating_mul(duration));
                }
            }
        }
        shifted
    }

    /// The interval whose values one beyond the last repeats: a day before, or several.
    fn repeated(&self, interval: u32) -> u32 {
        let all = self.horizon.intervals.max(1);
        let day = DAY_S.checked_div(self.horizon.period_s).unwrap_or(all).clamp(1, all);
        match interval.checked_sub(all) {
            None => interval,
            Some(beyond) => {
                all.saturating_sub(day).saturating_add(beyond.checked_rem(day).unwrap_or(0))
            }
        }
    }
}

const DAY_S: u32 = 86_400;

impl Span<'_> {
    /// Numbers of its intervals, beyond the scenario's last too.
    fn numbers(self) -> impl Iterator<Item = u32> {
        (0..u32::from(self.intervals)).map(move |position| self.first.saturating_add(position))
    }

    fn series<T: Counted>(self, value: impl Fn(u32) -> T) -> Series<T> {
        Series::new(self.numbers().map(value).collect())
            .ok()
            .expect("parsing bounds the horizon by a series")
    }

    /// A quantity's values, those of 0 where `out` says so.
    fn values<T: Counted>(self, values: &Values, out: impl Fn(u32) -> bool) -> Series<T> {
        self.series(|number| {
            T::of(if out(number) { 0 } else { values.at(self.scenario.repeated(number)) })
        })
    }

    fn generator(self, plant: &Plant, restriction: impl Fn(u32) -> Restriction) -> GeneratorOffer {
        let out = |number| restriction(number).out;
        // A plant on its way into an outage, or out of one, is below its least power for a while.
        let is_restricted = plant.ramp.is_some() && self.numbers().any(out);
        let first = self.scenario.repeated(self.first);
        let cost = match &plant.cost {
            PlantCost::Flat(price) => CostCurve::Quadratic {
                quadratic: 0,
                linear: price.at(first).saturating_mul(LINEAR_PER_PRICE),
            },
            PlantCost::Quadratic { quadratic, linear } => {
                CostCurve::Quadratic { quadratic: quadratic.at(first), linear: linear.at(first) }
            }
            PlantCost::Blocks(blocks) => {
                let blocks = blocks.iter().map(|(width, price)| Block {
                    power: Watts(*width),
                    price: Price(price.at(first)),
                });
                let blocks = Bounded::new(blocks.collect());
                CostCurve::Blocks { blocks: blocks.expect("parsing bounds the number of blocks") }
            }
        };
        GeneratorOffer {
            power_min: self.values(&plant.power_min, |number| is_restricted || out(number)),
            power_max: self.values(&plant.power_max, out),
            cost,
            ramp: plant.ramp,
        }
    }

    fn tie(self, tie: &Tie, restriction: impl Fn(u32) -> Restriction) -> TieOffer {
        let scenario = self.scenario;
        let prices = |number: u32| {
            let number = scenario.repeated(number);
            let (tariff, feed_in) = (tie.import_price.at(number), tie.export_price.at(number));
            // Without export its price means nothing; it must not be above the tariff.
            (Price(tariff), Price(feed_in.min(tariff)))
        };
        TieOffer {
            import_max: self.series(|number| match restriction(number) {
                Restriction { out: true, .. } => Watts::ZERO,
                Restriction { import_max, .. } => {
                    tie.import_limit(scenario.repeated(number), import_max)
                }
            }),
            export_max: self.values(&tie.export_max, |number| restriction(number).out),
            tariff: self.series(|number| prices(number).0),
            feed_in: self.series(|number| prices(number).1),
            demand_charge: tie.demand_charge,
        }
    }

    fn outlook(self) -> Outlook {
        let Scenario { horizon, .. } = self.scenario;
        let end = |number| self.scenario.interval(number).end();
        Outlook {
            first_end: end(self.first),
            end: end(self.first.saturating_add(u32::from(self.intervals).saturating_sub(1))),
            last_end: end(horizon.intervals.saturating_sub(1)),
            period_s: horizon.period_s,
            shape: Shape { intervals: self.intervals, duration_s: horizon.interval_s },
        }
    }

    fn need(self, load: &Load, progress: &Progress) -> HorizonNeed {
        let first = self.scenario.repeated(self.first);
        let always = |_| false;
        let tiers = load.tiers.iter().map(|(power, value)| HorizonTier {
            power: self.values(power, always),
            value: Price(value.at(first)),
        });
        let shiftable = load.shiftable.iter().enumerate().filter_map(|(position, shiftable)| {
            let had = progress.shifted.get(position).copied().unwrap_or_default();
            self.shiftable(shiftable, had)
        });
        HorizonNeed {
            firm: self.values(&load.firm, always),
            sheddable: Bounded::new(tiers.collect()).expect("parsing bounds the number of tiers"),
            shiftable: Bounded::new(shiftable.collect())
                .expect("parsing bounds the number of shiftable loads"),
        }
    }

    /// What a shiftable load still needs within the horizon: its even share, where its window goes beyond; no more than
    /// fits. `None` where nothing is left, or its window has no interval here.
    fn shiftable(self, load: &Shiftable, had: Joules) -> Option<ShiftableNeed> {
        let takes = |number: &u32| load.takes(self.scenario.interval(*number));
        let within: Vec<u32> = self.numbers().filter(takes).collect();
        let (from, last) = (*within.first()?, *within.last()?);
        let count = i128::try_from(within.len()).unwrap_or(1);
        let period = u64::from(self.scenario.horizon.period_s.max(1));
        let TimeS(end) = self.scenario.interval(last).end();
        let later = load.until.0.saturating_sub(end).div_euclid(period);
        let remaining = i128::from(load.energy.0.saturating_sub(had.0).max(0));
        let all = count.saturating_add(i128::from(later)).max(1);
        let share =
            remaining.saturating_mul(count).saturating_add(all.saturating_sub(1)).div_euclid(all);
        let duration = i128::from(self.scenario.horizon.interval_s);
        let fits = i128::from(load.power_max.0).saturating_mul(count).saturating_mul(duration);
        let energy = Joules(i64::try_from(share.min(fits)).unwrap_or(i64::MAX));
        let position = |number: u32| u16::try_from(number.saturating_sub(self.first)).ok();
        let need = ShiftableNeed {
            energy,
            from: position(from)?,
            until: position(last)?.saturating_add(1),
            power_max: load.power_max,
        };
        (energy > Joules::ZERO).then_some(need)
    }
}
