//! What an earlier run has finished of a stream, read from the files themselves: a segment is there whole or not at all.

use std::{
    fs::File,
    io::{BufReader, Cursor, Read, Seek},
    path::Path,
};

use mp4_atom::{Atom, Header, Mdat, Moof, ReadFrom};

use super::{
    hls::SegmentEntry,
    segmenter::{KeyframeRange, TrackFormat, format_in},
};
use crate::{
    pipeline::{dropped::DroppedSegments, encryption::Encryptor, plan::EncodePlan},
    tools::disk,
};

/// A box of more than this is damage: a `moof` describes the samples of some seconds.
const LARGEST_MOOF_BYTES: usize = 1 << 26;
/// The header of `mdat`.
const MDAT_HEADER_BYTES: u64 = 8;

/// The segments of all renditions that can stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishedSegments {
    /// In the order of the plan, sound last.
    pub(super) renditions: Vec<FinishedRendition>,
    /// The first segment that is to be encoded: what some rendition of pictures lacks, or of sound where that is alone.
    pub first_segment: u64,
}

/// What is there of one rendition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FinishedRendition {
    pub(super) name: String,
    pub(super) init: Vec<u8>,
    pub(super) format: TrackFormat,
    pub(super) segments: Vec<SegmentEntry>,
}

/// A segment as its boxes tell it.
struct ReadSegment {
    entry: SegmentEntry,
    /// Decode time of its first sample, in ticks.
    start_ticks: u64,
    first_sequence_number: u32,
}

impl FinishedSegments {
    /// The same with one segment more that is encoded; what is there of it stays. `None` when it is the first.
    pub fn one_earlier(self) -> Option<Self> {
        let first_segment = self.first_segment.checked_sub(1).filter(|first| *first > 0)?;
        Some(Self { first_segment, ..self })
    }

    /// Number of frames of the picture that they hold; where sound is alone, one stands for its waveform.
    pub fn frames(&self, plan: &EncodePlan) -> u64 {
        let Some(picture) = self.renditions.first().filter(|_| plan.video_stream.is_some()) else { return 1 };
        let ticks: u64 = picture.segments.iter().map(|segment| segment.duration_ticks).sum();
        ticks.div_ceil(u64::from(plan.timing.frame_ticks))
    }

    /// Reads what lies in a stream's folder, through `encryptor` where it is encrypted, and removes what can't stay: those
    /// with holes that nobody has noted as `dropped`, segments after a missing one, and last ones that are shorter or longer
    /// than all others (unless the encode had come to its end). `None` when there is not one segment of all pictures.
    pub fn take_over(
        plan: &EncodePlan,
        folder: &Path,
        is_whole: bool,
        encryptor: Option<&Encryptor<'_>>,
        dropped: Option<&DroppedSegments>,
    ) -> Option<Self> {
        let timing = &plan.timing;
        let names = plan.renditions.iter().map(|rendition| &rendition.name);
        let names: Vec<&String> = names.chain(plan.audio.iter().map(|audio| &audio.name)).collect();
        let mut renditions = Vec::new();
        for (track, name) in names.into_iter().enumerate() {
            let place = folder.join(plan.files.segments_folder(name));
            let read = |number: u64| {
                let in_stream = plan.files.segment(name, number);
                let path = folder.join(&in_stream);
                let is_dropped = dropped.is_some_and(|dropped| dropped.get(&in_stream).is_some());
                if !is_dropped && disk::has_hole(&path).unwrap_or(true) {
                    return None;
                }
                match encryptor {
                    Some(encryptor) => read_encrypted_segment(&path, |data| encryptor.open(name, number, data).ok()?),
                    None => read_segment(&path),
                }
            };
            let init = std::fs::read(folder.join(plan.files.init_segment(name))).ok()?;
            let format = format_in(&init)?;
            let is_video = track < plan.renditions.len();
            let mut segments: Vec<SegmentEntry> = Vec::new();
            let (mut start_ticks, mut sequence_number) = (0, 1);
            while let Some(read) = read(segments.len() as u64) {
                let fits = read.start_ticks == start_ticks && read.first_sequence_number == sequence_number;
                let is_full = !is_video || is_whole || read.entry.duration_ticks == timing.segment_ticks();
                if !fits || !is_full {
                    break;
                }
                start_ticks += read.entry.duration_ticks;
                sequence_number += u32::try_from(read.entry.keyframes.len()).unwrap_or(u32::MAX);
                let keyframes = if is_video { read.entry.keyframes } else { Vec::new() };
                segments.push(SegmentEntry { keyframes, ..read.entry });
            }
            remove_the_rest(&place, segments.len() as u64);
            renditions.push(FinishedRendition { name: name.clone(), init, format, segments });
        }
        // All sound where that is alone.
        let leading = if plan.renditions.is_empty() { renditions.len() } else { plan.renditions.len() };
        let there = renditions.iter().take(leading).map(|rendition| rendition.segments.len() as u64).min()?;
        // All is there where a run was killed before it could note that. An encoder needs something to do: the last segment
        // is encoded again, and the one that is there stays.
        let is_all = plan.duration.is_some_and(|duration| plan.start_of_segment(there) >= duration);
        let first_segment = there.saturating_sub(u64::from(is_all && !is_whole));
        (first_segment > 0).then_some(Self { renditions, first_segment })
    }
}

