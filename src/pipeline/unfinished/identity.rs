//! By what a source is known again that an interrupted job has begun.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
    time::SystemTime,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Bytes at the start and at the end of a source by which it is known again.
const KNOWN_BYTES: u64 = 64 * 1024;

/// By what a source is known again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::pipeline) struct SourceIdentity {
    bytes: u64,
    modified: Option<SystemTime>,
    /// SHA-256 of its first and last bytes.
    ends: String,
}

impl SourceIdentity {
    /// Whether both have the same content, as far as it is known, whenever it was written.
    pub(in crate::pipeline) fn has_content_of(&self, other: &Self) -> bool {
        self.bytes == other.bytes && self.ends == other.ends
    }

    /// `None` when the file can't be read.
    pub(in crate::pipeline) fn of(source: &Path) -> Option<Self> {
        // Opening a pipe would wait for whoever writes to it.
        let metadata = std::fs::metadata(source).ok().filter(std::fs::Metadata::is_file)?;
        let mut file = File::open(source).ok()?;
        let mut hash = Sha256::new();
        let mut part = Vec::new();
        (&mut file).take(KNOWN_BYTES).read_to_end(&mut part).ok()?;
        hash.update(&part);
        part.clear();
        file.seek(SeekFrom::Start(metadata.len().saturating_sub(KNOWN_BYTES))).ok()?;
        file.take(KNOWN_BYTES).read_to_end(&mut part).ok()?;
        hash.update(&part);
        Some(Self { bytes: metadata.len(), modified: metadata.modified().ok(), ends: hex(&hash.finalize()) })
    }
}

/// Bytes in hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
