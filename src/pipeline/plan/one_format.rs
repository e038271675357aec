//! One format of picture and sound, where the source changes its own midway.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use crate::media::{PictureSize, SourceMedia, VideoStream};

/// How a plan is kept in one format.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OneFormat {
    /// The format with which the picture begins, where it can be fitted into that when it changes.
    pub opening: Option<PictureFormat>,
    /// The picture is fitted into its first format, as it changes it.
    pub follows_picture: bool,
    /// How the headers of the picture are watched while it is encoded, where they may change unnoticed.
    pub headers: Option<PictureHeaders>,
    /// What they change, by the time since the source is opened; nothing where the picture is not fitted in.
    pub header_changes: Vec<(Duration, HeaderChange)>,
    /// By how much the clock of the source goes back, where ffmpeg would not notice it.
    pub clock_goes_back: Option<Duration>,
    /// A file with the sound of each rendition in one format, as the source's changes.
    pub even_sound: Option<PathBuf>,
}

impl OneFormat {
    /// For a source of which no change is known. A picture that is turned before it is seen, or still, can't be followed.
    pub(super) fn of(source: &SourceMedia, video: &VideoStream) -> Self {
        let is_plain = video.rotation_degrees == 0 && source.demuxer().is_none();
        let first = PictureFormat { size: video.coded_size, sample_aspect_ratio: video.sample_aspect_ratio };
        let headers = PictureHeaders::of(&source.container, &video.codec).filter(|_| is_plain);
        let clock_goes_back = source.clock_goes_back;
        Self { opening: is_plain.then_some(first), headers, clock_goes_back, ..Self::default() }
    }

    /// Width and height of a pixel, as parts of what they are at the begin of the file, from each of these times on.
    pub fn shapes(&self) -> Vec<(Duration, f64)> {
        let shape = |(at, change): &(Duration, HeaderChange)| match change {
            HeaderChange::Shape { opening, now } => Some((*at, ratio(*now) / ratio(*opening))),
            HeaderChange::Range { .. } => None,
        };
        self.header_changes.iter().filter_map(shape).collect()
    }

    /// Whether the dynamic range is a high one, from each of these times on.
    pub fn ranges(&self) -> Vec<(Duration, bool)> {
        let range = |(at, change): &(Duration, HeaderChange)| match change {
            HeaderChange::Range { is_high } => Some((*at, *is_high)),
            HeaderChange::Shape { .. } => None,
        };
        self.header_changes.iter().filter_map(range).collect()
    }
}

fn ratio((across, down): (u32, u32)) -> f64 {
    f64::from(across) / f64::from(down)
}

/// A change of a picture in which its frames stay as large as they are, so that no filter notices it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HeaderChange {
    /// Width and height of a pixel, by the headers with which the file begins and by these.
    Shape {
        /// At the begin of the file.
        opening: (u32, u32),
        /// From now on.
        now: (u32, u32),
    },
    /// The dynamic range.
    Range {
        /// Whether it is a high one from now on.
        is_high: bool,
    },
}

/// The headers of a picture in a container without a head, as recordings are that go over into others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureHeaders {
    /// The numbers by which the codec tells them from the rest (ISO/IEC 13818-2, table 6-1; ITU-T H.264, table 7-1;
    /// ITU-T H.265, table 7-1), as ffmpeg takes them.
    pub unit_types: &'static str,
}

impl PictureHeaders {
    /// The clock of the containers.
    pub const TICKS_PER_SECOND: f64 = 90_000.0;
    const CONTAINERS: [&str; 2] = ["mpegts", "mpeg"];

    /// Of a codec, by ffmpeg's names; `None` where the container tells what the headers do.
    pub fn of(container: &str, codec: &str) -> Option<Self> {
        let unit_types = match codec {
            "mpeg1video" | "mpeg2video" => "179",
            "h264" => "7",
            "hevc" => "32-33",
            _ => return None,
        };
        Self::CONTAINERS.contains(&container).then_some(Self { unit_types })
    }
}

/// The shape of a decoded picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureFormat {
    /// Its size.
    pub size: PictureSize,
    /// Width and height of a pixel.
    pub sample_aspect_ratio: (u32, u32),
}
