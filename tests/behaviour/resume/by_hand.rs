//! What a user sees and can choose when an encode was interrupted.

use std::{io::Write, path::Path, time::Duration};

use super::{
    Ended, FfmpegVersion, Stdio, User, assert_same_stream, clips, command, fewest_segments, kill_after, kill_process,
    slow_ffmpeg, stream_in,
};
use crate::support::{clips::Clip, ffmpeg::decode, stream::Stream, user::files_under, wait_for};
use rustix::process::{Pid, Signal};

const SYSTEM: FfmpegVersion = FfmpegVersion::System;
const NOW: Duration = Duration::ZERO;

/// The only warning of a call that began again, and whether its stream is whole.
fn warning_of(user: &User, ended: &Ended, clip: &Clip) -> String {
    ended.assert_all_done();
    assert!(ended.events_named("job_planned")[0]["goes_on_at_seconds"].is_null());
    let stream = Stream::at(stream_in(user, "output", clip));
    let whole = stream.whole(&stream.video_renditions()[0], &user.path(""));
    assert_eq!(decode(&whole), (clip.frames, String::new()));
    assert_eq!(std::fs::read_dir(user.path("output")).expect("a folder").count(), 1, "the half stream is gone");
    ended.events_named("job_finished")[0]["warnings"][0].as_str().unwrap_or_default().to_owned()
}

#[test]
fn fresh_starts_over() {
    let user = User::new();
    kill_after(&user, (SYSTEM, &clips::NUMBERED), &[], (1, NOW));
    let ended = Ended::of(command(&user, "output", &clips::NUMBERED, &["--fresh"]));
    let warning = warning_of(&user, &ended, &clips::NUMBERED);
    assert_eq!(warning, "The interrupted encode began again: as asked");
}

#[test]
fn a_call_that_was_killed_before_it_noted_anything_leaves_its_folder_to_the_next() {
    for left in [&[][..], &["lock"], &["lock", ".reelpress-Ab12Cd"]] {
        let user = User::new();
        let made = stream_in(&user, "output", &clips::NUMBERED);
        let marker = made.join(".reelpress-unfinished");
        std::fs::create_dir_all(&marker).expect("the user's folder can be written");
        left.iter().for_each(|name| std::fs::write(marker.join(name), "").expect("the user's folder can be written"));
        let ended = Ended::of(command(&user, "output", &clips::NUMBERED, &[]));
        assert_eq!(warning_of(&user, &ended, &clips::NUMBERED), "", "{left:?}");
        assert!(!marker.exists(), "{left:?}");
    }
}

#[test]
fn other_settings_start_over_and_say_so() {
    let user = User::new();
    kill_after(&user, (SYSTEM, &clips::NUMBERED), &[], (1, NOW));
    let ended = Ended::of(command(&user, "output", &clips::NUMBERED, &["--flip", "horizontal"]));
    let warning = warning_of(&user, &ended, &clips::NUMBERED);
    assert_eq!(warning, "The interrupted encode began again: the settings are others");
}

#[test]
fn a_source_that_has_changed_starts_over_and_says_so() {
    let user = User::new();
    let source = user.path("numbered.mp4");
    std::fs::copy(clips::NUMBERED.path(), &source).expect("the user's folder can be written");
    let call = || {
        let flags = ["--speed", "ultrafast"].map(Into::into);
        user.encode_command_to(user.path("output").as_os_str(), &flags, &[&source], "quick")
    };
    let mut slow = call();
    slow.env("REELPRESS_FFMPEG", slow_ffmpeg(&user, SYSTEM)).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = slow.spawn().expect("reelpress starts");
    let made = stream_in(&user, "output", &clips::NUMBERED);
    wait_for("a finished segment", || (fewest_segments(&made) >= 1).then_some(()));
    child.kill().expect("it runs");
    child.wait().expect("the child is ours");
    let mut file = std::fs::File::options().append(true).open(&source).expect("the source is there");
    file.write_all(&[0, 0, 0, 8, b'f', b'r', b'e', b'e']).expect("it can be written");
    let warning = warning_of(&user, &Ended::of(call()), &clips::NUMBERED);
    assert_eq!(warning, "The interrupted encode began again: the source has changed");
}

#[test]
fn trim_fades_and_a_watermark_keep_their_times_when_an_encode_goes_on() {
    let user = User::new();
    let mark = user.path("mark.png");
    let mut draw = std::process::Command::new(SYSTEM.program());
    draw.args(["-v", "error", "-f", "lavfi", "-i", "color=red:s=40x40", "-frames:v", "1"]).arg(&mark);
    crate::support::output_of(draw);
    let mark = mark.to_str().expect("a temporary folder");
    let flags = ["--start", "2.2", "--end", "17", "--fade-in", "8", "--fade-out", "5", "--denoise=medium"];
    let flags: Vec<&str> =
        flags.into_iter().chain(["--watermark", mark, "--watermark-from", "5", "--watermark-until", "8"]).collect();
    Ended::of(command(&user, "whole", &clips::NUMBERED, &flags)).assert_all_done();
    kill_after(&user, (SYSTEM, &clips::NUMBERED), &flags, (1, NOW));
    let ended = Ended::of(command(&user, "output", &clips::NUMBERED, &flags));
    ended.assert_all_done();
    assert_eq!(ended.events_named("job_planned")[0]["goes_on_at_seconds"].as_f64(), Some(6.0));
    let [whole, made] = ["whole", "output"].map(|folder| stream_in(&user, folder, &clips::NUMBERED));
    assert_same_stream(&user, &whole, &made);
}

