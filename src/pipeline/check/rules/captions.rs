//! Segments of subtitles (rule 24).

use crate::pipeline::check::{
    measure::{Kind, Span},
    rule::Rule,
    stream::Stream,
    verdict::Ledger,
};

/// Cues may begin before their segment and end after it, but must touch it; with some room for rounding.
const ROUNDING: f64 = 0.05;
/// Transport streams often start late, and X-TIMESTAMP-MAP then counts from there.
const LATEST_START_FROM_ZERO: f64 = 60.0;

/// All renditions of WebVTT.
pub(super) fn captions(stream: &Stream, ledger: &mut Ledger) {
    let start = stream.pictures().find_map(|picture| picture.first(Kind::Picture)).map_or(0.0, Span::start);
    for rendition in &stream.renditions {
        let is_cut = rendition.segments.len() > 1;
        let mut segment_start = 0.0;
        for (segment, entry) in rendition.segments.iter().zip(&rendition.media.entries) {
            let segment_end = segment_start + entry.seconds;
            let told = segment.as_ref().and_then(|segment| Some((segment, segment.captions.as_ref()?)));
            if let Some((segment, captions)) = told {
                ledger.judge(Rule::TimestampMap, &segment.address, captions.has_map, || {
                    "has no X-TIMESTAMP-MAP".to_owned()
                });
                let offset = if captions.has_map && start < LATEST_START_FROM_ZERO { start } else { 0.0 };
                let outside = captions.cues.iter().find(|(cue_start, cue_end)| {
                    let (cue_start, cue_end) = (cue_start - offset, cue_end - offset);
                    cue_start > segment_end + ROUNDING || cue_end < segment_start - ROUNDING
                });
                let kept = outside.is_none() || !is_cut;
                ledger.judge(Rule::Captions, &segment.address, kept, || {
                    let (cue_start, cue_end) = outside.copied().unwrap_or_default();
                    format!("a cue from {cue_start:.3} to {cue_end:.3} s is outside of {segment_start:.3} to {segment_end:.3} s")
                });
            }
            segment_start = segment_end;
        }
    }
}
