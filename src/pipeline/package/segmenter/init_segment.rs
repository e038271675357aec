//! One init segment a track, made of the movie header of all tracks.
//!
//! The sample entries are copied byte for byte, but for Opus' pre-skip; only what belongs to other tracks, edit lists and metadata are left out
//! and the track becomes number 1. Our timeline starts at 0 without an edit list.

use std::time::Duration;

use mp4_atom::{
    Atom, Codec, Decode, Dops, Edts, Encode, Ftyp, Mdia, Minf, Moov, Mvex, Mvhd, Opus, Stbl, Stsd, Tkhd, Trak, Trex,
    Udta, Visual,
};

use super::{SegmenterError, codec_string};
use crate::pipeline::package::boxes::{BoxBytes, boxed, boxes};

/// The init segment of one track and what it says of the format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitSegment {
    /// `ftyp` and `moov`.
    pub data: Vec<u8>,
    /// The format.
    pub format: TrackFormat,
    /// When the track begins on the encoder's own timeline.
    pub starts_at: Duration,
}

/// What a track holds, as its sample entry says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrackFormat {
    /// Pictures.
    Video {
        /// Value for CODECS (RFC 6381), such as `avc1.640028`.
        codecs: String,
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// Sound.
    Audio {
        /// Value for CODECS, such as `mp4a.40.2`.
        codecs: String,
    },
}

impl TrackFormat {
    /// The value for CODECS.
    pub fn codecs(&self) -> &str {
        match self {
            Self::Video { codecs, .. } | Self::Audio { codecs } => codecs,
        }
    }
}

/// Makes the init segments of all tracks of `movie` (a whole `moov` box), which must be `expected_tracks`.
pub(super) fn split(movie: &[u8], expected_tracks: usize) -> Result<Vec<InitSegment>, SegmenterError> {
    let decoded = Moov::decode(&mut &*movie)?;
    if decoded.trak.len() != expected_tracks {
        return Err(SegmenterError::Unplanned(format!("{} tracks in place of {expected_tracks}", decoded.trak.len())));
    }
    decoded
        .trak
        .iter()
        .map(|track| {
            let mut data = Vec::new();
            let brands = vec![b"iso6".into(), b"cmfc".into()];
            Ftyp { major_brand: b"iso6".into(), minor_version: 0, compatible_brands: brands }.encode(&mut data)?;
            data.extend(movie_of_track(movie, track.tkhd.track_id)?);
            Ok(InitSegment { data, format: format_of(track)?, starts_at: start_of(track, decoded.mvhd.timescale) })
        })
        .collect()
}

/// What a track holds, by an init segment that was written before.
pub(in crate::pipeline::package) fn format_in(init: &[u8]) -> Option<TrackFormat> {
    let movie = boxes(init).ok()?.into_iter().find(|part| part.kind == Moov::KIND)?;
    let decoded = Moov::decode(&mut &*movie.bytes).ok()?;
    format_of(decoded.trak.first()?).ok()
}

/// The empty edit that the muxer begins a track with that starts late (ISO/IEC 14496-12, 8.6.6).
fn start_of(track: &Trak, movie_timescale: u32) -> Duration {
    let edits = track.edts.as_ref().and_then(|edits| edits.elst.as_ref());
    let first = edits.and_then(|edits| edits.entries.first()).filter(|edit| edit.media_time.is_none());
    let ticks = first.map_or(0, |edit| edit.segment_duration);
    Duration::try_from_secs_f64(ticks as f64 / f64::from(movie_timescale.max(1))).unwrap_or_default()
}

fn format_of(track: &Trak) -> Result<TrackFormat, SegmenterError> {
    let unknown = || SegmenterError::Unplanned("a track in a format that was not asked for".to_owned());
    let video = |codecs: String, visual: &Visual| TrackFormat::Video {
        codecs,
        width: u32::from(visual.width),
        height: u32::from(visual.height),
    };
    match track.mdia.minf.stbl.stsd.codecs.first().ok_or_else(unknown)? {
        Codec::Avc1(entry) => Ok(video(codec_string::avc(&entry.avcc), &entry.visual)),
        Codec::Hvc1(entry) => Ok(video(codec_string::hevc(&entry.hvcc), &entry.visual)),
        Codec::Av01(entry) => Ok(video(codec_string::av1(&entry.av1c, entry.colr.as_ref()), &entry.visual)),
        Codec::Vp09(entry) => Ok(video(codec_string::vp9(&entry.vpcc), &entry.visual)),
        Codec::Mp4a(entry) => {
            let decoder = &entry.esds.es_desc.dec_config;
            let object_type = decoder.dec_specific.as_ref().ok_or_else(unknown)?.profile;
            Ok(TrackFormat::Audio { codecs: format!("mp4a.{:x}.{object_type}", decoder.object_type_indication) })
        }
        Codec::Eac3(_) => Ok(TrackFormat::Audio { codecs: "ec-3".to_owned() }),
        // The sample entry's name (RFC 6381, 3.3), as the mapping of Opus to ISO/IEC 14496-12 has it.
        Codec::Opus(_) => Ok(TrackFormat::Audio { codecs: "Opus".to_owned() }),
        _ => Err(unknown()),
    }
}