#[test]
fn an_encoder_that_is_killed_goes_on_by_itself() {
    goes_on_after(Signal::KILL, |made| fewest_segments(made) >= 1);
}

#[test]
fn an_encoder_that_is_killed_before_it_has_finished_anything_begins_again_by_itself() {
    goes_on_after(Signal::KILL, |made| files_under(made).iter().any(|file| file.ends_with("init.mp4")));
}

#[test]
fn an_encoder_that_stands_still_is_ended_and_goes_on() {
    goes_on_after(Signal::STOP, |made| fewest_segments(made) >= 1);
}

/// As with Ctrl-Z and fg in a shell: ffmpeg has filled its pipe meanwhile and waits.
#[test]
fn a_program_that_is_stopped_for_longer_than_an_encoder_may_stand_still_ends_no_encoder() {
    let user = User::new();
    let mut call = command(&user, "output", &clips::NUMBERED, &[]);
    call.env("REELPRESS_FFMPEG", slow_ffmpeg(&user, SYSTEM)).env("REELPRESS_STALL_SECONDS", "2");
    call.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = call.spawn().expect("reelpress starts");
    let made = stream_in(&user, "output", &clips::NUMBERED);
    wait_for("a finished segment", || (fewest_segments(&made) >= 1).then_some(()));
    let encoders = user.process_ids_running("ffmpeg");
    let program = Pid::from_child(&child);
    kill_process(program, Signal::STOP).expect("it gets the signal");
    std::thread::sleep(Duration::from_secs(4));
    kill_process(program, Signal::CONT).expect("it gets the signal");
    let mut seen = Vec::new();
    wait_for("the next segment", || {
        seen = user.process_ids_running("ffmpeg");
        (fewest_segments(&made) >= 2).then_some(())
    });
    assert_eq!(seen, encoders, "the same encoder goes on");
    assert!(child.wait().expect("the child is ours").success());
    let stream = Stream::at(made);
    assert_eq!(decode(&stream.whole("180p", &user.path(""))), (clips::NUMBERED.frames, String::new()));
}

/// Lets a signal reach the encoder when this much is made, after which it does nothing more: another one has to finish
/// the stream.
fn goes_on_after(signal: Signal, is_time: impl Fn(&Path) -> bool) {
    let user = User::new();
    Ended::of(command(&user, "whole", &clips::NUMBERED, &[])).assert_all_done();
    let mut call = command(&user, "output", &clips::NUMBERED, &[]);
    call.env("REELPRESS_FFMPEG", slow_ffmpeg(&user, SYSTEM)).env("REELPRESS_STALL_SECONDS", "3");
    call.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = call.spawn().expect("reelpress starts");
    let made = stream_in(&user, "output", &clips::NUMBERED);
    wait_for("the moment of the signal", || is_time(&made).then_some(()));
    let encoder = user.process_ids_running("ffmpeg").into_iter().next().expect("ffmpeg is at work");
    kill_process(encoder, signal).expect("it gets the signal");
    assert!(child.wait().expect("the child is ours").success());
    assert_same_stream(&user, &stream_in(&user, "whole", &clips::NUMBERED), &made);
}

/// Each call has an id of its own, and goes on all the same in the folder of the first one.
#[test]
fn a_folder_named_after_the_job_is_found_again_when_the_call_is_typed_again() {
    let user = User::new();
    for (flags, parent) in
        [(["--template", "videos/{id}/{rung}-{id}"], "videos"), (["--layout", "rung-folders"], "hls")]
    {
        let call = || command(&user, "output", &clips::NUMBERED, &flags);
        let mut slow = call();
        slow.env("REELPRESS_FFMPEG", slow_ffmpeg(&user, SYSTEM)).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = slow.spawn().expect("reelpress starts");
        let segments = |number: u32| {
            let name = format!("segment_{number:05}.m4s");
            user.output_files().into_iter().filter(|file| file.starts_with(parent) && file.ends_with(&name)).count()
        };
        wait_for("a second segment", || (segments(1) > 0).then_some(()));
        for process in ["reelpress", "ffmpeg"].iter().flat_map(|name| user.process_ids_running(name)) {
            // One may have ended with the other.
            let _ = kill_process(process, Signal::KILL);
        }
        child.wait().expect("the child is ours");
        let jobs = || -> Vec<_> {
            let entries = std::fs::read_dir(user.output().join(parent)).expect("a folder").flatten();
            entries.map(|entry| entry.file_name()).collect()
        };
        let before = jobs();
        assert_eq!(before.len(), 1);

        let ended = Ended::of(call());
        ended.assert_all_done();
        assert!(ended.events_named("job_planned")[0]["goes_on_at_seconds"].as_f64() >= Some(6.0));
        assert_eq!(ended.events_named("job_finished")[0]["warnings"].as_array().map(Vec::len), Some(0));
        assert_eq!(jobs(), before, "it went on where it was");
        // A finished stream is left alone by the next call.
        Ended::of(call()).assert_all_done();
        assert_eq!(jobs().len(), 2);
        let mut check = user.reelpress();
        check.arg("check").arg(user.output().join(parent).join(&before[0]));
        crate::support::output_of(check);
    }
}
