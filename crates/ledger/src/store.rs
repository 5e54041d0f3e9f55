//! A block's own view of the state: what was loaded, under what it has written so far.
//!
//! A record that the caller has not loaded stops the step that needs it with [`Stop`]; the next step still
//! runs, so that one round of loading serves as many steps as possible.

use crate::{
    gate::{Gate, Seat},
    records::{Part, ROSTER_PAGE, Roster, Stored, key},
    state::{BodyId, Key, Lookup, Missing, Read, Record},
};
use bytes::Bytes;
use gridaccord_model::{GateId, MemberId};
use std::collections::BTreeMap;

/// A step could not run: something it reads is not loaded. What it was stands in [`Store::missing`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stop;

/// Loaded state under this block's writes.
#[derive(Debug)]
pub(crate) struct Store<'a, R> {
    state: &'a R,
    pub(crate) changes: BTreeMap<Key, Option<Record>>,
    pub(crate) bodies: BTreeMap<BodyId, Bytes>,
    pub(crate) missing: Missing,
}

impl<'a, R: Read> Store<'a, R> {
    pub(crate) fn new(state: &'a R) -> Self {
        Self {
            state,
            changes: BTreeMap::new(),
            bodies: BTreeMap::new(),
            missing: Missing::default(),
        }
    }

    /// The value under a key, if any.
    pub(crate) fn find<T: Stored>(&mut self, key: &Key) -> Result<Option<T>, Stop> {
        let record = match self.changes.get(key) {
            Some(written) => written.as_ref(),
            None => match self.state.record(key) {
                Lookup::Unknown => {
                    self.missing.keys.insert(*key);
                    return Err(Stop);
                }
                Lookup::Absent => None,
                Lookup::Present(record) => Some(record),
            },
        };
        Ok(record.map(|record| record.value().expect("records are written by this crate alone")))
    }

    /// The value under a key that an earlier step wrote.
    pub(crate) fn get<T: Stored>(&mut self, key: &Key) -> Result<T, Stop> {
        Ok(self.find(key)?.expect("a record that a live record names exists"))
    }

    /// The values under many keys; asks for all that are not loaded at once.
    pub(crate) fn find_all<T: Stored>(&mut self, keys: &[Key]) -> Result<Vec<Option<T>>, Stop> {
        let found: Vec<_> = keys.iter().map(|key| self.find(key)).collect();
        found.into_iter().collect()
    }

    /// Like [`Store::find_all`], for records that earlier steps wrote.
    pub(crate) fn get_all<T: Stored>(&mut self, keys: &[Key]) -> Result<Vec<T>, Stop> {
        let found = self.find_all(keys)?;
        Ok(found
            .into_iter()
            .map(|value| value.expect("a record that a live record names exists"))
            .collect())
    }

    /// Bodies named by live records; asks for all that are not loaded at once.
    pub(crate) fn bodies(&mut self, ids: &[BodyId]) -> Result<Vec<Bytes>, Stop> {
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            match self.bodies.get(id) {
                Some(bytes) => found.push(bytes.clone()),
                None => match self.state.body(id) {
                    Lookup::Present(bytes) => found.push(Bytes::copy_from_slice(bytes)),
                    Lookup::Absent => unreachable!("a body that a live record names exists"),
                    Lookup::Unknown => {
                        self.missing.bodies.insert(*id);
                    }
                },
            }
        }
        if found.len() == ids.len() { Ok(found) } else { Err(Stop) }
    }

    /// Everybody's part in a gate, in order of entry.
    pub(crate) fn parts(&mut self, gate: &Gate) -> Result<Vec<(MemberId, Part)>, Stop> {
        let pages = usize::from(gate.book.participants).div_ceil(ROSTER_PAGE);
        let keys: Vec<_> = (0u16..).take(pages).map(|page| key::roster(gate.id, page)).collect();
        let rosters: Vec<Roster> = self.get_all(&keys)?;
        let members: Vec<MemberId> =
            rosters.into_iter().flat_map(|page| page.members.into_inner()).collect();
        let keys: Vec<_> = members.iter().map(|member| key::part(gate.id, *member)).collect();
        let parts: Vec<Part> = self.get_all(&keys)?;
        Ok(members.into_iter().zip(parts).collect())
    }

    /// Asks for a gate's roster.
    pub(crate) fn touch_rosters(&mut self, gate: &Gate) {
        let pages = usize::from(gate.book.participants).div_ceil(ROSTER_PAGE);
        self.touch((0u16..).take(pages).map(|page| key::roster(gate.id, page)));
    }

    /// Asks for a gate's first `count` seats.
    pub(crate) fn touch_seats(&mut self, gate: GateId, count: u16) {
        self.touch((0..count).map(|position| key::seat(gate, position)));
    }

    /// A gate's first `count` seats.
    pub(crate) fn seats(&mut self, gate: GateId, count: u16) -> Result<Vec<Seat>, Stop> {
        let keys: Vec<_> = (0..count).map(|position| key::seat(gate, position)).collect();
        self.get_all(&keys)
    }

    /// Asks for records that a later step will read, so that they come with what this round lacks.
    pub(crate) fn touch(&mut self, keys: impl IntoIterator<Item = Key>) {
        for key in keys {
            let written = self.changes.contains_key(&key);
            if !written && self.state.record(&key) == Lookup::Unknown {
                self.missing.keys.insert(key);
            }
        }
    }

    /// Whether nothing read so far was missing. Where something was, this round's result is thrown away.
    pub(crate) fn is_complete(&self) -> bool {
        self.missing.keys.is_empty() && self.missing.bodies.is_empty()
    }

    /// Writes a value.
    pub(crate) fn put<T: Stored>(&mut self, key: Key, value: &T) {
        self.changes.insert(key, Some(Record::of(value)));
    }

    /// Appends a body and gives back its name.
    pub(crate) fn append(&mut self, bytes: Bytes) -> BodyId {
        let id = BodyId::of(&bytes);
        self.bodies.insert(id, bytes);
        id
    }
}
