//! What the headers of a picture's stream tell and no filter: newer versions of ffmpeg give every frame the shape of the
//! first, and none tells a filter the dynamic range. Where a recording may go over into another, the packets of the picture
//! are therefore read beside the encode, and ffmpeg prints their headers.

use std::{ffi::OsString, path::Path, time::Duration};

use super::{following::SAME_TIME, inputs, span};
use crate::pipeline::plan::{EncodePlan, HeaderChange, PictureHeaders};

/// Who prints headers.
const PRINTER: &str = "[trace_headers @";
/// What is printed before the headers with which the file begins.
const EXTRADATA: &str = "] Extradata";
/// What is printed before those of a packet.
const PACKET: &str = "] Packet: ";
/// Shapes of pixels by their number (ITU-T H.273, table 14), from 0 for one that is not told.
const SHAPES: [(u32, u32); 17] = [
    (1, 1),
    (1, 1),
    (12, 11),
    (10, 11),
    (16, 11),
    (40, 33),
    (24, 11),
    (20, 11),
    (32, 11),
    (80, 33),
    (18, 11),
    (15, 11),
    (64, 33),
    (160, 99),
    (4, 3),
    (3, 2),
    (2, 1),
];
/// The number of a shape that is told in two more numbers.
const OTHER_SHAPE: u32 = 255;
/// Transfer functions of high dynamic range (ITU-T H.273, table 3): PQ and HLG.
const HIGH_RANGES: [u32; 2] = [16, 18];

/// The output that has the headers printed, if they are to be watched.
pub(in crate::pipeline) fn output(plan: &EncodePlan) -> Vec<OsString> {
    match (plan.video_stream, plan.format.headers) {
        (Some(stream), Some(headers)) => output_of((span::video_input(plan), stream), headers),
        _ => Vec::new(),
    }
}

/// The same for a stream of an input.
pub(in crate::pipeline) fn output_of((input, stream): (usize, usize), headers: PictureHeaders) -> Vec<OsString> {
    let printed = format!("filter_units=pass_types={},trace_headers", headers.unit_types);
    let map = format!("{input}:{stream}");
    // Those before the start hold for the first frame.
    ["-map", &map, "-c", "copy", "-bsf:v", &printed, "-copypriorss", "1", "-f", "null", "-"]
        .map(OsString::from)
        .to_vec()
}

/// All arguments that do nothing but print the headers of a plan's source.
pub(super) fn scan_arguments(plan: &EncodePlan) -> Vec<OsString> {
    let mut arguments = scan_begin();
    arguments.extend(inputs::source_inputs(plan));
    arguments.extend(output(&EncodePlan { audio: Vec::new(), ..plan.clone() }));
    arguments
}

/// The same for a stream of a file.
pub(in crate::pipeline) fn scan_arguments_of(
    (source, stream): (&Path, usize),
    headers: PictureHeaders,
) -> Vec<OsString> {
    let mut arguments = scan_begin();
    arguments.extend(inputs::untrusted(source));
    arguments.extend(output_of((0, stream), headers));
    arguments
}

fn scan_begin() -> Vec<OsString> {
    ["-hide_banner", "-y", "-stats_period", inputs::PROGRESS_SECONDS].map(OsString::from).to_vec()
}

/// Finds changes by the headers that ffmpeg prints.
#[derive(Debug, Default)]
pub(super) struct HeaderWatch {
    /// What comes before is not shown.
    lead: Duration,
    opening: Option<Headers>,
    last: Headers,
    read: Headers,
    /// When what is read is shown, in ticks; `None` before the first packet.
    ticks: Option<f64>,
    is_read: bool,
    changes: Vec<(Duration, HeaderChange)>,
}

/// What headers tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Headers {
    size: (u32, u32),
    shape: (u32, u32),
    has_own_shape: bool,
    is_high: bool,
}

impl Default for Headers {
    fn default() -> Self {
        Self { size: (0, 0), shape: (1, 1), has_own_shape: false, is_high: false }
    }
}

