//! Decodes segments, to find damage inside of frames, of which boxes and packets tell nothing.
//!
//! Each segment is decoded by itself, as a player does that begins with it. The decoder gives up a frame at its first error
//! instead of guessing the rest of it, so that the frame is missing in what comes out: that tells the time.

use std::{collections::BTreeMap, process::Command, time::Duration};

use super::{
    files::Opened,
    measure::{FirstPicture, Kind, Span, Unmeasurable, facts::Container, transport_stream},
    playlist::Entry,
    reading::{Reader, temporary},
    rule::Rule,
    stream::{Rendition, Segment},
};
use crate::{
    pipeline::probe::input_url,
    tools::child::{self, ChildError},
};

/// No segment takes longer to be decoded: ten seconds in 8K at a hundredth of their speed.
const DECODE_LIMIT: Duration = Duration::from_secs(1000);
/// A step between frames that is longer than this many frames has lost one.
const LONGEST_STEP_FRAMES: f64 = 1.5;
/// What ffmpeg says of a codec that it was built without.
const NO_DECODER: &str = "not found";

/// A segment in a file that ffmpeg can read alone: behind its init segment, if it has one.
pub(super) struct Decodable {
    file: tempfile::NamedTempFile,
    container: Container,
}

/// What came out of a segment.
#[derive(Debug, Default)]
struct Decoded {
    /// Presentation times in seconds, for each of the kinds that were decoded.
    times: BTreeMap<Kind, Vec<f64>>,
    /// What the decoder has to say, a line for each error.
    complaints: Vec<String>,
}

impl Reader<'_> {
    /// Sets a segment aside to be decoded when it was measured. What is read is in memory afterwards.
    pub(super) fn set_aside(
        &mut self,
        rendition: &Rendition,
        entry: &Entry,
        opened: Opened,
    ) -> Result<(Option<Decodable>, Opened), Unmeasurable> {
        let path = opened.path.clone();
        let content = opened.into_bytes().map_err(|error| Unmeasurable(error.to_string()))?;
        let init = match entry.map {
            Some(map) => self.init_bytes(rendition, map)?,
            None => Vec::new(),
        };
        let container =
            if entry.map.is_some() { Some(Container::Mp4) } else { transport_stream::container_of(&content) };
        let decodable = match container {
            Some(container) => Some(Decodable { file: temporary(&[&init, &content])?, container }),
            None => None,
        };
        Ok((decodable, Opened { path, ..Opened::in_memory(content) }))
    }

    /// The bytes of an init segment, which is read once for all segments that follow each other with it.
    fn init_bytes(&mut self, rendition: &Rendition, map: usize) -> Result<Vec<u8>, Unmeasurable> {
        let (place, known) = &self.init;
        if *place == Some((rendition.address.clone(), map)) {
            return Ok(known.clone());
        }
        let Some(text) = rendition.media.maps.get(map) else { return Ok(Vec::new()) };
        let address = self.files.resolve(&rendition.address, &text.uri).map_err(Unmeasurable)?;
        let opened = self.open_map(rendition, text, &address)?;
        let bytes = match opened {
            Some(opened) => opened.into_bytes().map_err(|error| Unmeasurable(error.to_string()))?,
            None => Vec::new(),
        };
        self.init = (Some((rendition.address.clone(), map)), bytes.clone());
        Ok(bytes)
    }

    /// Decodes a segment that was measured and judges what comes out.
    pub(super) fn judge_decoded(&mut self, rendition: &Rendition, segment: &Segment, decodable: &Decodable) {
        if !segment.spans.iter().any(|span| matches!(span.kind, Kind::Picture | Kind::Sound)) {
            return;
        }
        let decoded = match self.decode(decodable) {
            Ok(decoded) => decoded,
            // A cancelled check ends before its next segment.
            Err(ChildError::Cancelled) => return,
            Err(error) => {
                self.ledger.broken(Rule::Decodes, &segment.address, error.to_string());
                return;
            }
        };
        if decoded.is_of_unknown_codec() {
            return;
        }
        let before: f64 = rendition.media.entries[..rendition.segments.len()].iter().map(|entry| entry.seconds).sum();
        let loss = decoded.loss(&segment.spans, decodable.container).or_else(|| lost_on_the_way(segment));
        self.ledger.judge(Rule::Decodes, &segment.address, loss.is_none(), || {
            let (what, at, says) = loss.unwrap_or_default();
            format!("{what} at {:.3} s of {} can't be decoded: {says}", before + at, rendition.address)
        });
    }

    fn decode(&self, decodable: &Decodable) -> Result<Decoded, ChildError> {
        let Some(prober) = self.prober else { return Ok(Decoded::default()) };
        let mut command = Command::new(&prober.toolbox.ffmpeg);
        command.args(["-hide_banner", "-nostdin", "-v", "error", "-protocol_whitelist", "file,pipe"]);
        command.args(["-copyts", "-err_detect", "crccheck+explode", "-f", decodable.container.reader(), "-i"]);
        command.arg(input_url(decodable.file.path())).args(["-map", "0:v?", "-map", "0:a?"]);
        command.args(["-fps_mode", "passthrough", "-enc_time_base:v", "1/90000", "-f", "framecrc", "pipe:1"]);
        let output = child::run_to_end(command, DECODE_LIMIT, self.cancel)?;
        Ok(Decoded {
            times: times(&String::from_utf8_lossy(&output.stdout)),
            complaints: complaints(&String::from_utf8_lossy(&output.stderr)),
        })
    }
}

impl Decoded {
    /// Nothing can be said of a codec that this ffmpeg does not know.
    fn is_of_unknown_codec(&self) -> bool {
        let says = |line: &String| line.contains("ecoder") && line.contains(NO_DECODER);
        self.complaints.iter().any(says)
    }

