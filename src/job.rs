//! What was asked for, and how far it has come.

mod colour;
mod conversion;
mod encryption;
mod layout;
mod operations;
mod outputs;
pub mod path_text;
mod progress;
mod report;
pub mod s3;
pub mod schedule;
mod template;
pub mod typed;
pub mod validity;

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use colour::{RgbColour, UnknownColour};
pub use conversion::{Conversion, FileAudioCodec, FileFormat, FileVideoCodec, JobKind, StreamTreatment, VideoRate};
pub use encryption::{Encryption, EncryptionError, KEYS_FOLDER, KeyRotation, Keys, key_uri};
pub use layout::{LayoutKind, StreamLayout, WantedFolder, WhenTaken};
pub use operations::{
    Crop, CropArea, Deinterlace, Flip, LoudnessTarget, Operations, Strength, SubtitleChoice, Trim, Turn, Watermark,
    WatermarkPosition,
};
pub use outputs::{OutputKind, Outputs, ThumbnailFormat, ThumbnailStyle};
pub use progress::{Progress, RenditionProgress, Stage, StageState, UploadProgress};
pub use report::{FileReport, PlaceInBucket, PublishedStream, RenditionReport, Report, UnpublishedStream};
pub use s3::S3Location;
pub use schedule::{Priority, Schedule, WorkingHours};
pub use template::{FolderTemplate, PLACEHOLDERS, RenditionValues, TemplateError};

use crate::{
    failure::Failure,
    preset::{Preset, PresetChanges, find_preset},
};

/// Names one job, on this machine and on any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(Uuid);

impl JobId {
    /// A new name; later ones sort after earlier ones.
    #[must_use]
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    /// When it was made, which its name tells.
    pub fn made_at(&self) -> jiff::Timestamp {
        let made_at = self.0.get_timestamp().map(|timestamp| timestamp.to_unix());
        made_at
            .and_then(|(seconds, _)| jiff::Timestamp::from_second(i64::try_from(seconds).ok()?).ok())
            .unwrap_or_default()
    }

    /// The last eight digits: enough for a person to tell jobs apart in a log.
    pub fn short(&self) -> String {
        let text = self.0.simple().to_string();
        text[text.len() - 8..].to_owned()
    }
}

impl std::fmt::Display for JobId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

/// What was asked: never holds anything derived from the source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobSpec {
    /// The file to encode.
    #[serde(with = "crate::job::path_text")]
    pub source: PathBuf,
    /// Files that follow it, one after the other, in its shape.
    #[serde(default, with = "crate::job::path_text::list")]
    pub joined: Vec<PathBuf>,
    /// What is made of it.
    #[serde(default)]
    pub kind: JobKind,
    /// The settings to encode it with, whole, so that a later change of a preset does not touch queued jobs.
    pub preset: Preset,
    /// Where the stream goes.
    pub destination: Destination,
    /// When to take thumbnails.
    pub thumbnails: ThumbnailTimes,
    /// What is made beside HLS with fMP4 segments.
    #[serde(default)]
    pub outputs: Outputs,
    /// What is done to the source before it is encoded.
    #[serde(default)]
    pub operations: Operations,
    /// Where its files lie under the destination.
    #[serde(default)]
    pub layout: StreamLayout,
}

impl JobSpec {
    /// One source becomes a stream, and everything else is as it is when nothing is asked for.
    pub fn stream(source: impl Into<PathBuf>, preset: Preset, destination: Destination) -> Self {
        Self {
            source: source.into(),
            joined: Vec::new(),
            kind: JobKind::Stream,
            preset,
            destination,
            thumbnails: ThumbnailTimes::default(),
            outputs: Outputs::default(),
            operations: Operations::default(),
            layout: StreamLayout::default(),
        }
    }

    /// What differs from the preset, and what is done to the source, in the user's words: what it is, and how.
    pub fn adjustments(&self) -> Vec<(&'static str, String)> {
        let changes = match self.kind {
            JobKind::Stream => find_preset(&self.preset.id).map(|preset| PresetChanges::between(&preset, &self.preset)),
            JobKind::File(_) | JobKind::Pictures => None,
        };
        changes.unwrap_or_default().summary().into_iter().chain(self.operations.summary()).collect()
    }

