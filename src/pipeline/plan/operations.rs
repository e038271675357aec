//! What is done to the source, resolved against what the source is.

use std::{path::PathBuf, time::Duration};

use super::{Findings, PlanError, PlannedBurnIn};
use crate::{
    format,
    job::{Crop, CropArea, Flip, Operations, Strength, Turn, Watermark, WatermarkPosition},
    media::{FrameRate, JPEG_FILM_DEMUXER, PictureSize},
    preset::fit_into_short_side,
};

/// A trimmed source is opened this much before the first frame that is kept, so that decoders and frame rate filter
/// have settled by then: after a seek, the first frames can be broken or stand in the place of others.
const LEAD: Duration = Duration::from_secs(10);
/// Subtitles in the picture are told of once and stay until they are taken away: with them it is opened this much before,
/// which is longer than any of them stays.
const LEAD_WITH_SUBTITLES: Duration = Duration::from_secs(60);
/// Containers without time stamps: to find a place in them, everything before has to be decoded.
const WITHOUT_TIMESTAMPS: [&str; 6] = ["h264", "hevc", "mpegvideo", "m4v", "gif", JPEG_FILM_DEMUXER];
/// What is left of a picture has at least this many pixels a side.
const SMALLEST_SIDE: u32 = 16;

/// The operations of a plan.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PlannedOperations {
    /// The part of the source that is kept.
    pub trim: Option<PlannedTrim>,
    /// The part of the picture that is kept.
    pub crop: Option<PlannedCrop>,
    /// A turn after the crop.
    pub rotate: Option<Turn>,
    /// A reflection after the turn.
    pub flip: Option<Flip>,
    /// Removes noise.
    pub denoise: Option<Strength>,
    /// Makes edges clearer.
    pub sharpen: Option<Strength>,
    /// Subtitles in the picture.
    pub burn_in: Option<PlannedBurnIn>,
    /// A picture on the picture.
    pub watermark: Option<PlannedWatermark>,
    /// Fades of picture and sound.
    pub fade: PlannedFade,
}

impl PlannedOperations {
    /// The time of the source at which the stream begins.
    pub(super) fn start(&self, rate: FrameRate) -> Duration {
        self.trim.map_or(Duration::ZERO, |trim| rate.duration_of(trim.first_frame(rate)))
    }

    /// What was asked, on a largest rendition of this size and for this length.
    pub(super) fn resolve(
        asked: &Operations,
        (trim, crop): (Option<PlannedTrim>, Option<PlannedCrop>),
        largest: PictureSize,
        duration: Option<Duration>,
    ) -> Result<Self, PlanError> {
        Ok(Self {
            trim,
            crop,
            rotate: asked.rotate,
            flip: asked.flip,
            denoise: asked.denoise,
            sharpen: asked.sharpen,
            burn_in: None,
            watermark: watermark(asked, largest, duration)?,
            fade: fade(asked, duration)?,
        })
    }
}

/// Where the source is opened, and which frames of it are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedTrim {
    /// Where the source is opened; a whole number of output frames from its start.
    pub seek: Duration,
    /// Frames after that which are left out.
    pub lead_frames: u64,
    /// Frames that are kept; `None` for all that follow.
    pub frames: Option<u64>,
}

impl PlannedTrim {
    /// Number of the first frame that is kept, counted from the start of the source.
    pub fn first_frame(&self, rate: FrameRate) -> u64 {
        rate.frames_in(self.seek) + self.lead_frames
    }
}

/// A part of the picture as it is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedCrop {
    /// The part.
    pub area: CropArea,
    /// The size of the whole.
    pub of: PictureSize,
}

/// A watermark in pixels of the largest rendition.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedWatermark {
    /// The image file.
    pub image: PathBuf,
    /// Where it lies.
    pub position: WatermarkPosition,
    /// Its width in pixels.
    pub width: u32,
    /// Its distance from the edges in pixels.
    pub margin: u32,
    /// From 0 to 1.
    pub opacity: f64,
    /// When it appears and goes; `None` for always.
    pub shown: Option<(Duration, Option<Duration>)>,
}

