//! Clearing: hand-checked answers, ties, edges, reasons, infeasibility.

use super::common::{
    GAMMA, blocks, need, optimal, plant, problem, quadratic, set_points, setting, shed, tie,
};
use gridaccord_dispatch::{
    Imbalance, Outcome, Problem, Reason, Setting, ShadowPrice, check, merit, reason::reasons,
};
use gridaccord_model::{MemberId, Picos, Price, Watts};

#[test]
fn cheapest_run_first_and_the_last_one_sets_the_price() {
    let problem = problem(
        vec![
            plant(1, blocks(0, &[(300, 20_000)])),
            plant(2, blocks(0, &[(310, 10_000)])),
            plant(3, blocks(0, &[(500, 60_000)])),
            plant(4, blocks(0, &[(151, 40_000)])),
        ],
        910,
    );
    let answer = optimal(&problem);
    assert_eq!(set_points(&answer), [300, 310, 149, 151]);
    assert_eq!(answer.certificate.price, ShadowPrice::of_price(Price(60_000)));
    let verified = check(&problem, &answer, GAMMA).unwrap();
    // 300 W·20 + 310·10 + 149·60 + 151·40 = 24.08 W·currency/kWh; over 300 s: 24,080,000 p/h · 1,000 · 300.
    assert_eq!(verified.cost, Picos(24_080_000 * 1_000 * 300));
    assert_eq!(
        (verified.bound, verified.gap, verified.price),
        (verified.cost, Picos(0), Price(60_000))
    );
    let expected = [Reason::UpperLimit, Reason::UpperLimit, Reason::Marginal, Reason::UpperLimit];
    assert_eq!(reasons(&problem, &answer), expected);
}

#[test]
fn equal_incremental_cost_for_quadratic_offers() {
    // The textbook rule: a₁g₁ + b₁ = a₂g₂ + b₂. 2g₁ + 100 = 4g₂ + 40 with g₁ + g₂ = 90: g₁ = 50, g₂ = 40, λ = 200.
    let problem =
        problem(vec![plant(1, quadratic(0, 200, 2, 100)), plant(2, quadratic(0, 200, 4, 40))], 90);
    let answer = optimal(&problem);
    assert_eq!(set_points(&answer), [50, 40]);
    // Over whole watts the last watt of 1 costs 2·49.5 + 100 = 199 and of 2 costs 4·39.5 + 40 = 198.
    assert_eq!(answer.certificate.price, ShadowPrice(2 * 199));
    assert_eq!(check(&problem, &answer, 0).unwrap().gap, Picos(0));
}

#[test]
fn wood_and_wollenberg_example_3a() {
    // Power Generation, Operation and Control, example 3A: 850 MW over three units with
    // F = 561 + 7.92P + 0.001562P², 310 + 7.85P + 0.00194P², 78 + 7.97P + 0.00482P² per h, P in MW.
    // Published: 393.2, 334.6, 122.2 MW at 9.148 per MWh. One currency is 10⁻⁶ of the book's here, so that
    // 2c·10⁶ pico-currency per W²h and b·10¹² per Wh are whole.
    let unit = |min_mw: i64, max_mw: i64, c_micro: i64, b_milli: i64| {
        quadratic(min_mw * 1_000_000, max_mw * 1_000_000, 2 * c_micro, b_milli * 1_000_000_000)
    };
    let uncapped = Setting { price_cap: Price(1 << 40), ..setting() };
    let units = vec![
        plant(1, unit(150, 600, 1_562, 7_920)),
        plant(2, unit(100, 400, 1_940, 7_850)),
        plant(3, unit(50, 200, 4_820, 7_970)),
    ];
    let problem =
        Problem::new(uncapped, units, vec![(MemberId(9), need(850_000_000, &[]))]).unwrap();
    let answer = optimal(&problem);
    let mw: Vec<i64> = set_points(&answer).iter().map(|watts| (watts + 50_000) / 100_000).collect();
    assert_eq!(mw, [3_932, 3_346, 1_222]);
    let milli_per_mwh = answer.certificate.price.0 / 2 / 1_000_000_000;
    assert_eq!(milli_per_mwh, 9_148);
    check(&problem, &answer, 0).unwrap();
}

#[test]
fn demand_at_a_blocks_edge_takes_the_lower_price() {
    let problem =
        problem(vec![plant(1, blocks(0, &[(100, 10)])), plant(2, blocks(0, &[(100, 20)]))], 100);
    let answer = optimal(&problem);
    assert_eq!(answer.certificate.price, ShadowPrice::of_price(Price(10)));
    assert_eq!(reasons(&problem, &answer), [Reason::Marginal, Reason::OutOfMerit]);
    assert_eq!(set_points(&answer), [100, 0]);
}

