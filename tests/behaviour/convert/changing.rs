//! Broadcasts that change their format midway: what changes is encoded, what does not is copied, and cuts keep all of their
//! sound.

use std::path::Path;

use super::{codecs, convert, flashes_and_beeps, made, times};
use crate::support::{
    broadcast::{AAC, FLASHES, OTHER, STEREO, SURROUND, recording},
    ffmpeg::{decode, on_both_ffmpeg_versions},
    user::User,
};

#[track_caller]
fn assert_in_sync(file: &Path) {
    let (flashes, beeps) = flashes_and_beeps(file);
    assert_eq!((flashes.len(), beeps.len()), (2, 2), "{flashes:?} {beeps:?}");
    assert!(
        flashes.iter().zip(&beeps).all(|(flash, beep)| (flash - beep).abs() < super::TOGETHER),
        "{flashes:?} {beeps:?}"
    );
    assert!(flashes.iter().zip(FLASHES).all(|(flash, at)| (flash - at).abs() < 0.05), "{flashes:?}");
}

#[track_caller]
fn assert_refused(user: &User, source: &Path, what: &str) {
    let ended = convert(user, &[source], &["--to", "mkv", "--lossless"]);
    assert_eq!(ended.exit_code, Some(1), "{}", ended.stderr);
    let failure = &ended.events_named("job_failed")[0]["failure"];
    assert!(failure["headline"].as_str().is_some_and(|headline| headline.contains(what)), "{failure:#}");
    assert!(failure["hint"].as_str().is_some_and(|hint| hint.contains("--lossless")), "{failure:#}");
}

on_both_ffmpeg_versions! {
    fn only_sound_that_changes_is_encoded(version) {
        let user = User::with(version);
        let source = recording(&user, "film.ts", [STEREO, SURROUND]);
        let (file, finished) = made(&user, &source, &["--to", "mp4"]);
        let told = format!("{}{}", finished["warnings"], finished["notes"]);
        assert!(told.contains("The sound changes its channels") && told.contains("the picture (h264)"), "{told}");
        assert_eq!(codecs(&file), ["h264", "aac"]);
        assert_in_sync(&file);
        assert_refused(&user, &source, "changes its channels or its sample rate at 00:00:03.0");
    }

    fn a_picture_that_changes_is_encoded(version) {
        let user = User::with(version);
        let source = recording(&user, "stations.ts", [AAC, OTHER]);
        let (file, finished) = made(&user, &source, &["--to", "mp4"]);
        let told = finished["warnings"].to_string();
        assert!(told.contains("The picture changes") && told.contains("The sound changes"), "{told}");
        assert_in_sync(&file);
        let (frames, errors) = decode(&file);
        assert!(errors.is_empty() && (148..=152).contains(&frames), "{frames} {errors}");
        assert_refused(&user, &source, "so it can't be copied");
    }

    fn a_part_of_a_broadcast_that_is_copied_has_its_sound_to_the_end(version) {
        let user = User::with(version);
        let source = recording(&user, "film.ts", [STEREO, SURROUND]);
        // Before the change, from a start at which the sound is there before the picture.
        let (file, _) = made(&user, &source, &["--to", "mkv", "--lossless", "--end", "2.5"]);
        let ends = ["v:0", "a:0"].map(|stream| times(&file, stream).into_iter().fold(0.0, f64::max));
        assert!((2.3..2.6).contains(&ends[0]), "{ends:?}");
        assert!((ends[0] - ends[1]).abs() < 0.06, "{ends:?}");
        assert_eq!(decode(&file).1, "");
    }
}
