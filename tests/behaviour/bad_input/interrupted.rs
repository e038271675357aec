//! Jobs that are interrupted while they encode.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{assert_failed_alone, assert_nothing_left};
use crate::support::{
    clips,
    user::{Ended, User},
};

/// An encode that has come so far that a stream can be played.
struct Running {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
    events: Vec<Value>,
}

impl Running {
    /// Starts an encode and returns as soon as the first segments can be played.
    fn until_playable(user: &User, files: &[&Path]) -> Self {
        let running = Self::until(user, files, |event| event["playable_seconds"].is_number());
        assert!(user.processes().len() >= 2, "ffmpeg is not at work: {:?}", user.processes());
        running
    }

    /// Ends it as Ctrl-C does.
    fn interrupt(self) -> Ended {
        self.signal(Signal::INT);
        let ended = self.end();
        assert_eq!(ended.exit_code, Some(130), "{}", ended.stderr);
        ended
    }

    /// Starts an encode and returns with the first event for which this is true.
    fn until(user: &User, files: &[&Path], is_reached: impl Fn(&Value) -> bool) -> Self {
        let mut command = user.encode_command(files, "quick");
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("reelpress starts");
        let lines = BufReader::new(child.stdout.take().expect("its output is piped")).lines();
        let mut running = Self { child, lines, events: Vec::new() };
        while let Some(event) = running.next_event() {
            if is_reached(&event) {
                return running;
            }
        }
        panic!("the encode ended before it could be interrupted: {:#?}", running.end());
    }

    fn next_event(&mut self) -> Option<Value> {
        let line = self.lines.next()?.expect("UTF-8");
        let event: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
        self.events.push(event.clone());
        Some(event)
    }

    fn end(mut self) -> Ended {
        while self.next_event().is_some() {}
        let mut stderr = String::new();
        self.child.stderr.take().expect("its errors are piped").read_to_string(&mut stderr).expect("UTF-8");
        let status = self.child.wait().expect("the child can be waited for");
        Ended { exit_code: status.code(), events: self.events, stderr }
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(id, signal).expect("the program still runs");
    }
}

/// Gives up what an interrupted encode of this file has left.
fn discard(user: &User, file: &Path) -> Ended {
    Ended::of(user.encode_command_to(user.output().as_os_str(), &["--discard".into()], &[file], "quick"))
}

#[test]
fn ctrl_c_ends_the_program_and_ffmpeg_and_what_it_has_made_can_be_discarded() {
    let user = User::new();
    let ended = Running::until_playable(&user, &[&clips::MINUTE.path(), &clips::sample()]).interrupt();
    assert!(ended.events_named("job_finished").is_empty(), "{:#?}", ended.events);
    assert_eq!(user.processes(), Vec::<String>::new());
    let ended = discard(&user, &clips::MINUTE.path());
    assert_eq!(ended.exit_code, Some(0), "{}", ended.stderr);
    let discarded = ended.events_named("discarded");
    let folder = user.output().join("minute");
    assert_eq!(discarded.len(), 1, "{discarded:#?}");
    assert_eq!(discarded[0]["folder"].as_str(), folder.to_str(), "{discarded:#?}");
    assert_nothing_left(&user, &[]);
    let ended = discard(&user, &clips::MINUTE.path());
    assert_eq!((ended.exit_code, ended.events.len()), (Some(0), 0), "{:#?}", ended.events);
    assert!(ended.stderr.contains("nothing of an interrupted run"), "{}", ended.stderr);
}

#[test]
fn a_stream_that_is_being_made_or_is_finished_is_not_discarded() {
    let user = User::new();
    user.encode(&[&clips::sample()], "quick").assert_all_done();
    let ended = discard(&user, &clips::sample());
    assert_eq!((ended.exit_code, ended.events.len()), (Some(0), 0), "{:#?}", ended.events);
    assert!(user.output().join("sample/master.m3u8").is_file());
    let running = Running::until_playable(&user, &[&clips::MINUTE.path()]);
    let ended = discard(&user, &clips::MINUTE.path());
    assert_eq!(ended.exit_code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("is being made in"), "{}", ended.stderr);
    running.end().assert_all_done();
}

#[test]
fn a_source_that_is_overwritten_while_it_is_encoded_is_told_as_such_and_not_as_damaged() {
    let user = User::new();
    let source = user.file("film.mp4", &std::fs::read(clips::MINUTE.path()).expect("a clip"));
    let running = Running::until_playable(&user, &[&source]);
    // As another program does that exports it again.
    std::fs::write(&source, std::fs::read(clips::SMALL.path()).expect("a clip")).expect("the source can be written");
    let ended = running.end();
    assert_failed_alone(&ended, "source_vanished", "“film.mp4” was removed or changed while it was encoded");
    assert_nothing_left(&user, &[]);
}

#[test]
fn a_file_of_the_user_in_the_folder_of_a_discarded_stream_stays() {
    let user = User::new();
    let running = Running::until_playable(&user, &[&clips::MINUTE.path()]);
    let folder = user.output().join("minute");
    for name in ["notes.txt", "720p/cover.png"] {
        std::fs::write(folder.join(name), name).expect("the folder of the stream is there");
    }
    running.interrupt();
    assert_eq!(discard(&user, &clips::MINUTE.path()).exit_code, Some(0));
    assert_eq!(user.output_files(), ["minute/720p/cover.png", "minute/notes.txt"]);
    // The next stream of this name has a folder of its own.
    user.encode(&[&clips::MINUTE.path()], "quick").assert_all_done();
    assert!(user.output().join("minute-2/master.m3u8").is_file());
    assert_eq!(std::fs::read(folder.join("notes.txt")).expect("it is there"), b"notes.txt");
}

