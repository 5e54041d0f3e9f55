//! Rules G1–G16, one row each, and what a document that passes them starts from.

use super::common::*;
use gridaccord_ledger::{
    Genesis,
    genesis::{GateKind, GenesisError, Validator},
    records::{Head, Params, PotName, key},
};
use gridaccord_model::{
    GateId, Money, Price, TimeS,
    carbon::CarbonPolicyError,
    codec::{Bounded, Label},
};

fn with(change: impl FnOnce(&mut Genesis)) -> Result<(), GenesisError> {
    let mut genesis = genesis();
    change(&mut genesis);
    genesis.check()
}

fn horizon(intervals: u16) -> GateKind {
    GateKind::Horizon { intervals }
}

fn with_members(
    change: impl FnOnce(&mut Vec<gridaccord_ledger::genesis::GenesisMember>),
) -> Result<(), GenesisError> {
    with(|genesis| {
        let mut members = genesis.members.to_vec();
        change(&mut members);
        genesis.members = Bounded::new(members).unwrap();
    })
}

fn with_validators(change: impl FnOnce(&mut Vec<Validator>)) -> Result<(), GenesisError> {
    with(|genesis| {
        let mut validators = genesis.validators.to_vec();
        change(&mut validators);
        genesis.validators = Bounded::new(validators).unwrap();
    })
}

#[test]
fn rules_of_genesis() {
    use GenesisError::*;
    let rows: Vec<(&str, Result<(), GenesisError>, GenesisError)> = vec![
        ("G1", with_validators(|list| list.truncate(3)), TooFewValidators(3)),
        ("G2", with_validators(|list| list[2].member = 10), ValidatorInvalid(2)),
        ("G2", with_validators(|list| list[3].member = 0), ValidatorInvalid(3)),
        ("G2", with_validators(|list| list[1].key = list[0].key.clone()), ValidatorInvalid(1)),
        ("G3", with_members(|list| list[1].name = Label::new("").unwrap()), NameInvalid("".into())),
        (
            "G3",
            with_members(|list| list[1].name = Label::new("Gas").unwrap()),
            NameInvalid("Gas".into()),
        ),
        (
            "G3",
            with_members(|list| list[1].name = Label::new("solar").unwrap()),
            NameInvalid("solar".into()),
        ),
        ("G4", with_members(|list| list[1].key = list[0].key.clone()), KeyTwice("gas".into())),
        ("G5", with_members(|list| list[1].deposit = Money(-1)), DepositOutOfRange("gas".into())),
        (
            "G5",
            with_members(|list| list[1].deposit = Money((1 << 53) + 1)),
            DepositOutOfRange("gas".into()),
        ),
        ("G6", with(|genesis| genesis.clock.speed = 0), ClockStandsStill),
        (
            "G7",
            with(|genesis| genesis.market.interval_s = 0),
            IntervalInvalid { interval_s: 0, period_s: 300 },
        ),
        (
            "G7",
            with(|genesis| genesis.market.period_s = 299),
            IntervalInvalid { interval_s: 300, period_s: 299 },
        ),
        ("G8", with(|genesis| genesis.market.close_lead_s = 0), LeadsInvalid),
        ("G8", with(|genesis| genesis.market.open_lead_s = 60), LeadsInvalid),
        ("G9", with(|genesis| genesis.market.open_lead_s = 64 * 300), TooManyLiveGates(67)),
        (
            "G10",
            with(|genesis| genesis.market.price_cap = Price(-1)),
            PriceCapOutOfRange(Price(-1)),
        ),
        (
            "G10",
            with(|genesis| genesis.market.price_cap = Price((1 << 30) + 1)),
            PriceCapOutOfRange(Price((1 << 30) + 1)),
        ),
        ("G11", with(|genesis| genesis.trust.beacon_offset = 0), TrustInvalid("beacon_offset")),
        ("G11", with(|genesis| genesis.trust.seats = 0), TrustInvalid("seats")),
        ("G11", with(|genesis| genesis.trust.seats = 65), TrustInvalid("seats")),
        ("G11", with(|genesis| genesis.trust.commit_window = 0), TrustInvalid("commit_window")),
        ("G11", with(|genesis| genesis.trust.reveal_window = 0), TrustInvalid("reveal_window")),
        ("G11", with(|genesis| genesis.trust.token_value = Money(0)), TrustInvalid("token_value")),
        (
            "G11",
            with(|genesis| genesis.trust.significance_floor = Money(0)),
            TrustInvalid("significance_floor"),
        ),
        (
            "G11",
            with(|genesis| genesis.trust.significance_ref = Money(-5)),
            TrustInvalid("significance_ref"),
        ),
        ("G12", with(|genesis| genesis.trust.fee_ppm = 1_000_001), ShareTooLarge("fee_ppm")),
        ("G12", with(|genesis| genesis.trust.alpha_ppm = u32::MAX), ShareTooLarge("alpha_ppm")),
        ("G13", with_members(|list| list[1].stake = (1 << 53) + 1), StakeTooLarge("gas".into())),
        (
            "G14",
            with(|genesis| genesis.market.price_cap = Price(57_266_231)),
            SettlementTooLarge(57_266_231 * 300),
        ),
        ("G15", with(|genesis| genesis.market.kind = horizon(0)), HorizonInvalid(0)),
        ("G15", with(|genesis| genesis.market.kind = horizon(289)), HorizonInvalid(289)),
        (
            "G16",
            with(|genesis| genesis.carbon.operating_max_mg_per_kwh = Some(1)),
            CarbonInvalid(CarbonPolicyError::CapWithoutFactors),
        ),
        (
            "G16",
            with(|genesis| genesis.carbon.momentary_ppm = 1_000_001),
            CarbonInvalid(CarbonPolicyError::MomentaryTooLarge(1_000_001)),
        ),
    ];
    for (rule, found, expected) in rows {
        assert_eq!(found, Err(expected), "{rule}");
    }
    // On the edge of every limit.
    let edge = with(|genesis| {
        genesis.market.price_cap = Price(57_266_230);
        genesis.market.open_lead_s = 62 * 300 - 60;
        genesis.trust.seats = 64;
        genesis.trust.fee_ppm = 1_000_000;
    });
    assert_eq!(edge, Ok(()));
    let edge = with_members(|list| {
        list[0].stake = 1 << 53;
        list[0].deposit = Money(1 << 53);
    });
    assert_eq!(edge, Ok(()));
}

#[test]
fn block_one_becomes_state() {
    let world = World::new(genesis());
    let params: Params = world.state.find(&key::params()).unwrap();
    assert_eq!((params.members, params.owners, params.chain), (10, 10, world.chain));
    let head: Head = world.head();
    assert_eq!((head.height, head.now, head.next_gate), (1, TimeS(START - 600), GateId(0)));
    assert_eq!((head.live, head.turnover, head.price), (0, Money(0), None));
    for name in [PotName::Remainder, PotName::Losses, PotName::Slashed] {
        assert_eq!(world.pot(name), Default::default());
    }
    assert_eq!(world.account(GAS).balance, Money(1_000_000_000));
    assert_eq!(world.index(GAS), 100_000);
    // 2 of params and rules, head, 10 members, 10 accounts, 10 owners, 3 pots.
    assert_eq!(world.state.records().count(), 36);
}
