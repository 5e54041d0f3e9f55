//! Gates of kind *horizon*: several in a row, each solved anew, their state carried from one to the next.

use super::common::*;
use gridaccord_dispatch::{
    Plan,
    horizon::{
        CarbonCaps, HorizonAnswer, HorizonBook, HorizonCertificate, HorizonSetting,
        HorizonSolution, Participant,
    },
};
use gridaccord_ledger::{
    Command, Event, Genesis,
    command::{PIECE_SIZE_MAX, PIECES_MAX},
    gate::{Decision, Failure, Verdict},
    genesis::GateKind,
    records::{Rolling, Source, key},
    survey::survey,
};
use gridaccord_model::{
    CostCurve, GateId, HorizonNeed, HorizonOffer, HorizonPosting, Joules, MemberId, Price, Series,
    Watts,
    codec::{Blob, Bounded},
    horizon::{
        GeneratorOffer, HorizonTier, RampLimit, Shape, ShiftableNeed, StorageOffer, TieOffer,
    },
};
use gridaccord_solver::{HorizonOutcome, propose_horizon};

pub(crate) const KW: i64 = 1_000;
pub(crate) const INTERVALS: u16 = 6;

/// A genesis whose gates look `intervals` ahead.
pub(crate) fn market(intervals: u16) -> Genesis {
    let mut genesis = genesis();
    genesis.market.kind = GateKind::Horizon { intervals };
    genesis
}

/// A series of `intervals` values from interval `from` of the world on.
pub(crate) fn watts(from: u64, intervals: u16, at: impl Fn(u64) -> i64) -> Series<Watts> {
    let values = (from..from + u64::from(intervals)).map(|interval| Watts(at(interval)));
    Series::new(values.collect()).unwrap()
}

pub(crate) fn flat(power: i64, intervals: u16) -> Series<Watts> {
    Series::flat(Watts(power), intervals)
}

pub(crate) fn generator(power_max: Series<Watts>, price: i64) -> GeneratorOffer {
    let none = Series::flat(Watts(0), u16::try_from(power_max.len()).unwrap());
    let cost = CostCurve::Quadratic { quadratic: 0, linear: price * 1_000 };
    GeneratorOffer { power_min: none, power_max, cost, ramp: None }
}

pub(crate) fn tie(import: i64, export: i64, tariff: i64, intervals: u16) -> TieOffer {
    TieOffer {
        import_max: flat(import, intervals),
        export_max: flat(export, intervals),
        tariff: Series::flat(Price(tariff), intervals),
        feed_in: Series::flat(Price(20_000), intervals),
        demand_charge: 0,
    }
}

pub(crate) fn of_generator(generator: GeneratorOffer) -> HorizonPosting {
    HorizonPosting { offer: Some(HorizonOffer::Generator { generator }), need: None }
}

pub(crate) fn of_storage(storage: StorageOffer) -> HorizonPosting {
    HorizonPosting { offer: Some(HorizonOffer::Storage { storage }), need: None }
}

pub(crate) fn of_tie(tie: TieOffer) -> HorizonPosting {
    HorizonPosting { offer: Some(HorizonOffer::Tie { tie }), need: None }
}

pub(crate) fn firm(power: Series<Watts>) -> HorizonNeed {
    HorizonNeed { firm: power, ..HorizonNeed::default() }
}

pub(crate) fn of_need(need: HorizonNeed) -> HorizonPosting {
    HorizonPosting { offer: None, need: Some(need) }
}

pub(crate) fn post(gate: u64, author: u16, posting: HorizonPosting) -> (u16, Command) {
    (author, Command::Post { gate: GateId(gate), posting })
}

pub(crate) fn piece(gate: u64, author: u16, index: u16, of: u16, bytes: &[u8]) -> (u16, Command) {
    let bytes = Blob::new(bytes.to_vec()).unwrap();
    (author, Command::Piece { gate: GateId(gate), index, of, bytes })
}

