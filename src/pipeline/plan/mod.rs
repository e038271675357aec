//! What will be made of a source: pure data, made by a pure function. Nothing here touches a file or a process.

mod audio;
mod colour;
mod language;
mod operations;
mod pictures;
mod renditions;
mod subtitles;
mod target_size;
mod timing;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

use serde::{Deserialize, Serialize};

pub use audio::{AudioCodec, AudioLayout, AudioRendition};
pub use colour::{ColourLabel, PictureConversion};
pub use language::{language_name, language_tag};
pub use operations::{PlannedCrop, PlannedFade, PlannedOperations, PlannedTrim, PlannedWatermark};
pub use pictures::{PicturePlan, PlannedPicture};
pub use renditions::VideoRendition;
pub use subtitles::{SubtitleOrigin, SubtitleRendition};
pub use timing::Timing;

use crate::{
    failure::{Failure, FailureKind},
    job::{CropArea, Deinterlace, JobSpec, LoudnessTarget},
    media::{DynamicRange, FrameRate, HdrMetadata, PictureSize, SourceMedia, VideoStream},
    preset::{BitRate, EncoderSpeed, HardwareFamily, RateControl},
};

/// What was resolved from a [`JobSpec`] and a [`SourceMedia`]; holds all that the later stages need.
#[derive(Debug, Clone, PartialEq)]
pub struct EncodePlan {
    /// The file to read.
    pub source: PathBuf,
    /// Index of the picture's stream in the file.
    pub video_stream: usize,
    /// Frame rate, GOPs, segments.
    pub timing: Timing,
    /// What happens to each picture before it is scaled.
    pub conversion: PictureConversion,
    /// Trim, crop and so on.
    pub operations: PlannedOperations,
    /// Video renditions, codec by codec, each from the largest to the smallest; never empty.
    pub renditions: Vec<VideoRendition>,
    /// The encoder's effort.
    pub encoder_speed: EncoderSpeed,
    /// How bits are spent.
    pub rate_control: RateControl,
    /// Further parameters of x264.
    pub x264_parameters: String,
    /// Further parameters of x265.
    pub x265_parameters: String,
    /// Mastering display and light levels for renditions that keep HDR.
    pub hdr: Option<HdrMetadata>,
    /// The loudness that all sound is brought to.
    pub loudness_target: Option<LoudnessTarget>,
    /// How each sound rendition gets there, by its index in `audio`; measured after the plan is made.
    pub loudness: BTreeMap<usize, LoudnessCorrection>,
    /// The sound renditions, all stereo ones before those of other layouts; empty when the source has no sound.
    pub audio: Vec<AudioRendition>,
    /// The subtitle renditions.
    pub subtitles: Vec<SubtitleRendition>,
    /// Poster and thumbnails.
    pub pictures: PicturePlan,
    /// Expected length.
    pub duration: Option<Duration>,
    /// The most frames that the source gives, where its container tells its length exactly.
    pub most_frames: Option<u64>,
    /// What the user should know before the result is there.
    pub warnings: Vec<String>,
}

/// What brings a stream of sound to the loudness that was asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LoudnessCorrection {
    /// Gain in dB.
    pub gain_db: f64,
    /// Peaks are held down, as the gain alone would take them too high.
    pub limits_peaks: bool,
}

/// What was found out apart from the facts of the source.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Findings {
    /// This ffmpeg can tone-map HDR.
    pub can_tone_map: bool,
    /// Hardware encoders that work here, by their names in ffmpeg.
    pub hardware_encoders: BTreeSet<String>,
    /// The picture without black bars, if there are some and they were looked for.
    pub picture_without_bars: Option<CropArea>,
}

/// Why nothing can be planned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// No stream of pictures.
    #[error("“{0}” has no picture")]
    NoPicture(String),
    /// The stream has no size or no frame rate, so nothing can be decoded.
    #[error("the picture of “{0}” can't be read")]
    UnreadablePicture(String),
    /// HDR, and this ffmpeg can't tone-map.
    #[error("“{0}” is HDR, and this ffmpeg can't convert it")]
    CannotToneMap(String),
    /// Something was asked that does not fit the source, or itself.
    #[error("{what}")]
    NotPossible {
        /// What does not go.
        what: String,
        /// What to ask instead.
        hint: String,
    },
}

