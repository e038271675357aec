//! How much can be written where.

use std::path::Path;

/// The disk that holds a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// What this user can still write.
    pub free_bytes: u64,
    /// Size of the disk.
    pub total_bytes: u64,
}

impl Space {
    /// The disk of a folder, or of the nearest one above it that is there: a new folder will lie on the same disk.
    /// `None` when it can't be reached.
    pub fn of(folder: &Path) -> Option<Self> {
        let folder = folder.ancestors().find(|folder| folder.is_dir())?;
        let stats = fs4::statvfs(folder).ok()?;
        Some(Self { free_bytes: stats.available_space(), total_bytes: stats.total_space() })
    }
}

/// Bytes that can be written into a folder; `None` when it can't be reached.
pub fn free_bytes(folder: &Path) -> Option<u64> {
    Space::of(folder).map(|space| space.free_bytes)
}
