//! Sources whose picture changes its size midway, or whose sound its channels or rate. ffmpeg builds the filter graph anew
//! then, and all that counts from the start of a graph begins again: the silence before the first sound, the first frame,
//! trims. What comes out is wrong, and not every version says so. Each chain therefore prints the time of its first frame;
//! one that prints another time was built anew. What is done about it is in [`super::following`].

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::{operation_filters, picture_headers::HeaderWatch};
use crate::{
    failure::{Failure, FailureKind},
    format::clock,
    media::PictureSize,
    pipeline::plan::{EncodePlan, HeaderChange},
};

/// What lies between the numbers of two streams in what is printed; longer than any source, in seconds.
const STREAM_STEP: f64 = 1e7;
/// Keeps the times of frames before the start above zero.
const OFFSET: f64 = 1e6;
/// No source has as many streams.
const MOST_STREAMS: usize = 100_000;
/// A decoder may find out with its second frame what it decodes, as of HE-AAC; nothing is lost by beginning again there.
const SETTLED_AFTER: f64 = 0.05;
/// A part has to end this much before a change: ffmpeg reads sound ahead of the picture that belongs to it, newer versions
/// by as many pictures as all of their queues hold.
const END_BEFORE: Duration = Duration::from_millis(1500);
/// What is printed once when what is shown comes near; below the numbers of all streams.
const NEAR: f64 = 4e6;
/// What is printed once when all that is shown has come.
const OVER: f64 = 5e6;
/// By how much the other comes before: what ffmpeg says of its source comes earlier than the frames that it is about.
const NEAR_BEFORE: Duration = Duration::from_secs(2);
/// How ffmpeg marks a line that is no warning.
const INFO: &str = "[info] ";
/// What ffmpeg says of each picture that is not as the first was, where it does not build its graph anew.
const OTHER_PICTURE: &str = "incoming frame - w: ";
/// Before that it says of the first one what it was.
const FIRST_PICTURE: &str = "filter context - w: ";
/// And what it adds each time.
const OTHER_PICTURE_WARNING: &str = "Changing video frame properties on the fly";
/// A stream that changes more often is damaged rather than changing.
const MOST_CHANGES: usize = 1000;

/// Where a source is opened, and what is left out after that.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::pipeline) struct Opening {
    pub(in crate::pipeline) seek: Duration,
    /// What comes before this, from there on, is not shown.
    pub(in crate::pipeline) lead: Duration,
    /// Nor what comes after this.
    pub(in crate::pipeline) end: Option<Duration>,
}

impl Opening {
    /// Of the source of a plan.
    pub(in crate::pipeline) fn of(plan: &EncodePlan) -> Self {
        let time = |frames| plan.timing.frame_rate.duration_of(frames);
        plan.operations.trim.map_or_else(Self::default, |trim| Self {
            seek: trim.seek,
            lead: time(trim.lead_frames),
            end: trim.frames.map(|frames| time(trim.lead_frames + frames)),
        })
    }
}

/// A filter that leaves the picture as it is and tells when it begins; `part` is the number of the joined source.
pub(in crate::pipeline) fn watched_picture(part: usize, stream: usize, opening: Opening) -> String {
    // Sound may be ahead of the picture that belongs to it: it does not tell when all is over.
    let end = opening.end.map(|end| {
        let end = operation_filters::seconds(end);
        format!("+0*if(gte(T,{end})*not(ld(8)),st(8,1)*print({OVER:.0}))")
    });
    let begin = expression((part * MOST_STREAMS + stream) * 2 + 1, opening);
    format!("setpts='{begin}{}'", end.unwrap_or_default())
}

/// The same for sound.
pub(in crate::pipeline) fn watched_sound(part: usize, stream: usize, opening: Opening) -> String {
    format!("asetpts='{}'", expression((part * MOST_STREAMS + stream) * 2 + 2, opening))
}