/// Fades at start and end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PlannedFade {
    /// Length of the fade at the start.
    pub at_start: Option<Duration>,
    /// Begin and length of the fade at the end.
    pub at_end: Option<(Duration, Duration)>,
}

/// What the trim of a source comes to.
pub(super) struct Trimmed {
    pub(super) trim: Option<PlannedTrim>,
    pub(super) duration: Option<Duration>,
}

/// What is said of a trim that begins where nothing is left of a source of this length.
pub fn nothing_after(start: Duration, length: Duration) -> String {
    let (at, end) = (format::precise_clock(start), format::precise_clock(length));
    if start < length {
        return format!("No picture is left from {at} on: the source ends at {end}");
    }
    format!("The trim starts at {at}, after the end of the source at {end}")
}

/// Resolves the trim at the output's frame rate.
pub(super) fn trim(
    operations: &Operations,
    (container, duration): (&str, Option<Duration>),
    rate: FrameRate,
) -> Result<Trimmed, PlanError> {
    let asked = operations.trim;
    if asked.start.is_none() && asked.end.is_none() {
        return Ok(Trimmed { trim: None, duration });
    }
    let first = rate.frames_in(asked.start.unwrap_or_default());
    let source_frames = duration.map(|duration| rate.frames_in(duration));
    if let Some((frames, length)) = source_frames.zip(duration)
        && first >= frames
    {
        return Err(PlanError::NotPossible {
            what: nothing_after(asked.start.unwrap_or_default(), length),
            hint: "Start the trim earlier".to_owned(),
        });
    }
    let asked_end = asked.end.map(|end| rate.frames_in(end));
    let end = match (asked_end, source_frames) {
        (Some(end), Some(frames)) => Some(end.min(frames)),
        (end, frames) => end.or(frames),
    };
    if end.is_some_and(|end| end <= first) {
        let is_short = asked.end > asked.start;
        return Err(PlanError::NotPossible {
            what: match is_short {
                true => format!("The trim is shorter than a frame at {rate} frames a second, so nothing is left"),
                false => "The trim ends before it starts, so nothing is left".to_owned(),
            },
            hint: if is_short { "Give a later end" } else { "Give an end after the start" }.to_owned(),
        });
    }
    let kept = end.map(|end| end - first);
    let has_no_timestamps =
        WITHOUT_TIMESTAMPS.contains(&container) || container == super::join::CONTAINER || container.ends_with("_pipe");
    let lead = if operations.burn_in.is_some() { LEAD_WITH_SUBTITLES } else { LEAD };
    let lead = if has_no_timestamps { first } else { rate.frames_in(lead).min(first) };
    let trim = PlannedTrim {
        seek: rate.duration_of(first - lead),
        lead_frames: lead,
        // What the container says of its length can be a little off: only an end that was asked for is cut.
        frames: asked_end.and(kept),
    };
    Ok(Trimmed { trim: Some(trim), duration: kept.map(|frames| rate.duration_of(frames)) })
}

/// The part of a picture of `size` that is kept, if not all of it.
pub(super) fn crop(
    operations: &Operations,
    size: PictureSize,
    findings: &Findings,
) -> Result<Option<PlannedCrop>, PlanError> {
    let area = match operations.crop {
        None => return Ok(None),
        Some(Crop::Area(area)) => area,
        Some(Crop::BlackBars) => match findings.picture_without_bars {
            Some(area) => area,
            None => return Ok(None),
        },
    };
    let fits = |start: u32, length: u32, whole: u32| start.checked_add(length).is_some_and(|end| end <= whole);
    if !fits(area.left, area.width, size.width) || !fits(area.top, area.height, size.height) {
        return Err(PlanError::NotPossible {
            what: format!(
                "The crop of {}×{} at {},{} is not within the picture of {size}",
                area.width, area.height, area.left, area.top
            ),
            hint: "Give a part of the picture as it is seen; “reelpress probe” tells its size".to_owned(),
        });
    }
    if area.width < SMALLEST_SIDE || area.height < SMALLEST_SIDE {
        return Err(PlanError::NotPossible {
            what: format!("The crop leaves only {}×{} pixels", area.width, area.height),
            hint: format!("Leave at least {SMALLEST_SIDE} pixels on each side"),
        });
    }
    let is_whole = area.width == size.width && area.height == size.height;
    Ok((!is_whole).then_some(PlannedCrop { area, of: size }))
}