pub(crate) fn reveal_pieces(gate: u64, author: u16, builder: u16) -> (u16, Command) {
    let (gate, salt) = (GateId(gate), salt(builder));
    (author, Command::RevealPieces { gate, builder: MemberId(builder), salt })
}

/// A closed gate's book, built from what everybody can read, as a builder does.
pub(crate) fn book(world: &World, gate: u64) -> HorizonBook {
    let (found, _) = lazily(&world.state, |lazy| survey(lazy, MemberId(0)));
    let gates = found.unwrap().gates;
    let surveyed = gates.into_iter().find(|surveyed| surveyed.gate.id.0 == gate).unwrap();
    let horizon = surveyed.horizon.unwrap();
    let genesis = &world.genesis;
    let GateKind::Horizon { intervals } = genesis.market.kind else { panic!("not a horizon") };
    let policy = &genesis.carbon;
    let setting = HorizonSetting {
        duration_s: genesis.market.interval_s,
        intervals,
        price_cap: genesis.market.price_cap,
        peak_before: horizon.outlook.peak_before,
        carbon: CarbonCaps {
            operating: policy.operating_max_mg_per_kwh,
            wider: policy.wider_max_mg_per_kwh,
            momentary_ppm: policy.momentary_ppm,
        },
    };
    let participants = horizon.postings.into_iter().map(|(member, posting)| {
        let class = &genesis.members[usize::from(member.0)].class;
        let output = horizon.before.iter().find(|(of, _)| *of == member);
        Participant {
            member,
            posting,
            emission: Source::of(policy, class).map(Source::emission).unwrap_or_default(),
            before: output.map_or(Watts(0), |(_, output)| output.power),
        }
    });
    // The order of entry does not matter.
    let mut participants: Vec<_> = participants.collect();
    participants.reverse();
    HorizonBook::new(setting, participants).unwrap()
}

/// What an honest builder finds.
pub(crate) fn solved(book: &HorizonBook) -> HorizonAnswer {
    match propose_horizon(book.problem(), 100_000) {
        HorizonOutcome::Optimal { answer, .. } | HorizonOutcome::Feasible { answer, .. } => *answer,
        other => panic!("{other:?}"),
    }
}

/// Commits and reveals `bytes` for all seats of a drawn gate.
pub(crate) fn build_all(world: &mut World, gate: u64, bytes: &[u8]) {
    let answers: Vec<_> =
        world.builders(gate).into_iter().map(|builder| (builder, bytes.to_vec())).collect();
    world.build(gate, &answers);
}

/// Closes a gate that is open and draws its builders.
pub(crate) fn draw(world: &mut World, gate: u64) {
    world.at(START + 300 * gate - 60).block(vec![]);
    assert_eq!(world.phase(gate), "closed");
    world.until(gate, "drawn");
}

pub(crate) fn wagers(gate: u64) -> Vec<(u16, Command)> {
    [GAS, GUEST, AUDITOR].map(|id| wager(gate, id, 100)).to_vec()
}

/// kW that the sun gives in each interval of the world: three bright ones, then night.
fn sun(interval: u64) -> i64 {
    if interval < 3 { 200 * KW } else { 0 }
}

/// kW of the campus: 100, with a peak of 190 in the fifth interval.
fn campus(interval: u64) -> i64 {
    if interval == 4 { 190 * KW } else { 100 * KW }
}

const RAMP: i64 = 30 * KW;

fn gas(gate: u64) -> HorizonPosting {
    let mut offer = generator(watts(gate, INTERVALS, |_| 80 * KW), 0);
    offer.cost = CostCurve::Quadratic { quadratic: 500, linear: 80_000_000 };
    offer.ramp = Some(RampLimit { up: Watts(RAMP), down: Watts(RAMP) });
    of_generator(offer)
}