fn expression(number: usize, opening: Opening) -> String {
    let base = number as f64 * STREAM_STEP + OFFSET;
    let [seek, lead] = [opening.seek, opening.lead].map(operation_filters::seconds);
    let near = opening.lead.checked_sub(NEAR_BEFORE).map(|near| {
        let near = operation_filters::seconds(near);
        format!("+0*if(gte(T,{near})*not(ld(9)),st(9,1)*print({NEAR:.0}))")
    });
    // A change in what is left out does no harm: nothing has come out of the graph yet.
    format!("PTS+0*if(N,0,print({base:.0}+{seek}+max(T,{lead}))){}", near.unwrap_or_default())
}

/// A picture or a sound that is another one from some time on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormatChange {
    /// Number of the joined source, from 0.
    pub part: usize,
    /// Index of the stream in that source; zero where it is the picture and not told.
    pub stream: usize,
    /// Whether it is the sound.
    pub is_sound: bool,
    /// When, in the time of the source.
    pub at: Duration,
    /// The size of the picture from then on, where it is told.
    pub size: Option<PictureSize>,
    /// What only the headers of the picture tell.
    #[serde(default)]
    pub header: Option<HeaderChange>,
}

impl FormatChange {
    /// What changes, in the words of people.
    pub(in crate::pipeline) fn what(&self) -> &'static str {
        match self.header {
            Some(HeaderChange::Shape { .. }) => "its aspect ratio",
            Some(HeaderChange::Range { .. }) => "its dynamic range",
            None if self.is_sound => "its channels or its sample rate",
            None => "its size or its pixel format",
        }
    }

    /// The same in the time of the source: what filters do not tell counts from where that is opened.
    pub(in crate::pipeline) fn in_time_of_source(self, opening: Opening) -> Self {
        let counts_from_opening = self.size.is_some() || self.header.is_some();
        Self { at: if counts_from_opening { self.at + opening.seek } else { self.at }, ..self }
    }

    /// When, to the millisecond.
    pub(in crate::pipeline) fn time(&self) -> String {
        time(self.at)
    }

    /// What has happened, of a source of this name.
    pub(in crate::pipeline) fn headline(&self, source_name: &str) -> String {
        let (kind, what) = (if self.is_sound { "sound" } else { "picture" }, self.what());
        let file = match self.part {
            0 => format!("“{source_name}”"),
            part => format!("file {} of those that are joined", part + 1),
        };
        format!("The {kind} of {file} changes {what} at {}", self.time())
    }

    /// The failure as the user sees it.
    pub(super) fn into_failure(self, source_name: &str) -> Failure {
        let headline = format!("{}, which can't be encoded in one go", self.headline(source_name));
        let at = self.time();
        let way_out = if self.at > END_BEFORE {
            format!(
                "Leave out the moment of the change: make one file with “reelpress convert --to mkv --reencode --end {}”, \
                 another with “--start {at}” in place of “--end”, then give both with --join",
                time(self.at.saturating_sub(END_BEFORE))
            )
        } else {
            format!("Begin after the change, with “--start {at}”")
        };
        Failure::new(FailureKind::SourceInvalid, headline, way_out)
    }
}

fn time(at: Duration) -> String {
    format!("{}.{:03}", clock(at), at.subsec_millis())
}

/// Finds changes by what ffmpeg prints.
#[derive(Debug, Default)]
pub(in crate::pipeline) struct FormatWatch {
    opening: Opening,
    /// What is shown is about to come.
    pub(super) is_near: bool,
    /// Nothing more of it comes.
    pub(super) is_over: bool,
    begun: BTreeMap<u64, f64>,
    goes_on: bool,
    size: Option<PictureSize>,
    headers: HeaderWatch,
    /// A change that the run can't follow.
    pub(super) stops: Option<FormatChange>,
    /// Changes that it follows.
    pub(super) followed: Vec<FormatChange>,
}

impl FormatWatch {
    /// One of a source that is opened so. What headers change before anything is shown is how the picture begins.
    pub(super) fn of(opening: Opening) -> Self {
        Self { opening, headers: HeaderWatch::behind(opening.lead), ..Self::default() }
    }

