//! `reelpress thumbnails` makes poster, thumbnails and storyboard without an encode, the same as an encode makes.

use std::{ffi::OsString, os::unix::fs::PermissionsExt, path::Path};

use crate::support::{
    clips::{self, Clip},
    ffmpeg::{FfmpegVersion, on_both_ffmpeg_versions, stream_facts},
    object_store,
    user::{Ended, User},
};

fn thumbnails(user: &User, source: &Path, flags: &[&str]) -> Ended {
    let mut command = user.reelpress();
    command.args(["thumbnails", "--json", "--out"]).arg(user.output()).args(flags).arg("--").arg(source);
    Ended::of(command)
}

/// The pictures of a clip, made alone and by an encode, are the same files with the same content.
fn assert_same_as_of_an_encode(clip: &Clip, version: FfmpegVersion, flags: &[&str]) -> User {
    let (alone, encoder) = (User::with(version), User::with(version));
    let source = clip.path();
    thumbnails(&alone, &source, flags).assert_all_done();
    let options: Vec<OsString> = ["--speed", "ultrafast"].iter().chain(flags).map(OsString::from).collect();
    let encode = encoder.encode_command_to(encoder.output().as_os_str(), &options, &[&source], "source");
    Ended::of(encode).assert_all_done();
    let pictures: Vec<String> = encoder.output_files();
    let is_picture = |file: &String| file.contains("/images/") || file.contains("/storyboard/");
    let pictures: Vec<String> = pictures.into_iter().filter(is_picture).collect();
    assert!(pictures.len() >= 4, "{pictures:?}");
    assert_eq!(alone.output_files(), pictures, "{}", clip.name);
    for picture in &pictures {
        let content = |user: &User| std::fs::read(user.output().join(picture)).expect("a picture");
        assert!(content(&alone) == content(&encoder), "{}: {picture} is another picture", clip.name);
    }
    alone
}

on_both_ffmpeg_versions! {
    fn pictures_of_awkward_sources_are_those_of_an_encode(version) {
        assert_same_as_of_an_encode(&clips::ROTATED, version, &[]);
        assert_same_as_of_an_encode(&clips::HDR10, version, &["--storyboard"]);
        assert_same_as_of_an_encode(&clips::BROADCAST, version, &[]);
    }

    fn only_what_lies_around_the_times_is_decoded(version) {
        let user = User::with(version);
        // Says what it is asked for, and is the real one otherwise.
        let log = user.path("asked");
        let script = format!("#!/bin/sh\necho \"$*\" >>'{}'\nexec '{}' \"$@\"\n", log.display(), version.program().display());
        let ffmpeg = user.file("telling-ffmpeg", script.as_bytes());
        std::fs::set_permissions(&ffmpeg, std::fs::Permissions::from_mode(0o755)).expect("a script");
        let mut command = user.reelpress();
        command.args(["thumbnails", "--json", "--thumbnail-times", "5,50", "--thumbnail-width", "320", "--thumbnail-format", "jpeg", "--out"]);
        command.arg(user.output()).arg(clips::MINUTE.path()).env("REELPRESS_FFMPEG", &ffmpeg);
        Ended::of(command).assert_all_done();
        let images = ["poster.jpg", "thumbnail_1.jpg", "thumbnail_2.jpg"];
        assert_eq!(user.output_files(), images.map(|name| format!("minute/images/{name}")));
        let asked = std::fs::read_to_string(&log).expect("what was asked");
        let runs: Vec<&str> = asked.lines().filter(|line| line.contains("picture_%04d.jpg")).collect();
        assert!(runs.len() == 2 && !runs[0].contains(" -ss ") && runs[1].contains(" -ss 47"), "{runs:#?}");
        assert!(!asked.contains("libx264"), "something was encoded: {asked}");
        let first = user.output().join("minute/images/thumbnail_1.jpg");
        assert_eq!(stream_facts(&first)["width"], 320);
        // The frame at that very time, of a film of which each frame differs.
        let second = image::open(user.output().join("minute/images/thumbnail_2.jpg")).expect("a picture").to_rgb8();
        let difference_to = |frame: usize| {
            let shown = crate::support::picture::whole(&clips::MINUTE.path(), frame, (second.width(), second.height()));
            let sum: u64 = shown.iter().zip(second.as_raw()).map(|(one, other)| u64::from(one.abs_diff(*other))).sum();
            sum as f64 / shown.len() as f64
        };
        let own = difference_to(1250);
        assert!(own < 6.0 && own < difference_to(1225), "{own}, and {} a second before", difference_to(1225));
    }
}

