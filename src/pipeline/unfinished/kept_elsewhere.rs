//! Notes of where streams lie that calls in a terminal make for buckets and keep in a folder of the user's: a call that
//! names the buckets alone finds them by these.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::is_under_way;
use crate::{
    pipeline::{JobRequest, uploads::stays_here},
    tools::{atomic_file, private, regular_file},
};

#[derive(Debug, Serialize, Deserialize)]
struct Note {
    /// The folder that the user has named.
    #[serde(with = "crate::job::path_text")]
    local_folder: PathBuf,
    /// That of the stream in it.
    #[serde(with = "crate::job::path_text")]
    stream_folder: PathBuf,
}

/// Notes where the stream of a job lies, if it is one that a call in a terminal keeps. Notes of streams that nobody goes on
/// with are removed.
pub(super) fn note(request: &JobRequest, stream_folder: &Path) {
    if request.is_queued || !stays_here(request) {
        return;
    }
    let notes = &request.kept_folder;
    drop(folders(notes));
    let local_folder = request.spec.destination.local_folder().to_owned();
    let note = Note { local_folder, stream_folder: stream_folder.to_owned() };
    let written = private::create_folder(notes).and_then(|()| {
        let text = serde_json::to_vec(&note)?;
        atomic_file::write_privately(&notes.join(format!("{}.json", request.id)), &text)
    });
    if let Err(error) = written {
        tracing::warn!(%error, "a call that names the buckets alone will not find {}", stream_folder.display());
    }
}

/// The folders that users have named in which streams in the making lie.
pub(super) fn folders(notes: &Path) -> BTreeSet<PathBuf> {
    let mut folders = BTreeSet::new();
    for entry in std::fs::read_dir(notes).into_iter().flatten().flatten() {
        let path = entry.path();
        let note = regular_file::read(&path).ok().and_then(|text| serde_json::from_slice::<Note>(&text).ok());
        match note {
            Some(note) if is_under_way(&note.stream_folder) => {
                folders.insert(note.local_folder);
            }
            Some(_) => {
                // One that another call has just removed is gone as well.
                let _ = std::fs::remove_file(&path);
            }
            None => {}
        }
    }
    folders
}
