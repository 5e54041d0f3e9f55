//! The carbon policy of a chain, in gates of both kinds: forbidden classes, caps, momentary excess.

use super::{commands::row, common::*, horizon::*};
use gridaccord_dispatch::horizon::HorizonAnswer;
use gridaccord_ledger::{
    Genesis, Refusal,
    gate::{Failure, Verdict},
    genesis::{CarbonPolicy, GenesisError},
};
use gridaccord_model::{
    Price, Watts,
    carbon::{EmissionFactor, WiderBoundary},
    codec::{Bounded, Label},
    horizon::HorizonTier,
};

/// g per kWh: operating, embodied, travel.
const FACTORS: [(&str, [u32; 3]); 3] =
    [("solar", [0, 40, 2]), ("gas", [490, 10, 0]), ("grid", [300, 20, 0])];

fn label<const MAX: usize>(text: &str) -> Label<MAX> {
    Label::new(text).unwrap()
}

/// Solar, gas and utility have factors, the battery's class is forbidden, the campus has none.
pub(crate) fn with_policy(mut genesis: Genesis, change: impl FnOnce(&mut CarbonPolicy)) -> Genesis {
    let factors = FACTORS.map(|(class, [operating, embodied, travel])| EmissionFactor {
        class: label(class),
        operating_mg_per_kwh: operating * 1_000,
        embodied_mg_per_kwh: embodied * 1_000,
        travel_mg_per_kwh: travel * 1_000,
        source: label("worked example"),
    });
    let mut policy = CarbonPolicy {
        version: label("1"),
        factors: Bounded::new(factors.to_vec()).unwrap(),
        forbidden: Bounded::new(vec![label("lead-acid")]).unwrap(),
        ..CarbonPolicy::default()
    };
    change(&mut policy);
    genesis.carbon = policy;
    let mut members = genesis.members.into_inner();
    for (id, class) in [(SOLAR, "solar"), (GAS, "gas"), (UTILITY, "grid"), (BATTERY, "lead-acid")] {
        members[usize::from(id)].class = label(class);
    }
    genesis.members = Bounded::new(members).unwrap();
    genesis
}

fn grams(cap: u32) -> Option<u32> {
    Some(cap * 1_000)
}

#[test]
fn forbidden_and_unknown_classes_may_not_offer() {
    let mut world = World::new(with_policy(genesis(), |_| ()));
    world.at(START - 290).block(vec![]);
    let step = || blocks(0, &[(1, 1)]);
    row(&mut world, offer(0, BATTERY, step()), Refusal::ClassForbidden, "O11");
    row(&mut world, offer(0, CAMPUS, step()), Refusal::ClassUnknown, "O12");
    world.take(vec![offer(0, GAS, step()), need_of(0, CAMPUS, need(1, &[]))]);

    let mut world = World::new(with_policy(market(2), |_| ()));
    world.at(START - 290).block(vec![]);
    let sun = || of_generator(generator(flat(1, 2), 1));
    row(&mut world, post(0, BATTERY, sun()), Refusal::ClassForbidden, "O11");
    row(&mut world, post(0, CAMPUS, sun()), Refusal::ClassUnknown, "O12");
    world.take(vec![post(0, GAS, sun()), post(0, CAMPUS, of_need(firm(flat(1, 2))))]);
}

#[test]
fn an_open_gate_fails_beyond_its_caps_and_their_momentary_excess() {
    // 150 kW are served, 50 of them by gas at 490 g: 163.3 g per kWh, and with embodied 193.3.
    let rows: [(Option<u32>, Option<u32>, u32, bool); 7] = [
        (None, None, 0, true),
        (grams(164), None, 0, true),
        (grams(163), None, 0, false),
        (grams(163), None, 3_000, true),
        (None, grams(194), 0, true),
        (None, grams(193), 0, false),
        (grams(164), grams(193), 1_000, false),
    ];
    for (operating, wider, momentary_ppm, allowed) in rows {
        let genesis = with_policy(genesis(), |policy| {
            policy.operating_max_mg_per_kwh = operating;
            policy.wider_max_mg_per_kwh = wider;
            policy.momentary_ppm = momentary_ppm;
        });
        let mut world = drawn(genesis);
        let answer = world.optimum(0).to_bytes().to_vec();
        let outcome = {
            let answers: Vec<_> =
                world.builders(0).into_iter().map(|id| (id, answer.clone())).collect();
            world.build(0, &answers)
        };
        if allowed {
            assert_eq!(world.phase(0), "decided", "{operating:?} {wider:?}");
        } else {
            assert_eq!(failure(&outcome), Some(Failure::Carbon), "{operating:?} {wider:?}");
            // Offers and needs make the mix: no builder is punished.
            for id in world.builders(0) {
                assert_eq!(world.account(id).stake, 10_000);
            }
        }
    }
}

#[test]
fn the_third_definition_counts_travel() {
    let genesis = |wider| {
        with_policy(genesis(), |policy| {
            policy.wider = wider;
            policy.wider_max_mg_per_kwh = grams(194);
        })
    };
    for (wider, phase) in [(WiderBoundary::Embodied, "decided"), (WiderBoundary::Travel, "failed")]
    {
        let mut world = drawn(genesis(wider));
        let answer = world.optimum(0).to_bytes().to_vec();
        build_all(&mut world, 0, &answer);
        assert_eq!(world.phase(0), phase);
    }
}

