//! One format of picture and sound, where the source changes its own midway.

use std::path::PathBuf;

use crate::media::{PictureSize, SourceMedia, VideoStream};

/// How a plan is kept in one format.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OneFormat {
    /// The format with which the picture begins, where it can be fitted into that when it changes.
    pub opening: Option<PictureFormat>,
    /// The picture is fitted into its first format, as it changes it.
    pub follows_picture: bool,
    /// A file with the sound of each rendition in one format, as the source's changes.
    pub even_sound: Option<PathBuf>,
}

impl OneFormat {
    /// For a source of which no change is known. A picture that is turned before it is seen, or still, can't be followed.
    pub(super) fn of(source: &SourceMedia, video: &VideoStream) -> Self {
        let is_plain = video.rotation_degrees == 0 && source.demuxer().is_none();
        let first = PictureFormat { size: video.coded_size, sample_aspect_ratio: video.sample_aspect_ratio };
        Self { opening: is_plain.then_some(first), ..Self::default() }
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