impl PlanError {
    /// The failure as the user sees it.
    pub fn into_failure(self) -> Failure {
        let hint = match &self {
            Self::NoPicture(_) => "Choose a file with a video stream",
            Self::UnreadablePicture(_) => "The file is damaged or not finished; copy it again from where it came from",
            Self::CannotToneMap(_) => "Install an ffmpeg with the zscale filter, such as Debian's",
            Self::NotPossible { hint, .. } => hint,
        };
        let kind = match self {
            Self::CannotToneMap(_) => FailureKind::ToolMissing,
            Self::NotPossible { .. } => FailureKind::InvalidRequest,
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
    /// Resolves what was asked against what the source is, with nothing else found out.
    ///
    /// # Errors
    /// As [`Self::resolve_with`].
    pub fn resolve(spec: &JobSpec, source: &SourceMedia, can_tone_map: bool) -> Result<Self, PlanError> {
        Self::resolve_with(spec, source, &Findings { can_tone_map, ..Findings::default() })
    }

    /// Resolves what was asked against what the source is and what else was found out.
    ///
    /// # Errors
    /// When the source has no picture that can be encoded, or what was asked does not fit it.
    pub fn resolve_with(spec: &JobSpec, source: &SourceMedia, findings: &Findings) -> Result<Self, PlanError> {
        let name = spec.source_name();
        let video = source.main_video().ok_or_else(|| PlanError::NoPicture(name.clone()))?;
        let display_size = video.display_size();
        if video.coded_size.pixels() == 0 || display_size.short_side() < 2 {
            return Err(PlanError::UnreadablePicture(name));
        }
        let mut conversion = PictureConversion::for_stream(video);
        if conversion.tone_map && !findings.can_tone_map {
            return Err(PlanError::CannotToneMap(name));
        }
        let asked = &spec.operations;
        conversion.deinterlace = match asked.deinterlace {
            Deinterlace::Automatic => conversion.deinterlace,
            choice => choice == Deinterlace::Always,
        };
        let timing = Timing::for_rate(timing::output_frame_rate(video));
        let source_duration = source.picture_duration().filter(|duration| !duration.is_zero());
        let operations::Trimmed { trim, duration } =
            operations::trim(asked, (&source.container, source_duration), timing.frame_rate)?;
        let crop = operations::crop(asked, display_size, findings)?;
        let size = operations::size_after(display_size, crop.as_ref(), asked.rotate);
        let range = video.colour.dynamic_range();
        let renditions = renditions::video_renditions(&spec.preset, size, range, findings)?;
        let operations = PlannedOperations::resolve(asked, (trim, crop), renditions[0].size, duration)?;
        let mut warnings = warnings(video, &conversion, &renditions, spec.preset.video.rate_control);
        let audio = audio::renditions(source, &spec.preset, &mut warnings);
        let subtitles = subtitles::renditions(source, &mut warnings);
        let plan = Self {
            most_frames: most_frames(source, video, (timing.frame_rate, operations.trim)),
            source: spec.source.clone(),
            video_stream: video.index,
            pictures: PicturePlan::new(&spec.thumbnails, duration, timing.frame_rate),
            timing,
            warnings,
            conversion,
            operations,
            renditions,
            encoder_speed: spec.preset.encoder_speed,
            rate_control: spec.preset.video.rate_control,
            x264_parameters: spec.preset.video.x264_parameters.clone(),
            x265_parameters: spec.preset.video.x265_parameters.clone(),
            hdr: video.colour.hdr.clone(),
            loudness_target: asked.loudness,
            loudness: BTreeMap::new(),
            audio,
            subtitles,
            duration,
        };
        plan.check_hdr_operations()?;
        match asked.target_size_bytes {
            Some(bytes) => plan.fit_into(bytes),
            None => Ok(plan),
        }
    }

    /// Images and fades are made for standard range.
    fn check_hdr_operations(&self) -> Result<(), PlanError> {
        let fades = self.operations.fade != PlannedFade::default();
        let keeps_hdr = self.renditions.iter().any(|rendition| rendition.range != DynamicRange::Sdr);
        if keeps_hdr && (fades || self.operations.watermark.is_some()) {
            return Err(PlanError::NotPossible {
                what: "A watermark or a fade can't be put on a picture that keeps its high dynamic range".to_owned(),
                hint: "Leave them out, or let HDR be converted".to_owned(),
            });
        }
        Ok(())
    }

    /// The same with software in place of hardware encoders, and a warning of it; `None` when there are none.
    pub fn in_software(&self) -> Option<Self> {
        let mut plan = self.clone();
        let failed: BTreeSet<&str> = plan
            .renditions
            .iter_mut()
            .filter_map(|rendition| rendition.hardware.take().map(HardwareFamily::label))
            .collect();
        if failed.is_empty() {
            return None;
        }
        let names = failed.into_iter().collect::<Vec<_>>().join(" and ");
        plan.warnings.push(format!("{names} failed: the video was encoded in software"));
        Some(plan)
    }

    /// Whether the bits are spread by a run that comes before the encode.
    pub fn has_first_pass(&self) -> bool {
        self.rate_control == RateControl::TwoPass
    }

    /// How renditions of a dynamic range are labelled.
    pub fn label(&self, range: DynamicRange) -> ColourLabel {
        ColourLabel::of_hdr(range).unwrap_or(self.conversion.label)
    }

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
            frame_rate: self.timing.frame_rate,
            duration: self.duration,
            segments: self
                .duration
                .map(|duration| self.timing.frame_rate.frames_in(duration).div_ceil(self.timing.segment_frames)),
            warnings: self.warnings.clone(),
        }
    }
}

