//! A finished folder that is published as a whole, and which of its files are.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use tokio::runtime::Handle;

use super::{
    FirstContact, LocalStream, PROGRESS_INTERVAL, Place, PublishStatus, PublishedLocation, Publisher, StatusBoard,
    error::PublishError,
    headers::FileKind,
    intact,
    uploader::{self, Message},
    whole,
};
use crate::{
    job::S3Location,
    pipeline::{dropped::DroppedSegments, unfinished::first_under_way},
    tools::{atomic_file::TEMPORARY_PREFIX, cancel::CancelToken},
};

/// Publishes any folder under its own name: media first, then the playlists that name them, multivariant playlists
/// last. What an earlier try has left there of the very same files is gone on with, also under a number. `progress` is called ten times a
/// second on the caller's thread, which must not be one of the runtime.
///
/// # Errors
/// As [`Publisher::start`] and [`Publisher::finish`]. A store that answers and can't take requests is asked three times more,
/// a network that goes away meanwhile is waited for half an hour. Also when the folder can't be read, has nothing to
/// publish, holds a stream in the making, has a playlist that names what is not there, or files that are not whole, which
/// is known before anything is sent, or changes meanwhile.
pub fn publish_folder(
    runtime: &Handle,
    folder: &Path,
    location: &S3Location,
    progress: &dyn Fn(PublishStatus),
    cancel: &CancelToken,
) -> Result<PublishedLocation, PublishError> {
    let unreadable = |detail: String| PublishError::LocalFile { file: folder.to_owned(), detail };
    let folder = folder.canonicalize().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => {
            PublishError::NoFolder { folder: folder.to_owned() }
        }
        _ => unreadable(error.to_string()),
    })?;
    if !folder.is_dir() {
        return Err(PublishError::NotAFolder { file: folder });
    }
    let name = folder.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| PublishError::InvalidName { name: folder.display().to_string() })?;
    if let Some((folder, goes_on_by)) = first_under_way(&folder) {
        return Err(PublishError::Unfinished { folder, goes_on_by });
    }
    let dropped = DroppedSegments::of(&folder, false).map_err(|error| unreadable(error.to_string()))?;
    if dropped.is_some_and(|segments| !segments.all().is_empty()) {
        return Err(PublishError::NotWhole { folder });
    }
    let files = published_files(&folder)?;
    let must_stay = intact::look_at(&folder, &files)?;
    intact::check_playlists(&folder, &files)?;
    whole::check(&folder, &files)?;
    let place = Place::SameOrNew { stream_name: name, folder: &folder, files: &files };
    let board = StatusBoard::default();
    let contact = FirstContact::WhileBusy(&board);
    let begin = Publisher::begin(location, LocalStream::from(&folder), place, cancel, contact);
    let mut publisher = runtime.block_on(telling(begin, || progress(board.read())))?;
    // When the task has ended, its failure comes from `finish`.
    let _ = publisher.messages.send(Message::MustStay(must_stay));
    let is_new_there = publisher.board.sent().is_empty();
    let sent = publisher.send_all(files.into_keys().map(|(_, path)| path), progress);
    let mut published = match sent {
        // What is up is of no use to the folder as it will be, and would take its name.
        Err(error) if is_new_there && is_other_now(&error) => {
            if let Err(left) = publisher.withdraw() {
                tracing::warn!(?left, "a part of a folder that was changed meanwhile stays");
            }
            return Err(error);
        }
        sent => sent?,
    };
    published.warnings.extend(other_name(location, name, &published.prefix));
    Ok(published)
}

/// Whether the folder is another one than when its upload began.
fn is_other_now(error: &PublishError) -> bool {
    match error {
        PublishError::FileChanged { .. } => true,
        PublishError::LocalFile { file, .. } => file.try_exists().is_ok_and(|exists| !exists),
        _ => false,
    }
}

