//! The playlists of a finished stream, beside what its media measures.

use std::path::Path;

use m3u8_rs::{ClosedCaptionGroupId, MediaPlaylist, MediaPlaylistType};

use super::{Encoded, seconds_of};
use crate::support::{
    clips,
    ffmpeg::{decode, on_both_ffmpeg_versions, stream_facts},
    stream::Segment,
};

/// By how much BANDWIDTH may lie above what is measured.
const BANDWIDTH_MARGIN: f64 = 1.1;

/// The peak as rfc8216bis 4.1 has it: of every run of segments that lasts from 0.5 to 1.5 target durations.
fn largest(segments: &[Segment]) -> f64 {
    const TARGET_DURATION: f64 = 6.0;
    let length = |run: &[Segment]| run.iter().map(|segment| segment.end() - segment.start()).sum::<f64>();
    let runs = (0..segments.len()).flat_map(|from| (from + 1..=segments.len()).map(move |to| &segments[from..to]));
    let counted = runs.filter(|run| (0.5 * TARGET_DURATION..=1.5 * TARGET_DURATION).contains(&length(run)));
    counted.map(average).fold(0.0, f64::max)
}

fn average(segments: &[Segment]) -> f64 {
    let bits: u64 = segments.iter().map(|segment| segment.bytes * 8).sum();
    bits as f64 / segments.iter().map(|segment| segment.end() - segment.start()).sum::<f64>()
}

#[track_caller]
fn assert_finished(name: &str, playlist: &MediaPlaylist) {
    assert!(playlist.end_list, "{name} has no EXT-X-ENDLIST");
    assert_eq!(playlist.playlist_type, Some(MediaPlaylistType::Vod), "{name}");
    assert!(playlist.version.is_some_and(|version| (6..=7).contains(&version)), "{name}: {:?}", playlist.version);
}

