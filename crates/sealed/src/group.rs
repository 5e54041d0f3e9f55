//! The group, its two bases and what lives in it: points, scalars, commitments and their openings.
//!
//! | symbol | here | meaning |
//! |---|---|---|
//! | ℓ | order of ristretto255 | every scalar is reduced modulo it |
//! | B | [`base`] | value base, the standard base point |
//! | B̃ | [`Bases::blinding`] | blinding base, hashed to the group: nobody knows its logarithm to B |
//! | Com(v; r) | [`Opening::commit`] | vB + rB̃ |
//!
//! Points and scalars have one encoding each; decoders refuse any other. [`Point`] also refuses the
//! identity, where it would forge (keys, ciphertext randomness, shares); [`Commitment`] admits it, because
//! Com(0; 0) is how a public zero is written.

use bytes::BufMut;
use commonware_codec::{Buf, Error, FixedSize, Read, Write};
use curve25519_dalek::{
    RistrettoPoint, Scalar,
    constants::{RISTRETTO_BASEPOINT_POINT, RISTRETTO_BASEPOINT_TABLE},
    ristretto::{CompressedRistretto, RistrettoBasepointTable},
    traits::{Identity, IsIdentity},
};
use rand_core::CryptoRng;
use std::sync::LazyLock;
use subtle::{Choice, ConditionallySelectable as _};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Bytes of an encoded point or scalar.
pub const ELEMENT_SIZE: usize = 32;

/// The two bases of commitments, with the constant-time table of the second.
pub struct Bases {
    /// B̃.
    pub blinding: RistrettoPoint,
    table: RistrettoBasepointTable,
}

impl core::fmt::Debug for Bases {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Bases")
    }
}

/// B̃ is the first masking base of the range-proof library, so that its commitments are ours.
static BASES: LazyLock<Bases> = LazyLock::new(|| {
    let blinding = crate::range::pedersen()
        .g_base_vec
        .first()
        .copied()
        .expect("one masking base is configured");
    Bases { blinding, table: RistrettoBasepointTable::create(&blinding) }
});

/// The bases. Built once in a process; the same in every process.
#[must_use]
pub fn bases() -> &'static Bases {
    &BASES
}

/// B.
#[must_use]
pub const fn base() -> RistrettoPoint {
    RISTRETTO_BASEPOINT_POINT
}

/// s·B in constant time.
#[must_use]
pub fn mul_base(scalar: &Scalar) -> RistrettoPoint {
    scalar * RISTRETTO_BASEPOINT_TABLE
}

/// s·B̃ in constant time.
#[must_use]
pub fn mul_blinding(scalar: &Scalar) -> RistrettoPoint {
    scalar * &bases().table
}

/// The scalar of a signed integer, without a branch on its value.
#[must_use]
pub fn scalar(value: i128) -> Scalar {
    let magnitude = Scalar::from(value.unsigned_abs());
    let negative = Choice::from(u8::from(value.is_negative()));
    Scalar::conditional_select(&magnitude, &-magnitude, negative)
}

/// A uniformly random scalar.
pub fn random_scalar(rng: &mut impl CryptoRng) -> Scalar {
    Scalar::random(rng)
}

/// Secret scalar: wiped on drop, never printed, never copied.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct SecretScalar(pub(crate) Scalar);

impl SecretScalar {
    /// A fresh one.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        Self(Scalar::random(rng))
    }

    /// s·B.
    #[must_use]
    pub fn public(&self) -> RistrettoPoint {
        mul_base(&self.0)
    }

    /// The canonical bytes, for a key file; the caller guards them.
    #[must_use]
    pub const fn expose(&self) -> [u8; ELEMENT_SIZE] {
        self.0.to_bytes()
    }

    /// From canonical bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; ELEMENT_SIZE]) -> Option<Self> {
        Option::<Scalar>::from(Scalar::from_canonical_bytes(bytes)).map(Self)
    }
}

impl core::fmt::Debug for SecretScalar {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SecretScalar(..)")
    }
}

/// A scalar on the wire: canonical or refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireScalar(pub Scalar);

impl Write for WireScalar {
    fn write(&self, buf: &mut impl BufMut) {
        buf.put_slice(self.0.as_bytes());
    }
}

impl FixedSize for WireScalar {
    const SIZE: usize = ELEMENT_SIZE;
}

impl Read for WireScalar {
    type Cfg = ();
    fn read_cfg(buf: &mut impl Buf, (): &()) -> Result<Self, Error> {
        let bytes = <[u8; ELEMENT_SIZE]>::read_cfg(buf, &())?;
        Option::<Scalar>::from(Scalar::from_canonical_bytes(bytes))
            .map(Self)
            .ok_or(Error::Invalid("WireScalar", "not a canonical scalar"))
    }
}

/// A point beside its encoding, so that nobody encodes it twice.
#[derive(Clone, Copy)]
struct Encoded {
    point: RistrettoPoint,
    bytes: CompressedRistretto,
}

impl Encoded {
    fn new(point: RistrettoPoint) -> Self {
        Self { point, bytes: point.compress() }
    }

    fn decode(bytes: [u8; ELEMENT_SIZE]) -> Option<Self> {
        let bytes = CompressedRistretto(bytes);
        bytes.decompress().map(|point| Self { point, bytes })
    }
}

