//! Generating an epoch's key: Feldman's verifiable secret sharing by every holder, with the ledger as broadcast.
//!
//! Each dealer shares a random polynomial of degree t − 1; the key is the sum of the qualified dealers'
//! constant terms, and t = n − f holders open sums under it. One silent or lying holder changes nothing:
//! who posts no dealing is out, and who gives a false share is shown to have done so by a complaint that
//! everybody checks. Every dealing proves knowledge of its constant term (no dealer cancels another's) **and**
//! of the ephemeral key its shares are encrypted under: else a dealer could copy an honest dealer's ephemeral
//! key, give a false share, and let the complaint about it reveal the key to the honest dealer's share.
//! Argument and bias: `docs/maths/sealed.md`, "Keys".

use crate::{
    dleq::{EqualityJob, EqualityProof, KnowledgeProof},
    gate::Role,
    group::{Commitment, Point, SecretScalar, WireScalar, mul_base},
    refusal::Refusal,
    transcript::{PROTOCOL, TranscriptExt as _},
};
use commonware_codec::{Buf, EncodeSize, Error, Read, Write};
use commonware_cryptography::sha256::Digest;
use curve25519_dalek::{RistrettoPoint, Scalar, traits::Identity as _};
use gridaccord_model::{OwnerId, codec::Bounded, codec_struct};
use rand_core::CryptoRng;
use std::collections::{BTreeMap, BTreeSet};
use tari_merlin::Transcript;
use zeroize::Zeroize as _;

/// Most holders of one key.
pub const HOLDERS_MAX: usize = 128;

/// Who shares a key, and for which epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committee {
    chain: Digest,
    epoch: u64,
    keys: Vec<Point>,
    faults: usize,
}

impl Committee {
    /// A committee of the holders' encryption keys; f = ⌊(n − 1)/3⌋.
    ///
    /// # Errors
    /// Fewer than 4 or more than [`HOLDERS_MAX`] holders, or one key twice: a holder that copies another's key
    /// gets shares it cannot read, which looks like a seat and is none.
    pub fn new(chain: Digest, epoch: u64, keys: Vec<Point>) -> Result<Self, KeygenError> {
        if !(4..=HOLDERS_MAX).contains(&keys.len()) {
            return Err(KeygenError::Holders(keys.len()));
        }
        if keys.iter().collect::<BTreeSet<_>>().len() != keys.len() {
            return Err(KeygenError::KeyTwice);
        }
        let faults = keys.len().saturating_sub(1) / 3;
        Ok(Self { chain, epoch, keys, faults })
    }

    /// n.
    #[must_use]
    pub fn size(&self) -> usize {
        self.keys.len()
    }

    /// f.
    #[must_use]
    pub const fn faults(&self) -> usize {
        self.faults
    }

    /// t = n − f.
    #[must_use]
    pub fn threshold(&self) -> usize {
        threshold_of(self.keys.len())
    }

    fn key(&self, holder: u16) -> Result<&Point, KeygenError> {
        self.keys.get(usize::from(holder)).ok_or(KeygenError::Unknown(holder))
    }

    fn transcript(&self, step: &'static [u8], dealer: u16) -> Transcript {
        let mut transcript = Transcript::new(PROTOCOL);
        transcript.append_message(b"statement", step);
        transcript.append_message(b"chain", self.chain.as_ref());
        transcript.append_u64(b"epoch", self.epoch);
        for key in &self.keys {
            transcript.point(b"holder", key);
        }
        transcript.append_u64(b"dealer", u64::from(dealer));
        transcript
    }
}

/// t = n − f of n holders, f = ⌊(n − 1)/3⌋.
const fn threshold_of(holders: usize) -> usize {
    holders.saturating_sub(holders.saturating_sub(1) / 3)
}

/// Who would hold too many shares of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crowded<R> {
    /// An owner holds more than f.
    Owner(OwnerId),
    /// A role's owners hold t or more together.
    Role(R),
}

/// The owner or role that holds too many shares, if there is one; one share a holder.
#[must_use]
pub fn crowded<R: Copy + Ord>(holders: &[(OwnerId, R)]) -> Option<Crowded<R>> {
    let faults = holders.len().saturating_sub(1) / 3;
    let threshold = threshold_of(holders.len());
    let mut by_owner: BTreeMap<OwnerId, usize> = BTreeMap::new();
    let mut by_role: BTreeMap<R, usize> = BTreeMap::new();
    for (owner, role) in holders {
        for count in [by_owner.entry(*owner).or_default(), by_role.entry(*role).or_default()] {
            *count = count.saturating_add(1);
        }
    }
    let owner = by_owner.into_iter().find(|(_, shares)| *shares > faults);
    let role = by_role.into_iter().find(|(_, shares)| *shares >= threshold);
    owner
        .map(|(owner, _)| Crowded::Owner(owner))
        .or_else(|| role.map(|(role, _)| Crowded::Role(role)))
}

