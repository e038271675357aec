//! One stream in a transport stream: the times of its PES packets, and what its frames are.

use super::{FirstPicture, Frame, Kind, first_picture, format::Bitstream};

/// Bytes of each picture that are looked at for its first slice.
const PICTURE_BYTES: usize = 4 << 10;
/// Bytes of the first picture that are looked at: parameter sets and messages come before the first slice.
const FIRST_PICTURE_BYTES: usize = 256 << 10;
/// Times of 33 bits begin again after 26.5 hours.
const WRAP: i64 = 1 << 33;
const TIMESCALE: i64 = 90_000;
const AAC_FRAME_SAMPLES: i64 = 1024;
/// Sample rates by their index in ADTS (ISO/IEC 13818-7, table 35).
const SAMPLE_RATES: [i64; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

/// The types of streams of which times can be read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StreamType {
    H264,
    Hevc,
    /// AAC with ADTS headers.
    Aac,
}

impl StreamType {
    /// By the number in the PMT (ISO/IEC 13818-1, table 2-34).
    pub(super) fn of(number: u8) -> Option<Self> {
        match number {
            0x1b => Some(Self::H264),
            0x24 => Some(Self::Hevc),
            0x0f => Some(Self::Aac),
            _ => None,
        }
    }
}

/// A stream that is being read.
#[derive(Debug)]
pub(super) struct Elementary {
    kind: StreamType,
    units: Vec<Unit>,
    first: Vec<u8>,
}

/// A PES packet: one picture, or some frames of sound.
#[derive(Debug)]
struct Unit {
    presentation: i64,
    decode: i64,
    /// Of a picture its beginning, of sound all.
    content: Vec<u8>,
    is_idr: bool,
}

impl Elementary {
    pub(super) fn new(kind: StreamType) -> Self {
        Self { kind, units: Vec::new(), first: Vec::new() }
    }

    pub(super) fn kind(&self) -> Kind {
        if self.kind == StreamType::Aac { Kind::Sound } else { Kind::Picture }
    }

    /// The beginning of the first picture.
    pub(super) fn first_unit(&self) -> &[u8] {
        &self.first
    }

    /// Takes the payload of a packet.
    pub(super) fn take(&mut self, payload: &[u8], begins_unit: bool) {
        let mut media = payload;
        if begins_unit {
            self.end_unit();
            let Some((presentation, decode, header_bytes)) = pes_header(payload) else { return };
            let before = self.units.last().map_or(decode, |unit| unit.decode);
            let (decode, presentation) = (unwrapped(decode, before), unwrapped(presentation, before));
            self.units.push(Unit { presentation, decode, content: Vec::new(), is_idr: false });
            media = payload.get(header_bytes..).unwrap_or_default();
        }
        let (is_first, is_sound) = (self.units.len() == 1, self.kind() == Kind::Sound);
        let Some(unit) = self.units.last_mut() else { return };
        if is_sound || unit.content.len() < PICTURE_BYTES {
            unit.content.extend_from_slice(media);
        }
        if is_first && self.first.len() < FIRST_PICTURE_BYTES {
            self.first.extend_from_slice(media);
        }
    }

    fn bitstream(&self) -> Bitstream {
        match self.kind {
            StreamType::H264 => Bitstream::H264(4),
            StreamType::Hevc => Bitstream::Hevc(4),
            StreamType::Aac => Bitstream::Aac,
        }
    }

    /// A picture's beginning is needed no more when the next one begins.
    fn end_unit(&mut self) {
        let bitstream = self.bitstream();
        if let Some(unit) = self.units.last_mut().filter(|_| self.kind != StreamType::Aac) {
            unit.is_idr = first_picture::of_annex_b(bitstream, &unit.content) == FirstPicture::Idr;
            unit.content = Vec::new();
        }
    }

    /// All frames in decode order, and what the first picture is; `None` when the content is not what it should be.
    pub(super) fn frames(&self) -> Option<(Vec<Frame>, FirstPicture)> {
        if self.kind == StreamType::Aac {
            let mut frames = Vec::new();
            for unit in &self.units {
                frames.extend(sound_frames(unit)?);
            }
            return Some((frames, FirstPicture::Unknown));
        }
        let last = self.units.len().saturating_sub(1);
        let frames = self.units.iter().enumerate().map(|(index, unit)| {
            let is_idr = unit.is_idr || index == last && self.is_idr(&unit.content);
            Frame { decode: unit.decode, presentation: unit.presentation, duration: 0, is_sync: is_idr }
        });
        Some((frames.collect(), first_picture::of_annex_b(self.bitstream(), &self.first)))
    }

    fn is_idr(&self, content: &[u8]) -> bool {
        first_picture::of_annex_b(self.bitstream(), content) == FirstPicture::Idr
    }
}

