//! Times: of the segments of one rendition, and of all renditions beside each other (rules 2, 11, 12 and 13).

use crate::pipeline::{
    check::{
        CheckOptions,
        measure::{Kind, Span},
        rule::Rule,
        stream::{GroupType, Rendition, Stream},
        verdict::Ledger,
    },
    layout::is_name_of_stream,
};

/// The most by which sound and picture may be apart, in seconds.
const LIP_SYNC: f64 = 0.045;
/// Times are rounded to ticks of 90 kHz or to milliseconds by some writers.
const ROUNDING: f64 = 0.001_5;
/// Less than this is no segment that was lost, but sound that ends later than the picture.
const LOST_SEGMENT: f64 = 0.5;
/// EXTINF is often rounded to milliseconds, and each may be off by that in a sum.
const EXTINF_ROUNDING: f64 = 0.000_6;

/// The times of one rendition.
pub(super) fn rendition(rendition: &Rendition, ledger: &mut Ledger) {
    let Some(main) = rendition.kind().filter(|kind| matches!(kind, Kind::Picture | Kind::Sound)) else { return };
    durations(rendition, main, ledger);
    for kind in [Kind::Picture, Kind::Sound] {
        continuity(rendition, kind, ledger);
    }
}

fn durations(rendition: &Rendition, main: Kind, ledger: &mut Ledger) {
    let mut frame = 0.0_f64;
    for (index, segment, span) in rendition.spans(main) {
        frame = frame.max(span.frame_seconds());
        let (told, measured) = (rendition.media.entries[index].seconds, span.end() - span.start());
        let kept = (told - measured).abs() <= span.frame_seconds() + ROUNDING;
        ledger.judge(Rule::SegmentDuration, &segment.address, kept, || {
            format!("EXTINF is {told:.3}, the segment lasts {measured:.3} s")
        });
    }
    if rendition.segments.iter().all(Option::is_some) && frame > 0.0 {
        let (told, measured) = (rendition.media.seconds(), rendition.measured_seconds(main));
        let rounding = EXTINF_ROUNDING * rendition.segments.len() as f64;
        let kept = (told - measured).abs() <= frame + ROUNDING.max(rounding);
        ledger.judge(Rule::TotalDuration, &rendition.address, kept, || {
            format!("all EXTINF are {told:.3}, the segments last {measured:.3} s")
        });
    }
}

fn continuity(rendition: &Rendition, kind: Kind, ledger: &mut Ledger) {
    let mut before: Option<(usize, &Span)> = None;
    for (index, segment, span) in rendition.spans(kind) {
        for (rule, problem) in [
            (Rule::DecodeOrder, &span.decode_order_problem),
            (Rule::Continuous, &span.gap_problem),
            (Rule::EvenFrames, &span.uneven),
        ] {
            ledger.judge(rule, &segment.address, problem.is_none(), || problem.clone().unwrap_or_default());
        }
        let follows = before.filter(|(last, _)| last + 1 == index && !rendition.media.entries[index].discontinuity);
        if let Some((_, before)) = follows {
            let decode = span.seconds(span.decode_start) - before.seconds(before.decode_end);
            let shown = span.start() - before.end();
            let step = if decode.abs() > shown.abs() { decode } else { shown };
            ledger.judge(Rule::Continuous, &segment.address, step.abs() <= ROUNDING, || {
                let what = if step > 0.0 { "a gap" } else { "an overlap" };
                format!("{what} of {:.3} s to the segment before", step.abs())
            });
            let last = before.seconds(before.decode_end - before.frame_ticks.max(1));
            let rises = span.seconds(span.decode_start) > last - ROUNDING;
            ledger.judge(Rule::DecodeOrder, &segment.address, rises, || {
                "decode times go back from the segment before".to_owned()
            });
        }
        before = Some((index, span));
    }
}

