//! The fragments of an fMP4 segment: times of all frames, read from the boxes. The media itself is gone over, but for
//! the beginnings of keyframes.

use std::{
    collections::BTreeMap,
    io::{Read, Seek, SeekFrom},
};

use mp4_atom::{Atom, Header, Moof, ReadAtom, ReadFrom, Traf};

use super::{
    FirstPicture, Frame, Keyframe, Kind, Span, Unmeasurable,
    first_picture::{self, BEGINNINGS_BYTES},
    init::{Init, Track, skip},
    span_of,
};

/// The largest `moof`: that of a minute at 240 frames a second has 300 kB.
const LARGEST_MOOF_BYTES: usize = 16 << 20;
/// More frames than these are in no segment; a box can claim four thousand million without a byte for each.
const MOST_FRAMES: usize = 200_000;
/// The flag that a sample is not a sync sample (ISO/IEC 14496-12, 8.8.3.1).
const IS_NON_SYNC: u32 = 0x0001_0000;

/// What one track gathers over the fragments of a segment.
#[derive(Default)]
struct Gathered {
    frames: Vec<Frame>,
    keyframes: Vec<Keyframe>,
    first_picture: Option<FirstPicture>,
    /// Times at which a fragment does not begin where the one before ended.
    gap: Option<String>,
}

/// A sample, and where its bytes lie.
#[derive(Clone, Copy)]
struct Placed {
    frame: Frame,
    start: u64,
    end: u64,
}

/// Measures a segment of `bytes`, whose tracks are those of `init`.
pub(in super::super) fn measure(
    content: &mut (impl Read + Seek + ?Sized),
    bytes: u64,
    init: &Init,
) -> Result<Vec<Span>, Unmeasurable> {
    let mut gathered: BTreeMap<u32, Gathered> = BTreeMap::new();
    let mut position = content.stream_position()?;
    while let Some(header) = <Option<Header> as ReadFrom>::read_from(content)? {
        let body = content.stream_position()?;
        let size = header.size.map_or_else(|| bytes.saturating_sub(body), |size| size as u64);
        if header.kind == Moof::KIND {
            if size > LARGEST_MOOF_BYTES as u64 {
                return Err(Unmeasurable("a moof is larger than any real one".to_owned()));
            }
            let moof = Moof::read_atom(&header, content)?;
            let after = content.stream_position()?;
            fragment(&moof, Place { content, bytes, start: position }, init, &mut gathered)?;
            content.seek(SeekFrom::Start(after))?;
        } else {
            skip(content, size, bytes)?;
        }
        position = content.stream_position()?;
    }
    let mut spans = Vec::new();
    for (id, track) in gathered {
        let Some(of) = init.tracks.iter().find(|of| of.id == id) else { continue };
        let Some(mut span) = span_of(of.kind, of.timescale, &track.frames) else { continue };
        span.first_picture = track.first_picture.unwrap_or(FirstPicture::Unknown);
        span.keyframes = track.keyframes;
        span.gap_problem = track.gap.or(span.gap_problem);
        spans.push(span);
    }
    if spans.is_empty() { Err(Unmeasurable("it holds no frames".to_owned())) } else { Ok(spans) }
}

/// Where a `moof` lies.
struct Place<'a, R: ?Sized> {
    content: &'a mut R,
    bytes: u64,
    start: u64,
}

fn fragment<R: Read + Seek + ?Sized>(
    moof: &Moof,
    place: Place<'_, R>,
    init: &Init,
    gathered: &mut BTreeMap<u32, Gathered>,
) -> Result<(), Unmeasurable> {
    let Place { content, bytes, start } = place;
    let mut base = start;
    for traf in &moof.traf {
        let id = traf.tfhd.track_id;
        let track = init.tracks.iter().find(|track| track.id == id);
        let track = track.ok_or_else(|| Unmeasurable(format!("the init segment has no track {id}")))?;
        if traf.tfhd.default_base_is_moof {
            base = start;
        }
        let samples = samples(traf, track, base, bytes)?;
        base = samples.last().map_or(base, |sample| sample.end);
        let gathered = gathered.entry(id).or_default();
        if gathered.frames.len() + samples.len() > MOST_FRAMES {
            return Err(Unmeasurable("it claims more frames than any real segment".to_owned()));
        }
        if let (Some(before), Some(next)) = (gathered.frames.last(), samples.first()) {
            let expected = before.decode.saturating_add(before.duration);
            if expected != next.frame.decode && gathered.gap.is_none() {
                let seconds = (next.frame.decode - expected) as f64 / f64::from(track.timescale.max(1));
                gathered.gap = Some(format!("a fragment begins {seconds:+.3} s from where the one before ends"));
            }
        }
        if track.kind == Kind::Picture
            && let Some(first) = samples.first()
        {
            let picture = look_at(content, first, track)?;
            gathered.first_picture.get_or_insert(picture);
            if first.frame.is_sync {
                let ticks = first.frame.presentation;
                gathered.keyframes.push(Keyframe { offset: start, end: first.end, ticks, picture });
            }
        }
        gathered.frames.extend(samples.iter().map(|sample| sample.frame));
    }
    Ok(())
}

fn look_at(
    content: &mut (impl Read + Seek + ?Sized),
    sample: &Placed,
    track: &Track,
) -> Result<FirstPicture, Unmeasurable> {
    let length = sample.end.saturating_sub(sample.start);
    let mut beginning = Vec::new();
    let mut picture = FirstPicture::Other;
    content.seek(SeekFrom::Start(sample.start))?;
    for most in BEGINNINGS_BYTES {
        let more = length.min(most).saturating_sub(beginning.len() as u64);
        (&mut *content).take(more).read_to_end(&mut beginning)?;
        picture = first_picture::of_sample(track.format.bitstream, &beginning);
        if picture != FirstPicture::Other {
            break;
        }
    }
    Ok(picture)
}

