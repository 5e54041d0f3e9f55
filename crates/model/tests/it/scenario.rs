//! What a scenario says about each member and interval.

use gridaccord_model::{
    Block, CostCurve, Money, OwnerId, Price, Scenario, TimeS, Watts,
    carbon::{CarbonPolicy, WiderBoundary},
    scenario::{Capability, Role},
    terms::GateKind,
};

pub(crate) const HEAD: &str = r#"name = "small"
description = "Made for tests."

[horizon]
start = "2026-03-02T10:00:00Z"
interval_s = 3_600
intervals = 4

[market]
open_lead_s = 1_200
close_lead_s = 600
meter_lag_s = 60
price_cap_per_kwh = 0.5
"#;

fn parse(rest: &str) -> Scenario {
    match Scenario::parse(&format!("{HEAD}{rest}")) {
        Ok(scenario) => scenario,
        Err(error) => panic!("{error}"),
    }
}

fn blocks(cost: &CostCurve) -> Vec<(i64, i64)> {
    match cost {
        CostCurve::Blocks { blocks } => {
            blocks.iter().map(|Block { power, price }| (power.0, price.0)).collect()
        }
        CostCurve::Quadratic { .. } => panic!("blocks expected"),
    }
}

const CAMPUS: &str = r#"
[demo]
intervals = 2
focus = "12:00"
interval_wall_ms = 1_500

[profiles.sun]
step_s = 7_200
shares = [0, 0, 0, 0, 0, 0.5, 1, 0.5, 0, 0, 0, 0]

[[members]]
name = "sun"
role = "supplier"
class = "solar"
validator = true
stake_tokens = 1_000
deposit_currency = 12.5
[members.offer]
power_max_kw = { profile = "sun", peak = 2 }
price_per_kwh = [0.01, 0.02, 0.03, 0.0421]

[[members]]
name = "stack"
role = "supplier"
owner = "sun"
[members.offer]
power_max_w = [500, 900, 300, 0]
blocks = [{ power_w = 400, price_per_kwh = 0.05 }, { power_kw = 0.6, price_per_kwh = 0.07 }]

[[members]]
name = "bent"
role = "supplier"
[members.offer]
power_min_w = -100
power_max_w = 2_000
quadratic_per_kw2h = 0.000004
linear_per_kwh = 0.04

[[members]]
name = "grid"
role = "utility"
[members.tie]
import_max_w = 2_000
import_price_per_kwh = 0.12
export_max_w = 500
export_price_per_kwh = 0.01

[[members]]
name = "hall"
role = "campus"
[members.need]
firm_w = [700, 710, 720, 730]
tiers = [{ power_w = [0, 20, 20, 20], value_per_kwh = 0.9 }, { power_kw = 0.05, value_per_kwh = 2 }]

[[groups]]
name = "tenant"
count = 11
role = "tenant"
firm_each_w = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]

[[events]]
kind = "outage"
member = "sun"
at = "11:30"
until = "2026-03-02T12:40:00Z"
"#;

#[test]
fn members_in_file_order_groups_last() {
    let scenario = parse(CAMPUS);
    let names: Vec<&str> = scenario.members.iter().map(|member| member.name.as_str()).collect();
    assert_eq!(names[..6], ["sun", "stack", "bent", "grid", "hall", "tenant-01"]);
    assert_eq!((names[15], names.len()), ("tenant-11", 16));
    let sun = &scenario.members[0];
    assert_eq!(
        (sun.role, sun.class.as_deref(), sun.validator),
        (Role::Supplier, Some("solar"), true)
    );
    assert_eq!((sun.stake_tokens, sun.deposit), (1_000, Money(12_500_000)));
    assert_eq!([0, 1, 2, 5].map(|id: usize| scenario.members[id].owner), [0, 0, 1, 4].map(OwnerId));
    assert!(scenario.roundings.is_empty());
}

#[test]
fn offers_follow_their_series() {
    let scenario = parse(CAMPUS);
    let offer = |name, interval| scenario.offer(scenario.member(name).unwrap(), interval).unwrap();
    // The sun's shape stands at half a peak at 10:00, at the peak at 12:00, in the middle of both at 11:00.
    assert_eq!(
        (offer("sun", 0).power_max, blocks(&offer("sun", 0).cost)),
        (Watts(1_000), vec![(1_000, 10_000)])
    );
    assert_eq!(blocks(&offer("sun", 1).cost), [(1_500, 20_000)]);
    assert_eq!(blocks(&offer("sun", 3).cost), [(1_500, 42_100)]);
    assert_eq!(blocks(&offer("stack", 0).cost), [(400, 50_000), (100, 70_000)]);
    assert_eq!(blocks(&offer("stack", 1).cost), [(400, 50_000), (500, 70_000)]);
    assert_eq!(blocks(&offer("stack", 2).cost), [(300, 50_000)]);
    assert_eq!(blocks(&offer("stack", 3).cost), []);
    let bent = offer("bent", 2);
    assert_eq!((bent.power_min, bent.power_max), (Watts(-100), Watts(2_000)));
    assert_eq!(bent.cost, CostCurve::Quadratic { quadratic: 4, linear: 40_000_000 });
    let grid = offer("grid", 0);
    assert_eq!((grid.power_min, grid.power_max), (Watts(-500), Watts(2_000)));
    assert_eq!(blocks(&grid.cost), [(500, 10_000), (2_000, 120_000)]);
    assert_eq!(scenario.offer(scenario.member("hall").unwrap(), 0), None);
}

