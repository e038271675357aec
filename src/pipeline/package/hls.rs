//! Playlists: pure functions from what was measured to text.
//!
//! Rules: rfc8216bis 4.4 and Apple's HLS Authoring Specification 9.

mod muxed;
mod segments;

use std::{collections::HashMap, sync::atomic::Ordering};

use m3u8_rs::{
    AlternativeMedia, AlternativeMediaType, ByteRange, ClosedCaptionGroupId, Map, MasterPlaylist, MediaPlaylist,
    MediaPlaylistType, MediaSegment, QuotedOrUnquoted, Resolution, VariantStream,
};

pub(super) use muxed::{MuxedSound, muxed_multivariant_playlist};
pub use segments::{MeasuredRates, SegmentEntry, measure, measure_i_frames, measure_segments, seconds};

use crate::{
    media::{DynamicRange, FrameRate, PictureSize},
    pipeline::{
        layout::{INIT_SEGMENT, segment_file_name, subtitle_file_name},
        plan::SubtitleRendition,
    },
};

/// What EXT-X-MAP with fMP4 needs in the eyes of players (6 by the letter of rfc8216bis 8).
const PLAYLIST_VERSION: usize = 7;
/// What EXTINF with decimals needs (rfc8216bis 8).
pub(super) const DECIMALS_VERSION: usize = 3;
/// Group of the subtitle renditions.
const SUBTITLE_GROUP: &str = "subtitles";
/// The variant nearest to this average rate is listed first, as many players start with it (Apple HLS Authoring
/// Specification 1.32).
const FIRST_VARIANT_BITS_PER_SECOND: u64 = 2_000_000;
/// Digits after the point of EXTINF: a microsecond.
const DURATION_DIGITS: usize = 6;

/// Whether a playlist may still be appended to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Growth {
    /// More segments follow: EVENT, without ENDLIST.
    Growing,
    /// Nothing follows: VOD, with ENDLIST.
    Finished,
}

/// The media playlist of a rendition. `folder_uri` is what it puts before the names of its files.
pub fn media_playlist(
    folder_uri: &str,
    segments: &[SegmentEntry],
    timescale: u32,
    target_duration_seconds: u64,
    growth: Growth,
) -> String {
    let entries = segments.iter().enumerate().map(|(number, segment)| MediaSegment {
        uri: format!("{folder_uri}{}", segment_file_name(number as u64)),
        duration: seconds(segment.duration_ticks, timescale) as f32,
        map: (number == 0).then(|| init_map(folder_uri)),
        key: segment.key.clone(),
        ..MediaSegment::default()
    });
    write_media(&MediaPlaylist { segments: entries.collect(), ..media_frame(target_duration_seconds, growth) })
}

/// The media playlist of a subtitle rendition whose segments are as long as these. EXTINF with decimals is the newest tag
/// that it has.
pub fn subtitle_playlist(
    folder_uri: &str,
    segments: &[SegmentEntry],
    timescale: u32,
    target_duration_seconds: u64,
) -> String {
    let entries = segments.iter().enumerate().map(|(number, segment)| MediaSegment {
        uri: format!("{folder_uri}{}", subtitle_file_name(number as u64)),
        duration: seconds(segment.duration_ticks, timescale) as f32,
        key: segment.key.clone(),
        ..MediaSegment::default()
    });
    let frame = media_frame(target_duration_seconds, Growth::Finished);
    write_media(&MediaPlaylist { segments: entries.collect(), version: Some(DECIMALS_VERSION), ..frame })
}

/// The I-frame playlist of a video rendition (rfc8216bis 4.4.3.6): each keyframe as a byte range of its segment.
pub fn i_frame_playlist(
    folder_uri: &str,
    segments: &[SegmentEntry],
    timescale: u32,
    target_duration_seconds: u64,
) -> String {
    let keyframes = segments
        .iter()
        .enumerate()
        .flat_map(|(number, segment)| segment.keyframes_with_keys().map(move |keyframe| (number, keyframe)));
    let entries = keyframes.enumerate().map(|(index, (number, (keyframe, key)))| MediaSegment {
        uri: format!("{folder_uri}{}", segment_file_name(number as u64)),
        duration: seconds(keyframe.duration_ticks, timescale) as f32,
        byte_range: Some(ByteRange { length: keyframe.length, offset: Some(keyframe.offset) }),
        map: (index == 0).then(|| init_map(folder_uri)),
        key,
        ..MediaSegment::default()
    });
    write_media(&MediaPlaylist {
        segments: entries.collect(),
        i_frames_only: true,
        ..media_frame(target_duration_seconds, Growth::Finished)
    })
}

