//! Entries to a tar archive and back. Only names of the fixed list come out of it.

use super::{PARTS, Part, SIZE_MAX};
use std::io::Read as _;
use zeroize::Zeroizing;

/// One file of a backup.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) part: Part,
    pub(super) bytes: Zeroizing<Vec<u8>>,
}

impl Entry {
    pub(super) fn new(part: Part, bytes: Vec<u8>) -> Self {
        Self { part, bytes: Zeroizing::new(bytes) }
    }
}

/// An archive of the entries, each for its owner only.
pub(super) fn write(entries: &[Entry]) -> Vec<u8> {
    let size: usize = entries.iter().map(|entry| entry.bytes.len().saturating_add(1_024)).sum();
    // Room for all of it at once: a growing buffer would leave pieces of a plain secret behind.
    let mut builder = tar::Builder::new(Vec::with_capacity(size.saturating_add(1_024)));
    for entry in entries {
        let mut header = tar::Header::new_ustar();
        header.set_size(u64::try_from(entry.bytes.len()).unwrap_or(u64::MAX));
        header.set_mode(0o600);
        builder
            .append_data(&mut header, entry.part.name, entry.bytes.as_slice())
            .expect("writing to memory under a short name never fails");
    }
    builder.into_inner().expect("writing to memory never fails")
}

/// The entries of an archive: regular files of the fixed list, each at most once, each within its bound.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Entry>, String> {
    let mut archive = tar::Archive::new(bytes);
    let broken = |error: std::io::Error| error.to_string();
    let mut entries: Vec<Entry> = Vec::new();
    let mut total = 0u64;
    // Raw: long names and other extensions stay entries of their own, and are refused as such.
    for file in archive.entries().map_err(broken)?.raw(true) {
        let file = file.map_err(broken)?;
        let path = file.path_bytes();
        let name = String::from_utf8_lossy(&path).into_owned();
        if file.header().entry_type() != tar::EntryType::Regular {
            return Err(format!("{name:?} in it is not a regular file"));
        }
        let part = PARTS.iter().find(|part| part.name.as_bytes() == path.as_ref());
        let part = *part.ok_or_else(|| format!("{name:?} is nothing that a backup holds"))?;
        if entries.iter().any(|entry| entry.part == part) {
            return Err(format!("{name:?} is in it twice"));
        }
        let size = file.header().size().map_err(broken)?;
        total = total.saturating_add(size);
        if size > part.limit || total > SIZE_MAX {
            return Err(format!("{name:?} in it has more than {} bytes", part.limit));
        }
        let mut content = Zeroizing::new(Vec::new());
        content.reserve_exact(usize::try_from(size).map_err(|_| "too large")?.saturating_add(1));
        file.take(part.limit).read_to_end(&mut content).map_err(broken)?;
        if u64::try_from(content.len()).ok() != Some(size) {
            return Err(format!("{name:?} in it is cut short"));
        }
        entries.push(Entry { part, bytes: content });
    }
    Ok(entries)
}
