//! What members would try for gain or spite, and that it does not pay.

use super::common::*;
use gridaccord_ledger::{
    Refusal,
    draw::{Bidder, draw},
    gate::{Failure, Score, Seat, Verdict},
    records::{PotName, key},
    settle::{Participant, Terms, settle},
    trust,
};
use gridaccord_model::{CostCurve, GateId, Joules, MemberId, Offer, OwnerId, Picos, Price, Watts};

#[test]
fn a_refused_wager_leaves_no_ghost_in_the_roster() {
    let mut world = filled(genesis());
    for _ in 0..100 {
        let outcome = world.block(vec![wager(0, CAMPUS, 20_000)]);
        let refusal = Refusal::WagerAboveStake { given: 20_000, free: 10_000 };
        assert_eq!(results(&outcome), [Err(refusal)]);
    }
    assert_eq!(world.part(0, CAMPUS), None);
    world.take(vec![wager(0, BATTERY, 60)]);
    assert_eq!(world.parts(0).len(), 7);
    world.at(START - 60).block(vec![]);
    world.until(0, "drawn");
}

#[test]
fn a_need_that_finds_no_room_leaves_no_ghost_in_the_roster() {
    use gridaccord_ledger::Role;
    let names: Vec<String> = (0..771).map(|id| format!("t{id}")).collect();
    let cast: Vec<_> = names
        .iter()
        .enumerate()
        .map(|(id, name)| (name.as_str(), if id == 770 { Role::Supplier } else { Role::Tenant }))
        .collect();
    let mut world = World::new(genesis_of(&cast));
    world.at(START - 290).block(vec![]);
    let tiers = need(0, &[(1, 1), (1, 1), (1, 1), (1, 1)]);
    let outcome = world.block((0..770).map(|id| need_of(0, id, tiers.clone())).collect());
    let refused: Vec<_> =
        results(&outcome).into_iter().enumerate().filter(|(_, result)| result.is_err()).collect();
    let full = Err(Refusal::GateFull(GateId(0)));
    assert_eq!(refused, [(768, full), (769, full)]);
    world.take(vec![
        offer(0, 770, blocks(0, &[(10_000, 1)])),
        wager(0, 770, 60),
        need_of(0, 769, need(5, &[])),
    ]);
    assert_eq!(world.parts(0).len(), 770);
    world.at(START - 60).block(vec![]);
    world.until(0, "drawn");
}

#[test]
fn a_load_that_nothing_can_serve_costs_the_builders_nothing() {
    let mut world = filled(genesis());
    world.take(vec![need_of(0, CAMPUS, need(10_000_000, &[]))]);
    let outcome = world.at(START - 60).block(vec![]);
    assert_eq!(failure(&outcome), Some(Failure::Infeasible));
    for builder in [SOLAR, GAS, AUDITOR] {
        assert_eq!((world.account(builder).stake, world.account(builder).held), (10_000, 0));
        assert_eq!(world.index(builder), 100_000);
    }
}

#[test]
fn a_must_run_offer_that_nothing_can_absorb_costs_the_builders_nothing() {
    let mut world = filled(genesis());
    world.take(vec![offer(0, BATTERY, blocks(400_000, &[]))]);
    assert_eq!(failure(&world.at(START - 60).block(vec![])), Some(Failure::Infeasible));
}

