//! What is known of the segments that a playlist names, and the rates that follow from it.

use m3u8_rs::Key;

use crate::pipeline::package::segmenter::KeyframeRange;

/// A segment that is named in a playlist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentEntry {
    /// Length in ticks of the rendition.
    pub duration_ticks: u64,
    /// Size of the file.
    pub bytes: u64,
    /// Its keyframes; empty for sound.
    pub keyframes: Vec<KeyframeRange>,
    /// The EXT-X-KEY that applies to it alone; none when it is clear.
    pub key: Option<Key>,
}

impl SegmentEntry {
    /// Each keyframe; the first with the EXT-X-KEY that applies to all of them.
    pub fn keyframes_with_keys(&self) -> impl Iterator<Item = (&KeyframeRange, Option<Key>)> {
        let key = |index: usize| self.key.clone().filter(|_| index == 0);
        self.keyframes.iter().enumerate().map(move |(index, keyframe)| (keyframe, key(index)))
    }
}

/// Peak and average of a playlist in bits a second (rfc8216bis 4.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MeasuredRates {
    /// The largest rate of any run of segments that lasts from 0.5 to 1.5 target durations.
    pub peak_bps: u64,
    /// All bits over the whole length.
    pub average_bps: u64,
}

/// Measures a rendition by its segments: pairs of length in seconds and size in bytes.
pub fn measure(segments: &[(f64, u64)], target_duration_seconds: u64) -> MeasuredRates {
    let target = target_duration_seconds as f64;
    let seconds: f64 = segments.iter().map(|segment| segment.0).sum();
    let bits: u64 = segments.iter().map(|segment| segment.1 * 8).sum();
    if seconds <= 0.0 {
        return MeasuredRates::default();
    }
    let average = bits as f64 / seconds;
    let mut peak: f64 = 0.0;
    for start in 0..segments.len() {
        let (mut run_seconds, mut run_bits) = (0.0, 0.0);
        for (seconds, bytes) in &segments[start..] {
            run_seconds += seconds;
            run_bits += (bytes * 8) as f64;
            if run_seconds > 1.5 * target {
                break;
            }
            if run_seconds >= 0.5 * target {
                peak = peak.max(run_bits / run_seconds);
            }
        }
    }
    let peak = if peak > 0.0 { peak } else { average };
    MeasuredRates { peak_bps: peak.ceil() as u64, average_bps: average.round() as u64 }
}

/// Measures a rendition by the entries of its segments.
pub fn measure_segments(segments: &[SegmentEntry], timescale: u32, target_duration_seconds: u64) -> MeasuredRates {
    let sizes: Vec<(f64, u64)> =
        segments.iter().map(|segment| (seconds(segment.duration_ticks, timescale), segment.bytes)).collect();
    measure(&sizes, target_duration_seconds)
}

/// Measures an I-frame playlist.
pub fn measure_i_frames(segments: &[SegmentEntry], timescale: u32, target_duration_seconds: u64) -> MeasuredRates {
    let keyframes: Vec<(f64, u64)> = segments
        .iter()
        .flat_map(|segment| &segment.keyframes)
        .map(|keyframe| (seconds(keyframe.duration_ticks, timescale), keyframe.length))
        .collect();
    measure(&keyframes, target_duration_seconds)
}

/// Ticks as seconds.
pub fn seconds(ticks: u64, timescale: u32) -> f64 {
    ticks as f64 / f64::from(timescale.max(1))
}
