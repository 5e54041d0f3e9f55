//! What members and openers read from a state before they post: the same facts that replicas will judge by.
//!
//! Every function names the records it lacks in [`Missing`], like [`apply`](crate::apply()).

use super::{
    SealedRefusal, facts,
    records::{
        CyclePart, CycleRecord, EpochRecord, Generation, SealedGate, SealedHead, SealedLine,
        SealedPart, key,
    },
    terms::Setup,
};
use crate::{
    gate::Gate,
    records::{Params, key as base},
    state::{Missing, Read},
    store::{Stop, Store},
};
use gridaccord_model::{GateId, MemberId};
use gridaccord_sealed::{
    Refusal as ProofRefusal,
    account::Line,
    cycle::{CycleFacts, CycleTotals},
    deviation::DeviationFacts,
    keygen::{Committee, Complaints, Dealings, EpochKey},
    metering::{MeterFacts, Registers},
    submission::{Admission, Submission},
    sums::SumSearch,
};

fn read<S: Read, T>(
    state: &S,
    step: impl FnOnce(&mut Store<'_, S>, &Params, &Setup) -> Result<Option<T>, Stop>,
) -> Result<Option<T>, Missing> {
    let mut store = Store::new(state);
    let found = store.find::<Params>(&base::params()).and_then(|params| {
        let Some(params) = params else { return Ok(None) };
        match Setup::of(&params.market) {
            Some(setup) => step(&mut store, &params, &setup),
            None => Ok(None),
        }
    });
    found.map_err(|Stop| store.missing)
}

fn gate_of<S: Read>(
    store: &mut Store<'_, S>,
    gate: GateId,
) -> Result<Option<(Gate, SealedGate)>, Stop> {
    let (base, sealed) = (store.find(&base::gate(gate)), store.find(&key::gate(gate)));
    Ok(base?.zip(sealed?))
}

/// What a curve of this member would be judged by; `None` where there is no such gate.
///
/// # Errors
/// [`Missing`].
pub fn admission(
    state: &impl Read,
    gate: GateId,
    member: MemberId,
) -> Result<Option<Result<Admission, SealedRefusal>>, Missing> {
    read(state, |store, params, setup| match gate_of(store, gate)? {
        Some((gate, _)) => facts::admission(store, params, setup, &gate, member).map(Some),
        None => Ok(None),
    })
}

/// A closed gate's search, with all sums that are open; `None` before it is closed.
///
/// # Errors
/// [`Missing`].
pub fn search(state: &impl Read, gate: GateId) -> Result<Option<SumSearch>, Missing> {
    read(state, |store, params, setup| match gate_of(store, gate)? {
        Some((gate, sealed)) if sealed.table.is_some() => {
            facts::read_search(store, params, setup, &gate, &sealed).map(Some)
        }
        _ => Ok(None),
    })
}

/// The key that a gate's sums are opened under; `None` where there is no such gate.
///
/// # Errors
/// [`Missing`].
pub fn opening_key(state: &impl Read, gate: GateId) -> Result<Option<EpochKey>, Missing> {
    read(state, |store, _, _| match store.find::<SealedGate>(&key::gate(gate))? {
        Some(sealed) => facts::epoch_key(store, sealed.epoch).map(Some),
        None => Ok(None),
    })
}

/// What this member's reading is judged by; `None` where it has no curve in this gate.
///
/// # Errors
/// [`Missing`].
pub fn meter_facts(
    state: &impl Read,
    gate: GateId,
    member: MemberId,
) -> Result<Option<MeterFacts>, Missing> {
    read(state, |store, params, setup| {
        let part = store.find::<SealedPart>(&key::part(gate, member));
        match (gate_of(store, gate)?, part?.filter(|part| part.curve.is_some())) {
            (Some((gate, _)), Some(part)) => {
                facts::meter(store, params, setup, &gate, member, &part).map(Some)
            }
            _ => Ok(None),
        }
    })
}

/// What the bound on this member's deviation is judged by, given its reading's registers.
///
/// # Errors
/// [`Missing`].
pub fn deviation_facts(
    state: &impl Read,
    gate: GateId,
    member: MemberId,
    registers: &Registers,
) -> Result<Option<DeviationFacts>, Missing> {
    read(state, |store, params, setup| {
        let part = store.find::<SealedPart>(&key::part(gate, member));
        match (gate_of(store, gate)?, part?.filter(|part| part.curve.is_some())) {
            (Some((gate, sealed)), Some(part)) if sealed.table.is_some() => {
                let search = facts::read_search(store, params, setup, &gate, &sealed);
                let meter = facts::meter(store, params, setup, &gate, member, &part);
                let (search, meter) = (search?, meter?);
                facts::deviation(store, &meter, &search, &part, registers).map(Some)
            }
            _ => Ok(None),
        }
    })
}

/// What this member's closing of a cycle is judged by; `None` before the cycle is over, and without lines in it.
///
/// # Errors
/// [`Missing`].
pub fn cycle_facts(
    state: &impl Read,
    cycle: u64,
    member: MemberId,
) -> Result<Option<CycleFacts>, Missing> {
    read(state, |store, params, setup| {
        let record = store.find::<CycleRecord>(&key::cycle(cycle));
        let part = store.find::<CyclePart>(&key::cycle_part(cycle, member));
        let Some((record, part)) = record?.zip(part?) else { return Ok(None) };
        Ok(facts::cycle_key(&record).map(|pinned| {
            let place = facts::cycle_place(params, setup, cycle, pinned);
            facts::cycle_posting(place, member, &part)
        }))
    })
}

/// The two totals of a cycle and the key they are opened under, once everybody closed it or was too late.
///
/// # Errors
/// [`Missing`].
#[allow(clippy::type_complexity, reason = "three layers that say three things")]
pub fn cycle_totals(
    state: &impl Read,
    cycle: u64,
) -> Result<Option<Result<(CycleTotals, EpochKey), ProofRefusal>>, Missing> {
    read(state, |store, params, setup| {
        let record = store.find::<CycleRecord>(&key::cycle(cycle))?;
        let Some(record) = record.filter(|record| record.stage.is_opening()) else {
            return Ok(None);
        };
        let Some(pinned) = facts::cycle_key(&record) else { return Ok(None) };
        let place = facts::cycle_place(params, setup, cycle, pinned);
        let totals = facts::cycle_total(store, &place, cycle, &record);
        let made = facts::epoch_key(store, pinned.0);
        let (totals, made) = (totals?, made?);
        Ok(Some(totals.map(|totals| (totals, made))))
    })
}

/// A member's lines of one cycle, for its bill.
///
/// # Errors
/// [`Missing`].
pub fn bill_lines(
    state: &impl Read,
    cycle: u64,
    member: MemberId,
) -> Result<Option<Vec<Line>>, Missing> {
    read(state, |store, params, setup| {
        let first = cycle.saturating_mul(u64::from(setup.terms.cycle_gates.max(1)));
        let end = setup.cycle_end(&params.market, cycle).0;
        let keys: Vec<_> = (first..end).map(|gate| key::line(GateId(gate), member)).collect();
        let lines: Vec<Option<SealedLine>> = store.find_all(&keys)?;
        Ok(Some(lines.into_iter().flatten().map(|line| line.line).collect()))
    })
}

/// A member's own posting in a gate.
///
/// # Errors
/// [`Missing`].
pub fn submission(
    state: &impl Read,
    gate: GateId,
    member: MemberId,
) -> Result<Option<Submission>, Missing> {
    read(state, |store, _, _| {
        let part = store.find::<SealedPart>(&key::part(gate, member))?;
        match part.and_then(|part| part.curve) {
            Some(body) => Ok(facts::submissions(store, &[body])?.pop()),
            None => Ok(None),
        }
    })
}

/// A key generation as holders follow it: to deal in, to complain in, and to take their share from.
#[derive(Clone, Debug)]
pub struct Ceremony {
    /// The epoch that is, or was, generated.
    pub epoch: u64,
    /// Who shares the key.
    pub committee: Committee,
    /// All dealings so far.
    pub dealings: Complaints,
}

/// The generation that runs, or, for an epoch whose key stands, the one that made it.
///
/// # Errors
/// [`Missing`].
pub fn generation(state: &impl Read, epoch: u64) -> Result<Option<Ceremony>, Missing> {
    read(state, |store, params, _| {
        let head = store.find::<SealedHead>(&key::head());
        let made = store.find::<EpochRecord>(&key::epoch(epoch));
        let (Some(head), made) = (head?, made?) else { return Ok(None) };
        let running = match head.generation {
            Generation::Dealing { committee, .. } | Generation::Complaining { committee, .. }
                if head.run == epoch =>
            {
                Some(committee)
            }
            _ => None,
        };
        let Some(keys) = made.map(|made| made.committee).or(running) else { return Ok(None) };
        let all: Vec<_> = (0..head.holders).map(|holder| key::dealing(epoch, holder)).collect();
        let dealt: Vec<Option<super::Dealt>> = store.find_all(&all)?;
        let bodies: Vec<_> = dealt.into_iter().flatten().map(|dealt| dealt.body).collect();
        let bodies = store.bodies(&bodies);
        let committee = facts::committee(store, params, epoch, keys)?;
        let mut dealings = Dealings::open(committee.clone());
        for body in bodies? {
            let dealing = facts::stored_dealing(body);
            dealings.post(dealing).expect("a dealing that stands was checked");
        }
        Ok(Some(Ceremony { epoch, committee, dealings: dealings.close() }))
    })
}
