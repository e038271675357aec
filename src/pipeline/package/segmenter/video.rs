//! Cuts one video track: every segment begins with an IDR at exactly its start (rfc8216bis 3, Apple HLS Authoring
//! Specification 7.4), and no frame refers over a border (closed GOPs).

use std::collections::VecDeque;

use super::{
    Segment, SegmenterError,
    fragment_reader::Sample,
    segment_writer::{PlacedSample, SegmentWriter},
};
use crate::pipeline::plan::Timing;

pub(super) struct VideoCutter {
    track: usize,
    timing: Timing,
    expected_frames: Option<u64>,
    /// Samples that are not in a segment yet, in decode order.
    waiting: VecDeque<PlacedSample>,
    frames_taken: u64,
    frames_cut: u64,
    segments_cut: u64,
    next_sequence_number: u32,
    /// Where the stream begins on ffmpeg's timeline.
    start: Option<i64>,
}

impl VideoCutter {
    pub(super) fn new(track: usize, timing: Timing, expected_frames: Option<u64>) -> Self {
        Self {
            track,
            timing,
            expected_frames,
            waiting: VecDeque::new(),
            frames_taken: 0,
            frames_cut: 0,
            segments_cut: 0,
            next_sequence_number: 1,
            start: None,
        }
    }

    /// The same for a track whose first segments, so many, are there already.
    pub(super) fn after(self, number: u64) -> Self {
        let frames = number * self.timing.segment_frames;
        let fragments = u32::try_from(frames / self.timing.gop_frames.max(1)).unwrap_or(u32::MAX);
        Self {
            frames_taken: frames,
            frames_cut: frames,
            segments_cut: number,
            next_sequence_number: fragments.saturating_add(1),
            ..self
        }
    }

    pub(super) fn frames_taken(&self) -> u64 {
        self.frames_taken
    }

    pub(super) fn segments_cut(&self) -> u64 {
        self.segments_cut
    }

    pub(super) fn take(&mut self, samples: Vec<Sample>) -> Result<(), SegmenterError> {
        for sample in samples {
            let frame = self.frames_taken;
            let first_place = i64::try_from(frame * u64::from(self.timing.frame_ticks)).unwrap_or(i64::MAX);
            let start = *self.start.get_or_insert(sample.presentation_time - first_place);
            if frame.is_multiple_of(self.timing.gop_frames) && !sample.is_sync() {
                return Err(self.unplanned(frame, "is no keyframe"));
            }
            let decode_time = i64::try_from(frame * u64::from(self.timing.frame_ticks)).unwrap_or(i64::MAX);
            let presentation_time = sample.presentation_time - start;
            if presentation_time % i64::from(self.timing.frame_ticks) != 0 || presentation_time < 0 {
                return Err(self.unplanned(frame, "does not lie on the frame rate"));
            }
            let composition_offset = presentation_time - decode_time;
            if sample.is_sync() && composition_offset != 0 {
                return Err(self.unplanned(frame, "is a keyframe that is not shown in its place"));
            }
            self.waiting.push_back(PlacedSample {
                duration_ticks: self.timing.frame_ticks,
                flags: sample.flags,
                composition_offset,
                data: sample.data,
            });
            self.frames_taken += 1;
        }
        Ok(())
    }

    fn unplanned(&self, frame: u64, what: &str) -> SegmenterError {
        SegmenterError::Unplanned(format!("frame {frame} of rendition {} {what}", self.track + 1))
    }

    /// The next full segment, once it is sure that the rest is long enough to be a segment of its own.
    pub(super) fn next_segment(&mut self) -> Result<Option<Segment>, SegmenterError> {
        let end = self.frames_cut + self.timing.segment_frames;
        // A source that says it goes on for another GOP is believed; otherwise half a second more must be there.
        let goes_on = self.expected_frames.is_some_and(|expected| expected >= end + self.timing.gop_frames);
        let more = if goes_on { 0 } else { self.timing.shortest_segment_frames() };
        if self.frames_taken < end + more {
            return Ok(None);
        }
        self.cut(self.timing.segment_frames).map(Some)
    }

    /// All that is left, after the end of the track.
    pub(super) fn last_segment(&mut self) -> Result<Option<Segment>, SegmenterError> {
        if self.waiting.is_empty() {
            return Ok(None);
        }
        self.cut(self.waiting.len() as u64).map(Some)
    }

    fn cut(&mut self, frames: u64) -> Result<Segment, SegmenterError> {
        let ticks = u64::from(self.timing.frame_ticks);
        let mut writer = SegmentWriter::begin(self.frames_cut * ticks, self.next_sequence_number)?;
        let mut left = frames;
        while left > 0 {
            let gop = left.min(self.timing.gop_frames);
            let samples: Vec<PlacedSample> =
                self.waiting.drain(..usize::try_from(gop).unwrap_or(usize::MAX).min(self.waiting.len())).collect();
            writer.fragment(&samples)?;
            left -= gop;
        }
        self.next_sequence_number = writer.next_sequence_number();
        let segment = Segment {
            track: self.track,
            number: self.segments_cut,
            duration_ticks: frames * ticks,
            timescale: self.timing.timescale,
            data: writer.data,
            keyframes: writer.keyframes,
        };
        self.frames_cut += frames;
        self.segments_cut += 1;
        Ok(segment)
    }
}
