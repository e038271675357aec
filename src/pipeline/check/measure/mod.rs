//! What segments hold, measured on the media itself.

pub(super) mod captions;
mod elementary;
pub(super) mod facts;
pub(super) mod first_picture;
pub(super) mod format;
pub(super) mod fragments;
pub(super) mod init;
pub(super) mod transport_edges;
pub(super) mod transport_packets;
pub(super) mod transport_stream;
pub(super) mod unread;

use std::fmt;

/// What a track carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Picture,
    Sound,
    Text,
    Other,
}

/// Why a segment can't be measured, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unmeasurable(pub(super) String);

impl fmt::Display for Unmeasurable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<std::io::Error> for Unmeasurable {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::UnexpectedEof => Self("it ends in the middle of a box".to_owned()),
            _ => Self(error.to_string()),
        }
    }
}

impl From<mp4_atom::Error> for Unmeasurable {
    fn from(error: mp4_atom::Error) -> Self {
        match error {
            mp4_atom::Error::Io(error) => error.into(),
            mp4_atom::Error::UnexpectedEof => Self("it ends in the middle of a box".to_owned()),
            error => Self(error.to_string()),
        }
    }
}

/// The first picture of a segment or fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FirstPicture {
    /// Decoding can start here, and nothing after it refers to what is before.
    Idr,
    /// Anything else.
    Other,
    /// It is encrypted, or in a format that is not known.
    Unknown,
}

/// A keyframe at which a fragment begins: what an I-frame playlist can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Keyframe {
    /// First byte of the `moof`, counted from the start of the segment.
    pub(super) offset: u64,
    /// First byte after the frame.
    pub(super) end: u64,
    /// Presentation time in ticks.
    pub(super) ticks: i64,
    pub(super) picture: FirstPicture,
}

/// One track in one segment.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Span {
    pub(super) kind: Kind,
    /// Ticks a second.
    pub(super) timescale: u32,
    /// Number of frames, or of packets of sound.
    pub(super) frames: u64,
    /// Decode time of the first frame.
    pub(super) decode_start: i64,
    /// Decode time at which the last frame ends.
    pub(super) decode_end: i64,
    /// The earliest presentation time.
    pub(super) start_ticks: i64,
    /// When the last frame to be shown ends.
    pub(super) end_ticks: i64,
    /// Presentation time of the first frame in decode order.
    pub(super) first_ticks: i64,
    /// Length of the longest frame.
    pub(super) frame_ticks: i64,
    pub(super) first_picture: FirstPicture,
    /// Keyframes at which fragments begin.
    pub(super) keyframes: Vec<Keyframe>,
    /// Longest time from a keyframe to the next, or to the end; 0 without a keyframe.
    pub(super) keyframe_interval_ticks: i64,
    /// What is wrong with the times within the segment, in words.
    pub(super) decode_order_problem: Option<String>,
    pub(super) gap_problem: Option<String>,
    pub(super) uneven: Option<String>,
}

impl Span {
    /// Ticks as seconds.
    pub(super) fn seconds(&self, ticks: i64) -> f64 {
        ticks as f64 / f64::from(self.timescale.max(1))
    }

    /// When its first frame is shown, in seconds.
    pub(super) fn start(&self) -> f64 {
        self.seconds(self.start_ticks)
    }

    /// When its last frame ends, in seconds.
    pub(super) fn end(&self) -> f64 {
        self.seconds(self.end_ticks)
    }

    /// Length of one frame in seconds.
    pub(super) fn frame_seconds(&self) -> f64 {
        self.seconds(self.frame_ticks)
    }
}

/// One frame in decode order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) decode: i64,
    pub(super) presentation: i64,
    pub(super) duration: i64,
    pub(super) is_sync: bool,
}

/// Sums up the frames of one track in one segment; `None` without frames.
pub(super) fn span_of(kind: Kind, timescale: u32, frames: &[Frame]) -> Option<Span> {
    let (first, last) = (frames.first()?, frames.last()?);
    let seconds = |ticks: i64| ticks as f64 / f64::from(timescale.max(1));
    let mut shown: Vec<(i64, i64)> = frames.iter().map(|frame| (frame.presentation, frame.duration)).collect();
    shown.sort_unstable();
    let end_ticks = frames.iter().map(|frame| frame.presentation.saturating_add(frame.duration)).max()?;
    let frame_ticks = frames.iter().map(|frame| frame.duration).max()?;
    let not_rising = frames.windows(2).find(|pair| pair[1].decode <= pair[0].decode);
    let twice = shown.windows(2).find(|pair| pair[0].0 == pair[1].0);
    let uneven = (kind == Kind::Picture)
        .then(|| shown.windows(2).find(|pair| is_uneven(pair[1].0 - pair[0].0, frame_ticks, timescale)))
        .flatten();
    Some(Span {
        kind,
        timescale,
        frames: frames.len() as u64,
        decode_start: first.decode,
        decode_end: last.decode.saturating_add(last.duration),
        start_ticks: shown.first()?.0,
        end_ticks,
        first_ticks: first.presentation,
        frame_ticks,
        first_picture: FirstPicture::Unknown,
        keyframes: Vec::new(),
        keyframe_interval_ticks: longest_keyframe_interval(frames, end_ticks),
        decode_order_problem: not_rising.map(|pair| {
            format!("decode time {:.3} s follows {:.3} s", seconds(pair[1].decode), seconds(pair[0].decode))
        }),
        gap_problem: twice.map(|pair| format!("two frames are shown at {:.3} s", seconds(pair[0].0))),
        uneven: uneven.map(|pair| {
            format!("{:.3} s between two frames at {:.3} s", seconds(pair[1].0 - pair[0].0), seconds(pair[0].0))
        }),
    })
}

fn longest_keyframe_interval(frames: &[Frame], end_ticks: i64) -> i64 {
    let keyframes = frames.iter().filter(|frame| frame.is_sync).map(|frame| frame.presentation);
    let ends = keyframes.clone().skip(1).chain([end_ticks]);
    keyframes.zip(ends).map(|(start, end)| end - start).max().unwrap_or(0)
}

/// Whether a step from frame to frame is off by more than rounding to ticks or milliseconds explains.
fn is_uneven(step: i64, frame_ticks: i64, timescale: u32) -> bool {
    step.abs_diff(frame_ticks) > u64::from(timescale / 500).max(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(decode: i64, presentation: i64) -> Frame {
        Frame { decode, presentation, duration: 512, is_sync: decode == 0 }
    }

    #[test]
    fn a_span_has_the_times_of_its_frames_in_any_order() {
        let span =
            span_of(Kind::Picture, 12_800, &[frame(0, 0), frame(512, 1536), frame(1024, 512), frame(1536, 1024)]);
        let span = span.unwrap();
        assert_eq!((span.start_ticks, span.end_ticks, span.decode_end), (0, 2048, 2048));
        assert_eq!((span.frames, span.frame_ticks, span.keyframe_interval_ticks), (4, 512, 2048));
        assert!(span.decode_order_problem.is_none() && span.gap_problem.is_none() && span.uneven.is_none());
        assert!(span_of(Kind::Sound, 1, &[]).is_none());
    }

    #[test]
    fn frames_out_of_order_twice_or_lost_are_told() {
        let problems = |frames: &[Frame]| span_of(Kind::Picture, 12_800, frames).unwrap();
        assert!(problems(&[frame(512, 512), frame(512, 1024)]).decode_order_problem.is_some());
        assert!(problems(&[frame(0, 0), frame(512, 0)]).gap_problem.is_some());
        assert!(problems(&[frame(0, 0), frame(512, 1024)]).uneven.is_some());
    }
}
