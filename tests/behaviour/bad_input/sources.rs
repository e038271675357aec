//! Files that are no video, or not there.

use super::{assert_failed_alone, assert_nothing_left};
use crate::support::{
    clips,
    user::{Ended, User},
};

/// Encodes a bad source together with a good one: the bad one fails, the good one becomes a stream.
#[track_caller]
fn assert_fails_beside_a_good_one(user: &User, bad: &std::path::Path, kind: &str) {
    let ended = user.encode(&[bad, &clips::sample()], "quick");
    let name = bad.file_name().expect("a file name").to_string_lossy();
    assert_failed_alone(&ended, kind, &name);
    assert_eq!(ended.events_named("job_finished").len(), 1, "{:#?}", ended.events);
    assert_nothing_left(user, &["sample"]);
}

#[test]
fn a_file_that_is_not_there() {
    let user = User::new();
    let missing = user.path("missing.mp4");
    assert_fails_beside_a_good_one(&user, &missing, "source_unreadable");
}

#[test]
fn a_file_that_is_not_there_and_begins_with_a_dash() {
    let user = User::new();
    let missing = user.path("-y.mp4");
    assert_fails_beside_a_good_one(&user, &missing, "source_unreadable");
}

#[test]
fn a_file_that_is_not_there_is_told_before_the_others_are_encoded() {
    let user = User::new();
    let files = [&*clips::sample(), &user.path("missing.mp4")];
    let one_at_a_time = ["--jobs".into(), "1".into()];
    let ended = Ended::of(user.encode_command_to(user.output().as_os_str(), &one_at_a_time, &files, "quick"));
    let ends = ended.events.iter().filter_map(|event| event["event"].as_str());
    let ends: Vec<_> = ends.filter(|name| ["job_failed", "job_finished"].contains(name)).collect();
    assert_eq!(ends, ["job_failed", "job_finished"]);
}

#[test]
fn a_folder_without_a_video() {
    let user = User::new();
    let folder = user.path("holiday");
    std::fs::create_dir(&folder).expect("the user's folder can be written");
    std::fs::write(folder.join("notes.txt"), "buy milk").expect("a file");
    assert_fails_beside_a_good_one(&user, &folder, "source_invalid");
}

#[test]
fn an_empty_file() {
    let user = User::new();
    let empty = user.file("empty.mp4", b"");
    assert_fails_beside_a_good_one(&user, &empty, "source_invalid");
}

#[test]
fn text_under_the_name_of_a_video() {
    let user = User::new();
    let text = user.file("letter.mp4", b"Dear Sir or Madam,\nthis is not a video.\n");
    assert_fails_beside_a_good_one(&user, &text, "source_invalid");
}

#[test]
fn a_download_that_broke_off_before_the_index() {
    let user = User::new();
    let content = std::fs::read(clips::LANDSCAPE.path()).expect("a clip");
    let truncated = user.file("half.mp4", &content[..content.len() / 2]);
    assert_fails_beside_a_good_one(&user, &truncated, "source_invalid");
}

#[test]
fn subtitles_alone() {
    let user = User::new();
    let path = user.file("words.srt", b"1\n00:00:01,000 --> 00:00:02,000\nHello\n\n");
    assert_fails_beside_a_good_one(&user, &path, "source_invalid");
}

#[test]
#[cfg(unix)]
fn a_pipe_that_nobody_writes_to() {
    let user = User::new();
    let pipe = user.path("pipe.mp4");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert_fails_beside_a_good_one(&user, &pipe, "source_unreadable");
}
