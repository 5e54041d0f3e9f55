//! Claims about a committed number against public bounds: "the current is at most 32 A", "the state of charge
//! is at least Y", "between 1 and 3 kWh", and "upstream and downstream meter agree".
//!
//! Any metric a member commits to can be claimed about this way; the unit is the metric's.

use crate::{
    group::{Commitment, Opening},
    range::Width,
    refusal::Refusal,
    statement::{Form, Proof, Provable, ProveError, Statement, Witness},
    submission::WireVersion,
    transcript::Place,
};
use gridaccord_model::{codec::Label, codec_struct};
use rand_core::CryptoRng;

/// Bytes of a metric's name.
pub const METRIC_MAX: usize = 48;

/// What is claimed of a committed number x.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Which metric, in which unit: "current_ma".
    pub metric: Label<METRIC_MAX>,
    /// x ≥ this.
    pub least: i64,
    /// x ≤ this; [`i64::MAX`] leaves it open.
    pub most: i64,
}

codec_struct!(Bounds { metric, least, most });

/// A claim with its proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Wire format.
    pub version: WireVersion,
    /// What is claimed.
    pub bounds: Bounds,
    /// The number, committed.
    pub commitment: Commitment,
    /// It lies within the bounds.
    pub proof: Proof,
}

codec_struct!(Claim { version, bounds, commitment, proof });

/// Where a claim is made, and about which recorded commitment.
#[derive(Clone, Copy, Debug)]
pub struct ClaimFacts {
    /// The place.
    pub place: Place,
    /// The commitment on record.
    pub recorded: Commitment,
}

fn claim_statement(place: Place, bounds: &Bounds, commitment: Commitment) -> Statement {
    let (least, most) = (i128::from(bounds.least), i128::from(bounds.most));
    let mut publics = vec![least, most];
    publics.extend(bounds.metric.bytes().map(i128::from));
    let forms = vec![
        Form::new(Width::Bits64, &[(0, 1)], least.saturating_neg()),
        Form::new(Width::Bits64, &[(0, -1)], most),
    ];
    Statement {
        domain: b"claim",
        place,
        publics,
        points: vec![commitment],
        ciphers: Vec::new(),
        forms,
    }
}

impl Provable for Claim {
    type Facts = ClaimFacts;

    fn statement(&self, facts: &ClaimFacts) -> Result<Statement, Refusal> {
        if self.commitment != facts.recorded {
            return Err(Refusal::WrongPlace);
        }
        Ok(claim_statement(facts.place, &self.bounds, self.commitment))
    }

    fn proof(&self) -> &Proof {
        &self.proof
    }
}

/// Claims that a recorded number lies within bounds.
///
/// # Errors
/// It does not.
pub fn claim(
    place: Place,
    bounds: Bounds,
    number: &Opening,
    rng: &mut impl CryptoRng,
) -> Result<Claim, ProveError> {
    let commitment = number.commit();
    let witness = Witness { openings: vec![number], nonces: Vec::new() };
    let proof = claim_statement(place, &bounds, commitment).prove(&witness, rng)?;
    Ok(Claim { version: WireVersion, bounds, commitment, proof })
}

/// Two meters of one feeder, of two owners: |e_up − e_down| ≤ tolerance, J.
///
/// The prover holds both openings: the pair shares its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeederPair {
    /// Wire format.
    pub version: WireVersion,
    /// The readings agree.
    pub proof: Proof,
}

codec_struct!(FeederPair { version, proof });

/// The two readings a pair is judged by.
#[derive(Clone, Copy, Debug)]
pub struct FeederFacts {
    /// The downstream meter's place.
    pub place: Place,
    /// Com(e) upstream, J.
    pub upstream: Commitment,
    /// Com(e) downstream, J.
    pub downstream: Commitment,
    /// Greatest difference, J.
    pub tolerance: i64,
}

impl FeederFacts {
    fn statement(&self) -> Statement {
        let tolerance = i128::from(self.tolerance);
        let wide = |terms: &[(u16, i128)]| Form::new(Width::Bits64, terms, tolerance);
        Statement {
            domain: b"feeder",
            place: self.place,
            publics: vec![tolerance],
            points: vec![self.upstream, self.downstream],
            ciphers: Vec::new(),
            forms: vec![wide(&[(0, 1), (1, -1)]), wide(&[(0, -1), (1, 1)])],
        }
    }
}

impl Provable for FeederPair {
    type Facts = FeederFacts;

    fn statement(&self, facts: &FeederFacts) -> Result<Statement, Refusal> {
        Ok(facts.statement())
    }

    fn proof(&self) -> &Proof {
        &self.proof
    }
}

/// Proves that a feeder's two meters agree.
///
/// # Errors
/// They do not.
pub fn pair_feeder(
    facts: &FeederFacts,
    upstream: &Opening,
    downstream: &Opening,
    rng: &mut impl CryptoRng,
) -> Result<FeederPair, ProveError> {
    let witness = Witness { openings: vec![upstream, downstream], nonces: Vec::new() };
    Ok(FeederPair { version: WireVersion, proof: facts.statement().prove(&witness, rng)? })
}
