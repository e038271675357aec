//! Transport streams in which a stream goes over into another codec, as where recordings of unlike stations were put behind
//! each other: ffmpeg goes on to decode it as what it was. Only the tables between the packets tell (ISO/IEC 13818-1, 2.4).

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{BufReader, Read},
    path::Path,
    time::Duration,
};

use crate::{
    failure::{Failure, FailureKind},
    format::precise_clock,
    media::{Section, TRANSPORT_PACKET_BYTES as PACKET_BYTES, TRANSPORT_SYNC_BYTE as SYNC, TransportPacket},
    tools::cancel::CancelToken,
};

/// What is read at once.
const BUFFER_BYTES: usize = 1 << 20;
/// Ticks of the clock of a programme in a second.
const TICKS_PER_SECOND: u64 = 90_000;
/// Ticks of 27 MHz in one of these.
const CLOCK_TICKS_IN_ONE: u64 = 300;
/// A clock that goes on by more has jumped.
const LONGEST_STEP: u64 = 10 * TICKS_PER_SECOND;
/// A clock tells its time at least so often; the norm (ISO/IEC 13818-1, 2.7.2) wants it ten times a second.
const LONGEST_USUAL_STEP: u64 = TICKS_PER_SECOND / 2;
/// A clock that goes back by less is not exact, by more is noticed by ffmpeg.
const STEPS_BACK: std::ops::Range<u64> = TICKS_PER_SECOND..12 * TICKS_PER_SECOND;
/// The bits of a packet that count those of its stream.
const COUNTER: u8 = 0x0f;
/// How much of a file is looked at for its clock: more than twelve seconds of any broadcast.
const LOOKED_AT_BYTES: u64 = 32 << 20;
/// How often a job that is cancelled is noticed, in packets.
const PACKETS_BETWEEN_LOOKS: u64 = 10_000;

/// A stream that goes over into another codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodecChange {
    /// Whether it is sound.
    pub is_sound: bool,
    /// The codec before, for people.
    pub from: &'static str,
    /// The codec after.
    pub to: &'static str,
    /// When, since the start.
    pub at: Duration,
    /// Where, in bytes from the start of the file.
    pub place: u64,
}

impl CodecChange {
    /// What happens, and when.
    pub fn headline(&self, source_name: &str) -> String {
        let Self { is_sound, from, to, at, .. } = self;
        let kind = if *is_sound { "sound" } else { "picture" };
        format!("The {kind} of “{source_name}” changes its codec from {from} to {to} at {}", precise_clock(*at))
    }

    /// What can be done about it.
    pub fn way_out(&self) -> String {
        let place = self.place;
        format!(
            "Split the file there (head -c {place} and tail -c +{}) and encode both parts with --join",
            place.saturating_add(1)
        )
    }

    /// The failure of a job whose picture is not known any more.
    pub fn into_failure(self, source_name: &str) -> Failure {
        let headline = format!("{}, which can't be decoded in one go", self.headline(source_name));
        Failure::new(FailureKind::SourceInvalid, headline, self.way_out())
    }
}

/// What the packets of a transport stream tell of all of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recordings {
    /// The first change of codec, of a picture if there is one.
    pub codec_change: Option<CodecChange>,
    /// When one recording ends and another one begins.
    pub seams: Vec<Duration>,
    /// How many streams of picture and sound it has.
    pub streams: usize,
}

/// The first change of codec in a transport stream. `None` for others and for what can't be read.
pub fn codec_change(source: &Path, cancel: &CancelToken) -> Option<CodecChange> {
    recordings(source, cancel)?.codec_change
}

