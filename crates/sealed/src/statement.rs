//! One engine for every proof: commitments, linear forms of them in range, and ciphertexts of the same values.
//!
//! A [`Statement`] says: *I know openings of these commitments such that each of these linear forms lies in
//! [0, 2^width), and each of these ciphertexts encrypts the value of its commitment.* A curve, a reading, a
//! bill's rounding, a deviation and "the current is at most 32 A" are all such statements and differ in
//! their forms only. Derivation, soundness and zero knowledge: `docs/maths/sealed.md`.

use crate::{
    group::{
        Commitment, Opening, Point, SecretScalar, WireScalar, combine_points, mul_base,
        mul_blinding,
    },
    range::{
        BulletproofsPlus, CHUNK, RangeError, RangeProof, RangeProofs, Replayed, Sum, Width,
        invert_all, replay,
    },
    refusal::Refusal,
    transcript::{Nonces, Place, TranscriptExt as _},
};
use commonware_codec::{Buf, EncodeSize, Error, FixedSize, Read, Write};
use curve25519_dalek::{RistrettoPoint, Scalar};
use gridaccord_model::codec_struct;
use rand_core::CryptoRng;
use tari_merlin::Transcript;

/// Most commitments in one statement.
pub const POINTS_MAX: usize = 64;

/// Encryption of a committed value under the epoch's key: (kB, xB + kY). Serves one gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cipher {
    /// K = kB; never the identity, which would bare the value.
    pub k: Point,
    /// M = xB + kY.
    pub m: Commitment,
}

impl Write for Cipher {
    fn write(&self, buf: &mut impl bytes::BufMut) {
        self.k.write(buf);
        self.m.write(buf);
    }
}

impl FixedSize for Cipher {
    const SIZE: usize = Point::SIZE + Commitment::SIZE;
}

impl Read for Cipher {
    type Cfg = ();
    fn read_cfg(buf: &mut impl Buf, (): &()) -> Result<Self, Error> {
        Ok(Self { k: Point::read_cfg(buf, &())?, m: Commitment::read_cfg(buf, &())? })
    }
}

impl Cipher {
    /// Encrypts a value; gives back the randomness the proof needs.
    pub fn seal(value: &Opening, key: &Point, rng: &mut impl CryptoRng) -> (Self, SecretScalar) {
        loop {
            let nonce = SecretScalar::random(rng);
            // Zero has probability 2⁻²⁵²; the loop is how the type is satisfied without a panic.
            if let Some(k) = Point::new(nonce.public()) {
                let m = mul_base(&crate::group::scalar(value.value)) + key.point() * nonce.0;
                return (Self { k, m: Commitment::new(m) }, nonce);
            }
        }
    }
}

/// A linear form of the statement's commitments, to be shown in [0, 2^width).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// (position in [`Statement::points`], coefficient).
    pub terms: Vec<(u16, i128)>,
    /// Added to the sum.
    pub constant: i128,
    /// Width of the range.
    pub width: Width,
}

impl Form {
    /// A form.
    #[must_use]
    pub fn new(width: Width, terms: &[(u16, i128)], constant: i128) -> Self {
        Self { terms: terms.to_vec(), constant, width }
    }

    fn value(&self, openings: &[&Opening]) -> Option<Opening> {
        let terms = self
            .terms
            .iter()
            .map(|(position, coefficient)| {
                Some((*coefficient, *openings.get(usize::from(*position))?))
            })
            .collect::<Option<Vec<_>>>()?;
        Opening::combine(&terms, self.constant)
    }

    fn point(&self, points: &[Commitment]) -> Option<RistrettoPoint> {
        let terms = self
            .terms
            .iter()
            .map(|(position, coefficient)| {
                Some((*coefficient, points.get(usize::from(*position))?.point()))
            })
            .collect::<Option<Vec<_>>>()?;
        Some(combine_points(terms.into_iter(), self.constant))
    }
}

/// What is proven, in full: all of it enters the transcript before the first announcement.
#[derive(Clone, Debug)]
pub struct Statement {
    /// Which kind of statement.
    pub domain: &'static [u8],
    /// Where it holds.
    pub place: Place,
    /// Public numbers it depends on beside those in the forms.
    pub publics: Vec<i128>,
    /// Commitments.
    pub points: Vec<Commitment>,
    /// Ciphertexts and the position of the commitment each repeats.
    pub ciphers: Vec<(u16, Cipher)>,
    /// Forms in range.
    pub forms: Vec<Form>,
}

