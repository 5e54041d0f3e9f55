//! What a hostile builder tries in a gate of kind *horizon*: a worse price, a favourite in a tie, a false answer.

use super::{common::*, horizon::*};
use gridaccord_dispatch::horizon::{HorizonAnswer, HorizonBook, check, pin};
use gridaccord_ledger::{
    gate::{Decision, Verdict},
    records::key,
};
use gridaccord_model::{
    CostCurve, GateId, HorizonOffer, HorizonPosting, MemberId, Price, Watts, horizon::RampLimit,
};

const GAP_PPB: u32 = 1_000_000;

/// Solar 100 kW at 50, gas at 80 that may rise by 30 kW from nothing, the tie at 120; 129.9 kW are needed.
fn near_a_ramp() -> World {
    let mut world = World::new(market(2));
    let mut slow = generator(flat(90 * KW, 2), 80_000);
    slow.ramp = Some(RampLimit { up: Watts(30 * KW), down: Watts(30 * KW) });
    let mut commands = vec![
        post(0, SOLAR, of_generator(generator(flat(100 * KW, 2), 50_000))),
        post(0, GAS, of_generator(slow)),
        post(0, CAMPUS, of_need(firm(flat(129_900, 2)))),
        post(0, UTILITY, of_tie(tie(200 * KW, 0, 120_000, 2))),
    ];
    commands.extend(wagers(0));
    world.at(START - 290).take(commands);
    draw(&mut world, 0);
    world
}

/// The same dispatch; the ramp is said to be worth `more` µ/kWh in the first interval.
fn dearer(book: &HorizonBook, honest: &HorizonAnswer, more: i64) -> HorizonAnswer {
    let mut answer = honest.clone();
    let ramped = answer.certificate.ramp.iter_mut().find(|ramp| !ramp.is_empty()).unwrap();
    ramped[0] += 2_000 * more;
    pin(book.problem(), &mut answer.certificate);
    answer
}