#[test]
fn ties_are_shared_pro_rata_and_the_remainder_goes_by_member() {
    let offers = vec![
        plant(7, blocks(0, &[(100, 10)])),
        plant(3, blocks(0, &[(200, 10)])),
        plant(5, blocks(0, &[(50, 5), (100, 10)])),
    ];
    // 50 W run below the price; 301 of 400 W at it: 150, 75, 75 and one watt left, which member 3 takes.
    let problem = problem(offers, 351);
    let answer = optimal(&problem);
    assert_eq!(set_points(&answer), [151, 125, 75]);
    assert_eq!(reasons(&problem, &answer), [Reason::Marginal; 3]);
    check(&problem, &answer, 0).unwrap();
}

#[test]
fn a_tiers_remainder_comes_after_its_members_resource() {
    let needs = vec![(MemberId(2), need(1, &[(2, 10)])), (MemberId(1), need(0, &[(2, 10)]))];
    let problem = Problem::new(setting(), vec![plant(2, blocks(0, &[(2, 10)]))], needs).unwrap();
    // 5 W from 6 W tied: floor shares 1 each, remainder to member 1's tier and member 2's resource.
    let answer = optimal(&problem);
    assert_eq!((set_points(&answer), shed(&answer)), (vec![2], vec![2, 1]));
}

#[test]
fn the_tie_exports_a_surplus_and_imports_a_shortfall() {
    let tie_offer = blocks(-100, &[(100, 4), (100, 30)]);
    let solar = |power| plant(1, blocks(0, &[(power, 1)]));
    let export = problem(vec![solar(150), tie(2, tie_offer.clone())], 90);
    let answer = optimal(&export);
    assert_eq!(set_points(&answer), [150, -60]);
    assert_eq!(answer.certificate.price, ShadowPrice::of_price(Price(4)));
    assert_eq!(check(&export, &answer, 0).unwrap().cost, Picos((150 - 240) * 1_000 * 300));
    let import = problem(vec![solar(50), tie(2, tie_offer.clone())], 90);
    assert_eq!(set_points(&optimal(&import)), [50, 40]);
    let balanced = problem(vec![solar(90), tie(2, tie_offer)], 90);
    let answer = optimal(&balanced);
    assert_eq!(set_points(&answer), [90, 0]);
    // 90 W of demand and 100 W of export block call for 190 W; export stops where the block ends.
    assert_eq!(reasons(&balanced, &answer)[0], Reason::UpperLimit);
}

#[test]
fn an_island_has_no_tie() {
    let resources = vec![plant(1, blocks(0, &[(50, 10)])), tie(2, blocks(0, &[(100, 1)]))];
    let parts = (resources, vec![(MemberId(9), need(50, &[]))]);
    let island = Setting { island: true, ..setting() };
    let problem = Problem::new(island, parts.0, parts.1).unwrap();
    let answer = optimal(&problem);
    assert_eq!(set_points(&answer), [50, 0]);
    assert_eq!(reasons(&problem, &answer), [Reason::Marginal, Reason::Island]);
}

#[test]
fn loads_are_shed_by_value_and_the_price_is_the_value() {
    let needs = vec![(MemberId(9), need(40, &[(30, 500), (30, 90)]))];
    let problem = Problem::new(setting(), vec![plant(1, blocks(0, &[(60, 10)]))], needs).unwrap();
    let answer = optimal(&problem);
    assert_eq!((set_points(&answer), shed(&answer)), (vec![60], vec![10, 30]));
    assert_eq!(check(&problem, &answer, 0).unwrap().price, Price(500));
}

#[test]
fn shedding_worth_more_than_the_cap_settles_at_the_cap() {
    let capped = Setting { price_cap: Price(100), ..setting() };
    let needs = vec![(MemberId(9), need(40, &[(30, 500)]))];
    let resources = vec![plant(1, blocks(0, &[(60, 10)])), plant(2, blocks(0, &[(60, 101)]))];
    let problem = Problem::new(capped, resources, needs).unwrap();
    let answer = optimal(&problem);
    // What costs more than the cap is not available, so the load is shed.
    assert_eq!((set_points(&answer), shed(&answer)), (vec![60, 0], vec![10]));
    assert_eq!(answer.certificate.price, ShadowPrice::of_price(Price(500)));
    assert_eq!(check(&problem, &answer, 0).unwrap().price, Price(100));
    assert_eq!(reasons(&problem, &answer), [Reason::UpperLimit, Reason::Unavailable]);
}

