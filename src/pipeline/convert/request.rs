//! What is asked of a source: which of its streams are copied and why not, and how the others are encoded.

use std::time::Duration;

use super::{beside::PlannedCover, container, plan::PlannedSubtitles};
use crate::{
    job::{
        Conversion, Deinterlace, FileFormat, FileVideoCodec, JobSpec, Operations, Outputs, StreamTreatment,
        ThumbnailTimes, Trim, VideoRate,
    },
    media::{SourceMedia, VideoStream},
    pipeline::plan::{EncodePlan, Findings, PicturePlan, PlanError, burn_in, is_chosen},
    preset::{
        BitRate, Crf, EncoderChoice, HdrTreatment, InterlacedOutput, LadderChoice, Preset, RateControl, Rung,
        StereoCodecs, VideoCodec, VideoSettings,
    },
};

/// Looks like the source at a normal distance; a little better than the rungs of a stream, as nothing follows that would
/// scale it up.
const DEFAULT_QUALITY: u8 = 20;
/// GIF has no prediction between frames worth its name: pictures are small unless they are asked for larger.
const GIF_SHORT_SIDE: u32 = 360;
/// For the rung that only limits the size: with a constant quality, its bit rate is not used.
const UNUSED_BITRATE: BitRate = BitRate::from_kilobits(1000);

/// What is asked, and of what.
pub(super) struct Request<'a> {
    pub(super) spec: &'a JobSpec,
    pub(super) conversion: &'a Conversion,
    pub(super) source: &'a SourceMedia,
    /// What was found out apart from the facts of the source.
    pub(super) findings: &'a Findings,
}

