//! One value, one encoding: what a whole life of gates wrote round-trips, and no other bytes decode to it.

use super::{common::*, horizon};
use commonware_codec::{Copying, DecodeExt, Encode};
use commonware_cryptography::{Hasher as _, Sha256};
use gridaccord_ledger::{
    Block, Command, Event, Genesis, Payload, Record, SignedCommand,
    gate::{Decision, Gate, Seat},
    records::{
        Account, Carbon, Head, Line, Member, Outlook, Output, Owner, Params, Part, Piece, Pot,
        Rolling, Roster, Rules, Source, Stored, Upload,
    },
};
use proptest::prelude::*;

/// Decodes to nothing, or to a value with exactly these bytes.
fn canonical<T: DecodeExt<()> + Encode>(bytes: &[u8]) -> bool {
    match T::decode(Copying(bytes)) {
        Ok(value) => {
            assert_eq!(&value.encode()[..], bytes, "a second encoding of one value");
            true
        }
        Err(_) => false,
    }
}

fn canonical_record(bytes: &[u8]) -> bool {
    fn value<T: Stored>(record: &Record) -> bool {
        match record.value::<T>() {
            Some(value) => {
                assert_eq!(&Record::of(&value), record);
                true
            }
            None => false,
        }
    }
    let Ok(record) = Record::decode(Copying(bytes)) else { return false };
    [
        value::<Params>,
        value::<Rules>,
        value::<Head>,
        value::<Member>,
        value::<Account>,
        value::<Owner>,
        value::<Pot>,
        value::<Gate>,
        value::<Decision>,
        value::<Roster>,
        value::<Part>,
        value::<Seat>,
        value::<Line>,
        value::<Carbon>,
        value::<Source>,
        value::<Rolling>,
        value::<Outlook>,
        value::<Output>,
        value::<Upload>,
        value::<Piece>,
    ]
    .iter()
    .any(|value| value(&record))
}

type Encoded = Vec<Vec<u8>>;

/// A gate from genesis to settlement, with refusals, a false answer and a rotated key.
fn life() -> (World, Vec<Event>) {
    let mut world = drawn(genesis());
    let mut events = Vec::new();
    let answer = world.optimum(0).to_bytes().to_vec();
    let builders = world.builders(0);
    let answers: Vec<_> = builders
        .iter()
        .enumerate()
        .map(|(seat, id)| (*id, if seat == 2 { b"junk".to_vec() } else { answer.clone() }))
        .collect();
    events.extend(world.build(0, &answers).events);
    events.extend(world.at(START).block(vec![]).events);
    let key = commonware_cryptography::Signer::public_key(&private_key(5));
    let commands = vec![
        reading(0, SOLAR, 30_000_000, 0),
        reading(0, TENANT, 0, 1),
        wager(1, SOLAR, 1),
        (BATTERY, Command::RotateKey { key }),
    ];
    events.extend(world.at(START + 300).block(commands).events);
    events.extend(world.at(START + 360).block(vec![]).events);
    (world, events)
}

/// A gate of kind *horizon* under a carbon policy, from genesis to its interval: an answer in pieces, a false proof and a
/// refused posting. No solver has a part in it: floating point may differ by machine.
fn life_of_a_horizon() -> (World, Vec<Event>) {
    let mut world = World::new(super::carbon::with_policy(horizon::market(2), |policy| {
        policy.wider_max_mg_per_kwh = Some(2_000_000);
    }));
    let mut events = world.at(START - 290).block(horizon::market_of_three(0, 2)).events;
    horizon::draw(&mut world, 0);
    let builders = world.builders(0);
    let bytes = horizon::worked_out(&horizon::book(&world, 0)).to_bytes().unwrap();
    let junk = gridaccord_dispatch::horizon::HorizonAnswer::default().to_bytes().unwrap();
    let commits = vec![
        world.commit(0, builders[0], &bytes),
        world.commit(0, builders[1], &bytes),
        world.commit(0, builders[2], &junk),
    ];
    events.extend(world.take(commits).events);
    let (first, second) = bytes.split_at(20);
    let commands = vec![
        horizon::piece(0, builders[0], 0, 2, first),
        horizon::piece(0, builders[0], 1, 2, second),
        horizon::piece(0, builders[0], 1, 2, second),
        horizon::reveal_pieces(0, CERTIFIER, builders[0]),
        reveal(0, builders[1], &bytes),
        reveal(0, builders[2], &junk),
    ];
    events.extend(world.block(commands).events);
    assert_eq!(world.phase(0), "decided");
    events.extend(world.at(START).block(vec![]).events);
    (world, events)
}

fn corpus() -> (Encoded, Encoded, Encoded) {
    encoded(life())
}

