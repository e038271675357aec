//! A user stops what goes to a bucket: it ends soon also when the store has gone, and says what stays there.

use std::{
    ffi::OsString,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use reelpress::job::S3Location;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::runtime::Runtime;

use super::{unfinished_uploads, write};
use crate::support::{
    clips,
    object_store::{ObjectStore, client, new_bucket, shared_endpoint},
    recording_proxy::RecordingProxy,
    user::User,
    wait_for,
};

/// The program ends two seconds after it was asked to on a machine that has nothing else to do; this is far from the
/// fifteen that a store is given which answers.
pub const SOON: Duration = Duration::from_secs(6);

/// A program at work that tells events.
pub struct AtWork {
    child: Child,
    events: mpsc::Receiver<Value>,
}

/// How it ended, and after what time.
pub struct Stopped {
    pub exit_code: Option<i32>,
    pub took: Duration,
    pub told: String,
    pub events: Vec<Value>,
}

impl AtWork {
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, events) = mpsc::channel();
        std::thread::spawn(move || {
            lines
                .map_while(Result::ok)
                .filter_map(|line| serde_json::from_str(&line).ok())
                .all(|event| sender.send(event).is_ok())
        });
        Self { child, events }
    }

    /// Waits until so many files are in the bucket.
    pub fn until_published(self, files: u64) -> Self {
        self.until(|event| event["published_files"].as_u64() >= Some(files))
    }

    /// Waits until it has told of this.
    pub fn until(self, is_reached: impl Fn(&Value) -> bool) -> Self {
        assert!(self.events.iter().any(|event| is_reached(&event)), "it ended before that");
        self
    }

    /// Waits until it has ended by itself; gives the events that were not waited for.
    pub fn end(mut self) -> Stopped {
        let began = Instant::now();
        let events = self.events.iter().collect();
        self.ended(began, events)
    }

    /// Kills it and its encoder at once.
    pub fn kill(mut self, user: &User) {
        for process in ["reelpress", "ffmpeg"].iter().flat_map(|name| user.process_ids_running(name)) {
            // One may have ended with the other.
            let _ = kill_process(process, Signal::KILL);
        }
        self.child.wait().unwrap();
    }

    pub fn interrupt(mut self) -> Stopped {
        let process = Pid::from_child(&self.child);
        let began = Instant::now();
        kill_process(process, Signal::INT).unwrap();
        wait_for("the end of the program", || self.child.try_wait().unwrap());
        let events = self.events.iter().collect();
        self.ended(began, events)
    }

    fn ended(&mut self, began: Instant, events: Vec<Value>) -> Stopped {
        let status = wait_for("the end of the program", || self.child.try_wait().unwrap());
        let took = began.elapsed();
        let mut told = String::new();
        std::io::Read::read_to_string(&mut self.child.stderr.take().unwrap(), &mut told).unwrap();
        println!("it ended after {took:?}");
        Stopped { exit_code: status.code(), took, told, events }
    }
}

fn flags(endpoint: &str) -> Vec<OsString> {
    ["--endpoint", endpoint, "--speed", "ultrafast", "--max-upload", "300k"].map(Into::into).to_vec()
}

fn with(more: &[&str], endpoint: &str) -> Vec<OsString> {
    flags(endpoint).into_iter().chain(more.iter().map(Into::into)).collect()
}