fn media_frame(target_duration: u64, growth: Growth) -> MediaPlaylist {
    MediaPlaylist {
        version: Some(PLAYLIST_VERSION),
        target_duration,
        playlist_type: Some(match growth {
            Growth::Growing => MediaPlaylistType::Event,
            Growth::Finished => MediaPlaylistType::Vod,
        }),
        end_list: growth == Growth::Finished,
        independent_segments: true,
        ..MediaPlaylist::default()
    }
}

fn init_map(folder_uri: &str) -> Map {
    Map { uri: format!("{folder_uri}{INIT_SEGMENT}"), ..Map::default() }
}

pub(super) fn write_media(playlist: &MediaPlaylist) -> String {
    m3u8_rs::WRITE_OPT_FLOAT_PRECISION.store(DURATION_DIGITS, Ordering::Relaxed);
    let mut text = Vec::new();
    // Writing to memory can't fail, and the writer makes text.
    let _ = playlist.write_to(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// A video rendition as a variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoVariant {
    /// URI of the media playlist.
    pub uri: String,
    /// URI of the I-frame playlist.
    pub i_frame_uri: String,
    /// CODECS of the pictures.
    pub codecs: String,
    /// Size of the picture.
    pub size: PictureSize,
    /// Standard or high dynamic range.
    pub range: DynamicRange,
    /// It is in the codec that every player of the stream is expected to know.
    pub is_common: bool,
    /// Rates of the pictures alone.
    pub rates: MeasuredRates,
    /// Rates of the I-frame playlist, when there is one.
    pub i_frame_rates: Option<MeasuredRates>,
}

/// Sound renditions of one layout, which a variant refers to together (rfc8216bis 4.4.6.1.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioGroup {
    /// GROUP-ID.
    pub id: &'static str,
    /// One for each track of the source, in its order; the same in all groups.
    pub tracks: Vec<AudioTrack>,
}

/// A sound rendition in a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioTrack {
    /// URI of the media playlist.
    pub uri: String,
    /// CODECS of the sound.
    pub codecs: String,
    /// Number of channels.
    pub channels: u32,
    /// BCP 47 tag.
    pub language: String,
    /// Name for people.
    pub name: String,
    /// Plays when nobody chooses.
    pub is_default: bool,
    /// May be chosen by its language.
    pub is_autoselect: bool,
    /// Tells what is to be seen.
    pub describes_video: bool,
    /// Its rates.
    pub rates: MeasuredRates,
}

/// A subtitle rendition, which every variant refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubtitleTrack<'a> {
    /// URI of the media playlist.
    pub uri: String,
    /// What it is.
    pub rendition: &'a SubtitleRendition,
    /// Its rates.
    pub rates: MeasuredRates,
}

impl AudioGroup {
    /// The rates that a variant adds for its sound: those of the heaviest track (rfc8216bis 4.4.6.2).
    fn rates(&self) -> MeasuredRates {
        let heaviest = |rate: fn(&MeasuredRates) -> u64| self.tracks.iter().map(|track| rate(&track.rates)).max();
        MeasuredRates {
            peak_bps: heaviest(|rates| rates.peak_bps).unwrap_or(0),
            average_bps: heaviest(|rates| rates.average_bps).unwrap_or(0),
        }
    }

    /// All codecs of the group, each once.
    fn codecs(&self) -> Vec<&str> {
        let mut codecs: Vec<&str> = Vec::new();
        for track in &self.tracks {
            if !codecs.contains(&track.codecs.as_str()) {
                codecs.push(&track.codecs);
            }
        }
        codecs
    }
}

