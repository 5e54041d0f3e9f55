//! Sealed gates: curves nobody sees, of which only sums are opened. Records, commands, events and what members and
//! key holders derive from the state; the steps themselves are in `apply`.
//!
//! `Open → Closed → Drawn → Opening(k) → Decided → Dispatched → Settled`. The first three are an open gate's; then
//! a [`Stage`] stands in the gate. All rules that need no ledger (proofs, sums, the search) are the crate
//! `gridaccord-sealed`'s; this module decides when they apply, to what state, and what follows.
//!
//! Members' money is a commitment each. No record, body or event holds a power, an energy or a balance of one
//! member but as a commitment or ciphertext; `docs/maths/sealed.md` says what the opened sums tell.

mod command;
mod event;
mod facts;
mod keeper;
mod records;
mod refusal;
mod stage;
mod terms;
mod view;

pub use command::{Accusation, Boxed, SealedCommand, SignedShare};
pub use event::SealedEvent;
pub use facts::basis;
pub use keeper::{Final, Keeper};
pub use records::{
    CyclePart, CycleRecord, CycleStage, Dealt, EpochRecord, Generation, HolderRecord, LimitRecord,
    MeteredPart, OpenedSum, PotKind, SealedAccount, SealedDecision, SealedGate, SealedHead,
    SealedLine, SealedPart, SealedPot, key,
};
pub use refusal::SealedRefusal;
pub use stage::{Dispatched, Opening, Stage};
pub use terms::{Setup, TermsError, sealed_role};
pub use view::{
    Ceremony, admission, bill_lines, cycle_facts, cycle_totals, deviation_facts, generation,
    meter_facts, opening_key, search, submission,
};

pub(crate) use facts::{
    StoredCommittee, StoredLimit, admission as admission_facts, committee, cycle_key, cycle_place,
    cycle_posting, cycle_total, deviation as deviation_of, epoch_key, gate_facts, live_limit,
    meter, parts, read_search, stored_dealing, stored_limit, submissions,
};
pub(crate) use terms::check;
