//! Storages, islands and import limits on a simulated bus.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use gridaccord_field::{
    Device, Energy, Health, Plant, PlantKind, SimulatedBus, SimulatedDevice, Store,
};
use gridaccord_model::{Interval, Joules, MemberId, TimeS, Watts, horizon::StorageOffer};
use std::{collections::BTreeMap, ops::Range};

const HOUR_S: u64 = 3_600;

/// 100 W each way, 200 Wh, half full; nine tenths in, nine tenths out, a thousandth lost an hour.
const OFFER: StorageOffer = StorageOffer {
    charge_max: Watts(100),
    discharge_max: Watts(100),
    charge_efficiency_ppb: 900_000_000,
    discharge_efficiency_ppb: 900_000_000,
    loss_ppb: 1_000_000,
    capacity_uwh: 200_000_000,
    stored_uwh: 100_000_000,
    final_min_uwh: 0,
    wear: 0,
};

fn hour(number: u64) -> Interval {
    Interval { start: TimeS(number * HOUR_S), duration_s: 3_600 }
}

fn hours(range: Range<u64>) -> Range<TimeS> {
    TimeS(range.start * HOUR_S)..TimeS(range.end * HOUR_S)
}

fn plant(kind: PlantKind, power_w: i64) -> Plant {
    Plant::new(kind, BTreeMap::from([(TimeS(0), Watts(power_w))]))
}

fn storage() -> Plant {
    let store = Store { offer: OFFER, first: TimeS(0), interval_s: 3_600, period_s: 3_600 };
    Plant::new(PlantKind::Storage { store }, BTreeMap::new())
}

/// Source of 300 W, load of 80 W, tie, storage.
struct Campus {
    source: SimulatedDevice,
    load: SimulatedDevice,
    tie: SimulatedDevice,
    storage: SimulatedDevice,
}

impl Campus {
    fn new(tie: Plant) -> Self {
        let bus = SimulatedBus::default();
        Self {
            source: bus.connect(MemberId(0), plant(PlantKind::Source, 300)),
            load: bus.connect(MemberId(1), plant(PlantKind::Load, 80)),
            tie: bus.connect(MemberId(2), tie),
            storage: bus.connect(MemberId(3), storage()),
        }
    }

    fn tick(&mut self, time: TimeS) {
        for device in [&mut self.source, &mut self.load, &mut self.tie, &mut self.storage] {
            device.tick(time);
        }
    }
}

fn energies(energy: Energy) -> (i64, i64) {
    (energy.injected.0, energy.absorbed.0)
}

#[test]
fn a_storage_follows_its_set_points_by_the_offers_own_formula() {
    let mut campus = Campus::new(plant(PlantKind::Tie, 0));
    campus.storage.apply(Watts(-60), hour(0));
    campus.storage.apply(Watts(50), hour(1));
    campus.tick(TimeS(2 * HOUR_S));
    assert_eq!(energies(campus.storage.measure(hour(0)).unwrap()), (0, 60 * 3_600));
    assert_eq!(energies(campus.storage.measure(hour(1)).unwrap()), (50 * 3_600, 0));
    let first = OFFER.after(OFFER.stored_uwh, Watts(60), Watts(0), 3_600);
    let second = OFFER.after(first, Watts(0), Watts(50), 3_600);
    assert_eq!(first, 99_900_000 + 54_000_000);
    assert_eq!(campus.storage.stored_uwh(TimeS(0)), Some(OFFER.stored_uwh));
    assert_eq!(campus.storage.stored_uwh(TimeS(2 * HOUR_S - 1)), Some(first));
    assert_eq!(campus.storage.stored_uwh(TimeS(2 * HOUR_S)), Some(second));
    assert_eq!(campus.storage.stored_uwh(TimeS(3 * HOUR_S)), None, "that time is not over");
    assert_eq!(campus.source.stored_uwh(TimeS(0)), None, "a source stores nothing");
    // The tie carries what the others leave, the storage among them.
    assert_eq!(energies(campus.tie.measure(hour(0)).unwrap()), (140 * 3_600, 0));
}

#[test]
fn a_set_point_is_held_as_far_as_the_store_goes() {
    let mut campus = Campus::new(plant(PlantKind::Tie, 0));
    campus.storage.apply(Watts(500), hour(0));
    campus.storage.apply(Watts(-500), hour(1));
    campus.tick(TimeS(2 * HOUR_S));
    let given = campus.storage.measure(hour(0)).unwrap().injected;
    assert_eq!(given, Joules(OFFER.held(OFFER.stored_uwh, Watts(500), 3_600).0 * 3_600));
    assert_eq!(given, Joules(89 * 3_600), "nine tenths of 99.9 Wh, whole watts");
    let empty = campus.storage.stored_uwh(TimeS(HOUR_S)).unwrap();
    assert!((0..1_200_000).contains(&empty), "{empty}");
    assert_eq!(campus.storage.measure(hour(1)).unwrap().absorbed, Joules(100 * 3_600));
}

