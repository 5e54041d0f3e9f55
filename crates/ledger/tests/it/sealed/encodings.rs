//! One value, one encoding: what a sealed life wrote round-trips, and no changed byte is a second encoding of it.

use super::world::*;
use commonware_codec::{Copying, DecodeExt, Encode};
use gridaccord_ledger::{
    Block, Event, Record,
    records::Stored,
    sealed::{
        CyclePart, CycleRecord, Dealt, EpochRecord, HolderRecord, LimitRecord, OpenedSum,
        SealedAccount, SealedCommand, SealedDecision, SealedGate, SealedHead, SealedLine,
        SealedPart, SealedPot,
    },
};
use gridaccord_sealed::gate::SumIndex;

fn canonical<T: DecodeExt<()> + Encode>(bytes: &[u8]) -> bool {
    match T::decode(Copying(bytes)) {
        Ok(value) => {
            assert_eq!(&value.encode()[..], bytes, "a second encoding of one value");
            true
        }
        Err(_) => false,
    }
}

fn kind<T: Stored>(record: &Record) -> bool {
    match record.value::<T>() {
        Some(value) => {
            assert_eq!(&Record::of(&value), record);
            true
        }
        None => false,
    }
}

const KINDS: [fn(&Record) -> bool; 14] = [
    kind::<SealedHead>,
    kind::<HolderRecord>,
    kind::<EpochRecord>,
    kind::<Dealt>,
    kind::<LimitRecord>,
    kind::<SealedAccount>,
    kind::<SealedPot>,
    kind::<SealedGate>,
    kind::<SealedDecision>,
    kind::<SealedPart>,
    kind::<SealedLine>,
    kind::<OpenedSum>,
    kind::<CycleRecord>,
    kind::<CyclePart>,
];

#[test]
fn everything_a_sealed_life_wrote_round_trips() {
    let mut short = terms();
    short.cycle_gates = 1;
    let mut bazaar = Bazaar::with(short, 70);
    bazaar.live(0);
    let closes = bazaar.posted(0).into_iter().map(|id| (id, bazaar.closing(0, id))).collect();
    bazaar.take(closes);
    let opening = bazaar.total_opening(0, SumIndex::CycleEnergy);
    bazaar.take(vec![(AUDITOR, SealedCommand::Open { opening })]);

    let mut seen = [false; 14];
    for (_, record) in bazaar.world.state.records() {
        for (seen, kind) in seen.iter_mut().zip(KINDS) {
            *seen |= kind(record);
        }
    }
    assert_eq!(seen, [true; 14], "a life writes every kind of record");
    for block in &bazaar.world.log {
        assert!(canonical::<Block>(&block.encode()));
    }
    for event in &bazaar.events {
        let bytes = event.encode();
        assert!(canonical::<Event>(&bytes));
        for position in 0..bytes.len() {
            let mut changed = bytes.to_vec();
            changed[position] ^= 1 << (position % 8);
            canonical::<Event>(&changed);
        }
    }
}
