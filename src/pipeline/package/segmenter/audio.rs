//! Cuts a track of sound at the packets nearest to the picture's borders, and ends it with the picture.

use std::{collections::VecDeque, time::Duration};

use super::{
    AudioTrackLayout, Segment, SegmenterError,
    fragment_reader::Sample,
    segment_writer::{PlacedSample, SYNC_FLAGS, SegmentWriter},
};
use crate::pipeline::plan::Timing;

pub(super) struct AudioCutter {
    track: usize,
    layout: AudioTrackLayout,
    timing: Timing,
    waiting: VecDeque<PlacedSample>,
    packets_cut: u64,
    segments_cut: u64,
    next_sequence_number: u32,
    /// Packets of the encoder's delay that are still to come; what follows them begins at 0.
    priming_left: u32,
    /// The newest packet. At the end of the track it is silence, as the encode ends with some.
    last: Option<PlacedSample>,
}

impl AudioCutter {
    pub(super) fn new(track: usize, layout: AudioTrackLayout, timing: Timing) -> Self {
        Self {
            track,
            layout,
            timing,
            waiting: VecDeque::new(),
            packets_cut: 0,
            segments_cut: 0,
            next_sequence_number: 1,
            priming_left: layout.priming_packets,
            last: None,
        }
    }

    pub(super) fn take(&mut self, samples: Vec<Sample>) {
        for sample in samples {
            if self.priming_left > 0 {
                self.priming_left -= 1;
                continue;
            }
            let placed = PlacedSample {
                duration_ticks: self.layout.packet_samples,
                flags: SYNC_FLAGS,
                composition_offset: 0,
                data: sample.data,
            };
            self.last = Some(placed.clone());
            self.waiting.push_back(placed);
        }
    }

    /// The packet nearest to the start of picture frame `frame`, counted from 0.
    fn packet_at(&self, frame: u64) -> u64 {
        let rate = self.timing.frame_rate;
        let numerator = u128::from(frame) * u128::from(rate.denominator()) * u128::from(self.layout.sample_rate_hz);
        let denominator = u128::from(rate.numerator()) * u128::from(self.layout.packet_samples);
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

    /// The next segment of a track without pictures beside it, once it is sure that the rest is long enough to be a
    /// segment of its own, also without the silence that may end it.
    pub(super) fn next_segment_alone(&mut self, silence: Duration) -> Result<Option<Segment>, SegmenterError> {
        let end = (self.segments_cut + 1) * self.timing.segment_frames;
        let there = self.packets_cut + self.waiting.len() as u64;
        if there < self.packet_at(end + self.timing.shortest_segment_frames()) + self.whole_packets(silence) {
            return Ok(None);
        }
        let packets = self.packet_at(end).saturating_sub(self.packets_cut);
        self.cut(packets).map(Some)
    }

    /// All that is left of a track without pictures beside it.
    pub(super) fn last_segment_alone(&mut self) -> Result<Option<Segment>, SegmenterError> {
        if self.waiting.is_empty() {
            return Ok(None);
        }
        self.cut(self.waiting.len() as u64).map(Some)
    }

    /// Packets that lie in a time from their first one on.
    fn whole_packets(&self, time: Duration) -> u64 {
        let samples = time.as_secs_f64() * f64::from(self.layout.sample_rate_hz);
        (samples / f64::from(self.layout.packet_samples)) as u64
    }

    /// The length of all that was taken, but for this silence at its end.
    pub(super) fn length_without(&self, silence: Duration) -> Duration {
        let packets = (self.packets_cut + self.waiting.len() as u64).saturating_sub(self.whole_packets(silence));
        let samples = packets * u64::from(self.layout.packet_samples);
        Duration::from_secs_f64(samples as f64 / f64::from(self.layout.sample_rate_hz))
    }

    /// Ends a track without pictures beside it with the packet that is nearest to this time.
    pub(super) fn end_at(&mut self, time: Duration) {
        let samples = time.as_secs_f64() * f64::from(self.layout.sample_rate_hz);
        let packets = (samples / f64::from(self.layout.packet_samples)).round() as u64;
        self.fill_with_silence(packets);
        self.waiting.truncate(usize::try_from(packets.saturating_sub(self.packets_cut)).unwrap_or(usize::MAX));
    }

    /// The length of all that was taken, in frames.
    pub(super) fn frames_taken(&self) -> u64 {
        let packets = self.packets_cut + self.waiting.len() as u64;
        let rate = self.timing.frame_rate.per_second();
        let seconds = (packets * u64::from(self.layout.packet_samples)) as f64 / f64::from(self.layout.sample_rate_hz);
        (seconds * rate) as u64
    }

    /// The rest, after the end of the tracks, cut to the picture's `segments` and its length of `frames`: sound that is
    /// too long ends early, sound that is too short goes on as silence.
    pub(super) fn last_segments(&mut self, segments: u64, frames: u64) -> Result<Vec<Segment>, SegmenterError> {
        let mut last = Vec::new();
        self.fill_with_silence(self.packet_at(frames));
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

    fn fill_with_silence(&mut self, packets: u64) {
        let there = self.packets_cut + self.waiting.len() as u64;
        if let Some(silence) = self.last.clone() {
            // The packets share their bytes.
            self.waiting.extend((there..packets).map(|_| silence.clone()));
        }
    }

    fn cut(&mut self, packets: u64) -> Result<Segment, SegmenterError> {
        let ticks = u64::from(self.layout.packet_samples);
        let mut writer = SegmentWriter::begin(self.packets_cut * ticks, self.next_sequence_number)?;
        let count = usize::try_from(packets).unwrap_or(usize::MAX).min(self.waiting.len());
        let samples: Vec<PlacedSample> = self.waiting.drain(..count).collect();
        writer.fragment(&samples)?;
        self.next_sequence_number = writer.next_sequence_number();
        let segment = Segment {
            track: self.track,
            number: self.segments_cut,
            duration_ticks: count as u64 * ticks,
            timescale: self.layout.sample_rate_hz,
            data: writer.data,
            keyframes: Vec::new(),
        };
        self.packets_cut += count as u64;
        self.segments_cut += 1;
        Ok(segment)
    }
}