/// All of a transport stream is read, up to a picture of another codec. `None` for others and for what can't be read.
pub fn recordings(source: &Path, cancel: &CancelToken) -> Option<Recordings> {
    let mut packets = Packets::open(source)?;
    let mut tables = Tables::default();
    let mut count = 0_u64;
    while let Some((place, packet)) = packets.next_packet() {
        tables.take(place, &packet);
        count += 1;
        let is_over = tables.changes.iter().any(|change| !change.is_sound);
        if is_over || (count.is_multiple_of(PACKETS_BETWEEN_LOOKS) && cancel.is_cancelled()) {
            break;
        }
    }
    let of_picture = tables.changes.iter().find(|change| !change.is_sound);
    let codec_change = of_picture.or(tables.changes.first()).copied();
    Some(Recordings { codec_change, seams: tables.seams, streams: tables.codecs.len() })
}

/// By how much the clock goes back, at the least, where short recordings follow each other at the begin of a transport stream:
/// ffmpeg takes what belongs to the one before for a gap in the next. `None` where it does not.
pub(super) fn clock_goes_back(source: &Path, cancel: &CancelToken) -> Option<Duration> {
    let mut packets = Packets::open(source)?;
    let mut tables = Tables::default();
    while let Some((place, packet)) = packets.next_packet() {
        tables.take(place, &packet);
        if place > LOOKED_AT_BYTES || cancel.is_cancelled() {
            break;
        }
    }
    tables.step_back.map(|ticks| Duration::from_secs_f64(ticks as f64 / TICKS_PER_SECOND as f64))
}

/// The packets of a file with their places.
struct Packets {
    file: BufReader<File>,
    place: u64,
}

impl Packets {
    /// `None` unless it begins as a transport stream does.
    fn open(source: &Path) -> Option<Self> {
        let mut beginning = [0; 2 * PACKET_BYTES];
        File::open(source).ok()?.read_exact(&mut beginning).ok()?;
        let is_transport_stream = beginning[0] == SYNC && beginning[PACKET_BYTES] == SYNC;
        let file = File::open(source).ok().filter(|_| is_transport_stream)?;
        Some(Self { file: BufReader::with_capacity(BUFFER_BYTES, file), place: 0 })
    }

    /// The next packet, behind what is none.
    fn next_packet(&mut self) -> Option<(u64, [u8; PACKET_BYTES])> {
        let mut packet = [0; PACKET_BYTES];
        let mut there = 0;
        loop {
            self.file.read_exact(&mut packet[there..]).ok()?;
            match packet.iter().position(|byte| *byte == SYNC) {
                Some(0) => {
                    let place = self.place;
                    self.place += PACKET_BYTES as u64;
                    return Some((place, packet));
                }
                Some(skipped) => {
                    packet.copy_within(skipped.., 0);
                    there = PACKET_BYTES - skipped;
                    self.place += skipped as u64;
                }
                None => {
                    there = 0;
                    self.place += PACKET_BYTES as u64;
                }
            }
        }
    }
}

/// What the tables tell so far.
#[derive(Debug, Default)]
struct Tables {
    /// The streams that hold tables of programmes.
    maps: BTreeSet<u16>,
    codecs: BTreeMap<u16, Codec>,
    /// Place of the last table of all programmes, with which a recording begins.
    place: u64,
    /// The stream with the clock, and what it has told last.
    clock: Option<(u16, u64)>,
    /// By how much that goes on from one time to the next.
    usual_step: u64,
    ticks: u64,
    /// The smallest step that the clock has made back.
    step_back: Option<u64>,
    changes: Vec<CodecChange>,
    /// The number of the last packet with the table of all programmes, of which each has the next one.
    counter: Option<u8>,
    /// That number was another one: a recording begins here if its clock tells so.
    may_begin: bool,
    seams: Vec<Duration>,
}

impl Tables {
    fn take(&mut self, place: u64, packet: &[u8; PACKET_BYTES]) {
        let Some(packet) = TransportPacket::read(packet) else { return };
        if let Some(ticks) = packet.clock_ticks() {
            self.take_clock(packet.pid, ticks / CLOCK_TICKS_IN_ONE);
        }
        if packet.pid == 0 && packet.payload.is_some() {
            self.take_counter(packet.counter);
        }
        let Some(section) = packet.section() else { return };
        match section.table() {
            Some(0) if packet.pid == 0 => {
                self.place = place;
                self.maps.extend(section.programme_maps());
            }
            Some(2) if self.maps.contains(&packet.pid) => self.take_map(section),
            _ => {}
        }
    }

