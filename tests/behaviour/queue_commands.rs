//! The queue of the window, from the terminal: with and without a window that has it open.

mod end_of_a_job;
mod end_of_queue;
mod export_and_import;
mod held;
mod history;
mod removal;
mod side_by_side;
mod silent_owner;

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Output, Stdio},
};

use jiff::{SignedDuration, Timestamp};
use reelpress::settings::AppFolders;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{
    clips, ffmpeg,
    user::{Ended, User},
    wait_for,
    window::Display,
};

/// `reelpress queue` with these arguments, in a terminal without a display.
fn queue(user: &User, arguments: &[&str]) -> std::process::Command {
    let mut command = user.reelpress();
    command.arg("queue").args(arguments).env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
    command.current_dir(user.path(""));
    command
}

fn call(user: &User, arguments: &[&str]) -> Output {
    crate::support::run(queue(user, arguments))
}

/// Calls, and gives standard output; panics when that fails.
#[track_caller]
fn done(user: &User, arguments: &[&str]) -> String {
    let output = call(user, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).expect("text")
}

#[track_caller]
fn assert_refused(output: &Output, exit_code: i32, words: &[&str]) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(exit_code), "{errors}");
    assert!(words.iter().all(|word| errors.contains(word)), "{words:?} are not in: {errors}");
}

/// What `queue list --json` tells of the jobs.
fn listed(user: &User) -> Vec<Value> {
    let text = done(user, &["list", "--json"]);
    let list: Value = serde_json::from_str(&text).expect("JSON");
    list["jobs"].as_array().expect("jobs").clone()
}

/// File name and state of each job, in order.
fn states(user: &User) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let name = |job: &Value| {
        let source = text(&job["source"]);
        Path::new(&source).file_name().expect("a file").to_string_lossy().into_owned()
    };
    listed(user).iter().map(|job| (name(job), text(&job["state"]))).collect()
}

/// What `queue list --json` tells of the working hours.
fn working_hours(user: &User) -> Value {
    let list: Value = serde_json::from_str(&done(user, &["list", "--json"])).expect("JSON");
    list["working_hours"].clone()
}

fn state(name: &str, state: &str) -> (String, String) {
    (name.to_owned(), state.to_owned())
}

/// A copy of the sample under this name.
fn video(user: &User, name: &str) -> PathBuf {
    let path = user.path(name);
    std::fs::copy(clips::sample(), &path).expect("the user's folder can be written");
    path
}

const QUICKLY: [&str; 6] = ["--preset", "quick", "--speed", "ultrafast", "--out", "output"];

fn add(user: &User, more: &[&str]) -> String {
    done(user, &[&["add"][..], &QUICKLY, more].concat())
}

#[test]
fn pictures_and_conversions_wait_in_the_queue_as_streams_do() {
    let user = User::new();
    let source = video(&user, "talk.mp4");
    for command in [
        &["thumbnails", "--queue", "--thumbnail-times", "1", "--out", "pictures"][..],
        &["convert", "--queue", "--to", "m4a", "--priority", "80", "--start-at", "2099-01-01T00:00:00Z"],
    ] {
        let mut call = user.reelpress();
        call.args(command).arg(&source).current_dir(user.path(""));
        let output = crate::support::run(call);
        let words = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && words.ends_with(" talk.mp4\n"), "{words}");
    }
    let jobs = listed(&user);
    let facts = |job: &Value| (job["preset"].clone(), job["priority"].clone());
    assert_eq!(facts(&jobs[0]), ("thumbnails".into(), 50.into()), "{jobs:#?}");
    assert_eq!(facts(&jobs[1]), ("convert".into(), 80.into()), "{jobs:#?}");
    assert!(!user.path("talk.m4a").exists() && !user.path("pictures").exists(), "nothing has started");
    done(&user, &["start", jobs[1]["id"].as_str().expect("an id")]);
    done(&user, &["run"]);
    assert!(user.path("talk.m4a").is_file());
    assert!(user.path("pictures/talk/images/thumbnail_1.jpg").is_file());
}

#[track_caller]
fn assert_whole(user: &User, source: &Path) {
    let (frames, complaints) = ffmpeg::decode(&user.stream_of(source).whole("720p", &user.path("")));
    assert_eq!((frames, complaints.as_str()), (132, ""), "{}", source.display());
}

