//! What will be made of a source: pure data, made by a pure function. Nothing here touches a file or a process.

mod audio;
mod burn_in;
mod colour;
mod join;
mod language;
mod one_format;
mod operations;
mod pictures;
mod renditions;
mod sound_alone;
mod span;
mod storyboard;
mod subtitles;
mod summary;
mod target_size;
mod timing;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

pub use audio::{AudioCodec, AudioLayout, AudioRendition};
pub use burn_in::{DrawnColours, PlannedBurnIn, burn_in, is_chosen};
pub use colour::{AlphaConversion, AssumedColours, ColourCodePoints, ColourLabel, PictureConversion};
pub use join::{JOINED_RATE_HZ, JoinPlan, JoinedPart, JoinedPicture, PartPicture, join};
pub use language::{UNDETERMINED, language_name, language_tag};
pub use one_format::{HeaderChange, OneFormat, PictureFormat, PictureHeaders};
pub use operations::{PlannedCrop, PlannedFade, PlannedOperations, PlannedTrim, PlannedWatermark, nothing_after};
pub use pictures::{PicturePlan, PlannedPicture};
pub use renditions::VideoRendition;
pub use span::PlannedSpan;
pub use storyboard::StoryboardPlan;
pub use subtitles::{SubtitleOrigin, SubtitleRendition};
pub use summary::{PlanSummary, RenditionSummary};
pub use timing::Timing;
pub(in crate::pipeline) use timing::chapters_from;

use super::layout::StreamFiles;
use crate::{
    failure::{Failure, FailureKind},
    job::{CropArea, JobKind, JobSpec, LoudnessTarget, RgbColour},
    media::{Chapter, DynamicRange, FrameRate, HdrMetadata, PictureSize, SourceMedia, VideoStream},
    preset::{EncoderSpeed, HardwareFamily, RateControl},
};