impl<'a> Request<'a> {
    /// The picture, if it is copied.
    pub(super) fn picture_to_copy(&self) -> Result<Option<&'a VideoStream>, PlanError> {
        let Some(video) = self.source.main_video().filter(|_| self.conversion.format.has_picture()) else {
            return Ok(None);
        };
        let reason = self.why_encode_picture(video);
        match (self.conversion.streams, reason) {
            (_, None) => Ok(Some(video)),
            (StreamTreatment::Copy, Some(reason)) => Err(cannot_copy("picture", &reason)),
            (_, Some(_)) => Ok(None),
        }
    }

    /// Why the picture can't stay as it is.
    fn why_encode_picture(&self, video: &VideoStream) -> Option<String> {
        let (format, operations) = (self.conversion.format, &self.spec.operations);
        let is_lying = video.rotation_degrees != 0 && !container::is_iso_media(format);
        let is_other =
            self.conversion.video_codec.is_some_and(|codec| container::picture_names(codec).1 != video.codec);
        let short_side = video.display_size().short_side();
        if !container::holds_picture(format, &video.codec) {
            return Some(format!("{} does not hold {} as it is", format.label(), video.codec));
        }
        if is_lying {
            return Some(format!("{} does not tell players to turn it, as MP4 and MOV do", format.label()));
        }
        let over_colour = operations.background.filter(|_| video.has_alpha());
        let over_colour = over_colour.map(|_| "it is to be laid over a colour".to_owned());
        let joined = (!self.spec.joined.is_empty() && self.findings.alike_picture.is_none())
            .then(|| "the joined sources differ, or do not follow each other without a gap".to_owned());
        let changes = self.findings.changing_streams.get(&video.index).cloned();
        let asked = joined
            .or(changes)
            .or_else(|| self.why_encode(operations))
            .or_else(|| changes_picture(operations))
            .or(over_colour)
            .or_else(|| becomes_frames(self.spec, video));
        asked.or_else(|| {
            let is_changed = is_other
                || self.conversion.video_rate.is_some()
                || self.conversion.short_side.is_some_and(|limit| limit < short_side);
            is_changed.then(|| "a codec, rate or size was asked for".to_owned())
        })
    }

    /// Why nothing is copied.
    pub(super) fn why_encode(&self, operations: &Operations) -> Option<String> {
        let copies = self.conversion.streams == StreamTreatment::Copy;
        if self.conversion.streams == StreamTreatment::Encode {
            Some("it is to be encoded".to_owned())
        } else if self.source.is_still() {
            Some("it is a still picture".to_owned())
        } else if self.source.demuxer().is_some() {
            Some("its pictures tell no time".to_owned())
        } else if operations.trim != Trim::default() && !copies {
            Some("a trim to the frame was asked for".to_owned())
        } else if operations.target_size_bytes.is_some_and(|bytes| bytes < self.source.size_bytes) {
            Some("a size was asked for".to_owned())
        } else {
            None
        }
    }

    pub(super) fn picture_codec(&self) -> Result<FileVideoCodec, PlanError> {
        let format = self.conversion.format;
        let possible = container::picture_codecs(format);
        let chosen = self.conversion.video_codec.or_else(|| possible.first().copied());
        chosen.filter(|codec| possible.contains(codec)).ok_or_else(|| {
            let names: Vec<&str> = possible.iter().map(|codec| container::picture_names(*codec).0).collect();
            PlanError::NotPossible {
                what: format!("{} does not hold pictures in that codec", format.label()),
                hint: format!("Choose one of {}, or another format", names.join(", ")),
            }
        })
    }

    /// What is asked of a picture is not for files of sound.
    pub(super) fn check_picture_is_held(&self) -> Result<(), PlanError> {
        let Conversion { format, video_codec, video_rate, short_side, .. } = self.conversion;
        // Sound fades too.
        let operations =
            Operations { fade_in: Duration::ZERO, fade_out: Duration::ZERO, ..self.spec.operations.clone() };
        let is_asked = video_codec.is_some() || video_rate.is_some() || short_side.is_some();
        if format.has_picture() || !(is_asked || changes_picture(&operations).is_some()) {
            return Ok(());
        }
        Err(PlanError::NotPossible {
            what: format!("{} holds sound alone: it has no picture to change", format.label()),
            hint: "Leave out what changes the picture, or choose a format with pictures, such as MP4".to_owned(),
        })
    }

    /// What has no bit rate to choose can't be fitted into a size.
    pub(super) fn check_size_can_be_chosen(&self) -> Result<(), PlanError> {
        let format = self.conversion.format;
        let is_asked = self.spec.operations.target_size_bytes.is_some();
        if !is_asked || !matches!(format, FileFormat::Gif | FileFormat::Wav | FileFormat::Flac) {
            return Ok(());
        }
        Err(PlanError::NotPossible {
            what: format!("The size of a {} file can't be chosen", format.label()),
            hint: "Choose a smaller picture or a part, or another format, such as MP4 or MP3".to_owned(),
        })
    }

    pub(super) fn holds_nothing(&self) -> PlanError {
        let name = self.spec.source_name();
        let (what, hint) = if self.conversion.format.has_picture() && !self.conversion.format.has_sound() {
            (format!("“{name}” has no picture"), "Choose a format for sound, such as MP3")
        } else {
            (format!("“{name}” has no sound that can be read"), "Choose a format for pictures, such as MP4")
        };
        PlanError::NotPossible { what, hint: hint.to_owned() }
    }

    /// The plan of what is encoded: the picture as its only rendition, and all tracks of sound.
    pub(super) fn encode_plan(&self, encodes_picture: bool, findings: &Findings) -> Result<EncodePlan, PlanError> {
        let codec = if encodes_picture { self.picture_codec()? } else { FileVideoCodec::H264 };
        let mut spec = self.spec.clone();
        spec.preset = self.preset(codec);
        spec.operations.target_size_bytes = None;
        // Asked for below: the media of this plan have no subtitles.
        spec.operations.burn_in = None;
        spec.outputs = Outputs::default();
        spec.thumbnails = ThumbnailTimes::Times(Vec::new());
        let mut media = self.source.clone();
        media.subtitles.clear();
        media.subtitle_files.clear();
        if !encodes_picture {
            media.video.clear();
            let sound =
                Operations { loudness: spec.operations.loudness, trim: spec.operations.trim, ..Operations::default() };
            spec.operations =
                Operations { fade_in: spec.operations.fade_in, fade_out: spec.operations.fade_out, ..sound };
        }
        let mut plan = EncodePlan::resolve_with(&spec, &media, findings)?;
        plan.pictures = PicturePlan::default();
        plan.storyboard = None;
        if let Some(video) = media.main_video() {
            plan.operations.burn_in = burn_in(self.spec, self.source, (video, &plan.conversion))?;
        }
        plan.renditions.truncate(1);
        if let (Some(VideoRate::Bitrate(rate)), Some(rendition)) =
            (self.conversion.video_rate, plan.renditions.first_mut())
        {
            rendition.set_bitrate(rate.bits_per_second() as f64, plan.rate_control);
        }
        Ok(plan)
    }

    /// The job's preset with one rung, of the source's size or a smaller one.
    fn preset(&self, codec: FileVideoCodec) -> Preset {
        let asked = &self.spec.preset;
        let rate_control = match self.conversion.video_rate {
            Some(VideoRate::Quality(crf)) => RateControl::Crf { crf },
            Some(VideoRate::Bitrate(_)) => RateControl::AverageBitrate,
            None => RateControl::Crf { crf: Crf::new(DEFAULT_QUALITY).unwrap_or_default() },
        };
        let (codecs, is_own) = match codec {
            FileVideoCodec::H264 => (VideoCodec::H264, false),
            FileVideoCodec::Hevc => (VideoCodec::Hevc, false),
            FileVideoCodec::Av1 => (VideoCodec::Av1, false),
            FileVideoCodec::Vp9 => (VideoCodec::Vp9, false),
            FileVideoCodec::Mpeg4 | FileVideoCodec::Gif => (VideoCodec::H264, true),
        };
        let encoder = if is_own { EncoderChoice::Software } else { asked.video.encoder };
        let short_side = self.conversion.short_side.or((codec == FileVideoCodec::Gif).then_some(GIF_SHORT_SIDE));
        let ladder = match short_side {
            Some(short_side) => LadderChoice::Rungs(vec![Rung { short_side, bitrate: UNUSED_BITRATE }]),
            None => LadderChoice::SourceSize,
        };
        let video = VideoSettings {
            codecs: vec![codecs],
            rate_control,
            encoder,
            hdr: HdrTreatment::ToneMap,
            ..asked.video.clone()
        };
        Preset { ladder, video, stereo: StereoCodecs::Aac, surround: None, ..asked.clone() }
    }

    /// Subtitles that go into the file.
    pub(super) fn subtitles(&self, warnings: &mut Vec<String>) -> Vec<PlannedSubtitles> {
        let format = self.conversion.format;
        let all = &self.source.subtitles;
        if all.is_empty() || !format.has_picture() {
            return Vec::new();
        }
        let drawn = self.spec.operations.burn_in.as_ref();
        let is_part = self.spec.operations.trim != Trim::default();
        let is_joined = !self.spec.joined.is_empty();
        let (mut kept, mut left_out, mut styled) = (Vec::new(), 0, 0);
        for track in all.iter().filter(|track| !is_chosen(drawn, track, all)) {
            let is_copied = container::holds_subtitles(format, &track.codec);
            let is_text = container::TEXT_SUBTITLES.contains(&track.codec.as_str());
            let is_written = container::subtitle_encoder(format).is_some() && is_text;
            if !is_joined && (is_written || (is_copied && !is_part)) {
                let has_styles = matches!(track.codec.as_str(), "ass" | "ssa");
                let is_styled = !is_copied && has_styles;
                styled += u64::from(is_styled);
                // A part passes in the form that has styles.
                let is_copied = is_copied && (!is_part || has_styles);
                kept.push(PlannedSubtitles { track: track.clone(), is_copied, is_styled, is_part, file: None });
            } else {
                left_out += 1;
            }
        }
        if left_out > 0 {
            let tracks = crate::format::count(left_out, "track of subtitles is", "tracks of subtitles are");
            let why = match (is_joined, is_part) {
                (true, _) => ": those of several sources are not joined".to_owned(),
                (false, true) if container::subtitle_encoder(format).is_some() => {
                    ": subtitles that are pictures are not cut".to_owned()
                }
                _ => format!(": {} does not hold them", format.label()),
            };
            warnings.push(format!("{tracks} left out{why}"));
        }
        if styled > 0 {
            let tracks = crate::format::count(styled, "track of subtitles loses", "tracks of subtitles lose");
            warnings.push(format!("{tracks} fonts, colours and places, which {} does not hold", format.label()));
        }
        kept
    }

    /// The cover art that goes into the file.
    pub(super) fn cover(&self, warnings: &mut Vec<String>) -> Option<PlannedCover> {
        let format = self.conversion.format;
        let cover = self.source.cover.as_ref().filter(|_| format != FileFormat::Gif)?;
        if container::holds_cover(format, &cover.codec) {
            return Some(PlannedCover { stream: cover.index, is_png: cover.codec == "png", file: None });
        }
        warnings.push(format!("The cover art is left out: it is not kept in {}", format.label()));
        None
    }

    /// Whether attached files go into the file.
    pub(super) fn keeps_attachments(&self, warnings: &mut Vec<String>) -> bool {
        let format = self.conversion.format;
        let is_kept = self.source.attachments > 0 && format == FileFormat::Mkv;
        if self.source.attachments > 0 && !is_kept && format.has_picture() && format != FileFormat::Gif {
            let files = crate::format::count(self.source.attachments as u64, "attached file is", "attached files are");
            warnings.push(format!("{files} left out: {} holds none", format.label()));
        }
        is_kept
    }
}

