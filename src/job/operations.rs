//! What is done to a source before it becomes a ladder, as it was asked for.

use std::{ops::RangeInclusive, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use super::RgbColour;
use crate::format;

/// What is done to a source before it is scaled and encoded; by default nothing but what it needs.
///
/// Places and sizes are in pixels of the picture as it is seen: upright, with square pixels. Times count from the
/// source's first picture, but for watermark and fades, which follow the trimmed length.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Operations {
    /// The part that is kept.
    pub trim: Trim,
    /// The part of the picture that is kept; cut before it is turned.
    pub crop: Option<Crop>,
    /// A turn on top of what the file itself asks for.
    pub rotate: Option<Turn>,
    /// A reflection, after the turn.
    pub flip: Option<Flip>,
    /// What is left is made smaller, to this many pixels on its short side (of a picture as wide as 16:9); one that is
    /// smaller stays as it is.
    pub short_side: Option<u32>,
    /// Whether fields are joined to frames.
    pub deinterlace: Deinterlace,
    /// Removes noise.
    pub denoise: Option<Strength>,
    /// Makes edges clearer.
    pub sharpen: Option<Strength>,
    /// A picture on the picture.
    pub watermark: Option<Watermark>,
    /// From black and silence at the start.
    pub fade_in: Duration,
    /// To black and silence at the end.
    pub fade_out: Duration,
    /// The loudness that the sound is brought to.
    pub loudness: Option<LoudnessTarget>,
    /// The size that all renditions and the sound together are to have, in bytes; bit rates follow from it and from
    /// the length.
    pub target_size_bytes: Option<u64>,
    /// For how long a still picture is shown; ten seconds if not given.
    pub still_duration: Option<Duration>,
    /// What is seen where the picture is transparent; black if not given.
    pub background: Option<RgbColour>,
    /// Subtitles that are pictures, drawn into the picture.
    pub burn_in: Option<SubtitleChoice>,
}

impl Operations {
    /// True when nothing is asked but what each source needs.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What is asked, in the user's words: what it is, and how.
    pub fn summary(&self) -> Vec<(&'static str, String)> {
        let fade = |length: Duration| (!length.is_zero()).then(|| format!("{} s", length.as_secs_f64()));
        let deinterlace = match self.deinterlace {
            Deinterlace::Automatic => None,
            Deinterlace::Always => Some("Always".to_owned()),
            Deinterlace::Never => Some("Never".to_owned()),
        };
        let lines = [
            ("Trim", self.trim.summary()),
            ("Crop", self.crop.map(Crop::summary)),
            ("Rotate", self.rotate.map(|turn| format!("{}° clockwise", turn.degrees()))),
            ("Flip", self.flip.map(|flip| flip.label().to_owned())),
            ("Size", self.short_side.map(|side| format!("At most {side} pixels on the short side"))),
            ("Deinterlace", deinterlace),
            ("Remove noise", self.denoise.map(|strength| strength.label().to_owned())),
            ("Sharpen", self.sharpen.map(|strength| strength.label().to_owned())),
            ("Background", self.background.map(|colour| colour.to_string())),
            ("Subtitles", self.burn_in.as_ref().map(SubtitleChoice::summary)),
            ("Watermark", self.watermark.as_ref().map(Watermark::summary)),
            ("Fade in", fade(self.fade_in)),
            ("Fade out", fade(self.fade_out)),
            ("Loudness", self.loudness.map(|target| format!("{} LUFS", target.lufs()))),
            ("Target size", self.target_size_bytes.map(format::bytes)),
        ];
        lines.into_iter().filter_map(|(what, how)| Some((what, how?))).collect()
    }
}

/// The part of a source that is kept, to the frame.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Trim {
    /// Where it begins.
    pub start: Option<Duration>,
    /// Where it ends; this frame is the first that is left out.
    pub end: Option<Duration>,
}

impl Trim {
    /// How much of a source of this length is kept.
    pub fn kept_of(self, whole: Duration) -> Duration {
        let end = self.end.map_or(whole, |end| end.min(whole));
        end.saturating_sub(self.start.unwrap_or_default())
    }

    fn summary(self) -> Option<String> {
        let clock = format::precise_clock;
        match (self.start, self.end) {
            (None, None) => None,
            (Some(start), None) => Some(format!("From {}", clock(start))),
            (None, Some(end)) => Some(format!("Until {}", clock(end))),
            (Some(start), Some(end)) => Some(format!("{} to {}", clock(start), clock(end))),
        }
    }
}

/// Which part of a picture is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Crop {
    /// Black bars are cut off, if there are any.
    BlackBars,
    /// This part.
    Area(CropArea),
}

impl Crop {
    fn summary(self) -> String {
        match self {
            Self::BlackBars => "Black bars".to_owned(),
            Self::Area(CropArea { width, height, left, top }) => format!("{width}×{height} at {left}, {top}"),
        }
    }
}

/// A part of a picture, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CropArea {
    /// Width.
    pub width: u32,
    /// Height.
    pub height: u32,
    /// Distance from the left.
    pub left: u32,
    /// Distance from the top.
    pub top: u32,
}

/// A turn by right angles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Turn {
    /// To the right.
    Clockwise,
    /// Upside down.
    Half,
    /// To the left.
    CounterClockwise,
}

