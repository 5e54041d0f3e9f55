//! What sealed commands are judged by, read from the state: one definition for replicas and for who posts.

use super::{
    SealedRefusal,
    records::{
        CyclePart, CycleRecord, CycleStage, EpochRecord, LimitRecord, OpenedSum, SealedAccount,
        SealedGate, SealedPart, key,
    },
    terms::Setup,
};
use crate::{
    Digest,
    gate::Gate,
    records::{Member, Params, ROSTER_PAGE, Roster, key as base_key},
    state::{BodyId, Key, Read},
    store::{Stop, Store},
};
use bytes::Bytes;
use commonware_codec::{DecodeExt as _, Encode as _};
use commonware_cryptography::{Hasher as _, Sha256, ed25519};
use gridaccord_model::{GateId, Interval, MemberId, OwnerId, Watts, codec::Bounded, codec_struct};
use gridaccord_sealed::{
    Refusal as ProofRefusal,
    book::derive_set_point,
    clearing::Search,
    cycle::{CycleClose, CycleFacts, CycleTotals, total_cycle},
    deviation::DeviationFacts,
    group::{Commitment, Point},
    keygen::{Committee, Dealing, EpochKey, HOLDERS_MAX},
    limit::{LimitCertificate, LiveLimit, Registry},
    metering::{MeterFacts, Registers, energy_width},
    statement::Verified,
    submission::{Admission, Submission},
    sums::{SumSearch, SumTable},
    transcript::{GateFacts, Place},
};
use std::collections::{BTreeMap, BTreeSet};

/// A step that finds facts, a rule that forbids, or that records are missing.
pub(crate) type Found<T> = Result<Result<T, SealedRefusal>, Stop>;

/// A certificate as stored: with the key that signed it, which its certifier may replace later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredLimit {
    pub(crate) certificate: LimitCertificate,
    pub(crate) certifier: ed25519::PublicKey,
}

codec_struct!(StoredLimit { certificate, certifier });

/// The holders' encryption keys as stored.
pub(crate) type StoredCommittee = Bounded<Point, HOLDERS_MAX>;

/// What proofs in a gate are bound to.
pub(crate) const fn gate_facts(
    params: &Params,
    setup: &Setup,
    gate: &Gate,
    sealed: &SealedGate,
) -> GateFacts {
    GateFacts {
        chain: params.chain,
        gate: gate.id,
        interval: gate.interval,
        epoch: sealed.epoch,
        key: sealed.key,
        grid: setup.grid,
    }
}

/// What proofs about a cycle are bound to.
pub(crate) fn cycle_place(
    params: &Params,
    setup: &Setup,
    cycle: u64,
    (epoch, key): (u64, Point),
) -> GateFacts {
    GateFacts {
        chain: params.chain,
        gate: GateId(cycle),
        interval: setup.cycle_span(&params.market, cycle),
        epoch,
        key,
        grid: setup.grid,
    }
}

/// Checks a stored certificate for an interval, under the key it was signed with.
pub(crate) fn live_limit(
    params: &Params,
    stored: &StoredLimit,
    interval: Interval,
) -> Result<LiveLimit, ProofRefusal> {
    let registry = Registry {
        chain: params.chain,
        certifier: stored.certifier.clone(),
        revoked: BTreeSet::new(),
        // Forbidden classes are refused when they are certified.
        forbidden: BTreeSet::new(),
    };
    stored.certificate.check(stored.certificate.limit.participant, interval, &registry)
}

/// A certificate named by a record.
pub(crate) fn stored_limit(body: Bytes) -> StoredLimit {
    StoredLimit::decode(body).expect("certifying stored a canonical certificate")
}

/// What a curve of this member is judged by now.
pub(crate) fn admission<R: Read>(
    store: &mut Store<'_, R>,
    params: &Params,
    setup: &Setup,
    gate: &Gate,
    member: MemberId,
) -> Found<Admission> {
    store.touch([key::gate(gate.id), key::limit(member), key::account(member)]);
    let sealed: SealedGate = store.get(&key::gate(gate.id))?;
    let limit = store.find::<LimitRecord>(&key::limit(member))?.filter(|limit| !limit.revoked);
    let Some(limit) = limit else { return Ok(Err(SealedRefusal::NoCertificate(member))) };
    let account: SealedAccount = store.get(&key::account(member))?;
    let stored = stored_limit(store.bodies(&[limit.body])?.remove(0));
    let limit = match live_limit(params, &stored, gate.interval) {
        Ok(limit) => limit,
        Err(refusal) => return Ok(Err(refusal.into())),
    };
    Ok(Ok(Admission {
        gate: gate_facts(params, setup, gate, &sealed),
        tariff: setup.tariff,
        limit,
        balance: account.balance,
        allowance: None,
        unbilled: u32::from(account.unbilled),
    }))
}

