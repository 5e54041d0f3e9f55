//! Holders' encryption keys: posted once, with proof that their owner knows them.
//!
//! Without the proof a holder could post another's key as its own and be a seat that reads nothing. For a holder
//! that has not enrolled stands a key whose secret nobody knows: it counts as one silent holder, and the number of
//! holders, and with it the threshold, does not depend on who is awake.

use crate::{
    dleq::KnowledgeProof,
    group::{Point, SecretScalar},
    transcript::PROTOCOL,
};
use commonware_cryptography::sha256::Digest;
use curve25519_dalek::RistrettoPoint;
use gridaccord_model::codec_struct;
use rand_core::CryptoRng;
use tari_merlin::Transcript;

/// A holder's encryption key as posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enrolment {
    /// Shares are encrypted to it.
    pub key: Point,
    /// Its owner knows its secret.
    pub proof: KnowledgeProof,
}

codec_struct!(Enrolment { key, proof });

fn transcript(step: &'static [u8], chain: &Digest, holder: u16) -> Transcript {
    let mut transcript = Transcript::new(PROTOCOL);
    transcript.append_message(b"statement", step);
    transcript.append_message(b"chain", chain.as_ref());
    transcript.append_u64(b"holder", u64::from(holder));
    transcript
}

impl Enrolment {
    /// Enrols a holder; `None` for a secret of zero.
    pub fn new(
        chain: &Digest,
        holder: u16,
        secret: &SecretScalar,
        rng: &mut impl CryptoRng,
    ) -> Option<Self> {
        let key = Point::new(secret.public())?;
        let mut transcript = transcript(b"enrolment", chain, holder);
        Some(Self { key, proof: KnowledgeProof::prove(&mut transcript, secret, &key, rng) })
    }

    /// Whether the key is known to whoever posted it, for this holder of this chain.
    #[must_use]
    pub fn holds(&self, chain: &Digest, holder: u16) -> bool {
        self.proof.verify(&mut transcript(b"enrolment", chain, holder), &self.key)
    }
}

/// The key that stands for a holder that has not enrolled: hashed to the group, so that nobody knows its secret.
#[must_use]
pub fn absent_key(chain: &Digest, holder: u16) -> Point {
    let mut transcript = transcript(b"absent holder", chain, holder);
    loop {
        let mut bytes = [0; 64];
        transcript.challenge_bytes(b"key", &mut bytes);
        // The identity has probability 2⁻²⁵²; the loop is how the type is satisfied without a panic.
        if let Some(key) = Point::new(RistrettoPoint::from_uniform_bytes(&bytes)) {
            return key;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use commonware_cryptography::{Hasher as _, Sha256};
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

    #[test]
    fn an_enrolment_holds_for_its_holder_and_chain_alone() {
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        let [chain, other] = [b"one", b"two"].map(|name| Sha256::hash(&[name]));
        let secret = SecretScalar::random(&mut rng);
        let enrolment = Enrolment::new(&chain, 2, &secret, &mut rng).unwrap();
        assert!(enrolment.holds(&chain, 2));
        assert!(!enrolment.holds(&chain, 3));
        assert!(!enrolment.holds(&other, 2));
        let copied = Enrolment { key: absent_key(&chain, 2), ..enrolment };
        assert!(!copied.holds(&chain, 2));
        assert_ne!(absent_key(&chain, 2), absent_key(&chain, 3));
        assert_ne!(absent_key(&chain, 2), absent_key(&other, 2));
    }
}
