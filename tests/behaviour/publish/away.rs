//! A store that is away or has too much to do before anything of a stream is there.

use std::{ffi::OsString, net::TcpListener};

use super::{stopping::AtWork, *};
use crate::support::{
    clips,
    object_store::{ObjectStore, shared_endpoint},
    user::{User, files_under},
};

/// More than the first contact asks in one go, twice over.
const REFUSALS: usize = 8;

fn is_waiting(event: &serde_json::Value) -> bool {
    event["upload_interruption"].is_string()
}

/// An address at which nobody listens.
fn closed_address() -> String {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().to_string()
}

#[test]
fn an_encode_whose_store_is_away_at_its_start_waits_for_it_and_publishes_by_itself() {
    let mut store = ObjectStore::start();
    let runtime = Runtime::new().unwrap();
    let location = new_bucket(&runtime, &store.endpoint);
    let user = User::new();
    store.kill();
    let place = OsString::from(format!("s3://{}/films", location.bucket));
    let flags: [OsString; 2] = ["--endpoint".into(), store.endpoint.clone().into()];
    let encode = user.encode_command_to(&place, &flags, &[&clips::MINUTE.path()], "quick");
    let encode = AtWork::start(encode);
    // The encode goes on meanwhile.
    let encode = encode.until(|event| is_waiting(event) && event["playable_seconds"].as_f64() > Some(6.0));
    store.revive();
    let ended = encode.end();
    assert_eq!(ended.exit_code, Some(0), "{}\n{:#?}", ended.told, ended.events.last());
    let names: Vec<String> = objects(&runtime, &location).into_keys().collect();
    assert!(names.contains(&"films/minute/master.m3u8".to_owned()), "{names:?}");
    assert!(names.iter().all(|name| name.starts_with("films/minute/")), "nothing else is there: {names:?}");
    assert!(ended.events.iter().all(|event| event["event"] != "job_retry_planned"), "no try has failed");
}

#[test]
fn a_job_of_the_queue_says_that_it_waits_for_its_store_and_goes_on_when_that_has_time() {
    let endpoint = shared_endpoint();
    let runtime = Runtime::new().unwrap();
    let is_busy = Arc::new(AtomicBool::new(true));
    let proxy = {
        let is_busy = Arc::clone(&is_busy);
        RecordingProxy::answering(&endpoint, move |_| {
            is_busy.load(Ordering::Acquire).then(|| refusal(503, "SlowDown", "Please reduce your request rate."))
        })
    };
    let location = new_bucket(&runtime, &endpoint);
    let user = User::new();
    let mut add = user.reelpress();
    add.args(["queue", "add", "--preset", "quick", "--out", &format!("s3://{}/a", location.bucket)]);
    add.args(["--endpoint", &proxy.endpoint]).arg(clips::SMALL.path());
    crate::support::output_of(add);
    // It does not hold up the next one.
    let mut next = user.reelpress();
    next.args(["queue", "add", "--preset", "quick", "--out"]).arg(user.output()).arg(clips::SMALL.path());
    crate::support::output_of(next);
    let mut run = user.reelpress();
    run.args(["queue", "run", "--json"]);
    let run = AtWork::start(run).until(|event| is_waiting(event) && event["stage"] == "publish");
    let run = run.until(|event| event["event"] == "job_finished");
    is_busy.store(false, Ordering::Release);
    let ended = run.end();
    assert_eq!(ended.exit_code, Some(0), "{}\n{:#?}", ended.told, ended.events.last());
    assert!(objects(&runtime, &location).contains_key("a/small/master.m3u8"));
}