#[test]
fn ctrl_c_ends_soon_when_the_store_is_frozen_and_what_stays_there_is_told() {
    let store = ObjectStore::start();
    let runtime = Runtime::new().unwrap();
    let bucket = new_bucket(&runtime, &store.endpoint).bucket;
    let user = User::new();
    let source = clips::MINUTE.path();
    let place = OsString::from(format!("s3://{bucket}/films"));

    let encode = |more: &[&str]| user.encode_command_to(&place, &with(more, &store.endpoint), &[&source], "quick");
    let running = AtWork::start(encode(&[])).until_published(2);
    store.freeze();
    let stopped = running.interrupt();
    store.thaw();
    assert_eq!(stopped.exit_code, Some(130), "{}", stopped.told);
    assert!(stopped.took < SOON, "{:?}", stopped.took);
    assert!(stopped.told.contains("the same command goes on where it was"), "{}", stopped.told);

    store.freeze();
    let discarded = crate::support::user::Ended::of(encode(&["--discard"]));
    store.thaw();
    assert_eq!(discarded.exit_code, Some(1), "{}", discarded.stderr);
    let headline = format!("A part of the unfinished stream stays in s3://{bucket}/films/minute");
    let notice = discarded.events.iter().find(|event| event["event"] == "noticed").expect("what stays is an event");
    assert_eq!(notice["failure"]["headline"], headline.as_str(), "{notice}");
    // The same in words, for people.
    assert!(discarded.stderr.contains(&headline), "{}", discarded.stderr);
    // It is known still where that is, also without the limit.
    let options = ["--endpoint".into(), store.endpoint.clone().into(), "--discard".into()];
    let again = user.encode_command_to(&place, &options, &[&source], "quick");
    assert_eq!(crate::support::user::Ended::of(again).exit_code, Some(0));
    assert_eq!(count(&runtime, &store.endpoint, &bucket, "films/"), 0);

    let folder = user.path("large");
    write(&folder, "film.mp4", &vec![7; 40 << 20]);
    let mut publish = user.reelpress();
    publish.arg("publish").arg(&folder).arg(&place).args(["--endpoint", &store.endpoint, "--max-upload", "2M"]);
    let publish = AtWork::start(publish);
    let location =
        S3Location { bucket: bucket.clone(), endpoint: Some(store.endpoint.clone()), ..S3Location::default() };
    wait_for("an upload in parts", || (unfinished_uploads(&runtime, &location) > 0).then_some(()));
    store.freeze();
    let stopped = publish.interrupt();
    store.thaw();
    assert_eq!(stopped.exit_code, Some(130), "{}", stopped.told);
    assert!(stopped.took < SOON, "{:?}", stopped.took);
    assert!(stopped.told.contains("what is already in the bucket stays there"), "{}", stopped.told);

    let mut add = user.reelpress();
    add.args(["queue", "add", "--preset", "quick", "--out"]).arg(format!("s3://{bucket}/queue"));
    crate::support::output_of({
        add.args(flags(&store.endpoint)).arg(clips::SMALL.path());
        add
    });
    let run = || {
        let mut run = user.reelpress();
        run.args(["queue", "run", "--json"]);
        run
    };
    let running = AtWork::start(run()).until_published(2);
    store.freeze();
    let stopped = running.interrupt();
    store.thaw();
    assert_eq!(stopped.exit_code, Some(130), "{}", stopped.told);
    assert!(stopped.took < SOON, "{:?}", stopped.took);
    crate::support::user::Ended::of(run()).assert_all_done();
    assert_eq!(count(&runtime, &store.endpoint, &bucket, "queue/small-2"), 0, "it goes on where it was");
}

fn count(runtime: &Runtime, endpoint: &str, bucket: &str, prefix: &str) -> usize {
    let listed = runtime.block_on(client(endpoint).list_objects_v2().bucket(bucket).prefix(prefix).send()).unwrap();
    listed.contents().len()
}

#[test]
fn a_job_that_was_killed_and_is_then_cancelled_leaves_nothing_in_its_bucket() {
    let endpoint = shared_endpoint();
    let runtime = Runtime::new().unwrap();
    let bucket = new_bucket(&runtime, &endpoint).bucket;
    let user = User::new();
    user.save_settings(&serde_json::json!({ "goes_on_by_itself": false }));
    let queue = |arguments: &[&str]| {
        let mut command = user.reelpress();
        command.arg("queue").args(arguments);
        command
    };
    let mut add = queue(&["add", "--preset", "quick", "--out", &format!("s3://{bucket}/films")]);
    add.args(flags(&endpoint)).arg(clips::MINUTE.path());
    crate::support::output_of(add);
    AtWork::start(queue(&["run", "--json"])).until_published(2).kill(&user);
    assert!(count(&runtime, &endpoint, &bucket, "") >= 2);
    crate::support::output_of(queue(&["cancel", "minute"]));
    assert_eq!(count(&runtime, &endpoint, &bucket, ""), 0, "nothing is left of it");
}

