//! Damaged sources: what can be read becomes a stream, and a warning says what is lost.

use std::path::Path;

use serde_json::Value;

use super::{encode, make};
use crate::support::{
    ffmpeg::on_both_ffmpeg_versions,
    stream::Stream,
    user::{Ended, User},
};

const CLIP: &str = "-f lavfi -i testsrc2=size=320x180:rate=25 -f lavfi -i sine=500:sample_rate=48000 -t 20 -c:v libx264 \
                    -preset ultrafast -g 25 -c:a aac";

/// The warnings of the only job, which was done.
#[track_caller]
fn warnings(ended: &Ended) -> Vec<String> {
    ended.assert_all_done();
    let told = &ended.events_named("job_finished")[0]["warnings"];
    told.as_array().expect("a list").iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn seconds_of(stream: &Stream, rendition: &str) -> f64 {
    let playlist = stream.media_playlist(rendition, "playlist.m3u8");
    playlist.segments.iter().map(|segment| f64::from(segment.duration)).sum()
}

/// Sound and picture end together and have this length, to a third of a second.
#[track_caller]
fn assert_length(user: &User, source: &Path, expected: f64) {
    let stream = user.stream_of(source);
    let picture = seconds_of(&stream, &stream.video_renditions()[0]);
    let sound = seconds_of(&stream, "audio");
    assert!((picture - sound).abs() < 0.05, "picture {picture} s, sound {sound} s");
    assert!((picture - expected).abs() < 0.35, "{picture} s, not {expected}");
}

on_both_ffmpeg_versions! {
    fn a_file_that_was_cut_off_plays_as_far_as_it_goes(version) {
        let user = User::with(version);
        let whole = std::fs::read(make(&user, "whole.mp4", &format!("{CLIP} -movflags +faststart"))).expect("a file");
        let source = user.file("cut off.mp4", &whole[..whole.len() * 6 / 10]);
        let ended = encode(&user, &source, &[]);
        let told = warnings(&ended);
        assert!(told.iter().any(|warning| warning.contains("ends early") && warning.contains("00:00:20")), "{told:?}");
        let stream = user.stream_of(&source);
        assert_length(&user, &source, seconds_of(&stream, "audio"));
        assert!((9.0..15.0).contains(&seconds_of(&stream, "audio")));
    }

    fn all_pictures_of_a_fragment_that_was_cut_off_are_there(version) {
        let user = User::with(version);
        // The sound of a fragment lies behind its pictures.
        let fragments = "-t 6 -g 50 -movflags +frag_keyframe+empty_moov+default_base_moof";
        let whole = std::fs::read(make(&user, "whole.mp4", &format!("{CLIP} {fragments}"))).expect("a file");
        let index = whole.windows(4).rposition(|name| name == b"mfra").expect("an index at the end") - 4;
        let source = user.file("cut off.mp4", &whole[..index - 4000]);
        let ended = encode(&user, &source, &[]);
        let told = warnings(&ended);
        assert!(told.iter().any(|warning| warning.contains("cut off: 4.0 kB of its last part are missing")), "{told:?}");
        let stream = user.stream_of(&source);
        let seconds = seconds_of(&stream, &stream.video_renditions()[0]);
        // The sound begins before the picture by its delay, which is one frame of picture.
        assert!((5.999..6.041).contains(&seconds), "{seconds} s of picture");
        assert!((seconds_of(&stream, "audio") - seconds).abs() < 0.045);
    }

    fn a_header_that_promises_hours_does_not_make_hours(version) {
        let user = User::with(version);
        let mut content = std::fs::read(make(&user, "honest.mkv", &format!("{CLIP} -t 4"))).expect("a file");
        // The element Duration of Matroska: a float of eight bytes, in milliseconds.
        let mark = [0x44, 0x89, 0x88];
        let place = content.windows(3).position(|window| window == mark).expect("the length of the file") + 3;
        content[place..place + 8].copy_from_slice(&36_000_000.0_f64.to_be_bytes());
        // The tags of the tracks tell the truth; without them the header has to be believed.
        while let Some(tag) = content.windows(8).position(|window| window == b"DURATION") {
            content[tag..tag + 8].copy_from_slice(b"NOTATIME");
        }
        let source = user.file("boast.mkv", &content);
        let ended = encode(&user, &source, &[]);
        assert_length(&user, &source, 4.0);
        assert!(user.output_files().len() < 40, "{:#?}", user.output_files());
        let told = warnings(&ended);
        assert!(told.iter().any(|warning| warning.contains("ends early")), "{told:?}");
    }

    fn a_hole_in_the_middle_is_told_and_the_rest_is_there(version) {
        for name in ["hole.ts", "hole.mp4"] {
            let user = User::with(version);
            let mut content = std::fs::read(make(&user, &format!("whole {name}"), CLIP)).expect("a file");
            let (from, to) = (content.len() * 4 / 10, content.len() * 5 / 10);
            for (index, byte) in content[from..to].iter_mut().enumerate() {
                *byte = (index * 7 % 251) as u8;
            }
            let source = user.file(name, &content);
            let ended = encode(&user, &source, &[]);
            assert_length(&user, &source, 20.0);
            let told = warnings(&ended);
            assert!(told.iter().any(|warning| warning.contains("damaged")), "{name}: {told:?}");
        }
    }

    fn how_much_a_hole_has_taken_of_a_recording_is_told(version) {
        for (name, least, most) in [("hole.mkv", 1.0, 3.0), ("hole.ts", 0.1, 3.0)] {
            let user = User::with(version);
            let clip = "-f lavfi -i testsrc2=size=640x360:rate=25 -f lavfi -i sine -t 8 -c:v libx264 -preset veryfast -b:v 2M \
                        -g 50 -pix_fmt yuv420p -c:a aac";
            let mut content = std::fs::read(make(&user, &format!("whole {name}"), clip)).expect("a file");
            let middle = content.len() / 2;
            let mut noise = 1_u32;
            for byte in &mut content[middle..middle + 60_000] {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *byte = (noise >> 24) as u8;
            }
            let source = user.file(name, &content);
            let told = warnings(&encode(&user, &source, &[])).join("\n");
            let (before, _) = told.split_once(" s of its picture are missing").unwrap_or_else(|| panic!("{name}: {told}"));
            let seconds: f64 = before.rsplit(' ').next().and_then(|seconds| seconds.parse().ok()).expect("seconds");
            assert!((least..=most).contains(&seconds), "{name}: {told}");
        }
    }

    fn a_hole_fails_the_job_where_that_is_asked_for(version) {
        let user = User::with(version);
        let mut content = std::fs::read(make(&user, "whole.mp4", CLIP)).expect("a file");
        let (from, to) = (content.len() * 4 / 10, content.len() * 5 / 10);
        content[from..to].fill(0x5a);
        let source = user.file("hole.mp4", &content);
        let ended = encode(&user, &source, &["--on-damage", "fail"]);
        assert_eq!(ended.exit_code, Some(1));
        let failure = &ended.events_named("job_failed")[0]["failure"];
        assert_eq!(failure["kind"], "source_invalid");
        assert!(failure["headline"].as_str().is_some_and(|headline| headline.contains("damaged")), "{failure:#}");
        assert_eq!(user.output_files(), Vec::<String>::new());
    }

    fn an_encrypted_film_is_refused_and_said_to_be_encrypted(version) {
        let user = User::with(version);
        let keys = "-encryption_scheme cenc-aes-ctr -encryption_key 00112233445566778899aabbccddeeff \
                    -encryption_kid 112233445566778899aabbccddeeff00";
        let source = make(&user, "locked.mp4", &format!("{CLIP} {keys}"));
        let ended = encode(&user, &source, &[]);
        assert_eq!(ended.exit_code, Some(1));
        let failure = &ended.events_named("job_failed")[0]["failure"];
        assert_eq!(failure["kind"], "source_invalid");
        assert!(failure["headline"].as_str().is_some_and(|headline| headline.contains("encrypted")), "{failure:#}");
    }
}
