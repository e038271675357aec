//! What a job makes: a stream, one file in another form, or pictures alone.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::preset::{BitRate, Crf};

/// What a job makes of its source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// An adaptive stream.
    #[default]
    Stream,
    /// One file in another container or codec, or a smaller one.
    File(Box<Conversion>),
}

impl JobKind {
    /// What a job of this preset makes, in few words: `Web HLS`, `MP4 file`.
    pub fn words(&self, preset: &str) -> String {
        match self {
            Self::Stream => preset.to_owned(),
            Self::File(conversion) => conversion.format.file_words(),
        }
    }
}

/// How a file is made of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversion {
    /// Its container.
    pub format: FileFormat,
    /// The file itself. When not given, it is named after the source, in the destination's folder.
    #[serde(default, with = "crate::job::path_text::optional")]
    pub output: Option<PathBuf>,
    /// Whether a file of this name may be replaced. The source never is.
    #[serde(default)]
    pub overwrite: bool,
    /// Whether streams are copied or encoded.
    #[serde(default)]
    pub streams: StreamTreatment,
    /// The codec of the picture; by the container if not given.
    #[serde(default)]
    pub video_codec: Option<FileVideoCodec>,
    /// How bits are spent on the picture; a good constant quality if not given.
    #[serde(default)]
    pub video_rate: Option<VideoRate>,
    /// The longest that the short side of the picture may be, in pixels.
    #[serde(default)]
    pub short_side: Option<u32>,
    /// The codec of the sound; by the container if not given.
    #[serde(default)]
    pub audio_codec: Option<FileAudioCodec>,
    /// Average bit rate of each track of sound.
    #[serde(default)]
    pub audio_bitrate: Option<BitRate>,
}

impl Conversion {
    /// A file of this container, with all else as fits.
    pub fn to(format: FileFormat) -> Self {
        Self {
            format,
            output: None,
            overwrite: false,
            streams: StreamTreatment::default(),
            video_codec: None,
            video_rate: None,
            short_side: None,
            audio_codec: None,
            audio_bitrate: None,
        }
    }
}

/// Whether the streams of a source are copied or encoded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamTreatment {
    /// Copied where the container holds them and nothing is done to them, else encoded.
    #[default]
    Automatic,
    /// Encoded in any case.
    Encode,
    /// Copied in any case: what can't be copied fails the job. A trim begins at a keyframe.
    Copy,
}

impl StreamTreatment {
    /// All treatments.
    pub const ALL: [Self; 3] = [Self::Automatic, Self::Encode, Self::Copy];

    /// What is done, for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Automatic => "Copied where possible",
            Self::Encode => "Encoded",
            Self::Copy => "Copied only",
        }
    }
}

/// How bits are spent on a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VideoRate {
    /// A constant quality, whatever it takes.
    Quality(Crf),
    /// An average.
    Bitrate(BitRate),
}

/// A container of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileFormat {
    /// MPEG-4.
    Mp4,
    /// QuickTime.
    Mov,
    /// Matroska.
    Mkv,
    /// WebM.
    Webm,
    /// AVI.
    Avi,
    /// Moving pictures in GIF, without sound.
    Gif,
    /// Sound in MPEG-4.
    M4a,
    /// MP3.
    Mp3,
    /// Opus in Ogg.
    Opus,
    /// Vorbis, Opus or FLAC in Ogg.
    Ogg,
    /// Uncompressed sound.
    Wav,
    /// FLAC.
    Flac,
}

impl FileFormat {
    /// All formats.
    pub const ALL: [Self; 12] = [
        Self::Mp4,
        Self::Mov,
        Self::Mkv,
        Self::Webm,
        Self::Avi,
        Self::Gif,
        Self::M4a,
        Self::Mp3,
        Self::Opus,
        Self::Ogg,
        Self::Wav,
        Self::Flac,
    ];

    /// The extension of its files without the dot, which is also its name in flags.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Mp4 => "mp4",
            Self::Mov => "mov",
            Self::Mkv => "mkv",
            Self::Webm => "webm",
            Self::Avi => "avi",
            Self::Gif => "gif",
            Self::M4a => "m4a",
            Self::Mp3 => "mp3",
            Self::Opus => "opus",
            Self::Ogg => "ogg",
            Self::Wav => "wav",
            Self::Flac => "flac",
        }
    }

    /// The format of files with this extension.
    pub fn of_extension(extension: &str) -> Option<Self> {
        let known = Self::ALL.into_iter().find(|format| format.extension().eq_ignore_ascii_case(extension));
        known.or_else(|| extension.eq_ignore_ascii_case("m4v").then_some(Self::Mp4))
    }

    /// Its name for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Mp4 => "MP4",
            Self::Mov => "MOV",
            Self::Mkv => "Matroska",
            Self::Webm => "WebM",
            Self::Avi => "AVI",
            Self::Gif => "GIF",
            Self::M4a => "M4A",
            Self::Mp3 => "MP3",
            Self::Opus => "Opus",
            Self::Ogg => "Ogg",
            Self::Wav => "WAV",
            Self::Flac => "FLAC",
        }
    }

    /// `MP4 file`.
    pub fn file_words(self) -> String {
        format!("{} file", self.label())
    }

    /// What is in its files when they are encoded.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::Mp4 => "H.264 and AAC, plays everywhere",
            Self::Mov => "For QuickTime and Final Cut",
            Self::Mkv => "Holds any codec, all tracks",
            Self::Webm => "VP9 and Opus, for browsers",
            Self::Avi => "For old programs",
            Self::Gif => "Moving pictures, no sound",
            Self::M4a => "Sound as AAC",
            Self::Mp3 => "Sound, plays everywhere",
            Self::Opus => "Sound, smallest",
            Self::Ogg => "Sound as Vorbis",
            Self::Wav => "Sound, uncompressed",
            Self::Flac => "Sound, without loss",
        }
    }

    /// Whether it holds pictures.
    pub fn has_picture(self) -> bool {
        matches!(self, Self::Mp4 | Self::Mov | Self::Mkv | Self::Webm | Self::Avi | Self::Gif)
    }

    /// Whether it holds sound.
    pub fn has_sound(self) -> bool {
        self != Self::Gif
    }
}

/// A codec that pictures of a file are encoded with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileVideoCodec {
    /// H.264.
    H264,
    /// HEVC.
    Hevc,
    /// AV1.
    Av1,
    /// VP9.
    Vp9,
    /// MPEG-4 part 2, which old players know.
    Mpeg4,
    /// GIF.
    Gif,
}

/// A codec that the sound of a file is encoded with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileAudioCodec {
    /// AAC-LC.
    Aac,
    /// MP3.
    Mp3,
    /// Opus.
    Opus,
    /// Vorbis.
    Vorbis,
    /// FLAC, without loss.
    Flac,
    /// Uncompressed.
    Pcm,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_known_by_their_extension() {
        for format in FileFormat::ALL {
            assert_eq!(FileFormat::of_extension(format.extension()), Some(format));
        }
        assert_eq!(FileFormat::of_extension("MP4"), Some(FileFormat::Mp4));
        assert_eq!(FileFormat::of_extension("m4v"), Some(FileFormat::Mp4));
        assert_eq!(FileFormat::of_extension("doc"), None);
    }

    #[test]
    fn what_says_little_is_read() {
        let read: Conversion = serde_json::from_str(r#"{"format":"mkv"}"#).unwrap();
        assert_eq!(read, Conversion::to(FileFormat::Mkv));
    }
}
