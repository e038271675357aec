//! What each segment is by itself (rules 9, 10 and 14).

use crate::pipeline::check::{
    measure::{FirstPicture, Kind},
    rule::Rule,
    stream::Rendition,
    verdict::Ledger,
};

/// Segments of six seconds may be off by the frames that make them whole GOPs.
const SEGMENT_SECONDS: std::ops::RangeInclusive<f64> = 5.5..=6.5;
const SHORTEST_LAST_SECONDS: f64 = 0.5;
const KEYFRAME_SECONDS: f64 = 2.0;

/// The segments of one rendition.
pub(super) fn rendition(rendition: &Rendition, ledger: &mut Ledger) {
    lengths(rendition, ledger);
    for (_, segment, span) in rendition.spans(Kind::Picture) {
        if span.first_picture != FirstPicture::Unknown {
            ledger.judge(Rule::StartsWithIdr, &segment.address, span.first_picture == FirstPicture::Idr, || {
                "the first picture is no IDR".to_owned()
            });
        }
        ledger.judge(Rule::ClosedGop, &segment.address, span.first_ticks <= span.start_ticks, || {
            let early = span.seconds(span.first_ticks - span.start_ticks);
            format!("a picture is shown {early:.3} s before the first one")
        });
    }
    keyframe_interval(rendition, ledger);
    init_segments(rendition, ledger);
}

fn lengths(rendition: &Rendition, ledger: &mut Ledger) {
    let Some((last, others)) = rendition.media.entries.split_last() else { return };
    let odd = others.iter().find(|entry| !SEGMENT_SECONDS.contains(&entry.seconds));
    let is_short = last.seconds < SHORTEST_LAST_SECONDS && !others.is_empty();
    ledger.judge(Rule::SixSeconds, &rendition.address, odd.is_none() && !is_short, || match odd {
        Some(entry) => format!("{} lasts {:.3} s", entry.uri, entry.seconds),
        None => format!("the last segment lasts {:.3} s", last.seconds),
    });
}

fn keyframe_interval(rendition: &Rendition, ledger: &mut Ledger) {
    for (_, segment, span) in rendition.spans(Kind::Picture) {
        let longest = span.seconds(span.keyframe_interval_ticks);
        let kept = longest < KEYFRAME_SECONDS + 1.5 * span.frame_seconds();
        ledger.judge(Rule::KeyframeInterval, &segment.address, kept, || format!("{longest:.3} s without a keyframe"));
    }
}

fn init_segments(rendition: &Rendition, ledger: &mut Ledger) {
    for init in rendition.inits.iter().flatten() {
        let has_frames = rendition.segments.iter().flatten().next().is_some();
        if has_frames && !rendition.media.i_frames_only {
            ledger.kept(Rule::InitSegment);
        }
        let known = ["iso5", "iso6", "iso7", "iso8", "iso9", "cmfc", "cmf2"];
        let has_brand = init.brands.iter().any(|brand| known.contains(&brand.as_str()));
        ledger.judge(Rule::Brands, &rendition.address, has_brand && init.tracks.len() == 1, || {
            format!("the init segment has the brands {} and {} tracks", init.brands.join(" "), init.tracks.len())
        });
        for track in init.tracks.iter().filter(|track| track.kind == Kind::Picture) {
            let entry = &track.format.sample_entry;
            let kept = !matches!(entry.as_str(), "avc3" | "hev1" | "dvhe");
            ledger.judge(Rule::SampleEntry, &rendition.address, kept, || format!("the sample entry is {entry}"));
        }
    }
}
