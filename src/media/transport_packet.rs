//! A packet of an MPEG transport stream and the tables in it (ISO/IEC 13818-1, 2.4.3 and 2.4.4).

/// Bytes in a packet (ISO/IEC 13818-1, 2.4.3.2).
pub const TRANSPORT_PACKET_BYTES: usize = 188;
/// The byte each packet begins with.
pub const TRANSPORT_SYNC_BYTE: u8 = 0x47;

/// What a packet says.
#[derive(Debug, Clone, Copy)]
pub struct TransportPacket<'a> {
    /// The stream it belongs to.
    pub pid: u16,
    /// Its payload begins a frame, a packet of sound or a section of a table.
    pub begins_unit: bool,
    /// Counts the packets of its stream that have a payload: 0 to 15, then 0 again.
    pub counter: u8,
    /// What it carries; `None` for a packet of the clock alone.
    pub payload: Option<&'a [u8]>,
    adaptation: &'a [u8],
}

impl<'a> TransportPacket<'a> {
    /// Reads a packet; `None` where these are no 188 bytes that begin as one does, or its parts do not fit into them.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let &[TRANSPORT_SYNC_BYTE, first, second, control, field_bytes, ..] = bytes else { return None };
        if bytes.len() != TRANSPORT_PACKET_BYTES {
            return None;
        }
        let (has_adaptation, has_payload) = (control & 0x20 != 0, control & 0x10 != 0);
        let (adaptation, payload) = if has_adaptation {
            bytes[5..].split_at_checked(usize::from(field_bytes))?
        } else {
            (&[][..], &bytes[4..])
        };
        Some(Self {
            pid: u16::from_be_bytes([first & 0x1f, second]),
            begins_unit: first & 0x40 != 0,
            counter: control & 0x0f,
            payload: has_payload.then_some(payload),
            adaptation,
        })
    }

    /// Whether its counter and clock need not follow those before.
    pub fn is_discontinuous(&self) -> bool {
        self.has_flag(0x80)
    }

    /// Whether decoding can begin here.
    pub fn is_random_access(&self) -> bool {
        self.has_flag(0x40)
    }

    /// The programme's clock in ticks of 27 MHz, if the packet tells it (2.4.3.5).
    pub fn clock_ticks(&self) -> Option<u64> {
        let [_, a, b, c, d, e, f] = *self.adaptation.first_chunk::<7>().filter(|_| self.has_flag(0x10))?;
        let base = u64::from(u32::from_be_bytes([a, b, c, d])) << 1 | u64::from(e >> 7);
        Some(base * 300 + (u64::from(e & 1) << 8 | u64::from(f)))
    }

    /// The section of a table that begins here, as far as it lies in this packet (2.4.4.1).
    pub fn section(&self) -> Option<Section<'a>> {
        let payload = self.payload.filter(|_| self.begins_unit)?;
        payload.get(1 + usize::from(*payload.first()?)..).map(Section)
    }

    fn has_flag(&self, flag: u8) -> bool {
        self.adaptation.first().is_some_and(|flags| flags & flag != 0)
    }
}

/// A section of a table from its first byte on; what follows it may stand behind it.
#[derive(Debug, Clone, Copy)]
pub struct Section<'a>(&'a [u8]);

/// A stream that the table of a programme names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MappedStream<'a> {
    /// Its packets.
    pub pid: u16,
    /// What it is (table 2-34).
    pub kind: u8,
    /// What describes it further.
    pub descriptors: &'a [u8],
}

impl<'a> Section<'a> {
    /// Which table it is a part of: 0 is that of all programmes, 2 that of one.
    pub fn table(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// Where the tables of the programmes are, of the table of all programmes (2.4.4.3).
    pub fn programme_maps(&self) -> impl Iterator<Item = u16> + use<'a> {
        let programmes = self.content(8).unwrap_or_default().chunks_exact(4);
        programmes.filter(|entry| entry[..2] != [0, 0]).map(|entry| pid_at(&entry[2..]))
    }

    /// The streams of a programme, of its table (2.4.4.8).
    pub fn streams(&self) -> impl Iterator<Item = MappedStream<'a>> + use<'a> {
        let mut rest = length_at(self.0, 10).and_then(|described| self.content(12 + described)).unwrap_or_default();
        std::iter::from_fn(move || {
            let described = length_at(rest, 3)?;
            let stream = MappedStream {
                pid: pid_at(&rest[1..]),
                kind: rest[0],
                descriptors: rest.get(5..5 + described).unwrap_or_default(),
            };
            rest = rest.get(5 + described..).unwrap_or_default();
            Some(stream)
        })
    }

