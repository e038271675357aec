//! Several sources as one: in the shape of the first, each as long as it is, whatever they are.

use std::path::{Path, PathBuf};

use super::{FLASHES, SYSTEM, assert_together, convert, flashes_and_beeps, streams};
use crate::support::{
    clips::Clip,
    ffmpeg::{decode, on_both_ffmpeg_versions},
    output_of,
    picture::colour_at,
    sound::Samples,
    user::{Ended, User},
};

/// Red, square, at another rate, without sound.
const RED_SQUARE: Clip = Clip {
    name: "red square.mkv",
    frames: 60,
    frame_rate: (30, 1),
    recipe: "-f lavfi -i color=red:size=120x120:rate=30 -frames:v 60 -c:v libx264 -preset ultrafast -pix_fmt yuv420p",
};

/// A tone of one and a half seconds with a picture in another codec, at another sample rate.
const TONE: Clip = Clip {
    name: "tone.webm",
    frames: 36,
    frame_rate: (24, 1),
    recipe: "-f lavfi -i color=blue:size=320x180:rate=24 -f lavfi -i sine=600:sample_rate=24000 -t 1.5 -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -pix_fmt yuv420p -c:a libopus",
};

/// Five seconds of a tone in one channel; there are pictures from 2 to 4 s only.
const LATE: Clip = Clip {
    name: "late picture.mkv",
    frames: 50,
    frame_rate: (25, 1),
    recipe: "-f lavfi -i sine=440:sample_rate=48000:duration=5 -itsoffset 2 -f lavfi -i color=red:size=160x90:rate=25:duration=2 -map 1 -map 0 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac -b:a 128k",
};

/// A second of a tone in the left of two channels.
const LEFT: Clip = Clip {
    name: "left.mp4",
    frames: 25,
    frame_rate: (25, 1),
    recipe: "-f lavfi -i color=blue:size=160x90:rate=25 -f lavfi -i aevalsrc=0.1*sin(600*2*PI*t)|0:s=48000 -t 1 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac",
};

fn still(user: &User) -> PathBuf {
    let path = user.path("green.png");
    let mut command = std::process::Command::new(SYSTEM.program());
    command.args(["-v", "error", "-f", "lavfi", "-i", "color=0x00FF00:size=50x90", "-frames:v", "1"]).arg(&path);
    output_of(command);
    path
}

