//! Where GOPs and segments end, in whole frames and exact ticks.

use std::time::Duration;

use super::PictureConversion;
use crate::{
    job::{FileFormat, JobKind, Operations},
    media::{AudioStream, Chapter, FrameRate, STANDARD_RATES, SourceMedia, VideoStream},
    preset::{InterlacedOutput, KeyframeInterval},
};

/// Segments of 6 s hold three GOPs of 2 s, or six of 1 s (Apple HLS Authoring Specification 1.13, 7.6).
const SEGMENT_SECONDS: u64 = 6;
/// A track's time scale is doubled until it has at least this many ticks a second.
const LOWEST_TIMESCALE: u32 = 10_000;

/// Sound that goes on for less than this after the picture ends with it.
pub(super) const SHORTEST_HOLD: Duration = Duration::from_millis(500);

/// For how long the main sound goes on after the picture has ended; `None` when it does not, or nobody knows.
pub(super) fn time_after_picture(source: &SourceMedia) -> Option<Duration> {
    time_of_sound_after_picture(source, source.main_audio()?)
}

/// The same for any sound. Unless they were measured, the lengths in a transport stream are guesses.
pub(super) fn time_of_sound_after_picture(source: &SourceMedia, sound: &AudioStream) -> Option<Duration> {
    if source.container.starts_with("mpeg") && !source.ends_are_measured {
        return None;
    }
    let end = |start: Option<f64>, duration: Option<Duration>| {
        let start = Duration::try_from_secs_f64(start.unwrap_or(0.0)).unwrap_or_default();
        duration.map(|duration| start + duration)
    };
    let video = source.main_video()?;
    let picture_end = end(video.start_time_seconds, video.duration)?;
    let sound_end = end(sound.start_time_seconds, sound.duration)?;
    Some(sound_end.saturating_sub(picture_end)).filter(|time| *time >= SHORTEST_HOLD)
}

/// A still picture is shown this long if nothing else is asked.
const STILL_DURATION: Duration = Duration::from_secs(10);

/// For how long a still picture is shown.
pub(super) fn still_duration(operations: &Operations) -> Duration {
    operations.still_duration.filter(|duration| !duration.is_zero()).unwrap_or(STILL_DURATION)
}

/// How long there are new pictures, where that is known, and how long the last one stays after that.
pub(super) fn picture_and_hold(
    source: &SourceMedia,
    operations: &Operations,
    rate: FrameRate,
) -> (Option<Duration>, Option<Duration>) {
    if source.is_still() {
        let one = rate.duration_of(1);
        return (Some(one), Some(still_duration(operations).saturating_sub(one)));
    }
    (source.picture_duration().filter(|duration| !duration.is_zero()), time_after_picture(source))
}

/// The chapters on a timeline that begins at `start` of the source's and has this length, where it is known.
pub(in crate::pipeline) fn chapters_from(
    chapters: &[Chapter],
    start: Duration,
    length: Option<Duration>,
) -> Vec<Chapter> {
    let moved = chapters.iter().map(|chapter| Chapter {
        start: chapter.start.saturating_sub(start),
        end: chapter.end.saturating_sub(start).min(length.unwrap_or(Duration::MAX)),
        title: chapter.title.clone(),
    });
    moved.filter(|chapter| chapter.end > chapter.start).collect()
}

/// Frame rate, keyframe interval and segment length of all renditions of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Output frame rate.
    pub frame_rate: FrameRate,
    /// Ticks a second in the video tracks; a multiple of the rate's numerator, so that each frame is whole ticks.
    pub timescale: u32,
    /// Ticks that one frame takes.
    pub frame_ticks: u32,
    /// Frames between two keyframes: the first whole number that takes as long as asked or more.
    pub gop_frames: u64,
    /// Frames in a segment: whole GOPs.
    pub segment_frames: u64,
}

impl Timing {
    /// The timing for a frame rate, with a keyframe every two seconds.
    pub fn for_rate(frame_rate: FrameRate) -> Self {
        Self::new(frame_rate, KeyframeInterval::TwoSeconds)
    }

    /// The timing for a frame rate and a time between keyframes.
    pub fn new(frame_rate: FrameRate, keyframes: KeyframeInterval) -> Self {
        let mut factor = 1;
        while let Some(doubled) = frame_rate
            .numerator()
            .checked_mul(factor * 2)
            .filter(|_| frame_rate.numerator() * factor < LOWEST_TIMESCALE)
        {
            if frame_rate.denominator().checked_mul(factor * 2).is_none() || doubled == 0 {
                break;
            }
            factor *= 2;
        }
        let gop_frames =
            (keyframes.seconds() * u64::from(frame_rate.numerator())).div_ceil(u64::from(frame_rate.denominator()));
        Self {
            frame_rate,
            timescale: frame_rate.numerator() * factor,
            frame_ticks: frame_rate.denominator() * factor,
            gop_frames,
            segment_frames: gop_frames * (SEGMENT_SECONDS / keyframes.seconds()),
        }
    }

    /// Ticks in a full segment.
    pub fn segment_ticks(&self) -> u64 {
        self.segment_frames * u64::from(self.frame_ticks)
    }

    /// The fewest frames that make a segment of their own: half a second; fewer at the end join the segment before.
    pub fn shortest_segment_frames(&self) -> u64 {
        u64::from(self.frame_rate.numerator()).div_ceil(2 * u64::from(self.frame_rate.denominator()))
    }

