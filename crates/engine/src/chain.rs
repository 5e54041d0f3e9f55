//! What a validator and a light client must agree on before anything is signed: the chain's identity, the
//! validators in order, and the polynomial their votes are checked with.

use crate::block::Block;
use bytes::Bytes;
use commonware_codec::{Decode as _, DecodeExt as _, Encode as _};
use commonware_consensus::simplex::scheme::bls12381_threshold::vrf;
use commonware_cryptography::{
    bls12381::{
        dkg::feldman_desmedt,
        primitives::{
            group,
            sharing::{Mode, ModeVersion, Sharing},
            variant::{MinSig, Variant},
        },
    },
    ed25519,
};
use commonware_utils::{
    N3f1, TryCollect as _,
    ordered::{Quorum as _, Set},
};
use gridaccord_ledger::{
    Digest, Genesis,
    genesis::{GenesisError, Group, VALIDATORS_MAX},
};
use gridaccord_model::codec::Blob;
use rand_core::CryptoRng;
use std::{collections::BTreeMap, num::NonZeroU32};
use zeroize::Zeroizing;

/// Key of a validator's node: names it on the network and in the order of validators.
pub type PublicKey = ed25519::PublicKey;
/// Signatures of votes and seeds: BLS12-381, signatures in G1 (48 bytes), keys in G2 (96 bytes).
pub(crate) type Scheme = vrf::Scheme<PublicKey, MinSig>;
/// The public key of the group, in G2.
pub(crate) type GroupKey = <MinSig as Variant>::Public;
/// The public polynomial that shares and the group key come from.
pub(crate) type Polynomial = Sharing<MinSig>;

/// Domain of every vote and seed; the chain's id follows it.
const NAMESPACE: &[u8] = b"gridaccord/consensus/v1";
/// Domain of connections between nodes. Nodes that hold different genesis documents do connect: so that they can say
/// where the documents differ.
pub(crate) const NETWORK_NAMESPACE: &[u8] = b"gridaccord/network/v1";
/// Why a genesis document cannot carry a chain.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// A rule of the ledger is broken.
    #[error("genesis is not one: {0}")]
    Genesis(#[from] GenesisError),
    /// One key twice.
    #[error("genesis names a validator key twice: give every validator its own key")]
    ValidatorTwice,
    /// The polynomial does not decode.
    #[error("the group's polynomial does not decode: {0}")]
    Polynomial(commonware_codec::Error),
    /// The polynomial is for another number of validators.
    #[error(
        "the group's polynomial is for {found} validators, genesis names {expected}: generate the group key again"
    )]
    PolynomialSize {
        /// Validators the polynomial is for.
        found: u32,
        /// Validators in genesis.
        expected: usize,
    },
    /// The group key is not the polynomial's.
    #[error("the group's key is not its polynomial's: take both from one key generation")]
    GroupKey,
}

/// Why a node's key or share does not fit the chain.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Nothing to deal to.
    #[error("cannot deal shares: {0}")]
    Deal(String),
    /// One key twice.
    #[error("cannot deal shares: a validator key appears twice")]
    Twice,
    /// The bytes are not a share.
    #[error("share does not decode: {0}")]
    Share(commonware_codec::Error),
    /// The key is not a validator's.
    #[error("node key {0} is not a validator of this chain")]
    NotValidator(Box<PublicKey>),
    /// The share belongs to another place or another dealing.
    #[error("share is not the one dealt to node key {0}")]
    ShareForeign(Box<PublicKey>),
}

/// A validator's secret share of the group key. Keep it encrypted at rest.
#[derive(Clone)]
pub struct Share(pub(crate) group::Share);

impl Share {
    /// The share's bytes, wiped when dropped.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.0.encode().to_vec())
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// [`KeyError::Share`], when the bytes are not exactly a share.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        group::Share::decode(Bytes::copy_from_slice(bytes)).map(Self).map_err(KeyError::Share)
    }
}

impl core::fmt::Debug for Share {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Share(of validator {}, secret)", self.0.index)
    }
}

/// A trusted dealing: who runs [`deal`] knows the group's secret until it forgets it.
#[derive(Clone, Debug)]
pub struct Dealing {
    /// The group.
    pub group: Group,
    /// Each validator's share.
    pub shares: BTreeMap<PublicKey, Share>,
}

