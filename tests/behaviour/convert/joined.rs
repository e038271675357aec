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
        assert_eq!((flashes.len(), beeps.len()), (2, 2), "{flashes:?} {beeps:?}");
        assert!(flashes.iter().zip([1.0, 3.0]).all(|(flash, at)| (flash - at).abs() < 0.02), "{flashes:?}");
        let sound = Samples::of(&output);
        let onsets = sound.onsets(0.03);
        assert_eq!(onsets.len(), 3, "two beeps and the tone: {onsets:?}");
        assert!(onsets.iter().zip([1.0, 3.0, 7.0]).all(|(onset, at)| (onset - at).abs() < 0.02), "{onsets:?}");
        assert!(sound.between(4.1, 6.9).peak() < 0.001, "there is silence where there is no sound");
        assert!((sound.between(7.2, 8.3).frequency(0) - 600.0).abs() < 5.0);
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