impl Turn {
    /// Degrees clockwise.
    pub fn degrees(self) -> u16 {
        match self {
            Self::Clockwise => 90,
            Self::Half => 180,
            Self::CounterClockwise => 270,
        }
    }
}

/// One of a source's tracks of subtitles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubtitleChoice {
    /// Its number among all of them, from 1.
    Number(u32),
    /// The first in this language that fits.
    Language(String),
}

impl SubtitleChoice {
    fn summary(&self) -> String {
        match self {
            Self::Number(number) => format!("Burned in, track {number}"),
            Self::Language(language) => format!("Burned in, {language}"),
        }
    }
}

/// A reflection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flip {
    /// Left and right change places.
    Horizontal,
    /// Top and bottom change places.
    Vertical,
}

impl Flip {
    /// Name for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Horizontal => "Left and right",
            Self::Vertical => "Top and bottom",
        }
    }
}

/// Whether fields are joined to frames.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deinterlace {
    /// When the file says that it is interlaced.
    #[default]
    Automatic,
    /// Whatever the file says.
    Always,
    /// Never.
    Never,
}

impl Deinterlace {
    /// Whether fields are joined in a file that says of itself whether it is interlaced.
    pub fn applies_to(self, says_interlaced: bool) -> bool {
        match self {
            Self::Automatic => says_interlaced,
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// How much a filter does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    /// A little.
    Light,
    /// As usual.
    #[default]
    Medium,
    /// A lot.
    Strong,
}

impl Strength {
    /// Name for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Light => "Light",
            Self::Medium => "Medium",
            Self::Strong => "Strong",
        }
    }
}

/// A picture that is laid over the picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Watermark {
    /// The image file; its transparency counts.
    #[serde(with = "crate::job::path_text")]
    pub image: PathBuf,
    /// Where it lies.
    pub position: WatermarkPosition,
    /// Its width as a percentage of the picture's.
    pub width_percent: f64,
    /// Its distance from the edges as a percentage of the picture's short side.
    pub margin_percent: f64,
    /// 100 covers what is below, 0 is not seen.
    pub opacity_percent: f64,
    /// When it appears; at the start if not given.
    pub from: Option<Duration>,
    /// When it goes; at the end if not given.
    pub until: Option<Duration>,
}

impl Watermark {
    /// Widths that can be asked for.
    pub const WIDTHS_PERCENT: RangeInclusive<f64> = 1.0..=100.0;
    /// Margins that can be asked for; wider ones leave no room.
    pub const MARGINS_PERCENT: RangeInclusive<f64> = 0.0..=45.0;
    /// Opacities that can be asked for.
    pub const OPACITIES_PERCENT: RangeInclusive<f64> = 0.0..=100.0;
    /// Width when nothing else is asked.
    pub const WIDTH_PERCENT: f64 = 15.0;
    /// Distance from the edges when nothing else is asked.
    pub const MARGIN_PERCENT: f64 = 3.0;

    fn summary(&self) -> String {
        let name = self.image.file_name().unwrap_or(self.image.as_os_str()).to_string_lossy();
        format!("{name}, {}", self.position.label().to_lowercase())
    }
}

/// Where a watermark lies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WatermarkPosition {
    /// In the upper left corner.
    TopLeft,
    /// In the upper right corner.
    TopRight,
    /// In the lower left corner.
    BottomLeft,
    /// In the lower right corner.
    #[default]
    BottomRight,
    /// In the middle.
    Centre,
}

impl WatermarkPosition {
    /// All places.
    pub const ALL: [Self; 5] = [Self::TopLeft, Self::TopRight, Self::BottomLeft, Self::BottomRight, Self::Centre];

    /// Name for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::TopLeft => "Top left",
            Self::TopRight => "Top right",
            Self::BottomLeft => "Bottom left",
            Self::BottomRight => "Bottom right",
            Self::Centre => "Centre",
        }
    }
}

/// Loudness in LUFS (ITU-R BS.1770), such as −23.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LoudnessTarget(f64);

impl LoudnessTarget {
    /// Programme loudness of EBU R 128.
    pub const EBU_R128: Self = Self(-23.0);

    /// What ffmpeg's filter for it takes.
    pub const USABLE_LUFS: RangeInclusive<f64> = -70.0..=-5.0;

    /// A target between −70 and −5 LUFS.
    pub fn new(lufs: f64) -> Option<Self> {
        Self::USABLE_LUFS.contains(&lufs).then_some(Self(lufs))
    }

    /// In LUFS.
    pub fn lufs(self) -> f64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_told_in_words() {
        assert!(Operations::default().is_empty() && Operations::default().summary().is_empty());
        let operations = Operations {
            trim: Trim { start: Some(Duration::from_millis(1500)), end: Some(Duration::from_secs(90)) },
            crop: Some(Crop::BlackBars),
            rotate: Some(Turn::CounterClockwise),
            fade_in: Duration::from_millis(500),
            loudness: Some(LoudnessTarget::EBU_R128),
            ..Operations::default()
        };
        let told = operations.summary();
        let expected = [
            ("Trim", "00:00:01.5 to 00:01:30"),
            ("Crop", "Black bars"),
            ("Rotate", "270° clockwise"),
            ("Fade in", "0.5 s"),
            ("Loudness", "-23 LUFS"),
        ];
        assert_eq!(told, expected.map(|(what, how)| (what, how.to_owned())));
    }
}
