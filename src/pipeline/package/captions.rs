//! Subtitles as segmented WebVTT (rfc8216bis 3.1.4): every cue is in each segment that it is shown in.

use std::time::Duration;

use crate::media::Chapter;

/// Where the timeline of fMP4 starts, in ticks of MPEG's clock of 90 kHz.
pub const MEDIA_START_TICKS: u64 = 0;

/// A text and when it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cue {
    /// When it appears.
    pub start: Duration,
    /// When it is gone.
    pub end: Duration,
    /// The lines, in WebVTT's markup.
    pub text: String,
}

/// The cues of a WebVTT text as ffmpeg writes it, in order of their start; what is none is left out.
pub fn cues(webvtt: &str) -> Vec<Cue> {
    let mut cues = Vec::new();
    let mut lines = webvtt.lines().peekable();
    while let Some(line) = lines.next() {
        let Some((start, end)) = timing(line) else { continue };
        let mut text = Vec::new();
        // Text may have empty lines: it goes on until the next cue's times.
        while let Some(next) = lines.next_if(|next| timing(next).is_none()) {
            if !next.trim().is_empty() {
                text.push(next.replace("-->", "→"));
            }
        }
        if end > start && !text.is_empty() {
            cues.push(Cue { start, end, text: text.join("\n") });
        }
    }
    cues.sort_by_key(|cue| cue.start);
    cues
}

/// The times of a cue: `00:01.500 --> 01:00:02.000`, maybe with settings behind them.
fn timing(line: &str) -> Option<(Duration, Duration)> {
    let (start, rest) = line.split_once(" --> ")?;
    let end = rest.split_whitespace().next()?;
    Some((time(start)?, time(end)?))
}

fn time(text: &str) -> Option<Duration> {
    let (clock, milliseconds) = text.trim().split_once('.')?;
    let mut seconds: u64 = 0;
    for part in clock.split(':') {
        seconds = seconds.checked_mul(60)?.checked_add(part.parse().ok()?)?;
    }
    if milliseconds.len() != 3 {
        return None;
    }
    Some(Duration::from_secs(seconds) + Duration::from_millis(milliseconds.parse().ok()?))
}

/// The WebVTT file of the segment from `start` to `end`, of a stream whose media begins at `media_start_ticks` of a clock
/// of 90 kHz; the cues begin at 0.
pub fn segment(cues: &[Cue], start: Duration, end: Duration, media_start_ticks: u64) -> String {
    let shown = cues.iter().filter(|cue| cue.start < end && cue.end > start);
    let header = format!("WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:{media_start_ticks}\n");
    std::iter::once(header).chain(shown.map(block)).collect()
}

/// All cues as one WebVTT file.
pub fn whole(cues: &[Cue]) -> String {
    std::iter::once("WEBVTT\n".to_owned()).chain(cues.iter().map(block)).collect()
}

fn block(cue: &Cue) -> String {
    format!("\n{} --> {}\n{}\n", clock(cue.start), clock(cue.end), cue.text)
}

/// The chapters as a WebVTT file for a `<track kind="chapters">`: a cue for each, from 0 on like the stream.
pub fn chapters(chapters: &[Chapter]) -> String {
    let mut text = "WEBVTT\n".to_owned();
    for (index, chapter) in chapters.iter().enumerate() {
        let words = chapter.title.as_deref().unwrap_or_default().replace("-->", "→");
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        let title = if words.is_empty() { format!("Chapter {}", index + 1) } else { words };
        text.push_str(&format!("\n{} --> {}\n{title}\n", clock(chapter.start), clock(chapter.end)));
    }
    text
}

fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    format!("{:02}:{:02}:{:02}.{:03}", seconds / 3600, seconds / 60 % 60, seconds % 60, time.subsec_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "WEBVTT\n\n00:01.500 --> 00:07.000\nFirst <i>line</i>\n\nsecond a --> b\n\n\
                        01:00:08.000 --> 01:00:08.000\nnever seen\n\n00:09.000 --> 00:10.250 line:0\nLast\n";

    #[test]
    fn cues_are_read_with_their_lines() {
        let read = cues(TEXT);
        assert_eq!(read.len(), 2, "{read:?}");
        assert_eq!(read[0].text, "First <i>line</i>\nsecond a → b");
        assert_eq!((read[1].start, read[1].end), (Duration::from_secs(9), Duration::from_millis(10_250)));
    }

    #[test]
    fn a_cue_over_a_border_is_in_both_segments_with_its_whole_time() {
        let read = cues(TEXT);
        let part = |from, to| segment(&read, Duration::from_secs(from), Duration::from_secs(to), 900_000);
        let cue = "\n00:00:01.500 --> 00:00:07.000\nFirst";
        assert!(part(0, 6).contains(cue) && part(6, 12).contains(cue));
        assert!(part(6, 12).contains("00:00:09.000 --> 00:00:10.250\nLast\n"));
        assert_eq!(part(12, 18), "WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:900000\n");
    }
}