    /// The same for chains that may begin several times.
    pub(super) fn that_goes_on(opening: Opening) -> Self {
        Self { goes_on: true, ..Self::of(opening) }
    }

    /// Takes a line of ffmpeg; older versions print behind a line of progress. Gives whether the line is of interest for
    /// nobody else, as it comes with each picture.
    pub(super) fn note(&mut self, line: &str) -> bool {
        if self.headers.note(line) {
            self.take_headers();
            return true;
        }
        if let Some((before, told)) = line.split_once(OTHER_PICTURE) {
            self.note_picture(before, told);
            return true;
        }
        if line.contains(OTHER_PICTURE_WARNING) {
            return true;
        }
        if let Some(printed) = line.rsplit_once(INFO).and_then(|(_, rest)| rest.trim().parse::<f64>().ok()) {
            self.is_near |= printed == NEAR;
            self.is_over |= printed == OVER;
            self.note_begin(printed);
        }
        false
    }

    /// Hears that nothing more is printed.
    pub(super) fn end(&mut self) {
        self.headers.end();
        self.take_headers();
    }

    fn take_headers(&mut self) {
        for (at, header) in self.headers.take_changes() {
            let change = FormatChange { part: 0, stream: 0, is_sound: false, at, size: None, header: Some(header) };
            self.take(change);
        }
    }

    fn take(&mut self, change: FormatChange) {
        if !self.goes_on {
            self.stops.get_or_insert(change);
        } else if self.followed.len() < MOST_CHANGES {
            self.followed.push(change);
        }
    }

    fn note_begin(&mut self, printed: f64) {
        if !printed.is_finite() || printed < STREAM_STEP {
            return;
        }
        let number = (printed / STREAM_STEP).floor();
        let time = printed - number * STREAM_STEP - OFFSET;
        let number = number as u64 - 1;
        let last = self.begun.entry(number).or_insert(time);
        if (time - *last).abs() <= SETTLED_AFTER {
            return;
        }
        *last = time;
        let place = usize::try_from(number / 2).unwrap_or_default();
        let at = Duration::from_millis((time.max(0.0) * 1000.0).round() as u64);
        let is_sound = number % 2 == 1;
        let (part, stream) = (place / MOST_STREAMS, place % MOST_STREAMS);
        self.take(FormatChange { part, stream, is_sound, at, size: None, header: None });
    }

    /// Takes `240 h: 180 fmt: 0 pts_time: 2.04`, or more behind `fmt`, and before it what the first picture was.
    fn note_picture(&mut self, first: &str, told: &str) {
        let first = first.split_once(FIRST_PICTURE).map(|(_, first)| form(first));
        if first == Some(form(told)) {
            // Newer versions tell of other colours too.
            return;
        }
        let number = |name: &str| told.split_once(name).and_then(|(_, rest)| rest.split_whitespace().next());
        let width = told.split_whitespace().next().and_then(|width| width.parse().ok());
        let height = number(" h: ").and_then(|height| height.parse().ok());
        let Some((width, height)) = width.zip(height) else { return };
        let size = PictureSize { width, height };
        let at = number("pts_time: ").and_then(|time| time.parse().ok());
        let at = at.and_then(|time| Duration::try_from_secs_f64(time).ok()).unwrap_or_default();
        let is_other = self.size.replace(size) != Some(size);
        if is_other && at >= self.opening.lead && self.followed.len() < MOST_CHANGES {
            self.followed.push(FormatChange {
                part: 0,
                stream: 0,
                is_sound: false,
                at,
                size: Some(size),
                header: None,
            });
        }
    }
}

