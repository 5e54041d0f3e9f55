//! Checking range proofs many at a time: a proof's transcript is replayed, and what must hold becomes multiples of
//! points that add up to the identity, one [`Sum`] for a whole batch and whatever else must vanish with it.
//!
//! The library proves and defines the proof; its verifier holds the generators and the commitments to itself, so
//! that neither can be shared between proofs. The equation is that of Bulletproofs+ (Chung, Han, Ju, Kim, Seo 2020,
//! sections 3 and 4, with one masking base); a test holds this check against the library's on true and false proofs.

use super::{AGGREGATION_LOG_MAX, AGGREGATION_MAX, RangeProof, Width, log_of, parameters};
use crate::{
    group::{base, bases},
    refusal::Refusal,
    transcript::TranscriptExt as _,
};
use curve25519_dalek::{
    RistrettoPoint, Scalar,
    ristretto::CompressedRistretto,
    traits::{IsIdentity as _, VartimeMultiscalarMul as _},
};
use std::sync::LazyLock;
use tari_merlin::Transcript;

/// Generators of each number: those of 64 bits, of which 32 bits use the first half.
const BITS_MAX: usize = 64;
const SIZE_MAX: usize = AGGREGATION_MAX * BITS_MAX;

/// What the library's transcripts and equations are over.
struct Constants {
    base: CompressedRistretto,
    blinding: CompressedRistretto,
    g: Vec<RistrettoPoint>,
    h: Vec<RistrettoPoint>,
}

static CONSTANTS: LazyLock<Constants> = LazyLock::new(|| {
    let all = parameters(Width::Bits64, AGGREGATION_LOG_MAX);
    Constants {
        base: base().compress(),
        blinding: bases().blinding.compress(),
        g: all.gi_base_iter().copied().collect(),
        h: all.hi_base_iter().copied().collect(),
    }
});

/// Multiples of points, collected to be checked for adding up to the identity.
pub(crate) struct Sum {
    /// Of B.
    pub(crate) base: Scalar,
    /// Of B̃.
    pub(crate) blinding: Scalar,
    g: Vec<Scalar>,
    h: Vec<Scalar>,
    /// Generators in use, for each number of a proof.
    used: [usize; AGGREGATION_MAX],
    scalars: Vec<Scalar>,
    points: Vec<RistrettoPoint>,
}

