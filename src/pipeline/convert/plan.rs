//! What becomes of each stream of a source in a file: pure data, made by a pure function.

use std::{path::PathBuf, time::Duration};

use super::{
    beside::PlannedCover,
    container,
    joined::{self, CopiedPart},
    language,
    request::Request,
    sound::PlannedSound,
};
use crate::{
    job::{Conversion, FileFormat, FileVideoCodec, JobSpec, Trim},
    media::{FrameRate, PictureSize, SourceMedia, SubtitleStream, VideoStream},
    pipeline::plan::{EncodePlan, Findings, PlanError, PlanSummary, RenditionSummary, cut_off},
    preset::BitRate,
};

/// The most of a size that was asked for that goes to the sound.
const MOST_FOR_SOUND: f64 = 0.25;
/// With this many times the bit rate that a rung of the size has, nobody sees a difference any more.
const MOST_TIMES_USUAL: f64 = 4.0;

/// What is made of a source.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ConvertPlan {
    /// The file to read.
    pub(super) source: PathBuf,
    /// The container that is written.
    pub(super) format: FileFormat,
    /// The picture, if there is one.
    pub(super) picture: Option<PlannedPicture>,
    /// The tracks of sound.
    pub(super) sound: Vec<PlannedSound>,
    /// The subtitles.
    pub(super) subtitles: Vec<PlannedSubtitles>,
    /// Cover art, which is copied.
    pub(super) cover: Option<PlannedCover>,
    /// Whether attached files are copied.
    pub(super) keeps_attachments: bool,
    /// Number of files that the source has attached.
    pub(super) attachments: usize,
    /// What is written as the language of a track, by ffmpeg's specifier of the track.
    pub(super) languages: Vec<(String, String)>,
    /// Whether the source ends within a fragment: what is copied of the picture and of the sound is read apart.
    pub(super) is_cut_off: bool,
    /// What becomes of chapters.
    pub(super) chapters: PlannedChapters,
    /// How what is encoded is encoded.
    pub(super) encode: Option<EncodePlan>,
    /// The sources of a copied picture, if there are several.
    pub(super) copied_parts: Vec<CopiedPart>,
    /// The part that is copied, if not all.
    pub(super) trim: Trim,
    /// By how much earlier than the part that is copied the source is opened, so that its keyframe is not missed.
    pub(super) lead: Duration,
    /// By how much the clock of the source goes back, where ffmpeg would not notice it.
    pub(super) clock_goes_back: Option<Duration>,
    /// How many pictures are copied, if not all.
    pub(super) frames: Option<u64>,
    /// Expected length.
    pub(super) duration: Option<Duration>,
    /// What the user should know.
    pub(super) warnings: Vec<String>,
}

/// What becomes of a picture.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum PlannedPicture {
    /// It is copied as it is.
    Copied(Box<VideoStream>),
    /// It is encoded as the first rendition of the encode's plan.
    Encoded(FileVideoCodec),
}

/// What becomes of the chapters of the source.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum PlannedChapters {
    /// They stay where they are.
    AsTheyAre,
    /// Those of the part that is made, by the file in which they stand once it is known where that begins.
    OfPart(Option<PathBuf>),
    /// There are none.
    None,
}

impl PlannedChapters {
    fn of(spec: &JobSpec) -> Self {
        match spec.operations.trim == Trim::default() {
            _ if !spec.joined.is_empty() => Self::None,
            true => Self::AsTheyAre,
            false => Self::OfPart(None),
        }
    }
}

/// What becomes of a track of subtitles.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PlannedSubtitles {
    /// The track.
    pub(super) track: SubtitleStream,
    /// Whether it is copied as it is: else its text is written in the container's own form.
    pub(super) is_copied: bool,
    /// Whether that text is one of many that a styled form has beside it, which are left out first.
    pub(super) is_styled: bool,
    /// Whether only a part of the source is wanted, and so what is said in it.
    pub(super) is_part: bool,
    /// The file with what is left then.
    pub(super) file: Option<PathBuf>,
}