impl Headers {
    /// Takes a number by its name in the norms: those of H.264 and HEVC have names of their own.
    fn take(&mut self, name: &str, number: u32) {
        match name {
            "horizontal_size_value" => self.size.0 = number,
            "vertical_size_value" => self.size.1 = number,
            // ISO/IEC 13818-2, table 6-3: the shape of the whole picture.
            "aspect_ratio_information" => self.shape = self.shape_in(number),
            "aspect_ratio_idc" => {
                self.has_own_shape = number == OTHER_SHAPE;
                let told = usize::try_from(number).ok().and_then(|number| SHAPES.get(number));
                self.shape = told.copied().unwrap_or((1, 1));
            }
            "sar_width" if self.has_own_shape => self.shape.0 = number,
            "sar_height" if self.has_own_shape => self.shape.1 = number,
            "transfer_characteristics" => self.is_high = HIGH_RANGES.contains(&number),
            _ => {}
        }
    }

    fn shape_in(&self, number: u32) -> (u32, u32) {
        let (across, down) = match number {
            2 => (4, 3),
            3 => (16, 9),
            4 => (221, 100),
            _ => return (1, 1),
        };
        reduced((across * self.size.1, down * self.size.0))
    }
}

fn reduced((across, down): (u32, u32)) -> (u32, u32) {
    let (mut divisor, mut rest) = (across, down);
    while rest > 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    if across == 0 || down == 0 { (1, 1) } else { (across / divisor, down / divisor) }
}

impl HeaderWatch {
    /// One of a picture that is shown from this time on.
    pub(super) fn behind(lead: Duration) -> Self {
        Self { lead, ..Self::default() }
    }

    /// Takes a line of ffmpeg; gives whether it is one of a header.
    pub(super) fn note(&mut self, line: &str) -> bool {
        if !line.contains(PRINTER) {
            return false;
        }
        let line = line.replacen("[info] ", "", 1);
        if line.contains(EXTRADATA) {
            self.begin(None);
        } else if let Some((_, told)) = line.split_once(PACKET) {
            self.begin(time_in(told));
        } else if let Some((name, number)) = field(&line) {
            self.read.take(name, number);
            self.is_read = true;
        }
        true
    }

    /// Nothing follows.
    pub(super) fn end(&mut self) {
        self.begin(None);
    }

    /// The changes that were found since this was asked for last, by the time since the source was opened.
    pub(super) fn take_changes(&mut self) -> Vec<(Duration, HeaderChange)> {
        std::mem::take(&mut self.changes)
    }

    /// Other headers follow: those that were read are whole.
    fn begin(&mut self, ticks: Option<f64>) {
        if std::mem::take(&mut self.is_read) {
            self.compare();
        }
        self.read = Headers::default();
        self.ticks = ticks;
    }

    fn compare(&mut self) {
        let now = Headers { shape: reduced(self.read.shape), ..self.read };
        let seconds = self.ticks.unwrap_or_default() / PictureHeaders::TICKS_PER_SECOND;
        let at = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default();
        let is_shown = self.lead.is_zero() || at > self.lead + SAME_TIME;
        let Some(opening) = self.opening.filter(|_| is_shown) else {
            (self.opening, self.last) = (Some(now), now);
            return;
        };
        let last = std::mem::replace(&mut self.last, now);
        if now.shape != last.shape {
            self.changes.push((at, HeaderChange::Shape { opening: opening.shape, now: now.shape }));
        }
        if now.is_high != last.is_high {
            self.changes.push((at, HeaderChange::Range { is_high: now.is_high }));
        }
    }
}

/// The time in `2452 bytes, key frame, pts 126000, dts 122400.`
fn time_in(told: &str) -> Option<f64> {
    let number = |name: &str| {
        let (_, rest) = told.split_once(name)?;
        let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '-').unwrap_or(rest.len());
        rest[..end].parse().ok()
    };
    number(", pts ").or_else(|| number(", dts "))
}