/// Refuses a placement of shares in which one owner or one role could open alone.
///
/// Supplier and storage owner count as one role: both sell.
///
/// # Errors
/// One owner holds more than f shares, or one role's owners hold t or more.
pub fn check_placement(holders: &[(OwnerId, Role)]) -> Result<(), Refusal> {
    let sellers = |role: Role| if role == Role::Storage { Role::Supplier } else { role };
    let holders: Vec<_> = holders.iter().map(|(owner, role)| (*owner, sellers(*role))).collect();
    match crowded(&holders) {
        None => Ok(()),
        Some(Crowded::Owner(_)) => Err(Refusal::OwnerShares),
        Some(Crowded::Role(_)) => Err(Refusal::RoleShares),
    }
}

/// Why a step of key generation is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeygenError {
    /// Not 4 to 128 holders.
    #[error("a key is shared among 4 to {HOLDERS_MAX} holders, not {0}")]
    Holders(usize),
    /// Two holders with one key.
    #[error("two holders have the same encryption key")]
    KeyTwice,
    /// No such holder.
    #[error("holder {0} is not of the committee")]
    Unknown(u16),
    /// A second dealing of one dealer.
    #[error("dealer {0} has dealt already")]
    DealtTwice(u16),
    /// A dealing of another shape.
    #[error("dealing of {0} has the wrong number of commitments or shares")]
    Shape(u16),
    /// A proof of knowledge that does not hold.
    #[error("dealing of {0} does not prove knowledge of its secrets")]
    Knowledge(u16),
    /// A complaint whose key is not proven.
    #[error("complaint of {receiver} about {dealer} does not prove its key")]
    ComplaintFalse {
        /// Who complained.
        receiver: u16,
        /// About whom.
        dealer: u16,
    },
    /// A complaint about a share that is right.
    #[error("complaint of {receiver} about {dealer} is unfounded")]
    ComplaintUnfounded {
        /// Who complained.
        receiver: u16,
        /// About whom.
        dealer: u16,
    },
    /// Too few dealers qualified.
    #[error("{qualified} dealers qualified, {needed} are needed")]
    TooFew {
        /// Qualified dealers.
        qualified: usize,
        /// n − f.
        needed: usize,
    },
}

/// One holder's dealing: commitments to its polynomial, and every holder's share, encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dealing {
    /// Position of the dealer in the committee.
    pub dealer: u16,
    /// A_0 … A_{t−1}.
    pub commitments: Bounded<Point, HOLDERS_MAX>,
    /// Key the shares are encrypted under, with each holder's key.
    pub ephemeral: Point,
    /// Share of each holder plus a mask only dealer and holder know.
    pub shares: Bounded<WireScalar, HOLDERS_MAX>,
    /// Knowledge of the constant term.
    pub knows_constant: KnowledgeProof,
    /// Knowledge of the ephemeral key.
    pub knows_ephemeral: KnowledgeProof,
}

codec_struct!(Dealing { dealer, commitments, ephemeral, shares, knows_constant, knows_ephemeral });

fn bind_dealing(
    committee: &Committee,
    dealing: (u16, &[Point], &Point, &[WireScalar]),
) -> Transcript {
    let (dealer, commitments, ephemeral, shares) = dealing;
    let mut transcript = committee.transcript(b"dealing", dealer);
    for commitment in commitments {
        transcript.point(b"coefficient", commitment);
    }
    transcript.point(b"ephemeral", ephemeral);
    for share in shares {
        transcript.scalar(b"share", &share.0);
    }
    transcript
}

/// The mask of one share: a hash of the Diffie–Hellman key and everything that names the share.
fn mask(
    committee: &Committee,
    dealer: u16,
    receiver: u16,
    ephemeral: &Point,
    shared: &Commitment,
) -> Scalar {
    let mut transcript = committee.transcript(b"share mask", dealer);
    transcript.append_u64(b"receiver", u64::from(receiver));
    transcript.point(b"ephemeral", ephemeral);
    transcript.commitment(b"shared", shared);
    transcript.challenge(b"mask")
}

/// The polynomial's argument for a holder: 1 … n, because the secret sits at 0.
pub(crate) fn argument(holder: u16) -> Scalar {
    Scalar::from(u64::from(holder).saturating_add(1))
}