fn battery(stored_uwh: i64) -> StorageOffer {
    StorageOffer {
        charge_max: Watts(80 * KW),
        discharge_max: Watts(80 * KW),
        charge_efficiency_ppb: 950_000_000,
        discharge_efficiency_ppb: 950_000_000,
        loss_ppb: 10_000,
        capacity_uwh: 20_000 * 1_000_000,
        stored_uwh,
        final_min_uwh: 0,
        wear: 1_000,
    }
}

/// A tier of 10 kW worth 70 a MWh, and 5 kWh to be had within the first five intervals of the world.
fn tenant(gate: u64, still_needed: i64) -> HorizonPosting {
    let tier = HorizonTier { power: watts(gate, INTERVALS, |_| 10 * KW), value: Price(70_000) };
    let until = u16::try_from(5u64.saturating_sub(gate)).unwrap();
    let load =
        ShiftableNeed { energy: Joules(still_needed), from: 0, until, power_max: Watts(40 * KW) };
    let shiftable = if still_needed > 0 { vec![load] } else { vec![] };
    of_need(HorizonNeed {
        firm: watts(gate, INTERVALS, |_| 20 * KW),
        sheddable: Bounded::new(vec![tier]).unwrap(),
        shiftable: Bounded::new(shiftable).unwrap(),
    })
}

fn utility(gate: u64) -> HorizonPosting {
    let mut offer = tie(150 * KW, 100 * KW, 120_000, INTERVALS);
    offer.tariff = Series::new(
        (gate..gate + 6).map(|k| Price(if k < 3 { 90_000 } else { 150_000 })).collect(),
    )
    .unwrap();
    offer.demand_charge = 2_000;
    of_tie(offer)
}

/// Eight gates in a row: the battery fills by day and empties by night, the gas plant follows its ramp from gate to gate,
/// the shiftable load gets its energy, and only import above the highest so far is charged as a peak.
#[test]
fn a_day_of_horizons() {
    let mut world = World::new(market(INTERVALS));
    let (mut stored, mut needed, mut ramp_from, mut peak) = (2_000 * 1_000_000, 18_000_000, 0, 0);
    let (mut charged, mut discharged) = (0, 0);
    let mut plan_before: Option<Vec<(u16, i64)>> = None;
    for gate in 0..8u64 {
        let mut commands = vec![
            post(gate, SOLAR, of_generator(generator(watts(gate, INTERVALS, sun), 10_000))),
            post(gate, GAS, gas(gate)),
            post(gate, BATTERY, of_storage(battery(stored))),
            post(gate, CAMPUS, of_need(firm(watts(gate, INTERVALS, campus)))),
            post(gate, TENANT, tenant(gate, needed)),
            post(gate, UTILITY, utility(gate)),
        ];
        world.at(START + 300 * gate - 290).block(vec![]);
        let least = world.gate(gate).wager_min;
        commands.extend([GAS, GUEST, AUDITOR].map(|id| wager(gate, id, least)));
        for (id, power) in plan_before.take().unwrap_or_default() {
            let energy = power * 300;
            commands.push(reading(gate - 2, id, energy.max(0), (-energy).max(0)));
        }
        world.take(commands);
        draw(&mut world, gate);

        let book = book(&world, gate);
        assert_eq!(book.setting().peak_before, Watts(peak), "gate {gate}");
        let ramp = book.problem().parts().generators.iter().find_map(|generator| generator.ramp);
        assert_eq!(ramp.unwrap().initial, Watts(ramp_from), "gate {gate}");
        let answer = solved(&book);
        build_all(&mut world, gate, &answer.to_bytes().unwrap());
        assert_eq!(world.phase(gate), "decided");

        let plans = book.plan(&answer.solution, 0);
        let net: i64 = plans.values().map(|plan| plan.net().0).sum();
        assert_eq!(net, 0);
        for (member, plan) in &plans {
            assert_eq!(world.part(gate, member.0).unwrap().set_point, Some(plan.net()));
        }
        let decision: Decision = world.state.find(&key::decision(GateId(gate))).unwrap();
        assert_eq!(decision.price, book.settle(answer.certificate.price[0]));
        assert!(decision.cost >= decision.bound && decision.gap_ppb() < 1_000_000);

        let at = |id: u16| plans.get(&MemberId(id)).map_or(Plan::default(), |plan| *plan);
        let gas_now = at(GAS).set_point.0;
        assert!((gas_now - ramp_from).abs() <= RAMP, "gate {gate}: {ramp_from} to {gas_now}");
        ramp_from = gas_now;
        peak = peak.max(at(UTILITY).set_point.0);
        let rolling: Rolling = world.state.find(&key::rolling()).unwrap();
        assert_eq!((rolling.plan, rolling.peak), (Some(GateId(gate)), Watts(peak)));
        let flow = at(BATTERY).set_point;
        charged += (-flow.0).max(0);
        discharged += flow.0.max(0);
        stored = battery(stored).after(stored, Watts((-flow.0).max(0)), Watts(flow.0.max(0)), 300);
        needed -= book
            .shiftable()
            .iter()
            .zip(&answer.solution.shift)
            .map(|(_, powers)| powers[0].0 * 300)
            .sum::<i64>();
        world.at(START + 300 * gate).block(vec![]);
        assert_eq!(world.phase(gate), "dispatched");
        if gate > 0 {
            let parts = world.parts(gate - 1).into_iter();
            plan_before =
                Some(parts.filter_map(|(id, part)| Some((id, part.set_point?.0))).collect());
        }
    }
    assert!(charged > 100 * KW && discharged > 100 * KW, "{charged} in, {discharged} out");
    assert!(needed <= 0, "{needed} J of the shiftable load are not served");
    assert!(peak > 0 && ramp_from > 0);
    // The first block after an interval starts the time to read, the next one finds it over.
    world.at(START + 300 * 12).block(vec![]);
    world.at(START + 300 * 13).block(vec![]);
    for gate in 0..8 {
        assert_eq!(world.phase(gate), "settled");
    }
    assert!(world.rounds <= 10, "{} rounds", world.rounds);
}

