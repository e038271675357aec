//! What becomes of each track of sound in a file. Pure.

use super::{
    container,
    request::{Request, cannot_copy},
};
use crate::{
    format,
    job::{FileAudioCodec, FileFormat, Operations, StreamTreatment},
    media::AudioStream,
    pipeline::plan::{AudioLayout, EncodePlan, PlanError, RenditionSummary},
    preset::BitRate,
};

/// Below this nobody wants to listen.
const LOWEST_BITRATE: BitRate = BitRate::from_kilobits(32);
/// More is of no use to any of the codecs, for each pair of channels.
const HIGHEST_BITRATE: BitRate = BitRate::from_kilobits(320);
/// Sound that is off by more is seen to be.
const OUT_OF_SYNC_SECONDS: f64 = 0.02;
/// What headers take of a file of sound with a chosen size.
const RESERVE: f64 = 0.02;

/// What becomes of a track.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum PlannedSound {
    /// It is copied as it is.
    Copied(Box<AudioStream>),
    /// It is encoded.
    Encoded {
        /// Its place in the encode's plan.
        index: usize,
        /// The codec.
        codec: FileAudioCodec,
        /// Whether samples have more than 16 bits.
        is_deep: bool,
    },
}

impl PlannedSound {
    /// Whether it is copied.
    pub(super) fn is_copied(&self) -> bool {
        matches!(self, Self::Copied(_))
    }

    /// ffmpeg's name of what comes out.
    pub(super) fn codec_name(&self) -> &str {
        match self {
            Self::Copied(track) => &track.codec,
            Self::Encoded { codec: FileAudioCodec::Mp3, .. } => "mp3",
            Self::Encoded { codec: FileAudioCodec::Opus, .. } => "opus",
            Self::Encoded { codec: FileAudioCodec::Vorbis, .. } => "vorbis",
            Self::Encoded { codec: FileAudioCodec::Pcm, is_deep: true, .. } => "pcm_s24le",
            Self::Encoded { codec, .. } => container::sound_names(*codec).1,
        }
    }

    /// In the words of people.
    pub(super) fn summary(&self, encode: Option<&EncodePlan>) -> RenditionSummary {
        let (codec, bits) = match self {
            Self::Copied(track) => (format!("{}, copied", track.codec), track.bitrate_bps.unwrap_or(0)),
            Self::Encoded { index, codec, .. } => {
                let planned = encode.and_then(|plan| plan.audio.get(*index));
                let bits = planned.map_or(0, |planned| planned.bitrate.bits_per_second());
                (container::sound_names(*codec).0.to_owned(), bits)
            }
        };
        RenditionSummary { name: "sound".to_owned(), codec, size: None, target: BitRate::from_bits(bits) }
    }
}

impl<'a> Request<'a> {
    /// The tracks that go into the file, the main one first where there is room for one.
    pub(super) fn tracks(&self, warnings: &mut Vec<String>) -> Result<Vec<&'a AudioStream>, PlanError> {
        let format = self.conversion.format;
        if !format.has_sound() {
            return Ok(Vec::new());
        }
        let readable: Vec<&AudioStream> = self.source.audio.iter().filter(|track| track.channels.is_some()).collect();
        let most = if self.spec.joined.is_empty() { container::most_tracks(format) } else { 1 };
        let main = self.source.main_audio().filter(|main| main.channels.is_some()).or(readable.first().copied());
        let tracks: Vec<&AudioStream> =
            if most == 1 { main.into_iter().collect() } else { readable.iter().take(most).copied().collect() };
        if tracks.len() < readable.len() {
            let left_out = (readable.len() - tracks.len()) as u64;
            let words = format::count(left_out, "track of sound is", "tracks of sound are");
            warnings.push(format!("{words} left out"));
        }
        Ok(tracks)
    }

    /// Whether a track stays as it is.
    pub(super) fn can_copy_sound(&self, track: &AudioStream) -> bool {
        self.why_encode_sound(track).is_none()
    }

    fn why_encode_sound(&self, track: &AudioStream) -> Option<String> {
        let Operations { loudness, fade_in, fade_out, .. } = &self.spec.operations;
        let format = self.conversion.format;
        let is_other = |codec| sound_codec_name(codec) != track.codec;
        if !container::holds_sound(format, &track.codec) {
            return Some(format!("{} does not hold {} as it is", format.label(), track.codec));
        }
        let is_changed = loudness.is_some() || !fade_in.is_zero() || !fade_out.is_zero();
        let is_asked =
            self.conversion.audio_bitrate.is_some() || self.conversion.audio_codec.is_some_and(is_other) || is_changed;
        if !self.spec.joined.is_empty() {
            return Some("its packets do not end where the pictures of joined sources do".to_owned());
        }
        self.findings
            .changing_streams
            .get(&track.index)
            .cloned()
            .or_else(|| self.why_encode(&self.spec.operations))
            .or_else(|| {
                self.begins_too_late(track).then(|| "it begins after the picture, which AVI can't tell".to_owned())
            })
            .or_else(|| is_asked.then(|| "a codec, rate or change was asked for".to_owned()))
    }

    /// Whether its start would be lost: sound in AVI has no times.
    fn begins_too_late(&self, track: &AudioStream) -> bool {
        let file_start = self.source.start_time_seconds.unwrap_or(0.0);
        let late = track.start_time_seconds.unwrap_or(file_start) - file_start;
        self.conversion.format == FileFormat::Avi && !self.source.video.is_empty() && late > OUT_OF_SYNC_SECONDS
    }

    /// What becomes of a track; a track that is encoded gets its codec's layout and rate in `encode`.
    pub(super) fn planned_sound(
        &self,
        track: &AudioStream,
        encode: Option<&mut EncodePlan>,
        warnings: &mut Vec<String>,
    ) -> Result<PlannedSound, PlanError> {
        let reason = self.why_encode_sound(track);
        let Some(reason) = reason else { return Ok(PlannedSound::Copied(Box::new(track.clone()))) };
        if self.conversion.streams == StreamTreatment::Copy {
            return Err(cannot_copy("sound", &reason));
        }
        let codec = self.sound_codec()?;
        let found = encode.and_then(|plan| {
            let index = plan.audio.iter().position(|planned| planned.stream == track.index)?;
            Some((index, &mut plan.audio[index]))
        });
        let Some((index, planned)) = found else {
            return Err(PlanError::Nothing(self.spec.source_name()));
        };
        let channels = track.channels.unwrap_or(2);
        planned.layout = layout(codec, channels);
        if planned.layout.channels() < channels {
            warnings.push(format!("Sound of {channels} channels is mixed down to {}", planned.layout.channels()));
        }
        planned.sample_rate_hz = sample_rate(codec, track.sample_rate_hz);
        planned.bitrate = self.conversion.audio_bitrate.unwrap_or(default_bitrate(codec, planned.layout));
        let is_deep = track.bits_per_sample.is_some_and(|bits| bits > 16);
        Ok(PlannedSound::Encoded { index, codec, is_deep })
    }

    fn sound_codec(&self) -> Result<FileAudioCodec, PlanError> {
        let format = self.conversion.format;
        let possible = container::sound_codecs(format);
        let chosen = self.conversion.audio_codec.or_else(|| possible.first().copied());
        chosen.filter(|codec| possible.contains(codec)).ok_or_else(|| {
            let names: Vec<&str> = possible.iter().map(|codec| container::sound_names(*codec).0).collect();
            PlanError::NotPossible {
                what: format!("{} does not hold sound in that codec", format.label()),
                hint: format!("Choose one of {}, or another format", names.join(", ")),
            }
        })
    }
}

