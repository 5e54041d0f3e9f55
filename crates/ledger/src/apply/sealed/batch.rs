//! Proofs of a block, verified together: a curve in a batch of 57 costs a sixth of one alone.
//!
//! Before commands run, proofs of all curves and readings in the block are verified at once, each against the facts of
//! that moment. When its turn comes, a command's verdict is used only if it is judged by the very same facts; else the
//! proof is verified again. So what a block decides does not depend on what was verified early.

use super::Run;
use crate::{
    Command, Digest, SignedCommand,
    gate::{Gate, Phase},
    records::key as base,
    sealed::{
        SealedCommand, SealedGate, SealedPart, Setup, Stage, admission_facts, basis, deviation_of,
        key, meter,
    },
    state::Read,
    store::Stop,
};
use commonware_codec::Encode as _;
use commonware_cryptography::{Hasher as _, Sha256};
use gridaccord_model::MemberId;
use gridaccord_sealed::{
    Refusal as ProofRefusal,
    deviation::{Deviation, DeviationFacts},
    metering::{MeterFacts, Reading},
    statement::{Proof, Provable as _, Statement, verify_statements},
    submission::{Admission, Submission},
};
use std::collections::{BTreeMap, BTreeSet};

/// What was found of proofs, by what was proven and by which facts.
pub(in crate::apply) type Verdicts = BTreeMap<Digest, Result<(), ProofRefusal>>;

/// Statements of one command, each with its proof.
struct Job<'a> {
    name: Digest,
    statements: Result<Vec<(Statement, &'a Proof)>, ProofRefusal>,
}

fn curve_job<'a>(submission: &'a Submission, facts: &Admission) -> Job<'a> {
    let name = Sha256::hash(&[b"curve", &basis(facts).encode(), &submission.encode()]);
    let statements =
        submission.statement(facts).map(|statement| vec![(statement, submission.proof())]);
    Job { name, statements }
}

fn metering_job<'a>(
    (reading, facts): (&'a Reading, &MeterFacts),
    (deviation, judged): (&'a Deviation, &DeviationFacts),
) -> Job<'a> {
    let name = Sha256::hash(&[
        b"metering",
        &facts.gate.encode(),
        &facts.limit.hash().encode(),
        &facts.agent.encode(),
        &facts.sequence.encode(),
        &judged.set_point.encode(),
        &reading.encode(),
        &deviation.encode(),
    ]);
    let statements = reading.statement(facts).and_then(|first| {
        let second = deviation.statement(judged)?;
        Ok(vec![(first, reading.proof()), (second, deviation.proof())])
    });
    Job { name, statements }
}

/// Verifies jobs in one batch.
fn judge(jobs: &[Job<'_>]) -> Verdicts {
    let mut verdicts: Verdicts = BTreeMap::new();
    let mut batch: Vec<(&Statement, &Proof)> = Vec::new();
    let mut owners: Vec<Digest> = Vec::new();
    for job in jobs {
        verdicts.insert(job.name, job.statements.as_ref().map(|_| ()).map_err(|error| *error));
        for (statement, proof) in job.statements.iter().flatten() {
            batch.push((statement, proof));
            owners.push(job.name);
        }
    }
    for (position, refusal) in verify_statements(&batch) {
        if let Some(name) = owners.get(position) {
            verdicts.insert(*name, Err(refusal));
        }
    }
    verdicts
}

impl<R: Read> Run<'_, R> {
    pub(super) fn verify_curve(
        &mut self,
        submission: &Submission,
        facts: &Admission,
    ) -> Result<Result<(), ProofRefusal>, Stop> {
        self.verify_job(&curve_job(submission, facts))
    }

    pub(super) fn verify_metering(
        &mut self,
        reading: (&Reading, &MeterFacts),
        deviation: (&Deviation, &DeviationFacts),
    ) -> Result<Result<(), ProofRefusal>, Stop> {
        self.verify_job(&metering_job(reading, deviation))
    }

    /// A round that lacks records only finds out what it lacks, so it verifies nothing.
    fn verify_job(&mut self, job: &Job<'_>) -> Result<Result<(), ProofRefusal>, Stop> {
        if !self.store.is_complete() {
            return Err(Stop);
        }
        if let Some(verdict) = self.verdicts.get(&job.name) {
            return Ok(*verdict);
        }
        Ok(judge(core::slice::from_ref(job)).remove(&job.name).unwrap_or(Ok(())))
    }

    /// Verifies what of the block's proofs can be judged before its commands run.
    pub(in crate::apply) fn verify_early(&mut self, commands: &[SignedCommand]) {
        let Some(setup) = self.setup else { return };
        let mut jobs = Vec::new();
        // One posting a member, gate and kind: more would be refused, and must not cost a verification each.
        let mut seen = BTreeSet::new();
        for signed in commands {
            let Command::Sealed { sealed } = &signed.command else { continue };
            if !seen.insert((signed.member, sealed.0.gate(), sealed.0.name())) {
                continue;
            }
            if let Ok(Some(job)) = self.early_job(&setup, signed.member, sealed.0.as_ref()) {
                jobs.push(job);
            }
        }
        if self.store.is_complete() && jobs.len() > 1 {
            self.verdicts = judge(&jobs);
        }
    }

    fn early_job<'c>(
        &mut self,
        setup: &Setup,
        author: MemberId,
        command: &'c SealedCommand,
    ) -> Result<Option<Job<'c>>, Stop> {
        let Some(id) = command.gate().filter(|id| self.head.is_live(*id)) else { return Ok(None) };
        self.store.touch([key::gate(id), key::part(id, author), base::account(author)]);
        let gate: Gate = self.store.get(&base::gate(id))?;
        match (command, &gate.phase) {
            (SealedCommand::Curve { basis: claimed, submission }, Phase::Open { .. })
                if submission.participant == author =>
            {
                if self.store.find::<SealedPart>(&key::part(id, author))?.is_some() {
                    return Ok(None);
                }
                let facts = admission_facts(&mut self.store, &self.params, setup, &gate, author)?;
                let facts = facts.ok().filter(|facts| basis(facts) == *claimed);
                Ok(facts.map(|facts| curve_job(submission, &facts)))
            }
            (
                SealedCommand::Meter { reading, deviation },
                Phase::Sealed { stage: Stage::Dispatched { .. } },
            ) if reading.participant == author && self.head.now >= gate.interval.end() => {
                let part = self.store.find::<SealedPart>(&key::part(id, author))?;
                let Some(part) = part
                    .filter(|part| part.curve.is_some() && part.metered.is_none() && part.bond > 0)
                else {
                    return Ok(None);
                };
                let sealed: SealedGate = self.store.get(&key::gate(id))?;
                let search = self.search(setup, &gate, &sealed);
                let facts = meter(&mut self.store, &self.params, setup, &gate, author, &part);
                let (search, facts) = (search?, facts?);
                let registers = &reading.registers;
                let judged = deviation_of(&mut self.store, &facts, &search, &part, registers)?;
                Ok(Some(metering_job((reading, &facts), (deviation, &judged))))
            }
            _ => Ok(None),
        }
    }
}
