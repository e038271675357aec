//! Several sources one after the other: each brought to the shape of the first. Pure.

use std::{path::PathBuf, time::Duration};

use super::{ColourLabel, PictureConversion, PlanError, timing};
use crate::{
    job::{Crop, JobKind, JobSpec},
    media::{AudioStream, Chapter, Colour, FrameRate, PictureSize, ScanType, SourceMedia, VideoStream},
};

/// What a joined source calls its container: there are no time stamps to look for a place by.
pub(super) const CONTAINER: &str = "joined";
/// Sound of all parts has this rate.
pub const JOINED_RATE_HZ: u32 = 48_000;

/// Several sources as one.
#[derive(Debug, Clone, PartialEq)]
pub struct JoinPlan {
    /// The parts in their order; the first is the source of the job.
    pub parts: Vec<JoinedPart>,
    /// The picture of all parts; `None` for sound alone.
    pub picture: Option<JoinedPicture>,
    /// Whether there is sound in any of them.
    pub has_sound: bool,
    /// Whether all sound that there is has one channel; else the joined sound has two.
    pub is_mono: bool,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// What the pictures of all parts are brought to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JoinedPicture {
    /// Size, even on both sides, with square pixels.
    pub size: PictureSize,
    /// Frame rate.
    pub frame_rate: FrameRate,
    /// Colours.
    pub label: ColourLabel,
}

/// One of several sources.
#[derive(Debug, Clone, PartialEq)]
pub struct JoinedPart {
    /// The file.
    pub source: PathBuf,
    /// Demuxer to open it with, where ffmpeg must not choose.
    pub demuxer: Option<String>,
    /// Its picture, if it has one.
    pub picture: Option<PartPicture>,
    /// Index of its sound, if it has any.
    pub sound: Option<usize>,
    /// Whether that has one channel.
    pub is_mono: bool,
    /// Frames that it takes; its length in milliseconds where there is no picture.
    pub frames: u64,
}

/// The picture of a part.
#[derive(Debug, Clone, PartialEq)]
pub struct PartPicture {
    /// Index of its stream.
    pub stream: usize,
    /// What it needs before it is scaled.
    pub conversion: PictureConversion,
    /// Its size within the joined picture; the rest is black.
    pub size: PictureSize,
}

impl JoinPlan {
    /// The rate in which the lengths of the parts are counted.
    pub fn frame_rate(&self) -> FrameRate {
        const MILLISECONDS: Option<FrameRate> = FrameRate::new(1000, 1);
        let of_picture = self.picture.map(|picture| picture.frame_rate);
        of_picture.or(MILLISECONDS).unwrap_or(FrameRate::FALLBACK)
    }

    /// The part that holds this frame of the whole, and the frame's number in it; the last part for all that follow.
    pub fn part_at(&self, frame: u64) -> (usize, u64) {
        let mut left = frame;
        for (number, part) in self.parts.iter().enumerate() {
            if left < part.frames || number + 1 == self.parts.len() {
                return (number, left);
            }
            left -= part.frames;
        }
        (0, 0)
    }

    /// The place of the last sample of each part, so that borders of sound and picture never drift apart.
    pub fn sound_ends(&self) -> Vec<u64> {
        let rate = self.frame_rate();
        let mut frames = 0;
        let end = |part: &JoinedPart| {
            frames += part.frames;
            let samples = u128::from(frames) * u128::from(rate.denominator()) * u128::from(JOINED_RATE_HZ);
            u64::try_from(samples / u128::from(rate.numerator())).unwrap_or(u64::MAX)
        };
        self.parts.iter().map(end).collect()
    }
}