/// ffmpeg's name of what an encoder makes, for comparing with a source.
fn sound_codec_name(codec: FileAudioCodec) -> &'static str {
    match codec {
        FileAudioCodec::Aac => "aac",
        FileAudioCodec::Mp3 => "mp3",
        FileAudioCodec::Opus => "opus",
        FileAudioCodec::Vorbis => "vorbis",
        FileAudioCodec::Flac => "flac",
        FileAudioCodec::Pcm => "pcm_s16le",
    }
}

fn is_lossless(codec: FileAudioCodec) -> bool {
    matches!(codec, FileAudioCodec::Flac | FileAudioCodec::Pcm)
}

/// The layout that is nearest to a number of channels.
fn layout(codec: FileAudioCodec, channels: u32) -> AudioLayout {
    match (channels, codec) {
        (1, _) => AudioLayout::Mono,
        (6, codec) if codec != FileAudioCodec::Mp3 => AudioLayout::Surround,
        (8, codec) if is_lossless(codec) => AudioLayout::SevenPointOne,
        (7.., codec) if codec != FileAudioCodec::Mp3 => AudioLayout::Surround,
        _ => AudioLayout::Stereo,
    }
}

fn sample_rate(codec: FileAudioCodec, of_source: Option<u32>) -> u32 {
    match (codec, of_source) {
        (FileAudioCodec::Flac | FileAudioCodec::Pcm, Some(rate)) => rate,
        (FileAudioCodec::Aac | FileAudioCodec::Mp3 | FileAudioCodec::Vorbis, Some(44_100)) => 44_100,
        _ => 48_000,
    }
}

fn default_bitrate(codec: FileAudioCodec, layout: AudioLayout) -> BitRate {
    let for_two = if codec == FileAudioCodec::Opus { 128 } else { 192 };
    BitRate::from_kilobits(for_two * u64::from(layout.channels()) / 2)
}

/// Lowers the bit rates of the sound so that it takes at most this part of a size. A file of sound alone gets bit rates
/// that fill it.
pub(super) fn fit_into(plan: &mut EncodePlan, bytes: u64, most: f64) -> Result<(), PlanError> {
    let Some(seconds) = plan.duration.map(|duration| duration.as_secs_f64()).filter(|seconds| *seconds > 0.0) else {
        return Err(PlanError::NotPossible {
            what: "The source does not say how long it is, so its size can't be chosen".to_owned(),
            hint: "Choose bit rates instead".to_owned(),
        });
    };
    let room = bytes as f64 * 8.0 * (1.0 - RESERVE) * most / seconds;
    let asked: u64 = plan.audio.iter().map(|audio| audio.bitrate.bits_per_second()).sum();
    let factor = room / asked.max(1) as f64;
    if factor >= 1.0 && most < 1.0 {
        return Ok(());
    }
    for audio in &mut plan.audio {
        let pairs = f64::from(audio.layout.channels().div_ceil(2));
        let bits = audio.bitrate.bits_per_second() as f64 * factor;
        let lowest = LOWEST_BITRATE.bits_per_second() as f64;
        if bits < lowest && most >= 1.0 {
            let least = (lowest * seconds / 8.0 / (1.0 - RESERVE)).ceil() as u64;
            return Err(PlanError::NotPossible {
                what: format!("{} are too few for this length of sound", format::bytes(bytes)),
                hint: format!("Give at least {}", format::bytes(least)),
            });
        }
        let highest = HIGHEST_BITRATE.bits_per_second() as f64 * pairs;
        audio.bitrate = BitRate::from_bits(bits.clamp(lowest, highest) as u64);
    }
    Ok(())
}
