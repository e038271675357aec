//! What will be made of a source: pure data, made by a pure function. Nothing here touches a file or a process.

mod colour;
mod operations;
mod pictures;
mod renditions;
mod timing;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

use serde::{Deserialize, Serialize};

pub use colour::{ColourLabel, PictureConversion};
pub use operations::{PlannedCrop, PlannedFade, PlannedOperations, PlannedTrim, PlannedWatermark};
pub use pictures::{PicturePlan, PlannedPicture};
pub use renditions::VideoRendition;
pub use timing::Timing;

use crate::{
    failure::{Failure, FailureKind},
    job::{CropArea, Deinterlace, JobSpec, LoudnessTarget},
    media::{AudioStream, DynamicRange, FrameRate, HdrMetadata, PictureSize, SourceMedia, VideoStream},
    preset::{BitRate, EncoderSpeed, HardwareFamily, RateControl, VideoCodec},
};

/// Name and folder of the sound rendition.
pub const AUDIO_RENDITION: &str = "audio";
/// Part of a target size that is left for what is not media: headers of segments, playlists, pictures.
const TARGET_SIZE_RESERVE: f64 = 0.03;
/// What the headers of its many small packets add to sound.
const SOUND_HEADERS: f64 = 0.06;
/// Samples in a packet of AAC-LC.
pub const AAC_FRAME_SAMPLES: u32 = 1024;

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
    /// How each stream of sound gets there, by its index; measured after the plan is made.
    pub loudness: BTreeMap<usize, LoudnessCorrection>,
    /// The sound, if the source has some.
    pub audio: Option<AudioRendition>,
    /// Poster and thumbnails.
    pub pictures: PicturePlan,
    /// Expected length.
    pub duration: Option<Duration>,
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