fn id_of(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).expect("an id")).expect("an id")
}

#[test]
fn a_second_start_hands_its_files_to_the_window_which_comes_to_the_front() {
    let user = User::new();
    user.save_settings(&serde_json::json!({ "output_folder": user.output(), "preset": "quick" }));
    video(&user, "first.mp4");
    let mut display = Display::start();
    display.launch(user.reelpress());
    let window = display.window("^Reelpress");
    wait_for("a window that can be reached", || user.path("home/data/control/socket").exists().then_some(()));
    done(&user, &["pause"]);
    display.minimise(&window);

    let mut second = user.reelpress();
    display.show_on(&mut second);
    second.arg("first.mp4").current_dir(user.path(""));
    let output = crate::support::run(second);
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{words}");
    assert!(words.contains("1 file handed to the window that is open"), "{words}");
    display.window("^Reelpress");
    wait_for("the window in front", || (display.active_window()? == window).then_some(()));
    wait_for("the file in its queue", || (states(&user) == [state("first.mp4", "waiting")]).then_some(()));
    assert_eq!(listed(&user)[0]["preset"], "quick", "the window's settings");
    assert_eq!(user.process_ids_running("reelpress").len(), 1, "the second start has ended");

    done(&user, &["hours", "22:00", "06:00"]);
    assert_eq!(working_hours(&user), "22:00 to 06:00");
    done(&user, &["hours", "--any"]);
    assert_eq!(working_hours(&user), Value::Null);

    // The window does what the terminal asks.
    add(&user, &["--priority", "80", "first.mp4"]);
    assert_eq!(listed(&user)[1]["priority"], 80);
    let first = listed(&user)[0]["short_id"].as_str().unwrap().to_owned();
    done(&user, &["cancel", &first]);
    done(&user, &["resume"]);
    wait_for("the end of the job", || {
        (states(&user) == [state("first.mp4", "cancelled"), state("first.mp4", "done")]).then_some(())
    });
    assert_whole(&user, &user.path("first.mp4"));
}

#[test]
fn a_killed_owner_is_no_obstacle_for_the_next_command() {
    let user = User::new();
    let source = video(&user, "a.mp4");
    let mut display = Display::start();
    display.launch(user.reelpress());
    wait_for("a window that can be reached", || user.path("home/data/control/socket").exists().then_some(()));
    done(&user, &["pause"]);
    add(&user, &["a.mp4"]);
    for process in user.process_ids_running("reelpress") {
        kill_process(process, Signal::KILL).expect("the window runs");
    }
    assert!(user.path("home/data/control/socket").exists(), "what a killed process leaves behind");
    assert_eq!(states(&user), [state("a.mp4", "waiting")]);
    let list: Value = serde_json::from_str(&done(&user, &["list", "--json"])).unwrap();
    assert_eq!(list["paused"], true, "a paused queue stays so");
    let ended = Ended::of(queue(&user, &["run", "--json"]));
    ended.assert_all_done();
    assert_eq!(ended.events_named("job_finished").len(), 1);
    assert_whole(&user, &source);
}

#[test]
fn two_terminals_work_on_one_queue() {
    let user = User::new();
    let long = clips::LANDSCAPE.path();
    let second = video(&user, "second.mp4");
    add(&user, &[long.to_str().unwrap()]);
    let mut running = queue(&user, &["run", "--json"]).stdout(Stdio::piped()).spawn().expect("the program starts");
    let mut lines = BufReader::new(running.stdout.take().expect("it is piped")).lines();
    let mut events = Vec::new();
    let mut next = || -> Value {
        let line = lines.next().expect("an event").expect("text");
        serde_json::from_str(&line).expect("JSON")
    };
    while events.last().is_none_or(|event: &Value| event["event"] != "job_progressed") {
        events.push(next());
    }
    assert_eq!(states(&user), [state("landscape.mp4", "running")]);
    assert_refused(&call(&user, &["remove", "landscape"]), 1, &["is at work"]);
    add(&user, &["second.mp4"]);
    let follower = Ended::of(queue(&user, &["run", "--json"]));
    follower.assert_all_done();
    assert_eq!(follower.events_named("job_finished").len(), 2, "{:#?}", follower.events);
    assert!(follower.stderr.contains("follows it"), "{}", follower.stderr);
    // What it has told meanwhile may be more than a pipe holds.
    lines.for_each(drop);
    assert_eq!(running.wait().expect("it ends").code(), Some(0));
    assert_eq!(states(&user), [state("landscape.mp4", "done"), state("second.mp4", "done")]);
    assert_whole(&user, &second);
}

