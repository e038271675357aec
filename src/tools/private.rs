//! Files and folders that are nobody else's business: they may hold addresses with signatures or tokens in them.

use std::{
    fs::File,
    io::{ErrorKind, Result},
    path::Path,
};

/// Makes a folder, with those above it, that only this user may look into; one that is there is closed to others.
///
/// # Errors
/// What the system says when it can't be made. One that is there and can't be closed, as it is another user's, stays as it
/// is.
pub fn create_folder(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    close(folder);
    Ok(())
}

/// Makes an empty file that only this user may read or write, if there is none; one that is there is closed to others.
///
/// # Errors
/// What the system says when it can't be made.
pub fn create_file(file: &Path) -> Result<()> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(file) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            close(file);
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// Takes all rights on a file or folder from others, if it is there.
#[cfg(unix)]
pub fn close(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let Ok(metadata) = std::fs::metadata(path) else { return };
    let mode = metadata.permissions().mode();
    if mode & 0o077 != 0
        && let Err(error) = std::fs::set_permissions(path, PermissionsExt::from_mode(mode & 0o7700))
    {
        tracing::info!(%error, path = %path.display(), "others may read it still");
    }
}

/// On other systems the folder of the user is closed to others.
#[cfg(not(unix))]
pub fn close(_path: &Path) {}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_is_made_and_what_is_there_is_closed_to_others() {
        let parent = tempfile::tempdir().unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let open = parent.path().join("open");
        std::fs::create_dir(&open).unwrap();
        std::fs::set_permissions(&open, PermissionsExt::from_mode(0o755)).unwrap();
        let readable = open.join("readable");
        std::fs::write(&readable, "text").unwrap();
        std::fs::set_permissions(&readable, PermissionsExt::from_mode(0o644)).unwrap();
        for folder in [open.clone(), open.join("a/b")] {
            create_folder(&folder).unwrap();
            assert_eq!(mode(&folder), 0o700, "{folder:?}");
        }
        for file in [readable.clone(), open.join("new")] {
            create_file(&file).unwrap();
            assert_eq!(mode(&file), 0o600, "{file:?}");
        }
        assert_eq!(std::fs::read(readable).unwrap(), b"text");
    }
}
