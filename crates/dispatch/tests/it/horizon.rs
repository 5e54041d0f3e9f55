//! The parts of a horizon: one row per rule, and the store's arithmetic.

use gridaccord_dispatch::horizon::{
    CarbonLimits, Contingency, Generator, Horizon, HorizonError, HorizonParts, Ramp, ShedTier,
    ShiftableLoad, Storage, Tie,
};
use gridaccord_model::{CarbonMg, Price, Watts};

fn parts() -> HorizonParts {
    let two = |power: i64| vec![Watts(power); 2];
    HorizonParts {
        duration_s: 300,
        demand: two(1_000),
        reserve: two(0),
        tie: Tie {
            import_max: two(2_000),
            export_max: two(500),
            tariff: vec![Price(100_000); 2],
            feed_in: vec![Price(40_000); 2],
            carbon_mg_per_kwh: vec![400_000; 2],
            embodied_mg_per_kwh: vec![0; 2],
            demand_charge: 0,
            peak_before: Watts(0),
        },
        tiers: vec![ShedTier { power: two(100), value: Price(900_000) }],
        generators: vec![Generator {
            power_min: two(0),
            power_max: two(700),
            quadratic: 10,
            linear: 50_000_000,
            ramp: Some(Ramp { up: Watts(100), down: Watts(100), initial: Watts(0) }),
            carbon_mg_per_kwh: 0,
            embodied_mg_per_kwh: 0,
        }],
        storages: vec![STORE],
        shiftable: vec![ShiftableLoad { power_max: two(50), power_sum: Watts(80) }],
        carbon: CarbonLimits::default(),
        contingency: Some(Contingency { hold_s: 900, is_tie_lost: true, shed: two(0) }),
    }
}

const STORE: Storage = Storage {
    charge_max: Watts(100),
    discharge_max: Watts(100),
    charge_ppb: 900_000_000,
    discharge_ppb: 1_250_000_000,
    loss_ppb: 1_000_000,
    capacity_uwh: 1_000_000_000,
    initial_uwh: 500_000_000,
    final_min_uwh: 0,
    wear: 0,
    embodied_mg_per_kwh: 0,
};

#[test]
fn every_rule_has_its_refusal() {
    Horizon::new(parts()).unwrap();
    let out = |part, field| HorizonError::OutOfRange { part, field };
    type Change = fn(&mut HorizonParts);
    let rows: [(Change, HorizonError); 24] = [
        (|parts| parts.demand.clear(), HorizonError::IntervalCount(0)),
        (|parts| parts.duration_s = 0, HorizonError::DurationOutOfRange(0)),
        (|parts| parts.storages = vec![STORE; 4_096], HorizonError::TooManyResources(4_099)),
        (|parts| parts.reserve.clear(), HorizonError::SeriesLength { part: "the reserve" }),
        (|parts| parts.tie.tariff.clear(), HorizonError::SeriesLength { part: "the tie" }),
        (
            |parts| parts.generators[0].power_max.clear(),
            HorizonError::SeriesLength { part: "a generator" },
        ),
        (|parts| parts.demand[1] = Watts(-1), out("the demand", "power")),
        (|parts| parts.tie.tariff[0] = Price(1 << 40), out("the tie", "tariff")),
        (|parts| parts.tie.demand_charge = -1, out("the tie", "demand charge")),
        (|parts| parts.generators[0].power_min[0] = Watts(701), out("a generator", "least power")),
        (|parts| parts.generators[0].quadratic = 1 << 30, out("a generator", "marginal cost")),
        (|parts| parts.generators[0].carbon_mg_per_kwh = -1, out("a generator", "carbon")),
        (
            |parts| parts.storages[0].discharge_ppb = 999_999_999,
            out("a storage", "discharging factor"),
        ),
        (|parts| parts.storages[0].initial_uwh = 1_000_000_001, out("a storage", "initial energy")),
        (|parts| parts.tiers[0].value = Price(-1), out("a tier", "value")),
        (|parts| parts.tie.feed_in[1] = Price(100_001), HorizonError::WashTrade(1)),
        (|parts| parts.demand[1] = Watts(99), HorizonError::TiersExceedDemand(1)),
        (
            |parts| parts.carbon.whole.interval = vec![CarbonMg(1)],
            HorizonError::SeriesLength { part: "a carbon cap" },
        ),
        (|parts| parts.carbon.operating.horizon = Some(CarbonMg(-1)), out("a carbon cap", "mass")),
        (
            |parts| parts.carbon.operating.excess_interval = CarbonMg(i64::MAX),
            out("a carbon cap", "excess"),
        ),
        (|parts| parts.tie.embodied_mg_per_kwh[0] = 1 << 21, out("the tie", "carbon")),
        (
            |parts| parts.contingency.as_mut().unwrap().hold_s = 0,
            out("a contingency", "time to hold"),
        ),
        (
            |parts| parts.contingency.as_mut().unwrap().shed.clear(),
            HorizonError::SeriesLength { part: "a contingency" },
        ),
        (|parts| parts.shiftable[0].power_sum = Watts(101), HorizonError::WindowTooShort(0)),
    ];
    for (change, expected) in rows {
        let mut changed = parts();
        change(&mut changed);
        assert_eq!(Horizon::new(changed).unwrap_err(), expected);
    }
}

#[test]
fn stored_energy_is_floored_to_the_quantum() {
    // 500 Wh less 0.1 %, plus 90 % of 100 W over 300 s, 7.5 Wh.
    let charged = STORE.after(500_000_000, Watts(100), Watts(0), 300);
    assert_eq!(charged, 499_500_000 + 7_500_000);
    // 7 W discharged take 8.75 W: 0.7291666… Wh; the µWh is rounded down.
    let discharged = STORE.after(500_000_000, Watts(0), Watts(7), 300);
    assert_eq!(discharged, 499_500_000 - 729_167);
}

#[test]
fn reserve_leaves_room_under_what_providers_have() {
    let mut with_reserve = parts();
    with_reserve.reserve[1] = Watts(250);
    let problem = Horizon::new(with_reserve).unwrap();
    assert_eq!([0, 1].map(|t| problem.reserve_ceiling(t)), [Watts(800), Watts(550)]);
}