/// Σ A_k x^k.
fn evaluate(commitments: &[Point], holder: u16) -> RistrettoPoint {
    let x = argument(holder);
    commitments
        .iter()
        .rev()
        .fold(RistrettoPoint::identity(), |sum, commitment| sum * x + commitment.point())
}

impl Dealing {
    /// Deals a fresh polynomial to the committee.
    ///
    /// # Errors
    /// `dealer` is not of the committee.
    pub fn deal(
        committee: &Committee,
        dealer: u16,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, KeygenError> {
        let secrets: Vec<SecretScalar> =
            (0..committee.threshold()).map(|_| SecretScalar::random(rng)).collect();
        Self::deal_polynomial(committee, (dealer, None), &secrets, rng)
    }

    /// As [`Self::deal`], with a false share for `victim`: what a rehearsal's liar does.
    pub(crate) fn deal_falsely(
        committee: &Committee,
        dealer: u16,
        victim: u16,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, KeygenError> {
        let secrets: Vec<SecretScalar> =
            (0..committee.threshold()).map(|_| SecretScalar::random(rng)).collect();
        Self::deal_polynomial(committee, (dealer, Some(victim)), &secrets, rng)
    }

    fn deal_polynomial(
        committee: &Committee,
        (dealer, victim): (u16, Option<u16>),
        polynomial: &[SecretScalar],
        rng: &mut impl CryptoRng,
    ) -> Result<Self, KeygenError> {
        committee.key(dealer)?;
        let shape = KeygenError::Shape(dealer);
        let ephemeral_secret = SecretScalar::random(rng);
        let ephemeral = Point::new(ephemeral_secret.public()).ok_or(shape)?;
        let commitments = polynomial
            .iter()
            .map(|secret| Point::new(secret.public()))
            .collect::<Option<Vec<_>>>()
            .ok_or(shape)?;
        let shares: Vec<WireScalar> = (0u16..)
            .zip(&committee.keys)
            .map(|(receiver, key)| {
                let shared = Commitment::new(key.point() * ephemeral_secret.0);
                let mut share = polynomial
                    .iter()
                    .rev()
                    .fold(Scalar::ZERO, |sum, secret| sum * argument(receiver) + secret.0);
                let mask = mask(committee, dealer, receiver, &ephemeral, &shared);
                let error = if victim == Some(receiver) { Scalar::ONE } else { Scalar::ZERO };
                let hidden = share + mask + error;
                share.zeroize();
                WireScalar(hidden)
            })
            .collect();
        let mut transcript = bind_dealing(committee, (dealer, &commitments, &ephemeral, &shares));
        let (constant, key) = polynomial.first().zip(commitments.first()).ok_or(shape)?;
        let knows_constant = KnowledgeProof::prove(&mut transcript, constant, key, rng);
        let knows_ephemeral =
            KnowledgeProof::prove(&mut transcript, &ephemeral_secret, &ephemeral, rng);
        let commitments = Bounded::new(commitments).map_err(|_| shape)?;
        let shares = Bounded::new(shares).map_err(|_| shape)?;
        Ok(Self { dealer, commitments, ephemeral, shares, knows_constant, knows_ephemeral })
    }

    fn check(&self, committee: &Committee) -> Result<(), KeygenError> {
        committee.key(self.dealer)?;
        if self.commitments.len() != committee.threshold() || self.shares.len() != committee.size()
        {
            return Err(KeygenError::Shape(self.dealer));
        }
        let constant = self.commitments.first().ok_or(KeygenError::Shape(self.dealer))?;
        let mut transcript = bind_dealing(
            committee,
            (self.dealer, &self.commitments, &self.ephemeral, &self.shares),
        );
        let known = self.knows_constant.verify(&mut transcript, constant)
            && self.knows_ephemeral.verify(&mut transcript, &self.ephemeral);
        if known { Ok(()) } else { Err(KeygenError::Knowledge(self.dealer)) }
    }

    /// The share of `receiver`, given the Diffie–Hellman key; `None` where it is not on the polynomial.
    fn open(
        &self,
        committee: &Committee,
        receiver: u16,
        shared: &Commitment,
    ) -> Option<SecretScalar> {
        let hidden = self.shares.get(usize::from(receiver))?;
        let mask = mask(committee, self.dealer, receiver, &self.ephemeral, shared);
        let share = SecretScalar(hidden.0 - mask);
        (mul_base(&share.0) == evaluate(&self.commitments, receiver)).then_some(share)
    }
}

/// Phase 1: dealings come in.
#[derive(Clone, Debug)]
pub struct Dealings {
    committee: Committee,
    dealings: BTreeMap<u16, Dealing>,
}

impl Dealings {
    /// Opens the phase.
    #[must_use]
    pub const fn open(committee: Committee) -> Self {
        Self { committee, dealings: BTreeMap::new() }
    }

    /// Takes a dealing, or leaves the phase as it was.
    ///
    /// # Errors
    /// Unknown dealer, a second dealing, a wrong shape, or secrets not proven.
    pub fn post(&mut self, dealing: Dealing) -> Result<(), KeygenError> {
        if self.dealings.contains_key(&dealing.dealer) {
            return Err(KeygenError::DealtTwice(dealing.dealer));
        }
        dealing.check(&self.committee)?;
        self.dealings.insert(dealing.dealer, dealing);
        Ok(())
    }

    /// Closes the phase; who has not dealt is out.
    #[must_use]
    pub fn close(self) -> Complaints {
        Complaints { committee: self.committee, dealings: self.dealings, upheld: BTreeSet::new() }
    }
}

/// A holder's complaint: the key to its own share, so that everybody can see that the share is false.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// Who complains.
    pub receiver: u16,
    /// About whom.
    pub dealer: u16,
    /// Diffie–Hellman key of dealer and receiver.
    pub shared: Commitment,
    /// Proof that it is.
    pub proof: EqualityProof,
}

codec_struct!(Complaint { receiver, dealer, shared, proof });

/// Phase 2: complaints come in.
#[derive(Clone, Debug)]
pub struct Complaints {
    committee: Committee,
    dealings: BTreeMap<u16, Dealing>,
    upheld: BTreeSet<u16>,
}

impl Complaints {
    fn transcript(&self, dealer: u16, receiver: u16) -> Transcript {
        let mut transcript = self.committee.transcript(b"complaint", dealer);
        transcript.append_u64(b"receiver", u64::from(receiver));
        transcript
    }

