//! What a scenario of horizons posts for each gate, and how it is refused.

use super::scenario::HEAD;
use gridaccord_model::{
    CostCurve, HorizonOffer, HorizonPosting, Joules, Price, Scenario, TimeS, Watts,
    scenario::{Event, EventKind, Progress},
};

/// Gates of three intervals in a scenario of four hours.
fn head() -> String {
    HEAD.replace("[market]\n", "[market]\nhorizon_intervals = 3\n")
}

fn parse(rest: &str) -> Scenario {
    match Scenario::parse(&format!("{}{rest}", head())) {
        Ok(scenario) => scenario,
        Err(error) => panic!("{error}"),
    }
}

const CAMPUS: &str = r#"
[[members]]
name = "sun"
role = "supplier"
[members.offer]
power_max_w = [1_000, 2_000, 3_000, 4_000]
price_per_kwh = 0.02

[[members]]
name = "well"
role = "supplier"
[members.offer]
power_min_w = 200
power_max_w = 500
quadratic_per_kw2h = 0.000004
linear_per_kwh = 0.04
ramp_up_w_per_interval = 100
ramp_down_kw_per_interval = 0.15

[[members]]
name = "store"
role = "storage"
[members.storage]
charge_max_w = 100
discharge_max_kw = 0.1
capacity_wh = 300
initial_wh = 150
final_min_wh = 120
charge_efficiency = 0.9
discharge_efficiency = 0.8
loss_share_per_interval = 0.001
wear_per_kwh = 0.003
targets = [{ by = "12:00", stored_wh = 180 }]

[[members]]
name = "grid"
role = "utility"
[members.tie]
import_max_w = 2_000
import_price_per_kwh = [0.12, -0.01, 0.14, 0.15]
demand_charge_per_kw = 5

[[members]]
name = "hall"
role = "campus"
[members.need]
firm_w = [700, 710, 720, 730]
tiers = [{ power_w = [0, 20, 20, 20], value_per_kwh = 0.4 }]
shiftable = [{ energy_kwh = 0.3, power_max_w = 200, from = "11:00", until = "14:00" }]

[[events]]
kind = "outage"
member = "sun"
at = "11:30"
until = "12:40"

[[events]]
kind = "outage"
member = "well"
at = "12:00"
until = "13:00"
announced = true

[[events]]
kind = "demand-response"
member = "grid"
at = "11:15"
until = "12:00"
import_max_kw = 0.7

[[events]]
kind = "island"
member = "grid"
at = "13:00"
until = "14:00"
"#;

fn posting(scenario: &Scenario, name: &str, interval: u32, progress: &Progress) -> HorizonPosting {
    scenario.posting(scenario.member(name).unwrap(), interval, progress).unwrap()
}

fn watts(series: &[Watts]) -> Vec<i64> {
    series.iter().map(|power| power.0).collect()
}