/// The `moov` with this track alone, as track 1.
fn movie_of_track(movie: &[u8], track_id: u32) -> Result<Vec<u8>, SegmenterError> {
    let whole = boxes(movie)?;
    let moov = whole.first().ok_or(mp4_atom::Error::UnexpectedEof)?;
    let mut body = Vec::new();
    for part in boxes(moov.body())? {
        match part.kind {
            kind if kind == Mvhd::KIND => {
                let mut bytes = part.bytes.to_vec();
                // next_track_ID is the last field (ISO/IEC 14496-12, 8.2.2).
                replace_number(&mut bytes, part.bytes.len() - 4, 2)?;
                body.extend(bytes);
            }
            kind if kind == Trak::KIND => {
                if let Some(bytes) = track_as_first(&part, track_id)? {
                    body.extend(bytes);
                }
            }
            kind if kind == Mvex::KIND => body.extend(defaults_as_first(&part, track_id)?),
            kind if kind == Udta::KIND => {}
            _ => body.extend_from_slice(part.bytes),
        }
    }
    Ok(boxed(Moov::KIND, &body)?)
}

/// The `trak` box as track 1, without edit list; `None` if it is another track.
fn track_as_first(track: &BoxBytes<'_>, track_id: u32) -> Result<Option<Vec<u8>>, SegmenterError> {
    let mut body = Vec::new();
    for part in boxes(track.body())? {
        match part.kind {
            kind if kind == Tkhd::KIND => {
                if Tkhd::decode(&mut &*part.bytes)?.track_id != track_id {
                    return Ok(None);
                }
                let mut bytes = part.bytes.to_vec();
                // Version and flags, then two times of 4 or 8 bytes by the version, then track_ID (8.3.2).
                let times = if part.body().first() == Some(&1) { 16 } else { 8 };
                replace_number(&mut bytes, part.header_bytes + 4 + times, 1)?;
                body.extend(bytes);
            }
            kind if kind == Edts::KIND || kind == Udta::KIND => {}
            kind if kind == Mdia::KIND => {
                let mut bytes = part.bytes.to_vec();
                clear_pre_skip(&mut bytes)?;
                body.extend(bytes);
            }
            _ => body.extend_from_slice(part.bytes),
        }
    }
    Ok(Some(boxed(Trak::KIND, &body)?))
}

/// No sample of Opus is to be discarded: the sound that the encoder was given begins later by its delay. Players differ in
/// whether they discard what `dOps` says or what an edit list says.
fn clear_pre_skip(mdia: &mut [u8]) -> Result<(), SegmenterError> {
    // Each box in the one before, after so many bytes of fields (ISO/IEC 14496-12, 8.5.2.2 and 12.2.3.2).
    let path = [(Mdia::KIND, 0), (Minf::KIND, 0), (Stbl::KIND, 0), (Stsd::KIND, 0), (Opus::KIND, 8), (Dops::KIND, 28)];
    let mut place = 0..mdia.len();
    for (kind, fields) in path {
        place.start += fields;
        let slice = mdia.get(place.clone()).ok_or(mp4_atom::Error::UnexpectedEof)?;
        let mut start = place.start;
        let mut found = None;
        // The sample entries of other codecs are not looked into.
        for part in boxes(slice)? {
            if part.kind == kind {
                found = Some(start + part.header_bytes..start + part.bytes.len());
                break;
            }
            start += part.bytes.len();
        }
        let Some(body) = found else { return Ok(()) };
        place = body;
    }
    // Version and number of channels come before it.
    let pre_skip = mdia.get_mut(place.start + 2..place.start + 4).ok_or(mp4_atom::Error::UnexpectedEof)?;
    pre_skip.fill(0);
    Ok(())
}

/// The `mvex` box with the defaults of this track alone, as track 1.
fn defaults_as_first(defaults: &BoxBytes<'_>, track_id: u32) -> Result<Vec<u8>, SegmenterError> {
    let mut body = Vec::new();
    for part in boxes(defaults.body())? {
        if part.kind == Trex::KIND {
            if Trex::decode(&mut &*part.bytes)?.track_id == track_id {
                let mut bytes = part.bytes.to_vec();
                replace_number(&mut bytes, part.header_bytes + 4, 1)?;
                body.extend(bytes);
            }
        } else {
            body.extend_from_slice(part.bytes);
        }
    }
    Ok(boxed(Mvex::KIND, &body)?)
}

fn replace_number(bytes: &mut [u8], offset: usize, number: u32) -> Result<(), SegmenterError> {
    let place = bytes.get_mut(offset..offset + 4).ok_or(mp4_atom::Error::UnexpectedEof)?;
    place.copy_from_slice(&number.to_be_bytes());
    Ok(())
}