#[test]
fn a_wager_that_no_seat_can_lose_weighs_nothing() {
    let bidder = |member: u16, owner: u16, wager| Bidder {
        member: MemberId(member),
        owner: OwnerId(owner),
        wager,
        index_ppm: 100_000,
    };
    // Twelve honest owners at 100; owner 50 either wagers 100 once, or 100 by each of ten members.
    let honest: Vec<Bidder> = (0..12).map(|id| bidder(id, id, 100)).collect();
    let first = |mut bidders: Vec<Bidder>, extra: Vec<Bidder>| {
        bidders.extend(extra);
        (0..4_000u64)
            .filter(|view| {
                let chain = genesis().chain_id();
                let seats = draw(&chain, GateId(0), &seed_of(*view), &bidders, 1);
                seats[0].owner == OwnerId(50)
            })
            .count()
    };
    let once = first(honest.clone(), vec![bidder(100, 50, 100)]);
    let split = first(honest, (100..110).map(|id| bidder(id, 50, 100)).collect());
    // One thirteenth of 4,000 is 308; five standard deviations are 84.
    assert!((224..=392).contains(&once), "{once}");
    assert!((224..=392).contains(&split), "{split}");
}

#[test]
fn wash_trades_do_not_widen_epsilon() {
    let seat = |member: u16, cost: i128, turnover: i128, concentration_mw| Seat {
        member: MemberId(member),
        owner: OwnerId(member),
        wager: 100,
        commitment: None,
        answer: None,
        verdict: Verdict::Valid {
            score: Score {
                cost: Picos(cost),
                bound: Picos(0),
                turnover: Picos(turnover),
                price: Price(1),
                concentration_mw,
            },
        },
    };
    // The second answer costs 1 % more, but trades a thousand times as much with itself.
    let seats = [seat(0, 1_000_000, 1_000_000, 9), seat(1, 1_010_000, 1_000_000_000, 1)];
    let genesis = genesis();
    assert_eq!(trust::best(&seats, genesis.trust.epsilon_ppb), Some(0));
    assert!(!trust::within_epsilon(&seats[1], &seats, genesis.trust.epsilon_ppb));
    let judged = trust::judge(
        &genesis.trust,
        &genesis.thresholds,
        genesis.trust.significance_floor,
        50,
        &seats,
        &[100_000, 100_000],
        10,
    );
    assert_eq!((judged[0].wager_lost, judged[1].wager_lost), (0, 100));
}

#[test]
fn one_absurd_reading_does_not_price_everybody_out_of_building() {
    let mut world = dispatched(genesis());
    let absurd = (1i64 << 31) * 300;
    world.at(START + 300).take(vec![reading(0, TENANT, 0, absurd)]);
    world.at(START + 360).block(vec![]);
    assert_eq!(world.phase(0), "settled");
    // The liar pays for what it claims, but the wager that the next gates ask for at most doubles.
    world.at(START + 310).block(vec![]);
    let opened: Vec<u64> = (3..9)
        .map(|id| {
            world.at(START + 300 * id - 290).take(vec![
                offer(id, GAS, blocks(0, &[(100_000, 80_000)])),
                need_of(id, TENANT, need(50_000, &[])),
            ]);
            let least = world.gate(id).wager_min;
            world.at(START + 300 * id - 60).block(vec![]);
            assert_eq!(world.phase(id), "failed");
            least
        })
        .collect();
    // Nobody wagers in them, so it halves again, down to what the significance floor asks for.
    assert_eq!(opened, [100, 50, 50, 50, 50, 50]);
}

#[test]
fn readings_can_come_after_a_halt() {
    let mut world = drawn(genesis());
    let answer = world.optimum(0).to_bytes().to_vec();
    let answers: Vec<_> =
        world.builders(0).into_iter().map(|builder| (builder, answer.clone())).collect();
    world.build(0, &answers);
    // The chain stands still over the interval and the time to read.
    world.at(START + 4_000).block(vec![]);
    assert_eq!(world.phase(0), "dispatched");
    world.take(vec![reading(0, SOLAR, 30_000_000, 0)]);
    world.at(START + 4_059).block(vec![]);
    assert_eq!(world.phase(0), "dispatched");
    world.at(START + 4_060).block(vec![]);
    assert_eq!(world.phase(0), "settled");
}

