//! The genesis file: exact round trips, admission, signatures, and which fields two documents differ in.

use super::common::{STRANGERS, address, card, key, name, scenario, signed, unsigned};
use commonware_cryptography::Signer as _;
use gridaccord_custody::{
    GenesisFile, Name,
    genesis::{Terms, differences, role_name, role_named},
};
use gridaccord_ledger::{
    Genesis, Role,
    genesis::{CarbonPolicy, Clock, GateKind, GenesisMember, Market, Thresholds, Trust, Validator},
};
use gridaccord_model::{
    MemberId, Money, OwnerId, Price, TimeMs, TimeS,
    carbon::{EmissionFactor, WiderBoundary},
    codec::{Bounded, Label},
    terms::SealedTerms,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

#[test]
fn four_strangers_agree() {
    let file = signed();
    let genesis = file.check().unwrap();
    assert_eq!(genesis.members.len(), 4);
    assert_eq!(genesis.validators.len(), 4);
    let of = scenario("decentralized-dispatch.toml");
    assert_eq!(genesis.market, Market::of(&of, 0..288));
    assert_eq!((genesis.trust, genesis.thresholds), (of.trust, of.thresholds));
    // Ledger time reaches the first gate's opening three wall seconds after the start.
    let opens = genesis.market.opens(gridaccord_model::GateId(0));
    assert_eq!(genesis.clock.ledger(TimeMs(genesis.clock.wall_start.0 + 3_000)), opens);
    assert_eq!(genesis.clock.speed, 60);
    // Terms come from the scenario's member of that name.
    let first = &genesis.members[0];
    assert_eq!(
        (first.name.to_string(), first.stake, first.deposit),
        ("g1".into(), 5_000, Money(50_000_000_000))
    );
    let known: Vec<(String, String)> = file
        .addresses()
        .map(|(name, _, address)| (name.to_string(), address.to_string()))
        .collect();
    assert_eq!(known[3], ("g4".to_owned(), "10.0.0.4:7600".to_owned()));
    assert!(file.expected().iter().all(|expected| !STRANGERS.contains(&expected.name.as_ref())));
}

#[test]
fn the_text_is_read_back_exactly() {
    let file = signed();
    let text = file.text();
    assert_eq!(GenesisFile::parse(&text).unwrap(), file);
    assert_eq!(GenesisFile::parse(&text).unwrap().text(), text);
    for line in [
        "label = \"four strangers\"",
        "interval_s = 300",
        "price_cap_micro_per_kwh = 1000000",
        "first_start_s = 1781049600  # 2026-06-10T00:00:00Z",
        "wall_start_ms = 1795348800000  # 2026-11-22T12:00:00Z",
        "deposit_micro = 50000000000",
        "address = \"10.0.0.1:7600\"",
        "[[signature]]",
    ] {
        assert!(text.lines().any(|one| one == line), "{line:?} is missing in\n{text}");
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("genesis.toml");
    file.create(&path).unwrap();
    assert_eq!(GenesisFile::read(&path).unwrap(), file);
    assert!(file.create(&path).unwrap_err().to_string().contains("exists already"));
    unsigned().replace(&path).unwrap();
    assert_eq!(GenesisFile::read(&path).unwrap(), unsigned());
}

#[test]
fn every_validator_signs_what_starts() {
    let mut file = unsigned();
    let unsigned = file.check().unwrap_err().to_string();
    assert_eq!(
        unsigned,
        "not signed by g1, g2, g3, g4: each signs with `gridaccord genesis sign FILE --key MEMBER_KEY`"
    );
    assert_eq!(file.sign(&key(3)).unwrap(), name("g3"));
    assert_eq!(file.unsigned(), ["g1", "g2", "g4"].map(name));
    assert_eq!(
        file.sign(&key(77)).unwrap_err().to_string(),
        "the key is of no member of the document"
    );
    // A node's key signs nothing here.
    file.sign(&key(101)).unwrap_err();
    for number in [1, 2, 4] {
        file.sign(&key(number)).unwrap();
    }
    file.check().unwrap();
    // A change after the signatures.
    let text = file.text();
    let changed =
        GenesisFile::parse(&text.replace("interval_s = 300", "interval_s = 299")).unwrap();
    assert!(
        changed
            .check()
            .unwrap_err()
            .to_string()
            .starts_with("the signature of g1 does not hold: the document was changed")
    );
    // An address is no part of what was signed.
    let moved = GenesisFile::parse(&text.replace("10.0.0.1:7600", "10.9.9.9:7600")).unwrap();
    assert_eq!(moved.check().unwrap().chain_id(), file.check().unwrap().chain_id());
    // Admitting one more voids what was signed.
    let voided = file.admit(&card("x", 5, false), terms(Role::Auditor)).unwrap();
    assert_eq!(voided, STRANGERS.map(name));
    assert!(file.check().unwrap_err().to_string().starts_with("not signed by g1, g2, g3, g4"));
}

fn terms(role: Role) -> Terms {
    Terms {
        role: Some(role),
        class: None,
        owner: Some(OwnerId(9)),
        stake: Some(1),
        deposit: Some(Money(1)),
    }
}

#[test]
fn admission_keeps_names_keys_and_addresses_apart() {
    let mut file = unsigned();
    let before = file.clone();
    let full = terms(Role::Auditor);
    let twice = |what| format!("the {what} of x is in the document already");
    let node = |number: u64, reached: &str| {
        gridaccord_custody::Card::sign(name("x"), &key(50), Some((&key(number), address(reached))))
    };
    for (card, terms, expected) in [
        (card("g1", 50, true), full.clone(), "the name of g1 is in the document already".to_owned()),
        (card("x", 1, true), full.clone(), twice("member key")),
        (node(101, "10.0.0.50:1"), full.clone(), twice("node key")),
        (node(150, "10.0.0.1:7600"), full.clone(), twice("address")),
        (card("x", 50, false), Terms { role: None, ..full.clone() }, "the file expects nobody called x: say on which terms it is admitted with --role".into()),
        (card("x", 50, false), Terms { owner: None, ..full.clone() }, "the file expects nobody called x: say on which terms it is admitted with --owner".into()),
        (card("x", 50, false), Terms { stake: None, ..full.clone() }, "the file expects nobody called x: say on which terms it is admitted with --stake".into()),
        (card("x", 50, false), Terms { deposit: None, ..full.clone() }, "the file expects nobody called x: say on which terms it is admitted with --deposit".into()),
        (card("x", 50, false), Terms { stake: Some(1 << 54), ..full.clone() }, "members: the stake of \"x\" is above 9007199254740992 tokens".into()),
        (card("x", 50, false), Terms { deposit: Some(Money(-1)), ..full.clone() }, "members: the deposit of \"x\" is negative or above 9007199254740992 µ".into()),
        (card("campus", 50, false), Terms::default(), "campus is expected to run a validator, but its card shows no node: ask for one made with --address HOST:PORT".into()),
    ] {
        assert_eq!(file.admit(&card, terms).unwrap_err().to_string(), expected);
        assert_eq!(file, before, "a refusal changes nothing");
    }
    file.admit(&card("x", 50, true), full).unwrap();
    assert_eq!(file.genesis().unwrap().validators.len(), 5);
}

#[test]
fn damaged_files_are_refused_in_their_place() {
    let file = signed();
    let text = file.text();
    let swap = |from: &str, to: &str| {
        assert!(text.contains(from), "{from:?}");
        text.replacen(from, to, 1)
    };
    for (damaged, expected) in [
        (swap("interval_s = 300", "interval = 300"), "unknown field `interval`, expected one of"),
        (swap("interval_s = 300", "interval_s = -300"), "interval_s = -300"),
        (swap("interval_s = 300\n", ""), "missing field `interval_s`"),
        (swap("version = 1", "version = 7"), "it has version 7, this release reads 1"),
        (
            swap("role = \"supplier\"", "role = \"boss\""),
            "`boss` is no role: one of supplier, storage,",
        ),
        (swap("name = \"g1\"", "name = \"G1\""), "a member's name has 1 to 32"),
        (swap("key_hex = \"", "key_hex = \"00"), "key_hex of g1 must be 64 hexadecimal digits"),
        (swap("node_key_hex = \"", "node_key_hex = \"00"), "node_key_hex of g1 must be 64"),
        (swap("signature_hex = \"", "signature_hex = \"00"), "signature_hex of g1 must be 128"),
        (
            text.clone()
                + text
                    .rsplit_once("[[signature]]")
                    .map(|(_, last)| format!("[[signature]]{last}"))
                    .unwrap()
                    .as_str(),
            "there are two signatures of g4",
        ),
        (swap("four strangers", &"x".repeat(65)), "label has more than 64 bytes"),
        (swap("10.0.0.1:7600", "here"), "an address is host:port"),
    ] {
        let message = GenesisFile::parse(&damaged).unwrap_err();
        assert!(message.contains(expected), "{message}\nshould say {expected:?}");
    }
    for (broken, expected) in [
        (swap("speed = 60", "speed = 0"), "clock: speed is 0"),
        (swap("address = \"10.0.0.1:7600\"\n", ""), "validator g1 has no address"),
        (
            text.replace("[[signature]]\nname = \"g4\"", "[[signature]]\nname = \"nobody\""),
            "there is a signature of nobody, who is no member",
        ),
        (
            text.replace("[[validator]]\nname = \"g4\"", "[[validator]]\nname = \"g5\""),
            "validator g5 is no member of the document",
        ),
        (
            text.replace("[[validator]]\nname = \"g4\"", "[[validator]]\nname = \"g3\""),
            "validators: number 3 names no member, or repeats",
        ),
        (text.replacen("name = \"g2\"", "name = \"g1\"", 1), "validator g2 is no member"),
        (swap("gates = 288", "gates = 287"), "the signature of g1 does not hold"),
    ] {
        let message = GenesisFile::parse(&broken).unwrap().check().unwrap_err().to_string();
        assert!(message.contains(expected), "{message}\nshould say {expected:?}");
    }
    // Two members of one name, where no validator hides it.
    let twins = text
        .replace("[[member]]\nname = \"g2\"", "[[member]]\nname = \"g1\"")
        .replace("[[validator]]\nname = \"g2\"", "[[validator]]\nname = \"g1\"");
    GenesisFile::parse(&twins).unwrap().check().unwrap_err();
}

#[test]
fn differing_fields_are_named() {
    let ours = unsigned().genesis().unwrap();
    assert_eq!(differences(&ours, &ours), []);
    let mut theirs = ours.clone();
    theirs.market.interval_s = 900;
    theirs.clock.wall_start = TimeMs(0);
    theirs.label = Label::new("another").unwrap();
    let mut members: Vec<GenesisMember> = theirs.members.iter().cloned().collect();
    members[1].stake = 7;
    members.push(GenesisMember {
        name: Label::new("late").unwrap(),
        key: key(60).public_key(),
        ..members[3].clone()
    });
    theirs.members = Bounded::new(members).unwrap();
    let shown: Vec<String> = differences(&ours, &theirs).iter().map(ToString::to_string).collect();
    assert_eq!(
        shown[..4],
        [
            "label: \"four strangers\" here, \"another\" there",
            "clock.wall_start_ms: 1795348800000 (2026-11-22T12:00:00Z) here, 0 (1970-01-01T00:00:00Z) there",
            "market.interval_s: 300 here, 900 there",
            "member.g2.stake_tokens: 2000 here, 7 there",
        ]
    );
    assert_eq!(shown[4], "member.late.number: nothing here, 4 there");
    assert_eq!(shown.len(), 11);
}

#[test]
fn roles_have_the_scenarios_words() {
    for role in [
        Role::Supplier,
        Role::StorageOwner,
        Role::Campus,
        Role::Tenant,
        Role::Utility,
        Role::Authority,
        Role::Certifier,
        Role::Auditor,
    ] {
        assert_eq!(role_named(role_name(role)), Ok(role));
    }
    assert_eq!(
        role_named("boss").unwrap_err(),
        "`boss` is no role: one of supplier, storage, campus, tenant, utility, authority, certifier, auditor"
    );
}

#[test]
fn the_white_papers_month_can_be_proposed() {
    let file = GenesisFile::propose(&scenario("white-paper.toml"), None, TimeMs(1), 1).unwrap();
    assert_eq!(file.expected().len(), 60);
    assert_eq!(GenesisFile::parse(&file.text()).unwrap(), file);
    let refused =
        GenesisFile::propose(&scenario("white-paper.toml"), None, TimeMs(u64::MAX), 1).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "clock.wall_start_ms is 18446744073709551615, more than a genesis file holds"
    );
    let refused =
        GenesisFile::propose(&scenario("white-paper.toml"), Some(&"x".repeat(65)), TimeMs(1), 1)
            .unwrap_err();
    assert_eq!(refused.to_string(), "there are more bytes of the label than a chain takes, 64");
}

#[test]
fn terms_of_sealed_gates_round_trip() {
    let terms = SealedTerms {
        price_floor: -50_000,
        feed_in: 60_000,
        retail: 200_000,
        tier_values: [400_000, 700_000],
        reserve_w: 60_000,
        reserve_price: 10_000,
        penalty_floor: 50_001,
        loss_ppm: 20_000,
        rating_w: 60_001,
        absorb_w: 5_000,
        bond: 100,
        owners_min: 3,
        opener_fee: 1_000,
        epoch_gates: 4,
        cycle_gates: 2,
        key_window: 8,
        cycle_window: 9,
        loss_max_wh: 200,
        grid_forming: MemberId(3),
    };
    let mut genesis = signed().check().unwrap();
    let mut members: Vec<GenesisMember> = genesis.members.iter().cloned().collect();
    members.push(GenesisMember {
        name: Label::new("notary").unwrap(),
        role: Role::Certifier,
        key: key(61).public_key(),
        ..members[3].clone()
    });
    (members[2].role, members[3].role) = (Role::Campus, Role::Utility);
    genesis.members = Bounded::new(members).unwrap();
    let open = genesis.clone();
    genesis.market.kind = GateKind::Sealed { terms };
    let addresses: BTreeMap<Name, _> = BTreeMap::new();
    let file = GenesisFile::of(&genesis, &addresses).unwrap();
    assert!(file.text().contains("[market.sealed]"));
    let back = GenesisFile::parse(&file.text()).unwrap();
    assert_eq!(back.text(), file.text());
    let fields = differences(&open, &genesis);
    // And that there is no horizon any more.
    assert_eq!(fields.len(), 19 + 1, "every term is told: {fields:?}");
    genesis.market.kind = GateKind::Sealed { terms: SealedTerms { bond: 101, ..terms } };
    let other = GenesisFile::of(&genesis, &addresses).unwrap();
    assert_ne!(other.text(), file.text());
    let both = file.text().replace("[market]", "[market]\nhorizon_intervals = 4");
    assert!(GenesisFile::parse(&both).is_err());
}

prop_compose! {
    fn any_clock()(ledger_start in 0..1u64 << 40, wall_start in 0..1u64 << 50, speed in 1u32.., drift_ms: u32) -> Clock {
        Clock { ledger_start: TimeS(ledger_start), wall_start: TimeMs(wall_start), speed, drift_ms }
    }
}

prop_compose! {
    fn any_market()(
        horizon in proptest::option::of(1u16..=288), first_start in 0..1u64 << 40, interval_s in 1u32..10_000, longer in 0u32..100_000, gates: u32,
        close_lead_s in 1u32..1_000, open_longer in 1u32..1_000, meter_lag_s in 0u32..1_000, price_cap in 0i64..1_000_000,
    ) -> Market {
        Market {
            kind: match horizon { Some(intervals) => GateKind::Horizon { intervals }, None => GateKind::Open {} },
            first_start: TimeS(first_start), interval_s, period_s: interval_s + longer + 60, gates,
            open_lead_s: close_lead_s + open_longer, close_lead_s, meter_lag_s, price_cap: Price(price_cap),
        }
    }
}

prop_compose! {
    fn any_trust()(
        beacon_offset in 1u64..1 << 40, seats in 1u16..64, windows in (1u32.., 1u32..),
        shares in proptest::array::uniform6(0u32..=1_000_000), epsilon_ppb: u32, money in proptest::array::uniform3(1i64..1 << 50),
    ) -> Trust {
        Trust {
            beacon_offset, seats, commit_window: windows.0, reveal_window: windows.1,
            index_start_ppm: shares[0], wager_min_ppm: shares[1], token_value: Money(money[0]),
            significance_floor: Money(money[1]), significance_ref: Money(money[2]),
            fee_ppm: shares[2], epsilon_ppb, alpha_ppm: shares[3], beta_worse_ppm: shares[4], beta_false_ppm: shares[5],
        }
    }
}

prop_compose! {
    fn any_policy()(
        version in "[ -~é]{0,10}", factors in proptest::collection::btree_map("[a-z]{1,8}", (0u32..=100_000_000, 0u32..=100_000_000, 0u32..=100_000_000, "[ -~é]{1,20}"), 0..4),
        forbidden in proptest::collection::btree_set("[a-z]{1,8}", 0..3), travel: bool, caps in proptest::array::uniform2(proptest::option::of(0u32..=100_000_000)), momentary_ppm in 0u32..=1_000_000,
    ) -> CarbonPolicy {
        let factors = factors.into_iter().map(|(class, (operating, embodied, travel, source))| EmissionFactor {
            class: Label::new(class).unwrap(), operating_mg_per_kwh: operating, embodied_mg_per_kwh: embodied, travel_mg_per_kwh: travel, source: Label::new(source).unwrap(),
        });
        CarbonPolicy {
            version: Label::new(version).unwrap(), factors: Bounded::new(factors.collect()).unwrap(),
            forbidden: Bounded::new(forbidden.into_iter().map(|class| Label::new(class).unwrap()).collect()).unwrap(),
            wider: if travel { WiderBoundary::Travel } else { WiderBoundary::Embodied },
            operating_max_mg_per_kwh: caps[0], wider_max_mg_per_kwh: caps[1], momentary_ppm,
        }
    }
}

prop_compose! {
    fn any_genesis()(
        label in "[ -~é]{0,20}", clock in any_clock(), market in any_market(), trust in any_trust(),
        thresholds in (any::<u32>(), any::<u32>(), any::<u32>()),
        members in proptest::collection::vec((0u8..8, any::<u16>(), 0u64..1 << 53, 0i64..1 << 53), 4..12),
        backwards: bool, carbon in any_policy(),
    ) -> Genesis {
        const ROLES: [Role; 8] = [Role::Supplier, Role::StorageOwner, Role::Campus, Role::Tenant, Role::Utility, Role::Authority, Role::Certifier, Role::Auditor];
        let mut validators: Vec<Validator> = (0..4)
            .map(|member| Validator { member, key: key(100 + u64::from(member)).public_key() })
            .collect();
        if backwards {
            validators.reverse();
        }
        let members = members.into_iter().zip(0u64..).map(|((role, owner, stake, deposit), number)| GenesisMember {
            name: Label::new(format!("m-{number}")).unwrap(), role: ROLES[usize::from(role)], class: Label::new(if number % 2 == 0 { "solar" } else { "" }).unwrap(), owner: OwnerId(owner),
            key: key(number).public_key(), stake, deposit: Money(deposit),
        });
        Genesis {
            label: Label::new(label).unwrap(), clock, market, trust,
            thresholds: Thresholds { gap_ppb: thresholds.0, price_rise_ppm: thresholds.1, energy_loss_ppm: thresholds.2 }, carbon,
            validators: Bounded::new(validators).unwrap(), members: Bounded::new(members.collect()).unwrap(),
        }
    }
}

proptest! {
    #[test]
    fn any_sound_document_round_trips(genesis in any_genesis()) {
        prop_assume!(genesis.check().is_ok());
        let addresses: BTreeMap<Name, _> = [(name("m-0"), address("h:1"))].into();
        let file = GenesisFile::of(&genesis, &addresses).unwrap();
        let back = GenesisFile::parse(&file.text()).unwrap();
        prop_assert_eq!(&back, &file);
        let back = back.genesis().unwrap();
        prop_assert_eq!(back.chain_id(), genesis.chain_id());
        prop_assert_eq!(back, genesis);
    }

    #[test]
    fn documents_differ_in_a_field_or_not_at_all(left in any_genesis(), right in any_genesis()) {
        prop_assert_eq!(differences(&left, &right).is_empty(), left == right);
        prop_assert!(differences(&left, &left).is_empty());
    }

    #[test]
    fn any_text_is_read_or_refused(text: String) {
        prop_assert!(GenesisFile::parse(&text).is_err());
    }
}