    /// A packet that is lost breaks the count too: a recording begins its own at 0 or has another clock.
    fn take_counter(&mut self, now: u8) {
        // One may come twice.
        let is_next = self.counter.replace(now).is_none_or(|last| now == last || now == (last + 1) & COUNTER);
        if !is_next && now == 0 {
            self.seams.push(self.now());
        }
        self.may_begin = !is_next && now != 0;
    }

    /// The time since the start where the clock would go on.
    fn now(&self) -> Duration {
        Duration::from_secs_f64((self.ticks + self.usual_step) as f64 / TICKS_PER_SECOND as f64)
    }

    fn take_clock(&mut self, stream: u16, now: u64) {
        match &mut self.clock {
            Some((of, last)) if *of == stream => {
                let step = now.checked_sub(*last).filter(|step| *step <= LONGEST_STEP);
                if std::mem::take(&mut self.may_begin) && step.is_none_or(|step| step > LONGEST_USUAL_STEP) {
                    let ticks = self.ticks + self.usual_step;
                    self.seams.push(Duration::from_secs_f64(ticks as f64 / TICKS_PER_SECOND as f64));
                }
                self.usual_step = step.filter(|step| *step <= LONGEST_USUAL_STEP).unwrap_or(self.usual_step);
                // What the clock would have told where another one takes its place.
                self.ticks += step.unwrap_or(self.usual_step);
                let back = last.checked_sub(now).filter(|step| STEPS_BACK.contains(step));
                self.step_back = [self.step_back, back].into_iter().flatten().min();
                *last = now;
            }
            Some(_) => {}
            None => self.clock = Some((stream, now)),
        }
    }

    /// Takes the table of a programme.
    fn take_map(&mut self, section: Section<'_>) {
        for stream in section.streams() {
            if let Some(codec) = codec(stream.kind, stream.descriptors) {
                self.take_codec(stream.pid, codec);
            }
        }
    }

