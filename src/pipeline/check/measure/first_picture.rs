//! Whether decoding can start at a frame, read from the bit stream and not from the flags of the container.

use super::{FirstPicture, format::Bitstream};

/// Bytes of a frame that are looked at: parameter sets and messages come before the first slice. More of them only where
/// the first ones do not show a picture at which decoding can start.
pub(super) const BEGINNINGS_BYTES: [u64; 2] = [4 << 10, 64 << 10];

/// The kind of a frame of fMP4, by its first bytes.
pub(super) fn of_sample(bitstream: Bitstream, beginning: &[u8]) -> FirstPicture {
    match bitstream {
        Bitstream::H264(length_bytes) => first_slice(units(beginning, length_bytes), h264_kind),
        Bitstream::Hevc(length_bytes) => first_slice(units(beginning, length_bytes), hevc_kind),
        Bitstream::Av1 => av1(beginning),
        Bitstream::Vp9 => vp9(beginning),
        Bitstream::Aac | Bitstream::Other => FirstPicture::Unknown,
    }
}

/// The kind of the first frame of an elementary stream of H.264 or HEVC with start codes (ISO/IEC 14496-10, annex B).
pub(super) fn of_annex_b(bitstream: Bitstream, stream: &[u8]) -> FirstPicture {
    match bitstream {
        Bitstream::H264(_) => first_slice(annex_b_units(stream), h264_kind),
        Bitstream::Hevc(_) => first_slice(annex_b_units(stream), hevc_kind),
        _ => FirstPicture::Unknown,
    }
}

/// Profile, constraints and level of the first sequence parameter set of H.264 in a stream with start codes.
pub(super) fn h264_parameters(stream: &[u8]) -> Option<[u8; 3]> {
    const PARAMETER_SET: u8 = 7;
    let set = annex_b_units(stream).find(|unit| unit.first().is_some_and(|header| header & 0x1f == PARAMETER_SET))?;
    set.get(1..4)?.try_into().ok()
}

/// NAL units with a start code before each.
fn annex_b_units(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let starts = stream.windows(3).enumerate().filter(|(_, code)| *code == [0, 0, 1]);
    starts.filter_map(|(start, _)| stream.get(start + 3..))
}

/// NAL units with a length before each; the last may be cut off.
fn units(mut sample: &[u8], length_bytes: usize) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let length = sample.get(..length_bytes)?.iter().fold(0_usize, |length, byte| length << 8 | usize::from(*byte));
        let unit = sample.get(length_bytes..)?;
        sample = unit.get(length..).unwrap_or_default();
        unit.first().map(|_| unit)
    })
}

fn first_slice<'a>(mut units: impl Iterator<Item = &'a [u8]>, kind: fn(u8) -> Option<FirstPicture>) -> FirstPicture {
    units.find_map(|unit| kind(*unit.first()?)).unwrap_or(FirstPicture::Other)
}

/// ISO/IEC 14496-10, table 7-1; `None` for units that are no slices.
fn h264_kind(header: u8) -> Option<FirstPicture> {
    match header & 0x1f {
        5 => Some(FirstPicture::Idr),
        1..=4 => Some(FirstPicture::Other),
        _ => None,
    }
}

/// ISO/IEC 23008-2, table 7-1: IDR_W_RADL and IDR_N_LP.
fn hevc_kind(header: u8) -> Option<FirstPicture> {
    match header >> 1 & 0x3f {
        19 | 20 => Some(FirstPicture::Idr),
        0..=31 => Some(FirstPicture::Other),
        _ => None,
    }
}

/// AV1 bitstream, 5.3 and 5.9: the first frame header says whether the frame is a KEY_FRAME.
fn av1(mut sample: &[u8]) -> FirstPicture {
    const FRAME_HEADER: u8 = 3;
    const FRAME: u8 = 6;
    while let Some((&header, mut rest)) = sample.split_first() {
        let kind = header >> 3 & 0xf;
        if header & 4 != 0 {
            rest = rest.get(1..).unwrap_or_default();
        }
        let length = if header & 2 == 0 { Some(rest.len()) } else { leb128(&mut rest) };
        let Some(length) = length else { break };
        if matches!(kind, FRAME_HEADER | FRAME) {
            // show_existing_frame, then frame_type in two bits, which is 0 for a KEY_FRAME.
            let is_key = rest.first().is_some_and(|first| first & 0b1110_0000 == 0);
            return if is_key { FirstPicture::Idr } else { FirstPicture::Other };
        }
        sample = rest.get(length..).unwrap_or_default();
    }
    FirstPicture::Other
}

fn leb128(bytes: &mut &[u8]) -> Option<usize> {
    let mut value = 0_usize;
    for index in 0..8 {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= usize::from(byte & 0x7f) << (index * 7);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// VP9 bitstream, 6.2: frame_marker, profile, show_existing_frame, frame_type.
fn vp9(sample: &[u8]) -> FirstPicture {
    let Some(&first) = sample.first() else { return FirstPicture::Other };
    let is_profile_3 = first & 0b0011_0000 == 0b0011_0000;
    let flags = if is_profile_3 { first >> 1 } else { first >> 2 } & 0b11;
    if first >> 6 == 2 && flags == 0 { FirstPicture::Idr } else { FirstPicture::Other }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_slice_decides() {
        let sample = |units: &[&[u8]]| {
            units.iter().flat_map(|unit| [&[0, 0, 0, unit.len() as u8], *unit].concat()).collect::<Vec<u8>>()
        };
        let h264 = |units: &[&[u8]]| of_sample(Bitstream::H264(4), &sample(units));
        assert_eq!(h264(&[&[9, 0x10], &[6, 1, 2], &[0x65, 0x88]]), FirstPicture::Idr);
        assert_eq!(h264(&[&[6, 1, 2], &[0x41, 0x9a], &[0x65]]), FirstPicture::Other);
        assert_eq!(h264(&[]), FirstPicture::Other);
        assert_eq!(of_sample(Bitstream::Hevc(4), &sample(&[&[0x4e, 1], &[0x28, 1]])), FirstPicture::Idr);
        assert_eq!(of_sample(Bitstream::Hevc(4), &sample(&[&[0x2a, 1]])), FirstPicture::Other, "a CRA is no IDR");
        assert_eq!(of_annex_b(Bitstream::H264(4), &[0, 0, 0, 1, 9, 0xf0, 0, 0, 1, 0x65]), FirstPicture::Idr);
        assert_eq!(h264_parameters(&[0, 0, 1, 0x67, 100, 0, 40, 0, 0, 1, 0x68]), Some([100, 0, 40]));
        assert_eq!(of_sample(Bitstream::Other, &[]), FirstPicture::Unknown);
    }

    #[test]
    fn av1_and_vp9_tell_key_frames_in_their_frame_headers() {
        assert_eq!(of_sample(Bitstream::Av1, &[0x12, 0, 0x32, 1, 0x10]), FirstPicture::Idr);
        assert_eq!(of_sample(Bitstream::Av1, &[0x12, 0, 0x32, 1, 0x30]), FirstPicture::Other);
        assert_eq!(of_sample(Bitstream::Av1, &[0x12]), FirstPicture::Other);
        assert_eq!(of_sample(Bitstream::Vp9, &[0x82, 0x49]), FirstPicture::Idr);
        assert_eq!(of_sample(Bitstream::Vp9, &[0x86, 0x49]), FirstPicture::Other);
    }
}