/// Plans how sources become one, and tells what that one is.
///
/// # Errors
/// When a source does not say how long it is, or they have nothing in common that could be joined.
pub fn join(spec: &JobSpec, sources: &[SourceMedia], can_tone_map: bool) -> Result<(SourceMedia, JoinPlan), PlanError> {
    let first = sources.first().ok_or_else(|| PlanError::Nothing(spec.source_name()))?;
    check(spec, first)?;
    let mut warnings = Vec::new();
    let picture = first.main_video().map(|video| joined_picture(spec, video));
    let files: Vec<&PathBuf> = std::iter::once(&spec.source).chain(&spec.joined).collect();
    let has_sound = sources.iter().any(|source| sound_of(source).is_some());
    if picture.is_none() && !has_sound {
        return Err(PlanError::Nothing(spec.source_name()));
    }
    let is_mono = has_sound && sources.iter().filter_map(sound_of).all(has_one_channel);
    let mut join = JoinPlan { parts: Vec::new(), picture, has_sound, is_mono, warnings: Vec::new() };
    for (file, source) in files.into_iter().zip(sources) {
        let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy();
        if !source.subtitles.is_empty() || !source.subtitle_files.is_empty() {
            warnings.push(format!("The subtitles of “{name}” are left out"));
        }
        if source.audio.len() > 1 {
            warnings.push(format!("“{name}” has several tracks of sound: the main one is used"));
        }
        let length = length(spec, source).ok_or_else(|| PlanError::NotPossible {
            what: format!("“{name}” does not say how long it is, so nothing can follow it"),
            hint: "Convert it to MP4 first (reelpress convert), then join that".to_owned(),
        })?;
        let part_picture = match (&picture, source.main_video()) {
            (Some(joined), Some(video)) => Some(part_picture(spec, (&name, video), joined, can_tone_map)?),
            _ => None,
        };
        join.parts.push(JoinedPart {
            source: file.clone(),
            demuxer: source.demuxer().map(str::to_owned),
            picture: part_picture,
            sound: sound_of(source).map(|sound| sound.index),
            is_mono: sound_of(source).is_some_and(has_one_channel),
            frames: join.frame_rate().frames_in(length).max(1),
        });
    }
    join.warnings = warnings;
    let media = as_one(&join, first, sources);
    Ok((media, join))
}

fn check(spec: &JobSpec, first: &SourceMedia) -> Result<(), PlanError> {
    if spec.operations.crop == Some(Crop::BlackBars) {
        return Err(PlanError::NotPossible {
            what: "Black bars are not looked for in joined sources".to_owned(),
            hint: "Give the part of the picture to keep, as WIDTH:HEIGHT:LEFT:TOP".to_owned(),
        });
    }
    if first.main_video().is_none() && spec.kind == JobKind::Stream {
        return Err(PlanError::NotPossible {
            what: "Files of sound are joined to a file, not to a stream".to_owned(),
            hint: "Join them with “reelpress convert --join”, then encode the result".to_owned(),
        });
    }
    Ok(())
}

/// The shape of the first picture.
fn joined_picture(spec: &JobSpec, video: &VideoStream) -> JoinedPicture {
    let conversion = PictureConversion::for_stream(video, spec.preset.interlaced, spec.operations.background);
    let size = video.display_size();
    JoinedPicture {
        size: PictureSize { width: (size.width & !1).max(2), height: (size.height & !1).max(2) },
        frame_rate: timing::output_frame_rate(video, &conversion, timing::highest_frame_rate(&spec.kind)),
        label: conversion.label,
    }
}

fn part_picture(
    spec: &JobSpec,
    (name, video): (&str, &VideoStream),
    joined: &JoinedPicture,
    can_tone_map: bool,
) -> Result<PartPicture, PlanError> {
    let mut conversion = PictureConversion::for_stream(video, spec.preset.interlaced, spec.operations.background);
    if conversion.tone_map && !can_tone_map {
        return Err(PlanError::CannotToneMap(name.to_owned()));
    }
    let seen = video.display_size();
    if seen.pixels() == 0 {
        return Err(PlanError::UnreadablePicture(name.to_owned()));
    }
    conversion.wish(spec.operations.deinterlace);
    Ok(PartPicture { stream: video.index, conversion, size: fitted(seen, joined.size) })
}

/// The largest even size of this shape in a box.
fn fitted(seen: PictureSize, into: PictureSize) -> PictureSize {
    let scale = (f64::from(into.width) / f64::from(seen.width)).min(f64::from(into.height) / f64::from(seen.height));
    let side = |length: u32, most: u32| (((f64::from(length) * scale / 2.0).round() as u32) * 2).clamp(2, most);
    PictureSize { width: side(seen.width, into.width), height: side(seen.height, into.height) }
}