fn write_hex(bytes: &[u8], f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

macro_rules! point_type {
    ($(#[$doc:meta])* $name:ident, $identity:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name(Encoded);

        impl $name {
            /// The group element.
            #[must_use]
            pub const fn point(&self) -> RistrettoPoint {
                self.0.point
            }

            /// The canonical encoding.
            #[must_use]
            pub const fn bytes(&self) -> &[u8; ELEMENT_SIZE] {
                self.0.bytes.as_bytes()
            }

            /// From its canonical encoding.
            #[must_use]
            pub fn from_bytes(bytes: [u8; ELEMENT_SIZE]) -> Option<Self> {
                Encoded::decode(bytes).filter(|found| $identity || !found.point.is_identity()).map(Self)
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.0.bytes == other.0.bytes
            }
        }

        impl Eq for $name {}

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $name {
            fn cmp(&self, other: &Self) -> core::cmp::Ordering {
                self.bytes().cmp(other.bytes())
            }
        }

        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write_hex(self.bytes(), f)
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write_hex(self.bytes(), f)
            }
        }

        impl Write for $name {
            fn write(&self, buf: &mut impl BufMut) {
                buf.put_slice(self.bytes());
            }
        }

        impl FixedSize for $name {
            const SIZE: usize = ELEMENT_SIZE;
        }

        impl Read for $name {
            type Cfg = ();
            fn read_cfg(buf: &mut impl Buf, (): &()) -> Result<Self, Error> {
                let bytes = <[u8; ELEMENT_SIZE]>::read_cfg(buf, &())?;
                Self::from_bytes(bytes)
                    .ok_or(Error::Invalid(stringify!($name), "not the canonical encoding of an admitted point"))
            }
        }
    };
}

point_type!(
    /// A group element other than the identity.
    Point, false
);
point_type!(
    /// A commitment; the identity is Com(0; 0), a public zero.
    Commitment, true
);

impl Point {
    /// Wraps an element; `None` for the identity.
    #[must_use]
    pub fn new(point: RistrettoPoint) -> Option<Self> {
        (!point.is_identity()).then(|| Self(Encoded::new(point)))
    }
}

impl Commitment {
    /// Com(0; 0).
    #[must_use]
    pub fn zero() -> Self {
        Self(Encoded { point: RistrettoPoint::identity(), bytes: CompressedRistretto::identity() })
    }

    /// Wraps an element.
    #[must_use]
    pub fn new(point: RistrettoPoint) -> Self {
        Self(Encoded::new(point))
    }

    /// Com(v; 0): a public number written as a commitment.
    #[must_use]
    pub fn public(value: i128) -> Self {
        Self::new(mul_base(&scalar(value)))
    }

    /// Whether this is Com(0; 0).
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0.point.is_identity()
    }

    /// Whether this commits to `value` under blinding `r`.
    #[must_use]
    pub fn opens_to(&self, value: i128, blinding: &Scalar) -> bool {
        mul_base(&scalar(value)) + mul_blinding(blinding) == self.0.point
    }
}

/// A committed number and its blinding: whoever holds it can prove things about the commitment.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Opening {
    pub(crate) value: i128,
    pub(crate) blinding: Scalar,
}

impl core::fmt::Debug for Opening {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Opening(..)")
    }
}

impl Opening {
    /// Hides a number under fresh blinding.
    pub fn hide(value: i128, rng: &mut impl CryptoRng) -> Self {
        Self { value, blinding: Scalar::random(rng) }
    }

    /// A public number: no blinding.
    #[must_use]
    pub const fn public(value: i128) -> Self {
        Self { value, blinding: Scalar::ZERO }
    }

    /// Number and blinding as received from a counterparty.
    #[must_use]
    pub const fn new(value: i128, blinding: Scalar) -> Self {
        Self { value, blinding }
    }

    /// The committed number, for its owner's eyes.
    #[must_use]
    pub const fn value(&self) -> i128 {
        self.value
    }

    /// The blinding's bytes, to hand the opening to a counterparty over a private channel.
    #[must_use]
    pub const fn expose_blinding(&self) -> Scalar {
        self.blinding
    }

    /// Com(value; blinding).
    #[must_use]
    pub fn commit(&self) -> Commitment {
        Commitment::new(mul_base(&scalar(self.value)) + mul_blinding(&self.blinding))
    }

    /// The opening of Σ cᵢ·Cᵢ + constant·B; `None` where the number leaves 128 bits.
    #[must_use]
    pub fn combine(terms: &[(i128, &Self)], constant: i128) -> Option<Self> {
        let mut sum = Self::public(constant);
        for (coefficient, opening) in terms {
            sum.value = sum.value.checked_add(coefficient.checked_mul(opening.value)?)?;
            sum.blinding += scalar(*coefficient) * opening.blinding;
        }
        Some(sum)
    }
}

/// Σ cᵢ·Cᵢ + constant·B: what everybody derives where the owner derives [`Opening::combine`].
#[must_use]
pub fn combine(terms: &[(i128, &Commitment)], constant: i128) -> Commitment {
    Commitment::new(combine_points(terms.iter().map(|(c, p)| (*c, p.point())), constant))
}

/// As [`combine`], on bare elements. Public data only: the time depends on the coefficients.
pub(crate) fn combine_points(
    terms: impl Iterator<Item = (i128, RistrettoPoint)>,
    constant: i128,
) -> RistrettoPoint {
    let mut sum = RistrettoPoint::identity();
    for (coefficient, point) in terms {
        sum += small_multiple(point, coefficient);
    }
    sum + small_multiple(base(), constant)
}

/// c·P for a public integer: double and add over the bits it has, which beats a full scalar for small ones.
fn small_multiple(point: RistrettoPoint, coefficient: i128) -> RistrettoPoint {
    let magnitude = coefficient.unsigned_abs();
    let bits = u128::BITS.saturating_sub(magnitude.leading_zeros());
    let mut product = RistrettoPoint::identity();
    for bit in (0..bits).rev() {
        product = product + product;
        if (magnitude >> bit) & 1 == 1 {
            product += point;
        }
    }
    if coefficient.is_negative() { -product } else { product }
}
