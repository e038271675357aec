//! What a user picks: a named set of rungs and the settings to encode them with.

mod built_in;
mod changes;
mod ladder;
mod rate_control;
mod video;

use std::{fmt, ops::RangeInclusive};

use serde::{Deserialize, Serialize};

pub use built_in::{built_in_presets, find_preset, one_file_preset, pictures_preset};
pub use changes::{PresetChanges, PresetContradiction, SurroundChoice};
pub(crate) use ladder::fit_into_short_side;
pub use ladder::{Ladder, PlannedRung, rung_name};
pub use rate_control::{Crf, RateControl, RateControlMode};
pub use video::{EncoderChoice, HardwareFamily, HdrTreatment, VideoCodec, VideoSettings};

/// Bits in a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BitRate(u64);

impl BitRate {
    /// What any encoder can be asked for: from a kilobit to a gigabit a second.
    pub const USABLE_BITS: RangeInclusive<u64> = 1000..=1_000_000_000;

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
    /// How much time the encoder takes for each frame.
    pub encoder_speed: EncoderSpeed,
    /// Codecs, rate control, the kind of encoder.
    #[serde(default)]
    pub video: VideoSettings,
    /// Average bit rate of a stereo rendition.
    pub audio_bitrate: BitRate,
    /// The codecs of stereo renditions.
    #[serde(default)]
    pub stereo: StereoCodecs,
    /// The codec of 5.1 renditions beside the stereo ones, for sources that have 5.1 or more; `None` for stereo alone.
    #[serde(default)]
    pub surround: Option<SurroundCodec>,
    /// Time between keyframes, which is also that between the entries of the I-frame playlists.
    #[serde(default)]
    pub keyframes: KeyframeInterval,
    /// What happens when parts of a source can't be decoded.
    #[serde(default)]
    pub on_damage: OnDamage,
    /// What becomes of the two fields of an interlaced frame.
    #[serde(default)]
    pub interlaced: InterlacedOutput,
}

/// What becomes of the two fields of an interlaced frame.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InterlacedOutput {
    /// They are joined: 25 or 29.97 frames a second.
    #[default]
    Frames,
    /// Each becomes a frame: 50 or 59.94 frames a second, moving as smoothly as on television.
    Fields,
}

impl InterlacedOutput {
    /// Its name for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Frames => "25 or 30 frames a second",
            Self::Fields => "50 or 60 frames a second",
        }
    }
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

impl OnDamage {
    /// Its name for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Warn => "Done with a warning",
            Self::Fail => "The job fails",
        }
    }
}

/// The codecs of stereo renditions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StereoCodecs {
    /// AAC-LC, which every player knows.
    #[default]
    Aac,
    /// AAC-LC, and Opus in a group of its own.
    AacAndOpus,
    /// Opus alone, which browsers know and older devices do not.
    Opus,
}

impl StereoCodecs {
    /// All choices, the usual one first.
    pub const ALL: [Self; 3] = [Self::Aac, Self::Opus, Self::AacAndOpus];

    /// Its name for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Aac => "Sound in AAC",
            Self::Opus => "Sound in Opus",
            Self::AacAndOpus => "Sound in AAC and Opus",
        }
    }

    /// The codecs alone.
    pub fn codecs_label(self) -> &'static str {
        match self {
            Self::Aac => "AAC",
            Self::Opus => "Opus",
            Self::AacAndOpus => "AAC and Opus",
        }
    }

    /// Who plays it, in a few words.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::Aac => "Plays everywhere",
            Self::Opus => "For browsers alone, not on old devices",
            Self::AacAndOpus => "A group of each",
        }
    }

    /// Whether there is Opus among them.
    pub fn has_opus(self) -> bool {
        self != Self::Aac
    }
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
        let rungs = match &self.ladder {
            LadderChoice::Rungs(rungs) => {
                rungs.iter().map(|rung| format!("{}p {}", rung.short_side, rung.bitrate)).collect::<Vec<_>>().join(", ")
            }
            LadderChoice::SourceSize => "Size of the source and one smaller rendition".to_owned(),
        };
        let rungs = match self.video.rate_control {
            RateControl::CappedCrf { crf } => format!("{rungs}; CRF {}, capped", crf.factor()),
            _ => rungs,
        };
        if self.video.codecs == [VideoCodec::H264] {
            return rungs;
        }
        let codecs: Vec<&str> = self.video.codecs.iter().map(|codec| codec.label()).collect();
        format!("{rungs}; {}", codecs.join(" and "))
    }
}

/// Time between two keyframes. Segments are as long with each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyframeInterval {
    /// Two seconds (Apple HLS Authoring Specification 1.13).
    #[default]
    TwoSeconds,
    /// One second, for I-frame playlists as dense as Apple's HLS Authoring Specification (6.2) would have them.
    OneSecond,
}

impl KeyframeInterval {
    /// The interval in seconds.
    pub fn seconds(self) -> u64 {
        match self {
            Self::TwoSeconds => 2,
            Self::OneSecond => 1,
        }
    }
}

/// How much time an encoder takes for each frame, in the words of x264's `-preset`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EncoderSpeed {
    /// The fastest, for trials.
    Ultrafast,
    /// Nearly the fastest.
    Superfast,
    /// Very fast.
    Veryfast,
    /// Faster than fast.
    Faster,
    /// Fast.
    Fast,
    /// x264's own default.
    #[default]
    Medium,
    /// Slow.
    Slow,
}

impl EncoderSpeed {
    /// All speeds, the fastest first.
    pub const ALL: [Self; 7] =
        [Self::Ultrafast, Self::Superfast, Self::Veryfast, Self::Faster, Self::Fast, Self::Medium, Self::Slow];

    /// The word that x264 and x265 know it by.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ultrafast => "ultrafast",
            Self::Superfast => "superfast",
            Self::Veryfast => "veryfast",
            Self::Faster => "faster",
            Self::Fast => "fast",
            Self::Medium => "medium",
            Self::Slow => "slow",
        }
    }

    /// Name for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Ultrafast => "Ultrafast",
            Self::Superfast => "Superfast",
            Self::Veryfast => "Veryfast",
            Self::Faster => "Faster",
            Self::Fast => "Fast",
            Self::Medium => "Medium",
            Self::Slow => "Slow",
        }
    }
}