#[test]
fn no_builder_wins_by_a_worse_price() {
    let mut world = near_a_ramp();
    let book = book(&world, 0);
    let honest = solved(&book);
    let price = |answer: &HorizonAnswer| book.settle(answer.certificate.price[0]);
    // The ramp's multiplier is no exact zero.
    let honest_price = price(&honest);
    assert!((80_000..80_010).contains(&honest_price.0), "{honest_price}");
    let hostile = dearer(&book, &honest, 30_000);
    // The check lets it pass: what it lacks to a proof of the optimum is within the tolerance of the whole horizon.
    assert!(check(book.problem(), &hostile, GAP_PPB).is_ok());
    assert_eq!(price(&hostile), Price(honest_price.0 + 30_000));

    let builders = world.builders(0);
    let answers: Vec<_> = builders
        .iter()
        .enumerate()
        .map(|(seat, id)| (*id, if seat == 0 { &hostile } else { &honest }.to_bytes().unwrap()))
        .collect();
    world.build(0, &answers);
    let decision: Decision = world.state.find(&key::decision(GateId(0))).unwrap();
    // One plan, so that the first seat wins; the price is of whoever proved most.
    assert_eq!(decision.winner, MemberId(builders[0]));
    assert_eq!(decision.price, honest_price);
    let bounds: Vec<_> = world
        .seats(0)
        .iter()
        .map(|seat| match seat.verdict {
            Verdict::Valid { score } => score.bound,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(bounds[0] < bounds[1] && decision.bound == bounds[1]);
}

#[test]
fn false_answers_are_refused_by_the_rule_they_break() {
    let world = near_a_ramp();
    let book = book(&world, 0);
    let honest = solved(&book);
    let changed = |change: &dyn Fn(&mut HorizonAnswer)| {
        let mut answer = honest.clone();
        change(&mut answer);
        answer.to_bytes().unwrap()
    };
    let rows: Vec<(u16, Vec<u8>)> = vec![
        (0, vec![]),
        (0, vec![1, 2, 3]),
        (0, [honest.to_bytes().unwrap(), vec![0]].concat()),
        (101, changed(&|answer| answer.solution.import.clear())),
        (102, changed(&|answer| answer.certificate.price[1] = i64::MAX)),
        (103, changed(&|answer| answer.solution.import[0].0 = -1)),
        (
            104,
            changed(&|answer| {
                for powers in &mut answer.solution.generators {
                    let gas = powers[0].0 < 50 * KW;
                    powers[0].0 += if gas { KW } else { -KW };
                }
            }),
        ),
        (107, changed(&|answer| answer.solution.import[0].0 += 1)),
        // A price moved by itself is not the pinned one.
        (110, changed(&|answer| answer.certificate.price[0] += 2_000)),
        (111, dearer(&book, &honest, 300_000).to_bytes().unwrap()),
        // Without a dispatch it is a proof that there is none.
        (112, changed(&|answer| answer.solution = Default::default())),
    ];
    for (rule, bytes) in rows {
        let mut world = world.clone();
        let bad = world.builders(0)[0];
        world.build(0, &[(bad, bytes)]);
        assert_eq!(world.seats(0)[0].verdict, Verdict::Refused { rule }, "{rule}");
        if world.phase(0) != "failed" {
            world.until(0, "failed");
        }
        assert_eq!((world.account(bad).stake, world.index(bad)), (9_009, 50_000));
    }
}

#[test]
fn no_builder_tilts_a_tie_to_its_favourite() {
    let mut world = World::new(market(3));
    let same = || of_generator(generator(flat(100 * KW, 3), 50_000));
    let mut commands = vec![
        post(0, SOLAR, same()),
        post(0, GAS, same()),
        post(0, CAMPUS, of_need(firm(flat(100 * KW, 3)))),
    ];
    commands.extend(wagers(0));
    world.at(START - 290).take(commands);
    draw(&mut world, 0);
    let book = book(&world, 0);
    let honest = solved(&book);
    let mut hostile = honest.clone();
    hostile.solution.generators = vec![vec![Watts(0); 3], vec![Watts(100 * KW); 3]];
    assert!(book.concentration_mw(&hostile.solution) > book.concentration_mw(&honest.solution));
    let builders = world.builders(0);
    let answers: Vec<_> = builders
        .iter()
        .enumerate()
        .map(|(seat, id)| (*id, if seat == 0 { &hostile } else { &honest }.to_bytes().unwrap()))
        .collect();
    world.build(0, &answers);
    let decision: Decision = world.state.find(&key::decision(GateId(0))).unwrap();
    assert_eq!(decision.winner, MemberId(builders[1]));
    let solar = world.part(0, SOLAR).unwrap().set_point.unwrap().0;
    assert!((solar - 50 * KW).abs() < KW, "{solar}");
}

/// Below zero, above the cap: whatever multipliers say, money stays within what offers and the cap allow.
#[test]
fn the_price_stays_between_the_cheapest_offer_and_the_cap() {
    let mut world = World::new(market(1));
    let cost = CostCurve::Quadratic { quadratic: 0, linear: 10_000_000 };
    let mut must_run = generator(flat(50 * KW, 1), 0);
    (must_run.power_min, must_run.cost) = (flat(50 * KW, 1), cost);
    let offer =
        HorizonPosting { offer: Some(HorizonOffer::Generator { generator: must_run }), need: None };
    let mut commands =
        vec![post(0, SOLAR, offer), post(0, CAMPUS, of_need(firm(flat(50 * KW, 1))))];
    commands.extend(wagers(0));
    world.at(START - 290).take(commands);
    draw(&mut world, 0);
    // Every price clears; the lowest whole multiplier is far below any money.
    let book = book(&world, 0);
    let answer = solved(&book);
    assert!(answer.certificate.price[0] < -2_000_000_000);
    build_all(&mut world, 0, &answer.to_bytes().unwrap());
    let decision: Decision = world.state.find(&key::decision(GateId(0))).unwrap();
    assert_eq!(decision.price, Price(0));
    assert_eq!(book.settle(i64::MAX), Price(1_000_000));
}