/// The samples of a track fragment. All their bytes must be in the segment.
fn samples(traf: &Traf, track: &Track, base: u64, bytes: u64) -> Result<Vec<Placed>, Unmeasurable> {
    let header = &traf.tfhd;
    let decode_time = traf.tfdt.as_ref().map(|tfdt| tfdt.base_media_decode_time);
    let decode_time = decode_time.ok_or_else(|| Unmeasurable("a fragment without tfdt".to_owned()))?;
    let mut decode = i64::try_from(decode_time).map_err(|_| Unmeasurable("a tfdt that is no time".to_owned()))?;
    let base = header.base_data_offset.unwrap_or(base);
    let mut position = base;
    let mut samples = Vec::new();
    for run in &traf.trun {
        if let Some(offset) = run.data_offset {
            position = base.saturating_add_signed(i64::from(offset));
        }
        for entry in &run.samples {
            let duration = entry.duration.or(header.default_sample_duration);
            let duration = i64::from(duration.unwrap_or(track.defaults.default_sample_duration));
            let size = entry.size.or(header.default_sample_size).unwrap_or(track.defaults.default_sample_size);
            let flags = entry.flags.or(header.default_sample_flags).unwrap_or(track.defaults.default_sample_flags);
            let end = position.saturating_add(u64::from(size));
            if end > bytes {
                return Err(Unmeasurable(format!("a frame ends at byte {end}, the segment has {bytes}")));
            }
            if samples.len() >= MOST_FRAMES {
                return Err(Unmeasurable("it claims more frames than any real segment".to_owned()));
            }
            let presentation = decode.saturating_add(entry.cts.unwrap_or(0)).saturating_add(track.shift_ticks);
            let frame = Frame { decode, presentation, duration, is_sync: flags & IS_NON_SYNC == 0 };
            samples.push(Placed { frame, start: position, end });
            position = end;
            decode = decode.saturating_add(duration);
        }
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use mp4_atom::{Encode, Mfhd, Tfdt, Tfhd, Trun, TrunEntry, TrunSamples};

    use super::*;
    use crate::pipeline::check::measure::format::{Bitstream, Format};

    fn init() -> Init {
        let format = Format { bitstream: Bitstream::H264(4), ..Format::default() };
        let track = Track {
            id: 1,
            timescale: 100,
            kind: Kind::Picture,
            format,
            shift_ticks: 0,
            defaults: mp4_atom::Trex::default(),
        };
        Init { bytes: 0, brands: Vec::new(), tracks: vec![track] }
    }

    fn moof(decode_time: u64, samples: TrunSamples, data_offset: i32) -> Vec<u8> {
        let moof = Moof {
            mfhd: Mfhd { sequence_number: 1 },
            traf: vec![Traf {
                tfhd: Tfhd { track_id: 1, default_base_is_moof: true, ..Tfhd::default() },
                tfdt: Some(Tfdt { base_media_decode_time: decode_time }),
                trun: vec![Trun { data_offset: Some(data_offset), samples }],
                ..Traf::default()
            }],
        };
        let mut bytes = Vec::new();
        moof.encode(&mut bytes).unwrap();
        bytes
    }

    fn segment(decode_time: u64, media: &[u8]) -> Vec<u8> {
        let sample =
            |flags| TrunEntry { duration: Some(4), size: Some(media.len() as u32 / 2), flags: Some(flags), cts: None };
        let samples = || TrunSamples::Explicit(vec![sample(0x0200_0000), sample(0x0101_0000)]);
        let length = i32::try_from(moof(decode_time, samples(), 0).len()).unwrap();
        let mut bytes = moof(decode_time, samples(), length + 8);
        bytes.extend((media.len() as u32 + 8).to_be_bytes());
        bytes.extend(b"mdat");
        bytes.extend(media);
        bytes
    }

    fn measured(bytes: &[u8]) -> Result<Vec<Span>, Unmeasurable> {
        measure(&mut Cursor::new(bytes), bytes.len() as u64, &init())
    }

    #[test]
    fn a_segment_has_its_times_and_its_keyframe() {
        let bytes = segment(100, &[0, 0, 0, 1, 0x65, 0, 0, 0, 1, 0x41]);
        let spans = measured(&bytes).unwrap();
        assert_eq!(spans.len(), 1);
        assert_eq!((spans[0].decode_start, spans[0].decode_end, spans[0].frames), (100, 108, 2));
        assert_eq!(spans[0].first_picture, FirstPicture::Idr);
        let keyframe = Keyframe { offset: 0, end: bytes.len() as u64 - 5, ticks: 100, picture: FirstPicture::Idr };
        assert_eq!(spans[0].keyframes, [keyframe]);
        let twice = [bytes.clone(), bytes].concat();
        assert!(measured(&twice).unwrap()[0].gap_problem.is_some());
    }

    #[test]
    fn damage_and_claims_that_can_not_be_are_told() {
        let bytes = segment(0, &[0; 10]);
        for cut in 1..bytes.len() {
            assert!(measured(&bytes[..cut]).is_err(), "cut to {cut} bytes");
        }
        let claim = moof(0, TrunSamples::Inherited { count: u32::MAX, first_flags: None }, 0);
        assert!(measured(&claim).is_err());
        assert!(measured(b"\0\0\0\x08moof").is_err());
        assert!(measured(&[0xff; 64]).is_err());
    }
}
