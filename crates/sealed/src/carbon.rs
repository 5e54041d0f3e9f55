//! The carbon gate of sealed mode: forbidden classes and confidential allowances.
//!
//! A forbidden class must hold a public zero export limit (`limit`). Where emission is capped, allowances in
//! mg are issued as commitments that provably are not negative and publicly sum to the cap; the curve proof
//! shows that the allowance covers the export at the cap price (`submission`), and after metering f·E⁺ is
//! burned. Allowances count in mg·J/kWh, 3,600,000 to 1 mg. Σ emitted ≤ cap follows from conservation; Σ f·g
//! is never opened, which would expose a single fossil resource.

use crate::{
    group::{Commitment, Opening, combine},
    range::Width,
    refusal::Refusal,
    statement::{Form, Proof, Provable, ProveError, Statement, Verified, Witness},
    submission::WireVersion,
    tariff::MONEY_PER_MICRO,
    transcript::{GateFacts, Place},
};
use commonware_cryptography::sha256::Digest;
use curve25519_dalek::Scalar;
use gridaccord_model::{CarbonMg, GateId, MemberId, codec::Bounded, codec_struct};
use rand_core::CryptoRng;

/// Quanta of an allowance in 1 mg.
pub const ALLOWANCE_PER_MG: i128 = MONEY_PER_MICRO;
/// Most allowances issued at once: one range proof covers them.
pub const ALLOWANCES_MAX: usize = 32;

/// An issue of allowances under one boundary's cap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// Wire format.
    pub version: WireVersion,
    /// Who issues.
    pub issuer: MemberId,
    /// Com(A_m), mg·J/kWh, in members' order.
    pub allowances: Bounded<Commitment, ALLOWANCES_MAX>,
    /// Σ of the blindings: with it everybody checks the sum against the cap.
    pub blinding: crate::group::WireScalar,
    /// No allowance is negative.
    pub proof: Proof,
}

codec_struct!(Issue { version, issuer, allowances, blinding, proof });

/// What an issue is judged by.
#[derive(Clone, Copy, Debug)]
pub struct IssueFacts {
    /// The cycle it is issued for.
    pub cycle: GateFacts,
    /// Who may issue.
    pub issuer: MemberId,
    /// The boundary's cap.
    pub cap: CarbonMg,
}

impl IssueFacts {
    fn quanta(&self) -> i128 {
        i128::from(self.cap.0).saturating_mul(ALLOWANCE_PER_MG)
    }

    fn statement(&self, allowances: &[Commitment]) -> Statement {
        Statement {
            domain: b"allowances",
            place: Place {
                gate: self.cycle,
                certificate: Digest([0; 32]),
                participant: self.issuer,
            },
            publics: vec![self.quanta()],
            points: allowances.to_vec(),
            ciphers: Vec::new(),
            forms: (0u16..)
                .take(allowances.len())
                .map(|position| Form::new(Width::Bits64, &[(position, 1)], 0))
                .collect(),
        }
    }
}

impl Provable for Issue {
    type Facts = IssueFacts;

    fn statement(&self, facts: &IssueFacts) -> Result<Statement, Refusal> {
        if self.issuer != facts.issuer {
            return Err(Refusal::WrongPlace);
        }
        let all: Vec<(i128, &Commitment)> =
            self.allowances.iter().map(|allowance| (1, allowance)).collect();
        if !combine(&all, 0).opens_to(facts.quanta(), &self.blinding.0) {
            return Err(Refusal::SplitTotal);
        }
        Ok(facts.statement(&self.allowances))
    }

    fn proof(&self) -> &Proof {
        &self.proof
    }
}