/// The size of what is left after crop and turn, made smaller where that is asked for.
pub(super) fn size_after(size: PictureSize, crop: Option<&PlannedCrop>, asked: &Operations) -> PictureSize {
    let kept = crop.map_or(size, |crop| PictureSize { width: crop.area.width, height: crop.area.height });
    let turned = match asked.rotate {
        Some(Turn::Clockwise | Turn::CounterClockwise) => PictureSize { width: kept.height, height: kept.width },
        Some(Turn::Half) | None => kept,
    };
    asked.short_side.and_then(|short_side| fit_into_short_side(turned, short_side)).unwrap_or(turned)
}

/// The watermark on a picture of `size`, shown within `duration`.
fn watermark(
    operations: &Operations,
    size: PictureSize,
    duration: Option<Duration>,
) -> Result<Option<PlannedWatermark>, PlanError> {
    let Some(asked) = &operations.watermark else { return Ok(None) };
    let is_possible = Watermark::WIDTHS_PERCENT.contains(&asked.width_percent)
        && Watermark::MARGINS_PERCENT.contains(&asked.margin_percent)
        && Watermark::OPACITIES_PERCENT.contains(&asked.opacity_percent)
        && asked.until.is_none_or(|until| until > asked.from.unwrap_or_default());
    if !is_possible {
        return Err(PlanError::NotPossible {
            what: "The watermark's width, margin, opacity or time range makes no sense".to_owned(),
            hint: "Width is from 1 to 100 %, margin from 0 to 45 %, opacity from 0 to 100 %, and it ends after it \
                   starts"
                .to_owned(),
        });
    }
    if let Some((from, end)) = asked.from.zip(duration)
        && from >= end
    {
        let (from, end) = (format::precise_clock(from), format::precise_clock(end));
        return Err(PlanError::NotPossible {
            what: format!("The watermark would appear at {from}, but what is encoded ends at {end}"),
            hint: "Let it appear earlier; its times count from the start of what is encoded, after the trim".to_owned(),
        });
    }
    let pixels = |whole: u32, percent: f64| (f64::from(whole) * percent / 100.0).round() as u32;
    Ok(Some(PlannedWatermark {
        image: asked.image.clone(),
        position: asked.position,
        width: pixels(size.width, asked.width_percent).max(2),
        margin: pixels(size.short_side(), asked.margin_percent),
        opacity: asked.opacity_percent / 100.0,
        shown: (asked.from.is_some() || asked.until.is_some()).then(|| (asked.from.unwrap_or_default(), asked.until)),
    }))
}

/// The fades within `duration`.
pub(super) fn fade(operations: &Operations, duration: Option<Duration>) -> Result<PlannedFade, PlanError> {
    let asked = |length: Duration| (!length.is_zero()).then_some(length);
    let (at_start, at_end) = (asked(operations.fade_in), asked(operations.fade_out));
    if at_end.is_some() && duration.is_none() {
        return Err(PlanError::NotPossible {
            what: "The source does not say how long it is, so it can't fade out".to_owned(),
            hint: "Leave the fade at the end out, or trim the source to an end".to_owned(),
        });
    }
    if duration.is_some_and(|duration| operations.fade_in.saturating_add(operations.fade_out) > duration) {
        return Err(PlanError::NotPossible {
            what: "The fades are longer than what is encoded".to_owned(),
            hint: "Give shorter fades".to_owned(),
        });
    }
    let at_end = at_end.zip(duration).map(|(length, duration)| (duration.saturating_sub(length), length));
    Ok(PlannedFade { at_start, at_end })
}
