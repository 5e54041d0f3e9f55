//! Open → Closed: the set of curves is fixed, and its sums are computed once and for all.

use super::Run;
use crate::{
    event::Event,
    gate::{Failure, Gate, Open, Phase},
    records::{Member, key as base},
    sealed::{
        SealedEvent, SealedGate, SealedHead, SealedPart, Setup, gate_facts, key, live_limit, parts,
        stored_limit, submissions,
    },
    state::Read,
    store::Stop,
};
use commonware_codec::Encode as _;
use gridaccord_model::{MemberId, OwnerId};
use gridaccord_sealed::{
    book::Book,
    gate::Role,
    statement::Verified,
    submission::{Body, Submission},
    sums::SumTable,
};
use std::collections::BTreeSet;

impl<R: Read> Run<'_, R> {
    pub(super) fn close_sealed(
        &mut self,
        setup: &Setup,
        mut gate: Gate,
        open: Open,
    ) -> Result<Gate, Stop> {
        self.store.touch([key::head(), key::gate(gate.id)]);
        let head: SealedHead = self.store.get(&key::head())?;
        let mut sealed: SealedGate = self.store.get(&key::gate(gate.id))?;
        // Every leader may be one that leaves a curve out: more blocks than there are faulty ones must have taken them.
        let faults = u64::from(head.holders.saturating_sub(1)) / 3;
        if self.block.height <= sealed.opened.saturating_add(faults) {
            return Ok(gate);
        }
        if gate.book.market == 0 {
            return self.fail(gate, Failure::NoMarket);
        }
        let Some(table) = self.sum_up(setup, &gate, &sealed)? else {
            return self.fail(gate, Failure::OwnersTooFew);
        };
        let ciphers = table.prices.iter().chain([&table.reserve]);
        if ciphers.chain(table.tiers.iter().map(|tier| &tier.cipher)).any(|sum| sum.k.is_zero()) {
            return self.fail(gate, Failure::SumDegenerate);
        }
        let curves = gate.book.market;
        let set = table.set;
        sealed.warm = head.last_u;
        sealed.table = Some(self.store.append(table.encode()));
        self.store.put(key::gate(gate.id), &sealed);
        let offset = self.beacon_offset(&gate);
        let closed = open.close(self.block.height, self.block.view, offset);
        self.events.push(Event::Closed { gate: gate.id, draw_view: closed.draw_view });
        self.emit(SealedEvent::SetClosed { gate: gate.id, set, curves });
        gate.phase = Phase::Closed { closed };
        Ok(gate)
    }

    /// The sums over **all** accepted curves; `None` where too few owners stand behind them.
    fn sum_up(
        &mut self,
        setup: &Setup,
        gate: &Gate,
        sealed: &SealedGate,
    ) -> Result<Option<SumTable>, Stop> {
        let all = parts(&mut self.store, gate.id, sealed.posted)?;
        let standing: Vec<(MemberId, SealedPart)> =
            all.into_iter().filter(|(_, part)| part.curve.is_some()).collect();
        let keys: Vec<_> = standing.iter().map(|(member, _)| base::member(*member)).collect();
        self.store.touch(keys.iter().copied());
        let curves: Vec<_> = standing.iter().filter_map(|(_, part)| part.curve).collect();
        let limits: Vec<_> = standing.iter().map(|(_, part)| part.limit).collect();
        let limits = self.store.bodies(&limits);
        let curves = submissions(&mut self.store, &curves);
        let owners: Vec<Member> = self.store.get_all(&keys)?;
        let (limits, curves) = (limits?, curves?);
        if !self.store.is_complete() {
            return Err(Stop);
        }
        if too_few(setup, &owners, &curves) {
            return Ok(None);
        }
        let facts = gate_facts(&self.params, setup, gate, sealed);
        let mut book = Book::open(facts);
        for ((curve, limit), owner) in curves.into_iter().zip(limits).zip(&owners) {
            let stands = "admission verified it in this place under this certificate";
            let limit = live_limit(&self.params, &stored_limit(limit), gate.interval);
            let limit = limit.expect(stands);
            let place = limit.place(&facts).expect(stands);
            book.admit(owner.owner, &limit, Verified::recorded(curve, place)).expect(stands);
        }
        Ok(book.close().ok().map(|closed| closed.table()))
    }
}

/// Whether fewer owners of supply or of demand stand behind the curves than genesis wants. As in the book, supply is
/// who posts a curve: firm demand of a supplier shields nobody.
fn too_few(setup: &Setup, members: &[Member], curves: &[Submission]) -> bool {
    let owners = |counts: &dyn Fn(Role, &Body) -> bool| {
        let all = members.iter().zip(curves).filter(|(member, curve)| {
            crate::sealed::sealed_role(member.role).is_some_and(|role| counts(role, &curve.body))
        });
        all.map(|(member, _)| member.owner).collect::<BTreeSet<OwnerId>>().len()
    };
    let supply = owners(&|role, body| {
        matches!(role, Role::Supplier | Role::Storage) && matches!(body, Body::Curve(_))
    });
    let demand = owners(&|role, _| matches!(role, Role::Consumer | Role::Campus));
    supply.min(demand) < usize::from(setup.terms.owners_min)
}
