//! The DASH manifest of the same fMP4 segments as HLS: a pure function from what was measured to text.
//!
//! Rules: ISO/IEC 23009-1 and DASH-IF's interoperability points: one period, a template with numbers and an exact
//! timeline for each adaptation set.

use std::time::Duration;

use dash_mpd_core::{
    Accessibility, AdaptationSet, AudioChannelConfiguration, BaseURL, EssentialProperty, Label, MPD, Period,
    Representation, Role, S, SegmentTemplate, SegmentTimeline, SupplementalProperty,
};

use super::{FinishedTrack, hls::SegmentEntry, segmenter::TrackFormat};
use crate::{
    media::DynamicRange,
    pipeline::{
        layout::{INIT_SEGMENT, relative_folder_uri},
        plan::{AudioCodec, AudioLayout, AudioRendition, ColourCodePoints, ColourLabel, SubtitleRendition, Timing},
    },
};

const PROFILE: &str = "urn:mpeg:dash:profile:isoff-live:2011";
const ROLE_SCHEME: &str = "urn:mpeg:dash:role:2011";
/// ISO/IEC 23003-3's ChannelConfiguration.
const CHANNEL_SCHEME: &str = "urn:mpeg:dash:23003:3:audio_channel_configuration:2011";
/// Dolby's own for E-AC-3 (ETSI TS 102 366, I.1.2.1), a bit for each speaker: 5.1 and stereo.
const DOLBY_CHANNEL_SCHEME: &str = "tag:dolby.com,2014:dash:audio_channel_configuration:2011";
const DOLBY_SURROUND: &str = "F801";
const DOLBY_STEREO: &str = "A000";
/// Code points of ISO/IEC 23091-2, by the name of each.
const COLOUR_SCHEME: &str = "urn:mpeg:mpegB:cicp:";
/// Each segment begins with a frame from which decoding and showing begin alike (ISO/IEC 14496-12, Annex I).
const SAP_TYPE: u64 = 1;

/// Subtitles as a file that a manifest can name.
#[derive(Debug, Clone)]
pub struct DashSubtitles<'a> {
    /// What they are.
    pub rendition: &'a SubtitleRendition,
    /// URI of the file, relative to the manifest.
    pub uri: String,
    /// Its size.
    pub bytes: u64,
}

