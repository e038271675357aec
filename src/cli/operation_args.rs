//! Flags of `encode` for what is done to the source.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};

use crate::job::{
    Crop, Deinterlace, Flip, LoudnessTarget, Operations, RgbColour, Strength, SubtitleChoice, Trim, Turn, Watermark,
    WatermarkPosition, typed,
};

/// What is done to the source before it is encoded.
#[derive(Debug, Clone, Default, Args)]
pub struct OperationArguments {
    /// Begin at this time of the source: seconds, MM:SS or HH:MM:SS, with decimals
    #[arg(long, value_name = "TIME", value_parser = typed::time, help_heading = "Operations")]
    pub start: Option<Duration>,
    /// End at this time of the source
    #[arg(long, value_name = "TIME", value_parser = typed::time, conflicts_with = "duration", help_heading = "Operations")]
    pub end: Option<Duration>,
    /// Encode this much of the source
    #[arg(long, value_name = "TIME", value_parser = typed::time, help_heading = "Operations")]
    pub duration: Option<Duration>,
    /// Keep this part of the picture: WIDTH:HEIGHT:LEFT:TOP, or auto to cut black bars off
    #[arg(long, value_name = "AREA|auto", value_parser = typed::crop, help_heading = "Operations")]
    pub crop: Option<Crop>,
    /// Turn the picture clockwise by this many degrees
    #[arg(long, value_name = "90|180|270", value_parser = typed::turn, help_heading = "Operations")]
    pub rotate: Option<Turn>,
    /// Mirror the picture
    #[arg(long, value_name = "DIRECTION", help_heading = "Operations")]
    pub flip: Option<FlipName>,
    /// Whether fields are joined to frames [default: auto, as the file says]
    #[arg(long, value_name = "WHEN", help_heading = "Operations")]
    pub deinterlace: Option<DeinterlaceName>,
    /// Remove noise
    #[arg(long, value_name = "STRENGTH", num_args = 0..=1, require_equals = true, default_missing_value = "medium", help_heading = "Operations")]
    pub denoise: Option<StrengthName>,
    /// Make edges clearer
    #[arg(long, value_name = "STRENGTH", num_args = 0..=1, require_equals = true, default_missing_value = "medium", help_heading = "Operations")]
    pub sharpen: Option<StrengthName>,
    /// Lay this image over the picture
    #[arg(long, value_name = "IMAGE", help_heading = "Operations")]
    pub watermark: Option<PathBuf>,
    /// Where the watermark lies [default: bottom-right]
    #[arg(long, value_name = "PLACE", requires = "watermark", help_heading = "Operations")]
    pub watermark_position: Option<PositionName>,
    /// Width of the watermark in percent of the picture's [default: 15]
    #[arg(long, value_name = "PERCENT", requires = "watermark", help_heading = "Operations")]
    pub watermark_width: Option<f64>,
    /// Distance of the watermark from the edges in percent of the picture's short side [default: 3]
    #[arg(long, value_name = "PERCENT", requires = "watermark", help_heading = "Operations")]
    pub watermark_margin: Option<f64>,
    /// Opacity of the watermark in percent [default: 100]
    #[arg(long, value_name = "PERCENT", requires = "watermark", help_heading = "Operations")]
    pub watermark_opacity: Option<f64>,
    /// When the watermark appears
    #[arg(long, value_name = "TIME", value_parser = typed::time, requires = "watermark", help_heading = "Operations")]
    pub watermark_from: Option<Duration>,
    /// When the watermark goes
    #[arg(long, value_name = "TIME", value_parser = typed::time, requires = "watermark", help_heading = "Operations")]
    pub watermark_until: Option<Duration>,
    /// Fade picture and sound in for this long
    #[arg(long, value_name = "TIME", value_parser = typed::time, help_heading = "Operations")]
    pub fade_in: Option<Duration>,
    /// Fade picture and sound out for this long
    #[arg(long, value_name = "TIME", value_parser = typed::time, help_heading = "Operations")]
    pub fade_out: Option<Duration>,
    /// Bring the sound to this loudness in LUFS; without a number to EBU R 128's -23
    #[arg(long, value_name = "LUFS", num_args = 0..=1, require_equals = true, default_missing_value = "-23", allow_hyphen_values = true, value_parser = typed::loudness, help_heading = "Operations")]
    pub loudness: Option<LoudnessTarget>,
    /// Choose bit rates so that all renditions and the sound together have this size, such as 25M
    #[arg(long, value_name = "SIZE", value_parser = typed::byte_size, help_heading = "Operations")]
    pub target_size: Option<u64>,
    /// Show a still picture for this long [default: 10]
    #[arg(long, value_name = "TIME", value_parser = typed::time, help_heading = "Operations")]
    pub still_duration: Option<Duration>,
    /// Show this colour where the picture is transparent: a name, or #rrggbb [default: black]
    #[arg(long, value_name = "COLOUR", help_heading = "Operations")]
    pub background: Option<RgbColour>,
    /// Draw subtitles that are pictures into the picture: the number of the track, or a language such as en
    #[arg(long, value_name = "N|LANGUAGE", value_parser = typed::subtitles, help_heading = "Operations")]
    pub burn_in: Option<SubtitleChoice>,
}

