//! A DASH manifest of the very segments that HLS has.

use dash_mpd_core::{AdaptationSet, MPD};

use super::{Made, seconds_of};
use crate::support::{
    browser,
    clips::{self, Clip},
    ffmpeg::{FfmpegVersion, on_both_ffmpeg_versions},
};

fn manifest(made: &Made) -> MPD {
    let text = made.stream.text("manifest.mpd");
    dash_mpd_core::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Start of each segment in ticks, and the end of the last.
fn borders(set: &AdaptationSet) -> Vec<u64> {
    let timeline = set.SegmentTemplate.as_ref().and_then(|template| template.SegmentTimeline.as_ref());
    let mut borders = vec![0];
    for run in &timeline.expect("a SegmentTimeline").segments {
        for _ in 0..=run.r.unwrap_or(0) {
            borders.push(borders.last().expect("a border") + run.d);
        }
    }
    borders
}

fn assert_timeline_is_the_media(clip: &'static Clip, version: FfmpegVersion) {
    let made = Made::of(clip, version);
    let manifest = manifest(&made);
    assert_eq!(manifest.mpdtype.as_deref(), Some("static"));
    let told = manifest.mediaPresentationDuration.expect("a duration").as_secs_f64();
    assert!((told - seconds_of(clip)).abs() < 0.001, "{told}");
    for set in &manifest.periods[0].adaptations {
        assert_eq!((set.segmentAlignment, set.startWithSAP), (Some(true), Some(1)));
        let template = set.SegmentTemplate.as_ref().expect("a SegmentTemplate");
        let borders = borders(set);
        for representation in &set.representations {
            let id = representation.id.as_deref().expect("an id");
            let name = |template: &str, number: usize| {
                template.replace("$RepresentationID$", id).replace("$Number%05d$", &format!("{number:05}"))
            };
            let init = name(template.initialization.as_deref().expect("an init segment"), 0);
            assert!(made.path(&init).is_file(), "{init}");
            let segments = made.stream.segments(id, &made.workplace());
            assert_eq!(segments.len() + 1, borders.len(), "{id}");
            let ticks_per_second = template.timescale.expect("a timescale") as f64;
            for (number, segment) in segments.iter().enumerate() {
                let media = name(template.media.as_deref().expect("segments"), number);
                assert!(made.path(&media).is_file(), "{media}");
                assert_eq!(segment.ticks_per_second, ticks_per_second, "{id}");
                let first = *segment.presentation_ticks().first().expect("a frame");
                assert_eq!(u64::try_from(first), Ok(borders[number]), "{id}: segment {number}");
                let length: i64 = segment.packets.iter().map(|packet| packet.duration_ticks).sum();
                assert_eq!(u64::try_from(length), Ok(borders[number + 1] - borders[number]), "{id}: segment {number}");
            }
        }
    }
}

on_both_ffmpeg_versions! {
    fn the_manifest_names_the_segments_of_hls_with_their_exact_times(version) {
        assert_timeline_is_the_media(&clips::FILM, version);
    }

    fn every_representation_plays_to_the_end_in_shaka_player_and_dash_js(version) {
        let made = Made::of(&clips::FILM, version);
        let playback = browser::play_dash(&made.stream.folder);
        playback.assert_flawless(2, seconds_of(&clips::FILM));
        assert!(playback.shaka.audio_bytes > 0 && playback.dashjs.audio_bytes > 0, "no sound was decoded");
    }
}

#[test]
fn a_silent_stream_has_a_manifest_without_sound() {
    assert_timeline_is_the_media(&clips::PORTRAIT_SILENT, FfmpegVersion::System);
    let made = Made::of(&clips::PORTRAIT_SILENT, FfmpegVersion::System);
    assert_eq!(manifest(&made).periods[0].adaptations.len(), 1);
    browser::play_dash(&made.stream.folder).assert_flawless(2, seconds_of(&clips::PORTRAIT_SILENT));
}

#[test]
fn the_manifest_tells_codecs_sizes_rates_and_channels_as_hls_does() {
    let made = Made::of(&clips::FILM, FfmpegVersion::System);
    let manifest = manifest(&made);
    let [video, audio] = manifest.periods[0].adaptations.as_slice() else { panic!("not two sets") };
    assert_eq!(video.mimeType.as_deref(), Some("video/mp4"));
    for variant in made.stream.variants() {
        let folder = variant.uri.split('/').next().expect("a folder");
        let found = video.representations.iter().find(|found| found.id.as_deref() == Some(folder));
        let found = found.unwrap_or_else(|| panic!("{folder} is not in the manifest"));
        let size = variant.resolution.expect("RESOLUTION");
        assert_eq!((found.width, found.height), (Some(size.width), Some(size.height)));
        assert_eq!(found.sar.as_deref(), Some("1:1"));
        assert_eq!(found.frameRate.as_deref(), Some("24000/1001"));
        let codecs = variant.codecs.expect("CODECS");
        assert_eq!(found.codecs.as_deref(), codecs.split(',').next());
        assert!(found.bandwidth.is_some_and(|bandwidth| bandwidth > 0 && bandwidth < variant.bandwidth));
    }
    let sound = &audio.representations[0];
    assert_eq!(audio.mimeType.as_deref(), Some("audio/mp4"));
    assert_eq!(sound.codecs.as_deref(), Some("mp4a.40.2"));
    assert_eq!(sound.AudioChannelConfiguration[0].value.as_deref(), Some("2"));
    assert_eq!(sound.audioSamplingRate.as_deref(), Some("48000"));
    assert!(audio.lang.is_some() && audio.Role.iter().any(|role| role.value.as_deref() == Some("main")));
}