/// The multivariant playlist: every picture with every group of sound, an audio-only variant, I-frame playlists.
/// Subtitles belong to every variant.
pub fn multivariant_playlist(
    videos: &[VideoVariant],
    audio: &[AudioGroup],
    subtitles: &[SubtitleTrack<'_>],
    frame_rate: FrameRate,
) -> String {
    let ordered = in_order(videos, audio.first().map_or(0, |group| group.rates().average_bps));
    let has_hdr = ordered.iter().any(|video| video.range != DynamicRange::Sdr);
    let variant = |video: &VideoVariant, group: Option<&AudioGroup>| {
        let mut attributes = range_attribute(video.range, has_hdr);
        attributes.extend([rate_attribute(frame_rate)]);
        VariantStream { other_attributes: Some(attributes), ..video_variant(video, group) }
    };
    let groups: Vec<Option<&AudioGroup>> = if audio.is_empty() { vec![None] } else { audio.iter().map(Some).collect() };
    let mut variants: Vec<VariantStream> =
        groups.iter().flat_map(|group| ordered.iter().map(|video| variant(video, *group))).collect();
    // Beside pictures one is enough; without them, every group is reached by a variant.
    let of_sound = if videos.is_empty() { audio } else { &audio[..audio.len().min(1)] };
    variants.extend(of_sound.iter().filter_map(audio_variant));
    add_subtitles(&mut variants, subtitles);
    variants.extend(ordered.iter().filter_map(|video| {
        let attributes = Some(range_attribute(video.range, has_hdr)).filter(|attributes| !attributes.is_empty());
        i_frame_variant(video).map(|variant| VariantStream { other_attributes: attributes, ..variant })
    }));
    let sound = audio.iter().flat_map(|group| group.tracks.iter().map(|track| alternative(group, track)));
    let playlist = MasterPlaylist {
        version: Some(PLAYLIST_VERSION),
        independent_segments: true,
        alternatives: sound.chain(subtitles.iter().map(subtitle_alternative)).collect(),
        variants,
        ..MasterPlaylist::default()
    };
    write_multivariant(&playlist)
}

/// Subtitles belong to every variant, with the rates of the heaviest.
fn add_subtitles(variants: &mut [VariantStream], subtitles: &[SubtitleTrack<'_>]) {
    let heaviest = |rate: fn(&MeasuredRates) -> u64| subtitles.iter().map(|track| rate(&track.rates)).max();
    let peak_and_average = heaviest(|rates| rates.peak_bps).zip(heaviest(|rates| rates.average_bps));
    let Some((peak, average)) = peak_and_average else { return };
    for variant in variants {
        variant.subtitles = Some(SUBTITLE_GROUP.to_owned());
        variant.bandwidth += peak;
        variant.average_bandwidth = variant.average_bandwidth.map(|of_variant| of_variant + average);
    }
}

/// A middle variant that starts fast, then the rest in falling order (Apple HLS Authoring Specification 1.32). It is in the
/// common codec: players start with the first one before they have chosen among the codecs.
fn in_order(videos: &[VideoVariant], sound_bps: u64) -> Vec<&VideoVariant> {
    let mut ordered: Vec<&VideoVariant> = videos.iter().collect();
    ordered.sort_by_key(|video| std::cmp::Reverse(video.rates.average_bps));
    let distance = |video: &VideoVariant| (video.rates.average_bps + sound_bps).abs_diff(FIRST_VARIANT_BITS_PER_SECOND);
    if let Some(first) = (0..ordered.len()).min_by_key(|index| (!ordered[*index].is_common, distance(ordered[*index])))
    {
        let video = ordered.remove(first);
        ordered.insert(0, video);
    }
    ordered
}

/// FRAME-RATE; the crate writes a rate without its three decimals.
fn rate_attribute(frame_rate: FrameRate) -> (String, QuotedOrUnquoted) {
    ("FRAME-RATE".to_owned(), QuotedOrUnquoted::Unquoted(format!("{:.3}", frame_rate.per_second())))
}

fn write_multivariant(playlist: &MasterPlaylist) -> String {
    let mut text = Vec::new();
    // Writing to memory can't fail, and the writer makes text.
    let _ = playlist.write_to(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// VIDEO-RANGE, for all variants as soon as one is not of standard range (rfc8216bis 4.4.6.2).
fn range_attribute(range: DynamicRange, has_hdr: bool) -> HashMap<String, QuotedOrUnquoted> {
    let value = match range {
        DynamicRange::Sdr if !has_hdr => return HashMap::new(),
        DynamicRange::Sdr => "SDR",
        DynamicRange::Pq => "PQ",
        DynamicRange::Hlg => "HLG",
    };
    HashMap::from([("VIDEO-RANGE".to_owned(), QuotedOrUnquoted::Unquoted(value.to_owned()))])
}

fn video_variant(video: &VideoVariant, audio: Option<&AudioGroup>) -> VariantStream {
    let sound = audio.map_or(MeasuredRates::default(), AudioGroup::rates);
    let codecs = std::iter::once(video.codecs.as_str()).chain(audio.iter().flat_map(|group| group.codecs()));
    VariantStream {
        uri: video.uri.clone(),
        bandwidth: video.rates.peak_bps + sound.peak_bps,
        average_bandwidth: Some(video.rates.average_bps + sound.average_bps),
        codecs: Some(codecs.collect::<Vec<_>>().join(",")),
        resolution: Some(resolution(video.size)),
        audio: audio.map(|group| group.id.to_owned()),
        closed_captions: Some(ClosedCaptionGroupId::None),
        ..VariantStream::default()
    }
}

/// The default track alone, for players that want no picture.
fn audio_variant(group: &AudioGroup) -> Option<VariantStream> {
    let track = group.tracks.iter().find(|track| track.is_default).or(group.tracks.first())?;
    let rates = group.rates();
    Some(VariantStream {
        uri: track.uri.clone(),
        bandwidth: rates.peak_bps,
        average_bandwidth: Some(rates.average_bps),
        codecs: Some(group.codecs().join(",")),
        audio: Some(group.id.to_owned()),
        closed_captions: Some(ClosedCaptionGroupId::None),
        ..VariantStream::default()
    })
}

fn i_frame_variant(video: &VideoVariant) -> Option<VariantStream> {
    let rates = video.i_frame_rates?;
    Some(VariantStream {
        is_i_frame: true,
        uri: video.i_frame_uri.clone(),
        bandwidth: rates.peak_bps,
        average_bandwidth: Some(rates.average_bps),
        codecs: Some(video.codecs.clone()),
        resolution: Some(resolution(video.size)),
        ..VariantStream::default()
    })
}

fn alternative(group: &AudioGroup, track: &AudioTrack) -> AlternativeMedia {
    AlternativeMedia {
        media_type: AlternativeMediaType::Audio,
        uri: Some(track.uri.clone()),
        group_id: group.id.to_owned(),
        language: Some(track.language.clone()),
        name: quotable(&track.name),
        default: track.is_default,
        autoselect: track.is_autoselect,
        channels: Some(track.channels.to_string()),
        characteristics: track.describes_video.then(|| "public.accessibility.describes-video".to_owned()),
        ..AlternativeMedia::default()
    }
}

fn subtitle_alternative(SubtitleTrack { uri, rendition: track, .. }: &SubtitleTrack<'_>) -> AlternativeMedia {
    // The two together are what Apple calls subtitles for the deaf and hard of hearing.
    let for_deaf = "public.accessibility.transcribes-spoken-dialog,public.accessibility.describes-music-and-sound";
    AlternativeMedia {
        media_type: AlternativeMediaType::Subtitles,
        uri: Some(uri.clone()),
        group_id: SUBTITLE_GROUP.to_owned(),
        language: Some(track.language.clone()),
        name: quotable(&track.label),
        default: track.is_default,
        autoselect: track.is_autoselect,
        forced: track.is_forced,
        characteristics: track.is_for_hearing_impaired.then(|| for_deaf.to_owned()),
        ..AlternativeMedia::default()
    }
}

/// A quoted string has no quotes and no line ends (rfc8216bis 4.2).
fn quotable(text: &str) -> String {
    text.chars().map(|character| if character == '"' || character.is_control() { ' ' } else { character }).collect()
}

fn resolution(size: PictureSize) -> Resolution {
    Resolution { width: u64::from(size.width), height: u64::from(size.height) }
}

#[cfg(test)]
mod tests;
