//! Broadcasts that change their format midway: what changes is encoded, what does not is copied, and cuts keep all of their
//! sound.

use std::{path::Path, process::Command};

use super::{codecs, convert, flashes_and_beeps, made, times};
use crate::support::{
    broadcast::{AAC, FLASHES, OTHER, STEREO, SURROUND, pictures, recording},
    ffmpeg::{decode, on_both_ffmpeg_versions},
    output_of,
    picture::brightness_at,
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

    fn a_picture_that_changes_its_shape_is_encoded(version) {
        let user = User::with(version);
        let [narrow, wide] = ["4/3", "16/9"].map(|shape| format!("color=white:size=720x576:rate=25,setdar={shape}"));
        let options = "-c:v libx264 -preset ultrafast -g 25 -pix_fmt yuv420p";
        let source = pictures(&user, "evening.ts", [(&narrow, options), (&wide, options)]);
        let (file, finished) = made(&user, &source, &["--to", "mkv"]);
        assert!(finished["warnings"].to_string().contains("The picture changes its aspect ratio at 00:00:03."), "{finished:#}");
        let top = brightness_at(&file, 0.5, 0.05);
        assert!(top[..74].iter().all(|bright| *bright > 200) && top[78..].iter().all(|bright| *bright < 40), "{top:?}");
        assert_refused(&user, &source, "changes its aspect ratio at 00:00:03.");
    }

    fn a_part_of_a_broadcast_begins_at_the_keyframe_before_its_start(version) {
        let user = User::with(version);
        let source = user.path("open.ts");
        let mut command = Command::new(version.program());
        command.args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25", "-f", "lavfi", "-i", "sine=440"]);
        // Keyframes that are shown long after they are decoded, and pictures before them that need those before.
        command.args("-t 10 -c:v libx264 -preset fast -g 50 -bf 8 -b_strategy 0 -sc_threshold 0 -c:a mp2".split(' '));
        output_of({ command.args(["-x264-params", "open-gop=1"]).arg(&source); command });
        for (start, pictures) in [("3.3", 200), ("5.9", 150), ("8.2", 50)] {
            let user = User::with(version);
            let (file, _) = made(&user, &source, &["--to", "mkv", "--lossless", "--start", start]);
            let pictures = pictures..=pictures + 1;
            let (decoded, complaints) = decode(&file);
            assert!(pictures.contains(&decoded), "{decoded} pictures from {start} s on: {complaints}");
            let [picture, sound] = ["v:0", "a:0"].map(|stream| times(&file, stream)[0]);
            assert!((picture - sound).abs() < 0.05, "the picture begins at {picture}, the sound at {sound}");
        }
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