    /// File name of the source, for people.
    pub fn source_name(&self) -> String {
        let name = self.source.file_name().unwrap_or(self.source.as_os_str()).to_string_lossy();
        // Control characters would move the cursor of a terminal, or worse.
        name.replace(char::is_control, "\u{fffd}")
    }
}

/// When to take thumbnails from the source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThumbnailTimes {
    /// At these parts of the length, each from 0 to 100.
    Percents(Vec<f64>),
    /// At these times.
    Times(Vec<Duration>),
}

impl Default for ThumbnailTimes {
    fn default() -> Self {
        Self::Percents(vec![10.0, 30.0, 50.0, 70.0, 90.0])
    }
}

/// Where a finished stream goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Destination {
    /// A folder of its own under this folder.
    Folder(#[serde(with = "crate::job::path_text")] PathBuf),
    /// A bucket; the stream is made in `local_folder` and uploaded from there.
    S3 {
        /// Bucket, prefix and how to reach them.
        location: Box<S3Location>,
        /// Where the local stream is made.
        #[serde(with = "crate::job::path_text")]
        local_folder: PathBuf,
        /// Whether the local stream stays after it was published.
        keep_local: bool,
        /// Further places that it is uploaded to at the same time.
        #[serde(default)]
        also_to: Vec<S3Location>,
        /// Whether each segment gives its room on the local disk back as soon as all places have it; never together with
        /// `keep_local`.
        #[serde(default)]
        drop_published: bool,
    },
}

impl Destination {
    /// The folder under which the stream is made.
    pub fn local_folder(&self) -> &std::path::Path {
        match self {
            Self::Folder(folder) => folder,
            Self::S3 { local_folder, .. } => local_folder,
        }
    }

    /// Whether segments give their room on the local disk back as soon as all buckets have them.
    pub fn drops_published(&self) -> bool {
        matches!(self, Self::S3 { drop_published: true, keep_local: false, .. })
    }

    /// All places in buckets, the first one first.
    pub fn buckets(&self) -> impl Iterator<Item = &S3Location> {
        let (first, more) = match self {
            Self::Folder(_) => (None, [].as_slice()),
            Self::S3 { location, also_to, .. } => (Some(&**location), also_to.as_slice()),
        };
        first.into_iter().chain(more)
    }

    /// The places in the user's words: a path, or `s3://bucket/prefix`, with commas between several.
    pub fn label(&self) -> String {
        self.places().join(", ")
    }

    /// The same one by one, the folder last.
    pub fn places(&self) -> Vec<String> {
        let folder = match self {
            Self::Folder(folder) | Self::S3 { local_folder: folder, keep_local: true, .. } => Some(folder),
            Self::S3 { .. } => None,
        };
        self.buckets().map(ToString::to_string).chain(folder.map(|folder| folder.display().to_string())).collect()
    }
}

/// Where a job stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum JobState {
    /// In the queue.
    Waiting,
    /// The program ended while it ran; it goes on by itself, or when the user asks for it.
    Interrupted {
        /// What is finished of the stream; zero when it has to begin again.
        reached: Duration,
        /// True when the user held it then: it goes on when they let it.
        #[serde(default)]
        is_held: bool,
    },
    /// At work.
    Running {
        /// The newest measurement.
        progress: Progress,
        /// True while the user holds the encoder; what is finished goes on to be published.
        #[serde(default)]
        is_paused: bool,
    },
    /// Finished, with a playable stream.
    Done {
        /// What came out.
        report: Box<Report>,
    },
    /// Ended without a finished stream.
    Failed {
        /// Why.
        failure: Failure,
    },
    /// Stopped by the user.
    Cancelled,
}

impl JobState {
    /// True for the states that a job never leaves by itself.
    pub fn is_at_rest(&self) -> bool {
        matches!(self, Self::Done { .. } | Self::Failed { .. } | Self::Cancelled)
    }
}
