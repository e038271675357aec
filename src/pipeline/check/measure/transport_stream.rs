//! Segments in MPEG-TS and packed AAC.
//!
//! Times of H.264, HEVC and AAC are read here, as a long film has thousands of segments; formats and other codecs take
//! ffprobe.

use std::path::Path;

use super::{
    Frame, Kind, Span, Unmeasurable, elementary,
    facts::{Container, Probed, Prober},
    first_picture,
    format::Format,
    span_of,
    transport_packets::{TIMESCALE, Transport},
};
use crate::media::{TRANSPORT_PACKET_BYTES as PACKET_BYTES, TRANSPORT_SYNC_BYTE as SYNC};

/// What a segment is, by its first bytes.
pub(in super::super) fn container_of(beginning: &[u8]) -> Option<Container> {
    let is_transport = beginning.first() == Some(&SYNC) && beginning.get(PACKET_BYTES).is_none_or(|byte| *byte == SYNC);
    let is_aac = beginning.starts_with(b"ID3") || matches!(beginning, [0xff, second, ..] if second & 0xf6 == 0xf0);
    if is_transport { Some(Container::TransportStream) } else { is_aac.then_some(Container::PackedAac) }
}

/// A segment that is not fMP4, in memory and in a file.
#[derive(Clone, Copy)]
pub(in super::super) struct Source<'a> {
    pub(in super::super) content: &'a [u8],
    pub(in super::super) file: &'a Path,
    pub(in super::super) container: Container,
    /// Whether the formats are known from a segment before.
    pub(in super::super) has_formats: bool,
}

/// A measured segment that is not fMP4.
#[derive(Debug)]
pub(in super::super) struct Measured {
    pub(in super::super) spans: Vec<Span>,
    /// Empty when they were known before.
    pub(in super::super) formats: Vec<(Kind, Format)>,
    /// `None` for packed audio.
    pub(in super::super) transport: Option<Transport>,
}

/// Measures a segment.
pub(in super::super) fn measure(source: Source<'_>, prober: Prober<'_>) -> Result<Measured, Unmeasurable> {
    let is_transport = source.container == Container::TransportStream;
    let transport = is_transport.then(|| Transport::of(source.content));
    let own = match &transport {
        Some(transport) => transport.spans(),
        None => packed_spans(source.content),
    };
    let mut formats = Vec::new();
    let probed = match (&own, source.has_formats) {
        (Some(_), true) => Probed::default(),
        (own, _) => prober.probe(source.file, source.container, own.is_none()).map_err(Unmeasurable)?,
    };
    if !source.has_formats {
        for stream in &probed.streams {
            let mut format = stream.format();
            if let (Kind::Picture, Some(transport)) = (stream.kind(), &transport) {
                let parameters = first_picture::h264_parameters(transport.first_picture());
                format.codecs = parameters.map(|set| format!("avc1.{}", hexadecimal(set)));
                format.profile = parameters.map(|set| set[0]);
            }
            formats.push((stream.kind(), format));
        }
    }
    let spans = match own {
        Some(spans) => spans,
        None => probed_spans(&probed, source, transport.as_ref()),
    };
    if spans.is_empty() {
        Err(Unmeasurable("it holds no frames".to_owned()))
    } else {
        Ok(Measured { spans, formats, transport })
    }
}

/// The sound of packed AAC; `None` when it is something else.
fn packed_spans(content: &[u8]) -> Option<Vec<Span>> {
    let start = i64::try_from(packed_audio_start(content)).ok()?;
    let frames = elementary::packed_sound_frames(content, start)?;
    span_of(Kind::Sound, TIMESCALE, &frames).map(|span| vec![span])
}

/// Spans by the packets that ffprobe has found.
fn probed_spans(probed: &Probed, source: Source<'_>, transport: Option<&Transport>) -> Vec<Span> {
    let offset = if source.container == Container::PackedAac { packed_audio_start(source.content) } else { 0 };
    let mut spans = Vec::new();
    for stream in &probed.streams {
        let (kind, timescale) = (stream.kind(), stream.timescale());
        let offset = i64::try_from(u128::from(offset) * u128::from(timescale) / 90_000).unwrap_or(0);
        let packets = probed.packets.iter().filter(|packet| packet.stream_index == stream.index);
        let mut frames: Vec<Frame> = packets
            .filter_map(|packet| {
                let presentation = packet.pts.or(packet.dts)?.saturating_add(offset);
                let decode = packet.dts.or(packet.pts)?.saturating_add(offset);
                let duration = packet.duration.unwrap_or(0);
                Some(Frame { decode, presentation, duration, is_sync: packet.flags.contains('K') })
            })
            .collect();
        fill_durations(&mut frames);
        if let Some(mut span) = span_of(kind, timescale, &frames) {
            if let (Kind::Picture, Some(transport)) = (kind, transport) {
                span.first_picture = first_picture::of_annex_b(stream.format().bitstream, transport.first_picture());
            }
            spans.push(span);
        }
    }
    spans
}

fn hexadecimal(bytes: [u8; 3]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Frames whose length nobody wrote last until the next one is decoded.
pub(super) fn fill_durations(frames: &mut [Frame]) {
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
    fn packed_audio_tells_its_start() {
        let mut tag = b"ID3\x04PRIVcom.apple.streaming.transportStreamTimestamp\0".to_vec();
        tag.extend([0, 0, 0, 0, 0, 1, 0x5f, 0x90]);
        assert_eq!(packed_audio_start(&tag), 90_000);
        assert_eq!(packed_audio_start(b"nothing"), 0);
    }
}
