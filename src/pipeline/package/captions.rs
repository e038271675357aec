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
    /// Where it is shown, in WebVTT's words such as `line:0 align:start`; empty where nothing is said.
    pub settings: String,
    /// The lines, in WebVTT's markup.
    pub text: String,
}

/// All that a track of subtitles says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Captions {
    /// Style sheets and regions, each a block of lines, that come before the first cue.
    pub head: Vec<String>,
    /// The cues in order of their start.
    pub cues: Vec<Cue>,
}

impl Captions {
    /// The cues of a WebVTT text as ffmpeg writes it; what is none is left out.
    pub fn of_ffmpeg(webvtt: &str) -> Self {
        let mut cues = Vec::new();
        let mut lines = webvtt.lines().peekable();
        while let Some(line) = lines.next() {
            let Some(timing) = timing(line) else { continue };
            let mut text = Vec::new();
            // Text may have empty lines: it goes on until the next cue's times.
            while let Some(next) = lines.next_if(|next| self::timing(next).is_none()) {
                text.push(next);
            }
            cues.extend(timing.cue(&text));
        }
        Self { head: Vec::new(), cues }.sorted()
    }

    /// What a WebVTT file of any maker says (WebVTT, 4.1); comments and names of cues are left out.
    pub fn of_file(webvtt: &str) -> Self {
        let webvtt = webvtt.replace("\r\n", "\n").replace('\r', "\n");
        let mut captions = Self::default();
        let mut lines = webvtt.lines().peekable();
        while let Some(first) = lines.next() {
            if first.is_empty() {
                continue;
            }
            let mut block = vec![first];
            // A block ends with an empty line.
            block.extend(std::iter::from_fn(|| lines.next_if(|line| !line.is_empty())));
            captions.take(&block);
        }
        captions.sorted()
    }

    /// Takes the lines between two empty ones.
    fn take(&mut self, block: &[&str]) {
        match block.first().map(|line| line.trim_end()) {
            // They only hold for cues that come behind them.
            Some("STYLE" | "REGION") if self.cues.is_empty() && !block.iter().any(|line| line.contains("-->")) => {
                self.head.push(block.join("\n"));
            }
            Some(first) if first == "NOTE" || first.starts_with("NOTE ") || first.starts_with("NOTE\t") => {}
            _ => {
                let starts: Vec<usize> = (0..block.len()).filter(|at| timing(block[*at]).is_some()).collect();
                let ends = starts.iter().copied().skip(1).chain([block.len()]);
                for (start, end) in starts.iter().copied().zip(ends) {
                    self.cues.extend(timing(block[start]).and_then(|timing| timing.cue(&block[start + 1..end])));
                }
            }
        }
    }

    fn sorted(mut self) -> Self {
        self.cues.sort_by_key(|cue| cue.start);
        self
    }

    /// The style sheets and regions, and then these cues, behind the header of a file.
    fn written<'a>(&'a self, header: String, cues: impl Iterator<Item = &'a Cue>) -> String {
        let head = self.head.iter().map(|block| format!("\n{block}\n"));
        std::iter::once(header).chain(head).chain(cues.map(block)).collect()
    }
}

/// The times of a cue: `00:01.500 --> 01:00:02.000`, maybe with settings behind them.
struct Timing<'a> {
    start: Duration,
    end: Duration,
    settings: Vec<&'a str>,
}

impl Timing<'_> {
    /// The cue of these times, if it can be seen.
    fn cue(&self, lines: &[&str]) -> Option<Cue> {
        let lines = lines.iter().filter(|line| !line.trim().is_empty());
        let text: Vec<String> = lines.map(|line| line.replace("-->", "--&gt;")).collect();
        let is_seen = self.end > self.start && !text.is_empty();
        is_seen.then(|| Cue {
            start: self.start,
            end: self.end,
            settings: self.settings.join(" "),
            text: text.join("\n"),
        })
    }
}

fn timing(line: &str) -> Option<Timing<'_>> {
    let (start, rest) = line.split_once("-->")?;
    let mut words = rest.split_whitespace();
    let (start, end) = (time(start)?, time(words.next()?)?);
    Some(Timing { start, end, settings: words.filter(|word| word.contains(':')).collect() })
}