/// Proof that combined ciphertexts and commitments hold the same values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SameValueProof {
    announcements: [Commitment; 3],
    responses: [WireScalar; 3],
}

codec_struct!(SameValueProof { announcements, responses });

/// Proof of a [`Statement`]: each part is there exactly when the statement calls for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    same_value: Option<SameValueProof>,
    narrow: Option<RangeProof>,
    wide: Option<RangeProof>,
}

impl Write for Proof {
    fn write(&self, buf: &mut impl bytes::BufMut) {
        self.same_value.write(buf);
        self.narrow.write(buf);
        self.wide.write(buf);
    }
}

impl EncodeSize for Proof {
    fn encode_size(&self) -> usize {
        let ranges = self.narrow.encode_size().saturating_add(self.wide.encode_size());
        self.same_value.encode_size().saturating_add(ranges)
    }
}

impl Read for Proof {
    type Cfg = ();
    fn read_cfg(buf: &mut impl Buf, (): &()) -> Result<Self, Error> {
        Ok(Self {
            same_value: Option::read_cfg(buf, &())?,
            narrow: Option::read_cfg(buf, &())?,
            wide: Option::read_cfg(buf, &())?,
        })
    }
}

/// What the prover knows, in the statement's order.
#[derive(Debug)]
pub struct Witness<'a> {
    /// Openings of [`Statement::points`].
    pub openings: Vec<&'a Opening>,
    /// Randomness of [`Statement::ciphers`].
    pub nonces: Vec<&'a SecretScalar>,
}

/// Why no proof could be made. It tells the prover alone; nothing of it reaches anybody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProveError {
    /// The witness does not have the statement's shape.
    #[error("openings and statement differ in shape")]
    Shape,
    /// A form's value is outside its range: the statement is false.
    #[error("inequality {form} of the statement does not hold")]
    OutOfRange {
        /// Position of the form.
        form: usize,
    },
    /// The range prover refused.
    #[error(transparent)]
    Range(#[from] RangeError),
}

impl Statement {
    fn transcript(&self) -> Transcript {
        let mut transcript = self.place.transcript(self.domain);
        for number in &self.publics {
            transcript.integer(b"public", *number);
        }
        for point in &self.points {
            transcript.commitment(b"commitment", point);
        }
        for (position, cipher) in &self.ciphers {
            transcript.append_u64(b"cipher of", u64::from(*position));
            transcript.point(b"K", &cipher.k);
            transcript.commitment(b"M", &cipher.m);
        }
        for form in &self.forms {
            transcript.append_message(b"form", &form_bytes(form));
        }
        transcript
    }

    fn forms_of(&self, width: Width) -> impl Iterator<Item = (usize, &Form)> {
        self.forms.iter().enumerate().filter(move |(_, form)| form.width == width)
    }

