//! One test for each defect that was found in use.

use std::{ffi::OsString, os::unix::ffi::OsStringExt};

use crate::support::{
    clips::{self, Clip},
    user::{Ended, User},
};

/// Slides, at five pictures a second.
const SLOW: Clip = Clip {
    name: "slow.mp4",
    frames: 20,
    frame_rate: (5, 1),
    recipe: "-f lavfi -i testsrc2=size=320x180:rate=5 -frames:v 20 -c:v libx264 -preset ultrafast -pix_fmt yuv420p",
};

#[test]
fn a_name_that_is_not_unicode_costs_nothing() {
    let user = User::new();
    let source = user.path("").join(OsString::from_vec(b"bad\xff\x1b[31m.mp4".to_vec()));
    std::fs::copy(SLOW.path(), &source).expect("the user's folder can be written");
    let cues = "1\n00:00:00,500 --> 00:00:01,500\nbeside it\n\n";
    std::fs::write(source.with_extension("srt"), cues).expect("the user's folder can be written");
    let ended = user.encode(&[&source], "quick");
    ended.assert_all_done();
    assert!(ended.events_named("noticed").is_empty(), "{ended:?}");
    assert!(!ended.stderr.contains('\u{1b}'), "{:?}", ended.stderr);
}

#[test]
fn transport_streams_that_can_not_be_right_are_left_out_with_a_warning() {
    let user = User::new();
    let options: [OsString; 1] = ["--ts".into()];
    let command = user.encode_command_to(user.output().as_os_str(), &options, &[&SLOW.path()], "quick");
    let ended = Ended::of(command);
    ended.assert_all_done();
    let warnings = ended.events_named("job_finished")[0]["warnings"].to_string();
    assert!(warnings.contains("MPEG-TS is left out"), "{warnings}");
    assert!(user.output_files().iter().all(|file| !file.contains("/ts/")), "{:?}", user.output_files());
}

#[test]
fn cues_without_a_sensible_end_are_not_published() {
    let user = User::new();
    let source = user.path("side.mp4");
    std::fs::copy(SLOW.path(), &source).expect("the user's folder can be written");
    let cues = "WEBVTT\n\n00:00:00.500 --> 00:00:01.500\ngood\n\n00:00:03.000 --> 00:00:01.000\nback\n";
    user.file("side.de.vtt", cues.as_bytes());
    user.encode(&[&source], "quick").assert_all_done();
    let stream = user.stream_of(&source);
    let text = stream.text("subtitles-de/segment_00000.vtt");
    assert!(text.contains("good") && !text.contains("back"), "{text}");
}

#[test]
fn karaoke_is_not_too_much_for_the_bit_rates_of_a_stream() {
    let user = User::new();
    let source = user.path("song.mp4");
    std::fs::copy(clips::sample(), &source).expect("the user's folder can be written");
    let time = |number: u32| format!("00:00:{:02}.{:03}", number / 40, number % 40 * 25);
    let cue =
        |number| format!("{} --> {}\na line that is sung with many words in it\n\n", time(number), time(number + 1));
    let cues: String = (0..400).map(cue).collect();
    user.file("song.vtt", format!("WEBVTT\n\n{cues}").as_bytes());
    user.encode(&[&source], "quick").assert_all_done();
}

#[test]
fn an_output_folder_that_is_taken_away_is_said_as_such() {
    let user = User::new();
    let mut command = user.encode_command(&[&clips::MINUTE.path()], "web-hls");
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().expect("the program starts");
    let folder = user.stream_of(&clips::MINUTE.path()).folder;
    crate::support::wait_for("a first segment", || folder.join("audio/segment_00000.m4s").is_file().then_some(()));
    // The encode goes on writing meanwhile.
    crate::support::wait_for("a removed stream", || {
        let removed = std::fs::remove_dir_all(&folder);
        (removed.is_ok() || !folder.exists()).then_some(())
    });
    let mut said = String::new();
    std::io::Read::read_to_string(&mut child.stdout.take().expect("it is piped"), &mut said).expect("JSON");
    assert_eq!(child.wait().expect("it ends").code(), Some(1));
    assert!(said.contains("output_not_writable"), "{said}");
}
