//! EXT-X-STREAM-INF beside the media that it describes (rule 5).

use m3u8_rs::{ClosedCaptionGroupId, VariantStream};

use crate::pipeline::check::{
    measure::{Kind, format::names_same_format},
    rule::Rule,
    stream::{GroupType, Rendition, Stream},
    verdict::Ledger,
};

/// FRAME-RATE has three decimals (rfc8216bis 4.4.6.2); some writers round to two.
const FRAME_RATE_TOLERANCE: f64 = 0.006;
/// Transfer functions of ISO/IEC 23091-2, table 3.
const PQ: u16 = 16;
const HLG: u16 = 18;

const LOW_COMPLEXITY: &str = "mp4a.40.2";
const HIGH_EFFICIENCY: [&str; 3] = ["mp4a.40.5", "mp4a.40.05", "mp4a.40.29"];
/// In seconds: 1024 samples at 32 kHz. What is behind spectral band replication has half of the rate that is heard.
const LONGEST_PLAIN_FRAME: f64 = 0.0325;

/// The attributes of all variants.
pub(super) fn variants(stream: &Stream, ledger: &mut Ledger) {
    let Some(multivariant) = &stream.multivariant else { return };
    let names_closed_captions =
        multivariant.lines.values("EXT-X-MEDIA").any(|tag| tag.contains("TYPE=CLOSED-CAPTIONS"));
    for (variant, rendition) in stream.variants() {
        let is_picture = rendition.kind() == Some(Kind::Picture) || variant.resolution.is_some();
        present(variant, is_picture, ledger);
        if variant.is_i_frame {
            continue;
        }
        codecs(stream, variant, rendition, ledger);
        high_efficiency(stream, variant, rendition, ledger);
        measured(variant, rendition, ledger);
        video_range(variant, rendition, ledger);
        let is_told = variant.closed_captions.is_some() || names_closed_captions;
        ledger.judge(Rule::ClosedCaptions, &variant.uri, is_told, || "has no CLOSED-CAPTIONS".to_owned());
        if variant.closed_captions.as_ref().is_some_and(|value| matches!(value, ClosedCaptionGroupId::Other(_))) {
            ledger.broken(Rule::ClosedCaptions, &variant.uri, "CLOSED-CAPTIONS is neither a group nor NONE");
        }
    }
}

fn present(variant: &VariantStream, is_picture: bool, ledger: &mut Ledger) {
    let missing: Vec<&str> = [
        ("CODECS", variant.codecs.is_none()),
        ("AVERAGE-BANDWIDTH", variant.average_bandwidth.is_none() && !variant.is_i_frame),
        ("RESOLUTION", variant.resolution.is_none() && is_picture),
        ("FRAME-RATE", variant.frame_rate.is_none() && is_picture && !variant.is_i_frame),
    ]
    .into_iter()
    .filter_map(|(name, is_missing)| is_missing.then_some(name))
    .collect();
    ledger.judge(Rule::StreamAttributes, &variant.uri, missing.is_empty(), || format!("has no {}", missing.join(", ")));
}