    /// Proves the statement.
    ///
    /// # Errors
    /// The witness has another shape, or the statement is false for it.
    pub fn prove(
        &self,
        witness: &Witness<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<Proof, ProveError> {
        if witness.openings.len() != self.points.len() || witness.nonces.len() != self.ciphers.len()
        {
            return Err(ProveError::Shape);
        }
        let mut transcript = self.transcript();
        let same_value = if self.ciphers.is_empty() {
            None
        } else {
            Some(self.prove_same_value(&mut transcript, witness, rng)?)
        };
        let narrow = self.prove_ranges(Width::Bits32, &mut transcript, witness, rng)?;
        let wide = self.prove_ranges(Width::Bits64, &mut transcript, witness, rng)?;
        Ok(Proof { same_value, narrow, wide })
    }

    fn prove_same_value(
        &self,
        transcript: &mut Transcript,
        witness: &Witness<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<SameValueProof, ProveError> {
        let rho = transcript.challenge(b"rho");
        let mut power = Scalar::ONE;
        let mut sum =
            [SecretScalar(Scalar::ZERO), SecretScalar(Scalar::ZERO), SecretScalar(Scalar::ZERO)];
        for ((position, _), nonce) in self.ciphers.iter().zip(&witness.nonces) {
            let opening = witness.openings.get(usize::from(*position)).ok_or(ProveError::Shape)?;
            sum[0].0 += power * crate::group::scalar(opening.value);
            sum[1].0 += power * opening.blinding;
            sum[2].0 += power * nonce.0;
            power *= rho;
        }
        let mut nonces = Nonces::new(transcript, &[&sum[0].0, &sum[1].0, &sum[2].0], rng);
        let mask = [nonces.next(), nonces.next(), nonces.next()];
        let announcements = [
            Commitment::new(mul_base(&mask[0].0) + mul_blinding(&mask[1].0)),
            Commitment::new(mul_base(&mask[2].0)),
            Commitment::new(mul_base(&mask[0].0) + self.place.gate.key.point() * mask[2].0),
        ];
        let challenge = announce(transcript, &announcements);
        let responses = core::array::from_fn(|i| WireScalar(mask[i].0 + challenge * sum[i].0));
        respond(transcript, &responses);
        Ok(SameValueProof { announcements, responses })
    }

    fn prove_ranges(
        &self,
        width: Width,
        transcript: &mut Transcript,
        witness: &Witness<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<RangeProof>, ProveError> {
        let mut commitments = Vec::new();
        let mut openings = Vec::new();
        for (position, form) in self.forms_of(width) {
            let opening = form.value(&witness.openings).ok_or(ProveError::Shape)?;
            let value = u64::try_from(opening.value)
                .ok()
                .filter(|value| i128::from(*value) <= width.max())
                .ok_or(ProveError::OutOfRange { form: position })?;
            commitments.push(form.point(&self.points).ok_or(ProveError::Shape)?);
            openings.push((value, opening.blinding));
        }
        if commitments.is_empty() {
            return Ok(None);
        }
        let mut inner = range_transcript(transcript, width);
        let proof = BulletproofsPlus::prove(width, &mut inner, &commitments, &openings, rng);
        for (value, blinding) in &mut openings {
            zeroize::Zeroize::zeroize(value);
            zeroize::Zeroize::zeroize(blinding);
        }
        let proof = proof?;
        transcript.append_message(b"range proof", proof.as_bytes());
        Ok(Some(proof))
    }

    /// Replays the proof's transcript into equations that remain to be checked.
    fn prepare(&self, proof: &Proof) -> Result<Prepared<'_>, Refusal> {
        if self.points.len() > POINTS_MAX || self.ciphers.is_empty() != proof.same_value.is_none() {
            return Err(Refusal::ProofShape);
        }
        let known = |position: &u16| usize::from(*position) < self.points.len();
        if !self.ciphers.iter().all(|(position, _)| known(position)) {
            return Err(Refusal::ProofShape);
        }
        let mut transcript = self.transcript();
        let same_value = proof.same_value.map(|proof| {
            let rho = transcript.challenge(b"rho");
            let challenge = announce(&mut transcript, &proof.announcements);
            respond(&mut transcript, &proof.responses);
            SameValueJob { rho, challenge, proof }
        });
        let mut ranges = Vec::new();
        for (width, part) in [(Width::Bits32, &proof.narrow), (Width::Bits64, &proof.wide)] {
            let commitments = self
                .forms_of(width)
                .map(|(_, form)| form.point(&self.points))
                .collect::<Option<Vec<_>>>()
                .ok_or(Refusal::ProofShape)?;
            match part {
                None if commitments.is_empty() => {}
                Some(proof) => {
                    let mut inner = range_transcript(&transcript, width);
                    transcript.append_message(b"range proof", proof.as_bytes());
                    ranges.push(replay(width, &mut inner, &commitments, proof)?);
                }
                None => return Err(Refusal::ProofShape),
            }
        }
        let mut seal = [0; 32];
        transcript.challenge_bytes(b"seal", &mut seal);
        Ok(Prepared { statement: self, same_value, ranges, seal })
    }
}

fn form_bytes(form: &Form) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(form.terms.len().saturating_mul(18).saturating_add(20));
    bytes.push(if form.width == Width::Bits32 { 32 } else { 64 });
    bytes.extend_from_slice(&form.constant.to_be_bytes());
    for (position, coefficient) in &form.terms {
        bytes.extend_from_slice(&position.to_be_bytes());
        bytes.extend_from_slice(&coefficient.to_be_bytes());
    }
    bytes
}

/// The range library does not absorb its last message when proving, so it gets a fork, and the bytes of its
/// proof go into the main transcript on both sides.
fn range_transcript(transcript: &Transcript, width: Width) -> Transcript {
    let mut inner = transcript.clone();
    inner.append_message(b"range family", if width == Width::Bits32 { b"32" } else { b"64" });
    inner
}

fn announce(transcript: &mut Transcript, announcements: &[Commitment; 3]) -> Scalar {
    for announcement in announcements {
        transcript.commitment(b"announcement", announcement);
    }
    transcript.challenge(b"challenge")
}

fn respond(transcript: &mut Transcript, responses: &[WireScalar; 3]) {
    for response in responses {
        transcript.scalar(b"response", &response.0);
    }
}

struct SameValueJob {
    rho: Scalar,
    challenge: Scalar,
    proof: SameValueProof,
}

/// A replayed proof whose equations are not yet checked.
struct Prepared<'a> {
    statement: &'a Statement,
    same_value: Option<SameValueJob>,
    ranges: Vec<Replayed>,
    /// Digest of the statement and its whole proof: what the batch's weights are drawn from.
    seal: [u8; 32],
}