#[test]
fn a_gate_that_would_open_after_its_closing_fails_instead() {
    let mut world = World::new(genesis());
    let outcome = world.at(START - 60).block(vec![wager(0, SOLAR, 100)]);
    assert_eq!(results(&outcome), [Err(Refusal::GateNotLive(GateId(0)))]);
    assert_eq!(failure(&outcome), Some(Failure::Late));
    assert_eq!(world.phase(0), "failed");
}

#[test]
fn owners_are_counted_not_numbered() {
    let mut genesis = genesis();
    let mut members = genesis.members.into_inner();
    for member in &mut members {
        member.owner = OwnerId(member.owner.0 * 100);
    }
    members[1].owner = members[0].owner;
    genesis.members = gridaccord_model::codec::Bounded::new(members).unwrap();
    let world = World::new(genesis);
    let params: gridaccord_ledger::records::Params = world.state.find(&key::params()).unwrap();
    assert_eq!(params.owners, 9);
}

/// One participant per (planned, injected less absorbed) in J; the last balances.
fn settled(price: i64, energies: &[(i64, Option<i64>)]) -> gridaccord_ledger::settle::Settlement {
    let last = energies.len() - 1;
    let participants: Vec<Participant> = energies
        .iter()
        .enumerate()
        .map(|(id, (planned, net))| Participant {
            member: MemberId(id as u16),
            planned: Joules(*planned),
            metered: net.map(|net| gridaccord_ledger::records::Metered {
                injected: Joules(net.max(0)),
                absorbed: Joules((-net).max(0)),
            }),
            balances: id == last,
        })
        .collect();
    let terms = Terms { price: Price(price), fee_ppm: 0, tolerance_ppm: 20_000 };
    settle(terms, &participants, MemberId(0), &[MemberId(0)])
}

#[test]
fn no_reading_beyond_tolerance_settles_better_than_the_plan() {
    const KWH: i64 = 3_600_000;
    for price in [100_000, -100_000] {
        for planned in [10 * KWH, -10 * KWH] {
            let total = |net| {
                let settled = settled(price, &[(planned, net), (-planned, Some(-planned))]);
                settled.lines[0].1.total().0
            };
            let honest = total(Some(planned));
            assert_eq!(honest, price * planned / KWH);
            for claimed in [1_000, 50, 12, 11, 9, 5, 1, 0, -1, -5, -9, -11, -12, -50, -1_000] {
                assert!(total(Some(claimed * KWH)) <= honest, "{price} {planned} {claimed}");
            }
            assert!(total(None) <= honest, "{price} {planned} silent");
        }
    }
}

#[test]
fn energy_that_no_other_meter_finds_makes_no_member_richer() {
    const KWH: i64 = 3_600_000;
    // Planned 10 kWh from 0 to 1, nothing from 2, which balances; 0 claims 1,000 and nobody took them.
    let lie = settled(
        100_000,
        &[(10 * KWH, Some(1_000 * KWH)), (-10 * KWH, Some(-10 * KWH)), (0, Some(0))],
    );
    let totals: Vec<i64> = lie.lines.iter().map(|(_, line)| line.total().0).collect();
    assert_eq!((totals, lie.losses.0), (vec![1_000_000, -1_000_000, 0], 0));
    // Where the balancing member's meter did find them, it is made whole instead.
    let true_excess = settled(
        100_000,
        &[(10 * KWH, Some(1_000 * KWH)), (-10 * KWH, Some(-10 * KWH)), (0, Some(-990 * KWH))],
    );
    let totals: Vec<i64> = true_excess.lines.iter().map(|(_, line)| line.total().0).collect();
    assert_eq!((totals, true_excess.losses.0), (vec![1_000_000, -1_000_000, 0], 0));
}