/// Name and number in `[trace_headers @ 0x1] 44   aspect_ratio_information   0011 = 3`.
fn field(line: &str) -> Option<(&str, u32)> {
    let (left, number) = line.rsplit_once(" = ")?;
    let mut words = left.split_whitespace().rev();
    let (_bits, name) = (words.next()?, words.next()?);
    Some((name, number.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes_in(lines: &[&str]) -> Vec<(Duration, HeaderChange)> {
        let mut watch = HeaderWatch::default();
        for line in lines {
            assert!(watch.note(&format!("[trace_headers @ 0x5] [info] {line}")), "{line}");
        }
        watch.end();
        watch.take_changes()
    }

    #[test]
    fn a_change_of_shape_is_found_by_what_is_printed_of_mpeg_2() {
        let size = ["12   horizontal_size_value  001011010000 = 720", "24   vertical_size_value  001001000000 = 576"];
        let narrow = "44          aspect_ratio_information                                       0010 = 2";
        let wide = "44          aspect_ratio_information                                       0011 = 3";
        let packet =
            |ticks: u32| format!("Packet: 9000 bytes, key frame, pts {ticks}, dts {}.", ticks.saturating_sub(3600));
        let [first, second, third] = [-7200_i32, 180_000, 360_000].map(|ticks| packet(ticks.max(0).cast_unsigned()));
        let lines = [
            "Extradata",
            size[0],
            size[1],
            narrow,
            &first,
            size[0],
            size[1],
            narrow,
            &second,
            size[0],
            size[1],
            wide,
            &third,
            "Sequence Header",
            size[0],
            size[1],
            wide,
        ];
        let shape = HeaderChange::Shape { opening: (16, 15), now: (64, 45) };
        assert_eq!(changes_in(&lines), [(Duration::from_secs(2), shape)]);
        let in_second_part =
            ["Extradata", size[0], size[1], narrow, "Packet: 9 bytes, pts -900.", size[0], size[1], wide];
        assert_eq!(changes_in(&in_second_part), [(Duration::ZERO, shape)]);
        assert_eq!(changes_in(&[size[0], size[1], wide]), []);
    }

    #[test]
    fn changes_are_found_by_what_is_printed_of_h264_and_hevc() {
        let own = ["8  aspect_ratio_idc  11111111 = 255", "9  sar_width  0 = 32", "9  sar_height  0 = 30"];
        let standard = ["9  aspect_ratio_idc  00000010 = 2", "9  transfer_characteristics  00000001 = 1"];
        let high = "9  transfer_characteristics  00010000 = 16";
        let packet = "Packet: 9 bytes, key frame, pts 90000, dts 86400, duration 3600.";
        let lines = [
            "Extradata",
            own[0],
            own[1],
            own[2],
            packet,
            standard[0],
            standard[1],
            packet,
            standard[0],
            high,
            packet,
            high,
        ];
        let at = Duration::from_secs(1);
        let changes = [
            (at, HeaderChange::Shape { opening: (16, 15), now: (12, 11) }),
            (at, HeaderChange::Range { is_high: true }),
            (at, HeaderChange::Shape { opening: (16, 15), now: (1, 1) }),
        ];
        assert_eq!(changes_in(&lines), changes);
    }

    #[test]
    fn the_picture_begins_as_its_last_headers_before_it_is_shown() {
        let mut watch = HeaderWatch::behind(Duration::from_secs(10));
        let header = |number: u32| format!("9  transfer_characteristics  0 = {number}");
        let packet = |seconds: u32| format!("Packet: 9 bytes, pts {}, dts 0.", seconds * 90_000);
        let lines =
            ["Extradata".to_owned(), header(1), packet(0), header(1), packet(10), header(16), packet(12), header(1)];
        for line in lines {
            watch.note(&format!("[trace_headers @ 0x5] {line}"));
        }
        watch.end();
        assert_eq!(watch.take_changes(), [(Duration::from_secs(12), HeaderChange::Range { is_high: false })]);
    }

    #[test]
    fn other_lines_are_for_others() {
        let mut watch = HeaderWatch::default();
        assert!(!watch.note("[info] 41000000.000000") && !watch.note("frame=  1 sar_width 0 = 5"));
    }
}
