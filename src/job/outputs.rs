//! What a job makes beside HLS with fMP4 segments, which is always made.

use serde::{Deserialize, Serialize};

use super::Encryption;

/// What a job makes beside HLS with fMP4 segments; all of it comes from the one encode.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Outputs {
    /// A DASH manifest of the very same segments.
    pub dash: bool,
    /// One progressive MP4 file for each video rendition, with its sound.
    pub mp4: bool,
    /// HLS with MPEG-TS segments, for devices that know no fMP4.
    pub transport_stream: bool,
    /// Sheets of small pictures with an index in WebVTT, for the seek bar of a player.
    pub storyboard: bool,
    /// A JSON file that lists all files with size, checksum, duration and measured bit rates.
    pub report: bool,
    /// How thumbnails are written.
    pub thumbnails: ThumbnailStyle,
    /// How segments are encrypted, if they are.
    pub encryption: Option<Encryption>,
}

/// How thumbnails are written; when they are taken is [`ThumbnailTimes`](super::ThumbnailTimes).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ThumbnailStyle {
    /// Width in pixels, height by the shape of the picture; never more than the largest rendition has. When not given,
    /// the longer side is 640 pixels.
    pub width: Option<u32>,
    /// Format of the files.
    pub format: ThumbnailFormat,
}

/// Format of thumbnails. The poster is JPEG in any case, which every page and player shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThumbnailFormat {
    /// JPEG.
    #[default]
    Jpeg,
    /// WebP, lossy.
    Webp,
}

impl ThumbnailFormat {
    /// Extension of the files, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Webp => "webp",
        }
    }

    /// Name for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Webp => "WebP",
        }
    }
}

/// Outputs that are either made or not, for menus and lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputKind {
    /// [`Outputs::dash`].
    Dash,
    /// [`Outputs::mp4`].
    Mp4,
    /// [`Outputs::transport_stream`].
    TransportStream,
    /// [`Outputs::storyboard`].
    Storyboard,
    /// [`Outputs::report`].
    Report,
}

impl OutputKind {
    /// All in the order in which they are shown.
    pub const ALL: [Self; 5] = [Self::Dash, Self::Mp4, Self::TransportStream, Self::Storyboard, Self::Report];

    /// Name for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Dash => "DASH",
            Self::Mp4 => "MP4 of each rendition",
            Self::TransportStream => "HLS with MPEG-TS",
            Self::Storyboard => "Storyboard",
            Self::Report => "Report",
        }
    }

    /// What it is, in a few words.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::Dash => "A manifest of the same segments",
            Self::Mp4 => "Files for downloads, with sound",
            Self::TransportStream => "For old devices",
            Self::Storyboard => "Pictures for the seek bar",
            Self::Report => "All files with checksums, as JSON",
        }
    }
}

impl Outputs {
    /// Whether this is made.
    pub fn includes(&self, kind: OutputKind) -> bool {
        match kind {
            OutputKind::Dash => self.dash,
            OutputKind::Mp4 => self.mp4,
            OutputKind::TransportStream => self.transport_stream,
            OutputKind::Storyboard => self.storyboard,
            OutputKind::Report => self.report,
        }
    }

    /// Makes this, or not.
    pub fn set(&mut self, kind: OutputKind, is_made: bool) {
        let place = match kind {
            OutputKind::Dash => &mut self.dash,
            OutputKind::Mp4 => &mut self.mp4,
            OutputKind::TransportStream => &mut self.transport_stream,
            OutputKind::Storyboard => &mut self.storyboard,
            OutputKind::Report => &mut self.report,
        };
        *place = is_made;
    }

    /// One line on what is made, such as "HLS, DASH, Report".
    pub fn summary(&self) -> String {
        let others = OutputKind::ALL.into_iter().filter(|kind| self.includes(*kind)).map(OutputKind::label);
        std::iter::once("HLS").chain(others).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_set_and_told_alone() {
        for kind in OutputKind::ALL {
            let mut outputs = Outputs::default();
            outputs.set(kind, true);
            let made: Vec<OutputKind> = OutputKind::ALL.into_iter().filter(|kind| outputs.includes(*kind)).collect();
            assert_eq!(made, [kind]);
            assert_eq!(outputs.summary(), format!("HLS, {}", kind.label()));
            outputs.set(kind, false);
            assert_eq!(outputs, Outputs::default());
        }
    }

    #[test]
    fn what_an_older_version_wrote_is_read() {
        assert_eq!(serde_json::from_str::<Outputs>("{}").unwrap(), Outputs::default());
        let outputs: Outputs = serde_json::from_str(r#"{"dash":true,"thumbnails":{"format":"webp"}}"#).unwrap();
        assert!(outputs.dash && outputs.thumbnails.format == ThumbnailFormat::Webp);
    }
}