impl PlannedSubtitles {
    /// Whether they pass through a file.
    pub(super) fn passes(&self) -> bool {
        self.is_styled || self.is_part
    }
}

impl ConvertPlan {
    /// Resolves what was asked against what the source is.
    ///
    /// # Errors
    /// When the container holds nothing of the source, or what was asked does not fit it.
    pub(super) fn resolve(
        spec: &JobSpec,
        conversion: &Conversion,
        source: &SourceMedia,
        findings: &Findings,
    ) -> Result<Self, PlanError> {
        let request = Request { spec, conversion, source, findings };
        let format = conversion.format;
        let mut warnings = Vec::new();
        request.check_picture_is_held()?;
        request.check_size_can_be_chosen()?;
        let copied_picture = request.picture_to_copy()?;
        let has_picture = format.has_picture() && source.main_video().is_some();
        let tracks = request.tracks(&mut warnings)?;
        if !has_picture && tracks.is_empty() {
            return Err(request.holds_nothing());
        }
        let encodes_picture = has_picture && copied_picture.is_none();
        let encodes_sound = tracks.iter().any(|track| !request.can_copy_sound(track));
        let mut encode = None;
        if encodes_picture || encodes_sound {
            let mut plan = request.encode_plan(encodes_picture, findings)?;
            warnings.append(&mut plan.warnings);
            encode = Some(plan);
        }
        let mut planned = |track| request.planned_sound(track, encode.as_mut(), &mut warnings);
        let sound = tracks.into_iter().map(&mut planned).collect::<Result<Vec<PlannedSound>, PlanError>>()?;
        if let Some(bytes) = spec.operations.target_size_bytes
            && let Some(plan) = encode.take()
        {
            encode = Some(fit_into(plan, bytes, encodes_picture)?);
        }
        let picture = if !has_picture {
            None
        } else if let Some(video) = copied_picture {
            Some(PlannedPicture::Copied(Box::new(video.clone())))
        } else {
            Some(PlannedPicture::Encoded(request.picture_codec()?))
        };
        let subtitles = request.subtitles(&mut warnings);
        let plan = Self {
            source: spec.source.clone(),
            format,
            picture,
            sound,
            subtitles,
            cover: request.cover(&mut warnings),
            keeps_attachments: request.keeps_attachments(&mut warnings),
            attachments: source.attachments,
            languages: Vec::new(),
            is_cut_off: false,
            chapters: PlannedChapters::of(spec),
            duration: encode.as_ref().map_or(source.duration, |plan| plan.duration),
            encode,
            copied_parts: copied_picture.map(|_| joined::parts(findings)).unwrap_or_default(),
            trim: spec.operations.trim,
            lead: Duration::ZERO,
            clock_goes_back: source.clock_goes_back,
            frames: None,
            warnings,
        };
        Ok(plan.completed(source))
    }

    /// The same, with what is written of the languages of its tracks, and with what is to be said of a file that is cut off.
    fn completed(mut self, source: &SourceMedia) -> Self {
        self.is_cut_off = source.missing_bytes > 0;
        if self.encode.is_none() {
            self.warnings.extend(cut_off(source));
        }
        let untold = self.tell_languages();
        self.warnings.extend(untold);
        self
    }

    /// Resolves what is written of the languages of the tracks; gives what can't be, in words.
    fn tell_languages(&mut self) -> Vec<String> {
        self.languages.clear();
        let mut untold = Vec::new();
        for (track, told, is_copied) in language::told(self) {
            match language::word(self.format, &told, is_copied) {
                Ok(word) => self.languages.extend(word.map(|word| (track, word))),
                Err(warning) => untold.push(warning),
            }
        }
        untold
    }

