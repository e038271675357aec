//! From what a user names to the files to encode.

use std::{
    collections::{HashSet, VecDeque},
    ffi::OsStr,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use walkdir::{DirEntry, WalkDir};

use crate::{
    failure::{Failure, FailureKind},
    job::Stage,
    pipeline::is_under_way,
    tools::{cancel::CancelToken, regular_file},
};

/// Extensions by which video files are known in a folder. A file that is named itself may have any.
pub const VIDEO_EXTENSIONS: [&str; 57] = [
    "264", "265", "3g2", "3gp", "amv", "apng", "asf", "av1", "avc", "avi", "divx", "dv", "dvr-ms", "evo", "f4v", "flv",
    "gxf", "h264", "h265", "hevc", "ivf", "k3g", "lrv", "m1v", "m2p", "m2t", "m2ts", "m2v", "m4v", "mj2", "mjpeg",
    "mjpg", "mkv", "mod", "mov", "mp4", "mpe", "mpeg", "mpg", "mpv", "mts", "mxf", "nut", "ogm", "ogv", "qt", "rm",
    "rmvb", "tod", "trp", "ts", "vob", "webm", "wmv", "wtv", "xvid", "y4m",
];

/// What tells a playlist of HLS from others stands at its beginning.
const PLAYLIST_BEGINNING_BYTES: u64 = 4096;

/// Why a path gives no files to encode.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// There is nothing at this path.
    #[error("{} does not exist", path.display())]
    NoSuchPath {
        /// What was named.
        path: PathBuf,
    },
    /// There is nothing at any of these paths.
    #[error("{} files or folders do not exist", paths.len())]
    NoSuchPaths {
        /// What was named.
        paths: Vec<PathBuf>,
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
    /// The user does not want it any more.
    #[error("The search of {} for videos was cancelled", folder.display())]
    Cancelled {
        /// The folder that was searched.
        folder: PathBuf,
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
            Self::NoSuchPaths { paths } => {
                let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
                (
                    FailureKind::SourceUnreadable,
                    "Check the paths; they may have been moved or renamed",
                    names.join("\n"),
                )
            }
            Self::NoVideo { .. } => (
                FailureKind::SourceInvalid,
                "Choose another folder, or add a file by its own name if its extension is unusual; finished HLS streams are \
                 left out",
                String::new(),
            ),
            Self::Unreadable { detail, .. } => (
                FailureKind::SourceUnreadable,
                "Give yourself permission to read the folder, or check that its disk is connected",
                detail,
            ),
            Self::Cancelled { .. } => (FailureKind::InvalidRequest, "Add the folder again", String::new()),
        };
        Failure::new(kind, headline, hint).with_detail(detail).at(Stage::Probe)
    }
}

/// The files to encode: a file gives itself; a folder all files in it and in its folders that have the extension of a
/// video, sorted by path. Hidden files and folders are left out, and so are folders of HLS streams in it: what was made of
/// these files is not encoded once more. Links are followed, but each folder and file counts
/// once, by its own path if that is in the folder too, and nothing above the folder is entered by a link.
///
/// # Errors
/// When there is nothing at `path`, when a folder can't be read or has no video in it, or when the token is cancelled.
pub fn videos_in(path: &Path, token: &CancelToken) -> Result<Vec<PathBuf>, IntakeError> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => videos_in_folder(path, token),
        Ok(_) => Ok(vec![path.to_owned()]),
        // Below a file there is nothing either.
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            Err(IntakeError::NoSuchPath { path: path.to_owned() })
        }
        Err(error) => Err(IntakeError::Unreadable { folder: path.to_owned(), detail: error.to_string() }),
    }
}

fn videos_in_folder(folder: &Path, token: &CancelToken) -> Result<Vec<PathBuf>, IntakeError> {
    let mut search = Search::of(folder);
    while let Some(root) = search.linked.pop_front() {
        // Who names the folder of a stream itself means what is in it; a link to one is only met.
        if root == folder || !left_out_as_stream(&root) {
            search.walk(&root, token);
        }
        if token.is_cancelled() {
            return Err(IntakeError::Cancelled { folder: folder.to_owned() });
        }
    }
    search.files.sort();
    match (search.files.is_empty(), search.first_unreadable) {
        (false, _) => Ok(search.files),
        (true, Some((folder, detail))) => Err(IntakeError::Unreadable { folder, detail }),
        (true, None) => Err(IntakeError::NoVideo { folder: folder.to_owned() }),
    }
}