/// The sound rendition: AAC-LC stereo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioRendition {
    /// Index of the stream in the file.
    pub stream: usize,
    /// Average bit rate.
    pub bitrate: BitRate,
    /// Samples a second, which is also the track's time scale.
    pub sample_rate_hz: u32,
    /// BCP 47 tag, `und` when the source does not say.
    pub language: String,
    /// Name for people.
    pub name: String,
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
            Deinterlace::Always => true,
            Deinterlace::Never => false,
        };
        let timing = Timing::for_rate(timing::output_frame_rate(video));
        let source_duration = source.picture_duration().filter(|duration| !duration.is_zero());
        let operations::Trimmed { trim, duration } =
            operations::trim(asked, (&source.container, source_duration), timing.frame_rate)?;
        let crop = operations::crop(asked, display_size, findings)?;
        let size = operations::size_after(display_size, crop.as_ref(), asked.rotate);
        let range = video.colour.dynamic_range();
        let renditions = renditions::video_renditions(&spec.preset, size, range, findings)?;
        let operations = PlannedOperations {
            trim,
            crop,
            rotate: asked.rotate,
            flip: asked.flip,
            denoise: asked.denoise,
            sharpen: asked.sharpen,
            watermark: operations::watermark(asked, renditions[0].size)?,
            fade: operations::fade(asked, duration)?,
        };
        let plan = Self {
            source: spec.source.clone(),
            video_stream: video.index,
            pictures: PicturePlan::new(&spec.thumbnails, duration, timing.frame_rate),
            timing,
            warnings: warnings(video, &conversion, &renditions, spec.preset.video.rate_control),
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
            audio: source.main_audio().map(|audio| audio_rendition(audio, spec.preset.audio_bitrate)),
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

    /// Chooses bit rates so that all renditions and the sound together have this size.
    fn fit_into(mut self, bytes: u64) -> Result<Self, PlanError> {
        let Some(seconds) = self.duration.map(|duration| duration.as_secs_f64()) else {
            return Err(PlanError::NotPossible {
                what: "The source does not say how long it is, so its size can't be chosen".to_owned(),
                hint: "Choose bit rates or a CRF instead".to_owned(),
            });
        };
        let has_two_passes = self.renditions.iter().all(|rendition| {
            rendition.hardware.is_none() && matches!(rendition.codec, VideoCodec::H264 | VideoCodec::Vp9)
        });
        self.rate_control = match self.rate_control {
            RateControl::ConstantBitrate => RateControl::ConstantBitrate,
            _ if has_two_passes => RateControl::TwoPass,
            _ => RateControl::AverageBitrate,
        };
        let sound_bps: u64 = self.audio.iter().map(|audio| audio.bitrate.bits_per_second()).sum();
        let sound_bits = sound_bps as f64 * (1.0 + SOUND_HEADERS) * seconds;
        let bits = bytes as f64 * 8.0 * (1.0 - TARGET_SIZE_RESERVE) - sound_bits;
        renditions::fit_bits(&mut self.renditions, (bits, seconds), self.rate_control).map_err(|least_bits| {
            let least = ((least_bits + sound_bits) / 8.0 / (1.0 - TARGET_SIZE_RESERVE)).ceil();
            PlanError::NotPossible {
                what: format!(
                    "{} are too few for {} of this ladder",
                    crate::format::bytes(bytes),
                    crate::format::clock(Duration::from_secs_f64(seconds))
                ),
                hint: format!("Give at least {}, or a preset of fewer rungs", crate::format::bytes(least as u64)),
            }
        })?;
        Ok(self)
    }

    /// Replaces hardware encoders with software, and warns of it; false when there are none.
    pub fn turn_to_software(&mut self) -> bool {
        let mut failed = BTreeSet::new();
        for rendition in &mut self.renditions {
            failed.extend(rendition.hardware.take().map(HardwareFamily::label));
        }
        if failed.is_empty() {
            return false;
        }
        let names = failed.into_iter().collect::<Vec<_>>().join(" and ");
        self.warnings.push(format!("{names} failed: the video was encoded in software"));
        true
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
            name: AUDIO_RENDITION.to_owned(),
            codec: "AAC".to_owned(),
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

fn audio_rendition(audio: &AudioStream, bitrate: BitRate) -> AudioRendition {
    let language = audio.language.as_deref().map_or_else(|| "und".to_owned(), shortest_language_tag);
    AudioRendition {
        stream: audio.index,
        bitrate,
        // Everything else is resampled to 48 kHz (Apple HLS Authoring Specification 2.9).
        sample_rate_hz: if audio.sample_rate_hz == Some(44_100) { 44_100 } else { 48_000 },
        name: audio.title.clone().filter(|title| !title.trim().is_empty()).unwrap_or_else(|| "Sound".to_owned()),
        language,
    }
}

/// BCP 47 wants the two-letter code where there is one (RFC 5646, 2.2.1); containers mostly carry three letters.
fn shortest_language_tag(tag: &str) -> String {
    isolang::Language::from_639_3(tag)
        .or_else(|| bibliographic(tag).and_then(isolang::Language::from_639_1))
        .and_then(|language| language.to_639_1().map(str::to_owned))
        .unwrap_or_else(|| {
            let is_plain = !tag.is_empty() && tag.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
            if is_plain { tag.to_owned() } else { "und".to_owned() }
        })
}

/// The ISO 639-2/B codes that differ from ISO 639-3.
fn bibliographic(tag: &str) -> Option<&'static str> {
    const CODES: [(&str, &str); 20] = [
        ("alb", "sq"),
        ("arm", "hy"),
        ("baq", "eu"),
        ("bur", "my"),
        ("chi", "zh"),
        ("cze", "cs"),
        ("dut", "nl"),
        ("fre", "fr"),
        ("geo", "ka"),
        ("ger", "de"),
        ("gre", "el"),
        ("ice", "is"),
        ("mac", "mk"),
        ("mao", "mi"),
        ("may", "ms"),
        ("per", "fa"),
        ("rum", "ro"),
        ("slo", "sk"),
        ("tib", "bo"),
        ("wel", "cy"),
    ];
    CODES.iter().find(|(code, _)| *code == tag).map(|(_, short)| *short)
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
