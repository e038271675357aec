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

/// The rates of the largest combination that a variant can be played as (rfc8216bis 4.4.6.2). Subtitles are left out, as
/// packagers do: they are next to nothing, but more than a peak that is told to the bit.
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
        let average = (variant.average_bandwidth, all.average_bps);
        judge(&variant.uri, (variant.bandwidth, all.peak_bps), average, ledger);
        if rendition.kind() == Some(Kind::Picture) {
            let kept = own.peak_bps as f64 <= 2.0 * own.average_bps as f64 * (1.0 + ROUNDING);
            ledger.judge(Rule::PeakToAverage, &variant.uri, kept, || {
                format!("the peak is {} bit/s, the average {}", own.peak_bps, own.average_bps)
            });
        }
    }
}

fn judge(
    variant: &str,
    (told_peak, peak): (u64, u64),
    (told_average, average): (Option<u64>, u64),
    ledger: &mut Ledger,
) {
    let (told, measured) = (told_peak as f64, peak as f64);
    let kept = told >= measured * (1.0 - ROUNDING) && told * (1.0 - TOLERANCE) <= measured * (1.0 + ROUNDING);
    ledger.judge(Rule::Bandwidth, &variant, kept, || format!("BANDWIDTH is {told_peak}, measured {peak}"));
    if let Some(told_average) = told_average {
        let (told, measured) = (told_average as f64, average as f64);
        let kept = (told - measured).abs() <= measured * (TOLERANCE + ROUNDING);
        ledger.judge(Rule::AverageBandwidth, &variant, kept, || {
            format!("AVERAGE-BANDWIDTH is {told_average}, measured {average}")
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

    #[test]
    fn bandwidth_is_at_the_peak_or_a_little_above() {
        let is_kept = |told, told_average| {
            let mut ledger = Ledger::default();
            judge("v", (told, 1_000_000), (Some(told_average), 500_000), &mut ledger);
            (!ledger.is_broken(Rule::Bandwidth), !ledger.is_broken(Rule::AverageBandwidth))
        };
        assert_eq!(is_kept(1_000_000, 500_000), (true, true));
        assert_eq!(is_kept(1_100_000, 549_000), (true, true));
        assert_eq!(is_kept(990_000, 440_000), (false, false));
        assert_eq!(is_kept(1_120_000, 560_000), (false, false));
    }
}
