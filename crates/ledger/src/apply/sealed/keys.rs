//! Key generation by commands: enrolment, dealings, complaints, and the key that is left of them.
//!
//! The next epoch's key is generated while the gates of this one run. If it fails, it is begun again; meanwhile the
//! old key serves one more epoch, and then gates fail by name.

use super::{Run, refuse};
use crate::{
    apply::commands::Step,
    records::{Account, Owner, key as base},
    sealed::{
        Dealt, EpochRecord, Generation, HolderRecord, SealedEvent, SealedHead, SealedRefusal,
        Setup, StoredCommittee, committee, key, stored_dealing,
    },
    state::{BodyId, Read},
    store::Stop,
    trust,
};
use commonware_codec::Encode as _;
use gridaccord_model::MemberId;
use gridaccord_sealed::{
    enrolment::{Enrolment, absent_key},
    group::Point,
    keygen::{Complaint, Complaints, Dealing, Dealings, KeygenError},
};

impl<R: Read> Run<'_, R> {
    fn holders(&mut self, head: &SealedHead) -> Result<Vec<HolderRecord>, Stop> {
        let keys: Vec<_> = (0..head.holders).map(key::holder).collect();
        self.store.get_all(&keys)
    }

    /// Rule X1.
    pub(super) fn holder(&mut self, head: &SealedHead, position: u16) -> Step<HolderRecord> {
        if position >= head.holders {
            return refuse(SealedRefusal::NotHolder);
        }
        Ok(Ok(self.store.get(&key::holder(position))?))
    }

    fn own_holder(
        &mut self,
        head: &SealedHead,
        position: u16,
        author: MemberId,
    ) -> Step<HolderRecord> {
        match self.holder(head, position)? {
            Ok(holder) if holder.member == author => Ok(Ok(holder)),
            Ok(_) => refuse(SealedRefusal::NotHolder),
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    pub(super) fn enrol(&mut self, author: MemberId, position: u16, enrolment: &Enrolment) -> Step {
        let mut head: SealedHead = self.store.get(&key::head())?;
        let mut holder = match self.own_holder(&head, position, author)? {
            Ok(holder) => holder,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let runs =
            matches!(head.generation, Generation::Dealing { .. } | Generation::Complaining { .. });
        if runs {
            return refuse(SealedRefusal::GenerationStep);
        }
        let others = self.holders(&head)?;
        let taken = others.iter().any(|other| other.encryption == Some(enrolment.key));
        if taken || !enrolment.holds(&self.params.chain, position) {
            return refuse(SealedRefusal::EnrolmentFalse);
        }
        if holder.encryption.is_none() {
            head.enrolled = head.enrolled.saturating_add(1);
            self.store.put(key::head(), &head);
        }
        holder.encryption = Some(enrolment.key);
        self.store.put(key::holder(position), &holder);
        self.emit(SealedEvent::Enrolled { holder: position });
        Ok(Ok(()))
    }

    pub(super) fn take_dealing(&mut self, author: MemberId, dealing: &Dealing) -> Step {
        let mut head: SealedHead = self.store.get(&key::head())?;
        let Generation::Dealing { serves, until, dealt, committee: keys } = head.generation else {
            return refuse(SealedRefusal::GenerationStep);
        };
        let dealer = dealing.dealer;
        if let Err(refusal) = self.own_holder(&head, dealer, author)? {
            return Ok(Err(refusal));
        }
        if self.store.find::<Dealt>(&key::dealing(head.run, dealer))?.is_some() {
            return refuse(SealedRefusal::Keygen(KeygenError::DealtTwice(dealer)));
        }
        let committee = committee(&mut self.store, &self.params, head.run, keys)?;
        if let Err(error) = Dealings::open(committee).post(dealing.clone()) {
            return refuse(SealedRefusal::Keygen(error));
        }
        let body = self.store.append(dealing.encode());
        self.store.put(key::dealing(head.run, dealer), &Dealt { body, upheld: false });
        let dealt = dealt.saturating_add(1);
        head.generation = Generation::Dealing { serves, until, dealt, committee: keys };
        self.store.put(key::head(), &head);
        self.emit(SealedEvent::Dealt { epoch: head.run, dealer });
        Ok(Ok(()))
    }

    /// A founded complaint puts the dealer out, an unfounded one is the complainer's fault: either way the command
    /// is taken, for it is the evidence.
    pub(super) fn take_complaint(
        &mut self,
        setup: &Setup,
        author: MemberId,
        complaint: &Complaint,
    ) -> Step {
        let head: SealedHead = self.store.get(&key::head())?;
        let Generation::Complaining { committee: keys, .. } = head.generation else {
            return refuse(SealedRefusal::GenerationStep);
        };
        let (dealer, receiver) = (complaint.dealer, complaint.receiver);
        if let Err(refusal) = self.own_holder(&head, receiver, author)? {
            return Ok(Err(refusal));
        }
        let Some(mut dealt) = self.store.find::<Dealt>(&key::dealing(head.run, dealer))? else {
            return refuse(SealedRefusal::Keygen(KeygenError::Unknown(dealer)));
        };
        if dealt.upheld {
            return refuse(SealedRefusal::DealerOut);
        }
        let mut phase = self.complaints(&head, keys, &[dealt])?;
        match phase.post(complaint) {
            Ok(()) => {
                dealt.upheld = true;
                self.store.put(key::dealing(head.run, dealer), &dealt);
                self.emit(SealedEvent::DealerOut { epoch: head.run, dealer, receiver });
                self.fault(setup, &head, head.run, dealer, author)?;
                Ok(Ok(()))
            }
            Err(KeygenError::ComplaintUnfounded { .. }) => {
                if self.fault(setup, &head, head.run, receiver, author)? {
                    Ok(Ok(()))
                } else {
                    refuse(SealedRefusal::FaultKnown)
                }
            }
            Err(error) => refuse(SealedRefusal::Keygen(error)),
        }
    }

    /// These dealings, in the phase that judges complaints.
    fn complaints(
        &mut self,
        head: &SealedHead,
        keys: BodyId,
        dealt: &[Dealt],
    ) -> Result<Complaints, Stop> {
        let bodies: Vec<BodyId> = dealt.iter().map(|dealt| dealt.body).collect();
        let bodies = self.store.bodies(&bodies);
        let committee = committee(&mut self.store, &self.params, head.run, keys)?;
        let mut dealings = Dealings::open(committee);
        for body in bodies? {
            dealings.post(stored_dealing(body)).expect("a dealing that stands was checked");
        }
        Ok(dealings.close())
    }

    /// A holder is at fault: tokens and trust go, a tenth of the tokens to who showed it. Once in each epoch: `false`
    /// where it was punished before.
    pub(super) fn fault(
        &mut self,
        setup: &Setup,
        head: &SealedHead,
        epoch: u64,
        position: u16,
        finder: MemberId,
    ) -> Result<bool, Stop> {
        let holders = self.holders(head)?;
        let known = |holder: &&HolderRecord| holder.faulted != epoch;
        let Some(mut holder) = holders.get(usize::from(position)).filter(known).cloned() else {
            return Ok(false);
        };
        self.store.touch([base::account(holder.member), base::owner(holder.owner)]);
        let account: Account = self.store.get(&base::account(holder.member))?;
        let owner: Owner = self.store.get(&base::owner(holder.owner))?;
        let before = holders.iter().filter(|other| other.faulted == epoch).count();
        let ppm = trust::correlated_slash_ppm(before.saturating_add(1), self.params.owners);
        let share = u128::from(account.stake).saturating_mul(u128::from(ppm)).div_euclid(1_000_000);
        let tokens =
            u64::try_from(share).unwrap_or(u64::MAX).saturating_add(u64::from(setup.terms.bond));
        let lost = self.take_tokens(holder.member, tokens, 0, Some(finder))?;
        let index_ppm = trust::reduced(owner.index_ppm, self.rules.trust.beta_false_ppm);
        self.store.put(base::owner(holder.owner), &Owner { index_ppm });
        holder.faulted = epoch;
        self.store.put(key::holder(position), &holder);
        let (member, owner) = (holder.member, holder.owner);
        self.emit(SealedEvent::HolderFault { holder: position, member, lost, owner, index_ppm });
        Ok(true)
    }

    /// Moves key generation on, at the end of a block.
    pub(super) fn tend_keys(&mut self, setup: &Setup) -> Result<(), Stop> {
        let head: SealedHead = self.store.get(&key::head())?;
        let height = self.block.height;
        match head.generation {
            Generation::Idle {} => match self.wanted(setup, &head) {
                Some(serves) => self.start_generation(setup, head, serves),
                None => Ok(()),
            },
            Generation::Enrolling { until } => {
                let faults = head.holders.saturating_sub(1) / 3;
                let enough = head.enrolled >= head.holders.saturating_sub(faults);
                if head.enrolled >= head.holders || (height >= until && enough) {
                    self.start_generation(setup, head, 1)
                } else {
                    Ok(())
                }
            }
            Generation::Dealing { serves, until, dealt, committee } => {
                if dealt < head.holders && height < until {
                    return Ok(());
                }
                let until = height.saturating_add(u64::from(setup.terms.key_window));
                let generation = Generation::Complaining { serves, until, committee };
                self.store.put(key::head(), &SealedHead { generation, ..head });
                self.emit(SealedEvent::DealingsClosed { epoch: head.run, until });
                Ok(())
            }
            Generation::Complaining { serves, until, committee } if height >= until => {
                self.finish_generation(head, serves, committee)
            }
            Generation::Complaining { .. } => Ok(()),
        }
    }

    /// The epoch of gates that lacks a key: this one, or the next.
    fn wanted(&self, setup: &Setup, head: &SealedHead) -> Option<u64> {
        let now = setup.epoch_of(self.head.next_gate);
        let wanted = if head.serves < now { now } else { now.saturating_add(1) };
        let gates = u64::from(setup.terms.epoch_gates.max(1));
        let first = wanted.saturating_sub(1).saturating_mul(gates);
        let exists = self.params.market.has(gridaccord_model::GateId(first));
        (exists && head.serves < wanted).then_some(wanted)
    }

    fn start_generation(
        &mut self,
        setup: &Setup,
        mut head: SealedHead,
        serves: u64,
    ) -> Result<(), Stop> {
        let chain = self.params.chain;
        let keys: Vec<Point> = (0u16..)
            .zip(self.holders(&head)?)
            .map(|(position, holder)| {
                holder.encryption.unwrap_or_else(|| absent_key(&chain, position))
            })
            .collect();
        let keys = StoredCommittee::new(keys).expect("genesis bounds validators");
        let committee = self.store.append(keys.encode());
        head.run = head.run.saturating_add(1);
        let until = self.block.height.saturating_add(u64::from(setup.terms.key_window));
        head.generation = Generation::Dealing { serves, until, dealt: 0, committee };
        self.store.put(key::head(), &head);
        self.emit(SealedEvent::GenerationStarted { epoch: head.run, until });
        Ok(())
    }

    fn finish_generation(
        &mut self,
        mut head: SealedHead,
        serves: u64,
        committee: BodyId,
    ) -> Result<(), Stop> {
        let keys: Vec<_> =
            (0..head.holders).map(|position| key::dealing(head.run, position)).collect();
        let dealt: Vec<Option<Dealt>> = self.store.find_all(&keys)?;
        let qualified: Vec<Dealt> =
            dealt.into_iter().flatten().filter(|dealt| !dealt.upheld).collect();
        let phase = self.complaints(&head, committee, &qualified)?;
        let count = u16::try_from(qualified.len()).unwrap_or(u16::MAX);
        head.generation = Generation::Idle {};
        let epoch = head.run;
        match phase.close() {
            Ok(made) => {
                let body = self.store.append(made.encode());
                let key = made.key();
                self.store.put(key::epoch(epoch), &EpochRecord { key, body, committee });
                head.epoch = epoch;
                head.serves = serves;
                self.emit(SealedEvent::KeyReady { epoch, key, qualified: count });
            }
            Err(_) => self.emit(SealedEvent::KeyFailed { epoch, qualified: count }),
        }
        self.store.put(key::head(), &head);
        Ok(())
    }
}
