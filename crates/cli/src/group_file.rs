//! `group.pub`: the chain's id and its validators' group key. Whoever holds it can check every proof of the chain.

use anyhow::{Context as _, Result};
use gridaccord_custody::{
    file::{self, Audience},
    hex, home,
};
use gridaccord_ledger::{Digest, Group};
use gridaccord_model::codec::Blob;
use serde::{Deserialize, Serialize};
use std::{fs, path::Path};

/// Its name in a data directory.
pub(crate) const GROUP_FILE: &str = home::GROUP_FILE;

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct GroupText {
    chain_hex: String,
    key_hex: String,
    polynomial_hex: String,
}

/// A chain's id and its group.
pub(crate) struct GroupFile {
    pub(crate) chain: Digest,
    pub(crate) group: Group,
}

/// Reads the file. That key and polynomial belong together is checked where they are used.
pub(crate) fn read(path: &Path) -> Result<GroupFile> {
    let shown = path.display();
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
    let file: GroupText = toml::from_str(&text)
        .with_context(|| format!("{shown} is not a file of a group's public key"))?;
    let bytes = |field: &str, text: &str| {
        hex::decode(text).with_context(|| format!("{shown}: {field} is not hexadecimal"))
    };
    let sized = |field, count| format!("{shown}: {field} must have {count} hexadecimal digits");
    let chain = <[u8; 32]>::try_from(bytes("chain_hex", &file.chain_hex)?)
        .ok()
        .with_context(|| sized("chain_hex", 64))?;
    let key = <[u8; 96]>::try_from(bytes("key_hex", &file.key_hex)?)
        .ok()
        .with_context(|| sized("key_hex", 192))?;
    let polynomial = Blob::new(bytes("polynomial_hex", &file.polynomial_hex)?)
        .ok()
        .with_context(|| format!("{shown}: polynomial_hex is too long"))?;
    Ok(GroupFile { chain: Digest(chain), group: Group { key, polynomial } })
}

/// Writes the file.
pub(crate) fn write(path: &Path, chain: &Digest, group: &Group) -> Result<()> {
    let file = GroupText {
        chain_hex: hex::encode(&chain.0),
        key_hex: hex::encode(&group.key),
        polynomial_hex: hex::encode(&group.polynomial),
    };
    let text = toml::to_string(&file).expect("three plain fields");
    Ok(file::replace(path, text.as_bytes(), Audience::Everyone)?)
}