/// The store is away when the job goes on after a crash: the job waits for it, and what was encoded is not lost.
#[test]
fn a_killed_job_that_finds_its_store_away_goes_on_where_it_was_when_that_is_back() {
    let mut store = ObjectStore::start();
    let runtime = Runtime::new().unwrap();
    let bucket = new_bucket(&runtime, &store.endpoint).bucket;
    let user = User::new();
    let mut add = user.reelpress();
    add.args(["queue", "add", "--preset", "quick", "--speed", "ultrafast"]);
    add.args(["--out", &format!("s3://{bucket}"), "--endpoint", &store.endpoint]).arg(clips::MINUTE.path());
    crate::support::output_of(add);
    let run = || {
        let mut run = user.reelpress();
        run.args(["queue", "run", "--json"]);
        run
    };
    AtWork::start(run()).until(|event| event["playable_seconds"].as_f64() >= Some(12.0)).kill(&user);
    store.kill();
    AtWork::start(run()).until(|event| event["upload_interruption"].is_string()).kill(&user);
    store.revive();
    let planned = |event: &Value| event["event"] == "job_planned" && event["goes_on_at_seconds"].as_f64() >= Some(12.0);
    AtWork::start(run()).until(planned).kill(&user);
}

/// Between the note that takes the place and the first file.
#[test]
fn who_stops_at_the_first_contact_leaves_nothing_in_the_bucket() {
    let endpoint = shared_endpoint();
    let runtime = Runtime::new().unwrap();
    let user = User::new();
    let folder = user.path("film");
    write(&folder, "film.mp4", &[7; 100]);
    for is_encode in [false, true] {
        let location = new_bucket(&runtime, &endpoint);
        let is_held = Arc::new(AtomicBool::new(true));
        let held = Arc::clone(&is_held);
        let proxy = RecordingProxy::answering(&endpoint, move |head| {
            // Whether it may write is asked for after the note.
            while head.starts_with("POST ") && head.contains("?uploads") && held.load(Ordering::Acquire) {
                std::thread::sleep(Duration::from_millis(10));
            }
            None
        });
        let place = format!("s3://{}/films", location.bucket);
        let command = if is_encode {
            user.encode_command_to(place.as_ref(), &flags(&proxy.endpoint), &[&clips::MINUTE.path()], "quick")
        } else {
            let mut publish = user.reelpress();
            publish.arg("publish").arg(&folder).args([&place, "--endpoint", &proxy.endpoint]);
            publish
        };
        let running = AtWork::start(command);
        wait_for("the question whether it may write", || (!proxy.heads("POST").is_empty()).then_some(()));
        assert_eq!(count(&runtime, &endpoint, &location.bucket, ""), 1, "the note is there");
        let stopped = running.interrupt();
        is_held.store(false, Ordering::Release);
        assert_eq!(stopped.exit_code, Some(130), "{}", stopped.told);
        assert!(stopped.took < SOON, "{:?}", stopped.took);
        assert_eq!(count(&runtime, &endpoint, &location.bucket, ""), 0, "encode: {is_encode}");
    }
}

#[test]
fn the_name_of_a_discarded_stream_is_free_again() {
    let endpoint = shared_endpoint();
    let runtime = Runtime::new().unwrap();
    let bucket = new_bucket(&runtime, &endpoint).bucket;
    let user = User::new();
    let place = OsString::from(format!("s3://{bucket}/films"));
    let source = clips::MINUTE.path();
    let encode = |more: &[&str]| user.encode_command_to(&place, &with(more, &endpoint), &[&source], "quick");
    let stopped = AtWork::start(encode(&[])).until_published(2).interrupt();
    assert_eq!(stopped.exit_code, Some(130), "{}", stopped.told);
    assert!(count(&runtime, &endpoint, &bucket, "films/minute/") > 0);
    let discarded = crate::support::user::Ended::of(encode(&["--discard"]));
    assert_eq!(discarded.exit_code, Some(0), "{}", discarded.stderr);
    assert_eq!(count(&runtime, &endpoint, &bucket, ""), 0);
    let encode = AtWork::start(encode(&[])).until_published(1);
    let (plain, numbered) =
        ["films/minute/", "films/minute-"].map(|prefix| count(&runtime, &endpoint, &bucket, prefix)).into();
    let stopped = encode.interrupt();
    assert!(plain > 0 && numbered == 0, "{plain} and {numbered} objects");
    assert_eq!(stopped.exit_code, Some(130), "{}", stopped.told);
}
