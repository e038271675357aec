//! Where a job keeps what nobody else needs.

use std::{
    fs::File,
    io::ErrorKind,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::package::write_failure;
use crate::{failure::Failure, tools::atomic_file::TEMPORARY_PREFIX};

/// Held as long as the job runs; the system frees it when the program dies.
const LOCK: &str = "lock";
/// Names what lies elsewhere.
const NOTE: &str = "elsewhere.json";
/// A folder without a lock that is younger may be one that is being made at this moment.
const MAKING_TIME: Duration = Duration::from_secs(60);

/// The folder for passing files; removed with all it holds.
pub(super) struct WorkFolder {
    path: PathBuf,
    _lock: File,
}

/// What a job has made outside of its work folder.
#[derive(Serialize, Deserialize)]
struct Elsewhere {
    /// The hidden folder beside the file in the making.
    #[serde(with = "crate::job::path_text")]
    hidden_folder: PathBuf,
}

impl WorkFolder {
    /// Makes it.
    ///
    /// # Errors
    /// When the system refuses.
    pub(super) fn create(path: &Path) -> Result<Self, Failure> {
        let failed = |error: &std::io::Error| write_failure(&path.join("."), error);
        std::fs::create_dir_all(path).map_err(|error| failed(&error))?;
        let lock = File::create(path.join(LOCK)).map_err(|error| failed(&error))?;
        if let Err(error) = lock.try_lock() {
            // Without it the folder may be taken for one that was left behind, but only by a later start.
            tracing::info!(%error, path = %path.display(), "the work folder can't be locked");
        }
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// Notes that the job of this work folder makes its file in a hidden folder elsewhere, which goes with it when the
/// program is killed.
///
/// # Errors
/// When that can't be written.
pub(super) fn note_hidden_folder(work_folder: &Path, hidden_folder: &Path) -> Result<(), Failure> {
    let path = work_folder.join(NOTE);
    let note = serde_json::to_vec(&Elsewhere { hidden_folder: hidden_folder.to_owned() }).unwrap_or_default();
    std::fs::write(&path, note).map_err(|error| write_failure(&path, &error))
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// Removes the work folders in `parent`, and what they name elsewhere, that no running program has.
pub fn remove_left_behind(parent: &Path) {
    for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
        let path = entry.path();
        if is_left_behind(&path) {
            tracing::info!(path = %path.display(), "passing files of a killed program are removed");
            remove_elsewhere(&path);
            remove(&path);
        }
    }
}

fn is_left_behind(path: &Path) -> bool {
    match File::options().write(true).open(path.join(LOCK)) {
        Ok(lock) => lock.try_lock().is_ok(),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let made = std::fs::metadata(path).and_then(|metadata| metadata.modified());
            made.is_ok_and(|made| made.elapsed().is_ok_and(|age| age > MAKING_TIME))
        }
        Err(_) => false,
    }
}

/// Removes the hidden folder that a work folder names, if it bears the name of the same job.
fn remove_elsewhere(work_folder: &Path) {
    let note = std::fs::read(work_folder.join(NOTE)).ok();
    let Some(Elsewhere { hidden_folder }) = note.and_then(|note| serde_json::from_slice(&note).ok()) else { return };
    let job = work_folder.file_name().unwrap_or_default().to_string_lossy();
    if hidden_folder.file_name().is_some_and(|name| name.to_string_lossy() == format!("{TEMPORARY_PREFIX}{job}"))
        && hidden_folder.exists()
    {
        remove(&hidden_folder);
    }
}

fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_dir_all(path) {
        tracing::info!(%error, path = %path.display(), "passing files could not be removed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_job_has_left_goes_and_what_a_running_one_has_stays() {
        let folder = tempfile::tempdir().unwrap();
        let work = folder.path().join("work");
        let running = WorkFolder::create(&work.join("running")).unwrap();
        let killed = work.join("killed");
        std::fs::create_dir_all(&killed).unwrap();
        std::fs::write(killed.join(LOCK), "").unwrap();
        let [hidden, foreign] = ["killed", "other"].map(|job| folder.path().join(format!("{TEMPORARY_PREFIX}{job}")));
        for path in [&hidden, &foreign] {
            std::fs::create_dir(path).unwrap();
        }
        note_hidden_folder(&killed, &hidden).unwrap();
        let liar = work.join("liar");
        std::fs::create_dir_all(&liar).unwrap();
        std::fs::write(liar.join(LOCK), "").unwrap();
        note_hidden_folder(&liar, &foreign).unwrap();
        let young = work.join("young");
        std::fs::create_dir_all(&young).unwrap();
        remove_left_behind(&work);
        assert!(running.path().exists() && young.exists(), "at work, or about to be");
        assert!(!killed.exists() && !hidden.exists() && !liar.exists());
        assert!(foreign.exists(), "another job's");
        drop(running);
        assert!(!work.join("running").exists());
    }
}