    /// Leaves out tracks of subtitles that say nothing in the part that is wanted.
    pub(super) fn leave_out_silent_subtitles(&mut self) {
        let before = self.subtitles.len();
        self.subtitles.retain(|planned| !planned.is_part || planned.file.is_some());
        if self.subtitles.len() < before {
            // The others have other places now; what can't be told of them was said before.
            self.tell_languages();
        }
    }

    /// Whether anything is copied.
    pub(super) fn copies(&self) -> bool {
        matches!(self.picture, Some(PlannedPicture::Copied(_))) || self.sound.iter().any(PlannedSound::is_copied)
    }

    /// The rendition of the picture, if it is encoded.
    pub(super) fn encoded_picture(&self) -> Option<(&EncodePlan, FileVideoCodec)> {
        match self.picture {
            Some(PlannedPicture::Encoded(codec)) => Some((self.encode.as_ref()?, codec)),
            _ => None,
        }
    }

    /// Whether the bits are spread by a run that comes before the encode.
    pub(super) fn has_first_pass(&self) -> bool {
        self.encoded_picture().is_some_and(|(plan, codec)| codec == FileVideoCodec::Gif || plan.has_first_pass())
    }

    /// Frames a second of the picture, where it is known.
    pub(super) fn frame_rate(&self) -> Option<FrameRate> {
        match &self.picture {
            Some(PlannedPicture::Copied(video)) => video.average_frame_rate,
            Some(PlannedPicture::Encoded(_)) => Some(self.encode.as_ref()?.timing.frame_rate),
            None => None,
        }
    }

    /// The size of the picture as it is seen.
    pub(super) fn size(&self) -> Option<PictureSize> {
        match &self.picture {
            Some(PlannedPicture::Copied(video)) => Some(video.display_size()),
            Some(PlannedPicture::Encoded(_)) => Some(self.encode.as_ref()?.renditions.first()?.size),
            None => None,
        }
    }

    /// The plan in the words of people.
    pub(super) fn summary(&self, folder: PathBuf) -> PlanSummary {
        let mut renditions = Vec::new();
        if let Some(picture) = &self.picture {
            let (codec, target) = match picture {
                PlannedPicture::Copied(video) => (format!("{}, copied", video.codec), video.bitrate_bps.unwrap_or(0)),
                PlannedPicture::Encoded(codec) => {
                    let rendition = self.encode.as_ref().and_then(|plan| plan.renditions.first());
                    let bits = rendition.map_or(0, |rendition| rendition.bitrate.bits_per_second());
                    (container::picture_names(*codec).0.to_owned(), bits)
                }
            };
            let target = BitRate::from_bits(target);
            renditions.push(RenditionSummary { name: "picture".to_owned(), codec, size: self.size(), target });
        }
        renditions.extend(self.sound.iter().map(|track| track.summary(self.encode.as_ref())));
        PlanSummary {
            folder,
            renditions,
            subtitles: Vec::new(),
            frame_rate: self.frame_rate().unwrap_or(FrameRate::FALLBACK),
            duration: self.duration,
            segments: None,
            goes_on_at: None,
            warnings: self.warnings.clone(),
        }
    }
}

/// Chooses bit rates so that the file has this size, or a smaller one where more bits would not be seen.
fn fit_into(mut plan: EncodePlan, bytes: u64, encodes_picture: bool) -> Result<EncodePlan, PlanError> {
    super::sound::fit_into(&mut plan, bytes, if encodes_picture { MOST_FOR_SOUND } else { 1.0 })?;
    if !encodes_picture {
        return Ok(plan);
    }
    let usual =
        |plan: &EncodePlan| plan.renditions.first().map_or(0.0, |picture| picture.bitrate.bits_per_second() as f64);
    let most = usual(&plan) * MOST_TIMES_USUAL;
    let mut plan = plan.fit_into(bytes)?;
    let rate_control = plan.rate_control;
    if usual(&plan) > most
        && let Some(picture) = plan.renditions.first_mut()
    {
        picture.set_bitrate(most, rate_control);
    }
    Ok(plan)
}
