//! The flags that say what is made beside HLS with fMP4 segments.

use clap::{Args, ValueEnum};

use crate::job::{OutputKind, Outputs, ThumbnailFormat, typed::pixels, validity::THUMBNAIL_WIDTHS};

/// What is made beside HLS with fMP4 segments. Any of the flags replaces all that is set in the window.
#[derive(Debug, Clone, Default, Args)]
pub struct OutputArguments {
    /// Also a DASH manifest of the same segments: manifest.mpd
    #[arg(long, help_heading = "Outputs")]
    pub dash: bool,
    /// Also one MP4 file for each rendition, with its sound: mp4/1080p.mp4 …
    #[arg(long, help_heading = "Outputs")]
    pub mp4: bool,
    /// Also HLS with MPEG-TS segments, for old devices: ts/master.m3u8
    #[arg(long, help_heading = "Outputs")]
    pub ts: bool,
    /// Also sheets of small pictures for a player's seek bar: storyboard/storyboard.vtt
    #[arg(long, help_heading = "Outputs")]
    pub storyboard: bool,
    /// Also a list of all files with size, checksum, duration and measured bit rates: report.json
    #[arg(long, help_heading = "Outputs")]
    pub report: bool,
    /// A keyframe every second, not every two, so that the I-frame playlists have an entry for each second
    #[arg(long, help_heading = "Outputs")]
    pub dense_iframes: bool,
    /// Nothing beside HLS with fMP4 segments, whatever is set in the window
    #[arg(long, conflicts_with_all = ["dash", "mp4", "ts", "storyboard", "report"], help_heading = "Outputs")]
    pub hls_only: bool,
    /// Width of the thumbnails in pixels [default: 640 on the longer side]
    #[arg(long, value_name = "PIXELS", value_parser = pixels(&THUMBNAIL_WIDTHS), help_heading = "Outputs")]
    pub thumbnail_width: Option<u32>,
    /// Format of the thumbnails; the poster is always JPEG
    #[arg(long, value_name = "FORMAT", help_heading = "Outputs")]
    pub thumbnail_format: Option<ThumbnailFormatName>,
}

impl OutputArguments {
    /// What is to be made, where `set_in_window` says what is made when no flag says anything.
    pub fn resolve(&self, set_in_window: &Outputs) -> Outputs {
        let kinds = [self.dash, self.mp4, self.ts, self.storyboard, self.report];
        let mut outputs = set_in_window.clone();
        if self.hls_only || kinds.contains(&true) {
            for (kind, is_made) in OutputKind::ALL.into_iter().zip(kinds) {
                outputs.set(kind, is_made);
            }
        }
        outputs.thumbnails.width = self.thumbnail_width.or(outputs.thumbnails.width);
        if let Some(format) = self.thumbnail_format {
            outputs.thumbnails.format = format.into();
        }
        outputs
    }
}

/// Format of thumbnails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ThumbnailFormatName {
    /// JPEG, the default
    Jpeg,
    /// WebP
    Webp,
}

impl From<ThumbnailFormatName> for ThumbnailFormat {
    fn from(name: ThumbnailFormatName) -> Self {
        match name {
            ThumbnailFormatName::Jpeg => Self::Jpeg,
            ThumbnailFormatName::Webp => Self::Webp,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::args::{Arguments, CommandArguments};

    #[test]
    fn output_flags_replace_what_is_set_in_the_window() {
        let outputs_of = |flags: &[&str]| {
            let line = ["reelpress", "encode", "a.mp4"].into_iter().chain(flags.iter().copied());
            let Some(CommandArguments::Encode(encode)) = Arguments::try_parse_from(line).unwrap().command else {
                panic!("not encode")
            };
            encode.encode.outputs.resolve(&Outputs { storyboard: true, ..Outputs::default() }).summary()
        };
        assert_eq!(outputs_of(&[]), "HLS, Storyboard");
        assert_eq!(outputs_of(&["--thumbnail-width", "320"]), "HLS, Storyboard");
        assert_eq!(outputs_of(&["--dash", "--ts"]), "HLS, DASH, HLS with MPEG-TS");
        assert_eq!(outputs_of(&["--hls-only"]), "HLS");
        assert!(Arguments::try_parse_from(["reelpress", "encode", "a.mp4", "--hls-only", "--dash"]).is_err());
    }
}