    /// What is lost, when in the segment in seconds, and what the decoder says of it; `None` when all is there.
    fn loss(&self, spans: &[Span], container: Container) -> Option<(&'static str, f64, String)> {
        let lost = spans.iter().filter_map(|span| {
            let name = match span.kind {
                Kind::Picture => "the picture",
                Kind::Sound => "the sound",
                _ => return None,
            };
            // Packed audio has no times of its own.
            let start = if container == Container::PackedAac { 0.0 } else { span.start() };
            let times = self.times.get(&span.kind).map_or(&[][..], Vec::as_slice);
            let gap = first_gap(times, (start, start + span.end() - span.start()), span.frame_seconds());
            let is_short = span.kind == Kind::Picture
                && span.first_picture == FirstPicture::Idr
                && span.uneven.is_none()
                && (times.len() as u64) < span.frames;
            gap.filter(|_| is_short || !self.complaints.is_empty()).map(|at| (name, at - start))
        });
        let first = lost.min_by(|(_, a), (_, b)| a.total_cmp(b));
        let says = self.complaints.first().cloned();
        match (first, says) {
            (Some((name, at)), says) => Some((name, at, says.unwrap_or_else(|| "a frame is missing".to_owned()))),
            (None, Some(says)) => Some(("a frame", 0.0, says)),
            (None, None) => None,
        }
    }
}

/// What lost packets have held: a decoder often makes something else of the rest, and says nothing.
fn lost_on_the_way(segment: &Segment) -> Option<(&'static str, f64, String)> {
    let loss = segment.loss.as_ref()?;
    let seconds = segment.spans.iter().map(|span| span.end() - span.start()).fold(0.0, f64::max);
    Some(("what a lost packet held", loss.part * seconds, loss.problem.clone()))
}

/// When the first frame is missing between these times.
fn first_gap(times: &[f64], (start, end): (f64, f64), frame: f64) -> Option<f64> {
    let longest = frame * LONGEST_STEP_FRAMES;
    let mut expected = start;
    for time in times.iter().copied().chain([end]) {
        if time - expected > longest - frame {
            return Some(expected);
        }
        expected = expected.max(time + frame);
    }
    None
}

/// The times of what framecrc lists, in seconds, in their order.
fn times(list: &str) -> BTreeMap<Kind, Vec<f64>> {
    let mut seconds_of_tick: BTreeMap<&str, f64> = BTreeMap::new();
    let mut kinds: BTreeMap<&str, Kind> = BTreeMap::new();
    let mut times: BTreeMap<Kind, Vec<f64>> = BTreeMap::new();
    for line in list.lines() {
        if let Some((stream, base)) = line.strip_prefix("#tb ").and_then(|rest| rest.split_once(": ")) {
            let ticks = base.split_once('/').and_then(|(over, under)| {
                Some(over.trim().parse::<f64>().ok()? / under.trim().parse::<f64>().ok().filter(|under| *under > 0.0)?)
            });
            seconds_of_tick.extend(ticks.map(|ticks| (stream, ticks)));
        } else if let Some((stream, kind)) = line.strip_prefix("#media_type ").and_then(|rest| rest.split_once(": ")) {
            kinds.insert(stream, if kind.trim() == "video" { Kind::Picture } else { Kind::Sound });
        } else if !line.starts_with('#') {
            let mut fields = line.split(',').map(str::trim);
            let (stream, presentation) = (fields.next().unwrap_or_default(), fields.nth(1));
            let found = presentation.and_then(|ticks| ticks.parse::<f64>().ok());
            if let (Some(kind), Some(tick), Some(ticks)) = (kinds.get(stream), seconds_of_tick.get(stream), found) {
                times.entry(*kind).or_default().push(ticks * tick);
            }
        }
    }
    times.values_mut().for_each(|times| times.sort_by(f64::total_cmp));
    times
}

/// ffmpeg's errors without the addresses in front of them.
fn complaints(text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| {
        let mut rest = line.trim();
        while let Some((_, behind)) = rest.strip_prefix('[').and_then(|inner| inner.split_once("] ")) {
            rest = behind;
        }
        rest.to_owned()
    });
    lines.filter(|line| !line.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_the_first_missing_frame_is_found() {
        let all: Vec<f64> = (0..10).map(|frame| 2.0 + f64::from(frame) * 0.04).collect();
        let gap_without = |missing: &[usize]| {
            let kept = all.iter().enumerate().filter(|(index, _)| !missing.contains(index));
            first_gap(&kept.map(|(_, time)| *time).collect::<Vec<_>>(), (2.0, 2.4), 0.04)
        };
        assert_eq!(gap_without(&[]), None);
        for missing in [&[0][..], &[4, 5], &[9]] {
            let time = gap_without(missing).unwrap();
            assert!((time - all[missing[0]]).abs() < 1e-6, "{missing:?}: {time}");
        }
    }

    #[test]
    fn the_list_of_frames_and_the_errors_are_read() {
        let list = "#software: Lavf\n#tb 0: 1/90000\n#media_type 0: video\n#tb 1: 1/48000\n#media_type 1: audio\n\
                    0,      90000,     180000,     3600,   261120, 0x2d043a8e\n1,  48000,  48000, 1024, 8192, 0x1\n\
                    0,      93600,      93600,     3600,   261120, 0x2d043a8e\n";
        let times = times(list);
        assert_eq!(times[&Kind::Picture], [1.04, 2.0]);
        assert_eq!(times[&Kind::Sound], [1.0]);
        let said =
            complaints("[vist#0:0/h264 @ 0x1] [dec:h264 @ 0x2] Error submitting packet\n\n[h264 @ 0x3] no frame!\n");
        assert_eq!(said, ["Error submitting packet", "no frame!"]);
    }
}