#[test]
fn a_queue_that_is_interrupted_waits_and_goes_on_at_the_next_run() {
    let user = User::new();
    user.save_settings(&serde_json::json!({ "goes_on_by_itself": false }));
    let unwanted = user.path("unwanted.mp4");
    std::fs::copy(clips::LANDSCAPE.path(), &unwanted).expect("the user's folder can be written");
    add(&user, &[clips::LANDSCAPE.path().to_str().unwrap(), "unwanted.mp4"]);
    let mut run = queue(&user, &["run", "--json", "--jobs", "2"]);
    let mut running = run.stdout(Stdio::piped()).spawn().expect("the program starts");
    let mut lines = BufReader::new(running.stdout.take().expect("it is piped")).lines();
    let begun = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains("job_progressed")));
    assert!(begun.is_some(), "the jobs begin");
    let half = user.stream_of(&unwanted).folder;
    wait_for("a half stream", || half.join("720p/init.mp4").exists().then_some(()));
    kill_process(id_of(&running), Signal::INT).expect("it runs");
    lines.for_each(drop);
    assert_eq!(running.wait().expect("it ends").code(), Some(130));
    assert_eq!(states(&user), [state("landscape.mp4", "interrupted"), state("unwanted.mp4", "interrupted")]);
    assert!(half.exists());
    done(&user, &["remove", "unwanted"]);
    assert!(!half.exists(), "what a removed job has left goes before the command ends");
    done(&user, &["resume"]);
    assert_eq!(states(&user), [state("landscape.mp4", "waiting")], "it goes on although none does by itself");
    Ended::of(queue(&user, &["run", "--json"])).assert_all_done();
    let (frames, complaints) = ffmpeg::decode(&user.stream_of(&clips::LANDSCAPE.path()).whole("720p", &user.path("")));
    assert_eq!((frames, complaints.as_str()), (clips::LANDSCAPE.frames, ""));
}

#[test]
fn jobs_are_changed_by_id_or_by_a_part_of_their_name() {
    let user = User::new();
    for name in ["film one.mp4", "film two.mp4", "talk.mp4"] {
        user.file(name, b"no video");
    }
    let ids = add(&user, &["film one.mp4", "film two.mp4", "talk.mp4"]);
    let id = |line: usize| ids.lines().nth(line).unwrap().split(' ').next().unwrap().to_owned();
    assert_refused(&call(&user, &["cancel", "film"]), 2, &[&id(0), &id(1), "film one.mp4", "film two.mp4"]);
    assert_refused(&call(&user, &["cancel", "zebra"]), 2, &["No job is named “zebra”", "talk.mp4"]);
    done(&user, &["cancel", "one"]);
    assert_refused(&call(&user, &["cancel", &id(0)]), 1, &["has ended already"]);
    done(&user, &["move", "--top", "talk"]);
    let order = [state("film one.mp4", "cancelled"), state("talk.mp4", "waiting"), state("film two.mp4", "waiting")];
    assert_eq!(states(&user), order, "before all that wait");
    let moved = call(&user, &["move", "--bottom", &id(2)]);
    assert!(String::from_utf8_lossy(&moved.stderr).ends_with("talk.mp4 is the last to start\n"), "{moved:?}");
    assert_eq!(states(&user)[2], state("talk.mp4", "waiting"));
    done(&user, &["priority", "70", "two"]);
    let moved = call(&user, &["move", "--top", "talk"]);
    assert!(String::from_utf8_lossy(&moved.stderr).contains("its priority is 70 now (was 50)"), "{moved:?}");
    done(&user, &["priority", "50", "two"]);
    done(&user, &["priority", "50", "talk"]);
    done(&user, &["move", "--to", "1", &id(2)]);
    assert_eq!(states(&user)[0], state("talk.mp4", "waiting"));
    done(&user, &["move", "--to", "3", &id(2)]);

    let run = call(&user, &["run"]);
    assert_refused(&run, 1, &["film two.mp4", "talk.mp4"]);
    assert_refused(&call(&user, &["run"]), 0, &["no job waits in the queue"]);
    let table = done(&user, &["list"]);
    let failed = table.lines().find(|line| line.contains("talk.mp4")).unwrap();
    assert!(failed.contains("failed") && failed.contains("quick") && failed.contains("output"), "{table}");
    assert!(listed(&user)[2]["failure"]["headline"].as_str().is_some_and(|words| failed.contains(words)), "{failed}");
    done(&user, &["retry", "--failed"]);
    let order = [state("film one.mp4", "cancelled"), state("film two.mp4", "waiting"), state("talk.mp4", "waiting")];
    assert_eq!(states(&user), order);
    done(&user, &["remove", "talk"]);
    done(&user, &["clear", "--failed"]);
    assert_eq!(states(&user), [state("film two.mp4", "waiting")]);
}