/// The manifest, with this path in the stream's folder, of a finished stream that lasts `duration`.
pub fn manifest(
    (path, tracks): (&str, &[FinishedTrack]),
    subtitles: &[DashSubtitles<'_>],
    timing: &Timing,
    duration: Duration,
) -> String {
    let mut sets: Vec<AdaptationSet> = Vec::new();
    let has_hdr = tracks.iter().any(|track| range(track) != DynamicRange::Sdr);
    for kind in video_kinds(tracks) {
        let of_kind = |track: &&FinishedTrack| is_video(track) && (family(track), range(track)) == kind;
        let of_kind: Vec<&FinishedTrack> = tracks.iter().filter(of_kind).collect();
        let set = video_set(path, &of_kind, timing);
        sets.push(if has_hdr { with_colours(set, of_kind.first().and_then(|track| track.colours)) } else { set });
    }
    sets.extend(tracks.iter().filter_map(|track| Some(sound_set(path, track, track.sound.as_ref()?))));
    sets.extend(subtitles.iter().map(|subtitles| subtitle_set(subtitles, duration)));
    for (index, set) in sets.iter_mut().enumerate() {
        set.id = Some(index.to_string());
    }
    let longest = |track: &FinishedTrack| {
        let longest = track.segments.iter().map(|segment| segment.duration_ticks).max().unwrap_or(0);
        exact_duration(longest, track.timescale)
    };
    let max_segment = tracks.iter().map(longest).max().unwrap_or_default();
    let manifest = MPD {
        xmlns: Some("urn:mpeg:dash:schema:mpd:2011".to_owned()),
        profiles: Some(PROFILE.to_owned()),
        mpdtype: Some("static".to_owned()),
        mediaPresentationDuration: Some(duration),
        maxSegmentDuration: Some(max_segment),
        // @bandwidth is the peak of runs of segments: whoever holds one segment never runs dry (5.3.5.4).
        minBufferTime: Some(max_segment),
        periods: vec![Period {
            id: Some("0".to_owned()),
            start: Some(Duration::ZERO),
            adaptations: sets,
            ..Period::default()
        }],
        ..MPD::default()
    };
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{manifest}\n")
}

fn is_video(track: &FinishedTrack) -> bool {
    matches!(track.format, TrackFormat::Video { .. })
}

/// Range of the pictures.
fn range(track: &FinishedTrack) -> DynamicRange {
    track.colours.map_or(DynamicRange::Sdr, |(range, _)| range)
}

/// Says the colours of a set where some are of high dynamic range: such a set is for players that know the property, which
/// others must leave (DASH-IF IOP 4.3, 10.3; ISO/IEC 23009-1, 5.8.4.8); a set of standard range is for all.
fn with_colours(set: AdaptationSet, colours: Option<(DynamicRange, ColourLabel)>) -> AdaptationSet {
    let Some((range, label)) = colours else { return set };
    let ColourCodePoints { primaries, transfer, matrix } = label.code_points();
    let said = [("ColourPrimaries", primaries), ("TransferCharacteristics", transfer), ("MatrixCoefficients", matrix)];
    let said = said.map(|(name, value)| (format!("{COLOUR_SCHEME}{name}"), Some(value.to_string())));
    if range == DynamicRange::Sdr {
        let property =
            |(scheme, value)| SupplementalProperty { schemeIdUri: scheme, value, ..SupplementalProperty::default() };
        return AdaptationSet { supplemental_property: said.map(property).to_vec(), ..set };
    }
    let property = |(scheme, value)| EssentialProperty { schemeIdUri: scheme, value, ..EssentialProperty::default() };
    AdaptationSet { essential_property: said.map(property).to_vec(), ..set }
}

/// What comes before the first point of CODECS: only renditions of one codec can be switched between.
fn family(track: &FinishedTrack) -> &str {
    let codecs = track.format.codecs();
    codecs.split_once('.').map_or(codecs, |(family, _)| family)
}

/// The families and ranges of the pictures, each once, in the order of the renditions: a set of each.
fn video_kinds(tracks: &[FinishedTrack]) -> Vec<(&str, DynamicRange)> {
    let mut kinds = Vec::new();
    for track in tracks.iter().filter(|track| is_video(track)) {
        let kind = (family(track), range(track));
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    kinds
}

fn video_set(manifest: &str, tracks: &[&FinishedTrack], timing: &Timing) -> AdaptationSet {
    let names = SegmentNames::of(manifest, tracks);
    let rate = timing.frame_rate;
    let representation = |track: &&FinishedTrack| {
        let TrackFormat::Video { codecs, width, height } = &track.format else { return None };
        Some(Representation {
            codecs: Some(codecs.clone()),
            width: Some(u64::from(*width)),
            height: Some(u64::from(*height)),
            sar: Some("1:1".to_owned()),
            frameRate: Some(rate.to_string()),
            BaseURL: names.base(track),
            ..representation(track)
        })
    };
    let representations: Vec<Representation> = tracks.iter().filter_map(representation).collect();
    AdaptationSet {
        contentType: Some("video".to_owned()),
        mimeType: Some("video/mp4".to_owned()),
        maxWidth: representations.iter().filter_map(|found| found.width).max(),
        maxHeight: representations.iter().filter_map(|found| found.height).max(),
        maxFrameRate: Some(rate.to_string()),
        SegmentTemplate: tracks.first().map(|track| names.template(track)),
        Role: vec![role("main")],
        representations,
        ..aligned_set()
    }
}

fn sound_set(manifest: &str, track: &FinishedTrack, sound: &AudioRendition) -> AdaptationSet {
    let names = SegmentNames::of(manifest, &[track]);
    AdaptationSet {
        contentType: Some("audio".to_owned()),
        mimeType: Some("audio/mp4".to_owned()),
        lang: Some(sound.language.clone()),
        Label: vec![label(&sound.label)],
        SegmentTemplate: Some(names.template(track)),
        Role: vec![role(if sound.is_default { "main" } else { "alternate" })],
        Accessibility: sound.describes_video.then(for_the_blind).into_iter().collect(),
        representations: vec![Representation {
            codecs: Some(track.format.codecs().to_owned()),
            audioSamplingRate: Some(track.timescale.to_string()),
            AudioChannelConfiguration: vec![channels(sound)],
            BaseURL: names.base(track),
            ..representation(track)
        }],
        ..aligned_set()
    }
}

fn label(text: &str) -> Label {
    Label { content: text.to_owned(), ..Label::default() }
}

/// Sound that tells what is to be seen (ETSI TS 101 154; DASH-IF IOP 3.9.4.4).
fn for_the_blind() -> Accessibility {
    let scheme = "urn:tva:metadata:cs:AudioPurposeCS:2007".to_owned();
    Accessibility { schemeIdUri: scheme, value: Some("1".to_owned()), ..Accessibility::default() }
}

fn channels(sound: &AudioRendition) -> AudioChannelConfiguration {
    let (scheme, value) = match (sound.codec, sound.layout) {
        (AudioCodec::Eac3, AudioLayout::Surround) => (DOLBY_CHANNEL_SCHEME, DOLBY_SURROUND.to_owned()),
        (AudioCodec::Eac3, _) => (DOLBY_CHANNEL_SCHEME, DOLBY_STEREO.to_owned()),
        // Up to 5.1 ISO's number of a layout is that of its channels.
        (AudioCodec::Aac | AudioCodec::Opus, layout) => (CHANNEL_SCHEME, layout.channels().to_string()),
    };
    AudioChannelConfiguration {
        schemeIdUri: scheme.to_owned(),
        value: Some(value),
        ..AudioChannelConfiguration::default()
    }
}

/// Subtitles as one file of WebVTT.
fn subtitle_set(subtitles: &DashSubtitles<'_>, duration: Duration) -> AdaptationSet {
    let SubtitleRendition { name, language, label: words, is_forced, is_for_hearing_impaired, .. } =
        subtitles.rendition;
    let kind = match (is_forced, is_for_hearing_impaired) {
        (true, _) => "forced-subtitle",
        (false, true) => "caption",
        (false, false) => "subtitle",
    };
    let average_bps = subtitles.bytes as f64 * 8.0 / duration.as_secs_f64().max(1.0);
    AdaptationSet {
        contentType: Some("text".to_owned()),
        mimeType: Some("text/vtt".to_owned()),
        lang: Some(language.clone()),
        Label: vec![label(words)],
        Role: vec![role(kind)],
        representations: vec![Representation {
            id: Some(name.clone()),
            bandwidth: Some((average_bps as u64).max(1)),
            BaseURL: vec![BaseURL { base: subtitles.uri.clone(), ..BaseURL::default() }],
            ..Representation::default()
        }],
        ..AdaptationSet::default()
    }
}

fn aligned_set() -> AdaptationSet {
    AdaptationSet { segmentAlignment: Some(true), startWithSAP: Some(SAP_TYPE), ..AdaptationSet::default() }
}

fn representation(track: &FinishedTrack) -> Representation {
    let (id, bandwidth) = (Some(track.name.clone()), Some(track.rates.peak_bps));
    Representation { id, bandwidth, ..Representation::default() }
}

fn role(value: &str) -> Role {
    Role { schemeIdUri: ROLE_SCHEME.to_owned(), value: Some(value.to_owned()), ..Role::default() }
}

/// How the segments of a set are named.
struct SegmentNames<'a> {
    manifest: &'a str,
    /// What stands before the id of each representation, where its folder is called by that; else each representation
    /// has a base URL of its own.
    folder_of_folders: Option<String>,
}

impl<'a> SegmentNames<'a> {
    fn of(manifest: &'a str, tracks: &[&FinishedTrack]) -> Self {
        let before_id = |track: &&FinishedTrack| {
            let uri = relative_folder_uri(manifest, &track.folder);
            // A dollar sign begins a placeholder of the template (ISO/IEC 23009-1, 5.3.9.4.4).
            uri.strip_suffix(&format!("{}/", track.name)).filter(|uri| !uri.contains('$')).map(str::to_owned)
        };
        let common = tracks.first().and_then(before_id);
        let is_common = |track: &&FinishedTrack| before_id(track) == common;
        Self { manifest, folder_of_folders: common.clone().filter(|_| tracks.iter().all(is_common)) }
    }

    /// Names of segments by number, and the exact length of each. Renditions of a set have the same lengths.
    fn template(&self, track: &FinishedTrack) -> SegmentTemplate {
        let folder = self.folder_of_folders.as_ref().map(|folders| format!("{folders}$RepresentationID$/"));
        let folder = folder.unwrap_or_default();
        SegmentTemplate {
            timescale: Some(u64::from(track.timescale)),
            startNumber: Some(0),
            initialization: Some(format!("{folder}{INIT_SEGMENT}")),
            media: Some(format!("{folder}segment_$Number%05d$.m4s")),
            SegmentTimeline: Some(SegmentTimeline { segments: timeline(&track.segments) }),
            ..SegmentTemplate::default()
        }
    }

    fn base(&self, track: &FinishedTrack) -> Vec<BaseURL> {
        match self.folder_of_folders {
            Some(_) => Vec::new(),
            None => vec![BaseURL { base: relative_folder_uri(self.manifest, &track.folder), ..BaseURL::default() }],
        }
    }
}

fn timeline(segments: &[SegmentEntry]) -> Vec<S> {
    let mut runs: Vec<S> = Vec::new();
    for segment in segments {
        match runs.last_mut() {
            Some(run) if run.d == segment.duration_ticks => run.r = Some(run.r.unwrap_or(0) + 1),
            last => {
                let t = last.is_none().then_some(0);
                runs.push(S { t, d: segment.duration_ticks, ..S::default() });
            }
        }
    }
    runs
}

fn exact_duration(ticks: u64, timescale: u32) -> Duration {
    let timescale = u64::from(timescale.max(1));
    let nanoseconds = u128::from(ticks % timescale) * 1_000_000_000 / u128::from(timescale);
    Duration::new(ticks / timescale, u32::try_from(nanoseconds).unwrap_or(0))
}

#[cfg(test)]
mod tests;