    /// EXT-X-TARGETDURATION of every rendition, sound included: the longest that a segment can become, rounded to whole
    /// seconds (rfc8216bis 4.4.3.1). It must not change while the playlist grows.
    pub fn target_duration_seconds(&self) -> u64 {
        let longest = self.segment_frames + self.shortest_segment_frames().saturating_sub(1);
        self.frame_rate.duration_of(longest).as_secs_f64().round() as u64
    }
}

/// An average this near to a standard rate is that rate.
const STANDARD_RATE_TOLERANCE: f64 = 0.0004;
/// Apple HLS Authoring Specification 1.17.
const HIGHEST_RATE: f64 = 60.0;
/// More is a wrong time base, not a rate.
const HIGHEST_RATE_OF_FILE: f64 = 240.0;
/// Delays in GIF are hundredths of a second, and each frame is a whole picture.
const HIGHEST_RATE_OF_GIF: f64 = 15.0;

/// The highest rate that a job of this kind writes; a file keeps what the source has.
pub(super) fn highest_frame_rate(kind: &JobKind) -> f64 {
    match kind {
        JobKind::Stream | JobKind::Pictures => HIGHEST_RATE,
        JobKind::File(conversion) if conversion.format == FileFormat::Gif => HIGHEST_RATE_OF_GIF,
        JobKind::File(_) => HIGHEST_RATE_OF_FILE,
    }
}

/// The constant rate that is written: the source's own, as an exact fraction, halved while above the highest.
pub(super) fn output_frame_rate(video: &VideoStream, conversion: &PictureConversion, highest: f64) -> FrameRate {
    let fallback = Some(FrameRate::FALLBACK);
    let average = video.average_frame_rate;
    let natural = if let Some(grid) = grid_with_gaps(video) {
        Some(grid)
    } else if video.is_variable_frame_rate() || video.scan.is_interlaced() {
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
        average.map(nearest_standard).filter(is_standard).or(video.real_frame_rate).or(average)
    };
    let mut rate = natural.or(fallback).map(nearest_standard);
    if conversion.deinterlace && conversion.interlaced == InterlacedOutput::Fields {
        // Some containers tell the rate of the fields already.
        let doubled = rate.filter(|rate| rate.per_second() <= HIGHEST_RATE / 2.0 + 0.01).and_then(|rate| {
            rate.numerator().checked_mul(2).and_then(|numerator| FrameRate::new(numerator, rate.denominator()))
        });
        rate = doubled.or(rate);
    }
    while let Some(too_high) = rate.filter(|rate| rate.per_second() > highest + 0.01) {
        rate = too_high
            .denominator()
            .checked_mul(2)
            .and_then(|denominator| FrameRate::new(too_high.numerator(), denominator))
            .or(fallback);
    }
    nearest_standard(rate.unwrap_or(FrameRate::FALLBACK))
}

/// The standard rate at whose frames all those of a variable source lie, such as that of a screen recording which leaves
/// out what does not change. One whose average is a standard rate shows its frames for uneven times instead (a film with
/// pulldown).
fn grid_with_gaps(video: &VideoStream) -> Option<FrameRate> {
    let (average, real) = (video.average_frame_rate?, nearest_standard(video.real_frame_rate?));
    let has_gaps = video.is_variable_frame_rate()
        && average.per_second() < real.per_second()
        && !is_standard(&nearest_standard(average));
    (has_gaps && is_standard(&real)).then_some(real)
}

fn is_standard(rate: &FrameRate) -> bool {
    STANDARD_RATES.contains(&(rate.numerator(), rate.denominator()))
}

fn nearest_standard(rate: FrameRate) -> FrameRate {
    STANDARD_RATES
        .iter()
        .filter_map(|&(numerator, denominator)| FrameRate::new(numerator, denominator))
        .find(|standard| (rate.per_second() / standard.per_second() - 1.0).abs() < STANDARD_RATE_TOLERANCE)
        .unwrap_or(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timing(numerator: u32, denominator: u32) -> Timing {
        Timing::for_rate(FrameRate::new(numerator, denominator).unwrap())
    }

    #[test]
    fn gops_and_segments_are_whole_frames_at_every_rate() {
        for (numerator, denominator, gop) in [
            (24000, 1001, 48),
            (24, 1, 48),
            (25, 1, 50),
            (30000, 1001, 60),
            (50, 1, 100),
            (60000, 1001, 120),
            (15, 1, 30),
        ] {
            let timing = timing(numerator, denominator);
            assert_eq!(timing.gop_frames, gop);
            assert_eq!(timing.segment_frames, gop * 3);
            assert_eq!(timing.target_duration_seconds(), 6);
            assert_eq!(
                u64::from(timing.timescale) * u64::from(denominator),
                u64::from(timing.frame_ticks) * u64::from(numerator)
            );
        }
    }

    #[test]
    fn keyframes_each_second_leave_segments_as_long_as_they_are() {
        for (numerator, denominator) in [(24000, 1001), (25, 1), (30000, 1001), (60, 1)] {
            let rate = FrameRate::new(numerator, denominator).unwrap();
            let dense = Timing::new(rate, KeyframeInterval::OneSecond);
            assert_eq!(dense.gop_frames * 2, Timing::for_rate(rate).gop_frames);
            assert_eq!(dense.segment_frames, Timing::for_rate(rate).segment_frames);
        }
    }

    #[test]
    fn slow_and_odd_rates_have_at_least_one_frame_in_a_gop() {
        assert_eq!(timing(1, 1).gop_frames, 2);
        assert_eq!(timing(1, 5).gop_frames, 1);
        assert_eq!(timing(1, 5).target_duration_seconds(), 15);
        assert!(timing(25, 1).timescale >= 10_000);
    }
}
