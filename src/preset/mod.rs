//! What a user picks: a named set of rungs and the settings to encode them with.

mod built_in;
mod ladder;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use built_in::{built_in_presets, find_preset};
pub use ladder::{Ladder, PlannedRung, rung_name};

/// Bits in a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BitRate(u64);

impl BitRate {
    /// A rate given in kilobits (1000 bits) a second.
    pub const fn from_kilobits(kilobits_per_second: u64) -> Self {
        Self(kilobits_per_second * 1000)
    }

    /// A rate given in bits a second.
    pub const fn from_bits(bits_per_second: u64) -> Self {
        Self(bits_per_second)
    }

    /// Bits a second.
    pub const fn bits_per_second(self) -> u64 {
        self.0
    }

    /// Kilobits a second, rounded.
    pub const fn kilobits_per_second(self) -> u64 {
        (self.0 + 500) / 1000
    }
}

impl fmt::Display for BitRate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}k", self.kilobits_per_second())
    }
}

/// One step of a ladder as a preset asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rung {
    /// Length of the picture's short side in pixels: 1080 for 1920×1080 and for 1080×1920.
    pub short_side: u32,
    /// Average video bit rate.
    pub bitrate: BitRate,
}

/// How the rungs are chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LadderChoice {
    /// These rungs, from the largest to the smallest, trimmed to the source.
    Rungs(Vec<Rung>),
    /// The size of the source and one smaller companion, bit rates by the number of pixels.
    SourceSize,
}

/// A named set of settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preset {
    /// Stable name for the command line and the API, such as `web-hls`.
    pub id: String,
    /// Name for people, such as "Web HLS".
    pub name: String,
    /// The rungs.
    pub ladder: LadderChoice,
    /// How much time x264 takes for each frame.
    pub encoder_speed: EncoderSpeed,
    /// Average bit rate of a stereo AAC rendition.
    pub audio_bitrate: BitRate,
    /// The codec of 5.1 renditions beside the stereo ones, for sources that have 5.1 or more; `None` for stereo alone.
    #[serde(default)]
    pub surround: Option<SurroundCodec>,
    /// What happens when parts of a source can't be decoded.
    #[serde(default)]
    pub on_damage: OnDamage,
    /// What becomes of the two fields of an interlaced frame.
    #[serde(default)]
    pub deinterlace: Deinterlace,
}

/// What becomes of the two fields of an interlaced frame.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Deinterlace {
    /// They are joined: 25 or 29.97 frames a second.
    #[default]
    Frames,
    /// Each becomes a frame: 50 or 59.94 frames a second, moving as smoothly as on television.
    Fields,
}

/// What happens to a job whose source is damaged in places.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnDamage {
    /// The job is done with a warning that says how much is lost.
    #[default]
    Warn,
    /// The job fails.
    Fail,
}

/// The codec of 5.1 renditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SurroundCodec {
    /// AAC-LC, which every player knows.
    Aac,
    /// Dolby Digital Plus, for television sets and Apple's players.
    Eac3,
}

impl Preset {
    /// One line on what it makes, such as "1080p 5000k, 720p 3000k".
    pub fn summary(&self) -> String {
        match &self.ladder {
            LadderChoice::Rungs(rungs) => {
                rungs.iter().map(|rung| format!("{}p {}", rung.short_side, rung.bitrate)).collect::<Vec<_>>().join(", ")
            }
            LadderChoice::SourceSize => "the size of the source and one smaller rendition".to_owned(),
        }
    }
}

/// x264's `-preset`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EncoderSpeed {
    /// The fastest, for trials.
    Ultrafast,
    /// Very fast.
    Veryfast,
    /// Fast.
    Fast,
    /// x264's own default.
    #[default]
    Medium,
    /// Slow.
    Slow,
}

impl EncoderSpeed {
    /// The word that x264 knows it by.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ultrafast => "ultrafast",
            Self::Veryfast => "veryfast",
            Self::Fast => "fast",
            Self::Medium => "medium",
            Self::Slow => "slow",
        }
    }
}