on_both_ffmpeg_versions! {
    fn sources_of_all_kinds_become_one_file(version) {
        let user = User::with(version);
        let output = user.path("all.mp4");
        let picture = still(&user);
        let files = [FLASHES.path(), RED_SQUARE.path(), picture, TONE.path()];
        let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
        let flags = ["-o", &output.to_string_lossy(), "--join", "--still-duration", "1"];
        convert(&user, &files, &flags).assert_all_done();
        // 4 s, 2 s, 1 s and 1.5 s, at 25 frames a second.
        assert_eq!(decode(&output), (100 + 50 + 25 + 38, String::new()));
        let facts = &streams(&output)[0];
        assert_eq!((&facts["width"], &facts["height"]), (&160.into(), &90.into()));
        // The square stands in the middle, black beside it, from the very picture at 4 s on.
        let [red, green, blue] = colour_at(&output, 100, 0.5, 0.5);
        assert!(red > 200 && green < 60 && blue < 60, "{red}, {green}, {blue}");
        assert!(colour_at(&output, 101, 0.05, 0.5).iter().all(|part| *part < 30), "the sides are black");
        assert!(colour_at(&output, 99, 0.5, 0.5)[0] < 30, "the picture before is the last of the first source");
        assert!(colour_at(&output, 150, 0.5, 0.5)[1] > 200 && colour_at(&output, 175, 0.5, 0.5)[2] > 200);
        let (flashes, beeps) = flashes_and_beeps(&output);
        // The tone is as loud as the beeps.
        assert_eq!((flashes.len(), beeps.len()), (2, 3), "{flashes:?} {beeps:?}");
        assert!(flashes.iter().zip([1.0, 3.0]).all(|(flash, at)| (flash - at).abs() < 0.02), "{flashes:?}");
        let sound = Samples::of(&output);
        let onsets = sound.onsets(0.03);
        assert_eq!(onsets.len(), 3, "two beeps and the tone: {onsets:?}");
        assert!(onsets.iter().zip([1.0, 3.0, 7.0]).all(|(onset, at)| (onset - at).abs() < 0.02), "{onsets:?}");
        assert!(sound.between(4.1, 6.9).peak() < 0.001, "there is silence where there is no sound");
        assert!((sound.between(7.2, 8.3).frequency(0) - 600.0).abs() < 5.0);
    }

    fn a_source_whose_picture_begins_late_is_joined_in_its_whole_length(version) {
        let user = User::with(version);
        let output = user.path("both.mp4");
        let flags = ["-o", &output.to_string_lossy(), "--join"];
        convert(&user, &[&LATE.path(), &LATE.path()], &flags).assert_all_done();
        let (count, errors) = decode(&output);
        // The container begins with the delay of the sound's encoder: each source lasts a frame longer.
        assert!(errors.is_empty() && (250..=252).contains(&count), "two times five seconds: {count} pictures, {errors}");
        let sound = Samples::of(&output);
        assert!((sound.between(4.2, 4.8).frequency(0) - 440.0).abs() < 5.0, "the end of the first");
        assert!((sound.between(9.2, 9.8).frequency(0) - 440.0).abs() < 5.0, "the end of the second");
    }

    fn joined_sound_is_as_loud_as_its_sources(version) {
        let user = User::with(version);
        let (mono, stereo) = (user.path("mono.mp4"), user.path("stereo.mp4"));
        let (late, left) = (LATE.path(), LEFT.path());
        let loud = Samples::of(&late).between(1.0, 4.0).level(0, 440.0);
        let close = |level: f64| (level / loud - 1.0).abs() < 0.05;
        convert(&user, &[&late, &late], &["-o", &mono.to_string_lossy(), "--join"]).assert_all_done();
        let made = Samples::of(&mono);
        assert_eq!(made.channels.len(), 1);
        let level = made.between(1.0, 4.0).level(0, 440.0);
        assert!(close(level), "{level}, not {loud}");
        convert(&user, &[&late, &left], &["-o", &stereo.to_string_lossy(), "--join"]).assert_all_done();
        let made = Samples::of(&stereo);
        assert_eq!(made.channels.len(), 2, "as many as any of them has");
        let levels = [0, 1].map(|channel| made.between(1.0, 4.0).level(channel, 440.0));
        assert!(levels.iter().all(|level| close(*level)), "{levels:?}, not {loud}");
        let second = made.between(5.1, 5.9);
        assert!((second.level(0, 600.0) - 0.1).abs() < 0.01 && second.level(1, 600.0) < 0.01, "left is left");
    }

    fn films_with_sound_become_one_gif(version) {
        let user = User::with(version);
        let output = user.path("both.gif");
        let flags = ["-o", &output.to_string_lossy(), "--join", "--end", "5"];
        convert(&user, &[&FLASHES.path(), &TONE.path()], &flags).assert_all_done();
        assert_eq!(streams(&output).len(), 1);
        let (count, errors) = decode(&output);
        assert!(errors.is_empty() && (62..=63).contains(&count), "{count} pictures at 12.5 a second, {errors}");
        assert!(colour_at(&output, 58, 0.5, 0.5)[2] > 200, "the second source is blue");
    }

    fn the_sound_of_a_later_source_is_heard_when_the_first_has_none(version) {
        let user = User::with(version);
        let output = user.path("both.mkv");
        let flags = ["-o", &output.to_string_lossy(), "--join", "--start", "1", "--end", "5.6"];
        convert(&user, &[&RED_SQUARE.path(), &FLASHES.path()], &flags).assert_all_done();
        // Trimmed to what lies between 1 and 5.6 s of both together, at 30 frames a second.
        assert_eq!(decode(&output), (138, String::new()));
        assert_together(&output, &[2.0, 4.0]);
    }

    fn a_stream_of_several_sources_is_one_without_a_gap(version) {
        let user = User::with(version);
        let flags = ["--join", "--speed", "ultrafast"].map(Into::into);
        let (first, second) = (FLASHES.path(), RED_SQUARE.path());
        let ended = Ended::of(user.encode_command_to(user.output().as_os_str(), &flags, &[&first, &second], "source"));
        ended.assert_all_done();
        assert_eq!(ended.events_named("job_finished").len(), 1);
        let stream = user.stream_of(&first);
        let workplace = user.path("workplace");
        std::fs::create_dir(&workplace).expect("the user's folder can be written");
        let picture = stream.whole(&stream.video_renditions()[0], &workplace);
        assert_eq!(decode(&picture), (150, String::new()));
        assert!(colour_at(&picture, 100, 0.5, 0.5)[0] > 200 && colour_at(&picture, 99, 0.5, 0.5)[0] < 30);
        let end = |name: &str| stream.segments(name, &workplace).last().expect("a segment").end();
        assert!((end("audio") - 6.0).abs() < 0.045, "the sound ends at {}", end("audio"));
        assert_eq!(stream.text("chapters.vtt").matches(" --> ").count(), 2, "a chapter for each source");
    }
}

