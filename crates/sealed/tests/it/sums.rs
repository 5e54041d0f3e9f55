//! The table of a closed book's sums: it says what the book says, and takes nothing out of turn.

use crate::world::{firm, rng, six};
use bytes::Bytes;
use commonware_codec::{DecodeExt as _, Encode as _};
use gridaccord_model::{Price, Watts};
use gridaccord_sealed::{
    Refusal,
    book::SealedGate,
    clearing::Search,
    curve::Curve,
    gate::SumIndex,
    keygen::EpochKey,
    rehearsal::Offered,
    sums::{SumSearch, SumTable},
};

#[test]
fn a_table_round_trips_and_replays_what_was_opened() {
    let mut market = six(140);
    let mut rng = rng(140);
    let curve = |id: i64| {
        let steps = [(Price(50_000 + 1_000 * id), Watts(20_000 + id))];
        let curve = Curve::from_steps(&market.tariff.grid, Watts(0), &steps, Watts(20_000));
        Offered::Curve(Box::new(curve))
    };
    let sealed = |id: u16, rng: &mut rand_chacha::ChaCha20Rng| {
        market.seal(&market.parties[usize::from(id)], &curve(i64::from(id)), rng).unwrap().0
    };
    let mut posted: Vec<_> = (0..3).map(|id| sealed(id, &mut rng)).collect();
    posted.extend((3..6).map(|id| firm(&market, id, 15_000, &mut rng)));
    let verified = market.verify(posted).unwrap();
    let closed = market.close(verified).unwrap();
    let table = closed.table();
    let bytes = table.encode();
    assert_eq!(SumTable::decode(bytes.clone()).unwrap(), table);
    assert!(SumTable::decode(bytes.slice(..bytes.len() - 1)).is_err());
    assert!(bytes.len() < 2_300, "{} bytes", bytes.len());

    let gate_facts = market.gate;
    let mut gate = SealedGate::new(closed, market.tariff, Watts(0), Search::cold());
    let (outcome, opened) = market.decide(&mut gate, &mut rng).unwrap();
    let mut again =
        SumSearch::new(gate_facts, table.clone(), market.tariff, Watts(0), Search::cold());
    for open in &opened {
        // Any other index is out of turn, and so is the right one's neighbour.
        assert_eq!(again.recall(SumIndex::Tier(0), open.value), Err(Refusal::OutOfTurn));
        assert_eq!(again.next_sum().unwrap().unwrap().index(), open.index);
        again.recall(open.index, open.value).unwrap();
    }
    assert_eq!(again.outcome(), Some(outcome));
    assert_eq!(again.next_sum(), Ok(None));
    for party in &market.parties {
        assert_eq!(again.share(party.seat.member), gate.run().share(party.seat.member));
    }
    for index in [SumIndex::Price(0), SumIndex::Price(29), SumIndex::Tier(9), SumIndex::CycleMoney]
    {
        assert_eq!(table.sum(&gate_facts, index), Err(Refusal::OutOfTurn));
    }
}

#[test]
fn an_epoch_key_round_trips() {
    let market = six(141);
    let bytes = market.epoch.encode();
    let back = EpochKey::decode(bytes.clone()).unwrap();
    assert_eq!(back, market.epoch);
    assert_eq!((back.size(), back.threshold()), (4, 3));
    let mut longer = bytes.to_vec();
    longer.push(0);
    assert!(EpochKey::decode(Bytes::from(longer)).is_err());
}