#[test]
fn a_quadratic_offer_is_withheld_exactly_above_the_cap() {
    // The watt to g = 10 costs 2·9.5 + 81 = 100 µ-thousandths … the next one is above the cap.
    let capped = Setting { price_cap: Price(100), ..setting() };
    let offer = quadratic(0, 1_000, 2_000, 81_000);
    let problem =
        Problem::new(capped, vec![plant(1, offer)], vec![(MemberId(9), need(10, &[]))]).unwrap();
    assert_eq!(problem.range(0), Some((Watts(0), Watts(10))));
    assert_eq!(check(&problem, &optimal(&problem), 0).unwrap().price, Price(100));
}

#[test]
fn settlement_rounds_up_to_whole_micro_currency() {
    let cap = Price(1_000);
    assert_eq!(ShadowPrice(2_000).settle(cap), Price(1));
    assert_eq!(ShadowPrice(2_001).settle(cap), Price(2));
    assert_eq!(ShadowPrice(-1).settle(cap), Price(0));
    assert_eq!(ShadowPrice(-2_001).settle(cap), Price(-1));
    assert_eq!(ShadowPrice::MAX.settle(cap), cap);
    assert_eq!(ShadowPrice(i64::MIN).settle(cap), Price(i64::MIN.div_euclid(2_000) + 1));
}

#[test]
fn nothing_to_serve_clears_at_the_floor() {
    let idle = problem(vec![plant(1, blocks(0, &[(60, 10)]))], 0);
    let answer = optimal(&idle);
    assert_eq!((set_points(&answer), answer.certificate.price), (vec![0], ShadowPrice(0)));
    let paid = problem(vec![plant(1, blocks(0, &[(60, -7)]))], 0);
    assert_eq!(optimal(&paid).certificate.price, ShadowPrice::of_price(Price(-7)));
    check(&paid, &optimal(&paid), 0).unwrap();
    let empty = Problem::new(setting(), vec![], vec![]).unwrap();
    check(&empty, &optimal(&empty), 0).unwrap();
}

#[test]
fn imbalance_is_named_in_watts() {
    let short = problem(vec![plant(1, blocks(0, &[(60, 10)]))], 75);
    assert_eq!(merit::clear(&short), Outcome::Infeasible(Imbalance::Shortfall(Watts(15))));
    let long = problem(vec![plant(1, blocks(60, &[(1, 10)]))], 45);
    assert_eq!(merit::clear(&long), Outcome::Infeasible(Imbalance::Surplus(Watts(15))));
    assert_eq!(
        Imbalance::Shortfall(Watts(15)).to_string(),
        "short of 15 W: everything offered at or below the price cap runs and every sheddable tier is shed"
    );
    assert_eq!(
        Imbalance::Surplus(Watts(15)).to_string(),
        "15 W too many: every resource is at its least power"
    );
}

#[test]
fn a_must_run_resource_stays_though_it_costs_more_than_the_cap() {
    let capped = Setting { price_cap: Price(5), ..setting() };
    let resources = vec![plant(1, blocks(10, &[(60, 10)])), plant(2, blocks(0, &[(60, 4)]))];
    let problem = Problem::new(capped, resources, vec![(MemberId(9), need(30, &[]))]).unwrap();
    let answer = optimal(&problem);
    assert_eq!(set_points(&answer), [10, 20]);
    let verified = check(&problem, &answer, 0).unwrap();
    // Blocks extend to zero: the first 10 W cost what the first block costs.
    assert_eq!(verified.cost, Picos((10 * 10 + 20 * 4) * 1_000 * 300));
}

#[test]
fn plans_net_supply_and_consumption_per_member() {
    let needs = vec![(MemberId(1), need(40, &[(30, 5)])), (MemberId(2), need(10, &[]))];
    let problem = Problem::new(setting(), vec![plant(1, blocks(0, &[(90, 10)]))], needs).unwrap();
    let plan = problem.plan(&optimal(&problem).solution);
    assert_eq!(
        (plan[&MemberId(1)].set_point, plan[&MemberId(1)].consumption),
        (Watts(50), Watts(40))
    );
    assert_eq!(plan[&MemberId(1)].net(), Watts(10));
    assert_eq!(plan[&MemberId(2)].net(), Watts(-10));
}
