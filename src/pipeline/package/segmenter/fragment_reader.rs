//! Reads a fragmented MP4 from a pipe, box by box.

use std::io::Read;

use bytes::Bytes;
use mp4_atom::{Atom, FourCC, Header, Mdat, Moof, Moov, ReadFrom, Tfhd, Traf};

use super::SegmenterError;

/// A box of more than this is damage, not media: a fragment holds a part of a second.
const LARGEST_BOX_BYTES: usize = 1 << 30;
/// The flag of ISO/IEC 14496-12, 8.8.3.1, that a sample is not a sync sample.
const IS_NON_SYNC: u32 = 0x0001_0000;

/// One frame, or one packet of sound.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    /// Flags of ISO/IEC 14496-12, 8.8.3.1.
    pub(super) flags: u32,
    /// Presentation time on ffmpeg's timeline, in ticks.
    pub(super) presentation_time: i64,
    /// The frame itself.
    pub(super) data: Bytes,
}

impl Sample {
    pub(super) fn is_sync(&self) -> bool {
        self.flags & IS_NON_SYNC == 0
    }
}

/// What the pipe carries.
pub(super) enum Piece {
    /// The movie header with the formats of all tracks, as it is in the file, header included.
    Movie(Vec<u8>),
    /// Samples by track, counted from 0.
    Fragment(Vec<(usize, Vec<Sample>)>),
}

pub(super) struct FragmentReader<R> {
    pipe: R,
}

impl<R: Read> FragmentReader<R> {
    pub(super) fn new(pipe: R) -> Self {
        Self { pipe }
    }

    /// The next piece; `None` at the end. A fragment that is cut off at the end of the pipe is left out: it means that
    /// ffmpeg was stopped, which its exit status tells.
    pub(super) fn next_piece(&mut self) -> Result<Option<Piece>, SegmenterError> {
        while let Some(header) = <Option<Header> as ReadFrom>::read_from(&mut self.pipe)? {
            let Some(body) = self.body(header)? else { return Ok(None) };
            if header.kind == Moov::KIND {
                let mut movie = Vec::with_capacity(body.len() + 8);
                mp4_atom::Encode::encode(&header, &mut movie)?;
                movie.extend_from_slice(&body);
                return Ok(Some(Piece::Movie(movie)));
            }
            if header.kind == Moof::KIND {
                let moof = Moof::decode_body(&mut body.as_slice())?;
                let Some(media) = <Option<Header> as ReadFrom>::read_from(&mut self.pipe)? else { return Ok(None) };
                expect(media.kind, Mdat::KIND)?;
                let Some(data) = self.body(media)? else { return Ok(None) };
                // Offsets count from the first byte of the moof (default-base-is-moof).
                let data_start = 8 + body.len() + 8;
                return fragment(&moof, &Bytes::from(data), data_start).map(|samples| Some(Piece::Fragment(samples)));
            }
        }
        Ok(None)
    }

    /// The body of a box; `None` when the pipe ends within it.
    fn body(&mut self, header: Header) -> Result<Option<Vec<u8>>, SegmenterError> {
        let size = header
            .size
            .filter(|size| *size <= LARGEST_BOX_BYTES)
            .ok_or_else(|| SegmenterError::Unplanned(format!("a box “{}” of a size that can't be", header.kind)))?;
        let mut body = Vec::new();
        (&mut self.pipe).take(size as u64).read_to_end(&mut body)?;
        Ok((body.len() == size).then_some(body))
    }
}

fn expect(found: FourCC, expected: FourCC) -> Result<(), SegmenterError> {
    if found == expected {
        return Ok(());
    }
    Err(SegmenterError::Unplanned(format!("a box “{found}” in place of “{expected}”")))
}

fn fragment(moof: &Moof, data: &Bytes, data_start: usize) -> Result<Vec<(usize, Vec<Sample>)>, SegmenterError> {
    moof.traf
        .iter()
        .map(|traf| {
            let track = (traf.tfhd.track_id as usize)
                .checked_sub(1)
                .ok_or_else(|| SegmenterError::Unplanned("a track without a number".to_owned()))?;
            Ok((track, track_samples(traf, data, data_start)?))
        })
        .collect()
}

fn track_samples(traf: &Traf, data: &Bytes, data_start: usize) -> Result<Vec<Sample>, SegmenterError> {
    let Tfhd { default_sample_duration, default_sample_size, default_sample_flags, .. } = traf.tfhd;
    let lacks = |what: &str| SegmenterError::Unplanned(format!("a fragment without {what}"));
    let mut decode_time =
        traf.tfdt.as_ref().map(|tfdt| tfdt.base_media_decode_time).ok_or_else(|| lacks("a decode time"))?;
    let mut samples = Vec::new();
    for trun in &traf.trun {
        let offset = trun.data_offset.and_then(|offset| usize::try_from(offset).ok());
        let mut position =
            offset.and_then(|offset| offset.checked_sub(data_start)).ok_or_else(|| lacks("an offset"))?;
        for entry in &trun.samples {
            let size = entry.size.or(default_sample_size).ok_or_else(|| lacks("sample sizes"))? as usize;
            let duration = entry.duration.or(default_sample_duration).ok_or_else(|| lacks("sample durations"))?;
            let end = position.checked_add(size).filter(|end| *end <= data.len());
            let end = end.ok_or_else(|| lacks("the data of a sample"))?;
            let presentation_time = i64::try_from(decode_time).unwrap_or(i64::MAX) + entry.cts.unwrap_or(0);
            samples.push(Sample {
                flags: entry.flags.or(default_sample_flags).unwrap_or(0),
                presentation_time,
                data: data.slice(position..end),
            });
            position = end;
            decode_time += u64::from(duration);
        }
    }
    Ok(samples)
}
