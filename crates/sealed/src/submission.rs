//! Posting a curve: commitments, ciphertexts and one proof of everything about them.
//!
//! A curve is 32 ranges of 32 bits and 29 ciphertexts; firm demand is a constant curve, whose being firm is
//! public, and needs 2 ranges and 1 ciphertext. Both prove in 64 bits that the balance covers the largest
//! debit of [`UNBILLED_MAX`] intervals, and an emitting source also that its allowance covers its export.
//! **A submission enters no sum before it is verified**: The closing book takes nothing else.

use crate::{
    curve::Curve,
    group::{Commitment, Opening, combine},
    limit::{LimitOpenings, LiveLimit},
    range::Width,
    refusal::Refusal,
    statement::{Cipher, Form, Proof, Provable, ProveError, Statement, Verified, Witness},
    tariff::{MONEY_PER_MICRO, PRICES, Tariff, UNBILLED_MAX},
    transcript::{GateFacts, Place},
};
use commonware_codec::{Buf, EncodeSize, Error, Read, Write};
use gridaccord_model::{GateId, MemberId, codec_struct};
use rand_core::CryptoRng;

/// Version of the wire format.
pub const VERSION: u8 = 1;
/// Bytes of the largest encoded submission; admission refuses longer ones unread.
pub const SUBMISSION_SIZE_MAX: usize = 8 * 1024;

/// A full curve: one commitment and one ciphertext for each price, and for the reserve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurveBody {
    /// X_1 … X_P.
    pub points: [Commitment; PRICES],
    /// Ciphertexts of x_1 … x_P.
    pub ciphers: [Cipher; PRICES],
    /// Com(r).
    pub reserve: Commitment,
    /// Ciphertext of r.
    pub reserve_cipher: Cipher,
}

codec_struct!(CurveBody { points, ciphers, reserve, reserve_cipher });

/// Firm demand: x < 0 at every price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirmBody {
    /// Com(x).
    pub point: Commitment,
    /// Ciphertext of x.
    pub cipher: Cipher,
}

codec_struct!(FirmBody { point, cipher });

/// What is posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A curve.
    Curve(Box<CurveBody>),
    /// Firm demand.
    Firm(Box<FirmBody>),
}

impl Write for Body {
    fn write(&self, buf: &mut impl bytes::BufMut) {
        match self {
            Self::Curve(body) => {
                0u8.write(buf);
                body.write(buf);
            }
            Self::Firm(body) => {
                1u8.write(buf);
                body.write(buf);
            }
        }
    }
}

impl EncodeSize for Body {
    fn encode_size(&self) -> usize {
        let body = match self {
            Self::Curve(body) => body.encode_size(),
            Self::Firm(body) => body.encode_size(),
        };
        body.saturating_add(1)
    }
}

impl Read for Body {
    type Cfg = ();
    fn read_cfg(buf: &mut impl Buf, (): &()) -> Result<Self, Error> {
        Ok(match u8::read_cfg(buf, &())? {
            0 => Self::Curve(Box::new(CurveBody::read_cfg(buf, &())?)),
            1 => Self::Firm(Box::new(FirmBody::read_cfg(buf, &())?)),
            other => return Err(Error::InvalidEnum(other)),
        })
    }
}

impl Body {
    /// Commitment to x_k, k in 1..=P.
    #[must_use]
    pub fn point(&self, k: usize) -> Option<Commitment> {
        match self {
            Self::Curve(body) => body.points.get(k.checked_sub(1)?).copied(),
            Self::Firm(body) => (1..=PRICES).contains(&k).then_some(body.point),
        }
    }

    /// Ciphertext of x_k.
    #[must_use]
    pub fn cipher(&self, k: usize) -> Option<Cipher> {
        match self {
            Self::Curve(body) => body.ciphers.get(k.checked_sub(1)?).copied(),
            Self::Firm(body) => (1..=PRICES).contains(&k).then_some(body.cipher),
        }
    }

    /// Commitment to the reserve; firm demand holds none.
    #[must_use]
    pub fn reserve(&self) -> Commitment {
        match self {
            Self::Curve(body) => body.reserve,
            Self::Firm(_) => Commitment::zero(),
        }
    }