/// MP4 and MOV tell the length of each track exactly; other containers round it, or tell that of the longest track. A
/// picture that starts late is preceded by its first frame.
fn most_frames(
    source: &SourceMedia,
    video: &VideoStream,
    (frame_rate, trim): (FrameRate, Option<PlannedTrim>),
) -> Option<u64> {
    let duration = video.duration.filter(|_| source.container.split(',').any(|name| name == "mp4"))?;
    let start = Duration::try_from_secs_f64(video.start_time_seconds.unwrap_or(0.0)).unwrap_or_default();
    let frames = frame_rate.frames_in(duration + start);
    Some(trim.map_or(frames, |trim| {
        frames.saturating_sub(trim.first_frame(frame_rate)).min(trim.frames.unwrap_or(u64::MAX))
    }))
}

fn warnings(
    video: &VideoStream,
    conversion: &PictureConversion,
    renditions: &[VideoRendition],
    rate_control: RateControl,
) -> Vec<String> {
    let mut warnings = Vec::new();
    let hardware: BTreeSet<HardwareFamily> = renditions.iter().filter_map(|rendition| rendition.hardware).collect();
    for family in hardware.into_iter().filter(|family| !family.has_capped_quality()) {
        if rate_control.crf().is_some() {
            warnings.push(format!("{} knows no CRF with a cap: the bit rates of the rungs are used", family.label()));
        }
    }
    if video.colour.hdr.as_ref().is_some_and(|hdr| hdr.dolby_vision) {
        warnings.push("Dolby Vision: the base layer is used".to_owned());
    }
    if conversion.tone_map && renditions.iter().all(|rendition| rendition.range == DynamicRange::Sdr) {
        warnings.push("HDR was converted to standard dynamic range".to_owned());
    }
    warnings
}

/// What a job will make, for people to see.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanSummary {
    /// The folder of the stream.
    pub folder: PathBuf,
    /// Video renditions, codec by codec from the largest to the smallest, then sound.
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
mod tests;