#[test]
fn the_list_of_the_queue_shows_the_folder_beside_the_buckets() {
    let user = User::new();
    video(&user, "film.mp4");
    let folder = user.path("streams").display().to_string();
    let places = ["--out", "s3://films/a", "--out", "s3://backup/b", "--out", &folder];
    done(&user, &[&["add", "--preset", "quick"], &places[..], &["film.mp4"]].concat());
    let expected = ["s3://films/a", "s3://backup/b", &folder];
    assert_eq!(listed(&user)[0]["destinations"], serde_json::json!(expected));
    let table = String::from_utf8(call(&user, &["list"]).stdout).unwrap();
    assert!(table.contains(&expected.join(", ")), "{table}");
}

#[test]
fn a_damaged_queue_says_so_to_the_first_who_asks() {
    let user = User::new();
    add(&user, &["a.mp4"]);
    add(&user, &["b.mp4"]);
    let journal = AppFolders::under(&user.path("home")).journal_file();
    let mut bytes = std::fs::read(&journal).unwrap();
    bytes[20..80].fill(0x5A);
    std::fs::write(&journal, bytes).unwrap();
    let output = call(&user, &["list"]);
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(errors.contains("The saved queue was damaged") && errors.contains(".damaged-"), "{errors}");
    assert!(text.contains("a.mp4") && text.contains("b.mp4"), "{text}");
}

#[test]
fn a_saved_queue_without_content_says_so() {
    let user = User::new();
    add(&user, &["a.mp4"]);
    let journal = AppFolders::under(&user.path("home")).journal_file();
    std::fs::write(journal, "").unwrap();
    let output = call(&user, &["list"]);
    assert_refused(&output, 0, &["The saved queue was damaged", ".damaged-"]);
    assert!(!String::from_utf8_lossy(&call(&user, &["list"]).stderr).contains("damaged"), "once");
}

#[test]
fn urgent_jobs_start_first_and_later_ones_at_their_time() {
    let user = User::new();
    for name in ["a.mp4", "b.mp4", "c.mp4", "later.mp4"] {
        video(&user, name);
    }
    let start_at = Timestamp::now() + SignedDuration::from_secs(2);
    add(&user, &["--duration", "1", "--priority", "100", "--start-at", &start_at.to_string(), "later.mp4"]);
    let waits_until: Timestamp = listed(&user)[0]["starts_at"].as_str().map_or(start_at, |at| at.parse().unwrap());
    assert_eq!(waits_until, start_at);
    add(&user, &["--duration", "1", "a.mp4"]);
    add(&user, &["--duration", "1", "--priority", "90", "b.mp4"]);
    add(&user, &["--duration", "1", "c.mp4"]);
    done(&user, &["priority", "60", "c"]);
    done(&user, &["start", "--at", "2099-01-01T00:00:00Z", "a.mp4"]);
    assert_eq!(listed(&user)[1]["starts_at"], "2099-01-01T00:00:00Z");
    done(&user, &["start", "a.mp4"]);
    assert_eq!(listed(&user)[1]["starts_at"], Value::Null);
    let ended = Ended::of(queue(&user, &["run", "--json"]));
    assert!(Timestamp::now() >= start_at, "the run waits for the last job");
    ended.assert_all_done();
    let source = |job: &Value| {
        let added = ended.events_named("job_added").into_iter().find(|event| event["job"] == *job).expect("announced");
        Path::new(added["source"].as_str().unwrap()).file_name().unwrap().to_string_lossy().into_owned()
    };
    let order: Vec<String> = ended.events_named("job_started").iter().map(|event| source(&event["job"])).collect();
    let urgent: Vec<&str> = order.iter().map(String::as_str).filter(|name| *name != "later.mp4").collect();
    assert_eq!(urgent, ["b.mp4", "c.mp4", "a.mp4"]);
    assert_eq!(order.len(), 4);
    assert_refused(&call(&user, &["priority", "101", "a.mp4"]), 2, &["0 to 100"]);
    assert_refused(&call(&user, &["start", "--at", "25:00", "a.mp4"]), 2, &["22:00"]);
}