    /// Whether its checksum is right (2.4.4.1, annex A); `None` for a section that goes over several packets.
    pub fn has_true_checksum(&self) -> Option<bool> {
        let (content, told) = self.0.get(..self.end()?)?.split_last_chunk::<4>()?;
        // That of zlib but for the order of its bits.
        let mirrored: Vec<u8> = content.iter().map(|byte| byte.reverse_bits()).collect();
        Some(!crc32fast::hash(&mirrored).reverse_bits() == u32::from_be_bytes(*told))
    }

    /// What it holds from this byte on, without its checksum.
    fn content(&self, from: usize) -> Option<&'a [u8]> {
        self.0.get(from..self.end()?.saturating_sub(4).min(self.0.len()))
    }

    fn end(&self) -> Option<usize> {
        Some(3 + length_at(self.0, 1)?)
    }
}

fn pid_at(bytes: &[u8]) -> u16 {
    u16::from_be_bytes([bytes[0] & 0x1f, bytes[1]])
}

/// A length of twelve bits.
fn length_at(bytes: &[u8], at: usize) -> Option<usize> {
    Some(usize::from(u16::from_be_bytes([bytes.get(at)? & 0x0f, *bytes.get(at + 1)?])))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(head: [u8; 4], rest: &[u8]) -> [u8; TRANSPORT_PACKET_BYTES] {
        let mut packet = [0xff; TRANSPORT_PACKET_BYTES];
        packet[..4].copy_from_slice(&head);
        packet[4..4 + rest.len()].copy_from_slice(rest);
        packet
    }

    #[test]
    fn a_packet_says_its_stream_its_count_and_its_clock() {
        // Clock: 2 s are 180,000 ticks of 90 kHz and 54,000,000 of 27 MHz.
        let field = [7, 0x50, 0, 1, 0x5f, 0x90, 0, 9];
        let bytes = packet([TRANSPORT_SYNC_BYTE, 0x41, 0x02, 0x35], &field);
        let packet = TransportPacket::read(&bytes).unwrap();
        assert_eq!((packet.pid, packet.begins_unit, packet.counter), (0x102, true, 5));
        assert_eq!(packet.clock_ticks(), Some(180_000 * 300 + 9));
        assert!(packet.is_random_access() && !packet.is_discontinuous());
        assert_eq!(packet.payload.unwrap().len(), TRANSPORT_PACKET_BYTES - 12);
    }

    #[test]
    fn what_is_no_packet_is_not_read_and_noise_does_no_harm() {
        assert!(TransportPacket::read(&[TRANSPORT_SYNC_BYTE; 100]).is_none());
        assert!(TransportPacket::read(&[0; TRANSPORT_PACKET_BYTES]).is_none());
        for seed in 0..=u8::MAX {
            let noise = (0..TRANSPORT_PACKET_BYTES).map(|at| (at as u8).wrapping_mul(seed).rotate_left(3) ^ seed);
            let mut noise: Vec<u8> = noise.collect();
            (noise[0], noise[1]) = (TRANSPORT_SYNC_BYTE, 0x40);
            let Some(packet) = TransportPacket::read(&noise) else { continue };
            let _ = packet.clock_ticks();
            if let Some(section) = packet.section() {
                let _ = (section.table(), section.has_true_checksum());
                let _ = (section.programme_maps().count(), section.streams().count());
            }
        }
    }

    #[test]
    fn tables_are_read_and_their_checksums_are_those_of_other_writers() {
        // The PAT of ffmpeg.
        let table = [0, 0, 0xb0, 0x0d, 0, 1, 0xc1, 0, 0, 0, 1, 0xf0, 0, 0x2a, 0xb1, 0x04, 0xb2];
        let head = [TRANSPORT_SYNC_BYTE, 0x40, 0, 0x10];
        let mut bytes = packet(head, &table);
        let section = TransportPacket::read(&bytes).unwrap().section().unwrap();
        assert_eq!((section.has_true_checksum(), section.table()), (Some(true), Some(0)));
        assert_eq!(section.programme_maps().collect::<Vec<_>>(), [0x1000]);
        bytes[4 + 16] ^= 1;
        let section = TransportPacket::read(&bytes).unwrap().section().unwrap();
        assert_eq!(section.has_true_checksum(), Some(false));

        let map =
            [0, 2, 0xb0, 25, 0, 1, 0xc1, 0, 0, 0xe1, 0, 0xf0, 0, 0x1b, 0xe1, 0, 0xf0, 0, 6, 0xe1, 1, 0xf0, 2, 0x6a, 0];
        let bytes = packet(head, &map);
        let section = TransportPacket::read(&bytes).unwrap().section().unwrap();
        let streams: Vec<_> = section.streams().map(|stream| (stream.pid, stream.kind, stream.descriptors)).collect();
        assert_eq!(streams, [(0x100, 0x1b, &[][..]), (0x101, 6, &[0x6a, 0][..])]);
    }
}
