//! The packets of an MPEG transport stream (ISO/IEC 13818-1): tables, counters, clock, and the times of its streams.

use std::collections::BTreeMap;

use super::{
    FirstPicture, Frame, Kind, Span,
    elementary::{Elementary, StreamType},
    span_of,
    transport_edges::{Edge, Edges, PacketHead},
    transport_stream::fill_durations,
};

use crate::media::{Section, TRANSPORT_PACKET_BYTES as PACKET_BYTES, TransportPacket};

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
            match TransportPacket::read(packet) {
                Some(packet) => transport.packet(number, packet),
                None => transport.lost(number, format!("packet {number} is cut off or no TS packet")),
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

    fn packet(&mut self, number: usize, packet: TransportPacket<'_>) {
        self.read_clock(packet);
        let Some(payload) = packet.payload.filter(|_| packet.pid != NULL_PID) else { return };
        self.count(number, packet);
        let TransportPacket { pid, counter, begins_unit, .. } = packet;
        let is_discontinuous = packet.is_discontinuous();
        self.edges.take(PacketHead { pid, counter, is_discontinuous, begins_unit }, payload);
        if packet.pid == 0 {
            self.read_programmes(packet);
        } else if Some(packet.pid) == self.table_pid {
            self.read_map(packet);
        } else if let Some(stream) = self.streams.get_mut(&packet.pid) {
            stream.take(payload, packet.begins_unit);
        } else if !self.has_map && packet.pid != DESCRIPTION_PID && self.tables_problem.is_none() {
            self.tables_problem = Some(format!("PID {} comes before PAT and PMT", packet.pid));
        }
    }

    /// The counter of each PID goes up by one; a packet may be sent twice (2.4.3.3).
    fn count(&mut self, number: usize, packet: TransportPacket<'_>) {
        let TransportPacket { pid, counter, .. } = packet;
        let before = self.counters.insert(pid, counter);
        let follows = before.is_none_or(|before| counter == (before + 1) & 0xf || counter == before);
        if !follows && !packet.is_discontinuous() {
            self.lost(number, format!("packet {number} of PID {pid} does not follow the one before"));
        }
    }

    /// Notes a place where something is missing.
    fn lost(&mut self, number: usize, problem: String) {
        let part = number as f64 / self.packets.max(1) as f64;
        self.loss.get_or_insert(Loss { part, problem });
    }

    /// The programme clock reference, if the packet has one (2.4.3.5).
    fn read_clock(&mut self, packet: TransportPacket<'_>) {
        let Some(time) = packet.clock_ticks() else { return };
        match self.clock {
            Some((known, before)) if known == packet.pid => {
                if let Some(ticks) = time.checked_sub(before) {
                    self.longest_clock_gap = self.longest_clock_gap.max(ticks as f64 / CLOCK_HZ);
                }
                self.clock = Some((packet.pid, time));
            }
            None => self.clock = Some((packet.pid, time)),
            Some(_) => {}
        }
    }

    /// The programme association table (2.4.4.3).
    fn read_programmes(&mut self, packet: TransportPacket<'_>) {
        let Some(section) = packet.section() else { return };
        self.judge_checksum("PAT", section);
        self.programmes = section.programme_maps().count();
        self.table_pid = section.programme_maps().next();
    }

    fn judge_checksum(&mut self, table: &str, section: Section<'_>) {
        if section.has_true_checksum() == Some(false) && self.tables_problem.is_none() {
            self.tables_problem = Some(format!("the checksum of the {table} is wrong"));
        }
    }

    /// The programme map table (2.4.4.8).
    fn read_map(&mut self, packet: TransportPacket<'_>) {
        let Some(section) = packet.section() else { return };
        self.judge_checksum("PMT", section);
        if std::mem::replace(&mut self.has_map, true) {
            return;
        }
        for stream in section.streams() {
            match StreamType::of(stream.kind) {
                Some(kind) => {
                    self.streams.insert(stream.pid, Elementary::new(kind));
                }
                None => self.has_others = true,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::TRANSPORT_SYNC_BYTE as SYNC;

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
