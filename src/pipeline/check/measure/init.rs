//! Init segments of fMP4: which tracks there are, and in which formats.

use std::io::{Read, Seek, SeekFrom};

use mp4_atom::{Atom, ElstEntry, Ftyp, Header, Moov, ReadAtom, ReadFrom, Trex};

use super::{
    Kind, Unmeasurable,
    format::{self, Format},
};

/// The largest `moov` of an init segment; real ones have a few kilobytes.
const LARGEST_MOOV_BYTES: usize = 8 << 20;

/// What an init segment says.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Init {
    /// Size of the file.
    pub(in super::super) bytes: u64,
    /// Major and compatible brands.
    pub(in super::super) brands: Vec<String>,
    pub(in super::super) tracks: Vec<Track>,
}

/// A track of an init segment.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Track {
    pub(in super::super) id: u32,
    pub(in super::super) timescale: u32,
    pub(in super::super) kind: Kind,
    pub(in super::super) format: Format,
    /// What the edit list adds to presentation times, in ticks of the track (ISO/IEC 14496-12, 8.6.6).
    pub(super) shift_ticks: i64,
    /// What applies to samples that say nothing of themselves.
    pub(super) defaults: Trex,
}

/// Reads an init segment. `content` begins at its first byte.
pub(in super::super) fn read(content: &mut (impl Read + Seek + ?Sized), bytes: u64) -> Result<Init, Unmeasurable> {
    let mut init = Init { bytes, brands: Vec::new(), tracks: Vec::new() };
    let mut has_movie = false;
    while let Some(header) = <Option<Header> as ReadFrom>::read_from(content)? {
        let size = header.size.ok_or_else(|| Unmeasurable("a box without a size".to_owned()))?;
        if header.kind == Ftyp::KIND && size <= LARGEST_MOOV_BYTES {
            let brands = Ftyp::read_atom(&header, content)?;
            let all = std::iter::once(brands.major_brand).chain(brands.compatible_brands);
            init.brands = all.map(|brand| brand.to_string()).collect();
        } else if header.kind == Moov::KIND {
            if size > LARGEST_MOOV_BYTES {
                return Err(Unmeasurable("its moov is larger than any real one".to_owned()));
            }
            has_movie = true;
            init.tracks = tracks(Moov::read_atom(&header, content)?);
        } else {
            skip(content, size as u64, bytes)?;
        }
    }
    if has_movie { Ok(init) } else { Err(Unmeasurable("it has no moov".to_owned())) }
}

/// Goes over the body of a box, which must be there.
pub(super) fn skip(content: &mut (impl Read + Seek + ?Sized), size: u64, bytes: u64) -> Result<(), Unmeasurable> {
    let end = content.stream_position()?.checked_add(size).filter(|end| *end <= bytes);
    let end = end.ok_or_else(|| Unmeasurable("it ends in the middle of a box".to_owned()))?;
    content.seek(SeekFrom::Start(end))?;
    Ok(())
}

fn tracks(movie: Moov) -> Vec<Track> {
    let movie_timescale = movie.mvhd.timescale;
    let defaults = movie.mvex.map(|mvex| mvex.trex).unwrap_or_default();
    let mut tracks = Vec::new();
    for track in movie.trak {
        let id = track.tkhd.track_id;
        let handler: [u8; 4] = track.mdia.hdlr.handler.into();
        let kind = match &handler {
            b"vide" => Kind::Picture,
            b"soun" => Kind::Sound,
            b"text" | b"subt" | b"sbtl" => Kind::Text,
            _ => Kind::Other,
        };
        let timescale = track.mdia.mdhd.timescale;
        let edits = track.edts.and_then(|edits| edits.elst).map(|list| list.entries).unwrap_or_default();
        let shift_ticks = shift(&edits, movie_timescale, timescale);
        let Some(entry) = track.mdia.minf.stbl.stsd.codecs.into_iter().next() else { continue };
        tracks.push(Track {
            id,
            timescale,
            kind,
            format: format::of_sample_entry(&entry),
            shift_ticks,
            defaults: defaults.iter().find(|defaults| defaults.track_id == id).cloned().unwrap_or_default(),
        });
    }
    tracks
}

/// Empty edits come before the media, and the first real one says where in the media it begins.
fn shift(edits: &[ElstEntry], movie_timescale: u32, timescale: u32) -> i64 {
    let mut shift: i128 = 0;
    for edit in edits {
        match edit.media_time {
            None => {
                shift += i128::from(edit.segment_duration) * i128::from(timescale) / i128::from(movie_timescale.max(1));
            }
            Some(start) => {
                shift -= i128::from(start);
                break;
            }
        }
    }
    i64::try_from(shift).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edit_lists_move_presentation_times() {
        let edit = |segment_duration, media_time| ElstEntry { segment_duration, media_time, ..ElstEntry::default() };
        assert_eq!(shift(&[], 1000, 12_800), 0);
        assert_eq!(shift(&[edit(80, None), edit(0, Some(1024))], 1000, 12_800), 0);
        assert_eq!(shift(&[edit(0, Some(1024))], 1000, 48_000), -1024);
        assert_eq!(shift(&[edit(u64::MAX, None)], 1, u32::MAX), 0);
    }
}
