//! Where the owner of a queue listens.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::settings::AppFolders;

/// The longest path that every system takes for a socket, with its closing zero: macOS has 104 bytes, Linux 108.
#[cfg(unix)]
const LONGEST_PATH: usize = 103;

/// The socket of the queue in these folders: beside the journal, or in the folder for temporary files when that path is
/// too long for a socket.
#[cfg(unix)]
pub(super) fn socket(folders: &AppFolders) -> PathBuf {
    let beside_journal = folders.data.join("control").join("socket");
    if beside_journal.as_os_str().len() <= LONGEST_PATH {
        return beside_journal;
    }
    std::env::temp_dir().join(format!("reelpress-{}", name_of(&folders.data))).join("socket")
}

/// The named pipe of the queue in these folders.
#[cfg(windows)]
pub(super) fn pipe(folders: &AppFolders) -> PathBuf {
    PathBuf::from(format!(r"\\.\pipe\reelpress-{}", name_of(&folders.data)))
}

/// A short name that no other folder has.
fn name_of(folder: &Path) -> String {
    let digest = Sha256::digest(folder.as_os_str().as_encoded_bytes());
    digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}

/// Makes the folder of the socket, which only this user may enter.
///
/// # Errors
/// When it can't be made, or belongs to somebody else.
#[cfg(unix)]
pub(super) fn private_folder(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    if let Some(above) = folder.parent() {
        std::fs::create_dir_all(above)?;
    }
    match std::fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    if !is_own_folder(folder) {
        let words = format!("{} belongs to somebody else", folder.display());
        return Err(std::io::Error::new(std::io::ErrorKind::PermissionDenied, words));
    }
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))
}

/// Whether this is a folder, not a link to one, and belongs to this user.
#[cfg(unix)]
pub(super) fn is_own_folder(folder: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::symlink_metadata(folder)
        .is_ok_and(|found| found.is_dir() && found.uid() == rustix::process::getuid().as_raw())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_long_path_gets_a_socket_that_fits_and_that_both_sides_find() {
        let short = AppFolders::under(Path::new("/home/anna/reelpress"));
        assert_eq!(socket(&short), Path::new("/home/anna/reelpress/data/control/socket"));
        let long = AppFolders::under(&Path::new("/home/anna").join("x".repeat(200)));
        assert!(socket(&long).as_os_str().len() <= LONGEST_PATH, "{}", socket(&long).display());
        assert_eq!(socket(&long), socket(&long.clone()));
        let other = AppFolders::under(&Path::new("/home/anna").join("y".repeat(200)));
        assert_ne!(socket(&long), socket(&other));
    }

    #[test]
    fn nobody_else_may_enter_the_folder_also_if_it_was_open_before() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("control");
        std::fs::create_dir(&folder).unwrap();
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
        private_folder(&folder).unwrap();
        assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        let file = place.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(private_folder(&file).is_err());
    }
}
