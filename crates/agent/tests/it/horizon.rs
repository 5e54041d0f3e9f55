//! What agents make of gates whose problems reach ahead: a battery carries cheap energy into dear hours and an island.

use crate::market::{Cast, FIRST_START, Market, cast};
use gridaccord_field::Device as _;
use gridaccord_ledger::{
    Event, Role,
    gate::{Gate, Phase},
    records::{Account, key},
};
use gridaccord_model::{GateId, HorizonOffer, MemberId, TimeS, Watts, horizon::StorageOffer};

const STORAGE: MemberId = MemberId(2);
const TENANT: MemberId = MemberId(4);
const GATES: u32 = 6;
/// Short steps: a gate is decided before the next one closes.
const STEP_MS: u64 = 50;

/// 100 W each way, 10 Wh, empty.
const BATTERY: StorageOffer = StorageOffer {
    charge_max: Watts(100),
    discharge_max: Watts(100),
    charge_efficiency_ppb: 900_000_000,
    discharge_efficiency_ppb: 900_000_000,
    loss_ppb: 1_000,
    capacity_uwh: 10_000_000,
    stored_uwh: 0,
    final_min_uwh: 0,
    wear: 1_000_000,
};

/// Source of 300 W, two cheap hours of the tie, two dear ones, an island, a cheap one; 300 W and 150 W that may be shed.
fn casts() -> Vec<Cast> {
    let tariff = [Some(50_000), Some(50_000), Some(200_000), Some(200_000), None, Some(50_000)];
    vec![
        cast(Role::Supplier, 300, 10_000),
        cast(Role::Utility, 1_000, 0),
        cast(Role::StorageOwner, 0, 0),
        cast(Role::Supplier, 20, 30_000),
        cast(Role::Tenant, 300, 0),
    ]
    .into_iter()
    .map(|cast| match cast.role {
        Role::Utility => Cast { tariff: tariff.to_vec(), ..cast },
        Role::StorageOwner => Cast { storage: Some(BATTERY), ..cast },
        Role::Tenant => Cast { tier_w: 150, ..cast },
        _ => cast,
    })
    .collect()
}

fn run(market: &mut Market) {
    for _ in 0..400 {
        market.step(STEP_MS);
    }
}

fn start(gate: u64) -> TimeS {
    TimeS(FIRST_START.0 + gate * 100)
}

/// Every set point of a member, by gate.
fn set_points(market: &Market, member: MemberId) -> Vec<i64> {
    let decided = market.events.iter().filter_map(|event| match event {
        Event::Decided { gate, set_points, .. } => {
            let own = set_points.iter().find(|set_point| set_point.member == member)?;
            Some((*gate, own.power.0))
        }
        _ => None,
    });
    let decided: std::collections::BTreeMap<GateId, i64> = decided.collect();
    decided.into_values().collect()
}

/// What the storage said it would have, by gate, in the order it said so.
fn posted(market: &Market) -> Vec<(u64, i64)> {
    let stored = market.events.iter().filter_map(|event| match event {
        Event::Posted { gate, member: STORAGE, posting } => match &posting.offer {
            Some(HorizonOffer::Storage { storage }) => Some((gate.0, storage.stored_uwh)),
            _ => None,
        },
        _ => None,
    });
    stored.collect()
}

fn assert_all_settled(market: &Market) {
    for gate in 0..u64::from(GATES) {
        let record: Gate = market.state.find(&key::gate(GateId(gate))).unwrap();
        assert!(matches!(record.phase, Phase::Settled { .. }), "gate {gate} is {:?}", record.phase);
    }
}

#[test]
fn a_battery_carries_cheap_energy_into_dear_intervals_and_an_island() {
    let mut market = Market::of_horizons(casts(), 4, GATES);
    run(&mut market);
    assert_all_settled(&market);
    let battery = set_points(&market, STORAGE);
    assert!(battery[0] < 0 && battery[1] < 0, "charges while the tie is cheap: {battery:?}");
    assert!(battery[2] + battery[3] + battery[4] > 0, "discharges later: {battery:?}");
    let tie = set_points(&market, MemberId(1));
    assert_eq!(tie[4], 0, "nothing crosses an open tie");
    let served = set_points(&market, TENANT);
    assert_eq!(served[..4], [-450; 4], "energy at 0.2 is worth more than shedding at 0.5");
    assert!((-450..=-300).contains(&served[4]), "firm load is served in the island: {served:?}");
    for gate in 0..usize::try_from(GATES).unwrap() {
        let sum: i64 = (0..5).map(|member| set_points(&market, MemberId(member))[gate]).sum();
        assert_eq!(sum, 0, "gate {gate} balances");
    }
    let accounts =
        (0..5).map(|id| market.state.find::<Account>(&key::account(MemberId(id))).unwrap());
    let total: i64 = accounts.map(|account| account.balance.0).sum();
    let left: i64 = market
        .events
        .iter()
        .map(|event| match event {
            Event::Settled { losses, remainder, .. } => losses.0 + remainder.0,
            _ => 0,
        })
        .sum();
    assert_eq!(total + left, 5 * 1_000_000, "money sums to zero");
}

#[test]
fn a_storage_posts_again_when_the_gate_before_is_decided() {
    let mut market = Market::of_horizons(casts(), 4, GATES);
    run(&mut market);
    let posted = posted(&market);
    let device = market.bus.connect(
        STORAGE,
        gridaccord_field::Plant::new(
            gridaccord_field::PlantKind::Source,
            std::collections::BTreeMap::new(),
        ),
    );
    for gate in 1..u64::from(GATES) {
        let said: Vec<i64> =
            posted.iter().filter(|(id, _)| *id == gate).map(|(_, stored)| *stored).collect();
        let had = device.stored_uwh(start(gate)).unwrap();
        assert_eq!(*said.last().unwrap(), had, "gate {gate}: what it said last is what it had");
    }
    let again = posted.iter().filter(|(gate, _)| *gate == 2).count();
    assert!(again >= 2, "gate 1 changed what it has when gate 2 begins: {posted:?}");
}

#[test]
fn a_storage_that_restarts_goes_on_where_it_was() {
    let mut whole = Market::of_horizons(casts(), 4, GATES);
    run(&mut whole);
    let mut market = Market::of_horizons(casts(), 4, GATES);
    for _ in 0..110 {
        market.step(STEP_MS);
    }
    for id in 0..5 {
        market.agents[id] = market.agent(id, Box::new(gridaccord_agent::Honest));
        market.resume(id);
    }
    run(&mut market);
    assert_all_settled(&market);
    assert_eq!(set_points(&market, STORAGE), set_points(&whole, STORAGE));
}

#[test]
fn where_nothing_can_serve_a_firm_load_the_gate_fails_and_says_so() {
    let mut casts = casts();
    // In the island 320 W and the battery are all there is.
    casts[4].power_w = 440;
    casts[2].storage = Some(StorageOffer { discharge_max: Watts(50), ..BATTERY });
    let mut market = Market::of_horizons(casts, 2, GATES);
    run(&mut market);
    let failed = market.events.iter().filter_map(|event| match event {
        Event::Failed { gate, reason } => Some((gate.0, reason.to_string())),
        _ => None,
    });
    let failed: Vec<_> = failed.collect();
    let none = "no dispatch balances what was offered and needed".to_owned();
    // The island is within the horizons of two gates.
    assert_eq!(failed, [(3, none.clone()), (4, none)]);
}
