//! The sound renditions: stereo of every track in AAC, Opus or both, and 5.1 beside it where the preset asks.

use super::{
    PlanError,
    language::{UNDETERMINED, language_name, language_tag, unique},
    timing,
};
use crate::{
    job::{JobKind, JobSpec},
    media::{AudioStream, SourceMedia},
    preset::{BitRate, Preset, StereoCodecs, SurroundCodec},
};

/// Folder of the default track; the folders of all others begin with it.
const FOLDER: &str = "audio";
/// Name for people of a track that says nothing of itself.
const NAMELESS: &str = "Sound";
/// More tracks than this are no film but a recorder's channels.
const MOST_TRACKS: usize = 16;
/// Channels that a source needs for a 5.1 rendition.
const SURROUND_CHANNELS: u32 = 6;
/// For 5.1, AAC as well as E-AC-3.
const SURROUND_BITRATE: BitRate = BitRate::from_kilobits(384);

/// A codec of sound renditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AudioCodec {
    /// AAC-LC.
    Aac,
    /// Dolby Digital Plus.
    Eac3,
    /// Opus, in packets of 20 ms.
    Opus,
}

impl AudioCodec {
    /// Samples of each channel in a packet.
    pub fn packet_samples(self) -> u32 {
        match self {
            Self::Aac => 1024,
            Self::Eac3 => 1536,
            Self::Opus => 960,
        }
    }

    /// Packets at the start that carry the encoder's delay and no sound: AAC's 1024 samples are just one. Those of
    /// E-AC-3 and Opus are a part of a packet, [`Self::delay_samples`].
    pub fn priming_packets(self) -> u32 {
        match self {
            Self::Aac => 1,
            Self::Eac3 | Self::Opus => 0,
        }
    }

    /// Samples of silence that decoding adds before the first sound and that are no whole packet. Those of Opus are what
    /// libopus calls its lookahead, and Opus' headers the pre-skip (RFC 7845, 4.2).
    pub fn delay_samples(self) -> u32 {
        match self {
            Self::Aac => 0,
            Self::Eac3 => 256,
            Self::Opus => 312,
        }
    }

    /// The name of the encoder in ffmpeg.
    pub fn encoder(self) -> &'static str {
        match self {
            Self::Aac => "aac",
            Self::Eac3 => "eac3",
            Self::Opus => "libopus",
        }
    }

    /// Its name in folders, such as `aac`.
    pub fn id(self) -> &'static str {
        match self {
            Self::Aac => "aac",
            Self::Eac3 => "eac3",
            Self::Opus => "opus",
        }
    }

    /// The word of the field.
    pub fn label(self) -> &'static str {
        match self {
            Self::Aac => "AAC",
            Self::Eac3 => "E-AC-3",
            Self::Opus => "Opus",
        }
    }
}

/// The loudspeakers that sound is for. Streams have stereo and 5.1, each a group of its own in the multivariant playlist;
/// files also have the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AudioLayout {
    /// One channel.
    Mono,
    /// Left and right.
    Stereo,
    /// 5.1.
    Surround,
    /// 7.1.
    SevenPointOne,
}

impl AudioLayout {
    /// Number of channels.
    pub fn channels(self) -> u32 {
        match self {
            Self::Mono => 1,
            Self::Stereo => 2,
            Self::Surround => SURROUND_CHANNELS,
            Self::SevenPointOne => 8,
        }
    }

    /// The layout's name in ffmpeg.
    pub fn ffmpeg_name(self) -> &'static str {
        match self {
            Self::Mono => "mono",
            Self::Stereo => "stereo",
            Self::Surround => "5.1",
            Self::SevenPointOne => "7.1",
        }
    }
}

/// One sound rendition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioRendition {
    /// Name and folder, such as `audio` or `audio-de`.
    pub name: String,
    /// Index of the stream in the file.
    pub stream: usize,
    /// Codec.
    pub codec: AudioCodec,
    /// Loudspeakers.
    pub layout: AudioLayout,
    /// Average bit rate.
    pub bitrate: BitRate,
    /// Samples a second, which is also the track's time scale.
    pub sample_rate_hz: u32,
    /// Samples a second of the track, as the file tells it.
    pub source_rate_hz: Option<u32>,
    /// BCP 47 tag, `und` when the source does not say.
    pub language: String,
    /// Name for people, the same in all layouts of a track and different between tracks.
    pub label: String,
    /// True for the track that plays when nobody chooses.
    pub is_default: bool,
    /// True when a player may choose the track by its language: not for a second one in the same language.
    pub is_autoselect: bool,
    /// True for a track that tells blind people what is to be seen.
    pub describes_video: bool,
}