fn generator(scenario: &Scenario, name: &str, interval: u32) -> (Vec<i64>, Vec<i64>) {
    match posting(scenario, name, interval, &Progress::default()).offer {
        Some(HorizonOffer::Generator { generator }) => {
            (watts(&generator.power_min), watts(&generator.power_max))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_generators_series_roll_on_and_repeat_the_last_day() {
    let scenario = parse(CAMPUS);
    // 11:00's gate closes at 10:50 and knows of no outage; that of 12:00, at 11:50, knows its end too.
    assert_eq!(generator(&scenario, "sun", 0).1, [1_000, 2_000, 3_000]);
    assert_eq!(generator(&scenario, "sun", 1).1, [2_000, 3_000, 4_000]);
    assert_eq!(generator(&scenario, "sun", 2).1, [0, 4_000, 1_000]);
    assert_eq!(generator(&scenario, "sun", 3).1, [4_000, 1_000, 2_000]);
    let sun = posting(&scenario, "sun", 0, &Progress::default());
    let Some(HorizonOffer::Generator { generator: sun }) = sun.offer else { panic!("a source") };
    assert_eq!(sun.cost, CostCurve::Quadratic { quadratic: 0, linear: 20_000_000 });
    let ahead = scenario.posting_ahead(scenario.member("sun").unwrap(), 2, &Progress::default());
    let Some(HorizonOffer::Generator { generator }) = ahead.unwrap().offer else { panic!("same") };
    assert_eq!(watts(&generator.power_max), [3_000, 4_000, 1_000], "a device tells of its outage");
}

#[test]
fn a_ramp_limited_plant_may_go_below_its_least_power_around_an_outage() {
    let scenario = parse(CAMPUS);
    assert_eq!(generator(&scenario, "well", 0), (vec![0; 3], vec![500, 500, 0]));
    assert_eq!(generator(&scenario, "well", 3), (vec![200; 3], vec![500; 3]));
    let well = posting(&scenario, "well", 0, &Progress::default());
    let Some(HorizonOffer::Generator { generator }) = well.offer else { panic!("a source") };
    let ramp = generator.ramp.unwrap();
    assert_eq!((ramp.up, ramp.down), (Watts(100), Watts(150)));
}

#[test]
fn a_tie_follows_demand_response_and_islands() {
    let scenario = parse(CAMPUS);
    let tie = |interval| match posting(&scenario, "grid", interval, &Progress::default()).offer {
        Some(HorizonOffer::Tie { tie }) => tie,
        other => panic!("{other:?}"),
    };
    // Asked for less at 11:00; the island of 13:00 shows once it has begun, in no gate of this day.
    let first = tie(0);
    assert_eq!(watts(&first.import_max), [2_000, 700, 2_000]);
    assert_eq!(first.tariff[..], [Price(120_000), Price(-10_000), Price(140_000)]);
    assert_eq!(first.feed_in[1], Price(-10_000), "nothing is exported, at no higher price");
    assert_eq!(first.demand_charge, 5_000_000);
    assert_eq!(watts(&tie(3).import_max), [2_000; 3]);
    let announced = CAMPUS.replace("until = \"14:00\"\n", "until = \"14:00\"\nannounced = true\n");
    let announced = parse(&announced);
    let grid = announced.member("grid").unwrap();
    assert_eq!(announced.offer(grid, 3).unwrap().power_max, Watts(0));
    assert_eq!(announced.plant(grid, 3).unwrap().power_max, Watts(0));
    assert_eq!(announced.plant(grid, 1).unwrap().power_max, Watts(700));
    assert_eq!(
        announced.events[2],
        Event {
            kind: EventKind::DemandResponse { import_max: Watts(700) },
            announced: true,
            member: grid,
            from: TimeS(1_772_450_100),
            until: Some(TimeS(1_772_452_800)),
        }
    );
}

#[test]
fn a_storage_promises_what_it_can_keep() {
    let scenario = parse(CAMPUS);
    let store = |interval, stored_uwh| {
        let progress = Progress { stored_uwh, ..Progress::default() };
        match posting(&scenario, "store", interval, &progress).offer {
            Some(HorizonOffer::Storage { storage }) => storage,
            other => panic!("{other:?}"),
        }
    };
    // Its horizon ends at 13:00, an hour before the last interval does: a full hour of charging makes up 90 Wh.
    let first = store(0, None);
    assert_eq!((first.stored_uwh, first.wear), (150_000_000, 3_000_000));
    let missing = 120_000_000 - 90_000_000;
    assert!((missing..missing + 40_000).contains(&first.final_min_uwh), "{first:?}");
    // 180 Wh by noon, an hour of charging after its own: 90 Wh must be left, from 149.85.
    assert_eq!(first.discharge_max, Watts(47));
    assert_eq!(store(0, Some(0)).discharge_max, Watts(0), "nothing to spare");
    // After the last day, the next: 24 h after its end it holds 120 Wh again, which needs nothing now.
    assert_eq!((store(2, None).final_min_uwh, store(2, None).discharge_max), (0, Watts(100)));
    // At the end of the last interval it does.
    assert_eq!(store(1, None).final_min_uwh, 120_000_000);
    let reached = store(1, Some(0)).final_min_uwh;
    assert!(reached <= 120_000_000 && reached > 0, "no more than it can reach: {reached}");
    let storage = scenario.storage(scenario.member("store").unwrap()).unwrap();
    assert_eq!(storage.charge_efficiency_ppb, 900_000_000);
    assert_eq!(scenario.storage(scenario.member("sun").unwrap()), None);
}

#[test]
fn shiftable_energy_is_spread_over_what_is_left_of_its_window() {
    let scenario = parse(CAMPUS);
    let hall = scenario.member("hall").unwrap();
    let need = |interval, shifted: &[i64]| {
        let shifted = shifted.iter().map(|had| Joules(*had)).collect();
        let progress = Progress { shifted, ..Progress::default() };
        posting(&scenario, "hall", interval, &progress).need.unwrap()
    };
    let first = need(0, &[]);
    assert_eq!(watts(&first.firm), [700, 710, 720]);
    assert_eq!(watts(&first.sheddable[0].power), [0, 20, 20]);
    let whole = 300 * 3_600;
    // Two of the window's three hours are within the first horizon.
    let load = first.shiftable[0];
    assert_eq!((load.from, load.until, load.energy), (1, 3, Joules(whole * 2 / 3)));
    let load = need(1, &[]).shiftable[0];
    assert_eq!((load.from, load.until, load.energy), (0, 3, Joules(whole)));
    assert_eq!(need(2, &[whole - 5]).shiftable[0].energy, Joules(5));
    assert!(need(2, &[whole]).shiftable.is_empty());
    assert_eq!(need(3, &[]).shiftable[0].energy, Joules(200 * 3_600), "no more than fits");
    assert_eq!(scenario.shiftable_max(hall, 0), Watts(0));
    assert_eq!(scenario.shiftable_max(hall, 3), Watts(200));
    assert_eq!(scenario.shiftable(hall)[0].until, 4);
    // What exceeds 730 W and then 740 W is shifted; what falls short was shed.
    let consumed = |interval| [None, Some(Watts(830)), Some(Watts(700))][interval as usize];
    assert_eq!(scenario.shifted(hall, 3, consumed), [Joules(100 * 3_600)]);
}

#[test]
fn what_only_horizons_know_is_refused_elsewhere() {
    let rows = [
        (
            "[members.storage]\ncharge_max_w = 1\ndischarge_max_w = 1\ncapacity_wh = 1\n",
            "line 15, column 8: `a` has a storage, which only a market of horizons knows",
        ),
        (
            "[members.offer]\npower_max_w = 1\nprice_per_kwh = 0.1\nramp_up_w_per_interval = 1\nramp_down_w_per_interval = 1\n",
            "line 15, column 8: `a` has a ramp limit, which only a market of horizons knows",
        ),
        (
            "[members.tie]\nimport_max_w = 5\nimport_price_per_kwh = 0.1\ndemand_charge_per_kw = 1\n",
            "line 15, column 8: `a` has a demand charge, which only a market of horizons knows",
        ),
        (
            "[members.need]\nshiftable = [{ energy_wh = 1, power_max_w = 1, from = \"10:00\", until = \"12:00\" }]\n",
            "line 15, column 8: `a` has a shiftable load, which only a market of horizons knows",
        ),
    ];
    for (rest, expected) in rows {
        let text = format!("{HEAD}[[members]]\nname = \"a\"\nrole = \"supplier\"\n{rest}");
        let refusal = Scenario::parse(&text).unwrap_err().to_string();
        assert_eq!(refusal.lines().next().unwrap(), expected, "{refusal}");
        assert!(refusal.ends_with("= give `horizon_intervals` in [market]"), "{refusal}");
    }
}

/// Refusals of a member in a market of horizons; lines count from 16.
#[test]
fn every_rule_of_a_horizon_names_its_place() {
    let storage = |rest: &str| {
        format!("[members.storage]\ncharge_max_w = 9\ndischarge_max_w = 9\ncapacity_wh = 9\n{rest}")
    };
    let offer = |rest: &str| format!("[members.offer]\npower_max_w = 9\n{rest}");
    let event = |rest: &str| {
        let tie = "[members.tie]\nimport_max_w = 5\nimport_price_per_kwh = 0.1\n";
        format!("{tie}[[events]]\nmember = \"a\"\nat = \"11:00\"\n{rest}")
    };
    let rows = [
        (storage("initial_wh = 10\n"), "line 22, column 14: `initial_wh` is outside 0 to 9"),
        (
            storage("charge_efficiency = 1.1\n"),
            "line 22, column 21: `charge_efficiency` is outside 0.000000001 to 1",
        ),
        (
            storage("discharge_efficiency = 0.2\n"),
            "line 22, column 24: `discharge_efficiency` is outside 0.25 to 1",
        ),
        (
            storage("targets = [{ by = \"noon\", stored_wh = 1 }]\n"),
            "line 22, column 19: `noon` is not a time",
        ),
        (
            storage("targets = [{ by = \"12:00\" }]\n"),
            "line 22, column 19: `stored_wh` or `stored_kwh` is missing",
        ),
        (
            storage("[members.offer]\npower_max_w = 1\nprice_per_kwh = 0.1\n"),
            "line 18, column 1: a member has a `storage` or another resource, not both",
        ),
        (
            "[members.storage]\ncharge_max_w = 9\n".to_owned(),
            "line 18, column 1: `discharge_max_w` or `discharge_max_kw` is missing",
        ),
        (
            offer("price_per_kwh = 0.1\nramp_up_w_per_interval = 1\n"),
            "line 18, column 1: `ramp_down_w_per_interval` or `ramp_down_kw_per_interval` is missing",
        ),
        (
            offer("blocks = [{ power_w = 9, price_per_kwh = 0.1 }]\nramp_up_w_per_interval = 1\nramp_down_w_per_interval = 1\n"),
            "line 18, column 1: a ramp limit has no form with `blocks`",
        ),
        (
            offer("price_per_kwh = [0.1, 0.1, 0.1, 0.2]\n"),
            "line 16, column 8: `a` has a cost or a value of lost load that changes with time",
        ),
        (
            offer("price_per_kwh = 0.6\n"),
            "line 16, column 8: `a`, gate of interval 0: trades at 600000 µ/kWh to 600000 µ/kWh, outside ±500000 µ/kWh, the price cap",
        ),
        (
            "[members.offer]\npower_min_w = [0, 0, 9, 0]\npower_max_w = [4, 4, 9, 9]\nprice_per_kwh = 0.1\nramp_up_w_per_interval = 4\nramp_down_w_per_interval = 9\n".to_owned(),
            "line 16, column 8: `a`, gate of interval 0: no power of interval 1 can be followed within the ramp limits",
        ),
        (
            "[members.need]\nshiftable = [{ energy_wh = 1, power_max_w = 1, from = \"12:00\", until = \"12:00\" }]\n".to_owned(),
            "line 19, column 72: a window ends after it begins",
        ),
        (
            event("kind = \"island\"\n"),
            "line 23, column 6: an island or a demand-response event needs its end, `until`",
        ),
        (
            event("until = \"12:00\"\nkind = \"demand-response\"\n"),
            "line 22, column 10: `import_max_w` or `import_max_kw` is missing",
        ),
        (
            event("until = \"12:00\"\nkind = \"demand-response\"\nimport_max_w = 1\nannounced = false\n"),
            "line 23, column 6: a demand-response event is announced: somebody asks for it",
        ),
        (
            event("until = \"12:00\"\nkind = \"island\"\nimport_max_w = 1\n"),
            "line 22, column 10: `import_max` belongs to a demand-response event",
        ),
        (
            offer("price_per_kwh = 0.1\n[[events]]\nmember = \"a\"\nat = \"11:00\"\nkind = \"island\"\nuntil = \"12:00\"\n"),
            "line 22, column 10: `a` has no tie; islands and demand response are events of one",
        ),
        (
            offer("price_per_kwh = 0.1\n[carbon]\nversion = \"1\"\n[carbon.factors.wind]\noperating_g_per_kwh = 0\nembodied_g_per_kwh = 11\nsource = \"x\"\n"),
            "line 16, column 8: `a` offers, and the carbon policy has no factor for ``",
        ),
    ];
    for (rest, expected) in rows {
        let text = format!("{}[[members]]\nname = \"a\"\nrole = \"supplier\"\n{rest}", head());
        let refusal = Scenario::parse(&text).unwrap_err().to_string();
        assert_eq!(refusal.lines().next().unwrap(), expected, "{refusal}");
    }
}
