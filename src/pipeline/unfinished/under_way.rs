//! Streams in the making, as others find them who have no part in them.

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
};

use super::{FOLDER, LOCK, State, lock};
use crate::tools::atomic_file;

/// Who goes on with a stream in the making.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoesOnBy {
    /// Some process makes it at this moment.
    RunningJob,
    /// The queue that has begun it.
    Queue,
    /// The call that has begun it, once more.
    SameCall,
}

/// Whether a stream is being made in the folder, or was when its program was killed.
#[must_use]
pub fn is_under_way(stream_folder: &Path) -> bool {
    stream_folder.join(FOLDER).is_dir()
}

/// The first stream in the making in this folder or below it. One that is finished in a folder of the user's, and that
/// nobody publishes at this moment, is none.
pub(in crate::pipeline) fn first_under_way(folder: &Path) -> Option<(PathBuf, GoesOnBy)> {
    let entries = walkdir::WalkDir::new(folder).min_depth(1).into_iter().flatten();
    let markers = entries.filter(|entry| entry.file_type().is_dir() && entry.file_name() == FOLDER);
    markers.into_iter().find_map(|marker| {
        let stream_folder = marker.path().parent()?.to_owned();
        let state = State::read(&stream_folder);
        let goes_on_by = if is_locked(marker.path()) {
            GoesOnBy::RunningJob
        } else if state.as_ref().is_some_and(|state| state.is_finished_here) {
            return None;
        } else if state.is_some_and(|state| state.is_queued) {
            GoesOnBy::Queue
        } else {
            GoesOnBy::SameCall
        };
        Some((stream_folder, goes_on_by))
    })
}

/// Whether the folder is one that a job had made when its program was killed, before anything was noted or made in it.
pub(in crate::pipeline) fn is_left_as_it_began(stream_folder: &Path) -> bool {
    let marker = stream_folder.join(FOLDER);
    let holds_only = |folder: &Path, is_expected: &dyn Fn(&str) -> bool| {
        let Ok(entries) = std::fs::read_dir(folder) else { return false };
        entries.into_iter().all(|entry| entry.is_ok_and(|entry| entry.file_name().to_str().is_some_and(is_expected)))
    };
    marker.is_dir()
        && holds_only(stream_folder, &|name| name == FOLDER)
        && holds_only(&marker, &|name| name == LOCK || name.starts_with(atomic_file::TEMPORARY_PREFIX))
        // A job that begins this very moment has the lock before it writes anything else.
        && lock(stream_folder).is_some()
}

/// Whether somebody makes the stream of which this is the marker.
pub(super) fn is_locked(marker: &Path) -> bool {
    let Ok(lock) = File::open(marker.join(LOCK)) else { return false };
    matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock))
}