/// Names the state that a curve is proven for. A curve with another basis is refused at no cost, so that only a
/// false proof costs its bond and not a balance that moved meanwhile.
#[must_use]
pub fn basis(facts: &Admission) -> Digest {
    let mut hasher = Sha256::default();
    hasher.update(b"gridaccord/sealed/basis/v1");
    hasher.update(&facts.gate.encode());
    hasher.update(&facts.limit.hash().encode());
    hasher.update(&facts.balance.encode());
    hasher.update(&facts.unbilled.encode());
    hasher.finalize().1
}

/// Members in pages of a roster.
pub(crate) fn listed<R: Read>(
    store: &mut Store<'_, R>,
    count: u16,
    page: impl Fn(u16) -> Key,
) -> Result<Vec<MemberId>, Stop> {
    let pages = usize::from(count).div_ceil(ROSTER_PAGE);
    let keys: Vec<_> = (0u16..).take(pages).map(page).collect();
    let rosters: Vec<Roster> = store.get_all(&keys)?;
    Ok(rosters.into_iter().flat_map(|page| page.members.into_inner()).collect())
}

/// Everybody's part in a sealed gate, in order of posting.
pub(crate) fn parts<R: Read>(
    store: &mut Store<'_, R>,
    gate: GateId,
    posted: u16,
) -> Result<Vec<(MemberId, SealedPart)>, Stop> {
    let members = listed(store, posted, |page| key::roster(gate, page))?;
    let keys: Vec<_> = members.iter().map(|member| key::part(gate, *member)).collect();
    Ok(members.into_iter().zip(store.get_all(&keys)?).collect())
}

/// Submissions named by parts.
pub(crate) fn submissions<R: Read>(
    store: &mut Store<'_, R>,
    bodies: &[BodyId],
) -> Result<Vec<Submission>, Stop> {
    let bodies = store.bodies(bodies)?;
    let read = |body| Submission::decode(body).expect("admission stored a canonical submission");
    Ok(bodies.into_iter().map(read).collect())
}

/// The key of an epoch.
pub(crate) fn epoch_key<R: Read>(store: &mut Store<'_, R>, epoch: u64) -> Result<EpochKey, Stop> {
    let record: EpochRecord = store.get(&key::epoch(epoch))?;
    let body = store.bodies(&[record.body])?.remove(0);
    Ok(EpochKey::decode(body).expect("key generation stored a canonical key"))
}

/// The committee of a generation, from its stored keys.
pub(crate) fn committee<R: Read>(
    store: &mut Store<'_, R>,
    params: &Params,
    epoch: u64,
    keys: BodyId,
) -> Result<Committee, Stop> {
    let body = store.bodies(&[keys])?.remove(0);
    let keys = StoredCommittee::decode(body).expect("key generation stored canonical keys");
    Ok(Committee::new(params.chain, epoch, keys.into_inner())
        .expect("genesis bounds validators, enrolment keeps keys apart"))
}

/// A stored dealing.
pub(crate) fn stored_dealing(body: Bytes) -> Dealing {
    Dealing::decode(body).expect("key generation stored canonical dealings")
}

/// A closed gate's search, with all sums that are open.
pub(crate) fn read_search<R: Read>(
    store: &mut Store<'_, R>,
    params: &Params,
    setup: &Setup,
    gate: &Gate,
    sealed: &SealedGate,
) -> Result<SumSearch, Stop> {
    let keys: Vec<_> = (0..sealed.sums).map(|position| key::sum(gate.id, position)).collect();
    store.touch(keys.iter().copied());
    let table = sealed.table.expect("a gate that is closed has its table");
    let body = store.bodies(&[table])?.remove(0);
    let table = SumTable::decode(body).expect("closing stored a canonical table");
    let sums: Vec<OpenedSum> = store.get_all(&keys)?;
    let start = sealed.warm.map_or_else(Search::cold, |u| Search::warm(usize::from(u)));
    let absorb = Watts(i64::from(setup.terms.absorb_w));
    let facts = gate_facts(params, setup, gate, sealed);
    let mut search = SumSearch::new(facts, table, setup.tariff, absorb, start);
    for sum in sums {
        search.recall(sum.index, sum.value).expect("sums stand in the order they were asked for");
    }
    Ok(search)
}