#[test]
fn a_paused_queue_starts_nothing_until_it_is_resumed() {
    let user = User::new();
    let source = video(&user, "a.mp4");
    done(&user, &["pause", "--after-current"]);
    add(&user, &["a.mp4"]);
    let list: Value = serde_json::from_str(&done(&user, &["list", "--json"])).unwrap();
    assert_eq!(list["paused"], true);
    done(&user, &["resume"]);
    assert_eq!(states(&user), [state("a.mp4", "waiting")], "nothing starts by a command that changes the queue");
    Ended::of(queue(&user, &["run", "--json"])).assert_all_done();
    assert_whole(&user, &source);
    done(&user, &["clear"]);
    assert!(listed(&user).is_empty());
}

#[test]
fn working_hours_are_set_from_the_terminal_and_kept() {
    let user = User::new();
    user.save_settings(&serde_json::json!({ "preset": "quick" }));
    assert_eq!(done(&user, &["hours"]), "jobs start at any time\n");
    done(&user, &["hours", "22:00", "6:00"]);
    assert_eq!(done(&user, &["hours"]), "jobs start from 22:00 to 06:00\n");
    let file = reelpress::settings::AppFolders::under(&user.path("home")).settings_file();
    let saved: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!((&saved["preset"], &saved["ffmpeg"]), (&"quick".into(), &Value::Null), "nothing else is changed");
    done(&user, &["hours", "--any"]);
    assert_eq!(working_hours(&user), Value::Null);
    for wrong in [&["hours", "22:00"][..], &["hours", "22:00", "22:00"], &["hours", "1:00", "25:00"]] {
        assert_eq!(call(&user, wrong).status.code(), Some(2), "{wrong:?}");
    }
}

/// What belongs to the user's queue may hold signed addresses and tokens.
#[test]
fn the_queue_its_log_exports_and_reports_are_nobody_elses_and_reports_tell_no_query() {
    use std::os::unix::fs::PermissionsExt;
    let user = User::new();
    video(&user, "film.mp4");
    let keys = user.path("keys").display().to_string();
    let uri = "https://keys.example.org/{id}/{number}.key?auth=VERYSECRET";
    let encrypted = ["--encrypt", "--key-uri", uri, "--key-folder", &keys];
    add(&user, &[&encrypted[..], &["film.mp4"]].concat());
    let data = user.path("home/data");
    for (path, mode) in [(data.clone(), 0o755), (data.join("queue.sqlite"), 0o644)] {
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o077, 0, "{path:?}");
        // As earlier versions have made them.
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }
    done(&user, &["export", "queue.json"]);
    done(&user, &["report", "film", "report.json"]);
    let inside = crate::support::user::files_under(&data).into_iter().map(|path| data.join(path));
    let others = ["queue.json", "report.json", "home/data/logs", "home/data"].map(|name| user.path(name));
    for path in inside.chain(others) {
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o077, 0, "{path:?}");
    }
    let report = std::fs::read_to_string(user.path("report.json")).unwrap();
    assert!(report.contains("https://keys.example.org/{id}/{number}.key?[removed]"), "{report}");
    assert!(!report.contains("VERYSECRET"), "{report}");
    let export = std::fs::read_to_string(user.path("queue.json")).unwrap();
    assert!(export.contains("VERYSECRET"), "what is to be done is whole");
}