/// CODECS names each format of the variant and of the renditions in its groups, and nothing else.
fn codecs(stream: &Stream, variant: &VariantStream, rendition: &Rendition, ledger: &mut Ledger) {
    let Some(told) = &variant.codecs else { return };
    let told: Vec<&str> = told.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    let sound = stream.group(GroupType::Audio, variant.audio.as_deref());
    let text = stream.group(GroupType::Subtitles, variant.subtitles.as_deref());
    let own = rendition.formats.iter().map(|(_, format)| format);
    // Subtitles in WebVTT may be left out (rfc8216bis 4.4.6.2); sound and picture not.
    let needed = own.chain(sound.flat_map(|sound| sound.formats.iter().map(|(_, format)| format)));
    let needed: Vec<String> = needed.filter_map(|format| format.codecs.clone()).collect();
    let optional: Vec<String> =
        text.flat_map(|text| &text.formats).filter_map(|(_, format)| format.codecs.clone()).collect();
    if needed.is_empty() {
        return;
    }
    let lacking = needed.iter().find(|needed| !told.iter().any(|told| names_same_format(told, needed)));
    ledger.judge(Rule::Codecs, &variant.uri, lacking.is_none(), || {
        format!("CODECS \"{}\" lacks {}", told.join(","), lacking.map_or("", String::as_str))
    });
    // A rendition of which the format is not known could be what is named.
    if stream.renditions.iter().any(|rendition| rendition.formats.is_empty() && !rendition.media.i_frames_only) {
        return;
    }
    let all_known = needed.len() >= rendition.formats.len();
    let too_much = told.iter().find(|told| !needed.iter().chain(&optional).any(|known| names_same_format(told, known)));
    if let Some(too_much) = too_much.filter(|_| all_known && lacking.is_none()) {
        ledger.broken(Rule::Codecs, &variant.uri, format!("CODECS names {too_much}, which is not there"));
    }
}

/// HE-AAC is often signalled as AAC-LC in its sample entry, but its frames are twice as long.
fn high_efficiency(stream: &Stream, variant: &VariantStream, rendition: &Rendition, ledger: &mut Ledger) {
    let told = variant.codecs.iter().flat_map(|told| told.split(','));
    let mut told = told.map(str::trim).filter(|told| HIGH_EFFICIENCY.contains(&told.to_ascii_lowercase().as_str()));
    let Some(told) = told.next() else { return };
    let group = stream.group(GroupType::Audio, variant.audio.as_deref());
    let sounds: Vec<&Rendition> =
        std::iter::once(rendition).chain(group).filter(|sound| sound.format(Kind::Sound).is_some()).collect();
    let is_plain = |sound: &Rendition| {
        let is_low_complexity =
            sound.format(Kind::Sound).is_some_and(|format| format.codecs.as_deref() == Some(LOW_COMPLEXITY));
        is_low_complexity && sound.first(Kind::Sound).is_some_and(|span| span.frame_seconds() < LONGEST_PLAIN_FRAME)
    };
    if !sounds.is_empty() && sounds.iter().all(|sound| is_plain(sound)) {
        ledger.broken(Rule::Codecs, &variant.uri, format!("CODECS names {told}, the sound is {LOW_COMPLEXITY}"));
    }
}

fn measured(variant: &VariantStream, rendition: &Rendition, ledger: &mut Ledger) {
    let size = rendition.format(Kind::Picture).and_then(|format| format.size);
    if let (Some(told), Some(size)) = (variant.resolution, size) {
        let kept = (told.width, told.height) == (u64::from(size.width), u64::from(size.height));
        ledger.judge(Rule::Resolution, &variant.uri, kept, || format!("RESOLUTION is {told}, the picture {size}"));
    }
    if let (Some(told), Some(rate)) = (variant.frame_rate, rendition.frame_rate()) {
        let kept = (told - rate).abs() <= FRAME_RATE_TOLERANCE;
        ledger.judge(Rule::FrameRate, &variant.uri, kept, || format!("FRAME-RATE is {told:.3}, measured {rate:.3}"));
    }
}

fn video_range(variant: &VariantStream, rendition: &Rendition, ledger: &mut Ledger) {
    let Some(colour) = rendition.format(Kind::Picture).and_then(|format| format.colour) else { return };
    let measured = match colour.transfer {
        PQ => "PQ",
        HLG => "HLG",
        _ => "SDR",
    };
    let told = variant
        .other_attributes
        .as_ref()
        .and_then(|others| others.get("VIDEO-RANGE"))
        .map_or("SDR", |range| range.as_str());
    ledger.judge(Rule::VideoRange, &variant.uri, told == measured, || {
        format!("VIDEO-RANGE is {told}, the picture {measured}")
    });
}
