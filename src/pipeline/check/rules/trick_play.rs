//! I-frame playlists (rule 7).

use std::collections::HashMap;

use super::rates;
use crate::media::PictureSize;
use crate::pipeline::check::{
    files::{Address, Files, LARGEST_SEGMENT_BYTES},
    measure::{FirstPicture, Keyframe, Kind, Span, fragments},
    playlist::{Entry, KeyText},
    rule::Rule,
    stream::{Rendition, Stream},
    verdict::Ledger,
};

/// EXTINF may be rounded to milliseconds.
const ROUNDING: f64 = 0.001_5;

/// Whether there are I-frame playlists, and whether their bit rates are told truly.
pub(super) fn variants(stream: &Stream, files: &dyn Files, ledger: &mut Ledger) {
    if stream.multivariant.is_none() || stream.pictures().next().is_none() {
        return;
    }
    let has_any = stream.variants().any(|(variant, _)| variant.is_i_frame);
    ledger.judge(Rule::IFramePlaylists, &stream.entry, has_any, || "has no EXT-X-I-FRAME-STREAM-INF".to_owned());
    for (variant, rendition) in stream.variants().filter(|(variant, _)| variant.is_i_frame) {
        if !rendition.media.i_frames_only {
            ledger.broken(Rule::IFrameRanges, &rendition.address, "has no EXT-X-I-FRAMES-ONLY");
            continue;
        }
        if let (Some(told), Some(size)) = (variant.resolution, size_of(stream, rendition, files)) {
            let kept = (told.width, told.height) == (u64::from(size.width), u64::from(size.height));
            ledger.judge(Rule::Resolution, &variant.uri, kept, || format!("RESOLUTION is {told}, the picture {size}"));
        }
        let sized: Option<Vec<(f64, u64)>> =
            rendition.media.entries.iter().map(|entry| Some((entry.seconds, entry.byte_range?.length))).collect();
        if let Some(frames) = sized.filter(|frames| !frames.is_empty()) {
            let target = rendition.media.target_duration_seconds.unwrap_or(6);
            rates::i_frames(&variant.uri, variant.bandwidth, &frames, target, ledger);
        }
    }
}

/// The size of the picture in the segments of which a playlist names parts, else of that in its own init segment.
fn size_of(stream: &Stream, rendition: &Rendition, files: &dyn Files) -> Option<PictureSize> {
    let first = rendition.media.entries.first()?;
    let address = files.resolve(&rendition.address, &first.uri).ok()?;
    let is_named = |picture: &&Rendition| picture.segments.iter().flatten().any(|segment| segment.address == address);
    let played = stream.pictures().find(is_named).and_then(|picture| picture.format(Kind::Picture)?.size);
    let tracks = rendition.inits.iter().flatten().flat_map(|init| &init.tracks);
    played.or_else(|| tracks.filter(|track| track.kind == Kind::Picture).find_map(|track| track.format.size))
}

/// A segment that is played as a whole, and the playlist that names it.
type Played<'a> = (&'a Rendition, &'a Entry);

/// Segments by their place, where they are whole files.
fn played_segments(stream: &Stream) -> HashMap<&Address, Played<'_>> {
    let played = stream.renditions.iter().filter(|rendition| !rendition.media.i_frames_only);
    let segments = played.flat_map(|rendition| {
        let entries = rendition.segments.iter().zip(&rendition.media.entries);
        entries.filter_map(move |(segment, entry)| Some((&segment.as_ref()?.address, (rendition, entry))))
    });
    segments.filter(|(_, (_, entry))| entry.byte_range.is_none()).collect()
}

/// What is wrong with the key of an entry beside that of the segment of which it is a part.
fn key_problem(rendition: &Rendition, entry: &Entry, (played, whole): Played<'_>, files: &dyn Files) -> Option<String> {
    let (own, other) = match (entry.key, whole.key) {
        (None, None) => return None,
        (Some(own), Some(other)) => (own, other),
        (None, Some(_)) => return Some(format!("has no key, which it has in {}", played.address)),
        (Some(_), None) => return Some(format!("has a key, which it has not in {}", played.address)),
    };
    let (own_text, other_text) = (rendition.media.keys.get(own)?, played.media.keys.get(other)?);
    let place = |base: &Rendition, text: &KeyText| {
        let uri = text.uri.clone().unwrap_or_default();
        files.resolve(&base.address, &uri).map_or(uri, |address| address.0)
    };
    let keys = (rendition.keys.get(own).and_then(Option::as_ref), played.keys.get(other).and_then(Option::as_ref));
    let has_other_key = place(rendition, own_text) != place(played, other_text)
        && matches!(keys, (Some(own), Some(other)) if own != other);
    // A part in the middle begins with a vector of its own.
    let is_start = entry.byte_range.is_none_or(|range| range.offset == 0);
    if own_text.method != other_text.method || has_other_key {
        let uri = |text: &KeyText| text.uri.clone().unwrap_or_default();
        Some(format!("has the key {}, and {} in {}", uri(own_text), uri(other_text), played.address))
    } else if is_start && own_text.vector(entry.sequence) != other_text.vector(whole.sequence) {
        Some(format!("has another initialisation vector than in {}", played.address))
    } else {
        None
    }
}

/// A keyframe that an entry names.
struct Named {
    ticks: i64,
    timescale: u32,
    /// Length of one frame in seconds.
    frame_seconds: f64,
}

