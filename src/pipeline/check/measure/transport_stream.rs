//! Segments in MPEG-TS and packed AAC: times by ffprobe, the packets of the transport by their headers.

use std::path::Path;

use super::{
    Frame, Kind, Span, Unmeasurable,
    facts::{Container, Prober},
    first_picture,
    format::Format,
    span_of,
};

const PACKET_BYTES: usize = 188;
const SYNC: u8 = 0x47;
/// Bytes of the first picture that are looked at.
const BEGINNING_BYTES: usize = 256 << 10;
const CLOCK_HZ: u64 = 27_000_000;

/// What a segment is, by its first bytes.
pub(in super::super) fn container_of(beginning: &[u8]) -> Option<Container> {
    let is_transport = beginning.first() == Some(&SYNC) && beginning.get(PACKET_BYTES).is_none_or(|byte| *byte == SYNC);
    let is_aac = beginning.starts_with(b"ID3") || matches!(beginning, [0xff, second, ..] if second & 0xf6 == 0xf0);
    if is_transport { Some(Container::TransportStream) } else { is_aac.then_some(Container::PackedAac) }
}

/// A measured segment that is not fMP4.
#[derive(Debug)]
pub(in super::super) struct Measured {
    pub(in super::super) spans: Vec<Span>,
    pub(in super::super) formats: Vec<(Kind, Format)>,
    /// `None` for packed audio.
    pub(in super::super) transport: Option<Transport>,
}

/// Measures the segment with this content, which also lies in `file`.
pub(in super::super) fn measure(
    content: &[u8],
    file: &Path,
    container: Container,
    prober: Prober<'_>,
) -> Result<Measured, Unmeasurable> {
    let probed = prober.probe(file, container, true).map_err(Unmeasurable)?;
    let transport = (container == Container::TransportStream).then(|| Transport::of(content));
    let offset = if container == Container::PackedAac { packed_audio_start(content) } else { 0 };
    let (mut spans, mut formats) = (Vec::new(), Vec::new());
    for stream in &probed.streams {
        let (kind, timescale) = (stream.kind(), stream.timescale());
        let offset = i64::try_from(u128::from(offset) * u128::from(timescale) / 90_000).unwrap_or(0);
        let packets: Vec<_> = probed.packets.iter().filter(|packet| packet.stream_index == stream.index).collect();
        let mut frames: Vec<Frame> = packets
            .iter()
            .filter_map(|packet| {
                let presentation = packet.pts.or(packet.dts)?.saturating_add(offset);
                let decode = packet.dts.or(packet.pts)?.saturating_add(offset);
                let duration = packet.duration.unwrap_or(0);
                Some(Frame { decode, presentation, duration, is_sync: packet.flags.contains('K') })
            })
            .collect();
        fill_durations(&mut frames);
        let mut format = stream.format();
        if let (Kind::Picture, Some(transport)) = (kind, &transport) {
            format.codecs = transport.h264_parameters.map(|set| format!("avc1.{}", hexadecimal(set)));
            format.profile = transport.h264_parameters.map(|set| set[0]);
        }
        if let Some(mut span) = span_of(kind, timescale, &frames) {
            if let (Kind::Picture, Some(transport)) = (kind, &transport) {
                span.first_picture = first_picture::of_annex_b(format.bitstream, &transport.first_picture);
            }
            spans.push(span);
        }
        formats.push((kind, format));
    }
    if spans.is_empty() {
        return Err(Unmeasurable("it holds no frames".to_owned()));
    }
    Ok(Measured { spans, formats, transport })
}

