//! What will be made of a source: pure data, made by a pure function. Nothing here touches a file or a process.

mod audio;
mod colour;
mod language;
mod pictures;
mod subtitles;
mod timing;

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

pub use audio::{AudioCodec, AudioLayout, AudioRendition};
pub use colour::{ColourLabel, PictureConversion};
pub use language::{language_name, language_tag};
pub use pictures::{PicturePlan, PlannedPicture};
pub use subtitles::{SubtitleOrigin, SubtitleRendition};
pub use timing::Timing;

use crate::{
    failure::{Failure, FailureKind},
    job::JobSpec,
    media::{Chapter, FrameRate, PictureSize, SourceMedia, VideoStream},
    preset::{BitRate, Deinterlace, EncoderSpeed, Ladder},
};

/// The average may be exceeded by this factor at any time: well under the factor of two that Apple's HLS Authoring
/// Specification (1.30) allows, and enough for scenes that are harder than the rest.
const MAX_BITRATE_FACTOR: f64 = 1.2;
/// Seconds of the average rate that the VBV buffer holds.
const BUFFER_SECONDS: f64 = 1.5;

/// What was resolved from a [`JobSpec`] and a [`SourceMedia`]; holds all that the later stages need.
#[derive(Debug, Clone, PartialEq)]
pub struct EncodePlan {
    /// The file to read.
    pub source: PathBuf,
    /// Index of the picture's stream in the file; `None` for a source of sound alone.
    pub video_stream: Option<usize>,
    /// Frame rate, GOPs, segments.
    pub timing: Timing,
    /// What happens to each picture before it is scaled.
    pub conversion: PictureConversion,
    /// How long the last picture stays, for sound that goes on after it.
    pub hold_last_picture: Option<Duration>,
    /// Video renditions from the largest to the smallest; empty for a source of sound alone.
    pub renditions: Vec<VideoRendition>,
    /// The encoder's effort.
    pub encoder_speed: EncoderSpeed,
    /// The sound renditions, all stereo ones before those of other layouts; empty when the source has no sound.
    pub audio: Vec<AudioRendition>,
    /// The subtitle renditions.
    pub subtitles: Vec<SubtitleRendition>,
    /// The chapters of the source.
    pub chapters: Vec<Chapter>,
    /// Poster and thumbnails; for a source of sound alone, the picture of its waveform.
    pub pictures: PicturePlan,
    /// Expected length.
    pub duration: Option<Duration>,
    /// The most frames that the source gives, where its container tells its length exactly.
    pub most_frames: Option<u64>,
    /// What the user should know before the result is there.
    pub warnings: Vec<String>,
}

/// One video rendition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoRendition {
    /// Name and folder, such as `1080p`.
    pub name: String,
    /// Size of the picture, even on both sides.
    pub size: PictureSize,
    /// Average bit rate.
    pub bitrate: BitRate,
    /// Highest bit rate that leaves the VBV.
    pub max_bitrate: BitRate,
    /// Size of the VBV buffer in bits.
    pub buffer_size_bits: u64,
}

/// Why nothing can be planned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Neither pictures nor sound that can be decoded.
    #[error("“{0}” has neither picture nor sound that can be read")]
    Nothing(String),
    /// The stream has no size or no frame rate, so nothing can be decoded.
    #[error("the picture of “{0}” can't be read")]
    UnreadablePicture(String),
    /// HDR, and this ffmpeg can't tone-map.
    #[error("“{0}” is HDR, and this ffmpeg can't convert it")]
    CannotToneMap(String),
}

impl PlanError {
    /// The failure as the user sees it.
    pub fn into_failure(self) -> Failure {
        let hint = match self {
            Self::Nothing(_) => "Choose a file with pictures or sound",
            Self::UnreadablePicture(_) => "The file is damaged or not finished; copy it again from where it came from",
            Self::CannotToneMap(_) => "Install an ffmpeg with the zscale filter, such as Debian's",
        };
        let kind = match self {
            Self::CannotToneMap(_) => FailureKind::ToolMissing,
            _ => FailureKind::SourceInvalid,
        };
        Failure::new(kind, capitalised(&self.to_string()), hint)
    }
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}