/// What a reading of this member is judged by.
pub(crate) fn meter<R: Read>(
    store: &mut Store<'_, R>,
    params: &Params,
    setup: &Setup,
    gate: &Gate,
    member: MemberId,
    part: &SealedPart,
) -> Result<MeterFacts, Stop> {
    store.touch([key::gate(gate.id), key::account(member), base_key::member(member)]);
    let sealed: SealedGate = store.get(&key::gate(gate.id))?;
    let account: SealedAccount = store.get(&key::account(member))?;
    let author: Member = store.get(&base_key::member(member))?;
    let stored = stored_limit(store.bodies(&[part.limit])?.remove(0));
    Ok(MeterFacts {
        gate: gate_facts(params, setup, gate, &sealed),
        limit: live_limit(params, &stored, gate.interval)
            .expect("the curve was admitted under this certificate"),
        agent: author.key,
        sequence: account.sequence,
        width: energy_width(setup.rating(), gate.interval.duration_s),
    })
}

/// What the bound on a deviation is judged by, given the reading's registers.
pub(crate) fn deviation<R: Read>(
    store: &mut Store<'_, R>,
    facts: &MeterFacts,
    search: &SumSearch,
    part: &SealedPart,
    registers: &Registers,
) -> Result<DeviationFacts, Stop> {
    let set_point = match part.curve {
        Some(curve) => {
            let submission = submissions(store, &[curve])?.remove(0);
            let share = search.share(submission.participant);
            share.and_then(|share| derive_set_point(&submission.body, share))
        }
        None => None,
    };
    Ok(DeviationFacts {
        gate: facts.gate,
        limit: facts.limit.clone(),
        set_point: set_point.unwrap_or_else(Commitment::zero),
        net: registers.net(),
    })
}

/// What a member's closing of a cycle is judged by.
pub(crate) const fn cycle_posting(
    place: GateFacts,
    participant: MemberId,
    part: &CyclePart,
) -> CycleFacts {
    CycleFacts { cycle: place, participant, energy: part.energy, money: part.money }
}

/// Members with lines in a cycle, and what these add up to.
pub(crate) fn cycle_parts<R: Read>(
    store: &mut Store<'_, R>,
    cycle: u64,
    members: u16,
) -> Result<Vec<(MemberId, CyclePart)>, Stop> {
    let members = listed(store, members, |page| key::cycle_roster(cycle, page))?;
    let keys: Vec<_> = members.iter().map(|member| key::cycle_part(cycle, *member)).collect();
    Ok(members.into_iter().zip(store.get_all(&keys)?).collect())
}

/// The key a cycle is closed and opened under, where it is past its gates.
pub(crate) const fn cycle_key(record: &CycleRecord) -> Option<(u64, Point)> {
    match record.stage {
        CycleStage::Closing { epoch, key, .. } | CycleStage::Opening { epoch, key, .. } => {
            Some((epoch, key))
        }
        _ => None,
    }
}

/// The two totals of a cycle, over everybody who closed it.
pub(crate) fn cycle_total<R: Read>(
    store: &mut Store<'_, R>,
    place: &GateFacts,
    cycle: u64,
    record: &CycleRecord,
) -> Result<Result<CycleTotals, ProofRefusal>, Stop> {
    let parts = cycle_parts(store, cycle, record.members)?;
    store.touch(parts.iter().map(|(member, _)| base_key::member(*member)));
    let bodies: Vec<BodyId> = parts.iter().filter_map(|(_, part)| part.close).collect();
    let bodies = store.bodies(&bodies)?;
    let keys: Vec<_> = parts.iter().map(|(member, _)| base_key::member(*member)).collect();
    let owners: Vec<Member> = store.get_all(&keys)?;
    let members: BTreeMap<MemberId, OwnerId> =
        parts.iter().zip(&owners).map(|((member, _), record)| (*member, record.owner)).collect();
    let closings: Vec<Verified<CycleClose>> = bodies
        .into_iter()
        .map(|body| {
            let close = CycleClose::decode(body).expect("closing stored a canonical posting");
            let participant = close.participant;
            // A closing is about the whole cycle, under no certificate.
            let certificate = commonware_cryptography::sha256::Digest([0; 32]);
            Verified::recorded(close, Place { gate: *place, certificate, participant })
        })
        .collect();
    Ok(total_cycle(place, &members, &closings))
}
