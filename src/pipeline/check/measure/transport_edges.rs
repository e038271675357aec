//! How the packets of each PID begin and end in a segment of MPEG-TS, by which it is seen what is missing between two.

use std::collections::BTreeMap;

/// The first and the last packets of a PID in a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Edge {
    pub(in super::super) pid: u16,
    /// Continuity counter of the first packet with a payload.
    pub(in super::super) first_counter: u8,
    /// That of the last one.
    pub(in super::super) last_counter: u8,
    /// True when the first packet begins a PES packet or a section.
    pub(in super::super) begins_unit: bool,
    /// True when the first packet says that its counter does not follow the one before.
    pub(in super::super) is_discontinuous: bool,
    /// Bytes that the last PES packet lacks of the length that it tells.
    pub(in super::super) missing_bytes: usize,
}

/// What the head of a packet with a payload says.
#[derive(Debug, Clone, Copy)]
pub(super) struct PacketHead {
    pub(super) pid: u16,
    pub(super) counter: u8,
    pub(super) is_discontinuous: bool,
    pub(super) begins_unit: bool,
}

/// Collects the edges of all PIDs.
#[derive(Debug, Default)]
pub(super) struct Edges(BTreeMap<u16, Edge>);

impl Edges {
    /// Takes the next packet with a payload.
    pub(super) fn take(&mut self, head: PacketHead, payload: &[u8]) {
        let PacketHead { pid, counter, is_discontinuous, begins_unit } = head;
        let edge = self.0.entry(pid).or_insert(Edge {
            pid,
            first_counter: counter,
            last_counter: counter,
            begins_unit,
            is_discontinuous,
            missing_bytes: 0,
        });
        edge.last_counter = counter;
        let told = if begins_unit { told_bytes(payload) } else { edge.missing_bytes };
        edge.missing_bytes = told.saturating_sub(payload.len());
    }

    pub(super) fn all(&self) -> Vec<Edge> {
        self.0.values().cloned().collect()
    }
}

/// The whole length of the PES packet that begins here, where it is told: 0 is any (ISO/IEC 13818-1, 2.4.3.7).
fn told_bytes(payload: &[u8]) -> usize {
    match payload {
        [0, 0, 1, _, high, low, ..] => match u16::from_be_bytes([*high, *low]) {
            0 => 0,
            length => usize::from(length) + 6,
        },
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_last_pes_packet_lacks_is_counted() {
        let head =
            |pid, counter, is_discontinuous, begins_unit| PacketHead { pid, counter, is_discontinuous, begins_unit };
        let mut edges = Edges::default();
        edges.take(head(257, 4, false, true), &[0, 0, 1, 0xc0, 0, 14, 1, 2, 3, 4]);
        assert_eq!(edges.all()[0].missing_bytes, 10);
        edges.take(head(257, 5, false, false), &[0; 8]);
        assert_eq!(edges.all()[0].missing_bytes, 2);
        edges.take(head(257, 6, false, false), &[0; 2]);
        edges.take(head(256, 9, true, true), &[0, 0, 1, 0xe0, 0, 0, 1]);
        edges.take(head(256, 10, false, false), &[0; 100]);
        let all = edges.all();
        assert_eq!((all[0].missing_bytes, all[0].is_discontinuous, all[0].last_counter), (0, true, 10));
        assert_eq!((all[1].missing_bytes, all[1].first_counter, all[1].last_counter), (0, 4, 6));
    }
}
