//! A rendition in the making: what is known of it and measured so far.

use super::{
    hls::{self, Growth, MeasuredRates, SegmentEntry, VideoVariant},
    segmenter::TrackFormat,
};
use crate::{
    job::{RenditionProgress, RenditionReport},
    media::{DynamicRange, PictureSize},
};

/// One rendition in the making.
pub(super) struct Rendition {
    pub(super) name: String,
    pub(super) target_bps: u64,
    /// What BANDWIDTH says until it can be measured.
    pub(super) expected: MeasuredRates,
    pub(super) format: Option<TrackFormat>,
    pub(super) timescale: u32,
    pub(super) segments: Vec<SegmentEntry>,
    pub(super) earlier: Earlier,
}

/// What an earlier run has finished of a rendition.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    /// Its init segment; `None` when there is nothing.
    pub(super) init: Option<Vec<u8>>,
    /// Number of its segments.
    pub(super) segments: u64,
}

impl Rendition {
    pub(super) fn new(name: &str, expected: MeasuredRates, timescale: u32) -> Self {
        let (name, segments) = (name.to_owned(), Vec::new());
        let earlier = Earlier::default();
        Self { name, target_bps: expected.average_bps, expected, format: None, timescale, segments, earlier }
    }

    pub(super) fn seconds(&self) -> f64 {
        hls::seconds(self.segments.iter().map(|segment| segment.duration_ticks).sum(), self.timescale)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    pub(super) fn rates(&self, target_duration_seconds: u64, growth: Growth) -> MeasuredRates {
        if growth == Growth::Growing {
            return self.expected;
        }
        let segments: Vec<(f64, u64)> = self
            .segments
            .iter()
            .map(|segment| (hls::seconds(segment.duration_ticks, self.timescale), segment.bytes))
            .collect();
        hls::measure(&segments, target_duration_seconds)
    }

    pub(super) fn variant(
        &self,
        (uri, i_frame_uri): (String, String),
        target_duration_seconds: u64,
        growth: Growth,
    ) -> Option<VideoVariant> {
        let Some(TrackFormat::Video { codecs, width, height }) = &self.format else { return None };
        let is_finished = growth == Growth::Finished;
        Some(VideoVariant {
            uri,
            i_frame_uri,
            codecs: codecs.clone(),
            size: PictureSize { width: *width, height: *height },
            range: DynamicRange::Sdr,
            is_common: true,
            rates: self.rates(target_duration_seconds, growth),
            i_frame_rates: is_finished
                .then(|| hls::measure_i_frames(&self.segments, self.timescale, target_duration_seconds)),
        })
    }

    pub(super) fn progress(&self) -> RenditionProgress {
        let seconds = self.seconds();
        RenditionProgress {
            name: self.name.clone(),
            segments: self.segments.len(),
            bytes: self.bytes(),
            measured_bps: (seconds > 0.0).then(|| (self.bytes() as f64 * 8.0 / seconds) as u64),
        }
    }

    pub(super) fn report(&self, target_duration_seconds: u64) -> RenditionReport {
        let rates = self.rates(target_duration_seconds, Growth::Finished);
        let size = match &self.format {
            Some(TrackFormat::Video { width, height, .. }) => Some(PictureSize { width: *width, height: *height }),
            _ => None,
        };
        RenditionReport {
            name: self.name.clone(),
            codecs: self.format.as_ref().map(|format| format.codecs().to_owned()).unwrap_or_default(),
            size,
            target_bps: self.target_bps,
            average_bps: rates.average_bps,
            peak_bps: rates.peak_bps,
            bytes: self.bytes(),
            segments: self.segments.len(),
        }
    }
}