/// Why the stream lies elsewhere than under the folder's name; `None` where it lies there.
fn other_name(location: &S3Location, name: &str, prefix: &str) -> Option<String> {
    let wanted = location.key_of(name);
    (prefix != wanted).then(|| {
        format!(
            "s3://{}/{wanted} is another stream, or this folder as it was before: it stays, and this one has a name of its \
             own; with --replace it takes that place",
            location.bucket
        )
    })
}

/// Calls `tell` ten times a second until `work` has ended.
async fn telling<T>(work: impl Future<Output = T>, tell: impl Fn()) -> T {
    let mut work = std::pin::pin!(work);
    let mut moments = tokio::time::interval(PROGRESS_INTERVAL);
    loop {
        tokio::select! {
            biased;
            ended = &mut work => return ended,
            _ = moments.tick() => tell(),
        }
    }
}

/// Files of a folder with their sizes in bytes, in the order in which they are to go up: by kind, then by path.
pub type FolderFiles = BTreeMap<(FileKind, String), u64>;

/// What is in a folder and is not published: links, which may lead anywhere, pipes and devices; files that are hidden, in
/// hidden folders or half downloaded, but for temporary ones of this program. Relative paths.
pub fn not_published(folder: &Path) -> Vec<PathBuf> {
    let entries = walkdir::WalkDir::new(folder).min_depth(1).sort_by_file_name().into_iter().flatten();
    let relative = |entry: &walkdir::DirEntry| entry.path().strip_prefix(folder).unwrap_or(entry.path()).to_owned();
    let is_left_out = |entry: &walkdir::DirEntry| {
        let names: Vec<_> = relative(entry).iter().map(|name| name.to_string_lossy().into_owned()).collect();
        let is_temporary = names.iter().any(|name| name.starts_with(TEMPORARY_PREFIX));
        !entry.file_type().is_file() || (!uploader::is_published(&names.join("/")) && !is_temporary)
    };
    let others = entries.filter(|entry| !entry.file_type().is_dir() && is_left_out(entry));
    others.map(|entry| relative(&entry)).collect()
}

/// Files of a folder that belong to a stream.
///
/// # Errors
/// When the folder can't be read or has none.
pub(in crate::pipeline) fn published_files(folder: &Path) -> Result<FolderFiles, PublishError> {
    let mut files = FolderFiles::new();
    for entry in walkdir::WalkDir::new(folder) {
        let entry = entry.map_err(|error| PublishError::LocalFile {
            file: error.path().map_or_else(|| folder.to_owned(), Path::to_owned),
            detail: error.to_string(),
        })?;
        if !entry.file_type().is_file() {
            continue;
        }
        let path = relative_path(folder, entry.path())?;
        if uploader::is_published(&path) {
            let size = entry.metadata().map(|metadata| metadata.len());
            let size = size.map_err(|error| PublishError::LocalFile {
                file: entry.path().to_owned(),
                detail: error.to_string(),
            })?;
            files.insert((FileKind::of(&path), path), size);
        }
    }
    if files.is_empty() {
        return Err(PublishError::NothingToPublish { folder: folder.to_owned() });
    }
    Ok(files)
}

/// With forward slashes on every system.
fn relative_path(folder: &Path, file: &Path) -> Result<String, PublishError> {
    let relative: PathBuf = file.strip_prefix(folder).unwrap_or(file).to_owned();
    let names: Option<Vec<&str>> = relative.iter().map(std::ffi::OsStr::to_str).collect();
    let names = names.ok_or_else(|| PublishError::InvalidName { name: relative.display().to_string() })?;
    Ok(names.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_and_half_downloaded_files_are_told_as_left_out() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["master.m3u8", "1080p/init.mp4", ".hidden", ".hd/y", ".hd/z", "film.mp4.part", ".reelpress-x7"] {
            let file = folder.path().join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, path).unwrap();
        }
        let left_out = not_published(folder.path());
        assert_eq!(left_out, [".hd/y", ".hd/z", ".hidden", "film.mp4.part"].map(PathBuf::from));
    }
}
