//! From what a user names to the files to encode.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use walkdir::{DirEntry, WalkDir};

use crate::{
    failure::{Failure, FailureKind},
    job::Stage,
};

/// Extensions by which video files are known in a folder. A file that is named itself may have any.
pub const VIDEO_EXTENSIONS: [&str; 57] = [
    "264", "265", "3g2", "3gp", "amv", "apng", "asf", "av1", "avc", "avi", "divx", "dv", "dvr-ms", "evo", "f4v", "flv",
    "gxf", "h264", "h265", "hevc", "ivf", "k3g", "lrv", "m1v", "m2p", "m2t", "m2ts", "m2v", "m4v", "mj2", "mjpeg",
    "mjpg", "mkv", "mod", "mov", "mp4", "mpe", "mpeg", "mpg", "mpv", "mts", "mxf", "nut", "ogm", "ogv", "qt", "rm",
    "rmvb", "tod", "trp", "ts", "vob", "webm", "wmv", "wtv", "xvid", "y4m",
];

/// Why a path gives no files to encode.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// There is nothing at this path.
    #[error("{} does not exist", path.display())]
    NoSuchPath {
        /// What was named.
        path: PathBuf,
    },
    /// The folder has no video in it.
    #[error("{} has no video in it", folder.display())]
    NoVideo {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder can't be read.
    #[error("{} can't be read", folder.display())]
    Unreadable {
        /// The folder, or one in it.
        folder: PathBuf,
        /// What the system says.
        detail: String,
    },
}

impl IntakeError {
    /// The failure that users see: what is wrong and what to do.
    #[must_use]
    pub fn into_failure(self) -> Failure {
        let headline = self.to_string();
        let (kind, hint, detail) = match self {
            Self::NoSuchPath { .. } => (
                FailureKind::SourceUnreadable,
                "Check the path; the file or folder may have been moved or renamed",
                String::new(),
            ),
            Self::NoVideo { .. } => (
                FailureKind::SourceInvalid,
                "Choose another folder, or add a file by its own name if its extension is unusual",
                String::new(),
            ),
            Self::Unreadable { detail, .. } => (
                FailureKind::SourceUnreadable,
                "Give yourself permission to read the folder, or check that its disk is connected",
                detail,
            ),
        };
        Failure::new(kind, headline, hint).with_detail(detail).at(Stage::Probe)
    }
}

/// The files to encode: a file gives itself; a folder all files in it and in its folders that have the extension of a
/// video, sorted by path. Hidden files and folders are left out; a folder that is linked into itself is entered once.
///
/// # Errors
/// When there is nothing at `path`, or when a folder can't be read or has no video in it.
pub fn videos_in(path: &Path) -> Result<Vec<PathBuf>, IntakeError> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => videos_in_folder(path),
        Ok(_) => Ok(vec![path.to_owned()]),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(IntakeError::NoSuchPath { path: path.to_owned() })
        }
        Err(error) => Err(IntakeError::Unreadable { folder: path.to_owned(), detail: error.to_string() }),
    }
}

fn videos_in_folder(folder: &Path) -> Result<Vec<PathBuf>, IntakeError> {
    let mut files = Vec::new();
    let mut first_unreadable = None;
    let walk = WalkDir::new(folder).follow_links(true).into_iter();
    for entry in walk.filter_entry(|entry| entry.depth() == 0 || !is_hidden(entry)) {
        match entry {
            Ok(entry) if entry.file_type().is_file() && is_video_name(entry.path()) => files.push(entry.into_path()),
            Ok(_) => {}
            Err(error) if error.loop_ancestor().is_some() => {}
            Err(error) => {
                tracing::warn!(%error, "left out");
                let unreadable = error.path().unwrap_or(folder).to_owned();
                first_unreadable.get_or_insert((unreadable, error.to_string()));
            }
        }
    }
    files.sort();
    match (files.is_empty(), first_unreadable) {
        (false, _) => Ok(files),
        (true, Some((folder, detail))) => Err(IntakeError::Unreadable { folder, detail }),
        (true, None) => Err(IntakeError::NoVideo { folder: folder.to_owned() }),
    }
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}

/// Whether a file looks like a video by its extension.
pub fn is_video_name(path: &Path) -> bool {
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    VIDEO_EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_folder_gives_its_videos_sorted_without_hidden_ones() {
        let folder = tempfile::tempdir().unwrap();
        let inside = |name: &str| folder.path().join(name);
        fs::create_dir_all(inside("b/.hidden")).unwrap();
        for name in ["z.MP4", "b/a.mkv", "b/notes.txt", ".secret.mp4", "b/.hidden/c.mov", "-dash.webm"] {
            fs::write(inside(name), "x").unwrap();
        }
        assert_eq!(videos_in(folder.path()).unwrap(), [inside("-dash.webm"), inside("b/a.mkv"), inside("z.MP4")]);
    }

    #[test]
    fn a_file_gives_itself_whatever_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("recording");
        fs::write(&file, "x").unwrap();
        assert_eq!(videos_in(&file).unwrap(), [file]);
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_linked_into_itself_is_read_once() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.mp4"), "x").unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("again")).unwrap();
        std::os::unix::fs::symlink("nowhere", folder.path().join("dangling.mp4")).unwrap();
        assert_eq!(videos_in(folder.path()).unwrap(), [folder.path().join("a.mp4")]);
    }

    #[test]
    fn a_folder_without_video_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("notes.txt"), "x").unwrap();
        let failure = videos_in(folder.path()).unwrap_err().into_failure();
        assert_eq!(failure.kind, FailureKind::SourceInvalid);
        assert!(failure.headline.ends_with("has no video in it") && !failure.hint.is_empty());
        let missing = folder.path().join("missing");
        assert!(matches!(videos_in(&missing), Err(IntakeError::NoSuchPath { .. })));
    }
}