impl Prepared<'_> {
    /// Adds every equation of the proof, each with its own weight.
    fn add(&self, weights: &mut Transcript, sum: &mut Sum) {
        let statement = self.statement;
        let mut on_points = vec![Scalar::ZERO; statement.points.len()];
        if let Some(job) = &self.same_value {
            self.add_same_value(job, weights, &mut on_points, sum);
        }
        for range in &self.ranges {
            let factors = range.add(&weights.weight(), sum);
            // A form's commitment is a combination of the statement's: its factor is spread over them.
            for ((_, form), factor) in statement.forms_of(range.width).zip(factors) {
                for (position, coefficient) in &form.terms {
                    if let Some(on_point) = on_points.get_mut(usize::from(*position)) {
                        *on_point += crate::group::scalar(*coefficient) * factor;
                    }
                }
                sum.base += crate::group::scalar(form.constant) * factor;
            }
        }
        for (scalar, point) in on_points.into_iter().zip(&statement.points) {
            sum.add(scalar, point.point());
        }
    }

    fn add_same_value(
        &self,
        job: &SameValueJob,
        weights: &mut Transcript,
        on_points: &mut [Scalar],
        sum: &mut Sum,
    ) {
        let [value, blinding, nonce] = job.proof.responses.map(|response| response.0);
        let weight = [weights.weight(), weights.weight(), weights.weight()];
        sum.base += weight[0] * value + weight[1] * nonce + weight[2] * value;
        sum.blinding += weight[0] * blinding;
        sum.add(weight[2] * nonce, self.statement.place.gate.key.point());
        for (announcement, weight) in job.proof.announcements.iter().zip(&weight) {
            sum.add(-weight, announcement.point());
        }
        let mut factors = weight.map(|weight| -(weight * job.challenge));
        for (position, cipher) in &self.statement.ciphers {
            if let Some(on_point) = on_points.get_mut(usize::from(*position)) {
                *on_point += factors[0];
            }
            sum.add(factors[1], cipher.k.point());
            sum.add(factors[2], cipher.m.point());
            factors = factors.map(|factor| factor * job.rho);
        }
    }
}

