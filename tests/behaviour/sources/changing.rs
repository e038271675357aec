//! Broadcasts whose sound or picture becomes another one midway: the stream goes on through the change, in sync. What can't be
//! brought right is refused.

use std::{ffi::OsString, path::Path};

use super::{Made, encode, timing};
use crate::support::{
    broadcast::{AAC, FLASHES, OTHER, STEREO, SURROUND, recording},
    ffmpeg::{FfmpegVersion, on_both_ffmpeg_versions},
    picture::brightness_at,
    sound::Samples,
    user::{Ended, User, files_under},
};

/// Each part of the sound as long as this must have some of the tone in it, in seconds.
const NO_HOLE: f64 = 0.05;

fn finished_warnings(ended: &Ended) -> String {
    ended.assert_all_done();
    ended.events_named("job_finished")[0]["warnings"].to_string()
}

/// The stream, whose warnings say all of these.
fn made_with_warnings(user: User, source: &Path, said: &[&str]) -> Made {
    let warnings = finished_warnings(&encode(&user, source, &[]));
    assert!(said.iter().all(|words| warnings.contains(words)), "{warnings}");
    std::fs::create_dir(user.path("workplace")).expect("the user's folder can be written");
    let made = Made { stream: user.stream_of(source), user };
    let left = files_under(&made.user.output()).into_iter().find(|file| file.contains("sound.mka"));
    assert_eq!(left, None, "a passing file is left");
    made
}

#[track_caller]
fn assert_tone_throughout(made: &Made, seconds: f64) {
    let sound = Samples::of(&made.stream.whole("audio", &made.workplace()));
    for step in 1..((seconds - 0.1) / NO_HOLE) as u32 {
        let from = f64::from(step) * NO_HOLE;
        let peak = sound.between(from, from + NO_HOLE).peak();
        assert!(peak > 0.004, "{peak} at {from} s");
    }
}

on_both_ffmpeg_versions! {
    fn sound_that_changes_its_channels_goes_on_in_sync(version) {
        let user = User::with(version);
        let source = recording(&user, "film.ts", [STEREO, SURROUND]);
        let made = made_with_warnings(user, &source, &["The sound changes its channels or its sample rate at 00:00:0"]);
        timing::assert_together("channels", &made, &FLASHES);
        assert_tone_throughout(&made, 6.0);
    }

    fn a_picture_that_changes_its_size_is_fitted_in(version) {
        let user = User::with(version);
        let source = recording(&user, "stations.ts", [AAC, OTHER]);
        let said = ["The picture changes its size or its pixel format", "The sound changes its channels or its sample rate"];
        let made = made_with_warnings(user, &source, &said);
        timing::assert_together("stations", &made, &FLASHES);
        assert_tone_throughout(&made, 6.0);
        let largest = made.stream.whole(&made.stream.video_renditions()[0], &made.workplace());
        // 4:3 in the middle of 16:9 after the change; the first station fills the picture.
        let [edge, middle] = [0.05, 0.5].map(|x| brightness_at(&largest, x, 0.5));
        assert!((148..=152).contains(&edge.len()), "{} pictures", edge.len());
        assert!(edge[..70].iter().all(|bright| *bright > 100) && edge[80..140].iter().all(|bright| *bright < 40), "{edge:?}");
        assert!(middle.iter().all(|bright| *bright > 100), "{middle:?}");
    }
}

#[test]
fn a_change_in_one_of_joined_sources_is_refused() {
    let user = User::with(FfmpegVersion::System);
    let source = recording(&user, "film.ts", [STEREO, SURROUND]);
    let options = ["--speed", "ultrafast", "--join"].map(OsString::from);
    let ended = Ended::of(user.encode_command_to(user.output().as_os_str(), &options, &[&source, &source], "quick"));
    assert_eq!(ended.exit_code, Some(1), "{}", ended.stderr);
    let failure = &ended.events_named("job_failed")[0]["failure"];
    let headline = failure["headline"].as_str().expect("a headline");
    assert!(headline.contains("changes its channels or its sample rate at 00:00:0"), "{headline}");
    assert!(failure["hint"].as_str().is_some_and(|hint| hint.contains("--join")), "{failure:#}");
    assert_eq!(user.output_files(), Vec::<String>::new());
}