#[test]
fn a_terminal_without_bars_says_that_an_encode_waits_for_its_store() {
    let user = User::new();
    let closed = closed_address();
    let mut encode = user.reelpress();
    encode.args(["encode", "--preset", "quick", "--out", "s3://films/new", "--endpoint", &format!("http://{closed}")]);
    encode.arg(clips::SMALL.path());
    let mut child = encode.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
    let told = lines.map_while(Result::ok).find(|line| line.contains(&closed)).expect("it says why it waits");
    assert!(told.contains("No connection") && told.contains("goes on by itself"), "{told}");
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn a_folder_gets_its_stream_beside_a_store_that_is_away_and_keeps_it_when_the_rest_is_cancelled() {
    let user = User::new();
    let endpoint = format!("http://{}", closed_address());
    let queue = |arguments: &[&str]| {
        let mut command = user.reelpress();
        command.arg("queue").args(arguments);
        command
    };
    let mut add = queue(&["add", "--preset", "quick", "--out", "s3://films/new", "--endpoint", &endpoint, "--out"]);
    add.arg(user.output()).arg(clips::SMALL.path());
    crate::support::output_of(add);
    let run = AtWork::start(queue(&["run", "--json"]));
    let run = run.until(|event| is_waiting(event) && event["stage"] == "publish");
    crate::support::output_of(queue(&["cancel", "small"]));
    let stopped = run.end();
    assert!(stopped.events.iter().any(|event| event["event"] == "job_cancelled"), "{:#?}", stopped.events);
    let playlist = user.stream_of(&clips::SMALL.path()).media_playlist("180p", "playlist.m3u8");
    assert!(playlist.end_list);
    let files = files_under(&user.output().join("small"));
    assert!(!files.iter().any(|file| file.contains(".reelpress-")), "{files:?}");
}

#[test]
fn a_bucket_that_is_whole_is_known_after_an_interrupt_while_another_store_is_away() {
    let endpoint = shared_endpoint();
    let runtime = Runtime::new().unwrap();
    let location = new_bucket(&runtime, &endpoint);
    let user = User::new();
    let place = OsString::from(format!("s3://{}/films", location.bucket));
    let away = format!("s3://backup/films?endpoint=http://{}&region=us-east-1", closed_address());
    let encode = |more: &[&str]| {
        let flags = ["--endpoint", &endpoint, "--out", &away].into_iter().chain(more.iter().copied());
        let flags: Vec<OsString> = flags.map(Into::into).collect();
        user.encode_command_to(&place, &flags, &[&clips::SMALL.path()], "quick")
    };
    let is_there = || objects(&runtime, &location).contains_key("films/small/master.m3u8");
    for _ in 0..2 {
        let running = AtWork::start(encode(&[])).until(|event| is_waiting(event) && event["stage"] == "publish");
        wait_for("a whole stream in the other bucket", || is_there().then_some(()));
        // It is noted as whole a moment later.
        let running = running.until(|event| event["uploads"][0]["is_whole"] == true);
        let stopped = running.interrupt();
        assert_eq!(stopped.exit_code, Some(130), "{}", stopped.told);
        let names = objects(&runtime, &location);
        assert!(names.keys().all(|name| name.starts_with("films/small/")), "no second one: {names:?}");
    }
    let discarded = crate::support::user::Ended::of(encode(&["--discard"]));
    assert_eq!(discarded.exit_code, Some(0), "{}", discarded.stderr);
    // It stays there, as when the rest is cancelled.
    assert!(is_there() && discarded.stderr.contains("stays; delete it there"), "{}", discarded.stderr);
}

#[test]
fn publish_waits_for_a_store_that_has_too_much_to_do_at_first() {
    let endpoint = shared_endpoint();
    let runtime = Runtime::new().unwrap();
    let user = User::new();
    let folder = user.path("film");
    write_stream(&folder);
    let refused = AtomicUsize::new(0);
    let proxy = RecordingProxy::answering(&endpoint, move |_| {
        let number = refused.fetch_add(1, Ordering::AcqRel);
        match number % 2 {
            _ if number >= REFUSALS => None,
            0 => Some(refusal(503, "SlowDown", "Please reduce your request rate.")),
            _ => Some(refusal(500, "InternalError", "We encountered an internal error. Please try again.")),
        }
    });
    let location = new_bucket(&runtime, &endpoint);
    let mut publish = user.reelpress();
    publish.arg("publish").arg(&folder).arg(format!("s3://{}", location.bucket)).args(["--endpoint", &proxy.endpoint]);
    let output = crate::support::run(publish);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert!(told.contains("can't take requests now: ") && told.contains("; goes on by itself"), "{told}");
    assert_eq!(objects(&runtime, &location).len(), 12);
}

#[test]
fn publish_gives_up_a_store_that_refuses_for_ever_and_the_same_command_goes_on_later() {
    let endpoint = shared_endpoint();
    let runtime = Runtime::new().unwrap();
    let user = User::new();
    let folder = user.path("film");
    write_stream(&folder);
    let is_busy = Arc::new(AtomicBool::new(true));
    let proxy = {
        let is_busy = Arc::clone(&is_busy);
        RecordingProxy::answering(&endpoint, move |_| {
            is_busy.load(Ordering::Acquire).then(|| refusal(503, "SlowDown", "Please reduce your request rate."))
        })
    };
    let location = new_bucket(&runtime, &endpoint);
    let publish = || {
        let mut publish = user.reelpress();
        publish.arg("publish").arg(&folder).arg(format!("s3://{}", location.bucket));
        publish.args(["--endpoint", &proxy.endpoint]);
        crate::support::run(publish)
    };
    let output = publish();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("can't take requests now") && told.contains("the same command sends"), "{told}");
    is_busy.store(false, Ordering::Release);
    let output = publish();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(objects(&runtime, &location).len(), 12);
}

#[test]
fn who_stops_an_encode_whose_store_is_away_hears_of_no_other_trouble() {
    let endpoint = shared_endpoint();
    let runtime = Runtime::new().unwrap();
    let location = new_bucket(&runtime, &endpoint);
    let user = User::new();
    let place = OsString::from(format!("s3://{}/films", location.bucket));
    let away = format!("s3://backup/films?endpoint=http://{}&region=us-east-1", closed_address());
    let flags = ["--endpoint", &endpoint, "--out", &away, "--max-upload", "300k"].map(OsString::from);
    for (stage, source) in [("encode", clips::MINUTE.path()), ("publish", clips::SMALL.path())] {
        let encode = user.encode_command_to(&place, &flags, &[&source], "quick");
        let running = AtWork::start(encode).until(|event| is_waiting(event) && event["stage"] == stage);
        let stopped = running.interrupt();
        assert_eq!(stopped.exit_code, Some(130), "{}", stopped.told);
        let last = &stopped.events[stopped.events.len() - 2..];
        assert!(last[0]["event"] == "job_interrupted" && last[1]["event"] == "interrupted", "{last:?}");
        let trouble = stopped.events.iter().flat_map(|event| event["uploads"].as_array().into_iter().flatten());
        let trouble: Vec<&str> = trouble.filter_map(|upload| upload["trouble"].as_str()).collect();
        assert!(trouble.iter().all(|trouble| trouble.contains("No connection")), "{trouble:?}");
    }
}

#[test]
fn publish_says_soon_that_nobody_answers_at_an_address() {
    let user = User::new();
    let folder = user.path("film");
    write_stream(&folder);
    let closed = closed_address();
    let mut publish = user.reelpress();
    publish.arg("publish").arg(&folder).arg("s3://films").args(["--endpoint", &format!("http://{closed}")]);
    let output = crate::support::run(publish);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains(&format!("No connection to s3://films at http://{closed}")), "{told}");
}
