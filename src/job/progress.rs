//! How far a job has come while it runs.

use std::time::Duration;

use serde::{Deserialize, Serialize};

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
    /// True when all streams are copied, so that nothing is encoded.
    #[serde(default)]
    pub is_copying: bool,
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
            is_copying: false,
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

impl Progress {
    /// Whether all is made and nothing goes up at this moment, as a store is away or overloaded.
    pub fn waits_for_store(&self) -> bool {
        self.stage == Stage::Publish && self.upload_interruption.is_some()
    }

    /// What the user reads while it runs.
    pub fn working_label(&self) -> &'static str {
        if self.waits_for_store() {
            return "Waiting for the store";
        }
        if self.is_copying && self.stage == Stage::Encode { "Copying" } else { self.stage.working_label() }
    }
}