    /// Ciphertext of the reserve.
    #[must_use]
    pub fn reserve_cipher(&self) -> Option<Cipher> {
        match self {
            Self::Curve(body) => Some(body.reserve_cipher),
            Self::Firm(_) => None,
        }
    }
}

/// A posted curve, unverified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// Wire format, [`VERSION`].
    pub version: WireVersion,
    /// For which gate.
    pub gate: GateId,
    /// Whose.
    pub participant: MemberId,
    /// Commitments and ciphertexts.
    pub body: Body,
    /// Proof of all of it.
    pub proof: Proof,
}

codec_struct!(Submission { version, gate, participant, body, proof });

/// The version byte: any but [`VERSION`] is refused on reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireVersion;

impl Write for WireVersion {
    fn write(&self, buf: &mut impl bytes::BufMut) {
        VERSION.write(buf);
    }
}

impl commonware_codec::FixedSize for WireVersion {
    const SIZE: usize = 1;
}

impl Read for WireVersion {
    type Cfg = ();
    fn read_cfg(buf: &mut impl Buf, (): &()) -> Result<Self, Error> {
        match u8::read_cfg(buf, &())? {
            VERSION => Ok(Self),
            other => Err(Error::InvalidEnum(other)),
        }
    }
}

/// Public state a submission is judged by.
#[derive(Clone, Debug)]
pub struct Admission {
    /// The open gate.
    pub gate: GateFacts,
    /// The tariff, whose hash the gate names.
    pub tariff: Tariff,
    /// The participant's live limit.
    pub limit: LiveLimit,
    /// The participant's account, in µ·J/kWh.
    pub balance: Commitment,
    /// Its carbon allowance in mg·J/kWh, where it has one: what is left after burns and after the
    /// [`Submission::pledge`]s of its unbilled intervals, so that one allowance does not cover two intervals.
    pub allowance: Option<Commitment>,
    /// Intervals in which it took part that are not billed yet.
    pub unbilled: u32,
}

impl Admission {
    fn place(&self) -> Result<Place, Refusal> {
        self.limit.place(&self.gate)
    }
}

impl Submission {
    /// Com(f·Δt·(x_P + r)), mg·J/kWh: the most this posting can emit, which its allowance stands pledged for
    /// until it is burned. Com(0; 0) for a source that emits nothing and for firm demand.
    #[must_use]
    pub fn pledge(&self, facts: &Admission) -> Commitment {
        match &self.body {
            Body::Curve(body) => {
                let per_watt = emission_per_watt(facts);
                combine(&[(per_watt, &body.points[PRICES - 1]), (per_watt, &body.reserve)], 0)
            }
            Body::Firm(_) => Commitment::zero(),
        }
    }
}

/// f·Δt, mg·J/kWh for each watt injected throughout the interval.
fn emission_per_watt(facts: &Admission) -> i128 {
    let factor = i128::from(facts.limit.limit().carbon_mg_per_kwh);
    factor.saturating_mul(i128::from(facts.gate.interval.duration_s))
}

/// What the participant keeps of its own submission: openings of its curve, to execute and be billed by.
#[derive(Debug)]
pub struct SubmissionSecret {
    /// Openings of x_1 … x_P; one for firm demand.
    pub points: Vec<Opening>,
    /// Opening of r.
    pub reserve: Opening,
}

impl SubmissionSecret {
    /// The opening of x_k.
    #[must_use]
    pub fn point(&self, k: usize) -> Option<&Opening> {
        if self.points.len() == 1 {
            self.points.first()
        } else {
            self.points.get(k.checked_sub(1)?)
        }
    }
}

/// What a participant proves with besides its curve.
#[derive(Debug)]
pub struct Wallet<'a> {
    /// Openings of its certified limits.
    pub limits: &'a LimitOpenings,
    /// Opening of its balance, µ·J/kWh.
    pub balance: &'a Opening,
    /// Opening of its allowance, where it has one, mg·J/kWh.
    pub allowance: Option<&'a Opening>,
}