impl AudioRendition {
    /// Codec and layout in the words of the field: `AAC`, `E-AC-3 5.1`.
    pub fn codec_label(&self) -> String {
        match self.layout {
            AudioLayout::Mono | AudioLayout::Stereo => self.codec.label().to_owned(),
            layout => format!("{} {}", self.codec.label(), layout.ffmpeg_name()),
        }
    }
}

/// MPEG-TS holds no Opus that players know.
pub(super) fn check_outputs(spec: &JobSpec) -> Result<(), PlanError> {
    let is_stream = spec.kind == JobKind::Stream;
    if is_stream && spec.outputs.transport_stream && spec.preset.stereo == StereoCodecs::Opus {
        return Err(PlanError::NotPossible {
            what: "HLS with MPEG-TS can't have Opus as its only sound".to_owned(),
            hint: "Add AAC beside Opus, or leave MPEG-TS out".to_owned(),
        });
    }
    Ok(())
}

/// What the form in MPEG-TS can't offer: its segments hold the track that plays when nobody chooses.
pub(super) fn left_out_of_transport_stream(spec: &JobSpec, audio: &[AudioRendition]) -> Option<String> {
    if !spec.outputs.transport_stream || spec.kind != JobKind::Stream {
        return None;
    }
    let kept = audio.iter().find(|track| track.is_default)?;
    let mut left_out: Vec<&str> = Vec::new();
    for track in audio.iter().filter(|track| track.stream != kept.stream) {
        if !left_out.contains(&track.label.as_str()) {
            left_out.push(&track.label);
        }
    }
    let words = || format!("MPEG-TS has the sound “{}” alone: “{}” left out there", kept.label, left_out.join("”, “"));
    (!left_out.is_empty()).then(words)
}

/// What is to be said of tracks that go on after all others have ended: the film is as long as its picture and the sound that
/// plays when nobody chooses.
pub(super) fn left_out_at_the_end(spec: &JobSpec, source: &SourceMedia, audio: &[AudioRendition]) -> Vec<String> {
    if spec.kind != JobKind::Stream || spec.operations.trim.end.is_some() {
        return Vec::new();
    }
    let hold = timing::time_after_picture(source).unwrap_or_default();
    let told = audio.iter().enumerate().filter(|(place, rendition)| {
        // Of the forms of a track the first is enough.
        audio[..*place].iter().all(|earlier| earlier.stream != rendition.stream)
    });
    told.filter_map(|(_, rendition)| {
        let track = source.audio.iter().find(|track| track.index == rendition.stream)?;
        let left_out = timing::time_of_sound_after_picture(source, track)?.saturating_sub(hold);
        let words = || {
            let (label, seconds) = (&rendition.label, left_out.as_secs_f64());
            format!("The sound “{label}” is longer than the film: its last {seconds:.1} s are left out")
        };
        (left_out >= timing::SHORTEST_HOLD).then(words)
    })
    .collect()
}

