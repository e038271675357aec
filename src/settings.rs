//! What the user has set once for all jobs. Never holds a secret.

mod when_done;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
pub use when_done::{PowerAction, WhenDone};

use crate::{
    failure::{Failure, FailureKind},
    job::{Conversion, Destination, JobKind, Outputs, S3Location, StreamLayout, WorkingHours},
    preset::{PresetChanges, StereoCodecs, find_preset},
    tools::disk,
};

/// Saved settings, with defaults for all that the file does not have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// ffmpeg to use before any other that can be found.
    pub ffmpeg: Option<PathBuf>,
    /// ffprobe to use before any other that can be found.
    pub ffprobe: Option<PathBuf>,
    /// The folder that gets a folder for each stream.
    pub output_folder: PathBuf,
    /// The bucket that streams go to when `publish_to_s3` is on; kept also while it is off.
    pub s3: S3Location,
    /// Further places in buckets that new files go to together with that bucket.
    pub also_to: Vec<S3Location>,
    /// Streams that go to the bucket do not stay in the output folder: each segment gives its room back as soon as all
    /// buckets have it.
    pub drop_published: bool,
    /// New files go to the bucket instead of only to the output folder.
    pub publish_to_s3: bool,
    /// Id of the preset that new files get.
    pub preset: String,
    /// What new files' streams have in place of what the preset says.
    pub preset_changes: PresetChanges,
    /// What new files are made into beside HLS with fMP4 segments.
    pub outputs: Outputs,
    /// New files become one file like this instead of a stream.
    pub one_file: Option<Conversion>,
    /// New files become pictures alone instead of a stream: poster, thumbnails, and a storyboard if it is among the outputs.
    pub pictures_alone: bool,
    /// Where the files of new files' streams lie.
    pub layout: StreamLayout,
    /// Number of jobs that run side by side, where that is not automatic.
    pub running_jobs: usize,
    /// How many jobs run side by side is decided by how large they are and how many cores the machine has.
    pub automatic_jobs: bool,
    /// When waiting jobs start; `None` at any time of the day.
    pub working_hours: Option<WorkingHours>,
    /// Light, dark, or as the system has it.
    pub appearance: Appearance,
    /// Jobs that ran when the program ended go on at its next start.
    pub goes_on_by_itself: bool,
    /// What is done when the queue has nothing left to do.
    pub when_done: WhenDone,
}

/// What older versions have saved in another place.
#[derive(Deserialize)]
struct OlderSettings {
    /// Now one of the changes of the preset.
    #[serde(default)]
    stereo: Option<StereoCodecs>,
}

/// Which colours the window has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Appearance {
    /// As the system has it.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ffmpeg: None,
            ffprobe: None,
            output_folder: default_output_folder(),
            s3: S3Location::default(),
            also_to: Vec::new(),
            drop_published: false,
            publish_to_s3: false,
            preset: "web-hls".to_owned(),
            preset_changes: PresetChanges::default(),
            outputs: Outputs::default(),
            one_file: None,
            pictures_alone: false,
            layout: StreamLayout::default(),
            running_jobs: 1,
            automatic_jobs: false,
            working_hours: None,
            appearance: Appearance::System,
            goes_on_by_itself: true,
            when_done: WhenDone::default(),
        }
    }
}

impl Settings {
    /// What new files become.
    pub fn kind(&self) -> JobKind {
        match &self.one_file {
            Some(conversion) => JobKind::File(Box::new(conversion.clone())),
            None if self.pictures_alone => JobKind::Pictures,
            None => JobKind::Stream,
        }
    }

    /// Where new files go. Single files do not go to a bucket.
    pub fn destination(&self) -> Destination {
        if self.one_file.is_none() && self.publish_to_s3 && !self.s3.bucket.is_empty() {
            Destination::S3 {
                location: Box::new(self.s3.clone()),
                local_folder: self.output_folder.clone(),
                keep_local: !self.drop_published,
                also_to: self.also_to.clone(),
                drop_published: self.drop_published,
            }
        } else {
            Destination::Folder(self.output_folder.clone())
        }
    }

