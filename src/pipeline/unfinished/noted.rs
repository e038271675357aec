//! The note of a stream in the making, which the job's thread and its uploads both add to.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{FOLDER, Notes, STATE, State};
use crate::{
    failure::Failure,
    job::{PlaceInBucket, Stage},
    pipeline::package::write_failure,
    tools::atomic_file,
};

/// What is noted of a stream in the making. Clones are the same note.
#[derive(Debug, Clone)]
pub(in crate::pipeline) struct Noted {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    file: PathBuf,
    state: Mutex<State>,
    /// Held while the file is written, so that what is older never takes the place of what is newer.
    writing: Mutex<()>,
}

impl Noted {
    pub(super) fn new(stream_folder: &Path, state: State) -> Self {
        let file = stream_folder.join(FOLDER).join(STATE);
        Self { inner: Arc::new(Inner { file, state: Mutex::new(state), writing: Mutex::default() }) }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn save(&self, notes: Notes<'_>) -> Result<(), Failure> {
        let _writing = self.writing();
        let written = notes.room.write_note(&self.inner.file, &self.text(), notes.cancel, notes.changed);
        written.map_err(|error| error.into_failure().at(Stage::Package))
    }

    /// As [`save`](Self::save), where nobody is there who could wait for room.
    pub(super) fn save_at_once(&self) -> Result<(), Failure> {
        let _writing = self.writing();
        let file = &self.inner.file;
        atomic_file::write_durably(file, &self.text()).map_err(|error| write_failure(file, &error).at(Stage::Package))
    }

    /// Notes where the stream lies in each bucket, if it has a place there yet.
    ///
    /// # Errors
    /// When that can't be written.
    pub(in crate::pipeline) fn lies_in_buckets(&self, places: Vec<Option<PlaceInBucket>>) -> Result<(), Failure> {
        self.state().lies_in_buckets(places);
        self.save_at_once()
    }

    fn writing(&self) -> MutexGuard<'_, ()> {
        self.inner.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn text(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(&*self.state()).unwrap_or_default()
    }
}