/// The renditions of all tracks: stereo of each in the source's order, then the same in Opus beside AAC, then 5.1 of those
/// that have it, if they are asked for.
pub(super) fn renditions(source: &SourceMedia, preset: &Preset, warnings: &mut Vec<String>) -> Vec<AudioRendition> {
    let readable: Vec<&AudioStream> = source.audio.iter().filter(|audio| audio.channels.is_some()).collect();
    if readable.len() < source.audio.len() {
        warnings.push("A track of sound can't be read and is left out".to_owned());
    }
    let main = source.main_audio().filter(|main| main.channels.is_some()).or(readable.first().copied());
    let Some(main) = main else { return Vec::new() };
    let mut tracks = readable;
    if tracks.len() > MOST_TRACKS {
        warnings.push(format!("{} tracks of sound: the first {MOST_TRACKS} are used", tracks.len()));
        let main_place = tracks.iter().position(|track| track.index == main.index).unwrap_or(0);
        tracks.truncate(MOST_TRACKS);
        if main_place >= MOST_TRACKS {
            tracks[MOST_TRACKS - 1] = main;
        }
    }
    let mut names = Names::default();
    let stereo: Vec<AudioRendition> = tracks.iter().map(|track| stereo(track, main, preset, &mut names)).collect();
    let has_both = preset.stereo == StereoCodecs::AacAndOpus;
    if preset.stereo == StereoCodecs::Opus {
        warnings.push("The sound is Opus alone: Apple's older players and many devices do not play it".to_owned());
    }
    let opus: Vec<AudioRendition> =
        stereo.iter().filter(|_| has_both).map(|stereo| beside_aac(stereo, &mut names)).collect();
    let surround: Vec<AudioRendition> = tracks
        .iter()
        .zip(&stereo)
        .filter(|(track, _)| track.channels.is_some_and(|channels| channels >= SURROUND_CHANNELS))
        .filter_map(|(_, stereo)| Some(surround(stereo, preset.surround?, &mut names)))
        .collect();
    stereo.into_iter().chain(opus).chain(surround).collect()
}

/// What is taken already.
#[derive(Default)]
struct Names {
    folders: Vec<String>,
    labels: Vec<String>,
    languages: Vec<String>,
}

fn stereo(track: &AudioStream, main: &AudioStream, preset: &Preset, names: &mut Names) -> AudioRendition {
    let is_default = track.index == main.index;
    let language = track.language.as_deref().map_or_else(|| UNDETERMINED.to_owned(), language_tag);
    let title = track.title.as_deref().map(str::trim).filter(|title| !title.is_empty()).map(str::to_owned);
    let label = title.or_else(|| language_name(&language)).unwrap_or_else(|| NAMELESS.to_owned());
    let main_language = main.language.as_deref().map_or_else(|| UNDETERMINED.to_owned(), language_tag);
    let is_first = language != main_language && !names.languages.contains(&language);
    let is_autoselect = is_default || (is_first && !track.is_commentary);
    if is_autoselect {
        names.languages.push(language.clone());
    }
    let codec = if preset.stereo == StereoCodecs::Opus { AudioCodec::Opus } else { AudioCodec::Aac };
    AudioRendition {
        name: unique(&folder(FOLDER, is_default, &language), '-', &mut names.folders),
        stream: track.index,
        codec,
        layout: AudioLayout::Stereo,
        bitrate: preset.audio_bitrate,
        // Everything else is resampled to 48 kHz (Apple HLS Authoring Specification 2.9), which Opus has alone.
        source_rate_hz: track.sample_rate_hz,
        sample_rate_hz: if codec == AudioCodec::Aac && track.sample_rate_hz == Some(44_100) { 44_100 } else { 48_000 },
        label: unique(&label, ' ', &mut names.labels),
        is_default,
        is_autoselect,
        describes_video: track.describes_video,
        language,
    }
}

fn beside_aac(stereo: &AudioRendition, names: &mut Names) -> AudioRendition {
    let name = folder(&format!("{FOLDER}-opus"), stereo.is_default, &stereo.language);
    AudioRendition {
        name: unique(&name, '-', &mut names.folders),
        codec: AudioCodec::Opus,
        sample_rate_hz: 48_000,
        ..stereo.clone()
    }
}

fn surround(stereo: &AudioRendition, codec: SurroundCodec, names: &mut Names) -> AudioRendition {
    let name = folder(&format!("{FOLDER}-surround"), stereo.is_default, &stereo.language);
    AudioRendition {
        name: unique(&name, '-', &mut names.folders),
        codec: match codec {
            SurroundCodec::Aac => AudioCodec::Aac,
            SurroundCodec::Eac3 => AudioCodec::Eac3,
        },
        layout: AudioLayout::Surround,
        bitrate: SURROUND_BITRATE,
        ..stereo.clone()
    }
}

fn folder(base: &str, is_default: bool, language: &str) -> String {
    if is_default { base.to_owned() } else { format!("{base}-{language}") }
}
