//! Files that have to be files: a pipe or a device in the place of one would be waited for without end.

use std::{
    io::{Error, ErrorKind, Result},
    path::Path,
};

/// Refuses what has this name and is neither a file nor a link to one. Where nothing is, there is nothing to refuse.
///
/// # Errors
/// When something else is there, or the system does not tell what it is.
pub fn check(path: &Path) -> Result<()> {
    match std::fs::metadata(path) {
        Ok(facts) if facts.is_dir() => Err(Error::other("it is a folder")),
        Ok(facts) if !facts.is_file() => Err(Error::other("it is not a regular file but a pipe or a device")),
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The content of a file.
///
/// # Errors
/// As [`check`], and when there is none or it can't be read.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    check(path)?;
    std::fs::read(path)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn only_files_and_links_to_files_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let inside = |name: &str| folder.path().join(name);
        std::fs::write(inside("file"), "text").unwrap();
        std::os::unix::fs::symlink(inside("file"), inside("link")).unwrap();
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mkfifoat(rustix::fs::CWD, inside("pipe"), mode).unwrap();
        std::os::unix::fs::symlink("/dev/zero", inside("device")).unwrap();
        for name in ["file", "link"] {
            assert_eq!(read(&inside(name)).unwrap(), b"text");
        }
        for name in ["pipe", "device", ""] {
            assert!(check(&inside(name)).is_err() && read(&inside(name)).is_err(), "{name}");
        }
        assert!(check(&inside("none")).is_ok() && read(&inside("none")).unwrap_err().kind() == ErrorKind::NotFound);
    }
}
