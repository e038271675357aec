//! The packets of an MPEG transport stream (ISO/IEC 13818-1): tables, counters, clock, and the times of its streams.

use std::collections::BTreeMap;

use super::{
    FirstPicture, Frame, Kind, Span,
    elementary::{Elementary, StreamType},
    span_of,
    transport_edges::{Edge, Edges, PacketHead},
    transport_stream::fill_durations,
};

pub(super) use crate::media::{TRANSPORT_PACKET_BYTES as PACKET_BYTES, TRANSPORT_SYNC_BYTE as SYNC};

const CLOCK_HZ: f64 = 27_000_000.0;
pub(super) const TIMESCALE: u32 = 90_000;
/// Packets without content, and those of the programme's description.
const NULL_PID: u16 = 0x1fff;
const DESCRIPTION_PID: u16 = 0x11;

/// A place where packets are missing or broken.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Loss {
    /// Which part of all packets lies before it.
    pub(in super::super) part: f64,
    /// What is wrong, in words.
    pub(in super::super) problem: String,
}

/// What the packets of a transport stream say of themselves.
#[derive(Debug, Default)]
pub(in super::super) struct Transport {
    /// What is wrong with PAT and PMT, in words.
    pub(in super::super) tables_problem: Option<String>,
    /// Where packets are missing or broken for the first time.
    pub(in super::super) loss: Option<Loss>,
    /// The longest time between two clock references in seconds.
    pub(in super::super) longest_clock_gap: f64,
    packets: usize,
    programmes: usize,
    table_pid: Option<u16>,
    has_map: bool,
    /// True when the PMT names a stream of which the times can't be read here.
    has_others: bool,
    streams: BTreeMap<u16, Elementary>,
    counters: BTreeMap<u16, u8>,
    edges: Edges,
    clock: Option<(u16, u64)>,
}

impl Transport {
    /// Goes through all packets (2.4.3).
    pub(super) fn of(content: &[u8]) -> Self {
        let mut transport = Self { packets: content.len().div_ceil(PACKET_BYTES), ..Self::default() };
        for (number, packet) in content.chunks(PACKET_BYTES).enumerate() {
            if packet.len() < PACKET_BYTES || packet[0] != SYNC {
                transport.lost(number, format!("packet {number} is cut off or no TS packet"));
            } else {
                transport.packet(number, packet);
            }
        }
        if transport.programmes != 1 {
            transport.tables_problem = Some(format!("the PAT has {} programmes", transport.programmes));
        } else if !transport.has_map {
            transport.tables_problem = Some("there is no PMT".to_owned());
        }
        transport
    }

    /// The beginning of the first picture, with start codes.
    pub(super) fn first_picture(&self) -> &[u8] {
        let picture = self.streams.values().find(|stream| stream.kind() == Kind::Picture);
        picture.map_or(&[], Elementary::first_unit)
    }

    /// How each PID begins and ends.
    pub(in super::super) fn edges(&self) -> Vec<Edge> {
        self.edges.all()
    }

    /// The times of all streams; `None` when there is one that can't be read here.
    pub(super) fn spans(&self) -> Option<Vec<Span>> {
        if self.has_others || self.streams.is_empty() {
            return None;
        }
        let mut spans = Vec::new();
        for stream in self.streams.values() {
            let (mut frames, first): (Vec<Frame>, FirstPicture) = stream.frames()?;
            fill_durations(&mut frames);
            if let Some(mut span) = span_of(stream.kind(), TIMESCALE, &frames) {
                span.first_picture = first;
                spans.push(span);
            }
        }
        Some(spans)
    }

    fn packet(&mut self, number: usize, packet: &[u8]) {
        let pid = u16::from(packet[1] & 0x1f) << 8 | u16::from(packet[2]);
        let begins_unit = packet[1] & 0x40 != 0;
        let has_adaptation = packet[3] & 0x20 != 0;
        let has_payload = packet[3] & 0x10 != 0;
        let adaptation_bytes = if has_adaptation { usize::from(packet[4]) + 1 } else { 0 };
        let adaptation = packet.get(5..4 + adaptation_bytes).unwrap_or_default();
        let is_discontinuous = adaptation.first().is_some_and(|flags| flags & 0x80 != 0);
        if has_payload && pid != NULL_PID {
            self.count(number, pid, packet[3] & 0xf, is_discontinuous);
        }
        self.read_clock(pid, adaptation);
        let Some(payload) = packet.get(4 + adaptation_bytes..).filter(|_| has_payload) else { return };
        if pid != NULL_PID {
            let counter = packet[3] & 0xf;
            self.edges.take(PacketHead { pid, counter, is_discontinuous, begins_unit }, payload);
        }
        if pid == 0 {
            self.read_programmes(payload);
        } else if Some(pid) == self.table_pid {
            self.read_map(payload);
        } else if let Some(stream) = self.streams.get_mut(&pid) {
            stream.take(payload, begins_unit);
        } else if !self.has_map && pid != DESCRIPTION_PID && pid != NULL_PID && self.tables_problem.is_none() {
            self.tables_problem = Some(format!("PID {pid} comes before PAT and PMT"));
        }
    }

    /// The counter of each PID goes up by one; a packet may be sent twice (2.4.3.3).
    fn count(&mut self, number: usize, pid: u16, counter: u8, is_discontinuous: bool) {
        let before = self.counters.insert(pid, counter);
        let follows = before.is_none_or(|before| counter == (before + 1) & 0xf || counter == before);
        if !follows && !is_discontinuous {
            self.lost(number, format!("packet {number} of PID {pid} does not follow the one before"));
        }
    }

