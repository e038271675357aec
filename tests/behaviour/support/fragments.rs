//! Times as the boxes of a fragmented MP4 have them. ffprobe can't tell them: where composition offsets are negative it
//! moves all presentation times of a fragmented file by the largest of them.

use std::io::Cursor;

use mp4_atom::{Any, Moof, Moov, ReadFrom};

/// The flag of ISO/IEC 14496-12, 8.8.3.1, that decoding can't start at a sample.
const IS_NON_SYNC: u32 = 0x0001_0000;

/// One compressed picture or piece of sound.
#[derive(Debug, Clone)]
pub struct Packet {
    /// Presentation time in ticks.
    pub presentation_ticks: i64,
    /// Decode time in ticks.
    pub decode_ticks: i64,
    /// Length in ticks.
    pub duration_ticks: i64,
    /// Whether the file says that decoding can start here.
    pub is_key: bool,
}

/// Ticks in a second of the only track of an init segment.
pub fn ticks_per_second(init_segment: &[u8]) -> f64 {
    let movie: Moov = boxes(init_segment)
        .find_map(|found| if let Any::Moov(movie) = found { Some(movie) } else { None })
        .expect("a moov");
    assert_eq!(movie.trak.len(), 1, "an init segment has one track");
    assert!(movie.trak[0].edts.is_none(), "an edit list would move the timeline");
    f64::from(movie.trak[0].mdia.mdhd.timescale)
}

/// All packets of a media segment, in decode order.
pub fn packets(media_segment: &[u8]) -> Vec<Packet> {
    boxes(media_segment)
        .filter_map(|found| if let Any::Moof(fragment) = found { Some(fragment) } else { None })
        .flat_map(|fragment| packets_of(&fragment))
        .collect()
}

fn packets_of(fragment: &Moof) -> Vec<Packet> {
    assert_eq!(fragment.traf.len(), 1, "a fragment has one track");
    let track = &fragment.traf[0];
    let start = track.tfdt.as_ref().expect("a tfdt").base_media_decode_time;
    let mut decode_ticks = i64::try_from(start).expect("a time that fits");
    let mut packets = Vec::new();
    for entry in track.trun.iter().flat_map(|run| run.samples.iter()) {
        let duration_ticks = i64::from(entry.duration.or(track.tfhd.default_sample_duration).expect("a duration"));
        let flags = entry.flags.or(track.tfhd.default_sample_flags).expect("flags");
        let presentation_ticks = decode_ticks + entry.cts.unwrap_or(0);
        packets.push(Packet { presentation_ticks, decode_ticks, duration_ticks, is_key: flags & IS_NON_SYNC == 0 });
        decode_ticks += duration_ticks;
    }
    packets
}

fn boxes(content: &[u8]) -> impl Iterator<Item = Any> + '_ {
    let mut reader = Cursor::new(content);
    std::iter::from_fn(move || {
        let is_at_end = reader.position() == content.len() as u64;
        (!is_at_end).then(|| Any::read_from(&mut reader).expect("whole boxes"))
    })
}
