//! Certifiers' word on devices: taken, replaced by a newer one, revoked.

use super::{Run, refuse};
use crate::{
    apply::commands::Step,
    records::{Member, key as base},
    sealed::{
        LimitRecord, SealedAccount, SealedEvent, SealedRefusal, StoredLimit, key, sealed_role,
    },
    state::Read,
};
use commonware_codec::Encode as _;
use gridaccord_model::{Interval, MemberId};
use gridaccord_sealed::limit::{LimitCertificate, Registry};
use std::collections::BTreeSet;

impl<R: Read> Run<'_, R> {
    /// One certificate a member: who has two devices certifies their sum, or is two members.
    pub(super) fn certify(&mut self, author: MemberId, certificate: &LimitCertificate) -> Step {
        let limit = &certificate.limit;
        let participant = limit.participant;
        self.store.touch([
            base::member(author),
            base::member(participant),
            key::limit(participant),
            key::account(participant),
        ]);
        let certifier: Member = self.store.get(&base::member(author))?;
        let member: Option<Member> = self.store.find(&base::member(participant))?;
        let role = member.and_then(|member| sealed_role(member.role));
        if role != Some(limit.role) || limit.device != 0 {
            return refuse(SealedRefusal::CertificateParticipant);
        }
        let account: SealedAccount = self.store.get(&key::account(participant))?;
        let last: Option<LimitRecord> = self.store.find(&key::limit(participant))?;
        if let Some(last) = last.filter(|last| last.serial >= limit.serial) {
            let (given, last) = (limit.serial, last.serial);
            return refuse(SealedRefusal::SerialNotNext { given, last });
        }
        // Of its own first second: in which gates it holds is for admission to say.
        let interval = Interval { start: limit.valid_from, duration_s: 1 };
        let registry = Registry {
            chain: self.params.chain,
            certifier: certifier.key.clone(),
            revoked: BTreeSet::new(),
            forbidden: if account.forbidden {
                BTreeSet::from([limit.source])
            } else {
                BTreeSet::new()
            },
        };
        if let Err(refusal) = certificate.check(participant, interval, &registry) {
            return refuse(refusal);
        }
        let stored = StoredLimit { certificate: certificate.clone(), certifier: certifier.key };
        let body = self.store.append(stored.encode());
        let record = LimitRecord { body, serial: limit.serial, revoked: false };
        self.store.put(key::limit(participant), &record);
        self.emit(SealedEvent::Certified { member: participant, serial: limit.serial });
        Ok(Ok(()))
    }

    /// Curves that stand under the certificate stay: what they promise is pinned to it.
    pub(super) fn revoke(&mut self, participant: MemberId) -> Step {
        let record = self.store.find::<LimitRecord>(&key::limit(participant))?;
        let Some(mut record) = record.filter(|record| !record.revoked) else {
            return refuse(SealedRefusal::NoCertificate(participant));
        };
        record.revoked = true;
        self.store.put(key::limit(participant), &record);
        self.emit(SealedEvent::Revoked { member: participant, serial: record.serial });
        Ok(Ok(()))
    }
}