    /// Judges a complaint: the dealer is out, or the complaint is refused.
    ///
    /// # Errors
    /// Unknown parties, a key that is not proven, or a share that is right: the complainer's fault.
    pub fn post(&mut self, complaint: &Complaint) -> Result<(), KeygenError> {
        let Complaint { receiver, dealer, shared, proof } = *complaint;
        let public = *self.committee.key(receiver)?;
        let dealing = self.dealings.get(&dealer).ok_or(KeygenError::Unknown(dealer))?;
        let transcript = self.transcript(dealer, receiver);
        let job = EqualityJob {
            transcript,
            public,
            second_base: dealing.ephemeral,
            result: shared,
            proof,
        };
        if !job.holds() {
            return Err(KeygenError::ComplaintFalse { receiver, dealer });
        }
        if dealing.open(&self.committee, receiver, &shared).is_some() {
            return Err(KeygenError::ComplaintUnfounded { receiver, dealer });
        }
        self.upheld.insert(dealer);
        Ok(())
    }

    /// Closes key generation.
    ///
    /// # Errors
    /// Fewer than n − f dealers qualified: the old key stays one more epoch.
    pub fn close(self) -> Result<EpochKey, KeygenError> {
        let qualified: Vec<&Dealing> = self
            .dealings
            .values()
            .filter(|dealing| !self.upheld.contains(&dealing.dealer))
            .collect();
        let needed = self.committee.threshold();
        let too_few = KeygenError::TooFew { qualified: qualified.len(), needed };
        if qualified.len() < needed {
            return Err(too_few);
        }
        // Coefficients first, then one evaluation a holder: n·t multiplications instead of n²·t.
        let coefficients: Vec<Point> = (0..needed)
            .map(|k| {
                let parts = qualified.iter().filter_map(|dealing| dealing.commitments.get(k));
                Point::new(parts.fold(RistrettoPoint::identity(), |sum, part| sum + part.point()))
            })
            .collect::<Option<Vec<_>>>()
            .ok_or(too_few)?;
        let key = *coefficients.first().ok_or(too_few)?;
        let holders = (0u16..)
            .zip(&self.committee.keys)
            .map(|(holder, _)| Point::new(evaluate(&coefficients, holder)))
            .collect::<Option<Vec<_>>>()
            .ok_or(too_few)?;
        let qualified = qualified.iter().map(|dealing| dealing.dealer).collect();
        Ok(EpochKey { epoch: self.committee.epoch, key, holders, threshold: needed, qualified })
    }
}

/// A key that any t holders open sums under, and fewer learn nothing about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochKey {
    epoch: u64,
    key: Point,
    holders: Vec<Point>,
    threshold: usize,
    qualified: Vec<u16>,
}

impl EpochKey {
    /// The epoch.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Y.
    #[must_use]
    pub const fn key(&self) -> Point {
        self.key
    }