impl EncodePlan {
    /// Resolves what was asked against what the source is.
    ///
    /// # Errors
    /// When the source has nothing that can be encoded.
    pub fn resolve(spec: &JobSpec, source: &SourceMedia, can_tone_map: bool) -> Result<Self, PlanError> {
        let name = spec.source_name();
        let mut warnings = Vec::new();
        let audio = audio::renditions(source, &spec.preset, &mut warnings);
        let subtitles = subtitles::renditions(source, &mut warnings);
        let Some(video) = source.main_video() else {
            return Self::of_sound(spec, source, (audio, subtitles), warnings).ok_or(PlanError::Nothing(name));
        };
        let display_size = video.display_size();
        if video.coded_size.pixels() == 0 || display_size.short_side() < 2 {
            return Err(PlanError::UnreadablePicture(name));
        }
        let conversion = PictureConversion::for_stream(video, spec.preset.deinterlace);
        if conversion.tone_map && !can_tone_map {
            return Err(PlanError::CannotToneMap(name));
        }
        warn_of_picture(video, &conversion, &mut warnings);
        let timing = Timing::for_rate(output_frame_rate(video, conversion.deinterlace));
        let renditions: Vec<VideoRendition> =
            Ladder::for_source(&spec.preset.ladder, display_size).0.into_iter().map(video_rendition).collect();
        let picture_duration = source.picture_duration().filter(|duration| !duration.is_zero());
        let hold_last_picture = timing::time_after_picture(source);
        if let Some(time) = hold_last_picture {
            let time = crate::format::clock(time);
            warnings.push(format!("The sound is longer than the picture: the last frame is held for {time}"));
        }
        Ok(Self {
            source: spec.source.clone(),
            video_stream: Some(video.index),
            pictures: PicturePlan::new(&spec.thumbnails, picture_duration, timing.frame_rate),
            timing,
            warnings,
            conversion,
            hold_last_picture,
            renditions,
            encoder_speed: spec.preset.encoder_speed,
            audio,
            subtitles,
            chapters: source.chapters.clone(),
            most_frames: most_frames(source, video, timing.frame_rate)
                .map(|frames| frames + hold_last_picture.map_or(0, |time| timing.frame_rate.frames_in(time))),
            duration: picture_duration.map(|duration| duration + hold_last_picture.unwrap_or_default()),
        })
    }

    /// The plan for a source of sound alone; `None` when it has none.
    fn of_sound(
        spec: &JobSpec,
        source: &SourceMedia,
        (audio, subtitles): (Vec<AudioRendition>, Vec<SubtitleRendition>),
        warnings: Vec<String>,
    ) -> Option<Self> {
        if audio.is_empty() {
            return None;
        }
        Some(Self {
            source: spec.source.clone(),
            video_stream: None,
            // Segments are as long as if there were pictures at this rate.
            timing: Timing::for_rate(FrameRate::FALLBACK),
            conversion: PictureConversion::none(),
            hold_last_picture: None,
            renditions: Vec::new(),
            encoder_speed: spec.preset.encoder_speed,
            audio,
            subtitles,
            chapters: source.chapters.clone(),
            pictures: PicturePlan::waveform(),
            duration: source.duration.filter(|duration| !duration.is_zero()),
            most_frames: None,
            warnings,
        })
    }