/// The frames of AAC in a PES packet, one after the other from its time on; `None` when there is something else.
fn sound_frames(unit: &Unit) -> Option<Vec<Frame>> {
    let mut frames = Vec::new();
    let mut rest = unit.content.as_slice();
    while !rest.is_empty() {
        // ISO/IEC 13818-7, 6.2: twelve bits of ones, …, the rate in four bits, …, the length in thirteen.
        let header: &[u8; 7] = rest.first_chunk()?;
        let is_header = header[0] == 0xff && header[1] & 0xf6 == 0xf0;
        let rate = SAMPLE_RATES.get(usize::from(header[2] >> 2 & 0xf)).filter(|_| is_header)?;
        let length = usize::from(header[3] & 3) << 11 | usize::from(header[4]) << 3 | usize::from(header[5] >> 5);
        rest = rest.get(length..).filter(|_| length >= header.len())?;
        let ticks = |frames: i64| frames * AAC_FRAME_SAMPLES * TIMESCALE / rate;
        let before = i64::try_from(frames.len()).ok()?;
        let time = unit.presentation + ticks(before);
        let duration = ticks(before + 1) - ticks(before);
        frames.push(Frame { decode: time, presentation: time, duration, is_sync: true });
    }
    Some(frames)
}

/// The frames of packed AAC that begins at this time, behind its ID3 tags; `None` when there is something else.
pub(super) fn packed_sound_frames(content: &[u8], start: i64) -> Option<Vec<Frame>> {
    let content = behind_tags(content).to_vec();
    sound_frames(&Unit { presentation: start, decode: start, content, is_idr: false })
}

/// What comes behind ID3 tags (ID3v2.4, 3.1: the length is in seven bits of each byte, and a footer may follow).
fn behind_tags(mut content: &[u8]) -> &[u8] {
    while let Some([b'I', b'D', b'3', _, _, flags, a, b, c, d]) = content.first_chunk::<10>() {
        let length = [a, b, c, d].into_iter().fold(0, |length, byte| length << 7 | usize::from(byte & 0x7f));
        let footer = if flags & 0x10 != 0 { 10 } else { 0 };
        content = content.get(10 + length + footer..).unwrap_or_default();
    }
    content
}

/// Presentation time, decode time and length of the header of a PES packet (ISO/IEC 13818-1, 2.4.3.6).
fn pes_header(payload: &[u8]) -> Option<(i64, i64, usize)> {
    if payload.get(..3)? != [0, 0, 1] {
        return None;
    }
    let (flags, length) = (*payload.get(7)?, usize::from(*payload.get(8)?));
    let time = |at: usize| -> Option<i64> {
        let [a, b, c, d, e] = *payload.get(at..)?.first_chunk::<5>()?;
        let high = i64::from(a >> 1 & 7) << 30;
        Some(high | i64::from(b) << 22 | i64::from(c >> 1) << 15 | i64::from(d) << 7 | i64::from(e >> 1))
    };
    let presentation = if flags & 0x80 != 0 { time(9)? } else { return None };
    let decode = if flags & 0x40 != 0 { time(14)? } else { presentation };
    Some((presentation, decode, 9 + length))
}

/// A time that has begun again from 0 since `before`, counted on.
fn unwrapped(time: i64, before: i64) -> i64 {
    let mut time = time;
    while time < before - WRAP / 2 {
        time += WRAP;
    }
    time
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_a_pes_packet_are_read_and_count_on_over_the_wrap() {
        // PTS 126000 and DTS 122400, as ffmpeg writes them.
        let header = [0, 0, 1, 0xe0, 0, 0, 0x80, 0xc0, 10, 0x31, 0, 7, 0xd8, 0x61, 0x11, 0, 7, 0xbc, 0x41];
        assert_eq!(pes_header(&header), Some((126_000, 122_400, 19)));
        assert_eq!(pes_header(&header[..12]), None);
        assert_eq!(unwrapped(10, WRAP - 10), WRAP + 10);
        assert_eq!(unwrapped(10, 20), 10);
    }

    #[test]
    fn frames_of_sound_follow_each_other_from_the_time_of_their_packet() {
        let frame = [0xff, 0xf1, 0x4c, 0x80, 1, 0x1f, 0xfc, 0];
        let unit = |content: Vec<u8>| Unit { presentation: 900, decode: 900, content, is_idr: false };
        let frames = sound_frames(&unit([frame, frame].concat())).unwrap();
        let times: Vec<(i64, i64)> = frames.iter().map(|frame| (frame.presentation, frame.duration)).collect();
        assert_eq!(times, [(900, 1920), (2820, 1920)]);
        assert!(sound_frames(&unit(frame[..7].to_vec())).is_none());
        assert!(sound_frames(&unit(b"something else".to_vec())).is_none());
        let tagged = [b"ID3\x04\0\0\0\0\0\x03tag".as_slice(), &frame].concat();
        let frames = packed_sound_frames(&tagged, 90).unwrap();
        assert_eq!(frames.iter().map(|frame| (frame.presentation, frame.duration)).collect::<Vec<_>>(), [(90, 1920)]);
    }
}