/// The entries of one I-frame playlist.
pub(super) fn entries(stream: &Stream, rendition: &Rendition, files: &dyn Files, ledger: &mut Ledger) {
    let known = known_segments(stream);
    let played = played_segments(stream);
    let mut named = Vec::with_capacity(rendition.media.entries.len());
    for entry in &rendition.media.entries {
        // That it leads out of the stream was not written down for these playlists yet.
        let address = match files.resolve(&rendition.address, &entry.uri) {
            Ok(address) => address,
            Err(problem) => {
                ledger.broken(Rule::UriInside, &rendition.address, problem);
                named.push(None);
                continue;
            }
        };
        let problem = played.get(&address).and_then(|played| key_problem(rendition, entry, *played, files));
        if let Some(problem) = problem {
            ledger.broken(Rule::Key, &Address(format!("{}: {}", rendition.address, entry.uri)), problem);
        }
        let found = match known.get(&address) {
            Some(segment) => in_segment(entry, segment),
            // A part of an encrypted file is not whole blocks.
            None if entry.key.is_some() => Ok(None),
            None => alone(rendition, entry, &address, files),
        };
        let place = Address(format!("{}: {}", rendition.address, entry.uri));
        match found {
            Ok(Some(found)) => {
                ledger.kept(Rule::IFrameRanges);
                named.push(Some(found));
            }
            Ok(None) => named.push(None),
            Err(problem) => {
                ledger.broken(Rule::IFrameRanges, &place, problem);
                named.push(None);
            }
        }
    }
    times(rendition, &named, end_of(stream, rendition), ledger);
}

/// Segments of pictures by their place, where they are whole files.
fn known_segments(stream: &Stream) -> HashMap<&Address, &Span> {
    let segments = stream.pictures().flat_map(|picture| picture.spans(Kind::Picture));
    segments
        .filter(|(_, segment, _)| segment.range.is_none())
        .map(|(_, segment, span)| (&segment.address, span))
        .collect()
}

/// The keyframe of an entry that is a part of a segment which was measured.
fn in_segment(entry: &Entry, span: &Span) -> Result<Option<Named>, String> {
    let Some(range) = entry.byte_range else { return Err("has no EXT-X-BYTERANGE".to_owned()) };
    if span.keyframes.is_empty() {
        // In a transport stream the frames have no places that were measured.
        return Ok(None);
    }
    let keyframe = span.keyframes.iter().find(|keyframe| keyframe.offset == range.offset);
    let keyframe = keyframe.ok_or_else(|| format!("no fragment with a keyframe begins at byte {}", range.offset))?;
    whole(keyframe, range.end())?;
    Ok(Some(Named { ticks: keyframe.ticks, timescale: span.timescale, frame_seconds: span.frame_seconds() }))
}

fn whole(keyframe: &Keyframe, end: u64) -> Result<(), String> {
    if keyframe.picture == FirstPicture::Other {
        return Err(format!("the frame at byte {} is no IDR", keyframe.offset));
    }
    if end < keyframe.end {
        return Err(format!("the range ends at byte {end}, the frame at {}", keyframe.end));
    }
    Ok(())
}

/// The keyframe of an entry that is in a file of its own, or in one that no other playlist names as a whole.
fn alone(rendition: &Rendition, entry: &Entry, address: &Address, files: &dyn Files) -> Result<Option<Named>, String> {
    let opened = files.open(address, entry.byte_range, LARGEST_SEGMENT_BYTES);
    let mut opened = opened.map_err(|error| format!("{address} {error}"))?;
    let Some(init) = entry.map.and_then(|map| rendition.inits.get(map)?.as_ref()) else { return Ok(None) };
    // The range ends with the first frame, while its fragment may claim more.
    let Ok(spans) = fragments::measure(&mut *opened.content, opened.bytes, init) else { return Ok(None) };
    let span = spans.iter().find(|span| span.kind == Kind::Picture).ok_or("holds no picture")?;
    let keyframe = span.keyframes.first().ok_or("holds no keyframe")?;
    whole(keyframe, opened.bytes)?;
    Ok(Some(Named { ticks: keyframe.ticks, timescale: span.timescale, frame_seconds: span.frame_seconds() }))
}

/// When the picture ends of which this playlist names the keyframes, in seconds.
fn end_of(stream: &Stream, rendition: &Rendition) -> Option<f64> {
    let first = rendition.media.entries.first()?;
    let folder = |address: &Address| address.0.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned());
    let is_same = |picture: &&Rendition| {
        folder(&picture.address) == folder(&rendition.address)
            && picture.media.entries.iter().any(|entry| entry.uri == first.uri)
    };
    stream.pictures().find(is_same)?.last(Kind::Picture).map(Span::end)
}

/// EXTINF of each entry beside the time to the next keyframe, or to the end.
fn times(rendition: &Rendition, named: &[Option<Named>], end: Option<f64>, ledger: &mut Ledger) {
    let seconds = |named: &Named| named.ticks as f64 / f64::from(named.timescale.max(1));
    for (index, entry) in rendition.media.entries.iter().enumerate() {
        let Some(Some(this)) = named.get(index) else { continue };
        let is_last = index + 1 == rendition.media.entries.len();
        let next = named.get(index + 1).and_then(Option::as_ref).map(seconds).or(end.filter(|_| is_last));
        let is_cut = rendition.media.entries.get(index + 1).is_some_and(|next| next.discontinuity);
        let Some(next) = next.filter(|_| !is_cut) else { continue };
        let distance = next - seconds(this);
        let kept = (entry.seconds - distance).abs() <= this.frame_seconds + ROUNDING;
        ledger.judge(Rule::IFrameTimes, &rendition.address, kept, || {
            format!(
                "EXTINF of entry {} is {:.3}, the next keyframe comes after {distance:.3} s",
                index + 1,
                entry.seconds
            )
        });
    }
}