/// Positions of a curve's commitments in its statement.
mod at {
    pub(super) const LAST: u16 = 27;
    pub(super) const RESERVE: u16 = 28;
    pub(super) const IMPORT: u16 = 29;
    pub(super) const EXPORT: u16 = 30;
    pub(super) const RESERVE_MAX: u16 = 31;
    pub(super) const BALANCE: u16 = 32;
    pub(super) const ALLOWANCE: u16 = 33;
}

const _: () =
    assert!(PRICES == 28, "positions in statements and 32 ranges per curve assume 28 prices");

/// The 32 inequalities of a curve; `curve::Curve::check` is their twin.
fn curve_forms(tariff: &Tariff) -> Vec<Form> {
    let narrow = |terms: &[(u16, i128)], constant| Form::new(Width::Bits32, terms, constant);
    let required = i128::from(tariff.reserve_required.0);
    let mut forms = vec![narrow(&[(0, 1), (at::IMPORT, 1)], 0)];
    forms.extend((0..at::LAST).map(|k| narrow(&[(k, -1), (k.saturating_add(1), 1)], 0)));
    forms.extend([
        narrow(&[(at::EXPORT, 1), (at::LAST, -1), (at::RESERVE, -1)], 0),
        narrow(&[(at::RESERVE, 1)], 0),
        narrow(&[(at::RESERVE_MAX, 1), (at::RESERVE, -1)], 0),
        narrow(&[(at::RESERVE, -1), (at::LAST, -1)], required),
    ]);
    forms
}

/// Balance − exposure(L, C) ≥ 0: no later debit needs the debtor's consent.
fn funds_form(
    tariff: &Tariff,
    duration_s: u32,
    [import, export, balance]: [u16; 3],
) -> Result<Form, Refusal> {
    let [per_import, per_export] = tariff.exposure(duration_s).ok_or(Refusal::Widths)?;
    let terms = [
        (balance, 1),
        (import, per_import.checked_neg().ok_or(Refusal::Widths)?),
        (export, per_export.checked_neg().ok_or(Refusal::Widths)?),
    ];
    Ok(Form::new(Width::Bits64, &terms, 0))
}

fn curve_statement(body: &CurveBody, facts: &Admission) -> Result<Statement, Refusal> {
    let limit = facts.limit.limit();
    let duration = facts.gate.interval.duration_s;
    let mut points = body.points.to_vec();
    points.extend([body.reserve, limit.import, limit.export, limit.reserve, facts.balance]);
    let mut forms = curve_forms(&facts.tariff);
    forms.push(funds_form(&facts.tariff, duration, [at::IMPORT, at::EXPORT, at::BALANCE])?);
    if limit.carbon_mg_per_kwh > 0 {
        points.push(facts.allowance.ok_or(Refusal::AllowanceMissing)?);
        let per_watt = emission_per_watt(facts);
        // With the reserve: who is called to deliver what it holds must not owe allowances for obeying.
        let per_watt = per_watt.saturating_neg();
        let terms = [(at::ALLOWANCE, 1), (at::LAST, per_watt), (at::RESERVE, per_watt)];
        forms.push(Form::new(Width::Bits64, &terms, 0));
    }
    let mut ciphers: Vec<(u16, Cipher)> = (0..).zip(body.ciphers).collect();
    ciphers.push((at::RESERVE, body.reserve_cipher));
    let publics = publics(facts);
    Ok(Statement { domain: b"curve", place: facts.place()?, publics, points, ciphers, forms })
}

fn firm_statement(body: &FirmBody, facts: &Admission) -> Result<Statement, Refusal> {
    let limit = facts.limit.limit();
    let narrow = |terms: &[(u16, i128)]| Form::new(Width::Bits32, terms, 0);
    let funds = funds_form(&facts.tariff, facts.gate.interval.duration_s, [1, 2, 3])?;
    Ok(Statement {
        domain: b"firm demand",
        place: facts.place()?,
        publics: publics(facts),
        points: vec![body.point, limit.import, limit.export, facts.balance],
        ciphers: vec![(0, body.cipher)],
        forms: vec![narrow(&[(0, 1), (1, 1)]), narrow(&[(0, -1)]), funds],
    })
}

fn publics(facts: &Admission) -> Vec<i128> {
    vec![i128::from(facts.tariff.version), i128::from(UNBILLED_MAX), MONEY_PER_MICRO]
}

