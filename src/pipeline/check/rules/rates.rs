//! Bit rates as they are told and as they measure (rules 5 and 21).

use m3u8_rs::VariantStream;

use crate::pipeline::{
    check::{
        measure::Kind,
        rule::Rule,
        stream::{GroupType, Rendition, Stream},
        verdict::Ledger,
    },
    package::hls::{self, MeasuredRates},
};

/// How far BANDWIDTH may lie above the measured peak, and AVERAGE-BANDWIDTH around the measured average.
const TOLERANCE: f64 = 0.1;
/// Rates are rounded to whole bits a second, and by some writers to more.
const ROUNDING: f64 = 0.001;

/// The rates of one rendition: bits of its segments over EXTINF; `None` when not all segments are there.
fn rates(rendition: &Rendition) -> Option<MeasuredRates> {
    let segments: Option<Vec<(f64, u64)>> = rendition
        .segments
        .iter()
        .zip(&rendition.media.entries)
        .map(|(segment, entry)| Some((entry.seconds, segment.as_ref()?.bytes)))
        .collect();
    let segments = segments.filter(|segments| !segments.is_empty())?;
    Some(hls::measure(&segments, rendition.media.target_duration_seconds.unwrap_or(6)))
}

/// The largest rates in a group; `None` when one of its renditions is not all there.
fn largest_of<'a>(group: impl Iterator<Item = &'a Rendition>) -> Option<MeasuredRates> {
    let mut largest = MeasuredRates::default();
    for rendition in group {
        largest = larger(largest, rates(rendition)?);
    }
    Some(largest)
}

fn larger(a: MeasuredRates, b: MeasuredRates) -> MeasuredRates {
    MeasuredRates { peak_bps: a.peak_bps.max(b.peak_bps), average_bps: a.average_bps.max(b.average_bps) }
}

/// The rates of picture and sound in the largest combination that a variant can be played as (rfc8216bis 4.4.6.2).
fn combined(stream: &Stream, variant: &VariantStream, rendition: &Rendition) -> Option<MeasuredRates> {
    let mut all = rates(rendition)?;
    for (kind, id) in [(GroupType::Audio, &variant.audio), (GroupType::Video, &variant.video)] {
        let largest = largest_of(stream.group(kind, id.as_deref()))?;
        let is_member = stream.group(kind, id.as_deref()).any(|member| member.address == rendition.address);
        // The members of a group are played in place of each other, and beside what is not in it.
        all = if is_member {
            larger(all, largest)
        } else {
            MeasuredRates {
                peak_bps: all.peak_bps + largest.peak_bps,
                average_bps: all.average_bps + largest.average_bps,
            }
        };
    }
    Some(all)
}

/// The rates of each variant.
pub(super) fn variants(stream: &Stream, ledger: &mut Ledger) {
    for (variant, rendition) in stream.variants().filter(|(variant, _)| !variant.is_i_frame) {
        let Some((own, all)) = rates(rendition).zip(combined(stream, variant, rendition)) else { continue };
        let text = largest_of(stream.group(GroupType::Subtitles, variant.subtitles.as_deref())).unwrap_or_default();
        judge(variant, all, text, ledger);
        if rendition.kind() == Some(Kind::Picture) {
            let kept = own.peak_bps as f64 <= 2.0 * own.average_bps as f64 * (1.0 + ROUNDING);
            ledger.judge(Rule::PeakToAverage, &variant.uri, kept, || {
                format!("the peak is {} bit/s, the average {}", own.peak_bps, own.average_bps)
            });
        }
    }
}

/// Subtitles belong to what a variant can be played as; most packagers leave them out, as they are next to nothing. What is
/// told may lie between the two.
fn judge(variant: &VariantStream, without_text: MeasuredRates, text: MeasuredRates, ledger: &mut Ledger) {
    let is_between = |told: u64, least: f64, most: f64| {
        told as f64 >= least * (1.0 - ROUNDING) && told as f64 <= most * (1.0 + ROUNDING)
    };
    let (told, measured) = (variant.bandwidth, without_text.peak_bps);
    let most = (measured + text.peak_bps) as f64 / (1.0 - TOLERANCE);
    ledger.judge(Rule::Bandwidth, &variant.uri, is_between(told, measured as f64, most), || {
        format!("BANDWIDTH is {told}, measured {measured}")
    });
    if let Some(told) = variant.average_bandwidth {
        let measured = without_text.average_bps;
        let most = (measured + text.average_bps) as f64 * (1.0 + TOLERANCE);
        let kept = is_between(told, measured as f64 * (1.0 - TOLERANCE), most);
        ledger.judge(Rule::AverageBandwidth, &variant.uri, kept, || {
            format!("AVERAGE-BANDWIDTH is {told}, measured {measured}")
        });
    }
}

/// BANDWIDTH of an I-frame playlist beside its frames: pairs of length in seconds and size in bytes.
pub(super) fn i_frames(variant: &str, told: u64, frames: &[(f64, u64)], target_seconds: u64, ledger: &mut Ledger) {
    let measured = hls::measure(frames, target_seconds).peak_bps;
    let kept = (told as f64 - measured as f64).abs() <= measured as f64 * (TOLERANCE + ROUNDING);
    ledger.judge(Rule::IFrameBandwidth, &variant, kept, || format!("BANDWIDTH is {told}, measured {measured}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_kept(bandwidth: u64, average: u64, text: MeasuredRates) -> (bool, bool) {
        let variant = VariantStream {
            bandwidth,
            average_bandwidth: Some(average),
            uri: "v".to_owned(),
            ..VariantStream::default()
        };
        let mut ledger = Ledger::default();
        judge(&variant, MeasuredRates { peak_bps: 1_000_000, average_bps: 500_000 }, text, &mut ledger);
        (!ledger.is_broken(Rule::Bandwidth), !ledger.is_broken(Rule::AverageBandwidth))
    }

    #[test]
    fn bandwidth_is_at_the_peak_or_a_little_above() {
        let is_kept = |bandwidth, average| is_kept(bandwidth, average, MeasuredRates::default());
        assert_eq!(is_kept(1_000_000, 500_000), (true, true));
        assert_eq!(is_kept(1_100_000, 549_000), (true, true));
        assert_eq!(is_kept(990_000, 440_000), (false, false));
        assert_eq!(is_kept(1_120_000, 560_000), (false, false));
    }

    #[test]
    fn subtitles_may_be_counted_or_left_out() {
        let karaoke = MeasuredRates { peak_bps: 300_000, average_bps: 200_000 };
        assert_eq!(is_kept(1_000_000, 500_000, karaoke), (true, true));
        assert_eq!(is_kept(1_300_000, 700_000, karaoke), (true, true));
        assert_eq!(is_kept(1_500_000, 800_000, karaoke), (false, false));
    }
}
