//! A member's card: what it shows others so that they can admit it.
//!
//! Name, public keys and address, signed with every key on it: whoever hands it in owns those keys and wants them under
//! this name. It proves nothing about who stands behind the name; compare the keys' digits over another channel.

use crate::{
    Address, Name,
    file::{self, Audience, FileError},
    hex,
};
use commonware_codec::Encode as _;
use commonware_cryptography::{Signer as _, Verifier as _, ed25519};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Version of the text and of what is signed.
const VERSION: u32 = 1;
/// Most bytes of a card.
const TEXT_MAX: u64 = 16 * 1024;
/// Domain of the member's signature.
const MEMBER_NAMESPACE: &[u8] = b"gridaccord/card/member/v1";
/// Domain of the node's signature.
const NODE_NAMESPACE: &[u8] = b"gridaccord/card/node/v1";

/// A card whose signatures hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    name: Name,
    member: ed25519::PublicKey,
    node: Option<NodeCard>,
    member_signature: ed25519::Signature,
    node_signature: Option<ed25519::Signature>,
}

/// What a card says of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeCard {
    /// Its key on the network.
    pub key: ed25519::PublicKey,
    /// Where other nodes reach it.
    pub address: Address,
}

/// Why a card is refused.
#[derive(Debug, thiserror::Error)]
pub enum CardError {
    /// The file itself.
    #[error(transparent)]
    File(#[from] FileError),
    /// Not such a file; the parser's own words show the place.
    #[error("{path} is no card: {problem}", path = path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A signature that does not hold.
    #[error("{path}: the signature of the {whose} key does not hold; ask its owner for a fresh card", path = path.display())]
    Signature {
        /// Which file.
        path: PathBuf,
        /// Of which key.
        whose: &'static str,
    },
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct CardText {
    version: u32,
    name: Name,
    member_key_hex: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    node_key_hex: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<Address>,
    member_signature_hex: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    node_signature_hex: Option<String>,
}

impl Card {
    /// Makes and signs a card; with a node where the member runs a validator.
    #[must_use]
    pub fn sign(
        name: Name,
        member: &ed25519::PrivateKey,
        node: Option<(&ed25519::PrivateKey, Address)>,
    ) -> Self {
        let shown = node
            .as_ref()
            .map(|(key, address)| NodeCard { key: key.public_key(), address: address.clone() });
        let message = message(&name, &member.public_key(), shown.as_ref());
        Self {
            member: member.public_key(),
            member_signature: member.sign(MEMBER_NAMESPACE, &message),
            node_signature: node.map(|(key, _)| key.sign(NODE_NAMESPACE, &message)),
            node: shown,
            name,
        }
    }

    /// The member's name.
    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.name
    }

    /// Key of its commands.
    #[must_use]
    pub const fn member_key(&self) -> &ed25519::PublicKey {
        &self.member
    }

    /// Its node, where it runs a validator.
    #[must_use]
    pub const fn node(&self) -> Option<&NodeCard> {
        self.node.as_ref()
    }

    /// Reads a card and checks its signatures.
    ///
    /// # Errors
    /// [`CardError`].
    pub fn read(path: &Path) -> Result<Self, CardError> {
        let text = file::read_text(path, TEXT_MAX)?;
        Self::parse(&text).map_err(|refusal| match refusal {
            Refusal::Malformed(problem) => CardError::Malformed { path: path.to_owned(), problem },
            Refusal::Signature(whose) => CardError::Signature { path: path.to_owned(), whose },
        })
    }

    /// Writes the card to a file that must not exist yet.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn create(&self, path: &Path) -> Result<(), FileError> {
        file::create(path, self.text().as_bytes(), Audience::Everyone)
    }

    /// The card's text.
    #[must_use]
    pub fn text(&self) -> String {
        let text = CardText {
            version: VERSION,
            name: self.name.clone(),
            member_key_hex: hex::of(&self.member),
            node_key_hex: self.node.as_ref().map(|node| hex::of(&node.key)),
            address: self.node.as_ref().map(|node| node.address.clone()),
            member_signature_hex: hex::of(&self.member_signature),
            node_signature_hex: self.node_signature.as_ref().map(hex::of),
        };
        let body = toml::to_string(&text).expect("plain fields");
        format!(
            "# A member's card: nothing in it is secret. Hand it to whoever writes the genesis file.\n{body}"
        )
    }

    fn parse(text: &str) -> Result<Self, Refusal> {
        let text: CardText =
            toml::from_str(text).map_err(|error| Refusal::Malformed(error.to_string()))?;
        if text.version != VERSION {
            let problem = format!("it has version {}, this release reads {VERSION}", text.version);
            return Err(Refusal::Malformed(problem));
        }
        let node = match (text.node_key_hex, text.address, &text.node_signature_hex) {
            (None, None, None) => None,
            (Some(key), Some(address), Some(_)) => {
                Some(NodeCard { key: value(&key, "node_key_hex")?, address })
            }
            _ => {
                let problem = "node_key_hex, address and node_signature_hex go together";
                return Err(Refusal::Malformed(problem.into()));
            }
        };
        let card = Self {
            name: text.name,
            member: value(&text.member_key_hex, "member_key_hex")?,
            node,
            member_signature: value(&text.member_signature_hex, "member_signature_hex")?,
            node_signature: text
                .node_signature_hex
                .map(|signature| value(&signature, "node_signature_hex"))
                .transpose()?,
        };
        card.verify()?;
        Ok(card)
    }

    fn verify(&self) -> Result<(), Refusal> {
        let message = message(&self.name, &self.member, self.node.as_ref());
        if !self.member.verify(MEMBER_NAMESPACE, &message, &self.member_signature) {
            return Err(Refusal::Signature("member"));
        }
        match (&self.node, &self.node_signature) {
            (Some(node), Some(signature))
                if !node.key.verify(NODE_NAMESPACE, &message, signature) =>
            {
                Err(Refusal::Signature("node"))
            }
            _ => Ok(()),
        }
    }
}

enum Refusal {
    Malformed(String),
    Signature(&'static str),
}

fn value<T: commonware_codec::DecodeExt<()>>(text: &str, name: &str) -> Result<T, Refusal> {
    hex::to(text).ok_or_else(|| {
        Refusal::Malformed(format!("{name} is not what it should be in hexadecimal digits"))
    })
}

/// What is signed: every part with its length before it, so that no two cards give the same bytes.
fn message(name: &Name, member: &ed25519::PublicKey, node: Option<&NodeCard>) -> Vec<u8> {
    let mut bytes = VERSION.to_be_bytes().to_vec();
    let mut part = |part: &[u8]| {
        let length = u32::try_from(part.len()).expect("names, keys and addresses are short");
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(part);
    };
    part(name.as_ref().as_bytes());
    part(&member.encode());
    if let Some(node) = node {
        part(&node.key.encode());
        part(node.address.as_ref().as_bytes());
    }
    bytes
}
