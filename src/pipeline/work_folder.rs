//! Where a job keeps what nobody else needs.

use std::path::{Path, PathBuf};

use super::package::write_failure;
use crate::failure::Failure;

/// The folder for passing files; removed with all it holds.
pub(super) struct WorkFolder(PathBuf);

impl WorkFolder {
    /// Makes it.
    ///
    /// # Errors
    /// When the system refuses.
    pub(super) fn create(path: &Path) -> Result<Self, Failure> {
        std::fs::create_dir_all(path).map_err(|error| write_failure(&path.join("."), &error))?;
        Ok(Self(path.to_owned()))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::info!(%error, path = %self.0.display(), "passing files could not be removed");
        }
    }
}
