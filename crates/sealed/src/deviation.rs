//! Deviation from the set point: paid for without a division and without showing it.
//!
//! D = S·e − Δt·(S·g) is derived by everybody. The member posts W with S·W − D ≥ 0 and S·W + D ≥ 0, so that
//! W ≥ |D|/S joules, and pays κ·W: least when W = ⌈|D|/S⌉. A third range, Δt·(C + L) − W ≥ 0, keeps a member
//! from overdrawing its account into another's pocket. Who posts no W owes Δt·(C + L).

use crate::{
    group::{Commitment, Opening, combine},
    limit::{LimitOpenings, LiveLimit},
    range::Width,
    refusal::Refusal,
    statement::{Form, Proof, Provable, Statement, Verified, Witness},
    submission::{SealError, WireVersion},
    tariff::SCALE,
    transcript::GateFacts,
};
use gridaccord_model::{GateId, MemberId, codec_struct};
use rand_core::CryptoRng;

/// A deviation bound as posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deviation {
    /// Wire format.
    pub version: WireVersion,
    /// The interval's gate.
    pub gate: GateId,
    /// Whose.
    pub participant: MemberId,
    /// Com(W), J.
    pub bound: Commitment,
    /// W covers D, and no more than the limits allow.
    pub proof: Proof,
}

codec_struct!(Deviation { version, gate, participant, bound, proof });

/// Public state a deviation is judged by.
#[derive(Clone, Debug)]
pub struct DeviationFacts {
    /// The gate of the interval.
    pub gate: GateFacts,
    /// The device's live limit.
    pub limit: LiveLimit,
    /// S·Com(g); Com(0; 0) for a member without a curve.
    pub set_point: Commitment,
    /// Com(e), J.
    pub net: Commitment,
}

impl DeviationFacts {
    /// Com(D): S·e − Δt·(S·g).
    #[must_use]
    pub fn difference(&self) -> Commitment {
        let duration = i128::from(self.gate.interval.duration_s);
        combine(&[(SCALE, &self.net), (duration.saturating_neg(), &self.set_point)], 0)
    }

    /// Com(Δt·(C + L)): what is owed without a bound in time.
    #[must_use]
    pub fn at_limit(&self) -> Commitment {
        let duration = i128::from(self.gate.interval.duration_s);
        let limit = self.limit.limit();
        combine(&[(duration, &limit.export), (duration, &limit.import)], 0)
    }

    fn statement(&self, bound: Commitment) -> Result<Statement, Refusal> {
        let limit = self.limit.limit();
        let duration = i128::from(self.gate.interval.duration_s);
        let wide = |terms: &[(u16, i128)]| Form::new(Width::Bits64, terms, 0);
        Ok(Statement {
            domain: b"deviation",
            place: self.limit.place(&self.gate)?,
            publics: vec![SCALE, duration],
            points: vec![bound, self.difference(), limit.export, limit.import],
            ciphers: Vec::new(),
            forms: vec![
                wide(&[(0, SCALE), (1, -1)]),
                wide(&[(0, SCALE), (1, 1)]),
                wide(&[(2, duration), (3, duration), (0, -1)]),
            ],
        })
    }
}

impl Provable for Deviation {
    type Facts = DeviationFacts;

    fn statement(&self, facts: &DeviationFacts) -> Result<Statement, Refusal> {
        if self.gate != facts.gate.gate || self.participant != facts.limit.limit().participant {
            return Err(Refusal::WrongPlace);
        }
        facts.statement(self.bound)
    }

    fn proof(&self) -> &Proof {
        &self.proof
    }
}

/// A deviation bound that holds.
pub type VerifiedDeviation = Verified<Deviation>;

/// The plaintext twin: the honest W for net energy e in J and scaled set point S·g in W/S.
#[must_use]
pub fn honest_bound(net: i128, scaled: i128, duration_s: u32) -> Option<i128> {
    let difference =
        SCALE.checked_mul(net)?.checked_sub(scaled.checked_mul(i128::from(duration_s))?)?;
    difference.checked_abs()?.checked_add(SCALE.checked_sub(1)?)?.checked_div_euclid(SCALE)
}

/// Posts the honest W, and its opening.
///
/// # Errors
/// The member was outside its limits, or beyond the widths' bounds.
pub fn post_deviation(
    facts: &DeviationFacts,
    scaled: &Opening,
    net: &Opening,
    limits: &LimitOpenings,
    rng: &mut impl CryptoRng,
) -> Result<(Deviation, Opening), SealError> {
    let honest = honest_bound(net.value, scaled.value, facts.gate.interval.duration_s);
    post_bound(facts, honest.ok_or(Refusal::Bounds)?, (scaled, net), limits, rng)
}

/// Posts a W of the member's choice: more than the honest one costs it more, less cannot be proven.
///
/// # Errors
/// W does not cover the deviation, or exceeds what the limits allow.
pub fn post_bound(
    facts: &DeviationFacts,
    bound: i128,
    (scaled, net): (&Opening, &Opening),
    limits: &LimitOpenings,
    rng: &mut impl CryptoRng,
) -> Result<(Deviation, Opening), SealError> {
    let duration = i128::from(facts.gate.interval.duration_s);
    let difference = Opening::combine(&[(SCALE, net), (duration.saturating_neg(), scaled)], 0)
        .ok_or(Refusal::Bounds)?;
    let bound = Opening::hide(bound, rng);
    let statement = facts.statement(bound.commit())?;
    let openings = vec![&bound, &difference, &limits.export, &limits.import];
    let proof = statement.prove(&Witness { openings, nonces: Vec::new() }, rng)?;
    let posting = Deviation {
        version: WireVersion,
        gate: facts.gate.gate,
        participant: facts.limit.limit().participant,
        bound: bound.commit(),
        proof,
    };
    Ok((posting, bound))
}
