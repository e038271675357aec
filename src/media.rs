//! What a source file is: the facts that `ffprobe` gives, as far as it gives them.
//!
//! Every field that a damaged or unusual file may lack is an `Option`; partial knowledge is kept, never guessed here.

mod colour;
mod container;
mod frame_rate;
mod transport_packet;

use std::{fmt, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

pub use colour::{Colour, DynamicRange, HdrMetadata};
pub use container::container_name;
pub use frame_rate::{FrameRate, STANDARD_RATES};
pub use transport_packet::{Section, TRANSPORT_PACKET_BYTES, TRANSPORT_SYNC_BYTE, TransportPacket};

/// ffmpeg's name of what reads a film that is one JPEG after the other, without a container.
pub const JPEG_FILM_DEMUXER: &str = "mjpeg";

/// Width and height of a picture in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PictureSize {
    /// Pixels in a line.
    pub width: u32,
    /// Lines.
    pub height: u32,
}

impl PictureSize {
    /// The smaller of the two sides: what names a rung ("1080p"), whichever way the picture stands.
    pub fn short_side(self) -> u32 {
        self.width.min(self.height)
    }

    /// Number of pixels.
    pub fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// True when the picture is higher than wide.
    pub fn is_portrait(self) -> bool {
        self.height > self.width
    }
}

impl fmt::Display for PictureSize {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}×{}", self.width, self.height)
    }
}

/// Everything known of a source file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SourceMedia {
    /// Short name of the container as ffmpeg gives it, such as `mov,mp4,m4a,3gp,3g2,mj2`.
    pub container: String,
    /// Size of the file in bytes.
    pub size_bytes: u64,
    /// Bytes that its last fragment should have and has not: an MP4 in fragments that was cut off.
    #[serde(default)]
    pub missing_bytes: u64,
    /// Length of the whole file.
    pub duration: Option<Duration>,
    /// Time stamp of the first packet, in seconds; transport streams rarely start at 0.
    pub start_time_seconds: Option<f64>,
    /// Bit rate of the whole file in bits a second.
    pub bitrate_bps: Option<u64>,
    /// Pictures that move, in file order; cover art is not among them.
    pub video: Vec<VideoStream>,
    /// Sound, in file order.
    pub audio: Vec<AudioStream>,
    /// Subtitles, in file order.
    pub subtitles: Vec<SubtitleStream>,
    /// Subtitles in files beside this one.
    #[serde(default)]
    pub subtitle_files: Vec<SubtitleFile>,
    /// Chapters, in order of their start.
    pub chapters: Vec<Chapter>,
    /// The first picture that belongs to the file and not to its film: cover art.
    #[serde(default)]
    pub cover: Option<CoverArt>,
    /// Number of attached files, such as the fonts of subtitles.
    #[serde(default)]
    pub attachments: usize,
    /// By how much the clock of a transport stream goes back where short recordings follow each other, at the least.
    #[serde(default)]
    pub clock_goes_back: Option<Duration>,
    /// Whether the lengths of the main picture and sound were measured by their packets, where the container guesses them.
    #[serde(default)]
    pub ends_are_measured: bool,
}

/// A picture that belongs to a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoverArt {
    /// Index of its stream in the file.
    pub index: usize,
    /// Codec in ffmpeg's short name.
    pub codec: String,
}

/// How the lines of a frame were taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScanType {
    /// Whole frames.
    Progressive,
    /// Two fields a frame, the top field first.
    InterlacedTopFirst,
    /// Two fields a frame, the bottom field first.
    InterlacedBottomFirst,
    /// The file does not say.
    #[default]
    Unknown,
}

impl ScanType {
    /// True when the frames are made of two fields.
    pub fn is_interlaced(self) -> bool {
        matches!(self, Self::InterlacedTopFirst | Self::InterlacedBottomFirst)
    }
}

