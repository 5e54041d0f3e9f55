//! A campus over a simulated network: what must hold whatever goes wrong.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use gridaccord_model::scenario::Scenario;
use gridaccord_node::journal::GateStage;
use gridaccord_sim::{Plan, Simulated, Treason, Weather, hostile::Vice, simulate};
use std::sync::Arc;

const WHITE_PAPER: &str = include_str!("../../../../scenarios/white-paper.toml");
const DECENTRALIZED: &str = include_str!("../../../../scenarios/decentralized-dispatch.toml");

fn run(text: &str, seed: u64, intervals: u32, weather: Weather) -> Simulated {
    let scenario = Arc::new(Scenario::parse(text).unwrap());
    // Divergence, stalls, and anything made from nothing are errors.
    simulate(&Plan { scenario, seed, intervals, weather }).unwrap()
}

fn settled(simulated: &Simulated) -> usize {
    simulated.journal.gates.values().filter(|story| story.stage == GateStage::Settled).count()
}

#[test]
fn the_month_settles_and_one_seed_is_one_story() {
    let first = run(WHITE_PAPER, 1, 2, Weather::Happy);
    let again = run(WHITE_PAPER, 1, 2, Weather::Happy);
    let other = run(WHITE_PAPER, 2, 2, Weather::Happy);
    assert_eq!(settled(&first), 2);
    assert_eq!(first.digest, again.digest);
    assert_ne!(first.digest, other.digest);
    assert_eq!(first.journal.sum().0, 0);
    assert!(first.journal.balances.values().all(|balance| balance.estimated == 0));
}

#[test]
fn a_network_that_loses_a_quarter_still_settles() {
    assert_eq!(settled(&run(WHITE_PAPER, 3, 2, Weather::Lossy)), 2);
}

#[test]
fn crashes_cost_no_money() {
    let simulated = run(DECENTRALIZED, 4, 3, Weather::Crashes);
    assert_eq!(simulated.journal.over(), 3);
    assert!(simulated.nodes.iter().any(|node| node.starts > 1), "nobody crashed");
}

#[test]
fn a_partition_heals() {
    assert_eq!(run(WHITE_PAPER, 5, 2, Weather::Partition).journal.over(), 2);
}

#[test]
fn failing_storage_stops_nodes_and_not_the_chain() {
    assert_eq!(run(WHITE_PAPER, 6, 2, Weather::Storage).journal.over(), 2);
}

#[test]
fn liars_never_decide_and_pay_for_it() {
    // Seats are drawn: over several gates the liar sits in one at least.
    for vice in Vice::ALL {
        let simulated = run(WHITE_PAPER, 7, 4, Weather::Liar(vice));
        let liar = simulated.liar.unwrap();
        assert_eq!(settled(&simulated), 4, "{}", vice.name());
        let sat =
            simulated.journal.gates.values().filter(|story| story.builders.contains(&liar)).count();
        assert!(sat > 0, "{} never sat", vice.name());
        let won =
            simulated.journal.gates.values().filter(|story| story.winner == Some(liar)).count();
        assert_eq!(won, 0, "{} won", vice.name());
        assert!(simulated.journal.tokens_lost[&liar] > 0, "{} lost nothing", vice.name());
    }
}

#[test]
fn horizons_settle_through_an_outage_demand_response_and_an_island() {
    // 11:20 to 12:40: the source is lost at noon, import limited from 12:15, the tie open from half past.
    let first = run(DECENTRALIZED, 9, 16, Weather::Happy);
    let again = run(DECENTRALIZED, 9, 16, Weather::Happy);
    assert_eq!(settled(&first), 16);
    assert_eq!(first.digest, again.digest);
    assert_eq!(first.journal.sum().0, 0);
}

#[test]
fn liars_of_horizons_never_decide_and_pay_for_it() {
    for vice in [Vice::Infeasible, Vice::ForgedPrice, Vice::DeniesDispatch] {
        let simulated = run(DECENTRALIZED, 10, 4, Weather::Liar(vice));
        let liar = simulated.liar.unwrap();
        assert_eq!(settled(&simulated), 4, "{}", vice.name());
        let won = simulated.journal.gates.values().any(|story| story.winner == Some(liar));
        assert!(!won, "{} won", vice.name());
        assert!(simulated.journal.tokens_lost[&liar] > 0, "{} lost nothing", vice.name());
    }
}

#[test]
fn two_traitors_of_seven_validators_break_no_promise() {
    for weather in [Weather::Traitors(Treason::Equivocator), Weather::Twins] {
        let simulated = run(WHITE_PAPER, 8, 2, weather);
        assert_eq!(settled(&simulated), 2, "{}", weather.name());
        for traitor in &simulated.nodes[5..] {
            assert!(traitor.speech.contradictions > 0, "{}", weather.name());
        }
    }
}
