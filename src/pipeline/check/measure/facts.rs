//! What ffprobe says of a file on this machine. It gets the format from us, so that it never takes a file for a list of
//! others, and may open nothing but that file.

use std::{path::Path, process::Command, time::Duration};

use serde::Deserialize;

use super::{
    Kind,
    format::{Bitstream, ColourTags, Format},
};
use crate::{
    media::PictureSize,
    pipeline::probe::input_url,
    tools::{
        cancel::CancelToken,
        child::{self, ChildError},
        ffmpeg::Toolbox,
    },
};

const FFPROBE_LIMIT: Duration = Duration::from_secs(60);

/// The containers that ffprobe is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Container {
    Mp4,
    TransportStream,
    PackedAac,
}

impl Container {
    /// ffmpeg's name of its reader.
    pub(in super::super) fn reader(self) -> &'static str {
        match self {
            Self::Mp4 => "mov",
            Self::TransportStream => "mpegts",
            Self::PackedAac => "aac",
        }
    }
}

/// Runs ffprobe.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Prober<'a> {
    pub(in super::super) toolbox: &'a Toolbox,
    pub(in super::super) cancel: &'a CancelToken,
}

/// The output of ffprobe, as far as it is read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct Probed {
    pub(in super::super) streams: Vec<ProbedStream>,
    pub(in super::super) packets: Vec<ProbedPacket>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct ProbedStream {
    pub(in super::super) index: usize,
    codec_type: String,
    codec_name: String,
    profile: String,
    width: Option<u32>,
    height: Option<u32>,
    sample_aspect_ratio: Option<String>,
    pix_fmt: Option<String>,
    level: Option<i32>,
    color_range: Option<String>,
    color_space: Option<String>,
    color_transfer: Option<String>,
    color_primaries: Option<String>,
    field_order: Option<String>,
    channels: Option<u32>,
    sample_rate: Option<String>,
    time_base: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct ProbedPacket {
    pub(in super::super) stream_index: usize,
    pub(in super::super) pts: Option<i64>,
    pub(in super::super) dts: Option<i64>,
    pub(in super::super) duration: Option<i64>,
    pub(in super::super) flags: String,
}

impl Prober<'_> {
    /// Streams of a file, and its packets if they are wanted.
    ///
    /// # Errors
    /// In words, when ffprobe makes nothing of it.
    pub(in super::super) fn probe(self, file: &Path, container: Container, packets: bool) -> Result<Probed, String> {
        let mut command = Command::new(&self.toolbox.ffprobe);
        command.args(["-v", "error", "-protocol_whitelist", "file", "-print_format", "json", "-show_streams"]);
        if packets {
            command.args(["-show_packets", "-show_entries", "packet=stream_index,pts,dts,duration,flags"]);
        }
        command.args(["-f", container.reader(), "-i"]).arg(input_url(file));
        let output = child::run_to_end(command, FFPROBE_LIMIT, self.cancel).map_err(|error| match error {
            ChildError::Cancelled => "cancelled".to_owned(),
            error => error.to_string(),
        })?;
        let probed: Probed = serde_json::from_slice(&output.stdout).unwrap_or_default();
        if probed.streams.is_empty() {
            let complaints = String::from_utf8_lossy(&output.stderr);
            let last = complaints.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no stream was found");
            return Err(format!("ffprobe can't read it: {}", last.trim()));
        }
        Ok(probed)
    }
}

impl ProbedStream {
    pub(in super::super) fn kind(&self) -> Kind {
        match self.codec_type.as_str() {
            "video" => Kind::Picture,
            "audio" => Kind::Sound,
            "subtitle" => Kind::Text,
            _ => Kind::Other,
        }
    }

    /// Ticks a second.
    pub(in super::super) fn timescale(&self) -> u32 {
        self.time_base.split_once('/').and_then(|(_, ticks)| ticks.parse().ok()).unwrap_or(90_000)
    }

    /// Its format, without what only the container can tell.
    pub(in super::super) fn format(&self) -> Format {
        let size = self.width.zip(self.height).map(|(width, height)| PictureSize { width, height });
        let (chroma, bit_depth) = self.pix_fmt.as_deref().map_or((None, None), pixel_format);
        Format {
            sample_entry: String::new(),
            bitstream: match self.codec_name.as_str() {
                "h264" => Bitstream::H264(4),
                "hevc" => Bitstream::Hevc(4),
                "aac" => Bitstream::Aac,
                _ => Bitstream::Other,
            },
            codecs: self.codecs(),
            size,
            channels: self.channels,
            sample_rate_hz: self.sample_rate.as_deref().and_then(|rate| rate.parse().ok()),
            pixel_aspect: self.sample_aspect_ratio.as_deref().and_then(|ratio| {
                let (width, height) = ratio.split_once(':')?;
                Some((width.parse().ok()?, height.parse().ok()?))
            }),
            bit_depth,
            chroma,
            colour: (self.kind() == Kind::Picture).then(|| self.colour()),
            profile: None,
            level: self.level.and_then(|level| u8::try_from(level).ok()),
            is_interlaced: self.field_order.as_deref().and_then(|order| match order {
                "progressive" => Some(false),
                "tt" | "bb" | "tb" | "bt" => Some(true),
                _ => None,
            }),
        }
    }