fn becomes_frames(spec: &JobSpec, video: &VideoStream) -> Option<String> {
    let is_changed = spec.preset.interlaced == InterlacedOutput::Fields
        && spec.operations.deinterlace != Deinterlace::Never
        && video.scan.is_interlaced();
    is_changed.then(|| "each of its fields is to become a frame".to_owned())
}

fn changes_picture(operations: &Operations) -> Option<String> {
    let Operations { crop, rotate, flip, short_side, deinterlace, denoise, sharpen, .. } = operations;
    let Operations { watermark, burn_in, fade_in, fade_out, .. } = operations;
    let is_changed = crop.is_some()
        || rotate.is_some()
        || flip.is_some()
        || short_side.is_some()
        || *deinterlace == Deinterlace::Always
        || denoise.is_some()
        || sharpen.is_some()
        || watermark.is_some()
        || burn_in.is_some()
        || !fade_in.is_zero()
        || !fade_out.is_zero();
    is_changed.then(|| "the picture is to be changed".to_owned())
}

/// Why something can't be copied although that was asked for.
pub(super) fn cannot_copy(what: &str, reason: &str) -> PlanError {
    PlanError::NotPossible {
        what: format!("The {what} can't be copied: {reason}"),
        hint: "Leave --lossless out to have it encoded, or choose a format that holds it as it is".to_owned(),
    }
}
