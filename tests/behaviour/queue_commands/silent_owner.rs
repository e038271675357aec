//! The process that has the queue open was stopped.

use std::process::{Child, Stdio};

use rustix::process::{Signal, kill_process};

use super::{add, assert_refused, call, id_of, queue};
use crate::{
    resume::slow_ffmpeg,
    support::{clips, ffmpeg::FfmpegVersion, user::User, wait_for},
};

/// Whether the process has a handler for Ctrl-C.
fn hears_interrupts(child: &Child) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    caught & (1 << (Signal::INT.as_raw() - 1)) != 0
}

#[test]
fn an_owner_that_does_not_answer_is_named_and_ctrl_c_ends_the_wait() {
    let user = User::new();
    add(&user, &[clips::LANDSCAPE.path().to_str().unwrap()]);
    let mut run = queue(&user, &["run"]);
    run.env("REELPRESS_FFMPEG", slow_ffmpeg(&user, FfmpegVersion::System));
    let mut running = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for("an encoder at work", || (!user.process_ids_running("ffmpeg").is_empty()).then_some(()));
    kill_process(id_of(&running), Signal::STOP).unwrap();

    let id = running.id();
    let words = [format!("(process {id}) does not answer"), format!("kill -CONT {id}")];
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    assert_refused(&call(&user, &["list"]), 1, &words);
    assert_refused(&call(&user, &["cancel", "landscape"]), 1, &words);

    let mut waiting = queue(&user, &["list"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for("a handler for Ctrl-C", || hears_interrupts(&waiting).then_some(()));
    kill_process(id_of(&waiting), Signal::INT).unwrap();
    assert_eq!(waiting.wait().unwrap().code(), Some(130), "not the 1 of an owner that was given up");

    kill_process(id_of(&running), Signal::CONT).unwrap();
    super::done(&user, &["cancel", "landscape"]);
    running.wait().unwrap();
    // One that only tells what ffmpeg can do ends by itself.
    wait_for("the end of its processes", || user.processes().is_empty().then_some(()));
}
