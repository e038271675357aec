//! Where the keyframes lie in a segment of MPEG-TS (ISO/IEC 13818-1), and whether it begins as rfc8216bis 3.1.1 wants.

use std::ops::Range;

use crate::media::{TRANSPORT_PACKET_BYTES as PACKET_BYTES, TransportPacket};

/// The programme association table.
const PAT_PID: u16 = 0;

/// What a segment is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SegmentLayout {
    /// The tables at the start, which a decoder needs before any frame.
    pub(super) tables_bytes: u64,
    /// The bytes of each keyframe: from its first packet to the last one that belongs to it.
    pub(super) keyframes: Vec<Range<u64>>,
}

/// Reads the layout of a segment.
///
/// # Errors
/// What is wrong with it.
pub(super) fn layout(segment: &[u8]) -> Result<SegmentLayout, &'static str> {
    let (packets, tables) = packets_after_tables(segment)?;
    let first_picture = packets.iter().position(begins_picture).ok_or("it has no picture")?;
    if !packets[first_picture].is_random_access() {
        return Err("it does not begin with a keyframe");
    }
    let video_pid = packets[first_picture].pid;
    let starts: Vec<usize> =
        (0..packets.len()).filter(|index| packets[*index].pid == video_pid && packets[*index].begins_unit).collect();
    let mut keyframes = Vec::new();
    for (number, start) in starts.iter().enumerate() {
        if packets[*start].is_random_access() {
            let next = starts.get(number + 1).copied().unwrap_or(packets.len());
            let last = (*start..next).rev().find(|index| packets[*index].pid == video_pid).unwrap_or(*start);
            keyframes.push((start * PACKET_BYTES) as u64..((last + 1) * PACKET_BYTES) as u64);
        }
    }
    Ok(SegmentLayout { tables_bytes: (tables * PACKET_BYTES) as u64, keyframes })
}

/// Makes sure that a segment of sound alone begins as it must.
///
/// # Errors
/// What is wrong with it.
pub(super) fn check_sound(segment: &[u8]) -> Result<(), &'static str> {
    let (packets, tables) = packets_after_tables(segment)?;
    if tables == packets.len() { Err("it has no sound") } else { Ok(()) }
}

/// All packets, and the number of those before the first of media, the programme tables among them.
fn packets_after_tables(segment: &[u8]) -> Result<(Vec<TransportPacket<'_>>, usize), &'static str> {
    if segment.is_empty() || !segment.len().is_multiple_of(PACKET_BYTES) {
        return Err("it is not made of whole packets");
    }
    let packets = segment.chunks_exact(PACKET_BYTES).map(TransportPacket::read).collect::<Option<Vec<_>>>();
    let packets = packets.ok_or("a packet is damaged")?;
    let is_media = |packet: &TransportPacket<'_>| packet.begins_unit && matches!(packet.payload, Some([0, 0, 1, ..]));
    let tables = packets.iter().position(is_media).unwrap_or(packets.len());
    if !packets[..tables].iter().any(|packet| packet.pid == PAT_PID) {
        return Err("it does not begin with the programme tables");
    }
    Ok((packets, tables))
}

/// Whether a frame begins here: a PES packet of a video stream.
fn begins_picture(packet: &TransportPacket<'_>) -> bool {
    packet.begins_unit && matches!(packet.payload, Some([0, 0, 1, stream_id, ..]) if (0xe0..=0xef).contains(stream_id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::TRANSPORT_SYNC_BYTE;

    fn packet(pid: u16, begins_unit: bool, random_access: bool, payload: &[u8]) -> Vec<u8> {
        let [high, low] = pid.to_be_bytes();
        let mut bytes = vec![TRANSPORT_SYNC_BYTE, high | if begins_unit { 0x40 } else { 0 }, low, 0x30];
        let stuffing = PACKET_BYTES - 6 - payload.len();
        bytes.extend([u8::try_from(stuffing + 1).unwrap(), if random_access { 0x40 } else { 0 }]);
        bytes.extend(vec![0xff; stuffing]);
        bytes.extend(payload);
        bytes
    }

    #[test]
    fn keyframes_are_found_between_sound_and_other_frames() {
        let picture = [0, 0, 1, 0xe0, 9, 9];
        let sound = [0, 0, 1, 0xc0, 9, 9];
        let segment = [
            packet(0, true, false, &[0]),
            packet(4096, true, false, &[0]),
            packet(257, true, false, &sound),
            packet(256, true, true, &picture),
            packet(257, false, false, &[1]),
            packet(256, false, false, &[1]),
            packet(257, false, false, &[1]),
            packet(256, true, false, &picture),
            packet(256, true, true, &picture),
        ]
        .concat();
        let layout = layout(&segment).unwrap();
        assert_eq!(layout.tables_bytes, 2 * 188);
        assert_eq!(layout.keyframes, [3 * 188..6 * 188, 8 * 188..9 * 188]);
    }

    #[test]
    fn a_segment_that_can_not_be_played_alone_is_refused() {
        let tables = packet(0, true, false, &[0]);
        let picture = packet(256, true, false, &[0, 0, 1, 0xe0]);
        assert!(layout(&[tables.clone(), picture.clone()].concat()).unwrap_err().contains("keyframe"));
        assert!(layout(&picture).unwrap_err().contains("tables"));
        assert!(layout(&tables).unwrap_err().contains("no picture"));
        assert!(layout(&tables[1..]).is_err() && layout(&[]).is_err() && layout(&[0; 188]).is_err());
    }
}
