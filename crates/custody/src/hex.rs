//! Bytes as lower-case hexadecimal, and back.

use commonware_codec::{DecodeExt, Encode};
use core::fmt::Write as _;

/// Two digits per byte.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        write!(text, "{byte:02x}").expect("writing to a string never fails");
    }
    text
}

/// The bytes a text of digits stands for, either case; `None` for anything else.
#[must_use]
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len() / 2);
    for pair in digits.chunks_exact(2) {
        bytes.push((digit(pair[0])? << 4) | digit(pair[1])?);
    }
    Some(bytes)
}

const fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        b'A'..=b'F' => Some(character - b'A' + 10),
        _ => None,
    }
}

/// A value of the ledger's as hexadecimal of its canonical bytes.
pub(crate) fn of(value: &impl Encode) -> String {
    encode(&value.encode())
}

/// The value whose canonical bytes a text gives; `None` for anything else.
pub(crate) fn to<T: DecodeExt<()>>(text: &str) -> Option<T> {
    T::decode(decode(text)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn refuses_what_is_no_hex() {
        for text in ["0", "0g", "zz", "é0", " 0", "+1"] {
            assert_eq!(decode(text), None, "{text}");
        }
        assert_eq!(decode("00fFA0"), Some(vec![0, 255, 160]));
    }

    proptest! {
        #[test]
        fn round_trips(bytes: Vec<u8>) {
            prop_assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }

        #[test]
        fn no_text_panics(text: String) {
            let _ = decode(&text);
        }
    }
}