impl Sum {
    pub(crate) fn new() -> Self {
        Self {
            base: Scalar::ZERO,
            blinding: Scalar::ZERO,
            g: vec![Scalar::ZERO; SIZE_MAX],
            h: vec![Scalar::ZERO; SIZE_MAX],
            used: [0; AGGREGATION_MAX],
            scalars: Vec::new(),
            points: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, scalar: Scalar, point: RistrettoPoint) {
        self.scalars.push(scalar);
        self.points.push(point);
    }

    /// Whether everything adds up to the identity. Public data only: the time depends on it.
    pub(crate) fn vanishes(mut self) -> bool {
        let constants = &*CONSTANTS;
        for (scalars, points) in [(&self.g, &constants.g), (&self.h, &constants.h)] {
            let numbers = scalars.chunks(BITS_MAX).zip(points.chunks(BITS_MAX));
            for ((scalars, points), used) in numbers.zip(self.used) {
                self.scalars.extend(scalars.iter().take(used));
                self.points.extend(points.iter().take(used));
            }
        }
        self.add(self.base, base());
        self.add(self.blinding, bases().blinding);
        RistrettoPoint::vartime_multiscalar_mul(self.scalars, self.points).is_identity()
    }
}

/// One folding round: its challenge and its two points.
struct Round {
    challenge: Scalar,
    left: RistrettoPoint,
    right: RistrettoPoint,
}

/// A proof whose challenges are known and whose equation is not yet checked.
pub(crate) struct Replayed {
    pub(crate) width: Width,
    /// Numbers, padded to a power of two.
    numbers: usize,
    y: Scalar,
    z: Scalar,
    rounds: Vec<Round>,
    /// Of the rounds' challenges and of y, once [`invert_all`] has run; before, the equation does not hold.
    inverses: Vec<Scalar>,
    last: Scalar,
    /// A, A₁, B.
    points: [RistrettoPoint; 3],
    /// r′, s′, δ′.
    responses: [Scalar; 3],
}

/// Decodes an element, which must be a point other than the identity, and absorbs it.
fn absorb(
    transcript: &mut Transcript,
    label: &'static [u8],
    bytes: &[u8; 32],
) -> Result<RistrettoPoint, Refusal> {
    let point = CompressedRistretto(*bytes).decompress().ok_or(Refusal::ProofFalse)?;
    if point.is_identity() {
        return Err(Refusal::ProofFalse);
    }
    transcript.append_message(label, bytes);
    Ok(point)
}

fn challenge(transcript: &mut Transcript, label: &'static [u8]) -> Result<Scalar, Refusal> {
    let challenge = transcript.challenge(label);
    // The library refuses zero, and so must we: it has no inverse.
    if challenge == Scalar::ZERO { Err(Refusal::ProofFalse) } else { Ok(challenge) }
}

/// What the library binds before the first message of a proof.
fn bind(
    transcript: &mut Transcript,
    width: Width,
    numbers: usize,
    commitments: &[RistrettoPoint],
) -> Result<(), Refusal> {
    let small = |number: usize| u64::try_from(number).map_err(|_| Refusal::ProofShape);
    transcript.append_message(b"dom-sep", b"Bulletproofs+ Range Proof");
    transcript.append_message(b"H", CONSTANTS.base.as_bytes());
    transcript.append_message(b"G", CONSTANTS.blinding.as_bytes());
    transcript.append_u64(b"N", small(width.bits())?);
    transcript.append_u64(b"T", 1);
    transcript.append_u64(b"M", small(numbers)?);
    for commitment in commitments {
        transcript.append_message(b"Ci", commitment.compress().as_bytes());
    }
    for _ in commitments.len()..numbers {
        transcript.append_message(b"Ci", &[0; 32]);
    }
    for _ in 0..numbers {
        transcript.append_u64(b"vi - minimum_value", 0);
    }
    Ok(())
}

/// Replays a proof of `commitments` on the transcript as it stood when the prover began.
///
/// # Errors
/// [`Refusal::ProofShape`] for bytes that are no proof of so many ranges, [`Refusal::ProofFalse`] for elements that
/// no honest prover sends.
pub(crate) fn replay(
    width: Width,
    transcript: &mut Transcript,
    commitments: &[RistrettoPoint],
    proof: &RangeProof,
) -> Result<Replayed, Refusal> {
    let log = log_of(commitments.len()).ok_or(Refusal::ProofShape)?;
    let numbers = 1usize << log;
    // One byte says how many masking bases there are: one.
    let (tag, rest) = proof.as_bytes().split_first().ok_or(Refusal::ProofShape)?;
    let (elements, left_over) = rest.as_chunks::<32>();
    let ([delta, a, a1, b, r, s], folds) =
        elements.split_first_chunk::<6>().ok_or(Refusal::ProofShape)?;
    let (folds, odd) = folds.as_chunks::<2>();
    let rounds = log.saturating_add(if width == Width::Bits32 { 5 } else { 6 });
    if *tag != 1 || !left_over.is_empty() || !odd.is_empty() || folds.len() != rounds {
        return Err(Refusal::ProofShape);
    }
    let canonical = |bytes: &[u8; 32]| Option::<Scalar>::from(Scalar::from_canonical_bytes(*bytes));
    let responses = [r, s, delta].map(canonical);
    let [Some(r), Some(s), Some(delta)] = responses else { return Err(Refusal::ProofShape) };
    bind(transcript, width, numbers, commitments)?;
    let a = absorb(transcript, b"A", a)?;
    let (y, z) = (challenge(transcript, b"y")?, challenge(transcript, b"z")?);
    let mut replayed = Vec::with_capacity(rounds);
    for [left, right] in folds {
        let left = absorb(transcript, b"L", left)?;
        let right = absorb(transcript, b"R", right)?;
        replayed.push(Round { challenge: challenge(transcript, b"e")?, left, right });
    }
    let (a1, b) = (absorb(transcript, b"A1", a1)?, absorb(transcript, b"B", b)?);
    let last = challenge(transcript, b"e")?;
    let inverses = replayed.iter().map(|round| round.challenge).chain([y]).collect();
    let (points, responses) = ([a, a1, b], [r, s, delta]);
    Ok(Replayed { width, numbers, y, z, rounds: replayed, inverses, last, points, responses })
}

/// Inverts what all these proofs need inverted, at the price of one inversion.
pub(crate) fn invert_all<'a>(proofs: impl Iterator<Item = &'a mut Replayed>) {
    let mut slots: Vec<&mut Scalar> = proofs.flat_map(|proof| &mut proof.inverses).collect();
    let mut inverses: Vec<Scalar> = slots.iter().map(|slot| **slot).collect();
    Scalar::invert_batch_alloc(&mut inverses);
    for (slot, inverse) in slots.iter_mut().zip(inverses) {
        **slot = inverse;
    }
}