/// Deals a fresh group key to these validators; any `2f + 1` of `3f + 1` sign for the group.
///
/// # Errors
/// [`KeyError::Twice`], [`KeyError::Deal`].
pub fn deal(validators: &[PublicKey], rng: &mut impl CryptoRng) -> Result<Dealing, KeyError> {
    let players: Set<PublicKey> =
        validators.iter().cloned().try_collect().map_err(|_| KeyError::Twice)?;
    let (output, shares) =
        feldman_desmedt::deal::<MinSig, _, N3f1>(rng, Mode::NonZeroCounter, players)
            .map_err(|error| KeyError::Deal(error.to_string()))?;
    let shares = shares.into_iter().map(|(key, share)| (key, Share(share))).collect();
    Ok(Dealing { group: group(output.public()), shares })
}

/// What block 1 says of a polynomial.
pub(crate) fn group(polynomial: &Polynomial) -> Group {
    Group {
        key: group_key_bytes(polynomial.public()),
        polynomial: Blob::new(polynomial.encode().to_vec())
            .expect("the polynomial of the most validators fits"),
    }
}

fn group_key_bytes(key: &GroupKey) -> [u8; 96] {
    let mut bytes = [0; 96];
    bytes.copy_from_slice(&key.encode());
    bytes
}

/// Everything that follows from a genesis document.
#[derive(Clone, Debug)]
pub struct Chain {
    genesis: Genesis,
    group: Group,
    id: Digest,
    validators: Set<PublicKey>,
    polynomial: Polynomial,
}

impl Chain {
    /// Checks a genesis document and the group generated for it.
    ///
    /// # Errors
    /// [`ChainError`], in the order of its variants.
    pub fn new(genesis: Genesis, group: Group) -> Result<Self, ChainError> {
        genesis.check()?;
        let found = genesis.validators.len();
        let validators: Set<PublicKey> = genesis
            .validators
            .iter()
            .map(|validator| validator.key.clone())
            .try_collect()
            .map_err(|_| ChainError::ValidatorTwice)?;
        let most =
            u32::try_from(VALIDATORS_MAX).ok().and_then(NonZeroU32::new).expect("a small constant");
        let polynomial = Polynomial::decode_cfg(
            Bytes::copy_from_slice(&group.polynomial),
            &(most, ModeVersion::v0()),
        )
        .map_err(ChainError::Polynomial)?;
        let size = polynomial.total().get();
        if usize::try_from(size).ok() != Some(found)
            || polynomial.required() != validators.quorum::<N3f1>()
        {
            return Err(ChainError::PolynomialSize { found: size, expected: found });
        }
        if group_key_bytes(polynomial.public()) != group.key {
            return Err(ChainError::GroupKey);
        }
        Ok(Self { id: genesis.chain_id(), genesis, group, validators, polynomial })
    }

    /// Hash of the genesis document: the chain's name everywhere.
    #[must_use]
    pub const fn id(&self) -> &Digest {
        &self.id
    }

    /// The genesis document.
    #[must_use]
    pub const fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The validators as one signer.
    #[must_use]
    pub const fn group(&self) -> &Group {
        &self.group
    }

    /// The validators' keys, in the order of their votes.
    #[must_use]
    pub const fn validators(&self) -> &Set<PublicKey> {
        &self.validators
    }

    /// The block at height 0. Nothing is executed in it: block 1 carries the genesis document.
    pub(crate) fn genesis_block(&self) -> Block {
        let leader = self.validators.iter().next().expect("rule G1 of genesis").clone();
        Block::genesis(self.id, leader, self.genesis.clock.wall_start)
    }

    pub(crate) fn namespace(&self) -> Vec<u8> {
        namespace(&self.id)
    }

    /// The scheme of a validator: votes and verifies.
    pub(crate) fn signer(&self, key: &PublicKey, share: Share) -> Result<Scheme, KeyError> {
        let index = self
            .validators
            .index(key)
            .ok_or_else(|| KeyError::NotValidator(Box::new(key.clone())))?;
        if share.0.index != index {
            return Err(KeyError::ShareForeign(Box::new(key.clone())));
        }
        Scheme::signer(&self.namespace(), self.validators.clone(), self.polynomial.clone(), share.0)
            .ok_or_else(|| KeyError::ShareForeign(Box::new(key.clone())))
    }

    /// The scheme of a node without a vote: it checks what validators sign, and signs nothing.
    pub(crate) fn watcher(&self) -> Scheme {
        Scheme::verifier(&self.namespace(), self.validators.clone(), self.polynomial.clone())
    }

    /// A scheme that checks recovered signatures and nothing else.
    pub(crate) fn verifier(&self) -> Scheme {
        Scheme::certificate_verifier(&self.namespace(), *self.polynomial.public())
    }
}

/// Domain of votes and seeds on one chain.
pub(crate) fn namespace(id: &Digest) -> Vec<u8> {
    [NAMESPACE, id.as_ref()].concat()
}