#[test]
fn in_an_island_the_storage_keeps_the_balance() {
    let tie = Plant { planned: vec![hours(1..3)], ..plant(PlantKind::Tie, 0) };
    let mut campus = Campus::new(tie);
    for number in 0..3 {
        campus.source.apply(Watts(60), hour(number));
        // What it is told does not matter while it forms the grid.
        campus.storage.apply(Watts(-5), hour(number));
    }
    campus.tick(TimeS(3 * HOUR_S));
    assert_eq!(energies(campus.tie.measure(hour(0)).unwrap()), (25 * 3_600, 0));
    assert_eq!(energies(campus.tie.measure(hour(1)).unwrap()), (0, 0));
    assert_eq!(campus.storage.measure(hour(1)).unwrap().injected, Joules(20 * 3_600));
    assert_eq!(campus.tie.health(), Health::Ready, "an announced island is no fault");
}

#[test]
fn what_an_island_cannot_balance_shows_in_nobodys_meter() {
    let mut outage = plant(PlantKind::Tie, 0);
    outage.outages = vec![TimeS(HOUR_S + 1_800)..TimeS(2 * HOUR_S)];
    let mut campus = Campus::new(outage);
    // The source is lost: 80 W are missing, and from half past one nobody else gives them.
    campus.storage.apply(Watts(100), hour(0));
    campus.tick(TimeS(HOUR_S + 1_800));
    assert_eq!(campus.tie.health(), Health::Lost { since: TimeS(HOUR_S + 1_800) });
    campus.tick(TimeS(2 * HOUR_S));
    let (given, tied, used) = (
        campus.storage.measure(hour(1)).unwrap().injected.0,
        campus.tie.measure(hour(1)).unwrap().injected.0,
        campus.load.measure(hour(1)).unwrap().absorbed.0,
    );
    assert_eq!((tied, used), (80 * 1_800, 80 * 3_600));
    assert!((1..80 * 1_800).contains(&given), "a nearly empty store gives what it has: {given}");
    assert!(given + tied < used, "the rest was not supplied");
}

#[test]
fn beyond_an_import_limit_the_storage_gives_what_is_missing() {
    let mut tie = plant(PlantKind::Tie, 0);
    tie.import_limits = vec![(hours(0..1), Watts(30))];
    let mut campus = Campus::new(tie);
    campus.source.apply(Watts(10), hour(0));
    campus.tick(TimeS(2 * HOUR_S));
    assert_eq!(campus.storage.measure(hour(0)).unwrap().injected, Joules(40 * 3_600));
    assert_eq!(campus.tie.measure(hour(0)).unwrap().injected, Joules(30 * 3_600));
    assert_eq!(campus.tie.measure(hour(1)).unwrap().injected, Joules(80 * 3_600));
}

#[test]
fn a_storage_beside_a_tie_waits_until_all_lived() {
    let mut campus = Campus::new(plant(PlantKind::Tie, 0));
    campus.storage.apply(Watts(10), hour(0));
    campus.storage.tick(TimeS(HOUR_S));
    assert_eq!(
        (campus.storage.measure(hour(0)), campus.storage.stored_uwh(TimeS(HOUR_S))),
        (None, None)
    );
    campus.tick(TimeS(HOUR_S));
    assert_eq!(campus.storage.measure(hour(0)).unwrap().injected, Joules(10 * 3_600));
    let mut alone = SimulatedBus::default().connect(MemberId(3), storage());
    alone.apply(Watts(10), hour(0));
    alone.tick(TimeS(HOUR_S));
    assert_eq!(alone.measure(hour(0)).unwrap().injected, Joules(10 * 3_600));
}

#[test]
fn a_load_takes_more_where_it_can_shift() {
    let mut plant = plant(PlantKind::Load, 80);
    plant.shiftable = BTreeMap::from([(TimeS(HOUR_S), Watts(20)), (TimeS(2 * HOUR_S), Watts(0))]);
    let mut load = SimulatedBus::default().connect(MemberId(1), plant);
    for number in 0..2 {
        load.apply(Watts(-120), hour(number));
    }
    let taken = [0, 1, 2].map(|number| load.measure(hour(number)).unwrap().absorbed.0 / 3_600);
    assert_eq!(taken, [80, 100, 80]);
}
