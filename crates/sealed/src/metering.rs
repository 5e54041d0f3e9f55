//! Readings: committed energy within the certified limits, signed and in sequence.
//!
//! Two registers where power flows both ways: injected and absorbed energy, each ≥ 0 and ≤ Δt·limit. Net
//! energy e is their difference. A commitment proves consistency, not the truth of a meter: that rests on the
//! meter's signature and on the energy balance. A reading that does not arrive counts as the limit.

use crate::{
    group::{Commitment, Opening, combine},
    limit::{LimitOpenings, LiveLimit},
    range::Width,
    refusal::Refusal,
    statement::{Form, Proof, Provable, Statement, Verified, Witness},
    submission::{SealError, WireVersion},
    transcript::{GateFacts, Place},
};
use commonware_codec::Encode as _;
use commonware_cryptography::{Signer as _, Verifier as _, ed25519};
use gridaccord_model::{GateId, Joules, MemberId, Watts, codec_enum, codec_struct};
use rand_core::CryptoRng;

/// Domain of readings' signatures.
const NAMESPACE: &[u8] = b"gridaccord/sealed/reading/v1";

/// Whose key a reading is signed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignedBy {
    /// The certified meter itself.
    Meter,
    /// The member's agent, on the meter's behalf.
    Agent,
}

codec_enum!(SignedBy { Meter = 0, Agent = 1 });

/// Energy of one interval, committed. Com(0; 0) is a register the device does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registers {
    /// Energy that entered the bus, J.
    pub injected: Commitment,
    /// Energy that left the bus, J.
    pub absorbed: Commitment,
}

codec_struct!(Registers { injected, absorbed });

impl Registers {
    /// Com(e), net energy: injected less absorbed.
    #[must_use]
    pub fn net(&self) -> Commitment {
        combine(&[(1, &self.injected), (-1, &self.absorbed)], 0)
    }

    /// What a missing interval counts as: absorbed at the limit, nothing injected.
    #[must_use]
    pub fn at_limit(limit: &LiveLimit, duration_s: u32) -> Self {
        let absorbed = combine(&[(i128::from(duration_s), &limit.limit().import)], 0);
        Self { injected: Commitment::zero(), absorbed }
    }
}

/// A reading as posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Wire format.
    pub version: WireVersion,
    /// The interval's gate.
    pub gate: GateId,
    /// Whose meter.
    pub participant: MemberId,
    /// Rises by one with every reading of a device.
    pub sequence: u64,
    /// The energy.
    pub registers: Registers,
    /// Who signed.
    pub signed_by: SignedBy,
    /// Over everything above and the place.
    pub signature: ed25519::Signature,
    /// Registers within limits.
    pub proof: Proof,
}

codec_struct!(Reading {
    version,
    gate,
    participant,
    sequence,
    registers,
    signed_by,
    signature,
    proof
});

/// Public state a reading is judged by.
#[derive(Clone, Debug)]
pub struct MeterFacts {
    /// The gate of the interval.
    pub gate: GateFacts,
    /// The device's live limit; names the meter's key.
    pub limit: LiveLimit,
    /// Key of the member's agent.
    pub agent: ed25519::PublicKey,
    /// The sequence number that comes next.
    pub sequence: u64,
    /// Narrow where Δt·rating < 2³² J.
    pub width: Width,
}

/// The width that energy of a rating over an interval needs.
#[must_use]
pub fn energy_width(rating: Watts, duration_s: u32) -> Width {
    match rating.over(duration_s) {
        Some(Joules(energy)) if i128::from(energy) <= Width::Bits32.max() => Width::Bits32,
        _ => Width::Bits64,
    }
}

impl MeterFacts {
    fn message(
        place: &Place,
        sequence: u64,
        registers: &Registers,
        signed_by: SignedBy,
    ) -> Vec<u8> {
        let mut bytes = place.encode().to_vec();
        bytes.extend_from_slice(&sequence.to_be_bytes());
        bytes.extend_from_slice(&registers.encode());
        bytes.extend_from_slice(&signed_by.encode());
        bytes
    }

    fn statement(&self, place: Place, sequence: u64, registers: &Registers) -> Statement {
        let limit = self.limit.limit();
        let duration = i128::from(self.gate.interval.duration_s);
        let form = |terms: &[(u16, i128)]| Form::new(self.width, terms, 0);
        Statement {
            domain: b"reading",
            place,
            publics: vec![i128::from(sequence)],
            points: vec![registers.injected, registers.absorbed, limit.export, limit.import],
            ciphers: Vec::new(),
            forms: vec![
                form(&[(0, 1)]),
                form(&[(1, 1)]),
                form(&[(2, duration), (0, -1)]),
                form(&[(3, duration), (1, -1)]),
            ],
        }
    }
}

impl Provable for Reading {
    type Facts = MeterFacts;

    fn statement(&self, facts: &MeterFacts) -> Result<Statement, Refusal> {
        if self.gate != facts.gate.gate || self.participant != facts.limit.limit().participant {
            return Err(Refusal::WrongPlace);
        }
        if self.sequence != facts.sequence {
            return Err(Refusal::ReadingSequence);
        }
        let key = match self.signed_by {
            SignedBy::Meter => &facts.limit.limit().meter,
            SignedBy::Agent => &facts.agent,
        };
        let place = facts.limit.place(&facts.gate)?;
        let message = MeterFacts::message(&place, self.sequence, &self.registers, self.signed_by);
        if !key.verify(NAMESPACE, &message, &self.signature) {
            return Err(Refusal::ReadingSignature);
        }
        Ok(facts.statement(place, self.sequence, &self.registers))
    }

    fn proof(&self) -> &Proof {
        &self.proof
    }
}

/// A reading that holds.
pub type VerifiedReading = Verified<Reading>;

/// Openings of a reading's registers: the meter's secret, shared with its owner.
#[derive(Debug)]
pub struct ReadingSecret {
    /// Energy that entered the bus.
    pub injected: Opening,
    /// Energy that left the bus.
    pub absorbed: Opening,
}

impl ReadingSecret {
    /// The opening of net energy.
    #[must_use]
    pub fn net(&self) -> Option<Opening> {
        Opening::combine(&[(1, &self.injected), (-1, &self.absorbed)], 0)
    }
}

/// Commits to, proves and signs a reading.
///
/// # Errors
/// A register is negative or above what the limit allows.
pub fn read_meter(
    injected: Joules,
    absorbed: Joules,
    facts: &MeterFacts,
    limits: &LimitOpenings,
    (signed_by, key): (SignedBy, &ed25519::PrivateKey),
    rng: &mut impl CryptoRng,
) -> Result<(Reading, ReadingSecret), SealError> {
    let secret = ReadingSecret {
        injected: Opening::hide(i128::from(injected.0), rng),
        absorbed: Opening::hide(i128::from(absorbed.0), rng),
    };
    let registers =
        Registers { injected: secret.injected.commit(), absorbed: secret.absorbed.commit() };
    let place = facts.limit.place(&facts.gate)?;
    let statement = facts.statement(place, facts.sequence, &registers);
    let openings = vec![&secret.injected, &secret.absorbed, &limits.export, &limits.import];
    let proof = statement.prove(&Witness { openings, nonces: Vec::new() }, rng)?;
    let message = MeterFacts::message(&place, facts.sequence, &registers, signed_by);
    let signature = key.sign(NAMESPACE, &message);
    let reading = Reading {
        version: WireVersion,
        gate: facts.gate.gate,
        participant: facts.limit.limit().participant,
        sequence: facts.sequence,
        registers,
        signed_by,
        signature,
        proof,
    };
    Ok((reading, secret))
}
