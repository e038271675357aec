//! The media of a stream, by its packets, its decoded pictures and its bit stream.

use super::Encoded;
use crate::support::{
    clips,
    ffmpeg::{begins_with_an_idr_picture, decode, on_both_ffmpeg_versions, stream_facts},
    stream::Segment,
};

/// The most by which sound and picture may be apart at start and end, in seconds.
const LIP_SYNC: f64 = 0.045;

/// Each picture comes exactly one frame after the one before, from 0 on; gives their number.
#[track_caller]
fn assert_steady_pictures(name: &str, segments: &[Segment], (rate, per): (u32, u32)) -> usize {
    let ticks_per_second = segments[0].ticks_per_second;
    let all: Vec<i64> = segments.iter().flat_map(Segment::presentation_ticks).collect();
    for (index, ticks) in all.iter().enumerate() {
        let exact = index as f64 * ticks_per_second * f64::from(per) / f64::from(rate);
        assert!((*ticks as f64 - exact).abs() < 0.5, "{name}: picture {index} is at tick {ticks}, not {exact}");
    }
    let decode_ticks: Vec<i64> = segments.iter().flat_map(|segment| &segment.packets).map(|p| p.decode_ticks).collect();
    assert!(decode_ticks.is_sorted_by(|a, b| a < b), "{name}: decode times do not rise");
    all.len()
}

on_both_ffmpeg_versions! {
    fn segments_start_with_an_idr_picture_at_the_same_frames_in_all_renditions(version) {
        for clip in [&clips::LANDSCAPE, &clips::PORTRAIT_SILENT, &clips::FILM, &clips::SIXTY] {
            let encoded = Encoded::of(clip, version);
            let frames_in_segments = |segments: &[Segment]| -> Vec<usize> {
                segments.iter().map(|segment| segment.packets.len()).collect()
            };
            let renditions = encoded.video();
            let first = frames_in_segments(renditions[0].1);
            for (name, segments) in &renditions {
                assert_eq!(frames_in_segments(segments), first, "{}: {name}", clip.name);
                for (index, segment) in segments.iter().enumerate() {
                    assert!(segment.packets[0].is_key, "{name}: segment {index} is not marked to start with a keyframe");
                    assert_eq!(segment.packets[0].presentation_ticks, segment.presentation_ticks()[0], "{name} {index}");
                    assert!(begins_with_an_idr_picture(&segment.playable), "{name}: segment {index}");
                }
            }
        }
    }

    fn every_picture_of_the_source_is_there_once_and_in_its_place(version) {
        for clip in [&clips::LANDSCAPE, &clips::PORTRAIT_SILENT, &clips::FILM, &clips::SIXTY, &clips::BROADCAST] {
            for (name, segments) in Encoded::of(clip, version).video() {
                let pictures = assert_steady_pictures(&format!("{} {name}", clip.name), segments, clip.frame_rate);
                assert_eq!(pictures, clip.frames, "{} {name}", clip.name);
            }
        }
    }

    fn every_segment_decodes_alone_without_a_complaint(version) {
        let encoded = Encoded::of(&clips::LANDSCAPE, version);
        for (name, segments) in encoded.video() {
            for (index, segment) in segments.iter().enumerate() {
                let (pictures, complaints) = decode(&segment.playable);
                assert_eq!(complaints, "", "{name}: segment {index}");
                assert_eq!(pictures, segment.packets.len(), "{name}: segment {index} refers to pictures outside of it");
            }
            let (pictures, complaints) = decode(&encoded.stream.whole(&name, &encoded.workplace()));
            assert_eq!((pictures, complaints.as_str()), (clips::LANDSCAPE.frames, ""), "{name}");
        }
    }

    fn keyframes_come_every_two_seconds_and_nowhere_else(version) {
        for clip in [&clips::LANDSCAPE, &clips::FILM, &clips::SIXTY] {
            let gop = (2.0 * f64::from(clip.frame_rate.0) / f64::from(clip.frame_rate.1)).ceil() as usize;
            for (name, segments) in Encoded::of(clip, version).video() {
                let keys = segments.iter().flat_map(|segment| &segment.packets).enumerate();
                let keys: Vec<usize> = keys.filter(|(_, packet)| packet.is_key).map(|(index, _)| index).collect();
                let expected: Vec<usize> = (0..clip.frames).step_by(gop).collect();
                assert_eq!(keys, expected, "{} {name}", clip.name);
            }
        }
    }

    fn sound_and_picture_start_and_end_together(version) {
        for clip in [&clips::LANDSCAPE, &clips::FILM, &clips::SIXTY, &clips::BROADCAST] {
            let encoded = Encoded::of(clip, version);
            let audio = encoded.audio().unwrap_or_else(|| panic!("{} lost its sound", clip.name));
            let (_, video) = encoded.video()[0];
            assert!((audio[0].start() - video[0].start()).abs() < LIP_SYNC, "{}: {}", clip.name, audio[0].start());
            let ends = (audio[audio.len() - 1].end(), video[video.len() - 1].end());
            assert!((ends.0 - ends.1).abs() < LIP_SYNC, "{}: sound and picture end at {ends:?}", clip.name);
            let steps: Vec<i64> = audio.iter().flat_map(Segment::presentation_ticks).collect();
            assert!(steps.windows(2).all(|pair| pair[1] - pair[0] == 1024), "{}: the sound has a gap", clip.name);
        }
    }

    fn pictures_are_what_every_player_can_show(version) {
        for clip in [&clips::LANDSCAPE, &clips::PORTRAIT_SILENT, &clips::BROADCAST] {
            let encoded = Encoded::of(clip, version);
            for (name, segments) in encoded.video() {
                let facts = stream_facts(&segments[0].playable);
                let label = format!("{} {name}: {facts:#}", clip.name);
                assert_eq!(facts["codec_name"], "h264", "{label}");
                assert_eq!(facts["profile"], "High", "{label}");
                assert_eq!(facts["pix_fmt"], "yuv420p", "{label}");
                assert_eq!(facts["sample_aspect_ratio"], "1:1", "{label}");
                assert_eq!(facts["color_range"], "tv", "{label}");
                for fact in ["color_space", "color_transfer", "color_primaries"] {
                    assert!(facts[fact].is_string(), "no {fact} in {label}");
                }
                assert!(facts["level"].as_i64().is_some_and(|level| level <= 42), "{label}");
                assert_eq!(facts["field_order"], "progressive", "{label}");
            }
        }
    }

    fn the_sound_is_stereo_aac(version) {
        let encoded = Encoded::of(&clips::LANDSCAPE, version);
        let facts = stream_facts(&encoded.audio().expect("the clip has sound")[0].playable);
        assert_eq!((&facts["codec_name"], &facts["profile"]), (&"aac".into(), &"LC".into()), "{facts:#}");
        assert_eq!((&facts["channels"], &facts["sample_rate"]), (&2.into(), &"48000".into()), "{facts:#}");
    }
}