/// Removes all segments from this number on.
fn remove_the_rest(folder: &Path, first: u64) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let number = name.strip_prefix("segment_").and_then(|rest| rest.strip_suffix(".m4s"));
        let is_late = number.and_then(|number| number.parse().ok()).is_some_and(|number: u64| number >= first);
        if is_late && let Err(error) = std::fs::remove_file(entry.path()) {
            tracing::warn!(%error, path = %entry.path().display(), "an unfinished file could not be removed");
        }
    }
}

/// `None` when the file is not there or not a whole segment.
fn read_segment(path: &Path) -> Option<ReadSegment> {
    let file = File::open(path).ok()?;
    let bytes = file.metadata().ok()?.len();
    read_boxes(BufReader::new(file), bytes)
}

/// The same for a file that `open` makes clear.
fn read_encrypted_segment(path: &Path, open: impl FnOnce(Vec<u8>) -> Option<Vec<u8>>) -> Option<ReadSegment> {
    let sealed = std::fs::read(path).ok()?;
    let bytes = sealed.len() as u64;
    let clear = open(sealed)?;
    let length = clear.len() as u64;
    let mut read = read_boxes(Cursor::new(clear), length)?;
    // Keyframes lie where they lie in the clear segment.
    read.entry.bytes = bytes;
    Some(read)
}

fn read_boxes(mut reader: impl Read + Seek, bytes: u64) -> Option<ReadSegment> {
    let mut keyframes = Vec::new();
    let mut first = None;
    let mut begun: Option<KeyframeRange> = None;
    loop {
        let start = reader.stream_position().ok()?;
        let Some(header) = <Option<Header> as ReadFrom>::read_from(&mut reader).ok()? else { break };
        let size = header.size?;
        if header.kind == Moof::KIND {
            let moof = read_moof(&mut reader, size)?;
            let traf = moof.traf.first()?;
            let (ticks, first_bytes) = samples_in(&moof)?;
            let time = traf.tfdt.as_ref()?.base_media_decode_time;
            first.get_or_insert((time, moof.mfhd.sequence_number));
            let header = reader.stream_position().ok()? - start;
            let length = header + MDAT_HEADER_BYTES + first_bytes;
            begun = Some(KeyframeRange { offset: start, length, duration_ticks: ticks });
        } else {
            if header.kind == Mdat::KIND {
                keyframes.push(begun.take()?);
            }
            reader.seek_relative(i64::try_from(size).ok()?).ok()?;
            if reader.stream_position().ok()? > bytes {
                return None;
            }
        }
    }
    let duration_ticks = keyframes.iter().map(|keyframe| keyframe.duration_ticks).sum();
    let (start_ticks, first_sequence_number) = first.filter(|_| begun.is_none())?;
    let entry = SegmentEntry { duration_ticks, bytes, keyframes, key: None };
    Some(ReadSegment { entry, start_ticks, first_sequence_number })
}

fn read_moof(reader: &mut impl Read, size: usize) -> Option<Moof> {
    if size > LARGEST_MOOF_BYTES {
        return None;
    }
    let mut body = Vec::with_capacity(size);
    reader.take(size as u64).read_to_end(&mut body).ok()?;
    Moof::decode_body(&mut body.as_slice()).ok()
}

/// Length of all samples in ticks, and size of the first in bytes.
fn samples_in(moof: &Moof) -> Option<(u64, u64)> {
    let mut samples = moof.traf.iter().flat_map(|traf| &traf.trun).flat_map(|trun| trun.samples.iter());
    let first = samples.next()?;
    let rest: Option<u64> = samples.map(|entry| entry.duration.map(u64::from)).sum();
    Some((u64::from(first.duration?) + rest?, u64::from(first.size?)))
}
