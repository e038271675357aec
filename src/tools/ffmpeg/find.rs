//! The places where ffmpeg and ffprobe are looked for, in their order.

use std::path::{Path, PathBuf};

use super::{Capabilities, ToolError, Toolbox, capabilities::read_version};
use crate::{
    settings::{AppFolders, Settings},
    tools::cancel::CancelToken,
};

/// Environment variable that names the ffmpeg to use.
pub const FFMPEG_VARIABLE: &str = "REELPRESS_FFMPEG";
/// Environment variable that names the ffprobe to use.
pub const FFPROBE_VARIABLE: &str = "REELPRESS_FFPROBE";

/// Where to look for ffmpeg and ffprobe.
#[derive(Debug, Clone, Default)]
pub struct SearchPlaces {
    /// What the settings name as ffmpeg.
    pub ffmpeg_in_settings: Option<PathBuf>,
    /// What the settings name as ffprobe.
    pub ffprobe_in_settings: Option<PathBuf>,
    /// What the environment names as ffmpeg.
    pub ffmpeg_in_environment: Option<PathBuf>,
    /// What the environment names as ffprobe.
    pub ffprobe_in_environment: Option<PathBuf>,
    /// Folders to search, the first first: beside this program, `PATH`, the app's own.
    pub folders: Vec<PathBuf>,
}

impl SearchPlaces {
    /// The places that hold for this user and this process.
    pub fn of_user(settings: &Settings, folders: &AppFolders) -> Self {
        let from_environment = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let beside = std::env::current_exe().ok().and_then(|program| program.parent().map(Path::to_owned));
        let path = std::env::var_os("PATH").unwrap_or_default();
        // An empty entry of PATH means the current folder, from which no program is ever started unasked.
        let path = std::env::split_paths(&path).filter(|folder| folder.is_absolute());
        Self {
            ffmpeg_in_settings: settings.ffmpeg.clone(),
            ffprobe_in_settings: settings.ffprobe.clone(),
            ffmpeg_in_environment: from_environment(FFMPEG_VARIABLE),
            ffprobe_in_environment: from_environment(FFPROBE_VARIABLE),
            folders: beside.into_iter().chain(path).chain([folders.tools()]).collect(),
        }
    }

    /// Looks in all places; see [`Toolbox::find`].
    ///
    /// # Errors
    /// As [`Toolbox::find`].
    pub fn find(&self) -> Result<Toolbox, ToolError> {
        let cancel = CancelToken::default();
        let usable_ffmpeg = |path: &Path| {
            let capabilities = Capabilities::read(path, &cancel)?;
            capabilities.check(path)?;
            Ok(capabilities)
        };
        let explicit = [
            (self.ffmpeg_in_settings.as_deref(), "the path of ffmpeg in the settings"),
            (self.ffmpeg_in_environment.as_deref(), "the environment variable REELPRESS_FFMPEG"),
        ];
        let (ffmpeg, capabilities) = self.first_usable("ffmpeg", &explicit, usable_ffmpeg)?;
        let explicit = [
            (self.ffprobe_in_settings.as_deref(), "the path of ffprobe in the settings"),
            (self.ffprobe_in_environment.as_deref(), "the environment variable REELPRESS_FFPROBE"),
        ];
        let (ffprobe, _) = self.first_usable("ffprobe", &explicit, |path| read_supported_version(path, &cancel))?;
        let can_tone_map = capabilities.can_tone_map();
        let Capabilities { version, encoders, .. } = capabilities;
        Ok(Toolbox { ffmpeg, ffprobe, version: version.text, can_tone_map, encoders })
    }

    /// The first program that `check` finds usable. One that is named explicitly must be; of the others, the first
    /// reason counts when none is.
    fn first_usable<T>(
        &self,
        program: &'static str,
        explicit: &[(Option<&Path>, &'static str)],
        check: impl Fn(&Path) -> Result<T, ToolError>,
    ) -> Result<(PathBuf, T), ToolError> {
        let named = explicit.iter().find_map(|(path, place)| path.map(|path| (path, *place)));
        if let Some((path, place)) = named {
            return match check(path) {
                Ok(found) => Ok((path.to_owned(), found)),
                Err(ToolError::Broken { path, detail, .. }) => {
                    Err(ToolError::Broken { path, set_by: Some(place), detail })
                }
                Err(other) => Err(other),
            };
        }
        let mut first_reason = None;
        for folder in &self.folders {
            let path = folder.join(program).with_extension(std::env::consts::EXE_EXTENSION);
            if !path.is_file() {
                continue;
            }
            match check(&path) {
                Ok(found) => return Ok((path, found)),
                Err(reason) => {
                    tracing::warn!(path = %path.display(), %reason, "passed over");
                    first_reason.get_or_insert(reason);
                }
            }
        }
        Err(first_reason.unwrap_or(ToolError::NotFound { program }))
    }
}

fn read_supported_version(path: &Path, cancel: &CancelToken) -> Result<(), ToolError> {
    let version = read_version(path, cancel)?;
    if version.is_supported() {
        Ok(())
    } else {
        Err(ToolError::TooOld {
            path: path.to_owned(),
            version: version.text,
            oldest: super::capabilities::OLDEST_RELEASE_TEXT,
        })
    }
}