/// A stream of moving pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VideoStream {
    /// Index of the stream in the file.
    pub index: usize,
    /// Codec in ffmpeg's short name, such as `h264`.
    pub codec: String,
    /// Profile as ffprobe words it, such as `High 10`.
    pub profile: Option<String>,
    /// Pixel format, such as `yuv420p10le`.
    pub pixel_format: Option<String>,
    /// Size as stored, before rotation and aspect ratio.
    pub coded_size: PictureSize,
    /// Sample aspect ratio as (numerator, denominator); (1, 1) when square or unknown.
    pub sample_aspect_ratio: (u32, u32),
    /// Clockwise turn that the player must make, in degrees: 0, 90, 180 or 270.
    pub rotation_degrees: u16,
    /// What a still picture says of how it stands (EXIF 2.32, tag 274), from 2 to 8; the turn in it is that of
    /// `rotation_degrees`. No part of ffmpeg may turn such a picture, as not every version and format does.
    #[serde(default)]
    pub exif_orientation: Option<u8>,
    /// Average rate over the whole stream.
    pub average_frame_rate: Option<FrameRate>,
    /// The lowest rate in which all time stamps can be written exactly (`r_frame_rate`).
    pub real_frame_rate: Option<FrameRate>,
    /// Progressive or interlaced.
    pub scan: ScanType,
    /// Colour description.
    pub colour: Colour,
    /// Length of this stream, where it is known apart from the file's.
    pub duration: Option<Duration>,
    /// Time stamp of the first frame in seconds.
    pub start_time_seconds: Option<f64>,
    /// Number of frames that the container claims.
    pub frame_count: Option<u64>,
    /// Bit rate in bits a second.
    pub bitrate_bps: Option<u64>,
    /// Language tag as in the file.
    pub language: Option<String>,
    /// True for the stream that the file marks as default.
    pub is_default: bool,
}

impl VideoStream {
    /// Size as seen: square pixels, upright.
    pub fn display_size(&self) -> PictureSize {
        let (numerator, denominator) = self.sample_aspect_ratio;
        let mut size = self.coded_size;
        if numerator > 0 && denominator > 0 && numerator != denominator {
            let stretched = u64::from(size.width) * u64::from(numerator) / u64::from(denominator).max(1);
            size.width = u32::try_from(stretched.max(1)).unwrap_or(size.width);
        }
        if self.rotation_degrees % 180 == 90 {
            size = PictureSize { width: size.height, height: size.width };
        }
        size
    }

    /// True when parts of the picture can be transparent.
    pub fn has_alpha(&self) -> bool {
        const WITH_ALPHA: [&str; 10] = ["yuva", "rgba", "bgra", "argb", "abgr", "gbrap", "ya8", "ya16", "ayuv", "pal8"];
        let format = self.pixel_format.as_deref().unwrap_or_default();
        WITH_ALPHA.iter().any(|start| format.starts_with(start))
    }

    /// True when the frames are not evenly spaced: the average rate is off the real one by more than 0.5 %.
    pub fn is_variable_frame_rate(&self) -> bool {
        match (self.average_frame_rate, self.real_frame_rate) {
            (Some(average), Some(real)) if !self.scan.is_interlaced() => {
                (average.per_second() / real.per_second() - 1.0).abs() > 0.005
            }
            _ => false,
        }
    }
}

/// A stream of sound.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AudioStream {
    /// Index of the stream in the file.
    pub index: usize,
    /// Codec in ffmpeg's short name.
    pub codec: String,
    /// Profile as ffprobe words it.
    pub profile: Option<String>,
    /// Number of channels.
    pub channels: Option<u32>,
    /// Layout, such as `stereo` or `5.1(side)`.
    pub channel_layout: Option<String>,
    /// Samples a second.
    pub sample_rate_hz: Option<u32>,
    /// Bits of each sample in the source, for uncompressed and lossless sound.
    pub bits_per_sample: Option<u32>,
    /// Length of this stream.
    pub duration: Option<Duration>,
    /// Time stamp of the first packet in seconds.
    pub start_time_seconds: Option<f64>,
    /// Bit rate in bits a second.
    pub bitrate_bps: Option<u64>,
    /// Language tag as in the file.
    pub language: Option<String>,
    /// Title as in the file.
    pub title: Option<String>,
    /// True for the stream that the file marks as default.
    pub is_default: bool,
    /// True for people who talk about the film.
    #[serde(default)]
    pub is_commentary: bool,
    /// True when blind people are told what is to be seen.
    #[serde(default)]
    pub describes_video: bool,
}