    /// Y_j, what holder j's shares are checked against.
    #[must_use]
    pub fn holder(&self, holder: u16) -> Option<Point> {
        self.holders.get(usize::from(holder)).copied()
    }

    /// n.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.holders.len()
    }

    /// t.
    #[must_use]
    pub const fn threshold(&self) -> usize {
        self.threshold
    }

    /// Dealers whose dealings make up the key.
    #[must_use]
    pub fn qualified(&self) -> &[u16] {
        &self.qualified
    }
}

/// What an epoch's key is on the wire.
struct EpochKeyWire {
    epoch: u64,
    key: Point,
    holders: Bounded<Point, HOLDERS_MAX>,
    qualified: Bounded<u16, HOLDERS_MAX>,
}

codec_struct!(EpochKeyWire { epoch, key, holders, qualified });

impl EpochKey {
    fn wire(&self) -> EpochKeyWire {
        let bounded = "a committee has at most HOLDERS_MAX holders";
        EpochKeyWire {
            epoch: self.epoch,
            key: self.key,
            holders: Bounded::new(self.holders.clone()).expect(bounded),
            qualified: Bounded::new(self.qualified.clone()).expect(bounded),
        }
    }
}

impl Write for EpochKey {
    fn write(&self, buf: &mut impl bytes::BufMut) {
        self.wire().write(buf);
    }
}

impl EncodeSize for EpochKey {
    fn encode_size(&self) -> usize {
        self.wire().encode_size()
    }
}

impl Read for EpochKey {
    type Cfg = ();
    fn read_cfg(buf: &mut impl Buf, (): &()) -> Result<Self, Error> {
        let EpochKeyWire { epoch, key, holders, qualified } = EpochKeyWire::read_cfg(buf, &())?;
        let holders = holders.into_inner();
        if holders.len() < 4 {
            return Err(Error::InvalidLength(holders.len()));
        }
        let threshold = threshold_of(holders.len());
        Ok(Self { epoch, key, holders, threshold, qualified: qualified.into_inner() })
    }
}

/// A holder's secret share of an epoch's key: dropped, and so wiped, after the last gate pinned to the key.
#[derive(Debug)]
pub struct KeyShare {
    /// Position of the holder.
    pub holder: u16,
    pub(crate) secret: SecretScalar,
}

/// A holder's side of key generation.
#[derive(Debug)]
pub struct Receiver {
    holder: u16,
    secret: SecretScalar,
}

impl Receiver {
    /// A holder and the secret of its encryption key.
    #[must_use]
    pub const fn new(holder: u16, secret: SecretScalar) -> Self {
        Self { holder, secret }
    }

    fn shared(&self, dealing: &Dealing) -> Commitment {
        Commitment::new(dealing.ephemeral.point() * self.secret.0)
    }

    /// Complaints about every dealing whose share is false.
    pub fn complaints(&self, phase: &Complaints, rng: &mut impl CryptoRng) -> Vec<Complaint> {
        let mut found = Vec::new();
        for dealing in phase.dealings.values() {
            let shared = self.shared(dealing);
            if dealing.open(&phase.committee, self.holder, &shared).is_none() {
                found.extend(self.complain(phase, dealing.dealer, rng));
            }
        }
        found
    }

    /// A complaint about one dealer, founded or not.
    pub fn complain(
        &self,
        phase: &Complaints,
        dealer: u16,
        rng: &mut impl CryptoRng,
    ) -> Option<Complaint> {
        let dealing = phase.dealings.get(&dealer)?;
        let public = phase.committee.key(self.holder).ok()?;
        let shared = self.shared(dealing);
        let mut transcript = phase.transcript(dealer, self.holder);
        let proof = EqualityProof::prove(
            &mut transcript,
            &self.secret,
            public,
            &dealing.ephemeral,
            &shared,
            rng,
        );
        Some(Complaint { receiver: self.holder, dealer, shared, proof })
    }

    /// The share of the finished key; `None` where the dealings are not those the key was made of.
    #[must_use]
    pub fn share(&self, phase: &Complaints, key: &EpochKey) -> Option<KeyShare> {
        let mut sum = SecretScalar(Scalar::ZERO);
        for dealer in &key.qualified {
            let dealing = phase.dealings.get(dealer)?;
            let part = dealing.open(&phase.committee, self.holder, &self.shared(dealing))?;
            sum.0 += part.0;
        }
        let own = key.holder(self.holder)?;
        (sum.public() == own.point()).then_some(KeyShare { holder: self.holder, secret: sum })
    }
}

#[cfg(test)]
mod tests;
