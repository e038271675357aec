//! Finding ffmpeg and ffprobe, what they can do, and fetching them.

mod capabilities;
mod download;
mod error;
mod find;

use std::{collections::BTreeSet, path::PathBuf};

use crate::{
    settings::{AppFolders, Settings},
    tools::cancel::CancelToken,
};

pub use capabilities::{Capabilities, Version};
pub use download::{DownloadProgress, URL_VARIABLE, download, download_from};
pub use error::ToolError;
pub use find::{FFMPEG_VARIABLE, FFPROBE_VARIABLE, SearchPlaces};

/// The pair of programs that the engine drives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toolbox {
    /// The encoder.
    pub ffmpeg: PathBuf,
    /// The reader of facts.
    pub ffprobe: PathBuf,
    /// Version of ffmpeg as it words it, such as `5.1.9-0+deb12u1`.
    pub version: String,
    /// True when HDR can be tone-mapped (filters zscale and tonemap).
    pub can_tone_map: bool,
    /// Names of ffmpeg's encoders.
    pub encoders: BTreeSet<String>,
}

impl Toolbox {
    /// Looks for ffmpeg and for ffprobe, each in this order: the settings, `REELPRESS_FFMPEG` and `REELPRESS_FFPROBE`,
    /// beside this program, `PATH`, the app's own data folder. Runs what it finds to see that it is usable.
    ///
    /// # Errors
    /// When one of them is in none of these places, or all that were found are unusable. A path that the user has set
    /// and that does not work is an error, even if there is a usable program elsewhere.
    pub fn find(settings: &Settings, folders: &AppFolders) -> Result<Self, ToolError> {
        SearchPlaces::of_user(settings, folders).find()
    }

    /// Fetches ffmpeg and ffprobe into [`AppFolders::tools`]; see [`download()`].
    ///
    /// # Errors
    /// As [`download()`].
    pub fn download(
        folders: &AppFolders,
        progress: &dyn Fn(DownloadProgress),
        cancel: &CancelToken,
    ) -> Result<Self, ToolError> {
        download(folders, progress, cancel)
    }
}
