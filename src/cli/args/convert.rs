//! What can be typed after `convert`.

use std::path::PathBuf;

use clap::{Args, ValueEnum, builder::PossibleValue};

use super::{InterlacedChoice, QueueingArguments, SideBySide, side_by_side};
use crate::{
    cli::{
        operation_args::OperationArguments,
        video_args::{EncoderName, SpeedName},
    },
    job::{FileAudioCodec, FileFormat, FileVideoCodec, typed::pixels, validity::SHORT_SIDES},
    preset::BitRate,
};

const EXAMPLES: &str = "\
Streams are copied where the new container holds them and nothing is done to them; all else is encoded.

  reelpress convert film.mkv --to mp4                      beside the source
  reelpress convert film.mov -o small.mp4 --target-size 25M
  reelpress convert talk.mp4 --to mp3 --start 1:30 --end 20:00
  reelpress convert film.mp4 -o part.mp4 --start 1:30 --end 2:00 --lossless
  reelpress convert one.mp4 two.mov -o both.mp4 --join
The name of each finished file is printed on standard output. --json prints the events of “reelpress encode --json”, with
the file in job_finished.";

/// Make one file of each video
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct ConvertArguments {
    /// Videos or files of sound
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Container of the result [default: by the name after --out, else as the source's where something is changed]
    #[arg(long, value_name = "FORMAT")]
    pub to: Option<FormatName>,
    /// The file to make, or the folder that it goes into [default: beside the source, under a free name]
    #[arg(short, long, alias = "output", value_name = "PATH")]
    pub out: Option<PathBuf>,
    /// Replace the file to make if it is there; a source is never replaced
    #[arg(long)]
    pub overwrite: bool,
    /// Join all files to one, in the shape of the first: size, frame rate, sound
    #[arg(long)]
    pub join: bool,
    /// Copy only: a trim begins at the keyframe before --start, and what the container does not hold is refused
    #[arg(long, conflicts_with = "reencode")]
    pub lossless: bool,
    /// Encode what could be copied, too
    #[arg(long)]
    pub reencode: bool,
    /// Codec of the picture [default: as fits the container]
    #[arg(long, value_name = "CODEC", help_heading = "Video")]
    pub video_codec: Option<VideoCodecName>,
    /// Constant quality on x264's scale, from 1 (nearly lossless) to 51 [default: 20]
    #[arg(long, value_name = "N", conflicts_with_all = ["bitrate", "target_size"], value_parser = clap::value_parser!(u8).range(1..=51), help_heading = "Video")]
    pub crf: Option<u8>,
    /// Average bit rate of the picture, such as 2M or 800k
    #[arg(long, value_name = "RATE", conflicts_with = "target_size", value_parser = bit_rate, help_heading = "Video")]
    pub bitrate: Option<BitRate>,
    /// Make the picture smaller, to this many pixels on its short side (GIF: 360 unless given)
    #[arg(long, value_name = "PIXELS", value_parser = pixels(&SHORT_SIDES), help_heading = "Video")]
    pub size: Option<u32>,
    /// How much time the encoder takes for each frame [default: medium]
    #[arg(long, value_name = "SPEED", help_heading = "Video")]
    pub speed: Option<SpeedName>,
    /// Which encoders: software, automatic (hardware where it works), or one kind of hardware
    #[arg(long, value_name = "KIND", help_heading = "Video")]
    pub encoder: Option<EncoderName>,
    /// What becomes of the fields of interlaced video that is encoded: joined to frames, or each a frame [default: frames]
    #[arg(long, value_name = "WHAT", help_heading = "Video")]
    pub interlaced: Option<InterlacedChoice>,
    /// Codec of the sound [default: as fits the container]
    #[arg(long, value_name = "CODEC", help_heading = "Sound")]
    pub audio_codec: Option<AudioCodecName>,
    /// Average bit rate of each track of sound, such as 128k
    #[arg(long, value_name = "RATE", value_parser = bit_rate, help_heading = "Sound")]
    pub audio_bitrate: Option<BitRate>,
    /// What is done to the source.
    #[command(flatten)]
    pub operations: OperationArguments,
    /// Whether they go into the queue.
    #[command(flatten)]
    pub queueing: QueueingArguments,
    /// Number of files that are made side by side; auto: by their size and the machine's cores
    #[arg(long, conflicts_with = "queue", value_name = "N|auto", value_parser = side_by_side)]
    pub jobs: Option<SideBySide>,
    /// Tell what happens as one JSON event a line on standard output
    #[arg(long)]
    pub json: bool,
}

/// A container in a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FormatName(pub FileFormat);

impl ValueEnum for FormatName {
    fn value_variants<'a>() -> &'a [Self] {
        use FileFormat::{Avi, Flac, Gif, M4a, Mkv, Mov, Mp3, Mp4, Ogg, Opus, Wav, Webm};
        &[
            Self(Mp4),
            Self(Mov),
            Self(Mkv),
            Self(Webm),
            Self(Avi),
            Self(Gif),
            Self(M4a),
            Self(Mp3),
            Self(Opus),
            Self(Ogg),
            Self(Wav),
            Self(Flac),
        ]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.0.extension()))
    }
}

/// A codec of pictures in a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum VideoCodecName {
    /// H.264
    H264,
    /// HEVC
    Hevc,
    /// AV1
    Av1,
    /// VP9
    Vp9,
    /// MPEG-4 part 2, for old players
    Mpeg4,
}

impl From<VideoCodecName> for FileVideoCodec {
    fn from(name: VideoCodecName) -> Self {
        match name {
            VideoCodecName::H264 => Self::H264,
            VideoCodecName::Hevc => Self::Hevc,
            VideoCodecName::Av1 => Self::Av1,
            VideoCodecName::Vp9 => Self::Vp9,
            VideoCodecName::Mpeg4 => Self::Mpeg4,
        }
    }
}

/// A codec of sound in a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AudioCodecName {
    /// AAC
    Aac,
    /// MP3
    Mp3,
    /// Opus
    Opus,
    /// Vorbis
    Vorbis,
    /// FLAC, without loss
    Flac,
    /// Uncompressed
    Pcm,
}

impl From<AudioCodecName> for FileAudioCodec {
    fn from(name: AudioCodecName) -> Self {
        match name {
            AudioCodecName::Aac => Self::Aac,
            AudioCodecName::Mp3 => Self::Mp3,
            AudioCodecName::Opus => Self::Opus,
            AudioCodecName::Vorbis => Self::Vorbis,
            AudioCodecName::Flac => Self::Flac,
            AudioCodecName::Pcm => Self::Pcm,
        }
    }
}

/// Bits a second, with k or M for thousands and millions.
fn bit_rate(text: &str) -> Result<BitRate, String> {
    let wrong = || "give a bit rate such as 2M, 800k or 2500000".to_owned();
    let text = text.trim();
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" => 1.0,
        "k" => 1e3,
        "m" => 1e6,
        _ => return Err(wrong()),
    };
    let number: Option<f64> = digits.parse().ok().filter(|number: &f64| number.is_finite());
    let bits = number.map(|number| number * unit).filter(|bits| *bits >= 0.0).map(|bits| bits as u64);
    bits.filter(|bits| BitRate::USABLE_BITS.contains(bits)).map(BitRate::from_bits).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bit_rates_are_read() {
        assert_eq!(bit_rate("2.5M"), Ok(BitRate::from_kilobits(2500)));
        assert_eq!(bit_rate("800k"), Ok(BitRate::from_kilobits(800)));
        assert!(["", "k", "-5k", "2G", "5"].iter().all(|text| bit_rate(text).is_err()));
    }
}