/// Solar of 100 kW at 50 and a tie of 200 kW at 120 for 150 kW; three wager.
pub(crate) fn market_of_three(gate: u64, intervals: u16) -> Vec<(u16, Command)> {
    let mut commands = vec![
        post(gate, SOLAR, of_generator(generator(flat(100 * KW, intervals), 50_000))),
        post(gate, CAMPUS, of_need(firm(flat(150 * KW, intervals)))),
        post(gate, UTILITY, of_tie(tie(200 * KW, 0, 120_000, intervals))),
    ];
    commands.extend(wagers(gate));
    commands
}

/// The dispatch of [`market_of_three`], worked out by hand; there is no carbon to speak of.
pub(crate) fn worked_out(book: &HorizonBook) -> HorizonAnswer {
    let intervals = book.problem().intervals();
    let (all, none) = (|power| vec![Watts(power); intervals], vec![0; intervals]);
    let mut certificate = HorizonCertificate {
        price: vec![240_000_000; intervals],
        reserve: none.clone(),
        peak: none.clone(),
        ramp: vec![vec![]],
        ..HorizonCertificate::default()
    };
    if book.problem().parts().carbon.whole.horizon.is_some() {
        certificate.carbon[1].interval = none;
    }
    let solution = HorizonSolution {
        generators: vec![all(100 * KW)],
        import: all(50 * KW),
        export: all(0),
        ..HorizonSolution::default()
    };
    HorizonAnswer { solution, certificate }
}

/// One open gate with postings that `solved` dispatches; three wager.
pub(crate) fn simple(genesis: Genesis) -> World {
    let GateKind::Horizon { intervals } = genesis.market.kind else { panic!("not a horizon") };
    let mut world = World::new(genesis);
    world.at(START - 290).take(market_of_three(0, intervals));
    world
}

