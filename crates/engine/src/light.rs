//! Proofs for who trusts the group key and nothing else, and their check, which needs no node and no network.
//!
//! ```text
//! group key ──signs──▶ view, header digest ──hashes to──▶ header ──names──▶ root of records ──proves──▶ record
//! ```

use crate::{
    block::Header,
    chain::{GroupKey, Scheme, namespace},
    state::BITMAP_CHUNK,
};
use bytes::{BufMut, Bytes};
use commonware_codec::{Buf, DecodeExt as _, Encode as _, EncodeSize, Error, Read, Write};
use commonware_consensus::simplex::types::Finalization;
use commonware_cryptography::Sha256;
use commonware_parallel::Sequential;
use commonware_storage::{
    mmr,
    qmdb::{
        any::value::FixedEncoding,
        current::ordered::proof::constant::{ExclusionProof, KeyValueProof},
    },
};
use gridaccord_ledger::{Digest, Key, Record};
use gridaccord_model::TimeMs;

/// Largest encoded proof.
pub const PROOF_SIZE_MAX: usize = 32 * 1024;
/// Hashes in one proof: more than a log of 2^48 operations needs.
const DIGESTS_MAX: usize = 128;
/// Domain of the digests that make checks of two signatures at once unpredictable.
const CHECK_DOMAIN: &[u8] = b"gridaccord/light-check/v1";

pub(crate) type Certificate = Finalization<Scheme, Digest>;
pub(crate) type Inclusion = KeyValueProof<mmr::Family, Digest, Digest, BITMAP_CHUNK>;
pub(crate) type Exclusion =
    ExclusionProof<mmr::Family, Digest, FixedEncoding<Record>, Digest, BITMAP_CHUNK>;

/// Why a proof is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LightError {
    /// The bytes are not a proof.
    #[error("proof does not decode: {0}")]
    Encoding(String),
    /// The trusted key is not one.
    #[error("group key is not a point of the group")]
    GroupKey,
    /// The certificate is not the group's.
    #[error("finality certificate is not signed by the group")]
    Certificate,
    /// The certificate is for another header.
    #[error("finality certificate is for another header")]
    Header,
    /// The state does not say so.
    #[error("record is not proven by the header's root")]
    Record,
}

/// What the state says under the key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Claim {
    Present { record: Record, proof: Box<Inclusion> },
    Absent { proof: Box<Exclusion> },
}

/// A record, or its absence, with everything that proves it.
#[derive(Clone, Debug, PartialEq)]
pub struct LightProof {
    pub(crate) certificate: Certificate,
    pub(crate) header: Header,
    pub(crate) key: Key,
    pub(crate) claim: Claim,
}

/// What a proof proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    /// Height of the block whose state it is.
    pub height: u64,
    /// Its wall time: how fresh the statement is.
    pub timestamp: TimeMs,
    /// The key.
    pub key: Key,
    /// The record under it; `None` where there is none.
    pub record: Option<Record>,
}

impl LightProof {
    /// Height of the block whose state it is about.
    #[must_use]
    pub const fn height(&self) -> u64 {
        self.header.height
    }

    /// The record it claims to prove; `None` where it is about an absence.
    #[must_use]
    pub const fn record(&self) -> Option<&Record> {
        match &self.claim {
            Claim::Present { record, .. } => Some(record),
            Claim::Absent { .. } => None,
        }
    }

    /// The canonical bytes, at most [`PROOF_SIZE_MAX`].
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        self.encode()
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// [`LightError::Encoding`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LightError> {
        if bytes.len() > PROOF_SIZE_MAX {
            return Err(LightError::Encoding(format!("it is longer than {PROOF_SIZE_MAX} bytes")));
        }
        Self::decode(Bytes::copy_from_slice(bytes))
            .map_err(|error| LightError::Encoding(error.to_string()))
    }
}

/// Checks a proof.
///
/// # Errors
/// [`LightError`], in the order of its variants.
pub fn verify(
    group_key: &[u8; 96],
    chain: &Digest,
    proof: &LightProof,
) -> Result<Proven, LightError> {
    let key =
        GroupKey::decode(Bytes::copy_from_slice(group_key)).map_err(|_| LightError::GroupKey)?;
    let scheme = Scheme::certificate_verifier(&namespace(chain), key);
    if !verify_certificate(&scheme, &proof.certificate) {
        return Err(LightError::Certificate);
    }
    let LightProof { certificate, header, key, claim } = proof;
    if certificate.proposal.payload != header.digest()
        || certificate.proposal.round != header.context.round
    {
        return Err(LightError::Header);
    }
    let name = Digest(key.0);
    let root = &header.state.root;
    let record = match claim {
        Claim::Present { record, proof } => proof
            .verify::<Sha256, FixedEncoding<Record>>(name, record.clone(), root)
            .then(|| Some(record.clone())),
        Claim::Absent { proof } => proof.verify::<Sha256>(&name, root).then_some(None),
    };
    let record = record.ok_or(LightError::Record)?;
    Ok(Proven { height: header.height, timestamp: header.timestamp, key: *key, record })
}

/// Whether the group signed both the vote and the seed of a certificate.
///
/// The two are checked at once with weights that must not be known before the certificate is. They are drawn
/// from a hash of it, so that the check needs no source of randomness.
pub(crate) fn verify_certificate(scheme: &Scheme, certificate: &Certificate) -> bool {
    use commonware_cryptography::Hasher as _;
    use rand::SeedableRng as _;
    let mut hasher = Sha256::default();
    hasher.update(CHECK_DOMAIN);
    hasher.update(&certificate.encode());
    let mut rng = rand::rngs::StdRng::from_seed(hasher.finalize().1.0);
    certificate.verify(&mut rng, scheme, &Sequential)
}

const TAG_ABSENT: u8 = 0;
const TAG_PRESENT: u8 = 1;

impl Write for LightProof {
    fn write(&self, buf: &mut impl BufMut) {
        self.certificate.write(buf);
        self.header.write(buf);
        self.key.write(buf);
        match &self.claim {
            Claim::Absent { proof } => {
                TAG_ABSENT.write(buf);
                proof.write(buf);
            }
            Claim::Present { record, proof } => {
                TAG_PRESENT.write(buf);
                record.write(buf);
                proof.write(buf);
            }
        }
    }
}

impl EncodeSize for LightProof {
    fn encode_size(&self) -> usize {
        let claim = match &self.claim {
            Claim::Absent { proof } => proof.encode_size(),
            Claim::Present { record, proof } => record.encode_size() + proof.encode_size(),
        };
        self.certificate.encode_size()
            + self.header.encode_size()
            + self.key.encode_size()
            + 1
            + claim
    }
}

impl Read for LightProof {
    type Cfg = ();
    fn read_cfg(buf: &mut impl Buf, (): &()) -> Result<Self, Error> {
        let certificate = Certificate::read_cfg(buf, &())?;
        let header = Header::read_cfg(buf, &())?;
        let key = Key::read_cfg(buf, &())?;
        let claim = match u8::read_cfg(buf, &())? {
            TAG_ABSENT => {
                Claim::Absent { proof: Box::new(Exclusion::read_cfg(buf, &(DIGESTS_MAX, (), ()))?) }
            }
            TAG_PRESENT => Claim::Present {
                record: Record::read_cfg(buf, &())?,
                proof: Box::new(Inclusion::read_cfg(buf, &(DIGESTS_MAX, ()))?),
            },
            other => return Err(Error::InvalidEnum(other)),
        };
        Ok(Self { certificate, header, key, claim })
    }
}