    /// Reads the settings from `file`; a missing file gives the defaults.
    ///
    /// # Errors
    /// When the file is there but can't be read or understood; it is then left untouched.
    pub fn load(file: &Path) -> Result<Self, SettingsError> {
        match crate::tools::regular_file::read(file) {
            Ok(text) => Self::read(&text).map_err(|source| SettingsError::Malformed { file: file.to_owned(), source }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(SettingsError::Unreadable { file: file.to_owned(), source }),
        }
    }

    /// Reads the settings from `file` for somebody who can't correct it by hand: one that can't be understood is kept beside
    /// it under another name, and the defaults are given with a failure that says so.
    ///
    /// # Errors
    /// When the file is there but can't be read or moved; it is then left untouched.
    pub fn load_or_set_aside(file: &Path) -> Result<(Self, Option<Failure>), SettingsError> {
        let malformed = match Self::load(file) {
            Err(error @ SettingsError::Malformed { .. }) => error,
            loaded => return loaded.map(|settings| (settings, None)),
        };
        let stamp = jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S");
        let aside = file.with_extension(format!("damaged-{stamp}.json"));
        std::fs::rename(file, &aside).map_err(|source| SettingsError::Unwritable { file: file.to_owned(), source })?;
        let hint = format!("All settings are as at the first start; the damaged ones are kept in {}", aside.display());
        let failure = Failure::new(FailureKind::InvalidRequest, "The saved settings can’t be understood", hint);
        Ok((Self::default(), Some(failure.with_detail(malformed.to_string()))))
    }

    fn read(text: &[u8]) -> serde_json::Result<Self> {
        let mut settings: Self = serde_json::from_slice(text)?;
        let OlderSettings { stereo } = serde_json::from_slice(text)?;
        let changes = &mut settings.preset_changes;
        changes.stereo = changes.stereo.or(stereo.filter(|codecs| codecs.has_opus()));
        Ok(settings)
    }

    /// The codecs of the stereo sound of new files' streams.
    pub fn stereo(&self) -> StereoCodecs {
        let of_preset = || find_preset(&self.preset).map_or(StereoCodecs::Aac, |preset| preset.stereo);
        self.preset_changes.stereo.unwrap_or_else(of_preset)
    }

    /// Writes the settings to `file`, whole or not at all.
    ///
    /// # Errors
    /// When the folder can't be made or the file can't be written.
    pub fn save(&self, file: &Path) -> Result<(), SettingsError> {
        let failed = |source| SettingsError::Unwritable { file: file.to_owned(), source };
        let text = serde_json::to_vec_pretty(self).map_err(|source| failed(source.into()))?;
        crate::tools::atomic_file::write_privately(file, &text).map_err(failed)
    }
}

/// Why settings could not be read or saved.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file is there but can't be opened.
    #[error("the settings file {} can't be read: {source}", file.display())]
    Unreadable {
        /// The settings file.
        file: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is not what this version writes.
    #[error("the settings file {} can't be understood: {source}", file.display())]
    Malformed {
        /// The settings file.
        file: PathBuf,
        /// Where the text goes wrong.
        source: serde_json::Error,
    },
    /// The file can't be written.
    #[error("the settings file {} can't be written: {source}", file.display())]
    Unwritable {
        /// The settings file.
        file: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

impl SettingsError {
    /// The same for the user, with what to do next, and with how long the settings hold that could not be saved.
    pub fn into_failure(self, hold: &str) -> Failure {
        match &self {
            Self::Unwritable { file, source } if disk::is_full(source) => {
                let folder = file.parent().unwrap_or(file).display();
                let headline = format!("The disk of {folder} is full: the settings can't be saved");
                Failure::new(FailureKind::DiskFull, headline, format!("{hold}Make room on the disk of {folder}"))
            }
            _ => {
                let hint = format!("{hold}Make the folder writable, or correct the file");
                Failure::new(FailureKind::OutputNotWritable, self.to_string(), hint)
            }
        }
    }
}

/// `Videos/Reelpress` in the user's home, or the home itself where the system has no folder for videos.
fn default_output_folder() -> PathBuf {
    let videos = directories::UserDirs::new()
        .map(|folders| folders.video_dir().map_or_else(|| folders.home_dir().join("Videos"), Path::to_owned));
    videos.unwrap_or_default().join("Reelpress")
}

/// Where this program keeps its own files.
#[derive(Debug, Clone)]
pub struct AppFolders {
    /// Settings.
    pub configuration: PathBuf,
    /// Journal, downloaded tools.
    pub data: PathBuf,
    /// Thumbnails and other things that can be made again.
    pub cache: PathBuf,
}

impl AppFolders {
    /// The folders of this user; `None` when the system knows no home.
    pub fn of_user() -> Option<Self> {
        let folders = directories::ProjectDirs::from("", "", "reelpress")?;
        Some(Self {
            configuration: folders.config_dir().to_owned(),
            data: folders.data_local_dir().to_owned(),
            cache: folders.cache_dir().to_owned(),
        })
    }

    /// All folders under one, for tests and portable installations.
    pub fn under(folder: &Path) -> Self {
        Self { configuration: folder.join("config"), data: folder.join("data"), cache: folder.join("cache") }
    }

    /// The settings file.
    pub fn settings_file(&self) -> PathBuf {
        self.configuration.join("settings.json")
    }

    /// The journal of the window's queue.
    pub fn journal_file(&self) -> PathBuf {
        self.data.join("queue.sqlite")
    }

    /// Where a downloaded ffmpeg lies.
    pub fn tools(&self) -> PathBuf {
        self.data.join("tools")
    }

    /// Log files, one a day.
    pub fn logs(&self) -> PathBuf {
        self.data.join("logs")
    }

    /// Streams that are published and not kept.
    pub fn streams(&self) -> PathBuf {
        self.cache.join("streams")
    }

    /// Which hardware encoders work.
    pub fn hardware_file(&self) -> PathBuf {
        self.cache.join("hardware.json")
    }

    /// Which files of replaced streams have to be removed from their buckets, and when.
    pub fn replaced(&self) -> PathBuf {
        self.data.join("replaced")
    }

    /// In which folders of the user's streams of interrupted calls lie that go to buckets too.
    pub fn kept(&self) -> PathBuf {
        self.data.join("kept")
    }

    /// Small pictures of the sources in the queue.
    pub fn thumbnails(&self) -> PathBuf {
        self.cache.join("thumbnails")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_can_not_be_understood_are_kept_under_another_name_where_nobody_reads_the_terminal() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("settings.json");
        assert!(matches!(Settings::load_or_set_aside(&file), Ok((_, None))), "there are none yet");
        std::fs::write(&file, "{").unwrap();
        assert!(matches!(Settings::load(&file), Err(SettingsError::Malformed { .. })) && file.exists());
        let (settings, failure) = Settings::load_or_set_aside(&file).unwrap();
        assert_eq!(settings, Settings::default());
        let aside = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
        assert!(failure.unwrap().hint.contains(&aside.display().to_string()) && !file.exists());
        assert_eq!(std::fs::read_to_string(aside).unwrap(), "{");
    }

    #[test]
    fn the_sound_that_an_older_version_has_saved_is_one_of_the_changes() {
        let older = Settings::read(br#"{"preset":"quick","stereo":"opus","preset_changes":{"speed":"slow"}}"#).unwrap();
        assert_eq!(older.stereo(), StereoCodecs::Opus);
        assert!(older.preset_changes.speed.is_some());
        let usual = Settings::read(br#"{"stereo":"aac"}"#).unwrap();
        assert!(usual.preset_changes.is_empty() && usual.stereo() == StereoCodecs::Aac);
        let saved = serde_json::to_vec(&older).unwrap();
        assert_eq!(Settings::read(&saved).unwrap(), older);
    }
}
