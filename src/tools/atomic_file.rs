//! Files that are there whole or not at all.

use std::{io::Write, path::Path};

/// Prefix of temporary names; files that begin so are never part of a stream.
pub const TEMPORARY_PREFIX: &str = ".reelpress-";

/// Writes `content` to `path` so that a reader finds the old content or the new, never a part: a temporary name in the
/// same folder, synced to disk, then renamed. Makes the folder if it is missing.
///
/// # Errors
/// What the system says when the folder or file can't be made, the disk is full, or the rename fails; the temporary
/// file is removed then.
pub fn write(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY_PREFIX);
    // Streams are served by other users' programs; tempfile's default of 0600 would hide them. The umask still applies.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
