//! The clear segments of an encrypted stream, as long as ffmpeg needs them.

use std::path::Path;

use tempfile::TempDir;

use crate::{
    pipeline::{
        encryption::Encryptor,
        layout::{INIT_SEGMENT, segment_file_name},
        package::{FinishedTrack, OutputMaker, PackageError},
    },
    tools::{atomic_file, cancel::CancelToken},
};

/// Where the clear segments of a stream can be read.
pub(super) struct ClearMedia<'a> {
    stream_folder: &'a Path,
    decrypted: Option<(&'a Encryptor<'a>, TempDir)>,
    cancel: &'a CancelToken,
}

impl OutputMaker<'_> {
    /// The stream itself, unless it is encrypted; else a place in the work folder for what is decrypted.
    pub(super) fn clear_media(&self) -> Result<ClearMedia<'_>, PackageError> {
        let place = || {
            atomic_file::temporary_folder(self.work_folder)
                .map_err(|source| PackageError::Write { path: self.work_folder.to_owned(), source })
        };
        let decrypted = match self.encryptor {
            Some(encryptor) => Some((encryptor, place()?)),
            None => None,
        };
        Ok(ClearMedia { stream_folder: self.folder, decrypted, cancel: self.cancel })
    }
}

impl ClearMedia<'_> {
    /// The folder in which the renditions lie.
    pub(super) fn folder(&self) -> &Path {
        self.decrypted.as_ref().map_or(self.stream_folder, |(_, folder)| folder.path())
    }

    /// Decrypts a rendition.
    pub(super) fn add(&self, track: &FinishedTrack) -> Result<(), PackageError> {
        let Some((encryptor, folder)) = &self.decrypted else { return Ok(()) };
        let (from, to) = (self.stream_folder.join(&track.folder), folder.path().join(&track.folder));
        let unwritable = |source| PackageError::Write { path: to.clone(), source };
        std::fs::create_dir_all(&to).map_err(unwritable)?;
        std::fs::copy(from.join(INIT_SEGMENT), to.join(INIT_SEGMENT)).map_err(unwritable)?;
        for number in 0..track.segments.len() as u64 {
            if self.cancel.is_cancelled() {
                return Err(PackageError::Cancelled);
            }
            let path = from.join(segment_file_name(number));
            let data = std::fs::read(&path).map_err(|error| PackageError::unreadable(&path, &error))?;
            let clear = encryptor.open(&track.name, number, data)?;
            let clear = clear.ok_or_else(|| PackageError::unreadable(&path, &"its key does not fit any more"))?;
            std::fs::write(to.join(segment_file_name(number)), clear).map_err(unwritable)?;
        }
        Ok(())
    }

    /// Makes room after a rendition was used.
    pub(super) fn remove(&self, track: &FinishedTrack) -> Result<(), PackageError> {
        let Some((_, folder)) = &self.decrypted else { return Ok(()) };
        let path = folder.path().join(&track.folder);
        std::fs::remove_dir_all(&path).map_err(|source| PackageError::Write { path, source })
    }
}
