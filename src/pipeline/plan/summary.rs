//! A plan in the words of people.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use super::EncodePlan;
use crate::{
    media::{FrameRate, PictureSize},
    preset::BitRate,
};

impl EncodePlan {
    /// The plan in the words of people.
    pub fn summary(&self, folder: PathBuf) -> PlanSummary {
        let video = self.renditions.iter().map(|rendition| RenditionSummary {
            name: rendition.name.clone(),
            codec: rendition.codec_label(),
            size: Some(rendition.size),
            target: rendition.bitrate,
        });
        let audio = self.audio.iter().map(|audio| RenditionSummary {
            name: audio.name.clone(),
            codec: audio.codec_label(),
            size: None,
            target: audio.bitrate,
        });
        PlanSummary {
            folder,
            renditions: video.chain(audio).collect(),
            subtitles: self.subtitles.iter().map(|track| track.name.clone()).collect(),
            frame_rate: self.timing.frame_rate,
            duration: self.duration,
            segments: self
                .duration
                .map(|duration| self.timing.frame_rate.frames_in(duration).div_ceil(self.timing.segment_frames)),
            warnings: self.warnings.clone(),
            goes_on_at: None,
        }
    }
}

/// What a job will make, for people to see.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanSummary {
    /// The folder of the stream.
    #[serde(with = "crate::job::path_text")]
    pub folder: PathBuf,
    /// Video renditions, codec by codec from the largest to the smallest, then sound.
    pub renditions: Vec<RenditionSummary>,
    /// Names and folders of the tracks of subtitles, such as `subtitles-en`.
    #[serde(default)]
    pub subtitles: Vec<String>,
    /// Output frame rate.
    pub frame_rate: FrameRate,
    /// Expected length.
    pub duration: Option<Duration>,
    /// Expected number of segments of each rendition.
    pub segments: Option<u64>,
    /// What the user should know before the result is there.
    pub warnings: Vec<String>,
    /// From where an interrupted encode goes on; `None` for one from the start.
    #[serde(default)]
    pub goes_on_at: Option<Duration>,
}

impl PlanSummary {
    /// Whether an interrupted job has encoded all and only what follows that is left.
    pub fn is_encoded(&self) -> bool {
        self.goes_on_at.zip(self.duration).is_some_and(|(at, duration)| at >= duration)
    }
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