#[test]
fn an_outage_is_known_once_a_gate_closes_after_it() {
    let scenario = parse(CAMPUS);
    let sun = scenario.member("sun").unwrap();
    let offered = [0, 1, 2, 3].map(|interval| scenario.offer(sun, interval).unwrap().power_max.0);
    let deliverable =
        [0, 1, 2, 3].map(|interval| scenario.plant(sun, interval).unwrap().power_max.0);
    // Out from 11:30 to 12:40: the gate of 11:00 closed at 10:50, that of 12:00 at 11:50.
    assert_eq!(offered, [1_000, 1_500, 0, 1_500]);
    assert_eq!(deliverable, [1_000, 0, 0, 1_500]);
    let capability = Capability { power_min: Watts(-5), power_max: Watts(5) };
    assert_eq!([-9, 3, 9].map(|power| capability.deliver(Watts(power)).0), [-5, 3, 5]);
}

#[test]
fn needs_and_parts_of_an_interval() {
    let scenario = parse(CAMPUS);
    let parts = scenario.problem(0);
    assert_eq!(parts.interval.start, TimeS(1_772_445_600));
    assert_eq!((parts.interval.duration_s, parts.price_cap), (3_600, Price(500_000)));
    assert_eq!(parts.offers.iter().map(|(member, _)| member.0).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(parts.ties.iter().map(|(member, _)| member.0).collect::<Vec<_>>(), [3]);
    assert_eq!(parts.needs.len(), 12);
    let tiers = |interval| {
        let (_, need) = scenario.problem(interval).needs.remove(0);
        (
            need.firm.0,
            need.sheddable.iter().map(|tier| (tier.power.0, tier.value.0)).collect::<Vec<_>>(),
        )
    };
    assert_eq!(tiers(0), (700, vec![(50, 2_000_000)]));
    assert_eq!(tiers(3), (730, vec![(20, 900_000), (50, 2_000_000)]));
}

#[test]
fn a_demonstration_runs_the_intervals_around_its_focus() {
    let scenario = parse(CAMPUS);
    assert_eq!((scenario.demo.intervals, scenario.demo.interval_wall_ms), (2, 1_500));
    assert_eq!(scenario.window(2), 1..3);
    assert_eq!(scenario.window(3), 1..4);
    assert_eq!(scenario.window(99), 0..4);
    let plain = parse("[[members]]\nname = \"a\"\nrole = \"auditor\"\n");
    assert_eq!(plain.window(2), 0..2);
    assert_eq!(plain.demo.intervals, 4);
}

#[test]
fn rounding_is_reported() {
    let scenario = parse(
        "[[members]]\nname = \"a\"\nrole = \"supplier\"\n[members.offer]\npower_max_w = 12_345_678.9\nprice_per_kwh = 0\n",
    );
    assert_eq!(
        scenario.roundings.into_iter().collect::<Vec<_>>(),
        [("power_max_w".to_owned(), 8_100)]
    );
}

#[test]
fn a_horizon_and_a_carbon_policy_are_read_in_their_units() {
    let text = HEAD.replace("[market]\n", "[market]\nhorizon_intervals = 96\n");
    let rest = r#"[carbon]
version = "2026-1"
forbidden = ["coal"]
boundary = "travel"
operating_max_g_per_kwh = 120
wider_max_g_per_kwh = 150.5
momentary_ppm = 50_000

[carbon.factors.solar]
operating_g_per_kwh = 0
embodied_g_per_kwh = 48
travel_g_per_kwh = 0.5
source = "IPCC AR5 WGIII Annex III, median"

[[members]]
name = "sun"
role = "supplier"
class = "solar"
"#;
    let scenario = Scenario::parse(&format!("{text}{rest}")).unwrap();
    assert_eq!(scenario.market.kind, GateKind::Horizon { intervals: 96 });
    let policy = &scenario.carbon;
    assert_eq!(policy.operating_max_mg_per_kwh, Some(120_000));
    assert_eq!(policy.wider_max_mg_per_kwh, Some(150_500));
    assert_eq!(policy.momentary_ppm, 50_000);
    assert!(policy.forbids("coal") && !policy.forbids("solar"));
    let solar = policy.factor("solar").unwrap();
    assert_eq!(solar.operating_mg_per_kwh, 0);
    assert_eq!(solar.beyond_operating_mg_per_kwh(policy.wider), 48_500);
    assert_eq!(solar.beyond_operating_mg_per_kwh(WiderBoundary::Embodied), 48_000);
    assert_eq!(policy.factor("wind"), None);
    assert_eq!(
        parse("[[members]]\nname = \"a\"\nrole = \"auditor\"\n").carbon,
        CarbonPolicy::default()
    );
}
