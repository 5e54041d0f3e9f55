//! Sealing: passphrase to key by argon2id, secret to ciphertext by XChaCha20-Poly1305.

use super::{Description, Secret, text::VERSION};
use crate::Passphrase;
use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305,
    aead::{Aead as _, Payload},
};
use core::fmt;
use zeroize::Zeroizing;

pub(super) const SALT_SIZE: usize = 16;
pub(super) const NONCE_SIZE: usize = 24;
/// What the cipher adds to a secret.
pub(super) const TAG_SIZE: usize = 16;
const KEY_SIZE: usize = 32;

/// What one guess of the passphrase costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Memory, KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes it is split into.
    pub lanes: u32,
}

impl Cost {
    /// For files people make: 64 MiB, three passes, four lanes. Source: RFC 9106, section 4, second recommended option.
    pub const STANDARD: Self = Self { memory_kib: 64 * 1024, passes: 3, lanes: 4 };
    /// The most that is spent on a file somebody hands over.
    pub const MOST: Self = Self { memory_kib: 256 * 1024, passes: 16, lanes: 16 };
    /// The least argon2 knows: for secrets whose passphrase needs no stretching, such as 32 random bytes.
    pub const LEAST: Self = Self { memory_kib: 8, passes: 1, lanes: 1 };

    pub(super) const fn is_bearable(self) -> bool {
        self.memory_kib <= Self::MOST.memory_kib
            && self.passes <= Self::MOST.passes
            && self.lanes <= Self::MOST.lanes
            && self.passes >= 1
            && self.lanes >= 1
            && self.memory_kib >= 8 * self.lanes
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} KiB, {} passes and {} lanes", self.memory_kib, self.passes, self.lanes)
    }
}

/// A sealed secret.
pub(super) struct Sealed {
    pub(super) cost: Cost,
    pub(super) salt: [u8; SALT_SIZE],
    pub(super) nonce: [u8; NONCE_SIZE],
    pub(super) ciphertext: Vec<u8>,
}

/// Seals; the cost must be bearable, the secret within its bound.
pub(super) fn seal(
    description: &Description,
    secret: &Secret,
    passphrase: &Passphrase,
    cost: Cost,
) -> Result<Sealed, getrandom::Error> {
    let mut salt = [0; SALT_SIZE];
    let mut nonce = [0; NONCE_SIZE];
    getrandom::fill(&mut salt)?;
    getrandom::fill(&mut nonce)?;
    let aad = associated(description);
    let payload = Payload { msg: secret.expose(), aad: &aad };
    let ciphertext = cipher(passphrase, cost, &salt)
        .encrypt(&nonce.into(), payload)
        .expect("far below the cipher's bound of 256 GiB");
    Ok(Sealed { cost, salt, nonce, ciphertext })
}

/// Opens; `None` where the passphrase is another one or anything was changed.
pub(super) fn open(
    description: &Description,
    sealed: &Sealed,
    passphrase: &Passphrase,
) -> Option<Secret> {
    let aad = associated(description);
    let payload = Payload { msg: &sealed.ciphertext, aad: &aad };
    let cipher = cipher(passphrase, sealed.cost, &sealed.salt);
    cipher.decrypt(&sealed.nonce.into(), payload).ok().map(Secret::new)
}

fn cipher(passphrase: &Passphrase, cost: Cost, salt: &[u8]) -> XChaCha20Poly1305 {
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(KEY_SIZE))
        .expect("the cost is within argon2's bounds");
    let mut key = Zeroizing::new([0u8; KEY_SIZE]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.expose(), salt, &mut *key)
        .expect("salt and key have argon2's lengths, and memory is bounded");
    XChaCha20Poly1305::new((&*key).into())
}

/// What is bound to the sealed bytes: kind, version and public half. Names hold no zero byte, so no two
/// descriptions give the same bytes.
fn associated(description: &Description) -> Vec<u8> {
    let mut bytes = format!("gridaccord/secret/v{VERSION}\0{}\0", description.kind).into_bytes();
    if let Some(name) = &description.name {
        bytes.extend_from_slice(name.as_ref().as_bytes());
    }
    bytes.push(0);
    bytes.extend_from_slice(&description.public);
    bytes
}