    fn take_codec(&mut self, stream: u16, codec: Codec) {
        let Some(before) = self.codecs.insert(stream, codec).filter(|before| *before != codec) else { return };
        let at = self.now();
        let is_sound = before.is_sound && codec.is_sound;
        self.changes.push(CodecChange { is_sound, from: before.name, to: codec.name, at, place: self.place });
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Codec {
    name: &'static str,
    is_sound: bool,
}

/// By the type of a stream (ISO/IEC 13818-1, table 2-34; ATSC A/53), or by what DVB describes it with (EN 300 468, 6.1).
fn codec(kind: u8, descriptors: &[u8]) -> Option<Codec> {
    let (name, is_sound) = match kind {
        0x01 => ("MPEG-1", false),
        0x02 => ("MPEG-2", false),
        0x10 => ("MPEG-4", false),
        0x1b => ("H.264", false),
        0x24 => ("HEVC", false),
        0x03 | 0x04 => ("MPEG audio", true),
        0x0f | 0x11 => ("AAC", true),
        0x81 => ("AC-3", true),
        0x87 => ("E-AC-3", true),
        0x82 => ("DTS", true),
        0x06 => match descriptors.first()? {
            0x6a => ("AC-3", true),
            0x7a => ("E-AC-3", true),
            _ => return None,
        },
        _ => return None,
    };
    Some(Codec { name, is_sound })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(stream: u16, payload: &[u8]) -> [u8; PACKET_BYTES] {
        let mut packet = [0xff; PACKET_BYTES];
        let [high, low] = stream.to_be_bytes();
        packet[..5].copy_from_slice(&[SYNC, 0x40 | high, low, 0x10, 0]);
        packet[5..5 + payload.len()].copy_from_slice(payload);
        packet
    }

    const PROGRAMMES: [u8; 16] = [0, 0xb0, 13, 0, 1, 0xc1, 0, 0, 0, 1, 0xf0, 0, 1, 2, 3, 4];

    /// A programme of two streams of these types.
    fn map(picture: u8, sound: u8) -> [u8; PACKET_BYTES] {
        let head = [2, 0xb0, 23, 0, 1, 0xc1, 0, 0, 0xe1, 0, 0xf0, 0];
        let streams = [picture, 0xe1, 0, 0xf0, 0, sound, 0xe1, 1, 0xf0, 0, 1, 2, 3, 4];
        packet(0x1000, &[&head[..], &streams].concat())
    }

    fn changes_in(packets: &[[u8; PACKET_BYTES]]) -> Vec<CodecChange> {
        let mut tables = Tables::default();
        packets.iter().enumerate().for_each(|(number, packet)| tables.take((number * PACKET_BYTES) as u64, packet));
        tables.changes
    }

    #[test]
    fn the_smallest_step_back_of_a_clock_counts() {
        let mut tables = Tables::default();
        for seconds in [1, 9, 2, 8, 4, 4, 60, 1] {
            tables.take_clock(5, seconds * TICKS_PER_SECOND);
        }
        assert_eq!((tables.step_back, tables.ticks), (Some(4 * TICKS_PER_SECOND), 14 * TICKS_PER_SECOND));
    }

    #[test]
    fn a_recording_begins_with_a_count_and_a_clock_of_its_own() {
        let mut tables = Tables::default();
        // Number of the packet and tenths of a second: one is lost at 1.2 s, recordings begin at 9.0 s and 9.2 s.
        for (counter, tenths) in [(4, 10), (5, 11), (7, 12), (8, 13), (3, 90), (4, 91), (0, 92), (1, 93)] {
            let mut packet = packet(0, &PROGRAMMES);
            packet[3] |= counter;
            tables.take(0, &packet);
            tables.take_clock(5, tenths * TICKS_PER_SECOND / 10);
        }
        let times: Vec<u128> = tables.seams.iter().map(Duration::as_millis).collect();
        assert_eq!(times, [400, 8_200]);
    }

    #[test]
    fn a_change_comes_when_the_clock_would_have_gone_on() {
        let mut tables = Tables::default();
        tables.take(0, &packet(0, &PROGRAMMES));
        tables.take(188, &map(0x1b, 0x0f));
        for tenths in [10, 11, 12] {
            tables.take_clock(5, tenths * TICKS_PER_SECOND / 10);
        }
        tables.take(376, &map(0x02, 0x0f));
        assert_eq!(tables.changes[0].at, Duration::from_millis(300));
    }

    #[test]
    fn a_stream_that_goes_over_into_another_codec_is_found_where_its_recording_begins() {
        let programmes = packet(0, &PROGRAMMES);
        let found = changes_in(&[programmes, map(0x1b, 0x0f), programmes, map(0x02, 0x0f), map(0x02, 0x0f)]);
        let at = Duration::ZERO;
        assert_eq!(found, [CodecChange { is_sound: false, from: "H.264", to: "MPEG-2", at, place: 376 }]);
        let found = changes_in(&[programmes, map(0x1b, 0x0f), map(0x1b, 0x81)]);
        assert_eq!((found.len(), found[0].is_sound, found[0].to), (1, true, "AC-3"));
        assert_eq!(changes_in(&[programmes, map(0x1b, 0x0f), map(0x1b, 0x0f), map(0x06, 0x06)]), []);
        assert_eq!(changes_in(&[map(0x1b, 0x0f), map(0x02, 0x0f)]), [], "no programme");
        assert_eq!(changes_in(&[packet(0, &[0, 0xbf, 0xff]), packet(0, &[]), [SYNC; PACKET_BYTES]]), []);
    }
}