#[test]
fn sound_alone_has_its_waveform() {
    let user = User::new();
    let source = user.path("beep.wav");
    let mut command = std::process::Command::new(FfmpegVersion::System.program());
    command.args(["-v", "error", "-f", "lavfi", "-i", "sine=700:sample_rate=48000:duration=2"]).arg(&source);
    crate::support::output_of(command);
    thumbnails(&user, &source, &["--thumbnail-format", "webp"]).assert_all_done();
    assert_eq!(user.output_files(), ["beep/images/poster.jpg", "beep/images/thumbnail_1.webp"]);
}

#[test]
fn times_after_the_end_are_told_and_a_job_without_others_is_refused_before_its_start() {
    let user = User::new();
    let ended = thumbnails(&user, &clips::sample(), &["--thumbnail-times", "500,1,00:02:00.5"]);
    ended.assert_all_done();
    assert_eq!(user.output_files(), ["sample/images/poster.jpg", "sample/images/thumbnail_1.jpg"]);
    let warnings = ended.events_named("job_finished")[0]["warnings"].to_string();
    let told = "The thumbnails at 00:08:20, 00:02:00.5 are left out: the video ends at 00:00:";
    assert!(warnings.contains(told), "{warnings}");
    let ended = thumbnails(&user, &clips::sample(), &["--thumbnail-times", "100"]);
    let failure = &ended.events_named("job_failed")[0]["failure"];
    assert_eq!((ended.exit_code, &failure["kind"]), (Some(1), &"invalid_request".into()), "{failure:#}");
    assert!(failure["hint"].as_str().is_some_and(|hint| hint.contains("10%,50%")), "{failure:#}");
    assert_eq!(user.output_files().len(), 2);
}

#[test]
fn a_time_after_the_picture_of_a_source_that_goes_on_is_told() {
    let user = User::new();
    let source = user.path("short picture.ts");
    let mut command = std::process::Command::new(FfmpegVersion::System.program());
    command.args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25:duration=2", "-f", "lavfi", "-i"]);
    command.args(["sine=500:duration=6", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"]).arg(&source);
    crate::support::output_of(command);
    let ended = thumbnails(&user, &source, &["--thumbnail-times", "1,5"]);
    ended.assert_all_done();
    assert_eq!(user.output_files(), ["short picture/images/poster.jpg", "short picture/images/thumbnail_1.jpg"]);
    let warnings = ended.events_named("job_finished")[0]["warnings"].to_string();
    assert!(warnings.contains("The thumbnail at 00:00:05 is left out"), "{warnings}");
}

#[test]
fn what_has_no_picture_leaves_nothing_behind() {
    let user = User::new();
    let source = user.file("text.mp4", b"no film");
    let ended = thumbnails(&user, &source, &[]);
    assert_eq!(ended.exit_code, Some(1));
    assert_eq!(ended.events_named("job_failed").len(), 1);
    assert_eq!(user.output_files(), Vec::<String>::new());
}

#[test]
fn pictures_alone_are_published_and_not_lost_when_a_store_refuses_them() {
    let endpoint = object_store::shared_endpoint();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let bucket = object_store::new_bucket(&runtime, &endpoint).bucket;
    let user = User::new();
    let make = |destination: &str, keep: Option<&str>| {
        let mut command = user.reelpress();
        command.args(["thumbnails", "--json", "--thumbnail-times", "1,3", "--storyboard", "--endpoint", &endpoint]);
        command.args(["--out", destination]);
        if let Some(keep) = keep {
            command.arg("--keep").arg(user.path(keep));
        }
        command.arg(clips::sample());
        Ended::of(command)
    };
    let ended = make(&format!("s3://{bucket}/films"), None);
    ended.assert_all_done();
    let files = ["poster.jpg", "thumbnail_1.jpg", "thumbnail_2.jpg"].map(|name| format!("sample/images/{name}"));
    let client = object_store::client(&endpoint);
    for file in &files {
        let head = runtime.block_on(client.head_object().bucket(&bucket).key(format!("films/{file}")).send());
        assert_eq!(head.expect(file).content_type(), Some("image/jpeg"));
    }
    let finished = ended.events_named("job_finished")[0];
    let urls: Vec<&str> = finished["urls"].as_array().expect("urls").iter().filter_map(|url| url.as_str()).collect();
    assert!(files.iter().all(|file| urls.iter().any(|url| url.ends_with(file))), "{urls:?}");
    assert!(finished["folder"].is_null() && user.output_files().is_empty(), "{finished:#}");

    let ended = make(&format!("s3://{bucket}-that-is-not-there/films"), Some("kept"));
    assert_eq!(ended.exit_code, Some(1));
    assert_eq!(ended.events_named("job_failed")[0]["failure"]["kind"], "bucket_missing", "{}", ended.stderr);
    let kept = crate::support::user::files_under(&user.path("kept"));
    assert!(files.iter().all(|file| kept.contains(file)), "made pictures are not lost: {kept:?}");
}
