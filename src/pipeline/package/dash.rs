//! The DASH manifest of the same fMP4 segments as HLS: a pure function from what was measured to text.
//!
//! Rules: ISO/IEC 23009-1 and DASH-IF's interoperability points: one period, a template with numbers and an exact
//! timeline for each adaptation set.

use std::time::Duration;

use dash_mpd_core::{
    Accessibility, AdaptationSet, AudioChannelConfiguration, BaseURL, Label, MPD, Period, Representation, Role, S,
    SegmentTemplate, SegmentTimeline,
};

use super::{FinishedTrack, hls::SegmentEntry, segmenter::TrackFormat};
use crate::pipeline::{
    layout::{INIT_SEGMENT, relative_folder_uri},
    plan::{AudioCodec, AudioLayout, AudioRendition, SubtitleRendition, Timing},
};

const PROFILE: &str = "urn:mpeg:dash:profile:isoff-live:2011";
const ROLE_SCHEME: &str = "urn:mpeg:dash:role:2011";
/// ISO/IEC 23003-3's ChannelConfiguration.
const CHANNEL_SCHEME: &str = "urn:mpeg:dash:23003:3:audio_channel_configuration:2011";
/// Dolby's own for E-AC-3 (ETSI TS 102 366, I.1.2.1), a bit for each speaker: 5.1 and stereo.
const DOLBY_CHANNEL_SCHEME: &str = "tag:dolby.com,2014:dash:audio_channel_configuration:2011";
const DOLBY_SURROUND: &str = "F801";
const DOLBY_STEREO: &str = "A000";
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
    for codec in video_codecs(tracks) {
        let of_codec = |track: &&FinishedTrack| is_video(track) && family(track) == codec;
        sets.push(video_set(path, &tracks.iter().filter(of_codec).collect::<Vec<_>>(), timing));
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

/// What comes before the first point of CODECS: only renditions of one codec can be switched between.
fn family(track: &FinishedTrack) -> &str {
    let codecs = track.format.codecs();
    codecs.split_once('.').map_or(codecs, |(family, _)| family)
}

/// The families of the pictures, each once, in the order of the renditions.
fn video_codecs(tracks: &[FinishedTrack]) -> Vec<&str> {
    let mut families = Vec::new();
    for track in tracks.iter().filter(|track| is_video(track)) {
        if !families.contains(&family(track)) {
            families.push(family(track));
        }
    }
    families
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
mod tests {
    use super::*;
    use crate::{
        media::FrameRate,
        pipeline::{layout::segment_file_name, package::hls::MeasuredRates, plan::SubtitleOrigin},
        preset::BitRate,
    };

    fn track(name: &str, format: TrackFormat, timescale: u32, durations: &[u64]) -> FinishedTrack {
        let is_sound = matches!(format, TrackFormat::Audio { .. });
        let is_surround = format.codecs() == "ec-3";
        let sound = AudioRendition {
            name: name.to_owned(),
            stream: 1,
            codec: match format.codecs() {
                "ec-3" => AudioCodec::Eac3,
                "opus" => AudioCodec::Opus,
                _ => AudioCodec::Aac,
            },
            layout: if is_surround { AudioLayout::Surround } else { AudioLayout::Stereo },
            bitrate: BitRate::from_kilobits(128),
            sample_rate_hz: timescale,
            language: "de".to_owned(),
            label: "Deutsch & mehr".to_owned(),
            is_default: true,
            is_autoselect: true,
            describes_video: is_surround,
        };
        FinishedTrack {
            name: name.to_owned(),
            folder: name.to_owned(),
            format,
            timescale,
            segments: durations
                .iter()
                .map(|ticks| SegmentEntry { duration_ticks: *ticks, bytes: 1, keyframes: Vec::new(), key: None })
                .collect(),
            rates: MeasuredRates { peak_bps: 2_000_000, average_bps: 1_000_000 },
            sound: is_sound.then_some(sound),
        }
    }

    fn picture(name: &str, codecs: &str, height: u32) -> FinishedTrack {
        let format = TrackFormat::Video { codecs: codecs.to_owned(), width: height * 16 / 9, height };
        track(name, format, 30_000, &[180_180, 180_180, 40_040])
    }

    fn text() -> String {
        let timing = Timing::for_rate(FrameRate::new(30_000, 1001).unwrap());
        let sound = |codecs: &str| TrackFormat::Audio { codecs: codecs.to_owned() };
        let tracks = [
            picture("1080p", "avc1.640028", 1080),
            picture("720p", "avc1.64001f", 720),
            picture("1080p-hevc", "hvc1.1.6.L120.90", 1080),
            track("audio", sound("mp4a.40.2"), 48_000, &[288_768, 287_744, 64_512]),
            track("audio-surround", sound("ec-3"), 48_000, &[288_768, 287_232, 64_512]),
        ];
        let subtitles = SubtitleRendition {
            name: "subtitles-en".to_owned(),
            origin: SubtitleOrigin::Stream(2),
            language: "en".to_owned(),
            label: "English".to_owned(),
            is_default: false,
            is_autoselect: true,
            is_forced: true,
            is_for_hearing_impaired: false,
        };
        let uri = "subtitles-en/subtitles.vtt".to_owned();
        let subtitles = [DashSubtitles { rendition: &subtitles, uri, bytes: 4000 }];
        manifest(("manifest.mpd", &tracks), &subtitles, &timing, exact_duration(400_400, 30_000))
    }

    #[test]
    fn the_manifest_tells_all_that_a_player_needs() {
        let text = text();
        for wanted in [
            "type=\"static\"",
            "profiles=\"urn:mpeg:dash:profile:isoff-live:2011\"",
            "mediaPresentationDuration=\"PT13.346666666S\"",
            "frameRate=\"30000/1001\"",
            "sar=\"1:1\"",
            "codecs=\"avc1.640028\"",
            "segmentAlignment=\"true\"",
            "startWithSAP=\"1\"",
            "lang=\"de\"",
            "<S t=\"0\" d=\"180180\" r=\"1\"/><S d=\"40040\"/>",
            "<S t=\"0\" d=\"288768\"/><S d=\"287744\"/><S d=\"64512\"/>",
            "Deutsch &amp; mehr",
            "audio_channel_configuration:2011\" value=\"2\"",
            "tag:dolby.com,2014:dash:audio_channel_configuration:2011\" value=\"F801\"",
            "AudioPurposeCS:2007\" value=\"1\"",
            "value=\"forced-subtitle\"",
            "<BaseURL>subtitles-en/subtitles.vtt</BaseURL>",
        ] {
            assert!(text.contains(wanted), "{wanted} is not in {text}");
        }
        assert_eq!(text.matches("<AdaptationSet").count(), 5, "{text}");
        assert!(text.starts_with("<?xml") && text.ends_with("</MPD>\n"), "{text}");
    }

    #[test]
    fn the_names_of_segments_are_those_on_the_disk() {
        let text = text();
        assert!(text.contains("media=\"$RepresentationID$/segment_$Number%05d$.m4s\""), "{text}");
        assert_eq!(segment_file_name(7), format!("segment_{:05}.m4s", 7));
        let read = dash_mpd_core::parse(&text).unwrap();
        let ids = read.periods[0].adaptations.iter().flat_map(|set| &set.representations);
        let ids: Vec<&str> = ids.filter_map(|found| found.id.as_deref()).collect();
        assert_eq!(ids, ["1080p", "720p", "1080p-hevc", "audio", "audio-surround", "subtitles-en"]);
    }
}
