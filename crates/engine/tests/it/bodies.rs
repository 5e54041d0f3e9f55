//! Bodies survive being cut, and nothing else passes for them.

use gridaccord_engine::bodies::{CHUNK_SIZE, join, keys, split};
use gridaccord_ledger::state::BodyId;

#[test]
fn every_length_survives() {
    for length in [0, 1, CHUNK_SIZE - 1, CHUNK_SIZE, CHUNK_SIZE + 1, 5_000, 61_440] {
        let bytes: Vec<u8> = (0..length).map(|n| u8::try_from(n % 251).unwrap()).collect();
        let id = BodyId::of(&bytes);
        let chunks = split(&bytes);
        assert_eq!((chunks.len(), keys(&id).len()), (length.div_ceil(CHUNK_SIZE), chunks.len()));
        let found = chunks.iter().cloned().map(Some);
        assert_eq!(join(&id, found.clone().collect()).as_deref(), Some(&bytes[..]));
        for missing in 0..chunks.len() {
            let mut torn: Vec<_> = found.clone().collect();
            torn[missing] = None;
            assert_eq!(join(&id, torn), None);
        }
        let longer = BodyId { length: id.length + 1, ..id };
        assert_eq!(join(&longer, found.collect()), None, "the length is part of the name");
    }
}