fn corpus_of_a_horizon() -> (Encoded, Encoded, Encoded) {
    encoded(life_of_a_horizon())
}

fn encoded((world, events): (World, Vec<Event>)) -> (Encoded, Encoded, Encoded) {
    let blocks = world.log.iter().map(|block| block.encode().to_vec()).collect();
    let records = world.state.records().map(|(_, record)| record.as_bytes().to_vec()).collect();
    (blocks, records, events.iter().map(|event| event.encode().to_vec()).collect())
}

fn both() -> (Encoded, Encoded, Encoded) {
    let (mut one, other) = (corpus(), corpus_of_a_horizon());
    one.0.extend(other.0);
    one.1.extend(other.1);
    one.2.extend(other.2);
    one
}

#[test]
fn everything_a_gate_wrote_round_trips() {
    for (blocks, records, events) in [corpus(), corpus_of_a_horizon()] {
        assert!(blocks.iter().all(|bytes| canonical::<Block>(bytes)));
        assert!(events.iter().all(|bytes| canonical::<Event>(bytes)));
        assert!(records.iter().all(|bytes| canonical_record(bytes)));
    }
    assert!(canonical::<Genesis>(&genesis().encode()));
}

#[test]
fn encodings_are_pinned() {
    let (blocks, records, events) = corpus();
    let of_a_horizon = corpus_of_a_horizon();
    let pin = |parts: &[Vec<u8>]| {
        let mut hasher = Sha256::default();
        parts.iter().for_each(|part| {
            hasher.update(part);
        });
        let digest = hasher.finalize().1;
        digest.0.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    // A change here is a new version of the protocol.
    let found = (pin(&blocks), pin(&records), pin(&events));
    let pinned = ("7a7aca2b2600a4cf", "b5ccdd8933f1b39b", "64d18dcfa02529e1");
    assert_eq!((found.0.as_str(), found.1.as_str(), found.2.as_str()), pinned);
    let (blocks, records, events) = of_a_horizon;
    let found = (pin(&blocks), pin(&records), pin(&events));
    let pinned = ("1f3d16c0e2311d25", "8c0af09cc02cb6ce", "77ba3b9a8cfdaa98");
    assert_eq!((found.0.as_str(), found.1.as_str(), found.2.as_str()), pinned);
}

#[test]
fn truncated_bytes_decode_to_nothing() {
    let (blocks, records, mut events) = corpus();
    events.extend(corpus_of_a_horizon().2);
    for bytes in &blocks {
        for end in (0..bytes.len()).step_by(1 + bytes.len() / 300) {
            assert!(!canonical::<Block>(&bytes[..end]));
        }
    }
    for bytes in &events {
        for end in 0..bytes.len() {
            assert!(!canonical::<Event>(&bytes[..end]));
        }
        assert!(!canonical::<Event>(&[&bytes[..], &[0]].concat()));
    }
    for bytes in &records {
        assert!(!canonical_record(&bytes[..bytes.len() - 1]));
    }
}

#[test]
fn padding_of_records_is_zero_and_their_length_bounded() {
    let (_, records, _) = corpus();
    for bytes in records {
        let length = usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
        for position in 4 + length..bytes.len() {
            let mut dirty = bytes.clone();
            dirty[position] = 1;
            assert!(Record::decode(Copying(&dirty)).is_err(), "byte {position}");
        }
        let mut long = bytes.clone();
        long[2..4].copy_from_slice(&189u16.to_be_bytes());
        assert!(Record::decode(Copying(&long)).is_err());
        // A length that leaves out payload leaves bytes behind it that are not zero, or no value.
        let mut other = bytes.clone();
        other[1] = 9;
        assert!(!canonical_record(&other));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn changed_bytes_decode_to_another_value_or_none(
        pick in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        thread_local! {
            static CORPUS: (Encoded, Encoded, Encoded) = both();
        }
        CORPUS.with(|(blocks, records, events)| {
            let change = |bytes: &Vec<u8>| {
                let mut bytes = bytes.clone();
                for (position, value) in &changes {
                    let position = position.index(bytes.len());
                    bytes[position] = *value;
                }
                bytes
            };
            canonical::<Block>(&change(pick.get(blocks)));
            canonical::<Event>(&change(pick.get(events)));
            canonical_record(&change(pick.get(records)));
        });
    }

    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        canonical::<Block>(&bytes);
        canonical::<Payload>(&bytes);
        canonical::<SignedCommand>(&bytes);
        canonical::<Command>(&bytes);
        canonical::<Genesis>(&bytes);
        canonical::<Event>(&bytes);
        canonical::<gridaccord_dispatch::Answer>(&bytes);
    }
}
