//! Names of members and addresses of nodes, sound by construction: what holds one need not check it again.

use core::fmt;
use gridaccord_ledger::genesis::NAME_MAX;
use serde::{Deserialize, Serialize};

/// Longest host name, bytes. Source: RFC 1035.
const HOST_MAX: usize = 253;

/// A member's name: 1 to 32 of `a` to `z`, `0` to `9` and `-`. Source: rule G3 of genesis.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// Why a text is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a member's name has 1 to {NAME_MAX} characters, each of a-z, 0-9 or -")]
pub struct NameError;

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let fits = (1..=NAME_MAX).contains(&text.len()) && text.bytes().all(plain);
        if fits { Ok(Self(text)) } else { Err(NameError) }
    }
}

impl core::str::FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::try_from(text.to_owned())
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a node is reached: `host:port`, the host a name, an IPv4 address or an IPv6 address in brackets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address(String);

/// Why a text is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an address is host:port, such as 10.0.0.1:7600, [::1]:7600 or node.example.org:7600, its port not 0"
)]
pub struct AddressError;

impl Address {
    /// Host without brackets, and port.
    #[must_use]
    pub fn parts(&self) -> (&str, u16) {
        split(&self.0).expect("checked when it was made")
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        split(&text).map(|_| ()).ok_or(AddressError)?;
        Ok(Self(text))
    }
}

impl core::str::FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::try_from(text.to_owned())
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.0
    }
}

impl AsRef<str> for Address {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn split(text: &str) -> Option<(&str, u16)> {
    let (host, digits) = text.rsplit_once(':')?;
    let plain = (1..=5).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let port: u16 = if plain { digits.parse().ok()? } else { return None };
    if port == 0 {
        return None;
    }
    if let Some(inner) = host.strip_prefix('[') {
        let inner = inner.strip_suffix(']')?;
        inner.parse::<std::net::Ipv6Addr>().ok()?;
        return Some((inner, port));
    }
    // A host of digits and dots only is meant as an IPv4 address, and must be one.
    if host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        host.parse::<std::net::Ipv4Addr>().ok()?;
        return Some((host, port));
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    (host.len() <= HOST_MAX && host.split('.').all(label)).then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names() {
        for text in ["a", "solar", "tenant-07", &"x".repeat(32)] {
            assert!(text.parse::<Name>().is_ok(), "{text}");
        }
        for text in ["", "Solar", "a b", "a_b", "é", "../x", "a\n", &"x".repeat(33)] {
            assert_eq!(text.parse::<Name>(), Err(NameError), "{text}");
        }
    }

    #[test]
    fn addresses() {
        for (text, host, port) in [
            ("10.0.0.1:7600", "10.0.0.1", 7_600),
            ("node.example.org:1", "node.example.org", 1),
            ("localhost:65535", "localhost", 65_535),
            ("[::1]:7600", "::1", 7_600),
            ("gridaccord_node-1:80", "gridaccord_node-1", 80),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().parts(), (host, port));
        }
        for text in [
            "",
            ":",
            ":1",
            "host",
            "host:",
            "host:0",
            "host:65536",
            "host:+1",
            "host:1 ",
            "::1:7600",
            "[::1:7600",
            "[host]:1",
            "10.0.0:1",
            "10.0.0.256:1",
            "a..b:1",
            "-a:1",
            "a b:1",
            "é:1",
            "http://host:1",
        ] {
            assert_eq!(text.parse::<Address>(), Err(AddressError), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String) {
            let _ = text.parse::<Name>();
            if let Ok(address) = text.parse::<Address>() {
                let _ = address.parts();
            }
        }
    }
}
