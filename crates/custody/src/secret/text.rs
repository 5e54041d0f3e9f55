//! The text of a secret file. Its own parser's messages are never passed on: they would quote the line.

use super::{
    Description, Kind, PUBLIC_SIZE_MAX, SIZE_MAX, Secret,
    seal::{Cost, NONCE_SIZE, SALT_SIZE, Sealed, TAG_SIZE},
};
use crate::{Name, hex};
use core::fmt::Write as _;
use serde::Deserialize;
use zeroize::{Zeroize, Zeroizing};

/// Version of the text and of what is bound to the sealed bytes.
pub(super) const VERSION: u64 = 1;
/// Room for everything in a text but the secret and its public half.
const ROOM: usize = 1_024;

/// A secret file's content.
pub(super) struct Text {
    pub(super) description: Description,
    pub(super) body: Body,
}

/// The secret in it.
pub(super) enum Body {
    Plain(Secret),
    Sealed(Sealed),
}

/// Why a text is none.
pub(super) enum Refusal {
    Version(u64),
    Malformed(String),
}

/// Hexadecimal of a secret, wiped when dropped.
#[derive(Deserialize)]
#[serde(transparent)]
struct SecretHex(String);

impl Drop for SecretHex {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileText {
    version: u64,
    kind: String,
    name: Option<Name>,
    #[serde(default)]
    public_key_hex: String,
    secret_hex: Option<SecretHex>,
    sealed: Option<SealedText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SealedText {
    derivation: String,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt_hex: String,
    cipher: String,
    nonce_hex: String,
    ciphertext_hex: String,
}

const DERIVATION: &str = "argon2id";
const CIPHER: &str = "xchacha20-poly1305";

impl Text {
    /// The text; all room is taken at once, so that no piece of it stays behind in memory.
    pub(super) fn write(&self) -> Zeroizing<String> {
        let Description { kind, name, public } = &self.description;
        let size = match &self.body {
            Body::Plain(secret) => secret.expose().len(),
            Body::Sealed(sealed) => sealed.ciphertext.len(),
        };
        let room = size.saturating_add(public.len()).saturating_mul(2).saturating_add(ROOM);
        let mut text = Zeroizing::new(String::with_capacity(room));
        let out = &mut *text;
        push(
            out,
            format_args!("# Keep it to yourself: whoever has this and opens it acts as you.\n"),
        );
        push(out, format_args!("version = {VERSION}\nkind = \"{kind}\"\n"));
        if let Some(name) = name {
            push(out, format_args!("name = \"{name}\"\n"));
        }
        if !public.is_empty() {
            field(out, "public_key_hex", public);
        }
        match &self.body {
            Body::Plain(secret) => field(out, "secret_hex", secret.expose()),
            Body::Sealed(Sealed { cost, salt, nonce, ciphertext }) => {
                let Cost { memory_kib, passes, lanes } = cost;
                push(out, format_args!("\n[sealed]\nderivation = \"{DERIVATION}\"\n"));
                push(out, format_args!("memory_kib = {memory_kib}\npasses = {passes}\n"));
                push(out, format_args!("lanes = {lanes}\n"));
                field(out, "salt_hex", salt);
                push(out, format_args!("cipher = \"{CIPHER}\"\n"));
                field(out, "nonce_hex", nonce);
                field(out, "ciphertext_hex", ciphertext);
            }
        }
        text
    }

    /// Reads a text.
    pub(super) fn read(text: &str) -> Result<Self, Refusal> {
        let file: FileText = toml::from_str(text).map_err(|error| whence(text, error.span()))?;
        if file.version != VERSION {
            return Err(Refusal::Version(file.version));
        }
        let kind =
            Kind::named(&file.kind).ok_or_else(|| malformed("its kind is none there can be"))?;
        let public = bytes(&file.public_key_hex, "public_key_hex", 0..=PUBLIC_SIZE_MAX)?;
        let description = Description { kind, name: file.name, public };
        let body = match (file.secret_hex, file.sealed) {
            (Some(plain), None) => {
                Body::Plain(Secret::new(bytes(&plain.0, "secret_hex", 1..=SIZE_MAX)?))
            }
            (None, Some(sealed)) => Body::Sealed(sealed.read()?),
            _ => return Err(malformed("it needs either secret_hex or [sealed]")),
        };
        Ok(Self { description, body })
    }
}

impl SealedText {
    fn read(self) -> Result<Sealed, Refusal> {
        if self.derivation != DERIVATION || self.cipher != CIPHER {
            return Err(malformed("derivation must be argon2id and cipher xchacha20-poly1305"));
        }
        let (least, most) = (TAG_SIZE + 1, TAG_SIZE + SIZE_MAX);
        Ok(Sealed {
            cost: Cost { memory_kib: self.memory_kib, passes: self.passes, lanes: self.lanes },
            salt: array::<SALT_SIZE>(&self.salt_hex, "salt_hex")?,
            nonce: array::<NONCE_SIZE>(&self.nonce_hex, "nonce_hex")?,
            ciphertext: bytes(&self.ciphertext_hex, "ciphertext_hex", least..=most)?,
        })
    }
}

fn push(out: &mut String, text: core::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to a string never fails");
}

fn field(out: &mut String, name: &str, bytes: &[u8]) {
    push(out, format_args!("{name} = \""));
    for byte in bytes {
        push(out, format_args!("{byte:02x}"));
    }
    out.push_str("\"\n");
}

fn malformed(problem: &str) -> Refusal {
    Refusal::Malformed(problem.to_owned())
}

fn whence(text: &str, span: Option<core::ops::Range<usize>>) -> Refusal {
    let before = span.and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count().saturating_add(1);
    Refusal::Malformed(format!(
        "line {line} is not what such a file has there, or a line is missing"
    ))
}

fn array<const SIZE: usize>(text: &str, name: &str) -> Result<[u8; SIZE], Refusal> {
    let bytes = bytes(text, name, SIZE..=SIZE)?;
    Ok(bytes.try_into().expect("the length was checked"))
}

fn bytes(
    text: &str,
    name: &str,
    sizes: core::ops::RangeInclusive<usize>,
) -> Result<Vec<u8>, Refusal> {
    let wanted = if sizes.start() == sizes.end() {
        format!("{}", sizes.start() * 2)
    } else {
        format!("{} to {}", sizes.start() * 2, sizes.end() * 2)
    };
    hex::decode(text).filter(|bytes| sizes.contains(&bytes.len())).ok_or_else(|| {
        Refusal::Malformed(format!("{name} must have {wanted} hexadecimal digits, two a byte"))
    })
}
