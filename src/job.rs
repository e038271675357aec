//! What was asked for, and how far it has come.

mod colour;
mod conversion;
mod encryption;
mod layout;
mod operations;
mod outputs;
pub mod path_text;
pub mod s3;
pub mod schedule;
mod template;
pub mod typed;

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

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
pub use s3::S3Location;
pub use schedule::{Priority, Schedule, WorkingHours};
pub use template::{FolderTemplate, PLACEHOLDERS, RenditionValues, TemplateError};

use crate::{failure::Failure, preset::Preset};

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
        match self {
            Self::Folder(folder) => folder.display().to_string(),
            Self::S3 { .. } => self.buckets().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        }
    }
}

/// The steps of a job that a user sees. Encoding, packaging and publishing overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Reading what the source is.
    Probe,
    /// Making the renditions.
    Encode,
    /// Cutting them into segments and writing playlists.
    Package,
    /// Bringing them to the destination.
    Publish,
}

impl Stage {
    /// All stages in their order.
    pub const ALL: [Self; 4] = [Self::Probe, Self::Encode, Self::Package, Self::Publish];

    /// What the user reads while the stage is at work.
    pub fn working_label(self) -> &'static str {
        match self {
            Self::Probe => "Probing",
            Self::Encode => "Encoding",
            Self::Package => "Packaging",
            Self::Publish => "Publishing",
        }
    }

    /// The name of the stage.
    pub fn label(self) -> &'static str {
        match self {
            Self::Probe => "Probe",
            Self::Encode => "Encode",
            Self::Package => "Package",
            Self::Publish => "Publish",
        }
    }
}

/// How far a stage has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageState {
    /// Not begun.
    #[default]
    ToCome,
    /// Begun and not finished.
    AtWork,
    /// Finished.
    Finished,
}

/// A measurement of a running job; the newest replaces the one before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// The stage that the user is told of: the earliest one that is still at work.
    pub stage: Stage,
    /// State of each stage, in the order of [`Stage::ALL`].
    pub stages: [StageState; 4],
    /// Part of the whole job that is done, from 0 to 1.
    pub fraction: f64,
    /// Length of the source that has been encoded.
    pub encoded: Duration,
    /// Length of the source, where known.
    pub source_duration: Option<Duration>,
    /// Number of video renditions being encoded.
    pub rendition_count: usize,
    /// Frames encoded in a second of wall time.
    pub frames_per_second: Option<f64>,
    /// Seconds of source encoded in a second of wall time.
    pub speed: Option<f64>,
    /// Expected time until the job is done.
    pub time_left: Option<Duration>,
    /// Bytes of the stream written so far, all renditions.
    pub bytes_written: u64,
    /// Length of the stream that can be played already; `None` until the multivariant playlist is there.
    pub playable: Option<Duration>,
    /// Files of the stream that are at the destination.
    pub published_files: u64,
    /// Files of the stream that are finished so far.
    pub finished_files: u64,
    /// Why nothing goes up at this moment, in one line; the upload goes on by itself.
    #[serde(default)]
    pub upload_interruption: Option<String>,
    /// Why nothing is written at this moment, in one line; the work goes on by itself when the disk has room.
    #[serde(default)]
    pub disk_shortage: Option<String>,
    /// Bytes a second of the upload, measured over the last seconds.
    pub upload_bytes_per_second: Option<f64>,
    /// What each rendition has come to, in the order of the plan.
    pub renditions: Vec<RenditionProgress>,
    /// How far each bucket is, when there are several.
    #[serde(default)]
    pub uploads: Vec<UploadProgress>,
}

/// How far the upload to one of several buckets has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadProgress {
    /// The place that was asked for, as `s3://bucket/prefix`.
    pub destination: String,
    /// Files that are there.
    pub published_files: u64,
    /// Why nothing goes up, in one line.
    pub trouble: Option<String>,
    /// True once the whole stream is there.
    pub is_whole: bool,
}

/// How far one rendition has come.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RenditionProgress {
    /// Name of the rendition.
    pub name: String,
    /// Finished segments.
    pub segments: usize,
    /// Their size.
    pub bytes: u64,
    /// Their average bit rate in bits a second; `None` before the first is finished.
    pub measured_bps: Option<u64>,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            stage: Stage::Probe,
            stages: [StageState::ToCome; 4],
            fraction: 0.0,
            encoded: Duration::ZERO,
            source_duration: None,
            rendition_count: 0,
            frames_per_second: None,
            speed: None,
            time_left: None,
            bytes_written: 0,
            playable: None,
            published_files: 0,
            finished_files: 0,
            upload_interruption: None,
            disk_shortage: None,
            upload_bytes_per_second: None,
            renditions: Vec::new(),
            uploads: Vec::new(),
        }
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