    /// The plan in the words of people.
    pub fn summary(&self, folder: PathBuf) -> PlanSummary {
        let video = self.renditions.iter().map(|rendition| RenditionSummary {
            name: rendition.name.clone(),
            codec: "H.264".to_owned(),
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
            frame_rate: self.timing.frame_rate,
            duration: self.duration,
            segments: self
                .duration
                .map(|duration| self.timing.frame_rate.frames_in(duration).div_ceil(self.timing.segment_frames)),
            warnings: self.warnings.clone(),
        }
    }
}

fn video_rendition(rung: crate::preset::PlannedRung) -> VideoRendition {
    let bits = rung.bitrate.bits_per_second() as f64;
    VideoRendition {
        name: rung.name,
        size: rung.size,
        bitrate: rung.bitrate,
        max_bitrate: BitRate::from_bits((bits * MAX_BITRATE_FACTOR) as u64),
        buffer_size_bits: (bits * BUFFER_SECONDS) as u64,
    }
}

/// MP4 and MOV tell the length of each track exactly; other containers round it, or tell that of the longest track. A
/// picture that starts late is preceded by its first frame.
fn most_frames(source: &SourceMedia, video: &VideoStream, frame_rate: FrameRate) -> Option<u64> {
    let duration = video.duration.filter(|_| source.container.split(',').any(|name| name == "mp4"))?;
    let start = Duration::try_from_secs_f64(video.start_time_seconds.unwrap_or(0.0)).unwrap_or_default();
    Some(frame_rate.frames_in(duration + start))
}

/// The rates that are kept exactly (Apple HLS Authoring Specification 1.18).
const STANDARD_RATES: [(u32, u32); 8] =
    [(24000, 1001), (24, 1), (25, 1), (30000, 1001), (30, 1), (50, 1), (60000, 1001), (60, 1)];
/// An average this near to a standard rate is that rate.
const STANDARD_RATE_TOLERANCE: f64 = 0.0004;
const HIGHEST_RATE: f64 = 60.0;

/// The constant rate that is written: the source's own, as an exact fraction, halved while above 60.
fn output_frame_rate(video: &VideoStream, deinterlace: Option<Deinterlace>) -> FrameRate {
    let fallback = Some(FrameRate::FALLBACK);
    let average = video.average_frame_rate;
    let natural = if video.is_variable_frame_rate() || video.scan.is_interlaced() {
        average.map(|average| {
            // Frames of a variable source come at most about as often as the next standard rate.
            let next = STANDARD_RATES
                .iter()
                .filter_map(|&(numerator, denominator)| FrameRate::new(numerator, denominator))
                .find(|rate| rate.per_second() >= average.per_second() * 0.98);
            next.unwrap_or(average)
        })
    } else {
        // An average that is no standard rate comes from a few missing frames; the real rate is what was meant.
        let is_standard = |rate: &FrameRate| STANDARD_RATES.contains(&(rate.numerator(), rate.denominator()));
        average.map(nearest_standard).filter(is_standard).or(video.real_frame_rate).or(average)
    };
    let mut rate = natural.or(fallback).map(nearest_standard);
    if deinterlace == Some(Deinterlace::Fields) {
        // Some containers tell the rate of the fields already.
        let doubled = rate.filter(|rate| rate.per_second() <= HIGHEST_RATE / 2.0 + 0.01).and_then(|rate| {
            rate.numerator().checked_mul(2).and_then(|numerator| FrameRate::new(numerator, rate.denominator()))
        });
        rate = doubled.or(rate);
    }
    while let Some(too_high) = rate.filter(|rate| rate.per_second() > HIGHEST_RATE + 0.01) {
        rate = too_high
            .denominator()
            .checked_mul(2)
            .and_then(|denominator| FrameRate::new(too_high.numerator(), denominator))
            .or(fallback);
    }
    nearest_standard(rate.unwrap_or(FrameRate::FALLBACK))
}

fn nearest_standard(rate: FrameRate) -> FrameRate {
    STANDARD_RATES
        .iter()
        .filter_map(|&(numerator, denominator)| FrameRate::new(numerator, denominator))
        .find(|standard| (rate.per_second() / standard.per_second() - 1.0).abs() < STANDARD_RATE_TOLERANCE)
        .unwrap_or(rate)
}

fn warn_of_picture(video: &VideoStream, conversion: &PictureConversion, warnings: &mut Vec<String>) {
    if video.colour.hdr.as_ref().is_some_and(|hdr| hdr.dolby_vision) {
        warnings.push("Dolby Vision: the base layer is used".to_owned());
    }
    if conversion.tone_map {
        warnings.push("HDR was converted to standard dynamic range".to_owned());
    }
}

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

#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod tests;