/// A walk through a folder, and then through what links in it lead to. Each folder is entered once: folders that link to
/// each other have paths without end.
struct Search {
    /// What was met already, and what lies above: paths without links.
    met: HashSet<PathBuf>,
    /// Links that are looked at once everything has been met that has a path of its own.
    linked: VecDeque<PathBuf>,
    files: Vec<PathBuf>,
    first_unreadable: Option<(PathBuf, String)>,
}

impl Search {
    fn of(folder: &Path) -> Self {
        let above = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        Self {
            met: above.ancestors().skip(1).map(Path::to_owned).collect(),
            linked: VecDeque::from([folder.to_owned()]),
            files: Vec::new(),
            first_unreadable: None,
        }
    }

    fn walk(&mut self, root: &Path, token: &CancelToken) {
        let mut walk = WalkDir::new(root).sort_by_file_name().into_iter();
        while let Some(entry) = walk.next().filter(|_| !token.is_cancelled()) {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.leave_out(error.path().unwrap_or(root), &error);
                    continue;
                }
            };
            let is_root = entry.depth() == 0;
            let is_folder = if is_root { root.is_dir() } else { entry.file_type().is_dir() };
            let is_passed_over = if !is_root && (is_hidden(&entry) || is_folder && left_out_as_stream(entry.path())) {
                true
            } else if !is_root && entry.path_is_symlink() {
                self.linked.push_back(entry.into_path());
                false
            } else {
                !self.is_new(entry.path(), is_folder)
            };
            if is_folder && is_passed_over {
                walk.skip_current_dir();
            }
        }
    }

    /// Whether a folder or video is met for the first time; such a video is one of the files.
    fn is_new(&mut self, path: &Path, is_folder: bool) -> bool {
        if !(is_folder || is_video_name(path) && path.is_file()) {
            return false;
        }
        let itself = match path.canonicalize() {
            Ok(itself) => itself,
            Err(error) => {
                self.leave_out(path, &error);
                return false;
            }
        };
        let is_first = self.met.insert(itself);
        if is_first && !is_folder {
            self.files.push(path.to_owned());
        }
        is_first
    }

    fn leave_out(&mut self, path: &Path, error: &dyn std::error::Error) {
        tracing::warn!(%error, path = %path.display(), "left out");
        self.first_unreadable.get_or_insert_with(|| (path.to_owned(), error.to_string()));
    }
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}

/// Whether a folder is left out as it holds a stream, which the log tells.
fn left_out_as_stream(folder: &Path) -> bool {
    let is_stream = holds_stream(folder);
    if is_stream {
        tracing::info!(folder = %folder.display(), "left out: it holds an HLS stream");
    }
    is_stream
}

/// Whether an HLS stream lies in a folder, or is being made there: an HLS playlist says what the files beside and below it
/// are.
fn holds_stream(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    // The layout “processed” has its playlists in a folder of their own, beside those of other outputs.
    let hls = folder.join("hls");
    is_under_way(folder)
        || hls.join("segments").is_dir() && is_hls_playlist(&hls.join("master.m3u8"))
        || entries.flatten().any(|entry| is_hls_playlist(&entry.path()))
}