on_both_ffmpeg_versions! {
    fn media_playlists_tell_the_true_length_of_each_segment(version) {
        for clip in [&clips::LANDSCAPE, &clips::FILM, &clips::SIXTY] {
            let encoded = Encoded::of(clip, version);
            let frame = f64::from(clip.frame_rate.1) / f64::from(clip.frame_rate.0);
            for (name, segments) in &encoded.segments {
                let playlist = encoded.stream.media_playlist(name, "playlist.m3u8");
                assert_finished(name, &playlist);
                for (index, segment) in segments.iter().enumerate() {
                    let measured = segment.end() - segment.start();
                    assert!((segment.told_duration - measured).abs() < frame, "{name} {index}: {measured}");
                    assert!(segment.told_duration.round() as u64 <= playlist.target_duration, "{name} {index}");
                }
                let total: f64 = segments.iter().map(|segment| segment.told_duration).sum();
                assert!((total - seconds_of(clip)).abs() < frame.max(0.045), "{name}: {total} s");
            }
        }
    }

    fn the_multivariant_playlist_tells_measured_bit_rates(version) {
        for clip in [&clips::LANDSCAPE, &clips::PORTRAIT_SILENT] {
            let encoded = Encoded::of(clip, version);
            let sound = encoded.audio().map_or((0.0, 0.0), |segments| (largest(segments), average(segments)));
            for variant in encoded.stream.variants() {
                let name = variant.uri.split('/').next().expect("a folder");
                let segments = &encoded.segments[name];
                let peak = largest(segments) + sound.0;
                let told = variant.bandwidth as f64;
                assert!(told >= peak * 0.999 && told <= peak * BANDWIDTH_MARGIN, "{name}: {told}, measured {peak}");
                let measured = average(segments) + sound.1;
                let told = variant.average_bandwidth.expect("AVERAGE-BANDWIDTH") as f64;
                assert!((told / measured - 1.0).abs() < 0.1, "{name}: {told}, measured {measured}");
            }
        }
    }

    fn the_multivariant_playlist_names_codecs_sizes_and_rates_as_they_are(version) {
        for clip in [&clips::LANDSCAPE, &clips::PORTRAIT_SILENT, &clips::FILM, &clips::SIXTY] {
            let encoded = Encoded::of(clip, version);
            let multivariant = encoded.stream.multivariant();
            assert!(multivariant.independent_segments);
            for variant in encoded.stream.variants() {
                let name = variant.uri.split('/').next().expect("a folder");
                let facts = stream_facts(&encoded.segments[name][0].playable);
                let size = variant.resolution.expect("RESOLUTION");
                assert_eq!((facts["width"].as_u64(), facts["height"].as_u64()), (Some(size.width), Some(size.height)));
                let level = facts["level"].as_u64().expect("a level");
                let mut codecs = format!("avc1.6400{level:02x}");
                if encoded.audio().is_some() {
                    codecs.push_str(",mp4a.40.2");
                    assert!(variant.audio.is_some(), "{name} has no AUDIO group");
                }
                assert_eq!(variant.codecs.as_deref(), Some(codecs.as_str()), "{name}");
                let rate = f64::from(clip.frame_rate.0) / f64::from(clip.frame_rate.1);
                assert!((variant.frame_rate.expect("FRAME-RATE") - rate).abs() < 0.0006, "{name}: {:?}", variant.frame_rate);
                assert_eq!(variant.closed_captions, Some(ClosedCaptionGroupId::None), "{name}");
            }
        }
    }

    fn the_sound_can_be_played_without_the_picture(version) {
        let encoded = Encoded::of(&clips::LANDSCAPE, version);
        let variants = encoded.stream.audio_only_variants();
        assert_eq!(variants.len(), 1);
        assert_eq!(variants[0].codecs.as_deref(), Some("mp4a.40.2"));
        let peak = largest(encoded.audio().expect("the clip has sound"));
        let told = variants[0].bandwidth as f64;
        assert!(told >= peak * 0.999 && told <= peak * BANDWIDTH_MARGIN, "{told}, measured {peak}");
    }

    fn each_entry_of_an_i_frame_playlist_is_one_picture(version) {
        let encoded = Encoded::of(&clips::LANDSCAPE, version);
        let trick_play = encoded.stream.multivariant().variants.into_iter().filter(|variant| variant.is_i_frame);
        assert_eq!(trick_play.count(), encoded.video().len());
        for (name, segments) in encoded.video() {
            let playlist = encoded.stream.media_playlist(&name, "iframes.m3u8");
            assert_finished(&name, &playlist);
            assert!(playlist.i_frames_only);
            let keyframes = segments.iter().flat_map(|segment| &segment.packets).filter(|packet| packet.is_key);
            assert_eq!(playlist.segments.len(), keyframes.count(), "{name}");
            let init = encoded.stream.init_segment(&name);
            for (index, entry) in playlist.segments.iter().enumerate() {
                let range = entry.byte_range.clone().expect("BYTERANGE");
                let start = usize::try_from(range.offset.expect("an offset")).expect("fits");
                let length = usize::try_from(range.length).expect("fits");
                let content = encoded.stream.read(&name, &entry.uri)[start..start + length].to_vec();
                let file = encoded.workplace().join(format!("{name}-keyframe-{index}.mp4"));
                std::fs::write(&file, [init.clone(), content].concat()).expect("the workplace can be written");
                // The byte range holds one picture of a fragment that promises more; the rest is rightly missed.
                assert_eq!(decode(&file).0, 1, "{name}: entry {index}");
            }
        }
    }
}

#[test]
fn all_names_in_playlists_are_relative_and_there() {
    let encoded = Encoded::of(&clips::LANDSCAPE, crate::support::ffmpeg::FfmpegVersion::System);
    for file in
        encoded.user.output_files().iter().filter(|file| Path::new(file).extension().is_some_and(|e| e == "m3u8"))
    {
        let path = encoded.user.output().join(file);
        let text = std::fs::read_to_string(&path).expect("UTF-8");
        assert!(text.starts_with("#EXTM3U\n") && text.ends_with('\n'), "{file}");
        let quoted = text.split("URI=\"").skip(1).filter_map(|rest| rest.split('"').next());
        for uri in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).chain(quoted) {
            assert!(!uri.contains("..") && !uri.contains(':') && !uri.starts_with('/'), "{file} names {uri}");
            assert!(path.parent().expect("a folder").join(uri).is_file(), "{file} names {uri}, which is not there");
        }
    }
}