impl Provable for Submission {
    type Facts = Admission;

    fn statement(&self, facts: &Admission) -> Result<Statement, Refusal> {
        if self.gate != facts.gate.gate || self.participant != facts.limit.limit().participant {
            return Err(Refusal::WrongPlace);
        }
        if facts.gate.grid != facts.tariff.hash() {
            return Err(Refusal::Tariff);
        }
        if facts.unbilled >= UNBILLED_MAX {
            return Err(Refusal::Unbilled);
        }
        match &self.body {
            Body::Curve(body) => curve_statement(body, facts),
            Body::Firm(body) => firm_statement(body, facts),
        }
    }

    fn proof(&self) -> &Proof {
        &self.proof
    }
}

/// Verified evidence that a curve is monotone, limited, funded and encrypted as committed.
pub type VerifiedSubmission = Verified<Submission>;

/// Seals a curve for a gate.
///
/// # Errors
/// The curve breaks a rule, or the balance or allowance does not cover it: nothing false can be proven.
pub fn seal_curve(
    curve: &Curve,
    facts: &Admission,
    wallet: &Wallet<'_>,
    rng: &mut impl CryptoRng,
) -> Result<(Submission, SubmissionSecret), SealError> {
    let openings = curve.points.map(|value| Opening::hide(i128::from(value), rng));
    let reserve = Opening::hide(i128::from(curve.reserve), rng);
    let sealed = openings.each_ref().map(|opening| Cipher::seal(opening, &facts.gate.key, rng));
    let (reserve_cipher, reserve_nonce) = Cipher::seal(&reserve, &facts.gate.key, rng);
    let body = CurveBody {
        points: openings.each_ref().map(Opening::commit),
        ciphers: sealed.each_ref().map(|(cipher, _)| *cipher),
        reserve: reserve.commit(),
        reserve_cipher,
    };
    let statement = curve_statement(&body, facts)?;
    let mut known: Vec<&Opening> = openings.iter().collect();
    let limits = wallet.limits;
    known.extend([&reserve, &limits.import, &limits.export, &limits.reserve, wallet.balance]);
    if statement.points.len() > known.len() {
        known.push(wallet.allowance.ok_or(Refusal::AllowanceMissing)?);
    }
    let mut nonces: Vec<_> = sealed.iter().map(|(_, nonce)| nonce).collect();
    nonces.push(&reserve_nonce);
    let proof = statement.prove(&Witness { openings: known, nonces }, rng)?;
    let submission = posting(facts, Body::Curve(Box::new(body)), proof);
    Ok((submission, SubmissionSecret { points: Vec::from(openings), reserve }))
}

/// Seals firm demand for a gate. `demand` is consumption in W, at least 0.
///
/// # Errors
/// As [`seal_curve`].
pub fn seal_firm(
    demand: gridaccord_model::Watts,
    facts: &Admission,
    wallet: &Wallet<'_>,
    rng: &mut impl CryptoRng,
) -> Result<(Submission, SubmissionSecret), SealError> {
    let opening = Opening::hide(i128::from(demand.0).saturating_neg(), rng);
    let (cipher, nonce) = Cipher::seal(&opening, &facts.gate.key, rng);
    let body = FirmBody { point: opening.commit(), cipher };
    let statement = firm_statement(&body, facts)?;
    let openings = vec![&opening, &wallet.limits.import, &wallet.limits.export, wallet.balance];
    let proof = statement.prove(&Witness { openings, nonces: vec![&nonce] }, rng)?;
    let submission = posting(facts, Body::Firm(Box::new(body)), proof);
    Ok((submission, SubmissionSecret { points: vec![opening], reserve: Opening::public(0) }))
}

fn posting(facts: &Admission, body: Body, proof: Proof) -> Submission {
    Submission {
        version: WireVersion,
        gate: facts.gate.gate,
        participant: facts.limit.limit().participant,
        body,
        proof,
    }
}

/// Why a curve could not be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// A rule that shows without the secret.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// An inequality that does not hold for the secret.
    #[error(transparent)]
    Unprovable(#[from] ProveError),
}
