//! Subtitles that are pictures, drawn into the picture where that is asked for.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use m3u8_rs::AlternativeMediaType;

use super::{Made, encode};
use crate::support::{
    clips::{self, PICTURE_SUBTITLES},
    ffmpeg::{FfmpegVersion, on_both_ffmpeg_versions},
    output_of,
    picture::brightness_at,
    user::User,
};

/// Pictures at least so bright are the white box, and others the blue behind it.
const WHITE: u8 = 180;

/// Whether the box is seen in each picture of a file.
fn seen(file: &Path) -> Vec<bool> {
    brightness_at(file, 0.5, 0.8).into_iter().map(|brightness| brightness > WHITE).collect()
}

/// Panics unless the box is seen at these times and at no others, to two pictures.
#[track_caller]
fn assert_seen(file: &Path, times: &[(f64, f64)]) {
    let wrong = |(picture, is_seen): &(usize, bool)| {
        let is_within = |slack: f64| {
            let time = *picture as f64;
            times.iter().any(|(start, end)| time >= start * 25.0 + slack && time < end * 25.0 - slack)
        };
        if *is_seen { !is_within(-2.0) } else { is_within(2.0) }
    };
    let pictures: Vec<(usize, bool)> = seen(file).into_iter().enumerate().collect();
    let wrong: Vec<_> = pictures.into_iter().filter(wrong).collect();
    assert!(wrong.is_empty(), "{}: (picture, is seen) {wrong:?}", file.display());
}

fn largest(made: &Made) -> PathBuf {
    made.stream.whole(&made.stream.video_renditions()[0], &made.workplace())
}

fn file(user: &User, source: &Path, flags: &[&str]) -> PathBuf {
    let output = user.path("converted.mp4");
    let mut command = user.reelpress();
    command.arg("convert").arg(source).args(["--speed", "ultrafast"]).args(flags).arg("-o").arg(&output);
    output_of(command);
    output
}

on_both_ffmpeg_versions! {
    fn they_are_seen_at_their_times_in_every_rendition_and_the_others_are_named(version) {
        let user = User::with(version);
        let source = PICTURE_SUBTITLES.path();
        let ended = encode(&user, &source, &["--burn-in", "en"]);
        ended.assert_all_done();
        let warnings = ended.events_named("job_finished")[0]["warnings"].to_string();
        assert!(warnings.contains("(German) are pictures and are left out; --burn-in 2 draws"), "{warnings}");
        assert!(!warnings.contains("English"), "{warnings}");
        let stream = user.stream_of(&source);
        std::fs::create_dir(user.path("workplace")).expect("the user's folder can be written");
        for rendition in stream.video_renditions() {
            assert_seen(&stream.whole(&rendition, &user.path("workplace")), &clips::BOX_TIMES);
        }
        let subtitles = stream.multivariant().alternatives.into_iter();
        assert_eq!(subtitles.filter(|media| media.media_type == AlternativeMediaType::Subtitles).count(), 1, "the text");
    }

    fn a_trimmed_and_scaled_part_shows_what_belongs_to_it(version) {
        let user = User::with(version);
        let part = file(&user, &PICTURE_SUBTITLES.path(), &["--burn-in", "2", "--start", "12.2", "--duration", "2", "--size", "90"]);
        assert_seen(&part, &[(0.0, 1.3)]);
    }

    fn one_that_began_long_before_a_trimmed_part_is_still_seen_in_it(version) {
        let user = User::with(version);
        let source = user.path("still.mkv");
        let mut command = Command::new(FfmpegVersion::System.program());
        command.args(["-v", "error", "-nostdin", "-f", "lavfi", "-t", "16", "-i", "color=blue:size=320x180:rate=25"]);
        // What takes the first box away again is not read.
        command.args(["-t", "2", "-i"]).arg(PICTURE_SUBTITLES.path());
        command.args(["-map", "0:v", "-map", "1:s:0", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]);
        command.args(["-c:s", "copy"]).arg(&source);
        output_of(command);
        let part = file(&user, &source, &["--burn-in", "1", "--start", "14", "--duration", "1", "--size", "90"]);
        assert_seen(&part, &[(0.0, 1.0)]);
    }

    fn those_of_a_broadcast_are_drawn_too(version) {
        let user = User::with(version);
        let source = user.path("broadcast.ts");
        // What the encoder of 9.0 makes of the box, the decoder of 5.1 refuses.
        let mut command = Command::new(FfmpegVersion::System.program());
        command.args(["-v", "error", "-nostdin", "-fix_sub_duration", "-i"]).arg(PICTURE_SUBTITLES.path());
        command.args(["-map", "0:v", "-map", "0:s:0", "-t", "4", "-c:v", "mpeg2video", "-b:v", "2M", "-c:s", "dvbsub"]);
        command.args(["-output_ts_offset", "3700"]).arg(&source);
        output_of(command);
        let made = Made::from(user, &source, &["--burn-in", "1"]);
        assert_seen(&largest(&made), &clips::BOX_TIMES[..1]);
    }
}

#[test]
fn what_can_not_be_drawn_is_refused_before_the_start() {
    let user = User::new();
    let source = PICTURE_SUBTITLES.path();
    for (choice, said) in [("3", "are text"), ("9", "the source has 3 tracks"), ("fr", "in French")] {
        let ended = encode(&user, &source, &["--burn-in", choice]);
        assert_eq!(ended.exit_code, Some(1), "{choice}");
        let failure = &ended.events_named("job_failed")[0]["failure"];
        assert_eq!(failure["kind"], "invalid_request", "{failure:#}");
        assert!(failure["headline"].as_str().is_some_and(|text| text.contains(said)), "{failure:#}");
        assert_eq!(failure["hint"], "Choose one of 1 (English), 2 (German), or leave --burn-in out");
    }
    assert_eq!(encode(&user, &source, &["--burn-in", "0"]).exit_code, Some(2));
    assert_eq!(user.output_files(), Vec::<String>::new());
}