/// A time; with the comma of SRT too, which some writers take.
fn time(text: &str) -> Option<Duration> {
    let (clock, milliseconds) = text.trim().split_once(['.', ','])?;
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
pub fn segment(captions: &Captions, start: Duration, end: Duration, media_start_ticks: u64) -> String {
    let shown = captions.cues.iter().filter(|cue| cue.start < end && cue.end > start);
    captions.written(format!("WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:{media_start_ticks}\n"), shown)
}

/// All cues as one WebVTT file.
pub fn whole(captions: &Captions) -> String {
    captions.written("WEBVTT\n".to_owned(), captions.cues.iter())
}

fn block(cue: &Cue) -> String {
    let settings = if cue.settings.is_empty() { String::new() } else { format!(" {}", cue.settings) };
    format!("\n{} --> {}{settings}\n{}\n", clock(cue.start), clock(cue.end), cue.text)
}

/// The chapters as a WebVTT file for a `<track kind="chapters">`: a cue for each, from 0 on like the stream.
pub fn chapters(chapters: &[Chapter]) -> String {
    let mut text = "WEBVTT\n".to_owned();
    for (index, chapter) in chapters.iter().enumerate() {
        let words = chapter.title.as_deref().unwrap_or_default();
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        let title = if words.is_empty() { format!("Chapter {}", index + 1) } else { escaped(&words) };
        text.push_str(&format!("\n{} --> {}\n{title}\n", clock(chapter.start), clock(chapter.end)));
    }
    text
}

/// Words in which nothing is markup (WebVTT, 4.2.2).
fn escaped(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
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
        let read = Captions::of_ffmpeg(TEXT).cues;
        assert_eq!(read.len(), 2, "{read:?}");
        assert_eq!(read[0].text, "First <i>line</i>\nsecond a --&gt; b");
        assert_eq!((read[1].start, read[1].end), (Duration::from_secs(9), Duration::from_millis(10_250)));
    }

    #[test]
    fn titles_of_chapters_are_words_whatever_they_hold() {
        let title = |title: &str| {
            let (start, end) = (Duration::ZERO, Duration::from_secs(1));
            chapters(&[Chapter { start, end, title: Some(title.to_owned()) }])
                .lines()
                .skip(3)
                .collect::<Vec<_>>()
                .join("|")
        };
        assert_eq!(title("Q&A: a < b > c"), "Q&amp;A: a &lt; b &gt; c");
        assert_eq!(
            title("&lt;\n\n00:00.000 --> 00:09.000\r<i>x</i>"),
            "&amp;lt; 00:00.000 --&gt; 00:09.000 &lt;i&gt;x&lt;/i&gt;"
        );
        assert_eq!(title(" \n"), "Chapter 1");
        assert_eq!(title(r"{\an8}Intro"), r"{\an8}Intro");
    }

    #[test]
    fn styles_regions_and_settings_of_a_file_are_kept_and_comments_are_not() {
        let text = "WEBVTT - made by hand\r\nKind: captions\r\n\r\nSTYLE\r\n::cue(.loud) { color: red }\r\n\r\n\
                    NOTE a word\r\nof the maker\r\n\r\nREGION\r\nid:top\r\n\r\nfirst\r\n\
                    00:01.000 --> 00:00:02,500 line:0 region:top\r\n<c.loud>Hey</c>\r\nyou\r\n\r\n\
                    STYLE\r\n::cue { color: blue }\r\n\r\n2\r\n00:03.000-->00:04.000\r\nTwo\r\n\
                    00:05.000 --> 00:06.000\r\nThree\r\n";
        let captions = Captions::of_file(text);
        assert_eq!(captions.head, ["STYLE\n::cue(.loud) { color: red }", "REGION\nid:top"]);
        let words: Vec<&str> = captions.cues.iter().map(|cue| cue.text.as_str()).collect();
        assert_eq!(words, ["<c.loud>Hey</c>\nyou", "Two", "Three"]);
        let written = "WEBVTT\n\nSTYLE\n::cue(.loud) { color: red }\n\nREGION\nid:top\n\n\
                       00:00:01.000 --> 00:00:02.500 line:0 region:top\n<c.loud>Hey</c>\nyou\n\n";
        assert!(whole(&captions).starts_with(written), "{}", whole(&captions));
        assert!(Captions::of_file("").cues.is_empty());
    }

    #[test]
    fn a_cue_over_a_border_is_in_both_segments_with_its_whole_time() {
        let read = Captions::of_ffmpeg(TEXT);
        let part = |from, to| segment(&read, Duration::from_secs(from), Duration::from_secs(to), 900_000);
        let cue = "\n00:00:01.500 --> 00:00:07.000\nFirst";
        assert!(part(0, 6).contains(cue) && part(6, 12).contains(cue));
        assert!(part(6, 12).contains("00:00:09.000 --> 00:00:10.250 line:0\nLast\n"));
        assert_eq!(part(12, 18), "WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:900000\n");
    }
}