/// Three gates around the midnight that ends March: what March reached is charged no more in April.
#[test]
fn a_peak_counts_for_its_month() {
    const APRIL: u64 = 1_775_001_600;
    let first = APRIL - 300;
    let mut genesis = market(1);
    genesis.market.first_start = gridaccord_model::TimeS(first);
    genesis.clock.ledger_start = gridaccord_model::TimeS(first - 600);
    let mut world = World::new(genesis);
    for (gate, peak_before) in [(0, 0), (1, 0), (2, 50 * KW)] {
        let start = first + 300 * gate;
        world.at(start - 290).block(vec![]);
        let least = world.gate(gate).wager_min;
        let mut commands = market_of_three(gate, 1);
        commands.truncate(3);
        commands.extend([GAS, GUEST, AUDITOR].map(|id| wager(gate, id, least)));
        world.take(commands);
        world.at(start - 60).block(vec![]);
        world.until(gate, "drawn");
        let book = book(&world, gate);
        assert_eq!(book.setting().peak_before, Watts(peak_before), "gate {gate}");
        build_all(&mut world, gate, &worked_out(&book).to_bytes().unwrap());
        assert_eq!(world.phase(gate), "decided");
    }
}

#[test]
fn what_is_worked_out_by_hand_is_what_the_check_accepts() {
    let mut world = simple(market(2));
    draw(&mut world, 0);
    let book = book(&world, 0);
    build_all(&mut world, 0, &worked_out(&book).to_bytes().unwrap());
    let decision: Decision = world.state.find(&key::decision(GateId(0))).unwrap();
    assert_eq!((decision.price, decision.gap_ppb()), (Price(120_000), 0));
    // 100 kW at 50 and 50 kW at 120, for twice 300 s.
    assert_eq!(decision.cost.micro_floor(), 1_833_333);
    assert_eq!(solved(&book).solution, worked_out(&book).solution);
}

#[test]
fn what_is_told_at_closing_makes_the_problem() {
    let mut world = simple(market(2));
    let outcome = world.at(START - 60).block(vec![]);
    let continued =
        Event::Continued { gate: GateId(0), peak_before: Watts(0), before: Bounded::default() };
    assert!(outcome.events.contains(&continued));
    assert!(book(&world, 0).imbalance().is_none());
}

#[test]
fn an_answer_in_pieces_is_one_answer() {
    let mut world = simple(market(INTERVALS));
    draw(&mut world, 0);
    let bytes = solved(&book(&world, 0)).to_bytes().unwrap();
    let builders = world.builders(0);
    let commits = builders.iter().map(|id| world.commit(0, *id, &bytes)).collect();
    world.take(commits);
    if world.phase(0) == "drawn" {
        world.until(0, "committed");
    }
    let whole = builders[1..].iter().map(|id| reveal(0, *id, &bytes)).collect::<Vec<_>>();
    let (first, second) = bytes.split_at(bytes.len() / 2);
    let id = builders[0];
    world.take(vec![piece(0, id, 0, 2, first)]);
    // The last piece, its reveal by somebody else, and the others' answers in one block.
    let mut rest = vec![piece(0, id, 1, 2, second), reveal_pieces(0, CERTIFIER, id)];
    rest.extend(whole);
    world.take(rest);
    assert_eq!(world.phase(0), "decided");
    for seat in world.seats(0) {
        assert!(matches!(seat.verdict, Verdict::Valid { .. }), "{seat:?}");
        assert_eq!(seat.answer.unwrap().length as usize, bytes.len());
    }
    assert!(PIECE_SIZE_MAX * usize::from(PIECES_MAX) > 2_000_000);
}

