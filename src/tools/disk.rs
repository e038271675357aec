//! How much can be written where, and room that is given back.

use std::{
    fs::File,
    io::{self, Write},
    ops::Range,
    path::Path,
};

/// SQLite's files grow by steps of this.
const TRIAL_BYTES: usize = 32 * 1024;

/// The disk that holds a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// What this user can still write.
    pub free_bytes: u64,
    /// Size of the disk.
    pub total_bytes: u64,
    /// What of it this user could write if the disk were empty.
    pub usable_bytes: u64,
}

impl Space {
    /// The disk of a folder, or of the nearest one above it that is there: a new folder will lie on the same disk.
    /// `None` when it can't be reached.
    pub fn of(folder: &Path) -> Option<Self> {
        let folder = folder.ancestors().find(|folder| folder.is_dir())?;
        let stats = fs4::statvfs(folder).ok()?;
        let (free_bytes, total_bytes) = (stats.available_space(), stats.total_space());
        // What is free and not for this user is kept for the system.
        let usable_bytes = total_bytes.saturating_sub(stats.free_space().saturating_sub(free_bytes));
        Some(Self { free_bytes, total_bytes, usable_bytes })
    }
}

/// By what a disk is known again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// The system's number of it, where it has one.
    device: Option<u64>,
    space: Space,
}

impl Disk {
    /// The disk of a folder, as [`Space::of`].
    pub fn of(folder: &Path) -> Option<Self> {
        let space = Space::of(folder)?;
        let folder = folder.ancestors().find(|folder| folder.is_dir())?;
        Some(Self { device: device(folder), space })
    }

    /// Whether room on one of them may be room on the other too. Volumes that share a disk have numbers of their own, and
    /// the same room.
    pub fn shares_room_with(&self, other: &Self) -> bool {
        let is_same_device = self.device.is_some() && self.device == other.device;
        // What is written while both are asked makes a small difference.
        let difference = self.space.free_bytes.abs_diff(other.space.free_bytes);
        let is_same_room = difference <= self.space.total_bytes / 100;
        is_same_device || (self.space.total_bytes == other.space.total_bytes && is_same_room)
    }
}

#[cfg(unix)]
fn device(folder: &Path) -> Option<u64> {
    std::fs::metadata(folder).ok().map(|facts| std::os::unix::fs::MetadataExt::dev(&facts))
}

#[cfg(not(unix))]
fn device(_folder: &Path) -> Option<u64> {
    None
}

/// Whether the system refuses because there is no room.
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Whether not even a small file can be written into a folder because there is no room, on its disk or for this user.
pub fn has_no_room(folder: &Path) -> bool {
    let write = || {
        let mut file = super::atomic_file::temporary_file(folder)?;
        file.write_all(&[1; TRIAL_BYTES])?;
        file.as_file().sync_all()
    };
    write().is_err_and(|error: io::Error| is_full(&error))
}

/// Bytes that can be written into a folder; `None` when it can't be reached.
pub fn free_bytes(folder: &Path) -> Option<u64> {
    Space::of(folder).map(|space| space.free_bytes)
}

/// What the files in a folder take of their disk, as far as the system tells.
pub fn used_bytes(folder: &Path) -> u64 {
    let facts = walkdir::WalkDir::new(folder).into_iter().flatten().filter_map(|entry| entry.metadata().ok());
    facts.map(|facts| on_disk(&facts)).sum()
}

#[cfg(unix)]
fn on_disk(facts: &std::fs::Metadata) -> u64 {
    // Of 512 bytes, whatever the file system's blocks are (stat(2)).
    std::os::unix::fs::MetadataExt::blocks(facts).saturating_mul(512)
}

#[cfg(not(unix))]
fn on_disk(facts: &std::fs::Metadata) -> u64 {
    facts.len()
}

/// Gives the room of these bytes of a file back. The file keeps its size; there are zeros in the place of the bytes
/// (fallocate(2), FALLOC_FL_PUNCH_HOLE).
///
/// # Errors
/// `Unsupported` where the system or the file system does not know that, and what else the system says.
#[cfg(target_os = "linux")]
pub fn punch_hole(file: &File, bytes: &Range<u64>) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    let length = bytes.end.saturating_sub(bytes.start);
    Ok(fallocate(file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, bytes.start, length)?)
}

/// Gives the room of these bytes of a file back, which this system does not know.
///
/// # Errors
/// Always.
#[cfg(not(target_os = "linux"))]
pub fn punch_hole(_file: &File, _bytes: &Range<u64>) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Whether the room of a part of a file in this folder can be given back. Tries it with a small file.
pub fn can_punch_holes(folder: &Path) -> bool {
    const TRIED_BYTES: usize = 1 << 16;
    let tried = super::atomic_file::temporary_file(folder).and_then(|mut file| {
        io::Write::write_all(&mut file, &[1; TRIED_BYTES])?;
        punch_hole(file.as_file(), &(0..TRIED_BYTES as u64))
    });
    tried.is_ok()
}

/// Whether the room of a part of this file was given back. What is written whole has no such part.
///
/// # Errors
/// What the system says when the file can't be read.
#[cfg(target_os = "linux")]
pub fn has_hole(path: &Path) -> io::Result<bool> {
    use rustix::fs::{SeekFrom, seek};
    let file = File::open(path)?;
    let bytes = file.metadata()?.len();
    // A file system that knows no holes has one at the end of each file (lseek(2)).
    Ok(bytes > 0 && seek(&file, SeekFrom::Hole(0))? < bytes)
}

/// Whether the room of a part of this file was given back; never on this system.
///
/// # Errors
/// None.
#[cfg(not(target_os = "linux"))]
pub fn has_hole(_path: &Path) -> io::Result<bool> {
    Ok(false)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn folders_of_one_disk_share_its_room_and_those_of_others_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::of(folder.path()).unwrap();
        assert!(disk.shares_room_with(&Disk::of(&folder.path().join("not/there/yet")).unwrap()));
        let volume = Disk { device: disk.device.map(|device| device + 1), ..disk };
        assert!(disk.shares_room_with(&volume), "a volume of the same disk");
        let total_bytes = disk.space.total_bytes * 2;
        let other = Disk { space: Space { total_bytes, ..disk.space }, ..volume };
        assert!(!disk.shares_room_with(&other));
    }

    #[test]
    fn a_hole_gives_room_back_and_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, vec![1; 1 << 20]).unwrap();
        File::open(&path).unwrap().sync_all().unwrap();
        assert!(can_punch_holes(folder.path()) && !has_hole(&path).unwrap());
        let file = File::options().write(true).open(&path).unwrap();
        punch_hole(&file, &(5000..1 << 20)).unwrap();
        let facts = std::fs::metadata(&path).unwrap();
        assert!(has_hole(&path).unwrap() && facts.len() == 1 << 20 && facts.blocks() * 512 <= 1 << 16);
        let content = std::fs::read(&path).unwrap();
        assert!(content[..5000].iter().all(|byte| *byte == 1) && content[5000..].iter().all(|byte| *byte == 0));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