/// Issues allowances in mg; their openings go to the members.
///
/// # Errors
/// One is negative, or there are more than [`ALLOWANCES_MAX`].
pub fn issue_allowances(
    facts: &IssueFacts,
    amounts: &[CarbonMg],
    rng: &mut impl CryptoRng,
) -> Result<(Issue, Vec<Opening>), ProveError> {
    let openings: Vec<Opening> = amounts
        .iter()
        .map(|amount| Opening::hide(i128::from(amount.0).saturating_mul(ALLOWANCE_PER_MG), rng))
        .collect();
    let allowances: Vec<Commitment> = openings.iter().map(Opening::commit).collect();
    let witness = Witness { openings: openings.iter().collect(), nonces: Vec::new() };
    let proof = facts.statement(&allowances).prove(&witness, rng)?;
    let blinding: Scalar = openings.iter().map(|opening| opening.blinding).sum();
    let issue = Issue {
        version: WireVersion,
        issuer: facts.issuer,
        allowances: Bounded::new(allowances).map_err(|_| ProveError::Shape)?,
        blinding: crate::group::WireScalar(blinding),
        proof,
    };
    Ok((issue, openings))
}

/// Burning what was emitted: the allowance that is left is not negative.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Burn {
    /// Wire format.
    pub version: WireVersion,
    /// The interval's gate.
    pub gate: GateId,
    /// Whose.
    pub participant: MemberId,
    /// What is left is not negative.
    pub proof: Proof,
}

codec_struct!(Burn { version, gate, participant, proof });

/// What a burn is judged by.
#[derive(Clone, Copy, Debug)]
pub struct BurnFacts {
    /// The gate of the interval.
    pub gate: GateFacts,
    /// Whose.
    pub participant: MemberId,
    /// Com(A) before.
    pub allowance: Commitment,
    /// Com(E⁺), J.
    pub injected: Commitment,
    /// f, mg per kWh.
    pub carbon_mg_per_kwh: u32,
}

impl BurnFacts {
    /// Com(A) after: A − f·E⁺.
    #[must_use]
    pub fn left(&self) -> Commitment {
        combine(
            &[
                (1, &self.allowance),
                (i128::from(self.carbon_mg_per_kwh).saturating_neg(), &self.injected),
            ],
            0,
        )
    }

    fn statement(&self) -> Statement {
        let factor = i128::from(self.carbon_mg_per_kwh);
        Statement {
            domain: b"burn",
            place: Place {
                gate: self.gate,
                certificate: Digest([0; 32]),
                participant: self.participant,
            },
            publics: vec![factor],
            points: vec![self.allowance, self.injected],
            ciphers: Vec::new(),
            forms: vec![Form::new(Width::Bits64, &[(0, 1), (1, factor.saturating_neg())], 0)],
        }
    }
}

impl Provable for Burn {
    type Facts = BurnFacts;

    fn statement(&self, facts: &BurnFacts) -> Result<Statement, Refusal> {
        if self.gate != facts.gate.gate || self.participant != facts.participant {
            return Err(Refusal::WrongPlace);
        }
        Ok(facts.statement())
    }

    fn proof(&self) -> &Proof {
        &self.proof
    }
}

/// Evidence that a burn left the allowance at or above zero.
pub type VerifiedBurn = Verified<Burn>;

/// Burns what was emitted; gives the opening of what is left.
///
/// # Errors
/// More was emitted than the allowance covers: nothing can be proven, a fault.
pub fn burn_allowance(
    facts: &BurnFacts,
    allowance: &Opening,
    injected: &Opening,
    rng: &mut impl CryptoRng,
) -> Result<(Burn, Opening), ProveError> {
    let witness = Witness { openings: vec![allowance, injected], nonces: Vec::new() };
    let proof = facts.statement().prove(&witness, rng)?;
    let factor = i128::from(facts.carbon_mg_per_kwh).saturating_neg();
    let left =
        Opening::combine(&[(1, allowance), (factor, injected)], 0).ok_or(ProveError::Shape)?;
    let burn =
        Burn { version: WireVersion, gate: facts.gate.gate, participant: facts.participant, proof };
    Ok((burn, left))
}