fn sound_of(source: &SourceMedia) -> Option<&AudioStream> {
    let readable = |sound: &&AudioStream| sound.channels.is_some();
    source.main_audio().filter(readable).or_else(|| source.audio.iter().find(readable))
}

fn has_one_channel(sound: &AudioStream) -> bool {
    sound.channels == Some(1)
}

/// How long a part is: from the start of what comes first until picture and sound have ended.
fn length(spec: &JobSpec, source: &SourceMedia) -> Option<Duration> {
    if source.is_still() {
        return Some(timing::still_duration(&spec.operations));
    }
    let picture = source.picture_duration().filter(|duration| !duration.is_zero())?;
    Some(picture + timing::time_after_picture(source).unwrap_or_default())
}

/// What the joined sources are together.
fn as_one(join: &JoinPlan, first: &SourceMedia, sources: &[SourceMedia]) -> SourceMedia {
    let rate = join.frame_rate();
    let mut chapters = Vec::new();
    let mut frames = 0;
    for part in &join.parts {
        let start = rate.duration_of(frames);
        frames += part.frames;
        let title = part.source.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        chapters.push(Chapter { start, end: rate.duration_of(frames), title });
    }
    let duration = Some(rate.duration_of(frames));
    let video = first.main_video().zip(join.picture).map(|(video, picture)| VideoStream {
        coded_size: picture.size,
        pixel_format: Some("yuv420p".to_owned()),
        sample_aspect_ratio: (1, 1),
        rotation_degrees: 0,
        exif_orientation: None,
        average_frame_rate: Some(rate),
        real_frame_rate: Some(rate),
        scan: ScanType::Progressive,
        colour: Colour {
            primaries: Some(picture.label.primaries.to_owned()),
            transfer: Some(picture.label.transfer.to_owned()),
            matrix: Some(picture.label.matrix.to_owned()),
            range: Some("tv".to_owned()),
            hdr: None,
        },
        duration,
        start_time_seconds: Some(0.0),
        frame_count: None,
        ..video.clone()
    });
    let sound = sources.iter().find_map(sound_of).map(|sound| AudioStream {
        channels: Some(if join.is_mono { 1 } else { 2 }),
        sample_rate_hz: Some(JOINED_RATE_HZ),
        bits_per_sample: None,
        duration,
        start_time_seconds: Some(0.0),
        bitrate_bps: None,
        ..sound.clone()
    });
    SourceMedia {
        container: CONTAINER.to_owned(),
        size_bytes: sources.iter().map(|source| source.size_bytes).sum(),
        missing_bytes: 0,
        duration,
        start_time_seconds: Some(0.0),
        bitrate_bps: None,
        video: video.into_iter().collect(),
        audio: sound.into_iter().collect(),
        subtitles: Vec::new(),
        subtitle_files: Vec::new(),
        chapters,
        cover: None,
        attachments: 0,
        clock_goes_back: None,
        ends_are_measured: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_fitted_into_the_first_ones_box() {
        let size = |width, height| PictureSize { width, height };
        assert_eq!(fitted(size(640, 480), size(1280, 720)), size(960, 720));
        assert_eq!(fitted(size(1080, 1920), size(1280, 720)), size(406, 720));
        assert_eq!(fitted(size(1280, 720), size(1280, 720)), size(1280, 720));
        assert_eq!(fitted(size(4000, 2), size(320, 180)), size(320, 2));
    }

    #[test]
    fn borders_of_sound_lie_at_the_nearest_sample_and_never_drift() {
        let part = |frames| JoinedPart {
            source: "a".into(),
            demuxer: None,
            picture: None,
            sound: Some(0),
            is_mono: false,
            frames,
        };
        let picture = JoinedPicture {
            size: PictureSize { width: 2, height: 2 },
            frame_rate: FrameRate::new(30000, 1001).unwrap(),
            label: ColourLabel { primaries: "bt709", transfer: "bt709", matrix: "bt709" },
        };
        let parts = vec![part(1); 300];
        let join = JoinPlan { parts, picture: Some(picture), has_sound: true, is_mono: false, warnings: Vec::new() };
        // 300 frames are 10.01 s.
        assert_eq!(*join.sound_ends().last().unwrap(), 480_480);
    }
}