    /// CODECS of sound; that of pictures is in their parameter sets.
    fn codecs(&self) -> Option<String> {
        let name = match (self.codec_name.as_str(), self.profile.as_str()) {
            ("aac", "HE-AAC") => "mp4a.40.5",
            ("aac", "HE-AACv2") => "mp4a.40.29",
            ("aac", _) => "mp4a.40.2",
            ("ac3", _) => "ac-3",
            ("eac3", _) => "ec-3",
            ("mp3", _) => "mp4a.40.34",
            _ => return None,
        };
        Some(name.to_owned())
    }

    fn colour(&self) -> ColourTags {
        ColourTags {
            primaries: number(self.color_primaries.as_deref(), &PRIMARIES),
            transfer: number(self.color_transfer.as_deref(), &TRANSFERS),
            matrix: number(self.color_space.as_deref(), &MATRICES),
            is_full_range: self.color_range.as_deref() == Some("pc"),
        }
    }
}

/// Chroma and bit depth of ffmpeg's pixel formats, such as `yuv420p10le`.
fn pixel_format(name: &str) -> (Option<&'static str>, Option<u8>) {
    let chroma = [("420", "4:2:0"), ("422", "4:2:2"), ("444", "4:4:4"), ("gray", "4:0:0")];
    let chroma = chroma.into_iter().find(|(part, _)| name.contains(part)).map(|(_, chroma)| chroma);
    let depth = [("p10", 10), ("p12", 12), ("p14", 14), ("p16", 16)];
    let depth = depth.into_iter().find(|(part, _)| name.contains(part)).map_or(8, |(_, depth)| depth);
    (chroma, Some(depth))
}

/// ffmpeg's names of ISO/IEC 23091-2, table 2.
const PRIMARIES: [(&str, u16); 8] = [
    ("bt709", 1),
    ("bt470m", 4),
    ("bt470bg", 5),
    ("smpte170m", 6),
    ("smpte240m", 7),
    ("bt2020", 9),
    ("smpte431", 11),
    ("smpte432", 12),
];
/// Table 3.
const TRANSFERS: [(&str, u16); 10] = [
    ("bt709", 1),
    ("gamma22", 4),
    ("gamma28", 5),
    ("smpte170m", 6),
    ("smpte240m", 7),
    ("iec61966-2-1", 13),
    ("bt2020-10", 14),
    ("bt2020-12", 15),
    ("smpte2084", 16),
    ("arib-std-b67", 18),
];
/// Table 4.
const MATRICES: [(&str, u16); 7] =
    [("gbr", 0), ("bt709", 1), ("bt470bg", 5), ("smpte170m", 6), ("smpte240m", 7), ("bt2020nc", 9), ("bt2020c", 10)];
const NOT_WRITTEN: u16 = 2;

fn number(name: Option<&str>, numbers: &[(&str, u16)]) -> u16 {
    numbers.iter().find(|(known, _)| Some(*known) == name).map_or(NOT_WRITTEN, |(_, number)| *number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ffprobes_words_become_facts() {
        let stream: ProbedStream = serde_json::from_str(
            r#"{"index":0,"codec_type":"video","codec_name":"h264","width":640,"height":360,"pix_fmt":"yuv420p",
                "sample_aspect_ratio":"4:3","color_transfer":"smpte2084","color_range":"pc","field_order":"tt",
                "level":31,"time_base":"1/90000"}"#,
        )
        .unwrap();
        let format = stream.format();
        assert_eq!((format.chroma, format.bit_depth, format.level), (Some("4:2:0"), Some(8), Some(31)));
        assert_eq!((format.pixel_aspect, format.is_interlaced), (Some((4, 3)), Some(true)));
        let colour = format.colour.unwrap();
        assert_eq!((colour.transfer, colour.primaries, colour.is_full_range), (16, NOT_WRITTEN, true));
        assert_eq!(pixel_format("yuv422p10le"), (Some("4:2:2"), Some(10)));
        assert_eq!(stream.timescale(), 90_000);
    }
}