/// Whether a file is a playlist of HLS, and not one of other players, which list films.
fn is_hls_playlist(path: &Path) -> bool {
    let is_named = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("m3u8"));
    if !is_named || regular_file::check(path).is_err() {
        return false;
    }
    let Ok(file) = File::open(path) else { return false };
    let mut beginning = Vec::new();
    // What can't be read is no reason to leave a folder of films out.
    let _ = file.take(PLAYLIST_BEGINNING_BYTES).read_to_end(&mut beginning);
    let text = String::from_utf8_lossy(&beginning);
    text.trim_start_matches('\u{feff}').starts_with("#EXTM3U") && text.contains("\n#EXT-X-")
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
        assert_eq!(
            videos_in(folder.path(), &CancelToken::default()).unwrap(),
            [inside("-dash.webm"), inside("b/a.mkv"), inside("z.MP4")]
        );
    }

    #[test]
    fn streams_in_a_folder_are_not_encoded_once_more() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        };
        let stream = "#EXTM3U\n#EXT-X-VERSION:7\n";
        for (name, content) in [
            ("film.mp4", ""),
            ("film/master.m3u8", stream),
            ("film/720p/init.mp4", ""),
            ("film/mp4/720p.mp4", ""),
            ("film_processed/hls/master.m3u8", stream),
            ("film_processed/hls/segments/720p_init.mp4", ""),
            ("film_processed/mp4/720p.mp4", ""),
            ("day/hls/master.m3u8", stream),
            ("day/day.mp4", ""),
            ("begun/.reelpress-unfinished/state.json", ""),
            ("begun/720p/init.mp4", ""),
            ("holidays/all.m3u8", "#EXTM3U\n#EXTINF:12,Beach\nbeach.mp4\n"),
            ("holidays/beach.mp4", ""),
        ] {
            write(name, content);
        }
        let found = videos_in(folder.path(), &CancelToken::default()).unwrap();
        assert_eq!(found, ["day/day.mp4", "film.mp4", "holidays/beach.mp4"].map(|name| folder.path().join(name)));
        let named = videos_in(&folder.path().join("film"), &CancelToken::default()).unwrap();
        assert_eq!(named.len(), 2, "who names the folder itself means what is in it");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_a_stream_is_left_out_like_the_stream() {
        let folder = tempfile::tempdir().unwrap();
        let inside = |name: &str| folder.path().join(name);
        fs::create_dir_all(inside("film/mp4")).unwrap();
        fs::write(inside("film/master.m3u8"), "#EXTM3U\n#EXT-X-VERSION:7\n").unwrap();
        fs::write(inside("film/mp4/720p.mp4"), "x").unwrap();
        fs::write(inside("film.mp4"), "x").unwrap();
        std::os::unix::fs::symlink("film", inside("latest")).unwrap();
        assert_eq!(videos_in(folder.path(), &CancelToken::default()).unwrap(), [inside("film.mp4")]);
        let named = videos_in(&inside("latest"), &CancelToken::default()).unwrap();
        assert_eq!(named, [inside("latest/mp4/720p.mp4")], "who names the link means what is in it");
    }

    #[test]
    fn a_file_gives_itself_whatever_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("recording");
        fs::write(&file, "x").unwrap();
        assert_eq!(videos_in(&file, &CancelToken::default()).unwrap(), [file]);
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_linked_into_itself_is_read_once() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.mp4"), "x").unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("again")).unwrap();
        std::os::unix::fs::symlink("nowhere", folder.path().join("dangling.mp4")).unwrap();
        assert_eq!(videos_in(folder.path(), &CancelToken::default()).unwrap(), [folder.path().join("a.mp4")]);
    }

    #[cfg(unix)]
    #[test]
    fn folders_that_link_to_each_other_are_read_once() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let inside = |name: &str| folder.path().join("films").join(name);
        let names: Vec<String> = (0..12).map(|number| format!("folder {number}")).collect();
        for name in &names {
            fs::create_dir_all(inside(name)).unwrap();
            for other in names.iter().filter(|other| *other != name) {
                symlink(inside(other), inside(name).join(other)).unwrap();
            }
        }
        fs::write(inside("folder 7/a.mp4"), "x").unwrap();
        symlink("folder 7/a.mp4", inside("again.mp4")).unwrap();
        fs::write(folder.path().join("above.mp4"), "x").unwrap();
        symlink("..", inside("up")).unwrap();
        symlink("/", inside("z:")).unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        fs::write(elsewhere.path().join("b.mp4"), "x").unwrap();
        symlink(elsewhere.path(), inside("elsewhere")).unwrap();
        symlink(elsewhere.path().join("b.mp4"), inside("not twice.mp4")).unwrap();
        let found = videos_in(&inside(""), &CancelToken::default()).unwrap();
        assert_eq!(found, [inside("elsewhere/b.mp4"), inside("folder 7/a.mp4")]);
    }

    #[test]
    fn a_cancelled_search_ends() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.mp4"), "x").unwrap();
        let token = CancelToken::default();
        token.cancel();
        assert!(matches!(videos_in(folder.path(), &token), Err(IntakeError::Cancelled { .. })));
    }

    #[test]
    fn a_folder_without_video_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("notes.txt"), "x").unwrap();
        let failure = videos_in(folder.path(), &CancelToken::default()).unwrap_err().into_failure();
        assert_eq!(failure.kind, FailureKind::SourceInvalid);
        assert!(failure.headline.ends_with("has no video in it") && !failure.hint.is_empty());
        let missing = folder.path().join("missing");
        assert!(matches!(videos_in(&missing, &CancelToken::default()), Err(IntakeError::NoSuchPath { .. })));
    }
}
