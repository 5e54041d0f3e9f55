//! A member's signing key in a file: TOML with the member's number and name, and the secret in hexadecimal.

use anyhow::{Context as _, Result, bail};
use commonware_codec::{DecodeExt as _, Encode as _};
use commonware_cryptography::ed25519;
use gridaccord_model::MemberId;
use serde::{Deserialize, Serialize};
use std::{fs, io::Write as _, path::Path};
use zeroize::{Zeroize as _, Zeroizing};

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct KeyText {
    member: u16,
    name: String,
    secret_key_hex: String,
}

impl Drop for KeyText {
    fn drop(&mut self) {
        self.secret_key_hex.zeroize();
    }
}

/// A member's key.
pub(crate) struct KeyFile {
    pub(crate) member: MemberId,
    pub(crate) key: ed25519::PrivateKey,
}

/// Reads a key file.
pub(crate) fn read(path: &Path) -> Result<KeyFile> {
    let shown = path.display();
    let text = Zeroizing::new(
        fs::read_to_string(path).with_context(|| format!("cannot read key file {shown}"))?,
    );
    // The parser's own message would quote the line, secret and all.
    let Ok(file) = toml::from_str::<KeyText>(&text) else {
        bail!(
            "key file {shown} is not one: it needs member = 3, name = \"…\" and secret_key_hex = \"…\", and nothing else"
        );
    };
    let secret = unhex(&file.secret_key_hex).filter(|secret| secret.len() == 32);
    let secret = Zeroizing::new(secret.with_context(|| {
        format!(
            "key file {shown}: secret_key_hex must be 64 hexadecimal digits, it has {}",
            file.secret_key_hex.len()
        )
    })?);
    let key = ed25519::PrivateKey::decode(secret.to_vec())
        .ok()
        .with_context(|| format!("key file {shown}: secret_key_hex is no ed25519 key"))?;
    Ok(KeyFile { member: MemberId(file.member), key })
}

/// Writes a key file that only its owner can read.
pub(crate) fn write(
    path: &Path,
    member: MemberId,
    name: &str,
    key: &ed25519::PrivateKey,
) -> Result<()> {
    let secret = Zeroizing::new(key.encode().to_vec());
    let file = KeyText { member: member.0, name: name.into(), secret_key_hex: hex(&secret) };
    let text = Zeroizing::new(toml::to_string(&file).expect("three plain fields"));
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut out =
        options.open(path).with_context(|| format!("cannot write key file {}", path.display()))?;
    out.write_all(text.as_bytes())
        .with_context(|| format!("cannot write key file {}", path.display()))
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of hexadecimal digits.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .chars()
        .map(|digit| digit.to_digit(16).map(|value| value as u8))
        .collect::<Option<_>>()?;
    (digits.len() % 2 == 0).then(|| digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}