impl OperationArguments {
    /// The operations that were asked for.
    ///
    /// # Errors
    /// When times contradict each other.
    pub fn operations(&self) -> Result<Operations, String> {
        let start = self.start.unwrap_or_default();
        let end = match self.duration {
            Some(duration) if duration.is_zero() => return Err("--duration must be longer than 0".to_owned()),
            Some(duration) => Some(start.saturating_add(duration)),
            None => self.end,
        };
        if end.is_some_and(|end| end <= start) {
            return Err("--end must come after --start".to_owned());
        }
        let watermark = self.watermark.as_ref().map(|image| Watermark {
            image: std::path::absolute(image).unwrap_or_else(|_| image.clone()),
            position: self.watermark_position.map_or_else(WatermarkPosition::default, Into::into),
            width_percent: self.watermark_width.unwrap_or(Watermark::WIDTH_PERCENT),
            margin_percent: self.watermark_margin.unwrap_or(Watermark::MARGIN_PERCENT),
            opacity_percent: self.watermark_opacity.unwrap_or(100.0),
            from: self.watermark_from,
            until: self.watermark_until,
        });
        Ok(Operations {
            trim: Trim { start: self.start, end },
            crop: self.crop,
            rotate: self.rotate,
            flip: self.flip.map(Into::into),
            // A flag of its own where a ladder is made, and one of the file where that is.
            short_side: None,
            deinterlace: self.deinterlace.map_or_else(Deinterlace::default, Into::into),
            denoise: self.denoise.map(Into::into),
            sharpen: self.sharpen.map(Into::into),
            watermark,
            fade_in: self.fade_in.unwrap_or_default(),
            fade_out: self.fade_out.unwrap_or_default(),
            loudness: self.loudness,
            target_size_bytes: self.target_size,
            still_duration: self.still_duration,
            background: self.background,
            burn_in: self.burn_in.clone(),
        })
    }
}

/// A strength in a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StrengthName {
    /// A little
    Light,
    /// As usual
    Medium,
    /// A lot
    Strong,
}

impl From<StrengthName> for Strength {
    fn from(name: StrengthName) -> Self {
        match name {
            StrengthName::Light => Self::Light,
            StrengthName::Medium => Self::Medium,
            StrengthName::Strong => Self::Strong,
        }
    }
}

/// A reflection in a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FlipName {
    /// Left and right change places
    Horizontal,
    /// Top and bottom change places
    Vertical,
}

impl From<FlipName> for Flip {
    fn from(name: FlipName) -> Self {
        match name {
            FlipName::Horizontal => Self::Horizontal,
            FlipName::Vertical => Self::Vertical,
        }
    }
}

/// When to deinterlace, in a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DeinterlaceName {
    /// When the file says that it is interlaced
    Auto,
    /// Whatever the file says
    Always,
    /// Never
    Never,
}

impl From<DeinterlaceName> for Deinterlace {
    fn from(name: DeinterlaceName) -> Self {
        match name {
            DeinterlaceName::Auto => Self::Automatic,
            DeinterlaceName::Always => Self::Always,
            DeinterlaceName::Never => Self::Never,
        }
    }
}

/// A place in a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PositionName {
    /// In the upper left corner
    TopLeft,
    /// In the upper right corner
    TopRight,
    /// In the lower left corner
    BottomLeft,
    /// In the lower right corner
    BottomRight,
    /// In the middle
    Centre,
}

impl From<PositionName> for WatermarkPosition {
    fn from(name: PositionName) -> Self {
        match name {
            PositionName::TopLeft => Self::TopLeft,
            PositionName::TopRight => Self::TopRight,
            PositionName::BottomLeft => Self::BottomLeft,
            PositionName::BottomRight => Self::BottomRight,
            PositionName::Centre => Self::Centre,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_counts_from_the_start() {
        let seconds = Duration::from_secs;
        let arguments =
            OperationArguments { start: Some(seconds(5)), duration: Some(seconds(3)), ..OperationArguments::default() };
        assert_eq!(arguments.operations().unwrap().trim, Trim { start: Some(seconds(5)), end: Some(seconds(8)) });
        let arguments =
            OperationArguments { start: Some(seconds(5)), end: Some(seconds(5)), ..OperationArguments::default() };
        assert!(arguments.operations().is_err());
    }
}
