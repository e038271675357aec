//! The part of a plan that is left to do when an earlier run has finished some of its segments.
//!
//! The sound is encoded again, whole, as that gives the very same packets; the picture is read from a little before the
//! first segment that is missing. All times stay those of the whole, so that fades, watermarks and subtitles are in
//! their places.

use std::{ops::Range, time::Duration};

use super::EncodePlan;

/// The source is opened this much before the first frame that is wanted: after a seek, the first frames can be broken
/// or stand in the place of others.
const LEAD: Duration = Duration::from_secs(2);
/// Containers with an index, or with time stamps that only rise, by ffprobe's names.
const SOUGHT_BY_TIME: [&str; 4] = ["mp4", "matroska", "avi", "mxf"];

/// What is left to do of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedSpan {
    /// The first frame that is to be made, counted from the start of the stream.
    pub first_frame: u64,
    /// The frame before which it ends; `None` for all that follow.
    pub end_frame: Option<u64>,
    /// By how much later the source is opened than for the whole, in whole seconds, so that every container's time
    /// stamps can tell it exactly; zero when everything before is decoded.
    pub skipped: Duration,
    /// The frames of the stream before this one are not even scaled.
    pub first_scaled_frame: u64,
}

impl PlannedSpan {
    /// Whether the source is opened in its middle.
    pub fn is_sought(&self) -> bool {
        !self.skipped.is_zero()
    }
}

/// MPEG-TS and others can jump in time, and raw streams have none: what comes before a place has to be decoded there.
pub(super) fn can_be_sought(container: &str) -> bool {
    container.split(',').any(|name| SOUGHT_BY_TIME.contains(&name))
}

impl EncodePlan {
    /// The same plan without its first segments, where the encoder can begin after them.
    pub fn from_segment(&self, first_segment: u64) -> Self {
        let is_part = first_segment > 0 && !self.runs_from_start();
        let first_frame = first_segment * self.timing.segment_frames;
        Self { span: is_part.then(|| self.span_of(first_frame, None)), ..self.clone() }
    }

    /// When a segment begins.
    pub fn start_of_segment(&self, number: u64) -> Duration {
        self.timing.frame_rate.duration_of(number * self.timing.segment_frames)
    }

    /// How far the stream goes that has all segments before this one: the last may be a short one.
    pub fn reached_with(&self, segments: u64) -> Duration {
        let start = self.start_of_segment(segments);
        self.duration.map_or(start, |duration| start.min(duration))
    }

    /// The same plan for nothing but the pictures that are set aside of these frames.
    pub fn pictures_of(&self, frames: Range<u64>) -> Self {
        let software = self.in_software().unwrap_or_else(|| self.clone());
        let span = Some(self.span_of(frames.start, Some(frames.end)));
        Self { span, audio: Vec::new(), ..software }
    }

    fn span_of(&self, first_frame: u64, end_frame: Option<u64>) -> PlannedSpan {
        let rate = self.timing.frame_rate;
        let skipped = rate.duration_of(first_frame).saturating_sub(LEAD).as_secs();
        PlannedSpan {
            first_frame,
            end_frame,
            skipped: Duration::from_secs(if self.can_be_sought { skipped } else { 0 }),
            first_scaled_frame: first_frame.saturating_sub(rate.frames_in(LEAD)),
        }
    }

    /// Number of the first frame that is to be encoded.
    pub fn first_frame(&self) -> u64 {
        self.span.map_or(0, |span| span.first_frame)
    }

    /// Whether an encoder that goes on has to run from the start, though what is finished of the stream stays.
    ///
    /// The second of two passes deals out the bits of the whole by the notes of the first, which x264, x265 and libvpx read
    /// from their first frame on: begun in the middle, it would take the notes of other frames and miss its average. Sound
    /// alone is encoded whole, as beside pictures: many times faster than it is heard.
    pub fn runs_from_start(&self) -> bool {
        self.has_first_pass() || self.video_stream.is_none()
    }

    /// Of joined sources, the part in which what is left to do begins, and the frame of that part that comes first.
    pub fn first_part(&self) -> (usize, u64) {
        let Some((span, join)) = self.span.zip(self.join.as_ref()) else { return (0, 0) };
        let lead = self.operations.trim.map_or(0, |trim| trim.lead_frames);
        join.part_at(lead + span.first_scaled_frame)
    }
}