    /// Notes a place where something is missing.
    fn lost(&mut self, number: usize, problem: String) {
        let part = number as f64 / self.packets.max(1) as f64;
        self.loss.get_or_insert(Loss { part, problem });
    }

    /// The programme clock reference, if the packet has one (2.4.3.5).
    fn read_clock(&mut self, pid: u16, adaptation: &[u8]) {
        let Some([flags, a, b, c, d, e, f]) = adaptation.first_chunk::<7>() else { return };
        if flags & 0x10 == 0 {
            return;
        }
        let base = u64::from(u32::from_be_bytes([*a, *b, *c, *d])) << 1 | u64::from(e >> 7);
        let time = base * 300 + (u64::from(e & 1) << 8 | u64::from(*f));
        match self.clock {
            Some((known, before)) if known == pid => {
                if let Some(ticks) = time.checked_sub(before) {
                    self.longest_clock_gap = self.longest_clock_gap.max(ticks as f64 / CLOCK_HZ);
                }
                self.clock = Some((pid, time));
            }
            None => self.clock = Some((pid, time)),
            Some(_) => {}
        }
    }

    /// The programme association table (2.4.4.3).
    fn read_programmes(&mut self, payload: &[u8]) {
        let Some(section) = section(payload) else { return };
        self.judge_checksum("PAT", section);
        let entries = section.get(8..section.len().saturating_sub(4)).unwrap_or_default().chunks_exact(4);
        let programmes: Vec<u16> = entries
            .filter(|entry| entry[..2] != [0, 0])
            .map(|entry| u16::from(entry[2] & 0x1f) << 8 | u16::from(entry[3]))
            .collect();
        self.programmes = programmes.len();
        self.table_pid = programmes.first().copied();
    }

    fn judge_checksum(&mut self, table: &str, section: &[u8]) {
        if !has_true_checksum(section) && self.tables_problem.is_none() {
            self.tables_problem = Some(format!("the checksum of the {table} is wrong"));
        }
    }

    /// The programme map table (2.4.4.8).
    fn read_map(&mut self, payload: &[u8]) {
        let Some(section) = section(payload) else { return };
        self.judge_checksum("PMT", section);
        if std::mem::replace(&mut self.has_map, true) {
            return;
        }
        let length = |bytes: &[u8]| usize::from(bytes[0] & 0xf) << 8 | usize::from(bytes[1]);
        let mut position = 12 + section.get(10..12).map_or(0, length);
        // The checksum takes the last four bytes.
        while let Some(entry) = section.get(position..position + 5).filter(|_| position + 9 <= section.len()) {
            let pid = u16::from(entry[1] & 0x1f) << 8 | u16::from(entry[2]);
            match StreamType::of(entry[0]) {
                Some(kind) => {
                    self.streams.insert(pid, Elementary::new(kind));
                }
                None => self.has_others = true,
            }
            position += 5 + length(&entry[3..5]);
        }
    }
}

/// A table's section, which begins behind a pointer; one that goes over several packets is not read.
fn section(payload: &[u8]) -> Option<&[u8]> {
    let start = 1 + usize::from(*payload.first()?);
    let length = 3 + (usize::from(payload.get(start + 1)? & 0xf) << 8 | usize::from(*payload.get(start + 2)?));
    payload.get(start..start + length)
}

/// The CRC at the end of a section (2.4.4.1, annex A) is that of zlib but for the order of its bits.
fn has_true_checksum(section: &[u8]) -> bool {
    let Some((content, told)) = section.split_last_chunk::<4>() else { return false };
    let mirrored: Vec<u8> = content.iter().map(|byte| byte.reverse_bits()).collect();
    !crc32fast::hash(&mirrored).reverse_bits() == u32::from_be_bytes(*told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anything_can_be_read_as_packets_without_a_panic() {
        for seed in 0..64_u8 {
            let noise = (0..PACKET_BYTES * 8).map(|at| (at as u8).wrapping_mul(seed).rotate_left(3) ^ seed);
            let mut noise: Vec<u8> = noise.collect();
            for packet in noise.chunks_mut(PACKET_BYTES) {
                packet[0] = SYNC;
                (packet[1], packet[2]) = (0x40, seed % 3);
            }
            let _ = Transport::of(&noise).spans();
        }
        assert!(Transport::of(&[SYNC; 100]).loss.is_some());
    }

    #[test]
    fn checksums_of_tables_are_those_of_other_writers() {
        // The PAT of ffmpeg.
        let section = [0, 0xb0, 0x0d, 0, 1, 0xc1, 0, 0, 0, 1, 0xf0, 0, 0x2a, 0xb1, 0x04, 0xb2];
        assert!(has_true_checksum(&section));
        let mut wrong = section;
        wrong[15] ^= 1;
        assert!(!has_true_checksum(&wrong) && !has_true_checksum(&[]));
    }

    #[test]
    fn what_follows_a_broken_packet_is_read_too() {
        let packet = |counter: u8| {
            let mut packet = [0xff; PACKET_BYTES];
            packet[..4].copy_from_slice(&[SYNC, 1, 0, 0x10 | counter]);
            packet
        };
        let mut packets: Vec<[u8; PACKET_BYTES]> = (0..8).map(packet).collect();
        assert_eq!(Transport::of(&packets.concat()).loss, None);
        packets[2][0] = 0;
        let transport = Transport::of(&packets.concat());
        let loss = transport.loss.unwrap();
        assert!(loss.part == 0.25 && loss.problem.starts_with("packet 2 "), "{loss:?}");
        assert_eq!(transport.counters[&256], 7);
    }
}
