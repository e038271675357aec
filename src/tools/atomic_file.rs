//! Files that are there whole or not at all.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
};

/// Prefix of temporary names; files that begin so are never part of a stream.
pub const TEMPORARY_PREFIX: &str = ".reelpress-";

/// Writes `content` to `path` so that a reader finds the old content or the new, never a part: a temporary name in the
/// same folder, synced to disk, then renamed. Makes the folder if it is missing.
///
/// # Errors
/// What the system says when the folder or file can't be made, the disk is full, or the rename fails; the temporary
/// file is removed then.
pub fn write(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut unfinished = UnfinishedFile::begin(path)?;
    unfinished.file().write_all(content)?;
    unfinished.finish()
}

/// The same, with the name on the disk too: after a power cut it is not the old content that is found.
///
/// # Errors
/// As [`write()`].
pub fn write_durably(path: &Path, content: &[u8]) -> std::io::Result<()> {
    write(path, content)?;
    sync_folder(path.parent().unwrap_or(Path::new(".")))
}

/// The same for a file that only this user may read: it may hold addresses with signatures in them.
///
/// # Errors
/// As [`write()`].
pub fn write_privately(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut unfinished = UnfinishedFile::begin_with(path, 0o600)?;
    unfinished.file().write_all(content)?;
    unfinished.finish()?;
    sync_folder(path.parent().unwrap_or(Path::new(".")))
}

/// Brings the names in a folder to the disk, where the system can be asked for that.
///
/// # Errors
/// What the system says when the disk fails.
#[cfg(unix)]
pub fn sync_folder(folder: &Path) -> std::io::Result<()> {
    use std::io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        // Some file systems know no such request, and a folder that may be written need not be readable.
        Err(error) if matches!(error.kind(), InvalidInput | PermissionDenied | Unsupported) => Ok(()),
        result => result,
    }
}

#[cfg(not(unix))]
pub fn sync_folder(_folder: &Path) -> std::io::Result<()> {
    Ok(())
}

/// Whether a file of this name may take the place of what is there: a device or a pipe would be lost.
///
/// # Errors
/// When something else than a file or a link to one is there.
pub fn check_replaceable(path: &Path) -> std::io::Result<()> {
    match std::fs::metadata(path) {
        Ok(there) if !there.is_file() => Err(std::io::Error::other("what has this name is not a regular file")),
        _ => Ok(()),
    }
}

/// A file under a temporary name beside its final one. Dropping it removes it.
#[derive(Debug)]
pub struct UnfinishedFile {
    file: tempfile::NamedTempFile,
    path: PathBuf,
}

impl UnfinishedFile {
    /// Begins the file that will be `path`. Makes the folder if it is missing.
    ///
    /// # Errors
    /// What the system says when the folder or file can't be made.
    pub fn begin(path: &Path) -> std::io::Result<Self> {
        // Streams are served by other users' programs; tempfile's default of 0600 would hide them. The umask still
        // applies.
        Self::begin_with(path, 0o666)
    }

    fn begin_with(path: &Path, mode: u32) -> std::io::Result<Self> {
        check_replaceable(path)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(TEMPORARY_PREFIX);
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
        #[cfg(not(unix))]
        let _ = mode;
        Ok(Self { file: builder.tempfile_in(folder)?, path: path.to_owned() })
    }

    /// What to write to.
    pub fn file(&mut self) -> &mut File {
        self.file.as_file_mut()
    }

    /// Brings the content to the disk and gives the file its final name.
    ///
    /// # Errors
    /// What the system says when the disk is full or the rename fails; the file is removed then.
    pub fn finish(self) -> std::io::Result<()> {
        self.file.as_file().sync_all()?;
        self.file.persist(self.path).map_err(|error| error.error)?;
        Ok(())
    }
}

/// A hidden file in `folder` that is gone when it is dropped.
///
/// # Errors
/// What the system says when it can't be made.
pub fn temporary_file(folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new().prefix(TEMPORARY_PREFIX).tempfile_in(folder)
}

/// A hidden folder in `parent` for files in the making; removed with all it holds when dropped.
///
/// # Errors
/// What the system says when it can't be made.
pub fn temporary_folder(parent: &Path) -> std::io::Result<tempfile::TempDir> {
    std::fs::create_dir_all(parent)?;
    tempfile::Builder::new().prefix(TEMPORARY_PREFIX).tempdir_in(parent)
}

/// Gives a finished file on the same disk its final name, after its content has reached the disk. Makes the folder if
/// it is missing.
///
/// # Errors
/// What the system says.
pub fn move_to(finished: &Path, path: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
    File::open(finished)?.sync_all()?;
    std::fs::rename(finished, path)
}