/// Gas at 80 is cheaper than the tie at 120, and dirtier. Three intervals of 100 kW, a tier of 20 kW worth 100.
fn mixed(operating: u32, momentary_ppm: u32) -> World {
    let genesis = with_policy(market(3), |policy| {
        policy.operating_max_mg_per_kwh = grams(operating);
        policy.momentary_ppm = momentary_ppm;
    });
    let mut world = World::new(genesis);
    let mut need = firm(flat(100 * KW, 3));
    let tier = HorizonTier { power: flat(20 * KW, 3), value: Price(100_000) };
    need.sheddable = Bounded::new(vec![tier]).unwrap();
    let mut commands = vec![
        post(0, GAS, of_generator(generator(flat(200 * KW, 3), 80_000))),
        post(0, CAMPUS, of_need(need)),
        post(0, UTILITY, of_tie(tie(200 * KW, 0, 120_000, 3))),
    ];
    commands.extend(wagers(0));
    world.at(START - 290).take(commands);
    draw(&mut world, 0);
    world
}

fn emitted_and_served(world: &World) -> (i64, i64) {
    let set_point = |id| world.part(0, id).unwrap().set_point.unwrap().0;
    (set_point(GAS) * 490 + set_point(UTILITY) * 300, -set_point(CAMPUS))
}

#[test]
fn a_horizon_keeps_its_caps_by_dearer_power_and_by_shedding() {
    // Without a cap that binds: gas alone.
    let mut world = mixed(490, 0);
    let free = solved(&book(&world, 0));
    build_all(&mut world, 0, &free.to_bytes().unwrap());
    assert_eq!(emitted_and_served(&world), (120 * KW * 490, 120 * KW));

    let mut world = mixed(400, 0);
    let book = book(&world, 0);
    let answer = solved(&book);
    build_all(&mut world, 0, &answer.to_bytes().unwrap());
    assert_eq!(world.phase(0), "decided");
    let (emitted, served) = emitted_and_served(&world);
    // What is shed takes its right to emit with it.
    assert!(served >= 100 * KW && emitted <= 400 * served, "{emitted} for {served}");
    assert!(emitted > 399 * served, "the cap binds");
    for (interval, power) in answer.solution.import.iter().enumerate() {
        assert!(*power > Watts(0), "interval {interval}");
    }
}

#[test]
fn a_dispatch_beyond_a_cap_is_refused() {
    for (momentary_ppm, rule) in [(0, 109), (1_000_000, 109), (300_000, 109)] {
        let world = mixed(400, momentary_ppm);
        let dirty: HorizonAnswer = solved(&book(&mixed(490, 0), 0));
        let mut dirty = dirty;
        // The shape of a problem with caps.
        for multipliers in &mut dirty.certificate.carbon[..1] {
            multipliers.interval = vec![0; 3];
        }
        let mut world = world;
        let id = world.builders(0)[0];
        world.build(0, &[(id, dirty.to_bytes().unwrap())]);
        assert_eq!(world.seats(0)[0].verdict, Verdict::Refused { rule }, "{momentary_ppm}");
    }
}

/// Over the horizon the mean must be kept; one interval may exceed it a little and be made up for by others.
#[test]
fn momentary_excess_is_made_up_for_later() {
    // 117.2 % of the cap in the first interval, less in the others.
    let of = |world: &World, first: i64, later: i64| {
        let book = book(world, 0);
        let mut answer = solved(&book);
        for (interval, gas) in [first, later, later].into_iter().enumerate() {
            for (part, powers) in book.generators().iter().zip(&mut answer.solution.generators) {
                let resource =
                    matches!(part, gridaccord_dispatch::horizon::GeneratorPart::Resource { .. });
                powers[interval] = Watts(if resource { gas } else { 0 });
            }
            answer.solution.import[interval] = Watts(120 * KW - gas);
        }
        gridaccord_dispatch::horizon::check_feasible(book.problem(), &answer.solution)
            .map_err(|refusal| refusal.rule())
    };
    // The cap of 120 kW at 400 g is gas of 63.1 kW beside the tie.
    let strict = mixed(400, 0);
    assert_eq!(of(&strict, 63_157, 63_157), Ok(()));
    assert_eq!(of(&strict, 64 * KW, 62 * KW), Err(13));
    let momentary = mixed(400, 100_000);
    assert_eq!(of(&momentary, 64 * KW, 62 * KW), Ok(()));
    // A tenth of what firm consumption allows: 4,000 kg per h, or 21.0 kW of gas in place of the tie.
    assert_eq!(of(&momentary, 84_210, 52 * KW), Ok(()));
    assert_eq!(of(&momentary, 84_212, 52 * KW), Err(13));
    assert_eq!(of(&momentary, 70 * KW, 62 * KW), Err(9));
}

#[test]
fn a_market_of_horizons_needs_what_its_problem_takes() {
    let refused = |change: &dyn Fn(&mut Genesis)| {
        let mut genesis = with_policy(market(2), |_| ());
        assert_eq!(genesis.check(), Ok(()));
        change(&mut genesis);
        match genesis.check() {
            Err(GenesisError::HorizonUnfit(need)) => need,
            other => panic!("{other:?}"),
        }
    };
    let rows = [
        refused(&|genesis| {
            (genesis.market.interval_s, genesis.market.period_s) = (16_385, 16_385);
            genesis.market.price_cap = Price(1_000);
        }),
        refused(&|genesis| {
            (genesis.market.open_lead_s, genesis.market.close_lead_s) = (400, 301);
        }),
        refused(&|genesis| genesis.trust.seats = 17),
        refused(&|genesis| {
            let mut members = genesis.members.clone().into_inner();
            members[usize::from(GAS)].role = gridaccord_ledger::Role::Utility;
            genesis.members = Bounded::new(members).unwrap();
        }),
        refused(&|genesis| genesis.carbon.operating_max_mg_per_kwh = Some(2_097_153)),
    ];
    for (need, word) in
        rows.iter().zip(["interval_s", "close_lead_s", "seats", "utility", "carbon"])
    {
        assert!(need.contains(word), "{need}");
    }
}
