//! A simulated bus: one plant per member, and a tie that carries whatever the others leave.
//!
//! Everything is a step function of ledger time, so that energy is an exact sum of watts × seconds and a run
//! repeats to the joule whatever the machine's speed.

use crate::{
    Device, Energy, Health,
    plant::{Plant, PlantKind},
    store::{self, Lived},
};
use gridaccord_model::{Interval, Joules, MemberId, TimeS, Watts};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) plant: Plant,
    /// Set points by the start of the interval they are for.
    set_points: BTreeMap<TimeS, (Watts, TimeS)>,
    /// How far its device has been told the time.
    pub(crate) clock: TimeS,
    /// A storage's intervals so far, by start.
    pub(crate) lived: BTreeMap<TimeS, Lived>,
}

/// The bus that all simulated devices of a campus are connected to. Clones are the same bus.
#[derive(Clone, Debug, Default)]
pub struct SimulatedBus(Arc<Mutex<BTreeMap<MemberId, Connection>>>);

impl SimulatedBus {
    /// Gives back the device of a member, whose plant is connected unless it already is: a plant stands while the
    /// program that drives it restarts.
    #[must_use]
    pub fn connect(&self, member: MemberId, plant: Plant) -> SimulatedDevice {
        let connection = Connection {
            plant,
            set_points: BTreeMap::new(),
            clock: TimeS::ZERO,
            lived: BTreeMap::new(),
        };
        self.with(|connections| {
            connections.entry(member).or_insert(connection);
        });
        SimulatedDevice { bus: self.clone(), member }
    }

    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<MemberId, Connection>) -> T) -> T {
        // A panic elsewhere leaves whole values here: every change is a single insertion.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// One member's device on a [`SimulatedBus`].
#[derive(Debug)]
pub struct SimulatedDevice {
    bus: SimulatedBus,
    member: MemberId,
}

impl Device for SimulatedDevice {
    fn tick(&mut self, now: TimeS) {
        self.bus.with(|connections| {
            if let Some(connection) = connections.get_mut(&self.member) {
                connection.clock = connection.clock.max(now);
            }
        });
    }

    fn health(&self) -> Health {
        self.bus.with(|connections| {
            let Some(connection) = connections.get(&self.member) else {
                return Health::Lost { since: TimeS::ZERO };
            };
            let outage =
                connection.plant.outages.iter().find(|outage| outage.contains(&connection.clock));
            outage.map_or(Health::Ready, |outage| Health::Lost { since: outage.start })
        })
    }

    fn apply(&mut self, power: Watts, interval: Interval) {
        self.bus.with(|connections| {
            if let Some(connection) = connections.get_mut(&self.member) {
                connection.set_points.insert(interval.start, (power, interval.end()));
            }
        });
    }

    fn measure(&self, interval: Interval) -> Option<Energy> {
        self.bus.with(|connections| {
            let kind = connections.get(&self.member)?.plant.kind;
            if let PlantKind::Storage { store } = kind {
                store::live(connections, interval.end());
                let lived = connections.get(&self.member)?.lived.get(&interval.start)?;
                return (interval.duration_s == store.interval_s).then_some(lived.energy);
            }
            // A tie that is simulated alone has nobody to balance: it carries what it is told to.
            let is_tie = |connection: &Connection| connection.plant.kind == PlantKind::Tie;
            if kind != PlantKind::Tie || connections.values().all(is_tie) {
                return connections.get(&self.member).map(|own| own.energy(interval));
            }
            // The tie carries what the others leave: its meter is right once they all lived to the end.
            if connections.values().any(|connection| connection.clock < interval.end()) {
                return None;
            }
            store::live(connections, interval.end());
            Some(tie_energy(connections, self.member, interval))
        })
    }

    fn stored_uwh(&self, time: TimeS) -> Option<i64> {
        self.bus.with(|connections| {
            let PlantKind::Storage { store } = connections.get(&self.member)?.plant.kind else {
                return None;
            };
            store::live(connections, time);
            let elapsed = time.0.saturating_sub(store.first.0);
            let over = |number: &u64| store.interval(*number).end() <= time;
            let next = elapsed.div_euclid(u64::from(store.period_s.max(1)));
            let last = [Some(next), next.checked_sub(1)].into_iter().flatten().find(over);
            let Some(last) = last else { return Some(store.offer.stored_uwh) };
            let lived = connections.get(&self.member)?.lived.get(&store.interval(last).start)?;
            Some(lived.stored_uwh)
        })
    }
}

fn tie_energy(
    connections: &BTreeMap<MemberId, Connection>,
    tie: MemberId,
    interval: Interval,
) -> Energy {
    let others = || connections.values().filter(|other| other.plant.kind != PlantKind::Tie);
    let within = |time: &TimeS| (interval.start..interval.end()).contains(time);
    let edges = connections.values().flat_map(Connection::all_edges).filter(within).collect();
    sum_steps(edges, interval, |time| {
        if connections.get(&tie).is_none_or(|tie| tie.plant.is_out(time)) {
            return Watts::ZERO;
        }
        Watts(others().fold(0i64, |sum, other| sum.saturating_sub(other.power(time).0)))
    })
}

impl Connection {
    /// The set point in force at a time.
    pub(crate) fn held(&self, time: TimeS) -> Option<Watts> {
        let (_, (power, until)) = self.set_points.range(..=time).next_back()?;
        (time < *until).then_some(*power)
    }

    /// Net injection at a time; of a storage what it did, or as long as that is not known what it was told.
    pub(crate) fn power(&self, time: TimeS) -> Watts {
        let held = self.held(time);
        let PlantKind::Storage { store } = self.plant.kind else {
            return self.plant.power(time, held);
        };
        match self.lived.range(..=time).next_back() {
            Some((start, lived))
                if time.0 < start.0.saturating_add(u64::from(store.interval_s)) =>
            {
                lived.power(time)
            }
            _ => self.plant.power(time, held),
        }
    }

    fn energy(&self, interval: Interval) -> Energy {
        let within = |time: &TimeS| (interval.start..interval.end()).contains(time);
        sum_steps(self.all_edges().filter(within).collect(), interval, |time| self.power(time))
    }

    /// Times at which its power can change.
    pub(crate) fn all_edges(&self) -> impl Iterator<Item = TimeS> {
        let set_points = self.set_points.iter().flat_map(|(start, (_, until))| [*start, *until]);
        let lived = self.lived.values().flat_map(Lived::edges);
        self.plant.edges().chain(set_points).chain(lived)
    }
}

/// Sums a step function over an interval; `edges` are the times at which it may step.
fn sum_steps(
    mut edges: BTreeSet<TimeS>,
    interval: Interval,
    power: impl Fn(TimeS) -> Watts,
) -> Energy {
    edges.insert(interval.start);
    let starts: Vec<TimeS> = edges.into_iter().collect();
    let ends = starts.iter().skip(1).copied().chain([interval.end()]);
    let mut energy = Energy::default();
    for (start, end) in starts.iter().zip(ends) {
        let seconds = u32::try_from(end.0.saturating_sub(start.0)).unwrap_or(u32::MAX);
        let joules = power(*start).over(seconds).unwrap_or(Joules::ZERO);
        if joules < Joules::ZERO {
            energy.absorbed.0 = energy.absorbed.0.saturating_sub(joules.0);
        } else {
            energy.injected.0 = energy.injected.0.saturating_add(joules.0);
        }
    }
    energy
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Interval = Interval { start: TimeS(3_600), duration_s: 3_600 };

    fn plant(kind: PlantKind, power_w: i64) -> Plant {
        Plant::new(kind, BTreeMap::from([(TimeS(0), Watts(power_w))]))
    }

    #[test]
    fn a_source_without_a_set_point_retreats_and_a_load_goes_on() {
        let bus = SimulatedBus::default();
        let source = bus.connect(MemberId(0), plant(PlantKind::Source, 100));
        let load = bus.connect(MemberId(1), plant(PlantKind::Load, 40));
        assert_eq!(source.measure(HOUR), Some(Energy::default()));
        assert_eq!(load.measure(HOUR).unwrap().absorbed, Joules(40 * 3_600));
    }

    #[test]
    fn an_outage_cuts_the_energy_and_the_tie_carries_the_rest() {
        let bus = SimulatedBus::default();
        let outages = vec![TimeS(3_600 + 900)..TimeS(99_999)];
        let mut source =
            bus.connect(MemberId(0), Plant { outages, ..plant(PlantKind::Source, 100) });
        let mut load = bus.connect(MemberId(1), plant(PlantKind::Load, 40));
        let mut tie = bus.connect(MemberId(2), plant(PlantKind::Tie, 0));
        source.apply(Watts(60), HOUR);
        load.apply(Watts(-40), HOUR);
        source.tick(TimeS(7_200));
        load.tick(TimeS(7_100));
        tie.tick(TimeS(7_200));
        assert_eq!(tie.measure(HOUR), None, "the load has not lived to the end");
        load.tick(TimeS(7_200));
        assert_eq!(source.health(), Health::Lost { since: TimeS(4_500) });
        assert_eq!(source.measure(HOUR).unwrap().injected, Joules(60 * 900));
        let tied = tie.measure(HOUR).unwrap();
        assert_eq!((tied.absorbed, tied.injected), (Joules(20 * 900), Joules(40 * 2_700)));
    }

    #[test]
    fn a_tie_alone_carries_its_set_point() {
        let bus = SimulatedBus::default();
        let mut tie = bus.connect(MemberId(2), plant(PlantKind::Tie, 0));
        tie.apply(Watts(-70), HOUR);
        assert_eq!(tie.measure(HOUR).unwrap().absorbed, Joules(70 * 3_600));
    }

    #[test]
    fn a_set_point_ends_by_itself_and_never_exceeds_capacity() {
        let bus = SimulatedBus::default();
        let mut source = bus.connect(MemberId(0), plant(PlantKind::Source, 100));
        source.apply(Watts(250), HOUR);
        let two_hours = Interval { duration_s: 7_200, ..HOUR };
        assert_eq!(source.measure(two_hours).unwrap().injected, Joules(100 * 3_600));
    }
}