/// A stream of subtitles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SubtitleStream {
    /// Index of the stream in the file.
    pub index: usize,
    /// Codec in ffmpeg's short name.
    pub codec: String,
    /// Language tag as in the file.
    pub language: Option<String>,
    /// Title as in the file.
    pub title: Option<String>,
    /// True when the player should show it also if subtitles are off.
    pub is_forced: bool,
    /// True for the stream that the file marks as default.
    pub is_default: bool,
    /// True when sounds are told too.
    #[serde(default)]
    pub is_for_hearing_impaired: bool,
}

/// A file of subtitles beside the source.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SubtitleFile {
    /// The file.
    #[serde(with = "crate::job::path_text")]
    pub path: PathBuf,
    /// BCP 47 tag, if its name has one.
    pub language: Option<String>,
    /// True when its name says `forced`.
    pub is_forced: bool,
    /// True when its name says that sounds are told too.
    pub is_for_hearing_impaired: bool,
}

/// A chapter of the source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chapter {
    /// Start on the source's timeline.
    pub start: Duration,
    /// End on the source's timeline.
    pub end: Duration,
    /// Title, if it has one.
    pub title: Option<String>,
}

impl SourceMedia {
    /// The picture that is encoded: the default one, else the first.
    pub fn main_video(&self) -> Option<&VideoStream> {
        self.video.iter().find(|stream| stream.is_default).or_else(|| self.video.first())
    }

    /// Whether it is one picture that does not move.
    pub fn is_still(&self) -> bool {
        self.container.ends_with("_pipe")
    }

    /// The demuxer to open it with, where ffmpeg must not choose: it would take a picture whose name has a number sign for
    /// a row of files, and a film of JPEG pictures for one picture.
    pub fn demuxer(&self) -> Option<&str> {
        (self.is_still() || self.container == JPEG_FILM_DEMUXER).then_some(self.container.as_str())
    }

    /// The sound that is encoded: the default one, else the first.
    pub fn main_audio(&self) -> Option<&AudioStream> {
        self.audio.iter().find(|stream| stream.is_default).or_else(|| self.audio.first())
    }

    /// When the picture ends, counted from the start of the file: one that starts late is preceded by its first frame.
    /// The length of the file where the picture does not tell its own.
    pub fn picture_duration(&self) -> Option<Duration> {
        let told = self.main_video().and_then(|video| Some(self.time_before_picture(video) + video.duration?));
        told.or(self.duration)
    }

    /// For how long there is sound before the first picture.
    fn time_before_picture(&self, video: &VideoStream) -> Duration {
        let late = video.start_time_seconds.zip(self.start_time_seconds).map_or(0.0, |(picture, file)| picture - file);
        Duration::try_from_secs_f64(late).unwrap_or_default()
    }

    /// What is unusual in this source, as short labels: HDR10, VFR, interlaced, 5.1, 2 languages, ProRes…
    pub fn badges(&self) -> Vec<String> {
        let mut badges = Vec::new();
        if let Some(video) = self.main_video() {
            match video.codec.as_str() {
                "prores" => badges.push("ProRes".to_owned()),
                "dnxhd" => badges.push("DNxHR".to_owned()),
                _ => {}
            }
            let dolby_vision = video.colour.hdr.as_ref().is_some_and(|hdr| hdr.dolby_vision);
            match video.colour.dynamic_range() {
                _ if dolby_vision => badges.push("Dolby Vision".to_owned()),
                DynamicRange::Pq => badges.push("HDR10".to_owned()),
                DynamicRange::Hlg => badges.push("HLG".to_owned()),
                DynamicRange::Sdr => {}
            }
            if video.is_variable_frame_rate() {
                badges.push("VFR".to_owned());
            }
            if video.scan.is_interlaced() {
                badges.push("interlaced".to_owned());
            }
            if video.rotation_degrees != 0 {
                badges.push("rotated".to_owned());
            }
        }
        match self.main_audio().and_then(|audio| audio.channels) {
            Some(6) => badges.push("5.1".to_owned()),
            Some(8) => badges.push("7.1".to_owned()),
            _ => {}
        }
        if self.audio.is_empty() && !self.video.is_empty() {
            badges.push("no sound".to_owned());
        }
        let mut languages: Vec<&str> =
            self.audio.iter().filter_map(|audio| audio.language.as_deref()).filter(|tag| *tag != "und").collect();
        languages.sort_unstable();
        languages.dedup();
        if languages.len() > 1 {
            badges.push(format!("{} languages", languages.len()));
        }
        badges
    }
}
