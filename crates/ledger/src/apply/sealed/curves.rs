//! Admission of curves: one a member and gate, bonded, and verified before it stands.

use super::{Run, found, is_false, refuse};
use crate::{
    Digest,
    apply::commands::{Step, pass},
    records::{Account, key as base},
    refusal::Refusal,
    sealed::{
        SealedAccount, SealedEvent, SealedGate, SealedPart, SealedRefusal, Setup, admission_facts,
        basis, key,
    },
    state::Read,
};
use commonware_codec::{Encode as _, EncodeSize as _};
use gridaccord_model::MemberId;
use gridaccord_sealed::{
    Refusal as ProofRefusal,
    submission::{Body, SUBMISSION_SIZE_MAX, Submission},
    sums::CURVES_MAX,
};

impl<R: Read> Run<'_, R> {
    pub(super) fn take_curve(
        &mut self,
        setup: &Setup,
        author: MemberId,
        claimed: Digest,
        submission: &Submission,
    ) -> Step {
        let id = submission.gate;
        self.store.touch([key::gate(id), key::part(id, author), base::account(author)]);
        let mut gate = pass!(self.open_gate(id)?);
        if submission.participant != author {
            return refuse(ProofRefusal::WrongPlace);
        }
        let size = submission.encode_size();
        if size > SUBMISSION_SIZE_MAX {
            return refuse(SealedRefusal::TooLarge(size));
        }
        let facts =
            pass!(found(admission_facts(&mut self.store, &self.params, setup, &gate, author)?));
        let mut sealed: SealedGate = self.store.get(&key::gate(id))?;
        match self.store.find::<SealedPart>(&key::part(id, author))? {
            Some(part) if part.curve.is_some() => return refuse(ProofRefusal::CurveStands),
            Some(_) => return refuse(SealedRefusal::BondLost),
            None => {}
        }
        if basis(&facts) != claimed {
            return refuse(SealedRefusal::BasisStale);
        }
        let mut account: Account = self.store.get(&base::account(author))?;
        let bond = setup.terms.bond;
        let free = account.stake.saturating_sub(account.held);
        if u64::from(bond) > free {
            return refuse(SealedRefusal::BondAboveStake { bond: u64::from(bond), free });
        }
        if usize::from(sealed.posted) >= CURVES_MAX {
            return Ok(Err(Refusal::GateFull(id)));
        }
        let page = self.next_roster(sealed.posted, |page| key::roster(id, page))?;
        let limit: crate::sealed::LimitRecord = self.store.get(&key::limit(author))?;
        let mut money: SealedAccount = self.store.get(&key::account(author))?;
        let verdict = self.verify_curve(submission, &facts)?;
        if let Err(refusal) = verdict
            && !is_false(refusal)
        {
            return refuse(refusal);
        }

        // From here on the member has its one posting of this gate, good or bad.
        account.held = account.held.saturating_add(u64::from(bond));
        self.store.put(base::account(author), &account);
        let mut part = SealedPart { curve: None, limit: limit.body, bond, metered: None };
        match verdict {
            Ok(()) => {
                let body = self.store.append(submission.encode());
                part.curve = Some(body);
                money.unbilled = money.unbilled.saturating_add(1);
                self.store.put(key::account(author), &money);
                gate.book.market = gate.book.market.saturating_add(1);
                let firm = matches!(submission.body, Body::Firm(_));
                self.emit(SealedEvent::CurveTaken { gate: id, member: author, body, firm });
            }
            Err(refusal) => {
                part.bond = 0;
                self.forfeit(id, author, bond, refusal.rule())?;
            }
        }
        self.enter(page, author);
        sealed.posted = sealed.posted.saturating_add(1);
        self.store.put(key::part(id, author), &part);
        self.store.put(key::gate(id), &sealed);
        self.store.put(base::gate(id), &gate);
        Ok(Ok(()))
    }
}