/// What a finished job made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The folder of the local stream; `None` when it was removed after publishing.
    #[serde(default, with = "crate::job::path_text::optional")]
    pub folder: Option<PathBuf>,
    /// The file that was made, where that is one file.
    #[serde(default, with = "crate::job::path_text::optional")]
    pub file: Option<PathBuf>,
    /// Path of the multivariant playlist on this machine, if it is still there.
    #[serde(default, with = "crate::job::path_text::optional")]
    pub multivariant_playlist: Option<PathBuf>,
    /// URLs of the published stream, the multivariant playlist first; empty for a folder.
    pub urls: Vec<String>,
    /// Where it was published, in the order of the job's buckets.
    #[serde(default)]
    pub published: Vec<PublishedStream>,
    /// What was made, the largest picture first, sound last.
    pub renditions: Vec<RenditionReport>,
    /// Every file of the stream.
    pub files: Vec<FileReport>,
    /// Length of the stream.
    pub duration: Duration,
    /// Size of all files.
    pub total_bytes: u64,
    /// Wall time of the job.
    pub wall_time: Duration,
    /// The folder, or the file, of the keys that its segments are encrypted with, if they are not in the stream's folder.
    #[serde(default, with = "crate::job::path_text::optional")]
    pub keys: Option<PathBuf>,
    /// What the user should know although the job is done.
    pub warnings: Vec<String>,
    /// What is good to know and nothing to worry about, such as that nothing had to be encoded.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// Where a stream lies in one of its buckets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedStream {
    /// The place that was asked for, as `s3://bucket/prefix`.
    pub destination: String,
    /// URLs to start from, the multivariant playlist first.
    pub urls: Vec<String>,
}

/// A stream that is finished on this machine, on its way to its destinations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnpublishedStream {
    /// What was made; without URLs.
    pub report: Report,
    /// Key under which its files lie in the first bucket, without a slash at its end; empty when it has no place there
    /// yet.
    pub prefix: String,
    /// The same for each further bucket.
    #[serde(default)]
    pub more_prefixes: Vec<String>,
    /// The buckets in which it is whole already, by their place in the job's list.
    #[serde(default)]
    pub published: BTreeMap<usize, PublishedStream>,
}

impl UnpublishedStream {
    /// Key under which its files lie in the bucket at this place in the job's list, if it has a place there.
    pub fn prefix_in(&self, bucket: usize) -> Option<&str> {
        let prefix = match bucket {
            0 => Some(&self.prefix),
            further => self.more_prefixes.get(further - 1),
        };
        prefix.map(String::as_str).filter(|prefix| !prefix.is_empty())
    }

    /// Notes the key under which its files lie in the bucket at this place in the job's list.
    pub fn set_prefix_in(&mut self, bucket: usize, prefix: String) {
        if bucket == 0 {
            self.prefix = prefix;
            return;
        }
        if self.more_prefixes.len() < bucket {
            self.more_prefixes.resize(bucket, String::new());
        }
        self.more_prefixes[bucket - 1] = prefix;
    }

    /// The folder that holds the stream, if all its files are there in their size.
    pub fn whole_folder(&self) -> Option<&std::path::Path> {
        let folder = self.report.folder.as_deref()?;
        let is_there = |file: &FileReport| {
            std::fs::metadata(folder.join(&file.path)).is_ok_and(|found| found.is_file() && found.len() == file.bytes)
        };
        (!self.report.files.is_empty() && self.report.files.iter().all(is_there)).then_some(folder)
    }
}

/// One rendition of a finished stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RenditionReport {
    /// Name of the rendition, which is also its folder in our own layout: `1080p`, `audio`.
    pub name: String,
    /// The CODECS value of RFC 6381.
    pub codecs: String,
    /// Picture size; `None` for sound.
    pub size: Option<crate::media::PictureSize>,
    /// Asked bit rate in bits a second.
    pub target_bps: u64,
    /// Average over the whole rendition in bits a second.
    pub average_bps: u64,
    /// The largest segment's bit rate in bits a second.
    pub peak_bps: u64,
    /// Size of all its segments.
    pub bytes: u64,
    /// Number of segments.
    pub segments: usize,
}

/// One file of a finished stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileReport {
    /// Path relative to the stream's folder, with forward slashes.
    pub path: String,
    /// Size in bytes.
    pub bytes: u64,
}