/// Size and pixel format in `240 h: 180 fmt: 0 csp: bt709`.
fn form(told: &str) -> (&str, &str) {
    let (size, rest) = told.split_once(" fmt: ").unwrap_or((told, ""));
    (size, rest.split([' ', ',']).next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change_in(lines: &[&str]) -> Option<FormatChange> {
        let mut watch = FormatWatch::default();
        lines.iter().for_each(|line| assert!(!watch.note(line)));
        watch.stops
    }

    #[test]
    fn a_chain_that_begins_twice_is_found_in_the_lines_of_both_versions() {
        assert_eq!(
            watched_sound(0, 1, Opening::default()),
            "asetpts='PTS+0*if(N,0,print(41000000+0.000000+max(T,0.000000)))'"
        );
        let late = watched_sound(0, 1, Opening { lead: Duration::from_secs(10), ..Opening::default() });
        assert!(late.contains("+0*if(gte(T,8.000000)*not(ld(9)),st(9,1)*print(4000000))"), "{late}");
        let begin = "[info] 41000000.000000";
        let at = Duration::from_millis(3008);
        let expected = Some(FormatChange { part: 0, stream: 1, is_sound: true, at, size: None, header: None });
        let behind_progress = "size=N/A time=00:00:00.03 bitrate=N/A speed=N/A    [info] 41000003.008000";
        assert_eq!(change_in(&[begin, behind_progress]), expected);
        assert_eq!(change_in(&[begin, "[Eval @ 0x7f3444be7250] [info] 41000003.008000"]), expected);
        let picture =
            watched_picture(2, 0, Opening { seek: Duration::from_secs(5), lead: Duration::from_secs(1), end: None });
        let part = watched_picture(0, 0, Opening { end: Some(at), ..Opening::default() });
        assert!(part.ends_with("+0*if(gte(T,3.008000)*not(ld(8)),st(8,1)*print(5000000))'"), "{part}");
        assert_eq!(picture, "setpts='PTS+0*if(N,0,print(4000011000000+5.000000+max(T,1.000000)))'");
        let lines = ["[info] 4000011000005.040000", "[info] 4000011000007.000000"];
        let at = Duration::from_secs(7);
        assert_eq!(
            change_in(&lines),
            Some(FormatChange { part: 2, stream: 0, is_sound: false, at, size: None, header: None })
        );
    }

    #[test]
    fn renditions_of_one_sound_and_late_ones_are_no_change() {
        let same_twice = ["[info] 41000001.500000", "[info] 41000001.500000", "[info] 61000004.000000"];
        assert_eq!(change_in(&same_twice), None);
        assert_eq!(change_in(&["[info] 40999999.980000", "[info] 41000000.023000"]), None, "the decoder settles");
        assert_eq!(change_in(&["[info] nan", "[info] 12.000000", "[info] Stream #0:1", "1 [info] 5"]), None);
    }

    #[test]
    fn followed_changes_are_noted_once_each() {
        let mut watch = FormatWatch::that_goes_on(Opening::default());
        let older = "[graph 0 input from stream 0:0 @ 0x5] [info] filter context - w: 320 h: 180 fmt: 0, incoming frame - \
                     w: 480 h: 360 fmt: 0 pts_time: 1.97678";
        let newer = "[graph 0 input from stream 0:0 @ 0x7] [warning] filter context - w: 320 h: 180 fmt: 0 csp: unknown \
                     range: unknown alpha: unspecified, incoming frame - w: 480 h: 360 fmt: 0 csp: unknown range: unknown \
                     alpha: unspecified pts_time: 2.016778";
        let warning = "[warning] Changing video frame properties on the fly is not supported by all filters.";
        assert!([older, warning, newer].iter().all(|line| watch.note(line)), "nobody wants to read them");
        let other_colours = "[graph] [warning] filter context - w: 320 h: 180 fmt: 62 csp: bt709 range: tv, incoming frame - w: \
                             320 h: 180 fmt: 62 csp: bt2020nc range: tv pts_time: 1.5";
        assert!(watch.note(other_colours));
        assert!(!watch.note("[info] 41000000.000000") && !watch.note("[info] 41000003.008000"));
        assert!(!watch.note("[info] 41000003.008000"), "a second rendition of the same sound");
        let found: Vec<_> = watch.followed.iter().map(|change| (change.is_sound, change.at.as_millis())).collect();
        assert_eq!(found, [(false, 1976), (true, 3008)]);
        assert_eq!((watch.followed[0].size, watch.stops), (Some(PictureSize { width: 480, height: 360 }), None));
    }
}