/// All renditions with pictures beside the first of them, and all renditions by their discontinuities.
pub(super) fn alike(stream: &Stream, ledger: &mut Ledger) {
    let pictures: Vec<&Rendition> = stream.pictures().collect();
    if let Some((first, others)) = pictures.split_first() {
        for other in others {
            beside(first, other, ledger);
        }
    }
    let played: Vec<&Rendition> = stream.renditions.iter().filter(|rendition| !rendition.media.i_frames_only).collect();
    let Some((first, others)) = played.split_first() else { return };
    let places = |rendition: &Rendition| -> Vec<usize> {
        let entries = rendition.media.entries.iter().enumerate().skip(1);
        entries.filter(|(_, entry)| entry.discontinuity).map(|(index, _)| index).collect()
    };
    let expected = places(first);
    for other in others {
        let kept = places(other) == expected;
        ledger.judge(Rule::Discontinuities, &other.address, kept, || {
            format!("has {} discontinuities, {} has {}", places(other).len(), first.address, expected.len())
        });
    }
}

fn beside(first: &Rendition, other: &Rendition, ledger: &mut Ledger) {
    let (Some(first_start), Some(other_start)) = (first.first(Kind::Picture), other.first(Kind::Picture)) else {
        return;
    };
    let frame = first_start.frame_seconds().max(other_start.frame_seconds());
    let apart = other_start.start() - first_start.start();
    ledger.judge(Rule::CommonStart, &other.address, apart.abs() < frame.max(ROUNDING), || {
        format!("begins {apart:+.3} s from where {} begins", first.address)
    });
    let (first_length, other_length) = (first.measured_seconds(Kind::Picture), other.measured_seconds(Kind::Picture));
    let differ = other_length - first_length;
    ledger.judge(Rule::SameLength, &other.address, differ.abs() <= frame + ROUNDING, || {
        format!("lasts {other_length:.3} s, {} lasts {first_length:.3} s", first.address)
    });
    let counts = (first.segments.len(), other.segments.len());
    ledger.judge(Rule::Aligned, &other.address, counts.0 == counts.1, || {
        format!("has {} segments, {} has {}", counts.1, first.address, counts.0)
    });
    for (first, other) in first.segments.iter().zip(&other.segments) {
        let (Some(first), Some(other)) = (first, other) else { continue };
        let (Some(a), Some(b)) = (first.span(Kind::Picture), other.span(Kind::Picture)) else { continue };
        let apart = b.start() - a.start();
        ledger.judge(Rule::Aligned, &other.address, apart.abs() < frame / 2.0, || {
            format!("begins {apart:+.3} s from where {} begins", first.address)
        });
    }
}

/// The sound that belongs to each picture.
pub(super) fn sound_of<'a>(stream: &'a Stream, picture: &'a Rendition) -> Vec<&'a Rendition> {
    let mut found: Vec<&Rendition> = Vec::new();
    for (variant, _) in stream.variants().filter(|(_, rendition)| rendition.address == picture.address) {
        for sound in stream.group(GroupType::Audio, variant.audio.as_deref()) {
            if !found.iter().any(|known| known.address == sound.address) {
                found.push(sound);
            }
        }
    }
    if found.is_empty() && picture.first(Kind::Sound).is_some() {
        found.push(picture);
    }
    found
}

/// Sound and picture at their ends.
pub(super) fn sync(stream: &Stream, ledger: &mut Ledger) {
    for picture in stream.pictures() {
        let (Some(first), Some(last)) = (picture.first(Kind::Picture), picture.last(Kind::Picture)) else { continue };
        for sound in sound_of(stream, picture) {
            let (Some(sound_first), Some(sound_last)) = (sound.first(Kind::Sound), sound.last(Kind::Sound)) else {
                continue;
            };
            let apart = sound_first.start() - first.start();
            ledger.judge(Rule::SyncStart, &sound.address, apart.abs() <= LIP_SYNC, || {
                format!("the sound starts {apart:+.3} s from the picture of {}", picture.address)
            });
            if picture.is_one_timeline() && sound.is_one_timeline() {
                let apart = sound_last.end() - last.end();
                ledger.judge(Rule::SyncEnd, &sound.address, apart.abs() <= LIP_SYNC, || {
                    format!("the sound ends {apart:+.3} s from the picture of {}", picture.address)
                });
            }
            aligned_sound(picture, sound, ledger);
        }
    }
}

