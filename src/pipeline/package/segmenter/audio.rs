//! Cuts the sound at the AAC packets nearest to the picture's borders, and ends it with the picture.

use std::collections::VecDeque;

use super::{
    Segment, SegmenterError,
    fragment_reader::Sample,
    segment_writer::{PlacedSample, SYNC_FLAGS, SegmentWriter},
};
use crate::pipeline::plan::{AAC_FRAME_SAMPLES, Timing};

pub(super) struct AudioCutter {
    track: usize,
    sample_rate_hz: u32,
    timing: Timing,
    waiting: VecDeque<PlacedSample>,
    packets_cut: u64,
    segments_cut: u64,
    next_sequence_number: u32,
    /// The encoder's first packet carries its delay (1024 samples of priming), no sound; the second begins at 0.
    dropped_priming: bool,
}

impl AudioCutter {
    pub(super) fn new(track: usize, sample_rate_hz: u32, timing: Timing) -> Self {
        Self {
            track,
            sample_rate_hz,
            timing,
            waiting: VecDeque::new(),
            packets_cut: 0,
            segments_cut: 0,
            next_sequence_number: 1,
            dropped_priming: false,
        }
    }

    pub(super) fn take(&mut self, samples: Vec<Sample>) {
        for sample in samples {
            if !std::mem::replace(&mut self.dropped_priming, true) {
                continue;
            }
            self.waiting.push_back(PlacedSample {
                duration_ticks: AAC_FRAME_SAMPLES,
                flags: SYNC_FLAGS,
                composition_offset: 0,
                data: sample.data,
            });
        }
    }

    /// The packet nearest to the start of picture frame `frame`, counted from 0.
    fn packet_at(&self, frame: u64) -> u64 {
        let rate = self.timing.frame_rate;
        let numerator = u128::from(frame) * u128::from(rate.denominator()) * u128::from(self.sample_rate_hz);
        let denominator = u128::from(rate.numerator()) * u128::from(AAC_FRAME_SAMPLES);
        u64::try_from((2 * numerator + denominator) / (2 * denominator)).unwrap_or(u64::MAX)
    }

    /// The next segment, if all its packets are there and the picture's segment of the same number, of
    /// `certain_segments`, was cut.
    pub(super) fn next_segment(&mut self, certain_segments: u64) -> Result<Option<Segment>, SegmenterError> {
        if self.segments_cut >= certain_segments {
            return Ok(None);
        }
        let end = self.packet_at((self.segments_cut + 1) * self.timing.segment_frames);
        let packets = end.saturating_sub(self.packets_cut);
        if (self.waiting.len() as u64) < packets {
            return Ok(None);
        }
        self.cut(packets).map(Some)
    }

    /// The rest, after the end of the tracks, cut to the picture's `segments` and its length of `frames`.
    pub(super) fn last_segments(&mut self, segments: u64, frames: u64) -> Result<Vec<Segment>, SegmenterError> {
        let mut last = Vec::new();
        while self.segments_cut < segments && !self.waiting.is_empty() {
            let border = (self.segments_cut + 1) * self.timing.segment_frames;
            let is_last = self.segments_cut + 1 == segments;
            let end = self.packet_at(if is_last { frames } else { border.min(frames) });
            // At least one packet: a segment without any would break the playlist.
            let packets = end.saturating_sub(self.packets_cut).clamp(1, self.waiting.len() as u64);
            last.push(self.cut(packets)?);
        }
        Ok(last)
    }

    fn cut(&mut self, packets: u64) -> Result<Segment, SegmenterError> {
        let ticks = u64::from(AAC_FRAME_SAMPLES);
        let mut writer = SegmentWriter::begin(self.packets_cut * ticks, self.next_sequence_number)?;
        let count = usize::try_from(packets).unwrap_or(usize::MAX).min(self.waiting.len());
        let samples: Vec<PlacedSample> = self.waiting.drain(..count).collect();
        writer.fragment(&samples)?;
        self.next_sequence_number = writer.next_sequence_number();
        let segment = Segment {
            track: self.track,
            number: self.segments_cut,
            duration_ticks: count as u64 * ticks,
            timescale: self.sample_rate_hz,
            data: writer.data,
            keyframes: Vec::new(),
        };
        self.packets_cut += count as u64;
        self.segments_cut += 1;
        Ok(segment)
    }
}
