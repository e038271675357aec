//! What will be made of a source: pure data, made by a pure function.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    media::{FrameRate, PictureSize},
    preset::BitRate,
};

/// What a job will make, for people to see.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanSummary {
    /// The folder of the stream.
    pub folder: PathBuf,
    /// Video renditions from the largest to the smallest, then sound.
    pub renditions: Vec<RenditionSummary>,
    /// Output frame rate.
    pub frame_rate: FrameRate,
    /// Expected length.
    pub duration: Option<Duration>,
    /// Expected number of segments of each rendition.
    pub segments: Option<u64>,
    /// What the user should know before the result is there.
    pub warnings: Vec<String>,
}

/// One rendition of a plan, for people to see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenditionSummary {
    /// Name and folder, such as `1080p` or `audio`.
    pub name: String,
    /// Codec in the words of the field: `H.264`, `AAC`.
    pub codec: String,
    /// Picture size; `None` for sound.
    pub size: Option<PictureSize>,
    /// Average bit rate that is aimed at.
    pub target: BitRate,
}