fn aligned_sound(picture: &Rendition, sound: &Rendition, ledger: &mut Ledger) {
    for (pictures, sounds) in picture.segments.iter().zip(&sound.segments) {
        let (Some(pictures), Some(sounds)) = (pictures, sounds) else { continue };
        let (Some(a), Some(b)) = (pictures.span(Kind::Picture), sounds.span(Kind::Sound)) else { continue };
        let apart = b.end() - a.end();
        let is_muxed = sounds.address == pictures.address;
        // In one file with the picture, sound lies beside the frames that are decoded at its time.
        let decoded_before = if is_muxed { a.seconds(a.first_ticks - a.decode_start) } else { 0.0 };
        let most = decoded_before.max(0.0) + b.frame_seconds() + ROUNDING;
        ledger.judge(Rule::AlignedSound, &sounds.address, apart.abs() <= most, || match is_muxed {
            true => format!("its sound ends {apart:+.3} s from its picture"),
            false => format!("ends {apart:+.3} s from where {} ends", pictures.address),
        });
    }
}

/// Subtitles, and sound that is played alone, beside the picture, or where there is none beside the first sound.
pub(super) fn lengths(stream: &Stream, ledger: &mut Ledger) {
    let of_kind = |kind: Kind| {
        let played = stream.renditions.iter().filter(|rendition| !rendition.media.i_frames_only);
        played.filter(move |rendition| rendition.kind() == Some(kind))
    };
    let Some(first) = stream.pictures().next().or_else(|| of_kind(Kind::Sound).next()) else { return };
    if let Some(expected) = whole_length(first) {
        for sound in of_kind(Kind::Sound).filter(|sound| sound.address != first.address) {
            let Some(length) = whole_length(sound) else { continue };
            ledger.judge(Rule::SameLength, &sound.address, (length - expected).abs() <= LOST_SEGMENT, || {
                format!("lasts {length:.3} s, {} lasts {expected:.3} s", first.address)
            });
        }
    }
    for text in of_kind(Kind::Text) {
        let (length, expected) = (text.media.seconds(), first.media.seconds());
        // Subtitles of others may end with the last cue.
        let rule = if is_cut_as_here(text) { Rule::SameLength } else { Rule::SubtitleLength };
        ledger.judge(rule, &text.address, expected - length <= LOST_SEGMENT, || {
            format!("lasts {length:.3} s, {} lasts {expected:.3} s", first.address)
        });
    }
}

/// From the start of the first frame to the end of the last one, where all is one piece.
fn whole_length(rendition: &Rendition) -> Option<f64> {
    let kind = rendition.kind()?;
    let (first, last) = (rendition.first(kind)?, rendition.last(kind)?);
    let is_measured = rendition.segments.iter().flatten().all(|segment| segment.span(kind).is_some());
    (is_measured && rendition.is_one_timeline()).then(|| last.end() - first.start())
}

/// Whether the segments have the names that we give, whose subtitles go as far as the picture.
fn is_cut_as_here(text: &Rendition) -> bool {
    text.media.entries.iter().all(|entry| {
        let name = entry.uri.rsplit('/').next().unwrap_or_default();
        name.starts_with("segment_") && is_name_of_stream(&format!("subtitles/{name}"), &|_| false)
    })
}

/// The number of frames beside that of the source.
pub(super) fn source_length(stream: &Stream, options: CheckOptions<'_>, ledger: &mut Ledger) {
    let Some(expected) = options.source_frames else { return };
    for picture in stream.pictures().filter(|picture| picture.segments.iter().all(Option::is_some)) {
        let frames: u64 = picture.spans(Kind::Picture).map(|(.., span)| span.frames).sum();
        ledger.judge(Rule::SourceLength, &picture.address, frames <= expected + 1, || {
            format!("has {frames} frames, the source has {expected}")
        });
    }
}