#[test]
fn a_proof_that_there_is_no_dispatch_ends_the_gate_and_costs_nobody() {
    let mut world = World::new(market(4));
    // In each interval there would be enough, but the ramp comes too late, and the battery has nothing to give.
    let mut slow = generator(flat(200 * KW, 4), 60_000);
    slow.ramp = Some(RampLimit { up: Watts(20 * KW), down: Watts(20 * KW) });
    let mut commands =
        vec![post(0, GAS, of_generator(slow)), post(0, CAMPUS, of_need(firm(flat(100 * KW, 4))))];
    commands.extend(wagers(0));
    world.at(START - 290).take(commands);
    draw(&mut world, 0);
    let book = book(&world, 0);
    let HorizonOutcome::Infeasible { certificate, .. } = propose_horizon(book.problem(), 1_000)
    else {
        panic!("there is no dispatch")
    };
    let proof = HorizonAnswer { solution: HorizonSolution::default(), certificate: *certificate };
    let mut false_proof = proof.clone();
    false_proof.certificate.price.fill(0);
    false_proof.certificate.ramp.iter_mut().for_each(|ramp| ramp.fill(0));
    let builders = world.builders(0);
    let answers = vec![
        (builders[0], proof.to_bytes().unwrap()),
        (builders[1], false_proof.to_bytes().unwrap()),
    ];
    let outcome = world.build(0, &answers);
    assert_eq!(failure(&outcome), Some(Failure::Infeasible));
    let verdicts: Vec<_> = world.seats(0).iter().map(|seat| seat.verdict).collect();
    assert_eq!(
        verdicts,
        [Verdict::Infeasible {}, Verdict::Refused { rule: 112 }, Verdict::Waiting {}]
    );
    // As for an answer within ε; a false proof is a false answer; silence is silence.
    let states: Vec<_> =
        builders.iter().map(|id| (world.account(*id).stake, world.index(*id))).collect();
    assert_eq!(states, [(10_000, 101_800), (9_009, 50_000), (9_950, 98_000)]);
}

#[test]
fn what_no_interval_can_balance_fails_at_closing() {
    let mut world = World::new(market(3));
    let absurd = firm(watts(0, 3, |interval| if interval == 2 { 900 * KW } else { 0 }));
    let mut commands = vec![
        post(0, SOLAR, of_generator(generator(flat(100 * KW, 3), 50_000))),
        post(0, TENANT, of_need(absurd)),
    ];
    commands.extend(wagers(0));
    world.at(START - 290).take(commands);
    let outcome = world.at(START - 60).block(vec![]);
    assert_eq!(failure(&outcome), Some(Failure::Infeasible));
    assert_eq!(world.account(AUDITOR).held, 0);
}

#[test]
fn needs_that_no_problem_holds_together_fail_at_closing() {
    let cast: Vec<(String, gridaccord_ledger::Role)> =
        (0..24).map(|id| (format!("t{id}"), gridaccord_ledger::Role::Tenant)).collect();
    let cast: Vec<_> = cast.iter().map(|(name, role)| (name.as_str(), *role)).collect();
    let mut genesis = genesis_of(&cast);
    genesis.market.kind = GateKind::Horizon { intervals: 2 };
    let mut world = World::new(genesis);
    let mut commands: Vec<_> =
        (0..24).map(|id| post(0, id, of_need(firm(flat(1 << 27, 2))))).collect();
    commands.push(wager(0, 0, 100));
    world.at(START - 290).take(commands);
    let outcome = world.at(START - 60).block(vec![]);
    assert_eq!(failure(&outcome), Some(Failure::Infeasible));
}

/// What the posting of a gate's only other member could do to it: nothing that stands alone is refused as a whole.
#[test]
fn a_later_posting_replaces_the_earlier_whole() {
    let mut world = simple(market(2));
    let shape = Shape { intervals: 2, duration_s: 300 };
    let both = HorizonPosting {
        offer: Some(HorizonOffer::Generator { generator: generator(flat(10 * KW, 2), 1_000) }),
        need: Some(firm(flat(KW, 2))),
    };
    assert_eq!(both.check(shape), Ok(()));
    world.take(vec![post(0, CAMPUS, both)]);
    world.at(START - 60).block(vec![]);
    let book = book(&world, 0);
    assert_eq!(book.problem().parts().demand, [Watts(KW), Watts(KW)]);
    assert_eq!(book.problem().parts().generators.len(), 2);
    assert_eq!(world.gate(0).book.market, 3);
}