/// Whether every equation of every proof holds: one multiscalar multiplication for each chunk, with 128-bit weights
/// drawn from all that is in it.
fn holds(batch: &[(usize, Prepared<'_>)]) -> bool {
    batch.chunks(CHUNK).all(|chunk| {
        let mut weights = Transcript::new(b"gridaccord/sealed/v1/batch weights");
        for (_, prepared) in chunk {
            weights.append_message(b"seal", &prepared.seal);
        }
        let mut sum = Sum::new();
        for (_, prepared) in chunk {
            prepared.add(&mut weights, &mut sum);
        }
        sum.vanishes()
    })
}

/// Halves a failing batch until the false proofs stand alone.
fn find_culprits(batch: &[(usize, Prepared<'_>)], culprits: &mut Vec<usize>) {
    if holds(batch) {
        return;
    }
    if let [(position, _)] = batch {
        culprits.push(*position);
        return;
    }
    let (left, right) = batch.split_at(batch.len() / 2);
    find_culprits(left, culprits);
    find_culprits(right, culprits);
}

/// Verifies many proofs at once and names the false ones by position, in order.
///
/// A batch of true proofs costs one check; `b` false ones among `n` cost about `2b·log₂ n` more.
#[must_use]
pub fn verify_statements(batch: &[(&Statement, &Proof)]) -> Vec<(usize, Refusal)> {
    let mut refused = Vec::new();
    let mut prepared = Vec::with_capacity(batch.len());
    for (position, (statement, proof)) in batch.iter().enumerate() {
        match statement.prepare(proof) {
            Ok(ready) => prepared.push((position, ready)),
            Err(refusal) => refused.push((position, refusal)),
        }
    }
    let ranges =
        prepared.iter_mut().flat_map(|(_, ready): &mut (usize, Prepared<'_>)| &mut ready.ranges);
    invert_all(ranges);
    let mut culprits = Vec::new();
    if !prepared.is_empty() {
        find_culprits(&prepared, &mut culprits);
    }
    refused.extend(culprits.into_iter().map(|position| (position, Refusal::ProofFalse)));
    refused.sort_unstable_by_key(|(position, _)| *position);
    refused
}

/// Something posted with a proof: it names its statement, given the public facts it is judged by.
pub trait Provable {
    /// Public state the statement depends on.
    type Facts;

    /// The statement, after every rule that needs no curve arithmetic.
    ///
    /// # Errors
    /// The first rule broken.
    fn statement(&self, facts: &Self::Facts) -> Result<Statement, Refusal>;

    /// The proof it came with.
    fn proof(&self) -> &Proof;
}

/// Evidence in the type that a posting's proof holds, and in which place: made by verifying, and by a ledger that
/// verified before ([`Verified::recorded`]).
///
/// The place is part of the evidence because a gate's number alone does not say under which key, interval or
/// chain the proof was judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<T> {
    item: T,
    place: Place,
}

impl<T> Verified<T> {
    /// Evidence that stood before: for a ledger that verified a posting in this place, stored it, and reads it
    /// from its own state again. Whoever calls this for anything else forges evidence to itself.
    #[must_use]
    pub const fn recorded(item: T, place: Place) -> Self {
        Self { item, place }
    }

    /// The posting.
    #[must_use]
    pub const fn get(&self) -> &T {
        &self.item
    }

    /// The place its proof holds in.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// The posting, without its evidence.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.item
    }
}

/// Verifies one posting.
///
/// # Errors
/// The first rule broken, [`Refusal::ProofFalse`] last.
pub fn verify<T: Provable>(item: T, facts: &T::Facts) -> Result<Verified<T>, Refusal> {
    let statement = item.statement(facts)?;
    match verify_statements(&[(&statement, item.proof())]).first() {
        None => Ok(Verified { item, place: statement.place }),
        Some((_, refusal)) => Err(*refusal),
    }
}

/// Verifies many postings in one batch; each gets its own verdict.
pub fn verify_all<T: Provable>(items: Vec<(T, &T::Facts)>) -> Vec<Result<Verified<T>, Refusal>> {
    let mut verdicts: Vec<Result<Place, Refusal>> = Vec::with_capacity(items.len());
    let mut statements = Vec::with_capacity(items.len());
    for (position, (item, facts)) in items.iter().enumerate() {
        match item.statement(facts) {
            Ok(statement) => {
                verdicts.push(Ok(statement.place));
                statements.push((position, statement));
            }
            Err(refusal) => verdicts.push(Err(refusal)),
        }
    }
    let batch: Vec<(&Statement, &Proof)> = statements
        .iter()
        .filter_map(|(position, statement)| Some((statement, items.get(*position)?.0.proof())))
        .collect();
    for (within, refusal) in verify_statements(&batch) {
        if let Some(verdict) =
            statements.get(within).and_then(|(position, _)| verdicts.get_mut(*position))
        {
            *verdict = Err(refusal);
        }
    }
    let judged = items.into_iter().zip(verdicts);
    judged.map(|((item, _), verdict)| Ok(Verified { item, place: verdict? })).collect()
}