/// start·Π of the factors at the bits that are set in the index, for every index.
fn products(start: Scalar, factors: &[Scalar]) -> Vec<Scalar> {
    let mut products = Vec::with_capacity(1 << factors.len());
    products.push(start);
    for factor in factors {
        for index in 0..products.len() {
            products.push(products[index] * factor);
        }
    }
    products
}

/// x, x², x⁴, … for `count` squarings and one more.
fn squares(first: Scalar, count: usize) -> Vec<Scalar> {
    std::iter::successors(Some(first), |last| Some(last * last))
        .take(count.saturating_add(1))
        .collect()
}

impl Replayed {
    /// Adds `weight` times the proof's equation, except for its commitments: what they count for comes back.
    pub(crate) fn add(&self, weight: &Scalar, sum: &mut Sum) -> Vec<Scalar> {
        let (bits, depth) = (self.width.bits(), self.rounds.len());
        let [a, a1, b] = self.points;
        let [r, s, delta] = self.responses;
        let (y, z, e) = (self.y, self.z, self.last);
        let (y_inverse, inverses) =
            self.inverses.split_last().map_or((Scalar::ONE, &[][..]), |(y, rounds)| (*y, rounds));
        let (y_powers, y_inverses) = (squares(y, depth), squares(y_inverse, depth));
        let (zz, ee) = (z * z, e * e);
        let z_powers = squares(zz, AGGREGATION_LOG_MAX);
        let y_full = y_powers.last().copied().unwrap_or(y);
        // Folding takes the highest bit of the index first.
        let folded: Vec<[Scalar; 2]> = self
            .rounds
            .iter()
            .zip(inverses)
            .map(|(round, inverse)| [round.challenge * round.challenge, inverse * inverse])
            .collect();
        let from_low = || folded.iter().rev().zip(&y_inverses);
        let on_g: Vec<Scalar> = from_low().map(|([square, _], y)| square * y).collect();
        let on_h: Vec<Scalar> = from_low().map(|([_, inverse], _)| *inverse).collect();
        let width_log = usize::try_from(bits.trailing_zeros()).unwrap_or(0);
        let on_d: Vec<Scalar> = (0..depth)
            .zip(&y_inverses)
            .map(|(bit, y)| match bit.checked_sub(width_log) {
                None => Scalar::from(1u64 << (1u32 << bit)) * y,
                Some(number) => z_powers[number] * y,
            })
            .collect();
        let challenges: Scalar = self.rounds.iter().map(|round| round.challenge).product();
        let inverse: Scalar = inverses.iter().product();
        let weighted = weight * ee;
        let g = products(weight * r * e * inverse, &on_g);
        let h = products(weight * s * e * challenges, &on_h);
        let d = products(weighted * zz * y_full, &on_d);
        let shift = weighted * z;
        for (number, used) in sum.used.iter_mut().enumerate().take(self.numbers) {
            let (at, from) = (number.saturating_mul(BITS_MAX), number.saturating_mul(bits));
            *used = bits.max(*used);
            let ((g, h), d) = ((&g[from..], &h[from..]), &d[from..]);
            for (total, own) in sum.g[at..].iter_mut().zip(g).take(bits) {
                *total += own + shift;
            }
            for (total, (own, d)) in sum.h[at..].iter_mut().zip(h.iter().zip(d)).take(bits) {
                *total += own - d - shift;
            }
        }
        // Σ yⁱ for i = 1 … and Σ z²ʲ over the numbers, both by doubling; 2^bits − 1 for the bits of each.
        let one_more = |sum: Scalar, power: &Scalar| sum * (Scalar::ONE + power);
        let y_sum = y_powers.iter().take(depth).fold(y, one_more);
        let numbers_log = depth.saturating_sub(width_log);
        let ones = Scalar::from(u64::MAX >> (BITS_MAX.saturating_sub(bits)));
        let d_sum = z_powers.iter().take(numbers_log).fold(zz, one_more) * ones;
        let y_next = y_full * y;
        sum.base += weight * (r * y * s + ee * (y_next * z * d_sum + (zz - z) * y_sum));
        sum.blinding += weight * delta;
        sum.add(-(weight * e), a1);
        sum.add(-weight, b);
        sum.add(-weighted, a);
        for (round, [square, inverse]) in self.rounds.iter().zip(&folded) {
            sum.add(-(weighted * square), round.left);
            sum.add(-(weighted * inverse), round.right);
        }
        let first = -(weighted * y_next * zz);
        std::iter::successors(Some(first), |last| Some(last * zz)).take(self.numbers).collect()
    }
}

#[cfg(test)]
mod tests;
