//! Where a validator's secrets go: the caller keeps bytes under names, this file says which.

use crate::chain::Polynomial;
use commonware_codec::{Copying, Decode as _, DecodeExt as _, Encode as _, EncodeSize, Write};
use commonware_consensus::types::Epoch;
use commonware_cryptography::{
    PublicKey as AnyPublicKey,
    bls12381::{
        dkg::feldman_desmedt::DealerPrivMsg,
        primitives::{group::Share, sharing::ModeVersion},
    },
    transcript::Summary,
};
use commonware_glue::dkg::SecretStore;
use gridaccord_ledger::genesis::VALIDATORS_MAX;
use std::{io, num::NonZeroU32, sync::Arc};
use zeroize::Zeroizing;

/// A place for secrets, encrypted at rest.
pub trait Safe: Send + Sync + 'static {
    /// Keeps bytes under a name (`a`–`z`, `0`–`9`, `-`, at most 32 of them), in place of what was there. They must be durable when it
    /// returns.
    ///
    /// # Errors
    /// When they cannot be written: the validator stops.
    fn put(&self, name: &str, secret: &[u8]) -> io::Result<()>;

    /// The bytes under a name.
    ///
    /// # Errors
    /// When there are some and they cannot be read.
    fn get(&self, name: &str) -> io::Result<Option<Zeroizing<Vec<u8>>>>;
}

const SHARE: &str = "share";
const SEED: &str = "founding-seed";
const POLYNOMIAL: &str = "founding-polynomial";
const COMPLETE: &str = "founding-complete";

/// A ceremony's secrets in a safe. A failure of the safe stops the node: without them it must not go on.
#[derive(Clone)]
pub(super) struct Vault(Arc<dyn Safe>);

impl Vault {
    pub(super) fn new(safe: Arc<dyn Safe>) -> Self {
        Self(safe)
    }

    fn put(&self, name: &str, secret: &[u8]) {
        self.0.put(name, secret).unwrap_or_else(|error| {
            panic!("storage failed: cannot keep the secret {name}: {error}")
        });
    }

    fn put_value(&self, name: &str, value: &(impl Write + EncodeSize)) {
        // All room is taken at once, so that no piece of the secret stays behind in memory.
        let mut bytes = Zeroizing::new(Vec::with_capacity(value.encode_size()));
        value.write(&mut *bytes);
        self.put(name, &bytes);
    }

    fn get<T>(&self, name: &str, decode: impl FnOnce(Copying<'_>) -> Option<T>) -> Option<T> {
        let secret = self.0.get(name).unwrap_or_else(|error| {
            panic!("storage failed: cannot read the secret {name}: {error}")
        })?;
        let value = decode(Copying(&secret));
        Some(value.unwrap_or_else(|| panic!("storage failed: the secret {name} is damaged")))
    }

    /// The polynomial that came of the ceremony.
    pub(super) fn polynomial(&self) -> Option<Polynomial> {
        let most = u32::try_from(VALIDATORS_MAX).ok().and_then(NonZeroU32::new)?;
        self.get(POLYNOMIAL, |bytes| Polynomial::decode_cfg(bytes, &(most, ModeVersion::v0())).ok())
    }

    pub(super) fn put_polynomial(&mut self, polynomial: &Polynomial) {
        self.put(POLYNOMIAL, &polynomial.encode());
    }

    /// Whether every validator has its share.
    pub(super) fn is_complete(&self) -> bool {
        self.get(COMPLETE, |_| Some(())).is_some()
    }

    pub(super) fn put_complete(&mut self) {
        self.put(COMPLETE, b"yes");
    }
}

fn share_name(epoch: Epoch) -> String {
    if epoch == Epoch::zero() { SHARE.into() } else { format!("{SHARE}-{epoch}") }
}

fn seed_name(epoch: Epoch) -> String {
    format!("{SEED}-{epoch}")
}

fn dealing_name<P: AnyPublicKey>(epoch: Epoch, dealer: &P) -> String {
    // So much of the key that nobody finds two that agree in it, and no more than a name may have.
    let dealer: String =
        dealer.encode().iter().take(14).map(|byte| format!("{byte:02x}")).collect();
    format!("d{epoch}-{dealer}")
}

impl SecretStore for Vault {
    async fn put_share(&mut self, epoch: Epoch, share: Share) {
        self.put_value(&share_name(epoch), &share);
    }

    async fn get_share(&mut self, epoch: Epoch) -> Option<Share> {
        self.get(&share_name(epoch), |bytes| Share::decode(bytes).ok())
    }

    async fn put_seed(&mut self, epoch: Epoch, seed: Summary) {
        self.put_value(&seed_name(epoch), &seed);
    }

    async fn get_seed(&mut self, epoch: Epoch) -> Option<Summary> {
        self.get(&seed_name(epoch), |bytes| Summary::decode(bytes).ok())
    }

    async fn put_dealing<P: AnyPublicKey>(
        &mut self,
        epoch: Epoch,
        dealer: P,
        private: DealerPrivMsg,
    ) {
        self.put_value(&dealing_name(epoch, &dealer), &private);
    }

    async fn get_dealing<P: AnyPublicKey>(
        &mut self,
        epoch: Epoch,
        dealer: &P,
    ) -> Option<DealerPrivMsg> {
        self.get(&dealing_name(epoch, dealer), |bytes| DealerPrivMsg::decode(bytes).ok())
    }

    async fn prune(&mut self, _: Epoch) {
        // One epoch without end: nothing grows old.
    }
}
