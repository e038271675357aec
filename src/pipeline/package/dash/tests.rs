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
        source_rate_hz: None,
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
        colours: None,
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
fn high_dynamic_range_has_a_set_of_its_own_that_says_its_colours() {
    let timing = Timing::for_rate(FrameRate::new(30_000, 1001).unwrap());
    let with = |name: &str, range: DynamicRange, label: ColourLabel| FinishedTrack {
        colours: Some((range, label)),
        ..picture(name, "hvc1.2.4.L120.90", 1080)
    };
    let hd = ColourLabel { primaries: "bt709", transfer: "bt709", matrix: "bt709" };
    let of = |range| ColourLabel::of_hdr(range).unwrap();
    let tracks = [
        with("sdr", DynamicRange::Sdr, hd),
        with("pq", DynamicRange::Pq, of(DynamicRange::Pq)),
        with("hlg", DynamicRange::Hlg, of(DynamicRange::Hlg)),
    ];
    let text =
        |tracks: &[FinishedTrack]| manifest(("manifest.mpd", tracks), &[], &timing, exact_duration(400_400, 30_000));
    let read = dash_mpd_core::parse(&text(&tracks)).unwrap();
    let said = |set: &AdaptationSet| {
        let essential = set.essential_property.iter().map(|property| (true, &property.schemeIdUri, &property.value));
        let supplemental =
            set.supplemental_property.iter().map(|property| (false, &property.schemeIdUri, &property.value));
        let all = essential.chain(supplemental);
        all.map(|(must, scheme, value)| {
            let name = scheme.strip_prefix("urn:mpeg:mpegB:cicp:").unwrap();
            format!("{}{name}={}", if must { "!" } else { "" }, value.as_deref().unwrap())
        })
        .collect::<Vec<_>>()
        .join(" ")
    };
    let sets: Vec<String> = read.periods[0].adaptations.iter().map(said).collect();
    assert_eq!(
        sets,
        [
            "ColourPrimaries=1 TransferCharacteristics=1 MatrixCoefficients=1",
            "!ColourPrimaries=9 !TransferCharacteristics=16 !MatrixCoefficients=9",
            "!ColourPrimaries=9 !TransferCharacteristics=18 !MatrixCoefficients=9",
        ]
    );
    assert!(!text(&tracks[..1]).contains("cicp"), "what all players take for granted need not be said");
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
