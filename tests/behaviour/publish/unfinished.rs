//! What is no finished stream is refused before anything is sent.

use std::{
    path::{Path, PathBuf},
    process::{Output, Stdio},
};

use rustix::process::{Signal, kill_process};
use tokio::runtime::Runtime;

use super::objects;
use crate::{
    resume::{fewest_segments, slow_ffmpeg},
    support::{
        clips,
        ffmpeg::FfmpegVersion,
        object_store::{new_bucket, shared_endpoint},
        user::{Ended, User},
        wait_for,
    },
};

/// `reelpress publish` of this folder.
fn publish(user: &User, folder: &Path, bucket: &str) -> Output {
    let mut command = user.reelpress();
    command.arg("publish").arg(folder).arg(format!("s3://{bucket}/films")).args(["--endpoint", &shared_endpoint()]);
    crate::support::run(command)
}

#[track_caller]
fn assert_refused(output: &Output, exit_code: i32, words: &[&str]) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(exit_code), "{errors}");
    assert!(words.iter().all(|word| errors.contains(word)), "{words:?} are not in: {errors}");
}

#[test]
fn a_half_made_stream_is_refused_with_what_finishes_it() {
    let runtime = Runtime::new().unwrap();
    let location = new_bucket(&runtime, &shared_endpoint());
    let user = User::new();
    let source = clips::NUMBERED.path();
    let flags = ["--speed", "ultrafast"].map(Into::into);
    let call = || user.encode_command_to(user.output().as_os_str(), &flags, &[&source], "quick");
    let made: PathBuf = user.stream_of(&source).folder;

    let mut slow = call();
    slow.env("REELPRESS_FFMPEG", slow_ffmpeg(&user, FfmpegVersion::System));
    let mut child = slow.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for("a finished segment", || (fewest_segments(&made) >= 1).then_some(()));
    // It stays as it is while this is looked at.
    let running = || ["reelpress", "ffmpeg"].into_iter().flat_map(|name| user.process_ids_running(name));
    running().for_each(|process| kill_process(process, Signal::STOP).unwrap());
    for folder in [&made, &user.output()] {
        let refused = publish(&user, folder, &location.bucket);
        assert_refused(&refused, 1, &["numbered is not finished", "Wait until the job that makes it is done"]);
    }
    running().for_each(|process| kill_process(process, Signal::KILL).unwrap());
    child.wait().unwrap();
    let refused = publish(&user, &made, &location.bucket);
    assert_refused(&refused, 1, &["numbered is not finished", "The same “reelpress encode” goes on with it"]);
    assert!(objects(&runtime, &location).is_empty(), "it is known before anything is sent");

    Ended::of(call()).assert_all_done();
    let published = publish(&user, &made, &location.bucket);
    assert_eq!(published.status.code(), Some(0), "{}", String::from_utf8_lossy(&published.stderr));
    assert!(objects(&runtime, &location).contains_key("films/numbered/master.m3u8"));
}

#[test]
fn a_stream_with_a_segment_that_was_cut_off_or_is_empty_is_refused_before_anything_is_sent() {
    let runtime = Runtime::new().unwrap();
    let location = new_bucket(&runtime, &shared_endpoint());
    let user = User::new();
    user.encode(&[&clips::SMALL.path()], "quick").assert_all_done();
    let folder = user.output().join("small");
    let [segment, init] = ["180p/segment_00000.m4s", "180p/init.mp4"].map(|path| folder.join(path));
    for (file, cut, words) in [
        (&segment, 100, "within its box “mdat”"),
        (&segment, 50_000, "and a playlist names"),
        (&segment, usize::MAX, "it is empty"),
        (&init, 100, "within its box “moov”"),
    ] {
        let whole = std::fs::read(file).unwrap();
        std::fs::write(file, &whole[..whole.len().saturating_sub(cut)]).unwrap();
        let refused = publish(&user, &folder, &location.bucket);
        assert_refused(&refused, 1, &[&file.display().to_string(), "is not whole", words]);
        assert!(objects(&runtime, &location).is_empty(), "it is known before anything is sent");
        std::fs::write(file, whole).unwrap();
    }
    let published = publish(&user, &folder, &location.bucket);
    assert_eq!(published.status.code(), Some(0), "{}", String::from_utf8_lossy(&published.stderr));
}

#[test]
fn a_file_in_place_of_a_folder_is_told_as_such() {
    let user = User::new();
    let file = user.file("master.m3u8", b"#EXTM3U\n");
    assert_refused(&publish(&user, &file, "films"), 2, &["master.m3u8 is no folder", "Give the folder"]);
    assert_refused(&publish(&user, &file.join("720p"), "films"), 2, &["There is no folder"]);
}
