//! What agents make of a gate's life.

use crate::market::{Cast, Market, cast};
use gridaccord_ledger::{
    Event, Role,
    gate::{Decision, Gate, Phase},
    records::{Account, Line, key},
};
use gridaccord_model::{GateId, Joules, MemberId, Money, Price, TimeS};

/// Solar 300 W at 10, wind 300 W at 20, geothermal 300 W at 30, tie 1,000 W at 100 (per MWh); 700 W needed.
fn casts() -> Vec<Cast> {
    vec![
        cast(Role::Supplier, 300, 10_000),
        cast(Role::Supplier, 300, 20_000),
        cast(Role::Supplier, 300, 30_000),
        cast(Role::Utility, 1_000, 100_000),
        cast(Role::Tenant, 450, 0),
        cast(Role::Tenant, 250, 0),
    ]
}

fn set_points(market: &Market, gate: u64) -> Vec<i64> {
    let decided = market.events.iter().find_map(|event| match event {
        Event::Decided { gate: id, set_points, .. } if id.0 == gate => Some(set_points),
        _ => None,
    });
    decided.expect("the gate was decided").iter().map(|set_point| set_point.power.0).collect()
}

#[test]
fn three_gates_settle_at_the_optimum_and_money_sums_to_zero() {
    let mut market = Market::new(casts());
    market.run(60);
    for gate in 0..3 {
        let record: Gate = market.state.find(&key::gate(GateId(gate))).unwrap();
        assert!(matches!(record.phase, Phase::Settled { .. }), "gate {gate} is {:?}", record.phase);
        assert_eq!(set_points(&market, gate), [300, 300, 100, 0, -450, -250]);
        let decision: Decision = market.state.find(&key::decision(GateId(gate))).unwrap();
        assert_eq!((decision.price, decision.gap_ppb()), (Price(30_000), 0));
    }
    let line: Line = market.state.find(&key::line(GateId(1), MemberId(0))).unwrap();
    // 300 W for 100 s at 30,000 µ/kWh.
    assert_eq!((line.energy, line.energy_money), (Joules(30_000), Money(250)));
    let accounts =
        (0..6).map(|id| market.state.find::<Account>(&key::account(MemberId(id))).unwrap());
    let total: i64 = accounts.map(|account| account.balance.0).sum();
    let left: i64 = market.events.iter().map(left_over).sum();
    assert_eq!(total + left, 6 * 1_000_000);
}

fn left_over(event: &Event) -> i64 {
    match event {
        Event::Settled { losses, remainder, .. } => losses.0 + remainder.0,
        _ => 0,
    }
}

#[test]
fn a_lost_supplier_is_redispatched_in_the_next_gate_that_closes() {
    let mut casts = casts();
    // Lost after gates 0 and 1 closed, while gate 2 is still open.
    casts[1].outage = Some(TimeS(350)..TimeS(10_000));
    let mut market = Market::new(casts);
    market.run(60);
    assert_eq!(set_points(&market, 0), [300, 300, 100, 0, -450, -250]);
    assert_eq!(set_points(&market, 2), [300, 0, 300, 100, -450, -250]);
    let lost: Line = market.state.find(&key::line(GateId(0), MemberId(1))).unwrap();
    assert_eq!(lost.energy, Joules(0));
    assert!(
        lost.deviation_money < Money(0),
        "power that was promised and not delivered is charged"
    );
    let tie: Line = market.state.find(&key::line(GateId(0), MemberId(3))).unwrap();
    assert_eq!(tie.energy, Joules(300 * 100), "the tie carries what the lost supplier owed");
}

#[test]
fn an_agent_that_restarts_between_commit_and_reveal_still_reveals() {
    let mut market = Market::new(casts());
    let committed = loop {
        let events = market.step(200);
        if events.iter().any(|event| matches!(event, Event::CommitsEnded { .. })) {
            break events.len();
        }
    };
    assert!(committed > 0);
    for id in 0..4 {
        market.agents[id] = market.agent(id, Box::new(gridaccord_agent::Honest));
        market.resume(id);
    }
    market.run(60);
    assert_eq!(set_points(&market, 0), [300, 300, 100, 0, -450, -250]);
}

#[test]
fn a_member_who_signs_by_hand_does_not_silence_its_agent() {
    let mut market = Market::new(casts());
    market.step(200);
    // The member itself takes the nonce that its agent is about to use.
    let by_hand = gridaccord_ledger::SignedCommand::sign(
        &market.chain,
        &crate::market::key(0),
        MemberId(0),
        0,
        gridaccord_ledger::Command::Wager { gate: GateId(0), tokens: 7 },
    );
    market.agents[0].confirm(0, by_hand.id());
    market.run(60);
    assert!(
        market
            .events
            .iter()
            .any(|event| matches!(event, Event::Offered { member: MemberId(0), .. }))
    );
}