#[test]
fn the_price_cannot_fall_below_the_negative_of_the_cap() {
    let mut world = filled(genesis());
    let refusal = Refusal::OfferBelowFloor { cap: Price(1_000_000) };
    let bent = |linear| Offer {
        power_min: Watts(-10),
        power_max: Watts(10),
        cost: CostCurve::Quadratic { quadratic: 1_000, linear },
    };
    let outcome = world.block(vec![
        offer(0, BATTERY, blocks(0, &[(10, -1_000_001), (10, 5)])),
        offer(0, BATTERY, bent(-999_990_001)),
        offer(0, BATTERY, blocks(0, &[(10, -1_000_000), (10, 5)])),
        offer(0, BATTERY, bent(-999_990_000)),
    ]);
    assert_eq!(results(&outcome), [Err(refusal), Err(refusal), Ok(()), Ok(())]);
}

#[test]
fn a_price_rise_stops_one_gate_and_costs_no_builder() {
    let mut genesis = genesis();
    genesis.thresholds.price_rise_ppm = 100_000;
    let mut world = dispatched(genesis);
    world.at(START + 360);
    world.block(vec![]);
    world.block(vec![]);
    world.at(START + 420).block(vec![]);
    assert_eq!(world.phase(0), "settled");
    assert_eq!(world.head().price, Some(Price(80_000)));
    let mut price_of = |gate: u64, price: i64| {
        world.at(START + 300 * gate - 250).take(vec![
            offer(gate, GAS, blocks(0, &[(100_000, price)])),
            need_of(gate, TENANT, need(50_000, &[])),
            wager(gate, AUDITOR, 200),
        ]);
        world.at(START + 300 * gate - 60).block(vec![]);
        world.until(gate, "drawn");
        let answer = world.optimum(gate).to_bytes().to_vec();
        let outcome = world.build(gate, &[(AUDITOR, answer)]);
        assert_eq!(world.account(AUDITOR).stake, 10_000);
        (world.phase(gate), failure(&outcome))
    };
    assert_eq!(price_of(3, 88_000), ("decided", None));
    assert_eq!(price_of(4, 100_000), ("failed", Some(Failure::PriceRise)));
    assert_eq!(price_of(5, 100_000), ("decided", None));
    assert_eq!(world.pot(PotName::Slashed).tokens, 0);
}

#[test]
fn forged_commands_in_a_block_hurt_nobody() {
    let mut world = filled(genesis());
    let forge = |world: &World, victim: u16, nonce, command: (u16, gridaccord_ledger::Command)| {
        let mut signed = world.sign(victim, nonce, command.1.clone());
        signed.signature = world.sign(CERTIFIER, nonce, command.1).signature;
        signed
    };
    let nonce = |world: &World, id: u16| world.member(id).unwrap().nonce;
    // A loader that lacks records looks at forged commands too: they may not lead it anywhere else.
    let commands = vec![
        forge(&world, SOLAR, nonce(&world, SOLAR), offer(0, SOLAR, blocks(0, &[(1, 1)]))),
        world.sign(SOLAR, nonce(&world, SOLAR), wager(0, SOLAR, 120).1),
        forge(&world, CAMPUS, 0, wager(0, CAMPUS, 10_000)),
        forge(&world, GUEST, nonce(&world, GUEST), need_of(0, GUEST, need(1, &[]))),
        forge(&world, BATTERY, 0, offer(0, BATTERY, blocks(0, &[(1, 1)]))),
        world.sign(BATTERY, 0, offer(0, BATTERY, blocks(0, &[(7, 1)])).1),
        world.sign(99, 0, wager(0, 99, 60).1),
        world.sign(BATTERY, 1, wager(0, BATTERY, 60).1),
    ];
    let outcome = world.signed(commands);
    let bad = Err(Refusal::SignatureInvalid);
    let unknown = Err(Refusal::MemberUnknown(MemberId(99)));
    assert_eq!(results(&outcome), [bad, Ok(()), bad, bad, bad, Ok(()), unknown, Ok(())]);
    assert_eq!(world.account(CAMPUS).held, 0);
    assert_eq!(world.parts(0).len(), 7);
}
