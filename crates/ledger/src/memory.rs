//! A whole state in memory: for replaying a log, for tests, and for members that follow without a store.

use crate::{
    Block, Outcome, apply,
    state::{BodyId, Key, Lookup, Missing, Read, Record},
};
use bytes::Bytes;
use std::collections::BTreeMap;

/// Every record and body of a chain. Nothing is ever [`Lookup::Unknown`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryState {
    records: BTreeMap<Key, Record>,
    bodies: BTreeMap<BodyId, Bytes>,
}

impl Read for MemoryState {
    fn record(&self, key: &Key) -> Lookup<&Record> {
        self.records.get(key).map_or(Lookup::Absent, Lookup::Present)
    }

    fn body(&self, id: &BodyId) -> Lookup<&[u8]> {
        self.bodies.get(id).map_or(Lookup::Absent, |bytes| Lookup::Present(bytes.as_ref()))
    }
}

impl MemoryState {
    /// Applies a block and keeps what it changed.
    pub fn advance(&mut self, block: &Block) -> Outcome {
        let outcome = match apply(self, block) {
            Ok(outcome) => outcome,
            Err(Missing { .. }) => {
                unreachable!("a memory state knows of every key whether it exists")
            }
        };
        for (key, change) in &outcome.changes {
            match change {
                Some(record) => self.records.insert(*key, record.clone()),
                None => self.records.remove(key),
            };
        }
        self.bodies.extend(outcome.bodies.iter().map(|(id, bytes)| (*id, bytes.clone())));
        outcome
    }

    /// Every record, by key.
    pub fn records(&self) -> impl Iterator<Item = (&Key, &Record)> {
        self.records.iter()
    }

    /// Every body, by name.
    pub fn bodies(&self) -> impl Iterator<Item = (&BodyId, &Bytes)> {
        self.bodies.iter()
    }

    /// The value under a key, unpacked; `None` where there is none of that type.
    #[must_use]
    pub fn find<T: crate::records::Stored>(&self, key: &Key) -> Option<T> {
        self.records.get(key).and_then(|record| record.value())
    }
}
