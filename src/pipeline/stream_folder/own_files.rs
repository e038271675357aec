//! What a job has made in the folder of its stream, told apart from what others have put there meanwhile.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    io::{ErrorKind, Result},
    path::Path,
};

use walkdir::{DirEntry, WalkDir};

use crate::{
    pipeline::{
        dropped::is_record,
        layout::is_name_of_stream,
        unfinished::{FOLDER, LOCK, STATE},
    },
    tools::atomic_file::TEMPORARY_PREFIX,
};

/// Removes the files of a stream and the folders that are empty then, the stream's own among them. What lies in the folder
/// and is no file of a stream by its name stays.
///
/// # Errors
/// When the system refuses to read the folder or to remove a file.
pub(in crate::pipeline) fn remove_own_files(stream_folder: &Path) -> Result<()> {
    remove(stream_folder, &|_| false)?;
    match std::fs::remove_dir(stream_folder) {
        Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => {
            tracing::info!(path = %stream_folder.display(), "the folder stays, as it holds what is not of the stream");
            Ok(())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// The same, but the folder stays, and so does what lies right in it under a name that `stays`.
///
/// # Errors
/// As [`remove_own_files`].
pub(in crate::pipeline) fn empty_of_own_files(stream_folder: &Path, stays: &dyn Fn(&OsStr) -> bool) -> Result<()> {
    remove(stream_folder, stays)
}

fn remove(stream_folder: &Path, stays: &dyn Fn(&OsStr) -> bool) -> Result<()> {
    let is_wanted = |entry: &DirEntry| entry.depth() != 1 || !stays(entry.file_name());
    let walk = WalkDir::new(stream_folder).min_depth(1).into_iter().filter_entry(is_wanted);
    let entries = match walk.collect::<std::result::Result<Vec<DirEntry>, walkdir::Error>>() {
        Ok(entries) => entries,
        Err(error) => return gone(Err(error.into())),
    };
    let is_folder = |entry: &&DirEntry| entry.file_type().is_dir();
    let name_of = |entry: &DirEntry| entry.file_name().to_string_lossy().into_owned();
    let folder_names: BTreeSet<String> = entries.iter().filter(is_folder).map(name_of).collect();
    // A template may put more into the name of a rendition's folder.
    let has_rendition = |name: &str| !name.is_empty() && folder_names.iter().any(|folder| folder.contains(name));
    let is_own = |entry: &DirEntry| {
        let path = entry.path().strip_prefix(stream_folder).unwrap_or(entry.path());
        let path = path.iter().map(OsStr::to_string_lossy).collect::<Vec<_>>().join("/");
        // Also in a hidden folder of ours.
        path.split('/').any(|name| name.starts_with(TEMPORARY_PREFIX))
            || (entry.depth() == 1 && is_record(entry.file_name()))
            || is_name_of_stream(&path, &has_rendition)
    };
    let files = entries.iter().filter(|entry| !is_folder(entry)).filter(|entry| is_own(entry));
    for file in marker_last(stream_folder, files.map(DirEntry::path)) {
        gone(std::fs::remove_file(file))?;
    }
    // The innermost first; those that are not empty stay.
    for folder in entries.iter().filter(is_folder).rev() {
        let _ = std::fs::remove_dir(folder.path());
    }
    Ok(())
}

/// A program that is killed meanwhile leaves a stream that its job knows again and goes on with, not files of nobody.
fn marker_last<'a>(stream_folder: &Path, files: impl Iterator<Item = &'a Path>) -> Vec<&'a Path> {
    let marker = stream_folder.join(FOLDER);
    let mut files: Vec<&Path> = files.collect();
    files.sort_by_key(|file| (file.starts_with(&marker), file.ends_with(STATE), file.ends_with(LOCK)));
    files
}

/// What somebody else has removed first is gone too.
fn gone(removed: Result<()>) -> Result<()> {
    removed.or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn files_in(folder: &Path) -> Vec<String> {
        let entries = WalkDir::new(folder).sort_by_file_name().into_iter().flatten();
        let files = entries.filter(|entry| !entry.file_type().is_dir());
        files.map(|entry| entry.path().strip_prefix(folder).unwrap().display().to_string()).collect()
    }

    #[test]
    fn what_tells_whose_stream_it_is_goes_last() {
        let names = ["state.json", "tile_000001.jpg"].map(|name| format!("{FOLDER}/{name}"));
        let files = [&names[0], &names[1], "720p/segment_00000.m4s", "master.m3u8"].map(Path::new);
        let files = files.map(|file| Path::new("film").join(file));
        let order = marker_last(Path::new("film"), files.iter().map(PathBuf::as_path));
        assert_eq!(order, [2, 3, 1, 0].map(|number: usize| files[number].as_path()));
    }

    #[test]
    fn what_others_have_put_into_the_folder_of_a_stream_stays() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("film");
        let put = |names: &[&str]| {
            for name in names {
                let path = folder.join(name);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, name).unwrap();
            }
        };
        let made = [
            "720p/segment_00000.m4s",
            "720p/.reelpress-x",
            "mp4/720p.mp4",
            ".reelpress-unfinished/state.json",
            ".dropped-segments",
        ];
        put(&made);
        remove_own_files(&folder).unwrap();
        assert!(!folder.exists());
        remove_own_files(&folder).unwrap();
        put(&made);
        put(&["notes.txt", "720p/my.srt", "mp4/holiday.mp4"]);
        remove_own_files(&folder).unwrap();
        assert_eq!(files_in(&folder), ["720p/my.srt", "mp4/holiday.mp4", "notes.txt"]);
    }
}