/// Programs that read the events learn of the end there too, and how to go on.
#[test]
fn the_events_of_an_interrupted_call_end_with_what_became_of_it() {
    let user = User::new();
    let ended = Running::until_playable(&user, &[&clips::MINUTE.path(), &clips::sample()]).interrupt();
    let last = ended.events.last().expect("events");
    assert_eq!(last["event"], "interrupted", "{last}");
    assert!(last["hint"].as_str().is_some_and(|hint| hint.contains("goes on where it was")), "{last}");
    let of_jobs = ended.events_named("job_interrupted");
    let jobs: std::collections::BTreeSet<&str> = of_jobs.iter().filter_map(|event| event["job"].as_str()).collect();
    assert_eq!((of_jobs.len(), jobs.len()), (2, 2), "{of_jobs:#?}");
    let reached = of_jobs.iter().filter_map(|event| event["reached_seconds"].as_f64()).fold(0.0, f64::max);
    assert!(reached >= 6.0, "{of_jobs:#?}");
}

/// Ctrl-C, a machine that goes down, a terminal that is closed: nobody has given the work up.
#[test]
fn what_was_interrupted_goes_on_when_the_same_command_is_typed_again() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let user = User::new();
        let running = Running::until_playable(&user, &[&clips::MINUTE.path()]);
        running.signal(signal);
        let ended = running.end();
        assert_eq!(ended.exit_code, Some(130), "{}", ended.stderr);
        assert!(ended.events_named("job_finished").is_empty());
        assert!(ended.stderr.contains("the same command goes on where it was"), "{}", ended.stderr);
        assert_eq!(user.processes(), Vec::<String>::new());
        let again = Running::until(&user, &[&clips::MINUTE.path()], |event| event["event"] == "job_planned");
        let goes_on_at = again.events.last().and_then(|planned| planned["goes_on_at_seconds"].as_f64());
        assert!(goes_on_at.is_some_and(|seconds| seconds >= 6.0), "{goes_on_at:?}");
        again.interrupt();
        assert_eq!(discard(&user, &clips::MINUTE.path()).exit_code, Some(0));
        assert_nothing_left(&user, &[]);
    }
}

#[test]
fn a_source_that_shrinks_while_it_is_read_fails_and_the_next_job_goes_on() {
    let user = User::new();
    let source = user.path("minute.mkv");
    remux(&clips::MINUTE.path(), &source);
    let running = Running::until_playable(&user, &[&source, &clips::sample()]);
    // As when a network drive goes away: what was not read yet is no longer there.
    let file = std::fs::File::options().write(true).open(&source).expect("the source is there");
    file.set_len(0).expect("it can be emptied");
    let ended = running.end();
    assert_failed_alone(&ended, "source_vanished", "minute.mkv");
    assert_nothing_left(&user, &["sample"]);
}

#[test]
fn a_source_that_is_deleted_while_it_is_read_fails_or_is_read_to_its_end() {
    let user = User::new();
    let source = user.path("minute.mkv");
    remux(&clips::MINUTE.path(), &source);
    let running = Running::until_playable(&user, &[&source, &clips::sample()]);
    std::fs::remove_file(&source).expect("it can be deleted");
    let ended = running.end();
    if ended.exit_code == Some(0) {
        // The system keeps an open file until it is closed: the stream is whole.
        let seconds: f32 =
            user.stream_of(&source).media_playlist("360p", "playlist.m3u8").segments.iter().map(|s| s.duration).sum();
        assert!((seconds - 60.0).abs() < 0.1, "{seconds} s of 60");
        assert_nothing_left(&user, &["minute", "sample"]);
    } else {
        assert_failed_alone(&ended, "source_vanished", "minute.mkv");
        assert_nothing_left(&user, &["sample"]);
    }
}

#[test]
fn an_encoder_that_is_killed_again_and_again_fails_its_job_and_the_next_goes_on() {
    let user = User::new();
    let running = Running::until_playable(&user, &[&clips::MINUTE.path(), &clips::sample()]);
    // The one that takes its place has not come farther when it is killed too.
    let mut killed = None;
    while !user.output().join("sample").exists() {
        let encoder = user.process_ids_running("ffmpeg").into_iter().find(|encoder| Some(*encoder) != killed);
        let works_on_the_first =
            || user.processes().iter().any(|line| line.contains("pipe:1") && line.contains("minute"));
        if let Some(encoder) = encoder.filter(|_| works_on_the_first()) {
            let _ = kill_process(encoder, Signal::KILL);
            killed = Some(encoder);
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let ended = running.end();
    assert_failed_alone(&ended, "encoder_failed", "minute.mp4");
    assert_nothing_left(&user, &["sample"]);
}

/// The same media in a file that is read from start to end, without an index that is read first.
fn remux(source: &Path, target: &Path) {
    let mut command = std::process::Command::new(crate::support::system_tool("ffmpeg"));
    command.args(["-v", "error", "-nostdin", "-i"]).arg(source).args(["-c", "copy"]).arg(target);
    crate::support::output_of(command);
}