/// The pictures of a file in their order: time stamp and checksum of each.
fn pictures(file: &Path) -> Vec<(i64, String)> {
    let mut command = std::process::Command::new(SYSTEM.program());
    command.args(["-v", "error", "-nostdin", "-i"]).arg(file);
    command.args(["-map", "0:v:0", "-fps_mode", "passthrough", "-enc_time_base", "1/25", "-f", "framemd5", "-"]);
    let text = String::from_utf8(output_of(command)).expect("text");
    let fields = text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split(',').map(str::trim));
    fields
        .map(|mut fields| {
            (fields.nth(2).expect("a time").parse().expect("a time"), fields.next_back().expect("a sum").to_owned())
        })
        .collect()
}

/// The same parameters as FLASHES, other pictures.
const ALIKE: Clip = Clip {
    name: "alike.mp4",
    frames: 50,
    frame_rate: (25, 1),
    recipe: "-f lavfi -i testsrc2=size=320x180:rate=25 -f lavfi -i sine=440:sample_rate=48000 -t 2 -c:v libx264 -preset veryfast -pix_fmt yuv420p -c:a aac",
};

/// With B-frames, too.
const ALIKE_TOO: Clip = Clip {
    name: "alike too.mp4",
    frames: 75,
    frame_rate: (25, 1),
    recipe: "-f lavfi -i testsrc2=size=320x180:rate=25 -t 3 -vf hue=h=90 -c:v libx264 -preset veryfast -pix_fmt yuv420p",
};

on_both_ffmpeg_versions! {
    fn pictures_of_equal_sources_are_copied_without_a_gap(version) {
        let user = User::with(version);
        let output = user.path("it's both.mp4");
        let (first, second) = (ALIKE.path(), ALIKE_TOO.path());
        let flags = ["-o", &output.to_string_lossy(), "--join"];
        let ended = convert(&user, &[&first, &second, &first], &flags);
        ended.assert_all_done();
        let notes = ended.events_named("job_finished")[0]["notes"].to_string();
        assert!(notes.contains("Copied without encoding: the picture (h264)"), "{notes}");
        assert!(notes.contains("The sound was encoded: packets of joined sources do not end"), "{notes}");
        let made = pictures(&output);
        let sums: Vec<String> = [&first, &second, &first].into_iter().flat_map(|file| pictures(file)).map(|picture| picture.1).collect();
        assert_eq!(made.iter().map(|picture| picture.1.clone()).collect::<Vec<_>>(), sums, "not the same pictures");
        assert_eq!(made.iter().map(|picture| picture.0).collect::<Vec<_>>(), (0..175).collect::<Vec<_>>());
        // The tone of the first and of the third, silence between them.
        let sound = Samples::of(&output);
        assert!((sound.between(0.2, 1.8).frequency(0) - 440.0).abs() < 5.0 && (sound.between(5.2, 6.8).frequency(0) - 440.0).abs() < 5.0);
        assert!(sound.between(2.1, 4.9).peak() < 0.001, "there is silence where there is no sound");
    }
}

#[test]
fn only_what_can_be_copied_is_joined_without_loss() {
    let user = User::new();
    let output = user.path("a.mp4");
    let flags = ["-o", &output.to_string_lossy(), "--join", "--lossless"];
    let (silent, other) = (ALIKE_TOO.path(), RED_SQUARE.path());
    convert(&user, &[&silent, &silent], &flags).assert_all_done();
    assert_eq!(decode(&output), (150, String::new()));
    std::fs::remove_file(&output).expect("the file");
    for files in [[&silent, &other], [&ALIKE.path(), &silent]] {
        let files: Vec<&Path> = files.into_iter().map(PathBuf::as_path).collect();
        let ended = convert(&user, &files, &flags);
        let failure = &ended.events_named("job_failed")[0]["failure"];
        assert!(failure["headline"].as_str().is_some_and(|text| text.contains("can't be copied")), "{failure:#}");
        assert!(!output.exists());
    }
}

#[test]
fn joining_asks_for_files_that_can_be_joined() {
    let user = User::new();
    let output = user.path("a.mp4").to_string_lossy().into_owned();
    let first = FLASHES.path();
    assert_eq!(convert(&user, &[&first], &["-o", &output, "--join"]).exit_code, Some(2));
    // A list of files is no source: nothing that it names is read.
    let list = user.file("list.ffconcat", format!("ffconcat version 1.0\nfile '{}'\n", first.display()).as_bytes());
    let ended = convert(&user, &[&first, &list], &["-o", &output, "--join"]);
    assert_eq!(ended.exit_code, Some(1));
    let failure = &ended.events_named("job_failed")[0]["failure"];
    assert_eq!(failure["kind"], "source_invalid", "{failure:#}");
    assert!(!user.path("a.mp4").exists());
}