fn hexadecimal(bytes: [u8; 3]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Frames whose length nobody wrote last until the next one is decoded.
fn fill_durations(frames: &mut [Frame]) {
    let steps: Vec<i64> = frames.windows(2).map(|pair| pair[1].decode.saturating_sub(pair[0].decode)).collect();
    let last = steps.last().copied().unwrap_or(0);
    for (frame, step) in frames.iter_mut().zip(steps.into_iter().chain([last])) {
        if frame.duration <= 0 {
            frame.duration = step;
        }
    }
}

/// When packed audio begins, in ticks of 90 kHz: an ID3 tag tells it (rfc8216bis 3.1.3).
fn packed_audio_start(content: &[u8]) -> u64 {
    const OWNER: &[u8] = b"com.apple.streaming.transportStreamTimestamp\0";
    let beginning = &content[..content.len().min(4096)];
    let found = beginning.windows(OWNER.len()).position(|window| window == OWNER);
    let time = found.and_then(|at| beginning.get(at + OWNER.len()..at + OWNER.len() + 8));
    time.map_or(0, |bytes| bytes.iter().fold(0, |time, byte| time << 8 | u64::from(*byte)) & 0x1_ffff_ffff)
}

/// What the packets of a transport stream say of themselves.
#[derive(Debug, Default, PartialEq)]
pub(in super::super) struct Transport {
    /// What is wrong with PAT and PMT, in words.
    pub(in super::super) tables_problem: Option<String>,
    /// Where packets are missing.
    pub(in super::super) continuity_problem: Option<String>,
    /// The longest time between two clock references in seconds.
    pub(in super::super) longest_clock_gap: f64,
    /// The beginning of the first picture, with start codes.
    first_picture: Vec<u8>,
    h264_parameters: Option<[u8; 3]>,
}

/// What is known while the packets are gone through.
#[derive(Default)]
struct Reading {
    programmes: usize,
    table_pid: Option<u16>,
    picture_pid: Option<u16>,
    has_map: bool,
    counters: std::collections::BTreeMap<u16, u8>,
    clock: Option<(u16, u64)>,
    pictures_begun: usize,
}

impl Transport {
    /// Goes through all packets (ISO/IEC 13818-1, 2.4.3).
    pub(super) fn of(content: &[u8]) -> Self {
        let mut transport = Self::default();
        let mut reading = Reading::default();
        for (number, packet) in content.chunks(PACKET_BYTES).enumerate() {
            if packet.len() < PACKET_BYTES || packet[0] != SYNC {
                transport.continuity_problem.get_or_insert(format!("packet {number} is cut off or no TS packet"));
                break;
            }
            transport.packet(number, packet, &mut reading);
        }
        if reading.programmes != 1 {
            transport.tables_problem = Some(format!("the PAT has {} programmes", reading.programmes));
        } else if !reading.has_map {
            transport.tables_problem = Some("there is no PMT".to_owned());
        }
        transport.h264_parameters = first_picture::h264_parameters(&transport.first_picture);
        transport
    }

    fn packet(&mut self, number: usize, packet: &[u8], reading: &mut Reading) {
        let pid = u16::from(packet[1] & 0x1f) << 8 | u16::from(packet[2]);
        let begins_unit = packet[1] & 0x40 != 0;
        let has_adaptation = packet[3] & 0x20 != 0;
        let has_payload = packet[3] & 0x10 != 0;
        let adaptation_bytes = if has_adaptation { usize::from(packet[4]) + 1 } else { 0 };
        let adaptation = packet.get(5..4 + adaptation_bytes).unwrap_or_default();
        let is_discontinuous = adaptation.first().is_some_and(|flags| flags & 0x80 != 0);
        if has_payload && pid != 0x1fff {
            let counter = packet[3] & 0xf;
            let before = reading.counters.insert(pid, counter);
            let follows = before.is_none_or(|before| counter == (before + 1) & 0xf || counter == before);
            if !follows && !is_discontinuous {
                self.continuity_problem
                    .get_or_insert(format!("packet {number} of PID {pid} does not follow the one before"));
            }
        }
        self.clock(pid, adaptation, reading);
        let Some(payload) = packet.get(4 + adaptation_bytes..).filter(|_| has_payload) else { return };
        if pid == 0 {
            reading.read_programmes(payload);
        } else if Some(pid) == reading.table_pid {
            reading.read_map(payload);
        } else if !reading.has_map && pid != 0x11 && pid != 0x1fff && self.tables_problem.is_none() {
            self.tables_problem = Some(format!("PID {pid} comes before PAT and PMT"));
        }
        if Some(pid) == reading.picture_pid {
            reading.pictures_begun += usize::from(begins_unit);
            if reading.pictures_begun == 1 && self.first_picture.len() < BEGINNING_BYTES {
                // The header of a PES packet ends with fields of a length that it tells (2.4.3.6).
                let header = if begins_unit { payload.get(8).map_or(0, |length| 9 + usize::from(*length)) } else { 0 };
                self.first_picture.extend_from_slice(payload.get(header..).unwrap_or_default());
            }
        }
    }

    /// The programme clock reference, if the packet has one (2.4.3.5).
    fn clock(&mut self, pid: u16, adaptation: &[u8], reading: &mut Reading) {
        let Some([flags, a, b, c, d, e, f, ..]) = adaptation.first_chunk::<7>() else { return };
        if flags & 0x10 == 0 {
            return;
        }
        let base = u64::from(u32::from_be_bytes([*a, *b, *c, *d])) << 1 | u64::from(e >> 7);
        let time = base * 300 + (u64::from(e & 1) << 8 | u64::from(*f));
        if let Some((before_pid, before)) = reading.clock
            && before_pid == pid
            && let Some(ticks) = time.checked_sub(before)
        {
            self.longest_clock_gap = self.longest_clock_gap.max(ticks as f64 / CLOCK_HZ as f64);
        }
        if reading.clock.is_none_or(|(known, _)| known == pid) {
            reading.clock = Some((pid, time));
        }
    }
}

impl Reading {
    /// The programme association table (2.4.4.3).
    fn read_programmes(&mut self, payload: &[u8]) {
        let Some(section) = section(payload) else { return };
        let programmes: Vec<u16> = section
            .get(8..section.len().saturating_sub(4))
            .unwrap_or_default()
            .chunks_exact(4)
            .filter(|entry| entry[..2] != [0, 0])
            .map(|entry| u16::from(entry[2] & 0x1f) << 8 | u16::from(entry[3]))
            .collect();
        self.programmes = programmes.len();
        self.table_pid = programmes.first().copied();
    }

    /// The programme map table (2.4.4.8): the first stream of H.264 or HEVC.
    fn read_map(&mut self, payload: &[u8]) {
        const H264: u8 = 0x1b;
        const HEVC: u8 = 0x24;
        let Some(section) = section(payload) else { return };
        self.has_map = true;
        let length =
            |bytes: Option<&[u8]>| bytes.map_or(0, |bytes| usize::from(bytes[0] & 0xf) << 8 | usize::from(bytes[1]));
        let mut position = 12 + length(section.get(10..12));
        while let Some(entry) = section.get(position..position + 5).filter(|_| position + 9 <= section.len()) {
            if matches!(entry[0], H264 | HEVC) && self.picture_pid.is_none() {
                self.picture_pid = Some(u16::from(entry[1] & 0x1f) << 8 | u16::from(entry[2]));
            }
            position += 5 + length(entry.get(3..5));
        }
    }
}

/// A table's section, which begins behind a pointer; one that goes over several packets is not read.
fn section(payload: &[u8]) -> Option<&[u8]> {
    let start = 1 + usize::from(*payload.first()?);
    let length = 3 + (usize::from(payload.get(start + 1)? & 0xf) << 8 | usize::from(*payload.get(start + 2)?));
    payload.get(start..start + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_are_known_by_their_first_bytes() {
        let mut packets = vec![0; 2 * PACKET_BYTES];
        (packets[0], packets[PACKET_BYTES]) = (SYNC, SYNC);
        assert_eq!(container_of(&packets), Some(Container::TransportStream));
        assert_eq!(container_of(b"ID3\x04"), Some(Container::PackedAac));
        assert_eq!(container_of(&[0xff, 0xf1, 0x50]), Some(Container::PackedAac));
        assert_eq!(container_of(b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd"), None);
        assert_eq!(container_of(b""), None);
    }

    #[test]
    fn anything_can_be_read_as_packets_without_a_panic() {
        for seed in 0..64_u8 {
            let mut noise: Vec<u8> =
                (0..PACKET_BYTES * 8).map(|at| (at as u8).wrapping_mul(seed).rotate_left(3) ^ seed).collect();
            for packet in noise.chunks_mut(PACKET_BYTES) {
                packet[0] = SYNC;
                (packet[1], packet[2]) = (0x40, seed % 3);
            }
            let _ = Transport::of(&noise);
        }
        assert!(Transport::of(&[SYNC; 100]).continuity_problem.is_some());
    }

    #[test]
    fn packed_audio_tells_its_start() {
        let mut tag = b"ID3\x04PRIVcom.apple.streaming.transportStreamTimestamp\0".to_vec();
        tag.extend([0, 0, 0, 0, 0, 1, 0x5f, 0x90]);
        assert_eq!(packed_audio_start(&tag), 90_000);
        assert_eq!(packed_audio_start(b"nothing"), 0);
    }
}