/// What was resolved from a [`JobSpec`] and a [`SourceMedia`]; holds all that the later stages need.
#[derive(Debug, Clone, PartialEq)]
pub struct EncodePlan {
    /// The file to read.
    pub source: PathBuf,
    /// Demuxer to open it with, where ffmpeg must not choose.
    pub demuxer: Option<String>,
    /// The sources that are one after the other, if there are several.
    pub join: Option<JoinPlan>,
    /// Index of the picture's stream in the file; `None` for a source of sound alone.
    pub video_stream: Option<usize>,
    /// Frame rate, GOPs, segments.
    pub timing: Timing,
    /// How it is kept in one format where the source changes its own.
    pub format: OneFormat,
    /// What happens to each picture before it is scaled.
    pub conversion: PictureConversion,
    /// How long the last picture stays, for sound that goes on after it.
    pub hold_last_picture: Option<Duration>,
    /// Trim, crop and so on.
    pub operations: PlannedOperations,
    /// Video renditions, codec by codec, each from the largest to the smallest; empty for a source of sound alone.
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
    /// The chapters of the source.
    pub chapters: Vec<Chapter>,
    /// Poster and thumbnails; for a source of sound alone, the picture of its waveform.
    pub pictures: PicturePlan,
    /// Small pictures for the seek bar, if they are asked for.
    pub storyboard: Option<StoryboardPlan>,
    /// Where each file of the stream lies.
    pub files: StreamFiles,
    /// Expected length.
    pub duration: Option<Duration>,
    /// The most frames that the source gives, where its container tells its length exactly.
    pub most_frames: Option<u64>,
    /// Any place of the source can be found by its time.
    pub can_be_sought: bool,
    /// The source ends within a fragment.
    pub is_cut_off: bool,
    /// The part that is left to do; `None` for all.
    pub span: Option<PlannedSpan>,
    /// Its segments are encrypted as they are written.
    pub is_encrypted: bool,
    /// Why software encodes where hardware was wished for.
    pub why_software: Option<String>,
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
    /// How several sources become the one that is planned for.
    pub join: Option<JoinPlan>,
    /// The id of the stream of pictures in all of them, if these can follow each other as they are.
    pub alike_picture: Option<String>,
    /// Why streams can't be copied that change their format midway, by index, if that was looked for.
    pub changing_streams: BTreeMap<usize, String>,
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
            Self::Nothing(_) => "Choose a file with pictures or sound",
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
        let mut warnings = first_warnings(source, findings);
        audio::check_outputs(spec)?;
        let audio = audio::renditions(source, &spec.preset, &mut warnings);
        warnings.extend(audio::left_out_of_transport_stream(spec, &audio));
        let subtitles = subtitles::renditions(source, spec.operations.burn_in.as_ref(), &mut warnings);
        let Some(video) = source.main_video() else {
            return Self::of_sound(spec, source, (audio, subtitles), (findings, warnings));
        };
        let conversion = picture_conversion(spec, video, findings)?;
        warn_of_hold(source, &mut warnings);
        warnings.extend(audio::left_out_at_the_end(spec, source, &audio));
        let asked = &spec.operations;
        let highest = timing::highest_frame_rate(&spec.kind);
        let timing = Timing::new(timing::output_frame_rate(video, &conversion, highest), spec.preset.keyframes);
        let (picture_duration, hold_last_picture) = timing::picture_and_hold(source, asked, timing.frame_rate);
        let source_duration = picture_duration.map(|duration| duration + hold_last_picture.unwrap_or_default());
        let operations::Trimmed { trim, duration } =
            operations::trim(asked, (&source.container, source_duration), timing.frame_rate)?;
        let crop = operations::crop(asked, video.display_size(), findings)?;
        let size = operations::size_after(video.display_size(), crop.as_ref(), asked);
        let renditions = streamable_renditions(spec, (size, video), findings, &mut warnings)?;
        let mut operations = PlannedOperations::resolve(asked, (trim, crop), renditions[0].size, duration)?;
        operations.burn_in = burn_in(spec, source, (video, &conversion))?;
        warn_of_picture(video, &conversion, (&renditions, spec.preset.video.rate_control), &mut warnings);
        // A held picture is worth no thumbnail of its own.
        let pictured = if operations.trim.is_some() { duration } else { picture_duration };
        let pictures = PicturePlan::within(&spec.thumbnails, (pictured, timing.frame_rate), &mut warnings)?;
        let plan = Self {
            most_frames: most_frames(source, video, timing.frame_rate, (hold_last_picture, operations.trim)),
            chapters: timing::chapters_from(&source.chapters, operations.start(timing.frame_rate), duration),
            source: spec.source.clone(),
            demuxer: source.demuxer().map(str::to_owned),
            join: findings.join.clone(),
            video_stream: Some(video.index),
            format: OneFormat::of(source, video),
            pictures,
            storyboard: StoryboardPlan::asked_for(spec, renditions[0].size, (timing.frame_rate, duration)),
            timing,
            warnings,
            conversion,
            hold_last_picture,
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
            files: StreamFiles::default(),
            duration,
            // What is on the screen in the middle was told of before it.
            can_be_sought: span::can_be_sought(&source.container) && asked.burn_in.is_none(),
            is_cut_off: source.missing_bytes > 0,
            span: None,
            is_encrypted: spec.outputs.encryption.is_some(),
            why_software: None,
        };
        plan.within_what_is_possible(asked.target_size_bytes)
    }

    /// Refuses what can't be done with the picture, and fits it all into a size where one is asked for.
    fn within_what_is_possible(self, target_size_bytes: Option<u64>) -> Result<Self, PlanError> {
        self.check_hdr_operations()?;
        match target_size_bytes {
            Some(bytes) => self.fit_into(bytes),
            None => Ok(self),
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

    /// The most frames that the source gives if its last picture ends then.
    pub fn most_frames_until(&self, picture_end: Duration) -> Option<u64> {
        if self.operations.trim.is_some() {
            return self.most_frames;
        }
        let end = picture_end + self.hold_last_picture.unwrap_or_default();
        self.most_frames.map(|told| told.max(self.timing.frame_rate.frames_in(end)))
    }

    /// Whether players that do not know Opus hear nothing in stereo.
    pub fn has_opus_alone(&self) -> bool {
        self.audio.first().is_some_and(|first| first.codec == AudioCodec::Opus)
    }

    /// Whether the bits are spread by a run that comes before the encode.
    pub fn has_first_pass(&self) -> bool {
        self.rate_control == RateControl::TwoPass && !self.renditions.is_empty()
    }

    /// How renditions of a dynamic range are labelled.
    pub fn label(&self, range: DynamicRange) -> ColourLabel {
        ColourLabel::of_hdr(range).unwrap_or(self.conversion.label)
    }
}

/// The renditions of a picture that is seen at `size`; none of a stream is larger than what players decode.
fn streamable_renditions(
    spec: &JobSpec,
    (size, video): (PictureSize, &VideoStream),
    findings: &Findings,
    warnings: &mut Vec<String>,
) -> Result<Vec<VideoRendition>, PlanError> {
    let of_size = |size| renditions::video_renditions(&spec.preset, size, video.colour.dynamic_range(), findings);
    let all = of_size(size)?;
    let largest = all.first().filter(|_| spec.kind == JobKind::Stream).map(|rendition| rendition.size);
    let Some(limited) = largest.and_then(renditions::largest_streamed) else { return Ok(all) };
    warnings.push(format!("The picture of {size} is made smaller: players decode streams up to 4096×2160"));
    of_size(limited)
}

/// What the picture needs, if it can be had.
fn picture_conversion(
    spec: &JobSpec,
    video: &VideoStream,
    findings: &Findings,
) -> Result<PictureConversion, PlanError> {
    if video.coded_size.pixels() == 0 || video.display_size().short_side() < 2 {
        return Err(PlanError::UnreadablePicture(spec.source_name()));
    }
    let mut conversion = PictureConversion::for_stream(video, spec.preset.interlaced, spec.operations.background);
    if conversion.tone_map && !findings.can_tone_map {
        return Err(PlanError::CannotToneMap(spec.source_name()));
    }
    let has_colour = spec.operations.background.is_some_and(|colour| colour != RgbColour::BLACK);
    if conversion.alpha.is_some() && has_colour && video.colour.dynamic_range() != DynamicRange::Sdr {
        return Err(PlanError::NotPossible {
            what: "A background colour can't be laid under a picture of high dynamic range".to_owned(),
            hint: "Leave the background out: transparent parts become black".to_owned(),
        });
    }
    conversion.wish(spec.operations.deinterlace);
    Ok(conversion)
}

/// MP4 and MOV tell the length of each track exactly; other containers round it, or tell that of the longest track. A
/// picture that starts late is preceded by its first frame.
fn most_frames(
    source: &SourceMedia,
    video: &VideoStream,
    frame_rate: FrameRate,
    (hold_last_picture, trim): (Option<Duration>, Option<PlannedTrim>),
) -> Option<u64> {
    let duration = video.duration.filter(|_| source.container.split(',').any(|name| name == "mp4"))?;
    let start = Duration::try_from_secs_f64(video.start_time_seconds.unwrap_or(0.0)).unwrap_or_default();
    let frames = frame_rate.frames_in(duration + start + hold_last_picture.unwrap_or_default());
    Some(trim.map_or(frames, |trim| {
        frames.saturating_sub(trim.first_frame(frame_rate)).min(trim.frames.unwrap_or(u64::MAX))
    }))
}

/// What is to be said before anything is planned.
fn first_warnings(source: &SourceMedia, findings: &Findings) -> Vec<String> {
    let of_join = findings.join.as_ref().map(|join| join.warnings.clone()).unwrap_or_default();
    of_join.into_iter().chain(cut_off(source)).collect()
}

/// What is to be said of a file that ends within a fragment.
pub fn cut_off(source: &SourceMedia) -> Option<String> {
    let missing = crate::format::bytes(Some(source.missing_bytes).filter(|missing| *missing > 0)?);
    Some(format!("The file is cut off: {missing} of its last part are missing, and all that came behind it"))
}

fn warn_of_hold(source: &SourceMedia, warnings: &mut Vec<String>) {
    if let Some(time) = timing::time_after_picture(source) {
        let time = crate::format::clock(time);
        warnings.push(format!("The sound is longer than the picture: the last frame is held for {time}"));
    }
}

fn warn_of_picture(
    video: &VideoStream,
    conversion: &PictureConversion,
    (renditions, rate_control): (&[VideoRendition], RateControl),
    warnings: &mut Vec<String>,
) {
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
}

#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod tests;
