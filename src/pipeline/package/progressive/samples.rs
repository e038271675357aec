//! Where the samples of a rendition lie in its segments, and their times; not the samples themselves.

use std::{
    fs::File,
    io::{BufReader, Read, Seek},
    path::{Path, PathBuf},
};

use mp4_atom::{Atom, Header, Moof, ReadFrom};

use crate::pipeline::{
    layout::{INIT_SEGMENT, segment_file_name},
    package::{FinishedTrack, PackageError},
};

/// The flag of ISO/IEC 14496-12, 8.8.3.1, that a sample is not a sync sample.
const IS_NON_SYNC: u32 = 0x0001_0000;
/// A box of more than this is damage: a `moof` describes the samples of some seconds.
const LARGEST_MOOF_BYTES: usize = 1 << 26;

/// All samples of a rendition.
#[derive(Debug)]
pub(super) struct TrackSamples {
    /// The init segment.
    pub(super) init: Vec<u8>,
    /// Paths of the segments.
    pub(super) segments: Vec<PathBuf>,
    /// Ticks a second.
    pub(super) timescale: u32,
    /// Size of each sample in bytes, in decode order.
    pub(super) sizes: Vec<u32>,
    /// Runs of equal durations in ticks.
    pub(super) durations: Runs<u32>,
    /// Runs of equal composition offsets in ticks, which may be negative.
    pub(super) offsets: Runs<i64>,
    /// Numbers of the sync samples, from 1.
    pub(super) sync_samples: Vec<u32>,
    /// Pieces of about a second that lie together.
    pub(super) chunks: Vec<Chunk>,
}

/// Equal values in a row: (how often, value).
#[derive(Debug, Default)]
pub(super) struct Runs<T>(pub(super) Vec<(u32, T)>);

impl<T: PartialEq> Runs<T> {
    fn push(&mut self, value: T) {
        match self.0.last_mut() {
            Some((count, last)) if *last == value => *count += 1,
            _ => self.0.push((1, value)),
        }
    }
}

/// Samples that lie together in a segment.
#[derive(Debug)]
pub(super) struct Chunk {
    /// Index of the segment.
    pub(super) segment: usize,
    /// First byte in the segment.
    pub(super) offset: u64,
    /// Number of bytes.
    pub(super) bytes: u64,
    /// Number of samples.
    pub(super) samples: u32,
    /// Decode time of the first.
    pub(super) start_ticks: u64,
}

impl TrackSamples {
    /// Length in ticks.
    pub(super) fn ticks(&self) -> u64 {
        self.durations.0.iter().map(|(count, duration)| u64::from(*count) * u64::from(*duration)).sum()
    }

    /// How far presentation lies behind decoding at the most: what has to be added for no offset to be negative.
    pub(super) fn delay_ticks(&self) -> u64 {
        self.offsets.0.iter().map(|(_, offset)| *offset).min().filter(|least| *least < 0).unwrap_or(0).unsigned_abs()
    }
}

/// Reads the tables of a rendition's segments.
pub(super) fn read(track: &FinishedTrack, stream_folder: &Path) -> Result<TrackSamples, PackageError> {
    let folder = stream_folder.join(&track.folder);
    let init_path = folder.join(INIT_SEGMENT);
    let init = std::fs::read(&init_path).map_err(|error| PackageError::unreadable(&init_path, &error))?;
    let segments = (0..track.segments.len()).map(|number| folder.join(segment_file_name(number as u64))).collect();
    let mut samples = TrackSamples {
        init,
        segments,
        timescale: track.timescale.max(1),
        sizes: Vec::new(),
        durations: Runs::default(),
        offsets: Runs::default(),
        sync_samples: Vec::new(),
        chunks: Vec::new(),
    };
    for segment in 0..samples.segments.len() {
        let path = samples.segments[segment].clone();
        samples.read_segment(segment, &path).map_err(|error| PackageError::unreadable(&path, &error))?;
    }
    Ok(samples)
}

impl TrackSamples {
    fn read_segment(&mut self, segment: usize, path: &Path) -> mp4_atom::Result<()> {
        let mut reader = BufReader::new(File::open(path)?);
        loop {
            let start = reader.stream_position()?;
            let Some(header) = <Option<Header> as ReadFrom>::read_from(&mut reader)? else { return Ok(()) };
            let size = header.size.ok_or(mp4_atom::Error::InvalidSize)?;
            if header.kind != Moof::KIND {
                reader.seek_relative(i64::try_from(size).map_err(|_| mp4_atom::Error::InvalidSize)?)?;
                continue;
            }
            if size > LARGEST_MOOF_BYTES {
                return Err(mp4_atom::Error::InvalidSize);
            }
            let mut body = Vec::with_capacity(size);
            (&mut reader).take(size as u64).read_to_end(&mut body)?;
            self.add_fragment(segment, start, &Moof::decode_body(&mut body.as_slice())?)?;
        }
    }

    /// Adds what a fragment that begins at byte `start` of its segment describes.
    fn add_fragment(&mut self, segment: usize, start: u64, moof: &Moof) -> mp4_atom::Result<()> {
        for traf in &moof.traf {
            let lacks = mp4_atom::Error::MissingBox;
            let mut decode_time =
                traf.tfdt.as_ref().map(|tfdt| tfdt.base_media_decode_time).ok_or(lacks(mp4_atom::Tfdt::KIND))?;
            for trun in &traf.trun {
                // Offsets count from the first byte of the moof (default-base-is-moof).
                let data_offset = trun.data_offset.and_then(|offset| u64::try_from(offset).ok());
                let mut offset = start + data_offset.ok_or(mp4_atom::Error::InvalidSize)?;
                let mut is_new_run = true;
                for entry in &trun.samples {
                    let bytes = entry.size.ok_or(mp4_atom::Error::InvalidSize)?;
                    let duration = entry.duration.ok_or(mp4_atom::Error::InvalidSize)?;
                    let place = Chunk { segment, offset, bytes: 0, samples: 0, start_ticks: decode_time };
                    self.add_sample(place, bytes, is_new_run);
                    self.durations.push(duration);
                    self.offsets.push(entry.cts.unwrap_or(0));
                    if entry.flags.unwrap_or(0) & IS_NON_SYNC == 0 {
                        self.sync_samples.push(u32::try_from(self.sizes.len()).unwrap_or(u32::MAX));
                    }
                    is_new_run = false;
                    offset += u64::from(bytes);
                    decode_time += u64::from(duration);
                }
            }
        }
        Ok(())
    }

    /// Adds a sample to the chunk before it, or begins `new` with it when there is a gap or the chunk is a second long.
    fn add_sample(&mut self, new: Chunk, bytes: u32, is_new_run: bool) {
        self.sizes.push(bytes);
        let is_full =
            self.chunks.last().is_none_or(|chunk| new.start_ticks >= chunk.start_ticks + u64::from(self.timescale));
        if is_new_run || is_full {
            self.chunks.push(new);
        }
        if let Some(chunk) = self.chunks.last_mut() {
            chunk.bytes += u64::from(bytes);
            chunk.samples += 1;
        }
    }
}
