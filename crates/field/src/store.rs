//! What a simulated storage does, interval by interval, and which part of it keeps the balance.
//!
//! While the tie is in, a storage follows its set point; beyond the tie's import limit it gives what is missing. In an
//! island it forms the grid: it gives or takes whatever the others leave, as far as power and energy allow, and what
//! it cannot shows in nobody's meter. Of several the lower id goes first. On a bus without any tie (a part of a campus, simulated
//! alone) it follows its set point. What it stores follows the offer's own formula to the µWh.

use crate::{Energy, PlantKind, bus::Connection, plant::Store};
use gridaccord_model::{Interval, Joules, MemberId, TimeS, Watts};
use std::collections::{BTreeMap, BTreeSet};

/// One interval of a storage's life.
#[derive(Clone, Debug)]
pub(crate) struct Lived {
    pub(crate) energy: Energy,
    /// Stored after it, µWh.
    pub(crate) stored_uwh: i64,
    /// Power from each time on.
    powers: BTreeMap<TimeS, Watts>,
}

impl Lived {
    pub(crate) fn power(&self, time: TimeS) -> Watts {
        self.powers.range(..=time).next_back().map_or(Watts::ZERO, |(_, power)| *power)
    }

    pub(crate) fn edges(&self) -> impl Iterator<Item = TimeS> {
        self.powers.keys().copied()
    }
}

type Connections = BTreeMap<MemberId, Connection>;

/// Lives all storages through the intervals that end by `until`, if everybody they depend on has.
pub(crate) fn live(connections: &mut Connections, until: TimeS) {
    let storages: Vec<(MemberId, Store)> = connections
        .iter()
        .filter_map(|(member, connection)| match connection.plant.kind {
            PlantKind::Storage { store } => Some((*member, store)),
            _ => None,
        })
        .collect();
    for (member, store) in storages {
        loop {
            let own = &connections[&member];
            let number = u64::try_from(own.lived.len()).unwrap_or(u64::MAX);
            let interval = store.interval(number);
            if interval.end() > until || is_late(connections, own, interval.end()) {
                break;
            }
            let stored_uwh = own
                .lived
                .last_key_value()
                .map_or(store.offer.stored_uwh, |(_, lived)| lived.stored_uwh);
            let lived = step(connections, member, &store, stored_uwh, interval);
            if let Some(own) = connections.get_mut(&member) {
                own.lived.insert(interval.start, lived);
            }
        }
    }
}

/// Whether somebody on whom a storage depends has not been told a time yet.
fn is_late(connections: &Connections, own: &Connection, end: TimeS) -> bool {
    let balances = connections.values().any(|other| other.plant.kind == PlantKind::Tie);
    own.clock < end || (balances && connections.values().any(|other| other.clock < end))
}

fn step(
    connections: &Connections,
    member: MemberId,
    store: &Store,
    stored_uwh: i64,
    interval: Interval,
) -> Lived {
    let within = |time: &TimeS| (interval.start..interval.end()).contains(time);
    let mut edges: BTreeSet<TimeS> =
        connections.values().flat_map(Connection::all_edges).filter(within).collect();
    edges.insert(interval.start);
    let starts: Vec<TimeS> = edges.into_iter().collect();
    let ends = starts.iter().skip(1).copied().chain([interval.end()]);
    let mut lived = Lived { energy: Energy::default(), stored_uwh, powers: BTreeMap::new() };
    for (start, end) in starts.iter().zip(ends) {
        let seconds = i64::try_from(end.0.saturating_sub(start.0)).unwrap_or(i64::MAX);
        let wanted = wanted(connections, member, store, *start);
        let power = possible(store, stored_uwh, lived.energy, wanted, seconds);
        lived.powers.insert(*start, power);
        add(&mut lived.energy, power, seconds);
    }
    lived.stored_uwh = after(store, stored_uwh, lived.energy);
    lived
}

/// What it would do at a time if it held enough.
fn wanted(connections: &Connections, member: MemberId, store: &Store, time: TimeS) -> Watts {
    let own = &connections[&member];
    if own.plant.is_out(time) {
        return Watts::ZERO;
    }
    let within = |power: Watts| {
        power.clamp(Watts(store.offer.charge_max.0.saturating_neg()), store.offer.discharge_max)
    };
    let asked = within(own.held(time).unwrap_or(Watts::ZERO));
    let ties = || connections.values().filter(|other| other.plant.kind == PlantKind::Tie);
    let others = connections
        .iter()
        .filter(|(id, other)| **id != member && other.plant.kind != PlantKind::Tie);
    let missing = others.fold(0i64, |sum, (_, other)| sum.saturating_sub(other.power(time).0));
    if ties().next().is_some() && ties().all(|tie| tie.plant.is_out(time)) {
        return within(Watts(missing));
    }
    match ties().find_map(|tie| tie.plant.import_limit(time)) {
        Some(limit) => within(Watts(missing.saturating_sub(limit.0)).max(asked)),
        None => asked,
    }
}

/// As much of a power as the energy allows, after what the interval has already seen.
fn possible(store: &Store, stored_uwh: i64, energy: Energy, wanted: Watts, seconds: i64) -> Watts {
    let fits = |size: i64| {
        let mut energy = energy;
        add(&mut energy, Watts(if wanted.0 < 0 { size.saturating_neg() } else { size }), seconds);
        (0..=store.offer.capacity_uwh).contains(&after(store, stored_uwh, energy))
    };
    let size = wanted.0.saturating_abs();
    let (mut most, mut beyond) = (0, size.saturating_add(1));
    while beyond - most > 1 {
        let middle = i64::midpoint(most, beyond);
        if fits(middle) {
            most = middle;
        } else {
            beyond = middle;
        }
    }
    Watts(if wanted.0 < 0 { most.saturating_neg() } else { most })
}

/// The offer's formula, with energies in place of a power held over the whole interval.
fn after(store: &Store, stored_uwh: i64, energy: Energy) -> i64 {
    let (charged, given) = (Watts(energy.absorbed.0), Watts(energy.injected.0));
    store.offer.after(stored_uwh, charged, given, 1)
}

fn add(energy: &mut Energy, power: Watts, seconds: i64) {
    let joules = Joules(power.0.saturating_mul(seconds));
    if joules < Joules::ZERO {
        energy.absorbed.0 = energy.absorbed.0.saturating_sub(joules.0);
    } else {
        energy.injected.0 = energy.injected.0.saturating_add(joules.0);
    }
}
